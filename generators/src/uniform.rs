//! Uniform programs: every kind of op and every operand as often as any other. They are what a campaign's programs are measured against.

use crate::kind::{OpKind, SHAPES};
use crate::program::{Count, Init, Machine, Op, Placement, Program, Reg, Shape, Size, Word};
use crate::rng::Random;

/// The largest size, in bytes.
const MOST_BYTES: u32 = 256;
/// The most nodes, roots, handles or pieces of garbage of one op.
const MOST: u32 = 16;
/// Registers in use: with all of them most operands would hold nothing.
const REGISTERS: u32 = 8;
/// Fields and data words that operands name.
const WORDS: u32 = 6;

/// A program of 3 to 60 ops on a machine; without a wrap table (`wraps` is 0) it does not speak of one.
pub(crate) fn program(random: &mut Random, machine: Machine, wraps: u32) -> Program {
    let length = random.within(3, 60);
    let ops = (0..length).map(|_| op(random, wraps)).collect();
    Program { machine, ops }
}

fn op(random: &mut Random, wraps: u32) -> Op {
    let kinds = &OpKind::ALL[..if wraps > 0 { OpKind::Minor } else { OpKind::Wrap } as usize];
    let kind = random.pick(kinds);
    match kind {
        OpKind::Alloc => {
            let (dst, size) = (reg(random), size(random));
            let fields = random.below(WORDS);
            let place = random.pick(&[Placement::Front, Placement::Back, Placement::Odd]);
            let pattern = random.next() & 0xffff;
            let init = random.pick(&[Init::Bare, Init::Null, Init::Fill(pattern), Init::Ends(pattern)]);
            Op::Alloc { dst, size, fields, place, init }
        }
        OpKind::Load => Op::Load { dst: reg(random), src: reg(random), field: random.below(WORDS) },
        OpKind::Store => Op::Store { obj: reg(random), field: random.below(WORDS), value: reg(random) },
        OpKind::Clear => Op::Clear { obj: reg(random), field: random.below(WORDS) },
        OpKind::Write => Op::Write { obj: reg(random), word: random.below(WORDS), value: Word::Value(random.next()) },
        OpKind::Move => Op::Move { dst: reg(random), src: reg(random) },
        OpKind::Drop => Op::Drop { reg: reg(random) },
        OpKind::Enter => Op::Enter,
        OpKind::Leave => Op::Leave { keep: random.one_in(2).then(|| reg(random)) },
        OpKind::Collect => Op::Collect,
        OpKind::Minor => Op::Minor,
        OpKind::Check => Op::Check { reg: reg(random) },
        OpKind::CheckZero => Op::CheckZero { reg: reg(random) },
        OpKind::Graph => {
            let (dst, shape) = (reg(random), shape(random));
            Op::Graph { dst, shape, words: random.below(9) as u8, tag: random.next() & 0xffff }
        }
        OpKind::Roots => Op::Roots { count: count(random), words: random.below(9) as u8 },
        OpKind::Garbage => Op::Garbage { count: count(random), size: size(random) },
        OpKind::Wrap => Op::Wrap { reg: reg(random), kind: random.below(256) as u8, count: count(random) },
    }
}

fn reg(random: &mut Random) -> Reg {
    Reg::new(random.below(REGISTERS) as u8)
}

fn size(random: &mut Random) -> Size {
    Size::Bytes(random.below(MOST_BYTES + 1))
}

fn count(random: &mut Random) -> Count {
    Count::new(random.below(MOST + 1))
}

fn shape(random: &mut Random) -> Shape {
    let n = count(random);
    match random.below(SHAPES as u32) {
        0 => Shape::Chain { n },
        1 => Shape::Cycle { n },
        2 => Shape::Wide { n },
        3 => Shape::DuplicateRefs { n },
        4 => Shape::Tree { n, arity: random.within(1, 16) as u8 },
        5 => Shape::Grid { width: n, height: count(random) },
        6 => Shape::Comb { spine: n, teeth: count(random) },
        _ => Shape::RandomGraph { nodes: n, edges: count(random), seed: random.next() & 0xffff },
    }
}
