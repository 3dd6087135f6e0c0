//! `heapsmith mutants`: every small edit of a collector's code, tried one by one.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "runtime": "fixed", "engines": ["wasmtime"], "seed": 1, "programs": 1000, "control": { "programs": 1000, "violations": {}, "unknown": 0 },
//!   "of": 1412, "tried": 1412, "killed": 1300, "survived": 12, "equivalent": 80, "contradicted": 0, "invalid": 20, "kill_rate": 0.99, "interrupted": false,
//!   "mutants": [{ "mutant": "alloc:17:i32.le_u", "original": "I32LtU", "fate": "killed", "kind": "leak", "after": 3, "by_variant": false,
//!                 "equivalent": null }] }
//! ```
//! `fate` is `killed` (with `kind`, `after`, `by_variant`), `survived` (with `programs`) or `invalid` (with `problem`). `kill_rate` is of those that are neither
//! invalid nor equivalent; null where there are none.

use super::found::{jobs, stop_on_signals};
use super::{Exit, complain, engines, print, progress, quoted};
use anyhow::{Context, ensure};
use heapsmith::bench::grouped;
use heapsmith::corpus::load::read_text;
use heapsmith::engine::Backtrace;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::mutant::{Candidate, Mutant};
use heapsmith::runtime::{Spec, builtin, parse_spec};
use heapsmith::score::mutants::{Fate, Tried, drawn, equivalents, parse_equivalents, survey};
use heapsmith::score::{Control, Progress, Stream, median};
use heapsmith_generators::Machine;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Arguments of `mutants`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collector
    #[arg(value_name = "RUNTIME")]
    runtime: String,
    /// Programs that a mutant survives at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    programs: u32,
    /// The seed of the programs, and of the sample
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Try so many of them only, drawn by the seed
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// A TOML file of equivalents of this collector: tables `[[equivalent]]` with `mutant` and `reason`
    #[arg(long, value_name = "FILE")]
    equivalents: Option<PathBuf>,
    /// A file that fates are kept in as they are decided, and taken from when the run is resumed
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Exit with 1 if fewer than so many percent of the mutants that count are killed
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    fail_under: Option<u8>,
    /// Engines, separated by commas; the first is judged
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime")]
    engines: Vec<String>,
    /// Workers; all cores by default
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Print the mutants and try none
    #[arg(long, conflicts_with = "json")]
    list: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

const STOPPING: &str = "heapsmith: stopping after the mutants that are being tried; once more to leave at once";

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let spec = parse_spec(&args.runtime).context("RUNTIME")?;
    ensure!(
        spec.edit.is_none(),
        "RUNTIME: expected a collector without an edit, found `{spec}`; mutants are edits already"
    );
    let candidates = drawn(&spec, args.sample.map(|count| (count, args.seed))).context("RUNTIME")?;
    if args.list {
        let lines = candidates.iter().map(|c| format!("{:<40} {}\n", c.mutant.to_string(), c.original));
        print(&lines.collect::<String>())?;
        return Ok(Exit::Clean);
    }
    let engines = engines(&args.engines, Backtrace::Off)?;
    let jobs = jobs(args.jobs)?;
    let reasons = reasons(args, &spec)?;
    let mut state = args.state.as_deref().map(|path| State::open(path, &identity(args, &spec)?)).transpose()?;
    let progress = Arc::new(Progress::default());
    stop_on_signals(&progress, |p| &p.stop, STOPPING)?;
    let (done, mut unsaved) = (AtomicBool::new(false), None);
    let (control, fates) = std::thread::scope(|scope| {
        scope.spawn(|| progress::show(|elapsed| describe(&spec, &progress, elapsed.as_secs()), &done));
        let mut run = || -> anyhow::Result<_> {
            let count = args.programs as usize;
            let (stream, control) = Stream::new(&spec, args.seed, count, &engines, jobs, &progress.stop)?;
            let before = state.as_ref().map(|state| state.known.clone()).unwrap_or_default();
            let fates = survey(&stream, &candidates, &before, (&engines, jobs), &progress, |mutant, fate| {
                if let Some(Err(error)) = state.as_mut().map(|state| state.add(mutant, fate)) {
                    unsaved.get_or_insert(error);
                }
            })?;
            Ok((control, fates))
        };
        let result = run();
        done.store(true, Ordering::Relaxed);
        result
    })?;
    let tried: Vec<Tried> = candidates.iter().filter_map(|candidate| tried(candidate, &fates, &reasons)).collect();
    let count = Count::of(&tried, candidates.len());
    if args.json {
        let names: Vec<&str> = engines.iter().map(|e| e.name()).collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&json(args, &spec, &names, &control, &tried, &count))?))?;
    } else {
        print(&text(args, &spec, &control, &tried, &count))?;
    }
    if let Some(error) = unsaved {
        complain(&format!("heapsmith: --state: {error:#}"));
    }
    let low = args.fail_under.is_some_and(|percent| count.rate().is_none_or(|rate| rate * 100.0 < f64::from(percent)));
    Ok(if low || count.contradicted > 0 {
        Exit::Violation
    } else if count.is_interrupted() || count.counts() == 0 {
        Exit::Untrusted
    } else {
        Exit::Clean
    })
}

fn tried(candidate: &Candidate, fates: &BTreeMap<Mutant, Fate>, reasons: &BTreeMap<Mutant, String>) -> Option<Tried> {
    let fate = fates.get(&candidate.mutant)?.clone();
    Some(Tried { candidate: candidate.clone(), fate, equivalent: reasons.get(&candidate.mutant).cloned() })
}

/// The equivalents that are known: those of a file, or ours.
fn reasons(args: &Args, spec: &Spec) -> anyhow::Result<BTreeMap<Mutant, String>> {
    let Some(path) = &args.equivalents else { return Ok(equivalents(&spec.name)) };
    let wrong = || format!("--equivalents: `{}`", path.display());
    let text = read_text(path).map_err(anyhow::Error::msg).with_context(wrong)?;
    parse_equivalents(&text).map_err(anyhow::Error::msg).with_context(wrong)
}

fn describe(spec: &Spec, progress: &Progress, seconds: u64) -> String {
    let (of, done) = (progress.of.load(Ordering::Relaxed), progress.done.load(Ordering::Relaxed));
    if of == 0 {
        format!("mutants of {spec}: {seconds} s, running the programs without any")
    } else {
        format!("mutants of {spec}: {seconds} s, {done} of {of}")
    }
}

/// How many there are of each fate.
#[derive(Debug, Default)]
struct Count {
    of: usize,
    killed: usize,
    alive: usize,
    equivalent: usize,
    contradicted: usize,
    invalid: usize,
    waits: Vec<u64>,
}

impl Count {
    fn of(tried: &[Tried], of: usize) -> Self {
        let mut count = Self { of, ..Self::default() };
        for t in tried {
            count.contradicted += usize::from(t.is_contradicted());
            count.alive += usize::from(t.is_alive());
            match &t.fate {
                Fate::Killed { after, .. } => {
                    count.killed += 1;
                    count.waits.push(*after);
                }
                Fate::Survived { .. } => count.equivalent += usize::from(!t.is_alive()),
                Fate::Invalid { .. } => count.invalid += 1,
            }
        }
        count
    }

    const fn counts(&self) -> usize {
        self.killed + self.alive
    }

    const fn tried(&self) -> usize {
        self.counts() + self.equivalent + self.invalid
    }

    const fn is_interrupted(&self) -> bool {
        self.tried() < self.of
    }

    fn rate(&self) -> Option<f64> {
        (self.counts() > 0).then(|| self.killed as f64 / self.counts() as f64)
    }
}

fn text(args: &Args, spec: &Spec, control: &Control, tried: &[Tried], count: &Count) -> String {
    let mut t = format!("{spec}, seed {}: {} mutants", args.seed, grouped(count.of as u64));
    if count.is_interrupted() {
        let _ = write!(t, ", interrupted after {}", grouped(count.tried() as u64));
    }
    let _ = writeln!(t, "; each until a program shows it, {} programs at most", grouped(control.programs));
    let _ = writeln!(t, "{}", of_control(spec, control));
    let rate = count.rate().map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    let _ = writeln!(
        t,
        "killed {} of {} ({rate}), median after {} programs; alive {}, equivalent {}, invalid {}",
        grouped(count.killed as u64),
        grouped(count.counts() as u64),
        median(&count.waits).unwrap_or_default(),
        count.alive,
        count.equivalent,
        count.invalid,
    );
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for t in tried {
        if let Fate::Killed { kind, .. } = &t.fate {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|&(kind, n)| (std::cmp::Reverse(n), kind));
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let _ = writeln!(t, "by: {}", kinds.join(", "));
    for (title, wanted) in
        [("declared equivalent, and seen", Tried::is_contradicted as fn(&Tried) -> bool), ("alive", Tried::is_alive)]
    {
        let of: Vec<&Tried> = tried.iter().filter(|t| wanted(t)).collect();
        if of.is_empty() {
            continue;
        }
        let _ = writeln!(t, "\n{title}:");
        for tried in of {
            let _ = writeln!(t, "  {:<40} {}", tried.candidate.mutant.to_string(), tried.candidate.original);
        }
    }
    if count.alive > 0 {
        let runtime = quoted(&format!("{}{}mutant=...", spec, if spec.to_string().contains('?') { ',' } else { '?' }));
        let _ = writeln!(t, "\nto look for one longer: heapsmith hunt --runtime {runtime} --no-feedback");
    }
    t
}

/// What the collector without an edit did on the same programs.
pub(super) fn of_control(spec: &Spec, control: &Control) -> String {
    let violations: u64 = control.violations.values().sum();
    let kinds: Vec<String> = control.violations.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let kinds =
        if kinds.is_empty() { String::new() } else { format!(" ({}); they count for nothing", kinds.join(", ")) };
    format!(
        "control: {spec} on {} programs: {} violations{kinds}; undecided {}",
        grouped(control.programs),
        grouped(violations),
        control.unknown
    )
}

fn json(
    args: &Args,
    spec: &Spec,
    engines: &[&str],
    control: &Control,
    tried: &[Tried],
    count: &Count,
) -> serde_json::Value {
    let one = |t: &Tried| {
        let mut value = serde_json::to_value(&t.fate).unwrap_or_default();
        value["mutant"] = json!(t.candidate.mutant.to_string());
        value["original"] = json!(t.candidate.original);
        value["equivalent"] = json!(t.equivalent);
        value
    };
    json!({
        "schema": SCHEMA_VERSION, "runtime": spec.to_string(), "engines": engines, "seed": args.seed, "programs": args.programs,
        "control": json_of_control(control),
        "of": count.of, "tried": count.tried(), "killed": count.killed, "survived": count.alive, "equivalent": count.equivalent,
        "contradicted": count.contradicted, "invalid": count.invalid, "kill_rate": count.rate(), "interrupted": count.is_interrupted(),
        "mutants": tried.iter().map(one).collect::<Vec<_>>(),
    })
}

/// A control as JSON.
pub(super) fn json_of_control(control: &Control) -> serde_json::Value {
    json!({ "programs": control.programs, "violations": control.violations, "unknown": control.unknown })
}

/// What a state must be of, to be gone on with.
fn identity(args: &Args, spec: &Spec) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    builtin(spec.resolve(Machine::default())?).fields.hash(&mut hasher);
    Ok(format!(
        "heapsmith {} {spec} {:016x} seed {} programs {} engines {}",
        env!("CARGO_PKG_VERSION"),
        hasher.finish(),
        args.seed,
        args.programs,
        args.engines.join(",")
    ))
}

/// Fates kept in a file: a line for what they are of, and a line for each.
struct State {
    file: File,
    known: BTreeMap<Mutant, Fate>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    mutant: String,
    #[serde(flatten)]
    fate: Fate,
}

impl State {
    fn open(path: &Path, identity: &str) -> anyhow::Result<Self> {
        let name = || format!("--state: `{}`", path.display());
        ensure!(!path.exists() || path.is_file(), "{}: expected a file, found something else", name());
        let text =
            if path.exists() { read_text(path).map_err(anyhow::Error::msg).with_context(name)? } else { String::new() };
        // What a kill cut short is written again.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let mut lines = whole.lines();
        let first = lines.next().unwrap_or_else(|| if identity.starts_with(&text) { identity } else { &text });
        ensure!(
            first == identity,
            "{}: expected a state of `{identity}`, found one of `{first}`; name another file",
            name()
        );
        let mut known = BTreeMap::new();
        for line in lines {
            let fate = serde_json::from_str(line)
                .ok()
                .and_then(|Line { mutant, fate }| Some((Mutant::parse(&mutant).ok()?, fate)));
            let (mutant, fate) =
                fate.with_context(|| format!("{}: expected a fate, found `{line}`; name another file", name()))?;
            known.insert(mutant, fate);
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(name)?;
        file.set_len(whole.len() as u64).with_context(name)?;
        if whole.is_empty() {
            file.write_all(format!("{identity}\n").as_bytes()).with_context(name)?;
        }
        Ok(Self { file, known })
    }

    fn add(&mut self, mutant: &Mutant, fate: &Fate) -> anyhow::Result<()> {
        let line = Line { mutant: mutant.to_string(), fate: fate.clone() };
        self.file.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())?;
        Ok(())
    }
}
