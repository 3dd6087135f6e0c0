//! Fuel is calibrated on the reference collector; memories are compared whole and restored whole.

use super::{Prepared, Rig, Tape, budget};
use crate::campaign::capacities;
use crate::engine::{self, Backtrace, Known};
use crate::judge::Verdict;
use crate::runtime::{builtin, parse_spec};
use heapsmith_generators::{Campaign, Machine, Program};
use std::collections::HashMap;
use std::sync::Arc;

/// The budget is a multiple of the dearest use per unit of work, so that a slow program is not taken for a hanging one.
#[test]
fn fuel_is_at_least_four_times_what_the_reference_needs() {
    let engines: Vec<_> = Known::residents().map(|known| known.open(Backtrace::Off).unwrap()).collect();
    let spec = parse_spec("fixed").unwrap();
    let campaign = Campaign::new(11, capacities(&spec.resolve(Machine::default()).unwrap()), Machine::default());
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let mut dearest = vec![0.0_f64; engines.len()];
    for index in 0..800 {
        let program = campaign.program(index);
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let runtime = builtin(spec.resolve(program.machine).unwrap());
            Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap()
        });
        let verdict = rig.trial(&program);
        assert!(matches!(verdict, Verdict::Pass | Verdict::AllowedTrap(_)), "{index}: {verdict:?}");
        for (i, dearest) in dearest.iter_mut().enumerate() {
            let share = rig.fuel_used(i) as f64 / budget(rig.model()) as f64;
            *dearest = dearest.max(share);
        }
    }
    for (engine, dearest) in engines.iter().zip(&dearest) {
        println!("dearest share of the budget on {}: {dearest:.3}", engine.name());
    }
    assert!(dearest.iter().all(|&share| share > 0.0 && share <= 0.25), "{dearest:?}");
}

/// A collection of a large heap costs what proves object starts, even if there is but one block.
#[test]
fn collections_of_one_block_in_a_large_heap_are_not_slow() {
    let mut text = "heapsmith 1\nmachine pages=6..256\nalloc r0 size=15000000\ndrop r0\n".to_owned();
    text.push_str(&"collect\n".repeat(12));
    let program: Program = heapsmith_generators::parse(&text).unwrap();
    for first in ["wasmtime", "wasmi"] {
        let engines = [engine::by_name(first).unwrap()];
        for name in ["fixed", "fixed-split", "vera@0.2"] {
            let runtime = builtin(parse_spec(name).unwrap().resolve(program.machine).unwrap());
            let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap();
            assert_eq!(rig.trial(&program), Verdict::Pass, "{name} on {first}");
            let share = rig.fuel_used(0) as f64 / budget(rig.model()) as f64;
            println!("{name} on {first}: {share:.3} of the budget");
            assert!(share <= 0.25, "{name} on {first}: {share}");
        }
    }
}

/// What the mutator does by itself is work: thousands of steps that no collector sees, and null pointers before the first scan.
#[test]
fn work_of_the_mutator_alone_is_not_slow() {
    let each = [
        "drop r1",
        "load r1 = r0.0",
        "store r0.0 = r0",
        "clear r0.0",
        "write r0[1] = 5",
        "move r1 = r0",
        "enter\nleave",
        "check r0",
        "wrap r0 kind=1",
    ];
    let many = each.map(|op| (op, format!("alloc r0 size=8 fields=1 init=null\n{}", format!("{op}\n").repeat(4_000))));
    let one = ["null", "fill(1)", "ends(1)"].map(|i| (i, format!("alloc r0 size=115901 fields=28975 init={i}")));
    let mut wrong = Vec::new();
    for (what, ops) in many.into_iter().chain(one) {
        let program: Program = heapsmith_generators::parse(&format!("heapsmith 1\nmachine pages=1..6\n{ops}")).unwrap();
        for first in ["wasmtime", "wasmi"] {
            let engines = [engine::by_name(first).unwrap()];
            let runtime = builtin(parse_spec("fixed").unwrap().resolve(program.machine).unwrap());
            let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap();
            let verdict = rig.trial(&program);
            let share = rig.fuel_used(0) as f64 / budget(rig.model()) as f64;
            println!("{what:?} on {first}: {share:.3} of the budget");
            if verdict != Verdict::Pass || share > 0.25 {
                wrong.push(format!("{what:?} on {first}: {share:.3}, {verdict:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whatever a program did, and whether restoring looks at all of memory or at the blocks that were seen to differ, the next program
/// starts from the same bytes.
#[test]
fn every_program_starts_from_pristine_memory() {
    let engines = [engine::by_name("wasmtime").unwrap(), engine::by_name("wasmi").unwrap()];
    for (name, emulated) in [("vera@0.0.130", true), ("vera@0.0.131", false), ("fixed", true)] {
        let spec = parse_spec(name).unwrap();
        let campaign = Campaign::new(5, capacities(&spec.resolve(Machine::default()).unwrap()), Machine::default());
        let mut rigs: HashMap<Machine, (Rig, Vec<u8>)> = HashMap::new();
        let mut changed = 0;
        for index in 0..200 {
            let program = campaign.program(index);
            let (rig, start) = rigs.entry(program.machine).or_insert_with(|| {
                let runtime = builtin(spec.resolve(program.machine).unwrap());
                let rig = Rig::new(Arc::new(Prepared::new(runtime, &engines, emulated).unwrap())).unwrap();
                let start = rig.memory(0).to_vec();
                (rig, start)
            });
            rig.trial(&program);
            changed += usize::from(rig.memory(0) != start);
            for resident in &mut rig.residents {
                resident.begin(&Tape::default()).unwrap();
                assert!(resident.heap() == start, "{name}, program {index}");
            }
        }
        assert!(changed > 150, "{changed}");
    }
}

/// One byte that differs anywhere is seen, used or not, with an emulator and without one.
#[test]
fn one_byte_that_differs_anywhere_is_seen() {
    let engines = [engine::by_name("wasmtime").unwrap(), engine::by_name("wasmi").unwrap()];
    let program: Program =
        heapsmith_generators::parse("heapsmith 1\nmachine data_end=5000\nroots n=8\ncollect\n").unwrap();
    for emulated in [true, false] {
        let runtime = builtin(parse_spec("vera@0.0.131").unwrap().resolve(program.machine).unwrap());
        let mut rig = Rig::new(Arc::new(Prepared::new(runtime, &engines, emulated).unwrap())).unwrap();
        assert_eq!(rig.trial(&program), Verdict::Pass);
        assert!(rig.agree());
        let len = rig.memory(0).len();
        for engine in 0..2 {
            for at in [0, 4_999, 5_000, 5_008, 70_000, 86_930, 90_000, len - 4_097, len - 1] {
                rig.residents[engine].instance_mut().heap_mut()[at] ^= 0x20;
                assert!(!rig.agree(), "engine {engine}, byte {at}");
                rig.residents[engine].instance_mut().heap_mut()[at] ^= 0x20;
            }
        }
        assert!(rig.agree());
    }
}
