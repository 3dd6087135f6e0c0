//! Mutants of a runtime, tried one by one.
//!
//! A mutant is *killed* by the first program that shows it, *invalid* if it is no module, and has *survived* otherwise. A survivor on which no declared
//! promise depends is an equivalent; it is one only if a file says so, with a reason, and it is tried all the same. Any other survivor counts as
//! alive, whether a file explains what it would take to see it or not.
//!
//! A manifest may name mutants of its own: modules with a mistake in each. They are tried in the same way, and each is expected to be killed.

use super::{Progress, Shown, Stream, Subject};
use crate::campaign::on_all;
use crate::engine::Engine;
use crate::metamorphic::{Pool, PoolError, Source, mix};
use crate::runtime::manifest::Manifest;
use crate::runtime::mutant::{Candidate, Mutant, MutantError, mutants};
use crate::runtime::{Edit, Runtime, Spec, builtin};
use heapsmith_generators::Machine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Fate {
    /// A program showed it.
    Killed {
        /// Which promise it broke first ([`crate::judge::Kind::full_name`]).
        kind: String,
        /// Number of that program, from 1.
        after: u64,
        /// Whether only a variant of the program showed it.
        by_variant: bool,
    },
    /// No program did.
    Survived {
        /// So many were tried.
        programs: u64,
        /// Nothing can be said of so many of them: an engine failed, engines disagree, or nothing could be decided.
        unknown: u64,
    },
    /// It is no valid module.
    Invalid {
        /// What the validator says.
        problem: String,
    },
}

/// A mutant and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The mutant.
    pub candidate: Candidate,
    /// What became of it.
    pub fate: Fate,
    /// What a file says of it, if anything.
    pub remark: Option<Remark>,
}

/// What a file says of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// No promise depends on it, for this reason.
    Equivalent(String),
    /// It breaks a promise that programs of a campaign are not expected to show: what it takes to see it.
    Survivor(String),
}

impl Tried {
    /// Why no promise depends on it, if a file says so.
    #[must_use]
    pub fn equivalent(&self) -> Option<&str> {
        match &self.remark {
            Some(Remark::Equivalent(reason)) => Some(reason),
            Some(Remark::Survivor(_)) | None => None,
        }
    }

    /// What it takes to see it, if a file says so.
    #[must_use]
    pub fn explanation(&self) -> Option<&str> {
        match &self.remark {
            Some(Remark::Survivor(reason)) => Some(reason),
            Some(Remark::Equivalent(_)) | None => None,
        }
    }

    /// Whether it survived though promises depend on it, for all that is known.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        matches!(self.fate, Fate::Survived { .. }) && self.equivalent().is_none()
    }

    /// Whether it was declared equivalent and shown not to be.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        matches!(self.fate, Fate::Killed { .. }) && self.equivalent().is_some()
    }

    /// Why nothing supports its declaration as an equivalent, in words; none where it is not declared so, or survived every program.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.equivalent()?;
        match &self.fate {
            Fate::Killed { kind, after, .. } => Some(format!("program {after} sees it break `{kind}`")),
            Fate::Survived { programs: 0, .. } => Some("no program was tried on it".to_owned()),
            Fate::Survived { programs, unknown: 1.. } => {
                Some(format!("nothing can be said of some of the {programs} programs that were tried on it"))
            }
            Fate::Survived { .. } => None,
            Fate::Invalid { .. } => Some("it is no valid module".to_owned()),
        }
    }
}

/// The mutants of a runtime, in the order of its code; with `sample`, so many of them, drawn by the seed.
///
/// # Errors
/// A runtime that cannot be made or decoded.
pub fn drawn(spec: &Spec, sample: Option<(usize, u64)>) -> Result<Vec<Candidate>, MutantsError> {
    let clean = Spec { edit: None, ..spec.clone() };
    let runtime = builtin(clean.resolve(Machine::default()).map_err(PoolError::from)?);
    let all = mutants(&runtime)?;
    let Some((count, seed)) = sample else { return Ok(all) };
    let mut drawn: Vec<usize> = (0..all.len()).collect();
    drawn.sort_by_key(|i| mix(seed, *i as u64));
    drawn.truncate(count);
    drawn.sort_unstable();
    Ok(drawn.into_iter().map(|i| all[i].clone()).collect())
}

/// Mutants that cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum MutantsError {
    /// The runtime cannot be made.
    #[error(transparent)]
    Runtime(#[from] PoolError),
    /// Or not be decoded.
    #[error(transparent)]
    Decode(#[from] MutantError),
}

/// Tries mutants on the programs of a stream, but for those whose fate is known from before; `done` is told each new fate as it is decided, in no
/// certain order. Those that were not begun when it was stopped are left out.
///
/// # Errors
/// The runtime cannot be made or decoded, or has no such place; then no further one is begun.
pub fn survey(
    stream: &Stream,
    candidates: &[Candidate],
    before: &BTreeMap<Mutant, Fate>,
    (engines, jobs): (&[Box<dyn Engine>], usize),
    progress: &Progress,
    done: impl FnMut(&Mutant, &Fate) + Send,
) -> Result<BTreeMap<Mutant, Fate>, MutantsError> {
    let clean = builtin(stream.spec.resolve(Machine::default()).map_err(PoolError::from)?);
    progress.of.fetch_add(candidates.len() as u64, Ordering::Relaxed);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(done));
    let failed = AtomicBool::new(false);
    let work = || -> Result<Vec<(Mutant, Fate)>, MutantError> {
        let mut fates = Vec::new();
        while let Some(candidate) = candidates.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mutant = &candidate.mutant;
            if progress.stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed) {
                break;
            }
            let known = before.get(mutant).cloned();
            let fate = known
                .map_or_else(|| fate(stream, &clean, mutant, engines).map(|fate| (fate, true)), |f| Ok((f, false)));
            let (fate, is_new) = fate.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            if is_new {
                done.lock().unwrap_or_else(PoisonError::into_inner)(mutant, &fate);
            }
            fates.push((mutant.clone(), fate));
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(fates)
    };
    let fates: Result<Vec<_>, MutantError> = on_all(jobs, work).into_iter().collect();
    Ok(fates?.into_iter().flatten().collect())
}

/// Tries one mutant.
fn fate(stream: &Stream, clean: &Runtime, mutant: &Mutant, engines: &[Box<dyn Engine>]) -> Result<Fate, MutantError> {
    match mutant.apply(clean) {
        Ok(_) => {}
        Err(MutantError::Invalid { problem, .. }) => return Ok(Fate::Invalid { problem }),
        Err(error @ (MutantError::Name { .. } | MutantError::NoSuch { .. } | MutantError::Undecodable { .. })) => {
            return Err(error);
        }
    }
    let spec = Spec { edit: Some(Edit::Mutant(mutant.clone())), ..stream.spec.clone() };
    Ok(tried(stream, spec, engines))
}

/// Runs the programs of a stream on another collector than its own until one shows it.
fn tried(stream: &Stream, spec: Spec, engines: &[Box<dyn Engine>]) -> Fate {
    let pool = Pool::new(Source::new(spec), engines);
    let mut subject = Subject::new(&pool, stream.seed, stream.ablation);
    let (mut programs, mut unknown) = (0, 0);
    for (index, program, _) in stream.programs() {
        programs += 1;
        match subject.run(index, &program) {
            Shown::Broken { kind, by_variant } => return Fate::Killed { kind, after: programs, by_variant },
            Shown::Unknown => unknown += 1,
            Shown::Nothing => {}
        }
    }
    Fate::Survived { programs, unknown }
}

/// A mutant that a manifest names, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The mutant.
    pub module: Arc<Manifest>,
    /// What became of it; it is never invalid, for then its manifest is.
    pub fate: Fate,
    /// Whether its module is the collector's own, byte for byte.
    pub is_original: bool,
}

impl Named {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.module.build.as_deref().unwrap_or_default()
    }

    /// Why it is not the mutant that its manifest says it is, in words; none if it was killed.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let Fate::Survived { programs, unknown } = self.fate else { return None };
        let (name, path) = (self.name(), self.module.module.display());
        let why = if self.is_original {
            "its module is the collector's own, byte for byte; build the mutant, or take it out".to_owned()
        } else if programs == 0 {
            "no program was tried on it: on the collector itself none keeps every promise".to_owned()
        } else {
            let unknown = if unknown == 0 { String::new() } else { format!(", {unknown} of them undecided") };
            format!("none of {programs} programs shows it{unknown}; try more with --programs, or take it out")
        };
        Some(format!("`{name}` ({path}) is named as a mutant, and was not seen to fail: {why}"))
    }
}

/// Tries the mutants that the manifest of a stream's runtime names, in their order; none of a built-in. Those that were not begun when it was stopped are
/// left out.
pub fn survey_named(stream: &Stream, (engines, jobs): (&[Box<dyn Engine>], usize), progress: &Progress) -> Vec<Named> {
    let Some(manifest) = &stream.spec.module else { return Vec::new() };
    progress.of.fetch_add(manifest.mutants.len() as u64, Ordering::Relaxed);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(module) = manifest.mutants.get(i).filter(|_| !progress.stop.load(Ordering::Relaxed)) else {
                return all;
            };
            let spec = Spec { module: Some(Arc::clone(module)), ..stream.spec.clone() };
            let is_original = module.module_bytes() == manifest.module_bytes();
            all.push((i, Named { module: Arc::clone(module), fate: tried(stream, spec, engines), is_original }));
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut all: Vec<(usize, Named)> = on_all(jobs, work).into_iter().flatten().collect();
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, named)| named).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    equivalent: Vec<Entry>,
    #[serde(default)]
    survivor: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    mutant: String,
    reason: String,
}

/// What is known of mutants of our runtimes.
const OURS: [(&str, &str); 1] = [("fixed", include_str!("../../mutants/fixed.toml"))];

/// What is known of the mutants of a runtime of ours.
///
/// # Panics
/// Never: the files are part of the program, and a test reads them.
#[must_use]
pub fn remarks(runtime: &str) -> BTreeMap<Mutant, Remark> {
    let text = OURS.iter().find(|(name, _)| *name == runtime).map_or("", |(_, text)| text);
    parse_remarks(text).expect("a test reads the files")
}

/// Reads a file of remarks: tables `[[equivalent]]` and `[[survivor]]`, each with `mutant` (its name) and `reason` (one line).
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_remarks(text: &str) -> Result<BTreeMap<Mutant, Remark>, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let equivalents = file.equivalent.into_iter().map(|entry| (entry.mutant, Remark::Equivalent(entry.reason)));
    let survivors = file.survivor.into_iter().map(|entry| (entry.mutant, Remark::Survivor(entry.reason)));
    let mut all = BTreeMap::new();
    for (name, remark) in equivalents.chain(survivors) {
        let mutant = Mutant::parse(&name).map_err(|e| e.to_string())?;
        let (reason, what) = match &remark {
            Remark::Equivalent(reason) => (reason, "why no promise depends on"),
            Remark::Survivor(reason) => (reason, "why programs do not show"),
        };
        if reason.trim().is_empty() {
            return Err(format!("expected a reason {what} `{name}`, found none"));
        }
        if all.insert(mutant, remark).is_some() {
            return Err(format!("expected each mutant once, found `{name}` again"));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
