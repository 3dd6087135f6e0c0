//! Running a module's start function and `init` once, to know what they leave.

use super::rewrite::Rewritten;
use crate::engine::{Engine, Instance, Wasmi};
use crate::outcome::End;
use crate::runtime::description::PAGE;
use std::cell::RefCell;
use std::fmt::Write as _;

/// Fuel of the interpreter: about a second.
const FUEL: u64 = 1 << 28;

/// What a program starts with.
pub(super) struct Started {
    /// Globals by index, where they are known.
    pub(super) initial: Vec<Option<u32>>,
    /// Pages of memory.
    pub(super) pages: u32,
    /// An instance of this very beginning.
    instance: RefCell<Box<dyn Instance>>,
}

impl Started {
    /// Calls these functions of a rewritten module, each of which gives so many values; `askable` are functions that [`Self::tell`] may call, `mutable` the
    /// indices of mutable globals of type i32.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn of(
        rewritten: &Rewritten,
        mutable: &[u32],
        limits: (u32, u32),
        functions: &[(String, usize)],
        askable: &[&str],
    ) -> Result<Self, String> {
        let mut text = format!("(module\n{}{} {}{}", rewritten.text.0, limits.0, limits.1, rewritten.text.1);
        for function in askable {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  (export \"{ASK}{function}\" (func ${function}))");
        }
        text.push_str("\n  (func (export \"run\")");
        for (function, results) in functions {
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
        Ok(Self { initial, pages, instance: RefCell::new(instance) })
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> u64 {
        u64::from(self.pages) * u64::from(PAGE)
    }

    /// What a function without parameters gives.
    ///
    /// # Errors
    /// It traps or does not end, in words.
    pub(super) fn tell(&self, identifier: &str) -> Result<u32, String> {
        let told = self.instance.borrow_mut().invoke(&format!("{ASK}{identifier}"), &[], FUEL);
        match told.map_err(|e| e.to_string())? {
            Ok(values) => values.first().map(|value| value.cast_unsigned()).ok_or_else(|| "it gave nothing".to_owned()),
            Err(End::Trapped(trap)) => Err(format!("expected a number, the call trapped ({trap:?})")),
            Err(End::OutOfFuel | End::Finished) => {
                Err(format!("expected a number, the call was not done after {FUEL} units of fuel"))
            }
        }
    }
}

/// What the exports of functions begin with that can be asked.
const ASK: &str = "ask ";
