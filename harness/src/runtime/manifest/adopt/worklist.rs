//! How many objects a collection can put off: an object of many children is collected, and one of more traps.

use super::access::{self, Accessor};
use super::kinds::{Kind, Words};
use super::world::{Root, World};

/// Children that are tried, the most first.
const MOST: [u32; 3] = [40_000, 18_000, 6_000];

/// The number of children up to which one object of them is collected, if there is one: one more traps.
pub(super) fn capacity(world: &World<'_, '_>, root: &Root, kinds: &[Kind], store: Option<&Accessor>) -> Option<u32> {
    let kind = kinds.iter().find(|kind| matches!(kind.words, Words::Any | Words::Every { first: 0, stride: 1 }))?;
    let survives = |children: u32| -> Option<bool> {
        let mut bench = world.lab.bench().ok()?;
        let parent = kind.recipe.make_clean(&mut bench, 4 * children, children)?;
        root.hold(&mut bench, 0, parent).then_some(())?;
        for word in 0..children {
            let child = world.recipe.make_clean(&mut bench, 8, 0)?;
            access::store(store, &mut bench, parent, word, child).then_some(())?;
        }
        let lived = world.collect(&mut bench);
        // What runs on and on is no trap.
        (!bench.is_exhausted()).then_some(lived)
    };
    let (most, lived) = MOST.into_iter().find_map(|children| Some((children, survives(children)?)))?;
    if lived {
        return None;
    }
    let (mut good, mut bad) = (1, most);
    survives(good)?.then_some(())?;
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if survives(middle)? { good = middle } else { bad = middle }
    }
    Some(good)
}
