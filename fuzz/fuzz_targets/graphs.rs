//! Object graphs up to and beyond 16 384 reachable pointers: texts of programs, mutated by structure.
//!
//! ```text
//! cargo +stable fuzz run -s none graphs fuzz/corpus/graphs corpus/seeds/graphs
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::Graphs);
