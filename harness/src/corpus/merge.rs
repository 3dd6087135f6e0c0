//! Many folders into one small one, with the memory of the result.
//!
//! Files are run a batch at a time, in the order of the folders and then of names, and what is kept at any time is a cover of all that was
//! seen, no file of which can be spared: never more files than there are goals. Names of one folder at a time are in memory, and the
//! texts of one batch. At the end the files that are left are covered once more, as [`super::minimize()`] does, which may spare some.

use super::CorpusError;
use super::cover::{Growing, Offer, Set, cover};
use super::load::{Walk, Which};
use super::minimize::{Numbers, OnUnreadable, Size, Summary, write};
use super::probe::{Probed, Prober, Progress, Stopped};
use super::write::Pick;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Files that are run at once, for each worker.
const BATCH: usize = 32;

/// What is remembered of a member.
struct Member {
    pick: Pick,
    verdict: String,
    program: u64,
}

/// Writes the smallest part of many folders that reaches every goal of them to `out`.
///
/// # Errors
/// See [`CorpusError`]; nothing was written.
pub fn merge(
    folders: &[PathBuf],
    out: &Path,
    (prober, jobs): (&Prober, usize),
    on: OnUnreadable,
    progress: &Progress,
) -> Result<Summary, CorpusError> {
    let mut merging = Merging::default();
    let mut problems = Vec::new();
    // All that is wrong is found before anything runs; names are read twice rather than kept.
    for folder in folders {
        let mut any = false;
        for file in Walk::new(folder, Which::Inputs) {
            if progress.stop.load(Ordering::Relaxed) {
                return Err(Stopped.into());
            }
            any = true;
            match file.and_then(|path| prober.check(&path)) {
                Ok(()) => {
                    progress.total.fetch_add(1, Ordering::Relaxed);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !any {
            return Err(CorpusError::Empty(folder.clone()));
        }
    }
    if !problems.is_empty() && on == OnUnreadable::Refuse {
        return Err(CorpusError::Unreadable(problems));
    }
    let left_out: BTreeSet<&Path> = problems.iter().map(|problem| problem.path.as_path()).collect();
    for folder in folders {
        let mut files = Walk::new(folder, Which::Inputs).filter_map(Result::ok).filter(|f| !left_out.contains(&**f));
        loop {
            let batch: Vec<PathBuf> = files.by_ref().take(BATCH * jobs.max(1)).collect();
            if batch.is_empty() {
                break;
            }
            for probed in prober.run(&batch, jobs, progress)?.0 {
                merging.add(folder, probed.map_err(|u| CorpusError::Unreadable(vec![u]))?);
            }
        }
    }
    let (mut summary, picks) = merging.finish();
    if picks.is_empty() {
        return Err(CorpusError::Empty(folders.first().cloned().unwrap_or_default()));
    }
    write(out, &picks, &merging.numbers, (prober, jobs), progress)?;
    summary.unreadable = problems;
    Ok(summary)
}

/// The cover so far. Keys are ops, bytes, and the number of the file.
#[derive(Default)]
struct Merging {
    numbers: Numbers,
    growing: Growing<(usize, usize, usize)>,
    members: HashMap<usize, Member>,
    before: Size,
    verdicts: BTreeMap<String, (usize, usize)>,
    duplicates: usize,
    untrusted: Vec<PathBuf>,
}

impl Merging {
    fn add(&mut self, folder: &Path, p: Probed) {
        let number = self.before.files;
        self.before.add(p.ops, p.bytes);
        self.verdicts.entry(p.reach.verdict.clone()).or_default().0 += 1;
        self.duplicates += usize::from(self.members.values().any(|member| member.program == p.program));
        if p.reach.verdict == "untrusted" {
            self.untrusted.push(p.path.clone());
        }
        let elements = self.numbers.of(p.reach.goals());
        match self.growing.offer(Set { key: (p.ops, p.bytes, number), elements }) {
            Offer::Spared => {}
            Offer::Kept { .. } => {
                let name = p.path.strip_prefix(folder).unwrap_or(&p.path).to_owned();
                let pick = Pick { name, from: p.path, hash: p.hash };
                self.members.insert(number, Member { pick, verdict: p.reach.verdict, program: p.program });
                let kept: BTreeSet<usize> = self.growing.members().iter().map(|set| set.key.2).collect();
                self.members.retain(|number, _| kept.contains(number));
            }
        }
    }

    /// What is kept in the end, in the order of the files.
    fn finish(&mut self) -> (Summary, Vec<Pick>) {
        let sets = std::mem::take(&mut self.growing).into_members();
        let mut keys: Vec<(usize, usize, usize)> = cover(&sets).into_iter().map(|at| sets[at].key).collect();
        keys.sort_unstable_by_key(|key| key.2);
        let (mut after, mut picks) = (Size::default(), Vec::new());
        let mut names = BTreeSet::new();
        for (ops, bytes, number) in keys {
            let Some(member) = self.members.remove(&number) else { continue };
            after.add(ops, bytes);
            self.verdicts.entry(member.verdict).or_default().1 += 1;
            let mut pick = member.pick;
            pick.name = told_apart(&pick, &names);
            names.insert(pick.name.clone());
            picks.push(pick);
        }
        let mut before = self.before;
        before.reaches(self.numbers.goals());
        after.reaches(self.numbers.goals());
        let summary = Summary {
            kept: names.into_iter().collect(),
            before,
            after,
            verdicts: std::mem::take(&mut self.verdicts),
            unreadable: Vec::new(),
            duplicates: self.duplicates,
            untrusted: std::mem::take(&mut self.untrusted),
            aside: None,
        };
        (summary, picks)
    }
}

/// A name that goes with these. Folders of different machines may have the same name for different files, and one may have a file where another has a
/// folder: then the hash of the text is in the name, and a number where that is taken too.
fn told_apart(pick: &Pick, names: &BTreeSet<PathBuf>) -> PathBuf {
    let is_free = |name: &Path| {
        let is_folder = names.range(name.to_owned()..).next().is_some_and(|next| next.starts_with(name));
        !is_folder && !name.ancestors().any(|folder| names.contains(folder))
    };
    let (mut name, mut n) = (pick.name.clone(), 1);
    // The innermost folder that can be one; what is at its top has the empty name.
    let is_folder = |folder: &&Path| !folder.ancestors().any(|above| names.contains(above));
    let folder = pick.name.ancestors().skip(1).find(is_folder).unwrap_or(Path::new(""));
    while !is_free(&name) {
        let stem = pick.name.file_stem().unwrap_or_default().to_string_lossy();
        let extension = pick.name.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        name = folder.join(format!("{stem}-{:016x}{number}{extension}", pick.hash));
        n += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_twice_nor_both_a_file_and_a_folder() {
        let mut names = BTreeSet::new();
        let mut named = |name: &str, hash| {
            let name = told_apart(&Pick { name: name.into(), from: PathBuf::new(), hash }, &names);
            names.insert(name.clone());
            name.display().to_string()
        };
        for (name, hash, wanted) in [
            ("a.heapsmith", 1, "a.heapsmith"),
            ("a.heapsmith", 2, "a-0000000000000002.heapsmith"),
            ("a.heapsmith", 2, "a-0000000000000002-2.heapsmith"),
            ("a-0000000000000002.heapsmith", 3, "a-0000000000000002-0000000000000003.heapsmith"),
            ("x", 4, "x"),
            ("x/y/z", 5, "z-0000000000000005"),
            ("more/deep/z", 6, "more/deep/z"),
            ("more/deep/z", 7, "more/deep/z-0000000000000007"),
            ("more", 8, "more-0000000000000008"),
            ("more/deep", 9, "more/deep-0000000000000009"),
        ] {
            assert_eq!(named(name, hash), wanted, "{name}");
        }
    }
}
