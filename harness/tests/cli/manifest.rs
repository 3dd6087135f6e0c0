//! `heapsmith manifest` as it is typed.

use crate::place::{Place, json, stderr, stdout};

const MODULE: &str = include_str!("../collectors/marksweep.wat");
const MANIFEST: &str = include_str!("../collectors/marksweep.toml");

/// A folder with a manifest and its module.
fn place(manifest: &str) -> Place {
    let place = Place::new();
    place.write("marksweep.toml", manifest);
    place.write("marksweep.wat", MODULE);
    place
}

#[test]
fn a_manifest_is_said_as_it_is_understood() {
    let assert = place(MANIFEST).run(&["manifest", "check", "marksweep.toml"]).code(0);
    assert_eq!(stderr(&assert), "");
    insta::assert_snapshot!("manifest", stdout(&assert));
}

#[test]
fn a_manifest_as_json_has_its_modules_and_oracles() {
    let builds = "\n[[build]]\nname = \"again\"\nmodule = \"marksweep.wat\"\n";
    let assert = place(&format!("{MANIFEST}{builds}")).run(&["manifest", "check", "--json", "marksweep.toml"]).code(0);
    let value = json(&assert);
    assert_eq!(value["name"], "marksweep");
    let [module, again] = value["modules"].as_array().unwrap().as_slice() else { panic!("{value}") };
    assert_eq!(again["build"], "again");
    assert_eq!(module["pages"], serde_json::json!({ "initial": 1, "ready": 1, "max": 4, "fixed": false }));
    assert_eq!(module["resettable"], true);
    let collect = module["functions"].as_array().unwrap().iter().find(|f| f["use"] == "collect").unwrap();
    assert_eq!((collect["name"].as_str(), collect["exported"].as_bool()), (Some("collect"), Some(false)));
    let judged = |value: &serde_json::Value, about: &str| {
        let oracles = value["oracles"].as_array().unwrap();
        oracles.iter().find(|o| o["about"] == about).unwrap()["judged"].as_bool().unwrap()
    };
    assert!(judged(&value, "contents") && !judged(&value, "zeroing") && !judged(&value, "layout"), "{value}");
    // That garbage goes shows only where there is a bound on what it may hold.
    assert!(!judged(&value, "retention") && !judged(&value, "cycles"), "{value}");
    let bounded = format!("{MANIFEST}reclaim = {{ factor = 2, slack = 65536 }}\n");
    let value = json(&place(&bounded).run(&["manifest", "check", "--json", "marksweep.toml"]).code(0));
    assert!(judged(&value, "retention") && judged(&value, "cycles") && judged(&value, "reclaim"), "{value}");
}

#[test]
fn a_manifest_whose_module_does_otherwise_is_pointed_at() {
    let wrong = MANIFEST.replace("alignment = 8", "alignment = 32");
    let assert = place(&wrong).run(&["manifest", "check", "marksweep.toml"]).code(2);
    let text = stdout(&assert);
    assert!(text.contains("do not fit: 1 thing was seen otherwise"), "{text}");
    assert!(text.contains("22 | alignment = 32\n   |             ^^\n"), "{text}");
    assert!(text.contains("write `alignment = 8`"), "{text}");
    let value = json(&place(&wrong).run(&["manifest", "check", "--json", "marksweep.toml"]).code(2));
    assert_eq!((value["fits"].as_bool(), value["misfits"][0]["line"].as_u64()), (Some(false), Some(22)), "{value}");
    let value = json(&place(MANIFEST).run(&["manifest", "check", "--json", "marksweep.toml"]).code(0));
    assert_eq!((value["fits"].as_bool(), value["misfits"].as_array().unwrap().len()), (Some(true), 0), "{value}");
    assert!(value["seen"].as_array().unwrap().iter().any(|seen| seen["about"] == "roots"), "{value}");
}

#[test]
fn files_of_another_kind_are_told_apart() {
    let place = place(MANIFEST);
    place.refuses(
        &["run", "marksweep.toml"],
        &["expected a case (*.heapsmith), found a manifest", "heapsmith hunt --runtime marksweep.toml"],
    );
    place.refuses(&["run", "marksweep.wat"], &["found a module", "heapsmith adopt marksweep.wat --out marksweep.toml"]);
    place.refuses(&["manifest", "check", "marksweep.wat"], &["found a module", "heapsmith adopt marksweep.wat"]);
    place.refuses(&["hunt", "--runtime", "marksweep.toml?build=x"], &["(it names none), found `x`"]);
    place.refuses(&["manifest", "check", "--wat", "--build", "x", "marksweep.toml"], &["(it names none), found `x`"]);
}

#[test]
fn the_text_behind_a_manifest_is_a_module() {
    let place = place(&format!("{MANIFEST}\n[[build]]\nname = \"again\"\nmodule = \"marksweep.wat\"\n"));
    let text = stdout(&place.run(&["manifest", "check", "--wat", "marksweep.toml"]).code(0));
    let module = wat::parse_str(&text).unwrap();
    wasmparser::validate(&module).unwrap();
    let again = place.run(&["manifest", "check", "--wat", "--build", "again", "marksweep.toml"]).code(0);
    assert_eq!(stdout(&again), text);
    place.refuses(
        &["manifest", "check", "--wat", "--build", "agin", "marksweep.toml"],
        &["--build: expected a build or mutant of the manifest (again), found `agin`"],
    );
}

#[test]
fn a_manifest_that_does_not_fit_is_refused_with_line_column_and_caret() {
    let place = place(&MANIFEST.replace("call = \"collect\"", "call = \"colect\""));
    let assert = place.run(&["manifest", "check", "marksweep.toml"]).code(2);
    assert_eq!(stdout(&assert), "");
    insta::assert_snapshot!("manifest_refused", stderr(&assert));
    place.refuses(&["manifest", "check", "other.toml"], &["other.toml: expected a file, found nothing there"]);
}

/// Growth that leaves most programs no room for it.
const COARSE: (&str, &str) = ("collections = { global", "grows_by = 200\ncollections = { global");

#[test]
fn a_hunt_in_which_no_program_grew_memory_is_not_trusted_unless_none_can() {
    let hunt = |manifest: &str, runtime: &str, programs: &str, code: i32| {
        let args = ["hunt", "--runtime", runtime, "--programs", programs, "--jobs", "2"];
        stdout(&place(manifest).run(&args).code(code))
    };
    let roomy = MANIFEST.replace("max_pages = 4", "max_pages = 201");
    let coarse = roomy.replace(COARSE.0, COARSE.1);
    assert_ne!(coarse, roomy);
    let text = hunt(&coarse, "marksweep.toml", "50", 3);
    assert!(text.contains(" 0 pages grown, "), "{text}");
    let why = "not trustworthy: never reached: growth of memory: no program grew memory, for which few have room where [heap] says `grows_by = 200`";
    assert!(text.contains(why), "{text}");
    assert!(!hunt(&roomy, "marksweep.toml", "50", 0).contains("not trustworthy"));
    // A page is all that there is, by declaration, and what is asked for that is none of those is refused.
    let fixed = MANIFEST.replace("max_pages = 4", "max_pages = 1\nfixed = true");
    assert!(hunt(&fixed, "marksweep.toml", "110", 0).contains(" 0 pages grown, "));
    place(&coarse).refuses(
        &["hunt", "--runtime", "marksweep.toml?pages=..64", "--programs", "1"],
        &["expected at least 201 pages at most", "found `max_pages` = 64: memory grows by 200 pages at once"],
    );
    assert!(hunt(&coarse, "marksweep.toml?pages=..1", "50", 0).contains(" 0 pages grown, "));
}

#[test]
fn growth_that_is_otherwise_than_declared_exits_with_2() {
    let coarse = MANIFEST.replace("max_pages = 4", "max_pages = 201").replace(COARSE.0, COARSE.1);
    let text = stdout(&place(&coarse).run(&["manifest", "check", "marksweep.toml"]).code(2));
    assert!(text.contains("| grows_by = 200\n   |            ^^^\n"), "{text}");
    assert!(
        text.contains(
            "seen: memory grew from 1 to 2, from 2 to 3, from 3 to 4, from 4 to 5 pages, ..; leave `grows_by` out"
        ),
        "{text}"
    );
}
