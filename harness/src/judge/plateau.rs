//! Plateau: the same work again and again, all of it dropped and collected each time, must come to an end of memory's growth.
//!
//! # Why it is sound
//! After each round nothing of it is reachable, and a complete collection was asked for. All objects of a round have one size, so that the blocks of any
//! round serve the next one, whether the collector splits blocks, merges them, or does neither; with two sizes a list that splits and never merges may
//! cut a large block for a small object in every round, and grow for ever. (A collector that joins all that is free may be given any sizes: after each
//! round it has all of its room in one piece again. Whoever gives many sizes to this oracle has seen that it does.) Whatever else a collector has grows to what one round needs: worklists, tables,
//! thresholds that follow the live data, chunks that double. A conservative collector may keep what stale words point to, but rounds are alike:
//! they leave the same words in the same places, and those of one round take the places of those of the round before.
//!
//! Where some objects live on, as many after each round, and all have one size, the same holds: of as many blocks as were ever needed at once each is in use or free,
//! and a free one serves every request. It holds, too, where no round asks for a collection, once collections come by themselves and [`FILLS`] times as much was
//! allocated as memory can hold: a collector that looks at what is young only, until memory is full, has looked at all by then.
//!
//! So growth that goes on is a leak. It goes on if memory grew in each of the last three doublings of the number of rounds, in the last one by at
//! least [`PAGES`] pages (by [`BYTES`] bytes, where the heap's end is known) and by half more at least than in the one before. What comes to rest, and what grows by ever
//! smaller steps, is none; nor is a leak that is too slow for the rounds that there were.

use super::{Kind, Violation, bare, kind_of};
use crate::outcome::{End, Trap};
use crate::runtime::description::{Description, PAGE};
use crate::trial::Course;
use std::fmt::Write as _;

/// Pages by which memory must have grown in the last half of all rounds.
const PAGES: u32 = 3;
/// Bytes by which the heap's end must have risen in the last half, where it is known.
const BYTES: u32 = 8_192;
/// Bytes by which the live data must have grown in the last half, where the collector tells it. Growth there needs no room to show in.
const LIVE: u32 = 16;
/// Collections that must have come by themselves in the last half.
const OWN_COLLECTIONS: u32 = 4;
/// Times that all of memory must have been allocated before growth without collections that are asked for counts.
const FILLS: u64 = 2;
/// Rounds before anything is said of growth.
const FIRST: u32 = 32;
/// Rounds that must have come to their end before one that runs out of memory says anything,
const BEFORE_TRAP: u32 = 16;
/// where objects of one size, all of them dropped and collected, need more memory in each round, so many: what a collector may put off for some collections
/// is given back by then.
const BEFORE_TRAP_OF_ONE_SIZE: u32 = 6;
/// The same where an allocation says that it collects before it gives up.
const BEFORE_LAST_RESORT: u32 = 3;

/// What a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Objects that it allocates.
    pub objects: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Payload bytes of the largest.
    pub largest: u32,
    /// Payload bytes of each, if they are all alike.
    pub size: Option<u32>,
    /// Whether no collection is asked for.
    pub is_automatic: bool,
    /// Registers that hold objects of earlier rounds, and what hangs from them.
    pub survivors: u32,
}

/// Whether growth may be decided after so many rounds: doublings, so that it costs nothing.
#[must_use]
pub const fn is_due(rounds: u32) -> bool {
    rounds >= FIRST && rounds.is_power_of_two()
}

/// What a course of rounds breaks, if anything.
#[must_use]
pub fn plateau(course: &Course, round: Round, description: &Description) -> Option<Violation> {
    match course.end {
        None => growth(course, round, description),
        Some(End::Trapped(Trap::Unreachable)) => exhaustion(course, round, description),
        Some(End::Trapped(trap)) => {
            let mut v = bare(kind_of(trap), 0);
            v.expected = format!("round {} of {} ends as those before it", course.rounds() + 1, work(round));
            v.found = format!("trap: {}", trap.name());
            Some(v)
        }
        Some(End::OutOfFuel | End::Finished) => None,
    }
}

/// Whether collections came by themselves for as long as rounds went on, and some in the last half: a collector that waits until twice as much was allocated as
/// before may collect once in each doubling.
fn collects(course: &Course) -> bool {
    let n = course.collections.len();
    let after = |rounds: usize| course.collections.get(rounds.saturating_sub(1)).or(course.collections.first());
    let [a, b, c, d] = [n / 8, n / 4, n / 2, n].map(|rounds| after(rounds).copied().unwrap_or(0));
    a < b && b < c && c < d && d - c >= OWN_COLLECTIONS
}

/// Whether growth says anything: where collections are asked for, always; else once they came by themselves, and old garbage had to be looked at.
#[must_use]
pub fn is_judged(course: &Course, round: Round, description: &Description) -> bool {
    let filled = FILLS * u64::from(description.parameters.max_pages) * u64::from(PAGE);
    let allocated = u64::from(course.rounds()).saturating_mul(round.bytes);
    // What is old is left to a full collection, which may come when memory is full only.
    let has_minor = description.module.as_ref().is_some_and(|module| module.has_minor());
    !round.is_automatic || !has_minor && collects(course) && allocated >= filled
}

/// What tells how far memory reaches, after each round.
struct Extent<'c> {
    values: &'c [u32],
    /// Growth in the last half that is enough.
    least: u32,
    /// What stands before and after each value.
    words: (&'static str, &'static str),
}

impl<'c> Extent<'c> {
    /// The heap's end, where it is known, else pages.
    fn of(course: &'c Course) -> Self {
        if course.heap_end.len() == course.pages.len() && !course.heap_end.is_empty() {
            Self { values: &course.heap_end, least: BYTES, words: ("the heap ends at byte ", "") }
        } else {
            Self::pages(course)
        }
    }

    /// Pages.
    fn pages(course: &'c Course) -> Self {
        Self { values: &course.pages, least: PAGES, words: ("", " pages") }
    }

    /// The live data, where all rounds tell it.
    fn live(course: &'c Course) -> Option<Self> {
        let all = course.live.len() == course.pages.len();
        all.then_some(Self { values: &course.live, least: LIVE, words: ("", " bytes") })
    }

    /// The value after so many rounds; before the first, the first one's.
    fn after(&self, rounds: usize) -> u32 {
        self.values.get(rounds.saturating_sub(1)).or(self.values.first()).copied().unwrap_or(0)
    }

    /// Whether it goes on growing.
    fn goes_on(&self) -> bool {
        let n = self.values.len();
        let [a, b, c, d] = [n / 8, n / 4, n / 2, n].map(|rounds| u64::from(self.after(rounds)));
        a < b && b < c && c < d && d - c >= u64::from(self.least) && 2 * (d - c) >= 3 * (c - b)
    }

    /// What it came to, in words.
    fn words(&self) -> String {
        let n = self.values.len();
        let (before, unit) = self.words;
        let mut text = String::new();
        for (i, rounds) in [n / 8, n / 4, n / 2, n].into_iter().filter(|rounds| *rounds > 0).enumerate() {
            let value = self.after(rounds);
            let unit = if value == 1 { unit.trim_end_matches('s') } else { unit };
            let _ = match i {
                0 => write!(text, "{before}{value}{unit} after {rounds} rounds"),
                _ => write!(text, ", {value} after {rounds}"),
            };
        }
        text
    }
}

fn growth(course: &Course, round: Round, description: &Description) -> Option<Violation> {
    if course.rounds() < FIRST || !is_judged(course, round, description) {
        return None;
    }
    // Between collections garbage counts as live.
    if let Some(live) = Extent::live(course).filter(|live| !round.is_automatic && live.goes_on()) {
        let mut v = bare(Kind::Leak, 0);
        v.expected = format!(
            "as much is live after each round of {}, {}, as after the one before",
            work(round),
            given_back(round, "")
        );
        v.found = format!("`live_bytes` of the manifest tells {}", live.words());
        return Some(v);
    }
    // What a collector has above its heap shows in pages alone.
    let told = (!round.is_automatic).then(|| Extent::of(course));
    std::iter::once(Extent::pages(course)).chain(told).find(Extent::goes_on).map(|extent| {
        let mut v = bare(Kind::Leak, 0);
        v.expected = format!(
            "memory stops growing when the same work is done again and again, and {} each time: {}",
            given_back(round, " is"),
            work(round)
        );
        v.found = extent.words();
        v
    })
}

/// Memory that ran out: there was enough for the same work before.
fn exhaustion(course: &Course, round: Round, description: &Description) -> Option<Violation> {
    let pages = course.pages.last().copied().unwrap_or(0);
    let limit = u64::from(description.parameters.max_pages) * u64::from(PAGE);
    // As much as a collector may ask for at once that needs room for one object: all of the block anew, rounded up, and a page.
    let wanted = description.object.stride(round.largest) + u64::from(round.largest) / 8 + u64::from(PAGE);
    let wanted = wanted.max(description.least_growth(pages));
    let is_full = u64::from(pages) * u64::from(PAGE) + wanted > limit;
    let extent = Extent::of(course);
    let n = course.pages.len();
    let after = |rounds: usize| extent.after(rounds);
    // Where blocks of a region lie beside a survivor may differ from round to round, so that more memory is needed once, and late.
    let is_alone = round.survivors == 0;
    let grew = after(n / 4) < after(n) && (is_alone || after(n / 8) < after(n / 4) && after(n / 4) < after(n / 2));
    let was_full = is_alone && course.heap_end.is_empty() && course.pages.first() == course.pages.last();
    let is_plain = round.size.is_some() && !round.is_automatic && round.survivors == 0;
    let grew_always = extent.values.is_sorted_by(|a, b| a < b);
    let module = description.module.as_ref();
    let is_last_resort = module.is_some_and(|module| module.collect.is_last_resort == Some(true));
    let before = if is_last_resort { BEFORE_LAST_RESORT } else { BEFORE_TRAP_OF_ONE_SIZE };
    let is_enough =
        course.rounds() >= BEFORE_TRAP && (grew || was_full) || is_plain && course.rounds() >= before && grew_always;
    let must_collect = !round.is_automatic || is_last_resort;
    (is_enough && is_full && must_collect).then(|| {
        let mut v = bare(Kind::Leak, 0);
        v.expected = format!(
            "there is memory for the same work again, once {}: round {} of {}",
            given_back(round, " was"),
            course.rounds() + 1,
            work(round)
        );
        v.found =
            format!("trap: unreachable, at {pages} of {} pages: {}", description.parameters.max_pages, extent.words());
        v
    })
}

/// What becomes of a round's objects, in words, with this before what is done with them.
fn given_back(round: Round, verb: &str) -> String {
    let most = match round.survivors {
        0 => "all of it".to_owned(),
        registers => format!("all but what {registers} registers hold"),
    };
    format!("{most}{verb} dropped{}", if round.is_automatic { "" } else { " and collected" })
}

/// A round in words.
fn work(round: Round) -> String {
    let Round { objects, bytes, size, .. } = round;
    let plural = if objects == 1 { "" } else { "s" };
    match size {
        Some(size) => format!("{objects} object{plural} of {size} bytes"),
        None => format!("{objects} objects, {bytes} bytes in all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::manifest::Manifest;
    use crate::runtime::{Spec, parse_spec};
    use heapsmith_generators::Machine;

    const ROUND: Round =
        Round { objects: 3, bytes: 72, largest: 24, size: Some(24), is_automatic: false, survivors: 0 };

    fn description() -> Description {
        parse_spec("fixed?data_end=0,worklist=64,roots=32,pages=1..40").unwrap().resolve(Machine::default()).unwrap()
    }

    fn of(rounds: u32, pages: impl Fn(u32) -> u32) -> Option<Violation> {
        let course = Course { pages: (1..=rounds).map(pages).collect(), ..Course::default() };
        plateau(&course, ROUND, &description())
    }

    #[test]
    fn growth_that_goes_on_is_a_leak_and_says_how_it_went() {
        let v = of(256, |round| 1 + round / 8).unwrap();
        assert_eq!(
            (v.kind, v.found.as_str()),
            (Kind::Leak, "5 pages after 32 rounds, 9 after 64, 17 after 128, 33 after 256")
        );
        assert!(v.expected.ends_with("each time: 3 objects of 24 bytes"), "{}", v.expected);
        // By chunks that are all of what there is.
        assert!(of(256, |round| (2 + round / 4).next_power_of_two()).is_some());
        // A part of a page a round.
        assert!(of(1 << 14, |round| 1 + round / 2_000).is_some());
    }

    #[test]
    fn growth_that_comes_to_rest_is_none() {
        for most in [2, 7, 31, 200] {
            assert_eq!(of(512, |round| round.min(most)), None, "{most}");
        }
        assert_eq!(of(512, |_| 9), None);
        // Ever smaller steps: so many that memory is never at rest.
        assert_eq!(of(4_096, |round| 10 * round.ilog2()), None);
        assert_eq!(of(4_096, u32::isqrt), None);
        // One large step, at any time.
        for at in 2..512 {
            assert_eq!(of(512, |round| if round < at { 3 } else { 99 }), None, "{at}");
        }
        // To and fro.
        assert_eq!(of(512, |round| 3 + 90 * (round % 3)), None);
        assert_eq!(of(31, |round| round), None, "too few rounds");
    }

    #[test]
    fn growth_of_the_heap_s_end_and_of_what_is_live_needs_no_page() {
        let of = |end: fn(u32) -> u32, live: fn(u32) -> u32| {
            let values = |value: fn(u32) -> u32| (1..=128).map(value).collect();
            let course = Course { pages: vec![1; 128], heap_end: values(end), live: values(live), ..Course::default() };
            plateau(&course, ROUND, &description()).map(|v| v.found)
        };
        assert_eq!(of(|_| 4_096, |_| 0), None);
        assert_eq!(of(|round| 1_000 + 4 * round, |_| 0), None, "too little");
        let end = of(|round| 1_000 + 200 * round, |_| 0).unwrap();
        assert_eq!(end, "the heap ends at byte 4200 after 16 rounds, 7400 after 32, 13800 after 64, 26600 after 128");
        let live = of(|_| 4_096, |round| 8 * round).unwrap();
        assert_eq!(
            live,
            "`live_bytes` of the manifest tells 128 bytes after 16 rounds, 256 after 32, 512 after 64, 1024 after 128"
        );
    }

    #[test]
    fn growth_without_collections_that_are_asked_for_counts_in_pages_once_there_were_some_and_memory_was_filled_twice()
    {
        // 40 pages: 256 rounds of 20 480 bytes are twice as much.
        let round = Round { bytes: 20_480, is_automatic: true, ..ROUND };
        let of = |rounds: u32, round: Round, collections: fn(u32) -> u32, pages: fn(u32) -> u32| {
            let values = |value: fn(u32) -> u32| (1..=rounds).map(value).collect();
            let (pages, collections) = (values(pages), values(collections));
            let course = Course { pages, collections, heap_end: values(|round| 200 * round), ..Course::default() };
            (is_judged(&course, round, &description()), plateau(&course, round, &description()).is_some())
        };
        let grows = |round| 1 + round / 8;
        assert_eq!(of(256, round, |round| round / 4, grows), (true, true));
        assert_eq!(of(128, round, |round| round / 4, grows), (false, false), "memory was filled once");
        assert_eq!(of(256, round, |_| 7, grows), (false, false), "nothing collected");
        assert_eq!(of(256, round, u32::ilog2, grows), (false, false), "once in each doubling");
        assert_eq!(of(256, round, |round| round / 4, |_| 9), (true, false), "the heap's end alone");
        let asked = Round { is_automatic: false, ..round };
        assert_eq!(of(256, asked, |_| 7, |_| 9), (true, true), "the heap's end");
    }

    #[test]
    fn memory_in_which_there_is_no_room_for_a_chunk_has_run_out() {
        let (folder, limit) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep"), "max_pages = 4");
        let text = std::fs::read_to_string(format!("{folder}.toml")).unwrap().replace(limit, "max_pages = 40");
        let module = std::fs::read(format!("{folder}.wat")).unwrap();
        let of = |text: &str| {
            let module = Some(Manifest::parse(text, &module, "m.toml").unwrap());
            let pinned = Machine::default();
            let spec = Spec { name: "m.toml".to_owned(), module, pinned, edit: None, address_limit: None };
            let description = spec.resolve(Machine::default()).unwrap();
            let pages = (1..=40).map(|round| [1, 17, 33, 33][round / 11]).collect();
            let course = Course { pages, end: Some(End::Trapped(Trap::Unreachable)), ..Course::default() };
            plateau(&course, ROUND, &description)
        };
        assert_eq!(of(&text), None, "there was room");
        let v = of(&text.replace("[heap]", "[heap]\ngrows_by = { at_least = 16 }")).unwrap();
        assert!(v.kind == Kind::Leak && v.found.contains("at 33 of 40 pages"), "{}", v.found);
    }

    #[test]
    fn beside_survivors_memory_that_runs_out_is_a_leak_only_if_it_grew_all_along() {
        let of = |survivors: u32, pages: fn(u32) -> u32| {
            let pages = (1..=40).map(pages).collect();
            let course = Course { pages, end: Some(End::Trapped(Trap::Unreachable)), ..Course::default() };
            plateau(&course, Round { survivors, ..ROUND }, &description()).is_some()
        };
        for (pages, alone, beside) in [
            ((|round| round) as fn(u32) -> u32, true, true),
            // A part of a region more, once, or all of memory from the start.
            (|round| if round < 30 { 39 } else { 40 }, true, false),
            (|_| 40, true, false),
        ] {
            assert_eq!((of(0, pages), of(3, pages)), (alone, beside), "{} .. {}", pages(1), pages(40));
        }
    }

    #[test]
    fn memory_that_runs_out_for_work_that_it_was_enough_for_is_a_leak() {
        let of = |rounds, trap, pages: fn(u32) -> u32| {
            let pages = (1..=rounds).map(pages).collect();
            let course = Course { pages, end: Some(End::Trapped(trap)), ..Course::default() };
            plateau(&course, ROUND, &description())
        };
        let v = of(40, Trap::Unreachable, |round| round).unwrap();
        assert!(v.kind == Kind::Leak && v.expected.contains("round 41 of 3 objects of 24 bytes"), "{}", v.expected);
        assert_eq!(
            v.found,
            "trap: unreachable, at 40 of 40 pages: 5 pages after 5 rounds, 10 after 10, 20 after 20, 40 after 40"
        );
        assert!(of(16, Trap::Unreachable, |_| 40).is_some(), "all of memory from the start");
        assert_eq!(of(15, Trap::Unreachable, |_| 40), None, "too few rounds");
        assert_eq!(of(40, Trap::Unreachable, |round| round / 2), None, "there was room");
        assert_eq!(of(3, Trap::MemoryOutOfBounds, |_| 3).unwrap().kind, Kind::OutOfBounds);
    }
}
