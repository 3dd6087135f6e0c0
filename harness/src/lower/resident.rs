//! The resident lowering: collector, mutator's library and tape machine in one module, compiled once for any number of plans.
//!
//! Promises: the module imports nothing; memory 0 is the collector's (export `memory`), memory 1 the mutator's (export
//! `mutator`, one page, no maximum); export `run` executes the tape from the control word pc until it equals the control
//! word stop. It does not check the tape: [`super::tape::Tape`] writes it.

use super::access::Access;
use super::{HOST, WRAP, tape::Opcode};
use crate::runtime::{HOST_IMPORT, Runtime};

const MACHINE: &str = include_str!("resident.wat");
/// The most operands that an opcode has.
const OPERANDS: usize = 9;

/// The module, as WebAssembly text.
#[must_use]
pub fn module(runtime: &Runtime) -> String {
    // The host is in this module, so its import goes.
    let has_wraps = runtime.description.parameters.wraps > 0;
    let wrap =
        if has_wraps { "(call $mutator.wrap (call $mutator.mirror {0}) {1} {2} {3} {4} {5})" } else { "(unreachable)" };
    let labels: Vec<&str> = Opcode::ALL.iter().map(|(_, label)| *label).collect();
    let access = Access::of(runtime);
    let mut machine = access.expand(MACHINE).replacen("{dispatch}", &labels.join(" "), 1).replacen("{wrap}", wrap, 1);
    for operand in 0..OPERANDS {
        let load = format!("(i32.load $mutator offset={} (local.get $at))", 4 * (operand + 1));
        machine = machine.replace(&format!("{{{operand}}}"), &load);
    }
    // On a memory of the same module peek and poke are one instruction each: put in place of the calls, because neither engine inlines.
    let mut library = access.library();
    if has_wraps {
        library.push_str(WRAP);
        library.push_str(HOST);
    }
    let library =
        library.replace("(call $peek ", "(i32.load $mutator ").replace("(call $poke ", "(i32.store $mutator ");
    let library =
        library.replace("(call $peek\n", "(i32.load $mutator\n").replace("(call $poke\n", "(i32.store $mutator\n");
    format!(
        "(module $resident\n{}\n  ;; The mutator's own memory, which the collector cannot see.\n  (memory $mutator (export \"mutator\") 1)\n\n{library}\n{machine})\n",
        runtime.fields.replacen(HOST_IMPORT, "", 1)
    )
}
