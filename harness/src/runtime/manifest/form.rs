//! What must be known of a manifest before the module can be written again: imports, `init`, memory, and the globals that have a role.

use super::error::ManifestError;
use super::module::Decoded;
use super::parts::{Behaviour, Import, Memory};
use super::read::{Table, Value, list};
use crate::runtime::description::{DEFAULT_MAX_PAGES, MOST_PAGES};
use wasmparser::ValType;

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
    Ok(Memory { initial_pages, ready_pages: initial_pages, max_pages, declared_pages: most, is_fixed })
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

/// Says which key of the file nobody knows.
pub(super) fn finish(root: &Table<'_>) -> Result<(), ManifestError> {
    const OTHERS: [&str; 10] =
        ["heapsmith", "name", "summary", "module", "recipe", "like", "emulated", "build", "mutant", "imports"];
    root.know(&OTHERS);
    root.unknown()
}
