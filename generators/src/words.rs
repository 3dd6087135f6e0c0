//! Data words that a collector may take for something else: addresses, interior addresses, edges of regions, headers.

use crate::program::{Reg, Region, Word};
use crate::rng::Random;

/// Offsets from an address: none, whole words, and some that keep the phase of payloads (multiples of 8).
const OFFSETS: [i32; 20] = [0, 0, 0, 8, 8, 16, 24, 32, 64, -8, -16, 4, -4, 12, 20, 1, 2, -1, 3, 40];

/// A data word; `adversarial_percent` of 100 are adversarial.
pub(crate) fn draw(random: &mut Random, adversarial_percent: u32, of: Reg) -> Word {
    if !random.percent(adversarial_percent) {
        return Word::Value(plain(random));
    }
    let offset = if random.one_in(8) { 8 * random.between(-16, 64) } else { random.pick(&OFFSETS) };
    match random.below(16) {
        0..=6 => Word::Address { of, offset },
        7..=9 => Word::Recent { back: recent(random), offset },
        10..=12 => region(random),
        _ => Word::Value(header(random)),
    }
}

fn plain(random: &mut Random) -> u32 {
    match random.below(4) {
        0 => 0,
        1 => random.below(256),
        2 => random.next(),
        _ => random.pick(&[1, 2, 3, u32::MAX, 0x7fff_ffff, 0x8000_0000, 0xdead_beef]),
    }
}

/// How many allocations ago: mostly few.
pub(crate) fn recent(random: &mut Random) -> u32 {
    if random.percent(75) { random.below(4) } else { random.below(32) }
}

/// An edge of a region, or a few words to one side of it.
pub(crate) fn region(random: &mut Random) -> Word {
    let region = random.pick(&[
        Region::Heap,
        Region::HeapEnd,
        Region::Heap,
        Region::HeapEnd,
        Region::MemoryEnd,
        Region::Roots,
        Region::Worklist,
    ]);
    let offset = if random.one_in(8) { random.between(-3, 3) } else { 4 * random.between(-4, 4) };
    Word::Region { region, offset }
}

/// A word that reads as a header: a size shifted left by one, and a mark bit.
pub(crate) fn header(random: &mut Random) -> u32 {
    let size = match random.below(8) {
        0 => 0,
        1..=3 => 4 * random.below(17),
        4 => random.below(1 << 12),
        5 => random.below(1 << 18),
        6 => random.pick(&[0x7fff_ffff, 0x3fff_ffff, 0x4000_0000, 0x7fff_fff8, 0xffff]),
        _ => return random.pick(&[0, 0, 1, u32::MAX, u32::MAX - 1, 0x8000_0000]),
    };
    (size << 1) | random.below(2)
}
