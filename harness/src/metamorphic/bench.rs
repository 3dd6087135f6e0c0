//! One worker's rigs of variants, and the comparison of a variant's run with the base run.

use super::freeze::{Frozen, freeze};
use super::pool::{Key, Pool, PoolError};
use super::rounds;
use super::tally::Tally;
use super::transcript::{Difference, Transcript};
use super::variant::{Rounds, Variant};
use crate::judge::{self, Disagreement, Inconclusive, Kind, Verdict, Violation};
use crate::model::Model;
use crate::outcome::End;
use crate::plan::{Step, Value};
use crate::runtime::Spec;
use crate::runtime::description::Role;
use crate::trial::Rig;
use heapsmith_generators::Program;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

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
    /// The other collector makes other objects, or other steps, of the program.
    AnotherPlan,
    /// It makes no objects that could be made again and again.
    NoRounds,
    /// Memory went on growing, for objects of many sizes, on a collector that does not join free neighbours.
    Sizes,
    /// The manifest allows that memory goes on growing.
    NoPlateau,
    /// Collections that came by themselves were too few to judge growth.
    NotCollected,
}

impl NotCompared {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ResourceTrap,
        Self::TooMuchWork,
        Self::Inconclusive,
        Self::AnotherPlan,
        Self::NoRounds,
        Self::Sizes,
        Self::NoPlateau,
        Self::NotCollected,
    ];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResourceTrap => "resource-trap",
            Self::TooMuchWork => "too-much-work",
            Self::Inconclusive => "inconclusive",
            Self::AnotherPlan => "another-plan",
            Self::NoRounds => "no-rounds",
            Self::Sizes => "sizes",
            Self::NoPlateau => "no-plateau",
            Self::NotCollected => "not-collected",
        }
    }

    /// What it means, and what to do about it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ResourceTrap => {
                "a limit was reached first, where a trap is allowed; allow more memory, or make the program smaller"
            }
            Self::TooMuchWork => {
                "it would take too long; make counts or sizes smaller, or say a number of rounds if it is about rounds"
            }
            Self::Inconclusive => "the engines have nothing to say, or do not say the same",
            Self::AnotherPlan => "the other collector makes other objects, or other steps, of the program",
            Self::NoRounds => "the program makes no objects that could be made again and again; let it allocate some",
            Self::Sizes => {
                "memory went on growing, but for objects of many sizes, on a collector that is not seen to join free neighbours; give all of them \
                 one size: rounds(BYTES)"
            }
            Self::NoPlateau => {
                "memory may go on growing, as the manifest says with `plateau` or `reclaim` in [promises] or with its roots"
            }
            Self::NotCollected => {
                "too few collections came by themselves, as far as they are counted, less was allocated than twice what memory holds, or `minor` in [collect] \
                 says that they need not be full ones; do more rounds, or leave `automatic` out"
            }
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
    /// Whether it ran on a module that is not ours.
    of_module: bool,
}

impl Base {
    /// The run that `rig` has just passed.
    #[must_use]
    pub fn of(rig: &mut Rig) -> Self {
        let collections = collections(rig);
        let (model, seen) = rig.look();
        let transcript = Transcript::of(model, seen, |step| step);
        let (plan, of_module) = (model.plan(), model.description().module.is_some());
        Self { transcript, steps: plan.steps.clone(), collections, work: plan.work, of_module }
    }

    /// Its plan.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a variant's plan does to the same objects what this run's did.
    fn same_plan(&self, steps: &[Step], frozen: &Frozen) -> bool {
        let theirs = (0..).zip(steps).filter(|(index, _)| !frozen.is_inserted(*index)).map(|(_, step)| step);
        theirs.zip(&self.steps).all(|(theirs, own)| same_step(theirs, own))
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
    /// Runtimes whose comparisons are counted one by one.
    others: Vec<Spec>,
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
        Self { pool, rigs: HashMap::new(), most_work, others: Vec::new() }
    }

    /// The same, counting for each of these runtimes how many programs were compared on it, and how many on all.
    #[must_use]
    pub fn counting(self, others: &[Spec]) -> Self {
        Self { others: others.to_vec(), ..self }
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
        let own = Base::of(rig);
        tally.programs += 1;
        let mut compared = BTreeSet::new();
        for variant in variants {
            let pair = match self.beside(variant, program)? {
                None => self.pair(rig, &own, program, variant, tally)?,
                Some(Ok(base)) => self.pair(rig, &base, program, variant, tally)?,
                Some(Err(pair)) => pair,
            };
            tally.count(&pair);
            let other = variant.on.as_ref().filter(|on| self.others.contains(on));
            if let (Some(on), Pair::Same | Pair::Broken(_)) = (other, &pair) {
                compared.insert(on.to_string());
            }
            match pair {
                Pair::Same | Pair::NotCompared(_) => {}
                Pair::Broken(_) | Pair::Untrusted(_) => {
                    tally.compared_on(compared, self.others.len());
                    return Ok(Some((variant.clone(), pair)));
                }
            }
        }
        tally.compared_on(compared, self.others.len());
        Ok(None)
    }

    /// The base run of a program with such objects only as both collectors have, where that is another run than the one that was passed. What
    /// else became of it, if it did not pass.
    fn beside(&mut self, variant: &Variant, program: &Program) -> Result<Option<Result<Base, Pair>>, PoolError> {
        if !self.pool.source().has_common_objects(variant) {
            return Ok(None);
        }
        let pool = self.pool;
        let rig = match self.rigs.entry(pool.key_of_base(variant, program.machine)?) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(pool.rig_beside(variant, program.machine)?),
        };
        Ok(Some(match ran(rig.trial(program)) {
            Ok(None) => Ok(Base::of(rig)),
            Ok(Some(mut v)) => {
                v.variant = Some(variant.to_string());
                Err(Pair::Broken(v))
            }
            Err(pair) => Err(pair),
        }))
    }

    fn pair(
        &mut self,
        rig: &mut Rig,
        base: &Base,
        program: &Program,
        variant: &Variant,
        tally: &mut Tally,
    ) -> Result<Pair, PoolError> {
        if let Some(rounds) = variant.rounds {
            return self.rounds(rig, base, program, (variant, rounds), tally);
        }
        let frozen = base.frozen(program, variant);
        let work = base.work.saturating_mul(1 + frozen.collections());
        if work > self.most_work {
            return Ok(Pair::NotCompared(NotCompared::TooMuchWork));
        }
        let own = variant.on.is_none() && !variant.poison;
        let pool = self.pool;
        let other = if own { rig } else { self.rig(variant, program)? };
        let pair = run(other, base, &frozen, variant, pool)?;
        tally.ran(variant, other, &frozen, collections(other).saturating_sub(base.collections));
        if !own && other.is_bulky() {
            let key = self.pool.key(variant, program.machine)?;
            self.rigs.remove(&key);
        }
        Ok(pair)
    }

    /// A variant in which the program's work is done again and again.
    fn rounds(
        &mut self,
        rig: &mut Rig,
        base: &Base,
        program: &Program,
        (variant, rounds): (&Variant, Rounds),
        tally: &mut Tally,
    ) -> Result<Pair, PoolError> {
        let (own, pool) = (variant.on.is_none() && !variant.poison, self.pool);
        let other = if own { rig } else { self.rig(variant, program)? };
        let (pair, repeated) = rounds::run(other, base, program, (variant, rounds), pool)?;
        if let Some(repeated) = repeated {
            tally.repeated(u64::from(repeated.course.rounds()), repeated.round);
        }
        if !own && other.is_bulky() {
            let key = self.pool.key(variant, program.machine)?;
            self.rigs.remove(&key);
        }
        Ok(pair)
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

/// Whether two steps do the same. Bytes that nobody wrote are not checked everywhere, so that checks, and where a log has its words, may differ.
fn same_step(a: &Step, b: &Step) -> bool {
    match (a, b) {
        (Step::Digest { .. }, _) | (_, Step::Digest { .. }) => true,
        (
            &Step::Write { obj, offset, value: Value::Logged { offset: distance, .. } },
            &Step::Write { obj: other, offset: at, value: Value::Logged { offset: far, .. } },
        ) => (obj, offset, distance) == (other, at, far),
        (_, _) => a == b,
    }
}

/// What a verdict leaves to compare: a run that passed, or one with a violation; else what became of the pair.
pub(super) fn ran(verdict: Verdict) -> Result<Option<Box<Violation>>, Pair> {
    match verdict {
        Verdict::Pass => Ok(None),
        Verdict::Violation(v) => Ok(Some(v)),
        Verdict::AllowedTrap(_) => Err(Pair::NotCompared(NotCompared::ResourceTrap)),
        Verdict::Inconclusive(Inconclusive::TooMuchWork) => Err(Pair::NotCompared(NotCompared::TooMuchWork)),
        Verdict::Inconclusive(
            Inconclusive::FuelOnOneEngine | Inconclusive::EngineFailed | Inconclusive::EngineKilled,
        ) => Err(Pair::NotCompared(NotCompared::Inconclusive)),
        Verdict::Untrusted(d) => Err(Pair::Untrusted(d)),
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
    let mut broken = match ran(rig.trial(&frozen.program)) {
        Ok(broken) => broken,
        Err(pair) => return Ok(pair),
    };
    let of_module = base.of_module || rig.prepared().runtime.description.module.is_some();
    if broken.is_none() && of_module && variant.on.is_some() && !base.same_plan(&rig.model().plan().steps, frozen) {
        return Ok(Pair::NotCompared(NotCompared::AnotherPlan));
    }
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
            broken = Some(Box::new(dependence(model, base, &difference, other_runtime(variant, pool))));
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
fn dependence(model: &Model, base: &Base, d: &Difference, runtimes: Option<(&Spec, &Spec)>) -> Violation {
    let whose = d.object.map(|id| format!(" ({}, {} bytes)", model.path_to(id), model.heap.block(id).size));
    let (first, second) = match runtimes {
        Some((base, other)) => (format!("as on {base}"), format!("{} on {other}", d.second)),
        None => ("as in the base run".to_owned(), d.second.to_string()),
    };
    let expected = format!("{}{} is {}, {first}", d.what, whose.unwrap_or_default(), d.first);
    let step = d.op.unwrap_or((base.steps.len() as u32).saturating_sub(1));
    judge::schedule_dependence(step, expected, second)
}

/// The base run's runtime and the variant's, if that is another collector.
fn other_runtime<'v>(variant: &'v Variant, pool: &'v Pool<'_>) -> Option<(&'v Spec, &'v Spec)> {
    let (base, on) = (&pool.source().spec, variant.on.as_ref()?);
    let build = |spec: &Spec| spec.module.as_ref().and_then(|module| module.build.clone());
    ((&on.name, &on.edit, build(on)) != (&base.name, &base.edit, build(base))).then_some((base, on))
}

fn collections(rig: &Rig) -> u32 {
    rig.prepared().runtime.description.global(rig.outcome(0), Role::Collections).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::by_name;
    use crate::metamorphic::{Source, parse_variant};
    use crate::runtime::parse_spec;

    /// What is checked to be zero is in the log of one collector only: later words of the log have other numbers on the other one.
    #[test]
    fn an_address_of_a_recent_allocation_is_the_same_step_wherever_its_log_has_it() {
        let engines = [by_name("wasmi").unwrap()];
        let pool = Pool::new(Source::new(parse_spec("fixed").unwrap()), &engines);
        let text = "heapsmith 1\nalloc r0 size=24 fields=1 init=null\nalloc r1 size=24 fields=1 init=null\ncheck_zero r1\n\
                    alloc r2 size=8 fields=0 init=null\nwrite r0[2] = recent(0)+4\n";
        let program = heapsmith_generators::parse(text).unwrap();
        let mut rig = pool.rig_of_base(program.machine).unwrap();
        assert_eq!(rig.trial(&program), Verdict::Pass);
        assert!(rig.model().plan().steps.iter().any(|step| matches!(step, Step::Digest { .. })));
        let on = format!("on={}/tests/collectors/marksweep.toml", env!("CARGO_MANIFEST_DIR"));
        let variant = parse_variant(&on).unwrap();
        let mut tally = Tally::default();
        let mut bench = Bench::new(&pool, u64::MAX).counting(&[variant.on.clone().unwrap()]);
        assert_eq!(bench.compare(&mut rig, &program, &[variant], &mut tally).unwrap(), None);
        assert_eq!((tally.same, tally.versus_all, tally.not_compared.len()), (1, 1, 0), "{tally:?}");
    }
}
