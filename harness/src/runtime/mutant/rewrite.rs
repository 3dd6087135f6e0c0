//! Modules decoded, and written again with one instruction changed.

use super::change::Signature;
use super::{Candidate, Change, Mutant, Site};
use crate::runtime::HOST_IMPORT;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder, utils};
use wasm_encoder::{CodeSection, ConstExpr, Function, GlobalSection, Instruction, Module, ValType};
use wasmparser::{FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// A mutant that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// The module cannot be decoded.
    Undecodable(String),
    /// It has no such place.
    NoSuch(String),
}

/// Anything that a decoder says, in words.
fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A decoded module.
struct Decoded<'a> {
    functions: Vec<Code<'a>>,
    /// Signature of each function, imported ones first.
    signatures: Vec<Signature>,
    /// Name of each global that the module defines, and what it starts with.
    globals: Vec<(String, i64)>,
    /// Globals that it imports; they are numbered first.
    imported_globals: u32,
}

/// A function's code.
struct Code<'a> {
    name: String,
    operands: u32,
    locals: Vec<(u32, ValType)>,
    instructions: Vec<Instruction<'a>>,
}

impl<'a> Decoded<'a> {
    fn of(module: &'a [u8]) -> Result<Self, String> {
        let (mut types, mut signatures, mut bodies, mut starts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut function_names, mut global_names) = (BTreeMap::new(), BTreeMap::new());
        let (mut imported_functions, mut imported_globals) = (0, 0);
        for payload in Parser::new(0).parse_all(module) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's and not exhaustive")]
            match payload.map_err(words)? {
                Payload::TypeSection(section) => {
                    for group in section.into_iter_err_on_gc_types() {
                        let signature = group.map_err(words)?;
                        let of = |types: &[wasmparser::ValType]| {
                            types.iter().map(|t| RoundtripReencoder.val_type(*t)).collect::<Result<Vec<_>, _>>()
                        };
                        types.push((of(signature.params()).map_err(words)?, of(signature.results()).map_err(words)?));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
                        match import.map_err(words)?.ty {
                            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                                imported_functions += 1;
                                signatures.push(types.get(index as usize).cloned().unwrap_or_default());
                            }
                            TypeRef::Global(_) => imported_globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for index in section {
                        signatures.push(types.get(index.map_err(words)? as usize).cloned().unwrap_or_default());
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        starts.push(start(&global.map_err(words)?));
                    }
                }
                Payload::CodeSectionEntry(body) => bodies.push(body),
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(names) = section.as_known() else { continue };
                    for name in names {
                        let (map, into) = match name.map_err(words)? {
                            Name::Function(map) => (map, &mut function_names),
                            Name::Global(map) => (map, &mut global_names),
                            _ => continue,
                        };
                        for naming in map {
                            let naming = naming.map_err(words)?;
                            into.insert(naming.index, naming.name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        let mut functions = Vec::new();
        for (index, body) in (imported_functions..).zip(bodies) {
            let name = function_names.get(&index).map_or_else(|| format!("f{index}"), Clone::clone);
            let signature = signatures.get(index as usize).ok_or("a function without a type")?;
            functions.push(Code::of(name, signature.0.len() as u32, &body).map_err(words)?);
        }
        let name = |index: u32| global_names.get(&index).map_or_else(|| format!("g{index}"), Clone::clone);
        let globals = (imported_globals..).zip(starts).map(|(index, start)| Some((name(index), start?)));
        // A global that does not start with a number keeps its place, and has no mutants.
        let globals = globals.map(|global| global.unwrap_or_default()).collect();
        Ok(Self { functions, signatures, globals, imported_globals })
    }
}

impl<'a> Code<'a> {
    fn of(name: String, operands: u32, body: &FunctionBody<'a>) -> Result<Self, reencode::Error> {
        let mut locals = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, type_) = local?;
            locals.push((count, RoundtripReencoder.val_type(type_)?));
        }
        let mut instructions = Vec::new();
        for operator in body.get_operators_reader()? {
            instructions.push(RoundtripReencoder.instruction(operator?)?);
        }
        Ok(Self { name, operands, locals, instructions })
    }
}

/// The number that a global starts with.
fn start(global: &wasmparser::Global<'_>) -> Option<i64> {
    let mut operators = global.init_expr.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value.into()),
        (Operator::I64Const { value }, Operator::End) => Some(value),
        _ => None,
    }
}

/// Everything that can be changed, in the order of the code; globals first.
pub(super) fn candidates(module: &[u8]) -> Result<Vec<Candidate>, String> {
    let decoded = Decoded::of(module)?;
    let mut all = Vec::new();
    for (name, start) in decoded.globals.iter().filter(|(name, _)| !name.is_empty()) {
        for change in [Change::Increment, Change::Decrement] {
            let site = Site::Global { name: name.as_str().into() };
            all.push(Candidate { mutant: Mutant { site, change }, original: format!("starts with {start}") });
        }
    }
    for code in &decoded.functions {
        let function: std::sync::Arc<str> = code.name.as_str().into();
        for (at, instruction) in (0..).zip(&code.instructions) {
            for change in Change::all_of(instruction) {
                let site = Site::Instruction { function: function.clone(), at };
                all.push(Candidate { mutant: Mutant { site, change }, original: text(instruction) });
            }
        }
    }
    Ok(all)
}

/// What a collector consists of, by name.
pub(super) struct Reached {
    /// Functions that are called, directly or through a table.
    pub(super) functions: BTreeSet<String>,
    /// Globals that one of them reads.
    pub(super) globals: BTreeSet<String>,
}

/// What is reached, beginning with the start function and those functions that a predicate names.
pub(super) fn reached(module: &[u8], begins: impl Fn(&str) -> bool) -> Result<Reached, String> {
    let decoded = Decoded::of(module)?;
    let imported = decoded.signatures.len() - decoded.functions.len();
    let mut reached = vec![false; decoded.functions.len()];
    let mut read = BTreeSet::new();
    let mut open: Vec<usize> = (0..reached.len()).filter(|&f| begins(&decoded.functions[f].name)).collect();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::StartSection { func, .. } = payload.map_err(words)? {
            open.extend((func as usize).checked_sub(imported));
        }
    }
    while let Some(function) = open.pop() {
        if std::mem::replace(&mut reached[function], true) {
            continue;
        }
        for instruction in &decoded.functions[function].instructions {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasm-encoder's")]
            match instruction {
                Instruction::Call(index) | Instruction::ReturnCall(index) | Instruction::RefFunc(index) => {
                    open.extend((*index as usize).checked_sub(imported));
                }
                // What a table holds is not looked at: it may be any of them.
                Instruction::CallIndirect { .. } | Instruction::ReturnCallIndirect { .. } => {
                    open.extend(0..reached.len())
                }
                Instruction::GlobalGet(index) => {
                    let defined = index.checked_sub(decoded.imported_globals);
                    read.extend(defined.and_then(|index| decoded.globals.get(index as usize)));
                }
                _ => {}
            }
        }
    }
    let globals = read.into_iter().map(|(name, _)| name.clone()).collect();
    let named = decoded.functions.into_iter().zip(reached).filter(|(_, is_reached)| *is_reached);
    Ok(Reached { functions: named.map(|(code, _)| code.name).collect(), globals })
}

/// An instruction in words.
fn text(instruction: &Instruction<'_>) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasm-encoder's; its own form does for the others")]
    match instruction {
        Instruction::I32Const(n) => format!("i32.const {n}"),
        Instruction::I64Const(n) => format!("i64.const {n}"),
        other => format!("{other:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
    }
}

/// The module with one change made.
pub(super) fn rewrite(module: &[u8], mutant: &Mutant) -> Result<Vec<u8>, Problem> {
    let decoded = Decoded::of(module).map_err(Problem::Undecodable)?;
    let mut writer = Writer { function: None, global: None, next_function: 0 };
    match &mutant.site {
        Site::Instruction { function, at } => {
            let position = decoded.functions.iter().position(|code| code.name == **function);
            let position = position.ok_or_else(|| Problem::NoSuch(format!("it has no function `{function}`")))?;
            let code = &decoded.functions[position];
            let made = edited(code, *at as usize, mutant.change, &decoded.signatures);
            let there = || match code.instructions.get(*at as usize) {
                Some(instruction) => format!("instruction {at} of `{function}` is {}", text(instruction)),
                None => format!("`{function}` has {} instructions", code.instructions.len()),
            };
            writer.function = Some((position, made.ok_or_else(|| Problem::NoSuch(there()))?));
        }
        Site::Global { name } => {
            let position = decoded.globals.iter().position(|(known, _)| *known == **name);
            let position = position
                .ok_or_else(|| Problem::NoSuch(format!("it has no global `{name}` that starts with a number")))?;
            let by = match mutant.change {
                Change::Increment => 1,
                Change::Decrement => -1,
                Change::Replace(_)
                | Change::Drop
                | Change::Never
                | Change::Negate
                | Change::Swap
                | Change::Skip
                | Change::TrapBefore => return Err(Problem::NoSuch("a global is changed by `+1` or `-1`".to_owned())),
            };
            writer.global = Some((position, by));
        }
    }
    let mut out = Module::new();
    writer.parse_core_module(&mut out, Parser::new(0), module).map_err(|e| Problem::Undecodable(words(e)))?;
    Ok(out.finish())
}

/// The mutant's place in a twin; see [`Mutant::apply_to_twin`].
pub(super) fn moved(original: &[u8], twin: &[u8], inserted: &str, mutant: &Mutant) -> Result<Mutant, Problem> {
    let Site::Instruction { function, at } = &mutant.site else { return Ok(mutant.clone()) };
    let [original, twin] = [original, twin].map(|module| Decoded::of(module).map_err(Problem::Undecodable));
    let (original, twin) = (original?, twin?);
    let find = |decoded: &Decoded<'_>, name: &str| decoded.functions.iter().position(|code| code.name == name);
    let missing = || Problem::NoSuch(format!("it has no function `{function}`"));
    let old = &original.functions[find(&original, function).ok_or_else(missing)?];
    let new = &twin.functions[find(&twin, function).ok_or_else(missing)?];
    let imported = twin.signatures.len() - twin.functions.len();
    let called = find(&twin, inserted).map(|position| (imported + position) as u32);
    let calls = |instruction: &Instruction<'_>| matches!(instruction, Instruction::Call(f) if Some(*f) == called);
    let more = new.instructions.len().checked_sub(old.instructions.len());
    let places: Vec<usize> = (0..new.instructions.len()).filter(|&i| calls(&new.instructions[i])).collect();
    let run = match (more, places.as_slice()) {
        (Some(0), []) => 0..0,
        (Some(more), [call]) if more > 0 && more <= call + 1 => call + 1 - more..call + 1,
        _ => {
            return Err(Problem::NoSuch(format!(
                "`{function}` of the twin differs by more than a call of `{inserted}`"
            )));
        }
    };
    let at = *at as usize;
    let at = if at < run.start { at } else { at + run.len() };
    Ok(Mutant { site: Site::Instruction { function: function.clone(), at: at as u32 }, change: mutant.change })
}

/// A function with one instruction changed.
fn edited(code: &Code<'_>, at: usize, change: Change, signatures: &[Signature]) -> Option<Function> {
    let old = code.instructions.get(at)?;
    let mut locals = code.locals.clone();
    let scratch = code.operands + locals.iter().map(|(count, _)| count).sum::<u32>();
    locals.extend(change.scratch(old).map(|type_| (2, type_)));
    let made = change.make(old, scratch, &|function| signatures.get(function as usize).cloned())?;
    let mut function = Function::new(locals);
    for (i, instruction) in code.instructions.iter().enumerate() {
        if i == at {
            for instruction in &made {
                function.instruction(instruction);
            }
        } else {
            function.instruction(instruction);
        }
    }
    Some(function)
}

/// Copies a module, but for one function or one global.
struct Writer {
    function: Option<(usize, Function)>,
    global: Option<(usize, i64)>,
    next_function: usize,
}

impl Reencode for Writer {
    type Error = Infallible;

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), reencode::Error> {
        let position = self.next_function;
        self.next_function += 1;
        match &self.function {
            Some((at, function)) if *at == position => {
                code.function(function);
                Ok(())
            }
            Some(_) | None => utils::parse_function_body(self, code, body),
        }
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for (i, global) in section.into_iter().enumerate() {
            let global = global?;
            match (self.global, start(&global)) {
                (Some((at, by)), Some(start)) if at == i => {
                    let type_ = self.global_type(global.ty)?;
                    let value = start.wrapping_add(by);
                    let is_wide = type_.val_type == ValType::I64;
                    let start = if is_wide { ConstExpr::i64_const(value) } else { ConstExpr::i32_const(value as i32) };
                    globals.global(type_, &start);
                }
                _ => utils::parse_global(self, globals, global)?,
            }
        }
        Ok(())
    }
}

/// The first instruction of the first function that is another in `edited`; see [`super::first_difference`].
pub(super) fn first_difference(original: &[u8], edited: &[u8]) -> Result<Option<Mutant>, String> {
    let (original, edited) = (Decoded::of(original)?, Decoded::of(edited)?);
    for code in &original.functions {
        let other = edited.functions.iter().find(|other| other.name == code.name);
        let same = |other: &Code<'_>| {
            code.instructions.iter().zip(&other.instructions).take_while(|(a, b)| same(a, b)).count()
        };
        let at = match other {
            Some(other)
                if code.instructions.len() == other.instructions.len() && same(other) == code.instructions.len() =>
            {
                continue;
            }
            Some(other) => same(other).min(code.instructions.len().saturating_sub(1)),
            None => 0,
        };
        let site = Site::Instruction { function: code.name.as_str().into(), at: at as u32 };
        return Ok(Some(Mutant { site, change: Change::TrapBefore }));
    }
    Ok(None)
}

/// Whether two instructions are the same.
fn same(a: &Instruction<'_>, b: &Instruction<'_>) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// The fields of a printed module, with the host's import as collectors of ours have it, and without what only a module alone has.
pub(super) fn fields(module: &str) -> Option<String> {
    let (_, inside) = module.trim_end().split_once('\n')?;
    let inside = inside.strip_suffix(')')?;
    let import = |line: &str, name: &str| line.trim_start().starts_with("(import ") && line.contains(name);
    let host = |line: &str| import(line, "$host_decref_handle");
    let alone = |line: &str| import(line, "$mutator.mirror");
    if !inside.lines().any(|line| host(line) || alone(line)) {
        return Some(inside.to_owned());
    }
    let lines = inside.lines().filter(|line| !alone(line));
    let lines = lines.map(|line| if host(line) { HOST_IMPORT.trim_end_matches('\n') } else { line });
    Some(lines.flat_map(|line| [line, "\n"]).collect())
}
