//! Names of runtimes and of variants: their parsers never panic, what they read comes back, and what they name is a module.

use super::{Body, Failure, Ran, SetupError};
use crate::lower::resident;
use crate::metamorphic::parse_variant;
use crate::runtime::{builtin, parse_spec};
use heapsmith_generators::Machine;

/// A line is the name of a runtime, a second one that of a variant; no collector is run.
#[derive(Debug, Clone, Copy)]
pub struct DescriptionText;

impl Body for DescriptionText {
    const NAME: &'static str = "description";

    fn new(_: &str) -> Result<Self, SetupError> {
        Ok(Self)
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        let text = String::from_utf8_lossy(input);
        let (name, variant) = text.split_once('\n').unwrap_or((&text, ""));
        runtime(name)
            .and_then(|()| self::variant(variant))
            .map_err(|problem| Failure(format!("description: {problem}\nin the text below\n\n{text}")))?;
        Ok(Ran::Judged)
    }
}

fn runtime(name: &str) -> Result<(), String> {
    let spec = match parse_spec(name) {
        Ok(spec) => spec,
        Err(e) => return said(&e.to_string()),
    };
    let printed = spec.to_string();
    match parse_spec(&printed) {
        Ok(again) if again == spec => {}
        Ok(again) => return Err(format!("expected {spec:?} to come back, found {again:?}")),
        Err(e) => return Err(format!("expected `{printed}` to be read, found: {e}")),
    }
    let description = match spec.resolve(Machine::default()) {
        Ok(description) => description,
        Err(e) => return said(&e.to_string()),
    };
    let r = description.regions;
    let p = description.parameters;
    if r.roots.0 > r.roots.1
        || r.worklist.0 > r.worklist.1
        || r.heap_start < r.worklist.1
        || p.initial_pages > p.max_pages
    {
        return Err(format!("expected regions in order and pages below their limit, found {r:?} and {p:?}"));
    }
    let module = resident::module(&builtin(description));
    match wat::parse_str(&module) {
        Ok(_) => Ok(()),
        Err(e) => Err(format!("expected a module, found: {e}")),
    }
}

fn variant(text: &str) -> Result<(), String> {
    let variant = match parse_variant(text) {
        Ok(variant) => variant,
        Err(e) => return said(&e.to_string()),
    };
    match parse_variant(&variant.to_string()) {
        Ok(again) if again == variant => Ok(()),
        Ok(again) => Err(format!("expected {variant:?} to come back, found {again:?}")),
        Err(e) => Err(format!("expected `{variant}` to be read, found: {e}")),
    }
}

/// A refusal says something.
fn said(message: &str) -> Result<(), String> {
    if message.trim().is_empty() { Err("expected a message, found an empty one".to_owned()) } else { Ok(()) }
}
