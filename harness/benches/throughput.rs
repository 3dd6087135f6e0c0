//! How fast programs are run, in ratios within one run: `cargo bench -p heapsmith`.
//!
//! - `resident` against `standalone`: the same programs of about 20 ops on the tape machine, and compiled one by one (Cranelift and
//!   wasmi), with the same model, comparison and judge behind both.
//! - `parts`: of the same programs model, judge and reset alone. Where all of a trial's time goes says `heapsmith bench`.
//! - `mixture`: what a campaign runs, as programs per second on one core.
//! - `chain`: one program with a growing number of reachable pointers; the time for each pointer must stay the same.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to report")]

use criterion::{Criterion, Throughput, criterion_group};
use heapsmith::bench::{self, Memory};
use heapsmith::campaign::capacities;
use heapsmith::engine::session::{Resident, compile_resident, run_standalone};
use heapsmith::engine::{self, Engine};
use heapsmith::judge::{Seen, judge};
use heapsmith::lower::tape::Tape;
use heapsmith::model::Model;
use heapsmith::outcome::Outcome;
use heapsmith::runtime::{Spec, builtin, parse_spec};
use heapsmith::trial::{Prepared, Rig, fuel};
use heapsmith_generators::{Campaign, Count, Machine, Op, Program, Reg, Shape};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNTIME: &str = "vera@0.0.131";

fn engines() -> Vec<Box<dyn Engine>> {
    ["wasmtime", "wasmi"].into_iter().map(|name| engine::by_name(name).unwrap()).collect()
}

fn spec() -> Spec {
    parse_spec(RUNTIME).unwrap()
}

fn programs() -> Campaign {
    let spec = spec();
    Campaign::new(1, capacities(&spec.resolve(Machine::default()).unwrap()), spec.pinned)
}

/// Rigs by machine, as a campaign's worker keeps them.
struct Rigs {
    engines: Vec<Box<dyn Engine>>,
    rigs: BTreeMap<Machine, Rig>,
}

impl Rigs {
    fn new() -> Self {
        Self { engines: engines(), rigs: BTreeMap::new() }
    }

    fn of(&mut self, machine: Machine) -> &mut Rig {
        self.rigs.entry(machine).or_insert_with(|| {
            let runtime = builtin(spec().resolve(machine).unwrap());
            Rig::new(Arc::new(Prepared::builtin(runtime, &self.engines).unwrap())).unwrap()
        })
    }
}

fn resident(rigs: &mut Rigs, programs: &[Program]) {
    for program in programs {
        black_box(rigs.of(program.machine).trial(program));
    }
}

fn standalone(engines: &[Box<dyn Engine>], program: &Program) {
    let runtime = builtin(spec().resolve(program.machine).unwrap());
    let mut model = Model::new(&runtime.description);
    model.plan_program(program);
    let outcomes: Vec<_> = engines
        .iter()
        .map(|e| run_standalone(e.as_ref(), &runtime, model.plan(), fuel(model.plan().work)).unwrap())
        .collect();
    assert!(outcomes.array_windows().all(|[a, b]| a == b));
    let (outcome, heap) = &outcomes[0];
    black_box(judge(&mut model, program, Seen { outcome, heap }));
}

/// How many times faster programs are on the tape machine: the median over pairs of measurements taken in turn.
fn ratio(name: &str, programs: &[Program]) {
    let mut rigs = Rigs::new();
    resident(&mut rigs, programs);
    let one_by_one = engines();
    let mut ratios: Vec<f64> = (0..8)
        .map(|pair| {
            let started = Instant::now();
            let mut rounds = 0_u32;
            while started.elapsed() < Duration::from_millis(100) {
                resident(&mut rigs, programs);
                rounds += 1;
            }
            let fast = started.elapsed().as_secs_f64() / f64::from(rounds) / programs.len() as f64;
            let some = &programs[pair * 8..pair * 8 + 8];
            let started = Instant::now();
            some.iter().for_each(|p| standalone(&one_by_one, p));
            started.elapsed().as_secs_f64() / some.len() as f64 / fast
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "{name}: resident is {:.0} times as fast as compiling one by one (8 pairs: {:.0} to {:.0})",
        ratios[4], ratios[0], ratios[7]
    );
}

/// Parts of a trial of settled programs, one by one.
fn parts(c: &mut Criterion, programs: &[Program]) {
    let mut rigs = Rigs::new();
    let mut group = c.benchmark_group("parts of 20 ops, settled");
    group.throughput(Throughput::Elements(programs.len() as u64)).sample_size(20);
    let mut models: Vec<Model> = programs.iter().map(|p| Model::new(&spec().resolve(p.machine).unwrap())).collect();
    group.bench_function("model", |b| {
        b.iter(|| models.iter_mut().zip(programs).for_each(|(model, program)| model.plan_program(program)));
    });
    let seen: Vec<(Outcome, Vec<u8>)> = programs
        .iter()
        .map(|program| {
            let rig = rigs.of(program.machine);
            rig.trial(program);
            (rig.outcome(0).clone(), rig.memory(0).to_vec())
        })
        .collect();
    group.bench_function("judge", |b| {
        b.iter(|| {
            for ((model, program), (outcome, heap)) in models.iter_mut().zip(programs).zip(&seen) {
                black_box(judge(model, program, Seen { outcome, heap }));
            }
        });
    });
    for engine in &engines() {
        let tape = Tape::default();
        let mut residents: Vec<Resident> = programs
            .iter()
            .map(|p| builtin(spec().resolve(p.machine).unwrap()))
            .map(|runtime| Resident::new(compile_resident(engine.as_ref(), &runtime).unwrap()).unwrap())
            .collect();
        group.bench_function(format!("reset by a walk of all memory, {}", engine.name()), |b| {
            b.iter(|| {
                for resident in &mut residents {
                    resident.instance_mut();
                    resident.begin(&tape).unwrap();
                }
            });
        });
    }
    group.finish();
}

fn benchmarks(c: &mut Criterion) {
    let drawn = |memory| bench::drawn(&spec(), 1, memory, 64).unwrap();
    let settled = drawn(Memory::Settled);
    for (name, programs) in [("settled", &settled), ("growing", &drawn(Memory::Growing))] {
        let mut rigs = Rigs::new();
        let mut group = c.benchmark_group(format!("20 ops, {name}"));
        group.throughput(Throughput::Elements(programs.len() as u64));
        group.bench_function("resident", |b| b.iter(|| resident(&mut rigs, programs)));
        let one_by_one = engines();
        group.throughput(Throughput::Elements(1)).sample_size(10);
        group.bench_function("standalone", |b| b.iter(|| standalone(&one_by_one, &programs[0])));
        group.finish();
        ratio(name, programs);
    }
    parts(c, &settled);

    let campaign = programs();
    let mixture: Vec<Program> = (0..512).map(|index| campaign.program(index)).collect();
    let mut rigs = Rigs::new();
    resident(&mut rigs, &mixture);
    let mut group = c.benchmark_group("mixture");
    group.throughput(Throughput::Elements(mixture.len() as u64)).sample_size(10);
    group.bench_function("one core", |b| b.iter(|| resident(&mut rigs, &mixture)));
    group.bench_function("model alone", |b| {
        b.iter(|| {
            for program in &mixture {
                let rig = rigs.of(program.machine);
                let mut model = Model::new(&rig.prepared().runtime.description);
                model.plan_program(program);
                black_box(model.plan().work);
            }
        });
    });
    group.finish();

    let mut group = c.benchmark_group("chain");
    for nodes in [1_000_u32, 10_000, 100_000] {
        let shape = Shape::Chain { n: Count::new(nodes) };
        let machine = Machine { initial_pages: Some(32), max_pages: Some(64), ..Machine::default() };
        let graph = Op::Graph { dst: Reg::new(0), shape, words: 1, tag: 7 };
        let program = Program { machine, ops: vec![graph, Op::Collect, Op::Check { reg: Reg::new(0) }] };
        let mut rigs = Rigs::new();
        group.throughput(Throughput::Elements(u64::from(nodes))).sample_size(10);
        group.bench_function(format!("{nodes} pointers"), |b| b.iter(|| black_box(rigs.of(machine).trial(&program))));
    }
    group.finish();
}

criterion_group!(throughput, benchmarks);

fn main() {
    throughput();
    Criterion::default().configure_from_args().final_summary();
}
