//! Rewrites a WebAssembly module so that it counts the edges that it takes, in a memory of its own.
//!
//! The module gets one more memory, exported as [`COUNTERS`], with one 32-bit counter for each edge; no index of the module changes, no
//! local is added, and nothing but the counters' memory is read or written by what is put in. An *edge* is the entry of a function, the
//! header of a loop, each arm of an `if` (one without `else` gets an empty one), what follows a `br_if` that is not taken, and what
//! follows the `end` of a block that some branch leaves.
//!
//! Counters are 32 bits wide and wrap: an edge is taken 2^32 times by no program whose fuel is limited, so no count reads as another, and
//! the sum of all counters says exactly what counting cost ([`COST`] of fuel each), so that fuel is told as if nothing were counted.
//! What is handed out are bytes that stop at 255, which cannot read as "not reached".

use super::{Edges, edges::intern};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, Instruction, MemArg, MemArgTarget, MemorySection, MemoryType,
    Module, SectionId,
};
use wasmparser::{FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// The export under which the counters' memory is found.
pub const COUNTERS: &str = "heapsmith.counters";
/// Fuel that counting one edge once uses on wasmtime: each instruction is one, and there are six of them.
pub const COST: u64 = 6;
/// Bytes of a counter.
pub const COUNTER_BYTES: usize = 4;
const PAGE: usize = 1 << 16;

/// A module that counts its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrumented {
    /// The module, binary.
    pub module: Vec<u8>,
    /// Its edges, in the order of the counters.
    pub edges: Edges,
}

/// A module that cannot be instrumented.
#[derive(Debug, thiserror::Error)]
pub enum InstrumentError {
    /// It is no valid module, or not one of functions, memories and tables only.
    #[error("expected a valid WebAssembly module to count the edges of, found: {0}")]
    Invalid(String),
    /// It was instrumented before.
    #[error("expected a module without an export `{COUNTERS}`; it counts its edges already")]
    Twice,
}

impl From<wasmparser::BinaryReaderError> for InstrumentError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Instruments those functions of a binary module whose positions among its defined functions are in `functions`. Names of functions are
/// taken from the name section.
///
/// # Errors
/// The module is invalid, or instrumented already.
pub fn instrument(module: &[u8], functions: Range<u32>) -> Result<Instrumented, InstrumentError> {
    let survey = Survey::of(module)?;
    let mut writer = Writer { survey, functions, next_function: 0, counters: Vec::new(), edges: 0 };
    // The number of edges, and with it the size of the counters' memory, is known once all code was written, which comes later in a
    // module; so it is written twice.
    let mut out = Module::new();
    writer.write(&mut out, module)?;
    writer.begin_again();
    let mut out = Module::new();
    writer.write(&mut out, module)?;
    let edges = Edges::new(writer.counters);
    Ok(Instrumented { module: out.finish(), edges })
}

/// Counts the functions that a module defines.
///
/// # Errors
/// The module is invalid.
pub fn defined_functions(module: &[u8]) -> Result<u32, InstrumentError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::FunctionSection(section) = payload? {
            return Ok(section.count());
        }
    }
    Ok(0)
}

/// What must be known of a module before it is rewritten.
#[derive(Debug, Default)]
struct Survey {
    memories: u32,
    imported_functions: u32,
    defines_memories: bool,
    exports: bool,
    names: BTreeMap<u32, String>,
}

impl Survey {
    fn of(module: &[u8]) -> Result<Self, InstrumentError> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's and not exhaustive")]
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => survey.imported_functions += 1,
                            TypeRef::Memory(_) => survey.memories += 1,
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    survey.defines_memories = true;
                    survey.memories += section.count();
                }
                Payload::ExportSection(section) => {
                    survey.exports = true;
                    for export in section {
                        if export?.name == COUNTERS {
                            return Err(InstrumentError::Twice);
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        for name in names {
                            let Name::Function(functions) = name? else { continue };
                            for naming in functions {
                                let naming = naming?;
                                survey.names.insert(naming.index, naming.name.to_owned());
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(survey)
    }
}

/// Copies a module, and puts counters in.
struct Writer {
    survey: Survey,
    functions: Range<u32>,
    next_function: u32,
    /// Name and number of edges of each function that was written.
    counters: Vec<(&'static str, u32)>,
    /// Edges of the whole module, once they are known.
    edges: u32,
}

impl Writer {
    fn write(&mut self, out: &mut Module, module: &[u8]) -> Result<(), InstrumentError> {
        let parser = Parser::new(0);
        let written = self.parse_core_module(out, parser, module);
        written.map_err(|error| InstrumentError::Invalid(error.to_string()))
    }

    fn begin_again(&mut self) {
        self.edges = self.counters.iter().map(|(_, edges)| edges).sum();
        self.counters.clear();
        self.next_function = 0;
    }

    fn memory(&self) -> MemoryType {
        let pages = (self.edges as usize * COUNTER_BYTES).div_ceil(PAGE).max(1) as u64;
        MemoryType { minimum: pages, maximum: Some(pages), memory64: false, shared: false, page_size_log2: None }
    }

    /// Puts in what counts the next edge of a function.
    fn count(&self, function: &mut Function, edges: &mut u32) {
        let before: u32 = self.counters.iter().map(|(_, edges)| edges).sum();
        let at = MemArg {
            offset: u64::from(before + *edges) * COUNTER_BYTES as u64,
            align: 2,
            target: MemArgTarget::Memory(self.survey.memories),
            ordering: None,
        };
        for instruction in [
            Instruction::I32Const(0),
            Instruction::I32Const(0),
            Instruction::I32Load(at),
            Instruction::I32Const(1),
            Instruction::I32Add,
            Instruction::I32Store(at),
        ] {
            function.instruction(&instruction);
        }
        *edges += 1;
    }
}

/// A construct that an `end` closes.
#[derive(Clone, Copy)]
struct Open {
    /// Position of its beginning in the function.
    at: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Block,
    Loop,
    /// An `if` without an `else`, so far.
    If,
    Else,
}

impl Open {
    const FUNCTION: Self = Self { at: usize::MAX, kind: Kind::Function };

    /// What an operator opens.
    fn of(operator: &Operator<'_>, at: usize) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
        let kind = match operator {
            Operator::Block { .. } | Operator::TryTable { .. } | Operator::Try { .. } => Kind::Block,
            Operator::Loop { .. } => Kind::Loop,
            Operator::If { .. } => Kind::If,
            _ => return None,
        };
        Some(Self { at, kind })
    }
}

/// The positions of blocks that some branch leaves.
fn left_by_branches(operators: &[Operator<'_>]) -> Result<Vec<bool>, wasmparser::BinaryReaderError> {
    let mut left = vec![false; operators.len()];
    let mut open = vec![Open::FUNCTION];
    for (at, operator) in operators.iter().enumerate() {
        open.extend(Open::of(operator, at));
        let mut branch = |depth: u32| {
            let target = open.len().checked_sub(depth as usize + 1).and_then(|i| open.get(i));
            if let Some(&Open { at, kind: Kind::Block | Kind::If | Kind::Else }) = target {
                left[at] = true;
            }
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
        match operator {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => branch(*relative_depth),
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    branch(target?);
                }
                branch(targets.default());
            }
            Operator::End | Operator::Delegate { .. } => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(left)
}

impl Reencode for Writer {
    type Error = Infallible;

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        memories.memory(self.memory());
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(COUNTERS, ExportKind::Memory, self.survey.memories);
        Ok(())
    }

    /// Sections that the module does not have come where they belong.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        let here = |section: SectionId| {
            let rank = rank(section);
            after.is_none_or(|after| self::rank(after) < rank) && before.is_none_or(|before| self::rank(before) > rank)
        };
        if !self.survey.defines_memories && here(SectionId::Memory) {
            let mut memories = MemorySection::new();
            memories.memory(self.memory());
            module.section(&memories);
        }
        if !self.survey.exports && here(SectionId::Export) {
            let mut exports = ExportSection::new();
            exports.export(COUNTERS, ExportKind::Memory, self.survey.memories);
            module.section(&exports);
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), reencode::Error> {
        let position = self.next_function;
        self.next_function += 1;
        if !self.functions.contains(&position) {
            return utils::parse_function_body(self, code, body);
        }
        let operators = body.get_operators_reader()?.into_iter().collect::<Result<Vec<_>, _>>()?;
        let left = left_by_branches(&operators)?;
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut edges = 0;
        self.count(&mut function, &mut edges);
        let mut open = vec![Open::FUNCTION];
        for (at, operator) in operators.into_iter().enumerate() {
            let opened = Open::of(&operator, at);
            open.extend(opened);
            let instruction = self.instruction(operator)?;
            #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasm-encoder's")]
            match instruction {
                Instruction::End => {
                    let closed = open.pop().unwrap_or(Open::FUNCTION);
                    if closed.kind == Kind::If {
                        function.instruction(&Instruction::Else);
                        self.count(&mut function, &mut edges);
                    }
                    function.instruction(&instruction);
                    if left.get(closed.at) == Some(&true) {
                        self.count(&mut function, &mut edges);
                    }
                }
                Instruction::Else => {
                    if let Some(last) = open.last_mut() {
                        last.kind = Kind::Else;
                    }
                    function.instruction(&instruction);
                    self.count(&mut function, &mut edges);
                }
                Instruction::Delegate(_) => {
                    open.pop();
                    function.instruction(&instruction);
                }
                Instruction::Loop(_) | Instruction::If(_) | Instruction::BrIf(_) => {
                    function.instruction(&instruction);
                    self.count(&mut function, &mut edges);
                }
                _ => {
                    function.instruction(&instruction);
                }
            }
        }
        code.function(&function);
        let index = self.survey.imported_functions + position;
        let name = self.survey.names.get(&index).map_or_else(|| format!("f{index}"), Clone::clone);
        self.counters.push((intern(&name), edges));
        Ok(())
    }
}

/// Where a section stands in a module.
const fn rank(section: SectionId) -> u8 {
    match section {
        SectionId::Custom => 0,
        SectionId::Type => 1,
        SectionId::Import => 2,
        SectionId::Function => 3,
        SectionId::Table => 4,
        SectionId::Memory => 5,
        SectionId::Tag => 6,
        SectionId::Global => 7,
        SectionId::Export => 8,
        SectionId::Start => 9,
        SectionId::Element => 10,
        SectionId::DataCount => 11,
        SectionId::Code => 12,
        SectionId::Data => 13,
    }
}
