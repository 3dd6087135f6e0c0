//! Reduction: the smallest program that still breaks the same promise, and the one rule that explains it.

mod cause;
mod machine;
mod simplify;

pub(crate) use cause::cause_by;
pub use cause::{Cause, cause_of};
pub use machine::reduce_machine;

use crate::trial::{Bucket, Replay, Rig};
use heapsmith_generators::{Op, Program};
use std::sync::atomic::{AtomicBool, Ordering};

/// Work (in the model's units, over all trials) that one reduction may spend: deterministic, unlike seconds.
const WORK_LIMIT: u64 = 60_000_000;
/// The same once somebody waits for its end: a case of ordinary size is reduced within it, a large one by its largest parts.
const WORK_LIMIT_HURRIED: u64 = 3_000_000;

/// A reduced case.
#[derive(Debug, Clone)]
pub struct Reduced {
    /// The program.
    pub program: Program,
    /// Its replay: the verdict, the bucket.
    pub replay: Replay,
    /// Programs tried.
    pub trials: u32,
}

/// What says whether a smaller program still shows the same.
pub trait Oracle {
    /// Replays a program.
    fn replay(&mut self, program: &Program) -> Replay;
    /// Work of the plan of the last replay, in the model's units.
    fn work(&self) -> u64;
}

impl Oracle for Rig {
    fn replay(&mut self, program: &Program) -> Replay {
        Self::replay(self, program)
    }

    fn work(&self) -> u64 {
        self.model().plan().work
    }
}

/// Reduces a program whose replay gave `first`, staying in its bucket.
///
/// Ops are dropped in runs of halving length until no single one can go; then each op is replaced by simpler ones (numbers jump to
/// small values and are bisected), until nothing changes. Once `hurry` is set it ends soon, with what it has by then.
pub fn reduce(oracle: &mut dyn Oracle, program: &Program, first: Replay, hurry: &AtomicBool) -> Reduced {
    let Some(bucket) = first.bucket.clone() else {
        return Reduced { program: program.clone(), replay: first, trials: 0 };
    };
    let mut r = Reducer { oracle, hurry, bucket, best: program.clone(), replay: first, trials: 0, work: 0 };
    r.truncate();
    loop {
        let before = r.best.clone();
        r.drop_ops();
        r.simplify_ops();
        if r.best == before || r.spent() {
            break;
        }
    }
    Reduced { program: r.best, replay: r.replay, trials: r.trials }
}

struct Reducer<'a> {
    oracle: &'a mut dyn Oracle,
    hurry: &'a AtomicBool,
    bucket: Bucket,
    best: Program,
    replay: Replay,
    trials: u32,
    work: u64,
}

impl Reducer<'_> {
    fn spent(&self) -> bool {
        let limit = if self.hurry.load(Ordering::Relaxed) { WORK_LIMIT_HURRIED } else { WORK_LIMIT };
        self.work > limit
    }

    /// Keeps a candidate if it breaks the same promise in the same phase.
    fn accept(&mut self, ops: Vec<Op>) -> bool {
        if self.spent() {
            return false;
        }
        let candidate = Program { machine: self.best.machine, ops };
        self.trials += 1;
        let replay = self.oracle.replay(&candidate);
        self.work += 10_000 + self.oracle.work();
        let stays =
            replay.bucket.as_ref().is_some_and(|b| b.same(&self.bucket)) && replay.variant() == self.replay.variant();
        if stays {
            (self.best, self.replay) = (candidate, replay);
        }
        stays
    }

    /// Nothing after the broken step matters.
    fn truncate(&mut self) {
        if let crate::judge::Verdict::Violation(v) = &self.replay.verdict {
            let end = (v.step as usize + 1).min(self.best.ops.len());
            self.accept(self.best.ops[..end].to_vec());
        }
    }

    fn drop_ops(&mut self) {
        let mut run = (self.best.ops.len() / 2).max(1);
        loop {
            let mut end = self.best.ops.len();
            while end > 0 {
                let start = end.saturating_sub(run);
                let mut ops = self.best.ops.clone();
                ops.drain(start..end);
                self.accept(ops);
                end = start.min(self.best.ops.len());
            }
            if run == 1 {
                return;
            }
            run /= 2;
        }
    }

    fn simplify_ops(&mut self) {
        for i in (0..self.best.ops.len()).rev() {
            let mut tried = 0;
            while let Some(op) = self.best.ops.get(i).and_then(|op| simplify::simpler(op).into_iter().nth(tried)) {
                let mut ops = self.best.ops.clone();
                ops[i] = op;
                // A simpler op has fewer simpler ones: after a success begin again with its own.
                tried = if self.accept(ops) { 0 } else { tried + 1 };
                if self.spent() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{self, Kind, Phase, Verdict};

    /// Programs of more than `least` ops break a promise, and each costs as much as a campaign's largest.
    struct Dear {
        least: usize,
    }

    impl Oracle for Dear {
        fn replay(&mut self, program: &Program) -> Replay {
            let bucket = Bucket { kind: Kind::Hang, op: "collect", phase: Phase::Unknown, boundary: None };
            let shows = program.ops.len() > self.least;
            let verdict = if shows { Verdict::Violation(Box::new(judge::hang(u32::MAX))) } else { Verdict::Pass };
            let bucket = shows.then_some(bucket);
            Replay {
                verdict,
                collections: 0,
                backtrace: Vec::new(),
                bucket,
                steps: 0,
                noops: Vec::new(),
                unjudged: None,
            }
        }

        fn work(&self) -> u64 {
            1_000_000
        }
    }

    #[test]
    fn who_is_in_a_hurry_gets_less_and_soon() {
        let program = Program { ops: vec![Op::Collect; 64], ..Program::default() };
        let reduced = |hurry| {
            let mut oracle = Dear { least: 3 };
            let first = oracle.replay(&program);
            let reduced = reduce(&mut oracle, &program, first, &AtomicBool::new(hurry));
            (reduced.program.ops.len(), reduced.trials)
        };
        let ((patient, many), (hurried, few)) = (reduced(false), reduced(true));
        assert_eq!(patient, 4);
        assert!(hurried > patient && hurried < 64, "{hurried}");
        assert!(few <= 4 && many > few, "{many} and {few} trials");
    }
}
