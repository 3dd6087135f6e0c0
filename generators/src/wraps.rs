//! Motifs for collectors with a wrap table: when it is full, what is in it in which order, and what becomes of wrappers.
//!
//! No other collector's programs come here, so that nothing is drawn for them.

use crate::builder::{Builder, Slot};
use crate::program::{Base, Count, Op, Placement, Reg, Size, Word};
use crate::sizes;

type Motif = fn(&mut Builder<'_>, Slot);

/// How often each motif is taken.
const MOTIFS: [(u32, Motif); 9] = [
    (5, live_at_capacity),
    (5, full_of_dead),
    (3, register_is_only_root),
    (5, dead_and_live_in_turn),
    (3, registered_again),
    (4, full_roots),
    (4, inside_a_graph),
    (4, reused_after_release),
    (3, kept_by_a_word),
];

/// One motif.
pub(crate) fn any(b: &mut Builder<'_>, slot: Slot) {
    let index = b.random.weighted(MOTIFS.iter().map(|&(weight, _)| weight));
    (MOTIFS[index].1)(b, slot);
}

/// Entries to register so that the table has `delta` more than it has room for; all of it counts, or what earlier ops left.
fn near(b: &mut Builder<'_>, delta: i32) -> Count {
    let used = if b.random.one_in(3) { 0 } else { b.wrapped.min(b.limits.wraps).cast_signed() };
    Count { base: Base::Wraps, delta: delta.saturating_sub(used) }
}

fn collect_and_check(b: &mut Builder<'_>, reg: Reg) {
    b.push(Op::Collect);
    b.push(Op::Check { reg });
}

/// One live wrapper of as many handles as the table has room for, one less, or one more.
fn live_at_capacity(b: &mut Builder<'_>, slot: Slot) {
    let reg = b.target();
    b.node(reg, 1);
    let delta = match slot {
        Slot::Last => b.random.pick(&[-1, 0, 0, 1, 1]),
        Slot::Middle => b.random.pick(&[-2, -1, -1, 0, 0]),
    };
    let count = near(b, delta);
    b.wrap(reg, count);
    collect_and_check(b, reg);
    if slot == Slot::Middle || b.random.one_in(2) {
        b.push(Op::Drop { reg });
        let other = b.target();
        b.node(other, 0);
        b.wrap(other, Count::new(1));
        collect_and_check(b, other);
    }
}

/// A table that the handles of dead wrappers fill: one collection makes room.
fn full_of_dead(b: &mut Builder<'_>, _: Slot) {
    let (dead, live) = b.two_targets();
    b.node(dead, 0);
    let delta = b.random.pick(&[-1, 0, 0, 0]);
    let count = near(b, delta);
    b.wrap(dead, count);
    if b.random.one_in(2) {
        b.node(live, 1);
        b.push(Op::Drop { reg: dead });
    } else {
        // Dead as soon as its register holds another one.
        b.node(dead, 0);
        b.node(live, 1);
    }
    for _ in 0..b.random.within(1, 3) {
        b.wrap(live, Count::new(1));
    }
    collect_and_check(b, live);
}

/// A wrapper that nothing but its register keeps, through collections of both sorts, and then nothing.
fn register_is_only_root(b: &mut Builder<'_>, _: Slot) {
    let reg = b.target();
    let size = Size::Bytes(8 + sizes::small(b.random));
    b.alloc(reg, size, 1, Placement::Front);
    b.wrap(reg, Count::new(1));
    if b.random.one_in(2) {
        b.garbage();
    }
    collect_and_check(b, reg);
    b.push(Op::Drop { reg });
    if b.random.one_in(2) {
        b.garbage();
    }
    b.push(Op::Collect);
}

/// Entries of dead and of live wrappers in turn: those that stay move down and keep their order.
fn dead_and_live_in_turn(b: &mut Builder<'_>, _: Slot) {
    let (live, dead) = b.two_targets();
    b.node(live, 1);
    for _ in 0..b.random.within(2, 4) {
        b.node(dead, 0);
        let few = b.random.within(1, 2);
        b.wrap(dead, Count::new(few));
        if b.random.percent(80) {
            b.wrap(live, Count::new(1));
        }
    }
    if b.random.one_in(2) {
        b.push(Op::Drop { reg: dead });
    }
    b.push(Op::Collect);
    b.node(dead, 1);
    b.wrap(dead, Count::new(1));
    if b.random.one_in(3) {
        b.push(Op::Drop { reg: live });
    }
    collect_and_check(b, live);
}

/// One object registered more than once, with a collection between or not.
fn registered_again(b: &mut Builder<'_>, _: Slot) {
    let (reg, other) = b.two_targets();
    b.node(reg, 1);
    b.wrap(reg, Count::new(1));
    if b.random.one_in(2) {
        b.node(other, 0);
        b.wrap(other, Count::new(1));
        b.push(Op::Drop { reg: other });
    }
    if b.random.one_in(2) {
        b.push(Op::Collect);
    }
    b.wrap(reg, Count::new(1));
    b.push(Op::Collect);
    if b.random.one_in(2) {
        b.push(Op::Drop { reg });
        b.push(Op::Collect);
    }
    b.push(Op::Check { reg });
}

/// A registration that has to collect while the root stack is full, or has room for just one root.
fn full_roots(b: &mut Builder<'_>, slot: Slot) {
    let (dead, live) = b.two_targets();
    b.node(live, 1);
    b.node(dead, 0);
    let count = near(b, 0);
    b.wrap(dead, count);
    b.push(Op::Drop { reg: dead });
    let framed = slot == Slot::Middle || b.random.one_in(2);
    if framed {
        b.push(Op::Enter);
    }
    let delta = match slot {
        Slot::Last => b.random.pick(&[-2, -1, -1, 0, 0]),
        Slot::Middle => b.random.pick(&[-2, -1, -1, -1, 0]),
    };
    let roots = b.free_roots(delta);
    b.push(Op::Roots { count: roots, words: 0 });
    b.wrap(live, Count::new(1));
    if framed {
        b.push(Op::Leave { keep: None });
    }
    collect_and_check(b, live);
}

/// Wrappers in a graph, which lives, is cut, or goes as a whole.
fn inside_a_graph(b: &mut Builder<'_>, _: Slot) {
    let (top, inner) = b.two_targets();
    let shape = b.shape();
    b.graph(top, shape);
    b.wrap(top, Count::new(1));
    for field in 0..b.random.within(1, 2) {
        b.push(Op::Load { dst: inner, src: top, field });
        b.wrap(inner, Count::new(1));
    }
    b.push(Op::Drop { reg: inner });
    collect_and_check(b, top);
    match b.random.below(3) {
        0 => b.push(Op::Clear { obj: top, field: 0 }),
        1 => b.push(Op::Drop { reg: top }),
        _ => b.push(Op::Store { obj: top, field: 0, value: top }),
    }
    collect_and_check(b, top);
}

/// Memory of a dead wrapper that becomes another object, or another wrapper.
fn reused_after_release(b: &mut Builder<'_>, _: Slot) {
    let reg = b.target();
    let bytes = 4 + sizes::small(b.random);
    b.alloc(reg, Size::Bytes(bytes), 0, Placement::Front);
    let few = b.random.within(1, 2);
    b.wrap(reg, Count::new(few));
    b.push(Op::Drop { reg });
    b.push(Op::Collect);
    b.alloc(reg, Size::Bytes(bytes), 1, Placement::Front);
    if b.random.percent(70) {
        b.wrap(reg, Count::new(1));
    }
    collect_and_check(b, reg);
    if b.random.one_in(2) {
        b.push(Op::Drop { reg });
        b.push(Op::Collect);
        b.push(Op::Collect);
    }
}

/// A wrapper whose address is nowhere but in a data word: a conservative collector keeps it, and with it its handle.
fn kept_by_a_word(b: &mut Builder<'_>, _: Slot) {
    let (holder, wrapper) = b.two_targets();
    b.alloc(holder, Size::Bytes(16), 0, Placement::Front);
    b.node(wrapper, 1);
    b.wrap(wrapper, Count::new(1));
    let word = b.random.below(4);
    b.push(Op::Write { obj: holder, word, value: Word::Address { of: wrapper, offset: 0 } });
    b.push(Op::Drop { reg: wrapper });
    b.push(Op::Collect);
    if b.random.percent(70) {
        b.push(Op::Write { obj: holder, word, value: Word::Value(0) });
        b.push(Op::Collect);
    }
    b.push(Op::Check { reg: holder });
}
