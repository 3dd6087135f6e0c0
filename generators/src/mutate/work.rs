//! What a program costs, roughly, before anything is planned.

use crate::builder::Limits;
use crate::campaign::Capacities;
use crate::program::{Base, Count, Edge, Init, MAX_COUNT, Op, Program, Shape, Size};
use crate::sizes::{self, PAGE};

/// Words of a block beside its payload, and of what the harness keeps of it.
const BLOCK: u64 = 2;

/// Words that the program has a collector write, scan and sweep, at most and roughly: all that is allocated, and all of that again for
/// each collection and each allocation that may have memory grow. It bounds the time of a trial; nothing is judged by it.
#[must_use]
pub fn work(program: &Program, capacities: Capacities) -> u64 {
    let limits = Limits::of(program.machine, capacities);
    let most_words = u64::from(limits.max_pages) * u64::from(PAGE / 4);
    let (mut total, mut heap) = (0_u64, 0_u64);
    for op in &program.ops {
        let (allocated, looks) = op_work(op, limits);
        heap = heap.saturating_add(allocated).min(most_words);
        total = total.saturating_add(allocated).saturating_add(looks.saturating_mul(heap)).saturating_add(1);
    }
    total
}

/// Words that an op allocates and writes, and how often it may have all of the heap looked at.
fn op_work(op: &Op, limits: Limits) -> (u64, u64) {
    match *op {
        Op::Alloc { size, init, .. } => {
            let words = words(size, limits);
            let written = match init {
                Init::Fill(_) => words,
                Init::Bare | Init::Null | Init::Ends(_) => words / 64,
            };
            (BLOCK + if sizes::is_large(size) { written } else { words }, u64::from(sizes::is_large(size)))
        }
        Op::Graph { shape, words, .. } => (graph(shape, words.into(), limits), 0),
        Op::Roots { count, words } => (nodes(count, limits).saturating_mul(BLOCK + 2 + u64::from(words)), 0),
        Op::Garbage { count, size } => {
            let n = nodes(count, limits);
            let looks = if sizes::is_large(size) { n.min(u64::from(limits.max_pages)) } else { 0 };
            (n.saturating_mul(BLOCK + if sizes::is_large(size) { 16 } else { words(size, limits) }), looks)
        }
        Op::Wrap { count, .. } => (nodes(count, limits), 0),
        Op::Collect | Op::Minor => (0, 1),
        Op::Load { .. }
        | Op::Store { .. }
        | Op::Clear { .. }
        | Op::Write { .. }
        | Op::Move { .. }
        | Op::Drop { .. }
        | Op::Enter
        | Op::Leave { .. }
        | Op::Check { .. }
        | Op::CheckZero { .. } => (0, 0),
    }
}

fn graph(shape: Shape, words: u64, limits: Limits) -> u64 {
    let n = |count| nodes(count, limits);
    let node = BLOCK + words;
    match shape {
        Shape::Chain { n: count } | Shape::Cycle { n: count } => n(count) * (node + 1),
        Shape::Wide { n: count } => n(count) * (1 + 2 * (node + 1)),
        Shape::DuplicateRefs { n: count } => n(count) + 2 * (node + 1),
        Shape::Tree { n: count, arity } => n(count) * (node + u64::from(arity)),
        Shape::Grid { width, height } => most(n(width) * n(height)) * (node + 2),
        Shape::Comb { spine, teeth } => most(n(spine) * (1 + n(teeth))) * (node + 2),
        Shape::RandomGraph { nodes, edges, .. } => n(nodes) * (node + 4) + n(edges),
    }
}

/// No graph has more nodes.
fn most(nodes: u64) -> u64 {
    nodes.min(MAX_COUNT.into())
}

fn nodes(count: Count, limits: Limits) -> u64 {
    let base = match count.base {
        Base::Zero => 0,
        Base::Worklist => limits.worklist,
        Base::Roots => limits.roots,
        Base::Wraps => limits.wraps,
    };
    u64::from(base).saturating_add_signed(count.delta.into()).min(MAX_COUNT.into())
}

/// Words of a payload; of one that cannot fit, none.
fn words(size: Size, limits: Limits) -> u64 {
    let most = u64::from(limits.max_pages) * u64::from(PAGE);
    let bytes = match size {
        Size::Bytes(bytes) if u64::from(bytes) > most => 0,
        Size::Bytes(bytes) => bytes.into(),
        Size::Edge { edge: Edge::Limit, .. } => most,
        Size::Edge { edge: Edge::Memory | Edge::Page, delta, .. } => {
            u64::from(PAGE).saturating_add_signed(delta.into()).min(most)
        }
    };
    bytes / 4
}
