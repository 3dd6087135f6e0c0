//! The machines that variants run on: few enough that each is compiled once, for all programs.

use super::variant::mix;
use crate::runtime::description::{Description, PAGE};
use crate::runtime::{RuntimeError, Spec};
use heapsmith_generators::Machine;

/// Offsets of the heap's start from 0 on, one byte apart: every alignment, on both sides of every power of two below.
const NEAR_ZERO: u32 = 96;
/// Bytes from the heap's start to a page boundary.
const NEAR_PAGE: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 28, 32];
/// Heap starts that there are.
pub const HEAP_STARTS: u32 = NEAR_ZERO + NEAR_PAGE.len() as u32;
/// Worklists that variants have, in entries.
const WORKLISTS: [u32; 8] = [8, 24, 64, 200, 1_024, 4_096, 16_384, 40_000];

/// How much room a machine has: a run that reaches a limit is not compared, and a large machine is dear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Small,
    Large,
}

impl Room {
    /// What programs for a machine like this one need.
    const fn of(base: &Description) -> Self {
        let p = base.parameters;
        if p.worklist > 512 || p.roots > 256 { Self::Large } else { Self::Small }
    }

    /// Entries of the worklist, slots of the root stack, pages at most.
    const fn numbers(self) -> (u32, u32, u32) {
        match self {
            Self::Small => (1_024, 512, 48),
            Self::Large => (16_384, 4_096, 256),
        }
    }

    /// Entries of the wrap table; none where `base` has no table.
    fn wraps(base: &Description) -> Option<u32> {
        (base.parameters.wraps > 0).then_some(match Self::of(base) {
            Self::Small => 512,
            Self::Large => 8_192,
        })
    }
}

/// The runtime `name` at heap start `number` (modulo [`HEAP_STARTS`]), with room for the programs of `base`.
///
/// # Errors
/// A runtime that there is not.
pub(super) fn heap_start(name: &str, base: &Description, number: u64) -> Result<Spec, RuntimeError> {
    let (worklist, roots, max_pages) = Room::of(base).numbers();
    let k = (number % u64::from(HEAP_STARTS)) as u32;
    let below = k.checked_sub(NEAR_ZERO).and_then(|i| NEAR_PAGE.get(i as usize));
    machine(name, base, below.map_or(At::DataEnd(k), |&below| At::BelowPage(below)), worklist, roots, max_pages)
}

/// The runtime `name` with a worklist larger or smaller than the one of `base`, drawn from `number`.
///
/// # Errors
/// A runtime that there is not.
pub(super) fn worklist(name: &str, base: &Description, number: u64) -> Result<Spec, RuntimeError> {
    let (_, roots, max_pages) = Room::of(base).numbers();
    let own = base.parameters.worklist;
    let (smaller, larger): (Vec<u32>, Vec<u32>) = WORKLISTS.into_iter().filter(|w| *w != own).partition(|w| *w < own);
    // A smaller one seldom holds what the program needs: three in four are larger, where there is one.
    let wanted = if number.is_multiple_of(4) { [&smaller, &larger] } else { [&larger, &smaller] };
    let from = if wanted[0].is_empty() { wanted[1] } else { wanted[0] };
    let entries = from[(mix(number, 1) % from.len() as u64) as usize];
    machine(name, base, At::DataEnd(entries % 13), entries, roots, max_pages)
}

/// Where the heap starts.
enum At {
    DataEnd(u32),
    /// So many bytes before a page boundary.
    BelowPage(u32),
}

fn machine(
    name: &str,
    base: &Description,
    at: At,
    worklist: u32,
    roots: u32,
    max_pages: u32,
) -> Result<Spec, RuntimeError> {
    let edit = if name == base.name { base.edit.clone() } else { None };
    let spec = |data_end, initial_pages| Spec {
        edit: edit.clone(),
        module: None,
        name: name.to_owned(),
        // All the room that there can be: a run that reaches a limit is not compared.
        address_limit: None,
        pinned: Machine {
            data_end: Some(data_end),
            worklist: Some(worklist),
            roots: Some(roots),
            initial_pages,
            max_pages: Some(max_pages),
            wraps: Room::wraps(base),
        },
    };
    let start = |data_end| -> Result<u32, RuntimeError> {
        Ok(spec(data_end, None).resolve(Machine::default())?.regions.heap_start)
    };
    let data_end = match at {
        At::DataEnd(data_end) => data_end,
        At::BelowPage(below) => {
            let start = start(0)?;
            (start + below).next_multiple_of(PAGE) - below - start
        }
    };
    // All regions in memory from the start: whether one page is enough is another question.
    let pages = start(data_end)?.div_ceil(PAGE);
    Ok(spec(data_end, Some(pages)))
}
