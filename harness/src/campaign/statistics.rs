//! What a campaign did: the vacuity line, and the gates that make its silence worth something.

use crate::coverage::{BOUNDARY_CLASSES, boundary_classes};
use crate::judge::{Allowance, Inconclusive, Verdict};
use crate::metamorphic::Tally;
use crate::model::{AllocPath, Counts, Logged, TrapRule};
use crate::outcome::Outcome;
use crate::plan::Step;
use crate::runtime::description::{Description, Growth, PAGE, PlacementPolicy, RootsFull, WorklistFull, Zeroing};
use crate::trial::{Observations, Rig};
use heapsmith_generators::{Op, Program};
use std::collections::{BTreeMap, BTreeSet};

/// Programs from which on a gate that nothing passed through is an error.
pub const GATED_PROGRAMS: u64 = 10_000;

/// What any campaign must reach where memory may grow; programs that grow it are so many that a few dozen have one.
pub const GROWTH: &str = "growth of memory";

/// Numbers of a campaign; workers have their own and [`Statistics::merge`] adds them up in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Programs run.
    pub programs: u64,
    /// Programs that also ran in the standalone lowering, with the same outcome.
    pub confirmations: u64,
    /// Programs that also ran on each engine that runs the standalone lowering only.
    pub heard: BTreeMap<&'static str, u64>,
    /// Sums, and for the two depths maxima, of what guest memory and globals showed.
    pub observed: Observations,
    /// The most collections of one program.
    pub most_collections: u64,
    /// Ops planned.
    pub ops: u64,
    /// Of those, ops without effect.
    pub noops: u64,
    /// Programs that passed to their end.
    pub passed: u64,
    /// Programs that ended in a demanded trap, by rule.
    pub traps: BTreeMap<TrapRule, u64>,
    /// Programs that ended in a trap that was allowed only.
    pub may_traps: u64,
    /// Programs with a violation.
    pub violations: u64,
    /// Index of the first program with a violation.
    pub first_violation: Option<u64>,
    /// Programs of which nothing can be said, by reason.
    pub inconclusive: BTreeMap<Inconclusive, u64>,
    /// The first programs on which harness and emulator, or the two lowerings, disagreed: index and what was said.
    pub untrusted: BTreeMap<u64, String>,
    /// Ops and graphs that had an effect.
    pub reached: BTreeSet<&'static str>,
    /// Allocations by path, where the engines confirmed the model's prediction.
    pub paths: [u64; 7],
    /// Runs in variants.
    pub variants: Tally,
    /// What characteristics cost, where the engines confirmed the model's prediction.
    pub counts: Counts,
    boundaries: Vec<bool>,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            programs: 0,
            confirmations: 0,
            heard: BTreeMap::new(),
            observed: Observations::default(),
            most_collections: 0,
            ops: 0,
            noops: 0,
            passed: 0,
            traps: BTreeMap::new(),
            may_traps: 0,
            violations: 0,
            first_violation: None,
            inconclusive: BTreeMap::new(),
            untrusted: BTreeMap::new(),
            reached: BTreeSet::new(),
            paths: [0; 7],
            variants: Tally::default(),
            counts: Counts::default(),
            boundaries: vec![false; BOUNDARY_CLASSES],
        }
    }
}

/// Disagreements that are kept.
const UNTRUSTED_KEPT: usize = 3;

impl Statistics {
    /// Counts one trial, and gives what it showed.
    pub fn count(&mut self, index: u64, program: &Program, verdict: &Verdict, rig: &Rig) -> Observations {
        self.programs += 1;
        rig.heard().for_each(|engine| self.hear(engine));
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::AllowedTrap(Allowance::Must(rule)) => *self.traps.entry(*rule).or_default() += 1,
            Verdict::AllowedTrap(Allowance::May) => self.may_traps += 1,
            Verdict::Violation(_) => self.violate(index),
            Verdict::Inconclusive(reason) => *self.inconclusive.entry(*reason).or_default() += 1,
            Verdict::Untrusted(d) => {
                self.distrust(
                    index,
                    format!("{}: engines have {}, the emulator has {}", d.what, d.engines, d.emulator),
                );
            }
        }
        let o = rig.observe();
        self.observed.collections += o.collections;
        self.most_collections = self.most_collections.max(o.collections);
        self.observed.marked += o.marked;
        self.observed.freed += o.freed;
        self.observed.grown += o.grown;
        self.observed.registered += o.registered;
        self.observed.released += o.released;
        self.observed.worklist = self.observed.worklist.max(o.worklist);
        self.observed.roots = self.observed.roots.max(o.roots);
        let model = rig.model();
        self.ops += model.plan().steps.len() as u64;
        self.noops += u64::from(model.expectation().noops);
        for (op, step) in program.ops.iter().zip(&model.plan().steps) {
            if *step != Step::Nop {
                self.reach(op);
            }
        }
        if let Verdict::Pass | Verdict::AllowedTrap(Allowance::Must(_)) = verdict {
            self.counts.add(&model.heap.counts);
        }
        if let Verdict::Pass | Verdict::AllowedTrap(_) = verdict
            && model.expectation().inexact_from.is_none()
        {
            for (sum, n) in self.paths.iter_mut().zip(model.expectation().paths) {
                *sum += u64::from(n);
            }
        }
        self.boundaries(model.description(), &model.expectation().kinds, rig.outcome(0));
        o
    }

    /// Counts that an engine that runs the standalone lowering only ran a program, too.
    pub fn hear(&mut self, engine: &'static str) {
        *self.heard.entry(engine).or_default() += 1;
    }

    /// Counts a violation that a variant of a program showed which had passed by itself.
    pub fn recant(&mut self, index: u64) {
        self.passed -= 1;
        self.violate(index);
    }

    fn violate(&mut self, index: u64) {
        self.violations += 1;
        self.first_violation = Some(self.first_violation.map_or(index, |first| first.min(index)));
    }

    /// Notes that the harness contradicted itself.
    pub fn distrust(&mut self, index: u64, text: String) {
        self.untrusted.insert(index, text);
        while self.untrusted.len() > UNTRUSTED_KEPT {
            self.untrusted.pop_last();
        }
    }

    fn reach(&mut self, op: &Op) {
        let tag = op.tag();
        if !self.reached.contains(tag) {
            self.reached.insert(tag);
        }
    }

    fn boundaries(&mut self, description: &Description, kinds: &[Logged], outcome: &Outcome) {
        for class in boundary_classes(description, kinds, outcome) {
            self.boundaries[class] = true;
        }
    }

    /// Boundary classes that an allocation's end was seen in, of [`BOUNDARY_CLASSES`].
    #[must_use]
    pub fn boundary_classes(&self) -> usize {
        self.boundaries.iter().filter(|&&hit| hit).count()
    }

    /// Adds another worker's numbers.
    pub fn merge(&mut self, other: &Self) {
        self.programs += other.programs;
        self.confirmations += other.confirmations;
        for (engine, n) in &other.heard {
            *self.heard.entry(engine).or_default() += n;
        }
        self.ops += other.ops;
        self.noops += other.noops;
        self.passed += other.passed;
        self.may_traps += other.may_traps;
        self.violations += other.violations;
        self.first_violation = self.first_violation.into_iter().chain(other.first_violation).min();
        self.most_collections = self.most_collections.max(other.most_collections);
        let (o, p) = (&mut self.observed, other.observed);
        o.collections += p.collections;
        o.marked += p.marked;
        o.freed += p.freed;
        o.grown += p.grown;
        o.registered += p.registered;
        o.released += p.released;
        o.worklist = o.worklist.max(p.worklist);
        o.roots = o.roots.max(p.roots);
        for (rule, n) in &other.traps {
            *self.traps.entry(*rule).or_default() += n;
        }
        for (reason, n) in &other.inconclusive {
            *self.inconclusive.entry(*reason).or_default() += n;
        }
        for (index, text) in &other.untrusted {
            self.distrust(*index, text.clone());
        }
        self.variants.merge(&other.variants);
        self.reached.extend(&other.reached);
        for (sum, n) in self.paths.iter_mut().zip(other.paths) {
            *sum += n;
        }
        self.counts.add(&other.counts);
        for (hit, other) in self.boundaries.iter_mut().zip(&other.boundaries) {
            *hit |= other;
        }
    }

    /// The allocation paths that a runtime has and this campaign never took, by name.
    pub(crate) fn untaken_paths(&self, description: &Description) -> impl Iterator<Item = &'static str> {
        let has = |path: AllocPath| match path {
            AllocPath::List | AllocPath::ListExact | AllocPath::Bump => true,
            AllocPath::CollectedList | AllocPath::GrownOne => true,
            AllocPath::ListSplit => description.promises.placement == PlacementPolicy::FirstFitSplit,
            // A release that grows by one page cannot grow by several without breaking a promise.
            AllocPath::GrownMany => description.rules.is_none_or(|rules| rules.growth == Growth::Shortage),
        };
        PATHS.into_iter().filter(move |&(path, _)| has(path) && self.paths[path as usize] == 0).map(|(_, name)| name)
    }

    /// What a runtime can reach and this campaign did not, by name.
    #[must_use]
    pub fn unreached(&self, description: &Description) -> Vec<String> {
        let mut missing = Vec::new();
        for tag in Op::TAGS {
            let reachable = match tag {
                "check_zero" => description.promises.zeroing != Zeroing::Unpromised,
                "wrap" => description.parameters.wraps > 0,
                "minor" => description.module.as_ref().is_some_and(|module| module.has_minor()),
                _ => true,
            };
            if reachable && !self.reached.contains(tag) {
                missing.push(format!("op {tag}"));
            }
        }
        if description.is_predictable() {
            missing.extend(self.untaken_paths(description).map(|name| format!("allocation path {name}")));
        }
        for rule in TrapRule::ALL {
            // Where nobody can predict a limit of memory, memory shows it, and the trap is allowed only.
            let is_shown = rule == TrapRule::MemoryLimit && !description.is_predictable() && self.may_traps > 0;
            if traps_under(description, rule) && !self.traps.contains_key(&rule) && !is_shown {
                missing.push(format!("trap rule {}", rule.name()));
            }
        }
        let (o, counts) = (self.observed, description.counts_collections());
        if description.parameters.wraps > 0 {
            let handles = [("handles registered", o.registered), ("handles released", o.released)];
            missing.extend(handles.into_iter().filter(|(_, n)| *n == 0).map(|(name, _)| name.to_owned()));
        }
        for (name, n) in [
            ("collections", if counts { o.collections } else { 1 }),
            ("objects marked", if counts { o.marked } else { 1 }),
            ("bytes freed", if description.frees() { o.freed } else { 1 }),
            ("pages grown", if description.may_grow(false) { o.grown } else { 1 }),
            ("worklist entries", if description.has_worklist() { o.worklist } else { 1 }),
            ("root slots", o.roots),
        ] {
            if n == 0 {
                missing.push(name.to_owned());
            }
        }
        missing
    }

    /// What any campaign must reach, whatever is pinned, and this one did not, by name.
    #[must_use]
    pub fn basics_unreached(&self, description: &Description, is_pinned: bool) -> Vec<String> {
        let (o, may_grow) = (self.observed, description.may_grow(is_pinned));
        let counts = description.counts_collections();
        let reached = [
            ("collections", o.collections > 0 || !counts),
            ("objects that a collection kept", o.marked > 0 || !counts),
            ("bytes that a collection freed", o.freed > 0 || !description.frees()),
            (GROWTH, o.grown > 0 || !may_grow),
            ("a trap at a limit", !self.traps.is_empty() || !description.is_predictable() && self.may_traps > 0),
        ];
        reached.iter().filter(|(_, reached)| !reached).map(|(what, _)| (*what).to_owned()).collect()
    }

    /// Why this campaign's silence cannot be trusted; empty if it can.
    #[must_use]
    pub fn distrusted(&self, description: &Description) -> Vec<String> {
        let mut why: Vec<String> =
            self.untrusted.iter().map(|(index, text)| format!("program {index}: {text}")).collect();
        if self.programs >= GATED_PROGRAMS {
            why.extend(self.unreached(description).into_iter().map(|what| format!("never reached: {what}")));
            why.extend(self.variants.unreached(description).into_iter().map(|what| format!("never reached: {what}")));
            for (reason, &n) in &self.inconclusive {
                if n * 1_000 > self.programs {
                    why.push(format!("{n} of {} programs inconclusive: {}", self.programs, reason.name()));
                }
            }
        }
        why
    }
}

/// The allocation paths and their names.
pub const PATHS: [(AllocPath, &str); 7] = [
    (AllocPath::List, "free list"),
    (AllocPath::ListExact, "free list, exact size"),
    (AllocPath::ListSplit, "free list, by a split"),
    (AllocPath::Bump, "bump"),
    (AllocPath::CollectedList, "free list after a collection"),
    (AllocPath::GrownOne, "growth by at most one page"),
    (AllocPath::GrownMany, "growth by several pages"),
];

/// Whether a program can end in this trap on a runtime as its release is: a defect may make a demanded trap impossible.
fn traps_under(description: &Description, rule: TrapRule) -> bool {
    match rule {
        TrapRule::WorklistFull => description.rules.is_some_and(|rules| rules.worklist_full == WorklistFull::Trap),
        TrapRule::RootStackFull => description.rules.is_none_or(|rules| rules.roots_full == RootsFull::Trap),
        TrapRule::MemoryLimit => true,
        TrapRule::SizeLimit => description.promises.size_limit < u32::MAX,
        TrapRule::WrapTableFull => description.parameters.wraps > 0,
        // Where the page limit forbids it, too, that is named.
        TrapRule::AddressLimit => {
            description.promises.address_limit < u64::from(description.parameters.max_pages) * u64::from(PAGE)
        }
    }
}
