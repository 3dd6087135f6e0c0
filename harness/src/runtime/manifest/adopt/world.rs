//! What becomes of an object: it is made, perhaps rooted, everything is collected, and one sees whether its place is given away again.

use super::access::{self, Accessor};
use super::allocation::Recipe;
use super::lab::{Bench, Lab};
use super::names::Candidate;

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    pub(super) function: u32,
    pub(super) name: String,
    pub(super) arguments: Vec<u32>,
    /// Whether its name says that it collects.
    pub(super) is_named: bool,
}

/// How an object is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// Its address is written on a stack.
    Stack { top: u32, name: String, grows_up: bool },
    /// A call keeps it, another lets it go.
    Pins { pin: Candidate, unpin: Candidate },
    /// A call pushes it, another pops it; a third may write one that is pushed, by its index from the bottom.
    Calls { push: Candidate, pop: Candidate, pops_many: bool, set: Option<Candidate> },
    /// A call writes it into a numbered slot.
    Slots { set: Candidate },
    /// It is written into a word of memory, the first of which has this address.
    Table { address: u32, at: Address },
}

/// What tells an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A global, by what a manifest calls it.
    Global(String),
    /// A function without parameters.
    Call(String),
    /// Nothing but the module's code.
    Code,
}

impl Root {
    /// Roots an object, as the root of this number; false where that does not return.
    pub(super) fn hold(&self, bench: &mut Bench<'_>, number: u32, object: u32) -> bool {
        match self {
            Self::Stack { top, grows_up, .. } => {
                let Some(at) = bench.global(*top) else { return false };
                let (slot, next) =
                    if *grows_up { (at, at.wrapping_add(4)) } else { (at.wrapping_sub(4), at.wrapping_sub(4)) };
                bench.set_global(*top, next);
                bench.write_pointer(slot, object)
            }
            Self::Pins { pin, .. } => bench.tell(pin.index, &[object]),
            Self::Calls { push, .. } => bench.tell(push.index, &[object]),
            Self::Slots { set } => bench.call(set.index, &[number, bench.word_of(object)]).is_some(),
            Self::Table { address, .. } => bench.write_pointer(address.wrapping_add(number.wrapping_mul(4)), object),
        }
    }

    /// Lets the root of this number go, which is the last one, and holds this object.
    pub(super) fn release(&self, bench: &mut Bench<'_>, number: u32, object: u32) -> bool {
        match self {
            Self::Stack { top, grows_up, .. } => {
                let Some(at) = bench.global(*top) else { return false };
                bench.set_global(*top, if *grows_up { at.wrapping_sub(4) } else { at.wrapping_add(4) });
                true
            }
            Self::Pins { unpin, .. } => bench.tell(unpin.index, &[object]),
            Self::Calls { pop, pops_many, .. } => {
                let one: &[u32] = if *pops_many { &[1] } else { &[] };
                bench.call(pop.index, one).is_some()
            }
            Self::Slots { set } => bench.call(set.index, &[number, bench.word_of(0)]).is_some(),
            Self::Table { address, .. } => bench.write_pointer(address.wrapping_add(number.wrapping_mul(4)), 0),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stack { name, .. } => name.clone(),
            Self::Pins { pin, unpin } => format!("{}, {}", pin.name, unpin.name),
            Self::Calls { push, pop, .. } => format!("{}, {}", push.name, pop.name),
            Self::Slots { set } => set.name.clone(),
            Self::Table { at: Address::Global(name) | Address::Call(name), .. } => name.clone(),
            Self::Table { at: Address::Code, address } => address.to_string(),
        }
    }

    /// The functions that it calls.
    pub(super) fn functions(&self) -> Vec<u32> {
        match self {
            Self::Stack { .. } | Self::Table { .. } => Vec::new(),
            Self::Pins { pin: a, unpin: b } | Self::Calls { push: a, pop: b, set: None, .. } => vec![a.index, b.index],
            Self::Calls { push, pop, set: Some(set), .. } => vec![push.index, pop.index, set.index],
            Self::Slots { set } => vec![set.index],
        }
    }

    /// Whether both are the stack of one global.
    pub(super) fn same_stack(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Stack { top: a, .. }, Self::Stack { top: b, .. }) if a == b)
    }

    /// Whether the other one is this, or a part of it.
    pub(super) fn has(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Calls { push: a, pop: b, .. }, Self::Calls { push: c, pop: d, .. }) => a == c && b == d,
            (Self::Calls { set: Some(a), .. }, Self::Slots { set: b }) => a == b,
            _ => self == other || self.same_stack(other),
        }
    }

    /// Of the roots 0 and 1 the one that can be let go while the other stays.
    const fn looser(&self) -> u32 {
        match self {
            Self::Stack { .. } | Self::Calls { .. } => 1,
            Self::Pins { .. } | Self::Slots { .. } | Self::Table { .. } => 0,
        }
    }
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its place was given away again: after so many allocations.
    Recycled(u32),
    /// Its place was not, while that of another was which nothing held.
    Kept,
    /// Its place was not, and no other's either: nothing shows that anything was collected.
    Unclear,
    /// Something did not return.
    Died,
}

impl Fate {
    pub(super) const fn is_recycled(self) -> bool {
        matches!(self, Self::Recycled(_))
    }
}

/// Bytes of the objects that are watched, where nothing else shows more.
pub(super) const SIZE: u32 = 32;

/// Objects with which it is tried to see what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// Bytes of each.
    pub(super) size: u32,
    /// As many are dropped before the one that is watched is made.
    pub(super) before: u32,
}

/// The samples, the cheapest first. A collector that has pages for each class of sizes, whose free places it gives away from the last to the first, and
/// which collects before they are all given, never gives away the first ones while one object of that page lives: others are alone on their pages, or stand
/// in the middle of one.
pub(super) const SAMPLES: [Sample; 4] = [
    Sample { size: SIZE, before: 0 },
    Sample { size: 16 << 10, before: 0 },
    Sample { size: SIZE, before: 1024 },
    Sample { size: 256, before: 300 },
];
/// Allocations after which an address is not expected to come again.
const MOST: u32 = 1 << 15;
/// Objects that nothing holds, beside the one that is watched: a conservative collector may take a stale word for one of them.
const WITNESSES: u32 = 3;

/// How objects are made and collected in an experiment.
#[derive(Clone)]
pub(super) struct World<'l, 'm> {
    pub(super) lab: &'l Lab<'m>,
    pub(super) recipe: Recipe,
    pub(super) collection: Option<Collection>,
    /// What an object must be held by once, and let go, to be dropped: of collectors that count references.
    pub(super) discard: Option<Root>,
    /// What stores a pointer, where a plain store is not seen by the collector.
    pub(super) store: Option<Accessor>,
    /// Allocations that are waited for an address to come again.
    pub(super) patience: u32,
    /// The objects of experiments.
    pub(super) sample: Sample,
}

impl<'l, 'm> World<'l, 'm> {
    pub(super) const fn new(lab: &'l Lab<'m>, recipe: Recipe) -> Self {
        Self { lab, recipe, collection: None, discard: None, store: None, patience: MOST, sample: SAMPLES[0] }
    }

    /// Collects, if there is a way; false where that does not return.
    pub(super) fn collect(&self, bench: &mut Bench<'_>) -> bool {
        match &self.collection {
            None => true,
            Some(by) => bench.call(by.function, &by.arguments).is_some(),
        }
    }

    /// Drops an object that nothing holds; false where that does not return.
    pub(super) fn drop_object(&self, bench: &mut Bench<'_>, object: u32) -> bool {
        self.discard.as_ref().is_none_or(|by| by.hold(bench, 0, object) && by.release(bench, 0, object))
    }

    /// Stores a pointer in a word of an object; false where that does not return.
    pub(super) fn link(&self, bench: &mut Bench<'_>, object: u32, word: u32, child: u32) -> bool {
        access::store(self.store.as_ref(), bench, object, word, child)
    }

    /// What becomes of the object that `setup` gives, which makes what it needs.
    pub(super) fn fate(&self, setup: impl FnOnce(&mut Bench<'_>) -> Option<u32>) -> Fate {
        let Ok(mut bench) = self.lab.bench() else { return Fate::Died };
        // The first collection may be what makes a collector begin.
        if !self.collect(&mut bench) {
            return Fate::Died;
        }
        for _ in 0..self.sample.before {
            let made = self.recipe.make_clean(&mut bench, self.sample.size, 0);
            if !made.is_some_and(|object| self.drop_object(&mut bench, object)) {
                return Fate::Died;
            }
        }
        let Some(object) = setup(&mut bench) else { return Fate::Died };
        self.fate_of(&mut bench, object)
    }

    /// What becomes of an object in an instance.
    fn fate_of(&self, bench: &mut Bench<'_>, object: u32) -> Fate {
        let size = self.sample.size;
        let mut witnesses = Vec::new();
        for _ in 0..WITNESSES {
            match self.recipe.make(bench, size, 0) {
                Some(address) if address == object => return Fate::Recycled(0),
                Some(0) => break,
                Some(address) if bench.clear(address, size) && self.drop_object(bench, address) => {
                    witnesses.push(address);
                }
                Some(_) | None => return Fate::Died,
            }
        }
        // Twice: what was made while a cycle went on may live until the next one ends.
        if !self.collect(bench) || !self.collect(bench) {
            return Fate::Died;
        }
        let mut is_collected = false;
        for n in 0..self.patience {
            match self.recipe.make(bench, size, 0) {
                Some(address) if address == object => return Fate::Recycled(n),
                Some(0) | None => break,
                Some(address) => is_collected |= witnesses.contains(&address),
            }
        }
        if is_collected { Fate::Kept } else { Fate::Unclear }
    }

    /// What becomes of an object that nothing holds.
    pub(super) fn unrooted(&self) -> Fate {
        self.fate(|bench| {
            let object = self.recipe.make_clean(bench, self.sample.size, 0)?;
            self.drop_object(bench, object).then_some(object)
        })
    }

    /// What becomes of one that is rooted.
    pub(super) fn rooted(&self, root: &Root) -> Fate {
        self.fate(|bench| {
            let object = self.recipe.make_clean(bench, self.sample.size, 0)?;
            root.hold(bench, 0, object).then_some(object)
        })
    }

    /// What becomes of one that was rooted, and is not any more.
    pub(super) fn released(&self, root: &Root) -> Fate {
        self.fate(|bench| {
            let object = self.recipe.make_clean(bench, self.sample.size, 0)?;
            (root.hold(bench, 0, object) && root.release(bench, 0, object)).then_some(object)
        })
    }

    /// What becomes of one that was rooted in two collections, and is not any more.
    pub(super) fn aged(&self, root: &Root) -> Fate {
        self.fate(|bench| {
            let object = self.recipe.make_clean(bench, self.sample.size, 0)?;
            let is_old = root.hold(bench, 0, object) && self.collect(bench) && self.collect(bench);
            (is_old && root.release(bench, 0, object)).then_some(object)
        })
    }

    /// Whether this writes the first and the second of two roots that were pushed, and what was there is let go.
    pub(super) fn sets(&self, root: &Root, set: u32) -> bool {
        let fate = |written: u32, watched: usize| {
            self.fate(|bench| {
                let mut objects = [0; 3];
                for (number, object) in (0..).zip(&mut objects) {
                    *object = self.recipe.make_clean(bench, self.sample.size, 0)?;
                    (number == 2 || root.hold(bench, number, *object)).then_some(())?;
                }
                bench.call(set, &[written, bench.word_of(objects[2])])?;
                Some(objects[watched])
            })
        };
        let is_written = |at: u32| {
            let (old, other) = (at as usize, 1 - at as usize);
            fate(at, old).is_recycled() && fate(at, other) == Fate::Kept && fate(at, 2) == Fate::Kept
        };
        is_written(0) && is_written(1)
    }

    /// Whether this keeps two objects until it lets one go, which is recycled then, while the other lives on.
    pub(super) fn tells_apart(&self, root: &Root) -> bool {
        let loose = root.looser();
        let fate = |let_go: bool, watched: u32| {
            self.fate(|bench| {
                let mut objects = [0; 2];
                for (number, object) in (0..).zip(&mut objects) {
                    *object = self.recipe.make_clean(bench, self.sample.size, 0)?;
                    root.hold(bench, number, *object).then_some(())?;
                }
                let is_done = !let_go || root.release(bench, loose, objects[loose as usize]);
                is_done.then_some(objects[watched as usize])
            })
        };
        fate(false, loose) == Fate::Kept && fate(true, loose).is_recycled() && fate(true, 1 - loose) == Fate::Kept
    }

    /// What becomes of an object whose only pointer is this word of a rooted one, which is made by a call and has so many bytes; `link` stores
    /// the pointer.
    pub(super) fn child(
        &self,
        root: &Root,
        parent: &Recipe,
        size: u32,
        link: impl FnOnce(&mut Bench<'_>, u32, u32) -> bool,
    ) -> Fate {
        self.fate(|bench| {
            let object = parent.make_clean(bench, size, size / 4)?;
            root.hold(bench, 0, object).then_some(())?;
            let child = self.recipe.make_clean(bench, self.sample.size, 0)?;
            (link(bench, object, child) && self.drop_object(bench, child)).then_some(child)
        })
    }
}
