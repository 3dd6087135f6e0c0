//! From parameters to regions: root stack, worklist, wrap table, bitmap and heap follow each other from the end of static data.

use super::RuntimeError;
use super::description::{
    AddressRule, CandidateTest, Description, InitialPages, MOST_PAGES, PAGE, Parameters, Regions, Rules, WRAP_ENTRY,
    Work,
};

/// Bytes of bitmap for each page of the page limit: one bit for each 8 bytes.
const BITMAP_PER_PAGE: u64 = 1_024;
/// Entries that a worklist, a root stack or a wrap table may have at most.
pub(super) const MAX_ENTRIES: u32 = 1 << 20;
/// Bytes of static data that there may be at most: each is four in the text of a module.
const MAX_DATA: u32 = 1 << 24;

/// Parameters and regions of a collector that follows `rules`.
///
/// `wanted` has the pages that are asked for. Where the regions need more ([`InitialPages::CoverRegions`]) the initial pages are
/// raised, and the limit with them; the bitmap depends on the limit, so this goes on until nothing changes.
pub(super) fn resolve(wanted: Parameters, rules: &Rules) -> Result<(Parameters, Regions), RuntimeError> {
    for (key, found, least) in
        [("worklist", wanted.worklist, 1), ("roots", wanted.roots, 1), ("wraps", wanted.wraps, 0)]
    {
        if found < least || found > MAX_ENTRIES {
            return Err(RuntimeError::Capacity { key, found, limit: MAX_ENTRIES });
        }
    }
    for (key, found) in [("max_pages", wanted.max_pages), ("initial_pages", wanted.initial_pages)] {
        if found == 0 {
            return Err(RuntimeError::NoPages { key });
        }
    }
    let mut max = u64::from(wanted.max_pages.max(wanted.initial_pages));
    let initial = loop {
        if max > u64::from(MOST_PAGES) {
            return Err(RuntimeError::TooManyPages { found: max, limit: MOST_PAGES });
        }
        let start = heap_start(&wanted, rules, max);
        if start > u64::from(u32::MAX) {
            return Err(RuntimeError::TooManyPages { found: start / u64::from(PAGE) + 1, limit: MOST_PAGES });
        }
        let covering = start.div_ceil(u64::from(PAGE));
        let initial = match rules.initial_pages {
            InitialPages::One => u64::from(wanted.initial_pages),
            InitialPages::CoverRegions => covering.max(u64::from(wanted.initial_pages)),
        };
        if initial <= max {
            break initial;
        }
        max = initial;
    };
    let bytes = initial * u64::from(PAGE);
    if u64::from(wanted.data_end) > bytes {
        let (data_end, initial) = (wanted.data_end, wanted.initial_pages);
        return Err(RuntimeError::DataBeyondMemory { data_end, initial, bytes });
    }
    if wanted.data_end > MAX_DATA {
        return Err(RuntimeError::TooMuchData { found: wanted.data_end, limit: MAX_DATA });
    }
    // Both are at most MOST_PAGES, and the heap starts below 2^32: all fit into 32 bits.
    let parameters = Parameters { initial_pages: initial as u32, max_pages: max as u32, ..wanted };
    Ok((parameters, regions(&parameters, rules)))
}

/// The heap's start under a limit of `max` pages, in 64 bits because `data_end` can be anything.
fn heap_start(wanted: &Parameters, rules: &Rules, max: u64) -> u64 {
    let entries = u64::from(wanted.roots) + u64::from(wanted.worklist);
    let wraps = u64::from(WRAP_ENTRY) * u64::from(wanted.wraps);
    u64::from(wanted.data_end) + 4 * entries + wraps + bitmap_bytes(rules, max)
}

fn bitmap_bytes(rules: &Rules, max: u64) -> u64 {
    match rules.candidates {
        CandidateTest::Bitmap => BITMAP_PER_PAGE * max,
        CandidateTest::Phase | CandidateTest::Walk => 0,
    }
}

/// The regions of parameters that are resolved.
fn regions(p: &Parameters, rules: &Rules) -> Regions {
    let roots_end = p.data_end + 4 * p.roots;
    let worklist_end = roots_end + 4 * p.worklist;
    let wraps_end = worklist_end + WRAP_ENTRY * p.wraps;
    let heap_start = wraps_end + bitmap_bytes(rules, u64::from(p.max_pages)) as u32;
    Regions {
        roots: (p.data_end, roots_end),
        worklist: (roots_end, worklist_end),
        wraps: (worklist_end, wraps_end),
        bitmap: (wraps_end, heap_start),
        heap_start,
    }
}

/// The same collector under other rules (of a module that is not ours, the built-in that it is like), with the same parameters and regions where the rules allow it.
///
/// Two rules need more than they get: [`InitialPages::CoverRegions`] raises the initial pages (and the limit, if need be), and
/// [`CandidateTest::Bitmap`] needs a bitmap, so that without one the heap starts later. A bitmap that is no longer used stays
/// where it is, so that no address changes. Promises stay as they are, but that [`CandidateTest::Walk`] promises nothing about work, and
/// that addresses which are checked anew end at [`Parameters::address_limit`].
#[must_use]
pub fn rewith(description: &Description, rules: Rules) -> Description {
    let mut new = Description { rules: Some(rules), module: None, ..description.clone() };
    match rules.candidates {
        CandidateTest::Phase | CandidateTest::Bitmap => {}
        // A walk over the heap for each word.
        CandidateTest::Walk => new.promises.work = Work::Unpromised,
    }
    match (description.rules.map(|rules| rules.address), rules.address) {
        (Some(AddressRule::Wrapping), AddressRule::Checked) => {
            new.promises.address_limit = description.parameters.address_limit.into();
        }
        (None | Some(AddressRule::Wrapping | AddressRule::Checked), _) => {}
    }
    let bitmap = description.regions.bitmap;
    let lacks_bitmap = bitmap.0 == bitmap.1 && rules.candidates == CandidateTest::Bitmap;
    if lacks_bitmap {
        // The parameters were resolved once; a description that cannot be resolved again stays as it is.
        if let Ok((parameters, regions)) = resolve(description.parameters, &rules) {
            (new.parameters, new.regions) = (parameters, regions);
        }
        return new;
    }
    match rules.initial_pages {
        InitialPages::One => {}
        InitialPages::CoverRegions => {
            let covering = description.regions.heap_start.div_ceil(PAGE);
            let p = &mut new.parameters;
            p.initial_pages = p.initial_pages.max(covering);
            p.max_pages = p.max_pages.max(p.initial_pages);
        }
    }
    new
}
