//! Counting edges changes nothing, and tells what was reached.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, RUNTIMES, V130, WRAP, campaign, engines, rig, runtime, spec};
use heapsmith::coverage::{Family, Features};
use heapsmith::judge::Verdict;
use heapsmith::outcome::{End, Trap};
use heapsmith::runtime::names;
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Program};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

fn counting(name: &str, machine: Machine) -> Rig {
    Rig::new(Arc::new(Prepared::with_feedback(runtime(name, machine), &engines()).unwrap())).unwrap()
}

/// Runs a program with and without counting: same verdict, same outcome, same fuel, same memory.
fn same_either_way(plain: &mut Rig, counting: &mut Rig, program: &Program) -> Verdict {
    let (verdict, counted) = (plain.trial(program), counting.trial(program));
    assert_eq!(verdict, counted, "{program}");
    assert_eq!(plain.outcome(0), counting.outcome(0), "{program}");
    assert!(plain.memory(0) == counting.memory(0), "{program}");
    // After an access out of bounds wasmtime does not know what was used.
    if plain.outcome(0).end != End::Trapped(Trap::MemoryOutOfBounds) {
        assert_eq!(plain.fuel_used(0), counting.fuel_used(0), "fuel of {program}");
    }
    assert_eq!(plain.guest_counters(), [0_u8; 0]);
    verdict
}

/// Machines of few entries and of many.
const MACHINES: [(&str, u64); 2] =
    [("data_end=5,worklist=8,roots=24,pages=1..6", 120), ("data_end=3,worklist=4096,roots=4096,pages=1..64", 30)];

#[test]
fn counting_changes_no_verdict_outcome_memory_or_fuel_of_any_built_in_and_every_kind_of_feature_is_reached() {
    let mut families: BTreeSet<Family> = BTreeSet::new();
    for name in names() {
        let (mut features, mut edges) = (Features::new(), 0);
        for (machine, programs) in MACHINES {
            let wraps = if WRAP == *name { ",wraps=8" } else { "" };
            let machine = spec(&format!("{name}?{machine}{wraps}"));
            let campaign = campaign(&machine, 77);
            let mut rigs: HashMap<Machine, (Rig, Rig)> = HashMap::new();
            for index in 0..programs {
                let program = campaign.program(index);
                let on = program.machine;
                let (plain, counted) = rigs.entry(on).or_insert_with(|| (rig(name, on), counting(name, on)));
                same_either_way(plain, counted, &program);
                counted.features(&mut features);
                edges = counted.edges().unwrap().len();
            }
        }
        println!("{name}: {} of {edges} edges, {} features", features.edges(), features.len());
        assert!(5 * features.edges() > 4 * edges, "{name}: {} of {edges}", features.edges());
        families.extend(features.iter().filter_map(|feature| feature.family()));
    }
    let never: Vec<Family> = Family::ALL.into_iter().filter(|family| !families.contains(family)).collect();
    assert_eq!(never, [], "families of which no feature was reached");
}

#[test]
fn counting_changes_nothing_in_any_regression() {
    let folder = format!("{}/../corpus/regressions", env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|ext| ext == "heapsmith"));
    cases.sort();
    assert!(cases.len() > 10);
    let mut rigs: HashMap<Machine, (Rig, Rig)> = HashMap::new();
    let (mut verdicts, mut features) = (BTreeSet::new(), Features::new());
    for path in cases {
        let program = heapsmith_generators::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let on = program.machine;
        if spec(V130).resolve(on).unwrap().is_giant() {
            continue;
        }
        let (plain, counted) = rigs.entry(on).or_insert_with(|| (rig(V130, on), counting(V130, on)));
        let verdict = same_either_way(plain, counted, &program);
        if let Verdict::Violation(v) = verdict {
            verdicts.insert(v.kind.name());
        }
        counted.features(&mut features);
    }
    assert!(features.edges() > 50, "{}", features.edges());
    assert!(verdicts.len() > 2, "{verdicts:?}");
}

#[test]
fn edges_are_the_same_ones_on_every_machine_of_a_release() {
    for name in RUNTIMES.into_iter().chain([WRAP, "fixed-split", "vera@0.2"]) {
        let first = counting(name, Machine::default()).edges().cloned();
        for machine in ["data_end=7,worklist=1,roots=1,pages=1..2", "data_end=65530,worklist=64,roots=4,pages=..256"] {
            let machine = spec(&format!("{name}?{machine}")).pinned;
            assert_eq!(counting(name, machine).edges().cloned(), first, "{name}");
        }
        let functions: Vec<&str> = first.unwrap().functions().map(|(name, _)| name).collect();
        assert!(functions.contains(&"alloc") && functions.contains(&"gc_mark"), "{functions:?}");
        assert!(!functions.iter().any(|name| name.starts_with("mutator.") || *name == "run"), "{functions:?}");
    }
    assert!(rig(FIXED, Machine::default()).edges().is_none());
}
