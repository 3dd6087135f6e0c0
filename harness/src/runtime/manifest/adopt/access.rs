//! Setters and getters: functions that reach a field of an object, and how they count fields.

use super::kinds::Kind;
use super::lab::{Bench, Lab};
use super::names::{self, Candidate, Role};
use super::world::{Root, SIZE, World};

/// How a field is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// In words.
    Index,
    /// In bytes.
    Offset,
}

impl Unit {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Offset => "offset",
        }
    }

    /// A word as it counts it.
    pub(super) const fn of(self, word: u32) -> u32 {
        match self {
            Self::Index => word,
            Self::Offset => 4 * word,
        }
    }

    /// Stores a pointer by a function that counts fields so; false where that does not return.
    fn store(self, function: &Candidate, bench: &mut Bench<'_>, object: u32, word: u32, child: u32) -> bool {
        let words = [bench.word_of(object), self.of(word), bench.word_of(child)];
        bench.call(function.index, &words).is_some()
    }
}

/// A function that reaches fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accessor {
    pub(super) function: Candidate,
    pub(super) unit: Unit,
}

/// Stores a pointer in a word of an object, by a setter if there is one; false where that does not return.
pub(super) fn store(setter: Option<&Accessor>, bench: &mut Bench<'_>, object: u32, word: u32, child: u32) -> bool {
    match setter {
        None => bench.write_pointer(object.wrapping_add(4 * word), child),
        Some(by) => by.unit.store(&by.function, bench, object, word, child),
    }
}

/// Words of the objects that are used.
const WORDS: u32 = 4;

/// The setter that reaches every pointer of every kind, and the names of others.
pub(super) fn setter(world: &World<'_, '_>, root: Option<&Root>, kinds: &[Kind]) -> (Option<Accessor>, Vec<String>) {
    let stores = |function: &Candidate, unit: Unit| {
        every_field(kinds, &|kind, word| {
            let Ok(mut bench) = world.lab.bench() else { return false };
            let Some(object) = kind.recipe.make_clean(&mut bench, 4 * WORDS, WORDS) else { return false };
            // Where each allocation collects, what is not rooted is gone.
            root.is_none_or(|root| root.hold(&mut bench, 0, object))
                && world.recipe.make_clean(&mut bench, SIZE, 0).is_some_and(|child| {
                    let stored = unit.store(function, &mut bench, object, word, child);
                    let at = |other: u32| bench.word(object + 4 * other);
                    let wanted = |other: u32| bench.word_of(if other == word { child } else { 0 });
                    stored && (0..WORDS).all(|other| at(other) == Some(wanted(other)))
                })
        })
    };
    pick(world.lab, &candidates(world.lab, &names::STORE, 3, 0..=1), kinds, &stores)
}

/// The getter that reaches every pointer of every kind, and the names of others.
pub(super) fn getter(world: &World<'_, '_>, root: Option<&Root>, kinds: &[Kind]) -> (Option<Accessor>, Vec<String>) {
    let loads = |function: &Candidate, unit: Unit| {
        every_field(kinds, &|kind, word| {
            let Ok(mut bench) = world.lab.bench() else { return false };
            let Some(object) = kind.recipe.make_clean(&mut bench, 4 * WORDS, WORDS) else { return false };
            root.is_none_or(|root| root.hold(&mut bench, 0, object))
                && world.recipe.make_clean(&mut bench, SIZE, 0).is_some_and(|child| {
                    bench.write_pointer(object + 4 * word, child)
                        && bench.call(function.index, &[bench.word_of(object), unit.of(word)])
                            == Some(vec![bench.word_of(child)])
                })
        })
    };
    pick(world.lab, &candidates(world.lab, &names::LOAD, 2, 1..=1), kinds, &loads)
}

/// Functions that are called so, or else any that are exported.
fn candidates(lab: &Lab<'_>, role: &Role, params: usize, results: std::ops::RangeInclusive<usize>) -> Vec<Candidate> {
    let named = names::functions(lab.module, role, params..=params, results.clone());
    if named.is_empty() { names::exported(lab.module, params..=params, results) } else { named }
}

fn every_field(kinds: &[Kind], works: &dyn Fn(&Kind, u32) -> bool) -> bool {
    kinds.iter().all(|kind| kind.words.of(WORDS).into_iter().all(|word| works(kind, word)))
}

fn pick(
    lab: &Lab<'_>,
    candidates: &[Candidate],
    kinds: &[Kind],
    works: &dyn Fn(&Candidate, Unit) -> bool,
) -> (Option<Accessor>, Vec<String>) {
    let has_pointers = kinds.iter().any(|kind| kind.words.of(WORDS).len() > 1);
    let mut found = None;
    let mut others = Vec::new();
    for function in candidates {
        let exported = !lab.module.functions[function.index as usize].exports.is_empty();
        let unit = [Unit::Index, Unit::Offset].into_iter().find(|unit| works(function, *unit));
        match unit.filter(|_| found.is_none() && has_pointers) {
            Some(unit) => found = Some(Accessor { function: function.clone(), unit }),
            None if exported => others.push(function.name.clone()),
            None => {}
        }
    }
    (found, others)
}
