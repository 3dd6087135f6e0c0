//! What a wild module ([`heapsmith_generators::wild`]) is linked with, and what it leaves: collector, mutator's library and operations in one
//! module, and a main module for engines; then the record of what was done, as a program.
//!
//! The operations do what the ops of the same effect do, with registers whose objects fit and numbers below what they are taken modulo, so that
//! the record resolves to itself: [`record`] gives a [`Program`] whose plan does the same, step by step, in the same order. The collector's memory
//! after the one and after the other is the same.

use super::access::Access;
use super::layout::{
    FRAMES, LOG_CURSOR, LOG_START, PC, RELEASE_BYTES, RELEASE_CURSOR, RELEASE_END, RELEASE_START, word,
};
use super::{HOST, WRAP};
use crate::runtime::{HOST_IMPORT, Runtime};
use heapsmith_generators::wild::{MAIN, OPERATIONS, PREFIX, PROVIDER};
use heapsmith_generators::{Base, Count, Init, Op, Placement, Program, Reg, Shape, Size, Word};

const OPERATIONS_TEXT: &str = include_str!("wild.wat");

/// Name of the wild module in its group.
pub const WILD: &str = "wild";
/// How often the main module calls a wild one: what it left in its own globals, and in registers, is there still.
const ROUNDS: u32 = 4;
/// Operations that are done at most; later calls do nothing.
pub const MOST_OPS: u32 = 400;
/// Bytes of an allocation at most.
pub(crate) const MOST_BYTES: u32 = 3_000;
/// Nodes of a graph beyond as many as the worklist has entries.
const MORE_NODES: u32 = 4;
/// Nodes of a graph at most.
pub(crate) const MOST_NODES: u32 = 80;
/// Frames that are open at most, the outermost one not counted.
const MOST_FRAMES: u32 = 8;
/// Bytes of a frame: the registers of its own, the slots before it, sixteen slots.
const FRAME_BYTES: u32 = 72;
/// Bytes of a record: the operation, four operands.
const RECORD_BYTES: u32 = 20;

// Where things are in the mutator's memory. The mirror of at most 256 root slots ends at 1536.
const BUSY: u32 = 1_536;
const CURSOR: u32 = 1_540;
const REFUSED: u32 = 1_544;
const RANDOM: u32 = 1_548;
const SLOTS: u32 = 1_552;
const RESULTS: u32 = 1_556;
const CALLS: u32 = 1_664;
const WILD_FRAMES: u32 = 2_048;
const _: () = assert!(RESULTS + 12 * ROUNDS <= CALLS && CALLS + 4 * OPERATIONS.len() as u32 <= WILD_FRAMES);
const TRACE: u32 = 4_096;
const FACTS: u32 = TRACE + RECORD_BYTES * (MOST_OPS + 1);
/// Bytes of heap whose objects are known.
const FACTS_HEAP: u32 = 4 * 65_536;
const RELEASES: u32 = FACTS + FACTS_HEAP / 2;
const LOG: u32 = RELEASES + 16 * RELEASE_BYTES;
/// Words of the log at most: a graph logs two for each node and one more.
const LOG_WORDS: u32 = MOST_OPS * (2 * MOST_NODES + 1);
const PAGES: u32 = (LOG + 4 * LOG_WORDS).div_ceil(65_536);

/// The module that provides the operations, as WebAssembly text: the collector's memory is export `memory`, the mutator's export `mutator`.
#[must_use]
pub fn provider(runtime: &Runtime) -> String {
    let d = &runtime.description;
    let mut library = Access::of(runtime).library();
    if d.parameters.wraps > 0 {
        library.push_str(WRAP);
        library.push_str(HOST);
    }
    let most_nodes = (d.parameters.worklist.saturating_add(MORE_NODES)).min(MOST_NODES);
    let mut operations = Access::of(runtime).expand(OPERATIONS_TEXT);
    for (name, number) in [
        ("busy", BUSY),
        ("cursor", CURSOR),
        ("refused", REFUSED),
        ("calls", CALLS),
        ("random", RANDOM),
        ("slots", SLOTS),
        ("results", RESULTS),
        ("frames", WILD_FRAMES),
        ("frame_bytes", FRAME_BYTES),
        ("trace", TRACE),
        ("facts", FACTS),
        ("facts_heap", FACTS_HEAP),
        ("heap_start", d.regions.heap_start),
        ("most_ops", MOST_OPS),
        ("most_bytes", MOST_BYTES),
        ("most_nodes", most_nodes),
        ("most_frames", MOST_FRAMES),
    ] {
        operations = operations.replace(&format!("{{{name}}}"), &number.to_string());
    }
    let text = format!("{library}\n{operations}\n{}", entries());
    let text = text.replace("(call $peek ", "(i32.load $mutator ").replace("(call $poke ", "(i32.store $mutator ");
    let text = text.replace("(call $peek\n", "(i32.load $mutator\n").replace("(call $poke\n", "(i32.store $mutator\n");
    let mut data = String::new();
    let control = [
        (LOG_CURSOR, LOG),
        (LOG_START, LOG),
        (RELEASE_CURSOR, RELEASES),
        (RELEASE_END, LOG),
        (RELEASE_START, RELEASES),
        (CURSOR, TRACE),
    ];
    // No register has a slot in the outermost frame.
    let slots = (0..16).map(|reg| (WILD_FRAMES + 8 + 4 * reg, u32::MAX));
    for (address, number) in control.into_iter().chain(slots) {
        let [a, b, c, d] = number.to_le_bytes();
        data.push_str(&format!(
            "  (data (memory $mutator) (i32.const {address}) \"\\{a:02x}\\{b:02x}\\{c:02x}\\{d:02x}\")\n"
        ));
    }
    format!(
        "(module ${PROVIDER}\n{}\n  ;; The mutator's own memory, which the collector cannot see.\n  \
         (memory $mutator (export \"mutator\") {PAGES})\n{data}\n{text})\n",
        runtime.fields.replacen(HOST_IMPORT, "", 1)
    )
}

/// The main module of a group, as WebAssembly text: it calls the wild module and keeps what that gives.
#[must_use]
pub fn main(runtime: &Runtime) -> String {
    let mut text = format!(
        "(module $main\n  (import \"{PROVIDER}\" \"memory\" (memory $heap 0))\n  (export \"memory\" (memory $heap))\n  \
         (import \"{PROVIDER}\" \"mutator\" (memory $mutator 0))\n  (export \"mutator\" (memory $mutator))\n  \
         (import \"{WILD}\" \"{MAIN}\" (func $main (result i32 i64)))\n"
    );
    for name in runtime.description.globals() {
        text.push_str(&format!(
            "  (import \"{PROVIDER}\" \"{name}\" (global ${name} (mut i32)))\n  (export \"{name}\" (global ${name}))\n"
        ));
    }
    text.push_str("  (func (export \"run\")\n    (local $long i64)\n");
    for round in 0..ROUNDS {
        let at = RESULTS + 12 * round;
        text.push_str(&format!(
            "    (i32.const {at})\n    (call $main)\n    (local.set $long)\n    (i32.store $mutator)\n    \
             (i64.store $mutator (i32.const {}) (local.get $long))\n",
            at + 4
        ));
    }
    text.push_str("  ))\n");
    text
}

/// Exports of the operations, one for each number of operands that a caller gives.
fn entries() -> String {
    let mut text = String::new();
    for (name, operands) in OPERATIONS {
        for given in 0..=operands {
            let params = "(param i32) ".repeat(given);
            text.push_str(&format!(
                "  (func (export \"{PREFIX}{name}.{given}\") {params}(result i32) (call $wild.{name}"
            ));
            (0..given).for_each(|i| text.push_str(&format!(" (local.get {i})")));
            (given..operands).for_each(|_| text.push_str(" (call $wild.next)"));
            text.push_str("))\n");
        }
    }
    text
}

/// Says where the stream of numbers starts.
pub fn set_seed(mutator: &mut [u8], seed: u32) {
    if let Some(state) = mutator.get_mut(RANDOM as usize..).and_then(<[u8]>::first_chunk_mut) {
        *state = seed.to_le_bytes();
    }
}

/// Whether an operation was at work when the mutator's memory was looked at: then a trap was its own.
#[must_use]
pub fn is_busy(mutator: &[u8]) -> bool {
    word(mutator, BUSY) != 0
}

/// How often each operation was called, in the order of [`OPERATIONS`].
#[must_use]
pub fn calls(mutator: &[u8]) -> [u32; OPERATIONS.len()] {
    std::array::from_fn(|i| word(mutator, CALLS + 4 * i as u32))
}

/// Calls that did nothing, because nothing fitted or there had been too many.
#[must_use]
pub fn refused(mutator: &[u8]) -> u32 {
    word(mutator, REFUSED)
}

/// Operations that were done, the one at work included, as a program; none if the record is not one that the operations write.
#[must_use]
pub fn record(mutator: &[u8], machine: heapsmith_generators::Machine) -> Option<Program> {
    let done = word(mutator, PC).checked_add(u32::from(is_busy(mutator)))?;
    if done > MOST_OPS || word(mutator, CURSOR) != TRACE + RECORD_BYTES * done {
        return None;
    }
    let ops = (0..done).map(|i| op(mutator, i)).collect::<Option<Vec<Op>>>()?;
    Some(Program { machine, ops })
}

/// Operation `i` of the record.
fn op(mutator: &[u8], i: u32) -> Option<Op> {
    let at = TRACE + RECORD_BYTES * i;
    let [kind, a, b, c, d] = std::array::from_fn(|n| word(mutator, at + 4 * n as u32));
    let reg = |n: u32| u8::try_from(n).ok().filter(|&n| n < heapsmith_generators::REGISTERS).map(Reg::new);
    Some(match OPERATIONS.get(kind as usize)?.0 {
        "alloc" => {
            let init = if d == 0 { Init::Fill(i) } else { Init::Null };
            Op::Alloc { dst: reg(a)?, size: Size::Bytes(b), fields: c, place: Placement::Front, init }
        }
        "load" => Op::Load { dst: reg(a)?, src: reg(b)?, field: c },
        "store" => Op::Store { obj: reg(a)?, field: b, value: reg(c)? },
        "write" => Op::Write { obj: reg(a)?, word: b, value: Word::Value(c) },
        "write_address" => {
            Op::Write { obj: reg(a)?, word: b, value: Word::Address { of: reg(c)?, offset: d.cast_signed() } }
        }
        "push" => Op::Move { dst: reg(a)?, src: reg(b)? },
        "drop" => Op::Drop { reg: reg(a)? },
        "enter" => Op::Enter,
        "pop" => Op::Leave { keep: if a == u32::MAX { None } else { Some(reg(a)?) } },
        "collect" => Op::Collect,
        "check" => Op::Check { reg: reg(a)? },
        "graph" => {
            let n = Count { base: Base::Zero, delta: c.min(MOST_NODES).cast_signed() };
            let shape = match b {
                0 => Shape::Chain { n },
                1 => Shape::Cycle { n },
                2 => Shape::Wide { n },
                3 => Shape::DuplicateRefs { n },
                _ => return None,
            };
            Op::Graph { dst: reg(a)?, shape, words: 1, tag: i }
        }
        "garbage" => Op::Garbage { count: Count::new(a), size: Size::Bytes(b) },
        _ => return None,
    })
}

const _: () = assert!(FRAMES + 4 * (MOST_FRAMES + 1) <= super::layout::MIRROR);
const _: () = assert!(WILD_FRAMES + FRAME_BYTES * (MOST_FRAMES + 1) <= TRACE);
