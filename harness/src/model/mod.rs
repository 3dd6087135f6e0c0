//! The model: what must be true, step by step.
//!
//! It runs a program on a shadow heap before any engine does, resolves every operand, and so turns the program into a
//! [`Plan`] and an [`Expectation`]. It knows a collector's [promises](crate::runtime::description::Promises) and nothing
//! of its rules: it never looks at wasm, an engine's memory, or the emulator.
//!
//! # What it promises
//! - Every step of the plan is valid on every collector that keeps its promises: objects used are reachable.
//! - While [`Exactness::Exact`] lasts, the expected log, the final pages, the free list and the one step that traps are exact.
//! - Afterwards reachable contents are exact still; addresses, growth and worklist traps are not judged.

mod counts;
mod expectation;
mod heap;
mod image;
mod index;
mod mark;
mod path;
mod place;
mod resolve;
#[cfg(test)]
mod tests;
mod words;
mod wraps;

pub use counts::Counts;
pub use expectation::{Expectation, ExpectedTrap, Logged, SnapshotWord};
pub use heap::{AllocPath, Block, BlockId, Content, Exactness, Fields, ShadowHeap, TrapRule};
pub use wraps::{Registered, Wraps};

use crate::image::Image;
use crate::mutator::{self, Heap};
use crate::outcome::Release;
use crate::plan::{Plan, RootWrite, Slot, Step, digest_word, pattern};
use crate::runtime::description::{Candidates, Description, Zeroing};
use heapsmith_generators::{MAX_FRAMES, Op, Program, REGISTERS};
use std::sync::Arc;

const UNSET: Slot = Slot::MAX;
/// Work from which on a program is not planned any further: it would take minutes on an interpreter.
const WORK_LIMIT: u64 = 1 << 31;
/// Words really held from which on it is not: a model that is no longer exact does not know the page limit.
const WORDS_LIMIT: usize = 1 << 27;
/// Words of log from which on it is not: model, tape machines and emulator each hold them.
const LOG_LIMIT: usize = 1 << 24;

/// Why the model stops within a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The step must trap.
    Trap(TrapRule),
    /// The program asks for more work, or for more memory, than is worth modelling.
    TooMuchWork,
}

impl From<TrapRule> for Halt {
    fn from(rule: TrapRule) -> Self {
        Self::Trap(rule)
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    visible: [Slot; REGISTERS as usize],
    own: u16,
    depth: u32,
}

/// The model of one collector with one set of parameters; reusable for any number of programs.
#[derive(Debug)]
pub struct Model {
    /// The shadow heap.
    pub heap: ShadowHeap,
    description: Description,
    slots: Vec<Option<BlockId>>,
    frames: Vec<Frame>,
    expect: Expectation,
    plan: Plan,
    /// Log indices of all allocations.
    allocations: Vec<u32>,
    /// Pointer fields of the object that the step at hand allocates.
    pending_fields: Fields,
    /// Whether addresses, growth and candidates are not predicted, from the first step on.
    contents_only: bool,
    /// What programs start from; the empty heap without.
    image: Option<Arc<Image>>,
}

impl Model {
    /// A model of the collector that is described.
    #[must_use]
    pub fn new(description: &Description) -> Self {
        let mut model = Self {
            contents_only: !description.is_predictable(),
            heap: ShadowHeap::new(description),
            description: description.clone(),
            slots: Vec::new(),
            frames: Vec::new(),
            expect: Expectation::default(),
            plan: Plan::default(),
            allocations: Vec::new(),
            pending_fields: Fields::default(),
            image: None,
        };
        model.reset();
        model
    }

    /// A model of a collector that retains other things than its promises let one predict: only contents are, from the first step on.
    #[must_use]
    pub fn of_contents(description: &Description) -> Self {
        let mut model = Self { contents_only: true, ..Self::new(description) };
        model.reset();
        model
    }

    /// The collector's description.
    #[must_use]
    pub const fn description(&self) -> &Description {
        &self.description
    }

    /// What must be seen.
    #[must_use]
    pub const fn expectation(&self) -> &Expectation {
        &self.expect
    }

    /// The plan so far.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What each root slot holds.
    #[must_use]
    pub fn slots(&self) -> &[Option<BlockId>] {
        &self.slots
    }

    /// Calls `visit` for each object that is reachable now, once, parents first.
    pub fn for_each_reachable(&mut self, visit: impl FnMut(&ShadowHeap, BlockId)) {
        self.heap.reachable(&self.slots, visit);
    }

    /// Words that a collector may take for pointers: no worklist ever has more entries. If it is precise, root slots and fields of reachable
    /// objects; else all words of the heap.
    pub fn candidates(&mut self) -> u64 {
        let mut words = self.slots.len() as u64;
        match self.description.promises.candidates {
            Candidates::Precise => self.for_each_reachable(|heap, id| words += u64::from(heap.block(id).fields.count)),
            Candidates::Phase | Candidates::AllocatedBase | Candidates::Unknown => {
                words += self.heap.blocks().map(|block| u64::from(block.words)).sum::<u64>();
            }
        }
        words
    }

    /// Sets a root slot to null, as the start of a step that then trapped has done.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(held) = self.slots.get_mut(slot as usize) {
            *held = None;
        }
    }

    /// Plans a whole program, up to and with the step that must trap.
    pub fn plan_program(&mut self, program: &Program) {
        self.reset();
        for op in &program.ops {
            if !self.step(op) {
                break;
            }
        }
    }

    /// Back to the empty heap, or to the one that programs start from.
    pub fn reset(&mut self) {
        self.heap.reset();
        self.slots.clear();
        self.allocations.clear();
        self.frames.clear();
        self.frames.push(Frame { visible: [UNSET; REGISTERS as usize], own: 0, depth: 0 });
        let e = &mut self.expect;
        e.log.clear();
        e.kinds.clear();
        e.log_at.clear();
        e.log_at.push(0);
        e.snapshots.clear();
        e.releases.clear();
        (e.trap, e.inexact_from, e.first_collection, e.noops, e.paths, e.growths) = (None, None, None, 0, [0; 7], 0);
        e.too_much_work = false;
        if self.contents_only {
            self.heap.exactness = Exactness::FalseCandidate;
            e.inexact_from = Some(0);
        }
        self.plan.steps.clear();
        (self.plan.log_words, self.plan.slots, self.plan.work, self.plan.handles) = (0, 0, 0, 0);
        if let Some(image) = self.image.clone() {
            self.install(&image);
        }
    }

    /// Plans one more op; says whether the program goes on after it (not after a step that must trap).
    pub fn step(&mut self, op: &Op) -> bool {
        let index = self.plan.steps.len() as u32;
        let releases = self.heap.wraps.releases();
        let collections = self.heap.collections;
        let step = self.resolve(op);
        self.reserve(&step);
        if step == Step::Nop {
            self.expect.noops += 1;
        }
        let result = self.execute(&step);
        self.plan.steps.push(step);
        self.plan.work = self.plan.work.max(self.heap.work + self.expect.log.len() as u64);
        self.expect.log_at.push(self.expect.log.len() as u32);
        for n in releases..self.heap.wraps.releases() {
            let released = self.heap.wraps.released(n);
            self.expect.releases.extend(released.map(|r| Release { step: index, kind: r.kind, handle: r.handle }));
        }
        if collections == 0 && self.heap.collections > 0 {
            self.expect.first_collection = Some(index);
        }
        if self.heap.exactness == Exactness::FalseCandidate && self.expect.inexact_from.is_none() {
            self.expect.inexact_from = Some(index);
        }
        match result {
            Ok(()) => true,
            Err(Halt::Trap(rule)) => {
                self.expect.trap = Some(ExpectedTrap { step: index, rule });
                false
            }
            Err(Halt::TooMuchWork) => {
                self.expect.too_much_work = true;
                false
            }
        }
    }

    /// Bounds what the step may need even if it does not trap where it must.
    fn reserve(&mut self, step: &Step) {
        let (log, slots) = match step {
            Step::Alloc { root, .. } | Step::Load { root, .. } => (1, root.slot + 1),
            Step::Assign { root, .. } => (0, root.slot + 1),
            Step::Leave { keep: Some((_, root)) } => (0, root.slot + 1),
            Step::Digest { ranges, .. } => (ranges.len() as u32, 0),
            Step::Graph { root, shape, .. } => (shape.allocations(), root.slot + 1),
            Step::Roots { first, count, .. } => (*count, first + count),
            Step::Garbage { count, .. } => (*count, 0),
            Step::Nop
            | Step::Store { .. }
            | Step::Clear { .. }
            | Step::Write { .. }
            | Step::Enter
            | Step::Leave { keep: None }
            | Step::Collect
            | Step::Minor
            | Step::Wrap { .. } => (0, 0),
        };
        let plan = &mut self.plan;
        plan.log_words = self.expect.log.len() as u32 + log;
        plan.slots = plan.slots.max(slots).max(self.slots.len() as u32);
        // A step that fails to trap goes on: its own loop is all that can be left of it.
        let handles = if let Step::Wrap { count, .. } = step { *count } else { 0 };
        let graph = if let Step::Graph { shape, .. } = step { shape.stores() } else { 0 };
        let initial = if let Step::Alloc { size, init, .. } = step { init.words(*size) } else { 0 };
        let stores = graph + u64::from(handles) + initial;
        plan.handles = self.heap.wraps.registered().len() as u32 + handles;
        plan.work = self.heap.work + 16 * u64::from(log) + stores;
    }

    fn execute(&mut self, step: &Step) -> Result<(), Halt> {
        match step {
            Step::Nop => Ok(()),
            Step::Alloc { root, size, init } => {
                let id = self.alloc(*size)?;
                self.heap.declare(id, self.pending_fields);
                // Before they are written: one object can be more than all that is worth modelling.
                let filled = if let crate::plan::Fill::All { .. } = init.fill { size / 4 } else { 0 };
                if self.heap.words_held() + filled.max(init.count) as usize > WORDS_LIMIT {
                    return Err(Halt::TooMuchWork);
                }
                self.initialise(id, *size, init);
                self.root(*root, Some(id))
            }
            Step::Load { root, src, offset } => {
                let obj = self.held(*src);
                let (_, value) = self.heap.word(obj, offset / 4);
                let target = self.heap.at(value);
                self.expect.log.push(value);
                self.expect.kinds.push(Logged::Pointer(target.map(|t| self.heap.block(t).logged)));
                self.root(*root, target)
            }
            Step::Store { obj, offset, value } => {
                let target = self.slots[*value as usize];
                self.link(self.held(*obj), *offset, target)
            }
            Step::Clear { obj, offset } => {
                let null = self.description.pointer().null;
                self.heap.write(self.held(*obj), offset / 4, Content::Data, null);
                Ok(())
            }
            Step::Write { obj, offset, value } => {
                self.write_value(self.held(*obj), offset / 4, *value);
                Ok(())
            }
            Step::Assign { root, src } => {
                let value = src.and_then(|s| self.slots[s as usize]);
                self.root(*root, value)
            }
            Step::Enter => {
                let mut frame = *self.frame();
                (frame.own, frame.depth) = (0, self.slots.len() as u32);
                self.frames.push(frame);
                Ok(())
            }
            Step::Leave { keep } => {
                // `resolve` made sure that there is a frame to close, and assigned `keep` in the outer one.
                let value = keep.and_then(|(slot, _)| self.slots[slot as usize]);
                let depth = self.frames.pop().map_or(0, |f| f.depth);
                self.slots.truncate(depth as usize);
                match keep {
                    Some((_, root)) => self.root(*root, value),
                    None => Ok(()),
                }
            }
            Step::Collect => Ok(self.heap.collect(&self.slots)?),
            Step::Minor => Ok(self.heap.minor(&self.slots)?),
            Step::Digest { obj, ranges } => {
                let obj = self.held(*obj);
                for &(offset, len) in ranges {
                    self.expect_digest(obj, offset, len);
                }
                Ok(())
            }
            Step::Graph { root, shape, words, tag } => mutator::build(self, *root, *shape, *words, *tag),
            Step::Roots { first, count, words } => mutator::push_roots(self, *first, *count, *words),
            Step::Garbage { count, size } => {
                for _ in 0..*count {
                    self.alloc(*size)?;
                }
                Ok(())
            }
            Step::Wrap { obj, kind, first, count, word } => {
                let id = self.held(*obj);
                for i in 0..*count {
                    self.register(id, *kind, first.wrapping_add(i))?;
                }
                if let Some(offset) = word {
                    let newest = first.wrapping_add(*count).wrapping_sub(1);
                    self.heap.write(id, offset / 4, Content::Handle, newest);
                }
                Ok(())
            }
        }
    }

    /// Registers a handle; a full table collects once, with the wrapper as one more root.
    fn register(&mut self, wrapper: BlockId, kind: u32, handle: u32) -> Result<(), Halt> {
        self.heap.work += 1;
        let room = self.description.parameters.wraps as usize;
        if self.heap.wraps.len() >= room {
            if self.heap.work > WORK_LIMIT {
                return Err(Halt::TooMuchWork);
            }
            let slot = RootWrite { slot: self.slots.len() as Slot, push: true };
            if self.heap.exactness == Exactness::Exact {
                self.root(slot, Some(wrapper))?;
            } else {
                // The table of a collector that keeps more, or collected elsewhere, may be full or not: nothing must trap.
                self.slots.push(Some(wrapper));
            }
            self.heap.collect(&self.slots)?;
            self.slots.pop();
            if self.heap.wraps.len() >= room && self.heap.exactness == Exactness::Exact {
                return Err(Halt::Trap(TrapRule::WrapTableFull));
            }
        }
        let logged = self.heap.block(wrapper).logged;
        let step = self.plan.steps.len() as u32;
        self.heap.wraps.register(wrapper, Registered { handle, kind, logged, step });
        Ok(())
    }

    fn frame(&self) -> &Frame {
        self.frames.last().expect("the outermost frame is never closed")
    }

    fn held(&self, slot: Slot) -> BlockId {
        self.slots[slot as usize].expect("resolved to a slot that holds an object")
    }

    fn initialise(&mut self, id: BlockId, size: u32, init: &crate::plan::Initial) {
        use crate::plan::Fill;
        let words = size / 4;
        let mut fill = |from: u32, to: u32, tag: u32| {
            self.heap.work += u64::from(to - from);
            self.heap.write_run(id, (from, to), Content::Data, |i| pattern(tag, i));
        };
        let tag = match init.fill {
            Fill::Nothing => None,
            Fill::All { tag } => {
                fill(0, words, tag);
                Some(tag)
            }
            Fill::Ends { tag } => {
                fill(0, words.min(8), tag);
                fill(words.saturating_sub(8).max(8).min(words), words, tag);
                Some(tag)
            }
        };
        if let Some(tag) = tag
            && !size.is_multiple_of(4)
        {
            let (mut mask, mut value) = (0, 0);
            for o in 4 * words..size {
                let shift = 8 * (o % 4);
                mask |= 0xFF << shift;
                value |= (pattern(tag, o) & 0xFF) << shift;
            }
            self.heap.write_tail(id, words, mask, value);
        }
        self.heap.work += u64::from(init.count);
        for i in 0..init.count {
            self.heap.write(id, init.first + i * init.stride, Content::Pointer, 0);
        }
    }

    fn write_value(&mut self, id: BlockId, word: u32, value: crate::plan::Value) {
        use crate::plan::Value;
        match value {
            Value::Constant(v) => self.heap.write(id, word, Content::Data, v),
            Value::Slot { slot, offset } => {
                let target = *self.heap.block(self.held(slot));
                self.heap.write_symbol(id, word, target.logged, offset, target.address.wrapping_add(offset));
            }
            Value::Logged { index, offset } => {
                let base = self.expect.log[index as usize];
                self.heap.write_symbol(id, word, index, offset, base.wrapping_add(offset));
            }
        }
    }

    fn expect_digest(&mut self, id: BlockId, offset: u32, len: u32) {
        self.heap.work += u64::from(len / 4);
        let size = self.heap.block(id).size;
        let never_written = (offset / 4..(offset + len).div_ceil(4)).all(|word| match self.heap.word(id, word).0 {
            Content::Unwritten => true,
            Content::Tail => offset >= size,
            Content::Data | Content::Pointer | Content::Symbol | Content::Handle => false,
        });
        let is_plain = self.description.pointer().is_plain();
        let translate = !never_written && (self.heap.exactness != Exactness::Exact || !is_plain);
        let first = self.expect.snapshots.len() as u32;
        let (whole, end) = (offset + len / 4 * 4, offset + len);
        let mut digest = crate::plan::DIGEST_START;
        for at in (offset..whole).step_by(4).chain(whole..end) {
            let bytes = if at < whole { 4 } else { 1 };
            let value = self.bytes(id, at, bytes);
            digest = digest_word(digest, value);
            if translate {
                let (content, _) = self.heap.word(id, at / 4);
                let (base, value) = if bytes == 4 { self.base_of(id, at / 4, content, value) } else { (None, value) };
                self.expect.snapshots.push(SnapshotWord { value, base });
            }
        }
        let range = translate.then(|| (first, self.expect.snapshots.len() as u32 - first));
        self.expect.log.push(digest);
        self.expect.kinds.push(if never_written { Logged::Zero } else { Logged::Digest(range) });
    }

    /// `count` payload bytes (1 or 4, aligned or not) as a little-endian number.
    fn bytes(&self, id: BlockId, at: u32, count: u32) -> u32 {
        let low = self.heap.word(id, at / 4).1;
        let shift = 8 * (at % 4);
        match (count, shift) {
            (4, 0) => low,
            (4, _) => (low >> shift) | (self.heap.word(id, at / 4 + 1).1 << (32 - shift)),
            (_, _) => (low >> shift) & 0xFF,
        }
    }

    /// The log index of the allocation that a word's value is relative to, and the offset from it; or none and the value itself.
    #[must_use]
    pub fn base_of(&self, id: BlockId, word: u32, content: Content, value: u32) -> (Option<u32>, u32) {
        match content {
            Content::Pointer => match self.heap.at(value) {
                Some(target) if value != 0 => (Some(self.heap.block(target).logged), self.description.pointer().tag),
                Some(_) | None => (None, self.description.pointer().word(value)),
            },
            Content::Symbol => match self.heap.symbol(id, word) {
                Some((logged, offset)) => (Some(logged), offset),
                None => (None, value),
            },
            Content::Unwritten | Content::Data | Content::Handle | Content::Tail => (None, value),
        }
    }

    /// The zeroing promise.
    fn zeroed(&self) -> bool {
        self.description.promises.zeroing != Zeroing::Unpromised
    }

    fn may_open_frame(&self) -> bool {
        self.frames.len() <= MAX_FRAMES
    }
}

impl Heap for Model {
    type Object = BlockId;
    type Stop = Halt;

    fn alloc(&mut self, size: u32) -> Result<BlockId, Halt> {
        let held = self.heap.words_held() > WORDS_LIMIT || self.expect.log.len() >= LOG_LIMIT;
        if held || self.heap.work > WORK_LIMIT {
            return Err(Halt::TooMuchWork);
        }
        let pages = self.heap.pages();
        let (id, path) = self.heap.alloc(size, self.expect.log.len() as u32, &self.slots)?;
        self.expect.paths[path as usize] += 1;
        if let Some(log) = (self.heap.pages() - pages).checked_ilog2() {
            self.expect.growths |= 1 << log;
        }
        self.allocations.push(self.expect.log.len() as u32);
        self.expect.log.push(self.heap.block(id).address);
        self.expect.kinds.push(Logged::Allocation { size });
        Ok(id)
    }

    fn link(&mut self, obj: BlockId, offset: u32, target: Option<BlockId>) -> Result<(), Halt> {
        self.heap.work += 1;
        let value = target.map_or(0, |t| self.heap.block(t).address);
        self.heap.write(obj, offset / 4, Content::Pointer, value);
        Ok(())
    }

    fn write(&mut self, obj: BlockId, offset: u32, word: u32) -> Result<(), Halt> {
        self.heap.work += 1;
        self.heap.write(obj, offset / 4, Content::Data, word);
        Ok(())
    }

    fn declare(&mut self, obj: BlockId, fields: u32) {
        self.heap.declare(obj, Fields { first: 0, stride: 1, count: fields });
    }

    fn root(&mut self, write: RootWrite, value: Option<BlockId>) -> Result<(), Halt> {
        if write.push {
            if self.slots.len() >= self.description.parameters.roots as usize {
                return Err(Halt::Trap(TrapRule::RootStackFull));
            }
            self.slots.push(value);
        } else {
            self.slots[write.slot as usize] = value;
        }
        Ok(())
    }

    fn logged_words(&self) -> u32 {
        self.expect.log.len() as u32
    }

    fn logged(&self, index: u32) -> BlockId {
        self.heap.at(self.expect.log[index as usize]).expect("a graph's own node is never freed while it is built")
    }
}
