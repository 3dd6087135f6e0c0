//! `heapsmith doctor`: proves in under two seconds that this harness catches planted defects, and says what is there.
//!
//! Three faults are planted in `fixed`. Each has a short program that shows it, and only the model may catch it: no emulator knows an
//! edited runtime. `fixed` itself must pass the same programs. With `--json`:
//!
//! ```json
//! { "schema": 1, "healthy": true, "seconds": 0.2,
//!   "faults": [{ "name": "drop-field-push", "cause": "...", "caught": true, "verdict": "violation: silent-free",
//!                "fixed_passes": true, "fixed_verdict": "pass: ..." }],
//!   "engines": [{ "name": "wasmtime", "version": "48.0.8", "tier": "...", "lowering": "resident", "problem": null }],
//!   "tools": [{ "name": "node", "path": "/usr/bin/node", "purpose": "..." }] }
//! ```
//! An engine's `lowering` is `resident` (it keeps a collector between programs) or `standalone` (it runs single programs only);
//! `problem` says why it does not start here. A tool's `path` is null where it is missing. Neither a tool nor V8 is needed.

use super::{Exit, print};
use anyhow::Context;
use heapsmith::engine::{self, Backtrace, Engine, Known, Lowering, V8};
use heapsmith::judge::Verdict;
use heapsmith::report::{Account, SCHEMA_VERSION};
use heapsmith::runtime::fault::{self, Fault, planted};
use heapsmith::runtime::{Runtime, builtin, parse_spec};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Program, parse};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// The collector that the faults are planted in, small so that little is enough to reach its limits.
const PATIENT: &str = "fixed?data_end=5,worklist=4,roots=8,pages=1..8";

/// A fault by name, and a program that shows it.
const PLANTED: [(&str, &str); 3] = [
    // The array's children have children, or a dropped push would be harmless.
    ("drop-field-push", "heapsmith 1\nwide r0 n=worklist+1 words=1 tag=3\ncollect\ncheck r0\n"),
    ("grow-one-page", "heapsmith 1\nalloc r0 size=200000 fields=0 init=fill(7)\ncheck r0\n"),
    // A word that points to its own object's middle, where the word before it reads as an empty object's header.
    (
        "candidate-without-bitmap",
        "heapsmith 1\nalloc r0 size=24 fields=0 init=fill(7)\nwrite r0[1] = 0\nwrite r0[4] = r0+8\ncollect\ncheck r0\n",
    ),
];

/// Programs beside the engines that what was found can be taken further with.
const TOOLS: [(&str, &str); 2] = [
    ("wasmtime", "runs a `finding.wast` without heapsmith: `wasmtime wast finding.wast`"),
    ("wasm-tools", "prints and checks modules that `pins` reads"),
];

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let there: Vec<EngineThere> = Known::ALL.map(EngineThere::find).into();
    let engines: Vec<Box<dyn Engine>> =
        engine::DEFAULT.iter().filter_map(|name| engine::open(name, Backtrace::Off).ok()).collect();
    let findings = examine(&engines)?;
    let healthy = there.iter().all(EngineThere::healthy) && findings.iter().all(Finding::healthy);
    let seconds = started.elapsed();
    if args.json {
        let value = json(&findings, &there, healthy, seconds);
        print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
    } else {
        print(&text(&findings, &there, healthy, seconds))?;
    }
    Ok(if healthy { Exit::Clean } else { Exit::Untrusted })
}

/// What the model says of a program on a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Detection {
    /// A broken promise, in a few words.
    Caught(String),
    /// Nothing wrong, in a few words.
    Clean(String),
    /// No answer, and why.
    Unknown(String),
}

impl Detection {
    fn text(&self) -> &str {
        match self {
            Self::Caught(text) | Self::Clean(text) | Self::Unknown(text) => text,
        }
    }
}

/// One planted fault and what became of it.
#[derive(Debug, Clone)]
struct Finding {
    fault: Arc<Fault>,
    with_fault: Detection,
    without: Detection,
}

impl Finding {
    fn caught(&self) -> bool {
        matches!(self.with_fault, Detection::Caught(_))
    }

    fn passes_without(&self) -> bool {
        matches!(self.without, Detection::Clean(_))
    }

    fn healthy(&self) -> bool {
        self.caught() && self.passes_without()
    }
}

/// Plants each fault, and runs its program with and without it.
fn examine(engines: &[Box<dyn Engine>]) -> anyhow::Result<Vec<Finding>> {
    let fixed = builtin(parse_spec(PATIENT)?.resolve(heapsmith_generators::Machine::default())?);
    let all = planted("fixed");
    let mut findings = Vec::new();
    for (name, text) in PLANTED {
        let fault = all.iter().find(|f| f.name == name).cloned();
        let fault = fault.with_context(|| format!("expected a planted fault `{name}`"))?;
        let edited = fault::apply(&fixed, &fault)?;
        let program = parse(text)?;
        let with_fault = detect(Edit::Planted, &edited, &program, engines);
        let without = detect(Edit::None, &fixed, &program, engines);
        findings.push(Finding { fault, with_fault, without });
    }
    Ok(findings)
}

/// Whether a runtime was edited; if not, its emulator is asked too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    None,
    Planted,
}

fn detect(edit: Edit, runtime: &Runtime, program: &Program, engines: &[Box<dyn Engine>]) -> Detection {
    let prepared = match edit {
        Edit::None => Prepared::builtin(runtime.clone(), engines),
        Edit::Planted => Prepared::edited(runtime.clone(), engines),
    };
    let mut rig = match prepared.and_then(|p| Rig::new(Arc::new(p))) {
        Ok(rig) => rig,
        Err(e) => return Detection::Unknown(e.to_string()),
    };
    let names: Vec<&'static str> = rig.engines().collect();
    if names.is_empty() {
        return Detection::Unknown("no engine".to_owned());
    }
    let replay = rig.replay(program);
    let account = Account {
        runtime: &runtime.description.name,
        program,
        replay: &replay,
        engines: &names,
        cause: None,
        next: "",
    };
    match &replay.verdict {
        Verdict::Violation(_) => Detection::Caught(account.headline()),
        Verdict::Pass | Verdict::AllowedTrap(_) => Detection::Clean(account.headline()),
        Verdict::Inconclusive(_) | Verdict::Untrusted(_) => Detection::Unknown(account.headline()),
    }
}

/// An engine: its version, or why it does not start.
struct EngineThere {
    known: Known,
    version: Result<String, String>,
}

impl EngineThere {
    fn find(known: Known) -> Self {
        let version = match known {
            Known::V8 => V8::new().map(|v8| v8.version().to_owned()),
            Known::Winch | Known::Pulley => known.open(Backtrace::Off).map(|_| version("wasmtime")),
            Known::Wasmtime | Known::Wasmi | Known::Wasmi1 => known.open(Backtrace::Off).map(|_| version(known.name())),
        };
        Self { known, version: version.map_err(|e| e.to_string()) }
    }

    /// Whether it is there, or nothing depends on it.
    fn healthy(&self) -> bool {
        self.version.is_ok() || self.known == Known::V8
    }

    fn lowering(&self) -> &'static str {
        match self.known.lowering() {
            Lowering::Resident => "resident",
            Lowering::Standalone => "standalone",
        }
    }
}

fn text(findings: &[Finding], engines: &[EngineThere], healthy: bool, seconds: Duration) -> String {
    let mut t = String::new();
    let _ = writeln!(t, "planted defects");
    for f in findings {
        let mark = if f.caught() { "caught" } else { "MISSED" };
        let _ = writeln!(t, "  {mark}   {}: {}", f.fault.name, f.fault.cause);
        let _ = writeln!(t, "           {}", f.with_fault.text());
    }
    let _ = writeln!(t, "\nthe reference without them");
    for f in findings {
        let mark = if f.passes_without() { "passes" } else { "FAILS " };
        let _ = writeln!(t, "  {mark}   the program of {}: {}", f.fault.name, f.without.text());
    }
    let _ = writeln!(t, "\nengines");
    for e in engines {
        let (name, tier, lowering) = (e.known.name(), e.known.tier(), e.lowering());
        let _ = match &e.version {
            Ok(version) => writeln!(t, "  there    {name} {version}: {tier}, {lowering}"),
            Err(problem) if e.healthy() => writeln!(t, "  missing  {name}: {tier}, {lowering}; {problem}"),
            Err(problem) => writeln!(t, "  MISSING  {name}: {problem}"),
        };
    }
    let _ = writeln!(t, "\noptional tools");
    for (name, purpose) in TOOLS {
        let mark = if find(name).is_some() { "there  " } else { "missing" };
        let _ = writeln!(t, "  {mark}  {name:<10}  {purpose}");
    }
    let verdict = if healthy {
        "healthy: every planted defect was caught, and the reference is clean"
    } else {
        "NOT healthy: what this harness says cannot be trusted here"
    };
    let _ = writeln!(t, "\n{verdict} ({:.2} s)", seconds.as_secs_f64());
    t
}

fn json(findings: &[Finding], engines: &[EngineThere], healthy: bool, seconds: Duration) -> serde_json::Value {
    let finding = |f: &Finding| {
        json!({
            "name": f.fault.name, "cause": f.fault.cause, "caught": f.caught(), "verdict": f.with_fault.text(),
            "fixed_passes": f.passes_without(), "fixed_verdict": f.without.text(),
        })
    };
    let engine = |e: &EngineThere| {
        json!({
            "name": e.known.name(), "version": e.version.as_ref().ok(), "tier": e.known.tier(), "lowering": e.lowering(),
            "problem": e.version.as_ref().err(),
        })
    };
    let tool = |(name, purpose): (&str, &str)| json!({ "name": name, "path": find(name).map(|p| p.display().to_string()), "purpose": purpose });
    json!({
        "schema": SCHEMA_VERSION,
        "healthy": healthy,
        "seconds": seconds.as_secs_f64(),
        "faults": findings.iter().map(finding).collect::<Vec<_>>(),
        "engines": engines.iter().map(engine).collect::<Vec<_>>(),
        "tools": TOOLS.into_iter().map(tool).collect::<Vec<_>>(),
    })
}

/// The version of an engine: exactly the one that the workspace pins, since an engine cannot be asked for it; empty if there is none.
fn version(engine: &str) -> String {
    let manifest = include_str!("../../../Cargo.toml");
    let line = manifest.lines().find(|line| line.split('=').next().is_some_and(|key| key.trim() == engine));
    let version = line.and_then(|line| line.split_once("\"=")?.1.split('"').next());
    version.unwrap_or_default().to_owned()
}

/// A program in the search path.
fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engines() -> Vec<Box<dyn Engine>> {
        engine::DEFAULT.into_iter().map(|name| engine::open(name, Backtrace::Off).unwrap()).collect()
    }

    #[test]
    fn every_planted_fault_is_caught_and_the_reference_is_clean() {
        for f in examine(&engines()).unwrap() {
            assert!(f.healthy(), "{f:?}");
        }
    }

    #[test]
    fn a_missed_fault_is_reported() {
        let fixed = builtin(parse_spec(PATIENT).unwrap().resolve(heapsmith_generators::Machine::default()).unwrap());
        let program = parse(PLANTED[0].1).unwrap();
        // A fault that was never planted is one that nobody can catch.
        let missed = detect(Edit::Planted, &fixed, &program, &engines());
        assert!(matches!(missed, Detection::Clean(_)), "{missed:?}");
        let mut findings = examine(&engines()).unwrap();
        findings[0].with_fault = missed;
        assert!(!findings[0].healthy());
        let text = text(&findings, &[], false, Duration::ZERO);
        assert!(text.contains("MISSED   drop-field-push"), "{text}");
        assert!(text.contains("NOT healthy"), "{text}");
    }

    #[test]
    fn without_engines_nothing_is_known() {
        for f in examine(&[]).unwrap() {
            assert!(!f.healthy(), "{f:?}");
        }
    }

    #[test]
    fn engines_have_the_versions_that_the_workspace_pins() {
        for known in Known::residents() {
            let there = EngineThere::find(known);
            let version = there.version.unwrap();
            assert_eq!(version.split('.').count(), 3, "{} {version}", known.name());
        }
        assert_ne!(version("wasmi"), version("wasmi1"));
    }
}
