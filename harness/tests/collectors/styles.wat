;; A mark-sweep collector, right as it stands. `ROOTS` and `EXPORTS` are filled in: how roots are kept, and what it is called by.
;;
;; A block is 24 bytes and a payload, in multiples of 8:
;;   -24 bytes of payload that the block has   -20 type   -16 mark (1), or free (2)
;;   -12 the next grey or free one             -8 pins    -4 bytes that were asked for
;; Type 0 has no pointers, 1 nothing but pointers, n + 2 the first n words.
(module
  (memory (export "memory") 1)
  (global $start i32 (i32.const 4096))
  (global $end (mut i32) (i32.const 4096))
  (global $free (mut i32) (i32.const 0))
  (global $grey (mut i32) (i32.const 0))
  (global $held (mut i32) (i32.const 64))

  (func $make (param $size i32) (param $type i32) (result i32)
    (local $object i32) (local $last i32) (local $stride i32) (local $again i32)
    (if (i32.gt_u (local.get $size) (i32.const 0x3fffffff)) (then (unreachable)))
    (local.set $stride (i32.and (i32.add (local.get $size) (i32.const 31)) (i32.const -8)))
    (block $made
      (loop $retry
        (local.set $last (i32.const 0))
        (local.set $object (global.get $free))
        (block $none
          (loop $next
            (br_if $none (i32.eqz (local.get $object)))
            (if (i32.ge_u (i32.load (i32.sub (local.get $object) (i32.const 24))) (local.get $size))
              (then
                (if (local.get $last)
                  (then (i32.store (i32.sub (local.get $last) (i32.const 12)) (i32.load (i32.sub (local.get $object) (i32.const 12)))))
                  (else (global.set $free (i32.load (i32.sub (local.get $object) (i32.const 12))))))
                (br $made)))
            (local.set $last (local.get $object))
            (local.set $object (i32.load (i32.sub (local.get $object) (i32.const 12))))
            (br $next)))
        (if (i32.gt_u (i32.add (global.get $end) (local.get $stride)) (i32.shl (memory.size) (i32.const 16)))
          (then
            (if (i32.eqz (local.get $again))
              (then (call $collect) (local.set $again (i32.const 1)) (br $retry)))
            (if (i32.eq (i32.const -1) (memory.grow (i32.sub (i32.shr_u (i32.add (i32.add (global.get $end) (local.get $stride)) (i32.const 65535)) (i32.const 16)) (memory.size))))
              (then (unreachable))))))
      (local.set $object (i32.add (global.get $end) (i32.const 24)))
      (i32.store (global.get $end) (i32.sub (local.get $stride) (i32.const 24)))
      (global.set $end (i32.add (global.get $end) (local.get $stride))))
    (i32.store (i32.sub (local.get $object) (i32.const 20)) (local.get $type))
    (i32.store (i32.sub (local.get $object) (i32.const 16)) (i32.const 0))
    (i32.store (i32.sub (local.get $object) (i32.const 8)) (i32.const 0))
    (i32.store (i32.sub (local.get $object) (i32.const 4)) (local.get $size))
    (local.get $object))

  (func $visit (param $object i32)
    (if (i32.eqz (local.get $object)) (then (return)))
    (if (i32.load (i32.sub (local.get $object) (i32.const 16))) (then (return)))
    (i32.store (i32.sub (local.get $object) (i32.const 16)) (i32.const 1))
    (i32.store (i32.sub (local.get $object) (i32.const 12)) (global.get $grey))
    (global.set $grey (local.get $object)))

  (func $pointers (param $object i32) (result i32)
    (local $type i32)
    (local.set $type (i32.load (i32.sub (local.get $object) (i32.const 20))))
    (if (i32.eq (local.get $type) (i32.const 1))
      (then (return (i32.shr_u (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const 2)))))
    (if (i32.eqz (local.get $type)) (then (return (i32.const 0))))
    (i32.sub (local.get $type) (i32.const 2)))

  (func $trace (param $object i32)
    (local $i i32) (local $n i32)
    (local.set $n (call $pointers (local.get $object)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (call $visit (i32.load (i32.add (local.get $object) (i32.shl (local.get $i) (i32.const 2)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  (func $collect
    (local $object i32) (local $at i32)
    (call $roots)
    (block $white
      (loop $next
        (br_if $white (i32.eqz (global.get $grey)))
        (local.set $object (global.get $grey))
        (global.set $grey (i32.load (i32.sub (local.get $object) (i32.const 12))))
        (call $trace (local.get $object))
        (br $next)))
    (local.set $at (global.get $start))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (global.get $end)))
        (local.set $object (i32.add (local.get $at) (i32.const 24)))
        (if (i32.eq (i32.load (i32.sub (local.get $object) (i32.const 16))) (i32.const 1))
          (then (i32.store (i32.sub (local.get $object) (i32.const 16)) (i32.const 0)))
          (else
            (if (i32.eqz (i32.load (i32.sub (local.get $object) (i32.const 16))))
              (then
                (i32.store (i32.sub (local.get $object) (i32.const 16)) (i32.const 2))
                (i32.store (i32.sub (local.get $object) (i32.const 12)) (global.get $free))
                (global.set $free (local.get $object))))))
        (local.set $at (i32.add (local.get $object) (i32.load (local.get $at))))
        (br $next))))

  ;; Visits what is held in words from 64 up to $held.
  (func $held_words
    (local $at i32)
    (local.set $at (i32.const 64))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (global.get $held)))
        (call $visit (i32.load (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $next))))

  ;; Visits what is pinned.
  (func $pinned
    (local $at i32)
    (local.set $at (global.get $start))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (global.get $end)))
        (if (i32.load offset=16 (local.get $at))
          (then (call $visit (i32.add (local.get $at) (i32.const 24)))))
        (local.set $at (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load (local.get $at))))
        (br $next))))

;; ROOTS
;; EXPORTS
)
