//! wasmtime: its three ways to run WebAssembly, which share all but the compiler.

use super::EngineError;
use super::group::Backend;
use super::split::Codes;
use crate::outcome::{End, Trap};
use crate::runtime::description::{MAX_PAGES, MOST_PAGES, PAGE};
use std::num::NonZeroUsize;
use wasmtime as wt;

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

/// What runs the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Machine code by Cranelift: slow to compile, and fast once it is.
    Cranelift,
    /// Machine code by Winch, in one pass: x86-64 and arm64 only.
    Winch,
    /// Cranelift's bytecode for Pulley, an interpreter.
    Pulley,
}

impl Tier {
    /// The engine's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "wasmtime",
            Self::Winch => "winch",
            Self::Pulley => "pulley",
        }
    }
}

/// wasmtime.
#[derive(Clone)]
pub struct Wasmtime {
    engine: wt::Engine,
    tier: Tier,
    backtrace: Backtrace,
    /// Bytes that a memory may have at most.
    memory_bytes: usize,
    codes: Codes<wt::Module>,
}

impl Wasmtime {
    /// Starts it with Cranelift.
    ///
    /// # Errors
    /// If Cranelift does not support this machine.
    pub fn new(backtrace: Backtrace) -> Result<Self, EngineError> {
        Self::with(Tier::Cranelift, backtrace)
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the tier does not support this machine.
    pub fn with(tier: Tier, backtrace: Backtrace) -> Result<Self, EngineError> {
        let start = |memories| wt::Engine::new(&config(tier, backtrace, memories)?);
        // Where the pool's addresses are not to be had, such as under `ulimit -v`: slower, but the same.
        let started = start(Memories::Pooled).or_else(|_| start(Memories::OnDemand));
        let engine =
            started.map_err(|error| EngineError::Start { engine: tier.name(), message: Self::text(&error) })?;
        Ok(Self { engine, tier, backtrace, memory_bytes: MEMORY_BYTES as usize, codes: Codes::default() })
    }
}

/// Where linear memories come from.
enum Memories {
    /// Slots of [`MEMORY_BYTES`] reserved at once: a fresh instance takes 5 us and a program of 20 steps that grows memory, so that
    /// it needs one, 16 us; on demand it is 21 and 69.
    Pooled,
    /// A mapping for each memory.
    OnDemand,
    /// A mapping of 4 GiB of addresses for each memory, so that none moves when it grows, and what is not written takes no room.
    Giant,
}

/// Bytes that a memory may have at most. Bounds checks are explicit at this reservation; 4 GiB a slot, which saves them, measured the same
/// on collectors, and takes sixteen times the addresses.
const MEMORY_BYTES: u32 = MAX_PAGES * PAGE;
/// Bytes that a giant memory may have at most.
const GIANT_BYTES: usize = MOST_PAGES as usize * PAGE as usize;
/// Instances that may live at once in one engine, each with collector, mutator and coverage counters: 768 GiB of addresses, no memory.
const INSTANCES: u32 = 1024;
/// Memories of one module.
const MEMORIES: u32 = 3;
/// Bytes of a slot that stay mapped and are zeroed by hand for the next instance: four pages, where most programs end.
const RESIDENT_BYTES: usize = 256 << 10;

fn config(tier: Tier, backtrace: Backtrace, memories: Memories) -> wt::Result<wt::Config> {
    let mut config = wt::Config::new();
    match tier {
        Tier::Cranelift => {
            config.strategy(wt::Strategy::Cranelift);
        }
        Tier::Winch => {
            config.strategy(wt::Strategy::Winch);
        }
        Tier::Pulley => {
            config.target("pulley64")?;
        }
    }
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
            // A resident collector is an instance of its machine and one of its code.
            pool.total_core_instances(2 * INSTANCES)
                .max_memories_per_module(MEMORIES)
                .total_memories(MEMORIES * INSTANCES);
            pool.max_memory_size(MEMORY_BYTES as usize).linear_memory_keep_resident(RESIDENT_BYTES);
            config.allocation_strategy(pool);
        }
        Memories::OnDemand => {}
        Memories::Giant => {
            config.memory_reservation(GIANT_BYTES as u64);
        }
    }
    Ok(config)
}

impl Backend for Wasmtime {
    type Module = wt::Module;
    type Store = wt::Store<wt::StoreLimits>;
    type Instance = wt::Instance;
    type Extern = wt::Extern;
    type Memory = wt::Memory;
    type Global = wt::Global;
    type Run = wt::TypedFunc<(), ()>;
    type Error = wt::Error;

    fn name(&self) -> &'static str {
        self.tier.name()
    }

    fn spacious(&self) -> Result<Self, EngineError> {
        let engine = config(self.tier, self.backtrace, Memories::Giant).and_then(|config| wt::Engine::new(&config));
        let engine =
            engine.map_err(|error| EngineError::Start { engine: self.tier.name(), message: Self::text(&error) })?;
        Ok(Self { engine, memory_bytes: GIANT_BYTES, codes: Codes::default(), ..*self })
    }

    fn module(&self, bytes: &[u8]) -> Result<wt::Module, wt::Error> {
        wt::Module::new(&self.engine, bytes)
    }

    fn codes(&self) -> Option<&Codes<wt::Module>> {
        Some(&self.codes)
    }

    fn imports(module: &wt::Module) -> Vec<(String, String)> {
        module.imports().map(|import| (import.module().to_owned(), import.name().to_owned())).collect()
    }

    fn store(&self) -> Self::Store {
        let limits = wt::StoreLimitsBuilder::new().memory_size(self.memory_bytes).build();
        let mut store = wt::Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        // A start function, which no module of ours has, runs under this.
        Self::set_fuel(&mut store, u64::MAX);
        store
    }

    fn link(store: &mut Self::Store, module: &wt::Module, imports: &[wt::Extern]) -> Result<wt::Instance, wt::Error> {
        wt::Instance::new(store, module, imports)
    }

    fn export(store: &mut Self::Store, instance: wt::Instance, name: &str) -> Option<wt::Extern> {
        instance.get_export(store, name)
    }

    fn memory(export: wt::Extern) -> Option<wt::Memory> {
        export.into_memory()
    }

    fn global(store: &Self::Store, export: wt::Extern) -> Option<wt::Global> {
        export.into_global().filter(|global| {
            let ty = global.ty(store);
            ty.content().is_i32() && ty.mutability() == wt::Mutability::Var
        })
    }

    fn run(store: &mut Self::Store, instance: wt::Instance) -> Option<Self::Run> {
        instance.get_typed_func(store, "run").ok()
    }

    fn call(store: &mut Self::Store, run: &Self::Run) -> Result<(), wt::Error> {
        run.call(store, ())
    }

    fn invoke(
        store: &mut Self::Store,
        instance: wt::Instance,
        export: &str,
        args: &[i32],
    ) -> Option<Result<Vec<i32>, wt::Error>> {
        let function = instance.get_func(&mut *store, export)?;
        let ty = function.ty(&*store);
        if ty.params().len() != args.len() || !ty.params().chain(ty.results()).all(|ty| ty.is_i32()) {
            return None;
        }
        let args: Vec<wt::Val> = args.iter().map(|&arg| wt::Val::I32(arg)).collect();
        let mut results = vec![wt::Val::I32(0); ty.results().len()];
        let called = function.call(store, &args, &mut results);
        Some(called.map(|()| results.iter().filter_map(wt::Val::i32).collect()))
    }

    fn set_fuel(store: &mut Self::Store, fuel: u64) {
        store.set_fuel(fuel).expect("fuel is on");
    }

    fn fuel(store: &Self::Store) -> u64 {
        store.get_fuel().expect("fuel is on")
    }

    fn data(store: &Self::Store, memory: wt::Memory) -> &[u8] {
        memory.data(store)
    }

    fn data_mut(store: &mut Self::Store, memory: wt::Memory) -> &mut [u8] {
        memory.data_mut(store)
    }

    fn grow(store: &mut Self::Store, memory: wt::Memory, pages: u64) -> bool {
        memory.grow(store, pages).is_ok()
    }

    fn get(store: &mut Self::Store, global: wt::Global) -> u32 {
        global.get(store).unwrap_i32().cast_unsigned()
    }

    fn set(store: &mut Self::Store, global: wt::Global, value: u32) {
        global.set(store, wt::Val::I32(value.cast_signed())).expect("it is a mutable i32 global");
    }

    /// [`wt::Trap`] is not exhaustive: what is none of the nine is abnormal.
    fn end(error: &wt::Error) -> Option<End> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmtime's and not exhaustive")]
        let trap = match error.downcast_ref::<wt::Trap>()? {
            wt::Trap::UnreachableCodeReached => Trap::Unreachable,
            wt::Trap::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
            wt::Trap::TableOutOfBounds => Trap::TableOutOfBounds,
            wt::Trap::IndirectCallToNull => Trap::IndirectCallToNull,
            wt::Trap::BadSignature => Trap::BadSignature,
            wt::Trap::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
            wt::Trap::IntegerOverflow => Trap::IntegerOverflow,
            wt::Trap::BadConversionToInteger => Trap::BadConversionToInteger,
            wt::Trap::StackOverflow => Trap::StackOverflow,
            wt::Trap::OutOfFuel => return Some(End::OutOfFuel),
            _ => return None,
        };
        Some(End::Trapped(trap))
    }

    fn frames(&self, error: &wt::Error) -> Vec<String> {
        let trace = match self.backtrace {
            Backtrace::On => error.downcast_ref::<wt::WasmBacktrace>(),
            Backtrace::Off => None,
        };
        let name = |frame: &wt::FrameInfo| {
            frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), str::to_owned)
        };
        trace.map_or_else(Vec::new, |trace| trace.frames().iter().map(name).collect())
    }

    fn text(error: &wt::Error) -> String {
        format!("{error:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Compiled, Engine};

    #[test]
    fn each_tier_makes_other_code() {
        let module =
            wat::parse_str("(module (func (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))").unwrap();
        let code = [Tier::Cranelift, Tier::Winch, Tier::Pulley].map(|tier| {
            let engine = Wasmtime::with(tier, Backtrace::Off).unwrap();
            assert_eq!(engine.engine.is_pulley(), tier == Tier::Pulley);
            engine.module(&module).unwrap().text().to_vec()
        });
        assert!(code[0] != code[1] && code[0] != code[2] && code[1] != code[2]);
    }

    /// A memory with data, a second one, a mutable global, a constant one and a function that uses them.
    fn machine(pages: &str, data: &str, start: u32, constant: u32) -> Vec<u8> {
        wat::parse_str(format!(
            "(module
               (memory $heap (export \"memory\") {pages}) (data (i32.const 3) \"{data}\")
               (memory $mutator (export \"mutator\") 1)
               (global $at (export \"at\") (mut i32) (i32.const {start}))
               (global $step i32 (i32.const {constant}))
               (func $run (export \"run\")
                 (i32.store $mutator (i32.const 0) (i32.load8_u $heap (i32.const 3)))
                 (i32.store $mutator (i32.const 4) (memory.grow $heap (i32.const 1)))
                 (i32.store $mutator (i32.const 8) (memory.size $heap))
                 (global.set $at (i32.add (global.get $at) (global.get $step)))
                 (i32.store $heap (global.get $at) (global.get $step))))"
        ))
        .unwrap()
    }

    #[test]
    fn machines_that_differ_in_limits_data_and_numbers_share_their_code_and_show_what_each_shows_alone() {
        for tier in [Tier::Cranelift, Tier::Winch, Tier::Pulley] {
            let engine = Wasmtime::with(tier, Backtrace::On).unwrap();
            let machines =
                [("1 2", "a", 8, 24), ("1 1", "b", 0, 0x1_0000), ("2", "", 0xFFFC, 4), ("3 9", "xyz", 40, 0)];
            for (pages, data, start, constant) in machines {
                let module = machine(pages, data, start, constant);
                let shown = |compiled: Box<dyn Compiled>| {
                    let mut instance = compiled.instantiate().unwrap();
                    let end = instance.call(10_000).unwrap();
                    let mut globals = Vec::new();
                    instance.globals(&mut globals);
                    let (heap, mutator) = (instance.heap().to_vec(), instance.mutator().to_vec());
                    (end, globals, heap, mutator, instance.fuel_used(), instance.backtrace().to_vec())
                };
                let shared = shown(engine.compile_resident(&module, &["at"]).unwrap());
                assert!(shared == shown(engine.compile(&[("resident", &module)], &["at"]).unwrap()));
                assert_eq!(shared.3[0], data.bytes().next().unwrap_or(0));
            }
            assert_eq!(engine.codes.len(), 1, "{tier:?}");
            // Other code is other code, and what cannot be shared is compiled as it is.
            let other =
                wat::parse_str("(module (memory (export \"memory\") 1) (func (export \"run\") unreachable))").unwrap();
            engine.compile_resident(&other, &[]).unwrap();
            assert_eq!(engine.codes.len(), 2, "{tier:?}");
            let wide = wat::parse_str(
                "(module (memory (export \"memory\") 1) (global (mut i64) (i64.const 5)) (func (export \"run\")))",
            );
            engine.compile_resident(&wide.unwrap(), &[]).unwrap();
            assert_eq!(engine.codes.len(), 2, "{tier:?}");
        }
    }
}
