//! What guest memory and globals show after a run: the numbers that prove that something happened.

use crate::judge::Seen;
use crate::model::Model;
use crate::runtime::description::{GLOBAL_COLLECTIONS, GLOBAL_FREE_HEAD, GLOBAL_HEAP_END, GLOBAL_WRAPS, WRAP_ENTRY};

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
    let global = |i: usize| seen.outcome.globals.get(i).copied().unwrap_or(0);
    let mut o = Observations {
        collections: u64::from(global(GLOBAL_COLLECTIONS)),
        grown: u64::from(seen.outcome.pages.saturating_sub(d.parameters.initial_pages)),
        roots: used(seen, d.regions.roots),
        ..Observations::default()
    };
    if d.parameters.wraps > 0 {
        o.released = seen.outcome.releases.len() as u64 + u64::from(seen.outcome.surplus_releases);
        let held = global(GLOBAL_WRAPS).saturating_sub(d.regions.wraps.0) / WRAP_ENTRY;
        o.registered = o.released + u64::from(held);
    }
    if o.collections == 0 {
        return o;
    }
    o.worklist = used(seen, d.regions.worklist);
    let end = u64::from(global(GLOBAL_HEAP_END));
    let mut p = u64::from(d.regions.heap_start);
    while p < end {
        let Some(header) = seen.word(p as u32) else { break };
        o.marked += u64::from(header & d.object.mark_mask != 0);
        p += d.object.stride(header >> d.object.size_shift);
    }
    let mut next = global(GLOBAL_FREE_HEAD);
    let limit = seen.heap.len() / d.object.stride_unit as usize;
    for _ in 0..limit {
        let Some(header) = next.checked_sub(d.object.header_bytes).and_then(|p| seen.word(p)) else { break };
        o.freed += u64::from(header >> d.object.size_shift);
        o.free_blocks += 1;
        match seen.word(next.wrapping_add(d.object.free_link)) {
            Some(link) if next != 0 => next = link,
            Some(_) | None => break,
        }
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
