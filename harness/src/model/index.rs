//! Which block starts where.

use super::BlockId;
use super::heap::NONE;
use crate::runtime::description::ObjectLayout;

/// Granules (stride units) of one chunk: a chunk exists only if a block starts in it.
const CHUNK: usize = 8192;

/// Blocks by the address of their payload.
#[derive(Debug)]
pub(super) struct Index {
    /// The lowest payload.
    low: u32,
    /// Strides are multiples of `1 << unit_bits`.
    unit_bits: u32,
    chunks: Vec<Vec<BlockId>>,
}

impl Index {
    /// An empty index of a heap; stride units are powers of two.
    pub(super) const fn new(heap_start: u32, object: &ObjectLayout) -> Self {
        let low = heap_start + object.header_bytes;
        Self { low, unit_bits: object.stride_unit.trailing_zeros(), chunks: Vec::new() }
    }

    /// The lowest address that a payload can have.
    pub(super) const fn low(&self) -> u32 {
        self.low
    }

    /// Whether an address from [`Index::low`] on is congruent to those of payloads.
    #[inline]
    pub(super) const fn on_phase(&self, address: u32) -> bool {
        address.wrapping_sub(self.low) & ((1 << self.unit_bits) - 1) == 0
    }

    /// The block whose payload starts at an address.
    #[inline]
    pub(super) fn get(&self, address: u32) -> Option<BlockId> {
        let offset = address.checked_sub(self.low)?;
        if !self.on_phase(address) {
            return None;
        }
        let granule = (offset >> self.unit_bits) as usize;
        let id = *self.chunks.get(granule / CHUNK)?.get(granule % CHUNK)?;
        (id != NONE).then_some(id)
    }

    /// Makes `id` the block whose payload starts at an address that can be a payload's; [`NONE`] forgets one.
    #[inline]
    pub(super) fn set(&mut self, address: u32, id: BlockId) {
        let granule = ((address - self.low) >> self.unit_bits) as usize;
        if let Some(chunk) = self.chunks.get_mut(granule / CHUNK)
            && let Some(entry) = chunk.get_mut(granule % CHUNK)
        {
            *entry = id;
        } else if id != NONE {
            self.make(granule / CHUNK)[granule % CHUNK] = id;
        }
    }

    #[cold]
    fn make(&mut self, chunk: usize) -> &mut Vec<BlockId> {
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, Vec::new);
        }
        self.chunks[chunk] = vec![NONE; CHUNK];
        &mut self.chunks[chunk]
    }
}
