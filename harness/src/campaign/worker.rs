//! One worker of a campaign.

use super::choice::Chooser;
use super::corpus::{Corpus, Job};
use super::findings::{RawFindings, Signature};
use super::guide::{Alarm, Learnt};
use super::variants::Variants;
use super::{Limit, Shared, Statistics, disagreement};
use crate::coverage::Features;
use crate::engine::{Engine, Lowering};
use crate::judge::{Inconclusive, Verdict};
use crate::trial::{Hearing, Rig, Sample};
use heapsmith_generators::Machine;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;

/// Every so many programs, one also runs in the standalone lowering.
const CONFIRM_EVERY: u64 = 4_096;
/// Unless it is more work than this: what that costs would buy a thousand others.
const CONFIRM_WORK: u64 = 2_000_000;

/// Engines that run the standalone lowering only hear every so many programs, because each is lowered and compiled for them,
/// which takes milliseconds where the resident lowering takes tens of microseconds.
const HEAR_EVERY: u64 = 64;
/// In a campaign of at most this many programs they hear each.
const HEAR_ALL: u64 = 1_024;

/// Whether engines that run the standalone lowering only take part in program `index`. Neither clock nor worker decides.
fn hearing(limit: Limit, index: u64) -> Hearing {
    let every = match limit {
        Limit::Programs(n) if n <= HEAR_ALL => 1,
        Limit::Programs(_) | Limit::Time(_) => HEAR_EVERY,
    };
    if index.is_multiple_of(every) { Hearing::Below(CONFIRM_WORK) } else { Hearing::None }
}

/// Programs that wait for such engines at most, before they are sent.
const BATCH: usize = 16;
/// Bytes of their memories from which on they are sent at once.
const BATCH_BYTES: usize = 1 << 25;

/// Takes indices until there are none.
pub(super) fn run(shared: &Shared<'_>) -> (Statistics, RawFindings) {
    let engines = shared.settings.engines.iter().map(Box::as_ref);
    let mut worker = Worker {
        runner: Runner { shared, rigs: HashMap::new(), variants: Variants::new(shared) },
        alone: engines.filter(|engine| engine.lowering() == Lowering::Standalone).collect(),
        waiting: Vec::new(),
        tally: Tally::default(),
    };
    let settings = shared.settings;
    let mut chooser = Chooser::new(&settings.spec, shared.programs, shared.mutator, settings.seed);
    let _alarm = Alarm(shared.guide.as_ref());
    while let Some(indices) = shared.take() {
        match &shared.guide {
            None => indices.for_each(|index| {
                let given = shared.given(index);
                worker.program(&given.unwrap_or_else(|| Job::drawn(shared.programs, index)), None);
            }),
            Some(guide) => {
                let first = indices.start;
                let Some(corpus) = guide.corpus(first) else { break };
                let mut learnt = Learnt::default();
                for index in indices {
                    let chosen = match shared.given(index) {
                        Some(job) => chooser.unchosen(job),
                        None => chooser.choose(&corpus, index),
                    };
                    learnt.ran(&chosen.job);
                    learnt.came_to(chosen.situations);
                    worker.program(&chosen.job, Some((&corpus, &mut learnt)));
                }
                if let Some(corpus) = guide.learn(first, learnt) {
                    shared.progress.edges.fetch_max(corpus.seen.edges() as u64, Ordering::Relaxed);
                }
            }
        }
    }
    worker.settle();
    (worker.tally.statistics, worker.tally.findings)
}

/// What programs came to.
#[derive(Default)]
struct Tally {
    statistics: Statistics,
    findings: RawFindings,
}

/// A worker: what runs programs, and those that wait for engines that run the standalone lowering only.
struct Worker<'s, 'a> {
    runner: Runner<'s, 'a>,
    alone: Vec<&'s dyn Engine>,
    waiting: Vec<Waiting>,
    tally: Tally,
}

/// A program that waits, and what it comes to if those engines show what the others showed.
struct Waiting {
    job: Job,
    sample: Sample,
    tally: Tally,
}

/// Who learns from a program: the corpus that it comes from, and what is new to that.
type Learner<'l> = Option<(&'l Corpus, &'l mut Learnt)>;

impl Worker<'_, '_> {
    fn program(&mut self, job: &Job, learner: Learner<'_>) {
        let shared = self.runner.shared;
        shared.progress.programs.fetch_add(1, Ordering::Relaxed);
        let work = match hearing(shared.settings.limit, job.index) {
            Hearing::Below(work) if !self.alone.is_empty() => work,
            asked @ (Hearing::None | Hearing::Below(_) | Hearing::All) => {
                self.at_once(job, asked, learner);
                return;
            }
        };
        let mut tally = Tally::default();
        let look = |rig: &Rig, verdict: &Verdict| {
            learn(job, learner, rig, verdict);
            rig.sample(verdict, work)
        };
        match self.runner.run(job, Hearing::None, &mut tally, look) {
            Some(Ok(Some(sample))) => self.waiting.push(Waiting { job: job.clone(), sample, tally }),
            Some(Ok(None)) | None => self.add(tally),
            Some(Err(_)) => self.at_once(job, Hearing::All, None),
        }
        let kept: usize = self.waiting.iter().map(|waiting| waiting.sample.bytes()).sum();
        if self.waiting.len() >= BATCH || kept >= BATCH_BYTES {
            self.settle();
        }
    }

    /// Has the engines run all programs that wait. One that does not show there what it showed on the others is run again, alone, for its
    /// verdict.
    fn settle(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        let samples: Vec<&Sample> = waiting.iter().map(|waiting| &waiting.sample).collect();
        let alike: Vec<Vec<bool>> = self.alone.iter().map(|engine| Sample::alike(&samples, *engine)).collect();
        for (i, Waiting { job, mut tally, .. }) in waiting.into_iter().enumerate() {
            if alike.iter().all(|engine| engine[i]) {
                self.alone.iter().for_each(|engine| tally.statistics.hear(engine.name()));
                self.add(tally);
            } else {
                self.at_once(&job, Hearing::All, None);
            }
        }
    }

    /// Runs a program, and counts what it comes to.
    fn at_once(&mut self, job: &Job, hearing: Hearing, learner: Learner<'_>) {
        let before = self.tally.statistics.violations;
        let look = |rig: &Rig, verdict: &Verdict| learn(job, learner, rig, verdict);
        self.runner.run(job, hearing, &mut self.tally, look);
        self.report(self.tally.statistics.violations - before);
    }

    fn add(&mut self, tally: Tally) {
        self.report(tally.statistics.violations);
        self.tally.statistics.merge(&tally.statistics);
        self.tally.findings.merge(tally.findings);
    }

    fn report(&self, violations: u64) {
        self.runner.shared.progress.violations.fetch_add(violations, Ordering::Relaxed);
    }
}

/// Keeps what a program reached, if it kept every promise: mutants of one that broke one would break it again.
fn learn(job: &Job, learner: Learner<'_>, rig: &Rig, verdict: &Verdict) {
    if let (Some((corpus, learnt)), true) = (learner, is_clean(verdict)) {
        let mut reached = Features::new();
        rig.features(&mut reached);
        learnt.reached(job, reached, corpus);
    }
}

/// Whether nothing is wrong, for all that is known.
const fn is_clean(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::AllowedTrap(_) => true,
        Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
    }
}

/// Runs programs, one at a time.
struct Runner<'s, 'a> {
    shared: &'s Shared<'a>,
    rigs: HashMap<Machine, Rig>,
    variants: Variants<'s>,
}

impl Runner<'_, '_> {
    /// Runs a program and counts it; `look` has a look at the rig right after the trial, if there was one.
    ///
    /// Where edges are counted, whatever is not clean is judged again on a collector without counters, and that verdict is the one that
    /// counts. If the two differ, nothing that the campaign says can be trusted.
    fn run<T>(
        &mut self,
        job: &Job,
        hearing: Hearing,
        tally: &mut Tally,
        look: impl FnOnce(&Rig, &Verdict) -> T,
    ) -> Option<T> {
        let Self { shared, rigs, variants } = self;
        let Tally { statistics, findings } = tally;
        let Job { index, ref program, .. } = *job;
        let mut failed = || {
            statistics.programs += 1;
            *statistics.inconclusive.entry(Inconclusive::EngineFailed).or_default() += 1;
        };
        let Some(rig) = rig_of(shared, rigs, program.machine) else {
            failed();
            return None;
        };
        let mut verdict = rig.trial_with(program, hearing);
        let mut plain = None;
        if rig.edges().is_some() && !is_clean(&verdict) {
            let Ok(Ok(mut uncounted)) = shared.plain(program.machine).map(Rig::new) else {
                failed();
                return None;
            };
            let again = uncounted.trial_with(program, hearing);
            if again != verdict {
                let text = "counting its edges changed what the collector does";
                statistics.distrust(index, format!("{text}: {}, without counters {}", say(&verdict), say(&again)));
            }
            verdict = again;
            plain = Some(uncounted);
        }
        let rig = plain.as_mut().unwrap_or(rig);
        let observed = statistics.count(index, program, &verdict, rig);
        shared.progress.worklist.fetch_max(observed.worklist, Ordering::Relaxed);
        let looked = look(rig, &verdict);
        if let Verdict::Violation(v) = &verdict {
            findings.add(Signature::of(v, program, rig), job);
        } else if index.is_multiple_of(CONFIRM_EVERY) && rig.model().plan().work < CONFIRM_WORK {
            match disagreement(&shared.settings.engines, rig) {
                Ok(None) => statistics.confirmations += 1,
                Ok(Some(text)) => statistics.distrust(index, text),
                Err(_) => *statistics.inconclusive.entry(Inconclusive::EngineFailed).or_default() += 1,
            }
        }
        // Last: afterwards the rig has run something else.
        if verdict == Verdict::Pass {
            match variants.run(shared, index, program, rig, statistics) {
                Ok(None) => {}
                Ok(Some(signature)) => {
                    statistics.recant(index);
                    findings.add(signature, job);
                }
                Err(_) => *statistics.inconclusive.entry(Inconclusive::EngineFailed).or_default() += 1,
            }
        }
        if rig.is_bulky() {
            rigs.remove(&program.machine);
        }
        Some(looked)
    }
}

/// The rig of a machine, made when it is first asked for.
fn rig_of<'r>(shared: &Shared<'_>, rigs: &'r mut HashMap<Machine, Rig>, machine: Machine) -> Option<&'r mut Rig> {
    match rigs.entry(machine) {
        Entry::Occupied(known) => Some(known.into_mut()),
        Entry::Vacant(new) => Some(new.insert(Rig::new(shared.prepared(machine).ok()?).ok()?)),
    }
}

/// A verdict in a few words.
fn say(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "it passes".to_owned(),
        Verdict::AllowedTrap(_) => "it traps as it may".to_owned(),
        Verdict::Violation(v) => format!("{} at step {} ({})", v.kind.full_name(), v.step, v.found),
        Verdict::Inconclusive(reason) => format!("inconclusive, {}", reason.name()),
        Verdict::Untrusted(d) => format!("{}: engines have {}, the emulator has {}", d.what, d.engines, d.emulator),
    }
}
