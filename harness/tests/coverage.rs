//! Counting edges changes nothing, and tells what was reached.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, RUNTIMES, WRAP, campaign, engines, rig, runtime, spec};
use heapsmith::coverage::Features;
use heapsmith::judge::Verdict;
use heapsmith::outcome::{End, Trap};
use heapsmith::runtime::names;
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Program};
use std::collections::HashMap;
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

#[test]
fn counting_changes_no_verdict_outcome_memory_or_fuel_of_any_built_in() {
    for name in names() {
        let campaign = campaign(&spec(name), 77);
        let mut rigs: HashMap<Machine, (Rig, Rig)> = HashMap::new();
        let (mut features, mut edges) = (Features::new(), 0);
        for index in 0..60 {
            let program = campaign.program(index);
            let (plain, counted) = rigs
                .entry(program.machine)
                .or_insert_with(|| (rig(name, program.machine), counting(name, program.machine)));
            same_either_way(plain, counted, &program);
            counted.features(&mut features);
            edges = counted.edges().unwrap().len();
        }
        println!("{name}: {} of {edges} edges, {} features", features.edges(), features.len());
        assert!(2 * features.edges() > edges, "{name}: {} of {edges}", features.edges());
    }
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
