//! How much fuel an execution gets: what the model's work needs, and more on a second try.

use crate::model::Model;
use crate::runtime::description::{Candidates, PAGE, Work};

/// Fuel that every execution gets, whatever it does.
const FUEL_BASE: u64 = 100_000;
/// Fuel for each unit of work that the model predicts. More is a violation where the promises bound work, so a collector that is less
/// than four times as slow as it must be is not seen as slow: four times the dearest that `fixed` was seen to need on either engine (the
/// test `fuel_is_at_least_four_times_what_the_reference_needs` measures it).
const FUEL_PER_WORK: u64 = 640;
/// Fuel for each page that memory grows by, four times what an interpreter charges for zeroing it.
const FUEL_PER_PAGE: u64 = 4 * 1_024;
/// Fuel for each step, four times what the dearest that no collector sees needs on an interpreter (the test
/// `work_of_the_mutator_alone_is_not_slow` measures it).
const FUEL_PER_STEP: u64 = 1_800;
/// What an execution that ran out of fuel gets when it is tried again: so many times the first amount,
const RETRY: u64 = 16;
/// and so much for each byte of its memory, because a broken collector may walk all of it, many times over, for no reason that the
/// model knows. (With 64 there was a false hang in 50 000 programs of `vera@0.0.130`.)
const FUEL_PER_BYTE: u64 = 256;

/// Fuel for a second try, when the first one left this many bytes of memory, or the model has so many.
pub(super) fn retry_fuel(model: &Model, memory: usize) -> u64 {
    let memory = (memory as u64).max(u64::from(model.heap.pages()) * u64::from(PAGE));
    let plan = model.plan();
    // Each false candidate can have all of the heap scanned, once for each word that was ever written by hand.
    let may_walk =
        model.expectation().inexact_from.is_some() && model.description().promises.candidates != Candidates::Precise;
    let walks = if may_walk { 8 * plan.stores() } else { 0 };
    RETRY * budget(model) + (FUEL_PER_BYTE + walks) * memory
}

/// Whether a collector that promises nothing about work may need more fuel than a second try gives: as much as the square of the work. A smaller program
/// that does not end says more.
pub(super) fn may_be_slow(model: &Model, memory: usize) -> bool {
    let work = model.plan().work;
    promises_no_work(model) && work.saturating_mul(work) > retry_fuel(model, memory)
}

/// Whether the collector comes from outside and promises nothing about work.
pub(super) fn promises_no_work(model: &Model) -> bool {
    let d = model.description();
    d.module.is_some() && d.promises.work == Work::Unpromised
}

/// Fuel for what the model has planned.
pub(super) fn budget(model: &Model) -> u64 {
    let grown = model.heap.pages() - model.description().parameters.initial_pages;
    let plan = model.plan();
    fuel(plan.work) + FUEL_PER_STEP * plan.steps.len() as u64 + FUEL_PER_PAGE * u64::from(grown)
}

/// Fuel for this much work, without what the steps need by themselves.
#[must_use]
pub const fn fuel(work: u64) -> u64 {
    FUEL_BASE + FUEL_PER_WORK * work
}
