//! A program with its numbers frozen: what a plan resolved is written back, so that another machine resolves it alike.

use super::variant::Gaps;
use crate::plan::{self, Fill, Initial, Step, Value};
use crate::runtime::manifest::Request;
use heapsmith_generators::{Count, Init, Op, Placement, Program, Shape, Size, Word};

/// A frozen program with collections in some of its gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// The program.
    pub program: Program,
    /// The gaps of the collections that were inserted, in order.
    inserted: Vec<u32>,
}

impl From<Program> for Frozen {
    /// A program without collections that were inserted.
    fn from(program: Program) -> Self {
        Self { program, inserted: Vec::new() }
    }
}

impl Frozen {
    /// The op of the original program that op `index` of this one is. An inserted collection counts as the op after it.
    #[must_use]
    pub fn original(&self, index: u32) -> u32 {
        // The k-th inserted collection stands at its gap plus the k collections before it.
        let before = (0..).zip(&self.inserted).take_while(|(k, gap)| **gap + k < index).count();
        index - before as u32
    }

    /// Whether the op `index` of this program is a collection that was inserted.
    #[must_use]
    pub fn is_inserted(&self, index: u32) -> bool {
        (0..).zip(&self.inserted).any(|(k, gap)| gap + k == index)
    }

    /// Collections that were inserted.
    #[must_use]
    pub fn collections(&self) -> u64 {
        self.inserted.len() as u64
    }
}

/// Writes the numbers of `steps` into the ops that they come from: sizes in bytes, counts, and edges of regions as constants. Words that
/// are addresses of objects stay symbolic. Operands depend on the objects in registers alone, so that any machine resolves
/// them alike; a step beyond the end of `steps` stays as it is.
#[must_use]
pub fn freeze(program: &Program, steps: &[Step], gaps: Gaps) -> Frozen {
    let mut frozen = Program { machine: program.machine, ops: Vec::with_capacity(2 * program.ops.len() + 1) };
    let mut inserted = Vec::new();
    let mut gap = |ops: &mut Vec<Op>, i: u32| {
        if gaps.has(i) {
            ops.push(Op::Collect);
            inserted.push(i);
        }
    };
    for (i, op) in (0..).zip(&program.ops) {
        gap(&mut frozen.ops, i);
        frozen.ops.push(steps.get(i as usize).map_or_else(|| op.clone(), |step| freeze_op(op, step)));
    }
    gap(&mut frozen.ops, program.ops.len() as u32);
    Frozen { program: frozen, inserted }
}

pub(super) fn freeze_op(op: &Op, step: &Step) -> Op {
    match (op, step) {
        (&Op::Alloc { dst, fields, place, init, .. }, &Step::Alloc { size, init: resolved, .. }) => {
            let (fields, place) = freeze_fields(size, fields, place, &resolved);
            let is_nulled = init == Init::Bare && resolved.fill == Fill::Nothing && resolved.count > 0;
            let init = if is_nulled { Init::Null } else { init };
            Op::Alloc { dst, size: Size::Bytes(size), fields, place, init }
        }
        (&Op::Write { obj, word, .. }, &Step::Write { value: Value::Constant(v), .. }) => {
            Op::Write { obj, word, value: Word::Value(v) }
        }
        (&Op::Graph { dst, shape, words, tag }, Step::Graph { shape: resolved, .. }) => {
            Op::Graph { dst, shape: freeze_shape(shape, *resolved), words, tag }
        }
        (&Op::Roots { words, .. }, &Step::Roots { count, .. }) => Op::Roots { count: Count::new(count), words },
        (Op::Garbage { .. }, &Step::Garbage { count, size }) => {
            Op::Garbage { count: Count::new(count), size: Size::Bytes(size) }
        }
        (&Op::Wrap { reg, kind, .. }, &Step::Wrap { count, .. }) => Op::Wrap { reg, kind, count: Count::new(count) },
        // No numbers in them, or without effect, here and everywhere.
        (_, _) => op.clone(),
    }
}

/// What asks for the fields that an allocation got: what the op says, unless the collector has no such object and the op got another one.
fn freeze_fields(size: u32, fields: u32, place: Placement, got: &Initial) -> (u32, Placement) {
    let got = Request { size, first: got.first, stride: got.stride, count: got.fields };
    let same = |&(fields, place): &(u32, Placement)| Request::of(size, fields, place) == got;
    let ways = [Placement::Front, Placement::Odd, Placement::Back].map(|place| (got.count, place));
    std::iter::once((fields, place)).chain(ways).find(same).unwrap_or((fields, place))
}

/// The shape with its counts; a tree keeps its arity, and a random graph its seed.
fn freeze_shape(shape: Shape, resolved: plan::Shape) -> Shape {
    let n = Count::new;
    match resolved {
        plan::Shape::Chain { n: count } => Shape::Chain { n: n(count) },
        plan::Shape::Cycle { n: count } => Shape::Cycle { n: n(count) },
        plan::Shape::Wide { n: count } => Shape::Wide { n: n(count) },
        plan::Shape::DuplicateRefs { n: count } => Shape::DuplicateRefs { n: n(count) },
        plan::Shape::Tree { n: count, .. } => match shape {
            Shape::Tree { arity, .. } => Shape::Tree { n: n(count), arity },
            Shape::Chain { .. }
            | Shape::Cycle { .. }
            | Shape::Wide { .. }
            | Shape::DuplicateRefs { .. }
            | Shape::Grid { .. }
            | Shape::Comb { .. }
            | Shape::RandomGraph { .. } => shape,
        },
        plan::Shape::Grid { width, height } => Shape::Grid { width: n(width), height: n(height) },
        plan::Shape::Comb { spine, teeth } => Shape::Comb { spine: n(spine), teeth: n(teeth) },
        plan::Shape::RandomGraph { nodes, edges, seed } => {
            Shape::RandomGraph { nodes: n(nodes), edges: n(edges), seed }
        }
    }
}
