//! `heapsmith adopt` on collectors of several styles: what is proposed is a manifest, finds nothing wrong with a right collector, and finds what is
//! wrong with a broken one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod behaviour;
mod edges;
mod fit;
mod hostile;
mod styles;

use heapsmith::campaign::{self, Feedback, Limit, Progress, Settings, Summary};
use heapsmith::engine;
use heapsmith::metamorphic::Selection;
use heapsmith::runtime::manifest::adopt::{Adoption, Fact, adopt, fit, missing};
use heapsmith::runtime::manifest::{Cycles, Manifest, OutOfMemory, RootKind};
use heapsmith::runtime::{Spec, builtin, describe};
use heapsmith_generators::Machine;
use std::path::Path;
use std::sync::Arc;

const MARK_SWEEP: &str = include_str!("../collectors/styles.wat");
const BUMP: &str = include_str!("../collectors/bump.wat");
const NO_ROOTS: &str = "  (func $roots)\n";
const HELD: &str = "  (func $roots (call $held_words))\n";

/// The mark-sweep collector with these roots and exports.
fn mark_sweep(roots: &str, exports: &str) -> String {
    MARK_SWEEP.replace(";; ROOTS\n", roots).replace(";; EXPORTS\n", exports)
}

/// Roots behind calls, pointers first, and a setter.
fn calls() -> String {
    mark_sweep(
        HELD,
        r#"
  (func (export "gc_push_root") (param $value i32)
    (if (i32.ge_u (global.get $held) (i32.const 4096)) (then (unreachable)))
    (i32.store (global.get $held) (local.get $value))
    (global.set $held (i32.add (global.get $held) (i32.const 4))))
  (func (export "gc_pop_roots") (param $n i32)
    (global.set $held (i32.sub (global.get $held) (i32.shl (local.get $n) (i32.const 2)))))
  (func (export "gc_set_root") (param $index i32) (param $value i32)
    (i32.store (i32.add (i32.const 64) (i32.shl (local.get $index) (i32.const 2))) (local.get $value)))
  (func (export "gc_alloc") (param $pointers i32) (param $bytes i32) (result i32)
    (call $make (i32.add (local.get $bytes) (i32.shl (local.get $pointers) (i32.const 2))) (i32.add (local.get $pointers) (i32.const 2))))
  (func (export "gc_set_field") (param $object i32) (param $index i32) (param $value i32)
    (i32.store (i32.add (local.get $object) (i32.shl (local.get $index) (i32.const 2))) (local.get $value)))
  (export "gc_collect" (func $collect))
"#,
    )
}

/// Pins that count, and a type beside the size.
fn pins() -> String {
    let count = |name: &str, by: i32| {
        format!(
            "  (func (export \"{name}\") (param $object i32)\n    (i32.store (i32.sub (local.get $object) (i32.const 8)) \
             (i32.add (i32.load (i32.sub (local.get $object) (i32.const 8))) (i32.const {by}))))\n"
        )
    };
    let exports = "  (export \"new\" (func $make))\n  (export \"collect\" (func $collect))\n".to_owned();
    mark_sweep("  (func $roots (call $pinned))\n", &(exports + &count("retain", 1) + &count("release", -1)))
}

/// Numbered slots, and objects that are all pointers.
fn slots() -> String {
    mark_sweep(
        HELD,
        r#"
  (func (export "initialize") (global.set $held (i32.const 256)))
  (func (export "set_root") (param $index i32) (param $value i32)
    (if (i32.ge_u (local.get $index) (i32.const 48)) (then (unreachable)))
    (i32.store (i32.add (i32.const 64) (i32.shl (local.get $index) (i32.const 2))) (local.get $value)))
  (func (export "allocate") (param $size i32) (result i32) (call $make (local.get $size) (i32.const 1)))
  (func (export "runGC") (param i32) (call $collect))
"#,
    )
}

/// A shadow stack that grows down, of which no name tells.
fn nameless() -> String {
    let text = mark_sweep(
        r"
  (func $roots (local $at i32)
    (local.set $at (global.get 4))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (i32.const 2048)))
        (call $visit (i32.load (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $next))))
",
        r#"
  (func (export "malloc") (param $words i32) (result i32) (call $make (i32.shl (local.get $words) (i32.const 2)) (i32.const 1)))
  (export "gc" (func $collect))
"#,
    );
    text.replace("(global $held (mut i32) (i32.const 64))", "(global $held (mut i32) (i32.const 2048))")
}

fn of(text: &str) -> Adoption {
    adopt(text.as_bytes(), "mygc", "mygc.wat").unwrap()
}

fn hunt(manifest: &Arc<Manifest>, max_findings: usize) -> Summary {
    let spec = Spec {
        name: "mygc.toml".to_owned(),
        module: Some(Arc::clone(manifest)),
        pinned: Machine::default(),
        address_limit: None,
        edit: None,
    };
    let engines = || engine::DEFAULT.map(|name| engine::by_name(name).unwrap()).into_iter().collect();
    let settings = Settings {
        spec,
        engines: engines(),
        tracing_engines: engines(),
        seed: 1,
        limit: Limit::Programs(200),
        jobs: 1,
        max_findings,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    };
    campaign::hunt(&settings, &Progress::default()).unwrap()
}

/// A hunt on a right collector.
fn is_clean(adoption: &Adoption) {
    assert_eq!(fit(&adoption.manifest).misfits, [], "{}", adoption.text);
    let summary = hunt(&adoption.manifest, 1);
    let found: Vec<String> = summary.findings.iter().map(|f| format!("{}\n{}", f.bucket, f.reduced)).collect();
    assert_eq!(summary.statistics.violations, 0, "{found:?}\n{}", adoption.text);
    assert!(summary.statistics.untrusted.is_empty(), "{:?}", summary.statistics.untrusted);
    assert!(summary.statistics.passed > 50, "only {} programs passed\n{}", summary.statistics.passed, adoption.text);
}

/// The manifest that is proposed for the right collector shows what is wrong with one that forgets every field but the first.
fn shows_a_forgotten_field(right: &str) {
    let bound = "(br_if $done (i32.ge_u (local.get $i) (local.get $n)))";
    assert_eq!(right.matches(bound).count(), 1);
    let forgets = "(br_if $done (i32.ge_u (local.get $i) (local.get $n)))\n        (br_if $done (i32.ge_u (local.get $i) (i32.const 1)))";
    let wrong = wat::parse_str(right.replace(bound, forgets)).unwrap();
    let manifest = of(right).manifest.with_module(Path::new("wrong.wasm"), &wrong).unwrap();
    assert!(hunt(&manifest, 0).statistics.violations > 0);
}

#[test]
fn roots_behind_calls_and_pointers_before_data() {
    let adoption = of(&calls());
    let manifest = &adoption.manifest;
    let RootKind::Calls { pops_many: true, set: Some(set), .. } = &manifest.roots[0].kind else {
        panic!("{}", adoption.text)
    };
    assert_eq!(set.name, "gc_set_root");
    assert!(!adoption.text.contains("left out"), "{}", adoption.text);
    assert!(adoption.text.contains("args = [\"words\", 0]"), "{}", adoption.text);
    assert!(
        adoption.text.contains("store = { call = \"gc_set_field\", args = [\"object\", \"index\", \"value\"] }"),
        "{}",
        adoption.text
    );
    assert_eq!((manifest.object.header, manifest.object.alignment), (Some(24), Some(8)));
    assert_eq!(manifest.promises.cycles, Some(Cycles::Collected));
    is_clean(&adoption);
    shows_a_forgotten_field(&calls());
    // One that counts from the top is not what a manifest can say.
    let from_top = calls().replace(
        "(i32.add (i32.const 64) (i32.shl (local.get $index) (i32.const 2)))",
        "(i32.sub (i32.sub (global.get $held) (i32.const 4)) (i32.shl (local.get $index) (i32.const 2)))",
    );
    let adoption = of(&from_top);
    assert!(matches!(adoption.manifest.roots[0].kind, RootKind::Calls { set: None, .. }), "{}", adoption.text);
    let declared =
        adoption.text.replacen("pop = \"gc_pop_roots\"\n", "pop = \"gc_pop_roots\"\nset = \"gc_set_root\"\n", 1);
    let wrong = fit(&Manifest::parse(&declared, from_top.as_bytes(), "mygc.toml").unwrap());
    assert!(wrong.misfits[0].problem.contains("leave `set` out"), "{wrong:#?}");
}

#[test]
fn pins_that_count_and_types_beside_sizes() {
    let adoption = of(&pins());
    let RootKind::Pins { is_reentrant, .. } = adoption.manifest.roots[0].kind else { panic!("{}", adoption.text) };
    assert!(is_reentrant);
    assert!(adoption.text.contains("pointers = [0, 1]\n"), "{}", adoption.text);
    assert!(adoption.text.contains("pointers = \"all\"\n"), "{}", adoption.text);
    is_clean(&adoption);
    shows_a_forgotten_field(&pins());
}

#[test]
fn numbered_slots_and_an_init_function() {
    let adoption = of(&slots());
    assert!(matches!(adoption.manifest.roots[0].kind, RootKind::Slots { .. }), "{}", adoption.text);
    assert_eq!(adoption.manifest.roots[0].capacity, 48);
    assert_eq!(adoption.manifest.init.len(), 1);
    is_clean(&adoption);
    shows_a_forgotten_field(&slots());
}

#[test]
fn a_stack_of_which_no_name_tells_is_found_by_trial() {
    let binary = wat::parse_str(nameless()).unwrap();
    let adoption = adopt(&binary, "mygc", "mygc.wasm").unwrap();
    assert!(adoption.text.contains("grows = \"down\""), "{}", adoption.text);
    assert!(adoption.text.contains("args = [\"words\"]"), "{}", adoption.text);
    is_clean(&adoption);
    shows_a_forgotten_field(&nameless());
}

#[test]
fn an_allocator_that_frees_nothing_has_no_roots() {
    let adoption = of(BUMP);
    assert_eq!(adoption.manifest.roots[0].kind, RootKind::None, "{}", adoption.text);
    assert_eq!(adoption.manifest.collect.full, None, "an allocation is no collection\n{}", adoption.text);
    let questions = adoption.facts.iter().filter(|fact| fact.about == "to decide" && fact.text.contains('?'));
    assert_eq!(questions.count(), 2, "{:?}", adoption.facts);
    assert!(missing(&adoption.manifest).iter().any(|missing| missing.what == "no collection"));
    assert_eq!(adoption.manifest.traps.memory, Some(OutOfMemory::Null));
    is_clean(&adoption);
    // One whose objects overlap is seen all the same.
    let wrong = wat::parse_str(BUMP.replace("(i32.const 15)", "(i32.const 3)")).unwrap();
    let manifest = adoption.manifest.with_module(Path::new("wrong.wasm"), &wrong).unwrap();
    assert!(hunt(&manifest, 0).statistics.violations > 0);
}

#[test]
fn an_imported_global_is_for_its_owner_to_say() {
    let is_about = |fact: &&Fact| fact.about == "to decide" && fact.text.contains("imported global");
    let about = |adoption: &Adoption| adoption.facts.iter().filter(is_about).count();
    assert_eq!(about(&of(BUMP)), 0);
    let importing = BUMP.replacen("(module", "(module (import \"env\" \"base\" (global i32))", 1);
    let adoption = of(&importing);
    assert_eq!(about(&adoption), 1, "{:?}", adoption.facts);
    assert!(
        adoption.text.contains("\"env.base\" = { constant = 0 }   # assumed: an imported global is taken for 0;"),
        "{}",
        adoption.text
    );
    assert!(adoption.facts.iter().any(|fact| fact.text.contains("`env.base` is 0 for now")), "{:?}", adoption.facts);
}

#[test]
fn a_collector_that_loses_what_it_was_given_says_so() {
    let adoption = of(&mark_sweep(
        NO_ROOTS,
        "  (export \"alloc\" (func $make))\n  (func (export \"push_root\") (param i32))\n  (func (export \"pop_root\"))\n  (export \"gc_collect\" (func $collect))\n",
    ));
    assert!(adoption.text.contains("was freed all the same"), "{}", adoption.text);
    assert!(missing(&adoption.manifest).iter().any(|missing| missing.what == "no roots"));
}

#[test]
fn a_built_in_is_understood_from_its_bytes_alone() {
    let runtime = builtin(describe("vera@0.1.9", Machine::default()).unwrap());
    let text = format!("(module\n{})", runtime.fields);
    let binary = wat::parse_str(&text).unwrap();
    let adoption = adopt(&binary, "vera", "vera.wasm").unwrap();
    let manifest = &adoption.manifest;
    let size = manifest.object.size.unwrap();
    assert_eq!((size.offset, size.shift, manifest.object.mark_mask, manifest.object.header), (-4, 1, Some(1), Some(4)));
    assert_eq!(manifest.heap.start, Some(81_920));
    assert_eq!(manifest.root_slots(), 4096);
    assert!(manifest.heap.end.is_some() && manifest.heap.free_list.is_some(), "{}", adoption.text);
    // Its own defects show: a word that is no pointer keeps, and breaks, what it points into.
    assert!(hunt(manifest, 0).statistics.passed > 50);
}

#[test]
fn what_allocates_nothing_is_told_what_was_looked_for() {
    let error = adopt(b"(module (memory 1) (func (export \"hello\") (param i32)))", "x", "x.wat").unwrap_err();
    assert!(error.contains("called `alloc`") && error.contains("hello (i32) -> ()"), "{error}");
    assert!(adopt(b"nonsense", "x", "x").is_err());
    let error = adopt(b"(module)", "x", "x.wat").unwrap_err();
    assert!(error.contains("one memory"), "{error}");
}

/// Real collectors, where they are: the folder of `ci/collectors/all.sh`, named by the environment.
#[test]
fn real_collectors() {
    let Some(folder) = std::env::var_os("HEAPSMITH_COLLECTORS") else {
        eprintln!(
            "SKIPPED: no real collectors: HEAPSMITH_COLLECTORS names no folder (ci/collectors/all.sh FOLDER makes them)"
        );
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        count += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let adoption = adopt(&std::fs::read(&path).unwrap(), &name, &path.to_string_lossy()).unwrap();
        assert!(adoption.manifest.roots.iter().all(|roots| roots.kind != RootKind::None), "{name}\n{}", adoption.text);
        // Those of which no bug is known.
        if ["minimal", "stub", "mended"].iter().any(|known| name.contains(known)) {
            is_clean(&adoption);
        }
    }
    assert!(count > 0, "expected modules in {}, found none", folder.display());
}
