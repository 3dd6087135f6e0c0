//! One pass over all memories: whether they are the same, byte for byte, and which blocks the program changed.
//!
//! Every byte of every engine's memory is looked at, once. It is compared with what it must be: with the emulator's image where the
//! emulator stored anything, and elsewhere with the pristine image, which is what the emulator has there. Without an emulator it is
//! compared with the first engine's. If all are the same, the changed blocks are all that has to be restored for the next program.

use crate::emulator::Emulator;
use crate::engine::pristine::{BLOCK, Pristine};
use crate::engine::session::Resident;

/// Whether the memories of all engines and of the emulator, if there is one, are the same. If they are, `changed` becomes the blocks
/// that may differ from the pristine image.
pub(super) fn same(
    residents: &[Resident],
    pristine: &Pristine,
    emulator: Option<&Emulator>,
    changed: &mut Vec<u32>,
) -> bool {
    changed.clear();
    let Some((first, others)) = residents.split_first() else { return false };
    let first = first.heap();
    let others: Vec<&[u8]> = others.iter().map(Resident::heap).collect();
    if others.iter().any(|other| other.len() != first.len())
        || emulator.is_some_and(|e| e.memory().len() != first.len())
    {
        return false;
    }
    for (index, block) in first.chunks(BLOCK).enumerate() {
        let start = index * BLOCK;
        let range = start..start + block.len();
        let original = pristine.block(index, block.len());
        let (expected, untouched) = match emulator {
            Some(emulator) if emulator.is_touched(range.clone()) => (&emulator.memory()[range.clone()], false),
            Some(_) => (original, true),
            None if block == original => (block, true),
            None => (block, false),
        };
        if (emulator.is_some() && block != expected) || others.iter().any(|other| other[range.clone()] != *expected) {
            return false;
        }
        if !untouched {
            changed.push(index as u32);
        }
    }
    true
}
