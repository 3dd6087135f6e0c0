//! `adopt` and `bisect`: from a module to a manifest, and from a folder of builds to the first bad one.

use super::place::{Place, json, stdout};
use std::fs;

/// A right mark-sweep collector with pins that count.
pub(crate) fn right() -> String {
    let count = |name: &str, by: i32| {
        format!(
            "(func (export \"{name}\") (param i32) (i32.store (i32.sub (local.get 0) (i32.const 8)) \
             (i32.add (i32.load (i32.sub (local.get 0) (i32.const 8))) (i32.const {by}))))\n"
        )
    };
    let exports = "(export \"new\" (func $make))\n(export \"collect\" (func $collect))\n".to_owned();
    include_str!("../collectors/styles.wat")
        .replace(";; ROOTS\n", "(func $roots (call $pinned))\n")
        .replace(";; EXPORTS\n", &(exports + &count("pin", 1) + &count("unpin", -1)))
}

/// The same, which forgets every field but the first.
pub(crate) fn wrong() -> String {
    let bound = "(br_if $done (i32.ge_u (local.get $i) (local.get $n)))";
    assert!(right().contains(bound));
    right().replace(bound, &format!("{bound} (br_if $done (i32.ge_u (local.get $i) (i32.const 1)))"))
}

/// A comb: its second fields hold what the wrong one forgets.
pub(crate) const CASE: &str = "heapsmith 1\nalloc r0 size=8 fields=2 init=null\nalloc r1 size=8 fields=0 init=null\nstore r0.1 = r1\ndrop r1\ncollect\nalloc r2 size=8 fields=0 init=null\ncheck r0\n";

#[test]
fn a_module_is_adopted_once_and_hunted() {
    let place = Place::new();
    place.write("gc/my.wat", right());
    let assert = place.run(&["adopt", "gc/my.wat", "--out", "my.toml"]);
    let text = stdout(&assert);
    assert.code(0);
    assert!(text.contains("pins, `pin` and `unpin`: seen to keep objects"), "{text}");
    assert!(text.contains("no heap start: ") || text.contains("no free list: "), "{text}");
    assert!(text.contains("heapsmith hunt --runtime my.toml"), "{text}");
    // The module is named from where the manifest is.
    assert!(fs::read_to_string(place.path().join("my.toml")).unwrap().contains("module = \"gc/my.wat\""));
    place.run(&["manifest", "check", "my.toml"]).code(0);
    place.run(&["hunt", "--runtime", "my.toml", "--programs", "30", "--jobs", "1"]).code(0);
    // Nothing is written over.
    fs::write(place.path().join("my.toml"), "mine").unwrap();
    place.refuses(
        &["adopt", "gc/my.wat", "--out", "my.toml"],
        &["expected a path where nothing is yet", "left as it is"],
    );
    assert_eq!(fs::read_to_string(place.path().join("my.toml")).unwrap(), "mine");
    let answer = json(&place.run(&["adopt", "gc/my.wat", "--json"]).code(0));
    assert!(answer["manifest"].as_str().unwrap().contains("unpin = \"unpin\""), "{answer:#}");
    assert!(answer["missing"].as_array().unwrap().iter().any(|missing| missing["what"] == "no setter"), "{answer:#}");
    assert!(answer["oracles"].as_array().unwrap().iter().any(|oracle| oracle["judged"] == true), "{answer:#}");
    place.write("nothing.wat", "(module (memory 1))");
    place.refuses(&["adopt", "nothing.wat"], &["nothing.wat", "expected a function that allocates"]);
}

#[test]
fn a_module_that_is_named_as_a_runtime_is_told_what_to_do() {
    let place = Place::new();
    let advice = ["heapsmith adopt my.wasm --out my.toml", "heapsmith hunt --runtime my.toml"];
    place.refuses(&["hunt", "my.wasm"], &advice);
    place.refuses(&["hunt", "--runtime", "my.wasm"], &advice);
    place.write("case.heapsmith", CASE);
    place.refuses(&["run", "case.heapsmith", "--runtime", "my.wasm"], &advice);
}

#[test]
fn the_first_bad_build_is_found() {
    let place = Place::new();
    for build in 1..=12 {
        place.write(&format!("builds/gc-{build}.wat"), if build < 7 { right() } else { wrong() });
    }
    place.write("builds/gc-6.wat", "(module)");
    place.write("case.heapsmith", CASE);
    place.run(&["adopt", "builds/gc-1.wat", "--out", "my.toml"]).code(0);
    let ends = ["--runtime", "my.toml", "--good", "builds/gc-1.wat", "--bad", "builds/gc-12.wat", "builds"];
    let args = [&["bisect"][..], &ends, &["case.heapsmith"]].concat();
    // Six cannot be tested, so that it may be the first bad one.
    let assert = place.run(&args);
    let text = stdout(&assert);
    assert.code(3);
    assert!(text.contains("last good build: gc-5.wat\nfirst bad build: one of gc-6.wat, gc-7.wat\n"), "{text}");
    place.write("builds/gc-6.wat", right());
    // Without a case the first finding of a hunt is the criterion.
    let hunted = [&["bisect"][..], &ends, &["--programs", "60", "--jobs", "1", "--json"]].concat();
    let answer = json(&place.run(&hunted).code(0));
    assert_eq!((&answer["last_good"], &answer["first_bad"]), (&"gc-6.wat".into(), &"gc-7.wat".into()), "{answer:#}");
    assert!(answer["steps"].as_array().unwrap().len() <= 6, "{answer:#}");
}

#[test]
fn ends_that_are_not_what_they_are_said_to_be_are_refused() {
    let place = Place::new();
    for build in 1..=3 {
        place.write(&format!("builds/gc-{build}.wat"), if build < 3 { right() } else { wrong() });
    }
    place.write("elsewhere.wat", right());
    place.write("case.heapsmith", CASE);
    place.run(&["adopt", "builds/gc-1.wat", "--out", "my.toml"]).code(0);
    let refuses = |good: &str, bad: &str, words: &[&str]| {
        place.refuses(
            &["bisect", "--runtime", "my.toml", "--good", good, "--bad", bad, "builds", "case.heapsmith"],
            words,
        );
    };
    refuses("builds/gc-1.wat", "builds/gc-2.wat", &["--bad: expected gc-2.wat to break a promise"]);
    refuses("builds/gc-3.wat", "builds/gc-1.wat", &["expected --good before --bad"]);
    refuses("elsewhere.wat", "builds/gc-3.wat", &["--good: expected one of the builds in the folder"]);
    place.write("builds/gc-1.wat", wrong());
    refuses("builds/gc-1.wat", "builds/gc-3.wat", &["--good: expected gc-1.wat to be without the bug"]);
    place.refuses(
        &["bisect", "--runtime", "elsewhere.wat", "--good", "builds/gc-1.wat", "--bad", "builds/gc-3.wat", "builds"],
        &["expected a manifest (*.toml)", "heapsmith adopt"],
    );
}
