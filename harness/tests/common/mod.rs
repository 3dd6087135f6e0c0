//! What the integration tests share: engines, regressions from the corpus, and bounded pieces of a campaign's mixture.
#![allow(dead_code, reason = "each test file uses a part of it")]

use heapsmith::campaign::{Feedback, Limit, Settings};
use heapsmith::engine::{self, Engine};
use heapsmith::judge::Verdict;
use heapsmith::metamorphic::Selection;
use heapsmith::model::Model;
use heapsmith::runtime::{self, Runtime, Spec, manifest::Manifest};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Campaign, Machine, Program};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

pub(crate) const V130: &str = "vera@0.0.130";
pub(crate) const V131: &str = "vera@0.0.131";
pub(crate) const FIXED: &str = "fixed";
pub(crate) const WRAP: &str = "vera@0.1.9+wrap";
pub(crate) const FIXED_SPLIT: &str = "fixed-split";
pub(crate) const RUNTIMES: [&str; 3] = [V130, V131, FIXED];

/// Work (words that the collector visits, and 8 for each word of the log) above which a program is not part of the bulk: it
/// would take more than a millisecond.
pub(crate) const SMALL_WORK: u64 = 6_000;

/// The engine of this name: one for all tests of a file, so that what it compiled once it need not compile again.
pub(crate) fn engine(name: &str) -> Box<dyn Engine> {
    static KNOWN: Mutex<BTreeMap<String, Arc<dyn Engine>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let start = || engine::by_name(name).unwrap().handle();
    Box::new(Arc::clone(known.entry(name.to_owned()).or_insert_with(start)))
}

/// The engines that are always there.
pub(crate) fn engines() -> Vec<Box<dyn Engine>> {
    engine::DEFAULT.into_iter().map(engine).collect()
}

pub(crate) fn spec(text: &str) -> Spec {
    runtime::parse_spec(text).unwrap()
}

/// A module that is its text and its manifest's, on one machine for all programs: each is compiled.
pub(crate) fn module_spec(name: &str, manifest: &str, module: &str) -> Spec {
    let pinned = Machine {
        data_end: Some(0),
        worklist: Some(64),
        roots: Some(64),
        initial_pages: Some(1),
        max_pages: Some(64),
        wraps: None,
    };
    let manifest = Manifest::parse(manifest, module.as_bytes(), name).unwrap();
    Spec { name: name.to_owned(), module: Some(manifest), pinned, address_limit: None, edit: None }
}

/// A text in which each of these places, of which there is one, reads otherwise.
pub(crate) fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replacen(from, to, 1)
    })
}

/// A built-in runtime on the machine that a program asks for.
pub(crate) fn runtime(name: &str, machine: Machine) -> Runtime {
    runtime::builtin(spec(name).resolve(machine).unwrap())
}

/// A rig of a built-in runtime on both engines.
pub(crate) fn rig(name: &str, machine: Machine) -> Rig {
    rig_of(runtime(name, machine), &engines())
}

fn rig_of(runtime: Runtime, engines: &[Box<dyn Engine>]) -> Rig {
    Rig::new(Arc::new(Prepared::builtin(runtime, engines).unwrap())).unwrap()
}

/// The text of a file of `corpus/regressions`.
pub(crate) fn regression_text(name: &str) -> String {
    let path = format!("{}/../corpus/regressions/{name}.heapsmith", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A file of `corpus/regressions`.
pub(crate) fn regression(name: &str) -> Program {
    heapsmith_generators::parse(&regression_text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Whether a verdict says that every promise was kept.
pub(crate) fn clean(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::AllowedTrap(_) => true,
        Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
    }
}

/// Which programs of a campaign are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// Those whose plans have at most [`SMALL_WORK`].
    Small,
    /// The other ones.
    Big,
}

/// The mixture of a seed for one runtime, with a rig for each machine that came up.
pub(crate) struct Mixture {
    pub(crate) campaign: Campaign,
    spec: Spec,
    engines: Vec<Box<dyn Engine>>,
    rigs: HashMap<Machine, (Model, Rig)>,
}

impl Mixture {
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        let spec = spec(name);
        Self { campaign: campaign(&spec, seed), spec, engines: engines(), rigs: HashMap::new() }
    }

    /// Runs programs of this kind from the first on, until `visit`, which gets each with its index, its verdict and its rig, has
    /// said of `count` of them that they count.
    pub(crate) fn run(
        &mut self,
        count: usize,
        bulk: Bulk,
        mut visit: impl FnMut(u64, &Program, &Verdict, &Rig) -> bool,
    ) {
        let Self { campaign, spec, engines, rigs } = self;
        let mut run = 0;
        for index in 0.. {
            if run == count {
                break;
            }
            let program = campaign.program(index);
            let (model, rig) = rigs.entry(program.machine).or_insert_with(|| {
                let description = spec.resolve(program.machine).unwrap();
                (Model::new(&description), rig_of(runtime::builtin(description), engines))
            });
            if work(model, &program) != bulk {
                continue;
            }
            let verdict = rig.trial(&program);
            run += usize::from(visit(index, &program, &verdict, rig));
        }
    }
}

/// A hunt of so many programs, for one finding.
pub(crate) fn settings(spec: Spec, seed: u64, programs: u64) -> Settings {
    Settings {
        spec,
        engines: engines(),
        tracing_engines: engines(),
        seed,
        limit: Limit::Programs(programs),
        jobs: 2,
        max_findings: 1,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    }
}

/// The campaign of a seed for a runtime with its own capacities.
pub(crate) fn campaign(spec: &Spec, seed: u64) -> Campaign {
    let description = spec.resolve(Machine::default()).unwrap();
    Campaign::new(seed, heapsmith::campaign::capacities(&description), spec.pinned)
}

/// How much a program is, as far as the model needs to plan to know.
pub(crate) fn work(model: &mut Model, program: &Program) -> Bulk {
    model.reset();
    for op in &program.ops {
        let goes_on = model.step(op);
        if model.heap.work + 8 * u64::from(model.plan().log_words) > SMALL_WORK {
            return Bulk::Big;
        }
        if !goes_on {
            break;
        }
    }
    Bulk::Small
}
