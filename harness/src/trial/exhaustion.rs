//! The last resort: an allocation that gave up for want of memory, held against the same one right after a collection.

use super::{Rig, begin, retry_fuel};
use crate::judge::{self, Allowance, Verdict};
use crate::metamorphic::{Gaps, freeze};
use crate::outcome::{End, Outcome, Trap};
use crate::plan::Step;
use crate::runtime::description::Role;
use heapsmith_generators::Program;
use std::sync::Arc;

impl Rig {
    /// The verdict on a program of which `verdict` was given: another one, if that is a trap which is allowed for want of memory, the manifest says with
    /// `on_exhaustion` that an allocation collects before it gives up, and this one succeeds where a collection is asked for right before it, without one of
    /// its own: a second collection may free what a first one has left.
    ///
    /// Only an op that makes a single object is tried again: what a graph has allocated by then may lie otherwise after a collection, and no collector owes
    /// that it all fits. The rig is left as the program left it.
    pub(super) fn unless_it_gave_up(&mut self, program: &Program, verdict: Verdict) -> Verdict {
        let step = self.outcomes[0].step;
        let may_have = match &verdict {
            Verdict::AllowedTrap(Allowance::May) => true,
            Verdict::AllowedTrap(Allowance::Must(_))
            | Verdict::Pass
            | Verdict::Violation(_)
            | Verdict::Inconclusive(_)
            | Verdict::Untrusted(_) => false,
        };
        let module = self.model.description().module.as_ref();
        if !may_have || self.model.image().is_some() || module.and_then(|m| m.collect.is_last_resort) != Some(true) {
            return verdict;
        }
        self.model.plan_program(program);
        let Some(&Step::Alloc { size, .. }) = self.model.plan().steps.get(step as usize) else { return verdict };
        let until = Program { machine: program.machine, ops: program.ops[..=step as usize].to_vec() };
        let again = freeze(&until, &self.model.plan().steps, Gaps::Before(step)).program;
        let mut before = again.clone();
        before.ops.pop();
        let collections = [before, again].map(|program| (self.first_engine_ends(&program), self.collections_counted()));
        let [(_, collected), (succeeds, with_its_own)] = collections;
        let is_as_before = self.first_engine_ends(program) == Some(End::Trapped(Trap::Unreachable));
        if succeeds == Some(End::Finished) && collected == with_its_own && is_as_before {
            return Verdict::Violation(Box::new(judge::gave_up(step, size)));
        }
        verdict
    }

    /// Collections that the first engine's collector has counted in its last run; 0 where it counts none.
    fn collections_counted(&mut self) -> u32 {
        let mut outcome = Outcome::default();
        self.residents[0].read_outcome(End::Finished, &mut outcome);
        self.model.description().global(&outcome, Role::Collections).unwrap_or(0)
    }

    /// Plans a program and runs it on the first engine: how it ends there. Engines agree on it by now.
    fn first_engine_ends(&mut self, program: &Program) -> Option<End> {
        self.model.plan_program(program);
        self.tape.encode(self.model.plan());
        let resident = &mut self.residents[0];
        let fuel = retry_fuel(&self.model, resident.heap().len());
        begin(resident, &self.tape, self.model.image().map(Arc::as_ref)).ok()?;
        resident.advance(self.tape.steps(), fuel).ok()
    }
}
