//! What is so at the edge of sizes: what a request for nothing gives.

use super::super::parts::ZeroSize;
use super::allocation::Recipe;
use super::lab::Bench;
use super::world::{Root, World};

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
    // A kind of no bytes has no others.
    let some = |bench: &mut Bench<'_>| world.recipe.make(bench, 8, 0);
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
