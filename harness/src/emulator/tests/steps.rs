//! The steps of a plan.

use super::*;
use crate::plan::{digest, pattern};

#[test]
fn a_store_in_part_out_of_bounds_changes_nothing() {
    // Memory ends at 131072: two bytes of the word would fit.
    let steps = [object(0, 8), write(0, 131_072 - 81_924 - 2, u32::MAX)];
    let e = after(&vera_131(0), steps);
    assert_eq!((e.outcome().end, e.outcome().step), (OUT_OF_BOUNDS, 1));
    assert_eq!(e.memory()[131_070..], [0, 0]);
}

#[test]
fn offsets_wrap() {
    let e = after(&vera_131(0), [object(0, 8), write(0, u32::MAX - 3, 77)]);
    assert_eq!((e.outcome().end, word(e.memory(), 81_920)), (End::Finished, 77));
    // A null register reads at its offset: static data.
    let load = Step::Load { root: push(0), src: 9, offset: 4 };
    let e = after(&vera_131(8), [load]);
    assert_eq!(e.outcome().log, [u32::from_le_bytes([159, 196, 233, 14])]);
    assert_eq!(e.mirror(), e.outcome().log);
}

#[test]
fn a_pattern_comes_before_the_null_fields_and_ends_with_the_tail() {
    let init = Initial { fill: Fill::All { tag: 3 }, first: 1, stride: 2, count: 2, fields: 2 };
    let e = after(&vera_131(0), [Step::Alloc { root: push(0), size: 19, init }]);
    let words: Vec<u32> = (0..4).map(|i| word(e.memory(), 81_924 + 4 * i)).collect();
    assert_eq!(words, [pattern(3, 0), 0, pattern(3, 2), 0]);
    assert_eq!(
        e.memory()[81_940..81_944],
        [16, 17, 18].map(|o| pattern(3, o) as u8).into_iter().chain([0]).collect::<Vec<_>>()[..]
    );
}

#[test]
fn ends_leave_the_middle() {
    let filled = |size: u32| {
        let init = Initial { fill: Fill::Ends { tag: 9 }, ..BARE };
        let e = after(&vera_131(0), [Step::Alloc { root: push(0), size, init }]);
        (0..size / 4).filter(|i| word(e.memory(), 81_924 + 4 * i) == pattern(9, *i)).collect::<Vec<_>>()
    };
    assert_eq!(filled(24), (0..6).collect::<Vec<_>>());
    assert_eq!(filled(40), (0..10).collect::<Vec<_>>());
    assert_eq!(filled(80), (0..8).chain(12..20).collect::<Vec<_>>());
}

#[test]
fn a_frame_is_left_with_its_result_in_the_outer_frame() {
    let steps = [
        object(0, 8),
        Step::Enter,
        object(1, 8),
        object(2, 16),
        Step::Leave { keep: Some((2, push(1))) },
        Step::Collect,
    ];
    let e = after(&vera_131(0), steps);
    assert_eq!(e.mirror()[..2], [81_924, 81_956]);
    assert_eq!((word(e.memory(), 4), word(e.memory(), 8), e.outcome().globals[1]), (81_956, 81_956, 8));
    assert_eq!(e.statistics().last_freed, 1);
}

#[test]
fn digests_are_logged_range_by_range_until_one_is_out_of_bounds() {
    let ranges = vec![(0, 6), (7, 0), (0, 60_000)];
    let e = after(&vera_131(0), [object(0, 8), write(0, 0, 5), Step::Digest { obj: 0, ranges }]);
    assert_eq!((e.outcome().end, e.outcome().step), (OUT_OF_BOUNDS, 2));
    assert_eq!(e.outcome().log, [81_924, digest(&[5, 0, 0, 0, 0, 0]), digest(&[])]);
}

#[test]
fn graphs_that_would_overflow_run_out_of_fuel() {
    let shapes = [
        Shape::Tree { n: 3, arity: 0 },
        Shape::Tree { n: 3, arity: u32::MAX },
        Shape::Grid { width: u32::MAX, height: 2 },
        Shape::Wide { n: 1 << 30 },
        Shape::Chain { n: u32::MAX },
    ];
    for shape in shapes {
        let mut e = Emulator::new(&vera_131(0)).unwrap();
        assert!(matches!(e.run(&plan([graph(shape)]), 100_000).end, End::OutOfFuel | UNREACHABLE), "{shape:?}");
    }
    let roots = Step::Roots { first: u32::MAX, count: 2, words: 0 };
    assert_eq!(after(&vera_131(0), [roots]).outcome().end, End::OutOfFuel);
}
