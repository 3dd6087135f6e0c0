//! Everything within 16 bytes of a page boundary, memory limits included.
//!
//! ```text
//! cargo +stable fuzz run -s none pages fuzz/corpus/pages corpus/seeds/pages
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::Pages);
