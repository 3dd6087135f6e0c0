use super::*;
use crate::engine::{Compiled, EngineError, by_name};
use crate::runtime::parse_spec;
use std::sync::Arc;

/// An engine that takes no module.
struct Refusing;

impl Engine for Refusing {
    fn name(&self) -> &'static str {
        "refusing"
    }

    fn handle(&self) -> Arc<dyn Engine> {
        Arc::new(Self)
    }

    fn compile(&self, _: &[(&str, &[u8])], _: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        Err(EngineError::Start { engine: self.name(), message: "no".to_owned() })
    }
}

fn stream(programs: usize) -> Stream {
    let engines = [by_name("wasmtime").unwrap()];
    let spec = parse_spec("fixed?data_end=5,worklist=16,roots=24,pages=1..6").unwrap();
    let (stream, control) = Stream::new(&spec, 1, programs, &engines, 1, &AtomicBool::new(false)).unwrap();
    assert_eq!((control.violations.len(), control.unknown), (0, 0), "{control:?}");
    stream
}

/// The fates of mutants, and how many were told.
fn fates(names: &[&str], engine: Box<dyn Engine>, programs: usize) -> (Result<Vec<Fate>, MutantsError>, usize) {
    let candidate = |name: &&str| Candidate { mutant: Mutant::parse(name).unwrap(), original: String::new() };
    let candidates: Vec<Candidate> = names.iter().map(candidate).collect();
    let mut told = 0;
    let (before, progress, engines) = (BTreeMap::new(), Progress::default(), [engine]);
    let fates = survey(&stream(programs), &candidates, &before, (&engines, 2), &progress, |_, _| told += 1);
    (fates.map(|fates| candidates.iter().map(|c| fates[&c.mutant].clone()).collect()), told)
}

#[test]
fn a_survivor_counts_the_programs_of_which_nothing_can_be_said() {
    let names = ["gc_first_fit:37:drop", "gc_candidate:4:i32.lt_s"];
    let (fates, told) = fates(&names, Box::new(Refusing), 7);
    assert_eq!((fates.unwrap(), told), (vec![Fate::Survived { programs: 7, unknown: 7 }; 2], 2));
}

#[test]
fn of_an_equivalent_everything_can_be_said_and_its_poisoned_twins_run() {
    let (fates, _) = fates(&["gc_first_fit:37:drop"], by_name("wasmtime").unwrap(), 300);
    assert_eq!(fates.unwrap(), [Fate::Survived { programs: 300, unknown: 0 }]);
}

#[test]
fn only_what_the_validator_refuses_is_invalid() {
    let names = ["gc_sweep:0:trap-before", "alloc:100000:drop"];
    let (fates, told) = fates(&names, by_name("wasmtime").unwrap(), 3);
    let error = fates.unwrap_err().to_string();
    assert!(error.contains("`alloc:100000:drop` to be a mutant of `fixed`") && told <= 1, "{error}, {told} told");
}

/// What is known of mutants that there are no more would never be tried again.
#[test]
fn all_that_is_known_is_of_mutants_that_there_are() {
    let there = drawn(&parse_spec("fixed").unwrap(), None).unwrap();
    let strangers: Vec<String> = remarks("fixed")
        .keys()
        .filter(|mutant| there.iter().all(|candidate| candidate.mutant != **mutant))
        .map(ToString::to_string)
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
    assert!(remarks("fixed").values().any(|remark| matches!(remark, Remark::Survivor(_))));
}
