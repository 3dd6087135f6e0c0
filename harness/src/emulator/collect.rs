//! `gc_collect` in its four phases, written from the steps in [`crate::runtime::rules`].
//!
//! Nothing here assumes that a header is one: walks follow whatever sizes they read, and end by the heap's end, by a trap, or
//! because the fuel runs out.

use super::Stop;
use super::alloc::{Collector, NOTHING_DIRTY, UNREACHABLE, stride};
use crate::runtime::description::{CandidateTest, Extent, MarkAt, Sweep, WorklistFull};

impl Collector {
    /// `gc_collect()`.
    pub(super) fn collect(&mut self) -> Result<(), Stop> {
        self.collections = self.collections.wrapping_add(1);
        self.statistics.collections += 1;
        self.clear()?;
        self.seed()?;
        self.mark()?;
        match self.rules.worklist_full {
            WorklistFull::Drop | WorklistFull::Trap => {}
            WorklistFull::Rescan => self.rescan()?,
        }
        if self.has_wraps() {
            self.release()?;
        }
        self.sweep()
    }

    /// Clears all marks; with a bitmap, fills it.
    fn clear(&mut self) -> Result<(), Stop> {
        let start = self.regions.heap_start;
        let bitmap = self.rules.candidates == CandidateTest::Bitmap;
        if bitmap {
            let bits = self.heap_ptr.wrapping_sub(start) / 8;
            let bytes = bits.wrapping_add(7) / 8;
            self.spend(u64::from(bytes.div_ceil(4)))?;
            self.image.zero(self.regions.bitmap.0, 1, bytes)?;
        }
        let mut block = start;
        while block < self.heap_ptr {
            self.spend(1)?;
            let header = self.image.load(block)?;
            self.image.store(block, header & !1)?;
            if bitmap {
                let (at, bit) = self.bit(block);
                self.image.store_byte(at, self.image.load_byte(at)? | bit)?;
            }
            block = block.wrapping_add(stride(self.recorded(header)));
        }
        if bitmap {
            let mut current = self.free_head;
            while current != 0 {
                self.spend(1)?;
                let (at, bit) = self.bit(current.wrapping_sub(4));
                self.image.store_byte(at, self.image.load_byte(at)? & !bit)?;
                current = self.image.load(current)?;
            }
        }
        Ok(())
    }

    /// Pushes what the root stack holds.
    fn seed(&mut self) -> Result<(), Stop> {
        self.worklist_ptr = self.regions.worklist.0;
        let mut slot = self.regions.roots.0;
        let roots = self.root_sp.saturating_sub(slot).div_ceil(4);
        self.statistics.most_roots = self.statistics.most_roots.max(roots);
        while slot < self.root_sp {
            self.spend(1)?;
            let value = self.image.load(slot)?;
            if self.candidate(value)? {
                match self.rules.mark_at {
                    MarkAt::Pop => self.push(value)?,
                    MarkAt::Push => {
                        if self.unmarked(value)? {
                            self.push(value)?;
                        }
                    }
                }
            }
            slot = slot.wrapping_add(4);
        }
        Ok(())
    }

    /// Marks what is reached from the worklist.
    fn mark(&mut self) -> Result<(), Stop> {
        let checked = self.rules.extent == Extent::Checked;
        while self.worklist_ptr > self.regions.worklist.0 {
            self.spend(1)?;
            self.worklist_ptr = self.worklist_ptr.wrapping_sub(4);
            let payload = self.image.load(self.worklist_ptr)?;
            let header = self.image.load(payload.wrapping_sub(4))?;
            let size = self.recorded(header);
            if checked && payload.wrapping_add(size) > self.heap_ptr {
                continue;
            }
            match self.rules.mark_at {
                MarkAt::Pop => {
                    if header & 1 != 0 {
                        continue;
                    }
                    self.image.store(payload.wrapping_sub(4), header | 1)?;
                    self.statistics.marked += 1;
                }
                MarkAt::Push => {}
            }
            self.scan(payload, size)?;
        }
        Ok(())
    }

    /// `scan(v, n)`.
    fn scan(&mut self, payload: u32, size: u32) -> Result<(), Stop> {
        let checked = self.rules.extent == Extent::Checked;
        let mut offset = 0;
        while offset < size {
            let at = payload.wrapping_add(offset);
            if checked && at.wrapping_add(4) > self.heap_ptr {
                break;
            }
            self.spend(1)?;
            let word = self.image.load(at)?;
            if self.candidate(word)? && self.unmarked(word)? {
                self.push(word)?;
            }
            // Below 2^31 + 4: a recorded size has 31 bits.
            offset += 4;
        }
        Ok(())
    }

    /// Scans the marked blocks of the dirty range, until it stays empty.
    fn rescan(&mut self) -> Result<(), Stop> {
        while self.dirty.0 <= self.dirty.1 {
            let (low, end) = self.dirty;
            let mut block = low.wrapping_sub(4);
            self.dirty = NOTHING_DIRTY;
            self.statistics.rescans += 1;
            while block < end {
                self.spend(1)?;
                let header = self.image.load(block)?;
                let size = self.recorded(header);
                if header & 1 != 0 {
                    self.scan(block.wrapping_add(4), size)?;
                    self.mark()?;
                }
                block = block.wrapping_add(stride(size));
            }
        }
        Ok(())
    }

    /// Rebuilds the free list.
    fn sweep(&mut self) -> Result<(), Stop> {
        self.free_head = 0;
        self.statistics.last_freed = 0;
        let mut block = self.regions.heap_start;
        // First header of the run that `block` follows, and its blocks.
        let (mut run, mut blocks) = (0, 0);
        while block < self.heap_ptr {
            self.spend(1)?;
            let header = self.image.load(block)?;
            match (self.rules.sweep, header & 1 == 0) {
                (Sweep::Blocks, true) => self.free(block.wrapping_add(4))?,
                (Sweep::Blocks, false) => {}
                (Sweep::Runs, true) => {
                    if run == 0 {
                        (run, blocks) = (block, 0);
                    }
                    blocks += 1;
                }
                (Sweep::Runs, false) => {
                    self.free_run(run, block, blocks)?;
                    run = 0;
                }
            }
            block = block.wrapping_add(stride(self.recorded(header)));
        }
        self.free_run(run, block, blocks)
    }

    /// Puts a block first on the free list.
    fn free(&mut self, payload: u32) -> Result<(), Stop> {
        self.image.store(payload, self.free_head)?;
        self.free_head = payload;
        self.statistics.freed += 1;
        self.statistics.last_freed = self.statistics.last_freed.saturating_add(1);
        Ok(())
    }

    /// Makes a run up to `end` one free block; nothing if there is none.
    fn free_run(&mut self, run: u32, end: u32, blocks: u32) -> Result<(), Stop> {
        if run == 0 {
            return Ok(());
        }
        if blocks > 1 {
            self.statistics.merged_runs += 1;
            self.statistics.merged_blocks += u64::from(blocks);
            self.statistics.runs_at_the_end += u64::from(end >= self.heap_ptr);
        }
        self.image.store(run, end.wrapping_sub(run).wrapping_sub(4) << 1)?;
        self.free(run.wrapping_add(4))
    }

    /// `push(v)`.
    fn push(&mut self, payload: u32) -> Result<(), Stop> {
        if self.worklist_ptr >= self.regions.worklist.1 {
            return match self.rules.worklist_full {
                WorklistFull::Trap => Err(UNREACHABLE),
                WorklistFull::Drop => {
                    self.statistics.dropped += 1;
                    Ok(())
                }
                WorklistFull::Rescan => {
                    let at = payload.wrapping_sub(4);
                    let header = self.image.load(at)?;
                    self.image.store(at, header | 1)?;
                    self.statistics.marked += u64::from(!header & 1);
                    self.dirty = (self.dirty.0.min(payload), self.dirty.1.max(payload));
                    self.statistics.deferred += 1;
                    Ok(())
                }
            };
        }
        match self.rules.mark_at {
            MarkAt::Pop => {}
            MarkAt::Push => {
                let at = payload.wrapping_sub(4);
                self.image.store(at, self.image.load(at)? | 1)?;
                self.statistics.marked += 1;
            }
        }
        self.image.store(self.worklist_ptr, payload)?;
        self.worklist_ptr = self.worklist_ptr.wrapping_add(4);
        self.statistics.pushed += 1;
        let depth = self.worklist_ptr.wrapping_sub(self.regions.worklist.0) / 4;
        self.statistics.deepest_worklist = self.statistics.deepest_worklist.max(depth);
        Ok(())
    }

    /// `candidate(v)`.
    #[inline]
    fn candidate(&mut self, v: u32) -> Result<bool, Stop> {
        let start = self.regions.heap_start;
        if v < start.wrapping_add(4) || v >= self.heap_ptr || v.wrapping_sub(start) & 7 != 4 {
            return Ok(false);
        }
        match self.rules.candidates {
            CandidateTest::Phase => Ok(true),
            CandidateTest::Bitmap => {
                let (at, bit) = self.bit(v.wrapping_sub(4));
                Ok(self.image.load_byte(at)? & bit != 0)
            }
            CandidateTest::Walk => {
                let (mut block, goal) = (start, v.wrapping_sub(4));
                while block < goal {
                    self.spend(1)?;
                    block = block.wrapping_add(stride(self.recorded(self.image.load(block)?)));
                }
                Ok(block == goal)
            }
        }
    }

    /// Whether bit 0 of the word before `v` is clear.
    #[inline]
    fn unmarked(&self, v: u32) -> Result<bool, Stop> {
        Ok(self.image.load(v.wrapping_sub(4))? & 1 == 0)
    }

    /// The byte of the bitmap that describes a block, and the block's bit in it.
    const fn bit(&self, block: u32) -> (u32, u8) {
        let i = block.wrapping_sub(self.regions.heap_start) / 8;
        (self.regions.bitmap.0.wrapping_add(i / 8), 1 << (i % 8))
    }
}
