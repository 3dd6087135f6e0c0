//! What becomes of requests that cannot be met: null or a trap, and from which size on they are refused without any attempt.
//!
//! A size limit shows by what a refusal costs. A request that memory has no room for makes the collector collect, grow, or give up another way than one
//! that it does not even try; the least such size is searched for in two heaps, because what depends on the heap's end is no limit of sizes.

use super::super::parts::Argument;
use super::world::{SIZE, World};

/// What an allocation does for which there is no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exhausted {
    Null,
    Trap,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// None where the request did not end, or got an object.
    pub(super) exhausted: Option<Exhausted>,
    /// Requests of so many bytes and more are refused at once.
    pub(super) limit: Option<u32>,
    /// A request that memory cannot hold, and the address that it got all the same.
    pub(super) wraps: Option<(u32, u32)>,
    /// A request that cannot be met, and what it gave: neither null nor where an object can be.
    pub(super) strange: Option<(u32, u32)>,
}

/// Garbage that a collection has to go through.
const GARBAGE: [u32; 2] = [200, 300];
/// The greatest requests: with a header they wrap around.
const GREATEST: [u32; 6] = [0xFFFF_0000, 0xFFFF_FF00, 0xFFFF_FFC0, 0xFFFF_FFE0, 0xFFFF_FFF0, 0xFFFF_FFFC];
/// Sizes between which the limit is searched for.
const STEPS: [u32; 9] =
    [1 << 20, 1 << 22, 0x00FF_FFF0, 0x0100_0000, 0x0FFF_FFF0, 0x3FFF_FFF0, 0x7FFF_FFF0, 0x8000_0000, 0xF000_0000];

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Refused(Exhausted),
    Object(u32),
    /// A word that is none of both.
    Strange(u32),
    /// It ran on and on, or there was no asking.
    Unknown,
}

/// Asks for so many bytes in a heap with garbage; the answer, and the fuel that it took.
fn ask(world: &World<'_, '_>, garbage: u32, size: u32) -> (Answer, u64) {
    let Ok(mut bench) = world.lab.bench() else { return (Answer::Unknown, 0) };
    let mut lowest = u32::MAX;
    for _ in 0..garbage {
        let made = world.recipe.make_clean(&mut bench, SIZE, 0);
        let Some(object) = made.filter(|object| world.drop_object(&mut bench, *object)) else {
            return (Answer::Unknown, 0);
        };
        lowest = lowest.min(object);
    }
    let before = bench.used();
    let answer = match world.recipe.make(&mut bench, size, 0) {
        Some(0) => Answer::Refused(Exhausted::Null),
        Some(address) if address < lowest || address as usize >= bench.memory().len() => {
            Answer::Strange(bench.word_of(address))
        }
        Some(address) => Answer::Object(address),
        None if bench.is_exhausted() => Answer::Unknown,
        None => Answer::Refused(Exhausted::Trap),
    };
    (answer, bench.used() - before)
}

pub(super) fn observe(world: &World<'_, '_>, most_bytes: u64) -> Refusal {
    let mut seen = Refusal::default();
    let least = u32::try_from(most_bytes + 4096).unwrap_or(u32::MAX);
    let holds = |size: u32| u64::from(size) > most_bytes;
    for size in STEPS.into_iter().chain(GREATEST).filter(|size| holds(*size)) {
        match ask(world, GARBAGE[0], size).0 {
            Answer::Object(address) => seen.wraps = seen.wraps.or(Some((size, address))),
            Answer::Refused(how) => seen.exhausted = seen.exhausted.or(Some(how)),
            Answer::Strange(word) => seen.strange = seen.strange.or(Some((size, word))),
            Answer::Unknown => {}
        }
    }
    if seen.wraps.is_none() && seen.strange.is_none() {
        let limits = GARBAGE.map(|garbage| limit(world, garbage, least));
        // Whoever is told words knows no bytes.
        let unit = if world.recipe.arguments.contains(&Argument::Words) { 4 } else { 1 };
        let limit = limits[0].filter(|_| limits[0] == limits[1]);
        seen.limit = limit.and_then(|limit| limit.checked_next_multiple_of(unit));
    }
    seen
}

/// The least size from which on requests are refused in another way than one of `least` bytes.
fn limit(world: &World<'_, '_>, garbage: u32, least: u32) -> Option<u32> {
    let (first, fuel) = ask(world, garbage, least);
    let Answer::Refused(_) = first else { return None };
    let is_refused_at_once = |size: u32| {
        let (answer, used) = ask(world, garbage, size);
        match answer {
            Answer::Refused(_) => Some(answer != first || used < fuel / 2),
            Answer::Object(_) | Answer::Strange(_) | Answer::Unknown => None,
        }
    };
    let mut good = least;
    let mut bad = None;
    for size in STEPS.into_iter().filter(|size| *size > least) {
        match (is_refused_at_once(size)?, bad) {
            (true, None) => bad = Some(size),
            (true, Some(_)) => {}
            (false, None) => good = size,
            // It is refused here, tried there, and no limit.
            (false, Some(_)) => return None,
        }
    }
    let mut bad = bad?;
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if is_refused_at_once(middle)? { bad = middle } else { good = middle }
    }
    Some(bad)
}
