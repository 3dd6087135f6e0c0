//! The shadow heap: objects, blocks and what the declared policies do with them.
//!
//! It knows nothing but promises. Addresses are *virtual*: where the declared placement policy puts a block. While the
//! model is exact they are the addresses that the collector must return; afterwards they only name blocks.
//!
//! The model is exact until a collection scans a word that a conservative collector without validation may take for an object
//! and that is none ([`Exactness`]). From that collection on a full worklist and a refused growth are "may" both ways, capacities
//! stop nobody here, and placement is not judged. A heap that would pass the address limit then is not modelled any further, because the
//! collector's own may end below it.

use super::index::Index;
use super::mark::Marking;
use super::words::Words;
use super::{Counts, Halt, Wraps};
use crate::runtime::description::{Description, PAGE};

/// A stable name of a block; says nothing about its address.
pub type BlockId = u32;
pub(super) const NONE: u32 = u32::MAX;

/// What a payload word holds, as far as the mutator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    /// Never written by the object that owns the block now: whatever was there.
    Unwritten,
    /// A number.
    Data,
    /// A pointer field: null or the virtual address of a live object's payload.
    Pointer,
    /// An address written as data: see [`ShadowHeap::symbol`].
    Symbol,
    /// A host handle: a number that is promised to keep nothing alive.
    Handle,
    /// The last, partial word of a payload whose size is no multiple of 4: only the bytes below the size are written.
    Tail,
}

/// A rule that allows, and demands, an `unreachable` trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrapRule {
    /// The mark worklist is full.
    WorklistFull,
    /// The root stack is full.
    RootStackFull,
    /// Memory cannot grow as far as the allocation needs.
    MemoryLimit,
    /// The requested size is beyond the collector's limit.
    SizeLimit,
    /// The block would end beyond the collector's address limit, though not beyond what memory may grow to.
    AddressLimit,
    /// The wrap table is full of live wrappers.
    WrapTableFull,
}

impl TrapRule {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::WorklistFull,
        Self::RootStackFull,
        Self::MemoryLimit,
        Self::SizeLimit,
        Self::AddressLimit,
        Self::WrapTableFull,
    ];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorklistFull => "worklist-full",
            Self::RootStackFull => "root-stack-full",
            Self::MemoryLimit => "memory-limit",
            Self::SizeLimit => "size-limit",
            Self::AddressLimit => "address-limit",
            Self::WrapTableFull => "wrap-table-full",
        }
    }
}

/// How an allocation was satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AllocPath {
    /// From the free list, larger than asked for.
    List,
    /// From the free list, by a block of exactly that size.
    ListExact,
    /// From the free list, by a part of a block whose rest stays there.
    ListSplit,
    /// By moving the heap's end.
    Bump,
    /// From the free list, after a collection.
    CollectedList,
    /// By moving the heap's end after a collection and a growth of one page.
    GrownOne,
    /// By moving the heap's end after a collection and a growth of several pages.
    GrownMany,
}

/// A block: header, payload, padding. It never moves.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Virtual address of the payload.
    pub address: u32,
    /// Payload bytes as recorded in the header: what was asked for when the block was made.
    pub recorded: u32,
    /// Payload bytes that the present object asked for.
    pub size: u32,
    /// Pointer fields of the present object: first word, words from one to the next, how many.
    pub fields: Fields,
    /// Index into the log of the allocation of the present object.
    pub logged: u32,
    /// Whether the block is on the free list.
    pub free: bool,
    /// Words from the payload's start to the block's end.
    pub(super) words: u32,
    /// The next block on the free list.
    pub(super) next: BlockId,
    /// The next block by address.
    pub(super) after: BlockId,
    pub(super) marked: u32,
    pub(super) seen: u32,
}

/// Pointer fields of an object as an arithmetic progression of word indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields {
    /// First word.
    pub first: u32,
    /// Words from one field to the next.
    pub stride: u32,
    /// How many.
    pub count: u32,
}

/// Whether the model's predictions are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// Addresses, growth, free list and traps are predicted exactly.
    Exact,
    /// A word that is no object was scanned where nothing proves that it is none.
    FalseCandidate,
}

/// The shadow heap.
#[derive(Debug)]
pub struct ShadowHeap {
    pub(super) heap_start: u32,
    max_pages: u32,
    initial_pages: u32,
    pub(super) promises: crate::runtime::description::Promises,
    pub(super) object: crate::runtime::description::ObjectLayout,
    /// By name; those in [`ShadowHeap::unused`] are no blocks any more.
    pub(super) blocks: Vec<Block>,
    /// Names of blocks that became parts of others.
    pub(super) unused: Vec<BlockId>,
    pub(super) words: Words,
    symbols: Vec<(u32, u32, u32)>,
    pub(super) index: Index,
    /// The blocks at the heap's start and at its end.
    pub(super) first: BlockId,
    pub(super) last: BlockId,
    pub(super) free_head: BlockId,
    heap_end: u64,
    pages: u32,
    pub(super) marking: Marking,
    pub(super) sight: u32,
    pub(super) stack: Vec<BlockId>,
    /// Blocks that came from the free list and may hold its link still.
    pub(super) recycled: Vec<BlockId>,
    /// Whether the last collection freed no object.
    pub(super) freed_nothing: bool,
    /// What the collector's characteristics cost so far.
    pub counts: Counts,
    /// The wrap table.
    pub wraps: Wraps,
    /// Whether predictions are still exact.
    pub exactness: Exactness,
    /// Collections so far.
    pub collections: u32,
    /// Words and blocks visited so far: the unit of the work budget.
    pub work: u64,
}

impl ShadowHeap {
    /// An empty heap with the promises and the layout of a description.
    #[must_use]
    pub fn new(description: &Description) -> Self {
        let p = description.parameters;
        Self {
            heap_start: description.regions.heap_start,
            max_pages: p.max_pages,
            initial_pages: p.initial_pages,
            promises: description.promises,
            object: description.object,
            blocks: Vec::new(),
            unused: Vec::new(),
            words: Words::default(),
            symbols: Vec::new(),
            index: Index::new(description.regions.heap_start, &description.object),
            first: NONE,
            last: NONE,
            free_head: NONE,
            heap_end: u64::from(description.regions.heap_start),
            pages: p.initial_pages,
            marking: Marking::new(p.worklist, &description.promises),
            sight: 0,
            stack: Vec::new(),
            recycled: Vec::new(),
            freed_nothing: false,
            counts: Counts::default(),
            wraps: Wraps::default(),
            exactness: Exactness::Exact,
            collections: 0,
            work: 0,
        }
    }

    /// Back to the empty heap, in time proportional to what was used; buffers are kept.
    pub fn reset(&mut self) {
        for block in &self.blocks {
            self.index.set(block.address, NONE);
        }
        self.blocks.clear();
        self.unused.clear();
        self.words.reset(((self.heap_end - u64::from(self.heap_start)) / 4) as usize);
        self.symbols.clear();
        self.wraps.reset();
        (self.first, self.last, self.free_head) = (NONE, NONE, NONE);
        self.heap_end = u64::from(self.heap_start);
        self.pages = self.initial_pages;
        self.marking.reset();
        self.sight = 0;
        self.recycled.clear();
        (self.freed_nothing, self.counts) = (false, Counts::default());
        self.exactness = Exactness::Exact;
        self.collections = 0;
        self.work = 0;
    }

    /// The end of the heap so far.
    #[must_use]
    pub const fn heap_end(&self) -> u64 {
        self.heap_end
    }

    /// Pages of memory so far.
    #[must_use]
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// Entries of the worklist that collections of the program used at most, as long as the model is exact.
    #[must_use]
    pub const fn deepest_worklist(&self) -> usize {
        self.marking.deepest()
    }

    /// All blocks in address order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let block = (next != NONE).then(|| &self.blocks[next as usize])?;
            next = block.after;
            Some(block)
        })
    }

    /// A block.
    #[must_use]
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id as usize]
    }

    /// The free list from its head.
    pub fn free_list(&self) -> impl Iterator<Item = &Block> {
        let mut next = self.free_head;
        std::iter::from_fn(move || {
            let block = (next != NONE).then(|| &self.blocks[next as usize])?;
            next = block.next;
            Some(block)
        })
    }

    /// Virtual address of the free list's head, 0 when empty.
    #[must_use]
    pub fn free_head_address(&self) -> u32 {
        self.free_list().next().map_or(0, |b| b.address)
    }

    /// What word `word` of a block's payload holds. Past the payload it may go on to the end of the block.
    #[must_use]
    pub fn word(&self, id: BlockId, word: u32) -> (Content, u32) {
        self.words.get(self.start(id) + word)
    }

    /// Contents and values of the first `words` words of a block's payload, piece by piece, each with its first word. What lies between
    /// the pieces was never written.
    pub fn pieces(&self, id: BlockId, words: u32) -> impl Iterator<Item = (u32, &[Content], &[u32])> {
        let start = self.start(id);
        self.words.pieces(start, start + words)
    }

    /// Where a block's payload starts among the words of the heap.
    pub(super) fn start(&self, id: BlockId) -> u32 {
        (self.block(id).address - self.heap_start) / 4
    }

    /// Words that the model holds memory for: those of blocks that were never written to are not among them.
    #[must_use]
    pub const fn words_held(&self) -> usize {
        self.words.allocated()
    }

    /// Words of a block's payload including its padding.
    #[must_use]
    pub fn words(&self, id: BlockId) -> u32 {
        self.block(id).words
    }

    /// The log index and the offset of a [`Content::Symbol`].
    #[must_use]
    pub fn symbol(&self, id: BlockId, word: u32) -> Option<(u32, u32)> {
        let at = self.start(id) + word;
        self.symbols.iter().rev().find(|s| s.0 == at).map(|s| (s.1, s.2))
    }

    /// The block whose payload starts at a virtual address.
    #[must_use]
    pub fn at(&self, address: u32) -> Option<BlockId> {
        self.index.get(address)
    }

    /// Allocates, collecting when memory is exhausted; `roots` are the blocks that roots hold.
    ///
    /// # Errors
    /// The rule under which the allocation must trap, or that nobody knows whether it must.
    pub fn alloc(&mut self, size: u32, logged: u32, roots: &[Option<BlockId>]) -> Result<(BlockId, AllocPath), Halt> {
        if size >= self.promises.size_limit {
            return Err(TrapRule::SizeLimit.into());
        }
        if let Some((id, path)) = self.first_fit(size, logged) {
            self.count_slack(id, size);
            return Ok((id, path));
        }
        let stride = self.object.stride(size);
        let mut path = AllocPath::Bump;
        // Memory beyond the address limit is no room.
        let room = (u64::from(self.pages) * u64::from(PAGE)).min(self.promises.address_limit);
        if self.heap_end + stride > room {
            self.collect(roots)?;
            if let Some((id, _)) = self.first_fit(size, logged) {
                self.count_slack(id, size);
                return Ok((id, AllocPath::CollectedList));
            }
            path = self.grow(stride)?;
            self.count_growth();
        }
        Ok((self.bump(size, stride, logged), path))
    }

    fn grow(&mut self, stride: u64) -> Result<AllocPath, Halt> {
        let end = self.heap_end + stride;
        let page = u64::from(PAGE);
        // What would not even fit into an empty heap must trap; else an inexact model does not know where the heap really ends.
        let must_trap = |limit: u64| {
            let hopeless = u64::from(self.heap_start) + stride > limit;
            end > limit && (hopeless || self.exactness == Exactness::Exact)
        };
        // Where both forbid it, the page limit is named: it stops a collector that does not know its address limit, too.
        if must_trap(u64::from(self.max_pages) * page) {
            return Err(TrapRule::MemoryLimit.into());
        }
        if must_trap(self.promises.address_limit) {
            return Err(TrapRule::AddressLimit.into());
        }
        if end > self.promises.address_limit {
            return Err(Halt::TooMuchWork);
        }
        let pages = end.div_ceil(page).max(u64::from(self.pages)) as u32;
        let path = if pages - self.pages > 1 { AllocPath::GrownMany } else { AllocPath::GrownOne };
        self.pages = pages;
        Ok(path)
    }

    fn bump(&mut self, size: u32, stride: u64, logged: u32) -> BlockId {
        self.work += 1;
        self.append(Block {
            address: self.heap_end as u32 + self.object.header_bytes,
            recorded: size,
            size,
            fields: Fields::default(),
            logged,
            free: false,
            words: self.payload_words(stride),
            next: NONE,
            after: NONE,
            marked: 0,
            seen: 0,
        })
    }

    /// Adds a block at the heap's end.
    pub(super) fn append(&mut self, block: Block) -> BlockId {
        let id = self.add(block);
        match self.last {
            NONE => self.first = id,
            last => self.blocks[last as usize].after = id,
        }
        self.last = id;
        self.heap_end += u64::from(self.object.header_bytes) + 4 * u64::from(block.words);
        id
    }

    /// Declares the pointer fields of a fresh object.
    pub fn declare(&mut self, id: BlockId, fields: Fields) {
        self.blocks[id as usize].fields = fields;
    }

    /// Writes a word.
    pub fn write(&mut self, id: BlockId, word: u32, content: Content, value: u32) {
        self.words.set(self.start(id) + word, content, value);
    }

    /// Writes words `from..to`: `value(i)` to word `i`.
    pub fn write_run(&mut self, id: BlockId, (from, to): (u32, u32), content: Content, value: impl Fn(u32) -> u32) {
        self.words.set_run(self.start(id) + from, to - from, content, |i| value(from + i));
    }

    /// Writes the address of a logged allocation plus an offset as a data word.
    pub fn write_symbol(&mut self, id: BlockId, word: u32, logged: u32, offset: u32, value: u32) {
        self.write(id, word, Content::Symbol, value);
        self.symbols.push((self.start(id) + word, logged, offset));
    }

    /// Writes some bytes of the payload's last, partial word.
    pub fn write_tail(&mut self, id: BlockId, word: u32, mask: u32, value: u32) {
        let (_, before) = self.word(id, word);
        self.write(id, word, Content::Tail, (before & !mask) | (value & mask));
    }

    /// Calls `visit` for each object reachable through pointer fields from `roots`, once, parents first, with the object and
    /// field it was found through (none for roots).
    pub fn reachable(&mut self, roots: &[Option<BlockId>], mut visit: impl FnMut(&Self, BlockId)) {
        self.sight += 1;
        let sight = self.sight;
        let mut stack = std::mem::take(&mut self.stack);
        for id in roots.iter().rev().flatten() {
            stack.push(*id);
        }
        while let Some(id) = stack.pop() {
            let block = &mut self.blocks[id as usize];
            if block.seen == sight {
                continue;
            }
            block.seen = sight;
            let fields = block.fields;
            visit(self, id);
            for i in 0..fields.count {
                if let (Content::Pointer, value) = self.word(id, fields.first + i * fields.stride)
                    && value != 0
                    && let Some(target) = self.at(value)
                    && self.blocks[target as usize].seen != sight
                {
                    stack.push(target);
                }
            }
        }
        self.stack = stack;
    }
}
