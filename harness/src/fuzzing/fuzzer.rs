//! Programs on one collector, many a second: instances are kept for each machine, and a failure is replayed for its account.

use super::counters::Counters;
use super::{FEEDBACK_VARIABLE, RUNTIME_VARIABLE, Ran};
use crate::campaign::capacities;
use crate::engine::{self, Backtrace, Engine, EngineError, UnknownEngine};
use crate::judge::Verdict;
use crate::reduce::cause_of;
use crate::report::Account;
use crate::runtime::{Runtime, RuntimeError, Spec, builtin, parse_spec};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::{Capacities, Machine, Program, work};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Machines whose instances are kept. Targets draw theirs from a pool; texts ask for any.
const MOST_MACHINES: usize = 48;
/// Pages that a machine may have at most: both engines and the emulator hold them all.
const MOST_PAGES: u32 = 1_024;
/// Work of a program at most, as [`work`] counts it: about a second. A fuzzer learns nothing from more.
const MOST_WORK: u64 = 1 << 23;

/// A body cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The collector.
    #[error("{RUNTIME_VARIABLE}: {0}")]
    Runtime(#[from] RuntimeError),
    /// An engine does not start.
    #[error(transparent)]
    Start(#[from] UnknownEngine),
    /// An engine refuses the collector.
    #[error("{RUNTIME_VARIABLE}: expected the engines to take the collector; {0}")]
    Engine(#[from] EngineError),
    /// The target cannot judge such a collector.
    #[error(
        "{RUNTIME_VARIABLE}: expected {expected}, found {found}; `sequences`, `graphs` and `pages` take any collector"
    )]
    Unjudged {
        /// What the target needs.
        expected: &'static str,
        /// The collector.
        found: String,
    },
}

/// What a fuzzer must stop at, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A collector under a fuzzer.
pub struct Fuzzer {
    spec: Spec,
    capacities: Capacities,
    engines: Vec<Box<dyn Engine>>,
    rigs: HashMap<Machine, Kept>,
    feedback: Feedback,
    counters: Counters,
}

/// What the fuzzer learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// The host's code, and what is reached inside the collector.
    Guest,
    /// The host's code alone.
    Host,
    /// Nothing: it keeps no input, so that each is drawn anew.
    Nothing,
}

impl Feedback {
    /// The feedback of a name: `on`, `off`, which leaves the host's code, or `none`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "on" => Some(Self::Guest),
            "off" => Some(Self::Host),
            "none" => Some(Self::Nothing),
            _ => None,
        }
    }

    /// What [`FEEDBACK_VARIABLE`] asks for; with another name, or none, it is [`Self::Guest`].
    #[must_use]
    pub fn from_environment() -> Self {
        std::env::var(FEEDBACK_VARIABLE).ok().and_then(|name| Self::named(&name)).unwrap_or(Self::Guest)
    }

    /// A collector compiled for it.
    pub(super) fn prepare(self, runtime: Runtime, engines: &[Box<dyn Engine>]) -> Result<Prepared, EngineError> {
        match self {
            Self::Guest => Prepared::with_feedback(runtime, engines),
            Self::Host | Self::Nothing => Prepared::builtin(runtime, engines),
        }
    }
}

/// A machine's collector, and its instances while they are small.
struct Kept {
    prepared: Arc<Prepared>,
    rig: Option<Rig>,
}

impl fmt::Debug for Fuzzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fuzzer").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Fuzzer {
    /// For a collector, named as for `--runtime`.
    ///
    /// # Errors
    /// When there is no such collector, or an engine does not start or refuses it.
    pub fn new(runtime: &str) -> Result<Self, SetupError> {
        let spec = parse_spec(runtime)?;
        let description = spec.resolve(Machine::default())?;
        let capacities = capacities(&description);
        let engines = open(Backtrace::Off)?;
        Prepared::builtin(builtin(description), &engines)?;
        let feedback = Feedback::from_environment();
        Ok(Self { spec, capacities, engines, rigs: HashMap::new(), feedback, counters: Counters::default() })
    }

    /// The collector.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What it has where a program does not say.
    #[must_use]
    pub const fn capacities(&self) -> Capacities {
        self.capacities
    }

    /// What the last program reached.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Runs a program and judges it.
    ///
    /// # Errors
    /// A violation, or a harness that contradicts itself.
    pub fn run(&mut self, program: &Program) -> Result<Ran, Failure> {
        self.counters.clear();
        if work(program, self.capacities) > MOST_WORK {
            return Ok(Ran::Rejected);
        }
        let Some(rig) = self.rig(program.machine) else { return Ok(Ran::Rejected) };
        let verdict = rig.trial(program);
        let bulky = rig.is_bulky();
        if let (Feedback::Guest, Some(Kept { rig: Some(rig), .. })) = (self.feedback, self.rigs.get(&program.machine)) {
            self.counters.take(rig);
        }
        if bulky && let Some(kept) = self.rigs.get_mut(&program.machine) {
            kept.rig = None;
        }
        match verdict {
            Verdict::Pass | Verdict::AllowedTrap(_) => Ok(Ran::Judged),
            Verdict::Inconclusive(reason) => Ok(Ran::Inconclusive(reason)),
            Verdict::Violation(_) | Verdict::Untrusted(_) => Err(self.failure(program, verdict)),
        }
    }

    /// The instances of a machine; none for one that the collector cannot have, or that is too large.
    fn rig(&mut self, machine: Machine) -> Option<&mut Rig> {
        if !self.rigs.contains_key(&machine) {
            if self.rigs.len() >= MOST_MACHINES {
                self.rigs.clear();
            }
            let description = self.spec.resolve(machine).ok()?;
            if description.parameters.max_pages > MOST_PAGES {
                return None;
            }
            let prepared = self.feedback.prepare(builtin(description), &self.engines);
            self.rigs.insert(machine, Kept { prepared: Arc::new(prepared.ok()?), rig: None });
        }
        let Kept { prepared, rig } = self.rigs.get_mut(&machine)?;
        if rig.is_none() {
            *rig = Some(Rig::new(Arc::clone(prepared)).ok()?);
        }
        rig.as_mut()
    }

    /// The account of a failed program: it is replayed with a check after each step.
    pub(super) fn failure(&self, program: &Program, seen: Verdict) -> Failure {
        let runtime = self.spec.to_string();
        self.account(program, &seen, &runtime).unwrap_or_else(|problem| {
            Failure(format!("{seen:?}\n  replay:      failed: {problem}\n\n{}", next(&runtime, program)))
        })
    }

    fn account(&self, program: &Program, seen: &Verdict, runtime: &str) -> Result<Failure, SetupError> {
        let engines = open(Backtrace::On)?;
        let description = self.spec.resolve(program.machine)?;
        let mut rig = Rig::new(Arc::new(Prepared::builtin(builtin(description.clone()), &engines)?))?;
        let mut replay = rig.replay(program);
        let mut more = Vec::new();
        if matches!(replay.verdict, Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_)) {
            more.push(("replay", "shows it only at the program's end".to_owned()));
            replay.verdict = seen.clone();
        }
        let cause = match &replay.verdict {
            Verdict::Violation(_) => cause_of(&description, &engines, program)?,
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
        };
        let next = next(runtime, program);
        let names: Vec<&'static str> = engines.iter().map(|engine| engine.name()).collect();
        let account = Account { runtime, program, replay: &replay, engines: &names, cause, next: &next };
        Ok(Failure(account.text_with(&more)))
    }
}

/// What to do with a failed program.
fn next(runtime: &str, program: &Program) -> String {
    format!(
        "save the program below as case.heapsmith, then: heapsmith run case.heapsmith --runtime '{runtime}'\n\n{program}"
    )
}

/// The engines of targets.
pub(super) fn open(backtrace: Backtrace) -> Result<Vec<Box<dyn Engine>>, UnknownEngine> {
    engine::DEFAULT.into_iter().map(|name| engine::open(name, backtrace)).collect()
}
