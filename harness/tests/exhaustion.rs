//! An allocation that gives up although it says that it collects before it does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{edited, engines, module_spec, settings};
use heapsmith::campaign::{Progress, Summary, hunt};
use heapsmith::judge::{Allowance, Verdict};
use heapsmith::outcome::End;
use heapsmith::runtime::{Spec, builtin};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::Machine;
use std::sync::Arc;

const MODULE: &str = include_str!("collectors/marksweep.wat");
const MANIFEST: &str = include_str!("collectors/marksweep.toml");

const COLLECT: &str = "      (call $collect)\n";
/// Allocations that never collect, and those of large blocks that do not.
const NEVER: &str = "";
const SMALL_ONLY: &str = "      (if (i32.lt_u (local.get $stride) (i32.const 20000)) (then (call $collect)))\n";

/// The collector in at most four pages, with `collect` where an allocation collects, by a manifest with its text edited.
fn collector(collect: &str, said: &[(&str, &str)]) -> Spec {
    let mut spec = module_spec("marksweep.toml", &edited(MANIFEST, said), &edited(MODULE, &[(COLLECT, collect)]));
    spec.pinned.max_pages = Some(4);
    spec
}

fn rig(spec: &Spec) -> Rig {
    let runtime = builtin(spec.resolve(spec.pinned).unwrap());
    Rig::new(Arc::new(Prepared::builtin(runtime, &engines()).unwrap())).unwrap()
}

/// Two objects that do not fit together; the first one is garbage by then.
const CASE: &str = "heapsmith 1\nalloc r0 size=150000 fields=0\ndrop r0\nalloc r0 size=150000 fields=0\n";

#[test]
fn an_object_for_which_there_is_room_after_a_collection_must_not_trap() {
    let program = heapsmith_generators::parse(CASE).unwrap();
    assert_eq!(rig(&collector(COLLECT, &[])).trial(&program), Verdict::Pass);
    for broken in [NEVER, SMALL_ONLY] {
        let mut promised = rig(&collector(broken, &[]));
        let Verdict::Violation(v) = promised.trial(&program) else { panic!("it gave up, and that is allowed") };
        assert_eq!((v.kind.full_name().as_str(), v.step), ("unexpected-trap(unreachable)", 2), "{v:?}");
        assert!(v.expected.contains("150000 bytes after a collection"), "{}", v.expected);
        // The rig shows the program's own run, not that of the other one.
        assert!(matches!(promised.outcome(0).end, End::Trapped(_)) && promised.outcome(0).step == 2);
        assert_eq!(promised.model().plan().steps.len(), 3);
        for (i, engine) in engines().iter().enumerate() {
            assert!(promised.standalone_agrees(i, engine.as_ref()).unwrap());
        }
        let replay = promised.replay(&program);
        assert!(matches!(&replay.verdict, Verdict::Violation(w) if (w.kind, w.step) == (v.kind, v.step)), "{replay:?}");
        // Where nobody says that it collects first, it may give up.
        let mut silent = rig(&collector(broken, &[("on_exhaustion = true\n", "")]));
        assert_eq!(silent.trial(&program), Verdict::AllowedTrap(Allowance::May));
    }
    // What is still held cannot be collected.
    let held = heapsmith_generators::parse(&CASE.replace("drop r0\nalloc r0", "alloc r1")).unwrap();
    assert_eq!(rig(&collector(COLLECT, &[])).trial(&held), Verdict::AllowedTrap(Allowance::May));
}

/// A short hunt, in which nothing is wrong but what gives up too early.
fn hunted(spec: Spec) -> Summary {
    let settings = settings(Spec { pinned: Machine::default(), ..spec }, 5, 150);
    let summary = hunt(&settings, &Progress::default()).unwrap();
    for finding in &summary.findings {
        let Verdict::Violation(v) = &finding.replay.verdict else { panic!("a finding that breaks nothing") };
        assert!(v.expected.contains("on_exhaustion"), "{v:?}\n{}", finding.reduced);
        assert!(finding.reduced.ops.len() <= 4, "{}", finding.reduced);
        assert!(finding.lowerings_disagree.is_none());
    }
    summary
}

#[test]
fn a_hunt_sees_who_gives_up_too_early_and_nobody_else() {
    let clean = hunted(collector(COLLECT, &[]));
    println!("{} allowed traps", clean.statistics.may_traps);
    assert!(clean.statistics.violations == 0 && clean.statistics.may_traps > 10, "{}", clean.statistics.may_traps);
    for broken in [NEVER, SMALL_ONLY] {
        let found = hunted(collector(broken, &[]));
        println!("{} violations, {} allowed traps", found.statistics.violations, found.statistics.may_traps);
        assert!(!found.findings.is_empty(), "{} allowed traps", found.statistics.may_traps);
    }
}

#[test]
fn where_no_function_collects_nothing_is_said_of_what_a_round_leaves() {
    let summary = hunted(collector(COLLECT, &[("full = { call = \"collect\" }", "full = \"none\"")]));
    assert_eq!(summary.statistics.violations, 0, "{:?}", summary.findings.first());
    assert!(summary.statistics.passed > 30, "{:?}", summary.statistics);
}
