//! Mutants: first-order edits of a collector's decoded instructions, made systematically.
//!
//! A mutant is named by its place and its change, as `alloc:17:i32.le_u`: the function's name, the number of the instruction in it (from 0,
//! `end` and `else` counted), and what becomes of it. Parameters change constants of a collector's code and never its shape, so a name
//! means the same on every machine. The kinds of [`Change`] are those of mutation testing's usual operators (a comparison replaced, a constant moved by
//! one, a store, a call, a trap or a branch left out, a branch negated, operands swapped, a load's width or sign changed).

mod change;
mod rewrite;

pub use change::Change;

use super::Runtime;
use super::manifest::is_reserved;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// An edit of one instruction, or of the value that a global starts with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mutant {
    /// Where.
    pub site: Site,
    /// What.
    pub change: Change,
}

/// Where a mutant differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// In an instruction.
    Instruction {
        /// The function's name, without `$`.
        function: Arc<str>,
        /// The instruction's number in it.
        at: u32,
    },
    /// In the value that a global starts with.
    Global {
        /// Its name, without `$`.
        name: Arc<str>,
    },
}

/// A mutant that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MutantError {
    /// It is not named as mutants are.
    #[error(
        "expected a mutant as `FUNCTION:INSTRUCTION:CHANGE` or `global:NAME:CHANGE`, found `{found}`; `heapsmith mutants RUNTIME --list` prints all"
    )]
    Name {
        /// What was given.
        found: String,
    },
    /// The collector has no such place, or nothing there that can be changed so.
    #[error(
        "expected `{mutant}` to be a mutant of `{runtime}`; {problem}; `heapsmith mutants {runtime} --list` prints all"
    )]
    NoSuch {
        /// The mutant's name.
        mutant: String,
        /// The runtime's.
        runtime: String,
        /// What there is instead.
        problem: String,
    },
    /// What it makes is no valid module.
    #[error("the mutant `{mutant}` is no valid module: {problem}")]
    Invalid {
        /// The mutant's name.
        mutant: String,
        /// What the validator says.
        problem: String,
    },
    /// The collector's text is no module that can be decoded.
    #[error("expected the text of `{runtime}` to be a module that can be decoded, found: {problem}")]
    Undecodable {
        /// The runtime's name.
        runtime: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Mutant {
    /// Reads a mutant's name.
    ///
    /// # Errors
    /// It is not of the form.
    pub fn parse(text: &str) -> Result<Self, MutantError> {
        let wrong = || MutantError::Name { found: text.to_owned() };
        let (place, change) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (function, at) = place.rsplit_once(':').ok_or_else(wrong)?;
        let change = Change::parse(change).ok_or_else(wrong)?;
        let site = if function == GLOBAL {
            Site::Global { name: at.into() }
        } else {
            Site::Instruction { function: function.into(), at: at.parse().map_err(|_| wrong())? }
        };
        Ok(Self { site, change })
    }

    /// The collector with the mutant in it; its description stays, because what must be true does not change.
    ///
    /// # Errors
    /// The collector has no such place, or the result is not valid.
    pub fn apply(&self, runtime: &Runtime) -> Result<Runtime, MutantError> {
        self.apply_to(runtime, &assemble(runtime)?)
    }

    /// The mutant in a twin of the collector that it is named for, where the twin's functions have instructions more: in each at most one run of
    /// them, which ends with its only call of `inserted`. The instruction that is changed is the same one.
    ///
    /// # Errors
    /// As [`Self::apply`], and a twin that differs in something else.
    pub(super) fn apply_to_twin(
        &self,
        original: &Runtime,
        twin: &Runtime,
        inserted: &str,
    ) -> Result<Runtime, MutantError> {
        let wasm = assemble(twin)?;
        let moved = rewrite::moved(&assemble(original)?, &wasm, inserted, self).map_err(|e| self.explain(twin, e))?;
        moved.apply_to(twin, &wasm)
    }

    fn apply_to(&self, runtime: &Runtime, wasm: &[u8]) -> Result<Runtime, MutantError> {
        let edited = rewrite::rewrite(wasm, self).map_err(|e| self.explain(runtime, e))?;
        if let Err(error) = wasmparser::validate(&edited) {
            return Err(MutantError::Invalid { mutant: self.to_string(), problem: error.message().to_owned() });
        }
        let undecodable =
            |problem: String| MutantError::Undecodable { runtime: runtime.description.name.clone(), problem };
        let text = wasmprinter::print_bytes(&edited).map_err(|e| undecodable(e.to_string()))?;
        let fields = rewrite::fields(&text).ok_or_else(|| undecodable("it was printed as no module".to_owned()))?;
        Ok(Runtime { description: runtime.description.clone(), fields })
    }

    fn explain(&self, runtime: &Runtime, problem: rewrite::Problem) -> MutantError {
        match problem {
            rewrite::Problem::Undecodable(problem) => {
                MutantError::Undecodable { runtime: runtime.description.name.clone(), problem }
            }
            rewrite::Problem::NoSuch(problem) => {
                MutantError::NoSuch { mutant: self.to_string(), runtime: runtime.description.name.clone(), problem }
            }
        }
    }
}

/// What stands for the function's name where a global is meant.
const GLOBAL: &str = "global";

impl fmt::Display for Mutant {
    /// The text that [`Self::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site {
            Site::Instruction { function, at } => write!(f, "{function}:{at}:{}", self.change),
            Site::Global { name } => write!(f, "{GLOBAL}:{name}:{}", self.change),
        }
    }
}

/// A mutant that there can be, and the instruction that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The mutant.
    pub mutant: Mutant,
    /// The instruction, or the global's start, as text.
    pub original: String,
}

/// Every mutant of a collector, in the order of its code; of those that make the same module the first. Whether they are valid is not
/// known yet.
///
/// # Errors
/// The collector's text is no module.
pub fn mutants(runtime: &Runtime) -> Result<Vec<Candidate>, MutantError> {
    let wasm = assemble(runtime)?;
    let undecodable = |problem| MutantError::Undecodable { runtime: runtime.description.name.clone(), problem };
    let mut all = rewrite::candidates(&wasm).map_err(undecodable)?;
    if runtime.description.module.is_some() {
        // What stands between the module and the mutator is ours, and what it never calls, or reads, is no part of the collector.
        let reached = rewrite::reached(&wasm, is_reserved).map_err(undecodable)?;
        all.retain(|candidate| match &candidate.mutant.site {
            Site::Instruction { function: name, .. } => !is_reserved(name) && reached.functions.contains(&**name),
            Site::Global { name } => !is_reserved(name) && reached.globals.contains(&**name),
        });
    }
    let mut modules = BTreeSet::from([wasm.clone()]);
    let new = |candidate: &Candidate| match rewrite::rewrite(&wasm, &candidate.mutant) {
        Ok(module) => modules.insert(module),
        Err(_) => false,
    };
    Ok(all.into_iter().filter(new).collect())
}

/// Where an edited collector first differs from the original, as the mutant that traps right before that instruction. None: in nothing that is
/// executed.
///
/// # Errors
/// One of the two is no module.
pub fn first_difference(original: &Runtime, edited: &Runtime) -> Result<Option<Mutant>, MutantError> {
    let undecodable = |problem| MutantError::Undecodable { runtime: original.description.name.clone(), problem };
    rewrite::first_difference(&assemble(original)?, &assemble(edited)?).map_err(undecodable)
}

/// Whether a collector's text is a valid module.
///
/// # Errors
/// What the assembler or the validator says.
pub(crate) fn validate(runtime: &Runtime) -> Result<(), String> {
    let wasm = assemble(runtime).map_err(|e| e.to_string())?;
    wasmparser::validate(&wasm).map(|_| ()).map_err(|e| e.message().to_owned())
}

fn assemble(runtime: &Runtime) -> Result<Vec<u8>, MutantError> {
    wat::parse_str(runtime.module())
        .map_err(|e| MutantError::Undecodable { runtime: runtime.description.name.clone(), problem: e.to_string() })
}

#[cfg(test)]
mod tests;
