//! From an op to a step: operands resolved against what is live now.

use super::{Content, Fields, Model, UNSET};
use crate::plan::{Fill, Initial, RootWrite, Shape, Slot, Step, Value};
use crate::runtime::description::{PAGE, Zeroing};
use crate::runtime::manifest::Request;
use heapsmith_generators as lang;
use lang::{
    Base, Count, Edge, Init, MAX_ARITY, MAX_COUNT, MAX_NODE_WORDS, Op, Part, Placement, REGISTERS, Reg, Region, Size,
    Word,
};

/// Ranges that one check digests at most; what is beyond is compared at the end of the program.
const MAX_RANGES: usize = 64;

impl Model {
    /// The step that an op amounts to now. Assigns slots to registers, and nothing else.
    pub(super) fn resolve(&mut self, op: &Op) -> Step {
        match *op {
            Op::Alloc { dst, size, fields, place, init } => self.resolve_alloc(dst, size, fields, place, init),
            Op::Load { dst, src, field } => self.resolve_load(dst, src, field),
            Op::Store { obj, field, value } => {
                let (Some(target), Some((obj, offset))) = (self.object(value, |_, _| true), self.field(obj, field))
                else {
                    return Step::Nop;
                };
                Step::Store { obj, offset, value: target }
            }
            Op::Clear { obj, field } => match self.field(obj, field) {
                Some((obj, offset)) => Step::Clear { obj, offset },
                None => Step::Nop,
            },
            Op::Write { obj, word, value } => self.resolve_write(obj, word, value),
            Op::Move { dst, src } => match self.object(src, |_, _| true) {
                Some(slot) => Step::Assign { root: self.assign(dst), src: Some(slot) },
                None => Step::Nop,
            },
            Op::Drop { reg } => match self.object(reg, |_, _| true) {
                Some(slot) => Step::Assign { root: RootWrite { slot, push: false }, src: None },
                None => Step::Nop,
            },
            Op::Enter if self.may_open_frame() => Step::Enter,
            Op::Enter => Step::Nop,
            Op::Leave { keep } => self.resolve_leave(keep),
            Op::Collect => Step::Collect,
            Op::Minor if self.description.module.as_ref().is_some_and(|module| module.has_minor()) => Step::Minor,
            Op::Minor => Step::Nop,
            Op::Check { reg } => self.resolve_check(reg),
            Op::CheckZero { reg } => self.resolve_check_zero(reg),
            Op::Graph { dst, shape, words, tag } => {
                let shape = self.shape(shape);
                match self.description.node_words(shape.node_fields().as_slice(), u32::from(words.min(MAX_NODE_WORDS)))
                {
                    Some(words) => Step::Graph { root: self.assign(dst), shape, words, tag },
                    None => Step::Nop,
                }
            }
            Op::Roots { count, words } => {
                match self.description.node_words(&[0], u32::from(words.min(MAX_NODE_WORDS))) {
                    Some(words) => Step::Roots { first: self.slots.len() as u32, count: self.count(count), words },
                    None => Step::Nop,
                }
            }
            Op::Garbage { count, size } => {
                let garbage = Request { size: self.size(size), first: 0, stride: 1, count: 0 };
                match self.description.shape(garbage).filter(|request| request.count == 0) {
                    Some(request) => Step::Garbage { count: self.count(count), size: request.size },
                    None => Step::Nop,
                }
            }
            Op::Wrap { reg, kind, count } => self.resolve_wrap(reg, kind, count),
        }
    }

    /// The slot that an assignment to a register writes: its own one in this frame, or a new one.
    fn assign(&mut self, reg: Reg) -> RootWrite {
        let next = self.slots.len() as Slot;
        let frame = self.frames.last_mut().expect("the outermost frame is never closed");
        let bit = 1 << reg.number();
        if frame.own & bit != 0 {
            return RootWrite { slot: frame.visible[reg.index()], push: false };
        }
        frame.own |= bit;
        frame.visible[reg.index()] = next;
        RootWrite { slot: next, push: true }
    }

    /// The slot of the named register if its object fits, else of the `n mod k`-th of the `k` registers whose objects fit.
    fn object(&self, reg: Reg, fits: impl Fn(&Self, u32) -> bool) -> Option<Slot> {
        let candidate = |n: usize| {
            let slot = self.frame().visible[n];
            let id = (slot != UNSET).then(|| self.slots[slot as usize]).flatten()?;
            fits(self, id).then_some(slot)
        };
        if let Some(slot) = candidate(reg.index()) {
            return Some(slot);
        }
        let mut fitting = [UNSET; REGISTERS as usize];
        let mut k = 0;
        for slot in (0..REGISTERS as usize).filter_map(candidate) {
            fitting[k] = slot;
            k += 1;
        }
        (k > 0).then(|| fitting[reg.index() % k])
    }

    /// An object with pointer fields, and the byte offset of one of them.
    fn field(&self, obj: Reg, field: u32) -> Option<(Slot, u32)> {
        let slot = self.object(obj, |m, id| m.heap.block(id).fields.count > 0)?;
        let f = self.heap.block(self.held(slot)).fields;
        Some((slot, 4 * (f.first + field % f.count * f.stride)))
    }

    fn resolve_alloc(&mut self, dst: Reg, size: Size, fields: u32, place: Placement, init: Init) -> Step {
        let size = self.size(size);
        let request = Request::of(size, fields, place);
        let Some(request) = self.description.shape(request) else { return Step::Nop };
        let (size, f) = (request.size, Fields { first: request.first, stride: request.stride, count: request.count });
        let (fill, count) = match init {
            Init::Bare if self.description.must_initialise(request) => (Fill::Nothing, f.count),
            Init::Bare => (Fill::Nothing, 0),
            Init::Null => (Fill::Nothing, f.count),
            Init::Fill(tag) => (Fill::All { tag }, f.count),
            Init::Ends(tag) => (Fill::Ends { tag }, f.count),
        };
        self.pending_fields = f;
        let init = Initial { fill, first: f.first, stride: f.stride, count, fields: f.count };
        Step::Alloc { root: self.assign(dst), size, init }
    }

    fn resolve_load(&mut self, dst: Reg, src: Reg, field: u32) -> Step {
        let Some((src, offset)) = self.field(src, field) else { return Step::Nop };
        match self.heap.word(self.held(src), offset / 4).0 {
            Content::Pointer => Step::Load { root: self.assign(dst), src, offset },
            Content::Unwritten | Content::Data | Content::Symbol | Content::Handle | Content::Tail => Step::Nop,
        }
    }

    fn resolve_write(&mut self, obj: Reg, word: u32, value: Word) -> Step {
        let Some(slot) = self.object(obj, |m, id| m.data_words(id) > 0) else { return Step::Nop };
        let id = self.held(slot);
        let at = self.data_word(id, word % self.data_words(id));
        let value = match value {
            Word::Value(v) => Value::Constant(v),
            Word::Address { of, offset } => match self.object(of, |_, _| true) {
                Some(slot) => Value::Slot { slot, offset: offset.cast_unsigned() },
                None => return Step::Nop,
            },
            Word::Recent { back, offset } => match self.recent(back) {
                Some(index) => Value::Logged { index, offset: offset.cast_unsigned() },
                None => return Step::Nop,
            },
            Word::Region { region, offset } => {
                let r = self.description.regions;
                let base = match region {
                    Region::Roots => r.roots.0,
                    Region::Worklist => r.worklist.0,
                    Region::Heap => r.heap_start,
                    Region::HeapEnd => self.heap.heap_end() as u32,
                    Region::MemoryEnd => self.heap.pages().wrapping_mul(PAGE),
                };
                Value::Constant(base.wrapping_add(offset.cast_unsigned()))
            }
        };
        Step::Write { obj: slot, offset: 4 * at, value }
    }

    /// Words of an object's payload that are no pointer fields.
    fn data_words(&self, id: super::BlockId) -> u32 {
        let b = self.heap.block(id);
        b.size / 4 - b.fields.count
    }

    /// The `j`-th word of an object's payload that is no pointer field.
    fn data_word(&self, id: super::BlockId, j: u32) -> u32 {
        let Fields { first, stride, count } = self.heap.block(id).fields;
        let Some(after) = j.checked_sub(first).filter(|_| count > 0) else { return j };
        // Data words between one pointer and the next.
        let between = stride.max(1) - 1;
        match after.checked_div(between) {
            Some(gap) if gap < count - 1 => first + gap * stride + 1 + after % between,
            Some(_) | None => count + j,
        }
    }

    /// The next handles, numbered from 1 in the order of registration.
    fn resolve_wrap(&self, reg: Reg, kind: u8, count: Count) -> Step {
        let count = self.count(count);
        if self.description.parameters.wraps == 0 || count == 0 {
            return Step::Nop;
        }
        let Some(obj) = self.object(reg, |_, _| true) else { return Step::Nop };
        let id = self.held(obj);
        let first = self.description.handles().word(self.heap.wraps.registered().len() as u32 + 1);
        let word = (self.data_words(id) > 0).then(|| 4 * self.data_word(id, 0));
        Step::Wrap { obj, kind: u32::from(kind), first, count, word }
    }

    /// Log index of the `back`-th most recent allocation, modulo how many there are.
    fn recent(&self, back: u32) -> Option<u32> {
        let n = self.allocations.len();
        (n > 0).then(|| self.allocations[n - 1 - back as usize % n])
    }

    fn resolve_leave(&mut self, keep: Option<Reg>) -> Step {
        if self.frames.len() == 1 {
            return Step::Nop;
        }
        let kept = keep.and_then(|reg| Some((reg, self.object(reg, |_, _| true)?)));
        let Some((reg, src)) = kept else { return Step::Leave { keep: None } };
        let inner = *self.frame();
        let outer = self.frames.len() - 2;
        let outer = &mut self.frames[outer];
        let bit = 1 << reg.number();
        let root = if outer.own & bit != 0 {
            RootWrite { slot: outer.visible[reg.index()], push: false }
        } else {
            outer.own |= bit;
            outer.visible[reg.index()] = inner.depth;
            RootWrite { slot: inner.depth, push: true }
        };
        Step::Leave { keep: Some((src, root)) }
    }

    fn resolve_check(&self, reg: Reg) -> Step {
        self.ranges(reg, |content, written| written && content != Content::Unwritten)
    }

    fn resolve_check_zero(&self, reg: Reg) -> Step {
        if !self.zeroed() {
            return Step::Nop;
        }
        self.ranges(reg, |content, written| !written || content == Content::Unwritten)
    }

    /// Digests of the maximal runs of bytes that are wanted, from the payload's start to the block's end.
    fn ranges(&self, reg: Reg, wanted: impl Fn(Content, bool) -> bool) -> Step {
        let Some(slot) = self.object(reg, |_, _| true) else { return Step::Nop };
        let id = self.held(slot);
        let size = self.heap.block(id).size;
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut add = |from: u32, len: u32| match ranges.last_mut() {
            Some(last) if last.0 + last.1 == from => last.1 += len,
            Some(_) | None => ranges.push((from, len)),
        };
        // Beyond what may be zero there is only what was written.
        let words = match self.description.promises.zeroing {
            Zeroing::Unpromised | Zeroing::Zeroed => self.heap.words(id),
            Zeroing::Payload => size.div_ceil(4),
        };
        for word in 0..words {
            let (content, _) = self.heap.word(id, word);
            let in_payload = 4 * (word + 1) <= size || content == Content::Tail;
            if !in_payload && self.description.promises.zeroing == Zeroing::Payload {
                continue;
            }
            if content == Content::Tail {
                let tail = size % 4;
                if wanted(content, true) {
                    add(4 * word, tail);
                }
                if wanted(content, false) && self.description.promises.zeroing != Zeroing::Payload {
                    add(4 * word + tail, 4 - tail);
                }
            } else if wanted(content, true) {
                add(4 * word, 4);
            }
        }
        ranges.truncate(MAX_RANGES);
        if ranges.is_empty() { Step::Nop } else { Step::Digest { obj: slot, ranges } }
    }

    /// A size in bytes, aimed at an edge where the program says so.
    fn size(&self, size: Size) -> u32 {
        let (edge, part, delta) = match size {
            Size::Bytes(n) => return n,
            Size::Edge { edge, part, delta } => (edge, part, delta),
        };
        let page = i64::from(PAGE);
        let end = self.heap.heap_end() as i64;
        let edge = match edge {
            Edge::Memory => i64::from(self.heap.pages()) * page,
            Edge::Page => (end + page - 1) / page * page,
            Edge::Limit => {
                let pages = i64::from(self.description.parameters.max_pages) * page;
                pages.min(i64::try_from(self.description.promises.address_limit).unwrap_or(i64::MAX))
            }
        };
        let header = i64::from(self.description.object.header_bytes);
        let room = match part {
            Part::Payload => edge + i64::from(delta) - end - header,
            // The stride is rounded up, so a block that fits its payload exactly ends where it should.
            Part::Block => {
                let unit = i64::from(self.description.object.stride_unit);
                (edge + i64::from(delta) - end).div_euclid(unit) * unit - header
            }
        };
        let room = if room < 0 { room.rem_euclid(page) } else { room };
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    fn count(&self, count: Count) -> u32 {
        let base = match count.base {
            Base::Zero => 0,
            Base::Worklist => self.description.parameters.worklist,
            Base::Roots => self.description.parameters.roots,
            Base::Wraps => self.description.parameters.wraps,
        };
        (i64::from(base) + i64::from(count.delta)).clamp(0, i64::from(MAX_COUNT)) as u32
    }

    fn shape(&self, shape: lang::Shape) -> Shape {
        use lang::Shape as S;
        match shape {
            S::Chain { n } => Shape::Chain { n: self.count(n) },
            S::Cycle { n } => Shape::Cycle { n: self.count(n) },
            S::Wide { n } => Shape::Wide { n: self.count(n) },
            S::DuplicateRefs { n } => Shape::DuplicateRefs { n: self.count(n) },
            S::Tree { n, arity } => Shape::Tree { n: self.count(n), arity: u32::from(arity.clamp(1, MAX_ARITY)) },
            S::Grid { width, height } => {
                let width = self.count(width);
                Shape::Grid { width, height: self.count(height).min(MAX_COUNT / width.max(1)) }
            }
            S::Comb { spine, teeth } => {
                let spine = self.count(spine);
                Shape::Comb { spine, teeth: self.count(teeth).min(MAX_COUNT / spine.max(1)) }
            }
            S::RandomGraph { nodes, edges, seed } => {
                Shape::RandomGraph { nodes: self.count(nodes), edges: self.count(edges), seed }
            }
        }
    }
}

impl Shape {
    /// Pointers that the graph stores beside a few for each node.
    #[must_use]
    pub fn stores(&self) -> u64 {
        match *self {
            Self::Wide { n } | Self::DuplicateRefs { n } => 2 * u64::from(n),
            Self::RandomGraph { edges, .. } => u64::from(edges),
            Self::Tree { n, arity } => u64::from(n) * u64::from(arity),
            Self::Chain { .. } | Self::Cycle { .. } | Self::Grid { .. } | Self::Comb { .. } => 0,
        }
    }

    /// Numbers of fields that the graph's nodes have.
    #[must_use]
    pub fn node_fields(&self) -> Vec<u32> {
        match *self {
            Self::Chain { .. } | Self::Cycle { .. } => vec![1],
            Self::Wide { n: 0 } | Self::DuplicateRefs { n: 0 } => vec![0],
            Self::Wide { n } | Self::DuplicateRefs { n } => vec![n, 1, 0],
            Self::Tree { arity, .. } => vec![arity],
            Self::Grid { .. } => vec![2],
            Self::Comb { .. } => vec![2, 1],
            Self::RandomGraph { .. } => vec![4],
        }
    }

    /// Objects that the graph allocates.
    #[must_use]
    pub const fn allocations(&self) -> u32 {
        match *self {
            Self::Chain { n } | Self::Cycle { n } | Self::Tree { n, .. } => n,
            Self::Wide { n } => 1 + 2 * n,
            Self::DuplicateRefs { n } => {
                if n == 0 {
                    1
                } else {
                    3
                }
            }
            Self::Grid { width, height } => width * height,
            Self::Comb { spine, teeth } => spine + spine * teeth,
            Self::RandomGraph { nodes, .. } => nodes,
        }
    }
}
