//! WebAssembly engines behind three small traits: an [`Engine`] compiles a group of modules once, a [`Compiled`] group is
//! instantiated any number of times on any thread, an [`Instance`] runs on one thread at a time.
//!
//! # Contract
//! - The same modules, the same memory and the same globals give the same [`End`], memory and globals on every engine, traps
//!   included. What is *not* the same is fuel: each engine has its own unit, and where it runs out is no fact about a program.
//! - Page limits live in the module's own memory type. Where that allows more than [`crate::runtime::description::MAX_PAGES`] pages,
//!   growth beyond those is refused (-1) on every engine alike, and a module that starts with more cannot be instantiated. Its
//!   [`Engine::spacious`] twin lets memories have all that 32 bits address.
//! - The nine traps of core WebAssembly are an [`End`]. Anything else that ends a call is [`EngineError::Abnormal`]: never a verdict.
//! - Recursion as deep as ordinary code has does not overflow the stack; how deep exactly is no fact about a program either.
//!
//! Nothing here knows what a plan is, but for [`session`] and [`script`], which run what [`crate::lower`] makes.

mod error;
mod group;
mod known;
pub(crate) mod pristine;
pub mod script;
pub mod session;
mod split;
pub mod v8;
mod wasmi;
mod wasmi1;
mod wasmtime;

pub use self::error::{EngineError, UnknownEngine};
pub use self::known::{Known, names};
pub use self::v8::V8;
pub use self::wasmi::Wasmi;
pub use self::wasmi1::Wasmi1;
pub use self::wasmtime::{Backtrace, Tier, Wasmtime};
use crate::outcome::End;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The engines that run where nobody asks for others.
pub const DEFAULT: [&str; 2] = ["wasmtime", "wasmi"];

/// Which lowering campaigns run on an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lowering {
    /// The resident one, tens of microseconds a program, and the standalone one besides.
    Resident,
    /// The standalone one only, milliseconds a program: the engine has no second memory for the tape.
    Standalone,
}

/// An engine.
pub trait Engine: Send + Sync {
    /// Its name, one of [`Known`]'s.
    fn name(&self) -> &'static str;

    /// Which lowering campaigns run on it.
    fn lowering(&self) -> Lowering {
        Lowering::Resident
    }

    /// The same engine once more, for whoever must keep it.
    fn handle(&self) -> Arc<dyn Engine>;

    /// The same engine for memories of up to 4 GiB, which it maps as they grow: an instance takes longer to make.
    ///
    /// # Errors
    /// [`EngineError::Start`], also where the engine has none.
    fn spacious(&self) -> Result<Box<dyn Engine>, EngineError> {
        let message = format!("it has no memories beyond {} pages here", crate::runtime::description::MAX_PAGES);
        Err(EngineError::Start { engine: self.name(), message })
    }

    /// Compiles a group of named modules (binary). A module may import exports of earlier ones by their names; the last is the *main* one.
    ///
    /// `globals` names exported mutable i32 globals of the main module: those that exist are read and written by
    /// [`Instance::globals`] and [`Instance::set_globals`], in this order.
    ///
    /// # Errors
    /// [`EngineError::Compile`] or [`EngineError::Import`].
    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError>;

    /// [`Self::compile`] of one module named `resident`, whose like comes again with other memory limits, data and numbers in its globals.
    ///
    /// # Errors
    /// As [`Self::compile`].
    fn compile_resident(&self, module: &[u8], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        self.compile(&[("resident", module)], globals)
    }

    /// Compiles, instantiates and calls each of these groups once, and hands the results over in their order. An engine in another process
    /// sends all of them before it waits for the first.
    fn run_whole(&self, groups: &[&Whole], each: &mut dyn FnMut(usize, Result<Ran, EngineError>)) {
        for (i, group) in groups.iter().enumerate() {
            let compiled = self.compile(&group.borrowed(), &group.names());
            each(i, compiled.and_then(|compiled| Ran::of(&mut *compiled.instantiate()?, group.fuel)));
        }
    }
}

impl Engine for Arc<dyn Engine> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn lowering(&self) -> Lowering {
        (**self).lowering()
    }

    fn handle(&self) -> Arc<dyn Engine> {
        Arc::clone(self)
    }

    fn spacious(&self) -> Result<Box<dyn Engine>, EngineError> {
        (**self).spacious()
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        (**self).compile(modules, globals)
    }

    fn compile_resident(&self, module: &[u8], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        (**self).compile_resident(module, globals)
    }

    fn run_whole(&self, groups: &[&Whole], each: &mut dyn FnMut(usize, Result<Ran, EngineError>)) {
        (**self).run_whole(groups, each);
    }
}

/// A group of modules that is to run once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Names and binaries, as for [`Engine::compile`].
    pub modules: Vec<(&'static str, Vec<u8>)>,
    /// Exported globals to read, as for [`Engine::compile`].
    pub globals: Vec<String>,
    /// Fuel of the call.
    pub fuel: u64,
}

impl Whole {
    /// The names of [`Self::globals`].
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.globals.iter().map(String::as_str).collect()
    }

    fn borrowed(&self) -> Vec<(&str, &[u8])> {
        self.modules.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect()
    }
}

/// What a group left that ran once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How the call ended.
    pub end: End,
    /// The collector's memory.
    pub heap: Vec<u8>,
    /// The mutator's.
    pub mutator: Vec<u8>,
    /// The globals that were asked for and exist.
    pub globals: Vec<u32>,
}

impl Ran {
    fn of(instance: &mut dyn Instance, fuel: u64) -> Result<Self, EngineError> {
        let end = instance.call(fuel)?;
        let mut globals = Vec::new();
        instance.globals(&mut globals);
        Ok(Self { end, heap: instance.heap().to_vec(), mutator: instance.mutator().to_vec(), globals })
    }
}

/// A compiled group of modules, shared between threads.
pub trait Compiled: Send + Sync {
    /// A fresh instance of the whole group; every handle that [`Instance`] needs is resolved here.
    ///
    /// # Errors
    /// [`EngineError::Instantiate`], or [`EngineError::Export`] if the main module lacks `run: () -> ()` or the memory `memory`.
    fn instantiate(&self) -> Result<Box<dyn Instance>, EngineError>;

    /// A group of this one's modules and more after them, as [`Engine::compile`] makes it of all of them. An engine of this process does not
    /// compile those that are there again.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    fn extend(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError>;
}

/// An instance of a group of modules.
pub trait Instance: Send {
    /// Calls export `run` of the main module with this much fuel.
    ///
    /// # Errors
    /// [`EngineError::Abnormal`].
    fn call(&mut self, fuel: u64) -> Result<End, EngineError>;

    /// Fuel that the last call or invocation used, in the engine's own unit. An engine that charges whole blocks of code in advance
    /// may run out a little before all of it is used. After an access out of bounds wasmtime does not know, and says 0.
    fn fuel_used(&self) -> u64;

    /// Invokes any exported function of the main module that takes and gives i32 values.
    ///
    /// # Errors
    /// [`EngineError::Export`] if there is none of that name and type, [`EngineError::Abnormal`].
    fn invoke(&mut self, export: &str, args: &[i32], fuel: u64) -> Result<Result<Vec<i32>, End>, EngineError>;

    /// The collector's memory: export `memory` of the main module.
    fn heap(&self) -> &[u8];

    /// See [`Self::heap`].
    fn heap_mut(&mut self) -> &mut [u8];

    /// The mutator's memory: export `mutator` of the main module, else `memory` of the module named `mutator`, else empty.
    fn mutator(&self) -> &[u8];

    /// See [`Self::mutator`].
    fn mutator_mut(&mut self) -> &mut [u8];

    /// Grows the mutator's memory to at least this many bytes; never shrinks it.
    ///
    /// # Errors
    /// [`EngineError::Memory`].
    fn grow_mutator(&mut self, bytes: u64) -> Result<(), EngineError>;

    /// Counters of edges, where the main module was instrumented (see [`crate::coverage::instrument`]), else empty.
    fn counters(&self) -> &[u8] {
        &[]
    }

    /// See [`Self::counters`].
    fn counters_mut(&mut self) -> &mut [u8] {
        &mut []
    }

    /// Replaces `out` by the globals named at compile time, those that exist.
    fn globals(&self, out: &mut Vec<u32>);

    /// Sets the globals that [`Self::globals`] reads; values beyond them are ignored.
    fn set_globals(&mut self, values: &[u32]);

    /// WebAssembly functions on the stack at the last trap by name, innermost first; empty where the engine has none.
    fn backtrace(&self) -> &[String];
}

/// The engine of this name, as campaigns use it.
///
/// # Errors
/// If there is none, or if it does not start.
pub fn by_name(name: &str) -> Result<Box<dyn Engine>, UnknownEngine> {
    open(name, Backtrace::Off)
}

/// The engine of this name, with or without backtraces where it has them.
///
/// # Errors
/// If there is none, or if it does not start.
pub fn open(name: &str, backtrace: Backtrace) -> Result<Box<dyn Engine>, UnknownEngine> {
    Ok(Known::parse(name)?.open(backtrace)?)
}

/// Which of the modules before it provides an import of a module.
fn provider<'a>(
    mut earlier: impl ExactSizeIterator<Item = &'a str> + DoubleEndedIterator,
    name: &str,
) -> Option<usize> {
    earlier.rposition(|earlier| earlier == name)
}

/// Pages by which a memory of `have` bytes must grow to have `want`.
fn missing_pages(have: usize, want: u64) -> u64 {
    want.saturating_sub(have as u64).div_ceil(u64::from(crate::runtime::description::PAGE))
}
