//! The declared placement policy, played over blocks: first fit, split, reuse, and the sweep that rebuilds the free list and merges.

use super::heap::{AllocPath, Block, Fields, NONE, ShadowHeap};
use super::{BlockId, Content};
use crate::runtime::description::{PlacementPolicy, Zeroing};

impl ShadowHeap {
    /// The first block of the free list that fits, taken off it, cut down to what was asked for where the policy splits.
    pub(super) fn first_fit(&mut self, size: u32, logged: u32) -> Option<(BlockId, AllocPath)> {
        if self.free_head == NONE {
            return None;
        }
        let wanted = self.payload_words(self.object.stride(size));
        let policy = self.promises.placement;
        let (mut before, mut id) = (NONE, self.free_head);
        while id != NONE {
            self.work += 1;
            let block = &mut self.blocks[id as usize];
            let fits = match policy {
                PlacementPolicy::FirstFit | PlacementPolicy::Unknown => block.recorded >= size,
                PlacementPolicy::FirstFitSplit => block.words >= wanted,
            };
            if fits {
                let exact = block.recorded == size;
                let mut next = block.next;
                let mut path = if exact { AllocPath::ListExact } else { AllocPath::List };
                match policy {
                    PlacementPolicy::FirstFit | PlacementPolicy::Unknown => {}
                    PlacementPolicy::FirstFitSplit => {
                        block.recorded = size;
                        if block.words > wanted {
                            next = self.split(id, wanted);
                            path = AllocPath::ListSplit;
                        }
                    }
                }
                match before {
                    NONE => self.free_head = next,
                    _ => self.link(before, next),
                }
                self.reuse(id, size, logged);
                return Some((id, path));
            }
            (before, id) = (id, block.next);
            self.count_passed_over();
        }
        None
    }

    /// Words from a block's payload to its end, for a block of `stride` bytes.
    pub(super) const fn payload_words(&self, stride: u64) -> u32 {
        ((stride - self.object.header_bytes as u64) / 4) as u32
    }

    /// Cuts a free block after `words` words of payload; the rest is a free block behind it, before what followed it on the free list.
    fn split(&mut self, id: BlockId, words: u32) -> BlockId {
        let header = self.object.header_bytes;
        let block = &mut self.blocks[id as usize];
        let rest = block.words - words;
        let remainder = Block {
            address: block.address + 4 * words + header,
            recorded: 4 * rest - header,
            size: 0,
            fields: Fields::default(),
            logged: u32::MAX,
            free: true,
            words: rest - header / 4,
            next: NONE,
            after: block.after,
            marked: 0,
            seen: 0,
        };
        block.words = words;
        let next = block.next;
        let new = self.add(remainder);
        self.blocks[id as usize].after = new;
        if self.last == id {
            self.last = new;
        }
        self.link(new, next);
        new
    }

    /// Adds a block under a name that no block has.
    pub(super) fn add(&mut self, block: Block) -> BlockId {
        self.index.set(block.address, self.unused.last().copied().unwrap_or(self.blocks.len() as BlockId));
        match self.unused.pop() {
            Some(id) => {
                self.blocks[id as usize] = block;
                id
            }
            None => {
                self.blocks.push(block);
                self.blocks.len() as BlockId - 1
            }
        }
    }

    /// Makes `next` follow `id` on the free list.
    pub(super) fn link(&mut self, id: BlockId, next: BlockId) {
        self.blocks[id as usize].next = next;
        // Where fresh payloads are zero, nothing that a free block holds is ever seen.
        if self.promises.zeroing == Zeroing::Unpromised {
            let address = if next == NONE { 0 } else { self.blocks[next as usize].address };
            let at = self.start(id) + self.object.free_link / 4;
            self.words.set(at, Content::Unwritten, address);
        }
    }

    fn reuse(&mut self, id: BlockId, size: u32, logged: u32) {
        let (start, zeroing) = (self.start(id), self.promises.zeroing);
        let block = &mut self.blocks[id as usize];
        block.free = false;
        block.size = size;
        block.logged = logged;
        block.fields = Fields::default();
        self.work += u64::from(block.words);
        match zeroing {
            Zeroing::Unpromised => {
                self.words.disown(start, block.words);
                self.recycled.push(id);
            }
            Zeroing::Zeroed | Zeroing::Payload => self.words.clear(start, block.words),
        }
    }

    /// Rebuilds the free list from all blocks without a mark, in descending order of address; where the policy merges, neighbours
    /// are one block.
    pub(super) fn sweep(&mut self) {
        let merges = match self.promises.placement {
            PlacementPolicy::FirstFit | PlacementPolicy::Unknown => false,
            PlacementPolicy::FirstFitSplit => true,
        };
        let (mut head, mut id) = (NONE, self.first);
        let mut free_before = false;
        while id != NONE {
            let block = &mut self.blocks[id as usize];
            let after = block.after;
            block.free = block.marked != self.marking.epoch;
            let free = block.free;
            // A neighbour before it that is free came last on the list, so far.
            if free && free_before && merges {
                self.absorb(head, id);
            } else if free {
                if merges {
                    // A run of one block, so far: its padding is room.
                    block.recorded = 4 * block.words;
                }
                self.link(id, head);
                head = id;
            }
            (free_before, id) = (free, after);
        }
        self.free_head = head;
    }

    /// Makes a free block part of the one before it.
    fn absorb(&mut self, run: BlockId, id: BlockId) {
        let Block { address, recorded, words, after, .. } = self.blocks[id as usize];
        let header = self.object.header_bytes;
        if self.promises.zeroing == Zeroing::Unpromised {
            // What was a header is a word of the payload now.
            let at = self.start(id) - header / 4;
            self.words.set(at, Content::Unwritten, recorded << self.object.size_shift);
        }
        self.index.set(address, NONE);
        self.unused.push(id);
        let last = self.last == id;
        let block = &mut self.blocks[run as usize];
        block.words += header / 4 + words;
        block.recorded = 4 * block.words;
        block.after = after;
        if last {
            self.last = run;
        }
    }
}
