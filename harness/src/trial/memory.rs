//! One pass over all memories: whether they are the same, byte for byte, and what of them the program changed.
//!
//! Every byte of every engine's memory is looked at, once. It is compared with what it must be: with the emulator's image where the
//! emulator stored anything, and elsewhere with the pristine image, which is what the emulator has there. Without an emulator it is
//! compared with the first engine's. If all are the same, the changed granules are all that has to be restored for the next program.

use crate::emulator::Emulator;
use crate::engine::pristine::{BLOCK, GRANULE, Pristine};
use crate::engine::session::Resident;
use std::ops::Range;

/// Whether the memories of all engines and of the emulator, if there is one, are the same. If they are, `changed` becomes the granules
/// that may differ from the pristine image.
pub(super) fn same(
    residents: &[Resident],
    pristine: &Pristine,
    emulator: Option<&Emulator>,
    changed: &mut Vec<u32>,
) -> bool {
    changed.clear();
    let memories: Vec<&[u8]> = residents.iter().map(Resident::heap).collect();
    let Some(&first) = memories.first() else { return false };
    let emulated = emulator.map_or(first, Emulator::memory);
    // Pages are whole blocks, and blocks are whole granules.
    if !first.len().is_multiple_of(BLOCK) || memories.iter().chain([&emulated]).any(|m| m.len() != first.len()) {
        return false;
    }
    let all_hold = |range: &Range<usize>, bytes: &[u8]| memories.iter().all(|memory| memory[range.clone()] == *bytes);
    for index in 0..first.len() / BLOCK {
        let original = pristine.block(index);
        let touched = |range: &Range<usize>| match emulator {
            Some(emulator) => emulator.is_touched(range.clone()),
            None => first[range.clone()] != original[range.start % BLOCK..][..range.len()],
        };
        let block = index * BLOCK..(index + 1) * BLOCK;
        if !touched(&block) {
            if !all_hold(&block, original) {
                return false;
            }
            continue;
        }
        for start in block.step_by(GRANULE) {
            let granule = start..start + GRANULE;
            let expected = if touched(&granule) {
                changed.push((start / GRANULE) as u32);
                &emulated[granule.clone()]
            } else {
                &original[start % BLOCK..][..GRANULE]
            };
            if !all_hold(&granule, expected) {
                return false;
            }
        }
    }
    true
}
