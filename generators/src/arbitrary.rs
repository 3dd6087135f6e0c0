//! Programs from raw bytes, for fuzz targets that take bytes.
//!
//! Any bytes give a program whose values are in range. It has at most [`MOST_OPS`] ops, its machine is small and its
//! counts mostly are, so that an iteration of a fuzzer stays cheap.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::program::{
    Base, Count, Edge, Init, MAX_ARITY, MAX_NODE_WORDS, Machine, Op, Part, Placement, Program, REGISTERS, Reg, Region,
    Shape, Size, Word,
};
use crate::sizes::{self, PAGE};

/// Ops of a program from bytes, at most.
const MOST_OPS: usize = 64;

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let machine = machine(u)?;
        let mut ops = Vec::new();
        while ops.len() < MOST_OPS && !u.is_empty() {
            ops.push(Op::arbitrary(u)?);
        }
        Ok(Self { machine, ops })
    }

    fn size_hint(_: usize) -> (usize, Option<usize>) {
        (0, None)
    }
}

fn machine(u: &mut Unstructured<'_>) -> Result<Machine> {
    let data_end = match u.int_in_range(0..=31_u32)? {
        near @ 0..=15 => near,
        16..=29 => u.int_in_range(0..=255)?,
        30 => u.int_in_range(256..=9_999)?,
        _ => u.int_in_range(PAGE - 32..=PAGE - 1)?,
    };
    let worklist = u.int_in_range(1..=64)?;
    let roots = u.int_in_range(4..=64)?;
    let initial = if u.ratio(1, 4)? { Some(u.int_in_range(2..=3)?) } else { None };
    Ok(Machine {
        data_end: Some(data_end),
        worklist: Some(worklist),
        roots: Some(roots),
        initial_pages: initial,
        max_pages: Some(u.int_in_range(3..=8)?),
        wraps: Some(u.int_in_range(1..=16)?),
    })
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        // Kinds that build structure have several numbers each.
        Ok(match u.int_in_range(0..=31_u8)? {
            0..=6 => {
                let (dst, size) = (reg(u)?, size(u)?);
                Self::Alloc { dst, size, fields: fields(u)?, place: place(u)?, init: init(u, size)? }
            }
            7..=9 => Self::Load { dst: reg(u)?, src: reg(u)?, field: index(u)? },
            10..=14 => Self::Store { obj: reg(u)?, field: index(u)?, value: reg(u)? },
            15 => Self::Clear { obj: reg(u)?, field: index(u)? },
            16..=18 => Self::Write { obj: reg(u)?, word: index(u)?, value: word(u)? },
            19 => Self::Move { dst: reg(u)?, src: reg(u)? },
            20 => Self::Drop { reg: reg(u)? },
            21 => Self::Enter,
            22 => Self::Leave { keep: if u.arbitrary()? { Some(reg(u)?) } else { None } },
            23..=24 => Self::Collect,
            25 => Self::Check { reg: reg(u)? },
            26 => Self::CheckZero { reg: reg(u)? },
            27..=28 => Self::Graph {
                dst: reg(u)?,
                shape: shape(u)?,
                words: u.int_in_range(0..=MAX_NODE_WORDS)?,
                tag: u.arbitrary()?,
            },
            29 => Self::Roots { count: count(u)?, words: u.int_in_range(0..=MAX_NODE_WORDS)? },
            30 => Self::Garbage { count: count(u)?, size: size(u)? },
            _ => {
                let near = if u.ratio(1, 4)? { Some(u.int_in_range(-4..=4)?) } else { None };
                let count = near.map_or(Count::new(1), |delta| Count { base: Base::Wraps, delta });
                Self::Wrap { reg: reg(u)?, kind: u.int_in_range(0..=3)?, count }
            }
        })
    }
}

fn reg(u: &mut Unstructured<'_>) -> Result<Reg> {
    Ok(Reg::new(u.int_in_range(0..=REGISTERS - 1)?))
}

fn index(u: &mut Unstructured<'_>) -> Result<u32> {
    u.int_in_range(0..=31)
}

fn fields(u: &mut Unstructured<'_>) -> Result<u32> {
    u.int_in_range(0..=15)
}

fn place(u: &mut Unstructured<'_>) -> Result<Placement> {
    u.choose(&[Placement::Front, Placement::Back, Placement::Odd]).copied()
}

fn init(u: &mut Unstructured<'_>, size: Size) -> Result<Init> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0 => Init::Bare,
        1..=2 => Init::Null,
        // All of a large payload is written rarely.
        3..=4 if !sizes::is_large(size) || u.ratio(1, 16)? => Init::Fill(u.arbitrary::<u16>()?.into()),
        _ => Init::Ends(u.arbitrary::<u16>()?.into()),
    })
}

fn size(u: &mut Unstructured<'_>) -> Result<Size> {
    Ok(match u.int_in_range(0..=15_u8)? {
        0..=7 => Size::Bytes(u.int_in_range(0..=64)?),
        8 => Size::Bytes(u.int_in_range(0..=2 * PAGE + 16)?),
        9 => Size::Bytes(u.arbitrary()?),
        _ => Size::Edge {
            edge: u.choose(&[Edge::Memory, Edge::Page, Edge::Limit]).copied()?,
            part: u.choose(&[Part::Payload, Part::Block]).copied()?,
            delta: u.int_in_range(-16..=16)? + u.int_in_range(0..=3)? * PAGE.cast_signed(),
        },
    })
}

fn count(u: &mut Unstructured<'_>) -> Result<Count> {
    Ok(match u.int_in_range(0..=15_u8)? {
        0..=9 => Count::new(u.int_in_range(0..=16)?),
        10 => Count::new(u.int_in_range(0..=300)?),
        11..=13 => Count { base: Base::Worklist, delta: u.int_in_range(-4..=4)? },
        _ => Count { base: Base::Roots, delta: u.int_in_range(-16..=4)? },
    })
}

fn word(u: &mut Unstructured<'_>) -> Result<Word> {
    let regions = [Region::Roots, Region::Worklist, Region::Heap, Region::HeapEnd, Region::MemoryEnd];
    Ok(match u.int_in_range(0..=7_u8)? {
        0..=1 => Word::Value(u.int_in_range(0..=255)?),
        2 => Word::Value(u.arbitrary()?),
        3..=4 => Word::Address { of: reg(u)?, offset: offset(u)? },
        5..=6 => Word::Recent { back: u.int_in_range(0..=15)?, offset: offset(u)? },
        _ => Word::Region { region: u.choose(&regions).copied()?, offset: offset(u)? },
    })
}

fn offset(u: &mut Unstructured<'_>) -> Result<i32> {
    u.int_in_range(-64..=64)
}

fn shape(u: &mut Unstructured<'_>) -> Result<Shape> {
    let few = |u: &mut Unstructured<'_>| u.int_in_range(0..=6).map(Count::new);
    Ok(match u.int_in_range(0..=7_u8)? {
        0 => Shape::Chain { n: count(u)? },
        1 => Shape::Cycle { n: count(u)? },
        2 => Shape::Wide { n: count(u)? },
        3 => Shape::DuplicateRefs { n: count(u)? },
        4 => Shape::Tree { n: count(u)?, arity: u.int_in_range(1..=MAX_ARITY)? },
        5 => Shape::Grid { width: count(u)?, height: few(u)? },
        6 => Shape::Comb { spine: count(u)?, teeth: few(u)? },
        _ => Shape::RandomGraph { nodes: count(u)?, edges: count(u)?, seed: u.arbitrary()? },
    })
}
