//! A runtime, edited or not, that programs are tried on.

use super::Ablation;
use crate::judge::{Kind, Oracles, Verdict, Violation};
use crate::metamorphic::{Bench, Pair, Pool, Selection, Tally, Variant};
use crate::runtime::Edit;
use crate::trial::Rig;
use heapsmith_generators::{Machine, Program};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a program shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Every promise was kept.
    Nothing,
    /// One was broken.
    Broken {
        /// Which ([`crate::judge::Kind::full_name`]).
        kind: String,
        /// Whether only a variant of the program shows it.
        by_variant: bool,
    },
    /// An engine failed or contradicts another one, or nothing could be decided.
    Unknown,
}

impl Shown {
    /// What a violation shows of the collector. That engines disagree is a bug of an engine, whatever runs on it; it counts only
    /// where nothing else is asked.
    fn violation(violation: &Violation, by_variant: bool, oracles: Oracles) -> Self {
        if violation.kind == Kind::EngineDivergence && oracles != Oracles::Engines {
            Self::Unknown
        } else {
            Self::Broken { kind: violation.kind.full_name(), by_variant }
        }
    }
}

/// One worker's rigs of a runtime, which it judges by the model and by variants; an edited runtime has no emulator.
pub(crate) struct Subject<'p> {
    pool: &'p Pool<'p>,
    bench: Bench<'p>,
    rigs: HashMap<Machine, Rig>,
    seed: u64,
    ablation: Ablation,
}

impl<'p> Subject<'p> {
    /// Without rigs yet. The seed decides which programs run again in which variants, as in a campaign; the ablation what it is judged by.
    pub(crate) fn new(pool: &'p Pool<'p>, seed: u64, ablation: Ablation) -> Self {
        Self { pool, bench: Bench::new(pool, Selection::Share.most_work()), rigs: HashMap::new(), seed, ablation }
    }

    /// Runs a program.
    pub(crate) fn run(&mut self, index: u64, program: &Program) -> Shown {
        self.run_and_look(index, program, |_| {}).0
    }

    /// Runs a program, and hashes everything that its run left behind: the same number means the same run, for all that matters. None where it
    /// could not run.
    pub(crate) fn traced(&mut self, index: u64, program: &Program) -> (Shown, Option<u64>) {
        self.run_and_look(index, program, |rig| Some(trace(rig)))
    }

    fn run_and_look<T: Default>(&mut self, index: u64, program: &Program, look: impl FnOnce(&Rig) -> T) -> (Shown, T) {
        let oracles = self.ablation.oracles();
        let make = || match oracles {
            Oracles::Outputs => self.pool.contents_rig_of_base(program.machine),
            Oracles::All | Oracles::NoTrapPrediction | Oracles::Engines => self.pool.rig_of_base(program.machine),
        };
        let rig = match self.rigs.entry(program.machine) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => match make() {
                Ok(rig) => new.insert(rig),
                Err(_) => return (Shown::Unknown, T::default()),
            },
        };
        let verdict = rig.trial_by(program, oracles);
        let looked = look(rig);
        let shown = match verdict {
            Verdict::Violation(v) => Shown::violation(&v, false, oracles),
            Verdict::Inconclusive(_) | Verdict::Untrusted(_) => Shown::Unknown,
            Verdict::AllowedTrap(_) => Shown::Nothing,
            Verdict::Pass if self.ablation.has_variants() => self.bench_variants(index, program),
            Verdict::Pass => Shown::Nothing,
        };
        if self.rigs.get(&program.machine).is_some_and(Rig::is_bulky) {
            self.rigs.remove(&program.machine);
        }
        (shown, looked)
    }

    /// Runs the variants that a campaign has for a program that has just passed.
    fn bench_variants(&mut self, index: u64, program: &Program) -> Shown {
        let Some(rig) = self.rigs.get_mut(&program.machine) else { return Shown::Unknown };
        let description = &rig.prepared().runtime.description;
        let Ok(mut variants) = Selection::Share.variants(self.seed, index, rig.model()) else {
            return Shown::Unknown;
        };
        // Another build has no edit: that it differs says nothing that the model does not.
        variants.retain(|variant| has_edit(variant, description.edit.as_ref()));
        if variants.is_empty() {
            return Shown::Nothing;
        }
        match self.bench.compare(rig, program, &variants, &mut Tally::default()) {
            Ok(Some((_, Pair::Broken(v)))) => Shown::violation(&v, true, self.ablation.oracles()),
            Ok(Some((_, Pair::Untrusted(_)))) | Err(_) => Shown::Unknown,
            Ok(None | Some((_, Pair::Same | Pair::NotCompared(_)))) => Shown::Nothing,
        }
    }
}

/// Whether a variant runs on a collector with this edit, or on one without, as it is.
fn has_edit(variant: &Variant, edit: Option<&Edit>) -> bool {
    variant.on.as_ref().is_none_or(|on| on.edit.as_ref() == edit)
}

/// A hash of what a rig's last run left behind on its first engine.
fn trace(rig: &Rig) -> u64 {
    let outcome = rig.outcome(0);
    let mut hasher = DefaultHasher::new();
    outcome.end.hash(&mut hasher);
    outcome.step.hash(&mut hasher);
    outcome.log.hash(&mut hasher);
    outcome.pages.hash(&mut hasher);
    outcome.globals.hash(&mut hasher);
    outcome.releases.hash(&mut hasher);
    rig.memory(0).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metamorphic::parse_variant;
    use crate::runtime::parse_spec;

    /// A difference from what has no edit is none that the model sees.
    #[test]
    fn an_edit_is_compared_with_itself_only() {
        let edit = parse_spec("fixed?fault=scan-stride-8").unwrap().edit;
        for (variant, with, without) in [
            ("collections=all", true, true),
            ("on=fixed?data_end=5,fault=scan-stride-8", true, false),
            ("on=fixed?fault=round-to-4", false, false),
            ("on=fixed?data_end=5 poison", false, true),
        ] {
            let variant = parse_variant(variant).unwrap();
            assert_eq!((has_edit(&variant, edit.as_ref()), has_edit(&variant, None)), (with, without), "{variant}");
        }
    }
}
