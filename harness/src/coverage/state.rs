//! State features: how far a program drove the collector, as seen from outside.

use super::boundary::{self, BOUNDARY_CLASSES};
use crate::model::{AllocPath, Model, TrapRule};
use crate::outcome::{End, Outcome};
use crate::trial::Observations;
use std::fmt;

/// Classes of a number by its binary logarithm: 1, 2..3, 4..7, and so on.
const LOGS: usize = 32;
/// Parts that a capacity is divided into.
const SHARES: usize = 16;

/// The kinds of state features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Binary logarithm of the entries of the worklist that were ever used.
    Worklist,
    /// Sixteenths of the worklist's capacity that were reached.
    WorklistShare,
    /// Binary logarithm of the slots of the root stack that were ever used.
    Roots,
    /// Sixteenths of the root stack's capacity that were reached.
    RootsShare,
    /// Binary logarithm of the entries of the wrap table that were registered.
    Wraps,
    /// Binary logarithm of the pages that memory grew by in all.
    Pages,
    /// Binary logarithm of the blocks on the free list at the end.
    List,
    /// A path that an allocation took.
    Path,
    /// Binary logarithm of the pages that one allocation grew memory by.
    Grow,
    /// The rule under which the program must trap; for an allocation, why it was refused.
    Refused,
    /// The boundary class of an allocation's end.
    End,
    /// A phase of the collector that was reached.
    Phase,
}

/// A phase of the collector, as far as it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Phase {
    Collect,
    CollectAgain,
    Seed,
    Mark,
    Sweep,
    Release,
    Trap,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::Collect, Self::CollectAgain, Self::Seed, Self::Mark, Self::Sweep, Self::Release, Self::Trap];

    const fn name(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::CollectAgain => "collect-again",
            Self::Seed => "seed",
            Self::Mark => "mark",
            Self::Sweep => "sweep",
            Self::Release => "release",
            Self::Trap => "trap",
        }
    }
}

/// Paths of allocations, by [`AllocPath`].
const PATHS: [(AllocPath, &str); 7] = [
    (AllocPath::List, "list"),
    (AllocPath::ListExact, "exact"),
    (AllocPath::ListSplit, "split"),
    (AllocPath::Bump, "bump"),
    (AllocPath::CollectedList, "collected"),
    (AllocPath::GrownOne, "grow-one"),
    (AllocPath::GrownMany, "grow-many"),
];

impl Family {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Worklist,
        Self::WorklistShare,
        Self::Roots,
        Self::RootsShare,
        Self::Wraps,
        Self::Pages,
        Self::List,
        Self::Path,
        Self::Grow,
        Self::Refused,
        Self::End,
        Self::Phase,
    ];

    /// Its name, with which the names of its features begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worklist | Self::WorklistShare => "worklist",
            Self::Roots | Self::RootsShare => "roots",
            Self::Wraps => "wraps",
            Self::Pages => "pages",
            Self::List => "list",
            Self::Path => "path",
            Self::Grow => "grow",
            Self::Refused => "refused",
            Self::End => "end",
            Self::Phase => "phase",
        }
    }

    /// How many features it has.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Worklist | Self::Roots | Self::Wraps | Self::Pages | Self::List | Self::Grow => LOGS,
            Self::WorklistShare | Self::RootsShare => SHARES,
            Self::Path => PATHS.len(),
            Self::Refused => TrapRule::ALL.len(),
            Self::End => BOUNDARY_CLASSES,
            Self::Phase => Phase::ALL.len(),
        }
    }

    /// The number of its first feature among all state features.
    const fn first(self) -> usize {
        let (mut first, mut i) = (0, 0);
        while i < self as usize {
            first += Self::ALL[i].size();
            i += 1;
        }
        first
    }
}

/// State features that there are.
pub(crate) const STATES: usize = Family::Phase.first() + Family::Phase.size();

/// A state feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct State(u16);

impl State {
    /// The feature `number` of a family, none if it has not so many.
    pub(super) fn new(family: Family, number: usize) -> Option<Self> {
        (number < family.size()).then(|| Self((family.first() + number) as u16))
    }

    /// The feature with this number among all.
    pub(super) const fn nth(number: usize) -> Self {
        Self(number as u16)
    }

    /// Its number among all.
    pub(super) const fn number(self) -> usize {
        self.0 as usize
    }

    /// Its family, and its number in that.
    pub(super) fn place(self) -> (Family, usize) {
        let number = self.number();
        let after = Family::ALL.partition_point(|family| family.first() <= number);
        let family = Family::ALL[after.saturating_sub(1)];
        (family, number - family.first())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, n) = self.place();
        let name = family.name();
        match family {
            Family::Worklist | Family::Roots | Family::Wraps | Family::Pages | Family::List | Family::Grow => {
                write!(f, "{name}.2^{n}")
            }
            Family::WorklistShare | Family::RootsShare => write!(f, "{name}.{}/{SHARES}", n + 1),
            Family::Path => write!(f, "{name}.{}", PATHS[n].1),
            Family::Refused => write!(f, "{name}.{}", TrapRule::ALL[n].name()),
            Family::End => {
                let (part, distance, phase) = boundary::parts(n);
                write!(f, "{name}.{part}.{distance:+}.mod{phase}")
            }
            Family::Phase => write!(f, "{name}.{}", Phase::ALL[n].name()),
        }
    }
}

/// Hands over the state features of a program that `model` planned, whose execution gave `outcome` and showed `o`.
pub(super) fn of(model: &Model, outcome: &Outcome, o: &Observations, mut each: impl FnMut(State)) {
    let mut put = |family: Family, number: usize| {
        if let Some(state) = State::new(family, number) {
            each(state);
        }
    };
    let (description, expected) = (model.description(), model.expectation());
    let p = &description.parameters;
    let logs = [
        (Family::Worklist, o.worklist),
        (Family::Roots, o.roots),
        (Family::Wraps, o.registered),
        (Family::Pages, o.grown),
        (Family::List, o.free_blocks),
    ];
    for (family, n) in logs {
        if let Some(log) = n.checked_ilog2() {
            put(family, log as usize);
        }
    }
    let shares = [(Family::WorklistShare, o.worklist, p.worklist), (Family::RootsShare, o.roots, p.roots)];
    for (family, n, capacity) in shares {
        let share = (n * SHARES as u64 / u64::from(capacity.max(1))) as usize;
        if share > 0 {
            put(family, share.min(SHARES) - 1);
        }
    }
    for (i, (path, _)) in PATHS.into_iter().enumerate() {
        if expected.paths[path as usize] > 0 {
            put(Family::Path, i);
        }
    }
    for log in 0..u32::BITS {
        if expected.growths >> log & 1 == 1 {
            put(Family::Grow, log as usize);
        }
    }
    if let Some(trap) = expected.trap {
        put(Family::Refused, trap.rule as usize);
    }
    for class in boundary::classes(description, &expected.kinds, outcome) {
        put(Family::End, class);
    }
    let trapped = match outcome.end {
        End::Finished => false,
        End::Trapped(_) | End::OutOfFuel => true,
    };
    for (phase, reached) in [
        (Phase::Collect, o.collections > 0),
        (Phase::CollectAgain, o.collections > 1),
        (Phase::Seed, o.worklist > 0),
        (Phase::Mark, o.marked > 0),
        (Phase::Sweep, o.free_blocks > 0),
        (Phase::Release, o.released > 0),
        (Phase::Trap, trapped),
    ] {
        if reached {
            put(Family::Phase, phase as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_state_feature_has_a_name_of_its_own_and_lies_where_its_family_is() {
        let names: BTreeSet<String> = (0..STATES).map(|n| State::nth(n).to_string()).collect();
        assert_eq!(names.len(), STATES);
        for family in Family::ALL {
            for n in [0, family.size() - 1] {
                assert_eq!(State::new(family, n).unwrap().place(), (family, n));
            }
            assert_eq!(State::new(family, family.size()), None);
        }
        for name in ["worklist.2^5", "worklist.16/16", "path.bump", "refused.memory-limit", "end.payload.-3.mod5"] {
            assert!(names.contains(name), "{name}");
        }
        for (i, rule) in TrapRule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, i);
        }
        assert!(PATHS.into_iter().enumerate().all(|(i, (path, _))| path as usize == i));
        assert!(Phase::ALL.into_iter().enumerate().all(|(i, phase)| phase as usize == i));
    }
}
