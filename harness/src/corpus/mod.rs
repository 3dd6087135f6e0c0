//! Corpora: folders of programs, what they reach, and how few files reach as much.
//!
//! - [`load`]: the files of a folder.
//! - [`probe`]: what a file reaches on a runtime: *goals*, which are features of [`crate::coverage`], ops that had an effect, and the verdict,
//!   of a violation with its bucket.
//! - [`cover`]: as few files as a greedy choice finds that reach every goal. Ties go to fewer ops, then to fewer bytes, then to the name.
//! - [`minimize`](mod@minimize): the smallest part of one folder that reaches as much. [`merge()`]: of many folders, with the memory of the result.
//! - [`stats`]: what a folder reaches, and what it does not.
//! - [`write`](mod@write): folders that are there whole or not at all.
//! - [`keep`]: the folder that a hunt starts from, and that it adds to.
//! - [`expect`]: what a regression must show on which runtime.
//!
//! What is written is a subset of the files, byte for byte as they were. Whatever is written is run again from where it is, on instances
//! made anew, and must reach exactly what the input did. Nothing depends on the number of workers or on the order in which files are
//! done.

pub mod cover;
pub mod expect;
pub mod keep;
pub mod load;
pub mod merge;
pub mod minimize;
pub mod probe;
pub mod stats;
pub mod write;

pub use merge::merge;
pub use minimize::minimize;
pub use probe::{Goal, Prober, Progress};

use load::Unreadable;
use std::path::PathBuf;

/// What cannot be done with a corpus; nothing was written and nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// Files that cannot be read, or that the runtime cannot have the machine of.
    #[error("{}", unreadable(.0))]
    Unreadable(Vec<Unreadable>),
    /// There is nothing to run.
    #[error("{}: expected at least one case (*.heapsmith, or a file without extension) in or below this folder, found none", .0.display())]
    Empty(PathBuf),
    /// A folder that cannot be written to, or changed.
    #[error("expected to write `{}`, found: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why it could not be written.
        error: std::io::Error,
    },
    /// A file is not what it was when it was run.
    #[error("{}: expected the text that was run, found another one; run the command again", .0.display())]
    Changed(PathBuf),
    /// What was chosen does not reach what the input reaches.
    #[error("expected the result to reach what the input reaches, found {}; nothing was written", difference(.missing, .new))]
    Different {
        /// Goals that only the input reaches.
        missing: Vec<Goal>,
        /// Goals that only the result reaches.
        new: Vec<Goal>,
    },
    /// Asked to stop.
    #[error(transparent)]
    Stopped(#[from] probe::Stopped),
    /// In place there would be half a finding.
    #[error("{}: expected inputs, found a finding, which is more than its case; use --out instead of --in-place", .0.display())]
    Finding(PathBuf),
    /// In place a link could stay without the file that it leads to.
    #[error("{}: expected files in a folder that is to be changed, found a link; use --out instead of --in-place", .0.display())]
    Link(PathBuf),
    /// Another command is at work, or was killed.
    #[error("{}: expected nothing there, found what another command is writing, or was when it was killed; remove it", .0.display())]
    Busy(PathBuf),
}

fn unreadable(all: &[Unreadable]) -> String {
    let [one] = all else {
        let list: Vec<String> = all.iter().map(|u| format!("\n\n  {}", u.to_string().replace('\n', "\n  "))).collect();
        return format!("{} files cannot be read; --skip-unreadable leaves them out{}", all.len(), list.concat());
    };
    format!("{one}\n--skip-unreadable leaves it out")
}

/// Goals that are named in a message.
const NAMED: usize = 4;

fn difference(missing: &[Goal], new: &[Goal]) -> String {
    let list = |goals: &[Goal]| goals.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("{} missing ({}) and {} new ({})", missing.len(), list(missing), new.len(), list(new))
}
