//! What libFuzzer meets: [`target!`] makes a target of a body of [`heapsmith::fuzzing`].
//!
//! Under `cfg(fuzzing)` a target is libFuzzer's: one input after another, mutated by structure where the body knows how, and what an input
//! reached inside the collector goes to libFuzzer's extra counters, unless [`heapsmith::fuzzing::FEEDBACK_VARIABLE`] is `off` or `none`. A failure is printed and aborts.
//! Otherwise it is a small program that runs the inputs given to it once ([`replay::main`]).
//!
//! A mutator that fails leaves its input and seed in a folder, named on standard error: beside libFuzzer's artifacts, else in the
//! directory for temporary files.

#[cfg(fuzzing)]
pub mod libfuzzer;
pub mod replay;

/// A target with a [`heapsmith::fuzzing::Body`].
#[cfg(fuzzing)]
#[macro_export]
macro_rules! target {
    ($body:ty) => {
        ::libfuzzer_sys::fuzz_target!(init: $crate::libfuzzer::begin::<$body>(), |input: &[u8]| -> ::libfuzzer_sys::Corpus {
            $crate::libfuzzer::run::<$body>(input)
        });
        ::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::libfuzzer::mutate::<$body>(data, size, max_size, seed)
        });
        ::libfuzzer_sys::fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| {
            $crate::libfuzzer::cross::<$body>(one, other, out, seed)
        });
    };
}

/// A target with a [`heapsmith::fuzzing::Body`].
#[cfg(not(fuzzing))]
#[macro_export]
macro_rules! target {
    ($body:ty) => {
        fn main() -> ::std::process::ExitCode {
            $crate::replay::main::<$body>()
        }
    };
}
