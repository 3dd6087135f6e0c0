//! The state of a run in a file, from which the run goes on: JSON, of one version, for one scope on one runtime.
//!
//! ```text
//! {
//!   "heapsmith_exhaust": 1,                 the version of this format
//!   "of": { ... },                          what the run is; a state of anything else is refused
//!   "done": [[0, 812], [815, 816]],         branches that are done: from, and up to but without
//!   "tally": { ... }                        what became of their programs
//! }
//! ```
//!
//! The file is replaced as a whole, by a rename. A file that is no such state is never replaced.

use super::tally::Tally;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The version of the format.
pub const VERSION: u32 = 1;

/// What a run is. Runs that agree in this enumerate the same programs in the same branches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of heapsmith.
    pub heapsmith: String,
    /// The runtime with what is pinned and planted in its name.
    pub runtime: String,
    /// Engines in order.
    pub engines: Vec<String>,
    /// [`super::Scope::ops`].
    pub ops: usize,
    /// [`super::Scope::objects`].
    pub objects: u8,
    /// Programs on all machines.
    pub programs: u64,
    /// Branches on all machines.
    pub branches: usize,
    /// A hash of machines and branches.
    pub digest: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    heapsmith_exhaust: u32,
    of: Identity,
    done: Vec<(usize, usize)>,
    tally: Tally,
}

/// A state that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not read.
    #[error("expected to read the state `{}`, found: {error}; name another file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Not written.
    #[error("expected to write the state `{}`, found: {error}; name another file", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No state.
    #[error(
        "expected a state of `heapsmith exhaust`, found that `{}` is something else ({found}); it is left as it is: name a file that does not exist yet",
        path.display()
    )]
    NotAState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Another version of the format.
    #[error("expected a state of version {VERSION} in `{}`, found version {found}; go on with the heapsmith that wrote it, or name another file", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// Another run.
    #[error(
        "expected the state of this run in `{}`, found another one's: {found}; ask for the same again, or name another file",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        found: String,
    },
}

/// Which branches are done, and what became of their programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) done: Vec<bool>,
    pub(super) tally: Tally,
}

impl Ledger {
    pub(super) fn new(branches: usize) -> Self {
        Self { done: vec![false; branches], tally: Tally::default() }
    }

    /// The ledger in a file; a new one if the file does not exist.
    ///
    /// # Errors
    /// When the file is there and is no state of this run.
    pub(super) fn load(path: &Path, of: &Identity) -> Result<Self, StateError> {
        let at = || path.to_owned();
        // A device or a pipe may never end.
        if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return Err(StateError::NotAState { path: at(), found: "it is no regular file".to_owned() });
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(of.branches)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(StateError::NotAState { path: at(), found: "it is no text".to_owned() });
            }
            Err(error) => return Err(StateError::Unreadable { path: at(), error }),
        };
        let not_a_state = |found: String| StateError::NotAState { path: path.to_owned(), found };
        let value: Value = serde_json::from_str(&text).map_err(|e| not_a_state(format!("no JSON: {e}")))?;
        let Some(version) = value.get("heapsmith_exhaust") else {
            return Err(not_a_state("it has no field `heapsmith_exhaust`".to_owned()));
        };
        if *version != VERSION {
            return Err(StateError::Version { path: at(), found: version.to_string() });
        }
        if let Some(found) = difference(of, value.get("of")) {
            return Err(StateError::Other { path: at(), found });
        }
        let file: File = serde_json::from_value(value).map_err(|e| not_a_state(e.to_string()))?;
        let mut ledger = Self { done: vec![false; of.branches], tally: file.tally };
        for (from, to) in file.done {
            match ledger.done.get_mut(from..to) {
                Some(done) => done.fill(true),
                None => return Err(not_a_state(format!("branches {from} to {to} of {}", of.branches))),
            }
        }
        let (checked, all) = (ledger.tally.checked(), ledger.done.iter().all(|&done| done));
        if checked > of.programs || all && checked != of.programs {
            return Err(not_a_state(format!("{checked} programs checked of {}", of.programs)));
        }
        Ok(ledger)
    }

    /// Replaces the file by this ledger.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is there still.
    pub(super) fn save(&self, path: &Path, of: &Identity) -> Result<(), StateError> {
        let file =
            File { heapsmith_exhaust: VERSION, of: of.clone(), done: ranges(&self.done), tally: self.tally.clone() };
        let write = || -> io::Result<()> {
            let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
            name.push(format!(".{}.tmp", std::process::id()));
            let beside = path.with_file_name(name);
            let mut out = fs::File::options().write(true).create_new(true).open(&beside)?;
            let written = serde_json::to_vec_pretty(&file)
                .map_err(io::Error::other)
                .and_then(|bytes| out.write_all(&bytes))
                .and_then(|()| out.sync_all())
                .and_then(|()| fs::rename(&beside, path));
            if written.is_err() {
                // What matters is the first error.
                let _ = fs::remove_file(&beside);
            }
            written
        };
        write().map_err(|error| StateError::Unwritable { path: path.to_owned(), error })
    }
}

/// What another run's identity has that this one's has not, field by field.
fn difference(of: &Identity, found: Option<&Value>) -> Option<String> {
    let Ok(Value::Object(wanted)) = serde_json::to_value(of) else { return None };
    let different: Vec<String> = wanted
        .iter()
        .filter_map(|(key, wanted)| {
            let found = found.and_then(|f| f.get(key));
            let text = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
            (found != Some(wanted)).then(|| format!("{key} is {text}, not {wanted}"))
        })
        .collect();
    (!different.is_empty()).then(|| different.join(", "))
}

/// The maximal ranges of true.
fn ranges(done: &[bool]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (i, _) in done.iter().enumerate().filter(|(_, done)| **done) {
        match ranges.last_mut() {
            Some(last) if last.1 == i => last.1 = i + 1,
            Some(_) | None => ranges.push((i, i + 1)),
        }
    }
    ranges
}
