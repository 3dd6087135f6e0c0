//! Programs of a fixed form that lay out what a collector is apt to misread: words that are all but pointers, headers that are like
//! pointers, and a growth whose number of pages does not fit into a byte.
//!
//! They are drawn from a stream of their own, as rare programs are, so that all others are what they would be without.

use crate::builder::Limits;
use crate::campaign::Capacities;
use crate::program::{Count, Init, Machine, Op, Program, Reg, Size, Word};
use crate::rare::{alloc, heap_start, machine};
use crate::rng::Random;
use crate::sizes::PAGE;

/// Sets the stream of choices apart from all others.
const STREAM: u64 = 0x6d69_7372_6561_6421;
/// Of so many programs, one has words that are all but pointers, one a header like a pointer, and one a growth by hundreds of pages.
const ONE_IN: [u32; 3] = [80, 150, 400];
/// Words that are written into one object: a program stays short.
const WORDS: usize = 36;
/// Words before places that some of those point to: what is taken for the header of an object there is a plausible one, and no large number.
const HEADERS: usize = 8;
/// The bytes of heap for which bit tables, cards and lines have a unit.
const UNITS: [u32; 7] = [16, 32, 64, 128, 256, 512, 4_096];
/// Heaps from here on start too high for an object of half their address.
const HIGH: u64 = 1 << 18;

const KEEPER: Reg = Reg::new(0);
const OTHER: Reg = Reg::new(1);
const THIRD: Reg = Reg::new(2);

/// The program of these that stands in place of program `index`, if one does.
pub(crate) fn program(
    seed: u64,
    index: u64,
    machines: &[Machine],
    vast: Machine,
    defaults: Capacities,
) -> Option<Program> {
    let mut random = Random::new(seed ^ STREAM, index);
    let [interior, header, growth] = ONE_IN.map(|n| random.one_in(n));
    if interior {
        interior_words(&mut random, machines, defaults)
    } else if header {
        header_like_a_pointer(&mut random, machines, defaults)
    } else if growth {
        growth_by_hundreds(&mut random, vast, defaults)
    } else {
        None
    }
}

/// Whether the heap of a machine holds so many bytes, within its page limit.
fn holds(machine: Machine, defaults: Capacities, bytes: u32) -> bool {
    heap_start(machine, defaults) + u64::from(bytes)
        <= u64::from(Limits::of(machine, defaults).max_pages) * u64::from(PAGE)
}

/// The heap's first object is long, and a second one holds words that point into it: around its start, at the units of tables from it on, and
/// anywhere on the phase of a payload. None is the start of an object.
fn interior_words(random: &mut Random, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let size = 8 * random.within(66, 600) - 4 * random.below(2);
    let machine = machine(random, machines, |machine| holds(machine, defaults, size + 1_024))?;
    let mut offsets: Vec<u32> = (1..=8).collect();
    offsets.extend(UNITS.iter().flat_map(|unit| (1..=3).map(move |n| n * unit)));
    offsets.extend((1..=8).map(|n| 512 * n));
    while offsets.len() < 64 {
        offsets.push(8 * random.within(1, size / 8));
    }
    offsets.retain(|&offset| offset < size);
    while offsets.len() > WORDS {
        let out = random.below(offsets.len() as u32) as usize;
        offsets.swap_remove(out);
    }
    let mut ops = vec![alloc(KEEPER, size, 0, Init::Fill(1)), alloc(OTHER, 4 * offsets.len() as u32, 0, Init::Null)];
    for (word, &offset) in (0..).zip(&offsets) {
        ops.push(Op::Write { obj: OTHER, word, value: Word::Address { of: KEEPER, offset: offset.cast_signed() } });
    }
    for offset in offsets.into_iter().filter(|offset| offset.is_multiple_of(8)).take(HEADERS) {
        ops.push(Op::Write { obj: KEEPER, word: offset / 4 - 1, value: Word::Value(2 * random.within(1, 40)) });
    }
    if random.one_in(3) {
        // Then these words are all that is left of it.
        ops.push(Op::Drop { reg: KEEPER });
    }
    ops.push(Op::Garbage { count: Count::new(random.within(1, 4)), size: Size::Bytes(8) });
    ops.push(Op::Collect);
    ops.push(alloc(THIRD, 8, 0, Init::Fill(2)));
    ops.extend([KEEPER, OTHER, THIRD].map(|reg| Op::Check { reg }));
    Some(Program { machine, ops })
}

/// A block whose header, twice its size and a mark, reads as the address of the heap's first object, right behind one whose payload ends where
/// its block does; the first object is garbage.
fn header_like_a_pointer(random: &mut Random, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let fits = |machine: Machine| {
        let start = heap_start(machine, defaults);
        start < HIGH && holds(machine, defaults, start as u32)
    };
    let machine = machine(random, machines, fits)?;
    let first = heap_start(machine, defaults) as u32 + 4;
    let mut ops = vec![
        alloc(OTHER, 4 * random.within(1, 3), 0, Init::Fill(1)),
        alloc(KEEPER, 8 * random.below(6) + 4, 0, Init::Fill(2)),
        alloc(THIRD, first / 2, 0, Init::Ends(3)),
        Op::Drop { reg: OTHER },
    ];
    // An odd address is the header of a marked block.
    if first.is_multiple_of(2) {
        ops.push(Op::Drop { reg: THIRD });
    }
    ops.push(Op::Collect);
    ops.push(alloc(OTHER, 4, 0, Init::Fill(4)));
    ops.extend([KEEPER, OTHER].map(|reg| Op::Check { reg }));
    Some(Program { machine, ops })
}

/// An object for which memory grows by 256 pages and more at once.
fn growth_by_hundreds(random: &mut Random, vast: Machine, defaults: Capacities) -> Option<Program> {
    let size = (256 + random.below(8)) * PAGE + 4 * random.below(PAGE / 4);
    if !holds(vast, defaults, size + PAGE) {
        return None;
    }
    let ops = vec![
        alloc(KEEPER, 4 * random.within(1, 6), 0, Init::Fill(1)),
        alloc(OTHER, size, 0, Init::Ends(2)),
        Op::Check { reg: OTHER },
        Op::Drop { reg: OTHER },
        Op::Collect,
        Op::Check { reg: KEEPER },
    ];
    Some(Program { machine: vast, ops })
}
