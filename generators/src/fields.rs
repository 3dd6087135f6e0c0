//! Objects of many pointer fields: how many they have, and which of them a program is about.
//!
//! A barrier, a table of cards or a mask of fields ends somewhere, or comes round to where it began. That is at a power of two, or beside one, or at a number
//! that nobody would guess: so numbers and indices seek powers of two, and runs of neighbours come to every index.

use crate::rng::Random;
use std::ops::Range;

/// Exponents of the numbers of fields.
const POWERS: std::ops::RangeInclusive<u32> = 3..=8;
/// Fields of one object, at most.
const MOST: u32 = 300;

/// Fields of an object that has many: as often just past a power of two as far from one.
pub(crate) fn many(random: &mut Random) -> u32 {
    let power = 1 << random.within(*POWERS.start(), *POWERS.end());
    let beyond = if random.one_in(2) { random.below(3) } else { random.below(power) };
    (power + beyond).min(MOST)
}

/// One of so many fields: the last or the one before it, a power of two or beside one, or any.
pub(crate) fn one(random: &mut Random, fields: u32) -> u32 {
    let field = match random.below(4) {
        0 => fields.saturating_sub(random.within(1, 2)),
        1 => random.below(fields),
        _ => (1 << random.within(0, fields.max(1).ilog2())) + random.below(3) - 1,
    };
    field.min(fields.saturating_sub(1))
}

/// Neighbours among so many fields, `most` of them where there are as many.
pub(crate) fn run(random: &mut Random, fields: u32, most: u32) -> Range<u32> {
    let first = one(random, fields).saturating_sub(random.below(most)).min(fields.saturating_sub(most));
    first..fields.min(first + most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_index_comes_up_and_those_at_powers_of_two_do_most() {
        let mut random = Random::new(1, 0);
        let (mut singles, mut runs, mut numbers) = (vec![0; MOST as usize], BTreeSet::new(), BTreeSet::new());
        for _ in 0..20_000 {
            let fields = many(&mut random);
            numbers.insert(fields);
            let field = one(&mut random, fields);
            assert!(field < fields);
            singles[field as usize] += 1;
            let run = run(&mut random, fields, 12);
            assert!(run.end <= fields && run.len() == fields.min(12) as usize, "{run:?} of {fields}");
            runs.extend(run);
        }
        assert_eq!(runs, (0..MOST).collect());
        assert_eq!(numbers.range(..64).count(), 56, "{numbers:?}");
        for power in POWERS.map(|power| 1_usize << power) {
            assert!(numbers.contains(&(power as u32)) && numbers.contains(&(power as u32 + 1)), "{power}");
            for beside in power - 1..=power + 1 {
                assert!(singles[beside] > 2 * singles[power + power / 8 + 3], "{beside}: {singles:?}");
            }
        }
    }

    #[test]
    fn few_fields_and_none_are_no_trouble() {
        let mut random = Random::new(1, 0);
        for _ in 0..100 {
            assert_eq!((one(&mut random, 0), one(&mut random, 1)), (0, 0));
            assert_eq!(run(&mut random, 2, 8), 0..2);
        }
    }
}
