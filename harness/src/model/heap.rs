//! The shadow heap: objects, blocks and what the declared policies do with them.
//!
//! It knows nothing but promises. Addresses are *virtual*: where the declared placement policy puts a block. While the
//! model is exact they are the addresses that the collector must return; afterwards they only name blocks.
//!
//! The model is exact until a collection scans a word that a conservative collector without validation may take for an object
//! and that is none ([`Exactness`]). From that collection on a full worklist and a refused growth are "may" both ways, capacities
//! stop nobody here, and placement is not judged.

use crate::runtime::description::{Candidates, Description, MarkAt, OnFull, PAGE, Zeroing};

/// Index of a block, in address order.
pub type BlockId = u32;
const NONE: u32 = u32::MAX;

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
    /// The block would end beyond the collector's address limit.
    AddressLimit,
}

impl TrapRule {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::WorklistFull, Self::RootStackFull, Self::MemoryLimit, Self::SizeLimit, Self::AddressLimit];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorklistFull => "worklist-full",
            Self::RootStackFull => "root-stack-full",
            Self::MemoryLimit => "memory-limit",
            Self::SizeLimit => "size-limit",
            Self::AddressLimit => "address-limit",
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
    /// By moving the heap's end.
    Bump,
    /// From the free list, after a collection.
    CollectedList,
    /// By moving the heap's end after a collection and a growth of one page.
    GrownOne,
    /// By moving the heap's end after a collection and a growth of several pages.
    GrownMany,
}

/// A block: header, payload, padding. Blocks never move, split or merge.
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
    start: u32,
    words: u32,
    next: BlockId,
    marked: u32,
    seen: u32,
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
    header: u32,
    unit: u32,
    link_word: usize,
    heap_start: u32,
    max_pages: u32,
    initial_pages: u32,
    worklist_capacity: usize,
    promises: crate::runtime::description::Promises,
    object: crate::runtime::description::ObjectLayout,
    blocks: Vec<Block>,
    values: Vec<u32>,
    contents: Vec<Content>,
    symbols: Vec<(u32, u32, u32)>,
    index: Vec<Vec<BlockId>>,
    free_head: BlockId,
    heap_end: u64,
    pages: u32,
    epoch: u32,
    sight: u32,
    worklist: Vec<BlockId>,
    stack: Vec<BlockId>,
    /// The first and the last block that a full worklist put off.
    dirty: Option<(BlockId, BlockId)>,
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
            header: description.object.header_bytes,
            unit: description.object.stride_unit,
            link_word: (description.object.free_link / 4) as usize,
            heap_start: description.regions.heap_start,
            max_pages: p.max_pages,
            initial_pages: p.initial_pages,
            worklist_capacity: p.worklist as usize,
            promises: description.promises,
            object: description.object,
            blocks: Vec::new(),
            values: Vec::new(),
            contents: Vec::new(),
            symbols: Vec::new(),
            index: Vec::new(),
            free_head: NONE,
            heap_end: u64::from(description.regions.heap_start),
            pages: p.initial_pages,
            epoch: 0,
            sight: 0,
            worklist: Vec::new(),
            stack: Vec::new(),
            dirty: None,
            exactness: Exactness::Exact,
            collections: 0,
            work: 0,
        }
    }

    /// Back to the empty heap; buffers are kept.
    pub fn reset(&mut self) {
        for b in &self.blocks {
            let granule = (b.address - self.header - self.heap_start) / self.unit;
            self.index[(granule >> 13) as usize][(granule & 8191) as usize] = NONE;
        }
        self.blocks.clear();
        self.values.clear();
        self.contents.clear();
        self.symbols.clear();
        self.free_head = NONE;
        self.heap_end = u64::from(self.heap_start);
        self.pages = self.initial_pages;
        self.epoch = 0;
        self.sight = 0;
        self.dirty = None;
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

    /// All blocks in address order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
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
        let at = (self.block(id).start + word) as usize;
        (self.contents[at], self.values[at])
    }

    /// Payload words of all blocks.
    #[must_use]
    pub const fn words_in_all(&self) -> usize {
        self.values.len()
    }

    /// Words of a block's payload including its padding.
    #[must_use]
    pub fn words(&self, id: BlockId) -> u32 {
        self.block(id).words
    }

    /// The log index and the offset of a [`Content::Symbol`].
    #[must_use]
    pub fn symbol(&self, id: BlockId, word: u32) -> Option<(u32, u32)> {
        let at = self.block(id).start + word;
        self.symbols.iter().rev().find(|s| s.0 == at).map(|s| (s.1, s.2))
    }

    /// The block whose payload starts at a virtual address.
    #[must_use]
    pub fn at(&self, address: u32) -> Option<BlockId> {
        let offset = address.checked_sub(self.heap_start + self.header)?;
        if offset % self.unit != 0 {
            return None;
        }
        let granule = offset / self.unit;
        let id = *self.index.get((granule >> 13) as usize)?.get((granule & 8191) as usize)?;
        (id != NONE).then_some(id)
    }

    /// Allocates, collecting when memory is exhausted; `roots` are the blocks that roots hold.
    ///
    /// # Errors
    /// The rule under which the allocation must trap.
    pub fn alloc(
        &mut self,
        size: u32,
        logged: u32,
        roots: &[Option<BlockId>],
    ) -> Result<(BlockId, AllocPath), TrapRule> {
        if size >= self.promises.size_limit {
            return Err(TrapRule::SizeLimit);
        }
        if let Some(id) = self.first_fit(size, logged) {
            let exact = self.block(id).recorded == size;
            return Ok((id, if exact { AllocPath::ListExact } else { AllocPath::List }));
        }
        let stride = self.object.stride(size);
        let mut path = AllocPath::Bump;
        if self.heap_end + stride > u64::from(self.pages) * u64::from(PAGE) {
            self.collect(roots)?;
            if let Some(id) = self.first_fit(size, logged) {
                return Ok((id, AllocPath::CollectedList));
            }
            path = self.grow(stride)?;
        }
        Ok((self.bump(size, stride, logged), path))
    }

    fn grow(&mut self, stride: u64) -> Result<AllocPath, TrapRule> {
        let end = self.heap_end + stride;
        let page = u64::from(PAGE);
        if end > self.promises.address_limit {
            return Err(TrapRule::AddressLimit);
        }
        let limit = u64::from(self.max_pages) * page;
        let hopeless = u64::from(self.heap_start) + stride > limit;
        if end > limit && (hopeless || self.exactness == Exactness::Exact) {
            return Err(TrapRule::MemoryLimit);
        }
        let pages = end.div_ceil(page).max(u64::from(self.pages)) as u32;
        let path = if pages - self.pages > 1 { AllocPath::GrownMany } else { AllocPath::GrownOne };
        self.pages = pages;
        Ok(path)
    }

    fn first_fit(&mut self, size: u32, logged: u32) -> Option<BlockId> {
        let (mut before, mut id) = (NONE, self.free_head);
        while id != NONE {
            self.work += 1;
            let block = &self.blocks[id as usize];
            if block.recorded >= size {
                let next = block.next;
                match before {
                    NONE => self.free_head = next,
                    _ => {
                        self.blocks[before as usize].next = next;
                        let link = if next == NONE { 0 } else { self.blocks[next as usize].address };
                        let at = self.blocks[before as usize].start as usize + self.link_word;
                        self.values[at] = link;
                    }
                }
                self.reuse(id, size, logged);
                return Some(id);
            }
            (before, id) = (id, block.next);
        }
        None
    }

    fn reuse(&mut self, id: BlockId, size: u32, logged: u32) {
        let block = &mut self.blocks[id as usize];
        block.free = false;
        block.size = size;
        block.logged = logged;
        block.fields = Fields::default();
        let range = block.start as usize..(block.start + block.words) as usize;
        self.work += u64::from(block.words);
        self.contents[range.clone()].fill(Content::Unwritten);
        if self.promises.zeroing == Zeroing::Zeroed {
            self.values[range].fill(0);
        }
    }

    fn bump(&mut self, size: u32, stride: u64, logged: u32) -> BlockId {
        let id = self.blocks.len() as BlockId;
        let granule = ((self.heap_end - u64::from(self.heap_start)) / u64::from(self.unit)) as u32;
        let chunk = (granule >> 13) as usize;
        if self.index.len() <= chunk {
            self.index.resize_with(chunk + 1, Vec::new);
        }
        if self.index[chunk].is_empty() {
            self.index[chunk] = vec![NONE; 8192];
        }
        self.index[chunk][(granule & 8191) as usize] = id;
        let words = ((stride - u64::from(self.header)) / 4) as u32;
        let start = self.values.len() as u32;
        self.values.resize(self.values.len() + words as usize, 0);
        self.contents.resize(self.contents.len() + words as usize, Content::Unwritten);
        self.blocks.push(Block {
            address: self.heap_end as u32 + self.header,
            recorded: size,
            size,
            fields: Fields::default(),
            logged,
            free: false,
            start,
            words,
            next: NONE,
            marked: 0,
            seen: 0,
        });
        self.heap_end += stride;
        self.work += 1;
        id
    }

    /// Declares the pointer fields of a fresh object.
    pub fn declare(&mut self, id: BlockId, fields: Fields) {
        self.blocks[id as usize].fields = fields;
    }

    /// Writes a word.
    pub fn write(&mut self, id: BlockId, word: u32, content: Content, value: u32) {
        let at = (self.block(id).start + word) as usize;
        self.contents[at] = content;
        self.values[at] = value;
    }

    /// Writes the address of a logged allocation plus an offset as a data word.
    pub fn write_symbol(&mut self, id: BlockId, word: u32, logged: u32, offset: u32, value: u32) {
        self.write(id, word, Content::Symbol, value);
        self.symbols.push((self.block(id).start + word, logged, offset));
    }

    /// Writes some bytes of the payload's last, partial word.
    pub fn write_tail(&mut self, id: BlockId, word: u32, mask: u32, value: u32) {
        let at = (self.block(id).start + word) as usize;
        self.contents[at] = Content::Tail;
        self.values[at] = (self.values[at] & !mask) | (value & mask);
    }

    /// Collects by the declared policies.
    ///
    /// # Errors
    /// [`TrapRule::WorklistFull`] when the declared capacity is exceeded while the model is exact.
    pub fn collect(&mut self, roots: &[Option<BlockId>]) -> Result<(), TrapRule> {
        self.collections += 1;
        self.epoch += 1;
        self.work += 2 * self.blocks.len() as u64 + roots.len() as u64;
        self.worklist.clear();
        for id in roots.iter().flatten() {
            self.push(*id)?;
        }
        self.drain()?;
        self.rescan()?;
        self.sweep();
        Ok(())
    }

    fn push(&mut self, id: BlockId) -> Result<(), TrapRule> {
        let block = &mut self.blocks[id as usize];
        if self.promises.mark_at == MarkAt::Push && block.marked == self.epoch {
            return Ok(());
        }
        if self.worklist.len() >= self.worklist_capacity && self.exactness == Exactness::Exact {
            return match self.promises.worklist_full {
                OnFull::Trap => Err(TrapRule::WorklistFull),
                OnFull::Rescan => {
                    block.marked = self.epoch;
                    self.dirty = Some(self.dirty.map_or((id, id), |(low, high)| (low.min(id), high.max(id))));
                    Ok(())
                }
            };
        }
        if self.promises.mark_at == MarkAt::Push {
            block.marked = self.epoch;
        }
        self.worklist.push(id);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), TrapRule> {
        while let Some(id) = self.worklist.pop() {
            self.visit(id)?;
        }
        Ok(())
    }

    /// Scans the marked blocks from the lowest to the highest that a full worklist put off, until none was put off anew.
    fn rescan(&mut self) -> Result<(), TrapRule> {
        while let Some((low, high)) = self.dirty.take() {
            for id in low..=high {
                self.work += 1;
                if self.blocks[id as usize].marked == self.epoch {
                    self.scan(id)?;
                    self.drain()?;
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, id: BlockId) -> Result<(), TrapRule> {
        let block = &mut self.blocks[id as usize];
        if self.promises.mark_at == MarkAt::Pop {
            if block.marked == self.epoch {
                return Ok(());
            }
            block.marked = self.epoch;
        }
        self.scan(id)
    }

    fn scan(&mut self, id: BlockId) -> Result<(), TrapRule> {
        let block = &self.blocks[id as usize];
        let start = block.start as usize;
        let words = block.recorded.div_ceil(4) as usize;
        self.work += words as u64 + 1;
        let low = self.heap_start + self.header;
        for at in start..start + words {
            let v = self.values[at];
            if v < low || u64::from(v) >= self.heap_end || !(v - low).is_multiple_of(self.unit) {
                continue;
            }
            match (self.at(v), self.promises.candidates) {
                (Some(target), Candidates::AllocatedBase) if self.blocks[target as usize].free => {}
                (Some(target), Candidates::AllocatedBase | Candidates::Phase) => {
                    if self.blocks[target as usize].marked != self.epoch {
                        self.push(target)?;
                    }
                }
                (None, Candidates::AllocatedBase) => {}
                (None, Candidates::Phase) => self.exactness = Exactness::FalseCandidate,
            }
        }
        Ok(())
    }

    fn sweep(&mut self) {
        let mut head = NONE;
        let mut link = 0;
        for id in 0..self.blocks.len() {
            let block = &mut self.blocks[id];
            block.free = block.marked != self.epoch;
            if block.free {
                block.next = head;
                let at = block.start as usize + self.link_word;
                self.values[at] = link;
                self.contents[at] = Content::Unwritten;
                head = id as BlockId;
                link = block.address;
            }
        }
        self.free_head = head;
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
            let (fields, start) = (block.fields, block.start);
            visit(self, id);
            for i in 0..fields.count {
                let at = (start + fields.first + i * fields.stride) as usize;
                if self.contents[at] == Content::Pointer
                    && self.values[at] != 0
                    && let Some(target) = self.at(self.values[at])
                    && self.blocks[target as usize].seen != sight
                {
                    stack.push(target);
                }
            }
        }
        self.stack = stack;
    }
}
