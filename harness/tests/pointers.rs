//! A collector whose pointers are not addresses: one is added to each, and two stands for none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{edited, engines, module_spec, settings};
use heapsmith::campaign::{Progress, Settings, Summary, hunt};
use heapsmith::judge::Verdict;
use heapsmith::metamorphic::Selection;
use heapsmith::runtime::manifest::Manifest;
use heapsmith::runtime::manifest::adopt::fit;
use heapsmith::runtime::{Spec, builtin};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::Machine;
use std::sync::Arc;

const MODULE: &str = include_str!("collectors/marksweep.wat");
const MANIFEST: &str = include_str!("collectors/marksweep.toml");

/// What it takes for a pointer, what it gives, and how it says that there is no memory.
const TAGGED: [(&str, &str); 4] = [
    (
        "        (if (local.get $object)\n          (then\n            (local.set $object (i32.sub (local.get $object) (i32.const 8)))",
        "        (if (i32.and (local.get $object) (i32.const 1))\n          (then\n            (local.set $object (i32.sub (local.get $object) (i32.const 9)))",
    ),
    (
        "          (br $clear))))\n    (i32.add (local.get $block) (i32.const 8)))",
        "          (br $clear))))\n    (i32.add (local.get $block) (i32.const 9)))",
    ),
    ("(then (return (i32.const 0))))\n    ;; A free block", "(then (return (i32.const 2))))\n    ;; A free block"),
    (
        "      (return (i32.const 0)))\n    (i32.store offset=4",
        "      (return (i32.const 2)))\n    (i32.store offset=4",
    ),
];

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

#[test]
fn the_module_is_not_tried_by_experiments_that_know_addresses_only() {
    let manifest = Manifest::parse(&edited(MANIFEST, &[SAID]), edited(MODULE, &TAGGED).as_bytes(), "m.toml").unwrap();
    let found = fit(&manifest);
    assert!(found.misfits.is_empty(), "{:?}", found.misfits);
    assert!(found.seen.len() == 1 && found.seen[0].about == "not run", "{:?}", found.seen);
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
