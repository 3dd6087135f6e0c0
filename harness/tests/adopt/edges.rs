//! Requests for nothing, and memory that grows by chunks: what a correct collector does there is proposed, and clean; what another one does is found, and
//! what a manifest says otherwise is pointed at.

use super::{HELD, hunt, is_clean, mark_sweep, of};
use heapsmith::runtime::manifest::adopt::{Adoption, adopt, fit};
use heapsmith::runtime::manifest::{Chunk, Manifest, ManifestError, ZeroSize};
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

#[test]
fn a_kind_of_no_bytes_is_what_no_bytes_give() {
    let module = |nothing: &str| {
        let function = format!("  (func (export \"nothing\") (result i32) {nothing})\n  (func $visit");
        allocating("").replacen("  (func $visit", &function, 1)
    };
    let text = of(&module("(i32.const 2048)")).text;
    let empty =
        "[[kind]]\nname = \"empty\"\nbytes = 0\npointers = \"none\"\nalloc = { call = \"nothing\" }\n\n[[kind]]";
    let shared = text.replacen("[[kind]]", empty, 1).replacen("[object]", "[object]\nzero_size = \"shared\"", 1);
    let parse = |nothing: &str, text: &str| Manifest::parse(text, module(nothing).as_bytes(), "mygc.toml").unwrap();
    let right = parse("(i32.const 2048)", &shared);
    let found = fit(&right);
    assert_eq!(found.misfits, []);
    assert!(found.seen.iter().any(|fact| fact.about == "no bytes" && fact.text.ends_with("shared")), "{found:#?}");
    let statistics = hunt(&right, 0).statistics;
    assert!(statistics.violations == 0 && statistics.passed > 50, "{statistics:?}");
    // One that gives another address each time.
    let wrong = parse("(global.get $end)", &shared);
    assert!(fit(&wrong).misfits[0].problem.contains("write `zero_size = \"object\"`"));
    assert!(hunt(&wrong, 0).statistics.violations > 0);
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

/// As many pages as are missing, and so many at least.
fn at_least(pages: u32) -> String {
    let few = format!("(i32.lt_u (local.get $missing) (i32.const {pages}))");
    growing(&format!("(if {few} (then (return (i32.const {pages})))) (local.get $missing)"))
}

#[test]
fn memory_that_grows_by_so_many_pages_at_least() {
    let adoption = of(&at_least(16));
    assert_eq!(adoption.manifest.heap.grows_by, Some(Chunk::AtLeast(16)), "{}", adoption.text);
    is_clean(&adoption);
    assert!(violations_without(&adoption, &at_least(16), "grows_by = { at_least = 16 }\n") > 0);
    // One that wants twice as many.
    assert!(violations_of(&adoption, &at_least(32)) > 0);
}

/// What is proposed for a module, but for what it says of growth.
fn silent(module: &str) -> String {
    let text = of(module).text;
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("grows_by = ")).collect();
    kept.join("\n")
}

/// A manifest that says this of growth, and this of memory.
fn said(text: &str, grows_by: &str, memory: &str) -> String {
    text.replacen("[heap]", &format!("{memory}[heap]\ngrows_by = {grows_by}"), 1)
}

/// What is seen of growth where that is said: misfits, and facts.
fn seen(module: &str, text: &str) -> (Vec<ManifestError>, Vec<String>) {
    let found = fit(&Manifest::parse(text, module.as_bytes(), "mygc.toml").unwrap_or_else(|e| panic!("{e}\n{text}")));
    (found.misfits, found.seen.into_iter().filter(|fact| fact.about == "growth").map(|fact| fact.text).collect())
}

#[test]
fn growth_that_is_otherwise_than_declared_is_pointed_at() {
    let growing_by = [
        ("by what is missing", allocating(""), None),
        ("16", chunks(16), Some("16")),
        ("at least 16", at_least(16), Some("{ at_least = 16 }")),
        ("double", growing(DOUBLE), Some("\"double\"")),
    ];
    for (what, module, right) in &growing_by {
        let text = silent(module);
        for declared in ["16", "8", "{ at_least = 16 }", "{ at_least = 4 }", "\"double\""] {
            let (misfits, facts) = seen(module, &said(&text, declared, ""));
            if *right == Some(declared) {
                assert_eq!(misfits, [], "{what}");
                assert!(facts.len() == 1 && facts[0].ends_with("as is declared"), "{what}: {facts:?}");
                continue;
            }
            let [misfit] = misfits.as_slice() else { panic!("{what}, {declared}: {misfits:?}, {facts:?}") };
            let next = right.map_or("leave `grows_by` out".to_owned(), |right| format!("write `grows_by = {right}`"));
            assert!(misfit.problem.ends_with(&next), "{what}, {declared}: {misfit}");
            assert!(misfit.problem.contains("seen: memory grew from 1 to "), "{misfit}");
            assert_eq!(misfit.place.as_ref().unwrap().text, format!("grows_by = {declared}"));
        }
    }
}

#[test]
fn growth_by_chunks_of_which_nothing_is_declared_is_told() {
    const MISSING: &str = "(i32.sub (i32.shr_u (i32.add (i32.add (global.get $end) (local.get $stride)) (i32.const 65535)) (i32.const 16)) (memory.size))";
    for (module, next) in [(chunks(16), "16"), (growing(DOUBLE), "\"double\"")] {
        let (misfits, facts) = seen(&module, &silent(&module));
        assert_eq!(misfits, []);
        assert!(facts.len() == 1 && facts[0].contains(&format!("say `grows_by = {next}` in [heap]")), "{facts:?}");
        // One that takes what there is where there is less.
        let once = format!("(i32.eq (i32.const -1) (memory.grow (call $pages {MISSING})))");
        assert_eq!(module.matches(&once).count(), 1);
        let again = format!("(i32.and {once} (i32.eq (i32.const -1) (memory.grow {MISSING})))");
        let content = module.replace(&once, &again);
        let (misfits, facts) = seen(&content, &silent(&content));
        assert_eq!(misfits, []);
        let is_content = |fact: &String| fact.ends_with("by fewer pages where there is no room for as many");
        assert!(facts.len() == 1 && is_content(&facts[0]), "{next}: {facts:?}");
    }
    // What grows by what is missing is told nothing.
    assert_eq!(seen(&allocating(""), &silent(&allocating(""))), (vec![], vec![]));
}

#[test]
fn chunks_that_do_not_fit_into_memory_are_refused() {
    let (module, plain) = (allocating(""), silent(&allocating("")));
    let parse = |text: &str| Manifest::parse(text, module.as_bytes(), "mygc.toml");
    let refused = |text: &str, line: &str, next: &str| {
        let error = parse(text).unwrap_err();
        assert_eq!(error.place.as_ref().unwrap().text, line, "{error}");
        assert!(error.problem.contains(next), "{error}");
    };
    for chunk in ["256", "65536", "{ at_least = 256 }"] {
        let next = "between the 1 page that a program starts with and the 256";
        refused(&said(&plain, chunk, ""), &format!("grows_by = {chunk}"), next);
    }
    assert!(parse(&said(&plain, "255", "")).is_ok());
    // What would take all of this machine's memory is not tried.
    let found = fit(&parse(&said(&plain, "600", "[memory]\nmax_pages = 601\n")).unwrap());
    assert_eq!(found.misfits, []);
    assert!(found.seen.iter().any(|fact| fact.text.ends_with("are not tried, 600 are declared")), "{found:#?}");
    let limited = |grows_by: &str, pages: u32| said(&plain, grows_by, &format!("[memory]\nmax_pages = {pages}\n"));
    refused(&limited("16", 16), "grows_by = 16", "memory could never grow");
    refused(&limited("16", 40), "max_pages = 40", "write `max_pages = 33`, or leave it out");
    refused(&limited("\"double\"", 40), "max_pages = 40", "write `max_pages = 32`");
    refused(&limited("\"double\"", 1), "grows_by = \"double\"", "memory of 1 page that doubles");
    for (grows_by, pages) in [("16", 33), ("{ at_least = 16 }", 40), ("\"double\"", 32), ("1", 40)] {
        assert_eq!(parse(&limited(grows_by, pages)).unwrap().memory.max_pages, pages, "{grows_by}");
    }
    let shortage = said(&plain, "16", "").replacen("[promises]", "[promises]\ngrowth = \"shortage\"", 1);
    refused(&shortage, "grows_by = 16", "beside `growth = \"shortage\"` in [promises]");
    for wrong in ["0", "\"half\"", "{ at_least = 0 }", "{ most = 2 }", "true"] {
        let error = parse(&said(&plain, wrong, "")).unwrap_err();
        assert_eq!(error.place.as_ref().unwrap().text, format!("grows_by = {wrong}"), "{error}");
    }
}

#[test]
fn an_allocator_that_needs_a_chunk_at_once_is_one() {
    // Nothing fits into what it starts with.
    let late = chunks(32).replace("(i32.const 4096)", "(i32.const 65536)");
    let adoption = adopt(late.as_bytes(), "mygc", "mygc.wat").unwrap();
    assert_eq!(adoption.manifest.heap.grows_by, Some(Chunk::Pages(32)), "{}", adoption.text);
}
