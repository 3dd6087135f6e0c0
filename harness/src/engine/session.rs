//! Running plans: [`Resident`] keeps one collector instance between programs, [`run_standalone`] compiles each program anew.
//!
//! # What is reset between programs
//! A program that grew the collector's memory leaves an instance that cannot be made fresh, so a new one takes its place. Otherwise *all*
//! of the collector's memory is compared with the image taken right after the first instantiation and restored where it differs, since a broken
//! collector writes anywhere; all mutable globals are set back. In the mutator's memory the control words, frames, mirror and
//! tape are written anew; what an old log left is beyond the new log's cursor, where nobody reads.
//! A collector with state elsewhere (a table, a global that is not in [`GLOBALS`]) needs a fresh instance instead.

use super::{Compiled, Engine, EngineError, Instance};
use crate::lower::layout::{PC, STOP, read_log, word};
use crate::lower::tape::Tape;
use crate::lower::{resident, standalone};
use crate::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::runtime::{
    Runtime,
    description::{GLOBALS, PAGE},
};
use std::sync::Arc;

/// Bytes that are compared at once, and copied if they differ.
const BLOCK: usize = 4096;

/// Compiles a collector with the tape machine, for [`Resident::new`] on any number of threads.
///
/// # Errors
/// If the runtime's text is no valid WebAssembly.
pub fn compile_resident(engine: &dyn Engine, runtime: &Runtime) -> Result<Arc<dyn Compiled>, EngineError> {
    let module = wat::parse_str(resident::module(runtime))?;
    Ok(Arc::from(engine.compile(&[("resident", &module)], &GLOBALS)?))
}

/// One collector instance on one engine, kept between programs.
///
/// A program is [`Self::begin`], then [`Self::advance`] until it ends or the last step is reached, then a look at the outcome.
pub struct Resident {
    compiled: Arc<dyn Compiled>,
    instance: Box<dyn Instance>,
    pristine: Vec<u8>,
    globals: Vec<u32>,
    steps: u32,
    fuel_used: u64,
    fresh: bool,
}

impl Resident {
    /// Instantiates a collector.
    ///
    /// # Errors
    /// If it cannot be instantiated.
    pub fn new(compiled: Arc<dyn Compiled>) -> Result<Self, EngineError> {
        let instance = compiled.instantiate()?;
        let pristine = instance.heap().to_vec();
        let mut globals = Vec::new();
        instance.globals(&mut globals);
        Ok(Self { compiled, instance, pristine, globals, steps: 0, fuel_used: 0, fresh: true })
    }

    /// Makes the collector as good as new, and loads a tape.
    ///
    /// # Errors
    /// If a fresh instance is needed and cannot be had, or if the tape and its log do not fit the mutator's memory.
    pub fn begin(&mut self, tape: &Tape) -> Result<(), EngineError> {
        self.reset()?;
        self.fresh = false;
        self.instance.grow_mutator(tape.bytes())?;
        tape.load(self.instance.mutator_mut());
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
        let end = self.instance.call(fuel);
        self.fuel_used += self.instance.fuel_used();
        end
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
        let mut outcome = Outcome { end, step: 0, log: Vec::new(), pages: 0, globals: Vec::new() };
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

    /// Fuel used since [`Self::begin`], in the engine's own unit.
    #[must_use]
    pub const fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// Functions on the stack at the last trap, innermost first, where the engine keeps them.
    #[must_use]
    pub fn backtrace(&self) -> &[String] {
        self.instance.backtrace()
    }

    /// The instance itself, for what this type does not know, such as coverage counters. What is done to the collector's memory and
    /// globals through it is undone by the next [`Self::begin`].
    pub fn instance_mut(&mut self) -> &mut dyn Instance {
        self.fresh = false;
        &mut *self.instance
    }

    fn reset(&mut self) -> Result<(), EngineError> {
        if self.fresh {
            return Ok(());
        }
        if self.instance.heap().len() == self.pristine.len() {
            restore(self.instance.heap_mut(), &self.pristine);
            self.instance.set_globals(&self.globals);
        } else {
            self.instance = self.compiled.instantiate()?;
        }
        self.fresh = true;
        Ok(())
    }
}

/// Makes `memory` equal to `pristine`, writing only the blocks that differ: clean ones stay clean in the caches.
fn restore(memory: &mut [u8], pristine: &[u8]) {
    for (block, original) in memory.chunks_mut(BLOCK).zip(pristine.chunks(BLOCK)) {
        if block != original {
            block.copy_from_slice(original);
        }
    }
}

fn read_outcome(instance: &dyn Instance, end: End, outcome: &mut Outcome) {
    let memory = instance.mutator();
    outcome.end = end;
    outcome.step = word(memory, PC);
    outcome.log.clear();
    read_log(memory, &mut outcome.log);
    outcome.pages = u32::try_from(instance.heap().len() / PAGE as usize).unwrap_or(u32::MAX);
    instance.globals(&mut outcome.globals);
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
    let modules = standalone::modules(runtime, plan);
    let mutator = wat::parse_str(&modules.mutator)?;
    let program = wat::parse_str(&modules.program)?;
    let mut instance = engine.compile(&[("mutator", &mutator), ("program", &program)], &GLOBALS)?.instantiate()?;
    let end = instance.call(fuel)?;
    let mut outcome = Outcome { end, step: 0, log: Vec::new(), pages: 0, globals: Vec::new() };
    read_outcome(&*instance, end, &mut outcome);
    Ok((outcome, instance.heap().to_vec()))
}
