//! Programs that wait for the engines that run the standalone lowering only, to be sent to them many at once.

use super::Rig;
use crate::engine::session::{outcome_of, whole};
use crate::engine::{Engine, EngineError, Whole};
use crate::judge::{Inconclusive, Verdict};
use crate::outcome::{End, Outcome};

/// A program as such an engine runs it, and what the judged engine showed of it.
#[derive(Debug)]
pub struct Sample {
    whole: Whole,
    outcome: Outcome,
    heap: Vec<u8>,
}

impl Rig {
    /// The program of the last trial, which gave `verdict`, for engines that were not asked; none where a hearing would not ask them either:
    /// it did not run, or out of fuel, or has this much work. Giant collectors are not sent.
    ///
    /// # Errors
    /// If it cannot be lowered.
    pub fn sample(&self, verdict: &Verdict, below: u64) -> Result<Option<Sample>, EngineError> {
        let ran = !matches!(verdict, Verdict::Inconclusive(Inconclusive::TooMuchWork | Inconclusive::EngineFailed));
        let asked = self.alone.iter().any(|alone| alone.answer().is_some() || alone.failure().is_some());
        let hung = self.outcomes.iter().any(|outcome| outcome.end == End::OutOfFuel);
        let giant = self.prepared.runtime.description.is_giant();
        if !ran || asked || hung || giant || self.model.plan().work >= below {
            return Ok(None);
        }
        let whole = whole(&self.prepared.runtime, self.model.plan(), self.hearing_fuel())?;
        Ok(Some(Sample { whole, outcome: self.outcomes[0].clone(), heap: self.residents[0].heap().to_vec() }))
    }
}

impl Sample {
    /// Bytes that it keeps, as far as they matter.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.heap.len()
    }

    /// Runs samples on an engine: of each, whether it shows what the judged engine showed. An engine that fails shows nothing.
    #[must_use]
    pub fn alike(samples: &[&Self], engine: &dyn Engine) -> Vec<bool> {
        let mut alike = vec![false; samples.len()];
        let groups: Vec<&Whole> = samples.iter().map(|sample| &sample.whole).collect();
        engine.run_whole(&groups, &mut |i, ran| {
            alike[i] = ran.is_ok_and(|ran| {
                let (outcome, heap) = outcome_of(ran);
                outcome == samples[i].outcome && heap == samples[i].heap
            });
        });
        alike
    }
}
