//! wasmtime with Cranelift.

use super::{Compiled, Engine, EngineError, Instance, missing_pages, provider};
use crate::outcome::{End, Trap};
use crate::runtime::description::{MAX_PAGES, PAGE};
use std::num::NonZeroUsize;
use std::sync::Arc;
use wasmtime as wt;

const NAME: &str = "wasmtime";

/// Native stack that WebAssembly may use: tens of thousands of small frames. Threads that run it need twice that, which is what
/// `std::thread` gives them.
const STACK_BYTES: usize = 1 << 20;

/// Whether traps come with the functions on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backtrace {
    /// They do not, which makes traps cheap.
    Off,
    /// They do, with names from the name section.
    On,
}

/// wasmtime: compiles with Cranelift, and is fast once it has.
pub struct Wasmtime {
    engine: wt::Engine,
    backtrace: Backtrace,
}

impl Wasmtime {
    /// Starts it.
    ///
    /// # Errors
    /// If Cranelift does not support this machine.
    pub fn new(backtrace: Backtrace) -> Result<Self, EngineError> {
        let started = wt::Engine::new(&config(backtrace, Memories::Pooled)).or_else(|_| {
            // The pool's addresses are not to be had, such as under `ulimit -v`: slower, but the same.
            wt::Engine::new(&config(backtrace, Memories::OnDemand))
        });
        let engine = started.map_err(|error| EngineError::Instantiate { engine: NAME, message: text(&error) })?;
        Ok(Self { engine, backtrace })
    }
}

/// Where linear memories come from.
enum Memories {
    /// Slots of [`MEMORY_BYTES`] reserved at once: a fresh instance takes 5 us and a program of 20 steps that grows memory, so that
    /// it needs one, 16 us; on demand it is 21 and 69.
    Pooled,
    /// A mapping for each memory.
    OnDemand,
}

/// Bytes that a memory may have at most. Bounds checks are explicit at this reservation; 4 GiB a slot, which saves them, measured the same
/// on collectors, and takes sixteen times the addresses.
const MEMORY_BYTES: u32 = MAX_PAGES * PAGE;
/// Instances that may live at once in one engine, each with collector, mutator and coverage counters: 768 GiB of addresses, no memory.
const INSTANCES: u32 = 1024;
/// Memories of one module.
const MEMORIES: u32 = 3;
/// Bytes of a slot that stay mapped and are zeroed by hand for the next instance: four pages, where most programs end.
const RESIDENT_BYTES: usize = 256 << 10;

fn config(backtrace: Backtrace, memories: Memories) -> wt::Config {
    let mut config = wt::Config::new();
    config.consume_fuel(true);
    config.max_wasm_stack(STACK_BYTES);
    config.wasm_backtrace_max_frames(match backtrace {
        Backtrace::Off => None,
        Backtrace::On => NonZeroUsize::new(32),
    });
    config.memory_reservation(u64::from(MEMORY_BYTES));
    config.memory_guard_size(u64::from(PAGE));
    config.guard_before_linear_memory(false);
    // Static data is a few bytes: copying it is cheaper than mapping an image of it.
    config.memory_init_cow(false);
    match memories {
        Memories::Pooled => {
            let mut pool = wt::PoolingAllocationConfig::new();
            pool.total_core_instances(INSTANCES).max_memories_per_module(MEMORIES).total_memories(MEMORIES * INSTANCES);
            pool.max_memory_size(MEMORY_BYTES as usize).linear_memory_keep_resident(RESIDENT_BYTES);
            config.allocation_strategy(pool);
        }
        Memories::OnDemand => {}
    }
    config
}

impl Engine for Wasmtime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        let mut parts = Vec::with_capacity(modules.len());
        for (importer, (name, bytes)) in modules.iter().enumerate() {
            let module = wt::Module::new(&self.engine, bytes).map_err(|error| EngineError::Compile {
                engine: NAME,
                module: (*name).to_owned(),
                message: text(&error),
            })?;
            let mut imports = Vec::new();
            for import in module.imports() {
                let from = provider(modules, importer, import.module()).ok_or_else(|| EngineError::Import {
                    engine: NAME,
                    module: (*name).to_owned(),
                    import: format!("{}.{}", import.module(), import.name()),
                })?;
                imports.push((from, import.name().to_owned()));
            }
            parts.push(Part { name: (*name).to_owned(), module, imports });
        }
        let globals = globals.iter().map(|&name| name.to_owned()).collect();
        Ok(Box::new(Group { engine: self.engine.clone(), parts: parts.into(), globals, backtrace: self.backtrace }))
    }
}

struct Part {
    name: String,
    module: wt::Module,
    /// For each import, the module of the group that provides it, and under which name.
    imports: Vec<(usize, String)>,
}

struct Group {
    engine: wt::Engine,
    parts: Arc<[Part]>,
    globals: Vec<String>,
    backtrace: Backtrace,
}

impl Compiled for Group {
    fn instantiate(&self) -> Result<Box<dyn Instance>, EngineError> {
        let limits = wt::StoreLimitsBuilder::new().memory_size(MEMORY_BYTES as usize).build();
        let mut store = wt::Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        // A start function, which no module of ours has, runs under this.
        store.set_fuel(u64::MAX).expect("fuel is on");
        let mut instances: Vec<wt::Instance> = Vec::with_capacity(self.parts.len());
        let mut mutator = None;
        for part in self.parts.iter() {
            let mut imports = Vec::with_capacity(part.imports.len());
            for (from, name) in &part.imports {
                let export = instances[*from].get_export(&mut store, name).ok_or_else(|| EngineError::Import {
                    engine: NAME,
                    module: part.name.clone(),
                    import: format!("{}.{name}", self.parts[*from].name),
                })?;
                imports.push(export);
            }
            let instance = wt::Instance::new(&mut store, &part.module, &imports)
                .map_err(|error| EngineError::Instantiate { engine: NAME, message: text(&error) })?;
            if part.name == "mutator" {
                mutator = instance.get_memory(&mut store, "memory");
            }
            instances.push(instance);
        }
        let main = *instances.last().ok_or_else(|| missing("run", "in a group of at least one module"))?;
        let run = main
            .get_typed_func::<(), ()>(&mut store, "run")
            .map_err(|_| missing("run", "a function without parameters and results"))?;
        let heap = main.get_memory(&mut store, "memory").ok_or_else(|| missing("memory", "a memory"))?;
        let mutator = main.get_memory(&mut store, "mutator").or(mutator);
        let mut globals = Vec::with_capacity(self.globals.len());
        for name in &self.globals {
            if let Some(global) = main.get_global(&mut store, name) {
                let ty = global.ty(&store);
                if !ty.content().is_i32() || ty.mutability() != wt::Mutability::Var {
                    return Err(missing(name, "a mutable i32 global"));
                }
                globals.push(global);
            }
        }
        let (backtrace, frames, values) = (self.backtrace, Vec::new(), Vec::new());
        let mut live = Live { store, main, run, heap, mutator, globals, values, used: 0, backtrace, frames };
        live.after(0);
        Ok(Box::new(live))
    }
}

struct Live {
    store: wt::Store<wt::StoreLimits>,
    main: wt::Instance,
    run: wt::TypedFunc<(), ()>,
    heap: wt::Memory,
    mutator: Option<wt::Memory>,
    globals: Vec<wt::Global>,
    /// Their values: `Global::get` wants the store mutably, so they are read after each call.
    values: Vec<u32>,
    used: u64,
    backtrace: Backtrace,
    frames: Vec<String>,
}

impl Live {
    /// What the end of a call means. [`wt::Trap`] is not exhaustive: what is none of the nine is abnormal.
    fn end(&mut self, error: &wt::Error) -> Result<End, EngineError> {
        if self.backtrace == Backtrace::On
            && let Some(trace) = error.downcast_ref::<wt::WasmBacktrace>()
        {
            let name = |frame: &wt::FrameInfo| {
                frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), str::to_owned)
            };
            self.frames = trace.frames().iter().map(name).collect();
        }
        let abnormal = || EngineError::Abnormal { engine: NAME, message: text(error) };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmtime's and not exhaustive")]
        let trap = match error.downcast_ref::<wt::Trap>().ok_or_else(abnormal)? {
            wt::Trap::UnreachableCodeReached => Trap::Unreachable,
            wt::Trap::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
            wt::Trap::TableOutOfBounds => Trap::TableOutOfBounds,
            wt::Trap::IndirectCallToNull => Trap::IndirectCallToNull,
            wt::Trap::BadSignature => Trap::BadSignature,
            wt::Trap::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
            wt::Trap::IntegerOverflow => Trap::IntegerOverflow,
            wt::Trap::BadConversionToInteger => Trap::BadConversionToInteger,
            wt::Trap::StackOverflow => Trap::StackOverflow,
            wt::Trap::OutOfFuel => return Ok(End::OutOfFuel),
            _ => return Err(abnormal()),
        };
        Ok(End::Trapped(trap))
    }

    /// Reads what a call with this much fuel left behind.
    fn after(&mut self, fuel: u64) {
        self.used = fuel.saturating_sub(self.store.get_fuel().expect("fuel is on"));
        self.values.clear();
        for global in &self.globals {
            self.values.push(global.get(&mut self.store).unwrap_i32().cast_unsigned());
        }
    }
}

impl Instance for Live {
    fn call(&mut self, fuel: u64) -> Result<End, EngineError> {
        self.frames.clear();
        self.store.set_fuel(fuel).expect("fuel is on");
        let result = self.run.call(&mut self.store, ());
        self.after(fuel);
        match result {
            Ok(()) => Ok(End::Finished),
            Err(error) => self.end(&error),
        }
    }

    fn fuel_used(&self) -> u64 {
        self.used
    }

    fn invoke(&mut self, export: &str, args: &[i32], fuel: u64) -> Result<Result<Vec<i32>, End>, EngineError> {
        self.frames.clear();
        let function = self.main.get_func(&mut self.store, export).ok_or_else(|| missing(export, "a function"))?;
        let ty = function.ty(&self.store);
        if ty.params().len() != args.len() || !ty.params().chain(ty.results()).all(|ty| ty.is_i32()) {
            return Err(missing(export, "a function of i32 values with as many parameters as arguments"));
        }
        let args: Vec<wt::Val> = args.iter().map(|&arg| wt::Val::I32(arg)).collect();
        let mut results = vec![wt::Val::I32(0); ty.results().len()];
        self.store.set_fuel(fuel).expect("fuel is on");
        let result = function.call(&mut self.store, &args, &mut results);
        self.after(fuel);
        match result {
            Ok(()) => Ok(Ok(results.iter().filter_map(wt::Val::i32).collect())),
            Err(error) => self.end(&error).map(Err),
        }
    }

    fn heap(&self) -> &[u8] {
        self.heap.data(&self.store)
    }

    fn heap_mut(&mut self) -> &mut [u8] {
        self.heap.data_mut(&mut self.store)
    }

    fn mutator(&self) -> &[u8] {
        self.mutator.as_ref().map_or(&[], |memory| memory.data(&self.store))
    }

    fn mutator_mut(&mut self) -> &mut [u8] {
        match &self.mutator {
            Some(memory) => memory.data_mut(&mut self.store),
            None => &mut [],
        }
    }

    fn grow_mutator(&mut self, bytes: u64) -> Result<(), EngineError> {
        let pages = missing_pages(self.mutator().len(), bytes);
        if pages == 0 {
            return Ok(());
        }
        let grown = self.mutator.as_ref().and_then(|memory| memory.grow(&mut self.store, pages).ok());
        grown.map(drop).ok_or(EngineError::Memory { engine: NAME, bytes })
    }

    fn globals(&self, out: &mut Vec<u32>) {
        out.clone_from(&self.values);
    }

    fn set_globals(&mut self, values: &[u32]) {
        for ((global, known), &value) in self.globals.iter().zip(&mut self.values).zip(values) {
            *known = value;
            global.set(&mut self.store, wt::Val::I32(value.cast_signed())).expect("it is a mutable i32 global");
        }
    }

    fn backtrace(&self) -> &[String] {
        &self.frames
    }
}

fn missing(export: &str, expected: &'static str) -> EngineError {
    EngineError::Export { engine: NAME, export: export.to_owned(), expected }
}

fn text(error: &wt::Error) -> String {
    format!("{error:#}")
}
