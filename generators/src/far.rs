//! Programs that hold small objects far from the heap's start when a collection comes: a bit map, a table or a comparison that ends too early shows in no
//! other object.
//!
//! A few large objects, each about twice the one before it, carry the heap's end upwards, and small ones lie behind each. The large ones are dropped before
//! the collection, because a collector that looks at all words would look at all of theirs.
//!
//! They are drawn from a stream of their own, as rare programs are, so that all others are what they would be without.

use crate::campaign::Capacities;
use crate::program::{Count, Edge, Init, Machine, Op, Part, Placement, Program, Reg, Size};
use crate::rare::{alloc, machine};
use crate::rng::Random;
use crate::sizes::PAGE;

/// Sets the stream of choices apart from all others.
const STREAM: u64 = 0x6661_725f_6f66_665f;
/// Of so many programs, one is of these.
const ONE_IN: u32 = 60;
/// Pages that are filled, more or less. A page costs what a small program does, so that the more there are, the rarer they are.
const PAGES: [u32; 10] = [16, 32, 32, 32, 64, 64, 64, 64, 128, 256];
/// Pages below which nothing is far.
const LEAST: u32 = 8;
/// Exponents of the sizes of small objects: each place has its own, so that what has size classes takes new memory for it.
const SIZES: std::ops::RangeInclusive<u32> = 4..=11;
/// Small objects at one place, one pointing to the next.
const TOGETHER: u32 = 3;
/// Large objects, at least and at most.
const FEWEST: u32 = 2;
const PIECES: u32 = 3;

const NEW: Reg = Reg::new(13);
const OTHER: Reg = Reg::new(14);

/// What holds the small objects of one place, and the large object before them.
const fn small(place: u32) -> Reg {
    Reg::new(place as u8)
}

const fn large(place: u32) -> Reg {
    Reg::new((PIECES + place) as u8)
}

/// Which of the small objects hold those of other places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// None: registers do.
    Apart,
    /// Each those before it: a register holds the farthest.
    FromBehind,
    /// Each those after it: a register holds the nearest.
    FromBefore,
}

/// The program of these that stands in place of program `index`, if one does.
pub(crate) fn program(seed: u64, index: u64, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let mut random = Random::new(seed ^ STREAM, index);
    if !random.one_in(ONE_IN) {
        return None;
    }
    let limit = |machine: Machine| machine.max_pages.unwrap_or(defaults.max_pages);
    let slots = |machine: Machine| machine.roots.unwrap_or(defaults.roots) > 2 * PIECES + 4;
    let wanted = random.pick(&PAGES);
    let mut fewer = std::iter::successors(Some(wanted), |pages| Some(pages / 2)).take_while(|pages| *pages >= LEAST);
    let (pages, machine) = fewer.find_map(|pages| {
        let machine = machine(&mut random, machines, |machine| slots(machine) && limit(machine) >= pages)?;
        Some((pages, machine))
    })?;
    let ops = far_from_the_start(&mut random, pages, limit(machine) < 2 * pages);
    Some(Program { machine, ops })
}

/// Fills about so many pages, collects, and uses again what was freed. Where memory ends soon after them, the last objects may end with it.
fn far_from_the_start(random: &mut Random, pages: u32, may_reach_the_end: bool) -> Vec<Op> {
    let pieces = random.within(FEWEST, PIECES);
    // Powers of two, or a part of them.
    let sixteenths = random.pick(&[16, 16, 16, 16, 15, 14, 12, 10]);
    let exponents = SIZES.end() - SIZES.start() + 1;
    let (first, apart) = (random.below(exponents), random.pick(&[1, 3, 5]));
    let bytes = |place: u32| 1 << (SIZES.start() + (first + place * apart) % exponents);
    let held = random.pick(&[Held::Apart, Held::FromBehind, Held::FromBefore]);
    let to_the_end = may_reach_the_end && random.one_in(3);
    let sizes: Vec<Size> = (1..=pieces)
        .map(|place| {
            if to_the_end && place == pieces {
                let room = TOGETHER * (bytes(place) + 32) + 16 * random.below(64);
                return Size::Edge { edge: Edge::Limit, part: Part::Block, delta: -room.cast_signed() };
            }
            Size::Bytes(((pages * PAGE) >> (pieces + 1 - place)) / 16 * sixteenths)
        })
        .collect();
    let piece = |place: u32, size: Size| Op::Alloc {
        dst: large(place),
        size,
        fields: 0,
        place: Placement::Front,
        init: Init::Bare,
    };
    let mut ops = Vec::new();
    together(random, &mut ops, small(0), bytes(0));
    for (place, &size) in (1..).zip(&sizes) {
        ops.push(piece(place, size));
        together(random, &mut ops, small(place), bytes(place));
        match held {
            Held::Apart => {}
            Held::FromBehind => ops.push(Op::Store { obj: small(place), field: 1, value: small(place - 1) }),
            Held::FromBefore => ops.push(Op::Store { obj: small(place - 1), field: 1, value: small(place) }),
        }
    }
    let drops = |ops: &mut Vec<Op>| ops.extend((1..=pieces).map(|place| Op::Drop { reg: large(place) }));
    for _ in 0..random.within(1, 2) {
        drops(&mut ops);
        match held {
            Held::Apart => {}
            Held::FromBehind => ops.extend((0..pieces).map(|place| Op::Drop { reg: small(place) })),
            Held::FromBefore => ops.extend((1..=pieces).map(|place| Op::Drop { reg: small(place) })),
        }
        ops.push(Op::Collect);
        // Where what is free is used from the heap's start on, only what the large objects left comes before the rest.
        if random.one_in(2) {
            ops.extend(
                (1..)
                    .zip(&sizes)
                    .filter(|(_, size)| matches!(size, Size::Bytes(_)))
                    .map(|(place, &size)| piece(place, size)),
            );
        }
        for place in 0..=pieces {
            ops.push(Op::Garbage {
                count: Count::new(random.within(2, 3 * TOGETHER)),
                size: Size::Bytes(bytes(place)),
            });
        }
        match held {
            Held::Apart => {}
            Held::FromBehind => {
                ops.extend((0..pieces).rev().map(|place| Op::Load {
                    dst: small(place),
                    src: small(place + 1),
                    field: 1,
                }));
            }
            Held::FromBefore => {
                ops.extend((1..=pieces).map(|place| Op::Load { dst: small(place), src: small(place - 1), field: 1 }));
            }
        }
        for place in 0..=pieces {
            ops.push(Op::Check { reg: small(place) });
            for src in std::iter::once(small(place)).chain((2..TOGETHER).map(|_| NEW)) {
                ops.push(Op::Load { dst: NEW, src, field: 0 });
                ops.push(Op::Check { reg: NEW });
            }
        }
        ops.push(Op::Drop { reg: NEW });
    }
    ops
}

/// Small objects, each of which holds the next; a register holds the first.
fn together(random: &mut Random, ops: &mut Vec<Op>, first: Reg, bytes: u32) {
    ops.push(alloc(first, bytes, 2, Init::Fill(random.below(1 << 16))));
    let mut last = first;
    for (_, dst) in (1..TOGETHER).zip([NEW, OTHER].into_iter().cycle()) {
        ops.push(alloc(dst, bytes, 2, Init::Fill(random.below(1 << 16))));
        ops.push(Op::Store { obj: last, field: 0, value: dst });
        last = dst;
    }
    ops.extend([NEW, OTHER].map(|reg| Op::Drop { reg }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::DEFAULTS;
    use std::collections::BTreeSet;

    const PINNED: Machine =
        Machine { data_end: None, worklist: None, roots: None, initial_pages: None, max_pages: Some(64), wraps: None };

    /// Bytes of the large objects of a program, which are allocated with nothing in them; each once.
    fn large_bytes(program: &Program) -> u32 {
        let size = |op: &Op| {
            let &Op::Alloc { dst, size: Size::Bytes(size), init: Init::Bare, .. } = op else { return None };
            Some((dst, size))
        };
        program.ops.iter().filter_map(size).collect::<BTreeSet<_>>().iter().map(|(_, size)| size).sum()
    }

    #[test]
    fn memory_is_filled_beyond_every_place_where_a_table_may_end() {
        let all: Vec<Program> =
            (0..20_000).filter_map(|index| program(1, index, &[Machine::default()], DEFAULTS)).collect();
        assert!((270..400).contains(&all.len()), "{}", all.len());
        for megabytes in [1, 2, 4, 8] {
            let beyond = all.iter().filter(|program| large_bytes(program) >= megabytes << 20).count();
            assert!(beyond > 5, "{beyond} programs beyond {megabytes} MiB");
        }
        assert!(all.iter().all(|program| large_bytes(program) < 256 * PAGE && program.ops.len() < 150));
        let small =
            |op: &Op| if let Op::Alloc { size: Size::Bytes(size), fields: 2, .. } = *op { Some(size) } else { None };
        let sizes: BTreeSet<u32> = all.iter().flat_map(|program| program.ops.iter().filter_map(small)).collect();
        assert_eq!(sizes, SIZES.map(|power| 1 << power).collect());
    }

    #[test]
    fn large_objects_are_dropped_before_each_collection_and_small_ones_are_checked_after_it() {
        for program in (0..3_000).filter_map(|index| program(2, index, &[PINNED], DEFAULTS)) {
            let mut held = BTreeSet::new();
            let (mut collections, mut checks) = (0, 0);
            for op in &program.ops {
                if let Op::Alloc { dst, init: Init::Bare, .. } = *op {
                    held.insert(dst);
                } else if let Op::Drop { reg } = *op {
                    held.remove(&reg);
                } else if *op == Op::Collect {
                    assert!(held.is_empty(), "{held:?}");
                    collections += 1;
                }
                checks += u32::from(matches!(op, Op::Check { .. }));
            }
            assert!(collections > 0 && checks >= 2 * TOGETHER * collections, "{program}");
        }
    }

    #[test]
    fn some_go_to_the_very_end_of_memory_and_none_ask_for_more_than_a_machine_has() {
        let programs = || (0..6_000).filter_map(|index| program(3, index, &[PINNED], DEFAULTS));
        let to_the_end = |op: &Op| matches!(op, Op::Alloc { size: Size::Edge { edge: Edge::Limit, .. }, .. });
        let at_end = programs().filter(|program| program.ops.iter().any(to_the_end)).count();
        assert!(at_end > 5, "{at_end}");
        assert!(programs().all(|program| large_bytes(&program) < 64 * PAGE));
        let tiny = Machine { max_pages: Some(LEAST - 1), ..PINNED };
        assert_eq!((0..600).find_map(|index| program(3, index, &[tiny], DEFAULTS)), None, "nothing is far");
        let few_roots = Machine { roots: Some(6), ..PINNED };
        assert_eq!((0..600).find_map(|index| program(3, index, &[few_roots], DEFAULTS)), None);
    }
}
