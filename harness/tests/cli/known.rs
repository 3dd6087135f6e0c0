//! Known issues: reported apart, and held against what is so.

use super::place::{Place, json, stdout};

/// The repository's own list.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/known-issues.toml");
/// A case of #1382, which is known on `vera@0.0.131`.
const MARKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/regressions/mark-bit-in-payload.heapsmith");

/// A list with one issue of `vera@0.0.131` and its case; `more` are lines of its table.
fn list(place: &Place, case: &str, more: &str) {
    place.write("lists/case.heapsmith", case);
    let entry = "[[issue]]\nname = \"mine\"\ntext = \"a test's\"\ncase = \"case.heapsmith\"\nsince = 2026-01-01\nexpiry = 2026-12-31\n";
    place.write("lists/known.toml", format!("{entry}{more}"));
}

/// The one check that fails when its time is over: an entry that is past its expiry, or that its case shows no longer, fails here by name.
#[test]
fn every_issue_of_the_list_is_known_today() {
    let place = Place::new();
    let assert = place.run(&["known", "check", LIST]);
    let text = stdout(&assert);
    assert.code(0);
    assert!(text.contains("known    vera #1382\n") && text.contains("known    wasmi 2.0.0 select\n"), "{text}");
}

#[test]
fn an_issue_that_is_over_or_gone_fails_by_name() {
    let place = Place::new();
    let over = json(&place.run(&["known", "check", LIST, "--today", "2100-01-01", "--json"]).code(1));
    for issue in over["issues"].as_array().unwrap() {
        assert_eq!(issue["standing"], "wrong", "{over:#}");
        assert!(issue["problems"][0].as_str().unwrap().starts_with("expected to be gone by its expiry"), "{over:#}");
    }
    let check = |code| stdout(&place.run(&["known", "check", "lists/known.toml", "--today", "2026-12-31"]).code(code));
    let marked = std::fs::read_to_string(MARKED).unwrap();
    let here = "runtime = \"vera@0.0.131\"\nbucket = \"corrupt-payload.*.*\"\n";
    list(&place, &marked, here);
    assert_eq!(check(0), "known    mine\n1 issues on 2026-12-31: 1 known, 0 wrong, 0 skipped\n");
    list(&place, "heapsmith 1\ncollect\n", here);
    let gone = check(1);
    assert!(gone.starts_with("WRONG    mine: expected lists/case.heapsmith to break in corrupt-payload.*.*"), "{gone}");
    assert!(gone.contains("found no violation; if it was mended, remove the entry"), "{gone}");
    list(&place, &marked, "runtime = \"vera@0.0.131\"\nbucket = \"silent-free.*.*\"\n");
    assert!(check(1).contains("found corrupt-payload.collect.collect (candidate-test)"));
    list(&place, &marked, &format!("{here}cause = \"growth\"\n"));
    assert!(check(1).contains("corrupt-payload.*.* (growth) on vera@0.0.131, found"));
    list(&place, &marked, "runtime = \"vera@0.0.13*\"\non = \"fixed\"\nbucket = \"hang.*.*\"\n");
    assert!(check(1).contains("expected `runtime` to match what `on` names"));
    place
        .refuses(&["known", "check", LIST, "--today", "tomorrow"], &["expected a day as YYYY-MM-DD, found `tomorrow`"]);
    place.refuses(&["known", "check"], &["corpus/known-issues.toml: expected a file, found nothing there"]);
}

#[test]
fn an_issue_of_a_module_that_is_not_there_is_skipped_loudly() {
    let place = Place::new();
    list(&place, "heapsmith 1\ncollect\n", "runtime = \"*/a.toml\"\non = \"b/a.toml\"\nbucket = \"hang.*.*\"\n");
    place.write("lists/b/a.toml", "heapsmith = 1\nname = \"a\"\nmodule = \"gone.wasm\"\n");
    let args = ["known", "check", "lists/known.toml", "--today"];
    let skipped = stdout(&place.run(&[&args[..], &["2026-02-01"]].concat()).code(0));
    assert!(
        skipped.starts_with("SKIPPED  mine: b/a.toml: there is no module lists/b/gone.wasm; make it first"),
        "{skipped}"
    );
    let over = stdout(&place.run(&[&args[..], &["2027-02-01"]].concat()).code(1));
    assert!(over.starts_with("WRONG    mine: expected to be gone by its expiry, 2026-12-31"), "{over}");
}

/// Another build of a name is another runtime: what is known of one is a violation of the other.
#[test]
fn an_issue_of_a_module_is_one_of_the_builds_that_it_names() {
    let place = Place::new();
    place.write("my.wat", super::adopt::right());
    place.run(&["adopt", "my.wat", "--out", "my.toml"]).code(0);
    place.write("my.wat", super::adopt::wrong());
    place.write("case.heapsmith", super::adopt::CASE);
    let run = ["run", "case.heapsmith", "--runtime", "my.toml", "--known", "lists/known.toml", "--json"];
    let check = |code| stdout(&place.run(&["known", "check", "lists/known.toml", "--today", "2026-12-31"]).code(code));
    let bare = "runtime = \"my\"\non = \"../my.toml\"\nbucket = \"overlap.*.*\"\n";
    list(&place, super::adopt::CASE, bare);
    let text = check(1);
    assert!(
        text.starts_with("WRONG    mine: expected `modules`, the SHA-256 of the builds that show it, found none"),
        "{text}"
    );
    let digest = json(&place.run(&["manifest", "check", "my.toml", "--json"]))["modules"][0]["sha256"].clone();
    assert!(text.contains(&format!("write `modules = [{digest}]`")), "{text} {digest}");
    list(&place, super::adopt::CASE, &format!("{bare}modules = [{digest}]\n"));
    assert!(check(0).starts_with("known    mine\n"));
    assert_eq!(json(&place.run(&run).code(0))[0]["known"]["name"], "mine");
    // The same mistake, built once more.
    place.write("my.wat", super::adopt::wrong().replace("(module", "(module (global i32 (i32.const 7))"));
    assert_eq!(json(&place.run(&run).code(1))[0]["known"], serde_json::Value::Null);
    let text = check(1);
    assert!(
        text.contains("expected the module of `../my.toml` to be one that it names, found another build"),
        "{text}"
    );
    list(&place, super::adopt::CASE, &format!("{bare}modules = [\"B5\"]\n"));
    place.refuses(&["known", "check", "lists/known.toml"], &["expected a SHA-256 of 64 digits and small letters"]);
}

#[test]
fn what_is_known_and_never_ends_is_confirmed_like_anything_else() {
    let place = Place::new();
    let runtime = "fixed?fault=sweep-keeps-the-old-list";
    let endless = "heapsmith 1\ngarbage n=1 size=8\ncollect\ncollect\nalloc r0 size=64\ncollect\n";
    list(&place, endless, &format!("runtime = \"{runtime}\"\nbucket = \"free-list-policy.*.*\"\n"));
    let args = ["run", "lists/case.heapsmith", "--runtime", runtime, "--known", "lists/known.toml"];
    let text = stdout(&place.run(&args).code(0));
    assert!(
        text.contains("confirmed:   standalone on wasmtime and wasmi") && text.contains("known:       mine"),
        "{text}"
    );
}

#[test]
fn a_replay_says_what_is_known() {
    let place = Place::new();
    let text = stdout(&place.run(&["run", MARKED]).code(0));
    assert!(text.contains("known:       vera #1382 (https://github.com/aallan/vera/issues/1382), until "), "{text}");
    let all = json(&place.run(&["run", MARKED, "--json"]).code(0));
    assert_eq!((&all[0]["known"]["name"], &all[0]["verdict"]), (&"vera #1382".into(), &"violation".into()));
    for more in [&["--no-known"][..], &["--runtime", "vera@0.0.130"]] {
        let text = stdout(&place.run(&[&["run", MARKED], more].concat()).code(1));
        assert!(!text.contains("known: "), "{text}");
    }
    list(&place, "", "runtime = \"vera@0.0.130\"\nbucket = \"corrupt-payload.*.*\"\n");
    let known = ["--known", "lists/known.toml"];
    place.run(&[&["run", MARKED, "--runtime", "vera@0.0.130"], &known[..]].concat()).code(0);
    place.run(&[&["run", MARKED], &known[..]].concat()).code(1);
    let both = stdout(&place.run(&["run", MARKED, MARKED.replace("in-payload", "frees-referent").as_str()]).code(0));
    assert!(both.ends_with("\n2 cases: 2 known issues\n"), "{both}");
    place.refuses(&["run", MARKED, "--known", "gone.toml"], &["--known: gone.toml: expected a file"]);
    place.refuses(&["run", MARKED, "--known", "x", "--no-known"], &["cannot be used with"]);
}

#[test]
fn a_hunt_reports_known_issues_apart() {
    let place = Place::new();
    let args = ["hunt", "--runtime", "vera@0.0.131", "--programs", "100", "--jobs", "1"];
    let text = stdout(&place.run(&args).code(0));
    let known = "findings: none\nknown: 5 programs of 1 issue\n  vera #1382 (https://github.com/aallan/vera/issues/1382), until ";
    assert!(
        text.contains(known) && text.contains("\n    5 programs: heapsmith run findings/corrupt-payload."),
        "{text}"
    );
    let report = json(&place.run(&[&args[..], &["--json"]].concat()).code(0));
    assert_eq!((&report["known"][0]["name"], &report["known"][0]["programs"]), (&"vera #1382".into(), &5.into()));
    assert_eq!(
        (&report["findings"][0]["known"], report["verdicts"]["violations"].as_u64()),
        (&"vera #1382".into(), Some(5))
    );
    let text = stdout(&place.run(&[&args[..], &["--no-known"]].concat()).code(1));
    assert!(text.contains("findings: 1\n") && !text.contains("known: "), "{text}");
    // One issue that is not on the list is enough.
    list(&place, "", "runtime = \"vera@0.0.130\"\nbucket = \"*.*.*\"\ncause = \"candidate-test\"\n");
    let text = stdout(
        &place.run(&["hunt", "--runtime", "vera@0.0.130", "--programs", "100", "--known", "lists/known.toml"]).code(1),
    );
    let (findings, known) = text.split_once("\nknown: ").unwrap();
    assert!(findings.contains("(worklist-push-when-full)") && !findings.contains("(candidate-test)"), "{text}");
    assert!(known.contains(" of 1 issue\n  mine, until 2026-12-31: a test's\n"), "{text}");
}
