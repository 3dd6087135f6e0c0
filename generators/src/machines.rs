//! The pool of machines of a campaign: each distinct machine is compiled once, so programs share a limited number.

use crate::builder::Limits;
use crate::campaign::Capacities;
use crate::program::Machine;
use crate::rng::Random;
use crate::sizes::PAGE;

/// Machines in a pool.
pub(crate) const POOL: usize = 192;
/// Those of a pool, from the first, that have small capacities; the rest have the collector's own.
pub(crate) const SMALL: usize = 144;
/// A stream of randomness that no program uses.
const STREAM: u64 = u64::MAX;
/// Bytes that any collector may need for each page of the page limit (one bit for each 8 bytes).
const TABLE_BYTES_PER_PAGE: u32 = 1 << 10;
/// Bytes of an entry of a wrap table.
const WRAP_BYTES: u64 = 16;
/// The most bytes between the start of the heap and the end of a page on a machine whose heap starts there.
const NEAR: u32 = 1 << 11;
/// The most pages that any machine is drawn with.
const MOST_PAGES: u32 = 256;

/// The machines of a seed.
pub(crate) fn pool(seed: u64, defaults: Capacities, pinned: Machine) -> Vec<Machine> {
    let mut random = Random::new(seed, STREAM);
    (0..POOL)
        .map(|index| {
            let mut drawn_end = data_end(&mut random, index);
            let (worklist, roots) =
                if index < SMALL { (Some(worklist(&mut random)), Some(roots(&mut random))) } else { (None, None) };
            let (worklist, roots) = (pinned.worklist.or(worklist), pinned.roots.or(roots));
            let wraps = (defaults.wraps > 0 && index < SMALL).then(|| wraps(&mut random));
            let wraps = pinned.wraps.or(wraps);
            let table = if defaults.wraps > 0 { wraps.unwrap_or(defaults.wraps) } else { 0 };
            let tables = 4 * u64::from(worklist.unwrap_or(defaults.worklist)) + WRAP_BYTES * u64::from(table);
            let stack = 4 * u64::from(roots.unwrap_or(defaults.roots));
            // Here and there the page ends in the middle of the worklist.
            if index < SMALL && index % 16 == 5 {
                let below = u32::try_from(stack + tables / 2).unwrap_or(PAGE);
                drawn_end = PAGE.saturating_sub(below);
            }
            let is_near = index % 4 > 1;
            let regions = if is_near {
                (tables + stack + u64::from(NEAR)).next_multiple_of(u64::from(PAGE))
            } else {
                u64::from(drawn_end) + tables + stack
            };
            let drawn_max = max_pages(&mut random, index, regions);
            let drawn_initial = random.one_in(2).then(|| random.within(1, 4)).filter(|_| !at_page_end(index));
            // Blocks are multiples of 8 bytes: only a start that is one lets a block end exactly where a page does.
            let below = if random.percent(40) { 8 * random.within(1, NEAR / 8) } else { random.within(1, NEAR) };
            let max = pinned.max_pages.unwrap_or(drawn_max.max(pinned.initial_pages.unwrap_or(0)));
            let near = is_near.then(|| {
                near_page_end(tables + u64::from(max) * u64::from(defaults.table_bytes_per_page), stack, below)
            });
            let data_end = pinned.data_end.or(near.flatten()).unwrap_or(drawn_end);
            let regions = u64::from(data_end) + tables + stack;
            let initial = pinned.initial_pages.or(drawn_initial.map(|pages| pages.max(needed(regions, max)).min(max)));
            Machine { data_end: Some(data_end), worklist, roots, initial_pages: initial, max_pages: Some(max), wraps }
        })
        .collect()
}

/// Machines whose capacities and start of the heap are drawn uniformly, whatever boundary is near.
pub(crate) fn uniform(seed: u64, defaults: Capacities, pinned: Machine) -> Vec<Machine> {
    let mut random = Random::new(seed, STREAM);
    (0..POOL)
        .map(|_| {
            let drawn_end = random.below(PAGE / 2);
            let (worklist, roots) = (random.within(1, 256), random.within(1, 64));
            let (wraps, more) = (random.within(1, 200), random.within(1, 16));
            let (worklist, roots) = (pinned.worklist.unwrap_or(worklist), pinned.roots.unwrap_or(roots));
            let wraps = pinned.wraps.or((defaults.wraps > 0).then_some(wraps));
            let data_end = pinned.data_end.unwrap_or(drawn_end);
            let tables = 4 * (u64::from(worklist) + u64::from(roots)) + WRAP_BYTES * u64::from(wraps.unwrap_or(0));
            let least = needed(u64::from(data_end) + tables, 64);
            let max_pages = pinned.max_pages.unwrap_or((least + more).max(pinned.initial_pages.unwrap_or(0)));
            Machine {
                data_end: Some(data_end),
                worklist: Some(worklist),
                roots: Some(roots),
                initial_pages: pinned.initial_pages,
                max_pages: Some(max_pages),
                wraps,
            }
        })
        .collect()
}

/// Where the heap of a machine starts, with what its collector may need for each page of the page limit.
pub(crate) fn heap_start(data_end: u32, limits: Limits, table_bytes_per_page: u32) -> u64 {
    let tables = 4 * u64::from(limits.worklist) + WRAP_BYTES * u64::from(limits.wraps);
    let pages = u64::from(limits.max_pages) * u64::from(table_bytes_per_page);
    u64::from(data_end) + 4 * u64::from(limits.roots) + tables + pages
}

/// Pages that the regions of a machine with this page limit need.
fn needed(regions: u64, max_pages: u32) -> u32 {
    let bytes = regions + u64::from(max_pages) * u64::from(TABLE_BYTES_PER_PAGE);
    u32::try_from(bytes.div_ceil(u64::from(PAGE))).unwrap_or(u32::MAX)
}

/// Whether the machine's data ends within a few bytes of the first page; then it has the collector's own pages, so that a release
/// whose one page does not cover its regions is seen.
const fn at_page_end(index: usize) -> bool {
    index.is_multiple_of(96)
}

/// The `data_end` with which the heap starts `below` bytes before the end of a page, so that small objects reach a page
/// boundary and boundary cases are cheap; none if the root stack would cross the end of the first page.
fn near_page_end(tables: u64, stack: u64, below: u32) -> Option<u32> {
    let page = u64::from(PAGE);
    let end = (tables + stack + u64::from(below)).next_multiple_of(page) - u64::from(below);
    let data_end = end - tables - stack;
    (data_end + stack <= page).then(|| u32::try_from(data_end).ok()).flatten()
}

/// Every alignment, evenly; here and there a start far from zero, and four times in a pool one near the end of the
/// first page, two of them within a few bytes of it.
fn data_end(random: &mut Random, index: usize) -> u32 {
    match index % 48 {
        0 if at_page_end(index) => PAGE - random.within(1, 16),
        0 => random.within(40_001, 65_519),
        1..=2 => random.within(1_000, 9_999),
        3..=10 => random.within(16, 255),
        // 37 is prime to 16, so the remaining machines take all values in turn.
        _ => (index as u32 * 37 + index as u32 / 48) % 16,
    }
}

fn worklist(random: &mut Random) -> u32 {
    match random.below(16) {
        0..=3 => random.within(1, 8),
        4..=12 => random.within(4, 64),
        _ => random.within(65, 256),
    }
}

fn roots(random: &mut Random) -> u32 {
    match random.below(16) {
        0 => random.within(1, 7),
        1..=9 => random.within(8, 24),
        _ => random.within(25, 64),
    }
}

fn wraps(random: &mut Random) -> u32 {
    match random.below(16) {
        0..=10 => random.within(1, 8),
        11..=14 => random.within(9, 24),
        _ => random.within(25, 200),
    }
}

fn max_pages(random: &mut Random, index: usize, regions: u64) -> u32 {
    if index >= SMALL {
        let roomy = random.within(16, 64).max(needed(regions, 64).saturating_add(4));
        return if random.one_in(12) { MOST_PAGES } else { roomy };
    }
    let least = needed(regions, 16);
    match random.below(96) {
        0 => least,
        1..=8 => least.saturating_add(random.within(7, 12)),
        _ => least.saturating_add(random.within(1, 6)),
    }
}
