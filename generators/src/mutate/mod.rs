//! Structural mutation: a program becomes a neighbour of itself, op by op and operand by operand, never byte by byte.
//!
//! Promises: a function of program, partner, [`Mutator`] and seed alone; the result is a valid program whose values are in range,
//! of at most [`MUTANT_OPS`] ops and of no more [`work`] than [`Mutator::most_work`], unless the program given had more already.
//! New values come from the distributions that [`Campaign`](crate::Campaign) draws from, so mutants seek the same boundaries.
//!
//! There is no mutation framework beneath (`mutatis` was considered): those choose among all candidate changes evenly, with a random
//! number generator of their own, while mutants need weights (a count at a capacity is worth more than a tag), a partner to cross
//! with, and a stream that is the same in every release, because a finding's lineage names its mutants by seed.

mod operands;
#[cfg(test)]
mod tests;
mod work;

pub use work::work;

use crate::builder::{Builder, Limits};
use crate::campaign::Capacities;
use crate::profile::Profile;
use crate::program::{Machine, Op, Program, Reg};
use crate::rng::Random;
use crate::sizes::SizeMemory;

/// The longest mutant, in ops. What is longer is cut.
pub const MUTANT_OPS: usize = 128;
/// Work of a mutant, as [`work`] counts it, unless a [`Mutator`] says otherwise: a graph of 16 385 pointers, collected a few times.
pub const MUTANT_WORK: u64 = 1 << 20;
/// The stream of a mutant's seed.
const STREAM: u64 = 0x6d75_7461;
/// Tries to stay below the bound of work, before the program is left as it is.
const TRIES: u32 = 8;

/// What a mutation may do.
#[derive(Debug, Clone, Copy)]
pub struct Mutator<'a> {
    /// What the collector under test has where the program's machine does not say.
    pub capacities: Capacities,
    /// Machines to change to; with none, a program keeps its own.
    pub machines: &'a [Machine],
    /// Work of a mutant at most, as [`work`] counts it.
    pub most_work: u64,
}

impl Default for Mutator<'_> {
    /// The first collector's capacities, the program's own machine, [`MUTANT_WORK`].
    fn default() -> Self {
        let capacities =
            Capacities { worklist: 16_384, roots: 4_096, max_pages: 256, table_bytes_per_page: 0, wraps: 0 };
        Self { capacities, machines: &[], most_work: MUTANT_WORK }
    }
}

/// Changes a program a little, with the default [`Mutator`].
pub fn mutate(program: &mut Program, seed: u64) {
    Mutator::default().mutate(program, None, seed);
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutation {
    /// One new op.
    Insert,
    /// A run of new ops, as a campaign would have it.
    Grow,
    /// An op becomes a new one.
    Replace,
    /// A run of ops goes.
    Remove,
    /// A run of ops is copied to another place.
    Duplicate,
    /// A run of ops is repeated where it is.
    Repeat,
    /// Two ops change places.
    Swap,
    /// A run of ops moves.
    Move,
    /// An operand of an op changes.
    Operand,
    /// A count moves to a capacity, or near one.
    Capacity,
    /// A size moves to a boundary, or near one.
    Boundary,
    /// A graph becomes one of another shape, or a single object a graph.
    Shape,
    /// A register becomes another one throughout a run of ops.
    Rename,
    /// A run of ops gets a frame of its own.
    Frame,
    /// A collection comes in, and a look at what must have survived.
    Collect,
    /// A run of the partner's ops comes in.
    Splice,
    /// The first part of the program and the last of the partner's.
    Cross,
    /// The machine changes.
    Machine,
}

impl Mutation {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 18] = [
        Self::Insert,
        Self::Grow,
        Self::Replace,
        Self::Remove,
        Self::Duplicate,
        Self::Repeat,
        Self::Swap,
        Self::Move,
        Self::Operand,
        Self::Capacity,
        Self::Boundary,
        Self::Shape,
        Self::Rename,
        Self::Frame,
        Self::Collect,
        Self::Splice,
        Self::Cross,
        Self::Machine,
    ];
}

/// How often each kind is tried, in the order of [`Mutation::ALL`].
const WEIGHTS: [u32; Mutation::ALL.len()] = [8, 6, 4, 10, 5, 3, 4, 4, 20, 7, 7, 4, 3, 3, 5, 7, 3, 3];

impl Mutator<'_> {
    /// Changes a program a little: one to four changes, mostly one. `partner` is another program to cross it with; without one, a new
    /// program takes its part.
    pub fn mutate(&self, program: &mut Program, partner: Option<&Program>, seed: u64) {
        let mut random = Random::new(seed, STREAM);
        program.ops.truncate(MUTANT_OPS);
        operands::bring_into_range(program);
        let bound = self.most_work.max(work(program, self.capacities));
        for _ in 0..random.pick(&[1, 1, 1, 1, 1, 2, 2, 3, 4]) {
            self.change(program, partner, bound, &mut random);
        }
    }

    /// One change that keeps the program within its bounds, if one is found in a few tries.
    fn change(&self, program: &mut Program, partner: Option<&Program>, bound: u64, random: &mut Random) {
        for _ in 0..TRIES {
            let kind = Mutation::ALL[random.weighted(WEIGHTS.iter().copied())];
            let mut mutant = program.clone();
            if self.apply(kind, &mut mutant, partner, random) && work(&mutant, self.capacities) <= bound {
                *program = mutant;
                return;
            }
        }
    }

    /// Applies a change of this kind; false where the program has nothing that could be changed so.
    fn apply(&self, kind: Mutation, program: &mut Program, partner: Option<&Program>, random: &mut Random) -> bool {
        let limits = self.limits(program.machine);
        let mut change = Change { random, limits, sizes: SizeMemory::default(), regs: 0 };
        change.look(&program.ops);
        match kind {
            Mutation::Splice | Mutation::Cross => {
                let fresh;
                let other = match partner {
                    Some(partner) => &partner.ops,
                    None => {
                        fresh = change.fresh();
                        &fresh
                    }
                };
                change.cross(kind, &mut program.ops, other)
            }
            Mutation::Machine => {
                let Some(last) = self.machines.len().checked_sub(1) else { return false };
                let machine = self.machines[change.random.within(0, last as u32) as usize];
                std::mem::replace(&mut program.machine, machine) != machine
            }
            Mutation::Insert
            | Mutation::Grow
            | Mutation::Replace
            | Mutation::Remove
            | Mutation::Duplicate
            | Mutation::Repeat
            | Mutation::Swap
            | Mutation::Move
            | Mutation::Operand
            | Mutation::Capacity
            | Mutation::Boundary
            | Mutation::Shape
            | Mutation::Rename
            | Mutation::Frame
            | Mutation::Collect => change.ops(kind, &mut program.ops),
        }
    }

    fn limits(&self, machine: Machine) -> Limits {
        Limits::of(machine, self.capacities)
    }
}

/// One change in the making.
struct Change<'a> {
    random: &'a mut Random,
    limits: Limits,
    /// Sizes of the program.
    sizes: SizeMemory,
    /// Registers of the program.
    regs: u16,
}

impl Change<'_> {
    /// Remembers what a program speaks of.
    fn look(&mut self, ops: &[Op]) {
        for op in ops {
            let mut op = op.clone();
            op.for_each_register(|reg| self.regs |= 1 << reg.number());
            if let Some(size) = op.size_mut() {
                self.sizes.remember(*size);
            }
        }
    }

    /// A place for an op, the end included.
    fn place(&mut self, ops: &[Op]) -> usize {
        self.random.within(0, ops.len() as u32) as usize
    }

    /// A run of at least one op, mostly short; none of an empty list.
    fn run(&mut self, ops: &[Op]) -> Option<std::ops::Range<usize>> {
        let last = ops.len().checked_sub(1)?;
        let start = self.random.within(0, last as u32) as usize;
        let left = (ops.len() - start) as u32;
        let long = match self.random.below(8) {
            0..=3 => 1,
            4..=6 => self.random.within(1, 6).min(left),
            _ => self.random.within(1, left),
        };
        Some(start..start + long as usize)
    }

    /// A program's ops, as a campaign draws them for this machine.
    fn fresh(&mut self) -> Vec<Op> {
        let profile = Profile::draw(self.random, self.limits.wraps, None);
        Builder::new(self.random, &profile, self.limits).build()
    }

    /// An op of such a program.
    fn new_op(&mut self) -> Op {
        let mut fresh = self.fresh();
        let at = self.random.below(fresh.len() as u32) as usize;
        if fresh.is_empty() { Op::Collect } else { fresh.swap_remove(at) }
    }

    /// A register: mostly one that the program uses.
    fn register(&mut self) -> Reg {
        let drawn = self.random.below(16) as u8;
        let used = self.regs.count_ones();
        if used == 0 || self.random.one_in(4) {
            return Reg::new(drawn);
        }
        let mut bits = self.regs;
        for _ in 0..self.random.below(used) {
            bits &= bits - 1;
        }
        Reg::new(bits.trailing_zeros() as u8)
    }

    fn ops(&mut self, kind: Mutation, ops: &mut Vec<Op>) -> bool {
        let inserted: Vec<Op> = match kind {
            Mutation::Insert => vec![self.new_op()],
            Mutation::Grow => {
                let fresh = self.fresh();
                self.run(&fresh).map(|run| fresh[run].to_vec()).unwrap_or_default()
            }
            Mutation::Duplicate => self.run(ops).map(|run| ops[run].to_vec()).unwrap_or_default(),
            Mutation::Collect => {
                let reg = self.register();
                let look = self.random.one_in(2).then_some(Op::Check { reg });
                std::iter::once(Op::Collect).chain(look).collect()
            }
            Mutation::Repeat => return self.repeat(ops),
            Mutation::Frame => return self.frame(ops),
            Mutation::Move => return self.shift(ops),
            Mutation::Remove => {
                let Some(run) = self.run(ops) else { return false };
                ops.drain(run);
                return true;
            }
            Mutation::Replace => {
                let Some(run) = self.run(ops) else { return false };
                ops[run.start] = self.new_op();
                return true;
            }
            Mutation::Swap => {
                let (Some(one), Some(other)) = (self.run(ops), self.run(ops)) else { return false };
                ops.swap(one.start, other.start);
                return one.start != other.start;
            }
            Mutation::Rename => return self.rename(ops),
            Mutation::Operand | Mutation::Capacity | Mutation::Boundary | Mutation::Shape => {
                let Some(at) = self.one_of(ops, kind) else { return false };
                let before = ops[at].clone();
                self.operand(kind, &mut ops[at]);
                return ops[at] != before;
            }
            Mutation::Splice | Mutation::Cross | Mutation::Machine => return false,
        };
        let at = self.place(ops);
        insert(ops, at, inserted)
    }

    /// An op that a change of this kind can be made to.
    fn one_of(&mut self, ops: &mut [Op], kind: Mutation) -> Option<usize> {
        let fits = |op: &mut Op| match kind {
            Mutation::Capacity => op.for_each_count(|_| {}) > 0,
            Mutation::Boundary => op.size_mut().is_some(),
            Mutation::Shape => matches!(op, Op::Graph { .. } | Op::Alloc { .. }),
            Mutation::Operand
            | Mutation::Insert
            | Mutation::Grow
            | Mutation::Replace
            | Mutation::Remove
            | Mutation::Duplicate
            | Mutation::Repeat
            | Mutation::Swap
            | Mutation::Move
            | Mutation::Rename
            | Mutation::Frame
            | Mutation::Collect
            | Mutation::Splice
            | Mutation::Cross
            | Mutation::Machine => true,
        };
        let fitting: Vec<usize> = (0..ops.len()).filter(|&at| fits(&mut ops[at])).collect();
        if fitting.is_empty() { None } else { Some(self.random.pick(&fitting)) }
    }

    fn rename(&mut self, ops: &mut [Op]) -> bool {
        let Some(run) = self.run(ops) else { return false };
        let mut named = Vec::new();
        ops[run.start].for_each_register(|reg| named.push(*reg));
        if named.is_empty() {
            return false;
        }
        let (from, to) = (self.random.pick(&named), self.register());
        let run = if self.random.one_in(2) { 0..ops.len() } else { run };
        for op in &mut ops[run] {
            op.for_each_register(|reg| *reg = if *reg == from { to } else { *reg });
        }
        from != to
    }

    fn repeat(&mut self, ops: &mut Vec<Op>) -> bool {
        let Some(run) = self.run(ops) else { return false };
        let times = self.random.pick(&[1, 1, 1, 2, 3, 7]);
        let copies = vec![&ops[run.clone()]; times].concat();
        insert(ops, run.end, copies)
    }

    fn frame(&mut self, ops: &mut Vec<Op>) -> bool {
        let Some(run) = self.run(ops) else { return false };
        if ops.len() + 2 > MUTANT_OPS {
            return false;
        }
        let keep = self.random.one_in(2).then(|| self.register());
        ops.insert(run.end, Op::Leave { keep });
        ops.insert(run.start, Op::Enter);
        true
    }

    fn shift(&mut self, ops: &mut Vec<Op>) -> bool {
        let Some(run) = self.run(ops) else { return false };
        let from = run.start;
        let moved: Vec<Op> = ops.drain(run).collect();
        let to = self.place(ops);
        insert(ops, to, moved) && to != from
    }

    /// Another program's ops come in: a run of them, or all from some op on in the place of this one's end.
    fn cross(&mut self, kind: Mutation, ops: &mut Vec<Op>, other: &[Op]) -> bool {
        if kind == Mutation::Splice {
            let Some(run) = self.run(other) else { return false };
            let at = self.place(ops);
            return insert(ops, at, other[run].to_vec());
        }
        let (end, start) = (self.place(ops), self.place(other));
        ops.truncate(end);
        ops.extend_from_slice(&other[start..]);
        ops.truncate(MUTANT_OPS);
        true
    }
}

/// Inserts ops as far as there is room; whether any was.
fn insert(ops: &mut Vec<Op>, at: usize, mut inserted: Vec<Op>) -> bool {
    inserted.truncate(MUTANT_OPS.saturating_sub(ops.len()));
    let any = !inserted.is_empty();
    ops.splice(at..at, inserted);
    any
}
