//! From the text of a list to its issues.

use super::{Date, Issue, matches};
use crate::corpus::load::read_text;
use crate::engine::Known;
use crate::judge::{Kind, Phase};
use crate::metamorphic::parse_variant;
use heapsmith_generators::Op;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thiserror::Error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    issue: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    link: Option<String>,
    text: String,
    runtime: String,
    on: Option<String>,
    #[serde(default)]
    modules: Vec<String>,
    bucket: String,
    cause: Option<String>,
    odd: Option<String>,
    case: PathBuf,
    variant: Option<String>,
    since: toml::value::Datetime,
    expiry: toml::value::Datetime,
}

/// A list of known issues that cannot be used.
#[derive(Debug, Error)]
pub enum KnownError {
    /// It is no TOML of the form; the message points into it.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// An entry says something that cannot be.
    #[error("known issue `{issue}`: {problem}")]
    Entry {
        /// Its name.
        issue: String,
        /// What was expected, and found.
        problem: String,
    },
    /// The file.
    #[error("{}: {problem}", path.display())]
    In {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

pub(super) fn load(path: &Path) -> Result<Vec<Issue>, KnownError> {
    let inside = |problem: String| KnownError::In { path: path.to_owned(), problem };
    let text = read_text(path, "list of known issues").map_err(inside)?;
    parse(&text).map_err(|e| inside(e.to_string()))
}

pub(super) fn parse(text: &str) -> Result<Vec<Issue>, KnownError> {
    let file: File = toml::from_str(text)?;
    let mut names = BTreeSet::new();
    let mut issues = Vec::new();
    for entry in file.issue {
        let name = entry.name.clone();
        let wrong = |problem| KnownError::Entry { issue: name.clone(), problem };
        let issue = issue(entry).map_err(wrong)?;
        if !names.insert(issue.name.clone()) {
            return Err(wrong("expected each name once, found it again; rename one of them".to_owned()));
        }
        issues.push(issue);
    }
    Ok(issues)
}

fn issue(entry: Entry) -> Result<Issue, String> {
    let Entry { name, link, text, runtime, on, modules, bucket, cause, odd, case, variant, since, expiry } = entry;
    for (key, text) in [("name", &name), ("text", &text), ("runtime", &runtime)] {
        if text.trim().is_empty() || text.contains('\n') {
            return Err(format!("expected one line of text for `{key}`, found {text:?}"));
        }
    }
    let bucket = self::bucket(&bucket)?;
    if bucket[0].chars().all(|c| c == '*') && cause.is_none() && odd.is_none() {
        return Err("expected a kind in `bucket`, a `cause` or `odd`, found none of them; not all violations of a runtime can be known".to_owned());
    }
    if let Some(engine) = odd.iter().flat_map(|odd| odd.split(' ')).find(|name| Known::parse(name).is_err()) {
        return Err(format!("expected engines for `odd`, with spaces between them, found `{engine}`"));
    }
    let on = match on {
        Some(on) => on,
        None if runtime.contains('*') => {
            return Err(format!("expected `on`, the runtime that shows it, beside the pattern `{runtime}`; add it"));
        }
        None => runtime.clone(),
    };
    let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(wrong) = modules.iter().find(|text| !is_digest(text)) {
        return Err(format!(
            "expected a SHA-256 of 64 digits and small letters in `modules`, found `{wrong}`; `heapsmith manifest check` tells a module's"
        ));
    }
    let variant = variant.map(|text| parse_variant(&text)).transpose().map_err(|e| format!("`variant`: {e}"))?;
    let (since, expiry) = (date("since", since)?, date("expiry", expiry)?);
    if since > expiry {
        return Err(format!("expected `expiry` on {since} or later, found {expiry}"));
    }
    Ok(Issue { name, link, text, runtime, on, modules, bucket, cause, odd, case, variant, since, expiry })
}

fn date(key: &str, found: toml::value::Datetime) -> Result<Date, String> {
    let text = found.to_string();
    text.parse().map_err(|e| format!("`{key}`: {e}"))
}

/// The three parts of a pattern of buckets; each fits something that there is.
fn bucket(text: &str) -> Result<[String; 3], String> {
    let parts: Vec<&str> = text.split('.').collect();
    let &[kind, op, phase] = parts.as_slice() else {
        return Err(format!("expected `bucket` as KIND.OP.PHASE, each of them or `*`, found `{text}`"));
    };
    let unknown = |what: &str, found: &str, known: Vec<&str>| {
        Err(format!("expected {what} in `bucket` (`*`, {}), found `{found}`", known.join(", ")))
    };
    // `missing-trap(memory-limit)` is a missing trap.
    let bare = kind.split('(').next().unwrap_or_default();
    if !Kind::names().any(|known| matches(bare, known)) {
        return unknown("a kind of violation", kind, Kind::names().collect());
    }
    let ops: Vec<&str> = Op::TAGS.into_iter().chain(["end"]).collect();
    if !ops.iter().any(|known| matches(op, known)) {
        return unknown("an op", op, ops);
    }
    let phases = Phase::ALL.map(Phase::name);
    if !phases.iter().any(|known| matches(phase, known)) {
        return unknown("a phase", phase, phases.to_vec());
    }
    Ok([kind, op, phase].map(str::to_owned))
}
