//! Allocation sequences with boundary sizes: bytes through `arbitrary`, or texts of programs.
//!
//! ```text
//! cargo +stable fuzz run -s none sequences fuzz/corpus/sequences corpus/seeds/sequences
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::Sequences);
