//! From an input to a program.

use arbitrary::{Arbitrary, Unstructured};
use heapsmith_generators::{Machine, Op, Program, VERSION, parse};

/// Ops of a program from bytes, at most.
const MOST_OPS: usize = 64;

/// The program of an input that is a text.
#[must_use]
pub fn program(input: &[u8]) -> Option<Program> {
    parse(std::str::from_utf8(input).ok()?).ok()
}

/// The program of a broken text: of the lines that are whole. libFuzzer's reducer gives such texts, the old one's end behind a new one.
///
/// None if no line is an op.
pub(super) fn salvaged(input: &[u8]) -> Option<Program> {
    let mut salvaged = Program::default();
    for line in input.split(|&byte| byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Ok(Program { machine, mut ops }) = parse(&format!("heapsmith {VERSION}\n{line}")) {
            salvaged.ops.append(&mut ops);
            if salvaged.machine == Machine::default() {
                salvaged.machine = machine;
            }
        }
    }
    (!salvaged.ops.is_empty()).then_some(salvaged)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_of_a_broken_text_are_salvaged() {
        let text = b"heapsmith 1\nmachine worklist=2\ncollect\nro\xffots n=8\ndrop r1\nheapsmith 1\nmachine worklist=7\nroots n=8\nchec";
        let wanted = parse("heapsmith 1\nmachine worklist=2\ncollect\ndrop r1\nroots n=8\n").unwrap();
        assert_eq!(salvaged(text), Some(wanted));
        assert_eq!(salvaged(b"heapsmith 1\nmachine worklist=2\n"), None);
        assert_eq!(salvaged(b"\x00\x01 nothing \n of the sort"), None);
    }
}
