//! A module decoded as far as the pins need it: globals with their names and constants, functions as lists of instructions.

use super::PinError;
use std::collections::BTreeMap;
use wasmparser::{
    BlockType, Encoding, ExternalKind, FunctionBody, KnownCustom, MemArgTarget, Name, Operator, OperatorsReader,
    Parser, Payload, TypeRef, ValType,
};

/// A decoded module.
#[derive(Debug, Default)]
pub(super) struct Module<'a> {
    pub(super) globals: Globals,
    pub(super) functions: Vec<Function<'a>>,
}

/// The globals of a module.
#[derive(Debug, Default)]
pub(super) struct Globals {
    list: Vec<Global>,
    names: BTreeMap<u32, String>,
    has_name_section: bool,
}

/// A global.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) mutable: bool,
    pub(super) ty: ValType,
    /// Where it starts, if that is a constant i32.
    pub(super) start: Option<u32>,
    /// Whether some function writes it.
    pub(super) written: bool,
    /// Whether a host can write it, if it is mutable.
    exported: bool,
}

/// A function with a body.
#[derive(Debug)]
pub(super) struct Function<'a> {
    pub(super) index: u32,
    pub(super) name: Option<String>,
    pub(super) code: Vec<Instruction<'a>>,
}

/// An instruction, where it is and what it means to the pins.
#[derive(Debug)]
pub(super) struct Instruction<'a> {
    pub(super) offset: u64,
    pub(super) operator: Operator<'a>,
    pub(super) kind: Kind,
}

/// A variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Variable {
    Local(u32),
    Global(u32),
}

/// What an instruction means to the pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Get(Variable),
    Set(Variable),
    Tee(Variable),
    Const(u32),
    Add,
    Sub,
    GreaterOrEqualUnsigned,
    /// Any other instruction from one value to one.
    Unary,
    /// Any other instruction from two values to one.
    Binary,
    /// A plain `i32.store` without offset into memory 0.
    StoreWord,
    /// `if` without parameters or results.
    IfEmpty,
    /// Any other instruction that an `end` closes.
    Open,
    Unreachable,
    End,
    /// Any other instruction that branches or leaves the function for a while.
    Control,
    /// What the pins need not know.
    Other,
}

impl<'a> Module<'a> {
    /// Decodes a binary module.
    pub(super) fn decode(wasm: &'a [u8]) -> Result<Self, PinError> {
        let mut module = Self::default();
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        let mut imported = 0u32;
        for payload in Parser::new(0).parse_all(wasm) {
            // The payloads that matter; a wildcard over wasmparser's own enum is meant.
            #[allow(clippy::wildcard_enum_match_arm)]
            match payload? {
                Payload::Version { encoding: Encoding::Component, .. } => return Err(PinError::Component),
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => imported = imported.saturating_add(1),
                            TypeRef::Global(ty) => {
                                module.globals.push(ty, None);
                            }
                            TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        let start = module.globals.constant(global.init_expr.get_operators_reader())?;
                        module.globals.push(global.ty, start);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Global
                            && let Some(global) = module.globals.list.get_mut(export.index as usize)
                        {
                            global.exported = true;
                        }
                        let target = match export.kind {
                            ExternalKind::Global => &mut module.globals.names,
                            ExternalKind::Func | ExternalKind::FuncExact => &mut names,
                            ExternalKind::Table | ExternalKind::Memory | ExternalKind::Tag => continue,
                        };
                        target.entry(export.index).or_insert_with(|| export.name.to_owned());
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let defined = u32::try_from(module.functions.len()).unwrap_or(u32::MAX);
                    let code = instructions(&body)?;
                    module.functions.push(Function { index: imported.saturating_add(defined), name: None, code });
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(reader) = section.as_known() {
                        module.globals.has_name_section = true;
                        // A broken name section is no broken module: take what can be read.
                        for subsection in reader.into_iter().map_while(Result::ok) {
                            match subsection {
                                Name::Function(map) => names.extend(read_names(map)),
                                Name::Global(map) => module.globals.names.extend(read_names(map)),
                                _ => {}
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        for function in &mut module.functions {
            function.name = names.remove(&function.index);
            for instruction in &function.code {
                if let Kind::Set(Variable::Global(index)) = instruction.kind
                    && let Some(global) = module.globals.list.get_mut(index as usize)
                {
                    global.written = true;
                }
            }
        }
        Ok(module)
    }
}

fn read_names(map: wasmparser::NameMap<'_>) -> impl Iterator<Item = (u32, String)> {
    map.into_iter().map_while(Result::ok).map(|naming| (naming.index, naming.name.to_owned()))
}

fn instructions<'a>(body: &FunctionBody<'a>) -> Result<Vec<Instruction<'a>>, PinError> {
    let mut code = Vec::new();
    for item in body.get_operators_reader()?.into_iter_with_offsets() {
        let (operator, offset) = item?;
        code.push(Instruction { offset, kind: kind(&operator), operator });
    }
    Ok(code)
}

/// What an instruction means to the pins.
#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's and has hundreds of instructions")]
fn kind(operator: &Operator<'_>) -> Kind {
    match operator {
        Operator::LocalGet { local_index } => Kind::Get(Variable::Local(*local_index)),
        Operator::LocalSet { local_index } => Kind::Set(Variable::Local(*local_index)),
        Operator::LocalTee { local_index } => Kind::Tee(Variable::Local(*local_index)),
        Operator::GlobalGet { global_index } => Kind::Get(Variable::Global(*global_index)),
        Operator::GlobalSet { global_index } => Kind::Set(Variable::Global(*global_index)),
        Operator::I32Const { value } => Kind::Const(value.cast_unsigned()),
        Operator::I32Add => Kind::Add,
        Operator::I32Sub => Kind::Sub,
        Operator::I32GeU => Kind::GreaterOrEqualUnsigned,
        Operator::I32Store { memarg } if memarg.offset == 0 && memarg.target == MemArgTarget::Memory(0) => {
            Kind::StoreWord
        }
        Operator::If { blockty: BlockType::Empty } => Kind::IfEmpty,
        Operator::If { .. }
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Try { .. }
        | Operator::TryTable { .. } => Kind::Open,
        Operator::Unreachable => Kind::Unreachable,
        Operator::End => Kind::End,
        Operator::I32Load { .. } | Operator::I32Load8U { .. } | Operator::I32Eqz => Kind::Unary,
        Operator::I32And
        | Operator::I32Or
        | Operator::I32Xor
        | Operator::I32Shl
        | Operator::I32ShrU
        | Operator::I32ShrS
        | Operator::I32Mul
        | Operator::I32Eq
        | Operator::I32Ne
        | Operator::I32LtU
        | Operator::I32LtS
        | Operator::I32LeU
        | Operator::I32LeS
        | Operator::I32GtU
        | Operator::I32GtS
        | Operator::I32GeS => Kind::Binary,
        Operator::Nop
        | Operator::Drop
        | Operator::Select
        | Operator::I32Store { .. }
        | Operator::I32Store8 { .. }
        | Operator::I64Const { .. }
        | Operator::I64Load { .. }
        | Operator::I64Store { .. } => Kind::Other,
        // Anything that is not known to run straight on may not.
        _ => Kind::Control,
    }
}

impl Globals {
    fn push(&mut self, ty: wasmparser::GlobalType, start: Option<u32>) {
        self.list.push(Global { mutable: ty.mutable, ty: ty.content_type, start, written: false, exported: false });
    }

    /// The global of that index.
    pub(super) fn get(&self, index: u32) -> Option<&Global> {
        self.list.get(index as usize)
    }

    /// A global's plain name, without the prefixes that compilers put before it.
    pub(super) fn name(&self, index: u32) -> Option<&str> {
        self.names.get(&index).map(|name| plain(name))
    }

    /// The first global of that plain name.
    pub(super) fn named(&self, name: &str) -> Option<(u32, &Global)> {
        let index = *self.names.iter().find(|(_, n)| plain(n) == name)?.0;
        Some((index, self.get(index)?))
    }

    /// Why [`Self::named`] found none.
    pub(super) fn missing(&self, name: &str) -> String {
        if self.has_name_section {
            format!("no global named `{name}`, neither in the name section nor among the exports")
        } else {
            format!("no export named `{name}`, and the module has no name section; build it with names")
        }
    }

    /// The value of a global that never changes.
    pub(super) fn known(&self, index: u32) -> Option<u32> {
        let never_changes = |global: &&Global| !(global.written || (global.mutable && global.exported));
        self.get(index).filter(never_changes).and_then(|global| global.start)
    }

    /// The value of a constant expression, if it is an i32 that can be computed here.
    fn constant(&self, reader: OperatorsReader<'_>) -> Result<Option<u32>, PinError> {
        let mut kinds = Vec::new();
        for operator in reader {
            kinds.push(kind(&operator?));
        }
        Ok(kinds
            .split_last()
            .filter(|(last, _)| **last == Kind::End)
            .and_then(|(_, kinds)| self.evaluate(kinds, &BTreeMap::new())))
    }

    /// The value of straight-line code over constants; `locals` are the locals whose value is known.
    pub(super) fn evaluate(&self, kinds: &[Kind], locals: &BTreeMap<u32, u32>) -> Option<u32> {
        let mut stack = Vec::new();
        for kind in kinds {
            let value = match kind {
                Kind::Const(value) => *value,
                Kind::Get(Variable::Global(index)) => self.known(*index)?,
                Kind::Add | Kind::Sub => {
                    let (right, left): (u32, u32) = (stack.pop()?, stack.pop()?);
                    if *kind == Kind::Add { left.wrapping_add(right) } else { left.wrapping_sub(right) }
                }
                Kind::Get(Variable::Local(index)) => *locals.get(index)?,
                Kind::Set(_)
                | Kind::Tee(_)
                | Kind::GreaterOrEqualUnsigned
                | Kind::Unary
                | Kind::Binary
                | Kind::StoreWord
                | Kind::IfEmpty
                | Kind::Open
                | Kind::Unreachable
                | Kind::End
                | Kind::Control
                | Kind::Other => return None,
            };
            stack.push(value);
        }
        let value = stack.pop()?;
        stack.is_empty().then_some(value)
    }
}

/// A name without `$` and `vera.` before it.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix('$').unwrap_or(name);
    name.strip_prefix("vera.").unwrap_or(name)
}

impl Function<'_> {
    /// What each instruction means to the pins.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.code.iter().map(|instruction| instruction.kind).collect()
    }
}

impl Instruction<'_> {
    /// As text.
    pub(super) fn text(&self, globals: &Globals) -> String {
        let variable = |verb: &str, variable: Variable| match variable {
            Variable::Local(index) => format!("local.{verb} {index}"),
            Variable::Global(index) => match globals.name(index) {
                Some(name) => format!("global.{verb} ${name}"),
                None => format!("global.{verb} {index}"),
            },
        };
        match self.kind {
            Kind::Get(v) => variable("get", v),
            Kind::Set(v) => variable("set", v),
            Kind::Tee(v) => variable("tee", v),
            Kind::Const(value) => format!("i32.const {value}"),
            Kind::Add => "i32.add".to_owned(),
            Kind::Sub => "i32.sub".to_owned(),
            Kind::GreaterOrEqualUnsigned => "i32.ge_u".to_owned(),
            Kind::StoreWord => "i32.store".to_owned(),
            Kind::IfEmpty => "if".to_owned(),
            Kind::Unreachable => "unreachable".to_owned(),
            Kind::End => "end".to_owned(),
            Kind::Unary | Kind::Binary | Kind::Open | Kind::Control | Kind::Other => spelled(&self.operator),
        }
    }
}

/// Spells `I32GeS` as `i32.ge_s` and `BrIf { relative_depth: 1 }` as `br_if { relative_depth: 1 }`.
fn spelled(operator: &Operator<'_>) -> String {
    let debug = format!("{operator:?}");
    let (name, operands) = debug.split_once(' ').map_or((debug.as_str(), ""), |(name, operands)| (name, operands));
    let mut out = String::new();
    let (ty, name) = ["I32", "I64", "F32", "F64", "Memory", "Local", "Global", "Table"]
        .iter()
        .find_map(|ty| Some((*ty, name.strip_prefix(ty)?)))
        .unwrap_or(("", name));
    out.push_str(&ty.to_lowercase());
    for (i, c) in name.char_indices() {
        if c.is_ascii_uppercase() && (i > 0 || !ty.is_empty()) {
            out.push(if i == 0 { '.' } else { '_' });
        }
        out.push(c.to_ascii_lowercase());
    }
    if !operands.is_empty() {
        out.push(' ');
        out.push_str(operands);
    }
    out
}
