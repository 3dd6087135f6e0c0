//! Boundary classes: how far from a 64 KiB page boundary the end of an allocation lies, and `data_end` modulo 8.
//!
//! Strides are multiples of 8, so what a shortage can be depends on `data_end` modulo 8; each distance is a class of its own for each of the
//! eight, and for the end of the payload and of the block.

use crate::model::Logged;
use crate::outcome::Outcome;
use crate::runtime::description::{Description, PAGE};

/// The farthest distance that counts, on either side.
const FAR: i32 = 16;
/// Distances: -16..=16.
const DISTANCES: usize = 2 * FAR as usize + 1;
/// Values of `data_end` modulo 8.
const PHASES: usize = 8;
/// Ends of an allocation.
const PARTS: [&str; 2] = ["payload", "block"];

/// How many classes there are.
pub const BOUNDARY_CLASSES: usize = PARTS.len() * DISTANCES * PHASES;

/// The classes of the allocations that an execution logged, below [`BOUNDARY_CLASSES`].
pub(crate) fn classes(description: &Description, kinds: &[Logged], outcome: &Outcome) -> impl Iterator<Item = usize> {
    let (object, phase) = (description.object, description.parameters.data_end as usize % PHASES);
    let allocations = kinds.iter().zip(&outcome.log).filter_map(|(kind, &address)| match *kind {
        Logged::Allocation { size } => Some((size, address)),
        Logged::Pointer(_) | Logged::Digest(_) | Logged::Zero => None,
    });
    allocations.flat_map(move |(size, address)| {
        let payload = u64::from(address) + u64::from(size);
        let block = u64::from(address) - u64::from(object.header_bytes.min(address)) + object.stride(size);
        let ends = [payload, block].into_iter().enumerate();
        ends.filter_map(move |(part, end)| {
            let distance = (end + FAR as u64) % u64::from(PAGE);
            (distance < DISTANCES as u64).then(|| (part * DISTANCES + distance as usize) * PHASES + phase)
        })
    })
}

/// The end, its distance to the boundary, and `data_end` modulo 8 of a class.
pub(super) const fn parts(class: usize) -> (&'static str, i32, usize) {
    let (rest, phase) = (class / PHASES, class % PHASES);
    (PARTS[rest / DISTANCES % PARTS.len()], (rest % DISTANCES) as i32 - FAR, phase)
}
