//! Situations: what a program puts a collector into, as the model predicts before anything runs.
//!
//! A situation is a small combination of what a finding's bucket is made of: kind of op, how allocations were satisfied, how near to a page's
//! end they end, whether a collection or a growth came with it, how near worklist, root stack and wrap table were to their capacities.
//! Only the promises are asked, so what a broken collector does has no part in it, and looking costs no run.

use crate::model::{AllocPath, Exactness, Logged, Model};
use crate::plan::{Shape, Step, Value};
use crate::runtime::Spec;
use crate::runtime::description::{Description, PAGE};
use heapsmith_generators::{Machine, Program};
use std::collections::HashMap;

/// A situation: its kind and its parts, packed.
pub(super) type Situation = u32;

/// What is combined.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Op, what it came with, and the state before.
    Op,
    /// Op and the one before it, and whether there was a collection before.
    Pair,
    /// Path of an allocation, and the end of its payload or block beside a page's end.
    End,
    /// The same by `data_end` modulo 8 and not by path.
    Phase,
    /// Path of an allocation and its size.
    Size,
    /// How near a capacity came to be reached, and how large it is.
    Capacity,
    /// Shape of a graph, its size, and how it stands to the worklist's capacity.
    Graph,
    /// A word that looks like an address.
    Word,
    /// A collection: what it kept and what it freed.
    Collection,
    /// The trap that must happen, and the op.
    Trap,
}

/// A situation from its parts, each below its bound.
fn pack(kind: Kind, parts: &[(u32, u32)]) -> Situation {
    let packed = parts.iter().fold(0, |packed, &(part, bound)| packed * bound + part.min(bound - 1));
    (kind as u32) << 27 | packed
}

/// What a program would do.
#[derive(Debug, Clone)]
pub(super) struct Prospect {
    /// Its situations, each once, in order.
    pub(super) situations: Vec<Situation>,
    /// Work, as the model counts it.
    pub(super) work: u64,
}

/// Allocations of one op that are looked at: the first ones.
const LOOKED_AT: usize = 64;
/// The farthest distance from a page's end that counts, on either side.
const FAR: u32 = 16;
/// Work of a program after which its model is not worth keeping.
const BULKY_WORK: u64 = 1 << 18;

/// Plans programs that are not run yet.
pub(super) struct Planner<'a> {
    spec: &'a Spec,
    models: HashMap<Machine, Option<Known>>,
}

/// What is known of a machine.
struct Known {
    description: Description,
    model: Option<Model>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(spec: &'a Spec) -> Self {
        Self { spec, models: HashMap::new() }
    }

    /// What a program would do; none if the runtime cannot have its machine, or if it is too much work.
    pub(super) fn look(&mut self, program: &Program) -> Option<Prospect> {
        let spec = self.spec;
        let known = self.models.entry(program.machine).or_insert_with(|| {
            spec.resolve(program.machine).ok().map(|description| Known { description, model: None })
        });
        let Known { description, model } = known.as_mut()?;
        let planned = model.get_or_insert_with(|| Model::new(description));
        let prospect = prospect(planned, program);
        if planned.plan().work > BULKY_WORK {
            *model = None;
        }
        prospect
    }
}

fn log2(n: u64) -> u32 {
    n.checked_ilog2().map_or(0, |log| log + 1)
}

/// How a number stands to a capacity: 0 far below it, 1 from half on, 2 to 4 close, 5 reached, 6 beyond.
fn nearness(n: u64, capacity: u32) -> u32 {
    let capacity = u64::from(capacity);
    match n {
        _ if n > capacity => 6,
        _ if n == capacity => 5,
        _ if n + 1 == capacity => 4,
        _ if n + 2 == capacity => 3,
        _ if n + 16 >= capacity && 2 * n >= capacity => 2,
        _ if 2 * n >= capacity => 1,
        _ => 0,
    }
}

/// Number of a step's kind.
const fn op(step: &Step) -> u32 {
    match step {
        Step::Nop => 0,
        Step::Alloc { .. } => 1,
        Step::Load { .. } => 2,
        Step::Store { .. } => 3,
        Step::Clear { .. } | Step::Write { .. } => 4,
        Step::Assign { src: Some(_), .. } => 5,
        Step::Assign { src: None, .. } => 6,
        Step::Enter => 7,
        Step::Leave { .. } => 8,
        Step::Collect | Step::Minor => 9,
        Step::Digest { .. } => 10,
        Step::Graph { .. } => 11,
        Step::Roots { .. } => 12,
        Step::Garbage { .. } => 13,
        Step::Wrap { .. } => 14,
    }
}
/// Kinds of steps.
const OPS: u32 = 15;
const PATHS: u32 = 7;

/// Number of a shape, and its nodes.
const fn shape(shape: &Shape) -> (u32, u32) {
    match *shape {
        Shape::Chain { n } => (0, n),
        Shape::Cycle { n } => (1, n),
        Shape::Wide { n } => (2, n),
        Shape::DuplicateRefs { n } => (3, n),
        Shape::Tree { n, .. } => (4, n),
        Shape::Grid { width, height } => (5, width.saturating_mul(height)),
        Shape::Comb { spine, teeth } => (6, spine.saturating_mul(teeth)),
        Shape::RandomGraph { nodes, .. } => (7, nodes),
    }
}

/// What the model shows before a step, and after it.
#[derive(Clone, Copy)]
struct State {
    collections: u32,
    pages: u32,
    listed: bool,
    exact: bool,
    paths: [u32; PATHS as usize],
    deepest: usize,
    slots: usize,
}

fn state(model: &Model) -> State {
    State {
        collections: model.heap.collections,
        pages: model.heap.pages(),
        listed: model.heap.free_head_address() != 0,
        exact: model.heap.exactness == Exactness::Exact,
        paths: model.expectation().paths,
        deepest: model.heap.deepest_worklist(),
        slots: model.slots().len(),
    }
}

fn prospect(model: &mut Model, program: &Program) -> Option<Prospect> {
    let mut situations = Vec::new();
    let p = model.description().parameters;
    model.reset();
    let (mut last, mut before) = (0, state(model));
    for planned in &program.ops {
        let goes_on = model.step(planned);
        if model.expectation().too_much_work {
            return None;
        }
        let after = state(model);
        step(model, &p, (before, after), last, &mut situations);
        last = model.plan().steps.last().map_or(0, op);
        before = after;
        if !goes_on {
            break;
        }
    }
    situations.sort_unstable();
    situations.dedup();
    Some(Prospect { situations, work: model.plan().work })
}

/// The situations of the step that was planned last.
fn step(
    model: &Model,
    p: &crate::runtime::description::Parameters,
    (before, after): (State, State),
    last: u32,
    into: &mut Vec<Situation>,
) {
    let Some(step) = model.plan().steps.last() else { return };
    let op = op(step);
    let collected = (after.collections - before.collections).min(2);
    let grown = log2(u64::from(after.pages - before.pages)).min(3);
    into.push(pack(
        Kind::Op,
        &[
            (op, OPS),
            (collected, 3),
            (grown, 4),
            (u32::from(before.listed), 2),
            (u32::from(before.exact) + u32::from(after.exact), 3),
            (before.collections.min(2), 3),
        ],
    ));
    if op != 0 {
        into.push(pack(Kind::Pair, &[(last, OPS), (op, OPS), (u32::from(after.collections > 0), 2), (collected, 3)]));
    }
    if let Some(trap) = model.expectation().trap {
        let expected = [
            (trap.rule as u32, 8),
            (op, OPS),
            (collected, 3),
            (log2(p.worklist.into()), 32),
            (log2(p.roots.into()), 32),
        ];
        into.push(pack(Kind::Trap, &expected[..3]));
        into.push(pack(Kind::Trap, &expected));
    }
    if collected > 0 {
        let near = nearness(after.deepest as u64, p.worklist);
        into.push(pack(Kind::Capacity, &[(0, 3), (near, 7), (log2(p.worklist.into()), 32), (op, OPS)]));
        into.push(pack(
            Kind::Collection,
            &[(log2(after.deepest as u64), 24), (u32::from(after.listed), 2), (after.pages.min(7), 8), (op, OPS)],
        ));
    }
    let near = nearness(after.slots as u64, p.roots);
    if after.slots != before.slots {
        into.push(pack(Kind::Capacity, &[(1, 3), (near, 7), (log2(p.roots.into()), 32), (op, OPS)]));
    }
    match step {
        Step::Graph { shape: graph, .. } => {
            let (number, n) = shape(graph);
            let near = nearness(n.into(), p.worklist);
            into.push(pack(Kind::Graph, &[(number, 8), (log2(n.into()), 20), (near, 7)]));
        }
        Step::Write { value, .. } => {
            let (what, offset) = match *value {
                Value::Constant(v) => (0, v),
                Value::Slot { offset, .. } => (1, offset),
                Value::Logged { offset, .. } => (2, offset),
            };
            let near = (offset.wrapping_add(24)).min(64);
            into.push(pack(Kind::Word, &[(what, 3), (if what == 0 { log2(offset.into()) } else { near }, 65)]));
        }
        // A null is written.
        Step::Clear { .. } => into.push(pack(Kind::Word, &[(0, 3), (log2(0), 65)])),
        Step::Wrap { count, .. } => {
            let held = model.heap.wraps.registered().len() as u64;
            let near = nearness(held, p.wraps);
            into.push(pack(
                Kind::Capacity,
                &[(2, 3), (near, 7), (log2(p.wraps.into()), 32), (log2((*count).into()), OPS)],
            ));
        }
        Step::Nop
        | Step::Alloc { .. }
        | Step::Load { .. }
        | Step::Store { .. }
        | Step::Assign { .. }
        | Step::Enter
        | Step::Leave { .. }
        | Step::Collect
        | Step::Minor
        | Step::Digest { .. }
        | Step::Roots { .. }
        | Step::Garbage { .. } => {}
    }
    allocations(model, p.data_end, (before, after), op, into);
}

/// The situations of the step's allocations.
fn allocations(model: &Model, data_end: u32, (before, after): (State, State), op: u32, into: &mut Vec<Situation>) {
    let path = (0..PATHS).find(|&i| after.paths[i as usize] > before.paths[i as usize]).unwrap_or(0);
    let path = [AllocPath::GrownMany, AllocPath::GrownOne, AllocPath::CollectedList]
        .into_iter()
        .map(|path| path as u32)
        .find(|&i| after.paths[i as usize] > before.paths[i as usize])
        .unwrap_or(path);
    let e = model.expectation();
    let from = e.log_at.iter().rev().nth(1).copied().unwrap_or(0) as usize;
    let object = model.description().object;
    let logged = e.kinds[from..].iter().zip(&e.log[from..]);
    let sizes = logged.filter_map(|(kind, &address)| match *kind {
        Logged::Allocation { size } => Some((size, address)),
        Logged::Pointer(_) | Logged::Digest(_) | Logged::Zero => None,
    });
    for (size, address) in sizes.take(LOOKED_AT) {
        into.push(pack(Kind::Size, &[(path, PATHS), (log2(size.into()), 34), (size % 8, 8), (op, OPS)]));
        let payload = u64::from(address) + u64::from(size);
        let block = u64::from(address) - u64::from(object.header_bytes.min(address)) + object.stride(size);
        for (part, end) in [payload, block].into_iter().enumerate() {
            let distance = ((end + u64::from(FAR)) % u64::from(PAGE)) as u32;
            if distance <= 2 * FAR {
                into.push(pack(Kind::End, &[(part as u32, 2), (path, PATHS), (distance, 2 * FAR + 1), (op, OPS)]));
                into.push(pack(Kind::Phase, &[(part as u32, 2), (data_end % 8, 8), (distance, 2 * FAR + 1)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::capacities;
    use crate::runtime::parse_spec;
    use heapsmith_generators::Campaign;

    /// A worker that planned other programs before must not see another thing in a program.
    #[test]
    fn what_is_seen_in_a_program_does_not_depend_on_those_before_it() {
        for on in ["vera@0.0.130", "fixed", "vera@0.1.9+wrap"] {
            let spec = parse_spec(on).unwrap();
            let programs = Campaign::new(5, capacities(&spec.resolve(Machine::default()).unwrap()), spec.pinned);
            let mut kept = Planner::new(&spec);
            for index in 0..1_500 {
                let program = programs.program(index);
                let (old, new) = (kept.look(&program), Planner::new(&spec).look(&program));
                let parts = |p: Option<Prospect>| p.map(|p| (p.situations, p.work));
                assert_eq!(parts(old), parts(new), "{on}: program {index}\n{program}");
            }
        }
    }
}
