//! The full account of one replayed case, for a person.

use crate::judge::{Allowance, Inconclusive, Kind, Verdict, Violation};
use crate::model::TrapRule;
use crate::reduce::Cause;
use crate::trial::Replay;
use heapsmith_generators::Program;
use std::fmt::Write;

/// Everything that can be said of one case on one runtime.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    /// The runtime, as it can be given to `--runtime`.
    pub runtime: &'a str,
    /// The program.
    pub program: &'a Program,
    /// Its replay.
    pub replay: &'a Replay,
    /// Engines that ran it.
    pub engines: &'a [&'static str],
    /// The rule whose correct form removes the violation.
    pub cause: Option<Cause>,
    /// The command that shows it again.
    pub next: &'a str,
}

/// Words of a violation that are listed.
const LISTED_WORDS: usize = 4;

impl Account<'_> {
    /// The verdict in a few words.
    #[must_use]
    pub fn headline(&self) -> String {
        match &self.replay.verdict {
            Verdict::Pass if self.replay.unjudged.is_some() => {
                "not judged: nothing can be said of the variant".to_owned()
            }
            Verdict::Pass => "pass: every promise was kept to the end".to_owned(),
            Verdict::AllowedTrap(Allowance::Must(rule)) => {
                format!("allowed trap: `unreachable`, because {}", demanded(*rule))
            }
            Verdict::AllowedTrap(Allowance::May) => {
                "allowed trap: `unreachable`, at a limit that memory shows, where nobody can tell what is kept"
                    .to_owned()
            }
            Verdict::Violation(v) => format!("violation: {}", v.kind.full_name()),
            Verdict::Inconclusive(reason) => format!("inconclusive: {}", inconclusive(*reason)),
            Verdict::Untrusted(d) => format!("untrusted: the emulator disagrees with the engines about {}", d.what),
        }
    }

    /// All of it, line by line.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_with(&[])
    }

    /// [`Self::text`] with more lines, each a label and a text, before the next command.
    #[must_use]
    pub fn text_with(&self, more: &[(&str, String)]) -> String {
        let mut t = String::new();
        let mut line = |label: &str, text: &str| {
            if label.is_empty() {
                let _ = writeln!(t, "{text}");
            } else {
                let _ = writeln!(t, "  {:<12} {text}", format!("{label}:"));
            }
        };
        line("", &self.headline());
        line("runtime", self.runtime);
        line("engines", &self.engines.join(", "));
        match &self.replay.verdict {
            Verdict::Violation(v) => self.violation(v, &mut line),
            Verdict::Untrusted(d) => {
                line("engines", &d.engines);
                line("emulator", &d.emulator);
            }
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) => {
                line("steps", &self.replay.steps.to_string());
                line("collections", &self.replay.collections.to_string());
            }
        }
        if let Some(why) = self.replay.unjudged {
            line("not judged", &format!("{} ({})", why.text(), why.name()));
        }
        if let Some(first) = self.replay.noops.first() {
            let n = self.replay.noops.len();
            line("no-ops", &format!("{n} of {}, the first is {}", self.replay.steps, self.op(*first)));
        }
        if self.trapped() {
            line("backtrace", &self.backtrace());
        }
        for (label, text) in more {
            line(label, text);
        }
        line("next", self.next);
        t
    }

    fn violation(&self, v: &Violation, line: &mut impl FnMut(&str, &str)) {
        line("promise", v.kind.promise());
        if let Some(variant) = &v.variant {
            line("variant", variant);
        }
        line("at op", &self.op(v.step));
        line("collection", &self.replay.collections.to_string());
        line("expected", &v.expected);
        line("found", &v.found);
        if let Some(a) = &v.adjudication {
            line("odd one out", if a.odd.is_empty() { "nobody can say".to_owned() } else { a.odd.join(", ") }.as_str());
            line("sides", &a.sides());
            if !a.adjudicators.is_empty() {
                line("asked", &a.adjudicators.join(", "));
            }
            for silent in &a.silent {
                line("silent", &format!("{}: {}", silent.engine, silent.why));
            }
        }
        if let Some(o) = &v.object {
            line("object", &format!("{} ({} bytes at address {})", o.path, o.size, o.address));
        }
        if let Some(r) = v.released {
            line("handle", &format!("{:#x} of kind {}", r.handle, r.kind));
        }
        for w in v.words.iter().take(LISTED_WORDS) {
            line("word", &format!("at {}: expected {:#010x}, found {:#010x}", w.address, w.expected, w.found));
        }
        if let Some(bucket) = &self.replay.bucket {
            line("bucket", &bucket.to_string());
            if let Some(past) = bucket.boundary {
                let side = if past < 0 { "before" } else { "past" };
                line("boundary", &format!("the heap ends {} bytes {side} a page boundary", past.abs()));
            }
        }
        if let Some(cause) = self.cause {
            line("cause", &format!("{} ({})", cause.text, cause.rule));
        }
    }

    /// Whether the replay ended in a trap, as far as the verdict tells.
    fn trapped(&self) -> bool {
        let by_verdict = match &self.replay.verdict {
            Verdict::AllowedTrap(_) => true,
            Verdict::Violation(v) => matches!(v.kind, Kind::OutOfBounds | Kind::UnexpectedTrap(_)),
            Verdict::Pass | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => false,
        };
        by_verdict || !self.replay.backtrace.is_empty()
    }

    /// The functions on the stack of the trap; of the engines only wasmtime and its tiers keep them.
    fn backtrace(&self) -> String {
        if self.replay.backtrace.is_empty() {
            return "none: only wasmtime, winch and pulley keep one".to_owned();
        }
        format!("{} (only wasmtime, winch and pulley keep one)", self.replay.backtrace.join(" < "))
    }

    /// An op by number (from 1, as a person counts the lines of ops) and text.
    fn op(&self, step: u32) -> String {
        let ops = self.program.ops.len();
        match self.program.ops.get(step as usize) {
            Some(op) => format!("{} of {ops}: `{op}`", step + 1),
            None => format!("the end, after {ops} ops"),
        }
    }
}

/// Why a trap is demanded.
fn demanded(rule: TrapRule) -> &'static str {
    match rule {
        TrapRule::WorklistFull => "the mark worklist is full",
        TrapRule::RootStackFull => "the root stack is full",
        TrapRule::MemoryLimit => "memory may not grow any further",
        TrapRule::SizeLimit => "the size is beyond the collector's limit",
        TrapRule::AddressLimit => "the block would end beyond the collector's address limit",
        TrapRule::WrapTableFull => "the wrap table is full of live wrappers",
    }
}

/// What an inconclusive verdict means.
fn inconclusive(reason: Inconclusive) -> &'static str {
    match reason {
        Inconclusive::FuelOnOneEngine => "one engine ran out of fuel and another one did not",
        Inconclusive::EngineKilled => "an engine without fuel was killed because its time was over",
        Inconclusive::EngineFailed => "an engine failed for a reason of its own",
        Inconclusive::TooMuchWork => "the program asks for minutes of work; make its counts or sizes smaller",
    }
}
