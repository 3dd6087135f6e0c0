//! Silence that is worth something: a bounded run reaches everything a runtime can do, and every planted fault is seen.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, FIXED_SPLIT, Mixture, RUNTIMES, clean, engine, runtime, spec};
use heapsmith::campaign::Statistics;
use heapsmith::engine::DEFAULT;
use heapsmith::judge::Verdict;
use heapsmith::plan::Step;
use heapsmith::runtime::{self as rt, Fault};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Op, Program, Size};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Boundary classes that the bounded run must hit, of [`heapsmith::campaign::BOUNDARY_CLASSES`].
const BOUNDARY_FLOOR: usize = 250;

/// What a bounded run of a runtime reached.
fn reached(on: &str) -> (Statistics, BTreeSet<String>) {
    let (mut statistics, mut sizes) = (Statistics::default(), BTreeSet::new());
    let mut mixture = Mixture::new(on, 40);
    for (count, bulk) in [(5_000, Bulk::Small), (150, Bulk::Big)] {
        mixture.run(count, bulk, |index, program, verdict, rig| {
            assert!(rig.engines().eq(DEFAULT));
            statistics.count(index, program, verdict, rig);
            sizes.extend(edges(program, &rig.model().plan().steps));
            true
        });
    }
    (statistics, sizes)
}

/// Size classes that the allocations of a program aimed at.
fn edges(program: &Program, steps: &[Step]) -> BTreeSet<String> {
    let mut classes = BTreeSet::new();
    for (op, step) in program.ops.iter().zip(steps) {
        if let Op::Alloc { size: Size::Edge { edge, part, .. }, .. }
        | Op::Garbage { size: Size::Edge { edge, part, .. }, .. } = op
            && *step != Step::Nop
        {
            classes.insert(format!("{edge}.{part}"));
        }
    }
    classes
}

#[test]
fn a_bounded_run_reaches_every_op_path_trap_rule_size_class_and_engine_of_each_runtime() {
    for on in RUNTIMES.into_iter().chain([FIXED_SPLIT]) {
        let description = spec(on).resolve(Machine::default()).unwrap();
        let (statistics, sizes) = reached(on);
        assert_eq!(statistics.unreached(&description), [""; 0], "{on} never reached these");
        for size in ["memory.payload", "memory.block", "page.payload", "page.block", "limit.payload", "limit.block"] {
            assert!(sizes.contains(size), "{on} never reached size {size}");
        }
        let classes = statistics.boundary_classes();
        assert!(classes >= BOUNDARY_FLOOR, "{on} reached {classes} boundary classes, not {BOUNDARY_FLOOR}");
        assert!(statistics.untrusted.is_empty(), "{on}: {:?}", statistics.untrusted);
    }
}

/// Programs that a planted fault has to show itself in.
const PROGRAMS: [(usize, Bulk); 2] = [(1_800, Bulk::Small), (200, Bulk::Big)];

#[test]
fn every_planted_fault_is_seen_within_2_000_programs_on_which_the_reference_is_clean() {
    all_seen(FIXED, 41, &rt::fault::planted(FIXED));
}

#[test]
fn every_fault_of_splitting_and_merging_is_seen_within_2_000_programs_on_which_the_reference_is_clean() {
    all_seen(FIXED_SPLIT, 42, &rt::fault::planted(FIXED_SPLIT));
}

/// Every fault shows itself in some of the programs on which the runtime it is planted in is clean.
fn all_seen(on: &str, seed: u64, faults: &[Arc<Fault>]) {
    let mut programs = Vec::new();
    let mut mixture = Mixture::new(on, seed);
    for (count, bulk) in PROGRAMS {
        mixture.run(count, bulk, |index, program, verdict, _| {
            assert!(clean(verdict), "program {index}: {verdict:?}\n{program}");
            programs.push(program.clone());
            true
        });
    }
    drop(mixture);
    let next = AtomicUsize::new(0);
    let hunt = || {
        let mut missed = Vec::new();
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            match first_seen(on, fault, &programs) {
                Some(seen) => println!("{}: program {seen}", fault.name),
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

/// The first program in which the model sees a fault; no emulator is asked, and there is one engine only.
fn first_seen(on: &str, fault: &Fault, programs: &[Program]) -> Option<usize> {
    let engines = [engine("wasmi")];
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    programs.iter().position(|program| {
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let edited = rt::fault::apply(&runtime(on, program.machine), fault).unwrap();
            Rig::new(Arc::new(Prepared::edited(edited, &engines).unwrap())).unwrap()
        });
        matches!(rig.trial(program), Verdict::Violation(_))
    })
}
