//! The smallest part of one folder that reaches as much as all of it.

use super::CorpusError;
use super::cover::{Set, cover};
use super::load::{REDUCED, Unreadable, Walk, Which};
use super::probe::{Goal, Probed, Prober, Progress};
use super::write::{Partial, Pick, set_aside};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// What is done with files that cannot be read, or that the runtime cannot have the machine of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnreadable {
    /// Nothing is done at all.
    Refuse,
    /// They are left out, and told. In place they stay where they are.
    Skip,
}

/// Where the result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// Into a folder that is not there yet, or is empty.
    Out(&'a Path),
    /// Files that can be spared are moved out of the folder.
    InPlace,
}

/// How large a corpus is, and what it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Size {
    /// Files.
    pub files: usize,
    /// Bytes of their texts.
    pub bytes: usize,
    /// Ops.
    pub ops: usize,
    /// Features.
    pub features: usize,
    /// Tags of ops and graphs that had an effect.
    pub tags: usize,
    /// Verdicts, violations by bucket.
    pub verdicts: usize,
}

impl Size {
    /// Adds a file; what it reaches is not counted.
    pub(super) fn add(&mut self, ops: usize, bytes: usize) {
        self.files += 1;
        self.ops += ops;
        self.bytes += bytes;
    }

    /// Counts what is reached.
    pub(super) fn reaches<'a>(&mut self, goals: impl Iterator<Item = &'a Goal>) {
        for goal in goals {
            match goal {
                Goal::Feature(_) => self.features += 1,
                Goal::Op(_) => self.tags += 1,
                Goal::Verdict(_) => self.verdicts += 1,
            }
        }
    }
}

/// What became of a corpus.
#[derive(Debug)]
pub struct Summary {
    /// The files that are kept, by the names that they have now, in the order of names.
    pub kept: Vec<PathBuf>,
    /// Before.
    pub before: Size,
    /// After.
    pub after: Size,
    /// Files before and after, by verdict.
    pub verdicts: BTreeMap<String, (usize, usize)>,
    /// Files that were left out because they cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Files whose program another, earlier file has, too. Of a merge: that a file has that was kept when it came.
    pub duplicates: usize,
    /// Files on which harness and engines contradict each other.
    pub untrusted: Vec<PathBuf>,
    /// In place: where the other files are.
    pub aside: Option<PathBuf>,
}

/// Goals by number.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<Goal, u32>);

impl Numbers {
    /// The numbers of goals; new ones are the next.
    pub(super) fn of(&mut self, goals: impl Iterator<Item = Goal>) -> Vec<u32> {
        let number = |goal| {
            let next = self.0.len() as u32;
            *self.0.entry(goal).or_insert(next)
        };
        goals.map(number).collect()
    }

    /// All goals.
    pub(super) fn goals(&self) -> impl Iterator<Item = &Goal> {
        self.0.keys()
    }
}

/// Shorter programs first: fewer ops, then fewer bytes, then the name.
pub(super) type Key = (usize, usize, PathBuf);

/// Keeps the smallest part of a folder that reaches every goal of it.
///
/// # Errors
/// See [`CorpusError`]; the folder is as it was.
pub fn minimize(
    folder: &Path,
    place: Place<'_>,
    (prober, jobs): (&Prober, usize),
    unreadable: OnUnreadable,
    progress: &Progress,
) -> Result<Summary, CorpusError> {
    let (files, unreadable) = readable(folder, prober, unreadable, progress)?;
    if place == Place::InPlace {
        let is_finding = |path: &&PathBuf| path.file_name().is_some_and(|name| name == REDUCED);
        if let Some(finding) = files.iter().find(is_finding) {
            return Err(CorpusError::Finding(finding.clone()));
        }
        if let Some(link) = files.iter().find(|path| path.is_symlink()) {
            return Err(CorpusError::Link(link.clone()));
        }
    }
    progress.total.store(files.len() as u64, Ordering::Relaxed);
    let (probed, _) = prober.run(&files, jobs, progress)?;
    let probed =
        probed.into_iter().collect::<Result<Vec<Probed>, _>>().map_err(|u| CorpusError::Unreadable(vec![u]))?;
    let mut numbers = Numbers::default();
    let sets: Vec<Set<Key>> = probed
        .iter()
        .map(|p| Set { key: (p.ops, p.bytes, p.path.clone()), elements: numbers.of(p.reach.goals()) })
        .collect();
    let mut kept = cover(&sets);
    kept.sort_unstable();
    let mut summary = Summary {
        kept: Vec::new(),
        before: Size::default(),
        after: Size::default(),
        verdicts: BTreeMap::new(),
        unreadable,
        duplicates: duplicates(&probed),
        untrusted: probed.iter().filter(|p| p.reach.verdict == "untrusted").map(|p| p.path.clone()).collect(),
        aside: None,
    };
    let (mut picks, mut spared) = (Vec::new(), Vec::new());
    for (at, p) in probed.iter().enumerate() {
        let name = p.path.strip_prefix(folder).unwrap_or(&p.path).to_owned();
        let pick = Pick { name, from: p.path.clone(), hash: p.hash };
        let count = summary.verdicts.entry(p.reach.verdict.clone()).or_default();
        summary.before.add(p.ops, p.bytes);
        count.0 += 1;
        if kept.binary_search(&at).is_ok() {
            count.1 += 1;
            summary.after.add(p.ops, p.bytes);
            summary.kept.push(pick.name.clone());
            picks.push(pick);
        } else {
            spared.push(pick);
        }
    }
    summary.before.reaches(numbers.goals());
    summary.after.reaches(numbers.goals());
    match place {
        Place::Out(out) => write(out, &picks, &numbers, (prober, jobs), progress)?,
        Place::InPlace => {
            let chosen: Vec<PathBuf> = picks.iter().map(|pick| pick.from.clone()).collect();
            verify(&chosen, &numbers, (prober, jobs), progress)?;
            if !spared.is_empty() {
                summary.aside = Some(set_aside(folder, &spared)?);
            }
        }
    }
    Ok(summary)
}

/// The files of a folder that can be run, and the others.
pub(super) fn readable(
    folder: &Path,
    prober: &Prober,
    on: OnUnreadable,
    progress: &Progress,
) -> Result<(Vec<PathBuf>, Vec<Unreadable>), CorpusError> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for file in Walk::new(folder, Which::Inputs) {
        if progress.stop.load(Ordering::Relaxed) {
            return Err(super::probe::Stopped.into());
        }
        match file.and_then(|path| prober.check(&path).map(|()| path)) {
            Ok(path) => files.push(path),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() && on == OnUnreadable::Refuse {
        return Err(CorpusError::Unreadable(problems));
    }
    if files.is_empty() {
        return Err(CorpusError::Empty(folder.to_owned()));
    }
    Ok((files, problems))
}

/// Files whose program an earlier one has.
pub(super) fn duplicates(probed: &[Probed]) -> usize {
    probed.len() - probed.iter().map(|p| p.program).collect::<BTreeSet<_>>().len()
}

/// Writes a folder that must reach these goals.
pub(super) fn write(
    out: &Path,
    picks: &[Pick],
    numbers: &Numbers,
    runner: (&Prober, usize),
    progress: &Progress,
) -> Result<(), CorpusError> {
    let partial = Partial::begin(out)?;
    picks.iter().try_for_each(|pick| partial.add(pick))?;
    let written: Vec<PathBuf> = picks.iter().map(|pick| partial.folder().join(&pick.name)).collect();
    verify(&written, numbers, runner, progress)?;
    partial.finish()
}

/// Runs the chosen files once more, on instances made anew: they must reach these goals and no other.
fn verify(
    files: &[PathBuf],
    numbers: &Numbers,
    (prober, jobs): (&Prober, usize),
    progress: &Progress,
) -> Result<(), CorpusError> {
    progress.total.fetch_add(files.len() as u64, Ordering::Relaxed);
    prober.forget();
    let (probed, _) = prober.run(files, jobs, progress)?;
    let mut reached = BTreeSet::new();
    for p in probed {
        reached.extend(p.map_err(|u| CorpusError::Unreadable(vec![u]))?.reach.goals());
    }
    let expected: BTreeSet<Goal> = numbers.goals().cloned().collect();
    if reached == expected {
        return Ok(());
    }
    Err(CorpusError::Different {
        missing: expected.difference(&reached).cloned().collect(),
        new: reached.difference(&expected).cloned().collect(),
    })
}
