//! Motifs: short sequences of ops that whole families of collector faults need, each general and drawn anew.
//!
//! A motif pushes its ops through the builder, which leaves out those that the profile has switched off.

use crate::builder::{BIG_GRAPH, Builder, Slot};
use crate::kind::OpKind;
use crate::program::{Base, Count, Edge, Init, Op, Part, Placement, Reg, Region, Shape, Size, Word};
use crate::sizes::{self, PAGE, ROOMY_PAGES};
use crate::words;
use crate::wraps;

/// A worklist larger than this is not worth filling: the program would cost as much as thousands.
const BIGGEST_GRAPH: u32 = 1 << 17;

/// Of 100 motifs on a collector with a wrap table, how many are about it.
const WRAP_PERCENT: u32 = 35;

type Motif = fn(&mut Builder<'_>, Slot);

/// How often each motif is taken.
const MOTIFS: [(u32, Motif); 24] = [
    (6, link_drop_collect),
    (6, free_then_reuse),
    (8, interior_word),
    (8, fill_to_edge),
    (5, frame),
    (9, graph_at_capacity),
    (4, roots_at_capacity),
    (3, self_reference),
    (4, odd_list),
    (4, recycled_bare_block),
    (3, refused_size),
    (3, zero_then_one),
    (5, fragment_then_reuse),
    (3, two_large_arrays),
    (3, large_survivor),
    (4, grow_by_pages),
    (3, collections_in_a_row),
    (3, drop_between_collections),
    (3, shared_object),
    (3, false_pointer_into_garbage),
    (4, pointer_to_free_block),
    (2, many_collections),
    (3, high_root_slots),
    (3, word_at_heap_end),
];

/// One motif.
pub(crate) fn any(b: &mut Builder<'_>, slot: Slot) {
    if b.limits.wraps > 0 && b.profile.allows(OpKind::Wrap) && b.random.percent(WRAP_PERCENT) {
        return wraps::any(b, slot);
    }
    let index = b.random.weighted(MOTIFS.iter().map(|&(weight, _)| weight));
    (MOTIFS[index].1)(b, slot);
}

fn collect_and_check(b: &mut Builder<'_>, reg: Reg) {
    b.push(Op::Collect);
    b.push(Op::Check { reg });
}

/// An object that is reachable through a field only.
fn link_drop_collect(b: &mut Builder<'_>, _: Slot) {
    let (owner, owned) = b.two_targets();
    let fields = b.random.within(1, 4);
    let field = b.random.below(fields);
    let place = b.place();
    let size = Size::Bytes(8 * fields + sizes::small(b.random) / 2);
    b.alloc(owner, size, fields, place);
    b.node(owned, 1);
    b.push(Op::Store { obj: owner, field, value: owned });
    b.push(Op::Drop { reg: owned });
    if b.random.one_in(2) {
        b.garbage();
    }
    b.push(Op::Collect);
    b.push(Op::Load { dst: owned, src: owner, field });
    b.push(Op::Check { reg: owned });
}

/// Free n, then ask for n, one less or one more.
fn free_then_reuse(b: &mut Builder<'_>, _: Slot) {
    let reg = b.target();
    let recalled = if b.random.one_in(3) { b.sizes.recall(b.random) } else { None };
    let bytes = recalled.unwrap_or_else(|| sizes::small(b.random));
    let times = b.random.within(1, 3);
    for _ in 0..times {
        b.alloc(reg, Size::Bytes(bytes), 0, Placement::Front);
    }
    b.push(Op::Drop { reg });
    b.push(Op::Collect);
    let again = sizes::again(b.random, bytes);
    let fields = b.fields(Size::Bytes(again));
    let init = b.random.pick(&[Init::Bare, Init::Null]);
    b.push(Op::Alloc { dst: reg, size: Size::Bytes(again), fields, place: Placement::Front, init });
    b.push(Op::CheckZero { reg });
    let other = b.target();
    b.alloc(other, Size::Bytes(again), 0, Placement::Front);
}

/// An object that holds the address of its own inside, in the phase of a payload, with something in front of that
/// address that a collector may take for a header.
fn interior_word(b: &mut Builder<'_>, _: Slot) {
    let dst = b.target();
    let place = b.random.pick(&[Placement::Front, Placement::Front, Placement::Back]);
    let fields = b.random.pick(&[0, 0, 1, 2, 2]);
    // The target is at word 2k, its would-be header at word 2k - 1; some room is left after them.
    let k = b.random.pick(&[1, 1, 1, 2, 2, 3, 4, 5]);
    let words = 2 * k + 1 + b.random.within(1, 6) + fields;
    let pattern = b.random.next() & 0xff;
    let init = b.random.pick(&[Init::Null, Init::Fill(pattern)]);
    b.push(Op::Alloc { dst, size: Size::Bytes(4 * words), fields, place, init });
    let data = |word: u32| if place == Placement::Front { word.checked_sub(fields) } else { Some(word) };
    if let Some(word) = data(2 * k - 1) {
        let value = Word::Value(words::header(b.random));
        b.push(Op::Write { obj: dst, word, value });
    }
    let holds = b.random.within(2 * k, words - 1);
    if let Some(word) = data(holds) {
        let offset = 8 * k.cast_signed();
        b.push(Op::Write { obj: dst, word, value: Word::Address { of: dst, offset } });
    }
    if b.random.one_in(3) {
        let (field, value) = (b.random.below(2), b.holder());
        b.push(Op::Store { obj: dst, field, value });
    }
    collect_and_check(b, dst);
    if b.random.one_in(3) {
        collect_and_check(b, dst);
    }
}

/// A block that ends near an edge, and an allocation after it.
fn fill_to_edge(b: &mut Builder<'_>, slot: Slot) {
    let (first, second) = b.two_targets();
    let edge = if slot == Slot::Last && b.random.one_in(2) { Edge::Limit } else { Edge::Memory };
    let size = match edge {
        Edge::Limit if b.limits.max_pages < ROOMY_PAGES => sizes::at_edge(b.random, Edge::Limit, b.limits.max_pages),
        Edge::Limit | Edge::Memory | Edge::Page => sizes::edge(b.random, b.limits.max_pages),
    };
    let fields = b.random.below(2);
    b.alloc(first, size, fields, Placement::Front);
    let bytes = b.random.pick(&[0, 1, 4, 5, 8, 12, 16, 24]);
    b.alloc(second, Size::Bytes(bytes), 0, Placement::Front);
    if b.random.one_in(2) {
        b.push(Op::Collect);
    }
    b.push(Op::Check { reg: first });
}

/// A frame with roots of its own, left with or without one of them.
fn frame(b: &mut Builder<'_>, _: Slot) {
    let (kept, other) = b.two_targets();
    b.node(other, 1);
    b.push(Op::Enter);
    b.node(kept, 2);
    if b.random.one_in(2) {
        let count = Count::new(b.random.within(1, 4));
        b.push(Op::Roots { count, words: 1 });
    }
    b.node(other, 1);
    b.push(Op::Store { obj: kept, field: 0, value: other });
    if b.random.one_in(3) {
        b.push(Op::Collect);
    }
    let keep = b.random.percent(60).then_some(kept);
    b.push(Op::Leave { keep });
    collect_and_check(b, other);
    if keep.is_some() {
        b.push(Op::Check { reg: kept });
    }
}

/// Deltas to a capacity: one that overflows ends the program, so it is mostly kept for the end.
fn overflow_delta(b: &mut Builder<'_>, slot: Slot) -> i32 {
    match slot {
        Slot::Last => b.random.pick(&[-1, 0, 0, 1, 1, 2]),
        Slot::Middle => b.random.pick(&[-2, -1, -1, -1, 0, 0, 0, 1]),
    }
}

/// A graph that just fits into the worklist, or just does not.
fn graph_at_capacity(b: &mut Builder<'_>, slot: Slot) {
    let dst = b.target();
    let delta = overflow_delta(b, slot);
    let base = b.random.pick(&[Base::Worklist, Base::Worklist, Base::Worklist, Base::Roots]);
    let n = b.near(base, delta);
    let shape = capacity_shape(b, n);
    b.graph(dst, shape);
    collect_and_check(b, dst);
}

/// Mostly the shapes whose width is what fills a worklist.
fn capacity_shape(b: &mut Builder<'_>, n: Count) -> Shape {
    let one = Count::new(1);
    match b.random.below(16) {
        0..=5 => Shape::Wide { n },
        6..=9 => Shape::DuplicateRefs { n },
        10 => Shape::Tree { n, arity: 16 },
        11 => Shape::RandomGraph { nodes: n, edges: n, seed: b.random.next() & 0xff },
        12 => Shape::Comb { spine: n, teeth: one },
        13 => Shape::Grid { width: n, height: one },
        14 => Shape::Chain { n },
        _ => Shape::Cycle { n },
    }
}

/// The one big graph (or, seldom, the one big set of roots) that a program may have.
pub(crate) fn big_graph(b: &mut Builder<'_>) {
    let dst = b.target();
    let delta = b.random.between(-2, 2);
    if b.random.one_in(6) {
        b.push(Op::Roots { count: Count { base: Base::Roots, delta: delta - 4 }, words: 0 });
        b.push(Op::Collect);
        return;
    }
    let n = if b.limits.worklist <= BIGGEST_GRAPH {
        Count { base: Base::Worklist, delta }
    } else {
        Count::new(BIG_GRAPH.saturating_add_signed(delta))
    };
    let shape = capacity_shape(b, n);
    b.push(Op::Graph { dst, shape, words: 1, tag: 1 });
    collect_and_check(b, dst);
}

/// The root stack just full, or just over; or the roots just fill the worklist.
fn roots_at_capacity(b: &mut Builder<'_>, slot: Slot) {
    let reg = b.target();
    b.node(reg, 1);
    let delta = overflow_delta(b, slot);
    let count = b.free_roots(delta);
    let framed = slot == Slot::Middle || b.random.one_in(2);
    if framed {
        b.push(Op::Enter);
    }
    b.push(Op::Roots { count, words: 1 });
    b.push(Op::Collect);
    if framed {
        b.push(Op::Leave { keep: None });
        b.push(Op::Collect);
    }
    b.push(Op::Check { reg });
}

/// An object that points to itself, or two that point to each other.
fn self_reference(b: &mut Builder<'_>, _: Slot) {
    let (one, other) = b.two_targets();
    b.node(one, 2);
    b.push(Op::Store { obj: one, field: 0, value: one });
    if b.random.one_in(2) {
        b.node(other, 1);
        b.push(Op::Store { obj: one, field: 1, value: other });
        b.push(Op::Store { obj: other, field: 0, value: one });
        b.push(Op::Drop { reg: other });
    }
    collect_and_check(b, one);
}

/// A list whose links sit in odd words.
fn odd_list(b: &mut Builder<'_>, _: Slot) {
    let (head, tail) = b.two_targets();
    let size = Size::Bytes(b.random.pick(&[8, 12, 16, 24]));
    b.alloc(tail, size, 1, Placement::Odd);
    for _ in 0..b.random.within(1, 3) {
        b.alloc(head, size, 1, Placement::Odd);
        b.push(Op::Store { obj: head, field: 0, value: tail });
        b.push(Op::Move { dst: tail, src: head });
    }
    b.push(Op::Drop { reg: head });
    b.push(Op::Collect);
    b.push(Op::Load { dst: head, src: tail, field: 0 });
    b.push(Op::Check { reg: head });
}

/// A recycled block that is rooted before anything is written to it: its old link is still in it.
fn recycled_bare_block(b: &mut Builder<'_>, _: Slot) {
    let reg = b.target();
    let bytes = b.random.pick(&[4, 8, 16, 24, 40]);
    let count = Count::new(b.random.within(2, 24));
    b.push(Op::Garbage { count, size: Size::Bytes(bytes) });
    b.push(Op::Collect);
    let fields = b.random.below(2);
    b.push(Op::Alloc { dst: reg, size: Size::Bytes(bytes), fields, place: Placement::Front, init: Init::Bare });
    collect_and_check(b, reg);
    let other = b.target();
    b.alloc(other, Size::Bytes(bytes), 0, Placement::Front);
}

/// A size that must be refused, however the arithmetic is done.
fn refused_size(b: &mut Builder<'_>, slot: Slot) {
    let (one, other) = b.two_targets();
    if slot == Slot::Middle {
        // Refusal is a trap and ends the program; in the middle something useful is done instead.
        return zero_then_one(b, slot);
    }
    b.node(one, 1);
    for _ in 0..b.random.within(1, 2) {
        let size = sizes::near_limit(b.random);
        let init = b.random.pick(&[Init::Bare, Init::Null]);
        b.push(Op::Alloc { dst: other, size, fields: 0, place: Placement::Front, init });
    }
    b.node(other, 1);
    b.push(Op::Check { reg: one });
}

/// The smallest objects, one after the other.
fn zero_then_one(b: &mut Builder<'_>, _: Slot) {
    let (zero, one) = b.two_targets();
    b.alloc(zero, Size::Bytes(0), 0, Placement::Front);
    let bytes = b.random.pick(&[0, 1, 1, 3, 4]);
    b.alloc(one, Size::Bytes(bytes), 0, Placement::Front);
    if b.random.one_in(2) {
        b.push(Op::Drop { reg: zero });
    }
    collect_and_check(b, one);
    if b.random.one_in(2) {
        b.alloc(zero, Size::Bytes(bytes), 0, Placement::Front);
    }
}

/// Garbage and survivors in turn, a sweep, then allocations that fit the holes or just do not.
fn fragment_then_reuse(b: &mut Builder<'_>, _: Slot) {
    let (one, other) = b.two_targets();
    let bytes = 4 + sizes::small(b.random);
    let garbage = Op::Garbage { count: Count::new(1), size: Size::Bytes(bytes) };
    b.push(garbage.clone());
    b.alloc(one, Size::Bytes(bytes), 1, Placement::Front);
    b.push(garbage.clone());
    b.alloc(other, Size::Bytes(bytes), 1, Placement::Front);
    b.push(Op::Store { obj: other, field: 0, value: one });
    b.push(garbage);
    b.push(Op::Collect);
    for _ in 0..b.random.within(1, 3) {
        let again = sizes::again(b.random, bytes);
        let dst = b.target();
        b.alloc(dst, Size::Bytes(again), 0, Placement::Front);
    }
    b.push(Op::Check { reg: one });
}

/// Bytes of a large array that the machine has a chance to hold.
fn large_bytes(b: &mut Builder<'_>) -> u32 {
    let off = b.random.between(-16, 16);
    match b.random.below(4) {
        0 => 8 * b.random.pick(&[8_191, 8_192, 8_193]),
        1 => PAGE.saturating_add_signed(off),
        2 if b.limits.max_pages >= ROOMY_PAGES => 8 * b.random.pick(&[16_384, 25_000, 50_000]),
        _ => (PAGE / 2 * b.random.within(1, 4)).saturating_add_signed(off),
    }
}

/// Two large arrays in a row.
fn two_large_arrays(b: &mut Builder<'_>, _: Slot) {
    let (one, other) = b.two_targets();
    let bytes = large_bytes(b);
    b.alloc(one, Size::Bytes(bytes), 0, Placement::Front);
    b.alloc(other, Size::Bytes(bytes), 1, Placement::Back);
    b.push(Op::Check { reg: one });
}

/// A large object that survives a collection, and a small one after it.
fn large_survivor(b: &mut Builder<'_>, _: Slot) {
    let (one, other) = b.two_targets();
    let bytes = large_bytes(b);
    // The first word and the last: a scan may begin late or end early.
    let place = b.random.pick(&[Placement::Front, Placement::Back]);
    b.alloc(one, Size::Bytes(bytes), 2, place);
    b.node(other, 1);
    b.push(Op::Store { obj: one, field: 1, value: other });
    b.push(Op::Drop { reg: other });
    b.push(Op::Collect);
    b.push(Op::Load { dst: other, src: one, field: 1 });
    b.push(Op::Check { reg: other });
}

/// Memory must grow by just so many pages, and one byte more or less matters.
fn grow_by_pages(b: &mut Builder<'_>, _: Slot) {
    let (one, other) = b.two_targets();
    let edge = b.random.pick(&[Edge::Memory, Edge::Memory, Edge::Page]);
    let size = sizes::at_edge(b.random, edge, b.limits.max_pages);
    b.alloc(one, size, 0, Placement::Front);
    if b.random.one_in(2) {
        let size = sizes::at_edge(b.random, edge, b.limits.max_pages);
        b.alloc(other, size, 0, Placement::Front);
    } else {
        b.node(other, 1);
    }
    b.push(Op::Check { reg: one });
}

/// Collections with nothing between them: marks and free lists must come out the same.
fn collections_in_a_row(b: &mut Builder<'_>, _: Slot) {
    let reg = b.holder();
    for _ in 0..b.random.within(2, 3) {
        b.push(Op::Collect);
    }
    b.push(Op::Check { reg });
    let target = b.target();
    let size = b.size();
    b.alloc(target, size, 0, Placement::Front);
}

/// An object that survives one collection and not the next, and its successor.
fn drop_between_collections(b: &mut Builder<'_>, _: Slot) {
    let (one, other) = b.two_targets();
    let size = Size::Bytes(8 + sizes::small(b.random));
    b.alloc(one, size, 1, Placement::Front);
    b.node(other, 1);
    b.push(Op::Collect);
    b.push(Op::Drop { reg: one });
    b.push(Op::Collect);
    b.alloc(one, size, 1, Placement::Front);
    collect_and_check(b, other);
}

/// One object behind many pointers, some of which go away.
fn shared_object(b: &mut Builder<'_>, _: Slot) {
    let (owner, shared) = b.two_targets();
    let fields = b.random.within(2, 6);
    b.alloc(owner, Size::Bytes(4 * fields + 8), fields, Placement::Front);
    b.node(shared, 1);
    for field in 0..fields.min(3) {
        b.push(Op::Store { obj: owner, field, value: shared });
    }
    b.push(Op::Drop { reg: shared });
    b.push(Op::Clear { obj: owner, field: 0 });
    b.push(Op::Collect);
    b.push(Op::Load { dst: shared, src: owner, field: 1 });
    b.push(Op::Check { reg: shared });
}

/// A data word that holds the address of something dead, of its inside, or of an edge.
fn false_pointer_into_garbage(b: &mut Builder<'_>, _: Slot) {
    let (holder, dead) = b.two_targets();
    b.alloc(holder, Size::Bytes(16), 0, Placement::Front);
    b.node(dead, 2);
    let value = match b.random.below(4) {
        0 => words::region(b.random),
        1 => Word::Recent { back: words::recent(b.random), offset: b.random.pick(&[0, 8, -8, 16]) },
        _ => Word::Address { of: dead, offset: b.random.pick(&[0, 0, 0, 8, 4, -4]) },
    };
    let word = b.random.below(4);
    b.push(Op::Write { obj: holder, word, value });
    b.push(Op::Drop { reg: dead });
    b.push(Op::Collect);
    b.node(dead, 2);
    collect_and_check(b, holder);
}

/// Words that hold addresses of blocks that are on the free list already, and an allocation that such a block may serve.
fn pointer_to_free_block(b: &mut Builder<'_>, _: Slot) {
    let (holder, taker) = b.two_targets();
    let size = Size::Bytes(sizes::small(b.random));
    b.alloc(holder, Size::Bytes(32), 0, Placement::Front);
    let count = b.random.within(2, 8);
    b.push(Op::Garbage { count: Count::new(count), size });
    b.push(Op::Collect);
    for _ in 0..b.random.within(1, 3) {
        let word = b.random.below(8);
        let back = b.random.below(count);
        b.push(Op::Write { obj: holder, word, value: Word::Recent { back, offset: 0 } });
    }
    b.push(Op::Collect);
    b.alloc(taker, size, 0, Placement::Front);
    b.push(Op::Check { reg: taker });
}

/// More collections than a small counter holds.
fn many_collections(b: &mut Builder<'_>, _: Slot) {
    let reg = b.target();
    b.node(reg, 1);
    b.push(Op::Garbage { count: Count::new(2), size: Size::Bytes(8) });
    for _ in 0..b.random.within(15, 19) {
        b.push(Op::Collect);
    }
    b.push(Op::Garbage { count: Count::new(2), size: Size::Bytes(8) });
    collect_and_check(b, reg);
}

/// Registers whose root slots come after many others, assigned and assigned again.
fn high_root_slots(b: &mut Builder<'_>, _: Slot) {
    if b.limits.roots < 300 {
        return frame(b, Slot::Middle);
    }
    let most = (b.limits.roots - 40).min(1_100);
    let count = Count::new(b.random.within(250, most));
    b.push(Op::Roots { count, words: 1 });
    let (one, other) = b.two_targets();
    b.node(one, 1);
    b.node(other, 1);
    b.node(one, 1);
    b.push(Op::Drop { reg: other });
    b.push(Op::Garbage { count: Count::new(2), size: Size::Bytes(8) });
    collect_and_check(b, one);
}

/// A word that is an address just past the heap's end, where nothing is yet, while the heap ends where memory does or before.
fn word_at_heap_end(b: &mut Builder<'_>, _: Slot) {
    let (holder, other) = b.two_targets();
    b.alloc(holder, Size::Bytes(16), 0, Placement::Front);
    if b.random.one_in(2) {
        let size = Size::Edge { edge: Edge::Memory, part: Part::Block, delta: 0 };
        b.push(Op::Alloc { dst: other, size, fields: 0, place: Placement::Front, init: Init::Null });
        b.push(Op::Drop { reg: other });
    }
    let region = b.random.pick(&[Region::HeapEnd, Region::HeapEnd, Region::Heap]);
    let offset = b.random.pick(&[4, 4, -4, 12, -12, 20]);
    b.push(Op::Write { obj: holder, word: 1, value: Word::Region { region, offset } });
    collect_and_check(b, holder);
    b.node(other, 1);
    b.push(Op::Check { reg: holder });
}
