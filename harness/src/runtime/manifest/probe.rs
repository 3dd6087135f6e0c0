//! Running a module's start function and `init` once, to know what they leave.

use super::rewrite::Rewritten;
use crate::engine::{Engine, Wasmi};
use crate::outcome::End;
use crate::runtime::description::PAGE;
use std::fmt::Write as _;

/// Fuel of the interpreter: about a second.
const FUEL: u64 = 1 << 28;

/// What a program starts with.
pub(super) struct Started {
    /// Globals by index, where they are known.
    pub(super) initial: Vec<Option<u32>>,
    /// Pages of memory.
    pub(super) pages: u32,
}

/// Calls these functions of a rewritten module, each of which gives so many values.
///
/// # Errors
/// What went wrong, in words.
pub(super) fn start(
    rewritten: &Rewritten,
    mutable: &[u32],
    limits: (u32, u32),
    functions: &[(String, usize)],
) -> Result<Started, String> {
    let mut text = format!("(module\n{}{} {}{}", rewritten.text.0, limits.0, limits.1, rewritten.text.1);
    text.push_str("\n  (func (export \"run\")");
    for (function, results) in functions {
        // Writing to a String cannot fail.
        let _ = write!(text, " (call ${function}){}", " drop".repeat(*results));
    }
    text.push_str("))");
    let binary = wat::parse_str(&text).map_err(|e| format!("the module written again is no valid text: {e}"))?;
    let names: Vec<&str> = mutable.iter().map(|index| rewritten.globals[*index as usize].as_str()).collect();
    let compiled = Wasmi::new().compile(&[("module", &binary)], &names).map_err(|e| e.to_string())?;
    let mut instance = compiled.instantiate().map_err(|e| e.to_string())?;
    match instance.call(FUEL).map_err(|e| e.to_string())? {
        End::Finished => {}
        End::Trapped(trap) => {
            return Err(format!(
                "expected the module's start and `init` to return, found a trap ({trap:?}); look at `[imports]` and `init`"
            ));
        }
        End::OutOfFuel => {
            return Err(format!(
                "expected the module's start and `init` to return, they were not done after {FUEL} units of fuel"
            ));
        }
    }
    let (mut initial, mut values) = (rewritten.initial.clone(), Vec::new());
    instance.globals(&mut values);
    for (index, value) in mutable.iter().zip(values) {
        initial[*index as usize] = Some(value);
    }
    let pages = u32::try_from(instance.heap().len() / PAGE as usize).unwrap_or(u32::MAX);
    Ok(Started { initial, pages })
}
