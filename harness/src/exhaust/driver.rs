//! All branches on all machines, by any number of workers, with a state that is saved now and then.

use super::checkpoint::{Identity, Ledger, StateError};
use super::machines::machines;
use super::runner::Runner;
use super::tally::Tally;
use super::tree::{Branch, MOST_COUNTED, branches, count};
use super::{ExhaustError, Progress, Settings, Summary};
use crate::campaign::{Finding, on_all};
use crate::engine::{Engine, EngineError, Lowering};
use crate::runtime::description::Rules;
use crate::runtime::{builtin, rewith};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Program};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Between two times that the state is written.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// What is compiled once and shared; an error is its text.
type Shared = OnceLock<Result<Arc<Prepared>, String>>;

/// What all workers share.
pub(super) struct Work<'a> {
    pub(super) settings: &'a Settings,
    pub(super) progress: &'a Progress,
    pub(super) machines: Vec<Machine>,
    prepared: Vec<Shared>,
    /// By machine and by rules.
    corrected: Mutex<HashMap<(usize, Rules), Arc<Prepared>>>,
    branches: Vec<Branch>,
    cut: usize,
    identity: Identity,
    next: AtomicUsize,
    ledger: Mutex<(Ledger, Instant)>,
    /// The first time that the state could not be written.
    unsaved: OnceLock<StateError>,
}

impl Work<'_> {
    /// The collector on a machine.
    pub(super) fn prepared(&self, machine: usize) -> Result<Arc<Prepared>, ExhaustError> {
        self.prepared[machine]
            .get_or_init(|| self.compile(machine, &self.settings.engines).map_err(|e| e.to_string()))
            .clone()
            .map_err(ExhaustError::Compile)
    }

    /// The collector on a machine under other rules, on the last engine only that keeps instances, because interpreters compile faster.
    pub(super) fn corrected(
        &self,
        machine: usize,
        prepared: &Prepared,
        rules: Rules,
    ) -> Result<Arc<Prepared>, EngineError> {
        let mut known = self.corrected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.get(&(machine, rules)) {
            return Ok(Arc::clone(prepared));
        }
        let runtime = builtin(rewith(&prepared.runtime.description, rules));
        let engines = &self.settings.engines;
        let last = engines.iter().rposition(|e| e.lowering() == Lowering::Resident).unwrap_or(0);
        let prepared = Arc::new(Prepared::builtin(runtime, engines.get(last..=last).unwrap_or_default())?);
        known.insert((machine, rules), Arc::clone(&prepared));
        Ok(prepared)
    }

    fn compile(&self, machine: usize, engines: &[Box<dyn Engine>]) -> Result<Arc<Prepared>, ExhaustError> {
        let description = self.settings.spec.resolve(self.machines[machine])?;
        Ok(Arc::new(Prepared::builtin(builtin(description), engines)?))
    }

    fn ledger(&self) -> MutexGuard<'_, (Ledger, Instant)> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Machine and branch of a piece of work; pieces of one machine follow each other.
    const fn piece(&self, number: usize) -> (usize, usize) {
        let each = self.branches.len() + 1;
        (number / each, number % each)
    }

    fn worker(&self) -> Result<(), ExhaustError> {
        let mut runner: Option<Runner<'_>> = None;
        let root = Branch::root();
        let pieces = self.identity.branches;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= pieces || self.progress.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if self.ledger().0.done[number] {
                continue;
            }
            let (machine, nth) = self.piece(number);
            if runner.as_ref().is_none_or(|r| r.machine() != machine) {
                runner = Some(Runner::new(self, machine)?);
            }
            let Some(runner) = &mut runner else { return Ok(()) };
            let tally = match nth.checked_sub(1) {
                None => runner.branch(number, &root, Some(self.cut))?,
                Some(branch) => runner.branch(number, &self.branches[branch], None)?,
            };
            match tally {
                Some(tally) => self.done(number, tally),
                None => return Ok(()),
            }
        }
    }

    fn done(&self, number: usize, tally: Tally) {
        let mut ledger = self.ledger();
        ledger.0.done[number] = true;
        ledger.0.tally.merge(tally);
        if ledger.1.elapsed() >= SAVE_EVERY {
            self.save(&ledger.0);
            ledger.1 = Instant::now();
        }
    }

    fn save(&self, ledger: &Ledger) {
        if let Some(path) = &self.settings.state
            && let Err(error) = ledger.save(path, &self.identity)
        {
            let _ = self.unsaved.set(error);
        }
    }

    /// What a first violation looks like in full.
    fn examine(&self, first: &super::First) -> Result<Option<Finding>, ExhaustError> {
        let place = &first.place;
        let Some(&machine) = self.machines.get(place.machine) else { return Ok(None) };
        let program = Program { machine, ops: place.program.iter().map(|m| m.op()).collect() };
        let mut rig = Rig::new(self.compile(place.machine, &self.settings.tracing_engines)?)?;
        let finding = Finding::examine(&mut rig, program, &self.settings.engines);
        Ok(finding.map(|f| Finding { count: first.count, ..f }))
    }
}

/// Runs every program of a scope that a state does not say is done.
///
/// # Errors
/// When the scope is out of bounds, the runtime cannot be had, an engine refuses it, or the state is not this run's.
pub fn exhaust(settings: &Settings, progress: &Progress) -> Result<Summary, ExhaustError> {
    let scope = settings.scope;
    if !(1..=super::MAX_OPS).contains(&scope.ops) || !(1..=super::MAX_OBJECTS).contains(&scope.objects) {
        return Err(ExhaustError::Scope(scope));
    }
    let machines = machines(&settings.spec, scope)?;
    let first = settings.spec.resolve(machines.first().copied().unwrap_or_default())?;
    let lengths = count(scope, &Branch::root(), MOST_COUNTED, &progress.stop)?;
    let total = lengths.iter().sum::<u64>() * machines.len() as u64;
    // Small enough that little is lost when a branch is broken off, large enough that its prefix, which runs anew, costs little.
    let cut = scope.ops.saturating_sub(2).clamp(2, 3);
    let branches = branches(scope, cut);
    let identity = identify(settings, &machines, &branches, total);
    let ledger = match &settings.state {
        Some(path) => Ledger::load(path, &identity)?,
        None => Ledger::new(identity.branches),
    };
    let resumed = ledger.tally.checked();
    progress.total.store(total, Ordering::Relaxed);
    progress.checked.store(resumed, Ordering::Relaxed);
    progress.violations.store(ledger.tally.violations, Ordering::Relaxed);
    let started = Instant::now();
    let work = Work {
        settings,
        progress,
        prepared: machines.iter().map(|_| OnceLock::new()).collect(),
        corrected: Mutex::new(HashMap::new()),
        machines,
        branches,
        cut,
        identity,
        next: AtomicUsize::new(0),
        ledger: Mutex::new((ledger, started)),
        unsaved: OnceLock::new(),
    };
    // A place that cannot take the state is found out now.
    if let Some(path) = &settings.state {
        work.ledger().0.save(path, &work.identity)?;
    }
    let results = on_all(settings.jobs, || {
        let result = work.worker();
        if result.is_err() {
            // The others need not go on.
            progress.stop.store(true, Ordering::Relaxed);
        }
        result
    });
    let ledger = work.ledger().0.clone();
    work.save(&ledger);
    results.into_iter().collect::<Result<(), _>>()?;
    let mut findings = Vec::new();
    for first in &ledger.tally.first {
        findings.push((first.clone(), work.examine(first)?));
    }
    let is_whole = ledger.done.iter().all(|&done| done);
    Ok(Summary {
        machines: work.machines.len(),
        lengths,
        total,
        resumed,
        tally: ledger.tally,
        findings,
        is_whole,
        elapsed: started.elapsed(),
        description: first,
        unsaved: work.unsaved.into_inner(),
    })
}

fn identify(settings: &Settings, machines: &[Machine], branches: &[Branch], programs: u64) -> Identity {
    let mut text = String::new();
    let _ = write!(text, "{machines:?}");
    // What runs: another build may emit another text under the same version.
    for &machine in machines {
        if let Ok(description) = settings.spec.resolve(machine) {
            text.push_str(&builtin(description).fields);
        }
    }
    for branch in branches {
        let _ = write!(text, "{:?}", branch.prefix);
    }
    let digest = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    Identity {
        heapsmith: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: settings.spec.to_string(),
        engines: settings.engines.iter().map(|e| e.name().to_owned()).collect(),
        ops: settings.scope.ops,
        objects: settings.scope.objects,
        programs,
        branches: machines.len() * (branches.len() + 1),
        digest: format!("{digest:016x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;
    use crate::runtime::parse_spec;

    /// The same machines and the same programs of another text are another run.
    #[test]
    fn what_the_machines_run_is_part_of_a_state_s_identity() {
        let scope = Scope { ops: 2, objects: 1 };
        let digest = |name: &str| {
            let (engines, tracing_engines) = (Vec::new(), Vec::new());
            let spec = parse_spec(name).unwrap();
            let settings = Settings { spec, scope, engines, tracing_engines, jobs: 1, state: None };
            identify(&settings, &[Machine::default()], &branches(scope, 2), 1).digest
        };
        assert_eq!(digest("fixed"), digest("fixed"));
        assert_ne!(digest("fixed"), digest("fixed?fault=round-to-4"));
    }
}
