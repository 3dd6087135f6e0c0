//! The heap as a structure: headers, free list, growth, root stack, static data.

use super::contents::{Live, at, last_step, subject, written_words};
use super::{BrokenWord, Kind, Seen, Violation, bare, releases};
use crate::model::{Exactness, Logged, Model};
use crate::runtime::description::{ObjectLayout, PAGE, PlacementPolicy, Role, data_byte, is_data};
use crate::runtime::manifest::Reclaim;

/// A reachable object on the free list.
pub(super) fn freed_object(model: &mut Model, seen: Seen<'_>, live: &[Live]) -> Option<Violation> {
    let object = model.description().object;
    let mut next = seen.global(model, Role::FreeHead)?;
    let limit = seen.heap.len() / object.stride_unit as usize;
    for _ in 0..=limit {
        if next == 0 {
            return None;
        }
        if let Some(l) = at(live, next) {
            let id = l.id;
            let mut v = bare(Kind::SilentFree, last_step(model));
            let object = subject(model, seen, id);
            v.expected = format!("{} is not freed", object.path);
            v.found = format!("its block at {} is on the free list", object.address);
            v.words = written_words(model, seen, id);
            v.object = Some(object);
            return Some(v);
        }
        next = seen.word(next.wrapping_add(object.free_link))?;
    }
    None
}

/// Everything that a known layout lets one check.
pub(super) fn check(model: &Model, seen: Seen<'_>, live: &[Live]) -> Option<Violation> {
    let exact = model.heap.exactness == Exactness::Exact;
    static_data(model, seen)
        .or_else(|| root_stack(model, seen))
        .or_else(|| releases::table(model, seen))
        .or_else(|| if exact { growth(model, seen).or_else(|| collections(model, seen)) } else { None })
        .or_else(|| {
            if !model.description().has_headers() {
                None
            } else if exact {
                headers(model, seen).or_else(|| free_list(model, seen))
            } else {
                tiling(model, seen, live)
            }
        })
        .or_else(|| retention(model, seen))
}

fn fault(model: &Model, kind: Kind, expected: String, found: String) -> Violation {
    let mut v = bare(kind, last_step(model));
    (v.expected, v.found) = (expected, found);
    v
}

pub(super) fn static_data(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let end = (model.description().parameters.data_end as usize).min(seen.heap.len());
    let data = &seen.heap[..end];
    if is_data(data) {
        return None;
    }
    let (i, found) = data.iter().enumerate().find(|&(i, &b)| b != data_byte(i as u32))?;
    Some(fault(model, Kind::BrokenData, format!("byte {:#04x} at {i}", data_byte(i as u32)), format!("{found:#04x}")))
}

fn root_stack(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let (base, end) = model.description().regions.roots;
    if base == end {
        return None;
    }
    let top = seen.global(model, Role::RootTop)?;
    let expected = base + 4 * model.slots().len() as u32;
    if top != expected {
        let found = format!("{top}");
        return Some(fault(model, Kind::BrokenRoots, format!("the root stack ends at {expected}"), found));
    }
    for (i, held) in model.slots().iter().enumerate() {
        let address = base + 4 * i as u32;
        let expected = model.description().pointer().word(held.map_or(0, |id| seen.address(model, id)));
        let found = seen.word(address);
        if found != Some(expected) {
            let mut v = fault(model, Kind::BrokenRoots, format!("{expected} in root slot {i}"), format!("{found:?}"));
            v.words = found.map(|found| BrokenWord { address, expected, found }).into_iter().collect();
            return Some(v);
        }
    }
    None
}

fn growth(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let (expected, found) = (model.heap.pages(), seen.outcome.pages);
    (expected != found)
        .then(|| fault(model, Kind::WrongGrowth, format!("{expected} pages of memory"), format!("{found} pages")))
}

/// Where the heap ends at most, by what is declared; none where nothing is, or where nothing collects but the program.
pub(super) fn declared_heap(model: &Model) -> Option<u64> {
    declared(model).map(|(_, _, end)| end)
}

/// Factor and slack, and that end.
fn declared(model: &Model) -> Option<(u32, u32, u64)> {
    let d = model.description();
    let module = d.module.as_ref().filter(|module| module.collect.is_automatic)?;
    let Some(Reclaim::Bounded { factor, slack }) = module.promises.reclaim else { return None };
    let start = u64::from(d.regions.heap_start);
    Some((factor, slack, start + u64::from(factor) * (model.heap.heap_end() - start) + u64::from(slack)))
}

/// Any model: memory does not grow beyond what is declared for what the program needs: the heap that first fit has, which collects when memory
/// is exhausted. Where nothing collects but the program, garbage may stay for as long as it likes.
fn retention(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let d = model.description();
    let (factor, slack, end) = declared(model)?;
    let needed = model.heap.heap_end() - u64::from(d.regions.heap_start);
    let bound = end.div_ceil(u64::from(PAGE)).max(u64::from(d.parameters.initial_pages));
    // Memory that grows by chunks has come to a whole number of them.
    let chunk = d.module.as_ref().and_then(|module| module.heap.grows_by);
    let bound = chunk.map_or(bound, |chunk| chunk.most(d.ready_pages(), bound));
    (u64::from(seen.outcome.pages) > bound).then(|| {
        let expected = format!("at most {bound} pages of memory: first fit needs {needed} bytes of heap, and {factor} times as much and {slack} more are declared");
        fault(model, Kind::Leak, expected, format!("{} pages", seen.outcome.pages))
    })
}

/// Exact model: collections are those that the policy makes.
fn collections(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let (expected, found) = (model.heap.collections, seen.global(model, Role::Collections)?);
    (expected != found).then(|| {
        fault(model, Kind::CollectionPolicy, format!("{expected} collections so far"), format!("{found} collections"))
    })
}

/// Exact model: each header is the one that the policy made.
fn headers(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let object = model.description().object;
    let end = seen.global(model, Role::HeapEnd)?;
    if u64::from(end) != model.heap.heap_end() {
        let expected = format!("the heap ends at {}", model.heap.heap_end());
        return Some(fault(model, Kind::BrokenHeap, expected, format!("{end}")));
    }
    for b in model.heap.blocks() {
        let address = b.address - object.header_bytes;
        let found = seen.word(address).map(|h| h & !object.mark_mask);
        let expected = b.recorded << object.size_shift;
        if found != Some(expected) {
            let text = format!("a block of {} bytes at {}", b.recorded, b.address);
            let mut v = fault(model, Kind::BrokenHeap, text, format!("header {found:x?}"));
            v.words = found.map(|found| BrokenWord { address, expected, found }).into_iter().collect();
            return Some(v);
        }
    }
    None
}

/// Any model: strides lead from the heap's start to its end, every object that must be a block is one, and so is every node of the free
/// list, which ends. Blocks never move: where none is merged into another, each that was ever handed out is there still; else each
/// that is reachable.
fn tiling(model: &Model, seen: Seen<'_>, live: &[Live]) -> Option<Violation> {
    let object = model.description().object;
    let end = u64::from(seen.global(model, Role::HeapEnd)?);
    let mut p = u64::from(model.description().regions.heap_start);
    let mut blocks: Vec<(u32, u32)> = Vec::new();
    while p < end {
        let Some(header) = seen.word(p as u32) else {
            let text = format!("no header at {p}");
            return Some(fault(model, Kind::BrokenHeap, "headers inside memory".to_owned(), text));
        };
        let recorded = header >> object.size_shift;
        blocks.push((p as u32 + object.header_bytes, recorded));
        p += object.extent(recorded);
    }
    if p != end {
        let expected = format!("blocks up to the heap's end at {end}");
        return Some(fault(model, Kind::BrokenHeap, expected, format!("the last one ends at {p}")));
    }
    let recorded = |payload: u32| blocks.binary_search_by_key(&payload, |b| b.0).ok().map(|i| blocks[i].1);
    let handed_out =
        model.expectation().kinds.iter().zip(&seen.outcome.log).filter_map(|(kind, &address)| match *kind {
            Logged::Allocation { size } => Some((address, size)),
            Logged::Pointer(_) | Logged::Digest(_) | Logged::Zero => None,
        });
    let still_blocks: Vec<(u32, u32)> = match model.description().promises.placement {
        PlacementPolicy::FirstFit => handed_out.collect(),
        PlacementPolicy::FirstFitSplit | PlacementPolicy::Unknown => live.iter().map(|l| (l.address, l.size)).collect(),
    };
    for (address, size) in still_blocks {
        if recorded(address).is_none_or(|recorded| recorded < size) {
            let expected = format!("a block of at least {size} bytes at {address}, where one was handed out");
            return Some(fault(model, Kind::BrokenHeap, expected, format!("{:?}", recorded(address))));
        }
    }
    let mut next = seen.global(model, Role::FreeHead)?;
    for _ in 0..=blocks.len() {
        if next == 0 {
            return None;
        }
        if recorded(next).is_none() {
            let expected = "payloads of blocks on the free list".to_owned();
            return Some(fault(model, Kind::BrokenFreeList, expected, format!("{next}")));
        }
        next = seen.word(next.wrapping_add(object.free_link)).unwrap_or(u32::MAX);
    }
    Some(fault(model, Kind::BrokenFreeList, "a free list that ends".to_owned(), "a cycle".to_owned()))
}

/// Exact model: the free list is the policy's.
fn free_list(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let object = model.description().object;
    let mut next = seen.global(model, Role::FreeHead)?;
    let mut link = None;
    for b in model.heap.free_list() {
        if next == b.address {
            link = Some(next.wrapping_add(object.free_link));
            next = seen.word(next.wrapping_add(object.free_link)).unwrap_or(u32::MAX);
            continue;
        }
        let expected = format!("the free block of {} bytes at {} comes next on the free list", b.recorded, b.address);
        let kind = match model.heap.at(next) {
            _ if !on_list(seen, object, next, b.address) => Kind::Leak,
            Some(_) => Kind::FreeListPolicy,
            None => Kind::BrokenFreeList,
        };
        let mut v = fault(model, kind, expected, format!("{next} comes next"));
        v.words.extend(link.map(|address| BrokenWord { address, expected: b.address, found: next }));
        return Some(v);
    }
    (next != 0).then(|| {
        let kind = if model.heap.at(next).is_some() { Kind::FreeListPolicy } else { Kind::BrokenFreeList };
        let mut v = fault(model, kind, "the free list ends".to_owned(), format!("it goes on with {next}"));
        v.words.extend(link.map(|address| BrokenWord { address, expected: 0, found: next }));
        v
    })
}

/// Whether a block comes on the free list at `next` or after it.
fn on_list(seen: Seen<'_>, object: ObjectLayout, mut next: u32, wanted: u32) -> bool {
    for _ in 0..=seen.heap.len() / object.stride_unit as usize {
        if next == wanted {
            return true;
        }
        match seen.word(next.wrapping_add(object.free_link)) {
            Some(link) if next != 0 => next = link,
            Some(_) | None => return false,
        }
    }
    false
}
