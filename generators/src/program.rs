//! The mutator language: a register machine over roots.
//!
//! A [`Program`] never names an address. It has [`REGISTERS`] registers (root slots) and a list of [`Op`]s over them.
//! A register holds null or an object that is reachable *because* the register is a root, so **every sequence of ops is
//! a valid program**, every mutation of a program is valid, and one program runs on any collector. What makes that
//! true is that operands are resolved when the program is planned against a model, never when it runs:
//!
//! - An operand that needs an object and names a register that holds none that fits (null, no pointer field, no data
//!   word) takes the `n mod k`-th of the `k` registers that do fit. With none at all the op is a counted no-op.
//! - Field and word indices are taken modulo what the object has.
//! - Loading a field that was never written is a counted no-op.
//! - Registers are scoped: [`Op::Enter`] opens a frame in which all outer registers can be read; a register that is
//!   assigned in a frame gets a root slot of its own there and shadows the outer one until [`Op::Leave`].

/// Registers of the machine, `r0` to `r15`.
pub const REGISTERS: u8 = 16;
/// Frames that may be open at once; an [`Op::Enter`] beyond is a no-op.
pub const MAX_FRAMES: usize = 64;
/// The largest [`Count`], and the largest number of nodes of one graph.
pub const MAX_COUNT: u32 = 1 << 20;
/// Data words that a graph node can carry.
pub const MAX_NODE_WORDS: u8 = 8;
/// The widest node of a [`Shape::Tree`].
pub const MAX_ARITY: u8 = 16;

/// A program of the mutator language and the machine that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Program {
    /// Parameters of the collector; what is `None` takes the collector's own default.
    pub machine: Machine,
    /// What the mutator does, in order.
    pub ops: Vec<Op>,
}

/// Parameters of the collector under test that a program may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Machine {
    /// Bytes of static data before the first region; moves the start of the heap, aligned or not.
    pub data_end: Option<u32>,
    /// Capacity of the mark worklist, in entries.
    pub worklist: Option<u32>,
    /// Capacity of the root stack, in slots.
    pub roots: Option<u32>,
    /// Pages of 64 KiB at the start.
    pub initial_pages: Option<u32>,
    /// Pages of 64 KiB at most (the limit in the module's own memory type).
    pub max_pages: Option<u32>,
    /// Capacity of the wrap table, in entries; it means nothing to a collector without one.
    pub wraps: Option<u32>,
}

/// A register, `0..REGISTERS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(u8);

impl Reg {
    /// The register with this number modulo [`REGISTERS`], so that every byte is a register.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number % REGISTERS)
    }
    /// Its number, `0..REGISTERS`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
    /// Its number as an index, `0..REGISTERS`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One step of a program. The tag of each op in the text format is its name in `snake_case` unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// Allocates an object into `dst`.
    Alloc {
        /// Where the object goes.
        dst: Reg,
        /// Payload bytes.
        size: Size,
        /// Pointer fields (4 bytes each); clamped to what fits into the payload at `place`.
        fields: u32,
        /// Which words of the payload are the pointer fields.
        place: Placement,
        /// What is written at once.
        init: Init,
    },
    /// Loads a pointer field of `src` into `dst`.
    Load {
        /// Where the pointer goes.
        dst: Reg,
        /// The object.
        src: Reg,
        /// Which pointer field, modulo what the object has.
        field: u32,
    },
    /// Stores register `value` into a pointer field of `obj`.
    Store {
        /// The object written to.
        obj: Reg,
        /// Which pointer field, modulo what the object has.
        field: u32,
        /// The object pointed to.
        value: Reg,
    },
    /// Stores null into a pointer field of `obj`.
    Clear {
        /// The object written to.
        obj: Reg,
        /// Which pointer field, modulo what the object has.
        field: u32,
    },
    /// Writes a data word of `obj`.
    Write {
        /// The object written to.
        obj: Reg,
        /// Which data word, modulo what the object has.
        word: u32,
        /// The word.
        value: Word,
    },
    /// Copies a register.
    Move {
        /// Where it goes.
        dst: Reg,
        /// What is copied.
        src: Reg,
    },
    /// Sets a register to null (tag `drop`).
    Drop {
        /// The register.
        reg: Reg,
    },
    /// Opens a frame of roots.
    Enter,
    /// Closes the innermost frame: its roots are gone, but for one that may be returned to the outer frame.
    Leave {
        /// The register whose value is returned into the outer frame's register of the same number.
        keep: Option<Reg>,
    },
    /// Collects now.
    Collect,
    /// Makes a minor collection now: one that keeps all that is reachable and may leave any garbage; a no-op where the collector has none.
    Minor,
    /// Reads every byte of the object that was written and compares it.
    Check {
        /// The object.
        reg: Reg,
    },
    /// Reads every byte of the object that was *never* written and expects zero; a no-op where zeroing is no promise.
    CheckZero {
        /// The object.
        reg: Reg,
    },
    /// Builds a graph and leaves its root object in `dst` (the tag is the shape's name).
    Graph {
        /// Where the root object goes.
        dst: Reg,
        /// The graph.
        shape: Shape,
        /// Data words of each node, at most [`MAX_NODE_WORDS`].
        words: u8,
        /// Seeds the data words.
        tag: u32,
    },
    /// Allocates `count` objects and pushes each as a root of the current frame (no register names them).
    Roots {
        /// How many.
        count: Count,
        /// Data words of each.
        words: u8,
    },
    /// Allocates `count` objects that nothing refers to.
    Garbage {
        /// How many.
        count: Count,
        /// Payload bytes of each, resolved once, before the first.
        size: Size,
    },
    /// Registers an object as the wrapper of new host handles, which are released when it is dead; a no-op where the collector has
    /// no wrap table. The newest handle also goes into the object's first data word, if it has one.
    Wrap {
        /// The object.
        reg: Reg,
        /// What kind of handle it is (1 a map, 2 a set, 3 a decimal, ...): any number.
        kind: u8,
        /// How many handles, one registration each.
        count: Count,
    },
}

/// Which words of a payload of `w` whole words are its `n` pointer fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placement {
    /// Words `0..n`; at most `w`.
    Front,
    /// Words `w-n..w`; at most `w`.
    Back,
    /// Words `1, 3, 5, ...`; at most `w / 2`.
    Odd,
}

/// What an allocation writes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Init {
    /// Nothing: pointer fields count as never written.
    Bare,
    /// Null into every pointer field.
    Null,
    /// Null into every pointer field and a pattern into every other byte.
    Fill(u32),
    /// As [`Init::Fill`], but only the first and the last 8 words of the payload and its tail bytes get the pattern.
    Ends(u32),
}

/// A payload size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// That many.
    Bytes(u32),
    /// As many as make a block at the heap's end stop `delta` bytes past an edge (before it, if negative).
    /// When that would be a negative size, the edge is moved on by whole pages.
    Edge {
        /// The edge.
        edge: Edge,
        /// Which end is placed there.
        part: Part,
        /// Bytes past the edge.
        delta: i32,
    },
}

/// An edge that a size can aim at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The current end of memory.
    Memory,
    /// The next 64 KiB boundary at or above the heap's end.
    Page,
    /// The end of memory at its page limit.
    Limit,
}

/// Which end of an allocation is placed at an [`Edge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The end of the payload as requested.
    Payload,
    /// The end of the block: payload rounded up to the collector's stride.
    Block,
}

/// A number that may be relative to a capacity of the machine; the result is clamped to `0..=MAX_COUNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Count {
    /// What `delta` is added to.
    pub base: Base,
    /// Added to it.
    pub delta: i32,
}

impl Count {
    /// A plain number, at most [`MAX_COUNT`].
    #[must_use]
    pub const fn new(number: u32) -> Self {
        let n = if number > MAX_COUNT { MAX_COUNT } else { number };
        Self { base: Base::Zero, delta: n as i32 }
    }
}

/// The base of a [`Count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// Zero: a plain number.
    Zero,
    /// Entries of the mark worklist.
    Worklist,
    /// Slots of the root stack.
    Roots,
    /// Entries of the wrap table; 0 where there is none.
    Wraps,
}

/// A data word, kept symbolic until it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// This number.
    Value(u32),
    /// The address of the object in a register, plus an offset.
    Address {
        /// The register.
        of: Reg,
        /// Bytes added.
        offset: i32,
    },
    /// The address of a recent allocation, dead or alive, plus an offset.
    Recent {
        /// 0 is the newest allocation of the program; taken modulo how many there are.
        back: u32,
        /// Bytes added.
        offset: i32,
    },
    /// An edge of a region of the collector's memory, plus an offset.
    Region {
        /// The edge.
        region: Region,
        /// Bytes added.
        offset: i32,
    },
}

/// Edges of the collector's regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Region {
    /// Start of the root stack.
    Roots,
    /// Start of the mark worklist.
    Worklist,
    /// Start of the heap.
    Heap,
    /// End of the heap so far, as the model predicts it.
    HeapEnd,
    /// End of memory so far, as the model predicts it.
    MemoryEnd,
}

/// The graphs. Each is executed as a loop, roots one object, and needs no root beyond its register.
///
/// A *node* is an object with pointer fields first, then its data words. A dropped leaf is harmless to a collector
/// test, so the children of the wide shapes have a child themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `n` nodes in a singly linked list.
    Chain {
        /// Nodes.
        n: Count,
    },
    /// `n` nodes in a ring.
    Cycle {
        /// Nodes.
        n: Count,
    },
    /// One array of `n` pointers to `n` distinct nodes, each with a child.
    Wide {
        /// Pointers.
        n: Count,
    },
    /// One array of `n` pointers to one and the same node, which has a child (tag `duplicates`).
    DuplicateRefs {
        /// Pointers.
        n: Count,
    },
    /// A complete tree of `n` nodes with `arity` pointer fields each.
    Tree {
        /// Nodes.
        n: Count,
        /// Fields of a node, `1..=MAX_ARITY`.
        arity: u8,
    },
    /// `width * height` nodes, each with a pointer to its right and its lower neighbour.
    Grid {
        /// Nodes in a row.
        width: Count,
        /// Rows.
        height: Count,
    },
    /// A list of `spine` nodes, each with a list of `teeth` nodes hanging off it.
    Comb {
        /// Nodes of the spine.
        spine: Count,
        /// Nodes of each tooth.
        teeth: Count,
    },
    /// A list of `nodes` nodes with three more pointer fields each, over which `edges` random pointers are strewn
    /// (tag `random`).
    RandomGraph {
        /// Nodes.
        nodes: Count,
        /// Random pointers.
        edges: Count,
        /// Seed of the edges.
        seed: u32,
    },
}
