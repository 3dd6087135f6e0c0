//! Deterministic randomness: a pair of numbers names a stream, and a stream never changes.
//!
//! Only raw output of the PCG generator is used, never a distribution of the `rand` crate, because those may change
//! their streams between releases and a seed in an old report must still reproduce its program.

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(Pcg64Mcg);

/// The finaliser of SplitMix64: one to one, and every bit of the input reaches every bit of the output.
fn splitmix64(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The stream with this seed and index.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let high = splitmix64(seed);
        let low = splitmix64(high ^ splitmix64(index));
        let mut random = Self(Pcg64Mcg::new((u128::from(high) << 64) | u128::from(low)));
        // The first outputs of neighbouring states are alike.
        random.next();
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u32 {
        (self.0.next_u64() >> 32) as u32
    }

    /// `0..bound`; 0 if the bound is 0. The bias is below 2^-32 times the bound, which is of no matter here.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(bound)) >> 32) as u32
    }

    /// `low..=high`, which must be in order and less than 2^32 apart.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low.wrapping_add_unsigned(self.below(high.abs_diff(low) + 1))
    }

    /// `low..=high`, in order.
    pub(crate) fn within(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u32) as usize]
    }

    /// An index, as often as its weight says; 0 if all weights are 0.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }
}

/// Input number `index` of a seed for whatever takes raw bytes, where no fuzzer makes them: up to `most` bytes, short ones as often as long ones.
#[must_use]
pub fn raw_bytes(seed: u64, index: u64, most: u32) -> Vec<u8> {
    let mut random = Random::new(seed, index);
    let len = random.below(most + 1);
    (0..len).map(|_| random.next() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_never_change() {
        let mut random = Random::new(1, 2);
        let first: [u32; 4] = std::array::from_fn(|_| random.next());
        insta::assert_snapshot!(format!("{first:x?}"), @"[915c0e84, df2e8852, 3c3c85f0, 80c5cb5a]");
    }

    #[test]
    fn ranges_are_reached_to_both_ends_and_not_left() {
        let mut random = Random::new(0, 0);
        let drawn: Vec<i32> = (0..1_000).map(|_| random.between(-2, 2)).collect();
        for value in -2..=2 {
            assert!(drawn.contains(&value), "{value}");
        }
        assert!(drawn.iter().all(|value| (-2..=2).contains(value)));
        assert_eq!(random.below(0), 0);
        assert_eq!(random.weighted([0, 0].into_iter()), 0);
        assert_eq!(random.weighted([0, 3, 0].into_iter()), 1);
    }
}
