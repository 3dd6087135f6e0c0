//! The parsers of runtimes and variants never panic, what they read comes back, and what they name is a module.
//!
//! ```text
//! cargo +stable fuzz run -s none description fuzz/corpus/description corpus/seeds/description
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::DescriptionText);
