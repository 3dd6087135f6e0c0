//! Fuel is calibrated on the reference collector.

use super::{Prepared, Rig, fuel};
use crate::campaign::capacities;
use crate::engine;
use crate::judge::Verdict;
use crate::runtime::{builtin, parse_spec};
use heapsmith_generators::{Campaign, Machine};
use std::collections::HashMap;
use std::sync::Arc;

/// The budget is a multiple of the dearest use per unit of work, so that a slow program is not taken for a hanging one.
#[test]
fn fuel_is_at_least_four_times_what_the_reference_needs() {
    let engines = [engine::by_name("wasmtime").unwrap(), engine::by_name("wasmi").unwrap()];
    let spec = parse_spec("fixed").unwrap();
    let campaign = Campaign::new(11, capacities(&spec.resolve(Machine::default()).unwrap()), Machine::default());
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let mut dearest = [0.0_f64; 2];
    for index in 0..800 {
        let program = campaign.program(index);
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let runtime = builtin(spec.resolve(program.machine).unwrap());
            Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap()
        });
        let verdict = rig.trial(&program);
        assert!(matches!(verdict, Verdict::Pass | Verdict::AllowedTrap(_)), "{index}: {verdict:?}");
        for (i, dearest) in dearest.iter_mut().enumerate() {
            let share = rig.fuel_used(i) as f64 / fuel(rig.model().plan().work) as f64;
            *dearest = dearest.max(share);
        }
    }
    println!("dearest share of the budget: wasmtime {:.3}, wasmi {:.3}", dearest[0], dearest[1]);
    assert!(dearest.iter().all(|&share| share > 0.0 && share <= 0.25), "{dearest:?}");
}
