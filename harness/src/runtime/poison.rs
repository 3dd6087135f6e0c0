//! Poisoned twins: edits of a runtime after which no payload that is not the mutator's keeps what it held.
//!
//! What the sweep puts on the free list is filled with [`SWEPT`], all but the header and the free-link word. Where zeroing is no promise,
//! what `alloc` gives is filled with [`FRESH`] up to its stride; where it is one, zeroing follows the poison of the sweep, and memory that was
//! never used is zero. Both bytes make words above 2 GiB, so that poison never looks like an object. A collector that keeps its
//! promises shows the same contents with the poison as without; what it retains may differ.
//!
//! The edits are [`Fault`]s: data that must match exactly once. They fit every runtime whose sweep, bump and first fit look as [`super::emit`]
//! writes them.

use super::description::{Description, ObjectLayout, Rules, SizeBits, Sweep, Zeroing};
use super::fault::{self, Fault};
use super::{Edit, EditError};
use super::{Runtime, builtin};

/// The byte that swept payloads are filled with.
pub const SWEPT: u8 = 0xDD;
/// The byte that fresh payloads are filled with.
pub const FRESH: u8 = 0xCD;

/// The function's name; each edit of another function ends with a call of it.
const FUNCTION: &str = "gc_poison";
/// Where the function is put.
const SWEEP: &str = "  (func $gc_sweep\n";
/// Where `alloc` has made a block at the heap's end.
const BUMPED: &str = "(global.set $heap_ptr (i32.add (global.get $heap_ptr) (local.get $total)))\n";
/// Where first fit gives the block at `$cur`.
const REUSED: &str = "(return (local.get $cur))";

/// The edits that make the poisoned twin of a built-in runtime.
#[must_use]
pub fn edits(rules: &Rules, description: &Description) -> Vec<Fault> {
    let edit = |name: &str, find: &str, replace: String| {
        Fault::new(&format!("poison-{name}"), "payloads that are not the mutator's are overwritten", find, &replace)
    };
    let object = description.object;
    let call = |from: &str, header: &str, byte: u8| format!("(call ${FUNCTION} {from} {header} (i32.const {byte}))\n");
    // Where the sweep frees the block of the header at this local; a run's header is that of all of it by then.
    let (freed, indent) = match rules.sweep {
        Sweep::Blocks => ("(local.get $p)", "          "),
        Sweep::Runs => ("(local.get $run)", "    "),
    };
    let find = format!("(i32.store (i32.add {freed} (i32.const 4)) (global.get $gc_free_head))\n");
    let past_link = format!("(i32.add {freed} (i32.const {}))", object.header_bytes + object.free_link + 4);
    let header = |local: &str| format!("(i32.sub (local.get ${local}) (i32.const {}))", object.header_bytes);
    let mut all = vec![
        edit("function", SWEEP, function(&object, rules.size_bits) + SWEEP),
        edit("swept", &find, call(&past_link, freed, SWEPT) + indent + &find),
    ];
    match description.promises.zeroing {
        Zeroing::Zeroed | Zeroing::Payload => {}
        Zeroing::Unpromised => {
            let fresh = |local: &str| call(&format!("(local.get ${local})"), &header(local), FRESH);
            all.push(edit("bumped", BUMPED, format!("{BUMPED}    {}", fresh("payload"))));
            all.push(edit("reused", REUSED, fresh("cur") + "            " + REUSED));
        }
    }
    all
}

/// Whether there is a poisoned twin: of a built-in.
#[must_use]
pub const fn has_twin(description: &Description) -> bool {
    description.module.is_none()
}

/// The poisoned twin; its description stays, because what must be true does not change.
///
/// # Errors
/// An edit does not match exactly once: the runtime's functions are others than the edits are made for.
pub fn twin(runtime: &Runtime) -> Result<Runtime, EditError> {
    let Some(rules) = runtime.description.rules.filter(|_| runtime.description.module.is_none()) else {
        return Err(EditError::NoTwin { found: runtime.description.name.clone() });
    };
    let mut twin = runtime.clone();
    for edit in edits(&rules, &runtime.description) {
        twin = fault::apply(&twin, &edit)?;
    }
    Ok(twin)
}

/// The poisoned twin of a built-in collector, with its planted fault or mutant if it has one.
///
/// # Errors
/// The fault's edit does not match the twin exactly once, or the collector has no such mutant.
pub fn builtin_twin(description: Description) -> Result<Runtime, EditError> {
    match description.edit.clone() {
        None => twin(&builtin(description)),
        Some(Edit::Mutant(mutant)) => {
            let clean = builtin(Description { edit: None, ..description.clone() });
            Ok(Runtime { description, ..mutant.apply_to_twin(&clean, &twin(&clean)?, FUNCTION)? })
        }
        Some(Edit::Fault(fault)) => {
            let clean = builtin(Description { edit: None, ..description.clone() });
            Ok(Runtime { description, ..fault::apply(&twin(&clean)?, &fault)? })
        }
    }
}

/// Fills the bytes from an address up to the end of the block of a header; nothing beyond the heap or memory.
fn function(object: &ObjectLayout, bits: SizeBits) -> String {
    let size = format!("(i32.shr_u (i32.load (local.get $header)) (i32.const {}))", object.size_shift);
    let size = match bits {
        SizeBits::Sixteen => format!("(i32.and {size} (i32.const 0xFFFF))"),
        SizeBits::ThirtyOne => size,
    };
    let (unit, header) = (object.stride_unit, object.header_bytes);
    format!(
        r"  ;; Poison: fills [from, end of the block of this header), inside the heap.
  (func ${FUNCTION} (param $from i32) (param $header i32) (param $byte i32)
    (local $end i32)
    (local.set $end
      (i32.add
        (local.get $header)
        (i32.and (i32.add {size} (i32.const {})) (i32.const -{unit}))))
    (if (i32.gt_u (local.get $end) (global.get $heap_ptr)) (then (local.set $end (global.get $heap_ptr))))
    (if (i32.gt_u (local.get $end) (i32.shl (memory.size) (i32.const 16)))
      (then (local.set $end (i32.shl (memory.size) (i32.const 16)))))
    (if (i32.lt_u (local.get $from) (local.get $end))
      (then
        (memory.fill (local.get $from) (local.get $byte) (i32.sub (local.get $end) (local.get $from))))))

",
        header + unit - 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::FaultError;
    use crate::runtime::mutant::{Site, mutants};
    use crate::runtime::{builtin, names, parse_spec};
    use heapsmith_generators::Machine;

    /// Every fault that a built-in takes, its poisoned twin takes, so that a hunt for it has poisoned variants.
    #[test]
    fn a_poisoned_twin_takes_every_fault_that_the_runtime_takes() {
        let mut taken = 0;
        for name in names() {
            for fault in fault::names() {
                let Ok(spec) = parse_spec(&format!("{name}?fault={fault}")) else { continue };
                let Ok(description) = spec.resolve(Machine::default()) else { continue };
                let twin = builtin_twin(description).unwrap_or_else(|e| panic!("{name}?fault={fault}: {e}"));
                let wasm = wat::parse_str(format!("(module\n{})", twin.fields)).unwrap();
                wasmparser::validate(&wasm).unwrap_or_else(|e| panic!("{name}?fault={fault}: {e}"));
                taken += 1;
            }
        }
        assert!(taken > 100, "{taken}");
    }

    /// Instructions of one of the poison's calls: two addresses, one of them or both reckoned, a byte, the call.
    const RUN: usize = 6;

    /// The lines of a printed module without the poison, and without numbers of functions and types.
    fn without_poison(fields: &str) -> Vec<String> {
        let (mut lines, mut inside): (Vec<String>, bool) = (Vec::new(), false);
        for line in fields.lines() {
            if line.trim_start().starts_with("(func ") {
                inside = line.contains("$gc_poison ");
            }
            if inside || line.trim_start().starts_with("(type ") {
                continue;
            }
            if line.trim() == "call $gc_poison" {
                lines.truncate(lines.len() + 1 - RUN);
                continue;
            }
            let numbers = ["(;", "(type "].map(|start| line.find(start));
            let numbered = line.trim_start().starts_with("(func ");
            lines.push(match (numbered, numbers) {
                (true, [Some(from), Some(to)]) => {
                    let rest = &line[to..];
                    format!("{}{}", &line[..from], rest.split_once(')').unwrap().1)
                }
                _ => line.to_owned(),
            });
        }
        lines
    }

    /// What is left of a mutant's twin without the poison is the mutant: the same instruction is changed, and none of the poison's.
    #[test]
    fn a_poisoned_twin_takes_every_mutant_in_its_place() {
        for name in names() {
            let clean = builtin(parse_spec(name).unwrap().resolve(Machine::default()).unwrap());
            let mut taken = 0;
            for candidate in mutants(&clean).unwrap() {
                // Where nothing is poisoned, places do not move.
                let Site::Instruction { function, at } = &candidate.mutant.site else { continue };
                if at % 5 != 0 && !["alloc", "gc_first_fit", "gc_sweep"].contains(&&**function) {
                    continue;
                }
                let Ok(edited) = candidate.mutant.apply(&clean) else { continue };
                let edit = Some(Edit::Mutant(candidate.mutant.clone()));
                let twin = builtin_twin(Description { edit, ..clean.description.clone() });
                let twin = twin.unwrap_or_else(|e| panic!("{name}: {e}")).fields;
                assert!(twin.contains("call $gc_poison"), "{name}: {}", candidate.mutant);
                assert_eq!(without_poison(&twin), without_poison(&edited.fields), "{name}: {}", candidate.mutant);
                taken += 1;
            }
            assert!(taken > 100, "{name}: {taken}");
        }
    }

    #[test]
    fn every_built_in_takes_the_poison_and_another_text_does_not() {
        for name in names() {
            for machine in ["", "?data_end=7,worklist=1,roots=1,pages=1..2"] {
                let spec = parse_spec(&format!("{name}{machine}")).unwrap();
                let runtime = builtin(spec.resolve(Machine::default()).unwrap());
                let twin = twin(&runtime).unwrap_or_else(|e| panic!("{name}: {e}"));
                let wasm = wat::parse_str(format!("(module\n{})", twin.fields)).unwrap();
                wasmparser::validate(&wasm).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(twin.description, runtime.description);
                for edit in edits(&runtime.description.rules.unwrap(), &runtime.description) {
                    let fields = runtime.fields.replacen(&edit.find, "", 1);
                    let other = Runtime { fields, ..runtime.clone() };
                    let found = super::twin(&other);
                    assert!(
                        matches!(found, Err(EditError::Fault(FaultError::NotOnce { found: 0, .. }))),
                        "{name}: {found:?}"
                    );
                }
            }
        }
    }
}
