;; No collector: it hands out memory and keeps a record of all that it is asked, so that a test sees every call of the glue.
;;
;;   256  the record: words of 4 bytes, up to $end        8192  the table of roots
;;   4096 the shadow stack that grows up                  16384 objects
;;   8192 and down: the shadow stack that grows down
(module
  (memory (export "memory") 1)
  (global $end (export "record") (mut i32) (i32.const 256))
  (global $sp_up (export "up") (mut i32) (i32.const 4096))
  (global $up_limit (export "up_limit") i32 (i32.const 4112))
  (global $sp_down (export "down") (mut i32) (i32.const 8192))
  (global $down_limit (export "down_limit") i32 (i32.const 8180))
  (global $top (mut i32) (i32.const 16384))
  (global $stacked (mut i32) (i32.const 0))

  (func $note (param $word i32)
    (i32.store (global.get $end) (local.get $word))
    (global.set $end (i32.add (global.get $end) (i32.const 4))))
  (func $note2 (param $what i32) (param $word i32)
    (call $note (local.get $what))
    (call $note (local.get $word)))

  ;; Gives 0 for requests of 4096 bytes and more.
  (func (export "alloc") (param $size i32) (result i32)
    (call $note2 (i32.const 1) (local.get $size))
    (if (i32.ge_u (local.get $size) (i32.const 4096)) (then (return (i32.const 0))))
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))
  (func (export "make") (param $size i32) (param $class i32) (result i32)
    (call $note2 (i32.const 2) (local.get $class))
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))
  (func $node_class (result i32) (i32.const 77))

  (func (export "set") (param $object i32) (param $index i32) (param $value i32) (result i32)
    (call $note2 (i32.const 3) (local.get $index))
    (i32.store (i32.add (local.get $object) (i32.shl (local.get $index) (i32.const 2))) (local.get $value))
    (local.get $value))
  (func (export "get") (param $object i32) (param $offset i32) (result i32)
    (call $note2 (i32.const 4) (local.get $offset))
    (i32.load (i32.add (local.get $object) (local.get $offset))))

  (func (export "__pin") (param $object i32) (result i32)
    (call $note2 (i32.const 10) (local.get $object))
    (local.get $object))
  (func (export "__unpin") (param $object i32) (call $note2 (i32.const 11) (local.get $object)))
  (func (export "push") (param $object i32) (call $note2 (i32.const 20) (local.get $object)))
  (func (export "pop") (result i32) (call $note (i32.const 21)) (i32.const 0))
  (func (export "pop_many") (param $count i32) (call $note2 (i32.const 22) (local.get $count)))
  (func (export "set_root") (param $index i32) (param $object i32)
    (call $note (i32.const 30))
    (call $note2 (local.get $index) (local.get $object)))

  (func $collect (param $how i32) (result i32 i32)
    (call $note2 (i32.const 40) (local.get $how))
    (i32.const 1)
    (i32.const 2))
  (func (export "gc_step") (param $work i32) (call $note2 (i32.const 41) (local.get $work)))
  (func (export "live") (result i32) (i32.const 4711)))
