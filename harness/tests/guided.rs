//! A campaign that learns: the same for any number of workers, told by lineage, and better than one that does not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{campaign, engine, engines, spec};
use heapsmith::campaign::{self, Feedback, Limit, Progress, Settings, Summary, hunt};
use heapsmith::engine::Engine;
use heapsmith::metamorphic::Selection;
use heapsmith_generators::Machine;

/// One machine, so that it is compiled once.
const FIXED: &str = "fixed?data_end=5,worklist=4096,roots=64,pages=1..8";
/// A violation is rare on it, so that its program is mostly a mutant.
const RARE: &str = "fixed?fault=drop-field-push,data_end=5,worklist=4096,roots=64,pages=1..8";
const V130: &str = "vera@0.0.130?data_end=5,worklist=16,roots=24,pages=1..6";

fn hunted(on: &str, seed: u64, programs: u64, jobs: usize, feedback: Feedback) -> Summary {
    hunted_on(on, engines(), seed, programs, jobs, feedback)
}

fn hunted_on(
    on: &str,
    engines: Vec<Box<dyn Engine>>,
    seed: u64,
    programs: u64,
    jobs: usize,
    feedback: Feedback,
) -> Summary {
    let settings = Settings {
        spec: spec(on),
        engines,
        tracing_engines: common::engines(),
        seed,
        limit: Limit::Programs(programs),
        jobs,
        max_findings: 3,
        metamorphic: Selection::Share,
        feedback,
    };
    hunt(&settings, &Progress::default()).unwrap()
}

#[test]
fn a_guided_campaign_is_the_same_for_any_number_of_workers() {
    let one = hunted(V130, 5, 500, 1, Feedback::On);
    assert_eq!(one.statistics.programs, 500);
    let learnt = one.learnt.as_ref().unwrap();
    assert!(learnt.mutants > 10 && learnt.corpus > 40, "{learnt:?}");
    for jobs in [2, 3] {
        let more = hunted(V130, 5, 500, jobs, Feedback::On);
        assert_eq!(more.statistics, one.statistics, "{jobs} workers");
        assert_eq!(more.learnt, one.learnt, "{jobs} workers");
        let shown = |s: &Summary| -> Vec<_> {
            s.findings
                .iter()
                .map(|f| (f.index, f.count, f.lineage.clone(), f.original.clone(), f.reduced.clone()))
                .collect()
        };
        assert_eq!(shown(&more), shown(&one), "{jobs} workers");
        assert_eq!(more.unreduced, one.unreduced, "{jobs} workers");
    }
}

#[test]
fn the_lineage_of_a_finding_gives_its_program_again() {
    let mut replayed = 0;
    for seed in [1, 2] {
        let spec = spec(RARE);
        let programs = campaign(&spec, seed);
        let capacities = campaign::capacities(&spec.resolve(Machine::default()).unwrap());
        let mutator = campaign::mutator(&programs, capacities);
        for f in hunted(RARE, seed, 400, 2, Feedback::On).findings {
            match &f.lineage {
                None => assert_eq!(f.original, programs.program(f.index)),
                Some(lineage) => {
                    assert_eq!(lineage.replay(&programs, &mutator, &[]).as_ref(), Some(&f.original), "{lineage}");
                    assert!(lineage.mutations.last().is_none_or(|m| m.index == f.index), "{lineage}");
                    replayed += 1;
                }
            }
        }
    }
    assert!(replayed > 0, "every finding was drawn at its own index");
}

#[test]
fn without_feedback_every_program_is_drawn_and_nothing_is_learnt() {
    let summary = hunted(V130, 2, 200, 2, Feedback::Off);
    assert_eq!(summary.learnt, None);
    let programs = campaign(&spec(V130), 2);
    assert!(!summary.findings.is_empty());
    for f in summary.findings {
        assert_eq!((f.original, f.lineage), (programs.program(f.index), None));
    }
}

/// Boundary classes that hunts of so many programs reach, in the sum of eight seeds.
fn boundaries(programs: u64, feedback: Feedback) -> usize {
    let reached = |seed| hunted_on(FIXED, vec![engine("wasmtime")], seed, programs, 2, feedback).statistics;
    (101..=108).map(|seed| reached(seed).boundary_classes()).sum()
}

/// A finding is a matter of luck, a sum of boundary classes is not.
#[test]
fn feedback_reaches_more_boundaries_than_as_many_drawn_programs_in_the_sum_of_eight_seeds() {
    let (guided, drawn) = (boundaries(300, Feedback::On), boundaries(300, Feedback::Off));
    println!("{guided} boundary classes guided, {drawn} drawn");
    assert!(guided * 20 > drawn * 21, "{guided} guided, {drawn} drawn");
}
