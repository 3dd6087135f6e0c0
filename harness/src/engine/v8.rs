//! V8, in node processes of its own: another compiler, another runtime, another process.
//!
//! It runs the standalone lowering only: V8 as node 18 and 20 have it knows one memory a module. A process serves one instance at a time;
//! it is kept for the next one, and is started anew after it was killed. Requests and answers are frames on its pipes, one answer a
//! request (`v8.js` has the format). A program that runs whole is one request ([`Engine::run_whole`]), and many are sent before the first
//! answer is waited for. What that saves is small, because V8's work on a program is compiling it: on two loaded cores, three requests a
//! program took 2.1 ms of CPU, one took 2.1, and one of 16 sent at once 1.7 (medians of three; 220, 400 and 400 programs/s of wall).
//! `cargo bench -p heapsmith --bench v8` measures it, lowering left out.
//!
//! # What differs from the contract
//! - V8 has no fuel: [`Instance::call`] ignores it and [`Instance::fuel_used`] is 0. A call, or a program that
//!   runs whole, that takes longer than [`SECONDS`] is killed, which is [`EngineError::Killed`] and never a verdict.
//! - V8 has one message for a call through a null entry and for one through an entry of another type, so it is neither trap but
//!   [`EngineError::Abnormal`].

use super::group::{INVOCABLE, missing};
use super::pristine::BLOCK;
use super::{Compiled, Engine, EngineError, Instance, Lowering, Ran, Whole, missing_pages, provider};
use crate::outcome::{End, Trap};
use crate::runtime::description::{MAX_PAGES, PAGE};
use process::{Pool, Process, Stage, Thrown};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod process;
mod signature;
mod whole;

use signature::{Export, exports};

pub(super) const NAME: &str = "v8";

/// What a call or a program that runs whole may take.
pub const SECONDS: u64 = 60;

/// V8 in node processes.
#[derive(Clone)]
pub struct V8 {
    pool: Arc<Pool>,
}

impl V8 {
    /// Starts a first process.
    ///
    /// # Errors
    /// [`EngineError::Start`] if there is no node of version 18 or newer in the search path.
    pub fn new() -> Result<Self, EngineError> {
        Self::with_limit(Duration::from_secs(SECONDS))
    }

    /// [`Self::new`] with another limit for each call.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_limit(limit: Duration) -> Result<Self, EngineError> {
        Ok(Self { pool: Arc::new(Pool::start(limit)?) })
    }

    /// The versions of V8 and node, such as `11.3.244.8 (node 20.20.2)`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.pool.version()
    }
}

/// Groups that were ever compiled, so that a process knows which one it has.
static GROUPS: AtomicU64 = AtomicU64::new(0);

impl Engine for V8 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn lowering(&self) -> Lowering {
        Lowering::Standalone
    }

    fn handle(&self) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        let exports = match modules.last() {
            Some((name, bytes)) => exports(bytes).map_err(|message| compile_error(name, message))?,
            None => BTreeMap::new(),
        };
        let group = Group {
            pool: Arc::clone(&self.pool),
            id: GROUPS.fetch_add(1, Ordering::Relaxed),
            modules: modules.iter().map(|&(name, bytes)| (name.to_owned(), bytes.to_vec())).collect(),
            globals: globals.iter().filter(|&&name| exports.contains_key(name)).map(|&n| n.to_owned()).collect(),
            exports,
        };
        let mut process = self.pool.take(group.id)?;
        let imports = group.load(&mut process)?;
        for (importer, imports) in imports.iter().enumerate() {
            for (from, field) in imports {
                provider(modules[..importer].iter().map(|(name, _)| *name), from).ok_or_else(|| {
                    EngineError::Import {
                        engine: NAME,
                        module: modules[importer].0.to_owned(),
                        import: format!("{from}.{field}"),
                    }
                })?;
            }
        }
        self.pool.give(process);
        Ok(Box::new(group))
    }

    fn run_whole(&self, groups: &[&Whole], each: &mut dyn FnMut(usize, Result<Ran, EngineError>)) {
        whole::run(&self.pool, groups, each);
    }
}

fn compile_error(module: &str, message: String) -> EngineError {
    EngineError::Compile { engine: NAME, module: module.to_owned(), message }
}

struct Group {
    pool: Arc<Pool>,
    id: u64,
    modules: Vec<(String, Vec<u8>)>,
    /// Those that exist.
    globals: Vec<String>,
    /// Of the main module.
    exports: BTreeMap<String, Export>,
}

impl Group {
    /// Has a process compile the group, and gives module and field of each import, module by module.
    fn load(&self, process: &mut Process) -> Result<Vec<Vec<(String, String)>>, EngineError> {
        let modules: Vec<_> =
            self.modules.iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes.len() })).collect();
        let data: Vec<&[u8]> = self.modules.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let answer = process.ask(&json!({ "op": "compile", "modules": modules }), &data)?;
        if let Some(thrown) = answer.thrown {
            let module = answer.failed.and_then(|i| self.modules.get(i)).map_or("", |(name, _)| name);
            return Err(compile_error(module, thrown.message));
        }
        process.group = Some(self.id);
        let imports = answer.imports.into_iter();
        Ok(imports.map(|imports| imports.into_iter().map(|i| (i.module, i.name)).collect()).collect())
    }
}

/// Whether a main module exports what the contract asks for, and `globals` as such.
fn check<'g>(
    exports: &BTreeMap<String, Export>,
    globals: impl IntoIterator<Item = &'g str>,
) -> Result<(), EngineError> {
    let check = |export: &str, expected: Export, says: &'static str| {
        let found = exports.get(export);
        if found == Some(&expected) { Ok(()) } else { Err(missing(NAME, export, says)) }
    };
    check("run", Export::Function { params: 0, results: 0 }, "a function without parameters and results")?;
    check("memory", Export::Memory, "a memory")?;
    globals.into_iter().try_for_each(|global| check(global, Export::Global, "a mutable i32 global"))
}

impl Compiled for Group {
    fn extend(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        let own = self.modules.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        let all: Vec<(&str, &[u8])> = own.chain(modules.iter().copied()).collect();
        V8 { pool: Arc::clone(&self.pool) }.compile(&all, globals)
    }

    fn instantiate(&self) -> Result<Box<dyn Instance>, EngineError> {
        if self.modules.is_empty() {
            return Err(missing(NAME, "run", "in a group of at least one module"));
        }
        check(&self.exports, self.globals.iter().map(String::as_str))?;
        let mut process = self.pool.take(self.id)?;
        if process.group != Some(self.id) {
            self.load(&mut process)?;
        }
        let answer = process.ask(&json!({ "op": "instantiate", "globals": self.globals }), &[])?;
        if let Some(thrown) = answer.thrown {
            return Err(EngineError::Instantiate { engine: NAME, message: thrown.message });
        }
        let mut live = Live {
            pool: Arc::clone(&self.pool),
            process: Some(process),
            exports: self.exports.clone(),
            memories: [Vec::new(), Vec::new()],
            globals: Vec::new(),
            written: false,
        };
        live.keep(&answer.memories, &answer.globals, &answer.data)?;
        Ok(Box::new(live))
    }
}

struct Live {
    pool: Arc<Pool>,
    /// None once it was killed.
    process: Option<Process>,
    exports: BTreeMap<String, Export>,
    /// Copies of the collector's memory and the mutator's.
    memories: [Vec<u8>; 2],
    globals: Vec<u32>,
    /// Whether a copy or a global was written to since the last call.
    written: bool,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            self.pool.give(process);
        }
    }
}

impl Live {
    /// Takes over memories and globals from an answer.
    fn keep(&mut self, memories: &[process::Memory], globals: &[u32], data: &[u8]) -> Result<(), EngineError> {
        self.globals.clear();
        self.globals.extend_from_slice(globals);
        unpack(memories, data, &mut self.memories)
    }

    fn process(&mut self) -> Result<&mut Process, EngineError> {
        self.process.as_mut().ok_or_else(|| process::gone("this instance went with the process that was killed"))
    }

    /// Sends what was written to the copies.
    fn flush(&mut self) -> Result<(), EngineError> {
        if !self.written {
            return Ok(());
        }
        let [heap, mutator] = std::mem::take(&mut self.memories);
        let request = json!({ "op": "load", "globals": self.globals, "bytes": [heap.len(), mutator.len()] });
        let answer = self.process()?.ask(&request, &[&heap, &mutator])?;
        self.memories = [heap, mutator];
        match answer.thrown {
            Some(_) => Err(EngineError::Memory { engine: NAME, bytes: self.memories[1].len() as u64 }),
            None => {
                self.written = false;
                Ok(())
            }
        }
    }

    fn enter(&mut self, export: &str, args: &[i32]) -> Result<Result<Vec<i32>, End>, EngineError> {
        self.flush()?;
        let request = json!({ "op": "call", "export": export, "args": args });
        let answer = match self.process()?.ask(&request, &[]) {
            Ok(answer) => answer,
            Err(error) => {
                // Killed, or dead of itself: no second call can reach it.
                self.process = None;
                return Err(error);
            }
        };
        self.keep(&answer.memories, &answer.globals, &answer.data)?;
        match answer.thrown {
            None => Ok(Ok(answer.results)),
            Some(thrown) => end(&thrown).map(Err),
        }
    }
}

/// Memories from the blocks that travelled.
fn unpack(memories: &[process::Memory], data: &[u8], copies: &mut [Vec<u8>; 2]) -> Result<(), EngineError> {
    let mut blocks = data.chunks(BLOCK);
    for (copy, memory) in copies.iter_mut().zip(memories) {
        copy.clear();
        copy.resize(memory.bytes, 0);
        for &block in &memory.blocks {
            let place = block.checked_mul(BLOCK).and_then(|at| copy.get_mut(at..)?.get_mut(..BLOCK));
            match (place, blocks.next()) {
                (Some(place), Some(bytes)) if bytes.len() == BLOCK => place.copy_from_slice(bytes),
                (_, _) => return Err(process::gone("it sent less memory than it said")),
            }
        }
    }
    Ok(())
}

/// How a call ended that threw this.
fn end(thrown: &Thrown) -> Result<End, EngineError> {
    trap(thrown).map(End::Trapped).ok_or_else(|| {
        let message = format!("{}: {}", thrown.name, thrown.message);
        EngineError::Abnormal { engine: NAME, message }
    })
}

/// The trap that V8 means; its messages are those of `src/common/message-template.h`, as node 18 to 24 have them.
fn trap(thrown: &Thrown) -> Option<Trap> {
    match (thrown.name.as_str(), thrown.message.as_str()) {
        ("RuntimeError", "unreachable") => Some(Trap::Unreachable),
        ("RuntimeError", "memory access out of bounds") => Some(Trap::MemoryOutOfBounds),
        ("RuntimeError", "table index is out of bounds" | "table access out of bounds") => Some(Trap::TableOutOfBounds),
        ("RuntimeError", "divide by zero" | "remainder by zero") => Some(Trap::IntegerDivisionByZero),
        ("RuntimeError", "divide result unrepresentable") => Some(Trap::IntegerOverflow),
        ("RuntimeError", "float unrepresentable in integer range") => Some(Trap::BadConversionToInteger),
        ("RangeError", "Maximum call stack size exceeded") => Some(Trap::StackOverflow),
        // Among the rest: "null function or function signature mismatch", which is one of two traps.
        (_, _) => None,
    }
}

impl Instance for Live {
    fn call(&mut self, _fuel: u64) -> Result<End, EngineError> {
        Ok(match self.enter("run", &[])? {
            Ok(_) => End::Finished,
            Err(end) => end,
        })
    }

    fn fuel_used(&self) -> u64 {
        0
    }

    fn invoke(&mut self, export: &str, args: &[i32], _fuel: u64) -> Result<Result<Vec<i32>, End>, EngineError> {
        match self.exports.get(export) {
            Some(Export::Function { params, .. }) if *params == args.len() => self.enter(export, args),
            Some(Export::Function { .. } | Export::Memory | Export::Global | Export::Other) | None => {
                Err(missing(NAME, export, INVOCABLE))
            }
        }
    }

    fn heap(&self) -> &[u8] {
        &self.memories[0]
    }

    fn heap_mut(&mut self) -> &mut [u8] {
        self.written = true;
        &mut self.memories[0]
    }

    fn mutator(&self) -> &[u8] {
        &self.memories[1]
    }

    fn mutator_mut(&mut self) -> &mut [u8] {
        self.written = true;
        &mut self.memories[1]
    }

    fn grow_mutator(&mut self, bytes: u64) -> Result<(), EngineError> {
        let pages = missing_pages(self.memories[1].len(), bytes);
        if pages == 0 {
            return Ok(());
        }
        let wanted = self.memories[1].len() as u64 + pages * u64::from(PAGE);
        if self.memories[1].is_empty() || wanted > u64::from(MAX_PAGES) * u64::from(PAGE) {
            return Err(EngineError::Memory { engine: NAME, bytes });
        }
        self.memories[1].resize(wanted as usize, 0);
        self.written = true;
        self.flush()
    }

    fn globals(&self, out: &mut Vec<u32>) {
        out.clone_from(&self.globals);
    }

    fn set_globals(&mut self, values: &[u32]) {
        for (known, &value) in self.globals.iter_mut().zip(values) {
            *known = value;
        }
        self.written = true;
    }

    fn backtrace(&self) -> &[String] {
        &[]
    }
}
