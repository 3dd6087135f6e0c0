//! What a case must show on which runtime, said in comment lines at its head.
//!
//! ```text
//! # expect vera@0.0.65..vera@0.0.130: silent-free at op 2 (worklist-push-when-full)
//! # expect vera@0.0.131..vera@0.1.9+wrap fixed: allowed trap worklist-full at op 2
//! # expect vera@0.2: pass
//! ```
//!
//! A line is `# expect`, runtimes with spaces between them, a colon, and an outcome. A runtime is written as `--runtime` reads it; `A..B`
//! are all built-in ones from `A` to `B` in the order of `heapsmith runtimes`; the path of a manifest is relative to the case. An outcome is the
//! text that [`shown`] gives, letter for letter, so that what a failing test found can be pasted:
//!
//! ```text
//! outcome   = "pass" | "allowed trap" reason "at op" N | violation
//! violation = kind "at op" N [", at the end" (kind | "pass")] ["(" why ")"]
//! reason    = the name of a trap rule | "false-candidate"
//! kind      = the full name of a kind of violation
//! why       = the rule that is the cause | of engines that disagree: the odd ones out
//! ```
//!
//! A seed says in the same way what it reaches: `# reaches fixed: path.bump op.alloc verdict.pass` names goals of [`super::Goal`].
//!
//! `N` counts ops from 1. The first promise that a check after each op finds broken comes first; what a check at the program's end
//! alone says follows where it is another one.

use crate::engine::{Engine, EngineError};
use crate::judge::{Allowance, Verdict, Violation};
use crate::reduce::cause_of;
use crate::runtime::{RuntimeError, Spec, absent_module, names, parse_spec, runtime_from};
use crate::trial::Rig;
use heapsmith_generators::Program;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What a case must show on one runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The line that says so, from 1.
    pub line: usize,
    /// The runtime, as the line names it; of a span, its own name.
    pub name: String,
    /// The runtime itself.
    pub runtime: Subject,
    /// The outcome, as [`shown`] says it.
    pub outcome: String,
}

/// The runtime of an expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One that can be tried.
    There(Spec),
    /// One whose manifest names a module that is not there.
    Absent(PathBuf),
}

/// A comment that was meant to be an expectation and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectError {
    /// There is no expectation.
    #[error(
        "expected at least one line `# {word} RUNTIME...: ...`, found none; say what there is to see, and on which runtime"
    )]
    None {
        /// `expect` or `reaches`.
        word: &'static str,
    },
    /// A comment that begins like one and goes on otherwise.
    #[error("line {line}: expected `# {word} RUNTIME...: ...`, found `{found}`")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// `expect` or `reaches`.
        word: &'static str,
        /// The line.
        found: String,
    },
    /// A runtime that there is not.
    #[error("line {line}: {error}")]
    Runtime {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: RuntimeError,
    },
    /// A span that has no runtime in it.
    #[error("line {line}: expected the earlier runtime first, found `{found}`; turn it round")]
    Backwards {
        /// The line, from 1.
        line: usize,
        /// The span.
        found: String,
    },
    /// A runtime of which something was said before.
    #[error("line {line}: expected each runtime once, found `{runtime}` again; keep one of the lines")]
    Repeated {
        /// The line, from 1.
        line: usize,
        /// The runtime.
        runtime: String,
    },
}

/// The expectations of a case's text, in the order of its lines; the paths of manifests are relative to a folder, the case's.
///
/// # Errors
/// The first line that is malformed; also when there is none at all.
pub fn expectations(text: &str, folder: &Path) -> Result<Vec<Expectation>, ExpectError> {
    lines(text, folder, "expect")
}

/// What a seed reaches, in the order of its lines; the outcome of each is a list of goals.
///
/// # Errors
/// As [`expectations`].
pub fn reaches(text: &str, folder: &Path) -> Result<Vec<Expectation>, ExpectError> {
    lines(text, folder, "reaches")
}

fn lines(text: &str, folder: &Path, word: &'static str) -> Result<Vec<Expectation>, ExpectError> {
    let mut all: Vec<Expectation> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let Some(comment) = content.trim_start().strip_prefix('#') else { continue };
        let comment = comment.trim();
        // `Expects` and `reached` were meant to be one, too.
        if !comment.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(&word[..5])) {
            continue;
        }
        let malformed = || ExpectError::Malformed { line, word, found: content.trim().to_owned() };
        let rest = comment.strip_prefix(word).and_then(|rest| rest.strip_prefix(' '));
        let (runtimes, outcome) = rest.and_then(|rest| rest.split_once(": ")).ok_or_else(malformed)?;
        let outcome = outcome.trim();
        if outcome.is_empty() || runtimes.split_whitespace().next().is_none() {
            return Err(malformed());
        }
        for word in runtimes.split_whitespace() {
            for (name, runtime) in span(word, folder, line)? {
                if all.iter().any(|e| e.name == name) {
                    return Err(ExpectError::Repeated { line, runtime: name });
                }
                all.push(Expectation { line, name, runtime, outcome: outcome.to_owned() });
            }
        }
    }
    if all.is_empty() { Err(ExpectError::None { word }) } else { Ok(all) }
}

/// One runtime, or all built-in ones from one to another, with their names.
fn span(word: &str, folder: &Path, line: usize) -> Result<Vec<(String, Subject)>, ExpectError> {
    let read = |text: &str| {
        let path = runtime_from(folder, text);
        if let Some(module) = absent_module(&path) {
            return Ok((text.to_owned(), Subject::Absent(module)));
        }
        let spec = parse_spec(&path).map_err(|error| ExpectError::Runtime { line, error })?;
        let name = if spec.module.is_some() { text.to_owned() } else { spec.to_string() };
        Ok((name, Subject::There(spec)))
    };
    let place = |name: &str| names().iter().position(|known| *known == name);
    let ends = word.split_once("..").and_then(|(first, last)| Some((place(first)?, place(last)?)));
    match ends {
        None => Ok(vec![read(word)?]),
        Some((first, last)) if first > last => Err(ExpectError::Backwards { line, found: word.to_owned() }),
        Some((first, last)) => names()[first..=last].iter().copied().map(read).collect(),
    }
}

/// What a case shows on the rig's runtime, without a fault: by a trial, by a replay with checks after each op, and, where a promise is
/// broken, by the search for its cause on the first of `engines`. The rig is left as the trial left it.
///
/// # Errors
/// When an engine refuses a corrected runtime.
pub fn shown(rig: &mut Rig, engines: &[Box<dyn Engine>], program: &Program) -> Result<String, EngineError> {
    let first = rig.replay(program).verdict;
    let mut text = outcome(&first, rig);
    rig.let_go()?;
    let end = rig.trial(program);
    let at_end = match (violation(&first), violation(&end)) {
        (Some(first), Some(end)) => (first.kind != end.kind).then(|| end.kind.full_name()),
        _ => (first != end).then(|| outcome(&end, rig)),
    };
    if let Some(at_end) = at_end {
        let _ = write!(text, ", at the end {at_end}");
    }
    let Some(broken) = violation(&first).or(violation(&end)) else { return Ok(text) };
    let why = match &broken.adjudication {
        Some(adjudication) => Some(adjudication.odd.join(" ")),
        None => cause_of(&rig.prepared().runtime.description, engines, program)?.map(|cause| cause.rule.to_owned()),
    };
    if let Some(why) = why {
        let _ = write!(text, " ({why})");
    }
    Ok(text)
}

const fn violation(verdict: &Verdict) -> Option<&Violation> {
    match verdict {
        Verdict::Violation(v) => Some(v),
        Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
    }
}

/// The verdict of the rig's last run in the words of an expectation. What no case can be expected to show has words too, so that a
/// failure says it.
fn outcome(verdict: &Verdict, rig: &Rig) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::AllowedTrap(allowance) => {
            let reason = match allowance {
                Allowance::Must(rule) => rule.name(),
                Allowance::May => "false-candidate",
            };
            format!("allowed trap {reason} at op {}", rig.outcome(0).step + 1)
        }
        Verdict::Violation(v) => format!("{} at op {}", v.kind.full_name(), v.step + 1),
        Verdict::Inconclusive(reason) => format!("inconclusive: {}", reason.name()),
        Verdict::Untrusted(d) => format!("untrusted: {}: engines {}, emulator {}", d.what, d.engines, d.emulator),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(usize, String, String)> {
        let all = expectations(text, Path::new("")).unwrap();
        all.into_iter().map(|e| (e.line, e.name, e.outcome)).collect()
    }

    #[test]
    fn a_line_names_runtimes_spans_and_an_outcome() {
        let text = "heapsmith 1\n# Issue #348.\n# expect vera@0.1.9..vera@0.2 fixed?data_end=5,pages=2..4: pass\n\
                    #expect vera@0.0.130: silent-free at op 2, at the end missing-trap(x) (y)\ncollect\n";
        let expected = [
            (3, "vera@0.1.9", "pass"),
            (3, "vera@0.1.9+wrap", "pass"),
            (3, "vera@0.2", "pass"),
            (3, "fixed?data_end=5,initial_pages=2,max_pages=4", "pass"),
            (4, "vera@0.0.130", "silent-free at op 2, at the end missing-trap(x) (y)"),
        ];
        assert_eq!(listed(text), expected.map(|(line, on, shows)| (line, on.to_owned(), shows.to_owned())));
    }

    #[test]
    fn what_was_meant_to_be_an_expectation_is_never_passed_over() {
        for (line, part) in [
            ("# expect fixed pass", "line 2: expected `# expect RUNTIME...: ...`, found `# expect fixed pass`"),
            ("# expects fixed: pass", "line 2: expected"),
            ("# Expect fixed: pass", "line 2: expected"),
            ("# expected fixed: pass", "line 2: expected"),
            ("# expect : pass", "line 2: expected"),
            ("# expect fixed: ", "line 2: expected"),
            ("# expect fixd: pass", "line 2: "),
            ("# expect fixed..vera@0.2: pass", "line 2: expected the earlier runtime first, found `fixed..vera@0.2`"),
            (
                "# expect fixed: pass\n# expect vera@0.2..fixed: pass",
                "line 3: expected each runtime once, found `fixed` again",
            ),
            ("# nothing of the kind", "expected at least one line `# expect"),
        ] {
            let error = expectations(&format!("heapsmith 1\n{line}\n"), Path::new("")).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn a_runtime_whose_module_is_not_there_is_told_and_a_manifest_that_is_not_there_is_an_error() {
        let folder = std::env::temp_dir().join(format!("heapsmith-expect-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("mine.toml"), "heapsmith = 1\nname = \"mine\"\nmodule = \"mine.wasm\"\n").unwrap();
        let all = expectations("# expect ./mine.toml?build=x fixed: pass", &folder).unwrap();
        assert_eq!(all[0].runtime, Subject::Absent(folder.join("./mine.wasm")));
        assert_eq!((all[0].name.as_str(), all[1].name.as_str()), ("./mine.toml?build=x", "fixed"));
        let error = expectations("# expect ./none.toml: pass", &folder).unwrap_err().to_string();
        assert!(error.starts_with("line 1: ") && error.contains("none.toml"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
