//! A module in two: what differs from machine to machine, and the code, which does not.
//!
//! Collectors of one runtime differ in the limits of their first memory, in its data and in the numbers that their globals start with, and
//! in nothing else. So an engine to which compiling is dear compiles the code once: it imports memory and globals from a small module
//! that is made anew for each machine. All indices stay what they were, and so do fuel, names and the page limit in the memory's own type.
//! The price is one more load, once in a function, for the memory's base and for each global: `heapsmith bench` does not see it, and a
//! campaign compiles one code where it compiled 192 collectors.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use wasm_encoder::{
    ConstExpr, DataSection, EntityType, ExportKind, ExportSection, GlobalSection, GlobalType, ImportSection,
    MemorySection, MemoryType, Module, RawSection, SectionId, ValType,
};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// Name of the module that has memory and globals.
pub(super) const MACHINE: &str = "machine";

/// A module in two.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// The first memory with its data, and all globals.
    pub(super) machine: Vec<u8>,
    /// All else.
    pub(super) code: Vec<u8>,
}

/// Splits a module; none if it is not made like that: it imports something, its globals are not of type i32 and constant at the start, or
/// its data is for other memories or for later.
pub(super) fn split(module: &[u8]) -> Option<Split> {
    let (mut machine, mut code) = (Machine::default(), Code::default());
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        let section = payload.as_section();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's; other sections are code")]
        match payload {
            Payload::ImportSection(_) | Payload::DataCountSection { .. } => return None,
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory.ok()?;
                    if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
                        return None;
                    }
                    let memory = plain(memory.initial, memory.maximum);
                    if machine.memory.is_none() {
                        machine.memory = Some(memory);
                    } else {
                        code.memories.memory(memory);
                    }
                }
                code.sections.push((SectionId::Memory as u8, &[]));
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global.ok()?;
                    let mut start = global.init_expr.get_operators_reader();
                    let (Operator::I32Const { value }, Operator::End) = (start.read().ok()?, start.read().ok()?) else {
                        return None;
                    };
                    if global.ty.content_type != wasmparser::ValType::I32 || global.ty.shared {
                        return None;
                    }
                    machine.globals.push((global.ty.mutable, value));
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment.ok()?;
                    let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else { return None };
                    let mut offset = offset_expr.get_operators_reader();
                    let (Operator::I32Const { value }, Operator::End) = (offset.read().ok()?, offset.read().ok()?)
                    else {
                        return None;
                    };
                    machine.data.active(0, &ConstExpr::i32_const(value), segment.data.iter().copied());
                }
            }
            _ => {
                let Some((id, range)) = section else { continue };
                let bytes = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
                code.sections.push((id, module.get(bytes)?));
            }
        }
    }
    let memory = machine.memory?;
    Some(Split { code: code.binary(&machine.globals), machine: machine.binary(memory) })
}

/// What differs from machine to machine.
#[derive(Default)]
struct Machine {
    memory: Option<MemoryType>,
    /// Whether it is mutable, and where it starts.
    globals: Vec<(bool, i32)>,
    data: DataSection,
}

const fn global_type(mutable: bool) -> GlobalType {
    GlobalType { val_type: ValType::I32, mutable, shared: false }
}

impl Machine {
    fn binary(&self, memory: MemoryType) -> Vec<u8> {
        let mut module = Module::new();
        let (mut memories, mut globals, mut exports) =
            (MemorySection::new(), GlobalSection::new(), ExportSection::new());
        memories.memory(memory);
        exports.export("memory", ExportKind::Memory, 0);
        for (i, &(mutable, start)) in (0_u32..).zip(&self.globals) {
            globals.global(global_type(mutable), &ConstExpr::i32_const(start));
            exports.export(&i.to_string(), ExportKind::Global, i);
        }
        module.section(&memories).section(&globals).section(&exports).section(&self.data);
        module.finish()
    }
}

/// What does not.
#[derive(Default)]
struct Code<'a> {
    /// Numbers and contents of all sections but those of globals and data, in order.
    sections: Vec<(u8, &'a [u8])>,
    /// The memories but for the first.
    memories: MemorySection,
}

impl Code<'_> {
    fn binary(&self, globals: &[(bool, i32)]) -> Vec<u8> {
        let mut imports = ImportSection::new();
        imports.import(MACHINE, "memory", EntityType::Memory(plain(0, None)));
        for (i, &(mutable, _)) in globals.iter().enumerate() {
            imports.import(MACHINE, &i.to_string(), EntityType::Global(global_type(mutable)));
        }
        let mut module = Module::new();
        // Types are the only section that comes before imports.
        let before = self.sections.iter().position(|(id, _)| *id == SectionId::Type as u8).map_or(0, |at| at + 1);
        for (i, &(id, data)) in self.sections.iter().enumerate() {
            if i == before {
                module.section(&imports);
            }
            if id == SectionId::Memory as u8 {
                module.section(&self.memories);
            } else {
                module.section(&RawSection { id, data });
            }
        }
        module.finish()
    }
}

/// A memory of 32-bit addresses.
const fn plain(minimum: u64, maximum: Option<u64>) -> MemoryType {
    MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None }
}

/// Compiled codes, shared by all that have an engine.
pub(super) struct Codes<M>(Arc<Mutex<HashMap<Vec<u8>, Cell<M>>>>);

/// A code, once it is compiled.
type Cell<M> = Arc<Mutex<Option<M>>>;

/// Codes that are kept: more than a campaign has. A run through hundreds of edits compiles again what it comes back to.
const KEPT: usize = 64;

impl<M> Clone for Codes<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Default for Codes<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M: Clone> Codes<M> {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The module of this code, which whoever asks first compiles while the others wait. What does not compile is not kept.
    pub(super) fn get<E>(&self, code: &[u8], compile: impl FnOnce(&[u8]) -> Result<M, E>) -> Result<M, E> {
        let cell = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KEPT && !known.contains_key(code) {
                known.clear();
            }
            Arc::clone(known.entry(code.to_vec()).or_default())
        };
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = &*cell {
            return Ok(module.clone());
        }
        let module = compile(code)?;
        *cell = Some(module.clone());
        Ok(module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_of(text: &str) -> Option<Split> {
        split(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn both_halves_are_modules_and_only_the_first_knows_the_numbers() {
        let text = |pages, start, data| {
            format!(
                "(module (memory {pages}) (memory 1) (global (mut i32) (i32.const {start})) (global i32 (i32.const 7)) \
                 (data (i32.const 9) \"{data}\") (func $f (export \"run\") (drop (i32.load (global.get 1)))))"
            )
        };
        let (a, b) = (split_of(&text("1 5", 3, "x")).unwrap(), split_of(&text("2", 4, "yy")).unwrap());
        assert_eq!(a.code, b.code);
        assert_ne!(a.machine, b.machine);
        for half in [&a.machine, &b.machine, &a.code] {
            wasmparser::validate(half).unwrap();
        }
        let alone = "(module (memory (export \"memory\") 2) (global (export \"0\") (mut i32) (i32.const 4)) \
                     (global (export \"1\") i32 (i32.const 7)) (data (i32.const 9) \"yy\"))";
        assert_eq!(b.machine, wat::parse_str(alone).unwrap());
    }

    #[test]
    fn what_is_made_otherwise_stays_whole() {
        for text in [
            "(module (func))",
            "(module (import \"a\" \"b\" (func)) (memory 1))",
            "(module (memory 1) (global i64 (i64.const 1)))",
            "(module (memory 1) (global i32 (i32.const 1)) (global i32 (i32.add (i32.const 1) (i32.const 1))))",
            "(module (memory 1) (data \"passive\"))",
            "(module (memory 1) (memory 1) (data (memory 1) (i32.const 0) \"second\"))",
            "(module (memory i64 1))",
        ] {
            assert_eq!(split_of(text), None, "{text}");
        }
        assert_eq!(split(b"no module"), None);
    }

    #[test]
    fn a_code_is_compiled_once_and_a_failure_again() {
        let codes = Codes::<u8>::default();
        assert_eq!(codes.get(b"bad", |_| Err::<u8, _>("no")), Err("no"));
        assert_eq!(codes.get(b"bad", |_| Ok::<_, ()>(1)), Ok(1));
        assert_eq!(codes.get(b"bad", |_| Err::<u8, _>("not asked")), Ok(1));
        for code in 0..=KEPT as u32 {
            codes.get(&code.to_le_bytes(), |_| Ok::<_, ()>(2)).unwrap();
        }
        assert!(codes.len() <= KEPT);
    }
}
