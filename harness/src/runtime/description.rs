//! What the harness knows of a collector under test: one description of parameters, layout, roots, promises and rules.
//!
//! Model, lowering and judge read this and never ask which collector it is. [`Promises`] say what *must* be true and are
//! all that the model knows. [`Rules`] say what one release *does*, bugs included; they exist for built-in runtimes only,
//! whose WAT ([`super::emit`]) and byte-exact emulator ([`crate::emulator`]) are both written from them.
//!
//! # The rules, step by step
//! All arithmetic is on unsigned 32-bit words and wraps unless a rule says otherwise. `load` and `store` are unaligned
//! 4-byte accesses that trap when out of bounds. `recorded(h)` is `h >> 1`, with [`SizeBits::Sixteen`] its low 16 bits.
//! `stride(n)` is `(n + 11) & !7`. Mutable globals, in this order: `heap_ptr` (starts at the heap start), `gc_sp` (starts
//! at the root stack's base), `gc_free_head` (0), `gc_worklist_ptr` (starts at the worklist's base), `gc_collections` (0); where there is a
//! wrap table `gc_wrap_ptr` (starts at its base); with [`WorklistFull::Rescan`] `gc_dirty_lo` (0xffffffff) and `gc_dirty_hi` (0), the range of
//! payloads whose fields are still to be scanned, empty while `gc_dirty_lo > gc_dirty_hi`. They are exported, compared and reset like the others,
//! on the runtimes that have them.
//!
//! `alloc(size) -> payload`
//! 1. [`SizeGuard::TopBit`]: trap if bit 31 of `size` is set. `total = stride(size)`.
//! 2. *First fit*: `prev = 0, cur = gc_free_head`; while `cur != 0`: `n = recorded(load(cur - 4))`; if it fits: take it, with
//!    [`Reuse::Zeroed`] store 0 to each word from `cur` up to `cur + stride(m) - 4`, return `cur`. Else `prev = cur, cur = load(cur)`.
//!    - [`Fit::Whole`]: fits if `n >= size`. Take: unlink (`gc_free_head = load(cur)` if `prev == 0`, else `store(prev, load(cur))`),
//!      `m = n`, `store(cur - 4, m << 1)`.
//!    - [`Fit::Split`]: fits if `stride(n) >= total`, so that padding counts as room. Take: `next = load(cur)`, `rest = stride(n) - total`; if `rest != 0`
//!      (it is at least 8: a header and 4 bytes): `r = cur + total`, `store(r - 4, (rest - 4) << 1)`, `store(r, next)`, `next = r`: the remainder
//!      stands on the list where the block stood. Then `gc_free_head = next` if `prev == 0`, else `store(prev, next)`; `m = size`,
//!      `store(cur - 4, m << 1)`: the header records what was asked for. Of a remainder only header and link are written: it is zeroed when it is reused.
//! 3. *Exhausted* if `heap_ptr + total > pages << 16` (with [`AddressRule::Checked`] in 64 bits, and no more than 2^31 counts of the pages): collect; step 2 again; then, if
//!    it is still exhausted: with [`AddressRule::Checked`] trap if `heap_ptr + total > 2^31`; grow by 1 page ([`Growth::OnePage`]) or by
//!    `(shortage + 65535) >> 16` pages where `shortage = heap_ptr + total - (pages << 16)` ([`Growth::Shortage`]); trap if the
//!    growth is refused. No further check.
//! 4. `store(heap_ptr, size << 1)`, then `heap_ptr += total`, return the old `heap_ptr + 4`.
//!
//! `gc_collect()`: `gc_collections += 1`, then the phases in this order.
//! - *clear*: [`CandidateTest::Bitmap`] first stores 0 to the bytes of the bitmap that describe `[heap_start, heap_ptr)`, that is
//!   `((heap_ptr - heap_start) / 8 + 7) / 8` bytes from its base. Then for each block header `p` from `heap_start`, while `p < heap_ptr`: `h = load(p)`,
//!   `store(p, h & !1)`, (bitmap: set bit `i = (p - heap_start) / 8`: bit `i % 8` of byte `i / 8`), `p += stride(recorded(h))`. Bitmap: then walk the
//!   free list and clear the bit of each block on it.
//! - *seed*: `gc_worklist_ptr = worklist base`; for each slot `s` from the root stack's base while `s < gc_sp`, step 4: `v = load(s)`; if `candidate(v)`, push.
//!   With [`MarkAt::Push`] only if also bit 0 of `load(v - 4)` is clear.
//! - *mark*: while `gc_worklist_ptr > worklist base`: `gc_worklist_ptr -= 4`, `v = load(gc_worklist_ptr)`, `h = load(v - 4)`, `n = recorded(h)`.
//!   [`Extent::Checked`]: skip v if `v + n > heap_ptr`. [`MarkAt::Pop`]: skip v if bit 0 of `h` is set, else `store(v - 4, h | 1)`. `scan(v, n)`.
//! - *rescan* ([`WorklistFull::Rescan`] only): while `gc_dirty_lo <= gc_dirty_hi`: `p = gc_dirty_lo - 4, end = gc_dirty_hi`, then `gc_dirty_lo = 0xffffffff`,
//!   `gc_dirty_hi = 0`; while `p < end`: `h = load(p)`, `n = recorded(h)`; if bit 0 of `h` is set: `scan(p + 4, n)`, then mark until the worklist is
//!   empty; `p += stride(n)`. What is pushed in vain meanwhile makes the range anew, for the next round. (The end is the payload of the last
//!   block in the range, so that its header, 4 bytes below, is the last one visited.)
//! - *release* (only with a wrap table): `read = write = wrap base`; while `read < gc_wrap_ptr`: `p = load(read)`, `k = load(read + 4)`,
//!   `d = load(read + 8)`; if bit 0 of `load(p - 4)` is set: `store(write, p)`, `store(write + 4, k)`, `store(write + 8, d)`,
//!   `store(write + 12, 0)`, `write += 16`; else call the import `host_decref_handle(k, d)`. Then `read += 16`. At the end `gc_wrap_ptr = write`.
//! - *sweep*, [`Sweep::Blocks`]: `gc_free_head = 0`; for each header `p` as in clear: `h = load(p)`; if bit 0 is clear: `store(p + 4, gc_free_head)`, then
//!   `gc_free_head = p + 4`.
//! - *sweep*, [`Sweep::Runs`]: `gc_free_head = 0, run = 0`; for each header `p` as in clear: `h = load(p)`; if bit 0 is clear: `run = p` if `run == 0`; else
//!   free the run. After the last block free the run, which then reaches the heap's end: `heap_ptr` never goes back. *Free the run*: if `run != 0`:
//!   `store(run, (p - run - 4) << 1)`, `store(run + 4, gc_free_head)`, `gc_free_head = run + 4`, `run = 0`, where `p` is the header after the run. Free blocks,
//!   remainders included, are unmarked, so they join the run that they stand in; what was inside a run is no block any more (its old headers
//!   stay as bytes), and bits in the bitmap need no care: the next collection sets them anew, from the headers that there are.
//!
//! `scan(v, n)`: for `off = 0, 4, ..` while `off < n` ([`Extent::Checked`]: stop when `v + off + 4 > heap_ptr`): `w = load(v + off)`; if `candidate(w)`
//! and bit 0 of `load(w - 4)` is clear, push w.
//!
//! `push(v)`: if `gc_worklist_ptr >= worklist end`: trap ([`WorklistFull::Trap`]), or return ([`WorklistFull::Drop`]), or, with [`WorklistFull::Rescan`],
//! `store(v - 4, load(v - 4) | 1)`, `gc_dirty_lo = v` if `v < gc_dirty_lo`, `gc_dirty_hi = v` if `v > gc_dirty_hi`, return. [`MarkAt::Push`]:
//! `store(v - 4, load(v - 4) | 1)`. Then `store(gc_worklist_ptr, v)`, `gc_worklist_ptr += 4`.
//!
//! `candidate(v)`: `v >= heap_start + 4` and `v < heap_ptr` and `(v - heap_start) & 7 == 4`; [`CandidateTest::Bitmap`]: and the bit of block `v - 4`
//! is set; [`CandidateTest::Walk`]: and the walk by strides from `heap_start` arrives exactly at `v - 4` (nothing moves, but it is slow).
//!
//! `root_push(v)`: [`RootsFull::Trap`]: trap if `gc_sp >= root stack limit`. `store(gc_sp, v)`, `gc_sp += 4`.
//! `root_set(slot, v)`: `store(base + 4 * slot, v)`. `frame_save() -> gc_sp`. `frame_restore(sp)`: `gc_sp = sp`.
//!
//! `register_wrapper(ptr, kind, handle)` (only with a wrap table): if `gc_wrap_ptr >= wrap end`: `root_push(ptr)`, collect, `gc_sp -= 4`,
//! and trap if still `gc_wrap_ptr >= wrap end`. Then `store(gc_wrap_ptr, ptr)`, `store(gc_wrap_ptr + 4, kind)`,
//! `store(gc_wrap_ptr + 8, handle)`, `store(gc_wrap_ptr + 12, 0)`, `gc_wrap_ptr += 16`.
//!
//! Every trap above is `unreachable`. Bytes `[0, data_end)` hold static data ([`data_byte`]).
//! Loops whose bound is an address compare unsigned before each step, so one whose bound has wrapped below its start does nothing; walks
//! by strides test `p < heap_ptr` (or `p < v - 4`) and go on wherever a wrapped `p` leads; clearing the bits of free blocks clears a
//! block's bit before its link is loaded.
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

use super::manifest::{Field, Manifest};
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
    /// Words of a payload of `size` bytes, in a block with room for `words`, that are promised to be zero.
    #[must_use]
    pub const fn words(self, size: u32, words: u32) -> u32 {
        match self {
            Self::Unpromised => 0,
            Self::Zeroed => words,
            Self::Payload => size / 4,
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

/// What one release does. See the module's documentation for the exact steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// A push to a full worklist.
    pub worklist_full: WorklistFull,
    /// A push to a full root stack.
    pub roots_full: RootsFull,
    /// Memory growth.
    pub growth: Growth,
    /// The candidate test.
    pub candidates: CandidateTest,
    /// Whether the collector checks a candidate's extent against the heap's end (#515).
    pub extent: Extent,
    /// How many bits of a recorded size readers honour (#484).
    pub size_bits: SizeBits,
    /// Whether `alloc` refuses sizes with bit 31.
    pub size_guard: SizeGuard,
    /// Whether `heap_ptr + total` may wrap.
    pub address: AddressRule,
    /// When an object is marked.
    pub mark_at: MarkAt,
    /// What a block from the free list looks like.
    pub reuse: Reuse,
    /// Which free block serves a request, and how much of it.
    pub fit: Fit,
    /// What the sweep makes of neighbours.
    pub sweep: Sweep,
    /// How many pages the module starts with when nothing else is asked for.
    pub initial_pages: InitialPages,
    /// How the programs of this release write a handle; nothing without a wrap table.
    pub handles: HandleForm,
}

/// A push to a full worklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorklistFull {
    /// It is dropped in silence (#348).
    Drop,
    /// It traps.
    Trap,
    /// The object is marked and put into the dirty range, which is scanned again when the worklist is empty (v0.2).
    Rescan,
}

/// A push to a full root stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RootsFull {
    /// Nothing stops it (#464).
    Unguarded,
    /// It traps.
    Trap,
}

/// Memory growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Growth {
    /// One page whatever is needed (#487).
    OnePage,
    /// The shortage rounded up to pages.
    Shortage,
}

/// The candidate test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateTest {
    /// Range and phase only (#1382).
    Phase,
    /// And a bit in the bitmap of object starts.
    Bitmap,
    /// And a heap walk that arrives there: the correct form that leaves the layout alone, for counterfactuals.
    Walk,
}

/// Whether a candidate's extent is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// It is not (#515).
    Unchecked,
    /// It is.
    Checked,
}

/// Bits of a recorded size that readers honour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SizeBits {
    /// 16 (#484).
    Sixteen,
    /// 31.
    ThirtyOne,
}

/// The guard of `alloc` on its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SizeGuard {
    /// None.
    None,
    /// Trap if bit 31 is set.
    TopBit,
}

/// Address arithmetic of `alloc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressRule {
    /// 32 bits, wrapping.
    Wrapping,
    /// 64 bits, and nothing ends above 2 GiB, in memory that is larger from the start neither.
    Checked,
}

/// When an object is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarkAt {
    /// When it is popped: duplicates occupy the worklist.
    Pop,
    /// When it is pushed: an object is pushed once.
    Push,
}

/// A block from the free list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reuse {
    /// As it was left, the old link in its first word.
    Dirty,
    /// Zero up to its stride.
    Zeroed,
}

/// How a free block serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Whole, if its recorded size is enough.
    Whole,
    /// By its lower part, if its stride is enough; the rest stays free.
    Split,
}

/// What the sweep puts on the free list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sweep {
    /// Each unmarked block.
    Blocks,
    /// Each maximal run of unmarked blocks, as one block.
    Runs,
}

/// Pages at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InitialPages {
    /// One.
    One,
    /// As many as cover all regions before the heap.
    CoverRegions,
}

/// A host handle as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandleForm {
    /// Its number: from the heap's start on it looks like an address (#578).
    Raw,
    /// Its number with bit 31 set, which is no address below 2 GiB.
    Tagged,
}

impl HandleForm {
    /// The word of the handle with this number.
    #[must_use]
    pub const fn word(self, number: u32) -> u32 {
        match self {
            Self::Raw => number,
            Self::Tagged => number | 1 << 31,
        }
    }
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
    /// Whether its memory may become giant: larger than [`MAX_PAGES`].
    #[must_use]
    pub const fn is_giant(&self) -> bool {
        self.parameters.max_pages > MAX_PAGES
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
        self.module.as_ref().is_none_or(|module| !module.has_steps())
            && p.placement != PlacementPolicy::Unknown
            && p.growth != GrowthPolicy::Unknown
            && p.candidates != Candidates::Unknown
    }

    /// Whether the word before each payload tells its block's size and mark.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        self.module.as_ref().is_none_or(|module| {
            let at_start =
                |field: Field| field.offset == -self.object.header_bytes.cast_signed() && field.mask == u32::MAX;
            module.like.is_some() || module.heap.start.is_some() && module.object.size.is_some_and(at_start)
        })
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
