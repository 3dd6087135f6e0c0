//! A standalone program as a `.wast` script: it shows a finding on any engine, with no help of ours.
//!
//! [`crate::engine::script`] runs such scripts.

use super::standalone::Standalone;
use crate::outcome::Trap;

/// What a script does once its modules are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Directive {
    /// The program runs and finishes.
    Run,
    /// The program runs and traps.
    RunTraps(Trap),
    /// The heap has this word at this address.
    HeapWord {
        /// Where, in bytes.
        address: u32,
        /// What is expected.
        word: u32,
    },
    /// The payload at this address is not on the free list.
    NotFree {
        /// The payload.
        address: u32,
    },
}

/// The script: mutator's memory, program, then the directives in order.
#[must_use]
pub fn script(standalone: &Standalone, directives: &[Directive]) -> String {
    let mut text = format!("{}\n(register \"mutator\" $mutator)\n\n{}\n", standalone.mutator, standalone.program);
    for directive in directives {
        text.push_str(&line(*directive));
        text.push('\n');
    }
    text
}

fn line(directive: Directive) -> String {
    match directive {
        Directive::Run => r#"(invoke "run")"#.to_owned(),
        Directive::RunTraps(trap) => format!(r#"(assert_trap (invoke "run") "{}")"#, message(trap)),
        Directive::HeapWord { address, word } => {
            format!(r#"(assert_return (invoke "peek_heap" (i32.const {address})) (i32.const {word}))"#)
        }
        Directive::NotFree { address } => {
            format!(r#"(assert_return (invoke "is_free" (i32.const {address})) (i32.const 0))"#)
        }
    }
}

/// The traps, and how the specification's scripts name them.
pub const MESSAGES: [(Trap, &str); 9] = [
    (Trap::Unreachable, "unreachable"),
    (Trap::MemoryOutOfBounds, "out of bounds memory access"),
    (Trap::TableOutOfBounds, "undefined element"),
    (Trap::IndirectCallToNull, "uninitialized element"),
    (Trap::BadSignature, "indirect call type mismatch"),
    (Trap::IntegerDivisionByZero, "integer divide by zero"),
    (Trap::IntegerOverflow, "integer overflow"),
    (Trap::BadConversionToInteger, "invalid conversion to integer"),
    (Trap::StackOverflow, "call stack exhausted"),
];

/// How scripts name a trap.
#[must_use]
pub fn message(trap: Trap) -> &'static str {
    MESSAGES.iter().find(|(t, _)| *t == trap).map_or("", |(_, message)| message)
}
