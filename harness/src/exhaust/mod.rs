//! Small scope, exhaustively: every program of a few ops on every one of a few small machines.
//!
//! Most bugs show in small programs; what is random misses some of them, and this misses none. A [`Scope`] says how many ops and how many
//! registers; [`alphabet`] which ops there are and why; the programs are those that a collector can tell apart, each once (`tree`);
//! [`machines`] lists what they run on. A *program* is counted once for each machine.
//!
//! Each program runs and is judged as in a [campaign](crate::campaign), on every engine with full comparison. An extension of a program that ended in a
//! trap executes as that one did, and what follows a broken promise shows nothing new: such extensions are *decided* and do not run.
//! So what is found first is smallest, and needs no reduction: of each kind of violation with each cause the first program is kept, by number of
//! ops, then in the order of moves, then of machines.
//!
//! The tree is cut into branches that workers take one by one. What they report is merged without regard to order, so the result is the
//! same for any number of workers, and whether or not it was interrupted and resumed from a [state](checkpoint).

pub mod alphabet;
pub mod checkpoint;
mod driver;
mod machines;
mod runner;
mod state;
mod tally;
#[cfg(test)]
mod tests;
mod tree;

pub use driver::exhaust;
pub use machines::{MAX_PAGES, ROOM, WORKLISTS, machines};
pub use tally::{First, Place, Tally};

use crate::campaign::Finding;
use crate::engine::{Engine, EngineError};
use crate::runtime::description::Description;
use crate::runtime::{RuntimeError, Spec};
use checkpoint::StateError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

/// How large the programs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Ops at most, `1..=MAX_OPS`.
    pub ops: usize,
    /// Registers, `1..=MAX_OBJECTS`: objects that are held by name at once.
    pub objects: u8,
}

/// The largest [`Scope::ops`].
pub const MAX_OPS: usize = 12;
/// The largest [`Scope::objects`].
pub const MAX_OBJECTS: u8 = 8;

/// What is asked for.
pub struct Settings {
    /// The runtime.
    pub spec: Spec,
    /// How large the programs are.
    pub scope: Scope,
    /// Engines, at least one.
    pub engines: Vec<Box<dyn Engine>>,
    /// The same engines with backtraces on, for the accounts of findings.
    pub tracing_engines: Vec<Box<dyn Engine>>,
    /// Workers, at least one.
    pub jobs: usize,
    /// The file that the run can be resumed from.
    pub state: Option<PathBuf>,
}

/// How far a run is; read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Programs that there are.
    pub total: AtomicU64,
    /// Programs done with, some of which are done again after an interruption.
    pub checked: AtomicU64,
    /// Violations seen.
    pub violations: AtomicU64,
    /// Set from outside: stop.
    pub stop: AtomicBool,
}

/// What a run found.
#[derive(Debug)]
pub struct Summary {
    /// Machines that each program ran on.
    pub machines: usize,
    /// Programs of each length from 1, on one machine.
    pub lengths: Vec<u64>,
    /// Programs on all machines.
    pub total: u64,
    /// Of these, those that the state said were done.
    pub resumed: u64,
    /// What became of them.
    pub tally: Tally,
    /// The first program of each kind of violation with each cause, and its account, if its replay shows it.
    pub findings: Vec<(First, Option<Finding>)>,
    /// Whether all programs are done.
    pub is_whole: bool,
    /// Time spent.
    pub elapsed: Duration,
    /// The runtime on the first machine.
    pub description: Description,
    /// Why the state could not be written.
    pub unsaved: Option<StateError>,
}

/// Ops from which on a scope reaches everything that [`Summary::distrusted`] asks for.
const GATED_OPS: usize = 3;

impl Summary {
    /// Why the silence of a whole run cannot be trusted; empty if it can. A run that is not whole is not looked at for what it never
    /// reached.
    #[must_use]
    pub fn distrusted(&self) -> Vec<String> {
        let t = &self.tally;
        let mut why: Vec<String> =
            t.untrusted.iter().map(|(place, text)| format!("{:?}: {text}", place.program)).collect();
        why.extend(t.inconclusive.iter().map(|(reason, n)| format!("{n} programs inconclusive: {reason}")));
        let is_shown = |f: &(First, Option<Finding>)| f.1.as_ref().is_some_and(|f| f.lowerings_disagree.is_none());
        why.extend(self.findings.iter().filter(|f| !is_shown(f)).map(|(first, finding)| {
            let problem = finding.as_ref().and_then(|f| f.lowerings_disagree.clone());
            let problem = problem.unwrap_or_else(|| "its replay shows no violation".to_owned());
            format!("the first {}: {problem}", first.kind)
        }));
        if self.is_whole && self.lengths.len() >= GATED_OPS && t.violations == 0 {
            // Where memory shows a limit that nobody can predict, its trap is not demanded.
            let (d, is_predictable) = (&self.description, self.description.is_predictable());
            let reached = [
                ("collections", t.collections),
                ("objects marked", t.marked),
                ("blocks freed", if d.frees() { t.freed } else { 1 }),
                ("pages grown", t.grown),
                ("worklist entries", if d.has_worklist() { t.worklist } else { 1 }),
                ("root slots", t.roots),
                ("traps at a limit", t.traps.values().sum::<u64>() + if is_predictable { 0 } else { t.may_traps }),
            ];
            why.extend(reached.iter().filter(|(_, n)| *n == 0).map(|(what, _)| format!("never reached: {what}")));
        }
        why
    }
}

/// A run that cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ExhaustError {
    /// No such scope.
    #[error(
        "expected 1 to {MAX_OPS} ops and 1 to {MAX_OBJECTS} objects, found {} ops and {} objects; four ops and two objects are a start",
        .0.ops, .0.objects
    )]
    Scope(Scope),
    /// A scope with more programs than can be counted.
    #[error(
        "expected a scope of at most {most} programs on each machine, found more with {} ops and {} registers; each op less divides it by about 16",
        .scope.ops, .scope.objects
    )]
    TooMany {
        /// The scope.
        scope: Scope,
        /// Programs that are counted at most.
        most: u64,
    },
    /// Stopped from outside before anything was run.
    #[error("stopped while the programs were counted; nothing was run")]
    Stopped,
    /// The runtime cannot be had as asked for.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An engine refuses the runtime.
    #[error("expected the engine to take the runtime; {0}")]
    Engine(#[from] EngineError),
    /// The same, on a machine that several workers share.
    #[error("{0}")]
    Compile(String),
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}
