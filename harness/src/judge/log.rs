//! What the mutator saw, word by word.

use super::contents::{Live, at, subject};
use super::{Kind, Seen, Violation, bare};
use crate::model::{Exactness, Logged, Model};
use crate::plan::{DIGEST_START, digest_word};
use crate::runtime::description::PAGE;

/// An object handed out that no collector may hand out: misaligned, outside the heap, or ending beyond memory.
pub(super) fn first_illegal_allocation(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let expect = model.expectation();
    // An exact model's own addresses are legal; only where reality differs is there anything to look at.
    if seen.outcome.log == expect.log && seen.outcome.pages == model.heap.pages() {
        return None;
    }
    let (start, unit) = model.description().payloads();
    let memory = u64::from(seen.outcome.pages) * u64::from(PAGE);
    for (i, (kind, &address)) in expect.kinds.iter().zip(&seen.outcome.log).enumerate() {
        let Logged::Allocation { size } = *kind else { continue };
        let fault = if address < start || !(address - start).is_multiple_of(unit) {
            Some((Kind::Misaligned, format!("an address {start} + {unit} * n")))
        } else if u64::from(address) + u64::from(size) > memory {
            Some((Kind::BlockOutOfBounds, format!("{size} bytes inside the {memory} bytes of memory")))
        } else {
            None
        };
        if let Some((kind, expected)) = fault {
            let mut v = bare(kind, step_of(model, i));
            v.expected = expected;
            v.found = format!("{size} bytes handed out at {address}");
            return Some(v);
        }
    }
    None
}

/// The first logged word that is not what it must be.
pub(super) fn first_difference(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let expect = model.expectation();
    let log = &seen.outcome.log;
    let exact = model.heap.exactness == Exactness::Exact;
    if exact && *log == expect.log {
        return None;
    }
    for (i, kind) in expect.kinds.iter().enumerate() {
        let predicted = expect.log[i];
        let step = step_of(model, i);
        let exact_here = expect.inexact_from.is_none_or(|from| step < from);
        let Some(&found) = log.get(i) else {
            return Some(difference(Kind::CorruptPayload, step, "a word".to_owned(), "the log ends".to_owned()));
        };
        let (kind, expected) = match *kind {
            Logged::Allocation { .. } if exact_here => (Kind::WrongPlacement, predicted),
            Logged::Allocation { .. } => continue,
            Logged::Pointer(Some(base)) => (Kind::CorruptPayload, log.get(base as usize).copied().unwrap_or(predicted)),
            Logged::Pointer(None) => (Kind::CorruptPayload, 0),
            Logged::Digest(None) => (Kind::CorruptPayload, predicted),
            Logged::Digest(Some((from, len))) => (Kind::CorruptPayload, snapshot_digest(model, seen, from, len)),
            Logged::Zero => (Kind::NotZeroed, predicted),
        };
        if found != expected {
            let (expected, found) = match expect.kinds[i] {
                Logged::Allocation { size } => {
                    (format!("{size} bytes at {expected}"), format!("handed out at {found}"))
                }
                Logged::Pointer(_) => (format!("the loaded pointer is {expected}"), format!("{found}")),
                Logged::Digest(_) => (format!("written bytes with digest {expected:#010x}"), format!("{found:#010x}")),
                Logged::Zero => (format!("zero bytes (digest {expected:#010x})"), format!("{found:#010x}")),
            };
            return Some(difference(kind, step, expected, found));
        }
    }
    None
}

/// Words that the mutator saw although no step should have shown any.
pub(super) fn surplus(model: &Model, seen: Seen<'_>) -> Option<Violation> {
    let (expected, found) = (model.expectation().log.len(), seen.outcome.log.len());
    (found > expected).then(|| {
        let (expected, found) = (format!("{expected} words seen"), format!("{found}"));
        difference(Kind::CorruptPayload, super::contents::last_step(model), expected, found)
    })
}

/// A reachable object that a step which should have trapped gave away again.
pub(super) fn handed_out_again(model: &mut Model, seen: Seen<'_>, live: &[Live]) -> Option<Violation> {
    let rest = seen.outcome.log.get(model.expectation().log.len()..)?;
    let id = rest.iter().find_map(|&address| at(live, address))?.id;
    let mut v = bare(Kind::SilentFree, super::contents::last_step(model));
    let object = subject(model, seen, id);
    v.expected = format!("{} keeps its memory", object.path);
    v.found = format!("its block at {} was freed and handed out again", object.address);
    v.words = super::contents::written_words(model, seen, id);
    v.object = Some(object);
    Some(v)
}

/// The digest of words that were noted when a digest was taken, given where objects really are.
pub(crate) fn snapshot_digest(model: &Model, seen: Seen<'_>, from: u32, len: u32) -> u32 {
    let words = &model.expectation().snapshots[from as usize..(from + len) as usize];
    words.iter().fold(DIGEST_START, |digest, w| {
        let base = w.base.and_then(|b| seen.outcome.log.get(b as usize)).copied().unwrap_or(0);
        digest_word(digest, base.wrapping_add(w.value))
    })
}

fn difference(kind: Kind, step: u32, expected: String, found: String) -> Violation {
    let mut v = bare(kind, step);
    (v.expected, v.found) = (expected, found);
    v
}

/// The step that logged word `i`.
fn step_of(model: &Model, i: usize) -> u32 {
    let starts = &model.expectation().log_at;
    (starts.partition_point(|&start| start as usize <= i) as u32).saturating_sub(1)
}
