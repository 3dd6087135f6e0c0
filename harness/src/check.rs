//! One call for the tests of whoever ships a collector: hunt through so many programs, and fail with the smallest case.
//!
//! ```
//! use heapsmith::{Budget, check};
//!
//! // In a project of your own this is the body of a `#[test]` function.
//! let report = check("fixed", Budget { programs: 300, ..Budget::default() })?;
//! println!("{report}");
//! assert!(report.collections > 100 && report.pages_grown > 100);
//! # Ok::<(), heapsmith::Failure>(())
//! ```
//!
//! A failure prints as the account of the smallest finding, with its program and the command that replays it:
//!
//! ```
//! use heapsmith::{Budget, Failure, check};
//!
//! let budget = Budget { programs: 60, ..Budget::default() };
//! let Err(failure) = check("vera@0.0.130?data_end=5,worklist=4,roots=16,pages=2..4", budget) else { panic!("it has bugs") };
//! assert!(matches!(failure, Failure::Violation(_)));
//! assert!(failure.to_string().contains("\nheapsmith 1\n"));
//! ```
//!
//! The collectors are the built-in ones by name, with parameters if you like ([`crate::runtime::parse_spec`]). The call is a
//! [campaign] on wasmtime and wasmi and nothing else: the same programs, and the same share of them in
//! [variants](crate::metamorphic), as `heapsmith hunt --runtime NAME --seed SEED --programs N`.

use crate::campaign::{self, CampaignError, Feedback, Finding, Limit, Progress, Settings, Statistics, Summary};
use crate::engine::{self, Backtrace, Engine, UnknownEngine};
use crate::metamorphic::Selection;
use crate::model::TrapRule;
use crate::report::Account;
use crate::runtime::description::Description;
use crate::runtime::parse_spec;
use heapsmith_generators::Machine;
use std::collections::BTreeMap;
use std::fmt;

/// Findings that are reduced before the smallest is chosen.
const REDUCED: usize = 4;

/// How much is tried. Seed and number of programs decide everything that is reported; workers only make it faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Programs.
    pub programs: u64,
    /// The seed that they follow from.
    pub seed: u64,
    /// Workers, at least one.
    pub jobs: usize,
}

impl Default for Budget {
    /// 2 000 programs of seed 1 on all cores: some seconds where the harness is compiled with optimisation.
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        Self { programs: 2_000, seed: 1, jobs }
    }
}

/// What a check without a finding did: the numbers that say what its silence is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The runtime with its pinned parameters.
    pub runtime: String,
    /// Programs run.
    pub programs: u64,
    /// Programs that passed to their end.
    pub passed: u64,
    /// Programs that ended in the trap that a limit of the collector demands, by rule.
    pub traps: BTreeMap<TrapRule, u64>,
    /// Programs that ended in a trap that was allowed only, after a word that the collector takes for an object.
    pub may_traps: u64,
    /// Collections.
    pub collections: u64,
    /// Objects that carried a mark at the ends of programs.
    pub marked: u64,
    /// Bytes on free lists at the ends of programs.
    pub freed_bytes: u64,
    /// Pages that memories grew by.
    pub pages_grown: u64,
    /// The deepest worklist, in entries.
    pub deepest_worklist: u64,
    /// The deepest root stack, in slots.
    pub deepest_root_stack: u64,
    /// Classes of allocations that ended near a page boundary, of [`campaign::BOUNDARY_CLASSES`].
    pub boundary_classes: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} programs, {} collections, {} objects marked, {} bytes freed, {} pages grown, worklist {} deep, root stack {} deep",
            self.runtime,
            self.programs,
            self.collections,
            self.marked,
            self.freed_bytes,
            self.pages_grown,
            self.deepest_worklist,
            self.deepest_root_stack,
        )
    }
}

/// Why a check failed. It prints for a person, under `{:?}` as well, because that is what `unwrap` and a failed test print.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The collector broke a promise.
    #[error("{0}")]
    Violation(Box<Broken>),
    /// Nothing was found, and too little was reached for that to mean anything.
    #[error(
        "expected {programs} programs on {runtime} to reach what a collector does, found that they never reached: {}; raise \
         `Budget::programs`, or pin less in the runtime's name",
        missing.join(", ")
    )]
    Vacuous {
        /// The runtime.
        runtime: String,
        /// Programs run.
        programs: u64,
        /// What was not reached.
        missing: Vec<String>,
    },
    /// The harness contradicts itself, so nothing that it says counts.
    #[error("expected the harness to agree with itself, found: {}; this is a bug in heapsmith, not in the collector", .0.join("; "))]
    Untrusted(Vec<String>),
    /// A budget of nothing.
    #[error("expected at least one program and one worker, found a budget of {} programs and {} workers", .0.programs, .0.jobs)]
    Budget(Budget),
    /// The runtime cannot be had as asked for, or an engine refuses it.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// An engine does not start.
    #[error(transparent)]
    Engine(#[from] UnknownEngine),
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A broken promise, by the smallest of the findings.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The runtime with its pinned parameters.
    pub runtime: String,
    /// The budget that found it.
    pub budget: Budget,
    /// Programs that broke a promise.
    pub violations: u64,
    /// Distinct findings that were reduced.
    pub findings: usize,
    /// The finding with the fewest ops, the commonest of those; one that only a variant's run shows comes last.
    pub smallest: Finding,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { programs, seed, .. } = self.budget;
        let next = format!(
            "save the program below as case.heapsmith, then: heapsmith run case.heapsmith --runtime '{}'",
            self.runtime
        );
        let account = Account {
            runtime: &self.runtime,
            program: &self.smallest.reduced,
            replay: &self.smallest.replay,
            engines: &engine::DEFAULT,
            cause: self.smallest.cause,
            next: &next,
        };
        writeln!(
            f,
            "{} broke a promise in {} of {programs} programs; the smallest of {} findings:",
            self.runtime, self.violations, self.findings
        )?;
        write!(f, "{}", account.text())?;
        if let Some(problem) = &self.smallest.lowerings_disagree {
            writeln!(f, "NOT confirmed standalone: {problem}")?;
        }
        writeln!(f, "\n{}", self.smallest.reduced)?;
        if let Some(variant) = &self.smallest.variant_program {
            writeln!(f, "the variant, in which the promise is broken:\n{variant}")?;
        }
        write!(f, "all findings: heapsmith hunt --runtime '{}' --seed {seed} --programs {programs}", self.runtime)
    }
}

/// Runs the programs of a budget on a built-in collector, named as in `vera@0.0.131` or `vera@0.0.131?worklist=64`.
///
/// # Errors
/// [`Failure::Violation`] when a promise was broken; [`Failure::Vacuous`] when none was, and no collection happened, nothing was kept or
/// freed, memory never grew although it may, no limit was met, or, without pinned parameters, one of the [ways to allocate](campaign::PATHS) was never taken
/// (from [`campaign::GATED_PROGRAMS`] programs on: anything that the collector can do); the other kinds when nothing was learnt.
pub fn check(runtime: &str, budget: Budget) -> Result<Report, Failure> {
    if budget.programs == 0 || budget.jobs == 0 {
        return Err(Failure::Budget(budget));
    }
    let spec = parse_spec(runtime).map_err(CampaignError::from)?;
    let runtime = spec.to_string();
    let is_pinned = spec.pinned != Machine::default();
    let settings = Settings {
        spec,
        engines: engines(Backtrace::Off)?,
        tracing_engines: engines(Backtrace::On)?,
        seed: budget.seed,
        limit: Limit::Programs(budget.programs),
        jobs: budget.jobs,
        max_findings: REDUCED,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    };
    let summary = campaign::hunt(&settings, &Progress::default())?;
    judge(runtime, budget, is_pinned, summary)
}

/// What a campaign's summary means for a test.
fn judge(runtime: String, budget: Budget, is_pinned: bool, summary: Summary) -> Result<Report, Failure> {
    let Summary { statistics: s, findings, description, .. } = summary;
    let count = findings.len();
    // The first of the smallest is the commonest one.
    if let Some(smallest) = findings.into_iter().min_by_key(|f| (f.variant.is_some(), f.reduced.ops.len())) {
        let (violations, findings) = (s.violations, count);
        return Err(Failure::Violation(Box::new(Broken { runtime, budget, violations, findings, smallest })));
    }
    if !s.untrusted.is_empty() || s.violations > 0 {
        let mut why: Vec<String> = s.untrusted.into_values().collect();
        if s.violations > 0 {
            why.push(format!("{} violations, of which no replay shows one", s.violations));
        }
        return Err(Failure::Untrusted(why));
    }
    let missing = missing(&s, &description, is_pinned);
    if !missing.is_empty() {
        return Err(Failure::Vacuous { runtime, programs: s.programs, missing });
    }
    let boundary_classes = s.boundary_classes();
    let Statistics { programs, passed, traps, may_traps, observed: o, .. } = s;
    Ok(Report {
        runtime,
        programs,
        passed,
        traps,
        may_traps,
        collections: o.collections,
        marked: o.marked,
        freed_bytes: o.freed,
        pages_grown: o.grown,
        deepest_worklist: o.worklist,
        deepest_root_stack: o.roots,
        boundary_classes,
    })
}

/// What a campaign must have reached and has not.
fn missing(s: &Statistics, description: &Description, is_pinned: bool) -> Vec<String> {
    let mut missing = s.basics_unreached(description, is_pinned);
    if !is_pinned {
        missing.extend(s.untaken_paths(description).map(|name| format!("allocation by {name}")));
        missing.extend(s.distrusted(description));
    }
    missing
}

fn engines(backtrace: Backtrace) -> Result<Vec<Box<dyn Engine>>, UnknownEngine> {
    engine::DEFAULT.into_iter().map(|name| engine::open(name, backtrace)).collect()
}
