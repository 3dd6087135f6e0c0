//! Wild modules: WebAssembly made by wasm-smith that imports a mutator's operations and calls them under arbitrary control flow.
//!
//! A module sees no address: operands are numbers, which whoever provides the operations takes for handles, modulo what is live, or for
//! sizes and counts, modulo what is sensible. It imports nothing else, has no memory, and exports `main: () -> (i32, i64)`. It ends after a
//! bounded number of turns of loops and calls (every function gives up after so many turns of its loops). NaNs are canonical, so that every engine must give the same.
//!
//! # Bytes
//! Any bytes give a module or none. The first says the machine and the kind of module ([`WildModule`]), the others are wasm-smith's, read over
//! and over where they are too few, so that short inputs are whole modules, too.

mod bound;

use arbitrary::Unstructured;
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, Module, TypeSection,
    ValType,
};
use wasm_smith::{Config, InstructionKind, InstructionKinds};

/// The name of the module that provides the operations.
pub const PROVIDER: &str = "collector";
/// What the names of operations begin with where they are imported; what follows is a name of [`OPERATIONS`], `.`, and how many operands are given.
pub const PREFIX: &str = "wild.";
/// The export of a wild module.
pub const MAIN: &str = "main";

/// Names of the operations and how many i32 operands they take. Each gives one i32. A module may give fewer: others come from a stream of numbers
/// that starts with [`WildModule::seed`], because operands are seldom there when wasm-smith looks for something to call.
pub const OPERATIONS: [(&str, usize); 14] = [
    ("alloc", 3),
    ("load", 3),
    ("store", 3),
    ("write", 3),
    ("write_address", 4),
    ("push", 2),
    ("drop", 1),
    ("enter", 0),
    ("pop", 1),
    ("collect", 0),
    ("check", 1),
    ("graph", 3),
    ("garbage", 2),
    ("number", 0),
];

/// How often each of them is offered as an import without operands: each time it is taken or not, and what is there more often is called more often.
const OFFERS: [usize; OPERATIONS.len()] = [8, 4, 6, 2, 5, 2, 2, 2, 2, 2, 3, 3, 1, 1];

/// Kinds of machines that a module can ask for.
pub const MACHINES: u8 = 4;
/// Imports that are offered.
const MOST_IMPORTS: usize = 90;
/// Instructions of a function at most, but for what closes its blocks.
const INSTRUCTIONS: usize = 160;
/// Bytes that wasm-smith gets: what is missing is repeated.
const ENTROPY: usize = 4_096;

/// A wild module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WildModule {
    /// The binary.
    pub module: Vec<u8>,
    /// The kind of machine, below [`MACHINES`].
    pub machine: u8,
    /// Where the stream of numbers starts.
    pub seed: u32,
}

impl WildModule {
    /// The module of any bytes; none where wasm-smith makes none of them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let (machine, kind) = (first % MACHINES, first / MACHINES);
        let entropy: Vec<u8> = if rest.is_empty() { vec![first] } else { rest.to_vec() };
        let entropy: Vec<u8> = entropy.iter().copied().cycle().take(ENTROPY).collect();
        let module = wasm_smith::Module::new(config(kind), &mut Unstructured::new(&entropy)).ok()?;
        let seed = bytes.iter().fold(0x811C_9DC5, |hash: u32, &b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
        Some(Self { module: bound::bound(&module.to_bytes(), seed)?, machine, seed })
    }
}

/// What a kind of module may have. Kinds differ in their instructions: the fewer others there are, the more are calls.
fn config(kind: u8) -> Config {
    use InstructionKind::{Control, Numeric, NumericInt, Parametric, Variable};
    let (allowed_instructions, allow_floats) = match kind % 4 {
        0 | 1 => (InstructionKinds::new(&[Control, Variable]), false),
        2 => (InstructionKinds::new(&[Control, Variable, Parametric, NumericInt]), false),
        _ => (InstructionKinds::new(&[Control, Variable, Parametric, Numeric]), true),
    };
    Config {
        allowed_instructions,
        allow_floats,
        available_imports: Some(offers()),
        exports: Some(main()),
        // Traps of its own end a module early: one in four may have them.
        disallow_traps: !(kind / 4).is_multiple_of(4),
        canonicalize_nans: true,
        allow_start_export: false,
        max_instructions: INSTRUCTIONS,
        min_funcs: 1,
        max_funcs: MOST_IMPORTS + 6,
        max_imports: MOST_IMPORTS,
        max_memories: 0,
        max_data_segments: 0,
        max_globals: 8,
        max_tables: 1,
        max_table_elements: 16,
        max_element_segments: 2,
        max_elements: 16,
        max_types: 12,
        tail_call_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        memory64_enabled: false,
        wide_arithmetic_enabled: false,
        custom_page_sizes_enabled: false,
        compact_imports_enabled: false,
        reference_types_enabled: false,
        bulk_memory_enabled: false,
        ..Config::default()
    }
}

/// A module whose imports are what a wild one may import.
fn offers() -> Vec<u8> {
    let mut types = TypeSection::new();
    let most = OPERATIONS.iter().map(|(_, params)| *params).max().unwrap_or(0);
    for params in 0..=most {
        types.ty().function(vec![ValType::I32; params], [ValType::I32]);
    }
    let mut imports = ImportSection::new();
    for ((name, operands), offers) in OPERATIONS.into_iter().zip(OFFERS) {
        for given in 0..=operands {
            for _ in 0..if given == 0 { offers } else { 1 } {
                imports.import(PROVIDER, &format!("{PREFIX}{name}.{given}"), EntityType::Function(given as u32));
            }
        }
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    module.finish()
}

/// A module whose exports are what a wild one must export.
fn main() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32, ValType::I64]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export(MAIN, ExportKind::Func, 0);
    let mut code = CodeSection::new();
    let mut body = Function::new([]);
    body.instructions().i32_const(0).i64_const(0).end();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_bytes;

    #[test]
    fn nearly_all_bytes_give_a_module_that_imports_operations_only_and_the_same_bytes_give_the_same() {
        let mut made = 0;
        let mut names = std::collections::BTreeSet::new();
        for index in 0..400 {
            let bytes = raw_bytes(3, index, 400);
            let Some(wild) = WildModule::from_bytes(&bytes) else { continue };
            made += 1;
            assert_eq!(WildModule::from_bytes(&bytes).as_ref(), Some(&wild));
            wasmparser::validate(&wild.module).unwrap();
            for payload in wasmparser::Parser::new(0).parse_all(&wild.module) {
                if let wasmparser::Payload::ImportSection(imports) = payload.unwrap() {
                    for import in imports.into_imports() {
                        let import = import.unwrap();
                        assert_eq!(import.module, PROVIDER);
                        names.insert(import.name.split('.').nth(1).unwrap().to_owned());
                    }
                }
            }
        }
        assert!(made >= 390, "{made}");
        assert_eq!(names.len(), OPERATIONS.len());
        assert_eq!(WildModule::from_bytes(&[]), None);
    }
}
