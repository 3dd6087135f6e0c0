;; No collector: it hands out memory, and never takes any back.
(module
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 16))
  (func (export "malloc") (param $bytes i32) (result i32)
    (local $object i32)
    (local.set $object (global.get $top))
    (if (i32.gt_u (local.get $bytes) (i32.const 0x3fffffff)) (then (return (i32.const 0))))
    (local.set $bytes (i32.and (i32.add (local.get $bytes) (i32.const 15)) (i32.const -8)))
    (block $room
      (loop $more
        (br_if $room (i32.le_u (i32.add (local.get $object) (local.get $bytes)) (i32.shl (memory.size) (i32.const 16))))
        (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1))))
        (return (i32.const 0))))
    (global.set $top (i32.add (local.get $object) (local.get $bytes)))
    (local.get $object)))
