//! A model whose programs start from a heap that is there already.

use super::heap::{Block, NONE, ShadowHeap};
use super::wraps::Registered;
use super::{BlockId, Content, Logged, Model};
use crate::image::Image;
use crate::runtime::description::Zeroing;
use std::sync::Arc;

impl Model {
    /// From now on programs start from this heap, or from the empty one. It is placed for a description that is this model's.
    ///
    /// Its objects count as allocated before the first step, in order of address: the log starts with them. Register names none of them;
    /// its root slots are those of the outermost frame.
    pub fn start_from(&mut self, image: Option<Arc<Image>>) {
        self.image = image;
        self.reset();
    }

    /// The heap that programs start from.
    #[must_use]
    pub const fn image(&self) -> Option<&Arc<Image>> {
        self.image.as_ref()
    }

    /// Makes the empty heap this one.
    pub(super) fn install(&mut self, image: &Image) {
        let ids = self.heap.install(image);
        self.slots.extend(image.roots.iter().map(|root| root.map(|block| ids[block as usize])));
        for (block, &id) in image.blocks.iter().zip(&ids).filter(|(block, _)| !block.free) {
            debug_assert_eq!(self.heap.block(id).logged, self.expect.log.len() as u32);
            self.allocations.push(self.expect.log.len() as u32);
            self.expect.log.push(block.address);
            self.expect.kinds.push(Logged::Allocation { size: block.size });
        }
        self.expect.log_at[0] = self.expect.log.len() as u32;
        for &(block, kind, handle) in &image.wraps {
            let logged = self.heap.block(ids[block as usize]).logged;
            self.heap.wraps.register(ids[block as usize], Registered { handle, kind, logged, step: 0 });
        }
    }
}

impl ShadowHeap {
    /// Makes the empty heap this one; names of its blocks, in order.
    fn install(&mut self, image: &Image) -> Vec<BlockId> {
        let (mut logged, mut head) = (0, NONE);
        let mut ids = Vec::with_capacity(image.blocks.len());
        for placed in &image.blocks {
            let id = self.append(Block {
                address: placed.address,
                recorded: placed.recorded,
                size: placed.size,
                fields: placed.fields,
                logged: if placed.free { u32::MAX } else { logged },
                free: placed.free,
                words: self.payload_words(self.object.stride(placed.recorded)),
                next: NONE,
                after: NONE,
                marked: 0,
                seen: 0,
            });
            logged += u32::from(!placed.free);
            // Where fresh payloads are zero, nothing that a free block holds is ever seen.
            if !placed.free || self.promises.zeroing == Zeroing::Unpromised {
                for (word, &(content, value)) in (0..).zip(&placed.words) {
                    if content != Content::Unwritten || value != 0 {
                        self.write(id, word, content, value);
                    }
                }
            }
            if placed.free {
                self.link(id, head);
                head = id;
            }
            ids.push(id);
        }
        self.free_head = head;
        self.collections = image.collections;
        ids
    }
}
