//! What a manifest says, as plain data: names are resolved, numbers are those that the module has when a program starts.

use super::chunk::Chunk;
use std::path::PathBuf;

/// A function of the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its index in the module as it is on disk.
    pub index: u32,
    /// The name that the manifest uses.
    pub name: String,
    /// Its identifier in [`super::Manifest::fields`], without `$`.
    pub identifier: String,
    /// How many values it gives.
    pub results: usize,
}

/// A global of the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Global {
    /// Its index in the module as it is on disk.
    pub index: u32,
    /// The name that the manifest uses.
    pub name: String,
    /// Its identifier in [`super::Manifest::fields`], without `$`; if it is mutable, it is exported under that name.
    pub identifier: String,
    /// What it is when a program starts: after the start function and `init`.
    pub initial: u32,
    /// Whether it can change.
    pub is_mutable: bool,
}

/// A call of a function of the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// What it is given, one for each of its parameters.
    pub arguments: Vec<Argument>,
}

/// What a call is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Argument {
    /// A request's payload bytes.
    Size,
    /// A request's payload in words, rounded up.
    Words,
    /// The first of a request's words that is a pointer.
    First,
    /// Words from one of a request's pointers to the next.
    Stride,
    /// How many of a request's words are pointers.
    Count,
    /// An object's payload address.
    Object,
    /// Where a field is in an object's payload, in bytes.
    Offset,
    /// The same in words.
    Index,
    /// The value that a field gets.
    Value,
    /// A number.
    Number(u32),
    /// What a global is at that time.
    Global(Global),
    /// What a function without parameters gives at that time.
    Call(Function),
}

/// What an import does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// It executes `unreachable`.
    Trap,
    /// It gives this number (`"nothing"` is 0), for each of its results.
    Constant {
        /// The number.
        value: u32,
    },
    /// It counts: each result is one more than the one before.
    Counter {
        /// The first.
        first: u32,
    },
    /// Each result is the next state of a linear congruential generator modulo 2^32.
    Lcg {
        /// The state before the first.
        seed: u32,
    },
}

impl Behaviour {
    /// What a global that is imported starts with.
    pub(super) const fn first(self) -> u32 {
        match self {
            Self::Trap => 0,
            Self::Constant { value } => value,
            Self::Counter { first } => first,
            Self::Lcg { seed } => seed,
        }
    }
}

/// An import, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Import {
    /// `module.field`.
    pub name: String,
    /// What it does.
    pub behaviour: Behaviour,
}

/// The collector's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Pages that the module declares at the start, which is the least that it can be given.
    pub initial_pages: u32,
    /// Pages that it has when a program starts: more, where the start function or `init` makes it grow.
    pub ready_pages: u32,
    /// Pages at most, where nothing else is asked for.
    pub max_pages: u32,
    /// Pages at most, whatever is asked for: the maximum that the module declares.
    pub declared_pages: u32,
    /// Whether that limit must not be drawn anew for each program.
    pub is_fixed: bool,
}

/// The heap, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Heap {
    /// Its first byte.
    pub start: Option<u32>,
    /// The global that is its end so far; exported as `heap_ptr`.
    pub end: Option<Global>,
    /// The global that is the first free payload, or 0; exported as `gc_free_head`.
    pub free_list: Option<Global>,
    /// The global that counts collections; exported as `gc_collections`.
    pub collections: Option<Global>,
    /// The global that is the next free entry of the mark worklist; exported as `gc_worklist_ptr`.
    pub worklist: Option<Global>,
    /// Tells the bytes that are live; the glue's `$live_bytes`, exported as `live_bytes`, gives it.
    pub live_bytes: Option<LiveBytes>,
    /// What memory grows by, if that is not any number of pages.
    pub grows_by: Option<Chunk>,
}

/// What tells the bytes that are live.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LiveBytes {
    /// A global.
    Global(Global),
    /// A call.
    Call(Call),
}

/// How an object looks, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Object {
    /// Bytes before the payload that belong to the object.
    pub header: Option<u32>,
    /// Strides and payload addresses are multiples of this, counted from the heap's start and header, or from 0 where the start is not known.
    pub alignment: Option<u32>,
    /// Whether a fresh payload reads as zero.
    pub is_zeroed: Option<bool>,
    /// Where the requested size is recorded.
    pub size: Option<Field>,
    /// The mark in the header word.
    pub mark_mask: Option<u32>,
    /// Offset in a free payload of the link to the next one.
    pub free_link: Option<u32>,
    /// What stands for an object in a field, in a root and in a call.
    pub pointer: Pointer,
    /// What an allocation of nothing gives; an object where nothing is said.
    pub zero_size: Option<ZeroSize>,
}

/// The word that stands for an object, or for none, wherever the collector sees it. The mutator's library and the model know addresses; 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Pointer {
    /// The word for no object.
    pub null: u32,
    /// What is added to the address of an object.
    pub tag: u32,
}

impl Pointer {
    /// The word for the object at an address, or for none.
    #[must_use]
    pub const fn word(self, address: u32) -> u32 {
        if address == 0 { self.null } else { address.wrapping_add(self.tag) }
    }

    /// The address that a word stands for, or 0.
    #[must_use]
    pub const fn address(self, word: u32) -> u32 {
        if word == self.null { 0 } else { word.wrapping_sub(self.tag) }
    }

    /// Whether words are addresses, and 0.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        self.null == 0 && self.tag == 0
    }
}

/// What an allocation of no bytes gives. Where that is no object of its own, the glue asks for nothing, holds what comes against this (it executes
/// `unreachable` where it is something else), and gives the program an object of four bytes in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ZeroSize {
    /// An object like others.
    Object,
    /// Null.
    Null,
    /// Always the same address, which is in no other object.
    Shared,
}

impl Object {
    /// Whether the first word of a block, all of it, says what was asked for.
    #[must_use]
    pub fn begins_with_size(&self) -> bool {
        let begins =
            |size: Field| self.header.is_some_and(|header| header % 4 == 0 && size.offset == -header.cast_signed());
        self.size.is_some_and(|size| begins(size) && size.mask == u32::MAX)
    }
}

/// A field of an object's header: `(word at payload + offset & mask) >> shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    /// Bytes from the payload; headers are negative.
    pub offset: i32,
    /// Bits that are the field's.
    pub mask: u32,
    /// Bits below it.
    pub shift: u32,
}

/// A kind of objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// Which of its words are pointers.
    pub pointers: Pointers,
    /// The payload bytes of exactly this kind; none if it has any size.
    pub bytes: Option<u32>,
    /// How an object of this kind is allocated.
    pub alloc: Call,
}

/// Which words of a kind's payload are pointers: a request fits only if it has the same ones, because a precise collector takes all of them for
/// pointers and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pointers {
    /// No matter which.
    Any,
    /// None.
    None,
    /// Words `first`, `first + stride`, .. up to the payload's end, which is a whole number of words.
    Every {
        /// The first of them.
        first: u32,
        /// Words from one to the next, at least 1.
        stride: u32,
    },
    /// Words `first`, `first + stride`, .., as many as are asked for.
    Some {
        /// The first of them.
        first: u32,
        /// Words from one to the next, at least 1.
        stride: u32,
        /// As few as this.
        least: u32,
        /// As many as this.
        most: u32,
    },
    /// The last words of a payload that is cut to whole words, as many as are asked for.
    Last {
        /// As many as this.
        most: u32,
    },
}

/// Which words of a requested payload are pointers: `count` of them, `first`, `first + stride`, ..
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Payload bytes.
    pub size: u32,
    /// The first pointer's word.
    pub first: u32,
    /// Words from one pointer to the next.
    pub stride: u32,
    /// How many pointers.
    pub count: u32,
}

impl Kind {
    /// Whether a request can be an object of this kind; the glue's `$new` decides the same.
    #[must_use]
    pub fn fits(&self, request: Request) -> bool {
        let Request { size, first, stride, count } = request;
        let words = size / 4;
        let same = |f: u32, s: u32| count == 0 || first == f && (count == 1 || stride == s);
        self.bytes.is_none_or(|bytes| bytes == size)
            && match self.pointers {
                Pointers::Any => true,
                Pointers::None => count == 0,
                Pointers::Every { first: f, stride: s } => {
                    size.is_multiple_of(4) && count == words.saturating_sub(f).div_ceil(s) && same(f, s)
                }
                Pointers::Some { first: f, stride: s, least, most } => (least..=most).contains(&count) && same(f, s),
                Pointers::Last { most } => count <= most && same(words.wrapping_sub(count), 1),
            }
    }
}

/// How fields are stored and loaded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// How a pointer is stored.
    pub store: Accessor,
    /// How one is loaded.
    pub load: Accessor,
}

/// How a field is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Accessor {
    /// By a store or load of memory.
    Raw,
    /// By a call: a setter has the write barrier in it.
    Call(Call),
}

/// One of the ways in which roots are kept; those of a list are used together, slot i by the one of index i mod their number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Roots {
    /// How.
    pub kind: RootKind,
    /// Slots of this kind: a push beyond them is `unreachable`, before the collector sees anything of it.
    pub capacity: u32,
}

/// How roots are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RootKind {
    /// A stack in memory that the mutator writes and the collector scans.
    ShadowStack {
        /// The global that is the stack's top: the next free slot if it grows up, the last used one if it grows down.
        top: Global,
        /// The top of the empty stack.
        base: u32,
        /// Where it grows.
        grows: Direction,
    },
    /// A call for each object that is to be kept, and one that lets go.
    Pins {
        /// Keeps an object.
        pin: Function,
        /// Lets it go.
        unpin: Function,
        /// Whether an object can be pinned more than once, and is then to be unpinned as often. If not, the glue pins it once, however many slots hold it.
        is_reentrant: bool,
    },
    /// A stack behind calls.
    Calls {
        /// Pushes a root.
        push: Function,
        /// Pops one, or as many as it is told.
        pop: Function,
        /// Whether it is told.
        pops_many: bool,
        /// Writes a root by its index from the bottom. Without it what is above is popped, and pushed again.
        set: Option<Function>,
    },
    /// Numbered slots behind a call.
    Slots {
        /// Writes one: index, value.
        set: Function,
    },
    /// Words in memory that the collector scans.
    Table {
        /// The first of them.
        address: u32,
    },
    /// Not at all: nothing is ever freed.
    None,
}

impl RootKind {
    /// What a manifest calls it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ShadowStack { .. } => "shadow-stack",
            Self::Pins { .. } => "pins",
            Self::Calls { .. } => "calls",
            Self::Slots { .. } => "slots",
            Self::Table { .. } => "table",
            Self::None => "none",
        }
    }
}

/// Where a stack grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To higher addresses.
    Up,
    /// To lower ones.
    Down,
}

/// How it collects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Collect {
    /// A full collection; none if nothing that can be called collects.
    pub full: Option<Call>,
    /// A step of an incremental one.
    pub step: Option<Call>,
    /// A minor collection: it keeps all that is reachable and may leave any garbage.
    pub minor: Option<Call>,
    /// Whether allocation collects by itself.
    pub is_automatic: bool,
    /// Whether an allocation for which there is no memory collects before it gives up, if that is known.
    pub is_last_resort: Option<bool>,
}

/// What ends a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Traps {
    /// What an allocation does for which there is no memory; the glue makes `unreachable` of null.
    pub memory: Option<OutOfMemory>,
    /// Requests of so many bytes and more trap.
    pub size_limit: Option<u32>,
    /// Entries of the mark worklist, beyond which it may trap.
    pub worklist: Option<u32>,
}

/// What an allocation does for which there is no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutOfMemory {
    /// It traps.
    Trap,
    /// It gives 0.
    Null,
}

/// What is promised; what is not given is none, and what is said to be unknown is `Unknown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Promises {
    /// Which words keep an object alive.
    pub candidates: Option<Candidates>,
    /// Where objects are placed.
    pub placement: Option<Placement>,
    /// How memory grows.
    pub growth: Option<Growth>,
    /// How much memory garbage may hold.
    pub reclaim: Option<Reclaim>,
    /// What becomes of unreachable cycles.
    pub cycles: Option<Cycles>,
    /// Whether memory stops growing when the same work is done again and again; so it is where nothing is given.
    pub plateau: Option<bool>,
}

/// Which words keep an object alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Candidates {
    /// Pointer fields and roots, nothing else.
    Precise,
    /// Any word that looks like a payload of the heap by its place.
    Phase,
    /// Any word that is an allocated payload.
    AllocatedBase,
    /// It is not known.
    Unknown,
}

/// Where objects are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placement {
    /// First fit by recorded size.
    FirstFit,
    /// First fit by stride, split and merged.
    FirstFitSplit,
    /// It is not known.
    Unknown,
}

/// How memory grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Growth {
    /// By as many pages as are missing.
    Shortage,
    /// It is not known.
    Unknown,
}

/// How much memory garbage may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reclaim {
    /// Memory reaches no further than `factor * F + slack` bytes past the heap's start, where F are the bytes of heap with which first fit does,
    /// which collects when memory is exhausted. Judged where allocation collects by itself.
    Bounded {
        /// Times the heap of first fit.
        factor: u32,
        /// Bytes more.
        slack: u32,
    },
    /// Nothing is ever freed: that no collection freed anything is no reason for doubt.
    Nothing,
    /// It is not known.
    Unknown,
}

/// What becomes of unreachable cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cycles {
    /// They are collected.
    Collected,
    /// They stay.
    Leaked,
}

/// Another module that is used in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Build {
    /// Its name.
    pub name: String,
    /// Whether it has a mistake in it that must be found: a mutant.
    pub is_mutant: bool,
    /// Its module.
    pub module: PathBuf,
    /// How it is made.
    pub recipe: Option<String>,
}
