//! The cause of a reduced case, by counterfactuals: what happens with one rule corrected, and with that one rule left wrong.
//!
//! A release can have eight defects, and several corrections may each make a case pass, or none may because a second defect shows
//! behind the first. So two questions are asked of each wrong rule:
//! - *Is it enough?* Every other rule is corrected; is the same promise broken at the same step still?
//! - *Is it needed?* It alone is corrected; does the program end well, or come past the step, or is another promise broken there?
//!
//! Named is the first rule, in the order of [`corrections`], for which both answers are yes. Else, where several rules are enough, each by
//! itself, the first that is; else, where two defects only break the promise together (#515 needs a false candidate and no check of its
//! extent), the first of those that do most: end the case well, take it past the step, change what is broken. [`corrections`] have the
//! rule that forbids less before the one that forbids more.
//!
//! Two rules are special. The candidate test can be the cause only after a false candidate, which the model knows. And more initial
//! pages take collections away, so they stay as they are while other rules are asked whether they are enough; the initial pages
//! are asked themselves.

use crate::engine::{Engine, EngineError};
use crate::judge::{Kind, Verdict, Violation};
use crate::runtime::description::{CandidateTest, Description, Rules};
use crate::runtime::{Correction, builtin, corrections, rewith};
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

/// What a correction does to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    /// The violation stays, or one comes before it.
    None,
    /// Another promise is broken at the step.
    Changes,
    /// The program comes past the step, and another promise is broken later.
    ComesPast,
    /// Every promise is kept.
    EndsWell,
}

/// The rule that explains the violation that `program` shows on the runtime; none for a program that shows none, for engines
/// that disagree, for a runtime without rules to correct, and where no single rule answers to any question.
///
/// The first engine alone is asked.
///
/// # Errors
/// When that engine refuses a corrected runtime.
pub fn cause_of(
    description: &Description,
    engines: &[Box<dyn Engine>],
    program: &Program,
) -> Result<Option<Cause>, EngineError> {
    let Some(rules) = description.rules else { return Ok(None) };
    cause_by(rules, &mut |rules| {
        let runtime = builtin(rewith(description, rules));
        let engines = engines.get(..1).unwrap_or_default();
        let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, engines)?))?;
        let verdict = rig.replay(program).verdict;
        Ok((verdict, rig.model().expectation().inexact_from))
    })
}

/// [`cause_of`] for a runtime that follows `rules`, with the means to replay the program under other rules: `replay` gives the verdict, and
/// the step from which on the model was not exact.
pub(crate) fn cause_by(
    rules: Rules,
    replay: &mut dyn FnMut(Rules) -> Result<(Verdict, Option<u32>), EngineError>,
) -> Result<Option<Cause>, EngineError> {
    let mut case = Case { rules, replay };
    let (verdict, inexact_from) = case.verdict(rules)?;
    let Verdict::Violation(shown) = verdict else { return Ok(None) };
    if shown.kind == Kind::EngineDivergence {
        return Ok(None);
    }
    let relevant = |c: &Correction| c.rule != CANDIDATE_TEST || inexact_from.is_some_and(|from| from <= shown.step);
    let wrong: Vec<Correction> = corrections(&rules).into_iter().filter(relevant).collect();
    let (mut enough, mut best) = (None, None);
    for c in &wrong {
        let effect = case.effect(c.corrected, &shown)?;
        if case.is_enough(c.rule, &wrong, &shown)? {
            if effect > Effect::None {
                return Ok(Some(Cause { rule: c.rule, text: c.cause }));
            }
            enough = enough.or(Some(c));
        }
        if effect > best.map_or(Effect::None, |(effect, _)| effect) {
            best = Some((effect, c));
        }
    }
    Ok(enough.or(best.map(|(_, c)| c)).map(|c| Cause { rule: c.rule, text: c.cause }))
}

const CANDIDATE_TEST: &str = "candidate-test";
const INITIAL_PAGES: &str = "initial-pages";

/// A program on a runtime that follows these rules.
struct Case<'a> {
    rules: Rules,
    replay: &'a mut dyn FnMut(Rules) -> Result<(Verdict, Option<u32>), EngineError>,
}

impl Case<'_> {
    /// What other rules do to the violation that is shown.
    fn effect(&mut self, rules: Rules, shown: &Violation) -> Result<Effect, EngineError> {
        Ok(match self.verdict(rules)?.0 {
            Verdict::Pass | Verdict::AllowedTrap(_) => Effect::EndsWell,
            Verdict::Violation(v) if v.step > shown.step => Effect::ComesPast,
            Verdict::Violation(v) if v.step == shown.step && v.kind != shown.kind => Effect::Changes,
            Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => Effect::None,
        })
    }

    /// Whether this rule alone, among those that are wrong, breaks the same promise at the same step.
    fn is_enough(&mut self, rule: &str, wrong: &[Correction], shown: &Violation) -> Result<bool, EngineError> {
        let mut rules = self.rules;
        let to_correct =
            |c: &Correction| c.rule != rule && c.rule != INITIAL_PAGES && wrong.iter().any(|w| w.rule == c.rule);
        while let Some(c) = corrections(&rules).into_iter().find(to_correct) {
            rules = c.corrected;
        }
        Ok(match self.verdict(rules)?.0 {
            Verdict::Violation(v) => (v.kind, v.step) == (shown.kind, shown.step),
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
        })
    }

    /// The verdict under these rules, and the step from which on the model was not exact.
    fn verdict(&mut self, rules: Rules) -> Result<(Verdict, Option<u32>), EngineError> {
        let found = (self.replay)(rules)?;
        if too_slow(&found.0) && rules.candidates == CandidateTest::Walk {
            // To prove each candidate by a walk takes too long on a large heap. A bitmap is quick, but moves the heap's start.
            return (self.replay)(Rules { candidates: CandidateTest::Bitmap, ..rules });
        }
        Ok(found)
    }
}

/// Whether a verdict only says that the collector did not end in time.
fn too_slow(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Violation(v) => v.kind == Kind::Hang,
        Verdict::Inconclusive(_) => true,
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Untrusted(_) => false,
    }
}
