//! How a module keeps roots: by the names of its functions and globals, and by what keeps an object.

use super::lab::Lab;
use super::names::{self, Candidate};
use super::world::{Fate, Root, World};
use wasmparser::ValType;

/// A way to keep roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) root: Root,
    pub(super) capacity: Capacity,
    /// Whether an object may be pinned twice; of pins only.
    pub(super) is_reentrant: bool,
    /// The global that is a stack's base, if one is called so.
    pub(super) base: Option<String>,
    /// The function that writes a pushed root.
    pub(super) set: Option<String>,
    pub(super) why: Vec<String>,
}

/// How many there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Capacity {
    /// Up to what a global says.
    Limit(String),
    /// So many.
    Slots(u32),
}

/// Slots that are used where nobody knows how many there are.
const SLOTS: u32 = 64;
/// Slots that are looked for.
const MOST_SLOTS: u32 = 1024;
/// Globals that are tried where none has a name that tells.
const MOST_TRIED: usize = 24;

/// Ways to keep roots that the module's names promise.
pub(super) fn candidates(lab: &Lab<'_>) -> Vec<Root> {
    let module = lab.module;
    let mut all = Vec::new();
    for top in names::globals(module, &names::STACK_TOP) {
        if lab.mutable().contains(&top.index) {
            all.extend(stacks(top.index, &top.name));
        }
    }
    let push = names::functions(module, &names::PUSH, 1..=1, 0..=1);
    let pop = names::functions(module, &names::POP, 0..=1, 0..=1);
    if let (Some(push), Some(pop)) = (push.first(), pop.first()) {
        let pops_many = module.functions[pop.index as usize].params.len() == 1;
        all.push(Root::Calls { push: push.clone(), pop: pop.clone(), pops_many });
    }
    all.extend(pins(lab).map(|(pin, unpin)| Root::Pins { pin, unpin }));
    let set = names::functions(module, &names::ROOT_SET, 2..=2, 0..=1);
    all.extend(set.first().map(|set| Root::Slots { set: set.clone() }));
    all
}

fn stacks(top: u32, name: &str) -> [Root; 2] {
    let down = Root::Stack { top, name: name.to_owned(), grows_up: false };
    let up = Root::Stack { top, name: name.to_owned(), grows_up: true };
    // What a compiler calls so grows down.
    if names::words(name).join(" ") == "stack pointer" { [down, up] } else { [up, down] }
}

/// A pair of functions, one called by the opposite of the other's name.
fn pins(lab: &Lab<'_>) -> Option<(Candidate, Candidate)> {
    let functions = &lab.module.functions;
    let named: Vec<(u32, Vec<String>)> = (0..)
        .zip(functions)
        .filter(|(_, f)| f.import.is_none() && f.params == [ValType::I32] && f.results.len() <= 1)
        .filter_map(|(index, f)| Some((index, names::words(f.exports.first().or(f.name.as_ref())?))))
        .collect();
    let candidate = |index| Candidate { index, name: names::function_name(lab.module, index), distance: 0 };
    for exported in [true, false] {
        for (keep, let_go) in names::PINS {
            for (index, words) in &named {
                let opposite: Vec<String> =
                    words.iter().map(|word| if word == keep { let_go.to_owned() } else { word.clone() }).collect();
                let is_it =
                    words.iter().any(|word| word == keep) && functions[*index as usize].exports.is_empty() != exported;
                if let (true, Some((other, _))) = (is_it, named.iter().find(|(_, words)| *words == opposite)) {
                    return Some((candidate(*index), candidate(*other)));
                }
            }
        }
    }
    None
}

/// Any mutable global that may be the top of a stack.
pub(super) fn unnamed_stacks(lab: &Lab<'_>) -> Vec<Root> {
    let Ok(bench) = lab.bench() else { return Vec::new() };
    let bytes = bench.memory().len() as u32;
    let fits = |index: &&u32| bench.global(**index).is_some_and(|value| value.is_multiple_of(4) && value < bytes);
    let globals = lab.mutable().iter().filter(fits).take(MOST_TRIED);
    globals.flat_map(|index| stacks(*index, &names::global_name(lab.module, *index))).collect()
}

/// What is known of a way that keeps an object, or that nothing speaks against.
pub(super) fn describe(world: &World<'_, '_>, root: Root, recycles: bool, first: Option<u32>) -> Kept {
    let mut kept =
        Kept { root, capacity: Capacity::Slots(SLOTS), is_reentrant: false, base: None, set: None, why: Vec::new() };
    if recycles {
        kept.why.push(
            "seen: an object that it holds outlives collections, and one that it does not hold is recycled".to_owned(),
        );
        if !world.released(&kept.root).is_recycled() {
            kept.why.push("seen: an object that it held once was not recycled after it was let go".to_owned());
        }
    } else {
        kept.why.push("by its name; no object was ever recycled, so nothing shows that it keeps any".to_owned());
    }
    match &kept.root {
        Root::Stack { top, grows_up, .. } => {
            let (top, grows_up) = (*top, *grows_up);
            stack(world, top, grows_up, first, &mut kept);
        }
        Root::Pins { pin, unpin } => {
            let (pin, unpin) = (pin.index, unpin.index);
            let twice = recycles.then(|| {
                world.fate(|bench| {
                    let object = world.recipe.make_clean(bench, super::world::SIZE, 0)?;
                    [pin, pin, unpin].into_iter().try_for_each(|f| bench.call(f, &[object]).map(drop)).map(|()| object)
                })
            });
            kept.is_reentrant = twice == Some(Fate::Kept);
            kept.why.push(
                match twice {
                    Some(Fate::Kept) => "seen: an object pinned twice and let go once lives",
                    Some(Fate::Recycled(_)) => "seen: an object pinned twice and let go once is recycled",
                    Some(Fate::Died) => "seen: a second pin of an object, or letting go of it, does not return",
                    None => "not known whether an object can be pinned twice: it is pinned once",
                }
                .to_owned(),
            );
            pushed(world, recycles, &mut kept);
        }
        Root::Calls { .. } => {
            pushed(world, recycles, &mut kept);
        }
        Root::Slots { .. } => slots(world, recycles, &mut kept),
    }
    kept
}

/// Where a stack begins and ends.
fn stack(world: &World<'_, '_>, top: u32, grows_up: bool, first: Option<u32>, kept: &mut Kept) {
    let module = world.lab.module;
    let Ok(bench) = world.lab.bench() else { return };
    let Some(base) = bench.global(top) else { return };
    kept.base = names::globals(module, &names::STACK_BASE)
        .into_iter()
        .find(|candidate| candidate.index != top && bench.global(candidate.index) == Some(base))
        .map(|candidate| candidate.name);
    let bytes = bench.memory().len() as u32;
    let room = |limit: u32| {
        let room = if grows_up { limit.checked_sub(base) } else { base.checked_sub(limit) };
        room.filter(|room| (16..=4 << 20).contains(room) && limit <= bytes)
    };
    let limits = names::globals(module, &names::STACK_LIMIT).into_iter();
    let limit = limits
        .filter(|candidate| candidate.index != top)
        .find(|candidate| bench.global(candidate.index).and_then(room).is_some());
    if let Some(limit) = limit {
        kept.why.push(format!("`{}` is taken for its limit by its name", limit.name));
        kept.capacity = Capacity::Limit(limit.name);
        return;
    }
    let most = match (grows_up, first) {
        (true, Some(first)) if first > base => (first - base) / 4,
        (true, _) => (bytes.saturating_sub(base)) / 4,
        (false, _) => base / 4,
    };
    let used = most.clamp(1, SLOTS);
    kept.why.push(format!("no global is called its limit: {used} slots of it are used; give more if there are more"));
    kept.capacity = Capacity::Slots(used);
}

/// How many roots can be pushed, each of which keeps its object.
fn pushed(world: &World<'_, '_>, recycles: bool, kept: &mut Kept) {
    let push = |slots: u32| {
        world.fate(|bench| {
            let mut objects = Vec::new();
            for number in 0..slots {
                let object = world.recipe.make_clean(bench, super::world::SIZE, 0)?;
                kept.root.hold(bench, number, object).then_some(())?;
                objects.push(object);
            }
            objects.last().copied()
        })
    };
    let mut slots = SLOTS;
    while slots > 1 && push(slots) != Fate::Kept {
        slots /= 2;
    }
    if slots == SLOTS || !recycles && slots > 1 {
        kept.why.push(format!("seen: {slots} of them at once; give more if there can be more"));
    } else {
        while slots < SLOTS && push(slots + 1) == Fate::Kept {
            slots += 1;
        }
        kept.why.push(format!("seen: {slots} of them at once, and no more"));
    }
    kept.capacity = Capacity::Slots(slots);
}

/// How many numbered slots there are, each of which keeps its object.
fn slots(world: &World<'_, '_>, recycles: bool, kept: &mut Kept) {
    let holds = |slot: u32| {
        let fate = world.fate(|bench| {
            let object = world.recipe.make_clean(bench, super::world::SIZE, 0)?;
            kept.root.hold(bench, slot, object).then_some(object)
        });
        fate == Fate::Kept
    };
    let most = if recycles { MOST_SLOTS } else { 8 };
    let (mut good, mut bad) = (1, 2);
    while bad <= most && holds(bad - 1) {
        (good, bad) = (bad, bad * 2);
    }
    if bad > most {
        kept.why.push(format!("seen: slot {} keeps an object; whether there are more is not known", good - 1));
        kept.capacity = Capacity::Slots(good.min(SLOTS));
        return;
    }
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle - 1) { good = middle } else { bad = middle }
    }
    kept.why.push(format!("seen: slots 0 to {} keep an object, slot {good} does not", good - 1));
    kept.capacity = Capacity::Slots(good);
}
