//! The wrap table: registrations and the release phase, written from the steps in [`crate::runtime::rules`].

use super::Stop;
use super::alloc::{Collector, UNREACHABLE};
use crate::runtime::description::WRAP_ENTRY;

impl Collector {
    /// `register_wrapper(ptr, kind, handle)`; nothing without a wrap table.
    pub(super) fn register_wrapper(&mut self, ptr: u32, kind: u32, handle: u32) -> Result<(), Stop> {
        if !self.has_wraps() {
            return Ok(());
        }
        self.spend(1)?;
        if self.wraps_full() {
            self.root_push(ptr)?;
            self.collect()?;
            self.root_sp = self.root_sp.wrapping_sub(4);
            if self.wraps_full() {
                return Err(UNREACHABLE);
            }
        }
        self.store_entry(self.wrap_ptr, ptr, kind, handle)?;
        self.wrap_ptr = self.wrap_ptr.wrapping_add(WRAP_ENTRY);
        Ok(())
    }

    /// *release*: keeps the entries of marked wrappers, and releases the handles of the other ones.
    pub(super) fn release(&mut self) -> Result<(), Stop> {
        let (mut read, mut write) = (self.regions.wraps.0, self.regions.wraps.0);
        while read < self.wrap_ptr {
            self.spend(1)?;
            let ptr = self.image.load(read)?;
            let kind = self.image.load(read.wrapping_add(4))?;
            let handle = self.image.load(read.wrapping_add(8))?;
            if self.image.load(ptr.wrapping_sub(4))? & 1 != 0 {
                self.store_entry(write, ptr, kind, handle)?;
                write = write.wrapping_add(WRAP_ENTRY);
            } else {
                self.released.push((kind, handle));
            }
            read = read.wrapping_add(WRAP_ENTRY);
        }
        self.wrap_ptr = write;
        Ok(())
    }

    const fn wraps_full(&self) -> bool {
        self.wrap_ptr >= self.regions.wraps.1
    }

    fn store_entry(&mut self, at: u32, ptr: u32, kind: u32, handle: u32) -> Result<(), Stop> {
        for (offset, word) in (0..).step_by(4).zip([ptr, kind, handle, 0]) {
            self.image.store(at.wrapping_add(offset), word)?;
        }
        Ok(())
    }
}
