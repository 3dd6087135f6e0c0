//! How objects lie in memory: distances, alignment, what is before a payload, and globals that follow the heap.

use super::allocation::Recipe;
use super::lab::{Bench, Lab};
use super::names;
use super::world::{Root, World};

/// Sizes of the objects that are laid out, odd ones among them.
const SIZES: [u32; 44] = [
    24, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 19, 20, 23, 24, 25, 28, 31, 32, 33, 36, 40, 44, 47, 48,
    49, 52, 56, 60, 61, 64, 68, 72, 76, 80, 84, 88, 92,
];
/// Exponents of further sizes: where small objects come in classes, only larger ones show what is true of all.
const LARGER: std::ops::RangeInclusive<u32> = 7..=16;
/// Bytes beside each power of two, none of them a multiple of eight.
const BESIDE: [u32; 3] = [4, 12, 20];
/// The greatest alignment that is told from chance.
const MOST_ALIGNMENT: u32 = 16;

/// Where the requested size is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SizeField {
    /// Bytes from the payload.
    pub(super) offset: i32,
    pub(super) shift: u32,
    pub(super) mark_mask: u32,
    /// Whether blocks tiled the heap after collections.
    pub(super) tiles: bool,
}

/// The global that is the heap's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) index: u32,
    /// Whether the next object begins there; else its name says what it is, and no object lies beyond it.
    pub(super) is_next: bool,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) alignment: Option<u32>,
    pub(super) header: Option<u32>,
    /// The global that starts with the heap's first byte.
    pub(super) start: Option<u32>,
    pub(super) end: Option<End>,
    /// The head of the free list, and where the link is in a free payload.
    pub(super) free_list: Option<(u32, u32)>,
    pub(super) collections: Option<u32>,
    pub(super) size: Option<SizeField>,
    /// The first object's address.
    pub(super) first: Option<u32>,
}

/// Objects of one run.
struct Run {
    /// Size and address.
    objects: Vec<(u32, u32)>,
    /// Mutable globals before anything, and after each object.
    globals: Vec<Vec<u32>>,
}

/// Makes objects of all sizes. Where each allocation collects they are rooted.
fn run(lab: &Lab<'_>, recipe: &Recipe, root: Option<&Root>) -> Option<Run> {
    let mut bench = lab.bench().ok()?;
    let mut run = Run { objects: Vec::new(), globals: vec![bench.globals()] };
    for (number, size) in (0..).zip(SIZES) {
        let object = recipe.make_clean(&mut bench, size, 0)?;
        if let Some(root) = root {
            root.hold(&mut bench, number, object).then_some(())?;
        }
        run.objects.push((size, object));
        run.globals.push(bench.globals());
    }
    Some(run)
}

/// Addresses of larger objects, up to the first that cannot be made.
fn larger(lab: &Lab<'_>, recipe: &Recipe) -> Vec<u32> {
    let Ok(mut bench) = lab.bench() else { return Vec::new() };
    let sizes = LARGER.flat_map(|power| BESIDE.map(|beside| (1 << power) + beside));
    sizes.map_while(|size| recipe.make_clean(&mut bench, size, 0)).collect()
}

pub(super) fn observe(world: &World<'_, '_>, root: Option<&Root>, recycles: bool) -> Layout {
    let mut layout = Layout { collections: collections(world), ..Layout::default() };
    let repeats =
        |run: &Run| (1..run.objects.len()).any(|at| run.objects[..at].iter().any(|o| o.1 == run.objects[at].1));
    let plain = run(world.lab, &world.recipe, None).filter(|run| !repeats(run));
    let Some(run) = plain.or_else(|| run(world.lab, &world.recipe, root).filter(|run| !repeats(run))) else {
        return layout;
    };
    layout.first = run.objects.first().map(|object| object.1);
    let rises = run.objects.windows(2).all(|pair| pair[0].1 < pair[1].1);
    let gap = least_gap(&run.objects).or_else(|| least_gap_of_one_size(world));
    layout.header = gap.filter(|bytes| bytes.is_multiple_of(4) && *bytes <= 64);
    let power = |n: u32| if n == 0 { MOST_ALIGNMENT } else { (1 << n.trailing_zeros().min(4)).min(MOST_ALIGNMENT) };
    let mut addresses: Vec<u32> = run.objects.iter().map(|object| object.1).collect();
    addresses.extend(larger(world.lab, &world.recipe));
    layout.alignment = addresses.iter().map(|address| power(*address)).min();
    let Some(first) = layout.first.filter(|_| rises) else { return layout };
    let Some(header) = layout.header else { return layout };
    start(world.lab, first - header.min(first), &mut layout);
    if layout.start.is_some() {
        layout.alignment = addresses.iter().map(|address| power(address.abs_diff(first))).min();
    }
    layout.end = end(world, root, &run, header);
    if recycles {
        layout.free_list = free_list(world, root);
    }
    layout.size = size_field(world, root, &run, header, &layout);
    layout
}

/// The least distance between two objects beyond what was asked for; none if they did not come one after the other.
fn least_gap(objects: &[(u32, u32)]) -> Option<u32> {
    let rises = objects.windows(2).all(|pair| pair[0].1 < pair[1].1);
    let falls = objects.windows(2).all(|pair| pair[0].1 > pair[1].1);
    let gap = |pair: &[(u32, u32)]| {
        let (low, high) = if rises { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
        high.1.checked_sub(low.1)?.checked_sub(low.0)
    };
    let gaps: Option<Vec<u32>> = objects.windows(2).map(gap).collect();
    gaps.filter(|_| rises || falls)?.into_iter().min()
}

/// The least distance between two objects of one size beyond what was asked for; none if no two came one after the other.
fn least_gap_of_one_size(world: &World<'_, '_>) -> Option<u32> {
    let of = |size: u32| {
        let mut bench = world.lab.bench().ok()?;
        let mut run = || Some((size, world.recipe.make_clean(&mut bench, size, 0)?));
        least_gap(&[run()?, run()?, run()?])
    };
    SIZES.into_iter().filter_map(of).min()
}

/// Whether each object begins where the one before ends that is made of a header and its size, rounded up.
pub(super) fn spaced(objects: &[(u32, u32)], header: u32, alignment: u32) -> bool {
    objects.windows(2).all(|pair| {
        let stride = (u64::from(pair[0].0) + u64::from(header)).next_multiple_of(u64::from(alignment.max(1)));
        u64::from(pair[0].1) + stride == u64::from(pair[1].1)
    })
}

/// Objects of many sizes, as they are when they are made.
pub(super) struct Blocks {
    /// Size and address.
    pub(super) objects: Vec<(u32, u32)>,
    /// The words before each, the nearest first; none out of bounds.
    pub(super) before: Vec<[Option<u32>; 16]>,
    /// See [`least_gap`].
    pub(super) header: Option<u32>,
}

/// Makes them; none if one cannot be made.
pub(super) fn blocks(world: &World<'_, '_>) -> Option<Blocks> {
    let mut bench = world.lab.bench().ok()?;
    let (mut objects, mut before) = (Vec::new(), Vec::new());
    for size in SIZES {
        let object = world.recipe.make_clean(&mut bench, size, 0)?;
        let word = |at: usize| object.checked_sub(4 * (at as u32 + 1)).and_then(|address| bench.word(address));
        before.push(std::array::from_fn(word));
        objects.push((size, object));
    }
    let header = least_gap(&objects);
    Some(Blocks { objects, before, header })
}

/// The global that starts with this address: one that is called the heap's start, or else any.
fn start(lab: &Lab<'_>, address: u32, layout: &mut Layout) {
    let Ok(bench) = lab.bench() else { return };
    let named = names::globals(lab.module, &names::HEAP_START).into_iter().map(|candidate| candidate.index);
    let all = 0..lab.module.globals.len() as u32;
    layout.start = named.chain(all).find(|index| bench.global(*index) == Some(address));
}

/// The global that is always the next object's first byte, or else one that is called the heap's end.
fn end(world: &World<'_, '_>, root: Option<&Root>, run: &Run, header: u32) -> Option<End> {
    let lab = world.lab;
    let before = |next: usize| run.objects[next].1.checked_sub(header);
    let follows = |at: usize| (1..run.objects.len()).all(|next| Some(run.globals[next][at]) == before(next));
    let next = (0..lab.mutable().len()).filter(|at| follows(*at)).map(|at| lab.mutable()[at]);
    let named = names::globals(lab.module, &names::HEAP_END).into_iter().map(|candidate| candidate.index);
    let all = next.map(|index| End { index, is_next: true }).chain(named.map(|index| End { index, is_next: false }));
    all.filter(|end| lab.mutable().contains(&end.index)).find(|end| bounds(world, root, end.index))
}

/// Whether no object lies beyond what this global is at that time, though objects are made, die and are collected: the first free block is where the next
/// object begins, and no end.
fn bounds(world: &World<'_, '_>, root: Option<&Root>, global: u32) -> bool {
    let Ok(mut bench) = world.lab.bench() else { return false };
    let mut live = 0;
    let is_bound = |bench: &Bench<'_>, least: u32| {
        bench.global(global).is_some_and(|end| end >= least && end as usize <= bench.memory().len())
    };
    for number in 0..3 {
        for size in SIZES {
            let Some(object) = world.recipe.make_clean(&mut bench, size, 0) else { return false };
            if !is_bound(&bench, object + size) {
                return false;
            }
        }
        let Some(object) = world.recipe.make_clean(&mut bench, 40, 0) else { return false };
        if root.is_some_and(|root| root.hold(&mut bench, number, object)) {
            live = live.max(object + 40);
        }
        if !world.collect(&mut bench) || !is_bound(&bench, live) {
            return false;
        }
    }
    true
}

/// The global that is the last freed object, whose free payload leads to the one freed before.
fn free_list(world: &World<'_, '_>, root: Option<&Root>) -> Option<(u32, u32)> {
    let root = root?;
    let mut bench = world.lab.bench().ok()?;
    world.collect(&mut bench).then_some(())?;
    let mut dead = Vec::new();
    for number in 0..3 {
        dead.push(world.recipe.make_clean(&mut bench, 40, 0)?);
        let kept = world.recipe.make_clean(&mut bench, 40, 0)?;
        root.hold(&mut bench, number, kept).then_some(())?;
    }
    let before = bench.globals();
    world.collect(&mut bench).then_some(())?;
    let after = bench.globals();
    let (mut found, mutable) = (None, world.lab.mutable());
    for (at, index) in mutable.iter().enumerate() {
        if before[at] == after[at] || !dead.contains(&after[at]) {
            continue;
        }
        let links = |link: &u32| {
            let mut seen = vec![after[at]];
            while let Some(next) = bench.word(seen[seen.len() - 1] + link).filter(|next| *next != 0) {
                if seen.contains(&next) || !dead.contains(&next) {
                    return false;
                }
                seen.push(next);
            }
            seen.len() == dead.len()
        };
        found = found.or_else(|| (0..40).step_by(4).find(links).map(|link| (*index, link)));
    }
    found
}

/// The global that is one more after each collection.
fn collections(world: &World<'_, '_>) -> Option<u32> {
    world.collection.as_ref()?;
    let mut bench = world.lab.bench().ok()?;
    let mut seen = vec![bench.globals()];
    for _ in 0..4 {
        world.collect(&mut bench).then_some(())?;
        seen.push(bench.globals());
    }
    let counts = |at: &usize| seen.windows(2).all(|pair| pair[1][*at] == pair[0][*at].wrapping_add(1));
    let at = (0..world.lab.mutable().len()).find(counts)?;
    Some(world.lab.mutable()[at])
}

/// Where every object's size is recorded, and whether that leads from block to block.
fn size_field(
    world: &World<'_, '_>,
    root: Option<&Root>,
    run: &Run,
    header: u32,
    layout: &Layout,
) -> Option<SizeField> {
    let lab = world.lab;
    // The same run once more, to look into its memory.
    let mut bench = lab.bench().ok()?;
    let mut objects = Vec::new();
    for &(size, address) in &run.objects {
        let object = world.recipe.make(&mut bench, size, 0)?;
        if object != address {
            // They were rooted, or each collects: there is nothing to compare.
            return None;
        }
        objects.push((size, object));
    }
    let offsets = (4..=header).rev().step_by(4).filter(|offset| offset.is_multiple_of(4));
    let mut fields = offsets.flat_map(|offset| (0..5).map(move |shift| (offset, shift)));
    let records = |&(offset, shift): &(u32, u32)| {
        objects.iter().all(|(size, object)| bench.word(object - offset).is_some_and(|word| word >> shift == *size))
    };
    let (offset, shift) = fields.find(records)?;
    let mark_mask = root.and_then(|root| mark(world, root, offset)).filter(|mask| mask >> shift == 0).unwrap_or(0);
    let mut field = SizeField { offset: -offset.cast_signed(), shift, mark_mask, tiles: false };
    if let (Some(start), Some(end), true) = (layout.start, layout.end, offset == header) {
        let start = lab.bench().ok()?.global(start)?;
        field.tiles = spaced(&run.objects, header, layout.alignment.unwrap_or(4))
            && tiles(world, root, (start, end.index), header, shift, layout.alignment.unwrap_or(4)).unwrap_or(false);
    }
    Some(field)
}

/// Bits of the word so far before a rooted object's payload that a collection changes.
fn mark(world: &World<'_, '_>, root: &Root, offset: u32) -> Option<u32> {
    let mut bench = world.lab.bench().ok()?;
    let object = world.recipe.make_clean(&mut bench, 40, 0)?;
    root.hold(&mut bench, 0, object).then_some(())?;
    let before = bench.word(object - offset)?;
    world.collect(&mut bench).then_some(())?;
    Some(bench.word(object - offset)? ^ before)
}

/// Whether recorded sizes lead from the heap's start to its end, which a global has, after objects of many sizes were made, freed and made again.
pub(super) fn tiles(
    world: &World<'_, '_>,
    root: Option<&Root>,
    (start, end): (u32, u32),
    header: u32,
    shift: u32,
    alignment: u32,
) -> Option<bool> {
    let mut bench = world.lab.bench().ok()?;
    for round in 0..4 {
        for (number, size) in (0..).zip(SIZES.into_iter().skip(round * 7)) {
            let object = world.recipe.make_clean(&mut bench, size + round as u32, 0)?;
            if number == 5
                && let Some(root) = root
            {
                root.hold(&mut bench, round as u32, object).then_some(())?;
            }
        }
        world.collect(&mut bench).then_some(())?;
        if !walk(&bench, start, bench.global(end)?, (header, shift, alignment)) {
            return Some(false);
        }
    }
    Some(true)
}

fn walk(bench: &Bench<'_>, start: u32, end: u32, (header, shift, alignment): (u32, u32, u32)) -> bool {
    let mut at = start;
    while at < end {
        let Some(word) = bench.word(at) else { return false };
        let stride = (u64::from(word >> shift) + u64::from(header)).next_multiple_of(u64::from(alignment));
        let Ok(stride) = u32::try_from(stride) else { return false };
        let Some(next) = at.checked_add(stride.max(4)) else { return false };
        at = next;
    }
    at == end
}
