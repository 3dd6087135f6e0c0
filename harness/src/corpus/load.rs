//! The files of a corpus: which there are, and what stands in them.

use heapsmith_generators::{Program, parse};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The extension of cases.
pub const EXTENSION: &str = "heapsmith";
/// The file of a finding's folder that is the case; the others beside it are not.
pub const REDUCED: &str = "reduced.heapsmith";
/// A file that is larger is none of ours.
const MAX_BYTES: u64 = 64 << 20;

/// A file or a folder that cannot be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Unreadable {
    /// Where it is.
    pub path: PathBuf,
    /// What was expected and what was found, with the line where there is one.
    pub reason: String,
}

/// Which files of a folder are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Cases: `*.heapsmith`.
    Cases,
    /// Cases, and files without an extension, as a fuzzer names its inputs.
    Inputs,
}

/// The files below a folder, in sorted order, folder by folder. In the folder of a finding that is the reduced case alone. Links to
/// folders are not followed, and what is hidden is nobody's input. Names of one folder at a time, and of those that lead to it, are in memory.
#[derive(Debug)]
pub struct Walk {
    which: Which,
    open: Vec<std::vec::IntoIter<PathBuf>>,
    problem: Option<Unreadable>,
}

impl Walk {
    /// Begins at a folder.
    #[must_use]
    pub fn new(folder: &Path, which: Which) -> Self {
        let mut walk = Self { which, open: Vec::new(), problem: None };
        walk.enter(folder);
        walk
    }

    fn enter(&mut self, folder: &Path) {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries: Vec<PathBuf> = match listed {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(e) => {
                let reason = format!("expected a folder that can be listed, found: {e}");
                self.problem = Some(Unreadable { path: folder.to_owned(), reason });
                return;
            }
        };
        entries.sort();
        let reduced = |path: &Path| path.file_name().is_some_and(|name| name == REDUCED);
        if entries.iter().any(|path| reduced(path) && path.is_file()) {
            entries.retain(|path| path.is_dir() || reduced(path));
        }
        self.open.push(entries.into_iter());
    }

    fn wanted(&self, path: &Path) -> bool {
        match (path.extension(), self.which) {
            (Some(extension), _) => extension == EXTENSION,
            (None, which) => which == Which::Inputs,
        }
    }
}

impl Iterator for Walk {
    type Item = Result<PathBuf, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(problem) = self.problem.take() {
                return Some(Err(problem));
            }
            let Some(path) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
                continue;
            }
            // A link to a folder may lead back up.
            if path.is_dir() {
                if !path.is_symlink() {
                    self.enter(&path);
                }
            } else if self.wanted(&path) {
                // Whoever opens a pipe may wait for ever.
                if path.exists() && !path.is_file() {
                    let reason = "expected a file, found a pipe, a socket or a device".to_owned();
                    return Some(Err(Unreadable { path, reason }));
                }
                return Some(Ok(path));
            }
        }
    }
}

/// The program of a file, and the bytes of its text.
///
/// # Errors
/// Why there is none; of a text with the line.
pub fn read_program(path: &Path) -> Result<(Program, String), String> {
    let text = match (read_text(path, CASE), is_no_case(path)) {
        (Ok(text), None) => text,
        (Err(problem), None) => return Err(problem),
        (Ok(text), Some(_)) if parse(&text).is_ok() => text,
        (Err(problem), Some(_)) if !path.is_file() => return Err(problem),
        (Ok(_) | Err(_), Some(found)) => return Err(found),
    };
    let program = parse(&text).map_err(|e| e.to_string())?;
    Ok((program, text))
}

/// What a file is instead of a case by its name, and what to do with it.
fn is_no_case(path: &Path) -> Option<String> {
    let is = |end: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    let (shown, manifest) = (path.display(), path.with_extension("toml"));
    if is("toml") {
        return Some(format!(
            "expected a case (*.{EXTENSION}), found a manifest, or another file in TOML; a collector is hunted in with `heapsmith hunt --runtime \
             {shown}`, and a case is run on it with `heapsmith run CASE.{EXTENSION} --runtime {shown}`"
        ));
    }
    (is("wasm") || is("wat")).then(|| {
        format!(
            "expected a case (*.{EXTENSION}), found a module; have a manifest proposed with `heapsmith adopt {shown} --out {0}`, and hunt in it with \
             `heapsmith hunt --runtime {0}`",
            manifest.display()
        )
    })
}

/// What a file of a program is called in messages.
pub const CASE: &str = "case";

/// The text of a file that is to be a `what`, as [`read_bytes`].
///
/// # Errors
/// What was expected, and what was found.
pub fn read_text(path: &Path, what: &str) -> Result<String, String> {
    String::from_utf8(read_bytes(path, what)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let (before, byte) = (&e.as_bytes()[..at], e.as_bytes()[at]);
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        format!("line {line}: expected UTF-8 text, found byte {byte:#04x} at offset {at}")
    })
}

/// The bytes of a file that is to be a `what`, at most 64 MiB, so that a file without an end has one.
///
/// # Errors
/// What was expected, and what was found.
pub fn read_bytes(path: &Path, what: &str) -> Result<Vec<u8>, String> {
    if path.is_dir() {
        return Err("expected a file, found a folder".to_owned());
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|e| {
        if e.kind() == ErrorKind::NotFound {
            "expected a file, found nothing there".to_owned()
        } else {
            format!("expected a file that can be read, found: {e}")
        }
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("expected a {what} of at most {MAX_BYTES} bytes, found more"));
    }
    Ok(bytes)
}
