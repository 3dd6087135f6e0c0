//! The bug history of Vera's collector: a campaign finds each bug on every release that it lived in, with the right cause, and not on
//! the releases that fixed it. (Single programs that show them are in `corpus/regressions`, each a test of `tests/regressions.rs`.)
//!
//! Of bugs whose fix the built-in releases do not show at its own version, the first later release stands for it: #515 was fixed in
//! v0.0.122, and the releases here are v0.0.114 and v0.0.130.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V130, V131, engines, regression, rig, runtime, spec};
use heapsmith::campaign::{Limit, Progress, Settings, Summary, hunt};
use heapsmith::judge::Verdict;
use heapsmith::model::TrapRule;
use heapsmith::runtime::corrections;
use heapsmith::runtime::description::Role;
use heapsmith::trial::Rig;
use heapsmith_generators::Machine;
use std::sync::OnceLock;

const V65: &str = "vera@0.0.65";
const V112: &str = "vera@0.0.112";
const V114: &str = "vera@0.0.114";
const V019: &str = "vera@0.1.9";
const V02: &str = "vera@0.2";
/// Every release, the oldest first; then the reference.
const ALL: [&str; 8] = [V65, V112, V114, V130, V131, V019, V02, FIXED];

/// The releases from one on.
fn since(first: &str) -> &'static [&'static str] {
    let at = ALL.iter().position(|on| *on == first).unwrap();
    &ALL[at..]
}

/// The verdict of a trial, which a replay confirms, and its rig.
fn ran(case: &str, on: &str) -> (Verdict, Rig) {
    let program = regression(case);
    let mut rig = rig(on, program.machine);
    let replay = rig.replay(&program).verdict;
    let verdict = rig.trial(&program);
    assert_eq!(verdict, replay, "{case} on {on}");
    (verdict, rig)
}

#[test]
fn a_stale_link_keeps_1_000_free_blocks_until_they_are_proved_free() {
    for (on, freed) in [(V65, 0), (V130, 0), (V131, 0), (V019, 0), (V02, 999), (FIXED, 999)] {
        let (verdict, rig) = ran("stale-link-1000", on);
        assert_eq!(verdict, Verdict::Pass, "{on}");
        assert_eq!(rig.model().heap.free_list().count(), freed, "{on}");
        assert_eq!(rig.outcome(0).globals[Role::FreeHead as usize] == 0, freed == 0, "{on}");
    }
}

#[test]
fn an_8_byte_request_takes_a_free_block_of_800_000_bytes_whole() {
    for on in since(V114) {
        let (verdict, rig) = ran("no-split-800000", on);
        assert_eq!(verdict, Verdict::Pass, "{on}");
        let log = &rig.outcome(0).log;
        assert_eq!((log[0], rig.outcome(0).globals[Role::FreeHead as usize]), (log[1], 0), "{on}");
    }
}

/// Programs of each release's campaign.
const PROGRAMS: u64 = 700;

/// What a campaign of fixed seed finds on a release, run once for all tests.
fn campaign(on: &'static str) -> &'static Summary {
    static DONE: [OnceLock<Summary>; ALL.len()] = [const { OnceLock::new() }; ALL.len()];
    DONE[ALL.iter().position(|name| *name == on).unwrap()].get_or_init(|| {
        let settings = Settings {
            spec: spec(on),
            engines: engines(),
            tracing_engines: engines(),
            seed: 1,
            limit: Limit::Programs(PROGRAMS),
            jobs: 2,
            max_findings: 9,
            metamorphic: heapsmith::metamorphic::Selection::Share,
            feedback: heapsmith::campaign::Feedback::Off,
        };
        hunt(&settings, &Progress::default()).unwrap()
    })
}

/// The campaign on `lived` has a finding with this cause. On `fixed` the cause is no longer there to be named, so that what is asked is
/// more: each of those findings, run there, does not break that promise at that step.
fn found_until(rule: &str, lived: &'static str, fixed: &str) {
    let behind: Vec<_> = campaign(lived).findings.iter().filter(|f| f.cause.is_some_and(|c| c.rule == rule)).collect();
    assert!(!behind.is_empty(), "no finding on {lived} is explained by {rule}");
    let defects = corrections(&runtime(fixed, Machine::default()).description.rules.unwrap());
    assert!(defects.iter().all(|c| c.rule != rule), "{fixed} still has {rule}");
    for finding in behind {
        let Verdict::Violation(old) = &finding.replay.verdict else { panic!("{lived}: a finding that breaks nothing") };
        let mut rig = rig(fixed, finding.reduced.machine);
        match rig.replay(&finding.reduced).verdict {
            Verdict::Pass | Verdict::AllowedTrap(_) => {}
            Verdict::Violation(new) => {
                assert!((new.kind, new.step) != (old.kind, old.step), "{fixed}: {new:?}\n{}", finding.reduced);
            }
            other @ (Verdict::Inconclusive(_) | Verdict::Untrusted(_)) => panic!("{fixed}: {other:?}"),
        }
    }
}

#[test]
fn a_campaign_on_0_0_65_finds_464_and_one_on_0_0_112_does_not() {
    found_until("root-push-guard", V65, V112);
}

#[test]
fn a_campaign_on_0_0_112_finds_484_and_one_on_0_0_114_does_not() {
    found_until("size-mask", V65, V114);
    found_until("size-mask", V112, V114);
    found_until("size-guard", V112, V114);
}

#[test]
fn a_campaign_on_0_0_114_finds_515_and_one_on_0_0_130_does_not() {
    found_until("extent-check", V65, V130);
    found_until("extent-check", V114, V130);
}

#[test]
fn a_campaign_on_0_0_114_finds_348_and_487_and_one_on_0_0_131_does_not() {
    for lived in [V65, V112, V114] {
        found_until("worklist-push-when-full", lived, V131);
        found_until("growth", lived, V131);
    }
}

#[test]
fn a_campaign_on_0_1_9_finds_1382_and_one_on_0_2_does_not() {
    for lived in [V65, V112, V114, V019] {
        found_until("candidate-test", lived, V02);
    }
}

#[test]
fn what_a_campaign_finds_on_a_release_is_explained_by_one_of_its_defects() {
    for on in [V65, V112, V114, V019, V02] {
        for finding in &campaign(on).findings {
            assert!(finding.cause.is_some(), "{on}: {} has no cause\n{}", finding.bucket, finding.reduced);
        }
        assert!(campaign(on).statistics.untrusted.is_empty(), "{on}: {:?}", campaign(on).statistics.untrusted);
    }
}

#[test]
fn on_0_2_a_campaign_finds_nothing_but_the_initial_page() {
    for finding in &campaign(V02).findings {
        assert_eq!(finding.cause.unwrap().rule, "initial-pages", "{}\n{}", finding.bucket, finding.reduced);
    }
    assert!(campaign(V02).unreduced.is_empty());
    assert!(!campaign(V02).statistics.traps.contains_key(&TrapRule::WorklistFull), "a full worklist traps no more");
}
