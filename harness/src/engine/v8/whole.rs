//! Programs that run whole: one request each, all of them on the pipe before the first answer is waited for.

use super::process::{Answer, Pool, frame};
use super::{NAME, Stage, check, compile_error, end, exports, process, unpack};
use crate::engine::{EngineError, Ran, Whole};
use crate::outcome::End;
use serde_json::json;

/// Runs groups in one process. If it fails on one, the rest is sent one by one, so that each has its whole time and only that one is
/// without an answer.
pub(super) fn run(pool: &Pool, groups: &[&Whole], each: &mut dyn FnMut(usize, Result<Ran, EngineError>)) {
    // Those that the process never sees are answered in their place.
    let mut frames = Vec::with_capacity(groups.len());
    let mut sent = Vec::with_capacity(groups.len());
    let mut refused = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        match request(group) {
            Ok(frame) => {
                frames.push(frame);
                sent.push(i);
            }
            Err(error) => refused.push((i, error)),
        }
    }
    let mut refused = refused.into_iter().peekable();
    let mut next = 0;
    let mut deliver = |frame: usize, answer: Result<Answer, EngineError>| {
        let i = sent[frame];
        while let Some((refused, error)) = refused.next_if(|(refused, _)| *refused < i) {
            each(refused, Err(error));
        }
        each(i, answer.and_then(|answer| ran(groups[i], answer)));
    };
    let mut together = frames.len();
    while next < frames.len() {
        let part = &frames[next..next + together];
        match pool.any() {
            Ok(mut process) => {
                next += process.ask_all(part, |i, answer| deliver(next + i, answer));
                pool.give(process);
            }
            Err(error) => {
                deliver(next, Err(error));
                next += 1;
            }
        }
        together = 1;
    }
    for (i, error) in refused {
        each(i, Err(error));
    }
}

fn request(group: &Whole) -> Result<Vec<u8>, EngineError> {
    let Some((name, main)) = group.modules.last() else {
        return Err(super::missing(NAME, "run", "in a group of at least one module"));
    };
    let exports = exports(main).map_err(|message| compile_error(name, message))?;
    let globals: Vec<&str> =
        group.globals.iter().map(String::as_str).filter(|&name| exports.contains_key(name)).collect();
    check(&exports, globals.iter().copied())?;
    let modules: Vec<_> =
        group.modules.iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes.len() })).collect();
    let data: Vec<&[u8]> = group.modules.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    frame(&json!({ "op": "run", "modules": modules, "globals": globals }), &data)
}

fn ran(group: &Whole, answer: Answer) -> Result<Ran, EngineError> {
    let mut memories = [Vec::new(), Vec::new()];
    let end = match (answer.thrown, answer.stage) {
        (None, _) => End::Finished,
        (Some(thrown), Some(Stage::Call)) => end(&thrown)?,
        (Some(thrown), Some(Stage::Instantiate)) => {
            return Err(EngineError::Instantiate { engine: NAME, message: thrown.message });
        }
        (Some(thrown), Some(Stage::Compile)) => {
            let module = answer.failed.and_then(|i| group.modules.get(i)).map_or("", |(name, _)| name);
            return Err(compile_error(module, thrown.message));
        }
        (Some(_), None) => return Err(process::gone("it does not say where it threw")),
    };
    unpack(&answer.memories, &answer.data, &mut memories)?;
    let [heap, mutator] = memories;
    Ok(Ran { end, heap, mutator, globals: answer.globals })
}
