//! `heapsmith cost` as it is typed.

use crate::place::{Place, json, stdout};
use std::fs;

#[test]
fn cost_prints_a_table_and_writes_programs_that_run() {
    let place = Place::new();
    let assert = place.run(&["cost", "--fuel", "30000000", "--out", "cases", "--plot", "cost.svg"]).code(0);
    insta::assert_snapshot!("cost", stdout(&assert));
    let picture = fs::read_to_string(place.path().join("cost.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("growth"), "{picture}");
    let written = fs::read_dir(place.path().join("cases")).unwrap().map(|entry| entry.unwrap().path());
    let written: Vec<String> = written.map(|path| path.to_str().unwrap().to_owned()).collect();
    assert_eq!(written.len(), 22, "{written:?}");
    let chains: Vec<&str> = written.iter().map(String::as_str).filter(|path| path.contains("chain-")).collect();
    assert_eq!(chains.len(), 2, "{written:?}");
    place.run(&["run", chains[0], chains[1]]).code(0);
}

#[test]
fn cost_says_in_json_what_it_says_in_words_and_a_broken_promise_is_exit_1() {
    let place = Place::new();
    let assert = place.run(&["cost", "--runtime", "vera@0.0.65", "--fuel", "3000000", "--json"]).code(1);
    let json = json(&assert);
    let families = json["families"].as_array().unwrap();
    let finding = |name: &str| families.iter().find(|f| f["name"] == name).unwrap()["finding"].clone();
    assert_eq!(finding("chain"), "linear");
    assert_eq!(finding("wide"), "broken");
    assert_eq!(finding("rescan"), "not-measured");
    assert!(json["against"].is_null() && families.iter().all(|f| f["times"].is_null()), "{json}");
    place.refuses(&["cost", "--plot", "no/where.svg"], &["--plot: expected a file in a folder that exists"]);
    place.refuses(&["cost", "--runtime", "vera@0.0.132"], &["did you mean"]);
}

#[test]
fn cost_is_compared_with_another_collector_s_and_twice_as_much_is_exit_1() {
    let place = Place::new();
    let args = ["cost", "--runtime", "fixed?fault=whole-bitmap-cleared", "--fuel", "30000000", "--against", "fixed"];
    let report = json(&place.run(&[&args[..], &["--json"]].concat()).code(1));
    let times = |name: &str| {
        let families = report["families"].as_array().unwrap();
        families.iter().find(|f| f["name"] == name).unwrap()["times"].as_f64().unwrap()
    };
    assert_eq!(report["against"], "fixed");
    assert!(times("pages") > 100.0 && times("search") < 1.5, "{report}");
    let text = stdout(&place.run(&args).code(1));
    assert!(text.contains("   times  declared") && text.contains("more than 2 times the work of fixed: "), "{text}");
    let releases = ["cost", "--runtime", "vera@0.1.9", "--fuel", "30000000", "--against", "vera@0.0.131"];
    let text = stdout(&place.run(&releases).code(0));
    assert!(text.contains("no family needs more than 2 times the work of vera@0.0.131"), "{text}");
    place.refuses(&["cost", "--runtime", "fixed", "--against", "fixed"], &["--against", "found `fixed` again"]);
    place.refuses(&["cost", "--against", "fixde"], &["--against", "did you mean"]);
}

/// What is linear still breaks no promise by itself: only the comparison says that it is too much.
#[test]
fn twice_the_work_of_another_collector_alone_is_exit_1() {
    let place = Place::new();
    let again = "    call $gc_sweep\n".repeat(30);
    let find = "call $gc_mark\\n    call $gc_sweep)";
    let fault = format!(
        "[[fault]]\nname = \"sweeps-again\"\ncause = \"30 sweeps\"\nfind = \"{find}\"\nreplace = \"\"\"\ncall $gc_mark\n{again})\"\"\"\n"
    );
    place.write("mine.toml", fault);
    let args = ["cost", "--runtime", "fixed?fault=mine.toml#sweeps-again", "--fuel", "3000000", "--json"];
    let alone = json(&place.run(&args).code(0));
    let report = json(&place.run(&[&args[..], &["--against", "fixed"]].concat()).code(1));
    let findings = |report: &serde_json::Value| -> Vec<serde_json::Value> {
        report["families"].as_array().unwrap().iter().map(|f| f["finding"].clone()).collect()
    };
    assert_eq!(findings(&alone), findings(&report));
    assert!(report["families"].as_array().unwrap().iter().any(|f| f["times"].as_f64() > Some(2.0)), "{report}");
}
