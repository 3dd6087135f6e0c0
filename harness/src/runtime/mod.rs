//! Collectors under test.

pub mod description;

/// A collector under test: what is known of it, and its WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// What is known of it.
    pub description: description::Description,
    /// Fields of a WebAssembly text module (without the `(module` around them): memory 0 is the collector's; functions `$alloc`,
    /// `$gc_collect`, `$root_push`, `$root_set`, `$frame_save` and `$frame_restore`.
    pub fields: String,
}
