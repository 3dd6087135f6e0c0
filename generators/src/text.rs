//! Printing: the text format of a program, one op a line.
//!
//! Promise: whatever is printed parses, and a program whose values are in range comes back equal. A value outside its
//! range (a [`Program`] built by hand can hold one) is printed as what it means after clamping, so that a finding can
//! always be loaded again.

use std::fmt::{Display, Formatter, Result};

use crate::parse::{MAX_PAGES, VERSION};
use crate::program::{
    Base, Count, Edge, Init, MAX_ARITY, MAX_COUNT, MAX_NODE_WORDS, Machine, Op, Part, Placement, Program, Reg, Region,
    Shape, Size, Word,
};

/// Numbers from here on are printed in hexadecimal where they are patterns, addresses or headers.
const HEX_FROM: u32 = 1 << 16;

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "heapsmith {VERSION}")?;
        if self.machine != Machine::default() {
            writeln!(f, "{}", self.machine)?;
        }
        for op in &self.ops {
            writeln!(f, "{op}")?;
        }
        Ok(())
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("machine")?;
        let Self { data_end, worklist, roots, initial_pages, max_pages, wraps } = *self;
        for (key, value) in [("data_end", data_end), ("worklist", worklist), ("roots", roots), ("wraps", wraps)] {
            if let Some(value) = value {
                write!(f, " {key}={value}")?;
            }
        }
        let max = max_pages.map(|pages| pages.min(MAX_PAGES));
        let initial = initial_pages.map(|pages| pages.min(max.unwrap_or(MAX_PAGES)));
        match (initial, max) {
            (None, None) => Ok(()),
            (Some(initial), None) => write!(f, " pages={initial}.."),
            (None, Some(max)) => write!(f, " pages=..{max}"),
            (Some(initial), Some(max)) => write!(f, " pages={initial}..{max}"),
        }
    }
}

impl Display for Reg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "r{}", self.number())
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Alloc { dst, size, fields, place, init } => {
                write!(f, "alloc {dst} size={size} fields={fields}")?;
                if fields != 0 || place != Placement::Front {
                    write!(f, " place={place}")?;
                }
                write!(f, " init={init}")
            }
            Self::Load { dst, src, field } => write!(f, "load {dst} = {src}.{field}"),
            Self::Store { obj, field, value } => write!(f, "store {obj}.{field} = {value}"),
            Self::Clear { obj, field } => write!(f, "clear {obj}.{field}"),
            Self::Write { obj, word, value } => write!(f, "write {obj}[{word}] = {value}"),
            Self::Move { dst, src } => write!(f, "move {dst} = {src}"),
            Self::Drop { reg } => write!(f, "drop {reg}"),
            Self::Enter => f.write_str("enter"),
            Self::Leave { keep: None } => f.write_str("leave"),
            Self::Leave { keep: Some(keep) } => write!(f, "leave keep={keep}"),
            Self::Collect => f.write_str("collect"),
            Self::Minor => f.write_str("minor"),
            Self::Check { reg } => write!(f, "check {reg}"),
            Self::CheckZero { reg } => write!(f, "check_zero {reg}"),
            Self::Graph { dst, shape, words, tag } => {
                write_shape(f, dst, shape)?;
                write_words(f, words)?;
                if tag == 0 { Ok(()) } else { write!(f, " tag={}", Pattern(tag)) }
            }
            Self::Roots { count, words } => {
                write!(f, "roots n={count}")?;
                write_words(f, words)
            }
            Self::Garbage { count, size } => write!(f, "garbage n={count} size={size}"),
            Self::Wrap { reg, kind, count } => {
                write!(f, "wrap {reg} kind={kind}")?;
                if count == Count::new(1) { Ok(()) } else { write!(f, " n={count}") }
            }
        }
    }
}

fn write_words(f: &mut Formatter<'_>, words: u8) -> Result {
    if words == 0 { Ok(()) } else { write!(f, " words={}", words.min(MAX_NODE_WORDS)) }
}

fn write_shape(f: &mut Formatter<'_>, dst: Reg, shape: Shape) -> Result {
    match shape {
        Shape::Chain { n } => write!(f, "chain {dst} n={n}"),
        Shape::Cycle { n } => write!(f, "cycle {dst} n={n}"),
        Shape::Wide { n } => write!(f, "wide {dst} n={n}"),
        Shape::DuplicateRefs { n } => write!(f, "duplicates {dst} n={n}"),
        Shape::Tree { n, arity } => write!(f, "tree {dst} n={n} arity={}", arity.clamp(1, MAX_ARITY)),
        Shape::Grid { width, height } => write!(f, "grid {dst} width={width} height={height}"),
        Shape::Comb { spine, teeth } => write!(f, "comb {dst} spine={spine} teeth={teeth}"),
        Shape::RandomGraph { nodes, edges, seed } => {
            write!(f, "random {dst} nodes={nodes} edges={edges} seed={}", Pattern(seed))
        }
    }
}

impl Display for Placement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Front => "front",
            Self::Back => "back",
            Self::Odd => "odd",
        })
    }
}

impl Display for Init {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Bare => f.write_str("bare"),
            Self::Null => f.write_str("null"),
            Self::Fill(pattern) => write!(f, "fill({})", Pattern(pattern)),
            Self::Ends(pattern) => write!(f, "ends({})", Pattern(pattern)),
        }
    }
}

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Edge { edge, part, delta } => write!(f, "{edge}.{part}{}", Offset(delta)),
        }
    }
}

impl Display for Edge {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Page => "page",
            Self::Limit => "limit",
        })
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Payload => "payload",
            Self::Block => "block",
        })
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.base {
            Base::Zero => write!(f, "{}", self.delta.clamp(0, MAX_COUNT as i32)),
            Base::Worklist => write!(f, "worklist{}", Offset(self.delta)),
            Base::Roots => write!(f, "roots{}", Offset(self.delta)),
            Base::Wraps => write!(f, "wraps{}", Offset(self.delta)),
        }
    }
}

impl Display for Word {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Value(value) => write!(f, "{}", Pattern(value)),
            Self::Address { of, offset } => write!(f, "{of}{}", Offset(offset)),
            Self::Recent { back, offset } => write!(f, "recent({back}){}", Offset(offset)),
            Self::Region { region, offset } => write!(f, "{region}{}", Offset(offset)),
        }
    }
}

impl Display for Region {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Roots => "roots",
            Self::Worklist => "worklist",
            Self::Heap => "heap",
            Self::HeapEnd => "heap_end",
            Self::MemoryEnd => "memory_end",
        })
    }
}

/// A signed offset after a name: nothing at all when it is zero.
struct Offset(i32);

impl Display for Offset {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0 == 0 { Ok(()) } else { write!(f, "{:+}", self.0) }
    }
}

/// A number that is a pattern, an address or a header rather than a quantity.
struct Pattern(u32);

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0 < HEX_FROM { write!(f, "{}", self.0) } else { write!(f, "{:#x}", self.0) }
    }
}
