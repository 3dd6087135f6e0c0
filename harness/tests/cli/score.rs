//! `heapsmith score` and `heapsmith mutants`, as they are typed.

use assert_cmd::Command;
use serde_json::Value;

/// Exit code, standard output and standard error.
fn heapsmith(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("heapsmith").unwrap().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = heapsmith(arguments);
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}")))
}

const FAULTS: &str = r#"
[[fault]]
name = "sweep-frees-nothing"
cause = "the sweep keeps every block"
breaks = "leak"
find = "(br_if $kept (i32.and (local.get $h) (i32.const 1)))"
replace = "br $kept"

[[fault]]
name = "nothing-at-all"
cause = "an instruction without effect"
equivalent = "a `nop` has no effect"
find = "    memory.grow\n"
replace = "    nop\n    memory.grow\n"
"#;

#[test]
fn faults_of_a_user_are_scored_and_shown_on_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, page) = (folder.path().join("fixed"), folder.path().join("score.html"));
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("mine.toml"), FAULTS).unwrap();
    let (faults, html) = (folder.path().to_str().unwrap(), page.to_str().unwrap());
    let arguments =
        ["score", "faults", "--faults", faults, "--programs", "60", "--enough", "4", "--html", html, "--json"];
    let (code, score) = json(&arguments);
    assert_eq!(code, 0, "{score:#}");
    let [frees, nothing] = score["runtimes"][0]["faults"].as_array().unwrap().as_slice() else { panic!("{score:#}") };
    assert_eq!((&frees["detected"], &frees["breaks"]), (&4.into(), &"leak".into()));
    assert!(frees["kinds"]["leak"].as_u64() > Some(0) && frees["problem"].is_null());
    assert_eq!((&nothing["detected"], &nothing["triggered"]), (&0.into(), &0.into()));
    assert!(nothing["reached"].as_u64() > Some(0));
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("sweep-frees-nothing") && page.contains("<svg") && !page.contains("{{"), "{page}");

    // A declaration that does not hold is not passed over.
    std::fs::write(mine.join("mine.toml"), FAULTS.replace("\"leak\"", "\"misaligned\"")).unwrap();
    let (code, out, _) = heapsmith(&arguments[..arguments.len() - 3]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("not as declared:\n  sweep-frees-nothing in fixed: it is declared to break `misaligned`"),
        "{out}"
    );
    std::fs::write(mine.join("mine.toml"), FAULTS.replace("memory.grow", "memory.shrink")).unwrap();
    let (code, _, err) = heapsmith(&arguments[..arguments.len() - 3]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("`nothing-at-all`") && err.contains("found 0 matches"), "{err}");
    let (code, _, err) = heapsmith(&["score", "--runtime", "vera@0.2"]);
    assert!(code == 2 && err.contains("fixed-split"), "{err}");
}

#[test]
fn ablations_are_a_table_of_the_same_faults() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, page) = (folder.path().join("fixed"), folder.path().join("ablations.html"));
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("mine.toml"), FAULTS).unwrap();
    let (faults, html) = (folder.path().to_str().unwrap(), page.to_str().unwrap());
    // One machine, so that it is compiled once for each edit.
    let fixed = "fixed?data_end=5,worklist=16,roots=24,initial_pages=1,max_pages=6";
    let arguments =
        ["score", "faults", "--ablate", "--faults", faults, "--runtime", fixed, "--programs", "20", "--enough", "2"];
    let (code, score) = json(&[&arguments[..], &["--json", "--html", html]].concat());
    assert_eq!(code, 0, "{score:#}");
    let rows = score["ablations"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {score:#}"));
    // Garbage that is kept shows in no output, and on no engine.
    let detected = |name: &str| (row(name)["detected"].as_u64(), row(name)["of"].as_u64());
    assert_eq!((detected("all"), detected("no trap prediction")), ((Some(1), Some(1)), (Some(1), Some(1))));
    for name in ["outputs only", "engines only"] {
        assert_eq!((detected(name), &row(name)["median"]), ((Some(0), Some(1)), &Value::Null), "{name}");
        assert_eq!(row(name)["lost"], serde_json::json!(["sweep-frees-nothing"]));
    }
    assert_eq!(row("engines only")["engines"], serde_json::json!(["wasmtime", "wasmi"]));
    assert!(rows.iter().all(|row| row["controls"][0]["control"]["programs"] == 20), "{score:#}");
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(
        page.contains("no trap prediction") && page.contains("sweep-frees-nothing") && !page.contains("{{"),
        "{page}"
    );

    // An equivalent that is seen is an error here too.
    std::fs::write(mine.join("mine.toml"), FAULTS.replace("breaks = \"leak\"", "equivalent = \"none\"")).unwrap();
    let (code, out, _) = heapsmith(&arguments);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains(&format!("not as it must be: all: sweep-frees-nothing in {fixed}: it is declared equivalent")),
        "{out}"
    );
    let (code, _, err) = heapsmith(&["score", "history", "--ablate"]);
    assert!(code == 2 && err.contains("--ablate: expected planted faults"), "{err}");
}

#[test]
fn a_sample_of_mutants_is_resumed_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let arguments =
        ["mutants", "fixed", "--sample", "14", "--programs", "40", "--json", "--state", state.to_str().unwrap()];
    let (code, first) = json(&arguments);
    assert!(code == 0 && first["killed"].as_u64() > Some(5), "{first:#}");
    assert_eq!(first["of"], 14);
    let sum = ["killed", "survived", "equivalent", "invalid"].map(|fate| first[fate].as_u64().unwrap());
    assert_eq!(sum.iter().sum::<u64>(), 14, "{first:#}");
    // The last line was cut short by a kill: that mutant is tried again.
    let text = std::fs::read_to_string(&state).unwrap();
    assert_eq!(text.lines().count(), 15, "{text}");
    std::fs::write(&state, &text[..text.len() - 9]).unwrap();
    assert_eq!(json(&arguments), (code, first));
    let (code, _, err) = heapsmith(&["mutants", "fixed", "--seed", "2", "--state", state.to_str().unwrap()]);
    assert!(code == 2 && err.contains("name another file"), "{err}");
    assert_eq!(std::fs::read_to_string(&state).unwrap().lines().count(), 15, "another run's state stays as it is");
}

#[test]
fn an_equivalent_that_is_seen_is_no_equivalent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("equivalents.toml");
    let (_, list, _) = heapsmith(&["mutants", "fixed", "--sample", "3", "--list"]);
    let entries: String = list
        .lines()
        .map(|line| {
            format!("[[equivalent]]\nmutant = {:?}\nreason = \"none\"\n", line.split_whitespace().next().unwrap())
        })
        .collect();
    std::fs::write(&file, &entries).unwrap();
    let arguments = ["mutants", "fixed", "--sample", "3", "--programs", "40", "--equivalents", file.to_str().unwrap()];
    let (code, out, _) = heapsmith(&arguments);
    assert!(
        code == 1 && out.contains("not as it must be:") && out.contains("is declared equivalent: program"),
        "{out}"
    );
    std::fs::write(&file, entries.replacen("\"none\"", "\"\"", 1)).unwrap();
    let (code, _, err) = heapsmith(&arguments);
    assert!(code == 2 && err.contains("expected a reason"), "{err}");
    std::fs::write(&file, "[[survivor]]\nmutant = \"alloc:100000:drop\"\nreason = \"none\"\n").unwrap();
    let (code, _, err) = heapsmith(&arguments);
    assert!(code == 2 && err.contains("expected mutants of fixed") && err.contains("alloc:100000:drop"), "{err}");
}

/// What is somebody else's stays as it is, and that is known before anything is run.
#[test]
fn a_page_is_not_written_over_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("notes.html");
    let html = page.to_str().unwrap();
    let arguments = ["score", "faults", "--runtime", "fixed", "--programs", "1", "--enough", "1", "--html", html];
    for text in ["<!doctype html>\nmine", "mine"] {
        std::fs::write(&page, text).unwrap();
        let (code, out, err) = heapsmith(&arguments);
        assert!(code == 2 && out.is_empty() && err.contains("name another place"), "{code} {out} {err}");
        assert_eq!(std::fs::read_to_string(&page).unwrap(), text);
        let (code, _, err) = heapsmith(&["cost", "--runtime", "fixed", "--plot", html]);
        assert!(code == 2 && err.contains("--plot"), "{err}");
        assert_eq!(std::fs::read_to_string(&page).unwrap(), text);
    }
    std::fs::write(&page, "").unwrap();
    let faults = folder.path().join("faults/fixed");
    std::fs::create_dir_all(&faults).unwrap();
    std::fs::write(faults.join("mine.toml"), FAULTS).unwrap();
    let folder = folder.path().join("faults");
    let mine = ["--faults", folder.to_str().unwrap()];
    for _ in 0..2 {
        let (code, _, err) = heapsmith(&[&arguments[..], &mine].concat());
        assert_ne!(code, 2, "a page of ours is written again: {err}");
        assert!(std::fs::read_to_string(&page).unwrap().contains("sweep-frees-nothing"));
    }
}

#[test]
fn a_file_that_is_no_state_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let arguments = ["mutants", "fixed", "--sample", "1", "--programs", "1", "--state", state.to_str().unwrap()];
    std::fs::write(&state, "heap").unwrap();
    heapsmith(&arguments);
    let text = std::fs::read_to_string(&state).unwrap();
    assert_eq!(text.lines().count(), 2, "the first line was cut short by a kill: {text}");
    for wrong in ["mine".to_owned(), "mine\n".to_owned(), text.replace("\n{", "\nno fate\n{")] {
        std::fs::write(&state, &wrong).unwrap();
        let (code, _, err) = heapsmith(&arguments);
        assert!(code == 2 && err.contains("name another file"), "{err}");
        assert_eq!(std::fs::read_to_string(&state).unwrap(), wrong);
    }
}

/// Two runs that write to one state would each write between the other's lines.
#[test]
fn a_state_that_another_run_has_open_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let arguments = ["mutants", "fixed", "--sample", "1", "--programs", "1", "--state", state.to_str().unwrap()];
    let other = std::fs::File::create(&state).unwrap();
    other.lock().unwrap();
    let (code, out, err) = heapsmith(&arguments);
    assert!(code == 2 && out.is_empty() && err.contains("expected a state that no other run goes on with"), "{err}");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "");
    drop(other);
    assert_ne!(heapsmith(&arguments).0, 2);
}

#[test]
fn a_sample_of_no_mutants_is_wrong_use_and_one_without_a_kill_has_no_kinds() {
    let (code, _, err) = heapsmith(&["mutants", "fixed", "--sample", "0"]);
    assert!(code == 2 && err.contains("--sample"), "{err}");
    // Seed 6 draws an equivalent.
    let (code, out, err) = heapsmith(&["mutants", "fixed", "--sample", "1", "--seed", "6", "--programs", "1"]);
    assert!(code == 3 && out.contains("killed 0 of 0 (-)") && !out.contains("by:"), "{code} {out} {err}");
}

#[test]
fn what_is_too_large_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    let large = large.to_str().unwrap();
    for (flag, what) in [("--state", "a state of at most"), ("--equivalents", "a file of equivalents of at most")] {
        let (code, _, err) = heapsmith(&["mutants", "fixed", "--sample", "1", "--programs", "1", flag, large]);
        assert!(code == 2 && err.contains(what), "{err}");
    }
}

/// So many programs that a run of them would not end while anybody waits.
#[test]
fn what_is_wrong_with_a_folder_of_faults_is_said_before_a_program_runs() {
    let entry = "[[fault]]\nname = \"mine\"\ncause = \"none\"\nfind = \"memory.grow\"\nreplace = \"nop memory.grow\"\n";
    let invalid = entry.replace("nop memory", "i64.const 1 memory");
    // On some machines only.
    let limit = "(global $gc_stack_limit i32 (i32.const 16384))";
    let some = entry.replace("nop memory.grow", &limit.replace("16384", "16380")).replace("memory.grow", limit);
    for (file, bytes, says) in [
        ("fixed/a.toml", "".as_bytes(), "a.toml: expected at least one table"),
        ("fixed/a.toml", b"[[fault]", "a.toml"),
        ("fixed/a.toml", b"\xff\xfe", "a.toml"),
        ("fixed/a.toml", b"[[fault]]\nname = 18446744073709551616\n", "a.toml"),
        ("fixed/a.toml", &entry.repeat(2).into_bytes(), "found it again"),
        ("fixed/a.toml", &invalid.into_bytes(), "to be a valid module"),
        ("fixed/a.toml", &some.into_bytes(), "matches of"),
        ("fixed/a.toml", &(entry.to_owned() + "parameters = \"worklist=0\"\n").into_bytes(), "expected 1 to 1048576"),
        ("fixed/a.toml", &(entry.to_owned() + "parameters = \"worklst=1\"\n").into_bytes(), "key=value"),
        ("fixd/a.toml", entry.as_bytes(), "did you mean `fixed`?"),
        ("fixed?mutant=alloc:1:drop/a.toml", entry.as_bytes(), "without an edit"),
        ("a.toml", entry.as_bytes(), "a file in the folder itself"),
        ("fixed/a.txt", entry.as_bytes(), "expected at least one table"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        for ablate in [&[][..], &["--ablate"]] {
            let mut command = Command::cargo_bin("heapsmith").unwrap();
            command.args(["score", "faults", "--programs", "4294967295", "--faults"]).arg(folder.path()).args(ablate);
            let output = command.timeout(std::time::Duration::from_secs(60)).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{file}, {says}: {output:?}");
            assert!(err.contains(says) && !err.contains("panicked"), "{file}, {says}: {err}");
        }
    }
}
