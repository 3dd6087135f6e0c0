//! Two ways from a plan down to WebAssembly, which must do the same, word for word.
//!
//! - [`resident`]: collector and tape machine are compiled once; a plan becomes a [`tape::Tape`] in a memory that the collector
//!   cannot see. Campaigns and libFuzzer run this.
//! - [`standalone`]: a plan becomes code of its own, two single-memory modules that any engine runs with no help. Findings
//!   are confirmed this way and exported as scripts ([`wast`]).
//!
//! A third way leads back: [`wild`] records what a module of somebody else's did through operations, as a program.
//!
//! All rest on one library, `mutator.wat`, in which `access` puts how objects are reached; [`layout`] says where its words are. Nothing here knows of an engine, and nothing
//! here checks a collector.

mod access;
pub mod layout;
pub mod resident;
pub mod standalone;
pub mod tape;
pub mod wast;
pub mod wild;

/// The mutator's library in WebAssembly text: control words, log, mirror, frames, patterns, digests and graphs.
const MUTATOR: &str = include_str!("mutator.wat");

/// What the library has more for a collector that is told of each slot that lets go.
const KEEP: &str = include_str!("keep.wat");

/// The host's side of a wrap table, in WebAssembly text: the log of releases.
const HOST: &str = include_str!("host.wat");

/// What the mutator's library has more for a collector with a wrap table.
const WRAP: &str = include_str!("wrap.wat");

/// What scripts look at where there is a wrap table.
const RELEASED: &str = include_str!("released.wat");

#[cfg(test)]
pub(crate) mod tests;
