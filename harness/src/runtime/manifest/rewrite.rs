//! A foreign module written again as text that the lowerings take: nothing of it is left out but its exports and its start.
//!
//! Imported functions, globals, tables and the memory become definitions, in the same places, so that no index changes; each function and
//! global gets an identifier of its own, because imports that a lowering puts in front move indices.

use super::module::{Decoded, Defined, Function as Known, Global};
use super::{Behaviour, is_reserved};
use std::collections::BTreeSet;
use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, IndirectNameMap, Instruction, MemorySection, MemoryType,
    Module, NameMap, NameSection, TableSection, TypeSection, ValType,
};
use wasmparser::Operator;

/// A module as text, and what its things are called there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// All before the limits of the memory, and all after them.
    pub(super) text: (String, String),
    /// Identifiers of functions, by index, without `$`.
    pub(super) functions: Vec<String>,
    /// Identifiers of globals, by index; those of mutable ones are the names of their exports too.
    pub(super) globals: Vec<String>,
    /// Identifiers of mutable globals of type i32 that are no role's, in the order of their indices.
    pub(super) others: Vec<String>,
    /// What globals start with, where it is known without running anything.
    pub(super) initial: Vec<Option<u32>>,
    /// The start function's identifier.
    pub(super) start: Option<String>,
}

/// What a constant expression gives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Constant {
    I32(i32),
    I64(i64),
    F32(wasmparser::Ieee32),
    F64(wasmparser::Ieee64),
}

impl Constant {
    fn expression(self) -> ConstExpr {
        match self {
            Self::I32(n) => ConstExpr::i32_const(n),
            Self::I64(n) => ConstExpr::i64_const(n),
            Self::F32(x) => ConstExpr::f32_const(wasm_encoder::Ieee32::new(x.bits())),
            Self::F64(x) => ConstExpr::f64_const(wasm_encoder::Ieee64::new(x.bits())),
        }
    }

    /// A number as one of this type; none for types that are no number's.
    fn number(type_: wasmparser::ValType, number: u32) -> Option<Self> {
        Some(match type_ {
            wasmparser::ValType::I32 => Self::I32(number.cast_signed()),
            wasmparser::ValType::I64 => Self::I64(number.into()),
            wasmparser::ValType::F32 => Self::F32((number as f32).into()),
            wasmparser::ValType::F64 => Self::F64(f64::from(number).into()),
            wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => return None,
        })
    }
}

/// Evaluates a constant expression of numbers.
fn evaluate(expression: &wasmparser::ConstExpr<'_>, globals: &[Option<Constant>]) -> Option<Constant> {
    let mut stack = Vec::new();
    for operator in expression.get_operators_reader() {
        let operator = operator.ok()?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's; others give no number")]
        let value = match operator {
            Operator::I32Const { value } => Constant::I32(value),
            Operator::I64Const { value } => Constant::I64(value),
            Operator::F32Const { value } => Constant::F32(value),
            Operator::F64Const { value } => Constant::F64(value),
            Operator::GlobalGet { global_index } => globals.get(global_index as usize).copied().flatten()?,
            Operator::I32Add | Operator::I32Sub | Operator::I32Mul => {
                let (Some(Constant::I32(b)), Some(Constant::I32(a))) = (stack.pop(), stack.pop()) else { return None };
                Constant::I32(match operator {
                    Operator::I32Add => a.wrapping_add(b),
                    Operator::I32Sub => a.wrapping_sub(b),
                    _ => a.wrapping_mul(b),
                })
            }
            Operator::I64Add | Operator::I64Sub | Operator::I64Mul => {
                let (Some(Constant::I64(b)), Some(Constant::I64(a))) = (stack.pop(), stack.pop()) else { return None };
                Constant::I64(match operator {
                    Operator::I64Add => a.wrapping_add(b),
                    Operator::I64Sub => a.wrapping_sub(b),
                    _ => a.wrapping_mul(b),
                })
            }
            Operator::End => continue,
            _ => return None,
        };
        stack.push(value);
    }
    stack.pop()
}

/// What a module becomes, but for what it is called.
struct Writer {
    constants: Vec<Option<Constant>>,
}

impl Reencode for Writer {
    type Error = Infallible;

    /// An imported global is none any more, so no constant expression may refer to it.
    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, reencode::Error> {
        match evaluate(&expression, &self.constants) {
            Some(constant) => Ok(constant.expression()),
            None => utils::const_expr(self, expression),
        }
    }
}

/// Writes a module again.
///
/// `behaviour` says what each import does, by its key; `roles` are globals with the names that they get.
///
/// # Errors
/// What cannot be written, in words.
pub(super) fn rewrite(
    module: &Decoded<'_>,
    behaviour: &dyn Fn(&str) -> Option<Behaviour>,
    roles: &[(u32, &str)],
) -> Result<Rewritten, String> {
    let functions = function_names(&module.functions);
    let globals = global_names(&module.globals, roles);
    let mut constants: Vec<Option<Constant>> = Vec::new();
    for global in &module.globals {
        constants.push(match (&global.import, &global.init) {
            (Some(import), _) => {
                let number = behaviour(&import.key()).map_or(0, |behaviour| behaviour.first());
                Constant::number(global.type_, number)
            }
            (None, Some(init)) => evaluate(init, &constants),
            (None, None) => None,
        });
    }
    let initial = constants.iter().map(|constant| match constant {
        Some(Constant::I32(n)) => Some(n.cast_unsigned()),
        Some(Constant::I64(_) | Constant::F32(_) | Constant::F64(_)) | None => None,
    });
    let initial = initial.collect();
    let mut writer = Writer { constants };
    let (binary, counters) = writer
        .binary(module, behaviour, &functions, &globals)
        .map_err(|e| format!("it cannot be written again: {e}"))?;
    let text = wasmprinter::print_bytes(&binary).map_err(|e| format!("it cannot be written as text: {e}"))?;
    let text = around_limits(&text).ok_or("it was printed without a memory")?;
    let is_role = |index: u32| roles.iter().any(|(role, _)| *role == index);
    let others = (0..).zip(&module.globals).filter(|(index, global)| is_word(global) && !is_role(*index));
    let others = others.map(|(index, _)| globals[index as usize].clone()).chain(counters).collect();
    let start = module.start.map(|start| functions[start as usize].clone());
    Ok(Rewritten { text, functions, globals, others, initial, start })
}

/// Whether a global is mutable and of type i32.
fn is_word(global: &Global<'_>) -> bool {
    global.mutable && global.type_ == wasmparser::ValType::I32
}

/// The name of the memory in the text.
const MEMORY: &str = "heap";

/// The fields of a printed module, without the limits of its memory.
fn around_limits(text: &str) -> Option<(String, String)> {
    let (_, inside) = text.trim_end().split_once('\n')?;
    let inside = inside.strip_suffix(')')?;
    let (before, rest) = inside.split_once(&format!("(memory ${MEMORY} (;0;) "))?;
    let (_, after) = rest.split_once(')')?;
    Some((format!("{before}(memory ${MEMORY} (;0;) "), format!("){after}")))
}

impl Writer {
    /// The module, and the names of the globals that its imports have got.
    fn binary(
        &mut self,
        module: &Decoded<'_>,
        behaviour: &dyn Fn(&str) -> Option<Behaviour>,
        functions: &[String],
        globals: &[String],
    ) -> Result<(Vec<u8>, Vec<String>), reencode::Error> {
        let mut out = Module::new();
        let mut types = TypeSection::new();
        if let Some(section) = &module.types {
            self.parse_type_section(&mut types, section.clone())?;
        }
        out.section(&types);

        let mut section = FunctionSection::new();
        for function in &module.functions {
            section.function(function.type_index);
        }
        out.section(&section);

        let mut tables = TableSection::new();
        for table in &module.tables {
            match table {
                Defined::Imported(type_) => {
                    tables.table(self.table_type(*type_)?);
                }
                Defined::Here(table) => self.parse_table(&mut tables, table.clone())?,
            }
        }
        out.section(&tables);

        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None });
        out.section(&memories);

        let (section, stubs, counters) = self.globals_and_stubs(module, behaviour)?;
        out.section(&section);

        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for (index, _) in (0..).zip(&module.globals).filter(|(_, global)| global.mutable) {
            exports.export(&globals[index as usize], ExportKind::Global, index);
        }
        for (index, name) in (globals.len() as u32..).zip(&counters) {
            exports.export(name, ExportKind::Global, index);
        }
        out.section(&exports);

        let mut elements = ElementSection::new();
        for element in &module.elements {
            self.parse_element(&mut elements, element.clone())?;
        }
        if module.takes_references {
            // Exports declared them before.
            let exported = |(_, function): &(u32, &Known)| !function.exports.is_empty();
            let exported: Vec<u32> = (0..).zip(&module.functions).filter(exported).map(|(index, _)| index).collect();
            elements.declared(Elements::Functions(exported.into()));
        }
        out.section(&elements);
        if let Some(count) = module.data_count {
            out.section(&DataCountSection { count });
        }

        let mut code = CodeSection::new();
        for stub in &stubs {
            code.function(stub);
        }
        for body in &module.code {
            self.parse_function_body(&mut code, body.clone())?;
        }
        out.section(&code);
        let mut data = DataSection::new();
        for segment in &module.data {
            self.parse_data(&mut data, segment.clone())?;
        }
        out.section(&data);

        out.section(&names(module, functions, globals, &counters)?);
        Ok((out.finish(), counters))
    }

    /// Globals, the code of functions that were imported, and the names of the globals that this code needs.
    fn globals_and_stubs(
        &mut self,
        module: &Decoded<'_>,
        behaviour: &dyn Fn(&str) -> Option<Behaviour>,
    ) -> Result<(GlobalSection, Vec<Function>, Vec<String>), reencode::Error> {
        let mut section = GlobalSection::new();
        for (index, global) in module.globals.iter().enumerate() {
            let type_ = GlobalType { val_type: self.val_type(global.type_)?, mutable: global.mutable, shared: false };
            let init = match (self.constants[index], &global.init) {
                (Some(constant), _) => constant.expression(),
                (None, Some(init)) => self.const_expr(init.clone())?,
                (None, None) => match type_.val_type {
                    ValType::Ref(of) => ConstExpr::ref_null(of.heap_type),
                    ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128 => {
                        ConstExpr::i32_const(0)
                    }
                },
            };
            section.global(type_, &init);
        }
        let (mut stubs, mut counters) = (Vec::new(), Vec::new());
        for function in &module.functions {
            let Some(import) = &function.import else { continue };
            let behaviour = behaviour(&import.key()).unwrap_or(Behaviour::Trap);
            let state = match behaviour {
                Behaviour::Counter { first: start } | Behaviour::Lcg { seed: start } => {
                    let index = section.len();
                    let type_ = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
                    section.global(type_, &ConstExpr::i32_const(start.cast_signed()));
                    counters.push(format!("glue.import.{}", counters.len()));
                    index
                }
                Behaviour::Trap | Behaviour::Constant { .. } => 0,
            };
            stubs.push(self.stub(function, behaviour, state)?);
        }
        Ok((section, stubs, counters))
    }

    /// The code of a function that was imported; `state` is the index of its global, if it has one.
    fn stub(&mut self, function: &Known, behaviour: Behaviour, state: u32) -> Result<Function, reencode::Error> {
        let mut code = Function::new([]);
        let next = |code: &mut Function| match behaviour {
            Behaviour::Trap => {}
            Behaviour::Constant { value } => {
                code.instruction(&Instruction::I32Const(value.cast_signed()));
            }
            Behaviour::Counter { .. } => {
                code.instruction(&Instruction::GlobalGet(state));
                code.instruction(&Instruction::GlobalGet(state));
                code.instruction(&Instruction::I32Const(1));
                code.instruction(&Instruction::I32Add);
                code.instruction(&Instruction::GlobalSet(state));
            }
            Behaviour::Lcg { .. } => {
                code.instruction(&Instruction::GlobalGet(state));
                code.instruction(&Instruction::I32Const(LCG_FACTOR));
                code.instruction(&Instruction::I32Mul);
                code.instruction(&Instruction::I32Const(LCG_TERM));
                code.instruction(&Instruction::I32Add);
                code.instruction(&Instruction::GlobalSet(state));
                code.instruction(&Instruction::GlobalGet(state));
            }
        };
        if behaviour == Behaviour::Trap {
            code.instruction(&Instruction::Unreachable);
        } else {
            for type_ in &function.results {
                match self.val_type(*type_)? {
                    ValType::Ref(of) => {
                        code.instruction(&Instruction::RefNull(of.heap_type));
                        continue;
                    }
                    ValType::I32 | ValType::V128 => next(&mut code),
                    ValType::I64 => {
                        next(&mut code);
                        code.instruction(&Instruction::I64ExtendI32U);
                    }
                    ValType::F32 => {
                        next(&mut code);
                        code.instruction(&Instruction::F32ConvertI32U);
                    }
                    ValType::F64 => {
                        next(&mut code);
                        code.instruction(&Instruction::F64ConvertI32U);
                    }
                }
            }
        }
        code.instruction(&Instruction::End);
        Ok(code)
    }
}

/// A linear congruential generator modulo 2^32 (Knuth's constants, as in *Numerical Recipes*).
const LCG_FACTOR: i32 = 1_664_525;
const LCG_TERM: i32 = 1_013_904_223;

/// The name section.
fn names(
    module: &Decoded<'_>,
    functions: &[String],
    globals: &[String],
    counters: &[String],
) -> Result<NameSection, reencode::Error> {
    let map = |names: &mut dyn Iterator<Item = &String>| {
        let mut map = NameMap::new();
        for (index, name) in (0..).zip(names) {
            map.append(index, name);
        }
        map
    };
    let mut section = NameSection::new();
    section.functions(&map(&mut functions.iter()));
    if let Some(locals) = &module.local_names {
        let mut all = IndirectNameMap::new();
        for function in locals.clone() {
            let function = function?;
            let mut names = NameMap::new();
            for naming in function.names {
                let naming = naming?;
                names.append(naming.index, &identifier(naming.name));
            }
            all.append(function.index, &names);
        }
        section.locals(&all);
    }
    section.memories(&map(&mut [MEMORY.to_owned()].iter()));
    section.globals(&map(&mut globals.iter().chain(counters)));
    Ok(section)
}

/// A name as an identifier of the text format: what cannot stand in one becomes `_`.
fn identifier(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-./:<=>?@\\^_`|~".contains(c);
    let mut name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with('#') {
        name.insert(0, '_');
    }
    name
}

/// Gives each thing a name that no other has.
fn unique(taken: &mut BTreeSet<String>, wanted: String) -> String {
    let mut name = wanted.clone();
    let mut n = 1;
    while !taken.insert(name.clone()) {
        n += 1;
        name = format!("{wanted}.{n}");
    }
    name
}

fn function_names(functions: &[Known]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let name = |(index, function): (usize, &Known)| {
        let own = function.name.as_ref().or(function.exports.first()).map(|name| identifier(name));
        let own = own.unwrap_or_else(|| match &function.import {
            Some(import) => identifier(&import.key()),
            None => format!("f{index}"),
        });
        unique(&mut taken, if is_reserved(&own) { format!("{own}.module") } else { own })
    };
    functions.iter().enumerate().map(name).collect()
}

fn global_names(globals: &[Global<'_>], roles: &[(u32, &str)]) -> Vec<String> {
    let mut taken: BTreeSet<String> = super::ROLES.iter().map(|role| (*role).to_owned()).collect();
    let name = |(index, global): (u32, &Global<'_>)| {
        if let Some((_, role)) = roles.iter().find(|(of, _)| *of == index) {
            return (*role).to_owned();
        }
        let own = global.exports.first().or(global.name.as_ref()).map(|name| identifier(name));
        let own = own.unwrap_or_else(|| match &global.import {
            Some(import) => identifier(&import.key()),
            None => format!("global.{index}"),
        });
        let is_role = super::ROLES.contains(&own.as_str());
        unique(&mut taken, if is_role || is_reserved(&own) { format!("{own}.module") } else { own })
    };
    (0..).zip(globals).map(name).collect()
}
