//! Correct collectors of four styles: what is proposed for their bytes is what a person wrote who knows them, as far as a manifest of theirs goes.

use super::{hunt, is_clean, of};
use heapsmith::runtime::manifest::adopt::Adoption;
use heapsmith::runtime::manifest::{Accessor, Global, Manifest, RootKind};
use std::path::Path;
use std::sync::Arc;

const SEGREGATED: &str = include_str!("../collectors/segregated.wat");
const BOUNDARY_TAGS: &str = include_str!("../collectors/boundary-tags.wat");
const GENERATIONAL: &str = include_str!("../collectors/generational.wat");
const INCREMENTAL: &str = include_str!("../collectors/incremental.wat");

/// Holds a proposal against a manifest that was written by hand: what both say is the same.
fn agrees(module: &str, hand: &str) -> Adoption {
    let adoption = of(module);
    let (found, hand) = (&*adoption.manifest, &*Manifest::parse(hand, module.as_bytes(), "hand.toml").unwrap());
    let text = &adoption.text;
    let call = |manifest: &Manifest| manifest.collect.full.as_ref().map(|full| full.function.name.clone());
    assert_eq!(call(found), call(hand), "{text}");
    let minor = |manifest: &Manifest| manifest.collect.minor.clone();
    assert_eq!(minor(found), minor(hand), "{text}");
    assert_eq!(found.collect.is_automatic, hand.collect.is_automatic, "{text}");
    assert_eq!(found.object.header, hand.object.header, "{text}");
    assert_eq!(found.object.alignment, hand.object.alignment, "{text}");
    assert_eq!(found.object.is_zeroed, hand.object.is_zeroed, "{text}");
    assert_eq!(found.heap.start, hand.heap.start, "{text}");
    let name = |end: &Option<Global>| end.as_ref().map(|end| end.name.clone());
    assert_eq!(name(&found.heap.end), name(&hand.heap.end), "{text}");
    assert!(hand.heap.collections.is_none() || found.heap.collections == hand.heap.collections, "{text}");
    assert_eq!(found.heap.live_bytes, hand.heap.live_bytes, "{text}");
    let kinds =
        |manifest: &Manifest| manifest.kinds.iter().map(|kind| (kind.pointers, kind.alloc.clone())).collect::<Vec<_>>();
    assert_eq!(kinds(found), kinds(hand), "{text}");
    assert_eq!(found.access, hand.access, "{text}");
    let ([roots], [known]) = (found.roots.as_slice(), hand.roots.as_slice()) else { panic!("{text}") };
    assert_eq!(roots.kind, known.kind, "{text}");
    // Where nothing tells how many there may be, as many as were tried.
    assert!(roots.capacity == known.capacity.min(64) || roots.capacity == known.capacity, "{text}");
    assert_eq!(found.traps.size_limit, hand.traps.size_limit, "{text}");
    assert!(hand.traps.memory.is_none() || found.traps.memory == hand.traps.memory, "{text}");
    assert_eq!(found.promises.cycles.or(hand.promises.cycles), found.promises.cycles, "{text}");
    is_clean(&adoption);
    adoption
}

/// The manifest of a right collector finds what is wrong with the same one edited.
fn finds(manifest: &Manifest, module: &str, right: &str, wrong: &str) {
    assert_eq!(module.matches(right).count(), 1, "{right}");
    let wrong = wat::parse_str(module.replace(right, wrong)).unwrap();
    let manifest = manifest.with_module(Path::new("wrong.wasm"), &wrong).unwrap();
    assert!(hunt(&manifest, 1).statistics.violations > 0);
}

#[test]
fn places_that_come_again_only_where_objects_are_alone_on_their_pages() {
    let adoption = agrees(SEGREGATED, include_str!("../collectors/segregated.toml"));
    assert!(!adoption.text.contains("not seen: whether words"), "{}", adoption.text);
    assert!(adoption.text.contains("seen: an object that it holds outlives two collections"), "{}", adoption.text);
}

#[test]
fn the_first_free_block_is_not_the_heap_s_end() {
    agrees(BOUNDARY_TAGS, include_str!("../collectors/boundary-tags.toml"));
}

#[test]
fn roots_that_are_written_by_index_after_they_were_pushed() {
    let adoption = agrees(INCREMENTAL, include_str!("../collectors/incremental.toml"));
    assert!(adoption.manifest.collect.step.is_some(), "{}", adoption.text);
}

#[test]
fn a_minor_collection_is_told_from_a_full_one() {
    let adoption = agrees(GENERATIONAL, include_str!("../collectors/generational.toml"));
    assert_eq!(adoption.manifest.collect.step, None, "{}", adoption.text);
    // Nothing is remembered: what only an old object holds is lost in the next minor collection.
    let remembers = "    (i32.store (global.get $remembered_top) (local.get $object))\n    (global.set $remembered_top";
    finds(&adoption.manifest, GENERATIONAL, remembers, "    (return)\n    (global.set $remembered_top");
}

/// The same with names that say nothing, and the address of its roots in its code alone.
fn nameless() -> String {
    let renamed = [
        ("\"full\"", "\"f7\""),
        ("$full", "$f7"),
        ("\"minor\"", "\"f6\""),
        ("$minor ", "$f6 "),
        ("$minor)", "$f6)"),
        ("\"store\"", "\"f5\""),
        ("$store", "$f5"),
        ("(global.get $roots)", "(i32.const 1024)"),
        ("(global $roots i32 (i32.const 1024))", ""),
    ];
    renamed.into_iter().fold(GENERATIONAL.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

#[test]
fn a_full_collection_is_told_from_a_minor_one_without_names() {
    let text = nameless();
    let adoption = of(&text);
    let manifest: &Arc<Manifest> = &adoption.manifest;
    let full = manifest.collect.full.as_ref().map(|full| full.function.name.as_str());
    assert_eq!(full, Some("f7"), "{}", adoption.text);
    let minor = manifest.collect.minor.as_ref().map(|minor| minor.function.name.as_str());
    assert_eq!(minor, Some("f6"), "{}", adoption.text);
    assert!(adoption.text.contains("no name says so, but it frees what nothing holds"), "{}", adoption.text);
    assert_eq!(manifest.roots[0].kind, RootKind::Table { address: 1024 }, "{}", adoption.text);
    assert_eq!(manifest.roots[0].capacity, 100, "{}", adoption.text);
    assert!(adoption.text.contains("Are all of them yours to"), "{}", adoption.text);
    let Accessor::Call(store) = &manifest.access.store else { panic!("{}", adoption.text) };
    assert_eq!(store.function.name, "f5", "{}", adoption.text);
    is_clean(&adoption);
}
