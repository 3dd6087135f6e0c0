//! The command line: one file a subcommand.
//!
//! Answers go to standard output, progress and complaints to standard error.

mod adopt;
mod bench;
mod bisect;
mod cases;
mod corpus;
mod cost;
mod doctor;
mod exhaust;
mod facts;
mod found;
mod hunt;
mod known;
mod manifest;
mod mutants;
mod pins;
mod progress;
mod run;
mod runtimes;
mod score;
mod starts;

use anyhow::Context;
use clap::{Parser, Subcommand};
use heapsmith::engine::{Backtrace, Engine, Known, Lowering};
use heapsmith::runtime::description::Description;
use std::process::ExitCode;

/// Finds the bugs in garbage collectors that live in WebAssembly linear memory.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  nothing is wrong, or nothing but known issues
  1  a violation was found (or a pin failed, or a known issue is none any more), even if the answer could not be trusted besides
  2  wrong use or wrong input; decided before anything starts
  3  the answer cannot be trusted: the hunt was interrupted; harness and emulator disagree; a campaign of 10 000 programs
     or more never reached a path that the runtime has, one of 50 that found nothing never grew memory,
     one of 100 never collected, kept and freed objects or met no limit, or one was inconclusive more than once in
     1 000 programs; a replayed case is inconclusive, its variant was not judged, or it contradicts
     the script beside it; the doctor misses a planted defect

Examples:
  heapsmith hunt                                           hunt in vera@0.0.131 for 30 seconds
  heapsmith hunt --runtime vera@0.0.130 --programs 20000   the same 20 000 programs every time
  heapsmith run findings                                   replay everything that was found
  heapsmith pins 'vera@0.0.131?data_end=5'                 check the structural pins of a collector";

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate programs, run them on a collector, and report every broken promise.
    Hunt(hunt::Args),
    /// Run every program of a few ops on every one of a few small machines.
    Exhaust(exhaust::Args),
    /// Replay cases and say each verdict in full.
    Run(run::Args),
    /// Look at a module with a collector in it, and propose a manifest for it.
    Adopt(adopt::Args),
    /// Find the first bad one of a folder of builds.
    Bisect(bisect::Args),
    /// List the collectors: layout, rules, promises, characteristics, oracles.
    Runtimes(runtimes::Args),
    /// Hold the manifest of a collector that is somebody else's against its module.
    Manifest(manifest::Args),
    /// Hold the list of known issues against what is so.
    Known(known::Args),
    /// Check the structural pins of a collector by matching its decoded instructions.
    Pins(pins::Args),
    /// Prove in two seconds that this harness catches planted defects, and say what is there.
    Doctor(doctor::Args),
    /// Look at folders of programs: what they reach, and how few files reach as much.
    Corpus(corpus::Args),
    /// Measure how the work of a collector grows, and hold it against what it declares.
    Cost(cost::Args),
    /// Measure how many programs a second this machine runs, by length, engines and lowering, and where the time goes.
    Bench(bench::Args),
    /// Plant faults one by one, and run the history of a collector, to see what silence is worth.
    Score(score::Args),
    /// Change a collector in one instruction at a time, and see which changes no program shows.
    Mutants(mutants::Args),
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing is wrong.
    Clean,
    /// A violation was found.
    Violation,
    /// What was given is wrong, which the answer says.
    Misfit,
    /// The answer cannot be trusted.
    Untrusted,
}

impl Cli {
    /// Runs the command; an error is wrong use or wrong input.
    pub(crate) fn run(self) -> ExitCode {
        let exit = match self.command {
            Command::Hunt(args) => hunt::run(&args),
            Command::Exhaust(args) => exhaust::run(&args),
            Command::Run(args) => run::run(&args),
            Command::Adopt(args) => adopt::run(&args),
            Command::Bisect(args) => bisect::run(&args),
            Command::Runtimes(args) => runtimes::run(&args),
            Command::Manifest(args) => manifest::run(&args),
            Command::Known(args) => known::run(&args),
            Command::Pins(args) => pins::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Corpus(args) => corpus::run(&args),
            Command::Cost(args) => cost::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Score(args) => score::run(&args),
            Command::Mutants(args) => mutants::run(&args),
        };
        match exit {
            Ok(Exit::Clean) => ExitCode::SUCCESS,
            Ok(Exit::Violation) => ExitCode::from(1),
            Ok(Exit::Misfit) => ExitCode::from(2),
            Ok(Exit::Untrusted) => ExitCode::from(3),
            Err(error) => {
                complain(&format!("heapsmith: {error:#}"));
                ExitCode::from(2)
            }
        }
    }
}

/// Prints to standard output. A reader that went away (`| head`) is no error: what is left has nobody to go to.
///
/// # Errors
/// When the output cannot be written for any other reason, such as a full disk.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e).context("expected to write to standard output"),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a line to standard error. Without anybody to read it there is nothing left to do.
pub(crate) fn complain(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How many traps there were that were allowed and not demanded, and why, in words; none where there were none.
pub(crate) fn undemanded(traps: u64, description: &Description) -> Option<String> {
    let why = if description.is_predictable() { "after a false candidate" } else { "at a limit that shows" };
    (traps > 0).then(|| format!("{why} {traps}"))
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What `--help` says of engines.
pub(crate) const ENGINES_HELP: &str = "\
Engines, separated by commas; the first one is judged, all are compared:
wasmtime (Cranelift), winch, pulley, wasmi (2.0.0), wasmi1 (1.0.9), v8 (a node process; runs single programs only, see `hunt --help`)";

/// Opens engines from a list of names: those that run single programs only come last, whatever their place in the list.
pub(crate) fn engines(names: &[String], backtrace: Backtrace) -> anyhow::Result<Vec<Box<dyn Engine>>> {
    let mut known: Vec<Known> = Vec::new();
    for name in names {
        let engine = Known::parse(name).context("--engines")?;
        anyhow::ensure!(!known.contains(&engine), "--engines: expected each engine once, found `{name}` again");
        known.push(engine);
    }
    anyhow::ensure!(
        known.iter().any(|engine| engine.lowering() == Lowering::Resident),
        "--engines: expected at least one engine that keeps a collector between programs, found only {}; put another one first, such as \
         `--engines wasmtime,{}`",
        names.join(", "),
        names.join(","),
    );
    known.sort_by_key(|engine| engine.lowering() == Lowering::Standalone);
    known.into_iter().map(|engine| engine.open(backtrace).context("--engines")).collect()
}
