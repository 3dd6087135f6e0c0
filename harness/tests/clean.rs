//! The reference is clean: whatever the harness says of other collectors, it says nothing of the one that keeps its promises.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, Mixture, clean};

fn is_clean(seed: u64, count: usize, bulk: Bulk) {
    Mixture::new(FIXED, seed).run(count, bulk, |index, program, verdict, _| {
        assert!(clean(verdict), "seed {seed}, program {index}: {verdict:?}\n{program}");
        true
    });
}

#[test]
fn the_reference_is_clean_over_the_first_10_000_small_programs() {
    is_clean(20, 10_000, Bulk::Small);
}

#[test]
fn the_reference_is_clean_over_another_10_000_small_programs() {
    is_clean(21, 10_000, Bulk::Small);
}

#[test]
fn the_reference_is_clean_over_200_big_programs() {
    is_clean(22, 200, Bulk::Big);
}
