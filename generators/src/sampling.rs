//! What a campaign is without one of the things that it is made of: to measure what each is worth.
//!
//! [`Sampling::Mixture`] is what every campaign draws. The others are no better at anything: a score compares them with it on the same seed.

use crate::campaign::Capacities;
use crate::machines::{self, POOL, SMALL};
use crate::profile::Family;
use crate::program::{Base, Count, Machine, Program, Size};
use crate::rng::Random;

/// Sets the stream of replacements apart from that of programs.
const STREAM: u64 = 0x616e_7974_6869_6e67;
/// A plain size up to here is left as it is: [`crate::sizes::small`] ones and the few bytes by which fields make them larger.
const PLAIN: u32 = 80;
/// The largest size that takes the place of one at a boundary.
const MOST_BYTES: u32 = 1 << 12;
/// The largest count that takes the place of one at a capacity.
const MOST_COUNT: u32 = 32;

/// How programs are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sampling {
    /// As campaigns do: half [`Family::Full`], a quarter each [`Family::Swarm`] and [`Family::Real`], and a few rare programs and such of a fixed form.
    #[default]
    Mixture,
    /// Every kind of op, operand, size (0 to 256 bytes) and capacity as often as any other: no weights, no motifs, no boundaries, no adversarial words, no
    /// rare programs or such of a fixed form, and heaps that start anywhere.
    Uniform,
    /// The mixture's programs, one for one, where every size and every count that aims at a boundary (of a page, of memory, of a capacity, of a
    /// power of two, of 32 bits) is a plain one, and without rare programs and such of a fixed form. Machines are the mixture's.
    NoBoundaries,
    /// Every program that is not rare or of a fixed form is of [`Family::Full`].
    FullOnly,
    /// Every program that is not rare or of a fixed form is of [`Family::Swarm`].
    SwarmOnly,
    /// Every program is of [`Family::Real`], and rare ones and those of a fixed form run with the collector's own capacities too.
    RealOnly,
}

impl Sampling {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Mixture, Self::Uniform, Self::NoBoundaries, Self::FullOnly, Self::SwarmOnly, Self::RealOnly];

    /// The family that every program is of, if there is only one.
    pub(crate) const fn family(self) -> Option<Family> {
        match self {
            Self::Mixture | Self::Uniform | Self::NoBoundaries => None,
            Self::FullOnly => Some(Family::Full),
            Self::SwarmOnly => Some(Family::Swarm),
            Self::RealOnly => Some(Family::Real),
        }
    }

    /// Whether a few programs are rare or of a fixed form.
    pub(crate) const fn has_rare(self) -> bool {
        match self {
            Self::Mixture | Self::FullOnly | Self::SwarmOnly | Self::RealOnly => true,
            Self::Uniform | Self::NoBoundaries => false,
        }
    }

    /// The machines of a seed.
    pub(crate) fn machines(self, seed: u64, defaults: Capacities, pinned: Machine) -> Vec<Machine> {
        match self {
            Self::Uniform => machines::uniform(seed, defaults, pinned),
            Self::Mixture | Self::NoBoundaries | Self::FullOnly | Self::SwarmOnly | Self::RealOnly => {
                machines::pool(seed, defaults, pinned)
            }
        }
    }

    /// Those among them that rare programs and those of a fixed form may ask for.
    pub(crate) fn for_rare(self, machines: &[Machine]) -> &[Machine] {
        match self {
            Self::RealOnly => machines.get(SMALL..POOL).unwrap_or(machines),
            Self::Mixture | Self::Uniform | Self::NoBoundaries | Self::FullOnly | Self::SwarmOnly => machines,
        }
    }

    /// The machine of objects that no other one holds.
    pub(crate) const fn for_vast(self, vast: Machine, pinned: Machine) -> Machine {
        match self {
            Self::RealOnly => Machine { worklist: pinned.worklist, roots: pinned.roots, wraps: pinned.wraps, ..vast },
            Self::Mixture | Self::Uniform | Self::NoBoundaries | Self::FullOnly | Self::SwarmOnly => vast,
        }
    }
}

/// The program without anything that aims at a boundary; what takes its place is drawn from a stream of its own.
pub(crate) fn without_boundaries(seed: u64, index: u64, mut program: Program) -> Program {
    let mut random = Random::new(seed ^ STREAM, index);
    for op in &mut program.ops {
        // Counts before the size: in this order they are drawn.
        op.for_each_count(|count| plain_count(&mut random, count));
        if let Some(size) = op.size_mut() {
            plain_size(&mut random, size);
        }
    }
    program
}

/// Mostly a small size, sometimes any of a few kilobytes, as the mixture has them beside its boundaries.
fn plain_size(random: &mut Random, size: &mut Size) {
    match size {
        Size::Bytes(..=PLAIN) => {}
        Size::Bytes(_) | Size::Edge { .. } => {
            let small = random.percent(85);
            *size = Size::Bytes(random.below(if small { 65 } else { MOST_BYTES + 1 }));
        }
    }
}

fn plain_count(random: &mut Random, count: &mut Count) {
    match count.base {
        Base::Zero => {}
        Base::Worklist | Base::Roots | Base::Wraps => *count = Count::new(random.within(1, MOST_COUNT)),
    }
}
