use super::*;
use crate::runtime::manifest::Manifest;
use crate::runtime::{Spec, builtin, names, parse_spec};
use heapsmith_generators::Machine;
use std::collections::BTreeMap;

fn runtime(spec: &str) -> Runtime {
    builtin(parse_spec(spec).unwrap().resolve(Machine::default()).unwrap())
}

/// Functions of a module that are no part of its collector have no mutants.
#[test]
fn what_a_collector_never_calls_has_no_mutants() {
    let folder = format!("{}/tests/collectors", env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(format!("{folder}/marksweep.toml")).unwrap();
    let module = std::fs::read_to_string(format!("{folder}/marksweep.wat")).unwrap();
    let idle = "(func $idle (export \"idle\") (result i32) (call $idler))\n  (func $idler (result i32) (global.get $unread))\n  \
                (global $unread i32 (i32.const 5))\n";
    let end = module.trim_end().strip_suffix(')').unwrap();
    let places = |text: &str| {
        let manifest = Manifest::parse(&manifest, text.as_bytes(), "m.toml").unwrap();
        let spec = Spec { name: "m.toml".to_owned(), module: Some(manifest), ..parse_spec("fixed").unwrap() };
        let all = mutants(&builtin(spec.resolve(Machine::default()).unwrap())).unwrap();
        let names = all.into_iter().map(|candidate| match candidate.mutant.site {
            Site::Instruction { function, .. } => function.to_string(),
            Site::Global { name } => format!("global {name}"),
        });
        names.collect::<BTreeSet<_>>()
    };
    let own = places(&module);
    assert!(own.contains("collect") && own.contains("global roots") && own.len() > 4, "{own:?}");
    assert_eq!(places(&format!("{end}  {idle})\n")), own);
}

/// How many of each kind of change there are on `fixed`: each that there can be is there.
#[test]
fn every_kind_of_change_is_made_on_the_reference() {
    let mut kinds = BTreeMap::<String, usize>::new();
    for candidate in mutants(&runtime("fixed")).unwrap() {
        *kinds.entry(candidate.mutant.change.to_string()).or_default() += 1;
    }
    for kind in ["+1", "-1", "drop", "never", "negate", "swap", "skip", "i32.le_u", "i32.gt_u", "i32.load16_u"] {
        assert!(kinds.contains_key(kind), "{kind}: {kinds:?}");
    }
    assert!(kinds.values().sum::<usize>() > 300, "{kinds:?}");
}

#[test]
fn names_are_read_back_and_mean_the_same_on_every_machine() {
    for name in names() {
        let (a, b) = (runtime(name), runtime(&format!("{name}?data_end=7,worklist=3,roots=2,pages=1..2")));
        let (a, b) = (mutants(&a).unwrap(), mutants(&b).unwrap());
        let places = |all: &[Candidate]| all.iter().map(|c| c.mutant.to_string()).collect::<BTreeSet<_>>();
        for candidate in &a {
            assert_eq!(Mutant::parse(&candidate.mutant.to_string()).unwrap(), candidate.mutant);
        }
        // Modules that are the same on one machine (a constant of 1 less, and another) may differ on another: few do.
        let (a, b) = (places(&a), places(&b));
        assert!(a.symmetric_difference(&b).count() < a.len() / 50, "{name}: {:?}", a.symmetric_difference(&b));
    }
}

/// A mutant differs from the original in one instruction, and is found there.
#[test]
fn a_mutant_differs_where_it_says() {
    let original = runtime("vera@0.1.9+wrap");
    let all = mutants(&original).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for candidate in all.iter().step_by(7) {
        let edited = match candidate.mutant.apply(&original) {
            Ok(edited) => edited,
            Err(MutantError::Invalid { .. }) => {
                invalid += 1;
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        valid += 1;
        assert_eq!(
            edited.fields.contains(crate::runtime::HOST_IMPORT),
            original.fields.contains(crate::runtime::HOST_IMPORT)
        );
        match (&candidate.mutant.site, first_difference(&original, &edited).unwrap()) {
            (
                Site::Instruction { function, at },
                Some(Mutant { site: Site::Instruction { function: f, at: first }, .. }),
            ) => {
                assert_eq!(function, &f);
                // Where a change begins with an instruction that was there before, the difference comes after it.
                assert!((*at..*at + 2).contains(&first), "{}: {first}", candidate.mutant);
            }
            (Site::Global { .. }, None) => {}
            (site, difference) => panic!("{site:?}: {difference:?}"),
        }
    }
    assert!(valid > 20 * invalid.max(1) / 2, "{valid} valid, {invalid} not");
}

#[test]
fn what_is_no_mutant_is_refused_and_says_what_is_there() {
    for text in ["", "alloc", "alloc:1", "alloc:x:drop", "alloc:1:fall", "global:heap_ptr:", "alloc:-1:drop"] {
        assert!(matches!(Mutant::parse(text), Err(MutantError::Name { .. })), "{text}");
    }
    let fixed = runtime("fixed");
    for (text, says) in [
        ("alok:1:drop", "no function `alok`"),
        ("alloc:100000:drop", "instructions"),
        ("alloc:0:skip", "instruction 0 of `alloc` is"),
        ("global:nothing:+1", "no global `nothing`"),
    ] {
        let error = Mutant::parse(text).unwrap().apply(&fixed).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
