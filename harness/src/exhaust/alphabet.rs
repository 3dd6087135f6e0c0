//! The ops of small programs, each with the reason why it is one of them.
//!
//! | op | why |
//! |---|---|
//! | `alloc size=0` | the smallest block, all of whose memory beyond the header is padding; of the same stride as the next, but too small for it |
//! | `alloc size=4 fields=1` | the smallest object with a pointer: lists and cycles |
//! | `alloc size=12 fields=2` | two pointers, then a data word; the next stride up: branches, copies of a pointer, reuse of a block by smaller objects |
//! | `alloc size=memory.block+8` | one stride past the end of memory: exhaustion, a collection, and growth by a page whenever nothing free is as large |
//! | `alloc size=memory.block+65544` | one stride past the page after it: growth by two pages (#487) |
//! | `store` | a register into a pointer field, itself included |
//! | `write` | the address of an object plus 8 into the data word: the inside of a large object, the object or the free block after a small one, or the end of the heap (#1382) |
//! | `load` | a pointer field into a register: objects that no register held become roots |
//! | `drop` | a root goes, and garbage comes about |
//! | `collect` | a collection without exhaustion; a second one at once finds marks and free lists that the first one left wrong |
//!
//! What is not there, and why nothing is lost:
//! - `check` and `check_zero`: the judge reads every byte of every reachable object at the end of each program, and every prefix of a
//!   program is a program itself; an op that only reads shows nothing more.
//! - `clear`: storing another pointer over a field unlinks as well. `move`: a second register for one object comes by `store` and `load`.
//! - `enter` and `leave`: frames are the mutator's; to the collector they are more or fewer root slots.
//! - Graphs, `roots` and `garbage` are loops over what is here.
//! - A block that ends exactly at the end of memory needs no size of its own: from a heap that starts 32 bytes before the end, two
//!   objects of 12 bytes, or four of 4, end there.

use heapsmith_generators::{Edge, Init, Op, Part, Placement, Reg, Size, Word};
use serde::{Deserialize, Serialize};

/// What an allocation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing: a header and padding.
    Empty,
    /// One pointer.
    Link,
    /// Two pointers and a data word.
    Node,
    /// A block that ends one stride past the end of memory.
    Past,
    /// A block that ends one stride past the page after the end of memory.
    FarPast,
}

impl Kind {
    /// All of them, in the order of programs.
    pub const ALL: [Self; 5] = [Self::Empty, Self::Link, Self::Node, Self::Past, Self::FarPast];

    /// Pointer fields.
    #[must_use]
    pub const fn fields(self) -> u8 {
        match self {
            Self::Empty | Self::Past | Self::FarPast => 0,
            Self::Link => 1,
            Self::Node => 2,
        }
    }

    /// Whether there is a data word that is written.
    #[must_use]
    pub const fn has_word(self) -> bool {
        match self {
            Self::Node => true,
            Self::Empty | Self::Link | Self::Past | Self::FarPast => false,
        }
    }

    const fn size(self) -> Size {
        let (edge, part) = (Edge::Memory, Part::Block);
        match self {
            Self::Empty => Size::Bytes(0),
            Self::Link => Size::Bytes(4),
            Self::Node => Size::Bytes(12),
            Self::Past => Size::Edge { edge, part, delta: STRIDE },
            Self::FarPast => Size::Edge { edge, part, delta: PAGE + STRIDE },
        }
    }
}

/// The unit of strides.
const STRIDE: i32 = 8;
/// Bytes of a page.
const PAGE: i32 = 1 << 16;
/// What is added to an address that is written as data.
const INSIDE: i32 = 8;

/// One op of a small program. Registers are numbered in the order of their first use; an operand that is an object is named by the first
/// register that holds it. Programs are ordered by their moves, moves as they are declared here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Move {
    /// Allocates an object into a register.
    Alloc {
        /// What is asked for.
        kind: Kind,
        /// Where it goes.
        dst: u8,
    },
    /// Stores a register into a pointer field.
    Store {
        /// The object written to.
        obj: u8,
        /// Which field.
        field: u8,
        /// The object pointed to.
        value: u8,
    },
    /// Writes the address of an object plus 8 into the data word of another one, or of the same.
    Write {
        /// The object written to.
        obj: u8,
        /// The object whose address it is.
        value: u8,
    },
    /// Loads a pointer field that is not null into a register.
    Load {
        /// Where it goes.
        dst: u8,
        /// The object read.
        src: u8,
        /// Which field.
        field: u8,
    },
    /// Sets a register to null.
    Drop {
        /// The register.
        reg: u8,
    },
    /// Collects now.
    Collect,
}

impl Move {
    /// The op of the mutator language that it is.
    #[must_use]
    pub const fn op(self) -> Op {
        let reg = Reg::new;
        match self {
            Self::Alloc { kind, dst } => Op::Alloc {
                dst: reg(dst),
                size: kind.size(),
                fields: kind.fields() as u32,
                place: Placement::Front,
                init: Init::Null,
            },
            Self::Store { obj, field, value } => Op::Store { obj: reg(obj), field: field as u32, value: reg(value) },
            Self::Write { obj, value } => {
                Op::Write { obj: reg(obj), word: 0, value: Word::Address { of: reg(value), offset: INSIDE } }
            }
            Self::Load { dst, src, field } => Op::Load { dst: reg(dst), src: reg(src), field: field as u32 },
            Self::Drop { reg: r } => Op::Drop { reg: reg(r) },
            Self::Collect => Op::Collect,
        }
    }
}
