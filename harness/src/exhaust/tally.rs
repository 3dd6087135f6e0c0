//! What became of programs: sums and first violations, merged in any order with the same result.

use super::alphabet::Move;
use crate::judge::{Allowance, Verdict};
use crate::trial::Observations;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Disagreements and inconclusive programs that are kept.
const KEPT: usize = 3;

/// Numbers of a part of a scope, or of all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Programs that ran.
    pub run: u64,
    /// Programs that a prefix decided.
    pub decided: u64,
    /// Programs that also ran in the standalone lowering, with the same outcome.
    pub confirmations: u64,
    /// Programs that passed to their end.
    pub passed: u64,
    /// Programs that ended in a demanded trap, by rule.
    pub traps: BTreeMap<String, u64>,
    /// Programs that ended in a trap that was allowed only.
    pub may_traps: u64,
    /// Programs with a violation, none of whose prefixes has one.
    pub violations: u64,
    /// Programs of which nothing can be said, by reason.
    pub inconclusive: BTreeMap<String, u64>,
    /// The first disagreements of the harness with itself: place and what was said.
    pub untrusted: Vec<(Place, String)>,
    /// Collections.
    pub collections: u64,
    /// Objects that the last collection of a program kept.
    pub marked: u64,
    /// Blocks on the free list at the ends of programs.
    pub freed: u64,
    /// Pages that memory grew by.
    pub grown: u64,
    /// The deepest worklist.
    pub worklist: u64,
    /// The deepest root stack.
    pub roots: u64,
    /// The first violation of each kind with each cause.
    pub first: Vec<First>,
}

/// A program and the machine that it ran on, in the order of programs: fewest ops first, then moves, then machines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Ops.
    pub ops: usize,
    /// The program.
    pub program: Vec<Move>,
    /// Index of the machine.
    pub machine: usize,
}

/// The first program that breaks a promise for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// [`crate::judge::Kind::full_name`] of the violation.
    pub kind: String,
    /// The rule that is its cause, where one alone is.
    pub cause: Option<String>,
    /// Programs like it.
    pub count: u64,
    /// The first of them.
    pub place: Place,
}

impl Tally {
    /// Programs that are done with.
    #[must_use]
    pub const fn checked(&self) -> u64 {
        self.run.saturating_add(self.decided)
    }

    /// Counts a program that ran; a violation's reason is noted apart, by [`Self::note`].
    pub(super) fn count(&mut self, place: impl FnOnce() -> Place, verdict: &Verdict, o: Observations) {
        self.run += 1;
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::AllowedTrap(Allowance::Must(rule)) => {
                *self.traps.entry(rule.name().to_owned()).or_default() += 1;
            }
            Verdict::AllowedTrap(Allowance::May) => self.may_traps += 1,
            Verdict::Violation(_) => self.violations += 1,
            Verdict::Inconclusive(reason) => *self.inconclusive.entry(reason.name().to_owned()).or_default() += 1,
            Verdict::Untrusted(d) => {
                let text = format!("{}: engines have {}, the emulator has {}", d.what, d.engines, d.emulator);
                self.distrust(place(), text);
            }
        }
        self.collections += o.collections;
        self.marked += o.marked;
        self.freed += o.free_blocks;
        self.grown += o.grown;
        self.worklist = self.worklist.max(o.worklist);
        self.roots = self.roots.max(o.roots);
    }

    /// Notes that the harness contradicted itself.
    pub(super) fn distrust(&mut self, place: Place, text: String) {
        self.untrusted.push((place, text));
        self.untrusted.sort();
        self.untrusted.truncate(KEPT);
    }

    /// Notes why a program broke a promise.
    pub(super) fn note(&mut self, first: First) {
        match self.first.iter_mut().find(|f| (&f.kind, &f.cause) == (&first.kind, &first.cause)) {
            Some(known) => {
                known.count += first.count;
                known.place = first.place.min(known.place.clone());
            }
            None => self.first.push(first),
        }
        self.first.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| (&a.kind, &a.cause).cmp(&(&b.kind, &b.cause))));
    }

    /// Adds another part of the scope.
    pub(super) fn merge(&mut self, other: Self) {
        self.run += other.run;
        self.decided += other.decided;
        self.confirmations += other.confirmations;
        self.passed += other.passed;
        self.may_traps += other.may_traps;
        self.violations += other.violations;
        self.collections += other.collections;
        self.marked += other.marked;
        self.freed += other.freed;
        self.grown += other.grown;
        self.worklist = self.worklist.max(other.worklist);
        self.roots = self.roots.max(other.roots);
        for (rule, n) in other.traps {
            *self.traps.entry(rule).or_default() += n;
        }
        for (reason, n) in other.inconclusive {
            *self.inconclusive.entry(reason).or_default() += n;
        }
        for (place, text) in other.untrusted {
            self.distrust(place, text);
        }
        for first in other.first {
            self.note(first);
        }
    }
}
