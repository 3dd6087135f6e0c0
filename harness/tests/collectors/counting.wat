;; A collector that counts references, and frees an object at once when nothing holds it; unreachable cycles stay.
;;
;; Roots are pins: `retain` and `release`, which count like fields do, behind `set`. A block is four header words and a payload, in multiples of 8:
;;   -16 stride | free 1   -12 references   -8 pointers, the first words of the payload   -4 the next free or dying block
;; A new object has no references. One that never gets any is freed by `collect`, which allocation calls where no block is left. Nothing is split or
;; merged. An allocation for which there is no memory gives null.
(module
  (memory (export "memory") 1)
  (global $heap_start (export "heap_start") i32 (i32.const 1024))
  (global $heap_end (export "heap_end") (mut i32) (i32.const 1024))
  (global $free (export "free") (mut i32) (i32.const 0))
  (global $collections (export "collections") (mut i32) (i32.const 0))

  ;; The first free object whose block is large enough; 0 if there is none.
  (func $take (param $stride i32) (result i32)
    (local $object i32) (local $before i32) (local $block i32)
    (local.set $object (global.get $free))
    (block $none
      (loop $next
        (br_if $none (i32.eqz (local.get $object)))
        (local.set $block (i32.sub (local.get $object) (i32.const 16)))
        (if (i32.gt_u (i32.load (local.get $block)) (local.get $stride))
          (then
            (if (local.get $before)
              (then (i32.store (i32.sub (local.get $before) (i32.const 4)) (i32.load offset=12 (local.get $block))))
              (else (global.set $free (i32.load offset=12 (local.get $block)))))
            (i32.store (local.get $block) (i32.sub (i32.load (local.get $block)) (i32.const 1)))
            (return (local.get $object))))
        (local.set $before (local.get $object))
        (local.set $object (i32.load offset=12 (local.get $block)))
        (br $next)))
    (i32.const 0))

  ;; The heap's end, moved by a block; 0 if memory has no room for it.
  (func $bump (param $stride i32) (result i32)
    (local $block i32)
    (local.set $block (global.get $heap_end))
    (if (i32.gt_u (local.get $stride) (i32.sub (i32.shl (memory.size) (i32.const 16)) (local.get $block)))
      (then (return (i32.const 0))))
    (global.set $heap_end (i32.add (local.get $block) (local.get $stride)))
    (i32.store (local.get $block) (local.get $stride))
    (i32.add (local.get $block) (i32.const 16)))

  (func (export "allocate") (param $size i32) (param $pointers i32) (result i32)
    (local $stride i32) (local $object i32) (local $at i32)
    (if (i32.ge_u (local.get $size) (i32.const 0x1000000)) (then (return (i32.const 0))))
    (local.set $stride (i32.and (i32.add (local.get $size) (i32.const 23)) (i32.const -8)))
    (block $made
      (br_if $made (local.tee $object (call $take (local.get $stride))))
      (br_if $made (local.tee $object (call $bump (local.get $stride))))
      (call $collect)
      (br_if $made (local.tee $object (call $take (local.get $stride))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get $stride) (i32.const 16)) (i32.const 1))))
      (br_if $made (local.tee $object (call $bump (local.get $stride))))
      (return (i32.const 0)))
    (i32.store (i32.sub (local.get $object) (i32.const 12)) (i32.const 0))
    (i32.store (i32.sub (local.get $object) (i32.const 8)) (local.get $pointers))
    (local.set $at (local.get $object))
    (loop $clear
      (if (local.get $pointers)
        (then
          (i32.store (local.get $at) (i32.const 0))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (local.set $pointers (i32.sub (local.get $pointers) (i32.const 1)))
          (br $clear))))
    (local.get $object))

  (func $retain (export "retain") (param $object i32)
    (local $count i32)
    (local.set $count (i32.sub (local.get $object) (i32.const 12)))
    (i32.store (local.get $count) (i32.add (i32.load (local.get $count)) (i32.const 1))))

  ;; Takes a reference away; whether it was the last one.
  (func $drop (param $object i32) (result i32)
    (local $count i32)
    (local.set $count (i32.sub (local.get $object) (i32.const 12)))
    (i32.store (local.get $count) (i32.sub (i32.load (local.get $count)) (i32.const 1)))
    (i32.eqz (i32.load (local.get $count))))

  (func $release (export "release") (param $object i32)
    (if (call $drop (local.get $object)) (then (call $die (local.get $object)))))

  ;; Frees an object, and what it was the last one to hold.
  (func $die (param $object i32)
    (local $dying i32) (local $at i32) (local $left i32)
    (i32.store (i32.sub (local.get $object) (i32.const 4)) (i32.const 0))
    (local.set $dying (local.get $object))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.tee $object (local.get $dying))))
        (local.set $dying (i32.load (i32.sub (local.get $object) (i32.const 4))))
        (local.set $at (local.get $object))
        (local.set $left (i32.load (i32.sub (local.get $object) (i32.const 8))))
        (block $scanned
          (loop $field
            (br_if $scanned (i32.eqz (local.get $left)))
            (if (i32.load (local.get $at))
              (then
                (if (call $drop (i32.load (local.get $at)))
                  (then
                    (i32.store (i32.sub (i32.load (local.get $at)) (i32.const 4)) (local.get $dying))
                    (local.set $dying (i32.load (local.get $at)))))))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $field)))
        (i32.store (i32.sub (local.get $object) (i32.const 16))
          (i32.or (i32.load (i32.sub (local.get $object) (i32.const 16))) (i32.const 1)))
        (i32.store (i32.sub (local.get $object) (i32.const 4)) (global.get $free))
        (global.set $free (local.get $object))
        (br $next))))

  ;; Writes a field: what it holds gets a reference, what it held loses one.
  (func (export "set") (param $object i32) (param $index i32) (param $value i32)
    (local $old i32) (local $at i32)
    (if (local.get $value) (then (call $retain (local.get $value))))
    (local.set $at (i32.add (local.get $object) (i32.shl (local.get $index) (i32.const 2))))
    (local.set $old (i32.load (local.get $at)))
    (i32.store (local.get $at) (local.get $value))
    (if (local.get $old) (then (call $release (local.get $old)))))

  ;; Frees the objects that nothing ever held.
  (func $collect (export "collect")
    (local $block i32)
    (global.set $collections (i32.add (global.get $collections) (i32.const 1)))
    (local.set $block (global.get $heap_start))
    (block $walked
      (loop $walk
        (br_if $walked (i32.ge_u (local.get $block) (global.get $heap_end)))
        (if (i32.eqz (i32.or (i32.and (i32.load (local.get $block)) (i32.const 1)) (i32.load offset=4 (local.get $block))))
          (then (call $die (i32.add (local.get $block) (i32.const 16)))))
        (local.set $block (i32.add (local.get $block) (i32.and (i32.load (local.get $block)) (i32.const -8))))
        (br $walk)))))
