//! What the harness's silence is worth: planted faults and mutants, tried one by one on the same programs.
//!
//! An edit counts as *detected* by what the model says of a program, or of one of its variants, on which the unedited runtime keeps every
//! promise. No emulator is asked, and no difference from the unedited runtime detects anything: that only tells whether the edit was
//! *triggered* (the run left something else behind) and *reached* (a trap in its place would have been met).
//!
//! Programs of a seed are independent, so the share `p` of those that detect an edit says how long one waits for it. Programs are taken in
//! order until enough detected it, or there are no more.

mod ablation;
pub mod history;
mod interval;
pub mod mutants;
pub mod plot;
mod stream;
mod subject;

pub use ablation::{Ablation, Pairs};
pub use interval::{median, wilson};
pub use stream::{Control, Stream, is_reference};
pub(crate) use subject::{Shown, Subject};

use crate::campaign::on_all;
use crate::engine::Engine;
use crate::metamorphic::{Pool, PoolError, Source};
use crate::runtime::fault::{self, FaultError};
use crate::runtime::{Edit, EditError, Fault, Spec, builtin, mutant};
use heapsmith_generators::Machine;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How faults are tried.
pub struct Settings<'a> {
    /// Engines; the first is judged.
    pub engines: &'a [Box<dyn Engine>],
    /// Detections after which a fault is tried no further, unless what it is declared to break is not among them yet: then it is
    /// tried until there are [`JUDGED`].
    pub enough: u64,
    /// Workers.
    pub jobs: usize,
}

/// Detections from which on a declared kind must be among them. Of programs that detect a fault most see its declared promise broken first: a kind that
/// half of them see is missing in so many once in a million times.
pub const JUDGED: u64 = 20;

/// How far it is; read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Edits that there are.
    pub of: AtomicU64,
    /// Edits that are done.
    pub done: AtomicU64,
    /// Set from outside: begin with no further one.
    pub stop: AtomicBool,
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The fault.
    pub fault: Arc<Fault>,
    /// Programs that it was tried on, all of them clean without it.
    pub programs: u64,
    /// Those that nothing can be said of with it: an engine failed, engines disagree, or nothing could be decided.
    pub unknown: u64,
    /// Those that come to the edited place; with something taken away ([`Ablation`]) all of them count.
    pub reached: u64,
    /// Those whose run leaves something else behind than the unedited runtime's.
    pub triggered: u64,
    /// Those that detect it.
    pub detected: u64,
    /// Those among them of which only a variant does.
    pub by_variant: u64,
    /// Number of the first program that detects it, from 1.
    pub first: Option<u64>,
    /// Programs from one detection to the next, the first included.
    pub waits: Vec<u64>,
    /// Detections by the kind of the first broken promise.
    pub kinds: BTreeMap<String, u64>,
    /// Time that its programs took; no verdict depends on it.
    pub elapsed: Duration,
}

impl Row {
    const fn untried(fault: Arc<Fault>) -> Self {
        Self {
            fault,
            programs: 0,
            unknown: 0,
            reached: 0,
            triggered: 0,
            detected: 0,
            by_variant: 0,
            first: None,
            waits: Vec::new(),
            kinds: BTreeMap::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// The share of programs that detect it, and its Wilson interval (95 %).
    #[must_use]
    pub fn share(&self) -> (f64, (f64, f64)) {
        (self.detected as f64 / self.programs.max(1) as f64, wilson(self.detected, self.programs))
    }

    /// Median number of programs until it is detected.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        median(&self.waits)
    }

    /// Median time until it is detected.
    #[must_use]
    pub fn median_seconds(&self) -> Option<f64> {
        Some(self.median()? as f64 * self.elapsed.as_secs_f64() / self.programs.max(1) as f64)
    }

    /// The kind that most detections have; of several the first by name.
    #[must_use]
    pub fn oracle(&self) -> Option<&str> {
        let most = self.kinds.values().max()?;
        self.kinds.iter().find(|(_, n)| *n == most).map(|(kind, _)| kind.as_str())
    }

    /// Whether a program saw the promise broken that the fault is declared to break, if it is declared to break one.
    #[must_use]
    pub fn breaks_what_it_declares(&self) -> bool {
        let declared = self.fault.breaks.as_deref();
        declared.is_none_or(|kind| self.kinds.keys().any(|seen| seen.split('(').next() == Some(kind)))
    }

    /// What contradicts the fault's declaration, in words. Of fewer than [`JUDGED`] detections it is not said that a declared kind is missing.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match (&self.fault.equivalent, self.detected, &self.fault.breaks) {
            _ if self.programs == 0 => {
                Some("no program was tried on it: without it none keeps every promise".to_owned())
            }
            (Some(_), 0, _) if self.unknown > 0 => {
                Some(format!("it is declared equivalent, and of {} programs nothing can be said", self.unknown))
            }
            (Some(_), 0, _) => None,
            (Some(_), n, _) => Some(format!("it is declared equivalent, and {n} programs detect it")),
            (None, 0, _) => Some(format!("no program of {} detects it", self.programs)),
            (None, n, Some(kind)) if n >= JUDGED && !self.breaks_what_it_declares() => {
                let seen: Vec<&str> = self.kinds.keys().map(String::as_str).collect();
                Some(format!("it is declared to break `{kind}`, found {} in {n} detections", seen.join(", ")))
            }
            (None, ..) => None,
        }
    }
}

/// A fault that cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// Its edit does not match.
    #[error("{0}")]
    Edit(#[from] EditError),
    /// Its edit does not match on a machine that programs ask for.
    #[error("on `{on}`: {error}; an edit must not hold what parameters change")]
    Elsewhere {
        /// The runtime with the machine's parameters.
        on: String,
        /// What is wrong there.
        error: Box<FaultError>,
    },
    /// What it makes is no module.
    #[error("expected `{on}` with fault `{fault}` to be a valid module, found: {problem}; edit its replacement")]
    Invalid {
        /// The fault's name.
        fault: String,
        /// The runtime.
        on: String,
        /// What the validator says.
        problem: String,
    },
    /// The runtime.
    #[error("{0}")]
    Runtime(#[from] PoolError),
}

/// Tries faults on the programs of a stream, in order; those that were not begun when it was stopped are left out.
///
/// # Errors
/// A fault whose edit does not match exactly once, or makes no valid module: all are looked at before the first is tried.
pub fn survey(
    stream: &Stream,
    faults: &[Arc<Fault>],
    settings: &Settings<'_>,
    progress: &Progress,
) -> Result<Vec<Row>, ScoreError> {
    let probes = probes(&stream.spec, faults)?;
    match_everywhere(&stream.spec, stream.machines(), faults)?;
    progress.of.fetch_add(faults.len() as u64, Ordering::Relaxed);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut rows = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(fault) = faults.get(i) else { return rows };
            if progress.stop.load(Ordering::Relaxed) {
                return rows;
            }
            rows.push((i, row(stream, fault, probes[i].clone(), settings)));
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut rows: Vec<(usize, Row)> = on_all(settings.jobs, work).into_iter().flatten().collect();
    rows.sort_by_key(|(i, _)| *i);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Looks at faults without trying them: what [`survey`] would refuse, before any program runs.
///
/// # Errors
/// A fault whose edit does not match exactly once on every machine of the seed, or makes no valid module.
pub fn check(ablation: Ablation, spec: &Spec, seed: u64, faults: &[Arc<Fault>]) -> Result<(), ScoreError> {
    let spec = Spec { edit: None, ..spec.clone() };
    probes(&spec, faults)?;
    match_everywhere(&spec, stream::drawn(ablation, &spec, seed)?.machines(), faults)
}

/// For each fault the mutant that traps in its place.
fn probes(spec: &Spec, faults: &[Arc<Fault>]) -> Result<Vec<Option<mutant::Mutant>>, ScoreError> {
    let clean = builtin(spec.resolve(Machine::default()).map_err(PoolError::from)?);
    let mut probes = Vec::new();
    for fault in faults {
        let edited = Edit::Fault(Arc::clone(fault)).apply(&clean)?;
        mutant::validate(&edited).map_err(|problem| ScoreError::Invalid {
            fault: fault.name.clone(),
            on: spec.to_string(),
            problem,
        })?;
        probes.push(mutant::first_difference(&clean, &edited).map_err(EditError::from)?);
    }
    Ok(probes)
}

/// An edit that matches on some machines only would be tried on those only.
fn match_everywhere(spec: &Spec, machines: &[Machine], faults: &[Arc<Fault>]) -> Result<(), ScoreError> {
    let mut texts = BTreeSet::new();
    for &machine in machines {
        // The machine of a program that cannot be had is unknown without a fault, too.
        let Ok(description) = spec.resolve(machine) else { continue };
        let runtime = builtin(description);
        if !texts.insert(runtime.fields.clone()) {
            continue;
        }
        for fault in faults {
            fault::apply(&runtime, fault).map_err(|error| {
                let on = Spec { pinned: machine, ..spec.clone() }.to_string();
                ScoreError::Elsewhere { on, error: Box::new(error) }
            })?;
        }
    }
    Ok(())
}

/// Tries one fault; `probe` traps in its place. With something taken away nobody asks what is reached.
fn row(stream: &Stream, fault: &Arc<Fault>, probe: Option<mutant::Mutant>, settings: &Settings<'_>) -> Row {
    let with = |edit| Source::new(Spec { edit: Some(edit), ..stream.spec.clone() });
    let faulty = Pool::new(with(Edit::Fault(Arc::clone(fault))), settings.engines);
    let probe = probe.filter(|_| stream.ablation == Ablation::Nothing);
    let probing = probe.map(|probe| Pool::new(with(Edit::Mutant(probe)), settings.engines));
    let mut subject = Subject::new(&faulty, stream.seed, stream.ablation);
    // What is asked of a probe is the trace of the program's own run.
    let mut probe = probing.as_ref().map(|pool| Subject::new(pool, stream.seed, Ablation::Variants));
    let mut row = Row::untried(Arc::clone(fault));
    let mut last = 0;
    for (index, program, unedited) in stream.programs() {
        row.programs += 1;
        let started = Instant::now();
        let (shown, trace) = subject.traced(index, &program);
        row.elapsed += started.elapsed();
        row.unknown += u64::from(shown == Shown::Unknown);
        row.triggered += u64::from(trace.is_some() && trace != unedited);
        // What is executed by all programs, such as the value that a global starts with, has no place of its own.
        row.reached += u64::from(probe.as_mut().is_none_or(|probe| {
            let trace = probe.traced(index, &program).1;
            trace.is_some() && trace != unedited
        }));
        if let Shown::Broken { kind, by_variant } = shown {
            row.detected += 1;
            row.by_variant += u64::from(by_variant);
            row.first.get_or_insert(row.programs);
            row.waits.push(row.programs - last);
            last = row.programs;
            *row.kinds.entry(kind).or_default() += 1;
            let judged =
                stream.ablation != Ablation::Nothing || row.detected >= JUDGED || row.breaks_what_it_declares();
            if row.detected >= settings.enough && judged {
                break;
            }
        }
    }
    row
}

#[cfg(test)]
mod tests;
