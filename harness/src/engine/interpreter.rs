//! wasmi as a [`Backend`]. This file is compiled once for each version of the crate: the module above says which `wi` is.

use super::{NAME, wi};
use crate::engine::EngineError;
use crate::engine::group::Backend;
use crate::outcome::{End, Trap};
use crate::runtime::description::{MAX_PAGES, MOST_PAGES, PAGE};

/// Frames of WebAssembly, about as many as wasmtime's stack has room for; wasmi's own default is 1 000.
const FRAMES: usize = 16_384;
/// Bytes that a memory may have at most if it need not be giant, as on every engine.
const MEMORY_BYTES: usize = (MAX_PAGES * PAGE) as usize;
/// Bytes of wasmi's value stack, which is on the heap and grows as needed.
const STACK_BYTES: usize = 8 << 20;

/// wasmi: interprets, and translates in a tenth of a millisecond.
#[derive(Clone)]
pub struct Interpreter {
    engine: wi::Engine,
    /// Bytes that a memory may have at most.
    memory_bytes: usize,
}

impl Interpreter {
    /// Starts it.
    #[must_use]
    pub fn new() -> Self {
        let mut config = wi::Config::default();
        config.consume_fuel(true);
        config.compilation_mode(wi::CompilationMode::Eager);
        config.set_max_recursion_depth(FRAMES);
        config.set_max_stack_height(STACK_BYTES);
        Self { engine: wi::Engine::new(&config), memory_bytes: MEMORY_BYTES }
    }
}

impl Default for Interpreter {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Interpreter {
    type Module = wi::Module;
    type Store = wi::Store<wi::StoreLimits>;
    type Instance = wi::Instance;
    type Extern = wi::Extern;
    type Memory = wi::Memory;
    type Global = wi::Global;
    type Run = wi::TypedFunc<(), ()>;
    type Error = wi::Error;

    fn name(&self) -> &'static str {
        NAME
    }

    fn spacious(&self) -> Result<Self, EngineError> {
        Ok(Self { engine: self.engine.clone(), memory_bytes: MOST_PAGES as usize * PAGE as usize })
    }

    fn module(&self, bytes: &[u8]) -> Result<wi::Module, wi::Error> {
        wi::Module::new(&self.engine, bytes)
    }

    fn imports(module: &wi::Module) -> Vec<(String, String)> {
        module.imports().map(|import| (import.module().to_owned(), import.name().to_owned())).collect()
    }

    fn store(&self) -> Self::Store {
        let limits = wi::StoreLimitsBuilder::new().memory_size(self.memory_bytes).build();
        let mut store = wi::Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        // A start function, which no module of ours has, runs under this.
        Self::set_fuel(&mut store, u64::MAX);
        store
    }

    fn link(store: &mut Self::Store, module: &wi::Module, imports: &[wi::Extern]) -> Result<wi::Instance, wi::Error> {
        wi::Instance::new(store, module, imports)
    }

    fn export(store: &mut Self::Store, instance: wi::Instance, name: &str) -> Option<wi::Extern> {
        instance.get_export(&*store, name)
    }

    fn memory(export: wi::Extern) -> Option<wi::Memory> {
        export.into_memory()
    }

    fn global(store: &Self::Store, export: wi::Extern) -> Option<wi::Global> {
        export.into_global().filter(|global| {
            let ty = global.ty(store);
            ty.content() == wi::ValType::I32 && ty.mutability() == wi::Mutability::Var
        })
    }

    fn run(store: &mut Self::Store, instance: wi::Instance) -> Option<Self::Run> {
        instance.get_typed_func(&*store, "run").ok()
    }

    fn call(store: &mut Self::Store, run: &Self::Run) -> Result<(), wi::Error> {
        run.call(store, ())
    }

    fn invoke(
        store: &mut Self::Store,
        instance: wi::Instance,
        export: &str,
        args: &[i32],
    ) -> Option<Result<Vec<i32>, wi::Error>> {
        let function = instance.get_func(&*store, export)?;
        let ty = function.ty(&*store);
        if ty.params().len() != args.len() || !ty.params().iter().chain(ty.results()).all(|&ty| ty == wi::ValType::I32)
        {
            return None;
        }
        let args: Vec<wi::Val> = args.iter().map(|&arg| wi::Val::I32(arg)).collect();
        let mut results = vec![wi::Val::I32(0); ty.results().len()];
        let called = function.call(store, &args, &mut results);
        Some(called.map(|()| results.iter().filter_map(wi::Val::i32).collect()))
    }

    fn set_fuel(store: &mut Self::Store, fuel: u64) {
        store.set_fuel(fuel).expect("fuel is on");
    }

    fn fuel(store: &Self::Store) -> u64 {
        store.get_fuel().expect("fuel is on")
    }

    fn data(store: &Self::Store, memory: wi::Memory) -> &[u8] {
        memory.data(store)
    }

    fn data_mut(store: &mut Self::Store, memory: wi::Memory) -> &mut [u8] {
        memory.data_mut(store)
    }

    fn grow(store: &mut Self::Store, memory: wi::Memory, pages: u64) -> bool {
        memory.grow(store, pages).is_ok()
    }

    fn get(store: &mut Self::Store, global: wi::Global) -> u32 {
        global.get(&*store).i32().expect("it is an i32 global").cast_unsigned()
    }

    fn set(store: &mut Self::Store, global: wi::Global, value: u32) {
        global.set(store, wi::Val::I32(value.cast_signed())).expect("it is a mutable i32 global");
    }

    fn end(error: &wi::Error) -> Option<End> {
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the enum is wasmi's; its versions differ in limits of the host"
        )]
        let trap = match error.as_trap_code()? {
            wi::TrapCode::UnreachableCodeReached => Trap::Unreachable,
            wi::TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
            wi::TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
            wi::TrapCode::IndirectCallToNull => Trap::IndirectCallToNull,
            wi::TrapCode::BadSignature => Trap::BadSignature,
            wi::TrapCode::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
            wi::TrapCode::IntegerOverflow => Trap::IntegerOverflow,
            wi::TrapCode::BadConversionToInteger => Trap::BadConversionToInteger,
            wi::TrapCode::StackOverflow => Trap::StackOverflow,
            wi::TrapCode::OutOfFuel => return Some(End::OutOfFuel),
            _ => return None,
        };
        Some(End::Trapped(trap))
    }

    fn text(error: &wi::Error) -> String {
        error.to_string()
    }
}
