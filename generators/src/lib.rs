//! The mutator language of heapsmith.

mod program;
pub use program::*;
