//! `heapsmith bisect`: the first bad one of a folder of builds.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "manifest": "mygc.toml", "case": "chain.heapsmith", "program": "heapsmith 1\n...", "bucket": "silent-free.collect.mark",
//!   "steps": [{ "build": "gc-9.wasm", "verdict": "good", "why": null }],
//!   "last_good": "gc-9.wasm", "first_bad": "gc-10.wasm", "skipped": [] }
//! ```
//! `case` is null where the criterion is a finding of a hunt. `verdict` is `good`, `bad` or `skipped`; `skipped` are builds between the last good one and the
//! first bad one that could not be tested.

use super::{Exit, complain, engines, found, print};
use anyhow::{Context, bail, ensure};
use heapsmith::bisect::{Answer, Tested, bisect, natural};
use heapsmith::campaign::{self, Feedback, Limit, Progress, Settings};
use heapsmith::corpus::load::{read_bytes, read_program};
use heapsmith::engine::{Backtrace, Engine};
use heapsmith::judge::Verdict;
use heapsmith::metamorphic::Selection;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::manifest::Manifest;
use heapsmith::runtime::{Spec, builtin};
use heapsmith::trial::{Bucket, Prepared, Replay, Rig};
use heapsmith_generators::{Machine, Program};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `bisect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Builds are the modules (*.wasm, *.wat) in DIR, in the order of their names, numbers in them as numbers; --good and --bad are two of them, the good one
first. Both are tested before anything else. A build that the manifest does not fit, or that breaks another promise, is skipped.

Exit codes:
  0  the first bad build is known
  2  wrong use or wrong input: also where the good build has the bug, or the bad one does not
  3  the first bad build is one of several: those before it could not be tested

Example:
  heapsmith bisect --runtime mygc.toml --good builds/gc-1.wasm --bad builds/gc-40.wasm builds findings/x/reduced.heapsmith")]
pub(crate) struct Args {
    /// The manifest, which holds for all builds
    #[arg(long, value_name = "FILE.toml")]
    runtime: PathBuf,
    /// A build without the bug
    #[arg(long, value_name = "A.wasm")]
    good: PathBuf,
    /// A later build with it
    #[arg(long, value_name = "B.wasm")]
    bad: PathBuf,
    /// The folder of builds
    #[arg(value_name = "DIR")]
    builds: PathBuf,
    /// The case that shows the bug; otherwise the first finding of a hunt on the bad build which the good one does not show
    #[arg(value_name = "CASE")]
    case: Option<PathBuf>,
    /// Programs of that hunt
    #[arg(long, value_name = "N", default_value_t = 2000, conflicts_with = "case")]
    programs: u64,
    /// Its seed
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "case")]
    seed: u64,
    /// Its workers; all cores by default
    #[arg(long, value_name = "N", conflicts_with = "case")]
    jobs: Option<usize>,
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime,wasmi", help = super::ENGINES_HELP)]
    engines: Vec<String>,
    /// Print steps and answer as JSON
    #[arg(long)]
    json: bool,
}

/// Findings of a hunt that are looked at.
const FINDINGS: usize = 10;

/// What a build is tested by.
struct Criterion {
    program: Program,
    bucket: Bucket,
}

/// A build that was tested.
struct Step {
    build: String,
    verdict: &'static str,
    why: Option<String>,
}

struct Bisection<'a> {
    args: &'a Args,
    manifest: Arc<Manifest>,
    engines: Vec<Box<dyn Engine>>,
    builds: Vec<PathBuf>,
    steps: Vec<Step>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let engines = engines(&args.engines, Backtrace::On)?;
    let builds = builds(&args.builds)?;
    let (good, bad) = (place(&builds, &args.good, "--good")?, place(&builds, &args.bad, "--bad")?);
    ensure!(
        good < bad,
        "expected --good before --bad in the order of names, found {} after {}; rename them, or exchange them",
        name(&builds[good]),
        name(&builds[bad])
    );
    // Its own module need not be there: the builds are.
    let manifest = manifest(&args.runtime, &builds[bad])?;
    let mut it = Bisection { args, manifest, engines, builds, steps: Vec::new() };
    let criterion = it.criterion(good, bad)?;
    it.ends(&criterion, good, bad)?;
    let answer = bisect(good, bad, |build| it.test(&criterion, build));
    let exit = if answer.skipped.is_empty() { Exit::Clean } else { Exit::Untrusted };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&it.json(&criterion, &answer))?))?;
    } else {
        print(&it.answer(&criterion, &answer))?;
    }
    Ok(exit)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Modules in a folder, in the order of their names.
fn builds(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).with_context(|| format!("expected a folder of builds, found {shown}"))?;
    let mut builds = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("expected to read the folder {shown}"))?.path();
        let extension = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        if ["wasm", "wat"].iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file() {
            builds.push(path);
        }
    }
    ensure!(!builds.is_empty(), "expected builds (*.wasm, *.wat) in {shown}, found none");
    builds.sort_by(|a, b| natural(&name(a), &name(b)));
    Ok(builds)
}

/// The place of a build that the user names.
fn place(builds: &[PathBuf], build: &Path, option: &str) -> anyhow::Result<usize> {
    let there = |path: &Path| {
        path.canonicalize().with_context(|| format!("{option}: expected a build, found {}", path.display()))
    };
    let wanted = there(build)?;
    for (i, known) in builds.iter().enumerate() {
        if there(known)? == wanted {
            return Ok(i);
        }
    }
    bail!(
        "{option}: expected one of the builds in the folder, found {}; move it there, or name another",
        build.display()
    )
}

/// The manifest, held against a build: where it fits that one, its own module need not be there.
fn manifest(path: &Path, build: &Path) -> anyhow::Result<Arc<Manifest>> {
    let extension = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    ensure!(
        !["wasm", "wat"].iter().any(|known| extension.eq_ignore_ascii_case(known)),
        "--runtime: expected a manifest (*.toml), found the module `{}`; have one proposed with `heapsmith adopt`",
        path.display()
    );
    let text = heapsmith::corpus::load::read_text(path, "manifest").map_err(anyhow::Error::msg).context("--runtime")?;
    let module =
        read_bytes(build, "module").map_err(anyhow::Error::msg).with_context(|| build.display().to_string())?;
    let origin = path.display().to_string();
    Manifest::parse_build(&text, build, &module, &origin)
        .with_context(|| format!("--runtime, with the bad build {}", build.display()))
}

impl Bisection<'_> {
    /// The manifest with a build.
    fn spec(&self, build: usize) -> Result<Spec, String> {
        let path = &self.builds[build];
        let bytes = read_bytes(path, "module")?;
        let module = self.manifest.with_module(path, &bytes).map_err(|e| e.problem)?;
        Ok(Spec {
            name: module.origin.clone(),
            module: Some(module),
            pinned: Machine::default(),
            address_limit: None,
            edit: None,
        })
    }

    fn replay(&self, program: &Program, build: usize) -> Result<Replay, String> {
        let description = self.spec(build)?.resolve(program.machine).map_err(|e| e.to_string())?;
        let prepared = Prepared::builtin(builtin(description), &self.engines).map_err(|e| e.to_string())?;
        let mut rig = Rig::new(Arc::new(prepared)).map_err(|e| e.to_string())?;
        Ok(rig.replay(program))
    }

    /// What the case, or a hunt on the bad build, shows.
    fn criterion(&self, good: usize, bad: usize) -> anyhow::Result<Criterion> {
        let bad_name = name(&self.builds[bad]);
        if let Some(case) = &self.args.case {
            let (program, _) =
                read_program(case).map_err(anyhow::Error::msg).with_context(|| case.display().to_string())?;
            let replay =
                self.replay(&program, bad).map_err(anyhow::Error::msg).with_context(|| format!("--bad {bad_name}"))?;
            let Some(bucket) = replay.bucket else {
                bail!(
                    "--bad: expected {bad_name} to break a promise on {}, found: {}",
                    case.display(),
                    said(&replay.verdict)
                )
            };
            return Ok(Criterion { program, bucket });
        }
        let spec = self.spec(bad).map_err(anyhow::Error::msg).with_context(|| format!("--bad {bad_name}"))?;
        ensure!(self.args.programs > 0, "--programs: expected at least one program, found 0");
        let settings = Settings {
            spec,
            engines: engines(&self.args.engines, Backtrace::Off)?,
            tracing_engines: engines(&self.args.engines, Backtrace::On)?,
            seed: self.args.seed,
            limit: Limit::Programs(self.args.programs),
            jobs: found::jobs(self.args.jobs)?,
            max_findings: FINDINGS,
            metamorphic: Selection::Share,
            feedback: Feedback::Off,
        };
        complain(&format!("heapsmith: hunting in {bad_name}, {} programs", self.args.programs));
        let summary = campaign::hunt(&settings, &Progress::default())?;
        ensure!(
            !summary.findings.is_empty(),
            "--bad: expected a violation on {bad_name}, found none in {} programs; raise --programs, or give a case",
            self.args.programs
        );
        let mut shown = 0;
        for finding in summary.findings.into_iter().filter(|finding| finding.variant.is_none()) {
            let criterion = Criterion { program: finding.reduced, bucket: finding.bucket };
            match self.tested(&criterion, good) {
                Tested::Good => return Ok(criterion),
                Tested::Bad | Tested::Skipped(_) => shown += 1,
            }
        }
        bail!(
            "--good: expected {} to be without a bug that {bad_name} has, found that it shows all {shown} findings of the hunt, or none of its own; \
             give an older build, or a case",
            name(&self.builds[good])
        )
    }

    fn tested(&self, criterion: &Criterion, build: usize) -> Tested {
        match self.replay(&criterion.program, build) {
            Err(why) => Tested::Skipped(why),
            Ok(replay) => match (&replay.verdict, &replay.bucket) {
                (Verdict::Violation(_), Some(bucket)) if bucket.same(&criterion.bucket) => Tested::Bad,
                (Verdict::Violation(_), Some(bucket)) => {
                    Tested::Skipped(format!("it breaks another promise: {bucket}"))
                }
                (Verdict::Pass | Verdict::AllowedTrap(_), _) => Tested::Good,
                (Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_), _) => {
                    Tested::Skipped(said(&replay.verdict))
                }
            },
        }
    }

    /// Tests a build, and says so.
    fn test(&mut self, criterion: &Criterion, build: usize) -> Tested {
        let tested = self.tested(criterion, build);
        let (verdict, why) = match &tested {
            Tested::Good => ("good", None),
            Tested::Bad => ("bad", None),
            Tested::Skipped(why) => ("skipped", Some(why.lines().next().unwrap_or_default().to_owned())),
        };
        self.steps.push(Step { build: name(&self.builds[build]), verdict, why });
        tested
    }

    /// Tests both ends.
    fn ends(&mut self, criterion: &Criterion, good: usize, bad: usize) -> anyhow::Result<()> {
        let (good_name, bad_name) = (name(&self.builds[good]), name(&self.builds[bad]));
        match self.test(criterion, good) {
            Tested::Good => {}
            Tested::Bad => {
                bail!(
                    "--good: expected {good_name} to be without the bug, found {} there, too; give an older build",
                    criterion.bucket
                )
            }
            Tested::Skipped(why) => bail!("--good: expected {good_name} to be testable, found: {why}"),
        }
        match self.test(criterion, bad) {
            Tested::Bad => Ok(()),
            Tested::Good => {
                bail!("--bad: expected {bad_name} to have the bug, found that it has not; give a later build")
            }
            Tested::Skipped(why) => bail!("--bad: expected {bad_name} to be testable, found: {why}"),
        }
    }

    fn answer(&self, criterion: &Criterion, answer: &Answer) -> String {
        let mut t = format!("{}: {}\n\n", self.args.runtime.display(), criterion.bucket);
        // Writing to a String cannot fail.
        for line in criterion.program.to_string().lines() {
            let _ = writeln!(t, "  {line}");
        }
        let _ = writeln!(t);
        for Step { build, verdict, why } in &self.steps {
            let why = why.as_ref().map_or_else(String::new, |why| format!("  {why}"));
            let _ = writeln!(t, "  {verdict:<8} {build}{why}");
        }
        let skipped = self.steps.iter().filter(|step| step.verdict == "skipped").count();
        let first = name(&self.builds[answer.first_bad]);
        let _ = writeln!(t, "\n{} builds, {} tested, {skipped} of them skipped", self.builds.len(), self.steps.len());
        let _ = writeln!(t, "last good build: {}", name(&self.builds[answer.last_good]));
        let _ = if answer.skipped.is_empty() {
            writeln!(t, "first bad build: {first}")
        } else {
            let names: Vec<String> = answer.skipped.iter().map(|build| name(&self.builds[*build])).collect();
            writeln!(t, "first bad build: one of {}, {first}", names.join(", "))
        };
        t
    }

    fn json(&self, criterion: &Criterion, answer: &Answer) -> serde_json::Value {
        let step = |s: &Step| json!({ "build": s.build, "verdict": s.verdict, "why": s.why });
        json!({
            "schema": SCHEMA_VERSION,
            "manifest": self.args.runtime.display().to_string(),
            "case": self.args.case.as_ref().map(|case| case.display().to_string()),
            "program": criterion.program.to_string(),
            "bucket": criterion.bucket.to_string(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "last_good": name(&self.builds[answer.last_good]),
            "first_bad": name(&self.builds[answer.first_bad]),
            "skipped": answer.skipped.iter().map(|build| name(&self.builds[*build])).collect::<Vec<_>>(),
        })
    }
}

/// A verdict in a few words.
fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "every promise is kept".to_owned(),
        Verdict::AllowedTrap(_) => "a trap that is allowed".to_owned(),
        Verdict::Violation(v) => format!("{}: expected {}, found {}", v.kind.name(), v.expected, v.found),
        Verdict::Inconclusive(why) => format!("inconclusive: {}", why.name()),
        Verdict::Untrusted(_) => "harness and engines disagree".to_owned(),
    }
}
