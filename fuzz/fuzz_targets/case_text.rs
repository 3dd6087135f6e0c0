//! The parser of cases never panics, and what it reads comes back.
//!
//! ```text
//! cargo +stable fuzz run -s none case_text fuzz/corpus/case_text corpus/seeds/case_text
//! ```

#![cfg_attr(fuzzing, no_main)]

heapsmith_fuzz::target!(heapsmith::fuzzing::CaseText);
