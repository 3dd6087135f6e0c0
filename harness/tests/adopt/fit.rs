//! A manifest that says something else than what its module does is pointed at.

use super::{BUMP, HELD, mark_sweep, of};
use heapsmith::runtime::manifest::Manifest;
use heapsmith::runtime::manifest::adopt::{Fact, Fit, fit};
use heapsmith::runtime::{builtin, describe};
use heapsmith_generators::Machine;

/// The manifest of a collector whose blocks tile its heap, proposed for its bytes, and these.
fn tiling() -> (String, Vec<u8>) {
    let runtime = builtin(describe("vera@0.1.9", Machine::default()).unwrap());
    let binary = wat::parse_str(format!("(module\n{})", runtime.fields)).unwrap();
    (of_bytes(&binary), binary)
}

fn of_bytes(binary: &[u8]) -> String {
    heapsmith::runtime::manifest::adopt::adopt(binary, "mygc", "mygc.wasm").unwrap().text
}

/// What is seen where a manifest is changed.
fn changed(text: &str, module: &[u8], right: &str, wrong: &str) -> Fit {
    assert_eq!(text.matches(right).count(), 1, "{right}\n{text}");
    fit(&Manifest::parse(&text.replace(right, wrong), module, "mygc.toml").unwrap())
}

/// It is seen, pointed at, and said what to write.
fn is_seen(text: &str, module: &[u8], right: &str, wrong: &str, advice: &str) {
    let found = changed(text, module, right, wrong);
    let [misfit] = found.misfits.as_slice() else { panic!("{wrong}: {found:#?}") };
    let place = misfit.place.as_ref().unwrap_or_else(|| panic!("{misfit}"));
    let line = wrong.trim_start_matches('\n').lines().next().unwrap();
    assert!(place.text.contains(line), "{misfit}");
    assert!(misfit.problem.contains(advice), "{misfit}");
}

#[test]
fn what_fits_is_said_to_have_been_seen() {
    let (text, module) = tiling();
    let found = fit(&Manifest::parse(&text, &module, "mygc.toml").unwrap());
    assert_eq!(found.misfits, []);
    let about: Vec<&str> = found.seen.iter().map(|fact| fact.about).collect();
    assert_eq!(
        about,
        ["header", "alignment", "size", "collection", "roots", "blocks", "exhaustion", "size limit"],
        "{found:#?}"
    );
    assert!(found.seen.iter().all(|fact| !fact.text.starts_with("not seen")), "{found:#?}");
}

#[test]
fn a_stack_that_grows_the_other_way() {
    let exports = "(export \"alloc\" (func $make)) (export \"collect\" (func $collect)) (export \"sp\" (global $held))";
    let up = mark_sweep(HELD, exports)
        .replace("(global $held (mut i32) (i32.const 64))", "(global $held (mut i32) (i32.const 1024))")
        .replace("(i32.const 64)", "(i32.const 1024)");
    let text = of(&up).text;
    is_seen(&text, up.as_bytes(), "grows = \"up\"", "grows = \"down\"", "write `grows = \"up\"`");
    // One that grows down.
    let roots = HELD.replace("(call $held_words)", "(call $held_down)")
        + "
  (func $held_down (local $at i32)
    (local.set $at (global.get $held))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (i32.const 2048)))
        (call $visit (i32.load (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $next))))
";
    let down = mark_sweep(&roots, exports)
        .replace("(global $held (mut i32) (i32.const 64))", "(global $held (mut i32) (i32.const 2048))");
    let text = of(&down).text;
    is_seen(&text, down.as_bytes(), "grows = \"down\"", "grows = \"up\"", "write `grows = \"down\"`");
}

#[test]
fn alignments_headers_and_sizes_that_are_others() {
    let (text, module) = tiling();
    let is_seen = |right: &str, wrong: &str, advice: &str| is_seen(&text, &module, right, wrong, advice);
    is_seen("\nalignment = 8\n", "\nalignment = 16\n", "write `alignment = 8`");
    is_seen("\nalignment = 8\n", "\nalignment = 4\n", "write `alignment = 8`");
    is_seen("\nheader = 4\n", "\nheader = 8\n", "write `header = 4`");
    is_seen(
        "\nsize = { offset = -4, shift = 1 }\n",
        "\nsize = { offset = -8, shift = 1 }\n",
        "write `size = { offset = -4, shift = 1 }`",
    );
    is_seen(
        "\nsize = { offset = -4, shift = 1 }\n",
        "\nsize = { offset = -4, shift = 0 }\n",
        "write `size = { offset = -4, shift = 1 }`",
    );
}

#[test]
fn requests_that_are_refused_another_way() {
    let (text, module) = tiling();
    is_seen(&text, &module, "\nmemory = \"trap\"\n", "\nmemory = \"null\"\n", "write `memory = \"trap\"`");
    is_seen(
        &text,
        &module,
        "\nsize_limit = 0x80000000\n",
        "\nsize_limit = 0x1000000\n",
        "write `size_limit = 0x80000000`",
    );
}

#[test]
fn collections_and_roots_that_are_none() {
    let (text, module) = tiling();
    let start = text.find("[[roots]]").unwrap();
    let end = text.find("[collect]").unwrap();
    let none = format!("{}[[roots]]\nkind = \"none\"\n{}", &text[..start], &text[end..]);
    let found = fit(&Manifest::parse(&none, &module, "mygc.toml").unwrap());
    assert!(found.misfits[0].problem.contains("declared is that nothing is ever freed"), "{found:#?}");
    // A collector that loses what it was given may be the one that is wrong.
    let lost = mark_sweep(
        "  (func $roots)\n",
        "  (export \"alloc\" (func $make))\n  (func (export \"push_root\") (param i32))\n  (func (export \"pop_root\"))\n  (export \"gc_collect\" (func $collect))\n",
    );
    let text = of(&lost).text;
    let start = text.find("[[roots]]").unwrap();
    let end = text.find("[collect]").unwrap();
    let pushes = "[[roots]]\nkind = \"calls\"\npush = \"push_root\"\npop = \"pop_root\"\ncapacity = 8\n";
    let calls = format!("{}{pushes}{}", &text[..start], &text[end..]);
    let found = fit(&Manifest::parse(&calls, lost.as_bytes(), "mygc.toml").unwrap());
    assert!(found.misfits[0].problem.contains("recycled all the same"), "{found:#?}");
}

#[test]
fn what_cannot_be_seen_is_no_misfit() {
    let found = fit(&of(BUMP).manifest);
    assert_eq!(found.misfits, []);
    assert!(found.seen.iter().any(|fact| fact.text.starts_with("not seen: nothing was recycled")), "{found:#?}");
}

/// Pushes after which a collection returns at once.
const STUCK: &str = "
  (func (export \"push_root\") (param $value i32)
    (global.set $stuck (i32.const 1)))
  (func (export \"pop_root\"))
  (global $stuck (mut i32) (i32.const 0))
  (export \"alloc\" (func $make))
  (export \"sp\" (global $held))
  (export \"gc_collect\" (func $collect))
";

#[test]
fn roots_under_which_nothing_is_recycled_are_no_misfit_unless_other_roots_show_that_something_is() {
    let stuck = mark_sweep(HELD, STUCK)
        .replace("    (call $roots)\n", "    (if (global.get $stuck) (then (return)))\n    (call $roots)\n");
    let text = of(&stuck).text;
    let (start, end) = (text.find("[[roots]]").unwrap(), text.find("[collect]").unwrap());
    let with = |roots: &str| {
        let text = format!("{}{roots}{}", &text[..start], &text[end..]);
        fit(&Manifest::parse(&text, stuck.as_bytes(), "mygc.toml").unwrap())
    };
    let pushes = "[[roots]]\nkind = \"calls\"\npush = \"push_root\"\npop = \"pop_root\"\ncapacity = 8\n";
    let found = with(pushes);
    assert_eq!(found.misfits, []);
    let unclear = |fact: &&Fact| {
        fact.about == "roots" && fact.text.contains("nothing at all is recycled, so nothing shows whether they keep it")
    };
    assert_eq!(found.seen.iter().filter(unclear).count(), 1, "{found:#?}");
    let stack = "[[roots]]\nkind = \"shadow-stack\"\ntop = { global = \"sp\" }\ngrows = \"up\"\ncapacity = 8\n";
    let found = with(&format!("{stack}{pushes}"));
    let [misfit] = found.misfits.as_slice() else { panic!("{found:#?}") };
    assert!(misfit.problem.contains("while they hold an object nothing at all is recycled"), "{misfit}");
}

/// A collector with functions beside the collection: one forgets what is held, one does nothing, one makes objects.
fn with_parts() -> String {
    let exports = r#"
  (export "alloc" (func $make))
  (export "collect" (func $collect))
  (export "sp" (global $held))
  (global $forgets (mut i32) (i32.const 0))
  (func (export "f1") (global.set $forgets (i32.const 1)) (call $collect) (global.set $forgets (i32.const 0)))
  (func (export "f2"))
  (func (export "f3") (result i32) (call $make (i32.const 16) (i32.const 0)))
  (func (export "f4") (unreachable))
  (func (export "f5") (param $really i32) (if (local.get $really) (then (call $collect))))
  (func (export "f6") (result i32) (i32.const 1))
"#;
    let roots = "  (func $roots (if (global.get $forgets) (then (return))) (call $held_words))\n";
    mark_sweep(roots, exports)
}

#[test]
fn what_collects_a_part_keeps_what_is_held_and_makes_no_object() {
    let module = with_parts();
    let text = of(&module).text;
    let full = "full = { call = \"collect\", args = [] }\n";
    for key in ["minor", "step"] {
        let is_seen = |call: &str, advice: &str| {
            is_seen(&text, module.as_bytes(), full, &format!("{key} = {{ call = {call} }}\n{full}"), advice);
        };
        is_seen("\"f1\"", "an object that they hold is recycled after it");
        is_seen("\"f3\"", "gives an object, such as one at ");
        is_seen("\"f4\"", "it traps, or runs on and on");
        is_seen("\"alloc\", args = [40, 1]", "each call of `alloc` gives an object");
        for (name, frees) in
            [("f2", "; it was not seen to free anything"), ("collect", "; it frees what nothing holds")]
        {
            let said = format!("{key} = {{ call = \"{name}\" }}\n{full}");
            let found = changed(&text, module.as_bytes(), full, &said);
            assert_eq!(found.misfits, [], "{key}, {name}");
            let fact = found.seen.iter().find(|fact| fact.about == key).unwrap();
            let frees = if key == "minor" { frees } else { "" };
            assert_eq!(fact.text, format!("what `sp` holds outlives 200 calls of `{name}`{frees}"));
        }
    }
}

#[test]
fn a_full_collection_makes_no_object_and_frees_something() {
    let module = with_parts();
    let text = of(&module).text;
    let full = "full = { call = \"collect\", args = [] }\n";
    let is_seen = |wrong: &str, advice: &str| is_seen(&text, module.as_bytes(), full, wrong, advice);
    is_seen("full = { call = \"alloc\", args = [40, 1] }\n", "name a function that collects, or leave `full` out");
    is_seen("full = { call = \"f3\" }\n", "each call of `f3` gives an object");
    is_seen("full = { call = \"f4\" }\n", "`f4` traps, or runs on and on, where nothing is held");
    let found = changed(&text, module.as_bytes(), full, "full = { call = \"f2\" }\n");
    let fact = found.seen.iter().find(|fact| fact.about == "collection").unwrap();
    assert_eq!(fact.text, "not seen: what nothing holds comes again, but no sooner after `f2` than without it");
    // Numbers that a call gives are those.
    let found = changed(&text, module.as_bytes(), full, "full = { call = \"f5\", args = [{ call = \"f6\" }] }\n");
    let fact = found.seen.iter().find(|fact| fact.about == "collection").unwrap();
    assert_eq!(fact.text, "`f5` frees what nothing holds");
    // Where each allocation collects, one of nothing may stand for a collection.
    let eager = module.replace("    (block $made\n", "    (call $collect)\n    (block $made\n");
    assert_ne!(eager, module);
    let found = changed(&text, eager.as_bytes(), full, "full = { call = \"alloc\", args = [0, 0] }\n");
    assert_eq!(found.misfits, []);
}
