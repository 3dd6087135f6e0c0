//! Metamorphic runs: one plan under other schedules, and the same contents.
//!
//! A program that passed is run again as a [`Variant`]: with collections that it does not ask for, at another heap start, with a larger or
//! smaller worklist, in the other lowering, on a poisoned twin ([`crate::runtime::poison`]), or on another runtime. The plan is the same one: sizes and
//! counts that aim at an edge of the base run's memory are frozen, words that are addresses of objects stay symbolic.
//! What the run showed is written down without addresses ([`Transcript`]), and must be the same. What a variant *retains* may differ: a number
//! that looks like an object in one layout does not in another.
//!
//! # Promises
//! - Only runs are compared that come to their end: a limit that either of them reaches is no difference ([`NotCompared`]).
//! - A variant is judged by a model of its own, too; what it breaks is a violation of that kind, with the variant named. Of a poisoned twin only
//!   contents are judged. A transcript that differs is [`Kind::ScheduleDependence`](crate::judge::Kind::ScheduleDependence).
//! - On another collector with other kinds of objects, both runs make such objects only as both collectors have: the base run is done once more
//!   for that comparison where it made others. Should the two plans differ all the same, they are not compared ([`NotCompared::AnotherPlan`]).
//! - A variant of [rounds](Rounds) is not held against contents: the program's work is done again and again, and memory must stop growing.
//! - When the two lowerings differ in a byte, on the same collector and machine, that is no collector's doing: the harness or an engine is wrong.
//! - [`Replayer`] repeats a comparison, for reduction and for [`cause_of`].
//!
//! The transcript's shape comes from the model, its values come from memory and log, so that the comparison sees what differs and the
//! model does not have to know what is right.

mod bench;
mod freeze;
mod machines;
mod merging;
mod pool;
mod replay;
mod rounds;
mod select;
mod tally;
mod transcript;
mod variant;

pub use bench::{Base, Bench, NotCompared, Pair};
pub use freeze::{Frozen, freeze};
pub use machines::HEAP_STARTS;
pub use pool::{Pool, PoolError, Source};
pub use replay::{Replayer, cause_of};
pub use select::{MOST_WORK, SHARED_WORK, Selection, counterpart};
pub use tally::Tally;
pub use transcript::{Difference, Item, Transcript};
pub(crate) use variant::mix;
pub use variant::{Gaps, Rounds, Variant, VariantError, parse_variant};
