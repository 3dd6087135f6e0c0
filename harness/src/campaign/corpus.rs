//! The programs that a guided campaign keeps, and where each comes from.

use crate::coverage::{Family, Feature, Features};
use crate::metamorphic::mix;
use heapsmith_generators::{Campaign as Programs, Mutator, Program};
use std::fmt;
use std::sync::Arc;

/// Where a program of a guided campaign comes from: a program that was drawn, and the mutations that led from it to this one.
///
/// It is all that is needed to have the program again: [`Lineage::replay`].
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Lineage {
    /// Index of the program that was drawn.
    pub root: u64,
    /// The mutations, the first one first.
    pub mutations: Vec<Mutated>,
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
    /// The program, from the campaign that it belongs to and the mutator of that ([`super::mutator`]).
    #[must_use]
    pub fn replay(&self, programs: &Programs, mutator: &Mutator<'_>) -> Program {
        let mut program = programs.program(self.root);
        for step in &self.mutations {
            mutator.mutate(&mut program, Some(&programs.program(step.partner)), step.seed);
        }
        program
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program {}", self.root)?;
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
    /// The program that a campaign draws at an index.
    pub(super) fn drawn(programs: &Programs, index: u64) -> Self {
        Self { index, program: programs.program(index), lineage: None }
    }
}

/// A program that was kept because it reached something new.
#[derive(Debug)]
pub(super) struct Entry {
    program: Program,
    lineage: Lineage,
}

impl Entry {
    pub(super) fn of(job: &Job) -> Self {
        let drawn = || Lineage { root: job.index, mutations: Vec::new() };
        Self { program: job.program.clone(), lineage: job.lineage.clone().unwrap_or_else(drawn) }
    }

    #[cfg(test)]
    pub(super) const fn lineage(&self) -> &Lineage {
        &self.lineage
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
}

impl Default for Corpus {
    fn default() -> Self {
        Self { seen: Features::new(), entries: Vec::new(), firsts: vec![Vec::new(); KINDS] }
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
    fn parent(&self, draw: &mut impl FnMut(usize) -> usize) -> Option<&Entry> {
        let kinds: Vec<&Vec<(Feature, u32)>> = self.firsts.iter().filter(|firsts| !firsts.is_empty()).collect();
        if kinds.is_empty() {
            return None;
        }
        let firsts = kinds[draw(kinds.len())];
        let (_, entry) = firsts[draw(firsts.len()).max(draw(firsts.len()))];
        self.entries.get(entry as usize).map(Arc::as_ref)
    }
}

/// Of so many programs of a guided campaign, one is drawn, and the others are mutants.
const DRAWN: usize = 2;
/// Streams of a program's index: what is chosen for it, and the seed of its mutation.
const CHOICE: u64 = 0x6368_6f69;
const SEED: u64 = 0x7365_6564;

/// Work of a mutant that is run, as the model counts it. Mutation climbs towards what costs most, such as a long free list that is searched
/// again and again: without a bound, 600 programs on `fixed` took up to ten times as long as 600 that were drawn; with it, as long.
const WORK: u64 = 1 << 18;
/// The same for one mutant in so many, so that what is deep can be reached, too.
const MUCH_WORK: (u64, u64) = (1 << 20, 16);

/// Work that a mutant with this index may have.
pub(super) const fn affordable_work(seed: u64, index: u64) -> u64 {
    if mix(mix(seed, WORK), index).is_multiple_of(MUCH_WORK.1) { MUCH_WORK.0 } else { WORK }
}

/// The program with this index: a function of the campaign and of the corpus alone.
pub(super) fn job(programs: &Programs, mutator: &Mutator<'_>, corpus: &Corpus, seed: u64, index: u64) -> Job {
    let mut state = mix(mix(seed, CHOICE), index);
    let mut draw = |below: usize| {
        state = mix(state, 1);
        ((u128::from(state) * below as u128) >> 64) as usize
    };
    let drawn = || Job::drawn(programs, index);
    if draw(DRAWN) == 0 {
        return drawn();
    }
    let Some(parent) = corpus.parent(&mut draw) else { return drawn() };
    let mutation = Mutated { seed: mix(mix(seed, SEED), index), partner: index, index };
    let mut program = parent.program.clone();
    mutator.mutate(&mut program, Some(&programs.program(index)), mutation.seed);
    let mut lineage = parent.lineage.clone();
    lineage.mutations.push(mutation);
    Job { index, program, lineage: Some(lineage) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heapsmith_generators::{Capacities, MUTANT_WORK, Machine};

    fn capacities() -> Capacities {
        Capacities { worklist: 16_384, roots: 4_096, max_pages: 256, table_bytes_per_page: 0, wraps: 0 }
    }

    #[test]
    fn a_lineage_gives_its_program_again_and_mutants_stay_on_the_campaigns_machines() {
        let programs = Programs::new(9, capacities(), Machine::default());
        let mutator = Mutator { capacities: capacities(), machines: programs.machines(), most_work: MUTANT_WORK };
        let mut corpus = Corpus::default();
        let (mut mutants, mut longest) = (0, 0);
        for index in 0..400 {
            let job = job(&programs, &mutator, &corpus, 9, index);
            if let Some(lineage) = &job.lineage {
                assert_eq!(lineage.replay(&programs, &mutator), job.program, "{lineage}");
                assert!(programs.machines().contains(&job.program.machine));
                mutants += 1;
                longest = longest.max(lineage.mutations.len());
            } else {
                assert_eq!(job.program, programs.program(index));
            }
            // Each program reaches something that none did before.
            let reached: Features = [Feature::nth_state(index as usize)].into_iter().collect();
            corpus.add(&Arc::new(Entry::of(&job)), &reached);
        }
        assert!((150..250).contains(&mutants), "{mutants}");
        assert!(longest > 2, "{longest}");
    }
}
