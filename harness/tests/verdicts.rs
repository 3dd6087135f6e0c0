//! Verdicts that healthy engines cannot give, given by lying ones: each kind of violation, each reason to be inconclusive, and
//! the distrust of the harness in itself.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/liar.rs"]
mod liar;

use common::{FIXED, WRAP, engine, runtime, spec};
use heapsmith::engine::{Engine, EngineError, Instance as _};
use heapsmith::judge::{Inconclusive, Kind, Verdict};
use heapsmith::metamorphic::{Bench, Pair, Pool, Source, Tally, parse_variant};
use heapsmith::model::TrapRule;
use heapsmith::outcome::{End, Trap};
use heapsmith::runtime::description::{PAGE, Role};
use heapsmith::trial::{Hearing, Prepared, Rig};
use heapsmith_generators::Program;
use liar::{Liar, Lie, LyingInstance};
use std::sync::Arc;

/// Static data in `[0, 8)`, roots in `[8, 40)`; the heap's first payload is at 4 mod 8.
const MACHINE: &str = "heapsmith 1\nmachine data_end=8 worklist=8 roots=8 pages=2..4 wraps=4\n";
/// The wrap table's first entry, where there is a table.
const TABLE: u32 = 72;
/// The first handle of a program.
const HANDLE: u32 = 0x8000_0001;
const WRAPPER: &str = "alloc r0 size=16 init=fill(1)\nwrap r0 kind=1\n";
const DEAD_WRAPPERS: &str = "alloc r0 size=16\nwrap r0 kind=1 n=2\ndrop r0\ncollect\n";
const ONE_OBJECT: &str = "alloc r0 size=16 init=fill(1)";

fn program(ops: &str) -> Program {
    heapsmith_generators::parse(&format!("{MACHINE}{ops}")).unwrap()
}

/// A lie about what is left behind; the end is told as it was.
fn leaves(alter: impl Fn(&mut LyingInstance) + Send + Sync + 'static) -> Lie {
    Arc::new(move |instance, end| {
        alter(instance);
        Ok(end)
    })
}

/// A lie about the end, in this step.
fn ends(end: End, step: u32) -> Lie {
    Arc::new(move |instance, _| {
        instance.set_step(step);
        Ok(end)
    })
}

/// A program and the lie about it that must be taken for a violation of this kind. [`Kind::EngineDivergence`] needs an honest engine
/// beside the liar; any lie will do.
fn lie(kind: Kind) -> (&'static str, Lie) {
    match kind {
        Kind::SilentFree => (ONE_OBJECT, leaves(|i| i.set_global(Role::FreeHead as usize, i.log(0)))),
        Kind::CorruptPayload | Kind::EngineDivergence => (ONE_OBJECT, leaves(|i| i.flip(i.log(0) + 8, 1))),
        Kind::NotZeroed => ("alloc r0 size=16 init=bare\ncheck_zero r0", leaves(|i| i.set_log(1, 0))),
        Kind::Overlap => ("alloc r0 size=16\nalloc r1 size=16", leaves(|i| i.set_log(1, i.log(0)))),
        Kind::Misaligned => (ONE_OBJECT, leaves(|i| i.set_log(0, i.log(0) + 1))),
        Kind::OutOfBounds => (ONE_OBJECT, ends(End::Trapped(Trap::MemoryOutOfBounds), 0)),
        Kind::BlockOutOfBounds => (ONE_OBJECT, leaves(|i| i.set_log(0, 2 * PAGE - 4))),
        Kind::UnexpectedTrap(trap) => (ONE_OBJECT, ends(End::Trapped(trap), 0)),
        Kind::MissingTrap(rule) => (trapping(rule), ends(End::Finished, 1)),
        Kind::BrokenHeap => (ONE_OBJECT, leaves(|i| i.flip(i.log(0) - 4, 64))),
        Kind::BrokenFreeList => (ONE_OBJECT, leaves(|i| i.set_global(Role::FreeHead as usize, i.log(0) + 8))),
        Kind::Leak => ("garbage n=1 size=16\ncollect", leaves(|i| i.set_global(Role::FreeHead as usize, 0))),
        Kind::FreeListPolicy => {
            // The list goes from the second block to the first; the lie turns it round.
            let turned = |i: &mut LyingInstance| {
                let (first, second) = (i.log(0), i.log(1));
                i.set_global(Role::FreeHead as usize, first);
                i.flip(first, second);
                i.flip(second, first);
            };
            ("garbage n=2 size=16\ncollect", leaves(turned))
        }
        Kind::WrongPlacement => ("garbage n=1 size=16", leaves(|i| i.set_log(0, i.log(0) + 64))),
        Kind::WrongGrowth => (ONE_OBJECT, leaves(LyingInstance::hide_page)),
        Kind::CollectionPolicy => (ONE_OBJECT, leaves(|i| i.set_global(Role::Collections as usize, 7))),
        Kind::BrokenRoots => (ONE_OBJECT, leaves(|i| i.flip(8, 1))),
        Kind::BrokenData => (ONE_OBJECT, leaves(|i| i.flip(0, 1))),
        Kind::ReleasedLive => (WRAPPER, leaves(|i| i.release(1, 1, HANDLE))),
        Kind::DoubleRelease => (DEAD_WRAPPERS, leaves(|i| i.release(3, 1, HANDLE))),
        Kind::UnknownRelease => (WRAPPER, leaves(|i| i.release(1, 1, HANDLE + 1))),
        Kind::HandleLeak => (DEAD_WRAPPERS, leaves(LyingInstance::forget_release)),
        Kind::ReleaseOrder => (DEAD_WRAPPERS, leaves(LyingInstance::turn_releases_round)),
        Kind::BrokenWrapTable => (WRAPPER, leaves(|i| i.flip(TABLE + 8, 2))),
        Kind::Hang => (ONE_OBJECT, ends(End::OutOfFuel, 0)),
        Kind::Slow => (ONE_OBJECT, leaves(|i| i.set_fuel(1 << 40))),
        // Told where a collection happened: never in the program's own run.
        Kind::ScheduleDependence => (ONE_OBJECT, leaves(after_a_collection)),
    }
}

fn after_a_collection(instance: &mut LyingInstance) {
    let mut globals = Vec::new();
    instance.globals(&mut globals);
    if globals[Role::Collections as usize] > 0 {
        instance.flip(instance.log(0) + 8, 1);
    }
}

/// The runtime that a lie of this kind is told about.
fn about(kind: Kind) -> &'static str {
    match kind {
        // Only a memory that may become larger than 2 GiB has room for a block that the address limit alone forbids.
        Kind::MissingTrap(TrapRule::AddressLimit) => "vera@0.1.9?pages=2..40000",
        Kind::MissingTrap(TrapRule::WrapTableFull)
        | Kind::ReleasedLive
        | Kind::DoubleRelease
        | Kind::UnknownRelease
        | Kind::HandleLeak
        | Kind::ReleaseOrder
        | Kind::BrokenWrapTable => WRAP,
        Kind::SilentFree
        | Kind::CorruptPayload
        | Kind::NotZeroed
        | Kind::Overlap
        | Kind::Misaligned
        | Kind::OutOfBounds
        | Kind::BlockOutOfBounds
        | Kind::UnexpectedTrap(_)
        | Kind::MissingTrap(_)
        | Kind::BrokenHeap
        | Kind::BrokenFreeList
        | Kind::Leak
        | Kind::FreeListPolicy
        | Kind::WrongPlacement
        | Kind::WrongGrowth
        | Kind::CollectionPolicy
        | Kind::BrokenRoots
        | Kind::BrokenData
        | Kind::Hang
        | Kind::Slow
        | Kind::EngineDivergence
        | Kind::ScheduleDependence => FIXED,
    }
}

/// A program whose first step must trap by this rule, or its last one.
fn trapping(rule: TrapRule) -> &'static str {
    match rule {
        TrapRule::WorklistFull => "wide r0 n=9\ncollect",
        TrapRule::RootStackFull => "roots n=9",
        TrapRule::MemoryLimit => "alloc r0 size=1000000",
        TrapRule::SizeLimit => "alloc r0 size=0x80000000",
        TrapRule::AddressLimit => "alloc r0 size=0x7ffffff0",
        TrapRule::WrapTableFull => "alloc r0 size=16\nwrap r0 kind=1 n=wraps+1",
    }
}

/// The kind after a kind; a new one does not compile before it has its place here, and with it a lie.
fn after(kind: Kind) -> Option<Kind> {
    Some(match kind {
        Kind::SilentFree => Kind::CorruptPayload,
        Kind::CorruptPayload => Kind::NotZeroed,
        Kind::NotZeroed => Kind::Overlap,
        Kind::Overlap => Kind::Misaligned,
        Kind::Misaligned => Kind::OutOfBounds,
        Kind::OutOfBounds => Kind::BlockOutOfBounds,
        Kind::BlockOutOfBounds => Kind::UnexpectedTrap(Trap::Unreachable),
        Kind::UnexpectedTrap(Trap::Unreachable) => Kind::UnexpectedTrap(Trap::TableOutOfBounds),
        // Out of bounds has a kind of its own.
        Kind::UnexpectedTrap(Trap::MemoryOutOfBounds | Trap::TableOutOfBounds) => {
            Kind::UnexpectedTrap(Trap::IndirectCallToNull)
        }
        Kind::UnexpectedTrap(Trap::IndirectCallToNull) => Kind::UnexpectedTrap(Trap::BadSignature),
        Kind::UnexpectedTrap(Trap::BadSignature) => Kind::UnexpectedTrap(Trap::IntegerDivisionByZero),
        Kind::UnexpectedTrap(Trap::IntegerDivisionByZero) => Kind::UnexpectedTrap(Trap::IntegerOverflow),
        Kind::UnexpectedTrap(Trap::IntegerOverflow) => Kind::UnexpectedTrap(Trap::BadConversionToInteger),
        Kind::UnexpectedTrap(Trap::BadConversionToInteger) => Kind::UnexpectedTrap(Trap::StackOverflow),
        Kind::UnexpectedTrap(Trap::StackOverflow) => Kind::MissingTrap(TrapRule::WorklistFull),
        Kind::MissingTrap(TrapRule::WorklistFull) => Kind::MissingTrap(TrapRule::RootStackFull),
        Kind::MissingTrap(TrapRule::RootStackFull) => Kind::MissingTrap(TrapRule::MemoryLimit),
        Kind::MissingTrap(TrapRule::MemoryLimit) => Kind::MissingTrap(TrapRule::SizeLimit),
        Kind::MissingTrap(TrapRule::SizeLimit) => Kind::MissingTrap(TrapRule::AddressLimit),
        Kind::MissingTrap(TrapRule::AddressLimit) => Kind::MissingTrap(TrapRule::WrapTableFull),
        Kind::MissingTrap(TrapRule::WrapTableFull) => Kind::BrokenHeap,
        Kind::BrokenHeap => Kind::BrokenFreeList,
        Kind::BrokenFreeList => Kind::Leak,
        Kind::Leak => Kind::FreeListPolicy,
        Kind::FreeListPolicy => Kind::WrongPlacement,
        Kind::WrongPlacement => Kind::WrongGrowth,
        Kind::WrongGrowth => Kind::CollectionPolicy,
        Kind::CollectionPolicy => Kind::BrokenRoots,
        Kind::BrokenRoots => Kind::BrokenData,
        Kind::BrokenData => Kind::ReleasedLive,
        Kind::ReleasedLive => Kind::DoubleRelease,
        Kind::DoubleRelease => Kind::UnknownRelease,
        Kind::UnknownRelease => Kind::HandleLeak,
        Kind::HandleLeak => Kind::ReleaseOrder,
        Kind::ReleaseOrder => Kind::BrokenWrapTable,
        Kind::BrokenWrapTable => Kind::Hang,
        Kind::Hang => Kind::Slow,
        Kind::Slow => Kind::EngineDivergence,
        Kind::EngineDivergence => Kind::ScheduleDependence,
        Kind::ScheduleDependence => return None,
    })
}

/// All kinds, but for the one that takes a second run to see.
fn kinds() -> impl Iterator<Item = Kind> {
    let all = std::iter::successors(Some(Kind::SilentFree), |kind| after(*kind));
    all.filter(|kind| *kind != Kind::ScheduleDependence)
}

/// Whether what the lie is about is part of what engines and emulator must agree on: fuel is not.
fn is_in_the_outcome(kind: &Kind) -> bool {
    !matches!(kind, Kind::Hang | Kind::Slow)
}

/// Whether an emulator stands by.
#[derive(Clone, Copy)]
enum Emulator {
    Asked,
    NotAsked,
}

fn tried(ops: &str, emulator: Emulator, engines: &[Box<dyn Engine>]) -> Verdict {
    tried_on(FIXED, ops, emulator, engines)
}

fn tried_on(name: &str, ops: &str, emulator: Emulator, engines: &[Box<dyn Engine>]) -> Verdict {
    let program = program(ops);
    let runtime = runtime(name, program.machine);
    let prepared = match emulator {
        Emulator::Asked => Prepared::builtin(runtime, engines),
        Emulator::NotAsked => Prepared::edited(runtime, engines),
    };
    Rig::new(Arc::new(prepared.unwrap())).unwrap().trial(&program)
}

/// Two engines that tell the same lie.
fn conspiracy(lie: &Lie) -> [Box<dyn Engine>; 2] {
    [Liar::engine("liar", Arc::clone(lie)), Liar::engine("accomplice", Arc::clone(lie))]
}

fn found(verdict: &Verdict) -> (Kind, &str) {
    match verdict {
        Verdict::Violation(v) => (v.kind, &v.found),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => {
            panic!("expected a violation, found {verdict:?}")
        }
    }
}

/// Who sides with whom.
fn sides(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Violation(v) => v.adjudication.as_ref().unwrap().sides(),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => String::new(),
    }
}

#[test]
fn every_kind_of_violation_is_found_where_both_engines_tell_the_lie_of_its_kind() {
    for kind in kinds().filter(|kind| *kind != Kind::EngineDivergence) {
        let (ops, lie) = lie(kind);
        let verdict = tried_on(about(kind), ops, Emulator::NotAsked, &conspiracy(&lie));
        assert!(matches!(&verdict, Verdict::Violation(v) if v.kind == kind), "{kind:?}: {verdict:?}");
    }
}

#[test]
fn a_liar_beside_an_honest_engine_is_a_divergence_and_emulator_or_third_engine_name_the_liar() {
    for kind in kinds().filter(is_in_the_outcome) {
        let (ops, lie) = lie(kind);
        for honest_first in [0, 1] {
            let mut engines = vec![Liar::engine("liar", Arc::clone(&lie))];
            engines.insert(honest_first, engine("wasmi"));
            let verdict = tried_on(about(kind), ops, Emulator::Asked, &engines);
            let (found_kind, text) = found(&verdict);
            assert_eq!(found_kind, Kind::EngineDivergence, "{kind:?}: {text}");
            assert!(text.contains("the odd one out is liar"), "{kind:?}: {text}");
            assert_eq!(sides(&verdict), "wasmi = emulator; liar alone");
            // Without an emulator Winch is asked, and sides with the honest one.
            let verdict = tried_on(about(kind), ops, Emulator::NotAsked, &engines);
            assert_eq!(found(&verdict).0, Kind::EngineDivergence, "{kind:?}");
            assert_eq!(sides(&verdict), "wasmi = winch; liar alone", "{kind:?}");
        }
    }
}

#[test]
fn engines_that_lie_alike_about_a_built_in_make_the_harness_distrust_itself() {
    for kind in kinds().filter(is_in_the_outcome) {
        let (ops, lie) = lie(kind);
        let verdict = tried_on(about(kind), ops, Emulator::Asked, &conspiracy(&lie));
        assert!(matches!(verdict, Verdict::Untrusted(_)), "{kind:?}: {verdict:?}");
    }
}

#[test]
fn what_no_promise_speaks_of_is_compared_with_the_emulator_and_between_engines_all_the_same() {
    let unjudged: [(&str, Lie); 3] = [
        ("memory beyond the heap", leaves(|i| i.flip(2 * PAGE - 4, 1))),
        ("the worklist's pointer", leaves(|i| i.set_global(3, 0))),
        ("a word of the worklist", leaves(|i| i.flip(64, 1))),
    ];
    for (what, lie) in unjudged {
        assert_eq!(tried(ONE_OBJECT, Emulator::NotAsked, &conspiracy(&lie)), Verdict::Pass, "{what}");
        let verdict = tried(ONE_OBJECT, Emulator::Asked, &conspiracy(&lie));
        assert!(matches!(verdict, Verdict::Untrusted(_)), "{what}: {verdict:?}");
        let mixed = [Liar::engine("liar", lie), engine("wasmtime")];
        assert_eq!(found(&tried(ONE_OBJECT, Emulator::NotAsked, &mixed)).0, Kind::EngineDivergence, "{what}");
    }
}

#[test]
fn another_step_is_a_divergence_and_a_trap_at_another_step_is_unexpected() {
    let ops = "collect\nalloc r0 size=0x80000000";
    let lie = ends(End::Trapped(Trap::Unreachable), 0);
    let verdict = tried(ops, Emulator::Asked, &[Liar::engine("liar", Arc::clone(&lie)), engine("wasmi")]);
    assert!(found(&verdict).1.contains("the odd one out is liar"), "{verdict:?}");
    let verdict = tried(ops, Emulator::NotAsked, &conspiracy(&lie));
    assert_eq!(found(&verdict).0, Kind::UnexpectedTrap(Trap::Unreachable));
}

#[test]
fn a_divergence_names_the_last_step_of_the_engine_that_got_less_far_and_a_replay_the_step_in_which_they_part() {
    let program = program("alloc r0 size=16 init=fill(1)\ncollect\ncollect\nalloc r1 size=8\ncollect");
    let step = |verdict: &Verdict| match verdict {
        Verdict::Violation(v) if v.kind == Kind::EngineDivergence => v.step,
        Verdict::Pass
        | Verdict::AllowedTrap(_)
        | Verdict::Violation(_)
        | Verdict::Inconclusive(_)
        | Verdict::Untrusted(_) => panic!("expected a divergence, found {verdict:?}"),
    };
    let from = |first: u32| {
        leaves(move |i| {
            if i.step() > first {
                i.flip(i.log(0) + 8, 1)
            }
        })
    };
    let lies = [(from(2), 4, 2), (from(0), 4, 0), (ends(End::Trapped(Trap::Unreachable), 3), 3, 0)];
    for (lie, at_end, replayed) in lies {
        for liar_first in [true, false] {
            let mut engines = vec![engine("wasmi")];
            engines.insert(usize::from(!liar_first), Liar::engine("liar", Arc::clone(&lie)));
            let runtime = runtime(FIXED, program.machine);
            let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap();
            assert_eq!(step(&rig.trial(&program)), at_end, "liar first: {liar_first}");
            assert_eq!(step(&rig.replay(&program).verdict), replayed, "liar first: {liar_first}");
        }
    }
}

#[test]
fn a_wrong_top_of_the_root_stack_is_found() {
    let verdict =
        tried(ONE_OBJECT, Emulator::NotAsked, &conspiracy(&leaves(|i| i.set_global(Role::RootTop as usize, 8))));
    assert_eq!(found(&verdict).0, Kind::BrokenRoots);
}

#[test]
fn nothing_is_said_where_one_engine_runs_out_of_fuel_or_fails() {
    let fail: Lie = Arc::new(|_, _| Err(EngineError::Abnormal { engine: "liar", message: "no reason".to_owned() }));
    for (reason, lie) in [(Inconclusive::FuelOnOneEngine, ends(End::OutOfFuel, 0)), (Inconclusive::EngineFailed, fail)]
    {
        for emulator in [Emulator::Asked, Emulator::NotAsked] {
            let engines = [engine("wasmtime"), Liar::engine("liar", Arc::clone(&lie))];
            assert_eq!(tried(ONE_OBJECT, emulator, &engines), Verdict::Inconclusive(reason));
        }
    }
}

#[test]
fn two_liars_and_nobody_to_ask_are_told_as_they_are() {
    let lies = [leaves(|i| i.flip(i.log(0) + 8, 1)), leaves(|i| i.flip(i.log(0) + 8, 2))];
    let liars = || [Liar::engine("liar", Arc::clone(&lies[0])), Liar::engine("another", Arc::clone(&lies[1]))];
    let verdict = tried(ONE_OBJECT, Emulator::NotAsked, &liars());
    assert_eq!(sides(&verdict), "winch = wasmi1; liar alone; another alone");
    assert!(found(&verdict).1.contains("the odd ones out are liar and another"), "{verdict:?}");
}

#[test]
fn of_three_engines_the_majority_decides() {
    let lie = leaves(|i| i.flip(i.log(0) + 8, 1));
    let engines = [engine("wasmtime"), Liar::engine("liar", lie), engine("winch")];
    let verdict = tried(ONE_OBJECT, Emulator::NotAsked, &engines);
    assert_eq!(sides(&verdict), "wasmtime = winch; liar alone");
    let Verdict::Violation(v) = verdict else { panic!("{verdict:?}") };
    assert_eq!(v.adjudication.unwrap().adjudicators, [""; 0]);
}

#[test]
fn an_engine_that_runs_single_programs_only_is_heard_when_it_is_asked_for() {
    let program = program(ONE_OBJECT);
    let lie = leaves(|i| i.flip(i.log(0) + 8, 1));
    let prepared = |lie: &Lie| {
        let engines = [engine("wasmtime"), engine("wasmi"), Liar::alone("liar", Arc::clone(lie))];
        Arc::new(Prepared::builtin(runtime(FIXED, program.machine), &engines).unwrap())
    };
    let mut rig = Rig::new(prepared(&lie)).unwrap();
    assert!(rig.engines().eq(["wasmtime", "wasmi", "liar"]));
    assert_eq!((rig.trial(&program), rig.heard().count()), (Verdict::Pass, 0));
    assert_eq!((rig.trial_with(&program, Hearing::Below(0)), rig.heard().count()), (Verdict::Pass, 0));
    for _ in 0..2 {
        let verdict = rig.trial_with(&program, Hearing::All);
        assert_eq!(sides(&verdict), "wasmtime = wasmi = emulator; liar alone");
        assert!(rig.heard().eq(["liar"]));
        assert_ne!(rig.memory(2), rig.memory(0));
        assert_eq!(sides(&rig.replay(&program).verdict), "wasmtime = wasmi = emulator; liar alone");
    }
    assert_eq!((rig.trial(&program), rig.heard().count()), (Verdict::Pass, 0));

    // A clean verdict needs its answer, a violation does not.
    for (reason, error) in [
        (Inconclusive::EngineKilled, EngineError::Killed { engine: "liar", seconds: 1 }),
        (Inconclusive::EngineFailed, EngineError::Abnormal { engine: "liar", message: "no reason".to_owned() }),
    ] {
        let error = std::sync::Mutex::new(Some(error));
        let fails: Lie = Arc::new(move |_, _| Err(error.lock().unwrap().take().unwrap()));
        let mut rig = Rig::new(prepared(&fails)).unwrap();
        assert_eq!(rig.trial_with(&program, Hearing::All), Verdict::Inconclusive(reason));
        assert_eq!(rig.trial(&program), Verdict::Pass);
    }
}

#[test]
fn an_engine_that_runs_single_programs_only_cannot_be_the_judged_one() {
    let honest: Lie = Arc::new(|_, end| Ok(end));
    let engines = [Liar::alone("alone", honest), engine("wasmtime")];
    let error = Prepared::builtin(runtime(FIXED, program(ONE_OBJECT).machine), &engines).err().unwrap();
    assert!(matches!(error, EngineError::Order { engine: "alone" }), "{error}");
}

/// What a variant's run gives on engines that lie where a collection happened.
fn tried_in(variant: &str, engines: &[Box<dyn Engine>]) -> Pair {
    let (ops, _) = lie(Kind::ScheduleDependence);
    let program = program(ops);
    let pool = Pool::new(Source::new(spec(FIXED)), engines);
    let prepared = Prepared::edited(runtime(FIXED, program.machine), engines).unwrap();
    let mut rig = Rig::new(Arc::new(prepared)).unwrap();
    assert_eq!(rig.trial(&program), Verdict::Pass);
    let variants = [parse_variant(variant).unwrap()];
    let mut tally = Tally::default();
    let found = Bench::new(&pool, u64::MAX).compare(&mut rig, &program, &variants, &mut tally).unwrap();
    found.map_or(Pair::Same, |(_, pair)| pair)
}

#[test]
fn contents_that_change_with_a_collection_are_a_schedule_dependence() {
    let (_, lie) = lie(Kind::ScheduleDependence);
    let variants =
        ["collections=all", "collections=before(1)", "collections=all on=fixed?data_end=57", "collections=all poison"];
    for variant in variants {
        let own = variant == "collections=all" || variant == "collections=before(1)";
        match tried_in(variant, &conspiracy(&lie)) {
            Pair::Broken(v) => {
                assert_eq!((v.kind, v.variant.as_deref()), (Kind::ScheduleDependence, Some(variant)));
                assert!(v.expected.contains("word 2 of object 0 (r0, 16 bytes)"), "{}", v.expected);
            }
            // A built-in without an edit: its emulator stands by.
            Pair::Untrusted(_) if !own && variant != "collections=all poison" => {}
            pair @ (Pair::Same | Pair::NotCompared(_) | Pair::Untrusted(_)) => panic!("{variant}: {pair:?}"),
        }
    }
    assert_eq!(tried_in("", &conspiracy(&lie)), Pair::Same);
    assert_eq!(tried_in("poison", &conspiracy(&lie)), Pair::Same);
}

#[test]
fn a_liar_beside_an_honest_engine_is_a_divergence_in_a_variant_too() {
    let (_, lie) = lie(Kind::ScheduleDependence);
    match tried_in("collections=all", &[Liar::engine("liar", lie), engine("wasmi")]) {
        Pair::Broken(v) => assert_eq!(v.kind, Kind::EngineDivergence),
        pair @ (Pair::Same | Pair::NotCompared(_) | Pair::Untrusted(_)) => panic!("{pair:?}"),
    }
}
