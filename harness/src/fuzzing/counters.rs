//! What an input reached, as counters that libFuzzer reads beside its own.

use crate::trial::Rig;

/// Counters that there are; libFuzzer wants a multiple of 8.
pub const COUNTERS: usize = 4_096;
/// Classes of a number: none, and one for each power of two.
const CLASSES: usize = 33;

/// Counters of one input: each is 0, or how often something was reached, at most 255.
#[derive(Debug, Clone)]
pub struct Counters {
    bytes: [u8; COUNTERS],
    /// All from here on are zero.
    used: usize,
}

impl Default for Counters {
    fn default() -> Self {
        Self::NONE
    }
}

impl Counters {
    /// Nothing was reached.
    pub const NONE: Self = Self { bytes: [0; COUNTERS], used: 0 };

    /// The counters, without zeroes at the end.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    pub(super) fn clear(&mut self) {
        self.bytes[..self.used].fill(0);
        self.used = 0;
    }

    /// What the last trial of a rig reached.
    pub(super) fn take(&mut self, rig: &Rig) {
        let o = rig.observe();
        let numbers =
            [o.collections, o.marked, o.freed, o.free_blocks, o.grown, o.worklist, o.roots, o.registered, o.released];
        for (kind, number) in numbers.into_iter().enumerate() {
            self.set(kind * CLASSES + class(number), 1);
        }
    }

    fn set(&mut self, index: usize, count: u8) {
        if let Some(byte) = self.bytes.get_mut(index) {
            *byte = count;
            self.used = self.used.max(index + 1);
        }
    }
}

/// 0 for zero, else one more than the logarithm.
fn class(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).min(CLASSES as u32 - 1) as usize
}
