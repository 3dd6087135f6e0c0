//! The glue's root operations.

use super::glue::{put, word_of};
use super::parts::{Direction, Function, Pointer, RootKind, Roots};

/// The global that is how many slots there are.
pub(super) const SLOTS: &str = "glue.slots";

/// `$root_push`, `$root_set`, `$frame_save` and `$frame_restore`, and what each kind of roots does for them.
pub(super) fn functions(out: &mut String, all: &[Roots], pointer: Pointer) {
    put(
        out,
        format_args!(
            "\n  ;; Roots: slot i is number i div {k} of kind i mod {k}.\n  \
             (global ${SLOTS} (export \"{SLOTS}\") (mut i32) (i32.const 0)) ;; how many there are\n",
            k = all.len()
        ),
    );
    let drops = !all.iter().all(is_stack);
    for (kind, roots) in all.iter().enumerate() {
        put(out, format_args!("\n  ;; Kind {kind}: {}, {} slots\n", roots.kind.name(), roots.capacity));
        one_kind(out, (kind, all.len()), roots, drops, pointer);
    }
    dispatch(out, all.len(), drops);
    frames(out, all);
}

/// Whether a kind is a shadow stack, whose slots are dropped all at once.
const fn is_stack(roots: &Roots) -> bool {
    match roots.kind {
        RootKind::ShadowStack { .. } => true,
        RootKind::Pins { .. }
        | RootKind::Calls { .. }
        | RootKind::Slots { .. }
        | RootKind::Table { .. }
        | RootKind::None => false,
    }
}

/// Picks what is for the kind of `$slot`.
fn by_kind(kinds: usize, each: &dyn Fn(usize) -> String) -> String {
    if kinds == 1 {
        return format!("    {}\n", each(0));
    }
    let mut text = format!("    (local.set $kind (i32.rem_u (local.get $slot) (i32.const {kinds})))\n");
    for kind in 0..kinds {
        put(
            &mut text,
            format_args!("    (if (i32.eq (local.get $kind) (i32.const {kind}))\n      (then {}))\n", each(kind)),
        );
    }
    text
}

/// The number of `$slot` among those of its kind.
fn number(kinds: usize) -> String {
    match kinds {
        1 => "(local.get $slot)".to_owned(),
        _ => format!("(i32.div_u (local.get $slot) (i32.const {kinds}))"),
    }
}

fn dispatch(out: &mut String, kinds: usize, drops: bool) {
    let number = number(kinds);
    let push = |kind| format!("(call $glue.push.{kind} {number} (local.get $value))");
    let set = |kind| format!("(call $glue.set.{kind} (local.get $slot) {number} (local.get $value))");
    let drop = |kind| format!("(call $glue.drop.{kind} (local.get $slot) {number})");
    let local = if kinds == 1 { "" } else { " (local $kind i32)" };
    put(
        out,
        format_args!(
            "\n  (func $root_push (param $value i32) (local $slot i32){local}\n    (local.set $slot (global.get ${SLOTS}))\n{}    \
             (global.set ${SLOTS} (i32.add (local.get $slot) (i32.const 1))))\n  \
             (func $root_set (param $slot i32) (param $value i32){local}\n{}  )\n",
            by_kind(kinds, &push),
            by_kind(kinds, &set),
        ),
    );
    if drops {
        put(
            out,
            format_args!(
                "  ;; Lets go of the last slot.\n  (func $glue.drop (local $slot i32){local}\n    \
                 (local.set $slot (i32.sub (global.get ${SLOTS}) (i32.const 1)))\n{}    (global.set ${SLOTS} (local.get $slot)))\n",
                by_kind(kinds, &drop),
            ),
        );
    }
}

fn frames(out: &mut String, all: &[Roots]) {
    put(
        out,
        format_args!(
            "\n  ;; A frame is a number of slots.\n  (func $frame_save (result i32)\n    (global.get ${SLOTS}))\n"
        ),
    );
    out.push_str("  (func $frame_restore (param $slots i32)\n");
    if all.iter().all(is_stack) {
        // A compiled function restores the stack's pointer, once.
        for (kind, roots) in all.iter().enumerate() {
            let RootKind::ShadowStack { top, base, grows } = &roots.kind else { continue };
            let count = match (all.len(), kind) {
                (1, _) => "(local.get $slots)".to_owned(),
                (k, kind) => {
                    format!("(i32.div_u (i32.add (local.get $slots) (i32.const {})) (i32.const {k}))", k - 1 - kind)
                }
            };
            let operation = match grows {
                Direction::Up => "add",
                Direction::Down => "sub",
            };
            put(
                out,
                format_args!(
                    "    (global.set ${} (i32.{operation} (i32.const {base}) (i32.shl {count} (i32.const 2))))\n",
                    top.identifier
                ),
            );
        }
        put(out, format_args!("    (global.set ${SLOTS} (local.get $slots)))\n"));
        return;
    }
    put(
        out,
        format_args!(
            "    (block $done\n      (loop $next\n        (br_if $done (i32.le_u (global.get ${SLOTS}) (local.get $slots)))\n        \
             (call $glue.drop)\n        (br $next))))\n"
        ),
    );
}

/// A call of a function whose results are dropped.
fn call_only(function: &Function, operands: &str) -> String {
    let space = if operands.is_empty() { "" } else { " " };
    format!("(call ${}{space}{operands}){}", function.identifier, " drop".repeat(function.results))
}

/// `$glue.push.KIND(number, value)`, `$glue.set.KIND(slot, number, value)` and, where slots are dropped one
/// by one, `$glue.drop.KIND(slot, number)`, which is for the last one of its kind.
fn one_kind(out: &mut String, (kind, kinds): (usize, usize), roots: &Roots, drops: bool, pointer: Pointer) {
    let [value, null] = [VALUE, "(i32.const 0)"].map(|address| word_of(pointer, address));
    let Bodies { push, set, drop, locals } = match &roots.kind {
        RootKind::ShadowStack { top, base, grows } => shadow_stack(&top.identifier, *base, *grows, &value),
        RootKind::Pins { pin, unpin, is_reentrant: true } => counted_pins(pin, unpin, pointer),
        RootKind::Pins { pin, unpin, is_reentrant: false } => single_pins(out, (kind, kinds), (pin, unpin), pointer),
        RootKind::Calls { push, pop, pops_many, set } => {
            calls((kind, kinds), push, (pop, *pops_many), set.as_ref(), pointer)
        }
        RootKind::Slots { set } => {
            let write = |value| call_only(set, &format!("(local.get $number) {value}"));
            let (value, null) = (write(value), write(null));
            Bodies { push: value.clone(), set: value, drop: null, locals: "" }
        }
        RootKind::None => Bodies { push: String::new(), set: String::new(), drop: String::new(), locals: "" },
        RootKind::Table { address } => {
            let at = format!("(i32.add (i32.const {address}) (i32.shl (local.get $number) (i32.const 2)))");
            let write = |value| format!("(i32.store {at} {value})");
            let (value, null) = (write(value), write(null));
            Bodies { push: value.clone(), set: value, drop: null, locals: "" }
        }
    };
    put(
        out,
        format_args!(
            "  (func $glue.push.{kind} (param $number i32) (param $value i32)\n    \
             (if (i32.ge_u (local.get $number) (i32.const {capacity})) (then (unreachable))) ;; no slot is left\n    {push})\n  \
             (func $glue.set.{kind} (param $slot i32) (param $number i32) (param $value i32){locals}\n    {set})\n",
            capacity = roots.capacity,
        ),
    );
    if drops {
        let local = if drop.contains("$old") { " (local $old i32)" } else { "" };
        put(out, format_args!("  (func $glue.drop.{kind} (param $slot i32) (param $number i32){local}\n    {drop})\n"));
    }
}

/// The bodies of a kind's functions.
struct Bodies {
    push: String,
    set: String,
    drop: String,
    /// Locals of `set`.
    locals: &'static str,
}

fn shadow_stack(top: &str, base: u32, grows: Direction, value: &str) -> Bodies {
    let top_get = format!("(global.get ${top})");
    let bytes = "(i32.shl (local.get $number) (i32.const 2))";
    match grows {
        Direction::Up => {
            let at = format!("(i32.add (i32.const {base}) {bytes})");
            Bodies {
                push: format!(
                    "(i32.store {top_get} {value})\n    (global.set ${top} (i32.add {top_get} (i32.const 4)))"
                ),
                set: format!("(i32.store {at} {value})"),
                drop: format!("(global.set ${top} {at})"),
                locals: "",
            }
        }
        Direction::Down => {
            let above = format!("(i32.sub (i32.const {base}) {bytes})");
            Bodies {
                push: format!(
                    "(global.set ${top} (i32.sub {top_get} (i32.const 4)))\n    (i32.store {top_get} {value})"
                ),
                set: format!("(i32.store (i32.sub {above} (i32.const 4)) {value})"),
                drop: format!("(global.set ${top} {above})"),
                locals: "",
            }
        }
    }
}

/// The address that is assigned.
const VALUE: &str = "(local.get $value)";
/// The address that a slot holds until then.
const OLD: &str = "(local.set $old (call $mutator.mirror (local.get $slot)))";

/// Each slot has a pin of its own.
fn counted_pins(pin: &Function, unpin: &Function, pointer: Pointer) -> Bodies {
    let pin = format!("(if (local.get $value) (then {}))", call_only(pin, &word_of(pointer, VALUE)));
    let unpin = format!("(if (local.get $old) (then {}))", call_only(unpin, &word_of(pointer, "(local.get $old)")));
    Bodies {
        push: pin.clone(),
        // The new one is pinned before the old one is let go: they may be the same.
        set: format!("{OLD}\n    {pin}\n    {unpin}"),
        drop: format!("{OLD}\n    {unpin}"),
        locals: " (local $old i32)",
    }
}

/// All slots that hold an object share its pin.
fn single_pins(
    out: &mut String,
    (kind, kinds): (usize, usize),
    (pin, unpin): (&Function, &Function),
    pointer: Pointer,
) -> Bodies {
    put(
        out,
        format_args!(
            "  ;; Whether one of this kind's slots below `end`, other than `but`, holds a value.
  (func $glue.held.{kind} (param $value i32) (param $but i32) (param $end i32) (result i32)
    (local $slot i32)
    (local.set $slot (i32.const {kind}))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $slot) (local.get $end)))
        (if (i32.ne (local.get $slot) (local.get $but))
          (then
            (if (i32.eq (call $mutator.mirror (local.get $slot)) (local.get $value))
              (then (return (i32.const 1))))))
        (local.set $slot (i32.add (local.get $slot) (i32.const {kinds})))
        (br $next)))
    (i32.const 0))
"
        ),
    );
    let held = |value: &str, but: &str, end: &str| format!("(call $glue.held.{kind} {value} {but} {end})");
    let unless = |value: &str, held: String, what: String| {
        format!("(if {value} (then\n      (if (i32.eqz {held})\n        (then {what}))))")
    };
    let (value, old, slot) = (VALUE, "(local.get $old)", "(local.get $slot)");
    let slots = format!("(global.get ${SLOTS})");
    let (pins, unpins) = (call_only(pin, &word_of(pointer, value)), call_only(unpin, &word_of(pointer, old)));
    Bodies {
        push: unless(value, held(value, "(i32.const -1)", &slots), pins.clone()),
        set: format!(
            "{OLD}\n    (if (i32.eq {old} {value}) (then (return)))\n    {}\n    {}",
            unless(value, held(value, slot, &slots), pins),
            unless(old, held(old, slot, &slots), unpins.clone()),
        ),
        drop: format!("{OLD}\n    {}", unless(old, held(old, "(i32.const -1)", slot), unpins)),
        locals: " (local $old i32)",
    }
}

fn calls(
    (kind, kinds): (usize, usize),
    push: &Function,
    (pop, pops_many): (&Function, bool),
    set: Option<&Function>,
    pointer: Pointer,
) -> Bodies {
    let value = word_of(pointer, VALUE);
    let pushed = call_only(push, &value);
    let one = call_only(pop, if pops_many { "(i32.const 1)" } else { "" });
    let slots = format!("(global.get ${SLOTS})");
    let set = if let Some(set) = set {
        call_only(set, &format!("(local.get $number) {value}"))
    } else {
        let again = call_only(push, &word_of(pointer, "(call $mutator.mirror (local.get $slot))"));
        // What is above is popped, and pushed again.
        let popped = if pops_many {
            let count = format!("(i32.div_u (i32.add {slots} (i32.const {})) (i32.const {kinds}))", kinds - 1 - kind);
            call_only(pop, &format!("(i32.sub {count} (local.get $number))"))
        } else {
            format!(
                "(local.set $above (local.get $slot))
    (loop $popping
      {one}
      (local.set $above (i32.add (local.get $above) (i32.const {kinds})))
      (br_if $popping (i32.lt_u (local.get $above) {slots})))"
            )
        };
        format!(
            "{popped}
    {pushed}
    (block $done
      (loop $next
        (local.set $slot (i32.add (local.get $slot) (i32.const {kinds})))
        (br_if $done (i32.ge_u (local.get $slot) {slots}))
        {again}
        (br $next)))"
        )
    };
    let locals = if set.contains("$above") { " (local $above i32)" } else { "" };
    Bodies { push: pushed, set, drop: one, locals }
}
