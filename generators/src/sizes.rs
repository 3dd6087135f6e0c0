//! Sizes that seek boundaries: the largest single reason why generated programs find faults.

use crate::program::{Edge, Init, Part, Size};
use crate::rng::Random;

/// Bytes of a page.
pub(crate) const PAGE: u32 = 1 << 16;
/// Payloads above this are large: filling them whole would cost more than the rest of the program.
const LARGE: u32 = 1 << 10;
/// Page limits from here on leave room for allocations of hundreds of kilobytes.
pub(crate) const ROOMY_PAGES: u32 = 16;

/// A short memory of the sizes of a program, so that freed blocks are asked for again, exactly or one off.
#[derive(Debug, Clone, Default)]
pub(crate) struct SizeMemory {
    sizes: [u32; 8],
    known: usize,
}

impl SizeMemory {
    pub(crate) fn remember(&mut self, size: Size) {
        if let Size::Bytes(bytes) = size
            && bytes <= 4 * PAGE
        {
            self.sizes[self.known % self.sizes.len()] = bytes;
            self.known += 1;
        }
    }

    /// A size used before.
    pub(crate) fn recall(&self, random: &mut Random) -> Option<u32> {
        let known = self.known.min(self.sizes.len());
        (known > 0).then(|| self.sizes[random.below(known as u32) as usize])
    }
}

/// A size used before, mostly the same, sometimes a little off.
pub(crate) fn again(random: &mut Random, bytes: u32) -> u32 {
    match random.below(8) {
        0..=3 => bytes,
        4 => bytes + 1,
        5 => bytes.saturating_sub(1),
        6 => bytes.saturating_add_signed(random.pick(&[-8, -4, 4, 8])),
        _ => bytes.next_multiple_of(8),
    }
}

/// Any size: small, seen before, or at a boundary in `boundary_percent` of 100 cases.
pub(crate) fn draw(random: &mut Random, memory: &SizeMemory, boundary_percent: u32, max_pages: u32) -> Size {
    if random.percent(boundary_percent) {
        return boundary(random, max_pages);
    }
    if random.percent(35)
        && let Some(bytes) = memory.recall(random)
    {
        return Size::Bytes(again(random, bytes));
    }
    Size::Bytes(if random.percent(85) { small(random) } else { near_power_of_two(random, 12) })
}

/// `0..=64`, and multiples of 4 more often than not.
pub(crate) fn small(random: &mut Random) -> u32 {
    if random.percent(60) { 4 * random.below(17) } else { random.below(65) }
}

fn near_power_of_two(random: &mut Random, most: u32) -> u32 {
    let power = 1_u32 << random.within(6, most);
    power.saturating_add_signed(random.between(-16, 16))
}

/// A size at a boundary of some kind.
pub(crate) fn boundary(random: &mut Random, max_pages: u32) -> Size {
    match random.below(64) {
        0..=43 => edge(random, max_pages),
        44..=50 => Size::Bytes(near_power_of_two(random, 17)),
        51..=58 => Size::Bytes((PAGE * random.within(1, 3)).saturating_add_signed(random.between(-16, 16))),
        59 if max_pages >= ROOMY_PAGES => Size::Bytes(8 * random.within(30_000, 60_000)),
        59..=60 => Size::Bytes(PAGE.saturating_add_signed(random.between(-16, 16))),
        _ => near_limit(random),
    }
}

/// The payload or the block ends near an edge, or near one of the pages after it.
pub(crate) fn edge(random: &mut Random, max_pages: u32) -> Size {
    // A roomy memory is filled to its limit rarely, because all of it is then compared after the run.
    let limit_is_cheap = max_pages < ROOMY_PAGES;
    let edge = match random.below(24) {
        0 => Edge::Limit,
        1..=4 if limit_is_cheap => Edge::Limit,
        1..=13 => Edge::Memory,
        _ => Edge::Page,
    };
    at_edge(random, edge, max_pages)
}

/// As [`edge`], with the edge given.
pub(crate) fn at_edge(random: &mut Random, edge: Edge, max_pages: u32) -> Size {
    let part = random.pick(&[Part::Payload, Part::Block]);
    let near = if random.percent(60) { random.between(-16, 16) } else { random.pick(&[-8, -4, -1, 0, 0, 1, 4, 8]) };
    let pages: u32 = match edge {
        Edge::Limit => random.pick(&[0, 0, 0, 0, 0, 0, 0, 1]),
        // More pages than the limit can hold would end too many programs early.
        Edge::Memory | Edge::Page => random.pick(&[0, 0, 0, 0, 0, 1, 1, 2, 3]).min(max_pages.div_ceil(2)),
    };
    Size::Edge { edge, part, delta: near + (pages * PAGE).cast_signed() }
}

/// A size that arithmetic on 32 bits, signed or not, may get wrong. Every collector must refuse it.
pub(crate) fn near_limit(random: &mut Random) -> Size {
    const NEAR: [u32; 8] =
        [0x7fff_fff0, 0x7fff_fff8, 0x7fff_ffff, 0x8000_0000, 0xffff_0000, 0xffff_fff5, 0xffff_fff8, u32::MAX];
    Size::Bytes(match random.below(5) {
        0 => (1_u32 << 31) - 1 - random.below(64),
        // These wrap when a header and a rounding are added.
        1..=2 => u32::MAX - random.below(16),
        3 => random.pick(&NEAR).saturating_add_signed(random.between(-4, 4)),
        _ => random.pick(&NEAR),
    })
}

/// Whether a payload of this size is, or may be, large.
pub(crate) fn is_large(size: Size) -> bool {
    match size {
        Size::Bytes(bytes) => bytes > LARGE,
        Size::Edge { .. } => true,
    }
}

/// What an allocation of this size writes: rarely all of a large payload.
pub(crate) fn init(random: &mut Random, size: Size) -> Init {
    let pattern = random.next() & 0xffff;
    if is_large(size) && !random.one_in(40) {
        return random.pick(&[Init::Ends(pattern), Init::Ends(pattern), Init::Bare, Init::Null]);
    }
    random.pick(&[
        Init::Fill(pattern),
        Init::Fill(pattern),
        Init::Fill(pattern),
        Init::Null,
        Init::Bare,
        Init::Ends(pattern),
    ])
}
