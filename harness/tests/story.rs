//! The seed's story (#348, #487, #570 and their relatives): what cases of `corpus/regressions` show beyond the outcome that their
//! `# expect` lines say, on both engines and in both lowerings.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, RUNTIMES, V130, V131, engine, regression, rig, runtime};
use heapsmith::engine::{DEFAULT, session::run_standalone};
use heapsmith::judge::{self, Allowance, Kind, Seen, Verdict, Violation};
use heapsmith::model::{Model, TrapRule};
use heapsmith::outcome::{End, Outcome, Trap};
use heapsmith::plan::Step;
use heapsmith::runtime::description::{PAGE, Role};
use heapsmith::trial::fuel;

/// What became of a regression, the same on both engines and in both lowerings.
struct Told {
    /// The verdict at the program's end.
    verdict: Verdict,
    /// The verdict when each step is judged.
    replay: Verdict,
    outcome: Outcome,
    model: Model,
}

impl Told {
    fn first_violation(&self) -> &Violation {
        violation(&self.replay)
    }

    fn kinds(&self) -> (Kind, Kind) {
        (violation(&self.verdict).kind, violation(&self.replay).kind)
    }
}

fn violation(verdict: &Verdict) -> &Violation {
    match verdict {
        Verdict::Violation(v) => v,
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => {
            panic!("expected a violation, found {verdict:?}")
        }
    }
}

/// Runs a regression resident (as a trial and as a replay, whose engines and emulator must agree) and standalone.
fn tell(name: &str, on: &str) -> Told {
    let program = regression(name);
    let runtime = runtime(on, program.machine);
    let mut rig = rig(on, program.machine);
    let verdict = rig.trial(&program);
    let (outcome, memory) = (rig.outcome(0).clone(), rig.memory(0).to_vec());
    for engine in 1..DEFAULT.len() {
        assert_eq!(*rig.outcome(engine), outcome, "{name} on {on}");
        assert!(*rig.memory(engine) == *memory, "{name} on {on}: memories differ");
    }
    for engine_name in DEFAULT {
        let mut model = Model::new(&runtime.description);
        model.plan_program(&program);
        let budget = 16 * fuel(model.plan().work);
        let (alone, heap) = run_standalone(&*engine(engine_name), &runtime, model.plan(), budget).unwrap();
        assert_eq!(alone, outcome, "{name} on {on}, standalone on {engine_name}");
        assert!(heap == memory, "{name} on {on}, standalone on {engine_name}: memories differ");
        let judged = judge::judge(&mut model, &program, Seen { outcome: &alone, heap: &heap });
        assert_eq!(judged, verdict, "{name} on {on}, standalone on {engine_name}");
    }
    let replay = rig.replay(&program).verdict;
    let mut model = Model::new(&runtime.description);
    model.plan_program(&program);
    Told { verdict, replay, outcome, model }
}

fn passes(name: &str, on: &str) -> Told {
    let told = tell(name, on);
    assert_eq!((&told.verdict, &told.replay), (&Verdict::Pass, &Verdict::Pass), "{name} on {on}");
    told
}

fn traps(name: &str, on: &str, rule: TrapRule, step: u32) -> Told {
    let told = tell(name, on);
    let expected = Verdict::AllowedTrap(Allowance::Must(rule));
    assert_eq!((&told.verdict, &told.replay), (&expected, &expected), "{name} on {on}");
    assert_eq!((told.outcome.end, told.outcome.step), (End::Trapped(Trap::Unreachable), step), "{name} on {on}");
    told
}

#[test]
fn worklist_up_to_its_capacity_every_distinct_pointer_survives() {
    for on in [V131, FIXED] {
        let told = passes("worklist-wide-16384", on);
        assert_eq!(told.outcome.globals[Role::Collections as usize], 1, "the explicit collection is the only one");
    }
}

#[test]
fn worklist_of_v0_0_130_frees_in_silence_one_past_its_capacity() {
    let told = tell("worklist-wide-4097", V130);
    assert_eq!(told.kinds(), (Kind::SilentFree, Kind::SilentFree));
    let v = told.first_violation();
    assert_eq!(v.step, 1, "in the collection");
    // The last child, or what only it reaches.
    let path = &v.object.as_ref().unwrap().path;
    assert!(path.starts_with("r0.4096"), "{path}");
}

#[test]
fn growth_is_the_shortage_rounded_up_to_pages() {
    for (shortage, pages) in [(65_535_u32, 1), (65_536, 1), (65_537, 2)] {
        let name = format!("growth-shortage-{shortage}");
        for on in RUNTIMES {
            let told = if on == V130 && pages > 1 { tell(&name, on) } else { passes(&name, on) };
            let d = told.model.description();
            let (p, start) = (d.parameters, d.regions.heap_start);
            // From the layout: a stride that ends `shortage` bytes past the end of memory, and the size that has it.
            let stride = p.initial_pages * PAGE + shortage - start;
            assert!(stride.is_multiple_of(8), "{name} on {on}: data_end is {}", p.data_end);
            let Step::Alloc { size, .. } = told.model.plan().steps[0] else { panic!("no allocation") };
            assert_eq!(size, stride - d.object.header_bytes, "{name} on {on}");
            assert_eq!(told.outcome.globals[Role::HeapEnd as usize], start + stride, "{name} on {on}");
            let grown = told.outcome.pages - p.initial_pages;
            if on == V130 {
                assert_eq!(grown, 1, "{name} on {on}: one page whatever is needed");
            } else {
                assert_eq!((grown, told.model.heap.pages()), (pages, told.outcome.pages), "{name} on {on}");
            }
        }
    }
    assert_eq!(tell("growth-shortage-65537", V130).kinds().1, Kind::OutOfBounds);
}

#[test]
fn growth_of_one_page_writes_or_hands_out_memory_that_is_not_there() {
    let filled = tell("growth-200000-filled", V130);
    assert_eq!(filled.kinds(), (Kind::OutOfBounds, Kind::OutOfBounds));
    assert_eq!(filled.outcome.end, End::Trapped(Trap::MemoryOutOfBounds));
    let bare = tell("growth-200000-bare", V130);
    assert_eq!(bare.kinds(), (Kind::BlockOutOfBounds, Kind::BlockOutOfBounds));
    assert_eq!(bare.outcome.end, End::Finished);
}

#[test]
fn growth_that_is_refused_traps_unreachable() {
    for on in RUNTIMES {
        let told = traps("growth-refused", on, TrapRule::MemoryLimit, 0);
        assert_eq!(told.outcome.pages, 2);
    }
}

#[test]
fn a_false_candidate_gets_a_mark_bit_in_a_live_payload_on_both_releases() {
    for on in [V130, V131] {
        let told = tell("mark-bit-in-payload", on);
        assert_eq!(told.kinds(), (Kind::CorruptPayload, Kind::CorruptPayload), "{on}");
        let v = told.first_violation();
        let (object, word) = (v.object.as_ref().unwrap(), v.words[0]);
        assert_eq!((v.step, object.path.as_str(), object.size), (3, "r0", 24), "{on}");
        assert_eq!((word.address, word.expected, word.found), (object.address + 4, 0, 1), "{on}");
    }
}

#[test]
fn a_false_candidate_with_a_huge_size_is_never_read_out_of_bounds() {
    // Every size that a bogus header can record: passed over, or a mark bit in the payload, but no access out of bounds.
    let program = regression("false-candidate-huge-size").to_string();
    for on in [V130, V131] {
        let mut rig = rig(on, heapsmith_generators::Machine::default());
        let (mut passed, mut corrupt) = (0, 0);
        for bits in 1..32 {
            let huge = format!("write r0[1] = {:#x}", u32::MAX << (31 - bits) & !1);
            for line in [huge, format!("write r0[1] = {:#x}", 1_u32 << bits)] {
                let text = program.replace("write r0[1] = 0xfffffffe", &line);
                assert!(text.contains(&line));
                let verdict = rig.trial(&heapsmith_generators::parse(&text).unwrap());
                if verdict == Verdict::Pass {
                    passed += 1;
                } else {
                    assert_eq!(violation(&verdict).kind, Kind::CorruptPayload, "{line} on {on}: {verdict:?}");
                    corrupt += 1;
                }
            }
        }
        assert!(passed > 0 && corrupt > 0, "{on}: {passed} passed, {corrupt} corrupt");
    }
}

#[test]
fn five_thousand_roots_trap_unreachable_at_root_4097() {
    for on in RUNTIMES {
        let told = traps("root-stack-5000", on, TrapRule::RootStackFull, 0);
        assert_eq!(told.outcome.log.len(), 4_097, "{on}: allocations before the push that trapped");
        assert_eq!(told.model.slots().len(), 4_096, "{on}");
    }
}

#[test]
fn the_first_object_lies_four_bytes_past_the_heap_start_of_the_release() {
    for (name, on, start) in [
        ("heap-start-data-5", V131, 81_925),
        ("heap-start-data-0", V131, 81_920),
        ("heap-start-data-5", V130, 32_773),
        ("heap-start-data-0", V130, 32_768),
    ] {
        assert_eq!(passes(name, on).outcome.log[0], start + 4, "{name} on {on}");
    }
}

#[test]
fn data_that_ends_two_bytes_before_the_page_puts_the_first_root_out_of_bounds() {
    for on in [V130, V131] {
        let told = tell("data-edge-65534", on);
        assert_eq!(told.kinds(), (Kind::OutOfBounds, Kind::OutOfBounds), "{on}");
        assert_eq!((told.outcome.step, told.outcome.log.len()), (0, 0), "{on}: before any allocation");
    }
}
