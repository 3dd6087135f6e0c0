//! Bodies of the libFuzzer targets: what a target does with an input, without libFuzzer, so that a smoke test runs each of them anywhere.
//!
//! A [`Body`] is made once and given one input after another. It never panics and never judges by a clock; a [`Failure`] is what a fuzzer is
//! to stop at, and prints as `heapsmith run` does, with the case and the command that shows it again. Only the targets in `fuzz/` abort.
//!
//! | body | input | what |
//! |---|---|---|
//! | [`Graphs`] | text, mutated by structure | object graphs up to and beyond 16 384 reachable pointers |
//! | [`Sequences`] | bytes, or text | allocation sequences with boundary sizes |
//! | [`Pages`] | text, or bytes | everything within 16 bytes of a page boundary, memory limits included |
//! | [`HeapImages`] | bytes | whole heaps and roots, one collection of each, worklists of 1 to 64 entries |
//! | [`WildModules`] | bytes | modules of wasm-smith that call the collector's operations under arbitrary control flow |
//! | [`CaseText`] | bytes | the parser of cases never panics, and what it reads comes back |
//! | [`DescriptionText`] | bytes | the same for names of runtimes and of variants, and what they name is a module |
//!
//! The collector is the one that [`RUNTIME_VARIABLE`] names, else [`DEFAULT_RUNTIME`]; engines are wasmtime and wasmi. A violation fails, and
//! so does a harness that contradicts itself; an inconclusive verdict never does. What is reached inside the collector is in [`Counters`].

mod case_text;
mod counters;
mod description;
mod fuzzer;
mod graphs;
mod heap_image;
mod input;
mod machines;
mod mutation;
mod pages;
mod sequences;
mod sidestep;
#[cfg(test)]
mod tests;
mod wild;

pub use case_text::CaseText;
pub use counters::{COUNTERS, Counters};
pub use description::DescriptionText;
pub use fuzzer::{Failure, Feedback, Fuzzer, SetupError};
pub use graphs::Graphs;
pub use heap_image::{HeapImages, ImageStatistics};
pub use input::program;
pub use mutation::{Attempt, MutatorFailure, Structural, save, save_in_flight};
pub use pages::Pages;
pub use sequences::Sequences;
pub use wild::{WildModules, WildStatistics};

use crate::judge::Inconclusive;

/// The environment variable that names the collector under test, as `--runtime` does.
pub const RUNTIME_VARIABLE: &str = "HEAPSMITH_RUNTIME";
/// The collector under test where nobody names one: the reference, in which every finding is a bug of heapsmith.
pub const DEFAULT_RUNTIME: &str = "fixed";

/// The environment variable that takes from a fuzzer what it learns from, for comparison: see [`Feedback::named`].
pub const FEEDBACK_VARIABLE: &str = "HEAPSMITH_FEEDBACK";

/// What became of an input that is no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// It was run and judged, and every promise was kept.
    Judged,
    /// It was run, and nothing can be said.
    Inconclusive(Inconclusive),
    /// It is nothing that this body takes: a fuzzer need not keep it.
    Rejected,
}

/// What a target does with its inputs.
pub trait Body: Sized {
    /// Its name: that of the target, and of its folder of seeds.
    const NAME: &'static str;

    /// The body for a collector, named as for `--runtime`.
    ///
    /// # Errors
    /// When there is no such collector, or an engine does not start.
    fn new(runtime: &str) -> Result<Self, SetupError>;

    /// Does it.
    ///
    /// # Errors
    /// What a fuzzer must stop at.
    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure>;

    /// What the last input reached beyond the host's own code: see [`Counters`].
    fn counters(&self) -> &[u8] {
        &[]
    }

    /// How its inputs are mutated, if not as bytes. Such a mutation may still leave an input to the fuzzer: see [`Structural::mutate`].
    fn structural(&self) -> Option<&Structural> {
        None
    }

    /// [`Self::new`] for the collector that [`RUNTIME_VARIABLE`] names.
    ///
    /// # Errors
    /// As [`Self::new`].
    fn from_environment() -> Result<Self, SetupError> {
        let named = std::env::var(RUNTIME_VARIABLE).ok().filter(|name| !name.is_empty());
        Self::new(named.as_deref().unwrap_or(DEFAULT_RUNTIME))
    }
}
