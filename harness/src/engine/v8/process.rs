//! Node processes, and the frames that go to and fro.

use super::NAME;
use crate::engine::EngineError;
use crate::runtime::description::MAX_PAGES;
use serde::Deserialize;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// What runs in node.
const PROGRAM: &str = include_str!("../v8.js");
/// The oldest version of node that will do.
const OLDEST: u32 = 18;
/// KiB of V8's stack: twice what wasmtime has, because its frames are larger. The process's own stack has 8 MiB.
const STACK_KIB: u32 = 2048;
/// What a frame may have at most: two memories and a little.
const FRAME_BYTES: usize = 1 << 30;

/// An answer; each has some of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    node: String,
    v8: String,
    /// Where it was thrown.
    pub(super) stage: Option<Stage>,
    pub(super) failed: Option<usize>,
    pub(super) thrown: Option<Thrown>,
    pub(super) imports: Vec<Vec<Import>>,
    pub(super) globals: Vec<u32>,
    pub(super) memories: Vec<Memory>,
    pub(super) results: Vec<i32>,
    /// The blocks of all memories.
    #[serde(skip)]
    pub(super) data: Vec<u8>,
}

/// A part of what is done to a group.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Compile,
    Instantiate,
    Call,
}

/// An exception.
#[derive(Debug, Deserialize)]
pub(super) struct Thrown {
    pub(super) name: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Import {
    pub(super) module: String,
    pub(super) name: String,
}

/// A memory: its bytes, and the blocks that are not all zero.
#[derive(Debug, Deserialize)]
pub(super) struct Memory {
    pub(super) bytes: usize,
    pub(super) blocks: Vec<usize>,
}

/// Processes that nobody uses at the moment.
pub(super) struct Pool {
    idle: Mutex<Vec<Process>>,
    version: String,
    limit: Duration,
}

impl Pool {
    /// Starts the first process.
    pub(super) fn start(limit: Duration) -> Result<Self, EngineError> {
        let (process, hello) = Process::start(limit)?;
        let version = format!("{} (node {})", hello.v8, hello.node);
        Ok(Self { idle: Mutex::new(vec![process]), version, limit })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// A process for one instance, if possible one that has this group compiled.
    pub(super) fn take(&self, group: u64) -> Result<Process, EngineError> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = idle.iter().rposition(|process| process.group == Some(group));
        match known.map(|i| idle.swap_remove(i)).or_else(|| idle.pop()) {
            Some(process) => Ok(process),
            None => {
                drop(idle);
                Ok(Process::start(self.limit)?.0)
            }
        }
    }

    /// A process for a group that it runs whole.
    pub(super) fn any(&self) -> Result<Process, EngineError> {
        let idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        idle.map_or_else(|| Ok(Process::start(self.limit)?.0), Ok)
    }

    /// Gives a process back.
    pub(super) fn give(&self, process: Process) {
        if !process.broken {
            self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(process);
        }
    }
}

/// One node process. Dropped, it is killed.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    frames: Receiver<(Vec<u8>, Vec<u8>)>,
    limit: Duration,
    /// The group that it has compiled.
    pub(super) group: Option<u64>,
    broken: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; either way nothing is left of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(limit: Duration) -> Result<(Self, Answer), EngineError> {
        let refused = |message: String| EngineError::Start { engine: NAME, message };
        let advice = format!("install node {OLDEST} or newer (such as `apt-get install nodejs`), or leave v8 out");
        let mut command = Command::new("node");
        let limits = [format!("--stack-size={STACK_KIB}"), format!("--wasm-max-mem-pages={MAX_PAGES}")];
        command.args(limits).args(["-e", PROGRAM]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().map_err(|e| refused(format!("expected `node` in the search path: {e}; {advice}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(refused("its pipes were not made".to_owned()));
        };
        let frames = reader(output).map_err(|e| refused(e.to_string()))?;
        let mut process = Self { child, input, frames, limit, group: None, broken: false };
        let hello =
            process.receive().map_err(|e| refused(format!("expected `node` to run a program: {e}; {advice}")))?;
        let major = hello.node.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < OLDEST) {
            return Err(refused(format!("expected node {OLDEST} or newer, found {}; {advice}", hello.node)));
        }
        Ok((process, hello))
    }

    /// Sends a request, and waits for its answer.
    pub(super) fn ask(&mut self, request: &serde_json::Value, data: &[&[u8]]) -> Result<Answer, EngineError> {
        let answer = self.send(request, data).and_then(|()| self.receive());
        self.broken |= answer.is_err();
        answer
    }

    fn send(&mut self, request: &serde_json::Value, data: &[&[u8]]) -> Result<(), EngineError> {
        let frame = frame(request, data)?;
        self.input.write_all(&frame).map_err(|e| gone(&e.to_string()))
    }

    /// Sends all requests, hands over their answers as they come, and gives how many there were. It ends with the first error, after
    /// which the process is of no more use. Each answer may take as long as the limit says.
    pub(super) fn ask_all(
        &mut self,
        frames: &[Vec<u8>],
        mut each: impl FnMut(usize, Result<Answer, EngineError>),
    ) -> usize {
        self.group = None;
        let Self { child, input, frames: answers, limit, broken, .. } = self;
        std::thread::scope(|scope| {
            // What does not fit the pipe is written while answers are read. A process that is killed ends the writing, too.
            scope.spawn(move || frames.iter().try_for_each(|frame| input.write_all(frame)));
            for i in 0..frames.len() {
                let answer = receive(answers, *limit);
                let failed = answer.is_err();
                if failed {
                    *broken = true;
                    let _ = child.kill();
                }
                each(i, answer);
                if failed {
                    return i + 1;
                }
            }
            frames.len()
        })
    }

    fn receive(&mut self) -> Result<Answer, EngineError> {
        receive(&self.frames, self.limit)
    }
}

fn receive(frames: &Receiver<(Vec<u8>, Vec<u8>)>, limit: Duration) -> Result<Answer, EngineError> {
    let (json, data) = frames.recv_timeout(limit).map_err(|e| match e {
        RecvTimeoutError::Timeout => EngineError::Killed { engine: NAME, seconds: limit.as_secs() },
        RecvTimeoutError::Disconnected => gone("its process ended"),
    })?;
    let answer: Answer = serde_json::from_slice(&json).map_err(|e| gone(&e.to_string()))?;
    Ok(Answer { data, ..answer })
}

/// A request as it is on the pipe.
pub(super) fn frame(request: &serde_json::Value, data: &[&[u8]]) -> Result<Vec<u8>, EngineError> {
    let json = request.to_string();
    let bytes: usize = data.iter().map(|part| part.len()).sum();
    let word = |n: usize| u32::try_from(n).map(u32::to_le_bytes).map_err(|_| gone("the request is too large"));
    let mut frame = Vec::with_capacity(8 + json.len() + bytes);
    frame.extend(word(json.len())?);
    frame.extend(word(bytes)?);
    frame.extend(json.as_bytes());
    data.iter().for_each(|part| frame.extend_from_slice(part));
    Ok(frame)
}

/// Reads frames in a thread of its own, so that waiting for one can end; it ends with the process.
fn reader(mut output: ChildStdout) -> std::io::Result<Receiver<(Vec<u8>, Vec<u8>)>> {
    let (sender, frames) = channel();
    let frame = move |output: &mut ChildStdout| -> Option<(Vec<u8>, Vec<u8>)> {
        let mut part = |bytes: u32| {
            let mut part = vec![0; usize::try_from(bytes).ok().filter(|&bytes| bytes <= FRAME_BYTES)?];
            output.read_exact(&mut part).ok()?;
            Some(part)
        };
        let head = part(8)?;
        let word = |at: usize| head[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        Some((part(word(0)?)?, part(word(4)?)?))
    };
    std::thread::Builder::new().name("v8".to_owned()).spawn(move || {
        while let Some(frame) = frame(&mut output) {
            if sender.send(frame).is_err() {
                return;
            }
        }
    })?;
    Ok(frames)
}

/// The process is of no more use.
pub(super) fn gone(why: &str) -> EngineError {
    EngineError::Abnormal { engine: NAME, message: format!("the node process is of no more use: {why}") }
}
