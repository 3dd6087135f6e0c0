//! What one execution of a plan did: how it ended, what the mutator saw, and what it left in memory.

use serde::Serialize;

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum End {
    /// Every step was executed.
    #[default]
    Finished,
    /// A wasm trap.
    Trapped(Trap),
    /// The fuel given to the execution ran out.
    OutOfFuel,
}

/// The traps of core WebAssembly, which every engine reports alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trap {
    /// `unreachable` was executed: the one trap a built-in collector may take.
    Unreachable,
    /// A memory access out of bounds.
    MemoryOutOfBounds,
    /// A table access out of bounds.
    TableOutOfBounds,
    /// A call through a null table entry.
    IndirectCallToNull,
    /// A call through a table entry of another type.
    BadSignature,
    /// Integer division by zero.
    IntegerDivisionByZero,
    /// Integer overflow.
    IntegerOverflow,
    /// Conversion of a number that the integer type does not have.
    BadConversionToInteger,
    /// The native stack is exhausted.
    StackOverflow,
}

impl Trap {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::MemoryOutOfBounds,
        Self::TableOutOfBounds,
        Self::IndirectCallToNull,
        Self::BadSignature,
        Self::IntegerDivisionByZero,
        Self::IntegerOverflow,
        Self::BadConversionToInteger,
        Self::StackOverflow,
    ];

    /// What the specification's test scripts call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::MemoryOutOfBounds => "out of bounds memory access",
            Self::TableOutOfBounds => "undefined element",
            Self::IndirectCallToNull => "uninitialized element",
            Self::BadSignature => "indirect call type mismatch",
            Self::IntegerDivisionByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::BadConversionToInteger => "invalid conversion to integer",
            Self::StackOverflow => "call stack exhausted",
        }
    }
}

/// What one execution of a plan did, but for its memory.
///
/// The memory is read through whoever executed it: an engine's instance or the emulator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Index of the step that trapped; the number of steps when it finished.
    pub step: u32,
    /// What the mutator saw, word by word: each allocation's address, each loaded pointer, each digest.
    pub log: Vec<u32>,
    /// Pages of the collector's memory at the end.
    pub pages: u32,
    /// Mutable globals in the order of the description.
    pub globals: Vec<u32>,
    /// Handles that the collector released, in order; of a collector without a wrap table none.
    pub releases: Vec<Release>,
    /// Releases beyond as many as a lowering has room for: a collector that keeps its promises never comes so far.
    pub surplus_releases: u32,
}

impl Outcome {
    /// The last step that was begun; 0 where there was none.
    #[must_use]
    pub const fn last_step(&self) -> u32 {
        match self.end {
            End::Finished => self.step.saturating_sub(1),
            End::Trapped(_) | End::OutOfFuel => self.step,
        }
    }
}

/// A handle that a collector gave back to its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Release {
    /// Index of the step in which it happened.
    pub step: u32,
    /// The kind that the collector gave.
    pub kind: u32,
    /// The handle.
    pub handle: u32,
}
