//! What a collector is allowed to be bad at is counted, exactly, and shown for the collectors that declare it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Bulk, FIXED, Mixture, V131, clean, regression, rig};
use heapsmith::campaign::Statistics;
use heapsmith::model::Counts;
use heapsmith::runtime::describe;
use heapsmith::runtime::description::Characteristic;
use heapsmith_generators::{Machine, Program, parse};

const ALL: [Characteristic; 6] = [
    Characteristic::Duplicates,
    Characteristic::StaleLink,
    Characteristic::NoSplit,
    Characteristic::CollectionPerGrowth,
    Characteristic::SearchOfWholeList,
    Characteristic::RepeatedScans,
];

/// The numbers of one program that keeps every promise.
fn counted(program: &Program, on: &str) -> Counts {
    let mut rig = rig(on, program.machine);
    let verdict = rig.trial(program);
    assert!(clean(&verdict), "{on}: {verdict:?}");
    let mut statistics = Statistics::default();
    statistics.count(0, program, &verdict, &rig);
    statistics.counts
}

fn case(name: &str, on: &str) -> Counts {
    counted(&regression(name), on)
}

fn text(ops: &str, on: &str) -> Counts {
    counted(&parse(&format!("heapsmith 1\n{ops}")).unwrap(), on)
}

#[test]
fn a_trap_counts_as_one_of_copies_only_where_distinct_pointers_would_fit() {
    assert_eq!(case("worklist-duplicates-16385", V131).copies, 1);
    assert_eq!(case("worklist-duplicates-16384", V131).copies, 0);
    assert_eq!(case("worklist-wide-16385", V131).copies, 0, "16 385 distinct pointers do not fit");
    // Nine copies, then nine distinct pointers: the copies fill eight entries first, and without them the others would.
    let both = "machine worklist=8 pages=2..8\nduplicates r0 n=9\nwide r1 n=9\ncollect\n";
    assert_eq!(text(both, V131).copies, 0);
    for on in ["vera@0.2", FIXED] {
        assert_eq!(case("worklist-duplicates-16385", on).copies, 0, "{on} does not trap");
    }
}

#[test]
fn a_stale_link_counts_each_object_that_it_alone_keeps() {
    assert_eq!(case("stale-link-1000", V131).retained, 999);
    for on in ["vera@0.2", FIXED] {
        assert_eq!(case("stale-link-1000", on).retained, 0, "{on} knows what is free");
    }
    let garbage = "machine pages=2..8\ngarbage n=10 size=16\ncollect\n";
    let written = format!("{garbage}alloc r0 size=16 fields=0 init=fill(3)\ncollect\n");
    assert_eq!(text(&written, V131).retained, 0, "the link was overwritten");
    let again = format!("{garbage}alloc r0 size=16 fields=0 init=null\ncollect\ncollect\n");
    assert_eq!(text(&again, V131).retained, 18, "nine objects, in two collections");
    // The second block of the list is in use and rooted: the link to it keeps nothing that is not kept anyway.
    let rooted =
        format!("{garbage}alloc r0 size=16 fields=0 init=null\nalloc r1 size=16 fields=0 init=fill(3)\ncollect\n");
    assert_eq!(text(&rooted, V131).retained, 0);
    // A block that is proved free is kept by nobody; one in use that nobody roots is, by the link, on v0.2 as well.
    let dropped = format!("{rooted}drop r1\ncollect\n");
    assert_eq!((text(&dropped, V131).retained, text(&dropped, "vera@0.2").retained), (1, 1));
}

#[test]
fn slack_is_what_a_split_would_have_left() {
    for on in [V131, "vera@0.2", FIXED] {
        // Strides of 800 008 and 16 bytes.
        assert_eq!(case("no-split-800000", on).slack, 799_992, "{on}");
        let exact = "machine pages=8..16\ngarbage n=1 size=20\ncollect\nalloc r0 size=17 fields=0 init=null\n";
        assert_eq!(text(exact, on).slack, 0, "{on}: the same stride");
    }
}

#[test]
fn a_collection_before_a_growth_counts_if_it_freed_no_object() {
    // The first allocation collects an empty heap and grows; so does the second, whose collection frees the first object in vain.
    let twice = "machine pages=..64\ngarbage n=1 size=500000\ngarbage n=1 size=1000000\n";
    for on in [V131, "vera@0.2", FIXED] {
        assert_eq!(text(twice, on).fruitless, 1, "{on}");
        let kept =
            "machine pages=..64\nalloc r0 size=500000 fields=0 init=null\nalloc r1 size=500000 fields=0 init=null\n";
        assert_eq!(text(kept, on).fruitless, 2, "{on}");
    }
}

#[test]
fn searches_count_the_free_blocks_that_they_pass_over() {
    // Ten blocks of 16 bytes are passed over on the way to the one of 40, which was the first to be made and so is the last on the list.
    let search = "machine pages=8..16\ngarbage n=1 size=40\ngarbage n=10 size=16\ncollect\nalloc r0 size=40 fields=0 init=null\n";
    for on in [V131, "vera@0.2", FIXED] {
        assert_eq!(text(search, on).passed_over, 10, "{on}");
    }
}

#[test]
fn walks_for_what_a_full_worklist_put_off_are_counted_where_it_puts_off() {
    let wide = "machine worklist=4 pages=8..16\nwide r0 n=6\ncollect\n";
    assert_eq!(text(wide, "vera@0.2").rescans, 1);
    assert_eq!(text(wide, V131).rescans, 0, "it traps");
}

/// The numbers of a bounded campaign.
fn campaign(on: &str) -> Counts {
    let mut statistics = Statistics::default();
    let mut mixture = Mixture::new(on, 50);
    for (count, bulk) in [(1_500, Bulk::Small), (40, Bulk::Big)] {
        mixture.run(count, bulk, |index, program, verdict, rig| {
            statistics.count(index, program, verdict, rig);
            true
        });
    }
    let mut merged = Statistics::default();
    merged.merge(&statistics);
    merged.merge(&statistics);
    for c in ALL {
        assert_eq!(merged.counts.of(c), 2 * statistics.counts.of(c), "{}", c.name());
    }
    statistics.counts
}

#[test]
fn a_campaign_counts_every_characteristic_that_is_declared_and_no_other() {
    for on in [V131, "vera@0.2", FIXED] {
        let (counts, declared) = (campaign(on), describe(on, Machine::default()).unwrap().characteristics);
        for c in ALL {
            assert_eq!(counts.of(c) > 0, declared.contains(&c), "{on}, {}: {counts:?}", c.name());
        }
        let line = counts.line(&declared).unwrap();
        assert_eq!(line.contains("copies"), on == V131, "{line}");
        assert_eq!(line.contains("stale links"), on != FIXED, "{line}");
        assert_eq!(counts.line(&[]), None);
    }
}

#[test]
fn a_hunt_shows_the_characteristics_that_are_declared_in_text_and_json() {
    let out = tempfile::TempDir::new().unwrap();
    let hunt = |on: &str, more: &[&str]| {
        let args = ["hunt", "--runtime", on, "--programs", "200", "--jobs", "1", "--max-findings", "0", "--out"];
        let command =
            assert_cmd::Command::new(env!("CARGO_BIN_EXE_heapsmith")).args(args).arg(out.path()).args(more).assert();
        String::from_utf8(command.get_output().stdout.clone()).unwrap()
    };
    let shown = hunt(V131, &[]);
    let lines: Vec<&str> = shown.lines().filter(|l| l.starts_with("characteristics: ")).collect();
    assert_eq!(lines.len(), 1, "{shown}");
    let json: serde_json::Value = serde_json::from_str(&hunt(V131, &["--json"])).unwrap();
    let counts = json["characteristics"].as_object().unwrap();
    for c in describe(V131, Machine::default()).unwrap().characteristics {
        let n = counts[c.name()].as_u64().unwrap();
        assert!(lines[0].contains(&format!("{n} ")), "{}: {n}\n{}", c.name(), lines[0]);
    }
    let json: serde_json::Value = serde_json::from_str(&hunt(FIXED, &["--json"])).unwrap();
    let names: Vec<&String> = json["characteristics"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["collection-per-growth", "no-split", "search-of-whole-list"]);
}
