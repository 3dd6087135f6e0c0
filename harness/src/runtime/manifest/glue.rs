//! What stands between the mutator's library and a foreign module: the functions that every collector of ours has, written from a manifest.
//!
//! Slots are numbered 0, 1, ..; with k kinds of roots slot i is number i div k of kind i mod k. `$glue.slots` is how many there are. A value is
//! read back from the mutator's mirror (`$mutator.mirror`), whose slots below `$glue.slots` are current until a root operation returns.
//! No `select` anywhere: wasmi 2.0.0 miscompiles some of them.

use super::agree;
use super::parts::*;
use super::roots;
use std::fmt::Write as _;

/// What the glue is written from.
pub(super) struct Plan<'m> {
    /// Functions to call at the start, by identifier, and how many values each gives.
    pub(super) start: Vec<(String, usize)>,
    pub(super) kinds: &'m [Kind],
    pub(super) access: &'m Access,
    pub(super) roots: &'m [Roots],
    pub(super) collect: &'m Collect,
    pub(super) live_bytes: Option<&'m LiveBytes>,
    /// What stands for an object.
    pub(super) pointer: Pointer,
    /// Whether an allocation may give null.
    pub(super) null_is_exhaustion: bool,
    /// What an allocation of nothing gives.
    pub(super) zero_size: ZeroSize,
}

/// The global that is the one object of no bytes, or 0 before there is one.
const EMPTY: &str = "glue.empty";

/// The glue, and the globals that it exports, in their order.
pub(super) fn glue(plan: &Plan<'_>) -> (String, Vec<String>) {
    let mut out = String::new();
    start(&mut out, &plan.start);
    pointers(&mut out, plan.pointer);
    allocation(&mut out, plan);
    access(&mut out, plan.access, plan.pointer);
    collections(&mut out, plan);
    roots::functions(&mut out, plan.roots, plan.pointer);
    let mut globals = vec![roots::SLOTS.to_owned()];
    if plan.zero_size == ZeroSize::Shared {
        globals.push(EMPTY.to_owned());
    }
    (out, globals)
}

pub(super) fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes whatever is written to it");
}

/// The start function: the module's own, then `init`.
fn start(out: &mut String, functions: &[(String, usize)]) {
    if functions.is_empty() {
        return;
    }
    out.push_str("\n  ;; The module's own start, then `init`.\n  (func $glue.start");
    for (function, results) in functions {
        put(out, format_args!("\n    (call ${function}){}", " drop".repeat(*results)));
    }
    out.push_str(")\n  (start $glue.start)\n");
}

/// `$glue.word (address) -> word` and `$glue.address (word) -> address`, where a pointer is not simply an address.
fn pointers(out: &mut String, pointer: Pointer) {
    if pointer.is_plain() {
        return;
    }
    let Pointer { null, tag } = pointer;
    put(
        out,
        format_args!(
            "\n  ;; What the collector has for an object: its address and {tag}; for none, {null}.\n  \
             (func $glue.word (param $address i32) (result i32)\n    \
             (if (i32.eqz (local.get $address)) (then (return (i32.const {null}))))\n    \
             (i32.add (local.get $address) (i32.const {tag})))\n  \
             (func $glue.address (param $word i32) (result i32)\n    \
             (if (i32.eq (local.get $word) (i32.const {null})) (then (return (i32.const 0))))\n    \
             (i32.sub (local.get $word) (i32.const {tag})))\n"
        ),
    );
}

/// An address as the collector is told it.
pub(super) fn word_of(pointer: Pointer, address: &str) -> String {
    if pointer.is_plain() { address.to_owned() } else { format!("(call $glue.word {address})") }
}

/// A word of the collector's as an address.
fn address_of(pointer: Pointer, word: &str) -> String {
    if pointer.is_plain() { word.to_owned() } else { format!("(call $glue.address {word})") }
}

/// An operand.
fn argument(argument: &Argument, pointer: Pointer) -> String {
    match argument {
        Argument::Size => "(local.get $size)".to_owned(),
        Argument::Words => {
            // (size + 3) / 4, without a sum that wraps.
            "(i32.add (i32.shr_u (local.get $size) (i32.const 2)) (i32.ne (i32.and (local.get $size) (i32.const 3)) (i32.const 0)))".to_owned()
        }
        Argument::First => "(local.get $first)".to_owned(),
        Argument::Stride => "(local.get $stride)".to_owned(),
        Argument::Count => "(local.get $count)".to_owned(),
        Argument::Object => word_of(pointer, "(local.get $object)"),
        Argument::Offset => "(local.get $offset)".to_owned(),
        Argument::Index => "(i32.shr_u (local.get $offset) (i32.const 2))".to_owned(),
        Argument::Value => word_of(pointer, "(local.get $value)"),
        Argument::Number(number) => format!("(i32.const {number})"),
        Argument::Global(global) => format!("(global.get ${})", global.identifier),
        Argument::Call(function) => format!("(call ${})", function.identifier),
    }
}

/// A call, whose results stay on the stack.
fn call(call: &Call, pointer: Pointer) -> String {
    let mut text = format!("(call ${}", call.function.identifier);
    for operand in &call.arguments {
        put(&mut text, format_args!(" {}", argument(operand, pointer)));
    }
    text.push(')');
    text
}

/// A call whose results are dropped.
fn call_only(it: &Call, pointer: Pointer) -> String {
    format!("{}{}", call(it, pointer), " drop".repeat(it.function.results))
}

fn allocation(out: &mut String, plan: &Plan<'_>) {
    let stands_in = plan.zero_size != ZeroSize::Object;
    if plan.zero_size == ZeroSize::Shared {
        put(
            out,
            format_args!(
                "\n  ;; The one object of no bytes, or 0 before there is one.\n  (global ${EMPTY} (export \"{EMPTY}\") (mut i32) (i32.const 0))\n"
            ),
        );
    }
    out.push_str(
        "\n  ;; An object of `size` bytes whose pointers are the words first, first + stride, .., `count` of them.\n  \
         (func $new (param $size i32) (param $first i32) (param $stride i32) (param $count i32) (result i32)\n    \
         (local $object i32)",
    );
    out.push_str(if stands_in { " (local $nothing i32)\n" } else { "\n" });
    out.push_str("    (block $made\n");
    for kind in plan.kinds {
        put(out, format_args!("      ;; {}\n      (block $other\n", comment(&kind.name)));
        for line in unfit(kind) {
            put(out, format_args!("        {line}\n"));
        }
        let made = address_of(plan.pointer, &call(&kind.alloc, plan.pointer));
        // Where the kind has no bytes, another one's object stands in.
        let other = kind.bytes.filter(|_| stands_in).and_then(|_| agree::stand_in(plan.kinds));
        if stands_in {
            nothing(out, plan.zero_size, &made, other.map_or(0, |(_, request)| request.count));
        }
        let made = other.map_or(made, |(kind, _)| address_of(plan.pointer, &call(&kind.alloc, plan.pointer)));
        put(out, format_args!("        (local.set $object {made})\n        (br $made))\n"));
    }
    out.push_str("      ;; There is no kind for it.\n      (unreachable))\n");
    if plan.null_is_exhaustion {
        out.push_str("    (if (i32.eqz (local.get $object)) (then (unreachable))) ;; there is no memory for it\n");
    }
    if stands_in {
        let null = plan.pointer.null.cast_signed();
        put(
            out,
            format_args!("    (if (local.get $nothing) (then (i32.store (local.get $object) (i32.const {null}))))\n"),
        );
    }
    if plan.zero_size == ZeroSize::Shared {
        put(
            out,
            format_args!(
                "    (if (global.get ${EMPTY}) ;; it is in no other object\n      (then (if (i32.lt_u (i32.sub (global.get ${EMPTY}) (local.get $object)) (local.get $size)) (then (unreachable)))))\n"
            ),
        );
    }
    out.push_str("    (local.get $object))\n");
}

/// What happens before four bytes are asked for in the place of none, which are so many pointers.
fn nothing(out: &mut String, zero_size: ZeroSize, made: &str, pointers: u32) {
    put(
        out,
        format_args!(
            "        (if (i32.eqz (local.get $size))\n          (then ;; four bytes stand in for none, once none were asked for\n            (local.set $object {made})\n"
        ),
    );
    match zero_size {
        ZeroSize::Object => {}
        ZeroSize::Null => out.push_str("            (if (local.get $object) (then (unreachable)))\n"),
        ZeroSize::Shared => put(
            out,
            format_args!(
                "            (if (i32.eqz (local.get $object)) (then (unreachable)))\n            (if (i32.eqz (global.get ${EMPTY})) (then (global.set ${EMPTY} (local.get $object))))\n            (if (i32.ne (global.get ${EMPTY}) (local.get $object)) (then (unreachable)))\n"
            ),
        ),
    }
    if pointers > 0 {
        out.push_str("            (local.set $first (i32.const 0))\n            (local.set $stride (i32.const 1))\n");
        put(out, format_args!("            (local.set $count (i32.const {pointers}))\n"));
    }
    out.push_str("            (local.set $nothing (i32.const 1))\n            (local.set $size (i32.const 4))))\n");
}

/// A name in a comment of one line.
fn comment(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What branches to `$other` where a request is not of this kind; see [`Kind::fits`].
fn unfit(kind: &Kind) -> Vec<String> {
    const WORDS: &str = "(i32.shr_u (local.get $size) (i32.const 2))";
    let mut lines = Vec::new();
    let other = |condition: String| format!("(br_if $other {condition})");
    if let Some(bytes) = kind.bytes {
        lines.push(other(format!("(i32.ne (local.get $size) (i32.const {bytes}))")));
    }
    let (first, stride) = match kind.pointers {
        Pointers::Any => return lines,
        Pointers::None => {
            lines.push(other("(local.get $count)".to_owned()));
            return lines;
        }
        Pointers::Every { first, stride } => {
            lines.push(other("(i32.and (local.get $size) (i32.const 3))".to_owned()));
            // 1 + (words - first - 1) / stride of them, or none.
            let rest = format!("(i32.sub (i32.sub {WORDS} (i32.const {first})) (i32.const 1))");
            let count = format!("(i32.add (i32.const 1) (i32.div_u {rest} (i32.const {stride})))");
            lines.push(format!("(if (i32.gt_u {WORDS} (i32.const {first}))"));
            lines.push(format!("  (then {})", other(format!("(i32.ne (local.get $count) {count})"))));
            lines.push(format!("  (else {}))", other("(local.get $count)".to_owned())));
            (format!("(i32.const {first})"), stride)
        }
        Pointers::Some { first, stride, least, most } => {
            lines.push(other(format!("(i32.lt_u (local.get $count) (i32.const {least}))")));
            lines.push(other(format!("(i32.gt_u (local.get $count) (i32.const {most}))")));
            (format!("(i32.const {first})"), stride)
        }
        Pointers::Last { most } => {
            lines.push(other(format!("(i32.gt_u (local.get $count) (i32.const {most}))")));
            (format!("(i32.sub {WORDS} (local.get $count))"), 1)
        }
    };
    lines.push("(if (local.get $count)".to_owned());
    lines.push(format!("  (then {}))", other(format!("(i32.ne (local.get $first) {first})"))));
    lines.push("(if (i32.gt_u (local.get $count) (i32.const 1))".to_owned());
    lines.push(format!("  (then {}))", other(format!("(i32.ne (local.get $stride) (i32.const {stride}))"))));
    lines
}

fn access(out: &mut String, access: &Access, pointer: Pointer) {
    const ADDRESS: &str = "(i32.add (local.get $object) (local.get $offset))";
    let store = match &access.store {
        Accessor::Raw => format!("(i32.store {ADDRESS} {})", word_of(pointer, "(local.get $value)")),
        Accessor::Call(it) => call_only(it, pointer),
    };
    let load = match &access.load {
        Accessor::Raw => format!("(i32.load {ADDRESS})"),
        Accessor::Call(it) => call(it, pointer),
    };
    let load = address_of(pointer, &load);
    put(
        out,
        format_args!(
            "\n  ;; Pointer fields, at an offset in bytes.\n  \
             (func $link (param $object i32) (param $offset i32) (param $value i32)\n    {store})\n  \
             (func $fetch (param $object i32) (param $offset i32) (result i32)\n    {load})\n"
        ),
    );
}

fn collections(out: &mut String, plan: &Plan<'_>) {
    let full = plan.collect.full.as_ref().map_or_else(|| "(nop)".to_owned(), |full| call_only(full, plan.pointer));
    put(out, format_args!("\n  (func $gc_collect\n    {full})\n"));
    if let Some(step) = &plan.collect.step {
        put(out, format_args!("  (func $gc_step\n    {})\n", call_only(step, plan.pointer)));
    }
    if let Some(minor) = &plan.collect.minor {
        put(out, format_args!("  (func $gc_minor\n    {})\n", call_only(minor, plan.pointer)));
    }
    if let Some(live) = plan.live_bytes {
        let live = match live {
            LiveBytes::Global(global) => format!("(global.get ${})", global.identifier),
            LiveBytes::Call(it) => call(it, plan.pointer),
        };
        put(out, format_args!("  (func $live_bytes (export \"live_bytes\") (result i32)\n    {live})\n"));
    }
}
