//! Violations that somebody knows of: told apart from what is new, as long as they are there and their time is not over.
//!
//! A list is a file in TOML, of tables `issue`:
//!
//! ```toml
//! [[issue]]
//! name = "vera #1382"                 # unique; what fails is named by it
//! link = "https://github.com/aallan/vera/issues/1382"          # optional
//! text = "a word that points into an object is taken for the start of one"      # one line
//! runtime = "vera@0.0.131"            # a runtime as `--runtime` reads it, without machine parameters; `*` is any text of the name, or of what is behind the `?`
//! on = "vera@0.0.131"                 # where the case shows it; needed where `runtime` has a `*`
//! modules = ["b5c414fe.."]            # optional: SHA-256 of the builds that show it, of a module with a manifest; needed there for the list to hold
//! bucket = "*.*.*"                    # KIND.OP.PHASE as a finding's bucket says it; `*` is any text
//! cause = "candidate-test"            # optional: the rule that is the cause
//! odd = "wasmi"                       # optional: of engines that disagree, the odd ones out
//! case = "regressions/mark-bit-in-payload.heapsmith"    # what shows it, relative to the list
//! variant = "collections=all"         # optional: the variant in which the case shows it
//! since = 2026-11-23
//! expiry = 2027-05-23                 # the last day on which it counts as known
//! ```
//!
//! A runtime with a manifest is told by the manifest's path, by the path's end, or by the manifest's name; where `modules` are named, another build of that
//! name is another runtime. A digest is that of the binary module, also where the manifest names a text. What parameters a machine has
//! makes no difference, a build, a fault and a mutant do.
//!
//! # Promises
//! - An issue without a cause and without engines needs a kind: nothing makes all of a runtime's violations known.
//! - Whether a violation is known depends on the list alone, never on a clock. The date counts in [`Checker::check`] only, where it is given.
//! - What a variant breaks on another runtime is that runtime's; a difference between two runtimes may be either's.

mod check;
mod date;
mod file;
#[cfg(test)]
mod tests;

pub use check::{Checked, Checker, Standing};
pub use date::{Date, DateError};
pub use file::KnownError;

use crate::judge::{Kind, Verdict, Violation};
use crate::metamorphic::Variant;
use crate::reduce::Cause;
use crate::runtime::Spec;
use crate::trial::Replay;
use heapsmith_generators::Machine;
use std::path::{Path, PathBuf};

/// The list that is built in: `corpus/known-issues.toml`.
const BUILT_IN: &str = include_str!("../../../corpus/known-issues.toml");

/// A violation that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// What it is called.
    pub name: String,
    /// Where to read more.
    pub link: Option<String>,
    /// What it is, in one line.
    pub text: String,
    /// Which runtimes show it: a text with `*`.
    pub runtime: String,
    /// The runtime that its case shows it on.
    pub on: String,
    /// SHA-256 of the modules that show it, in hexadecimal; empty for built-in runtimes.
    pub modules: Vec<String>,
    /// Kind, op and phase: texts with `*`.
    pub bucket: [String; 3],
    /// The rule that is the cause.
    pub cause: Option<String>,
    /// The engines that are the odd ones out, with spaces between them.
    pub odd: Option<String>,
    /// What shows it, relative to the list.
    pub case: PathBuf,
    /// The variant in which it does.
    pub variant: Option<Variant>,
    /// The day from which on it is known.
    pub since: Date,
    /// The last day.
    pub expiry: Date,
}

/// A list of known issues, in the order of its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownIssues(Vec<Issue>);

/// A violation as it is held against issues.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The runtime that the program ran on.
    pub spec: &'a Spec,
    /// The variant in which the promise is broken.
    pub variant: Option<&'a Variant>,
    /// Its replay.
    pub replay: &'a Replay,
    /// Its cause.
    pub cause: Option<Cause>,
}

impl KnownIssues {
    /// The list that is built in.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn built_in() -> Result<Self, KnownError> {
        Self::parse(BUILT_IN)
    }

    /// Reads the text of a list.
    ///
    /// # Errors
    /// It is not of the form, a name is given twice, or an entry says what cannot be; the message names it.
    pub fn parse(text: &str) -> Result<Self, KnownError> {
        file::parse(text).map(Self)
    }

    /// Reads a list.
    ///
    /// # Errors
    /// As [`Self::parse`], and a file that cannot be read.
    pub fn load(path: &Path) -> Result<Self, KnownError> {
        file::load(path).map(Self)
    }

    /// All of them.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.0
    }

    /// The first issue that a violation is; none if it is new, or if there is no violation.
    #[must_use]
    pub fn find(&self, shown: Shown<'_>) -> Option<&Issue> {
        self.0.iter().find(|issue| issue.is(shown))
    }
}

impl Issue {
    /// Whether a violation is this one.
    #[must_use]
    pub fn is(&self, shown: Shown<'_>) -> bool {
        let Some(v) = violation(shown.replay) else { return false };
        let Some(bucket) = &shown.replay.bucket else { return false };
        let [kind, op, phase] = &self.bucket;
        let odd = v.adjudication.as_ref().map(|adjudication| adjudication.odd.join(" "));
        (matches(kind, v.kind.name()) || matches(kind, &v.kind.full_name()))
            && matches(op, bucket.op)
            && matches(phase, bucket.phase.name())
            && self.cause.as_deref().is_none_or(|rule| shown.cause.is_some_and(|cause| cause.rule == rule))
            && (self.odd.is_none() || self.odd == odd)
            && shown.runtimes(v.kind).any(|spec| self.concerns(spec))
    }

    /// Whether it is an issue of this runtime.
    #[must_use]
    pub fn concerns(&self, spec: &Spec) -> bool {
        let is_build = |digest: &str| self.modules.iter().any(|known| known == digest);
        self.names(spec)
            && (self.modules.is_empty() || spec.module.as_ref().is_some_and(|module| is_build(module.sha256())))
    }

    /// Whether a runtime is called so, whatever its module.
    fn names(&self, spec: &Spec) -> bool {
        let bare = Spec { pinned: Machine::default(), address_limit: None, ..spec.clone() }.to_string();
        let parameters = bare.strip_prefix(spec.name.as_str()).unwrap_or_default();
        let by_name = spec.module.as_ref().map(|module| format!("{}{parameters}", module.name));
        is_runtime(&self.runtime, &bare)
            || by_name.is_some_and(|name| is_runtime(&self.runtime, &name))
            || spec.module.is_some() && is_runtime(&format!("*/{}", self.runtime), &bare)
    }

    /// Name, last day and where to read more, in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let link = self.link.as_ref().map(|link| format!(" ({link})")).unwrap_or_default();
        format!("{}{link}, until {}: {}", self.name, self.expiry, self.text)
    }
}

impl<'a> Shown<'a> {
    /// The runtimes whose violation it may be.
    fn runtimes(self, kind: Kind) -> impl Iterator<Item = &'a Spec> {
        let other = self.variant.and_then(|variant| variant.on.as_ref());
        let own = (other.is_none() || kind == Kind::ScheduleDependence).then_some(self.spec);
        own.into_iter().chain(other)
    }
}

const fn violation(replay: &Replay) -> Option<&Violation> {
    match &replay.verdict {
        Verdict::Violation(v) => Some(v),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
    }
}

/// Whether a runtime is what a pattern says. A `*` in the name is no parameter: a build, a fault or a mutant is named by the pattern, too.
fn is_runtime(pattern: &str, runtime: &str) -> bool {
    match (pattern.split_once('?'), runtime.split_once('?')) {
        (None, None) => matches(pattern, runtime),
        (Some((known, of)), Some((name, parameters))) => matches(known, name) && matches(of, parameters),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether a text is what a pattern says, in which each `*` is any text, also an empty one.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
