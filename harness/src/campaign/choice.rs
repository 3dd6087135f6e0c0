//! Which program is run at an index: of a few candidates the one that comes to the rarest [situations](super::situations) for its work.
//!
//! A third of all programs is what the campaign draws, whatever was learnt, and so are all as long as nothing was. For the others more are drawn
//! than are run, and the candidates are planned, which costs a fraction of a run. One candidate is a mutant of a program that reached
//! something new; it has no better chance than the others, so mutants are run as often as they come to something rare.
//!
//! That it is the rare that is sought, and not what no program reached, is for hunts which have long reached all that is counted here: what
//! breaks is a combination of it, and combinations of rare situations are the ones that were tried least.

use super::corpus::{Corpus, Job, Lineage, Mutated, Root};
use super::situations::{Planner, Prospect, Situation};
use crate::metamorphic::mix;
use crate::runtime::Spec;
use heapsmith_generators::{Campaign as Programs, Mutator};

/// Of so many programs, one is drawn without a choice.
const UNCHOSEN: usize = 3;
/// Candidates that are drawn, the one with the index itself among them.
const DRAWN: u64 = 6;
/// Indices of the other candidates are this much beyond each other: no campaign has so many programs of its own.
const BEYOND: u64 = 1 << 40;
/// Streams of an index: what is chosen for it, and the seed of its mutation.
const CHOICE: u64 = 0x6368_6f69;
const SEED: u64 = 0x7365_6564;
/// Work from which on more is dearer; below, compiling, resetting and comparing cost more.
const FREE_WORK: f64 = 20_000.0;

/// A program to be run, and what it is to come to.
pub(super) struct Chosen {
    pub(super) job: Job,
    pub(super) situations: Vec<Situation>,
}

/// Chooses the programs of a campaign.
pub(super) struct Chooser<'a> {
    programs: &'a Programs,
    mutator: Mutator<'a>,
    seed: u64,
    planner: Planner<'a>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(spec: &'a Spec, programs: &'a Programs, mutator: Mutator<'a>, seed: u64) -> Self {
        Self { programs, mutator, seed, planner: Planner::new(spec) }
    }

    /// A program that is run whatever it comes to.
    pub(super) fn unchosen(&mut self, job: Job) -> Chosen {
        let situations = self.planner.look(&job.program).map(|prospect| prospect.situations).unwrap_or_default();
        Chosen { job, situations }
    }

    /// The program with this index: a function of the campaign and of the corpus alone.
    pub(super) fn choose(&mut self, corpus: &Corpus, index: u64) -> Chosen {
        let mut state = mix(mix(self.seed, CHOICE), index);
        let mut draw = |below: usize| {
            state = mix(state, 1);
            ((u128::from(state) * below as u128) >> 64) as usize
        };
        let drawn = Job::drawn(self.programs, index);
        if corpus.is_blank() || draw(UNCHOSEN) == 0 {
            return self.unchosen(drawn);
        }
        let mutant = corpus.parent(&mut draw).map(|parent| {
            let mutation = Mutated { seed: mix(mix(self.seed, SEED), index), partner: index, index };
            let mut program = parent.program.clone();
            self.mutator.mutate(&mut program, Some(&drawn.program), mutation.seed);
            let mut lineage = parent.lineage.clone();
            lineage.mutations.push(mutation);
            Job { index, program, lineage: Some(lineage) }
        });
        let others = (1..DRAWN).map(|n| {
            let root = index + n * BEYOND;
            let lineage = Lineage { root: Root::Drawn(root), mutations: Vec::new() };
            Job { index, program: self.programs.program(root), lineage: Some(lineage) }
        });
        let mut best: Option<(f64, Chosen)> = None;
        for job in std::iter::once(drawn).chain(others).chain(mutant) {
            // What is too much work to be planned would not be run either.
            let Some(prospect) = self.planner.look(&job.program) else { continue };
            let worth = worth(corpus, &prospect);
            if best.as_ref().is_none_or(|(most, _)| worth > *most) {
                best = Some((worth, Chosen { job, situations: prospect.situations }));
            }
        }
        match best {
            Some((_, chosen)) => chosen,
            None => Chosen { job: Job::drawn(self.programs, index), situations: Vec::new() },
        }
    }
}

/// How rare a program's situations are, a little less for more work: what is deep is dear, and with a square root in the place of the fourth
/// one, hunts were as slow as without feedback to find what only a worklist of 16 384 entries shows.
fn worth(corpus: &Corpus, prospect: &Prospect) -> f64 {
    corpus.rarity(&prospect.situations) / (1.0 + prospect.work as f64 / FREE_WORK).sqrt().sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Entry;
    use super::*;
    use crate::coverage::{Feature, Features};
    use crate::runtime::parse_spec;
    use heapsmith_generators::Machine;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// Programs of a campaign that learns after each of them; what came of each, and how many of them were mutants.
    fn campaign(seed: u64, programs: u64, mut each: impl FnMut(&Chosen, &mut Chooser<'_>, &Programs)) -> u64 {
        let spec = parse_spec("fixed").unwrap();
        let capacities = super::super::capacities(&spec.resolve(Machine::default()).unwrap());
        let drawn = Programs::new(seed, capacities, spec.pinned);
        let mutator = super::super::mutator(&drawn, capacities);
        let mut chooser = Chooser::new(&spec, &drawn, mutator, seed);
        let (mut corpus, mut mutants) = (Corpus::default(), 0);
        for index in 0..programs {
            let chosen = chooser.choose(&corpus, index);
            corpus.count(&chosen.situations);
            // Each reaches something that none did before.
            let reached: Features = [Feature::nth_state(index as usize)].into_iter().collect();
            corpus.add(&Arc::new(Entry::of(&chosen.job)), &reached);
            mutants += u64::from(chosen.job.lineage.as_ref().is_some_and(Lineage::is_mutant));
            each(&chosen, &mut chooser, &drawn);
        }
        mutants
    }

    #[test]
    fn a_lineage_gives_its_program_again_and_mutants_stay_on_the_campaigns_machines() {
        let mut others = 0;
        let mutants = campaign(9, 400, |Chosen { job, .. }, chooser, programs| match &job.lineage {
            Some(lineage) => {
                assert_eq!(lineage.replay(programs, &chooser.mutator, &[]).as_ref(), Some(&job.program), "{lineage}");
                assert!(lineage.is_mutant() || matches!(lineage.root, Root::Drawn(root) if root >= BEYOND));
                others += u64::from(!lineage.is_mutant());
            }
            None => assert_eq!(job.program, programs.program(job.index)),
        });
        assert!((10..200).contains(&mutants) && (100..300).contains(&others), "{mutants} mutants, {others} others");
    }

    #[test]
    fn chosen_programs_come_to_more_than_as_many_drawn_ones_on_each_of_eight_seeds() {
        for seed in 1..=8 {
            let (mut chosen, mut drawn) = (BTreeSet::new(), BTreeSet::new());
            campaign(seed, 300, |one, chooser, programs| {
                chosen.extend(one.situations.iter().copied());
                let job = Job::drawn(programs, one.job.index);
                drawn.extend(chooser.unchosen(job).situations);
            });
            println!("seed {seed}: {} situations of chosen programs, {} of drawn ones", chosen.len(), drawn.len());
            assert!(chosen.len() * 10 > drawn.len() * 11, "seed {seed}: {} and {}", chosen.len(), drawn.len());
        }
    }
}
