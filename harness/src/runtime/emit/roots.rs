//! The mutator's side of the root stack.

use super::template::fill;
use crate::runtime::description::{RootsFull, Rules};

const ROOTS: &str = r#"
  ;; Pushes a root.
  (func $root_push (export "root_push") (param $v i32)
    @guard
    (i32.store (global.get $gc_sp) (local.get $v))
    (global.set $gc_sp (i32.add (global.get $gc_sp) (i32.const 4))))

  ;; Overwrites a root slot, counted from the stack's base.
  (func $root_set (export "root_set") (param $slot i32) (param $v i32)
    (i32.store
      (i32.add (global.get $gc_stack_base) (i32.shl (local.get $slot) (i32.const 2)))
      (local.get $v)))

  ;; A frame of roots is the root stack's pointer: save it, push, restore it.
  (func $frame_save (export "frame_save") (result i32)
    global.get $gc_sp)
  (func $frame_restore (export "frame_restore") (param $sp i32)
    (global.set $gc_sp (local.get $sp)))
"#;

const GUARD: &str = r"
(if (i32.ge_u (global.get $gc_sp) (global.get $gc_stack_limit))
  (then unreachable)) ;; the root stack is full
";

const UNGUARDED: &str = ";; Nothing stops it at the stack's limit (#464).";

/// The functions that keep roots.
pub(super) fn functions(rules: &Rules) -> String {
    let guard = match rules.roots_full {
        RootsFull::Trap => GUARD,
        RootsFull::Unguarded => UNGUARDED,
    };
    fill(ROOTS, &[("guard", guard)])
}
