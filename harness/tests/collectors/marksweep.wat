;; A precise mark-sweep collector that is none of the built-in ones.
;;
;; Roots are 64 numbered slots behind `set_root`. A block is two header words, `stride | marked 1 | scanned 2` and the number of pointers, which are the
;; first words of the payload. Marking goes round the heap until nothing is new, so it needs no stack. The sweep rebuilds the free list; nothing is
;; split or merged. An allocation for which there is no memory collects, then gives null.
(module
  (import "env" "abort" (func $abort (param i32 i32)))
  (import "env" "first_page" (global $first i32))
  (memory (export "memory") 1)
  (global $roots i32 (i32.const 1024))
  (global $heap_start (mut i32) (i32.const 0))
  (global $heap_end (mut i32) (i32.const 0))
  (global $free (mut i32) (i32.const 0))
  (global $live (mut i32) (i32.const 0))
  (global $collections (export "collections") (mut i32) (i32.const 0))

  (func (export "setup")
    (global.set $heap_start (global.get $first))
    (global.set $heap_end (global.get $first)))

  (func (export "set_root") (param $index i32) (param $value i32)
    (if (i32.ge_u (local.get $index) (i32.const 64)) (then (call $abort (i32.const 1) (local.get $index))))
    (i32.store (i32.add (global.get $roots) (i32.shl (local.get $index) (i32.const 2))) (local.get $value)))

  (func (export "live") (result i32) (global.get $live))

  ;; The first free block that is large enough; 0 if there is none.
  (func $take (param $stride i32) (result i32)
    (local $block i32) (local $before i32)
    (local.set $block (global.get $free))
    (block $none
      (loop $next
        (br_if $none (i32.eqz (local.get $block)))
        (if (i32.ge_u (i32.load (local.get $block)) (local.get $stride))
          (then
            (if (local.get $before)
              (then (i32.store offset=8 (local.get $before) (i32.load offset=8 (local.get $block))))
              (else (global.set $free (i32.load offset=8 (local.get $block)))))
            (return (local.get $block))))
        (local.set $before (local.get $block))
        (local.set $block (i32.load offset=8 (local.get $block)))
        (br $next)))
    (i32.const 0))

  ;; The heap's end, moved by a block; 0 if memory has no room for it.
  (func $bump (param $stride i32) (result i32)
    (local $block i32)
    (local.set $block (global.get $heap_end))
    (if (i32.gt_u (local.get $stride)
          (i32.sub (i32.shl (memory.size) (i32.const 16)) (local.get $block)))
      (then (return (i32.const 0))))
    (global.set $heap_end (i32.add (local.get $block) (local.get $stride)))
    (i32.store (local.get $block) (local.get $stride))
    (local.get $block))

  (func (export "allocate") (param $size i32) (param $pointers i32) (result i32)
    (local $stride i32) (local $block i32) (local $at i32)
    (if (i32.ge_u (local.get $size) (i32.const 0x1000000)) (then (return (i32.const 0))))
    ;; A free block has its link in the payload.
    (local.set $stride (i32.and (i32.add (local.get $size) (i32.const 23)) (i32.const -8)))
    (block $made
      (br_if $made (local.tee $block (call $take (local.get $stride))))
      (br_if $made (local.tee $block (call $bump (local.get $stride))))
      (call $collect)
      (br_if $made (local.tee $block (call $take (local.get $stride))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get $stride) (i32.const 16)) (i32.const 1))))
      (br_if $made (local.tee $block (call $bump (local.get $stride))))
      (return (i32.const 0)))
    (i32.store offset=4 (local.get $block) (local.get $pointers))
    (global.set $live (i32.add (global.get $live) (i32.load (local.get $block))))
    (local.set $at (i32.add (local.get $block) (i32.const 8)))
    (loop $clear
      (if (local.get $pointers)
        (then
          (i32.store (local.get $at) (i32.const 0))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (local.set $pointers (i32.sub (local.get $pointers) (i32.const 1)))
          (br $clear))))
    (i32.add (local.get $block) (i32.const 8)))

  ;; Marks the objects of `count` words from an address on.
  (func $mark (param $at i32) (param $count i32)
    (local $object i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $object (i32.load (local.get $at)))
        (if (local.get $object)
          (then
            (local.set $object (i32.sub (local.get $object) (i32.const 8)))
            (i32.store (local.get $object) (i32.or (i32.load (local.get $object)) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))

  (func $collect
    (local $block i32) (local $header i32) (local $is_new i32)
    (global.set $collections (i32.add (global.get $collections) (i32.const 1)))
    (call $mark (global.get $roots) (i32.const 64))
    (loop $round
      (local.set $is_new (i32.const 0))
      (local.set $block (global.get $heap_start))
      (block $walked
        (loop $walk
          (br_if $walked (i32.ge_u (local.get $block) (global.get $heap_end)))
          (local.set $header (i32.load (local.get $block)))
          (if (i32.eq (i32.and (local.get $header) (i32.const 3)) (i32.const 1))
            (then
              (i32.store (local.get $block) (i32.or (local.get $header) (i32.const 2)))
              (local.set $is_new (i32.const 1))
              (call $mark (i32.add (local.get $block) (i32.const 8)) (i32.load offset=4 (local.get $block)))))
          (local.set $block (i32.add (local.get $block) (i32.and (local.get $header) (i32.const -8))))
          (br $walk)))
      (br_if $round (local.get $is_new)))
    (global.set $free (i32.const 0))
    (global.set $live (i32.const 0))
    (local.set $block (global.get $heap_start))
    (block $swept
      (loop $sweep
        (br_if $swept (i32.ge_u (local.get $block) (global.get $heap_end)))
        (local.set $header (i32.and (i32.load (local.get $block)) (i32.const -8)))
        (if (i32.and (i32.load (local.get $block)) (i32.const 1))
          (then (global.set $live (i32.add (global.get $live) (local.get $header))))
          (else
            (i32.store offset=8 (local.get $block) (global.get $free))
            (global.set $free (local.get $block))))
        (i32.store (local.get $block) (local.get $header))
        (local.set $block (i32.add (local.get $block) (local.get $header)))
        (br $sweep)))))
