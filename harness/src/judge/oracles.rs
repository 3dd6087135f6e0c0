//! Judging with fewer oracles than there are: to measure what each is worth.

use super::{Seen, Verdict, Violation, check_before, check_demanded, check_state, contents, hang, layout, log};
use super::{unexpected_trap, violation};
use crate::model::{ExpectedTrap, Model};
use crate::outcome::{End, Trap};
use heapsmith_generators::Program;

/// What is asked of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Oracles {
    /// Every promise.
    #[default]
    All,
    /// Every promise but when a trap comes: `unreachable` is as good as what should have been, at any step, and so is no trap where one must
    /// come.
    ///
    /// It is no stricter than such a judge would be, and here and there more lenient: a program ends at the step that must trap, so of a
    /// run that goes on there only the state after that step is judged (as far as it does not depend on the trap: what was reachable before
    /// is not freed, not handed out again, and has its contents); and where a trap came by itself, contents, releases and static
    /// data before its step are judged, as after a trap that is allowed.
    NoTrapPrediction,
    /// What a program shows: the words that it reads, the payloads that it can reach at its end, traps other than `unreachable`, and hangs. Addresses,
    /// growth, the free list, roots, releases and the cost are not looked at. After `unreachable` only the words that it had read are, and
    /// a run that goes on past the step that must trap is judged as with [`Self::NoTrapPrediction`]; a model of contents ([`Model::of_contents`])
    /// demands few traps.
    Outputs,
    /// Nothing but that all engines show the same.
    Engines,
}

/// Judges an execution of a whole plan by what a program shows only, or (with `exact`) by everything but when traps come.
///
/// `model` has planned `program`, and has again afterwards.
#[must_use]
pub(crate) fn judge_leniently(model: &mut Model, program: &Program, seen: Seen<'_>, exact: bool) -> Verdict {
    let step = seen.outcome.step;
    let broken = match (seen.outcome.end, model.expectation().trap) {
        (End::OutOfFuel, _) => Some(hang(step)),
        (End::Finished, None) if exact => check_state(model, program, seen),
        (End::Finished, None) => shown(model, seen),
        (End::Finished, Some(trap)) => after_missing(model, seen, trap, exact),
        (End::Trapped(Trap::Unreachable), demanded) => {
            let as_planned = demanded.is_some_and(|trap| trap.step == step)
                && seen.outcome.log.len() >= model.expectation().log.len();
            let broken = match (exact, as_planned) {
                (true, true) => check_demanded(model, program, seen),
                (true, false) => check_before(model, program, step, seen),
                (false, _) => shown_before(model, program, step, seen),
            };
            model.plan_program(program);
            broken.map(|v| Violation { step, ..v })
        }
        (End::Trapped(trap), _) => Some(unexpected_trap(model, seen, trap)),
    };
    broken.map_or(Verdict::Pass, violation)
}

/// What a program has read, and what it can reach.
fn shown(model: &mut Model, seen: Seen<'_>) -> Option<Violation> {
    let live = contents::live_objects(model, seen);
    contents::first_difference(model, seen, &live, u32::MAX).or_else(|| log::first_difference(model, seen))
}

/// What it had read before a step.
fn shown_before(model: &mut Model, program: &Program, step: u32, seen: Seen<'_>) -> Option<Violation> {
    let ops = program.ops.get(..step as usize).unwrap_or(&program.ops).to_vec();
    model.plan_program(&Program { machine: program.machine, ops });
    log::first_difference(model, seen)
}

/// What of the state after a step that must trap does not depend on the trap.
fn after_missing(model: &mut Model, seen: Seen<'_>, trap: ExpectedTrap, exact: bool) -> Option<Violation> {
    let live = contents::live_objects(model, seen);
    let before = model.expectation().log_at.get(trap.step as usize).copied().unwrap_or(0);
    let freed = if exact {
        layout::freed_object(model, seen, &live).or_else(|| log::handed_out_again(model, seen, &live))
    } else {
        None
    };
    freed.or_else(|| contents::first_difference(model, seen, &live, before)).map(|v| Violation { step: trap.step, ..v })
}
