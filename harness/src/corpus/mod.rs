//! Corpora: folders of programs, and what is said of their files.
//!
//! - [`expect`]: what a regression must show on which runtime.

pub mod expect;
