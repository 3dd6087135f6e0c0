//! What the commands that look for violations share: workers, signals, and findings as they are shown and written.

use super::{complain, quoted};
use anyhow::{Context, ensure};
use heapsmith::campaign::{Finding, Lineage};
use heapsmith::known::{Issue, KnownIssues, Shown};
use heapsmith::report::{Account, AccountJson, Written, folder_name, write_finding};
use heapsmith::runtime::Spec;
use serde_json::json;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// More workers than this are a mistake.
const MAX_JOBS: usize = 1_024;

/// The workers asked for, or one for each core.
pub(crate) fn jobs(asked: Option<usize>) -> anyhow::Result<usize> {
    let jobs = match asked {
        Some(jobs) => jobs,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    ensure!((1..=MAX_JOBS).contains(&jobs), "--jobs: expected 1 to {MAX_JOBS} workers, found {jobs}");
    Ok(jobs)
}

/// A place that cannot take findings is found out before it is needed: the folder, or what there is of the way to it.
pub(crate) fn check_out(out: &Path) -> anyhow::Result<()> {
    check_folder("--out", out)
}

/// The same for the folder of another flag.
pub(crate) fn check_folder(flag: &str, out: &Path) -> anyhow::Result<()> {
    let there = out.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let wanted =
        || format!("{flag}: expected a folder that can be written to at `{}`; name another place", there.display());
    ensure!(there.is_dir(), "{flag}: expected a folder at `{}`, found a file; name another place", there.display());
    let probe = there.join(format!(".heapsmith-{}", std::process::id()));
    std::fs::create_dir(&probe).with_context(wanted)?;
    std::fs::remove_dir(&probe).with_context(wanted)
}

/// What a plot begins with.
pub(crate) const PLOT: &str = "<svg width=\"900\" height=\"600\"";

/// A file that cannot be written, or is somebody else's, is found out before it is needed. What heapsmith wrote there begins with `begins`, and
/// may be written again.
pub(crate) fn check_file(flag: &str, path: &Path, begins: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    ensure!(
        folder.is_none_or(Path::is_dir) && !path.is_dir(),
        "{flag}: expected a file in a folder that exists, found `{}`",
        path.display()
    );
    if !path.exists() {
        return Ok(());
    }
    ensure!(
        path.is_file(),
        "{flag}: expected a file, found something else at `{}`; name another place",
        path.display()
    );
    let mut start = Vec::new();
    let file = std::fs::File::open(path).with_context(|| format!("{flag}: `{}`", path.display()))?;
    file.take(begins.len() as u64).read_to_end(&mut start).with_context(|| format!("{flag}: `{}`", path.display()))?;
    ensure!(
        start.is_empty() || start == begins.as_bytes(),
        "{flag}: expected no file at `{}`, or one that heapsmith wrote, found another one; name another place",
        path.display()
    );
    Ok(())
}

/// The first Ctrl-C or SIGTERM sets what `stop` gives and says `message`, the second one ends the process.
pub(crate) fn stop_on_signals<P: Send + Sync + 'static>(
    progress: &Arc<P>,
    stop: fn(&P) -> &AtomicBool,
    message: &'static str,
) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stopped))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stopped)))
            .context("expected to be able to handle Ctrl-C")?;
    }
    let progress = Arc::downgrade(progress);
    std::thread::spawn(move || {
        while let Some(progress) = progress.upgrade() {
            if stopped.load(Ordering::Relaxed) {
                complain(message);
                stop(&progress).store(true, Ordering::Relaxed);
                return;
            }
            drop(progress);
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    Ok(())
}

/// One finding as it is shown and written.
pub(crate) struct Report {
    headline: String,
    bucket: String,
    cause: Option<String>,
    variant: Option<String>,
    count: u64,
    index: u64,
    lineage: Option<Lineage>,
    ops: usize,
    confirmed: String,
    runtime: String,
    /// The known issue that it is.
    known: Option<Issue>,
    /// Where it was written.
    folder: Option<PathBuf>,
    /// Why it was not.
    problem: Option<String>,
    text: String,
    case: String,
    json: AccountJson,
}

impl Report {
    /// Writes a finding under `out` and says what there is to say of it.
    pub(crate) fn write(out: &Path, runtime: &str, engines: &[&'static str], f: &Finding) -> Self {
        let name = folder_name(&f.bucket, runtime, &f.reduced);
        let folder = out.join(&name);
        let next = format!("heapsmith run {} --runtime {}", quoted(&folder.display().to_string()), quoted(runtime));
        let account = |next| Account { runtime, program: &f.reduced, replay: &f.replay, engines, cause: f.cause, next };
        let by_hand = format!(
            "save the case below as case.heapsmith, then: heapsmith run case.heapsmith --runtime {}",
            quoted(runtime)
        );
        let unwritten = account(&by_hand).text();
        let account = account(&next);
        let json = AccountJson::from(&account);
        let text = account.text();
        let lineage = f.lineage.as_ref().map(|lineage| format!("program {} of the hunt: {lineage}\n", f.index));
        let comment = format!("{text}\nThe script fails as long as the bug lives.");
        let script: String = comment.lines().map(|l| format!(";; {l}\n")).collect::<String>() + &f.script;
        let rendered = serde_json::to_string_pretty(&json).unwrap_or_default();
        let written = write_finding(
            out,
            &name,
            &Written {
                reduced: &f.reduced,
                original: &f.original,
                variant: f.variant_program.as_ref(),
                lineage: lineage.as_deref(),
                text: &text,
                json: &rendered,
                script: &script,
            },
        );
        let (folder, problem, text) = match written {
            Ok(folder) => (Some(folder), None, text),
            Err((path, error)) => {
                (None, Some(format!("expected to write `{}`, found: {error}", path.display())), unwritten)
            }
        };
        let confirmed = match &f.lowerings_disagree {
            None => format!("confirmed standalone on {}", engines.join(" and ")),
            Some(text) => format!("NOT confirmed standalone: {text}"),
        };
        Self {
            headline: account.headline(),
            bucket: f.bucket.to_string(),
            cause: f.cause.map(|c| format!("{} ({})", c.text, c.rule)),
            variant: f.variant.as_ref().map(ToString::to_string),
            count: f.count,
            index: f.index,
            lineage: f.lineage.clone(),
            ops: f.reduced.ops.len(),
            confirmed,
            runtime: runtime.to_owned(),
            known: None,
            folder,
            problem,
            text,
            case: f.reduced.to_string(),
            json,
        }
    }

    /// The report of the known issue that its finding is, if it is one.
    pub(crate) fn held_against(mut self, list: &KnownIssues, spec: &Spec, f: &Finding) -> Self {
        let shown = Shown { spec, variant: f.variant.as_ref(), replay: &f.replay, cause: f.cause };
        self.known = list.find(shown).cloned();
        self
    }

    /// The known issue that it is.
    pub(crate) const fn known(&self) -> Option<&Issue> {
        self.known.as_ref()
    }

    /// Programs that stand behind it.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The command that replays it, or why there is none.
    pub(crate) fn replay(&self) -> String {
        match (&self.folder, &self.problem) {
            (Some(folder), _) => {
                let folder = folder.display().to_string();
                format!("heapsmith run {} --runtime {}", quoted(&folder), quoted(&self.runtime))
            }
            (None, problem) => format!("not written: {}", problem.as_deref().unwrap_or("unknown")),
        }
    }

    /// A few lines of the summary.
    pub(crate) fn summary(&self) -> String {
        let mut t = String::new();
        let _ =
            writeln!(t, "\n  {}   ({}, {})", self.bucket, plural(self.count, "program"), plural(self.ops as u64, "op"));
        let _ = writeln!(t, "    {}", self.headline);
        if let Some(variant) = &self.variant {
            let _ = writeln!(t, "    variant: {variant}");
        }
        if let Some(cause) = &self.cause {
            let _ = writeln!(t, "    cause: {cause}");
        }
        let _ = writeln!(t, "    {}", self.confirmed);
        let _ = writeln!(t, "    {}", self.replay());
        t
    }

    /// Says on standard error what could not be written, whole.
    pub(crate) fn complain(&self) {
        if let Some(problem) = &self.problem {
            complain(&format!("heapsmith: {problem}; the finding follows whole\n{}\n{}", self.text, self.case));
        }
    }

    /// The program.
    pub(crate) fn case(&self) -> &str {
        &self.case
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "bucket": self.bucket, "programs": self.count, "ops": self.ops, "confirmation": self.confirmed,
            "folder": self.folder.as_ref().map(|f| f.display().to_string()), "problem": self.problem,
            "case": self.case, "program": self.index, "lineage": self.lineage, "account": self.json,
            "known": self.known.as_ref().map(|issue| &issue.name),
        })
    }
}

/// A number of things.
pub(crate) fn plural(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
