//! How fast programs are run on this machine: by length, engines and lowering, and where a program's time goes.
//!
//! Times are thread CPU time where the machine tells it ([`Kind`]), medians over rounds. A trial counts model, lowering to a tape,
//! reset, every engine, emulator, comparison of all memories and globals, and the judge. Not counted: drawing programs, compiling
//! collectors, and the standalone confirmations of a campaign; each of the first two has a row of its own, or is named.

mod clock;
mod plot;
mod programs;

pub use clock::Kind;
pub use plot::svg;
pub use programs::{Memory, drawn};

use crate::engine::session::run_standalone;
use crate::engine::{Backtrace, Engine, EngineError, Known, Lowering};
use crate::judge::{Seen, judge};
use crate::model::Model;
use crate::runtime::{RuntimeError, Spec, builtin};
use crate::trial::{Part, Prepared, Rig, fuel};
use clock::Clock;
use heapsmith_generators::{Machine, Program};
use programs::steady;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

/// Ops of the steady programs that are run resident.
pub const LENGTHS: [u32; 4] = [20, 200, 2_000, 20_000];
/// Ops of the steady programs that are compiled one by one: more would take minutes.
const COMPILED: [u32; 3] = [20, 200, 2_000];
/// Programs of the mixture for each drawn program of about 20 ops.
const MIXTURE: usize = 8;

/// What is measured, and how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The runtime.
    pub spec: Spec,
    /// Seed of the drawn programs.
    pub seed: u64,
    /// Drawn programs of about 20 ops, settled and growing each; the mixture has eight times as many.
    pub drawn: usize,
    /// Sets of engines; the first one is that of all rows that do not compare engines.
    pub sets: Vec<Vec<Known>>,
    /// Rounds of each measurement, at least one.
    pub rounds: u32,
    /// Seconds of each round.
    pub seconds: f64,
}

/// The sets that are measured where nobody asks for others: what campaigns run, each engine alone, and every further one beside wasmtime.
#[must_use]
pub fn sets(campaign: &[Known]) -> Vec<Vec<Known>> {
    let resident = Known::ALL.into_iter().filter(|known| known.lowering() == Lowering::Resident);
    let alone = resident.clone().map(|known| vec![known]);
    let beside = resident.filter(|&known| known != Known::Wasmtime).map(|known| vec![Known::Wasmtime, known]);
    let mut sets = vec![campaign.to_vec()];
    for set in alone.chain(beside) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A steady program of so many ops.
    Steady(u32),
    /// Programs of about 20 ops, drawn as a campaign draws them.
    Drawn(Memory),
    /// What a campaign runs, drawing included.
    Mixture,
    /// One part of a trial of the settled programs of about 20 ops; its name.
    Part(&'static str),
}

/// One measurement.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was run.
    pub subject: Subject,
    /// On which engines.
    pub engines: Vec<Known>,
    /// How it was lowered.
    pub lowering: Lowering,
    /// Microseconds a program: the median of the rounds.
    pub micros: f64,
    /// The fastest round.
    pub least: f64,
    /// The slowest one.
    pub most: f64,
}

impl Row {
    /// Programs a second on one core.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        1e6 / self.micros
    }
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the times are.
    pub clock: Kind,
    /// The rows, in the order of measurement.
    pub rows: Vec<Row>,
    /// Sets that could not be measured, and why.
    pub skipped: Vec<(Vec<Known>, String)>,
}

/// Nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The runtime cannot be had as asked for.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An engine refuses it, or fails.
    #[error("expected the engine to take the runtime; {0}")]
    Engine(#[from] EngineError),
    /// The drawn programs are none.
    #[error(
        "expected programs that keep every promise and fit two pages, found none for this runtime; pin fewer parameters"
    )]
    NoPrograms,
}

/// Measures everything; `say` is told what comes next.
///
/// # Errors
/// When the runtime cannot be had, or the first set of engines does not take it.
pub fn measure(settings: &Settings, mut say: impl FnMut(&str)) -> Result<Report, BenchError> {
    let clock = Clock::new();
    let mut bench = Bench { settings, clock, rows: Vec::new(), skipped: Vec::new() };
    let campaign = settings.sets.first().cloned().unwrap_or_default();
    let settled = drawn(&settings.spec, settings.seed, Memory::Settled, settings.drawn)?;
    if settled.is_empty() {
        return Err(BenchError::NoPrograms);
    }
    for set in &settings.sets {
        say(&format!("steady programs on {}", title(set)));
        if let Err(error) = bench.steady(set) {
            bench.skipped.push((set.clone(), error.to_string()));
        }
    }
    say("drawn programs");
    bench.drawn(&campaign, Subject::Drawn(Memory::Settled), &settled)?;
    let growing = drawn(&settings.spec, settings.seed, Memory::Growing, settings.drawn)?;
    bench.drawn(&campaign, Subject::Drawn(Memory::Growing), &growing)?;
    bench.mixture(&campaign)?;
    for set in settings.sets.iter().filter(|set| set.len() == 1) {
        say(&format!("standalone programs on {}", title(set)));
        if let Err(error) = bench.standalone(set) {
            bench.skipped.push((set.clone(), error.to_string()));
        }
    }
    say("parts of a trial");
    bench.parts(&campaign, &settled)?;
    Ok(Report { clock: clock.kind(), rows: bench.rows, skipped: bench.skipped })
}

/// The names of a set, joined.
#[must_use]
pub fn title(set: &[Known]) -> String {
    set.iter().map(|known| known.name()).collect::<Vec<_>>().join(" + ")
}

struct Bench<'a> {
    settings: &'a Settings,
    clock: Clock,
    rows: Vec<Row>,
    skipped: Vec<(Vec<Known>, String)>,
}

impl Bench<'_> {
    /// Measures work that does `programs` programs each time.
    fn row(
        &mut self,
        subject: Subject,
        engines: &[Known],
        lowering: Lowering,
        programs: usize,
        mut work: impl FnMut() -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        work()?;
        // Asking for the time costs more than a short program: it is asked once for a fiftieth of a round.
        let (mut started, mut batch) = (self.clock.now(), 1_u32);
        loop {
            (0..batch).try_for_each(|_| work())?;
            let now = self.clock.now();
            if now - started > self.settings.seconds / 50.0 {
                break;
            }
            (started, batch) = (now, batch.saturating_mul(2));
        }
        let mut rounds = Vec::new();
        for _ in 0..self.settings.rounds.max(1) {
            let (start, mut times) = (self.clock.now(), 0_u64);
            let mut spent = 0.0;
            while spent < self.settings.seconds {
                (0..batch).try_for_each(|_| work())?;
                times += u64::from(batch);
                spent = self.clock.now() - start;
            }
            rounds.push(1e6 * spent / times as f64 / programs as f64);
        }
        rounds.sort_by(f64::total_cmp);
        let (micros, least, most) = (rounds[rounds.len() / 2], rounds[0], rounds[rounds.len() - 1]);
        self.rows.push(Row { subject, engines: engines.to_vec(), lowering, micros, least, most });
        Ok(())
    }

    fn steady(&mut self, set: &[Known]) -> Result<(), BenchError> {
        let mut rigs = Rigs::new(&self.settings.spec, set)?;
        for ops in LENGTHS {
            let program = steady(ops);
            let rig = rigs.of(program.machine)?;
            self.row(Subject::Steady(ops), set, Lowering::Resident, 1, || {
                black_box(rig.trial(&program));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn drawn(&mut self, set: &[Known], subject: Subject, programs: &[Program]) -> Result<(), BenchError> {
        if programs.is_empty() {
            return Ok(());
        }
        let mut rigs = Rigs::new(&self.settings.spec, set)?;
        self.row(subject, set, Lowering::Resident, programs.len(), || {
            for program in programs {
                black_box(rigs.of(program.machine)?.trial(program));
            }
            Ok(())
        })
    }

    fn mixture(&mut self, set: &[Known]) -> Result<(), BenchError> {
        let campaign = programs::campaign(&self.settings.spec, self.settings.seed)?;
        let mut rigs = Rigs::new(&self.settings.spec, set)?;
        let count = MIXTURE * self.settings.drawn;
        self.row(Subject::Mixture, set, Lowering::Resident, count, || {
            for index in 0..count as u64 {
                let program = campaign.program(index);
                let rig = rigs.of(program.machine)?;
                black_box(rig.trial(&program));
                black_box(rig.observe());
                if rig.is_bulky() {
                    rigs.forget(program.machine);
                }
            }
            Ok(())
        })
    }

    fn standalone(&mut self, set: &[Known]) -> Result<(), BenchError> {
        let rigs = Rigs::new(&self.settings.spec, set)?;
        for ops in COMPILED {
            let program = steady(ops);
            let runtime = builtin(self.settings.spec.resolve(program.machine)?);
            self.row(Subject::Steady(ops), set, Lowering::Standalone, 1, || {
                let mut model = Model::new(&runtime.description);
                model.plan_program(&program);
                for engine in &rigs.engines {
                    let fuel = fuel(model.plan().work);
                    let (outcome, heap) = run_standalone(engine.as_ref(), &runtime, model.plan(), fuel)?;
                    black_box(judge(&mut model, &program, Seen { outcome: &outcome, heap: &heap }));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn parts(&mut self, set: &[Known], programs: &[Program]) -> Result<(), BenchError> {
        let mut rigs = Rigs::new(&self.settings.spec, set)?;
        let mut each: Vec<(Rig, &Program)> = Vec::new();
        for program in programs {
            let mut rig = Rig::new(rigs.prepared(program.machine)?)?;
            rig.trial(program);
            each.push((rig, program));
        }
        for part in Part::ALL {
            self.row(Subject::Part(part_name(part)), set, Lowering::Resident, programs.len(), || {
                each.iter_mut().try_for_each(|(rig, program)| Ok(rig.part(part, program)?))
            })?;
        }
        let campaign = programs::campaign(&self.settings.spec, self.settings.seed)?;
        let count = MIXTURE * self.settings.drawn;
        self.row(Subject::Part("drawing a program of the mixture"), set, Lowering::Resident, count, || {
            (0..count as u64).for_each(|index| drop(black_box(campaign.program(index))));
            Ok(())
        })
    }
}

/// What a part is called.
const fn part_name(part: Part) -> &'static str {
    match part {
        Part::Plan => "model: plan",
        Part::Tape => "tape: encode",
        Part::Reset => "reset and load, all engines",
        Part::ResetWhole => "reset by a walk of all memory, all engines",
        Part::Run => "reset, load, run, read, all engines",
        Part::Emulate => "emulator: reset and run",
        Part::Compare => "comparison of all memories",
        Part::Judge => "judge",
        Part::Observe => "observation",
        Part::Trial => "a whole trial",
    }
}

/// Rigs by machine, as a campaign's worker keeps them.
struct Rigs<'a> {
    spec: &'a Spec,
    engines: Vec<Box<dyn Engine>>,
    prepared: BTreeMap<Machine, Arc<Prepared>>,
    rigs: BTreeMap<Machine, Rig>,
}

impl<'a> Rigs<'a> {
    fn new(spec: &'a Spec, set: &[Known]) -> Result<Self, EngineError> {
        let engines = set.iter().map(|known| known.open(Backtrace::Off)).collect::<Result<_, _>>()?;
        Ok(Self { spec, engines, prepared: BTreeMap::new(), rigs: BTreeMap::new() })
    }

    fn prepared(&mut self, machine: Machine) -> Result<Arc<Prepared>, BenchError> {
        if !self.prepared.contains_key(&machine) {
            let runtime = builtin(self.spec.resolve(machine)?);
            self.prepared.insert(machine, Arc::new(Prepared::builtin(runtime, &self.engines)?));
        }
        Ok(Arc::clone(&self.prepared[&machine]))
    }

    fn of(&mut self, machine: Machine) -> Result<&mut Rig, BenchError> {
        if !self.rigs.contains_key(&machine) {
            let rig = Rig::new(self.prepared(machine)?)?;
            self.rigs.insert(machine, rig);
        }
        Ok(self.rigs.get_mut(&machine).expect("it was put in if it was not there"))
    }

    fn forget(&mut self, machine: Machine) {
        self.rigs.remove(&machine);
    }
}

/// A number with its thousands apart.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::parse_spec;

    #[test]
    fn every_row_is_there_once_and_the_picture_has_a_line_for_each_set() {
        let sets = vec![vec![Known::Wasmtime, Known::Wasmi], vec![Known::Wasmi]];
        let spec = parse_spec("vera@0.0.131").unwrap();
        let settings = Settings { spec, seed: 1, drawn: 2, sets, rounds: 1, seconds: 0.002 };
        let report = measure(&settings, |_| {}).unwrap();
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        for (i, row) in report.rows.iter().enumerate() {
            assert!(row.micros > 0.0 && row.least <= row.micros && row.micros <= row.most, "{row:?}");
            let same = |r: &Row| (r.subject, &r.engines, r.lowering) == (row.subject, &row.engines, row.lowering);
            assert_eq!(report.rows.iter().position(same), Some(i), "{row:?}");
        }
        // Two sets of four lengths, three kinds of drawn programs, one engine compiled at three lengths, the parts and drawing.
        assert_eq!(report.rows.len(), 2 * 4 + 3 + 3 + Part::ALL.len() + 1);
        let steady = |ops: u32| report.rows.iter().find(|r| r.subject == Subject::Steady(ops)).unwrap().micros;
        assert!(steady(20_000) > 10.0 * steady(200), "a program a hundred times as long takes longer");
        // Marks on the axes are lines, too, and depend on the numbers: both pictures have the same.
        let rows = report.rows.into_iter().map(|row| match row.subject {
            Subject::Steady(ops) => Row { micros: f64::from(ops), ..row },
            Subject::Drawn(_) | Subject::Mixture | Subject::Part(_) => row,
        });
        let report = Report { rows: rows.collect(), ..report };
        let picture = svg(&report, "caption").unwrap();
        for text in ["caption", "wasmtime + wasmi", "ops in a program", "programs a second and core"] {
            assert!(picture.contains(text), "{text}");
        }
        assert_eq!(
            picture.matches("<polyline").count()
                - svg(&report_without(&report), "").unwrap().matches("<polyline").count(),
            2
        );
    }

    /// The same with the second set left out: one line and one entry of the legend less.
    fn report_without(report: &Report) -> Report {
        let rows = report.rows.iter().filter(|row| row.engines.len() == 2).cloned().collect();
        Report { clock: report.clock, rows, skipped: Vec::new() }
    }

    #[test]
    fn sets_are_what_campaigns_run_then_each_engine_alone_and_beside_wasmtime() {
        let sets = sets(&[Known::Wasmtime, Known::Wasmi]);
        assert_eq!(sets[0], [Known::Wasmtime, Known::Wasmi]);
        let resident = Known::ALL.into_iter().filter(|k| k.lowering() == Lowering::Resident);
        assert!(resident.clone().all(|known| sets.contains(&vec![known])));
        assert_eq!(sets.len(), 1 + resident.clone().count() + resident.count() - 2);
    }

    #[test]
    fn thousands_stand_apart() {
        let texts = ["0", "999", "1 000", "81 920", "1 234 567", "4 294 967 296"];
        assert_eq!([0, 999, 1_000, 81_920, 1_234_567, 4_294_967_296].map(grouped), texts);
    }
}
