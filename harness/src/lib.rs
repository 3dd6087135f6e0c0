//! heapsmith: finds the bugs in garbage collectors that live in WebAssembly linear memory.
//!
//! ```text
//! generators            this crate
//! Program ──model──▶ Plan ──lower──▶ Tape or modules ──engine──▶ Outcome ──judge──▶ Verdict ──reduce──▶ Finding ──▶ report
//! (ops, any          (what must be                     × engines            (pass, allowed trap,
//!  sequence valid)    true, step by step)                                    violation, ...)
//! ```
//!
//! Each arrow is a module and data never goes back:
//!
//! - [`runtime`]: the collectors under test: descriptions (layout, roots, promises, rules), their WebAssembly, planted faults.
//! - [`model`]: the shadow heap. It knows promises only, resolves a program into a [`plan`], and says what must be seen.
//! - [`lower`]: a plan as a tape for the resident tape machine, or as a module of its own.
//! - [`engine`]: wasmtime and wasmi behind one small trait.
//! - [`emulator`]: the rules of a built-in release on a byte image, bugs included. It never detects anything; it guards the harness.
//! - [`judge`]: the verdict, one closed enum.
//! - [`trial`]: one program through all of it; replays with checks after every step.
//! - [`coverage`]: what a program reached inside the collector: edges of its own code, and state.
//! - [`mod@image`]: a heap that is there before a program starts, for model, emulator and engines alike.
//! - [`reduce`]: the smallest program, and the one rule that explains it.
//! - [`exhaust`]: every program of a small scope on every small machine. [`mod@check`]: a campaign as one call, for other projects' tests.
//! - [`fuzzing`]: bodies of libFuzzer targets.
//! - [`campaign`]: many programs on all cores. [`mod@bench`]: how fast. [`cost`]: how work grows. [`report`]: words, JSON, folders, scripts. [`pins`]: structural checks of a module.
//! - [`corpus`]: folders of programs. [`known`]: violations that are known. [`mod@score`]: what silence is worth: planted faults and mutants.
//!
//! ```
//! use heapsmith::{engine, judge::Verdict, runtime, trial::{Prepared, Rig}};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let program = heapsmith_generators::parse("heapsmith 1\nmachine worklist=2\nroots n=8\ncollect\n")?;
//! let engines = [engine::by_name("wasmtime")?, engine::by_name("wasmi")?];
//! let description = runtime::describe("vera@0.0.130", program.machine)?;
//! let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime::builtin(description), &engines)?))?;
//! let Verdict::Violation(v) = rig.trial(&program) else { panic!("six pushes were dropped") };
//! assert_eq!(v.kind.name(), "silent-free");
//! # Ok(())
//! # }
//! ```

pub mod bench;
pub mod bisect;
pub mod campaign;
pub mod check;
pub mod corpus;
pub mod cost;
pub mod coverage;
pub mod emulator;
pub mod engine;
pub mod exhaust;
pub mod fuzzing;
pub mod image;
pub mod judge;
pub mod known;
pub mod lower;
pub mod metamorphic;
pub mod model;
pub mod mutator;
pub mod outcome;
pub mod pins;
pub mod plan;
mod plot;
pub mod reduce;
pub mod report;
pub mod runtime;
pub mod score;
pub mod trial;

pub use check::{Budget, Failure, Report, check};
