//! What a folder reaches, by how many files, and what it does not.

use super::CorpusError;
use super::load::Unreadable;
use super::minimize::{OnUnreadable, Size, duplicates, readable};
use super::probe::{Goal, Probed, Prober, Progress};
use crate::coverage::{Family, Feature};
use heapsmith_generators::{Machine, Op};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// What there is to say of a corpus.
#[derive(Debug)]
pub struct Stats {
    /// How large it is.
    pub size: Size,
    /// Files that reach each goal.
    pub goals: BTreeMap<Goal, usize>,
    /// Edges of the collector: reached, and how many there are; none where the first engine does not count them.
    pub edges: Option<(usize, usize)>,
    /// Functions of the collector with an edge that no file takes: name, numbers of those edges.
    pub edges_missing: BTreeMap<&'static str, Vec<u32>>,
    /// Ops that no file has, or has with an effect, as far as the runtime gives them one.
    pub ops_missing: Vec<&'static str>,
    /// Shapes of graphs, likewise.
    pub graphs_missing: Vec<&'static str>,
    /// Paths of allocations, trap rules, and so on, that the runtime has and no file reaches.
    pub others_missing: Vec<String>,
    /// Boundary classes: reached, and how many there are.
    pub boundaries: (usize, usize),
    /// Those that no file reaches.
    pub boundaries_missing: Vec<Feature>,
    /// Files that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Files whose program an earlier file has, too.
    pub duplicates: usize,
    /// Files that reach something that no other file does.
    pub alone: usize,
    /// Files on which harness and engines contradict each other.
    pub untrusted: Vec<PathBuf>,
}

/// Runs a folder and says what it reaches. Files that cannot be read are told, not run.
///
/// # Errors
/// When there is no file to run, or it is asked to stop.
pub fn stats(folder: &Path, (prober, jobs): (&Prober, usize), progress: &Progress) -> Result<Stats, CorpusError> {
    let (files, unreadable) = readable(folder, prober, OnUnreadable::Skip, progress)?;
    progress.total.store(files.len() as u64, Ordering::Relaxed);
    let (probed, statistics) = prober.run(&files, jobs, progress)?;
    let probed =
        probed.into_iter().collect::<Result<Vec<Probed>, _>>().map_err(|u| CorpusError::Unreadable(vec![u]))?;
    let mut goals: BTreeMap<Goal, usize> = BTreeMap::new();
    let mut size = Size::default();
    for p in &probed {
        size.add(p.ops, p.bytes);
        for goal in p.reach.goals() {
            *goals.entry(goal).or_default() += 1;
        }
    }
    size.reaches(goals.keys());
    let refused = |reason| CorpusError::Unreadable(vec![Unreadable { path: folder.to_owned(), reason }]);
    let description = prober.spec().resolve(Machine::default()).map_err(|e| refused(e.to_string()))?;
    let taken: BTreeSet<(&str, u32)> = goals.keys().filter_map(edge).collect();
    let known = prober.edges().map_err(refused)?;
    let mut edges_missing: BTreeMap<&'static str, Vec<u32>> = BTreeMap::new();
    for (function, count) in known.iter().flat_map(|edges| edges.functions()) {
        let missing: Vec<u32> = (0..count).filter(|&number| !taken.contains(&(function, number))).collect();
        if !missing.is_empty() {
            edges_missing.insert(function, missing);
        }
    }
    let unreached = statistics.unreached(&description);
    let missing = |graphs: bool| {
        let tags = Op::TAGS.into_iter().filter(|tag| is_graph(tag) == graphs);
        tags.filter(|tag| unreached.iter().any(|what| what.strip_prefix("op ") == Some(tag))).collect::<Vec<_>>()
    };
    let (ops_missing, graphs_missing) = (missing(false), missing(true));
    let others_missing = unreached.iter().filter(|what| !what.starts_with("op ")).cloned().collect();
    let classes: Vec<Feature> = Feature::of(Family::End).collect();
    let boundaries_missing: Vec<Feature> =
        classes.iter().copied().filter(|class| !goals.contains_key(&Goal::Feature(*class))).collect();
    Ok(Stats {
        size,
        edges: known.map(|edges| (taken.len(), edges.len())),
        edges_missing,
        ops_missing,
        graphs_missing,
        others_missing,
        boundaries: (classes.len() - boundaries_missing.len(), classes.len()),
        boundaries_missing,
        unreadable,
        duplicates: duplicates(&probed),
        alone: probed.iter().filter(|p| p.reach.goals().any(|goal| goals.get(&goal) == Some(&1))).count(),
        untrusted: probed.iter().filter(|p| p.reach.verdict == "untrusted").map(|p| p.path.clone()).collect(),
        goals,
    })
}

fn edge(goal: &Goal) -> Option<(&'static str, u32)> {
    match goal {
        Goal::Feature(feature) => feature.edge(),
        Goal::Op(_) | Goal::Verdict(_) => None,
    }
}

/// Whether a tag is that of a graph's shape.
fn is_graph(tag: &str) -> bool {
    ["chain", "cycle", "wide", "duplicates", "tree", "grid", "comb", "random"].contains(&tag)
}
