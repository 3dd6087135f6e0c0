//! Heaps as they stand between two operations of a program, in numbers that fit any collector.
//!
//! A [`HeapImage`] names no address: blocks are numbered from the heap's start, and what points to what is a number modulo the blocks
//! that there are. Whoever knows a collector's layout puts it into memory. Whatever its numbers are, it is a heap that a program can leave:
//!
//! - Root slots and pointer fields hold null or an *allocated* block, because a mutator stores nothing else there, and what a collection keeps it
//!   keeps with everything that its fields point to. Data words hold anything: programs compute with any number.
//! - Every free block is on the free list, and the list is in descending order of address: that is how a sweep leaves it, and taking
//!   blocks off it, or parts of them, keeps the order. So there is no order to choose.
//! - An allocated block can be marked (it survived the last collection) or not (it was allocated since); a free one never is.
//! - A block in use can be larger than what was asked for, if it was free before and blocks are not split.
//! - Words that nobody wrote ([`ImageWord::Left`]) hold what an earlier owner wrote, or a link of the free list; where fresh payloads are promised
//!   to be zero they are zero. Words of free blocks hold whatever was there.
//! - Slots above the root stack's top hold what a frame left there that is gone: null or a block, which may be free by now. The worklist holds
//!   what the last collection pushed: blocks that were there then.
//! - Free neighbours are one block where the policy merges them.
//! - The heap ends anywhere, as allocations have any size; memory never ends before the heap.
//!
//! # Bytes
//! [`HeapImage`] is [`Arbitrary`]: any bytes give one. In this order: the worklist, collections so far, the heap's end, roots, stale
//! slots, residue, wrappers, then block after block until the bytes end.

use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::program::{Machine, Region};

/// Blocks of an image at most.
const MOST_BLOCKS: usize = 200;
/// Words of a block that an image lists at most; the rest was never written and is zero.
const MOST_WORDS: usize = 80;
/// Largest capacity of a worklist.
pub const MOST_WORKLIST: u8 = 64;
/// Root slots beyond as many as the worklist has entries.
const MORE_ROOTS: u32 = 16;
/// Entries of the wrap table, where there is one.
const WRAPS: u32 = 8;

/// A heap between two operations, and what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeapImage {
    /// Entries of the worklist, `1..=`[`MOST_WORKLIST`]; it decides the machine.
    pub worklist: u8,
    /// Blocks from the heap's start on.
    pub blocks: Vec<ImageBlock>,
    /// Where the heap ends; none: after its blocks.
    pub end: Option<HeapEnd>,
    /// Root slots: null, or an allocated block by number modulo how many there are.
    pub roots: Vec<Option<u8>>,
    /// Slots above the top: null, or any block.
    pub stale: Vec<Option<u8>>,
    /// What the last collection left in the worklist, from its base: blocks that are marked or free, modulo how many there are.
    pub residue: Vec<u8>,
    /// Wrappers of host handles, where the collector has a table of them: an allocated block, and the kind of the handle.
    pub wrappers: Vec<(u8, u8)>,
    /// Collections so far; at least one if a block is marked or free.
    pub collections: u8,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageBlock {
    /// Whether it is in use.
    pub state: BlockState,
    /// Payload bytes as the header records them.
    pub size: u32,
    /// Its first words.
    pub words: Vec<ImageWord>,
}

/// Whether a block is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockState {
    /// It is on the free list.
    Free,
    /// It is in use since before the last collection, which marked it.
    Marked,
    /// It was allocated after the last collection.
    Fresh,
    /// It was taken from the free list after the last collection, for a request of so many bytes less than it has.
    Reused {
        /// Bytes; none of it where blocks are split.
        slack: u8,
    },
}

impl BlockState {
    /// Whether a program has it.
    #[must_use]
    pub const fn is_allocated(self) -> bool {
        match self {
            Self::Free => false,
            Self::Marked | Self::Fresh | Self::Reused { .. } => true,
        }
    }
}

/// A word of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageWord {
    /// A pointer field that holds null.
    Null,
    /// A pointer field: an allocated block by number, modulo how many there are.
    Pointer(u8),
    /// A pointer field: the allocated block so many after this one, modulo how many there are.
    Relative(i8),
    /// A data word that was written.
    Data(ImageValue),
    /// A word that its owner never wrote.
    Left(ImageValue),
}

/// A word that is no pointer field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageValue {
    /// This number.
    Number(u32),
    /// The payload's address of a block, free or not, by number modulo how many there are, plus an offset.
    Address {
        /// The block.
        block: u8,
        /// Bytes added.
        offset: i32,
    },
    /// An edge of a region, plus an offset.
    Edge {
        /// The edge.
        region: Region,
        /// Bytes added.
        offset: i32,
    },
}

/// An end of the heap close to an end of a page, reached by making one block larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeapEnd {
    /// The page, from 0; taken modulo those that memory has.
    pub page: u8,
    /// Strides past the last place that is not behind the page's end; 0 is as close as it gets, or the end itself.
    pub delta: i8,
    /// The block that is made larger, modulo how many there are.
    pub block: u8,
}

impl HeapImage {
    /// The machine that it is made for: regions of few entries, heap starts of all residues modulo 16, one to three pages that do not grow.
    #[must_use]
    pub fn machine(&self) -> Machine {
        let worklist = u32::from(self.worklist.clamp(1, MOST_WORKLIST));
        let pages = 1 + u32::from(worklist.is_multiple_of(3)) + u32::from(worklist.is_multiple_of(9));
        Machine {
            data_end: Some(worklist * 5 % 16),
            worklist: Some(worklist),
            roots: Some(worklist + MORE_ROOTS),
            wraps: Some(WRAPS),
            initial_pages: Some(pages),
            max_pages: Some(pages),
        }
    }

    /// An image for any bytes: those that are missing count as zeros.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // Nothing here asks for more than what a lack of bytes gives.
        Self::arbitrary(&mut Unstructured::new(bytes)).unwrap_or(Self {
            worklist: 1,
            blocks: Vec::new(),
            end: None,
            roots: Vec::new(),
            stale: Vec::new(),
            residue: Vec::new(),
            wrappers: Vec::new(),
            collections: 0,
        })
    }
}

impl<'a> Arbitrary<'a> for HeapImage {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let worklist = if u.ratio(3, 4)? { u.int_in_range(1..=8)? } else { u.int_in_range(1..=MOST_WORKLIST)? };
        let collections = u.int_in_range(0..=3)?;
        let end = if u.ratio(1, 4)? {
            Some(HeapEnd { page: u.arbitrary()?, delta: u.int_in_range(-2..=2)?, block: u.arbitrary()? })
        } else {
            None
        };
        let roots = match u.int_in_range(0..=7_u8)? {
            0 => near(u, worklist)?,
            n => n - 1,
        };
        let roots = (0..roots).map(|_| slot(u)).collect::<Result<_>>()?;
        let stale = (0..u.int_in_range(0..=4)?).map(|_| slot(u)).collect::<Result<_>>()?;
        let residue = (0..u.int_in_range(0..=4)?).map(|_| u.arbitrary()).collect::<Result<_>>()?;
        let wrappers = if u.ratio(1, 4)? { u.int_in_range(1..=WRAPS)? } else { 0 };
        let wrappers =
            (0..wrappers).map(|_| Ok((u.arbitrary()?, u.int_in_range(0..=3)?))).collect::<Result<Vec<_>>>()?;
        let mut blocks: Vec<ImageBlock> = Vec::new();
        while blocks.len() < MOST_BLOCKS && !u.is_empty() {
            let block = block(u, worklist)?;
            let copies = if u.ratio(1, 8)? { usize::from(near(u, worklist)?) } else { 1 };
            let copies = copies.min(MOST_BLOCKS - blocks.len());
            blocks.extend(std::iter::repeat_n(block, copies));
        }
        Ok(Self { worklist, blocks, end, roots, stale, residue, wrappers, collections })
    }

    fn size_hint(_: usize) -> (usize, Option<usize>) {
        (0, None)
    }
}

/// A number close to the worklist's capacity.
fn near(u: &mut Unstructured<'_>, worklist: u8) -> Result<u8> {
    Ok(worklist.saturating_add_signed(u.int_in_range(-1..=2)?))
}

fn slot(u: &mut Unstructured<'_>) -> Result<Option<u8>> {
    Ok(if u.ratio(1, 8)? { None } else { Some(u.arbitrary()?) })
}

fn block(u: &mut Unstructured<'_>, worklist: u8) -> Result<ImageBlock> {
    let state = match u.int_in_range(0..=7_u8)? {
        0..=1 => BlockState::Free,
        2..=4 => BlockState::Marked,
        5..=6 => BlockState::Fresh,
        _ => BlockState::Reused { slack: u.int_in_range(0..=24)? },
    };
    let (size, words) = match u.int_in_range(0..=15_u8)? {
        0..=8 => {
            let words: usize = u.int_in_range(0..=6)?;
            (4 * words as u32, list(u, words)?)
        }
        9..=10 => {
            let words: usize = u.int_in_range(0..=8)?;
            (4 * words as u32 + u.int_in_range(0..=3)?, list(u, words)?)
        }
        11..=13 => {
            // An array of about as many pointers as the worklist has entries; a step of 0 repeats one of them.
            let (count, first, step): (_, u8, u8) = (near(u, worklist)?, u.arbitrary()?, u.int_in_range(0..=3)?);
            let relative = u.arbitrary()?;
            let word = |i: u8| {
                let target = first.wrapping_add(step.wrapping_mul(i));
                if relative { ImageWord::Relative(target.cast_signed()) } else { ImageWord::Pointer(target) }
            };
            (4 * u32::from(count), (0..count).map(word).collect())
        }
        14 => {
            let words: usize = u.int_in_range(0..=40)?;
            (4 * words as u32, list(u, words.min(8))?)
        }
        _ => (u.int_in_range(0..=70_000)?, list(u, 4)?),
    };
    Ok(ImageBlock { state, size, words })
}

fn list(u: &mut Unstructured<'_>, words: usize) -> Result<Vec<ImageWord>> {
    (0..words.min(MOST_WORDS)).map(|_| word(u)).collect()
}

fn word(u: &mut Unstructured<'_>) -> Result<ImageWord> {
    Ok(match u.int_in_range(0..=15_u8)? {
        0..=1 => ImageWord::Null,
        2..=5 => ImageWord::Pointer(u.arbitrary()?),
        6..=8 => ImageWord::Relative(u.int_in_range(-4..=8)?),
        9..=12 => ImageWord::Data(value(u)?),
        _ => ImageWord::Left(value(u)?),
    })
}

/// Offsets from an address: none, whole words, and some that keep the phase of payloads (multiples of 8).
const OFFSETS: [i32; 16] = [0, 0, 0, 8, 8, 16, 24, -8, -16, 4, -4, 12, 1, 2, -1, 3];

fn value(u: &mut Unstructured<'_>) -> Result<ImageValue> {
    let regions = [Region::Roots, Region::Worklist, Region::Heap, Region::HeapEnd, Region::MemoryEnd];
    Ok(match u.int_in_range(0..=7_u8)? {
        0 => ImageValue::Number(u.int_in_range(0..=255)?),
        1 => ImageValue::Number(u.arbitrary()?),
        // A word that reads as a header: a size shifted left by one, and a mark bit.
        2 => ImageValue::Number(u.int_in_range(0..=255)?),
        3..=5 => ImageValue::Address { block: u.arbitrary()?, offset: *u.choose(&OFFSETS)? },
        _ => {
            let phase = [0, 4, -4, 8, -8, 12, 1, -1];
            ImageValue::Edge { region: *u.choose(&regions)?, offset: *u.choose(&phase)? }
        }
    })
}

impl fmt::Display for ImageValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(n) => write!(f, "{n:#x}"),
            Self::Address { block, offset } => write!(f, "&{block}{}", Offset(offset)),
            Self::Edge { region, offset } => {
                let name = match region {
                    Region::Roots => "roots",
                    Region::Worklist => "worklist",
                    Region::Heap => "heap",
                    Region::HeapEnd => "heap_end",
                    Region::MemoryEnd => "memory_end",
                };
                write!(f, "{name}{}", Offset(offset))
            }
        }
    }
}

/// An offset after an address; nothing for none.
struct Offset(i32);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, "{:+}", self.0) }
    }
}

impl fmt::Display for ImageWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Null => f.write_str("null"),
            Self::Pointer(n) => write!(f, "->{n}"),
            Self::Relative(n) => write!(f, "->{n:+}"),
            Self::Data(value) => write!(f, "{value}"),
            Self::Left(value) => write!(f, "({value})"),
        }
    }
}

impl fmt::Display for HeapImage {
    /// For a person: `->3` is a pointer field, `->+1` one to a later block, `&3+8` an address as data, brackets hold what nobody wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "heap image, worklist={}, collections={}", self.worklist, self.collections)?;
        if let Some(HeapEnd { page, delta, block }) = self.end {
            writeln!(f, "end page={page} strides={delta} by block {block}")?;
        }
        let slots = |slots: &[Option<u8>]| {
            let text = slots.iter().map(|s| s.map_or_else(|| "null".to_owned(), |n| format!("->{n}")));
            text.collect::<Vec<_>>().join(" ")
        };
        writeln!(f, "roots {} | {}", slots(&self.roots), slots(&self.stale))?;
        if !self.residue.is_empty() {
            writeln!(f, "residue {:?}", self.residue)?;
        }
        for (block, kind) in &self.wrappers {
            writeln!(f, "wrap ->{block} kind={kind}")?;
        }
        let (mut number, mut allocated) = (0, 0);
        for same in self.blocks.chunk_by(PartialEq::eq) {
            let block = &same[0];
            let state = match block.state {
                BlockState::Free => "free".to_owned(),
                BlockState::Marked => "marked".to_owned(),
                BlockState::Fresh => "fresh".to_owned(),
                BlockState::Reused { slack } => format!("reused-{slack}"),
            };
            let name = if block.state.is_allocated() { format!("{number}=->{allocated}") } else { format!("{number}") };
            let times = if same.len() > 1 { format!(" ({} times)", same.len()) } else { String::new() };
            write!(f, "block {name} {state} size={}{times}:", block.size)?;
            for word in &block.words {
                write!(f, " {word}")?;
            }
            writeln!(f)?;
            number += same.len();
            allocated += if block.state.is_allocated() { same.len() } else { 0 };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_bytes;

    #[test]
    fn any_bytes_give_an_image_in_its_bounds_and_all_kinds_of_things_come_up() {
        let images: Vec<HeapImage> = (0..4_000).map(|i| HeapImage::from_bytes(&raw_bytes(1, i, 512))).collect();
        for image in &images {
            assert!(image.blocks.len() <= MOST_BLOCKS && (1..=MOST_WORKLIST).contains(&image.worklist));
            assert!(image.blocks.iter().all(|b| b.words.len() <= MOST_WORDS));
            assert!(image.roots.len() <= image.machine().roots.unwrap_or(0) as usize);
        }
        let any = |holds: &dyn Fn(&HeapImage) -> bool| images.iter().filter(|i| holds(i)).count() >= 40;
        assert!(any(&|i| i.blocks.len() > 64) && any(&|i| i.blocks.len() < 4) && any(&|i| i.worklist > 32));
        assert!(any(&|i| i.blocks.iter().any(|b| b.size > 65_536)) && any(&|i| !i.wrappers.is_empty()));
        assert!(any(&|i| i.roots.len() > usize::from(i.worklist)) && any(&|i| i.end.is_some()));
        assert_eq!(HeapImage::from_bytes(&[]).blocks, []);
    }

    #[test]
    fn an_image_is_told_to_a_person() {
        let image = HeapImage {
            worklist: 1,
            blocks: vec![
                ImageBlock { state: BlockState::Free, size: 16, words: vec![ImageWord::Left(ImageValue::Number(7))] },
                ImageBlock {
                    state: BlockState::Marked,
                    size: 8,
                    words: vec![ImageWord::Relative(1), ImageWord::Data(ImageValue::Address { block: 0, offset: -8 })],
                },
            ],
            end: None,
            roots: vec![Some(0), None],
            stale: vec![Some(1)],
            residue: Vec::new(),
            wrappers: Vec::new(),
            collections: 1,
        };
        insta::assert_snapshot!(image, @r"
        heap image, worklist=1, collections=1
        roots ->0 null | ->1
        block 0 free size=16: (0x7)
        block 1=->0 marked size=8: ->+1 &0-8
        ");
    }
}
