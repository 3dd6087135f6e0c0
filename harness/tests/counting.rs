//! A collector that counts references and frees at once: correct, it is clean, because nothing lets go of an object before what is to hold it does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{SMALL_WORK, campaign, clean, edited, engines, module_spec, settings};
use heapsmith::campaign::{Progress, hunt};
use heapsmith::engine::Engine;
use heapsmith::judge::{Kind, Verdict, Violation};
use heapsmith::metamorphic::{Bench, Pair, Pool, Selection, Source, Tally, parse_variant};
use heapsmith::plan::Step;
use heapsmith::runtime::{Spec, builtin};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::Machine;
use std::sync::Arc;

const MODULE: &str = include_str!("collectors/counting.wat");
const MANIFEST: &str = include_str!("collectors/counting.toml");

/// The collector with its text edited, by a manifest with its text edited.
fn collector(edits: &[(&str, &str)], said: &[(&str, &str)]) -> Spec {
    module_spec("counting.toml", &edited(MANIFEST, said), &edited(MODULE, edits))
}

fn rig(spec: &Spec, engines: &[Box<dyn Engine>]) -> Rig {
    let runtime = builtin(spec.resolve(spec.pinned).unwrap());
    Rig::new(Arc::new(Prepared::builtin(runtime, engines).unwrap())).unwrap()
}

/// What was done in programs that broke nothing.
#[derive(Debug, Default)]
struct Done {
    programs: u32,
    passed: u32,
    kept: u32,
}

/// So many small programs of a campaign, until one breaks a promise.
fn hunted(spec: &Spec, programs: u32) -> (Done, Option<(u64, Box<Violation>)>) {
    let (campaign, mut rig, mut done) = (campaign(spec, 1), rig(spec, &engines()), Done::default());
    for index in 0.. {
        if done.programs == programs {
            break;
        }
        let program = campaign.program(index);
        if rig.work(&program) > SMALL_WORK {
            continue;
        }
        done.programs += 1;
        let verdict = rig.trial(&program);
        if let Verdict::Violation(v) = verdict {
            return (done, Some((index, v)));
        }
        assert!(clean(&verdict), "program {index}: {verdict:?}");
        if verdict == Verdict::Pass {
            done.passed += 1;
            let kept = |step: &&Step| matches!(step, Step::Leave { keep: Some(_) });
            done.kept += rig.model().plan().steps.iter().filter(kept).count() as u32;
        }
    }
    (done, None)
}

#[test]
fn a_correct_collector_that_frees_at_once_is_clean() {
    let (done, found) = hunted(&collector(&[], &[]), 2_000);
    let Some((index, v)) = found else {
        assert!(done.passed > 1_000 && done.kept > 100, "{done:?}");
        return;
    };
    panic!("program {index}: {}: {}, {}", v.kind.name(), v.expected, v.found);
}

/// An object is kept of a frame in a slot that is pushed, one that is there, one that held another object, and as the only slot there is.
const KEPT: &str = "heapsmith 1
alloc r0 size=8 fields=1 init=fill(1)
enter
alloc r1 size=8 fields=1 init=fill(2)
alloc r2 size=8 fields=1 init=fill(3)
leave keep=r2
alloc r3 size=8 fields=1 init=fill(4)
enter
alloc r0 size=8 fields=1 init=fill(5)
leave keep=r0
enter
leave keep=r3
alloc r4 size=8 fields=1 init=fill(6)
enter
enter
alloc r5 size=8 fields=1 init=fill(7)
leave keep=r5
leave keep=r5
alloc r6 size=8 fields=1 init=fill(8)
";

#[test]
fn what_is_kept_of_a_frame_is_held_all_the_time_in_both_lowerings() {
    // Pins that count; one pin for all slots that hold an object; slots whose old objects the collector lets go of.
    let once = [("reentrant = true", "reentrant = false")];
    let slots = [(
        "kind = \"pins\"\npin = \"retain\"\nunpin = \"release\"\nreentrant = true\n",
        "kind = \"slots\"\nset = \"set_root\"\n",
    )];
    let set_root = [
        (
            "  ;; Writes a field:",
            "  (func (export \"set_root\") (param $index i32) (param $value i32)
    (call $set (i32.const 512) (local.get $index) (local.get $value)))

  ;; Writes a field:",
        ),
        ("(func (export \"set\")", "(func $set (export \"set\")"),
    ];
    for (edits, said) in [(&[][..], &[][..]), (&[], &once), (&set_root, &slots)] {
        let spec = collector(edits, said);
        let mut rig = rig(&spec, &engines());
        let program = heapsmith_generators::parse(KEPT).unwrap();
        assert_eq!(rig.trial(&program), Verdict::Pass, "{said:?}");
        for (i, engine) in engines().iter().enumerate() {
            assert!(rig.standalone_agrees(i, &**engine).unwrap(), "{said:?} on {}", engine.name());
        }
    }
}

#[test]
fn a_setter_that_forgets_to_count_is_found() {
    let forgets = [(
        "    (if (local.get $value) (then (call $retain (local.get $value))))\n    (local.set $at",
        "    (local.set $at",
    )];
    let (done, found) = hunted(&collector(&forgets, &[]), 500);
    let Some((index, v)) = found else { panic!("{done:?}") };
    let kinds = [Kind::Overlap, Kind::CorruptPayload, Kind::SilentFree];
    assert!(kinds.contains(&v.kind), "program {index}: {}: {}, {}", v.kind.name(), v.expected, v.found);
}

/// The first programs of a campaign, again and again on one heap, until memory grows that should not.
fn repeated(spec: &Spec, programs: u64) -> (Tally, Option<Box<Violation>>) {
    let engines = [common::engine("wasmtime")];
    let pool = Pool::new(Source::new(spec.clone()), &engines);
    let (campaign, mut bench, mut tally) = (campaign(spec, 1), Bench::new(&pool, u64::MAX), Tally::default());
    let mut rig = pool.rig_of_base(spec.pinned).unwrap();
    for index in 0..programs {
        let program = campaign.program(index);
        if rig.work(&program) > SMALL_WORK / 2 || rig.trial(&program) != Verdict::Pass {
            continue;
        }
        let mut variants = Selection::Share.variants(1, index, rig.model()).unwrap();
        variants.retain(|variant| variant.rounds.is_some());
        match bench.compare(&mut rig, &program, &variants, &mut tally).unwrap() {
            None | Some((_, Pair::Same | Pair::NotCompared(_))) => {}
            Some((_, Pair::Broken(v))) => return (tally, Some(v)),
            Some((variant, Pair::Untrusted(d))) => panic!("program {index} in {variant}: {d:?}"),
        }
    }
    (tally, None)
}

#[test]
fn a_setter_that_forgets_what_was_there_is_a_leak() {
    let forgets = [("    (if (local.get $old) (then (call $release (local.get $old)))))", "  )")];
    let settings = settings(Spec { pinned: Machine::default(), ..collector(&forgets, &[]) }, 1, 500);
    let summary = hunt(&settings, &Progress::default()).unwrap();
    let [finding] = summary.findings.as_slice() else { panic!("{:?}", summary.statistics) };
    assert!(finding.bucket.to_string().starts_with("leak."), "{}", finding.bucket);
}

/// What becomes of a list that is made and dropped again and again.
fn listed(spec: &Spec) -> Option<Box<Violation>> {
    let engines = engines();
    let pool = Pool::new(Source::new(spec.clone()), &engines);
    let program = heapsmith_generators::parse("heapsmith 1\nchain r0 n=20 words=1 tag=1\n").unwrap();
    let mut rig = pool.rig_of_base(program.machine).unwrap();
    assert_eq!(rig.trial(&program), Verdict::Pass);
    let variant = parse_variant("rounds=4096").unwrap();
    match Bench::new(&pool, u64::MAX).compare(&mut rig, &program, &[variant], &mut Tally::default()).unwrap() {
        Some((_, Pair::Broken(v))) => Some(v),
        found => {
            assert_eq!(found, None);
            None
        }
    }
}

#[test]
fn references_that_are_never_taken_away_are_a_leak() {
    let right = collector(&[], &[]);
    let (tally, found) = repeated(&right, 200);
    assert!(found.is_none() && tally.rounds > 1_000, "{found:?}, {tally:?}");
    assert_eq!(listed(&right), None);
    // That of a root that lets go, and those of what a dying object held.
    let roots = [("    (if (call $drop (local.get $object)) (then (call $die (local.get $object)))))", "  )")];
    let (tally, found) = repeated(&collector(&roots, &[]), 200);
    let Some(v) = found else { panic!("{tally:?}") };
    assert_eq!(v.kind, Kind::Leak, "{}, {}", v.expected, v.found);
    let scan = "            (if (i32.load (local.get $at))\n              (then\n                (if (call $drop";
    let fields = [(scan, &*scan.replace("(i32.load (local.get $at))", "(i32.const 0)"))];
    assert_eq!(listed(&collector(&fields, &[])).unwrap().kind, Kind::Leak);
}
