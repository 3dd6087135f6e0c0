//! The cause of a reduced case, by counterfactual: the one rule whose correct form makes it pass.

use crate::engine::{Engine, EngineError};
use crate::judge::{Kind, Verdict};
use crate::runtime::description::{CandidateTest, Description, Rules};
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
        let cause = Cause { rule: c.rule, text: c.cause };
        let passes = match verdict_under(description, c.corrected, engines, program)? {
            Verdict::Pass | Verdict::AllowedTrap(_) => true,
            // To prove each candidate by a walk takes too long on a large heap. A bitmap is quick, but moves the heap's start.
            verdict if too_slow(&verdict) && c.corrected.candidates == CandidateTest::Walk => {
                let quick = Rules { candidates: CandidateTest::Bitmap, ..c.corrected };
                match verdict_under(description, quick, engines, program)? {
                    Verdict::Pass | Verdict::AllowedTrap(_) => true,
                    Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
                }
            }
            Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
        };
        if passes {
            return Ok(Some(cause));
        }
    }
    Ok(None)
}

/// Whether a verdict only says that the collector did not end in time.
fn too_slow(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Violation(v) => v.kind == Kind::Hang,
        Verdict::Inconclusive(_) => true,
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Untrusted(_) => false,
    }
}

/// The verdict on a program under other rules.
fn verdict_under(
    description: &Description,
    rules: Rules,
    engines: &[Box<dyn Engine>],
    program: &Program,
) -> Result<Verdict, EngineError> {
    let corrected = builtin(rewith(description, rules));
    let mut rig = Rig::new(Arc::new(Prepared::builtin(corrected, engines)?))?;
    Ok(rig.replay(program).verdict)
}
