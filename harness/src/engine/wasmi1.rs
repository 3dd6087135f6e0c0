//! wasmi 1.0.9, the last release of the line before: its translation to registers is another one than that of 2.0.0.

#[allow(clippy::duplicate_mod, reason = "two crates, one source: see wasmi.rs")]
#[path = "interpreter.rs"]
mod interpreter;

pub use self::interpreter::Interpreter as Wasmi1;
use wasmi1 as wi;

const NAME: &str = "wasmi1";
