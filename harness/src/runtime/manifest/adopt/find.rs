//! Everything that is found out of a module, one thing after the other: names first, then what running it shows.

use super::super::module::Decoded;
use super::super::parts::{Behaviour, ZeroSize};
use super::access::{self, Accessor};
use super::allocation::{Allocator, Recipe};
use super::edges;
use super::growth::{self, Growth};
use super::kinds::{self, Kind, Scan, Words};
use super::lab::{Budget, Lab};
use super::layout::{self, Layout};
use super::names::{self, Candidate};
use super::pointer::{self, Tagged};
use super::refusal::{self, Refusal};
use super::roots::{self, Kept};
use super::ways::{self, Ways};
use super::worklist;
use super::world::{Collection, Fate, Root, SIZE, World};
use crate::runtime::description::{DEFAULT_MAX_PAGES, PAGE};
use wasmparser::ValType;

/// An import, what it is made to do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) key: String,
    pub(super) behaviour: &'static str,
    pub(super) why: &'static str,
    /// A global, whose number nobody can guess.
    pub(super) is_global: bool,
    does: Behaviour,
}

/// How the collector collects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Collecting {
    /// A call of it frees what nothing holds.
    Seen(Collection),
    /// A function of such a name, of which nothing was seen.
    Named(Collection),
    /// There is none.
    None,
}

/// What collects young objects only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Minor {
    pub(super) name: String,
    /// Whether its name says so; else what it did.
    pub(super) is_named: bool,
}

/// What is found.
pub(super) struct Found {
    pub(super) imports: Vec<Import>,
    pub(super) init: Vec<String>,
    pub(super) allocators: Vec<Allocator>,
    pub(super) kinds: Vec<Kind>,
    pub(super) collecting: Collecting,
    pub(super) step: Option<Candidate>,
    pub(super) step_takes_work: bool,
    pub(super) minor: Option<Minor>,
    /// Whether allocation alone gives places away again; none where that was not seen either way.
    pub(super) is_automatic: bool,
    /// Whether any place was ever given away again.
    pub(super) recycles: bool,
    pub(super) roots: Vec<Kept>,
    /// Ways by their names that do not keep an object.
    pub(super) broken_roots: Vec<String>,
    pub(super) store: (Option<Accessor>, Vec<String>),
    pub(super) load: (Option<Accessor>, Vec<String>),
    pub(super) layout: Layout,
    /// What stands for an object, if that is not its address.
    pub(super) tagged: Option<Tagged>,
    pub(super) zeroed: Option<bool>,
    pub(super) refusal: Refusal,
    pub(super) scan: Scan,
    /// Whether kinds are as they were seen in collections.
    pub(super) are_kinds_seen: bool,
    /// Children up to which an object is collected, where more trap.
    pub(super) worklist: Option<u32>,
    pub(super) live: Option<Candidate>,
    /// How memory grows.
    pub(super) growth: Growth,
    /// What a request for no bytes gives; none where that was not seen.
    pub(super) zero_size: Option<ZeroSize>,
    /// Whether two objects that only hold each other are freed; none where that was not seen.
    pub(super) cycles: Option<bool>,
    pub(super) notes: Vec<String>,
}

impl Found {
    /// Whether anything was seen to keep objects while others were recycled.
    pub(super) fn has_seen_roots(&self) -> bool {
        self.roots.iter().any(|kept| kept.is_seen)
    }
}

/// Pages beyond those that it starts with, in experiments: a collector that collects when memory is out is to do so soon.
const SPARE_PAGES: u32 = 4;
/// The same where many objects are made.
const WIDE_PAGES: u32 = 80;
/// Bytes of objects that are made to see whether allocation collects.
const AUTOMATIC_SIZE: u32 = 256;

fn imports(module: &Decoded<'_>) -> Vec<Import> {
    let functions = module.functions.iter().filter_map(|f| Some((f.import.as_ref()?, true)));
    let globals = module.globals.iter().filter_map(|g| Some((g.import.as_ref()?, false)));
    let mut all: Vec<Import> = Vec::new();
    for (import, is_function) in functions.chain(globals) {
        let (behaviour, does, why) = if !is_function {
            (
                "{ constant = 0 }",
                Behaviour::Constant { value: 0 },
                "an imported global is taken for 0; if it is another number, all that was seen may be wrong",
            )
        } else if names::ends(&import.field) {
            ("\"trap\"", Behaviour::Trap, "its name says that it ends the program")
        } else if names::varies(&import.field) {
            ("{ lcg = 1 }", Behaviour::Lcg { seed: 1 }, "its name says that it gives something else each time")
        } else {
            ("\"nothing\"", Behaviour::Constant { value: 0 }, "it gives zeros, and does nothing")
        };
        if !all.iter().any(|known| known.key == import.key()) {
            all.push(Import { key: import.key(), behaviour, why, is_global: !is_function, does });
        }
    }
    all
}

/// Functions that are called once by their names, the likeliest order first.
fn init(module: &Decoded<'_>) -> Vec<u32> {
    const NAMES: [&str; 11] = [
        "initialize",
        "wasm call ctors",
        "init",
        "gc init",
        "init gc",
        "heap init",
        "init heap",
        "rt init",
        "runtime init",
        "gc setup",
        "setup",
    ];
    let mut found = Vec::new();
    for name in NAMES {
        for (index, function) in (0..).zip(&module.functions) {
            let called = function.exports.iter().any(|export| names::words(export).join(" ") == name);
            let fits = function.import.is_none() && function.params.is_empty() && module.start != Some(index);
            // `_initialize` calls constructors itself.
            let again = name == "wasm call ctors" && !found.is_empty();
            if called && fits && !again && function.results.iter().all(|type_| *type_ == ValType::I32) {
                found.push(index);
            }
        }
    }
    found
}

/// Pages of an instance whose start functions were called.
fn ready_pages(lab: &Lab<'_>) -> Result<u32, String> {
    Ok((lab.bench()?.memory().len() / PAGE as usize) as u32)
}

pub(super) fn find(module: &Decoded<'_>) -> Result<Found, String> {
    let [memory] = module.memories.as_slice() else {
        return Err(format!("expected a module with one memory, found {}", module.memories.len()));
    };
    let imports = imports(module);
    let behaviour = |key: &str| imports.iter().find(|import| import.key == key).map(|import| import.does);
    let mut notes = Vec::new();
    let initial =
        u32::try_from(memory.type_.initial).map_err(|_| "expected a memory of 32-bit addresses".to_owned())?;
    let declared = memory.type_.maximum.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(DEFAULT_MAX_PAGES);
    let roomy = (initial, declared.clamp(initial, DEFAULT_MAX_PAGES.max(initial)));

    let budget = Budget::new();
    let mut init = init(module);
    let mut lab = Lab::new(module, &behaviour, roomy, &init, &budget)?;
    if let Err(problem) = lab.bench() {
        let names: Vec<String> = init.iter().map(|index| names::function_name(module, *index)).collect();
        if init.is_empty() {
            return Err(format!(
                "{problem}; give imports that let it: by default those that abort trap, others do nothing"
            ));
        }
        notes.push(format!("left out of `init`, because {problem}: {}", names.join(", ")));
        init.clear();
        lab = Lab::new(module, &behaviour, roomy, &init, &budget)?;
        lab.bench()?;
    }
    let ready = ready_pages(&lab)?;
    let most_pages = |spare: u32| (ready + spare).min(roomy.1.max(ready));
    let candidates = names::functions(module, &names::ALLOCATE, 1..=3, 1..=1);
    let studied = |lab: &Lab<'_>, candidates: &[Candidate]| -> Vec<Allocator> {
        candidates.iter().filter_map(|candidate| Allocator::study(lab, candidate)).take(MOST_ALLOCATORS).collect()
    };
    let found = |lab: &Lab<'_>| {
        let mut allocators = studied(lab, &candidates);
        if allocators.is_empty() {
            allocators = studied(lab, &names::exported(module, 1..=3, 1..=1));
            allocators.retain(|allocator| allocator.is_observed);
        }
        allocators
    };
    let mut pages = most_pages(SPARE_PAGES);
    let mut lab = Lab::new(module, &behaviour, (initial, pages), &init, &budget)?;
    let mut allocators = found(&lab);
    if allocators.is_empty() {
        // Its memory may grow by more than that at once.
        pages = most_pages(WIDE_PAGES);
        lab = Lab::new(module, &behaviour, (initial, pages), &init, &budget)?;
        allocators = found(&lab);
    }
    let most_bytes = u64::from(pages) * u64::from(PAGE);
    let Some(first) = allocators.first() else { return Err(no_allocator(module, &candidates)) };
    let sizes = first.sizes();
    let plain = first.recipe(sizes[sizes.len() - 1], &[]);
    let tagged = pointer::observe(&lab, &plain);
    let form = tagged.map(|tagged| tagged.pointer).unwrap_or_default();
    let lab = lab.pointing(form);
    if let Some(problem) = inside(&lab, &plain) {
        return Err(problem);
    }

    let mut world = World::new(&lab, plain.clone());
    // Where a class of 0 is none, another may be.
    let tags: Vec<Recipe> = match (sizes.len(), first.tags().len()) {
        (1, 1..) => (0..8).map(|tag| first.recipe(sizes[0], &[tag, tag])).collect(),
        _ => vec![plain],
    };
    let Ways { collecting, recycles, bare, roots: good, broken, notes: more } =
        ways::find(&mut world, module, &tags, &init);
    notes.extend(more);
    let root = good.first().cloned();
    if world.discard.is_some() {
        // References are counted by what stores them.
        world.store = access::setter(&world, root.as_ref(), &[unseen(&world)]).0;
    }
    let layout = layout::observe(&world, root.as_ref(), recycles);
    let roots: Vec<Kept> = good.into_iter().map(|root| roots::describe(&world, root, recycles, layout.first)).collect();

    let observed = match &root {
        Some(root) if recycles => kinds::observe(&world, root, &allocators),
        Some(_) | None => Vec::new(),
    };
    let are_kinds_seen = !observed.is_empty();
    let kinds = if are_kinds_seen { observed } else { vec![unseen(&world)] };
    let store = access::setter(&world, root.as_ref(), &kinds);
    let load = access::getter(&world, root.as_ref(), &kinds);

    let step = step(&world, root.as_ref());
    let minor = match &collecting {
        Collecting::Seen(full) => minor(&world, root.as_ref(), &init, full),
        Collecting::Named(_) | Collecting::None => None,
    };
    let is_automatic = bare || automatic(&world);
    // Thousands of objects need room.
    let wide = Lab::new(module, &behaviour, (initial, (ready + WIDE_PAGES).min(roomy.1.max(ready))), &init, &budget)?;
    let wide = World {
        lab: &wide.pointing(form),
        recipe: world.recipe.clone(),
        collection: world.collection.clone(),
        discard: world.discard.clone(),
        store: world.store.clone(),
        patience: 1,
        sample: world.sample,
    };
    let growth = growth::observe(wide.lab, &world.recipe, roots.first().map(Kept::slots));
    // The first kind that has no pointers where there are no bytes.
    let empty = kinds.iter().find(|kind| !matches!(kind.words, Words::These(_)));
    let empty = empty.map_or(&world.recipe, |kind| &kind.recipe);
    let zero_size = edges::zero_size(&world, empty, root.as_ref(), recycles);
    let worklist =
        root.as_ref().filter(|_| recycles).and_then(|root| worklist::capacity(&wide, root, &kinds, store.0.as_ref()));
    let cycles = recycles.then(|| cycle(&world, &kinds, store.0.as_ref())).flatten();
    let mut found = Found {
        zeroed: zeroed(&world),
        refusal: refusal::observe(&world, most_bytes),
        scan: kinds::scan(&world, root.as_ref(), &kinds, are_kinds_seen),
        are_kinds_seen,
        worklist,
        live: live(&world, root.as_ref()),
        init: init.iter().map(|index| names::function_name(module, *index)).collect(),
        step_takes_work: step.as_ref().is_some_and(|s| !module.functions[s.index as usize].params.is_empty()),
        imports,
        allocators,
        kinds,
        collecting,
        step,
        minor,
        is_automatic,
        recycles,
        roots,
        broken_roots: broken,
        store,
        load,
        layout,
        tagged,
        growth,
        zero_size,
        cycles,
        notes,
    };
    if budget.is_spent() {
        found.notes.insert(
            0,
            "its functions ran for as long as they may, which is a few seconds: what was not seen by then is said not to be so, or assumed"
                .to_owned(),
        );
    }
    Ok(found)
}

/// Allocators that are looked at.
const MOST_ALLOCATORS: usize = 6;

fn no_allocator(module: &Decoded<'_>, candidates: &[Candidate]) -> String {
    let exports: Vec<String> = module
        .functions
        .iter()
        .flat_map(|f| f.exports.iter().map(move |name| format!("{name} {}", f.signature())))
        .collect();
    let tried = if candidates.is_empty() {
        "no function has such a name".to_owned()
    } else {
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        format!("of {} none gave objects that are farther apart when a parameter is raised", names.join(", "))
    };
    format!(
        "expected a function that allocates so many bytes, called `alloc`, `malloc`, `new`, `gc_alloc` or the like, from 1 to 3 parameters of type i32 to \
         an address: {tried}; export one (the module exports: {}), or write the manifest by hand",
        if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
    )
}

/// Whether what an allocation gives is the address of a header, in words.
fn inside(lab: &Lab<'_>, recipe: &Recipe) -> Option<String> {
    let mut first = Vec::new();
    for size in [40, 80] {
        let mut bench = lab.bench().ok()?;
        let object = recipe.make(&mut bench, size, 0)?;
        first.push([bench.word(object)?, bench.word(object.checked_add(4)?)?]);
    }
    let related = |a: u32, b: u32| b.checked_sub(a).is_some_and(|d| [10, 20, 40, 80, 160, 320, 640].contains(&d));
    let word = (0..2).find(|at| related(first[0][*at], first[1][*at]))?;
    Some(format!(
        "expected the address of a payload, which programs may write from its first byte on; `{}` gives that of a header: word {word} of a fresh object \
         is {} where 40 bytes were asked for, and {} where 80 were; export a function that gives the payload's address, and one that takes it",
        recipe.name, first[0][word], first[1][word]
    ))
}

/// The kind where nothing showed: objects that take anything.
fn unseen(world: &World<'_, '_>) -> Kind {
    Kind {
        name: "object".to_owned(),
        words: Words::Any,
        recipe: world.recipe.clone(),
        why: "assumed: any word may be a pointer; no collection was seen that keeps some objects and frees others, so nothing shows which words \
              keep a child. If it matters which are pointers, say so here"
            .to_owned(),
    }
}

/// A function that collects a little, and does no harm.
fn step(world: &World<'_, '_>, root: Option<&Root>) -> Option<Candidate> {
    let root = root.filter(|_| world.collection.is_some())?;
    let mut named = names::functions(world.lab.module, &names::STEP, 0..=1, 0..=1).into_iter();
    named.find(|candidate| is_harmless(world, root, candidate.index))
}

/// Whether an object that is held outlives 200 calls of a function, and two collections.
fn is_harmless(world: &World<'_, '_>, root: &Root, function: u32) -> bool {
    let has_none = world.lab.module.functions[function as usize].params.is_empty();
    let arguments: &[u32] = if has_none { &[] } else { &[1] };
    let fate = world.fate(|bench| {
        let object = world.recipe.make_clean(bench, world.sample.size, 0)?;
        root.hold(bench, 0, object).then_some(())?;
        (0..200).try_for_each(|_| bench.call(function, arguments).map(drop)).map(|()| object)
    });
    fate == Fate::Kept
}

/// A function that collects young objects, and does no harm: by its name, or else because it frees what nothing holds, but not what two of it have kept.
fn minor(world: &World<'_, '_>, root: Option<&Root>, init: &[u32], full: &Collection) -> Option<Minor> {
    let (root, module) = (root?, world.lab.module);
    let named = names::functions(module, &names::MINOR, 0..=0, 0..=1);
    if let Some(found) = named.iter().find(|candidate| is_harmless(world, root, candidate.index)) {
        return Some(Minor { name: found.name.clone(), is_named: true });
    }
    let partial = ways::partial(world, root, init, full)?;
    is_harmless(world, root, partial.function).then_some(Minor { name: partial.name, is_named: false })
}

/// Whether allocation alone gives places away again.
fn automatic(world: &World<'_, '_>) -> bool {
    let Ok(mut bench) = world.lab.bench() else { return false };
    // The first collection may be what makes it begin.
    if !world.collect(&mut bench) {
        return false;
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..(1 << 13) {
        match world.recipe.make_clean(&mut bench, AUTOMATIC_SIZE, 0) {
            Some(object) if seen.insert(object) && world.drop_object(&mut bench, object) => {}
            Some(_) => return !bench.is_dead(),
            None => return false,
        }
    }
    false
}

/// Whether the place of a freed object that was full of bytes comes again as zeroes; none where it does not come again.
fn zeroed(world: &World<'_, '_>) -> Option<bool> {
    let mut all = None;
    for size in [SIZE, 72] {
        let mut bench = world.lab.bench().ok()?;
        world.collect(&mut bench).then_some(())?;
        let object = world.recipe.make_clean(&mut bench, size, 0)?;
        bench.write(object, &vec![0xA5; size as usize]);
        world.drop_object(&mut bench, object).then_some(())?;
        (world.collect(&mut bench) && world.collect(&mut bench)).then_some(())?;
        let again = (0..world.patience).find_map(|_| match world.recipe.make(&mut bench, size, 0) {
            Some(address) if address == object => Some(true),
            Some(0) | None => Some(false),
            Some(_) => None,
        });
        if again != Some(true) {
            return None;
        }
        let payload = bench.memory().get(object as usize..(object + size) as usize)?;
        all = Some(all.unwrap_or(true) && payload.iter().all(|byte| *byte == 0));
    }
    all
}

/// A function that tells live bytes: more by a rooted object's after it is made, and less after it is gone.
fn live(world: &World<'_, '_>, root: Option<&Root>) -> Option<Candidate> {
    let root = root?;
    names::functions(world.lab.module, &names::LIVE, 0..=0, 1..=1).into_iter().find(|candidate| {
        let measure = || {
            let mut bench = world.lab.bench().ok()?;
            let read = |bench: &mut super::lab::Bench<'_>| {
                (world.collect(bench) && world.collect(bench)).then_some(())?;
                bench.call(candidate.index, &[])?.first().copied()
            };
            let before = read(&mut bench)?;
            let object = world.recipe.make_clean(&mut bench, 1000, 0)?;
            root.hold(&mut bench, 0, object).then_some(())?;
            let during = read(&mut bench)?;
            root.release(&mut bench, 0, object).then_some(())?;
            Some((before, during, read(&mut bench)?))
        };
        measure().is_some_and(|(before, during, after)| {
            (1000..1200).contains(&during.wrapping_sub(before)) && after == before
        })
    })
}

/// Whether two objects that hold only each other are freed; none where objects have no pointers.
fn cycle(world: &World<'_, '_>, kinds: &[Kind], store: Option<&Accessor>) -> Option<bool> {
    let kind = kinds.iter().find(|kind| !kind.words.of(4).is_empty())?;
    let word = kind.words.of(4)[0];
    let fate = world.fate(|bench| {
        let size = world.sample.size;
        let a = kind.recipe.make_clean(bench, size, size / 4)?;
        let b = kind.recipe.make_clean(bench, size, size / 4)?;
        for (from, to) in [(a, b), (b, a)] {
            access::store(store, bench, from, word, to).then_some(())?;
        }
        (world.drop_object(bench, a) && world.drop_object(bench, b)).then_some(())?;
        Some(a)
    });
    match fate {
        Fate::Recycled(_) => Some(true),
        Fate::Kept => Some(false),
        Fate::Unclear | Fate::Died => None,
    }
}
