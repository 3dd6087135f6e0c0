//! What a program reaches on a runtime: the goals that a corpus is for.

use super::load::{Unreadable, read_program};
use crate::campaign::{Statistics, on_all};
use crate::coverage::{Edges, Feature, Features};
use crate::engine::Engine;
use crate::judge::{Allowance, Verdict};
use crate::plan::Step;
use crate::runtime::{Spec, builtin};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Program};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Something that a corpus has a program for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Goal {
    /// A feature: an edge of the collector, with its class of hit counts, or a state.
    Feature(Feature),
    /// An op, or the shape of a graph, by its tag, that had an effect.
    Op(&'static str),
    /// What became of the program; of a violation the bucket of its replay.
    Verdict(String),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(feature) => feature.fmt(f),
            Self::Op(tag) => write!(f, "op.{tag}"),
            Self::Verdict(bucket) => write!(f, "verdict.{bucket}"),
        }
    }
}

/// What one program reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The features of its run.
    pub features: Features,
    /// Tags of ops that had an effect.
    pub ops: BTreeSet<&'static str>,
    /// `pass`, `trap.` and the rule, `violation.` and the bucket, `inconclusive.` and the reason, or `untrusted`.
    pub verdict: String,
}

impl Reach {
    /// All of it.
    pub fn goals(&self) -> impl Iterator<Item = Goal> + '_ {
        let features = self.features.iter().map(Goal::Feature);
        features.chain(self.ops.iter().copied().map(Goal::Op)).chain([Goal::Verdict(self.verdict.clone())])
    }
}

/// How far a walk through files is; read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files run.
    pub done: AtomicU64,
    /// Files to run, as far as they are known.
    pub total: AtomicU64,
    /// Set from outside: stop, and leave everything as it was.
    pub stop: AtomicBool,
}

/// It was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; nothing was written and nothing was removed")]
pub struct Stopped;

/// A file of a corpus, and what it reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Where it is.
    pub path: PathBuf,
    /// Its ops.
    pub ops: usize,
    /// Bytes of its text.
    pub bytes: usize,
    /// A hash of its text.
    pub hash: u64,
    /// A hash of the program, whatever comments and spaces stand around it.
    pub program: u64,
    /// What it reached.
    pub reach: Reach,
}

/// Runs files on a runtime, compiled once for each machine.
pub struct Prober {
    spec: Spec,
    engines: Vec<Box<dyn Engine>>,
    machines: Mutex<HashMap<Machine, Cell>>,
}

/// A collector, once somebody has compiled it.
type Cell = Arc<OnceLock<Result<Arc<Prepared>, String>>>;

/// Machines whose collector is kept.
const MOST_MACHINES: usize = 256;
/// Machines whose instances a worker keeps.
const MOST_RIGS: usize = 24;

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Prober {
    /// For a runtime; the first engine is the one whose run is looked at, all are compared.
    #[must_use]
    pub fn new(spec: Spec, engines: Vec<Box<dyn Engine>>) -> Self {
        Self { spec, engines, machines: Mutex::default() }
    }

    /// The runtime.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Names of the engines.
    pub fn engines(&self) -> impl Iterator<Item = &'static str> {
        self.engines.iter().map(|engine| engine.name())
    }

    /// Whatever runs next is compiled and instantiated anew.
    pub fn forget(&self) {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The edges that the first engine counts, if it does.
    ///
    /// # Errors
    /// When an engine refuses the runtime.
    pub fn edges(&self) -> Result<Option<Edges>, String> {
        let rig = Rig::new(self.prepared(Machine::default())?).map_err(|e| e.to_string())?;
        Ok(rig.edges().cloned())
    }

    /// Whether a file can be run: its text is a case, and the runtime can have its machine.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, path: &Path) -> Result<(), Unreadable> {
        let resolved = read_program(path).and_then(|(program, _)| {
            let resolved = self.spec.resolve(program.machine);
            resolved.map_err(|e| format!("the machine on {}: {e}", self.spec))
        });
        resolved.map(|_| ()).map_err(|reason| Unreadable { path: path.to_owned(), reason })
    }

    fn prepared(&self, machine: Machine) -> Result<Arc<Prepared>, String> {
        let cell = {
            let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
            if machines.len() >= MOST_MACHINES && !machines.contains_key(&machine) {
                machines.clear();
            }
            Arc::clone(machines.entry(machine).or_default())
        };
        let compile = || {
            let resolved = self.spec.resolve(machine);
            let description = resolved.map_err(|e| format!("the machine on {}: {e}", self.spec))?;
            Prepared::with_feedback(builtin(description), &self.engines).map(Arc::new).map_err(|e| e.to_string())
        };
        cell.get_or_init(compile).clone()
    }

    /// Runs files on `jobs` threads; what is given is in the order of the files, whatever `jobs` is.
    ///
    /// # Errors
    /// When it is asked to stop.
    pub fn run(
        &self,
        files: &[PathBuf],
        jobs: usize,
        progress: &Progress,
    ) -> Result<(Vec<Result<Probed, Unreadable>>, Statistics), Stopped> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut worker = Worker { prober: self, rigs: HashMap::new(), statistics: Statistics::default() };
            let mut done = Vec::new();
            while !progress.stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = files.get(at) else { break };
                let probed = worker.probe(at as u64, path);
                done.push((at, probed.map_err(|reason| Unreadable { path: path.clone(), reason })));
                progress.done.fetch_add(1, Ordering::Relaxed);
            }
            (done, worker.statistics)
        };
        let (mut all, mut statistics) = (Vec::with_capacity(files.len()), Statistics::default());
        for (done, counted) in on_all(jobs.min(files.len()), work) {
            all.extend(done);
            statistics.merge(&counted);
        }
        if all.len() < files.len() {
            return Err(Stopped);
        }
        all.sort_by_key(|(at, _)| *at);
        Ok((all.into_iter().map(|(_, probed)| probed).collect(), statistics))
    }
}

struct Worker<'a> {
    prober: &'a Prober,
    rigs: HashMap<Machine, Rig>,
    statistics: Statistics,
}

impl Worker<'_> {
    fn probe(&mut self, index: u64, path: &Path) -> Result<Probed, String> {
        let (program, text) = read_program(path)?;
        let mut rig = match self.rigs.remove(&program.machine) {
            Some(rig) => rig,
            None => Rig::new(self.prober.prepared(program.machine)?).map_err(|e| e.to_string())?,
        };
        let verdict = rig.trial(&program);
        self.statistics.count(index, &program, &verdict, &rig);
        let reach = reach(&mut rig, &program, &verdict);
        if !rig.is_bulky() {
            if self.rigs.len() >= MOST_RIGS {
                self.rigs.clear();
            }
            self.rigs.insert(program.machine, rig);
        }
        Ok(Probed {
            path: path.to_owned(),
            ops: program.ops.len(),
            bytes: text.len(),
            hash: hash(&text),
            program: hash(&program.to_string()),
            reach,
        })
    }
}

/// What the rig's last trial reached, which gave `verdict`. A violation is replayed, for its bucket.
pub fn reach(rig: &mut Rig, program: &Program, verdict: &Verdict) -> Reach {
    let mut features = Features::new();
    rig.features(&mut features);
    let steps = program.ops.iter().zip(&rig.model().plan().steps);
    let ops = steps.filter(|(_, step)| **step != Step::Nop).map(|(op, _)| op.tag()).collect();
    let verdict = match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::AllowedTrap(Allowance::Must(rule)) => format!("trap.{}", rule.name()),
        Verdict::AllowedTrap(Allowance::May) => "trap.false-candidate".to_owned(),
        Verdict::Violation(v) => match rig.replay(program).bucket {
            Some(b) => {
                let boundary = b.boundary.map_or_else(String::new, |distance| format!(".{distance:+}"));
                format!("violation.{}.{}.{}{boundary}", b.kind.full_name(), b.op, b.phase.name())
            }
            None => format!("violation.{}.at-the-end", v.kind.full_name()),
        },
        Verdict::Inconclusive(reason) => format!("inconclusive.{}", reason.name()),
        Verdict::Untrusted(_) => "untrusted".to_owned(),
    };
    Reach { features, ops, verdict }
}

/// A hash of a text: FNV-1a of 64 bits.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}
