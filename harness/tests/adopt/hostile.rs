//! Modules that do their worst: what is proposed, or refused, takes bounded work and is the same each time.

use super::{MARK_SWEEP, calls, of};
use heapsmith::runtime::manifest::adopt::adopt;

/// A module whose functions are of these bodies.
fn module(allocate: &str, collect: &str) -> String {
    format!(
        "(module (memory 1) (global $end (mut i32) (i32.const 1024)) (global (export \"gc_sp\") (mut i32) (i32.const -4))
         (func $next (param i32) (result i32) (local i32)
           (local.set 1 (global.get $end))
           (global.set $end (i32.add (global.get $end) (i32.and (i32.add (local.get 0) (i32.const 7)) (i32.const -8)))) (local.get 1))
         (func (export \"alloc\") (param i32) (result i32) {allocate})
         (func (export \"collect\") {collect})
         (func (export \"pin\") (param i32) {collect}) (func (export \"unpin\") (param i32) {collect}))"
    )
}

const BUMPS: &str = "(call $next (local.get 0))";

#[test]
fn what_runs_on_and_on_grows_or_traps_is_given_up() {
    let bodies = [
        (BUMPS, "(loop (br 0))"),
        (BUMPS, "(unreachable)"),
        (BUMPS, "(drop (memory.grow (i32.const 65535)))"),
        (BUMPS, "(memory.fill (i32.const 0) (i32.const 255) (i32.const 65536))"),
        (BUMPS, "(global.set $end (i32.const 1024))"),
        (BUMPS, "(global.set $end (i32.const -16))"),
        ("(loop (br 0)) (unreachable)", ""),
        ("(i32.const -1)", ""),
        ("(i32.const 4)", ""),
        ("(memory.grow (local.get 0))", ""),
        ("(i32.sub (i32.const 65536) (call $next (local.get 0)))", ""),
        // Each call takes nearly all the fuel that one may take.
        (
            "(local i32) (loop (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 3000000)))) (call $next (local.get 0))",
            "",
        ),
    ];
    for (allocate, collect) in bodies {
        let text = module(allocate, collect);
        let first = adopt(text.as_bytes(), "x", "x.wat").map(|adoption| adoption.text);
        let again = adopt(text.as_bytes(), "x", "x.wat").map(|adoption| adoption.text);
        assert_eq!(first, again);
    }
}

#[test]
fn no_damage_of_a_module_is_a_panic() {
    let module = wat::parse_str(calls()).unwrap();
    assert!(MARK_SWEEP.contains("$make"));
    let mut state = 7_u32;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let (mut proposed, mut refused) = (0, 0);
    for _ in 0..120 {
        let mut module = module.clone();
        for _ in 0..1 + draw(2) {
            let at = 8 + draw(module.len() - 8);
            module[at] = draw(256) as u8;
        }
        match adopt(&module, "x", "x.wasm") {
            Ok(_) => proposed += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(proposed > 0 && refused > 0, "{proposed} proposed, {refused} refused");
    assert!(!of(&calls()).text.is_empty());
}
