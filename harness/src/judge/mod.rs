//! The judge: holds what was seen against what the model says must be.
//!
//! # What it checks
//! 1. *Any collector*: each object handed out is aligned, inside memory and disjoint from every live object; each pointer read and each digest is
//!    what the mutator last wrote; payloads of reachable objects are the model's, byte for byte; a trap is `unreachable`, at a step
//!    where the promises allow it; none is missing.
//!    Where there is a wrap table: no handle of a reachable object is released, none twice, and none that was not registered.
//! 2. *With a layout*: blocks tile the heap; the free list is acyclic, on block starts, and holds no reachable object; the root
//!    stack and the static data are what the mutator left. While the model is exact: placement, growth and the free list are the policy's.
//!
//! # What it does not check
//! Mark bits between collections, memory beyond the heap's end, the worklist region after use, and, where zeroing is no promise, bytes
//! never written. (Where it is one, every byte of a live object that nobody wrote must be zero, whether an op asks or not: a fault
//! that dirties single words was seen four times as often that way.) It decides from the model and the outcome alone; the emulator is not asked.

mod contents;
mod layout;
mod log;
mod oracles;
mod plateau;
mod releases;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use log::snapshot_digest;
pub use oracles::Oracles;
pub(crate) use oracles::judge_leniently;
pub use plateau::{Round, is_due, is_judged, plateau};
pub use verdict::{
    Adjudication, Allowance, BrokenWord, Disagreement, Inconclusive, Kind, MAX_BROKEN_WORDS, Phase, Silent, Subject,
    Verdict, Violation,
};

use crate::model::{BlockId, ExpectedTrap, Logged, Model};
use crate::outcome::{End, Outcome, Trap};
use crate::plan::Step;
use crate::runtime::description::{PAGE, Role};
use heapsmith_generators::Program;

/// What one engine showed.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// How it ended and what the mutator saw.
    pub outcome: &'a Outcome,
    /// The collector's memory.
    pub heap: &'a [u8],
}

impl Seen<'_> {
    /// The word at an address; none out of bounds.
    #[must_use]
    pub fn word(&self, address: u32) -> Option<u32> {
        let at = address as usize;
        self.heap.get(at..at.checked_add(4)?)?.first_chunk::<4>().map(|b| u32::from_le_bytes(*b))
    }

    /// What a global of the collector says, if it has it.
    #[must_use]
    pub fn global(&self, model: &Model, role: Role) -> Option<u32> {
        model.description().global(self.outcome, role)
    }

    /// The address that an allocation really got.
    #[must_use]
    pub fn address(&self, model: &Model, id: BlockId) -> u32 {
        let block = model.heap.block(id);
        self.outcome.log.get(block.logged as usize).copied().unwrap_or(block.address)
    }
}

/// Judges an execution of a whole plan. `model` has planned `program`, or a prefix of it.
///
/// An execution that ran out of fuel is the caller's to retry; here it is a hang.
#[must_use]
pub fn judge(model: &mut Model, program: &Program, seen: Seen<'_>) -> Verdict {
    match seen.outcome.end {
        End::Finished => match model.expectation().trap {
            Some(trap) => violation(missing_trap(model, seen, trap)),
            None => check_state(model, program, seen).map_or(Verdict::Pass, violation),
        },
        End::Trapped(trap) => judge_trap(model, program, seen, trap),
        End::OutOfFuel => violation(hang(seen.outcome.step)),
    }
}

/// Judges the state after the steps of `program` that the model has planned so far, none of which had to trap.
#[must_use]
pub fn check_state(model: &mut Model, program: &Program, seen: Seen<'_>) -> Option<Violation> {
    let live = contents::live_objects(model, seen);
    log::first_illegal_allocation(model, seen)
        .or_else(|| layout::freed_object(model, seen, &live))
        .or_else(|| contents::first_overlap(model, seen, &live))
        .or_else(|| contents::first_difference(model, seen, &live, u32::MAX))
        .or_else(|| log::first_difference(model, seen))
        .or_else(|| log::surplus(model, seen))
        .or_else(|| releases::check(model, program, None, seen))
        .or_else(|| contents::first_not_zero(model, seen, &live))
        .or_else(|| layout::check(model, seen, &live))
}

fn violation(v: Violation) -> Verdict {
    Verdict::Violation(Box::new(v))
}

fn judge_trap(model: &mut Model, program: &Program, seen: Seen<'_>, trap: Trap) -> Verdict {
    let step = seen.outcome.step;
    let expect = model.expectation();
    let permitted = expect.inexact_from.is_some_and(|from| from <= step)
        && model.plan().steps.get(step as usize).is_some_and(may_collect);
    // After a false candidate a step can trap for another reason, and earlier, than the one that is demanded of it.
    let complete = !permitted || seen.outcome.log.len() >= expect.log.len();
    let demanded = expect.trap.filter(|t| t.step == step && complete);
    match (trap, demanded) {
        // The step that must trap did, but before it came as far as it must.
        (Trap::Unreachable, Some(_)) if seen.outcome.log.len() < model.expectation().log.len() => {
            violation(unexpected_trap(model, seen, trap))
        }
        (Trap::Unreachable, Some(ExpectedTrap { rule, .. })) => match check_demanded(model, program, seen) {
            Some(v) => violation(Violation { step, ..v }),
            None => Verdict::AllowedTrap(Allowance::Must(rule)),
        },
        (Trap::Unreachable, None) if permitted => {
            let broken = check_before(model, program, step, seen);
            let is_worklist = fills_worklist(model, program, step);
            model.plan_program(program);
            let is_shown = is_worklist || has_evidence(model, seen);
            let broken = broken.or_else(|| (!is_shown).then(|| unexpected_trap(model, seen, trap)));
            broken.map_or(Verdict::AllowedTrap(Allowance::May), |v| violation(Violation { step, ..v }))
        }
        (_, _) => violation(unexpected_trap(model, seen, trap)),
    }
}

/// What must still hold of the state before step `step`, in which a trap came that the model did not demand.
fn check_before(model: &mut Model, program: &Program, step: u32, seen: Seen<'_>) -> Option<Violation> {
    let slot = match model.plan().steps.get(step as usize) {
        Some(Step::Graph { root, .. }) if !root.push => Some(root.slot),
        Some(_) | None => None,
    };
    let before = Program { machine: program.machine, ops: program.ops[..step as usize].to_vec() };
    model.plan_program(&before);
    if let Some(slot) = slot {
        model.forget(slot);
    }
    check_after_trap(model, seen)
        .or_else(|| releases::check(model, &before, slot, seen))
        .or_else(|| layout::static_data(model, seen))
}

/// What must hold after a demanded trap: all that holds after a step, because the model stops at the same point, and what is refused
/// leaves blocks, free list, roots and static data as they were.
fn check_demanded(model: &mut Model, program: &Program, seen: Seen<'_>) -> Option<Violation> {
    let live = contents::live_objects(model, seen);
    check_after_trap(model, seen)
        .or_else(|| log::surplus(model, seen))
        .or_else(|| releases::check(model, program, None, seen))
        .or_else(|| layout::check(model, seen, &live))
}

/// Whether a worklist of which only the number of entries is known may have been full in a step: there were as many words to put into it, before the
/// step, where `model` stands, or after it.
fn fills_worklist(model: &mut Model, program: &Program, step: u32) -> bool {
    let Some(entries) = model.description().module.as_ref().and_then(|module| module.traps.worklist) else {
        return false;
    };
    let before = model.candidates();
    let through = Program { machine: program.machine, ops: program.ops[..=step as usize].to_vec() };
    model.plan_program(&through);
    before.max(model.candidates()) >= u64::from(entries)
}

/// Whether memory shows why a trap came that is allowed only: a full worklist, a full wrap table, or a block that does not fit below the page
/// limit or the address limit, unless a heap as large as is declared would have held it.
fn has_evidence(model: &Model, seen: Seen<'_>) -> bool {
    let (from, to) = model.description().regions.worklist;
    let d = model.description();
    // Where its end is in no global, what stands in its last entry was put there when it was full.
    let is_worklist_full = match d.index_of(Role::Worklist) {
        Some(_) => seen.global(model, Role::Worklist).is_some_and(|top| top >= to),
        None => seen.word(to.saturating_sub(4)).is_some_and(|last| last != 0),
    };
    if from < to && is_worklist_full {
        return true;
    }
    let step = model.plan().steps.get(seen.outcome.step as usize);
    let is_full = || seen.global(model, Role::Wraps).is_some_and(|end| end >= d.regions.wraps.1);
    if matches!(step, Some(Step::Wrap { .. })) && is_full() {
        return true;
    }
    // What the step would have shown next, if it has not shown all of it.
    let expect = model.expectation();
    let next = seen.outcome.log.len();
    let shown_until = expect.log_at.get(seen.outcome.step as usize + 1).map_or(0, |&end| end as usize);
    match expect.kinds[..shown_until].get(next) {
        Some(Logged::Allocation { size }) => {
            let memory = u64::from(seen.outcome.pages) * u64::from(PAGE);
            let end = match seen.global(model, Role::HeapEnd) {
                Some(heap_end) if d.is_predictable() => u64::from(heap_end) + d.object.stride(*size),
                // Where nobody knows how it grows it may want all of the block anew, rounded up to a power of two, and a page.
                Some(_) | None => memory + d.object.stride(*size).next_power_of_two() + u64::from(PAGE),
            };
            let limit = d.promises.address_limit.min(u64::from(d.parameters.max_pages) * u64::from(PAGE));
            let enough = layout::declared_heap(model).map(|end| end + d.object.stride(*size));
            // What is beyond memory is had by growth, which may be of no fewer pages.
            let end = enough.unwrap_or(end);
            end > limit || end > memory && memory + d.least_growth(seen.outcome.pages) > limit
        }
        Some(Logged::Pointer(_) | Logged::Digest(_) | Logged::Zero) | None => {
            expect.trap.is_some_and(|trap| trap.step == seen.outcome.step)
        }
    }
}

/// What must hold after a trap that is allowed: every payload that was reachable is intact.
fn check_after_trap(model: &mut Model, seen: Seen<'_>) -> Option<Violation> {
    let live = contents::live_objects(model, seen);
    contents::first_overlap(model, seen, &live)
        .or_else(|| contents::first_difference(model, seen, &live, u32::MAX))
        .or_else(|| log::first_difference(model, seen))
}

/// Whether a step may allocate or collect.
#[must_use]
pub const fn may_collect(step: &Step) -> bool {
    match step {
        Step::Alloc { .. }
        | Step::Collect
        | Step::Minor
        | Step::Graph { .. }
        | Step::Roots { .. }
        | Step::Garbage { .. }
        | Step::Wrap { .. } => true,
        Step::Nop
        | Step::Load { .. }
        | Step::Store { .. }
        | Step::Clear { .. }
        | Step::Write { .. }
        | Step::Assign { .. }
        | Step::Enter
        | Step::Leave { .. }
        | Step::Digest { .. } => false,
    }
}

/// A trap that had to come did not. If a reachable object was freed instead, that is what is said.
fn missing_trap(model: &mut Model, seen: Seen<'_>, trap: ExpectedTrap) -> Violation {
    let live = contents::live_objects(model, seen);
    let before = model.expectation().log_at[trap.step as usize];
    let mut v = layout::freed_object(model, seen, &live)
        .or_else(|| log::handed_out_again(model, seen, &live))
        .or_else(|| contents::first_difference(model, seen, &live, before))
        .unwrap_or_else(|| {
            let mut v = bare(Kind::MissingTrap(trap.rule), trap.step);
            v.expected = format!("an `unreachable` trap, because of {}", describe_rule(model, trap.rule));
            v.found = "the step went on as if nothing had happened".to_owned();
            v
        });
    if let Kind::SilentFree | Kind::CorruptPayload = v.kind {
        v.expected = format!("{}, or an `unreachable` trap because of {}", v.expected, describe_rule(model, trap.rule));
    }
    v.step = trap.step;
    v
}

fn unexpected_trap(model: &Model, seen: Seen<'_>, trap: Trap) -> Violation {
    let step = seen.outcome.step;
    let mut v = bare(kind_of(trap), step);
    v.expected = match model.expectation().trap {
        Some(t) if t.step == step => format!("an `unreachable` trap, because of {}", describe_rule(model, t.rule)),
        Some(_) | None => "no trap here".to_owned(),
    };
    v.found = format!("trap: {}", trap.name());
    v
}

/// The verdict on an allocation that traps for want of memory, and succeeds right after a collection.
#[must_use]
pub fn gave_up(step: u32, size: u32) -> Violation {
    let mut v = bare(Kind::UnexpectedTrap(Trap::Unreachable), step);
    v.expected = format!(
        "no trap: there is room for {size} bytes after a collection, without another one of the allocation's own, and `on_exhaustion` says that there is one \
         before an allocation gives up"
    );
    v.found = format!("trap: {}", Trap::Unreachable.name());
    v
}

/// What a trap is where none may come.
const fn kind_of(trap: Trap) -> Kind {
    match trap {
        Trap::MemoryOutOfBounds => Kind::OutOfBounds,
        Trap::Unreachable
        | Trap::TableOutOfBounds
        | Trap::IndirectCallToNull
        | Trap::BadSignature
        | Trap::IntegerDivisionByZero
        | Trap::IntegerOverflow
        | Trap::BadConversionToInteger
        | Trap::StackOverflow => Kind::UnexpectedTrap(trap),
    }
}

/// The verdict on a program that does not end.
#[must_use]
pub fn hang(step: u32) -> Violation {
    let mut v = bare(Kind::Hang, step);
    v.expected =
        "the step ends within 16 times the fuel that the predicted work needs, and a walk of all of memory".to_owned();
    v.found = "it still runs".to_owned();
    v
}

/// The verdict on a program that ends, but used more fuel than the predicted work allows.
#[must_use]
pub fn slow(step: u32, allowed: u64, used: u64) -> Violation {
    let mut v = bare(Kind::Slow, step);
    v.expected = format!("at most {allowed} units of fuel up to here, four times what the declared policies need");
    v.found = format!("{used} units, {}.{} times as much", used / allowed, used % allowed * 10 / allowed);
    v
}

/// The verdict on two engines that disagree.
#[must_use]
pub fn divergence(step: u32, expected: String, found: String, adjudication: Adjudication) -> Violation {
    let v = bare(Kind::EngineDivergence, step);
    Violation { expected, found, adjudication: Some(adjudication), ..v }
}

/// The verdict on a variant of a run that shows other contents.
#[must_use]
pub fn schedule_dependence(step: u32, expected: String, found: String) -> Violation {
    let mut v = bare(Kind::ScheduleDependence, step);
    (v.expected, v.found) = (expected, found);
    v
}

fn bare(kind: Kind, step: u32) -> Violation {
    Violation {
        kind,
        step,
        phase: Phase::Unknown,
        expected: String::new(),
        found: String::new(),
        object: None,
        words: Vec::new(),
        shared: None,
        adjudication: None,
        variant: None,
        released: None,
    }
}

fn describe_rule(model: &Model, rule: crate::model::TrapRule) -> String {
    use crate::model::TrapRule;
    let p = model.description().parameters;
    let promises = model.description().promises;
    match rule {
        TrapRule::WorklistFull => format!("a full mark worklist ({} entries)", p.worklist),
        TrapRule::RootStackFull => format!("a full root stack ({} slots)", p.roots),
        TrapRule::MemoryLimit => format!("the memory limit ({} pages)", p.max_pages),
        TrapRule::SizeLimit => format!("the size limit (requests of {:#x} bytes and more)", promises.size_limit),
        TrapRule::AddressLimit => format!("the address limit ({:#x})", promises.address_limit),
        TrapRule::WrapTableFull => format!("a wrap table full of live wrappers ({} entries)", p.wraps),
    }
}
