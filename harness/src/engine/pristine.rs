//! The image of a memory right after instantiation, and the way back to it.

/// Bytes that are compared at once.
pub(crate) const BLOCK: usize = 4096;
/// Bytes that are known to differ together, and restored together: small, because roots, worklist and heap are far apart and mostly
/// untouched. A block has a whole number of them.
pub(crate) const GRANULE: usize = 1024;

/// A block.
pub(crate) type Block = [u8; BLOCK];

/// What a block without data holds.
static ZEROS: Block = [0; BLOCK];

/// An image of a memory. Blocks that hold the same are kept once, because they are looked at for every program: what is looked at
/// often stays in the caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pristine {
    /// Different blocks.
    different: Vec<Box<Block>>,
    /// For each block up to the last one that is not all zero, which of the different ones it is; nothing for a block of zeros.
    index: Vec<Option<u32>>,
    /// Bytes of memory.
    len: usize,
}

impl Pristine {
    /// The image of a memory.
    pub(crate) fn of(memory: &[u8]) -> Self {
        let mut different: Vec<Box<Block>> = Vec::new();
        let mut index = Vec::new();
        for bytes in memory.chunks(BLOCK) {
            index.push(if *bytes == ZEROS[..bytes.len()] {
                None
            } else {
                let mut block = Box::new(ZEROS);
                block[..bytes.len()].copy_from_slice(bytes);
                let known = different.iter().position(|known| *known == block);
                Some(known.unwrap_or_else(|| {
                    different.push(block);
                    different.len() - 1
                }) as u32)
            });
        }
        index.truncate(index.iter().rposition(Option::is_some).map_or(0, |last| last + 1));
        Self { different, index, len: memory.len() }
    }

    /// Bytes of the memory.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Block `index`; zeros beyond the image, as in the pages that a memory grows by.
    pub(crate) fn block(&self, index: usize) -> &Block {
        match self.index.get(index) {
            Some(Some(which)) => &self.different[*which as usize],
            Some(None) | None => &ZEROS,
        }
    }

    /// Makes a memory of as many bytes equal to the image, writing only the blocks that differ: clean ones stay clean in the caches.
    pub(crate) fn restore(&self, memory: &mut [u8]) {
        for (index, block) in memory.chunks_mut(BLOCK).enumerate() {
            let original = &self.block(index)[..block.len()];
            if block != original {
                block.copy_from_slice(original);
            }
        }
    }

    /// Makes granules of a memory equal to the image.
    pub(crate) fn restore_granules(&self, memory: &mut [u8], granules: &[u32]) {
        for &index in granules {
            let start = index as usize * GRANULE;
            let end = memory.len().min(start + GRANULE);
            if let Some(granule) = memory.get_mut(start..end) {
                granule.copy_from_slice(&self.block(start / BLOCK)[start % BLOCK..][..granule.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_ends_where_its_data_does_and_restores_all_of_the_memory() {
        for last in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 5, 4 * BLOCK - 1, 4 * BLOCK + 8] {
            let mut original = vec![0; 4 * BLOCK + 9];
            original[last] = 7;
            let pristine = Pristine::of(&original);
            assert_eq!((pristine.index.len(), pristine.different.len()), (last / BLOCK + 1, 1));
            let mut memory = vec![0xEE; original.len()];
            pristine.restore(&mut memory);
            assert!(memory == original);
            memory[BLOCK + 3] = 1;
            memory[last] = 1;
            pristine.restore_granules(&mut memory, &[(BLOCK / GRANULE) as u32, (last / GRANULE) as u32]);
            assert!(memory == original);
        }
        assert_eq!(Pristine::of(&[0; 9]), Pristine { different: Vec::new(), index: Vec::new(), len: 9 });
    }

    #[test]
    fn blocks_that_hold_the_same_are_kept_once() {
        let mut memory = vec![3; 3 * BLOCK];
        memory.extend([0; BLOCK]);
        memory.extend([3; BLOCK]);
        let pristine = Pristine::of(&memory);
        assert_eq!(pristine.index, [Some(0), Some(0), Some(0), None, Some(0)]);
        assert!((0..5).all(|i| pristine.block(i)[..] == memory[i * BLOCK..(i + 1) * BLOCK]));
        assert_eq!(pristine.block(5), &ZEROS);
    }
}
