//! Folders that are there whole or not at all.
//!
//! Files are written into `.NAME.partial` beside the folder, which gets its name when all is written and was run again. A command that is
//! killed leaves that one behind, and never a half of what it was asked for.

use super::CorpusError;
use super::load::{CASE, read_text};
use super::probe::hash;
use std::fs;
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Its name below the folder.
    pub name: PathBuf,
    /// Where its text is.
    pub from: PathBuf,
    /// The text's hash when it was run.
    pub hash: u64,
}

/// A folder that is not finished; it goes when it is dropped.
#[derive(Debug)]
pub struct Partial {
    folder: PathBuf,
    out: PathBuf,
    finished: bool,
}

impl Partial {
    /// Begins a folder. What is at `out`, if anything, must be an empty folder when it is finished.
    ///
    /// # Errors
    /// When it cannot be made, or another command is at it.
    pub fn begin(out: &Path) -> Result<Self, CorpusError> {
        let folder = beside(out, |name| format!(".{name}.partial"))?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(|e| io(parent, e))?;
        }
        match fs::create_dir(&folder) {
            Ok(()) => Ok(Self { folder, out: out.to_owned(), finished: false }),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(CorpusError::Busy(folder)),
            Err(e) => Err(io(&folder, e)),
        }
    }

    /// Where the files are for now.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it is not what it was, cannot be written, or has a name that another one has.
    pub fn add(&self, pick: &Pick) -> Result<(), CorpusError> {
        let text = read_text(&pick.from, CASE).map_err(|_| CorpusError::Changed(pick.from.clone()))?;
        if hash(&text) != pick.hash {
            return Err(CorpusError::Changed(pick.from.clone()));
        }
        let path = self.folder.join(&pick.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| io(parent, e))?;
        }
        let written = fs::File::create_new(&path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|e| io(&path, e))
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// When something is there that is no empty folder.
    pub fn finish(mut self) -> Result<(), CorpusError> {
        if self.out.exists() {
            fs::remove_dir(&self.out).map_err(|e| io(&self.out, e))?;
        }
        fs::rename(&self.folder, &self.out).map_err(|e| io(&self.out, e))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Moves files out of a folder into a new one beside it, `NAME.removed`, where they have the same names. Each is in one of the two at
/// any time; nothing is deleted.
///
/// # Errors
/// When a file is not what it was, before any is moved; or cannot be moved.
pub fn set_aside(folder: &Path, files: &[Pick]) -> Result<PathBuf, CorpusError> {
    for file in files {
        if read_text(&file.from, CASE).map(|text| hash(&text)) != Ok(file.hash) {
            return Err(CorpusError::Changed(file.from.clone()));
        }
    }
    let mut aside = beside(folder, |name| format!("{name}.removed"))?;
    for n in 2.. {
        match fs::create_dir(&aside) {
            Ok(()) => break,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                aside = beside(folder, |name| format!("{name}.removed-{n}"))?;
            }
            Err(e) => return Err(io(&aside, e)),
        }
    }
    for file in files {
        let to = aside.join(&file.name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(|e| io(parent, e))?;
        }
        fs::rename(&file.from, &to).map_err(|e| io(&to, e))?;
    }
    Ok(aside)
}

/// Another name in the folder that a path is in.
fn beside(path: &Path, rename: impl Fn(&str) -> String) -> Result<PathBuf, CorpusError> {
    // `.` and `..` have no name of their own.
    let whole = if path.file_name().is_some() { Ok(path.to_owned()) } else { path.canonicalize() };
    let whole = whole.map_err(|e| io(path, e))?;
    match whole.file_name() {
        Some(name) => Ok(whole.with_file_name(rename(&name.to_string_lossy()))),
        None => Err(io(path, Error::new(ErrorKind::InvalidInput, "a folder without a name"))),
    }
}

pub(super) fn io(path: &Path, error: Error) -> CorpusError {
    CorpusError::Io { path: path.to_owned(), error }
}
