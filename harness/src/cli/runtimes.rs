//! `heapsmith runtimes`: the built-in collectors, what they promise, what they do, and what is checked.
//!
//! With `--json` the answer is one array, an object for each collector:
//!
//! ```json
//! [{ "schema": 1, "name": "vera@0.0.131", "spec": "vera@0.0.131", "summary": "...",
//!    "parameters": { "data_end": 0, "worklist": 16384, "roots": 4096, "initial_pages": 1, "max_pages": 256 },
//!    "regions": [{ "name": "root stack", "start": 0, "end": 16384 }],
//!    "block": { "header_bytes": 4, "stride_unit": 8, "size_shift": 1, "mark_mask": 1, "free_link": 0 },
//!    "rules": [{ "about": "growth", "text": "..." }], "promises": [], "oracles": [], "characteristics": [],
//!    "defects": [{ "rule": "candidate-test", "text": "..." }] }]
//! ```
//! The heap is the region without an end (null). `defects` are the rules that break a promise: what a hunt is to find.

use super::facts::{Fact, characteristic, oracles, promises, rules};
use super::{Exit, print};
use anyhow::Context;
use heapsmith::bench::grouped;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::description::{Description, WRAP_ENTRY};
use heapsmith::runtime::{Spec, builtin, corrections, names, parse_spec};
use heapsmith_generators::Machine;
use serde_json::json;
use std::fmt::Write;

/// Arguments of `runtimes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One collector, with parameters if you like; all of them otherwise
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print the collector's WebAssembly text, as a finding has it
    #[arg(long, requires = "name", conflicts_with = "json")]
    wat: bool,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let asked: Vec<&str> = args.name.as_deref().map_or_else(|| names().to_vec(), |name| vec![name]);
    let mut all = Vec::new();
    for name in asked {
        let spec = parse_spec(name)?;
        let description = spec.resolve(Machine::default()).with_context(|| name.to_owned())?;
        all.push((spec, description));
    }
    if args.wat {
        for (_, description) in all {
            print(&format!("(module\n{})\n", builtin(description).fields))?;
        }
    } else if args.json {
        let values: Vec<_> = all.iter().map(|(spec, description)| json(spec, description)).collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&values)?))?;
    } else {
        let blocks: Vec<String> = all.iter().map(|(spec, description)| text(spec, description)).collect();
        print(&format!("{}\n{PARAMETERS}", blocks.join("\n")))?;
    }
    Ok(Exit::Clean)
}

const PARAMETERS: &str = "\
parameters, given as NAME?KEY=VALUE,KEY=VALUE wherever a collector is named; without them a program has its own
  data_end         bytes of static data before the first region, aligned or not
  worklist         entries of the mark worklist
  roots            slots of the root stack
  pages            pages of 64 KiB at the start and at most: 1..4, 1.. or ..4
  initial_pages    the first of these alone
  max_pages        the second of these alone
  fault            NAME of a planted fault, such as `first-fit-by-select`; a name that is none is answered with the list

example: heapsmith runtimes 'vera@0.0.131?data_end=5' --wat
";

/// A region: its name, start and end; the heap has no end.
fn regions(d: &Description) -> Vec<(&'static str, u32, Option<u32>, String)> {
    let (r, p) = (d.regions, d.parameters);
    let mut all = vec![
        ("static data", 0, Some(p.data_end), String::new()),
        ("root stack", r.roots.0, Some(r.roots.1), format!("{} slots, grows up", grouped(u64::from(p.roots)))),
        ("worklist", r.worklist.0, Some(r.worklist.1), format!("{} entries, grows up", grouped(u64::from(p.worklist)))),
    ];
    if p.wraps > 0 {
        let entries = format!("{} entries of {WRAP_ENTRY} bytes, grows up", grouped(u64::from(p.wraps)));
        all.push(("wrap table", r.wraps.0, Some(r.wraps.1), entries));
    }
    if r.bitmap.0 < r.bitmap.1 {
        all.push(("bitmap", r.bitmap.0, Some(r.bitmap.1), "object starts, one bit for 8 bytes of heap".to_owned()));
    }
    let pages = format!("memory has {} pages of 64 KiB at the start, {} at most", p.initial_pages, p.max_pages);
    all.push(("heap", r.heap_start, None, pages.replacen("has 1 pages", "has 1 page", 1)));
    all
}

fn block(d: &Description) -> String {
    let o = d.object;
    format!(
        "{} bytes of header (payload bytes << {} | mark), payload, padding to a multiple of {}",
        o.header_bytes, o.size_shift, o.stride_unit
    )
}

fn text(spec: &Spec, d: &Description) -> String {
    let mut t = format!("{spec}\n  {}\n", d.summary);
    let _ = writeln!(t, "\n  {:<17}{:>11}{:>11}{:>11}", "layout", "from", "to", "bytes");
    for (name, start, end, note) in regions(d) {
        let n = |n: u32| grouped(u64::from(n));
        let (to, bytes) = end.map_or_else(|| ("heap_ptr".to_owned(), String::new()), |end| (n(end), n(end - start)));
        let line = format!("    {name:<15}{:>11}{to:>11}{bytes:>11}  {note}", n(start));
        let _ = writeln!(t, "{}", line.trim_end());
    }
    let _ = writeln!(t, "    {:<15}  {}", "block", block(d));
    let characteristics: Vec<Fact> = d.characteristics.iter().map(|&c| characteristic(c)).collect();
    facts(&mut t, "promises: what must be true", &promises(&d.promises));
    if let Some(known) = &d.rules {
        facts(&mut t, "rules: what it does", &rules(known));
        let _ = writeln!(t, "\n  defects: rules that break a promise, for a hunt to find");
        let defects = corrections(known);
        if defects.is_empty() {
            let _ = writeln!(t, "    none");
        }
        for c in &defects {
            let _ = writeln!(t, "    {:<24} {}", c.rule, c.cause);
        }
    }
    facts(&mut t, "characteristics: allowed, never a violation", &characteristics);
    facts(&mut t, "oracles: what is checked", &oracles(d));
    t
}

fn facts(t: &mut String, title: &str, facts: &[Fact]) {
    let _ = writeln!(t, "\n  {title}");
    for f in facts {
        let _ = writeln!(t, "    {:<15}  {}", f.about, f.text);
    }
}

fn json(spec: &Spec, d: &Description) -> serde_json::Value {
    let (p, o) = (d.parameters, d.object);
    let regions: Vec<_> = regions(d)
        .into_iter()
        .map(|(name, start, end, _)| json!({ "name": name, "start": start, "end": end }))
        .collect();
    let defects: Vec<_> =
        d.rules.iter().flat_map(corrections).map(|c| json!({ "rule": c.rule, "text": c.cause })).collect();
    json!({
        "schema": SCHEMA_VERSION,
        "name": d.name,
        "spec": spec.to_string(),
        "summary": d.summary,
        "parameters": {
            "data_end": p.data_end, "worklist": p.worklist, "roots": p.roots,
            "initial_pages": p.initial_pages, "max_pages": p.max_pages,
        },
        "regions": regions,
        "block": {
            "header_bytes": o.header_bytes, "stride_unit": o.stride_unit, "size_shift": o.size_shift,
            "mark_mask": o.mark_mask, "free_link": o.free_link,
        },
        "rules": d.rules.as_ref().map(rules),
        "promises": promises(&d.promises),
        "defects": defects,
        "characteristics": d.characteristics.iter().map(|&c| characteristic(c)).collect::<Vec<_>>(),
        "oracles": oracles(d),
    })
}
