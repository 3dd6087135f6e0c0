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
/// When a file is not what it was, before any is moved; or cannot be moved: then those before it are moved back.
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
    for (at, file) in files.iter().enumerate() {
        if let Err(error) = move_to(file, &aside) {
            for back in &files[..at] {
                // What has taken its place in between stays, and it stays where it was moved to.
                if !back.from.exists() {
                    let _ = fs::rename(aside.join(&back.name), &back.from);
                }
            }
            remove_empty(&aside);
            return Err(error);
        }
    }
    Ok(aside)
}

fn move_to(file: &Pick, aside: &Path) -> Result<(), CorpusError> {
    let to = aside.join(&file.name);
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|e| io(parent, e))?;
    }
    fs::rename(&file.from, &to).map_err(|e| io(&to, e))
}

/// Removes a folder of nothing but folders; one with a file stays.
fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_file_cannot_be_moved_all_are_where_they_were() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("in");
        fs::create_dir_all(folder.join("more")).unwrap();
        let pick = |name: &str, to: &str| {
            let from = folder.join(name);
            fs::write(&from, name).unwrap();
            Pick { name: to.into(), from, hash: hash(name) }
        };
        // A file and a folder cannot have one name.
        let files = [pick("more/a", "more/a"), pick("b", "b"), pick("c", "b/c")];
        assert!(matches!(set_aside(&folder, &files), Err(CorpusError::Io { .. })));
        for file in &files {
            assert_eq!(fs::read_to_string(&file.from).map(|text| hash(&text)).ok(), Some(file.hash));
        }
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1, "nothing is left beside it");
        let aside = set_aside(&folder, &files[..2]).unwrap();
        assert!(aside.join("more/a").exists() && !files[0].from.exists() && files[2].from.exists());
    }
}
