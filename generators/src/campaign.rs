//! A campaign: a seed from which the n-th program follows, whatever was asked for before.

use crate::builder::{Builder, Limits};
use crate::machines::{self, POOL, SMALL};
use crate::profile::{Family, Profile};
use crate::program::{Machine, Program};
use crate::rare;
use crate::rng::Random;

/// What the collector under test has when a machine does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacities {
    /// Entries of the mark worklist.
    pub worklist: u32,
    /// Slots of the root stack.
    pub roots: u32,
    /// Pages of 64 KiB at most.
    pub max_pages: u32,
    /// Bytes of tables before the heap for each page of the page limit.
    pub table_bytes_per_page: u32,
    /// Entries of the wrap table; 0 for a collector without one, which no program then speaks of.
    pub wraps: u32,
}

/// An endless list of programs, each a function of the seed and its index alone.
#[derive(Debug, Clone)]
pub struct Campaign {
    seed: u64,
    defaults: Capacities,
    machines: Vec<Machine>,
    vast: Machine,
}

impl Campaign {
    /// The campaign of a seed, for a collector with these defaults. What is `Some` in `pinned` is so in every machine.
    #[must_use]
    pub fn new(seed: u64, defaults: Capacities, pinned: Machine) -> Self {
        let machines = machines::pool(seed, defaults, pinned);
        Self { seed, defaults, machines, vast: rare::vast(seed, defaults, pinned) }
    }

    /// The machines that its programs ask for: 192, of which some may be equal. One more is for objects that none of them holds.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The program with this index.
    #[must_use]
    pub fn program(&self, index: u64) -> Program {
        if let Some(rare) = rare::program(self.seed, index, &self.machines, self.vast, self.defaults) {
            return rare;
        }
        let mut random = Random::new(self.seed, index);
        let profile = Profile::draw(&mut random, self.defaults.wraps);
        let machine = self.machine(profile.family, &mut random);
        let limits = Limits::of(machine, self.defaults);
        Program { machine, ops: Builder::new(&mut random, &profile, limits).build() }
    }

    /// The profile of the program with this index, unless a rare one stands in its place.
    #[must_use]
    pub fn profile(&self, index: u64) -> Profile {
        Profile::draw(&mut Random::new(self.seed, index), self.defaults.wraps)
    }

    fn machine(&self, family: Family, random: &mut Random) -> Machine {
        let (first, last) = match family {
            Family::Full | Family::Swarm => (0, SMALL - 1),
            Family::Real => (SMALL, POOL - 1),
        };
        self.machines[random.within(first as u32, last as u32) as usize]
    }
}
