//! How a module collects and how roots are kept, which show together: what nothing holds is recycled, and what is held is not.
//!
//! Names say what is tried first. Where they say nothing, or what they say is not so, functions and globals are tried for what they do: a
//! function that collects is one after which dropped objects' addresses come again, while those of objects that are held do not.

use super::super::module::Decoded;
use super::allocation::Recipe;
use super::find::Collecting;
use super::names::{self, Candidate};
use super::roots;
use super::world::{Collection, Fate, Root, SAMPLES, World};
use wasmparser::ValType;

/// What was found.
pub(super) struct Ways {
    pub(super) collecting: Collecting,
    /// Whether any place was ever given away again.
    pub(super) recycles: bool,
    /// Whether that needs no call.
    pub(super) bare: bool,
    pub(super) roots: Vec<Root>,
    /// Ways by their names that do not keep an object.
    pub(super) broken: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Functions without a name that tells that are tried.
const MOST_TRIED: usize = 32;

/// Calls that may collect, the likeliest first.
fn collections(module: &Decoded<'_>) -> Vec<Collection> {
    let mut all = Vec::new();
    for candidate in names::functions(module, &names::COLLECT, 0..=1, 0..=1) {
        let params = module.functions[candidate.index as usize].params.len();
        let arguments: &[&[u32]] = if params == 0 { &[&[]] } else { &[&[1], &[0]] };
        for arguments in arguments {
            let Candidate { index, name, .. } = candidate.clone();
            all.push(Collection { function: index, name, arguments: arguments.to_vec(), is_named: true });
        }
    }
    all
}

/// The same of which no name tells: functions without parameters, exported ones first.
fn nameless(module: &Decoded<'_>, init: &[u32], known: &[Collection]) -> Vec<Collection> {
    let mut all = Vec::new();
    for exported in [true, false] {
        for (index, function) in (0..).zip(&module.functions) {
            let fits = function.import.is_none()
                && function.params.is_empty()
                && matches!(function.results.as_slice(), [] | [ValType::I32])
                && function.exports.is_empty() != exported
                && module.start != Some(index)
                && !init.contains(&index)
                && !known.iter().any(|known| known.function == index);
            if fits {
                let name = names::function_name(module, index);
                all.push(Collection { function: index, name, arguments: Vec::new(), is_named: false });
            }
        }
    }
    all.truncate(MOST_TRIED);
    all
}

/// Finds both. Sets the world's recipe to the first one with which anything shows, its sample likewise, and its collection.
pub(super) fn find(world: &mut World<'_, '_>, module: &Decoded<'_>, recipes: &[Recipe], init: &[u32]) -> Ways {
    let fresh = world.clone();
    let mut first = None;
    for sample in SAMPLES {
        *world = World { sample, ..fresh.clone() };
        let mut ways = find_with(world, module, recipes, init);
        if ways.roots.first().is_some_and(|root| world.rooted(root) == Fate::Kept) {
            whole(world, module, init, &mut ways);
            return ways;
        }
        first.get_or_insert_with(|| (world.clone(), ways));
    }
    let (seen, ways) = first.expect("there is a sample");
    *world = seen;
    ways
}

/// Finds both with the world's sample.
fn find_with(world: &mut World<'_, '_>, module: &Decoded<'_>, recipes: &[Recipe], init: &[u32]) -> Ways {
    let calls = collections(module);
    let named = roots::candidates(world.lab);
    let (collecting, recycles, bare) = by_name(world, &calls, recipes);
    let roots = if recycles { keepers(world, &named) } else { Vec::new() };
    if roots.is_empty() || !matches!(collecting, Collecting::Seen(_)) {
        let before = (world.collection.clone(), world.patience);
        let tried: Vec<Root> = named.iter().chain(&roots).cloned().collect();
        if let Some((by, roots)) = by_behaviour(world, &nameless(module, init, &calls), &tried, bare) {
            return Ways {
                collecting: Collecting::Seen(by),
                recycles: true,
                bare: bare.is_recycled(),
                broken: broken(world, &named, &roots),
                roots,
                notes: Vec::new(),
            };
        }
        (world.collection, world.patience) = before;
        if roots.is_empty()
            && let Some(pins) = counted(world, &named)
            && let Root::Pins { pin, unpin } = &pins
        {
            let note = format!(
                "seen: an object that `{}` was called with and then `{}` as often is recycled, and one that they were not called with never is: \
                 references are counted. Programs let go of all pins of a frame before they pin again what outlives it: where an object is freed as soon as \
                 its last pin goes, what is found at `leave keep` is no bug",
                pin.name, unpin.name
            );
            let roots = vec![pins];
            // One that frees what is held is none of theirs.
            let collecting = match collecting {
                Collecting::Seen(_) => Collecting::None,
                Collecting::Named(_) | Collecting::None => collecting,
            };
            return Ways {
                collecting,
                recycles: true,
                bare: true,
                broken: broken(world, &named, &roots),
                roots,
                notes: vec![note],
            };
        }
    }
    if !recycles {
        let mut roots: Vec<Root> = Vec::new();
        for root in named {
            if !roots.iter().any(|known| known.same_stack(&root)) {
                roots.push(root);
            }
        }
        return Ways { collecting, recycles, bare: false, roots, broken: Vec::new(), notes: Vec::new() };
    }
    let broken = broken(world, &named, &roots);
    let notes = if roots.is_empty() { roots::cells(world) } else { Vec::new() };
    Ways { collecting, recycles, bare: bare.is_recycled(), roots, broken, notes }
}

/// A call that frees what nothing holds, but not what two of it have kept, where there is one beside the full collection.
pub(super) fn partial(world: &World<'_, '_>, root: &Root, init: &[u32], full: &Collection) -> Option<Collection> {
    let known = [full.clone()];
    let is_partial = |call: &Collection| {
        let world = World { collection: Some(call.clone()), ..world.clone() };
        world.unrooted().is_recycled() && world.tells_apart(root) && world.aged(root) == Fate::Kept
    };
    // Where what is dropped comes again without a call, nothing shows.
    let bare = World { collection: None, ..world.clone() };
    (world.discard.is_none() && !bare.unrooted().is_recycled())
        .then(|| nameless(world.lab.module, init, &known).into_iter().find(is_partial))?
}

/// Ways that are left out although their names say that they keep objects, and why.
fn broken(world: &World<'_, '_>, named: &[Root], good: &[Root]) -> Vec<String> {
    let mut broken: Vec<String> = Vec::new();
    for root in named {
        if good.iter().any(|known| known.has(root)) {
            continue;
        }
        let why = match world.rooted(root) {
            Fate::Recycled(_) => "an object that was given to it was freed all the same",
            Fate::Kept => {
                "it keeps an object, but lets go of one that was given to another, or shares a function with it"
            }
            Fate::Unclear => "while it had an object, none at all was freed",
            Fate::Died => "what was called for it did not return",
        };
        let text = format!("`{}`: {why}", root.name());
        if !broken.contains(&text) {
            broken.push(text);
        }
    }
    broken
}

/// How it collects by names, whether an unrooted object's place is given away again, and what becomes of it without a call.
fn by_name(world: &mut World<'_, '_>, calls: &[Collection], recipes: &[Recipe]) -> (Collecting, bool, Fate) {
    for recipe in recipes {
        world.recipe = recipe.clone();
        world.collection = None;
        let bare = world.unrooted();
        if let Some(call) = calls.iter().find(|call| frees(world, call, bare)) {
            return (Collecting::Seen(call.clone()), true, bare);
        }
        world.collection = None;
        if let Fate::Recycled(after) = bare {
            world.patience = patience(after);
            return (assumed(world, calls), true, bare);
        }
    }
    world.recipe = recipes[0].clone();
    world.collection = None;
    (assumed(world, calls), false, Fate::Unclear)
}

/// Whether an object that nothing holds is recycled after this call, sooner than without it. The world is left with the call, and the patience that
/// it needs.
fn frees(world: &mut World<'_, '_>, call: &Collection, bare: Fate) -> bool {
    world.collection = Some(call.clone());
    let Fate::Recycled(after) = world.unrooted() else { return false };
    let helps = match bare {
        Fate::Recycled(bare) => after < bare || after == 0,
        Fate::Kept | Fate::Unclear | Fate::Died => true,
    };
    if helps {
        world.patience = patience(after);
    }
    helps
}

/// Allocations to wait for an address that came after so many.
pub(super) const fn patience(after: u32) -> u32 {
    8 * after + 64
}

/// A collection that was not seen to free anything.
fn assumed(world: &mut World<'_, '_>, calls: &[Collection]) -> Collecting {
    for call in calls {
        world.collection = Some(call.clone());
        if world.unrooted() != Fate::Died {
            return Collecting::Named(call.clone());
        }
    }
    world.collection = None;
    Collecting::None
}

/// Puts another call in the place of one that does not free what two collections have kept, if there is one that does: what frees young objects only is
/// no full collection.
fn whole(world: &mut World<'_, '_>, module: &Decoded<'_>, init: &[u32], ways: &mut Ways) {
    let (Collecting::Seen(by), Some(root)) = (&ways.collecting, ways.roots.first()) else { return };
    if world.discard.is_some() || world.aged(root).is_recycled() {
        return;
    }
    let before = (world.collection.clone(), world.patience);
    let named = collections(module);
    let others = nameless(module, init, &named);
    for call in named.into_iter().chain(others).filter(|call| call.function != by.function) {
        world.collection = Some(call.clone());
        if world.unrooted().is_recycled() && world.tells_apart(root) && world.aged(root).is_recycled() {
            ways.collecting = Collecting::Seen(call);
            return;
        }
    }
    (world.collection, world.patience) = before;
    ways.notes.push(format!(
        "seen: `{}` frees what nothing holds, but not an object that it kept twice and that was let go then: it may collect a part of the heap only. If \
         another function collects all of it, name that one",
        by.name
    ));
}

/// The first function after which dropped objects are recycled, and held ones are not, with what holds them.
fn by_behaviour(
    world: &mut World<'_, '_>,
    calls: &[Collection],
    named: &[Root],
    bare: Fate,
) -> Option<(Collection, Vec<Root>)> {
    let patience = world.patience;
    let mut partial = None;
    for call in calls {
        world.patience = patience;
        // What is recycled at once shows nothing of a call.
        if bare == Fate::Recycled(0) || !frees(world, call, bare) {
            continue;
        }
        let roots = keepers(world, named);
        let Some(root) = roots.first() else { continue };
        if world.aged(root).is_recycled() {
            return Some((call.clone(), roots));
        }
        let patience = world.patience;
        partial.get_or_insert_with(|| (call.clone(), patience, roots));
    }
    let (call, patience, roots) = partial?;
    (world.collection, world.patience) = (Some(call.clone()), patience);
    Some((call, roots))
}

/// A pair of functions by which objects are counted: who was held and let go is recycled with no further call.
fn counted(world: &mut World<'_, '_>, named: &[Root]) -> Option<Root> {
    let is_pins = |root: &&Root| matches!(root, Root::Pins { .. });
    let tried: Vec<Root> = named.iter().filter(is_pins).cloned().chain(roots::all_pins(world.lab)).collect();
    let before = (world.collection.take(), world.patience);
    for root in tried {
        world.discard = Some(root.clone());
        if let Fate::Recycled(after) = world.unrooted() {
            world.patience = patience(after);
            if world.tells_apart(&root) {
                return Some(root);
            }
            world.patience = before.1;
        }
    }
    (world.collection, world.patience, world.discard) = (before.0, before.1, None);
    None
}

/// The ways of these names that keep an object, or else of those that no name tells of; none that is another by another name.
fn keepers(world: &World<'_, '_>, named: &[Root]) -> Vec<Root> {
    let mut good: Vec<Root> = Vec::new();
    let add = |good: &mut Vec<Root>, root: &Root| {
        let is_double = |known: &Root| {
            known.functions().iter().any(|function| root.functions().contains(function))
                || known.same_stack(root)
                || !independent(world, known, root)
        };
        if !good.iter().any(is_double) {
            good.push(roots::with_setter(world, root.clone()));
        }
    };
    // A stack that was taken to grow the wrong way may keep an object by chance, and a broken collector may not let go of one.
    let told: Vec<&Root> = named.iter().filter(|root| world.tells_apart(root)).collect();
    let kept: Vec<&Root> = named.iter().filter(|root| world.rooted(root) == Fate::Kept).collect();
    for root in told.into_iter().chain(kept) {
        if !good.iter().any(|known| known.has(root)) {
            add(&mut good, root);
        }
    }
    if good.is_empty() {
        for root in roots::unnamed(world) {
            add(&mut good, &root);
        }
    }
    if good.is_empty() {
        // While something is held, nothing is recycled at all.
        good.extend(named.iter().find(|root| world.rooted(root) == Fate::Unclear).cloned());
    }
    good
}

/// Whether letting go of what one holds leaves what the other holds later.
fn independent(world: &World<'_, '_>, one: &Root, other: &Root) -> bool {
    let fate = |watched: usize| {
        world.fate(|bench| {
            let mut objects = [0; 2];
            for (object, root) in objects.iter_mut().zip([one, other]) {
                *object = world.recipe.make_clean(bench, world.sample.size, 0)?;
                root.hold(bench, 0, *object).then_some(())?;
            }
            one.release(bench, 0, objects[0]).then_some(objects[watched])
        })
    };
    // One that never lets go of anything is for the hunt to find.
    !world.released(one).is_recycled() || fate(0).is_recycled() && fate(1) == Fate::Kept
}
