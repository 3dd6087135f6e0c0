//! Modules of wasm-smith that call the collector's operations: bytes.
//!
//! ```text
//! cargo +stable fuzz run -s none wild fuzz/corpus/wild corpus/seeds/wild
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::WildModules);
