//! heapsmith: finds the bugs in garbage collectors that live in WebAssembly linear memory.

pub mod campaign;
pub mod emulator;
pub mod engine;
pub mod judge;
pub mod lower;
pub mod model;
pub mod mutator;
pub mod outcome;
pub mod pins;
pub mod plan;
pub mod reduce;
pub mod report;
pub mod runtime;
pub mod trial;
