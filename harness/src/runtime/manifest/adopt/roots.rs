//! How a module keeps roots: by the names of its functions and globals, and by what keeps an object.

use super::lab::Lab;
use super::names::{self, Candidate};
use super::world::{Address, Fate, Root, SIZE, World};
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
    /// Whether it was seen to keep an object while others were recycled.
    pub(super) is_seen: bool,
    pub(super) why: Vec<String>,
}

impl Kept {
    /// How, and how many can be held.
    pub(super) const fn slots(&self) -> (&Root, u32) {
        match self.capacity {
            Capacity::Limit(_) => (&self.root, SLOTS),
            Capacity::Slots(slots) => (&self.root, slots),
        }
    }
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
/// Globals or functions that are tried where none has a name that tells.
const MOST_TRIED: usize = 24;
/// Numbers in code that are tried.
const MOST_NUMBERS: usize = 128;
/// The same, of pairs.
const MOST_PAIRS: usize = 200;

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
        all.push(Root::Calls { push: push.clone(), pop: pop.clone(), pops_many, set: None });
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
fn unnamed_stacks(lab: &Lab<'_>) -> Vec<Root> {
    let Ok(bench) = lab.bench() else { return Vec::new() };
    let bytes = bench.memory().len() as u32;
    let fits = |index: &&u32| bench.global(**index).is_some_and(|value| value.is_multiple_of(4) && value < bytes);
    let globals = lab.mutable().iter().filter(fits).take(MOST_TRIED);
    globals.flat_map(|index| stacks(*index, &names::global_name(lab.module, *index))).collect()
}

/// Exported functions that take so many numbers and give one at most.
fn callable(lab: &Lab<'_>, params: usize) -> Vec<Candidate> {
    let mut all = names::exported(lab.module, params..=params, 0..=1);
    all.retain(|candidate| names::distance(&candidate.name, &names::ALLOCATE).is_none());
    all.truncate(MOST_TRIED);
    all
}

/// All pairs of exported functions that may keep an object and let it go.
pub(super) fn all_pins(lab: &Lab<'_>) -> Vec<Root> {
    let functions = callable(lab, 1);
    let pairs = functions.iter().flat_map(|pin| functions.iter().map(move |unpin| (pin, unpin)));
    let different = pairs.filter(|(pin, unpin)| pin.index != unpin.index);
    different.map(|(pin, unpin)| Root::Pins { pin: pin.clone(), unpin: unpin.clone() }).take(MOST_PAIRS).collect()
}

/// Ways to keep an object of which no name tells, by what they do: those that keep two objects, and let one of them go.
pub(super) fn unnamed(world: &World<'_, '_>) -> Vec<Root> {
    let lab = world.lab;
    let mut good = Vec::new();
    let (one, none) = (callable(lab, 1), callable(lab, 0));
    for keep in &one {
        let with = |unpin: &Candidate| Root::Pins { pin: keep.clone(), unpin: unpin.clone() };
        if world.rooted(&with(keep)) != Fate::Kept {
            continue;
        }
        let pins = one.iter().filter(|other| other.index != keep.index).map(with);
        let calls = |pops_many| {
            let pop = if pops_many { &one } else { &none };
            pop.iter().map(move |pop| Root::Calls { push: keep.clone(), pop: pop.clone(), pops_many, set: None })
        };
        let mut ways = calls(false).chain(pins.filter(|pins| lets_go_only(world, pins))).chain(calls(true));
        good.extend(ways.find(|root| world.tells_apart(root)));
    }
    let slots = callable(lab, 2).into_iter().map(|set| Root::Slots { set });
    good.extend(slots.filter(|root| world.tells_apart(root)));
    good.extend(unnamed_stacks(lab).into_iter().filter(|root| world.tells_apart(root)));
    good.extend(tables(lab).into_iter().filter(|root| world.tells_apart(root)));
    if good.is_empty() {
        // Others may be words of the same table.
        good.extend(code_tables(lab).into_iter().find(|root| world.tells_apart(root)));
    }
    good
}

/// A way with the function that writes what was pushed, where there is one; others are what they are.
pub(super) fn with_setter(world: &World<'_, '_>, mut root: Root) -> Root {
    let found = match &root {
        Root::Calls { set: None, .. } => {
            let named = names::functions(world.lab.module, &names::ROOT_SET, 2..=2, 0..=1);
            let mut all = named.into_iter().chain(callable(world.lab, 2));
            all.find(|candidate| world.sets(&root, candidate.index))
        }
        Root::Calls { .. } | Root::Stack { .. } | Root::Pins { .. } | Root::Slots { .. } | Root::Table { .. } => None,
    };
    if let Root::Calls { set, .. } = &mut root
        && found.is_some()
    {
        *set = found;
    }
    root
}

/// Words in memory whose address is a number in the module's code.
fn code_tables(lab: &Lab<'_>) -> Vec<Root> {
    let Ok(bench) = lab.bench() else { return Vec::new() };
    let bytes = bench.memory().len() as u32;
    let fits = |address: &u32| *address != 0 && address.is_multiple_of(4) && *address < bytes;
    let table = |address| Root::Table { address, at: Address::Code };
    lab.module.addresses().into_iter().filter(fits).take(MOST_NUMBERS).map(table).collect()
}

/// Whether what is let go lives on where another object points to it: what frees at once is no opposite of a pin.
fn lets_go_only(world: &World<'_, '_>, pins: &Root) -> bool {
    let fate = |let_go: bool| {
        world.child(pins, &world.recipe, SIZE, |bench, object, child| {
            let is_linked = bench.write_pointer(object, child);
            is_linked && (!let_go || pins.hold(bench, 1, child) && pins.release(bench, 1, child))
        })
    };
    fate(false) != Fate::Kept || fate(true) == Fate::Kept
}

/// Words in memory whose address a global has, or a function gives.
fn tables(lab: &Lab<'_>) -> Vec<Root> {
    let Ok(mut bench) = lab.bench() else { return Vec::new() };
    let bytes = bench.memory().len() as u32;
    let globals = (0..lab.module.globals.len() as u32)
        .filter(|index| lab.module.globals[*index as usize].type_ == ValType::I32)
        .filter_map(|index| Some((bench.global(index)?, Address::Global(names::global_name(lab.module, index)))));
    let mut tables: Vec<(u32, Address)> = globals.take(MOST_TRIED).collect();
    for function in names::exported(lab.module, 0..=0, 1..=1).into_iter().take(MOST_TRIED) {
        if let Some(address) = bench.call(function.index, &[]).and_then(|told| told.first().copied()) {
            tables.push((address, Address::Call(function.name)));
        }
    }
    tables.retain(|(address, _)| *address != 0 && address.is_multiple_of(4) && *address < bytes);
    tables.into_iter().map(|(address, at)| Root::Table { address, at }).collect()
}

/// Globals that keep the object whose address they hold: no manifest can say that, so these are notes.
pub(super) fn cells(world: &World<'_, '_>) -> Vec<String> {
    let Ok(bench) = world.lab.bench() else { return Vec::new() };
    let null = bench.word_of(0);
    let empty = world.lab.mutable().iter().filter(|index| bench.global(**index) == Some(null)).take(MOST_TRIED);
    let fate = |global: u32, let_go: bool| {
        world.fate(|bench| {
            let object = world.recipe.make_clean(bench, world.sample.size, 0)?;
            bench.set_global(global, bench.word_of(object));
            if let_go {
                bench.set_global(global, null);
            }
            Some(object)
        })
    };
    let keeps = |global: &&u32| fate(**global, false) == Fate::Kept && fate(**global, true).is_recycled();
    let note = |global: &u32| {
        format!(
            "seen: the object whose address the global `{}` holds lives on; a manifest has no such roots: export a function (index, value) that sets it, \
             and say that as `slots`",
            names::global_name(world.lab.module, *global)
        )
    };
    empty.filter(keeps).map(note).collect()
}

/// What is known of a way that keeps an object, or that nothing speaks against.
pub(super) fn describe(world: &World<'_, '_>, root: Root, recycles: bool, first: Option<u32>) -> Kept {
    let mut kept = Kept {
        root,
        capacity: Capacity::Slots(SLOTS),
        is_reentrant: false,
        base: None,
        is_seen: false,
        why: Vec::new(),
    };
    if recycles {
        if world.rooted(&kept.root) == Fate::Kept {
            kept.why.push(
                "seen: an object that it holds outlives two collections, after which those that it does not hold are recycled"
                    .to_owned(),
            );
            kept.is_seen = true;
        } else {
            kept.why.push(
                "assumed by its name: while it holds an object, no object at all is recycled, so nothing shows that it keeps any"
                    .to_owned(),
            );
        }
        kept.why.push(
            if world.released(&kept.root).is_recycled() {
                "seen: an object that it held is recycled after it was let go"
            } else {
                "seen: an object that it held is not recycled after it was let go"
            }
            .to_owned(),
        );
    } else {
        kept.why
            .push("assumed by its name: no object was ever recycled, so nothing shows that it keeps any".to_owned());
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
                    let object = world.recipe.make_clean(bench, world.sample.size, 0)?;
                    [pin, pin, unpin].into_iter().all(|f| bench.tell(f, &[object])).then_some(object)
                })
            });
            kept.is_reentrant = twice == Some(Fate::Kept);
            kept.why.push(
                match twice {
                    Some(Fate::Kept) => "seen: an object pinned twice and let go once lives",
                    Some(Fate::Recycled(_)) => "seen: an object pinned twice and let go once is recycled",
                    Some(Fate::Died) => "seen: a second pin of an object, or letting go of it, does not return",
                    Some(Fate::Unclear) | None => {
                        "assumed: an object must not be pinned twice, which was not seen either way"
                    }
                }
                .to_owned(),
            );
            pushed(world, recycles, &mut kept);
        }
        Root::Calls { set, .. } => {
            if let Some(set) = set {
                kept.why.push(format!(
                    "seen: `{}` writes what was pushed, by its index from the bottom: the new object is kept, and the old one is not",
                    set.name
                ));
            }
            pushed(world, recycles, &mut kept);
        }
        Root::Slots { .. } => slots(world, recycles, &mut kept),
        Root::Table { at, .. } => {
            if *at == Address::Code {
                kept.why.push(
                    "nothing names these words: their address is a number in the code, which was tried. Are all of them yours to write? Say fewer if not"
                        .to_owned(),
                );
            }
            slots(world, recycles, &mut kept);
        }
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
        kept.why.push(format!("assumed by its name: `{}` is its limit", limit.name));
        kept.capacity = Capacity::Limit(limit.name);
        return;
    }
    let most = match (grows_up, first) {
        (true, Some(first)) if first > base => (first - base) / 4,
        (true, _) => (bytes.saturating_sub(base)) / 4,
        (false, _) => base / 4,
    };
    let used = most.clamp(1, SLOTS);
    kept.capacity = Capacity::Slots(used);
    kept.why.push(if all_held(world, &kept.root, used) == Fate::Kept {
        format!("seen: {used} of them at once; no global is called its limit: give more if there can be more")
    } else {
        format!("assumed: {used} slots of it can be used; no global is called its limit")
    });
}

/// What becomes of the last of so many objects that are all held.
fn all_held(world: &World<'_, '_>, root: &Root, slots: u32) -> Fate {
    world.fate(|bench| {
        let mut last = None;
        for number in 0..slots {
            let size = if number + 1 == slots { world.sample.size } else { SIZE };
            let object = world.recipe.make_clean(bench, size, 0)?;
            root.hold(bench, number, object).then_some(())?;
            last = Some(object);
        }
        last
    })
}

/// How many roots can be pushed, each of which keeps its object.
fn pushed(world: &World<'_, '_>, recycles: bool, kept: &mut Kept) {
    let goes = |slots: u32| match all_held(world, &kept.root, slots) {
        Fate::Kept => true,
        Fate::Unclear => !recycles || !kept.is_seen,
        Fate::Recycled(_) | Fate::Died => false,
    };
    let mut slots = SLOTS;
    while slots > 1 && !goes(slots) {
        slots /= 2;
    }
    let does = if kept.is_seen { "seen" } else { "seen, but not whether they keep their objects" };
    if slots == SLOTS || !recycles && slots > 1 {
        kept.why.push(format!("{does}: {slots} of them at once; give more if there can be more"));
    } else {
        while slots < SLOTS && goes(slots + 1) {
            slots += 1;
        }
        kept.why.push(format!("{does}: {slots} of them at once, and no more"));
        if matches!(kept.root, Root::Pins { .. }) && slots > 1 {
            slots -= 1;
            kept.why.push("one fewer slot, because one more pin is held while a slot is written".to_owned());
        }
    }
    kept.capacity = Capacity::Slots(slots);
}

/// How many numbered slots there are, each of which keeps its object.
fn slots(world: &World<'_, '_>, recycles: bool, kept: &mut Kept) {
    let holds = |slot: u32| {
        let fate = world.fate(|bench| {
            let object = world.recipe.make_clean(bench, world.sample.size, 0)?;
            kept.root.hold(bench, slot, object).then_some(object)
        });
        fate == Fate::Kept || !kept.is_seen && fate == Fate::Unclear
    };
    let most = if recycles { MOST_SLOTS } else { 8 };
    let (mut good, mut bad) = (1, 2);
    while bad <= most && holds(bad - 1) {
        (good, bad) = (bad, bad * 2);
    }
    if bad > most {
        let does = if kept.is_seen { "seen: slot {} keeps an object" } else { "assumed: there are slots up to {}" };
        let does = does.replace("{}", &(good - 1).to_string());
        kept.why.push(format!("{does}; whether there are more is not known"));
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
