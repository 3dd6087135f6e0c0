//! How an object is reached: the path that a person can follow.

use super::{BlockId, Content, Model};
use std::collections::{HashMap, VecDeque};

impl Model {
    /// A path to an object from a root: the register (or `root N`) that holds one end and the pointer fields to follow, such as
    /// `r3.0.5`; `unreachable` if there is none.
    #[must_use]
    pub fn path_to(&self, wanted: BlockId) -> String {
        let mut from: HashMap<BlockId, (BlockId, u32)> = HashMap::new();
        let mut queue: VecDeque<BlockId> = VecDeque::new();
        let mut roots: HashMap<BlockId, usize> = HashMap::new();
        for (slot, id) in self.slots.iter().enumerate() {
            if let Some(id) = *id {
                roots.entry(id).or_insert_with(|| {
                    queue.push_back(id);
                    slot
                });
            }
        }
        while let Some(id) = queue.pop_front() {
            if id == wanted {
                break;
            }
            let f = self.heap.block(id).fields;
            for i in 0..f.count {
                if let (Content::Pointer, v) = self.heap.word(id, f.first + i * f.stride)
                    && let Some(target) = self.heap.at(v)
                    && !roots.contains_key(&target)
                    && !from.contains_key(&target)
                {
                    from.insert(target, (id, i));
                    queue.push_back(target);
                }
            }
        }
        let mut fields = Vec::new();
        let mut at = wanted;
        while let Some(&(parent, field)) = from.get(&at) {
            fields.push(field);
            at = parent;
        }
        let Some(&slot) = roots.get(&at) else { return "unreachable".to_owned() };
        let register = self.frame().visible.iter().position(|&s| s as usize == slot);
        let root = register.map_or_else(|| format!("root {slot}"), |r| format!("r{r}"));
        let hops = fields.len();
        let mut path = root;
        for (n, field) in fields.iter().rev().enumerate() {
            // A long list has a long path: its ends are enough.
            if hops > 12 && n == 6 {
                path.push_str(&format!(" .. ({} more) ..", hops - 12));
            }
            if hops <= 12 || n < 6 || n >= hops - 6 {
                path.push_str(&format!(".{field}"));
            }
        }
        path
    }
}
