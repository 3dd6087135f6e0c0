//! Structural pins: what the seed's review asked to be exact in the code of Vera's collector, looked up in decoded instructions.
//!
//! The pins of v0.0.131 (pull request 571):
//! - *worklist guard, root seeding* and *worklist guard, mark scan*: each push to the mark worklist is preceded by exactly
//!   `get pointer; <worklist end>; i32.ge_u; if; unreachable; end`, and from that `end` the code runs straight to the store through
//!   the same pointer. The end is a constant, a global that never changes, a sum of such, or a local set once to one of these at the
//!   function's top (Vera's collector copies it into a local). Counting `i32.ge_u`, or matching text, would accept swapped operands, a wrong end or a guard of something else.
//!   A release that promises [`OnFull::Rescan`] has a body in place of `unreachable` that looks at what is pushed (a push in vain is put off,
//!   not forgotten) and ends in a branch, so that the push is never reached.
//! - *heap start*: the constant value of `gc_heap_start`.
//! - *`heap_ptr`*: a mutable i32 that starts there.
//!
//! A push site is a store through a pointer that is then moved up by 4, where that pointer is also moved *down* by 4 somewhere (the mark
//! loop's pop). A site whose guard was taken away is therefore found, and reported as unguarded. The root stack's pointer has the same
//! shape and is told apart by its name `gc_sp`, or by its start at the stack's base. In a function that pops, sites before the pop
//! seed roots and sites after it scan; sites in other functions seed.
//!
//! What is not checked: that the module is valid, and anything that the four pins do not say. It never panics, whatever the bytes.

mod module;
mod sites;

use crate::runtime::description::{Description, OnFull};
use module::{Globals, Module};
use std::fmt;
use thiserror::Error;

/// The values that the pins expect, all in bytes of the collector's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Expect {
    /// Where the root stack starts: the end of static data in Vera.
    pub stack_base: u32,
    /// The first byte after the mark worklist.
    pub worklist_end: u32,
    /// The first byte of the heap.
    pub heap_start: u32,
    /// What a full worklist does.
    pub full: OnFull,
}

impl Expect {
    /// What a described runtime should have. For a real Vera module describe the release with its `data_end`:
    /// `vera@0.0.131?data_end=5` expects a heap start of 81 925.
    #[must_use]
    pub const fn of(description: &Description) -> Self {
        let regions = &description.regions;
        Self {
            stack_base: regions.roots.0,
            worklist_end: regions.worklist.1,
            heap_start: regions.heap_start,
            full: description.promises.worklist_full,
        }
    }
}

/// Whether a pin holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
}

/// Where in the module something was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the function, imports counted.
    pub function: u32,
    /// Its name, from the name section or an export.
    pub name: Option<String>,
    /// Offset in bytes of the first instruction shown, from the start of the module.
    pub offset: u64,
}

/// One pin and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pin {
    /// What is pinned.
    pub name: &'static str,
    /// Whether it holds.
    pub status: Status,
    /// What was expected.
    pub expected: String,
    /// What was found; for a failure, what is wrong with it.
    pub found: String,
    /// Where, if it is code.
    pub place: Option<Place>,
    /// The decoded instructions there, from the guard to the store.
    pub instructions: Vec<String>,
}

/// Every pin, in a fixed order: guards, heap start, `heap_ptr`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Report {
    /// The pins.
    pub pins: Vec<Pin>,
}

impl Report {
    /// Whether every pin holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.pins.iter().all(|pin| pin.status == Status::Pass)
    }
}

/// A module that cannot be looked at.
#[derive(Debug, Error)]
pub enum PinError {
    /// Neither a binary nor a text module.
    #[error(
        "expected a WebAssembly module, binary or text, found text that does not assemble: {0}; check the file with `wasm-tools parse`"
    )]
    Text(#[from] wat::Error),
    /// A binary that does not decode.
    #[error(
        "expected a WebAssembly module, found bytes that do not decode: {0}; check the file with `wasm-tools validate`"
    )]
    Binary(#[from] wasmparser::BinaryReaderError),
    /// A component.
    #[error(
        "expected a core WebAssembly module, found a component; extract its core module with `wasm-tools component unbundle`"
    )]
    Component,
}

/// Checks every pin of a module, given as `.wasm` or `.wat` bytes.
///
/// # Errors
/// The bytes are no module. A pin that does not hold is no error but stands in the report.
pub fn check(wasm: &[u8], expect: &Expect) -> Result<Report, PinError> {
    let binary = wat::Parser::new().parse_bytes(None, wasm)?;
    let module = Module::decode(&binary)?;
    let mut pins = sites::pins(&module, expect);
    pins.push(heap_start(&module.globals, expect));
    pins.push(heap_ptr(&module.globals, expect));
    Ok(Report { pins })
}

/// The value of `gc_heap_start`.
fn heap_start(globals: &Globals, expect: &Expect) -> Pin {
    let expected = format!("gc_heap_start = {}", expect.heap_start);
    let (holds, found) = match globals.named("gc_heap_start") {
        None => (false, globals.missing("gc_heap_start")),
        Some((_, global)) => {
            let found = format!("gc_heap_start = {}", value(global.start));
            (global.start == Some(expect.heap_start) && !global.written, found)
        }
    };
    Pin { name: "heap start", status: status(holds), expected, found, place: None, instructions: Vec::new() }
}

/// The declaration of `heap_ptr`.
fn heap_ptr(globals: &Globals, expect: &Expect) -> Pin {
    let declaration = |is_mutable: bool, ty: &str, start: &str| {
        let ty = if is_mutable { format!("(mut {ty})") } else { ty.to_owned() };
        format!("(global $heap_ptr {ty} (i32.const {start}))")
    };
    let expected = declaration(true, "i32", &expect.heap_start.to_string());
    let (holds, found) = match globals.named("heap_ptr") {
        None => (false, globals.missing("heap_ptr")),
        Some((_, g)) => {
            let found = declaration(g.mutable, &g.ty.to_string(), &value(g.start));
            (g.mutable && g.ty == wasmparser::ValType::I32 && g.start == Some(expect.heap_start), found)
        }
    };
    Pin { name: "heap_ptr", status: status(holds), expected, found, place: None, instructions: Vec::new() }
}

fn status(holds: bool) -> Status {
    if holds { Status::Pass } else { Status::Fail }
}

/// A constant, or that there is none.
fn value(constant: Option<u32>) -> String {
    constant.map_or_else(|| "not a constant".to_owned(), |value| value.to_string())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pin in &self.pins {
            let mark = match pin.status {
                Status::Pass => "pass",
                Status::Fail => "FAIL",
            };
            writeln!(f, "{mark}  {}\n      expected  {}\n      found     {}", pin.name, pin.expected, pin.found)?;
            if let Some(place) = &pin.place {
                writeln!(f, "      in        {place}")?;
            }
            for instruction in &pin.instructions {
                writeln!(f, "                {instruction}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.function)?;
        if let Some(name) = &self.name {
            write!(f, " ${name}")?;
        }
        write!(f, " at byte {:#x}", self.offset)
    }
}

#[cfg(test)]
mod tests;
