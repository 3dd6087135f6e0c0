//! Free blocks that split and merge: [`Fit::Split`], [`Sweep::Runs`].

use super::*;

/// What `fixed-split` does, on few pages.
fn fixed_split() -> Description {
    let mut description = fixed(0);
    description.rules.as_mut().unwrap().fit = Fit::Split;
    description.rules.as_mut().unwrap().sweep = Sweep::Runs;
    description
}

/// Payloads from the free list's head on, with the sizes that their headers record.
fn free_list(e: &Emulator) -> Vec<(u32, u32)> {
    let mut list = Vec::new();
    let mut next = e.outcome().globals[2];
    while next != 0 {
        list.push((next, word(e.memory(), next - 4) >> 1));
        next = word(e.memory(), next);
    }
    list
}

#[test]
fn neighbours_become_one_block_and_survivors_part_them() {
    let d = fixed_split();
    let start = d.regions.heap_start + 4;
    // Strides 16, 8, 24, 16, 8.
    let mut steps: Vec<Step> = [12, 0, 17, 5, 3].iter().zip(0..).map(|(&n, slot)| object(slot, n)).collect();
    steps.extend([drop_root(0), drop_root(1), drop_root(3), drop_root(4), Step::Collect]);
    let e = after(&d, steps);
    assert_eq!(free_list(&e), [(start + 48, 20), (start, 20)]);
    assert_eq!(word(e.memory(), start + 24 - 4), 17 << 1 | 1);
    let s = e.statistics();
    assert_eq!((s.merged_runs, s.merged_blocks, s.runs_at_the_end, s.last_freed), (2, 4, 1, 2));
}

#[test]
fn the_lower_part_is_handed_out_and_the_rest_takes_its_place() {
    let d = fixed_split();
    let start = d.regions.heap_start + 4;
    // Two free runs of 40 bytes, the upper one first on the list.
    let mut steps: Vec<Step> = [36, 8, 36, 8].iter().zip(0..).map(|(&n, slot)| object(slot, n)).collect();
    steps.extend([drop_root(0), drop_root(2), Step::Collect]);
    let upper = start + 56;
    let e = after(&d, steps.clone());
    assert_eq!(free_list(&e), [(upper, 36), (start, 36)]);
    // 40 - 32 = 8 bytes are left: the least that there can be.
    steps.push(object(4, 21));
    let e = after(&d, steps.clone());
    assert_eq!(e.outcome().log.last(), Some(&upper));
    assert_eq!(free_list(&e), [(upper + 32, 4), (start, 36)]);
    assert_eq!(word(e.memory(), upper - 4), 21 << 1);
    // The remainder is too small; the next block fits exactly, and leaves nothing.
    steps.push(object(5, 33));
    let e = after(&d, steps.clone());
    assert_eq!(e.outcome().log.last(), Some(&start));
    assert_eq!(free_list(&e), [(upper + 32, 4)]);
    assert_eq!(word(e.memory(), start - 4), 33 << 1);
    // A size of 0 takes a stride of 8.
    steps.push(object(6, 0));
    let e = after(&d, steps);
    assert_eq!((e.outcome().log.last(), free_list(&e)), (Some(&(upper + 32)), vec![]));
    let s = e.statistics();
    assert_eq!((s.splits, s.remainders[0], s.refits, s.listed), (1, 1, 2, 3));
}

#[test]
fn what_is_handed_out_is_zeroed_up_to_the_remainder_and_no_further() {
    let d = fixed_split();
    let start = d.regions.heap_start + 4;
    let fill = Initial { fill: Fill::All { tag: 3 }, first: 0, stride: 1, count: 0, fields: 0 };
    let steps =
        [Step::Alloc { root: push(0), size: 60, init: fill }, object(1, 4), drop_root(0), Step::Collect, object(2, 9)];
    let e = after(&d, steps);
    let words: Vec<u32> = (0..7).map(|i| word(e.memory(), start - 4 + 4 * i)).collect();
    // Header, three zeroes (9 bytes and padding), the remainder's header and link, then what was there.
    assert_eq!(words[..6], [9 << 1, 0, 0, 0, 44 << 1, 0]);
    assert_eq!(words[6], crate::plan::pattern(3, 5));
}

#[test]
fn padding_is_room_where_blocks_split_without_merging() {
    let mut d = fixed_split();
    d.rules.as_mut().unwrap().sweep = Sweep::Blocks;
    let e = after(&d, [object(0, 5), object(1, 0), drop_root(0), Step::Collect, object(2, 12)]);
    assert_eq!(e.outcome().log[0], e.outcome().log[2]);
    assert_eq!((e.statistics().refits, e.statistics().splits), (1, 0));
    let mut d = fixed_split();
    d.rules.as_mut().unwrap().fit = Fit::Whole;
    let e = after(&d, [object(0, 5), object(1, 0), drop_root(0), drop_root(1), Step::Collect, object(2, 20)]);
    assert_eq!(e.outcome().log[0], e.outcome().log[2], "merged blocks serve whole requests");
}
