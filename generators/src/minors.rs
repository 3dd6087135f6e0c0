//! Programs for collectors that make minor collections when asked to: pointers from what is old to what is young, which only a write barrier or a
//! remembered set tells such a collection of.
//!
//! They are drawn from a stream of their own, as rare programs are, so that all others are what they would be without.

use crate::campaign::Capacities;
use crate::fields;
use crate::program::{Count, Init, Machine, Op, Program, Reg, Shape, Size};
use crate::rare::{alloc, machine};
use crate::rng::Random;

/// Sets the stream of choices apart from all others.
const STREAM: u64 = 0x6d69_6e6f_7263_6f6c;
/// Of so many programs, one stores young objects into each field of old ones, and one into many old ones at once.
const ONE_IN: [u32; 2] = [20, 60];
/// Of so many others, one stores a young object into one field after the other of an old one with many. Drawn last, so that those before are what they would
/// be without.
const MANY_FIELDS: u32 = 30;
/// Fields that it stores into.
const RUN: u32 = 16;
/// Minor collections that an object survives before it may be old, at most.
const SURVIVED: u32 = 4;
/// Old objects that registers hold.
const HOLDERS: u32 = 6;
/// Pointer fields of each, at most.
const FIELDS: u32 = 12;
/// Times that all of it is done in one program.
const ROUNDS: u32 = 3;
/// Exponents of the number of old objects that are written to at once.
const MANY: std::ops::RangeInclusive<u32> = 2..=8;

const YOUNG: Reg = Reg::new(13);
const OTHER: Reg = Reg::new(14);

/// The program of these that stands in place of program `index`, if one does.
pub(crate) fn program(seed: u64, index: u64, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let mut random = Random::new(seed ^ STREAM, index);
    let [fields, many] = ONE_IN.map(|n| random.one_in(n));
    let slots = |machine: Machine| machine.roots.unwrap_or(defaults.roots) > HOLDERS + 4;
    let machine = machine(&mut random, machines, slots)?;
    let ops = if fields {
        each_field(&mut random)
    } else if many {
        many_at_once(&mut random)
    } else if random.one_in(MANY_FIELDS) {
        one_field_after_the_other(&mut random)
    } else {
        return None;
    };
    Some(Program { machine, ops })
}

/// Makes some of a program's collections minor ones, in half of all programs.
pub(crate) fn put_in(seed: u64, index: u64, program: &mut Program) {
    let mut random = Random::new(seed ^ STREAM.rotate_left(32), index);
    if random.one_in(2) {
        return;
    }
    for op in &mut program.ops {
        if *op == Op::Collect && random.one_in(2) {
            *op = Op::Minor;
        }
    }
}

/// So many minor collections, or a full one: what is held is old then.
fn grow_old(random: &mut Random) -> Vec<Op> {
    if random.one_in(4) { vec![Op::Collect] } else { vec![Op::Minor; random.within(0, SURVIVED) as usize] }
}

/// Old objects get a young one in each of their fields, which nothing else holds; it survives a minor collection, and what it was is there still when
/// what such collections freed is used again. Again and again: what was remembered once must be remembered anew.
fn each_field(random: &mut Random) -> Vec<Op> {
    let (holders, fields) = (random.within(1, HOLDERS), random.within(1, FIELDS));
    let (size, young_fields) = (4 * random.within(1, 8), random.below(2));
    let holder = |number: u32| Reg::new(number as u8);
    let mut ops: Vec<Op> =
        (0..holders).map(|n| alloc(holder(n), 4 * (fields + random.below(3)), fields, Init::Null)).collect();
    for round in 1..=random.within(1, ROUNDS) {
        ops.extend(grow_old(random));
        for number in 0..holders {
            // All fields, or some of them: a field that is forgotten shows where the object is remembered for no other.
            let only = random.one_in(2).then(|| random.below(fields));
            for field in (0..fields).filter(|&field| only.is_none_or(|only| only == field)) {
                ops.push(alloc(YOUNG, size, young_fields, Init::Fill(round << 8 | number << 4 | field)));
                ops.push(Op::Store { obj: holder(number), field, value: YOUNG });
            }
        }
        ops.push(Op::Drop { reg: YOUNG });
        ops.extend(std::iter::repeat_n(Op::Minor, random.within(1, 2) as usize));
        ops.push(Op::Garbage { count: Count::new(holders * fields + 4), size: Size::Bytes(size) });
        ops.push(alloc(OTHER, size, 0, Init::Fill(round)));
        for number in 0..holders {
            ops.push(Op::Load { dst: YOUNG, src: holder(number), field: random.below(fields) });
            ops.push(Op::Check { reg: YOUNG });
        }
        ops.extend([Op::Check { reg: OTHER }, Op::Drop { reg: YOUNG }, Op::Drop { reg: OTHER }]);
    }
    ops
}

/// An old object of many fields gets a young one in one of them after the other, with a minor collection after each: a barrier that ends before a field, or
/// takes it for another, has no other field by which the object could be remembered.
fn one_field_after_the_other(random: &mut Random) -> Vec<Op> {
    let holders = random.within(1, 2);
    let fields = fields::many(random);
    let size = 4 * random.within(1, 8);
    let holder = |number: u32| Reg::new(number as u8);
    let mut ops: Vec<Op> =
        (0..holders).map(|n| alloc(holder(n), 4 * (fields + random.below(3)), fields, Init::Null)).collect();
    ops.extend(grow_old(random));
    ops.push(Op::Minor);
    // What is left of earlier fields may be young still, and lead a collection to the object.
    let is_cleared = random.one_in(2);
    for field in fields::run(random, fields, RUN) {
        let obj = holder(random.below(holders));
        ops.push(alloc(YOUNG, size, 0, Init::Fill(field)));
        ops.push(Op::Store { obj, field, value: YOUNG });
        ops.extend([Op::Drop { reg: YOUNG }, Op::Minor]);
        ops.push(Op::Garbage { count: Count::new(2), size: Size::Bytes(size) });
        ops.extend([Op::Load { dst: YOUNG, src: obj, field }, Op::Check { reg: YOUNG }]);
        if is_cleared {
            ops.push(Op::Clear { obj, field });
        }
    }
    ops.push(Op::Drop { reg: YOUNG });
    ops.extend((0..holders).map(|n| Op::Check { reg: holder(n) }));
    ops
}

/// A young object in each of many old ones: where what is remembered has an end, it is passed.
fn many_at_once(random: &mut Random) -> Vec<Op> {
    let power = 1 << random.within(*MANY.start(), *MANY.end() - 1);
    let n = power + random.below(power);
    let (array, words) = (Reg::new(0), random.below(3));
    let shape = Shape::Wide { n: Count::new(n) };
    let mut ops = vec![Op::Graph { dst: array, shape, words: words as u8, tag: random.below(1 << 16) }];
    ops.extend(grow_old(random));
    ops.push(Op::Minor);
    for field in 0..n {
        ops.push(Op::Load { dst: OTHER, src: array, field });
        ops.push(alloc(YOUNG, 4 * words, 0, Init::Fill(field)));
        ops.push(Op::Store { obj: OTHER, field: 0, value: YOUNG });
    }
    ops.extend([OTHER, YOUNG].map(|reg| Op::Drop { reg }));
    ops.push(Op::Minor);
    ops.push(Op::Garbage { count: Count::new(n), size: Size::Bytes(4 * words) });
    ops.push(alloc(OTHER, 16, 0, Init::Fill(n)));
    ops.push(Op::Minor);
    ops.extend([array, OTHER].map(|reg| Op::Check { reg }));
    ops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::DEFAULTS;
    use std::collections::BTreeSet;

    #[test]
    fn each_field_of_old_objects_and_many_of_them_are_written_to() {
        let (mut fields, mut most) = (BTreeSet::new(), 0);
        let all: Vec<Program> =
            (0..2_000).filter_map(|index| program(1, index, &[Machine::default()], DEFAULTS)).collect();
        assert!((160..240).contains(&all.len()), "{}", all.len());
        for program in &all {
            assert!(program.ops.contains(&Op::Minor));
            let stored = stored(program);
            most = most.max(stored.len());
            fields.extend(stored);
        }
        assert!((0..FIELDS).all(|field| fields.contains(&field)), "{fields:?}");
        assert!(most > 200, "{most}");
    }

    fn stored(program: &Program) -> Vec<u32> {
        let field = |op: &Op| if let Op::Store { field, .. } = op { Some(*field) } else { None };
        program.ops.iter().filter_map(field).collect()
    }

    #[test]
    fn every_field_of_hundreds_is_the_only_one_that_is_written_to_between_two_minor_collections() {
        let mut alone = BTreeSet::new();
        let programs = (0..12_000).filter_map(|index| program(1, index, &[Machine::default()], DEFAULTS));
        for program in programs.filter(|program| matches!(program.ops[0], Op::Alloc { fields: 13.., .. })) {
            assert!(program.ops.len() < 180, "{}", program.ops.len());
            for between in program.ops.split(|op| *op == Op::Minor) {
                if let [field] = stored(&Program { ops: between.to_vec(), ..Program::default() })[..] {
                    alone.insert(field);
                }
            }
        }
        // None of the first 40 is left out, and few of all.
        assert!((0..40).all(|field| alone.contains(&field)), "{alone:?}");
        for power in (3..=8).map(|power| 1 << power) {
            assert!((power - 1..=power + 1).all(|field| alone.contains(&field)), "{power}: {alone:?}");
        }
        assert!(alone.len() > 250, "{alone:?}");
    }

    #[test]
    fn some_collections_of_some_programs_are_minor_ones() {
        let count = |index| {
            let mut program = Program { ops: vec![Op::Collect; 20], ..Program::default() };
            put_in(1, index, &mut program);
            program.ops.iter().filter(|op| **op == Op::Minor).count()
        };
        let (none, some) = (0..400).map(count).partition::<Vec<usize>, _>(|minor| *minor == 0);
        assert!(none.len().abs_diff(some.len()) < 80 && some.iter().all(|minor| *minor < 20), "{none:?} {some:?}");
    }
}
