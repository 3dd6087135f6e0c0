//! From an input to a program.

use arbitrary::{Arbitrary, Unstructured};
use heapsmith_generators::{Machine, Op, Program, parse};

/// Ops of a program from bytes, at most.
const MOST_OPS: usize = 64;

/// The program of an input that is a text.
#[must_use]
pub fn program(input: &[u8]) -> Option<Program> {
    parse(std::str::from_utf8(input).ok()?).ok()
}

/// The program of any input: the text's, else what bytes are through `arbitrary`, on one of these machines.
///
/// None without any machine.
pub(super) fn any_program(input: &[u8], machines: &[Machine]) -> Option<Program> {
    if input.starts_with(b"heapsmith")
        && let Some(program) = program(input)
    {
        return Some(program);
    }
    let mut u = Unstructured::new(input);
    let machine = *u.choose(machines).ok()?;
    let mut ops = Vec::new();
    while ops.len() < MOST_OPS && !u.is_empty() {
        ops.push(Op::arbitrary(&mut u).ok()?);
    }
    Some(Program { machine, ops })
}
