//! The reference is clean: whatever the harness says of other collectors, it says nothing of the one that keeps its promises.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, FIXED_SPLIT, Mixture, clean};

fn is_clean(on: &str, seed: u64, count: usize, bulk: Bulk) {
    Mixture::new(on, seed).run(count, bulk, |index, program, verdict, _| {
        assert!(clean(verdict), "{on}, seed {seed}, program {index}: {verdict:?}\n{program}");
        true
    });
}

#[test]
fn the_reference_is_clean_over_the_first_10_000_small_programs() {
    is_clean(FIXED, 20, 10_000, Bulk::Small);
}

#[test]
fn the_reference_is_clean_over_another_10_000_small_programs() {
    is_clean(FIXED, 21, 10_000, Bulk::Small);
}

#[test]
fn the_reference_is_clean_over_200_big_programs() {
    is_clean(FIXED, 22, 200, Bulk::Big);
}

#[test]
fn the_second_reference_is_clean_over_the_first_10_000_small_programs() {
    is_clean(FIXED_SPLIT, 23, 10_000, Bulk::Small);
}

#[test]
fn the_second_reference_is_clean_over_200_big_programs() {
    is_clean(FIXED_SPLIT, 24, 200, Bulk::Big);
}
