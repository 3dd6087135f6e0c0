//! A collection as the promises have it: roots, a bounded worklist, the words that may be pointers.

use super::heap::{Block, NONE, ShadowHeap};
use super::{BlockId, Content, Exactness, TrapRule};
use crate::runtime::description::{Candidates, MarkAt, OnFull, Promises};

/// Bytes of heap whose object starts are proved for one unit of work: 4 KiB have 512 bits, eight words of 64.
const PROVED_PER_WORK: u64 = 4_096;

/// The worklist and what happens to it.
#[derive(Debug)]
pub(super) struct Marking {
    /// Marks of this number are of the present collection.
    pub(super) epoch: u32,
    worklist: Vec<BlockId>,
    capacity: usize,
    full: OnFull,
    mark_at: MarkAt,
    /// Payloads of the first and the last block that a full worklist put off.
    dirty: Option<(u32, u32)>,
    /// Entries that were in use at once at most.
    deepest: usize,
}

impl Marking {
    /// An empty worklist of so many entries.
    pub(super) const fn new(capacity: u32, promises: &Promises) -> Self {
        Self {
            epoch: 0,
            worklist: Vec::new(),
            capacity: capacity as usize,
            full: promises.worklist_full,
            mark_at: promises.mark_at,
            dirty: None,
            deepest: 0,
        }
    }

    /// As if there had been no collection.
    pub(super) fn reset(&mut self) {
        self.epoch = 0;
        self.worklist.clear();
        self.dirty = None;
        self.deepest = 0;
    }

    /// Entries that were in use at once at most, since the start of the program.
    pub(super) const fn deepest(&self) -> usize {
        self.deepest
    }

    #[inline]
    fn push(&mut self, blocks: &mut [Block], id: BlockId, exactness: Exactness) -> Result<(), TrapRule> {
        let block = &mut blocks[id as usize];
        if self.mark_at == MarkAt::Push && block.marked == self.epoch {
            return Ok(());
        }
        if self.worklist.len() >= self.capacity && exactness == Exactness::Exact {
            return match self.full {
                OnFull::Trap => Err(TrapRule::WorklistFull),
                OnFull::Rescan => {
                    block.marked = self.epoch;
                    let v = block.address;
                    self.dirty = Some(self.dirty.map_or((v, v), |(low, high)| (low.min(v), high.max(v))));
                    Ok(())
                }
            };
        }
        if self.mark_at == MarkAt::Push {
            block.marked = self.epoch;
        }
        self.worklist.push(id);
        self.deepest = self.deepest.max(self.worklist.len());
        Ok(())
    }
}

impl ShadowHeap {
    /// Collects by the declared policies.
    ///
    /// # Errors
    /// [`TrapRule::WorklistFull`] when the declared capacity is exceeded while the model is exact.
    pub fn collect(&mut self, roots: &[Option<BlockId>]) -> Result<(), TrapRule> {
        self.collections += 1;
        self.marking.epoch += 1;
        self.work += 2 * (self.blocks.len() - self.unused.len()) as u64 + roots.len() as u64;
        self.work += match self.promises.candidates {
            Candidates::Phase | Candidates::Precise | Candidates::Unknown => 0,
            // Whatever proves object starts is renewed for the whole heap, however few its blocks are.
            Candidates::AllocatedBase => (self.heap_end() - u64::from(self.heap_start)) / PROVED_PER_WORK,
        };
        if let Err(rule) = self.mark(roots) {
            self.count_trap(roots, self.marking.capacity);
            return Err(rule);
        }
        self.work += self.wraps.len() as u64;
        let (blocks, epoch) = (&self.blocks, self.marking.epoch);
        self.wraps.release(|id| blocks[id as usize].marked == epoch);
        self.count_marked(roots);
        self.sweep();
        Ok(())
    }

    /// A minor collection, which no collector makes whose addresses are predicted: it is as much work as a full one at most, and leaves any garbage.
    ///
    /// # Errors
    /// As [`Self::collect`].
    pub fn minor(&mut self, roots: &[Option<BlockId>]) -> Result<(), TrapRule> {
        self.marking.epoch += 1;
        self.work += 2 * (self.blocks.len() - self.unused.len()) as u64 + roots.len() as u64;
        self.mark(roots)
    }

    fn mark(&mut self, roots: &[Option<BlockId>]) -> Result<(), TrapRule> {
        self.marking.worklist.clear();
        for id in roots.iter().flatten() {
            self.marking.push(&mut self.blocks, *id, self.exactness)?;
        }
        self.drain()?;
        self.rescan()
    }

    fn drain(&mut self) -> Result<(), TrapRule> {
        while let Some(id) = self.marking.worklist.pop() {
            self.visit(id)?;
        }
        Ok(())
    }

    /// Scans the marked blocks from the lowest to the highest that a full worklist put off, until none was put off anew.
    fn rescan(&mut self) -> Result<(), TrapRule> {
        while let Some((low, high)) = self.marking.dirty.take() {
            self.count_rescan();
            let mut next = self.at(low).unwrap_or(NONE);
            while next != NONE && self.blocks[next as usize].address <= high {
                self.work += 1;
                if self.blocks[next as usize].marked == self.marking.epoch {
                    self.scan(next)?;
                    self.drain()?;
                }
                next = self.blocks[next as usize].after;
            }
        }
        Ok(())
    }

    fn visit(&mut self, id: BlockId) -> Result<(), TrapRule> {
        let block = &mut self.blocks[id as usize];
        if self.marking.mark_at == MarkAt::Pop {
            if block.marked == self.marking.epoch {
                return Ok(());
            }
            block.marked = self.marking.epoch;
        }
        self.scan(id)
    }

    /// Whether a collector takes what a word holds for a pointer, if it looks like one.
    fn looks_at(&self, content: Content) -> bool {
        match self.promises.candidates {
            Candidates::Phase | Candidates::AllocatedBase | Candidates::Unknown => content != Content::Handle,
            Candidates::Precise => content == Content::Pointer,
        }
    }

    fn scan(&mut self, id: BlockId) -> Result<(), TrapRule> {
        // The guest visits words that were never written, too.
        let words = self.block(id).recorded.div_ceil(4);
        self.work += u64::from(words) + 1;
        let start = self.start(id);
        let low = self.index.low();
        // An object ends inside the heap, so the difference is positive and below 2^32.
        let span = (self.heap_end() - u64::from(low)) as u32;
        for (values, contents) in self.words.written(start, start + words) {
            for (i, &v) in values.iter().enumerate() {
                if v.wrapping_sub(low) >= span || !self.index.on_phase(v) || !self.looks_at(contents[i]) {
                    continue;
                }
                match (self.index.get(v), self.promises.candidates) {
                    (Some(target), Candidates::AllocatedBase | Candidates::Precise)
                        if self.blocks[target as usize].free => {}
                    (Some(target), _) => {
                        if self.blocks[target as usize].marked != self.marking.epoch {
                            self.marking.push(&mut self.blocks, target, self.exactness)?;
                        }
                    }
                    (None, Candidates::AllocatedBase | Candidates::Precise) => {}
                    (None, Candidates::Phase | Candidates::Unknown) => self.exactness = Exactness::FalseCandidate,
                }
            }
        }
        Ok(())
    }
}
