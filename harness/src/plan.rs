//! A plan: a program resolved against a model, so that what is left to do needs no decision at run time.
//!
//! Step `i` is op `i` of the program. A plan is what lowerings and emulator execute; the order of memory effects given here
//! is binding for all of them, byte for byte.
//!
//! A root slot is numbered from the root stack's base. The mutator keeps its own copy of each slot's value in a *mirror*
//! outside the collector's memory, and reads registers from there.
//!
//! - *log(v)*: append the word to the log.
//! - *root(w, v)*: with `w.push` call `root_push(v)`, else `root_set(w.slot, v)`; then `mirror[w.slot] = v`.
//! - *node(fields, words, tag) -> a*: `a = alloc(4 * (fields + words))`, log(a), store 0 to words `0..fields`, then
//!   [`pattern`]`(tag, i)` to word `fields + i` for `i` in `0..words`.

/// A root slot, counted from the base of the root stack.
pub type Slot = u32;

/// An assignment to a root slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootWrite {
    /// The slot.
    pub slot: Slot,
    /// Whether the slot is new (pushed: then it is the next one) or overwritten.
    pub push: bool,
}

impl RootWrite {
    /// The same slot, overwritten.
    #[must_use]
    pub const fn again(self) -> Self {
        Self { slot: self.slot, push: false }
    }
}

/// One step. Offsets are bytes from the payload's start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The op has no effect.
    Nop,
    /// `a = alloc(size)`, log(a), then `init`, then root(root, a).
    Alloc {
        /// Where it goes.
        root: RootWrite,
        /// Payload bytes.
        size: u32,
        /// What is written at once.
        init: Initial,
    },
    /// `v = load(mirror[src] + offset)`, log(v), root(root, v).
    Load {
        /// Where it goes.
        root: RootWrite,
        /// The object.
        src: Slot,
        /// The field.
        offset: u32,
    },
    /// `store(mirror[obj] + offset, mirror[value])`.
    Store {
        /// The object.
        obj: Slot,
        /// The field.
        offset: u32,
        /// The pointer.
        value: Slot,
    },
    /// `store(mirror[obj] + offset, 0)`, to a pointer field.
    Clear {
        /// The object.
        obj: Slot,
        /// The field.
        offset: u32,
    },
    /// `store(mirror[obj] + offset, value)`.
    Write {
        /// The object.
        obj: Slot,
        /// The word.
        offset: u32,
        /// What is written.
        value: Value,
    },
    /// root(root, `mirror[src]`), or null without `src`.
    Assign {
        /// Where it goes.
        root: RootWrite,
        /// What is copied.
        src: Option<Slot>,
    },
    /// Push `frame_save()` on the mutator's stack of frames.
    Enter,
    /// Pop the mutator's stack of frames into `frame_restore`; `keep`: `v = mirror[slot]` is read before, and root(root, v) done after;
    /// first, where the collector is told of each slot that lets go (`Manifest::is_told_of_drops`): the end is the same.
    Leave {
        /// What is returned to the outer frame.
        keep: Option<(Slot, RootWrite)>,
    },
    /// `gc_collect()`.
    Collect,
    /// `gc_minor()`.
    Minor,
    /// log([`digest`] of `len` bytes from `mirror[obj] + offset`) for each range in turn.
    Digest {
        /// The object.
        obj: Slot,
        /// Offset and length in bytes.
        ranges: Vec<(u32, u32)>,
    },
    /// root(root, 0), then the graph of [`crate::mutator::build`].
    Graph {
        /// Where the root object goes.
        root: RootWrite,
        /// The graph.
        shape: Shape,
        /// Data words of each node.
        words: u32,
        /// Seeds the data words.
        tag: u32,
    },
    /// For `i` in `0..count`: `a = node(0, words, i)`, root(push to slot `first + i`, a).
    Roots {
        /// The first slot pushed.
        first: Slot,
        /// How many.
        count: u32,
        /// Data words of each.
        words: u32,
    },
    /// `count` times: `a = alloc(size)`, log(a).
    Garbage {
        /// How many.
        count: u32,
        /// Payload bytes of each.
        size: u32,
    },
    /// `p = mirror[obj]`; for `i` in `0..count`: `register_wrapper(p, kind, first + i)`; then, with `word`,
    /// `store(p + word, first + count - 1)`.
    Wrap {
        /// The object.
        obj: Slot,
        /// The kind of all the handles.
        kind: u32,
        /// The first handle; the others follow it.
        first: u32,
        /// How many, at least 1.
        count: u32,
        /// Where in the payload the last one goes.
        word: Option<u32>,
    },
}

/// What an allocation writes at once, in this order: the pattern, then null into the pointer fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Initial {
    /// Which bytes get a pattern.
    pub fill: Fill,
    /// First pointer field (a word index) that gets null.
    pub first: u32,
    /// Words from one pointer field to the next.
    pub stride: u32,
    /// Pointer fields that get null.
    pub count: u32,
    /// Pointer fields that there are, whether they get null or not: what a collector is told that must know.
    pub fields: u32,
}

impl Initial {
    /// Words that it writes into a payload of `size` bytes, or a few more.
    #[must_use]
    pub const fn words(&self, size: u32) -> u64 {
        let pattern = match self.fill {
            Fill::Nothing => 0,
            Fill::All { .. } => size / 4,
            Fill::Ends { .. } => 16,
        };
        pattern as u64 + self.count as u64
    }
}

/// Which bytes of a payload of `w = size / 4` whole words get a pattern: word `i` gets [`pattern`]`(tag, i)`; after the words each
/// tail byte at offset `o` in `4 * w..size` gets the low byte of `pattern(tag, o)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// None.
    Nothing,
    /// Words `0..w`, then the tail.
    All {
        /// Seeds the pattern.
        tag: u32,
    },
    /// Words `0..min(8, w)`, then `max(8, w - 8)..w`, then the tail.
    Ends {
        /// Seeds the pattern.
        tag: u32,
    },
}

/// A word that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// This number.
    Constant(u32),
    /// `mirror[slot] + offset`, wrapping.
    Slot {
        /// The slot.
        slot: Slot,
        /// Added to it.
        offset: u32,
    },
    /// `log[index] + offset`, wrapping.
    Logged {
        /// Index of a word of the log.
        index: u32,
        /// Added to it.
        offset: u32,
    },
}

/// A graph with its numbers resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// See [`heapsmith_generators::Shape`].
    Chain {
        /// Nodes.
        n: u32,
    },
    /// A ring.
    Cycle {
        /// Nodes.
        n: u32,
    },
    /// An array of distinct nodes.
    Wide {
        /// Pointers.
        n: u32,
    },
    /// An array of one node.
    DuplicateRefs {
        /// Pointers.
        n: u32,
    },
    /// A complete tree.
    Tree {
        /// Nodes.
        n: u32,
        /// Fields of a node.
        arity: u32,
    },
    /// A grid.
    Grid {
        /// Nodes in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A list of lists.
    Comb {
        /// Nodes of the spine.
        spine: u32,
        /// Nodes of each tooth.
        teeth: u32,
    },
    /// A list with random pointers over it.
    RandomGraph {
        /// Nodes.
        nodes: u32,
        /// Random pointers.
        edges: u32,
        /// Their seed.
        seed: u32,
    },
}

/// The steps of a program and what they need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Step `i` is op `i`.
    pub steps: Vec<Step>,
    /// Words of log that the steps write at most.
    pub log_words: u32,
    /// Handles that the steps register at most.
    pub handles: u32,
    /// Root slots that the steps use at most.
    pub slots: u32,
    /// Upper bound of the collector's work in words visited; fuel is a multiple of it.
    pub work: u64,
}

/// Releases that a lowering has room for beyond the handles that are registered: so many that should not be there are told one by one.
const SURPLUS_RELEASES: u32 = 8;

impl Plan {
    /// Releases that a lowering has room for on a collector with a wrap table.
    #[must_use]
    pub const fn release_room(&self) -> u32 {
        self.handles.saturating_add(SURPLUS_RELEASES)
    }

    /// Steps that store one word.
    #[must_use]
    pub fn stores(&self) -> u64 {
        self.steps.iter().filter(|s| matches!(s, Step::Store { .. } | Step::Clear { .. } | Step::Write { .. })).count()
            as u64
    }
}

/// The data word that a pattern has at index `i`: bit 31 is set, so that it is never an address below 2 GiB.
#[must_use]
pub const fn pattern(tag: u32, i: u32) -> u32 {
    tag.wrapping_mul(0x9E37_79B1).wrapping_add(i.wrapping_mul(0x85EB_CA6B)) | 0x8000_0000
}

/// The digest of bytes: from `0x811C_9DC5`, for each whole little-endian word `w` and then for each byte `b` left over, `d = (d ^ w) * 0x0100_0193`.
#[must_use]
pub fn digest(bytes: &[u8]) -> u32 {
    let (words, tail) = bytes.as_chunks::<4>();
    let words = words.iter().map(|w| u32::from_le_bytes(*w));
    words.chain(tail.iter().map(|&b| u32::from(b))).fold(DIGEST_START, digest_word)
}

/// Where a digest starts.
pub const DIGEST_START: u32 = 0x811C_9DC5;

/// One word of a [`digest`].
#[must_use]
pub const fn digest_word(digest: u32, word: u32) -> u32 {
    (digest ^ word).wrapping_mul(0x0100_0193)
}

/// The next state of the generator behind [`Shape::RandomGraph`]; a draw below `n` is `(state >> 8) % n`.
#[must_use]
pub const fn next_random(state: u32) -> u32 {
    state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}
