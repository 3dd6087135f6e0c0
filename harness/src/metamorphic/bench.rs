//! One worker's rigs of variants, and the comparison of a variant's run with the base run.

use super::freeze::{Frozen, freeze};
use super::pool::{Key, Pool, PoolError};
use super::tally::Tally;
use super::transcript::{Difference, Transcript};
use super::variant::Variant;
use crate::judge::{self, Disagreement, Inconclusive, Kind, Verdict, Violation};
use crate::model::Model;
use crate::outcome::End;
use crate::plan::Step;
use crate::runtime::description::Role;
use crate::trial::Rig;
use heapsmith_generators::Program;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What became of a pair of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pair {
    /// The same transcript, and the variant kept every promise.
    Same,
    /// They cannot be compared.
    NotCompared(NotCompared),
    /// The transcripts differ, or the variant broke a promise of its own.
    Broken(Box<Violation>),
    /// The harness contradicts itself.
    Untrusted(Box<Disagreement>),
}

/// Why a pair is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotCompared {
    /// The variant reaches a limit of its own.
    ResourceTrap,
    /// It would take too long.
    TooMuchWork,
    /// An engine has nothing to say.
    Inconclusive,
}

impl NotCompared {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ResourceTrap, Self::TooMuchWork, Self::Inconclusive];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResourceTrap => "resource-trap",
            Self::TooMuchWork => "too-much-work",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A base run that passed, as variants are held against it.
#[derive(Debug)]
pub struct Base {
    transcript: Transcript,
    steps: Vec<Step>,
    collections: u32,
    work: u64,
}

impl Base {
    /// The run that `rig` has just passed.
    #[must_use]
    pub fn of(rig: &mut Rig) -> Self {
        let collections = collections(rig);
        let (model, seen) = rig.look();
        let transcript = Transcript::of(model, seen, |step| step);
        let plan = model.plan();
        Self { transcript, steps: plan.steps.clone(), collections, work: plan.work }
    }

    /// The program that a variant runs.
    #[must_use]
    pub fn frozen(&self, program: &Program, variant: &Variant) -> Frozen {
        freeze(program, &self.steps, variant.gaps)
    }
}

/// One worker's rigs of variants.
pub struct Bench<'p> {
    pool: &'p Pool<'p>,
    rigs: HashMap<Key, Rig>,
    most_work: u64,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("rigs", &self.rigs.len()).finish_non_exhaustive()
    }
}

impl<'p> Bench<'p> {
    /// Without rigs yet; a pair whose variant may need more work than this is not run.
    #[must_use]
    pub fn new(pool: &'p Pool<'p>, most_work: u64) -> Self {
        Self { pool, rigs: HashMap::new(), most_work }
    }

    /// The pool behind it.
    #[must_use]
    pub const fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// Runs variants of a program that `rig` has just passed, up to the first that breaks a promise, and counts them. `rig` has run
    /// something else afterwards.
    ///
    /// # Errors
    /// A variant that cannot be made.
    pub fn compare(
        &mut self,
        rig: &mut Rig,
        program: &Program,
        variants: &[Variant],
        tally: &mut Tally,
    ) -> Result<Option<(Variant, Pair)>, PoolError> {
        let base = Base::of(rig);
        tally.programs += 1;
        for variant in variants {
            let frozen = base.frozen(program, variant);
            let work = base.work.saturating_mul(1 + frozen.collections());
            let pair = if work > self.most_work {
                Pair::NotCompared(NotCompared::TooMuchWork)
            } else {
                let own = variant.on.is_none() && !variant.poison;
                let pool = self.pool;
                let other = if own { &mut *rig } else { self.rig(variant, program)? };
                let pair = run(other, &base, &frozen, variant, pool)?;
                tally.ran(variant, other, &frozen, collections(other).saturating_sub(base.collections));
                if !own && other.is_bulky() {
                    let key = self.pool.key(variant, program.machine)?;
                    self.rigs.remove(&key);
                }
                pair
            };
            tally.count(&pair);
            match pair {
                Pair::Same | Pair::NotCompared(_) => {}
                Pair::Broken(_) | Pair::Untrusted(_) => return Ok(Some((variant.clone(), pair))),
            }
        }
        Ok(None)
    }

    /// The rig of a variant for a program's machine.
    fn rig(&mut self, variant: &Variant, program: &Program) -> Result<&mut Rig, PoolError> {
        let key = self.pool.key(variant, program.machine)?;
        match self.rigs.entry(key) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => Ok(new.insert(self.pool.rig(variant, program.machine)?)),
        }
    }
}

/// Runs a variant and holds it against the base run.
pub(super) fn run(
    rig: &mut Rig,
    base: &Base,
    frozen: &Frozen,
    variant: &Variant,
    pool: &Pool<'_>,
) -> Result<Pair, PoolError> {
    let verdict = rig.trial(&frozen.program);
    let mut broken = match verdict {
        Verdict::Pass => None,
        Verdict::AllowedTrap(_) => return Ok(Pair::NotCompared(NotCompared::ResourceTrap)),
        Verdict::Inconclusive(Inconclusive::TooMuchWork) => {
            return Ok(Pair::NotCompared(NotCompared::TooMuchWork));
        }
        Verdict::Inconclusive(
            Inconclusive::FuelOnOneEngine | Inconclusive::EngineFailed | Inconclusive::EngineKilled,
        ) => {
            return Ok(Pair::NotCompared(NotCompared::Inconclusive));
        }
        Verdict::Untrusted(d) => return Ok(Pair::Untrusted(d)),
        Verdict::Violation(v) => Some(v),
    };
    if broken.is_none() && variant.standalone {
        for (i, engine) in pool.engines().iter().enumerate() {
            if !rig.standalone_agrees(i, engine.as_ref())? {
                let what = "the two lowerings".to_owned();
                let engines = format!("another outcome of the program as code of its own on {}", engine.name());
                return Ok(Pair::Untrusted(Box::new(Disagreement { what, engines, emulator: "none".to_owned() })));
            }
        }
    }
    if let Some(v) = &mut broken {
        v.step = frozen.original(v.step);
    }
    let (model, seen) = rig.look();
    // Both came to their end, as they must: their contents can be compared. Where engines disagree, none of them is the variant's run.
    let one_run = broken.as_ref().is_none_or(|v| v.kind != Kind::EngineDivergence);
    if one_run && seen.outcome.end == End::Finished && model.expectation().trap.is_none() {
        let other = Transcript::of(model, seen, |step| frozen.original(step));
        if let Some(difference) = base.transcript.difference(&other) {
            broken = Some(Box::new(dependence(model, base, &difference)));
        }
    }
    Ok(match broken {
        None => Pair::Same,
        Some(mut v) => {
            v.variant = Some(variant.to_string());
            Pair::Broken(v)
        }
    })
}

/// The violation that a difference is.
fn dependence(model: &Model, base: &Base, d: &Difference) -> Violation {
    let whose = d.object.map(|id| format!(" ({}, {} bytes)", model.path_to(id), model.heap.block(id).size));
    let expected = format!("{}{} is {}, as in the base run", d.what, whose.unwrap_or_default(), d.first);
    let step = d.op.unwrap_or((base.steps.len() as u32).saturating_sub(1));
    judge::schedule_dependence(step, expected, d.second.to_string())
}

fn collections(rig: &Rig) -> u32 {
    rig.prepared().runtime.description.global(rig.outcome(0), Role::Collections).unwrap_or(0)
}
