//! A program's work done again and again: what `run` says where nothing was judged of it.

use super::place::{Place, json, stdout};

const MARKSWEEP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");
const OBJECT: &str = "heapsmith 1\nalloc r0 size=24 fields=0 init=null\n";

#[test]
fn a_variant_of_which_nothing_was_judged_has_not_passed() {
    let place = Place::new();
    let module = MARKSWEEP.replace(".toml", ".wat");
    let manifest = std::fs::read_to_string(MARKSWEEP).unwrap().replace("\"marksweep.wat\"", &format!("{module:?}"));
    let grows = manifest.replace("[promises]\n", "[promises]\nplateau = false\n");
    assert!(grows.contains(&module) && grows.contains("plateau = false"), "{grows}");
    place.write("grows.toml", grows);
    place.write("object.heapsmith", OBJECT);
    place.write("nothing.heapsmith", "heapsmith 1\ncollect\n");
    // An object that no round of its own has room for.
    place.write("full.heapsmith", "heapsmith 1\nalloc r0 size=2000000000 fields=0 init=null\n");
    for (case, runtime, verdict, why) in [
        ("object.heapsmith", "grows.toml", "not-judged", "no-plateau"),
        ("nothing.heapsmith", MARKSWEEP, "not-judged", "no-rounds"),
        ("full.heapsmith", MARKSWEEP, "allowed-trap", "resource-trap"),
    ] {
        let args = ["run", case, "--runtime", runtime, "--variant", "rounds=64"];
        let code = if verdict == "not-judged" { 3 } else { 0 };
        let text = stdout(&place.run(&args).code(code));
        assert!(text.contains("\n  not judged:  ") && text.contains(&format!("({why})\n")), "{text}");
        assert!(!text.contains("pass: "), "{text}");
        let answer = json(&place.run(&[&args[..], &["--json"]].concat()).code(code));
        assert_eq!((&answer[0]["verdict"], &answer[0]["not_judged"]), (&verdict.into(), &why.into()), "{answer:#}");
    }
    // What was judged says nothing of it.
    let args = ["run", "object.heapsmith", "--runtime", MARKSWEEP, "--variant", "rounds=64"];
    let text = stdout(&place.run(&args).code(0));
    assert!(text.contains("pass: every promise") && !text.contains("not judged"), "{text}");
}
