//! A standalone program as a `.wast` script: it shows a finding on any engine, with no help of ours.
//!
//! [`crate::engine::script`] runs such scripts.

use super::standalone::Standalone;
use crate::outcome::Trap;

/// What a script does once its modules are there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Directive {
    /// The program runs and finishes.
    Run,
    /// The program runs so many times, and finishes each time ([`super::standalone::modules_in_rounds`]).
    Rounds(u32),
    /// Memory has no more pages than these ([`super::standalone::modules_in_rounds`], as the next two).
    PagesAtMost(u32),
    /// The heap ends there at most.
    EndAtMost(u32),
    /// So many bytes are live at most.
    LiveAtMost(u32),
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
    /// Memory has this many pages.
    Pages(u32),
    /// The mutator saw this word.
    Logged {
        /// Index into the log.
        index: u32,
        /// What is expected.
        word: u32,
    },
    /// Two words that the mutator saw (addresses, by index into the log) differ.
    Distinct(u32, u32),
    /// This handle was released so often with this kind.
    Released {
        /// Its kind.
        kind: u32,
        /// The handle.
        handle: u32,
        /// How often, in all.
        times: u32,
    },
    /// The handle that was released as the one of this index, from 0; 0 is for none.
    ReleasedAt {
        /// The index.
        index: u32,
        /// What is expected.
        handle: u32,
    },
    /// A global of the runtime has this value.
    Global {
        /// Its name, one of [`Description::globals`](crate::runtime::description::Description::globals).
        name: String,
        /// What is expected.
        value: u32,
    },
}

/// The script: mutator's memory, program, then the directives in order.
#[must_use]
pub fn script(standalone: &Standalone, directives: &[Directive]) -> String {
    let mut text = format!("{}\n(register \"mutator\" $mutator)\n\n{}\n", standalone.mutator, standalone.program);
    for directive in directives {
        text.push_str(&line(directive));
        text.push('\n');
    }
    text
}

fn at_most(above: &str, most: u32) -> String {
    format!(r#"(assert_return (invoke "{above}" (i32.const {most})) (i32.const 0))"#)
}

fn line(directive: &Directive) -> String {
    match directive {
        Directive::Run => r#"(invoke "run")"#.to_owned(),
        Directive::Rounds(rounds) => format!(r#"(invoke "rounds" (i32.const {rounds}))"#),
        Directive::PagesAtMost(most) => at_most("pages_above", *most),
        Directive::EndAtMost(most) => at_most("end_above", *most),
        Directive::LiveAtMost(most) => at_most("live_above", *most),
        Directive::RunTraps(trap) => format!(r#"(assert_trap (invoke "run") "{}")"#, trap.name()),
        Directive::HeapWord { address, word } => {
            format!(r#"(assert_return (invoke "peek_heap" (i32.const {address})) (i32.const {word}))"#)
        }
        Directive::NotFree { address } => {
            format!(r#"(assert_return (invoke "is_free" (i32.const {address})) (i32.const 0))"#)
        }
        Directive::Pages(pages) => format!(r#"(assert_return (invoke "pages") (i32.const {pages}))"#),
        Directive::Logged { index, word } => {
            format!(r#"(assert_return (invoke "logged" (i32.const {index})) (i32.const {word}))"#)
        }
        Directive::Distinct(a, b) => {
            format!(r#"(assert_return (invoke "distinct" (i32.const {a}) (i32.const {b})) (i32.const 1))"#)
        }
        Directive::Released { kind, handle, times } => {
            format!(
                r#"(assert_return (invoke "released" (i32.const {kind}) (i32.const {handle})) (i32.const {times}))"#
            )
        }
        Directive::ReleasedAt { index, handle } => {
            format!(r#"(assert_return (invoke "released_at" (i32.const {index})) (i32.const {handle}))"#)
        }
        Directive::Global { name, value } => {
            format!(r#"(assert_return (invoke "read {name}") (i32.const {value}))"#)
        }
    }
}
