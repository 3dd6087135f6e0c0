//! What the harness knows of a collector under test: one description of parameters, layout, roots, promises and rules.
//!
//! Model, lowering and judge read this and never ask which collector it is. [`Promises`] say what *must* be true and are
//! all that the model knows. [`Rules`] say what one release *does*, bugs included; they exist for built-in runtimes only,
//! whose WAT ([`super::emit`]) and byte-exact emulator ([`crate::emulator`]) are both written from them.
//!
//! # The wrap table, and what is promised of it
//! An object can be the *wrapper* of a *handle*, a number by which a host knows a resource. A collector whose [`Parameters::wraps`] is not
//! 0 has a table of so many entries of [`WRAP_ENTRY`] bytes between worklist and heap: address of the wrapper, kind, handle, zero. It promises:
//! - *No live release*: the handle of a reachable object is never released.
//! - *Once*: a handle is released at most once, with the kind it was registered with, and only if it was registered.
//! - *In time and order*: each collection releases the handles of the wrappers that it frees, in the order of registration, before
//!   anything else is registered. What a conservative collector keeps, it does not release.
//! - *Table*: it holds what was registered and not released, in the order of registration, without holes.
//! - *Full*: a registration for which there is no room collects once, with its object as one more root (so that a full root stack traps), and
//!   traps only if there is no room then.
//! - *Handles are no pointers*: the word of an object that holds its handle keeps nothing alive. Compiled programs write it with bit
//!   31 set since v0.0.155 ([`HandleForm::Tagged`]); before, it looked like an address from some number of handles on (#578).
//!
//! # Collectors of others
//! A module that is not ours has a manifest ([`super::manifest`]), and no [`Rules`] unless the manifest says that those of a built-in are its own.
//! What it does not promise is not judged: [`PlacementPolicy::Unknown`], [`GrowthPolicy::Unknown`] and [`Candidates::Unknown`] leave
//! what holds of any collector.

use super::manifest::{Manifest, Pointer, Reclaim};
pub use super::rules::*;
use crate::outcome::Outcome;
use heapsmith_generators::Machine;
use std::sync::Arc;

/// Bytes of a WebAssembly page.
pub const PAGE: u32 = 65_536;
/// Pages that a memory may have at most in a campaign: 256 MiB, so that images of three executions fit into an ordinary machine.
pub const MAX_PAGES: u32 = 4_096;
/// Pages that a memory may have at most where a case or a person asks for it: all that 32 bits address. Beyond [`MAX_PAGES`] a memory is
/// *giant*: its engine maps it on demand, and there is one trial at a time.
pub const MOST_PAGES: u32 = 65_536;
/// The page limit where neither the program nor the user gives one. Vera itself declares none; a harness must.
pub const DEFAULT_MAX_PAGES: u32 = 256;
/// No allocation may end beyond this address ([`AddressRule::Checked`]), whether memory would have to grow for it or not. Without the
/// rule 32 bits are all that is promised: the heap may reach 2^32, and may not pass it. A lower one can be asked for, so that small memories reach it.
pub const ADDRESS_LIMIT: u32 = 1 << 31;
/// Names of the mutable globals that every built-in runtime has, in the order of [`crate::outcome::Outcome::globals`]; see also
/// [`Description::globals`].
pub const GLOBALS: [&str; 5] = ["heap_ptr", "gc_sp", "gc_free_head", "gc_worklist_ptr", "gc_collections"];
/// Name of the mutable global that a wrap table has after [`GLOBALS`]: the end of its entries.
pub const WRAP_GLOBAL: &str = "gc_wrap_ptr";
/// Bytes of an entry of the wrap table.
pub const WRAP_ENTRY: u32 = 16;

/// What a mutable global tells, where the collector has such a one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The heap's end.
    HeapEnd,
    /// The top of the root stack.
    RootTop,
    /// The first payload on the free list.
    FreeHead,
    /// The end of what stands in the mark worklist.
    Worklist,
    /// How many collections there were.
    Collections,
    /// The end of the wrap table's entries.
    Wraps,
}

impl Role {
    /// Those of [`GLOBALS`], in their order.
    pub const OF_GLOBALS: [Self; GLOBALS.len()] =
        [Self::HeapEnd, Self::RootTop, Self::FreeHead, Self::Worklist, Self::Collections];
}

/// Names of the mutable globals that [`WorklistFull::Rescan`] has after those.
pub const RESCAN_GLOBALS: [&str; 2] = ["gc_dirty_lo", "gc_dirty_hi"];

/// Byte `i` of the static data of a built-in runtime.
#[must_use]
pub const fn data_byte(i: u32) -> u8 {
    (i.wrapping_mul(37).wrapping_add(11) & 0xFF) as u8
}

/// Bytes after which static data repeats.
const DATA_PERIOD: usize = 256;

/// One period of [`data_byte`].
const DATA: [u8; DATA_PERIOD] = {
    let mut bytes = [0; DATA_PERIOD];
    let mut i = 0;
    while i < DATA_PERIOD {
        bytes[i] = data_byte(i as u32);
        i += 1;
    }
    bytes
};

/// Whether bytes from address 0 on are static data, every one of them.
#[must_use]
pub fn is_data(bytes: &[u8]) -> bool {
    let (periods, rest) = bytes.as_chunks::<DATA_PERIOD>();
    periods.iter().all(|period| *period == DATA) && DATA.starts_with(rest)
}

/// A collector under test with its parameters resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The runtime's name without parameters, such as `vera@0.0.131`.
    pub name: String,
    /// What it is, in one line.
    pub summary: String,
    /// Sizes of its regions and limits of its memory.
    pub parameters: Parameters,
    /// Where its regions are.
    pub regions: Regions,
    /// How a block looks.
    pub object: ObjectLayout,
    /// What must be true.
    pub promises: Promises,
    /// What this release does: of built-in runtimes, and of modules of which it is claimed.
    pub rules: Option<Rules>,
    /// What it is allowed to be bad at: counted and shown, never a violation.
    pub characteristics: Vec<Characteristic>,
    /// The edit that its text has; no emulator describes it then.
    pub edit: Option<super::Edit>,
    /// The module, where it is not one of ours.
    pub module: Option<Arc<Manifest>>,
    /// The modules whose kinds each object must be of one of, where the same program runs on several collectors; empty: the own module alone.
    pub among: Vec<Arc<Manifest>>,
}

/// Sizes of regions and limits of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// Bytes of static data from address 0; not aligned.
    pub data_end: u32,
    /// Entries of the mark worklist (4 bytes each).
    pub worklist: u32,
    /// Slots of the root stack (4 bytes each).
    pub roots: u32,
    /// Pages of memory at the start.
    pub initial_pages: u32,
    /// Pages of memory at most.
    pub max_pages: u32,
    /// Entries of the wrap table ([`WRAP_ENTRY`] bytes each); 0 where there is none.
    pub wraps: u32,
    /// No allocation may end beyond this address, where the rules are [`AddressRule::Checked`].
    pub address_limit: u32,
}

/// The regions of a collector's memory; each is `[start, end)` in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Regions {
    /// The root stack; it grows up.
    pub roots: (u32, u32),
    /// The mark worklist; it grows up.
    pub worklist: (u32, u32),
    /// The wrap table; empty where there is none.
    pub wraps: (u32, u32),
    /// The bitmap of object starts; empty where there is none.
    pub bitmap: (u32, u32),
    /// First byte of the heap.
    pub heap_start: u32,
}

/// How a block looks. A block is a header, then the payload, then padding up to the stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectLayout {
    /// Bytes from the start of a block to its payload.
    pub header_bytes: u32,
    /// Strides are multiples of this.
    pub stride_unit: u32,
    /// The header word holds the requested size shifted left by this; bits below are the collector's own.
    pub size_shift: u32,
    /// The mark bit in the header word (no promise between collections).
    pub mark_mask: u32,
    /// Offset in the payload of a free block's link to the next free payload (0 ends).
    pub free_link: u32,
}

impl ObjectLayout {
    /// Bytes from one block to the next for a payload of `size` bytes, in 64 bits so that nothing wraps. A payload has a byte at least, whatever is asked
    /// for: what names it is its address, which nothing else may have.
    #[must_use]
    pub const fn stride(&self, size: u32) -> u64 {
        self.extent(if size == 0 { 1 } else { size })
    }

    /// Bytes from one block to the next where a header records `size` bytes.
    #[must_use]
    pub const fn extent(&self, size: u32) -> u64 {
        let unit = self.stride_unit as u64;
        (size as u64 + self.header_bytes as u64).div_ceil(unit) * unit
    }
}

/// What must happen when a capacity is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFull {
    /// An `unreachable` trap, at exactly that push.
    Trap,
    /// Nothing is lost and nothing traps: the object is marked, and what it points to is found by another scan (the mark worklist only).
    Rescan,
}

/// What must be true of a collector; all that the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Promises {
    /// Whether a fresh payload reads as zero up to its stride.
    pub zeroing: Zeroing,
    /// Requests of this many bytes and more trap `unreachable`.
    pub size_limit: u32,
    /// No block ends beyond this address, however large memory is: what lies above it is no room, so a request that would need it
    /// collects, as where memory ends, and traps `unreachable` if that did not help.
    pub address_limit: u64,
    /// What happens when the mark worklist is full.
    pub worklist_full: OnFull,
    /// When an object is marked, which decides how often it can stand in the worklist.
    pub mark_at: MarkAt,
    /// Which words keep an object alive beside real pointers.
    pub candidates: Candidates,
    /// Where objects are placed.
    pub placement: PlacementPolicy,
    /// How much memory is asked for when it runs out.
    pub growth: GrowthPolicy,
    /// How much work all of this may take.
    pub work: Work,
}

/// How much work a collector may do: instructions, counted by an engine as fuel, never seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// What the declared policies need, up to a constant factor: so much for each word, block, root slot and node of the free list that
    /// they visit, and for each 4 KiB of heap where object starts are proved.
    Proportional,
    /// Nothing is promised, but that every program ends.
    Unpromised,
}

/// Whether fresh payloads are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Zeroing {
    /// Nothing is promised: old bytes may show.
    Unpromised,
    /// Zero up to the stride.
    Zeroed,
    /// Zero up to the last byte that was asked for.
    Payload,
}

impl Zeroing {
    /// Bytes from the start of a payload of `size` bytes, in a block with room for `words`, that are promised to be zero.
    #[must_use]
    pub const fn bytes(self, size: u32, words: u32) -> u32 {
        match self {
            Self::Unpromised => 0,
            Self::Zeroed => 4 * words,
            Self::Payload => size,
        }
    }
}

/// Which words of roots and payloads a conservative collector takes for pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Candidates {
    /// Any word inside the heap on the phase of a payload; nothing proves that an object starts there. The model is exact until
    /// such a word that is no block's payload is scanned.
    Phase,
    /// Only words that are the payload of an allocated block.
    AllocatedBase,
    /// None: only pointer fields and roots are looked at.
    Precise,
    /// Nobody knows. What else is kept is not judged.
    Unknown,
}

/// Where objects are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlacementPolicy {
    /// First fit by recorded size over a free list that each sweep rebuilds in descending address order, no split, no merge; then a bump; a
    /// collection when the bump would pass the end of memory, and only then.
    FirstFit,
    /// First fit by stride over a free list that each sweep rebuilds in descending address order from the maximal runs of free blocks, each run
    /// one block. What is left of a block stands on the list in its place. Then a bump, and a collection, as in [`PlacementPolicy::FirstFit`].
    FirstFitSplit,
    /// Nobody knows where: addresses are not judged.
    Unknown,
}

/// How much memory is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrowthPolicy {
    /// As many pages as the shortage needs, no more.
    Shortage,
    /// Nobody knows how much: pages are not judged.
    Unknown,
}

/// What a collector is allowed to be bad at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Characteristic {
    /// Copies of one pointer fill the worklist.
    Duplicates,
    /// A recycled, unwritten block keeps what its old link leads to.
    StaleLink,
    /// A small request can consume a large free block.
    NoSplit,
    /// A collection for each page of growth, so that work grows with the square of a live heap.
    CollectionPerGrowth,
    /// An allocation may search the whole free list, so that work grows with the product of allocations and free blocks.
    SearchOfWholeList,
    /// What does not fit into the worklist is looked for by walks over a range of the heap, as often as that happens.
    RepeatedScans,
}

impl Characteristic {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicates => "duplicates",
            Self::StaleLink => "stale-link",
            Self::NoSplit => "no-split",
            Self::CollectionPerGrowth => "collection-per-growth",
            Self::SearchOfWholeList => "search-of-whole-list",
            Self::RepeatedScans => "repeated-scans",
        }
    }
}

impl Description {
    /// What stands for an object where the collector sees it: its address, unless a manifest says otherwise.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        self.module.as_ref().map_or_else(Pointer::default, |module| module.object.pointer)
    }

    /// Whether its memory may become giant: larger than [`MAX_PAGES`].
    #[must_use]
    pub const fn is_giant(&self) -> bool {
        self.parameters.max_pages > MAX_PAGES
    }

    /// Pages that there are when a program starts.
    #[must_use]
    pub fn ready_pages(&self) -> u32 {
        let ready = self.module.as_ref().map_or(0, |module| module.memory.ready_pages);
        self.parameters.initial_pages.max(ready)
    }

    /// Bytes that memory of so many pages grows by at least: where there is no room for as many it does not grow at all, however few are needed.
    #[must_use]
    pub fn least_growth(&self, pages: u32) -> u64 {
        let chunk = self.module.as_ref().and_then(|module| module.heap.grows_by);
        chunk.map_or(0, |chunk| u64::from(chunk.least(pages)) * u64::from(PAGE))
    }

    /// Whether a program can have memory that grows; `is_pinned`: parameters were given with the collector's name.
    #[must_use]
    pub fn may_grow(&self, is_pinned: bool) -> bool {
        let p = self.parameters;
        match &self.module {
            _ if is_pinned => p.max_pages > self.ready_pages(),
            None => true,
            Some(module) if module.memory.is_fixed => p.max_pages > self.ready_pages(),
            Some(module) => module.memory.declared_pages > self.ready_pages(),
        }
    }

    /// Names of its mutable globals, in the order of [`Outcome::globals`]: [`GLOBALS`], with a wrap table
    /// [`WRAP_GLOBAL`], then those of its rules; of a module that is not ours, those that its manifest exports.
    #[must_use]
    pub fn globals(&self) -> Vec<&str> {
        if let Some(module) = &self.module {
            return module.globals().iter().map(String::as_str).collect();
        }
        let more: &[&str] = match self.rules.map(|rules| rules.worklist_full) {
            None | Some(WorklistFull::Drop | WorklistFull::Trap) => &[],
            Some(WorklistFull::Rescan) => &RESCAN_GLOBALS,
        };
        let wraps: &[&str] = if self.parameters.wraps > 0 { &[WRAP_GLOBAL] } else { &[] };
        GLOBALS.iter().chain(wraps).chain(more).copied().collect()
    }

    /// Where a global stands in [`Outcome::globals`], if the collector has it.
    #[must_use]
    pub fn index_of(&self, role: Role) -> Option<usize> {
        match &self.module {
            Some(module) => {
                let name = GLOBALS.get(Role::OF_GLOBALS.iter().position(|own| *own == role)?)?;
                module.globals().iter().position(|own| own == name)
            }
            None if role == Role::Wraps => (self.parameters.wraps > 0).then_some(GLOBALS.len()),
            None => Role::OF_GLOBALS.iter().position(|own| *own == role),
        }
    }

    /// The name of the global with this role, if the collector has it.
    #[must_use]
    pub fn name_of(&self, role: Role) -> Option<&str> {
        self.globals().get(self.index_of(role)?).copied()
    }

    /// What a global of the collector says, if it has it.
    #[must_use]
    pub fn global(&self, outcome: &Outcome, role: Role) -> Option<u32> {
        outcome.globals.get(self.index_of(role)?).copied()
    }

    /// How programs write a handle.
    #[must_use]
    pub fn handles(&self) -> HandleForm {
        self.rules.map_or(HandleForm::Tagged, |rules| rules.handles)
    }

    /// Whether the promises let one predict addresses, growth and traps; else only what holds of any collector is judged.
    #[must_use]
    pub fn is_predictable(&self) -> bool {
        let p = self.promises;
        self.module.as_ref().is_none_or(|module| !module.has_steps() && !module.has_minor())
            && p.placement != PlacementPolicy::Unknown
            && p.growth != GrowthPolicy::Unknown
            && p.candidates != Candidates::Unknown
    }

    /// Whether the word before each payload tells its block's size and mark.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        self.module.as_ref().is_none_or(|module| {
            module.like.is_some() || module.heap.start.is_some() && module.object.begins_with_size()
        })
    }

    /// Where payloads may be: the address of the first one, and what addresses from there on are multiples of. The model's objects are of whole words;
    /// those of others need not be.
    #[must_use]
    pub fn payloads(&self) -> (u32, u32) {
        let told = self.module.as_ref().map(|module| (module.object, module.heap.start.is_some()));
        let header = told.filter(|(_, knows_start)| *knows_start).and_then(|(object, _)| object.header);
        let unit = told.and_then(|(object, _)| object.alignment).unwrap_or(self.object.stride_unit);
        (self.regions.heap_start.saturating_add(header.unwrap_or(self.object.header_bytes)), unit)
    }

    /// Whether a collection ever frees anything.
    #[must_use]
    pub fn frees(&self) -> bool {
        self.module.as_ref().is_none_or(|module| module.promises.reclaim != Some(Reclaim::Nothing))
    }

    /// Whether it can be seen that anything was collected: by a function that is called, or a global that counts.
    #[must_use]
    pub fn counts_collections(&self) -> bool {
        let counts = |module: &Manifest| module.collect.full.is_some() || module.heap.collections.is_some();
        self.module.as_deref().is_none_or(counts)
    }

    /// Whether it is known where a mark worklist is.
    #[must_use]
    pub const fn has_worklist(&self) -> bool {
        self.regions.worklist.0 < self.regions.worklist.1
    }

    /// Whether rules are known that say, bit for bit, what its code does.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        self.edit.is_none() && self.rules.is_some() && self.module.as_ref().is_none_or(|module| module.is_emulated)
    }

    /// `alloc`, `collect` and the other operations of a built-in runtime read these machine parameters; see [`mod@super::builtin`].
    #[must_use]
    pub fn machine(&self) -> Machine {
        let p = self.parameters;
        Machine {
            data_end: Some(p.data_end),
            worklist: Some(p.worklist),
            roots: Some(p.roots),
            initial_pages: Some(p.initial_pages),
            max_pages: Some(p.max_pages),
            wraps: (p.wraps > 0).then_some(p.wraps),
        }
    }
}
