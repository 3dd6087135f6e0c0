//! Two ways down to WebAssembly, one outcome: a program as code of its own does what it does as a tape.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, V130, V131, campaign, engine, rig, runtime, spec, work};
use heapsmith::engine::DEFAULT;
use heapsmith::model::Model;
use heapsmith::outcome::End;
use std::collections::HashMap;

/// Programs of a runtime that are run both ways.
const PROGRAMS: usize = 300;

fn agree(on: &str, seed: u64) {
    let campaign = campaign(&spec(on), seed);
    let (engines, mut rigs) = (DEFAULT.map(engine), HashMap::new());
    let (mut run, mut trapped) = (0, 0);
    for index in 0.. {
        if run == PROGRAMS {
            break;
        }
        let program = campaign.program(index);
        let runtime = runtime(on, program.machine);
        let mut model = Model::new(&runtime.description);
        if work(&mut model, &program) == Bulk::Big {
            continue;
        }
        let rig = rigs.entry(program.machine).or_insert_with(|| rig(on, program.machine));
        rig.trial(&program);
        trapped += usize::from(matches!(rig.outcome(0).end, End::Trapped(_)));
        for (i, engine) in engines.iter().enumerate() {
            let agrees = rig.standalone_agrees(i, &**engine).unwrap();
            assert!(agrees, "{on}, seed {seed}, program {index} on {}\n{program}", engine.name());
        }
        run += 1;
    }
    assert!(trapped > PROGRAMS / 20 && trapped < PROGRAMS, "{trapped} programs trapped: that shows too little");
}

#[test]
fn standalone_equals_resident_on_v0_0_130() {
    agree(V130, 30);
}

#[test]
fn standalone_equals_resident_on_v0_0_131() {
    agree(V131, 31);
}

#[test]
fn standalone_equals_resident_on_the_reference() {
    agree(FIXED, 32);
}
