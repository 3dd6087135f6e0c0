//! Metamorphic runs: the same contents under other schedules, heap starts, worklists, lowerings and poison, and faults that nothing else sees.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V131, campaign, engines, spec};
use heapsmith::judge::{Verdict, Violation};
use heapsmith::metamorphic::{Bench, Pair, Pool, Selection, Source, Tally, Variant};
use heapsmith::runtime::{Fault, builtin, fault};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::Machine;
use std::collections::HashMap;
use std::sync::Arc;

/// A variant that broke a promise, and the program's index.
#[derive(Debug)]
struct Found {
    index: u64,
    variant: Variant,
    violation: Box<Violation>,
}

/// What a bounded run gave.
#[derive(Debug, Default)]
struct Run {
    tally: Tally,
    found: Vec<Found>,
    /// Base runs that broke a promise.
    base: u64,
}

/// The first `count` programs of a seed, each in every variant that the selection has for it.
fn run(name: &str, faults: &[Fault], seed: u64, count: u64, selection: &Selection) -> Run {
    let engines = engines();
    let spec = spec(name);
    let source = Source { spec: spec.clone(), faults: faults.to_vec(), rules: None };
    let pool = Pool::new(source, &engines);
    let campaign = campaign(&spec, seed);
    let mut bench = Bench::new(&pool, 200_000);
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let mut all = Run::default();
    for index in 0..count {
        let program = campaign.program(index);
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let mut runtime = builtin(spec.resolve(program.machine).unwrap());
            for f in faults {
                runtime = fault::apply(&runtime, f).unwrap();
            }
            let prepared = if faults.is_empty() {
                Prepared::builtin(runtime, &engines)
            } else {
                Prepared::edited(runtime, &engines)
            };
            Rig::new(Arc::new(prepared.unwrap())).unwrap()
        });
        match rig.trial(&program) {
            Verdict::Pass => {}
            Verdict::Violation(_) => {
                all.base += 1;
                continue;
            }
            Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) => continue,
            Verdict::Untrusted(d) => panic!("program {index}: {d:?}"),
        }
        let description = rig.prepared().runtime.description.clone();
        let variants = selection.variants(seed, index, &description).unwrap();
        match bench.compare(rig, &program, &variants, &mut all.tally).unwrap() {
            None => {}
            Some((variant, Pair::Broken(violation))) => all.found.push(Found { index, variant, violation }),
            Some((variant, pair)) => panic!("program {index} in {variant}: {pair:?}\n{program}"),
        }
    }
    all
}

#[test]
fn the_reference_shows_the_same_contents_in_every_variant() {
    let started = std::time::Instant::now();
    let run = run(FIXED, &[], 60, 2_000, &Selection::All { against: None });
    println!("{:?} {:?}", started.elapsed(), run.tally);
    assert!(run.found.is_empty(), "{:?}", run.found.first());
    assert_eq!(run.tally.unreached(), [""; 0]);
}

#[test]
fn vera() {
    let run = run(V131, &[], 60, 1_000, &Selection::All { against: None });
    println!("{:?}", run.tally);
    for f in run.found.iter().take(30) {
        println!("{} {} {:?}: {} / {}", f.index, f.variant, f.violation.kind, f.violation.expected, f.violation.found);
    }
}
