//! What the engines of this process have in common: groups of modules are linked and looked at here, once, for every [`Backend`].

use super::split::{Codes, MACHINE, Split, split};
use super::{Compiled, Engine, EngineError, Instance, missing_pages, provider};
use crate::coverage::instrument::COUNTERS;
use crate::outcome::End;
use std::sync::Arc;

/// An engine of this process, as far as it differs from the others.
pub(super) trait Backend: Clone + Send + Sync + 'static {
    type Module: Clone + Send + Sync;
    type Store: Send;
    type Instance: Copy + Send;
    type Extern;
    type Memory: Copy + Send;
    type Global: Copy + Send;
    type Run: Send;
    type Error;

    /// Its name, one of [`super::Known`]'s.
    fn name(&self) -> &'static str;
    /// See [`Engine::spacious`].
    fn spacious(&self) -> Result<Self, EngineError>;
    fn module(&self, bytes: &[u8]) -> Result<Self::Module, Self::Error>;
    /// Codes that are compiled already, where compiling is dear.
    fn codes(&self) -> Option<&Codes<Self::Module>> {
        None
    }
    /// Module and field of each import, in order.
    fn imports(module: &Self::Module) -> Vec<(String, String)>;
    /// A store with the limits of the contract, and all the fuel there is.
    fn store(&self) -> Self::Store;
    fn link(
        store: &mut Self::Store,
        module: &Self::Module,
        imports: &[Self::Extern],
    ) -> Result<Self::Instance, Self::Error>;
    fn export(store: &mut Self::Store, instance: Self::Instance, name: &str) -> Option<Self::Extern>;
    fn memory(export: Self::Extern) -> Option<Self::Memory>;
    /// The global, if it is a mutable i32.
    fn global(store: &Self::Store, export: Self::Extern) -> Option<Self::Global>;
    /// Export `run`, if it takes and gives nothing.
    fn run(store: &mut Self::Store, instance: Self::Instance) -> Option<Self::Run>;
    fn call(store: &mut Self::Store, run: &Self::Run) -> Result<(), Self::Error>;
    /// None if no exported function of this name takes that many i32 values and gives i32 values.
    fn invoke(
        store: &mut Self::Store,
        instance: Self::Instance,
        export: &str,
        args: &[i32],
    ) -> Option<Result<Vec<i32>, Self::Error>>;
    fn set_fuel(store: &mut Self::Store, fuel: u64);
    fn fuel(store: &Self::Store) -> u64;
    fn data(store: &Self::Store, memory: Self::Memory) -> &[u8];
    fn data_mut(store: &mut Self::Store, memory: Self::Memory) -> &mut [u8];
    /// Whether memory grew by this many pages.
    fn grow(store: &mut Self::Store, memory: Self::Memory, pages: u64) -> bool;
    fn get(store: &mut Self::Store, global: Self::Global) -> u32;
    fn set(store: &mut Self::Store, global: Self::Global, value: u32);
    /// What the end of a call means; none if core WebAssembly does not have it.
    fn end(error: &Self::Error) -> Option<End>;
    /// The functions on the stack, innermost first, where they are kept.
    fn frames(&self, _error: &Self::Error) -> Vec<String> {
        Vec::new()
    }
    fn text(error: &Self::Error) -> String;
}

impl<B: Backend> Engine for B {
    fn name(&self) -> &'static str {
        Backend::name(self)
    }

    fn handle(&self) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    fn spacious(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(Backend::spacious(self)?))
    }

    fn compile(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        group(self, &[], modules, globals, |_, bytes| self.module(bytes))
    }

    fn compile_resident(&self, module: &[u8], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        if let Some(codes) = self.codes()
            && let Some(Split { machine, code }) = split(module)
        {
            let modules: [(&str, &[u8]); 2] = [(MACHINE, &machine), (RESIDENT, &code)];
            return group(self, &[], &modules, globals, |name, bytes| match name {
                RESIDENT => codes.get(bytes, |code| self.module(code)),
                _ => self.module(bytes),
            });
        }
        self.compile(&[(RESIDENT, module)], globals)
    }
}

/// The name of a resident module.
pub(super) const RESIDENT: &str = "resident";

/// Compiles each module as `compile` does it, and resolves their imports; before them are `parts` that are compiled already.
fn group<B: Backend>(
    backend: &B,
    parts: &[Arc<Part<B>>],
    modules: &[(&str, &[u8])],
    globals: &[&str],
    compile: impl Fn(&str, &[u8]) -> Result<B::Module, B::Error>,
) -> Result<Box<dyn Compiled>, EngineError> {
    let engine = Backend::name(backend);
    let mut parts = parts.to_vec();
    for (name, bytes) in modules {
        let module = compile(name, bytes).map_err(|error| EngineError::Compile {
            engine,
            module: (*name).to_owned(),
            message: B::text(&error),
        })?;
        let mut imports = Vec::new();
        for (from, field) in B::imports(&module) {
            let earlier = parts.iter().map(|part| part.name.as_str());
            let index = provider(earlier, &from).ok_or_else(|| EngineError::Import {
                engine,
                module: (*name).to_owned(),
                import: format!("{from}.{field}"),
            })?;
            imports.push((index, field));
        }
        parts.push(Arc::new(Part { name: (*name).to_owned(), module, imports }));
    }
    let globals = globals.iter().map(|&name| name.to_owned()).collect();
    Ok(Box::new(Group { backend: backend.clone(), parts, globals }))
}

struct Part<B: Backend> {
    name: String,
    module: B::Module,
    /// For each import, the module of the group that provides it, and under which name.
    imports: Vec<(usize, String)>,
}

struct Group<B: Backend> {
    backend: B,
    parts: Vec<Arc<Part<B>>>,
    globals: Vec<String>,
}

impl<B: Backend> Compiled for Group<B> {
    fn extend(&self, modules: &[(&str, &[u8])], globals: &[&str]) -> Result<Box<dyn Compiled>, EngineError> {
        group(&self.backend, &self.parts, modules, globals, |_, bytes| self.backend.module(bytes))
    }

    fn instantiate(&self) -> Result<Box<dyn Instance>, EngineError> {
        let engine = Backend::name(&self.backend);
        let missing = |export: &str, expected| missing(engine, export, expected);
        let mut store = self.backend.store();
        let mut instances: Vec<B::Instance> = Vec::with_capacity(self.parts.len());
        let mut mutator = None;
        for part in &self.parts {
            let mut imports = Vec::with_capacity(part.imports.len());
            for (from, name) in &part.imports {
                let export = B::export(&mut store, instances[*from], name).ok_or_else(|| EngineError::Import {
                    engine,
                    module: part.name.clone(),
                    import: format!("{}.{name}", self.parts[*from].name),
                })?;
                imports.push(export);
            }
            let instance = B::link(&mut store, &part.module, &imports)
                .map_err(|error| EngineError::Instantiate { engine, message: B::text(&error) })?;
            if part.name == "mutator" {
                mutator = B::export(&mut store, instance, "memory").and_then(B::memory);
            }
            instances.push(instance);
        }
        let main = *instances.last().ok_or_else(|| missing("run", "in a group of at least one module"))?;
        let run =
            B::run(&mut store, main).ok_or_else(|| missing("run", "a function without parameters and results"))?;
        let mut memory = |name| B::export(&mut store, main, name).and_then(B::memory);
        let heap = memory("memory").ok_or_else(|| missing("memory", "a memory"))?;
        let mutator = memory("mutator").or(mutator);
        let counters = memory(COUNTERS);
        let mut globals = Vec::with_capacity(self.globals.len());
        for name in &self.globals {
            if let Some(export) = B::export(&mut store, main, name) {
                let global = B::global(&store, export).ok_or_else(|| missing(name, "a mutable i32 global"))?;
                globals.push(global);
            }
        }
        let backend = self.backend.clone();
        let (values, frames) = (Vec::new(), Vec::new());
        let mut live = Live { backend, store, main, run, heap, mutator, counters, globals, values, used: 0, frames };
        live.after(0);
        Ok(Box::new(live))
    }
}

struct Live<B: Backend> {
    backend: B,
    store: B::Store,
    main: B::Instance,
    run: B::Run,
    heap: B::Memory,
    mutator: Option<B::Memory>,
    counters: Option<B::Memory>,
    globals: Vec<B::Global>,
    /// Their values: wasmtime wants its store mutably to read one, so they are read after each call.
    values: Vec<u32>,
    used: u64,
    frames: Vec<String>,
}

impl<B: Backend> Live<B> {
    fn before(&mut self, fuel: u64) {
        self.frames.clear();
        B::set_fuel(&mut self.store, fuel);
    }

    /// Reads what a call with this much fuel left behind.
    fn after(&mut self, fuel: u64) {
        self.used = fuel.saturating_sub(B::fuel(&self.store));
        self.values.clear();
        for &global in &self.globals {
            self.values.push(B::get(&mut self.store, global));
        }
    }

    fn end(&mut self, error: &B::Error) -> Result<End, EngineError> {
        self.frames = self.backend.frames(error);
        let engine = Backend::name(&self.backend);
        B::end(error).ok_or_else(|| EngineError::Abnormal { engine, message: B::text(error) })
    }
}

impl<B: Backend> Instance for Live<B> {
    fn call(&mut self, fuel: u64) -> Result<End, EngineError> {
        self.before(fuel);
        let result = B::call(&mut self.store, &self.run);
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
        self.before(fuel);
        let result = B::invoke(&mut self.store, self.main, export, args);
        self.after(fuel);
        match result {
            None => Err(missing(Backend::name(&self.backend), export, INVOCABLE)),
            Some(Ok(results)) => Ok(Ok(results)),
            Some(Err(error)) => self.end(&error).map(Err),
        }
    }

    fn heap(&self) -> &[u8] {
        B::data(&self.store, self.heap)
    }

    fn heap_mut(&mut self) -> &mut [u8] {
        B::data_mut(&mut self.store, self.heap)
    }

    fn mutator(&self) -> &[u8] {
        self.mutator.map_or(&[], |memory| B::data(&self.store, memory))
    }

    fn mutator_mut(&mut self) -> &mut [u8] {
        match self.mutator {
            Some(memory) => B::data_mut(&mut self.store, memory),
            None => &mut [],
        }
    }

    fn grow_mutator(&mut self, bytes: u64) -> Result<(), EngineError> {
        let pages = missing_pages(self.mutator().len(), bytes);
        if pages == 0 || self.mutator.is_some_and(|memory| B::grow(&mut self.store, memory, pages)) {
            return Ok(());
        }
        Err(EngineError::Memory { engine: Backend::name(&self.backend), bytes })
    }

    fn counters(&self) -> &[u8] {
        self.counters.map_or(&[], |memory| B::data(&self.store, memory))
    }

    fn counters_mut(&mut self) -> &mut [u8] {
        match self.counters {
            Some(memory) => B::data_mut(&mut self.store, memory),
            None => &mut [],
        }
    }

    fn globals(&self, out: &mut Vec<u32>) {
        out.clone_from(&self.values);
    }

    fn set_globals(&mut self, values: &[u32]) {
        for ((&global, known), &value) in self.globals.iter().zip(&mut self.values).zip(values) {
            *known = value;
            B::set(&mut self.store, global, value);
        }
    }

    fn backtrace(&self) -> &[String] {
        &self.frames
    }
}

/// What an export must be to be invoked.
pub(super) const INVOCABLE: &str = "a function of i32 values with as many parameters as arguments";

/// The main module lacks an export.
pub(super) fn missing(engine: &'static str, export: &str, expected: &'static str) -> EngineError {
    EngineError::Export { engine, export: export.to_owned(), expected }
}
