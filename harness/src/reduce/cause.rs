//! The cause of a reduced case, by counterfactual: the one rule whose correct form makes it pass.

use crate::engine::{Engine, EngineError};
use crate::judge::Verdict;
use crate::runtime::description::Description;
use crate::runtime::{builtin, corrections, rewith};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::Program;
use serde::Serialize;
use std::sync::Arc;

/// A rule that explains a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Cause {
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong with it.
    pub text: &'static str,
}

/// The first rule, in the order of [`corrections`], whose correct form alone lets `program` keep every promise; none for a
/// runtime without rules to correct, or when no single one suffices.
///
/// # Errors
/// When an engine refuses a corrected runtime.
pub fn cause_of(
    description: &Description,
    engines: &[Box<dyn Engine>],
    program: &Program,
) -> Result<Option<Cause>, EngineError> {
    for c in corrections(&description.rules) {
        let corrected = builtin(rewith(description, c.corrected));
        let mut rig = Rig::new(Arc::new(Prepared::builtin(corrected, engines)?))?;
        match rig.replay(program).verdict {
            Verdict::Pass | Verdict::AllowedTrap(_) => return Ok(Some(Cause { rule: c.rule, text: c.cause })),
            Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => {}
        }
    }
    Ok(None)
}
