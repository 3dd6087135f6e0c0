//! What memory grows by: objects are held until it grows, again and again; then one is asked for that needs more than it grew by.

use super::super::chunk::Chunk;
use super::allocation::Recipe;
use super::lab::{Bench, Lab};
use super::world::Root;
use crate::runtime::description::PAGE;

/// Bytes of the objects that make memory grow: none needs more than a page.
const LARGE: u32 = 60_000;
/// So many of them are held at most.
const HELD: u32 = 64;

/// What was seen. Pages before and after each growth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Growth {
    /// Where a page was needed at most.
    small: Vec<(u32, u32)>,
    /// Where more were needed than memory grew by each time before.
    large: Vec<(u32, u32)>,
}

fn pages(bench: &Bench<'_>) -> u32 {
    (bench.memory().len() / PAGE as usize) as u32
}

/// Holds objects until memory has grown as often as it does; `slots`: as many can be held.
pub(super) fn observe(lab: &Lab<'_>, recipe: &Recipe, root: Option<(&Root, u32)>) -> Growth {
    let mut seen = Growth { small: small(lab, recipe, root).unwrap_or_default(), large: Vec::new() };
    if let Some(step) = seen.step().filter(|step| *step > 1) {
        // Of two neighbours one is no multiple.
        seen.large = [1, 2].into_iter().filter_map(|more| large(lab, recipe, step + more)).collect();
    }
    seen
}

fn small(lab: &Lab<'_>, recipe: &Recipe, root: Option<(&Root, u32)>) -> Option<Vec<(u32, u32)>> {
    let mut bench = lab.bench().ok()?;
    let (mut all, mut before) = (Vec::new(), pages(&bench));
    for number in 0..root.map_or(HELD, |(_, slots)| slots.min(HELD)) {
        let Some(object) = recipe.make_clean(&mut bench, LARGE, 0) else { break };
        let after = pages(&bench);
        if after != before {
            all.push((before, after));
        }
        before = after;
        if root.is_some_and(|(root, _)| !root.hold(&mut bench, number, object)) {
            break;
        }
    }
    Some(all)
}

/// Asks for an object of all pages that there are, so many more, and a part of one.
fn large(lab: &Lab<'_>, recipe: &Recipe, more: u32) -> Option<(u32, u32)> {
    let mut bench = lab.bench().ok()?;
    let before = pages(&bench);
    let size = (before + more).checked_mul(PAGE)? + PAGE / 2;
    recipe.make(&mut bench, size, 0).filter(|object| *object != 0)?;
    let after = pages(&bench);
    (after > before).then_some((before, after))
}

impl Growth {
    /// How often memory was seen to grow.
    pub(super) const fn times(&self) -> usize {
        self.small.len() + self.large.len()
    }

    /// Pages that small objects made memory come to.
    pub(super) fn pages(&self) -> Option<u32> {
        self.small.last().map(|(_, to)| *to)
    }

    /// Pages of all growth for small objects, where they are always as many.
    fn step(&self) -> Option<u32> {
        let (from, to) = *self.small.first()?;
        self.small.iter().all(|pair| pair.1 - pair.0 == to - from).then_some(to - from)
    }

    fn is_doubling(&self) -> bool {
        let doubles = |(from, to): &(u32, u32)| *from > 0 && to % from == 0 && (to / from).is_power_of_two();
        self.small.iter().all(|(from, to)| *to == 2 * from) && self.large.iter().all(doubles)
    }

    /// What memory grows by, where that is not any number of pages.
    pub(super) fn chunk(&self) -> Option<Chunk> {
        let (from, to) = *self.small.first()?;
        let may_double = self.is_doubling();
        if may_double && self.small.len() > 1 {
            return Some(Chunk::Double);
        }
        // Once is not enough to tell both apart.
        let step = self.step().filter(|step| *step > 1 && (self.small.len() > 1 || to - from != from))?;
        let is_multiple = self.large.iter().all(|(from, to)| (to - from).is_multiple_of(step));
        Some(if is_multiple { Chunk::Pages(step) } else { Chunk::AtLeast(step) })
    }

    /// Whether this is what was seen; none where memory did not grow.
    pub(super) fn fits(&self, declared: Chunk) -> Option<bool> {
        if self.small.is_empty() {
            return None;
        }
        let all = || self.small.iter().chain(&self.large).map(|(from, to)| to - from);
        Some(match declared {
            Chunk::Double => self.is_doubling(),
            // One that always grows by twice as much does not come to each multiple.
            Chunk::Pages(pages) => all().fold(0, gcd) == pages,
            Chunk::AtLeast(pages) => {
                let is_more = self.large.is_empty() || self.large.iter().any(|(from, to)| (to - from) % pages != 0);
                is_more && self.step() == Some(pages)
            }
        })
    }

    /// How it grew, in words.
    pub(super) fn text(&self) -> String {
        let mut steps: Vec<String> = Vec::new();
        for (from, to) in self.small.iter().chain(&self.large) {
            let step = format!("from {from} to {to}");
            if steps.len() < SAID && !steps.contains(&step) {
                steps.push(step);
            }
        }
        let more = if self.times() > steps.len() { ", .." } else { "" };
        format!("memory grew {} pages{more}", steps.join(", "))
    }
}

/// Growths that are told.
const SAID: usize = 4;

/// The greatest number of which both are multiples.
const fn gcd(a: u32, b: u32) -> u32 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
