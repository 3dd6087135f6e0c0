//! `heapsmith cost`: how the work of a collector grows with the size of what it is given.
//!
//! With `--json`:
//!
//! ```json
//! { "schema": 1, "runtime": "vera@0.0.131", "engine": "wasmtime", "enough": 1073741824, "constant": 0.2, "linear": 1.2, "square": 2.2,
//!   "against": null, "most_times": 2.0,
//!   "families": [{ "name": "growth", "what": "a live list grows to n cells, without garbage",
//!                  "points": [{ "n": 2048, "fuel": 812345, "work": 21000, "ended": true }], "exponent": 1.98, "local_exponents": [1.7],
//!                  "declared_by": "growth", "finding": "declared", "why": null, "times": null,
//!                  "proof": [{ "n": 8192, "fuel": 1, "case": "growth-8192.heapsmith" }] }] }
//! ```
//! `finding` is `constant`, `linear`, `declared`, `slow`, `broken` or `not-measured`; `why` is there for the last two. `declared_by` is the
//! characteristic that allows the square, null where the collector declares none. `exponent` is null below three points, `proof` holds two
//! points or none, and its `case` is null without `--out`. A point that did not end was stopped after that much fuel;
//! `work` are the units that the declared policies need. `times` is the fuel in multiples of that of `against`, null where it is not known.

use super::facts::characteristic;
use super::found::{PLOT, check_file};
use super::{Exit, print, progress, quoted};
use anyhow::{Context, ensure};
use heapsmith::bench::grouped;
use heapsmith::cost::{self, CONSTANT, ENOUGH, Finding, LINEAR, Point, Row, SQUARE, TIMES};
use heapsmith::engine;
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::runtime::description::{Characteristic, Description};
use heapsmith::runtime::{Spec, builtin, parse_spec};
use heapsmith_generators::Machine;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The engine whose fuel is counted: one unit for each instruction, whatever the machine.
const ENGINE: &str = "wasmtime";

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collector; parameters win over those that the programs ask for
    #[arg(long, value_name = "NAME", default_value = "vera@0.0.131")]
    runtime: String,
    /// Measure no larger size once one has used so much fuel: less is quicker, more is surer
    #[arg(long, value_name = "N", default_value_t = ENOUGH, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    fuel: u64,
    /// Another collector that is measured, too: more than twice its work is too much
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Write the two programs of each family that show how its work grows
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print what was measured as JSON
    #[arg(long)]
    json: bool,
    /// Draw fuel for each unit of size, a line for each family
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let spec = parse_spec(&args.runtime).context("--runtime")?;
    let description = spec.resolve(Machine::default()).context("--runtime")?;
    check(args)?;
    let against = args.against.as_deref().map(parse_spec).transpose().context("--against")?;
    if let Some(other) = &against {
        other.resolve(Machine::default()).context("--against")?;
        ensure!(*other != spec, "--against: expected another collector than --runtime, found `{other}` again");
    }
    let rows = survey(&spec, args.fuel)?;
    let other = against
        .map(|other| Ok::<_, anyhow::Error>(Other { rows: survey(&other, args.fuel)?, spec: other }))
        .transpose()?;
    if let Some(folder) = &args.out {
        write_cases(folder, &rows)?;
    }
    if let Some(path) = &args.plot {
        let caption = format!("heapsmith: work of {spec}, fuel of {ENGINE}");
        let picture = cost::svg(&rows, &caption).context("--plot: expected something to draw, found no measurement")?;
        std::fs::write(path, picture).with_context(|| format!("--plot: expected to write `{}`", path.display()))?;
    }
    let out = args.out.as_deref();
    if args.json {
        print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&json(&spec, &description, args.fuel, &rows, other.as_ref(), out))?
        ))?;
    } else {
        print(&text(&spec, &description, &rows, other.as_ref(), out))?;
    }
    let more = other.as_ref().is_some_and(|other| rows.iter().any(|row| other.is_exceeded_by(row)));
    Ok(if more || rows.iter().any(|row| row.finding.is_violation()) {
        Exit::Violation
    } else if rows.iter().all(|row| matches!(row.finding, Finding::Unfit(_))) {
        Exit::Untrusted
    } else {
        Exit::Clean
    })
}

/// Measures a collector.
fn survey(spec: &Spec, fuel: u64) -> anyhow::Result<Vec<Row>> {
    let line = progress::line();
    let make = |machine: Machine| spec.resolve(machine).map(builtin).map_err(|e| e.to_string());
    let rows = cost::survey(&[engine::by_name(ENGINE)?], fuel, make, |family| {
        if let Some(line) = &line {
            line.set_message(format!("measuring {} of {spec}", family.name));
            line.tick();
        }
    });
    if let Some(line) = line {
        line.finish_and_clear();
    }
    Ok(rows?)
}

/// The collector that a survey is compared with.
struct Other {
    spec: Spec,
    rows: Vec<Row>,
}

impl Other {
    /// How many times its fuel a row needed.
    fn times(&self, row: &Row) -> Option<f64> {
        self.rows.iter().find(|other| other.family.name == row.family.name).and_then(|other| row.times(other))
    }

    fn is_exceeded_by(&self, row: &Row) -> bool {
        self.times(row).is_some_and(|times| times > TIMES)
    }
}

/// What can be said of the outputs before a minute is spent on them.
fn check(args: &Args) -> anyhow::Result<()> {
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("--out: expected a folder that can be made, found `{}`", folder.display()))?;
    }
    if let Some(path) = &args.plot {
        check_file("--plot", path, PLOT)?;
    }
    Ok(())
}

/// The two programs of a row.
fn proof(row: &Row) -> Vec<Point> {
    match row.proof() {
        Some((small, large)) if small != large => vec![small, large],
        Some((only, _)) => vec![only],
        None => Vec::new(),
    }
}

fn case(folder: &Path, row: &Row, n: u32) -> PathBuf {
    folder.join(format!("{}-{n}.heapsmith", row.family.name))
}

fn write_cases(folder: &Path, rows: &[Row]) -> anyhow::Result<()> {
    for row in rows {
        let broken = if let Finding::Broken(n, _) = &row.finding { Some(*n) } else { None };
        for n in proof(row).iter().map(|p| p.n).chain(broken) {
            let path = case(folder, row, n);
            std::fs::write(&path, row.family.text(n))
                .with_context(|| format!("--out: expected to write `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// The characteristic that allows the square, if the collector declares it.
fn declared(row: &Row, description: &Description) -> Option<Characteristic> {
    row.family.declared_by.filter(|c| description.characteristics.contains(c))
}

fn text(spec: &Spec, description: &Description, rows: &[Row], other: Option<&Other>, out: Option<&Path>) -> String {
    let mut t = format!("{spec}: work in fuel of {ENGINE}, which counts instructions\n\n");
    let times = if other.is_some() { "   times" } else { "" };
    let _ = writeln!(
        t,
        "  {:<12}{:>20}{:>12}{:>10}{:>10}{times}  {:<10}verdict",
        "family", "n", "fuel per n", "per work", "exponent", "declared"
    );
    for row in rows {
        let range = match (row.points.first(), row.points.last()) {
            (Some(a), Some(b)) => format!("{}..{}", grouped(u64::from(a.n)), grouped(u64::from(b.n))),
            (_, _) => String::new(),
        };
        let tenths =
            |tenths: Option<u64>| tenths.map_or_else(String::new, |t| format!("{}.{}", grouped(t / 10), t % 10));
        let (per, per_work) = (tenths(row.tenths_per_unit()), tenths(row.tenths_per_work()));
        let times = other.map_or_else(String::new, |other| {
            format!("{:>8}", other.times(row).map_or_else(String::new, |times| format!("{times:.2}")))
        });
        let exponent = row.exponent.map_or_else(String::new, |e| format!("{e:.2}"));
        let declared = declared(row, description).map_or("-", |_| "square");
        let verdict = match &row.finding {
            Finding::Constant => "constant".to_owned(),
            Finding::Linear => "linear".to_owned(),
            Finding::Declared(c) => format!("as declared: {}", characteristic(*c).about),
            Finding::Slow => "violation: slow".to_owned(),
            Finding::Broken(n, v) => format!("violation at n = {}: {}", grouped(u64::from(*n)), v.kind.full_name()),
            Finding::Unfit(why) => format!("not measured: {why}"),
        };
        let name = row.family.name;
        let _ =
            writeln!(t, "  {name:<12}{range:>20}{per:>12}{per_work:>10}{exponent:>10}{times}  {declared:<10}{verdict}");
    }
    for row in rows.iter().filter(|row| row.finding.is_violation()) {
        t.push_str(&violation(spec, description, row, out));
    }
    let bad = rows.iter().filter(|row| row.finding.is_violation()).count();
    let _ = match bad {
        0 => writeln!(
            t,
            "\nnothing grows faster than declared (exponents up to {CONSTANT} are constant, up to {LINEAR} linear, up to {SQUARE} a square)"
        ),
        n => writeln!(t, "\n{n} of {} families break a promise", rows.len()),
    };
    if let Some(other) = other {
        let names: Vec<&str> = rows.iter().filter(|row| other.is_exceeded_by(row)).map(|row| row.family.name).collect();
        let _ = match names.as_slice() {
            [] if rows.iter().all(|row| other.times(row).is_none()) => {
                writeln!(t, "not compared with {}: no family was measured on both", other.spec)
            }
            [] => writeln!(t, "no family needs more than {TIMES} times the work of {}", other.spec),
            names => writeln!(t, "more than {TIMES} times the work of {}: {}", other.spec, names.join(", ")),
        };
    }
    t
}

fn violation(spec: &Spec, description: &Description, row: &Row, out: Option<&Path>) -> String {
    let family = row.family;
    let mut t = format!("\n{}: {}\n", family.name, family.what);
    if let Finding::Broken(n, v) = &row.finding {
        let _ = writeln!(
            t,
            "  n = {}: {}\n  expected:  {}\n  found:     {}",
            grouped(u64::from(*n)),
            v.kind.promise(),
            v.expected,
            v.found
        );
    }
    if row.finding == Finding::Slow {
        let local: Vec<String> = row.local_exponents().iter().map(|e| format!("{e:.2}")).collect();
        let square = declared(row, description).is_some();
        let most = if square { SQUARE } else { family.most };
        let _ = writeln!(t, "  expected:  work that grows with n to the power of {most} at most");
        let fitted =
            row.exponent.map_or_else(|| "no end within the fuel".to_owned(), |e| format!("the power of {e:.2}"));
        let _ = writeln!(t, "  found:     {fitted}; from each size to the next {}", local.join(", "));
    }
    let proof = proof(row);
    for p in proof.iter().filter(|_| row.finding == Finding::Slow) {
        let ended = if p.ended { "" } else { ", and had not ended" };
        let _ = writeln!(t, "  proof:     n = {} takes {} units{ended}", grouped(u64::from(p.n)), grouped(p.fuel));
    }
    if let ([small, large], Finding::Slow) = (proof.as_slice(), &row.finding) {
        let _ = writeln!(
            t,
            "             {} times the size, {} times the work",
            large.n / small.n,
            large.fuel / small.fuel
        );
    }
    let sizes: Vec<u32> = match &row.finding {
        Finding::Broken(n, _) => vec![*n],
        Finding::Constant | Finding::Linear | Finding::Declared(_) | Finding::Slow | Finding::Unfit(_) => {
            proof.iter().map(|p| p.n).collect()
        }
    };
    let runtime = quoted(&spec.to_string());
    let _ = match out {
        Some(folder) => {
            let cases: Vec<String> =
                sizes.iter().map(|&n| quoted(&case(folder, row, n).display().to_string())).collect();
            writeln!(t, "  next:      heapsmith run {} --runtime {runtime}", cases.join(" "))
        }
        None => writeln!(t, "  next:      heapsmith cost --runtime {runtime} --out DIR  # writes the programs"),
    };
    t
}

fn json(
    spec: &Spec,
    description: &Description,
    enough: u64,
    rows: &[Row],
    other: Option<&Other>,
    out: Option<&Path>,
) -> serde_json::Value {
    let family = |row: &Row| {
        let why = match &row.finding {
            Finding::Broken(n, v) => Some(format!("n = {n}: {}", v.kind.full_name())),
            Finding::Unfit(why) => Some(why.clone()),
            Finding::Constant | Finding::Linear | Finding::Declared(_) | Finding::Slow => None,
        };
        let point = |p: &Point| json!({ "n": p.n, "fuel": p.fuel, "work": p.work, "ended": p.ended });
        let proved = |p: &Point| {
            let case = out.map(|folder| case(folder, row, p.n).display().to_string());
            json!({ "n": p.n, "fuel": p.fuel, "case": case })
        };
        json!({
            "name": row.family.name,
            "what": row.family.what,
            "points": row.points.iter().map(point).collect::<Vec<_>>(),
            "exponent": row.exponent,
            "local_exponents": row.local_exponents(),
            "declared_by": declared(row, description).map(|c| characteristic(c).about),
            "finding": row.finding.name(),
            "why": why,
            "times": other.and_then(|other| other.times(row)),
            "proof": proof(row).iter().map(proved).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema": SCHEMA_VERSION,
        "runtime": spec.to_string(),
        "engine": ENGINE,
        "enough": enough,
        "constant": CONSTANT,
        "linear": LINEAR,
        "square": SQUARE,
        "against": other.map(|other| other.spec.to_string()),
        "most_times": TIMES,
        "families": rows.iter().map(family).collect::<Vec<_>>(),
    })
}
