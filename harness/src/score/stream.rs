//! The programs that edits are tried on, and what the unedited runtime makes of each.

use super::Ablation;
use super::subject::{Shown, Subject};
use crate::campaign::{capacities, on_all, programs};
use crate::engine::Engine;
use crate::metamorphic::{Pool, PoolError, Source};
use crate::runtime::Spec;
use heapsmith_generators::{Campaign, Machine};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Programs that a worker takes at once.
const CHUNK: usize = 16;

/// The first programs of a seed, and what the unedited runtime makes of them.
#[derive(Debug)]
pub struct Stream {
    /// The runtime, without an edit.
    pub spec: Spec,
    /// The seed.
    pub seed: u64,
    /// What is taken away from how programs are drawn and judged.
    pub ablation: Ablation,
    programs: Campaign,
    known: Vec<Known>,
}

/// What the unedited runtime makes of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// Whether it keeps every promise, for all that is known. Others say nothing of an edit.
    clean: bool,
    /// What the run left behind; none if there was none.
    trace: Option<u64>,
}

/// What the unedited runtime did, all in all: the control of a score.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// Programs run.
    pub programs: u64,
    /// Violations by kind; on a reference each is a false alarm.
    pub violations: BTreeMap<String, u64>,
    /// Programs that nothing can be said of.
    pub unknown: u64,
}

impl Control {
    /// False alarms: violations, if the runtime is a reference, which keeps every promise.
    #[must_use]
    pub fn false_alarms(&self, on: &Spec) -> u64 {
        if is_reference(on) { self.violations.values().sum() } else { 0 }
    }
}

/// Built-in collectors that keep every promise.
const REFERENCES: [&str; 2] = ["fixed", "fixed-split"];

/// Whether a runtime keeps every promise, so that a violation is a false alarm.
#[must_use]
pub fn is_reference(spec: &Spec) -> bool {
    spec.module.is_none() && REFERENCES.contains(&spec.name.as_str()) && spec.edit.is_none()
}

/// The programs of a seed.
pub(super) fn drawn(ablation: Ablation, spec: &Spec, seed: u64) -> Result<Campaign, PoolError> {
    let description = spec.resolve(Machine::default())?;
    let campaign = Campaign::sampled(seed, capacities(&description), spec.pinned, ablation.sampling());
    Ok(programs(campaign, &description))
}

impl Stream {
    /// Runs the first `count` programs of a seed on the unedited runtime, with `jobs` workers; stops early when told to, and has fewer then.
    ///
    /// # Errors
    /// A runtime that cannot be made.
    pub fn new(
        spec: &Spec,
        seed: u64,
        count: usize,
        engines: &[Box<dyn Engine>],
        jobs: usize,
        stop: &AtomicBool,
    ) -> Result<(Self, Control), PoolError> {
        Self::ablated(Ablation::Nothing, spec, (seed, count), engines, jobs, stop)
    }

    /// The same with something taken away; the first two numbers are the seed and the count.
    ///
    /// # Errors
    /// A runtime that cannot be made.
    pub fn ablated(
        ablation: Ablation,
        spec: &Spec,
        (seed, count): (u64, usize),
        engines: &[Box<dyn Engine>],
        jobs: usize,
        stop: &AtomicBool,
    ) -> Result<(Self, Control), PoolError> {
        let spec = Spec { edit: None, ..spec.clone() };
        let programs = drawn(ablation, &spec, seed)?;
        let pool = Pool::new(Source::new(spec.clone()), engines);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut subject = Subject::new(&pool, seed, ablation);
            let mut seen = Vec::new();
            loop {
                let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                if start >= count || stop.load(Ordering::Relaxed) {
                    return seen;
                }
                for index in start..count.min(start + CHUNK) {
                    let (shown, trace) = subject.traced(index as u64, &programs.program(index as u64));
                    seen.push((index, shown, trace));
                }
            }
        };
        let mut all: Vec<(usize, Shown, Option<u64>)> = on_all(jobs, work).into_iter().flatten().collect();
        all.sort_unstable_by_key(|(index, ..)| *index);
        // Workers that were stopped may leave a hole: what comes after it is not used.
        let whole = all.iter().enumerate().take_while(|(i, (index, ..))| i == index).count();
        let mut control = Control { programs: whole as u64, ..Control::default() };
        let known = all.into_iter().take(whole).map(|(_, shown, trace)| {
            let clean = shown == Shown::Nothing;
            match shown {
                Shown::Nothing => {}
                Shown::Broken { kind, .. } => *control.violations.entry(kind).or_default() += 1,
                Shown::Unknown => control.unknown += 1,
            }
            Known { clean, trace }
        });
        let known = known.collect();
        Ok((Self { spec, seed, ablation, programs, known }, control))
    }

    /// The programs that say something: on them the unedited runtime keeps every promise. Index, program, and trace of its run.
    pub(crate) fn programs(&self) -> impl Iterator<Item = (u64, heapsmith_generators::Program, Option<u64>)> {
        let clean = (0..).zip(&self.known).filter(|(_, known)| known.clean);
        clean.map(|(index, known)| (index, self.programs.program(index), known.trace))
    }

    /// The machines that programs of the seed ask for.
    pub(crate) fn machines(&self) -> &[Machine] {
        self.programs.machines()
    }

    /// How many programs say something: those on which the unedited runtime keeps every promise.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.iter().filter(|known| known.clean).count()
    }

    /// Whether no program says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
