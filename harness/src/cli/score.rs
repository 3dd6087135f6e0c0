//! `heapsmith score`: planted faults, and the history of a collector, as a measure of what silence is worth.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "seed": 1, "programs": 1000, "enough": 20, "engines": ["wasmtime"], "interrupted": false,
//!   "runtimes": [{ "runtime": "fixed", "control": { "programs": 1000, "violations": {}, "unknown": 0 },
//!     "of": 1, "faults": [{ "name": "round-to-4", "cause": "...", "issue": null, "breaks": "misaligned", "equivalent": null, "programs": 25, "unknown": 0, "reached": 25,
//!       "triggered": 24, "detected": 20, "by_variant": 0, "p": 0.8, "interval": [0.6, 0.9], "first": 1, "median": 1, "median_seconds": 0.001,
//!       "kinds": { "misaligned": 20 }, "oracle": "misaligned", "problem": null }] }],
//!   "history": [{ "issue": "#464", "rule": "root-push-guard", "lived": "vera@0.0.65", "fixed": "vera@0.0.112", "first": 7,
//!                 "findings": [{ "bucket": "...", "programs": 3 }], "persisting": 0, "untrusted": 0, "right": true }] }
//! ```
//! With `--ablate` there are `ablations` in the place of `runtimes` and `history`, each with `name`, `engines`, `of`, `detected`, `median` and `quantile_95`
//! (null: never), names of faults `lost` and `gained` against the first, `p`, `seconds`, `controls` and `faults`; and `problems`, in words.
//!
//! What the words mean stands in [`heapsmith::score`] and [`heapsmith::score::history`].

mod ablate;
mod html;

use super::found::{check_file, jobs, plural, stop_on_signals};
use super::mutants::{json_of_control, of_control};
use super::{Exit, engines, print, progress};
use anyhow::{Context, ensure};
use heapsmith::bench::grouped;
use heapsmith::engine::{Backtrace, Engine};
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::{Fault, Spec, fault, parse_spec};
use heapsmith::score::history::{self, BUGS, How, history};
use heapsmith::score::{Ablation, Control, Progress, Row, Settings, Stream, check, is_reference, survey};
use heapsmith_generators::Machine;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Faults and history
    All,
    /// Planted faults only
    Faults,
    /// The bugs of Vera's releases only
    History,
}

/// Arguments of `score`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to run
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// Plant the faults of this collector only, with parameters if you like
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Plant the faults of a folder of yours, `DIR/RUNTIME/*.toml`, in the place of ours
    #[arg(long, value_name = "DIR")]
    faults: Option<PathBuf>,
    /// Programs that a fault is tried on at most, and programs of each campaign of the history
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    programs: u32,
    /// Detections after which a fault is tried no further (without its declared kind among them: 20)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    enough: u32,
    /// The seed of the programs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Engines that faults are tried on, separated by commas; the first is judged
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime")]
    engines: Vec<String>,
    /// Workers; all cores by default
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Plant them again without variants, trap prediction, boundaries, ...: what each part of generator and oracle is worth
    #[arg(long)]
    ablate: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Write a page with the tables and a plot, which needs no other file
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

/// What became of the faults of one runtime.
pub(super) struct Scored {
    spec: Spec,
    control: Control,
    rows: Vec<Row>,
    of: usize,
}

/// All that was measured.
pub(super) struct Card<'a> {
    args: &'a Args,
    engines: Vec<&'static str>,
    scored: Vec<Scored>,
    history: Vec<history::Row>,
    interrupted: bool,
}

const STOPPING: &str = "heapsmith: stopping after what is being tried; once more to leave at once";

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.ablate {
        return ablate::run(args);
    }
    let faults = if args.what == What::History { Vec::new() } else { wanted(args)? };
    if let Some(path) = &args.html {
        check_file("--html", path, html::BEGINS)?;
    }
    check_all(&[Ablation::Nothing], args, &faults)?;
    let engines = engines(&args.engines, Backtrace::Off)?;
    let jobs = jobs(args.jobs)?;
    let (scored, history, interrupted) = watched(|progress, title| {
        let scored = plant(Ablation::Nothing, args, &faults, (&engines, jobs), progress, title)?;
        let how = How { programs: args.programs.into(), seed: args.seed, jobs };
        let history = match args.what {
            What::Faults => Vec::new(),
            What::All | What::History => {
                history(&BUGS, how, &progress.stop, |on| title(&format!("the history of {on}")))?
            }
        };
        Ok((scored, history, progress.stop.load(Ordering::Relaxed)))
    })?;
    let engines = engines.iter().map(|e| e.name()).collect();
    let card = Card { args, engines, scored, history, interrupted };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&json(&card))?))?;
    } else {
        print(&text(&card))?;
    }
    if let Some(path) = &args.html {
        std::fs::write(path, html::page(&card)?)
            .with_context(|| format!("--html: expected to write `{}`", path.display()))?;
    }
    Ok(if card.problems().next().is_some() {
        Exit::Violation
    } else if card.interrupted {
        Exit::Untrusted
    } else {
        Exit::Clean
    })
}

/// Runs something that says what it is at, while that and how far it is are shown; signals stop it.
fn watched<T>(run: impl FnOnce(&Progress, &dyn Fn(&str)) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let progress = Arc::new(Progress::default());
    stop_on_signals(&progress, |p| &p.stop, STOPPING)?;
    let (done, now) = (AtomicBool::new(false), std::sync::Mutex::new(String::new()));
    let title = |text: &str| text.clone_into(&mut now.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    std::thread::scope(|scope| {
        scope.spawn(|| progress::show(|elapsed| describe(&now, &progress, elapsed), &done));
        let result = run(&progress, &title);
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// The faults to plant, by runtime.
fn wanted(args: &Args) -> anyhow::Result<Vec<(Spec, Vec<Arc<Fault>>)>> {
    let all: Vec<(String, Arc<Fault>)> = match &args.faults {
        Some(folder) => fault::load_all(folder).context("--faults")?,
        None => fault::all().map(|(on, fault)| (on.to_owned(), Arc::clone(fault))).collect(),
    };
    let mut by_runtime: BTreeMap<String, Vec<Arc<Fault>>> = BTreeMap::new();
    for (on, fault) in all {
        by_runtime.entry(on).or_default().push(fault);
    }
    let Some(name) = &args.runtime else {
        let parsed = by_runtime.into_iter().map(|(on, faults)| {
            let spec = parse_spec(&on).context("--faults")?;
            ensure!(spec.edit.is_none(), "--faults: expected a collector without an edit, found the folder `{on}`");
            Ok((spec, faults))
        });
        return parsed.collect();
    };
    let spec = parse_spec(name).context("--runtime")?;
    ensure!(spec.edit.is_none(), "--runtime: expected a collector without an edit, found `{spec}`");
    let known: Vec<&str> = by_runtime.keys().map(String::as_str).collect();
    let known = known.join(", ");
    let mut of_it = Vec::new();
    for (on, faults) in by_runtime {
        let own = parse_spec(&on).context("--faults")?;
        if own.name == spec.name {
            // What is asked for wins over what faults are declared to need.
            of_it.push((
                Spec {
                    address_limit: spec.address_limit.or(own.address_limit),
                    pinned: over(spec.pinned, own.pinned),
                    ..spec.clone()
                },
                faults,
            ));
        }
    }
    ensure!(!of_it.is_empty(), "--runtime: expected a collector with faults ({known}), found `{}`", spec.name);
    Ok(of_it)
}

/// Looks at all faults before any is tried.
fn check_all(ablations: &[Ablation], args: &Args, faults: &[(Spec, Vec<Arc<Fault>>)]) -> anyhow::Result<()> {
    for (spec, faults) in faults {
        for &ablation in ablations {
            check(ablation, spec, args.seed, faults).with_context(|| format!("the faults of {spec}"))?;
        }
    }
    Ok(())
}

/// The first machine, with what it leaves open as in the second one; pages are taken from one of them.
fn over(first: Machine, second: Machine) -> Machine {
    let has_pages = first.initial_pages.is_some() || first.max_pages.is_some();
    let pages = if has_pages { first } else { second };
    Machine {
        data_end: first.data_end.or(second.data_end),
        worklist: first.worklist.or(second.worklist),
        roots: first.roots.or(second.roots),
        initial_pages: pages.initial_pages,
        max_pages: pages.max_pages,
        wraps: first.wraps.or(second.wraps),
    }
}

fn plant(
    ablation: Ablation,
    args: &Args,
    faults: &[(Spec, Vec<Arc<Fault>>)],
    (engines, jobs): (&[Box<dyn Engine>], usize),
    progress: &Progress,
    title: &dyn Fn(&str),
) -> anyhow::Result<Vec<Scored>> {
    let mut all = Vec::new();
    for (spec, faults) in faults {
        if progress.stop.load(Ordering::Relaxed) {
            break;
        }
        title(&format!("{spec} without a fault"));
        let count = args.programs as usize;
        let drawn = (args.seed, count);
        let (stream, control) = Stream::ablated(ablation, spec, drawn, engines, jobs, &progress.stop)?;
        title(&format!("faults in {spec}"));
        let settings = Settings { engines, enough: args.enough.into(), jobs };
        let rows = survey(&stream, faults, &settings, progress)?;
        all.push(Scored { spec: spec.clone(), control, rows, of: faults.len() });
    }
    Ok(all)
}

fn describe(now: &std::sync::Mutex<String>, progress: &Progress, elapsed: Duration) -> String {
    let now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let (of, done) = (progress.of.load(Ordering::Relaxed), progress.done.load(Ordering::Relaxed));
    format!("{now}: {} s, {done} of {of} faults", elapsed.as_secs())
}

impl Card<'_> {
    /// Everything that is not as it must be, in words.
    fn problems(&self) -> impl Iterator<Item = String> {
        let faults = self.scored.iter().flat_map(|scored| {
            let on = &scored.spec;
            scored.rows.iter().filter_map(move |row| Some(format!("{} in {on}: {}", row.fault.name, row.problem()?)))
        });
        let history = self.history.iter().filter(|row| !row.is_right()).map(|row| {
            let history::Bug { issue, lived, fixed, .. } = row.bug;
            let (found, after) = (row.findings.len(), row.persisting);
            format!("{issue}: {found} findings on {lived}, where it lived; {after} of them on {fixed}, which fixed it; {} programs contradict themselves", row.untrusted)
        });
        let alarms = self.scored.iter().filter(|scored| scored.alarms() > 0);
        let alarms = alarms
            .map(|scored| format!("{} false alarms on {}, which keeps every promise", scored.alarms(), scored.spec));
        alarms.chain(faults).chain(history)
    }

    /// How many faults that are none of the equivalents there are, how many were detected, and each one's number of the first program and median.
    fn detections(&self) -> (usize, Vec<(u64, u64)>) {
        let rows = || self.scored.iter().flat_map(|s| &s.rows).filter(|row| row.fault.equivalent.is_none());
        (rows().count(), rows().filter_map(|row| Some((row.first?, row.median()?))).collect())
    }
}

fn text(card: &Card<'_>) -> String {
    let mut t = String::new();
    for scored in &card.scored {
        let _ = writeln!(
            t,
            "{}, seed {}: {} of {}, each on at most {} programs and until {} detected it ({})",
            scored.spec,
            card.args.seed,
            scored.rows.len(),
            plural(scored.of as u64, "fault"),
            grouped(scored.control.programs),
            card.args.enough,
            card.engines.join(", "),
        );
        let _ = writeln!(t, "{}\n", of_control(&scored.spec, &scored.control));
        let _ = writeln!(
            t,
            "  {:<38}{:>9}{:>8}{:>10}{:>9}{:>8}  {:<15}{:>7}{:>9}  first broken promise",
            "fault", "programs", "reached", "triggered", "detected", "p %", "95 %", "median", "seconds"
        );
        for row in &scored.rows {
            let (p, (low, high)) = row.share();
            let median = row.median().map_or_else(|| "-".to_owned(), |n| n.to_string());
            let seconds = row.median_seconds().map_or_else(|| "-".to_owned(), |s| format!("{s:.3}"));
            let oracle = match (&row.fault.equivalent, row.oracle()) {
                (_, Some(kind)) => kind,
                (Some(_), None) => "none: it is equivalent",
                (None, None) => "NOT DETECTED",
            };
            let _ = writeln!(
                t,
                "  {:<38}{:>9}{:>8}{:>10}{:>9}{:>8.1}  {:<15}{median:>7}{seconds:>9}  {oracle}",
                row.fault.name,
                row.programs,
                row.reached,
                row.triggered,
                row.detected,
                100.0 * p,
                format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high),
            );
        }
        t.push('\n');
    }
    if !card.scored.is_empty() {
        t.push_str(&sum(card));
    }
    if !card.history.is_empty() {
        let _ = writeln!(t, "the history of Vera's collector, campaigns of {} programs", card.args.programs);
        let _ = writeln!(t, "  {:<16}{:<26}{:<28}{:<28}", "issue", "rule", "where it lived", "where it was fixed");
        for row in &card.history {
            let programs: u64 = row.findings.iter().map(|(_, n)| n).sum();
            let first = row.first.map_or_else(String::new, |n| format!(", first {n}"));
            let found = format!("{}: {programs} programs{first}", row.bug.lived);
            let after = format!("{}: {}", row.bug.fixed, row.persisting);
            let mark = if row.is_right() { "" } else { "  WRONG" };
            let _ = writeln!(t, "  {:<16}{:<26}{found:<42}{after}{mark}", row.bug.issue, row.bug.rule);
        }
        t.push('\n');
    }
    let problems: Vec<String> = card.problems().collect();
    if problems.is_empty() {
        let _ = writeln!(t, "{}", if card.interrupted { "interrupted" } else { "all as declared" });
    } else {
        let _ = writeln!(t, "not as declared:");
        for problem in problems {
            let _ = writeln!(t, "  {problem}");
        }
    }
    t
}

/// Detections, all in all.
fn sum(card: &Card<'_>) -> String {
    let (of, detections) = card.detections();
    let medians: Vec<u64> = detections.iter().map(|(_, median)| *median).collect();
    let alarms: u64 = card.scored.iter().map(Scored::alarms).sum();
    let programs: u64 = card.scored.iter().filter(|s| is_reference(&s.spec)).map(|s| s.control.programs).sum();
    format!(
        "detected {} of {}; half of them within {} programs each (median wait), 95 % within {}; false alarms on the references: {alarms} in {} programs\n\n",
        detections.len(),
        plural(of as u64, "fault"),
        quantile(&medians, 50),
        quantile(&medians, 95),
        grouped(programs),
    )
}

impl Scored {
    /// False alarms of its control.
    fn alarms(&self) -> u64 {
        self.control.false_alarms(&self.spec)
    }
}

/// The smallest number that so many percent of some numbers do not exceed.
fn quantile(numbers: &[u64], percent: usize) -> u64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

fn json(card: &Card<'_>) -> serde_json::Value {
    let fault = |row: &Row| {
        let (p, (low, high)) = row.share();
        json!({
            "name": row.fault.name, "cause": row.fault.cause, "issue": row.fault.issue, "breaks": row.fault.breaks,
            "equivalent": row.fault.equivalent, "programs": row.programs, "unknown": row.unknown, "reached": row.reached, "triggered": row.triggered,
            "detected": row.detected, "by_variant": row.by_variant, "p": p, "interval": [low, high], "first": row.first,
            "median": row.median(), "median_seconds": row.median_seconds(), "kinds": row.kinds, "oracle": row.oracle(),
            "problem": row.problem(),
        })
    };
    let scored = |s: &Scored| {
        json!({ "runtime": s.spec.to_string(), "control": json_of_control(&s.control), "of": s.of,
                "faults": s.rows.iter().map(fault).collect::<Vec<_>>() })
    };
    let bug = |row: &history::Row| {
        let findings: Vec<_> = row.findings.iter().map(|(b, n)| json!({ "bucket": b, "programs": n })).collect();
        json!({ "issue": row.bug.issue, "rule": row.bug.rule, "lived": row.bug.lived, "fixed": row.bug.fixed, "first": row.first,
                "findings": findings, "persisting": row.persisting, "untrusted": row.untrusted, "right": row.is_right() })
    };
    json!({
        "schema": SCHEMA_VERSION, "seed": card.args.seed, "programs": card.args.programs, "enough": card.args.enough,
        "engines": card.engines, "interrupted": card.interrupted,
        "runtimes": card.scored.iter().map(scored).collect::<Vec<_>>(),
        "history": card.history.iter().map(bug).collect::<Vec<_>>(),
    })
}
