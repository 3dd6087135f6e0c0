//! What a manifest leaves open, and what that costs.

use super::super::Manifest;
use super::super::parts::{Accessor, OutOfMemory, Reclaim};

/// Something that a manifest does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is not said.
    pub what: &'static str,
    /// What is not judged for it, or not reached.
    pub cost: &'static str,
    /// How it is said.
    pub say: &'static str,
}

/// Fewer slots than this end many programs early.
const FEW_SLOTS: u64 = 64;

/// What this manifest leaves open. What the built-in tells that it is like is not open.
#[must_use]
pub fn missing(manifest: &Manifest) -> Vec<Missing> {
    let mut all = Vec::new();
    let mut open = |is_open: bool, what, cost, say| {
        if is_open {
            all.push(Missing { what, cost, say });
        }
    };
    let (heap, object, promises) = (&manifest.heap, &manifest.object, &manifest.promises);
    let alike = manifest.like.is_some();
    let has_slots = manifest.roots.iter().any(|roots| roots.kind.name() != "none");
    open(!has_slots, "no roots", "only what is freed at once can be seen: nothing says what must live", "[[roots]]");
    open(
        has_slots && manifest.root_slots() < FEW_SLOTS,
        "few root slots",
        "programs with more roots end there",
        "a greater `capacity` in [[roots]], or the smallest of them left out",
    );
    open(
        manifest.collect.full.is_none(),
        "no collection",
        "nothing is collected when a program asks for it: what is freed too early, and what leaks, shows only where allocation collects",
        "[collect] full",
    );
    open(heap.start.is_none(), "no heap start", "placement, growth, tiling and leaks are not judged", "[heap] start");
    open(heap.end.is_none(), "no heap end", "placement, growth and tiling are not judged", "[heap] end");
    open(
        heap.free_list.is_none(),
        "no free list",
        "an object that is freed too early shows only when its place is given away again",
        "[heap] free_list, and [object] free_link",
    );
    open(
        object.size.is_none() && !alike,
        "no recorded size",
        "whether blocks tile the heap is not judged",
        "[object] header and size",
    );
    open(
        object.is_zeroed.is_none() && !alike,
        "nothing on zeroing",
        "old bytes in fresh objects are not seen",
        "[object] zeroed",
    );
    open(
        manifest.access.store == Accessor::Raw,
        "no setter",
        "a write barrier is not used, and a missing one not seen",
        "[access] store",
    );
    open(
        manifest.collect.step.is_none(),
        "no step",
        "collections are whole: nothing happens between the parts of one, unless allocation does a part",
        "[collect] step",
    );
    open(
        promises.candidates.is_none() && !alike,
        "no promise what keeps objects",
        "garbage that lives on is not seen, and a trap is judged only where memory shows why",
        "[promises] candidates",
    );
    open(
        promises.placement.is_none() && !alike,
        "no placement policy",
        "objects may be anywhere",
        "[promises] placement",
    );
    open(promises.growth.is_none() && !alike, "no growth policy", "memory may grow as it likes", "[promises] growth");
    open(
        !matches!(promises.reclaim, Some(Reclaim::Bounded { .. } | Reclaim::Nothing)),
        "no bound on garbage",
        "a leak is seen only where memory grows without end",
        "[promises] reclaim",
    );
    let memory: Option<OutOfMemory> = manifest.traps.memory;
    open(memory.is_none() && !alike, "nothing on full memory", "null and a trap both pass for it", "[traps] memory");
    all
}
