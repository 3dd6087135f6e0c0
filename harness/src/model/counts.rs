//! How often a collector showed what it is allowed to be bad at, counted from what the model knows exactly.
//!
//! Nothing is counted from the first false candidate on. Each number is a consequence of the declared policies, so that the engines
//! confirm it wherever they show what the model expects.

use super::heap::ShadowHeap;
use super::{BlockId, Content, Exactness};
use crate::runtime::description::{Candidates, Characteristic, MarkAt};

/// What characteristics cost, over one program or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Programs that ended in a full worklist only because copies of pointers stood in it: had each object been marked when it was pushed,
    /// no push of that collection would have been one too many.
    pub copies: u64,
    /// Objects that a collection kept and would have freed but for links of the free list in recycled blocks that nobody wrote to, summed
    /// over all collections.
    pub retained: u64,
    /// Bytes of free blocks handed out beyond the stride of the request, because blocks are not split.
    pub slack: u64,
    /// Collections before a growth of memory that freed no object.
    pub fruitless: u64,
    /// Free blocks that searches of the free list passed over because they are too small.
    pub passed_over: u64,
    /// Walks over a range of the heap for what a full worklist put off.
    pub rescans: u64,
}

impl Counts {
    /// One line that says the numbers of these characteristics; none where there are none.
    ///
    /// ```
    /// # use heapsmith::{model::Counts, runtime::description::Characteristic};
    /// let counts = Counts { slack: 8, ..Counts::default() };
    /// assert_eq!(counts.line(&[Characteristic::NoSplit]).unwrap(), "characteristics: 8 bytes handed out beyond requests");
    /// assert_eq!(counts.line(&[]), None);
    /// ```
    #[must_use]
    pub fn line(&self, declared: &[Characteristic]) -> Option<String> {
        let say = |&c: &Characteristic| {
            let what = match c {
                Characteristic::Duplicates => "programs trapped because of copies alone",
                Characteristic::StaleLink => "objects kept by stale links",
                Characteristic::NoSplit => "bytes handed out beyond requests",
                Characteristic::CollectionPerGrowth => "collections that freed nothing before a growth",
                Characteristic::SearchOfWholeList => "free blocks passed over",
                Characteristic::RepeatedScans => "walks for what a full worklist put off",
            };
            format!("{} {what}", self.of(c))
        };
        let all: Vec<String> = declared.iter().map(say).collect();
        (!all.is_empty()).then(|| format!("characteristics: {}", all.join(", ")))
    }

    /// The number that belongs to a characteristic.
    #[must_use]
    pub const fn of(&self, characteristic: Characteristic) -> u64 {
        match characteristic {
            Characteristic::Duplicates => self.copies,
            Characteristic::StaleLink => self.retained,
            Characteristic::NoSplit => self.slack,
            Characteristic::CollectionPerGrowth => self.fruitless,
            Characteristic::SearchOfWholeList => self.passed_over,
            Characteristic::RepeatedScans => self.rescans,
        }
    }

    /// Adds the numbers of other programs.
    pub const fn add(&mut self, other: &Self) {
        self.copies += other.copies;
        self.retained += other.retained;
        self.slack += other.slack;
        self.fruitless += other.fruitless;
        self.passed_over += other.passed_over;
        self.rescans += other.rescans;
    }
}

impl ShadowHeap {
    /// Counts a free block that is handed out whole for a request of `size` bytes.
    pub(super) fn count_slack(&mut self, id: BlockId, size: u32) {
        if self.exactness == Exactness::Exact {
            let slack = self.object.stride(self.block(id).recorded).saturating_sub(self.object.stride(size));
            self.counts.slack += slack;
        }
    }

    /// Counts a free block that is too small for a request.
    #[inline]
    pub(super) fn count_passed_over(&mut self) {
        self.counts.passed_over += u64::from(self.exactness == Exactness::Exact);
    }

    /// Counts a walk for what a full worklist put off.
    pub(super) fn count_rescan(&mut self) {
        self.counts.rescans += u64::from(self.exactness == Exactness::Exact);
    }

    /// Counts a growth of memory after the last collection.
    pub(super) fn count_growth(&mut self) {
        if self.exactness == Exactness::Exact && self.freed_nothing {
            self.counts.fruitless += 1;
        }
    }

    /// Looks at a heap that is marked and not yet swept: is anything freed, and what is kept by stale links alone?
    pub(super) fn count_marked(&mut self, roots: &[Option<BlockId>]) {
        let epoch = self.marking.epoch;
        let freed_nothing = self.blocks().all(|b| b.free || b.marked == epoch);
        self.freed_nothing = freed_nothing;
        let mut recycled = std::mem::take(&mut self.recycled);
        let kept = |id: BlockId| self.block(id).marked == epoch;
        if self.exactness != Exactness::Exact {
            recycled.clear();
        }
        // Recycled blocks in use whose link is still there; where none of the links keeps anything there is nothing to compare.
        recycled.retain(|&id| kept(id) && self.stale_link(id).is_some());
        let any = recycled.iter().any(|&id| self.stale_link(id).and_then(|link| self.at(link)).is_some_and(kept));
        self.recycled = recycled;
        if any {
            let marked = self.blocks().filter(|b| b.marked == epoch).count() as u64;
            let needed =
                self.closure(roots, usize::MAX, |heap, id| heap.stale_link(id).map(|_| heap.object.free_link / 4));
            self.counts.retained += marked - needed.unwrap_or(marked);
        }
    }

    /// Looks at a collection that must trap because the worklist is full: would it have ended well without copies?
    pub(super) fn count_trap(&mut self, roots: &[Option<BlockId>], capacity: usize) {
        if self.promises.mark_at == MarkAt::Pop && self.closure(roots, capacity, |_, _| None).is_some() {
            self.counts.copies += 1;
        }
    }

    /// The link of the free list that a block in use still holds, because nobody wrote there.
    fn stale_link(&self, id: BlockId) -> Option<u32> {
        let word = self.object.free_link / 4;
        match self.word(id, word) {
            (Content::Unwritten, link) if link != 0 && word < self.block(id).recorded.div_ceil(4) => Some(link),
            (
                Content::Unwritten
                | Content::Data
                | Content::Pointer
                | Content::Symbol
                | Content::Handle
                | Content::Tail,
                _,
            ) => None,
        }
    }

    /// Objects that a collection with marks at push reaches, without the word of each block that `skip` names; none if more than
    /// `capacity` of them would stand in its worklist at once, or if it meets a false candidate.
    fn closure(
        &mut self,
        roots: &[Option<BlockId>],
        capacity: usize,
        skip: impl Fn(&Self, BlockId) -> Option<u32>,
    ) -> Option<u64> {
        let mut worklist = std::mem::take(&mut self.stack);
        worklist.clear();
        self.sight += 1;
        let mut reached = 0;
        let mut whole = roots.iter().flatten().all(|&id| self.see(id, capacity, &mut worklist, &mut reached));
        while whole && let Some(id) = worklist.pop() {
            let (start, end) = (self.start(id), self.start(id) + self.block(id).recorded.div_ceil(4));
            let hole = skip(self, id).map_or(end, |word| start + word);
            let values = self.words.written(start, hole).chain(self.words.written((hole + 1).min(end), end));
            let candidates: Vec<u32> =
                values.flat_map(|(values, _)| values).copied().filter(|&v| self.may_be_object(v)).collect();
            whole = candidates.into_iter().all(|v| match (self.at(v), self.promises.candidates) {
                (Some(target), Candidates::AllocatedBase | Candidates::Precise) if self.block(target).free => true,
                (Some(target), _) => self.see(target, capacity, &mut worklist, &mut reached),
                (None, Candidates::AllocatedBase | Candidates::Precise) => true,
                (None, Candidates::Phase | Candidates::Unknown) => false,
            });
        }
        // What was left when it stopped early is nobody's business: the stack is shared, and empty between uses.
        worklist.clear();
        self.stack = worklist;
        whole.then_some(reached)
    }

    fn may_be_object(&self, v: u32) -> bool {
        v >= self.index.low() && u64::from(v) < self.heap_end() && self.index.on_phase(v)
    }

    /// Pushes an object if it was not seen yet; says whether there was room for it.
    fn see(&mut self, id: BlockId, capacity: usize, worklist: &mut Vec<BlockId>, reached: &mut u64) -> bool {
        let block = &mut self.blocks[id as usize];
        if block.seen == self.sight {
            return true;
        }
        let room = worklist.len() < capacity;
        if room {
            block.seen = self.sight;
            worklist.push(id);
            *reached += 1;
        }
        room
    }
}
