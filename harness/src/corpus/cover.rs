//! Small covers: as few sets as a greedy choice finds, that together have every element of all.
//!
//! The greedy choice takes the set with most elements that are not covered yet, and of several such ones the first in order. What it
//! finds is at most `1 + 1/2 + .. + 1/n` times as large as the smallest cover there is, where `n` is the size of the largest set, and no
//! polynomial algorithm has a better bound (Feige 1998). Later choices can make an earlier one superfluous; those are taken out, the last
//! in order first, so that no member of the result can be spared.
//!
//! [`Growing`] covers a stream of sets with the memory of its result.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A set to cover with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<K> {
    /// Decides between sets that cover as much: the least is taken. Two sets of one key are told apart by nothing.
    pub key: K,
    /// Its elements, each once.
    pub elements: Vec<u32>,
}

/// The positions of the chosen sets, in the order of their keys. The order of `sets` does not matter.
pub fn cover<K: Ord>(sets: &[Set<K>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by(|&a, &b| sets[a].key.cmp(&sets[b].key));
    let mut covered = Counts::default();
    let mut chosen = Vec::new();
    // What a set adds never grows, so a number that is still right when it comes up is the largest.
    let entry = |rank: usize, gain: usize| (gain, Reverse(rank));
    let mut best: BinaryHeap<_> =
        order.iter().enumerate().map(|(rank, &at)| entry(rank, sets[at].elements.len())).collect();
    while let Some((stated, Reverse(rank))) = best.pop() {
        let elements = &sets[order[rank]].elements;
        let gain = elements.iter().filter(|&&e| covered.of(e) == 0).count();
        if gain == 0 {
            continue;
        }
        if gain < stated {
            best.push(entry(rank, gain));
            continue;
        }
        covered.add(elements);
        chosen.push(rank);
    }
    chosen.sort_unstable();
    let mut spared = vec![false; chosen.len()];
    for (at, &rank) in chosen.iter().enumerate().rev() {
        spared[at] = covered.spare(&sets[order[rank]].elements);
    }
    chosen.iter().zip(spared).filter(|(_, spared)| !spared).map(|(&rank, _)| order[rank]).collect()
}

/// By how many sets each element is covered.
#[derive(Debug, Clone, Default)]
struct Counts(Vec<u32>);

impl Counts {
    fn of(&self, element: u32) -> u32 {
        self.0.get(element as usize).copied().unwrap_or(0)
    }

    fn add(&mut self, elements: &[u32]) {
        for &element in elements {
            let at = element as usize;
            if self.0.len() <= at {
                self.0.resize(at + 1, 0);
            }
            self.0[at] += 1;
        }
    }

    /// Takes a set out that is counted, if what is left covers its elements.
    fn spare(&mut self, elements: &[u32]) -> bool {
        let spared = elements.iter().all(|&element| self.of(element) > 1);
        if spared {
            self.remove(elements);
        }
        spared
    }

    fn remove(&mut self, elements: &[u32]) {
        for &element in elements {
            self.0[element as usize] -= 1;
        }
    }
}

/// A cover of all sets that were offered so far, no member of which can be spared.
///
/// Each member has an element that no other member has, so there are never more members than elements.
#[derive(Debug, Clone)]
pub struct Growing<K> {
    members: Vec<Set<K>>,
    counts: Counts,
}

/// What became of a set that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It is a member, and so many others are none any more.
    Kept {
        /// How many.
        instead_of: usize,
    },
    /// The members cover it.
    Spared,
}

impl<K: Ord> Default for Growing<K> {
    fn default() -> Self {
        Self { members: Vec::new(), counts: Counts::default() }
    }
}

impl<K: Ord> Growing<K> {
    /// The cover of one more set. A set without an element that is new is a member only where it makes more than one other superfluous,
    /// or one that comes after it in order.
    pub fn offer(&mut self, set: Set<K>) -> Offer {
        let new = set.elements.iter().any(|&element| self.counts.of(element) == 0);
        self.counts.add(&set.elements);
        // Those that come last in order go first.
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by(|&a, &b| self.members[b].key.cmp(&self.members[a].key));
        let mut out: Vec<usize> = Vec::new();
        for at in order {
            if self.counts.spare(&self.members[at].elements) {
                out.push(at);
            }
        }
        let better = match out.as_slice() {
            [] => false,
            [one] => set.key < self.members[*one].key,
            [..] => true,
        };
        if !new && !better {
            for &at in &out {
                self.counts.add(&self.members[at].elements);
            }
            self.counts.remove(&set.elements);
            return Offer::Spared;
        }
        out.sort_unstable();
        for &at in out.iter().rev() {
            self.members.remove(at);
        }
        self.members.push(set);
        Offer::Kept { instead_of: out.len() }
    }

    /// The members, in the order in which they were offered.
    #[must_use]
    pub fn members(&self) -> &[Set<K>] {
        &self.members
    }

    /// The members, and no more.
    #[must_use]
    pub fn into_members(self) -> Vec<Set<K>> {
        self.members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::next_random;
    use std::collections::BTreeSet;

    /// A draw below `n`.
    fn draw(state: &mut u32, n: u32) -> u32 {
        *state = next_random(*state);
        (*state >> 8) % n
    }

    fn sets(state: &mut u32) -> Vec<Set<(u32, usize)>> {
        let (count, universe) = (1 + draw(state, 9), 1 + draw(state, 9));
        let share = 1 + draw(state, 4);
        let one = |i: usize, state: &mut u32| {
            let elements = (0..universe).filter(|_| draw(state, 5) < share).collect();
            Set { key: (draw(state, 4), i), elements }
        };
        (0..count as usize).map(|i| one(i, state)).collect()
    }

    fn union<'a, K: 'a>(sets: impl IntoIterator<Item = &'a Set<K>>) -> BTreeSet<u32> {
        sets.into_iter().flat_map(|set| set.elements.iter().copied()).collect()
    }

    /// The size of the smallest cover, by trying all.
    fn smallest<K>(sets: &[Set<K>]) -> usize {
        let all = union(sets);
        let chosen = |mask: u32| sets.iter().enumerate().filter(move |(i, _)| mask >> i & 1 == 1).map(|(_, set)| set);
        let covers = (0..1_u32 << sets.len()).filter(|&mask| union(chosen(mask)) == all);
        covers.map(|mask| mask.count_ones() as usize).min().unwrap()
    }

    fn irredundant<K>(chosen: &[&Set<K>], all: &BTreeSet<u32>) -> bool {
        (0..chosen.len())
            .all(|i| union(chosen.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, set)| *set)) != *all)
    }

    #[test]
    fn a_cover_has_every_element_none_to_spare_and_is_near_the_smallest() {
        let mut state = 7;
        let (mut optimal, mut larger) = (0, 0);
        for _ in 0..600 {
            let sets = sets(&mut state);
            let all = union(&sets);
            let chosen: Vec<&Set<_>> = cover(&sets).into_iter().map(|at| &sets[at]).collect();
            assert_eq!(union(chosen.iter().copied()), all, "{sets:?}");
            assert!(irredundant(&chosen, &all), "{sets:?}");
            assert!(chosen.is_sorted_by_key(|set| set.key));
            let least = smallest(&sets);
            let largest = sets.iter().map(|set| set.elements.len()).max().unwrap();
            let bound: f64 = (1..=largest).map(|i| 1.0 / i as f64).sum::<f64>() * least as f64;
            assert!(chosen.len() as f64 <= bound, "{} of {least}: {sets:?}", chosen.len());
            *(if chosen.len() == least { &mut optimal } else { &mut larger }) += 1;
        }
        // The greedy choice is not the smallest cover, or this test would compare nothing.
        assert!(optimal > 500 && larger > 0, "{optimal} as small as can be, {larger} larger");
    }

    #[test]
    fn the_order_of_the_input_does_not_matter() {
        let mut state = 3;
        for _ in 0..200 {
            let sets = sets(&mut state);
            let keys = |sets: &[Set<(u32, usize)>]| cover(sets).into_iter().map(|at| sets[at].key).collect::<Vec<_>>();
            let expected = keys(&sets);
            let mut shuffled = sets.clone();
            for i in (1..shuffled.len()).rev() {
                shuffled.swap(i, draw(&mut state, i as u32 + 1) as usize);
            }
            assert_eq!(keys(&shuffled), expected);
        }
    }

    #[test]
    fn of_sets_that_cover_as_much_the_first_in_order_is_taken() {
        let set = |key, elements: &[u32]| Set { key, elements: elements.to_vec() };
        assert_eq!(cover(&[set(2, &[0, 1]), set(1, &[1, 0])]), [1]);
        assert_eq!(cover(&[set(1, &[0]), set(9, &[0, 1, 2]), set(2, &[3])]), [2, 1], "most elements first, then keys");
        // After the second and the third, nothing is left that only the first has.
        let superfluous = [set(1, &[0, 1, 2, 3]), set(2, &[0, 1, 4]), set(3, &[2, 3, 5])];
        assert_eq!(cover(&superfluous), [1, 2]);
        assert_eq!(cover::<u32>(&[]), [0; 0]);
        assert_eq!(cover(&[set(1, &[])]), [0; 0]);
    }

    #[test]
    fn a_growing_cover_is_one_after_every_offer_and_never_has_one_to_spare() {
        let mut state = 11;
        let mut replaced = 0;
        for _ in 0..400 {
            let sets = sets(&mut state);
            let mut growing = Growing::default();
            for (i, set) in sets.iter().enumerate() {
                let before = growing.members().len();
                match growing.offer(set.clone()) {
                    Offer::Kept { instead_of } => {
                        assert_eq!(growing.members().len(), before + 1 - instead_of);
                        replaced += instead_of;
                    }
                    Offer::Spared => assert_eq!(growing.members().len(), before),
                }
                let all = union(&sets[..=i]);
                let members: Vec<&Set<_>> = growing.members().iter().collect();
                assert_eq!(union(members.iter().copied()), all);
                assert!(irredundant(&members, &all) && members.len() <= all.len());
            }
        }
        assert!(replaced > 100, "{replaced}");
    }
}
