//! What a run showed, without addresses: the same for every run of one plan that keeps the promises.
//!
//! - *Events*: for each op, what it logged. An allocation is its object, a loaded pointer is the object that it leads to, a digest is
//!   whether it is the one of the bytes that the mutator had written, given where their objects really are.
//! - *Objects*: at the end, each object that is reachable, in the order in which the mutator's pointer fields lead to it from the
//!   roots. Its words come from memory: a pointer field is the object that the word found there leads to, an address written as data is the
//!   distance from its object, any other written word is itself. Words that nobody wrote are left out.
//!
//! An object is named by its *ordinal*: it is the n-th allocation of the program, from 0. Digests of bytes that nobody wrote are left
//! out as well: whether those are zero is a promise of its own, which not every runtime makes.

use crate::judge::Seen;
use crate::model::{BlockId, Content, Logged, Model};
use std::fmt;

/// One thing that a run showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A null pointer.
    Null,
    /// The payload of this object.
    Object(u32),
    /// An address in a data word: this far from the payload of this object.
    Near {
        /// The object.
        object: u32,
        /// Bytes from its payload, wrapping.
        offset: u32,
    },
    /// A number.
    Data(u32),
    /// A pointer that leads to no reachable object.
    Stray(u32),
    /// A digest of what the mutator wrote.
    Written,
    /// A digest of other bytes.
    Digest(u32),
    /// Nothing: the log or memory ends before it.
    Missing,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Object(n) => write!(f, "object {n}"),
            Self::Near { object, offset } => write!(f, "object {object} {:+}", offset.cast_signed()),
            Self::Data(word) => write!(f, "{word:#010x}"),
            Self::Stray(word) => write!(f, "{word:#010x}, which is no object"),
            Self::Written => f.write_str("the digest of the bytes that were written"),
            Self::Digest(word) => write!(f, "{word:#010x}, a digest of other bytes"),
            Self::Missing => f.write_str("nothing"),
        }
    }
}

/// What a run showed, without addresses.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// The op that showed it, and what it is.
    events: Vec<(u32, Item)>,
    objects: Vec<Object>,
    /// Payload words by index, object after object.
    words: Vec<(u32, Item)>,
}

#[derive(Debug, Clone, Copy)]
struct Object {
    ordinal: u32,
    size: u32,
    id: BlockId,
    /// Where its words end.
    end: usize,
}

/// The first thing in which two transcripts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The op that showed it; none at the end.
    pub op: Option<u32>,
    /// The object, in the model of the second run.
    pub object: Option<BlockId>,
    /// What it is.
    pub what: String,
    /// In the first run.
    pub first: Item,
    /// In the second one.
    pub second: Item,
}

impl Transcript {
    /// The transcript of a run that came to its end; `op` says which op of the original program a step is.
    #[must_use]
    pub fn of(model: &mut Model, seen: Seen<'_>, op: impl Fn(u32) -> u32) -> Self {
        let mut transcript = Self::default();
        let ordinals = ordinals(model);
        let live = live(model, seen, &ordinals);
        transcript.events(model, seen, &ordinals, &live, op);
        let mut reachable = Vec::with_capacity(live.len());
        model.for_each_reachable(|_, id| reachable.push(id));
        for id in reachable {
            let block = *model.heap.block(id);
            for word in 0..block.size.div_ceil(4) {
                transcript.word(model, seen, &ordinals, &live, id, word);
            }
            let ordinal = ordinal(&ordinals, block.logged);
            transcript.objects.push(Object { ordinal, size: block.size, id, end: transcript.words.len() });
        }
        transcript
    }

    /// Objects in it.
    #[must_use]
    pub const fn objects(&self) -> usize {
        self.objects.len()
    }

    fn events(
        &mut self,
        model: &Model,
        seen: Seen<'_>,
        ordinals: &[u32],
        live: &[(u32, u32)],
        op: impl Fn(u32) -> u32,
    ) {
        let expect = model.expectation();
        let mut step = 0;
        // Without snapshots, the digests that the model predicts are those of its own addresses.
        let mut placed = true;
        for (i, kind) in expect.kinds.iter().enumerate() {
            while expect.log_at.get(step + 1).is_some_and(|&end| end as usize <= i) {
                step += 1;
            }
            let found = seen.outcome.log.get(i).copied();
            let predicted = expect.log[i];
            let item = match (*kind, found) {
                (Logged::Zero, _) => continue,
                (_, None) => Item::Missing,
                (Logged::Allocation { .. }, Some(found)) => {
                    placed &= found == predicted;
                    Item::Object(ordinal(ordinals, i as u32))
                }
                (Logged::Pointer(Some(base)), Some(found)) if seen.outcome.log.get(base as usize) == Some(&found) => {
                    Item::Object(ordinal(ordinals, base))
                }
                (Logged::Pointer(_), Some(found)) => pointer(found, live),
                (Logged::Digest(None), Some(found)) if found == predicted || !placed => Item::Written,
                (Logged::Digest(Some((from, len))), Some(found))
                    if found == crate::judge::snapshot_digest(model, seen, from, len) =>
                {
                    Item::Written
                }
                (Logged::Digest(_), Some(found)) => Item::Digest(found),
            };
            self.events.push((op(step as u32), item));
        }
    }

    /// Adds a word of a payload, if somebody wrote it.
    fn word(&mut self, model: &Model, seen: Seen<'_>, ordinals: &[u32], live: &[(u32, u32)], id: BlockId, word: u32) {
        let (content, value) = model.heap.word(id, word);
        let start = seen.address(model, id).wrapping_add(4 * word) as usize;
        let bytes = match content {
            Content::Unwritten => return,
            Content::Data | Content::Pointer | Content::Symbol | Content::Handle => 4,
            Content::Tail => model.heap.block(id).size as usize % 4,
        };
        let found = start.checked_add(bytes).and_then(|end| seen.heap.get(start..end));
        let found = found.map(|found| found.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
        let base = model.base_of(id, word, content, value).0;
        let item = match (content, found) {
            (_, None) => Item::Missing,
            (Content::Pointer, Some(found)) => match (base, model.description().pointer().address(found)) {
                (Some(base), found) if seen.outcome.log.get(base as usize) == Some(&found) => {
                    Item::Object(ordinal(ordinals, base))
                }
                (Some(_) | None, found) => pointer(found, live),
            },
            (Content::Symbol, Some(found)) => {
                match base.and_then(|base| Some((base, *seen.outcome.log.get(base as usize)?))) {
                    Some((base, address)) => {
                        Item::Near { object: ordinal(ordinals, base), offset: found.wrapping_sub(address) }
                    }
                    None => Item::Data(found),
                }
            }
            (Content::Data | Content::Handle | Content::Tail | Content::Unwritten, Some(found)) => Item::Data(found),
        };
        self.words.push((word, item));
    }

    /// The first difference of a second run's transcript from this one.
    #[must_use]
    pub fn difference(&self, second: &Self) -> Option<Difference> {
        let missing = (0, Item::Missing);
        for i in 0..self.events.len().max(second.events.len()) {
            let (a, b) = (self.events.get(i).unwrap_or(&missing), second.events.get(i).unwrap_or(&missing));
            if a != b {
                let op = Some(if i < self.events.len() { a.0 } else { b.0 });
                let what = "what the op sees".to_owned();
                return Some(Difference { op, object: None, what, first: a.1, second: b.1 });
            }
        }
        let (mut start, mut other_start) = (0, 0);
        for i in 0..self.objects.len().max(second.objects.len()) {
            let (a, b) = (self.objects.get(i), second.objects.get(i));
            let (Some(a), Some(b)) = (a, b) else {
                let item = |o: Option<&Object>| o.map_or(Item::Missing, |o| Item::Object(o.ordinal));
                let what = format!("reachable object {i}");
                return Some(Difference { op: None, object: None, what, first: item(a), second: item(b) });
            };
            let words = (&self.words[start..a.end], &second.words[other_start..b.end]);
            (start, other_start) = (a.end, b.end);
            if (a.ordinal, a.size) != (b.ordinal, b.size) {
                let what = format!("reachable object {i}");
                let (first, second) = (Item::Object(a.ordinal), Item::Object(b.ordinal));
                return Some(Difference { op: None, object: Some(b.id), what, first, second });
            }
            if words.0 == words.1 {
                continue;
            }
            let differs = |k: &usize| words.0.get(*k) != words.1.get(*k);
            let k = (0..words.0.len().max(words.1.len())).find(differs).unwrap_or(0);
            let (x, y) = (words.0.get(k).unwrap_or(&missing), words.1.get(k).unwrap_or(&missing));
            let what = format!("word {} of object {}", x.0.max(y.0), a.ordinal);
            return Some(Difference { op: None, object: Some(b.id), what, first: x.1, second: y.1 });
        }
        None
    }
}

/// The object whose payload starts at an address.
fn pointer(found: u32, live: &[(u32, u32)]) -> Item {
    if found == 0 {
        return Item::Null;
    }
    match live.binary_search_by_key(&found, |l| l.0) {
        Ok(at) => Item::Object(live[at].1),
        Err(_) => Item::Stray(found),
    }
}

/// For each word of the log, allocations up to it and with it.
fn ordinals(model: &Model) -> Vec<u32> {
    let mut n = 0;
    let count = |kind: &Logged| {
        n += u32::from(matches!(kind, Logged::Allocation { .. }));
        n
    };
    model.expectation().kinds.iter().map(count).collect()
}

fn ordinal(ordinals: &[u32], logged: u32) -> u32 {
    ordinals.get(logged as usize).map_or(u32::MAX, |n| n.saturating_sub(1))
}

/// Real addresses of reachable objects, in order, with their ordinals.
fn live(model: &mut Model, seen: Seen<'_>, ordinals: &[u32]) -> Vec<(u32, u32)> {
    let mut logged = Vec::new();
    model.for_each_reachable(|heap, id| logged.push(heap.block(id).logged));
    let address = |i: u32| seen.outcome.log.get(i as usize).copied().unwrap_or(0);
    let mut live: Vec<(u32, u32)> = logged.into_iter().map(|i| (address(i), ordinal(ordinals, i))).collect();
    live.sort_unstable();
    live
}
