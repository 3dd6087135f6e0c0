//! A trial: one program, planned, run on every engine, compared and judged.
//!
//! ```text
//! Program ─model─▶ Plan ─tape─▶ Outcome × engines ─compare─▶ judge ─▶ Verdict
//!                    └──────────▶ Outcome of the emulator ┘
//! ```

mod adjudicate;
mod alone;
mod compare;
mod exhaustion;
mod fuel;
mod giant;
mod lenient;
mod measure;
mod memory;
mod observe;
mod parts;
mod reached;
mod replay;
mod rounds;
mod sample;
#[cfg(test)]
mod tests;

pub use alone::Hearing;
pub use fuel::fuel;
pub use measure::Measured;
pub use observe::Observations;
pub(crate) use parts::Part;
pub use replay::{Bucket, Replay};
pub use rounds::{Course, Most};
pub use sample::Sample;

use crate::coverage::Edges;
use crate::emulator::Emulator;
use crate::engine::pristine::Pristine;
use crate::engine::session::{
    Resident, assemble, compile_assembled, compile_counting_assembled, compile_resident, look_standalone,
    run_standalone,
};
use crate::engine::{Compiled, Engine, EngineError, Known, Lowering};
use crate::image::Image;
use crate::judge::{self, Inconclusive, Seen, Verdict, Violation};
use crate::lower::tape::Tape;
use crate::model::Model;
use crate::outcome::{End, Outcome};
use crate::runtime::Runtime;
use crate::runtime::description::Work;
pub(crate) use adjudicate::{Answer, Voice, adjudicate};
use alone::Alone;
use fuel::{budget, may_be_slow, promises_no_work, retry_fuel};
use heapsmith_generators::Program;
use reached::Reached;
use std::sync::Arc;

/// Memory of one instance from which on it is not worth keeping: a campaign has hundreds of instances.
const BULKY_BYTES: usize = 1 << 20;
/// Work of a plan from which on the buffers of model and emulator are not worth keeping.
const BULKY_WORK: u64 = 1 << 18;

/// A collector compiled for every engine; shared by all workers.
pub struct Prepared {
    /// The collector.
    pub runtime: Runtime,
    /// Whether the WebAssembly is the one that the emulator's rules describe (a built-in without an edit).
    pub emulated: bool,
    /// Engines that run the resident lowering; the first is the one that is judged.
    compiled: Vec<(&'static str, Arc<dyn Compiled>)>,
    /// The edges that the first of them counts, if it does.
    edges: Option<Edges>,
    /// Engines that run the standalone lowering only.
    alone: Vec<Arc<dyn Engine>>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("runtime", &self.runtime.description.name).finish_non_exhaustive()
    }
}

impl Prepared {
    /// Compiles a built-in runtime, whose emulator is trusted where no fault is planted in it.
    ///
    /// # Errors
    /// When an engine refuses the module, or when the engines that run the standalone lowering only are not behind all others, of
    /// which there must be one.
    pub fn builtin(runtime: Runtime, engines: &[Box<dyn Engine>]) -> Result<Self, EngineError> {
        let emulated = runtime.description.is_emulated();
        Self::new(runtime, engines, emulated)
    }

    /// Compiles a runtime whose WebAssembly was edited: no emulator describes it.
    ///
    /// # Errors
    /// As [`Self::builtin`].
    pub fn edited(runtime: Runtime, engines: &[Box<dyn Engine>]) -> Result<Self, EngineError> {
        Self::new(runtime, engines, false)
    }

    /// As [`Self::builtin`], and on the first engine, if it is wasmtime, the collector counts its edges, for [`Rig::features`].
    ///
    /// Nothing else is different: the other engines run the collector as it is, and fuel is told without what counting cost. A giant
    /// collector is not instrumented.
    ///
    /// # Errors
    /// As [`Self::builtin`].
    pub fn with_feedback(runtime: Runtime, engines: &[Box<dyn Engine>]) -> Result<Self, EngineError> {
        let module = assemble(&runtime)?;
        let counting = match engines.first() {
            Some(engine) if engine.name() == Known::Wasmtime.name() && !runtime.description.is_giant() => {
                Some(compile_counting_assembled(engine.as_ref(), &runtime, &module)?)
            }
            Some(_) | None => None,
        };
        let emulated = runtime.description.is_emulated();
        Self::with(runtime, engines, &module, emulated, counting)
    }

    /// As [`Self::builtin`], with this in the place of what the first engine compiles.
    #[cfg(test)]
    pub(crate) fn counting(
        runtime: Runtime,
        engines: &[Box<dyn Engine>],
        counting: (Arc<dyn Compiled>, Edges),
    ) -> Result<Self, EngineError> {
        let module = assemble(&runtime)?;
        Self::with(runtime, engines, &module, true, Some(counting))
    }

    /// The edges that the first engine counts, if it does.
    #[must_use]
    pub const fn edges(&self) -> Option<&Edges> {
        self.edges.as_ref()
    }

    fn new(runtime: Runtime, engines: &[Box<dyn Engine>], emulated: bool) -> Result<Self, EngineError> {
        let module = assemble(&runtime)?;
        Self::with(runtime, engines, &module, emulated, None)
    }

    fn with(
        runtime: Runtime,
        engines: &[Box<dyn Engine>],
        module: &[u8],
        emulated: bool,
        counting: Option<(Arc<dyn Compiled>, Edges)>,
    ) -> Result<Self, EngineError> {
        let (mut compiled, mut alone) = (Vec::new(), Vec::new());
        let (first, edges) = counting.unzip();
        for engine in engines {
            match engine.lowering() {
                Lowering::Resident if alone.is_empty() => {
                    if let (true, Some(first)) = (compiled.is_empty(), &first) {
                        compiled.push((engine.name(), Arc::clone(first)));
                        continue;
                    }
                    compiled.push((engine.name(), compile_assembled(engine.as_ref(), &runtime, module)?));
                }
                Lowering::Standalone if !compiled.is_empty() => alone.push(engine.handle()),
                Lowering::Resident | Lowering::Standalone => {
                    return Err(EngineError::Order { engine: engine.name() });
                }
            }
        }
        Ok(Self { runtime, emulated, compiled, edges, alone })
    }
}

/// One worker's instances of one collector: a model, an emulator, and one resident instance an engine.
pub struct Rig {
    prepared: Arc<Prepared>,
    model: Model,
    emulator: Option<Emulator>,
    residents: Vec<Resident>,
    outcomes: Vec<Outcome>,
    alone: Vec<Alone>,
    tape: Tape,
    /// Whether all memories start alike, so that what is compared on one says what changed on all.
    alike: bool,
    changed: Vec<u32>,
    reached: Reached,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig").field("prepared", &self.prepared).finish_non_exhaustive()
    }
}

impl Rig {
    /// Instances of a prepared collector.
    ///
    /// # Errors
    /// When an engine cannot instantiate the module.
    pub fn new(prepared: Arc<Prepared>) -> Result<Self, EngineError> {
        let model = Model::new(&prepared.runtime.description);
        Self::with(model, prepared)
    }

    /// Instances of a collector that retains other things than its promises let one predict: only contents are judged.
    ///
    /// # Errors
    /// When an engine cannot instantiate the module.
    pub fn of_contents(prepared: Arc<Prepared>) -> Result<Self, EngineError> {
        let model = Model::of_contents(&prepared.runtime.description);
        Self::with(model, prepared)
    }

    fn with(model: Model, prepared: Arc<Prepared>) -> Result<Self, EngineError> {
        let description = &prepared.runtime.description;
        let edges = prepared.edges.iter().map(Some).chain(std::iter::repeat(None));
        let is_resettable = description.module.as_ref().is_none_or(|module| module.is_resettable());
        let residents = prepared.compiled.iter().zip(edges).map(|((_, compiled), edges)| {
            let resident = match edges {
                Some(edges) => Resident::counting(Arc::clone(compiled), edges),
                None => Resident::new(Arc::clone(compiled)),
            };
            resident.map(|resident| resident.resettable(is_resettable))
        });
        let residents = residents.collect::<Result<Vec<_>, _>>()?;
        let emulator = prepared.emulated.then(|| Emulator::new(description)).flatten();
        let starts = emulator.as_ref().map(|e| Pristine::of(e.memory()));
        let alike = residents.array_windows().all(|[a, b]| a.pristine() == b.pristine())
            && starts.is_none_or(|start| residents.iter().all(|r| *r.pristine() == start));
        Ok(Self {
            model,
            emulator,
            alike,
            changed: Vec::new(),
            outcomes: residents.iter().map(|_| Outcome::default()).collect(),
            residents,
            alone: prepared.alone.iter().map(|engine| Alone::new(Arc::clone(engine))).collect(),
            tape: Tape::default(),
            reached: Reached::default(),
            prepared,
        })
    }

    /// The collector.
    #[must_use]
    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// The model, as the last trial left it.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// The model and what the first engine showed, as the last trial left them.
    pub(crate) fn look(&mut self) -> (&mut Model, Seen<'_>) {
        (&mut self.model, Seen { outcome: &self.outcomes[0], heap: self.residents[0].heap() })
    }

    /// Engines that keep a collector between programs; they are the first ones.
    #[must_use]
    pub const fn residents(&self) -> usize {
        self.residents.len()
    }

    /// Names of the engines, in order.
    pub fn engines(&self) -> impl Iterator<Item = &'static str> {
        self.prepared.compiled.iter().map(|(name, _)| *name).chain(self.alone.iter().map(Alone::name))
    }

    /// Names of the engines that run the standalone lowering only and ran the last program.
    pub fn heard(&self) -> impl Iterator<Item = &'static str> {
        self.alone.iter().filter(|alone| alone.answer().is_some()).map(Alone::name)
    }

    /// The outcome on engine `i` of the last trial; on one that did not take part, that of the first.
    #[must_use]
    pub fn outcome(&self, engine: usize) -> &Outcome {
        let answer = || self.alone.get(engine - self.outcomes.len()).and_then(Alone::answer);
        self.outcomes.get(engine).or_else(|| answer().map(|(outcome, _)| outcome)).unwrap_or(&self.outcomes[0])
    }

    /// The collector's memory on engine `i` after the last trial, as [`Self::outcome`].
    #[must_use]
    pub fn memory(&self, engine: usize) -> &[u8] {
        let answer = || self.alone.get(engine - self.residents.len()).and_then(Alone::answer);
        let resident = self.residents.get(engine).map(Resident::heap);
        resident.or_else(|| answer().map(|(_, heap)| heap)).unwrap_or_else(|| self.residents[0].heap())
    }

    /// From now on programs start from this heap, or from the empty one: the model's, the emulator's and that of every engine which keeps a
    /// collector between programs. Engines that run the standalone lowering only do not take part then.
    pub fn start_from(&mut self, image: Option<Arc<Image>>) {
        self.model.start_from(image);
    }

    /// Work of a program, as the model counts it; [`u64::MAX`] if the model gives up. The program is planned, and not run.
    pub fn work(&mut self, program: &Program) -> u64 {
        self.reached.forget();
        self.model.plan_program(program);
        if self.model.expectation().too_much_work { u64::MAX } else { self.model.plan().work }
    }

    /// Plans a program, runs it on every engine that runs the resident lowering, and judges it at its end.
    pub fn trial(&mut self, program: &Program) -> Verdict {
        self.trial_with(program, Hearing::None)
    }

    /// [`Self::trial`], in which the other engines take part too.
    pub fn trial_with(&mut self, program: &Program, hearing: Hearing) -> Verdict {
        let _turn = self.turn();
        self.reached.forget();
        self.model.plan_program(program);
        if self.model.expectation().too_much_work {
            return Verdict::Inconclusive(Inconclusive::TooMuchWork);
        }
        self.tape.encode(self.model.plan());
        let steps = self.model.plan().steps.len() as u32;
        if self.run_all(steps).is_err() {
            return Verdict::Inconclusive(Inconclusive::EngineFailed);
        }
        match hearing {
            Hearing::None => {}
            Hearing::Below(work) if self.model.plan().work >= work => {}
            Hearing::Below(_) | Hearing::All => self.hear(),
        }
        let verdict = self.verdict(program, steps);
        self.unless_it_gave_up(program, verdict)
    }

    /// Runs the plan of the last trial once more in the standalone lowering on engine `i`, which is given: whether outcome and memory
    /// are the same. Where neither ends, fuel ran out somewhere: the step is all that can be the same.
    ///
    /// # Errors
    /// When the engine refuses the program.
    pub fn standalone_agrees(&self, i: usize, engine: &dyn Engine) -> Result<bool, EngineError> {
        if self.alone.get(i.wrapping_sub(self.residents.len())).is_some_and(|alone| alone.answer().is_some()) {
            // It has run this very lowering; the question is whether the resident one does the same.
            return Ok(self.outcome(i) == &self.outcomes[0] && self.memory(i) == self.residents[0].heap());
        }
        let _turn = self.turn();
        let plan = self.model.plan();
        let more = retry_fuel(&self.model, self.memory(i).len());
        look_standalone(engine, &self.prepared.runtime, plan, more, |outcome, heap| {
            let own = self.outcome(i);
            match (outcome.end, own.end) {
                (End::OutOfFuel, End::OutOfFuel) => outcome.step == own.step,
                (End::OutOfFuel | End::Finished | End::Trapped(_), _) => outcome == *own && heap == self.memory(i),
            }
        })
    }

    /// Whether the last trial left buffers so large that instances made anew are the cheaper way to keep.
    #[must_use]
    pub fn is_bulky(&self) -> bool {
        self.residents.iter().any(|r| r.heap().len() > BULKY_BYTES) || self.model.plan().work > BULKY_WORK
    }

    /// Fuel that the last trial used on engine `i`, in the engine's own unit; 0 where it has none.
    #[must_use]
    pub fn fuel_used(&self, engine: usize) -> u64 {
        self.residents.get(engine).map_or(0, Resident::fuel_used)
    }

    /// What guest memory and globals show after the last trial.
    #[must_use]
    pub fn observe(&self) -> Observations {
        observe::observe(&self.model, self.seen(0))
    }

    fn seen(&self, engine: usize) -> Seen<'_> {
        Seen { outcome: &self.outcomes[engine], heap: self.residents[engine].heap() }
    }

    /// Runs the tape from its start up to step `until` on every engine; again with more fuel where it ran out.
    fn run_all(&mut self, until: u32) -> Result<(), EngineError> {
        let fuel = budget(&self.model);
        let image = self.model.image().map(Arc::as_ref);
        begin_emulator(self.emulator.as_mut(), image);
        self.alone.iter_mut().for_each(Alone::forget);
        for (resident, outcome) in self.residents.iter_mut().zip(&mut self.outcomes) {
            begin(resident, &self.tape, image)?;
            let mut end = resident.advance(until, fuel)?;
            if end == End::OutOfFuel {
                let more = retry_fuel(&self.model, resident.heap().len());
                begin(resident, &self.tape, image)?;
                end = resident.advance(until, more)?;
            }
            resident.read_outcome(end, outcome);
        }
        self.reached.read(&self.residents[0]);
        Ok(())
    }

    /// Compares engines with each other and with the emulator, then judges the first one's outcome.
    fn verdict(&mut self, program: &Program, until: u32) -> Verdict {
        let hung = self.outcomes.iter().filter(|o| o.end == End::OutOfFuel).count();
        if hung == self.outcomes.len() && may_be_slow(&self.model, self.residents[0].heap().len()) {
            return Verdict::Inconclusive(Inconclusive::TooMuchWork);
        }
        if hung == self.outcomes.len() && self.goes_on() {
            return Verdict::Inconclusive(Inconclusive::TooMuchWork);
        }
        if hung == self.outcomes.len() {
            return Verdict::Violation(Box::new(judge::hang(self.outcomes[0].step)));
        }
        if hung > 0 {
            return Verdict::Inconclusive(Inconclusive::FuelOnOneEngine);
        }
        if let Some(emulator) = &mut self.emulator {
            let plan = self.model.plan();
            let memory = self.residents[0].heap().len();
            emulator.advance(plan, until, retry_fuel(&self.model, memory));
        }
        if self.agree() {
            for resident in &mut self.residents {
                resident.settle(&self.changed);
            }
            return self.judged(program);
        }
        if !self.alike_on_all() {
            self.hear();
            let emulated = self.emulator.as_ref();
            let ask = |known: Known| self.ask(known);
            if let Some(v) = compare::engines(&self.prepared.runtime.description, &self.voices(), emulated, ask) {
                return Verdict::Violation(Box::new(v));
            }
        }
        if let Some(emulator) = &self.emulator
            && let Some(d) = compare::with_emulator(
                &self.prepared.runtime.description,
                &self.outcomes[0],
                self.residents[0].heap(),
                emulator,
            )
        {
            return Verdict::Untrusted(Box::new(d));
        }
        self.judged(program)
    }

    /// Whether the first engine, which ran out of fuel, ends the step or makes one more object in it when the step has its fuel for itself, twice. That is a
    /// collector which does much at each allocation and has promised nothing about work: all it would need is patience.
    fn goes_on(&mut self) -> bool {
        if !promises_no_work(&self.model) {
            return false;
        }
        let (resident, step) = (&mut self.residents[0], self.outcomes[0].step);
        let (logged, more) = (resident.logged(), retry_fuel(&self.model, resident.heap().len()));
        let image = self.model.image().map(Arc::as_ref);
        // The steps before it ended, each of them with no more than this.
        let before = more.saturating_mul(u64::from(step) + 1);
        let again = begin(resident, &self.tape, image)
            .and_then(|()| resident.advance(step, before))
            .and_then(|_| resident.advance(step + 1, more.saturating_mul(2)));
        again.is_ok_and(|end| end != End::OutOfFuel || resident.logged() != logged)
    }

    /// Judges the first engine's outcome, and last its fuel. An engine that was asked and could not run the program takes a clean verdict
    /// back.
    fn judged(&mut self, program: &Program) -> Verdict {
        let seen = Seen { outcome: &self.outcomes[0], heap: self.residents[0].heap() };
        match judge::judge(&mut self.model, program, seen) {
            kept @ (Verdict::Pass | Verdict::AllowedTrap(_)) => {
                let failure = self.alone.iter().find_map(Alone::failure).map(Verdict::Inconclusive);
                let slow = self.slow().map(|v| Verdict::Violation(Box::new(v)));
                slow.or(failure).unwrap_or(kept)
            }
            other @ (Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_)) => other,
        }
    }

    /// Whether the first engine needed more fuel than the work that the model predicts. Nobody knows how much a false candidate
    /// makes a collector scan.
    fn slow(&self) -> Option<Violation> {
        let promised = match self.prepared.runtime.description.promises.work {
            Work::Proportional => self.model.expectation().inexact_from.is_none(),
            Work::Unpromised => false,
        };
        let (allowed, used) = (budget(&self.model), self.residents[0].fuel_used());
        (promised && used > allowed).then(|| judge::slow(self.outcomes[0].last_step(), allowed, used))
    }
}

impl Rig {
    /// Has the engines that run the standalone lowering only run the plan, if no other one ran out of fuel.
    fn hear(&mut self) {
        if self.outcomes.iter().any(|outcome| outcome.end == End::OutOfFuel) || self.model.image().is_some() {
            return;
        }
        let fuel = self.hearing_fuel();
        for alone in &mut self.alone {
            alone.hear(&self.prepared.runtime, self.model.plan(), fuel);
        }
    }

    /// Fuel of engines that run the standalone lowering only, where they have fuel.
    fn hearing_fuel(&self) -> u64 {
        retry_fuel(&self.model, self.residents[0].heap().len())
    }

    /// What each engine says that ran the program.
    fn voices(&self) -> Vec<Voice<'_>> {
        let residents = self.prepared.compiled.iter().zip(&self.outcomes).zip(&self.residents);
        let residents = residents.map(|(((name, _), outcome), r)| Voice { name, outcome, heap: r.heap() });
        residents.chain(self.alone.iter().filter_map(Alone::voice)).collect()
    }

    fn alike_on_all(&self) -> bool {
        self.voices().array_windows().all(|[a, b]| a.agrees(b))
    }

    /// Runs the plan on an engine that is none of the run's.
    fn ask(&self, known: Known) -> Result<Answer, String> {
        let engine = known.shared().map_err(ToString::to_string)?;
        let fuel = retry_fuel(&self.model, self.residents[0].heap().len());
        let answer = match self.model.image() {
            Some(image) => run_from(engine, &self.prepared.runtime, &self.tape, image, fuel),
            None => run_standalone(engine, &self.prepared.runtime, self.model.plan(), fuel),
        };
        answer.map_err(|e| e.to_string())
    }
}

impl Rig {
    /// Whether all engines and the emulator, if there is one, agree in everything.
    fn agree(&mut self) -> bool {
        let Some((first, others)) = self.outcomes.split_first() else { return false };
        let emulator = self.emulator.as_ref();
        self.alike
            && others.iter().all(|other| other == first)
            && emulator.is_none_or(|e| e.outcome() == first)
            && self
                .alone
                .iter()
                .filter_map(Alone::answer)
                .all(|(o, heap)| o == first && heap == self.residents[0].heap())
            && memory::same(&self.residents, self.residents[0].pristine(), emulator, &mut self.changed)
    }
}

/// Makes a collector as good as new, loads a tape, and puts the heap there that it starts from.
fn begin(resident: &mut Resident, tape: &Tape, image: Option<&Image>) -> Result<(), EngineError> {
    resident.begin(tape)?;
    if let Some(image) = image {
        image.load(resident.instance_mut());
    }
    Ok(())
}

/// [`begin`] of the emulator, if there is one.
fn begin_emulator(emulator: Option<&mut Emulator>, image: Option<&Image>) {
    if let Some(emulator) = emulator {
        emulator.begin();
        if let Some(image) = image {
            emulator.start_from(image);
        }
    }
}

/// Runs a tape from a heap that is there already on an engine of its own: outcome and the collector's memory.
fn run_from(
    engine: &dyn Engine,
    runtime: &Runtime,
    tape: &Tape,
    image: &Image,
    fuel: u64,
) -> Result<Answer, EngineError> {
    let mut resident = Resident::new(compile_resident(engine, runtime)?)?;
    begin(&mut resident, tape, Some(image))?;
    let end = resident.advance(tape.steps(), fuel)?;
    Ok((resident.outcome(end), resident.heap().to_vec()))
}
