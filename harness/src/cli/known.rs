//! `heapsmith known`, and the list that `hunt` and `run` hold violations against.
//!
//! `heapsmith known check --json` prints
//!
//! ```json
//! { "schema": 1, "list": "corpus/known-issues.toml", "today": "2026-11-23",
//!   "issues": [{ "name": "vera #1382", "standing": "known", "problems": [] }] }
//! ```
//! `standing` is `known`, `wrong` (then there are problems) or `skipped` (then the one problem says why).

use super::found::{Report, plural};
use super::{Exit, engines, print};
use anyhow::Context;
use heapsmith::engine::{Backtrace, DEFAULT};
use heapsmith::known::{Checked, Checker, Date, Issue, KnownIssues, Standing};
use heapsmith::report::SCHEMA_VERSION;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Which list of known issues counts.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// Another list of known issues than corpus/known-issues.toml, which is built in: what is known is reported apart and is no violation
    #[arg(long, value_name = "FILE", conflicts_with = "no_known")]
    known: Option<PathBuf>,
    /// Take no violation for a known one
    #[arg(long)]
    no_known: bool,
}

impl Choice {
    /// The list.
    pub(crate) fn list(&self) -> anyhow::Result<KnownIssues> {
        match &self.known {
            _ if self.no_known => Ok(KnownIssues::default()),
            Some(path) => KnownIssues::load(path).context("--known"),
            None => KnownIssues::built_in().context("the list of known issues that is built in"),
        }
    }
}

/// Arguments of `known`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Replay the case of each known issue: one that shows it no longer, or is past its expiry, fails by name.
    Check(Check),
}

/// Arguments of `known check`.
#[derive(Debug, clap::Args)]
struct Check {
    /// The list; its cases are relative to it
    #[arg(value_name = "FILE", default_value = "corpus/known-issues.toml")]
    list: PathBuf,
    /// The day that expiries are held against, instead of the system clock's (UTC). No other command asks a clock for a verdict
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_values = DEFAULT, help = super::ENGINES_HELP)]
    engines: Vec<String>,
    /// Print what became of each issue as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Command::Check(args) = &args.command;
    let list = KnownIssues::load(&args.list)?;
    // A bucket's phase is told by the backtrace, as a hunt tells it.
    let engines = engines(&args.engines, Backtrace::On)?;
    let today = args.today.unwrap_or_else(today);
    let folder = args.list.parent().unwrap_or(Path::new(""));
    let checked = Checker { folder, engines: &engines, today }.check(&list);
    if args.json {
        let value = json(&args.list, today, &checked);
        print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
    } else {
        print(&text(today, &checked))?;
    }
    let is_wrong = |c: &Checked| matches!(c.standing, Standing::Wrong(_));
    Ok(if checked.iter().any(is_wrong) { Exit::Violation } else { Exit::Clean })
}

fn today() -> Date {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Date::of_unix_seconds(since.as_secs())
}

/// A word for a standing, and what is to be said of it.
fn said(standing: &Standing) -> (&'static str, Vec<&str>) {
    match standing {
        Standing::Known => ("known", Vec::new()),
        Standing::Wrong(problems) => ("wrong", problems.iter().map(String::as_str).collect()),
        Standing::Skipped(why) => ("skipped", vec![why]),
    }
}

fn text(today: Date, checked: &[Checked]) -> String {
    let mut t = String::new();
    for Checked { name, standing } in checked {
        match said(standing) {
            ("known", _) => {
                let _ = writeln!(t, "known    {name}");
            }
            (word, why) => why.iter().for_each(|why| {
                let _ = writeln!(t, "{:<8} {name}: {why}", word.to_uppercase());
            }),
        }
    }
    let count = |wanted: &str| checked.iter().filter(|c| said(&c.standing).0 == wanted).count();
    let [known, wrong, skipped] = ["known", "wrong", "skipped"].map(count);
    let _ = writeln!(t, "{} issues on {today}: {known} known, {wrong} wrong, {skipped} skipped", checked.len());
    t
}

fn json(list: &Path, today: Date, checked: &[Checked]) -> serde_json::Value {
    let issue = |c: &Checked| {
        let (standing, problems) = said(&c.standing);
        json!({ "name": c.name, "standing": standing, "problems": problems })
    };
    let issues: Vec<serde_json::Value> = checked.iter().map(issue).collect();
    json!({ "schema": SCHEMA_VERSION, "list": list.display().to_string(), "today": today.to_string(), "issues": issues })
}

/// An issue as the summaries of other commands show it in JSON.
pub(crate) fn issue_json(issue: &Issue) -> serde_json::Value {
    json!({ "name": issue.name, "link": issue.link, "text": issue.text, "expiry": issue.expiry.to_string() })
}

/// The known issues that were found, each with its programs and reports, in the order in which they first come.
fn known_issues(reports: &[Report]) -> Vec<(&Issue, Vec<&Report>)> {
    let mut issues: Vec<(&Issue, Vec<&Report>)> = Vec::new();
    for r in reports {
        let Some(issue) = r.known() else { continue };
        match issues.iter_mut().find(|(known, _)| known.name == issue.name) {
            Some((_, of_issue)) => of_issue.push(r),
            None => issues.push((issue, vec![r])),
        }
    }
    issues
}

fn programs(reports: &[&Report]) -> u64 {
    reports.iter().map(|r| r.count()).sum()
}

/// The known issues that were found, for the summary of a hunt; empty if there are none.
pub(crate) fn found_text(reports: &[Report]) -> String {
    let issues = known_issues(reports);
    if issues.is_empty() {
        return String::new();
    }
    let all = issues.iter().map(|(_, of_issue)| programs(of_issue)).sum();
    let mut t = format!("known: {} of {}\n", plural(all, "program"), plural(issues.len() as u64, "issue"));
    for (issue, of_issue) in issues {
        let _ = writeln!(t, "  {}", issue.line());
        for r in of_issue {
            let _ = writeln!(t, "    {}: {}", plural(r.count(), "program"), r.replay());
        }
    }
    t
}

/// The same as JSON.
pub(crate) fn found_json(reports: &[Report]) -> Vec<serde_json::Value> {
    let issue = |(issue, of_issue): &(&Issue, Vec<&Report>)| {
        let mut value = issue_json(issue);
        value["programs"] = json!(programs(of_issue));
        value
    };
    known_issues(reports).iter().map(issue).collect()
}
