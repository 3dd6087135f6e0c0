//! `hunt --corpus`: what a hunt starts from, and what it leaves there.

use assert_cmd::assert::Assert;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// One machine, so that it is compiled once.
const FIXED: &str = "fixed?data_end=5,worklist=64,roots=64,pages=1..8";
const CASE: &str = "heapsmith 1\n# by hand\nwide r0 n=40\ncollect\ncheck r0\n";

struct Room(tempfile::TempDir);

impl Room {
    /// A folder `corpus` with one case, and one below it.
    fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(room.corpus().join("below")).unwrap();
        fs::write(room.corpus().join("mine.heapsmith"), CASE).unwrap();
        fs::write(room.corpus().join("below/other.heapsmith"), "heapsmith 1\nalloc r1 size=16\n").unwrap();
        room
    }

    fn corpus(&self) -> PathBuf {
        self.0.path().join("corpus")
    }

    fn args(&self, runtime: &str) -> Vec<String> {
        let (out, corpus) = (self.0.path().join("out"), self.corpus());
        let fixed = ["hunt", "--runtime", runtime, "--engines", "wasmtime", "--seed", "4"];
        let folders = ["--out", out.to_str().unwrap(), "--corpus", corpus.to_str().unwrap()];
        fixed.into_iter().chain(folders).map(str::to_owned).collect()
    }

    fn hunt(&self, runtime: &str, more: &[&str]) -> Assert {
        assert_cmd::Command::cargo_bin("heapsmith").unwrap().args(self.args(runtime)).args(more).assert()
    }

    /// Every file with its text.
    fn files(&self) -> BTreeMap<String, String> {
        fn walk(folder: &Path, into: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    walk(&entry, into);
                } else {
                    into.insert(entry.display().to_string(), fs::read_to_string(&entry).unwrap());
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.corpus(), &mut files);
        let prefix = format!("{}/", self.corpus().display());
        files.into_iter().map(|(name, text)| (name.trim_start_matches(&prefix).to_owned(), text)).collect()
    }
}

fn text(assert: &Assert) -> String {
    String::from_utf8([&assert.get_output().stdout[..], &assert.get_output().stderr[..]].concat()).unwrap()
}

#[test]
fn a_hunt_adds_what_it_kept_under_names_that_the_number_of_workers_does_not_change() {
    let (one, two) = (Room::new(), Room::new());
    let first = one.hunt(FIXED, &["--programs", "150", "--jobs", "1"]).code(0);
    two.hunt(FIXED, &["--programs", "150", "--jobs", "2"]).code(0);
    let files = one.files();
    assert_eq!(files, two.files());
    assert!(files.len() > 20, "{}", text(&first));
    assert!(text(&first).contains(&format!("corpus: 2 cases to start from, {} new files in ", files.len() - 2)));
    assert_eq!(files["mine.heapsmith"], CASE);
    // Every file is a case. The second hunt starts from all of them, changes none, and says what it adds.
    let next = one.hunt(FIXED, &["--programs", "300", "--json"]).code(0);
    let json: serde_json::Value = serde_json::from_slice(&next.get_output().stdout).unwrap();
    let more = one.files();
    assert!(files.iter().all(|(name, text)| more[name] == *text));
    assert_eq!(json["feedback"]["files_added"], more.len() - files.len());
}

#[test]
fn what_is_found_from_a_case_names_the_case() {
    let room = Room::new();
    let faulty = FIXED.replacen('?', "?fault=topmost-root-missed,", 1);
    let hunt = room.hunt(&faulty, &["--programs", "2", "--json"]).code(1);
    let json: serde_json::Value = serde_json::from_slice(&hunt.get_output().stdout).unwrap();
    let roots: Vec<_> = json["findings"].as_array().unwrap().iter().map(|f| &f["lineage"]["root"]).collect();
    assert!(roots.iter().any(|root| *root == "mine.heapsmith"), "{roots:?}");
    // What breaks a promise is no parent, and nothing to keep.
    assert_eq!(room.files().len(), 2);
}

#[test]
fn files_that_are_no_cases_are_named_and_nothing_is_run_or_written() {
    let room = Room::new();
    fs::write(room.corpus().join("bad.heapsmith"), "heapsmith 1\nallok r0\n").unwrap();
    fs::write(room.corpus().join("worse.heapsmith"), "no case").unwrap();
    let before = room.files();
    let refused = text(&room.hunt(FIXED, &["--programs", "50"]).code(2));
    assert!(refused.contains("bad.heapsmith") && refused.contains("line 2"), "{refused}");
    assert!(refused.contains("worse.heapsmith") && refused.contains("nothing was run"), "{refused}");
    assert_eq!(room.files(), before);
    let file = Room::new();
    fs::remove_dir_all(file.corpus()).unwrap();
    fs::write(file.corpus(), "").unwrap();
    assert!(text(&file.hunt(FIXED, &["--programs", "50"]).code(2)).contains("expected a folder at"));
}

#[test]
fn a_hunt_that_is_stopped_adds_what_it_kept_until_then() {
    let room = Room::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heapsmith"));
    let hunt = command.args(room.args(FIXED)).args(["--seconds", "600", "--jobs", "1"]);
    let child = hunt.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("interrupted before 600 seconds were over"), "{text}");
    assert!(text.contains(&format!(" {} new files in ", room.files().len() - 2)), "{text}");
    assert!(room.files().len() > 3, "{text}");
}
