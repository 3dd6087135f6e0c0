//! Planted faults: named, documented edits of a runtime's text, which say what the harness's silence is worth.
//!
//! A fault is data, so that users can plant their own. Its edit must match exactly once, white space included: an edit that
//! matches nowhere would test nothing, and one that matches twice would be two faults.

mod planted;
mod split;
mod wraps;

use super::Runtime;
use thiserror::Error;

pub use planted::{equivalent, planted};
pub use split::planted_split;
pub use wraps::planted_in_wraps;

/// A planted fault: one edit of [`Runtime::fields`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fault {
    /// A stable name in kebab case.
    pub name: String,
    /// What it does wrong, in one line.
    pub cause: String,
    /// The text that is replaced.
    pub find: String,
    /// What it is replaced by.
    pub replace: String,
}

/// A fault that cannot be planted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    /// The text to find is not there exactly once.
    #[error(
        "expected the edit of fault `{fault}` to match `{runtime}` exactly once, found {found} matches of {find:?}; copy the text with \
         its white space from `heapsmith`'s listing of the runtime, and as much of it as makes it unique"
    )]
    NotOnce {
        /// The fault's name.
        fault: String,
        /// The runtime's name.
        runtime: String,
        /// How often it matched.
        found: usize,
        /// What was looked for.
        find: String,
    },
    /// The edit changes nothing.
    #[error("expected fault `{fault}` to change something, found the same text on both sides; edit its replacement")]
    NoChange {
        /// The fault's name.
        fault: String,
    },
}

/// The edit of this name, a fault or an equivalent.
#[must_use]
pub fn by_name(name: &str) -> Option<Fault> {
    [planted(), planted_split(), planted_in_wraps(), equivalent()]
        .into_iter()
        .flatten()
        .find(|fault| fault.name == name)
}

/// The names of all edits, faults first.
pub fn names() -> impl Iterator<Item = &'static str> {
    planted::names().chain(split::names()).chain(wraps::names()).chain(planted::equivalent_names())
}

/// The runtime with the fault in it; its description stays, because what must be true does not change.
///
/// Whether the edited text still assembles is not checked here.
///
/// # Errors
/// The edit does not match exactly once, or changes nothing.
pub fn apply(runtime: &Runtime, fault: &Fault) -> Result<Runtime, FaultError> {
    if fault.find == fault.replace {
        return Err(FaultError::NoChange { fault: fault.name.clone() });
    }
    let found = occurrences(&runtime.fields, &fault.find);
    if found != 1 {
        return Err(FaultError::NotOnce {
            fault: fault.name.clone(),
            runtime: runtime.description.name.clone(),
            found,
            find: fault.find.clone(),
        });
    }
    let fields = runtime.fields.replacen(&fault.find, &fault.replace, 1);
    Ok(Runtime { description: runtime.description.clone(), fields })
}

/// How often `find` occurs in `text`, overlapping occurrences included. An empty `find` occurs everywhere.
fn occurrences(text: &str, find: &str) -> usize {
    text.char_indices().filter(|(at, _)| text[*at..].starts_with(find)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{builtin, parse_spec};
    use heapsmith_generators::Machine;
    use std::collections::BTreeSet;

    fn runtime(spec: &str) -> Runtime {
        builtin(parse_spec(spec).unwrap().resolve(Machine::default()).unwrap())
    }

    fn fault(find: &str, replace: &str) -> Fault {
        Fault { name: "mine".into(), cause: "none".into(), find: find.into(), replace: replace.into() }
    }

    #[test]
    fn every_planted_fault_matches_once_assembles_and_changes_the_module() {
        let on_fixed = || planted().into_iter().chain(equivalent()).collect::<Vec<_>>();
        for (spec, faults) in [
            ("fixed", on_fixed()),
            ("fixed?data_end=7,worklist=1,roots=1,pages=1..2", on_fixed()),
            ("fixed-split", planted_split()),
            ("fixed-split?data_end=7,worklist=1,roots=1,pages=1..2", planted_split()),
            ("vera@0.1.9+wrap", planted_in_wraps()),
            ("vera@0.1.9+wrap?data_end=7,worklist=1,roots=1,wraps=1,pages=1..2", planted_in_wraps()),
        ] {
            let clean = runtime(spec);
            let assemble = |fields: &str| wat::parse_str(format!("(module\n{fields})")).unwrap();
            let mut seen = BTreeSet::from([assemble(&clean.fields)]);
            for fault in faults {
                let edited = apply(&clean, &fault).unwrap_or_else(|e| panic!("{e}"));
                let wasm = assemble(&edited.fields);
                wasmparser::validate(&wasm).unwrap_or_else(|e| panic!("{}: {e}", fault.name));
                assert!(seen.insert(wasm), "{} is the same module as another", fault.name);
                assert_eq!(edited.description, clean.description);
            }
        }
    }

    #[test]
    fn names_are_unique_kebab_case_and_causes_are_one_line() {
        let all = [planted(), planted_split(), planted_in_wraps(), equivalent()].concat();
        assert!(super::names().eq(all.iter().map(|f| f.name.as_str())));
        let names: BTreeSet<&str> = all.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        for fault in &all {
            assert!(fault.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!fault.cause.is_empty() && !fault.cause.contains('\n'));
        }
    }

    #[test]
    fn every_fault_is_planted_by_the_spec_of_a_runtime_that_has_its_part_and_by_no_other() {
        let all = [
            ("fixed", [planted(), equivalent()].concat(), "vera@0.1.9+wrap"),
            ("fixed-split", planted_split(), "fixed"),
            ("vera@0.1.9+wrap", planted_in_wraps(), "fixed"),
        ];
        let mut reached = BTreeSet::new();
        for (on, faults, other) in all {
            let clean = runtime(on);
            let mut elsewhere = 0;
            for fault in &faults {
                let spec = |on| parse_spec(&format!("{on}?fault={}", fault.name)).unwrap();
                let planted = builtin(spec(on).resolve(Machine::default()).unwrap());
                assert_eq!(planted.fields, apply(&clean, fault).unwrap().fields, "{}", fault.name);
                elsewhere += usize::from(spec(other).resolve(Machine::default()).is_ok());
                reached.insert(fault.name.clone());
            }
            assert!(elsewhere < faults.len(), "{on}");
        }
        assert!(super::names().all(|name| reached.contains(name)) && super::names().count() == reached.len());
    }

    #[test]
    fn an_edit_that_matches_not_exactly_once_says_how_often() {
        let fixed = runtime("fixed");
        for (find, count) in [("$no_such_thing", 0), ("global.get $gc_worklist_end\n", 2)] {
            match apply(&fixed, &fault(find, "")) {
                Err(FaultError::NotOnce { found, .. }) => assert_eq!(found, count, "{find}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(apply(&fixed, &fault("memory.grow", " ")).is_ok());
        assert!(apply(&fixed, &fault("memory.grow ", "")).is_err(), "white space is exact");
        assert!(apply(&fixed, &fault("", "x")).is_err());
        assert!(matches!(apply(&fixed, &fault("memory.grow", "memory.grow")), Err(FaultError::NoChange { .. })));
    }
}
