#[path = "../../../tests/common/tagged.rs"]
mod tagged;

use super::*;
use heapsmith_generators::raw_bytes;

/// Bytes of an input at most.
const MOST: u32 = 500;

#[test]
fn a_thousand_modules_finish_collect_and_fill_worklists() {
    let mut body = WildModules::new("fixed").unwrap();
    for i in 0..1_000 {
        if let Err(failure) = body.run(&raw_bytes(1, i, MOST)) {
            panic!("input {i}: {failure}");
        }
    }
    let s = *body.statistics();
    assert!(2 * s.finished >= s.modules && 10 * s.collected >= 3 * s.modules && s.worklist_full > 0, "{s}");
    assert!(s.modules >= 950 && s.rejected < 20 && s.inconclusive == 0 && s.done > 5 * s.modules, "{s}");
    assert!(s.calls.iter().all(|&calls| calls > 100), "{s}");
}

/// A manifest of the tests.
fn manifest(name: &str) -> String {
    format!("{}/tests/collectors/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn collectors_that_are_told_of_pointers_slots_and_drops_do_what_modules_ask() {
    for name in ["marksweep", "counting"] {
        let mut body = WildModules::new(&manifest(name)).unwrap();
        for i in 0..150 {
            if let Err(failure) = body.run(&raw_bytes(1, i, MOST)) {
                panic!("{name}, input {i}: {failure}");
            }
        }
        let s = *body.statistics();
        assert!(2 * s.finished >= s.modules && s.calls.iter().all(|&calls| calls > 10), "{s}");
        // One that counts references has no more to do when it is asked to collect, and counts no collection.
        assert!(s.collected > 30 || name == "counting", "{s}");
    }
}

/// A collector of the tests with its text edited, and its manifest's, in a folder.
fn edited(name: &str, module: &[(&str, &str)], said: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let text = |ending: &str, edits: &[(&str, &str)]| {
        let text = std::fs::read_to_string(manifest(name).replace(".toml", ending)).unwrap();
        let text = edits.iter().fold(text, |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replace(from, to)
        });
        std::fs::write(folder.path().join(format!("{name}{ending}")), text).unwrap();
    };
    text(".wat", module);
    text(".toml", said);
    let path = folder.path().join(format!("{name}.toml"));
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn collectors_with_tags_and_with_minor_collections_do_what_modules_ask() {
    use tagged::TAGGED;
    let tag = [("alignment = 8\n", "alignment = 8\ntag = 1\nnull = 2\n")];
    let minor = [("automatic = true\n", "minor = { call = \"collect\" }\nautomatic = true\n")];
    let collectors = [edited("marksweep", &TAGGED, &[tag, minor].concat()), edited("generational", &[], &[])];
    for (at, (_folder, path)) in collectors.iter().enumerate() {
        let mut body = WildModules::new(path).unwrap();
        for i in 0..100 {
            if let Err(failure) = body.run(&raw_bytes(1, i, MOST)) {
                panic!("{at}, input {i}: {failure}");
            }
        }
        let s = *body.statistics();
        assert!(
            2 * s.finished >= s.modules && s.calls.iter().all(|&calls| calls > 10) && s.collected > 30,
            "{at}: {s}"
        );
    }
    // What is wrong behind a tag is seen.
    let last_root =
        ("(call $mark (global.get $roots) (i32.const 64))", "(call $mark (global.get $roots) (i32.const 1))");
    let (_folder, path) = edited("marksweep", &[TAGGED.as_slice(), &[last_root]].concat(), &tag);
    let mut body = WildModules::new(&path).unwrap();
    let failure = (0..150).find_map(|i| body.run(&raw_bytes(1, i, MOST)).err()).unwrap().0;
    assert!(failure.contains("violation: "), "{failure}");
}

#[test]
fn collectors_that_cannot_be_judged_are_refused() {
    use crate::fuzzing::HeapImages;
    let refused = |error: Option<SetupError>, expected: &str| {
        let error = error.unwrap().to_string();
        assert!(error.contains(expected) && error.contains("`sequences`, `graphs` and `pages` take any"), "{error}");
    };
    refused(HeapImages::new(&manifest("marksweep")).err(), "a built-in collector");
    // It makes objects without pointers only.
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(manifest("marksweep")).unwrap();
    let module = std::fs::read_to_string(manifest("marksweep").replace(".toml", ".wat")).unwrap();
    let path = folder.path().join("m.toml");
    std::fs::write(&path, text.replace("pointers = { first = 0, most = 0x100000 }", "pointers = \"none\"")).unwrap();
    std::fs::write(folder.path().join("marksweep.wat"), module).unwrap();
    refused(WildModules::new(path.to_str().unwrap()).err(), "any number of pointers");
}

#[test]
fn bugs_of_releases_show_and_are_told_as_a_program() {
    for (name, cause) in [("vera@0.0.130", "(#"), ("vera@0.0.131", "(#1382)")] {
        let mut body = WildModules::new(name).unwrap();
        let failure = (0..600).find_map(|i| body.run(&raw_bytes(1, i, MOST)).err()).unwrap().0;
        for part in ["in a module of wasm-smith", "violation: ", "heapsmith run case.heapsmith", "heapsmith 1\n", cause]
        {
            assert!(failure.contains(part), "{part}: {failure}");
        }
    }
}

/// A module whose first result wasmi 2.0.0 gets wrong, and which allocates and collects.
fn module_with_the_known_wasmi() -> WildModule {
    let text = r#"(module
        (import "collector" "wild.number.0" (func (result i32))) (import "collector" "wild.alloc.0" (func (result i32)))
        (import "collector" "wild.collect.0" (func (result i32))) (global (mut i32) (i32.const 0))
        (func $f (param i32) (result i32) i32.const 1 local.get 0 local.get 0 i32.eqz select)
        (func (export "main") (result i32 i64)
          (call $f (i32.const 9)) (drop (call 1)) (drop (call 2)) i64.const 0))"#;
    // What wasmi tests is whatever is on its stack: zero, as long as nothing was there.
    WildModule { module: wat::parse_str(text).unwrap(), machine: 0, seed: 77 }
}

#[test]
fn the_known_wasmi_is_counted_and_hides_no_verdict() {
    let mut body = WildModules::new("fixed").unwrap();
    let (verdict, program) = body.judge(&module_with_the_known_wasmi()).unwrap().unwrap();
    assert_eq!((verdict, program.ops.len()), (Verdict::Pass, 8));
    assert_eq!((body.statistics.known_wasmi, body.statistics.collected), (1, 1));
    // The same module finds a fault in the collector.
    let mut body = WildModules::new("fixed?fault=topmost-root-missed").unwrap();
    let (verdict, _) = body.judge(&module_with_the_known_wasmi()).unwrap().unwrap();
    assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
    assert_eq!(body.statistics.known_wasmi, 1);
}

#[test]
fn the_known_branch_table_is_counted_as_well() {
    let text = r#"(module
        (import "collector" "wild.number.0" (func (result i32))) (import "collector" "wild.alloc.0" (func (result i32)))
        (global (mut i32) (i32.const 0))
        (func (export "main") (result i32 i64)
          (block (result i32 i64) (i64.const 5) (call 0) (i64.const 7) (call 1) (br_table 0 1 0))))"#;
    let module = WildModule { module: wat::parse_str(text).unwrap(), machine: 0, seed: 77 };
    let mut body = WildModules::new("fixed").unwrap();
    let (verdict, _) = body.judge(&module).unwrap().unwrap();
    assert_eq!((verdict, body.statistics.known_wasmi), (Verdict::Pass, 1));
}

#[test]
fn another_divergence_is_a_finding_that_names_the_odd_one_out() {
    let mut body = WildModules::new("fixed").unwrap();
    let module = module_with_the_known_wasmi();
    body.judge(&module).unwrap();
    let kept = body.machines[0].as_ref().unwrap();
    let ran = |name: &str| {
        let (_, base) = kept.bases.iter().find(|(other, _)| *other == name).unwrap();
        kept.execute(&**base, &module).unwrap()
    };
    let mut lie = ran("wasmtime");
    let last = lie.heap - 1;
    lie.memories[last] ^= 1;
    let Divergence::Other(v) = kept.divergence(&module, &[lie, ran("wasmi")]) else { panic!("it is no `select`") };
    assert_eq!(v.kind, judge::Kind::EngineDivergence);
    assert!(v.adjudication.unwrap().odd.contains(&"wasmtime"));
    assert!(v.found.contains("wasmtime ends Finished after 8 operations, byte "), "{}", v.found);
}

#[test]
fn a_record_that_no_operation_wrote_is_no_program() {
    let mut body = WildModules::new("fixed").unwrap();
    body.judge(&module_with_the_known_wasmi()).unwrap();
    let kept = body.machines[0].as_ref().unwrap();
    let ran = kept.execute(&*kept.bases[0].1, &module_with_the_known_wasmi()).unwrap();
    assert!(wild::record(ran.mutator(), kept.machine).is_some());
    for (address, word) in [(0, 9_u32), (1_540, 4_097), (4_096, 99)] {
        let mut memory = ran.mutator().to_vec();
        memory[address..address + 4].copy_from_slice(&word.to_le_bytes());
        assert_eq!(wild::record(&memory, kept.machine), None, "{address}");
    }
}
