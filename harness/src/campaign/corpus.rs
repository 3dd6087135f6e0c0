//! The programs that a guided campaign keeps, and where each comes from.

use super::situations::Situation;
use crate::coverage::{Family, Feature, Features};
use heapsmith_generators::{Campaign as Programs, Mutator, Program};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A program that a campaign starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What it is called, such as its file.
    pub name: String,
    /// The program.
    pub program: Program,
}

/// Where a program of a guided campaign comes from: a program that was drawn or given, and the mutations that led from it to this one.
///
/// With what the campaign was given, it is all that is needed to have the program again: [`Lineage::replay`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Lineage {
    /// The program that is no mutant.
    pub root: Root,
    /// The mutations, the first one first.
    pub mutations: Vec<Mutated>,
}

/// A program that is no mutant. As JSON it is a number or a name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Root {
    /// What the campaign draws at this index. Beyond the campaign's own indices are those that were drawn for a choice.
    Drawn(u64),
    /// The [`Start`] of this name.
    Given(String),
}

/// A mutation: [`Mutator::mutate`] with this seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Mutated {
    /// The seed.
    pub seed: u64,
    /// Index of the drawn program that was the partner.
    pub partner: u64,
    /// Index of the program that came of it.
    pub index: u64,
}

impl Lineage {
    /// The program, from the campaign that it belongs to, the mutator of that ([`super::mutator`]), and what it started from; none if its
    /// root is none of those.
    #[must_use]
    pub fn replay(&self, programs: &Programs, mutator: &Mutator<'_>, starts: &[Start]) -> Option<Program> {
        let mut program = match &self.root {
            Root::Drawn(index) => programs.program(*index),
            Root::Given(name) => starts.iter().find(|start| start.name == *name)?.program.clone(),
        };
        for step in &self.mutations {
            mutator.mutate(&mut program, Some(&programs.program(step.partner)), step.seed);
        }
        Some(program)
    }

    /// Whether it is a mutant.
    pub(super) const fn is_mutant(&self) -> bool {
        !self.mutations.is_empty()
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Drawn(index) => write!(f, "program {index}")?,
            Root::Given(name) => write!(f, "case {name}")?,
        }
        for Mutated { seed, partner, index } in &self.mutations {
            write!(f, ", mutated with seed {seed:#x} and partner {partner} to program {index}")?;
        }
        Ok(())
    }
}

/// A program to be run.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Its index in the campaign.
    pub(super) index: u64,
    pub(super) program: Program,
    /// None if it is what the campaign draws at its index.
    pub(super) lineage: Option<Lineage>,
}

impl Job {
    /// A program that the campaign starts from.
    pub(super) fn given(start: &Start, index: u64) -> Self {
        let lineage = Lineage { root: Root::Given(start.name.clone()), mutations: Vec::new() };
        Self { index, program: start.program.clone(), lineage: Some(lineage) }
    }

    /// The program that a campaign draws at an index.
    pub(super) fn drawn(programs: &Programs, index: u64) -> Self {
        Self { index, program: programs.program(index), lineage: None }
    }
}

/// A program that was kept because it reached something new.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) program: Program,
    pub(super) lineage: Lineage,
}

impl Entry {
    pub(super) fn of(job: &Job) -> Self {
        let drawn = || Lineage { root: Root::Drawn(job.index), mutations: Vec::new() };
        Self { program: job.program.clone(), lineage: job.lineage.clone().unwrap_or_else(drawn) }
    }

    /// The program, unless it was given.
    pub(super) fn new_program(&self) -> Option<&Program> {
        match &self.lineage.root {
            Root::Given(_) if !self.lineage.is_mutant() => None,
            Root::Given(_) | Root::Drawn(_) => Some(&self.program),
        }
    }
}

/// Kinds of features that are mutated towards equally often: the families of the state, and all edges together.
const KINDS: usize = Family::ALL.len() + 1;

fn kind(feature: Feature) -> usize {
    feature.family().map_or(KINDS - 1, |family| family as usize)
}

/// What is known at the end of a round.
#[derive(Debug, Clone)]
pub(super) struct Corpus {
    /// Everything that was reached.
    pub(super) seen: Features,
    pub(super) entries: Vec<Arc<Entry>>,
    /// For each kind, its features in their order, each with the first program that reached it.
    firsts: Vec<Vec<(Feature, u32)>>,
    /// How many programs came to each situation.
    counts: HashMap<Situation, u32>,
}

impl Default for Corpus {
    fn default() -> Self {
        Self { seen: Features::new(), entries: Vec::new(), firsts: vec![Vec::new(); KINDS], counts: HashMap::new() }
    }
}

impl Corpus {
    /// Keeps a program, if it reached something new.
    pub(super) fn add(&mut self, entry: &Arc<Entry>, reached: &Features) {
        let new = reached.difference(&self.seen);
        if new.is_empty() {
            return;
        }
        self.seen.union(&new);
        for feature in new.iter() {
            let firsts = &mut self.firsts[kind(feature)];
            let at = firsts.partition_point(|(known, _)| *known < feature);
            firsts.insert(at, (feature, self.entries.len() as u32));
        }
        self.entries.push(Arc::clone(entry));
    }

    /// Whether all of these were reached.
    pub(super) fn has_all(&self, reached: &Features) -> bool {
        reached.difference(&self.seen).is_empty()
    }

    /// A program to mutate: the first that reached some feature. Each kind of feature has the same chance, however many there are of it,
    /// and within one the later ones, such as a deeper worklist, have the better ones.
    pub(super) fn parent(&self, draw: &mut impl FnMut(usize) -> usize) -> Option<&Entry> {
        let kinds: Vec<&Vec<(Feature, u32)>> = self.firsts.iter().filter(|firsts| !firsts.is_empty()).collect();
        if kinds.is_empty() {
            return None;
        }
        let firsts = kinds[draw(kinds.len())];
        let (_, entry) = firsts[draw(firsts.len()).max(draw(firsts.len()))];
        self.entries.get(entry as usize).map(Arc::as_ref)
    }
}

impl Corpus {
    /// Counts a program's situations.
    pub(super) fn count(&mut self, situations: &[Situation]) {
        for &situation in situations {
            *self.counts.entry(situation).or_default() += 1;
        }
    }

    /// Whether nothing was counted yet.
    pub(super) fn is_blank(&self) -> bool {
        self.counts.is_empty()
    }

    /// How rare situations are: the sum of `1 / (1 + n)`, where `n` programs came to a situation before.
    pub(super) fn rarity(&self, situations: &[Situation]) -> f64 {
        let came = |situation| self.counts.get(situation).copied().unwrap_or(0);
        situations.iter().map(|situation| 1.0 / (1.0 + f64::from(came(situation)))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_situation_is_the_less_rare_the_more_programs_came_to_it() {
        let mut corpus = Corpus::default();
        assert!(corpus.is_blank() && (corpus.rarity(&[1, 2]) - 2.0).abs() < 1e-9);
        corpus.count(&[1, 2, 2]);
        for (situations, rarity) in [(&[1][..], 0.5), (&[2, 3], 1.0 / 3.0 + 1.0), (&[], 0.0)] {
            assert!((corpus.rarity(situations) - rarity).abs() < 1e-9, "{situations:?}");
        }
    }
}
