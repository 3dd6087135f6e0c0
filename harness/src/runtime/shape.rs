//! Which objects a collector can be asked for: all of them, or those of its kinds.
//!
//! Programs ask for any layout of pointers and data. A collector that must know which words are pointers has kinds, and what is of no kind becomes the
//! nearest object that is of one: the model decides that before a program runs, so that nothing is decided while it does.

use super::description::Description;
use super::manifest::{Kind, Manifest, Pointers, Request};

/// Data words of a graph's nodes beyond those asked for, up to which a kind is looked for.
const MOST_WORDS: u32 = 8;

impl Description {
    /// The object that a program gets which asks for this one; none where there is nothing like it.
    #[must_use]
    pub fn shape(&self, request: Request) -> Option<Request> {
        match &self.module {
            None => Some(request),
            Some(module) => nearest(module, request),
        }
    }

    /// The data words that nodes of a graph get if they are to have these numbers of fields, and so many words; none if there is no kind for one of
    /// them.
    #[must_use]
    pub fn node_words(&self, fields: &[u32], words: u32) -> Option<u32> {
        let Some(module) = &self.module else { return Some(words) };
        let node = |count: u32, words: u32| Request { size: 4 * (count + words), first: 0, stride: 1, count };
        let fits = |words: &u32| fields.iter().all(|&count| module.kind_of(node(count, *words)).is_some());
        (0..=words).rev().chain(words + 1..=MOST_WORDS).find(fits)
    }

    /// Whether pointer fields of such an object must hold a pointer or null from the start.
    #[must_use]
    pub fn must_initialise(&self, request: Request) -> bool {
        let kind = self.module.as_ref().and_then(|module| module.kind_of(request));
        kind.is_some_and(|kind| kind.pointers != Pointers::Any)
    }
}

/// What is nearest to a request: itself; the same size with pointers only, with fewer of them, or with none; an object of a kind of one size.
fn nearest(module: &Manifest, request: Request) -> Option<Request> {
    let fits = |request: &Request| module.kind_of(*request).is_some();
    let pointers = Request { size: request.size & !3, first: 0, stride: 1, count: request.size / 4 };
    let fewer = (1..request.count.min(64)).rev().map(|count| Request { count, ..request });
    let same_size = std::iter::once(request).chain((request.count > 0).then_some(pointers)).chain(fewer);
    if let Some(found) = same_size.into_iter().find(fits) {
        return Some(found);
    }
    let of_one_size = module.kinds.iter().filter_map(|kind| of_kind(kind, request)).filter(fits);
    let far = |r: &Request| (r.count.abs_diff(request.count), r.size.abs_diff(request.size));
    of_one_size.min_by_key(far).or_else(|| Some(Request { count: 0, ..request }).filter(fits))
}

/// The object of a kind that is of one size, or of the request's.
fn of_kind(kind: &Kind, request: Request) -> Option<Request> {
    let size = kind.bytes.unwrap_or(request.size);
    let Request { first, stride, count, .. } = request;
    Some(match kind.pointers {
        Pointers::Any => {
            Request { size, first, stride, count: count.min((size / 4).saturating_sub(first).div_ceil(stride.max(1))) }
        }
        Pointers::None => Request { size, first: 0, stride: 1, count: 0 },
        Pointers::Every { first, stride } => {
            let size = size & !3;
            Request { size, first, stride, count: (size / 4).checked_sub(first)?.div_ceil(stride) }
        }
        Pointers::Some { first, stride, least, most } => {
            let room = (size / 4).saturating_sub(first).div_ceil(stride);
            let count = count.min(room).clamp(least, most);
            let words = u64::from(first) + u64::from(count.saturating_sub(1)) * u64::from(stride) + 1;
            let needed = if count == 0 { 0 } else { u32::try_from(4 * words).ok()? };
            Request { size: kind.bytes.unwrap_or(size.max(needed)), first, stride, count }
        }
        Pointers::Last { most } => {
            let count = count.min(most).min(size / 4);
            Request { size, first: size / 4 - count, stride: 1, count }
        }
    })
}
