//! Campaigns: many programs from one seed, on all cores, and what became of them.
//!
//! Program `i` is a function of the seed and `i` alone, workers only divide the indices among themselves, and what they report is
//! merged in the order of indices: with a fixed number of programs, a campaign is the same for any number of workers. A clock
//! decides when a campaign of so many seconds takes no further program, and nothing else.
//!
//! With [`Feedback::On`], program `i` is a function of what earlier programs reached, too: two of three are chosen among several, which were
//! drawn or are mutants of programs that reached something new, as the one that comes to the rarest situations for its work. They are learnt
//! from in rounds, so that this too is the same for any number of workers; what became a finding tells its [`Lineage`].

mod choice;
mod corpus;
mod findings;
mod guide;
mod situations;
mod statistics;
#[cfg(test)]
mod tests;
mod variants;
mod worker;

pub use crate::coverage::BOUNDARY_CLASSES;
pub use corpus::{Lineage, Mutated, Root, Start};
pub use findings::{Finding, Signature, Trapped};
pub use statistics::{GATED_PROGRAMS, GROWTH, PATHS, Statistics};

use crate::coverage::{Edges, Features};
use crate::engine::{Engine, EngineError};
use crate::metamorphic::{Pool, Selection, Source};
use crate::runtime::description::Description;
use crate::runtime::{EditError, Runtime, RuntimeError, Spec, builtin, poison};
use crate::trial::{Prepared, Rig};
use findings::{RawFindings, Reduced};
use guide::Guide;
use heapsmith_generators::{Campaign as Programs, Capacities, MUTANT_WORK, Machine, Mutator, Program};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long a campaign runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Until this many programs were run.
    Programs(u64),
    /// Until this much time is over.
    Time(Duration),
}

/// Whether what programs reach decides which ones follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// It does not: every program is drawn.
    Off,
    /// What is run is chosen among more programs by the situations that few came to, as the model predicts them. Programs that reach something
    /// new are kept, and mutants of them are among those that are chosen from. The collector's edges are counted where the first engine is
    /// wasmtime; state features are there on any.
    On,
}

/// What a campaign is asked to do.
pub struct Settings {
    /// The runtime.
    pub spec: Spec,
    /// Engines, at least one.
    pub engines: Vec<Box<dyn Engine>>,
    /// The same engines with backtraces on, for reduction.
    pub tracing_engines: Vec<Box<dyn Engine>>,
    /// The seed.
    pub seed: u64,
    /// How long.
    pub limit: Limit,
    /// Workers, at least one.
    pub jobs: usize,
    /// Distinct findings that are reduced at most.
    pub max_findings: usize,
    /// Which programs run again in which variants.
    pub metamorphic: Selection,
    /// Whether it learns.
    pub feedback: Feedback,
}

/// A campaign that cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// The runtime cannot be had as asked for.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An engine refuses the runtime.
    #[error("expected the engine to take the runtime; {0}")]
    Engine(#[from] EngineError),
    /// The poison does not fit it.
    #[error("expected the poisoned twin of the runtime to be made by edits; {0}")]
    Poison(#[from] EditError),
}

/// How far a campaign is; read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Programs run.
    pub programs: AtomicU64,
    /// Violations seen, not yet told apart.
    pub violations: AtomicU64,
    /// Edges of the collector that were reached; 0 where they are not counted.
    pub edges: AtomicU64,
    /// The deepest worklist.
    pub worklist: AtomicU64,
    /// Findings to reduce, once the programs are done.
    pub to_reduce: AtomicU64,
    /// Findings reduced.
    pub reduced: AtomicU64,
    /// Set from outside: take no further program, and finish.
    pub stop: AtomicBool,
}

/// What a campaign did.
#[derive(Debug)]
pub struct Summary {
    /// Numbers.
    pub statistics: Statistics,
    /// Distinct findings, reduced, the commonest first.
    pub findings: Vec<Finding>,
    /// Violations that were counted and not reduced, by signature, because there were too many kinds or the campaign was stopped.
    pub unreduced: BTreeMap<Signature, u64>,
    /// Programs whose violation was to be reduced and whose replay shows none, by index, with what the campaign saw: the harness contradicts
    /// itself there.
    pub unshown: BTreeMap<u64, Signature>,
    /// Whether it was stopped from outside before it had run what it was asked for.
    pub interrupted: bool,
    /// Time spent on programs, without reduction.
    pub elapsed: Duration,
    /// The runtime with its default parameters.
    pub description: Description,
    /// What it learnt, with feedback.
    pub learnt: Option<Learnt>,
}

/// What a campaign with feedback learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// Edges that the collector has; none where they are not counted, because the first engine is not wasmtime.
    pub of_edges: Option<usize>,
    /// What programs reached that kept every promise.
    pub reached: Features,
    /// Programs that were kept, each because it reached something new.
    pub corpus: usize,
    /// Those of them that it was not given, in the order in which they came in.
    pub new: Vec<Program>,
    /// Programs that were mutants.
    pub mutants: u64,
}

/// The collector for each machine, compiled when it is first asked for.
type Machines = BTreeMap<Machine, OnceLock<Result<Arc<Prepared>, String>>>;

/// The parts of a campaign that all workers share.
struct Shared<'a> {
    settings: &'a Settings,
    /// The first programs, instead of drawn ones.
    starts: &'a [Start],
    programs: &'a Programs,
    mutator: Mutator<'a>,
    guide: Option<Guide>,
    counting: With,
    machines: Machines,
    /// The same without counters, to judge again what was judged with them.
    plain: Machines,
    /// Variants on the campaign's engines, and on those that keep backtraces.
    pool: Pool<'a>,
    tracing: Pool<'a>,
    next: AtomicU64,
    deadline: Option<Instant>,
    progress: &'a Progress,
}

/// Programs that a worker takes at once.
const CHUNK: u64 = 16;

impl Shared<'_> {
    /// The next indices to run; none when the campaign is over.
    fn take(&self) -> Option<std::ops::Range<u64>> {
        if self.progress.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|d| Instant::now() >= d) {
            return None;
        }
        let start = self.next.fetch_add(CHUNK, Ordering::Relaxed);
        let end = match self.settings.limit {
            Limit::Programs(n) => n.min(start.saturating_add(CHUNK)),
            Limit::Time(_) => start + CHUNK,
        };
        (start < end).then_some(start..end)
    }

    /// The program with this index, if the campaign was given one.
    fn given(&self, index: u64) -> Option<corpus::Job> {
        let start = self.starts.get(usize::try_from(index).ok()?)?;
        Some(corpus::Job::given(start, index))
    }

    /// The collector for a machine, as the campaign runs it.
    fn prepared(&self, machine: Machine) -> Result<Arc<Prepared>, String> {
        let with = match self.settings.feedback {
            Feedback::Off => Prepared::builtin,
            Feedback::On => self.counting,
        };
        self.known(&self.machines, machine, with)
    }

    /// The collector for a machine without counters.
    fn plain(&self, machine: Machine) -> Result<Arc<Prepared>, String> {
        self.known(&self.plain, machine, Prepared::builtin)
    }

    fn known(&self, known: &Machines, machine: Machine, with: With) -> Result<Arc<Prepared>, String> {
        let settings = self.settings;
        let compile = || prepare(&settings.spec, machine, &settings.engines, with).map_err(|e| e.to_string());
        match known.get(&machine) {
            Some(cell) => cell.get_or_init(compile).clone(),
            None => compile(),
        }
    }

    /// The collector for a machine, for reduction.
    fn compile(&self, machine: Machine, engines: &[Box<dyn Engine>]) -> Result<Arc<Prepared>, CampaignError> {
        prepare(&self.settings.spec, machine, engines, Prepared::builtin)
    }
}

/// How a collector is prepared.
type With = fn(Runtime, &[Box<dyn Engine>]) -> Result<Prepared, EngineError>;

fn prepare(
    spec: &Spec,
    machine: Machine,
    engines: &[Box<dyn Engine>],
    with: With,
) -> Result<Arc<Prepared>, CampaignError> {
    Ok(Arc::new(with(builtin(spec.resolve(machine)?), engines)?))
}

/// Runs the plan of the rig's last trial in the standalone lowering on every engine: what differs, if anything.
pub(crate) fn disagreement(engines: &[Box<dyn Engine>], rig: &Rig) -> Result<Option<String>, EngineError> {
    for (i, engine) in engines.iter().enumerate() {
        if !rig.standalone_agrees(i, engine.as_ref())? {
            return Ok(Some(format!("the two lowerings disagree on {}", engine.name())));
        }
    }
    Ok(None)
}

/// Runs a campaign.
///
/// # Errors
/// When the runtime cannot be resolved or an engine refuses it; nothing was run then.
pub fn hunt(settings: &Settings, progress: &Progress) -> Result<Summary, CampaignError> {
    hunt_from(settings, &[], progress)
}

/// [`hunt`], whose first programs are these. Without feedback nothing else comes of them.
///
/// # Errors
/// As [`hunt`].
pub fn hunt_from(settings: &Settings, starts: &[Start], progress: &Progress) -> Result<Summary, CampaignError> {
    hunt_with(settings, starts, progress, Prepared::with_feedback)
}

/// [`hunt_from`], with what prepares a collector that counts its edges.
fn hunt_with(
    settings: &Settings,
    starts: &[Start],
    progress: &Progress,
    counting: With,
) -> Result<Summary, CampaignError> {
    let description = settings.spec.resolve(Machine::default())?;
    // One compilation proves that every engine takes the runtime, before anything starts.
    let runtime = builtin(description.clone());
    if poison::has_twin(&description) {
        poison::builtin_twin(description.clone())?;
    }
    let (guide, prepared) = match settings.feedback {
        Feedback::Off => (None, Prepared::builtin(runtime, &settings.engines)?),
        Feedback::On => (Some(Guide::new()), counting(runtime, &settings.engines)?),
    };
    let of_edges = prepared.edges().map(Edges::len);
    drop(prepared);
    let source = Source::new(settings.spec.clone());
    let capacities = capacities(&description);
    let programs = programs(Programs::new(settings.seed, capacities, settings.spec.pinned), &description);
    let given = || starts.iter().map(|start| start.program.machine);
    let machines = || programs.machines().iter().copied().chain(given()).map(|m| (m, OnceLock::new())).collect();
    let started = Instant::now();
    let shared = Shared {
        machines: machines(),
        plain: machines(),
        mutator: mutator(&programs, capacities),
        programs: &programs,
        starts,
        guide,
        counting,
        pool: Pool::new(source.clone(), &settings.engines),
        tracing: Pool::new(source, &settings.tracing_engines),
        settings,
        next: AtomicU64::new(0),
        deadline: match settings.limit {
            Limit::Time(t) => started.checked_add(t),
            Limit::Programs(_) => None,
        },
        progress,
    };
    let (mut statistics, mut raw) = (Statistics::default(), RawFindings::default());
    for (s, r) in on_all(settings.jobs, || worker::run(&shared)) {
        statistics.merge(&s);
        raw.merge(r);
    }
    let elapsed = started.elapsed();
    let interrupted = progress.stop.load(Ordering::Relaxed)
        && match settings.limit {
            Limit::Programs(n) => statistics.programs < n,
            Limit::Time(t) => elapsed < t,
        };
    let Reduced { findings, rest: unreduced, unshown } = findings::reduce_all(&shared, raw);
    for f in &findings {
        if let Some(text) = &f.lowerings_disagree {
            statistics.distrust(f.index, text.clone());
        }
        statistics.confirmations += u64::from(f.lowerings_disagree.is_none());
    }
    let learnt = shared.guide.as_ref().map(|guide| {
        let (corpus, mutants) = guide.end();
        let new = corpus.entries.iter().filter_map(|entry| entry.new_program().cloned()).collect();
        Learnt { of_edges, corpus: corpus.entries.len(), new, reached: corpus.seen, mutants }
    });
    Ok(Summary { statistics, findings, unreduced, unshown, interrupted, elapsed, description, learnt })
}

/// What makes the mutants of a campaign with feedback: they keep to its machines.
#[must_use]
pub fn mutator(programs: &Programs, capacities: Capacities) -> Mutator<'_> {
    Mutator { capacities, machines: programs.machines(), most_work: MUTANT_WORK }
}

/// The programs of a campaign for this collector: if it is somebody else's, some are about what such collectors get wrong.
#[must_use]
pub fn programs(campaign: Programs, description: &Description) -> Programs {
    match &description.module {
        Some(module) if module.has_minor() => campaign.of_unknown(description.forms()).of_generational(),
        Some(_) => campaign.of_unknown(description.forms()),
        None => campaign,
    }
}

/// What the generator must know of a runtime.
#[must_use]
pub fn capacities(description: &Description) -> Capacities {
    let p = description.parameters;
    let (start, end) = description.regions.bitmap;
    Capacities {
        worklist: p.worklist,
        roots: p.roots,
        max_pages: p.max_pages,
        table_bytes_per_page: (end - start) / p.max_pages,
        wraps: p.wraps,
    }
}

/// Bytes of a worker's stack. wasmi 2.0.0 keeps a frame of its own for each `memory.grow` that is refused, until the call ends.
pub const STACK: usize = 512 << 20;

/// Runs the same work on `jobs` threads and gives their results in the order of threads.
pub(crate) fn on_all<T: Send>(jobs: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let spawn = |_| {
            let large = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, &work);
            large.unwrap_or_else(|_| scope.spawn(&work))
        };
        let threads: Vec<_> = (0..jobs.max(1)).map(spawn).collect();
        let join = |t: std::thread::ScopedJoinHandle<'_, T>| match t.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}
