//! The folder of `hunt --corpus`: what a hunt starts from, and where it puts what it kept.

use super::cases::complain;
use super::found::check_folder;
use anyhow::anyhow;
use heapsmith::campaign::{Learnt, Start};
use heapsmith::corpus::keep;
use heapsmith::runtime::Spec;
use std::path::Path;

/// The programs of a folder; a folder that is not there has none.
///
/// # Errors
/// Every file that is no case for the runtime; or the folder cannot be written to.
pub(super) fn read(folder: &Path, spec: &Spec) -> anyhow::Result<Vec<Start>> {
    check_folder("--corpus", folder)?;
    let cases = keep::cases(folder, spec).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("--corpus: {}\nmend what is named, or move it away; nothing was run", complain(&problems))
    })?;
    Ok(cases.into_iter().map(|(name, program)| Start { name, program }).collect())
}

/// What was written.
pub(super) struct Added {
    /// New files.
    pub(super) files: usize,
    /// What could not be written.
    pub(super) problem: Option<String>,
}

/// Adds what a hunt kept.
pub(super) fn add(folder: &Path, learnt: &Learnt) -> Added {
    match keep::add(folder, &learnt.new) {
        Ok(files) => Added { files: files.len(), problem: None },
        Err(stopped) => Added { files: stopped.new.len(), problem: Some(format!("--corpus: {stopped}")) },
    }
}
