//! An engine that runs everything as wasmtime does and then lies about one thing.

use heapsmith::engine::{Backtrace, Compiled, Engine, EngineError, Instance, Lowering, Wasmtime};
use heapsmith::lower::layout::{LOG_START, PC, RELEASE_BYTES, RELEASE_CURSOR, RELEASE_START, RELEASED, word};
use heapsmith::outcome::End;
use heapsmith::runtime::description::PAGE;
use std::sync::Arc;

/// What is done to an instance after a call that ended as it says; the result is what is reported.
pub(crate) type Lie = Arc<dyn Fn(&mut LyingInstance, End) -> Result<End, EngineError> + Send + Sync>;

pub(crate) struct Liar {
    name: &'static str,
    inner: Arc<dyn Engine>,
    lie: Lie,
    lowering: Lowering,
}

fn wasmtime() -> Arc<dyn Engine> {
    Arc::new(Wasmtime::new(Backtrace::Off).unwrap())
}

impl Liar {
    pub(crate) fn engine(name: &'static str, lie: Lie) -> Box<dyn Engine> {
        Box::new(Self { name, inner: wasmtime(), lie, lowering: Lowering::Resident })
    }

    /// One that runs the standalone lowering only.
    pub(crate) fn alone(name: &'static str, lie: Lie) -> Box<dyn Engine> {
        Box::new(Self { name, inner: wasmtime(), lie, lowering: Lowering::Standalone })
    }
}

impl Engine for Liar {
    fn name(&self) -> &'static str {
        self.name
    }

    fn lowering(&self) -> Lowering {
        self.lowering
    }

    fn handle(&self) -> Arc<dyn Engine> {
        let (name, inner, lie) = (self.name, Arc::clone(&self.inner), Arc::clone(&self.lie));
        Arc::new(Self { name, inner, lie, lowering: self.lowering })
    }

    fn spacious(&self) -> Result<Box<dyn Engine>, EngineError> {
        let (name, inner, lie) = (self.name, self.inner.spacious()?.handle(), Arc::clone(&self.lie));
        Ok(Box::new(Self { name, inner, lie, lowering: self.lowering }))
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        let inner = self.inner.compile(modules, globals)?;
        Ok(Box::new(LyingCompiled { inner, lie: Arc::clone(&self.lie) }))
    }
}

struct LyingCompiled {
    inner: Box<dyn Compiled>,
    lie: Lie,
}

impl Compiled for LyingCompiled {
    fn extend(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        let inner = self.inner.extend(modules, globals)?;
        Ok(Box::new(Self { inner, lie: Arc::clone(&self.lie) }))
    }

    fn instantiate(&self) -> Result<Box<dyn Instance>, EngineError> {
        Ok(Box::new(LyingInstance {
            inner: self.inner.instantiate()?,
            lie: Arc::clone(&self.lie),
            hidden: 0,
            fuel: None,
        }))
    }
}

pub(crate) struct LyingInstance {
    inner: Box<dyn Instance>,
    lie: Lie,
    /// Bytes at the end of memory that are not shown.
    hidden: usize,
    /// Fuel that is reported.
    fuel: Option<u64>,
}

impl LyingInstance {
    /// Word `i` of the log.
    pub(crate) fn log(&self, i: u32) -> u32 {
        word(self.mutator(), word(self.mutator(), LOG_START) + 4 * i)
    }

    pub(crate) fn set_log(&mut self, i: u32, value: u32) {
        let at = word(self.mutator(), LOG_START) + 4 * i;
        store(self.mutator_mut(), at, value);
    }

    /// The step that is next.
    pub(crate) fn step(&self) -> u32 {
        word(self.mutator(), PC)
    }

    /// Reports another step.
    pub(crate) fn set_step(&mut self, step: u32) {
        store(self.mutator_mut(), PC, step);
    }

    pub(crate) fn set_global(&mut self, i: usize, value: u32) {
        let mut values = Vec::new();
        self.globals(&mut values);
        values[i] = value;
        self.set_globals(&values);
    }

    /// Flips bits of the word at an address of the collector's memory.
    pub(crate) fn flip(&mut self, address: u32, bits: u32) {
        let old = word(self.heap(), address);
        store(self.heap_mut(), address, old ^ bits);
    }

    /// Logs one more release.
    pub(crate) fn release(&mut self, step: u32, kind: u32, handle: u32) {
        let at = word(self.mutator(), RELEASE_CURSOR);
        for (offset, value) in (0..).step_by(4).zip([step, kind, handle]) {
            store(self.mutator_mut(), at + offset, value);
        }
        store(self.mutator_mut(), RELEASE_CURSOR, at + RELEASE_BYTES);
        let released = word(self.mutator(), RELEASED);
        store(self.mutator_mut(), RELEASED, released + 1);
    }

    /// Takes the last release from the log.
    pub(crate) fn forget_release(&mut self) {
        let (at, released) = (word(self.mutator(), RELEASE_CURSOR), word(self.mutator(), RELEASED));
        store(self.mutator_mut(), RELEASE_CURSOR, at - RELEASE_BYTES);
        store(self.mutator_mut(), RELEASED, released - 1);
    }

    /// Exchanges the handles of the first two releases.
    pub(crate) fn turn_releases_round(&mut self) {
        let first = word(self.mutator(), RELEASE_START) + 8;
        let handles = [0, RELEASE_BYTES].map(|offset| word(self.mutator(), first + offset));
        store(self.mutator_mut(), first, handles[1]);
        store(self.mutator_mut(), first + RELEASE_BYTES, handles[0]);
    }

    /// Reports that so much fuel was used.
    pub(crate) fn set_fuel(&mut self, used: u64) {
        self.fuel = Some(used);
    }

    /// Shows one page less than there is.
    pub(crate) fn hide_page(&mut self) {
        self.hidden = PAGE as usize;
    }
}

fn store(memory: &mut [u8], address: u32, value: u32) {
    memory[address as usize..][..4].copy_from_slice(&value.to_le_bytes());
}

impl Instance for LyingInstance {
    fn call(&mut self, fuel: u64) -> Result<End, EngineError> {
        let end = self.inner.call(fuel)?;
        let lie = Arc::clone(&self.lie);
        lie(self, end)
    }

    fn fuel_used(&self) -> u64 {
        self.fuel.unwrap_or_else(|| self.inner.fuel_used())
    }

    fn invoke(&mut self, export: &str, args: &[i32], fuel: u64) -> Result<Result<Vec<i32>, End>, EngineError> {
        self.inner.invoke(export, args, fuel)
    }

    fn heap(&self) -> &[u8] {
        let heap = self.inner.heap();
        &heap[..heap.len() - self.hidden]
    }

    fn heap_mut(&mut self) -> &mut [u8] {
        let heap = self.inner.heap_mut();
        let shown = heap.len() - self.hidden;
        &mut heap[..shown]
    }

    fn mutator(&self) -> &[u8] {
        self.inner.mutator()
    }

    fn mutator_mut(&mut self) -> &mut [u8] {
        self.inner.mutator_mut()
    }

    fn grow_mutator(&mut self, bytes: u64) -> Result<(), EngineError> {
        self.inner.grow_mutator(bytes)
    }

    fn globals(&self, out: &mut Vec<u32>) {
        self.inner.globals(out);
    }

    fn set_globals(&mut self, values: &[u32]) {
        self.inner.set_globals(values);
    }

    fn backtrace(&self) -> &[String] {
        self.inner.backtrace()
    }
}
