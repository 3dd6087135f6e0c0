  ;; ---------------------------------------------------------------------------------------------------------------
  ;; The host's side of a wrap table: a log of releases in the mutator's memory, apart from the main log, whose indices must not
  ;; shift when a collector keeps more than it must.
  ;;
  ;;   24 cursor: address of the next entry          32 releases so far, those without room included
  ;;   28 end of the room for entries                36 address of the first entry
  ;;
  ;; An entry is three words: step (pc), kind, handle. What does not fit is counted only, so that no collector writes beyond.
  (func $host_decref_handle (export "host_decref_handle") (param $kind i32) (param $handle i32)
    (local $at i32)
    (call $poke (i32.const 32) (i32.add (call $peek (i32.const 32)) (i32.const 1)))
    (local.set $at (call $peek (i32.const 24)))
    (if (i32.lt_u (local.get $at) (call $peek (i32.const 28)))
      (then
        (call $poke (local.get $at) (call $peek (i32.const 0)))
        (call $poke (i32.add (local.get $at) (i32.const 4)) (local.get $kind))
        (call $poke (i32.add (local.get $at) (i32.const 8)) (local.get $handle))
        (call $poke (i32.const 24) (i32.add (local.get $at) (i32.const 12))))))
