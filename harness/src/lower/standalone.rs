//! The standalone lowering: a plan as code, for any engine, with no help from a host.
//!
//! Two MVP modules with one memory each. The *mutator* module is a memory that the collector cannot see, with `peek` and `poke` on
//! it and the control words already set. The *program* module imports the two as `mutator`, and has the collector, the library
//! and export `run`, in which each step is straight code with constants; only graphs are loops of the library. `run` always
//! goes to the end. The program also exports `peek_heap`, and `is_free` where the runtime has a free list, for scripts.

use super::access::Access;
use super::layout::{LOG_CURSOR, LOG_START, MIRROR, PC, RELEASE_BYTES, RELEASE_CURSOR, RELEASE_END, RELEASE_START};
use super::tape::{Opcode, frames_fit, push, shape_operands};
use super::{HOST, RELEASED, WRAP, layout};
use crate::plan::{Fill, Initial, Plan, RootWrite, Slot, Step, Value};
use crate::runtime::{Runtime, description::PAGE};
use std::fmt::Write as _;
use std::ops::Range;

/// Steps of one function: engines take more than linear time on huge ones.
const STEPS_PER_FUNCTION: usize = 200;
/// Up to this many null fields are stored one by one.
const UNROLLED_NULLS: u32 = 8;

/// A plan lowered to two modules, as WebAssembly text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standalone {
    /// The mutator's memory: to be instantiated first, as `mutator`.
    pub mutator: String,
    /// Collector and program.
    pub program: String,
}

/// Lowers a plan.
#[must_use]
pub fn modules(runtime: &Runtime, plan: &Plan) -> Standalone {
    debug_assert!(frames_fit(plan), "expected at most {} frames open at once", layout::MAX_FRAMES);
    let log = u64::from(MIRROR) + 4 * u64::from(plan.slots);
    let releases = log + 4 * u64::from(plan.log_words);
    let bytes = releases + u64::from(RELEASE_BYTES) * u64::from(plan.release_room());
    let words = if has_wraps(runtime) {
        &[
            (LOG_CURSOR, log),
            (LOG_START, log),
            (RELEASE_CURSOR, releases),
            (RELEASE_END, bytes),
            (RELEASE_START, releases),
        ][..]
    } else {
        &[(LOG_CURSOR, log), (LOG_START, log)][..]
    };
    let host = if has_wraps(runtime) { HOST } else { "" };
    Standalone { mutator: mutator(words, bytes, host), program: program(runtime, plan, plan.steps.len(), log) }
}

/// [`modules`], and for scripts that do the program from step `first` on again and again on one heap: export `rounds` (how many), and `pages_above`, `end_above` and
/// `live_above`, which are 1 where memory, the heap's end or the live bytes are more than a number, as far as they are told. What is done again must leave
/// all frames that it enters, and no root slot more than it found.
#[must_use]
pub fn modules_in_rounds(runtime: &Runtime, plan: &Plan, first: u32) -> Standalone {
    let mut modules = modules(runtime, plan);
    let log = u64::from(MIRROR) + 4 * u64::from(plan.slots);
    let first = first as usize;
    modules.program = program(runtime, plan, first, log);
    let more = rounds(&modules.program, parts(plan, first));
    // Before the parenthesis that closes the module.
    modules.program.truncate(modules.program.trim_end().len() - 1);
    modules.program.push_str(&more);
    modules.program.push_str(")\n");
    modules
}

/// What [`modules_in_rounds`] has more than a program, of which the functions `before` come first, and `again` so many times.
fn rounds(program: &str, (before, again): (Range<usize>, Range<usize>)) -> String {
    let calls = |parts: Range<usize>, indent: &str| {
        parts.map(|part| format!("{indent}(call $steps.{part})\n")).collect::<String>()
    };
    let (before, again) = (calls(before, "    "), calls(again, "          "));
    let mut text = format!(
        r#"  ;; What is done once, then the rest so many times, each time with the log that it finds first.
  (func (export "rounds") (param $left i32) (local $log i32)
{before}    (local.set $log (call $peek (i32.const {LOG_CURSOR})))
    (loop $next
      (if (local.get $left)
        (then
          (call $poke (i32.const {LOG_CURSOR}) (local.get $log))
{again}          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $next)))))
"#
    );
    let told = [
        ("pages_above", "memory.size", true),
        ("end_above", "(global.get $heap_ptr)", program.contains("(global $heap_ptr ")),
        ("live_above", "(call $live_bytes)", program.contains("(func $live_bytes ")),
    ];
    for (name, value, _) in told.into_iter().filter(|(_, _, is_told)| *is_told) {
        put(
            &mut text,
            format_args!(
                "  (func (export \"{name}\") (param i32) (result i32) (i32.gt_u {} (local.get 0)))\n",
                if value.starts_with('(') { value.to_owned() } else { format!("({value})") }
            ),
        );
    }
    text
}

/// Whether the collector has a wrap table.
const fn has_wraps(runtime: &Runtime) -> bool {
    runtime.description.parameters.wraps > 0
}

/// The module of the mutator's memory, with these control words and, where there is a wrap table, the host. A log that no memory holds makes
/// it invalid, so that it is refused when it is compiled.
fn mutator(words: &[(u32, u64)], bytes: u64, host: &str) -> String {
    let pages = bytes.div_ceil(u64::from(PAGE));
    let mut data = String::new();
    for (address, word) in words {
        put(&mut data, format_args!("\n  (data (i32.const {address}) \""));
        for byte in word.to_le_bytes().into_iter().take(4) {
            put(&mut data, format_args!("\\{byte:02x}"));
        }
        data.push_str("\")");
    }
    let host = if host.is_empty() { String::new() } else { format!("\n{}", host.trim_end()) };
    format!(
        r#"(module $mutator
  ;; The mutator's own memory, which the collector cannot see: control words, mirror of the root slots, log.
  (memory (export "memory") {pages}){data}
  (func $peek (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func $poke (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1))){host})
"#
    )
}

/// The numbers of the functions of the steps before `first`, and of all others.
fn parts(plan: &Plan, first: usize) -> (Range<usize>, Range<usize>) {
    let before = first.div_ceil(STEPS_PER_FUNCTION);
    (0..before, before..before + plan.steps.len().saturating_sub(first).div_ceil(STEPS_PER_FUNCTION))
}

/// Collector and program, in which a function begins with step `first`.
fn program(runtime: &Runtime, plan: &Plan, first: usize, log: u64) -> String {
    let wrap = if has_wraps(runtime) { WRAP } else { "" };
    let access = Access::of(runtime);
    let mut text = format!(
        "(module $program\n  (import \"mutator\" \"peek\" (func $peek (param i32) (result i32)))\n  \
         (import \"mutator\" \"poke\" (func $poke (param i32 i32)))\n\n{}\n{}{wrap}\n  \
         ;; The program. `a` is the address at hand.\n",
        runtime.fields,
        access.library()
    );
    let (before, again) = plan.steps.split_at(first.min(plan.steps.len()));
    let chunks = before.chunks(STEPS_PER_FUNCTION).chain(again.chunks(STEPS_PER_FUNCTION));
    let mut index = 0;
    for (part, steps) in chunks.enumerate() {
        put(&mut text, format_args!("  (func $steps.{part} (local $a i32)\n"));
        for s in steps {
            put(
                &mut text,
                format_args!("    ;; step {index}\n    (call $poke (i32.const {PC}) (i32.const {index}))\n"),
            );
            step(&mut text, s, log, access);
            index += 1;
        }
        text.push_str("  )\n");
    }
    text.push_str("  (func $run (export \"run\")\n");
    for part in 0..parts(plan, first).1.end {
        put(&mut text, format_args!("    (call $steps.{part})\n"));
    }
    put(&mut text, format_args!("    (call $poke (i32.const {PC}) (i32.const {})))\n", plan.steps.len()));
    probes(&mut text, runtime);
    text.push_str(")\n");
    text
}

/// What scripts look at.
fn probes(text: &mut String, runtime: &Runtime) {
    text.push_str("  (func (export \"peek_heap\") (param i32) (result i32) (i32.load (local.get 0)))\n");
    text.push_str("  (func (export \"pages\") (result i32) memory.size)\n");
    text.push_str("  (func (export \"logged\") (param i32) (result i32) (call $mutator.logged (local.get 0)))\n");
    text.push_str(
        "  (func (export \"distinct\") (param i32 i32) (result i32)\n    \
         (i32.ne (call $mutator.logged (local.get 0)) (call $mutator.logged (local.get 1))))\n",
    );
    // Of a module that is not ours, a global may have another name that begins like this one.
    let has_global = |name: &str| runtime.fields.contains(&format!("(global ${name} "));
    for name in runtime.description.globals().iter().filter(|name| has_global(name)) {
        put(text, format_args!("  (func (export \"read {name}\") (result i32) (global.get ${name}))\n"));
    }
    if has_wraps(runtime) {
        text.push_str(RELEASED);
    }
    if !has_global("gc_free_head") {
        return;
    }
    let object = &runtime.description.object;
    put(
        text,
        format_args!(
            r#"  ;; Whether a payload is on the free list, walking no more nodes than memory has blocks.
  (func (export "is_free") (param $payload i32) (result i32)
    (local $node i32) (local $left i32)
    (local.set $node (global.get $gc_free_head))
    (local.set $left (i32.div_u (i32.mul (memory.size) (i32.const {PAGE})) (i32.const {unit})))
    (block $no
      (loop $next
        (if (local.get $node) (then) (else (br $no)))
        (if (local.get $left) (then) (else (br $no)))
        (if (i32.eq (local.get $node) (local.get $payload)) (then (return (i32.const 1))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $node (i32.load (i32.add (local.get $node) (i32.const {link}))))
        (br $next)))
    (i32.const 0))
"#,
            unit = object.stride_unit,
            link = object.free_link
        ),
    );
}

fn step(text: &mut String, step: &Step, log: u64, access: Access) {
    match step {
        Step::Nop => {}
        Step::Alloc { root: to, size, init } => {
            let fields = match access {
                Access::Words => String::new(),
                Access::Declared { .. } => {
                    format!(" (i32.const {}) (i32.const {}) (i32.const {})", init.first, init.stride, init.fields)
                }
            };
            put(text, format_args!("    (local.set $a (call $mutator.alloc (i32.const {size}){fields}))\n"));
            initial(text, *size, *init, access);
            root(text, *to, access);
        }
        Step::Load { root: to, src, offset } => {
            let fetched = access.fetch(&mirror(*src), &constant(*offset));
            put(text, format_args!("    (local.set $a {fetched})\n"));
            text.push_str("    (call $mutator.log (local.get $a))\n");
            root(text, *to, access);
        }
        Step::Store { obj, offset, value } => {
            let stored = access.link(&mirror(*obj), &constant(*offset), &mirror(*value));
            put(text, format_args!("    {stored}\n"));
        }
        Step::Clear { obj, offset } => {
            let stored = access.link(&mirror(*obj), &constant(*offset), &constant(0));
            put(text, format_args!("    {stored}\n"));
        }
        Step::Write { obj, offset, value } => {
            let value = match *value {
                Value::Constant(word) => format!("(i32.const {word})"),
                Value::Slot { slot, offset } => sum(&mirror(slot), offset),
                Value::Logged { index, offset } => {
                    sum(&format!("(call $peek (i32.const {}))", log + 4 * u64::from(index)), offset)
                }
            };
            store(text, *obj, *offset, &value);
        }
        Step::Assign { root: to, src } => {
            let value = src.map_or_else(|| "(i32.const 0)".to_owned(), mirror);
            put(text, format_args!("    (local.set $a {value})\n"));
            root(text, *to, access);
        }
        Step::Enter => text.push_str("    (call $mutator.enter)\n"),
        Step::Leave { keep: None } => text.push_str("    (call $mutator.leave)\n"),
        Step::Leave { keep: Some((kept, to)) } if access.keeps_first() => {
            let operands = format!("(i32.const {}) (i32.const {}) {}", to.slot, push(*to), mirror(*kept));
            put(text, format_args!("    (call $mutator.leave_keep {operands})\n"));
        }
        Step::Leave { keep: Some((kept, to)) } => {
            put(text, format_args!("    (local.set $a {})\n    (call $mutator.leave)\n", mirror(*kept)));
            root(text, *to, access);
        }
        Step::Collect => text.push_str("    (call $gc_collect)\n"),
        Step::Minor => put(text, format_args!("    {}\n", access.minor())),
        Step::Digest { obj, ranges } => {
            for &(offset, len) in ranges {
                put(
                    text,
                    format_args!("    (call $mutator.digest {} (i32.const {len}))\n", sum(&mirror(*obj), offset)),
                );
            }
        }
        Step::Graph { root: to, shape, words, tag } => {
            let (opcode, own) = shape_operands(*shape);
            let label = Opcode::ALL[opcode as usize].1.trim_start_matches('$');
            let common = [to.slot, push(*to), *words, *tag];
            put(text, format_args!("    (call $mutator.{label}"));
            for operand in common.iter().chain(own.iter().flatten()) {
                put(text, format_args!(" (i32.const {operand})"));
            }
            text.push_str(")\n");
        }
        Step::Roots { first, count, words } => {
            put(
                text,
                format_args!("    (call $mutator.roots (i32.const {first}) (i32.const {count}) (i32.const {words}))\n"),
            );
        }
        Step::Garbage { count, size } => {
            put(text, format_args!("    (call $mutator.garbage (i32.const {count}) (i32.const {size}))\n"));
        }
        Step::Wrap { obj, kind, first, count, word } => {
            let (writes, offset) = word.map_or((0, 0), |offset| (1, offset));
            put(text, format_args!("    (call $mutator.wrap {}", mirror(*obj)));
            for operand in [*kind, *first, *count, writes, offset] {
                put(text, format_args!(" (i32.const {operand})"));
            }
            text.push_str(")\n");
        }
    }
}

/// What an allocation at `a` writes at once.
fn initial(text: &mut String, size: u32, init: Initial, access: Access) {
    match init.fill {
        Fill::Nothing => {}
        Fill::All { tag } => {
            put(
                text,
                format_args!("    (call $mutator.fill_all (local.get $a) (i32.const {size}) (i32.const {tag}))\n"),
            );
        }
        Fill::Ends { tag } => {
            put(
                text,
                format_args!("    (call $mutator.fill_ends (local.get $a) (i32.const {size}) (i32.const {tag}))\n"),
            );
        }
    }
    let (first, stride) = (init.first.wrapping_mul(4), init.stride.wrapping_mul(4));
    if init.count <= UNROLLED_NULLS {
        for i in 0..init.count {
            let at = sum("(local.get $a)", first.wrapping_add(i.wrapping_mul(stride)));
            put(text, format_args!("    (i32.store {at} {})\n", access.null()));
        }
    } else {
        let at = sum("(local.get $a)", first);
        put(text, format_args!("    (call $mutator.nulls {at} (i32.const {stride}) (i32.const {}))\n", init.count));
    }
}

/// root(to, a)
fn root(text: &mut String, to: RootWrite, access: Access) {
    if to.push {
        text.push_str("    (call $root_push (local.get $a))\n");
    } else {
        put(text, format_args!("    (call $root_set (i32.const {}) (local.get $a))\n", to.slot));
    }
    put(text, format_args!("    (call $poke (i32.const {}) (local.get $a))\n", mirror_address(to.slot)));
    text.push_str(access.step(to.slot));
}

fn store(text: &mut String, obj: Slot, offset: u32, value: &str) {
    put(text, format_args!("    (i32.store {} {value})\n", sum(&mirror(obj), offset)));
}

fn mirror(slot: Slot) -> String {
    format!("(call $peek (i32.const {}))", mirror_address(slot))
}

fn mirror_address(slot: Slot) -> u64 {
    u64::from(MIRROR) + 4 * u64::from(slot)
}

fn sum(base: &str, offset: u32) -> String {
    format!("(i32.add {base} {})", constant(offset))
}

fn constant(word: u32) -> String {
    format!("(i32.const {word})")
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes whatever is written to it");
}
