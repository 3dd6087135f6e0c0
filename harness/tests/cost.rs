//! How work grows: what is declared is told from what is not, by the exponent and by the two programs that show it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V131, WRAP, clean, engine, rig, runtime};
use heapsmith::cost::{CONSTANT, FAMILIES, Family, Finding, LINEAR, Row, SQUARE, TIMES, measure};
use heapsmith::runtime::description::Characteristic;
use heapsmith::runtime::fault::{self, planted};
use heapsmith::runtime::{Fault, Runtime};
use heapsmith_generators::{Machine, Op};

/// A sixteenth of what a person's survey takes.
const ENOUGH: u64 = 1 << 26;

fn family(name: &str) -> &'static Family {
    FAMILIES.iter().find(|f| f.name == name).unwrap()
}

fn measured(name: &str, make: impl Fn(Machine) -> Runtime) -> Row {
    measure(family(name), &[engine("wasmtime")], ENOUGH, |machine| Ok(make(machine))).unwrap()
}

fn with(find: &str, replace: &str) -> impl Fn(Machine) -> Runtime {
    let fault = Fault::new("slow", "a test", find, replace);
    move |machine| fault::apply(&runtime(FIXED, machine), &fault).unwrap()
}

/// The row is slow with an exponent in this range, and its two programs differ by more than their sizes.
#[track_caller]
fn is_slow(row: &Row, exponent: std::ops::Range<f64>) {
    assert_eq!(row.finding, Finding::Slow, "{row:?}");
    assert!(exponent.contains(&row.exponent.unwrap()), "{row:?}");
    let (small, large) = row.proof().unwrap();
    assert!(large.fuel / small.fuel > 2 * u64::from(large.n / small.n), "{row:?}");
}

#[test]
fn the_text_of_every_family_is_a_program_whose_last_ops_are_measured() {
    for family in FAMILIES {
        let program = family.program(family.first);
        assert_eq!(heapsmith_generators::parse(&family.text(family.first)).unwrap(), program);
        let from = family.measured_from(family.first) as usize;
        let measured = &program.ops[from..];
        assert!((1..=3).contains(&measured.len()), "{}: {measured:?}", family.name);
        let allocates = |op: &Op| matches!(op, Op::Graph { .. } | Op::Garbage { .. } | Op::Alloc { .. } | Op::Collect);
        assert!(measured.iter().all(allocates), "{}: {measured:?}", family.name);
        assert!(family.sizes().count() >= 6, "{}", family.name);
    }
}

#[test]
fn growth_without_garbage_and_searches_are_the_declared_squares_of_v131_and_the_rest_is_linear() {
    for family in FAMILIES {
        let row = measured(family.name, |machine| runtime(V131, machine));
        match family.declared_by {
            None if family.name == "wraps" => assert_eq!(row.finding, Finding::Unfit("no wrap table".to_owned())),
            Some(Characteristic::RepeatedScans) => assert!(matches!(row.finding, Finding::Unfit(_)), "{row:?}"),
            Some(declared) => {
                assert_eq!(row.finding, Finding::Declared(declared), "{row:?}");
                assert!((1.7..SQUARE).contains(&row.exponent.unwrap()), "{row:?}");
            }
            None if family.most <= CONSTANT => assert_eq!(row.finding, Finding::Constant, "{row:?}"),
            None => assert_eq!(row.finding, Finding::Linear, "{row:?}"),
        }
    }
}

#[test]
fn mark_and_sweep_of_the_reference_are_linear() {
    for name in ["roots", "wide", "duplicates", "chain", "graph", "alternating", "block", "churn"] {
        let row = measured(name, |machine| runtime(FIXED, machine));
        assert_eq!(row.finding, Finding::Linear, "{row:?}");
        assert!((0.9..1.1).contains(&row.exponent.unwrap()), "{row:?}");
    }
}

/// Fuel that `fixed` needs for each unit of work; a collector that needs many times that is slow, whatever its exponents.
#[test]
fn work_of_the_reference_costs_about_the_same_everywhere() {
    for name in ["roots", "wide", "duplicates", "chain", "graph", "alternating", "block", "churn", "pages"] {
        let row = measured(name, |machine| runtime(FIXED, machine));
        println!("{name}: {:?} tenths", row.tenths_per_work());
        assert!((50..1_000).contains(&row.tenths_per_work().unwrap()), "{row:?}");
    }
}

#[test]
fn a_collection_costs_the_same_however_large_memory_is_and_a_bitmap_that_is_cleared_whole_is_slow() {
    for name in [FIXED, "fixed-split", "vera@0.2"] {
        let row = measured("pages", |machine| runtime(name, machine));
        assert_eq!(row.finding, Finding::Constant, "{name}: {row:?}");
    }
    let fault = planted(FIXED).into_iter().find(|f| f.name == "whole-bitmap-cleared").unwrap();
    let row = measured("pages", |machine| fault::apply(&runtime(FIXED, machine), &fault).unwrap());
    assert_eq!(row.finding, Finding::Slow, "{row:?}");
    assert!((0.8..1.1).contains(&row.exponent.unwrap()), "{row:?}");
}

#[test]
fn memory_that_cannot_have_the_size_is_not_called_constant() {
    let pinned = |machine| {
        let spec = heapsmith::runtime::parse_spec("fixed?pages=64..64").unwrap();
        heapsmith::runtime::builtin(spec.resolve(machine).unwrap())
    };
    assert_eq!(measured("pages", pinned).finding, Finding::Unfit("pages are pinned".to_owned()));
}

#[test]
fn a_sweep_that_is_repeated_thirty_times_is_linear_and_many_times_the_reference() {
    let sweep = "call $gc_mark\n    call $gc_sweep)";
    let again = format!("call $gc_mark\n{})", "    call $gc_sweep\n".repeat(30));
    for name in ["alternating", "churn"] {
        let (honest, slow) = (measured(name, |machine| runtime(FIXED, machine)), measured(name, with(sweep, &again)));
        assert_eq!((&honest.finding, &slow.finding), (&Finding::Linear, &Finding::Linear));
        let times = slow.times(&honest).unwrap();
        println!("{name}: {times:.2} times, {:?} tenths for each unit of work", slow.tenths_per_work());
        assert!(times > TIMES && honest.times(&honest) == Some(1.0), "{name}: {times}");
        assert!(slow.tenths_per_work() > honest.tenths_per_work().map(|tenths| 2 * tenths));
    }
}

#[test]
fn repeated_scans_are_the_declared_square_of_v0_2() {
    let row = measured("rescan", |machine| runtime("vera@0.2", machine));
    assert_eq!(row.finding, Finding::Declared(Characteristic::RepeatedScans), "{row:?}");
    assert!((1.8..SQUARE).contains(&row.exponent.unwrap()), "{row:?}");
}

#[test]
fn the_wrap_table_is_walked_once_and_a_walk_for_each_dead_wrapper_is_slow() {
    let row = measured("wraps", |machine| runtime(WRAP, machine));
    assert_eq!(row.finding, Finding::Linear, "{row:?}");
    assert!((0.9..1.1).contains(&row.exponent.unwrap()), "{row:?}");
    let release =
        "(call $host_decref_handle (i32.load offset=4 (local.get $read)) (i32.load offset=8 (local.get $read)))";
    let walk = format!(
        "{release} (local.set $p (global.get $gc_wrap_base)) loop $again (local.set $p (i32.add (local.get $p) (i32.const 16))) \
         (br_if $again (i32.lt_u (local.get $p) (global.get $gc_wrap_ptr))) end"
    );
    let fault = Fault::new("slow", "a test", release, &walk);
    is_slow(&measured("wraps", |machine| fault::apply(&runtime(WRAP, machine), &fault).unwrap()), 1.7..2.1);
}

#[test]
fn a_square_that_is_not_declared_is_slow() {
    for name in ["growth", "search"] {
        let row = measured(name, |machine| {
            let mut runtime = runtime(V131, machine);
            runtime.description.characteristics.clear();
            runtime
        });
        is_slow(&row, LINEAR..SQUARE);
    }
}

#[test]
fn a_candidate_test_that_walks_the_heap_is_slow_where_pointers_are_many() {
    let fault = planted(FIXED).into_iter().find(|f| f.name == "candidate-walks-heap").unwrap();
    for name in ["wide", "chain", "graph"] {
        is_slow(&measured(name, |machine| fault::apply(&runtime(FIXED, machine), &fault).unwrap()), 1.7..2.1);
    }
}

#[test]
fn a_sweep_that_walks_the_free_list_is_slow_where_much_is_freed() {
    let head = "(global.set $gc_free_head (i32.add (local.get $p) (i32.const 4)))";
    let walk = format!(
        "{head} (local.set $n (global.get $gc_free_head)) loop $list (local.set $n (i32.load (local.get $n))) \
         (br_if $list (local.get $n)) end"
    );
    is_slow(&measured("alternating", with(head, &walk)), 1.7..2.1);
    assert_eq!(measured("chain", with(head, &walk)).finding, Finding::Linear);
}

#[test]
fn a_search_that_starts_again_at_each_block_is_more_than_the_declared_square() {
    let next = "(local.set $prev (local.get $cur))\n        (local.set $cur (i32.load (local.get $cur)))";
    let again = format!(
        "{next} (local.set $end (global.get $gc_free_head)) block $there loop $again \
         (br_if $there (i32.eq (local.get $end) (local.get $cur))) (local.set $end (i32.load (local.get $end))) \
         br $again end end"
    );
    let row = measured("search", with(next, &again));
    is_slow(&row, 2.5..3.2);
}

#[test]
fn a_collector_that_never_ends_is_slow_and_not_merely_unmeasured() {
    let row = measured("chain", with("(global.set $gc_free_head (i32.const 0))", "loop $for_ever br $for_ever end"));
    assert_eq!(row.finding, Finding::Slow, "{row:?}");
    assert!(row.points.iter().all(|p| !p.ended) && row.proof().is_some(), "{row:?}");
}

#[test]
fn a_collector_that_is_quick_because_it_frees_nothing_is_not_called_linear() {
    let row = measured("alternating", with("call $gc_mark\n    call $gc_sweep)", "call $gc_mark)"));
    assert!(matches!(row.finding, Finding::Broken(64, _)), "{row:?}");
}

#[test]
fn numbers_are_the_same_every_time_and_the_programs_pass_when_they_are_run() {
    let first = measured("alternating", |machine| runtime(V131, machine));
    assert_eq!(first.points, measured("alternating", |machine| runtime(V131, machine)).points);
    let (small, large) = first.proof().unwrap();
    for n in [small.n, large.n] {
        let program = family("alternating").program(n);
        let verdict = rig(V131, program.machine).trial(&program);
        assert!(clean(&verdict), "n = {n}: {verdict:?}");
    }
}

#[test]
fn little_fuel_is_quicker_and_does_not_make_the_reference_slow() {
    for name in [FIXED, "fixed-split", "vera@0.2"] {
        for family in &FAMILIES {
            let row = measure(family, &[engine("wasmtime")], 1, |machine| Ok(runtime(name, machine))).unwrap();
            assert!(!row.finding.is_violation(), "{name}: {row:?}");
            assert!(row.points.len() == 3 || matches!(row.finding, Finding::Unfit(_)), "{name}: {row:?}");
        }
    }
}
