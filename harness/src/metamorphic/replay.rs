//! Replays of one variant: what reduction, `heapsmith run` and the search for a cause rest on.

use super::bench::{Base, NotCompared, Pair, run};
use super::freeze::Frozen;
use super::pool::{Key, Pool, PoolError, Source};
use super::rounds::{self, Repeated};
use super::variant::{Rounds, Variant};
use crate::engine::Engine;
use crate::judge::{Inconclusive, Kind, Phase, Verdict, Violation};
use crate::reduce::{Cause, Oracle};
use crate::report::{finding_script, rounds_script};
use crate::runtime::corrections;
use crate::trial::{Bucket, Replay, Rig};
use heapsmith_generators::Program;

/// Runs a program and one variant of it, again and again.
#[derive(Debug)]
pub struct Replayer<'p> {
    pool: &'p Pool<'p>,
    variant: Variant,
    base: Option<Rig>,
    /// The variant's rig; none: it is the base rig.
    other: Option<(Key, Rig)>,
    /// The variant's program and its verdict, if the last replay came to it and it broke a promise.
    last: Option<(Frozen, Verdict)>,
    /// What was done again and again in the last replay, if that broke a promise.
    repeated: Option<Repeated>,
    /// What the last replay ran last, and whether as the variant.
    ran: Option<(Program, bool)>,
    work: u64,
}

impl<'p> Replayer<'p> {
    /// Nothing replayed yet.
    #[must_use]
    pub const fn new(pool: &'p Pool<'p>, variant: Variant) -> Self {
        Self { pool, variant, base: None, other: None, last: None, repeated: None, ran: None, work: 0 }
    }

    /// The variant.
    #[must_use]
    pub const fn variant(&self) -> &Variant {
        &self.variant
    }

    /// Replays a program and its variant. A program that breaks a promise by itself has the verdict of its own replay.
    ///
    /// # Errors
    /// A variant that cannot be made.
    pub fn try_replay(&mut self, program: &Program) -> Result<Replay, PoolError> {
        self.last = None;
        self.repeated = None;
        let mut rig = match self.base.take() {
            Some(rig)
                if rig.prepared().runtime.description
                    == self.pool.source().describe_base(&self.variant, program.machine)? =>
            {
                rig
            }
            Some(_) | None => {
                self.other = None;
                self.pool.rig_beside(&self.variant, program.machine)?
            }
        };
        let replay = self.replay_on(&mut rig, program);
        self.base = Some(rig);
        replay
    }

    fn replay_on(&mut self, rig: &mut Rig, program: &Program) -> Result<Replay, PoolError> {
        let verdict = rig.trial(program);
        self.work = rig.model().plan().work;
        self.ran = Some((program.clone(), false));
        if verdict != Verdict::Pass {
            let mut replay = rig.replay(program);
            replay.unjudged = match replay.verdict {
                Verdict::AllowedTrap(_) => Some(NotCompared::ResourceTrap),
                Verdict::Pass | Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
            };
            // With other objects than the runtime makes by itself, it takes the variant to show it.
            if let (Verdict::Violation(v), true) =
                (&mut replay.verdict, self.pool.source().has_common_objects(&self.variant))
            {
                v.variant = Some(self.variant.to_string());
            }
            return Ok(replay);
        }
        let base = Base::of(rig);
        let mut replay = rig.replay(program);
        if let Some(rounds) = self.variant.rounds {
            return self.replay_rounds(rig, program, &base, rounds, replay);
        }
        let frozen = base.frozen(program, &self.variant);
        self.make_other(program)?;
        let own = self.runs_on_base();
        let other = match &mut self.other {
            Some((_, other)) if !own => other,
            Some(_) | None => rig,
        };
        self.ran = Some((frozen.program.clone(), true));
        let pair = run(other, &base, &frozen, &self.variant, self.pool)?;
        self.work += other.model().plan().work;
        match pair {
            Pair::Same => replay.verdict = Verdict::Pass,
            // An allowed trap, or nothing to say: the variant's own verdict.
            Pair::NotCompared(why) => {
                replay.verdict = other.trial(&frozen.program);
                replay.unjudged = Some(why);
            }
            Pair::Untrusted(d) => replay.verdict = Verdict::Untrusted(d),
            Pair::Broken(v) => {
                let theirs = other.replay(&frozen.program);
                replay = broken(program, *v, &theirs, &frozen, replay);
                self.last = Some((frozen, theirs.verdict));
            }
        }
        Ok(replay)
    }

    /// Whether the variant runs on the base rig.
    const fn runs_on_base(&self) -> bool {
        self.variant.on.is_none() && !self.variant.poison
    }

    /// Makes the variant's own rig, if it has one.
    fn make_other(&mut self, program: &Program) -> Result<(), PoolError> {
        // Another runtime may follow the program's machine where this one is pinned: its rig may be stale though this one's is not.
        let key = self.pool.key(&self.variant, program.machine)?;
        if !self.runs_on_base() && self.other.as_ref().is_none_or(|(made_for, _)| *made_for != key) {
            self.other = Some((key, self.pool.rig(&self.variant, program.machine)?));
        }
        Ok(())
    }

    /// The replay of a variant in which a program's work is done again and again; `replay` is that of the program by itself.
    fn replay_rounds(
        &mut self,
        rig: &mut Rig,
        program: &Program,
        base: &Base,
        rounds: Rounds,
        mut replay: Replay,
    ) -> Result<Replay, PoolError> {
        self.make_other(program)?;
        let own = self.runs_on_base();
        let other = match &mut self.other {
            Some((_, other)) if !own => other,
            Some(_) | None => rig,
        };
        let (pair, repeated) = rounds::run(other, base, program, (&self.variant, rounds), self.pool)?;
        if let Some(repeated) = &repeated {
            self.work += repeated.work;
            self.ran = Some((repeated.program.clone(), true));
        }
        match (pair, repeated) {
            (Pair::Same, _) => {}
            (Pair::NotCompared(why), repeated) => {
                if let Some(repeated) = repeated {
                    replay.verdict = other.trial(&repeated.program);
                }
                replay.unjudged = Some(why);
            }
            (Pair::Untrusted(d), _) => replay.verdict = Verdict::Untrusted(d),
            (Pair::Broken(v), Some(repeated)) if repeated.course.rounds() == 0 => {
                let theirs = other.replay(&repeated.program);
                let frozen = Frozen::from(repeated.program);
                replay = broken(program, *v, &theirs, &frozen, replay);
                self.last = Some((frozen, theirs.verdict));
            }
            (Pair::Broken(mut v), repeated) => {
                v.phase = Phase::Collect;
                replay.bucket = Some(Bucket { kind: v.kind, op: "end", phase: v.phase, boundary: None });
                replay.verdict = Verdict::Violation(v);
                self.repeated = repeated;
            }
        }
        Ok(replay)
    }

    /// How often the work of the program was done in the last replay, if it was done again and again and that broke a promise.
    #[must_use]
    pub fn rounds(&self) -> Option<u32> {
        let course = &self.repeated.as_ref()?.course;
        Some(course.rounds() + u32::from(course.end.is_some()))
    }

    fn other(&mut self) -> Option<&mut Rig> {
        let own = self.runs_on_base();
        if own { self.base.as_mut() } else { self.other.as_mut().map(|(_, rig)| rig) }
    }

    /// The program that the variant ran in the last replay, on a machine with every parameter said, if it broke a promise. Of what was done again and
    /// again: the work of a round, once, without the collection after it.
    #[must_use]
    pub fn variant_program(&mut self) -> Option<Program> {
        let machine = self.other()?.prepared().runtime.description.machine();
        let ops = match (&self.repeated, &self.last) {
            (Some(repeated), _) => &repeated.once.ops,
            (None, Some((frozen, _))) => &frozen.program.ops,
            (None, None) => return None,
        };
        Some(Program { machine, ops: ops.clone() })
    }

    /// The script of the variant of the last replay, which fails as long as the variant breaks its promise.
    #[must_use]
    pub fn script(&mut self) -> Option<String> {
        if let Some(repeated) = self.repeated.clone() {
            let rig = self.other()?;
            rig.work(&repeated.program);
            return Some(rounds_script(rig, repeated.first, &repeated.course));
        }
        let (frozen, verdict) = self.last.clone()?;
        let rig = self.other()?;
        rig.replay(&frozen.program);
        Some(finding_script(rig, &verdict, ""))
    }

    /// Whether what the last replay ran last, the variant if it came to that, does the same in the standalone lowering: what differs,
    /// if anything.
    ///
    /// # Errors
    /// When an engine refuses the program.
    pub fn disagreement(&mut self) -> Result<Option<String>, PoolError> {
        let engines = self.pool.engines();
        let Some((program, in_variant)) = self.ran.clone() else { return Ok(None) };
        let Some(rig) = (if in_variant { self.other() } else { self.base.as_mut() }) else { return Ok(None) };
        rig.trial(&program);
        for (i, engine) in engines.iter().enumerate() {
            if !rig.standalone_agrees(i, engine.as_ref())? {
                return Ok(Some(format!("the two lowerings disagree on {}", engine.name())));
            }
        }
        Ok(None)
    }
}

impl Oracle for Replayer<'_> {
    fn replay(&mut self, program: &Program) -> Replay {
        self.try_replay(program).unwrap_or_else(|_| Replay {
            verdict: Verdict::Inconclusive(Inconclusive::EngineFailed),
            collections: 0,
            backtrace: Vec::new(),
            bucket: None,
            steps: 0,
            noops: Vec::new(),
            unjudged: None,
        })
    }

    fn work(&self) -> u64 {
        self.work
    }
}

/// The replay of a broken pair: the comparison says what differs, the variant's own replay where and how it came to be.
fn broken(program: &Program, mut v: Violation, theirs: &Replay, frozen: &Frozen, own: Replay) -> Replay {
    let mut boundary = None;
    if let Verdict::Violation(t) = &theirs.verdict {
        v.step = frozen.original(t.step);
        v.phase = t.phase;
        (v.object, v.words, v.shared) = (t.object.clone(), t.words.clone(), t.shared);
        boundary = theirs.bucket.as_ref().and_then(|b| b.boundary);
        if v.kind == Kind::ScheduleDependence {
            v.found = format!(
                "{}; there the model finds {}: {} and not {}",
                v.found,
                t.kind.full_name(),
                t.found,
                t.expected
            );
        } else {
            let variant = v.variant.take();
            v = Violation { variant, step: v.step, ..(**t).clone() };
        }
    }
    // A collection that was inserted counts as the op after it; after the last op there is none.
    v.step = v.step.min((program.ops.len() as u32).saturating_sub(1));
    let op = program.ops.get(v.step as usize).map_or("end", |op| op.tag());
    let bucket = Bucket { kind: v.kind, op, phase: v.phase, boundary };
    Replay {
        verdict: Verdict::Violation(Box::new(v)),
        collections: theirs.collections,
        backtrace: theirs.backtrace.clone(),
        bucket: Some(bucket),
        ..own
    }
}

/// The rule whose correct form alone makes a variant's run the same as its base run, while both keep every promise; where none does, the
/// rule that explains what the variant's program shows by itself, if the variant is one that has a program of its own.
///
/// # Errors
/// When a corrected runtime cannot be made.
pub fn cause_of(
    source: &Source,
    engines: &[Box<dyn Engine>],
    program: &Program,
    variant: &Variant,
) -> Result<Option<Cause>, PoolError> {
    let description = source.describe(&Variant::default(), program.machine)?;
    for c in description.rules.iter().flat_map(corrections) {
        let corrected = Source { rules: Some(c.corrected), ..source.clone() };
        let pool = Pool::new(corrected, engines);
        if Replayer::new(&pool, variant.clone()).try_replay(program)?.verdict == Verdict::Pass {
            return Ok(Some(Cause { rule: c.rule, text: c.cause }));
        }
    }
    if variant.poison || source.spec.edit.is_some() {
        return Ok(None);
    }
    let pool = Pool::new(source.clone(), engines);
    let mut replayer = Replayer::new(&pool, variant.clone());
    replayer.try_replay(program)?;
    let Some(program) = replayer.variant_program() else { return Ok(None) };
    let description = source.describe(variant, program.machine)?;
    Ok(crate::reduce::cause_of(&description, engines, &program)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::by_name;
    use crate::metamorphic::parse_variant;
    use crate::runtime::parse_spec;

    /// All of the base runtime is pinned, and nothing of the other one: it follows the machine of each program.
    #[test]
    fn another_runtime_is_made_anew_for_another_machine() {
        let engines = [by_name("wasmi").unwrap()];
        let pinned = parse_spec("vera@0.0.131?data_end=0,worklist=4,roots=8,pages=2..4").unwrap();
        let pool = Pool::new(Source::new(pinned), &engines);
        let mut replayer = Replayer::new(&pool, parse_variant("on=fixed").unwrap());
        for worklist in [5, 9] {
            let text = format!("heapsmith 1\nmachine worklist={worklist}\nalloc r0 size=8\ncollect\ncheck r0\n");
            let replay = replayer.try_replay(&heapsmith_generators::parse(&text).unwrap()).unwrap();
            assert_eq!(replay.verdict, Verdict::Pass);
            let (_, other) = replayer.other.as_ref().unwrap();
            assert_eq!(other.prepared().runtime.description.parameters.worklist, worklist);
        }
    }
}
