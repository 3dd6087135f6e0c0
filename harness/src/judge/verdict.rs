//! The verdict on one execution: one closed enum, matched whole everywhere.

use crate::model::TrapRule;
use crate::outcome::{Release, Trap};
use serde::Serialize;

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every promise was kept to the program's end.
    Pass,
    /// It ended in an `unreachable` trap that the promises allow there, and every promise was kept until then.
    AllowedTrap(Allowance),
    /// A promise was broken.
    Violation(Box<Violation>),
    /// Nothing can be said.
    Inconclusive(Inconclusive),
    /// The harness contradicts itself: its emulator of a built-in runtime disagrees with engines that agree.
    Untrusted(Box<Disagreement>),
}

/// Why a trap is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Allowance {
    /// The model demanded it at exactly this step.
    Must(TrapRule),
    /// After a false candidate a full worklist or a refused growth is allowed, and not demanded.
    May,
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inconclusive {
    /// One engine ran out of fuel at 16 times its budget and another one did not.
    FuelOnOneEngine,
    /// An engine failed for a reason of its own (it could not allocate memory, say).
    EngineFailed,
    /// An engine without fuel was killed because its time was over.
    EngineKilled,
    /// The program asks for more work than is modelled.
    TooMuchWork,
}

impl Inconclusive {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::FuelOnOneEngine, Self::EngineFailed, Self::EngineKilled, Self::TooMuchWork];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FuelOnOneEngine => "fuel-on-one-engine",
            Self::EngineFailed => "engine-failed",
            Self::EngineKilled => "engine-killed",
            Self::TooMuchWork => "too-much-work",
        }
    }
}

/// A disagreement between engines and emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// What both were asked for.
    pub what: String,
    /// What the emulator has.
    pub emulator: String,
    /// What the engines have.
    pub engines: String,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub kind: Kind,
    /// The step after or in which it was seen.
    pub step: u32,
    /// Where the collector stood.
    pub phase: Phase,
    /// What must be.
    pub expected: String,
    /// What is.
    pub found: String,
    /// The object concerned.
    pub object: Option<Subject>,
    /// Words of memory that are not what they must be (at most [`MAX_BROKEN_WORDS`]).
    pub words: Vec<BrokenWord>,
    /// Log indices of the allocations of two objects that share memory.
    pub shared: Option<(u32, u32)>,
    /// The release of a handle that is concerned: one that happened, or one that did not.
    pub released: Option<Release>,
    /// Where engines disagree: who sides with whom.
    pub adjudication: Option<Adjudication>,
    /// The text of the [`crate::metamorphic::Variant`] in whose run it was seen; none: the program's own run.
    pub variant: Option<String>,
}

/// Who sides with whom where engines disagree, and who is the odd one out.
///
/// A voice is an engine, or `emulator`: the native emulator of an unedited built-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adjudication {
    /// Engines of the run that are outside the largest group, in their order; empty where no group is the only largest one.
    #[serde(rename = "odd_one_out")]
    pub odd: Vec<&'static str>,
    /// Voices that agree in everything, the largest group first.
    pub groups: Vec<Vec<&'static str>>,
    /// Voices that were asked only because the engines of the run could not decide, in the order of asking.
    pub adjudicators: Vec<&'static str>,
    /// Engines that were asked and could not say.
    pub silent: Vec<Silent>,
}

/// An engine that was asked and could not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// Its name.
    pub engine: &'static str,
    /// Why.
    pub why: String,
}

impl Adjudication {
    /// The decision in a few words.
    #[must_use]
    pub fn text(&self) -> String {
        match self.odd.as_slice() {
            [] => "nobody can decide between them".to_owned(),
            [odd] => format!("the odd one out is {odd}"),
            odd => format!("the odd ones out are {}", odd.join(" and ")),
        }
    }

    /// The groups as a person reads them.
    #[must_use]
    pub fn sides(&self) -> String {
        let group = |group: &Vec<&str>| match group.as_slice() {
            [alone] => format!("{alone} alone"),
            group => group.join(" = "),
        };
        self.groups.iter().map(group).collect::<Vec<_>>().join("; ")
    }
}

/// Words that a violation lists at most.
pub const MAX_BROKEN_WORDS: usize = 16;

/// An object that a violation concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// How it is reached from a root, such as `r3.0.5`.
    pub path: String,
    /// Address of its payload.
    pub address: u32,
    /// Payload bytes.
    pub size: u32,
}

/// A word of memory that is not what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BrokenWord {
    /// Its address.
    pub address: u32,
    /// What must be there.
    pub expected: u32,
    /// What is there.
    pub found: u32,
}

/// Which promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A reachable object was freed.
    SilentFree,
    /// A reachable payload changed.
    CorruptPayload,
    /// A fresh payload is not zero.
    NotZeroed,
    /// Two live objects share memory.
    Overlap,
    /// An object is not aligned.
    Misaligned,
    /// A memory access was out of bounds.
    OutOfBounds,
    /// An object was handed out that ends beyond memory.
    BlockOutOfBounds,
    /// A trap where none is allowed.
    UnexpectedTrap(Trap),
    /// No trap where one is promised.
    MissingTrap(TrapRule),
    /// Headers do not tile the heap, or a recorded size is wrong.
    BrokenHeap,
    /// The free list is cyclic or leaves the block starts.
    BrokenFreeList,
    /// Garbage was kept.
    Leak,
    /// The free list is not the one that the policy makes.
    FreeListPolicy,
    /// An object is not where the placement policy puts it.
    WrongPlacement,
    /// Memory did not grow by what the policy asks for.
    WrongGrowth,
    /// A collection happened, or did not happen, against the policy.
    CollectionPolicy,
    /// The root stack is not what the mutator left.
    BrokenRoots,
    /// Static data changed.
    BrokenData,
    /// The handle of a reachable object was released.
    ReleasedLive,
    /// A handle was released twice.
    DoubleRelease,
    /// A handle was released that was never registered, or with another kind.
    UnknownRelease,
    /// The handle of an object that was freed was not released.
    HandleLeak,
    /// Handles were released in another order than they were registered in.
    ReleaseOrder,
    /// The wrap table does not hold what was registered and not released.
    BrokenWrapTable,
    /// The program does not end.
    Hang,
    /// It ends, but takes more work than the declared policies need.
    Slow,
    /// Two engines disagree.
    EngineDivergence,
    /// Contents depend on what they may not depend on; see [`crate::metamorphic`].
    ScheduleDependence,
}

/// One kind of each name.
const KINDS: [Kind; 28] = [
    Kind::SilentFree,
    Kind::CorruptPayload,
    Kind::NotZeroed,
    Kind::Overlap,
    Kind::Misaligned,
    Kind::OutOfBounds,
    Kind::BlockOutOfBounds,
    Kind::UnexpectedTrap(Trap::Unreachable),
    Kind::MissingTrap(TrapRule::WorklistFull),
    Kind::BrokenHeap,
    Kind::BrokenFreeList,
    Kind::Leak,
    Kind::FreeListPolicy,
    Kind::WrongPlacement,
    Kind::WrongGrowth,
    Kind::CollectionPolicy,
    Kind::BrokenRoots,
    Kind::BrokenData,
    Kind::ReleasedLive,
    Kind::DoubleRelease,
    Kind::UnknownRelease,
    Kind::HandleLeak,
    Kind::ReleaseOrder,
    Kind::BrokenWrapTable,
    Kind::Hang,
    Kind::Slow,
    Kind::EngineDivergence,
    Kind::ScheduleDependence,
];

impl Kind {
    /// The names that kinds have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().map(Self::name)
    }

    /// A stable name for buckets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SilentFree => "silent-free",
            Self::CorruptPayload => "corrupt-payload",
            Self::NotZeroed => "not-zeroed",
            Self::Overlap => "overlap",
            Self::Misaligned => "misaligned",
            Self::OutOfBounds => "out-of-bounds",
            Self::BlockOutOfBounds => "block-out-of-bounds",
            Self::UnexpectedTrap(_) => "unexpected-trap",
            Self::MissingTrap(_) => "missing-trap",
            Self::BrokenHeap => "broken-heap",
            Self::BrokenFreeList => "broken-free-list",
            Self::Leak => "leak",
            Self::FreeListPolicy => "free-list-policy",
            Self::WrongPlacement => "wrong-placement",
            Self::WrongGrowth => "wrong-growth",
            Self::CollectionPolicy => "collection-policy",
            Self::BrokenRoots => "broken-roots",
            Self::BrokenData => "broken-data",
            Self::ReleasedLive => "released-live",
            Self::DoubleRelease => "double-release",
            Self::UnknownRelease => "unknown-release",
            Self::HandleLeak => "handle-leak",
            Self::ReleaseOrder => "release-order",
            Self::BrokenWrapTable => "broken-wrap-table",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::EngineDivergence => "engine-divergence",
            Self::ScheduleDependence => "schedule-dependence",
        }
    }

    /// The stable name, with the trap or the rule in brackets where the kind has one.
    #[must_use]
    pub fn full_name(self) -> String {
        match self {
            Self::UnexpectedTrap(trap) => format!("{}({})", self.name(), trap.name()),
            Self::MissingTrap(rule) => format!("{}({})", self.name(), rule.name()),
            Self::SilentFree
            | Self::CorruptPayload
            | Self::NotZeroed
            | Self::Overlap
            | Self::Misaligned
            | Self::OutOfBounds
            | Self::BlockOutOfBounds
            | Self::BrokenHeap
            | Self::BrokenFreeList
            | Self::Leak
            | Self::FreeListPolicy
            | Self::WrongPlacement
            | Self::WrongGrowth
            | Self::CollectionPolicy
            | Self::BrokenRoots
            | Self::BrokenData
            | Self::ReleasedLive
            | Self::DoubleRelease
            | Self::UnknownRelease
            | Self::HandleLeak
            | Self::ReleaseOrder
            | Self::BrokenWrapTable
            | Self::Hang
            | Self::Slow
            | Self::EngineDivergence
            | Self::ScheduleDependence => self.name().to_owned(),
        }
    }

    /// The promise, as a sentence.
    #[must_use]
    pub const fn promise(self) -> &'static str {
        match self {
            Self::SilentFree => "an object that is reachable from a root is never freed",
            Self::CorruptPayload => "the payload of a reachable object changes only when the mutator writes to it",
            Self::NotZeroed => "a fresh payload reads as zero up to its stride",
            Self::Overlap => "two live objects share no byte",
            Self::Misaligned => "a payload is aligned as the layout says",
            Self::OutOfBounds => "no operation touches memory out of bounds; `unreachable` is the only trap",
            Self::BlockOutOfBounds => "an allocation that returns has memory under all of its payload",
            Self::UnexpectedTrap(_) => "an operation traps only where a limit is reached",
            Self::MissingTrap(_) => "an operation that reaches a limit traps `unreachable`",
            Self::BrokenHeap => "blocks tile the heap, each with the size it was made with",
            Self::BrokenFreeList => "the free list is acyclic and holds starts of blocks",
            Self::Leak => "a collection frees everything that no root and no candidate word reaches",
            Self::FreeListPolicy => "the free list is in the declared order",
            Self::WrongPlacement => "an allocation takes the place that the declared policy gives it",
            Self::WrongGrowth => "memory grows by exactly the pages that the shortage needs",
            Self::CollectionPolicy => "a collection happens when memory is exhausted or when asked for, and only then",
            Self::BrokenRoots => "the root stack holds what the mutator pushed",
            Self::BrokenData => "static data never changes",
            Self::ReleasedLive => "the handle of a reachable object is never released",
            Self::DoubleRelease => "a handle is released at most once",
            Self::UnknownRelease => "a handle is released only if it was registered, and with its kind",
            Self::HandleLeak => "a collection releases the handle of each wrapper that it frees",
            Self::ReleaseOrder => "handles are released in the order of registration",
            Self::BrokenWrapTable => {
                "the wrap table holds what was registered and not released, in order and without holes"
            }
            Self::Hang => "every program ends",
            Self::Slow => "work stays within what the declared policies need",
            Self::EngineDivergence => "every engine gives the same outcome",
            Self::ScheduleDependence => {
                "contents do not depend on when collections happen, where the heap starts, how large the worklist is, what dead memory holds, or on \
                 which of two equivalent collectors runs"
            }
        }
    }
}

/// Where the collector stood when the promise was broken, as far as memory, globals and a backtrace tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The mutator itself, no allocator or collector at work.
    Mutator,
    /// The allocator, from the free list.
    List,
    /// The allocator, moving the heap's end.
    Bump,
    /// The allocator, growing memory.
    Grow,
    /// A collection.
    Collect,
    /// A push to the root stack.
    RootPush,
    /// A registration in the wrap table.
    Register,
    /// Not known.
    Unknown,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Mutator,
        Self::List,
        Self::Bump,
        Self::Grow,
        Self::Collect,
        Self::RootPush,
        Self::Register,
        Self::Unknown,
    ];

    /// A stable name for buckets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mutator => "mutator",
            Self::List => "list",
            Self::Bump => "bump",
            Self::Grow => "grow",
            Self::Collect => "collect",
            Self::RootPush => "root-push",
            Self::Register => "register",
            Self::Unknown => "unknown",
        }
    }
}
