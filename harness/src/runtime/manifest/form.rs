//! What the keys of a manifest mean, held against the module.

use super::error::ManifestError;
use super::module::{Decoded, signature};
use super::parts::*;
use super::probe::Started;
use super::read::{Table, Value, list};
use super::rewrite::Rewritten;
use crate::runtime::description::{DEFAULT_MAX_PAGES, MOST_PAGES};
use wasmparser::ValType;

/// Slots of one kind of roots at most.
const MAX_SLOTS: u32 = 1 << 20;

/// A module with names and numbers for its things.
pub(super) struct Names<'m> {
    pub(super) module: &'m Decoded<'m>,
    pub(super) rewritten: &'m Rewritten,
    pub(super) started: &'m Started,
}

/// What a call gives.
#[derive(Clone, Copy)]
enum Gives {
    /// One word, which is used.
    Word,
    /// Anything, which is dropped.
    Anything,
}

/// The global that `{ global = "NAME" }` names.
pub(super) fn global_index(module: &Decoded<'_>, value: &Value<'_>) -> Result<u32, ManifestError> {
    let table = value.table("`{ global = \"NAME\" }`")?;
    let name = table.need("global", "the name of a global")?;
    table.finish()?;
    let index = module.global(name.text()?).map_err(|problem| name.error(problem))?;
    let type_ = module.globals[index as usize].type_;
    if type_ != ValType::I32 {
        return Err(name.error(format!("expected a global of type i32, `{}` is of type {type_}", name.text()?)));
    }
    Ok(index)
}

/// What each import does.
pub(super) fn imports(
    root: &Table<'_>,
    module: &Decoded<'_>,
    is_known_elsewhere: &dyn Fn(&str) -> bool,
) -> Result<Vec<Import>, ManifestError> {
    let functions = module.functions.iter().filter_map(|f| Some((f.import.as_ref()?.key(), f.signature())));
    let globals = module.globals.iter().filter_map(|g| Some((g.import.as_ref()?.key(), format!("global {}", g.type_))));
    let wanted: Vec<(String, String)> = functions.chain(globals).collect();
    let mut imports: Vec<Import> = Vec::new();
    if let Some(value) = root.get("imports") {
        for (name, _, value) in value.table("a table of imports")?.all() {
            let behaviour = behaviour(&value)?;
            if !wanted.iter().any(|(key, _)| *key == name) && !is_known_elsewhere(&name) {
                let names: Vec<&str> = wanted.iter().map(|(key, _)| key.as_str()).collect();
                return Err(value.error(format!(
                    "expected a function or global that the module imports ({}), found `{name}`; leave it out",
                    list(&names)
                )));
            }
            imports.push(Import { name, behaviour });
        }
    }
    let missing = |key: &str| !imports.iter().any(|import| import.name == key);
    let missing: Vec<String> = wanted
        .iter()
        .filter(|(key, _)| missing(key))
        .map(|(key, type_)| format!("\n  \"{key}\" = \"trap\"   # {type_}"))
        .collect();
    if missing.is_empty() {
        return Ok(imports);
    }
    Err(root.error(format!(
        "expected in `[imports]` what each import of the module does, {} missing; add, for example (or \"nothing\", `{{ constant = 7 }}`, \
         `{{ counter = 0 }}`, `{{ lcg = 1 }}`):{}",
        if missing.len() == 1 { "one is".to_owned() } else { format!("{} are", missing.len()) },
        missing.concat()
    )))
}

fn behaviour(value: &Value<'_>) -> Result<Behaviour, ManifestError> {
    const EXPECTED: &str = "\"trap\", \"nothing\", `{ constant = N }`, `{ counter = N }` or `{ lcg = N }`";
    match (value.as_text(), value.as_table()) {
        (Some("trap"), _) => Ok(Behaviour::Trap),
        (Some("nothing"), _) => Ok(Behaviour::Constant { value: 0 }),
        (_, Some(table)) => {
            let (constant, counter, lcg) = (table.get("constant"), table.get("counter"), table.get("lcg"));
            table.finish()?;
            match (constant, counter, lcg) {
                (Some(number), None, None) => Ok(Behaviour::Constant { value: number.word()? }),
                (None, Some(number), None) => Ok(Behaviour::Counter { first: number.word()? }),
                (None, None, Some(number)) => Ok(Behaviour::Lcg { seed: number.word()? }),
                _ => Err(value.other(EXPECTED)),
            }
        }
        (_, None) => Err(value.other(EXPECTED)),
    }
}

/// Functions to call once, in order.
pub(super) fn init(root: &Table<'_>, module: &Decoded<'_>) -> Result<Vec<(u32, String)>, ManifestError> {
    let Some(value) = root.get("init") else { return Ok(Vec::new()) };
    let mut init = Vec::new();
    for name in value.list("a list of functions' names")? {
        let index = module.function(name.text()?).map_err(|problem| name.error(problem))?;
        let function = &module.functions[index as usize];
        if !function.params.is_empty() {
            let problem =
                format!("expected a function without parameters, `{}` is {}", name.text()?, function.signature());
            return Err(name.error(problem));
        }
        init.push((index, name.text()?.to_owned()));
    }
    Ok(init)
}

/// The memory; how many pages it has when a program starts is not known yet.
pub(super) fn memory(root: &Table<'_>, module: &Decoded<'_>) -> Result<Memory, ManifestError> {
    let [memory] = module.memories.as_slice() else {
        return Err(root.error(format!(
            "expected a module with one memory, its own or imported, found {}: it is where the collector's objects are",
            module.memories.len()
        )));
    };
    let (type_, table) = (memory.type_, root.get("memory").map(|value| value.table("a table")).transpose()?);
    let pages = |pages: u64| u32::try_from(pages).ok().filter(|pages| *pages <= MOST_PAGES);
    let initial_pages = pages(type_.initial).ok_or_else(|| root.error("expected a memory of at most 65536 pages"))?;
    let most = type_.maximum.map_or(MOST_PAGES, |most| pages(most).unwrap_or(MOST_PAGES));
    let (mut max_pages, mut is_fixed) = (most.min(DEFAULT_MAX_PAGES.max(initial_pages)), false);
    if let Some(table) = table {
        if let Some(export) = table.get("export") {
            let found = export.text()?;
            if !memory.exports.iter().any(|name| name == found) {
                let names: Vec<&str> = memory.exports.iter().map(String::as_str).collect();
                return Err(export.error(format!("expected the memory's export ({}), found `{found}`", list(&names))));
            }
        }
        if let Some(limit) = table.get("max_pages") {
            max_pages = limit.number(initial_pages.max(1), most)?;
        }
        is_fixed = table.get("fixed").map_or(Ok(false), |value| value.flag())?;
        table.finish()?;
    }
    Ok(Memory { initial_pages, ready_pages: initial_pages, max_pages, is_fixed })
}

/// The globals that have a role, with the name of the role; see [`super::ROLES`].
pub(super) fn roles(root: &Table<'_>, module: &Decoded<'_>) -> Result<Vec<(u32, &'static str)>, ManifestError> {
    let mut roles: Vec<(u32, &'static str)> = Vec::new();
    let mut add = |value: &Value<'_>, role: &'static str| {
        let index = global_index(module, value)?;
        if !module.globals[index as usize].mutable {
            return Err(
                value.error(format!("`{}`: expected a global that can change, this one is constant", value.key))
            );
        }
        if roles.iter().any(|(known, _)| *known == index) {
            return Err(value.error(format!("`{}`: expected each global in one role, this one has another", value.key)));
        }
        roles.push((index, role));
        Ok(())
    };
    if let Some(heap) = root.get("heap").map(|value| value.table("a table")).transpose()? {
        for (key, role) in [
            ("end", "heap_ptr"),
            ("free_list", "gc_free_head"),
            ("worklist", "gc_worklist_ptr"),
            ("collections", "gc_collections"),
        ] {
            heap.get(key).map_or(Ok(()), |value| add(&value, role))?;
        }
    }
    for roots in root.get("roots").map_or(Ok(Vec::new()), |value| value.list("tables `[[roots]]`"))? {
        let roots = roots.table("a table")?;
        if let Some(top) = roots.get("top") {
            // A second stack's top keeps its name.
            add(&top, "gc_sp")?;
            break;
        }
    }
    Ok(roles)
}

impl Names<'_> {
    pub(super) fn function_of(&self, index: u32, name: &str) -> Function {
        let identifier = self.rewritten.functions[index as usize].clone();
        let results = self.module.functions[index as usize].results.len();
        Function { index, name: name.to_owned(), identifier, results }
    }

    /// A function of these parameters, all of type i32.
    fn function(&self, value: &Value<'_>, params: usize, gives: Gives) -> Result<Function, ManifestError> {
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

    fn global(&self, value: &Value<'_>) -> Result<Global, ManifestError> {
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
    fn number(&self, value: &Value<'_>) -> Result<u32, ManifestError> {
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
        let full = table.need("full", "a full collection, such as `{ call = \"gc_collect\", args = [] }`")?;
        let automatic = table.need("automatic", "whether allocation collects by itself, true or false")?;
        let collect = Collect {
            full: self.call(&full, &[], Gives::Anything)?,
            step: table.get("step").map(|value| self.call(&value, &[], Gives::Anything)).transpose()?,
            is_automatic: automatic.flag()?,
            is_last_resort: table.get("on_exhaustion").map(|value| value.flag()).transpose()?,
        };
        table.finish()?;
        Ok(collect)
    }

    pub(super) fn roots(&self, root: &Table<'_>) -> Result<Vec<Roots>, ManifestError> {
        let tables = root.need("roots", "at least one table `[[roots]]` says where roots live")?;
        let mut all: Vec<Roots> = Vec::new();
        for value in tables.list("tables `[[roots]]`")? {
            let table = value.table("a table")?;
            let roots = self.roots_of(&table)?;
            table.finish()?;
            if let Some(known) = all.iter().find(|known| clash(&known.kind, &roots.kind)) {
                let name = known.kind.name();
                return Err(value.error(format!("expected roots of their own, these are those of the `{name}` before")));
            }
            all.push(roots);
        }
        if all.is_empty() { Err(tables.other("at least one table `[[roots]]`")) } else { Ok(all) }
    }

    fn roots_of(&self, table: &Table<'_>) -> Result<Roots, ManifestError> {
        let kind = table.need("kind", "\"shadow-stack\", \"pins\", \"calls\", \"slots\" or \"table\"")?;
        let names = ["shadow-stack", "pins", "calls", "slots", "table"];
        let function = |key, params, what| self.function(&table.need(key, what)?, params, Gives::Anything);
        let kind = match kind.one_of(&names.map(|name| (name, name)))? {
            "shadow-stack" => return self.shadow_stack(table),
            "pins" => RootKind::Pins {
                pin: function("pin", 1, "the function that keeps an object")?,
                unpin: function("unpin", 1, "the function that lets it go")?,
                is_reentrant: table
                    .need("reentrant", "whether an object can be pinned twice, true or false")?
                    .flag()?,
            },
            "calls" => {
                let pop = table.need("pop", "the function that pops one root, or as many as it is told")?;
                let one = self.function(&pop, 0, Gives::Anything);
                let (pop, pops_many) = match one {
                    Ok(pop) => (pop, false),
                    Err(_) => (self.function(&pop, 1, Gives::Anything)?, true),
                };
                let push = function("push", 1, "the function that pushes a root")?;
                let set = table.get("set").map(|value| self.function(&value, 2, Gives::Anything)).transpose()?;
                RootKind::Calls { push, pop, pops_many, set }
            }
            "slots" => RootKind::Slots { set: function("set", 2, "the function that writes a slot: index, value")? },
            _ => {
                let address = table.need("address", "the first word")?;
                let (at, capacity) = (self.number(&address)?, capacity(table)?);
                if u64::from(at) + 4 * u64::from(capacity) > self.started.bytes() {
                    let problem = format!(
                        "expected {capacity} words in the {} bytes that memory starts with",
                        self.started.bytes()
                    );
                    return Err(address.error(problem));
                }
                return Ok(Roots { kind: RootKind::Table { address: at }, capacity });
            }
        };
        Ok(Roots { kind, capacity: capacity(table)? })
    }

    fn shadow_stack(&self, table: &Table<'_>) -> Result<Roots, ManifestError> {
        let value = table.need("top", "the global that is its top, as `{ global = \"NAME\" }`")?;
        let top = self.global(&value)?;
        if !top.is_mutable {
            return Err(value.error(format!("expected a global that can change, `{}` is constant", top.name)));
        }
        let grows = table.need("grows", "\"up\" or \"down\"")?;
        let grows = grows.one_of(&[("up", Direction::Up), ("down", Direction::Down)])?;
        let base = table.get("base").map_or(Ok(top.initial), |value| self.number(&value))?;
        let (limit, own) = (table.get("limit"), table.get("capacity"));
        let capacity = match (limit, own) {
            (Some(value), None) => {
                let limit = self.number(&value)?;
                let (from, to) = match grows {
                    Direction::Up => (base, limit),
                    Direction::Down => (limit, base),
                };
                let slots = to.checked_sub(from).map(|bytes| bytes / 4).filter(|slots| (1..=MAX_SLOTS).contains(slots));
                slots.ok_or_else(|| {
                    value.error(format!(
                        "expected room for 1 to {MAX_SLOTS} slots between the stack's base, {base}, and its limit, found {limit}; look at \
                         `grows`, `base` and `limit`, or give `capacity`"
                    ))
                })?
            }
            (None, Some(_)) => capacity(table)?,
            (Some(value), Some(_)) => {
                return Err(value.error("expected `limit` or `capacity`, found both; leave one out"));
            }
            (None, None) => {
                return Err(value
                    .error("expected `limit` (an address or a global) or `capacity` (slots) beside `top`; add one"));
            }
        };
        let end = match grows {
            Direction::Up => u64::from(base) + 4 * u64::from(capacity),
            Direction::Down => u64::from(base),
        };
        let below = grows == Direction::Down && u64::from(base) < 4 * u64::from(capacity);
        if end > self.started.bytes() || below {
            let problem = format!(
                "expected the stack's {capacity} slots in the {} bytes that memory starts with",
                self.started.bytes()
            );
            return Err(value.error(problem));
        }
        Ok(Roots { kind: RootKind::ShadowStack { top, base, grows }, capacity })
    }
}

fn capacity(table: &Table<'_>) -> Result<u32, ManifestError> {
    table.need("capacity", "how many slots are used at most")?.number(1, MAX_SLOTS)
}

/// Whether two kinds of roots are the same place.
fn clash(a: &RootKind, b: &RootKind) -> bool {
    match (a, b) {
        (RootKind::ShadowStack { top: a, .. }, RootKind::ShadowStack { top: b, .. }) => a.index == b.index,
        (RootKind::Pins { pin: a, .. }, RootKind::Pins { pin: b, .. })
        | (RootKind::Calls { push: a, .. }, RootKind::Calls { push: b, .. })
        | (RootKind::Slots { set: a }, RootKind::Slots { set: b }) => a.index == b.index,
        (RootKind::Table { address: a }, RootKind::Table { address: b }) => a == b,
        (
            RootKind::ShadowStack { .. }
            | RootKind::Pins { .. }
            | RootKind::Calls { .. }
            | RootKind::Slots { .. }
            | RootKind::Table { .. },
            _,
        ) => false,
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

/// Parts that need no module.
pub(super) fn object(root: &Table<'_>) -> Result<Object, ManifestError> {
    let Some(table) = root.get("object").map(|value| value.table("a table")).transpose()? else {
        return Ok(Object::default());
    };
    let number = |key, least| table.get(key).map(|value| value.number(least, 1 << 16)).transpose();
    let size = table.get("size").map(|value| {
        let table = value.table("`{ offset = N, shift = N }`")?;
        let field = Field {
            offset: table.need("offset", "bytes from the payload")?.signed()?,
            mask: table.get("mask").map_or(Ok(u32::MAX), |mask| mask.word())?,
            shift: table.get("shift").map_or(Ok(0), |shift| shift.number(0, 31))?,
        };
        table.finish()?;
        Ok(field)
    });
    for (key, known, why) in
        [("null", 0, "null is 0 in every program"), ("tag", 0, "pointers have no tag in any program")]
    {
        if let Some(value) = table.get(key)
            && value.number(0, u32::MAX)? != known
        {
            return Err(value.error(format!("`{key}`: expected 0, because {why}; the glue between must translate")));
        }
    }
    if let Some(value) = table.get("moving")
        && value.flag()?
    {
        return Err(value.error("expected objects that stay where they are: a register of a program is an address; moving collectors cannot be judged"));
    }
    let object = Object {
        header: number("header", 0)?,
        alignment: number("alignment", 1)?,
        is_zeroed: table.get("zeroed").map(|value| value.flag()).transpose()?,
        size: size.transpose()?,
        mark_mask: table.get("mark_mask").map(|value| value.word()).transpose()?,
        free_link: table.get("free_link").map(|value| value.number(0, 1 << 16)).transpose()?,
    };
    table.finish()?;
    Ok(object)
}

pub(super) fn traps(root: &Table<'_>) -> Result<Traps, ManifestError> {
    let Some(table) = root.get("traps").map(|value| value.table("a table")).transpose()? else {
        return Ok(Traps::default());
    };
    let number = |key| table.get(key).map(|value| value.number(1, u32::MAX)).transpose();
    let memory = [("trap", OutOfMemory::Trap), ("null", OutOfMemory::Null)];
    let traps = Traps {
        memory: table.get("memory").map(|value| value.one_of(&memory)).transpose()?,
        size_limit: number("size_limit")?,
        worklist: number("worklist")?,
    };
    table.finish()?;
    Ok(traps)
}

pub(super) fn promises(root: &Table<'_>) -> Result<Promises, ManifestError> {
    let Some(table) = root.get("promises").map(|value| value.table("a table")).transpose()? else {
        return Ok(Promises::default());
    };
    let candidates = [
        ("precise", Candidates::Precise),
        ("phase", Candidates::Phase),
        ("allocated-base", Candidates::AllocatedBase),
        ("unknown", Candidates::Unknown),
    ];
    let placement = [
        ("first-fit", Placement::FirstFit),
        ("first-fit-split", Placement::FirstFitSplit),
        ("unknown", Placement::Unknown),
    ];
    let growth = [("shortage", Growth::Shortage), ("unknown", Growth::Unknown)];
    let cycles = [("collected", Cycles::Collected), ("leaked", Cycles::Leaked)];
    let reclaim = |value: &Value<'_>| match value.as_table() {
        None if value.as_text() == Some("unknown") => Ok(Reclaim::Unknown),
        None => Err(value.other("\"unknown\" or `{ factor = N, slack = N }`")),
        Some(table) => {
            let factor = table.need("factor", "times the live bytes")?.number(1, 1 << 16)?;
            let slack = table.need("slack", "bytes more")?.number(0, u32::MAX)?;
            table.finish()?;
            Ok(Reclaim::Bounded { factor, slack })
        }
    };
    let promises = Promises {
        candidates: table.get("candidates").map(|value| value.one_of(&candidates)).transpose()?,
        placement: table.get("placement").map(|value| value.one_of(&placement)).transpose()?,
        growth: table.get("growth").map(|value| value.one_of(&growth)).transpose()?,
        reclaim: table.get("reclaim").map(|value| reclaim(&value)).transpose()?,
        cycles: table.get("cycles").map(|value| value.one_of(&cycles)).transpose()?,
    };
    table.finish()?;
    Ok(promises)
}

/// Says which key of the file nobody knows.
pub(super) fn finish(root: &Table<'_>) -> Result<(), ManifestError> {
    const OTHERS: [&str; 9] =
        ["heapsmith", "name", "summary", "module", "recipe", "like", "emulated", "build", "imports"];
    root.know(&OTHERS);
    root.unknown()
}
