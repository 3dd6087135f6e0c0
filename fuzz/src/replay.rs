//! A target without libFuzzer: it runs the inputs that it is given, once each.

use heapsmith::fuzzing::{Attempt, Body, Ran};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs files, and the files of folders, through a body; `--mutator FOLDER` calls the mutator again with what it was given when it failed.
///
/// Exit codes: 0 nothing failed, 1 an input failed, 2 wrong use.
pub fn main<B: Body>() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let answer = match arguments.as_slice() {
        [] => Err(format!(
            "expected inputs, found none; next: cargo run -p heapsmith-fuzz --bin {0} -- corpus/seeds/{0}",
            B::NAME
        )),
        [flag, folder] if flag.as_os_str() == "--mutator" => mutator::<B>(folder),
        inputs => all::<B>(inputs),
    };
    match answer {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// Every input, in order.
fn all<B: Body>(inputs: &[PathBuf]) -> Result<ExitCode, String> {
    let mut body = B::from_environment().map_err(|e| e.to_string())?;
    let mut files = Vec::new();
    for input in inputs {
        list(input, &mut files)
            .map_err(|e| format!("{}: expected an input that can be read, found: {e}", input.display()))?;
    }
    let (mut judged, mut rejected, mut failed) = (0, 0, 0);
    for file in &files {
        let input =
            fs::read(file).map_err(|e| format!("{}: expected a file that can be read, found: {e}", file.display()))?;
        match body.run(&input) {
            Ok(Ran::Judged | Ran::Inconclusive(_)) => judged += 1,
            Ok(Ran::Rejected) => rejected += 1,
            Err(failure) => {
                failed += 1;
                println!("{}\n{failure}\n", file.display());
            }
        }
    }
    println!("{}: {} inputs: {judged} run, {rejected} rejected, {failed} failed", B::NAME, files.len());
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| list(entry, files))
}

/// One call of the mutator again.
fn mutator<B: Body>(folder: &Path) -> Result<ExitCode, String> {
    let attempt = Attempt::read(folder)
        .map_err(|e| format!("{}: expected the folder of a failed mutator, found: {e}", folder.display()))?;
    let body = B::from_environment().map_err(|e| e.to_string())?;
    if attempt.target != B::NAME {
        return Err(format!(
            "{}: expected an attempt of {}, found one of {}",
            folder.display(),
            B::NAME,
            attempt.target
        ));
    }
    let mutate = |s: &heapsmith::fuzzing::Structural| {
        s.mutate(&attempt.input, attempt.partner.as_deref(), attempt.max_size, attempt.seed)
    };
    match body.structural().and_then(mutate) {
        Some(Ok(mutant)) => {
            println!("the mutator did not fail; it gave\n{}", String::from_utf8_lossy(&mutant));
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(failure)) => {
            println!("{failure}");
            Ok(ExitCode::from(1))
        }
        None => Err(format!("{} leaves this input to libFuzzer", B::NAME)),
    }
}
