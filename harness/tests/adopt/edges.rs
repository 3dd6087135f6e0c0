//! Requests for nothing, and memory that grows by chunks: what a correct collector does there is proposed, and clean; what another one does is found.

use super::{HELD, hunt, is_clean, mark_sweep, of};
use heapsmith::runtime::manifest::adopt::{Adoption, adopt, fit};
use heapsmith::runtime::manifest::{Chunk, Manifest, ZeroSize};
use std::path::Path;

/// A collector whose allocation has this before it.
fn allocating(before: &str) -> String {
    let exports = format!(
        "  (func (export \"alloc\") (param $size i32) (result i32)\n    {before}\n    (call $make (local.get $size) (i32.const 1)))\n  \
         (export \"collect\" (func $collect))\n  (export \"sp\" (global $held))\n"
    );
    mark_sweep(HELD, &exports)
}

/// What a request for nothing gives.
fn giving(nothing: &str) -> String {
    allocating(&format!("(if (i32.eqz (local.get $size)) (then (return {nothing})))"))
}

/// Violations in the same module without a line of its manifest.
fn violations_without(adoption: &Adoption, module: &str, line: &str) -> u64 {
    assert_eq!(adoption.text.matches(line).count(), 1, "{line}\n{}", adoption.text);
    let manifest = Manifest::parse(&adoption.text.replace(line, ""), module.as_bytes(), "mygc.toml").unwrap();
    hunt(&manifest, 0).statistics.violations
}

/// Violations in another module by the same manifest.
fn violations_of(adoption: &Adoption, module: &str) -> u64 {
    let module = wat::parse_str(module).unwrap();
    hunt(&adoption.manifest.with_module(Path::new("wrong.wasm"), &module).unwrap(), 0).statistics.violations
}

#[test]
fn null_for_no_bytes() {
    let adoption = of(&giving("(i32.const 0)"));
    assert_eq!(adoption.manifest.object.zero_size, Some(ZeroSize::Null), "{}", adoption.text);
    is_clean(&adoption);
    assert!(violations_without(&adoption, &giving("(i32.const 0)"), "zero_size = \"null\"\n") > 0);
    assert!(violations_of(&adoption, &giving("(global.get $free)")) > 0);
}

#[test]
fn one_object_for_no_bytes() {
    let adoption = of(&giving("(i32.const 2048)"));
    assert_eq!(adoption.manifest.object.zero_size, Some(ZeroSize::Shared), "{}", adoption.text);
    is_clean(&adoption);
    assert!(violations_without(&adoption, &giving("(i32.const 2048)"), "zero_size = \"shared\"\n") > 0);
    // Another one each time, and one that lies in the first object.
    assert!(violations_of(&adoption, &giving("(global.get $end)")) > 0);
    assert!(violations_of(&adoption, &giving("(i32.const 4120)")) > 0);
}

#[test]
fn objects_for_no_bytes_are_what_is_meant_where_nothing_is_said() {
    let module = allocating("");
    let adoption = of(&module);
    assert_eq!(adoption.manifest.object.zero_size, None, "{}", adoption.text);
    let said = adoption.text.replace("[object]\n", "[object]\nzero_size = \"null\"\n");
    let found = fit(&Manifest::parse(&said, module.as_bytes(), "mygc.toml").unwrap());
    assert!(found.misfits[0].problem.contains("write `zero_size = \"object\"`"), "{found:#?}");
    let placed = said.replace("[promises]\n", "[promises]\nplacement = \"first-fit\"\n");
    let error = Manifest::parse(&placed, module.as_bytes(), "mygc.toml").unwrap_err();
    assert!(error.problem.contains("leave `zero_size` out"), "{error}");
}

/// A collector whose memory grows by what this function makes of the pages that are missing.
fn growing(by: &str) -> String {
    let text = allocating("").replace("(memory.grow (i32.sub", "(memory.grow (call $pages (i32.sub");
    let text = text.replace("(memory.size))))\n", "(memory.size)))))\n");
    let text = text
        .replace("  (func $visit", &format!("  (func $pages (param $missing i32) (result i32) {by})\n  (func $visit"));
    assert!(text.contains("(call $pages"));
    text
}

/// So many pages, or a multiple.
fn chunks(pages: u32) -> String {
    let up = format!("(i32.add (local.get $missing) (i32.const {}))", pages - 1);
    growing(&format!("(i32.mul (i32.div_u {up} (i32.const {pages})) (i32.const {pages}))"))
}

#[test]
fn memory_that_grows_by_multiples_of_a_chunk() {
    let adoption = of(&chunks(16));
    assert_eq!(adoption.manifest.heap.grows_by, Some(Chunk::Pages(16)), "{}", adoption.text);
    is_clean(&adoption);
    assert!(violations_without(&adoption, &chunks(16), "grows_by = 16\n") > 0);
    // One that wants two of them where one would do.
    assert!(violations_of(&adoption, &chunks(32)) > 0);
    assert_eq!(of(&allocating("")).manifest.heap.grows_by, None);
}

const DOUBLE: &str = "(local $pages i32)
    (local.set $pages (memory.size))
    (loop $next
      (if (i32.lt_u (i32.sub (local.get $pages) (memory.size)) (local.get $missing))
        (then (local.set $pages (i32.shl (local.get $pages) (i32.const 1))) (br $next))))
    (i32.sub (local.get $pages) (memory.size))";

#[test]
fn memory_that_doubles() {
    // From three pages, of which no limit that is a power of two is a multiple.
    let from_three = |by: &str| growing(by).replace("(memory (export \"memory\") 1)", "(memory (export \"memory\") 3)");
    let right = from_three(DOUBLE);
    let adoption = of(&right);
    assert_eq!(adoption.manifest.heap.grows_by, Some(Chunk::Double), "{}", adoption.text);
    is_clean(&adoption);
    assert!(violations_without(&adoption, &right, "grows_by = \"double\"\n") > 0);
    // One that makes it four times as large.
    assert!(violations_of(&adoption, &from_three(&DOUBLE.replace("(i32.const 1))", "(i32.const 2))"))) > 0);
}

#[test]
fn an_allocator_that_needs_a_chunk_at_once_is_one() {
    // Nothing fits into what it starts with.
    let late = chunks(32).replace("(i32.const 4096)", "(i32.const 65536)");
    let adoption = adopt(late.as_bytes(), "mygc", "mygc.wat").unwrap();
    assert_eq!(adoption.manifest.heap.grows_by, Some(Chunk::Pages(32)), "{}", adoption.text);
}
