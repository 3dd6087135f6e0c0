use super::*;

fn rows(bugs: &[Bug], programs: u64) -> Vec<Row> {
    let rows = history(bugs, How { programs, seed: 1, jobs: 2 }, &AtomicBool::new(false), |_| {}).unwrap();
    assert!(rows.iter().map(|row| row.bug).eq(bugs.iter().copied()), "{rows:?}");
    rows
}

#[test]
fn a_bug_is_right_on_the_release_that_fixed_it_and_wrong_on_any_other() {
    let found = bug("#348", "worklist-push-when-full", "vera@0.0.130", "vera@0.0.131");
    let bugs = [
        found,
        // A release that has it as well.
        Bug { fixed: "vera@0.0.130", ..found },
        // One without any defect that is known of, which breaks another promise on those programs.
        Bug { fixed: "fixed?fault=worklist-one-early", ..found },
        // A rule that explains nothing.
        Bug { rule: "wrap-check", ..found },
    ];
    let rows = rows(&bugs, 60);
    assert!(rows[0].is_right() && rows[0].findings.iter().map(|(_, n)| n).sum::<u64>() > 3, "{rows:?}");
    assert!(!rows[1].is_right() && rows[1].persisting == rows[0].findings.len() as u64, "{rows:?}");
    assert!(!rows[2].is_right() && rows[2].persisting > 0, "{rows:?}");
    assert!(!rows[3].is_right() && rows[3].findings.is_empty(), "{rows:?}");
}

#[test]
fn a_case_is_right_on_the_release_that_fixed_it_and_wrong_on_any_other() {
    let [.., wrap] = BUGS;
    let bugs = [wrap, Bug { fixed: "vera@0.0.130", ..wrap }, Bug { lived: "vera@0.1.9", ..wrap }];
    let rows = rows(&bugs, 1);
    assert!(rows[0].is_right(), "{rows:?}");
    assert!(!rows[1].is_right() && rows[1].persisting == 1, "{rows:?}");
    assert!(!rows[2].is_right() && rows[2].findings.is_empty(), "{rows:?}");
}

/// What explains a bug is a rule that is wrong where it lived and right where it was fixed.
#[test]
fn every_bug_has_a_rule_of_the_release_that_it_lived_in() {
    for bug in BUGS {
        let has = |on: &str| {
            let rules = parse_spec(on).unwrap().resolve(Machine::default()).unwrap().rules;
            crate::runtime::corrections(&rules.unwrap()).iter().any(|c| c.rule == bug.rule)
        };
        assert!(has(bug.lived) && !has(bug.fixed), "{bug:?}");
    }
}
