//! `heapsmith bench`: how many programs a second this machine runs, and where a program's time goes.
//!
//! Nothing is judged by it: a clock decides how long is measured, and the figures are no promise. With `--json`:
//!
//! ```json
//! { "schema": 1, "runtime": "vera@0.0.131", "seed": 1, "clock": "thread-cpu", "rounds": 7, "seconds_per_round": 0.2,
//!   "rows": [{ "programs": "steady", "ops": 20, "engines": ["wasmtime", "wasmi"], "lowering": "resident",
//!              "per_second": 41000.0, "microseconds": 24.4, "least": 24.1, "most": 25.0 }],
//!   "skipped": [{ "engines": ["winch"], "why": "..." }] }
//! ```
//! `programs` is `steady` (then `ops` is there), `settled`, `growing`, `mixture`, or `part` (then `part` is: its microseconds are those of
//! one part of a trial). `microseconds` is the median of the rounds for one program, `least` and `most` are the fastest and the slowest
//! round. `clock` is `wall` where the time of a thread cannot be had.

use super::{Exit, print, progress};
use anyhow::{Context, ensure};
use heapsmith::bench::{self, LENGTHS, Memory, Report, Row, Settings, Subject, grouped, title};
use heapsmith::engine::{Known, Lowering};
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::parse_spec;
use heapsmith_generators::Machine;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collector, with parameters if you like
    #[arg(long, value_name = "NAME", default_value = "vera@0.0.131")]
    runtime: String,
    /// The seed of the programs that are drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Measure these engines together, and each alone; every engine by default
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    engines: Vec<String>,
    /// A tenth of the time, for a first look
    #[arg(long)]
    quick: bool,
    /// Print what was measured as JSON
    #[arg(long)]
    json: bool,
    /// Draw programs a second by length, a line for each set of engines
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let settings = settings(args)?;
    let line = progress::line();
    let report = bench::measure(&settings, |what| {
        if let Some(line) = &line {
            line.set_message(format!("measuring {what}"));
            line.tick();
        }
    });
    if let Some(line) = line {
        line.finish_and_clear();
    }
    let report = report?;
    if let Some(path) = &args.plot {
        let caption = format!("heapsmith on {}: model, engines, emulator, comparison, judge", settings.spec);
        let picture =
            bench::svg(&report, &caption).context("--plot: expected something to draw, found no measurement")?;
        std::fs::write(path, picture).with_context(|| format!("--plot: expected to write `{}`", path.display()))?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&json(&settings, &report))?))?;
    } else {
        print(&text(&settings, &report))?;
    }
    Ok(Exit::Clean)
}

fn settings(args: &Args) -> anyhow::Result<Settings> {
    let spec = parse_spec(&args.runtime).context("--runtime")?;
    spec.resolve(Machine::default()).context("--runtime")?;
    if let Some(path) = &args.plot {
        super::found::check_file("--plot", path, super::found::PLOT)?;
    }
    let sets = if args.engines.is_empty() {
        bench::sets(&[Known::Wasmtime, Known::Wasmi])
    } else {
        let set: Vec<Known> =
            args.engines.iter().map(|name| Known::parse(name).context("--engines")).collect::<anyhow::Result<_>>()?;
        let mut sets = vec![set.clone()];
        for &known in &set {
            ensure!(
                known.lowering() == Lowering::Resident,
                "--engines: expected engines that run tapes, found `{}`",
                known.name()
            );
            ensure!(
                set.iter().filter(|&&other| other == known).count() == 1,
                "--engines: expected each engine once, found `{}` again",
                known.name()
            );
            if set.len() > 1 {
                sets.push(vec![known]);
            }
        }
        sets
    };
    let (rounds, seconds) = if args.quick { (3, 0.04) } else { (7, 0.2) };
    Ok(Settings { spec, seed: args.seed, drawn: 64, sets, rounds, seconds })
}

fn text(settings: &Settings, report: &Report) -> String {
    let mut t = String::new();
    let _ = writeln!(
        t,
        "{}, seed {}: programs a second on one core ({}, median of {} rounds of {} s)\n\
         counted: model, tape, reset, engines, emulator, every byte and global compared, judge\n\
         not counted: drawing programs (but in the mixture), compiling collectors, standalone confirmations",
        settings.spec,
        settings.seed,
        match report.clock {
            bench::Kind::ThreadCpu => "CPU time of the thread",
            bench::Kind::Wall => "wall clock: this machine does not tell a thread's time",
        },
        settings.rounds,
        settings.seconds,
    );
    let wide = settings.sets.iter().map(|set| title(set).len()).max().unwrap_or(0).max(20);
    for (lowering, heading) in [
        (Lowering::Resident, "steady programs in 2 pages, tapes"),
        (Lowering::Standalone, "steady programs in 2 pages, compiled one by one"),
    ] {
        let _ = write!(t, "\n{heading}\n  {:wide$}", "");
        for ops in LENGTHS {
            let _ = write!(t, "{:>14}", format!("{} ops", grouped(u64::from(ops))));
        }
        t.push('\n');
        for set in &settings.sets {
            let find = |ops| {
                report
                    .rows
                    .iter()
                    .find(|r| r.subject == Subject::Steady(ops) && r.lowering == lowering && r.engines == *set)
            };
            if LENGTHS.iter().all(|&ops| find(ops).is_none()) {
                continue;
            }
            let _ = write!(t, "  {:wide$}", title(set));
            for ops in LENGTHS {
                let _ = write!(t, "{:>14}", find(ops).map_or_else(|| "-".to_owned(), |r| rate(r.per_second())));
            }
            t.push('\n');
        }
    }
    let _ = writeln!(t, "\nprograms as campaigns draw them, tapes, {}", title(&settings.sets[0]));
    for (subject, name) in [
        (Subject::Drawn(Memory::Settled), "about 20 ops, at most 2 pages, memory does not grow"),
        (Subject::Drawn(Memory::Growing), "about 20 ops, memory grows to at most 8 pages"),
        (Subject::Mixture, "the mixture, drawing included"),
    ] {
        if let Some(r) = report.rows.iter().find(|r| r.subject == subject) {
            let _ = writeln!(t, "  {name:52}{:>10}/s{:>12.1} us a program", rate(r.per_second()), r.micros);
        }
    }
    let _ = writeln!(t, "\nwhere the time of a program of about 20 ops goes, us");
    for r in &report.rows {
        if let Subject::Part(name) = r.subject {
            let _ = writeln!(t, "  {name:52}{:>12.2}   ({:.2} to {:.2})", r.micros, r.least, r.most);
        }
    }
    for (set, why) in &report.skipped {
        let _ = writeln!(t, "not measured: {}: {why}", title(set));
    }
    t
}

/// A rate with as many digits as are worth reading.
fn rate(per_second: f64) -> String {
    if per_second < 100.0 { format!("{per_second:.1}") } else { grouped(per_second.round() as u64) }
}

fn json(settings: &Settings, report: &Report) -> serde_json::Value {
    let names = |set: &[Known]| set.iter().map(|known| known.name()).collect::<Vec<_>>();
    let row = |r: &Row| {
        let (programs, ops, part) = match r.subject {
            Subject::Steady(ops) => ("steady", Some(ops), None),
            Subject::Drawn(Memory::Settled) => ("settled", None, None),
            Subject::Drawn(Memory::Growing) => ("growing", None, None),
            Subject::Mixture => ("mixture", None, None),
            Subject::Part(name) => ("part", None, Some(name)),
        };
        let lowering = match r.lowering {
            Lowering::Resident => "resident",
            Lowering::Standalone => "standalone",
        };
        let mut value = json!({
            "programs": programs, "engines": names(&r.engines), "lowering": lowering,
            "per_second": r.per_second(), "microseconds": r.micros, "least": r.least, "most": r.most,
        });
        if let Some(ops) = ops {
            value["ops"] = json!(ops);
        }
        if let Some(part) = part {
            value["part"] = json!(part);
        }
        value
    };
    let skipped: Vec<_> =
        report.skipped.iter().map(|(set, why)| json!({ "engines": names(set), "why": why })).collect();
    json!({
        "schema": SCHEMA_VERSION, "runtime": settings.spec.to_string(), "seed": settings.seed, "clock": report.clock.name(),
        "rounds": settings.rounds, "seconds_per_round": settings.seconds,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(), "skipped": skipped,
    })
}
