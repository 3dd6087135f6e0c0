//! The emulator's fidelity: engines against emulator, every byte of memory, every global, the log, the trap and its step.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, Mixture, V130, V131};
use heapsmith::judge::{Inconclusive, Kind, Verdict};

/// Programs of a thousand that may end without a comparison, because one engine or both ran out of fuel.
const OUT_OF_FUEL: usize = 1;

/// Compares engines and emulator on `count` programs of each seed; none may show a disagreement.
fn faithful(on: &str, seeds: std::ops::Range<u64>, count: usize, bulk: Bulk) {
    let (mut compared, mut out_of_fuel) = (0, 0);
    for seed in seeds.clone() {
        Mixture::new(on, seed).run(count, bulk, |index, program, verdict, _| {
            let fail = || panic!("{on}, seed {seed}, program {index}: {verdict:?}\n{program}");
            let asked = match verdict {
                Verdict::Untrusted(_)
                | Verdict::Inconclusive(
                    Inconclusive::EngineFailed | Inconclusive::EngineKilled | Inconclusive::TooMuchWork,
                ) => fail(),
                Verdict::Violation(v) if v.kind == Kind::EngineDivergence => fail(),
                // Both are said before the emulator is asked.
                Verdict::Violation(v) if v.kind == Kind::Hang => false,
                Verdict::Inconclusive(Inconclusive::FuelOnOneEngine) => false,
                Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Violation(_) => true,
            };
            *(if asked { &mut compared } else { &mut out_of_fuel }) += 1;
            if !asked {
                println!("{on}, seed {seed}, program {index} was not compared: {verdict:?}");
            }
            asked
        });
    }
    assert_eq!(compared, seeds.count() * count, "{on}");
    assert!(out_of_fuel * 1_000 <= compared * OUT_OF_FUEL, "{on}: {out_of_fuel} of {compared} out of fuel");
    println!("{on}: {compared} programs compared, {out_of_fuel} out of fuel");
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_50_000_programs_of_v0_0_130() {
    faithful(V130, 0..2, 25_000, Bulk::Small);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_50_000_programs_of_v0_0_131() {
    faithful(V131, 2..4, 25_000, Bulk::Small);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_5_000_programs_of_the_reference() {
    faithful(FIXED, 4..5, 5_000, Bulk::Small);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_big_programs() {
    for (on, seed, count) in [(V130, 10, 200), (V131, 11, 200), (FIXED, 12, 100)] {
        faithful(on, seed..seed + 1, count, Bulk::Big);
    }
}
