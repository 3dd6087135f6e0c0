//! A replay: the same trial with checks after every step, so that the first broken promise is named.

use super::Rig;
use super::alone::Alone;
use crate::engine::session::Resident;
use crate::judge::{Kind, Phase, Verdict, Violation};
use crate::metamorphic::NotCompared;
use crate::outcome::{End, Outcome};
use crate::plan::Step;
use crate::runtime::description::{PAGE, Role};
use heapsmith_generators::Program;
use std::fmt;
use std::sync::Arc;

/// What a replay says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The verdict; a violation is the first one.
    pub verdict: Verdict,
    /// Collections done when it was given.
    pub collections: u32,
    /// Wasm functions on the stack of a trap, innermost first, as far as an engine knows them.
    pub backtrace: Vec<String>,
    /// The bucket of a violation.
    pub bucket: Option<Bucket>,
    /// Steps of the plan.
    pub steps: u32,
    /// Ops that had no effect, from 0: nothing fitted their operands.
    pub noops: Vec<u32>,
    /// Why nothing was judged of the variant that was replayed, if that is so; the verdict is what was seen on the way.
    pub unjudged: Option<NotCompared>,
}

impl Replay {
    /// The variant in whose run a violation was seen, if it was not in the program's own.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Violation(v) => v.variant.as_deref(),
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
        }
    }
}

/// What findings are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// Which promise was broken.
    pub kind: Kind,
    /// Tag of the op.
    pub op: &'static str,
    /// Where the collector stood.
    pub phase: Phase,
    /// How the step lies to a page boundary: the distance of the heap's end, if within 16 bytes.
    pub boundary: Option<i32>,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.kind.name(), self.op, self.phase.name())
    }
}

impl Bucket {
    /// Whether another violation is the same one as far as reduction is concerned.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (self.kind, self.phase) == (other.kind, other.phase)
    }
}

impl Rig {
    /// Runs a program step by step on every engine, judging after each step.
    pub fn replay(&mut self, program: &Program) -> Replay {
        let _turn = self.turn();
        self.reached.forget();
        let verdict = self.replay_steps(program);
        let collections = self.global(Role::Collections);
        let backtrace = match self.outcomes[0].end {
            End::Trapped(_) => self.residents.iter().map(Resident::backtrace).find(|b| !b.is_empty()),
            End::Finished | End::OutOfFuel => None,
        };
        let backtrace = backtrace.unwrap_or_default().to_vec();
        let bucket = match &verdict {
            Verdict::Violation(v) => Some(self.bucket(program, v)),
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
        };
        let steps = &self.model.plan().steps;
        let noops = (0..).zip(steps).filter(|(_, step)| **step == Step::Nop).map(|(i, _)| i).collect();
        Replay { verdict, collections, backtrace, bucket, steps: steps.len() as u32, noops, unjudged: None }
    }

    fn replay_steps(&mut self, program: &Program) -> Verdict {
        use crate::judge::Inconclusive::{EngineFailed, TooMuchWork};
        self.model.plan_program(program);
        if self.model.expectation().too_much_work {
            return Verdict::Inconclusive(TooMuchWork);
        }
        self.tape.encode(self.model.plan());
        let fuel = super::retry_fuel(&self.model, self.residents[0].heap().len());
        let steps = self.model.plan().steps.len();
        let image = self.model.image().map(Arc::as_ref);
        for resident in &mut self.residents {
            if super::begin(resident, &self.tape, image).is_err() {
                return Verdict::Inconclusive(EngineFailed);
            }
        }
        super::begin_emulator(self.emulator.as_mut(), image);
        self.alone.iter_mut().for_each(Alone::forget);
        self.model.reset();
        let mut before = Outcome::default();
        if let Some(resident) = self.residents.first() {
            resident.read_outcome(End::Finished, &mut before);
        }
        for (i, op) in program.ops.iter().take(steps).enumerate() {
            let goes_on = self.model.step(op);
            for (resident, outcome) in self.residents.iter_mut().zip(&mut self.outcomes) {
                match resident.advance(i as u32 + 1, fuel) {
                    Ok(end) => resident.read_outcome(end, outcome),
                    Err(_) => return Verdict::Inconclusive(EngineFailed),
                }
            }
            if i + 1 == steps || self.outcomes.iter().any(|outcome| outcome.end != End::Finished) {
                self.hear();
            }
            let verdict = self.verdict(program, i as u32 + 1);
            match self.unless_it_gave_up(program, verdict) {
                Verdict::Pass if goes_on => {}
                Verdict::Violation(mut v) => {
                    v.phase = self.phase(&before);
                    return Verdict::Violation(v);
                }
                verdict @ (Verdict::Pass
                | Verdict::AllowedTrap(_)
                | Verdict::Inconclusive(_)
                | Verdict::Untrusted(_)) => return verdict,
            }
            before.clone_from(&self.outcomes[0]);
        }
        Verdict::Pass
    }

    /// Where the collector stood in the last step: from the trap's backtrace, else from what changed in its globals.
    fn phase(&self, before: &Outcome) -> Phase {
        let now = &self.outcomes[0];
        if let End::Trapped(_) = now.end
            && let Some(names) = self.residents.iter().map(Resident::backtrace).find(|b| !b.is_empty())
        {
            let on_stack = |name: &str| names.iter().any(|n| n.contains(name));
            return if on_stack("gc_") {
                Phase::Collect
            } else if on_stack("root_push") {
                Phase::RootPush
            } else if on_stack("register_wrapper") {
                Phase::Register
            } else if on_stack("alloc") || names.iter().any(|name| name == "new") {
                if now.pages == before.pages { Phase::Bump } else { Phase::Grow }
            } else if now.pages > before.pages {
                Phase::Grow
            } else {
                Phase::Mutator
            };
        }
        let d = self.model.description();
        let changed = |role| d.global(before, role).is_some_and(|b| d.global(now, role) != Some(b));
        if now.pages != before.pages {
            Phase::Grow
        } else if changed(Role::Collections) {
            Phase::Collect
        } else if changed(Role::FreeHead) {
            Phase::List
        } else if changed(Role::HeapEnd) {
            Phase::Bump
        } else if changed(Role::Wraps) {
            Phase::Register
        } else {
            Phase::Mutator
        }
    }

    /// What a global says after the last trial on the first engine; 0 where there is none.
    fn global(&self, role: Role) -> u32 {
        self.model.description().global(&self.outcomes[0], role).unwrap_or(0)
    }

    fn bucket(&self, program: &Program, v: &Violation) -> Bucket {
        let op = program.ops.get(v.step as usize).map_or("end", |op| op.tag());
        let end = self.model.description().global(&self.outcomes[0], Role::HeapEnd);
        let boundary = end.and_then(|end| {
            let (past, page) = ((end % PAGE).cast_signed(), PAGE.cast_signed());
            match past {
                0..=16 => Some(past),
                _ if page - past <= 16 => Some(past - page),
                _ => None,
            }
        });
        Bucket { kind: v.kind, op, phase: v.phase, boundary }
    }
}
