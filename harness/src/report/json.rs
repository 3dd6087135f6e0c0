//! The account of a case as JSON. Fields are added, never renamed; [`SCHEMA_VERSION`] counts changes of meaning.
//!
//! ```json
//! { "schema": 1, "verdict": "violation", "runtime": "vera@0.0.131", "engines": ["wasmtime", "wasmi"], "steps": 3, "collections": 1, "noops": [],
//!   "violation": { "kind": "corrupt-payload", "promise": "...", "step": 2, "op": "collect", "phase": "collect", "bucket": "...",
//!                  "boundary": null, "variant": "collections=all", "expected": "...", "found": "...", "object": { "path": "r0", "address": 0, "size": 24 },
//!                  "words": [{ "address": 0, "expected": 0, "found": 1 }], "backtrace": [] },
//!   "cause": { "rule": "candidate-test", "text": "..." }, "next": "heapsmith run ..." }
//! ```
//! A violation of kind `engine-divergence` also has who sides with whom; a voice is an engine or `emulator`, and `odd_one_out` is empty where
//! nobody can decide:
//!
//! ```json
//! { "adjudication": { "odd_one_out": ["wasmi"], "groups": [["wasmtime", "winch"], ["wasmi"]], "adjudicators": ["winch"],
//!                     "silent": [{ "engine": "winch", "why": "..." }] } }
//! ```
//! `adjudicators` were asked only because the engines of the run could not decide; those of `silent` were asked and could not say.
//!
//! Where a host handle is concerned, a violation has `"released": { "step": 3, "kind": 1, "handle": 2147483649 }`.
//! `variant` is there where the promise is broken in a variant of the program only.
//! `not_judged` is there where nothing was judged of the variant that was asked for: why, as a name of
//! [`NotCompared`](crate::metamorphic::NotCompared::name).
//! `verdict` is `pass`, `not-judged` (the program by itself passed, and `not_judged` is there), `allowed-trap` (then `rule` is there), `violation` (then `violation` is), `inconclusive` (`reason`) or `untrusted` (`reason`).

use super::Account;
use crate::judge::{Adjudication, Allowance, BrokenWord, Subject, Verdict};
use crate::metamorphic::NotCompared;
use crate::outcome::Release;
use crate::reduce::Cause;
use serde::Serialize;

/// Version of the schema.
pub const SCHEMA_VERSION: u32 = 1;

/// See the module's documentation.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the module's documentation describes every field")]
pub struct AccountJson {
    pub schema: u32,
    pub verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub runtime: String,
    pub engines: Vec<&'static str>,
    pub steps: u32,
    pub collections: u32,
    pub noops: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<ViolationJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    pub next: String,
}

/// A broken promise; see the module's documentation.
#[derive(Debug, Clone, Serialize)]
pub struct ViolationJson {
    pub kind: &'static str,
    pub promise: &'static str,
    pub step: u32,
    pub op: String,
    pub phase: &'static str,
    pub bucket: String,
    pub boundary: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    pub expected: String,
    pub found: String,
    pub object: Option<Subject>,
    pub words: Vec<BrokenWord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
    pub backtrace: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjudication: Option<Adjudication>,
}

impl From<&Account<'_>> for AccountJson {
    fn from(a: &Account<'_>) -> Self {
        let (mut rule, mut reason, mut violation) = (None, None, None);
        let verdict = match &a.replay.verdict {
            Verdict::Pass if a.replay.unjudged.is_some() => "not-judged",
            Verdict::Pass => "pass",
            Verdict::AllowedTrap(allowance) => {
                rule = Some(match allowance {
                    Allowance::Must(rule) => rule.name(),
                    Allowance::May => "false-candidate",
                });
                "allowed-trap"
            }
            Verdict::Violation(v) => {
                violation = Some(ViolationJson {
                    kind: v.kind.name(),
                    promise: v.kind.promise(),
                    step: v.step,
                    op: a.program.ops.get(v.step as usize).map_or_else(|| "end".to_owned(), ToString::to_string),
                    phase: v.phase.name(),
                    bucket: a.replay.bucket.as_ref().map(ToString::to_string).unwrap_or_default(),
                    boundary: a.replay.bucket.as_ref().and_then(|b| b.boundary),
                    variant: v.variant.clone(),
                    expected: v.expected.clone(),
                    found: v.found.clone(),
                    object: v.object.clone(),
                    words: v.words.clone(),
                    released: v.released,
                    backtrace: a.replay.backtrace.clone(),
                    adjudication: v.adjudication.clone(),
                });
                "violation"
            }
            Verdict::Inconclusive(why) => {
                reason = Some(why.name().to_owned());
                "inconclusive"
            }
            Verdict::Untrusted(d) => {
                reason = Some(format!("{}: engines {}, emulator {}", d.what, d.engines, d.emulator));
                "untrusted"
            }
        };
        Self {
            schema: SCHEMA_VERSION,
            verdict,
            not_judged: a.replay.unjudged.map(NotCompared::name),
            rule,
            reason,
            runtime: a.runtime.to_owned(),
            engines: a.engines.to_vec(),
            steps: a.replay.steps,
            collections: a.replay.collections,
            noops: a.replay.noops.clone(),
            violation,
            cause: a.cause,
            next: a.next.to_owned(),
        }
    }
}
