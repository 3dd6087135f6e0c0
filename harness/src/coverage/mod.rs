//! Coverage from inside the guest: which edges of the collector a program took, how often, and how far it drove the collector's state.
//!
//! - [`mod@instrument`] rewrites the collector's WebAssembly so that it counts its edges in a memory of its own. Only the first engine runs the
//!   instrumented module, and only where it is wasmtime; the others run the collector as it is, and every byte of memory, every global, the
//!   log and the trap are compared as ever. So instrumentation that changed behaviour would be seen.
//! - State features need no instrumentation: depth of worklist and root stack, pages grown, paths of allocations, and so on.
//!
//! # The features of a program
//! ```
//! use heapsmith::coverage::{Feature, Features};
//! use heapsmith::{engine, runtime, trial::{Prepared, Rig}};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let program = heapsmith_generators::parse("heapsmith 1\nmachine worklist=64\nwide r0 n=40\ncollect\n")?;
//! let engines = [engine::by_name("wasmtime")?, engine::by_name("wasmi")?];
//! let runtime = runtime::builtin(runtime::describe("vera@0.0.131", program.machine)?);
//! let mut rig = Rig::new(Arc::new(Prepared::with_feedback(runtime, &engines)?))?;
//! let verdict = rig.trial(&program);
//! let mut features = Features::new();
//! rig.features(&mut features);
//! let names: Vec<String> = features.iter().map(|feature| feature.to_string()).collect();
//! assert!(names.contains(&"worklist.2^5".to_owned()), "40 entries of the worklist were used");
//! assert!(names.iter().any(|name| name.starts_with("edge.gc_mark.")));
//! assert!(verdict == heapsmith::judge::Verdict::Pass && rig.guest_counters().iter().any(|&count| count > 0));
//! # Ok(())
//! # }
//! ```
//! A rig is for one machine; sets of features of one runtime can be joined across machines. [`crate::trial::Rig::replay`] tells the bucket of
//! a violation.

mod boundary;
mod edges;
mod features;
pub mod instrument;
mod state;
#[cfg(test)]
mod tests;

pub use boundary::BOUNDARY_CLASSES;
pub(crate) use boundary::classes as boundary_classes;
pub use edges::Edges;
pub use features::{Feature, Features};
pub use state::Family;
pub(crate) use state::STATES;

use crate::model::Model;
use crate::outcome::Outcome;
use crate::runtime::Runtime;
use crate::trial::Observations;
use instrument::{InstrumentError, Instrumented, defined_functions};

/// Instruments the resident module of a runtime: the collector's functions, and not the mutator's that stand after them.
///
/// # Errors
/// If the runtime's text is no valid module.
pub(crate) fn of_resident(runtime: &Runtime, resident: &[u8]) -> Result<Instrumented, InstrumentError> {
    let collector = wat::parse_str(runtime.module());
    let collector = collector.map_err(|error| InstrumentError::Invalid(error.to_string()))?;
    instrument::instrument(resident, 0..defined_functions(&collector)?)
}

/// Adds what an execution reached: the edges that its counters show, and its state.
pub(crate) fn collect(
    into: &mut Features,
    counted: Option<(&Edges, &[u8])>,
    (model, outcome, observed): (&Model, &Outcome, &Observations),
) {
    if let Some((edges, counters)) = counted {
        into.count(edges, counters);
    }
    state::of(model, outcome, observed, |state| into.reach(state));
}
