//! What the last trial reached inside the collector.

use super::Rig;
use crate::coverage::{self, Edges, Features};
use crate::engine::session::Resident;

/// Kept of the last trial.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Whether it ran.
    ran: bool,
    /// How often each edge was taken, at most 255.
    counters: Vec<u8>,
}

impl Reached {
    /// A new program begins.
    pub(super) fn forget(&mut self) {
        self.ran = false;
        self.counters.clear();
    }

    /// The program was run, on this engine first.
    pub(super) fn read(&mut self, first: &Resident) {
        self.ran = true;
        self.counters.extend(first.counts().map(|count| u8::try_from(count).unwrap_or(u8::MAX)));
    }
}

impl Rig {
    /// Adds what the last trial reached; nothing if the program was not run, because it would be too much work. Edges are there only
    /// where the collector counts them ([`super::Prepared::with_feedback`]).
    pub fn features(&self, into: &mut Features) {
        if self.reached.ran {
            let counted = self.edges().map(|edges| (edges, self.guest_counters()));
            coverage::collect(into, counted, (&self.model, &self.outcomes[0], &self.observe()));
        }
    }

    /// How often the last trial took each edge of the collector, where it counts them, in the order of [`Self::edges`]: 255 stands for
    /// that or more. Empty where nothing is counted, or the program was not run.
    #[must_use]
    pub fn guest_counters(&self) -> &[u8] {
        &self.reached.counters
    }

    /// The edges that are counted, if any are.
    #[must_use]
    pub fn edges(&self) -> Option<&Edges> {
        self.prepared.edges()
    }
}
