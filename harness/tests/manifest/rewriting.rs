//! What becomes of a module: imports, names, start, limits.

use crate::glue::Driver;
use heapsmith::engine::{Backtrace, Engine, Known};
use heapsmith::outcome::{End, Trap};
use heapsmith::runtime::manifest::{MIRROR_STUB, Manifest};
use std::path::Path;

pub(crate) const IMPORTS: &[u8] = include_bytes!("../collectors/imports.wat");

pub(crate) const MANIFEST: &str = r##"heapsmith = 1
name = "imports"
module = "imports.wat"
init = ["first", "second"]

[imports]
"env.base" = { constant = 48 }
"env.word" = { constant = 1 }
"env.nothing" = "nothing"
"env.seven" = { constant = 7 }
"env.count" = { counter = -1 }
"env.random" = { lcg = 1 }
"env.stop" = "trap"

[heap]
start = { global = "word" }
end = { global = "word" }
collections = { global = "#4" }

[[kind]]
name = "any"
pointers = "any"
alloc = { call = "alloc", args = ["size", 0] }

[[roots]]
kind = "slots"
set = "set_root"
capacity = 4

[[roots]]
kind = "table"
address = { call = "told" }
capacity = 4

[collect]
full = { call = "collect!", args = [0] }
automatic = true

[traps]
memory = "trap"
"##;

fn manifest() -> std::sync::Arc<Manifest> {
    Manifest::parse(MANIFEST, IMPORTS, "imports.toml").unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn imports_do_what_the_manifest_says() {
    let mut it = Driver::of(&manifest());
    let give = |it: &mut Driver, what| it.call("new", &[what, 0, 0, 0]);
    assert_eq!(give(&mut it, 0), Ok(vec![1]), "four zeros of four types");
    assert_eq!([(); 2].map(|()| give(&mut it, 1)), [Ok(vec![7]), Ok(vec![7])]);
    assert_eq!([(); 3].map(|()| give(&mut it, 2)).map(Result::unwrap), [[-1], [0], [1]]);
    assert_eq!([(); 2].map(|()| give(&mut it, 3)).map(Result::unwrap), [[1_015_568_748], [1_586_005_467]]);
    assert_eq!(give(&mut it, 4), Ok(vec![42]), "the table is there, with its elements");
    assert_eq!(give(&mut it, 5), Err(End::Trapped(Trap::Unreachable)));
}

#[test]
fn the_modules_own_start_comes_first_then_init_in_order() {
    let manifest = manifest();
    let it = Driver::of(&manifest);
    // ((1 + 1) * 10) + 3
    assert_eq!(it.global("heap_ptr"), 23);
    assert_eq!(manifest.heap.start, Some(23), "numbers are those after the start");
    assert_eq!(it.word(64), 0x0403_0201);
    assert_eq!(it.word(68), 0x0D0C_0B0A, "passive segments stay");
}

#[test]
fn every_mutable_global_is_exported_roles_first_under_names_that_clash_with_none() {
    let manifest = manifest();
    let names =
        ["heap_ptr", "gc_collections", "heap_ptr.module", "odd\\name", "glue.import.0", "glue.import.1", "glue.slots"];
    assert_eq!(manifest.globals(), names);
    let it = Driver::of(&manifest);
    assert_eq!((it.global("gc_collections"), it.global("heap_ptr.module"), it.global("odd\\name")), (5, 48, 6));
    assert!(manifest.is_resettable(), "{:?}", manifest.unresettable);
}

#[test]
fn text_with_imports_in_front_is_the_same_module_on_every_engine() {
    let manifest = manifest();
    let fields = manifest.fields(1, 3);
    let text = format!(
        "(module (import \"mutator\" \"peek\" (func $peek (param i32) (result i32)))
         (import \"mutator\" \"poke\" (func $poke (param i32 i32)))\n{fields}{MIRROR_STUB}
         (func (export \"run\") (local $i i32)
           (call $poke (i32.const 0) (call $new (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0)))
           (call $gc_collect)
           (loop $grow (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
           (call $poke (i32.const 4) (memory.size))))"
    );
    let program = wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mutator = wat::parse_str(
        "(module (memory (export \"memory\") 1)
           (func (export \"peek\") (param i32) (result i32) (i32.load (local.get 0)))
           (func (export \"poke\") (param i32 i32) (i32.store (local.get 0) (local.get 1))))",
    );
    let mutator = mutator.unwrap();
    let names: Vec<&str> = manifest.globals().iter().map(String::as_str).collect();
    for name in ["wasmtime", "wasmi", "wasmi1"] {
        let engine: Box<dyn Engine> = Known::parse(name).unwrap().open(Backtrace::Off).unwrap();
        let compiled = engine.compile(&[("mutator", &mutator), ("program", &program)], &names).unwrap();
        let mut instance = compiled.instantiate().unwrap();
        assert_eq!(instance.call(1 << 20).unwrap(), End::Finished, "{name}");
        assert_eq!(instance.mutator()[..8], [42, 0, 0, 0, 3, 0, 0, 0], "{name}: call through the table, page limit");
        let mut globals = Vec::new();
        instance.globals(&mut globals);
        assert_eq!(globals.len(), names.len(), "{name}");
    }
}

#[test]
fn the_text_reads_like_this() {
    insta::assert_snapshot!(manifest().fields(1, 256));
}

#[test]
fn state_that_no_memory_shows_makes_an_instance_unresettable() {
    let module = br#"(module (memory 1) (table 1 funcref) (data $d "a")
        (global $time (mut i64) (i64.const 0)) (global (mut f32) (f32.const 0))
        (func (export "alloc") (param i32) (result i32) (local.get 0))
        (func $forget (data.drop $d) (table.set (i32.const 0) (ref.null func)) (table.set (i32.const 0) (ref.null func)))
        (func (export "set") (param i32 i32)))"#;
    let text = r#"heapsmith = 1
name = "m"
module = "m.wat"
[[kind]]
name = "any"
pointers = "any"
alloc = { call = "alloc", args = ["size"] }
[[roots]]
kind = "slots"
set = "set"
capacity = 4
[collect]
full = { call = "forget" }
automatic = false
"#;
    let manifest = Manifest::parse(text, module, "m.toml").unwrap_or_else(|e| panic!("{e}"));
    assert!(!manifest.is_resettable());
    let reasons = [
        "its code has a `data.drop`",
        "its code has 2 `table.set`",
        "its mutable global `time` is of type i64",
        "its mutable global `#1` is of type f32",
    ];
    assert_eq!(manifest.unresettable, reasons);
    assert_eq!(manifest.globals(), ["gc_collections", "glue.slots"], "only globals of type i32");
}

#[test]
fn a_collector_runs_behind_its_glue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/collectors/marksweep.toml");
    let manifest = Manifest::load(&path).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((manifest.heap.start, manifest.memory.max_pages), (Some(2048), 4));
    let mut it = Driver::of(&manifest);
    // A list of ten nodes in slot 0; as much garbage again.
    it.push(0).unwrap();
    let mut head = 0;
    let mut nodes = Vec::new();
    for tag in 0..10 {
        let node = it.call("new", &[12, 0, 1, 1]).unwrap()[0];
        it.call("new", &[12, 0, 1, 1]).unwrap();
        it.call("link", &[node, 0, head]).unwrap();
        it.call("link", &[node, 8, tag]).unwrap();
        it.set(0, node.cast_unsigned());
        nodes.push(node);
        head = node;
    }
    assert_eq!(it.call("live_bytes", &[]), Ok(vec![20 * 32]));
    it.call("gc_collect", &[]).unwrap();
    assert_eq!((it.call("live_bytes", &[]), it.global("gc_collections")), (Ok(vec![10 * 32]), 1));
    for (tag, node) in (0..10).zip(&nodes).rev() {
        assert_eq!(it.call("fetch", &[*node, 8]), Ok(vec![tag]));
    }
    // What is free is taken again, and nothing else.
    let end = it.global("heap_ptr");
    for _ in 0..10 {
        let object = it.call("new", &[12, 0, 1, 0]).unwrap()[0];
        assert!(!nodes.contains(&object));
    }
    assert_eq!(it.global("heap_ptr"), end);
    // Two pages of garbage again and again: memory never needs more than it has.
    for _ in 0..20 {
        it.call("new", &[100_000, 0, 1, 0]).unwrap();
    }
    assert!(it.global("gc_collections") > 1);
    it.restore(0);
    it.call("gc_collect", &[]).unwrap();
    assert_eq!(it.call("live_bytes", &[]), Ok(vec![0]));
    assert_eq!(it.call("new", &[0x20_0000, 0, 0, 0]), Err(End::Trapped(Trap::Unreachable)), "null is exhaustion");
}

#[test]
fn manifests_are_the_same_if_texts_paths_and_modules_are() {
    let one = manifest();
    assert_eq!(one, manifest());
    let path = Manifest::parse(MANIFEST, IMPORTS, "other.toml").unwrap();
    let text = Manifest::parse(&format!("{MANIFEST}\n# more"), IMPORTS, "imports.toml").unwrap();
    let bytes = [IMPORTS, b"(; more ;)"].concat();
    let name = String::from_utf8(bytes).unwrap().replace("$begin", "$began");
    let module = Manifest::parse(MANIFEST, name.as_bytes(), "imports.toml").unwrap();
    for other in [path, text, module] {
        assert_ne!(one, other);
        assert_ne!(one.digest(), other.digest());
    }
}
