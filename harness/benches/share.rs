//! What the metamorphic share of an ordinary campaign costs, compilation included: `cargo bench -p heapsmith --bench share`.
//!
//! For each runtime the time of base runs and the time of variants, on the processor; the aim is a twentieth at most.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to report")]

use heapsmith::campaign::capacities;
use heapsmith::engine::{self, DEFAULT, Engine};
use heapsmith::judge::Verdict;
use heapsmith::metamorphic::{Bench, Pool, Selection, Source, Tally};
use heapsmith::runtime::{builtin, parse_spec};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Campaign, Machine};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

const PROGRAMS: u64 = 10_000;
const SEED: u64 = 66;

/// Seconds that this thread was on a processor, where the system tells; else as they pass.
fn now() -> f64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let nanoseconds = || -> Option<f64> {
        std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    };
    nanoseconds().map_or_else(|| ORIGIN.get_or_init(Instant::now).elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn share(name: &str) {
    let spec = parse_spec(name).unwrap();
    let engines: Vec<Box<dyn Engine>> = DEFAULT.into_iter().map(|name| engine::by_name(name).unwrap()).collect();
    let campaign = Campaign::new(SEED, capacities(&spec.resolve(Machine::default()).unwrap()), spec.pinned);
    let pool = Pool::new(Source::new(spec.clone()), &engines);
    let mut bench = Bench::new(&pool, Selection::Share.most_work());
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let (mut tally, mut base, mut variants) = (Tally::default(), 0.0, 0.0);
    for index in 0..PROGRAMS {
        let started = now();
        let program = campaign.program(index);
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let runtime = builtin(spec.resolve(program.machine).unwrap());
            Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap()
        });
        let verdict = rig.trial(&program);
        let between = now();
        if verdict == Verdict::Pass {
            let chosen = Selection::Share.variants(SEED, index, rig.model()).unwrap();
            if !chosen.is_empty() {
                bench.compare(rig, &program, &chosen, &mut tally).unwrap();
            }
        }
        base += between - started;
        variants += now() - between;
    }
    println!(
        "{name}: variants are {:.2} % of {:.1} s, {} programs, {} compared, {} in rounds",
        100.0 * variants / (base + variants),
        base + variants,
        tally.programs,
        tally.compared(),
        tally.repeated
    );
}

fn main() {
    share("fixed");
    share("vera@0.0.131");
    share(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml"));
}
