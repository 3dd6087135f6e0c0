//! Trials that are judged by fewer oracles.

use super::Rig;
use crate::judge::{Kind, Oracles, Seen, Verdict, judge_leniently};
use heapsmith_generators::Program;

impl Rig {
    /// As [`Self::trial`], judged by these oracles only. [`Oracles::Outputs`] is for a rig [`Self::of_contents`].
    pub(crate) fn trial_by(&mut self, program: &Program, oracles: Oracles) -> Verdict {
        let verdict = self.trial(program);
        let kind = match &verdict {
            Verdict::Violation(v) => Some(v.kind),
            Verdict::Pass | Verdict::AllowedTrap(_) => None,
            Verdict::Inconclusive(_) | Verdict::Untrusted(_) => return verdict,
        };
        let exact = match oracles {
            Oracles::All => return verdict,
            Oracles::Engines if kind.is_none_or(|kind| kind == Kind::EngineDivergence) => return verdict,
            Oracles::Engines => return Verdict::Pass,
            // Nothing else is known of a run that does not end.
            Oracles::NoTrapPrediction | Oracles::Outputs if kind == Some(Kind::Hang) => return verdict,
            Oracles::NoTrapPrediction => true,
            Oracles::Outputs => false,
        };
        let seen = Seen { outcome: &self.outcomes[0], heap: self.residents[0].heap() };
        match judge_leniently(&mut self.model, program, seen, exact) {
            kept @ (Verdict::Pass | Verdict::AllowedTrap(_)) => {
                self.slow().filter(|_| exact).map_or(kept, |v| Verdict::Violation(Box::new(v)))
            }
            other @ (Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_)) => other,
        }
    }
}
