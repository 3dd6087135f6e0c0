//! A campaign: a seed from which the n-th program follows, whatever was asked for before.

use crate::builder::{Builder, Limits};
use crate::far;
use crate::forms::{self, Form};
use crate::machines::{POOL, SMALL};
use crate::minors;
use crate::misread;
use crate::profile::{Family, Profile};
use crate::program::{Machine, Program};
use crate::rare;
use crate::rng::Random;
use crate::sampling::{self, Sampling};
use crate::uniform;
use crate::unknown;

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

/// What unit tests of programs for modules take for a collector's.
#[cfg(test)]
pub(crate) const DEFAULTS: Capacities =
    Capacities { worklist: 16_384, roots: 64, max_pages: 256, table_bytes_per_page: 0, wraps: 0 };

/// An endless list of programs, each a function of the seed and its index alone.
#[derive(Debug, Clone)]
pub struct Campaign {
    seed: u64,
    defaults: Capacities,
    machines: Vec<Machine>,
    vast: Machine,
    sampling: Sampling,
    /// What a collector that is not known tells apart.
    unknown: Option<Vec<Form>>,
    /// Whether it makes minor collections when asked to.
    is_generational: bool,
}

impl Campaign {
    /// The campaign of a seed, for a collector with these defaults. What is `Some` in `pinned` is so in every machine.
    #[must_use]
    pub fn new(seed: u64, defaults: Capacities, pinned: Machine) -> Self {
        Self::sampled(seed, defaults, pinned, Sampling::Mixture)
    }

    /// As [`Self::new`], with programs drawn in this way: [`Sampling::Mixture`] is the same campaign.
    #[must_use]
    pub fn sampled(seed: u64, defaults: Capacities, pinned: Machine, sampling: Sampling) -> Self {
        let machines = sampling.machines(seed, defaults, pinned);
        let vast = sampling.for_vast(rare::vast(seed, defaults, pinned), pinned);
        Self { seed, defaults, machines, vast, sampling, unknown: None, is_generational: false }
    }

    /// The same for a collector of which nothing is known but how to call it, and which forms of objects it tells apart, if any: some programs look for
    /// what such collectors get wrong, and some are about the fields of each form.
    #[must_use]
    pub fn of_unknown(self, forms: Vec<Form>) -> Self {
        Self { unknown: Some(forms), ..self }
    }

    /// The same for a collector that makes minor collections when asked to: some programs are about what only they show, and some of the collections that
    /// others ask for are minor.
    #[must_use]
    pub fn of_generational(self) -> Self {
        Self { is_generational: true, ..self }
    }

    /// The machines that its programs ask for: 192, of which some may be equal. One more is for objects that none of them holds.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The program with this index.
    #[must_use]
    pub fn program(&self, index: u64) -> Program {
        let mut program = self.with_full_collections(index);
        if self.is_generational {
            minors::put_in(self.seed, index, &mut program);
        }
        program
    }

    fn with_full_collections(&self, index: u64) -> Program {
        if self.sampling.has_rare() {
            let machines = self.sampling.for_rare(&self.machines);
            let of_a_fixed_form = rare::program(self.seed, index, machines, self.vast, self.defaults)
                .or_else(|| misread::program(self.seed, index, machines, self.vast, self.defaults))
                .or_else(|| self.of_unknown_collectors(index, machines));
            if let Some(program) = of_a_fixed_form {
                return program;
            }
        }
        let mut random = Random::new(self.seed, index);
        match self.sampling {
            Sampling::Uniform => {
                let machine = random.pick(&self.machines);
                uniform::program(&mut random, machine, self.defaults.wraps)
            }
            Sampling::NoBoundaries => sampling::without_boundaries(self.seed, index, self.profiled(&mut random)),
            Sampling::Mixture | Sampling::FullOnly | Sampling::SwarmOnly | Sampling::RealOnly => {
                self.profiled(&mut random)
            }
        }
    }

    /// A program that is for collectors which are not known, if it is one.
    fn of_unknown_collectors(&self, index: u64, machines: &[Machine]) -> Option<Program> {
        let forms = self.unknown.as_deref()?;
        let minors = || minors::program(self.seed, index, machines, self.defaults);
        (self.is_generational.then(minors).flatten())
            .or_else(|| forms::program(self.seed, index, machines, self.defaults, forms))
            .or_else(|| unknown::program(self.seed, index, machines, self.defaults))
            .or_else(|| far::program(self.seed, index, machines, self.defaults))
    }

    /// A program of a profile that is drawn first.
    fn profiled(&self, random: &mut Random) -> Program {
        let profile = Profile::draw(random, self.defaults.wraps, self.sampling.family());
        let machine = self.machine(profile.family, random);
        let limits = Limits::of(machine, self.defaults);
        Program { machine, ops: Builder::new(random, &profile, limits).build() }
    }

    /// The profile of the program with this index, unless a rare one, or one of a fixed form, stands in its place. Uniform programs have none: theirs says nothing.
    #[must_use]
    pub fn profile(&self, index: u64) -> Profile {
        Profile::draw(&mut Random::new(self.seed, index), self.defaults.wraps, self.sampling.family())
    }

    fn machine(&self, family: Family, random: &mut Random) -> Machine {
        let (first, last) = match family {
            Family::Full | Family::Swarm => (0, SMALL - 1),
            Family::Real => (SMALL, POOL - 1),
        };
        self.machines[random.within(first as u32, last as u32) as usize]
    }
}
