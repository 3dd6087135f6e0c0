use super::*;
use crate::runtime::{builtin, parse_spec};
use heapsmith_generators::Machine;
use std::collections::BTreeSet;

fn runtime(spec: &str) -> Runtime {
    builtin(parse_spec(spec).unwrap().resolve(Machine::default()).unwrap())
}

fn fault(find: &str, replace: &str) -> Fault {
    Fault::new("mine", "none", find, replace)
}

/// Our edits for a runtime, equivalent ones, too.
fn made_for(runtime: &str) -> Vec<Arc<Fault>> {
    all().filter(|(on, _)| *on == runtime).map(|(_, fault)| Arc::clone(fault)).collect()
}

/// A runtime with more parameters.
fn with(on: &str, parameters: &str) -> String {
    let more = Some(parameters.to_owned()).filter(|parameters| !parameters.is_empty());
    Fault { parameters: more, ..fault("a", "b") }.on(on)
}

/// The runtimes that we have edits for.
fn runtimes() -> BTreeSet<&'static str> {
    all().map(|(on, _)| on).collect()
}

#[test]
fn every_planted_fault_matches_once_assembles_and_changes_the_module() {
    for on in runtimes() {
        let limit = if on.contains("address_limit") { "" } else { "address_limit=70000" };
        for machine in ["", "data_end=7,worklist=1,roots=1,pages=1..2", limit] {
            let clean = runtime(&with(on, machine));
            let assemble = |fields: &str| wat::parse_str(format!("(module\n{fields})")).unwrap();
            let mut seen = BTreeSet::from([assemble(&clean.fields)]);
            for fault in made_for(on) {
                let edited = apply(&clean, &fault).unwrap_or_else(|e| panic!("{e}"));
                let wasm = assemble(&edited.fields);
                wasmparser::validate(&wasm).unwrap_or_else(|e| panic!("{}: {e}", fault.name));
                assert!(seen.insert(wasm), "{} is the same module as another", fault.name);
                assert_eq!(edited.description, clean.description);
            }
        }
    }
}

#[test]
fn names_are_unique_and_every_fault_says_what_it_breaks() {
    let names: BTreeSet<&str> = super::names().collect();
    assert_eq!(names.len(), all().count());
    for (on, fault) in all() {
        assert_ne!(fault.breaks.is_some(), fault.equivalent.is_some(), "{on}: {}", fault.name);
    }
}

#[test]
fn every_fault_is_planted_by_the_spec_of_its_runtime() {
    for (on, fault) in all() {
        let planted = builtin(
            parse_spec(&with(on, &format!("fault={}", fault.name))).unwrap().resolve(Machine::default()).unwrap(),
        );
        assert_eq!(planted.fields, apply(&runtime(on), fault).unwrap().fields, "{}", fault.name);
    }
    let elsewhere = parse_spec("vera@0.1.9?fault=remainder-lost").unwrap();
    assert!(elsewhere.resolve(Machine::default()).is_err(), "there is nothing to split");
}

#[test]
fn faults_of_a_folder_are_read_with_their_runtimes_and_planted_by_file_and_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("fixed")).unwrap();
    let file = folder.path().join("fixed/mine.toml");
    let entry = "[[fault]]\nname = \"mine\"\ncause = \"none\"\nfind = \"memory.grow\"\nreplace = \"nop memory.grow\"\n";
    std::fs::write(&file, entry).unwrap();
    let loaded = load_all(folder.path()).unwrap();
    assert_eq!((loaded.len(), loaded[0].0.as_str(), loaded[0].1.name.as_str()), (1, "fixed", "mine"));
    let spec = parse_spec(&format!("fixed?fault={}#mine", file.display())).unwrap();
    assert_eq!(parse_spec(&spec.to_string()).unwrap(), spec);
    assert!(builtin(spec.resolve(Machine::default()).unwrap()).fields.contains("nop memory.grow"));
    for (text, says) in [
        ("", "at least one table"),
        ("[[fault]]\nname = \"mine\"\n", "missing field"),
        (&entry.replace("mine", "Mine"), "kebab case"),
        (&entry.replace("\"none\"", "\"a\\nb\""), "one line"),
        (&format!("{entry}{entry}"), "found it again"),
        (&entry.replace("cause", "breaks = \"leek\"\ncause"), "silent-free"),
        (&entry.replace("cause", "cuse"), "unknown field"),
        (&entry.replace("cause", "parameters = \"\"\ncause"), "key=value"),
        (&entry.replace("cause", "parameters = \"worklst=3\"\ncause"), "found `worklst=3`"),
        (&entry.replace("cause", "parameters = \"fault=round-to-4\"\ncause"), "no edit"),
    ] {
        let error = file::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let unknown = parse_spec(&format!("fixed?fault={}#other", file.display())).unwrap_err().to_string();
    assert!(unknown.contains("mine.toml") && unknown.contains("found `other`"), "{unknown}");
    assert!(parse_spec("fixed?fault=nowhere.toml#mine").unwrap_err().to_string().contains("nowhere.toml"));
}

#[test]
fn an_edit_that_matches_not_exactly_once_says_how_often() {
    let fixed = runtime("fixed");
    for (find, count) in [("$no_such_thing", 0), ("global.get $gc_worklist_end\n", 2)] {
        match apply(&fixed, &fault(find, "")) {
            Err(FaultError::NotOnce { found, .. }) => assert_eq!(found, count, "{find}"),
            other => panic!("{other:?}"),
        }
    }
    for (text, find, count) in [("aaa", "aa", 2), ("éaé", "é", 2), ("ab", "", 2), ("", "a", 0), ("ab", "abc", 0)] {
        assert_eq!(occurrences(text, find), count, "{find} in {text}");
    }
    assert!(apply(&fixed, &fault("memory.grow", " ")).is_ok());
    assert!(apply(&fixed, &fault("memory.grow ", "")).is_err(), "white space is exact");
    assert!(apply(&fixed, &fault("", "x")).is_err());
    assert!(matches!(apply(&fixed, &fault("memory.grow", "memory.grow")), Err(FaultError::NoChange { .. })));
}

#[test]
fn nothing_in_a_folder_of_faults_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let entry = "[[fault]]\nname = \"mine\"\ncause = \"none\"\nfind = \"memory.grow\"\nreplace = \"nop memory.grow\"\n";
    std::fs::create_dir(folder.path().join("fixed")).unwrap();
    std::fs::write(folder.path().join("fixed/a.toml"), entry).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    assert_eq!(load_all(folder.path()).unwrap().len(), 1);
    for (name, says) in [("fixed/b.toml", "found it again"), ("b.toml", "a file in the folder itself")] {
        std::fs::write(folder.path().join(name), entry).unwrap();
        let error = load_all(folder.path()).unwrap_err().to_string();
        assert!(error.contains("b.toml") && error.contains(says), "{error}");
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(load_all(folder.path()).unwrap().len(), 1);
}

#[test]
fn a_fault_with_parameters_is_tried_on_the_runtime_that_has_them() {
    let needs = "address_limit=200000";
    let on: BTreeSet<&str> = all().filter(|(_, f)| f.parameters.as_deref() == Some(needs)).map(|(on, _)| on).collect();
    assert_eq!(on, BTreeSet::from(["fixed?address_limit=200000"]));
    assert!(planted("fixed").iter().all(|f| f.parameters.is_none()) && planted("fixed?address_limit=200000").len() > 3);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("fixed")).unwrap();
    let entry = "[[fault]]\nname = \"mine\"\ncause = \"none\"\nfind = \"memory.grow\"\nreplace = \"nop memory.grow\"\n";
    let other = entry.replace("mine", "other") + "parameters = \"worklist=3,pages=1..2\"\n";
    std::fs::write(folder.path().join("fixed/a.toml"), format!("{entry}{other}")).unwrap();
    let on: Vec<String> = load_all(folder.path()).unwrap().into_iter().map(|(on, _)| on).collect();
    assert_eq!(on, ["fixed", "fixed?worklist=3,pages=1..2"]);
}
