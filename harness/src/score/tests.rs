use super::*;
use crate::engine::by_name;
use crate::runtime::fault::by_name as fault;
use crate::runtime::parse_spec;

fn surveyed(spec: &str, faults: &[Arc<Fault>], programs: usize) -> (Control, Vec<Row>) {
    let engines = [by_name("wasmtime").unwrap()];
    let stop = AtomicBool::new(false);
    let (stream, control) = Stream::new(&parse_spec(spec).unwrap(), 3, programs, &engines, 2, &stop).unwrap();
    let settings = Settings { engines: &engines, enough: 5, jobs: 2 };
    (control, survey(&stream, faults, &settings, &Progress::default()).unwrap())
}

#[test]
fn a_fault_is_reached_before_it_is_triggered_and_triggered_before_it_is_detected() {
    let faults = ["round-to-4", "drop-field-push", "first-fit-by-select"].map(|name| fault(name).unwrap());
    let (control, rows) = surveyed("fixed", &faults, 120);
    assert!(control.violations.is_empty() && control.unknown == 0, "{control:?}");
    for row in &rows {
        assert!(row.reached >= row.triggered && row.triggered >= row.detected - row.by_variant, "{row:?}");
        assert!(row.programs <= 120 && row.reached > 0, "{row:?}");
        assert_eq!(row.problem(), None);
    }
    assert_eq!(rows[0].detected, 5, "{:?}", rows[0]);
    assert_eq!(rows[0].waits.iter().sum::<u64>(), rows[0].programs);
    assert_eq!((rows[2].detected, rows[2].triggered), (0, 0), "on one engine nothing tells it apart");
}

#[test]
fn an_edit_that_changes_nothing_is_reached_and_never_triggered() {
    let nothing = Fault::new("nothing", "none", "    memory.grow\n", "    nop\n    memory.grow\n");
    let (_, rows) = surveyed("fixed", &[Arc::new(nothing)], 60);
    assert!(rows[0].reached > 0 && rows[0].reached < 60, "{:?}", rows[0]);
    assert_eq!((rows[0].triggered, rows[0].detected), (0, 0));
    assert!(rows[0].problem().unwrap().contains("no program of 60"));
}

#[test]
fn declarations_that_do_not_hold_are_problems() {
    let wrong = |change: fn(&mut Fault)| {
        let mut fault = (*fault("round-to-4").unwrap()).clone();
        change(&mut fault);
        surveyed("fixed", &[Arc::new(fault)], 60).1[0].problem().unwrap_or_default()
    };
    assert!(wrong(|f| f.breaks = Some("hang".into())).contains("declared to break `hang`"));
    assert!(wrong(|f| (f.breaks, f.equivalent) = (None, Some("why".into()))).contains("declared equivalent"));
}

/// What a fault is declared to break is what most programs see: it need not be among the first few.
#[test]
fn a_declared_kind_is_missed_only_where_there_are_detections_enough() {
    let row = |kinds: &[(&str, u64)]| {
        let fault = Arc::new(Fault { breaks: Some("leak".to_owned()), ..Fault::new("mine", "none", "a", "b") });
        let kinds: BTreeMap<String, u64> = kinds.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect();
        let detected = kinds.values().sum();
        Row { programs: 60, detected, kinds, ..Row::untried(fault) }
    };
    assert_eq!(row(&[("hang", JUDGED - 1)]).problem(), None);
    assert_eq!(row(&[("hang", JUDGED - 1), ("leak(block)", 1)]).problem(), None);
    assert!(row(&[("hang", JUDGED)]).problem().unwrap().contains("declared to break `leak`, found hang in 20"));

    // One that only few programs see as a hang: it is tried until it is seen so, or there are enough to say that it is not.
    let declared = |kind: &str| Fault { breaks: Some(kind.to_owned()), ..(*fault("round-to-4").unwrap()).clone() };
    let (_, rows) = surveyed("fixed", &["misaligned", "hang"].map(|kind| Arc::new(declared(kind))), 60);
    assert_eq!((rows[0].detected, rows[1].detected), (5, JUDGED), "{rows:?}");
}

#[test]
fn a_runtime_with_a_bug_of_its_own_is_no_excuse() {
    // Programs on which the release breaks a promise by itself are not among those that count.
    let (control, rows) = surveyed("vera@0.0.130", &[fault("sweep-skips-first-block").unwrap()], 200);
    assert!(control.violations.contains_key("silent-free"), "{control:?}");
    let own: u64 = control.violations.values().sum();
    assert!(rows[0].programs <= 200 - own && rows[0].detected > 0, "{:?}", rows[0]);
}

#[test]
fn a_survey_is_the_same_for_any_number_of_workers_and_says_what_does_not_match() {
    let engines = [by_name("wasmtime").unwrap()];
    let spec = parse_spec("fixed").unwrap();
    let faults = ["round-to-4", "scan-stride-8"].map(|name| fault(name).unwrap());
    let of = |jobs| {
        let (stream, control) = Stream::new(&spec, 9, 70, &engines, jobs, &AtomicBool::new(false)).unwrap();
        let settings = Settings { engines: &engines, enough: 5, jobs };
        let rows = survey(&stream, &faults, &settings, &Progress::default()).unwrap();
        (control, rows.into_iter().map(|row| Row { elapsed: Duration::ZERO, ..row }).collect::<Vec<_>>())
    };
    assert_eq!(of(1), of(3));
    let (stream, _) = Stream::new(&spec, 9, 1, &engines, 1, &AtomicBool::new(false)).unwrap();
    let settings = Settings { engines: &engines, enough: 5, jobs: 1 };
    let lost = Arc::new(Fault::new("lost", "none", "$nowhere", ""));
    let error = survey(&stream, &[lost], &settings, &Progress::default()).unwrap_err().to_string();
    assert!(error.contains("found 0 matches"), "{error}");
}

/// What cannot run, or runs on some machines only, would be tried on nothing and be silent.
#[test]
fn edits_that_are_no_module_or_match_on_some_machines_only_are_refused() {
    let engines = [by_name("wasmtime").unwrap()];
    let (stream, _) = Stream::new(&parse_spec("fixed").unwrap(), 3, 1, &engines, 1, &AtomicBool::new(false)).unwrap();
    let refused = |find: &str, replace: &str| {
        let fault = Fault { equivalent: Some("why".to_owned()), ..Fault::new("mine", "none", find, replace) };
        let settings = Settings { engines: &engines, enough: 5, jobs: 1 };
        survey(&stream, &[Arc::new(fault)], &settings, &Progress::default()).unwrap_err().to_string()
    };
    let error = refused("(i32.and (local.get $h) (i32.const 1))", "(i64.const 1)");
    assert!(error.contains("fault `mine`") && error.contains("i64"), "{error}");
    let limit = "(global $gc_stack_limit i32 (i32.const 16384))";
    let error = refused(limit, &limit.replace("16384", "16380"));
    assert!(error.starts_with("on `fixed?") && error.contains("found 0 matches"), "{error}");
}

/// A bug of an engine is none of the collector, and does not detect an edit.
#[test]
fn what_engines_disagree_about_detects_nothing_and_proves_no_equivalence() {
    let engines = ["wasmtime", "wasmi"].map(|name| by_name(name).unwrap());
    let stop = AtomicBool::new(false);
    let (stream, _) = Stream::new(&parse_spec("fixed").unwrap(), 1, 30, &engines, 2, &stop).unwrap();
    let settings = Settings { engines: &engines, enough: 5, jobs: 2 };
    let faults = [fault("first-fit-by-select").unwrap()];
    let rows = survey(&stream, &faults, &settings, &Progress::default()).unwrap();
    assert!(rows[0].detected == 0 && rows[0].unknown > 0, "{:?}", rows[0]);
    assert!(rows[0].problem().unwrap().contains("nothing can be said"), "{:?}", rows[0]);
}

#[test]
fn an_equivalent_that_no_program_was_tried_on_is_none() {
    let engines = [by_name("wasmtime").unwrap()];
    let spec = parse_spec("fixed").unwrap();
    let (stream, _) = Stream::new(&spec, 1, 0, &engines, 1, &AtomicBool::new(false)).unwrap();
    let settings = Settings { engines: &engines, enough: 5, jobs: 1 };
    let faults = [fault("first-fit-by-select").unwrap()];
    let rows = survey(&stream, &faults, &settings, &Progress::default()).unwrap();
    assert!(rows[0].problem().unwrap().contains("no program was tried"), "{:?}", rows[0]);
}

/// Memory of 2 GiB is nothing that campaigns have; a limit that is lower, and known, is.
#[test]
fn faults_above_the_address_limit_are_detected_where_it_is_within_reach() {
    let on = "fixed?address_limit=200000";
    let (control, rows) = surveyed(on, &crate::runtime::fault::planted(on), 400);
    assert!(control.violations.is_empty() && control.unknown == 0, "{control:?}");
    for row in &rows {
        println!("{}: {} of {}, {:?}", row.fault.name, row.detected, row.programs, row.kinds);
    }
    let missed: Vec<_> = rows.iter().filter(|row| row.detected == 0 || !row.breaks_what_it_declares()).collect();
    assert!(rows.len() >= 5 && missed.is_empty(), "{missed:?}");
}

#[test]
fn what_a_user_names_like_a_reference_is_none() {
    for (name, is) in
        [("fixed", true), ("fixed-split?worklist=3", true), ("vera@0.2", false), ("fixed?fault=round-to-4", false)]
    {
        assert_eq!(is_reference(&parse_spec(name).unwrap()), is, "{name}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");
    let module = Spec { name: "fixed/gc.toml".to_owned(), ..parse_spec(path).unwrap() };
    assert!(!is_reference(&module));
}
