  ;; The handle that was released as the one of this index, from 0; 0 if there were not so many.
  (func $released_at (export "released_at") (param $index i32) (result i32)
    (local $at i32)
    (local.set $at (i32.add (call $peek (i32.const 36)) (i32.mul (local.get $index) (i32.const 12))))
    (if (i32.ge_u (local.get $at) (call $peek (i32.const 24))) (then (return (i32.const 0))))
    (call $peek (i32.add (local.get $at) (i32.const 8))))
  ;; How often this handle was released with this kind.
  (func (export "released") (param $kind i32) (param $handle i32) (result i32)
    (local $at i32) (local $count i32)
    (local.set $at (call $peek (i32.const 36)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (call $peek (i32.const 24))))
        (if (i32.eq (call $peek (i32.add (local.get $at) (i32.const 4))) (local.get $kind))
          (then
            (if (i32.eq (call $peek (i32.add (local.get $at) (i32.const 8))) (local.get $handle))
              (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 12)))
        (br $next)))
    (local.get $count))
