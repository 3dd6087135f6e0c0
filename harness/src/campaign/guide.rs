//! Feedback: what programs reached decides which ones are mutated later, and no clock, worker or order of finishing does.
//!
//! Indices are divided into rounds. The programs of round `k` are a function of the campaign and of the corpus as rounds `0..=k-2` left it,
//! and what a round reached is added in the order of indices once all of the round is done. So workers go on with round `k - 1` while the
//! last programs of round `k - 2` still run, and a campaign is the same for any number of them.

use super::corpus::{Corpus, Entry, Job, Lineage};
use super::situations::Situation;
use crate::coverage::Features;
use std::collections::btree_map::OccupiedEntry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Programs of the first rounds, and of the later ones: much is new at first.
const ROUNDS: [u64; 2] = [32, 256];
/// So many short rounds there are.
const SHORT: u64 = 64;

/// The round of an index.
const fn round(index: u64) -> u64 {
    let short = SHORT * ROUNDS[0];
    if index < short { index / ROUNDS[0] } else { SHORT + (index - short) / ROUNDS[1] }
}

/// Programs of a round.
const fn size(round: u64) -> u64 {
    if round < SHORT { ROUNDS[0] } else { ROUNDS[1] }
}

/// What all workers share.
pub(super) struct Guide {
    state: Mutex<State>,
    merged: Condvar,
}

struct State {
    /// Rounds of which everything is in the corpus.
    rounds: u64,
    /// The corpus after so many rounds at the end, after one and two less before it.
    corpora: VecDeque<Arc<Corpus>>,
    /// Rounds of which it is not, and how much of them was run.
    open: BTreeMap<u64, Learnt>,
    mutants: u64,
    /// A worker panicked: its programs will never be done.
    lost: bool,
}

/// Corpora that may still be asked for.
const KEPT: usize = 3;

/// What programs of one round taught.
#[derive(Default)]
pub(super) struct Learnt {
    programs: u64,
    mutants: u64,
    news: Vec<News>,
    /// Those of all programs, each as often as programs came to it.
    situations: Vec<Situation>,
}

/// A program that reached something that its round's corpus does not have.
struct News {
    index: u64,
    entry: Arc<Entry>,
    reached: Features,
}

impl Learnt {
    /// Counts a program.
    pub(super) fn ran(&mut self, job: &Job) {
        self.programs += 1;
        self.mutants += u64::from(job.lineage.as_ref().is_some_and(Lineage::is_mutant));
    }

    /// Counts the situations that a program came to.
    pub(super) fn came_to(&mut self, situations: Vec<Situation>) {
        self.situations.extend(situations);
    }

    /// Takes in what a program reached, if it is new to this corpus.
    pub(super) fn reached(&mut self, job: &Job, reached: Features, corpus: &Corpus) {
        if !corpus.has_all(&reached) {
            self.news.push(News { index: job.index, entry: Arc::new(Entry::of(job)), reached });
        }
    }

    fn add(&mut self, other: Self) {
        self.programs += other.programs;
        self.mutants += other.mutants;
        self.news.extend(other.news);
        self.situations.extend(other.situations);
    }

    /// Adds the programs to a corpus, in the order of their indices.
    fn merge(mut self, corpus: &mut Corpus) {
        self.news.sort_unstable_by_key(|news| news.index);
        for News { entry, reached, .. } in &self.news {
            corpus.add(entry, reached);
        }
        corpus.count(&self.situations);
    }
}

impl Guide {
    pub(super) fn new() -> Self {
        let state = State {
            rounds: 0,
            corpora: VecDeque::from([Arc::default()]),
            open: BTreeMap::new(),
            mutants: 0,
            lost: false,
        };
        Self { state: Mutex::new(state), merged: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The corpus for the program of an index, as soon as it is there; none if it will never be.
    pub(super) fn corpus(&self, index: u64) -> Option<Arc<Corpus>> {
        let wanted = round(index).saturating_sub(1);
        let mut state = self.state();
        while state.rounds < wanted && !state.lost {
            state = self.merged.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let later = usize::try_from(state.rounds.checked_sub(wanted)?).ok()?;
        state.corpora.iter().nth_back(later).cloned()
    }

    /// Takes in what was learnt from programs of one round, of which this is the index of one. The corpus, if it grew.
    pub(super) fn learn(&self, index: u64, learnt: Learnt) -> Option<Arc<Corpus>> {
        let mut state = self.state();
        let state = &mut *state;
        state.mutants += learnt.mutants;
        state.open.entry(round(index)).or_default().add(learnt);
        let before = state.rounds;
        // A round may be done while nothing is known yet of the one before it, which then goes first.
        let is_next = |open: &OccupiedEntry<'_, u64, Learnt>, rounds| {
            *open.key() == rounds && open.get().programs == size(rounds)
        };
        while let Some(done) = state.open.first_entry().filter(|open| is_next(open, state.rounds)) {
            let mut corpus = state.corpora.back().map(|corpus| Corpus::clone(corpus)).unwrap_or_default();
            done.remove().merge(&mut corpus);
            state.corpora.push_back(Arc::new(corpus));
            if state.corpora.len() > KEPT {
                state.corpora.pop_front();
            }
            state.rounds += 1;
        }
        if state.rounds == before {
            return None;
        }
        self.merged.notify_all();
        state.corpora.back().cloned()
    }

    /// Says that a worker's programs will never be done.
    fn lose(&self) {
        self.state().lost = true;
        self.merged.notify_all();
    }

    /// The corpus in the end, with what was learnt from rounds that were not run whole, and the number of mutants that were run.
    pub(super) fn end(&self) -> (Corpus, u64) {
        let mut state = self.state();
        let mut corpus = state.corpora.back().map(|corpus| Corpus::clone(corpus)).unwrap_or_default();
        for open in std::mem::take(&mut state.open).into_values() {
            open.merge(&mut corpus);
        }
        (corpus, state.mutants)
    }
}

/// Held by a worker: if it panics, no other one waits for it.
pub(super) struct Alarm<'a>(pub(super) Option<&'a Guide>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let (true, Some(guide)) = (std::thread::panicking(), self.0) {
            guide.lose();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Root;
    use crate::coverage::Feature;
    use heapsmith_generators::Program;

    #[test]
    fn rounds_follow_each_other_without_a_gap_and_no_chunk_is_in_two() {
        let mut programs = BTreeMap::<u64, u64>::new();
        for index in 0..10_000 {
            *programs.entry(round(index)).or_default() += 1;
            assert_eq!(round(index), round(index - index % super::super::CHUNK));
        }
        programs.pop_last();
        assert!(programs.iter().all(|(&number, &programs)| programs == size(number)));
        assert!(programs.keys().copied().eq(0..programs.len() as u64));
    }

    fn learnt(index: u64, state: usize) -> Learnt {
        let job = Job { index, program: Program::default(), lineage: None };
        let mut learnt = Learnt::default();
        learnt.ran(&job);
        learnt.reached(&job, [Feature::nth_state(state)].into_iter().collect(), &Corpus::default());
        learnt
    }

    #[test]
    fn a_corpus_is_what_the_round_before_the_last_left_whatever_order_programs_end_in() {
        let guide = Guide::new();
        for index in (0..ROUNDS[0]).rev() {
            assert_eq!(guide.learn(index, learnt(index, index as usize / 2)).is_some(), index == 0);
        }
        assert!(guide.corpus(ROUNDS[0]).is_some_and(|corpus| corpus.entries.is_empty()));
        let corpus = guide.corpus(2 * ROUNDS[0]).unwrap();
        assert_eq!(corpus.entries.len() as u64, ROUNDS[0] / 2);
        assert!(corpus.entries.iter().zip(0..).all(|(entry, i)| entry.lineage.root == Root::Drawn(2 * i)));
        // The next round's end does not change it, nor does half a round count before the end.
        for index in ROUNDS[0]..3 * ROUNDS[0] / 2 {
            guide.learn(index, learnt(index, 600));
        }
        assert_eq!(guide.corpus(2 * ROUNDS[0]).unwrap().entries.len(), corpus.entries.len());
        assert_eq!(guide.end().0.entries.len(), corpus.entries.len() + 1);
    }

    #[test]
    fn a_round_that_is_done_before_the_first_of_another_waits_for_it() {
        let guide = Guide::new();
        let learn = |first| guide.learn(first, Learnt { programs: 16, ..Learnt::default() });
        assert!(learn(32).is_none() && learn(48).is_none(), "the second round is done, of the first nothing is known");
        assert!(learn(0).is_none());
        assert!(learn(16).is_some());
        assert_eq!(guide.state().rounds, 2);
    }

    #[test]
    fn nobody_waits_for_a_worker_that_panicked() {
        let guide = Guide::new();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let _alarm = Alarm(Some(&guide));
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(guide.corpus(2 * ROUNDS[0]).is_none());
            assert!(worker.join().is_err());
        });
    }
}
