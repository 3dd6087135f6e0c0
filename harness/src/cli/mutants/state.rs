//! Fates kept in a file, from which a run is resumed.

use anyhow::{Context, bail, ensure};
use heapsmith::corpus::load::read_text;
use heapsmith::runtime::mutant::Mutant;
use heapsmith::score::mutants::Fate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

/// A line for what the fates are of, and a line for each.
pub(super) struct State {
    /// Locked as long as the run lasts.
    file: File,
    /// Fates that were decided before.
    pub(super) known: BTreeMap<Mutant, Fate>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    mutant: String,
    #[serde(flatten)]
    fate: Fate,
}

impl State {
    /// The state in a file, which no other run may have open; an empty one if there is no file.
    pub(super) fn open(path: &Path, identity: &str) -> anyhow::Result<Self> {
        let name = || format!("--state: `{}`", path.display());
        ensure!(!path.exists() || path.is_file(), "{}: expected a file, found something else", name());
        let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "{}: expected a state that no other run goes on with, found one that does; wait for it, or name another file",
                    name()
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(name),
        }
        let text = read_text(path, "state").map_err(anyhow::Error::msg).with_context(name)?;
        // What a kill cut short is written again.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let mut lines = whole.lines();
        let first = lines.next().unwrap_or_else(|| if identity.starts_with(&text) { identity } else { &text });
        ensure!(
            first == identity,
            "{}: expected a state of `{identity}`, found one of `{first}`; name another file",
            name()
        );
        let mut known = BTreeMap::new();
        for line in lines {
            let fate = serde_json::from_str(line)
                .ok()
                .and_then(|Line { mutant, fate }| Some((Mutant::parse(&mutant).ok()?, fate)));
            let (mutant, fate) =
                fate.with_context(|| format!("{}: expected a fate, found `{line}`; name another file", name()))?;
            known.insert(mutant, fate);
        }
        file.set_len(whole.len() as u64).with_context(name)?;
        if whole.is_empty() {
            file.write_all(format!("{identity}\n").as_bytes()).with_context(name)?;
        }
        Ok(Self { file, known })
    }

    /// Writes a fate down.
    pub(super) fn add(&mut self, mutant: &Mutant, fate: &Fate) -> anyhow::Result<()> {
        let line = Line { mutant: mutant.to_string(), fate: fate.clone() };
        self.file.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())?;
        Ok(())
    }
}
