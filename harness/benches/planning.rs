//! What the model costs by itself: `cargo bench -p heapsmith --bench planning`.
//!
//! - `settled`: programs of about 20 ops that do little work, one model for each machine, as a worker of a campaign keeps them.
//! - `mixture`: what a campaign plans, dear programs included.
//! - `chain`: one list of 100 000 nodes, a collection, a check.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to report")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heapsmith::campaign::capacities;
use heapsmith::model::Model;
use heapsmith::runtime::parse_spec;
use heapsmith_generators::{Campaign, Count, Machine, Op, Program, Reg, Shape};
use std::collections::BTreeMap;
use std::hint::black_box;

/// Programs with a model each for their machines.
struct Planner {
    models: BTreeMap<Machine, Model>,
    programs: Vec<Program>,
}

impl Planner {
    fn new(runtime: &str, programs: Vec<Program>) -> Self {
        let spec = parse_spec(runtime).unwrap();
        let models = programs
            .iter()
            .map(|p| (p.machine, Model::new(&spec.resolve(p.machine).unwrap())))
            .collect::<BTreeMap<_, _>>();
        Self { models, programs }
    }

    fn plan(&mut self) {
        for program in &self.programs {
            let Some(model) = self.models.get_mut(&program.machine) else { continue };
            model.plan_program(program);
            black_box(model.plan().work);
        }
    }
}

/// The first `count` programs of a campaign for which `wanted` says yes of their model.
fn select(runtime: &str, count: usize, wanted: impl Fn(&Program, &Model) -> bool) -> Vec<Program> {
    let spec = parse_spec(runtime).unwrap();
    let campaign = Campaign::new(1, capacities(&spec.resolve(Machine::default()).unwrap()), spec.pinned);
    let planned = (0..).map(|index| campaign.program(index)).filter(|program| {
        let mut model = Model::new(&spec.resolve(program.machine).unwrap());
        model.plan_program(program);
        wanted(program, &model)
    });
    planned.take(count).collect()
}

fn benchmarks(c: &mut Criterion) {
    for runtime in ["vera@0.0.131", "fixed"] {
        let mut group = c.benchmark_group(runtime);
        let settled = select(runtime, 64, |p, m| (15..=25).contains(&p.ops.len()) && m.plan().work < 2_000);
        let mixture = select(runtime, 512, |_, _| true);
        let chain = Op::Graph { dst: Reg::new(0), shape: Shape::Chain { n: Count::new(100_000) }, words: 1, tag: 7 };
        let machine = Machine { initial_pages: Some(32), max_pages: Some(64), ..Machine::default() };
        let chain = vec![Program { machine, ops: vec![chain, Op::Collect, Op::Check { reg: Reg::new(0) }] }];
        for (name, programs) in [("settled", settled), ("mixture", mixture), ("chain", chain)] {
            group.throughput(Throughput::Elements(programs.len() as u64)).sample_size(20);
            let mut planner = Planner::new(runtime, programs);
            group.bench_function(name, |b| b.iter(|| planner.plan()));
        }
        group.finish();
    }
}

criterion_group!(planning, benchmarks);
criterion_main!(planning);
