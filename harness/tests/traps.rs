//! Traps hide nothing: a demanded one comes at the right point and leaves everything as it must be, an allowed one has a reason that
//! memory shows, and what is merely slow is no hang.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V131, engine, rig, runtime};
use heapsmith::judge::{Allowance, Inconclusive, Kind, Verdict};
use heapsmith::model::TrapRule;
use heapsmith::outcome::Trap;
use heapsmith::runtime::{Fault, fault};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Program, parse};
use std::sync::Arc;

fn program(text: &str) -> Program {
    parse(&format!("heapsmith 1\n{text}")).unwrap()
}

/// The verdict on a runtime with one edit, on wasmtime; trial and replay agree on its kind.
fn edited(name: &str, find: &str, replace: &str, program: &Program) -> Option<Kind> {
    let fault = Fault::new("test", "a test", find, replace);
    let edited = fault::apply(&runtime(name, program.machine), &fault).unwrap();
    let mut rig = Rig::new(Arc::new(Prepared::edited(edited, &[engine("wasmtime")]).unwrap())).unwrap();
    let kinds = [rig.trial(program), rig.replay(program).verdict].map(|verdict| match verdict {
        Verdict::Violation(v) => Some(v.kind),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
    });
    assert_eq!(kinds[0], kinds[1]);
    kinds[0]
}

const SIZE_GUARD: &str = "(if (i32.lt_s (local.get $size) (i32.const 0)) (then unreachable))";

#[test]
fn a_refusal_that_does_not_collect_first_is_no_demanded_trap() {
    let refused = program("machine pages=1..4\nalloc r0 size=2000000\n");
    let early = "(if (i32.ge_u (local.get $size) (i32.const 0x100000)) (then unreachable))";
    assert_eq!(edited(FIXED, SIZE_GUARD, early, &refused), Some(Kind::CollectionPolicy));
    let verdict = rig(FIXED, refused.machine).trial(&refused);
    assert_eq!(verdict, Verdict::AllowedTrap(Allowance::Must(TrapRule::MemoryLimit)));
}

#[test]
fn a_refusal_that_spoils_static_data_is_a_violation() {
    let refused = program("machine data_end=9 pages=1..4\nalloc r1 size=8\nalloc r0 size=2000000\n");
    let spoils =
        "(if (i32.ge_u (local.get $size) (i32.const 0x100000)) (then (i32.store8 (i32.const 0) (i32.const 0))))";
    assert_eq!(edited(FIXED, SIZE_GUARD, spoils, &refused), Some(Kind::BrokenData));
}

const PUSH_GUARD: &str = "(if (i32.ge_u (global.get $gc_sp) (global.get $gc_stack_limit))";

#[test]
fn a_push_that_traps_one_slot_early_in_the_step_that_must_trap_is_unexpected() {
    let roots = program("machine roots=8 pages=1..4\nroots n=9\n");
    let early = "(if (i32.ge_u (i32.add (global.get $gc_sp) (i32.const 4)) (global.get $gc_stack_limit))";
    assert_eq!(edited(FIXED, PUSH_GUARD, early, &roots), Some(Kind::UnexpectedTrap(Trap::Unreachable)));
}

#[test]
fn a_trap_after_a_false_candidate_needs_a_reason() {
    let text = "machine worklist=64 roots=16 pages=2..8\nalloc r0 size=24 init=fill(3)\nwrite r0[1] = 1\nwrite r0[4] = r0+8\n\
                collect\nalloc r1 size=16\n";
    let after = program(text);
    let always = "(if (i32.gt_u (global.get $gc_collections) (i32.const 0)) (then unreachable))";
    assert_eq!(edited(V131, SIZE_GUARD, always, &after), Some(Kind::UnexpectedTrap(Trap::Unreachable)));
    let verdict = rig(V131, after.machine).trial(&after);
    assert!(matches!(verdict, Verdict::Pass), "{verdict:?}");
}

#[test]
fn an_unwritten_word_that_is_not_zero_is_seen_without_being_asked_for() {
    let reused = program("machine pages=3..4\ngarbage n=2 size=64\ncollect\nalloc r0 size=64 init=bare\n");
    let find = "(i32.store (local.get $prev) (i32.const 0))";
    assert_eq!(edited(FIXED, find, "nop", &reused), Some(Kind::NotZeroed));
}

#[test]
fn absurd_amounts_of_work_are_refused_at_once() {
    let program = program("garbage n=1048576 size=1000000\n");
    let mut rig = rig(FIXED, program.machine);
    assert_eq!(rig.trial(&program), Verdict::Inconclusive(Inconclusive::TooMuchWork));
    assert_eq!(rig.replay(&program).verdict, Verdict::Inconclusive(Inconclusive::TooMuchWork));
}

#[test]
fn a_million_edges_are_slow_and_no_hang() {
    for text in
        ["machine pages=2..4\nalloc r1 size=8\nrandom r0 nodes=1 edges=1048576 seed=1\n", "duplicates r0 n=1048576\n"]
    {
        let program = program(text);
        let mut rig = rig(V131, program.machine);
        assert_eq!(rig.trial(&program), Verdict::Pass, "{text}");
        assert_eq!(rig.replay(&program).verdict, Verdict::Pass, "{text}");
    }
}

#[test]
fn an_interpreter_that_charges_for_zeroing_is_not_slow_when_memory_grows() {
    let program = program("machine pages=8..256\nalloc r0 size=16000000 init=bare\n");
    for name in ["wasmtime", "wasmi", "wasmi1"] {
        let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime(FIXED, program.machine), &[engine(name)]).unwrap()));
        let verdict = rig.as_mut().unwrap().trial(&program);
        assert!(matches!(verdict, Verdict::Pass), "{name}: {verdict:?}");
    }
}
