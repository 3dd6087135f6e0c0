//! `heapsmith mutants`: every small edit of a collector's code, and every mutant that its manifest names, tried one by one.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "runtime": "fixed", "engines": ["wasmtime"], "seed": 1, "programs": 1000, "control": { "programs": 1000, "violations": {}, "unknown": 0 },
//!   "of": 1412, "tried": 1412, "killed": 1300, "survived": 12, "equivalent": 80, "contradicted": 0, "invalid": 20, "kill_rate": 0.99, "interrupted": false,
//!   "problems": [], "named_of": 1, "named": [{ "mutant": "no-barrier", "module": "mygc-no-barrier.wasm", "fate": "killed", "kind": "silent-free", "after": 9, "by_variant": false }],
//!   "mutants": [{ "mutant": "alloc:17:i32.le_u", "original": "I32LtU", "fate": "killed", "kind": "leak", "after": 3, "by_variant": false,
//!                 "equivalent": null, "explanation": null }] }
//! ```
//! `fate` is `killed` (with `kind`, `after`, `by_variant`), `survived` (with `programs`, and of how many of them nothing can be said as `unknown`) or `invalid`
//! (with `problem`). `equivalent` and `explanation` are what a file says of it: why no promise depends on it, or what it takes to see it. `kill_rate` is of those that are neither invalid nor equivalent; null where there are none. `problems` are false alarms of a
//! reference, declared equivalents that are not shown to be, and named mutants that were not killed, in words. `named` are the mutants of a manifest, `named_of` so many
//! that it names; the other numbers do not count them.

mod state;

use super::found::{jobs, plural, stop_on_signals};
use super::{Exit, complain, engines, print, progress, quoted};
use anyhow::{Context, ensure};
use heapsmith::bench::grouped;
use heapsmith::corpus::load::read_text;
use heapsmith::engine::Backtrace;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::mutant::{Candidate, Mutant};
use heapsmith::runtime::{Spec, builtin, parse_spec};
use heapsmith::score::mutants::{Fate, Named, Remark, Tried, drawn, parse_remarks, remarks, survey, survey_named};
use heapsmith::score::{Control, Progress, Stream, median};
use heapsmith_generators::Machine;
use serde_json::json;
use state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
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
    /// Try only the mutants that the manifest names as `[[mutant]]`; each must be killed. Without it they are tried first
    #[arg(long, conflicts_with_all = ["sample", "equivalents", "state", "fail_under"])]
    named: bool,
    /// Try so many edits only, drawn by the seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// A TOML file of what is known of this collector's mutants: tables `[[equivalent]]` and `[[survivor]]` with `mutant` and `reason`
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
    let there = spec.module.as_ref().map_or(&[][..], |manifest| &manifest.mutants);
    ensure!(
        !args.named || !there.is_empty(),
        "--named: expected a manifest that names mutants (`[[mutant]]`), found none in `{spec}`; add one, or leave --named out"
    );
    let sample = args.sample.map(|count| (count as usize, args.seed));
    let candidates = if args.named { Vec::new() } else { drawn(&spec, sample).context("RUNTIME")? };
    if args.list {
        let named = there.iter().map(|m| format!("{:<40} {}\n", m.build.as_deref().unwrap_or(""), m.module.display()));
        let lines = candidates.iter().map(|c| format!("{:<40} {}\n", c.mutant.to_string(), c.original));
        print(&named.chain(lines).collect::<String>())?;
        return Ok(Exit::Clean);
    }
    let engines = engines(&args.engines, Backtrace::Off)?;
    let jobs = jobs(args.jobs)?;
    let remarks = known(args, &spec)?;
    let mut state = args.state.as_deref().map(|path| State::open(path, &identity(args, &spec)?)).transpose()?;
    let progress = Arc::new(Progress::default());
    stop_on_signals(&progress, |p| &p.stop, STOPPING)?;
    let (done, mut unsaved) = (AtomicBool::new(false), None);
    let (control, named, fates) = std::thread::scope(|scope| {
        scope.spawn(|| progress::show(|elapsed| describe(&spec, &progress, elapsed.as_secs()), &done));
        let mut run = || -> anyhow::Result<_> {
            let count = args.programs as usize;
            let (stream, control) = Stream::new(&spec, args.seed, count, &engines, jobs, &progress.stop)?;
            let named = survey_named(&stream, (&engines, jobs), &progress);
            let before = state.as_ref().map(|state| state.known.clone()).unwrap_or_default();
            let fates = survey(&stream, &candidates, &before, (&engines, jobs), &progress, |mutant, fate| {
                if let Some(Err(error)) = state.as_mut().map(|state| state.add(mutant, fate)) {
                    unsaved.get_or_insert(error);
                }
            })?;
            Ok((control, named, fates))
        };
        let result = run();
        done.store(true, Ordering::Relaxed);
        result
    })?;
    let tried: Vec<Tried> = candidates.iter().filter_map(|candidate| tried(candidate, &fates, &remarks)).collect();
    let count = Count::of(&tried, candidates.len(), &named, there.len());
    let seen = Seen { spec: &spec, control: &control, tried: &tried, named: &named, count: &count };
    if args.json {
        let names: Vec<&str> = engines.iter().map(|e| e.name()).collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&json(args, &names, &seen))?))?;
    } else {
        print(&text(args, &seen))?;
    }
    if let Some(error) = unsaved {
        complain(&format!("heapsmith: --state: {error:#}"));
    }
    Ok(exit(args.fail_under, &count, &seen.problems()))
}

/// All that a run has to say.
struct Seen<'a> {
    spec: &'a Spec,
    control: &'a Control,
    tried: &'a [Tried],
    named: &'a [Named],
    count: &'a Count,
}

fn exit(fail_under: Option<u8>, count: &Count, problems: &[String]) -> Exit {
    let low = fail_under.is_some_and(|percent| count.rate().is_none_or(|rate| rate * 100.0 < f64::from(percent)));
    if low || !problems.is_empty() {
        Exit::Violation
    } else if count.is_interrupted() || count.counts() + count.named == 0 {
        Exit::Untrusted
    } else {
        Exit::Clean
    }
}

impl Seen<'_> {
    /// Everything that is not as it must be, in words.
    fn problems(&self) -> Vec<String> {
        let alarms = match self.control.false_alarms(self.spec) {
            0 => None,
            n => Some(format!("{} on {}, which keeps every promise", plural(n, "false alarm"), self.spec)),
        };
        let declared = self.tried.iter().filter_map(|t| {
            Some(format!("{} ({}) is declared equivalent: {}", t.candidate.mutant, t.candidate.original, t.problem()?))
        });
        alarms.into_iter().chain(declared).chain(self.named.iter().filter_map(Named::problem)).collect()
    }
}

fn tried(candidate: &Candidate, fates: &BTreeMap<Mutant, Fate>, known: &BTreeMap<Mutant, Remark>) -> Option<Tried> {
    let fate = fates.get(&candidate.mutant)?.clone();
    Some(Tried { candidate: candidate.clone(), fate, remark: known.get(&candidate.mutant).cloned() })
}

/// What is known of mutants: what a file says, or ours.
fn known(args: &Args, spec: &Spec) -> anyhow::Result<BTreeMap<Mutant, Remark>> {
    let Some(path) = &args.equivalents else { return Ok(remarks(&spec.name)) };
    let wrong = || format!("--equivalents: `{}`", path.display());
    let text = read_text(path, "file of equivalents").map_err(anyhow::Error::msg).with_context(wrong)?;
    let known = parse_remarks(&text).map_err(anyhow::Error::msg).with_context(wrong)?;
    let there: BTreeSet<Mutant> = drawn(spec, None)?.into_iter().map(|candidate| candidate.mutant).collect();
    let stranger = known.keys().find(|mutant| !there.contains(mutant));
    if let Some(mutant) = stranger {
        let found = anyhow::anyhow!("expected mutants of {spec} (`mutants {spec} --list` has them), found `{mutant}`");
        return Err(found).with_context(wrong);
    }
    Ok(known)
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
    explained: usize,
    equivalent: usize,
    contradicted: usize,
    invalid: usize,
    waits: Vec<u64>,
    named_of: usize,
    named: usize,
}

impl Count {
    fn of(tried: &[Tried], of: usize, named: &[Named], named_of: usize) -> Self {
        let mut count = Self { of, named_of, named: named.len(), ..Self::default() };
        for t in tried {
            count.contradicted += usize::from(t.is_contradicted());
            count.alive += usize::from(t.is_alive());
            count.explained += usize::from(t.is_alive() && t.explanation().is_some());
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
        self.tried() < self.of || self.named < self.named_of
    }

    fn rate(&self) -> Option<f64> {
        (self.counts() > 0).then(|| self.killed as f64 / self.counts() as f64)
    }
}

fn text(args: &Args, seen: &Seen<'_>) -> String {
    let Seen { spec, control, tried, named, count } = *seen;
    let of = match (count.named_of, args.named) {
        (0, _) => format!("{} mutants", grouped(count.of as u64)),
        (named, true) => plural(named as u64, "named mutant"),
        (named, false) => format!("{named} named and {} other mutants", grouped(count.of as u64)),
    };
    let mut t = format!("{spec}, seed {}: {of}", args.seed);
    if count.is_interrupted() {
        let _ = write!(t, ", interrupted after {}", grouped((count.named + count.tried()) as u64));
    }
    let _ = writeln!(t, "; each until a program shows it, {} programs at most", grouped(control.programs));
    let _ = writeln!(t, "{}", of_control(spec, control));
    for named in named {
        let _ = match &named.fate {
            Fate::Killed { kind, after, by_variant } => {
                let by = if *by_variant { ", by a variant" } else { "" };
                writeln!(t, "{}: killed by program {after}: {kind}{by}", named.name())
            }
            Fate::Survived { .. } | Fate::Invalid { .. } => writeln!(t, "{}: alive", named.name()),
        };
    }
    if !args.named {
        t += &text_of_edits(tried, count);
    }
    let problems = seen.problems();
    if !problems.is_empty() {
        let _ = writeln!(t, "\nnot as it must be:");
        for problem in problems {
            let _ = writeln!(t, "  {problem}");
        }
    }
    t + &text_of_alive(spec, tried)
}

/// How many edits of instructions were killed, and by what.
fn text_of_edits(tried: &[Tried], count: &Count) -> String {
    let rate = count.rate().map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    let mut t = format!(
        "killed {} of {} ({rate}), median after {} programs; alive {} ({} of them explained), equivalent {}, invalid {}\n",
        grouped(count.killed as u64),
        grouped(count.counts() as u64),
        median(&count.waits).unwrap_or_default(),
        count.alive,
        count.explained,
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
    if !kinds.is_empty() {
        let _ = writeln!(t, "by: {}", kinds.join(", "));
    }
    t
}

/// The edits that no program showed.
fn text_of_alive(spec: &Spec, tried: &[Tried]) -> String {
    let mut alive = tried.iter().filter(|t| t.is_alive()).peekable();
    if alive.peek().is_none() {
        return String::new();
    }
    let mut t = "\nalive:\n".to_owned();
    for tried in alive {
        let _ = write!(t, "  {:<40} {}", tried.candidate.mutant.to_string(), tried.candidate.original);
        if let Fate::Survived { unknown: unknown @ 1.., .. } = tried.fate {
            let _ = write!(t, "; of {} nothing can be said", plural(unknown, "program"));
        }
        t.push('\n');
        if let Some(explanation) = tried.explanation() {
            let _ = writeln!(t, "      {explanation}");
        }
    }
    let runtime = quoted(&format!("{}{}mutant=...", spec, if spec.to_string().contains('?') { ',' } else { '?' }));
    let _ = writeln!(t, "\nto look for one longer: heapsmith hunt --runtime {runtime} --no-feedback");
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

fn json(args: &Args, engines: &[&str], seen: &Seen<'_>) -> serde_json::Value {
    let Seen { spec, control, tried, named, count } = *seen;
    let of_named = |named: &Named| {
        let mut value = serde_json::to_value(&named.fate).unwrap_or_default();
        value["mutant"] = json!(named.name());
        value["module"] = json!(named.module.module.display().to_string());
        value
    };
    let one = |t: &Tried| {
        let mut value = serde_json::to_value(&t.fate).unwrap_or_default();
        value["mutant"] = json!(t.candidate.mutant.to_string());
        value["original"] = json!(t.candidate.original);
        value["equivalent"] = json!(t.equivalent());
        value["explanation"] = json!(t.explanation());
        value
    };
    json!({
        "schema": SCHEMA_VERSION, "runtime": spec.to_string(), "engines": engines, "seed": args.seed, "programs": args.programs,
        "control": json_of_control(control),
        "of": count.of, "tried": count.tried(), "killed": count.killed, "survived": count.alive, "equivalent": count.equivalent,
        "contradicted": count.contradicted, "invalid": count.invalid, "kill_rate": count.rate(), "interrupted": count.is_interrupted(),
        "problems": seen.problems(), "named_of": count.named_of, "named": named.iter().map(of_named).collect::<Vec<_>>(),
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tried(fate: Fate, equivalent: Option<&str>) -> Tried {
        let mutant = Mutant::parse("alloc:17:i32.le_u").unwrap();
        let candidate = Candidate { mutant, original: "I32LtU".to_owned() };
        Tried { candidate, fate, remark: equivalent.map(|reason| Remark::Equivalent(reason.to_owned())) }
    }

    fn killed() -> Fate {
        Fate::Killed { kind: "leak".to_owned(), after: 3, by_variant: false }
    }

    const SURVIVED: Fate = Fate::Survived { programs: 9, unknown: 0 };

    /// How a run ends of which these are all mutants, on this runtime, which broke a promise so many times by itself.
    fn ends(on: &str, own: u64, all: &[Tried]) -> (Exit, Vec<String>) {
        let violations = if own > 0 { BTreeMap::from([("leak".to_owned(), own)]) } else { BTreeMap::new() };
        let control = Control { programs: 9, violations, unknown: 0 };
        let (spec, count) = (parse_spec(on).unwrap(), Count::of(all, all.len(), &[], 0));
        let problems = Seen { spec: &spec, control: &control, tried: all, named: &[], count: &count }.problems();
        (exit(None, &count, &problems), problems)
    }

    #[test]
    fn a_false_alarm_on_a_reference_is_a_problem_and_a_bug_of_a_release_is_none() {
        let all = [tried(killed(), None), tried(SURVIVED, Some("why"))];
        assert_eq!(ends("fixed", 0, &all), (Exit::Clean, Vec::new()));
        let (exit, why) = ends("fixed-split?worklist=3", 1, &all);
        assert!(exit == Exit::Violation && why[0].starts_with("1 false alarm on fixed-split?worklist=3"), "{why:?}");
        assert_eq!(ends("vera@0.0.130", 1, &all), (Exit::Clean, Vec::new()));
    }

    #[test]
    fn a_named_mutant_that_was_not_tried_leaves_the_answer_open() {
        let of = |tried: &[Tried], named_of| exit(None, &Count::of(tried, tried.len(), &[], named_of), &[]);
        assert_eq!((of(&[], 0), of(&[], 1)), (Exit::Untrusted, Exit::Untrusted));
        let all = [tried(killed(), None)];
        assert_eq!((of(&all, 0), of(&all, 1)), (Exit::Clean, Exit::Untrusted));
    }

    #[test]
    fn a_declared_equivalent_must_survive_programs_of_which_all_is_known() {
        for (fate, says) in [
            (killed(), "program 3 sees it break `leak`"),
            (Fate::Survived { programs: 0, unknown: 0 }, "no program was tried"),
            (Fate::Survived { programs: 9, unknown: 1 }, "nothing can be said"),
            (Fate::Invalid { problem: "no".to_owned() }, "no valid module"),
        ] {
            let (exit, why) = ends("fixed", 0, &[tried(killed(), None), tried(fate.clone(), Some("why"))]);
            assert!(exit == Exit::Violation && why.len() == 1 && why[0].contains(says), "{why:?}");
            // One that nobody declared anything of is counted, and no more.
            assert_eq!(ends("fixed", 0, &[tried(killed(), None), tried(fate, None)]), (Exit::Clean, Vec::new()));
        }
    }
}
