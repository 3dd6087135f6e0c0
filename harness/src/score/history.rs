//! The history of Vera's collector as a benchmark: each of its bugs, found where it lived, with the right cause, and not where it was fixed.
//!
//! Of bugs whose fix the built-in releases do not show at its own version, the first later release stands for it: #515 was fixed in
//! v0.0.122, and the releases here are v0.0.114 and v0.0.130.

use crate::campaign::{CampaignError, Feedback, Finding, Limit, Progress as Hunting, Settings, Summary, hunt};
use crate::engine::{Backtrace, Engine, EngineError, Known};
use crate::judge::{Verdict, Violation};
use crate::metamorphic::Selection;
use crate::reduce::cause_of;
use crate::runtime::{RuntimeError, builtin, parse_spec};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Program};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A bug of the collector's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bug {
    /// Its issue, or what it is called.
    pub issue: &'static str,
    /// The rule that explains it ([`crate::runtime::Correction::rule`]).
    pub rule: &'static str,
    /// A release that it lived in.
    pub lived: &'static str,
    /// A release that fixed it.
    pub fixed: &'static str,
    /// The case that shows it, where campaigns do not get so far.
    pub case: Option<&'static str>,
}

const fn bug(issue: &'static str, rule: &'static str, lived: &'static str, fixed: &'static str) -> Bug {
    Bug { issue, rule, lived, fixed, case: None }
}

/// Every bug that a harness of the run-time library can find, as far as releases are modelled.
pub const BUGS: [Bug; 7] = [
    bug("#464", "root-push-guard", "vera@0.0.65", "vera@0.0.112"),
    bug("#484", "size-mask", "vera@0.0.112", "vera@0.0.114"),
    bug("#515", "extent-check", "vera@0.0.114", "vera@0.0.130"),
    bug("#348", "worklist-push-when-full", "vera@0.0.130", "vera@0.0.131"),
    bug("#487", "growth", "vera@0.0.130", "vera@0.0.131"),
    bug("#1382", "candidate-test", "vera@0.1.9", "vera@0.2"),
    // Memory of 2 GiB and more: no campaign draws such machines.
    Bug {
        case: Some(include_str!("../../../corpus/regressions/wrap-two-allocations.heapsmith")),
        ..bug("wrap past 2^32", "wrap-check", "vera@0.0.131", "vera@0.1.9")
    },
];

/// What became of a bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The bug.
    pub bug: Bug,
    /// Findings with its cause on the release that it lived in: bucket, and programs that showed it.
    pub findings: Vec<(String, u64)>,
    /// Number of the first program, from 1, of those findings; none for a case.
    pub first: Option<u64>,
    /// Findings of the release that it lived in which are not fixed in the one that fixed it, and must be none: the reduced program breaks the
    /// same promise at the same step there, or that program or the one that it was reduced from breaks a promise that no known defect of that
    /// release explains. (Findings with the bug's own cause there are none: a cause is a rule that the release has wrong.)
    pub persisting: u64,
    /// Programs of the two campaigns that the harness contradicts itself on: nothing that it says there can be trusted.
    pub untrusted: u64,
}

impl Row {
    /// Whether it was found where it lived, and nowhere else, by campaigns that can be trusted.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        !self.findings.is_empty() && self.persisting == 0 && self.untrusted == 0
    }
}

/// A history that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A campaign.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// A release.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A case.
    #[error("expected a case of the history to be a program: {0}")]
    Case(String),
}

/// How the history is run.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Programs of each release's campaign.
    pub programs: u64,
    /// The seed.
    pub seed: u64,
    /// Workers.
    pub jobs: usize,
}

/// Findings of a release that are reduced and looked at, at most: more than any release here has.
const MOST_FINDINGS: usize = 60;

/// Runs a history, such as [`BUGS`]; `started` is told each release. Stops between two of them when told to, and gives what it has.
///
/// # Errors
/// A release that an engine does not take.
pub fn history(
    bugs: &[Bug],
    how: How,
    stop: &AtomicBool,
    mut started: impl FnMut(&str),
) -> Result<Vec<Row>, HistoryError> {
    let mut campaigns: BTreeMap<&str, Summary> = BTreeMap::new();
    let mut rows = Vec::new();
    for &bug in bugs {
        if let Some(case) = bug.case {
            if !stop.load(Ordering::Relaxed) {
                started(bug.issue);
                rows.push(by_case(bug, case)?);
            }
            continue;
        }
        for on in [bug.lived, bug.fixed] {
            if !campaigns.contains_key(on) && !stop.load(Ordering::Relaxed) {
                started(on);
                campaigns.insert(on, campaign(on, how)?);
            }
        }
        let (Some(lived), Some(fixed)) = (campaigns.get(bug.lived), campaigns.get(bug.fixed)) else { break };
        rows.push(by_campaigns(bug, lived, fixed)?);
    }
    Ok(rows)
}

fn both(backtrace: Backtrace) -> Result<Vec<Box<dyn Engine>>, EngineError> {
    [Known::Wasmtime, Known::Wasmi].into_iter().map(|known| known.open(backtrace)).collect()
}

fn campaign(on: &str, how: How) -> Result<Summary, HistoryError> {
    let settings = Settings {
        spec: parse_spec(on)?,
        engines: both(Backtrace::Off)?,
        tracing_engines: both(Backtrace::On)?,
        seed: how.seed,
        limit: Limit::Programs(how.programs),
        jobs: how.jobs,
        max_findings: MOST_FINDINGS,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    };
    Ok(hunt(&settings, &Hunting::default())?)
}

fn rig(on: &str, machine: Machine) -> Result<Rig, HistoryError> {
    let engines = [Known::Wasmtime.open(Backtrace::Off)?];
    Ok(Rig::new(Arc::new(Prepared::builtin(builtin(parse_spec(on)?.resolve(machine)?), &engines)?))?)
}

fn by_campaigns(bug: Bug, lived: &Summary, fixed: &Summary) -> Result<Row, HistoryError> {
    let by_cause = |f: &&Finding| f.cause.is_some_and(|c| c.rule == bug.rule);
    let found: Vec<&Finding> = lived.findings.iter().filter(by_cause).collect();
    let mut persisting = 0;
    for finding in &found {
        persisting += u64::from(persists(finding, bug.fixed)?);
    }
    Ok(Row {
        bug,
        first: found.iter().map(|f| f.index + 1).min(),
        findings: found.iter().map(|f| (f.bucket.to_string(), f.count)).collect(),
        persisting,
        untrusted: [lived, fixed].iter().map(|s| (s.statistics.untrusted.len() + s.unshown.len()) as u64).sum(),
    })
}

/// Whether a finding is still there on a release that is said to have fixed it.
fn persists(finding: &Finding, fixed: &str) -> Result<bool, HistoryError> {
    let same = |new: &Violation| match &finding.replay.verdict {
        Verdict::Violation(old) => (new.kind, new.step) == (old.kind, old.step),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
    };
    if broken(fixed, &finding.reduced)?.as_deref().is_some_and(same) {
        return Ok(true);
    }
    Ok(is_unexplained(fixed, &finding.reduced)? || is_unexplained(fixed, &finding.original)?)
}

/// What a program breaks on a release.
fn broken(on: &str, program: &Program) -> Result<Option<Box<Violation>>, HistoryError> {
    Ok(match rig(on, program.machine)?.replay(program).verdict {
        Verdict::Violation(v) => Some(v),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
    })
}

/// Whether a program breaks a promise on a release, and no known defect of that release is why.
fn is_unexplained(on: &str, program: &Program) -> Result<bool, HistoryError> {
    if broken(on, program)?.is_none() {
        return Ok(false);
    }
    let engines = [Known::Wasmtime.open(Backtrace::Off)?];
    Ok(cause_of(&parse_spec(on)?.resolve(program.machine)?, &engines, program)?.is_none())
}

fn by_case(bug: Bug, text: &str) -> Result<Row, HistoryError> {
    let program: Program = heapsmith_generators::parse(text).map_err(|e| HistoryError::Case(e.to_string()))?;
    let engines = [Known::Wasmtime.open(Backtrace::Off)?];
    let mut row = Row { bug, findings: Vec::new(), first: None, persisting: 0, untrusted: 0 };
    let replay = rig(bug.lived, program.machine)?.replay(&program);
    let cause = cause_of(&parse_spec(bug.lived)?.resolve(program.machine)?, &engines, &program)?;
    if let (Some(bucket), true) = (replay.bucket, cause.is_some_and(|c| c.rule == bug.rule)) {
        row.findings.push((bucket.to_string(), 1));
    }
    row.persisting = u64::from(broken(bug.fixed, &program)?.is_some());
    Ok(row)
}

#[cfg(test)]
mod tests;
