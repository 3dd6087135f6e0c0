//! Operands of ops: what an op speaks of, and new values for it.

use super::{Change, Mutation};
use crate::parse::MAX_PAGES;
use crate::program::{
    Base, Count, Edge, Init, MAX_ARITY, MAX_NODE_WORDS, Op, Part, Placement, Program, REGISTERS, Shape, Size, Word,
};
use crate::sizes;
use crate::words;

/// The first count of a shape.
const fn first_count(shape: Shape) -> Count {
    match shape {
        Shape::Chain { n }
        | Shape::Cycle { n }
        | Shape::Wide { n }
        | Shape::DuplicateRefs { n }
        | Shape::Tree { n, .. }
        | Shape::Grid { width: n, .. }
        | Shape::Comb { spine: n, .. }
        | Shape::RandomGraph { nodes: n, .. } => n,
    }
}

/// A plain number is at most [`MAX_COUNT`](crate::MAX_COUNT).
fn bounded(count: Count) -> Count {
    match count.base {
        Base::Zero => Count::new(count.delta.max(0).cast_unsigned()),
        Base::Worklist | Base::Roots | Base::Wraps => count,
    }
}

/// Brings each value that the text format bounds into its range: a program built by hand can hold others.
pub(super) fn bring_into_range(program: &mut Program) {
    let machine = &mut program.machine;
    machine.max_pages = machine.max_pages.map(|max| max.min(MAX_PAGES));
    machine.initial_pages = machine.initial_pages.map(|initial| initial.min(machine.max_pages.unwrap_or(MAX_PAGES)));
    for op in &mut program.ops {
        op.for_each_count(|count| *count = bounded(*count));
        match op {
            Op::Graph { shape, words, .. } => {
                *words = (*words).min(MAX_NODE_WORDS);
                if let Shape::Tree { arity, .. } = shape {
                    *arity = (*arity).clamp(1, MAX_ARITY);
                }
            }
            Op::Roots { words, .. } => *words = (*words).min(MAX_NODE_WORDS),
            Op::Alloc { .. }
            | Op::Load { .. }
            | Op::Store { .. }
            | Op::Clear { .. }
            | Op::Write { .. }
            | Op::Move { .. }
            | Op::Drop { .. }
            | Op::Enter
            | Op::Leave { .. }
            | Op::Collect
            | Op::Minor
            | Op::Check { .. }
            | Op::CheckZero { .. }
            | Op::Garbage { .. }
            | Op::Wrap { .. } => {}
        }
    }
}

/// Indices of fields and words are drawn below this.
const INDICES: u32 = 32;

impl Change<'_> {
    /// A new value for one operand.
    pub(super) fn operand(&mut self, kind: Mutation, op: &mut Op) {
        match kind {
            Mutation::Capacity => self.one_count(op, Self::near_capacity),
            Mutation::Boundary => {
                if let Some(size) = op.size_mut() {
                    *size = self.at_boundary(*size);
                }
            }
            Mutation::Shape => self.reshape(op),
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
            | Mutation::Machine => self.any(op),
        }
    }

    fn any(&mut self, op: &mut Op) {
        let drawn = self.random.below(8);
        match op {
            Op::Alloc { dst, size, fields, place, init } => match drawn {
                0 => *dst = self.register(),
                1..=3 => *size = self.size(*size),
                4..=5 => *fields = self.number(*fields, 8),
                6 => *place = self.random.pick(&[Placement::Front, Placement::Back, Placement::Odd]),
                _ => *init = self.init(*size),
            },
            Op::Load { dst, src, field } => match drawn {
                0..=1 => *dst = self.register(),
                2..=4 => *src = self.register(),
                _ => *field = self.number(*field, INDICES),
            },
            Op::Store { obj, field, value } => match drawn {
                0..=2 => *obj = self.register(),
                3..=4 => *field = self.number(*field, INDICES),
                _ => *value = self.register(),
            },
            Op::Clear { obj, field } => match drawn {
                0..=3 => *obj = self.register(),
                _ => *field = self.number(*field, INDICES),
            },
            Op::Write { obj, word, value } => match drawn {
                0..=1 => *obj = self.register(),
                2..=3 => *word = self.number(*word, INDICES),
                _ => *value = self.word(*value),
            },
            Op::Move { dst, src } => *(if drawn < 4 { dst } else { src }) = self.register(),
            Op::Drop { reg } | Op::Check { reg } | Op::CheckZero { reg } => *reg = self.register(),
            Op::Leave { keep } => *keep = (drawn < 6).then(|| self.register()),
            Op::Enter | Op::Collect | Op::Minor => *op = self.new_op(),
            Op::Graph { dst, shape, words, tag } => match drawn {
                0 => *dst = self.register(),
                1 => *words = self.number((*words).into(), 9).min(MAX_NODE_WORDS.into()) as u8,
                2 => *tag = self.random.next() & 0xffff,
                3 => self.detail(shape),
                _ => self.one_count(op, Self::count),
            },
            Op::Roots { words, .. } if drawn < 2 => {
                *words = self.number((*words).into(), 9).min(MAX_NODE_WORDS.into()) as u8;
            }
            Op::Garbage { size, .. } if drawn < 4 => *size = self.size(*size),
            Op::Wrap { reg, .. } if drawn < 3 => *reg = self.register(),
            Op::Wrap { kind, .. } if drawn < 5 => *kind = self.random.pick(&[0, 1, 2, 3, 255]),
            Op::Roots { .. } | Op::Garbage { .. } | Op::Wrap { .. } => self.one_count(op, Self::count),
        }
    }

    /// A neighbour of a number, or any below a bound.
    fn number(&mut self, old: u32, bound: u32) -> u32 {
        match self.random.below(4) {
            0 => old.saturating_add(1),
            1 => old.saturating_sub(1),
            _ => self.random.below(bound),
        }
    }

    fn size(&mut self, old: Size) -> Size {
        match (self.random.below(6), old) {
            (0..=1, Size::Bytes(bytes)) => Size::Bytes(sizes::again(self.random, bytes.min(u32::MAX - 8))),
            (0..=1, Size::Edge { .. }) => self.at_boundary(old),
            _ => sizes::draw(self.random, &self.sizes, 40, self.limits.max_pages),
        }
    }

    /// A size at a boundary: a step from where it is, the other end, another edge, or any.
    fn at_boundary(&mut self, old: Size) -> Size {
        match (self.random.below(8), old) {
            (0..=2, Size::Edge { edge, part, delta }) => {
                let step = self.random.pick(&[-8, -4, -1, 1, 4, 8]);
                Size::Edge { edge, part, delta: delta.saturating_add(step) }
            }
            (3, Size::Edge { edge, part, delta }) => {
                let part = if part == Part::Block { Part::Payload } else { Part::Block };
                Size::Edge { edge, part, delta }
            }
            (4, Size::Edge { part, delta, .. }) => {
                Size::Edge { edge: self.random.pick(&[Edge::Memory, Edge::Page, Edge::Limit]), part, delta }
            }
            (0..=4, Size::Bytes(_)) => sizes::edge(self.random, self.limits.max_pages),
            _ => sizes::boundary(self.random, self.limits.max_pages),
        }
    }

    fn init(&mut self, size: Size) -> Init {
        sizes::init(self.random, size)
    }

    fn word(&mut self, old: Word) -> Word {
        let step = self.random.pick(&[-8, -4, -1, 1, 4, 8, 16]);
        match (self.random.below(3), old) {
            (0, Word::Address { of, offset }) => Word::Address { of, offset: offset.saturating_add(step) },
            (0, Word::Recent { back, offset }) => Word::Recent { back, offset: offset.saturating_add(step) },
            (0, Word::Region { region, offset }) => Word::Region { region, offset: offset.saturating_add(step) },
            (0, Word::Value(value)) => Word::Value(value.wrapping_add_signed(step)),
            _ => {
                let of = self.register();
                words::draw(self.random, 80, of)
            }
        }
    }

    /// Changes one of an op's counts.
    fn one_count(&mut self, op: &mut Op, new: fn(&mut Self, Count) -> Count) {
        let wanted = self.random.below(op.for_each_count(|_| {}));
        let mut at = 0;
        op.for_each_count(|count| {
            if at == wanted {
                *count = new(self, *count);
            }
            at += 1;
        });
    }

    /// A count: a step from where it is, a small one, or one near a capacity.
    fn count(&mut self, old: Count) -> Count {
        match self.random.below(8) {
            0..=1 => {
                let step = self.random.pick(&[-8, -2, -1, 1, 2, 8]);
                bounded(Count { base: old.base, delta: old.delta.saturating_add(step) })
            }
            2 => bounded(Count { base: old.base, delta: old.delta.saturating_mul(2) }),
            3..=4 => Count::new(self.random.below(9)),
            5 => Count::new(self.random.within(9, 300)),
            _ => self.near_capacity(old),
        }
    }

    /// A capacity, a little more or less, or what is left of one or twice as much.
    fn near_capacity(&mut self, old: Count) -> Count {
        let bases = [Base::Worklist, Base::Worklist, Base::Roots, Base::Wraps];
        let known = if self.limits.wraps > 0 { 4 } else { 3 };
        let base = match self.random.below(4) {
            0 if old.base != Base::Zero => old.base,
            _ => self.random.pick(&bases[..known]),
        };
        let delta = match self.random.below(8) {
            0..=5 => self.random.between(-2, 2),
            6 => self.random.between(-16, 4),
            _ => self.random.between(-64, 64),
        };
        Count { base, delta }
    }

    /// What a shape has beside its counts, or another count where it has nothing.
    fn detail(&mut self, shape: &mut Shape) {
        match shape {
            Shape::Tree { arity, .. } => *arity = self.random.within(1, MAX_ARITY.into()) as u8,
            Shape::RandomGraph { seed, .. } => *seed = self.random.next() & 0xffff,
            Shape::Chain { n } | Shape::Cycle { n } | Shape::Wide { n } | Shape::DuplicateRefs { n } => {
                *n = self.count(*n);
            }
            Shape::Grid { width: one, height: other } | Shape::Comb { spine: one, teeth: other } => {
                std::mem::swap(one, other);
            }
        }
    }

    /// A graph of another shape and as many nodes; of a single object, a small graph in its register.
    fn reshape(&mut self, op: &mut Op) {
        let (dst, n, words, tag) = match *op {
            Op::Graph { dst, shape, words, tag } => (dst, first_count(shape), words, tag),
            Op::Alloc { dst, .. } => (dst, self.count(Count::new(4)), 1, 0),
            Op::Load { .. }
            | Op::Store { .. }
            | Op::Clear { .. }
            | Op::Write { .. }
            | Op::Move { .. }
            | Op::Drop { .. }
            | Op::Enter
            | Op::Leave { .. }
            | Op::Collect
            | Op::Minor
            | Op::Check { .. }
            | Op::CheckZero { .. }
            | Op::Roots { .. }
            | Op::Garbage { .. }
            | Op::Wrap { .. } => return,
        };
        let few = Count::new(self.random.within(1, 6));
        let shape = match self.random.below(8) {
            0 => Shape::Chain { n },
            1 => Shape::Cycle { n },
            2 => Shape::Wide { n },
            3 => Shape::DuplicateRefs { n },
            4 => Shape::Tree { n, arity: self.random.pick(&[1, 2, 3, 4, 8, 16]) },
            5 => Shape::Grid { width: n, height: few },
            6 => Shape::Comb { spine: n, teeth: few },
            _ => Shape::RandomGraph { nodes: n, edges: self.count(n), seed: self.random.next() & 0xffff },
        };
        *op = Op::Graph { dst, shape, words, tag };
    }
}

const _: () = assert!(REGISTERS == 16, "registers are kept as the bits of a `u16`");
