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
mod edges;
mod find;
mod fit;
mod growth;
mod kinds;
mod lab;
mod layout;
mod missing;
mod names;
mod pointer;
mod refusal;
mod roots;
mod ways;
mod worklist;
mod world;

pub use fit::{Fit, fit};
pub use missing::{Missing, missing};

use super::Manifest;
use super::module::Decoded;
use super::parts::ZeroSize;
use std::sync::Arc;
use world::{Address, Root};

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
    let kinds = if found.kinds.len() == 1 { "kind" } else { "kinds" };
    fact("allocation", format!("{}; {} {kinds} of objects", names.join(", "), found.kinds.len()));
    let roots_seen = found.has_seen_roots();
    fact(
        "collection",
        match &found.collecting {
            Collecting::Seen(by) => {
                let how = if by.is_named { "" } else { ", though no name says so" };
                let keeps =
                    if roots_seen { ", and keeps what is held" } else { "; assumed that it keeps what is held" };
                format!("`{}`: seen to free what nothing holds{how}{keeps}", by.name)
            }
            Collecting::Named(by) => format!("`{}`: assumed by its name; it was not seen to free anything", by.name),
            Collecting::None if found.recycles => {
                "no function was found that collects; seen: allocation gives dead objects' places away again".to_owned()
            }
            Collecting::None => "no function was found that collects, and nothing was seen to be freed".to_owned(),
        },
    );
    for kept in &found.roots {
        let kind = match &kept.root {
            Root::Stack { name, grows_up, .. } => {
                format!("shadow stack `{name}`, growing {}", if *grows_up { "up" } else { "down" })
            }
            Root::Pins { pin, unpin } => format!("pins, `{}` and `{}`", pin.name, unpin.name),
            Root::Calls { push, pop, set: None, .. } => format!("calls, `{}` and `{}`", push.name, pop.name),
            Root::Calls { push, pop, set: Some(set), .. } => {
                format!("calls, `{}`, `{}` and `{}`", push.name, pop.name, set.name)
            }
            Root::Slots { set } => format!("slots, `{}`", set.name),
            Root::Table { at: Address::Global(name) | Address::Call(name), .. } => format!("table at `{name}`"),
            Root::Table { at: Address::Code, address } => format!("table at {address}, a number in its code"),
        };
        let seen = if kept.is_seen { "seen to keep objects" } else { "assumed by its name" };
        fact("roots", format!("{kind}: {seen}"));
    }
    for broken in &found.broken_roots {
        fact("roots", format!("left out: {broken}"));
    }
    let pointers = if found.are_kinds_seen {
        draft::scan(found.scan)
    } else {
        "assumed: any word may be a pointer; no collection was seen that tells"
    };
    fact("pointers", pointers.to_owned());
    if let Some(accessor) = &found.store.0 {
        fact("stores", format!("`{}`", accessor.function.name));
    }
    let layout = &found.layout;
    let number = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    if let Some(limit) = found.refusal.limit {
        fact("size limit", format!("seen: requests of {limit:#x} bytes and more are refused at once"));
    }
    if let Some((size, word)) = found.refusal.strange {
        fact(
            "to decide",
            format!(
                "does {word} stand for no object? A request of {size:#x} bytes, for which there is no memory, gave it"
            ),
        );
    }
    if let Some((size, address)) = found.refusal.wraps {
        fact(
            "size limit",
            format!("seen: a request of {size:#x} bytes got an object at {address}, in less memory than that"),
        );
    }
    fact("objects", format!("header of {} bytes, aligned to {}", number(layout.header), number(layout.alignment)));
    if let Some(tagged) = found.tagged {
        fact("tag", draft::tag(tagged));
        if !tagged.is_null_seen {
            fact("to decide", "which word stands for no object? `null` is 0 for now".to_owned());
        }
    }
    if let Some(chunk) = found.growth.chunk() {
        fact("growth", draft::grows(chunk, found.growth.times()));
    }
    match found.zero_size {
        Some(ZeroSize::Null) => fact("no bytes", "seen: a request for 0 bytes gives 0".to_owned()),
        Some(ZeroSize::Shared) => {
            fact("no bytes", "seen: a request for 0 bytes gives one object, always the same".to_owned());
        }
        Some(ZeroSize::Object) => {}
        None => fact("to decide", "what does a request for 0 bytes give? That was not seen".to_owned()),
    }
    for import in found.imports.iter().filter(|import| import.is_global) {
        let key = &import.key;
        fact(
            "to decide",
            format!(
                "the imported global `{key}` is 0 for now; if it is another number all that was seen may be wrong: say it in [imports] first"
            ),
        );
    }
    if found.collecting == Collecting::None {
        fact(
            "to decide",
            "is there a function that collects? `full` is \"none\" for now, and what asks for a collection does nothing".to_owned(),
        );
    }
    if found.roots.is_empty() {
        fact("to decide", "how are objects kept? `[[roots]]` says that nothing is ever freed for now".to_owned());
    }
    for note in &found.notes {
        fact("note", note.clone());
    }
    facts
}
