//! The command line as a person or a script meets it: answers, complaints and exit codes.
//!
//! Exit code 3 needs harness and engines to contradict each other. With healthy engines that is out of reach of `hunt` and `doctor`
//! (the test engine that lies, and the unit tests of `doctor`, stand for them); `run` reaches it through a folder that contradicts itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod adopt;
mod cost;
mod hunt_corpus;
mod known;
mod manifest;
mod mutants;
mod place;
mod rounds;
mod score;
mod versus;

use assert_cmd::assert::Assert;
use place::{BINARY, Place, json, stderr, stdout};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program on which `vera@0.0.130` drops a push, `vera@0.0.131` traps as it must, and `fixed` too.
const WIDE: &str = "heapsmith 1\nmachine worklist=4\nwide r0 n=worklist+1 words=1\ncollect\ncheck r0\n";
/// A program that every collector passes.
const SMALL: &str = "heapsmith 1\nalloc r0 size=24 fields=0 init=null\ncollect\ncheck r0\n";

#[test]
fn a_missing_case_is_refused() {
    let place = Place::new();
    place.refuses(&["run", "nowhere.heapsmith"], &["nowhere.heapsmith: expected a file, found nothing there"]);
    place.refuses(&["run"], &["CASE|DIR"]);
}

#[test]
fn an_unreadable_case_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path().join("folder.heapsmith")).unwrap();
    place.refuses(&["run", "folder.heapsmith"], &["expected at least one case (*.heapsmith)", "found none"]);
    place.write("binary.heapsmith", b"heapsmith 1\ncollect \xff\n");
    place.refuses(
        &["run", "binary.heapsmith"],
        &["binary.heapsmith: line 2: expected UTF-8 text, found byte 0xff at offset 20"],
    );
    place.write("x/reduced.heapsmith", SMALL);
    fs::create_dir(place.path().join("x/verdict.json")).unwrap();
    place.refuses(&["run", "x"], &["verdict.json beside it: expected a file, found a folder", "give --runtime"]);
}

#[test]
fn an_empty_folder_is_refused() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("empty/below")).unwrap();
    place.refuses(&["run", "empty"], &["empty: expected at least one case (*.heapsmith) in or below this folder"]);
}

#[test]
fn a_malformed_case_is_shown_with_line_column_and_caret() {
    let place = Place::new();
    place.write("bad.heapsmith", "heapsmith 1\nalloc r0 size=24\ncolect\n");
    let assert = place.run(&["run", "bad.heapsmith"]).code(2);
    insta::assert_snapshot!("malformed_case", stderr(&assert));
    place.write("version.heapsmith", "heapsmith 9\n");
    place.refuses(&["run", "version.heapsmith"], &["version.heapsmith: line 1, column 11"]);
    place.write("blank.heapsmith", "");
    place.refuses(&["run", "blank.heapsmith"], &["blank.heapsmith: line 1, column 1: expected"]);
}

#[test]
fn everything_wrong_is_said_before_anything_runs() {
    let place = Place::new();
    place.write("a/1.heapsmith", SMALL);
    place.write("a/2.heapsmith", "heapsmith 1\nalloc r99 size=1\n");
    place.write("a/3.heapsmith", "heapsmith 1\nmachine data_end=70000\n");
    let unreadable = ["a/2.heapsmith: line 2, column 7", "gone.heapsmith: expected a file, found nothing there"];
    let args = ["run", "a", "gone.heapsmith"];
    place.refuses(&args, &unreadable);
    place.refuses(
        &args,
        &["3 problems with the input; nothing was run", "a/3.heapsmith: the machine on vera@0.0.131: expected"],
    );
    let args = ["run", "a", "gone.heapsmith", "--runtime", "fixd"];
    place.refuses(&args, &unreadable);
    place.refuses(&args, &["3 problems with the input; nothing was run", "--runtime", "did you mean `fixed`?"]);
}

#[test]
fn an_unknown_runtime_suggests_the_nearest() {
    let place = Place::new();
    let case = place.write("case.heapsmith", SMALL);
    let case = case.to_str().unwrap();
    for args in [
        &["run", case, "--runtime", "vera@0.0.132"][..],
        &["hunt", "--runtime", "vera@0.0.132"],
        &["runtimes", "vera@0.0.132"],
        &["pins", "vera@0.0.132"],
    ] {
        place.refuses(args, &["`vera@0.0.132`", "did you mean `vera@0.0.13"]);
    }
    place.write("x/reduced.heapsmith", SMALL);
    place.write("x/verdict.json", r#"{ "runtime": "fixxed" }"#);
    place.refuses(&["run", "x"], &["verdict.json beside it", "did you mean `fixed`?"]);
    place.run(&["run", "x", "--runtime", "fixed"]).code(0);
    place.refuses(&["hunt", "--runtime", "fixed?worklst=4"], &["did you mean `worklist`?"]);
}

#[test]
fn absurd_sizes_are_refused_or_answered() {
    let place = Place::new();
    place.refuses(&["hunt", "--runtime", "fixed?worklist=99999999999"], &["from 0 to 4294967295", "99999999999"]);
    place.refuses(
        &["hunt", "--runtime", "fixed?worklist=4294967295"],
        &["expected 1 to 1048576 entries for `worklist`"],
    );
    place.refuses(&["hunt", "--runtime", "fixed?pages=1..99999999"], &["expected at most 65536 pages"]);
    place.refuses(&["hunt", "--runtime", "fixed?data_end=4294967295"], &["--runtime: expected"]);
    place.refuses(&["hunt", "--jobs", "99999999"], &["--jobs: expected 1 to 1024 workers"]);
    place.refuses(&["hunt", "--seed", "99999999999999999999"], &["--seed"]);
    place.write("count.heapsmith", "heapsmith 1\ngarbage n=1048577 size=8\n");
    place.refuses(&["run", "count.heapsmith"], &["line 2, column 11", "1048576"]);
    place.write("word.heapsmith", "heapsmith 1\nalloc r0 size=4294967296\n");
    place.refuses(&["run", "word.heapsmith"], &["line 2, column 15"]);
    place.write("pages.heapsmith", "heapsmith 1\nmachine pages=1..99999999\n");
    place.refuses(&["run", "pages.heapsmith"], &["line 2, column 18", "from 1 to 65536"]);
    place.write("many.heapsmith", "heapsmith 1\nmachine pages=1..65536\n");
    place.run(&["run", "many.heapsmith"]).code(0);
    let large = place.write("large.heapsmith", "heapsmith 1\nalloc r0 size=0xffffffff\ngarbage n=9 size=0xffffffff\n");
    let assert = place.run(&["run", large.to_str().unwrap(), "--runtime", "fixed"]).code(0);
    assert!(stdout(&assert).contains("the size is beyond the collector's limit"), "{}", stdout(&assert));
}

#[test]
fn senseless_campaigns_are_refused() {
    let place = Place::new();
    place.refuses(&["hunt", "--jobs", "0"], &["--jobs: expected 1 to 1024 workers, found 0"]);
    place.refuses(&["hunt", "--programs", "0"], &["--programs: expected at least one program, found 0"]);
    place.refuses(&["hunt", "--seconds", "0"], &["--seconds: expected at least one second, found 0"]);
    place.refuses(&["hunt", "--seconds", "1", "--programs", "1"], &["cannot be used with"]);
    place.refuses(&["hunt", "--seconds", "soon"], &["invalid value 'soon'"]);
    place.refuses(
        &["hunt", "--engines", "wasmtim"],
        &["--engines: no engine is called `wasmtim`", "did you mean `wasmtime`?"],
    );
    place
        .refuses(&["hunt", "--engines", "wasmi,wasmi"], &["--engines: expected each engine once, found `wasmi` again"]);
    place.write("case.heapsmith", SMALL);
    place.refuses(&["run", "case.heapsmith", "--engines", "v9"], &["no engine is called `v9`", "did you mean `v8`?"]);
    place.refuses(&["run", "case.heapsmith", "--engines", ""], &["--engines"]);
    for command in [&["hunt", "--engines", "v8"][..], &["run", "case.heapsmith", "--engines", "v8"]] {
        place.refuses(
            command,
            &["at least one engine that keeps a collector between programs", "`--engines wasmtime,v8`"],
        );
    }
    place.refuses(
        &["hunt", "--runtime", "fixed?fault=grow-on-page"],
        &["`grow-on-page`", "did you mean `grow-one-page`?"],
    );
}

#[test]
fn without_node_v8_is_refused_and_the_doctor_says_so() {
    let place = Place::new();
    let without =
        |args: &[&str]| assert_cmd::Command::new(BINARY).args(args).current_dir(place.path()).env("PATH", "").assert();
    let assert = without(&["hunt", "--engines", "wasmtime,v8"]).code(2);
    for part in ["--engines: v8 does not start here: expected `node` in the search path", "install node 18 or newer"] {
        assert!(stderr(&assert).contains(part), "{}", stderr(&assert));
    }
    let assert = without(&["doctor"]).code(0);
    assert!(stdout(&assert).contains("missing  v8: "), "{}", stdout(&assert));
    let engines = json(&without(&["doctor", "--json"]).code(0))["engines"].clone();
    assert_eq!(engines.as_array().unwrap().len(), 6, "{engines}");
    assert!(engines[5]["problem"].as_str().unwrap().contains("node"), "{engines}");
    assert_eq!((&engines[5]["lowering"], &engines[2]["lowering"]), (&"standalone".into(), &"resident".into()));
}

#[test]
fn a_disagreement_of_engines_is_decided_in_text_and_json() {
    let place = Place::new();
    let case = format!("{}/../corpus/regressions/engine-wasmi-select.heapsmith", env!("CARGO_MANIFEST_DIR"));
    let args = ["run", &case, "--runtime", "fixed?fault=first-fit-by-select", "--no-known"];
    let text = stdout(&place.run(&args).code(1));
    for part in ["odd one out: wasmi\n", "sides:       wasmtime = winch; wasmi alone\n", "asked:       winch\n"] {
        assert!(text.contains(part), "expected `{part}` in:\n{text}");
    }
    let violation = &json(&place.run(&[&args[..], &["--json"]].concat()).code(1))[0]["violation"];
    let expected = serde_json::json!({
        "odd_one_out": ["wasmi"], "groups": [["wasmtime", "winch"], ["wasmi"]], "adjudicators": ["winch"], "silent": []
    });
    assert_eq!(violation["adjudication"], expected, "{violation}");
    place.run(&[&args[..], &["--engines", "wasmtime,wasmi1,pulley,winch"]].concat()).code(0);
}

#[test]
fn an_out_that_cannot_take_findings_is_refused() {
    let place = Place::new();
    place.write("file", "");
    place.refuses(&["hunt", "--programs", "1", "--out", "file"], &["--out: expected a folder at `file`"]);
    // A file system that refuses every write, root's too.
    #[cfg(target_os = "linux")]
    {
        place.refuses(
            &["hunt", "--programs", "1", "--out", "/proc"],
            &["--out: expected a folder that can be written to"],
        );
        std::os::unix::fs::symlink("/proc", place.path().join("link")).unwrap();
        place.refuses(
            &["hunt", "--programs", "1", "--out", "link"],
            &["--out: expected a folder that can be written to at `link`"],
        );
    }
}

#[test]
fn below_a_file_nothing_is_lost() {
    let place = Place::new();
    place.write("file", "");
    let assert = place.hunt("file/below", &["--programs", "60"]);
    // Refused at once, or else printed whole.
    match assert.get_output().status.code() {
        Some(2) => assert!(stderr(&assert).contains("--out"), "{}", stderr(&assert)),
        code => {
            assert_eq!(code, Some(1));
            assert!(stderr(&assert).contains("the finding follows whole"), "{}", stderr(&assert));
        }
    }
}

/// A limit of no bytes for each file is what a full disk looks like: files are made, writes fail.
#[test]
#[cfg(unix)]
fn a_finding_that_a_full_disk_refuses_is_printed_whole() {
    let place = Place::new();
    let hunt =
        r#"trap "" XFSZ; ulimit -f 0; exec "$0" hunt --runtime vera@0.0.130 --programs 60 --max-findings 1 --out full"#;
    let assert = assert_cmd::Command::new("sh").args(["-c", hunt, BINARY]).current_dir(place.path()).assert().code(1);
    let (out, err) = (stdout(&assert), stderr(&assert));
    assert!(out.contains("not written: expected to write `full/"), "{out}");
    let (_, case) = err.split_once("\nheapsmith 1\n").unwrap_or_else(|| panic!("no case in:\n{err}"));
    place.write("again.heapsmith", format!("heapsmith 1\n{case}"));
    place.run(&["run", "again.heapsmith", "--runtime", "vera@0.0.130"]).code(1);
}

#[test]
fn the_old_release_has_its_two_bugs_and_run_confirms_both() {
    let place = Place::new();
    let args = ["hunt", "--runtime", "vera@0.0.130", "--programs", "500", "--max-findings", "8"];
    let assert = place.run(&args).code(1);
    let out = stdout(&assert);
    for part in [
        "silent-free.",
        "out-of-bounds.",
        "cause: a push to a full worklist is dropped (#348)",
        "cause: memory grows by one page, whatever the shortage (#487)",
        "confirmed standalone on wasmtime and wasmi",
    ] {
        assert!(out.contains(part), "expected `{part}` in:\n{out}");
    }
    assert_quiet(&assert);

    let assert = place.run(&["run", "findings", "--json"]).code(1);
    let cases = json(&assert);
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= 4, "{}", cases.len());
    for kind in ["silent-free", "out-of-bounds"] {
        let found = cases.iter().find(|c| c["violation"]["kind"] == kind);
        let case = found.unwrap_or_else(|| panic!("no {kind} in {cases:#?}"));
        let both = serde_json::json!(["wasmtime", "wasmi"]);
        assert_eq!(case["runtime"], "vera@0.0.130", "the verdict beside a case names its runtime");
        assert!(case["case"].as_str().unwrap().ends_with("/reduced.heapsmith"), "{case:#}");
        assert_eq!(case["standalone"]["confirmed"], both);
        assert_eq!(case["script"]["fails_on"], both);
    }

    let assert = place.run(&["run", "findings"]).code(1);
    let out = stdout(&assert);
    let all = cases.len();
    assert!(out.ends_with(&format!("{all} cases: {all} violations\n")), "{out}");
    assert!(out.contains("(only wasmtime, winch and pulley keep one)"), "{out}");
    assert_quiet(&assert);
}

#[test]
fn the_reference_is_clean() {
    let place = Place::new();
    let assert = place.run(&["hunt", "--runtime", "fixed", "--programs", "500"]).code(0);
    assert!(stdout(&assert).contains("findings: none"), "{}", stdout(&assert));
    assert!(!place.path().join("findings").exists(), "no finding, no folder");
    assert_quiet(&assert);
}

#[test]
fn a_number_of_programs_gives_the_same_summary_for_any_number_of_jobs() {
    let place = Place::new();
    let summary = |jobs: &str| {
        let mut value = json(&place.hunt("out", &["--programs", "150", "--json", "--jobs", jobs]).code(1));
        let seconds = value.as_object_mut().unwrap().remove("seconds");
        assert!(seconds.is_some_and(|s| s.is_f64()));
        value
    };
    assert_eq!(summary("1"), summary("2"));
}

/// Starts a command, sends it a signal while it runs, and gives what it said and its exit code.
#[cfg(unix)]
fn signalled(signal: &str, args: &[&str], after: Duration) -> (String, String, Option<i32>) {
    let place = Place::new();
    let mut child = Command::new(BINARY);
    child.args(args).current_dir(place.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    std::thread::sleep(after);
    let started = Instant::now();
    let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("SIG{signal} did not end `{}`", args.join(" "));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
#[cfg(unix)]
fn a_signal_ends_the_hunt_with_its_summary() {
    for signal in ["INT", "TERM"] {
        let args = ["hunt", "--runtime", "fixed", "--seconds", "600"];
        let (out, _, code) = signalled(signal, &args, Duration::from_millis(1_500));
        assert_eq!(code, Some(3), "SIG{signal}: {out}");
        assert!(out.starts_with("fixed, seed 1: ") && out.contains("findings: none"), "SIG{signal}: {out}");
        assert!(out.contains("interrupted before 600 seconds were over"), "SIG{signal}: {out}");
    }
}

#[test]
#[cfg(unix)]
fn a_signal_ends_the_counting_of_a_scope() {
    let args = ["exhaust", "--runtime", "fixed", "--ops", "10", "--objects", "8"];
    let (out, err, code) = signalled("INT", &args, Duration::from_millis(500));
    assert_eq!((out.as_str(), code), ("", Some(3)), "{err}");
    assert!(err.contains("stopped while the programs were counted; nothing was run"), "{err}");
}

#[test]
fn a_case_runs_on_the_runtime_that_is_asked_for() {
    let place = Place::new();
    place.write("wide.heapsmith", WIDE);
    let assert = place.run(&["run", "wide.heapsmith"]).code(0);
    let trap = stdout(&assert);
    assert!(trap.contains("vera@0.0.131") && trap.contains("the mark worklist is full"), "{trap}");
    assert!(trap.contains("backtrace:") && trap.contains("(only wasmtime, winch and pulley keep one)"), "{trap}");
    let assert = place.run(&["run", "wide.heapsmith", "--engines", "wasmi"]).code(0);
    assert!(stdout(&assert).contains("none: only wasmtime, winch and pulley keep one"), "{}", stdout(&assert));
    let assert = place.run(&["run", "wide.heapsmith", "--runtime", "vera@0.0.130"]).code(1);
    assert!(stdout(&assert).contains("a push to a full worklist is dropped (#348)"), "{}", stdout(&assert));
}

#[test]
fn an_account_reads_like_this() {
    let place = Place::new();
    place.write("case.heapsmith", SMALL);
    place.write("wide.heapsmith", WIDE);
    let assert = place.run(&["run", "case.heapsmith", "wide.heapsmith", "--runtime", "vera@0.0.130"]).code(1);
    insta::assert_snapshot!("run", stdout(&assert));
}

#[test]
fn in_the_folder_of_a_finding_only_the_reduced_case_runs() {
    let place = Place::new();
    for name in ["all/b/reduced", "all/b/original", "all/c/own", "all/a"] {
        place.write(&format!("{name}.heapsmith"), SMALL);
    }
    place.write("all/b/notes.txt", "not a case");
    let cases = |args: &[&str]| -> Vec<String> {
        let all = json(&place.run(args).code(0));
        all.as_array().unwrap().iter().map(|c| c["case"].as_str().unwrap().to_owned()).collect()
    };
    let below = ["all/a.heapsmith", "all/b/reduced.heapsmith", "all/c/own.heapsmith"];
    assert_eq!(cases(&["run", "all", "--json"]), below);
    assert_eq!(cases(&["run", "all", "all/b", "--json"]), below, "each file once");
    assert_eq!(
        cases(&["run", "all/b/original.heapsmith", "--json"]),
        ["all/b/original.heapsmith"],
        "unless it is named"
    );
}

#[test]
fn a_finding_that_contradicts_itself_is_not_trusted() {
    let place = Place::new();
    place.write("x/reduced.heapsmith", SMALL);
    place.write("x/verdict.json", r#"{ "runtime": "fixed" }"#);
    place.write(
        "x/finding.wast",
        "(module $mutator (memory (export \"memory\") 1))\n(register \"mutator\" $mutator)\n\
         (module (memory (export \"memory\") 1) (func (export \"run\") unreachable))\n(invoke \"run\")\n",
    );
    let assert = place.run(&["run", "x"]).code(3);
    let out = stdout(&assert);
    assert!(out.contains("finding.wast fails on wasmtime and wasmi, though this case is no violation"), "{out}");
}

#[test]
fn runtimes_are_listed_with_everything_that_is_known_of_them() {
    let place = Place::new();
    let assert = place.run(&["runtimes", "fixed"]).code(0);
    insta::assert_snapshot!("runtimes", stdout(&assert));
    let out = stdout(&place.run(&["runtimes"]).code(0));
    for name in heapsmith::runtime::names() {
        assert!(out.contains(&format!("{name}\n  ")), "{out}");
    }
    let all = json(&place.run(&["runtimes", "--json"]).code(0));
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, heapsmith::runtime::names());
    let assert = place.run(&["runtimes", "vera@0.0.131?data_end=5", "--wat"]).code(0);
    let wat = stdout(&assert);
    assert!(wat.starts_with("(module\n") && wat.contains("81925"), "{wat}");
    place.write("collector.wat", wat);
    place.run(&["pins", "collector.wat", "--data-end", "5"]).code(0);
    place.refuses(&["runtimes", "--wat"], &["<NAME>"]);
}

#[test]
fn pins_hold_for_a_release_and_fail_for_another() {
    let place = Place::new();
    let assert = place.run(&["pins", "vera@0.0.131?data_end=5"]).code(0);
    insta::assert_snapshot!("pins", stdout(&assert));
    let old = stdout(&place.run(&["runtimes", "vera@0.0.130", "--wat"]).code(0));
    place.write("old.wat", old);
    let assert = place.run(&["pins", "old.wat"]).code(1);
    assert!(stdout(&assert).contains("FAIL  heap start"), "{}", stdout(&assert));
    let report = json(&place.run(&["pins", "old.wat", "--as", "vera@0.0.130", "--json"]).code(1));
    let failed: Vec<&str> = report["pins"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["passed"] == false)
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["worklist guard, root seeding", "worklist guard, mark scan"], "{report:#}");
    // Of a manifest it is the module that is looked at.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");
    let text = stdout(&place.run(&["pins", manifest]).code(1));
    assert!(text.starts_with(&format!("{manifest}: 0 of 4 pins of vera@0.0.131 hold")), "{text}");
}

#[test]
fn a_hunt_that_marks_nothing_is_not_trusted_though_parameters_are_pinned() {
    let place = Place::new();
    let args =
        ["hunt", "--runtime", "vera@0.2?pages=1..1,worklist=1,roots=1048576", "--programs", "100", "--jobs", "1"];
    let text = stdout(&place.run(&args).code(3));
    assert!(text.contains("not trustworthy: never reached: objects that a collection kept"), "{text}");
}

#[test]
fn a_hunt_in_a_memory_that_cannot_grow_is_trusted() {
    let place = Place::new();
    let runtime = "fixed?data_end=5,worklist=16,roots=24,pages=1..1";
    place.run(&["hunt", "--runtime", runtime, "--programs", "120", "--jobs", "1", "--no-feedback"]).code(0);
}

#[test]
fn a_fault_that_takes_away_what_the_poison_finds_can_be_hunted() {
    let place = Place::new();
    let args =
        ["hunt", "--runtime", "vera@0.0.131?fault=zero-size-consumes-nothing", "--programs", "40", "--jobs", "1"];
    place.run(&args).code(1);
}

#[test]
fn pins_refuse_what_is_no_module() {
    let place = Place::new();
    place.write("text.wat", "(module (func $f (result i32)");
    place.refuses(&["pins", "text.wat"], &["text.wat: expected a WebAssembly module, binary or text"]);
    place.write("bytes.wasm", b"\0asm\x01\0\0\0\x63\x09");
    place.refuses(
        &["pins", "bytes.wasm"],
        &["bytes.wasm: expected a WebAssembly module, found bytes that do not decode"],
    );
    place.refuses(&["pins", "gone.wasm"], &["found neither: `gone.wasm`"]);
    fs::create_dir(place.path().join("folder.wasm")).unwrap();
    place.refuses(&["pins", "folder.wasm"], &["folder.wasm: expected a file, found a folder"]);
    #[cfg(unix)]
    place.refuses(&["pins", "/dev/zero"], &["/dev/zero: expected a module of at most 67108864 bytes, found more"]);
    place.refuses(&["pins", "fixed", "--data-end", "5"], &["--data-end", "`fixed?data_end=5`"]);
    place.refuses(&["pins", "fixed", "--as", "fixed"], &["--as"]);
    place.write("empty.wat", "(module)");
    place.refuses(&["pins", "empty.wat", "--as", "fixd"], &["--as", "did you mean `fixed`?"]);
    place.refuses(&["pins", "empty.wat", "--data-end", "4294967295"], &["--data-end: expected"]);
    place.run(&["pins", "empty.wat", "--data-end", "65534"]).code(1);
}

#[test]
fn the_doctor_catches_every_planted_defect() {
    let place = Place::new();
    let assert = place.run(&["doctor"]).code(0);
    let out = stdout(&assert);
    assert_eq!(out.matches("  caught   ").count(), 3, "{out}");
    assert_eq!(out.matches("  passes   ").count(), 3, "{out}");
    let report = json(&place.run(&["doctor", "--json"]).code(0));
    assert_eq!(report["healthy"], true);
}

#[test]
fn a_bench_that_cannot_be_is_refused_before_anything_is_measured() {
    let place = Place::new();
    place.refuses(&["bench", "--runtime", "vera@9"], &["--runtime"]);
    place.refuses(&["bench", "--engines", "wasmtim"], &["--engines", "did you mean `wasmtime`?"]);
    place.refuses(&["bench", "--engines", "wasmi,wasmi"], &["--engines: expected each engine once"]);
    place.refuses(&["bench", "--plot", "nowhere/bench.svg"], &["--plot: expected a file in a folder that exists"]);
}

#[test]
fn help_teaches_exit_codes_and_examples() {
    let place = Place::new();
    let out = stdout(&place.run(&["--help"]).code(0));
    for part in ["hunt", "run", "runtimes", "pins", "doctor", "bench", "Exit codes:", "Examples:"] {
        assert!(out.contains(part), "{out}");
    }
    place.run(&["hnut"]).code(2);
    place.run(&[]).code(2);
}

/// Nothing on standard error that is only for a terminal.
#[track_caller]
fn assert_quiet(assert: &Assert) {
    for text in [stderr(assert), stdout(assert)] {
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{text:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_output_that_cannot_be_written_is_an_error_and_no_panic() {
    for (command, code) in [
        ("runtimes >/dev/full", 2),
        ("pins nothing.wasm 2>/dev/full", 2),
        ("pins nothing.wasm 2>&-", 2),
        ("hunt --runtime fixed --programs 20 2>&-", 0),
    ] {
        let place = Place::new();
        let shell = format!("'{BINARY}' {command}");
        let status = Command::new("sh").args(["-c", &shell]).current_dir(place.path()).stdout(Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(code), "{command}");
    }
}

#[test]
fn a_hunt_in_giant_memories_is_refused() {
    let place = Place::new();
    let parts = ["expected at most 4096 pages in a hunt, found 40000", "heapsmith run"];
    place.refuses(&["hunt", "--runtime", "vera@0.0.131?max_pages=40000", "--programs", "1"], &parts);
}
