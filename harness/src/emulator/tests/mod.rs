//! Expectations computed by hand from the rules, and properties over random plans.

mod allocation;
mod collection;
mod random;
mod splitting;
mod steps;

use super::Emulator;
use crate::outcome::{End, Trap};
use crate::plan::{Fill, Initial, Plan, RootWrite, Shape, Slot, Step, Value};
use crate::runtime::description::{
    AddressRule, CandidateTest, Candidates, Description, Extent, Fit, Growth, GrowthPolicy, HandleForm, InitialPages,
    MarkAt, ObjectLayout, OnFull, PAGE, Parameters, PlacementPolicy, Promises, Regions, Reuse, RootsFull, Rules,
    SizeBits, SizeGuard, Sweep, WRAP_ENTRY, Work, WorklistFull, Zeroing,
};

/// More than any of these plans needs.
const PLENTY: u64 = 1 << 32;
const UNREACHABLE: End = End::Trapped(Trap::Unreachable);
const OUT_OF_BOUNDS: End = End::Trapped(Trap::MemoryOutOfBounds);
/// Nothing is written to a fresh payload.
const BARE: Initial = Initial { fill: Fill::Nothing, first: 0, stride: 1, count: 0, fields: 0 };

/// v0.0.131 over so many bytes of static data.
fn vera_131(data_end: u32) -> Description {
    let mut description = Description {
        name: "vera@0.0.131".to_owned(),
        summary: String::new(),
        parameters: Parameters {
            data_end,
            worklist: 16_384,
            roots: 4_096,
            initial_pages: 1,
            max_pages: 256,
            wraps: 0,
            address_limit: 1 << 31,
        },
        regions: Regions { roots: (0, 0), worklist: (0, 0), wraps: (0, 0), bitmap: (0, 0), heap_start: 0 },
        object: ObjectLayout { header_bytes: 4, stride_unit: 8, size_shift: 1, mark_mask: 1, free_link: 0 },
        promises: Promises {
            zeroing: Zeroing::Unpromised,
            size_limit: 1 << 31,
            address_limit: 1 << 32,
            worklist_full: OnFull::Trap,
            mark_at: MarkAt::Pop,
            candidates: Candidates::Phase,
            placement: PlacementPolicy::FirstFit,
            growth: GrowthPolicy::Shortage,
            work: Work::Proportional,
        },
        rules: Some(Rules {
            worklist_full: WorklistFull::Trap,
            roots_full: RootsFull::Trap,
            growth: Growth::Shortage,
            candidates: CandidateTest::Phase,
            extent: Extent::Checked,
            size_bits: SizeBits::ThirtyOne,
            size_guard: SizeGuard::TopBit,
            address: AddressRule::Wrapping,
            mark_at: MarkAt::Pop,
            reuse: Reuse::Dirty,
            fit: Fit::Whole,
            sweep: Sweep::Blocks,
            initial_pages: InitialPages::One,
            handles: HandleForm::Tagged,
        }),
        characteristics: Vec::new(),
        edit: None,
        module: None,
        among: Vec::new(),
    };
    place(&mut description);
    description
}

/// v0.0.130: a smaller worklist that drops, growth by one page.
fn vera_130() -> Description {
    let mut description = vera_131(0);
    description.parameters.worklist = 4_096;
    description.rules.as_mut().unwrap().worklist_full = WorklistFull::Drop;
    description.rules.as_mut().unwrap().growth = Growth::OnePage;
    place(&mut description);
    description
}

/// v0.0.112: sizes of 16 bits, no guard, no extent check.
fn vera_112() -> Description {
    let mut description = vera_130();
    description.rules.as_mut().unwrap().size_bits = SizeBits::Sixteen;
    description.rules.as_mut().unwrap().size_guard = SizeGuard::None;
    description.rules.as_mut().unwrap().extent = Extent::Unchecked;
    description
}

/// What `fixed` does.
fn fixed(data_end: u32) -> Description {
    let mut description = vera_131(data_end);
    description.rules.as_mut().unwrap().candidates = CandidateTest::Bitmap;
    description.rules.as_mut().unwrap().address = AddressRule::Checked;
    description.rules.as_mut().unwrap().mark_at = MarkAt::Push;
    description.rules.as_mut().unwrap().reuse = Reuse::Zeroed;
    place(&mut description);
    description.parameters.initial_pages = description.regions.heap_start.div_ceil(PAGE);
    description
}

/// Puts the regions one after the other.
fn place(description: &mut Description) {
    let p = description.parameters;
    let roots = p.data_end + 4 * p.roots;
    let worklist = roots + 4 * p.worklist;
    let wraps = worklist + WRAP_ENTRY * p.wraps;
    let bitmap = match description.rules.unwrap().candidates {
        CandidateTest::Bitmap => wraps + 1_024 * p.max_pages,
        CandidateTest::Phase | CandidateTest::Walk => wraps,
    };
    description.regions = Regions {
        roots: (p.data_end, roots),
        worklist: (roots, worklist),
        wraps: (worklist, wraps),
        bitmap: (wraps, bitmap),
        heap_start: bitmap,
    };
}

/// A new root slot.
fn push(slot: Slot) -> RootWrite {
    RootWrite { slot, push: true }
}

/// An uninitialised object in a new root slot.
fn object(slot: Slot, size: u32) -> Step {
    Step::Alloc { root: push(slot), size, init: BARE }
}

/// Null in a root slot.
fn drop_root(slot: Slot) -> Step {
    Step::Assign { root: push(slot).again(), src: None }
}

/// A number in a payload.
fn write(obj: Slot, offset: u32, word: u32) -> Step {
    Step::Write { obj, offset, value: Value::Constant(word) }
}

/// A graph without data words in slot 0.
fn graph(shape: Shape) -> Step {
    Step::Graph { root: push(0), shape, words: 0, tag: 0 }
}

fn plan(steps: impl Into<Vec<Step>>) -> Plan {
    Plan { steps: steps.into(), ..Plan::default() }
}

/// An emulator that has run these steps.
fn after(description: &Description, steps: impl Into<Vec<Step>>) -> Emulator {
    let mut emulator = Emulator::new(description).unwrap();
    emulator.run(&plan(steps), PLENTY);
    emulator
}

fn word(memory: &[u8], address: u32) -> u32 {
    u32::from_le_bytes(memory[address as usize..][..4].try_into().expect("four bytes"))
}
