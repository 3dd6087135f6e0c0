//! Small scopes, exhaustively: at which number of ops each bug shows first, that the reference is clean, that a planted fault is found, and
//! that neither workers nor interruptions change anything.
#![allow(clippy::unwrap_used, reason = "tests")]

use heapsmith::engine::{self, Backtrace, Engine};
use heapsmith::exhaust::{Place, Progress, Scope, Settings, Summary, Tally, exhaust, machines};
use heapsmith::judge::Verdict;
use heapsmith::runtime::parse_spec;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

fn engines(backtrace: Backtrace) -> Vec<Box<dyn Engine>> {
    engine::DEFAULT.into_iter().map(|name| engine::open(name, backtrace).unwrap()).collect()
}

fn settings(runtime: &str, ops: usize, objects: u8) -> Settings {
    Settings {
        spec: parse_spec(runtime).unwrap(),
        scope: Scope { ops, objects },
        engines: engines(Backtrace::Off),
        tracing_engines: engines(Backtrace::On),
        jobs: 2,
        state: None,
    }
}

fn run(settings: &Settings) -> Summary {
    let summary = exhaust(settings, &Progress::default()).unwrap();
    assert!(summary.is_whole);
    assert_eq!(summary.tally.checked(), summary.total, "every program is counted once");
    summary
}

/// The fewest ops with which each cause shows.
fn smallest(tally: &Tally) -> BTreeMap<&str, usize> {
    let mut smallest = BTreeMap::new();
    for first in &tally.first {
        let cause = first.cause.as_deref().unwrap_or("unknown");
        let ops = smallest.entry(cause).or_insert(first.place.ops);
        *ops = first.place.ops.min(*ops);
    }
    smallest
}

#[test]
fn the_bugs_of_0_0_130_show_first_at_one_op_and_at_three() {
    let summary = run(&settings("vera@0.0.130?worklist=1", 3, 2));
    let smallest = smallest(&summary.tally);
    assert_eq!(smallest.get("growth"), Some(&1));
    assert_eq!(smallest.get("worklist-push-when-full"), Some(&3));
    assert_eq!(smallest.get("candidate-test"), Some(&3));
    for (first, finding) in &summary.findings {
        let finding = finding.as_ref().unwrap();
        assert!(matches!(finding.replay.verdict, Verdict::Violation(_)));
        assert_eq!(finding.lowerings_disagree, None, "{first:?}");
        assert_eq!(finding.reduced.ops.len(), first.place.ops);
        assert_eq!(finding.cause.map(|c| c.rule), first.cause.as_deref());
    }
}

#[test]
fn of_these_only_the_false_candidate_is_left_on_0_0_131_and_takes_three_ops() {
    let none = run(&settings("vera@0.0.131?worklist=2", 2, 2));
    assert_eq!(none.tally.first, []);
    let summary = run(&settings("vera@0.0.131?worklist=2", 3, 2));
    assert_eq!(smallest(&summary.tally), BTreeMap::from([("candidate-test", 3)]));
}

#[test]
fn the_reference_is_clean_and_the_scope_is_not_empty() {
    let summary = run(&settings("fixed", 3, 2));
    assert_eq!(summary.machines, 32);
    assert_eq!(summary.total, 32 * (6 + 70 + 1_093));
    assert_eq!(summary.distrusted(), [""; 0]);
    assert_eq!(summary.tally.violations, 0);
    for rule in ["worklist-full", "root-stack-full", "memory-limit"] {
        assert!(summary.tally.traps.contains_key(rule), "{:?}", summary.tally.traps);
    }
    assert!(summary.tally.freed > 1_000 && summary.tally.grown > 1_000);
    assert!(summary.tally.confirmations > 0);
}

/// A module that is not ours shows neither marks nor a worklist, and memory alone says that a limit was reached.
#[test]
fn a_collector_with_a_manifest_is_not_asked_for_what_it_does_not_show() {
    let summary = run(&settings(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml"), 3, 1));
    assert_eq!((summary.tally.violations, summary.tally.worklist), (0, 0));
    assert!(summary.tally.freed > 0 && summary.tally.grown > 0, "{:?}", summary.tally);
    assert_eq!(summary.distrusted(), [""; 0]);
}

#[test]
fn one_op_reaches_no_collection_that_frees_and_says_so_only_where_it_should() {
    let summary = run(&settings("fixed?worklist=1", 1, 1));
    assert_eq!(summary.tally.freed, 0);
    assert_eq!(summary.distrusted(), [""; 0], "a scope this small is not asked for what it cannot reach");
}

#[test]
fn a_planted_fault_is_found_at_few_ops() {
    for (name, ops) in
        [("grow-floor", 1), ("bump-page-early", 2), ("drop-root-push", 3), ("candidate-without-bitmap", 3)]
    {
        let with = |ops| settings(&format!("fixed?worklist=1,fault={name}"), ops, 2);
        let summary = run(&with(ops));
        let first = summary.tally.first.first().unwrap_or_else(|| panic!("{name} was not seen in {ops} ops"));
        assert_eq!((first.place.ops, &first.cause), (ops, &None), "{name}");
        if ops > 1 {
            assert_eq!(run(&with(ops - 1)).tally.first, [], "{name} shows before {ops} ops");
        }
    }
}

#[test]
fn workers_change_nothing() {
    let one = run(&Settings { jobs: 1, ..settings("vera@0.0.130?worklist=1", 2, 2) });
    let three = run(&Settings { jobs: 3, ..settings("vera@0.0.130?worklist=1", 2, 2) });
    assert_eq!(one.tally, three.tally);
    assert!(one.tally.violations > 0);
}

/// Runs until about `after` programs are done with, then stops.
fn interrupted(settings: &Settings, after: u64) -> Summary {
    let progress = Progress::default();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| exhaust(settings, &progress).unwrap());
        while progress.checked.load(Ordering::Relaxed) < after && !run.is_finished() {
            std::thread::yield_now();
        }
        progress.stop.store(true, Ordering::Relaxed);
        run.join().unwrap()
    })
}

#[test]
fn an_interrupted_run_goes_on_from_its_state_to_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let whole = run(&settings("vera@0.0.130?worklist=1", 3, 2));
    let with = Settings { state: Some(state.clone()), ..settings("vera@0.0.130?worklist=1", 3, 2) };
    let half = interrupted(&with, whole.total / 2);
    assert!(!half.is_whole && half.tally.checked() > 0, "{} of {}", half.tally.checked(), half.total);
    let rest = run(&with);
    assert_eq!(rest.resumed, half.tally.checked());
    assert_eq!(rest.tally, whole.tally);
    // Done is done.
    let again = run(&with);
    assert_eq!((again.resumed, &again.tally), (again.total, &whole.tally));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the state");
}

/// What is said of a state that this run cannot use, which must stay as it is.
fn refused(state: &Path, ops: usize) -> String {
    let before = std::fs::read(state).unwrap();
    let with = Settings { state: Some(state.to_owned()), ..settings("fixed?worklist=1,data_end=5", ops, 1) };
    let text = exhaust(&with, &Progress::default()).unwrap_err().to_string();
    assert_eq!(std::fs::read(state).unwrap(), before);
    text
}

#[test]
fn a_state_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    run(&Settings { state: Some(state.clone()), ..settings("fixed?worklist=1,data_end=5", 1, 1) });
    let text = refused(&state, 2);
    assert!(text.contains("ops is 1, not 2"), "{text}");
    let ours = std::fs::read_to_string(&state).unwrap();
    for (found, said) in [
        ("my diary", "no JSON"),
        ("", "no JSON"),
        ("{\"a\": 1}", "no field `heapsmith_exhaust`"),
        (&ours.replace("\"heapsmith_exhaust\": 1", "\"heapsmith_exhaust\": 9"), "found version 9"),
        (&ours.replace("\"done\": [", "\"done\": [[0, 99999999],"), "99999999"),
        (&ours.replace("\"run\"", "\"ran\""), "something else"),
        (&ours.replace("\"run\": ", "\"run\": 1"), "programs checked of"),
    ] {
        std::fs::write(&state, found).unwrap();
        let text = refused(&state, 1);
        assert!(text.contains(said), "{text}");
    }
    let endless = Path::new("/dev/zero");
    if endless.exists() {
        let with = Settings { state: Some(endless.to_owned()), ..settings("fixed?worklist=1,data_end=5", 1, 1) };
        let text = exhaust(&with, &Progress::default()).unwrap_err().to_string();
        assert!(text.contains("it is no regular file"), "{text}");
    }
}

#[test]
fn machines_are_few_and_start_at_every_alignment_near_the_end_of_a_page() {
    let scope = Scope { ops: 1, objects: 2 };
    for name in ["fixed", "vera@0.0.130"] {
        let spec = parse_spec(name).unwrap();
        let all = machines(&spec, scope).unwrap();
        let starts: Vec<(u32, u32)> = all
            .iter()
            .map(|&m| spec.resolve(m).unwrap())
            .map(|d| (d.parameters.worklist, d.regions.heap_start))
            .collect();
        let wanted: Vec<(u32, u32)> = (1..=4).flat_map(|w| (0..8).map(move |a| (w, 65_536 - 32 + a))).collect();
        assert_eq!(starts, wanted, "{name}");
    }
    let pinned = parse_spec("fixed?worklist=2").unwrap();
    assert_eq!(machines(&pinned, scope).unwrap().len(), 8);
    let pinned = parse_spec("fixed?worklist=2,data_end=0").unwrap();
    assert_eq!(machines(&pinned, scope).unwrap().len(), 1);
}

#[test]
fn places_are_in_the_order_of_ops_first() {
    let place = |ops| Place { ops, program: Vec::new(), machine: 9 };
    assert!(place(1) < place(2));
}

/// What the command line says, and its exit code.
fn command(args: &[&str], out: &Path) -> (String, String, Option<i32>) {
    let mut command = assert_cmd::Command::cargo_bin("heapsmith").unwrap();
    let output = command.arg("exhaust").args(args).arg("--out").arg(out).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn the_command_ends_with_what_was_checked_and_the_right_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("findings");
    let (text, _, code) = command(&["--runtime", "fixed?worklist=1", "--ops", "2", "--objects", "1"], &out);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("findings: none\nchecked 608 programs, all\n"), "{text}");
    assert!(!out.exists());

    let one = ["--runtime", "vera@0.0.130?worklist=1", "--ops", "1", "--objects", "1"];
    let (text, _, code) = command(&one, &out);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("alloc r0 size=memory.block+65544"), "{text}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    let (json, _, code) = command(&[&one[..], &["--json"]].concat(), &out);
    assert_eq!(code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["whole"], &json["programs"], &json["checked"]), (&true.into(), &48.into(), &48.into()));
    assert_eq!(json["findings"][0]["ops"], 1);

    let diary = folder.path().join("diary");
    std::fs::write(&diary, "mine").unwrap();
    for (args, said) in [
        (["--ops", "0"], "expected 1 to 12 ops, found 0"),
        (["--objects", "9"], "expected 1 to 8 registers, found 9"),
        (["--state", diary.to_str().unwrap()], "it is left as it is"),
    ] {
        let (_, complaint, code) = command(&args, &out);
        assert_eq!(code, Some(2), "{complaint}");
        assert!(complaint.contains(said), "{complaint}");
    }
    assert_eq!(std::fs::read_to_string(&diary).unwrap(), "mine");
}
