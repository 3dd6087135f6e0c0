//! From a module that nobody has described to a manifest that somebody can finish.
//!
//! [`adopt`] reads names and types of a module's functions and globals (exports, and the name section), guesses which of them allocate, collect and
//! keep roots, and runs the module on an interpreter to see whether that is so: what comes out is a manifest that [`Manifest::parse`] takes, in which
//! every guess has a comment. Nothing is decided by the name of a collector. What is no promise stays open: [`missing`] says what that costs.
//!
//! It sees what a collector does in a few small experiments, not what it should do: a broken collector's manifest may leave a way to keep roots
//! out that is broken from the first object on, and says so.

mod access;
mod allocation;
mod draft;
mod find;
mod kinds;
mod lab;
mod layout;
mod missing;
mod names;
mod roots;
mod worklist;
mod world;

pub use missing::{Missing, missing};

use super::Manifest;
use super::module::Decoded;
use std::sync::Arc;

/// A proposal.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// The manifest's text.
    pub text: String,
    /// The same, held against the module.
    pub manifest: Arc<Manifest>,
    /// What was seen, in lines.
    pub facts: Vec<Fact>,
}

/// Something that was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub about: &'static str,
    /// What is so.
    pub text: String,
}

/// Proposes a manifest for a module, binary or text, which the manifest is to call `path`.
///
/// # Errors
/// It is no module, or nothing in it allocates, or nothing that is found makes a manifest; in words that say what to do.
pub fn adopt(module: &[u8], name: &str, path: &str) -> Result<Adoption, String> {
    let binary = wat::parse_bytes(module)
        .map_err(|e| format!("expected a WebAssembly module, binary or text, found neither: {e}"))?;
    let decoded = Decoded::of(&binary)?;
    let found = find::find(&decoded)?;
    let text = draft::draft(&found, &decoded, &plain(name), path);
    let manifest = Manifest::parse(&text, &binary, "the proposed manifest").map_err(|e| {
        format!("expected to find a manifest for it; what was found is none, finish it by hand: {e}\n{text}")
    })?;
    Ok(Adoption { facts: facts(&found), text, manifest })
}

/// A name of letters that a manifest's may have.
fn plain(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    let name: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if name.is_empty() { "collector".to_owned() } else { name }
}

fn facts(found: &find::Found) -> Vec<Fact> {
    use find::Collecting;
    let mut facts = Vec::new();
    let mut fact = |about, text: String| facts.push(Fact { about, text });
    let names: Vec<String> = found.allocators.iter().map(|a| format!("`{}`", a.function.name)).collect();
    fact("allocation", format!("{}; {} kinds of objects", names.join(", "), found.kinds.len()));
    fact(
        "collection",
        match &found.collecting {
            Collecting::Seen(by) => format!("`{}`: it frees what nothing holds", by.name),
            Collecting::Named(by) => format!("`{}` by its name; it was not seen to free anything", by.name),
            Collecting::None(_) if found.recycles => "no function is called so; allocation collects".to_owned(),
            Collecting::None(_) => "no function is called so, and nothing is ever freed".to_owned(),
        },
    );
    for kept in &found.roots {
        let kind = match &kept.root {
            world::Root::Stack { name, grows_up, .. } => {
                format!("shadow stack `{name}`, growing {}", if *grows_up { "up" } else { "down" })
            }
            world::Root::Pins { pin, unpin } => format!("pins, `{}` and `{}`", pin.name, unpin.name),
            world::Root::Calls { push, pop, .. } => format!("calls, `{}` and `{}`", push.name, pop.name),
            world::Root::Slots { set } => format!("slots, `{}`", set.name),
        };
        let seen = if found.recycles { "keeps objects" } else { "by its name only" };
        fact("roots", format!("{kind}: {seen}"));
    }
    for name in &found.broken_roots {
        fact("roots", format!("left out: {name}: an object given to it is freed all the same"));
    }
    if let Some(accessor) = &found.store.0 {
        fact("stores", format!("`{}`", accessor.function.name));
    }
    let layout = &found.layout;
    let number = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    fact("objects", format!("header of {} bytes, aligned to {}", number(layout.header), number(layout.alignment)));
    for import in found.imports.iter().filter(|import| import.is_global) {
        let key = &import.key;
        fact(
            "to decide",
            format!(
                "the imported global `{key}` is 0 for now; if it is another number all that was seen may be wrong: say it in [imports] first"
            ),
        );
    }
    for note in &found.notes {
        fact("note", note.clone());
    }
    facts
}
