//! One worker's way through branches: each program run, judged, counted and, if it breaks a promise, explained.

use super::alphabet::Move;
use super::driver::Work;
use super::tally::{First, Place, Tally};
use super::tree::{Branch, Visitor, walk};
use super::{ExhaustError, Progress};
use crate::campaign::disagreement;
use crate::judge::Verdict;
use crate::outcome::End;
use crate::reduce::cause_by;
use crate::runtime::description::Rules;
use crate::trial::Rig;
use heapsmith_generators::Program;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One branch in so many has its first program run in the standalone lowering as well.
const CONFIRM_EVERY: usize = 256;

/// A branch is finished even when told to stop, unless it is larger than this: then what it has found is found again.
const FINISHED: u64 = 4_096;

/// Runs programs on one machine.
pub(super) struct Runner<'a> {
    work: &'a Work<'a>,
    machine: usize,
    rig: Rig,
    /// Rigs of the runtime under other rules, made when they are first needed.
    corrected: HashMap<Rules, Rig>,
    program: Program,
    tally: Tally,
    confirm: bool,
    failed: Option<ExhaustError>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(work: &'a Work<'a>, machine: usize) -> Result<Self, ExhaustError> {
        let rig = Rig::new(work.prepared(machine)?)?;
        let corrected = HashMap::new();
        let program = Program { machine: work.machines[machine], ops: Vec::new() };
        Ok(Self { work, machine, rig, corrected, program, tally: Tally::default(), confirm: false, failed: None })
    }

    pub(super) const fn machine(&self) -> usize {
        self.machine
    }

    /// Runs a branch; none when it was told to stop before the branch's end.
    pub(super) fn branch(
        &mut self,
        number: usize,
        branch: &Branch,
        cut: Option<usize>,
    ) -> Result<Option<Tally>, ExhaustError> {
        self.tally = Tally::default();
        self.confirm = number.is_multiple_of(CONFIRM_EVERY);
        // What a prefix decides is known only from running it; it is counted where it stands in the tree.
        let live = (1..=branch.prefix.len()).all(|n| self.run(&branch.prefix[..n]).1);
        let flow = walk(self.work.settings.scope, branch, cut, live, self);
        match (self.failed.take(), flow) {
            (Some(error), _) => Err(error),
            (None, ControlFlow::Break(())) => Ok(None),
            (None, ControlFlow::Continue(())) => Ok(Some(std::mem::take(&mut self.tally))),
        }
    }

    /// Runs a program; says what became of it, and whether its extensions can be anything else.
    fn run(&mut self, moves: &[Move]) -> (Verdict, bool) {
        self.program.ops.clear();
        self.program.ops.extend(moves.iter().map(|m| m.op()));
        let verdict = self.rig.trial(&self.program);
        let ended = match self.rig.outcome(0).end {
            End::Trapped(_) => true,
            End::Finished | End::OutOfFuel => self.rig.model().expectation().trap.is_some(),
        };
        let goes_on = match verdict {
            Verdict::Violation(_) => false,
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Untrusted(_) => !ended,
            // Its outcome is not known.
            Verdict::Inconclusive(_) => true,
        };
        (verdict, goes_on)
    }

    fn place(&self, moves: &[Move]) -> Place {
        Place { ops: moves.len(), program: moves.to_vec(), machine: self.machine }
    }

    /// The cause of the violation that the program at hand shows; none where a fault is planted, because no rule describes it.
    fn cause(&mut self) -> Result<Option<&'static str>, ExhaustError> {
        if !self.rig.prepared().emulated {
            return Ok(None);
        }
        let prepared = Arc::clone(self.rig.prepared());
        let Some(rules) = prepared.runtime.description.rules else { return Ok(None) };
        let (work, machine, program, rigs) = (self.work, self.machine, &self.program, &mut self.corrected);
        let cause = cause_by(rules, &mut |rules| {
            let rig = match rigs.entry(rules) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Rig::new(work.corrected(machine, &prepared, rules)?)?),
            };
            let verdict = rig.replay(program).verdict;
            Ok((verdict, rig.model().expectation().inexact_from))
        })?;
        Ok(cause.map(|c| c.rule))
    }

    /// Runs the program at hand in the standalone lowering as well.
    fn confirm(&mut self, moves: &[Move]) -> Result<(), ExhaustError> {
        match disagreement(&self.work.settings.engines, &self.rig)? {
            None => self.tally.confirmations += 1,
            Some(text) => self.tally.distrust(self.place(moves), text),
        }
        Ok(())
    }

    fn try_visit(&mut self, moves: &[Move]) -> Result<bool, ExhaustError> {
        let (verdict, goes_on) = self.run(moves);
        let observed = self.rig.observe();
        let machine = self.machine;
        self.tally.count(|| Place { ops: moves.len(), program: moves.to_vec(), machine }, &verdict, observed);
        if std::mem::take(&mut self.confirm) {
            self.confirm(moves)?;
        }
        if let Verdict::Violation(v) = verdict {
            self.work.progress.violations.fetch_add(1, Ordering::Relaxed);
            let cause = self.cause()?.map(str::to_owned);
            self.tally.note(First { kind: v.kind.full_name(), cause, count: 1, place: self.place(moves) });
        }
        Ok(goes_on)
    }
}

impl Visitor for Runner<'_> {
    fn visit(&mut self, program: &[Move], live: bool) -> ControlFlow<(), bool> {
        let progress: &Progress = self.work.progress;
        if progress.stop.load(Ordering::Relaxed) && self.tally.run >= FINISHED {
            return ControlFlow::Break(());
        }
        progress.checked.fetch_add(1, Ordering::Relaxed);
        if !live {
            self.tally.decided += 1;
            return ControlFlow::Continue(false);
        }
        match self.try_visit(program) {
            Ok(goes_on) => ControlFlow::Continue(goes_on),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}
