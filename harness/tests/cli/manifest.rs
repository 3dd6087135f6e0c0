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
        &["--build: expected a build of the manifest (again), found `agin`"],
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
