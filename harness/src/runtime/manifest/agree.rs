//! What a manifest says in several places that must agree: how memory grows, and its limits; null, and where objects are; what stands in for an object of no
//! bytes, and the kinds.

use super::chunk::Chunk;
use super::error::ManifestError;
use super::parts::{Growth, Heap, Kind, Memory, Object, Pointer, Promises, Request, ZeroSize};
use super::read::Table;
use crate::runtime::description::{MAX_PAGES, PAGE};

/// Whether memory can grow by chunks as they are given, up to its limit. Takes for the limit what memory can come to.
pub(super) fn growth(
    root: &Table<'_>,
    memory: &mut Memory,
    heap: &Heap,
    promises: Promises,
    is_like: bool,
) -> Result<(), ManifestError> {
    let Some(chunk) = heap.grows_by.filter(|chunk| !chunk.is_any()) else { return Ok(()) };
    let key = |table: &'static str, key: &'static str| root.get(table)?.as_table()?.get(key);
    let wrong = |problem: String| match key("heap", "grows_by") {
        Some(value) => value.error(problem),
        None => root.error(problem),
    };
    if promises.growth == Some(Growth::Shortage) || is_like && promises.growth.is_none() {
        let other = if is_like {
            "`like`, unless `growth` in [promises] is \"unknown\""
        } else {
            "`growth = \"shortage\"` in [promises]"
        };
        return Err(wrong(format!(
            "`grows_by`: expected nothing of the kind beside {other}: memory grows there by the pages that are missing, and no others; leave one out"
        )));
    }
    let Memory { ready_pages: ready, max_pages: most, .. } = *memory;
    let (reachable, plural) = (chunk.reachable(ready, most), if ready == 1 { "" } else { "s" });
    if u64::from(ready) + u64::from(chunk.least(ready)) > u64::from(most) {
        let what = match chunk {
            Chunk::Double => format!("memory of {ready} page{plural} that doubles"),
            Chunk::Pages(pages) | Chunk::AtLeast(pages) => format!("{pages} pages more"),
        };
        return Err(wrong(format!(
            "`grows_by`: expected a chunk that there is room for between the {ready} page{plural} that a program starts with and the {most} that it may have, found \
             {what}: memory could never grow; give a smaller chunk, or a greater `max_pages` in [memory]"
        )));
    }
    if let Some(value) = key("memory", "max_pages").filter(|_| reachable < most) {
        return Err(value.error(format!(
            "`max_pages`: expected a limit that memory can come to, which starts with {ready} page{plural} and grows by `grows_by = {}`, found {most}; write \
             `max_pages = {reachable}`, or leave it out",
            chunk.toml()
        )));
    }
    memory.max_pages = reachable;
    Ok(())
}

/// Whether no object can have the address that the word for none would be.
pub(super) fn null(root: &Table<'_>, memory: Memory, heap: &Heap, object: Object) -> Result<(), ManifestError> {
    let Pointer { null, tag } = object.pointer;
    let address = null.wrapping_sub(tag);
    let Some(value) = root.get("object").and_then(|value| value.as_table()?.get("null")) else { return Ok(()) };
    let lowest = heap.start.unwrap_or(0).saturating_add(object.header.unwrap_or(0));
    let origin = if heap.start.is_some() { lowest } else { 0 };
    let most =
        if memory.is_fixed { memory.max_pages } else { memory.declared_pages.min(MAX_PAGES).max(memory.max_pages) };
    let is_aligned = address.abs_diff(origin).is_multiple_of(object.alignment.unwrap_or(4));
    let is_inside = address != 0 && address >= lowest && u64::from(address) < u64::from(most) * u64::from(PAGE);
    if !is_aligned || !is_inside {
        return Ok(());
    }
    let tagged = if tag == 0 { String::new() } else { format!(" and `tag = {tag}`") };
    let next = match heap.start {
        Some(_) => "give a word that is none",
        None => "give a word that is none, or say `start` in [heap], if no object is there",
    };
    Err(value.error(format!(
        "`null`: expected a word that is no object's, found {null}{tagged}, which is that of an object at {address}: aligned, and where the heap may be; {next}"
    )))
}

/// The request that stands in for one of no bytes, of a kind that has none: four bytes of another kind, and whether they are a pointer.
pub(super) fn stand_in(kinds: &[Kind]) -> Option<(&Kind, Request)> {
    let four = |count| Request { size: 4, first: 0, stride: 1, count };
    [four(0), four(1)].into_iter().find_map(|request| Some((kinds.iter().find(|kind| kind.fits(request))?, request)))
}

/// Whether an object stands in for one of no bytes where no bytes give none.
pub(super) fn zero_size(root: &Table<'_>, object: Object, kinds: &[Kind]) -> Result<(), ManifestError> {
    if matches!(object.zero_size, None | Some(ZeroSize::Object)) {
        return Ok(());
    }
    let Some(value) = root.get("object").and_then(|value| value.as_table()?.get("zero_size")) else { return Ok(()) };
    let nothing = Request { size: 0, first: 0, stride: 1, count: 0 };
    let Some(kind) = kinds.iter().find(|kind| kind.fits(nothing)) else {
        return Err(value.error(
            "`zero_size`: expected a kind that a request for 0 bytes is of, found none: nothing is asked for that could give it; leave `zero_size` out",
        ));
    };
    if kind.bytes.is_some() && stand_in(kinds).is_none() {
        return Err(value.error(format!(
            "`zero_size`: expected a kind that an object of 4 bytes is of, which stands in for one of no bytes, found none beside `{}`; leave `zero_size` out, \
             or add a kind",
            kind.name
        )));
    }
    Ok(())
}
