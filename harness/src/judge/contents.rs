//! Payloads of reachable objects, byte for byte.

use super::{BrokenWord, Kind, MAX_BROKEN_WORDS, Seen, Subject, Violation, bare};
use crate::model::{BlockId, Content, Model};

/// A reachable object where the engine put it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    pub(super) address: u32,
    pub(super) size: u32,
    pub(super) id: BlockId,
}

/// All reachable objects in order of their real addresses.
pub(super) fn live_objects(model: &mut Model, seen: Seen<'_>) -> Vec<Live> {
    let mut ids = Vec::new();
    model.for_each_reachable(|_, id| ids.push(id));
    let mut live: Vec<Live> = ids
        .into_iter()
        .map(|id| Live { address: seen.address(model, id), size: model.heap.block(id).size, id })
        .collect();
    live.sort_unstable_by_key(|l| (l.address, l.id));
    live
}

/// The object at an address, if one is there.
pub(super) fn at(live: &[Live], address: u32) -> Option<&Live> {
    live.binary_search_by_key(&address, |l| l.address).ok().map(|i| &live[i])
}

/// Two reachable objects that share memory, headers included.
pub(super) fn first_overlap(model: &mut Model, seen: Seen<'_>, live: &[Live]) -> Option<Violation> {
    let header = u64::from(model.description().object.header_bytes);
    let pair =
        live.array_windows().find(|[a, b]| u64::from(a.address) + u64::from(a.size) + header > u64::from(b.address))?;
    let [a, b] = *pair;
    let mut v = bare(Kind::Overlap, last_step(model));
    v.object = Some(subject(model, seen, b.id));
    v.shared = Some((model.heap.block(a.id).logged, model.heap.block(b.id).logged));
    let other = subject(model, seen, a.id);
    v.expected = "two reachable objects in places of their own".to_owned();
    v.found =
        format!("{} ({} bytes at {}) and another one at {} share memory", other.path, a.size, a.address, b.address);
    Some(v)
}

/// The first reachable object allocated before log index `before` whose payload is not what the mutator wrote.
pub(super) fn first_difference(model: &mut Model, seen: Seen<'_>, live: &[Live], before: u32) -> Option<Violation> {
    let broken = live.iter().find(|l| model.heap.block(l.id).logged < before && !intact(model, seen, l))?;
    let words = broken_words(model, seen, broken);
    let mut v = bare(Kind::CorruptPayload, last_step(model));
    v.object = Some(subject(model, seen, broken.id));
    match words.first() {
        Some(w) => {
            let offset = w.address.wrapping_sub(broken.address);
            v.expected = format!("{:#010x} at payload offset {offset}", w.expected);
            v.found = format!("{:#010x} (address {})", w.found, w.address);
        }
        None => {
            v.expected = format!("{} bytes of payload inside memory", broken.size);
            v.found = "the payload ends beyond memory".to_owned();
        }
    }
    v.words = words;
    Some(v)
}

fn intact(model: &Model, seen: Seen<'_>, l: &Live) -> bool {
    let start = l.address as usize;
    let Some(payload) = seen.heap.get(start..start + l.size as usize) else { return false };
    let (words, tail) = payload.as_chunks::<4>();
    let whole = model.heap.pieces(l.id, words.len() as u32).all(|(first, contents, values)| {
        let there = contents.iter().zip(values).zip(&words[first as usize..]);
        (first..).zip(there).all(|(word, ((&content, &value), found))| match content {
            Content::Unwritten | Content::Tail => true,
            Content::Data | Content::Handle => u32::from_le_bytes(*found) == value,
            Content::Pointer | Content::Symbol => {
                u32::from_le_bytes(*found) == real_word(model, seen, l.id, word, content, value)
            }
        })
    });
    whole && (tail.is_empty() || tail_intact(model, l.id, words.len() as u32, tail))
}

fn tail_intact(model: &Model, id: BlockId, word: u32, tail: &[u8]) -> bool {
    let (content, value) = model.heap.word(id, word);
    content != Content::Tail || value.to_le_bytes().starts_with(tail)
}

/// What a written word must be, given where objects really are.
fn real_word(model: &Model, seen: Seen<'_>, id: BlockId, word: u32, content: Content, value: u32) -> u32 {
    match model.base_of(id, word, content, value) {
        (Some(logged), offset) => seen.outcome.log.get(logged as usize).map_or(value, |a| a.wrapping_add(offset)),
        (None, value) => value,
    }
}

fn broken_words(model: &Model, seen: Seen<'_>, l: &Live) -> Vec<BrokenWord> {
    let mut broken = Vec::new();
    for word in 0..model.heap.words(l.id).min(l.size.div_ceil(4)) {
        let (content, value) = model.heap.word(l.id, word);
        let address = l.address.wrapping_add(4 * word);
        let mask = match content {
            Content::Unwritten => continue,
            Content::Data | Content::Pointer | Content::Symbol | Content::Handle => u32::MAX,
            Content::Tail => (1 << (8 * (l.size % 4))) - 1,
        };
        let Some(found) = seen.word(address) else { continue };
        let expected = (real_word(model, seen, l.id, word, content, value) & mask) | (found & !mask);
        if found != expected && broken.len() < MAX_BROKEN_WORDS {
            broken.push(BrokenWord { address, expected, found });
        }
    }
    broken
}

/// Written words of an object as expected and found, whether they differ or not: what a script asserts.
pub(super) fn written_words(model: &Model, seen: Seen<'_>, id: BlockId) -> Vec<BrokenWord> {
    let l = Live { address: seen.address(model, id), size: model.heap.block(id).size, id };
    broken_words(model, seen, &l)
}

/// Names an object by a path from a register or a root slot.
pub(super) fn subject(model: &mut Model, seen: Seen<'_>, id: BlockId) -> Subject {
    Subject { path: model.path_to(id), address: seen.address(model, id), size: model.heap.block(id).size }
}

/// The last step planned so far.
pub(super) fn last_step(model: &Model) -> u32 {
    (model.plan().steps.len() as u32).saturating_sub(1)
}

/// The first word that nobody wrote in a reachable object, as far as zero is promised, that is not zero there. Of the last word that may be a part.
pub(super) fn first_not_zero(model: &mut Model, seen: Seen<'_>, live: &[Live]) -> Option<Violation> {
    let zeroing = model.description().promises.zeroing;
    for l in live {
        let bytes = zeroing.bytes(l.size, model.heap.words(l.id));
        for word in 0..bytes.div_ceil(4) {
            if model.heap.word(l.id, word).0 != Content::Unwritten {
                continue;
            }
            let address = l.address.wrapping_add(4 * word);
            if bytes - 4 * word >= 4 && seen.word(address) == Some(0) {
                continue;
            }
            let there = seen.heap.get(address as usize..).unwrap_or_default();
            let there = &there[..there.len().min((bytes - 4 * word).min(4) as usize)];
            if there.iter().all(|&byte| byte == 0) {
                continue;
            }
            let part = there.iter().rev().fold(0, |part, &byte| part << 8 | u32::from(byte));
            let mut v = bare(Kind::NotZeroed, last_step(model));
            v.object = Some(subject(model, seen, l.id));
            v.expected = format!("zero at payload offset {}", 4 * word);
            v.found = format!("{part:#010x} (address {address})");
            v.words.extend(seen.word(address).map(|found| BrokenWord { address, expected: found ^ part, found }));
            return Some(v);
        }
    }
    None
}
