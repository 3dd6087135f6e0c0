//! The built-in collector as WebAssembly text: readable and commented, because a finding shows it to a person.
//!
//! [`fields`] writes the steps of [`super::rules`], nothing more: every order of memory effects is the one given there, so
//! that the emulator predicts the final memory byte for byte. The code is MVP WebAssembly (no bulk memory, no `select`: wasmi
//! 2.0.0 miscompiles one whose condition is `i32.eqz`).
//!
//! A push to the worklist is written out at both of its sites, root seeding and mark scan, because [`crate::pins`] looks for the
//! guard at each: the worklist pointer, the worklist end, `i32.ge_u`, `if`, `unreachable`, `end`. With [`WorklistFull::Rescan`] a guard calls
//! `$gc_defer` and skips the push, and one loop in `$gc_mark` takes what it scans from the worklist or, while that is empty, from the dirty range.

mod alloc;
mod collect;
mod roots;
mod template;
mod wraps;

pub(crate) use wraps::HOST_IMPORT;

use super::description::{CandidateTest, Description, Rules, WorklistFull, data_byte};
use std::fmt::Write as _;

/// Bytes of static data in one string of the data segment.
const DATA_LINE: u32 = 32;

/// The fields of a module that is this collector, without the `(module` around them.
///
/// Memory 0 is the collector's (`$heap`); functions and mutable globals are exported under their names. With a wrap table the first
/// field is the import of `host_decref_handle`.
#[must_use]
pub fn fields(rules: &Rules, description: &Description) -> String {
    let mut out = String::new();
    out.push_str(&title(description));
    if has_wraps(description) {
        out.push_str(HOST_IMPORT);
    }
    out.push_str(&memory(description));
    out.push_str(&globals(rules, description));
    out.push_str(&alloc::functions(rules, description.parameters.address_limit));
    out.push_str(&collect::functions(rules, if has_wraps(description) { wraps::CALL } else { "" }));
    out.push_str(&roots::functions(rules));
    if has_wraps(description) {
        out.push_str(&wraps::functions());
    }
    out
}

/// Whether the collector has a wrap table.
const fn has_wraps(description: &Description) -> bool {
    description.parameters.wraps > 0
}

/// What this is and where its regions are.
fn title(description: &Description) -> String {
    let Description { name, summary, regions, parameters, .. } = description;
    let (r, w, b) = (regions.roots, regions.worklist, regions.bitmap);
    let mut out = format!("  ;; {name}: {summary}\n  ;;\n");
    let mut region = |start: u32, end: u32, what: &str| {
        out.push_str(&format!("  ;;   [{start:>9}, {end:>9})  {what}\n"));
    };
    region(0, parameters.data_end, "static data");
    region(r.0, r.1, "root stack, grows up");
    region(w.0, w.1, "mark worklist, grows up");
    if has_wraps(description) {
        region(regions.wraps.0, regions.wraps.1, "wrap table, grows up: wrapper, kind, handle, zero");
    }
    if b.0 < b.1 {
        region(b.0, b.1, "bitmap of object starts, one bit per 8 bytes of heap");
    }
    out.push_str(&format!("  ;;   [{:>9}, heap_ptr )  heap\n  ;;\n", regions.heap_start));
    out.push_str(
        "  ;; A block is a header word (requested bytes << 1 | mark), the payload, and padding to a multiple of 8.\n  \
         ;; In a free block the payload's first word is the next free payload; 0 ends the list.\n\n",
    );
    out
}

/// The memory and its static data.
fn memory(description: &Description) -> String {
    let p = description.parameters;
    let mut out = format!("  (memory $heap (export \"memory\") {} {})\n", p.initial_pages, p.max_pages);
    if p.data_end > 0 {
        out.push_str("  (data (i32.const 0)");
        for start in (0..p.data_end).step_by(DATA_LINE as usize) {
            out.push_str("\n    \"");
            for i in start..p.data_end.min(start.saturating_add(DATA_LINE)) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{:02x}", data_byte(i));
            }
            out.push('"');
        }
        out.push_str(")\n");
    }
    out.push('\n');
    out
}

/// The globals: mutable ones in the order of [`Description::globals`], exported; then the constants of the layout.
fn globals(rules: &Rules, description: &Description) -> String {
    let r = description.regions;
    let mut mutable = vec![
        ("heap_ptr", r.heap_start, "the heap's end so far"),
        ("gc_sp", r.roots.0, "the next free root slot"),
        ("gc_free_head", 0, "the first free payload, or 0"),
        ("gc_worklist_ptr", r.worklist.0, "the next free worklist entry"),
        ("gc_collections", 0, "collections so far"),
    ];
    if has_wraps(description) {
        mutable.push(("gc_wrap_ptr", r.wraps.0, "the next free entry of the wrap table"));
    }
    match rules.worklist_full {
        WorklistFull::Drop | WorklistFull::Trap => {}
        WorklistFull::Rescan => mutable.extend([
            ("gc_dirty_lo", u32::MAX, "the lowest payload to be scanned again"),
            ("gc_dirty_hi", 0, "the highest one; below the lowest, there is none"),
        ]),
    }
    let mut out = String::new();
    for (name, value, what) in mutable {
        out.push_str(&format!("  (global ${name} (export \"{name}\") (mut i32) (i32.const {value})) ;; {what}\n"));
    }
    let mut constants = vec![
        ("gc_heap_start", r.heap_start),
        ("gc_stack_base", r.roots.0),
        ("gc_stack_limit", r.roots.1),
        ("gc_worklist_base", r.worklist.0),
        ("gc_worklist_end", r.worklist.1),
    ];
    if has_wraps(description) {
        constants.extend([("gc_wrap_base", r.wraps.0), ("gc_wrap_end", r.wraps.1)]);
    }
    if r.bitmap.0 < r.bitmap.1 || rules.candidates == CandidateTest::Bitmap {
        constants.push(("gc_bitmap_base", r.bitmap.0));
    }
    for (name, value) in constants {
        out.push_str(&format!("  (global ${name} i32 (i32.const {value}))\n"));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod tests;
