//! `heapsmith pins`: the structural pins of a collector, matched in its decoded instructions.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "target": "vera@0.0.131", "as": "vera@0.0.131", "passed": true,
//!   "expect": { "stack_base": 0, "worklist_end": 81920, "heap_start": 81920 },
//!   "pins": [{ "name": "heap start", "passed": true, "expected": "...", "found": "...",
//!              "place": { "function": 3, "name": "gc_collect", "offset": 512 }, "instructions": ["..."] }] }
//! ```
//! `place` is null for what is no code.

use super::{Exit, print};
use anyhow::{Context, ensure};
use heapsmith::corpus::load::read_bytes;
use heapsmith::pins::{self, Expect, Pin, Report, Status};
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::{RuntimeError, builtin, names, parse_spec};
use heapsmith_generators::Machine;
use serde_json::json;
use std::path::Path;

/// The release whose pins a file is held against.
const DEFAULT_RELEASE: &str = "vera@0.0.131";

/// Arguments of `pins`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A built-in collector, with parameters if you like, a manifest, or a module
    #[arg(value_name = "RUNTIME|FILE.toml|FILE.wasm|FILE.wat")]
    target: String,
    /// For a file: bytes of its static data (string literals); 0 otherwise
    #[arg(long, value_name = "N")]
    data_end: Option<u32>,
    /// For a file: the release that it should be, with parameters if you like; what its manifest says that it is like, or vera@0.0.131, otherwise
    #[arg(long = "as", value_name = "NAME")]
    release: Option<String>,
    /// Print the pins as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let target = &args.target;
    let (release, expect, module) = match is_builtin(target) {
        true => of_builtin(args)?,
        false if is_manifest(target) => of_manifest(args)?,
        false => of_file(Path::new(target), args, DEFAULT_RELEASE)?,
    };
    let report = pins::check(&module, &expect).with_context(|| target.clone())?;
    if args.json {
        let value = json(target, &release, &expect, &report);
        print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
    } else {
        print(&text(target, &release, &report))?;
    }
    Ok(if report.passed() { Exit::Clean } else { Exit::Violation })
}

/// Whether a target is one of ours by its name, parameters aside.
fn is_builtin(target: &str) -> bool {
    let name = target.split_once('?').map_or(target, |(name, _)| name);
    names().contains(&name.trim())
}

fn of_builtin(args: &Args) -> anyhow::Result<(String, Expect, Vec<u8>)> {
    let example = format!("{}?data_end=5", args.target.split('?').next().unwrap_or_default());
    ensure!(
        args.data_end.is_none(),
        "--data-end: expected a file with it, found a built-in; write `{example}` instead"
    );
    ensure!(args.release.is_none(), "--as: expected a file with it, found a built-in; leave it out");
    let spec = parse_spec(&args.target)?;
    let runtime = builtin(spec.resolve(Machine::default())?);
    let expect = Expect::of(&runtime.description);
    Ok((spec.to_string(), expect, format!("(module\n{})", runtime.fields).into_bytes()))
}

/// Whether a target is a manifest's file, parameters aside.
fn is_manifest(target: &str) -> bool {
    let path = Path::new(target.split('?').next().unwrap_or_default());
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn of_manifest(args: &Args) -> anyhow::Result<(String, Expect, Vec<u8>)> {
    let spec = parse_spec(&args.target)?;
    let manifest = spec.module.as_ref().context("expected a manifest, found a built-in")?;
    of_file(&manifest.module, args, manifest.like.as_deref().unwrap_or(DEFAULT_RELEASE))
}

fn of_file(path: &Path, args: &Args, release: &str) -> anyhow::Result<(String, Expect, Vec<u8>)> {
    if !path.exists() {
        let nearest = match parse_spec(&args.target) {
            Err(RuntimeError::UnknownName { nearest, .. }) => format!("; did you mean `{nearest}`?"),
            Err(_) | Ok(_) => String::new(),
        };
        let known = names().join(", ");
        anyhow::bail!(
            "expected a built-in collector ({known}) or a module's file, found neither: `{}`{nearest}",
            args.target
        );
    }
    let module = read_bytes(path, "module").map_err(anyhow::Error::msg).with_context(|| path.display().to_string())?;
    let mut spec = parse_spec(args.release.as_deref().unwrap_or(release)).context("--as")?;
    if let Some(bytes) = args.data_end {
        ensure!(
            spec.pinned.data_end.is_none_or(|pinned| pinned == bytes),
            "--data-end: expected the number that --as gives, found {bytes}; give one of them"
        );
        spec.pinned.data_end = Some(bytes);
    }
    // Where the data is too long for one page, the module has more of them; no region moves by that.
    spec.pinned.initial_pages = spec.pinned.initial_pages.or(spec.pinned.data_end.map(pages));
    let description = spec.resolve(Machine::default()).context("--data-end")?;
    spec.pinned.initial_pages = None;
    Ok((spec.to_string(), Expect::of(&description), module))
}

/// Pages that hold so many bytes.
fn pages(bytes: u32) -> u32 {
    bytes.div_ceil(heapsmith::runtime::description::PAGE).max(1)
}

fn text(target: &str, release: &str, report: &Report) -> String {
    let held = report.pins.iter().filter(|pin| pin.status == Status::Pass).count();
    let of = if target == release { String::new() } else { format!(" of {release}") };
    format!("{target}: {held} of {} pins{of} hold\n\n{report}", report.pins.len())
}

fn json(target: &str, release: &str, expect: &Expect, report: &Report) -> serde_json::Value {
    let pin = |pin: &Pin| {
        let place = pin.place.as_ref().map(|p| json!({ "function": p.function, "name": p.name, "offset": p.offset }));
        json!({
            "name": pin.name, "passed": pin.status == Status::Pass, "expected": pin.expected, "found": pin.found,
            "place": place, "instructions": pin.instructions,
        })
    };
    json!({
        "schema": SCHEMA_VERSION,
        "target": target,
        "as": release,
        "passed": report.passed(),
        "expect": {
            "stack_base": expect.stack_base, "worklist_end": expect.worklist_end, "heap_start": expect.heap_start,
        },
        "pins": report.pins.iter().map(pin).collect::<Vec<_>>(),
    })
}
