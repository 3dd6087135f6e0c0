//! Programs for collectors of which nothing is known but how to call them: what their maintainers get wrong, and what programs that are drawn for a known
//! collector, whose worklist and size classes have known ends, hardly come to.
//!
//! They are drawn from a stream of their own, as rare programs are, so that all others are what they would be without.

use crate::campaign::Capacities;
use crate::fields;
use crate::program::{Base, Count, Init, Machine, Op, Program, Reg, Shape, Size};
use crate::rare::{alloc, machine};
use crate::rng::Random;

/// Sets the stream of choices apart from all others.
const STREAM: u64 = 0x756e_6b6e_6f77_6e21;
/// Of so many programs, one hides a pointer while marking may go on, one has a graph of any size, one has sizes at the ends of size classes, and one
/// fills the root stack.
const ONE_IN: [u32; 4] = [24, 24, 40, 60];
/// Of so many others, one fills memory with what is garbage at once,
const TURNOVER: u32 = 60;
/// one overwrites what holds objects,
const OVERWRITTEN: u32 = 24;
/// one hides pointers in objects of many fields,
const MANY_FIELDS: u32 = 16;
/// and one allocates while a collector sweeps step by step. These are drawn last, so that those before are what they would be without.
const SWEPT: u32 = 16;
/// Exponents of the sizes at which classes may end.
const CLASSES: std::ops::RangeInclusive<u32> = 4..=16;
/// Exponents of the numbers of nodes of a graph.
const NODES: std::ops::RangeInclusive<u32> = 5..=14;
/// Objects that a pointer can be hidden in.
const HOLDERS: u32 = 12;
/// Times that one is, in one program.
const ROUNDS: u32 = 5;
/// Pointers that are hidden at once, in objects of many fields.
const RUN: u32 = 8;

/// Pages that large garbage aims to fill at most: more would cost what a hundred other programs do.
const LARGE_PAGES: u32 = 64;

const VICTIM: Reg = Reg::new(13);
const OTHER: Reg = Reg::new(14);
const THIRD: Reg = Reg::new(15);

/// The program of these that stands in place of program `index`, if one does.
pub(crate) fn program(seed: u64, index: u64, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let mut random = Random::new(seed ^ STREAM, index);
    let [hiding, graph, classes, roots] = ONE_IN.map(|n| random.one_in(n));
    let slots = |machine: Machine| machine.roots.unwrap_or(defaults.roots) > HOLDERS + 4;
    let machine = machine(&mut random, machines, slots)?;
    let ops = if hiding {
        hidden_pointer(&mut random)
    } else if graph {
        graph_of_any_size(&mut random)
    } else if classes {
        ends_of_classes(&mut random)
    } else if roots {
        last_root(&mut random)
    } else if random.one_in(TURNOVER) {
        large_garbage(&mut random, machine.max_pages.unwrap_or(defaults.max_pages))
    } else if random.one_in(OVERWRITTEN) {
        overwritten(&mut random)
    } else if random.one_in(MANY_FIELDS) {
        hidden_among_many_fields(&mut random)
    } else if random.one_in(SWEPT) {
        allocated_between_steps(&mut random)
    } else {
        return None;
    };
    Some(Program { machine, ops })
}

/// A pointer moves from an object that is not marked yet into one that may be marked already, or into a root, and is held by nothing else, while a
/// collector that marks step by step is somewhere in between; a few times, at other steps.
fn hidden_pointer(random: &mut Random) -> Vec<Op> {
    let holders = random.within(3, HOLDERS);
    let fields = random.pick(&[1, 1, 1, 2, 3]);
    let size = 4 * random.within(1, 8);
    let mut ops: Vec<Op> = (0..holders).map(|n| alloc(holder(n), size + 4 * fields, fields, Init::Null)).collect();
    for round in 1..=ROUNDS {
        let (source, target) = two_of(random, holders);
        let moved = [(random.below(fields), random.below(fields))];
        ops.extend(hide(random, round, size, [source, target].map(holder), &moved));
    }
    ops
}

/// The same between two objects of many fields among small ones: with one field of each, or with a run of them at once. A barrier may end before a field, or
/// take it for another.
fn hidden_among_many_fields(random: &mut Random) -> Vec<Op> {
    let holders = random.within(6, HOLDERS);
    let fields = fields::many(random);
    let size = 4 * random.within(1, 8);
    let (one, other) = two_of(random, holders);
    let is_large = |n: u32| n == one || n == other;
    let fields_of = |n: u32| if is_large(n) { fields } else { 1 };
    let mut ops: Vec<Op> =
        (0..holders).map(|n| alloc(holder(n), 4 * (fields_of(n) + 1), fields_of(n), Init::Null)).collect();
    let is_run = random.one_in(2);
    for round in 1..=ROUNDS {
        let between = if random.one_in(2) { [one, other] } else { [other, one] };
        let moved: Vec<(u32, u32)> = if is_run {
            let [from, to] = [(); 2].map(|()| fields::run(random, fields, RUN));
            from.zip(to).collect()
        } else {
            vec![(fields::one(random, fields), fields::one(random, fields))]
        };
        ops.extend(hide(random, round, size, between.map(holder), &moved));
    }
    ops
}

const fn holder(number: u32) -> Reg {
    Reg::new(number as u8)
}

/// Two of so many.
fn two_of(random: &mut Random, all: u32) -> (u32, u32) {
    let (one, other) = (random.below(all), random.below(all - 1));
    (one, if other >= one { other + 1 } else { other })
}

/// New objects in fields of one object; while marking may go on, they move into fields of another, or one moves into a root.
fn hide(random: &mut Random, round: u32, size: u32, [source, target]: [Reg; 2], moved: &[(u32, u32)]) -> Vec<Op> {
    let mut ops = Vec::new();
    for &(from, _) in moved {
        ops.push(alloc(VICTIM, size, 0, Init::Fill(random.below(1 << 16))));
        ops.push(Op::Store { obj: source, field: from, value: VICTIM });
    }
    ops.push(Op::Drop { reg: VICTIM });
    // The next cycle begins anew.
    ops.push(Op::Collect);
    ops.extend(steps(random));
    if random.one_in(8) {
        // Or an allocation, in which it may.
        ops.push(alloc(THIRD, 8, 0, Init::Fill(1)));
    }
    let in_object = !random.one_in(4) || moved.len() > 1;
    for &(from, to) in moved {
        ops.push(Op::Load { dst: VICTIM, src: source, field: from });
        if in_object {
            ops.push(Op::Store { obj: target, field: to, value: VICTIM });
        }
        ops.push(Op::Clear { obj: source, field: from });
    }
    if in_object {
        ops.push(Op::Drop { reg: VICTIM });
    }
    ops.push(Op::Collect);
    if moved.len() > 1 {
        ops.push(Op::Garbage { count: Count::new(moved.len() as u32), size: Size::Bytes(size) });
    }
    ops.push(alloc(OTHER, size, 0, Init::Fill(2 * round)));
    ops.push(alloc(THIRD, size, 0, Init::Fill(2 * round + 1)));
    for &(_, to) in moved {
        if in_object {
            ops.push(Op::Load { dst: VICTIM, src: target, field: to });
        }
        ops.push(Op::Check { reg: VICTIM });
    }
    ops.extend([OTHER, THIRD, target].map(|reg| Op::Check { reg }));
    ops.extend([VICTIM, OTHER, THIRD].map(|reg| Op::Drop { reg }));
    ops
}

/// A few assignments of an odd slot, after each of which a collector makes a step.
fn steps(random: &mut Random) -> impl Iterator<Item = Op> + use<> {
    std::iter::repeat_n(Op::Move { dst: holder(1), src: holder(1) }, random.below(5) as usize)
}

/// Objects that stay and objects that are garbage at once, in any order, with steps between them: a collector that sweeps step by step is somewhere among
/// them, with live or dead objects before it, when one is allocated. All are of one size, so that memory shows it if one is never freed.
fn allocated_between_steps(random: &mut Random) -> Vec<Op> {
    let held = random.within(2, 5);
    let size = 4 << random.within(1, 6);
    let new = |random: &mut Random, number: u32| alloc(holder(number), size, 1, Init::Fill(random.below(1 << 16)));
    let mut ops: Vec<Op> = (0..held).map(|number| new(random, number)).collect();
    for _ in 0..random.within(4, 12) {
        let number = random.below(held);
        match random.below(8) {
            0..=3 => {
                let count = Count::new(1 << random.within(3, 8));
                ops.push(Op::Garbage { count, size: Size::Bytes(size) });
            }
            4..=5 => ops.push(new(random, number)),
            _ => ops.push(Op::Store { obj: holder(number), field: 0, value: holder(random.below(held)) }),
        }
        ops.extend(steps(random));
    }
    ops.extend((0..held).map(|number| Op::Check { reg: holder(number) }));
    ops
}

/// A graph whose number of nodes has any order of magnitude: where a worklist has an end that nobody told, it is passed.
fn graph_of_any_size(random: &mut Random) -> Vec<Op> {
    let power = 1 << random.within(*NODES.start(), *NODES.end() - 1);
    let n = Count::new(power + random.below(power));
    let shape = match random.below(6) {
        0 => Shape::DuplicateRefs { n },
        1 => Shape::Tree { n, arity: 2 },
        2 => Shape::Chain { n },
        _ => Shape::Wide { n },
    };
    let words = random.below(3) as u8;
    vec![
        Op::Graph { dst: Reg::new(0), shape, words, tag: random.below(1 << 16) },
        Op::Collect,
        Op::Garbage { count: Count::new(random.within(1, 200)), size: Size::Bytes(4 * random.within(1, 6)) },
        alloc(OTHER, 16, 0, Init::Fill(2)),
        Op::Collect,
        Op::Check { reg: Reg::new(0) },
        Op::Check { reg: OTHER },
    ]
}

/// Objects whose payload, or payload and header, are a power of two, or a byte or a few beside it; each size several times, because what is wrong with
/// the end of a class shows in the neighbour.
fn ends_of_classes(random: &mut Random) -> Vec<Op> {
    let mut ops = Vec::new();
    for _ in 0..random.within(3, 9) {
        let power = 1 << random.within(*CLASSES.start(), *CLASSES.end());
        let beside = random.pick(&[0, 0, 0, 0, 1, -1, 4, -4, 8, -8, 16, -16, -20, -24]);
        let size = i32::max(power + beside, 0).cast_unsigned();
        let registers: Vec<Reg> = (0..random.within(2, 4)).map(|n| Reg::new(n as u8)).collect();
        ops.extend(registers.iter().map(|&reg| alloc(reg, size, 0, Init::Fill(u32::from(reg.number()) + 1))));
        ops.extend(registers.iter().map(|&reg| Op::Check { reg }));
        if random.one_in(2) {
            ops.push(Op::Drop { reg: registers[0] });
            ops.push(Op::Collect);
            ops.push(alloc(OTHER, size, 0, Init::Fill(9)));
            ops.extend(registers.iter().chain([&OTHER]).map(|&reg| Op::Check { reg }));
        }
    }
    ops
}

/// A field that is the only one to hold the rest of a chain, or half of a tree, gets another object, or null: whoever counts references takes one away, and
/// what was held dies, unless a register holds it still. All objects have one size, so that memory shows it when that is done again and again.
fn overwritten(random: &mut Random) -> Vec<Op> {
    let (head, rest) = (Reg::new(0), Reg::new(1));
    let n = Count::new(random.within(4, 40));
    let (shape, fields) = if random.one_in(3) { (Shape::Tree { n, arity: 2 }, 2) } else { (Shape::Chain { n }, 1) };
    let words = random.within(2, 4);
    let size = 4 * (fields + words);
    let mut ops = vec![Op::Graph { dst: head, shape, words: words as u8, tag: random.below(1 << 16) }];
    let is_held = random.one_in(2);
    if is_held {
        ops.push(Op::Load { dst: rest, src: head, field: 0 });
    }
    if random.one_in(2) {
        ops.push(alloc(OTHER, size, 0, Init::Fill(1)));
        ops.push(Op::Store { obj: head, field: 0, value: OTHER });
        ops.push(Op::Drop { reg: OTHER });
    }
    ops.push(Op::Clear { obj: head, field: 0 });
    ops.push(Op::Garbage { count: Count::new(random.within(2, 60)), size: Size::Bytes(size) });
    ops.push(Op::Check { reg: head });
    if is_held {
        ops.push(Op::Check { reg: rest });
    }
    ops
}

/// As many roots as there is room for, or all but one or two: the last one is held by nothing else.
fn last_root(random: &mut Random) -> Vec<Op> {
    let count = Count { base: Base::Roots, delta: -random.below(3).cast_signed() };
    let words = random.below(4);
    vec![
        Op::Roots { count, words: words as u8 },
        Op::Collect,
        Op::Garbage { count: Count::new(random.within(2, 60)), size: Size::Bytes(4 * words) },
        Op::Collect,
    ]
}

/// Objects of an eighth of all memory to nearly all of it, each garbage when the next is made: an allocation finds no memory again and again, and enough
/// of it when it has collected. Small objects that stay lie between some. In half of all programs one in three has survived a collection by then, so that
/// one which looks at what is young does not free it.
fn large_garbage(random: &mut Random, pages: u32) -> Vec<Op> {
    let eighth = pages.min(LARGE_PAGES) * (65_536 / 8);
    let mut ops = Vec::new();
    for round in 0..random.within(3, 10) {
        let size = eighth * random.within(1, 7) + 4 * random.below(64);
        ops.push(alloc(VICTIM, size, 0, Init::Bare));
        ops.push(Op::Drop { reg: VICTIM });
        if random.one_in(4) {
            ops.push(alloc(Reg::new(round as u8), 4 * random.below(8), 0, Init::Fill(round)));
        }
    }
    if random.one_in(2) {
        return ops;
    }
    let survives = |op: Op| {
        let collects = op == Op::Drop { reg: VICTIM } && random.one_in(3);
        collects.then_some(Op::Collect).into_iter().chain([op])
    };
    ops.into_iter().flat_map(survives).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::DEFAULTS;
    use std::collections::BTreeSet;

    #[test]
    fn all_of_it_comes_up_and_most_programs_are_others() {
        let programs: Vec<Program> =
            (0..8_000).filter_map(|index| program(1, index, &[Machine::default()], DEFAULTS)).collect();
        assert!((2_050..2_400).contains(&programs.len()), "{}", programs.len());
        let with = |find: &dyn Fn(&Op) -> bool| programs.iter().filter(|program| program.ops.iter().any(find)).count();
        let nodes = |op: &Op, least: i32| matches!(op, Op::Graph { shape: Shape::Wide { n }, .. } if (least..2 * least).contains(&n.delta));
        for least in NODES.take(9).map(|power| 1 << power) {
            let graphs = with(&|op| nodes(op, least));
            println!("{graphs} graphs of {least} nodes and more");
            assert!(graphs > 2, "{graphs} graphs of {least} nodes");
        }
        let class = |op: &Op, bytes| matches!(op, Op::Alloc { size: Size::Bytes(size), .. } if *size == bytes);
        for power in CLASSES {
            let exactly = with(&|op| class(op, 1 << power));
            assert!(exactly > 8, "{exactly} programs with objects of {} bytes", 1 << power);
        }
        assert!(with(&|op| matches!(op, Op::Clear { .. })) > 80);
        let overwrites = |program: &&Program| {
            matches!(program.ops[0], Op::Graph { .. }) && program.ops.iter().any(|op| matches!(op, Op::Clear { .. }))
        };
        assert!(programs.iter().filter(overwrites).count() > 80);
        for left in 0..3 {
            let roots = with(
                &|op| matches!(op, Op::Roots { count, .. } if *count == Count { base: Base::Roots, delta: -left }),
            );
            assert!(roots > 10, "{roots} programs leave room for {left} roots");
        }
        let large =
            |op: &Op| matches!(op, Op::Alloc { size: Size::Bytes(size), .. } if *size > 7 * (65_536 * LARGE_PAGES / 8));
        assert!(with(&large) > 20, "{}", with(&large));
    }

    fn drawn(draw: impl Fn(&mut Random) -> Vec<Op>) -> impl Iterator<Item = Vec<Op>> {
        (0..2_000).map(move |index| draw(&mut Random::new(3, index)))
    }

    #[test]
    fn pointers_are_hidden_in_every_field_of_hundreds_alone_and_together() {
        let (mut alone, mut together, mut left) = (BTreeSet::<u32>::new(), BTreeSet::<u32>::new(), BTreeSet::new());
        for ops in drawn(hidden_among_many_fields) {
            assert!(ops.len() < 390, "{}", ops.len());
            let mut stored = Vec::new();
            // From the collection after which marking begins to the one at its end: what moves into another object, and what is taken away.
            for (number, part) in ops.split(|op| *op == Op::Collect).enumerate().filter(|(number, _)| number % 2 == 1) {
                stored.clear();
                for op in part {
                    if let Op::Store { field, .. } = *op {
                        stored.push(field);
                    } else if let Op::Clear { field, .. } = *op {
                        left.insert(field);
                    }
                }
                assert!(stored.len() <= RUN as usize && number < 2 * ROUNDS as usize);
                if stored.len() == 1 { alone.extend(&stored) } else { together.extend(&stored) }
            }
        }
        assert_eq!((together.len(), left.len()), (300, 300));
        assert!(
            (0..=33).chain(62..=66).chain(126..=130).chain(254..=258).all(|field| alone.contains(&field)),
            "{alone:?}"
        );
    }

    #[test]
    fn some_large_objects_survive_a_collection_before_they_are_dropped() {
        let (mut young, mut old) = (0, 0);
        for ops in drawn(|random| large_garbage(random, 64)) {
            for pair in ops.windows(2) {
                match pair {
                    [Op::Alloc { dst: VICTIM, .. }, Op::Drop { .. }] => young += 1,
                    [Op::Alloc { dst: VICTIM, .. }, Op::Collect] => old += 1,
                    _ => {}
                }
            }
        }
        assert!(young > 4 * old && old > young / 6, "{young} {old}");
    }

    #[test]
    fn objects_of_one_size_are_made_and_dropped_with_steps_between() {
        let mut sizes = BTreeSet::new();
        for ops in drawn(allocated_between_steps) {
            let size = |op: &Op| {
                if let Op::Alloc { size, .. } | Op::Garbage { size, .. } = *op { Some(size) } else { None }
            };
            let all: Vec<Size> = ops.iter().filter_map(size).collect();
            assert!(all.iter().all(|size| *size == all[0]));
            if let Size::Bytes(bytes) = all[0] {
                sizes.insert(bytes);
            }
        }
        assert_eq!(sizes, [8, 16, 32, 64, 128, 256].into());
        let step = |op: &Op| matches!(op, Op::Move { .. });
        // Much garbage, enough steps for a sweep to begin, and an object while it goes on.
        let found = drawn(allocated_between_steps).filter(|ops| {
            ops.windows(5).any(|ops| {
                matches!(&ops[0], Op::Garbage { count, .. } if count.delta >= 64)
                    && ops[1..4].iter().all(step)
                    && matches!(&ops[4], Op::Alloc { .. } | Op::Garbage { .. })
            })
        });
        let found = found.count();
        assert!(found > 300, "{found}");
    }
}
