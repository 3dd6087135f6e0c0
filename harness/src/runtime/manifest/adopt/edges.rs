//! What is so at the edges: what a request for nothing gives, and what memory grows by.

use super::super::parts::{Chunk, ZeroSize};
use super::allocation::Recipe;
use super::lab::{Bench, Lab};
use super::world::{Root, World};
use crate::runtime::description::PAGE;

/// Bytes of the objects that make memory grow: none needs more than a page.
const LARGE: u32 = 60_000;
/// So many of them are held.
const HELD: u32 = 64;

/// What a request for no bytes gives that is made by this call; none where that was not seen.
pub(super) fn zero_size(
    world: &World<'_, '_>,
    recipe: &Recipe,
    root: Option<&Root>,
    recycles: bool,
) -> Option<ZeroSize> {
    let mut bench = world.lab.bench().ok()?;
    world.collect(&mut bench).then_some(())?;
    let none = |bench: &mut Bench<'_>| recipe.make(bench, 0, 0);
    let some = |bench: &mut Bench<'_>| recipe.make(bench, 8, 0);
    some(&mut bench).filter(|object| *object != 0)?;
    let first = none(&mut bench)?;
    if first != 0
        && let Some(root) = root
    {
        root.hold(&mut bench, 0, first).then_some(())?;
    }
    let (second, other, third) = (none(&mut bench)?, some(&mut bench)?, none(&mut bench)?);
    if [first, second, third] == [0; 3] {
        return Some(ZeroSize::Null);
    }
    let is_one = first == second && first == third && first.wrapping_sub(other) >= 8;
    match (is_one, root) {
        // A place that nothing holds may come again.
        (true, None) if recycles => None,
        (true, _) => Some(ZeroSize::Shared),
        (false, _) => Some(ZeroSize::Object),
    }
}

/// What memory grows by, where that is more than a page, and how often it was seen to.
pub(super) fn growth(lab: &Lab<'_>, recipe: &Recipe, root: Option<&Root>) -> Option<(Chunk, usize)> {
    let mut bench = lab.bench().ok()?;
    let pages = |bench: &Bench<'_>| (bench.memory().len() / PAGE as usize) as u32;
    let (mut all, mut before) = (Vec::new(), pages(&bench));
    for number in 0..HELD {
        let Some(object) = recipe.make_clean(&mut bench, LARGE, 0) else { break };
        let after = pages(&bench);
        if after != before {
            all.push((before, after));
        }
        before = after;
        if root.is_some_and(|root| !root.hold(&mut bench, number, object)) {
            break;
        }
    }
    let (from, to) = *all.first()?;
    if all.len() > 1 && all.iter().all(|(from, to)| *to == 2 * from) {
        return Some((Chunk::Double, all.len()));
    }
    let is_told = all.len() > 1 || to - from != from;
    let same = all.iter().all(|pair| pair.1 - pair.0 == to - from);
    (is_told && same && to - from > 1).then_some((Chunk::Pages(to - from), all.len()))
}
