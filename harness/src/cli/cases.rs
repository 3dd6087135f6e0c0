//! Cases given on the command line: found, read and checked before anything runs, all complaints at once.

use heapsmith::corpus::load::{EXTENSION, REDUCED, Walk, Which, read_program, read_text};
use heapsmith::metamorphic::{Variant, parse_variant};
use heapsmith::runtime::description::Description;
use heapsmith::runtime::{Spec, parse_spec};
use heapsmith_generators::Program;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The runtime of a case that nothing else is said about.
pub(super) const DEFAULT_RUNTIME: &str = "vera@0.0.131";
const VERDICT: &str = "verdict.json";
const SCRIPT: &str = "finding.wast";

/// A case that is ready to run.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) path: PathBuf,
    pub(super) program: Program,
    pub(super) spec: Spec,
    pub(super) description: Description,
    /// The variant in which a reduced case breaks its promise.
    pub(super) variant: Option<Variant>,
    /// The script beside a reduced case, if it is of the same runtime.
    pub(super) script: Option<Script>,
}

/// A `finding.wast`.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Every case below `paths`, in the order of the arguments, each file once; folders are walked in sorted order.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn read(paths: &[PathBuf], runtime: Option<&str>, variant: Option<&str>) -> Result<Vec<Case>, Vec<String>> {
    let mut problems = Vec::new();
    let asked = runtime.map(parse_spec).transpose();
    if let Err(e) = &asked {
        problems.push(format!("--runtime: {e}"));
    }
    let variant = variant.map(parse_variant).transpose().unwrap_or_else(|e| {
        problems.push(format!("--variant: {e}"));
        None
    });
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let (before, complaints) = (files.len(), problems.len());
            for file in Walk::new(path, Which::Cases) {
                match file {
                    Ok(file) => files.push(file),
                    Err(problem) => problems.push(problem.to_string()),
                }
            }
            if files.len() == before && problems.len() == complaints {
                problems.push(format!(
                    "{}: expected at least one case (*.{EXTENSION}) in or below this folder, found none",
                    path.display()
                ));
            }
        } else {
            files.push(path.clone());
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    let mut cases = Vec::new();
    for path in files {
        let case = match (read_program(&path), &asked) {
            (Ok((program, _)), Ok(asked)) => {
                case(&path, program, asked.as_ref(), variant.as_ref()).map(|case| cases.push(case))
            }
            // Without a runtime there is no more to find out.
            (Ok(_), Err(_)) => Ok(()),
            (Err(problem), _) => Err(problem),
        };
        if let Err(problem) = case {
            problems.push(format!("{}: {problem}", path.display()));
        }
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

fn case(path: &Path, program: Program, asked: Option<&Spec>, variant: Option<&Variant>) -> Result<Case, String> {
    let is_reduced = path.file_name().is_some_and(|name| name == REDUCED);
    let (spec, recorded) = match (asked, recorded(path)) {
        // What is asked for needs no verdict beside it.
        (Some(spec), recorded) => (spec.clone(), recorded.ok().flatten()),
        (None, Ok(Some(recorded))) => (recorded.0.clone(), Some(recorded)),
        (None, Ok(None)) => (parse_spec(DEFAULT_RUNTIME).map_err(|e| e.to_string())?, None),
        (None, Err(problem)) => return Err(problem),
    };
    let (recorded, beside_variant) = recorded.map_or((None, None), |(spec, variant)| (Some(spec), variant));
    let beside_variant = beside_variant.filter(|_| is_reduced);
    let variant = variant.cloned().or_else(|| beside_variant.clone()).filter(|v| *v != Variant::default());
    let description = spec.resolve(program.machine).map_err(|e| format!("the machine on {spec}: {e}"))?;
    let beside = path.with_file_name(SCRIPT);
    let script = if is_reduced && recorded.as_ref() == Some(&spec) && variant == beside_variant && beside.exists() {
        let text = read_text(&beside, "script").map_err(|e| format!("{SCRIPT} beside it: {e}"))?;
        Some(Script { path: beside, text })
    } else {
        None
    };
    Ok(Case { path: path.to_owned(), program, spec, description, variant, script })
}

/// The runtime that the verdict beside a case names, if there is one, and the variant.
fn recorded(path: &Path) -> Result<Option<(Spec, Option<Variant>)>, String> {
    let beside = path.with_file_name(VERDICT);
    if !beside.exists() {
        return Ok(None);
    }
    let advice = "; mend it, move it away or give --runtime";
    let text = read_text(&beside, "verdict").map_err(|e| format!("{VERDICT} beside it: {e}{advice}"))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| format!("{VERDICT} beside it: expected JSON, found: {e}{advice}"))?;
    let Some(runtime) = json.get("runtime").and_then(serde_json::Value::as_str) else {
        return Err(format!("{VERDICT} beside it: expected a field `runtime`, found none{advice}"));
    };
    let variant = json.get("violation").and_then(|v| v.get("variant")).and_then(serde_json::Value::as_str);
    let variant = variant.map(parse_variant).transpose().map_err(|e| format!("{VERDICT} beside it: {e}{advice}"))?;
    parse_spec(runtime).map(|spec| Some((spec, variant))).map_err(|e| format!("{VERDICT} beside it: {e}"))
}

/// Problems as one message: each below the other, its further lines indented.
pub(super) fn complain(problems: &[String]) -> String {
    if let [problem] = problems {
        return problem.clone();
    }
    let mut text = format!("{} problems with the input; nothing was run", problems.len());
    for problem in problems {
        text.push_str(&format!("\n\n  {}", problem.replace('\n', "\n  ")));
    }
    text
}
