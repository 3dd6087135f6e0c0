//! `gc_collect`.

use super::*;

/// Both correct candidate tests.
const VALIDATED: [CandidateTest; 2] = [CandidateTest::Bitmap, CandidateTest::Walk];

#[test]
fn pointers_past_a_dropping_worklist_are_freed_in_silence() {
    let e = after(&vera_130(), [graph(Shape::Wide { n: 4_097 }), Step::Collect]);
    assert_eq!(e.outcome().end, End::Finished);
    let s = e.statistics();
    // The last child and its leaf.
    assert_eq!((s.dropped, s.last_freed, s.deepest_worklist), (1, 2, 4_096));
    let last = &e.outcome().log[e.outcome().log.len() - 2..];
    assert_eq!(e.outcome().globals[2], last[1]);
    assert_eq!(word(e.memory(), last[1]), last[0]);
}

#[test]
fn pointers_past_a_trapping_worklist_trap_at_the_collection() {
    let mut description = vera_130();
    description.rules.as_mut().unwrap().worklist_full = WorklistFull::Trap;
    let e = after(&description, [graph(Shape::Wide { n: 4_097 }), Step::Collect]);
    assert_eq!((e.outcome().end, e.outcome().step), (UNREACHABLE, 1));
    // In the middle of it: the worklist is full of children, the array is marked, they are not.
    assert_eq!(e.outcome().globals[3], description.regions.worklist.1);
    assert_eq!(word(e.memory(), e.outcome().log[0] - 4) & 1, 1);
    assert_eq!(word(e.memory(), e.outcome().log[1] - 4) & 1, 0);
    let e = after(&description, [graph(Shape::Wide { n: 4_096 }), Step::Collect]);
    assert_eq!((e.outcome().end, e.statistics().last_freed), (End::Finished, 0));
}

/// v0.2 with so many worklist entries.
fn rescanning(worklist: u32) -> Description {
    let mut description = vera_131(0);
    description.rules.as_mut().unwrap().worklist_full = WorklistFull::Rescan;
    description.rules.as_mut().unwrap().candidates = CandidateTest::Bitmap;
    description.parameters.worklist = worklist;
    place(&mut description);
    description
}

#[test]
fn what_a_full_worklist_puts_off_is_marked_at_once_and_scanned_later() {
    // The array's six children: four are pushed, two put off. What only these two point to is found by one walk over them.
    let e = after(&rescanning(4), [graph(Shape::Wide { n: 6 }), Step::Collect]);
    let s = e.statistics();
    assert_eq!((e.outcome().end, s.last_freed, s.dropped), (End::Finished, 0, 0));
    assert_eq!((s.deferred, s.rescans, s.marked, s.deepest_worklist), (2, 1, 13, 4));
    assert_eq!(e.outcome().globals[5..], [u32::MAX, 0]);
    // With room for all six there is nothing to put off.
    let s = after(&rescanning(6), [graph(Shape::Wide { n: 6 }), Step::Collect]).statistics();
    assert_eq!((s.deferred, s.rescans, s.last_freed), (0, 0, 0));
}

#[test]
fn a_walk_that_puts_off_more_is_followed_by_another_one() {
    for shape in [
        Shape::Comb { spine: 30, teeth: 5 },
        Shape::RandomGraph { nodes: 90, edges: 200, seed: 5 },
        Shape::Tree { n: 100, arity: 3 },
        Shape::DuplicateRefs { n: 50 },
    ] {
        for worklist in 1..6 {
            let steps = [graph(shape), Step::Garbage { count: 7, size: 8 }, Step::Collect];
            let (few, many) = (after(&rescanning(worklist), steps.clone()), after(&rescanning(1_000), steps));
            assert_eq!(few.outcome().end, End::Finished);
            assert_eq!(few.statistics().last_freed, 7, "{shape:?} {worklist}");
            assert_eq!(few.outcome().log.len(), many.outcome().log.len());
            assert!(few.statistics().deepest_worklist <= worklist);
        }
    }
    let s = after(&rescanning(1), [graph(Shape::Tree { n: 100, arity: 3 }), Step::Collect]).statistics();
    assert!(s.rescans > 1, "{s:?}");
}

#[test]
fn duplicates_past_the_worklist_trap_when_marked_at_pop_only() {
    let run = |n, mark_at| {
        let mut description = vera_131(0);
        description.rules.as_mut().unwrap().mark_at = mark_at;
        let e = after(&description, [graph(Shape::DuplicateRefs { n }), Step::Collect]);
        (e.outcome().end, e.outcome().step, e.statistics().deepest_worklist)
    };
    assert_eq!(run(16_384, MarkAt::Pop), (End::Finished, 2, 16_384));
    assert_eq!(run(16_385, MarkAt::Pop), (UNREACHABLE, 1, 16_384));
    assert_eq!(run(16_385, MarkAt::Push), (End::Finished, 2, 1));
}

/// A 24-byte object whose word +16 is its own address + 8, and whose word +4 is the bogus header of that.
fn bogus_header(header: u32) -> Vec<Step> {
    let interior = Value::Slot { slot: 0, offset: 8 };
    vec![
        object(0, 24),
        write(0, 4, header),
        Step::Write { obj: 0, offset: 16, value: interior },
        Step::Collect,
        Step::Digest { obj: 0, ranges: vec![(4, 4)] },
    ]
}

#[test]
fn an_interior_word_marks_a_live_payload_unless_starts_are_proved() {
    let e = after(&vera_131(0), bogus_header(0));
    assert_eq!(word(e.memory(), 81_924 + 4), 1);
    for candidates in VALIDATED {
        let mut description = vera_131(0);
        description.rules.as_mut().unwrap().candidates = candidates;
        place(&mut description);
        let e = after(&description, bogus_header(0));
        assert_eq!(e.outcome().end, End::Finished);
        assert_eq!(word(e.memory(), e.outcome().log[0] + 4), 0);
        assert_eq!(e.statistics().last_freed, 0);
    }
}

#[test]
fn a_huge_bogus_header_leads_out_of_bounds_unless_extents_are_checked() {
    let mut description = vera_131(0);
    assert_eq!(after(&description, bogus_header(0x4000_0000)).outcome().end, End::Finished);
    description.rules.as_mut().unwrap().extent = Extent::Unchecked;
    let e = after(&description, bogus_header(0x4000_0000));
    assert_eq!((e.outcome().end, e.outcome().step), (OUT_OF_BOUNDS, 3));
    assert_eq!(word(e.memory(), 81_924 + 4), 0x4000_0001);
}

#[test]
fn sizes_of_sixteen_bits_send_the_sweep_into_a_payload() {
    // 65536 & 0xffff is 0: the walk goes on 8 bytes behind the header, through a payload of zeros that reads as empty free
    // blocks, each of which gets a link.
    let e = after(&vera_112(), [object(0, 65_536), Step::Collect]);
    assert_eq!(e.outcome().end, End::Finished);
    assert_eq!(word(e.memory(), 32_772), 0);
    // The block's last 8 bytes: 32768 + 65544 is heap_ptr.
    assert_eq!(e.outcome().globals[2], 32_768 + 65_544 - 4);
    assert_eq!(word(e.memory(), 32_772 + 8), 0);
    assert_eq!(word(e.memory(), 32_772 + 16), 32_772 + 8);
}

#[test]
fn a_recycled_unwritten_block_retains_the_free_list_through_its_link() {
    let mut steps = vec![Step::Garbage { count: 1_000, size: 8 }, Step::Collect];
    let freed = after(&vera_131(0), steps.clone());
    assert_eq!(freed.statistics().last_freed, 1_000);
    steps.extend([object(0, 8), Step::Collect]);
    assert_eq!(after(&vera_131(0), steps.clone()).statistics().last_freed, 0);
    assert_eq!(after(&fixed(0), steps).statistics().last_freed, 999);
}

#[test]
fn the_bitmap_has_no_bits_for_free_blocks_during_a_collection() {
    let description = fixed(3);
    let steps = [object(0, 8), object(1, 8), object(2, 40), drop_root(1), Step::Collect, Step::Collect];
    let e = after(&description, steps);
    // Blocks 0, 2 and 4 eighths of the heap; the second is free since the first collection.
    assert_eq!(e.memory()[description.regions.bitmap.0 as usize], 0b0001_0001);
    assert_eq!(e.outcome().globals[2], description.regions.heap_start + 16 + 4);
}

#[test]
fn root_slots_above_the_stack_pointer_and_worklist_entries_stay() {
    let e = after(&vera_131(0), [Step::Enter, object(0, 8), Step::Collect, Step::Leave { keep: None }, Step::Collect]);
    assert_eq!(e.outcome().globals, [81_936, 0, 81_924, 16_384, 3]);
    assert_eq!((word(e.memory(), 0), word(e.memory(), 16_384)), (81_924, 81_924));
}

#[test]
fn a_free_list_that_bites_its_tail_runs_out_of_fuel() {
    let self_link = Step::Write { obj: 0, offset: 0, value: Value::Slot { slot: 0, offset: 0 } };
    let steps = [Step::Enter, object(0, 8), Step::Leave { keep: None }, Step::Collect, self_link, object(0, 100)];
    let mut e = Emulator::new(&vera_131(0)).unwrap();
    let outcome = e.run(&plan(steps), 10_000);
    assert_eq!((outcome.end, outcome.step), (End::OutOfFuel, 5));
}

#[test]
fn a_header_that_describes_itself_ends() {
    // Each word of the payload is the address of some word before it, so that every bogus header is a bogus pointer.
    let mut steps = vec![object(0, 256)];
    for offset in (0..256).step_by(4) {
        steps.push(Step::Write { obj: 0, offset, value: Value::Slot { slot: 0, offset: offset & !7 } });
    }
    // And the real header too: `mirror - 4`.
    steps.push(Step::Write { obj: 0, offset: u32::MAX - 3, value: Value::Slot { slot: 0, offset: 0 } });
    steps.push(Step::Collect);
    for description in [vera_131(0), vera_130(), vera_112()] {
        let mut e = Emulator::new(&description).unwrap();
        assert_ne!(e.run(&plan(steps.clone()), 1_000_000).end, End::OutOfFuel);
    }
}
