//! `heapsmith corpus`: how much a folder of programs reaches, and how few files reach as much.
//!
//! With `--json`, `minimize` and `merge` print
//!
//! ```json
//! { "schema": 1, "runtime": "vera@0.0.131", "engines": ["wasmtime", "wasmi"], "folders": ["corpus"], "out": "small",
//!   "before": { "files": 34, "bytes": 8000, "ops": 120, "features": 700, "tags": 12, "verdicts": 6 }, "after": { "files": 20 },
//!   "verdicts": { "pass": { "before": 20, "after": 9 } }, "kept": ["a.heapsmith"], "duplicates": 0, "removed": null,
//!   "unreadable": [{ "path": "corpus/x.heapsmith", "reason": "line 2, column 1: ..." }], "untrusted": [] }
//! ```
//! where `after` has the fields of `before`, `out` is null in place, `removed` is where the other files are then, `tags` counts ops and
//! graphs that had an effect, and `verdicts` has a field for each verdict, a violation's with its bucket. `stats` prints
//!
//! ```json
//! { "schema": 1, "runtime": "vera@0.0.131", "engines": ["wasmtime", "wasmi"], "folder": "corpus", "size": { "files": 34 },
//!   "goals": { "path.bump": 12, "op.alloc": 20, "verdict.pass": 20 }, "edges": { "reached": 90, "of": 100 },
//!   "boundaries": { "reached": 30, "of": 528 }, "files_needed": 12, "duplicates": 0, "unreadable": [], "untrusted": [],
//!   "missing": { "ops": ["wrap"], "graphs": ["comb"], "edges": { "alloc": [3] }, "boundaries": ["end.block.-3.mod5"], "others": ["trap rule size-limit"] } }
//! ```
//! where `goals` says how many files reach each, `edges` is null if the first engine is not wasmtime, and `files_needed` are files that reach
//! something that no other file does.

use super::found::{check_out, jobs, plural, stop_on_signals};
use super::{Exit, complain, engines, print, progress, quoted};
use anyhow::{Context, ensure};
use clap::Subcommand;
use heapsmith::corpus::load::Unreadable;
use heapsmith::corpus::minimize::{OnUnreadable, Place, Size, Summary};
use heapsmith::corpus::stats::{Stats, stats};
use heapsmith::corpus::{CorpusError, Goal, Prober, Progress, merge, minimize};
use heapsmith::coverage::Feature;
use heapsmith::engine::Backtrace;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::parse_spec;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Arguments of `corpus`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
A corpus is a folder of cases (*.heapsmith) and of texts without an extension, as libFuzzer names its inputs; other files are left alone.
What a file is for are its goals: edges of the collector with their hit counts and state features (they depend on --runtime), ops that
had an effect, and its verdict, of a violation with its bucket. Inputs that are no text are no cases: `cargo fuzz cmin` minimizes those.

Exit codes: 0 done (verdicts are what a corpus keeps, so violations are none of this command's), 2 wrong use, or a file that cannot be
read, 3 the answer cannot be trusted: harness and engines contradict each other, the result does not reach what the input reaches, or
the command was interrupted. But for 0, nothing was written.

Examples:
  heapsmith corpus stats corpus/seeds/graphs
  heapsmith corpus minimize fuzz/corpus/graphs --out fuzz/corpus/graphs-small
  heapsmith corpus merge night-1 night-2 --out corpus-of-both";

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep the smallest part of a folder that reaches as much as all of it.
    Minimize {
        /// The folder; it is not changed, but for --in-place
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Where the result is written: a folder that is not there yet, or is empty
        #[arg(long, value_name = "DIR", required_unless_present = "in_place", conflicts_with = "in_place")]
        out: Option<PathBuf>,
        /// Move the files that can be spared into a new folder beside it, DIR.removed
        #[arg(long)]
        in_place: bool,
        /// Leave files out that cannot be read
        #[arg(long)]
        skip_unreadable: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Say what a folder reaches, by how many files, and which ops, graphs and boundaries are missing.
    Stats {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// List every goal with the number of files that reach it, and every boundary that is missing
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Write one small folder that reaches what all of these reach, in the memory of the result.
    Merge {
        /// The folders
        #[arg(value_name = "DIR", required = true)]
        folders: Vec<PathBuf>,
        /// Where the result is written: a folder that is not there yet, or is empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Leave files out that cannot be read
        #[arg(long)]
        skip_unreadable: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// What all of them take.
#[derive(Debug, clap::Args)]
struct Common {
    /// The collector, with parameters if you like
    #[arg(long, value_name = "NAME", default_value = super::cases::DEFAULT_RUNTIME)]
    runtime: String,
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime,wasmi", help = super::ENGINES_HELP)]
    engines: Vec<String>,
    /// Workers; all cores by default
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl Common {
    fn prober(&self) -> anyhow::Result<(Prober, usize)> {
        let spec = parse_spec(&self.runtime).context("--runtime")?;
        // Backtraces tell the phase of a violation that is a trap.
        let prober = Prober::new(spec, engines(&self.engines, Backtrace::On)?);
        prober.edges().map_err(|problem| anyhow::anyhow!("--runtime: {problem}"))?;
        Ok((prober, jobs(self.jobs)?))
    }
}

/// What the first Ctrl-C says.
const STOPPING: &str = "heapsmith: stopping; nothing is written";

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Minimize { folder, out, in_place: _, skip_unreadable, common } => {
            check_folder(folder)?;
            let place = match out {
                Some(out) => {
                    check_result(out, std::slice::from_ref(folder))?;
                    Place::Out(out)
                }
                None => Place::InPlace,
            };
            let (prober, jobs) = common.prober()?;
            let on = on_unreadable(*skip_unreadable);
            let done = watched(&format!("minimizing {}", folder.display()), |progress| {
                minimize(folder, place, (&prober, jobs), on, progress)
            })?;
            answer(done, |summary| told(common, &prober, std::slice::from_ref(folder), out.as_deref(), summary))
        }
        Command::Merge { folders, out, skip_unreadable, common } => {
            folders.iter().try_for_each(|folder| check_folder(folder))?;
            check_result(out, folders)?;
            let (prober, jobs) = common.prober()?;
            let on = on_unreadable(*skip_unreadable);
            let done = watched("merging", |progress| merge(folders, out, (&prober, jobs), on, progress))?;
            answer(done, |summary| told(common, &prober, folders, Some(out), summary))
        }
        Command::Stats { folder, all, common } => {
            check_folder(folder)?;
            let (prober, jobs) = common.prober()?;
            let title = format!("running {}", folder.display());
            let done = watched(&title, |progress| stats(folder, (&prober, jobs), progress))?;
            answer(done, |stats| {
                let text = if common.json {
                    format!("{}\n", serde_json::to_string_pretty(&stats_json(&prober, folder, stats))?)
                } else {
                    stats_text(&prober, folder, stats, *all)
                };
                print(&text)?;
                Ok(stats.untrusted.is_empty())
            })
        }
    }
}

const fn on_unreadable(skip: bool) -> OnUnreadable {
    if skip { OnUnreadable::Skip } else { OnUnreadable::Refuse }
}

fn check_folder(folder: &Path) -> anyhow::Result<()> {
    ensure!(folder.is_dir(), "{}: expected a folder, found {}", folder.display(), what_is_at(folder));
    Ok(())
}

fn what_is_at(path: &Path) -> &'static str {
    if path.exists() { "a file" } else { "nothing there" }
}

/// A result has a place of its own, outside of what it is made from.
fn check_result(out: &Path, folders: &[PathBuf]) -> anyhow::Result<()> {
    // A folder that one is in cannot be replaced, nor a link; and where `..` leads from what is not there yet nobody knows.
    let leads_away = |path: &Path| (path.file_name().is_none() || path.is_symlink()) && !path.exists();
    ensure!(
        out.file_name().is_some()
            && !out.is_symlink()
            && !out.ancestors().any(|path| !path.as_os_str().is_empty() && leads_away(path)),
        "--out: expected the name of a folder, found `{}`; name it without `.`, `..` and links that lead nowhere",
        out.display()
    );
    check_out(out)?;
    if out.is_dir() {
        let mut entries = fs::read_dir(out).with_context(|| format!("--out: {}", out.display()))?;
        ensure!(
            entries.next().is_none(),
            "--out: expected a folder that is empty or not there yet, found files in `{}`; name another place",
            out.display()
        );
    }
    // What is not there yet is in what is there of the way to it.
    let whole = |path: &Path| {
        path.ancestors().find_map(|p| fs::canonicalize(if p.as_os_str().is_empty() { Path::new(".") } else { p }).ok())
    };
    for folder in folders {
        let inside = match (whole(out), fs::canonicalize(folder)) {
            (Some(out), Ok(folder)) => out.starts_with(&folder),
            (None, _) | (_, Err(_)) => false,
        };
        ensure!(
            !inside,
            "--out: expected a folder outside of `{}`, which is not changed, found `{}`",
            folder.display(),
            out.display()
        );
    }
    Ok(())
}

/// Runs something that can be watched and stopped.
fn watched<T>(title: &str, work: impl FnOnce(&Progress) -> T) -> anyhow::Result<T> {
    let progress = Arc::new(Progress::default());
    stop_on_signals(&progress, |p| &p.stop, STOPPING)?;
    let done = AtomicBool::new(false);
    Ok(std::thread::scope(|scope| {
        scope.spawn(|| progress::show(|elapsed| describe(title, &progress, elapsed), &done));
        let result = work(&progress);
        done.store(true, Ordering::Relaxed);
        result
    }))
}

fn describe(title: &str, progress: &Progress, elapsed: Duration) -> String {
    let (done, total) = (progress.done.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed));
    format!("{title}: {} s, {done} of {total} files", elapsed.as_secs())
}

/// Shows an answer, which says whether it can be trusted; or what went wrong.
fn answer<T>(done: Result<T, CorpusError>, show: impl FnOnce(&T) -> anyhow::Result<bool>) -> anyhow::Result<Exit> {
    match done {
        Ok(answer) => Ok(if show(&answer)? { Exit::Clean } else { Exit::Untrusted }),
        Err(error @ (CorpusError::Different { .. } | CorpusError::Stopped(_))) => {
            complain(&format!("heapsmith: {error}"));
            Ok(Exit::Untrusted)
        }
        Err(
            error @ (CorpusError::Unreadable(_)
            | CorpusError::Empty(_)
            | CorpusError::Io { .. }
            | CorpusError::Changed(_)
            | CorpusError::Finding(_)
            | CorpusError::Link(_)
            | CorpusError::Busy(_)),
        ) => Err(error.into()),
    }
}

/// Says what became of a corpus.
fn told(
    common: &Common,
    prober: &Prober,
    folders: &[PathBuf],
    out: Option<&Path>,
    summary: &Summary,
) -> anyhow::Result<bool> {
    if common.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&summary_json(prober, folders, out, summary))?))?;
    } else {
        print(&summary_text(prober, folders, out, summary))?;
    }
    for unreadable in &summary.unreadable {
        complain(&format!("heapsmith: left out: {unreadable}"));
    }
    for path in &summary.untrusted {
        complain(&format!(
            "heapsmith: {}: harness and engines contradict each other; heapsmith doctor",
            path.display()
        ));
    }
    Ok(summary.untrusted.is_empty())
}

fn summary_text(prober: &Prober, folders: &[PathBuf], out: Option<&Path>, s: &Summary) -> String {
    let mut t = heading(prober, folders);
    let _ = writeln!(t, "\n              before       after");
    let row = |t: &mut String, name: &str, of: fn(&Size) -> usize| {
        let _ = writeln!(t, "  {name:<8}{:>10}  {:>10}", of(&s.before), of(&s.after));
    };
    row(&mut t, "files", |s| s.files);
    row(&mut t, "bytes", |s| s.bytes);
    row(&mut t, "ops", |s| s.ops);
    row(&mut t, "features", |s| s.features);
    row(&mut t, "op tags", |s| s.tags);
    row(&mut t, "verdicts", |s| s.verdicts);
    let _ = writeln!(t, "\nfiles by verdict");
    for (verdict, (before, after)) in &s.verdicts {
        let _ = writeln!(t, "  {before:>8}  {after:>10}  {verdict}");
    }
    let _ = writeln!(t, "\nduplicates: {}; left out: {}", s.duplicates, s.unreadable.len());
    let place = match (out, &s.aside) {
        (Some(out), _) => format!("written to {}, run again there: it reaches the same", out.display()),
        (None, None) => "nothing can be spared; nothing was moved".to_owned(),
        (None, Some(aside)) => {
            let (aside, folder) = (aside.display().to_string(), folders[0].display().to_string());
            format!(
                "{} moved to {aside}, {} left and run again: they reach the same; to undo: cp -r {}/. {}",
                plural((s.before.files - s.after.files) as u64, "file"),
                s.after.files,
                quoted(&aside),
                quoted(&folder),
            )
        }
    };
    let _ = writeln!(t, "{place}");
    t
}

fn heading(prober: &Prober, folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let engines: Vec<&str> = prober.engines().collect();
    format!("{} on {}, {}\n", names.join(", "), prober.spec(), engines.join(" and "))
}

fn summary_json(prober: &Prober, folders: &[PathBuf], out: Option<&Path>, s: &Summary) -> serde_json::Value {
    let verdicts: BTreeMap<&str, _> = s
        .verdicts
        .iter()
        .map(|(name, (before, after))| (&**name, json!({ "before": before, "after": after })))
        .collect();
    json!({
        "schema": SCHEMA_VERSION,
        "runtime": prober.spec().to_string(),
        "engines": prober.engines().collect::<Vec<_>>(),
        "folders": paths(folders),
        "out": out.map(|out| out.display().to_string()),
        "before": s.before,
        "after": s.after,
        "verdicts": verdicts,
        "kept": paths(&s.kept),
        "duplicates": s.duplicates,
        "removed": s.aside.as_ref().map(|aside| aside.display().to_string()),
        "unreadable": unreadable_json(&s.unreadable),
        "untrusted": paths(&s.untrusted),
    })
}

fn paths(all: &[PathBuf]) -> Vec<String> {
    all.iter().map(|path| path.display().to_string()).collect()
}

fn unreadable_json(all: &[Unreadable]) -> Vec<serde_json::Value> {
    all.iter().map(|u| json!({ "path": u.path.display().to_string(), "reason": u.reason })).collect()
}

fn stats_text(prober: &Prober, folder: &Path, s: &Stats, all: bool) -> String {
    let mut t = heading(prober, &[folder.to_owned()]);
    let z = s.size;
    let _ = writeln!(
        t,
        "{}, {} bytes, {}; {} unreadable, {}; {} something that no other file does",
        plural(z.files as u64, "file"),
        z.bytes,
        plural(z.ops as u64, "op"),
        s.unreadable.len(),
        plural(s.duplicates as u64, "duplicate"),
        if s.alone == 1 { "1 reaches".to_owned() } else { format!("{} reach", s.alone) },
    );
    let edges = match s.edges {
        Some((reached, of)) => format!("{reached} of {of} edges of the collector"),
        None => "edges are not counted: the first engine is not wasmtime".to_owned(),
    };
    let (reached, of) = s.boundaries;
    let _ = writeln!(t, "reached: {} features; {edges}; {reached} of {of} boundary classes", z.features);
    let _ = writeln!(t, "\nfiles by verdict, op and graph");
    for (goal, files) in &s.goals {
        let shown = match goal {
            Goal::Feature(_) => all,
            Goal::Op(_) | Goal::Verdict(_) => true,
        };
        if shown {
            let _ = writeln!(t, "  {files:>8}  {goal}");
        }
    }
    let _ = writeln!(t, "\nmissing");
    let row = |t: &mut String, name: &str, what: String| {
        let what = if what.is_empty() { "none".to_owned() } else { what };
        // A list of several lines begins on the next one.
        let _ = if what.starts_with('\n') { writeln!(t, "  {name}{what}") } else { writeln!(t, "  {name:<11} {what}") };
    };
    row(&mut t, "ops", s.ops_missing.join(", "));
    row(&mut t, "graphs", s.graphs_missing.join(", "));
    row(&mut t, "others", s.others_missing.join("; "));
    row(&mut t, "edges", edges_text(&s.edges_missing));
    row(&mut t, "boundaries", boundaries_text(&s.boundaries_missing, all));
    for u in &s.unreadable {
        let _ = writeln!(t, "\nunreadable: {u}");
    }
    for path in &s.untrusted {
        let _ = writeln!(t, "\nnot trustworthy: harness and engines contradict each other on {}", path.display());
    }
    t
}

fn edges_text(missing: &BTreeMap<&'static str, Vec<u32>>) -> String {
    let numbers = |all: &[u32]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    missing.iter().map(|(function, all)| format!("{function} {}", numbers(all))).collect::<Vec<_>>().join(", ")
}

/// Boundary classes by end and distance, with how many of the eight phases are missing; or each by its name.
fn boundaries_text(missing: &[Feature], all: bool) -> String {
    if all {
        return missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    }
    let mut distances: BTreeMap<(String, i32), u32> = BTreeMap::new();
    for class in missing {
        let name = class.to_string();
        let mut parts = name.split('.').skip(1);
        if let (Some(end), Some(Ok(distance))) = (parts.next(), parts.next().map(str::parse)) {
            *distances.entry((end.to_owned(), distance)).or_default() += 1;
        }
    }
    let mut text = String::new();
    for end in ["payload", "block"] {
        let of = |wanted: fn(u32) -> bool| {
            let all = distances.iter().filter(|((e, _), n)| e == end && wanted(**n));
            all.map(|((_, distance), _)| format!("{distance:+}")).collect::<Vec<_>>().join(" ")
        };
        let (whole, part) = (of(|n| n == PHASES), of(|n| n < PHASES));
        for (what, list) in [("at no data_end mod 8", whole), ("at some data_end mod 8 only", part)] {
            if !list.is_empty() {
                let _ = write!(text, "\n    {end} ends, {what}: {list}");
            }
        }
    }
    text
}

/// Values of `data_end` modulo 8.
const PHASES: u32 = 8;

fn stats_json(prober: &Prober, folder: &Path, s: &Stats) -> serde_json::Value {
    let goals: BTreeMap<String, usize> = s.goals.iter().map(|(goal, files)| (goal.to_string(), *files)).collect();
    json!({
        "schema": SCHEMA_VERSION,
        "runtime": prober.spec().to_string(),
        "engines": prober.engines().collect::<Vec<_>>(),
        "folder": folder.display().to_string(),
        "size": s.size,
        "goals": goals,
        "edges": s.edges.map(|(reached, of)| json!({ "reached": reached, "of": of })),
        "boundaries": { "reached": s.boundaries.0, "of": s.boundaries.1 },
        "files_needed": s.alone,
        "duplicates": s.duplicates,
        "unreadable": unreadable_json(&s.unreadable),
        "untrusted": paths(&s.untrusted),
        "missing": {
            "ops": s.ops_missing,
            "graphs": s.graphs_missing,
            "edges": s.edges_missing,
            "boundaries": s.boundaries_missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "others": s.others_missing,
        },
    })
}
