//! Edits of a runtime: what a [`super::Spec`] plants in it.

use super::fault::{self, Fault, FaultError};
use super::mutant::{Mutant, MutantError};
use super::quote::{quote, unquote};
use super::spec::is_plain_fault;
use super::{Runtime, RuntimeError, error::nearest};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// One edit of a runtime's WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Edit {
    /// A planted fault: an edit of its text.
    Fault(Arc<Fault>),
    /// A mutant: an edit of one decoded instruction.
    Mutant(Mutant),
}

/// An edit that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// Of a fault, or of the poison.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// Of a mutant.
    #[error(transparent)]
    Mutant(#[from] MutantError),
    /// The poison is made of edits of a built-in's text.
    #[error("expected a built-in collector to poison, found `{found}`; leave the poisoned variants out")]
    NoTwin {
        /// The collector.
        found: String,
    },
}

impl Edit {
    /// The runtime with the edit made; its description stays, because what must be true does not change.
    ///
    /// # Errors
    /// The edit does not match.
    pub fn apply(&self, runtime: &Runtime) -> Result<Runtime, EditError> {
        match self {
            Self::Fault(fault) => Ok(fault::apply(runtime, fault)?),
            Self::Mutant(mutant) => Ok(mutant.apply(runtime)?),
        }
    }

    /// The fault with this name, or, as `FILE.toml#NAME`, the one of a file; both may stand in double quotes.
    ///
    /// # Errors
    /// A name that there is not; a file that cannot be read or is not one of faults.
    pub fn fault(text: &str) -> Result<Self, RuntimeError> {
        if text.starts_with('"') {
            return match unquote(text) {
                Some((inside, "")) => Self::named_fault(&inside),
                Some(_) | None => Err(RuntimeError::Unclosed { found: text.to_owned() }),
            };
        }
        Self::named_fault(text)
    }

    fn named_fault(text: &str) -> Result<Self, RuntimeError> {
        // A fault's name has no `#`; a path may have one.
        if let Some((path, name)) = text.rsplit_once('#') {
            let fault = fault::file::load_one(Path::new(path), name);
            return fault.map(Self::Fault).map_err(|e| RuntimeError::FaultFile { problem: e.to_string() });
        }
        match fault::by_name(text) {
            Some(fault) => Ok(Self::Fault(fault)),
            None => {
                let known: Vec<&str> = fault::names().collect();
                let (found, nearest) = (text.to_owned(), nearest(text, &known));
                Err(RuntimeError::UnknownFault { found, nearest, known: known.join(", ") })
            }
        }
    }
}

impl fmt::Display for Edit {
    /// The parameter of a [`super::Spec`] that plants it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => match &fault.origin {
                Some(path) => {
                    let text = format!("{}#{}", path.display(), fault.name);
                    if is_plain_fault(&text) { write!(f, "fault={text}") } else { write!(f, "fault={}", quote(&text)) }
                }
                None => write!(f, "fault={}", fault.name),
            },
            Self::Mutant(mutant) => write!(f, "mutant={mutant}"),
        }
    }
}
