//! What is found by what functions do, where names say nothing, and what is said of it: seen, or assumed.

use super::{BUMP, HELD, MARK_SWEEP, NO_ROOTS, is_clean, mark_sweep, of, shows_a_forgotten_field};
use heapsmith::runtime::manifest::adopt::{Fact, fit};
use heapsmith::runtime::manifest::{OutOfMemory, Pointers, RootKind};

/// A root behind a name that says nothing.
const ALLOCATE: &str =
    "  (func (export \"f0\") (param $size i32) (result i32) (call $make (local.get $size) (i32.const 1)))\n";
/// Gives all memory back, what is held among it.
const RESET: &str = "  (func (export \"f8\") (global.set $end (global.get $start)) (global.set $free (i32.const 0)))\n";

/// Counts up or down in an object's header.
fn count(name: &str, by: i32) -> String {
    format!(
        "  (func (export \"{name}\") (param $object i32)\n    (i32.store (i32.sub (local.get $object) (i32.const 8)) \
         (i32.add (i32.load (i32.sub (local.get $object) (i32.const 8))) (i32.const {by}))))\n"
    )
}

#[test]
fn pins_and_a_collection_of_which_no_name_tells() {
    let exports =
        RESET.to_owned() + ALLOCATE + &count("f1", 1) + &count("f2", -1) + "  (export \"f9\" (func $collect))\n";
    let text = mark_sweep("  (func $roots (call $pinned))\n", &exports);
    let adoption = of(&text);
    let RootKind::Pins { pin, unpin, is_reentrant } = &adoption.manifest.roots[0].kind else {
        panic!("{}", adoption.text)
    };
    assert_eq!((pin.name.as_str(), unpin.name.as_str(), *is_reentrant), ("f1", "f2", true));
    assert_eq!(adoption.manifest.roots.len(), 1, "the same two the other way round are no other roots");
    assert_eq!(
        adoption.manifest.collect.full.as_ref().unwrap().function.name,
        "f9",
        "what frees everything is no collection"
    );
    assert!(
        adoption.text.contains("no name says so, but what nothing holds is recycled after it"),
        "{}",
        adoption.text
    );
    is_clean(&adoption);
    shows_a_forgotten_field(&text);
}

#[test]
fn small_objects_that_are_aligned_to_more_than_large_ones_do_not_hide_it() {
    let stride = "(i32.and (i32.add (local.get $size) (i32.const 31)) (i32.const -8))";
    let wide = "(i32.and (i32.add (local.get $size) (i32.const 39)) (i32.const -16))";
    let text = super::calls();
    assert!(text.contains(stride));
    let classes = format!("(select {wide} {stride} (i32.lt_u (local.get $size) (i32.const 1024)))");
    let alignment = |with: &str| of(&text.replace(stride, with)).manifest.object.alignment;
    assert_eq!((alignment(wide), alignment(&classes)), (Some(16), Some(8)));
    is_clean(&of(&text.replace(stride, &classes)));
}

#[test]
fn what_frees_everything_is_not_taken_for_a_collection() {
    let text = mark_sweep(NO_ROOTS, &(RESET.to_owned() + ALLOCATE)).replace("(call $collect)", "(unreachable)");
    let adoption = of(&text);
    let full = adoption.manifest.collect.full.as_ref();
    assert!(full.is_none_or(|full| full.function.name != "f8"), "{}", adoption.text);
    assert_eq!(adoption.manifest.roots[0].kind, RootKind::None);
}

#[test]
fn a_root_table_of_which_no_name_tells() {
    // All 32 words from 64 on are roots.
    let roots = HELD.replace("(func $roots", "(func $roots (global.set $held (i32.const 192))");
    let exports = ALLOCATE.to_owned()
        + "  (func (export \"f1\") (result i32) (i32.const 64))\n  (export \"f9\" (func $collect))\n";
    let text = mark_sweep(&roots, &exports);
    let adoption = of(&text);
    assert_eq!(adoption.manifest.roots[0].kind, RootKind::Table { address: 64 }, "{}", adoption.text);
    assert_eq!(adoption.manifest.roots[0].capacity, 32);
    is_clean(&adoption);
    shows_a_forgotten_field(&text);
}

#[test]
fn references_that_are_counted() {
    // The last reference that goes frees the object, and what only it refers to; fields are counted by their setter.
    let freed = "
  (func $let_go (param $object i32) (local $i i32) (local $n i32)
    (if (i32.eqz (local.get $object)) (then (return)))
    (call $add (local.get $object) (i32.const -1))
    (if (i32.load (i32.sub (local.get $object) (i32.const 8))) (then (return)))
    (local.set $n (call $pointers (local.get $object)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (call $let_go (i32.load (i32.add (local.get $object) (i32.shl (local.get $i) (i32.const 2)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.store (i32.sub (local.get $object) (i32.const 12)) (global.get $free))
    (global.set $free (local.get $object)))
  (func $add (param $object i32) (param $by i32)
    (i32.store (i32.sub (local.get $object) (i32.const 8)) (i32.add (i32.load (i32.sub (local.get $object) (i32.const 8))) (local.get $by))))
  (func (export \"up\") (param i32) (if (local.get 0) (then (call $add (local.get 0) (i32.const 1)))))
  (export \"down\" (func $let_go))
  (func (export \"set\") (param $object i32) (param $index i32) (param $value i32) (local $at i32) (local $old i32)
    (local.set $at (i32.add (local.get $object) (i32.shl (local.get $index) (i32.const 2))))
    (local.set $old (i32.load (local.get $at)))
    (if (local.get $value) (then (call $add (local.get $value) (i32.const 1))))
    (i32.store (local.get $at) (local.get $value))
    (call $let_go (local.get $old)))
";
    let text = mark_sweep(NO_ROOTS, &(freed.to_owned() + ALLOCATE)).replace("(call $collect) ", "");
    let text = text.replace("$collect", "$of_no_use");
    let adoption = of(&text);
    let RootKind::Pins { pin, unpin, .. } = &adoption.manifest.roots[0].kind else { panic!("{}", adoption.text) };
    assert_eq!((pin.name.as_str(), unpin.name.as_str()), ("up", "down"));
    assert!(adoption.text.contains("references are counted"), "{}", adoption.text);
    assert!(
        adoption.text.contains("pointers = \"all\"") && adoption.text.contains("pointers = \"none\""),
        "{}",
        adoption.text
    );
    assert!(adoption.text.contains("store = { call = \"set\""), "{}", adoption.text);
    assert_eq!(fit(&adoption.manifest).misfits, [], "{}", adoption.text);
}

#[test]
fn what_was_not_seen_is_assumed() {
    // Nothing was ever freed.
    let adoption = of(BUMP);
    assert!(adoption.text.contains("# assumed: any word may be a pointer"), "{}", adoption.text);
    let about = |about: &str| {
        let facts: Vec<&str> = adoption.facts.iter().filter(|f| f.about == about).map(|f| f.text.as_str()).collect();
        facts.join("; ")
    };
    assert!(about("pointers").starts_with("assumed: "), "{:?}", adoption.facts);
    // While anything is pushed, nothing is collected: no word keeps anything that others do not.
    let off = "
  (global $off (mut i32) (i32.const 0))
  (func (export \"push_root\") (param i32) (global.set $off (i32.add (global.get $off) (i32.const 1))))
  (func (export \"pop_root\") (global.set $off (i32.sub (global.get $off) (i32.const 1))))
  (func (export \"collect\") (if (i32.eqz (global.get $off)) (then (call $collect))))
";
    let text = mark_sweep(NO_ROOTS, &(off.to_owned() + ALLOCATE)).replacen("(call $collect) ", "", 1);
    let adoption = of(&text);
    assert!(
        adoption.text.contains("# assumed by its name: while it holds an object, no object at all is recycled"),
        "{}",
        adoption.text
    );
    assert!(adoption.text.contains("# assumed: any word may be a pointer"), "{}", adoption.text);
    assert!(adoption.text.contains("assumed: what is held is not"), "{}", adoption.text);
}

#[test]
fn each_line_that_was_not_seen_says_so() {
    for text in [BUMP.to_owned(), MARK_SWEEP.replace(";; EXPORTS", ALLOCATE).replace(";; ROOTS", NO_ROOTS)] {
        let adoption = of(&text);
        let lines: Vec<&str> = adoption.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let key = line.split('=').next().unwrap_or_default().trim();
            // What stands above it, up to the line before.
            let comments: Vec<&str> =
                lines[..at].iter().rev().copied().take_while(|line| line.starts_with('#')).collect();
            let told = line.contains("# assumed")
                || comments.iter().any(|line| line.contains("seen") || line.contains("assumed"));
            let judged = [
                "header",
                "alignment",
                "zeroed",
                "pointers",
                "alloc",
                "store",
                "load",
                "kind",
                "full",
                "automatic",
                "memory",
                "size_limit",
            ];
            assert!(!judged.contains(&key) || told || key == "alloc", "line {}: {line}\n{}", at + 1, adoption.text);
        }
    }
}

/// A collector whose allocation is told how many words are pointers, and gives null for 16 MiB and more.
fn counting() -> String {
    let import = "(import \"env\" \"first_page\" (global $first i32))";
    let module = include_str!("../collectors/marksweep.wat");
    assert!(module.contains(import));
    module
        .replace(import, "")
        .replace("(global $roots i32", "(global $first i32 (i32.const 2048))\n  (global $roots i32")
}

#[test]
fn calls_that_are_told_how_many_pointers_are_one_kind() {
    let adoption = of(&counting());
    let [kind] = adoption.manifest.kinds.as_slice() else { panic!("{}", adoption.text) };
    assert_eq!(kind.pointers, Pointers::Some { first: 0, stride: 1, least: 0, most: 1 << 20 });
    assert!(adoption.text.contains("args = [\"size\", \"count\"]"), "{}", adoption.text);
    is_clean(&adoption);
}

#[test]
fn a_size_limit_shows_by_what_a_refusal_costs() {
    let adoption = of(&counting());
    assert_eq!(
        (adoption.manifest.traps.size_limit, adoption.manifest.traps.memory),
        (Some(0x100_0000), Some(OutOfMemory::Null))
    );
    let styles = |exports: &str| mark_sweep(HELD, &(exports.to_owned() + "  (export \"collect\" (func $collect))\n"));
    let adoption = of(&styles(ALLOCATE));
    assert_eq!(
        (adoption.manifest.traps.size_limit, adoption.manifest.traps.memory),
        (Some(0x4000_0000), Some(OutOfMemory::Trap))
    );
    // Without it a size that is near 2^32 wraps around.
    let unchecked =
        styles(ALLOCATE).replace("(if (i32.gt_u (local.get $size) (i32.const 0x3fffffff)) (then (unreachable)))", "");
    let adoption = of(&unchecked);
    assert_eq!(adoption.manifest.traps.size_limit, None);
    assert!(adoption.text.replace("\n# ", " ").contains("the size wraps around"), "{}", adoption.text);
}

#[test]
fn a_word_that_is_neither_null_nor_an_object_is_asked_about() {
    // Where there is no memory it gives -1.
    let text = counting().replace(
        "(return (i32.const 0)))\n    (i32.store offset=4",
        "(return (i32.const -1)))\n    (i32.store offset=4",
    );
    let adoption = of(&text);
    let asks =
        |fact: &&Fact| fact.about == "to decide" && fact.text.starts_with("does 4294967295 stand for no object?");
    assert_eq!(adoption.facts.iter().filter(asks).count(), 1, "{:?}", adoption.facts);
    assert!(adoption.text.replace("\n# ", " ").contains("say `null = 4294967295` in [object]"), "{}", adoption.text);
    let [misfit] = fit(&adoption.manifest).misfits.try_into().unwrap();
    assert!(misfit.problem.ends_with("; write `null = 4294967295`"), "{misfit}");
    assert_eq!(fit(&of(&counting()).manifest).misfits, []);
}
