//! Whether a collector joins free neighbours: what lets rounds have objects of many sizes.
//!
//! A collector that joins all free memory has one free block after each round, whatever the sizes of its objects, and the next round finds the room that the
//! first one found. One that splits and never joins may cut a large block for a small object in every round.
//!
//! It is tried: small objects are made, which one array holds; all of it is dropped and collected; then comes one object two fifths as large as memory
//! grew by. If memory is as large with that object as without it, it stands where they stood. Room that was there besides would look the same, so this is
//! tried for [`SCALES`] numbers of objects, each a fifth larger than the one before: together they are a doubling, and somewhere in it even
//! memory that grows by doubling is nearly full. Where it grew by larger steps, nothing is known.

use crate::engine::EngineError;
use crate::plan::Step;
use crate::runtime::description::PAGE;
use crate::trial::{Most, Rig};
use heapsmith_generators::{Count, Init, Op, Placement, Program, Reg, Shape, Size};

/// Pointers of the smallest array.
const POINTERS: u32 = 10_000;
/// Numbers of objects that are tried: one number is about 1.2 times the one before.
const SCALES: u32 = 5;
/// Fuel of one run.
const FUEL: u64 = 20_000_000;

/// Whether the collector of `rig` joins free neighbours, for all that can be shown. The rig has run something else afterwards.
///
/// # Errors
/// When the engine fails.
pub(super) fn merges(rig: &mut Rig) -> Result<bool, EngineError> {
    let machine = rig.prepared().runtime.description.machine();
    let (mut first, mut last) = (None, 0);
    let mut pointers = POINTERS;
    for _ in 0..SCALES {
        let graph = [
            Op::Enter,
            Op::Graph { dst: Reg::new(0), shape: Shape::Wide { n: Count::new(pointers) }, words: 1, tag: 1 },
            Op::Drop { reg: Reg::new(0) },
            Op::Collect,
        ];
        let Some(without) = pages(rig, &Program { machine, ops: end(&graph) })? else { return Ok(false) };
        let grown = without.saturating_sub(rig.prepared().runtime.description.parameters.initial_pages);
        let bytes = grown.saturating_mul(PAGE) / 5 * 2;
        let object = Op::Alloc {
            dst: Reg::new(1),
            size: Size::Bytes(bytes),
            fields: 0,
            place: Placement::Front,
            init: Init::Bare,
        };
        let with = pages(rig, &Program { machine, ops: end(&[&graph[..], &[object]].concat()) })?;
        let is_made =
            rig.model().plan().steps.iter().any(|step| matches!(step, Step::Alloc { size, .. } if *size >= bytes));
        if grown == 0 || with != Some(without) || !is_made {
            return Ok(false);
        }
        first.get_or_insert(without);
        last = without;
        pointers = pointers * 6 / 5;
    }
    Ok(first.is_some_and(|first| first < last))
}

fn end(ops: &[Op]) -> Vec<Op> {
    [ops, &[Op::Leave { keep: None }, Op::Collect]].concat()
}

/// Pages of memory after a program; none if it does not come to its end.
fn pages(rig: &mut Rig, program: &Program) -> Result<Option<u32>, EngineError> {
    if rig.work(program) == u64::MAX || rig.model().plan().steps.len() < program.ops.len() {
        return Ok(None);
    }
    let course = rig.rounds(0, 0, Most { rounds: 1, fuel: FUEL }, |_| false)?;
    Ok(course.pages.first().copied())
}
