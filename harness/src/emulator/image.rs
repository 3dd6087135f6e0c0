//! The collector's linear memory: unaligned little-endian access with wasm's bounds checks, growth, and a cheap way back.
//!
//! The bytes behind the memory's end are kept zero, so that growing mostly moves the end. Every store notes the granule it
//! touches, and [`Image::reset`] restores those granules only; nothing else writes to the bytes, so that nothing is missed.

use super::Stop;
use crate::engine::pristine::GRANULE;
use crate::outcome::Trap;
use crate::runtime::description::{PAGE, Parameters, data_byte};

/// Granules of a page.
const PER_PAGE: usize = PAGE as usize / GRANULE;
/// Bytes that are kept from one program to the next; more is given back, or each of many emulators would hold its largest.
const KEEP: usize = 64 << 20;
/// Pages that 32 bits can address, whatever the parameters say.
const ADDRESSABLE: u32 = 65_536;

/// A trap for an access outside the memory.
const OUT_OF_BOUNDS: Stop = Stop::Trap(Trap::MemoryOutOfBounds);

/// A linear memory.
#[derive(Debug)]
pub(super) struct Image {
    /// The memory, then zeros.
    bytes: Vec<u8>,
    /// Bytes of memory.
    len: usize,
    /// For each granule of `bytes` whether it may differ from the pristine image.
    touched: Vec<bool>,
    /// Bytes of memory at the start,
    initial: usize,
    /// and what is there of static data; what follows is zero, and may be gigabytes.
    data: Vec<u8>,
    /// Pages at most.
    max_pages: u32,
}

impl Image {
    /// A pristine memory. Static data that does not fit is cut off (such a module could not be instantiated).
    pub(super) fn new(parameters: &Parameters) -> Self {
        let initial = bytes_of(parameters.initial_pages.min(ADDRESSABLE));
        let data: Vec<u8> = (0..parameters.data_end).map(data_byte).take(initial).collect();
        let max_pages = parameters.max_pages.min(ADDRESSABLE);
        let (bytes, touched) = Self::fresh(&data, initial);
        Self { bytes, len: initial, touched, initial, data, max_pages }
    }

    /// A memory of so many bytes that begins with static data, and the granules of it that were stored to.
    fn fresh(data: &[u8], len: usize) -> (Vec<u8>, Vec<bool>) {
        let mut bytes = vec![0; len];
        bytes[..data.len()].copy_from_slice(data);
        (bytes, vec![false; len / GRANULE])
    }

    /// The memory.
    pub(super) fn memory(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether the memory is as it was at the start.
    pub(super) fn is_pristine(&self) -> bool {
        let (data, rest) = self.memory().split_at(self.data.len());
        self.len == self.initial && data == self.data && rest.iter().all(|&byte| byte == 0)
    }

    /// Whether a granule of this range was stored to.
    pub(super) fn is_touched(&self, range: std::ops::Range<usize>) -> bool {
        let granules = range.start / GRANULE..range.end.div_ceil(GRANULE).min(self.touched.len());
        self.touched.get(granules).is_some_and(|touched| touched.contains(&true))
    }

    /// Pages of memory.
    pub(super) const fn pages(&self) -> u32 {
        (self.len / PAGE as usize) as u32
    }

    /// Makes the memory pristine again.
    pub(super) fn reset(&mut self) {
        if self.bytes.len() > KEEP.max(self.initial) {
            (self.bytes, self.touched) = Self::fresh(&self.data, self.initial);
        } else {
            let (pages, _) = self.touched[..self.len / GRANULE].as_chunks_mut::<PER_PAGE>();
            for (page, touched) in pages.iter_mut().enumerate() {
                if *touched == [false; PER_PAGE] {
                    continue;
                }
                for (i, touched) in touched.iter_mut().enumerate() {
                    if *touched {
                        let at = (page * PER_PAGE + i) * GRANULE;
                        let granule = &mut self.bytes[at..at + GRANULE];
                        let old = self.data.get(at..).unwrap_or_default();
                        let (data, rest) = granule.split_at_mut(old.len().min(GRANULE));
                        data.copy_from_slice(&old[..data.len()]);
                        rest.fill(0);
                        *touched = false;
                    }
                }
            }
        }
        self.len = self.initial;
    }

    /// Adds zeroed pages, or refuses and changes nothing.
    pub(super) fn grow(&mut self, pages: u32) -> Result<(), Refused> {
        let wanted = self.pages().checked_add(pages).filter(|&n| n <= self.max_pages).ok_or(Refused)?;
        let len = bytes_of(wanted);
        if len > self.bytes.len() {
            // A fresh zeroed allocation costs nothing until it is touched, unlike zeroing the tail of a vector.
            let capacity = len.max((2 * self.bytes.len()).min(bytes_of(self.max_pages)));
            let mut bytes = vec![0; capacity];
            bytes[..self.len].copy_from_slice(&self.bytes[..self.len]);
            self.bytes = bytes;
            self.touched.resize(capacity / GRANULE, false);
        }
        self.len = len;
        Ok(())
    }

    /// The bytes of an access, if it is in bounds.
    fn access(&self, address: u32, width: usize) -> Result<usize, Stop> {
        let at = address as usize;
        if at as u64 + width as u64 <= self.len as u64 { Ok(at) } else { Err(OUT_OF_BOUNDS) }
    }

    /// The word at an address.
    #[inline]
    pub(super) fn load(&self, address: u32) -> Result<u32, Stop> {
        let at = self.access(address, 4)?;
        let word = self.bytes[at..].first_chunk().ok_or(OUT_OF_BOUNDS)?;
        Ok(u32::from_le_bytes(*word))
    }

    /// Stores a word.
    #[inline]
    pub(super) fn store(&mut self, address: u32, word: u32) -> Result<(), Stop> {
        let at = self.access(address, 4)?;
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        self.touched[at / GRANULE] = true;
        self.touched[(at + 3) / GRANULE] = true;
        Ok(())
    }

    /// The byte at an address.
    #[inline]
    pub(super) fn load_byte(&self, address: u32) -> Result<u8, Stop> {
        Ok(self.bytes[self.access(address, 1)?])
    }

    /// Stores a byte.
    #[inline]
    pub(super) fn store_byte(&mut self, address: u32, byte: u8) -> Result<(), Stop> {
        let at = self.access(address, 1)?;
        self.bytes[at] = byte;
        self.touched[at / GRANULE] = true;
        Ok(())
    }

    /// Stores zero to `count` units of `width` bytes one after the other; the first that is out of bounds traps.
    pub(super) fn zero(&mut self, address: u32, width: usize, count: u32) -> Result<(), Stop> {
        let start = (address as usize).min(self.len);
        let fit = ((self.len - start) / width).min(count as usize);
        let end = start + fit * width;
        self.bytes[start..end].fill(0);
        if fit > 0 {
            self.touched[start / GRANULE..=(end - 1) / GRANULE].fill(true);
        }
        if fit == count as usize { Ok(()) } else { Err(OUT_OF_BOUNDS) }
    }

    /// `len` bytes from an address.
    pub(super) fn bytes(&self, address: u32, len: u32) -> Result<&[u8], Stop> {
        if len == 0 {
            return Ok(&[]);
        }
        let at = self.access(address, len as usize)?;
        Ok(&self.bytes[at..at + len as usize])
    }
}

/// Growth was refused.
#[derive(Debug)]
pub(super) struct Refused;

/// Bytes of that many pages.
const fn bytes_of(pages: u32) -> usize {
    pages as usize * PAGE as usize
}
