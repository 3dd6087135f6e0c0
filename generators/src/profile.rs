//! What a program is made of: drawn once for each program, before anything else.
//!
//! Half of all programs are [`Family::Full`], a quarter each [`Family::Swarm`] and [`Family::Real`]. Switching ops off
//! is worth little by itself, because most faults of a collector need allocation, links and drops together; so only a
//! quarter of the programs do it, and ops that take reachability away (`drop`, `leave`, `clear`) are never weighted up.

use crate::kind::{OpKind, SHAPES};
use crate::rng::Random;

/// The family that a profile belongs to; statistics are kept by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Every op and shape, small capacities.
    Full,
    /// A random subset of ops and shapes, small capacities.
    Swarm,
    /// Every op and shape, the collector's own capacities.
    Real,
}

impl Family {
    /// Its name, for statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Swarm => "swarm",
            Self::Real => "real",
        }
    }
}

/// What one program is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// The family.
    pub family: Family,
    /// How often each kind of op is drawn, in the order of [`OpKind::ALL`]; 0 is off, inside motifs too.
    pub weights: [u32; OpKind::ALL.len()],
    /// How often each shape is drawn, in the order of the enum; 0 is off.
    pub shapes: [u32; SHAPES],
    /// Ops to aim at, `3..=60`.
    pub length: u32,
    /// Of 100 sizes, how many seek a boundary.
    pub boundary_percent: u32,
    /// Of 100 data words, how many are adversarial and not plain numbers.
    pub adversarial_percent: u32,
    /// Of 100 steps, how many are motifs and not single ops.
    pub motif_percent: u32,
}

/// In the order of [`OpKind::ALL`]. Minor collections are put in where there are any (`minors.rs`).
const WEIGHTS: [u32; OpKind::ALL.len()] = [22, 6, 16, 2, 10, 3, 6, 3, 3, 7, 4, 2, 7, 2, 6, 4, 0];
/// In the order of the enum: the shapes that fill a worklist more often.
const SHAPE_WEIGHTS: [u32; SHAPES] = [3, 2, 5, 4, 3, 2, 2, 3];

impl Profile {
    /// `wraps` are the entries of the collector's wrap table; without any, nothing is drawn for it. With `only`, the family is that one.
    pub(crate) fn draw(random: &mut Random, wraps: u32, only: Option<Family>) -> Self {
        let family = random.pick(&[Family::Full, Family::Full, Family::Swarm, Family::Real]);
        let family = only.unwrap_or(family);
        let mut profile = Self {
            family,
            weights: WEIGHTS,
            shapes: SHAPE_WEIGHTS,
            // The sum of two draws, so that most programs have about 20 ops; a few are short or long.
            length: match random.below(16) {
                0 => random.within(3, 8),
                1 => random.within(36, 60),
                _ => random.within(5, 16) + random.within(3, 15),
            },
            boundary_percent: random.pick(&[15, 30, 30, 50]),
            adversarial_percent: random.pick(&[20, 50, 80]),
            motif_percent: random.pick(&[25, 40, 55]),
        };
        if wraps == 0 {
            profile.weights[OpKind::Wrap as usize] = 0;
        }
        for kind in OpKind::ALL {
            if !takes_away(kind) && profile.allows(kind) {
                profile.weights[kind as usize] *= random.within(1, 3);
            }
        }
        if family == Family::Swarm {
            profile.switch_off(random);
        }
        profile
    }

    fn switch_off(&mut self, random: &mut Random) {
        const CORE: [OpKind; 4] = [OpKind::Alloc, OpKind::Store, OpKind::Drop, OpKind::Collect];
        for kind in OpKind::ALL {
            if !self.allows(kind) {
                continue;
            }
            // Observations stay: a program that looks at nothing proves nothing. The core goes less often.
            let off = kind != OpKind::Check && random.percent(if CORE.contains(&kind) { 25 } else { 50 });
            if off {
                self.weights[kind as usize] = 0;
            }
        }
        let all_off = CORE.iter().all(|&kind| !self.allows(kind));
        let no_objects = !self.allows(OpKind::Alloc) && !self.allows(OpKind::Graph);
        for kind in CORE {
            if all_off || (no_objects && kind == OpKind::Alloc) {
                self.weights[kind as usize] = WEIGHTS[kind as usize];
            }
        }
        for weight in &mut self.shapes {
            if random.percent(50) {
                *weight = 0;
            }
        }
        if self.shapes.iter().all(|&weight| weight == 0) {
            self.shapes = SHAPE_WEIGHTS;
        }
    }

    /// The name of its family, for statistics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.family.name()
    }

    /// Whether the kind of op is on.
    #[must_use]
    pub const fn allows(&self, kind: OpKind) -> bool {
        self.weights[kind as usize] != 0
    }
}

/// Whether ops of this kind make objects unreachable; too many of them hide faults.
const fn takes_away(kind: OpKind) -> bool {
    matches!(kind, OpKind::Drop | OpKind::Leave | OpKind::Clear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_their_shares_and_the_core_is_never_all_off() {
        let mut seen = [0_u32; 3];
        for index in 0..8_000 {
            let profile = Profile::draw(&mut Random::new(5, index), 0, None);
            seen[profile.family as usize] += 1;
            let core = [OpKind::Alloc, OpKind::Store, OpKind::Drop, OpKind::Collect];
            assert!(core.iter().any(|&kind| profile.allows(kind)));
            assert!(profile.allows(OpKind::Alloc) || profile.allows(OpKind::Graph));
            assert!(profile.shapes.iter().any(|&weight| weight != 0));
            assert!((3..=60).contains(&profile.length));
        }
        assert!(seen[0].abs_diff(4_000) < 300, "{seen:?}");
        assert!(seen[1].abs_diff(2_000) < 300, "{seen:?}");
        assert!(seen[2].abs_diff(2_000) < 300, "{seen:?}");
    }
}
