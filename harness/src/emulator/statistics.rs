//! What happened inside the collector during one execution, for explanations; nothing is judged from it.

/// Counts since [`begin`](super::Emulator::begin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Allocations served by the free list at once.
    pub listed: u32,
    /// Allocations served by a bump at once.
    pub bumped: u32,
    /// Allocations served by the free list after the collection that exhaustion forced.
    pub collected_then_listed: u32,
    /// Allocations served by a bump after collection and growth.
    pub collected_then_bumped: u32,
    /// Allocations refused because of their size alone.
    pub refused_sizes: u32,
    /// Allocations refused because they would pass the address limit or because memory may not grow.
    pub refused_growths: u32,
    /// Successful calls of `memory.grow`.
    pub growths: u32,
    /// Pages gained by them.
    pub pages_grown: u32,
    /// Most pages gained by one of them.
    pub largest_growth: u32,
    /// Collections begun, forced or asked for.
    pub collections: u32,
    /// Marks set, over all collections; with a bogus candidate that is more than objects marked.
    pub marked: u64,
    /// Blocks put on the free list by sweeps, over all collections.
    pub freed: u64,
    /// Blocks put on the free list by the last sweep.
    pub last_freed: u32,
    /// Pushes to the worklist, over all collections.
    pub pushed: u64,
    /// Pushes dropped because the worklist was full.
    pub dropped: u64,
    /// Pushes put off into the dirty range because the worklist was full.
    pub deferred: u64,
    /// Walks over a dirty range.
    pub rescans: u64,
    /// Most entries that stood in the worklist at once.
    pub deepest_worklist: u32,
    /// Nodes of the free list visited by `alloc`.
    pub list_visits: u64,
    /// Most root slots in use at the start of a collection.
    pub most_roots: u32,
    /// Free blocks that were split.
    pub splits: u64,
    /// Remainders by strides of 8 bytes: 8 bytes, 16, and so on; the last entry counts all that are larger.
    pub remainders: [u64; 9],
    /// Free blocks that left no remainder although their recorded size was not the one asked for.
    pub refits: u64,
    /// Runs of two free blocks and more that became one.
    pub merged_runs: u64,
    /// Blocks in these runs.
    pub merged_blocks: u64,
    /// Such runs that reached the heap's end.
    pub runs_at_the_end: u64,
}

impl Statistics {
    /// Counts a free block that served a request and left `rest` bytes.
    pub(super) const fn took(&mut self, recorded: u32, size: u32, rest: u32) {
        if rest == 0 {
            self.refits += (recorded != size) as u64;
            return;
        }
        self.splits += 1;
        let strides = (rest / 8) as usize;
        let last = self.remainders.len();
        self.remainders[if strides < last { strides - 1 } else { last - 1 }] += 1;
    }
}
