//! Whole heaps and their roots written into memory, and one collection of each: bytes through `arbitrary`.
//!
//! ```text
//! cargo +stable fuzz run -s none heap_image fuzz/corpus/heap_image corpus/seeds/heap_image
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::HeapImages);
