//! What one release does, bugs included, on a raw byte image: the native twin of a built-in runtime's module.
//!
//! An [`Emulator`] executes a [`Plan`] by the [`Rules`](crate::runtime::description::Rules) of a [`Description`] and predicts
//! every byte of memory, every global, the log, the trap and its step. It is written from the rules in
//! [`crate::runtime::rules`] and the steps in [`crate::plan`], never from WebAssembly text, so that an error on either side
//! shows as a difference. It promises:
//! - *Bit for bit*: bogus headers, links in free blocks, root slots left above the root-stack pointer and entries left in the
//!   worklist are what the rules leave there. A trap keeps every effect before it.
//! - *Nothing leaks*: [`Emulator::begin`] restores the pristine state, whatever ran before.
//! - *It ends, without panics*: any plan on any description, by its fuel at the latest.
//!
//! It does not judge: what it predicts may be wrong behaviour, faithfully reproduced.

mod alloc;
mod collect;
mod execution;
mod image;
mod statistics;
#[cfg(test)]
mod tests;
mod wraps;

pub use statistics::Statistics;

use crate::image::Image;
use crate::outcome::{End, Outcome, Trap};
use crate::plan::Plan;
use crate::runtime::description::Description;
use execution::Execution;

/// Why an execution stops before its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// A trap.
    Trap(Trap),
    /// No fuel is left.
    Fuel,
}

/// Executes plans by a release's rules; reusable from plan to plan.
///
/// A *unit* of its budget is one iteration of a loop: a header, word, root slot or free node visited, an allocation, a word
/// stored while initialising or building, four bytes zeroed or digested. Units are not wasm instructions.
#[derive(Debug)]
pub struct Emulator {
    execution: Execution,
    /// How the execution ended, once no further step can be executed.
    stopped: Option<End>,
}

impl Emulator {
    /// An emulator in its pristine state, of a collector whose rules are known. Page limits above what 32 bits address are cut off there.
    #[must_use]
    pub fn new(description: &Description) -> Option<Self> {
        let execution = Execution::new(description.rules?, description);
        Some(Self { execution, stopped: None })
    }

    /// Executes a whole plan from the pristine state, with at most `budget` units of work.
    pub fn run(&mut self, plan: &Plan, budget: u64) -> &Outcome {
        self.begin();
        self.advance(plan, u32::MAX, budget);
        self.outcome()
    }

    /// Restores the pristine state: memory, globals, log, mirror, frames and statistics.
    pub fn begin(&mut self) {
        self.execution.reset();
        self.stopped = None;
    }

    /// After [`Self::begin`]: puts a heap into memory that the plan starts from.
    pub fn start_from(&mut self, image: &Image) {
        self.execution.start_from(image);
    }

    /// Executes the steps from where the last call stopped up to, not including, step `until` (or the last), with at most
    /// `budget` units of work for this call. [`End::Finished`] says that these steps were executed. After a trap or without
    /// fuel the execution is over, even in the middle of a step: further calls change nothing and say the same.
    pub fn advance(&mut self, plan: &Plan, until: u32, budget: u64) -> End {
        if let Some(end) = self.stopped {
            return end;
        }
        self.execution.collector.fuel = budget;
        let mut next = self.execution.outcome.step;
        let until = until.min(u32::try_from(plan.steps.len()).unwrap_or(u32::MAX));
        let mut end = End::Finished;
        while next < until {
            match self.execution.step(next, &plan.steps[next as usize]) {
                Ok(()) => next += 1,
                Err(stop) => {
                    end = match stop {
                        Stop::Trap(trap) => End::Trapped(trap),
                        Stop::Fuel => End::OutOfFuel,
                    };
                    self.stopped = Some(end);
                    break;
                }
            }
        }
        self.execution.settle(end, next);
        end
    }

    /// What was done so far: `step` is the step that stopped the execution, else the next one to execute.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.execution.outcome
    }

    /// The collector's whole memory: `pages * 65536` bytes.
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        self.execution.collector.image.memory()
    }

    /// Whether anything was stored in this range of the memory, or close to it. Elsewhere the memory is what it was at the start, and
    /// zero where it grew.
    pub(crate) fn is_touched(&self, range: std::ops::Range<usize>) -> bool {
        self.execution.collector.image.is_touched(range)
    }

    /// Whether the memory is as it was at the start: `initial_pages` pages of static data, then zeros.
    #[must_use]
    pub fn is_pristine(&self) -> bool {
        self.execution.collector.image.is_pristine()
    }

    /// The mutator's copy of each root slot that was ever assigned; slots left with their frame keep their last value.
    #[must_use]
    pub fn mirror(&self) -> &[u32] {
        &self.execution.mirror
    }

    /// What happened inside the collector so far.
    #[must_use]
    pub const fn statistics(&self) -> Statistics {
        self.execution.collector.statistics
    }
}
