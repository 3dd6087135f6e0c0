//! Which words of an object are pointers: those through which a child is kept, while it is not through others.

use super::super::parts::Argument;
use super::allocation::{Allocator, Recipe};
use super::world::{Fate, Root, SIZE, World};

/// Which words are pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// All of them, and other numbers in them do no harm.
    Any,
    /// None.
    None,
    /// Every so many, up to the end.
    Every { first: u32, stride: u32 },
    /// These.
    These(Vec<u32>),
    /// As many as the call is told, from this one on; up to so many were seen.
    Counted { first: u32, most: u32 },
}

impl Words {
    /// What a manifest says.
    pub(super) fn toml(&self) -> String {
        match self {
            Self::Any => "\"any\"".to_owned(),
            Self::None => "\"none\"".to_owned(),
            Self::Every { first: 0, stride: 1 } => "\"all\"".to_owned(),
            Self::Every { first, stride } => format!("{{ first = {first}, stride = {stride} }}"),
            Self::These(words) => format!("{words:?}"),
            Self::Counted { first, .. } => format!("{{ first = {first}, most = {MOST_COUNTED} }}"),
        }
    }

    /// The first of them in an object of so many words.
    pub(super) fn of(&self, words: u32) -> Vec<u32> {
        match self {
            Self::Any => (0..words).collect(),
            Self::None => Vec::new(),
            Self::Every { first, stride } => (*first..words).step_by(*stride as usize).collect(),
            Self::These(these) => these.iter().copied().filter(|word| *word < words).collect(),
            Self::Counted { first, .. } => (*first..words).collect(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Any => "object".to_owned(),
            Self::None => "data".to_owned(),
            Self::Every { first: 0, stride: 1 } => "pointers".to_owned(),
            Self::Every { first, stride } => format!("every{stride}from{first}"),
            Self::These(words) => {
                format!("words{}", words.iter().map(|word| format!("-{word}")).collect::<String>())
            }
            Self::Counted { .. } => "counted".to_owned(),
        }
    }
}

/// A kind of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) words: Words,
    pub(super) recipe: Recipe,
    pub(super) why: String,
}

/// Words of the two objects whose pointers are looked for.
const SMALL: u32 = 8;
const LARGE: u32 = 13;
/// Values of a parameter that is no size.
const TAGS: u32 = 40;
/// Values of the first and the second of two.
const TWO_TAGS: (u32, u32) = (9, 3);
/// Kinds at most.
const MOST_KINDS: usize = 24;
/// Numbers of pointers that a call is told.
const COUNTS: [u32; 5] = [1, 0, 2, 5, 9];
/// Numbers of pointers of the largest object that is tried, the most first.
const MANY: [u32; 5] = [16_384, 4096, 1024, 64, LARGE];
/// Pointers at most in a manifest.
const MOST_COUNTED: u32 = 1 << 20;
/// Numbers that are no object's address, beyond those that depend on memory.
const JUNK: [u32; 6] = [1, 3, 5, 0x7FFF_FFFF, 0xFFFF_FFF1, 0xFFFF_FFFF];

/// The words of such an object that keep a child; none if something does not return.
fn tracing(world: &World<'_, '_>, root: &Root, recipe: &Recipe, words: u32) -> Option<Vec<u32>> {
    let mut traced = Vec::new();
    for word in 0..words {
        match world.child(root, recipe, 4 * words, |bench, object, child| world.link(bench, object, word, child)) {
            Fate::Kept if world.discard.is_none() || goes_with_parent(world, root, recipe, words, word) => {
                traced.push(word);
            }
            // Counted when it is stored, and never counted off: no pointer of the object's.
            Fate::Recycled(_) | Fate::Kept => {}
            Fate::Unclear | Fate::Died => return None,
        }
    }
    Some(traced)
}

/// Whether a child is recycled once the object is let go that refers to it by this word.
fn goes_with_parent(world: &World<'_, '_>, root: &Root, recipe: &Recipe, words: u32, word: u32) -> bool {
    let fate = world.fate(|bench| {
        let object = recipe.make_clean(bench, 4 * words, words)?;
        root.hold(bench, 0, object).then_some(())?;
        let child = world.recipe.make_clean(bench, world.sample.size, 0)?;
        let is_done =
            world.link(bench, object, word, child) && world.drop_object(bench, child) && root.release(bench, 0, object);
        is_done.then_some(child)
    });
    fate.is_recycled()
}

/// What keeps a child in a small object and in a larger one, as one rule.
fn rule(small: &[u32], large: &[u32]) -> Option<Words> {
    let even = |words: &[u32]| {
        words.windows(2).all(|pair| pair[1] - pair[0] == words.get(1).map_or(0, |second| second - words[0]))
    };
    if small.is_empty() && large.is_empty() {
        return Some(Words::None);
    }
    if !even(large) {
        return None;
    }
    if small == large {
        return Some(Words::These(large.to_vec()));
    }
    let &[first, second, ..] = large else { return None };
    let every = Words::Every { first, stride: second - first };
    (every.of(LARGE) == large && every.of(SMALL) == small).then_some(every)
}

/// Whether a rooted object may hold numbers that are nobody's address, in words that are no pointers, and keeps them.
fn takes_junk(world: &World<'_, '_>, root: &Root, recipe: &Recipe, pointers: &[u32]) -> bool {
    let Ok(mut bench) = world.lab.bench() else { return false };
    let memory = bench.memory().len() as u32;
    let junk: Vec<u32> = JUNK.into_iter().chain([memory + 16, memory.wrapping_mul(2) + 1]).collect();
    if !world.collect(&mut bench) {
        return false;
    }
    let Some(object) = recipe.make_clean(&mut bench, 4 * SMALL, SMALL) else { return false };
    let values: Vec<(u32, u32)> =
        (0..SMALL).filter(|word| !pointers.contains(word)).zip(junk.into_iter().cycle()).collect();
    for (word, value) in &values {
        bench.write_word(object + 4 * word, *value);
    }
    let lived = root.hold(&mut bench, 0, object) && world.collect(&mut bench) && world.collect(&mut bench);
    // References are looked at when the object goes.
    let is_looked_at = world.discard.is_none() || root.release(&mut bench, 0, object) && !bench.is_dead();
    lived
        && is_looked_at
        && world.recipe.make(&mut bench, SIZE, 0).is_some()
        && (world.discard.is_some() || values.iter().all(|(word, value)| bench.word(object + 4 * word) == Some(*value)))
}

/// Which words keep objects alive, as far as that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// An object's address in a word that is no pointer does not keep it.
    Precise,
    /// Any word that has an object's address keeps it.
    Conservative {
        /// Whether an address inside it does, too.
        inside: bool,
    },
    /// It was not seen.
    Unknown,
}

/// What kinds show of that.
pub(super) fn scan(world: &World<'_, '_>, root: Option<&Root>, kinds: &[Kind], are_seen: bool) -> Scan {
    let Some(root) = root.filter(|_| are_seen) else { return Scan::Unknown };
    if let Some(kind) = kinds.iter().find(|kind| kind.words == Words::Any) {
        let fate =
            world.child(root, &kind.recipe, 4 * SMALL, |bench, object, child| world.link(bench, object, 0, child + 4));
        return match fate {
            Fate::Kept => Scan::Conservative { inside: true },
            Fate::Recycled(_) => Scan::Conservative { inside: false },
            Fate::Unclear | Fate::Died => Scan::Unknown,
        };
    }
    let has_data = |kind: &Kind| match &kind.words {
        Words::None | Words::These(_) | Words::Counted { .. } => true,
        Words::Every { first, stride } => (*first, *stride) != (0, 1),
        Words::Any => false,
    };
    if kinds.iter().any(has_data) { Scan::Precise } else { Scan::Unknown }
}

/// The kinds that allocators have, as far as that shows.
pub(super) fn observe(world: &World<'_, '_>, root: &Root, allocators: &[Allocator]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut add = |words: Words, recipe: Recipe, why: String| {
        if kinds.len() < MOST_KINDS && !kinds.iter().any(|known| known.words == words) {
            kinds.push(Kind { name: words.name(), words, recipe, why });
        }
    };
    for allocator in allocators {
        for size in allocator.sizes() {
            if let Some((words, recipe, why)) = counted(world, root, allocator, size) {
                add(words, recipe, why);
                continue;
            }
            for recipe in recipes(allocator, size) {
                if let Some((words, why)) = of(world, root, &recipe) {
                    add(words, recipe, why);
                }
            }
        }
    }
    // One that takes anything is enough.
    if let Some(any) = kinds.iter().position(|kind| kind.words == Words::Any) {
        return vec![kinds.swap_remove(any)];
    }
    kinds
}

/// The calls that one is tried with.
fn recipes(allocator: &Allocator, size: usize) -> Vec<Recipe> {
    let others = allocator.parameters.len() - 1;
    if allocator.sizes().len() > 1 || others == 0 {
        return vec![allocator.recipe(size, &[])];
    }
    match others {
        1 => {
            let mut recipes: Vec<Recipe> = (0..=TAGS).map(|tag| allocator.recipe(size, &[tag])).collect();
            let mut counted = allocator.recipe(size, &[0]);
            for tag in allocator.tags() {
                counted.arguments[tag] = Argument::Count;
            }
            recipes.push(counted);
            recipes
        }
        _ => {
            let pairs = (0..TWO_TAGS.0).flat_map(|first| (0..TWO_TAGS.1).map(move |second| [first, second]));
            pairs.map(|tags| allocator.recipe(size, &tags)).collect()
        }
    }
}

/// The call whose one parameter beside the size is how many pointers there are, and how that was seen.
fn counted(world: &World<'_, '_>, root: &Root, allocator: &Allocator, size: usize) -> Option<(Words, Recipe, String)> {
    let (tags, sizes) = (allocator.tags(), allocator.sizes());
    let ([tag], [_]) = (tags.as_slice(), sizes.as_slice()) else { return None };
    let of = |count: u32| allocator.recipe(size, &[count]);
    let mut first = 0;
    for count in COUNTS {
        let traced = tracing(world, root, &of(count), LARGE)?;
        if count == COUNTS[0] {
            first = *traced.first()?;
        }
        (traced == (first..first + count).collect::<Vec<u32>>()).then_some(())?;
    }
    takes_junk(world, root, &of(2), &[first, first + 1]).then_some(())?;
    let keeps = |count: &u32| {
        let size = 4 * (first + count);
        world.child(root, &of(*count), size, |bench, object, child| world.link(bench, object, size / 4 - 1, child))
            == Fate::Kept
    };
    let most = MANY.into_iter().find(keeps)?;
    let mut recipe = of(0);
    recipe.arguments[*tag] = Argument::Count;
    let why = format!(
        "seen: told a number up to {}, as many words of a rooted object from word {first} on keep a child, and no others; told {most}, the last of them          does. assumed: more do as well",
        COUNTS[COUNTS.len() - 1]
    );
    Some((Words::Counted { first, most }, recipe, why))
}

/// The pointers of what a call makes, and how that was seen.
fn of(world: &World<'_, '_>, root: &Root, recipe: &Recipe) -> Option<(Words, String)> {
    // Most numbers are no class: one look tells.
    let alone = world.child(root, recipe, 4 * SMALL, |_, _, _| true);
    if !alone.is_recycled() {
        // What outlives collections without any pointer to it shows nothing.
        return None;
    }
    let small = tracing(world, root, recipe, SMALL)?;
    let large = tracing(world, root, recipe, LARGE)?;
    let words = rule(&small, &large)?;
    let all = words == Words::Every { first: 0, stride: 1 };
    if all && takes_junk(world, root, recipe, &[]) {
        let why =
            "seen: a child is kept through any word of a rooted object, and numbers that are no address do no harm";
        return Some((Words::Any, why.to_owned()));
    }
    if !takes_junk(world, root, recipe, &words.of(SMALL)) {
        return None;
    }
    let why = match &words {
        Words::None => "seen: no word of a rooted object keeps a child".to_owned(),
        Words::Any | Words::Every { .. } if all => {
            "seen: every word of a rooted object keeps a child, and one that is no address breaks the collection"
                .to_owned()
        }
        Words::Any | Words::Every { .. } | Words::These(_) | Words::Counted { .. } => {
            format!("seen: of the words of a rooted object of {LARGE}, {large:?} keep a child")
        }
    };
    Some((words, why))
}
