//! What a program reached: features by name, and sets of them.

use super::Edges;
use super::state::{STATES, State};
use std::fmt;

/// Something that a program reached. Two of the same name are the same one, on any machine of a release and in any process; the order is
/// that of families for the state, then that of names and numbers for edges.
///
/// The name is `Display`: `worklist.2^5` (the worklist was 32 to 63 deep), `path.bump`, `end.payload.-3.mod5`, or
/// `edge.alloc.17.x2` (edge 17 of function `alloc` was taken twice; `x4` stands for 4 to 7 times, `x8` for 8 to 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Feature(Inner);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Inner {
    State(State),
    Edge { function: &'static str, number: u32, class: u8 },
}

/// Classes of hit counts, as libFuzzer has them: 1, 2, 3, 4, 8, 16, 32, 128 and more.
const CLASSES: [u8; 8] = [1, 2, 3, 4, 8, 16, 32, 128];

/// The class of a count that is not 0.
const fn class(count: u8) -> u8 {
    match count {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4..=7 => 3,
        8..=15 => 4,
        16..=31 => 5,
        32..=127 => 6,
        128..=255 => 7,
    }
}

impl Feature {
    /// Function and number of the edge, if it is one.
    #[must_use]
    pub const fn edge(&self) -> Option<(&'static str, u32)> {
        match self.0 {
            Inner::Edge { function, number, .. } => Some((function, number)),
            Inner::State(_) => None,
        }
    }

    /// All state features of a family, in their order.
    pub fn of(family: super::Family) -> impl Iterator<Item = Self> {
        (0..family.size()).filter_map(move |number| State::new(family, number)).map(|state| Self(Inner::State(state)))
    }

    /// Its family, if it is a state feature.
    #[must_use]
    pub fn family(&self) -> Option<super::Family> {
        match self.0 {
            Inner::State(state) => Some(state.place().0),
            Inner::Edge { .. } => None,
        }
    }
}

#[cfg(test)]
impl Feature {
    /// A state feature, for tests.
    pub(crate) const fn nth_state(number: usize) -> Self {
        Self(Inner::State(State::nth(number)))
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inner::State(state) => state.fmt(f),
            Inner::Edge { function, number, class } => {
                write!(f, "edge.{function}.{number}.x{}", CLASSES[usize::from(class) % CLASSES.len()])
            }
        }
    }
}

/// Bits of a set of small numbers; never with zeroes at the end, so that equal sets are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, number: usize) -> bool {
        let (word, bit) = (number / 64, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// How many were added.
    fn union(&mut self, other: &Self) -> usize {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        let mut new = 0;
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            new += (more & !*word).count_ones() as usize;
            *word |= more;
        }
        new
    }

    fn difference(&self, other: &Self) -> Self {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        let mut bits: Vec<u64> = self.0.iter().zip(others).map(|(word, less)| word & !less).collect();
        while bits.last() == Some(&0) {
            bits.pop();
        }
        Self(bits)
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|&number| self.contains(number))
    }
}

/// A set of features, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Features {
    states: Bits,
    /// By function, in the order of names; for each edge as many bits as there are classes. None is empty.
    edges: Vec<(&'static str, Bits)>,
}

impl Features {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { states: Bits(Vec::new()), edges: Vec::new() }
    }

    /// Adds a feature; says whether it is new.
    pub fn insert(&mut self, feature: Feature) -> bool {
        match feature.0 {
            Inner::State(state) => self.states.insert(state.number()),
            Inner::Edge { function, number, class } => {
                self.function(function).insert(number as usize * CLASSES.len() + usize::from(class))
            }
        }
    }

    /// Whether a feature is in it.
    #[must_use]
    pub fn contains(&self, feature: Feature) -> bool {
        match feature.0 {
            Inner::State(state) => self.states.contains(state.number()),
            Inner::Edge { function, number, class } => {
                let bits =
                    self.edges.binary_search_by(|(name, _)| (*name).cmp(function)).ok().map(|i| &self.edges[i].1);
                bits.is_some_and(|bits| bits.contains(number as usize * CLASSES.len() + usize::from(class)))
            }
        }
    }

    /// Adds all features of another set; says how many were new.
    pub fn union(&mut self, other: &Self) -> usize {
        let mut new = self.states.union(&other.states);
        for (function, bits) in &other.edges {
            new += self.function(function).union(bits);
        }
        new
    }

    /// The features that another set does not have.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let none = Bits::default();
        let edges = self.edges.iter().map(|(function, bits)| {
            let less =
                other.edges.binary_search_by(|(name, _)| (*name).cmp(function)).map_or(&none, |i| &other.edges[i].1);
            (*function, bits.difference(less))
        });
        Self {
            states: self.states.difference(&other.states),
            edges: edges.filter(|(_, bits)| !bits.0.is_empty()).collect(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len() + self.edges.iter().map(|(_, bits)| bits.len()).sum::<usize>()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many edges are in it, however often they were taken.
    #[must_use]
    pub fn edges(&self) -> usize {
        let mut edges: Vec<(&str, u32)> = self.iter().filter_map(|feature| feature.edge()).collect();
        edges.dedup();
        edges.len()
    }

    /// Numbers of its state features, each below [`STATES`].
    pub(crate) fn states(&self) -> impl Iterator<Item = usize> + '_ {
        self.states.iter()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.states.0.clear();
        self.edges.clear();
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Feature> + '_ {
        let states = self.states.iter().map(|number| Feature(Inner::State(State::nth(number))));
        let edges = self.edges.iter().flat_map(|(function, bits)| {
            bits.iter().map(|number| {
                let (number, class) = ((number / CLASSES.len()) as u32, (number % CLASSES.len()) as u8);
                Feature(Inner::Edge { function, number, class })
            })
        });
        states.chain(edges)
    }

    /// Adds a state feature.
    pub(super) fn reach(&mut self, state: State) {
        debug_assert!(state.number() < STATES);
        self.states.insert(state.number());
    }

    /// Adds the edges that counters show.
    pub(super) fn count(&mut self, edges: &Edges, counters: &[u8]) {
        for (function, first, count) in edges.by_name() {
            let counters = counters.get(first as usize..(first + count) as usize).unwrap_or_default();
            if counters.iter().all(|&count| count == 0) {
                continue;
            }
            let bits = self.function(function);
            for (number, &count) in counters.iter().enumerate().filter(|&(_, &count)| count > 0) {
                bits.insert(number * CLASSES.len() + usize::from(class(count)));
            }
        }
    }

    fn function(&mut self, name: &'static str) -> &mut Bits {
        let at = self.edges.binary_search_by(|(known, _)| (*known).cmp(name));
        let at = at.unwrap_or_else(|at| {
            self.edges.insert(at, (name, Bits::default()));
            at
        });
        &mut self.edges[at].1
    }
}

impl Extend<Feature> for Features {
    fn extend<I: IntoIterator<Item = Feature>>(&mut self, features: I) {
        for feature in features {
            self.insert(feature);
        }
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        let mut set = Self::new();
        set.extend(features);
        set
    }
}
