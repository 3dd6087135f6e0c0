//! Collectors under test.
//!
//! - [`description`]: what the harness knows of a collector, and the exact rules of the built-in ones.
//! - [`mod@builtin`]: the built-in collectors by name, and their parameters ([`Spec`]).
//! - [`rules`]: what one release of a built-in does, step by step. [`emit`]: their WebAssembly text.
//! - [`manifest`]: collectors of others, and what their owners say of them. `foreign`: what may be expected of such a one. `shape`: which objects it has. `absent`: which cannot be tried.
//! - [`correct`]: what each of them does wrong, one rule at a time.
//! - [`fault`]: planted faults, edits of a runtime's text. [`mutant`]: edits of one decoded instruction. [`poison`]: edits after which only the mutator's bytes can be trusted.

mod absent;
pub mod builtin;
pub mod correct;
pub mod description;
pub mod edit;
pub mod emit;
mod error;
pub mod fault;
mod foreign;
mod layout;
pub mod manifest;
pub mod mutant;
pub mod poison;
pub(crate) mod quote;
pub mod rules;
mod shape;
mod spec;

pub use absent::{absent_module, runtime_from};
pub use builtin::{builtin, describe, names};
pub use correct::{Correction, corrections};
pub use edit::{Edit, EditError};
pub(crate) use emit::HOST_IMPORT;
pub use error::RuntimeError;
pub use fault::{Fault, FaultError};
pub use layout::rewith;
pub(crate) use shape::constraints;
pub use spec::{Spec, parse_spec};

/// What the glue of a module that is not ours imports where its fields stand alone: in front of a library it is the library's.
const MIRROR_IMPORT: &str = "  (import \"mutator\" \"mirror\" (func $mutator.mirror (param i32) (result i32)))\n";

impl Runtime {
    /// Its fields as a module of their own, for whoever decodes the collector without a mutator.
    #[must_use]
    pub fn module(&self) -> String {
        let import = if self.description.module.is_some() { MIRROR_IMPORT } else { "" };
        format!("(module\n{import}{})", self.fields)
    }
}

/// A collector under test: what is known of it, and its WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// What is known of it.
    pub description: description::Description,
    /// Fields of a WebAssembly text module (without the `(module` around them): memory 0 is the collector's; functions `$alloc`,
    /// `$gc_collect`, `$root_push`, `$root_set`, `$frame_save` and `$frame_restore`, and, where [`description::Parameters::wraps`]
    /// is not 0, `$register_wrapper`. Then the first field is the import of `host_decref_handle`. A module with a manifest has `$new`, `$link` and
    /// `$fetch` instead of `$alloc`.
    pub fields: String,
}
