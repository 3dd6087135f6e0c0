//! `heapsmith mutants` with mutants that a manifest names, as it is typed.

use crate::place::{Place, json, stdout};

const MODULE: &str = include_str!("../collectors/marksweep.wat");
const MANIFEST: &str = include_str!("../collectors/marksweep.toml");

/// One that marks three roots of 64.
const LAST_ROOT: (&str, &str) =
    ("(call $mark (global.get $roots) (i32.const 64))", "(call $mark (global.get $roots) (i32.const 3))");
/// One that does nothing else.
const HARMLESS: (&str, &str) = ("(func $mark ", "(func $idle (nop))\n  (func $mark ");

/// A collector with these mutants: what each is called, and its module's text.
fn place(mutants: &[(&str, String)]) -> Place {
    let place = Place::new();
    let mut manifest = MANIFEST.to_owned();
    for (name, module) in mutants {
        manifest += &format!("\n[[mutant]]\nname = \"{name}\"\nmodule = \"{name}.wat\"\n");
        place.write(&format!("{name}.wat"), module);
    }
    place.write("marksweep.toml", manifest);
    place.write("marksweep.wat", MODULE);
    place
}

fn edited((from, to): (&str, &str)) -> String {
    assert_eq!(MODULE.matches(from).count(), 1, "{from}");
    MODULE.replace(from, to)
}

#[test]
fn a_mutant_that_a_manifest_names_is_killed_and_can_be_hunted() {
    let place = place(&[("forgetful", edited(LAST_ROOT))]);
    let text = stdout(&place.run(&["manifest", "check", "marksweep.toml"]).code(0));
    assert!(text.contains("forgetful.wat, mutant `forgetful`: "), "{text}");
    assert!(text.ends_with("heapsmith mutants marksweep.toml --named  # each mutant must be seen to fail\n"), "{text}");
    assert!(!text.contains("build `forgetful`"), "what a mutant does is not held against the manifest: {text}");
    let named = ["mutants", "marksweep.toml", "--named", "--programs", "60", "--jobs", "1"];
    let text = stdout(&place.run(&named).code(0));
    assert!(
        text.starts_with("marksweep.toml, seed 1: 1 named mutant; each until a program shows it, 60 programs"),
        "{text}"
    );
    assert!(text.contains("\nforgetful: killed by program ") && !text.contains("not as it must be"), "{text}");
    let value = json(&place.run(&[&named[..], &["--json"]].concat()).code(0));
    let [mutant] = value["named"].as_array().unwrap().as_slice() else { panic!("{value}") };
    assert_eq!(
        (&value["named_of"], &mutant["fate"], &value["of"]),
        (&1.into(), &"killed".into(), &0.into()),
        "{value}"
    );
    assert_eq!(mutant["mutant"], "forgetful");
    let hunt = ["hunt", "--runtime", "marksweep.toml?build=forgetful", "--programs", "60", "--max-findings", "0"];
    place.run(&hunt).code(1);
}

#[test]
fn named_mutants_are_tried_before_edits() {
    let place = place(&[("forgetful", edited(LAST_ROOT))]);
    let listed = stdout(&place.run(&["mutants", "marksweep.toml", "--list", "--sample", "2"]).code(0));
    assert!(listed.starts_with("forgetful ") && listed.lines().count() == 3, "{listed}");
    let run = ["mutants", "marksweep.toml", "--sample", "2", "--programs", "40", "--jobs", "1"];
    let text = stdout(&place.run(&run).code(0));
    assert!(text.contains(": 1 named and 2 other mutants; ") && text.contains("\nforgetful: killed by "), "{text}");
    assert!(text.contains(" of 2 ("), "{text}");
}

#[test]
fn a_mutant_that_is_not_seen_to_fail_exits_with_1() {
    let place = place(&[("same", MODULE.to_owned()), ("harmless", edited(HARMLESS)), ("forgetful", edited(LAST_ROOT))]);
    let text = stdout(&place.run(&["mutants", "marksweep.toml", "--named", "--programs", "40", "--jobs", "2"]).code(1));
    let in_order = ["\nsame: alive\n", "harmless: alive\n", "forgetful: killed by "].concat();
    assert!(text.contains(&in_order), "{text}");
    let why = "`same` (same.wat) is named as a mutant, and was not seen to fail: its module is the collector's own, byte for byte;";
    assert!(text.contains(why), "{text}");
    assert!(
        text.contains("`harmless` (harmless.wat) is named") && text.contains("none of 40 programs shows it"),
        "{text}"
    );
}

#[test]
fn where_no_mutant_is_named_there_is_none_to_try() {
    let place = place(&[]);
    let says = ["expected a manifest that names mutants (`[[mutant]]`), found none in `marksweep.toml`"];
    place.refuses(&["mutants", "marksweep.toml", "--named"], &says);
    place.refuses(&["mutants", "fixed", "--named"], &["found none in `fixed`"]);
    place.refuses(&["hunt", "--runtime", "marksweep.toml?build=x"], &["(it names none), found `x`"]);
}
