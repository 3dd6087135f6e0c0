//! The state of a collector, `alloc`, and the operations on the root stack.
//!
//! Written from the steps in [`crate::runtime::rules`]; the comments give the step.

use super::Stop;
use super::image::Image;
use super::statistics::Statistics;
use crate::outcome::Trap;
use crate::runtime::description::{
    AddressRule, Description, Fit, Growth, PAGE, Regions, Reuse, RootsFull, Rules, SizeBits, SizeGuard, WorklistFull,
};

/// The trap that a collector takes by itself.
pub(super) const UNREACHABLE: Stop = Stop::Trap(Trap::Unreachable);

/// An empty dirty range.
pub(super) const NOTHING_DIRTY: (u32, u32) = (u32::MAX, 0);

/// A collector: its rules, its memory and its globals.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) rules: Rules,
    pub(super) regions: Regions,
    /// Where addresses are checked, no block ends beyond it.
    pub(super) address_limit: u64,
    pub(super) image: Image,
    pub(super) heap_ptr: u32,
    pub(super) root_sp: u32,
    pub(super) free_head: u32,
    pub(super) worklist_ptr: u32,
    pub(super) collections: u32,
    /// The lowest and the highest payload that a full worklist put off; see [`NOTHING_DIRTY`].
    pub(super) dirty: (u32, u32),
    /// The next free entry of the wrap table.
    pub(super) wrap_ptr: u32,
    /// Kind and handle of each release, in order, since they were last taken away.
    pub(super) released: Vec<(u32, u32)>,
    /// Units of work that are left.
    pub(super) fuel: u64,
    pub(super) statistics: Statistics,
}

impl Collector {
    /// A collector in its pristine state, without fuel.
    pub(super) fn new(rules: Rules, description: &Description) -> Self {
        let regions = description.regions;
        Self {
            rules,
            regions,
            address_limit: description.parameters.address_limit.into(),
            image: Image::new(&description.parameters),
            heap_ptr: regions.heap_start,
            root_sp: regions.roots.0,
            free_head: 0,
            worklist_ptr: regions.worklist.0,
            collections: 0,
            dirty: NOTHING_DIRTY,
            wrap_ptr: regions.wraps.0,
            released: Vec::new(),
            fuel: 0,
            statistics: Statistics::default(),
        }
    }

    /// Makes it pristine again.
    pub(super) fn reset(&mut self) {
        self.image.reset();
        self.heap_ptr = self.regions.heap_start;
        self.root_sp = self.regions.roots.0;
        self.free_head = 0;
        self.worklist_ptr = self.regions.worklist.0;
        self.collections = 0;
        self.dirty = NOTHING_DIRTY;
        self.wrap_ptr = self.regions.wraps.0;
        self.released.clear();
        self.fuel = 0;
        self.statistics = Statistics::default();
    }

    /// The mutable globals in the order of [`Description::globals`].
    pub(super) fn globals(&self) -> impl Iterator<Item = u32> + use<> {
        let dirty = match self.rules.worklist_full {
            WorklistFull::Drop | WorklistFull::Trap => None,
            WorklistFull::Rescan => Some([self.dirty.0, self.dirty.1]),
        };
        let wraps = self.has_wraps().then_some(self.wrap_ptr);
        let all = [self.heap_ptr, self.root_sp, self.free_head, self.worklist_ptr, self.collections];
        all.into_iter().chain(wraps).chain(dirty.into_iter().flatten())
    }

    /// Sets the mutable globals, given in the order of [`Description::globals`]; those that are missing stay.
    pub(super) fn set_globals(&mut self, values: &[u32]) {
        let mut values = values.iter().copied();
        let mut set = |global: &mut u32| *global = values.next().unwrap_or(*global);
        [&mut self.heap_ptr, &mut self.root_sp, &mut self.free_head, &mut self.worklist_ptr, &mut self.collections]
            .into_iter()
            .for_each(&mut set);
        if self.regions.wraps.0 < self.regions.wraps.1 {
            set(&mut self.wrap_ptr);
        }
        set(&mut self.dirty.0);
        set(&mut self.dirty.1);
    }

    /// Whether there is a wrap table.
    pub(super) const fn has_wraps(&self) -> bool {
        self.regions.wraps.0 < self.regions.wraps.1
    }

    /// Takes units of work.
    #[inline]
    pub(super) const fn spend(&mut self, units: u64) -> Result<(), Stop> {
        match self.fuel.checked_sub(units) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                self.fuel = 0;
                Err(Stop::Fuel)
            }
        }
    }

    /// `recorded(h)`.
    #[inline]
    pub(super) const fn recorded(&self, header: u32) -> u32 {
        match self.rules.size_bits {
            SizeBits::Sixteen => (header >> 1) & 0xFFFF,
            SizeBits::ThirtyOne => header >> 1,
        }
    }

    /// `alloc(size)`.
    pub(super) fn alloc(&mut self, size: u32) -> Result<u32, Stop> {
        self.spend(1)?;
        // Step 1.
        if self.rules.size_guard == SizeGuard::TopBit && size >> 31 != 0 {
            self.statistics.refused_sizes += 1;
            return Err(UNREACHABLE);
        }
        let total = stride(size);
        // Step 2.
        if let Some(payload) = self.first_fit(size)? {
            self.statistics.listed += 1;
            return Ok(payload);
        }
        // Step 3.
        if self.exhausted(total) {
            self.collect()?;
            if let Some(payload) = self.first_fit(size)? {
                self.statistics.collected_then_listed += 1;
                return Ok(payload);
            }
            if self.exhausted(total) {
                self.grow(total)?;
            }
            self.statistics.collected_then_bumped += 1;
        } else {
            self.statistics.bumped += 1;
        }
        // Step 4.
        let block = self.heap_ptr;
        self.image.store(block, size << 1)?;
        self.heap_ptr = block.wrapping_add(total);
        Ok(block.wrapping_add(4))
    }

    /// Step 2: the first free block that fits, or its lower part, taken off the list.
    fn first_fit(&mut self, size: u32) -> Result<Option<u32>, Stop> {
        let (mut previous, mut current) = (0, self.free_head);
        while current != 0 {
            self.spend(1)?;
            self.statistics.list_visits += 1;
            let recorded = self.recorded(self.image.load(current.wrapping_sub(4))?);
            let next = self.image.load(current);
            let fits = match self.rules.fit {
                Fit::Whole => recorded >= size,
                Fit::Split => stride(recorded) >= stride(size),
            };
            if fits {
                let kept = match self.rules.fit {
                    Fit::Whole => {
                        self.relink(previous, next?)?;
                        recorded
                    }
                    Fit::Split => {
                        let next = self.split(current, recorded, size, next?)?;
                        self.relink(previous, next)?;
                        size
                    }
                };
                self.image.store(current.wrapping_sub(4), kept << 1)?;
                match self.rules.reuse {
                    Reuse::Dirty => {}
                    Reuse::Zeroed => self.zero_payload(current, kept)?,
                }
                return Ok(Some(current));
            }
            (previous, current) = (current, next?);
        }
        Ok(None)
    }

    /// Makes `next` follow `previous` on the free list, or come first.
    fn relink(&mut self, previous: u32, next: u32) -> Result<(), Stop> {
        if previous == 0 {
            self.free_head = next;
            return Ok(());
        }
        self.image.store(previous, next)
    }

    /// Makes what `size` leaves of a free block a free block before `next`, and returns what follows on the list instead of the block.
    fn split(&mut self, payload: u32, recorded: u32, size: u32, next: u32) -> Result<u32, Stop> {
        let rest = stride(recorded).wrapping_sub(stride(size));
        self.statistics.took(recorded, size, rest);
        if rest == 0 {
            return Ok(next);
        }
        let remainder = payload.wrapping_add(stride(size));
        self.image.store(remainder.wrapping_sub(4), rest.wrapping_sub(4) << 1)?;
        self.image.store(remainder, next)?;
        Ok(remainder)
    }

    /// Stores 0 to each word from the payload to the end of its block; to none if that end wraps.
    fn zero_payload(&mut self, payload: u32, recorded: u32) -> Result<(), Stop> {
        let end = payload.wrapping_add(stride(recorded)).wrapping_sub(4);
        let words = end.saturating_sub(payload) / 4;
        self.spend(u64::from(words))?;
        self.image.zero(payload, 4, words)
    }

    /// The end of the next block if it is bumped, by the rule for address arithmetic, and the end of what memory there is for blocks.
    const fn ends(&self, total: u32) -> (u64, u64) {
        let pages = self.image.pages();
        match self.rules.address {
            AddressRule::Wrapping => (self.heap_ptr.wrapping_add(total) as u64, pages.wrapping_mul(PAGE) as u64),
            AddressRule::Checked => {
                let memory = pages as u64 * PAGE as u64;
                let room = if memory < self.address_limit { memory } else { self.address_limit };
                (self.heap_ptr as u64 + total as u64, room)
            }
        }
    }

    /// Whether a bump would pass that end.
    const fn exhausted(&self, total: u32) -> bool {
        let (end, memory) = self.ends(total);
        end > memory
    }

    /// Grows memory for a block that does not fit.
    fn grow(&mut self, total: u32) -> Result<(), Stop> {
        let (end, memory) = self.ends(total);
        if self.rules.address == AddressRule::Checked && end > self.address_limit {
            self.statistics.refused_growths += 1;
            return Err(UNREACHABLE);
        }
        let pages = match self.rules.growth {
            Growth::OnePage => 1,
            // Exhausted, so not negative; an end below 2^32, so the cast cuts nothing off. The sum wraps like any other.
            Growth::Shortage => ((end - memory) as u32).wrapping_add(PAGE - 1) >> 16,
        };
        if self.image.grow(pages).is_err() {
            self.statistics.refused_growths += 1;
            return Err(UNREACHABLE);
        }
        let statistics = &mut self.statistics;
        statistics.growths += 1;
        statistics.pages_grown += pages;
        statistics.largest_growth = statistics.largest_growth.max(pages);
        Ok(())
    }

    /// `root_push(v)`.
    pub(super) fn root_push(&mut self, value: u32) -> Result<(), Stop> {
        match self.rules.roots_full {
            RootsFull::Trap if self.root_sp >= self.regions.roots.1 => return Err(UNREACHABLE),
            RootsFull::Trap | RootsFull::Unguarded => {}
        }
        self.image.store(self.root_sp, value)?;
        self.root_sp = self.root_sp.wrapping_add(4);
        Ok(())
    }

    /// `root_set(slot, v)`.
    pub(super) fn root_set(&mut self, slot: u32, value: u32) -> Result<(), Stop> {
        self.image.store(self.regions.roots.0.wrapping_add(slot.wrapping_mul(4)), value)
    }
}

/// `stride(n)`.
#[inline]
pub(super) const fn stride(size: u32) -> u32 {
    size.wrapping_add(11) & !7
}
