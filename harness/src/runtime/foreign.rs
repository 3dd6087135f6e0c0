//! From a manifest to a description: what the harness may expect of a module that is not ours.
//!
//! What a manifest leaves open is taken from the built-in that it is [like](Manifest::like), and what that does not tell either is not judged. Where
//! addresses are not predicted the model still plays a policy, to name objects and to aim at edges: first fit, from the first byte that can be a
//! heap's.

use super::RuntimeError;
use super::builtin::{OBJECT, Release, release};
use super::description::{
    ADDRESS_LIMIT, CandidateTest, Candidates, Description, GrowthPolicy, MOST_PAGES, MarkAt, ObjectLayout, OnFull,
    PAGE, Parameters, PlacementPolicy, Promises, Regions, Work, Zeroing,
};
use super::manifest::{self, Direction, Manifest, RootKind};
use heapsmith_generators::Machine;
use std::sync::Arc;

/// Entries of a mark worklist that programs aim at where nobody knows how many there are.
const WORKLIST: u32 = 16_384;
/// What payloads are aligned to where nobody says it.
const ALIGNMENT: u32 = 4;

/// The description of a module, with these pages where they are asked for; other parameters are the module's own.
///
/// # Errors
/// Pages that the module cannot have.
pub(super) fn describe(module: &Arc<Manifest>, pinned: Machine, program: Machine) -> Result<Description, RuntimeError> {
    let like = module.like.as_deref().and_then(release);
    let parameters = parameters(module, like, pinned, program)?;
    let object = object(module, like);
    let heap_start = heap_start(module, &object);
    Ok(Description {
        name: module.origin.clone(),
        summary: module.summary.clone(),
        regions: regions(module, like, &parameters, heap_start),
        parameters,
        object,
        promises: promises(module, like),
        rules: like.map(|like| like.rules),
        characteristics: like.map(|like| like.characteristics.to_vec()).unwrap_or_default(),
        edit: None,
        module: Some(Arc::clone(module)),
        among: Vec::new(),
    })
}

fn parameters(
    module: &Manifest,
    like: Option<&Release>,
    pinned: Machine,
    program: Machine,
) -> Result<Parameters, RuntimeError> {
    let memory = module.memory;
    let least = memory.ready_pages.max(memory.initial_pages);
    let (mut initial_pages, mut max_pages) = (memory.initial_pages, memory.max_pages);
    if !memory.is_fixed {
        let declared = memory.declared_pages;
        if let Some(pages) = pinned.max_pages.max(pinned.initial_pages).filter(|pages| *pages > declared) {
            return Err(RuntimeError::TooManyPages { found: u64::from(pages), limit: declared });
        }
        for asked in [program, pinned] {
            let at_start = |pages: u32| pages.clamp(memory.initial_pages, declared.max(memory.initial_pages));
            initial_pages = asked.initial_pages.map_or(initial_pages, at_start);
            max_pages = asked.max_pages.map_or(max_pages, |pages| pages.min(declared));
        }
        initial_pages = initial_pages.min(max_pages.max(memory.initial_pages));
        max_pages = max_pages.max(initial_pages).max(least);
    }
    if let Some(chunk) = module.heap.grows_by {
        let ready = initial_pages.max(least);
        let step = chunk.least(ready);
        let wanted = u64::from(ready) + u64::from(step);
        if let Some(found) = pinned.max_pages.filter(|pages| *pages > ready && u64::from(*pages) < wanted) {
            return Err(RuntimeError::NoGrowth { found, ready, chunk: step, least: wanted });
        }
        max_pages = chunk.reachable(ready, max_pages);
    }
    if max_pages > MOST_PAGES {
        return Err(RuntimeError::TooManyPages { found: u64::from(max_pages), limit: MOST_PAGES });
    }
    let roots = u32::try_from(module.root_slots()).unwrap_or(u32::MAX);
    // Where there is none that anybody knows, programs are of the sizes that their machines ask for.
    let known = module.traps.worklist.or(like.map(|like| like.worklist));
    let worklist = known.or(program.worklist).unwrap_or(WORKLIST);
    Ok(Parameters { data_end: 0, worklist, roots, initial_pages, max_pages, wraps: 0, address_limit: ADDRESS_LIMIT })
}

fn object(module: &Manifest, like: Option<&Release>) -> ObjectLayout {
    let told = module.object;
    let known = like.map(|_| OBJECT);
    let plain = ObjectLayout { header_bytes: 0, stride_unit: ALIGNMENT, size_shift: 0, mark_mask: 0, free_link: 0 };
    let base = known.unwrap_or(plain);
    ObjectLayout {
        header_bytes: told.header.unwrap_or(base.header_bytes) / 4 * 4,
        stride_unit: told.alignment.unwrap_or(base.stride_unit).max(4).next_power_of_two(),
        size_shift: told.size.map_or(base.size_shift, |size| size.shift),
        mark_mask: told.mark_mask.unwrap_or(base.mark_mask),
        free_link: told.free_link.unwrap_or(base.free_link),
    }
}

/// The first byte of the heap; where it is not known, the first one whose payload is aligned and not null.
fn heap_start(module: &Manifest, object: &ObjectLayout) -> u32 {
    let lowest = object.stride_unit.max(object.header_bytes.next_multiple_of(object.stride_unit));
    module.heap.start.unwrap_or(lowest - object.header_bytes)
}

fn regions(module: &Manifest, like: Option<&Release>, p: &Parameters, heap_start: u32) -> Regions {
    let nowhere = (heap_start, heap_start);
    let roots = match module.roots.as_slice() {
        [only] => match &only.kind {
            RootKind::ShadowStack { base, grows: Direction::Up, .. } => (*base, base + 4 * only.capacity),
            RootKind::ShadowStack { .. }
            | RootKind::Pins { .. }
            | RootKind::Calls { .. }
            | RootKind::Slots { .. }
            | RootKind::Table { .. }
            | RootKind::None => nowhere,
        },
        _ => nowhere,
    };
    // The layout of the built-ins: the worklist follows the root stack, and a bitmap, if there is one, the worklist.
    let worklist = (roots.1, roots.1.saturating_add(p.worklist.saturating_mul(4)));
    let has_bitmap = like.is_some_and(|like| like.rules.candidates == CandidateTest::Bitmap);
    let is_theirs = like.is_some() && roots.0 < roots.1;
    let (worklist, bitmap) = match heap_start.checked_sub(worklist.1) {
        Some(0) if is_theirs => (worklist, nowhere),
        Some(_) if is_theirs && has_bitmap => (worklist, (worklist.1, heap_start)),
        Some(_) | None => (nowhere, nowhere),
    };
    Regions { roots, worklist, wraps: nowhere, bitmap, heap_start }
}

fn promises(module: &Manifest, like: Option<&Release>) -> Promises {
    let told = module.promises;
    let unknown = Promises {
        zeroing: Zeroing::Unpromised,
        size_limit: u32::MAX,
        address_limit: u64::from(MOST_PAGES) * u64::from(PAGE),
        worklist_full: OnFull::Trap,
        mark_at: MarkAt::Pop,
        candidates: Candidates::Unknown,
        placement: PlacementPolicy::Unknown,
        growth: GrowthPolicy::Unknown,
        work: Work::Unpromised,
    };
    let base = like.map_or(unknown, |like| like.promises);
    Promises {
        zeroing: match module.object.is_zeroed {
            Some(true) => Zeroing::Payload,
            Some(false) => Zeroing::Unpromised,
            None => base.zeroing,
        },
        size_limit: module.traps.size_limit.unwrap_or(base.size_limit),
        candidates: told.candidates.map_or(base.candidates, |candidates| match candidates {
            manifest::Candidates::Precise => Candidates::Precise,
            manifest::Candidates::Phase => Candidates::Phase,
            manifest::Candidates::AllocatedBase => Candidates::AllocatedBase,
            manifest::Candidates::Unknown => Candidates::Unknown,
        }),
        placement: told.placement.map_or(base.placement, |placement| match placement {
            manifest::Placement::FirstFit => PlacementPolicy::FirstFit,
            manifest::Placement::FirstFitSplit => PlacementPolicy::FirstFitSplit,
            manifest::Placement::Unknown => PlacementPolicy::Unknown,
        }),
        growth: told.growth.map_or(base.growth, |growth| match growth {
            manifest::Growth::Shortage => GrowthPolicy::Shortage,
            manifest::Growth::Unknown => GrowthPolicy::Unknown,
        }),
        ..base
    }
}
