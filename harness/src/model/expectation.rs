//! What an execution of a plan must show, as far as the model predicts it.

use super::TrapRule;
use crate::outcome::Release;

/// What one word of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// The address of a fresh object.
    Allocation {
        /// Payload bytes asked for.
        size: u32,
    },
    /// A pointer loaded from a field: the log index of the object's allocation, none for null.
    Pointer(Option<u32>),
    /// A digest of written bytes; after the model ceased to be exact, the range of [`Expectation::snapshots`] that it covers.
    Digest(Option<(u32, u32)>),
    /// A digest of bytes that must be zero.
    Zero,
}

/// One word, or one byte, of a digest that is computed when addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotWord {
    /// The word, or the offset to add to the base.
    pub value: u32,
    /// Log index of the allocation whose address is the base.
    pub base: Option<u32>,
}

/// A trap that must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedTrap {
    /// The step.
    pub step: u32,
    /// Why.
    pub rule: TrapRule,
}

/// What an execution of the plan must show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The log, word by word; addresses are virtual.
    pub log: Vec<u32>,
    /// What each word of the log is.
    pub kinds: Vec<Logged>,
    /// Where the log stands before each step, and at the end.
    pub log_at: Vec<u32>,
    /// Handles that must be released, in order; exact as long as the model is.
    pub releases: Vec<Release>,
    /// Words behind inexact digests.
    pub snapshots: Vec<SnapshotWord>,
    /// The trap that must happen; the plan ends with its step.
    pub trap: Option<ExpectedTrap>,
    /// Whether the model gave up in the last step, because the program asks for too much work.
    pub too_much_work: bool,
    /// The step in which the model ceased to be exact.
    pub inexact_from: Option<u32>,
    /// The step whose collection, if any, was the first.
    pub first_collection: Option<u32>,
    /// Ops without effect.
    pub noops: u32,
    /// How allocations are satisfied, by [`super::AllocPath`].
    pub paths: [u32; 7],
    /// By how many pages memory grows for one allocation: bit `n` is set if it ever is 2^n..2^(n+1).
    pub growths: u32,
}
