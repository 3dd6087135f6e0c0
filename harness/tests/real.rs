//! Real collectors, where they are: `ci/collectors/all.sh harness/collectors/modules` makes them from their packages.
//!
//! Each manifest of `harness/collectors` whose module is there is hunted for a moment, and must show what is known of it. One whose module is not is
//! skipped, and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use heapsmith::campaign::{Feedback, Limit, Progress, Settings, Summary, capacities, hunt};
use heapsmith::engine::{DEFAULT, Engine, by_name};
use heapsmith::judge::{Allowance, Kind, Verdict};
use heapsmith::known::{KnownIssues, Shown};
use heapsmith::metamorphic::Selection;
use heapsmith::pins::{self, Expect};
use heapsmith::runtime::mutant::mutants;
use heapsmith::runtime::{Edit, Spec, builtin, parse_spec};
use heapsmith::score::mutants::{Fate, survey_named};
use heapsmith::score::{self, Stream};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Campaign, Machine, Program};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn engines() -> Vec<Box<dyn Engine>> {
    DEFAULT.iter().map(|name| by_name(name).unwrap()).collect()
}

/// The collector of a manifest, if its module is there.
fn real(name: &str) -> Option<Spec> {
    let path = format!("{}/collectors/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    assert!(Path::new(&path).is_file(), "{path}");
    match parse_spec(&path) {
        Ok(spec) => Some(spec),
        Err(error) => {
            let is_absent = std::fs::read_to_string(&path).unwrap().lines().any(|line| {
                let module = line.strip_prefix("module = \"").and_then(|rest| rest.strip_suffix('"'));
                module.is_some_and(|module| !Path::new(&path).parent().unwrap().join(module).exists())
            });
            assert!(is_absent, "{error}");
            eprintln!("SKIPPED {name}: {error}");
            None
        }
    }
}

/// So many programs on it, and two findings.
fn hunted(spec: Spec, programs: u64) -> Summary {
    hunted_for(spec, programs, 2)
}

/// So many programs on it, and so many findings, which are reduced.
fn hunted_for(spec: Spec, programs: u64, max_findings: usize) -> Summary {
    let settings = Settings {
        spec,
        engines: engines(),
        tracing_engines: engines(),
        seed: 3,
        limit: Limit::Programs(programs),
        jobs: 2,
        max_findings,
        metamorphic: Selection::Share,
        feedback: Feedback::Off,
    };
    hunt(&settings, &Progress::default()).unwrap()
}

/// Something happened, and nothing that the harness cannot account for.
fn is_sound(summary: &Summary, frees: bool) {
    let s = &summary.statistics;
    assert_eq!(s.untrusted.first_key_value(), None);
    assert_eq!(s.inconclusive.values().sum::<u64>(), 0);
    assert!(summary.unshown.is_empty(), "{:?}", summary.unshown);
    assert!(s.observed.grown > 0 && s.observed.collections > 0, "{:?}", s.observed);
    assert_eq!(s.observed.freed > 0, frees, "{:?}", s.observed);
}

/// Memory, globals and traps of the real one are those of the built-in, bit for bit: an emulator that differed would be reported.
#[test]
fn vera_0_1_9_is_the_built_in_and_has_its_false_candidates() {
    let Some(spec) = real("vera/0.1.9") else { return };
    assert!(spec.resolve(Machine::default()).unwrap().is_emulated());
    let summary = hunted(spec, 200);
    is_sound(&summary, true);
    let causes: Vec<_> = summary.findings.iter().map(|f| f.cause.as_ref().map(|c| c.rule)).collect();
    assert!(causes.contains(&Some("candidate-test")), "{causes:?}");
}

/// Its worklist's end is in a local variable: that it was full shows in the last entry.
#[test]
fn a_full_worklist_of_vera_0_1_9_is_a_reason_to_trap_after_a_false_candidate() {
    let Some(spec) = real("vera/0.1.9") else { return };
    let text = "heapsmith 1\nmachine data_end=47960 pages=4..30\nalloc r0 size=13 fields=0 init=null\nwrite r0[0] = r0+16\n\
                wide r6 n=worklist\ncollect\n";
    let program = heapsmith_generators::parse(text).unwrap();
    for spec in [spec, parse_spec("vera@0.1.9").unwrap()] {
        let runtime = builtin(spec.resolve(program.machine).unwrap());
        let prepared = Prepared::builtin(runtime, &engines()).unwrap();
        let verdict = Rig::new(Arc::new(prepared)).unwrap().trial(&program);
        assert_eq!(verdict, Verdict::AllowedTrap(Allowance::May), "{spec}");
    }
}

#[test]
fn the_pins_hold_in_vera_0_1_9_and_not_where_there_is_no_guard() {
    let Some(spec) = real("vera/0.1.9") else { return };
    let description = parse_spec("vera@0.1.9").unwrap().resolve(Machine::default()).unwrap();
    let report = |spec: &Spec| {
        let module = std::fs::read(&spec.module.as_ref().unwrap().module).unwrap();
        pins::check(&module, &Expect::of(&description)).unwrap()
    };
    assert!(report(&spec).passed(), "{}", report(&spec));
    // From 0.2.4 on a full worklist is no trap.
    if let Some(spec) = real("vera/0.2.5") {
        assert!(!report(&spec).passed(), "{}", report(&spec));
    }
}

/// The bitmap of object bases wants memory that there is none of, although all is garbage.
#[test]
fn vera_0_2_5_traps_in_a_collection_at_the_page_limit() {
    let Some(spec) = real("vera/0.2.5") else { return };
    let summary = hunted(spec, 400);
    is_sound(&summary, true);
    let kinds: Vec<&str> = summary.findings.iter().map(|f| f.bucket.kind.name()).collect();
    assert!(kinds.contains(&"unexpected-trap"), "{kinds:?}");
    // The same bitmap is never given back: where no round asks for a collection, memory grows for ever.
    assert!(kinds.iter().all(|kind| ["unexpected-trap", "leak"].contains(kind)), "{kinds:?}");
    for finding in summary.findings.iter().filter(|f| f.bucket.kind == Kind::Leak) {
        assert!(finding.variant.as_ref().unwrap().rounds.unwrap().is_automatic, "{:?}", finding.variant);
    }
}

#[test]
fn assemblyscript_breaks_nothing_in_a_moment() {
    for (name, frees) in
        [("assemblyscript/incremental", true), ("assemblyscript/minimal", true), ("assemblyscript/stub", false)]
    {
        let Some(spec) = real(name) else { continue };
        let summary = hunted(spec.clone(), 120);
        is_sound(&summary, frees);
        // What is known of the first one, and nothing else.
        let known = KnownIssues::built_in().unwrap();
        for finding in &summary.findings {
            let (replay, variant) = (&finding.replay, finding.variant.as_ref());
            let shown = Shown { spec: &spec, replay, variant, cause: finding.cause };
            assert!(known.find(shown).is_some(), "{name}: {finding:?}");
        }
        let shown: u64 = summary.findings.iter().map(|finding| finding.count).sum();
        assert_eq!(summary.statistics.violations, shown, "{name}");
    }
}

/// A change of one instruction in the marking of each is seen.
#[test]
fn a_mutant_of_each_is_seen() {
    for (name, function) in [
        ("vera/0.1.9", "gc_collect.module"),
        ("vera/0.2.5", "gc_collect.module"),
        ("assemblyscript/incremental", "~lib/rt/itcms/step"),
        ("assemblyscript/minimal", "~lib/rt/tcms/__collect"),
    ] {
        let Some(spec) = real(name) else { continue };
        let all = mutants(&builtin(spec.resolve(Machine::default()).unwrap())).unwrap();
        let of_it: Vec<_> =
            all.iter().map(|c| &c.mutant).filter(|m| m.to_string().starts_with(&format!("{function}:"))).collect();
        assert!(of_it.len() > 20, "{name}: {} mutants of `{function}`", of_it.len());
        // Spread over the function: one of them at least must show.
        let seen = of_it.iter().step_by(of_it.len() / 6).any(|mutant| {
            let mutated = Spec { edit: Some(Edit::Mutant((*mutant).clone())), ..spec.clone() };
            mutated.resolve(Machine::default()).is_ok() && {
                // Nothing need be reduced to be seen: what hangs takes long.
                let summary = hunted_for(mutated, 40, 0);
                summary.statistics.violations > 0
            }
        });
        assert!(seen, "{name}");
    }
}

/// What a manifest names as a mutant is found by the programs of a hunt, without a change of ours.
#[test]
fn the_mutants_that_a_manifest_names_are_killed() {
    let Some(spec) = real("assemblyscript/incremental") else { return };
    let (engines, never) = ([by_name("wasmtime").unwrap()], AtomicBool::new(false));
    let (stream, control) = Stream::new(&spec, 1, 300, &engines, 2, &never).unwrap();
    assert_eq!((control.programs, control.unknown), (300, 0), "{control:?}");
    let named = survey_named(&stream, (&engines, 2), &score::Progress::default());
    let fates: Vec<_> = named.iter().map(|named| (named.name(), &named.fate)).collect();
    assert!(matches!(fates[..], [("barrierless", Fate::Killed { .. })]), "{fates:?}");
}

/// Each class has code of its own for each of its fields: what one of them forgets shows in no other.
#[test]
fn a_field_that_one_class_forgets_is_seen() {
    let Some(spec) = real("assemblyscript/incremental") else { return };
    let description = spec.resolve(Machine::default()).unwrap();
    let without = Campaign::new(1, capacities(&description), spec.pinned);
    let campaign = without.clone().of_unknown(description.forms());
    let programs: Vec<Program> =
        (0..4_000).filter(|i| campaign.program(*i) != without.program(*i)).map(|i| campaign.program(i)).collect();
    assert!(programs.len() > 100, "{} programs about fields", programs.len());
    let clean = builtin(description);
    let all = mutants(&clean).unwrap();
    let forgotten: Vec<_> = all
        .iter()
        .filter(|c| c.original == "Call" && c.mutant.to_string().starts_with("~lib/rt/__visit_members:"))
        .filter(|c| c.mutant.to_string().ends_with(":drop"))
        .collect();
    assert!(forgotten.len() > 30, "{} calls in it", forgotten.len());
    let engines = [by_name("wasmtime").unwrap()];
    let seen = forgotten.iter().step_by(9).map(|candidate| {
        let mutated = candidate.mutant.apply(&clean).unwrap();
        let mut rig = Rig::new(Arc::new(Prepared::edited(mutated, &engines).unwrap())).unwrap();
        let seen = programs.iter().position(|program| matches!(rig.trial(program), Verdict::Violation(_)));
        println!("{}: program {seen:?} of {}", candidate.mutant, programs.len());
        seen.is_some()
    });
    let (seen, unseen): (Vec<bool>, Vec<bool>) = seen.partition(|&seen| seen);
    // Some are of classes that the library has for itself, and no program makes.
    assert!(seen.len() > 8, "{} seen, {} not", seen.len(), unseen.len());
}
