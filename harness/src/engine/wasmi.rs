//! wasmi: an interpreter.

use super::{Compiled, Engine, EngineError, Instance, missing_pages, provider};
use crate::outcome::{End, Trap};
use crate::runtime::description::{MAX_PAGES, PAGE};
use std::sync::Arc;
use wasmi::{self as wi, TrapCode};

const NAME: &str = "wasmi";

/// Frames of WebAssembly, about as many as wasmtime's stack has room for; wasmi's own default is 1 000.
const FRAMES: usize = 16_384;
/// Bytes that a memory may have at most, as on every engine.
const MEMORY_BYTES: usize = (MAX_PAGES * PAGE) as usize;
/// Bytes of wasmi's value stack, which is on the heap and grows as needed.
const STACK_BYTES: usize = 8 << 20;

/// wasmi: interprets, and translates in a tenth of a millisecond.
pub struct Wasmi {
    engine: wi::Engine,
}

impl Wasmi {
    /// Starts it.
    #[must_use]
    pub fn new() -> Self {
        let mut config = wi::Config::default();
        config.consume_fuel(true);
        config.compilation_mode(wi::CompilationMode::Eager);
        config.set_max_recursion_depth(FRAMES);
        config.set_max_stack_height(STACK_BYTES);
        Self { engine: wi::Engine::new(&config) }
    }
}

impl Default for Wasmi {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for Wasmi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        let mut parts = Vec::with_capacity(modules.len());
        for (importer, (name, bytes)) in modules.iter().enumerate() {
            let module = wi::Module::new(&self.engine, bytes).map_err(|error| EngineError::Compile {
                engine: NAME,
                module: (*name).to_owned(),
                message: error.to_string(),
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
        Ok(Box::new(Group { engine: self.engine.clone(), parts: parts.into(), globals }))
    }
}

struct Part {
    name: String,
    module: wi::Module,
    /// For each import, the module of the group that provides it, and under which name.
    imports: Vec<(usize, String)>,
}

struct Group {
    engine: wi::Engine,
    parts: Arc<[Part]>,
    globals: Vec<String>,
}

impl Compiled for Group {
    fn instantiate(&self) -> Result<Box<dyn Instance>, EngineError> {
        let limits = wi::StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store = wi::Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        // A start function, which no module of ours has, runs under this.
        store.set_fuel(u64::MAX).expect("fuel is on");
        let mut instances: Vec<wi::Instance> = Vec::with_capacity(self.parts.len());
        let mut mutator = None;
        for part in self.parts.iter() {
            let mut imports = Vec::with_capacity(part.imports.len());
            for (from, name) in &part.imports {
                let export = instances[*from].get_export(&store, name).ok_or_else(|| EngineError::Import {
                    engine: NAME,
                    module: part.name.clone(),
                    import: format!("{}.{name}", self.parts[*from].name),
                })?;
                imports.push(export);
            }
            let instance = wi::Instance::new(&mut store, &part.module, &imports)
                .map_err(|error| EngineError::Instantiate { engine: NAME, message: error.to_string() })?;
            if part.name == "mutator" {
                mutator = instance.get_memory(&store, "memory");
            }
            instances.push(instance);
        }
        let main = *instances.last().ok_or_else(|| missing("run", "in a group of at least one module"))?;
        let run = main
            .get_typed_func::<(), ()>(&store, "run")
            .map_err(|_| missing("run", "a function without parameters and results"))?;
        let heap = main.get_memory(&store, "memory").ok_or_else(|| missing("memory", "a memory"))?;
        let mutator = main.get_memory(&store, "mutator").or(mutator);
        let mut globals = Vec::with_capacity(self.globals.len());
        for name in &self.globals {
            if let Some(global) = main.get_global(&store, name) {
                let ty = global.ty(&store);
                if ty.content() != wi::ValType::I32 || ty.mutability() != wi::Mutability::Var {
                    return Err(missing(name, "a mutable i32 global"));
                }
                globals.push(global);
            }
        }
        Ok(Box::new(Live { store, main, run, heap, mutator, globals, used: 0 }))
    }
}

struct Live {
    store: wi::Store<wi::StoreLimits>,
    main: wi::Instance,
    run: wi::TypedFunc<(), ()>,
    heap: wi::Memory,
    mutator: Option<wi::Memory>,
    globals: Vec<wi::Global>,
    used: u64,
}

/// What the end of a call means.
fn end(error: &wi::Error) -> Result<End, EngineError> {
    let abnormal = || EngineError::Abnormal { engine: NAME, message: error.to_string() };
    let trap = match error.as_trap_code().ok_or_else(abnormal)? {
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
        TrapCode::IndirectCallToNull => Trap::IndirectCallToNull,
        TrapCode::BadSignature => Trap::BadSignature,
        TrapCode::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::BadConversionToInteger => Trap::BadConversionToInteger,
        TrapCode::StackOverflow => Trap::StackOverflow,
        TrapCode::OutOfFuel => return Ok(End::OutOfFuel),
        TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory => return Err(abnormal()),
    };
    Ok(End::Trapped(trap))
}

impl Live {
    fn spend(&mut self, fuel: u64) {
        self.used = fuel.saturating_sub(self.store.get_fuel().expect("fuel is on"));
    }
}

impl Instance for Live {
    fn call(&mut self, fuel: u64) -> Result<End, EngineError> {
        self.store.set_fuel(fuel).expect("fuel is on");
        let result = self.run.call(&mut self.store, ());
        self.spend(fuel);
        match result {
            Ok(()) => Ok(End::Finished),
            Err(error) => end(&error),
        }
    }

    fn fuel_used(&self) -> u64 {
        self.used
    }

    fn invoke(&mut self, export: &str, args: &[i32], fuel: u64) -> Result<Result<Vec<i32>, End>, EngineError> {
        let function = self.main.get_func(&self.store, export).ok_or_else(|| missing(export, "a function"))?;
        let ty = function.ty(&self.store);
        if ty.params().len() != args.len() || !ty.params().iter().chain(ty.results()).all(|ty| *ty == wi::ValType::I32)
        {
            return Err(missing(export, "a function of i32 values with as many parameters as arguments"));
        }
        let args: Vec<wi::Val> = args.iter().map(|&arg| wi::Val::I32(arg)).collect();
        let mut results = vec![wi::Val::I32(0); ty.results().len()];
        self.store.set_fuel(fuel).expect("fuel is on");
        let result = function.call(&mut self.store, &args, &mut results);
        self.spend(fuel);
        match result {
            Ok(()) => Ok(Ok(results.iter().filter_map(wi::Val::i32).collect())),
            Err(error) => end(&error).map(Err),
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
        out.clear();
        for global in &self.globals {
            out.push(global.get(&self.store).i32().expect("it is an i32 global").cast_unsigned());
        }
    }

    fn set_globals(&mut self, values: &[u32]) {
        for (global, &value) in self.globals.iter().zip(values) {
            global.set(&mut self.store, wi::Val::I32(value.cast_signed())).expect("it is a mutable i32 global");
        }
    }

    fn backtrace(&self) -> &[String] {
        &[]
    }
}

fn missing(export: &str, expected: &'static str) -> EngineError {
    EngineError::Export { engine: NAME, export: export.to_owned(), expected }
}
