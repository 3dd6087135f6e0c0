//! Counters that change what a collector does are seen, and what a guided campaign says then is not trusted.

use super::*;
use crate::engine::session::compile_counting;
use crate::engine::{Backtrace, DEFAULT, open};
use crate::runtime::fault::{apply, by_name};
use crate::runtime::parse_spec;

/// A collector that, while its edges are counted, does something else: it forgets the first block of the heap.
fn deranged(runtime: Runtime, engines: &[Box<dyn Engine>]) -> Result<Prepared, EngineError> {
    let other = apply(&runtime, &by_name("first-block-excluded").unwrap()).unwrap();
    let counting = compile_counting(engines[0].as_ref(), &other)?;
    Prepared::counting(runtime, engines, counting)
}

fn guided(counting: With) -> Summary {
    let engines = |backtrace| DEFAULT.into_iter().map(|name| open(name, backtrace).unwrap()).collect();
    let settings = Settings {
        spec: parse_spec("fixed?data_end=5,worklist=16,roots=24,pages=1..6").unwrap(),
        engines: engines(Backtrace::Off),
        tracing_engines: engines(Backtrace::On),
        seed: 3,
        limit: Limit::Programs(150),
        jobs: 1,
        max_findings: 1,
        metamorphic: Selection::Share,
        feedback: Feedback::On,
    };
    hunt_with(&settings, &[], &Progress::default(), counting).unwrap()
}

#[test]
fn counters_that_change_what_a_collector_does_are_seen_and_never_counted_as_its_fault() {
    let sane = guided(Prepared::with_feedback).statistics;
    assert_eq!((sane.violations, sane.untrusted.len()), (0, 0));
    let deranged = guided(deranged).statistics;
    assert_eq!(deranged.violations, 0);
    let said: Vec<&String> = deranged.untrusted.values().collect();
    assert!(said.iter().any(|text| text.contains("counting its edges changed")), "{said:?}");
}
