//! A runtime as a person names it: `vera@0.0.131?data_end=5,worklist=64,roots=8,pages=1..4`.

use super::builtin::{OBJECT, names, release};
use super::description::{ADDRESS_LIMIT, AddressRule, DEFAULT_MAX_PAGES, Description, Parameters, Promises};
use super::error::nearest;
use super::manifest::Manifest;
use super::quote::unquote;
use super::{Edit, RuntimeError};
use super::{foreign, layout};
use heapsmith_generators::Machine;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

const KEYS: [&str; 11] = [
    "data_end",
    "worklist",
    "roots",
    "wraps",
    "pages",
    "initial_pages",
    "max_pages",
    "address_limit",
    "fault",
    "mutant",
    "build",
];

/// A built-in runtime, or a module with a manifest, and the parameters that the user pins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The runtime's name, or the path of its manifest.
    pub name: String,
    /// What the manifest says; none for a built-in.
    pub module: Option<Arc<Manifest>>,
    /// Parameters that hold whatever a program asks for.
    pub pinned: Machine,
    /// The address that no block ends beyond, in the place of [`ADDRESS_LIMIT`]: no program asks for one.
    pub address_limit: Option<u32>,
    /// The edit that is made in it.
    pub edit: Option<Edit>,
}

/// Reads `name`, the path of a manifest (with a `/`, or ending in `.toml`), or either with `?key=value,...` behind it, with the keys `data_end`, `worklist`, `roots`, `wraps` (where there is a wrap table),
/// `initial_pages`, `max_pages`, and `pages=I..M`, `pages=I..` or `pages=..M` for the last two, and `address_limit` (in bytes, where addresses are
/// checked: a limit below 2 GiB that small memories reach). `fault=NAME` plants a fault of
/// [`super::fault`] in it, `fault=FILE.toml#NAME` one of a file (in double quotes, whatever its path is made of); `mutant=PLACE:CHANGE` makes a [`super::mutant`] of it. Of a module with a manifest
/// only pages can be given, and `build=NAME`, another build of it.
///
/// ```
/// let spec = heapsmith::runtime::parse_spec("vera@0.0.131?data_end=5,pages=1..4").unwrap();
/// assert_eq!((spec.pinned.data_end, spec.pinned.max_pages), (Some(5), Some(4)));
/// ```
///
/// # Errors
/// Unknown names and keys (with the nearest one), values that are no number, and keys given twice. Whether the numbers make a
/// module is decided by [`Spec::resolve`].
pub fn parse_spec(text: &str) -> Result<Spec, RuntimeError> {
    let text = text.trim();
    let (name, parameters) = text.split_once('?').unwrap_or((text, ""));
    let mut module = module(name)?;
    let (mut pinned, mut address_limit, mut edit) = (Machine::default(), None, None);
    for part in parts(parameters).into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=') else {
            return Err(RuntimeError::NotAParameter { found: part.to_owned() });
        };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "data_end" => set(&mut pinned.data_end, key, value)?,
            "worklist" => set(&mut pinned.worklist, key, value)?,
            "roots" => set(&mut pinned.roots, key, value)?,
            "wraps" => set(&mut pinned.wraps, key, value)?,
            "initial_pages" => set(&mut pinned.initial_pages, key, value)?,
            "max_pages" => set(&mut pinned.max_pages, key, value)?,
            "address_limit" => set(&mut address_limit, key, value)?,
            "fault" => {
                if edit.replace(Edit::fault(value)?).is_some() {
                    return Err(RuntimeError::Repeated { key: key.to_owned() });
                }
            }
            "mutant" => {
                let mutant = super::mutant::Mutant::parse(value).map_err(super::EditError::from)?;
                if edit.replace(Edit::Mutant(mutant)).is_some() {
                    return Err(RuntimeError::Repeated { key: key.to_owned() });
                }
            }
            "build" => {
                let manifest = module.as_deref().ok_or_else(|| RuntimeError::NoBuilds { name: name.to_owned() })?;
                module = Some(build(manifest, value)?);
            }
            "pages" => {
                let (initial, max) = match value.split_once("..") {
                    Some((initial, max)) if !(initial.is_empty() && max.is_empty()) => (initial, max),
                    Some(_) | None => return Err(RuntimeError::NotARange { found: value.to_owned() }),
                };
                if !initial.is_empty() {
                    set(&mut pinned.initial_pages, key, initial)?;
                }
                if !max.is_empty() {
                    set(&mut pinned.max_pages, key, max)?;
                }
            }
            _ => {
                let (found, known) = (key.to_owned(), KEYS.join(", "));
                return Err(RuntimeError::UnknownKey { nearest: nearest(key, &KEYS), found, known });
            }
        }
    }
    if pinned.wraps.is_some() && release(name).is_some_and(|release| release.wraps == 0) {
        return Err(RuntimeError::NoWrapTable { name: name.to_owned() });
    }
    if module.is_some() {
        let given = [
            ("data_end", pinned.data_end),
            ("worklist", pinned.worklist),
            ("roots", pinned.roots),
            ("wraps", pinned.wraps),
            ("address_limit", address_limit),
        ];
        if let Some((key, _)) = given.into_iter().find(|(_, value)| value.is_some()) {
            return Err(RuntimeError::OfTheModule { key, name: name.to_owned() });
        }
    }
    if let Some(found) = address_limit {
        let is_checked = release(name).is_none_or(|release| release.rules.address == AddressRule::Checked);
        if !is_checked || found > ADDRESS_LIMIT {
            return Err(RuntimeError::AddressLimit { name: name.to_owned(), found, limit: ADDRESS_LIMIT });
        }
    }
    Ok(Spec { name: name.to_owned(), module, pinned, address_limit, edit })
}

/// Whether a name is the path of a manifest.
pub(super) fn is_path(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    name.contains(['/', '\\']) || ["toml", "wasm", "wat"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The manifest that a name is the path of; none for the name of a built-in.
fn module(name: &str) -> Result<Option<Arc<Manifest>>, RuntimeError> {
    if !is_path(name) {
        return check_name(name).map(|()| None);
    }
    let path = Path::new(name);
    let is = |end: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    if is("wasm") || is("wat") {
        let manifest = path.with_extension("toml").display().to_string();
        return Err(RuntimeError::Module { found: name.to_owned(), manifest });
    }
    match Manifest::load(Path::new(name)) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) => Err(RuntimeError::Manifest { problem: error.to_string() }),
    }
}

fn build(manifest: &Manifest, name: &str) -> Result<Arc<Manifest>, RuntimeError> {
    manifest.build(name).cloned().map_err(|known| RuntimeError::UnknownBuild { found: name.to_owned(), known })
}

/// What stands behind `key =` at the start of a text.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    Some(text.trim_start().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start())
}

/// Whether the fault of a file is read back without quotes: nothing in it looks like the end of the parameter.
pub(super) fn is_plain_fault(text: &str) -> bool {
    text.trim() == text && !text.starts_with('"') && matches!(parts(&format!("fault={text}"))[..], [_])
}

/// The parameters: what commas separate. The path of a file of faults may have commas of its own: up to the `#` after it, what is no parameter by
/// its key belongs to it; in double quotes everything does.
fn parts(parameters: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = parameters;
    while !rest.is_empty() {
        let mut end = rest.find(',').unwrap_or(rest.len());
        if let Some(value) = value_of(rest, "fault").filter(|value| value.starts_with('"')) {
            // In quotes a comma is one of the path.
            let after = unquote(value).map_or("", |(_, after)| after);
            end = rest.len() - after.len() + after.find(',').unwrap_or(after.len());
        } else if rest[..end].trim_start().starts_with("fault=") {
            let is_parameter = |part: &str| part.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key.trim()));
            let mut at = end;
            while let Some(more) = rest.get(at + 1..).filter(|more| !more.is_empty()) {
                let next = more.split(',').next().unwrap_or_default();
                if is_parameter(next) {
                    break;
                }
                at += 1 + next.len();
                if next.contains('#') {
                    end = at;
                }
            }
        }
        parts.push(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    parts
}

fn check_name(name: &str) -> Result<(), RuntimeError> {
    if release(name).is_some() {
        return Ok(());
    }
    let (found, known) = (name.to_owned(), names().join(", "));
    Err(RuntimeError::UnknownName { nearest: nearest(name, names()), found, known })
}

fn set(slot: &mut Option<u32>, key: &str, value: &str) -> Result<(), RuntimeError> {
    let Ok(number) = value.trim().parse() else {
        return Err(RuntimeError::NotANumber { key: key.to_owned(), found: value.to_owned() });
    };
    if slot.replace(number).is_some() {
        return Err(RuntimeError::Repeated { key: key.to_owned() });
    }
    Ok(())
}

impl Spec {
    /// The runtime with every parameter decided: what is pinned wins over what the program asks for, which wins over defaults.
    ///
    /// When one of the two page numbers is pinned and the program's other one contradicts it, the program's gives way; when both
    /// come from the same side and contradict each other, that is an error.
    ///
    /// # Errors
    /// An unknown name, or parameters that no module can have.
    pub fn resolve(&self, program: Machine) -> Result<Description, RuntimeError> {
        let pinned = self.pinned;
        for machine in [pinned, program] {
            if let (Some(initial), Some(max)) = (machine.initial_pages, machine.max_pages)
                && initial > max
            {
                return Err(RuntimeError::InitialAboveMax { initial, max });
            }
        }
        let description = match &self.module {
            Some(module) => foreign::describe(module, pinned, program)?,
            None => self.builtin(program)?,
        };
        let Some(edit) = &self.edit else { return Ok(description) };
        let runtime = edit.apply(&super::builtin(description))?;
        Ok(Description { edit: self.edit.clone(), ..runtime.description })
    }

    fn builtin(&self, program: Machine) -> Result<Description, RuntimeError> {
        check_name(&self.name)?;
        let release = release(&self.name).expect("the name was just checked");
        let pinned = self.pinned;
        let wraps = match (release.wraps, pinned.wraps.or(program.wraps)) {
            (0, _) => 0,
            (_, Some(0)) => return Err(RuntimeError::Capacity { key: "wraps", found: 0, limit: layout::MAX_ENTRIES }),
            (_, Some(found)) => found,
            (default, None) => default,
        };
        let mut initial_pages = pinned.initial_pages.or(program.initial_pages).unwrap_or(1);
        let mut max_pages = pinned.max_pages.or(program.max_pages).unwrap_or(DEFAULT_MAX_PAGES);
        if initial_pages > max_pages {
            match (pinned.initial_pages, pinned.max_pages) {
                (None, Some(_)) => initial_pages = max_pages,
                (Some(_), _) | (None, None) => max_pages = initial_pages,
            }
        }
        let wanted = Parameters {
            data_end: pinned.data_end.or(program.data_end).unwrap_or(0),
            worklist: pinned.worklist.or(program.worklist).unwrap_or(release.worklist),
            roots: pinned.roots.or(program.roots).unwrap_or(release.roots),
            initial_pages,
            max_pages,
            wraps,
            address_limit: self.address_limit.unwrap_or(ADDRESS_LIMIT),
        };
        let promises = match release.rules.address {
            AddressRule::Wrapping => release.promises,
            AddressRule::Checked => Promises { address_limit: wanted.address_limit.into(), ..release.promises },
        };
        let (parameters, regions) = layout::resolve(wanted, &release.rules)?;
        Ok(Description {
            name: self.name.clone(),
            summary: release.summary.to_owned(),
            parameters,
            regions,
            object: OBJECT,
            promises,
            rules: Some(release.rules),
            characteristics: release.characteristics.to_vec(),
            edit: None,
            module: None,
            among: Vec::new(),
        })
    }
}

impl fmt::Display for Spec {
    /// The text that [`parse_spec`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { data_end, worklist, roots, initial_pages, max_pages, wraps } = self.pinned;
        f.write_str(&self.name)?;
        let keys = [
            ("data_end", data_end),
            ("worklist", worklist),
            ("roots", roots),
            ("wraps", wraps),
            ("initial_pages", initial_pages),
            ("max_pages", max_pages),
            ("address_limit", self.address_limit),
        ];
        let given = keys.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        let build = self.module.as_ref().and_then(|module| Some(format!("build={}", module.build.as_ref()?)));
        for (i, parameter) in build.into_iter().chain(given).chain(self.edit.as_ref().map(Edit::to_string)).enumerate()
        {
            write!(f, "{}{parameter}", if i == 0 { '?' } else { ',' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
