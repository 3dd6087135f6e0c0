//! Whether what a list says is still so.

use super::{Date, Issue, KnownIssues, Shown};
use crate::corpus::load::read_program;
use crate::engine::Engine;
use crate::judge::Verdict;
use crate::metamorphic::{self, Pool, Replayer, Source};
use crate::reduce::{Cause, cause_of};
use crate::runtime::{Spec, absent_module, builtin, parse_spec, runtime_from};
use crate::trial::{Prepared, Replay, Rig};
use heapsmith_generators::Program;
use std::path::Path;
use std::sync::Arc;

/// What became of one issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its case shows it still, and its time is not over.
    Known,
    /// The list is wrong: in which ways.
    Wrong(Vec<String>),
    /// Nothing can be said, because the module of its runtime is not there; its time is not over.
    Skipped(String),
}

/// An issue that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub standing: Standing,
}

/// What checks a list.
pub struct Checker<'a> {
    /// The folder that cases, and runtimes that are paths, are relative to: the list's.
    pub folder: &'a Path,
    /// Engines that replay cases.
    pub engines: &'a [Box<dyn Engine>],
    /// The day that expiries are held against.
    pub today: Date,
}

impl std::fmt::Debug for Checker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("folder", &self.folder).field("today", &self.today).finish_non_exhaustive()
    }
}

/// What is wrong with the builds that an issue names, of the one that its case is to show it on.
fn build(issue: &Issue, spec: &Spec) -> Option<String> {
    let (on, named) = (&issue.on, issue.modules.len());
    let Some(module) = &spec.module else {
        return (named > 0).then(|| {
            format!("expected no `modules`, because `{on}` is built in and the same everywhere, found {named}; leave them out")
        });
    };
    let found = module.sha256();
    if named == 0 {
        return Some(format!(
            "expected `modules`, the SHA-256 of the builds that show it, found none: any other module of that name would be excused as well; write `modules = \
             [\"{found}\"]` if the one of `{on}` shows it"
        ));
    }
    (!issue.modules.iter().any(|known| known == found)).then(|| {
        format!(
            "expected the module of `{on}` to be one that it names, found another build, with the SHA-256 {found}; build it as the list has it, or add \
             this one to `modules` once its case was seen to break there"
        )
    })
}

impl Checker<'_> {
    /// Replays the case of each issue, in the order of the list.
    #[must_use]
    pub fn check(&self, list: &KnownIssues) -> Vec<Checked> {
        list.issues().iter().map(|issue| Checked { name: issue.name.clone(), standing: self.standing(issue) }).collect()
    }

    fn standing(&self, issue: &Issue) -> Standing {
        let mut problems = Vec::new();
        if self.today > issue.expiry {
            problems.push(format!(
                "expected to be gone by its expiry, {}, found it listed on {}; mend it, remove the entry, or say why it stays and until when",
                issue.expiry, self.today
            ));
        }
        match self.reproduces(issue) {
            Ok(None) => {}
            Ok(Some(skipped)) if problems.is_empty() => return Standing::Skipped(skipped),
            Ok(Some(skipped)) => problems.push(skipped),
            Err(problem) => problems.push(problem),
        }
        if problems.is_empty() { Standing::Known } else { Standing::Wrong(problems) }
    }

    /// Replays an issue's case. Why that was skipped, if it was.
    fn reproduces(&self, issue: &Issue) -> Result<Option<String>, String> {
        let on = runtime_from(self.folder, &issue.on);
        if let Some(module) = absent_module(&on) {
            return Ok(Some(format!("{}: there is no module {}; make it first", issue.on, module.display())));
        }
        let spec = parse_spec(&on).map_err(|e| format!("`on` or `runtime`: {e}"))?;
        let case = self.folder.join(&issue.case);
        let (program, _) = read_program(&case).map_err(|e| format!("its case {}: {e}", case.display()))?;
        if let Some(problem) = build(issue, &spec) {
            return Err(problem);
        }
        if !issue.concerns(&spec) {
            return Err(format!("expected `runtime` to match what `on` names, found `{}` and `{spec}`", issue.runtime));
        }
        let (replay, cause) = self.replay(issue, &spec, &program)?;
        if issue.is(Shown { spec: &spec, variant: issue.variant.as_ref(), replay: &replay, cause }) {
            return Ok(None);
        }
        let [kind, op, phase] = &issue.bucket;
        let why = |rule: Option<&str>| rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
        Err(format!(
            "expected {} to break in {kind}.{op}.{phase}{} on {spec}, found {}; if it was mended, remove the entry",
            case.display(),
            why(issue.cause.as_deref().or(issue.odd.as_deref())),
            match &replay.bucket {
                Some(bucket) => format!("{bucket}{}", why(cause.map(|cause| cause.rule))),
                None => "no violation".to_owned(),
            }
        ))
    }

    fn replay(&self, issue: &Issue, spec: &Spec, program: &Program) -> Result<(Replay, Option<Cause>), String> {
        let engines = self.engines;
        let Some(variant) = &issue.variant else {
            let description = spec.resolve(program.machine).map_err(|e| e.to_string())?;
            let prepared = Prepared::builtin(builtin(description.clone()), engines).map_err(|e| e.to_string())?;
            let replay = Rig::new(Arc::new(prepared)).map_err(|e| e.to_string())?.replay(program);
            let cause = match replay.verdict {
                Verdict::Violation(_) => cause_of(&description, engines, program).map_err(|e| e.to_string())?,
                Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
            };
            return Ok((replay, cause));
        };
        let source = Source::new(spec.clone());
        let pool = Pool::new(source.clone(), engines);
        let replay = Replayer::new(&pool, variant.clone()).try_replay(program).map_err(|e| e.to_string())?;
        let cause = match replay.verdict {
            Verdict::Violation(_) => {
                metamorphic::cause_of(&source, engines, program, variant).map_err(|e| e.to_string())?
            }
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
        };
        Ok((replay, cause))
    }
}
