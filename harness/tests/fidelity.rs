//! The emulator's fidelity: engines against emulator, every byte of memory, every global, the log, the trap and its step.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, FIXED_SPLIT, Mixture, V130, V131};
use heapsmith::emulator::Emulator;
use heapsmith::judge::{Inconclusive, Kind, Verdict};

/// The other releases.
const OTHERS: [&str; 5] = ["vera@0.0.65", "vera@0.0.112", "vera@0.0.114", "vera@0.1.9", "vera@0.2"];

/// Programs of a thousand that may end without a comparison, because one engine or both ran out of fuel.
const OUT_OF_FUEL: usize = 1;

/// Compares engines and emulator on so many small and so many big programs of a seed; none may show a disagreement. Both kinds run on the
/// same machines, which are compiled once.
fn faithful(on: &str, seed: u64, small: usize, big: usize) {
    let mut mixture = Mixture::new(on, seed);
    for (count, bulk) in [(small, Bulk::Small), (big, Bulk::Big)] {
        let (mut compared, mut out_of_fuel) = (0, 0);
        mixture.run(count, bulk, |index, program, verdict, _| {
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
        assert_eq!(compared, count, "{on}, {bulk:?}");
        assert!(out_of_fuel * 1_000 <= compared * OUT_OF_FUEL, "{on}: {out_of_fuel} of {compared} out of fuel");
        println!("{on}, {bulk:?}: {compared} programs compared, {out_of_fuel} out of fuel");
    }
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_20_000_programs_and_200_big_ones_of_v0_0_130() {
    faithful(V130, 0, 20_000, 200);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_20_000_programs_and_200_big_ones_of_v0_0_131() {
    faithful(V131, 2, 20_000, 200);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_5_000_programs_and_100_big_ones_of_each_reference() {
    faithful(FIXED, 4, 5_000, 100);
    faithful(FIXED_SPLIT, 30, 5_000, 100);
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_3_000_programs_and_60_big_ones_of_each_older_release() {
    for (on, seed) in OTHERS[..3].iter().zip(5..) {
        faithful(on, seed, 3_000, 60);
    }
}

#[test]
fn emulator_and_engines_agree_on_every_byte_of_3_000_programs_and_60_big_ones_of_each_newer_release() {
    for (on, seed) in OTHERS[3..].iter().zip(8..) {
        faithful(on, seed, 3_000, 60);
    }
}

#[test]
fn programs_of_v0_2_fill_the_worklist_so_that_what_is_put_off_is_compared_too() {
    let (mut deferred, mut again, mut programs) = (0, 0, 0);
    Mixture::new("vera@0.2", 9).run(600, Bulk::Small, |_, _, _, rig| {
        let mut emulator = Emulator::new(&rig.prepared().runtime.description).unwrap();
        emulator.run(rig.model().plan(), u64::MAX);
        let s = emulator.statistics();
        programs += usize::from(s.deferred > 0);
        deferred += s.deferred;
        again += u64::from(s.rescans > u64::from(s.collections));
        true
    });
    println!(
        "{programs} of 600 programs put off {deferred} pushes, {again} of them walked more than once in a collection"
    );
    assert!(programs >= 20 && again > 0, "{programs} programs put off {deferred} pushes, {again} walked again");
}

#[test]
fn programs_of_the_second_reference_split_and_merge_so_that_remainders_of_every_small_size_are_compared() {
    let (mut splits, mut remainders, mut refits) = (0, [0; 9], 0);
    let (mut runs, mut blocks, mut at_the_end) = (0, 0, 0);
    let (mut splitting, mut merging) = (0, 0);
    Mixture::new(FIXED_SPLIT, 32).run(1_000, Bulk::Small, |_, _, _, rig| {
        let mut emulator = Emulator::new(&rig.prepared().runtime.description).unwrap();
        emulator.run(rig.model().plan(), u64::MAX);
        let s = emulator.statistics();
        splitting += usize::from(s.splits > 0);
        merging += usize::from(s.merged_runs > 0);
        splits += s.splits;
        refits += s.refits;
        for (sum, n) in remainders.iter_mut().zip(s.remainders) {
            *sum += n;
        }
        runs += s.merged_runs;
        blocks += s.merged_blocks;
        at_the_end += s.runs_at_the_end;
        true
    });
    println!(
        "{splitting} of 1000 programs split {splits} blocks, remainders of 8, 16, .. 64 bytes and more: {remainders:?}, {refits} refits"
    );
    println!(
        "{merging} of 1000 programs merged {runs} runs of {blocks} blocks, {at_the_end} of them at the heap's end"
    );
    assert!(splitting >= 100 && merging >= 300 && refits > 0 && at_the_end > 0);
    assert!(remainders.iter().all(|&n| n > 0), "{remainders:?}");
}
