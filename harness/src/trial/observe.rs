//! What guest memory and globals show after a run: the numbers that prove that something happened.

use crate::judge::Seen;
use crate::model::{Logged, Model};
use crate::plan::Step;
use crate::runtime::description::{Role, WRAP_ENTRY};

use std::collections::HashSet;

/// Numbers read from an engine's memory and globals, never predicted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observations {
    /// Collections.
    pub collections: u64,
    /// Objects that carry a mark at the end: those that the last collection kept.
    pub marked: u64,
    /// Bytes of blocks that are on the free list at the end.
    pub freed: u64,
    /// Blocks on the free list at the end.
    pub free_blocks: u64,
    /// Pages that memory grew by.
    pub grown: u64,
    /// Entries of the worklist that were ever used.
    pub worklist: u64,
    /// Slots of the root stack that were ever used.
    pub roots: u64,
    /// Handles that stand in the wrap table at the end, or were released; 0 without a wrap table.
    pub registered: u64,
    /// Handles that were released.
    pub released: u64,
}

pub(super) fn observe(model: &Model, seen: Seen<'_>) -> Observations {
    let d = model.description();
    let global = |role| seen.global(model, role).unwrap_or(0);
    let mut o = Observations {
        collections: u64::from(global(Role::Collections)),
        grown: u64::from(seen.outcome.pages.saturating_sub(d.parameters.initial_pages)),
        roots: used(seen, d.regions.roots),
        ..Observations::default()
    };
    if d.parameters.wraps > 0 {
        o.released = seen.outcome.releases.len() as u64 + u64::from(seen.outcome.surplus_releases);
        let held = global(Role::Wraps).saturating_sub(d.regions.wraps.0) / WRAP_ENTRY;
        o.registered = o.released + u64::from(held);
    }
    if !d.has_headers() {
        return observe_log(model, seen, o);
    }
    if o.collections == 0 {
        return o;
    }
    o.worklist = used(seen, d.regions.worklist);
    let end = u64::from(global(Role::HeapEnd));
    let mut p = u64::from(d.regions.heap_start);
    while p < end {
        let Some(header) = seen.word(p as u32) else { break };
        o.marked += u64::from(header & d.object.mark_mask != 0);
        p += d.object.extent(header >> d.object.size_shift);
    }
    // A broken list may lead anywhere, and round and round: no block lies outside the heap, and all of them fit into it.
    let (start, mut left) = (u64::from(d.regions.heap_start), end.saturating_sub(u64::from(d.regions.heap_start)));
    let mut next = global(Role::FreeHead);
    while (start + u64::from(d.object.header_bytes)..end).contains(&u64::from(next)) {
        let Some(header) = seen.word(next - d.object.header_bytes) else { break };
        let size = header >> d.object.size_shift;
        let Some(rest) = left.checked_sub(d.object.extent(size)) else { break };
        left = rest;
        o.freed += u64::from(size);
        o.free_blocks += 1;
        let Some(link) = seen.word(next + d.object.free_link) else { break };
        next = link;
    }
    o
}

/// What shows without a layout: an address that is handed out again was free, and objects that a collection must have kept are reachable.
fn observe_log(model: &Model, seen: Seen<'_>, mut o: Observations) -> Observations {
    // Where no function collects, a step that asks for a collection does nothing.
    let is_told = model.description().module.as_ref().is_none_or(|module| module.collect.full.is_some());
    let collects = |step: &Step| is_told && matches!(step, Step::Collect);
    let ended = model.plan().steps.iter().take(seen.outcome.step as usize);
    o.collections = o.collections.max(ended.filter(|step| collects(step)).count() as u64);
    o.roots = u64::from(model.plan().slots);
    let kinds = model.expectation().kinds.iter().zip(&seen.outcome.log);
    let mut handed_out = HashSet::new();
    for (kind, &address) in kinds {
        if let Logged::Allocation { size } = *kind
            && !handed_out.insert(address)
        {
            o.freed += u64::from(size).max(1);
            o.free_blocks += 1;
        }
    }
    if o.collections > 0 {
        o.marked = model.slots().iter().flatten().count() as u64;
    }
    o
}

/// Words of a region up to the last one that is not zero: regions start as zeroes, and what was pushed leaves its residue.
fn used(seen: Seen<'_>, region: (u32, u32)) -> u64 {
    let end = (region.1 as usize).min(seen.heap.len());
    let bytes = seen.heap.get(region.0 as usize..end).unwrap_or_default();
    let (chunks, tail) = bytes.as_chunks::<64>();
    if let Some(i) = tail.iter().rposition(|&b| b != 0) {
        return (chunks.len() as u64 * 64 + i as u64) / 4 + 1;
    }
    let Some(c) = chunks.iter().rposition(|c| c != &[0; 64]) else { return 0 };
    let i = chunks[c].iter().rposition(|&b| b != 0).unwrap_or(0);
    (c as u64 * 64 + i as u64) / 4 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::runtime::describe;
    use heapsmith_generators::Machine;

    /// What shows where a heap of 64 bytes has these words, of which the first is its first header, and a free list that begins at the first
    /// payload.
    fn freed(words: &[u32]) -> (u64, u64) {
        let description = describe("vera@0.0.112", Machine::default()).unwrap();
        let start = description.regions.heap_start;
        let mut heap = vec![0; 1 << 16];
        for (word, bytes) in words.iter().zip(heap[start as usize..].chunks_exact_mut(4)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let globals = vec![start + 64, description.regions.roots.0, start + 4, description.regions.worklist.0, 1];
        let outcome = Outcome { globals, pages: 1, ..Outcome::default() };
        let o = observe(&Model::new(&description), Seen { outcome: &outcome, heap: &heap });
        (o.freed, o.free_blocks)
    }

    #[test]
    fn no_free_list_however_broken_has_more_bytes_than_the_heap() {
        let start = describe("vera@0.0.112", Machine::default()).unwrap().regions.heap_start;
        let header = |size: u32| size << 1;
        // Two blocks of 4 and 12 bytes.
        assert_eq!(freed(&[header(4), start + 12, header(12), 0]), (16, 2));
        // A recorded size that is none.
        assert_eq!(freed(&[header(4), start + 12, u32::MAX, 0]), (4, 1));
        // Round and round: 64 bytes have room for eight blocks of 8.
        assert_eq!(freed(&[header(4), start + 4]), (32, 8));
        // Out of the heap, on either side and at its end.
        for out in [start, start + 3, start + 64, start + 68, 4, u32::MAX] {
            assert_eq!(freed(&[header(4), out]), (4, 1), "{out}");
        }
    }
}
