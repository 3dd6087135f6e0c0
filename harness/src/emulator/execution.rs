//! The mutator: the steps of a plan over a collector, in the order of effects that [`crate::plan`] makes binding.
//!
//! Log, mirror and frames live outside the collector's memory, where a broken collector cannot reach them. A plan that no
//! lowering would emit does no harm: a register never assigned reads as null, an index that the log does not have as 0, a
//! frame that was never entered is not left, and a graph whose arithmetic would overflow runs out of fuel at once.

use super::Stop;
use super::alloc::Collector;
use crate::image::Image;
use crate::mutator::{Heap, build, push_roots};
use crate::outcome::{End, Outcome, Release};
use crate::plan::{Fill, Initial, RootWrite, Shape, Slot, Step, Value, digest, pattern};
use crate::runtime::description::{Description, MOST_PAGES, PAGE, Rules};

/// Slots that a mirror may have: no memory holds more.
const MIRROR: usize = MOST_PAGES as usize * (PAGE as usize / 4);

/// A mutator and its collector.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) collector: Collector,
    pub(super) mirror: Vec<u32>,
    frames: Vec<u32>,
    pub(super) outcome: Outcome,
}

impl Execution {
    /// Pristine.
    pub(super) fn new(rules: Rules, description: &Description) -> Self {
        let collector = Collector::new(rules, description);
        let mut new = Self { collector, mirror: Vec::new(), frames: Vec::new(), outcome: Outcome::default() };
        new.settle(End::Finished, 0);
        new
    }

    /// Makes it pristine again.
    pub(super) fn reset(&mut self) {
        self.collector.reset();
        self.mirror.clear();
        self.frames.clear();
        self.outcome.log.clear();
        self.outcome.releases.clear();
        self.settle(End::Finished, 0);
    }

    /// Puts a heap into pristine memory; what does not fit is left out. Objects that are there count as logged.
    pub(super) fn start_from(&mut self, image: &Image) {
        let collector = &mut self.collector;
        image.for_each_word(|address, word| {
            // An image's regions lie in memory, or it was made for another collector.
            let _ = collector.image.store(address, word);
        });
        collector.set_globals(&image.globals());
        self.mirror.extend(image.roots.iter().map(|&root| image.address(root)));
        self.outcome.log.extend(image.objects().map(|object| object.address));
        self.settle(End::Finished, 0);
    }

    /// Brings the outcome up to date.
    pub(super) fn settle(&mut self, end: End, step: u32) {
        self.outcome.end = end;
        self.outcome.step = step;
        self.outcome.pages = self.collector.image.pages();
        self.outcome.globals.clear();
        self.outcome.globals.extend(self.collector.globals());
    }

    /// Executes one step, which has this index.
    pub(super) fn step(&mut self, index: u32, step: &Step) -> Result<(), Stop> {
        let result = self.execute(step);
        let released = self.collector.released.drain(..);
        self.outcome.releases.extend(released.map(|(kind, handle)| Release { step: index, kind, handle }));
        result
    }

    fn execute(&mut self, step: &Step) -> Result<(), Stop> {
        match *step {
            Step::Nop => Ok(()),
            Step::Alloc { root, size, ref init } => {
                let a = self.alloc(size)?;
                self.initialise(a, size, init)?;
                self.assign(root, a)
            }
            Step::Load { root, src, offset } => {
                let v = self.collector.image.load(self.register(src).wrapping_add(offset))?;
                self.outcome.log.push(v);
                self.assign(root, v)
            }
            Step::Store { obj, offset, value } => {
                self.collector.image.store(self.register(obj).wrapping_add(offset), self.register(value))
            }
            Step::Clear { obj, offset } => self.collector.image.store(self.register(obj).wrapping_add(offset), 0),
            Step::Write { obj, offset, value } => {
                self.collector.image.store(self.register(obj).wrapping_add(offset), self.value(value))
            }
            Step::Assign { root, src } => self.assign(root, src.map_or(0, |src| self.register(src))),
            Step::Enter => {
                self.frames.push(self.collector.root_sp);
                Ok(())
            }
            Step::Leave { keep } => {
                let kept = keep.map(|(slot, root)| (self.register(slot), root));
                if let Some(sp) = self.frames.pop() {
                    self.collector.root_sp = sp;
                }
                kept.map_or(Ok(()), |(v, root)| self.assign(root, v))
            }
            Step::Collect => self.collector.collect(),
            // No release makes minor collections.
            Step::Minor => Ok(()),
            Step::Digest { obj, ref ranges } => {
                for &(offset, len) in ranges {
                    self.collector.spend(u64::from(len.div_ceil(4)))?;
                    let bytes = self.collector.image.bytes(self.register(obj).wrapping_add(offset), len)?;
                    self.outcome.log.push(digest(bytes));
                }
                Ok(())
            }
            Step::Graph { root, shape, words, tag } => {
                computable(shape, words).ok_or(Stop::Fuel)?;
                build(self, root, shape, words, tag)
            }
            Step::Roots { first, count, words } => {
                first.checked_add(count).and(words.checked_mul(4)).ok_or(Stop::Fuel)?;
                push_roots(self, first, count, words)
            }
            Step::Garbage { count, size } => (0..count).try_for_each(|_| self.alloc(size).map(drop)),
            Step::Wrap { obj, kind, first, count, word } => {
                let ptr = self.register(obj);
                for i in 0..count {
                    self.collector.register_wrapper(ptr, kind, first.wrapping_add(i))?;
                }
                match word {
                    Some(offset) => {
                        self.collector.image.store(ptr.wrapping_add(offset), first.wrapping_add(count).wrapping_sub(1))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// What a register holds.
    fn register(&self, slot: Slot) -> u32 {
        self.mirror.get(slot as usize).copied().unwrap_or(0)
    }

    /// A word that is written.
    fn value(&self, value: Value) -> u32 {
        match value {
            Value::Constant(word) => word,
            Value::Slot { slot, offset } => self.register(slot).wrapping_add(offset),
            Value::Logged { index, offset } => self.logged(index).wrapping_add(offset),
        }
    }

    /// Assigns a root slot, then its mirror.
    fn assign(&mut self, write: RootWrite, value: u32) -> Result<(), Stop> {
        if write.push {
            self.collector.root_push(value)?;
        } else {
            self.collector.root_set(write.slot, value)?;
        }
        let slot = write.slot as usize;
        if slot >= self.mirror.len() && slot < MIRROR {
            self.mirror.resize(slot + 1, 0);
        }
        if let Some(register) = self.mirror.get_mut(slot) {
            *register = value;
        }
        Ok(())
    }

    /// What an allocation writes at once.
    fn initialise(&mut self, a: u32, size: u32, init: &Initial) -> Result<(), Stop> {
        let words = size / 4;
        let (tag, first, last) = match init.fill {
            Fill::Nothing => return self.nulls(a, init),
            Fill::All { tag } => (tag, 0..words, words..words),
            Fill::Ends { tag } => (tag, 0..words.min(8), words.saturating_sub(8).max(8)..words),
        };
        for i in first.chain(last) {
            self.write(a, 4 * i, pattern(tag, i))?;
        }
        for offset in 4 * words..size {
            let byte = (pattern(tag, offset) & 0xFF) as u8;
            self.collector.image.store_byte(a.wrapping_add(offset), byte)?;
        }
        self.nulls(a, init)
    }

    /// Null into the pointer fields.
    fn nulls(&mut self, a: u32, init: &Initial) -> Result<(), Stop> {
        let mut word = init.first;
        for _ in 0..init.count {
            self.write(a, word.wrapping_mul(4), 0)?;
            word = word.wrapping_add(init.stride);
        }
        Ok(())
    }
}

impl Heap for Execution {
    type Object = u32;
    type Stop = Stop;

    fn alloc(&mut self, size: u32) -> Result<u32, Stop> {
        let a = self.collector.alloc(size)?;
        self.outcome.log.push(a);
        Ok(a)
    }

    fn link(&mut self, obj: u32, offset: u32, target: Option<u32>) -> Result<(), Stop> {
        self.write(obj, offset, target.unwrap_or(0))
    }

    fn write(&mut self, obj: u32, offset: u32, word: u32) -> Result<(), Stop> {
        self.collector.spend(1)?;
        self.collector.image.store(obj.wrapping_add(offset), word)
    }

    fn root(&mut self, write: RootWrite, value: Option<u32>) -> Result<(), Stop> {
        self.assign(write, value.unwrap_or(0))
    }

    fn logged_words(&self) -> u32 {
        self.outcome.log.len() as u32
    }

    fn logged(&self, index: u32) -> u32 {
        self.outcome.log.get(index as usize).copied().unwrap_or(0)
    }
}

/// The bytes of the largest node of a graph, or nothing if [`build`] would overflow or divide by zero on it.
const fn computable(shape: Shape, words: u32) -> Option<u32> {
    let fields = match shape {
        Shape::Chain { n: _ } | Shape::Cycle { n: _ } => 1,
        Shape::Wide { n } | Shape::DuplicateRefs { n } => n,
        Shape::Tree { n, arity } => {
            if arity == 0 && n > 1 {
                return None;
            }
            arity
        }
        Shape::Grid { width, height } => {
            if width.checked_mul(height).is_none() {
                return None;
            }
            2
        }
        Shape::Comb { spine: _, teeth: _ } => 2,
        Shape::RandomGraph { nodes: _, edges: _, seed: _ } => 4,
    };
    // Nodes of a graph have up to four fields whatever its shape's widest has.
    let fields = if fields < 4 { 4 } else { fields };
    match words.checked_add(fields) {
        Some(n) => n.checked_mul(4),
        None => None,
    }
}
