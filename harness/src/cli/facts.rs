//! What a description says, in words: rules, promises, characteristics, and the oracles that follow from the promises.

use heapsmith::bench::grouped;
use heapsmith::runtime::description::{
    AddressRule, CandidateTest, Candidates, Characteristic, Description, Extent, Fit, Growth, GrowthPolicy,
    InitialPages, MarkAt, OnFull, PlacementPolicy, Promises, Reuse, RootsFull, Rules, SizeBits, SizeGuard, Sweep, Work,
    WorklistFull, Zeroing,
};
use serde::Serialize;

/// One fact: what it is about, and what is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Fact {
    pub(super) about: &'static str,
    pub(super) text: String,
}

fn fact(about: &'static str, text: impl Into<String>) -> Fact {
    Fact { about, text: text.into() }
}

/// What the release does.
pub(super) fn rules(r: &Rules) -> Vec<Fact> {
    vec![
        fact(
            "full worklist",
            match r.worklist_full {
                WorklistFull::Drop => "the push is dropped in silence (#348)",
                WorklistFull::Trap => "`unreachable`",
                WorklistFull::Rescan => "the object is marked, and a range of the heap that has it is scanned again",
            },
        ),
        fact(
            "full root stack",
            match r.roots_full {
                RootsFull::Unguarded => "the push runs on into the worklist (#464)",
                RootsFull::Trap => "`unreachable`",
            },
        ),
        fact(
            "growth",
            match r.growth {
                Growth::OnePage => "one page, whatever is needed (#487)",
                Growth::Shortage => "the shortage, rounded up to pages",
            },
        ),
        fact(
            "candidates",
            match r.candidates {
                CandidateTest::Phase => "any word inside the heap on the phase of a payload (#1382)",
                CandidateTest::Bitmap => "only what the bitmap of object starts proves to be an object",
                CandidateTest::Walk => "only what a walk over the heap proves to be an object",
            },
        ),
        fact(
            "extent",
            match r.extent {
                Extent::Unchecked => "a candidate's end is not checked (#515)",
                Extent::Checked => "a candidate that ends beyond the heap is skipped",
            },
        ),
        fact(
            "recorded size",
            match r.size_bits {
                SizeBits::Sixteen => "16 bits are honoured (#484)",
                SizeBits::ThirtyOne => "31 bits are honoured",
            },
        ),
        fact(
            "size guard",
            match r.size_guard {
                SizeGuard::None => "none",
                SizeGuard::TopBit => "sizes with bit 31 trap `unreachable`",
            },
        ),
        fact(
            "addresses",
            match r.address {
                AddressRule::Wrapping => "the heap's end may wrap past 2^32",
                AddressRule::Checked => "computed in 64 bits; beyond 2 GiB `unreachable`",
            },
        ),
        fact(
            "marking",
            match r.mark_at {
                MarkAt::Pop => "when an object is popped from the worklist",
                MarkAt::Push => "when an object is pushed to the worklist",
            },
        ),
        fact(
            "fit",
            match r.fit {
                Fit::Whole => "a free block of enough recorded bytes serves a request whole",
                Fit::Split => "the lower part of a free block of enough stride; the rest stays free in its place",
            },
        ),
        fact(
            "sweep",
            match r.sweep {
                Sweep::Blocks => "each unmarked block is a free block",
                Sweep::Runs => "each run of unmarked blocks becomes one free block",
            },
        ),
        fact(
            "reuse",
            match r.reuse {
                Reuse::Dirty => "a recycled block keeps its old bytes and link",
                Reuse::Zeroed => "a recycled block is zeroed up to its stride",
            },
        ),
        fact(
            "initial pages",
            match r.initial_pages {
                InitialPages::One => "one",
                InitialPages::CoverRegions => "enough to cover every region before the heap",
            },
        ),
    ]
}

/// What must be true.
pub(super) fn promises(p: &Promises) -> Vec<Fact> {
    vec![
        fact(
            "full worklist",
            match p.worklist_full {
                OnFull::Trap => "`unreachable`, at exactly that push",
                OnFull::Rescan => "nothing is lost, and nothing traps",
            },
        ),
        fact(
            "marking",
            match p.mark_at {
                MarkAt::Pop => "when popped: copies of a pointer may fill the worklist",
                MarkAt::Push => "when pushed: an object stands in the worklist once",
            },
        ),
        fact(
            "kept alive by",
            match p.candidates {
                Candidates::Phase => {
                    "pointers, and any word on the phase of a payload in the heap (if it is none: a false candidate)"
                }
                Candidates::AllocatedBase => "pointers, and any word that equals the payload of an allocated block",
                Candidates::Precise => "roots and pointer fields, and nothing else",
                Candidates::Unknown => "pointers, and nobody knows what else",
            },
        ),
        fact(
            "placement",
            match p.placement {
                PlacementPolicy::FirstFit => {
                    "first fit by recorded size, then a bump; a collection only when memory runs out"
                }
                PlacementPolicy::FirstFitSplit => {
                    "first fit by stride, the rest stays free; the sweep merges; then a bump; a collection only when memory runs out"
                }
                PlacementPolicy::Unknown => "anywhere",
            },
        ),
        fact(
            "growth",
            match p.growth {
                GrowthPolicy::Shortage => "as many pages as the shortage needs, no more",
                GrowthPolicy::Unknown => "any number of pages",
            },
        ),
        fact(
            "fresh payloads",
            match p.zeroing {
                Zeroing::Unpromised => "may show old bytes",
                Zeroing::Zeroed => "read as zero up to the stride",
                Zeroing::Payload => "read as zero up to the last byte that was asked for",
            },
        ),
        fact(
            "size limit",
            format!("requests of {} bytes and more trap `unreachable`", grouped(u64::from(p.size_limit))),
        ),
        fact("address limit", format!("no block ends beyond {}", grouped(p.address_limit))),
        fact(
            "work",
            match p.work {
                Work::Proportional => "so much for each word, block, root and free-list node that these policies visit",
                Work::Unpromised => "unlimited, if it ends",
            },
        ),
    ]
}

/// What it is allowed to be bad at.
pub(super) fn characteristic(c: Characteristic) -> Fact {
    match c {
        Characteristic::Duplicates => fact("duplicates", "copies of one pointer fill the worklist"),
        Characteristic::StaleLink => fact("stale link", "a recycled, unwritten block keeps what its old link leads to"),
        Characteristic::NoSplit => fact("no split", "a small request can consume a large free block"),
        Characteristic::CollectionPerGrowth => fact("growth", "a collection for each time that memory grows"),
        Characteristic::SearchOfWholeList => fact("search", "an allocation may search the whole free list"),
        Characteristic::RepeatedScans => {
            fact("rescans", "what does not fit into the worklist costs walks over a range of the heap")
        }
    }
}

/// What the judge looks at, and how exactly.
pub(super) fn oracles(d: &Description) -> Vec<Fact> {
    let exactly = match d.promises.candidates {
        Candidates::Phase => "exact until a false candidate",
        Candidates::AllocatedBase | Candidates::Precise => "exact",
        Candidates::Unknown => "not judged",
    };
    let policy = match d.promises.placement {
        PlacementPolicy::FirstFit | PlacementPolicy::FirstFitSplit => {
            format!("{exactly}: the address of every object, the order of the free list")
        }
        PlacementPolicy::Unknown => "not judged".to_owned(),
    };
    let growth = match d.promises.growth {
        GrowthPolicy::Shortage => format!("{exactly}: the number of pages"),
        GrowthPolicy::Unknown => "not judged".to_owned(),
    };
    let traps = match d.promises.candidates {
        Candidates::Phase => "both ways, at the exact op; after a false candidate a full worklist or memory may trap",
        Candidates::AllocatedBase | Candidates::Precise => {
            "both ways: none that is not demanded, and each that is, at the exact op"
        }
        Candidates::Unknown => "only where memory shows why: a limit is reached",
    };
    let mut all = vec![
        fact("contents", "every byte written to a reachable object, always"),
        fact("overlap", "live objects share no byte, always"),
        fact("engines", "every word of memory, every global, the log and the trap are the same"),
        fact("emulator", "the same, predicted bit for bit from the rules; a difference is the harness's fault"),
        fact("traps", traps),
        fact("placement", policy),
        fact("growth", growth),
        fact("garbage", format!("{exactly}: what is unreachable is free, what is reachable is not")),
        fact("heap shape", "blocks tile the heap; the free list ends; root stack and static data are intact"),
        fact(
            "zeroing",
            match d.promises.zeroing {
                Zeroing::Unpromised => "off: not promised",
                Zeroing::Zeroed | Zeroing::Payload => "every byte of a fresh payload (op `check_zero`)",
            },
        ),
        fact(
            "work",
            match d.promises.work {
                Work::Proportional => {
                    format!("{exactly}: at most four times the fuel that the policies need, on the first engine")
                }
                Work::Unpromised => "off: not promised".to_owned(),
            },
        ),
        fact("end", "every program ends within 16 times its budget of fuel"),
    ];
    if d.parameters.wraps > 0 {
        all.push(fact(
            "handles",
            format!(
                "none of a reachable object is released, none twice, always; {exactly}: which, when, in which order"
            ),
        ));
    }
    all
}
