//! Files of faults, in TOML: a list of tables `fault`.
//!
//! ```toml
//! [[fault]]
//! name = "drop-field-push"          # kebab case, unique in its runtime
//! cause = "a field's pointer that does not fit into the worklist is dropped"   # one line
//! issue = "#348"                    # optional: what it descends from
//! breaks = "silent-free"            # optional: the kind of the promise that most programs see broken first
//! equivalent = "..."                # optional: why nothing that is promised depends on it; then it must never be seen
//! parameters = "address_limit=200000"     # optional: of the runtime, where its own leave what it breaks out of reach
//! find = "unreachable ;; a field's pointer does not fit"    # must match the runtime's text exactly once
//! replace = "br $next ;; a field's pointer does not fit"
//! ```
//!
//! `heapsmith runtimes NAME --wat` prints the text that `find` must match, white space included. Strings in three single quotes are
//! taken as they are; a line break right after the first three is not part of them.

use super::Fault;
use crate::judge::Kind;
use crate::runtime::{names, parse_spec};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    cause: String,
    issue: Option<String>,
    breaks: Option<String>,
    equivalent: Option<String>,
    parameters: Option<String>,
    find: String,
    replace: String,
}

/// A file of faults that cannot be used.
#[derive(Debug, Error)]
pub enum FaultFileError {
    /// It is no TOML of this form; the message points into it.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// An entry says something that cannot be.
    #[error("fault `{fault}`: {problem}")]
    Entry {
        /// The fault's name.
        fault: String,
        /// What was expected, and found.
        problem: String,
    },
    /// There is no fault in it.
    #[error("expected at least one table `[[fault]]`, found none")]
    Empty,
    /// There is no fault of this name in it.
    #[error("expected one of its faults ({known}), found `{found}`")]
    Unknown {
        /// What was asked for.
        found: String,
        /// Names that there are.
        known: String,
    },
    /// It, or a folder, cannot be read.
    #[error("expected a file of faults, or a folder of `RUNTIME/*.toml`, that can be read: {0}")]
    Read(#[from] std::io::Error),
    /// Something in a folder of faults that would be passed over.
    #[error("expected faults as `RUNTIME/*.toml` below the folder, found {0}; move it")]
    Misplaced(&'static str),
    /// In a file of a folder.
    #[error("{}: {error}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<Self>,
    },
}

/// Reads the text of a file of faults.
///
/// # Errors
/// It is not of the form above, a name is not in kebab case or given twice, or there is no fault.
pub fn parse(text: &str) -> Result<Vec<Fault>, FaultFileError> {
    let file: File = toml::from_str(text)?;
    let mut names = BTreeSet::new();
    let faults: Vec<Fault> = file.fault.into_iter().map(check).collect::<Result<_, _>>()?;
    for fault in &faults {
        if !names.insert(fault.name.as_str()) {
            return Err(twice(&fault.name));
        }
    }
    if faults.is_empty() { Err(FaultFileError::Empty) } else { Ok(faults) }
}

fn check(entry: Entry) -> Result<Fault, FaultFileError> {
    let Entry { name, cause, issue, breaks, equivalent, parameters, find, replace } = entry;
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let problem = if name.is_empty() || !name.chars().all(kebab) {
        Some(format!("expected a name in kebab case (a to z, 0 to 9, `-`), found {name:?}"))
    } else if cause.trim().is_empty() || cause.contains('\n') {
        Some(format!("expected a cause of one line, found {cause:?}"))
    } else if let Some(kind) = breaks.as_deref().filter(|kind| !Kind::names().any(|known| known == *kind)) {
        let known: Vec<&str> = Kind::names().collect();
        Some(format!("expected a kind of violation for `breaks` ({}), found `{kind}`", known.join(", ")))
    } else if breaks.is_some() && equivalent.is_some() {
        Some("expected `breaks` or `equivalent`, found both; an equivalent edit breaks nothing".to_owned())
    } else {
        let wrong = parameters.as_deref().filter(|text| !are_parameters(text));
        wrong.map(|text| {
            format!(
                "expected `parameters` as `key=value,...`, such as `address_limit=200000`, and no edit, found `{text}`"
            )
        })
    };
    match problem {
        Some(problem) => Err(FaultFileError::Entry { fault: name, problem }),
        None => Ok(Fault { name, cause, issue, breaks, equivalent, parameters, find, replace, origin: None }),
    }
}

/// Whether a built-in takes these parameters, and nothing is edited by them.
fn are_parameters(text: &str) -> bool {
    let takes = |name: &&&str| parse_spec(&format!("{name}?{text}")).is_ok_and(|spec| spec.edit.is_none());
    !text.trim().is_empty() && names().iter().find(takes).is_some()
}

/// Reads the faults of one file.
///
/// # Errors
/// As [`parse`], and a file that cannot be read.
pub fn load(path: &Path) -> Result<Vec<Arc<Fault>>, FaultFileError> {
    let inside = |error| FaultFileError::In { path: path.to_owned(), error: Box::new(error) };
    let text = read(path).map_err(|e| inside(e.into()))?;
    let faults = parse(&text).map_err(inside)?;
    Ok(faults.into_iter().map(|fault| Arc::new(Fault { origin: Some(path.to_owned()), ..fault })).collect())
}

/// Bytes of a file of faults at most, so that a file without an end has one.
const MAX_BYTES: u64 = 1 << 24;

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    if text.len() as u64 == MAX_BYTES { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Reads the one fault of this name in a file.
///
/// # Errors
/// As [`load`], and a name that is not in it.
pub(crate) fn load_one(path: &Path, name: &str) -> Result<Arc<Fault>, FaultFileError> {
    let faults = load(path)?;
    match faults.iter().find(|fault| fault.name == name) {
        Some(fault) => Ok(Arc::clone(fault)),
        None => {
            let known: Vec<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
            let error = FaultFileError::Unknown { found: name.to_owned(), known: known.join(", ") };
            Err(FaultFileError::In { path: path.to_owned(), error: Box::new(error) })
        }
    }
}

/// Reads the faults of a folder: each `RUNTIME/*.toml` in it, in the order of names, each fault with the runtime that it is tried on.
///
/// # Errors
/// As [`load`] for the first file that is wrong; a folder without a fault; files that would be passed over, and names given twice for one runtime.
pub fn load_all(folder: &Path) -> Result<Vec<(String, Arc<Fault>)>, FaultFileError> {
    let inside = |path: &Path, error| FaultFileError::In { path: path.to_owned(), error: Box::new(error) };
    let sorted = |path: &Path| -> Result<Vec<PathBuf>, FaultFileError> {
        let entries = std::fs::read_dir(path).map_err(|e| inside(path, e.into()))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
        paths.sort();
        Ok(paths)
    };
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|e| e == "toml");
    let mut faults: Vec<(String, Arc<Fault>)> = Vec::new();
    for runtime in sorted(folder)? {
        if !runtime.is_dir() {
            if is_toml(&runtime) {
                return Err(inside(&runtime, FaultFileError::Misplaced("a file in the folder itself")));
            }
            continue;
        }
        let files: Vec<PathBuf> = sorted(&runtime)?.into_iter().filter(is_toml).collect();
        let Some(name) = runtime.file_name().and_then(|name| name.to_str()) else {
            if files.is_empty() {
                continue;
            }
            return Err(inside(&runtime, FaultFileError::Misplaced("a folder whose name is no text")));
        };
        let first = faults.len();
        for path in files {
            for fault in load(&path)? {
                if faults[first..].iter().any(|(_, known)| known.name == fault.name) {
                    return Err(inside(&path, twice(&fault.name)));
                }
                faults.push((fault.on(name), fault));
            }
        }
    }
    if faults.is_empty() { Err(inside(folder, FaultFileError::Empty)) } else { Ok(faults) }
}

fn twice(name: &str) -> FaultFileError {
    let problem = "expected each name once, found it again; rename one of them".to_owned();
    FaultFileError::Entry { fault: name.to_owned(), problem }
}
