//! What a manifest names in its module: functions, globals, calls; the heap, kinds, access and collections are made of them.

use super::chunk::Chunk;
use super::error::ManifestError;
use super::form::global_index;
use super::module::{Decoded, signature};
use super::parts::{Access, Accessor, Argument, Call, Collect, Function, Global, Heap, Kind, LiveBytes, Pointers};
use super::probe::Started;
use super::read::{Table, Value};
use super::rewrite::Rewritten;
use crate::runtime::description::MOST_PAGES;
use wasmparser::ValType;

/// A module with names and numbers for its things.
pub(super) struct Names<'m> {
    pub(super) module: &'m Decoded<'m>,
    pub(super) rewritten: &'m Rewritten,
    pub(super) started: &'m Started,
}

/// What a call gives.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// One word, which is used.
    Word,
    /// Anything, which is dropped.
    Anything,
}

impl Names<'_> {
    pub(super) fn function_of(&self, index: u32, name: &str) -> Function {
        let identifier = self.rewritten.functions[index as usize].clone();
        let results = self.module.functions[index as usize].results.len();
        Function { index, name: name.to_owned(), identifier, results }
    }

    /// A function of these parameters, all of type i32.
    pub(super) fn function(&self, value: &Value<'_>, params: usize, gives: Gives) -> Result<Function, ManifestError> {
        let name = value.text()?;
        let index = self.module.function(name).map_err(|problem| value.error(problem))?;
        let known = &self.module.functions[index as usize];
        let results: &[ValType] = match gives {
            Gives::Word => &[ValType::I32],
            Gives::Anything => &known.results,
        };
        let wanted = vec![ValType::I32; params];
        if known.params != wanted || known.results != results {
            let wanted = match gives {
                Gives::Word => signature(&wanted, results),
                Gives::Anything => {
                    signature(&wanted, &[]).replace("()", "anything").replacen("anything ->", "() ->", 1)
                }
            };
            let next = if value.key == "call" { ", or other `args`" } else { "" };
            return Err(value.error(format!(
                "expected a function of type {wanted}, `{name}` is {}; give another one{next}",
                known.signature()
            )));
        }
        Ok(self.function_of(index, name))
    }

    pub(super) fn global(&self, value: &Value<'_>) -> Result<Global, ManifestError> {
        let index = global_index(self.module, value)?;
        let name =
            value.table("a global")?.get("global").map_or("", |name| name.as_text().unwrap_or_default()).to_owned();
        let known = &self.module.globals[index as usize];
        let identifier = self.rewritten.globals[index as usize].clone();
        let initial = self.started.initial[index as usize]
            .ok_or_else(|| value.error(format!("expected a global that starts with a number, `{name}` does not")))?;
        Ok(Global { index, name, identifier, initial, is_mutable: known.mutable })
    }

    /// A number, or what a global starts with.
    pub(super) fn number(&self, value: &Value<'_>) -> Result<u32, ManifestError> {
        match value.as_table() {
            Some(table) if table.get("call").is_some() => self.told(value),
            Some(_) => Ok(self.global(value)?.initial),
            None if value.is_number() => value.number(0, u32::MAX),
            None => Err(value.other("a number, `{ global = \"NAME\" }` or `{ call = \"NAME\" }`")),
        }
    }

    /// What a function without parameters gives when a program starts.
    fn told(&self, value: &Value<'_>) -> Result<u32, ManifestError> {
        let function = self.call(value, &[], Gives::Word)?.function;
        self.started.tell(&function.identifier).map_err(|problem| value.error(problem))
    }

    fn call(&self, value: &Value<'_>, words: &[(&'static str, Argument)], gives: Gives) -> Result<Call, ManifestError> {
        let table = value.table("`{ call = \"NAME\", args = [..] }`")?;
        let (name, args) = (table.need("call", "the name of a function")?, table.get("args"));
        table.finish()?;
        let args = args.map_or(Ok(Vec::new()), |args| args.list("a list of arguments"))?;
        let arguments = args.iter().map(|arg| self.argument(arg, words)).collect::<Result<Vec<_>, _>>()?;
        Ok(Call { function: self.function(&name, arguments.len(), gives)?, arguments })
    }

    fn argument(&self, value: &Value<'_>, words: &[(&'static str, Argument)]) -> Result<Argument, ManifestError> {
        if let Some(text) = value.as_text()
            && let Some((_, argument)) = words.iter().find(|(word, _)| *word == text)
        {
            return Ok(argument.clone());
        }
        if value.is_number() {
            return Ok(Argument::Number(value.word()?));
        }
        if let Some(table) = value.as_table() {
            if table.get("global").is_some() {
                return Ok(Argument::Global(self.global(value)?));
            }
            let call = table.get("call");
            table.finish()?;
            if let Some(name) = call {
                return Ok(Argument::Call(self.function(&name, 0, Gives::Word)?));
            }
        }
        let words: String = words.iter().map(|(word, _)| format!("{word:?}, ")).collect();
        Err(value.other(&format!("{words}a number, `{{ global = \"NAME\" }}` or `{{ call = \"NAME\" }}`")))
    }

    pub(super) fn heap(&self, root: &Table<'_>) -> Result<Heap, ManifestError> {
        let Some(table) = root.get("heap").map(|value| value.table("a table")).transpose()? else {
            return Ok(Heap::default());
        };
        let global = |key| table.get(key).map(|value| self.global(&value)).transpose();
        let heap = Heap {
            start: table.get("start").map(|value| self.number(&value)).transpose()?,
            end: global("end")?,
            free_list: global("free_list")?,
            collections: global("collections")?,
            worklist: global("worklist")?,
            live_bytes: table.get("live_bytes").map(|value| self.live_bytes(&value)).transpose()?,
            grows_by: table.get("grows_by").map(|value| chunk(&value)).transpose()?,
        };
        table.finish()?;
        Ok(heap)
    }

    fn live_bytes(&self, value: &Value<'_>) -> Result<LiveBytes, ManifestError> {
        if value.as_table().is_some_and(|table| table.get("global").is_some()) {
            return Ok(LiveBytes::Global(self.global(value)?));
        }
        Ok(LiveBytes::Call(self.call(value, &[], Gives::Word)?))
    }

    pub(super) fn kinds(&self, root: &Table<'_>) -> Result<Vec<Kind>, ManifestError> {
        const WORDS: [(&str, Argument); 5] = [
            ("size", Argument::Size),
            ("words", Argument::Words),
            ("first", Argument::First),
            ("stride", Argument::Stride),
            ("count", Argument::Count),
        ];
        let tables = root.need("kind", "at least one table `[[kind]]` says how objects are allocated")?;
        let mut kinds: Vec<Kind> = Vec::new();
        for value in tables.list("tables `[[kind]]`")? {
            let table = value.table("a table")?;
            let name = table.need("name", "what the kind is called")?;
            let alloc =
                table.need("alloc", "how it is allocated, such as `{ call = \"alloc\", args = [\"size\"] }`")?;
            let kind = Kind {
                name: name.line()?.to_owned(),
                pointers: pointers(&table.need("pointers", "\"any\", \"all\", \"none\" or a list of word indices")?)?,
                bytes: match table.get("bytes") {
                    Some(value) if value.is_number() => Some(value.number(0, u32::MAX)?),
                    Some(value) => value.one_of(&[("any", None)])?,
                    None => None,
                },
                alloc: self.call(&alloc, &WORDS, Gives::Word)?,
            };
            table.finish()?;
            if kinds.iter().any(|known| known.name == kind.name) {
                return Err(name.error(format!("expected each kind once, found `{}` again; rename one", kind.name)));
            }
            kinds.push(kind);
        }
        if kinds.is_empty() { Err(tables.other("at least one table `[[kind]]`")) } else { Ok(kinds) }
    }

    pub(super) fn access(&self, root: &Table<'_>) -> Result<Access, ManifestError> {
        const LOAD: [(&str, Argument); 3] =
            [("object", Argument::Object), ("offset", Argument::Offset), ("index", Argument::Index)];
        let mut access = Access { store: Accessor::Raw, load: Accessor::Raw };
        let Some(table) = root.get("access").map(|value| value.table("a table")).transpose()? else {
            return Ok(access);
        };
        let accessor = |value: &Value<'_>, words: &[(&'static str, Argument)], gives| match value.as_table() {
            Some(_) => Ok(Accessor::Call(self.call(value, words, gives)?)),
            None if value.as_text() == Some("raw") => Ok(Accessor::Raw),
            None => Err(value.other("\"raw\" or `{ call = \"NAME\", args = [..] }`")),
        };
        if let Some(value) = table.get("store") {
            let words = [&LOAD[..], &[("value", Argument::Value)]].concat();
            access.store = accessor(&value, &words, Gives::Anything)?;
        }
        if let Some(value) = table.get("load") {
            access.load = accessor(&value, &LOAD, Gives::Word)?;
        }
        table.finish()?;
        Ok(access)
    }

    pub(super) fn collect(&self, root: &Table<'_>) -> Result<Collect, ManifestError> {
        let table = root.need("collect", "how it collects")?.table("a table")?;
        let full = table.need(
            "full",
            "a full collection, such as `{ call = \"gc_collect\", args = [] }`, or \"none\" where no function collects",
        )?;
        let automatic = table.need("automatic", "whether allocation collects by itself, true or false")?;
        let collect = Collect {
            full: match full.as_text() {
                Some("none") => None,
                _ => Some(self.call(&full, &[], Gives::Anything)?),
            },
            step: table.get("step").map(|value| self.call(&value, &[], Gives::Anything)).transpose()?,
            minor: table.get("minor").map(|value| self.call(&value, &[], Gives::Anything)).transpose()?,
            is_automatic: automatic.flag()?,
            is_last_resort: table.get("on_exhaustion").map(|value| value.flag()).transpose()?,
        };
        table.finish()?;
        Ok(collect)
    }
}

fn chunk(value: &Value<'_>) -> Result<Chunk, ManifestError> {
    if let Some(table) = value.as_table() {
        let pages = table.need("at_least", "pages that memory grows by, where fewer are needed")?;
        let chunk = Chunk::AtLeast(pages.number(1, MOST_PAGES)?);
        table.finish()?;
        return Ok(chunk);
    }
    match value.as_text() {
        Some("double") => Ok(Chunk::Double),
        None if value.is_number() => Ok(Chunk::Pages(value.number(1, MOST_PAGES)?)),
        Some(_) | None => Err(value.other("a number of pages, `{ at_least = N }` or \"double\"")),
    }
}

fn pointers(value: &Value<'_>) -> Result<Pointers, ManifestError> {
    if let Some(table) = value.as_table() {
        let first = table.need("first", "the first pointer's word, or \"last\" for the last words")?;
        let stride = table.get("stride").map(|stride| stride.number(1, u32::MAX)).transpose()?;
        let most = table.get("most").map(|most| most.number(1, u32::MAX)).transpose()?;
        table.finish()?;
        if first.as_text() == Some("last") {
            if stride.is_some_and(|stride| stride != 1) {
                return Err(value.error("expected the last words without a `stride`; leave it out"));
            }
            return Ok(Pointers::Last { most: most.unwrap_or(u32::MAX) });
        }
        if !first.is_number() {
            return Err(first.other("a word's index or \"last\""));
        }
        let (first, stride) = (first.number(0, u32::MAX)?, stride.unwrap_or(1));
        return Ok(match most {
            Some(most) => Pointers::Some { first, stride, least: 0, most },
            None => Pointers::Every { first, stride },
        });
    }
    if value.as_text().is_some() {
        return value.one_of(&[
            ("any", Pointers::Any),
            ("all", Pointers::Every { first: 0, stride: 1 }),
            ("none", Pointers::None),
        ]);
    }
    let words =
        value.list("\"any\", \"all\", \"none\", a list of word indices, or `{ first = N, stride = N, most = N }`")?;
    let words = words.iter().map(|word| word.number(0, u32::MAX / 4)).collect::<Result<Vec<_>, _>>()?;
    let (first, stride) = match words.as_slice() {
        [] => return Ok(Pointers::None),
        [first] => (*first, 1),
        [first, second, ..] => (*first, second.wrapping_sub(*first)),
    };
    let even = words.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] == stride);
    if !even {
        return Err(value.error(
            "expected word indices that rise by the same number each, which is how programs lay out pointers; allocate the others as data or \
             give a kind for them",
        ));
    }
    let count = words.len() as u32;
    Ok(Pointers::Some { first, stride, least: count, most: count })
}
