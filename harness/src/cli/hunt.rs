//! `heapsmith hunt`: the main job.

use super::found::{self, Report, check_out, stop_on_signals};
use super::starts::{self, Added};
use super::{Exit, engines, known, print, progress, undemanded};
use anyhow::{Context, ensure};
use heapsmith::campaign::{
    self, BOUNDARY_CLASSES, Feedback, GROWTH, Learnt, Limit, Progress, Settings, Statistics, Summary,
};
use heapsmith::engine::Backtrace;
use heapsmith::metamorphic::{self, Selection, Tally};
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::description::{Description, MAX_PAGES};
use heapsmith::runtime::{Spec, parse_spec};
use heapsmith_generators::Machine;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Arguments of `hunt`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A module is no runtime: this says what to do with one
    #[arg(value_name = "FILE.wasm", hide = true, conflicts_with = "runtime")]
    module: Option<String>,
    /// The collector, with parameters if you like: `vera@0.0.131?worklist=64,pages=1..4`
    #[arg(long, value_name = "NAME", default_value = "vera@0.0.131")]
    runtime: String,
    /// The seed: with --programs, everything follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Hunt for so many seconds
    #[arg(long, value_name = "S", default_value_t = 30, conflicts_with = "programs")]
    seconds: u64,
    /// Hunt through so many programs instead
    #[arg(long, value_name = "N")]
    programs: Option<u64>,
    /// Workers; all cores by default
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime,wasmi", help = super::ENGINES_HELP, long_help = ENGINES_LONG_HELP)]
    engines: Vec<String>,
    /// Where findings are written
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
    /// Distinct findings to reduce and write
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_findings: usize,
    /// Run every program again under other schedules, heap starts, worklists, with poison, and on another runtime: same contents
    #[arg(long)]
    metamorphic: bool,
    /// The other runtime of --metamorphic, instead of the usual one
    #[arg(long, value_name = "NAME", requires = "metamorphic")]
    against: Option<String>,
    /// Run every program on each of these collectors, and hold what is reachable, without addresses, against what it is on the first one; the
    /// first one is hunted in, and sizes aim at the edges of its memory
    #[arg(long, value_name = "A,B", conflicts_with_all = ["runtime", "metamorphic"], long_help = VERSUS_LONG_HELP)]
    versus: Vec<String>,
    /// Choose what is run among more programs by what few came to, and learn from what programs reach
    #[arg(long, conflicts_with = "no_feedback", long_help = FEEDBACK_LONG_HELP)]
    feedback: bool,
    /// Start from the cases in a folder, and add to it, as new files, what was kept because it reached something new; implies --feedback
    #[arg(long, value_name = "DIR", conflicts_with = "no_feedback")]
    corpus: Option<PathBuf>,
    /// Draw every program, and learn nothing from what programs reach; so it is without --feedback, too
    #[arg(long)]
    no_feedback: bool,
    #[command(flatten)]
    known: known::Choice,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// What `hunt --help` says of feedback.
const FEEDBACK_LONG_HELP: &str = "\
Choose what is run among more programs, drawn ones and mutants, by the situations that few programs came to, and learn from what they reach.
More boundaries are reached than by as many drawn programs; but a program costs about twice the processor time, and violations were not shown to be
found sooner, so it is not the default. Most show before there is anything to learn from";

/// What `hunt --help` says of other collectors.
const VERSUS_LONG_HELP: &str = "\
Run every program on each of these collectors (names or manifests, with commas between them), and hold what is reachable, without addresses, against
what it is on the first one. The first one is hunted in, and sizes aim at the edges of its memory. A program that a limit ends on either of two
collectors is not compared. Where kinds of objects are few, both runs make such objects only as both collectors have";

/// What `hunt --help` says of engines.
const ENGINES_LONG_HELP: &str = "\
Engines, separated by commas; the first one is judged, all are compared:
wasmtime (Cranelift), winch, pulley, wasmi (2.0.0), wasmi1 (1.0.9), v8 (a node process; runs single programs only).
V8 runs every program in a hunt of at most 1024 programs, else every 64th; not those with very much work. The summary counts them";

/// Programs from which on a hunt that finds nothing must have reached what any collector does, whatever is pinned.
const BASIC_PROGRAMS: u64 = 100;
/// Programs from which on one that finds nothing must have grown memory where it may.
const GROWING_PROGRAMS: u64 = 50;
/// Programs that are named of those whose replay shows nothing.
const UNSHOWN_NAMED: usize = 3;
/// Kinds of violation that are listed when they were not reduced.
const KINDS_LISTED: usize = 5;
/// What the first Ctrl-C says.
const STOPPING: &str =
    "heapsmith: stopping, and reducing the commonest finding; once more to leave at once without a summary";

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let settings = settings(args)?;
    let list = args.known.list()?;
    let starts = match &args.corpus {
        Some(folder) => starts::read(folder, &settings.spec)?,
        None => Vec::new(),
    };
    let progress = Arc::new(Progress::default());
    stop_on_signals(&progress, |p| &p.stop, STOPPING)?;
    let done = AtomicBool::new(false);
    let title = format!("hunting in {}", settings.spec);
    let summary = std::thread::scope(|scope| {
        scope.spawn(|| progress::show(|elapsed| progress::of_campaign(&title, &progress, elapsed), &done));
        let summary = campaign::hunt_from(&settings, &starts, &progress);
        done.store(true, Ordering::Relaxed);
        summary
    })?;
    let reports: Vec<Report> = {
        let names: Vec<&'static str> = settings.engines.iter().map(|e| e.name()).collect();
        let runtime = settings.spec.to_string();
        let report = |f| Report::write(&args.out, &runtime, &names, f).held_against(&list, &settings.spec, f);
        summary.findings.iter().map(report).collect()
    };
    let added = match (&args.corpus, &summary.learnt) {
        (Some(folder), Some(learnt)) => Some(starts::add(folder, learnt)),
        (Some(_) | None, _) => None,
    };
    let mut distrusted = if settings.spec.pinned == Machine::default() {
        summary.statistics.distrusted(&summary.description)
    } else {
        // Pinned parameters can put a path out of reach; disagreements still count.
        summary.statistics.untrusted.values().cloned().collect()
    };
    let is_quiet = summary.statistics.violations == 0 || is_all_known(&summary, &reports);
    if is_quiet {
        distrusted.extend(unreached(&summary, settings.spec.pinned != Machine::default()));
    }
    if summary.statistics.programs >= BASIC_PROGRAMS {
        distrusted.extend(uncompared(settings.metamorphic.others(), &summary));
    }
    distrusted.extend(unshown(&summary));
    distrusted.extend(added.as_ref().and_then(|added| added.problem.clone()));
    if summary.interrupted {
        distrusted.insert(0, format!("interrupted before {}", wanted(&settings)));
    }
    if args.json {
        let value = json(&settings, &summary, added.as_ref(), &reports, &distrusted);
        print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
    } else {
        print(&text(&settings, &summary, &reports, &distrusted))?;
        if let (Some(folder), Some(added)) = (&args.corpus, &added) {
            print(&format!(
                "corpus: {} cases to start from, {} new files in {}\n",
                starts.len(),
                added.files,
                folder.display()
            ))?;
        }
    }
    for r in &reports {
        r.complain();
    }
    Ok(exit(&summary, &reports, &distrusted))
}

/// What a hunt that found nothing must have reached, and did not; of a short one growth only.
fn unreached(summary: &Summary, is_pinned: bool) -> Vec<String> {
    let Summary { statistics, description, .. } = summary;
    let missing = statistics.basics_unreached(description, is_pinned).into_iter();
    let is_due = |what: &String| statistics.programs >= if what == GROWTH { GROWING_PROGRAMS } else { BASIC_PROGRAMS };
    let chunk = description.module.as_ref().and_then(|module| module.heap.grows_by);
    let why = |what: String| match chunk {
        _ if what != GROWTH => format!("never reached: {what}"),
        None => format!("never reached: {what}: no program grew memory"),
        Some(chunk) => format!(
            "never reached: {what}: no program grew memory, for which few have room where [heap] says `grows_by = {}`: look at that, or run more programs",
            chunk.toml()
        ),
    };
    missing.filter(is_due).map(why).collect()
}

/// Whether there are findings, all of them known issues, and every violation that can be shown stands behind one of them.
fn is_all_known(summary: &Summary, reports: &[Report]) -> bool {
    let unshown = |signature| summary.unshown.values().filter(|unshown| *unshown == signature).count() as u64;
    !reports.is_empty()
        && reports.iter().all(|r| r.known().is_some())
        && summary.unreduced.iter().all(|(signature, n)| *n <= unshown(signature))
}

fn exit(summary: &Summary, reports: &[Report], distrusted: &[String]) -> Exit {
    // What no replay shows is the harness's to explain, not the collector's.
    let is_shown = !summary.findings.is_empty() || summary.unshown.is_empty();
    if summary.statistics.violations > 0 && is_shown && !is_all_known(summary, reports) {
        Exit::Violation
    } else if distrusted.is_empty() {
        Exit::Clean
    } else {
        Exit::Untrusted
    }
}

fn settings(args: &Args) -> anyhow::Result<Settings> {
    if let Some(module) = &args.module {
        // Its error says how a manifest comes about.
        parse_spec(module)?;
        anyhow::bail!(
            "expected the collector by --runtime, found `{module}`; write `heapsmith hunt --runtime {module}`"
        );
    }
    let (spec, others) = runtimes(args)?;
    let description = spec.resolve(Machine::default()).context("--runtime")?;
    ensure!(
        !description.is_giant(),
        "--runtime: expected at most {MAX_PAGES} pages in a hunt, found {}; giant memories are for single cases: heapsmith run",
        description.parameters.max_pages
    );
    let jobs = found::jobs(args.jobs)?;
    let limit = match args.programs {
        Some(programs) => {
            ensure!(programs > 0, "--programs: expected at least one program, found 0");
            Limit::Programs(programs)
        }
        None => {
            ensure!(args.seconds > 0, "--seconds: expected at least one second, found 0; or give --programs N");
            Limit::Time(Duration::from_secs(args.seconds))
        }
    };
    let metamorphic = selection(args, &spec, others)?;
    check_out(&args.out)?;
    Ok(Settings {
        spec,
        engines: engines(&args.engines, Backtrace::Off)?,
        tracing_engines: engines(&args.engines, Backtrace::On)?,
        seed: args.seed,
        limit,
        jobs,
        max_findings: args.max_findings,
        metamorphic,
        feedback: if args.feedback || args.corpus.is_some() { Feedback::On } else { Feedback::Off },
    })
}

/// The runtime that is hunted in, and those that it is held against.
fn runtimes(args: &Args) -> anyhow::Result<(Spec, Vec<Spec>)> {
    if args.versus.is_empty() {
        return Ok((parse_spec(&args.runtime).context("--runtime")?, Vec::new()));
    }
    let mut all: Vec<Spec> = Vec::new();
    for text in args.versus.iter().flat_map(|list| names(list)) {
        let spec = parse_spec(text).context("--versus")?;
        ensure!(!all.contains(&spec), "--versus: expected each collector once, found `{spec}` again");
        spec.resolve(Machine::default()).context("--versus")?;
        all.push(spec);
    }
    ensure!(
        all.len() > 1,
        "--versus: expected at least two collectors with commas between them, found `{}`",
        args.versus.join(",")
    );
    let first = all.remove(0);
    for other in &all {
        same_handles(&first, other, "--versus")?;
    }
    Ok((first, all))
}

/// The runtimes of a list: what commas separate, but for the commas before parameters.
fn names(list: &str) -> Vec<&str> {
    let is_parameter = |part: &str| part.split([',', '?', '/']).next().is_some_and(|start| start.contains('='));
    let (mut names, mut start) = (Vec::new(), 0);
    for (at, _) in list.match_indices(',') {
        if !is_parameter(&list[at + 1..]) {
            names.push(&list[start..at]);
            start = at + 1;
        }
    }
    names.push(&list[start..]);
    names
}

/// Handles are seen where there is a wrap table, and nowhere else.
fn same_handles(spec: &Spec, other: &Spec, flag: &str) -> anyhow::Result<()> {
    let has_table = |spec: &Spec| spec.resolve(Machine::default()).map(|d| d.parameters.wraps > 0);
    ensure!(
        has_table(spec)? == has_table(other).with_context(|| flag.to_owned())?,
        "expected runtimes with a wrap table or without, found `{spec}` and {flag} `{other}`; handles would differ"
    );
    Ok(())
}

/// Which programs run in which variants.
fn selection(args: &Args, spec: &Spec, others: Vec<Spec>) -> anyhow::Result<Selection> {
    if !others.is_empty() {
        return Ok(Selection::Versus { others });
    }
    if !args.metamorphic {
        return Ok(Selection::Share);
    }
    let against = args.against.as_deref().or_else(|| metamorphic::counterpart(&spec.name));
    let against = against.map(parse_spec).transpose().context("--against")?.filter(|other| *other != *spec);
    if let Some(other) = &against {
        same_handles(spec, other, "--against")?;
    }
    Ok(Selection::All { against })
}

fn text(settings: &Settings, summary: &Summary, reports: &[Report], distrusted: &[String]) -> String {
    let mut t = String::new();
    let s = &summary.statistics;
    let _ = writeln!(t, "{}, seed {}: {}", settings.spec, settings.seed, vacuity(summary, settings));
    let mut traps: Vec<String> = s.traps.iter().map(|(rule, n)| format!("{} {n}", rule.name())).collect();
    traps.extend(undemanded(s.may_traps, &summary.description));
    let _ = writeln!(
        t,
        "verdicts: {} passed; {} allowed traps ({}); {} violations",
        s.passed,
        s.traps.values().sum::<u64>() + s.may_traps,
        traps.join(", "),
        s.violations,
    );
    if let Some(line) = s.counts.line(&summary.description.characteristics) {
        let _ = writeln!(t, "{line}");
    }
    let new: Vec<&Report> = reports.iter().filter(|r| r.known().is_none()).collect();
    if new.is_empty() && summary.unreduced.is_empty() {
        let _ = writeln!(t, "findings: none");
    } else {
        let _ = writeln!(t, "findings: {}", new.len());
    }
    for r in new {
        t.push_str(&r.summary());
    }
    t.push_str(&known::found_text(reports));
    let rest: u64 = summary.unreduced.values().sum();
    if rest > 0 {
        let mut kinds: Vec<_> = summary.unreduced.iter().collect();
        kinds.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
        let mut listed: Vec<String> = kinds.iter().take(KINDS_LISTED).map(|(s, n)| format!("{s} {n}")).collect();
        if kinds.len() > KINDS_LISTED {
            listed.push(format!("{} more kinds", kinds.len() - KINDS_LISTED));
        }
        let advice = if summary.interrupted {
            "; the hunt was interrupted"
        } else if reports.len() >= settings.max_findings {
            "; raise --max-findings"
        } else {
            ""
        };
        let _ = writeln!(t, "\nviolations not reduced: {rest} ({}){advice}", listed.join(", "));
    }
    for why in distrusted {
        let _ = writeln!(t, "not trustworthy: {why}");
    }
    t
}

/// Collectors that no program was compared on.
fn uncompared(others: &[Spec], summary: &Summary) -> Vec<String> {
    let compared = &summary.statistics.variants.versus;
    let never = others.iter().filter(|other| !compared.contains_key(&other.to_string()));
    never.map(|other| format!("never reached: a program that was compared on {other}")).collect()
}

/// How many programs were compared on which collectors.
fn versus(others: &[Spec], s: &Statistics) -> String {
    if others.is_empty() {
        return String::new();
    }
    let on = |other: &Spec| format!("{} on {other}", s.variants.versus.get(&other.to_string()).copied().unwrap_or(0));
    let each: Vec<String> = others.iter().map(on).collect();
    format!(
        "versus: {} of {} programs compared on all collectors ({})\n",
        s.variants.versus_all,
        s.programs,
        each.join(", ")
    )
}

/// Violations that a replay does not show.
fn unshown(summary: &Summary) -> Vec<String> {
    let all = summary.unshown.iter();
    let mut why: Vec<String> = all
        .take(UNSHOWN_NAMED)
        .map(|(index, what)| format!("program {index}: {what} in the hunt, which its replay does not show"))
        .collect();
    if summary.unshown.len() > UNSHOWN_NAMED {
        why.push(format!(
            "{} more programs whose replay does not show their violation",
            summary.unshown.len() - UNSHOWN_NAMED
        ));
    }
    why
}

/// What the hunt was asked for.
fn wanted(settings: &Settings) -> String {
    match settings.limit {
        Limit::Programs(n) => format!("{n} programs were run"),
        Limit::Time(t) => format!("{} seconds were over", t.as_secs()),
    }
}

/// The numbers that prove that something happened.
fn vacuity(summary: &Summary, settings: &Settings) -> String {
    let jobs = settings.jobs;
    let s = &summary.statistics;
    let o = s.observed;
    let rate = s.programs as f64 / summary.elapsed.as_secs_f64().max(0.001);
    let inconclusive = if s.inconclusive.is_empty() {
        "none".to_owned()
    } else {
        s.inconclusive.iter().map(|(r, n)| format!("{} {n}", r.name())).collect::<Vec<_>>().join(", ")
    };
    let heard: String = s.heard.iter().map(|(engine, n)| format!(", {n} of them also on {engine}")).collect();
    let handles = if summary.description.parameters.wraps > 0 {
        format!("{} handles registered, {} released, ", o.registered, o.released)
    } else {
        String::new()
    };
    format!(
        "{} programs in {:.1} s ({rate:.0}/s with {jobs} workers), {} of them also standalone{heard}\n\
         reached: {} collections (at most {} in one program), {} objects marked, {} bytes freed, {} pages grown, worklist {} deep, root stack {} deep, \
         {handles}{} of {BOUNDARY_CLASSES} boundary classes, {:.1} % no-ops, inconclusive: {inconclusive}\n{}{}{}",
        s.programs,
        summary.elapsed.as_secs_f64(),
        s.confirmations,
        o.collections,
        s.most_collections,
        o.marked,
        o.freed,
        o.grown,
        o.worklist,
        o.roots,
        s.boundary_classes(),
        noops(s),
        summary.learnt.as_ref().map(|learnt| self::learnt(learnt, s.programs)).unwrap_or_default(),
        versus(settings.metamorphic.others(), s),
        variants(&s.variants, &summary.description),
    )
}

/// What feedback did.
fn learnt(learnt: &Learnt, programs: u64) -> String {
    let Learnt { of_edges, reached, corpus, mutants, new: _ } = learnt;
    let edges = match of_edges {
        Some(of) => format!("{} of {of} edges of the collector", reached.edges()),
        None => "no edges, which only wasmtime as the first engine counts".to_owned(),
    };
    let share = 100.0 * *mutants as f64 / (programs as f64).max(1.0);
    format!(
        "feedback: {edges}, {} features, {corpus} programs kept, {share:.1} % of all programs mutants\n",
        reached.len()
    )
}

/// The same for runs in variants.
fn variants(t: &Tally, description: &Description) -> String {
    let not: Vec<String> = t.not_compared.iter().map(|(why, n)| format!("{} {n}", why.name())).collect();
    let not = if not.is_empty() { "none".to_owned() } else { not.join(", ") };
    let others: Vec<String> = t.runtimes.iter().map(|(name, n)| format!("{n} on {name}")).collect();
    format!(
        "metamorphic: {} programs, {} pairs compared ({}; {} poisoned, {} also standalone), {} extra collections, {} heap starts, {} worklists, \
         not compared: {not}{}",
        t.programs,
        t.compared(),
        if others.is_empty() { "all on their own machine".to_owned() } else { others.join(", ") },
        t.poisoned,
        t.standalone,
        t.extra_collections,
        t.heap_starts.len(),
        t.worklists.len(),
        rounds(t, description),
    )
}

/// Programs whose work was done again and again.
fn rounds(t: &Tally, description: &Description) -> String {
    let is_asked_for = description.module.as_ref().is_some_and(|module| module.no_plateau().is_none());
    match (t.repeated, is_asked_for) {
        (0, true) => return "\nrounds: no program's work was done again and again; run more programs".to_owned(),
        (0, false) => return String::new(),
        (1.., _) => {}
    }
    let mib = t.round_bytes >> 20;
    format!("\nrounds: the work of {} programs {} times again, {mib} MiB of objects in all", t.repeated, t.rounds)
}

fn noops(s: &Statistics) -> f64 {
    100.0 * s.noops as f64 / (s.ops as f64).max(1.0)
}

/// The summary as JSON; see the README for its fields. `characteristics` has those that the runtime declares, by name, with the numbers
/// of [`heapsmith::model::Counts`].
fn json(
    settings: &Settings,
    summary: &Summary,
    added: Option<&Added>,
    reports: &[Report],
    distrusted: &[String],
) -> serde_json::Value {
    let s = &summary.statistics;
    let o = s.observed;
    let traps: serde_json::Map<String, serde_json::Value> =
        s.traps.iter().map(|(rule, n)| (rule.name().to_owned(), json!(n))).collect();
    let inconclusive: serde_json::Map<String, serde_json::Value> =
        s.inconclusive.iter().map(|(reason, n)| (reason.name().to_owned(), json!(n))).collect();
    let findings: Vec<serde_json::Value> = reports.iter().map(Report::json).collect();
    let unreduced: serde_json::Map<String, serde_json::Value> =
        summary.unreduced.iter().map(|(signature, n)| (signature.to_string(), json!(n))).collect();
    let declared = summary.description.characteristics.iter();
    let characteristics: serde_json::Map<String, serde_json::Value> =
        declared.map(|&c| (c.name().to_owned(), json!(s.counts.of(c)))).collect();
    json!({
        "schema": SCHEMA_VERSION,
        "runtime": settings.spec.to_string(),
        "engines": settings.engines.iter().map(|e| e.name()).collect::<Vec<_>>(),
        "seed": settings.seed,
        "programs": s.programs,
        "seconds": summary.elapsed.as_secs_f64(),
        "confirmations": s.confirmations,
        "standalone_only": s.heard,
        "observed": {
            "collections": o.collections, "most_collections": s.most_collections, "marked": o.marked, "freed_bytes": o.freed, "pages_grown": o.grown,
            "deepest_worklist": o.worklist, "deepest_root_stack": o.roots,
            "handles_registered": o.registered, "handles_released": o.released,
        },
        "boundary_classes": { "hit": s.boundary_classes(), "of": BOUNDARY_CLASSES },
        "characteristics": characteristics,
        "ops": s.ops, "noops": s.noops,
        "verdicts": {
            "passed": s.passed, "allowed_traps": traps, "allowed_after_false_candidate": s.may_traps,
            "violations": s.violations, "first_violation": s.first_violation, "inconclusive": inconclusive,
        },
        "metamorphic": {
            "programs": s.variants.programs, "compared": s.variants.compared(), "broken": s.variants.broken,
            "not_compared": s.variants.not_compared.iter().map(|(why, n)| (why.name(), *n)).collect::<BTreeMap<_, _>>(),
            "extra_collections": s.variants.extra_collections, "heap_starts": s.variants.heap_starts.len(),
            "worklists": s.variants.worklists.len(), "poisoned": s.variants.poisoned, "standalone": s.variants.standalone,
            "on_runtimes": s.variants.runtimes,
            "rounds": { "programs": s.variants.repeated, "rounds": s.variants.rounds, "bytes": s.variants.round_bytes },
        },
        "versus": (!settings.metamorphic.others().is_empty())
            .then(|| json!({ "compared_on_all": s.variants.versus_all, "compared_on": s.variants.versus })),
        "feedback": summary.learnt.as_ref().map(|learnt| json!({
            "edges": learnt.of_edges.map(|of| json!({ "reached": learnt.reached.edges(), "of": of })),
            "features": learnt.reached.len(), "corpus": learnt.corpus, "mutants": learnt.mutants,
            "files_added": added.map(|added| added.files),
        })),
        "findings": findings,
        "known": known::found_json(reports),
        "unreduced": unreduced,
        "interrupted": summary.interrupted,
        "not_trustworthy": distrusted,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A hunt whose violations are wasmi's own, replayed on wasmtime and another engine.
    fn replayed_on(tracing: &str) -> Summary {
        let settings = Settings {
            spec: parse_spec("fixed?fault=first-fit-by-select,data_end=5,worklist=16,roots=24,pages=1..6").unwrap(),
            engines: engines(&["wasmtime".to_owned(), "wasmi".to_owned()], Backtrace::Off).unwrap(),
            tracing_engines: engines(&["wasmtime".to_owned(), tracing.to_owned()], Backtrace::On).unwrap(),
            seed: 3,
            limit: Limit::Programs(40),
            jobs: 1,
            max_findings: 1,
            metamorphic: Selection::Share,
            feedback: Feedback::Off,
        };
        campaign::hunt(&settings, &Progress::default()).unwrap()
    }

    #[test]
    fn violations_that_no_replay_shows_are_the_harness_s_to_explain() {
        let shown = replayed_on("wasmi");
        assert_eq!((shown.unshown.len(), exit(&shown, &[], &unshown(&shown))), (0, Exit::Violation));
        let silent = replayed_on("wasmi1");
        assert!(silent.statistics.violations > 3 && silent.findings.is_empty());
        let why = unshown(&silent);
        assert!(why[0].contains("engine-divergence.") && why[0].ends_with("which its replay does not show"), "{why:?}");
        assert!(why.len() <= UNSHOWN_NAMED + 1, "{why:?}");
        assert_eq!(exit(&silent, &[], &why), Exit::Untrusted);
    }
}
