//! One program on several collectors: `hunt --versus`.

use super::place::{Place, json, stdout};

/// A collector with one kind of objects: pointers come first in them.
const MARKSWEEP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");

#[test]
fn collectors_that_keep_their_promises_agree() {
    let place = Place::new();
    let args =
        ["hunt", "--versus", "fixed,fixed-split?worklist=4096,pages=1..64,vera@0.2", "--programs", "60", "--jobs", "1"];
    let report = json(&place.run(&[&args[..], &["--json"]].concat()).code(0));
    assert_eq!(report["runtime"], "fixed");
    let on = &report["versus"]["compared_on"];
    let split = on["fixed-split?worklist=4096,initial_pages=1,max_pages=64"].as_u64().unwrap();
    let (other, all) = (on["vera@0.2"].as_u64().unwrap(), report["versus"]["compared_on_all"].as_u64().unwrap());
    assert!(all >= 20 && all <= split.min(other) && split.max(other) <= 60, "{report:#}");
}

#[test]
fn a_difference_names_the_collectors_and_is_replayed() {
    let place = Place::new();
    let args =
        ["hunt", "--versus", "fixed-split?worklist=64,fixed?fault=round-to-4", "--programs", "60", "--jobs", "1"];
    let text = stdout(&place.run(&args).code(1));
    assert!(
        text.contains("programs compared on all collectors (") && text.contains(" on fixed?fault=round-to-4)\n"),
        "{text}"
    );
    assert!(text.contains("\n    variant: on=fixed?fault=round-to-4\n"), "{text}");
    let replayed = stdout(&place.run(&["run", "findings"]).code(1));
    assert!(replayed.contains("  runtime:     fixed-split?worklist=64\n"), "{replayed}");
    assert!(replayed.contains("  variant:     on=fixed?fault=round-to-4\n"), "{replayed}");
    assert!(
        replayed.contains(", as on fixed-split?worklist=64\n") && replayed.contains(" on fixed?fault=round-to-4"),
        "{replayed}"
    );
    assert!(!replayed.contains("pass: "), "{replayed}");
}

/// Programs ask for pointers anywhere in an object; both collectors make them as the one with kinds can.
#[test]
fn kinds_of_objects_are_those_that_all_collectors_have() {
    let place = Place::new();
    let manifest = std::fs::read_to_string(MARKSWEEP).unwrap();
    let module = MARKSWEEP.replace(".toml", ".wat");
    let narrow = manifest.replace("\"marksweep.wat\"", &format!("{module:?}")).replace("most = 0x100000", "most = 2");
    assert!(narrow.contains(&module) && narrow.contains("most = 2"), "{narrow}");
    place.write("narrow.toml", narrow);
    for (first, other) in [("vera@0.2", MARKSWEEP), (MARKSWEEP, "narrow.toml")] {
        let list = format!("{first},{other}");
        let args = ["hunt", "--versus", &list, "--programs", "40", "--seed", "3", "--jobs", "1", "--json"];
        let report = json(&place.run(&args).code(0));
        assert!(report["versus"]["compared_on"][other].as_u64() >= Some(20), "{report:#}");
        assert_eq!(report["metamorphic"]["not_compared"].get("another-plan"), None, "{report:#}");
    }
}

#[test]
fn senseless_comparisons_are_refused() {
    let place = Place::new();
    place.refuses(&["hunt", "--versus", "fixed"], &["--versus: expected at least two collectors", "found `fixed`"]);
    place.refuses(&["hunt", "--versus", "fixed,fixd"], &["--versus", "did you mean `fixed`?"]);
    place.refuses(
        &["hunt", "--versus", "fixed,fixed"],
        &["--versus: expected each collector once, found `fixed` again"],
    );
    place.refuses(
        &["hunt", "--versus", "fixed,vera@0.1.9+wrap"],
        &["with a wrap table or without", "--versus `vera@0.1.9+wrap`"],
    );
    place.refuses(&["hunt", "--versus", "fixed,vera@0.2", "--runtime", "fixed"], &["cannot be used with"]);
}
