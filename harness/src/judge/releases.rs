//! Releases of host handles, and the wrap table: the promises stand in [`crate::runtime::description`].
//!
//! While the model is exact, releases are the ones that it predicts, at the same steps and in the same order. Afterwards they are judged
//! by what is true of any collector: a handle is released once at most, with its kind, and never while its wrapper is reachable.

use super::contents::subject;
use super::{BrokenWord, Kind, Seen, Violation, bare};
use crate::model::{Model, Registered};
use crate::outcome::Release;
use crate::plan::Slot;
use crate::runtime::description::{Role, WRAP_ENTRY};
use heapsmith_generators::Program;

/// What is wrong with the releases that were seen. `model` has planned a prefix of `program`, and `forgotten` is a slot that the step
/// after it has set to null already.
pub(super) fn check(
    model: &mut Model,
    program: &Program,
    forgotten: Option<Slot>,
    seen: Seen<'_>,
) -> Option<Violation> {
    if model.description().parameters.wraps == 0 {
        return None;
    }
    let (found, surplus) = (&seen.outcome.releases, seen.outcome.surplus_releases);
    if *found == model.expectation().releases && surplus == 0 {
        return None;
    }
    not_owed(model, seen).or_else(|| live(model, program, forgotten, seen)).or_else(|| out_of_turn(model, seen))
}

/// The registration of a handle.
fn registration(model: &Model, handle: u32) -> Option<Registered> {
    let all = model.heap.wraps.registered();
    // Handles are numbered in the order of registration.
    let number = handle.checked_sub(all.first()?.handle)?;
    all.get(number as usize).copied()
}

fn describe(release: Release) -> String {
    format!("handle {:#x} of kind {}", release.handle, release.kind)
}

fn fault(kind: Kind, release: Release, expected: String, found: String) -> Violation {
    let mut v = bare(kind, release.step);
    (v.expected, v.found, v.released) = (expected, found, Some(release));
    v
}

/// A release of something that was not registered, or was released before.
fn not_owed(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let mut released = vec![false; model.heap.wraps.registered().len()];
    for &release in &seen.outcome.releases {
        let known = registration(model, release.handle);
        let Some(known) = known.filter(|r| r.kind == release.kind && r.step <= release.step) else {
            let expected = match known {
                Some(known) => format!("handle {:#x} is released with its kind, {}", known.handle, known.kind),
                None => "only handles that were registered are released".to_owned(),
            };
            return Some(fault(Kind::UnknownRelease, release, expected, format!("{} released", describe(release))));
        };
        let number = (known.handle - model.heap.wraps.registered()[0].handle) as usize;
        if std::mem::replace(&mut released[number], true) {
            let expected = format!("{} is released once", describe(release));
            return Some(fault(Kind::DoubleRelease, release, expected, "it is released again".to_owned()));
        }
    }
    let surplus = seen.outcome.surplus_releases;
    (surplus > 0).then(|| {
        let mut v = bare(Kind::UnknownRelease, seen.outcome.step);
        v.expected = format!("at most {} releases", released.len());
        v.found = format!("{}", seen.outcome.releases.len() as u64 + u64::from(surplus));
        v
    })
}

/// A release while its wrapper was reachable before the step and after it. The model is planned once more, step by step, and left as it was.
fn live(model: &mut Model, program: &Program, forgotten: Option<Slot>, seen: Seen<'_>) -> Option<Violation> {
    let registered = model.heap.wraps.registered().to_vec();
    let planned = model.plan().steps.len();
    let of = |release: &Release| {
        let number = release.handle.wrapping_sub(registered.first()?.handle);
        registered.get(number as usize)
    };
    let mut releases = seen.outcome.releases.iter().copied().peekable();
    let mut found = None;
    model.reset();
    for (step, op) in (0..).zip(&program.ops[..planned]) {
        model.step(op);
        if step + 1 == planned as u32
            && let Some(slot) = forgotten
        {
            model.forget(slot);
        }
        let last = step + 1 == planned as u32;
        let mut now: Vec<Release> = Vec::new();
        while let Some(release) = releases.next_if(|release| release.step == step || last) {
            now.push(release);
        }
        if now.is_empty() || found.is_some() {
            continue;
        }
        let mut reachable = Vec::new();
        model.for_each_reachable(|heap, id| reachable.push((heap.block(id).logged, id)));
        reachable.sort_unstable();
        found = now.into_iter().find_map(|release| {
            let logged = of(&release)?.logged;
            let at = reachable.binary_search_by_key(&logged, |r| r.0).ok()?;
            let object = subject(model, seen, reachable[at].1);
            let expected = format!("{} is not released, because {} is its wrapper", describe(release), object.path);
            let mut v = fault(Kind::ReleasedLive, release, expected, "it is released".to_owned());
            v.object = Some(object);
            Some(v)
        });
    }
    found
}

/// The first release, while the model is exact, that is not the one that must come next.
fn out_of_turn(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let expect = model.expectation();
    let from = expect.inexact_from.unwrap_or(u32::MAX);
    let exact = |all: &[Release]| all.partition_point(|release| release.step < from);
    let expected = &expect.releases[..exact(&expect.releases)];
    let found = &seen.outcome.releases[..exact(&seen.outcome.releases)];
    let i = (0..expected.len().max(found.len())).find(|&i| expected.get(i) != found.get(i))?;
    let step = |release: &Release| format!("released at step {}", release.step + 1);
    match (expected.get(i), found.get(i)) {
        (Some(&due), other) => {
            let later = found[i..].iter().find(|release| release.handle == due.handle);
            let next = format!("{} is {} as the {}. one", describe(due), step(&due), i + 1);
            Some(match (later, other) {
                (None, _) => {
                    let wrapper = "it is not, although its wrapper is dead".to_owned();
                    fault(Kind::HandleLeak, due, next, wrapper)
                }
                (Some(late), Some(_)) if late.step > due.step => fault(Kind::HandleLeak, due, next, step(late)),
                (Some(_), Some(&other)) => {
                    fault(Kind::ReleaseOrder, other, next, format!("{} comes there", describe(other)))
                }
                (Some(late), None) => fault(Kind::HandleLeak, due, next, step(late)),
            })
        }
        (None, Some(&early)) => {
            let expected = format!("{} releases so far", expected.len());
            Some(fault(Kind::ReleaseOrder, early, expected, format!("{} {}", describe(early), step(&early))))
        }
        (None, None) => None,
    }
}

/// The table holds what was registered and not released, in that order, whatever the model knows of the rest.
pub(super) fn table(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let (base, _) = model.description().regions.wraps;
    if model.description().parameters.wraps == 0 {
        return None;
    }
    let end = seen.global(model, Role::Wraps)?;
    let mut released: Vec<u32> = seen.outcome.releases.iter().map(|release| release.handle).collect();
    released.sort_unstable();
    let step = super::contents::last_step(model);
    let mut address = base;
    let held = model.heap.wraps.registered().iter().filter(|r| released.binary_search(&r.handle).is_err());
    for registered in held {
        let wrapper = seen.outcome.log.get(registered.logged as usize).copied().unwrap_or(0);
        let entry = [wrapper, registered.kind, registered.handle, 0];
        for (offset, expected) in (0..).step_by(4).zip(entry) {
            let found = seen.word(address + offset);
            if found != Some(expected) {
                let mut v = bare(Kind::BrokenWrapTable, step);
                let number = (address - base) / WRAP_ENTRY;
                v.expected = format!("{expected:#x} in word {} of entry {number} of the wrap table", offset / 4);
                v.found = found.map_or_else(|| "no memory".to_owned(), |found| format!("{found:#x}"));
                let word = |found| BrokenWord { address: address + offset, expected, found };
                v.words = found.map(word).into_iter().collect();
                return Some(v);
            }
        }
        address += WRAP_ENTRY;
    }
    (end != address).then(|| {
        let mut v = bare(Kind::BrokenWrapTable, step);
        v.expected = format!("the entries of the wrap table end at {address}");
        v.found = end.to_string();
        v
    })
}
