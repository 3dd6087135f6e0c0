//! A heap that is there before a program starts: a [`HeapImage`] put into the memory of a collector whose layout is known.
//!
//! [`Image::place`] resolves every number of the image: blocks get addresses, pointers become words. What it makes is a state that the
//! declared policies can leave between two operations (the reasons are in [`heapsmith_generators::heap_image`]); where a policy
//! rules something out, it is made otherwise:
//! - *Free neighbours* are one block where the policy merges them, and a free block records all the room that it has.
//! - *Slack* is none where blocks are split, because a block is cut down to what was asked for.
//! - *Words that nobody wrote* are zero where fresh payloads are promised to be zero.
//! - *Blocks that do not fit* into memory are left out.
//!
//! Model, emulator and engines start from the same [`Image`] and share nothing else.

use crate::engine::Instance;
use crate::lower::layout::{LOG_CURSOR, LOG_START, MIRROR, word};
use crate::model::{Content, Fields};
use crate::runtime::description::{Description, PAGE, PlacementPolicy, WRAP_ENTRY, WorklistFull, Zeroing};
use heapsmith_generators::Region;
use heapsmith_generators::heap_image::{BlockState, HeapImage, ImageBlock, ImageValue, ImageWord};

/// A block with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedBlock {
    /// Address of the payload.
    pub address: u32,
    /// Payload bytes as the header records them.
    pub recorded: u32,
    /// Payload bytes that its object asked for.
    pub size: u32,
    /// Whether it is on the free list.
    pub free: bool,
    /// Whether the mark bit is set.
    pub marked: bool,
    /// Its pointer fields are among these words.
    pub fields: Fields,
    /// What its first words hold; those after them were never written and are zero. One of a free block's is its link.
    pub words: Vec<(Content, u32)>,
}

/// A heap in memory and what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Blocks in order of address; they tile the heap.
    pub blocks: Vec<PlacedBlock>,
    /// What root slots hold: a block's index.
    pub roots: Vec<Option<u32>>,
    /// Words of the root stack above its top.
    pub stale: Vec<u32>,
    /// Words of the worklist from its base.
    pub residue: Vec<u32>,
    /// Entries of the wrap table: a block's index, the kind and the handle.
    pub wraps: Vec<(u32, u32, u32)>,
    /// The end of the heap.
    pub heap_end: u32,
    /// Collections so far.
    pub collections: u32,
    /// The layout.
    description: Description,
}

impl Image {
    /// Puts a heap into the memory of a collector: one that has the image's own machine, or any other that its regions fit into.
    #[must_use]
    pub fn place(image: &HeapImage, description: &Description) -> Self {
        let blocks = fit(&shape(image, description), image, description);
        let mut placed = Self {
            blocks: Vec::with_capacity(blocks.len()),
            roots: Vec::new(),
            stale: Vec::new(),
            residue: Vec::new(),
            wraps: Vec::new(),
            heap_end: description.regions.heap_start,
            collections: u32::from(image.collections),
            description: description.clone(),
        };
        for block in &blocks {
            placed.lay(block);
        }
        placed.fill(&blocks);
        placed.surround(image);
        placed
    }

    /// The collector that it is placed for.
    #[must_use]
    pub const fn description(&self) -> &Description {
        &self.description
    }

    /// The free list's head, 0 when it is empty: the last free block, because the list is in descending order.
    #[must_use]
    pub fn free_head(&self) -> u32 {
        self.blocks.iter().rev().find(|b| b.free).map_or(0, |b| b.address)
    }

    /// The mutable globals, in the order of [`Description::globals`].
    #[must_use]
    pub fn globals(&self) -> Vec<u32> {
        let r = self.description.regions;
        let top = r.roots.0 + 4 * self.roots.len() as u32;
        let mut globals = vec![self.heap_end, top, self.free_head(), r.worklist.0, self.collections];
        if self.description.parameters.wraps > 0 {
            globals.push(r.wraps.0 + WRAP_ENTRY * self.wraps.len() as u32);
        }
        match self.description.rules.map(|rules| rules.worklist_full) {
            None | Some(WorklistFull::Drop | WorklistFull::Trap) => {}
            Some(WorklistFull::Rescan) => globals.extend([u32::MAX, 0]),
        }
        globals
    }

    /// Address of the object of a block that a slot holds; 0 for none.
    #[must_use]
    pub fn address(&self, block: Option<u32>) -> u32 {
        block.and_then(|i| self.blocks.get(i as usize)).map_or(0, |b| b.address)
    }

    /// Calls `store` with address and word for everything that is in memory.
    pub fn for_each_word(&self, mut store: impl FnMut(u32, u32)) {
        let (object, r) = (self.description.object, self.description.regions);
        let mut run = |base: u32, words: &mut dyn Iterator<Item = u32>| {
            for (at, word) in (base..).step_by(4).zip(words) {
                store(at, word);
            }
        };
        let roots = self.roots.iter().map(|&root| self.address(root));
        run(r.roots.0, &mut roots.chain(self.stale.iter().copied()));
        run(r.worklist.0, &mut self.residue.iter().copied());
        let entries = self.wraps.iter().flat_map(|&(block, kind, handle)| [self.address(Some(block)), kind, handle, 0]);
        run(r.wraps.0, &mut { entries });
        for block in &self.blocks {
            let mark = if block.marked { object.mark_mask } else { 0 };
            let header = block.recorded << object.size_shift | mark;
            let words = block.words.iter().map(|&(_, value)| value);
            run(block.address - object.header_bytes, &mut std::iter::once(header).chain(words));
        }
    }

    /// Objects that the mutator knows: allocated blocks in order of address. Each counts as an allocation that is in the log.
    pub fn objects(&self) -> impl Iterator<Item = &PlacedBlock> {
        self.blocks.iter().filter(|b| !b.free)
    }

    /// Puts it into an instance of the resident module, right after a tape was loaded: memory, globals, mirror of the root slots, log.
    pub(crate) fn load(&self, instance: &mut dyn Instance) {
        let heap = instance.heap_mut();
        self.for_each_word(|address, word| put(heap, address, word));
        instance.set_globals(&self.globals());
        let mutator = instance.mutator_mut();
        for (slot, &root) in (0..).zip(&self.roots) {
            put(mutator, MIRROR + 4 * slot, self.address(root));
        }
        let mut cursor = word(mutator, LOG_START);
        for object in self.objects() {
            put(mutator, cursor, object.address);
            cursor += 4;
        }
        put(mutator, LOG_CURSOR, cursor);
    }

    /// A block at the heap's end.
    fn lay(&mut self, block: &Room) {
        let header = self.description.object.header_bytes;
        self.blocks.push(PlacedBlock {
            address: self.heap_end + header,
            recorded: block.recorded,
            size: block.recorded - block.slack,
            free: block.state == BlockState::Free,
            marked: block.state == BlockState::Marked,
            fields: Fields::default(),
            words: Vec::new(),
        });
        self.heap_end += self.description.object.stride(block.recorded) as u32;
    }

    /// Writes all payloads.
    fn fill(&mut self, rooms: &[Room]) {
        let allocated = self.allocated();
        let zeroed = self.description.promises.zeroing != Zeroing::Unpromised;
        let (mut free_below, mut number) = (0, 0);
        for (i, room) in rooms.iter().enumerate() {
            let block = &self.blocks[i];
            let payload = (self.description.object.stride(block.recorded) as u32 - 4) / 4;
            let given = room.words.iter().take(payload as usize);
            let words: Vec<(Content, u32)> = if block.free {
                let mut words: Vec<(Content, u32)> = given.map(|&word| (Content::Unwritten, self.left(word))).collect();
                let link = self.description.object.free_link as usize / 4;
                words.resize(words.len().max(link + 1), (Content::Unwritten, 0));
                words[link].1 = free_below;
                free_below = block.address;
                words
            } else {
                let target = |n: i64| {
                    let len = allocated.len() as i64;
                    let block = allocated.get(n.rem_euclid(len.max(1)) as usize);
                    (Content::Pointer, block.map_or(0, |&block| self.blocks[block as usize].address))
                };
                let (whole, tail) = (block.size / 4, block.size % 4);
                let word = |(i, &word): (u32, &ImageWord)| match word {
                    ImageWord::Left(_) if zeroed => (Content::Unwritten, 0),
                    ImageWord::Left(value) => (Content::Unwritten, self.value(value)),
                    ImageWord::Null if i < whole => (Content::Pointer, 0),
                    ImageWord::Pointer(n) if i < whole => target(i64::from(n)),
                    ImageWord::Relative(n) if i < whole => target(number + i64::from(n)),
                    ImageWord::Data(value) if i < whole => (Content::Data, self.value(value)),
                    ImageWord::Data(value) if i == whole && tail > 0 => {
                        (Content::Tail, self.value(value) & ((1 << (8 * tail)) - 1))
                    }
                    // Nobody writes beyond the payload.
                    ImageWord::Null | ImageWord::Pointer(_) | ImageWord::Relative(_) | ImageWord::Data(_) => {
                        (Content::Unwritten, 0)
                    }
                };
                let words = (0..).zip(given).map(word).collect();
                number += 1;
                words
            };
            let block = &mut self.blocks[i];
            if !block.free {
                block.fields = Fields { first: 0, stride: 1, count: (words.len() as u32).min(block.size / 4) };
            }
            block.words = words;
        }
    }

    /// Writes what is outside of the heap.
    fn surround(&mut self, image: &HeapImage) {
        let (p, allocated) = (self.description.parameters, self.allocated());
        let pick = |n: u8| allocated.get(usize::from(n) % allocated.len().max(1)).copied();
        self.roots = image.roots.iter().take(p.roots as usize).map(|root| root.and_then(pick)).collect();
        let room = p.roots as usize - self.roots.len();
        let any: Vec<u32> = (0..self.blocks.len() as u32).collect();
        let of = |n: u8, from: &[u32]| self.address(from.get(usize::from(n) % from.len().max(1)).copied());
        let stale = image.stale.iter().take(room).map(|slot| slot.map_or(0, |n| of(n, &any))).collect();
        let old: Vec<u32> = any.iter().copied().filter(|&i| self.is_old(i)).collect();
        let residue = image.residue.iter().take(p.worklist as usize).map(|&n| of(n, &old)).collect();
        let handles = self.description.handles();
        let wrappers = image.wrappers.iter().take(p.wraps as usize);
        let wrappers = wrappers.filter_map(|&(n, kind)| Some((pick(n)?, u32::from(kind))));
        let wraps = (1..).zip(wrappers).map(|(n, (block, kind))| (block, kind, handles.word(n))).collect();
        (self.stale, self.residue, self.wraps) = (stale, residue, wraps);
        if !old.is_empty() {
            self.collections = self.collections.max(1);
        }
    }

    /// Whether a block was there at the last collection for certain.
    fn is_old(&self, block: u32) -> bool {
        let block = &self.blocks[block as usize];
        block.free || block.marked
    }

    fn allocated(&self) -> Vec<u32> {
        (0..).zip(&self.blocks).filter(|(_, b)| !b.free).map(|(i, _)| i).collect()
    }

    /// What a word of a free block holds: whatever was written there once.
    fn left(&self, word: ImageWord) -> u32 {
        match word {
            ImageWord::Null => 0,
            ImageWord::Pointer(n) => self.value(ImageValue::Address { block: n, offset: 0 }),
            ImageWord::Relative(n) => self.value(ImageValue::Address { block: n.cast_unsigned(), offset: 0 }),
            ImageWord::Data(value) | ImageWord::Left(value) => self.value(value),
        }
    }

    fn value(&self, value: ImageValue) -> u32 {
        match value {
            ImageValue::Number(n) => n,
            ImageValue::Address { block, offset } => {
                let block = self.blocks.get(usize::from(block) % self.blocks.len().max(1));
                block.map_or(0, |b| b.address).wrapping_add_signed(offset)
            }
            ImageValue::Edge { region, offset } => {
                let r = self.description.regions;
                let edge = match region {
                    Region::Roots => r.roots.0,
                    Region::Worklist => r.worklist.0,
                    Region::Heap => r.heap_start,
                    Region::HeapEnd => self.heap_end,
                    Region::MemoryEnd => memory_end(&self.description) as u32,
                };
                edge.wrapping_add_signed(offset)
            }
        }
    }
}

/// Stores a word; nothing outside of memory.
fn put(memory: &mut [u8], address: u32, word: u32) {
    if let Some(cell) = memory.get_mut(address as usize..).and_then(<[u8]>::first_chunk_mut) {
        *cell = word.to_le_bytes();
    }
}

fn memory_end(description: &Description) -> u64 {
    u64::from(description.parameters.initial_pages) * u64::from(PAGE)
}

/// A block without an address.
#[derive(Debug, Clone)]
struct Room<'a> {
    state: BlockState,
    recorded: u32,
    slack: u32,
    words: &'a [ImageWord],
}

/// The blocks as the placement policy leaves them.
fn shape<'a>(image: &'a HeapImage, description: &Description) -> Vec<Room<'a>> {
    let object = description.object;
    let room = |block: &'a ImageBlock| Room {
        state: block.state,
        recorded: block.size,
        slack: match block.state {
            BlockState::Reused { slack } => u32::from(slack).min(block.size),
            BlockState::Free | BlockState::Marked | BlockState::Fresh => 0,
        },
        words: &block.words,
    };
    let rooms = image.blocks.iter().map(room);
    match description.promises.placement {
        PlacementPolicy::FirstFit | PlacementPolicy::Unknown => rooms.collect(),
        PlacementPolicy::FirstFitSplit => {
            let mut shaped: Vec<Room<'a>> = Vec::new();
            for mut room in rooms {
                room.slack = 0;
                if room.state == BlockState::Free {
                    let stride = object.stride(room.recorded) as u32;
                    if let Some(run) = shaped.last_mut().filter(|run| run.state == BlockState::Free) {
                        run.recorded += stride;
                        continue;
                    }
                    room.recorded = stride - object.header_bytes;
                }
                shaped.push(room);
            }
            shaped
        }
    }
}

/// The blocks that fit into memory, one of them larger where the image asks for an end.
fn fit<'a>(rooms: &[Room<'a>], image: &HeapImage, description: &Description) -> Vec<Room<'a>> {
    let (object, start) = (description.object, u64::from(description.regions.heap_start));
    let memory = memory_end(description);
    let mut end = start;
    let fits = |room: &&Room<'a>| {
        end += object.stride(room.recorded);
        end <= memory
    };
    let mut fitting: Vec<Room<'a>> = rooms.iter().take_while(fits).cloned().collect();
    let Some(wanted) = image.end else { return fitting };
    let end: u64 = start + fitting.iter().map(|room| object.stride(room.recorded)).sum::<u64>();
    let unit = u64::from(object.stride_unit);
    let page = u64::from(wanted.page) % u64::from(description.parameters.initial_pages) + 1;
    let last_before = |edge: u64| start + edge.saturating_sub(start) / unit * unit;
    let target = last_before(page * u64::from(PAGE)).saturating_add_signed(i64::from(wanted.delta) * unit as i64);
    let target = target.min(last_before(memory));
    let count = fitting.len().max(1);
    if let Some(room) = fitting.get_mut(usize::from(wanted.block) % count)
        && target > end
    {
        room.recorded += (target - end) as u32;
    }
    fitting
}

#[cfg(test)]
mod tests;
