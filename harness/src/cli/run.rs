//! `heapsmith run`: replays cases and says each verdict in full.
//!
//! With `--json` the answer is one array, an object for each case in order: the fields of a finding's `verdict.json` (see
//! [`heapsmith::report::AccountJson`]), and
//!
//! ```json
//! { "case": "findings/x/reduced.heapsmith",
//!   "standalone": { "confirmed": ["wasmtime", "wasmi"], "problem": null },
//!   "script": { "path": "findings/x/finding.wast", "fails_on": ["wasmtime", "wasmi"], "passes_on": [], "problem": null } }
//! ```
//! `standalone` says on which engines the program alone (the other lowering, compiled for this one case) ended with the same memory,
//! globals, log and trap; `script` is null where there is none beside the case. A variant of which nothing was judged has `not_judged`: why. A violation that is a known issue has
//! `"known": { "name": "vera #1382", "link": "...", "text": "...", "expiry": "2027-11-23" }`; else `known` is null.

use super::cases::{self, Case, Script};
use super::quoted;
use super::{Exit, engines, known, print};
use heapsmith::engine::script::run_script;
use heapsmith::engine::{Backtrace, Engine};
use heapsmith::judge::{Inconclusive, Verdict};
use heapsmith::known::{Issue, Shown};
use heapsmith::metamorphic::{self, Pool, PoolError, Replayer, Source, Variant};
use heapsmith::reduce::{Oracle, cause_of};
use heapsmith::report::{Account, AccountJson};
use heapsmith::runtime::builtin;
use heapsmith::runtime::description::Description;
use heapsmith::trial::{Hearing, Prepared, Replay, Rig, fuel};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cases (*.heapsmith), or folders of them; of a finding's folder, the reduced case
    #[arg(required = true, value_name = "CASE|DIR")]
    cases: Vec<PathBuf>,
    /// The collector; otherwise the one that a finding was found on, else vera@0.0.131
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Replay a variant, too: `collections=all`, `poison`, `on=fixed?data_end=57`, ... (a finding's own is found beside it)
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "wasmtime,wasmi", help = super::ENGINES_HELP)]
    engines: Vec<String>,
    #[command(flatten)]
    known: known::Choice,
    /// Print one array of accounts as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let engines = engines(&args.engines, Backtrace::On)?;
    let list = args.known.list()?;
    let cases = cases::read(&args.cases, args.runtime.as_deref(), args.variant.as_deref())
        .map_err(|problems| anyhow::anyhow!(cases::complain(&problems)))?;
    let mut bench = Bench { engines, rig: None };
    let mut tally = Tally::default();
    let mut all = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let spinner = waiting(&format!("{} of {}: {}", i + 1, cases.len(), case.path.display()));
        let mut answer = bench.answer(case);
        let Answer { replay, cause, .. } = &answer;
        let shown = Shown { spec: &case.spec, variant: case.variant.as_ref(), replay, cause: *cause };
        answer.known = list.find(shown).cloned();
        spinner.finish_and_clear();
        tally.count(&answer);
        if args.json {
            all.push(answer.json(case, &bench.names()));
        } else {
            let gap = if i == 0 { "" } else { "\n" };
            print(&format!("{gap}{}\n{}", case.path.display(), answer.text(case, &bench.names())))?;
        }
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else if cases.len() > 1 {
        print(&format!("\n{}\n", tally.text()))?;
    }
    Ok(tally.exit())
}

/// Says on a terminal what is being waited for: a case with a million objects takes minutes.
fn waiting(message: &str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let spinner = indicatif::ProgressBar::new_spinner().with_message(message.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Engines, and the instances of the last collector: neighbours in a folder often share it.
struct Bench {
    engines: Vec<Box<dyn Engine>>,
    rig: Option<(Description, Rig)>,
}

impl Bench {
    fn names(&self) -> Vec<&'static str> {
        self.engines.iter().map(|e| e.name()).collect()
    }

    fn answer(&mut self, case: &Case) -> Answer {
        let runtime = case.spec.to_string();
        if let Some(variant) = &case.variant {
            return self.answer_in(case, variant).unwrap_or_else(|e| Answer::failed(&runtime, e.to_string()));
        }
        let kept = self.rig.take().filter(|(description, _)| *description == case.description);
        let rig = match kept {
            Some((_, rig)) => Ok(rig),
            None => {
                Prepared::builtin(builtin(case.description.clone()), &self.engines).and_then(|p| Rig::new(Arc::new(p)))
            }
        };
        let mut rig = match rig {
            Ok(rig) => rig,
            Err(e) => return Answer::failed(&runtime, e.to_string()),
        };
        let replay = rig.replay(&case.program);
        let violation = matches!(replay.verdict, Verdict::Violation(_));
        // The cause is found on other instances.
        if let Err(e) = rig.let_go() {
            return Answer::failed(&runtime, e.to_string());
        }
        let cause =
            if violation { cause_of(&case.description, &self.engines, &case.program).ok().flatten() } else { None };
        let standalone = standalone(&mut rig, &self.engines, case);
        let script = case.script.as_ref().map(|s| script(s, &self.engines, fuel(rig.model().plan().work)));
        self.rig = (!case.description.is_giant()).then(|| (case.description.clone(), rig));
        Answer { next: next(case, &replay.verdict, &runtime), runtime, replay, cause, known: None, standalone, script }
    }
}

impl Bench {
    /// The answer for a case and a variant of it.
    fn answer_in(&self, case: &Case, variant: &Variant) -> Result<Answer, PoolError> {
        let runtime = case.spec.to_string();
        let source = Source::new(case.spec.clone());
        let pool = Pool::new(source.clone(), &self.engines);
        let mut replayer = Replayer::new(&pool, variant.clone());
        let replay = replayer.try_replay(&case.program)?;
        let standalone = match replayer.disagreement()? {
            None => Standalone { confirmed: self.names(), problem: None },
            problem => Standalone { confirmed: Vec::new(), problem },
        };
        let violation = matches!(replay.verdict, Verdict::Violation(_));
        let cause =
            if violation { metamorphic::cause_of(&source, &self.engines, &case.program, variant)? } else { None };
        let script = case.script.as_ref().map(|s| script(s, &self.engines, fuel(replayer.work())));
        Ok(Answer {
            next: next(case, &replay.verdict, &runtime),
            runtime,
            replay,
            cause,
            known: None,
            standalone,
            script,
        })
    }
}

/// Everything that was found out about one case.
struct Answer {
    runtime: String,
    replay: Replay,
    cause: Option<heapsmith::reduce::Cause>,
    /// The known issue that a violation is.
    known: Option<Issue>,
    standalone: Standalone,
    script: Option<ScriptAnswer>,
    next: String,
}

/// Engines on which the program alone did the same as on the resident collector.
#[derive(Debug, Clone, Default, Serialize)]
struct Standalone {
    confirmed: Vec<&'static str>,
    problem: Option<String>,
}

/// What the script beside a case did.
#[derive(Debug, Clone, Serialize)]
struct ScriptAnswer {
    path: String,
    fails_on: Vec<&'static str>,
    passes_on: Vec<&'static str>,
    problem: Option<String>,
    /// The first failure in words.
    #[serde(skip)]
    failure: Option<String>,
}

#[derive(Serialize)]
struct CaseJson {
    case: String,
    #[serde(flatten)]
    account: AccountJson,
    known: Option<serde_json::Value>,
    standalone: Standalone,
    script: Option<ScriptAnswer>,
}

impl Answer {
    /// An engine would not even take the collector.
    fn failed(runtime: &str, problem: String) -> Self {
        let verdict = Verdict::Inconclusive(Inconclusive::EngineFailed);
        Self {
            runtime: runtime.to_owned(),
            replay: Replay {
                verdict,
                collections: 0,
                backtrace: Vec::new(),
                bucket: None,
                steps: 0,
                noops: Vec::new(),
                unjudged: None,
            },
            cause: None,
            known: None,
            standalone: Standalone { confirmed: Vec::new(), problem: Some(problem) },
            script: None,
            next: "heapsmith doctor".to_owned(),
        }
    }

    fn account<'a>(&'a self, case: &'a Case, engines: &'a [&'static str]) -> Account<'a> {
        Account {
            runtime: &self.runtime,
            program: &case.program,
            replay: &self.replay,
            engines,
            cause: self.cause,
            next: &self.next,
        }
    }

    fn text(&self, case: &Case, engines: &[&'static str]) -> String {
        let mut more = vec![match &self.standalone.problem {
            None => ("confirmed", format!("standalone on {}", self.standalone.confirmed.join(" and "))),
            Some(problem) => ("unconfirmed", problem.clone()),
        }];
        if let Some(issue) = &self.known {
            more.push(("known", issue.line()));
        }
        if let Some(script) = &self.script {
            more.push(("script", script.text(&self.replay.verdict)));
        }
        self.account(case, engines).text_with(&more)
    }

    fn json(&self, case: &Case, engines: &[&'static str]) -> CaseJson {
        CaseJson {
            case: case.path.display().to_string(),
            account: AccountJson::from(&self.account(case, engines)),
            known: self.known.as_ref().map(known::issue_json),
            standalone: self.standalone.clone(),
            script: self.script.clone(),
        }
    }

    /// Whether the harness contradicts itself, the script contradicts the case, or an engine failed.
    fn doubtful(&self) -> bool {
        let unsure = matches!(self.replay.verdict, Verdict::Inconclusive(_) | Verdict::Untrusted(_));
        let broken = matches!(self.replay.verdict, Verdict::Violation(_));
        let silent = self.replay.unjudged.is_some() && self.replay.verdict == Verdict::Pass;
        let contradicted =
            self.script.as_ref().is_some_and(|s| s.problem.is_some() || (!broken && !s.fails_on.is_empty()));
        unsure || silent || self.standalone.problem.is_some() || contradicted
    }
}

impl ScriptAnswer {
    fn text(&self, verdict: &Verdict) -> String {
        let name = Path::new(&self.path).file_name().unwrap_or_default().display().to_string();
        if let Some(problem) = &self.problem {
            return format!("{name} did not run: {problem}");
        }
        let broken = matches!(verdict, Verdict::Violation(_));
        let failure = self.failure.as_deref().unwrap_or_default();
        match (self.fails_on.as_slice(), self.passes_on.as_slice(), broken) {
            (fails, [], true) => format!("{name} fails on {}, as it should: {failure}", fails.join(" and ")),
            ([], passes, false) => format!("{name} passes on {}, as it should", passes.join(" and ")),
            ([], passes, true) => {
                format!(
                    "{name} passes on {}, though this case is a violation: the script was edited, or does not see this bug",
                    passes.join(" and ")
                )
            }
            (fails, [], false) => {
                format!("{name} fails on {}, though this case is no violation: {failure}", fails.join(" and "))
            }
            (fails, passes, _) => {
                format!("{name} fails on {} and passes on {}: {failure}", fails.join(" and "), passes.join(" and "))
            }
        }
    }
}

/// Runs the whole program on the resident collector, and alone on each engine: do they end alike?
fn standalone(rig: &mut Rig, engines: &[Box<dyn Engine>], case: &Case) -> Standalone {
    if let Verdict::Inconclusive(reason) = rig.trial_with(&case.program, Hearing::All) {
        let problem = Some(format!("the whole program is inconclusive: {}", reason.name()));
        return Standalone { problem, ..Standalone::default() };
    }
    let mut answer = Standalone::default();
    for (i, engine) in engines.iter().enumerate() {
        match rig.standalone_agrees(i, engine.as_ref()) {
            Ok(true) => answer.confirmed.push(engine.name()),
            Ok(false) => answer.problem = Some(format!("the two lowerings disagree on {}", engine.name())),
            Err(e) => answer.problem = Some(e.to_string()),
        }
    }
    answer
}

fn script(script: &Script, engines: &[Box<dyn Engine>], fuel: u64) -> ScriptAnswer {
    let mut answer = ScriptAnswer {
        path: script.path.display().to_string(),
        fails_on: Vec::new(),
        passes_on: Vec::new(),
        problem: None,
        failure: None,
    };
    for engine in engines {
        match run_script(engine.as_ref(), &script.text, 64 * fuel) {
            Ok(report) => match report.failure {
                None => answer.passes_on.push(engine.name()),
                Some(f) => {
                    answer.fails_on.push(engine.name());
                    answer
                        .failure
                        .get_or_insert(format!("line {}, expected {}, found {}", f.line, f.expected, f.found));
                }
            },
            Err(e) => answer.problem = Some(format!("{}: {e}", engine.name())),
        }
    }
    answer
}

/// The command that leads on from here.
fn next(case: &Case, verdict: &Verdict, runtime: &str) -> String {
    match (verdict, &case.script) {
        (Verdict::Violation(_), Some(script)) => {
            let script = quoted(&script.path.display().to_string());
            format!("wasmtime wast {script}  # without heapsmith; any engine will do")
        }
        (Verdict::Violation(_), None) | (Verdict::Pass | Verdict::AllowedTrap(_), _) => {
            format!("heapsmith hunt --runtime {}", quoted(runtime))
        }
        (Verdict::Inconclusive(_) | Verdict::Untrusted(_), _) => "heapsmith doctor".to_owned(),
    }
}

/// Counts of verdicts.
#[derive(Debug, Default)]
struct Tally {
    verdicts: BTreeMap<u8, u64>,
    doubtful: bool,
}

/// What is counted, in order of weight.
const CLASSES: [&str; 7] =
    ["violations", "known issues", "allowed traps", "passed", "inconclusive", "untrusted", "not judged"];

impl Tally {
    fn count(&mut self, answer: &Answer) {
        let class = match answer.replay.verdict {
            Verdict::Violation(_) if answer.known.is_some() => 1,
            Verdict::Violation(_) => 0,
            Verdict::AllowedTrap(_) => 2,
            Verdict::Pass if answer.replay.unjudged.is_some() => 6,
            Verdict::Pass => 3,
            Verdict::Inconclusive(_) => 4,
            Verdict::Untrusted(_) => 5,
        };
        *self.verdicts.entry(class).or_default() += 1;
        self.doubtful |= answer.doubtful();
    }

    fn text(&self) -> String {
        let all: u64 = self.verdicts.values().sum();
        let parts: Vec<String> = self
            .verdicts
            .iter()
            .map(|(&class, &n)| {
                let name = CLASSES[usize::from(class)];
                format!("{n} {}", if n == 1 { name.trim_end_matches('s') } else { name })
            })
            .collect();
        let doubt = if self.doubtful { "; not every answer can be trusted" } else { "" };
        format!("{all} cases: {}{doubt}", parts.join(", "))
    }

    fn exit(&self) -> Exit {
        if self.verdicts.contains_key(&0) {
            Exit::Violation
        } else if self.doubtful {
            Exit::Untrusted
        } else {
            Exit::Clean
        }
    }
}
