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
fn a_retry_that_collects_by_itself_proves_nothing() {
    // Of those that are counted every second one is none: the one that is asked for, if the allocation after it makes one.
    let every_second = "(global.set $collections (i32.add (global.get $collections) (i32.const 1)))\n    \
                        (if (i32.eqz (i32.and (global.get $collections) (i32.const 1))) (then (return)))\n";
    let counted = "(global.set $collections (i32.add (global.get $collections) (i32.const 1)))\n";
    let module = edited(MODULE, &[(counted, every_second)]);
    let mut spec = module_spec("marksweep.toml", MANIFEST, &module);
    spec.pinned.max_pages = Some(4);
    let program = heapsmith_generators::parse(CASE).unwrap();
    assert_eq!(rig(&spec).trial(&program), Verdict::AllowedTrap(Allowance::May));
    // It does succeed after one that was asked for, by its own.
    let asking = heapsmith_generators::parse(&CASE.replace("drop r0\n", "drop r0\ncollect\n")).unwrap();
    assert_eq!(rig(&spec).trial(&asking), Verdict::Pass);
}

/// Growth by three pages, or by more where more are needed.
const BY_THREE: (&str, &str) = (
    "      (drop (memory.grow (i32.add (i32.shr_u (local.get $stride) (i32.const 16)) (i32.const 1))))\n",
    "      (if (i32.lt_u (local.get $stride) (i32.const 196608))\n        \
     (then (drop (memory.grow (i32.const 3))))\n        \
     (else (drop (memory.grow (i32.add (i32.shr_u (local.get $stride) (i32.const 16)) (i32.const 1))))))\n",
);
/// What is said of it, without a limit that is too low for some of it,
const SAID: (&str, &str) = ("collections = { global", "grows_by = { at_least = 3 }\ncollections = { global");
/// and where memory is to be of no more than twice what is needed, and a page.
const BOUNDED: (&str, &str) = ("cycles =", "reclaim = { factor = 2, slack = 65536 }\ncycles =");

#[test]
fn who_grows_by_so_many_pages_at_least_gives_up_where_there_is_no_room_for_them() {
    let collector = |said: &[(&str, &str)]| {
        let module = edited(MODULE, &[BY_THREE]);
        Spec { pinned: Machine::default(), ..module_spec("marksweep.toml", &edited(MANIFEST, said), &module) }
    };
    let unlimited = ("max_pages = 4", "max_pages = 64");
    for said in [&[SAID, unlimited][..], &[SAID, unlimited, BOUNDED]] {
        let clean = hunted(collector(said));
        let statistics = &clean.statistics;
        assert_eq!(statistics.violations, 0, "{:?}", clean.findings.first());
        assert!(statistics.observed.grown > 20 && statistics.may_traps > 10, "{statistics:?}");
    }
    // Two pages are free, and one would do.
    let one_more = "heapsmith 1\nmachine pages=1..6\nalloc r0 size=150000\nalloc r1 size=50000\nalloc r2 size=30000\nalloc r3 size=40000\n";
    let program = heapsmith_generators::parse(one_more).unwrap();
    let tried = |said: &[(&str, &str)]| {
        let spec = collector(said);
        let runtime = builtin(spec.resolve(program.machine).unwrap());
        Rig::new(Arc::new(Prepared::builtin(runtime, &engines()).unwrap())).unwrap().trial(&program)
    };
    assert_eq!(tried(&[SAID, unlimited]), Verdict::AllowedTrap(Allowance::May));
    let tight = (BOUNDED.0, "reclaim = { factor = 1, slack = 65536 }\ncycles =");
    assert_eq!(tried(&[SAID, unlimited, tight]), Verdict::AllowedTrap(Allowance::May));
    for silent in [&[unlimited][..], &[unlimited, tight]] {
        let Verdict::Violation(v) = tried(silent) else { panic!("it has no reason that anybody knows") };
        assert_eq!(v.kind.name(), "unexpected-trap", "{v:?}");
    }
}

#[test]
fn where_no_function_collects_nothing_is_said_of_what_a_round_leaves() {
    let summary = hunted(collector(COLLECT, &[("full = { call = \"collect\" }", "full = \"none\"")]));
    assert_eq!(summary.statistics.violations, 0, "{:?}", summary.findings.first());
    assert!(summary.statistics.passed > 30, "{:?}", summary.statistics);
}
