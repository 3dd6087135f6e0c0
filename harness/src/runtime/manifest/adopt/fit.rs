//! A manifest held against what its module does: the experiments of a proposal, for what is declared.
//!
//! Loading a manifest shows that what it names is there. Whether a stack grows the way that it says, payloads are aligned as it says, and sizes are recorded
//! where it says shows only when objects are made and collected. What was seen otherwise is a misfit: the manifest is wrong there, or the collector is. What
//! could not be seen is no misfit.

mod calls;
mod memory;

use super::super::chunk::Chunk;
use super::super::error::ManifestError;
use super::super::module::Decoded;
use super::super::parts::{Direction, Function, Kind, OutOfMemory, RootKind, Roots, ZeroSize};
use super::super::read::{Source, Table, Value};
use super::super::{Manifest, Object};
use super::Fact;
use super::allocation::Recipe;
use super::edges;
use super::lab::{Budget, Lab};
use super::layout::{self, Blocks};
use super::names::Candidate;
use super::refusal::{self, Exhausted};
use super::ways::patience;
use super::world::{Address, Collection, Fate, Root, SAMPLES, SIZE, World};
use crate::runtime::description::PAGE;
use crate::runtime::manifest::Request;
use toml::de::DeTable;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// What was seen as it is declared, and what could not be seen.
    pub seen: Vec<Fact>,
    /// What was seen otherwise, each with its place in the manifest and what to write instead.
    pub misfits: Vec<ManifestError>,
}

/// Pages beyond those that a program starts with: a collector that collects when memory is out is to do so soon.
const SPARE_PAGES: u32 = 4;
/// Where a size is looked for: words before the payload, the nearest first.
const OFFSETS: std::ops::RangeInclusive<u32> = 1..=16;

/// Runs the module of a manifest, or of one of its builds, and compares.
#[must_use]
pub fn fit(manifest: &Manifest) -> Fit {
    let mut fit = Fit::default();
    let not_run = |why: String| Fact { about: "not run", text: why };
    let decoded = match Decoded::of(&manifest.bytes) {
        Ok(decoded) => decoded,
        Err(problem) => {
            fit.seen.push(not_run(problem));
            return fit;
        }
    };
    let memory = manifest.memory;
    let spare = match manifest.heap.grows_by {
        Some(Chunk::Pages(pages) | Chunk::AtLeast(pages)) => SPARE_PAGES.max(pages.saturating_mul(2)),
        Some(Chunk::Double) => SPARE_PAGES.max(memory.ready_pages.saturating_mul(3)),
        None => SPARE_PAGES,
    };
    let most = memory.ready_pages.saturating_add(spare).min(memory.max_pages.max(memory.ready_pages));
    let behaviour =
        |key: &str| manifest.imports.iter().find(|import| import.name == key).map(|import| import.behaviour);
    let init: Vec<u32> = manifest.init.iter().map(|function| function.index).collect();
    let budget = Budget::new();
    let lab = |most: u32| {
        let lab = Lab::new(&decoded, &behaviour, (memory.initial_pages, most), &init, &budget)?;
        Ok(lab.pointing(manifest.object.pointer))
    };
    let made: Result<Lab<'_>, String> = lab(most);
    let made = match made {
        Ok(lab) => lab,
        Err(problem) => {
            fit.seen.push(not_run(problem));
            return fit;
        }
    };
    let Some(recipe) = recipe(manifest) else {
        fit.seen.push(not_run("no kind is for objects of any size, of which experiments are made".to_owned()));
        return fit;
    };
    let Ok(parsed) = DeTable::parse(&manifest.source) else { return fit };
    let source = Source { origin: &manifest.origin, text: &manifest.source };
    let mut trial = Trial { manifest, root: Table::root(source, &parsed), world: World::new(&made, recipe), fit };
    let objects = trial.objects();
    let holder = trial.roots();
    let held = holder.as_ref().map(|(root, _)| root);
    trial.blocks(objects.as_ref(), held);
    trial.calls(held);
    trial.nothing(held);
    trial.requests(u64::from(most) * u64::from(PAGE));
    trial.growth(&lab, holder.as_ref());
    if budget.is_spent() {
        trial.seen("not run", "its functions ran for as long as they may; what is not said was not seen".to_owned());
    }
    trial.fit
}

/// How an object of the watched size without pointers is made.
fn recipe(manifest: &Manifest) -> Option<Recipe> {
    let request = Request { size: SIZE, first: 0, stride: 1, count: 0 };
    let mut kinds = manifest.kinds.iter().filter(|kind| kind.bytes.is_none());
    // One whose words are all pointers takes zeroes for null.
    kinds.clone().find(|kind| kind.fits(request)).or_else(|| kinds.next()).map(recipe_of)
}

fn recipe_of(kind: &Kind) -> Recipe {
    let call = &kind.alloc;
    Recipe { function: call.function.index, name: call.function.name.clone(), arguments: call.arguments.clone() }
}

fn candidate(function: &Function) -> Candidate {
    Candidate { index: function.index, name: function.name.clone(), distance: 0 }
}

/// Declared roots as experiments have them; none where nobody is told of roots.
fn root_of(roots: &Roots) -> Option<Root> {
    Some(match &roots.kind {
        RootKind::ShadowStack { top, grows, .. } => {
            Root::Stack { top: top.index, name: top.name.clone(), grows_up: *grows == Direction::Up }
        }
        RootKind::Pins { pin, unpin, .. } => Root::Pins { pin: candidate(pin), unpin: candidate(unpin) },
        RootKind::Calls { push, pop, pops_many, set } => {
            let set = set.as_ref().map(candidate);
            Root::Calls { push: candidate(push), pop: candidate(pop), pops_many: *pops_many, set }
        }
        RootKind::Slots { set } => Root::Slots { set: candidate(set) },
        RootKind::Table { address } => Root::Table { address: *address, at: Address::Global(address.to_string()) },
        RootKind::None => return None,
    })
}

/// A manifest being tried.
struct Trial<'l, 'm> {
    manifest: &'m Manifest,
    root: Table<'m>,
    world: World<'l, 'm>,
    fit: Fit,
}

impl Trial<'_, '_> {
    fn seen(&mut self, about: &'static str, text: String) {
        self.fit.seen.push(Fact { about, text });
    }

    /// The value of a key in a table of the manifest.
    fn value(&self, table: &'static str, key: &'static str) -> Option<Value<'_>> {
        self.root.get(table)?.as_table()?.get(key)
    }

    /// Says what was seen otherwise, of a key if it is there.
    fn misfit(&mut self, table: &'static str, key: &'static str, problem: &str) {
        let error = match self.value(table, key) {
            Some(value) => value.error(problem),
            None => self.root.error(format!("`{key}` in [{table}]: {problem}")),
        };
        self.fit.misfits.push(error);
    }

    /// Where payloads are, and what is before them.
    fn objects(&mut self) -> Option<Blocks> {
        let Some(blocks) = layout::blocks(&self.world) else {
            self.seen("objects", "not seen: not all of 44 objects were made, of 1 to 92 bytes".to_owned());
            return None;
        };
        let object = self.manifest.object;
        self.header(object, &blocks);
        self.alignment(object, &blocks);
        self.size(object, &blocks);
        Some(blocks)
    }

    fn header(&mut self, object: Object, blocks: &Blocks) {
        let Some(declared) = object.header else { return };
        if let Some(start) = self.manifest.heap.start {
            let lowest = blocks.objects.iter().map(|object| object.1).min().unwrap_or(start);
            let seen = i64::from(lowest) - i64::from(start);
            let next = match seen {
                0.. => format!("write `header = {seen}`, or another `start` in [heap]"),
                _ => "write another `start` in [heap]".to_owned(),
            };
            if seen < i64::from(declared) {
                let problem = format!(
                    "`header`: declared are {declared} bytes before each payload, from {start} on; seen: a payload at {lowest}; {next}"
                );
                self.misfit("object", "header", &problem);
                return;
            }
        }
        match blocks.header {
            Some(least) if least < declared => {
                let problem = format!(
                    "`header`: declared are {declared} bytes before a payload; seen: objects that lie only {least} bytes farther apart than they are large; \
                     write `header = {least}`"
                );
                self.misfit("object", "header", &problem);
            }
            Some(least) => {
                self.seen("header", format!("{least} bytes or more are between objects; {declared} are declared"))
            }
            None => self.seen("header", "not seen: objects did not come one after the other".to_owned()),
        }
    }

    fn alignment(&mut self, object: Object, blocks: &Blocks) {
        let like = self.manifest.like.is_some();
        let Some(declared) = object.alignment.or((!like).then_some(4)) else { return };
        let origin = match self.manifest.heap.start {
            // What is wrong with the header is said of it.
            Some(_) if !self.fit.misfits.is_empty() => return,
            Some(start) => start.saturating_add(object.header.unwrap_or(0)),
            None => 0,
        };
        let from = if origin == 0 { "address 0".to_owned() } else { format!("the first possible payload, {origin},") };
        let of =
            |unit: u32| blocks.objects.iter().filter(move |object| !(object.1.abs_diff(origin)).is_multiple_of(unit));
        let best = [16, 8, 4, 2].into_iter().find(|unit| of(*unit).count() == 0).unwrap_or(1);
        let (wrong, all) = (of(declared).count(), blocks.objects.len());
        if let Some((size, address)) = of(declared).next() {
            let said =
                if object.alignment.is_some() { "declared is" } else { "nothing is declared, and programs need" };
            let problem = format!(
                "`alignment`: {said} {declared}, from {from} on; seen: {wrong} of {all} payloads are not, such as one of {size} bytes at {address}; they are \
                 multiples of {best}; write `alignment = {best}`"
            );
            self.misfit("object", "alignment", &problem);
        } else if best > declared {
            self.seen(
                "alignment",
                format!("all of {all} payloads are multiples of {best}; {declared} is declared, so more is not judged"),
            );
        } else {
            self.seen("alignment", format!("all of {all} payloads are multiples of {declared} from {from} on"));
        }
    }

    fn size(&mut self, object: Object, blocks: &Blocks) {
        let Some(field) = object.size else { return };
        let records = |offset: i32, mask: u32, shift: u32| {
            blocks.objects.iter().zip(&blocks.before).all(|((size, _), words)| {
                let word =
                    usize::try_from(-offset / 4).ok().and_then(|at| words.get(at.checked_sub(1)?)).copied().flatten();
                offset % 4 == 0 && word.is_some_and(|word| (word & mask) >> shift == *size)
            })
        };
        let declared = format!("offset = {}, shift = {}", field.offset, field.shift);
        let is_before = field.offset < 0 && field.offset % 4 == 0 && field.offset >= -64;
        if !is_before {
            self.seen(
                "size",
                format!(
                    "not seen: only whole words of the 64 bytes before a payload are looked at, not {}",
                    field.offset
                ),
            );
            return;
        }
        if records(field.offset, field.mask, field.shift) {
            self.seen("size", format!("all of {} objects have their size at {declared}", blocks.objects.len()));
            return;
        }
        let mut fields = OFFSETS.flat_map(|word| (0..6).map(move |shift| (-(4 * word).cast_signed(), shift)));
        let next = match fields.find(|(offset, shift)| records(*offset, u32::MAX, *shift)) {
            Some((offset, shift)) => {
                format!("they all have it at another place; write `size = {{ offset = {offset}, shift = {shift} }}`")
            }
            None => "no word of the 64 bytes before the payloads has it; leave `size` out".to_owned(),
        };
        let word = usize::try_from(-field.offset / 4)
            .ok()
            .and_then(|at| blocks.before.first()?.get(at.checked_sub(1)?))
            .copied()
            .flatten();
        let found = word.map_or_else(|| "no word".to_owned(), |word| ((word & field.mask) >> field.shift).to_string());
        let first = blocks.objects.first().map_or(0, |object| object.0);
        let problem = format!(
            "`size`: declared is that the requested size is recorded at {declared}; seen: an object of {first} bytes has {found} there; {next}"
        );
        self.misfit("object", "size", &problem);
    }

    /// Whether what is dropped is recycled, and what roots hold is not; the first that holds, and how many it can.
    fn roots(&mut self) -> Option<(Root, u32)> {
        let (collection, name) = self.full();
        self.world.collection = collection;
        self.choose_sample();
        let mut dropped = self.world.unrooted();
        let pins = self.manifest.roots.iter().filter_map(root_of).find(|root| matches!(root, Root::Pins { .. }));
        if !dropped.is_recycled() && dropped != Fate::Died && pins.is_some() {
            // One that counts references knows of no object that was never held.
            self.world.discard = pins;
            dropped = self.world.unrooted();
        }
        match dropped {
            Fate::Recycled(after) => {
                self.world.patience = patience(after);
                // What comes again all the same shows nothing of a call.
                let is_sooner = |call: &Collection| after == 0 || self.frees_sooner(call);
                let shows = self.world.collection.as_ref().is_none_or(is_sooner);
                self.seen(
                    "collection",
                    if shows {
                        format!("`{name}` frees what nothing holds")
                    } else {
                        format!(
                            "not seen: what nothing holds comes again, but no sooner after `{name}` than without it"
                        )
                    },
                );
            }
            Fate::Died => {
                self.misfit("collect", "full", &format!("`full`: seen: `{name}` traps, or runs on and on, where nothing is held; name another function, or other `args`"));
                return None;
            }
            Fate::Kept | Fate::Unclear => {
                self.seen(
                    "collection",
                    format!(
                        "not seen: nothing was recycled after `{name}`, so nothing shows whether roots keep anything"
                    ),
                );
                return None;
            }
        }
        let roots: Vec<(usize, Option<Root>)> = self.manifest.roots.iter().map(root_of).enumerate().collect();
        let fates: Vec<Option<Fate>> =
            roots.iter().map(|(_, root)| root.as_ref().map(|root| self.world.rooted(root))).collect();
        // That nothing is recycled while an object is held says something of whoever holds it, only if things are recycled while another does.
        let shows = fates.iter().any(|fate| matches!(fate, Some(Fate::Kept | Fate::Recycled(_))));
        let mut first = None;
        for ((at, root), fate) in roots.into_iter().zip(fates) {
            let (Some(root), Some(fate)) = (root, fate) else {
                let problem = format!(
                    "`kind`: declared is that nothing is ever freed; seen: `{name}` frees objects; say how they are kept"
                );
                self.roots_misfit(at, "kind", &problem);
                continue;
            };
            if self.keeps(at, &root, fate, shows) {
                first = first.or(Some((root, self.manifest.roots[at].capacity)));
            }
        }
        first
    }

    /// Takes the first sample with which roots are seen to keep something, if there is one.
    fn choose_sample(&mut self) {
        let fresh = self.world.clone();
        let roots: Vec<Root> = self.manifest.roots.iter().filter_map(root_of).collect();
        for sample in SAMPLES {
            self.world = World { sample, ..fresh.clone() };
            if let Fate::Recycled(after) = self.world.unrooted() {
                self.world.patience = patience(after);
                if roots.iter().any(|root| self.world.rooted(root) == Fate::Kept) {
                    return;
                }
            }
        }
        self.world = fresh;
    }

    /// Says what was seen otherwise of a key of roots.
    fn roots_misfit(&mut self, at: usize, key: &'static str, problem: &str) {
        let roots =
            self.root.get("roots").and_then(|value| value.list("").ok()).and_then(|list| list.into_iter().nth(at));
        let table = roots.and_then(|roots| roots.as_table());
        let error = match table.as_ref().and_then(|table| table.get(key)) {
            Some(value) => value.error(problem),
            None => self.root.error(problem),
        };
        self.fit.misfits.push(error);
    }

    /// Whether declared roots keep what they hold, of which an object had this fate; `shows`: while one was held anything was seen to be recycled.
    fn keeps(&mut self, at: usize, root: &Root, fate: Fate, shows: bool) -> bool {
        let name = root.name();
        let found = match fate {
            Fate::Kept => {
                let goes = match self.world.released(root) {
                    Fate::Recycled(_) => "and what they held is recycled when they let go",
                    Fate::Kept | Fate::Unclear => "but what they held is not recycled when they let go",
                    Fate::Died => "but letting go does not return",
                };
                self.seen("roots", format!("`{name}`: what they hold outlives collections, {goes}"));
                if let Root::Calls { set: Some(set), .. } = root
                    && !self.world.sets(root, set.index)
                {
                    let problem = format!(
                        "`set`: declared is that `{}` writes a pushed root by its index from the bottom; seen: it does not put one object in the place of \
                         another there; leave `set` out, or leave this if it is the collector that is wrong: then a hunt finds it",
                        set.name
                    );
                    self.roots_misfit(at, "set", &problem);
                }
                return true;
            }
            Fate::Recycled(_) => "an object that they hold is recycled all the same",
            Fate::Died => "a collection traps, or runs on and on, after they were given an object",
            Fate::Unclear => "while they hold an object nothing at all is recycled",
        };
        if let Root::Stack { top, name, grows_up } = root {
            let other = Root::Stack { top: *top, name: name.clone(), grows_up: !grows_up };
            if self.world.tells_apart(&other) {
                let word = |up: bool| if up { "up" } else { "down" };
                let problem = format!(
                    "`grows`: declared is \"{}\"; seen: {found}, and with \"{}\" it lives on until it is popped; write `grows = \"{1}\"`",
                    word(*grows_up),
                    word(!grows_up)
                );
                self.roots_misfit(at, "grows", &problem);
                return false;
            }
        }
        if fate == Fate::Unclear && !shows {
            self.seen("roots", format!("not seen: `{name}`: {found}, so nothing shows whether they keep it"));
            return false;
        }
        let problem = format!(
            "`{name}`: seen: {found}; say otherwise how objects are kept, or leave this if it is the collector that is wrong: then a hunt finds it"
        );
        self.roots_misfit(at, "kind", &problem);
        false
    }

    /// Whether recorded sizes lead from block to block.
    fn blocks(&mut self, made: Option<&Blocks>, held: Option<&Root>) {
        let (heap, object) = (&self.manifest.heap, self.manifest.object);
        let (Some(start), Some(end), Some(header), Some(size)) = (heap.start, &heap.end, object.header, object.size)
        else {
            return;
        };
        let is_judged = size.offset == -header.cast_signed() && size.mask == u32::MAX;
        // What is wrong with one of these is said of it.
        if !is_judged || !self.fit.misfits.is_empty() {
            return;
        }
        let declared = object.alignment.unwrap_or(4);
        let end = end.index;
        let rises = made.is_some_and(|blocks| blocks.objects.windows(2).all(|pair| pair[0].1 < pair[1].1));
        let spaced = |unit| !rises || made.is_some_and(|blocks| layout::spaced(&blocks.objects, header, unit));
        let tiles = |alignment| {
            if !spaced(alignment) {
                return Some(false);
            }
            layout::tiles(&self.world, held, (start, end), header, size.shift, alignment)
        };
        match tiles(declared) {
            Some(true) => self.seen("blocks", "recorded sizes lead from the heap's start to its end".to_owned()),
            None => self.seen("blocks", "not seen: objects could not be made and collected".to_owned()),
            Some(false) => {
                let better = [4, 8, 16, 32].into_iter().find(|unit| *unit != declared && tiles(*unit) == Some(true));
                match better {
                    Some(unit) => self.misfit(
                        "object",
                        "alignment",
                        &format!(
                            "`alignment`: declared is {declared}; seen: recorded sizes with their headers, rounded up to that, do not lead from block to block up to the \
                             heap's end, and rounded up to {unit} they do; write `alignment = {unit}`"
                        ),
                    ),
                    None => self.misfit(
                        "object",
                        "size",
                        "`size`: declared is that recorded sizes lead from block to block up to the heap's end; seen: they do not; leave `size` out, or mend `header`, \
                         `start` and `end`",
                    ),
                }
            }
        }
    }

    /// What a request for no bytes gives.
    fn nothing(&mut self, held: Option<&Root>) {
        let declared = self.manifest.object.zero_size;
        let name = |zero_size| match zero_size {
            ZeroSize::Object => "object",
            ZeroSize::Null => "null",
            ZeroSize::Shared => "shared",
        };
        let Some(kind) = self.manifest.kind_of(Request { size: 0, first: 0, stride: 1, count: 0 }) else { return };
        let Some(seen) = edges::zero_size(&self.world, &recipe_of(kind), held, true) else { return };
        let declared = declared.unwrap_or(ZeroSize::Object);
        if declared == seen {
            if declared != ZeroSize::Object {
                self.seen("no bytes", format!("a request for 0 bytes gives: {}", name(seen)));
            }
            return;
        }
        let does = match seen {
            ZeroSize::Object => "objects of their own",
            ZeroSize::Null => "0",
            ZeroSize::Shared => "one address, always the same",
        };
        let problem = format!(
            "`zero_size`: declared is \"{}\"; seen: requests for 0 bytes give {does}; write `zero_size = \"{}\"`",
            name(declared),
            name(seen)
        );
        self.misfit("object", "zero_size", &problem);
    }

    /// What is refused, and how.
    fn requests(&mut self, most_bytes: u64) {
        let traps = self.manifest.traps;
        let refusal = refusal::observe(&self.world, most_bytes);
        let said = traps.memory.map(|memory| match memory {
            OutOfMemory::Trap => Exhausted::Trap,
            OutOfMemory::Null => Exhausted::Null,
        });
        let word = |how| match how {
            Exhausted::Trap => "trap",
            Exhausted::Null => "null",
        };
        match (said, refusal.exhausted) {
            (Some(said), Some(seen)) if said != seen => {
                let does = match seen {
                    Exhausted::Trap => "traps",
                    Exhausted::Null => "gives 0",
                };
                let problem = format!(
                    "`memory`: declared is \"{}\"; seen: a request for which there is no memory {does}; write `memory = \"{}\"`",
                    word(said),
                    word(seen)
                );
                self.misfit("traps", "memory", &problem);
            }
            (Some(_), Some(seen)) => {
                self.seen("exhaustion", format!("a request for which there is no memory: {}", word(seen)))
            }
            (_, Some(_) | None) => {}
        }
        if let Some((size, word)) = refusal.strange {
            let null = self.manifest.object.pointer.null;
            let problem = format!(
                "`null`: declared is {null}; seen: a request of {size:#x} bytes, for which there is no memory, gives {word}, which is neither that nor an object; \
                 write `null = {word}`"
            );
            self.misfit("object", "null", &problem);
        }
        let Some(declared) = traps.size_limit else { return };
        match (refusal.limit, refusal.wraps) {
            (Some(limit), _) if limit > declared.checked_next_multiple_of(4).unwrap_or(declared) => {
                let problem = format!(
                    "`size_limit`: declared is {declared:#x}; seen: smaller requests than {limit:#x} are tried; write `size_limit = {limit:#x}`"
                );
                self.misfit("traps", "size_limit", &problem);
            }
            (_, Some((size, address))) if size >= declared => {
                let problem = format!(
                    "`size_limit`: declared is {declared:#x}; seen: a request of {size:#x} bytes got an object at {address}; leave it out, or leave this if it is the \
                     collector that is wrong: then a hunt finds it"
                );
                self.misfit("traps", "size_limit", &problem);
            }
            (Some(limit), _) => {
                self.seen("size limit", format!("requests of {limit:#x} bytes and more are refused at once"))
            }
            (None, _) => self.seen(
                "size limit",
                "not seen: requests beyond it are refused as those are for which there is no memory".to_owned(),
            ),
        }
    }
}
