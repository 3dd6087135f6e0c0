//! A finding as a `.wast` script that fails on any engine as long as the bug lives.

use crate::judge::{Kind, Verdict, Violation};
use crate::lower::standalone;
use crate::lower::wast::{Directive, script};
use crate::model::{Exactness, Model};
use crate::outcome::{End, Outcome, Trap};
use crate::runtime::description::{Role, WRAP_ENTRY, WRAP_GLOBAL};
use crate::trial::{Course, Rig};

/// What a script asserts, and whether any of it fails on the runtime as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertions {
    /// In order.
    pub directives: Vec<Directive>,
}

/// Words of the log that a script asserts at most.
const LOGGED: usize = 4;

/// What must be true after the program of the last replay, as far as it was not.
#[must_use]
pub fn directives(verdict: &Verdict, model: &Model, seen: &Outcome) -> Assertions {
    let Verdict::Violation(v) = verdict else {
        let trap = model.expectation().trap.map(|_| Directive::RunTraps(Trap::Unreachable));
        return Assertions { directives: vec![trap.unwrap_or(Directive::Run)] };
    };
    let trapped = matches!(seen.end, End::Trapped(Trap::Unreachable));
    let trap_is_due = model.expectation().trap.is_some();
    if trap_is_due && !trapped {
        return Assertions { directives: vec![Directive::RunTraps(Trap::Unreachable)] };
    }
    let contents_broke = !matches!(v.kind, Kind::UnexpectedTrap(_));
    let mut all = vec![if trapped && contents_broke { Directive::RunTraps(Trap::Unreachable) } else { Directive::Run }];
    if let (Kind::SilentFree, Some(o)) = (v.kind, &v.object) {
        all.push(Directive::NotFree { address: o.address });
    }
    all.extend(v.words.iter().map(|w| Directive::HeapWord { address: w.address, word: w.expected }));
    all.extend(v.shared.map(|(a, b)| Directive::Distinct(a, b)));
    all.extend(releases(v, model, seen));
    if model.heap.exactness != Exactness::Exact {
        return Assertions { directives: all };
    }
    let words = model.expectation().log.iter().zip(&seen.log).enumerate();
    let differing = words.filter(|(_, (expected, found))| expected != found);
    all.extend(differing.take(LOGGED).map(|(i, (&word, _))| Directive::Logged { index: i as u32, word }));
    // A trap in the middle of a collection leaves globals in the middle of their work.
    if !trapped {
        if seen.pages != model.heap.pages() {
            all.push(Directive::Pages(model.heap.pages()));
        }
        let expected = [
            (Role::Collections, model.heap.collections),
            (Role::HeapEnd, model.heap.heap_end() as u32),
            (Role::RootTop, model.description().regions.roots.0 + 4 * model.slots().len() as u32),
            (Role::FreeHead, model.heap.free_head_address()),
        ];
        let d = model.description();
        for (role, value) in expected {
            if d.global(seen, role).is_some_and(|found| found != value) {
                all.extend(d.name_of(role).map(|name| Directive::Global { name: name.to_owned(), value }));
            }
        }
    }
    Assertions { directives: all }
}

/// What must be true of the release, or of the wrap table, that a violation concerns.
fn releases(v: &Violation, model: &Model, seen: &Outcome) -> Option<Directive> {
    let times = |times| v.released.map(|r| Directive::Released { kind: r.kind, handle: r.handle, times });
    match v.kind {
        Kind::ReleasedLive | Kind::UnknownRelease => times(0),
        Kind::DoubleRelease | Kind::HandleLeak => times(1),
        Kind::ReleaseOrder => {
            let expected = &model.expectation().releases;
            let differs = |i: &usize| expected.get(*i) != seen.releases.get(*i);
            let index = (0..expected.len().max(seen.releases.len())).find(differs)?;
            let handle = expected.get(index).map_or(0, |release| release.handle);
            Some(Directive::ReleasedAt { index: index as u32, handle })
        }
        Kind::BrokenWrapTable if v.words.is_empty() => {
            let held = model.heap.wraps.registered().len() - seen.releases.len();
            let value = model.description().regions.wraps.0 + WRAP_ENTRY * held as u32;
            Some(Directive::Global { name: WRAP_GLOBAL.to_owned(), value })
        }
        Kind::BrokenWrapTable
        | Kind::SilentFree
        | Kind::CorruptPayload
        | Kind::NotZeroed
        | Kind::Overlap
        | Kind::Misaligned
        | Kind::OutOfBounds
        | Kind::BlockOutOfBounds
        | Kind::UnexpectedTrap(_)
        | Kind::MissingTrap(_)
        | Kind::BrokenHeap
        | Kind::BrokenFreeList
        | Kind::Leak
        | Kind::FreeListPolicy
        | Kind::WrongPlacement
        | Kind::WrongGrowth
        | Kind::CollectionPolicy
        | Kind::BrokenRoots
        | Kind::BrokenData
        | Kind::Hang
        | Kind::Slow
        | Kind::EngineDivergence
        | Kind::ScheduleDependence => None,
    }
}

/// The script of a program that `rig` has planned last and that was done again and again from step `first` on: as often, and then there must not be more than
/// after half as many rounds of the collector as it is.
#[must_use]
pub fn rounds_script(rig: &Rig, first: u32, course: &Course) -> String {
    let modules = standalone::modules_in_rounds(&rig.prepared().runtime, rig.model().plan(), first);
    let n = course.rounds();
    let half = |values: &[u32]| values.get((n as usize / 2).saturating_sub(1)).copied();
    let mut directives = vec![Directive::Rounds(n + u32::from(course.end.is_some()))];
    if course.end.is_none() {
        // Where the heap's end or the live bytes are not told, there are none.
        directives.extend(half(&course.pages).map(Directive::PagesAtMost));
        directives.extend(half(&course.heap_end).map(Directive::EndAtMost));
        directives.extend(half(&course.live).map(Directive::LiveAtMost));
    }
    script(&modules, &directives)
}

/// The script of the case that `rig` replayed last.
#[must_use]
pub fn finding_script(rig: &Rig, verdict: &Verdict, comment: &str) -> String {
    let model = rig.model();
    let modules = standalone::modules(&rig.prepared().runtime, model.plan());
    let mut text: String = comment.lines().map(|l| format!(";; {l}\n")).collect();
    text.push_str(&script(&modules, &directives(verdict, model, rig.outcome(0)).directives));
    text
}
