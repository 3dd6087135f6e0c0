//! wasmi 2.0.0: an interpreter.

// The source that both versions share is compiled once for each, because their types are different ones.
#[allow(clippy::duplicate_mod, reason = "two crates, one source")]
#[path = "interpreter.rs"]
mod interpreter;

pub use self::interpreter::Interpreter as Wasmi;
use wasmi as wi;

const NAME: &str = "wasmi";
