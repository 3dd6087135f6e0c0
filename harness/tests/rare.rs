//! What cheap programs never reach, rare ones do: faults that show in very large objects, after very many collections, and in handles that
//! 16 bits do not hold are seen within a campaign of so many programs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, FIXED_SPLIT, WRAP, campaign, clean, engine, rig, runtime, spec};
use heapsmith::judge::Verdict;
use heapsmith::runtime::{Fault, fault};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Op, Program, Size};
use std::collections::HashMap;
use std::sync::Arc;

/// The programs of a campaign that can show such a fault at all: objects of 2^18 bytes, garbage or handles by the hundreds.
fn rare(on: &str, seed: u64, programs: u64) -> Vec<(u64, Program)> {
    let campaign = campaign(&spec(on), seed);
    let hundreds = |program: &Program| {
        program.ops.iter().any(|op| {
            matches!(op, Op::Alloc { size: Size::Bytes(bytes), .. } if (1 << 18..1 << 26).contains(bytes))
                || matches!(op, Op::Garbage { count, .. } if count.delta > 28)
                || matches!(op, Op::Wrap { count, .. } if count.delta > 2_000)
        })
    };
    (0..programs).map(|index| (index, campaign.program(index))).filter(|(_, program)| hundreds(program)).collect()
}

/// The first of these programs that shows an edit of `on`, on one engine; where `on` breaks a promise itself, a program says nothing.
fn first_seen(on: &str, find: &str, replace: &str, programs: &[(u64, Program)]) -> Option<u64> {
    let fault = Fault::new("mine", "mine", find, replace);
    let engines = [engine("wasmtime")];
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let shown = programs.iter().find(|(_, program)| {
        let rig = rigs.entry(program.machine).or_insert_with(|| {
            let edited = fault::apply(&runtime(on, program.machine), &fault).unwrap();
            Rig::new(Arc::new(Prepared::edited(edited, &engines).unwrap())).unwrap()
        });
        matches!(rig.trial(program), Verdict::Violation(_)) && clean(&self::rig(on, program.machine).trial(program))
    });
    shown.map(|(index, _)| *index)
}

fn is_seen(on: &str, seed: u64, programs: u64, find: &str, replace: impl Fn(u32) -> String, all: &[u32]) {
    let rare = rare(on, seed, programs);
    for &n in all {
        let seen = first_seen(on, find, &replace(n), &rare);
        println!("{n}: program {seen:?}, {} rare of {programs}", rare.len());
        assert!(seen.is_some(), "{n}: never seen in {programs} programs");
    }
}

#[test]
fn a_mark_scan_that_reads_some_bits_of_the_size_is_seen_within_2_000_programs() {
    let find = "(local.set $off (i32.const 0))";
    let replace =
        |bits: u32| format!("(local.set $n (i32.and (local.get $n) (i32.const {})))\n{find}", (1_u32 << bits) - 1);
    is_seen(FIXED, 60, 2_000, find, replace, &[18, 19, 20]);
}

#[test]
fn marks_that_every_32nd_to_256th_collection_does_not_clear_are_seen_within_2_000_programs() {
    let find = "(i32.store (local.get $p) (i32.and (local.get $h) (i32.const -2)))";
    let replace = |n: u32| format!("(if (i32.rem_u (global.get $gc_collections) (i32.const {n})) (then {find}))");
    is_seen(FIXED, 61, 2_000, find, replace, &[32, 64, 128, 256]);
}

#[test]
fn handles_whose_numbers_lose_bits_when_entries_move_are_seen_within_4_000_programs() {
    let find = "(i32.load offset=8 (local.get $read)))\n            (i32.store offset=12";
    let replace = |bits: u32| {
        let mask = (1_u32 << 31) | ((1 << bits) - 1);
        format!("(i32.and (i32.load offset=8 (local.get $read)) (i32.const {mask})))\n            (i32.store offset=12")
    };
    is_seen(WRAP, 62, 4_000, find, replace, &[16]);
}

#[test]
fn the_references_are_clean_over_all_rare_programs_of_500() {
    for on in [FIXED, FIXED_SPLIT] {
        let rare = rare(on, 63, 500);
        assert!(rare.len() > 3, "{} rare", rare.len());
        for (index, program) in rare {
            let verdict = rig(on, program.machine).trial(&program);
            assert!(clean(&verdict), "{on}, program {index}: {verdict:?}\n{program}");
        }
    }
}

#[test]
fn a_growth_whose_pages_a_byte_does_not_count_is_seen_within_1_000_programs() {
    let find = "(i32.const 16))\n    memory.grow";
    is_seen(
        FIXED,
        64,
        1_000,
        find,
        |bits| format!("(i32.const 16))\n    (i32.and (i32.const {}))\n    memory.grow", (1_u32 << bits) - 1),
        &[8],
    );
}
