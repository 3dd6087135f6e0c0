//! The library call for other projects' tests: silent where promises are kept, and a failure that can be read and replayed where they are not.
#![allow(clippy::unwrap_used, reason = "tests")]

use heapsmith::judge::Verdict;
use heapsmith::trial::{Prepared, Rig};
use heapsmith::{Budget, Failure, check, engine, runtime};
use std::sync::Arc;

fn budget(programs: u64) -> Budget {
    Budget { programs, seed: 1, jobs: 2 }
}

#[test]
fn the_reference_is_clean_and_the_report_says_what_was_reached() {
    let report = check("fixed", budget(300)).unwrap();
    assert_eq!((report.runtime.as_str(), report.programs), ("fixed", 300));
    assert_eq!(report.passed + report.traps.values().sum::<u64>() + report.may_traps, 300);
    for reached in [report.collections, report.marked, report.freed_bytes, report.pages_grown] {
        assert!(reached > 100, "{report}");
    }
    assert!(report.to_string().starts_with("fixed: 300 programs, "));
    // Workers decide nothing.
    assert_eq!(check("fixed", Budget { jobs: 1, ..budget(300) }).unwrap(), report);
}

#[test]
fn a_broken_promise_is_the_account_of_the_smallest_case() {
    let failure = check("vera@0.0.130", budget(400)).unwrap_err();
    let text = failure.to_string();
    insta::assert_snapshot!("check_vera_0_0_130", text);
    assert_eq!(format!("{failure:?}"), text, "what `unwrap` prints");
    let Failure::Violation(broken) = failure else { panic!("{failure}") };
    // The program in the text shows what the text says.
    let case = &text[text.find("\nheapsmith 1\n").unwrap()..text.rfind("\nall findings").unwrap()];
    let program = heapsmith_generators::parse(case).unwrap();
    assert_eq!(program, broken.smallest.reduced);
    let engines = engine::DEFAULT.map(|name| engine::by_name(name).unwrap());
    let description = runtime::parse_spec("vera@0.0.130").unwrap().resolve(program.machine).unwrap();
    let prepared = Prepared::builtin(runtime::builtin(description), &engines).unwrap();
    let verdict = Rig::new(Arc::new(prepared)).unwrap().replay(&program).verdict;
    assert_eq!(verdict, broken.smallest.replay.verdict);
    assert!(matches!(verdict, Verdict::Violation(_)));
}

#[test]
fn a_budget_that_reaches_nothing_is_a_failure_of_its_own() {
    match check("fixed", budget(1)) {
        Err(Failure::Vacuous { runtime, programs: 1, missing }) => {
            assert_eq!(runtime, "fixed");
            assert!(!missing.is_empty());
        }
        other => panic!("{other:?}"),
    }
    let failure = check("fixed", budget(1)).unwrap_err().to_string();
    assert!(failure.contains("never reached: ") && failure.contains("raise `Budget::programs`"), "{failure}");
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    for (programs, jobs) in [(0, 1), (1, 0)] {
        let failure = check("fixed", Budget { programs, seed: 1, jobs }).unwrap_err();
        assert!(matches!(failure, Failure::Budget(_)), "{failure}");
    }
    let failure = check("vera@0.0.13", budget(1)).unwrap_err();
    assert!(matches!(failure, Failure::Campaign(_)), "{failure}");
    assert!(failure.to_string().contains("vera@0.0.13"), "{failure}");
}
