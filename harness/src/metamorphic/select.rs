//! Which variants a program runs in: a function of the campaign's seed, the program's index and its machine.

use super::machines::{HEAP_STARTS, heap_start, worklist};
use super::rounds::sizes;
use super::variant::{Gaps, Rounds, Variant, mix};
use crate::model::Model;
use crate::runtime::description::Description;
use crate::runtime::manifest::{Chunk, Manifest};
use crate::runtime::{RuntimeError, Spec};
use heapsmith_generators::Machine;
use std::sync::Arc;

/// Of so many programs of an ordinary campaign, one runs in a variant.
const SHARE: u64 = 32;
/// Heap starts of an ordinary campaign: as few as compiling them may cost.
const SHARED_STARTS: u64 = 6;
/// Heap starts of poisoned twins.
const POISONED_STARTS: u64 = 16;
/// Of so many programs, one runs on another runtime,
const ANOTHER_RUNTIME: u64 = 4;
/// and one in the standalone lowering.
const STANDALONE: u64 = 256;
/// Of so many of the first programs of a campaign on a module, one is done again and again, so that a short one has rounds, too;
const ROUNDS: [(u64, u64); 2] = [(256, 4), (2_048, 32)];
/// then, one in so many.
const ROUNDS_LATER: u64 = 1_024;
/// The same where variants are what was asked for.
const ROUNDS_OF_ALL: u64 = 8;
/// Payload bytes that objects of rounds get in one of three times, beside sizes of the program's own: all orders of magnitude.
const ROUND_SIZES: [u32; 6] = [16, 72, 300, 1_200, 5_000, 20_000];
/// Prime to [`HEAP_STARTS`]: the starts of neighbours are far apart, and all come round.
const STRIDE: u64 = 37;
/// Work of a variant, in the model's units, above which an ordinary campaign leaves it out: what it costs would buy a hundred others.
pub const SHARED_WORK: u64 = 200_000;
/// The same where variants are what was asked for.
pub const MOST_WORK: u64 = 8_000_000;

/// How much of a campaign is metamorphic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// One program in `SHARE`, in one variant each (and on a module of which that is promised, some do their work again and again): collections in all gaps; collections in some gaps at another heap start; another heap
    /// start; a poisoned twin with collections in all gaps.
    Share,
    /// Every program, in these variants:
    /// 1. collections in all gaps;
    /// 2. collections in a sample of gaps, at another heap start;
    /// 3. another heap start: all [`HEAP_STARTS`] in turn, offsets 0 to 95 of `data_end` and 16 starts close before a page's end;
    /// 4. a larger worklist (one time in four a smaller one);
    /// 5. the poisoned twin at one of 16 heap starts, every other time with collections in all gaps;
    /// 6. every fourth program: this other runtime, if any;
    /// 7. one program in 256: the standalone lowering.
    All {
        /// Another runtime whose contents must be the same.
        against: Option<Spec>,
    },
    /// Every program on each of these runtimes, too, and [`Self::Share`] besides.
    Versus {
        /// The other runtimes.
        others: Vec<Spec>,
    },
}

impl Selection {
    /// The variants of program `index` of a campaign, which `model` has planned.
    ///
    /// # Errors
    /// A runtime that there is not.
    pub fn variants(&self, seed: u64, index: u64, model: &Model) -> Result<Vec<Variant>, RuntimeError> {
        let base = model.description();
        if let Self::Versus { others } = self {
            let on = |other: &Spec| Variant { on: Some(other.clone()), ..Variant::default() };
            let mut all: Vec<Variant> = others.iter().map(on).collect();
            all.extend(Self::Share.variants(seed, index, model)?);
            return Ok(all);
        }
        let draw = mix(seed, index);
        let start = |number: u64| heap_start(&base.name, base, number * STRIDE % u64::from(HEAP_STARTS));
        let all_gaps = Variant { gaps: Gaps::All, ..Variant::default() };
        let some_gaps = Gaps::Sample((draw >> 32) as u32);
        if base.module.is_some() {
            let mut all = self.of_module(draw, index, base, some_gaps);
            all.extend(self.rounds(draw, index, model));
            return Ok(all);
        }
        match self {
            Self::Share | Self::Versus { .. } => {
                if !draw.is_multiple_of(SHARE) {
                    return Ok(Vec::new());
                }
                let at = start((draw >> 16) % SHARED_STARTS)?;
                Ok(vec![match (draw >> 8) % 4 {
                    0 => all_gaps,
                    1 => Variant { gaps: some_gaps, on: Some(at), ..Variant::default() },
                    2 => Variant { on: Some(at), ..Variant::default() },
                    _ => Variant { on: Some(at), poison: true, ..all_gaps },
                }])
            }
            Self::All { against } => {
                let poisoned = if draw & 256 == 0 { Gaps::None } else { Gaps::All };
                let mut all = vec![
                    all_gaps,
                    Variant { gaps: some_gaps, on: Some(start(draw >> 16)?), ..Variant::default() },
                    Variant { on: Some(start(index)?), ..Variant::default() },
                    Variant { on: Some(worklist(&base.name, base, draw >> 8)?), ..Variant::default() },
                    Variant {
                        gaps: poisoned,
                        on: Some(start((draw >> 24) % POISONED_STARTS)?),
                        poison: true,
                        ..Variant::default()
                    },
                ];
                if let (Some(against), true) = (against, index.is_multiple_of(ANOTHER_RUNTIME)) {
                    all.push(Variant { on: Some(against.clone()), ..Variant::default() });
                }
                if index.is_multiple_of(STANDALONE) {
                    all.push(Variant { standalone: true, ..Variant::default() });
                }
                Ok(all)
            }
        }
    }

    /// The variants of a program on a module that is not ours: its text cannot be changed, so there is no other heap start, worklist or poison. Other
    /// builds of it there may be, and memory that is larger from the start.
    fn of_module(&self, draw: u64, index: u64, base: &Description, some_gaps: Gaps) -> Vec<Variant> {
        let others = others(base);
        let all_gaps = Variant { gaps: Gaps::All, ..Variant::default() };
        let some_gaps = Variant { gaps: some_gaps, ..Variant::default() };
        match self {
            Self::Share | Self::Versus { .. } if !draw.is_multiple_of(SHARE) => Vec::new(),
            Self::Share | Self::Versus { .. } => {
                let other = (draw >> 16).checked_rem(others.len() as u64).map(|i| others[i as usize].clone());
                vec![match (draw >> 8) % 4 {
                    0 => all_gaps,
                    1 => some_gaps,
                    2 => Variant { on: other, ..Variant::default() },
                    _ => Variant { on: other, ..all_gaps },
                }]
            }
            Self::All { against } => {
                let mut all = vec![all_gaps, some_gaps];
                all.extend(others.into_iter().map(|other| Variant { on: Some(other), ..Variant::default() }));
                if let (Some(against), true) = (against, index.is_multiple_of(ANOTHER_RUNTIME)) {
                    all.push(Variant { on: Some(against.clone()), ..Variant::default() });
                }
                if index.is_multiple_of(STANDALONE) {
                    all.push(Variant { standalone: true, ..Variant::default() });
                }
                all
            }
        }
    }

    /// Rounds of the same work, on a module whose memory must stop growing then: objects keep their sizes, or get one of them; and, every other time, rounds
    /// with survivors or without a collection that is asked for.
    fn rounds(&self, draw: u64, index: u64, model: &Model) -> Vec<Variant> {
        let Some(module) = model.description().module.as_ref() else { return Vec::new() };
        let every = match self {
            Self::Share | Self::Versus { .. } => {
                ROUNDS.iter().find(|(until, _)| index < *until).map_or(ROUNDS_LATER, |(_, every)| *every)
            }
            Self::All { .. } => ROUNDS_OF_ALL,
        };
        if module.no_plateau().is_some() || !mix(draw, 1).is_multiple_of(every) {
            return Vec::new();
        }
        let sizes = sizes(model);
        // One in three keeps all sizes.
        let pick = |sizes: &[u32]| sizes.get((mix(draw, 3) % sizes.len().max(1) as u64) as usize).copied();
        let size = match mix(draw, 2) % 3 {
            0 => None,
            1 => pick(&sizes),
            _ => pick(&ROUND_SIZES),
        };
        if sizes.is_empty() {
            return Vec::new();
        }
        let mut all = vec![Rounds { size, ..Rounds::default() }];
        // Every other one again, in objects of one size, with survivors or without being asked to collect.
        let size = if mix(draw, 4).is_multiple_of(3) { pick(&ROUND_SIZES) } else { pick(&sizes) };
        let is_automatic = module.collect.is_automatic && !module.has_minor() && mix(draw, 5).is_multiple_of(2);
        let has_survivors = !is_automatic || mix(draw, 6).is_multiple_of(2);
        if mix(draw, 7).is_multiple_of(2) {
            all.push(Rounds { number: None, size, is_automatic, has_survivors });
        }
        all.into_iter().map(|rounds| Variant { rounds: Some(rounds), ..Variant::default() }).collect()
    }

    /// Work above which a variant is left out.
    #[must_use]
    pub const fn most_work(&self) -> u64 {
        match self {
            Self::Share => SHARED_WORK,
            Self::All { .. } | Self::Versus { .. } => MOST_WORK,
        }
    }

    /// Runtimes that every program is to run on, too.
    #[must_use]
    pub fn others(&self) -> &[Spec] {
        match self {
            Self::Versus { others } => others,
            Self::Share | Self::All { .. } => &[],
        }
    }
}

/// The module with more memory from the start, if it takes that, and its other builds.
fn others(base: &Description) -> Vec<Spec> {
    let Some(module) = &base.module else { return Vec::new() };
    let p = base.parameters;
    let spec = |module: &Arc<Manifest>, initial_pages, edit| Spec {
        name: base.name.clone(),
        module: Some(Arc::clone(module)),
        pinned: Machine { initial_pages: Some(initial_pages), max_pages: Some(p.max_pages), ..Machine::default() },
        address_limit: None,
        edit,
    };
    let more = p.initial_pages.midpoint(p.max_pages).max(p.initial_pages.saturating_add(1));
    // With less room than a chunk needs memory could not grow, and there is no such machine.
    let has_room = |chunk: Chunk| more >= p.max_pages || more.saturating_add(chunk.least(more)) <= p.max_pages;
    let larger =
        (p.initial_pages < p.max_pages && !module.memory.is_fixed && module.heap.grows_by.is_none_or(has_room))
            .then(|| spec(module, more, base.edit.clone()));
    let builds = module.builds.iter().map(|build| spec(build, p.initial_pages, None));
    larger.into_iter().chain(builds).collect()
}

/// The runtime that `name` is held against where nobody names one: its split form, or the reference; none for a runtime with a wrap table,
/// because registrations have no effect on the reference.
#[must_use]
pub fn counterpart(name: &str) -> Option<&'static str> {
    if crate::runtime::describe(name, Machine::default()).is_ok_and(|d| d.parameters.wraps > 0) {
        return None;
    }
    let wanted = if name == "fixed" { "fixed-split" } else { "fixed" };
    crate::runtime::names().iter().copied().find(|known| *known == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The small collector of the tests, which grows so, of `initial` pages and at most `max`.
    fn description(grows_by: &str, initial: u32, max: u32) -> Description {
        const TEXT: &str = include_str!("../../tests/collectors/marksweep.toml");
        const MODULE: &[u8] = include_bytes!("../../tests/collectors/marksweep.wat");
        let edits = [("max_pages = 4", format!("max_pages = {max}")), ("[heap]\n", format!("[heap]\n{grows_by}\n"))];
        let text = edits.iter().fold(TEXT.to_owned(), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replacen(from, to, 1)
        });
        let module = Some(Manifest::parse(&text, MODULE, "marksweep").unwrap());
        let pinned = Machine { initial_pages: Some(initial), max_pages: Some(max), ..Machine::default() };
        let spec = Spec { name: "marksweep".to_owned(), module, pinned, address_limit: None, edit: None };
        spec.resolve(Machine::default()).unwrap()
    }

    #[test]
    fn memory_that_is_larger_from_the_start_has_room_for_a_chunk_or_is_all_that_there_may_be() {
        let larger = |grows_by: &str, initial: u32, max: u32| {
            let all = others(&description(grows_by, initial, max));
            assert!(all.len() <= 1, "{all:?}");
            all.first().map(|spec| spec.resolve(Machine::default()).unwrap().parameters.initial_pages)
        };
        assert_eq!(larger("", 1, 17), Some(9));
        assert_eq!(larger("", 1, 2), Some(2));
        assert_eq!(larger("", 17, 17), None);
        // From 9 pages on there is no room for 16 more.
        assert_eq!(larger("grows_by = { at_least = 16 }", 1, 17), None);
        assert_eq!(larger("grows_by = { at_least = 16 }", 1, 33), Some(17));
        assert_eq!(larger("grows_by = 16", 1, 17), None);
        assert_eq!(larger("grows_by = 16", 1, 33), Some(17));
        assert_eq!(larger("grows_by = \"double\"", 1, 16), Some(8));
        assert_eq!(larger("grows_by = \"double\"", 1, 2), Some(2));
    }
}
