//! All engines on ordinary programs, and the one on which an engine is wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, RUNTIMES, campaign, clean, regression, runtime, spec};
use heapsmith::campaign::{Limit, Progress, Settings, Summary, hunt};
use heapsmith::engine::{Backtrace, Engine, EngineError, Known};
use heapsmith::judge::{Kind, Verdict, Violation};
use heapsmith::metamorphic::Selection;
use heapsmith::runtime::builtin;
use heapsmith::trial::{Hearing, Prepared, Rig};
use heapsmith_generators::Machine;
use std::collections::HashMap;
use std::sync::Arc;

const SELECT: &str = "fixed?fault=first-fit-by-select";

fn open(names: &[&str], backtrace: Backtrace) -> Vec<Box<dyn Engine>> {
    names.iter().map(|name| Known::parse(name).unwrap().open(backtrace).unwrap()).collect()
}

/// All that start here: those of this process must, and V8 wherever there is a node.
fn all() -> Vec<Box<dyn Engine>> {
    let opened = |known: Known| match known.open(Backtrace::Off) {
        Err(EngineError::Start { engine: "v8", message }) => {
            println!("without v8: {message}");
            None
        }
        engine => Some(engine.unwrap()),
    };
    Known::ALL.into_iter().filter_map(opened).collect()
}

/// Programs of each runtime that run on all engines, and how often one of those is heard that run single programs only.
const PROGRAMS: u64 = 150;
const HEARD_EVERY: u64 = 10;
/// Work of a program from which on it is left out.
const WORK: u64 = 100_000;

#[test]
fn all_engines_agree_on_ordinary_programs() {
    let engines = all();
    for on in RUNTIMES {
        let campaign = campaign(&spec(on), 50);
        let mut rigs: HashMap<Machine, Rig> = HashMap::new();
        let (mut run, mut heard) = (0, 0);
        for index in 0..PROGRAMS {
            let program = campaign.program(index);
            let rig = rigs.entry(program.machine).or_insert_with(|| {
                Rig::new(Arc::new(Prepared::builtin(runtime(on, program.machine), &engines).unwrap())).unwrap()
            });
            let hearing = if index % HEARD_EVERY == 0 { Hearing::Below(WORK) } else { Hearing::None };
            let verdict = rig.trial_with(&program, hearing);
            if let Verdict::Violation(v) = &verdict {
                assert_ne!(v.kind, Kind::EngineDivergence, "{on}, program {index}: {}\n{program}", v.found);
            }
            assert!(!matches!(verdict, Verdict::Untrusted(_)), "{on}, program {index}: {verdict:?}");
            run += u64::from(!matches!(verdict, Verdict::Inconclusive(_)));
            heard += rig.heard().count();
        }
        assert!(run * 100 >= PROGRAMS * 99, "{on}: {run}");
        assert!(engines.len() == 5 || heard > 8, "{on}: {heard}");
    }
}

fn hunted(engines: &[&str]) -> Summary {
    let settings = Settings {
        spec: spec(SELECT),
        engines: open(engines, Backtrace::Off),
        tracing_engines: open(engines, Backtrace::On),
        seed: 1,
        limit: Limit::Programs(100),
        jobs: 2,
        max_findings: 1,
        metamorphic: Selection::Share,
    };
    hunt(&settings, &Progress::default()).unwrap()
}

fn violation(verdict: &Verdict) -> &Violation {
    match verdict {
        Verdict::Violation(v) => v,
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => {
            panic!("expected a violation, found {verdict:?}")
        }
    }
}

#[test]
fn a_campaign_names_wasmi_2_0_0_where_it_miscompiles_a_select() {
    let summary = hunted(&["wasmtime", "wasmi"]);
    assert!(summary.statistics.violations > 20, "{}", summary.statistics.violations);
    for finding in &summary.findings {
        let v = violation(&finding.replay.verdict);
        assert_eq!((v.kind, finding.cause), (Kind::EngineDivergence, None));
        let adjudication = v.adjudication.as_ref().unwrap();
        assert_eq!((&adjudication.odd, &adjudication.adjudicators), (&vec!["wasmi"], &vec!["pulley"]));
        assert_eq!(adjudication.groups, [vec!["wasmtime", "pulley"], vec!["wasmi"]]);
        assert!(finding.reduced.ops.len() <= 5, "{}", finding.reduced);
    }
    assert!(!summary.findings.is_empty());
}

#[test]
fn a_campaign_on_engines_that_compile_the_select_right_reports_nothing() {
    let summary = hunted(&["wasmtime", "wasmi1"]);
    let s = &summary.statistics;
    assert_eq!((s.violations, s.inconclusive.len(), s.untrusted.len()), (0, 0, 0));
}

#[test]
fn the_regression_case_shows_the_select_of_wasmi_2_0_0_and_nothing_else() {
    let program = regression("engine-wasmi-select");
    let description = spec(SELECT).resolve(program.machine).unwrap();
    let replay = |engines: &[Box<dyn Engine>]| {
        let prepared = Prepared::builtin(builtin(description.clone()), engines).unwrap();
        Rig::new(Arc::new(prepared)).unwrap().replay(&program).verdict
    };
    let mut engines = all();
    let verdict = replay(&engines);
    let adjudication = violation(&verdict).adjudication.clone().unwrap();
    assert_eq!((adjudication.odd, adjudication.groups.len()), (vec!["wasmi"], 2));
    assert_eq!(adjudication.groups[0].len(), engines.len() - 1);
    engines.retain(|engine| engine.name() != "wasmi");
    assert_eq!(replay(&engines), Verdict::Pass);
    // The reference itself does not use the shape.
    let reference = Prepared::builtin(runtime(FIXED, program.machine), &all()).unwrap();
    assert!(clean(&Rig::new(Arc::new(reference)).unwrap().trial_with(&program, Hearing::All)));
}
