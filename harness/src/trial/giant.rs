//! Giant memories: one trial at a time, and nothing kept.
//!
//! An image of gigabytes costs what is written to it: the emulator's and wasmtime's memories are mapped on demand, the model holds
//! written chunks only, and comparisons go over the memories where they are. Interpreters zero what they grow by, so one of them needs
//! all of it; two trials at once might not fit.

use super::Rig;
use crate::engine::EngineError;
use crate::engine::session::Resident;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held during each trial whose memories may become giant.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Rig {
    /// Waits until no other giant trial runs, if this one is giant; held until it ends.
    pub(super) fn turn(&self) -> Option<MutexGuard<'static, ()>> {
        let giant = self.prepared.runtime.description.is_giant();
        giant.then(|| ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the memories of the last trial back, if they are giant; there is nothing to be read in them afterwards.
    ///
    /// # Errors
    /// When an engine cannot instantiate the module anew.
    pub fn let_go(&mut self) -> Result<(), EngineError> {
        if !self.prepared.runtime.description.is_giant() {
            return Ok(());
        }
        if let Some(emulator) = &mut self.emulator {
            emulator.begin();
        }
        self.residents.iter_mut().try_for_each(Resident::let_go)
    }
}
