//! Collectors of four styles, none of them like a built-in: correct they are clean, and what is planted in them is found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{FIXED, campaign, clean, edited, engine, engines, module_spec, spec};
use heapsmith::campaign::programs;
use heapsmith::engine::Engine;
use heapsmith::judge::{Kind, Verdict, Violation};
use heapsmith::metamorphic::{Bench, Pair, Pool, Selection, Source, Tally};
use heapsmith::outcome::Trap;
use heapsmith::plan::Step;
use heapsmith::runtime::Spec;
use heapsmith::trial::Rig;

/// Work of a program above which it is left out: there are few, and a large object is much work to the model alone.
const MOST_WORK: u64 = 100_000_000;
/// Work of a variant above which it is.
const SMALL: u64 = 20_000;

/// A collector: its manifest's name and text, and its own text.
struct Style(&'static str, &'static str, &'static str);

macro_rules! style {
    ($name:literal) => {
        Style(
            concat!($name, ".toml"),
            include_str!(concat!("collectors/", $name, ".toml")),
            include_str!(concat!("collectors/", $name, ".wat")),
        )
    };
}

const SEGREGATED: Style = style!("segregated");
const BOUNDARY_TAGS: Style = style!("boundary-tags");
const GENERATIONAL: Style = style!("generational");
const INCREMENTAL: Style = style!("incremental");

impl Style {
    /// The collector with its text edited.
    fn edited(&self, edits: &[(&str, &str)]) -> Spec {
        let Self(name, manifest, module) = self;
        module_spec(name, manifest, &edited(module, edits))
    }
}

/// What was done until a promise was broken.
#[derive(Debug, Default)]
struct Done {
    programs: u64,
    passed: u64,
    /// Those without a verdict.
    unclear: u64,
    tally: Tally,
}

/// The first programs of a hunt, without those that are much work, and the variants that it has for them, until one breaks a promise.
fn hunted(spec: &Spec, engines: &[Box<dyn Engine>], most: u64) -> (Done, Option<(u64, Box<Violation>)>) {
    let pool = Pool::new(Source::new(spec.clone()), engines);
    let programs = programs(campaign(spec, 1), &spec.resolve(spec.pinned).unwrap());
    let (mut rig, mut bench) = (pool.rig_of_base(spec.pinned).unwrap(), Bench::new(&pool, SMALL));
    let mut done = Done::default();
    for index in 0..most {
        let program = programs.program(index);
        if rig.work(&program) > MOST_WORK {
            continue;
        }
        done.programs += 1;
        let verdict = rig.trial(&program);
        if let Verdict::Violation(v) = verdict {
            return (done, Some((index, v)));
        }
        if verdict != Verdict::Pass {
            done.unclear += u64::from(!clean(&verdict));
            continue;
        }
        done.passed += 1;
        let variants = Selection::Share.variants(1, index, rig.model()).unwrap();
        match bench.compare(&mut rig, &program, &variants, &mut done.tally).unwrap() {
            None | Some((_, Pair::Same | Pair::NotCompared(_))) => {}
            Some((_, Pair::Broken(v))) => return (done, Some((index, v))),
            Some((variant, Pair::Untrusted(d))) => panic!("program {index} in {variant}: {d:?}"),
        }
    }
    (done, None)
}

/// A correct collector breaks nothing, on both engines.
fn is_clean(style: &Style) {
    let (done, found) = hunted(&style.edited(&[]), &engines(), 400);
    if let Some((index, v)) = found {
        panic!("{}: program {index}: {}: {}, {}", style.0, v.kind.name(), v.expected, v.found);
    }
    let Done { programs, passed, unclear, tally } = &done;
    assert!(*programs > 200 && *passed > 180 && tally.same > 20 && tally.rounds > 1_000, "{}: {done:?}", style.0);
    assert_eq!(*unclear, 0, "{}: {done:?}", style.0);
}

/// What is planted in a collector, in words; where its text is changed, and to what; what that may break, within so many programs.
type Planted<'a> = (&'a str, &'a str, &'a str, &'a [Kind], u64);

/// What an object shows that was freed while it was held, or whose memory another one got: what is written there, or where the other one lies.
const LOST: &[Kind] = &[Kind::CorruptPayload, Kind::Overlap];
/// The same where a fresh object may be what another one writes into.
const LOST_OR_FRESH: &[Kind] = &[Kind::CorruptPayload, Kind::Overlap, Kind::NotZeroed];
/// What the collector's own words show that an object wrote into, or that are not there: it reads addresses from anywhere.
const ASTRAY: &[Kind] = &[Kind::OutOfBounds];
/// The same where an object may be changed first.
const ASTRAY_OR_LOST: &[Kind] = &[Kind::OutOfBounds, Kind::CorruptPayload, Kind::Overlap];
/// What memory shows that ends before an object does.
const BEYOND: &[Kind] = &[Kind::OutOfBounds, Kind::BlockOutOfBounds];
/// What memory shows that is never used again.
const LEAK: &[Kind] = &[Kind::Leak];
const ZEROES: &[Kind] = &[Kind::NotZeroed];
/// What an allocation shows that gives up although there is garbage enough.
const GAVE_UP: &[Kind] = &[Kind::UnexpectedTrap(Trap::Unreachable)];

/// Each of these is found.
fn are_found(style: &Style, planted: &[Planted<'_>]) {
    for &(what, at, to, breaks, within) in planted {
        let (done, found) = hunted(&style.edited(&[(at, to)]), &[engine("wasmtime")], within);
        let Some((index, v)) = found else { panic!("{}: {what}: {done:?}", style.0) };
        let text = format!("{}: {what}: program {index}: {}: {}, {}", style.0, v.kind.name(), v.expected, v.found);
        assert!(breaks.contains(&v.kind), "{text}");
        println!("{text}");
    }
}

#[test]
fn size_classes_in_chunks_are_clean() {
    is_clean(&SEGREGATED);
}

#[test]
fn what_is_planted_in_size_classes_is_found() {
    are_found(
        &SEGREGATED,
        &[
            (
                "a request that fills a class gets the class below",
                "    (i32.sub (i32.const 29) (i32.clz (i32.sub (local.get $size) (i32.const 1)))))",
                "    (i32.sub (i32.sub (i32.const 29) (i32.clz (i32.sub (local.get $size) (i32.const 1))))\n      (i32.eq (i32.popcnt (local.get $size)) (i32.const 1))))",
                ASTRAY_OR_LOST,
                100,
            ),
            ("a full mark stack is not noticed", "        (global.set $overflowed (i32.const 1))\n", "", LOST, 100),
            (
                "a span is a page short",
                "(i32.add (local.get $size) (i32.const 65535))",
                "(i32.add (local.get $size) (i32.const 65520))",
                BEYOND,
                100,
            ),
            (
                "the last word of an object is not read",
                "(i32.add (i32.load (global.get $mark_top)) (call $bytes_of (i32.load (global.get $mark_top))))",
                "(i32.sub (i32.add (i32.load (global.get $mark_top)) (call $bytes_of (i32.load (global.get $mark_top)))) (i32.const 4))",
                LOST_OR_FRESH,
                100,
            ),
            (
                "the root that was pushed last is not read",
                "(call $visit_all (global.get $sp) ",
                "(call $visit_all (i32.add (global.get $sp) (i32.const 4)) ",
                LOST_OR_FRESH,
                100,
            ),
            (
                "objects on the last page are not marked",
                "(i32.ge_u (i32.shr_u (local.get $word) (i32.const 16)) (memory.size))",
                "(i32.ge_u (i32.add (i32.shr_u (local.get $word) (i32.const 16)) (i32.const 1)) (memory.size))",
                LOST,
                100,
            ),
            (
                "a page of each freed span is lost",
                "      (i32.load (i32.add (global.get $spans) (i32.shl (local.get $page) (i32.const 2))))))",
                "      (i32.sub (i32.load (i32.add (global.get $spans) (i32.shl (local.get $page) (i32.const 2)))) (i32.const 1))))",
                LEAK,
                300,
            ),
            (
                "requests of exactly 4096 bytes get the class below",
                "    (if (i32.lt_u (local.get $size) (i32.const 17)) (then (return (i32.const 1))))\n",
                "    (if (i32.lt_u (local.get $size) (i32.const 17)) (then (return (i32.const 1))))\n    (if (i32.eq (local.get $size) (i32.const 4096)) (then (return (i32.const 8))))\n",
                ASTRAY_OR_LOST,
                100,
            ),
        ],
    );
}

#[test]
fn boundary_tags_are_clean() {
    is_clean(&BOUNDARY_TAGS);
}

#[test]
fn what_is_planted_in_boundary_tags_is_found() {
    are_found(
        &BOUNDARY_TAGS,
        &[
            (
                "a block joined with the one before it stays on the list",
                "        (call $unlink (local.get $before))\n",
                "",
                &[Kind::OutOfBounds, Kind::CorruptPayload, Kind::NotZeroed],
                100,
            ),
            (
                "a block after a split is told that what is before it is in use",
                "(local.get $left) (i32.const 4))\n",
                "(local.get $left) (i32.const 0))\n",
                ASTRAY,
                100,
            ),
            ("a full mark stack is not noticed", "        (global.set $overflowed (i32.const 1))\n", "", LOST, 100),
            (
                "zeroing is rounded down",
                "(i32.const 0) (local.get $size))",
                "(i32.const 0) (i32.and (local.get $size) (i32.const -8)))",
                ZEROES,
                100,
            ),
            (
                "what is left of a block may be 16 bytes",
                "(i32.ge_u (local.get $left) (i32.const 24))",
                "(i32.ge_u (local.get $left) (i32.const 16))",
                ASTRAY,
                300,
            ),
            (
                "the size of the free block after is forgotten",
                "        (local.set $bytes (i32.add (local.get $bytes) (call $bytes_of (local.get $after))))",
                "        (nop)",
                ASTRAY_OR_LOST,
                100,
            ),
            (
                "what is left of a block counts as live",
                "(local.get $left) (i32.const 4))\n",
                "(local.get $left) (i32.const 4))\n                  (global.set $live_bytes (i32.add (global.get $live_bytes) (local.get $left)))\n",
                LEAK,
                100,
            ),
        ],
    );
}

#[test]
fn generations_are_clean() {
    is_clean(&GENERATIONAL);
}

#[test]
fn what_is_planted_in_generations_is_found() {
    are_found(
        &GENERATIONAL,
        &[
            (
                "no barrier",
                "    (i32.store (global.get $remembered_top) (local.get $object))\n    (global.set $remembered_top (i32.add (global.get $remembered_top) (i32.const 4)))\n",
                "",
                LOST,
                100,
            ),
            (
                "a barrier that forgets field 3",
                "    (if (i32.eqz (local.get $value)) (then (return)))\n",
                "    (if (i32.eqz (local.get $value)) (then (return)))\n    (if (i32.eq (local.get $index) (i32.const 3)) (then (return)))\n",
                LOST,
                500,
            ),
            ("a full remembered set is not noticed", "        (global.set $forgot (i32.const 1))\n", "", LOST, 500),
            (
                "objects stay remembered",
                "(i32.and (i32.load (i32.sub (local.get $object) (i32.const 4))) (i32.const -3))",
                "(i32.load (i32.sub (local.get $object) (i32.const 4)))",
                LOST,
                500,
            ),
            (
                "what was remembered last is not read",
                "(i32.lt_u (local.get $at) (global.get $remembered_top))",
                "(i32.lt_u (i32.add (local.get $at) (i32.const 4)) (global.get $remembered_top))",
                LOST,
                100,
            ),
            ("a full mark stack is not noticed", "        (global.set $overflowed (i32.const 1))\n", "", LOST, 100),
            ("the cursor stays where it was", "    (global.set $cursor (global.get $heap))\n", "", LEAK, 100),
            ("memory grows too little by a page at its end", "(i32.const 65535)", "(i32.const 65520)", ASTRAY, 100),
            (
                "a barrier that forgets field 20",
                "    (if (i32.eqz (local.get $value)) (then (return)))\n",
                "    (if (i32.eqz (local.get $value)) (then (return)))\n    (if (i32.eq (local.get $index) (i32.const 20)) (then (return)))\n",
                LOST,
                1000,
            ),
            (
                "objects beyond 2.5 MiB are not marked",
                "    (if (i32.eqz (local.get $object)) (then (return)))\n",
                "    (if (i32.eqz (local.get $object)) (then (return)))\n    (if (i32.ge_u (local.get $object) (i32.const 0x280000)) (then (return)))\n",
                LOST,
                500,
            ),
            (
                "the last slot of the table of roots is not read",
                "(i32.lt_u (local.get $index) (i32.const 100))",
                "(i32.lt_u (local.get $index) (i32.const 99))",
                LOST,
                300,
            ),
            (
                "the last resort is a minor collection",
                "          (then\n            (call $full)\n            (local.set $block (call $take (local.get $bytes)))\n            (if",
                "          (then\n            (call $minor)\n            (local.set $block (call $take (local.get $bytes)))\n            (if",
                GAVE_UP,
                500,
            ),
        ],
    );
}

#[test]
fn a_collector_that_goes_by_steps_is_clean() {
    is_clean(&INCREMENTAL);
}

#[test]
fn what_is_planted_in_a_collector_that_goes_by_steps_is_found() {
    are_found(
        &INCREMENTAL,
        &[
            (
                "no barrier",
                "          (then (call $shade (local.get $value)))))))",
                "          (then (nop))))))",
                LOST,
                100,
            ),
            (
                "no barrier for field 0",
                "    (if (i32.eq (global.get $phase) (i32.const 1))\n      (then\n        (if\n",
                "    (if (i32.and (i32.eq (global.get $phase) (i32.const 1)) (i32.ne (local.get $index) (i32.const 0)))\n      (then\n        (if\n",
                LOST,
                100,
            ),
            (
                "roots are not read again",
                "  (func $finish_marking\n    (call $shade_roots)\n",
                "  (func $finish_marking\n",
                LOST,
                100,
            ),
            (
                "what is allocated while sweeping is white",
                "    ;; The sweep has not gone past it.\n",
                "    (if (i32.and (i32.eq (global.get $phase) (i32.const 2)) (i32.eqz (global.get $before)))\n      (then\n        (i32.store8 (i32.sub (local.get $object) (i32.const 4)) (i32.sub (i32.const 3) (global.get $white)))))\n    ;; The sweep has not gone past it.\n",
                LOST,
                400,
            ),
            (
                "the number of pointers is not taken away",
                "    (i32.store (i32.sub (local.get $object) (i32.const 8)) (local.get $pointers))\n",
                "    (if (local.get $pointers) (then (i32.store (i32.sub (local.get $object) (i32.const 8)) (local.get $pointers))))\n",
                ASTRAY,
                100,
            ),
            (
                "the last root is not read",
                "(i32.lt_u (local.get $index) (global.get $depth))",
                "(i32.lt_u (i32.add (local.get $index) (i32.const 1)) (global.get $depth))",
                LOST,
                100,
            ),
            (
                "a barrier for the first 16 fields",
                "          (then (call $shade (local.get $value)))))))",
                "          (then (if (i32.lt_u (local.get $index) (i32.const 16)) (then (call $shade (local.get $value)))))))))",
                LOST,
                100,
            ),
            (
                "a barrier that forgets field 20",
                "          (then (call $shade (local.get $value)))))))",
                "          (then (if (i32.ne (local.get $index) (i32.const 20)) (then (call $shade (local.get $value)))))))))",
                LOST,
                500,
            ),
            (
                "objects beyond 2.5 MiB are not marked",
                "    (if (i32.eqz (local.get $object)) (then (return)))\n",
                "    (if (i32.eqz (local.get $object)) (then (return)))\n    (if (i32.ge_u (local.get $object) (i32.const 0x280000)) (then (return)))\n",
                LOST,
                1000,
            ),
            (
                "the last of all roots that there can be is not read",
                "(i32.lt_u (local.get $index) (global.get $depth))",
                "(i32.lt_u (local.get $index) (i32.sub (global.get $depth) (i32.eq (global.get $depth) (i32.const 200))))",
                LOST,
                300,
            ),
            (
                "what is allocated before the first object that stays is swept is forgotten",
                "      (then (global.set $before (local.get $object))))\n    (global.set $objects",
                "      (then (nop)))\n    (global.set $objects",
                LEAK,
                100,
            ),
        ],
    );
}

/// An object grows old, and a young one in it is held by nothing else.
const OLD_TO_YOUNG: &str = "heapsmith 1
alloc r0 size=16 fields=4 init=null
minor
minor
alloc r1 size=8 fields=0 init=fill(7)
store r0.3 = r1
drop r1
minor
garbage n=4 size=8
load r1 = r0.3
check r1
";

#[test]
fn minor_collections_are_made_in_both_lowerings_and_nowhere_else() {
    let engines = engines();
    let program = heapsmith_generators::parse(OLD_TO_YOUNG).unwrap();
    let made = |rig: &Rig| rig.model().plan().steps.iter().filter(|step| **step == Step::Minor).count();
    let verdict = |spec: &Spec| {
        let pool = Pool::new(Source::new(spec.clone()), &engines);
        let mut rig = pool.rig_of_base(spec.pinned).unwrap();
        let verdict = rig.trial(&program);
        let agree = engines.iter().enumerate().all(|(i, engine)| rig.standalone_agrees(i, &**engine).unwrap());
        assert!(agree, "{}", spec.name);
        (verdict, made(&rig))
    };
    assert_eq!(verdict(&GENERATIONAL.edited(&[])), (Verdict::Pass, 3));
    let forgets = "    (if (i32.eqz (local.get $value)) (then (return)))
";
    let (broken, _) = verdict(&GENERATIONAL.edited(&[(
        forgets,
        "    (return)
",
    )]));
    assert!(matches!(&broken, Verdict::Violation(v) if LOST.contains(&v.kind)), "{broken:?}");
    assert_eq!(verdict(&INCREMENTAL.edited(&[])), (Verdict::Pass, 0));
    assert_eq!(verdict(&spec(FIXED)), (Verdict::Pass, 0));
}
