//! The folder that a hunt starts from, and that it adds to.
//!
//! A case is written as the file `HASH.heapsmith`, HASH the hash of its text, so the same case has the same name in every folder. A file that
//! is there is never written to: one with this text is this case, and beside one with another text the case gets a number.

use super::load::{CASE, EXTENSION, Unreadable, Walk, Which, read_program, read_text};
use super::probe::hash;
use super::{CorpusError, write::io};
use crate::runtime::Spec;
use crate::runtime::description::MAX_PAGES;
use heapsmith_generators::Program;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The cases in and below a folder with their paths below it, in sorted order; none of a folder that is not there.
///
/// # Errors
/// Every file that cannot be read, is no case, or asks for a machine that the runtime or a hunt cannot have; or what is there is no folder.
pub fn cases(folder: &Path, spec: &Spec) -> Result<Vec<(String, Program)>, Vec<Unreadable>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    for file in Walk::new(folder, Which::Cases) {
        let path = match file {
            Ok(path) => path,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let read = read_program(&path).and_then(|(program, _)| {
            let description = spec.resolve(program.machine).map_err(|e| format!("the machine on {spec}: {e}"))?;
            if description.is_giant() {
                let found = description.parameters.max_pages;
                return Err(format!(
                    "expected a machine of at most {MAX_PAGES} pages in a hunt, found {found}; giant memories are for single cases: heapsmith run"
                ));
            }
            Ok(program)
        });
        match read {
            Ok(program) => cases.push((path.strip_prefix(folder).unwrap_or(&path).display().to_string(), program)),
            Err(reason) => problems.push(Unreadable { path, reason }),
        }
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

/// Adding to a folder came to an early end.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Stopped {
    /// The files that were written before; they stay.
    pub new: Vec<PathBuf>,
    /// What could not be written.
    #[source]
    pub error: CorpusError,
}

/// Adds programs to a folder, which is made if it is not there; the files that are new.
///
/// # Errors
/// When a file cannot be written; the ones before it are, and are given.
pub fn add<'p>(folder: &Path, programs: impl IntoIterator<Item = &'p Program>) -> Result<Vec<PathBuf>, Stopped> {
    let mut new = Vec::new();
    if let Err(e) = fs::create_dir_all(folder) {
        return Err(Stopped { new, error: io(folder, e) });
    }
    for program in programs {
        match add_one(folder, &program.to_string()) {
            Ok(file) => new.extend(file),
            Err(error) => return Err(Stopped { new, error }),
        }
    }
    Ok(new)
}

/// The file of a case, if it is new.
fn add_one(folder: &Path, text: &str) -> Result<Option<PathBuf>, CorpusError> {
    let name = format!("{:016x}", hash(text));
    let mut path = folder.join(format!("{name}.{EXTENSION}"));
    for n in 2.. {
        match fs::File::create_new(&path) {
            Ok(mut file) => {
                if let Err(e) = file.write_all(text.as_bytes()) {
                    // It is ours, and half a case would be refused the next time.
                    let _ = fs::remove_file(&path);
                    return Err(io(&path, e));
                }
                return Ok(Some(path));
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                if read_text(&path, CASE).is_ok_and(|there| there == text) {
                    return Ok(None);
                }
                path = folder.join(format!("{name}-{n}.{EXTENSION}"));
            }
            Err(e) => return Err(io(&path, e)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::parse_spec;
    use heapsmith_generators::parse;

    #[test]
    fn a_file_that_is_there_stays_whatever_its_name_is() {
        let folder = tempfile::tempdir().unwrap();
        let programs = ["alloc r0 size=8\n", "collect\n"].map(|ops| parse(&format!("heapsmith 1\n{ops}")).unwrap());
        let new = add(folder.path(), &programs).unwrap();
        assert_eq!(new.len(), 2);
        assert_eq!(add(folder.path(), &programs).unwrap(), Vec::<PathBuf>::new());
        // Somebody edited one of them.
        fs::write(&new[0], "heapsmith 1\n").unwrap();
        let again = add(folder.path(), &programs).unwrap();
        assert!(again.len() == 1 && again[0] != new[0], "{again:?}");
        assert_eq!(fs::read_to_string(&new[0]).unwrap(), "heapsmith 1\n");
        assert_eq!(add(folder.path(), &programs).unwrap(), Vec::<PathBuf>::new());
        let spec = parse_spec("fixed").unwrap();
        let cases: Vec<Program> =
            cases(folder.path(), &spec).unwrap().into_iter().map(|(_, program)| program).collect();
        assert!(cases.len() == 3 && programs.iter().all(|program| cases.contains(program)));
    }

    #[test]
    fn what_was_written_before_a_failure_is_told_and_stays() {
        let room = tempfile::tempdir().unwrap();
        let (folder, gone) = (room.path().join("corpus"), room.path().join("gone"));
        let ops = ["alloc r0 size=8\n", "collect\n", "drop r0\n"];
        let programs = ops.map(|ops| parse(&format!("heapsmith 1\n{ops}")).unwrap());
        // Somebody takes the folder away before the third.
        let take_away = |program: &&Program| {
            if **program == programs[2] {
                fs::rename(&folder, &gone).unwrap();
            }
        };
        let stopped = add(&folder, programs.iter().inspect(take_away)).unwrap_err();
        assert!(matches!(stopped.error, CorpusError::Io { .. }), "{stopped}");
        assert_eq!(stopped.new.len(), 2);
        for (path, program) in stopped.new.iter().zip(&programs) {
            let there = gone.join(path.strip_prefix(&folder).unwrap());
            assert_eq!(fs::read_to_string(there).unwrap(), program.to_string());
        }
    }

    #[test]
    fn each_file_that_is_no_case_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let spec = parse_spec("fixed").unwrap();
        assert_eq!(cases(&folder.path().join("none"), &spec), Ok(Vec::new()));
        let giant = "heapsmith 1\nmachine pages=1..65536\ncollect\n";
        for (name, text) in [("a", "heapsmith 1\n"), ("b", "heapsmith 1\nallok r0\n"), ("c", "no case"), ("d", giant)] {
            fs::write(folder.path().join(name).with_extension(EXTENSION), text).unwrap();
        }
        let problems = cases(folder.path(), &spec).unwrap_err();
        let names: Vec<_> = problems.iter().map(|p| p.path.file_stem().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["b", "c", "d"]);
    }
}
