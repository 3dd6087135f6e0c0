//! The machines that every program runs on.
//!
//! | parameter | values | why |
//! |---|---|---|
//! | worklist | 1 to [`WORKLISTS`] entries | every way in which a handful of objects does and does not fit |
//! | heap start | [`ROOM`] - a bytes before the end of the first page, a from 0 to 7 | every alignment; exhaustion after two or three small objects; at a = 0 blocks end exactly where the page does |
//! | root stack | a slot for each register | one allocation more overflows it |
//! | pages | at most [`MAX_PAGES`] | two growths by a page, or one by two, and the next one is refused |
//!
//! The heap starts there because static data takes what root stack, worklist and tables leave of the page, so `data_end` takes every
//! residue of 8 as well. What is pinned in the runtime's name is so in every machine; machines that then are equal are one.

use super::Scope;
use crate::campaign::capacities;
use crate::runtime::description::{PAGE, WRAP_ENTRY};
use crate::runtime::{RuntimeError, Spec};
use heapsmith_generators::Machine;

/// Bytes from the start of the heap to the end of the page, at an alignment of 0.
pub const ROOM: u32 = 32;
/// The largest worklist, in entries.
pub const WORKLISTS: u32 = 4;
/// Pages that memory may have.
pub const MAX_PAGES: u32 = 3;
/// Alignments of the heap's start.
const ALIGNMENTS: u32 = 8;

/// The machines of a runtime, in order.
///
/// # Errors
/// When a pinned parameter makes no module.
pub fn machines(spec: &Spec, scope: Scope) -> Result<Vec<Machine>, RuntimeError> {
    let defaults = capacities(&spec.resolve(Machine::default())?);
    let pinned = spec.pinned;
    let roots = pinned.roots.unwrap_or(u32::from(scope.objects));
    let max_pages = pinned.max_pages.unwrap_or(MAX_PAGES);
    // Programs of a small scope register no handle: one entry is enough.
    let wraps = (defaults.wraps > 0).then(|| pinned.wraps.unwrap_or(1));
    let mut machines = Vec::new();
    let mut known = Vec::new();
    for worklist in 1..=WORKLISTS {
        for alignment in 0..ALIGNMENTS {
            let worklist = pinned.worklist.unwrap_or(worklist);
            let entries = u64::from(worklist) + u64::from(roots);
            let tables = 4 * entries
                + u64::from(WRAP_ENTRY) * u64::from(wraps.unwrap_or(0))
                + u64::from(defaults.table_bytes_per_page) * u64::from(max_pages);
            // Pinned regions may be larger than a page.
            let start = (tables + u64::from(ROOM)).next_multiple_of(u64::from(PAGE)) - u64::from(ROOM - alignment);
            let machine = Machine {
                data_end: u32::try_from(start - tables).ok(),
                worklist: Some(worklist),
                roots: Some(roots),
                initial_pages: None,
                max_pages: Some(max_pages),
                wraps,
            };
            let resolved = spec.resolve(machine)?.machine();
            if !known.contains(&resolved) {
                known.push(resolved);
                machines.push(machine);
            }
        }
    }
    Ok(machines)
}
