
  ;; Step::Wrap, only for a collector with $register_wrapper
  (func $mutator.wrap
    (param $p i32) (param $kind i32) (param $handle i32) (param $count i32) (param $writes i32) (param $word i32)
    (block $done
      (loop $next
        (if (local.get $count) (then) (else (br $done)))
        (call $register_wrapper (local.get $p) (local.get $kind) (local.get $handle))
        (local.set $handle (i32.add (local.get $handle) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (if (local.get $writes)
      (then (i32.store (i32.add (local.get $p) (local.get $word)) (i32.sub (local.get $handle) (i32.const 1))))))
