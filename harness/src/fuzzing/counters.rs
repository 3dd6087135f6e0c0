//! What an input reached inside the collector, as counters that libFuzzer reads beside its own: one for each state feature, and one for
//! each edge of the collector.

use crate::coverage::{Features, STATES};
use crate::trial::Rig;

/// Counters that there are: a multiple of 8, as libFuzzer wants it, and enough for every state feature and for the edges of a collector of
/// thousands of instructions. Edges beyond are not seen.
pub const COUNTERS: usize = 4_096;
const _: () = assert!(STATES < COUNTERS / 2);

/// Counters of one input: each is 0, or how often something was reached, at most 255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    bytes: [u8; COUNTERS],
    /// All from here on are zero.
    used: usize,
    features: Features,
}

impl Default for Counters {
    /// Nothing was reached.
    fn default() -> Self {
        Self { bytes: [0; COUNTERS], used: 0, features: Features::new() }
    }
}

impl Counters {
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
        self.features.clear();
        rig.features(&mut self.features);
        for state in self.features.states() {
            self.bytes[state] = 1;
        }
        let edges = rig.guest_counters();
        let room = &mut self.bytes[STATES..];
        let kept = edges.len().min(room.len());
        room[..kept].copy_from_slice(&edges[..kept]);
        self.used = STATES + kept;
    }
}
