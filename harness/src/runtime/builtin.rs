//! The built-in collectors by name.
//!
//! | name | what it is |
//! |---|---|
//! | `vera@0.0.65` | the first one: regions of 4 KiB, unguarded root pushes (#464), and everything that .112 breaks |
//! | `vera@0.0.112` | guarded root pushes, 16 KiB; readers honour 16 bits of a size (#484), candidates unchecked (#515) |
//! | `vera@0.0.114` | readers honour 31 bits of a size; candidates still unchecked (#515) |
//! | `vera@0.0.130` | before the seed's pull request: drops pushes to a full worklist (#348), grows one page (#487) |
//! | `vera@0.0.131` | after it |
//! | `vera@0.1.9` | .131 with addresses computed in 64 bits and a trap at 2 GiB (since .155), without the wrap table |
//! | `vera@0.1.9+wrap` | the same with the wrap table, as where a program holds host handles |
//! | `vera@0.2` | a bitmap of object bases gates the candidate test (#1382); a full worklist is put off and scanned again, and traps no more |
//! | `fixed` | the reference, which keeps every promise |
//! | `fixed-split` | a second reference, whose blocks split and merge |
//!
//! Two details are the plainest reading of what is known: the guard of `alloc` on bit 31, which .112 lacks and .130 has, is taken to
//! have come with the 31 bits of .114; and 0.1.9 refuses every block above 2 GiB, as `fixed` does. Of 0.2 it is not known
//! where its bitmap lies, nor whether free blocks are in it: here it lies before the heap, as in `fixed`, and they are not; an
//! object is marked when popped, as before.
//!
//! Each takes parameters ([`Spec`]). What the user pins wins over what the program asks for, which wins over the defaults.

use super::description::{
    ADDRESS_LIMIT, AddressRule, CandidateTest, Candidates, Characteristic, Description, Extent, Fit, Growth,
    GrowthPolicy, HandleForm, InitialPages, MarkAt, ObjectLayout, OnFull, PlacementPolicy, Promises, Reuse, RootsFull,
    Rules, SizeBits, SizeGuard, Sweep, Work, WorklistFull, Zeroing,
};
use super::{Runtime, RuntimeError, emit};
use heapsmith_generators::Machine;

pub use super::spec::{Spec, parse_spec};

const NAMES: [&str; 10] = [
    "vera@0.0.65",
    "vera@0.0.112",
    "vera@0.0.114",
    "vera@0.0.130",
    "vera@0.0.131",
    "vera@0.1.9",
    "vera@0.1.9+wrap",
    "vera@0.2",
    "fixed",
    "fixed-split",
];

/// What a built-in collector is before it has parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release {
    pub(super) summary: &'static str,
    /// Entries of the worklist where nobody asks for another number.
    pub(super) worklist: u32,
    /// Slots of the root stack where nobody asks for another number.
    pub(super) roots: u32,
    /// Entries of the wrap table where nobody asks for another number; 0 for a release without one.
    pub(super) wraps: u32,
    pub(super) rules: Rules,
    pub(super) promises: Promises,
    pub(super) characteristics: &'static [Characteristic],
}

/// The names of the built-in collectors.
#[must_use]
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// A built-in collector with these parameters; those that are `None` take the collector's default.
///
/// # Errors
/// Unknown names, and parameters that no module can have.
pub fn describe(name: &str, machine: Machine) -> Result<Description, RuntimeError> {
    Spec { name: name.to_owned(), module: None, pinned: machine, address_limit: None, edit: None }
        .resolve(Machine::default())
}

/// A description with the WebAssembly that does what its rules say.
#[must_use]
pub fn builtin(description: Description) -> Runtime {
    let fields = match (&description.module, &description.rules) {
        (Some(module), _) => module.fields(description.parameters.initial_pages, description.parameters.max_pages),
        (None, Some(rules)) => emit::fields(rules, &description),
        // Nobody describes such a one; no engine takes such a text.
        (None, None) => format!("(neither module nor rules for {})", description.name),
    };
    let runtime = Runtime { description, fields };
    let Some(edit) = &runtime.description.edit else { return runtime };
    match edit.apply(&runtime) {
        Ok(edited) => edited,
        // A spec was refused if it came to this; other rules than its own may. No engine takes such a text.
        Err(_) => Runtime { fields: format!("(edit \"{edit}\" does not match)"), ..runtime },
    }
}

/// How a block of a built-in collector looks.
pub(super) const OBJECT: ObjectLayout =
    ObjectLayout { header_bytes: 4, stride_unit: 8, size_shift: 1, mark_mask: 1, free_link: 0 };

const VERA_131: Release = Release {
    summary: "conservative mark-sweep of Vera v0.0.131: traps on a full worklist, grows by the shortage",
    worklist: 16_384,
    roots: 4_096,
    wraps: 0,
    rules: Rules {
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
    },
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
    characteristics: &[
        Characteristic::Duplicates,
        Characteristic::StaleLink,
        Characteristic::NoSplit,
        Characteristic::CollectionPerGrowth,
        Characteristic::SearchOfWholeList,
    ],
};

/// The promises are the correct ones: what this release breaks is what the harness is to find.
const VERA_130: Release = Release {
    summary: "conservative mark-sweep of Vera v0.0.130: drops pushes to a full worklist (#348), grows one page (#487)",
    worklist: 4_096,
    rules: Rules { worklist_full: WorklistFull::Drop, growth: Growth::OnePage, ..VERA_131.rules },
    ..VERA_131
};

const VERA_114: Release = Release {
    summary: "conservative mark-sweep of Vera v0.0.114: v0.0.130 that scans a false candidate past the heap's end (#515)",
    rules: Rules { extent: Extent::Unchecked, ..VERA_130.rules },
    ..VERA_130
};

const VERA_112: Release = Release {
    summary: "conservative mark-sweep of Vera v0.0.112: v0.0.114 that reads 16 bits of a size (#484), sizes unguarded",
    rules: Rules { size_bits: SizeBits::Sixteen, size_guard: SizeGuard::None, ..VERA_114.rules },
    ..VERA_114
};

const VERA_65: Release = Release {
    summary: "conservative mark-sweep of Vera v0.0.65: v0.0.112 with 1024 roots and entries, root pushes unguarded (#464)",
    worklist: 1_024,
    roots: 1_024,
    rules: Rules { roots_full: RootsFull::Unguarded, ..VERA_112.rules },
    ..VERA_112
};

const VERA_0_1_9: Release = Release {
    summary: "conservative mark-sweep of Vera v0.1.9: v0.0.131 that traps before the heap reaches beyond 2 GiB",
    rules: Rules { address: AddressRule::Checked, ..VERA_131.rules },
    promises: Promises { address_limit: ADDRESS_LIMIT as u64, ..VERA_131.promises },
    ..VERA_131
};

const VERA_0_1_9_WRAP: Release = Release {
    summary: "conservative mark-sweep of Vera v0.1.9 with the wrap table: releases the handles of dead host objects",
    wraps: 4_096,
    ..VERA_0_1_9
};

/// Copies of one pointer cost work only, because a full worklist loses nothing.
const VERA_0_2: Release = Release {
    summary: "conservative mark-sweep of Vera v0.2: proves object bases by a bitmap, scans again what a full worklist put off",
    rules: Rules { worklist_full: WorklistFull::Rescan, candidates: CandidateTest::Bitmap, ..VERA_0_1_9.rules },
    promises: Promises { worklist_full: OnFull::Rescan, candidates: Candidates::AllocatedBase, ..VERA_0_1_9.promises },
    characteristics: &[
        Characteristic::StaleLink,
        Characteristic::NoSplit,
        Characteristic::CollectionPerGrowth,
        Characteristic::SearchOfWholeList,
        Characteristic::RepeatedScans,
    ],
    ..VERA_0_1_9
};

const FIXED: Release = Release {
    summary: "the reference: conservative mark-sweep that proves object starts and keeps every promise",
    worklist: 16_384,
    roots: 4_096,
    wraps: 0,
    rules: Rules {
        worklist_full: WorklistFull::Trap,
        roots_full: RootsFull::Trap,
        growth: Growth::Shortage,
        candidates: CandidateTest::Bitmap,
        extent: Extent::Checked,
        size_bits: SizeBits::ThirtyOne,
        size_guard: SizeGuard::TopBit,
        address: AddressRule::Checked,
        mark_at: MarkAt::Push,
        reuse: Reuse::Zeroed,
        fit: Fit::Whole,
        sweep: Sweep::Blocks,
        initial_pages: InitialPages::CoverRegions,
        handles: HandleForm::Tagged,
    },
    promises: Promises {
        zeroing: Zeroing::Zeroed,
        size_limit: 1 << 31,
        address_limit: ADDRESS_LIMIT as u64,
        worklist_full: OnFull::Trap,
        mark_at: MarkAt::Push,
        candidates: Candidates::AllocatedBase,
        placement: PlacementPolicy::FirstFit,
        growth: GrowthPolicy::Shortage,
        work: Work::Proportional,
    },
    characteristics: &[Characteristic::NoSplit, Characteristic::CollectionPerGrowth, Characteristic::SearchOfWholeList],
};

const FIXED_SPLIT: Release = Release {
    summary: "the second reference: `fixed` with free blocks that are split by requests and merged by the sweep",
    rules: Rules { fit: Fit::Split, sweep: Sweep::Runs, ..FIXED.rules },
    promises: Promises { placement: PlacementPolicy::FirstFitSplit, ..FIXED.promises },
    characteristics: &[Characteristic::CollectionPerGrowth],
    ..FIXED
};

/// The release of this name.
pub(super) fn release(name: &str) -> Option<&'static Release> {
    match name {
        "vera@0.0.65" => Some(&VERA_65),
        "vera@0.0.112" => Some(&VERA_112),
        "vera@0.0.114" => Some(&VERA_114),
        "vera@0.0.130" => Some(&VERA_130),
        "vera@0.0.131" => Some(&VERA_131),
        "vera@0.1.9" => Some(&VERA_0_1_9),
        "vera@0.1.9+wrap" => Some(&VERA_0_1_9_WRAP),
        "vera@0.2" => Some(&VERA_0_2),
        "fixed" => Some(&FIXED),
        "fixed-split" => Some(&FIXED_SPLIT),
        _ => None,
    }
}
