//! A foreign module decoded: what a manifest may name in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use wasmparser::{
    ConstExpr, Data, Element, ExternalKind, FunctionBody, KnownCustom, MemoryType, Name, Operator, Parser, Payload,
    Table, TableType, TypeRef, ValType, Validator, WasmFeatures,
};

/// Proposals that every engine of this process has.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FLOATS);

/// A decoded module. Indices are the module's own, imported things first.
#[derive(Default)]
pub(super) struct Decoded<'a> {
    pub(super) types: Option<wasmparser::TypeSectionReader<'a>>,
    pub(super) functions: Vec<Function>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) tables: Vec<Defined<TableType, Table<'a>>>,
    pub(super) memories: Vec<Memory>,
    pub(super) start: Option<u32>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data_count: Option<u32>,
    pub(super) code: Vec<FunctionBody<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) local_names: Option<wasmparser::IndirectNameMap<'a>>,
    /// Why setting memory and globals of type i32 back does not make an instance fresh.
    pub(super) unresettable: Vec<String>,
    /// Whether its code takes references of functions, which must then be declared.
    pub(super) takes_references: bool,
}

/// Module and field of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) module: String,
    pub(super) field: String,
}

impl Import {
    /// What a manifest calls it.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.module, self.field)
    }
}

/// Something that is imported with a type, or defined.
#[derive(Debug)]
pub(super) enum Defined<I, D> {
    Imported(I),
    Here(D),
}

/// A function.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) type_index: u32,
    pub(super) params: Vec<ValType>,
    pub(super) results: Vec<ValType>,
    pub(super) import: Option<Import>,
    pub(super) exports: Vec<String>,
    pub(super) name: Option<String>,
}

impl Function {
    /// Its type in words.
    pub(super) fn signature(&self) -> String {
        signature(&self.params, &self.results)
    }
}

/// A function's type in words.
pub(super) fn signature(params: &[ValType], results: &[ValType]) -> String {
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("({}) -> ({})", list(params), list(results))
}

/// A global.
#[derive(Debug)]
pub(super) struct Global<'a> {
    pub(super) type_: ValType,
    pub(super) mutable: bool,
    pub(super) import: Option<Import>,
    pub(super) exports: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) init: Option<ConstExpr<'a>>,
}

/// A memory.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) type_: MemoryType,
    pub(super) exports: Vec<String>,
}

/// Anything that a decoder says, in words.
fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl<'a> Decoded<'a> {
    /// Decodes a binary module.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn of(module: &'a [u8]) -> Result<Self, String> {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(module)
            .map_err(|e| format!("expected a valid WebAssembly module, found: {e}"))?;
        Validator::new_with_features(FEATURES).validate_all(module).map_err(|e| {
            format!(
                "expected a module of WebAssembly 2.0 without SIMD, with tail calls and extended constants, which is what all engines \
                 here run; found: {e}; compile it without that proposal"
            )
        })?;
        let mut it = Self::default();
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            it.take(payload.map_err(words)?, &mut types).map_err(words)?;
        }
        it.look_for_lasting_effects().map_err(words)?;
        Ok(it)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's and not exhaustive")]
    fn take(&mut self, payload: Payload<'a>, types: &mut Vec<(Vec<ValType>, Vec<ValType>)>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone().into_iter_err_on_gc_types() {
                    let signature = group?;
                    types.push((signature.params().to_vec(), signature.results().to_vec()));
                }
                self.types = Some(section);
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let from = Some(Import { module: import.module.to_owned(), field: import.name.to_owned() });
                    match import.ty {
                        TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                            self.functions.push(function(types, index, from));
                        }
                        TypeRef::Global(type_) => self.globals.push(Global {
                            type_: type_.content_type,
                            mutable: type_.mutable,
                            import: from,
                            exports: Vec::new(),
                            name: None,
                            init: None,
                        }),
                        TypeRef::Memory(type_) => self.memories.push(Memory { type_, exports: Vec::new() }),
                        TypeRef::Table(type_) => self.tables.push(Defined::Imported(type_)),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    self.functions.push(function(types, index?, None));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(Defined::Here(table?));
                }
            }
            Payload::MemorySection(section) => {
                for type_ in section {
                    self.memories.push(Memory { type_: type_?, exports: Vec::new() });
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push(Global {
                        type_: global.ty.content_type,
                        mutable: global.ty.mutable,
                        import: None,
                        exports: Vec::new(),
                        name: None,
                        init: Some(global.init_expr),
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let at = export.index as usize;
                    let exports = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            self.functions.get_mut(at).map(|f| &mut f.exports)
                        }
                        ExternalKind::Global => self.globals.get_mut(at).map(|g| &mut g.exports),
                        ExternalKind::Memory => self.memories.get_mut(at).map(|m| &mut m.exports),
                        ExternalKind::Table | ExternalKind::Tag => None,
                    };
                    if let Some(exports) = exports {
                        exports.push(export.name.to_owned());
                    }
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.elements.push(element?);
                }
            }
            Payload::DataCountSection { count, .. } => self.data_count = Some(count),
            Payload::CodeSectionEntry(body) => self.code.push(body),
            Payload::DataSection(section) => {
                for data in section {
                    self.data.push(data?);
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for name in names {
                        // A name section is no part of a module's meaning: one that is cut off names nothing more.
                        let Ok(name) = name else { break };
                        self.name(name)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's; other names are not used")]
    fn name(&mut self, name: Name<'a>) -> wasmparser::Result<()> {
        match name {
            Name::Function(map) => {
                for naming in map {
                    let naming = naming?;
                    if let Some(function) = self.functions.get_mut(naming.index as usize) {
                        function.name = Some(naming.name.to_owned());
                    }
                }
            }
            Name::Global(map) => {
                for naming in map {
                    let naming = naming?;
                    if let Some(global) = self.globals.get_mut(naming.index as usize) {
                        global.name = Some(naming.name.to_owned());
                    }
                }
            }
            Name::Local(map) => self.local_names = Some(map),
            _ => {}
        }
        Ok(())
    }

    /// What an instance keeps that neither its memory nor a global of type i32 shows.
    fn look_for_lasting_effects(&mut self) -> wasmparser::Result<()> {
        let mut found: BTreeMap<&str, u32> = BTreeMap::new();
        for body in &self.code {
            for operator in body.get_operators_reader()? {
                #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's and not exhaustive")]
                let name = match operator? {
                    Operator::TableSet { .. } => "table.set",
                    Operator::TableGrow { .. } => "table.grow",
                    Operator::TableFill { .. } => "table.fill",
                    Operator::TableCopy { .. } => "table.copy",
                    Operator::TableInit { .. } => "table.init",
                    Operator::ElemDrop { .. } => "elem.drop",
                    Operator::DataDrop { .. } => "data.drop",
                    Operator::RefFunc { .. } => {
                        self.takes_references = true;
                        continue;
                    }
                    _ => continue,
                };
                *found.entry(name).or_default() += 1;
            }
        }
        let instructions = found.into_iter().map(|(name, count)| match count {
            1 => format!("its code has a `{name}`"),
            _ => format!("its code has {count} `{name}`"),
        });
        self.unresettable.extend(instructions);
        for (index, global) in self.globals.iter().enumerate() {
            if global.mutable && global.type_ != ValType::I32 {
                let name = global.exports.first().or(global.name.as_ref()).cloned();
                let name = name.unwrap_or_else(|| format!("#{index}"));
                self.unresettable.push(format!("its mutable global `{name}` is of type {}", global.type_));
            }
        }
        Ok(())
    }

    /// Numbers of type i32 in code that may be addresses: constants, and offsets of loads and stores; each once, in ascending order.
    pub(super) fn addresses(&self) -> Vec<u32> {
        let mut found = BTreeSet::new();
        for body in &self.code {
            let Ok(operators) = body.get_operators_reader() else { continue };
            for operator in operators.into_iter().flatten() {
                #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's and not exhaustive")]
                match operator {
                    Operator::I32Const { value } => {
                        found.insert(value.cast_unsigned());
                    }
                    Operator::I32Load { memarg } | Operator::I32Store { memarg } => {
                        found.extend(u32::try_from(memarg.offset));
                    }
                    _ => {}
                }
            }
        }
        found.into_iter().collect()
    }

    /// The function of this name: an export, a name of the name section, or `#` and an index.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn function(&self, name: &str) -> Result<u32, String> {
        let of = |f: &'_ Function| (f.exports.clone(), f.name.clone());
        find("function", name, &self.functions.iter().map(of).collect::<Vec<_>>())
    }

    /// The global of this name; see [`Self::function`].
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn global(&self, name: &str) -> Result<u32, String> {
        let of = |g: &'_ Global<'_>| (g.exports.clone(), g.name.clone());
        find("global", name, &self.globals.iter().map(of).collect::<Vec<_>>())
    }
}

fn function(types: &[(Vec<ValType>, Vec<ValType>)], index: u32, import: Option<Import>) -> Function {
    let (params, results) = types.get(index as usize).cloned().unwrap_or_default();
    Function { type_index: index, params, results, import, exports: Vec::new(), name: None }
}

/// So many names a message has at most.
const SHOWN: usize = 12;

/// What something is exported as, and its name in the name section.
type Known = (Vec<String>, Option<String>);

fn find(what: &str, name: &str, things: &[Known]) -> Result<u32, String> {
    let count = things.len();
    if let Some(index) = name.strip_prefix('#').and_then(|digits| digits.parse::<u32>().ok()) {
        if (index as usize) < count {
            return Ok(index);
        }
        return Err(format!(
            "expected an index below {count}, which is how many {what}s the module has, found `{name}`"
        ));
    }
    let all = |is: &dyn Fn(&Known) -> bool| {
        (0..).zip(things).filter(|(_, thing)| is(thing)).map(|(index, _)| index).collect::<Vec<u32>>()
    };
    let exported = all(&|thing| thing.0.iter().any(|export| export == name));
    let named = all(&|thing| thing.1.as_deref() == Some(name));
    match (exported.as_slice(), named.as_slice()) {
        ([index, ..], _) | ([], [index]) => return Ok(*index),
        ([], []) => {}
        ([], several) => {
            let several: Vec<String> = several.iter().map(|index| format!("`#{index}`")).collect();
            let several = several.join(", ");
            return Err(format!(
                "expected one {what} `{name}`, the module has several: {several}; name it by its index"
            ));
        }
    }
    let exports: Vec<&str> = things.iter().flat_map(|thing| &thing.0).map(String::as_str).collect();
    let names: Vec<&str> = things.iter().filter_map(|thing| thing.1.as_deref()).collect();
    let known: Vec<&str> = exports.iter().chain(&names).copied().collect();
    let mut message = format!("expected a {what} of the module, found `{name}`");
    if let Some(nearest) = nearest(name, &known) {
        let _ = write!(message, "; did you mean `{nearest}`?");
    } else {
        message.push(';');
    }
    if count == 0 {
        return Err(format!("expected a {what} of the module, found `{name}`; it has none"));
    }
    let inner: Vec<&str> = names.iter().filter(|name| !exports.contains(name)).copied().collect();
    let exports = if exports.is_empty() { "nothing of that kind".to_owned() } else { shown(&exports) };
    let _ = write!(message, " it exports {exports}");
    if !inner.is_empty() {
        let _ = write!(message, "; its name section has {} besides", shown(&inner));
    }
    let _ = write!(message, "; `#0` to `#{}` name any by its index", count - 1);
    Err(message)
}

/// Names in a list, not too many.
pub(super) fn shown(names: &[&str]) -> String {
    let rest = names.len().saturating_sub(SHOWN);
    let list = names[..names.len() - rest].join(", ");
    if rest > 0 { format!("{list} and {rest} more") } else { list }
}

/// Names less like than this are no guess (of 1).
const LIKE: f64 = 0.4;

/// The one of `known` that is most like `found`, if any is.
pub(super) fn nearest<'n>(found: &str, known: &[&'n str]) -> Option<&'n str> {
    let score = |name: &str| strsim::normalized_damerau_levenshtein(found, name);
    let best = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) >= LIKE).then_some(best)
}
