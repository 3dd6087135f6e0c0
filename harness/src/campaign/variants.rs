//! The metamorphic part of a campaign: programs that passed run again in variants.

use super::corpus::Job;
use super::findings::{Signature, reduce_one};
use super::{Shared, Statistics};
use crate::judge::Violation;
use crate::metamorphic::{Bench, Pair, PoolError, Replayer, Variant};
use crate::metamorphic::{Gaps, Rounds, cause_of};
use crate::reduce::{Oracle, reduce};
use crate::trial::{Bucket, Rig};
use heapsmith_generators::Program;
use std::sync::atomic::Ordering;

use super::Finding;

/// One worker's rigs of variants.
#[derive(Debug)]
pub(super) struct Variants<'s> {
    bench: Bench<'s>,
}

impl<'s> Variants<'s> {
    pub(super) fn new(shared: &'s Shared<'_>) -> Self {
        let selection = &shared.settings.metamorphic;
        Self { bench: Bench::new(&shared.pool, selection.most_work()).counting(selection.others()) }
    }

    /// Runs the variants that the campaign has for a program that `rig` has just passed. The signature of what one of them breaks.
    pub(super) fn run(
        &mut self,
        shared: &Shared<'_>,
        index: u64,
        program: &Program,
        rig: &mut Rig,
        statistics: &mut Statistics,
    ) -> Result<Option<Signature>, PoolError> {
        let variants = shared.settings.metamorphic.variants(shared.settings.seed, index, rig.model())?;
        if variants.is_empty() {
            return Ok(None);
        }
        match self.bench.compare(rig, program, &variants, &mut statistics.variants)? {
            None | Some((_, Pair::Same | Pair::NotCompared(_))) => Ok(None),
            Some((_, Pair::Broken(v))) => Ok(Some(Signature::of_variant(&v, program))),
            Some((variant, Pair::Untrusted(d))) => {
                let text =
                    format!("in variant `{variant}`: {}: {}, the emulator has {}", d.what, d.engines, d.emulator);
                statistics.distrust(index, text);
                Ok(None)
            }
        }
    }
}

/// The violation of the first variant of a program that breaks a promise, once more.
fn first_broken(
    shared: &Shared<'_>,
    Job { index, program: original, .. }: &Job,
) -> Result<Option<(Variant, Box<Violation>)>, PoolError> {
    let mut rig = shared.tracing.rig_of_base(original.machine)?;
    rig.trial(original);
    let variants = shared.settings.metamorphic.variants(shared.settings.seed, *index, rig.model())?;
    let mut bench = Bench::new(&shared.tracing, shared.settings.metamorphic.most_work());
    Ok(match bench.compare(&mut rig, original, &variants, &mut crate::metamorphic::Tally::default())? {
        Some((variant, Pair::Broken(v))) => Some((variant, v)),
        Some((_, Pair::Same | Pair::NotCompared(_) | Pair::Untrusted(_))) | None => None,
    })
}

/// Reduces the program and the variant in which it breaks a promise.
pub(super) fn reduce_variant(shared: &Shared<'_>, job: &Job) -> Result<Option<Finding>, PoolError> {
    let Some((mut variant, _)) = first_broken(shared, job)? else { return Ok(None) };
    let Job { index, program: original, lineage } = job.clone();
    let mut best = original.clone();
    if let Some((program, rounds)) = own_sizes(shared, &best, &variant)? {
        (best, variant) = (program, rounds);
    }
    loop {
        let mut replayer = Replayer::new(&shared.tracing, variant.clone());
        let first = replayer.try_replay(&best)?;
        let Some(bucket) = first.bucket.clone() else { return Ok(None) };
        if first.variant().is_none() {
            // What was done again and again breaks the promise when it is done once, as a program of its own.
            let alone = reduce_one(shared, &Job { index, program: best, lineage });
            return Ok(alone.map(|finding| Finding { original, ..finding }));
        }
        // The simpler variant first: gaps that are drawn move when ops go.
        if let Some(simpler) = simpler(shared, &best, &variant, &bucket)? {
            variant = simpler;
            continue;
        }
        let before = best.clone();
        best = reduce(&mut replayer, &best, first, &shared.progress.stop).program;
        if best == before || shared.progress.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    if let Some(known) = known_number(shared, &best, &variant)? {
        variant = known;
    }
    let mut replayer = Replayer::new(&shared.tracing, variant.clone());
    let replay = replayer.try_replay(&best)?;
    let Some(bucket) = replay.bucket.clone() else { return Ok(None) };
    let lowerings_disagree = replayer.disagreement().unwrap_or_else(|e| Some(e.to_string()));
    let cause = cause_of(shared.pool.source(), &shared.settings.engines, &best, &variant)?;
    Ok(Some(Finding {
        index,
        count: 0,
        original,
        lineage,
        variant_program: replayer.variant_program(),
        variant: Some(variant),
        script: replayer.script().unwrap_or_default(),
        reduced: best,
        replay,
        bucket,
        cause,
        lowerings_disagree,
    }))
}

/// Of a program whose objects all get another size when its work is done again and again: that work as a program, and the variant that leaves
/// sizes as they are, if they break the same promise.
fn own_sizes(
    shared: &Shared<'_>,
    program: &Program,
    variant: &Variant,
) -> Result<Option<(Program, Variant)>, PoolError> {
    if variant.rounds.is_none_or(|rounds| rounds.size.is_none()) {
        return Ok(None);
    }
    let mut replayer = Replayer::new(&shared.tracing, variant.clone());
    let first = replayer.try_replay(program)?;
    let (Some(bucket), Some(made)) = (first.bucket, replayer.variant_program()) else { return Ok(None) };
    let program = Program { machine: program.machine, ..made };
    let rounds = variant.rounds.map(|rounds| Rounds { number: None, size: None, ..rounds });
    let variant = Variant { rounds, ..variant.clone() };
    let again = Replayer::new(&shared.tracing, variant.clone()).replay(&program);
    Ok(again.bucket.is_some_and(|b| b.same(&bucket)).then_some((program, variant)))
}

/// The variant with the number of rounds after which a promise is broken.
fn known_number(shared: &Shared<'_>, program: &Program, variant: &Variant) -> Result<Option<Variant>, PoolError> {
    let mut replayer = Replayer::new(&shared.tracing, variant.clone());
    let first = replayer.try_replay(program)?;
    let (Some(bucket), Some(rounds), Some(number)) = (first.bucket, variant.rounds, replayer.rounds()) else {
        return Ok(None);
    };
    let number = Some(number.clamp(Rounds::LEAST, Rounds::MOST));
    let known = Variant { rounds: Some(Rounds { number, ..rounds }), ..variant.clone() };
    let again = Replayer::new(&shared.tracing, known.clone()).replay(program);
    Ok(again.bucket.is_some_and(|b| b.same(&bucket)).then_some(known))
}

/// A simpler variant that breaks the same promise: without one of its parts, or with a single collection.
fn simpler(
    shared: &Shared<'_>,
    program: &Program,
    variant: &Variant,
    bucket: &Bucket,
) -> Result<Option<Variant>, PoolError> {
    let mut simpler = Vec::new();
    if variant.poison {
        simpler.push(Variant { poison: false, ..variant.clone() });
    }
    if variant.on.as_ref().is_some_and(|on| on.name == shared.settings.spec.name) {
        simpler.push(Variant { on: None, ..variant.clone() });
    }
    if let Some(rounds) = variant.rounds {
        let fewer = [
            Rounds { has_survivors: false, is_automatic: false, ..rounds },
            Rounds { has_survivors: false, ..rounds },
            Rounds { is_automatic: false, ..rounds },
        ];
        let fewer = fewer.into_iter().filter(|fewer| *fewer != rounds);
        simpler.extend(fewer.map(|rounds| Variant { rounds: Some(rounds), ..variant.clone() }));
    }
    let single = (0..=program.ops.len() as u32).map(|op| Variant { gaps: Gaps::Before(op), ..variant.clone() });
    match variant.gaps {
        Gaps::None => {}
        Gaps::Before(_) => simpler.push(Variant { gaps: Gaps::None, ..variant.clone() }),
        Gaps::All | Gaps::Sample(_) => {
            simpler.push(Variant { gaps: Gaps::None, ..variant.clone() });
            simpler.extend(single);
            let drawn = variant.gaps != Gaps::All;
            simpler.extend(drawn.then(|| Variant { gaps: Gaps::All, ..variant.clone() }));
        }
    }
    for candidate in simpler {
        let replay = Replayer::new(&shared.tracing, candidate.clone()).replay(program);
        if replay.variant().is_some() && replay.bucket.is_some_and(|b| b.same(bucket)) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}
