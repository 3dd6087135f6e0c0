//! All engines on ordinary programs, and the one on which an engine is wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, RUNTIMES, campaign, clean, regression, runtime, spec};
use heapsmith::campaign::{Feedback, Limit, Progress, Settings, Summary, hunt};
use heapsmith::engine::{Backtrace, Compiled, Engine, EngineError, Known, Lowering, Ran, Whole};
use heapsmith::judge::{Kind, Verdict, Violation};
use heapsmith::metamorphic::Selection;
use heapsmith::runtime::builtin;
use heapsmith::trial::{Hearing, Prepared, Rig};
use heapsmith_generators::Machine;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

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
        feedback: Feedback::Off,
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
        assert_eq!((&adjudication.odd, &adjudication.adjudicators), (&vec!["wasmi"], &vec!["winch"]));
        assert_eq!(adjudication.groups, [vec!["wasmtime", "winch"], vec!["wasmi"]]);
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

/// What the known bugs of wasmi 2.0.0 are shown with: a case, and the reference in words that mean the same.
const KNOWN_BUGS: [(&str, &str); 2] =
    [("engine-wasmi-select", SELECT), ("engine-wasmi-branch-table", "fixed?fault=first-fit-by-branch-table")];

#[test]
fn regression_cases_show_the_known_bugs_of_wasmi_2_0_0_and_nothing_else() {
    for (case, runtime_spec) in KNOWN_BUGS {
        let program = regression(case);
        let description = spec(runtime_spec).resolve(program.machine).unwrap();
        let replay = |engines: &[Box<dyn Engine>]| {
            let prepared = Prepared::builtin(builtin(description.clone()), engines).unwrap();
            Rig::new(Arc::new(prepared)).unwrap().replay(&program).verdict
        };
        let mut engines = all();
        let verdict = replay(&engines);
        let adjudication = violation(&verdict).adjudication.clone().unwrap();
        assert_eq!((adjudication.odd, adjudication.groups.len()), (vec!["wasmi"], 2), "{case}");
        assert_eq!(adjudication.groups[0].len(), engines.len() - 1, "{case}");
        engines.retain(|engine| engine.name() != "wasmi");
        assert_eq!(replay(&engines), Verdict::Pass, "{case}");
        // The reference itself does not use the shape.
        let reference = Prepared::builtin(runtime(FIXED, program.machine), &all()).unwrap();
        assert!(clean(&Rig::new(Arc::new(reference)).unwrap().trial_with(&program, Hearing::All)), "{case}");
    }
}

/// Work of a program from which on a campaign does not have it heard.
const HEARD_WORK: u64 = 2_000_000;

/// An engine that runs single programs only, notes how many come at once, and lies about memories of a certain kind.
#[derive(Clone)]
struct Recorder {
    inner: Arc<dyn Engine>,
    batches: Arc<Mutex<Vec<usize>>>,
    lies: fn(&[u8]) -> bool,
}

impl Recorder {
    /// On V8 where there is a node, else on wasmtime.
    fn new(lies: fn(&[u8]) -> bool) -> Self {
        let inner = Known::V8.open(Backtrace::Off).unwrap_or_else(|why| {
            println!("on wasmtime instead of v8: {why}");
            Known::Wasmtime.open(Backtrace::Off).unwrap()
        });
        Self { inner: inner.handle(), batches: Arc::default(), lies }
    }
}

impl Engine for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn lowering(&self) -> Lowering {
        Lowering::Standalone
    }

    fn handle(&self) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        self.inner.compile(modules, globals)
    }

    fn run_whole(&self, groups: &[&Whole], each: &mut dyn FnMut(usize, Result<Ran, EngineError>)) {
        self.batches.lock().unwrap().push(groups.len());
        self.inner.run_whole(groups, &mut |i, ran| {
            let lied = |mut ran: Ran| {
                if (self.lies)(&ran.heap) {
                    *ran.heap.last_mut().unwrap() ^= 1;
                }
                ran
            };
            each(i, ran.map(lied));
        });
    }
}

/// What a campaign on the reference came to, and how many programs were sent at once.
fn heard(limit: u64, jobs: usize, lies: fn(&[u8]) -> bool) -> (Summary, Vec<usize>) {
    let recorder = Recorder::new(lies);
    let engines = || -> Vec<Box<dyn Engine>> {
        let mut engines = open(&["wasmtime", "wasmi1"], Backtrace::Off);
        engines.push(Box::new(recorder.clone()));
        engines
    };
    let settings = Settings {
        spec: spec(FIXED),
        engines: engines(),
        tracing_engines: engines(),
        seed: 3,
        limit: Limit::Programs(limit),
        jobs,
        max_findings: 0,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    };
    let summary = hunt(&settings, &Progress::default()).unwrap();
    let batches = recorder.batches.lock().unwrap().clone();
    (summary, batches)
}

/// Of the programs of these indices: how many have their say, and how many of those are lied about.
fn expected(indices: impl Iterator<Item = u64>, lies: fn(&[u8]) -> bool) -> (u64, u64) {
    let campaign = campaign(&spec(FIXED), 3);
    let engines = open(&["wasmtime"], Backtrace::Off);
    let (mut all, mut lied) = (0, 0);
    for index in indices {
        let program = campaign.program(index);
        let mut rig =
            Rig::new(Arc::new(Prepared::builtin(runtime(FIXED, program.machine), &engines).unwrap())).unwrap();
        assert!(clean(&rig.trial(&program)), "{index}");
        if rig.model().plan().work < HEARD_WORK {
            all += 1;
            lied += u64::from(lies(rig.memory(0)));
        }
    }
    (all, lied)
}

fn is_a_third(heap: &[u8]) -> bool {
    heap.iter().map(|&byte| u64::from(byte)).sum::<u64>() % 3 == 0
}

#[test]
fn a_campaign_sends_programs_together_and_runs_again_alone_what_differs() {
    const PROGRAMS: u64 = 56;
    let (all, lied) = expected(0..PROGRAMS, is_a_third);
    assert!(all > 48 && lied > 5 && lied < all - 5, "{all} {lied}");
    let (summary, batches) = heard(PROGRAMS, 1, is_a_third);
    let s = &summary.statistics;
    assert_eq!((s.programs, s.violations, s.passed + s.traps.values().sum::<u64>()), (PROGRAMS, lied, PROGRAMS - lied));
    assert_eq!((s.heard.get("recorder"), s.inconclusive.len(), s.untrusted.len()), (Some(&all), 0, 0));
    // Each once in a batch; what differs, and every 4096th for both lowerings, once more alone.
    let (together, alone): (Vec<usize>, Vec<usize>) = batches.into_iter().partition(|&n| n > 1);
    assert_eq!(together.iter().sum::<usize>() as u64, all);
    assert!(together[..together.len() - 1].iter().all(|&n| n == 16), "{together:?}");
    assert!([lied, lied + 1].contains(&(alone.len() as u64)), "{} {lied}", alone.len());
    let kinds: Vec<Kind> = summary.unreduced.keys().map(|signature| signature.kind).collect();
    assert!(kinds.iter().all(|&kind| kind == Kind::EngineDivergence), "{kinds:?}");
    assert_eq!(summary.unreduced.values().sum::<u64>(), lied);
    let (other, _) = heard(PROGRAMS, 3, is_a_third);
    assert_eq!((&other.statistics, &other.unreduced), (&summary.statistics, &summary.unreduced));
}

#[test]
fn a_longer_campaign_has_every_64th_program_heard() {
    const PROGRAMS: u64 = 1_025;
    let (all, _) = expected((0..PROGRAMS).step_by(64), |_| false);
    assert!(all > 14, "{all}");
    let (summary, _) = heard(PROGRAMS, 2, |_| false);
    let s = &summary.statistics;
    assert_eq!((s.programs, s.violations, s.heard.get("recorder")), (PROGRAMS, 0, Some(&all)));
}
