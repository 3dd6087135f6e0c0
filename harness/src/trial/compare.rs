//! Engines against each other, and against the emulator: every word of memory, every global, the log, the trap and its step.

use super::adjudicate::{Answer, Voice, adjudicate};
use crate::emulator::Emulator;
use crate::engine::Known;
use crate::judge::{Disagreement, Violation, divergence};
use crate::outcome::{End, Outcome};
use crate::runtime::description::{Description, Role};

/// The first disagreement between the first engine and another one. `ask` runs the plan on an engine that may decide.
pub(super) fn engines(
    description: &Description,
    voices: &[Voice<'_>],
    emulator: Option<&Emulator>,
    ask: impl FnMut(Known) -> Result<Answer, String>,
) -> Option<Violation> {
    let (a, others) = voices.split_first()?;
    let b = others.iter().find(|other| !a.agrees(other))?;
    let difference = difference(description, a.outcome, a.heap, b.outcome, b.heap)?;
    let emulator = emulator.map(|e| Voice { name: "", outcome: e.outcome(), heap: e.memory() });
    let adjudication = adjudicate(voices, emulator, ask);
    let expected = format!("one {} on every engine", difference.what);
    let found =
        format!("{} has {}, {} has {}; {}", a.name, difference.first, b.name, difference.second, adjudication.text());
    Some(divergence(a.outcome.last_step().min(b.outcome.last_step()), expected, found, adjudication))
}

/// The disagreement of engines that agree among themselves with the emulator, if there is one.
pub(super) fn with_emulator(
    description: &Description,
    outcome: &Outcome,
    heap: &[u8],
    emulator: &Emulator,
) -> Option<Disagreement> {
    let d = difference_with(description, outcome, heap, emulator)?;
    Some(Disagreement { what: d.what, engines: d.first, emulator: d.second })
}

fn difference_with(
    description: &Description,
    outcome: &Outcome,
    heap: &[u8],
    emulator: &Emulator,
) -> Option<Difference> {
    let emulated = emulator.outcome();
    if description.module.is_some() {
        let emulated = with_roles(description, outcome, emulated);
        return difference(description, outcome, heap, &emulated, emulator.memory());
    }
    if *outcome == *emulated && heap == emulator.memory() {
        return None;
    }
    difference(description, outcome, heap, emulated, emulator.memory())
}

/// What the emulator says, with a module's globals: those whose role it knows, and the others as they are. In a trap the worklist may be anywhere: where
/// it is a local of the module nobody sees it.
fn with_roles(description: &Description, outcome: &Outcome, emulated: &Outcome) -> Outcome {
    let mut globals = outcome.globals.clone();
    for (role, &value) in Role::OF_GLOBALS.iter().zip(&emulated.globals) {
        if let Some(global) = description.index_of(*role).and_then(|i| globals.get_mut(i)) {
            *global = value;
        }
    }
    Outcome { globals, ..emulated.clone() }
}

/// What differs, named.
struct Difference {
    what: String,
    first: String,
    second: String,
}

fn difference(description: &Description, a: &Outcome, a_heap: &[u8], b: &Outcome, b_heap: &[u8]) -> Option<Difference> {
    let say = |what: &str, first: String, second: String| Some(Difference { what: what.to_owned(), first, second });
    if a.end != b.end {
        return say("end", describe_end(a.end), describe_end(b.end));
    }
    if a.step != b.step {
        return say("step", a.step.to_string(), b.step.to_string());
    }
    if a.log != b.log {
        let i = (0..).find(|&i| a.log.get(i) != b.log.get(i))?;
        return say(&format!("word {i} of the log"), describe(a.log.get(i)), describe(b.log.get(i)));
    }
    if a.pages != b.pages {
        return say("number of pages", a.pages.to_string(), b.pages.to_string());
    }
    if a.globals != b.globals {
        let i = (0..).find(|&i| a.globals.get(i) != b.globals.get(i))?;
        let name = description.globals().get(i).copied().unwrap_or("?");
        return say(&format!("global `{name}`"), describe(a.globals.get(i)), describe(b.globals.get(i)));
    }
    if (&a.releases, a.surplus_releases) != (&b.releases, b.surplus_releases) {
        let i = (0..).find(|&i| a.releases.get(i) != b.releases.get(i) || i >= a.releases.len())?;
        let say_release = |outcome: &Outcome| match outcome.releases.get(i) {
            Some(r) => format!("handle {:#x} of kind {} at step {}", r.handle, r.kind, r.step),
            None => format!("{} more", outcome.surplus_releases),
        };
        return say(&format!("release {i}"), say_release(a), say_release(b));
    }
    let i = (0..a_heap.len().max(b_heap.len())).find(|&i| a_heap.get(i) != b_heap.get(i))?;
    say(&format!("byte of memory at {i}"), format!("{:?}", a_heap.get(i)), format!("{:?}", b_heap.get(i)))
}

fn describe(word: Option<&u32>) -> String {
    word.map_or_else(|| "nothing".to_owned(), |w| format!("{w} ({w:#x})"))
}

fn describe_end(end: End) -> String {
    match end {
        End::Finished => "an ordinary end".to_owned(),
        End::Trapped(trap) => format!("the trap `{}`", trap.name()),
        End::OutOfFuel => "no end within its fuel".to_owned(),
    }
}
