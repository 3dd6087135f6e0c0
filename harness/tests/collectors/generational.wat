;; A generational collector whose generations are marks: an object that has survived a collection is old, stays where it is, and stays marked
;; until the next full collection. Blocks are freed when allocation comes to them.
;;
;; 1 024  the roots, a table of 100 words
;; 2 048  the remembered set: old objects into which a pointer to a young one was stored
;; 2 304  the mark stack
;; 4 096  the heap
;;
;; A block is two words, its bytes and `pointers << 4 | remembered 2 | marked 1`, and then the payload, whose first words the pointers are. A
;; minor collection marks what the roots and the remembered set lead to, and looks no further where an object is old; a full one takes all marks
;; away first. After either, a cursor goes through the heap again: what it finds unmarked is free, neighbours are joined, and what is too much is
;; split off. Where the remembered set has no room, the next collection is full. A mark stack that is full leaves the object marked and its
;; pointers unread; then those of all that is marked are read again. Payloads are zero; requests above 8 MiB trap; after 50 000 bytes of
;; allocations there is a collection, of five the last a full one, and where memory cannot grow a full one.
(module
  (memory (export "memory") 1 64)
  (global $roots i32 (i32.const 1024))
  (global $remembered i32 (i32.const 2048))
  (global $remembered_end i32 (i32.const 2304))
  (global $mark_stack i32 (i32.const 2304))
  (global $mark_stack_end i32 (i32.const 3328))
  (global $heap i32 (i32.const 4096))
  (global $end (export "end") (mut i32) (i32.const 4096))
  (global $cursor (mut i32) (i32.const 4096))
  (global $remembered_top (mut i32) (i32.const 2048))
  (global $forgot (mut i32) (i32.const 0))
  (global $mark_top (mut i32) (i32.const 2304))
  (global $overflowed (mut i32) (i32.const 0))
  (global $allocated (mut i32) (i32.const 0))
  (global $minors (mut i32) (i32.const 0))
  (global $collections (mut i32) (i32.const 0))

  ;; Marks an object, if it is one that is not marked.
  (func $push (param $object i32)
    (if (i32.eqz (local.get $object)) (then (return)))
    (if (i32.and (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const 1)) (then (return)))
    (i32.store (i32.sub (local.get $object) (i32.const 4))
      (i32.or (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const 1)))
    (if (i32.eq (global.get $mark_top) (global.get $mark_stack_end))
      (then
        (global.set $overflowed (i32.const 1))
        (return)))
    (i32.store (global.get $mark_top) (local.get $object))
    (global.set $mark_top (i32.add (global.get $mark_top) (i32.const 4))))

  ;; Pushes what an object's pointers lead to.
  (func $scan (param $object i32)
    (local $left i32)
    (local.set $left (i32.shr_u (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const 4)))
    (loop $next
      (if (local.get $left)
        (then
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (call $push (i32.load (i32.add (local.get $object) (i32.shl (local.get $left) (i32.const 2)))))
          (br $next)))))

  (func $drain
    (loop $next
      (if (i32.gt_u (global.get $mark_top) (global.get $mark_stack))
        (then
          (global.set $mark_top (i32.sub (global.get $mark_top) (i32.const 4)))
          (call $scan (i32.load (global.get $mark_top)))
          (br $next)))))

  ;; Marks what the roots lead to.
  (func $mark
    (local $index i32) (local $block i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (i32.const 100))
        (then
          (call $push (i32.load (i32.add (global.get $roots) (i32.shl (local.get $index) (i32.const 2)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (call $drain)
    (loop $next
      (if (global.get $overflowed)
        (then
          (global.set $overflowed (i32.const 0))
          (local.set $block (global.get $heap))
          (loop $inner
            (if (i32.lt_u (local.get $block) (global.get $end))
              (then
                (if (i32.and (i32.load offset=4 (local.get $block)) (i32.const 1))
                  (then
                    (call $scan (i32.add (local.get $block) (i32.const 8)))
                    (call $drain)))
                (local.set $block (i32.add (local.get $block) (i32.load (local.get $block))))
                (br $inner))))
          (br $next)))))

  ;; Forgets the remembered set, and begins to free.
  (func $reset
    (local $object i32)
    (loop $next
      (if (i32.gt_u (global.get $remembered_top) (global.get $remembered))
        (then
          (global.set $remembered_top (i32.sub (global.get $remembered_top) (i32.const 4)))
          (local.set $object (i32.load (global.get $remembered_top)))
          (i32.store (i32.sub (local.get $object) (i32.const 4))
            (i32.and (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const -3)))
          (br $next))))
    (global.set $forgot (i32.const 0))
    (global.set $cursor (global.get $heap))
    (global.set $allocated (i32.const 0)))

  (func $minor (export "minor")
    (local $at i32)
    (if (global.get $forgot)
      (then
        (call $full)
        (return)))
    (global.set $minors (i32.add (global.get $minors) (i32.const 1)))
    (local.set $at (global.get $remembered))
    (loop $next
      (if (i32.lt_u (local.get $at) (global.get $remembered_top))
        (then
          (call $scan (i32.load (local.get $at)))
          (call $drain)
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br $next))))
    (call $mark)
    (call $reset))

  (func $full (export "full")
    (local $block i32)
    (global.set $collections (i32.add (global.get $collections) (i32.const 1)))
    (global.set $minors (i32.const 0))
    (call $reset)
    (local.set $block (global.get $heap))
    (loop $next
      (if (i32.lt_u (local.get $block) (global.get $end))
        (then
          (i32.store offset=4 (local.get $block) (i32.and (i32.load offset=4 (local.get $block)) (i32.const -2)))
          (local.set $block (i32.add (local.get $block) (i32.load (local.get $block))))
          (br $next))))
    (call $mark))

  ;; Writes a pointer field; an old object into which a pointer to a young one is written is remembered.
  (func $store (export "store") (param $object i32) (param $index i32) (param $value i32)
    (i32.store (i32.add (local.get $object) (i32.shl (local.get $index) (i32.const 2))) (local.get $value))
    (if (i32.eqz (local.get $value)) (then (return)))
    (if (i32.ne (i32.and (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const 3)) (i32.const 1))
      (then (return)))
    (if (i32.and (i32.load (i32.sub (local.get $value) (i32.const 4))) (i32.const 1)) (then (return)))
    (if (i32.eq (global.get $remembered_top) (global.get $remembered_end))
      (then
        (global.set $forgot (i32.const 1))
        (return)))
    (i32.store (global.get $remembered_top) (local.get $object))
    (global.set $remembered_top (i32.add (global.get $remembered_top) (i32.const 4)))
    (i32.store (i32.sub (local.get $object) (i32.const 4))
      (i32.or (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const 2))))

  ;; The next free block that is large enough, without what it has too much; 0 if the cursor comes to the heap's end.
  (func $take (param $bytes i32) (result i32)
    (local $block i32) (local $next i32)
    (loop $next
      (if (i32.lt_u (global.get $cursor) (global.get $end))
        (then
          (if (i32.and (i32.load offset=4 (global.get $cursor)) (i32.const 1))
            (then
              (global.set $cursor (i32.add (global.get $cursor) (i32.load (global.get $cursor))))
              (br $next)))
          (local.set $block (global.get $cursor))
          (local.set $next (i32.add (local.get $block) (i32.load (local.get $block))))
          (loop $inner
            (if
              (if (result i32)
                (i32.and (i32.lt_u (local.get $next) (global.get $end))
                  (i32.lt_u (i32.sub (local.get $next) (local.get $block)) (local.get $bytes)))
                (then (i32.eqz (i32.and (i32.load offset=4 (local.get $next)) (i32.const 1))))
                (else (i32.const 0)))
              (then
                (local.set $next (i32.add (local.get $next) (i32.load (local.get $next))))
                (br $inner))))
          (global.set $cursor (local.get $next))
          (i32.store (local.get $block) (i32.sub (local.get $next) (local.get $block)))
          (i32.store offset=4 (local.get $block) (i32.const 0))
          (if (i32.lt_u (i32.load (local.get $block)) (local.get $bytes)) (then (br $next)))
          (if (i32.ge_u (i32.sub (i32.load (local.get $block)) (local.get $bytes)) (i32.const 16))
            (then
              (global.set $cursor (i32.add (local.get $block) (local.get $bytes)))
              (i32.store (global.get $cursor) (i32.sub (local.get $next) (global.get $cursor)))
              (i32.store offset=4 (global.get $cursor) (i32.const 0))
              (i32.store (local.get $block) (local.get $bytes))))
          (return (local.get $block)))))
    (i32.const 0))

  ;; A block at the heap's end; 0 if memory cannot grow.
  (func $bump (param $bytes i32) (result i32)
    (local $room i32) (local $block i32)
    (local.set $room (i32.sub (i32.shl (memory.size) (i32.const 16)) (global.get $end)))
    (if (i32.gt_u (local.get $bytes) (local.get $room))
      (then
        (if
          (i32.eq
            (memory.grow
              (i32.shr_u (i32.add (i32.sub (local.get $bytes) (local.get $room)) (i32.const 65535)) (i32.const 16)))
            (i32.const -1))
          (then (return (i32.const 0))))))
    (local.set $block (global.get $end))
    (global.set $end (i32.add (global.get $end) (local.get $bytes)))
    (i32.store (local.get $block) (local.get $bytes))
    (global.set $cursor (global.get $end))
    (local.get $block))

  (func $alloc (export "alloc") (param $size i32) (param $pointers i32) (result i32)
    (local $bytes i32) (local $block i32)
    (if (i32.gt_u (local.get $size) (i32.const 0x800000)) (then (unreachable)))
    (local.set $bytes (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -8)))
    (if (i32.lt_u (local.get $bytes) (i32.const 16)) (then (local.set $bytes (i32.const 16))))
    (global.set $allocated (i32.add (global.get $allocated) (local.get $bytes)))
    (if (i32.gt_u (global.get $allocated) (i32.const 50000))
      (then (if (i32.lt_u (global.get $minors) (i32.const 4)) (then (call $minor)) (else (call $full)))))
    (local.set $block (call $take (local.get $bytes)))
    (if (i32.eqz (local.get $block))
      (then
        (local.set $block (call $bump (local.get $bytes)))
        (if (i32.eqz (local.get $block))
          (then
            (call $full)
            (local.set $block (call $take (local.get $bytes)))
            (if (i32.eqz (local.get $block)) (then (local.set $block (call $bump (local.get $bytes)))))
            (if (i32.eqz (local.get $block)) (then (unreachable)))))))
    (i32.store offset=4 (local.get $block) (i32.shl (local.get $pointers) (i32.const 4)))
    (memory.fill (i32.add (local.get $block) (i32.const 8)) (i32.const 0) (local.get $size))
    (i32.add (local.get $block) (i32.const 8))))
