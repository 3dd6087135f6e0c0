//! Planted faults: named, documented edits of a runtime's text, which say what the harness's silence is worth.
//!
//! A fault is data, so that users can plant their own. Its edit must match exactly once, white space included: an edit that
//! matches nowhere would test nothing, and one that matches twice would be two faults.
//!
//! Ours are in `harness/faults/<runtime>/*.toml`, one file a part of the collector ([`mod@file`] has the format).

pub mod file;

use super::Runtime;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use thiserror::Error;

pub use file::{FaultFileError, load, load_all};

/// A planted fault: one edit of [`Runtime::fields`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fault {
    /// A stable name in kebab case.
    pub name: String,
    /// What it does wrong, in one line.
    pub cause: String,
    /// The issue of the collector's history that it descends from, such as `#348`.
    pub issue: Option<String>,
    /// The kind of the promise that is expected to be seen broken first ([`crate::judge::Kind::name`]).
    pub breaks: Option<String>,
    /// Why nothing that is promised depends on the edit, if so.
    pub equivalent: Option<String>,
    /// Parameters of the runtime that it is tried with, as `key=value,...`; none: its own.
    pub parameters: Option<String>,
    /// The text that is replaced.
    pub find: String,
    /// What it is replaced by.
    pub replace: String,
    /// The file that it was read from; none: it is one of ours.
    pub origin: Option<PathBuf>,
}

impl Fault {
    /// The text of the runtime that it is tried on: this one, with its own parameters.
    #[must_use]
    pub fn on(&self, runtime: &str) -> String {
        match &self.parameters {
            None => runtime.to_owned(),
            Some(parameters) => format!("{runtime}{}{parameters}", if runtime.contains('?') { ',' } else { '?' }),
        }
    }

    /// A fault of which no more is known than its edit.
    #[must_use]
    pub fn new(name: &str, cause: &str, find: &str, replace: &str) -> Self {
        let [name, cause, find, replace] = [name, cause, find, replace].map(str::to_owned);
        Self { name, cause, find, replace, issue: None, breaks: None, equivalent: None, parameters: None, origin: None }
    }
}

/// The files of our faults: their runtime, their name, their text.
const FILES: [(&str, &str, &str); 18] = [
    ("fixed", "allocation", include_str!("../../faults/fixed/allocation.toml")),
    ("fixed", "worklist", include_str!("../../faults/fixed/worklist.toml")),
    ("fixed", "collection", include_str!("../../faults/fixed/collection.toml")),
    ("fixed", "roots", include_str!("../../faults/fixed/roots.toml")),
    ("fixed", "reuse", include_str!("../../faults/fixed/reuse.toml")),
    ("fixed", "growth", include_str!("../../faults/fixed/growth.toml")),
    ("fixed", "limit", include_str!("../../faults/fixed/limit.toml")),
    ("fixed", "metadata", include_str!("../../faults/fixed/metadata.toml")),
    ("fixed", "mark", include_str!("../../faults/fixed/mark.toml")),
    ("fixed", "sweep", include_str!("../../faults/fixed/sweep.toml")),
    ("fixed", "cost", include_str!("../../faults/fixed/cost.toml")),
    ("fixed", "equivalent", include_str!("../../faults/fixed/equivalent.toml")),
    ("fixed-split", "split", include_str!("../../faults/fixed-split/split.toml")),
    ("fixed-split", "merge", include_str!("../../faults/fixed-split/merge.toml")),
    ("fixed-split", "bitmap", include_str!("../../faults/fixed-split/bitmap.toml")),
    ("fixed-split", "equivalent", include_str!("../../faults/fixed-split/equivalent.toml")),
    ("vera@0.1.9+wrap", "release", include_str!("../../faults/vera@0.1.9+wrap/release.toml")),
    ("vera@0.1.9+wrap", "register", include_str!("../../faults/vera@0.1.9+wrap/register.toml")),
];

static PLANTED: LazyLock<Vec<(String, Arc<Fault>)>> = LazyLock::new(|| {
    let of = |(runtime, name, text): (&'static str, &str, &str)| {
        let faults = file::parse(text).unwrap_or_else(|e| panic!("{runtime}/{name}.toml: {e}"));
        faults.into_iter().map(move |fault| (fault.on(runtime), Arc::new(fault)))
    };
    FILES.into_iter().flat_map(of).collect()
});

/// All our edits, each with the runtime that it is tried on ([`Fault::on`]): those that are equivalent, too.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Arc<Fault>)> {
    PLANTED.iter().map(|(runtime, fault)| (runtime.as_str(), fault))
}

/// The faults that are tried on a runtime: on one with parameters those that need them, whatever parameters it is given otherwise.
#[must_use]
pub fn planted(runtime: &str) -> Vec<Arc<Fault>> {
    all()
        .filter(|(on, fault)| *on == runtime && fault.equivalent.is_none())
        .map(|(_, fault)| Arc::clone(fault))
        .collect()
}

/// The edits for a runtime after which nothing that is promised is different.
#[must_use]
pub fn equivalent(runtime: &str) -> Vec<Arc<Fault>> {
    all()
        .filter(|(on, fault)| *on == runtime && fault.equivalent.is_some())
        .map(|(_, fault)| Arc::clone(fault))
        .collect()
}

/// A fault that cannot be planted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    /// The text to find is not there exactly once.
    #[error(
        "expected the edit of fault `{fault}` to match `{runtime}` exactly once, found {found} matches of {find:?}; copy the text with \
         its white space from `heapsmith`'s listing of the runtime, and as much of it as makes it unique"
    )]
    NotOnce {
        /// The fault's name.
        fault: String,
        /// The runtime's name.
        runtime: String,
        /// How often it matched.
        found: usize,
        /// What was looked for.
        find: String,
    },
    /// The edit changes nothing.
    #[error("expected fault `{fault}` to change something, found the same text on both sides; edit its replacement")]
    NoChange {
        /// The fault's name.
        fault: String,
    },
}

/// Our edit of this name, a fault or an equivalent.
#[must_use]
pub fn by_name(name: &str) -> Option<Arc<Fault>> {
    all().find(|(_, fault)| fault.name == name).map(|(_, fault)| Arc::clone(fault))
}

/// The names of all our edits.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(_, fault)| fault.name.as_str())
}

/// The runtime with the fault in it; its description stays, because what must be true does not change.
///
/// Whether the edited text still assembles is not checked here.
///
/// # Errors
/// The edit does not match exactly once, or changes nothing.
pub fn apply(runtime: &Runtime, fault: &Fault) -> Result<Runtime, FaultError> {
    if fault.find == fault.replace {
        return Err(FaultError::NoChange { fault: fault.name.clone() });
    }
    let found = occurrences(&runtime.fields, &fault.find);
    if found != 1 {
        return Err(FaultError::NotOnce {
            fault: fault.name.clone(),
            runtime: runtime.description.name.clone(),
            found,
            find: fault.find.clone(),
        });
    }
    let fields = runtime.fields.replacen(&fault.find, &fault.replace, 1);
    Ok(Runtime { description: runtime.description.clone(), fields })
}

/// How often `find` occurs in `text`, overlapping occurrences included. An empty `find` occurs everywhere.
fn occurrences(text: &str, find: &str) -> usize {
    if find.is_empty() {
        return text.chars().count();
    }
    let (mut found, mut rest) = (0, text);
    while let Some(at) = rest.find(find) {
        found += 1;
        let mut after = rest[at..].chars();
        after.next();
        rest = after.as_str();
    }
    found
}

#[cfg(test)]
mod tests;
