//! `heapsmith adopt`: from a module to a manifest that a person can finish.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "module": "mygc.wasm", "out": "mygc.toml", "manifest": "heapsmith = 1\n...",
//!   "facts": [{ "about": "allocation", "text": "..." }],
//!   "oracles": [{ "about": "layout", "judged": false, "text": "..." }],
//!   "missing": [{ "what": "no heap end", "cost": "...", "say": "[heap] end" }] }
//! ```
//! `out` is null without `--out`.

use super::{Exit, complain, print, quoted};
use anyhow::{Context, bail};
use heapsmith::corpus::load::read_bytes;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::manifest::adopt::{Adoption, adopt, missing};
use serde_json::json;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The module is run on an interpreter to see what its functions do; nothing of it can reach this machine. The manifest goes to standard output, or to
--out, which must not be there yet: nothing is written over.")]
pub(crate) struct Args {
    /// A module with a collector in it, binary or text
    #[arg(value_name = "FILE.wasm")]
    module: PathBuf,
    /// Where the manifest is written; it names the module relative to that
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
    /// Print manifest, facts and oracles as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let shown = args.module.display().to_string();
    if let Some(out) = &args.out
        && out.symlink_metadata().is_ok()
    {
        bail!(
            "--out: expected a path where nothing is yet, found {}, which is left as it is; give another one, or remove it",
            out.display()
        );
    }
    let bytes = read_bytes(&args.module, "module").map_err(anyhow::Error::msg).with_context(|| shown.clone())?;
    let name = args.module.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let path = match &args.out {
        Some(out) => from(out.parent().unwrap_or(Path::new("")), &args.module)?,
        None => shown.clone(),
    };
    let adoption = adopt(&bytes, &name, &path).map_err(anyhow::Error::msg).with_context(|| shown.clone())?;
    if let Some(out) = &args.out {
        write_new(out, &adoption.text)?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&json(&shown, args.out.as_deref(), &adoption))?))?;
    } else if args.out.is_some() {
        print(&report(&shown, args.out.as_deref(), &adoption))?;
    } else {
        print(&adoption.text)?;
        complain(report(&shown, None, &adoption).trim_end());
    }
    Ok(Exit::Clean)
}

/// Writes a file that is not there yet.
fn write_new(out: &Path, text: &str) -> anyhow::Result<()> {
    let shown = out.display();
    let file = OpenOptions::new().write(true).create_new(true).open(out);
    let mut file = match file {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "--out: expected a path where nothing is yet, found {shown}, which is left as it is; give another one, or remove it"
            )
        }
        Err(e) => return Err(e).with_context(|| format!("--out: expected to write {shown}")),
    };
    file.write_all(text.as_bytes()).with_context(|| format!("--out: expected to write {shown}"))
}

/// The path of a file as it is from a folder; the whole path where there is no way between them.
fn from(folder: &Path, file: &Path) -> anyhow::Result<String> {
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().with_context(|| format!("expected a folder to write into, found {}", path.display()))
    };
    let (folder, file) = (whole(folder)?, whole(file)?);
    let (mut there, mut here) = (file.components().peekable(), folder.components().peekable());
    while there.peek().is_some_and(|part| here.peek() == Some(part)) {
        there.next();
        here.next();
    }
    let up = here.map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(there).collect();
    Ok(relative.to_string_lossy().into_owned())
}

fn report(module: &str, out: Option<&Path>, adoption: &Adoption) -> String {
    let mut t = String::new();
    // Writing to a String cannot fail.
    let _ = match out {
        Some(out) => writeln!(t, "{module}: a manifest is in {}", out.display()),
        None => writeln!(t, "{module}: a manifest is on standard output"),
    };
    let _ = writeln!(t, "\n  found");
    for fact in &adoption.facts {
        let _ = writeln!(t, "    {:<12} {}", fact.about, fact.text);
    }
    let _ = writeln!(t, "\n  judged");
    for oracle in adoption.manifest.oracles().iter().filter(|oracle| oracle.is_judged) {
        let _ = writeln!(t, "    {:<12} {}", oracle.about, oracle.text);
    }
    let _ = writeln!(t, "\n  missing, and what that costs");
    for missing in missing(&adoption.manifest) {
        let _ = writeln!(t, "    {}: {}; say it by {}", missing.what, missing.cost, missing.say);
    }
    let manifest = out.map_or_else(|| "FILE.toml".to_owned(), |out| quoted(&out.display().to_string()));
    // A name without a slash or an ending would be a built-in's.
    let _ = writeln!(
        t,
        "\nnext: read its comments, then\n  heapsmith manifest check {manifest}\n  heapsmith hunt --runtime {manifest}"
    );
    t
}

fn json(module: &str, out: Option<&Path>, adoption: &Adoption) -> serde_json::Value {
    let facts: Vec<_> = adoption.facts.iter().map(|fact| json!({ "about": fact.about, "text": fact.text })).collect();
    let oracles: Vec<_> = adoption.manifest.oracles();
    let oracles: Vec<_> =
        oracles.iter().map(|o| json!({ "about": o.about, "judged": o.is_judged, "text": o.text })).collect();
    let missing = missing(&adoption.manifest);
    let missing: Vec<_> = missing.iter().map(|m| json!({ "what": m.what, "cost": m.cost, "say": m.say })).collect();
    json!({
        "schema": SCHEMA_VERSION,
        "module": module,
        "out": out.map(|out| out.display().to_string()),
        "manifest": adoption.text,
        "facts": facts,
        "oracles": oracles,
        "missing": missing,
    })
}
