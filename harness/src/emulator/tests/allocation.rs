//! `alloc`, growth and the root stack.

use super::*;

#[test]
fn the_first_allocation_collects_grows_and_lands_at_the_heap_start() {
    let e = after(&vera_131(5), [object(0, 8)]);
    assert_eq!(e.outcome().log, [81_925 + 4]);
    assert_eq!((e.outcome().end, e.outcome().step, e.outcome().pages), (End::Finished, 1, 2));
    // heap_ptr, gc_sp, gc_free_head, gc_worklist_ptr, gc_collections
    assert_eq!(e.outcome().globals, [81_925 + 16, 5 + 4, 0, 5 + 16_384, 1]);
    assert_eq!(word(e.memory(), 81_925), 8 << 1);
    assert_eq!(word(e.memory(), 5), 81_929);
    assert_eq!(e.memory()[..5], [11, 48, 85, 122, 159]);
    assert_eq!(e.memory().len(), 2 * 65_536);
    let s = e.statistics();
    assert_eq!((s.collected_then_bumped, s.growths, s.pages_grown, s.collections), (1, 1, 1, 1));
}

#[test]
fn a_block_that_ends_with_memory_fits_and_one_stride_more_does_not() {
    // 2 * 65536 - 81920 = 49152 bytes of heap on two pages.
    let exact = after(&vera_131(0), [object(0, 8), object(1, 49_152 - 16 - 4)]);
    assert_eq!((exact.outcome().pages, exact.statistics().collections), (2, 1));
    assert_eq!(exact.outcome().globals[0], 2 * 65_536);
    let over = after(&vera_131(0), [object(0, 8), object(1, 49_152 - 16 - 3)]);
    assert_eq!((over.outcome().pages, over.statistics().collections), (3, 2));
}

#[test]
fn one_page_of_growth_lets_a_large_object_end_outside_of_memory() {
    let steps = [object(0, 200_000), write(0, 199_996, 1)];
    let e = after(&vera_130(), steps.clone());
    assert_eq!((e.outcome().end, e.outcome().step, e.outcome().pages), (OUT_OF_BOUNDS, 1, 2));
    assert_eq!(e.outcome().log, [32_768 + 4]);
    assert_eq!(after(&vera_131(0), steps).outcome().end, End::Finished);
}

#[test]
fn refused_growth_traps_after_the_collection() {
    let mut description = vera_131(0);
    description.parameters.max_pages = 2;
    let e = after(&description, [object(0, 8), object(1, 200_000)]);
    assert_eq!((e.outcome().end, e.outcome().step, e.outcome().pages), (UNREACHABLE, 1, 2));
    assert_eq!(e.outcome().globals, [81_936, 4, 0, 16_384, 2]);
    assert_eq!(e.outcome().log, [81_924]);
    // The collection before the refusal left its mark, and its worklist entry.
    assert_eq!(word(e.memory(), 81_920), 8 << 1 | 1);
    assert_eq!(word(e.memory(), 16_384), 81_924);
    assert_eq!(e.statistics().refused_growths, 1);
}

#[test]
fn sizes_with_bit_31_trap_only_where_they_are_guarded() {
    let e = after(&vera_131(0), [object(0, 1 << 31)]);
    assert_eq!((e.outcome().end, e.statistics().refused_sizes), (UNREACHABLE, 1));
    assert_eq!(e.outcome().globals[4], 0);
    // Unguarded, stride(0xffffffff) is 8: a tiny block with a huge size.
    let e = after(&vera_112(), [object(0, u32::MAX)]);
    assert_eq!((e.outcome().end, e.outcome().globals[0]), (End::Finished, 32_768 + 8));
    assert_eq!(word(e.memory(), 32_768), u32::MAX << 1);
}

#[test]
fn a_wrapping_heap_pointer_falls_below_the_heap_and_a_checked_one_traps() {
    // The first moves heap_ptr to 0x80007ff8, on memory that grew by one page; its sum with the second wraps to
    // 32752, which is below memory's end, so that the header of the second is what is out of bounds.
    let steps = [object(0, 0x7fff_fff0), object(1, 0x7fff_fff0)];
    let e = after(&vera_130(), steps.clone());
    assert_eq!((e.outcome().end, e.outcome().step), (OUT_OF_BOUNDS, 1));
    assert_eq!(e.outcome().globals[0], 32_768 + 0x7fff_fff8);
    let e = after(&fixed(0), steps);
    assert_eq!((e.outcome().end, e.outcome().step, e.statistics().refused_growths), (UNREACHABLE, 0, 1));
}

#[test]
fn first_fit_goes_by_recorded_size_and_leaves_the_old_link() {
    let steps = [
        object(0, 5),
        object(1, 40),
        drop_root(0),
        drop_root(1),
        Step::Collect,
        object(2, 6),
        object(3, 5),
        object(4, 1),
    ];
    let e = after(&vera_131(0), steps.clone());
    // The list descends: 81940 (40 bytes), then 81924 (5 bytes, too small for 6).
    assert_eq!(e.outcome().log, [81_924, 81_940, 81_940, 81_924, 81_984 + 4]);
    assert_eq!(word(e.memory(), 81_940), 81_924);
    assert_eq!(word(e.memory(), 81_936), 40 << 1);
    assert_eq!((e.statistics().listed, e.statistics().bumped, e.statistics().last_freed), (2, 2, 2));
    // Zeroed up to the stride, and no further.
    let mut description = vera_131(0);
    description.rules.as_mut().unwrap().reuse = Reuse::Zeroed;
    let e = after(&description, steps);
    assert_eq!(word(e.memory(), 81_940), 0);
    assert_eq!(word(e.memory(), 81_984), 1 << 1);
}

#[test]
fn a_push_to_a_full_root_stack_traps_or_runs_into_the_worklist() {
    let mut description = vera_131(0);
    description.parameters.roots = 4;
    place(&mut description);
    let steps = [Step::Roots { first: 0, count: 5, words: 1 }];
    let e = after(&description, steps.clone());
    assert_eq!((e.outcome().end, e.outcome().step, e.outcome().globals[1]), (UNREACHABLE, 0, 16));
    assert_eq!((e.outcome().log.len(), e.mirror().len()), (5, 4));
    description.rules.as_mut().unwrap().roots_full = RootsFull::Unguarded;
    let e = after(&description, steps);
    assert_eq!((e.outcome().end, e.outcome().globals[1]), (End::Finished, 20));
    assert_eq!(word(e.memory(), description.regions.worklist.0), e.outcome().log[4]);
}

#[test]
fn the_first_root_push_is_out_of_bounds_where_data_ends_with_the_page() {
    // The region of roots begins two bytes before the page's end; the allocation itself grows memory, so assign null first.
    let e = after(&vera_131(65_534), [Step::Assign { root: push(0), src: None }]);
    assert_eq!((e.outcome().end, e.outcome().step, e.outcome().globals[1]), (OUT_OF_BOUNDS, 0, 65_534));
    assert!(e.is_pristine());
}

#[test]
fn memory_beyond_2_gib_is_no_room_where_addresses_are_checked() {
    let mut description = fixed(0);
    (description.parameters.initial_pages, description.parameters.max_pages) = (32_772, 32_772);
    place(&mut description);
    // What the collection frees is too small for the second one, which ends above 2 GiB and below memory's end.
    let second = 0x8000_1000 - 0x3000_0008 - description.regions.heap_start;
    let steps = [object(0, 0x3000_0000), drop_root(0), object(1, second)];
    let e = after(&description, steps.clone());
    assert_eq!((e.outcome().end, e.outcome().step, e.statistics().refused_growths), (UNREACHABLE, 2, 1));
    // It collected in vain, and memory did not grow.
    assert_eq!((e.outcome().globals[4], e.outcome().pages), (1, 32_772));
    description.rules.as_mut().unwrap().address = AddressRule::Wrapping;
    let e = after(&description, steps);
    assert_eq!((e.outcome().end, e.outcome().globals[4]), (End::Finished, 0));
    assert!(e.outcome().globals[0] > 1 << 31);
}
