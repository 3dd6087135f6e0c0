//! How many pairs of runs there were, and what was different in them: silence about schedules is worth what these numbers say.

use super::bench::{NotCompared, Pair};
use super::freeze::Frozen;
use super::variant::Variant;
use crate::judge::Round;
use crate::runtime::description::Description;
use crate::trial::Rig;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of metamorphic runs; workers have their own, and [`Tally::merge`] adds them up in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Programs of which at least one variant was asked for.
    pub programs: u64,
    /// Pairs with the same transcript.
    pub same: u64,
    /// Pairs that broke a promise.
    pub broken: u64,
    /// Pairs that were not compared, by reason.
    pub not_compared: BTreeMap<NotCompared, u64>,
    /// Collections that variants did beyond those of their base runs, as their own counter says.
    pub extra_collections: u64,
    /// Collections that were inserted into variants that ran.
    pub inserted_collections: u64,
    /// Heap starts of the variants that ran.
    pub heap_starts: BTreeSet<u32>,
    /// Worklists of the variants that ran, in entries.
    pub worklists: BTreeSet<u32>,
    /// Poisoned twins that ran.
    pub poisoned: u64,
    /// Variants that ran in the standalone lowering, too.
    pub standalone: u64,
    /// Programs whose work was done again and again.
    pub repeated: u64,
    /// How often, in all.
    pub rounds: u64,
    /// Payload bytes that those rounds allocated.
    pub round_bytes: u64,
    /// Variants that ran on another runtime, by its name.
    pub runtimes: BTreeMap<String, u64>,
    /// Programs that were compared on each runtime that comparisons are counted for, by its name with parameters.
    pub versus: BTreeMap<String, u64>,
    /// Programs that were compared on all of those.
    pub versus_all: u64,
}

impl Tally {
    /// Pairs of which a verdict was given.
    #[must_use]
    pub const fn compared(&self) -> u64 {
        self.same + self.broken
    }

    /// Counts what was different in a variant's run.
    pub(super) fn ran(&mut self, variant: &Variant, rig: &Rig, frozen: &Frozen, extra_collections: u32) {
        let description = &rig.prepared().runtime.description;
        self.extra_collections += u64::from(extra_collections);
        self.inserted_collections += frozen.collections();
        self.poisoned += u64::from(variant.poison);
        self.standalone += u64::from(variant.standalone);
        if let Some(on) = &variant.on {
            self.heap_starts.insert(description.regions.heap_start);
            self.worklists.insert(description.parameters.worklist);
            *self.runtimes.entry(on.name.clone()).or_default() += 1;
        }
    }

    /// Counts so many rounds; none, where a round by itself had a verdict.
    pub(super) fn repeated(&mut self, rounds: u64, round: Round) {
        self.repeated += u64::from(rounds > 0);
        self.rounds += rounds;
        self.round_bytes = self.round_bytes.saturating_add(rounds.saturating_mul(round.bytes));
    }

    /// Counts the runtimes that a program was compared on, of so many.
    pub(super) fn compared_on(&mut self, compared: BTreeSet<String>, of: usize) {
        self.versus_all += u64::from(of > 0 && compared.len() == of);
        for name in compared {
            *self.versus.entry(name).or_default() += 1;
        }
    }

    /// Counts a pair.
    pub(super) fn count(&mut self, pair: &Pair) {
        match pair {
            Pair::Same => self.same += 1,
            Pair::Broken(_) | Pair::Untrusted(_) => self.broken += 1,
            Pair::NotCompared(reason) => *self.not_compared.entry(*reason).or_default() += 1,
        }
    }

    /// Adds another worker's numbers.
    pub fn merge(&mut self, other: &Self) {
        self.programs += other.programs;
        self.same += other.same;
        self.broken += other.broken;
        self.extra_collections += other.extra_collections;
        self.inserted_collections += other.inserted_collections;
        self.poisoned += other.poisoned;
        self.standalone += other.standalone;
        self.repeated += other.repeated;
        self.rounds += other.rounds;
        self.round_bytes = self.round_bytes.saturating_add(other.round_bytes);
        for (reason, n) in &other.not_compared {
            *self.not_compared.entry(*reason).or_default() += n;
        }
        self.heap_starts.extend(&other.heap_starts);
        self.worklists.extend(&other.worklists);
        for (name, n) in &other.runtimes {
            *self.runtimes.entry(name.clone()).or_default() += n;
        }
        self.versus_all += other.versus_all;
        for (name, n) in &other.versus {
            *self.versus.entry(name.clone()).or_default() += n;
        }
    }

    /// What must not be zero after so many programs that silence counts. The text of a module that is not ours has no twins; rounds are for such modules
    /// alone.
    #[must_use]
    pub fn unreached(&self, description: &Description) -> Vec<&'static str> {
        let is_ours = description.module.is_none();
        let has_rounds = description.module.as_ref().is_some_and(|module| module.no_plateau().is_none());
        [
            (self.programs, "metamorphic programs"),
            (self.same, "metamorphic pairs that were compared"),
            (self.extra_collections, "extra collections of metamorphic runs"),
            (if is_ours { self.heap_starts.len() as u64 } else { 1 }, "heap starts of metamorphic runs"),
            (if is_ours { self.poisoned } else { 1 }, "poisoned twins"),
            (if has_rounds { self.repeated } else { 1 }, "rounds of the same work"),
        ]
        .into_iter()
        .filter_map(|(n, what)| (n == 0).then_some(what))
        .collect()
    }
}
