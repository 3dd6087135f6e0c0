//! A hunt's findings: reduced within their bucket, explained by the right rule, and shown by a script that fails because of the bug and
//! for no other reason.
#![allow(clippy::unwrap_used, reason = "tests")]

use heapsmith::campaign::{Feedback, Finding, Limit, Progress, Settings, Summary, hunt};
use heapsmith::engine::script::run_script;
use heapsmith::engine::{self, Backtrace, Engine};
use heapsmith::judge::Verdict;
use heapsmith::lower::{standalone, wast};
use heapsmith::metamorphic::Selection;
use heapsmith::report::directives;
use heapsmith::runtime::{builtin, corrections, parse_spec, rewith};
use heapsmith::trial::{Prepared, Rig};
use std::collections::BTreeSet;
use std::sync::Arc;

const FUEL: u64 = 1 << 32;

fn engines(backtrace: Backtrace) -> Vec<Box<dyn Engine>> {
    ["wasmtime", "wasmi"].into_iter().map(|name| engine::open(name, backtrace).unwrap()).collect()
}

fn hunted(runtime: &str, programs: u64) -> Summary {
    let settings = Settings {
        spec: parse_spec(runtime).unwrap(),
        engines: engines(Backtrace::Off),
        tracing_engines: engines(Backtrace::On),
        seed: 1,
        limit: Limit::Programs(programs),
        jobs: 2,
        max_findings: 20,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    };
    hunt(&settings, &Progress::default()).unwrap()
}

/// Every violation stands behind a finding or is counted as not reduced.
fn nothing_is_lost(summary: &Summary) {
    let behind: u64 = summary.findings.iter().map(|f| f.count).sum();
    let rest: u64 = summary.unreduced.values().sum();
    assert_eq!(behind + rest, summary.statistics.violations);
}

fn causes(findings: &[Finding]) -> BTreeSet<&'static str> {
    findings.iter().filter_map(|f| f.cause.map(|c| c.rule)).collect()
}

/// The script fails on the collector as it is, and holds on the one whose rule is corrected.
fn script_is_about_the_cause(runtime: &str, finding: &Finding) {
    for engine in engines(Backtrace::Off) {
        let report = run_script(engine.as_ref(), &finding.script, FUEL).unwrap();
        assert!(report.failure.is_some(), "{}: the script passes on {}", finding.bucket, engine.name());
    }
    let description = parse_spec(runtime).unwrap().resolve(finding.reduced.machine).unwrap();
    let prepared = Prepared::builtin(builtin(description.clone()), &engines(Backtrace::Off)).unwrap();
    let mut rig = Rig::new(Arc::new(prepared)).unwrap();
    let replay = rig.replay(&finding.reduced);
    let asserted = directives(&replay.verdict, rig.model(), rig.outcome(0)).directives;
    let cause = finding.cause.unwrap();
    let correction = corrections(&description.rules.unwrap()).into_iter().find(|c| c.rule == cause.rule).unwrap();
    let corrected = builtin(rewith(&description, correction.corrected));
    let text = wast::script(&standalone::modules(&corrected, rig.model().plan()), &asserted);
    for engine in engines(Backtrace::Off) {
        let report = run_script(engine.as_ref(), &text, FUEL).unwrap();
        assert_eq!(report.failure, None, "{}: the script fails without {}", finding.bucket, cause.rule);
    }
}

#[test]
fn the_seeds_bugs_are_found_reduced_explained_and_scripted_on_0_0_130() {
    let summary = hunted("vera@0.0.130", 1_500);
    nothing_is_lost(&summary);
    assert!(causes(&summary.findings).is_superset(&BTreeSet::from(["worklist-push-when-full", "growth"])));
    let explained = |kind: &str, rule: &str| {
        summary.findings.iter().any(|f| f.bucket.kind.name() == kind && f.cause.is_some_and(|c| c.rule == rule))
    };
    assert!(explained("silent-free", "worklist-push-when-full"));
    assert!(explained("out-of-bounds", "growth"));
    for finding in &summary.findings {
        assert_eq!(finding.lowerings_disagree, None, "{}", finding.bucket);
        assert!(finding.reduced.ops.len() <= 8, "{}: {}", finding.bucket, finding.reduced);
        assert!(matches!(finding.replay.verdict, Verdict::Violation(_)));
        if finding.cause.is_some() {
            script_is_about_the_cause("vera@0.0.130", finding);
        }
    }
}

#[test]
fn on_0_0_131_the_mark_in_a_payload_is_found_and_the_seeds_bugs_are_not() {
    let summary = hunted("vera@0.0.131", 1_500);
    nothing_is_lost(&summary);
    let causes = causes(&summary.findings);
    assert!(causes.contains("candidate-test"), "{causes:?}");
    assert!(!causes.contains("worklist-push-when-full") && !causes.contains("growth"), "{causes:?}");
    let corrupt = summary.findings.iter().find(|f| f.bucket.kind.name() == "corrupt-payload").unwrap();
    assert!(corrupt.reduced.ops.len() <= 4, "{}", corrupt.reduced);
    script_is_about_the_cause("vera@0.0.131", corrupt);
}
