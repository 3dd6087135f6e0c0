//! What one release of a built-in collector does, bugs included.
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
//! Every trap above is `unreachable`. Bytes `[0, data_end)` hold static data ([`data_byte`](super::description::data_byte)).
//! Loops whose bound is an address compare unsigned before each step, so one whose bound has wrapped below its start does nothing; walks
//! by strides test `p < heap_ptr` (or `p < v - 4`) and go on wherever a wrapped `p` leads; clearing the bits of free blocks clears a
//! block's bit before its link is loaded.

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
