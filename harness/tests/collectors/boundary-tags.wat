;; A precise mark-sweep collector with boundary tags: first fit, blocks are split, and free neighbours are joined at once.
;;
;; 1 024  the roots, 64 numbered slots
;; 2 048  the mark stack
;; 4 096  the heap, which ends with memory
;;
;; A block is two words, its bytes (a multiple of 8, with bit 0 if it is in use, bit 1 if it is marked and bit 2 if the block before it is in use)
;; and its number of pointers, and then the payload, whose first words the pointers are. A free block has links in the first two words of its
;; payload, and its bytes once more in its last word. A mark stack that is full leaves the object marked and its pointers unread; then those of
;; all that is marked are read again. Payloads are zero; requests above 16 MiB trap; a collection begins after 100 000 bytes of allocations, and
;; where no block is large enough; without memory an allocation gives null.
(module
  (memory (export "memory") 1 64)
  (global $roots i32 (i32.const 1024))
  (global $mark_stack i32 (i32.const 2048))
  (global $mark_stack_end i32 (i32.const 3072))
  (global $heap i32 (i32.const 4096))
  (global $end (export "end") (mut i32) (i32.const 4096))
  (global $free (mut i32) (i32.const 0))
  (global $mark_top (mut i32) (i32.const 2048))
  (global $overflowed (mut i32) (i32.const 0))
  (global $allocated (mut i32) (i32.const 0))
  (global $live_bytes (mut i32) (i32.const 0))
  (global $collections (export "collections") (mut i32) (i32.const 0))

  (func $set_root (export "set_root") (param $index i32) (param $value i32)
    (i32.store (i32.add (global.get $roots) (i32.shl (local.get $index) (i32.const 2))) (local.get $value)))

  (func $live (export "live") (result i32)
    (global.get $live_bytes))

  (func $bytes_of (param $block i32) (result i32)
    (i32.and (i32.load (local.get $block)) (i32.const -8)))

  ;; Takes a block from the list of free ones.
  (func $unlink (param $block i32)
    (local $next i32) (local $before i32)
    (local.set $next (i32.load offset=8 (local.get $block)))
    (local.set $before (i32.load offset=12 (local.get $block)))
    (if (local.get $before)
      (then (i32.store offset=8 (local.get $before) (local.get $next)))
      (else (global.set $free (local.get $next))))
    (if (local.get $next) (then (i32.store offset=12 (local.get $next) (local.get $before)))))

  ;; Makes a free block, and tells the one after it.
  (func $make_free (param $block i32) (param $bytes i32) (param $before_in_use i32)
    (i32.store (local.get $block) (i32.or (local.get $bytes) (local.get $before_in_use)))
    (i32.store (i32.sub (i32.add (local.get $block) (local.get $bytes)) (i32.const 4)) (local.get $bytes))
    (if (i32.lt_u (i32.add (local.get $block) (local.get $bytes)) (global.get $end))
      (then
        (i32.store (i32.add (local.get $block) (local.get $bytes))
          (i32.and (i32.load (i32.add (local.get $block) (local.get $bytes))) (i32.const -5)))))
    (i32.store offset=8 (local.get $block) (global.get $free))
    (i32.store offset=12 (local.get $block) (i32.const 0))
    (if (global.get $free) (then (i32.store offset=12 (global.get $free) (local.get $block))))
    (global.set $free (local.get $block)))

  ;; Frees a block, and joins it with its free neighbours.
  (func $release (param $block i32)
    (local $bytes i32) (local $before_in_use i32) (local $after i32) (local $before i32)
    (local.set $bytes (call $bytes_of (local.get $block)))
    (local.set $before_in_use (i32.and (i32.load (local.get $block)) (i32.const 4)))
    (local.set $after (i32.add (local.get $block) (local.get $bytes)))
    (if
      (if (result i32) (i32.lt_u (local.get $after) (global.get $end))
        (then (i32.eqz (i32.and (i32.load (local.get $after)) (i32.const 1))))
        (else (i32.const 0)))
      (then
        (call $unlink (local.get $after))
        (local.set $bytes (i32.add (local.get $bytes) (call $bytes_of (local.get $after))))))
    (if (i32.eqz (local.get $before_in_use))
      (then
        (local.set $before (i32.sub (local.get $block) (i32.load (i32.sub (local.get $block) (i32.const 4)))))
        (call $unlink (local.get $before))
        (local.set $bytes (i32.add (local.get $bytes) (call $bytes_of (local.get $before))))
        (local.set $before_in_use (i32.and (i32.load (local.get $before)) (i32.const 4)))
        (local.set $block (local.get $before))))
    (call $make_free (local.get $block) (local.get $bytes) (local.get $before_in_use)))

  ;; Marks an object, if it is one that is not marked.
  (func $push (param $object i32)
    (if (i32.eqz (local.get $object)) (then (return)))
    (if (i32.and (i32.load (i32.sub (local.get $object) (i32.const 8))) (i32.const 2)) (then (return)))
    (i32.store (i32.sub (local.get $object) (i32.const 8))
      (i32.or (i32.load (i32.sub (local.get $object) (i32.const 8))) (i32.const 2)))
    (if (i32.eq (global.get $mark_top) (global.get $mark_stack_end))
      (then
        (global.set $overflowed (i32.const 1))
        (return)))
    (i32.store (global.get $mark_top) (local.get $object))
    (global.set $mark_top (i32.add (global.get $mark_top) (i32.const 4))))

  ;; Pushes what an object's pointers lead to.
  (func $scan (param $object i32)
    (local $left i32)
    (local.set $left (i32.load (i32.sub (local.get $object) (i32.const 4))))
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

  (func $mark
    (local $index i32) (local $block i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (i32.const 64))
        (then
          (call $push (i32.load (i32.add (global.get $roots) (i32.shl (local.get $index) (i32.const 2)))))
          (call $drain)
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (loop $next
      (if (global.get $overflowed)
        (then
          (global.set $overflowed (i32.const 0))
          (local.set $block (global.get $heap))
          (loop $inner
            (if (i32.lt_u (local.get $block) (global.get $end))
              (then
                (if (i32.and (i32.load (local.get $block)) (i32.const 2))
                  (then
                    (call $scan (i32.add (local.get $block) (i32.const 8)))
                    (call $drain)))
                (local.set $block (i32.add (local.get $block) (call $bytes_of (local.get $block))))
                (br $inner))))
          (br $next)))))

  (func $sweep
    (local $block i32) (local $next i32)
    (local.set $block (global.get $heap))
    (loop $next
      (if (i32.lt_u (local.get $block) (global.get $end))
        (then
          (local.set $next (i32.add (local.get $block) (call $bytes_of (local.get $block))))
          (if (i32.eq (i32.and (i32.load (local.get $block)) (i32.const 3)) (i32.const 1))
            (then
              (global.set $live_bytes (i32.sub (global.get $live_bytes) (call $bytes_of (local.get $block))))
              ;; A free block after it becomes a part of it.
              (if
                (if (result i32) (i32.lt_u (local.get $next) (global.get $end))
                  (then (i32.eqz (i32.and (i32.load (local.get $next)) (i32.const 1))))
                  (else (i32.const 0)))
                (then (local.set $next (i32.add (local.get $next) (call $bytes_of (local.get $next))))))
              (call $release (local.get $block)))
            (else (i32.store (local.get $block) (i32.and (i32.load (local.get $block)) (i32.const -3)))))
          (local.set $block (local.get $next))
          (br $next)))))

  (func $collect (export "collect")
    (global.set $collections (i32.add (global.get $collections) (i32.const 1)))
    (global.set $allocated (i32.const 0))
    (call $mark)
    (call $sweep))

  ;; The first free block that is large enough, without what it has too much; 0 if there is none.
  (func $take (param $bytes i32) (result i32)
    (local $block i32) (local $left i32)
    (local.set $block (global.get $free))
    (loop $next
      (if (local.get $block)
        (then
          (local.set $left (i32.sub (call $bytes_of (local.get $block)) (local.get $bytes)))
          (if (i32.ge_u (call $bytes_of (local.get $block)) (local.get $bytes))
            (then
              (call $unlink (local.get $block))
              (if (i32.ge_u (local.get $left) (i32.const 24))
                (then
                  (call $make_free (i32.add (local.get $block) (local.get $bytes)) (local.get $left) (i32.const 4))
                  (i32.store (local.get $block)
                    (i32.or (i32.or (local.get $bytes) (i32.and (i32.load (local.get $block)) (i32.const 4)))
                      (i32.const 1))))
                (else
                  (i32.store (local.get $block) (i32.or (i32.load (local.get $block)) (i32.const 1)))
                  (if
                    (i32.lt_u (i32.add (i32.add (local.get $block) (local.get $bytes)) (local.get $left))
                      (global.get $end))
                    (then
                      (i32.store (i32.add (i32.add (local.get $block) (local.get $bytes)) (local.get $left))
                        (i32.or
                          (i32.load (i32.add (i32.add (local.get $block) (local.get $bytes)) (local.get $left)))
                          (i32.const 4)))))))
              (global.set $live_bytes (i32.add (global.get $live_bytes) (call $bytes_of (local.get $block))))
              (return (local.get $block))))
          (local.set $block (i32.load offset=8 (local.get $block)))
          (br $next))))
    (i32.const 0))

  ;; Whether the last block of the heap is in use, as bit 2.
  (func $last_in_use (result i32)
    (local $block i32) (local $last_bit i32)
    (local.set $block (global.get $heap))
    (local.set $last_bit (i32.const 4))
    (loop $next
      (if (i32.lt_u (local.get $block) (global.get $end))
        (then
          (local.set $last_bit (i32.shl (i32.and (i32.load (local.get $block)) (i32.const 1)) (i32.const 2)))
          (local.set $block (i32.add (local.get $block) (call $bytes_of (local.get $block))))
          (br $next))))
    (local.get $last_bit))

  ;; Makes the heap larger by so many bytes at least; 0 if memory cannot grow.
  (func $extend (param $bytes i32) (result i32)
    (local $room i32) (local $block i32) (local $in_use i32)
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
    (local.set $in_use (call $last_in_use))
    (global.set $end (i32.shl (memory.size) (i32.const 16)))
    (i32.store (local.get $block)
      (i32.or (i32.or (i32.sub (global.get $end) (local.get $block)) (local.get $in_use)) (i32.const 1)))
    (call $release (local.get $block))
    (i32.const 1))

  (func $allocate (export "allocate") (param $size i32) (param $pointers i32) (result i32)
    (local $bytes i32) (local $block i32)
    (if (i32.gt_u (local.get $size) (i32.const 0x1000000)) (then (unreachable)))
    (local.set $bytes (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -8)))
    (if (i32.lt_u (local.get $bytes) (i32.const 24)) (then (local.set $bytes (i32.const 24))))
    (global.set $allocated (i32.add (global.get $allocated) (local.get $bytes)))
    (if (i32.gt_u (global.get $allocated) (i32.const 100000)) (then (call $collect)))
    (local.set $block (call $take (local.get $bytes)))
    (if (i32.eqz (local.get $block))
      (then
        (call $collect)
        (local.set $block (call $take (local.get $bytes)))
        (if (i32.eqz (local.get $block))
          (then
            (if (i32.eqz (call $extend (local.get $bytes))) (then (return (i32.const 0))))
            (local.set $block (call $take (local.get $bytes)))))))
    (i32.store offset=4 (local.get $block) (local.get $pointers))
    (memory.fill (i32.add (local.get $block) (i32.const 8)) (i32.const 0) (local.get $size))
    (i32.add (local.get $block) (i32.const 8))))
