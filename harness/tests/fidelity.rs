//! The emulator's fidelity: engines against emulator, every byte of memory, every global, the log, the trap and its step.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, Mixture, V130, V131};
use heapsmith::judge::{Kind, Verdict};

/// Runs the first `count` programs of each seed; none may show a disagreement of engines and emulator.
fn faithful(on: &str, seeds: std::ops::Range<u64>, count: usize, bulk: Bulk) -> usize {
    let mut compared = 0;
    for seed in seeds {
        Mixture::new(on, seed).run(count, bulk, |index, program, verdict, _| {
            let agreed = match verdict {
                Verdict::Pass | Verdict::AllowedTrap(_) => true,
                // A hang is judged before the emulator is asked, and a divergence is none of its business.
                Verdict::Violation(v) => !matches!(v.kind, Kind::Hang | Kind::EngineDivergence),
                Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
            };
            assert!(agreed, "{on}, seed {seed}, program {index}: {verdict:?}\n{program}");
            compared += 1;
        });
    }
    compared
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_50_000_programs_of_v0_0_130() {
    assert_eq!(faithful(V130, 0..2, 25_000, Bulk::Small), 50_000);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_50_000_programs_of_v0_0_131() {
    assert_eq!(faithful(V131, 2..4, 25_000, Bulk::Small), 50_000);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_5_000_programs_of_the_reference() {
    assert_eq!(faithful(FIXED, 4..5, 5_000, Bulk::Small), 5_000);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_big_programs() {
    for (on, seed, count) in [(V130, 10, 200), (V131, 11, 200), (FIXED, 12, 100)] {
        assert_eq!(faithful(on, seed..seed + 1, count, Bulk::Big), count);
    }
}
