//! Running plans: [`Resident`] keeps one collector instance between programs, [`run_standalone`] compiles each program anew.
//!
//! # What is reset between programs
//! A program that grew the collector's memory leaves an instance that cannot be made fresh, so a new one takes its place. Otherwise *all*
//! of the collector's memory is compared with the image taken right after the first instantiation and restored where it differs, since a broken
//! collector writes anywhere; all mutable globals are set back. Whoever has compared all of that memory since the last call may name the
//! granules that differ (`Resident::settle`); then only those are restored. In the mutator's memory the control words, frames, mirror and
//! tape are written anew; what an old log left is beyond the new log's cursor, where nobody reads.
//! A collector with state elsewhere (a table, a global that is not in [`Description::globals`](crate::runtime::description::Description::globals)) needs a fresh instance instead.

use super::pristine::Pristine;
use super::{Compiled, Engine, EngineError, Instance, Lowering, Ran, Whole};
use crate::coverage::instrument::{COST, COUNTER_BYTES, Instrumented};
use crate::coverage::{self, Edges};
use crate::lower::layout::{
    LOG_CURSOR, PC, RELEASE_CURSOR, RELEASED, STOP, TAPE_CURSOR, read_log, read_releases, word,
};
use crate::lower::tape::Tape;
use crate::lower::{resident, standalone};
use crate::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::runtime::{Runtime, description::PAGE};
use std::sync::Arc;

/// Compiles a collector with the tape machine, for [`Resident::new`] on any number of threads.
///
/// # Errors
/// If the runtime's text is no valid WebAssembly.
pub fn compile_resident(engine: &dyn Engine, runtime: &Runtime) -> Result<Arc<dyn Compiled>, EngineError> {
    compile_assembled(engine, runtime, &assemble(runtime)?)
}

/// A collector with the tape machine as a binary module, the same for all engines.
///
/// # Errors
/// If the runtime's text is no valid WebAssembly.
pub(crate) fn assemble(runtime: &Runtime) -> Result<Vec<u8>, EngineError> {
    Ok(wat::parse_str(resident::module(runtime))?)
}

/// [`compile_resident`] of what [`assemble`] made, or of what it became when it was instrumented.
///
/// # Errors
/// When the engine refuses the module.
pub(crate) fn compile_assembled(
    engine: &dyn Engine,
    runtime: &Runtime,
    module: &[u8],
) -> Result<Arc<dyn Compiled>, EngineError> {
    let globals = runtime.description.globals();
    Ok(Arc::from(if runtime.description.is_giant() {
        engine.spacious()?.compile_resident(module, &globals)?
    } else {
        engine.compile_resident(module, &globals)?
    }))
}

/// As [`compile_resident`], for [`Resident::counting`]: the collector counts its edges, which are given too.
///
/// # Errors
/// If the runtime's text is no valid WebAssembly.
pub fn compile_counting(engine: &dyn Engine, runtime: &Runtime) -> Result<(Arc<dyn Compiled>, Edges), EngineError> {
    compile_counting_assembled(engine, runtime, &assemble(runtime)?)
}

/// [`compile_counting`] of what [`assemble`] made.
///
/// # Errors
/// As [`compile_counting`].
pub(crate) fn compile_counting_assembled(
    engine: &dyn Engine,
    runtime: &Runtime,
    module: &[u8],
) -> Result<(Arc<dyn Compiled>, Edges), EngineError> {
    let Instrumented { module, edges } = coverage::of_resident(runtime, module)?;
    Ok((compile_assembled(engine, runtime, &module)?, edges))
}

fn compile(
    engine: &dyn Engine,
    runtime: &Runtime,
    modules: &[(&str, &[u8])],
) -> Result<Box<dyn Compiled>, EngineError> {
    let globals = runtime.description.globals();
    if runtime.description.is_giant() {
        engine.spacious()?.compile(modules, &globals)
    } else {
        engine.compile(modules, &globals)
    }
}

/// One collector instance on one engine, kept between programs.
///
/// A program is [`Self::begin`], then [`Self::advance`] until it ends or the last step is reached, then a look at the outcome.
pub struct Resident {
    compiled: Arc<dyn Compiled>,
    instance: Box<dyn Instance>,
    pristine: Pristine,
    globals: Vec<u32>,
    steps: u32,
    /// As the instance tells it, with what counting cost.
    fuel_used: u64,
    /// Bytes of counters; 0 where nothing is counted.
    counters: usize,
    /// Whether memory and globals are all that a program changes.
    is_resettable: bool,
    state: State,
    /// While the state is [`State::Settled`].
    changed: Vec<u32>,
}

/// So many times its fuel an instance that counts is given: no code has so many edges that counting takes seven times what it counts.
const COUNTING: u64 = 8;

/// Words that say where a program is.
const MARKED: [u32; 5] = [PC, TAPE_CURSOR, LOG_CURSOR, RELEASE_CURSOR, RELEASED];

/// Where a program was, between two of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark([u32; MARKED.len()]);

/// What is known of an instance's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// It is as good as new.
    Fresh,
    /// It differs from the pristine image in these granules at most.
    Settled,
    /// Nothing.
    Used,
}

impl Resident {
    /// Instantiates a collector.
    ///
    /// # Errors
    /// If it cannot be instantiated.
    pub fn new(compiled: Arc<dyn Compiled>) -> Result<Self, EngineError> {
        let instance = compiled.instantiate()?;
        let pristine = Pristine::of(instance.heap());
        let mut globals = Vec::new();
        instance.globals(&mut globals);
        Ok(Self {
            compiled,
            instance,
            pristine,
            globals,
            steps: 0,
            fuel_used: 0,
            counters: 0,
            is_resettable: true,
            state: State::Fresh,
            changed: Vec::new(),
        })
    }

    /// Instantiates a collector that counts its edges.
    ///
    /// Fuel means the same with it as without: what counting cost is known exactly, and left out.
    ///
    /// # Errors
    /// If it cannot be instantiated.
    pub fn counting(compiled: Arc<dyn Compiled>, edges: &Edges) -> Result<Self, EngineError> {
        Ok(Self { counters: edges.len() * COUNTER_BYTES, ..Self::new(compiled)? })
    }

    /// The same, or one that is made anew for each program: a collector that keeps state elsewhere.
    #[must_use]
    pub fn resettable(self, is_resettable: bool) -> Self {
        Self { is_resettable, ..self }
    }

    /// Makes the collector as good as new, and loads a tape.
    ///
    /// # Errors
    /// If a fresh instance is needed and cannot be had, or if the tape and its log do not fit the mutator's memory.
    pub fn begin(&mut self, tape: &Tape) -> Result<(), EngineError> {
        self.reset()?;
        self.state = State::Used;
        self.instance.grow_mutator(tape.bytes())?;
        tape.load(self.instance.mutator_mut());
        if let Some(counters) = self.instance.counters_mut().get_mut(..self.counters) {
            counters.fill(0);
        }
        self.steps = tape.steps();
        self.fuel_used = 0;
        Ok(())
    }

    /// Executes steps until the one of index `until` is next (or none is left); [`End::Finished`] means that this was reached.
    ///
    /// After any other end only [`Self::begin`] may follow.
    ///
    /// # Errors
    /// [`EngineError::Abnormal`].
    pub fn advance(&mut self, until: u32, fuel: u64) -> Result<End, EngineError> {
        let stop = until.min(self.steps).max(self.step());
        self.instance.mutator_mut()[STOP as usize..][..4].copy_from_slice(&stop.to_le_bytes());
        self.state = State::Used;
        if self.counters == 0 {
            let end = self.instance.call(fuel);
            self.fuel_used += self.instance.fuel_used();
            return end;
        }
        let before = self.fuel_used();
        let end = self.instance.call(fuel.saturating_mul(COUNTING));
        self.fuel_used += self.instance.fuel_used();
        // It had more than its fuel, for the counting: whether it would have run out without that, it says itself.
        let used = self.fuel_used().saturating_sub(before);
        if used > fuel { end.map(|_| End::OutOfFuel) } else { end }
    }

    /// Where the program is now, between two of its steps.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(MARKED.map(|address| word(self.instance.mutator(), address)))
    }

    /// Where the logs end now. Unlike [`Self::mark`] this is also true in the middle of a step.
    #[must_use]
    pub fn logged(&self) -> [u32; 2] {
        [LOG_CURSOR, RELEASED].map(|address| word(self.instance.mutator(), address))
    }

    /// Goes back to a step of the tape that was begun, and to the log as it was then, on the collector as it is now. The program must have as many frames open
    /// as it had there.
    pub fn go_back(&mut self, Mark(words): Mark) {
        for (address, word) in MARKED.into_iter().zip(words) {
            self.instance.mutator_mut()[address as usize..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }

    /// The bytes that are live, as a collector tells them that has `live_bytes` in its manifest.
    ///
    /// # Errors
    /// [`EngineError::Export`] if it does not; [`EngineError::Abnormal`].
    pub fn live_bytes(&mut self, fuel: u64) -> Result<Option<u32>, EngineError> {
        let told = self.instance.invoke("live_bytes", &[], fuel)?;
        Ok(told.ok().and_then(|values| values.first().map(|value| value.cast_unsigned())))
    }

    /// Begins a program, and runs it to its end.
    ///
    /// # Errors
    /// As [`Self::begin`] and [`Self::advance`].
    pub fn run(&mut self, tape: &Tape, fuel: u64) -> Result<End, EngineError> {
        self.begin(tape)?;
        self.advance(tape.steps(), fuel)
    }

    /// The step that is next, or that did not end.
    #[must_use]
    pub fn step(&self) -> u32 {
        word(self.instance.mutator(), PC)
    }

    /// What the program did up to now.
    #[must_use]
    pub fn outcome(&self, end: End) -> Outcome {
        let mut outcome = Outcome::default();
        self.read_outcome(end, &mut outcome);
        outcome
    }

    /// [`Self::outcome`] into one that is there already, without allocating anew.
    pub fn read_outcome(&self, end: End, outcome: &mut Outcome) {
        read_outcome(&*self.instance, end, outcome);
    }

    /// The collector's memory.
    #[must_use]
    pub fn heap(&self) -> &[u8] {
        self.instance.heap()
    }

    /// Pages of the collector's memory.
    #[must_use]
    pub fn pages(&self) -> u32 {
        pages(self.instance.heap())
    }

    /// Replaces `out` by the collector's globals, in the order of [`Outcome::globals`].
    pub fn read_globals(&self, out: &mut Vec<u32>) {
        self.instance.globals(out);
    }

    /// Fuel used since [`Self::begin`], in the engine's own unit, without what counting cost.
    #[must_use]
    pub fn fuel_used(&self) -> u64 {
        self.fuel_used.saturating_sub(COST * self.counts().map(u64::from).sum::<u64>())
    }

    /// How often each edge was taken since [`Self::begin`]; nothing where nothing is counted.
    pub fn counts(&self) -> impl Iterator<Item = u32> {
        let counters = self.instance.counters().get(..self.counters).unwrap_or_default();
        let (counters, _) = counters.as_chunks::<COUNTER_BYTES>();
        counters.iter().map(|counter| u32::from_le_bytes(*counter))
    }

    /// Functions on the stack at the last trap, innermost first, where the engine keeps them.
    #[must_use]
    pub fn backtrace(&self) -> &[String] {
        self.instance.backtrace()
    }

    /// The instance itself, for what this type does not know. What is done to the collector's memory and
    /// globals through it is undone by the next [`Self::begin`].
    pub fn instance_mut(&mut self) -> &mut dyn Instance {
        self.state = State::Used;
        &mut *self.instance
    }

    /// The collector's memory right after instantiation.
    pub(crate) const fn pristine(&self) -> &Pristine {
        &self.pristine
    }

    /// Says that all of the collector's memory was compared since the last call, and differs from [`Self::pristine`] in these
    /// granules of [`GRANULE`](super::pristine::GRANULE) bytes at most.
    pub(crate) fn settle(&mut self, changed: &[u32]) {
        self.state = State::Settled;
        self.changed.clear();
        self.changed.extend_from_slice(changed);
    }

    /// Gives a grown memory back.
    ///
    /// # Errors
    /// If a fresh instance cannot be had.
    pub(crate) fn let_go(&mut self) -> Result<(), EngineError> {
        self.reset()
    }

    fn reset(&mut self) -> Result<(), EngineError> {
        if self.state == State::Fresh {
            return Ok(());
        }
        let heap = self.instance.heap_mut();
        if self.is_resettable && heap.len() == self.pristine.len() {
            match self.state {
                State::Settled => self.pristine.restore_granules(heap, &self.changed),
                State::Fresh | State::Used => self.pristine.restore(heap),
            }
            self.instance.set_globals(&self.globals);
        } else {
            self.instance = self.compiled.instantiate()?;
        }
        self.state = State::Fresh;
        Ok(())
    }
}

fn pages(heap: &[u8]) -> u32 {
    u32::try_from(heap.len() / PAGE as usize).unwrap_or(u32::MAX)
}

/// What an instance did whose mutator's memory has the control words of [`crate::lower::layout`].
pub(crate) fn read_outcome(instance: &dyn Instance, end: End, outcome: &mut Outcome) {
    read_memories(instance.heap(), instance.mutator(), end, outcome);
    instance.globals(&mut outcome.globals);
}

/// All of an outcome but its globals.
fn read_memories(heap: &[u8], mutator: &[u8], end: End, outcome: &mut Outcome) {
    outcome.end = end;
    outcome.step = word(mutator, PC);
    outcome.log.clear();
    read_log(mutator, &mut outcome.log);
    outcome.pages = pages(heap);
    outcome.surplus_releases = read_releases(mutator, &mut outcome.releases);
}

/// Lowers a plan to modules of its own, for [`Engine::run_whole`]; not for a giant collector, whose engine is another one.
///
/// # Errors
/// If the modules' text is no valid WebAssembly.
pub fn whole(runtime: &Runtime, plan: &Plan, fuel: u64) -> Result<Whole, EngineError> {
    let text = standalone::modules(runtime, plan);
    let modules = vec![("mutator", wat::parse_str(&text.mutator)?), ("program", wat::parse_str(&text.program)?)];
    Ok(Whole { modules, globals: runtime.description.globals().into_iter().map(str::to_owned).collect(), fuel })
}

/// Outcome and collector's memory of what [`whole`] made.
#[must_use]
pub fn outcome_of(ran: Ran) -> (Outcome, Vec<u8>) {
    let mut outcome = Outcome { globals: ran.globals, ..Outcome::default() };
    read_memories(&ran.heap, &ran.mutator, ran.end, &mut outcome);
    (outcome, ran.heap)
}

/// Lowers a plan to modules of its own, runs it, and gives its outcome and the collector's memory.
///
/// # Errors
/// If the modules do not compile or cannot be instantiated, or [`EngineError::Abnormal`].
pub fn run_standalone(
    engine: &dyn Engine,
    runtime: &Runtime,
    plan: &Plan,
    fuel: u64,
) -> Result<(Outcome, Vec<u8>), EngineError> {
    look_standalone(engine, runtime, plan, fuel, |outcome, heap| (outcome, heap.to_vec()))
}

/// As [`run_standalone`], with a look at the memory where it is: one of gigabytes is not to be copied.
///
/// # Errors
/// As [`run_standalone`].
pub fn look_standalone<T>(
    engine: &dyn Engine,
    runtime: &Runtime,
    plan: &Plan,
    fuel: u64,
    look: impl FnOnce(Outcome, &[u8]) -> T,
) -> Result<T, EngineError> {
    let whole = whole(runtime, plan, fuel)?;
    if engine.lowering() == Lowering::Standalone && !runtime.description.is_giant() {
        let mut ran = Err(EngineError::Abnormal { engine: engine.name(), message: "it gave no answer".to_owned() });
        engine.run_whole(&[&whole], &mut |_, result| ran = result);
        let (outcome, heap) = outcome_of(ran?);
        return Ok(look(outcome, &heap));
    }
    let mut instance = compile(engine, runtime, &whole.borrowed())?.instantiate()?;
    let end = instance.call(fuel)?;
    let mut outcome = Outcome::default();
    read_outcome(&*instance, end, &mut outcome);
    Ok(look(outcome, instance.heap()))
}
