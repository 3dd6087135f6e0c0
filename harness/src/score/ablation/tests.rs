use super::*;
use crate::campaign::capacities;
use crate::engine::by_name;
use crate::runtime::fault::by_name as fault;
use crate::runtime::parse_spec;
use crate::score::{Progress, Settings, Stream, survey};
use heapsmith_generators::{Campaign, Machine};
use std::sync::atomic::AtomicBool;

/// Worked out by hand: 1 of 2^5 on either side; 1 + 6 of 2^6 on either side; an even split.
#[test]
fn mcnemars_test_is_exact() {
    for (b, c, p) in [(0, 0, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (5, 1, 0.218_75), (3, 3, 1.0)] {
        assert!((mcnemar(b, c) - p).abs() < 1e-12, "{b} {c}: {}", mcnemar(b, c));
    }
}

#[test]
fn what_is_not_detected_waits_for_ever() {
    let waits = [Some(4), None, Some(1), Some(2)];
    assert_eq!((censored_quantile(&waits, 50), censored_quantile(&waits, 75)), (Some(2), Some(4)));
    assert_eq!((censored_quantile(&waits, 95), censored_quantile(&[], 50)), (None, None));
}

/// Faults of `fixed`, tried on up to 120 programs with something taken away.
fn tried(ablation: Ablation, engines: &[&str], names: &[&str]) -> Vec<Row> {
    let engines: Vec<_> = engines.iter().map(|name| by_name(name).unwrap()).collect();
    let (spec, stop) = (parse_spec("fixed").unwrap(), AtomicBool::new(false));
    let (stream, control) = Stream::ablated(ablation, &spec, (3, 120), &engines, 2, &stop).unwrap();
    assert!(control.violations.is_empty() && control.unknown == 0, "{}: {control:?}", ablation.name());
    assert_eq!(stream.len(), 120);
    let faults: Vec<_> = names.iter().map(|name| fault(name).unwrap()).collect();
    let settings = Settings { engines: &engines, enough: 2, jobs: 2 };
    survey(&stream, &faults, &settings, &Progress::default()).unwrap()
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter(|row| row.detected > 0).map(|row| row.fault.name.as_str()).collect()
}

/// Detection needs: any oracle; content; growth; a trap that does not come, or content; a trap that comes.
const FAULTS: [&str; 5] =
    ["round-to-4", "topmost-root-missed", "bump-page-early", "drop-field-push", "worklist-one-early"];

#[test]
fn fewer_oracles_see_what_they_say_and_no_more() {
    let whole = tried(Ablation::Nothing, &["wasmtime"], &FAULTS);
    assert_eq!(names(&whole), FAULTS);
    let same = tried(Ablation::Variants, &["wasmtime"], &FAULTS[..2]);
    assert!(names(&same) == FAULTS[..2] && same.iter().all(|row| row.by_variant == 0));

    let no_traps = tried(Ablation::TrapPrediction, &["wasmtime"], &FAULTS);
    assert_eq!(names(&no_traps), FAULTS[..4]);
    let trap = |kind: &String| kind.starts_with("missing-trap") || kind == "unexpected-trap(unreachable)";
    assert!(whole[4].kinds.keys().any(trap), "{:?}", whole[4]);
    assert!(!no_traps.iter().any(|row| row.kinds.keys().any(trap)));
    // What is freed in the place of the trap is seen all the same.
    assert!(no_traps[3].kinds.contains_key("silent-free"), "{:?}", no_traps[3]);

    let outputs = tried(Ablation::AllButOutputs, &["wasmtime"], &FAULTS);
    assert_eq!(names(&outputs), [FAULTS[0], FAULTS[1], FAULTS[3]]);
    let output = |kind: &str| {
        ["corrupt-payload", "not-zeroed", "out-of-bounds", "hang"].contains(&kind)
            || kind.starts_with("unexpected-trap")
    };
    assert!(outputs.iter().all(|row| row.kinds.keys().all(|kind| output(kind))), "{outputs:?}");

    let pairs = Pairs::of(&whole, &outputs);
    assert_eq!((pairs.of, pairs.detected, pairs.most), (5, 3, None));
    assert!(pairs.lost == [FAULTS[2], FAULTS[4]] && pairs.gained.is_empty());
}

#[test]
fn engines_alone_see_no_ordinary_fault() {
    let rows = tried(Ablation::AllButEngines, &["wasmtime", "wasmi"], &FAULTS[..2]);
    assert!(rows.iter().all(|row| row.detected == 0 && row.triggered > 0 && row.programs == 120), "{rows:?}");
}

#[test]
fn programs_are_drawn_as_the_ablation_says() {
    let (spec, stop, engines) = (parse_spec("fixed").unwrap(), AtomicBool::new(false), [by_name("wasmtime").unwrap()]);
    let defaults = capacities(&spec.resolve(Machine::default()).unwrap());
    for ablation in Ablation::ALL {
        let (stream, _) = Stream::ablated(ablation, &spec, (3, 6), &engines, 2, &stop).unwrap();
        let campaign = Campaign::sampled(3, defaults, spec.pinned, ablation.sampling());
        let same = stream.programs().filter(|(index, program, _)| *program == campaign.program(*index)).count();
        assert_eq!(same, 6, "{}", ablation.name());
    }
}

#[test]
fn every_ablation_takes_something_away() {
    let settings = |a: &Ablation| (a.sampling(), a.oracles(), a.has_variants());
    for (i, ablation) in Ablation::ALL.iter().enumerate() {
        let twin = Ablation::ALL[..i].iter().find(|other| settings(other) == settings(ablation));
        assert_eq!(twin, None, "{}", ablation.name());
    }
    assert_eq!(settings(&Ablation::default()), (Sampling::Mixture, Oracles::All, true));
}
