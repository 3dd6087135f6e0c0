
  ;; Of a collector that is told of each slot that lets go, and may free at once what none holds: leaves a frame, of which `value` is kept in a
  ;; slot outside. The slot holds it before the frame lets go; a slot to be pushed takes the place of the frame's first one.
  (func $mutator.leave_keep (param $slot i32) (param $push i32) (param $value i32)
    (local $depth i32) (local $slots i32)
    (local.set $depth (i32.sub (call $peek (i32.const 12)) (i32.const 1)))
    (call $poke (i32.const 12) (local.get $depth))
    (local.set $slots (call $peek (i32.add (i32.const 64) (i32.shl (local.get $depth) (i32.const 2)))))
    (if (i32.and (local.get $push) (i32.eq (local.get $slots) (call $frame_save)))
      (then (call $root_push (local.get $value)))
      (else (call $root_set (local.get $slot) (local.get $value))))
    (call $poke (i32.add (i32.const 512) (i32.shl (local.get $slot) (i32.const 2))) (local.get $value))
    (call $frame_restore (i32.add (local.get $slots) (local.get $push))){step})
