//! Each file of `corpus/regressions`, on each runtime that it names, is a test: `worklist-wide-4097 on vera@0.0.130`.
//!
//! It must show exactly what its `# expect` line says (see [`heapsmith::corpus::expect`]), on both engines and the emulator, and on
//! wasmi in both lowerings. Where the module of a runtime is not there, the test is ignored, and it is said why. A file whose lines are malformed, or that has none, is a test that fails.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use common::engine;
use heapsmith::corpus::expect::{self, Expectation, Subject};
use heapsmith::engine::{DEFAULT, Engine};
use heapsmith::outcome::End;
use heapsmith::runtime::{builtin, description::Description};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::Program;
use libtest_mimic::{Arguments, Failed, Trial};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, tests(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/regressions"))))
        .exit_code()
}

/// The tests of a folder's files, in the order of their names.
fn tests(folder: &Path) -> Vec<Trial> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| of_file(file)).collect()
}

fn of_file(file: &Path) -> Vec<Trial> {
    let name = file.file_name().unwrap_or_default().display().to_string();
    match read(file) {
        Err(problem) => vec![Trial::test(name, || Err(Failed::from(problem)))],
        Ok((program, all)) => all
            .into_iter()
            .map(|e| {
                let (program, name) =
                    (program.clone(), format!("{} on {}", name.trim_end_matches(".heapsmith"), e.name));
                if let Subject::Absent(module) = &e.runtime {
                    eprintln!(
                        "SKIPPED {name}: there is no module {}; make it first: ci/collectors/all.sh",
                        module.display()
                    );
                }
                let is_absent = matches!(e.runtime, Subject::Absent(_));
                Trial::test(name, move || check(&program, &e).map_err(Failed::from)).with_ignored_flag(is_absent)
            })
            .collect(),
    }
}

fn read(file: &Path) -> Result<(Program, Vec<Expectation>), String> {
    if file.extension().is_none_or(|e| e != "heapsmith") {
        return Err("expected cases (*.heapsmith) only, found another file".to_owned());
    }
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    let program = heapsmith_generators::parse(&text).map_err(|e| e.to_string())?;
    Ok((program, expect::expectations(&text, file.parent().unwrap()).map_err(|e| e.to_string())?))
}

/// Runs a case as its expectation asks, and says what it shows instead.
fn check(program: &Program, e: &Expectation) -> Result<(), String> {
    let Subject::There(spec) = &e.runtime else { return Err("expected its module, found none".to_owned()) };
    let description = spec.resolve(program.machine).map_err(|e| e.to_string())?;
    // An interpreter needs all of a giant memory; `tests/wrap.rs` asks one on a machine that has it.
    let names: &[&str] = if description.is_giant() { &["wasmtime"] } else { &DEFAULT };
    let engines: Vec<_> = names.iter().map(|name| engine(name)).collect();
    let mut rig = Rig::new(prepared(description, &engines)?).map_err(|e| e.to_string())?;
    // Where the cause is sought, many corrected collectors run a small program once: the last engine is an interpreter.
    let last = engines.len() - 1;
    let shown = expect::shown(&mut rig, &engines[last..], program).map_err(|e| e.to_string())?;
    if shown != e.outcome {
        return Err(format!("line {}: expected `{}`, found `{shown}`", e.line, e.outcome));
    }
    let ends = rig.outcome(last).end != End::OutOfFuel;
    if ends && !rig.standalone_agrees(last, engines[last].as_ref()).map_err(|e| e.to_string())? {
        return Err(format!("the two lowerings disagree on {}", engines[last].name()));
    }
    Ok(())
}

/// A collector, compiled once for all the cases that ask for the same machine.
fn prepared(description: Description, engines: &[Box<dyn Engine>]) -> Result<Arc<Prepared>, String> {
    type Cell = Arc<OnceLock<Result<Arc<Prepared>, String>>>;
    static ALL: Mutex<Vec<(Description, Cell)>> = Mutex::new(Vec::new());
    let cell = {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter().find(|(known, _)| *known == description) {
            Some((_, cell)) => Arc::clone(cell),
            None => {
                all.push((description.clone(), Cell::default()));
                Arc::clone(&all[all.len() - 1].1)
            }
        }
    };
    let compile = || Prepared::builtin(builtin(description), engines).map(Arc::new).map_err(|e| e.to_string());
    cell.get_or_init(compile).clone()
}
