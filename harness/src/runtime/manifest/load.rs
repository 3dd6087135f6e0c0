//! From a file to a [`Manifest`].

use super::agree;
use super::count;
use super::error::{ManifestError, Place};
use super::form;
use super::glue::{self, glue};
use super::module::{Decoded, Function};
use super::names::Names;
use super::parts::{Build, Direction, Heap, OutOfMemory, Placement, RootKind, Roots, ZeroSize};
use super::probe::Started;
use super::read::{Source, Table, Value};
use super::{Manifest, ROLES, VERSION, nearest_name, plain, rewrite};
use crate::corpus::load::read_bytes;
use crate::runtime::names;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeTable;
use wasmparser::ValType;

/// What a manifest may say that its modules do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Nothing.
    Errors,
    /// Imports, which other builds have.
    Imports,
}

/// Gives a module's bytes, or says what is wrong with its file.
type Read<'r> = &'r dyn Fn(&Path) -> Result<Vec<u8>, String>;

pub(super) fn file(path: &Path) -> Result<Arc<Manifest>, ManifestError> {
    let origin = path.display().to_string();
    let wrong = |problem: String| ManifestError::new(&origin, problem);
    let bytes = read_bytes(path, "manifest").map_err(wrong)?;
    let is = |end: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    if bytes.starts_with(b"\0asm") || is("wasm") || is("wat") {
        let manifest = path.with_extension("toml");
        return Err(wrong(format!(
            "expected a manifest in TOML, found a module; have one proposed with `heapsmith adopt {origin} --out {}`",
            manifest.display()
        )));
    }
    let at_text = |e: std::string::FromUtf8Error| wrong(format!("expected a manifest in TOML, found no text: {e}"));
    let source = String::from_utf8(bytes).map_err(at_text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    text(&source, &origin, folder, Unknown::Errors, &|module| read_bytes(module, "module"))
}

pub(super) fn text(
    text: &str,
    origin: &str,
    folder: &Path,
    unknown: Unknown,
    read: Read<'_>,
) -> Result<Arc<Manifest>, ManifestError> {
    let source = Source { origin, text };
    let root = DeTable::parse(text).map_err(|error| {
        let place = error.span().map(|span| Place::of(text, &span));
        let problem = format!("expected TOML, found: {}", error.message());
        ManifestError { origin: origin.to_owned(), place, problem }
    })?;
    let table = || Table::root(source, &root);
    let header = header(&table(), folder)?;
    // Whoever holds it against one build asks nothing of its mutants.
    let builds = builds(&table(), folder, unknown == Unknown::Errors)?;
    let own =
        Build { name: String::new(), is_mutant: false, module: header.module.clone(), recipe: header.recipe.clone() };
    let modules = std::iter::once(own).chain(builds.iter().map(|(build, _)| build.clone()));
    let places = std::iter::once(&header.module_value).chain(builds.iter().map(|(_, value)| value));
    let mut binaries = Vec::new();
    for (build, value) in modules.zip(places) {
        binaries.push((binary(&build, value, read)?, build, value));
    }
    let mut decoded = Vec::new();
    for (binary, build, value) in &binaries {
        let wrong = |problem| value.error(format!("{}: {problem}", build.module.display()));
        decoded.push(Decoded::of(binary).map_err(wrong)?);
    }
    let is_known = |key: &str| {
        if unknown == Unknown::Imports {
            return true;
        }
        let functions = decoded.iter().flat_map(|module| module.functions.iter().filter_map(|f| f.import.as_ref()));
        let globals = decoded.iter().flat_map(|module| module.globals.iter().filter_map(|g| g.import.as_ref()));
        functions.chain(globals).any(|import| import.key() == key)
    };
    let mut manifests = Vec::new();
    for (module, (binary, build, _)) in decoded.iter().zip(&binaries) {
        let made = one(&table(), &header, module, &is_known);
        // What is wrong with another build is said of that build.
        let of_build = |mut error: ManifestError| {
            if !build.name.is_empty() {
                let what = if build.is_mutant { "mutant" } else { "build" };
                error.problem = format!("{what} `{}` ({}): {}", build.name, build.module.display(), error.problem);
            }
            error
        };
        let mut manifest = made.map_err(of_build)?;
        manifest.module.clone_from(&build.module);
        manifest.recipe.clone_from(&build.recipe);
        manifest.build = (!build.name.is_empty()).then(|| build.name.clone());
        manifest.is_mutant = build.is_mutant;
        manifest.origin = origin.to_owned();
        manifest.source = text.into();
        manifest.bytes = binary.as_slice().into();
        manifest.sha256 = sha256(binary).into();
        manifest.digest = digest(&[text.as_bytes(), origin.as_bytes(), build.name.as_bytes(), binary]);
        manifests.push(manifest);
    }
    let mut manifests = manifests.into_iter();
    let mut main = manifests.next().expect("there is the main module");
    (main.mutants, main.builds) = manifests.map(Arc::new).partition(|manifest| manifest.is_mutant);
    Ok(Arc::new(main))
}

/// What a manifest says before its module is read.
struct Header<'s> {
    name: String,
    summary: String,
    module: PathBuf,
    module_value: Value<'s>,
    recipe: Option<String>,
    like: Option<String>,
    is_emulated: bool,
}

fn header<'s>(root: &Table<'s>, folder: &Path) -> Result<Header<'s>, ManifestError> {
    let version = root.need("heapsmith", "the version of the format, `heapsmith = 1`")?;
    let found = version.number(0, u32::MAX)?;
    if found != VERSION {
        let problem =
            format!("expected version {VERSION} of the format, found {found}; use the heapsmith that it is for");
        return Err(version.error(problem));
    }
    let name = root.need("name", "what the collector is called")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    if name.line()?.is_empty() || !name.line()?.chars().all(plain) {
        let problem = format!("expected a name of letters, digits and `@._+-`, found {:?}", name.line()?);
        return Err(name.error(problem));
    }
    let module_value = root.need("module", "the path of its module, relative to the manifest")?;
    let like = root.get("like").map(|value| {
        let text = value.line()?;
        if names().contains(&text) {
            return Ok(text.to_owned());
        }
        let (known, near) = (names().join(", "), nearest_name(text));
        Err(value.error(format!("expected a built-in collector ({known}), found `{text}`; did you mean `{near}`?")))
    });
    let like = like.transpose()?;
    let emulated = root.get("emulated");
    let is_emulated = emulated.as_ref().map_or(Ok(false), Value::flag)?;
    if let (true, None, Some(value)) = (is_emulated, &like, &emulated) {
        return Err(value.error(
            "expected `like` beside `emulated = true`: it is a built-in's rules that tell memory bit for bit; add it",
        ));
    }
    Ok(Header {
        name: name.line()?.to_owned(),
        summary: root.get("summary").map_or(Ok(""), |value| value.line())?.to_owned(),
        module: folder.join(module_value.line()?),
        module_value,
        recipe: recipe(root)?,
        like,
        is_emulated,
    })
}

fn recipe(table: &Table<'_>) -> Result<Option<String>, ManifestError> {
    table.get("recipe").map(|value| Ok(value.line()?.to_owned())).transpose()
}

/// Other builds; and, if they are wanted, mutants.
fn builds<'s>(root: &Table<'s>, folder: &Path, with_mutants: bool) -> Result<Vec<(Build, Value<'s>)>, ManifestError> {
    let mut builds: Vec<(Build, Value<'s>)> = Vec::new();
    for (key, what, is_mutant) in [("build", "tables `[[build]]`", false), ("mutant", "tables `[[mutant]]`", true)] {
        for value in root.get(key).map_or(Ok(Vec::new()), |value| value.list(what))? {
            let table = value.table("a table")?;
            let (name, module) =
                (table.need("name", "what it is called")?, table.need("module", "the path of its module")?);
            let (path, recipe) = (folder.join(module.line()?), recipe(&table)?);
            let build = Build { name: name.line()?.to_owned(), is_mutant, module: path, recipe };
            table.finish()?;
            if builds.iter().any(|(known, _)| known.name == build.name) {
                let problem =
                    format!("expected each name of builds and mutants once, found `{}` again; rename one", build.name);
                return Err(name.error(problem));
            }
            if with_mutants || !is_mutant {
                builds.push((build, module));
            }
        }
    }
    Ok(builds)
}

/// A build's module, binary.
fn binary(build: &Build, value: &Value<'_>, read: Read<'_>) -> Result<Vec<u8>, ManifestError> {
    let path = build.module.display().to_string();
    let bytes = read(&build.module).map_err(|problem| {
        let recipe = build.recipe.as_ref().map(|recipe| recipe.replace("{module}", &path));
        let next = recipe.map_or_else(String::new, |recipe| format!("; to make it: {recipe}"));
        value.error(format!("{path}: {problem}{next}"))
    })?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let wrong =
        |found: String| value.error(format!("{path}: expected a WebAssembly module, binary or text, found {found}"));
    match wat::parse_bytes(&bytes) {
        Ok(binary) => Ok(binary.into_owned()),
        Err(error) => Err(wrong(format!("neither: {error}"))),
    }
}

/// Everything that a manifest says of one module. What all builds share is filled in by the caller.
fn one(
    root: &Table<'_>,
    header: &Header<'_>,
    module: &Decoded<'_>,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<Manifest, ManifestError> {
    let imports = form::imports(root, module, is_known)?;
    let behaviour = |key: &str| imports.iter().find(|import| import.name == key).map(|import| import.behaviour);
    let init = form::init(root, module)?;
    let mut memory = form::memory(root, module)?;
    let roles = form::roles(root, module)?;
    let rewritten = rewrite::rewrite(module, &behaviour, &roles).map_err(|problem| root.error(problem))?;

    let results = |index: u32| module.functions[index as usize].results.len();
    let named = |index: u32| (rewritten.functions[index as usize].clone(), results(index));
    let start: Vec<(String, usize)> =
        module.start.into_iter().chain(init.iter().map(|(index, _)| *index)).map(named).collect();
    let is_word = |index: &u32| {
        let global = &module.globals[*index as usize];
        global.mutable && global.type_ == ValType::I32
    };
    let mutable: Vec<u32> = (0..module.globals.len() as u32).filter(is_word).collect();
    let tells = |(_, f): &(&str, &Function)| f.params.is_empty() && f.results == [ValType::I32];
    let functions = rewritten.functions.iter().map(String::as_str).zip(&module.functions);
    let askable: Vec<&str> = functions.filter(tells).map(|(identifier, _)| identifier).collect();
    let limits = (memory.initial_pages, memory.max_pages);
    let started = Started::of(&rewritten, &mutable, limits, &start, &askable);
    let started = started.map_err(|problem| root.error(problem))?;
    memory.ready_pages = started.pages;

    let names = Names { module, rewritten: &rewritten, started: &started };
    let init = init.iter().map(|(index, name)| names.function_of(*index, name)).collect();
    let (heap, kinds, access) = (names.heap(root)?, names.kinds(root)?, names.access(root)?);
    let (roots, collect) = (names.roots(root)?, names.collect(root)?);
    if header.is_emulated && collect.minor.is_some() {
        let value = root.need("emulated", "whether it is a built-in's rules")?;
        return Err(value.error("expected no `minor` in [collect] beside `emulated = true`: no built-in makes minor collections; leave one out"));
    }
    let (object, traps, promises) = (plain::object(root)?, plain::traps(root)?, plain::promises(root)?);
    form::finish(root)?;
    agree::growth(root, &mut memory, &heap, promises, header.like.is_some())?;
    agree::null(root, memory, &heap, object)?;
    like(root, header, &heap, &roots)?;
    let beside_like = [
        (!object.pointer.is_plain(), "`tag` and `null` in [object]"),
        (collect.full.is_none(), "`full = \"none\"` in [collect]"),
    ];
    if let (true, Some((_, key))) = (header.like.is_some(), beside_like.into_iter().find(|(is_said, _)| *is_said)) {
        return Err(root.error(format!(
            "{key}: expected nothing of the kind beside `like`: no built-in is so; leave one of them out"
        )));
    }
    let is_placed = header.like.is_some() || promises.placement.is_some_and(|placed| placed != Placement::Unknown);
    if is_placed && object.zero_size.is_some_and(|zero_size| zero_size != ZeroSize::Object) {
        return Err(root.error(
            "`zero_size` in [object]: expected \"object\" beside `like`, or `placement` in [promises]: where places are foretold no object stands in for one \
             of 0 bytes; leave `zero_size` out, or `placement`",
        ));
    }
    agree::zero_size(root, object, &kinds)?;

    let plan = glue::Plan {
        start,
        kinds: &kinds,
        access: &access,
        roots: &roots,
        collect: &collect,
        live_bytes: heap.live_bytes.as_ref(),
        pointer: object.pointer,
        null_is_exhaustion: traps.memory != Some(OutOfMemory::Trap),
        zero_size: object.zero_size.unwrap_or(ZeroSize::Object),
    };
    let (text, glued) = glue(&plan);
    let is_told = roles.iter().any(|(_, known)| *known == count::COLLECTIONS);
    let counted = collect.full.as_ref().filter(|_| !is_told);
    let (mut before, mut after) = rewritten.text;
    if let Some(full) = counted {
        (before, after) = count::calls((before, after), &full.function.identifier);
        after += &count::global();
    }
    let in_order = ROLES.iter().filter(|role| {
        (counted.is_some() && **role == count::COLLECTIONS) || roles.iter().any(|(_, known)| known == *role)
    });
    let globals = in_order.map(|role| (*role).to_owned()).chain(rewritten.others).chain(glued).collect();
    let mut exports: Vec<String> = module.functions.iter().flat_map(|f| f.exports.clone()).collect();
    exports.sort();
    Ok(Manifest {
        name: header.name.clone(),
        summary: header.summary.clone(),
        module: PathBuf::new(),
        recipe: None,
        build: None,
        is_mutant: false,
        builds: Vec::new(),
        mutants: Vec::new(),
        like: header.like.clone(),
        is_emulated: header.is_emulated,
        imports,
        init,
        memory,
        heap,
        object,
        kinds,
        access,
        roots,
        collect,
        traps,
        promises,
        exports,
        unresettable: module.unresettable.clone(),
        origin: String::new(),
        source: "".into(),
        bytes: Arc::new([]),
        digest: 0,
        sha256: "".into(),
        text: Arc::new((before, after + &text)),
        globals,
    })
}

/// What a built-in's description needs: regions.
fn like(root: &Table<'_>, header: &Header<'_>, heap: &Heap, roots: &[Roots]) -> Result<(), ManifestError> {
    let Some(name) = &header.like else { return Ok(()) };
    let value = root.need("like", "the built-in")?;
    let is_stack = |roots: &Roots| match &roots.kind {
        RootKind::ShadowStack { grows, .. } => *grows == Direction::Up,
        RootKind::Pins { .. }
        | RootKind::Calls { .. }
        | RootKind::Slots { .. }
        | RootKind::Table { .. }
        | RootKind::None => false,
    };
    let missing = if heap.start.is_none() {
        "`start` in `[heap]`"
    } else if heap.end.is_none() {
        "`end` in `[heap]`"
    } else if roots.len() != 1 || !roots.iter().all(is_stack) {
        "exactly one `[[roots]]`, a shadow stack that grows up"
    } else {
        return Ok(());
    };
    let problem =
        format!("expected {missing}: the regions of a collector like `{name}` are where the manifest says; give it");
    Err(value.error(problem))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// FNV-1a of the parts and their lengths.
fn digest(parts: &[&[u8]]) -> u64 {
    let mut digest = 0xCBF2_9CE4_8422_2325_u64;
    for part in parts {
        let length = (part.len() as u64).to_le_bytes();
        for byte in length.iter().chain(*part) {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    digest
}
