//! The declared placement policy, played over blocks: first fit, reuse, and the sweep that rebuilds the free list.

use super::heap::{Fields, NONE, ShadowHeap};
use super::{BlockId, Content};
use crate::runtime::description::Zeroing;

impl ShadowHeap {
    /// The first block of the free list that fits, taken off it.
    pub(super) fn first_fit(&mut self, size: u32, logged: u32) -> Option<BlockId> {
        let (mut before, mut id) = (NONE, self.free_head);
        while id != NONE {
            self.work += 1;
            let block = &self.blocks[id as usize];
            if block.recorded >= size {
                let next = block.next;
                match before {
                    NONE => self.free_head = next,
                    _ => self.link(before, next),
                }
                self.reuse(id, size, logged);
                return Some(id);
            }
            (before, id) = (id, block.next);
            self.count_passed_over();
        }
        None
    }

    /// Makes `next` follow `id` on the free list.
    fn link(&mut self, id: BlockId, next: BlockId) {
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
            Zeroing::Zeroed => self.words.clear(start, block.words),
        }
    }

    /// Rebuilds the free list from all blocks without a mark, in descending order of address.
    pub(super) fn sweep(&mut self) {
        let (mut head, mut id) = (NONE, self.first);
        while id != NONE {
            let block = &mut self.blocks[id as usize];
            let after = block.after;
            block.free = block.marked != self.marking.epoch;
            if block.free {
                self.link(id, head);
                head = id;
            }
            id = after;
        }
        self.free_head = head;
    }
}
