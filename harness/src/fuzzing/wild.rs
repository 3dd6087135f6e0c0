//! Modules that call the collector's operations under arbitrary control flow.
//!
//! # Input
//! Raw bytes: [`WildModule`]; the first byte decides machine and kind of module, the others go to wasm-smith.
//!
//! # What is checked
//! The module runs on every engine, linked with the collector and with operations that record what is done ([`crate::lower::wild`]).
//! - *Engines agree*: end, results of the module, the collector's memory and globals, the record, all of the mutator's memory. Where they do not,
//!   other engines are asked. Two bugs of wasmi 2.0.0 are known (`sidestep`), and proved for each module: written in other words, which mean
//!   the same, it does what it does elsewhere. That is counted, and the first engine is judged.
//! - *The record is checked by the model*, as any program's run: log, memory, globals, and the trap, if one came while an operation was at work. A
//!   trap of the module's own ends the record there.
//! - *The record is faithful*: run as a tape it leaves the same memory, byte for byte. So a finding is a case like any other.

use super::counters::Counters;
use super::fuzzer::Feedback;
use super::{Body, Failure, Fuzzer, Ran, SetupError, fuzzer, sidestep};
use crate::engine::session::read_outcome;
use crate::engine::{Backtrace, Compiled, Engine, EngineError, Known};
use crate::judge::{self, Adjudication, Allowance, Disagreement, Inconclusive, Seen, Verdict, Violation};
use crate::lower::wild::{self, WILD};
use crate::model::{Model, TrapRule};
use crate::outcome::{End, Outcome};
use crate::runtime::description::{Description, Role};
use crate::runtime::manifest::Request;
use crate::runtime::{Runtime, Spec, builtin, parse_spec};
use crate::trial::{Answer, Rig, Voice, adjudicate};
use heapsmith_generators::wild::{MACHINES, OPERATIONS, PROVIDER};
use heapsmith_generators::{Machine, Placement, Program, WildModule};
use std::fmt;
use std::sync::Arc;

/// Fuel of a module: beyond what a collector needs for as many collections of a full heap as there may be operations.
const FUEL: u64 = 1 << 30;

/// Wild modules on one collector.
pub struct WildModules {
    spec: Spec,
    engines: Vec<Box<dyn Engine>>,
    /// By kind of machine; none for one that has not come up yet.
    machines: Vec<Option<Kept>>,
    /// Accounts for programs.
    fuzzer: Fuzzer,
    feedback: Feedback,
    counters: Counters,
    statistics: WildStatistics,
}

impl fmt::Debug for WildModules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WildModules").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// A collector on a machine.
struct Kept {
    machine: Machine,
    runtime: Runtime,
    /// The module that provides the operations, and the main one.
    provider: Vec<u8>,
    main: Vec<u8>,
    /// The first of them, compiled for each engine.
    bases: Vec<(&'static str, Arc<dyn Compiled>)>,
    model: Model,
    rig: Rig,
}

/// What modules did, read from the first engine's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WildStatistics {
    /// Modules that were run.
    pub modules: u64,
    /// Inputs of which wasm-smith makes no module, or one that no engine can instantiate.
    pub rejected: u64,
    /// Modules that came to their end.
    pub finished: u64,
    /// Those that ended in a trap of their own.
    pub trapped: u64,
    /// Those that collected.
    pub collected: u64,
    /// Those that the collector stopped because its worklist was full.
    pub worklist_full: u64,
    /// Those that it stopped because of another limit.
    pub other_limits: u64,
    /// Those after which nothing could be said.
    pub inconclusive: u64,
    /// Those that wasmi 2.0.0 ran otherwise because of what is known of it.
    pub known_wasmi: u64,
    /// Operations that were done.
    pub done: u64,
    /// Calls that did nothing.
    pub refused: u64,
    /// Calls of each operation, in the order of [`OPERATIONS`].
    pub calls: [u64; OPERATIONS.len()],
}

impl fmt::Display for WildStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} modules: {} finished, {} trapped by themselves, {} stopped by a full worklist, {} by another limit, {} inconclusive; {} collected; {} \
             operations done, {} calls without effect; {} ran otherwise on wasmi because of what is known of it; {} inputs are no module; calls:",
            self.modules,
            self.finished,
            self.trapped,
            self.worklist_full,
            self.other_limits,
            self.inconclusive,
            self.collected,
            self.done,
            self.refused,
            self.known_wasmi,
            self.rejected
        )?;
        for ((name, _), calls) in OPERATIONS.iter().zip(self.calls) {
            write!(f, " {name} {calls}")?;
        }
        Ok(())
    }
}

/// What a module did on one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Execution {
    outcome: Outcome,
    /// The collector's memory, and after it the mutator's.
    memories: Vec<u8>,
    /// Bytes of the first.
    heap: usize,
}

impl Execution {
    fn heap(&self) -> &[u8] {
        &self.memories[..self.heap]
    }

    fn mutator(&self) -> &[u8] {
        &self.memories[self.heap..]
    }

    /// Whether an operation was at work at the end.
    fn is_busy(&self) -> bool {
        wild::is_busy(self.mutator())
    }
}

impl Kept {
    fn new(spec: &Spec, engines: &[Box<dyn Engine>], machine: Machine, feedback: Feedback) -> Result<Self, SetupError> {
        let runtime = builtin(spec.resolve(machine)?);
        let provider = wat::parse_str(wild::provider(&runtime)).map_err(EngineError::from)?;
        let main = wat::parse_str(wild::main(&runtime)).map_err(EngineError::from)?;
        let bases = engines
            .iter()
            .map(|engine| Ok((engine.name(), Arc::from(engine.compile(&[(PROVIDER, &provider)], &[])?))))
            .collect::<Result<Vec<_>, EngineError>>()?;
        let model = Model::new(&runtime.description);
        let rig = Rig::new(Arc::new(feedback.prepare(runtime.clone(), engines)?))?;
        Ok(Self { machine, runtime, provider, main, bases, model, rig })
    }

    /// Runs a module on an engine that the first part of its group is compiled for.
    fn execute(&self, base: &dyn Compiled, module: &WildModule) -> Result<Execution, EngineError> {
        let globals = self.runtime.description.globals();
        let mut instance = base.extend(&[(WILD, &module.module), ("main", &self.main)], &globals)?.instantiate()?;
        wild::set_seed(instance.mutator_mut(), module.seed);
        let end = instance.call(FUEL)?;
        let mut outcome = Outcome::default();
        read_outcome(&*instance, end, &mut outcome);
        let heap = instance.heap().len();
        Ok(Execution { outcome, memories: [instance.heap(), instance.mutator()].concat(), heap })
    }

    /// Runs a module on an engine that is none of the run's.
    fn ask(&self, known: Known, module: &WildModule) -> Result<Answer, String> {
        let run = || {
            let engine = known.shared().map_err(ToString::to_string)?;
            let base = engine.compile(&[(PROVIDER, &self.provider)], &[]).map_err(|e| e.to_string())?;
            self.execute(&*base, module).map_err(|e| e.to_string())
        };
        run().map(|ran| (ran.outcome, ran.memories))
    }
}

/// What engines that disagree amount to.
enum Divergence {
    /// The known one, which changes nothing about the first engine.
    Known,
    /// Another one.
    Other(Box<Violation>),
}

impl WildModules {
    /// What modules did so far.
    #[must_use]
    pub const fn statistics(&self) -> &WildStatistics {
        &self.statistics
    }

    /// Runs a module and judges it: the verdict, and what was done as a program; none for one that no engine can instantiate, because
    /// what it puts into its table does not fit there.
    ///
    /// # Errors
    /// When an engine refuses the collector or the module.
    pub fn judge(&mut self, module: &WildModule) -> Result<Option<(Verdict, Program)>, SetupError> {
        let kept = &mut self.machines[usize::from(module.machine % MACHINES)];
        let kept = match kept {
            Some(kept) => kept,
            None => kept.insert(Kept::new(&self.spec, &self.engines, machine(module.machine), self.feedback)?),
        };
        let run = |(_, base): &(&'static str, Arc<dyn Compiled>)| kept.execute(&**base, module);
        let ran: Vec<Result<Execution, EngineError>> = kept.bases.iter().map(run).collect();
        if ran.iter().all(|ran| matches!(ran, Err(EngineError::Instantiate { .. }))) {
            return Ok(None);
        }
        let ran = ran.into_iter().collect::<Result<Vec<Execution>, EngineError>>()?;
        self.statistics.count(&ran[0], &kept.runtime.description);
        let nothing = Program { machine: kept.machine, ops: Vec::new() };
        let hung = ran.iter().filter(|r| r.outcome.end == End::OutOfFuel).count();
        if hung > 0 && hung < ran.len() {
            return Ok(Some((Verdict::Inconclusive(Inconclusive::FuelOnOneEngine), nothing)));
        }
        let Some(program) = wild::record(ran[0].mutator(), kept.machine) else {
            let found = "something else".to_owned();
            return Ok(Some((untrusted("the record of operations", "what the operations write", found), nothing)));
        };
        if hung > 0 {
            // A module's own turns are counted, so that it ends.
            let verdict = match ran[0].is_busy() {
                true => Verdict::Violation(Box::new(judge::hang(ran[0].outcome.step))),
                false => Verdict::Inconclusive(Inconclusive::EngineFailed),
            };
            return Ok(Some((verdict, program)));
        }
        if ran.iter().any(|other| *other != ran[0]) {
            match kept.divergence(module, &ran) {
                Divergence::Known => self.statistics.known_wasmi += 1,
                Divergence::Other(violation) => return Ok(Some((Verdict::Violation(violation), program))),
            }
        }
        let verdict = kept.judge(&program, &ran[0]);
        self.counters.clear();
        if self.feedback == Feedback::Guest {
            self.counters.take(&kept.rig);
        }
        Ok(Some((verdict, program)))
    }
}

impl Kept {
    /// Judges what one engine showed, and whether the record says what was done.
    fn judge(&mut self, program: &Program, ran: &Execution) -> Verdict {
        let mut outcome = ran.outcome.clone();
        if !ran.is_busy() {
            // A trap of the module's own: what it did until then is done.
            outcome.end = End::Finished;
        }
        self.model.plan_program(program);
        let seen = Seen { outcome: &outcome, heap: ran.heap() };
        let verdict = judge::judge(&mut self.model, program, seen);
        if matches!(verdict, Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_)) {
            return verdict;
        }
        let again = self.rig.trial(program);
        if matches!(again, Verdict::Violation(_) | Verdict::Untrusted(_)) {
            return again;
        }
        if matches!(again, Verdict::Inconclusive(_))
            || (*self.rig.outcome(0) == outcome && self.rig.memory(0) == ran.heap())
        {
            return verdict;
        }
        let found = match self.rig.memory(0).iter().zip(ran.heap()).position(|(a, b)| a != b) {
            Some(at) => format!("byte {at} of memory differs"),
            None => format!("{:?}, where the tape gives {:?}", outcome, self.rig.outcome(0)),
        };
        untrusted("the record of operations", "what its tape leaves", found)
    }

    /// Whose fault it is that engines disagree.
    fn divergence(&self, module: &WildModule, ran: &[Execution]) -> Divergence {
        let names = self.bases.iter().map(|(name, _)| *name);
        let voices: Vec<Voice<'_>> =
            names.zip(ran).map(|(name, ran)| Voice { name, outcome: &ran.outcome, heap: &ran.memories }).collect();
        let adjudication = adjudicate(&voices, None, |known| self.ask(known, module));
        if self.is_known(module, ran, &adjudication) {
            return Divergence::Known;
        }
        let differs = |i: usize| ran[i] != ran[0];
        let other = (1..ran.len()).find(|&i| differs(i)).unwrap_or(0);
        let say = |i: usize| {
            let Execution { outcome, memories, .. } = &ran[i];
            let at = memories.iter().zip(&ran[0].memories).zip(&ran[other].memories).position(|((_, a), b)| a != b);
            let byte = at.map_or_else(String::new, |at| format!(", byte {at} of its memories is {}", memories[at]));
            format!("{} ends {:?} after {} operations{byte}", voices[i].name, outcome.end, outcome.step)
        };
        let found = format!("{}; {}; {}", say(0), say(other), adjudication.text());
        let step = ran[0].outcome.last_step().min(ran[other].outcome.last_step());
        let expected = "one end, one record and the same memory on every engine".to_owned();
        Divergence::Other(Box::new(judge::divergence(step, expected, found, adjudication)))
    }

    /// Whether it is one of the known bugs of wasmi 2.0.0 and nothing else: it alone is odd, and it does what the others do once the module keeps
    /// clear of them.
    fn is_known(&self, module: &WildModule, ran: &[Execution], adjudication: &Adjudication) -> bool {
        let name = Known::Wasmi.name();
        if adjudication.odd != [name] {
            return false;
        }
        let Some(right) = self.bases.iter().zip(ran).find(|((other, _), _)| *other != name).map(|(_, ran)| ran) else {
            return false;
        };
        let Some((_, base)) = self.bases.iter().find(|(other, _)| *other == name) else { return false };
        let Some(clear) = sidestep::sidestep(&module.module) else { return false };
        let clear = WildModule { module: clear, ..module.clone() };
        self.execute(&**base, &clear).is_ok_and(|again| again == *right)
    }
}

/// Whether a collector makes the objects that operations ask for, just as they ask for them.
fn makes_all(description: &Description) -> bool {
    let small = (0..64).flat_map(|size| (0..=size.min(60) / 4).map(move |fields| (size, fields)));
    // The first object of a wide graph, and one without pointers.
    let large = (0..=wild::MOST_NODES).map(|n| (4 * n + 4, n)).chain([(wild::MOST_BYTES, 0)]);
    small
        .chain(large)
        .map(|(size, fields)| Request::of(size, fields, Placement::Front))
        .all(|r| description.shape(r) == Some(r))
}

fn untrusted(what: &str, emulator: &str, engines: String) -> Verdict {
    Verdict::Untrusted(Box::new(Disagreement { what: what.to_owned(), emulator: emulator.to_owned(), engines }))
}

/// The machine of a kind: small worklists, heap starts of different residues, memory that grows a little.
fn machine(kind: u8) -> Machine {
    let (data_end, worklist, roots, max_pages) = match kind % MACHINES {
        0 => (5, 4, 24, 2),
        1 => (0, 1, 12, 3),
        2 => (3, 8, 40, 2),
        _ => (14, 64, 100, 3),
    };
    Machine {
        data_end: Some(data_end),
        worklist: Some(worklist),
        roots: Some(roots),
        max_pages: Some(max_pages),
        ..Machine::default()
    }
}

impl WildStatistics {
    fn count(&mut self, ran: &Execution, description: &Description) {
        self.modules += 1;
        let busy = ran.is_busy();
        match ran.outcome.end {
            End::Finished => self.finished += 1,
            End::Trapped(_) if !busy => self.trapped += 1,
            End::Trapped(_) | End::OutOfFuel => {}
        }
        let collections = description.global(&ran.outcome, Role::Collections);
        self.collected += u64::from(collections.is_some_and(|collections| collections > 0));
        self.done += u64::from(ran.outcome.step);
        self.refused += u64::from(wild::refused(ran.mutator()));
        for (sum, calls) in self.calls.iter_mut().zip(wild::calls(ran.mutator())) {
            *sum += u64::from(calls);
        }
    }
}

impl Body for WildModules {
    const NAME: &'static str = "wild";

    fn new(runtime: &str) -> Result<Self, SetupError> {
        let spec = parse_spec(runtime)?;
        if !makes_all(&spec.resolve(machine(0))?) {
            let expected = "a collector that makes objects of any size with any number of pointers first";
            return Err(SetupError::Unjudged { expected, found: runtime.to_owned() });
        }
        let engines = fuzzer::open(Backtrace::Off)?;
        let machines = (0..MACHINES).map(|_| None).collect();
        let feedback = Feedback::from_environment();
        let (counters, statistics) = (Counters::default(), WildStatistics::default());
        Ok(Self { spec, engines, machines, fuzzer: Fuzzer::new(runtime)?, feedback, counters, statistics })
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        let Some(module) = WildModule::from_bytes(input) else {
            self.statistics.rejected += 1;
            return Ok(Ran::Rejected);
        };
        let (verdict, program) = match self.judge(&module) {
            Ok(Some(judged)) => judged,
            Ok(None) => {
                self.statistics.rejected += 1;
                return Ok(Ran::Rejected);
            }
            Err(_) => {
                self.statistics.inconclusive += 1;
                return Ok(Ran::Inconclusive(Inconclusive::EngineFailed));
            }
        };
        match verdict {
            Verdict::Pass => Ok(Ran::Judged),
            Verdict::AllowedTrap(why) => {
                match why {
                    Allowance::Must(TrapRule::WorklistFull) => self.statistics.worklist_full += 1,
                    Allowance::Must(_) | Allowance::May => self.statistics.other_limits += 1,
                }
                Ok(Ran::Judged)
            }
            Verdict::Inconclusive(reason) => {
                self.statistics.inconclusive += 1;
                Ok(Ran::Inconclusive(reason))
            }
            Verdict::Violation(_) | Verdict::Untrusted(_) => {
                let Failure(text) = self.fuzzer.failure(&program, verdict);
                Err(Failure(format!("in a module of wasm-smith, which did the operations below\n{text}")))
            }
        }
    }

    fn counters(&self) -> &[u8] {
        self.counters.bytes()
    }
}

#[cfg(test)]
mod tests;
