//! From violations to distinct, reduced findings.

use super::corpus::{Job, Lineage};
use super::{Shared, disagreement, on_all, variants};
use crate::engine::Engine;
use crate::judge::{Kind, Phase, Violation};
use crate::metamorphic::Variant;
use crate::outcome::End;
use crate::reduce::{Cause, cause_of, reduce, reduce_machine};
use crate::report::finding_script;
use crate::trial::{Bucket, Replay, Rig};
use heapsmith_generators::Program;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Programs of one signature that are reduced: the first ones.
const KEPT: usize = 6;

/// What violations are told apart by before they are reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature {
    /// Which promise was found broken at the program's end.
    pub kind: Kind,
    /// Tag of the op it was blamed on.
    pub op: &'static str,
    /// Whose access trapped.
    pub trapped: Trapped,
    /// Whether it was found broken in a variant of the program.
    pub variant: bool,
}

/// Whose access trapped: an allocation that goes wrong shows in its own stores, or only in the next one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trapped {
    /// Nobody's.
    Nobody,
    /// The collector's: the op has seen nothing yet.
    Collector,
    /// The mutator's, on memory that it was given.
    Mutator,
}

impl Signature {
    /// The signature of the violation that the rig's last trial gave.
    pub(super) fn of(v: &Violation, program: &Program, rig: &Rig) -> Self {
        let op = program.ops.get(v.step as usize);
        let outcome = rig.outcome(0);
        let before = rig.model().expectation().log_at.get(v.step as usize).copied().unwrap_or(0);
        let trapped = match outcome.end {
            End::Finished | End::OutOfFuel => Trapped::Nobody,
            End::Trapped(_) if outcome.log.len() > before as usize => Trapped::Mutator,
            End::Trapped(_) => Trapped::Collector,
        };
        Self { kind: v.kind, op: op.map_or("end", |op| op.tag()), trapped, variant: false }
    }

    /// The signature of the violation that a variant of a program gave.
    pub(super) fn of_variant(v: &Violation, program: &Program) -> Self {
        let op = program.ops.get(v.step as usize).map_or("end", |op| op.tag());
        Self { kind: v.kind, op, trapped: Trapped::Nobody, variant: true }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trapped = match self.trapped {
            Trapped::Nobody => "",
            Trapped::Collector => " in the collector",
            Trapped::Mutator => " in a store",
        };
        let variant = if self.variant { " in a variant" } else { "" };
        write!(f, "{}.{}{trapped}{variant}", self.kind.full_name(), self.op)
    }
}

/// A distinct finding.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Index of the program that it was reduced from.
    pub index: u64,
    /// Programs that stand behind it: those that were reduced to it, and those whose violation looks like its first one.
    pub count: u64,
    /// That program.
    pub original: Program,
    /// Where it comes from, if the campaign did not draw it.
    pub lineage: Option<Lineage>,
    /// The smallest one.
    pub reduced: Program,
    /// The variant in whose run the promise is broken, if it is not in the program's own.
    pub variant: Option<Variant>,
    /// What the variant runs.
    pub variant_program: Option<Program>,
    /// Its replay.
    pub replay: Replay,
    /// Its bucket.
    pub bucket: Bucket,
    /// The rule whose correct form removes it.
    pub cause: Option<Cause>,
    /// A `.wast` script that fails as long as the bug lives (without its comment).
    pub script: String,
    /// What the standalone lowering of the reduced case did otherwise; none: it confirmed the finding on every engine.
    pub lowerings_disagree: Option<String>,
}

/// Violations by signature: how many, and the first few programs.
#[derive(Debug, Default)]
pub(super) struct RawFindings(BTreeMap<Signature, (u64, Vec<Job>)>);

impl RawFindings {
    pub(super) fn add(&mut self, signature: Signature, job: &Job) {
        let (count, first) = self.0.entry(signature).or_default();
        *count += 1;
        if first.len() < KEPT || first.last().is_some_and(|last| job.index < last.index) {
            keep_first(first, [job.clone()]);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (signature, (n, jobs)) in other.0 {
            let (count, first) = self.0.entry(signature).or_default();
            *count += n;
            keep_first(first, jobs);
        }
    }
}

fn keep_first(first: &mut Vec<Job>, more: impl IntoIterator<Item = Job>) {
    first.extend(more);
    first.sort_unstable_by_key(|job| job.index);
    first.truncate(KEPT);
}

/// What became of the violations.
#[derive(Debug, Default)]
pub(super) struct Reduced {
    /// Distinct findings, the commonest first.
    pub(super) findings: Vec<Finding>,
    /// Violations that stand behind none of them, by signature.
    pub(super) rest: BTreeMap<Signature, u64>,
    /// Programs whose replay shows no violation, and what they showed in the campaign.
    pub(super) unshown: BTreeMap<u64, Signature>,
}

/// Reduces the first programs of each signature, and joins what turns out to be the same finding.
pub(super) fn reduce_all(shared: &Shared<'_>, raw: RawFindings) -> Reduced {
    // The first program of every signature, the commonest signature first, before the second of any.
    let mut work: Vec<(usize, Reverse<u64>, &Job, Signature)> = Vec::new();
    for (signature, (count, jobs)) in &raw.0 {
        work.extend(jobs.iter().enumerate().map(|(nth, job)| (nth, Reverse(*count), job, *signature)));
    }
    work.sort_unstable_by_key(|&(nth, count, job, signature)| (nth, count, job.index, signature));
    // Reducing many kinds takes long; what is beyond is counted only.
    work.truncate(shared.settings.max_findings.saturating_mul(KEPT));
    shared.progress.to_reduce.store(work.len() as u64, Ordering::Relaxed);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Signature, Finding)>> = Mutex::new(Vec::new());
    let unshown: Mutex<BTreeMap<u64, Signature>> = Mutex::default();
    on_all(shared.settings.jobs, || {
        while let Some((position, &(_, _, job, signature))) = take(&work, &next) {
            // Asked to stop, only the commonest is reduced still, and not for long.
            if shared.progress.stop.load(Ordering::Relaxed) && position > 0 {
                continue;
            }
            let finding = if signature.variant {
                variants::reduce_variant(shared, job).ok().flatten()
            } else {
                reduce_one(shared, job)
            };
            shared.progress.reduced.fetch_add(1, Ordering::Relaxed);
            match finding {
                Some(finding) => {
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((position, signature, finding));
                }
                None => {
                    unshown.lock().unwrap_or_else(PoisonError::into_inner).insert(job.index, signature);
                }
            }
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unshown = unshown.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(position, ..)| *position);
    let (mut findings, rest) = join(done, &raw, shared.settings.max_findings);
    simplify_machines(shared, &mut findings);
    Reduced { findings, rest, unshown }
}

/// Simplifies the machine of each finding that is shown, unless somebody waits for the end.
fn simplify_machines(shared: &Shared<'_>, findings: &mut [Finding]) {
    let next = AtomicUsize::new(0);
    let simpler = on_all(shared.settings.jobs, || {
        let mut simpler = Vec::new();
        while !shared.progress.stop.load(Ordering::Relaxed)
            && let Some((position, finding)) = take(findings, &next)
        {
            simpler.extend(simplify_machine(shared, finding).map(|f| (position, f)));
        }
        simpler
    });
    for (position, finding) in simpler.into_iter().flatten() {
        findings[position] = finding;
    }
}

/// The next piece of work and its position.
fn take<'a, T>(work: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let position = next.fetch_add(1, Ordering::Relaxed);
    work.get(position).map(|w| (position, w))
}

/// One finding for each promise, phase and cause (or op, where no cause is known); each signature's count goes to the finding of its first program.
fn join(
    done: Vec<(usize, Signature, Finding)>,
    raw: &RawFindings,
    most: usize,
) -> (Vec<Finding>, BTreeMap<Signature, u64>) {
    let mut unreduced: BTreeMap<Signature, u64> = raw.0.iter().map(|(s, (n, _))| (*s, *n)).collect();
    let mut findings: Vec<Finding> = Vec::new();
    // Of each signature: reduced programs that are still to be looked at or had no place, each of which stands for itself.
    let mut alone: BTreeMap<Signature, u64> = BTreeMap::new();
    for (_, signature, _) in &done {
        *alone.entry(*signature).or_default() += 1;
    }
    let commonest = commonest(&done);
    let mut counted: BTreeSet<Signature> = BTreeSet::new();
    for (_, signature, mut finding) in done {
        let (Some(rest), Some(alone)) = (unreduced.get_mut(&signature), alone.get_mut(&signature)) else { continue };
        let known = findings.iter().position(|f| f.key() == finding.key());
        if known.is_none() && findings.len() >= most {
            continue;
        }
        *alone -= 1;
        // What most of a signature's reduced programs came to stands for those that were not reduced, too.
        let stands = commonest.get(&signature) == Some(&finding.key()) && counted.insert(signature);
        let count = if stands { *rest - *alone } else { 1 };
        *rest -= count;
        match known.map(|i| &mut findings[i]) {
            Some(known) => {
                known.count += count;
                // The smaller program is the better one, with the program that it comes from; one that needs no variant is better still.
                let better = (finding.variant.is_some(), finding.reduced.ops.len());
                if better < (known.variant.is_some(), known.reduced.ops.len()) {
                    finding.count = known.count;
                    *known = finding;
                }
            }
            None => {
                finding.count = count;
                findings.push(finding);
            }
        }
    }
    unreduced.retain(|_, n| *n > 0);
    findings.sort_by_key(|f| (Reverse(f.count), f.index));
    (findings, unreduced)
}

/// What tells findings apart.
type Key = (Kind, &'static str, Phase, Option<&'static str>);

impl Finding {
    /// Promise, op, phase and cause. With a cause known, the op that happened to show it tells nothing more.
    fn key(&self) -> Key {
        let op = if self.cause.is_none() { self.bucket.op } else { "" };
        (self.bucket.kind, op, self.bucket.phase, self.cause.map(|c| c.rule))
    }
}

/// What most reduced programs of each signature came to.
fn commonest(done: &[(usize, Signature, Finding)]) -> BTreeMap<Signature, Key> {
    let mut votes: BTreeMap<Signature, BTreeMap<Key, u64>> = BTreeMap::new();
    for (_, signature, finding) in done {
        *votes.entry(*signature).or_default().entry(finding.key()).or_default() += 1;
    }
    let most = |votes: BTreeMap<Key, u64>| votes.into_iter().max_by_key(|&(_, n)| n).map(|(key, _)| key);
    votes.into_iter().filter_map(|(signature, votes)| Some((signature, most(votes)?))).collect()
}

/// Reduces the ops of a program.
pub(super) fn reduce_one(shared: &Shared<'_>, job: &Job) -> Option<Finding> {
    let original = &job.program;
    let prepared = shared.compile(original.machine, &shared.settings.tracing_engines).ok()?;
    let mut rig = Rig::new(prepared).ok()?;
    let first = rig.replay(original);
    // The end of a program may show what no step shows; then the whole program is the finding.
    let reduced = reduce(&mut rig, original, first, &shared.progress.stop);
    describe(shared, &mut rig, job, reduced.program)
}

/// The same finding on the simplest machine that shows it with the same cause.
fn simplify_machine(shared: &Shared<'_>, finding: &Finding) -> Option<Finding> {
    // A variant is on a machine of its own.
    if finding.variant.is_some() {
        return None;
    }
    let rig = |machine| Rig::new(shared.compile(machine, &shared.settings.tracing_engines).ok()?).ok();
    let (mut rig, reduced) = reduce_machine(&finding.reduced, &shared.progress.stop, rig)?;
    let Finding { index, original: program, lineage, .. } = finding.clone();
    let simpler = describe(shared, &mut rig, &Job { index, program, lineage }, reduced.program)?;
    let same = simpler.key() == finding.key() && simpler.lowerings_disagree == finding.lowerings_disagree;
    same.then_some(Finding { count: finding.count, ..simpler })
}

/// What is said of a reduced program.
fn describe(shared: &Shared<'_>, rig: &mut Rig, job: &Job, reduced: Program) -> Option<Finding> {
    let finding = Finding::examine(rig, reduced, &shared.settings.engines)?;
    let Job { index, program: original, lineage } = job.clone();
    Some(Finding { index, original, lineage, ..finding })
}

impl Finding {
    /// The finding that a program is as it stands, on a rig whose engines trace; `engines` confirm it standalone and find its cause. None
    /// if its replay is no violation. Nobody counts it yet, and it is its own original.
    pub(crate) fn examine(rig: &mut Rig, program: Program, engines: &[Box<dyn Engine>]) -> Option<Self> {
        let replay = rig.replay(&program);
        let bucket = replay.bucket.clone()?;
        let script = finding_script(rig, &replay.verdict, "");
        rig.trial(&program);
        let lowerings_disagree = disagreement(engines, rig).unwrap_or_else(|e| Some(e.to_string()));
        let description = rig.prepared().runtime.description.clone();
        let cause = cause_of(&description, engines, &program).ok().flatten();
        let (index, count, original) = (0, 0, program.clone());
        Some(Self {
            index,
            count,
            original,
            lineage: None,
            reduced: program,
            variant: None,
            variant_program: None,
            replay,
            bucket,
            cause,
            script,
            lowerings_disagree,
        })
    }
}
