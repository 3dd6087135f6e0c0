//! Each file of `corpus/seeds` is a test: `graphs/wide-capacity`.
//!
//! Seeds of `graphs`, `pages` and `sequences` are canonical texts with comments, and reach what their `# reaches` lines say (see
//! [`heapsmith::corpus::expect`]); on `fixed` no promise is broken. Seeds of the two parsers are read, and come back from what is
//! printed, unless their names begin with `malformed-`. Seeds of `heap_image` and `wild` are bytes that nobody wrote by hand, drawn by
//! [`raw_bytes`]; [`bytes`] lists which, and what each is there for. Each target takes its seeds, and together they miss nothing that is
//! listed here.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "seeds/bytes.rs"]
mod bytes;
mod common;

use common::{FIXED, engines};
use heapsmith::corpus::expect::{self, Expectation, Subject};
use heapsmith::corpus::probe::{Reach, reach};
use heapsmith::fuzzing::{Body, CaseText, DescriptionText, Graphs, HeapImages, Pages, Ran, Sequences, WildModules};
use heapsmith::metamorphic::parse_variant;
use heapsmith::runtime::{builtin, description::Description, parse_spec};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Machine, Op, Program};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/seeds");
/// Targets whose seeds are programs.
const PROGRAMS: [&str; 3] = ["graphs", "pages", "sequences"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut tests = vec![
        Trial::test("graphs are of every shape and size", || failed(every_shape_and_size())),
        Trial::test("boundaries are of every edge, distance and phase", || failed(every_boundary())),
        Trial::test("ops, paths and refusals are all reached", || failed(everything_is_reached())),
    ];
    tests.extend([
        Trial::test("bytes of heap_image", || failed(bytes::images())),
        Trial::test("bytes of wild", || failed(bytes::modules())),
    ]);
    for target in PROGRAMS {
        for file in files(target) {
            tests.push(Trial::test(name(target, &file), move || failed(program(&file))));
        }
    }
    tests.extend(
        files("case_text")
            .into_iter()
            .map(|file| Trial::test(name("case_text", &file), move || failed(case_text(&file)))),
    );
    tests.extend(
        files("description")
            .into_iter()
            .map(|file| Trial::test(name("description", &file), move || failed(description(&file)))),
    );
    tests.extend([
        Trial::test("graphs takes its seeds", || failed(taken::<Graphs>())),
        Trial::test("sequences takes its seeds", || failed(taken::<Sequences>())),
        Trial::test("pages takes its seeds", || failed(taken::<Pages>())),
        Trial::test("case_text takes its seeds", || failed(taken::<CaseText>())),
        Trial::test("description takes its seeds", || failed(taken::<DescriptionText>())),
        Trial::test("heap_image takes its seeds", || failed(taken::<HeapImages>())),
        Trial::test("wild takes its seeds", || failed(taken::<WildModules>())),
    ]);
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn failed(result: Result<(), String>) -> Result<(), Failed> {
    result.map_err(Failed::from)
}

/// The files of a target, in the order of their names.
fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(SEEDS).join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(target: &str, file: &Path) -> String {
    format!("{target}/{}", stem(file))
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A canonical program that reaches what it says.
fn program(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    let program = heapsmith_generators::parse(&text).map_err(|e| e.to_string())?;
    let bare: String = text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    if bare != program.to_string() {
        return Err(format!("expected the text as it is printed, found another one:\n{program}"));
    }
    for e in expect::reaches(&text, Path::new("")).map_err(|e| e.to_string())? {
        let reached = run(&program, &e)?;
        let names: BTreeSet<String> = reached.goals().map(|goal| goal.to_string()).collect();
        let missing: Vec<&str> = e.outcome.split_whitespace().filter(|goal| !names.contains(*goal)).collect();
        if !missing.is_empty() {
            let states: Vec<&str> =
                names.iter().map(String::as_str).filter(|name| !name.starts_with("edge.")).collect();
            return Err(format!("line {}: {} not reached, but {}", e.line, missing.join(", "), states.join(" ")));
        }
        if !(reached.verdict == "pass" || reached.verdict.starts_with("trap.")) {
            return Err(format!("expected every promise to be kept, found {}", reached.verdict));
        }
    }
    Ok(())
}

fn run(program: &Program, e: &Expectation) -> Result<Reach, String> {
    let Subject::There(spec) = &e.runtime else {
        return Err(format!("expected a runtime of our own, found {}", e.name));
    };
    let description = spec.resolve(program.machine).map_err(|e| e.to_string())?;
    let mut rig = Rig::new(prepared(description)?).map_err(|e| e.to_string())?;
    let verdict = rig.trial(program);
    Ok(reach(&mut rig, program, &verdict))
}

/// A collector, compiled once for all seeds that ask for the same machine.
fn prepared(description: Description) -> Result<Arc<Prepared>, String> {
    static ALL: Mutex<Vec<(Description, Arc<Prepared>)>> = Mutex::new(Vec::new());
    let all = || ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, prepared)) = all().iter().find(|(known, _)| *known == description) {
        return Ok(Arc::clone(prepared));
    }
    let prepared = Prepared::with_feedback(builtin(description.clone()), &engines()).map_err(|e| e.to_string())?;
    let prepared = Arc::new(prepared);
    all().push((description, Arc::clone(&prepared)));
    Ok(prepared)
}

/// What the `# reaches` lines of a target's seeds say; each of them is checked by the test of its file.
fn said(target: &str) -> BTreeSet<String> {
    let texts = files(target).into_iter().map(|file| fs::read_to_string(file).unwrap());
    let lines = texts.flat_map(|text| expect::reaches(&text, Path::new("")).unwrap());
    lines.flat_map(|e| e.outcome.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn every_shape_and_size() -> Result<(), String> {
    let there: BTreeSet<String> = files("graphs").iter().map(|file| stem(file)).collect();
    let shapes = Op::TAGS.iter().skip_while(|tag| **tag != "chain").take_while(|tag| **tag != "roots");
    let sizes = ["capacity-minus-1", "capacity", "capacity-plus-1", "16383", "16384", "16385", "100000"];
    let all = shapes.flat_map(|shape| sizes.map(|size| format!("{shape}-{size}"))).collect::<Vec<_>>();
    assert_eq!(all.len(), 8 * 7);
    none(all.iter().filter(|name| !there.contains(*name)))
}

fn every_boundary() -> Result<(), String> {
    let there: BTreeSet<String> = files("pages").iter().map(|file| stem(file)).collect();
    let mut all = Vec::new();
    for edge in ["page-boundary", "memory-end", "limit"] {
        for (part, distances) in [("payload", &[-16, -8, -4, -1, 0, 1, 4, 8, 16][..]), ("block", &[-8, 0, 8])] {
            all.extend(distances.iter().map(|&d: &i32| match d {
                0 => format!("{part}-ends-at-{edge}"),
                1.. => format!("{part}-ends-{d}-past-{edge}"),
                _ => format!("{part}-ends-{}-before-{edge}", -d),
            }));
        }
    }
    all.extend((0..8).map(|phase| format!("block-fills-memory-data-end-{phase}-mod-8")));
    none(all.iter().filter(|name| !there.contains(*name)))?;
    // On both sides, and in every phase of the heap.
    let said = said("pages");
    let phases = (0..8).map(|phase| format!(".mod{phase}"));
    none(
        phases.filter(|phase| {
            !said.iter().any(|goal| goal.starts_with("end.payload.") && goal.ends_with(phase.as_str()))
        }),
    )
}

fn everything_is_reached() -> Result<(), String> {
    let said: BTreeSet<String> = PROGRAMS.iter().flat_map(|target| said(target)).collect();
    // No built-in makes minor collections.
    let tags = Op::TAGS.iter().filter(|tag| **tag != "minor").map(|tag| format!("op.{tag}"));
    let paths = ["list", "exact", "bump", "collected", "grow-one", "grow-many"].map(|path| format!("path.{path}"));
    // The address limit is out of reach: no seed has a memory of 2 GiB.
    let refusals = ["worklist-full", "root-stack-full", "memory-limit", "size-limit", "wrap-table-full"];
    let traps = refusals.map(|rule| format!("verdict.trap.{rule}"));
    none(tags.chain(paths).chain(traps).filter(|goal| !said.contains(goal)))
}

fn none(missing: impl Iterator<Item = impl AsRef<str>>) -> Result<(), String> {
    let missing: Vec<String> = missing.map(|name| name.as_ref().to_owned()).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("expected seeds for each of these, found none: {}", missing.join(", ")))
    }
}

fn malformed(file: &Path) -> bool {
    stem(file).starts_with("malformed-")
}

fn case_text(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    match (heapsmith_generators::parse(&text), malformed(file)) {
        (Ok(program), false) => {
            let canonical = file.extension().is_some();
            let again = heapsmith_generators::parse(&program.to_string()).map_err(|e| e.to_string())?;
            if again != program || (canonical && program.to_string() != text) {
                return Err(format!("expected it to come back, found\n{program}"));
            }
            Ok(())
        }
        (Err(_), true) => Ok(()),
        (Ok(program), true) => Err(format!("expected an error, found\n{program}")),
        (Err(e), false) => Err(e.to_string()),
    }
}

fn description(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    let (runtime, variant) = text.split_once('\n').unwrap_or((&text, ""));
    let read = || -> Result<(), String> {
        let spec = parse_spec(runtime).map_err(|e| e.to_string())?;
        spec.resolve(Machine::default()).map_err(|e| e.to_string())?;
        parse_variant(variant).map_err(|e| e.to_string())?;
        let printed = spec.to_string();
        if parse_spec(&printed).as_ref() == Ok(&spec) { Ok(()) } else { Err(format!("`{printed}` does not come back")) }
    };
    match (read(), malformed(file)) {
        (Ok(()), false) | (Err(_), true) => Ok(()),
        (Err(problem), false) => Err(problem),
        (Ok(()), true) => Err("expected an error, found none".to_owned()),
    }
}

/// A target runs each of its seeds; it would pass one over in silence that is none of its inputs.
fn taken<B: Body>() -> Result<(), String> {
    let mut body = B::new(FIXED).map_err(|e| e.to_string())?;
    for file in files(B::NAME) {
        match body.run(&fs::read(&file).map_err(|e| e.to_string())?) {
            Ok(Ran::Judged) => {}
            Ok(other @ (Ran::Inconclusive(_) | Ran::Rejected)) => {
                return Err(format!("{}: expected it to be run and judged, found {other:?}", stem(&file)));
            }
            Err(failure) => return Err(format!("{}: {failure}", stem(&file))),
        }
    }
    Ok(())
}
