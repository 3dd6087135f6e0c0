//! The wrap table as it is promised, and every handle that was ever registered.

use super::BlockId;

/// A handle that was registered. Its number in the order of registration, from 0, is its index in [`Wraps::registered`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The handle.
    pub handle: u32,
    /// Its kind.
    pub kind: u32,
    /// Index into the log of the allocation of its wrapper.
    pub logged: u32,
    /// The step that registered it.
    pub step: u32,
}

/// Registered handles, and which of them the table holds.
#[derive(Debug, Default)]
pub struct Wraps {
    registered: Vec<Registered>,
    /// What the table holds: the wrapper, and the number of the handle.
    table: Vec<(BlockId, u32)>,
    /// Numbers of the handles that were released, in order.
    released: Vec<u32>,
}

impl Wraps {
    /// Back to the empty table.
    pub(super) fn reset(&mut self) {
        self.registered.clear();
        self.table.clear();
        self.released.clear();
    }

    /// All handles in the order of registration.
    #[must_use]
    pub fn registered(&self) -> &[Registered] {
        &self.registered
    }

    /// The handle that was released as the `n`-th, from 0.
    #[must_use]
    pub fn released(&self, n: usize) -> Option<&Registered> {
        self.released.get(n).map(|&number| &self.registered[number as usize])
    }

    /// How many were released.
    #[must_use]
    pub fn releases(&self) -> usize {
        self.released.len()
    }

    /// Entries of the table.
    pub(super) const fn len(&self) -> usize {
        self.table.len()
    }

    /// Appends an entry.
    pub(super) fn register(&mut self, wrapper: BlockId, handle: Registered) {
        self.table.push((wrapper, self.registered.len() as u32));
        self.registered.push(handle);
    }

    /// Between mark and sweep: entries of wrappers that live stay in their order, the other ones' handles are released in theirs.
    pub(super) fn release(&mut self, lives: impl Fn(BlockId) -> bool) {
        let released = &mut self.released;
        self.table.retain(|&(wrapper, number)| {
            let stays = lives(wrapper);
            if !stays {
                released.push(number);
            }
            stays
        });
    }
}
