//! Composes one program: single weighted ops and motifs, then a tail that looks at what must have survived.
//!
//! The builder keeps a rough idea of which registers hold objects, so that operands are mostly useful. It needs no
//! more than that: a program is valid whatever its operands are.

use crate::campaign::Capacities;
use crate::kind::OpKind;
use crate::motifs;
use crate::profile::{Family, Profile};
use crate::program::{Base, Count, Machine, Op, Placement, REGISTERS, Reg, Shape, Size};
use crate::rng::Random;
use crate::sizes::{self, SizeMemory};
use crate::words;

/// Graphs from here on are counted as big: each costs as much as a hundred programs.
pub const BIG_GRAPH: u32 = 4_096;
/// Capacities from here on are reached by one of eight graphs that aim at them, and from half of [`BIG_GRAPH`] on by
/// none but the one big graph that a program may have.
const COSTLY: u32 = 300;
/// The longest program.
const MOST_OPS: usize = 60;
/// Frames that the builder opens at once.
const MOST_FRAMES: usize = 6;

/// What the machine that the program asks for can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) worklist: u32,
    pub(crate) roots: u32,
    pub(crate) max_pages: u32,
    /// Entries of the wrap table; 0 where there is none.
    pub(crate) wraps: u32,
}

impl Limits {
    /// What a machine can hold, with the collector's own capacities where it does not say.
    pub(crate) fn of(machine: Machine, defaults: Capacities) -> Self {
        Self {
            worklist: machine.worklist.unwrap_or(defaults.worklist),
            roots: machine.roots.unwrap_or(defaults.roots),
            max_pages: machine.max_pages.unwrap_or(defaults.max_pages),
            wraps: if defaults.wraps > 0 { machine.wraps.unwrap_or(defaults.wraps) } else { 0 },
        }
    }
}

/// Where in the program a motif stands. In the last place it may take a trap that ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Middle,
    Last,
}

/// A set of registers.
#[derive(Debug, Clone, Copy, Default)]
struct Registers(u16);

impl Registers {
    fn has(self, reg: Reg) -> bool {
        self.0 & (1 << reg.number()) != 0
    }
    fn insert(&mut self, reg: Reg) {
        self.0 |= 1 << reg.number();
    }
    fn remove(&mut self, reg: Reg) {
        self.0 &= !(1 << reg.number());
    }
    /// The `n`-th, modulo how many there are.
    fn nth(self, n: u32) -> Option<Reg> {
        let count = self.0.count_ones();
        let mut bits = self.0;
        for _ in 0..n.checked_rem(count)? {
            bits &= bits - 1;
        }
        Some(Reg::new(bits.trailing_zeros() as u8))
    }
}

/// A program under construction.
pub(crate) struct Builder<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) profile: &'a Profile,
    pub(crate) limits: Limits,
    pub(crate) sizes: SizeMemory,
    ops: Vec<Op>,
    live: Registers,
    large: Registers,
    /// Registers that were assigned one large object: a collector scans every word of it in each collection.
    bulky: Registers,
    /// Root slots in use, one for each register assigned in each open frame.
    slots: u32,
    /// Handles registered since the last collection, roughly.
    pub(crate) wrapped: u32,
    assigned: Registers,
    frames: Vec<(Registers, Registers, u32)>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(random: &'a mut Random, profile: &'a Profile, limits: Limits) -> Self {
        Self {
            random,
            profile,
            limits,
            sizes: SizeMemory::default(),
            ops: Vec::with_capacity(MOST_OPS + 16),
            live: Registers::default(),
            large: Registers::default(),
            bulky: Registers::default(),
            slots: 0,
            wrapped: 0,
            assigned: Registers::default(),
            frames: Vec::new(),
        }
    }

    /// The whole program.
    pub(crate) fn build(mut self) -> Vec<Op> {
        let length = self.profile.length as usize;
        let big = self.profile.family == Family::Real && self.random.percent(9);
        let last_motif = self.random.percent(45);
        let reserved = 3 + if last_motif { 5 } else { 0 };
        while self.ops.len() + reserved < length {
            if self.random.percent(self.profile.motif_percent) && length > 10 {
                motifs::any(&mut self, Slot::Middle);
            } else {
                self.single();
            }
        }
        self.ops.truncate(MOST_OPS - 16);
        if big {
            motifs::big_graph(&mut self);
        } else if last_motif && length > 6 {
            motifs::any(&mut self, Slot::Last);
        }
        self.tail();
        while self.ops.len() < 3 {
            self.single();
        }
        self.ops.truncate(MOST_OPS);
        self.ops
    }

    fn tail(&mut self) {
        if self.random.percent(70) {
            self.push(Op::Collect);
        }
        for _ in 0..self.random.within(1, 3) {
            let reg = self.holder();
            self.push(Op::Check { reg });
        }
    }

    /// Appends an op, unless the profile has its kind switched off.
    pub(crate) fn push(&mut self, op: Op) {
        if !self.profile.allows(op.kind()) {
            return;
        }
        match op {
            Op::Alloc { dst, size, .. } => {
                self.assign(dst);
                self.sizes.remember(size);
                if sizes::is_large(size) {
                    self.large.insert(dst);
                    self.bulky.insert(dst);
                }
            }
            Op::Graph { dst, .. } => {
                self.assign(dst);
                self.large.insert(dst);
            }
            Op::Load { dst, src, .. } | Op::Move { dst, src } => {
                let large = self.large.has(src);
                self.assign(dst);
                if large {
                    self.large.insert(dst);
                }
            }
            Op::Drop { reg } => self.live.remove(reg),
            Op::Enter => {
                self.frames.push((self.live, self.assigned, self.slots));
                self.assigned = Registers::default();
            }
            Op::Leave { keep } => {
                if let Some((live, assigned, slots)) = self.frames.pop() {
                    let kept = keep.filter(|&reg| self.live.has(reg));
                    (self.live, self.assigned, self.slots) = (live, assigned, slots);
                    if let Some(reg) = kept {
                        self.assign(reg);
                    }
                }
            }
            Op::Garbage { size, .. } => self.sizes.remember(size),
            Op::Collect => {
                self.drop_bulky();
                self.wrapped /= 2;
            }
            Op::Store { .. }
            | Op::Clear { .. }
            | Op::Write { .. }
            | Op::Minor
            | Op::Check { .. }
            | Op::CheckZero { .. }
            | Op::Roots { .. } => {}
            Op::Wrap { count, .. } => {
                let n = self.capacity(count.base).saturating_add_signed(count.delta);
                self.wrapped = self.wrapped.saturating_add(n);
            }
        }
        self.ops.push(op);
    }

    /// Drops most large objects before a collection: to have crossed a boundary is what they are for, and to be scanned again
    /// and again is what they cost.
    fn drop_bulky(&mut self) {
        for reg in (0..REGISTERS).map(Reg::new) {
            if self.bulky.has(reg) && self.live.has(reg) && self.random.percent(65) {
                self.push(Op::Drop { reg });
            }
        }
    }

    fn assign(&mut self, dst: Reg) {
        self.live.insert(dst);
        self.large.remove(dst);
        self.bulky.remove(dst);
        if !self.assigned.has(dst) {
            self.assigned.insert(dst);
            self.slots += 1;
        }
    }

    /// A register that holds an object, if any does.
    pub(crate) fn holder(&mut self) -> Reg {
        let any = self.any();
        if self.random.one_in(12) { any } else { self.live.nth(self.random.next() >> 8).unwrap_or(any) }
    }

    /// A register to assign: mostly one that holds nothing. Few root slots, few registers.
    pub(crate) fn target(&mut self) -> Reg {
        let any = self.any();
        if !self.live.has(any) || self.random.one_in(3) {
            return any;
        }
        let low = if self.limits.roots < 16 { 0x000f } else { 0x00ff };
        Registers(!self.live.0 & low).nth(self.random.next() >> 8).unwrap_or(any)
    }

    /// Two different registers to assign.
    pub(crate) fn two_targets(&mut self) -> (Reg, Reg) {
        let first = self.target();
        let second = self.target();
        if first == second { (first, Reg::new(first.number() ^ 1)) } else { (first, second) }
    }

    fn any(&mut self) -> Reg {
        let few = if self.limits.roots < 16 { 4 } else { 8 };
        let bound = if self.random.one_in(16) { REGISTERS.into() } else { few };
        Reg::new(self.random.below(bound) as u8)
    }

    /// A size as the profile likes them.
    pub(crate) fn size(&mut self) -> Size {
        sizes::draw(self.random, &self.sizes, self.profile.boundary_percent, self.limits.max_pages)
    }

    /// Few pointer fields for a payload of this size.
    pub(crate) fn fields(&mut self, size: Size) -> u32 {
        let fitting = match size {
            Size::Bytes(bytes) => bytes / 4,
            Size::Edge { .. } => 2,
        };
        if self.random.one_in(4) { 0 } else { self.random.within(fitting.min(1), fitting.min(6)) }
    }

    pub(crate) fn place(&mut self) -> Placement {
        self.random.pick(&[Placement::Front, Placement::Front, Placement::Back, Placement::Odd])
    }

    /// Allocates with whatever init suits the size.
    pub(crate) fn alloc(&mut self, dst: Reg, size: Size, fields: u32, place: Placement) {
        let init = sizes::init(self.random, size);
        self.push(Op::Alloc { dst, size, fields, place, init });
    }

    /// Allocates an object of a small number of bytes with this many fields in front.
    pub(crate) fn node(&mut self, dst: Reg, fields: u32) {
        let size = Size::Bytes(4 * fields + 4 * self.random.below(5));
        self.alloc(dst, size, fields, Placement::Front);
    }

    pub(crate) fn field(&mut self) -> u32 {
        self.random.below(6)
    }

    fn capacity(&self, base: Base) -> u32 {
        match base {
            Base::Zero => 0,
            Base::Worklist => self.limits.worklist,
            Base::Roots => self.limits.roots,
            Base::Wraps => self.limits.wraps,
        }
    }

    /// A count that is `delta` beyond a capacity, or a small one where that would cost too much.
    pub(crate) fn near(&mut self, base: Base, delta: i32) -> Count {
        let capacity = self.capacity(base).saturating_add_signed(delta);
        if capacity >= BIG_GRAPH / 2 || (capacity >= COSTLY && !self.random.one_in(8)) {
            return Count::new(self.random.below(65));
        }
        Count { base, delta }
    }

    /// Roots that can still be pushed before the root stack is full, plus `delta`.
    pub(crate) fn free_roots(&mut self, delta: i32) -> Count {
        let used = self.slots.min(self.limits.roots).cast_signed();
        self.near(Base::Roots, delta - used)
    }

    /// Nodes of a graph: mostly few, else near a capacity.
    fn nodes(&mut self) -> Count {
        match self.random.below(16) {
            0..=7 => Count::new(self.random.below(9)),
            8..=11 => Count::new(self.random.within(9, 64)),
            12..=14 => {
                let delta = self.random.between(-2, 2);
                self.near(Base::Worklist, delta)
            }
            _ => {
                let delta = self.random.between(-2, 2);
                self.near(Base::Roots, delta)
            }
        }
    }

    pub(crate) fn shape(&mut self) -> Shape {
        let weights = self.profile.shapes;
        let n = self.nodes();
        let few = Count::new(self.random.within(1, 6));
        match self.random.weighted(weights.iter().copied()) {
            0 => Shape::Chain { n },
            1 => Shape::Cycle { n },
            2 => Shape::Wide { n },
            3 => Shape::DuplicateRefs { n },
            4 => Shape::Tree { n, arity: self.random.pick(&[1, 2, 2, 3, 4, 8, 16]) },
            5 if self.random.one_in(2) => Shape::Grid { width: n, height: few },
            5 => Shape::Grid { width: few, height: few },
            6 if self.random.one_in(2) => Shape::Comb { spine: few, teeth: n },
            6 => Shape::Comb { spine: n, teeth: few },
            _ => Shape::RandomGraph { nodes: n, edges: self.nodes(), seed: self.random.next() & 0xffff },
        }
    }

    pub(crate) fn graph(&mut self, dst: Reg, shape: Shape) {
        let words = self.random.pick(&[0, 0, 1, 1, 2, 3, 8]);
        let tag = self.random.next() & 0xffff;
        self.push(Op::Graph { dst, shape, words, tag });
    }

    /// Garbage: many only if small.
    pub(crate) fn garbage(&mut self) {
        let boundary = self.random.percent(self.profile.boundary_percent / 2);
        let (most, size) = if boundary {
            (2, self.size())
        } else if let (true, Some(bytes)) = (self.random.one_in(3), self.sizes.recall(self.random)) {
            (if sizes::is_large(Size::Bytes(bytes)) { 2 } else { 16 }, Size::Bytes(bytes))
        } else {
            (32, Size::Bytes(sizes::small(self.random)))
        };
        let count = Count::new(self.random.within(1, most));
        self.push(Op::Garbage { count, size });
    }

    /// One op of a kind that is on.
    fn single(&mut self) {
        let weights = self.profile.weights;
        let mut kind = OpKind::ALL[self.random.weighted(weights.iter().copied())];
        if self.live.0 == 0 && needs_object(kind) && self.profile.allows(OpKind::Alloc) && !self.random.one_in(8) {
            kind = OpKind::Alloc;
        }
        if kind == OpKind::Enter && self.frames.len() >= MOST_FRAMES && self.profile.allows(OpKind::Leave) {
            kind = OpKind::Leave;
        } else if kind == OpKind::Leave && self.frames.is_empty() && self.profile.allows(OpKind::Enter) {
            kind = OpKind::Enter;
        }
        match kind {
            OpKind::Alloc => {
                let dst = self.target();
                let size = self.size();
                let fields = self.fields(size);
                let place = self.place();
                self.alloc(dst, size, fields, place);
            }
            OpKind::Load => {
                let (dst, src, field) = (self.target(), self.holder(), self.field());
                self.push(Op::Load { dst, src, field });
            }
            OpKind::Store => {
                let (obj, field, value) = (self.holder(), self.field(), self.holder());
                self.push(Op::Store { obj, field, value });
            }
            OpKind::Clear => {
                let (obj, field) = (self.holder(), self.field());
                self.push(Op::Clear { obj, field });
            }
            OpKind::Write => {
                let (obj, of) = (self.holder(), self.holder());
                let word = self.random.below(16);
                let value = words::draw(self.random, self.profile.adversarial_percent, of);
                self.push(Op::Write { obj, word, value });
            }
            OpKind::Move => {
                let (dst, src) = (self.target(), self.holder());
                self.push(Op::Move { dst, src });
            }
            OpKind::Drop => {
                let reg = self.holder();
                self.push(Op::Drop { reg });
            }
            OpKind::Enter => self.push(Op::Enter),
            OpKind::Leave => {
                let keep = self.random.one_in(2).then(|| self.holder());
                self.push(Op::Leave { keep });
            }
            OpKind::Collect => self.push(Op::Collect),
            OpKind::Minor => self.push(Op::Minor),
            OpKind::Check => {
                let reg = self.holder();
                self.push(Op::Check { reg });
            }
            OpKind::CheckZero => {
                // All of a large object would be read; its edges are checked by its init.
                let small = Registers(self.live.0 & !self.large.0).nth(self.random.next() >> 8);
                let reg = small.unwrap_or_else(|| self.holder());
                self.push(Op::CheckZero { reg });
            }
            OpKind::Graph => {
                let dst = self.target();
                let shape = self.shape();
                self.graph(dst, shape);
            }
            OpKind::Roots => {
                let count = if self.random.one_in(3) {
                    let delta = self.random.between(-4, 0);
                    self.free_roots(delta)
                } else {
                    Count::new(self.random.within(1, 12))
                };
                let words = self.random.pick(&[0, 1, 1, 2]);
                self.push(Op::Roots { count, words });
            }
            OpKind::Garbage => self.garbage(),
            OpKind::Wrap => {
                let reg = self.holder();
                let few = if self.random.one_in(4) { self.random.within(1, 4) } else { 1 };
                self.wrap(reg, Count::new(few));
            }
        }
    }

    /// Registers handles of one kind.
    pub(crate) fn wrap(&mut self, reg: Reg, count: Count) {
        let kind = self.random.pick(&[1, 1, 2, 2, 3, 3, 0, 255]);
        self.push(Op::Wrap { reg, kind, count });
    }
}

/// Whether an op of this kind does nothing while no register holds an object.
const fn needs_object(kind: OpKind) -> bool {
    match kind {
        OpKind::Load
        | OpKind::Store
        | OpKind::Clear
        | OpKind::Write
        | OpKind::Move
        | OpKind::Drop
        | OpKind::Check
        | OpKind::CheckZero
        | OpKind::Wrap => true,
        OpKind::Alloc
        | OpKind::Enter
        | OpKind::Leave
        | OpKind::Collect
        | OpKind::Minor
        | OpKind::Graph
        | OpKind::Roots
        | OpKind::Garbage => false,
    }
}
