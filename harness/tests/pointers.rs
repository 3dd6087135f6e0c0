//! A collector whose pointers are not addresses: one is added to each, and two stands for none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
#[path = "common/tagged.rs"]
mod tagged;

use common::{edited, engines, module_spec, settings};
use heapsmith::campaign::{Progress, Settings, Summary, hunt};
use heapsmith::judge::Verdict;
use heapsmith::metamorphic::Selection;
use heapsmith::runtime::manifest::Manifest;
use heapsmith::runtime::manifest::adopt::{Fit, adopt, fit};
use heapsmith::runtime::{Spec, builtin};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::Machine;
use std::path::Path;
use std::sync::Arc;
use tagged::TAGGED;

const MODULE: &str = include_str!("collectors/marksweep.wat");
const MANIFEST: &str = include_str!("collectors/marksweep.toml");

/// It forgets one root of 64.
const LAST_ROOT: (&str, &str) =
    ("(call $mark (global.get $roots) (i32.const 64))", "(call $mark (global.get $roots) (i32.const 3))");

/// Its roots are on a shadow stack in memory, where the judge looks at them,
const ON_A_STACK: [(&str, &str); 2] = [
    (
        "(call $mark (global.get $roots) (i32.const 64))",
        "(call $mark (global.get $roots) (i32.shr_u (i32.sub (global.get $sp) (global.get $roots)) (i32.const 2)))",
    ),
    ("  (func $take ", "  (global $sp (mut i32) (i32.const 1024))\n  (func $take "),
];
/// which the manifest says.
const STACK_SAID: (&str, &str) = (
    "kind = \"slots\"\nset = \"set_root\"\ncapacity = 64\n",
    "kind = \"shadow-stack\"\ntop = { global = \"sp\" }\ngrows = \"up\"\nlimit = 1280\n",
);

const SAID: (&str, &str) = ("alignment = 8\n", "alignment = 8\ntag = 1\nnull = 2\n");

fn collector(edits: &[(&str, &str)], said: &[(&str, &str)]) -> Spec {
    module_spec("tagged.toml", &edited(MANIFEST, said), &edited(MODULE, edits))
}

fn hunted(spec: Spec) -> Summary {
    let settings = Settings {
        metamorphic: Selection::All { against: None },
        ..settings(Spec { pinned: Machine::default(), ..spec }, 3, 60)
    };
    hunt(&settings, &Progress::default()).unwrap()
}

#[test]
fn pointers_are_translated_both_ways() {
    let on_a_stack = [TAGGED.as_slice(), &ON_A_STACK].concat();
    for right in [collector(&TAGGED, &[SAID]), collector(&on_a_stack, &[SAID, STACK_SAID])] {
        let clean = hunted(right);
        let statistics = &clean.statistics;
        assert_eq!((statistics.violations, statistics.untrusted.len()), (0, 0), "{:?}", clean.findings.first());
        assert!(statistics.passed > 30 && statistics.observed.collections > 100, "{statistics:?}");
        assert!(statistics.variants.same > 30, "{:?}", statistics.variants);
    }
    // Not said, or said of one that has none, it is a fault; and a fault is seen behind it.
    for broken in [
        collector(&TAGGED, &[]),
        collector(&[], &[SAID]),
        collector(&[TAGGED.as_slice(), &[LAST_ROOT]].concat(), &[SAID]),
    ] {
        let summary = hunted(broken);
        assert!(!summary.findings.is_empty(), "{:?}", summary.statistics);
        assert!(summary.findings.iter().all(|finding| finding.lowerings_disagree.is_none()));
    }
}

/// What is seen of a module, and of another one by the same manifest.
fn tried(module: &[(&str, &str)], said: &[(&str, &str)]) -> Fit {
    fit(&Manifest::parse(&edited(MANIFEST, said), edited(MODULE, module).as_bytes(), "m.toml").unwrap())
}

#[test]
fn the_module_is_tried_with_its_own_words() {
    let plain = tried(&[], &[]);
    assert_eq!(plain.misfits, []);
    let on_a_stack = [TAGGED.as_slice(), &ON_A_STACK].concat();
    let found = tried(&TAGGED, &[SAID]);
    assert_eq!(found, plain, "the same is seen of it as of one whose pointers are addresses");
    assert!(found.seen.iter().any(|fact| fact.about == "roots" && fact.text.contains("outlives collections")));
    assert_eq!(tried(&on_a_stack, &[SAID, STACK_SAID]).misfits, []);
    // What is wrong with what is said is seen.
    let problems = |module: &[(&str, &str)], said: &[(&str, &str)]| {
        let all: Vec<String> = tried(module, said).misfits.into_iter().map(|misfit| misfit.problem).collect();
        all.join("; ")
    };
    let aligned = ("alignment = 8\n", "alignment = 16\ntag = 1\nnull = 2\n");
    assert!(problems(&TAGGED, &[aligned]).contains("write `alignment = 8`"));
    assert!(problems(&TAGGED, &[]).contains("`alignment`: declared is 8"), "{}", problems(&TAGGED, &[]));
    assert!(problems(&[], &[SAID]).contains("seen: a payload at 2055;"), "{}", problems(&[], &[SAID]));
    let loses = [TAGGED.as_slice(), &[("(call $mark (global.get $roots) (i32.const 64))", "")]].concat();
    assert!(problems(&loses, &[SAID]).contains("`set_root`: seen: an object that they hold is recycled all the same"));
    let other_null = ("alignment = 8\n", "alignment = 8\ntag = 1\nnull = 6\n");
    let problem = problems(&TAGGED, &[other_null]);
    assert!(problem.contains("`null`: declared is 6") && problem.ends_with("; write `null = 2`"), "{problem}");
}

/// The collector without imports, which its words are read off.
const NO_IMPORTS: [(&str, &str); 3] = [
    ("  (import \"env\" \"abort\" (func $abort (param i32 i32)))\n", ""),
    ("  (import \"env\" \"first_page\" (global $first i32))\n", "  (global $first i32 (i32.const 2048))\n"),
    ("(call $abort (i32.const 1) (local.get $index))", "(unreachable)"),
];

#[test]
fn a_tag_is_proposed_and_null_where_it_shows() {
    let all = [NO_IMPORTS.as_slice(), &TAGGED].concat();
    let adoption = adopt(edited(MODULE, &all).as_bytes(), "tagged", "tagged.wat").unwrap();
    let pointer = adoption.manifest.object.pointer;
    assert_eq!((pointer.tag, pointer.null), (1, 2), "{}", adoption.text);
    let said = adoption.text.replace("\n# ", " ");
    assert!(said.contains("assumed: a pointer is the payload's address and 1."), "{}", adoption.text);
    let plain = adopt(edited(MODULE, &NO_IMPORTS).as_bytes(), "tagged", "tagged.wat").unwrap();
    assert!(plain.manifest.object.pointer.is_plain(), "{}", plain.text);
    // But for that all is as it is without.
    let is_about =
        |line: &&str| !["tag = ", "null = "].iter().any(|key| line.starts_with(key)) && !line.starts_with('#');
    let told = |text: &str| text.lines().filter(is_about).map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(told(&adoption.text), told(&plain.text));
    assert_eq!(fit(&adoption.manifest).misfits, []);
    let spec = |module: &str| Spec {
        name: "tagged.toml".to_owned(),
        module: Some(adoption.manifest.with_module(Path::new("m.wasm"), &wat::parse_str(module).unwrap()).unwrap()),
        pinned: Machine::default(),
        address_limit: None,
        edit: None,
    };
    assert_eq!(hunted(spec(&edited(MODULE, &all))).statistics.violations, 0);
    let loses = [all.as_slice(), &[LAST_ROOT]].concat();
    assert!(hunted(spec(&edited(MODULE, &loses))).statistics.violations > 0);
    // Where what cannot be had traps, null is for its owner to say.
    let traps = [
        ("(then (return (i32.const 2))))\n    ;; A free block", "(then (unreachable)))\n    ;; A free block"),
        ("      (return (i32.const 2)))\n    (i32.store offset=4", "      (unreachable))\n    (i32.store offset=4"),
    ];
    let adoption = adopt(edited(&edited(MODULE, &all), &traps).as_bytes(), "tagged", "tagged.wat").unwrap();
    assert_eq!((adoption.manifest.object.pointer.tag, adoption.manifest.object.pointer.null), (1, 0));
    let asks =
        adoption.facts.iter().any(|fact| fact.about == "to decide" && fact.text.contains("stands for no object?"));
    assert!(asks, "{:?}", adoption.facts);
}

#[test]
fn a_null_that_an_object_can_have_is_refused() {
    let parse = |pointer: &str| {
        let said = edited(MANIFEST, &[("alignment = 8\n", &format!("alignment = 8\n{pointer}\n"))]);
        Manifest::parse(&said, MODULE.as_bytes(), "m.toml")
    };
    // The heap begins at 2048, with a header of 8 bytes.
    for (pointer, address) in
        [("null = 2056", 2056), ("null = 65536", 65536), ("tag = 1\nnull = 4097", 4096), ("tag = 7\nnull = 4103", 4096)]
    {
        let error = parse(pointer).unwrap_err();
        assert!(
            error.problem.contains(&format!("an object at {address}: aligned, and where the heap may be")),
            "{error}"
        );
        assert!(error.place.as_ref().unwrap().text.starts_with("null = "), "{error}");
    }
    for pointer in [
        "null = 2048",
        "null = 2060",
        "null = 0xFFFFFFFF",
        "null = 1",
        "tag = 1\nnull = 2",
        "tag = 1\nnull = 1",
        "tag = 1",
        "tag = 1\nnull = 4096",
    ] {
        assert!(parse(pointer).is_ok(), "{pointer}: {:?}", parse(pointer).err());
    }
    // Where nobody knows where the heap begins it may be anywhere.
    let nowhere = edited(
        MANIFEST,
        &[("start = { global = \"heap_start\" }\n", ""), ("alignment = 8\n", "alignment = 8\nnull = 1024\n")],
    );
    let error = Manifest::parse(&nowhere, MODULE.as_bytes(), "m.toml").unwrap_err();
    assert!(error.problem.contains("or say `start` in [heap], if no object is there"), "{error}");
}

#[test]
fn what_is_seen_is_the_same_with_tags_and_without() {
    let text = "heapsmith 1\nalloc r0 size=24 fields=3 init=fill(1)\nwide r1 n=20\nstore r0.1 = r1\nload r2 = r0.1\nload r3 = r0.0\n\
                clear r0.1\nclear r0.2\nstore r0.2 = r0\ndrop r1\ncollect\ncheck r0\ncheck r2\nalloc r4 size=40 fields=9 init=null\ncheck r4\n";
    let program = heapsmith_generators::parse(text).unwrap();
    let show = |spec: Spec| {
        let runtime = builtin(spec.resolve(spec.pinned).unwrap());
        let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &engines()).unwrap())).unwrap();
        assert_eq!(rig.trial(&program), Verdict::Pass);
        for (i, engine) in engines().iter().enumerate() {
            assert!(rig.standalone_agrees(i, engine.as_ref()).unwrap());
        }
        let addresses = rig.outcome(0).log.len();
        (addresses, rig.memory(0).to_vec())
    };
    let (plain, tagged) = (show(collector(&[], &[])), show(collector(&TAGGED, &[SAID])));
    assert_eq!(plain.0, tagged.0);
    let differing = plain.1.iter().zip(&tagged.1).filter(|(a, b)| a != b).count();
    assert!(differing > 40, "{differing} bytes differ: pointers and nulls have another form in memory");
}
