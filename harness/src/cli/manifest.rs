//! `heapsmith manifest`: a manifest held against its module.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "manifest": "mygc.toml", "name": "mygc", "summary": "...", "like": null, "emulated": false,
//!   "modules": [{ "build": null, "mutant": false, "path": "mygc.wasm", "bytes": 1411, "sha256": "b5c4..", "functions": [{ "use": "alloc", "name": "alloc", "exported": true }],
//!                 "imports": [{ "name": "env.abort", "behaviour": "trap" }], "init": [], "resettable": true, "unresettable": [],
//!                 "pages": { "initial": 1, "ready": 1, "max": 256, "fixed": false }, "globals": ["heap_ptr"] }],
//!   "kinds": [{ "name": "node", "pointers": "any", "bytes": null, "alloc": "alloc(size)" }],
//!   "roots": [{ "kind": "shadow-stack", "text": "...", "capacity": 4096 }],
//!   "oracles": [{ "about": "zeroing", "judged": false, "text": "..." }],
//!   "fits": false, "seen": [{ "build": null, "about": "roots", "text": "..." }],
//!   "misfits": [{ "build": null, "line": 12, "column": 9, "text": "..." }] }
//! ```
//! `seen` and `misfits` are what each module did when it was run: as it is declared, or otherwise; `line` and `column` are null where no line is to blame.
//! `modules` are the manifest's own, the other builds' and the mutants', which are not held against it; `globals` are the mutable ones as a rewritten module exports them.

use super::{Exit, print, quoted};
use heapsmith::bench::grouped;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::manifest::adopt::{Fact, Fit, fit};
use heapsmith::runtime::manifest::{
    Accessor, Argument, Behaviour, Call, Chunk, Direction, Function, Kind, LiveBytes, Manifest, ManifestError,
    OutOfMemory, Pointers, RootKind, Roots, ZeroSize,
};
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `manifest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say what a manifest and its module are understood to be, and what can be judged.
    Check(Check),
}

/// Arguments of `manifest check`.
#[derive(Debug, clap::Args)]
struct Check {
    /// The manifest
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Print the module's text instead, as programs are put behind it: the module written again, and the glue
    #[arg(long, conflicts_with = "json")]
    wat: bool,
    /// Look at this build or mutant of it
    #[arg(long, value_name = "NAME", requires = "wat")]
    build: Option<String>,
    /// Print what is understood as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Command::Check(check) = &args.command;
    let manifest = Manifest::load(&check.file)?;
    if check.wat {
        let manifest = match &check.build {
            None => &manifest,
            Some(name) => manifest.build(name).map_err(|known| {
                anyhow::anyhow!("--build: expected a build or mutant of the manifest ({known}), found `{name}`")
            })?,
        };
        let fields = manifest.fields(manifest.memory.initial_pages, manifest.memory.max_pages);
        print(&format!("(module\n{fields})\n"))?;
    } else {
        // What a mutant does is not what the manifest says.
        let held = modules(&manifest).filter(|module| !module.is_mutant);
        let fits: Vec<(&Manifest, Fit)> = held.map(|module| (module, fit(module))).collect();
        if check.json {
            print(&format!("{}\n", serde_json::to_string_pretty(&json(&manifest, &fits))?))?;
        } else {
            print(&text(&manifest, &check.file.display().to_string(), &fits))?;
        }
        if fits.iter().any(|(_, fit)| !fit.misfits.is_empty()) {
            return Ok(Exit::Misfit);
        }
    }
    Ok(Exit::Clean)
}

/// The manifest, its other builds, and its mutants.
fn modules(manifest: &Manifest) -> impl Iterator<Item = &Manifest> {
    std::iter::once(manifest).chain(manifest.builds.iter().chain(&manifest.mutants).map(AsRef::as_ref))
}

fn text(manifest: &Manifest, file: &str, fits: &[(&Manifest, Fit)]) -> String {
    let misfits: Vec<(&Manifest, &ManifestError)> =
        fits.iter().flat_map(|(module, fit)| fit.misfits.iter().map(|misfit| (*module, misfit))).collect();
    let of_build = |module: &Manifest| match &module.build {
        Some(name) => format!("build `{name}`: "),
        None => String::new(),
    };
    let mut t = match misfits.len() {
        0 => format!("{file}: `{}` and its module fit\n", manifest.name),
        1 => format!("{file}: `{}` and its module do not fit: 1 thing was seen otherwise\n", manifest.name),
        n => format!("{file}: `{}` and its module do not fit: {n} things were seen otherwise\n", manifest.name),
    };
    for (module, misfit) in &misfits {
        let _ = writeln!(t, "\n{}{misfit}", of_build(module));
    }
    if !misfits.is_empty() {
        t.push('\n');
    }
    if !manifest.summary.is_empty() {
        let _ = writeln!(t, "  {}", manifest.summary);
    }
    t.push('\n');
    for (about, text) in understood(manifest) {
        let _ = writeln!(t, "{about:<12}{text}");
    }
    let _ = writeln!(t, "\nseen when it was run");
    for (module, fit) in fits {
        for fact in &fit.seen {
            let _ = writeln!(t, "  {:<12}{}{}", fact.about, of_build(module), fact.text);
        }
    }
    let oracles = manifest.oracles();
    for (title, is_judged) in [("judged", true), ("not judged", false)] {
        let _ = writeln!(t, "\n{title}");
        for oracle in oracles.iter().filter(|oracle| oracle.is_judged == is_judged) {
            let _ = writeln!(t, "  {:<12}{}", oracle.about, oracle.text);
        }
    }
    let _ = match misfits.len() {
        0 => writeln!(t, "\nnext: heapsmith hunt --runtime {}", quoted(file)),
        _ => writeln!(t, "\nnext: mend what was seen otherwise, then heapsmith manifest check {}", quoted(file)),
    };
    if !manifest.mutants.is_empty() && misfits.is_empty() {
        let _ = writeln!(t, "      heapsmith mutants {} --named  # each mutant must be seen to fail", quoted(file));
    }
    t
}

/// What is understood: lines with what they are about.
fn understood(m: &Manifest) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    for build in modules(m) {
        let what = if build.is_mutant { "mutant" } else { "build" };
        let name = build.build.as_ref().map_or_else(String::new, |name| format!(", {what} `{name}`"));
        let bytes = grouped(build.module_bytes().len() as u64);
        lines.push(("module", format!("{}{name}: {bytes} bytes, SHA-256 {}", build.module.display(), build.sha256())));
        let reset = match build.unresettable.as_slice() {
            [] => continue,
            reasons => format!("a fresh instance for each program: {}", reasons.join("; ")),
        };
        lines.push(("", reset));
    }
    if let Some(like) = &m.like {
        let rules = if m.is_emulated { "layout, promises and rules, bit for bit" } else { "layout and promises" };
        lines.push(("like", format!("`{like}`: {rules}, but for what is given")));
    }
    for import in &m.imports {
        lines.push(("import", format!("`{}`: {}", import.name, behaviour(import.behaviour))));
    }
    for function in &m.init {
        lines.push(("init", named(m, function)));
    }
    let memory = m.memory;
    let limit = if memory.is_fixed { "always" } else { "at most, or fewer where a program says so" };
    let pages = if memory.ready_pages == 1 { "page" } else { "pages" };
    let ready = memory.ready_pages;
    lines.push(("memory", format!("{ready} {pages} when a program starts, {} {limit}", memory.max_pages)));
    let heap = [
        m.heap.start.map(|start| format!("from {start}")),
        m.heap.end.as_ref().map(|end| format!("to `{}`", end.name)),
        m.heap.free_list.as_ref().map(|list| format!("free list `{}`", list.name)),
        m.heap.worklist.as_ref().map(|list| format!("worklist `{}`", list.name)),
        m.heap.live_bytes.as_ref().map(|live| format!("live bytes {}", live_bytes(m, live))),
        m.heap.grows_by.map(|chunk| match chunk {
            Chunk::Pages(1) | Chunk::AtLeast(1) => "grows by any number of pages".to_owned(),
            Chunk::Pages(pages) => format!("grows by multiples of {pages} pages"),
            Chunk::AtLeast(pages) => format!("grows by as many pages as are needed, and by {pages} at least"),
            Chunk::Double => "doubles when it grows".to_owned(),
        }),
    ];
    let heap: Vec<String> = heap.into_iter().flatten().collect();
    lines.push(("heap", if heap.is_empty() { "nothing is known of it".to_owned() } else { heap.join(", ") }));
    for kind in &m.kinds {
        let bytes = kind.bytes.map_or_else(|| "any size".to_owned(), |bytes| format!("{bytes} bytes"));
        let how = call(m, &kind.alloc);
        lines.push(("kind", format!("{}: {}, {bytes}, {how}", kind.name, pointers(kind))));
    }
    match m.object.zero_size {
        None | Some(ZeroSize::Object) => {}
        Some(ZeroSize::Null) => lines.push(("no bytes", "null".to_owned())),
        Some(ZeroSize::Shared) => lines.push(("no bytes", "one object, always the same".to_owned())),
    }
    lines.push(("store", accessor(m, &m.access.store)));
    lines.push(("load", accessor(m, &m.access.load)));
    for (i, roots) in m.roots.iter().enumerate() {
        let turn = match m.roots.len() {
            1 => String::new(),
            k => format!("slots {i}, {}, ..: ", i + k),
        };
        lines.push(("roots", format!("{turn}{}", describe(m, roots))));
    }
    lines.push((
        "collection",
        match (&m.collect.full, m.collect.is_automatic) {
            (Some(full), true) => format!("by itself, and when it is told: {}", call(m, full)),
            (Some(full), false) => format!("only when it is told: {}", call(m, full)),
            (None, true) => "by itself; no function collects".to_owned(),
            (None, false) => "never".to_owned(),
        },
    ));
    if let Some(step) = &m.collect.step {
        lines.push(("step", call(m, step)));
    }
    let memory = match m.traps.memory {
        Some(OutOfMemory::Trap) => "a trap where memory is refused",
        Some(OutOfMemory::Null) => "null where memory is refused",
        None => "a trap or null where memory is refused",
    };
    lines.push(("exhaustion", memory.to_owned()));
    lines
}

/// A function as a person reads it: whether it had to be exported.
fn named(m: &Manifest, function: &Function) -> String {
    let hidden = if m.exports.binary_search(&function.name).is_ok() { "" } else { " (not exported)" };
    format!("{}{hidden}", function.name)
}

fn call(m: &Manifest, call: &Call) -> String {
    let argument = |argument: &Argument| match argument {
        Argument::Size => "size".to_owned(),
        Argument::Words => "words".to_owned(),
        Argument::First => "first".to_owned(),
        Argument::Stride => "stride".to_owned(),
        Argument::Count => "count".to_owned(),
        Argument::Object => "object".to_owned(),
        Argument::Offset => "offset".to_owned(),
        Argument::Index => "index".to_owned(),
        Argument::Value => "value".to_owned(),
        Argument::Number(number) => number.to_string(),
        Argument::Global(global) => global.name.clone(),
        Argument::Call(function) => format!("{}()", function.name),
    };
    let arguments: Vec<String> = call.arguments.iter().map(argument).collect();
    let name = named(m, &call.function);
    let (name, hidden) = name.split_once(" (").map_or((name.as_str(), ""), |(name, _)| (name, " (not exported)"));
    format!("{name}({}){hidden}", arguments.join(", "))
}

fn accessor(m: &Manifest, it: &Accessor) -> String {
    match it {
        Accessor::Raw => "raw".to_owned(),
        Accessor::Call(it) => call(m, it),
    }
}

fn live_bytes(m: &Manifest, live: &LiveBytes) -> String {
    match live {
        LiveBytes::Global(global) => format!("`{}`", global.name),
        LiveBytes::Call(it) => call(m, it),
    }
}

const fn behaviour_name(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::Trap => "trap",
        Behaviour::Constant { value: 0 } => "nothing",
        Behaviour::Constant { .. } => "constant",
        Behaviour::Counter { .. } => "counter",
        Behaviour::Lcg { .. } => "lcg",
    }
}

fn behaviour(behaviour: Behaviour) -> String {
    let name = behaviour_name(behaviour);
    match behaviour {
        Behaviour::Trap | Behaviour::Constant { value: 0 } => name.to_owned(),
        Behaviour::Constant { value } => format!("{name} {value}"),
        Behaviour::Counter { first } => format!("{name} from {first}"),
        Behaviour::Lcg { seed } => format!("{name} from {seed}"),
    }
}

fn pointers(kind: &Kind) -> String {
    let every = |stride: u32| if stride == 1 { String::new() } else { format!(", every {stride}") };
    match kind.pointers {
        Pointers::Any => "any words are pointers".to_owned(),
        Pointers::None => "no word is a pointer".to_owned(),
        Pointers::Every { first: 0, stride: 1 } => "all words are pointers".to_owned(),
        Pointers::Every { first, stride } => format!("pointers from word {first} to the end{}", every(stride)),
        Pointers::Some { first, stride, least, most } if least == most => {
            format!("{most} pointers from word {first}{}", every(stride))
        }
        Pointers::Some { first, stride, least: _, most } => {
            format!("up to {most} pointers from word {first}{}", every(stride))
        }
        Pointers::Last { most: u32::MAX } => "the last words are pointers".to_owned(),
        Pointers::Last { most } => format!("up to {most} of the last words are pointers"),
    }
}

fn describe(m: &Manifest, roots: &Roots) -> String {
    let n = grouped(u64::from(roots.capacity));
    match &roots.kind {
        RootKind::ShadowStack { top, base, grows } => {
            let grows = match grows {
                Direction::Up => "up",
                Direction::Down => "down",
            };
            format!("shadow stack of {n} slots, `{}` grows {grows} from {base}", top.name)
        }
        RootKind::Pins { pin, unpin, is_reentrant } => {
            let times = if *is_reentrant { "once for each slot" } else { "once for all slots" };
            format!("{n} pins, {} and {}, {times}", named(m, pin), named(m, unpin))
        }
        RootKind::Calls { push, pop, pops_many, set } => {
            let many = if *pops_many { "(n)" } else { "()" };
            let set = set.as_ref().map_or_else(
                || "what is above is pushed again".to_owned(),
                |set| format!("{} writes one", named(m, set)),
            );
            format!("a stack of {n} slots behind {}(value) and {}{many}, {set}", named(m, push), named(m, pop))
        }
        RootKind::Slots { set } => format!("{n} slots behind {}(index, value)", named(m, set)),
        RootKind::Table { address } => format!("a table of {n} words from {address}"),
        RootKind::None => "none: nothing is ever freed".to_owned(),
    }
}

fn json(m: &Manifest, fits: &[(&Manifest, Fit)]) -> serde_json::Value {
    let all: Vec<_> = modules(m).map(module_json).collect();
    let fact = |m: &Manifest, fact: &Fact| json!({ "build": m.build, "about": fact.about, "text": fact.text });
    let misfit = |m: &Manifest, misfit: &ManifestError| {
        let (line, column) = misfit.place.as_ref().map(|place| (place.line, place.column)).unzip();
        json!({ "build": m.build, "line": line, "column": column, "text": misfit.problem })
    };
    let seen: Vec<_> = fits.iter().flat_map(|(m, fit)| fit.seen.iter().map(|seen| fact(m, seen))).collect();
    let misfits: Vec<_> = fits.iter().flat_map(|(m, fit)| fit.misfits.iter().map(|it| misfit(m, it))).collect();
    let kind = |kind: &Kind| json!({ "name": kind.name, "pointers": pointers(kind), "bytes": kind.bytes, "alloc": call(m, &kind.alloc) });
    let roots =
        |roots: &Roots| json!({ "kind": roots.kind.name(), "text": describe(m, roots), "capacity": roots.capacity });
    let oracles = m.oracles();
    json!({
        "schema": SCHEMA_VERSION,
        "manifest": m.origin,
        "name": m.name,
        "summary": m.summary,
        "like": m.like,
        "emulated": m.is_emulated,
        "modules": all,
        "kinds": m.kinds.iter().map(kind).collect::<Vec<_>>(),
        "roots": m.roots.iter().map(roots).collect::<Vec<_>>(),
        "oracles": oracles.iter().map(|o| json!({ "about": o.about, "judged": o.is_judged, "text": o.text })).collect::<Vec<_>>(),
        "fits": misfits.is_empty(),
        "seen": seen,
        "misfits": misfits,
    })
}

/// The functions of the module that are used, and what for.
fn functions(m: &Manifest) -> Vec<(&'static str, &Function)> {
    let mut all: Vec<(&'static str, &Function)> = m.init.iter().map(|function| ("init", function)).collect();
    all.extend(m.kinds.iter().map(|kind| ("alloc", &kind.alloc.function)));
    for (what, accessor) in [("store", &m.access.store), ("load", &m.access.load)] {
        if let Accessor::Call(call) = accessor {
            all.push((what, &call.function));
        }
    }
    for roots in &m.roots {
        match &roots.kind {
            RootKind::ShadowStack { .. } | RootKind::Table { .. } | RootKind::None => {}
            RootKind::Pins { pin, unpin, .. } => all.extend([("pin", pin), ("unpin", unpin)]),
            RootKind::Calls { push, pop, set, .. } => {
                all.extend([("push", push), ("pop", pop)]);
                all.extend(set.iter().map(|set| ("set", set)));
            }
            RootKind::Slots { set } => all.push(("set", set)),
        }
    }
    all.extend(m.collect.full.iter().map(|full| ("collect", &full.function)));
    all.extend(m.collect.step.iter().map(|step| ("step", &step.function)));
    if let Some(LiveBytes::Call(call)) = &m.heap.live_bytes {
        all.push(("live_bytes", &call.function));
    }
    all
}

fn module_json(m: &Manifest) -> serde_json::Value {
    let is_exported = |function: &Function| m.exports.binary_search(&function.name).is_ok();
    let functions: Vec<_> = functions(m)
        .into_iter()
        .map(|(what, function)| json!({ "use": what, "name": function.name, "exported": is_exported(function) }))
        .collect();
    let imports: Vec<_> = m
        .imports
        .iter()
        .map(|import| json!({ "name": import.name, "behaviour": behaviour_name(import.behaviour) }))
        .collect();
    json!({
        "build": m.build,
        "mutant": m.is_mutant,
        "path": m.module.display().to_string(),
        "bytes": m.module_bytes().len(),
        "sha256": m.sha256(),
        "functions": functions,
        "imports": imports,
        "init": m.init.iter().map(|function| &function.name).collect::<Vec<_>>(),
        "resettable": m.is_resettable(),
        "unresettable": m.unresettable,
        "pages": {
            "initial": m.memory.initial_pages, "ready": m.memory.ready_pages, "max": m.memory.max_pages, "fixed": m.memory.is_fixed,
        },
        "globals": m.globals(),
    })
}
