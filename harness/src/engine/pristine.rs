//! The image of a memory right after instantiation, block by block, and the way back to it.

/// Bytes that are compared or copied at once.
pub(crate) const BLOCK: usize = 4096;

/// What a block without data holds.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// An image of a memory. What follows its last byte that is not zero takes no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pristine {
    /// The image up to the end of the last block that is not all zero.
    data: Vec<u8>,
    /// Bytes of memory.
    len: usize,
}

impl Pristine {
    /// The image of a memory.
    pub(crate) fn of(memory: &[u8]) -> Self {
        let blocks = memory.chunks(BLOCK).rposition(|block| *block != ZEROS[..block.len()]).map_or(0, |last| last + 1);
        Self { data: memory[..memory.len().min(blocks * BLOCK)].to_vec(), len: memory.len() }
    }

    /// Bytes of the memory.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The first `len` bytes of block `index`; zeros beyond the image, as in the pages that a memory grows by.
    pub(crate) fn block(&self, index: usize, len: usize) -> &[u8] {
        let start = index * BLOCK;
        self.data.get(start..start + len).unwrap_or(&ZEROS[..len])
    }

    /// Makes a memory of as many bytes equal to the image, writing only the blocks that differ: clean ones stay clean in the caches.
    pub(crate) fn restore(&self, memory: &mut [u8]) {
        for (index, block) in memory.chunks_mut(BLOCK).enumerate() {
            let original = self.block(index, block.len());
            if block != original {
                block.copy_from_slice(original);
            }
        }
    }

    /// Makes blocks of a memory equal to the image.
    pub(crate) fn restore_blocks(&self, memory: &mut [u8], blocks: &[u32]) {
        for &index in blocks {
            let start = index as usize * BLOCK;
            let end = memory.len().min(start + BLOCK);
            if let Some(block) = memory.get_mut(start..end) {
                block.copy_from_slice(self.block(index as usize, block.len()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_ends_where_its_data_does_and_restores_all_of_the_memory() {
        for last in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 5, 4 * BLOCK - 1] {
            let mut original = vec![0; 4 * BLOCK];
            original[last] = 7;
            let pristine = Pristine::of(&original);
            assert_eq!(pristine.data.len(), (last / BLOCK + 1) * BLOCK);
            let mut memory = vec![0xEE; 4 * BLOCK];
            pristine.restore(&mut memory);
            assert!(memory == original);
            memory[BLOCK + 3] = 1;
            memory[last] = 1;
            pristine.restore_blocks(&mut memory, &[1, (last / BLOCK) as u32]);
            assert!(memory == original);
        }
        assert_eq!(Pristine::of(&[0; 9]), Pristine { data: Vec::new(), len: 9 });
    }
}
