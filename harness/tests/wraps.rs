//! The wrap table: engines against the emulator, both lowerings, and what the model says of a release that keeps its promises of handles.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, Mixture, V131, WRAP, clean, engine, rig, runtime};
use heapsmith::engine::DEFAULT;
use heapsmith::engine::script::run_script;
use heapsmith::judge::{Allowance, Inconclusive, Kind, Verdict};
use heapsmith::model::TrapRule;
use heapsmith::outcome::{Outcome, Release};
use heapsmith::reduce::cause_of;
use heapsmith::report::finding_script;
use heapsmith::runtime::description::{HandleForm, Role, Rules};
use heapsmith::runtime::{self as rt, Fault, rewith};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Program, parse};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn program(text: &str) -> Program {
    parse(&format!("heapsmith 1\n{text}")).unwrap()
}

/// The verdict on a program, on both engines with the emulator, and what it left behind.
fn tried(text: &str) -> (Verdict, Outcome) {
    let program = program(text);
    let mut rig = rig(WRAP, program.machine);
    let verdict = rig.trial(&program);
    assert_eq!(rig.replay(&program).verdict, verdict, "{text}");
    rig.trial(&program);
    (verdict, rig.outcome(0).clone())
}

/// Numbers of the handles that a program releases, in order; it passes.
fn released(text: &str) -> Vec<u32> {
    let (verdict, outcome) = tried(text);
    assert_eq!(verdict, Verdict::Pass, "{text}");
    outcome.releases.iter().map(|release| release.handle ^ 1 << 31).collect()
}

#[test]
fn engines_and_emulator_agree_on_every_byte_of_6_000_programs_with_handles() {
    let (mut compared, mut registered, mut released) = (0, 0, 0);
    for (seed, count, bulk) in [(50, 5_900, Bulk::Small), (51, 100, Bulk::Big)] {
        Mixture::new(WRAP, seed).run(count, bulk, |index, program, verdict, rig| {
            let fail = || panic!("seed {seed}, program {index}: {verdict:?}\n{program}");
            match verdict {
                Verdict::Untrusted(_)
                | Verdict::Inconclusive(
                    Inconclusive::EngineFailed | Inconclusive::EngineKilled | Inconclusive::TooMuchWork,
                ) => fail(),
                Verdict::Violation(v) if v.kind == Kind::EngineDivergence => fail(),
                Verdict::Violation(_)
                | Verdict::Inconclusive(Inconclusive::FuelOnOneEngine)
                | Verdict::Pass
                | Verdict::AllowedTrap(_) => {}
            }
            let o = rig.observe();
            compared += 1;
            registered += o.registered;
            released += o.released;
            true
        });
    }
    println!("{compared} programs, {registered} handles registered, {released} released");
    assert!(registered > 10_000 && released > 1_000, "{registered} registered, {released} released");
}

#[test]
fn both_lowerings_agree_on_programs_with_handles() {
    let engines = DEFAULT.map(engine);
    let (mut run, mut released) = (0, 0);
    Mixture::new(WRAP, 52).run(150, Bulk::Small, |index, program, _, rig| {
        for (i, engine) in engines.iter().enumerate() {
            assert!(rig.standalone_agrees(i, &**engine).unwrap(), "program {index} on {}\n{program}", engine.name());
        }
        run += 1;
        released += rig.outcome(0).releases.len();
        true
    });
    assert!(released > run, "{released} releases in {run} programs");
}

/// Programs in which only what `vera@0.1.9` breaks without a wrap table is broken.
#[test]
fn only_the_known_defects_are_found_in_3_000_programs() {
    let (mut passed, mut broken) = (0, 0);
    let one = [engine("wasmtime")];
    Mixture::new(WRAP, 53).run(3_000, Bulk::Small, |index, program, verdict, rig| {
        match verdict {
            Verdict::Pass | Verdict::AllowedTrap(_) => passed += 1,
            Verdict::Violation(v) => {
                broken += 1;
                let cause = cause_of(rig.model().description(), &one, program).unwrap().map(|cause| cause.rule);
                assert!(
                    matches!(cause, Some("candidate-test" | "initial-pages")),
                    "program {index}: {cause:?} {v:?}\n{program}"
                );
            }
            Verdict::Inconclusive(_) | Verdict::Untrusted(_) => panic!("program {index}: {verdict:?}\n{program}"),
        }
        true
    });
    println!("{passed} clean, {broken} with a known defect");
    assert!(passed > 2_000 && broken > 0, "{passed} clean, {broken} broken");
}

const SMALL: &str = "machine data_end=3 worklist=8 roots=8 pages=2..4 wraps=3\n";

#[test]
fn a_full_table_collects_once_and_then_has_room() {
    assert_eq!(
        released(&format!("{SMALL}alloc r0 size=8\nwrap r0 kind=1 n=wraps\ndrop r0\nalloc r1 size=8\nwrap r1 kind=2")),
        [1, 2, 3]
    );
    let (verdict, outcome) = tried(&format!("{SMALL}alloc r0 size=8\nwrap r0 kind=1 n=wraps"));
    assert_eq!((verdict, outcome.globals[Role::Collections as usize]), (Verdict::Pass, 0));
}

#[test]
fn a_table_full_of_live_wrappers_traps_after_one_collection() {
    let (verdict, outcome) = tried(&format!("{SMALL}alloc r0 size=8\nwrap r0 kind=1 n=wraps+1"));
    assert_eq!(verdict, Verdict::AllowedTrap(Allowance::Must(TrapRule::WrapTableFull)));
    assert_eq!((outcome.globals[Role::Collections as usize], outcome.releases), (1, vec![]));
}

#[test]
fn the_default_table_holds_4_096_entries() {
    for (n, expected) in
        [(4_096, Verdict::Pass), (4_097, Verdict::AllowedTrap(Allowance::Must(TrapRule::WrapTableFull)))]
    {
        assert_eq!(tried(&format!("alloc r0 size=8\nwrap r0 kind=1 n={n}\ncollect\n")).0, expected, "{n}");
    }
}

#[test]
fn dead_entries_are_released_in_order_and_live_ones_move_down_in_order() {
    let text = "machine wraps=8\nalloc r0 size=8\nalloc r1 size=8\nwrap r0 kind=1\nwrap r1 kind=2\nwrap r0 kind=3\nwrap r1 kind=4\n\
                wrap r0 kind=5\ndrop r0\ncollect\nwrap r1 kind=6\ndrop r1\ncollect\n";
    let (verdict, outcome) = tried(text);
    assert_eq!(verdict, Verdict::Pass);
    let all = [(8, 1, 1), (8, 3, 3), (8, 5, 5), (11, 2, 2), (11, 4, 4), (11, 6, 6)];
    let expected = all.map(|(step, kind, handle)| Release { step, kind, handle: handle | 1 << 31 });
    assert_eq!(outcome.releases, expected);
}

#[test]
fn an_object_registered_twice_has_both_handles_released_once() {
    assert_eq!(
        released("alloc r0 size=8\nwrap r0 kind=1\ncollect\nwrap r0 kind=1\ncollect\ndrop r0\ncollect\ncollect\n"),
        [1, 2]
    );
}

#[test]
fn a_collecting_registration_needs_a_free_root_slot() {
    let text = |roots: u32| {
        format!("{SMALL}alloc r0 size=8\nwrap r0 kind=1 n=wraps\nroots n={roots}\nalloc r0 size=8\nwrap r0 kind=1")
    };
    let (verdict, outcome) = tried(&text(7));
    assert_eq!(verdict, Verdict::AllowedTrap(Allowance::Must(TrapRule::RootStackFull)));
    assert_eq!(outcome.globals[Role::Collections as usize], 0);
    assert_eq!(released(&text(6)), [1, 2, 3]);
}

#[test]
fn what_a_data_word_keeps_is_not_released() {
    let kept = "alloc r0 size=8\nwrap r0 kind=1\nalloc r1 size=16\nwrite r1[1] = r0+0\ndrop r0\ncollect\n";
    assert_eq!(released(kept), [0; 0]);
    assert_eq!(released(&format!("{kept}write r1[1] = 0\ncollect\n")), [1]);
}

#[test]
fn memory_of_a_dead_wrapper_is_another_object_s_and_is_not_released_again() {
    let reused = "alloc r0 size=8\nwrap r0 kind=1\ndrop r0\ncollect\nalloc r1 size=8\ncollect\ndrop r1\ncollect\n";
    assert_eq!(released(reused), [1]);
}

#[test]
fn a_wrapper_in_a_graph_lives_as_long_as_its_path() {
    let graph =
        "alloc r0 size=8 fields=1\nalloc r1 size=8 fields=1\nwrap r1 kind=2\nstore r0.0 = r1\ndrop r1\ncollect\n";
    assert_eq!(released(graph), [0; 0]);
    assert_eq!(released(&format!("{graph}clear r0.0\ncollect\n")), [1]);
}

#[test]
fn registrations_are_no_ops_where_there_is_no_table() {
    for name in [V131, FIXED] {
        let program = program("machine wraps=3\nalloc r0 size=8\nwrap r0 kind=1 n=wraps+1\n");
        let mut rig = common::rig(name, program.machine);
        assert_eq!(rig.trial(&program), Verdict::Pass);
        assert_eq!(rig.model().expectation().noops, 1);
    }
}

/// #578: handle 36 in the payload of a live wrapper looks like the address of a free block.
fn handles_up_to_36() -> Program {
    program(&format!(
        "machine worklist=2 roots=2 pages=1..2 wraps=1\n{}collect\n",
        "alloc r0 size=8\nwrap r0 kind=1\n".repeat(36)
    ))
}

fn with_handles(form: HandleForm) -> (Verdict, Option<&'static str>) {
    let program = handles_up_to_36();
    let description = runtime(WRAP, program.machine).description;
    assert_eq!(description.regions.heap_start, 32);
    let description = rewith(&description, Rules { handles: form, ..description.rules.unwrap() });
    let engines = common::engines();
    let cause = cause_of(&description, &engines, &program).unwrap().map(|cause| cause.rule);
    let mut rig = Rig::new(Arc::new(Prepared::builtin(rt::builtin(description), &engines).unwrap())).unwrap();
    (rig.trial(&program), cause)
}

#[test]
fn issue_578_a_raw_handle_that_looks_like_an_address_keeps_garbage_alive() {
    assert_eq!(with_handles(HandleForm::Tagged), (Verdict::Pass, None));
    let (verdict, cause) = with_handles(HandleForm::Raw);
    assert!(matches!(&verdict, Verdict::Violation(v) if v.kind == Kind::Leak), "{verdict:?}");
    assert_eq!(cause, Some("handle-form"));
}

/// Programs that a planted fault has to show itself in.
const PROGRAMS: [(usize, Bulk); 2] = [(1_900, Bulk::Small), (100, Bulk::Big)];

#[test]
fn every_fault_planted_in_the_wrap_table_is_seen_by_the_model_within_2_000_programs() {
    let mut programs = Vec::new();
    for (count, bulk) in PROGRAMS {
        Mixture::new(WRAP, 54).run(count, bulk, |_, program, verdict, _| {
            // What the release itself breaks shows no planted fault.
            if clean(verdict) {
                programs.push(program.clone());
            }
            true
        });
    }
    let faults = rt::fault::planted(WRAP);
    let next = AtomicUsize::new(0);
    let hunt = || {
        let mut missed = Vec::new();
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            match first_seen(fault, &programs) {
                Some((index, kind, Script::Fails)) => {
                    println!("{}: program {index}, {}", fault.name, kind.full_name());
                }
                Some((index, kind, Script::Passes)) => {
                    println!("{}: the script of program {index} passes, {}", fault.name, kind.full_name());
                    missed.push(fault.name.as_str());
                }
                None => missed.push(fault.name.as_str()),
            }
        }
        missed
    };
    let missed: Vec<&str> = std::thread::scope(|scope| {
        let threads = [scope.spawn(hunt), scope.spawn(hunt)];
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(missed, [""; 0], "faults that no program showed");
}

/// What the script of a finding does on the runtime that it was found in.
enum Script {
    Fails,
    Passes,
}

/// The first program in which the model sees a fault; no emulator is asked, and there is one engine only.
fn first_seen(fault: &Fault, programs: &[Program]) -> Option<(usize, Kind, Script)> {
    let engines = [engine("wasmi")];
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    programs.iter().enumerate().find_map(|(index, program)| {
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let edited = rt::fault::apply(&runtime(WRAP, program.machine), fault).unwrap();
            Rig::new(Arc::new(Prepared::edited(edited, &engines).unwrap())).unwrap()
        });
        match rig.trial(program) {
            Verdict::Violation(_) => {
                let replay = rig.replay(program);
                let Verdict::Violation(v) = &replay.verdict else { panic!("{}: {:?}", fault.name, replay.verdict) };
                let script = finding_script(rig, &replay.verdict, "");
                let report = run_script(&*engines[0], &script, 1 << 40).unwrap();
                Some((index, v.kind, if report.failure.is_some() { Script::Fails } else { Script::Passes }))
            }
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
        }
    })
}
