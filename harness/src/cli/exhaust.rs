//! `heapsmith exhaust`: every program of a small scope.

use super::found::{self, Report, check_out, plural, stop_on_signals};
use super::{Exit, complain, engines, print, progress, undemanded};
use anyhow::Context;
use heapsmith::bench::grouped;
use heapsmith::engine::Backtrace;
use heapsmith::exhaust::{self, ExhaustError, MAX_OBJECTS, MAX_OPS, Progress, Scope, Settings, Summary};
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::parse_spec;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Arguments of `exhaust`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collector, with parameters if you like: `vera@0.0.131?worklist=2`
    #[arg(long, value_name = "NAME", default_value = "vera@0.0.131")]
    runtime: String,
    /// Ops of a program at most
    #[arg(long, value_name = "N", default_value_t = 4)]
    ops: usize,
    /// Registers: objects that are held by name at once
    #[arg(long, value_name = "K", default_value_t = 2)]
    objects: u8,
    /// Workers; all cores by default
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// A file that the run is saved to every few seconds and resumed from
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Engines, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime,wasmi")]
    engines: Vec<String>,
    /// Where findings are written
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// What the first Ctrl-C says.
const STOPPING: &str = "heapsmith: stopping; once more to leave at once without a summary";

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let settings = settings(args)?;
    let progress = Arc::new(Progress::default());
    stop_on_signals(&progress, |p| &p.stop, STOPPING)?;
    let done = AtomicBool::new(false);
    let title = format!("exhausting {}", settings.spec);
    let summary = std::thread::scope(|scope| {
        scope.spawn(|| progress::show(|elapsed| describe(&title, &progress, elapsed), &done));
        let summary = exhaust::exhaust(&settings, &progress);
        done.store(true, Ordering::Relaxed);
        summary
    });
    if let Err(ExhaustError::Stopped) = &summary {
        complain(&format!("heapsmith: {}", ExhaustError::Stopped));
        return Ok(Exit::Untrusted);
    }
    let summary = summary?;
    let names: Vec<&'static str> = settings.engines.iter().map(|e| e.name()).collect();
    let runtime = settings.spec.to_string();
    let shown = summary.findings.iter().filter_map(|(_, finding)| finding.as_ref());
    let reports: Vec<Report> = shown.map(|f| Report::write(&args.out, &runtime, &names, f)).collect();
    let distrusted = summary.distrusted();
    if args.json {
        let value = json(&settings, &summary, &reports, &distrusted);
        print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
    } else {
        print(&text(&settings, &summary, &reports, &distrusted))?;
    }
    for r in &reports {
        r.complain();
    }
    if let Some(error) = &summary.unsaved {
        complain(&format!("heapsmith: {error}"));
    }
    Ok(exit(&summary))
}

fn exit(summary: &Summary) -> Exit {
    // What no replay shows is the harness's to explain, not the collector's.
    if summary.findings.iter().any(|(_, finding)| finding.is_some()) {
        Exit::Violation
    } else if summary.tally.violations == 0 && summary.is_whole && summary.distrusted().is_empty() {
        Exit::Clean
    } else {
        Exit::Untrusted
    }
}

fn settings(args: &Args) -> anyhow::Result<Settings> {
    let spec = parse_spec(&args.runtime).context("--runtime")?;
    anyhow::ensure!(
        (1..=MAX_OPS).contains(&args.ops),
        "--ops: expected 1 to {MAX_OPS} ops, found {}; each one more takes about 16 times as long",
        args.ops
    );
    anyhow::ensure!(
        (1..=MAX_OBJECTS).contains(&args.objects),
        "--objects: expected 1 to {MAX_OBJECTS} registers, found {}",
        args.objects
    );
    let scope = Scope { ops: args.ops, objects: args.objects };
    exhaust::machines(&spec, scope).context("--runtime")?;
    check_out(&args.out)?;
    Ok(Settings {
        spec,
        scope,
        engines: engines(&args.engines, Backtrace::Off)?,
        tracing_engines: engines(&args.engines, Backtrace::On)?,
        jobs: found::jobs(args.jobs)?,
        state: args.state.clone(),
    })
}

/// How far the run is.
fn describe(title: &str, progress: &Progress, elapsed: Duration) -> String {
    let n = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (total, checked, violations) = (n(&progress.total), n(&progress.checked), n(&progress.violations));
    if total == 0 {
        return format!("{title}: counting programs");
    }
    let percent = 100.0 * checked as f64 / total as f64;
    let seconds = elapsed.as_secs();
    format!("{title}: {seconds} s, {percent:.1} % of {} programs, {violations} violations", grouped(total))
}

fn text(settings: &Settings, summary: &Summary, reports: &[Report], distrusted: &[String]) -> String {
    let mut t = String::new();
    let s = &summary.tally;
    let Scope { ops, objects } = settings.scope;
    let _ = writeln!(
        t,
        "{}, up to {}, {}: {} programs on each of {}",
        settings.spec,
        plural(ops as u64, "op"),
        plural(u64::from(objects), "register"),
        grouped(summary.lengths.iter().sum()),
        plural(summary.machines as u64, "machine"),
    );
    let fresh = s.checked() - summary.resumed;
    let rate = fresh as f64 / summary.elapsed.as_secs_f64().max(0.001);
    let _ = writeln!(
        t,
        "{} in {:.1} s ({rate:.0}/s with {}); {} run, {} also standalone; {} decided by a shorter one that trapped or broke a promise",
        grouped(fresh),
        summary.elapsed.as_secs_f64(),
        plural(settings.jobs as u64, "worker"),
        grouped(s.run),
        s.confirmations,
        grouped(s.decided),
    );
    let _ = writeln!(
        t,
        "reached: {} collections, {} objects marked, {} blocks freed, {} pages grown, worklist {} deep, root stack {} deep, inconclusive: {}",
        s.collections,
        s.marked,
        s.freed,
        s.grown,
        s.worklist,
        s.roots,
        listed(&s.inconclusive, "none"),
    );
    let after = undemanded(s.may_traps, &summary.description).map(|text| format!(", {text}")).unwrap_or_default();
    let _ = writeln!(
        t,
        "verdicts: {} passed; {} allowed traps ({}{after}); {} violations",
        s.passed,
        s.traps.values().sum::<u64>() + s.may_traps,
        listed(&s.traps, "none demanded"),
        s.violations,
    );
    match reports.len() {
        0 => t.push_str("findings: none\n"),
        n => {
            let _ = writeln!(t, "findings: {n}");
        }
    }
    for r in reports {
        t.push_str(&r.summary());
        for line in r.case().lines().skip(1) {
            let _ = writeln!(t, "      {line}");
        }
    }
    for why in distrusted {
        let _ = writeln!(t, "not trustworthy: {why}");
    }
    let (checked, total) = (grouped(s.checked()), grouped(summary.total));
    if summary.is_whole {
        let _ = writeln!(t, "checked {checked} programs, all");
    } else {
        let _ = writeln!(t, "checked {checked} of {total} programs{}", resume(settings));
    }
    t
}

/// How to go on.
fn resume(settings: &Settings) -> String {
    match &settings.state {
        Some(_) => "; the same command goes on from there".to_owned(),
        None => "; with --state FILE a run can be resumed".to_owned(),
    }
}

/// Numbers by name.
fn listed(numbers: &std::collections::BTreeMap<String, u64>, none: &str) -> String {
    if numbers.is_empty() {
        return none.to_owned();
    }
    numbers.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
}

/// The summary as JSON; see the README for its fields.
fn json(settings: &Settings, summary: &Summary, reports: &[Report], distrusted: &[String]) -> serde_json::Value {
    let s = &summary.tally;
    json!({
        "schema": SCHEMA_VERSION,
        "runtime": settings.spec.to_string(),
        "engines": settings.engines.iter().map(|e| e.name()).collect::<Vec<_>>(),
        "ops": settings.scope.ops,
        "objects": settings.scope.objects,
        "machines": summary.machines,
        "lengths": summary.lengths,
        "programs": summary.total,
        "checked": s.checked(),
        "run": s.run,
        "decided": s.decided,
        "resumed": summary.resumed,
        "whole": summary.is_whole,
        "seconds": summary.elapsed.as_secs_f64(),
        "confirmations": s.confirmations,
        "observed": {
            "collections": s.collections, "marked": s.marked, "freed_blocks": s.freed, "pages_grown": s.grown,
            "deepest_worklist": s.worklist, "deepest_root_stack": s.roots,
        },
        "verdicts": {
            "passed": s.passed, "allowed_traps": s.traps, "allowed_after_false_candidate": s.may_traps,
            "violations": s.violations, "inconclusive": s.inconclusive,
        },
        "findings": reports.iter().map(Report::json).collect::<Vec<_>>(),
        "not_trustworthy": distrusted,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A scope whose violations are wasmi's own, replayed on wasmtime and another engine.
    fn replayed_on(tracing: &str) -> Summary {
        let settings = Settings {
            spec: parse_spec("fixed?fault=first-fit-by-select,data_end=5,worklist=1").unwrap(),
            scope: Scope { ops: 3, objects: 1 },
            engines: engines(&["wasmtime".to_owned(), "wasmi".to_owned()], Backtrace::Off).unwrap(),
            tracing_engines: engines(&["wasmtime".to_owned(), tracing.to_owned()], Backtrace::On).unwrap(),
            jobs: 1,
            state: None,
        };
        exhaust::exhaust(&settings, &Progress::default()).unwrap()
    }

    #[test]
    fn violations_that_no_replay_shows_are_the_harness_s_to_explain() {
        let shown = replayed_on("wasmi");
        assert!(shown.tally.violations > 0);
        assert_eq!(exit(&shown), Exit::Violation);
        let silent = replayed_on("wasmi1");
        assert_eq!((silent.tally.violations, exit(&silent)), (shown.tally.violations, Exit::Untrusted));
    }
}
