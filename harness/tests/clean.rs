//! The reference is clean: whatever the harness says of other collectors, it says nothing of the one that keeps its promises.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, FIXED_SPLIT, Mixture, clean};

/// So many small and so many big programs of a seed, on the same machines.
fn is_clean(on: &str, seed: u64, small: usize, big: usize) {
    let mut mixture = Mixture::new(on, seed);
    for (count, bulk) in [(small, Bulk::Small), (big, Bulk::Big)] {
        mixture.run(count, bulk, |index, program, verdict, _| {
            assert!(clean(verdict), "{on}, seed {seed}, program {index}: {verdict:?}\n{program}");
            true
        });
    }
}

#[test]
fn the_reference_is_clean_over_20_000_small_programs_and_200_big_ones() {
    is_clean(FIXED, 20, 20_000, 200);
}

#[test]
fn the_second_reference_is_clean_over_10_000_small_programs_and_200_big_ones() {
    is_clean(FIXED_SPLIT, 23, 10_000, 200);
}
