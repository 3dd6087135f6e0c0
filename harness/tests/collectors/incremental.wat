;; An incremental tri-colour collector: marking and sweeping go on in steps, each allocation makes one, and a barrier shades what is stored into a
;; black object meanwhile.
;;
;; 1 024  the roots, a stack of 200 words that calls push and pop
;; 2 048  the free lists, a word for each class of 16 << class bytes
;; 4 096  the heap
;;
;; 16 bytes stand before an object: the next grey object, the next of all objects, the number of pointers, which are its first words, its colour
;; and its class, a byte each. Two colours take turns at being white; 3 is grey. Marking begins with the roots and ends when nothing is grey after
;; the roots were read again; then what was white is swept from the list of all objects into its free list. Objects are black from the start while
;; marking goes on. Payloads are zero; requests above 8 MiB trap; a cycle begins after 60 000 bytes of allocations, and one is made whole where
;; there is no memory.
(module
  (memory (export "memory") 1 64)
  (global $roots i32 (i32.const 1024))
  (global $lists i32 (i32.const 2048))
  (global $heap i32 (i32.const 4096))
  (global $end (export "end") (mut i32) (i32.const 4096))
  (global $depth (mut i32) (i32.const 0))
  (global $objects (mut i32) (i32.const 0))
  (global $grey (mut i32) (i32.const 0))
  (global $white (mut i32) (i32.const 1))
  ;; 0 between cycles, 1 marking, 2 sweeping.
  (global $phase (mut i32) (i32.const 0))
  ;; While sweeping: the object to look at next, and the one before it that stays.
  (global $cursor (mut i32) (i32.const 0))
  (global $before (mut i32) (i32.const 0))
  (global $allocated (mut i32) (i32.const 0))

  (func $push_root (export "push_root") (param $value i32)
    (i32.store (i32.add (global.get $roots) (i32.shl (global.get $depth) (i32.const 2))) (local.get $value))
    (global.set $depth (i32.add (global.get $depth) (i32.const 1))))

  (func $pop_roots (export "pop_roots") (param $count i32)
    (global.set $depth (i32.sub (global.get $depth) (local.get $count))))

  (func $set_root (export "set_root") (param $index i32) (param $value i32)
    (i32.store (i32.add (global.get $roots) (i32.shl (local.get $index) (i32.const 2))) (local.get $value)))

  ;; Makes a white object grey.
  (func $shade (param $object i32)
    (if (i32.eqz (local.get $object)) (then (return)))
    (if (i32.ne (i32.load8_u (i32.sub (local.get $object) (i32.const 4))) (global.get $white)) (then (return)))
    (i32.store8 (i32.sub (local.get $object) (i32.const 4)) (i32.const 3))
    (i32.store (i32.sub (local.get $object) (i32.const 16)) (global.get $grey))
    (global.set $grey (local.get $object)))

  ;; Makes a grey object black.
  (func $scan (param $object i32)
    (local $left i32)
    (i32.store8 (i32.sub (local.get $object) (i32.const 4)) (i32.sub (i32.const 3) (global.get $white)))
    (local.set $left (i32.load (i32.sub (local.get $object) (i32.const 8))))
    (loop $next
      (if (local.get $left)
        (then
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (call $shade (i32.load (i32.add (local.get $object) (i32.shl (local.get $left) (i32.const 2)))))
          (br $next)))))

  ;; Scans the grey object that was shaded last.
  (func $scan_one
    (local $object i32)
    (local.set $object (global.get $grey))
    (global.set $grey (i32.load (i32.sub (local.get $object) (i32.const 16))))
    (call $scan (local.get $object)))

  (func $shade_roots
    (local $index i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (global.get $depth))
        (then
          (call $shade (i32.load (i32.add (global.get $roots) (i32.shl (local.get $index) (i32.const 2)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next)))))

  (func $start
    (global.set $phase (i32.const 1))
    (global.set $allocated (i32.const 0))
    (call $shade_roots))

  ;; Ends marking: roots have no barrier.
  (func $finish_marking
    (call $shade_roots)
    (loop $next
      (if (global.get $grey)
        (then
          (call $scan_one)
          (br $next))))
    (global.set $phase (i32.const 2))
    (global.set $cursor (global.get $objects))
    (global.set $before (i32.const 0))
    (global.set $white (i32.sub (i32.const 3) (global.get $white))))

  ;; The smallest class with room for so many bytes.
  (func $class_of (param $size i32) (result i32)
    (local $kind i32)
    (loop $next
      (if (i32.lt_u (i32.shl (i32.const 16) (local.get $kind)) (local.get $size))
        (then
          (local.set $kind (i32.add (local.get $kind) (i32.const 1)))
          (br $next))))
    (local.get $kind))

  ;; What was white when marking ended has the other colour now.
  (func $sweep_one
    (local $object i32) (local $list i32)
    (local.set $object (global.get $cursor))
    (global.set $cursor (i32.load (i32.sub (local.get $object) (i32.const 12))))
    (if (i32.eq (i32.load8_u (i32.sub (local.get $object) (i32.const 4))) (global.get $white))
      (then
        (global.set $before (local.get $object))
        (return)))
    (if (global.get $before)
      (then (i32.store (i32.sub (global.get $before) (i32.const 12)) (global.get $cursor)))
      (else (global.set $objects (global.get $cursor))))
    (local.set $list
      (i32.add (global.get $lists) (i32.shl (i32.load8_u (i32.sub (local.get $object) (i32.const 3))) (i32.const 2))))
    (i32.store (i32.sub (local.get $object) (i32.const 12)) (i32.load (local.get $list)))
    (i32.store (local.get $list) (local.get $object)))

  (func $step (export "step") (param $work i32)
    (if (i32.eqz (global.get $phase))
      (then
        (call $start)
        (return)))
    (loop $next
      (if (local.get $work)
        (then
          (local.set $work (i32.sub (local.get $work) (i32.const 1)))
          (if (i32.eq (global.get $phase) (i32.const 1))
            (then (if (global.get $grey) (then (call $scan_one)) (else (call $finish_marking))))
            (else
              (if (i32.eqz (global.get $cursor))
                (then
                  (global.set $phase (i32.const 0))
                  (return)))
              (call $sweep_one)))
          (br $next)))))

  (func $finish
    (loop $next
      (if (global.get $phase)
        (then
          (call $step (i32.const 100))
          (br $next)))))

  (func $collect (export "collect")
    (call $finish)
    (call $start)
    (call $finish))

  ;; Writes a pointer field.
  (func $write (export "write") (param $object i32) (param $index i32) (param $value i32)
    (i32.store (i32.add (local.get $object) (i32.shl (local.get $index) (i32.const 2))) (local.get $value))
    (if (i32.eq (global.get $phase) (i32.const 1))
      (then
        (if
          (i32.eq (i32.load8_u (i32.sub (local.get $object) (i32.const 4)))
            (i32.sub (i32.const 3) (global.get $white)))
          (then (call $shade (local.get $value)))))))

  ;; Room for an object of so many bytes, from its free list or at the heap's end; 0 if there is none.
  (func $take (param $size i32) (result i32)
    (local $kind i32) (local $list i32) (local $object i32) (local $bytes i32) (local $room i32)
    (local.set $kind (call $class_of (local.get $size)))
    (local.set $list (i32.add (global.get $lists) (i32.shl (local.get $kind) (i32.const 2))))
    (local.set $object (i32.load (local.get $list)))
    (if (local.get $object)
      (then
        (i32.store (local.get $list) (i32.load (i32.sub (local.get $object) (i32.const 12))))
        (return (local.get $object))))
    (local.set $bytes (i32.add (i32.shl (i32.const 16) (local.get $kind)) (i32.const 16)))
    (local.set $room (i32.sub (i32.shl (memory.size) (i32.const 16)) (global.get $end)))
    (if (i32.gt_u (local.get $bytes) (local.get $room))
      (then
        (if
          (i32.eq
            (memory.grow
              (i32.shr_u (i32.add (i32.sub (local.get $bytes) (local.get $room)) (i32.const 65535)) (i32.const 16)))
            (i32.const -1))
          (then (return (i32.const 0))))))
    (local.set $object (i32.add (global.get $end) (i32.const 16)))
    (global.set $end (i32.add (global.get $end) (local.get $bytes)))
    (i32.store8 (i32.sub (local.get $object) (i32.const 3)) (local.get $kind))
    (local.get $object))

  (func $alloc (export "alloc") (param $size i32) (param $pointers i32) (result i32)
    (local $object i32)
    (if (i32.gt_u (local.get $size) (i32.const 0x800000)) (then (unreachable)))
    (global.set $allocated (i32.add (global.get $allocated) (i32.add (local.get $size) (i32.const 32))))
    (if (global.get $phase)
      (then (call $step (i32.add (i32.const 20) (i32.shr_u (local.get $size) (i32.const 6)))))
      (else (if (i32.gt_u (global.get $allocated) (i32.const 60000)) (then (call $start)))))
    (local.set $object (call $take (local.get $size)))
    (if (i32.eqz (local.get $object))
      (then
        (call $collect)
        (local.set $object (call $take (local.get $size)))
        (if (i32.eqz (local.get $object)) (then (unreachable)))))
    (memory.fill (local.get $object) (i32.const 0) (local.get $size))
    (i32.store (i32.sub (local.get $object) (i32.const 8)) (local.get $pointers))
    (i32.store (i32.sub (local.get $object) (i32.const 12)) (global.get $objects))
    (i32.store8 (i32.sub (local.get $object) (i32.const 4)) (global.get $white))
    (if (i32.eq (global.get $phase) (i32.const 1))
      (then (i32.store8 (i32.sub (local.get $object) (i32.const 4)) (i32.sub (i32.const 3) (global.get $white)))))
    ;; The sweep has not gone past it.
    (if
      (if (result i32) (i32.eq (global.get $phase) (i32.const 2))
        (then (i32.eq (global.get $cursor) (global.get $objects)))
        (else (i32.const 0)))
      (then (global.set $before (local.get $object))))
    (global.set $objects (local.get $object))
    (local.get $object)))
