//! `heapsmith corpus`: what is kept reaches what there was, whoever counts; nothing of the input is lost; and what is missing is named.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use assert_cmd::assert::Assert;
use common::{FIXED, V130, engines, spec};
use heapsmith::corpus::load::{Walk, Which};
use heapsmith::corpus::minimize::{OnUnreadable, Place};
use heapsmith::corpus::probe::Probed;
use heapsmith::corpus::{CorpusError, Prober, Progress, merge, minimize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_heapsmith");
const SEQUENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/seeds/sequences");

/// Drops a push on `vera@0.0.130`.
const WIDE: &str = "heapsmith 1\nmachine worklist=4\nwide r0 n=worklist+1 words=1\ncollect\ncheck r0\n";
const SMALL: &str = "heapsmith 1\nalloc r0 size=24 fields=0 init=null\ncollect\ncheck r0\n";

fn prober(runtime: &str) -> Prober {
    Prober::new(spec(runtime), engines())
}

fn run(args: &[&str], at: &Path) -> Assert {
    assert_cmd::Command::new(BINARY).arg("corpus").args(args).current_dir(at).assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn json(assert: &Assert) -> serde_json::Value {
    serde_json::from_str(&stdout(assert)).unwrap()
}

/// Names and texts of all files below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let below = path.strip_prefix(folder).unwrap();
            all.extend(contents(&path).into_iter().map(|(name, text)| (below.join(name), text)));
        } else {
            all.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    all
}

/// What files reach, by another way than the one that chooses them: features and buckets by name, one file after the other.
fn reached(folder: &Path, prober: &Prober) -> BTreeSet<String> {
    let files: Vec<PathBuf> = Walk::new(folder, Which::Inputs).map(Result::unwrap).collect();
    let mut names = BTreeSet::new();
    for file in files {
        let (mut probed, _) = prober.run(&[file], 1, &Progress::default()).unwrap();
        let Probed { reach, .. } = probed.remove(0).unwrap();
        names.extend(reach.features.iter().map(|feature| feature.to_string()));
        names.extend(reach.ops.iter().map(|tag| format!("op.{tag}")));
        names.insert(format!("verdict.{}", reach.verdict));
    }
    names
}

/// A folder with the seeds of sequences, each of them also with another name and a comment, and a few cases that break a promise.
fn corpus(place: &Path) -> PathBuf {
    let folder = place.join("in");
    fs::create_dir_all(folder.join("more")).unwrap();
    for (name, text) in contents(Path::new(SEQUENCES)) {
        fs::write(folder.join(&name), &text).unwrap();
        fs::write(folder.join("more").join(&name), [&text, "# again\n".as_bytes()].concat()).unwrap();
    }
    fs::write(folder.join("wide.heapsmith"), WIDE).unwrap();
    fs::write(folder.join("0a1b2c3d"), WIDE.replace("collect\n", "collect\ncollect\n")).unwrap();
    fs::write(folder.join("notes.md"), "none of ours").unwrap();
    folder
}

#[test]
fn what_is_kept_reaches_the_same_on_old_and_new_collectors_and_whoever_counts() {
    let place = TempDir::new().unwrap();
    let folder = corpus(place.path());
    let before = contents(&folder);
    for runtime in [V130, FIXED] {
        let prober = prober(runtime);
        let mut kept = Vec::new();
        for jobs in [1, 3] {
            let out = place.path().join(format!("{runtime}-{jobs}"));
            let progress = Progress::default();
            let done = minimize(&folder, Place::Out(&out), (&prober, jobs), OnUnreadable::Refuse, &progress).unwrap();
            assert!(done.after.files < done.before.files && done.before.files == before.len() - 1, "{done:?}");
            assert_eq!((done.after.features, done.after.verdicts), (done.before.features, done.before.verdicts));
            assert!(done.duplicates >= 36, "{}", done.duplicates);
            // Each kept file is one of the input, byte for byte.
            let written = contents(&out);
            assert_eq!(written.keys().collect::<Vec<_>>(), done.kept.iter().collect::<Vec<_>>());
            assert!(written.iter().all(|(name, text)| before.get(name) == Some(text)));
            kept.push(written);
            if jobs == 1 {
                assert_eq!(reached(&out, &prober), reached(&folder, &prober), "{runtime}");
            }
        }
        assert_eq!(kept[0], kept[1], "the number of workers shows");
    }
    assert_eq!(contents(&folder), before);
}

#[test]
fn a_merge_reaches_what_the_folders_reach_together_and_is_the_same_for_any_workers() {
    let place = TempDir::new().unwrap();
    let folder = corpus(place.path());
    // The same names for different files.
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("wide.heapsmith"), WIDE.replace("worklist=4", "worklist=40")).unwrap();
    fs::write(other.join("size-0.heapsmith"), SMALL).unwrap();
    let folders = [folder.clone(), other.clone()];
    let prober = prober(V130);
    let outs = [1, 2].map(|jobs| {
        let out = place.path().join(format!("merged-{jobs}"));
        let progress = Progress::default();
        let done = merge(&folders, &out, (&prober, jobs), OnUnreadable::Refuse, &progress).unwrap();
        assert_eq!(done.kept.len(), contents(&out).len());
        assert!(done.after.files < done.before.files, "{done:?}");
        out
    });
    assert_eq!(contents(&outs[0]), contents(&outs[1]));
    let union: BTreeSet<String> = folders.iter().flat_map(|folder| reached(folder, &prober)).collect();
    assert_eq!(reached(&outs[0], &prober), union);
    // As one folder, minimized.
    let all = place.path().join("all");
    for (i, folder) in folders.iter().enumerate() {
        for (name, text) in contents(folder) {
            let path = all.join(i.to_string()).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let out = place.path().join("all-small");
    minimize(&all, Place::Out(&out), (&prober, 2), OnUnreadable::Refuse, &Progress::default()).unwrap();
    assert_eq!(reached(&out, &prober), union);
}

#[test]
fn whoever_is_asked_to_stop_leaves_everything_as_it_was() {
    let place = TempDir::new().unwrap();
    let folder = corpus(place.path());
    let before = contents(place.path());
    let (prober, progress) = (prober(FIXED), Progress::default());
    progress.stop.store(true, Ordering::Relaxed);
    let out = place.path().join("out");
    let runner = (&prober, 2);
    for done in [
        minimize(&folder, Place::Out(&out), runner, OnUnreadable::Refuse, &progress),
        minimize(&folder, Place::InPlace, runner, OnUnreadable::Refuse, &progress),
        merge(std::slice::from_ref(&folder), &out, runner, OnUnreadable::Refuse, &progress),
    ] {
        assert!(matches!(done, Err(CorpusError::Stopped(_))), "{done:?}");
    }
    assert_eq!(contents(place.path()), before);
}

/// Killed at any time, the folder is whole, and the result is whole or not there.
#[test]
#[cfg(unix)]
fn killed_in_the_middle_nothing_is_half_there() {
    let place = TempDir::new().unwrap();
    let folder = corpus(place.path());
    let before = contents(&folder);
    let args = ["corpus", "minimize", "in", "--out", "out", "--runtime", FIXED, "--jobs", "1"];
    let mut killed = 0;
    for milliseconds in [5, 60, 200, 400] {
        let mut child =
            Command::new(BINARY).args(args).current_dir(place.path()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(contents(&folder), before);
        let out = place.path().join("out");
        assert!(ended || !out.exists() || !contents(&out).is_empty(), "an empty result");
        killed += usize::from(!ended);
        let partial = place.path().join(".out.partial");
        for left in [out, partial] {
            if left.exists() {
                fs::remove_dir_all(left).unwrap();
            }
        }
    }
    assert!(killed > 0, "it was never killed in time");
    run(&args[1..], place.path()).code(0);
}

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_ends_with_3_and_writes_nothing() {
    let place = TempDir::new().unwrap();
    let folder = corpus(place.path());
    // Work for minutes, of which a fraction of a second is done.
    for n in 0..40 {
        fs::write(
            folder.join(format!("long-{n}.heapsmith")),
            format!("heapsmith 1\nchain r0 n=100000 tag={n}\ncollect\n"),
        )
        .unwrap();
    }
    let before = contents(place.path());
    let mut child = Command::new(BINARY)
        .args(["corpus", "minimize", "in", "--out", "out", "--jobs", "1"])
        .current_dir(place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // From when it says that it catches the signal.
    let catches = |text: &str| {
        let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim).map(str::to_owned);
        mask.is_some_and(|mask| u64::from_str_radix(&mask, 16).unwrap() >> 1 & 1 == 1)
    };
    while !catches(&fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let started = Instant::now();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(contents(place.path()), before);
}

#[test]
fn a_second_command_does_not_touch_what_the_first_one_writes() {
    let place = TempDir::new().unwrap();
    fs::create_dir(place.path().join("in")).unwrap();
    fs::write(place.path().join("in/small.heapsmith"), SMALL).unwrap();
    fs::create_dir(place.path().join(".out.partial")).unwrap();
    let assert = run(&["minimize", "in", "--out", "out"], place.path()).code(2);
    assert!(stderr(&assert).contains(".out.partial: expected nothing there"), "{}", stderr(&assert));
    assert!(place.path().join(".out.partial").exists() && !place.path().join("out").exists());
}

#[test]
fn in_place_moves_the_rest_beside_and_says_how_to_undo_it() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("in");
    fs::create_dir(&folder).unwrap();
    for (name, text) in [("a", SMALL.to_owned()), ("b", format!("{SMALL}collect\n")), ("c", format!("{SMALL}# c\n"))] {
        fs::write(folder.join(format!("{name}.heapsmith")), text).unwrap();
    }
    fs::write(folder.join("notes.md"), "none of ours").unwrap();
    let before = contents(&folder);
    let args = ["minimize", "in", "--in-place", "--runtime", FIXED];
    let out = stdout(&run(&args, place.path()).code(0));
    let aside = place.path().join("in.removed");
    let (left, moved) = (contents(&folder), contents(&aside));
    assert!(left.contains_key(Path::new("notes.md")) && !moved.is_empty(), "{out}");
    let mut both = left.clone();
    both.extend(moved);
    assert_eq!(both, before);
    assert_eq!(left.len() + contents(&aside).len(), before.len());
    assert!(out.contains("to undo: cp -r in.removed/. in"), "{out}");
    // Once more there is nothing to spare.
    assert!(stdout(&run(&args, place.path()).code(0)).contains("nothing can be spared"));
    assert_eq!(contents(&folder), left);
    fs::create_dir_all(folder.join("finding")).unwrap();
    fs::write(folder.join("finding/reduced.heapsmith"), SMALL).unwrap();
    let assert = run(&args, place.path()).code(2);
    assert!(stderr(&assert).contains("found a finding"), "{}", stderr(&assert));
}

#[test]
fn what_cannot_be_read_is_told_with_its_line_and_never_dropped_in_silence() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("in");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("good.heapsmith"), SMALL).unwrap();
    fs::write(folder.join("bad.heapsmith"), "heapsmith 1\ncolect\n").unwrap();
    fs::write(folder.join("0123abcd"), b"\xff\x00\x01").unwrap();
    fs::write(folder.join("machine.heapsmith"), "heapsmith 1\nmachine data_end=70000\n").unwrap();
    let reasons = [
        "3 files cannot be read; --skip-unreadable leaves them out",
        "in/bad.heapsmith: line 2, column 1: expected",
        "in/0123abcd: line 1: expected UTF-8 text, found byte 0xff",
        "in/machine.heapsmith: the machine on vera@0.0.131: expected",
    ];
    let [minimize, merge] = ["minimize", "merge"].map(|command| [command, "in", "--out", "out"]);
    for command in [minimize, merge] {
        let assert = run(&command, place.path()).code(2);
        for reason in reasons {
            assert!(stderr(&assert).contains(reason), "{command:?}: {reason} in {}", stderr(&assert));
        }
        assert!(!place.path().join("out").exists() && stdout(&assert).is_empty());
        let assert = run(&[&command[..], &["--skip-unreadable", "--json"]].concat(), place.path()).code(0);
        let told = json(&assert);
        assert_eq!(told["unreadable"].as_array().unwrap().len(), 3, "{told}");
        assert_eq!(told["kept"], serde_json::json!(["good.heapsmith"]));
        assert!(stderr(&assert).contains("left out: in/bad.heapsmith"), "{}", stderr(&assert));
        fs::remove_dir_all(place.path().join("out")).unwrap();
    }
    let told = json(&run(&["stats", "in", "--json"], place.path()).code(0));
    assert_eq!((told["size"]["files"].as_u64(), told["unreadable"].as_array().map(Vec::len)), (Some(1), Some(3)));
}

#[test]
fn wrong_use_is_refused_before_anything_runs() {
    let place = TempDir::new().unwrap();
    fs::create_dir_all(place.path().join("in")).unwrap();
    fs::create_dir_all(place.path().join("full")).unwrap();
    fs::write(place.path().join("full/x"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", place.path().join("link")).unwrap();
    for (args, part) in [
        (&["minimize", "nowhere", "--out", "out"][..], "nowhere: expected a folder, found nothing there"),
        (&["stats", "full/x"], "full/x: expected a folder, found a file"),
        (&["minimize", "in"], "--out <DIR>"),
        (&["minimize", "in", "--out", "full"], "found files in `full`"),
        (&["minimize", "in", "--out", "in/small"], "expected a folder outside of `in`"),
        (&["minimize", "in", "--out", "new/../in/small"], "expected the name of a folder, found `new/../in/small`"),
        (&["minimize", "in", "--out", "full/../in/small"], "expected a folder outside of `in`"),
        (&["merge", "in", "--out", "."], "expected the name of a folder, found `.`"),
        (&["merge", "in", "--out", "link"], "expected the name of a folder, found `link`"),
        (&["merge", "in", "--out", "in"], "expected a folder outside of `in`"),
        (&["minimize", "in", "--out", "out"], "in: expected at least one case"),
        (&["merge", "in", "--out", "out"], "in: expected at least one case"),
        (&["stats", "in"], "in: expected at least one case"),
        (&["stats", "in", "--runtime", "fixd"], "did you mean `fixed`?"),
        (&["stats", "in", "--jobs", "0"], "--jobs: expected 1 to 1024 workers"),
    ] {
        let assert = run(args, place.path()).code(2);
        assert!(stderr(&assert).contains(part), "{args:?}: expected `{part}` in\n{}", stderr(&assert));
    }
    assert!(!place.path().join("out").exists() && !place.path().join("new").exists());
    assert_eq!(fs::read_dir(place.path().join("in")).unwrap().count(), 0);
}

#[test]
fn what_is_hidden_is_no_input_and_what_is_no_file_is_not_waited_for() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("in");
    fs::create_dir_all(folder.join(".git/objects")).unwrap();
    for hidden in [".git/HEAD", ".git/objects/0a1b2c", ".hidden.heapsmith", ".gitignore"] {
        fs::write(folder.join(hidden), "no case").unwrap();
    }
    fs::write(folder.join("good.heapsmith"), SMALL).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("lost.heapsmith")).unwrap();
    std::os::unix::fs::symlink(".", folder.join("round")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.heapsmith")).status().unwrap().success());
    let told = json(&run(&["stats", "in", "--json"], place.path()).code(0));
    assert_eq!(told["size"]["files"], 1, "{told}");
    let unreadable = told["unreadable"].as_array().unwrap();
    let reasons: Vec<_> = unreadable.iter().map(|u| u["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        ["expected a file, found nothing there", "expected a file, found a pipe, a socket or a device"],
        "{told}"
    );
}

#[test]
fn a_link_in_place_is_refused_because_it_could_stay_without_its_file() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("in");
    fs::create_dir(&folder).unwrap();
    // Of two that reach the same, the link's name comes first.
    fs::write(folder.join("b.heapsmith"), SMALL).unwrap();
    std::os::unix::fs::symlink("b.heapsmith", folder.join("a.heapsmith")).unwrap();
    let assert = run(&["minimize", "in", "--in-place"], place.path()).code(2);
    assert!(stderr(&assert).contains("in/a.heapsmith: expected files in a folder"), "{}", stderr(&assert));
    assert_eq!(contents(&folder).len(), 2);
    assert!(!place.path().join("in.removed").exists());
    run(&["minimize", "in", "--out", "out"], place.path()).code(0);
    assert_eq!(contents(&place.path().join("out")).into_keys().collect::<Vec<_>>(), [Path::new("a.heapsmith")]);
}

#[test]
fn a_folder_that_is_merged_with_itself_is_merged_once() {
    let place = TempDir::new().unwrap();
    let folder = corpus(place.path());
    run(&["merge", "in", "in", "in/more", "--out", "twice", "--jobs", "1"], place.path()).code(0);
    run(&["merge", "in", "--out", "once", "--jobs", "1"], place.path()).code(0);
    let [twice, once] = ["twice", "once"].map(|name| contents(&place.path().join(name)));
    assert_eq!(twice, once);
    assert!(folder.exists() && !once.is_empty());
}

#[test]
fn stats_names_the_op_the_graph_and_the_boundary_that_nobody_reaches() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("in");
    fs::create_dir(&folder).unwrap();
    let every =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/seeds/case_text/every-graph.heapsmith"))
            .unwrap();
    fs::write(folder.join("graphs.heapsmith"), &every).unwrap();
    fs::write(folder.join("page.heapsmith"), "heapsmith 1\nmachine data_end=5\nalloc r0 size=page.payload-3\n")
        .unwrap();
    let stats = || json(&run(&["stats", "in", "--runtime", FIXED, "--json"], place.path()).code(0));
    let all = stats();
    assert_eq!(all["missing"]["graphs"], serde_json::json!([]), "{all}");
    let has = |value: &serde_json::Value, name: &str| value.as_array().unwrap().iter().any(|v| v == name);
    assert!(
        has(&all["missing"]["ops"], "move") && !has(&all["missing"]["ops"], "wrap"),
        "no wrap table, no op missing"
    );
    assert!(
        !has(&all["missing"]["boundaries"], "end.payload.-3.mod5")
            && has(&all["missing"]["boundaries"], "end.payload.-4.mod5")
    );
    assert_eq!(all["goals"]["op.grid"], 1);
    assert!(
        all["edges"]["reached"].as_u64().unwrap() > 20
            && all["edges"]["of"].as_u64() > all["edges"]["reached"].as_u64()
    );
    fs::write(
        folder.join("graphs.heapsmith"),
        every.lines().filter(|l| !l.starts_with("grid")).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    assert_eq!(stats()["missing"]["graphs"], serde_json::json!(["grid"]));
    fs::write(folder.join("move.heapsmith"), "heapsmith 1\nalloc r0 size=8\nmove r1 = r0\n").unwrap();
    assert!(!has(&stats()["missing"]["ops"], "move"));
}

#[test]
fn minimize_and_stats_read_like_this() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("in");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("wide.heapsmith"), WIDE).unwrap();
    fs::write(folder.join("wide-again.heapsmith"), WIDE.replace("check r0\n", "check r0\ncheck r0\n")).unwrap();
    fs::write(folder.join("small.heapsmith"), SMALL).unwrap();
    let text = stdout(&run(&["minimize", "in", "--out", "out", "--runtime", V130], place.path()).code(0));
    insta::assert_snapshot!("corpus_minimize", text);
    let text = stdout(&run(&["stats", "out", "--runtime", V130], place.path()).code(0));
    insta::assert_snapshot!("corpus_stats", text);
}
