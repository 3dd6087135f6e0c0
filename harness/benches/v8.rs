//! What a program costs on V8: `cargo bench -p heapsmith --bench v8`. Nothing is measured where there is no node.
//!
//! Three ways to send it to the node process, in turn, three times each: as three frames that are answered one after the other, as one
//! frame, and 16 at once. Where `/proc` has it, the time on processors, of that process included, stands beside that of the wall.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to report")]

use heapsmith::campaign::capacities;
use heapsmith::engine::session::whole;
use heapsmith::engine::{self, Backtrace, Engine, Known, Whole};
use heapsmith::runtime::{builtin, parse_spec};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Campaign, Machine};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

const PROGRAMS: u64 = 512;
/// Work of a program from which on a campaign does not have V8 run it.
const WORK: u64 = 2_000_000;

/// Seconds on processors of this process, and of those that it started and waited for.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit(')').next()?.split_whitespace();
    let ticks: Option<Vec<f64>> = fields.skip(11).take(4).map(|ticks| ticks.parse().ok()).collect();
    Some(ticks?.iter().sum::<f64>() / 100.0)
}

fn groups() -> Vec<Whole> {
    let spec = parse_spec("fixed").unwrap();
    let campaign = Campaign::new(3, capacities(&spec.resolve(Machine::default()).unwrap()), spec.pinned);
    let engines = [engine::by_name("wasmtime").unwrap()];
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let mut groups = Vec::new();
    for index in 0..PROGRAMS {
        let program = campaign.program(index);
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let runtime = builtin(spec.resolve(program.machine).unwrap());
            Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap()
        });
        rig.trial(&program);
        if rig.model().plan().work < WORK {
            groups.push(whole(&rig.prepared().runtime, rig.model().plan(), 0).unwrap());
        }
    }
    groups
}

fn three_frames(v8: &dyn Engine, groups: &[&Whole]) {
    for group in groups {
        let modules: Vec<(&str, &[u8])> = group.modules.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        v8.compile(&modules, &group.names()).unwrap().instantiate().unwrap().call(0).unwrap();
    }
}

fn at_once<const N: usize>(v8: &dyn Engine, groups: &[&Whole]) {
    groups.chunks(N).for_each(|part| v8.run_whole(part, &mut |_, ran| drop(ran.unwrap())));
}

type Way = (&'static str, fn(&dyn Engine, &[&Whole]));
const WAYS: [Way; 3] = [("three frames", three_frames), ("one frame", at_once::<1>), ("16 at once", at_once::<16>)];

fn main() {
    if let Err(why) = Known::V8.open(Backtrace::Off) {
        println!("not measured: {why}");
        return;
    }
    let groups = groups();
    let groups: Vec<&Whole> = groups.iter().collect();
    let n = groups.len() as f64;
    for _ in 0..3 {
        for (name, run) in WAYS {
            let (cpu, wall) = (cpu_seconds(), Instant::now());
            // The process ends with the engine, and its time counts from then on.
            run(&*Known::V8.open(Backtrace::Off).unwrap(), &groups);
            let wall = wall.elapsed().as_secs_f64();
            let cpu = cpu.zip(cpu_seconds()).map_or_else(String::new, |(before, after)| {
                format!(", {:.2} ms on processors", (after - before) / n * 1e3)
            });
            println!("{name}: {:.0} programs a second, {:.2} ms{cpu} a program", n / wall, wall / n * 1e3);
        }
    }
}
