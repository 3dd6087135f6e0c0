//! Both lowerings on both engines against a native twin, word for word.
#![allow(clippy::unwrap_used, reason = "tests")]

pub(crate) mod bump;
mod twin;

use super::tape::Tape;
use super::wast::{Directive, script};
use super::{resident, standalone};
use crate::engine::script::run_script;
use crate::engine::session::{Resident, compile_resident, run_standalone};
use crate::engine::{self, Engine};
use crate::outcome::{End, Trap};
use crate::plan::{Fill, Initial, Plan, RootWrite, Shape, Step, Value};
use crate::runtime;
use heapsmith_generators::Machine;

const FUEL: u64 = 100_000_000;

pub(crate) const fn push(slot: u32) -> RootWrite {
    RootWrite { slot, push: true }
}

pub(crate) const fn set(slot: u32) -> RootWrite {
    RootWrite { slot, push: false }
}

pub(crate) fn alloc(root: RootWrite, size: u32) -> Step {
    Step::Alloc {
        root,
        size,
        init: Initial { fill: Fill::All { tag: size }, first: 0, stride: 1, count: 0, fields: 0 },
    }
}

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan { steps, log_words: 4_000, slots: 1_200, handles: 40, work: 0 }
}

fn engines() -> Vec<Box<dyn Engine>> {
    engine::DEFAULT.iter().map(|name| engine::by_name(name).unwrap()).collect()
}

/// Runs a plan everywhere and in every way; all must agree with the twin. Gives how it ended and at which step.
fn agree(plan: &Plan) -> (End, u32) {
    let runtime = bump::runtime();
    let (expected, memory) = twin::run(plan);
    let mut tape = Tape::default();
    tape.encode(plan);
    for engine in engines() {
        let name = engine.name();
        let mut session = Resident::new(compile_resident(&*engine, &runtime).unwrap()).unwrap();
        for round in ["first", "second, after a reset"] {
            let end = session.run(&tape, FUEL).unwrap();
            assert_eq!(session.outcome(end), expected, "{name}, resident, {round}");
            assert!(session.heap() == memory, "{name}, resident, {round}: memory differs");
        }
        session.begin(&tape).unwrap();
        let mut end = End::Finished;
        for until in 1..=tape.steps() {
            end = session.advance(until, FUEL).unwrap();
            if end != End::Finished {
                break;
            }
            assert_eq!(session.step(), until);
        }
        assert_eq!(session.outcome(end), expected, "{name}, step by step");
        assert!(session.heap() == memory, "{name}, step by step: memory differs");

        let (outcome, heap) = run_standalone(&*engine, &runtime, plan, FUEL).unwrap();
        assert_eq!(outcome, expected, "{name}, standalone");
        assert!(heap == memory, "{name}, standalone: memory differs");
    }
    (expected.end, expected.step)
}

fn finishes(steps: Vec<Step>) {
    let n = u32::try_from(steps.len()).unwrap();
    assert_eq!(agree(&plan(steps)), (End::Finished, n));
}

#[test]
fn every_step_but_graphs() {
    finishes(vec![
        Step::Nop,
        alloc(push(0), 24),
        alloc(push(1), 40),
        Step::Store { obj: 0, offset: 8, value: 1 },
        Step::Load { root: push(2), src: 0, offset: 8 },
        Step::Clear { obj: 0, offset: 8 },
        Step::Write { obj: 1, offset: 4, value: Value::Constant(0xDEAD_BEEF) },
        Step::Write { obj: 1, offset: 8, value: Value::Slot { slot: 0, offset: 12 } },
        Step::Write { obj: 1, offset: 12, value: Value::Slot { slot: 0, offset: 0xFFFF_FFF8 } },
        Step::Write { obj: 1, offset: 16, value: Value::Logged { index: 1, offset: 3 } },
        Step::Enter,
        Step::Enter,
        Step::Assign { root: push(3), src: Some(1) },
        Step::Assign { root: set(0), src: None },
        Step::Leave { keep: Some((3, push(3))) },
        Step::Assign { root: set(2), src: Some(3) },
        Step::Leave { keep: None },
        Step::Assign { root: push(3), src: None },
        Step::Collect,
        Step::Digest { obj: 2, ranges: vec![(0, 40), (4, 0), (5, 7), (3, 3)] },
        Step::Digest { obj: 2, ranges: vec![] },
        Step::Roots { first: 4, count: 9, words: 3 },
        Step::Roots { first: 13, count: 0, words: 3 },
        Step::Garbage { count: 5, size: 13 },
        Step::Garbage { count: 0, size: 13 },
        Step::Collect,
        alloc(set(7), 0),
        Step::Wrap { obj: 0, kind: 2, first: 5, count: 3, word: None },
        Step::Wrap { obj: 1, kind: 1, first: 0x8000_0001, count: 1, word: Some(8) },
        Step::Wrap { obj: 1, kind: 1, first: 7, count: 0, word: None },
    ]);
}

#[test]
fn releases_beyond_the_room_for_them_are_counted_and_write_nothing() {
    let room = plan(vec![]).release_room();
    for count in [room - 1, room, room + 1, room + 1_000] {
        finishes(vec![alloc(push(0), 8), Step::Wrap { obj: 0, kind: 3, first: 1, count, word: Some(0) }]);
    }
    let (outcome, _) =
        twin::run(&plan(vec![alloc(push(0), 8), Step::Wrap { obj: 0, kind: 3, first: 1, count: 60, word: None }]));
    assert_eq!((outcome.releases.len() as u32, outcome.surplus_releases), (room, 60 - room));
}

#[test]
fn every_fill_at_every_size_around_its_edges() {
    let mut steps = vec![Step::Assign { root: push(0), src: None }];
    for size in (0..=12).chain(30..=36).chain(62..=70).chain([127, 1_000, 70_000]) {
        for fill in [Fill::Nothing, Fill::All { tag: 7 }, Fill::Ends { tag: 0xFFFF_FFF0 }] {
            let fields = size / 4;
            for init in [
                Initial { fill, first: 0, stride: 1, count: 0, fields: 0 },
                Initial { fill, first: fields / 2, stride: 1, count: fields - fields / 2, fields },
                Initial { fill, first: fields.min(1), stride: 3, count: fields / 4, fields },
            ] {
                steps.push(Step::Alloc { root: set(0), size, init });
            }
        }
    }
    finishes(steps);
}

#[test]
fn every_shape_at_small_and_odd_sizes() {
    let mut steps = Vec::new();
    let mut slot = 0;
    for n in [0, 1, 2, 3, 17, 40] {
        for shape in [
            Shape::Chain { n },
            Shape::Cycle { n },
            Shape::Wide { n },
            Shape::DuplicateRefs { n },
            Shape::Tree { n, arity: 1 },
            Shape::Tree { n, arity: 3 },
            Shape::Grid { width: n, height: 3 },
            Shape::Grid { width: 3, height: n },
            Shape::Comb { spine: n, teeth: 3 },
            Shape::Comb { spine: 3, teeth: n },
            Shape::RandomGraph { nodes: n, edges: 2 * n, seed: n },
            Shape::RandomGraph { nodes: n, edges: 0, seed: n },
        ] {
            steps.push(Step::Graph { root: push(slot), shape, words: n % 3, tag: 0xFFFF_FFF0 + n % 16 });
            slot += 1;
        }
        steps.push(Step::Graph { root: set(0), shape: Shape::Chain { n }, words: 1, tag: n });
    }
    finishes(steps);
}

#[test]
fn more_steps_than_one_function_holds() {
    let mut steps = vec![alloc(push(0), 8)];
    for i in 0..450 {
        steps.push(Step::Write { obj: 0, offset: 4, value: Value::Constant(i) });
        steps.push(Step::Digest { obj: 0, ranges: vec![(0, 8)] });
    }
    finishes(steps);
}

#[test]
fn no_step_at_all() {
    finishes(vec![]);
}

#[test]
fn growth_is_seen_alike() {
    finishes(vec![alloc(push(0), 60_000), alloc(push(1), 200_000), Step::Collect]);
}

#[test]
fn a_trap_tells_its_step() {
    let tests = [
        (alloc(set(0), 0x8000_0000), Trap::Unreachable),
        (alloc(set(0), 0x7FFF_FFF0), Trap::Unreachable),
        (Step::Write { obj: 0, offset: 1 << 20, value: Value::Constant(1) }, Trap::MemoryOutOfBounds),
        (Step::Write { obj: 0, offset: 0x8000_0000, value: Value::Constant(1) }, Trap::MemoryOutOfBounds),
        (Step::Load { root: push(1), src: 0, offset: 1 << 30 }, Trap::MemoryOutOfBounds),
        (Step::Digest { obj: 0, ranges: vec![(0, 4), (1 << 24, 4)] }, Trap::MemoryOutOfBounds),
        (Step::Roots { first: 1, count: 1_100, words: 0 }, Trap::Unreachable),
    ];
    for (step, trap) in tests {
        let steps = vec![alloc(push(0), 16), Step::Nop, Step::Collect, step, Step::Collect];
        assert_eq!(agree(&plan(steps)), (End::Trapped(trap), 3));
    }
}

#[test]
fn an_offset_may_wrap() {
    // Slot 0 holds -8 + payload's address through a wrapped sum: the write lands 8 bytes before the payload.
    let back = 0_u32.wrapping_sub(8);
    finishes(vec![
        alloc(push(0), 16),
        alloc(push(1), 16),
        Step::Write { obj: 1, offset: back, value: Value::Constant(9) },
    ]);
}

#[test]
fn opcodes_are_listed_by_number() {
    for (i, (opcode, _)) in super::tape::Opcode::ALL.into_iter().enumerate() {
        assert_eq!(opcode as usize, i);
    }
}

#[test]
fn the_lowered_text_is_free_of_select_and_bulk_memory() {
    let runtime = bump::runtime();
    let lowered = standalone::modules(&runtime, &plan(vec![alloc(push(0), 16)]));
    for text in [&resident::module(&runtime), &lowered.mutator, &lowered.program] {
        let code: String = text.lines().map(|line| line.split(";;").next().unwrap()).collect();
        assert!(!code.contains("select") && !code.contains("memory.copy") && !code.contains("memory.fill"));
        assert!(!code.contains('{'), "a placeholder is left");
    }
}

#[test]
fn standalone_modules_are_mvp() {
    let runtime = bump::runtime();
    let every_shape = [Shape::Comb { spine: 2, teeth: 2 }, Shape::RandomGraph { nodes: 2, edges: 2, seed: 1 }];
    let steps = every_shape.map(|shape| Step::Graph { root: push(0), shape, words: 1, tag: 1 }).to_vec();
    let lowered = standalone::modules(&runtime, &plan(steps));
    for text in [&lowered.mutator, &lowered.program] {
        let features = wasmparser::WasmFeatures::WASM1;
        wasmparser::Validator::new_with_features(features).validate_all(&wat::parse_str(text).unwrap()).unwrap();
    }
}

#[test]
fn a_script_shows_what_holds_and_what_does_not() {
    let steps = vec![alloc(push(0), 16), Step::Write { obj: 0, offset: 4, value: Value::Constant(0xFEED_BEEF) }];
    let lowered = standalone::modules(&bump::runtime(), &plan(steps));
    let (address, word) = (bump::HEAP + 8, 0xFEED_BEEF);
    let holds = [Directive::Run, Directive::HeapWord { address, word }, Directive::NotFree { address }];
    for engine in engines() {
        let report = run_script(&*engine, &script(&lowered, &holds), FUEL).unwrap();
        assert_eq!((report.executed, report.failure), (3, None));
        let fails = [Directive::Run, Directive::HeapWord { address, word: 1 }, Directive::Run];
        let report = run_script(&*engine, &script(&lowered, &fails), FUEL).unwrap();
        let failure = report.failure.unwrap();
        assert_eq!(report.executed, 2);
        assert_eq!(failure.directive, r#"(assert_return (invoke "peek_heap" (i32.const 4104)) (i32.const 1))"#);
        assert_eq!((failure.expected.as_str(), failure.found.as_str()), ("a return of 0x1", "a return of 0xfeedbeef"));
        let traps = [Directive::RunTraps(Trap::Unreachable)];
        let report = run_script(&*engine, &script(&lowered, &traps), FUEL).unwrap();
        assert_eq!(report.failure.unwrap().found, "a return");
        let trapping = standalone::modules(&bump::runtime(), &plan(vec![alloc(push(0), 0xFFFF_FFFF)]));
        assert_eq!(run_script(&*engine, &script(&trapping, &traps), FUEL).unwrap().failure, None);
        let report = run_script(&*engine, &script(&trapping, &[Directive::Run]), FUEL).unwrap();
        assert_eq!(report.failure.unwrap().found, "the trap \"unreachable\"");
    }
}

#[test]
fn lowerings_and_engines_agree_on_every_built_in_collector() {
    let steps = vec![
        alloc(push(0), 24),
        Step::Graph { root: push(1), shape: Shape::Wide { n: 50 }, words: 2, tag: 1 },
        Step::Graph { root: push(2), shape: Shape::RandomGraph { nodes: 40, edges: 60, seed: 9 }, words: 1, tag: 2 },
        Step::Enter,
        Step::Graph { root: push(3), shape: Shape::Comb { spine: 9, teeth: 9 }, words: 0, tag: 3 },
        Step::Leave { keep: Some((3, push(3))) },
        Step::Collect,
        Step::Assign { root: set(2), src: None },
        Step::Garbage { count: 30, size: 5_000 },
        Step::Collect,
        Step::Garbage { count: 30, size: 40 },
        Step::Digest { obj: 1, ranges: vec![(0, 200)] },
        alloc(set(0), 0xFFFF_FFF0),
    ];
    let plan = plan(steps);
    let mut tape = Tape::default();
    tape.encode(&plan);
    for name in runtime::names() {
        let runtime = runtime::builtin(runtime::describe(name, Machine::default()).unwrap());
        let mut results = Vec::new();
        for engine in engines() {
            let mut session = Resident::new(compile_resident(&*engine, &runtime).unwrap()).unwrap();
            for _ in 0..2 {
                let end = session.run(&tape, FUEL).unwrap();
                results.push((session.outcome(end), session.heap().to_vec()));
            }
            results.push(run_standalone(&*engine, &runtime, &plan, FUEL).unwrap());
        }
        let (first, _) = &results[0];
        let globals = runtime.description.globals().len();
        assert!(first.step >= 11 && first.globals.len() == globals && first.globals[4] >= 2, "{name}: {first:?}");
        for other in &results {
            assert_eq!(other.0, *first, "{name}");
            assert!(other.1 == results[0].1, "{name}: memory differs");
        }
    }
}
