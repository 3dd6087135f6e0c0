//! The bug history of Vera's collector: each bug is found on every release that it lived in, with the right kind and cause, and not on
//! the releases that fixed it.
//!
//! Each row is a small program of `corpus/regressions`. Of rows whose fix the built-in releases do not show at its own version, the first
//! later release stands for it: #515 was fixed in v0.0.122, and the releases here are v0.0.114 and v0.0.130.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V130, V131, engines, regression, rig, runtime, spec};
use heapsmith::campaign::{Limit, Progress, Settings, Summary, hunt};
use heapsmith::judge::{Allowance, Kind, Verdict};
use heapsmith::model::TrapRule;
use heapsmith::outcome::{End, Trap};
use heapsmith::reduce::cause_of;
use heapsmith::runtime::corrections;
use heapsmith::runtime::description::GLOBAL_FREE_HEAD;
use heapsmith::trial::Rig;
use heapsmith_generators::{Machine, Program};
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

/// The releases before one.
fn before(first: &str) -> &'static [&'static str] {
    &ALL[..ALL.len() - since(first).len()]
}

/// The kinds found at the program's end and by a replay, and the cause.
fn found(program: &Program, on: &str) -> (Kind, Kind, Option<&'static str>) {
    let mut rig = rig(on, program.machine);
    let kind = |verdict: &Verdict| match verdict {
        Verdict::Violation(v) => v.kind,
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => {
            panic!("{on}: expected a violation, found {verdict:?}\n{program}")
        }
    };
    let at_end = kind(&rig.trial(program));
    let first = kind(&rig.replay(program).verdict);
    let description = runtime(on, program.machine).description;
    (at_end, first, cause_of(&description, &engines(), program).unwrap().map(|c| c.rule))
}

/// The bug of a case lives on each of these releases: kinds at the end and in a replay, and the cause, are as given.
fn lives(case: &str, on: &[&str], kinds: (Kind, Kind), cause: &str) {
    for on in on {
        assert_eq!(found(&regression(case), on), (kinds.0, kinds.1, Some(cause)), "{case} on {on}");
    }
}

/// Every promise is kept to the end of a case on each of these releases.
fn passes(case: &str, on: &[&str]) {
    for on in on {
        let (verdict, _) = ran(case, on);
        assert_eq!(verdict, Verdict::Pass, "{case} on {on}");
    }
}

/// A case ends in a trap that is demanded on each of these releases.
fn traps(case: &str, on: &[&str], rule: TrapRule) {
    for on in on {
        let (verdict, rig) = ran(case, on);
        assert_eq!(verdict, Verdict::AllowedTrap(Allowance::Must(rule)), "{case} on {on}");
        assert_eq!(rig.outcome(0).end, End::Trapped(Trap::Unreachable), "{case} on {on}");
    }
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
fn issue_348_a_full_worklist_drops_pushes_from_0_0_65_until_0_0_131() {
    let silent = (Kind::SilentFree, Kind::SilentFree);
    lives("worklist-wide-4097", before(V131), silent, "worklist-push-when-full");
    passes("worklist-wide-4097", since(V131));
    lives("worklist-wide-1025", &[V65], silent, "worklist-push-when-full");
    passes("worklist-wide-1025", since(V112));
    traps("worklist-wide-16385", &[V131, V019, FIXED], TrapRule::WorklistFull);
    passes("worklist-wide-16385", &[V02]);
    // Again and again in one collection; on v0.2 the range of what was put off has many objects.
    lives("worklist-put-off", before(V131), silent, "worklist-push-when-full");
    traps("worklist-put-off", &[V131, V019, FIXED], TrapRule::WorklistFull);
    passes("worklist-put-off", &[V02]);
}

#[test]
fn issue_487_memory_grows_by_one_page_from_0_0_65_until_0_0_131() {
    let out_of_bounds = (Kind::OutOfBounds, Kind::OutOfBounds);
    for case in ["growth-200000-filled", "growth-two-arrays-50000"] {
        lives(case, before(V131), out_of_bounds, "growth");
        passes(case, since(V131));
    }
    lives("growth-200000-bare", before(V131), (Kind::BlockOutOfBounds, Kind::BlockOutOfBounds), "growth");
    passes("growth-200000-bare", since(V131));
}

#[test]
fn issue_464_root_pushes_are_unguarded_on_0_0_65_until_0_0_112() {
    let missing = Kind::MissingTrap(TrapRule::RootStackFull);
    lives("root-stack-1025", &[V65], (missing, missing), "root-push-guard");
    passes("root-stack-1025", since(V112));
    lives("root-stack-5000", &[V65], (missing, missing), "root-push-guard");
    traps("root-stack-5000", since(V112), TrapRule::RootStackFull);
}

#[test]
fn issue_484_sizes_are_read_as_16_bits_from_0_0_65_until_0_0_114() {
    let corrupt = (Kind::CorruptPayload, Kind::CorruptPayload);
    lives("size-mask-65536", before(V114), corrupt, "size-mask");
    passes("size-mask-65536", since(V114));
    passes("size-mask-65535", &ALL);
}

#[test]
fn issue_515_a_false_candidate_is_read_out_of_bounds_from_0_0_65_until_0_0_122() {
    lives("false-candidate-huge-size", before(V130), (Kind::OutOfBounds, Kind::OutOfBounds), "extent-check");
    passes("false-candidate-huge-size", since(V130));
}

#[test]
fn issue_1382_a_false_candidate_gets_a_mark_from_0_0_65_until_0_2() {
    lives("mark-bit-in-payload", before(V02), (Kind::CorruptPayload, Kind::CorruptPayload), "candidate-test");
    passes("mark-bit-in-payload", since(V02));
}

#[test]
fn issue_1382_the_referent_of_a_marked_pointer_is_freed_by_the_next_collection() {
    let freed = (Kind::SilentFree, Kind::CorruptPayload);
    lives("mark-bit-frees-referent", &[V114, V130, V131, V019], freed, "candidate-test");
    passes("mark-bit-frees-referent", since(V02));
}

#[test]
fn data_that_ends_at_65534_puts_the_first_root_out_of_bounds_on_every_release() {
    lives("data-edge-65534", before(FIXED), (Kind::OutOfBounds, Kind::OutOfBounds), "initial-pages");
    passes("data-edge-65534", &[FIXED]);
}

#[test]
fn copies_of_one_pointer_are_an_allowed_trap_until_0_2_loses_nothing() {
    for on in [V131, V019] {
        passes("worklist-duplicates-16384", &[on]);
        traps("worklist-duplicates-16385", &[on], TrapRule::WorklistFull);
    }
    passes("worklist-duplicates-16385", since(V02));
}

#[test]
fn a_stale_link_keeps_1_000_free_blocks_until_they_are_proved_free() {
    for (on, freed) in [(V65, 0), (V130, 0), (V131, 0), (V019, 0), (V02, 999), (FIXED, 999)] {
        let (verdict, rig) = ran("stale-link-1000", on);
        assert_eq!(verdict, Verdict::Pass, "{on}");
        assert_eq!(rig.model().heap.free_list().count(), freed, "{on}");
        assert_eq!(rig.outcome(0).globals[GLOBAL_FREE_HEAD] == 0, freed == 0, "{on}");
    }
}

#[test]
fn an_8_byte_request_takes_a_free_block_of_800_000_bytes_whole() {
    for on in since(V114) {
        let (verdict, rig) = ran("no-split-800000", on);
        assert_eq!(verdict, Verdict::Pass, "{on}");
        let log = &rig.outcome(0).log;
        assert_eq!((log[0], rig.outcome(0).globals[GLOBAL_FREE_HEAD]), (log[1], 0), "{on}");
    }
}

/// Programs of each release's campaign.
const PROGRAMS: u64 = 1_500;

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
            max_findings: 12,
            metamorphic: heapsmith::metamorphic::Selection::Share,
        };
        hunt(&settings, &Progress::default()).unwrap()
    })
}

/// The campaign on `lived` has a finding with this cause. On `fixed` the cause is no longer there to be named, so that what is asked is
/// more: each of those findings, run there, does not break that promise at that step.
fn found_until(rule: &str, lived: &'static str, fixed: &str) {
    let behind: Vec<_> = campaign(lived).findings.iter().filter(|f| f.cause.is_some_and(|c| c.rule == rule)).collect();
    assert!(!behind.is_empty(), "no finding on {lived} is explained by {rule}");
    let defects = corrections(&runtime(fixed, Machine::default()).description.rules);
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
