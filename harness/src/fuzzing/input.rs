//! From an input to a program.

use arbitrary::{Arbitrary, Unstructured};
use heapsmith_generators::{Capacities, Machine, Op, Program, VERSION, parse, work};

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

/// Cuts a program to the longest beginning that is at most so much work, as [`work`] counts it.
pub(super) fn cut(program: &mut Program, capacities: Capacities, most_work: u64) {
    if work(program, capacities) <= most_work {
        return;
    }
    // A longer beginning is never less work.
    let (mut fits, mut exceeds) = (0, program.ops.len());
    let mut beginning = Program { machine: program.machine, ops: Vec::with_capacity(exceeds) };
    while exceeds - fits > 1 {
        let middle = usize::midpoint(fits, exceeds);
        beginning.ops.clear();
        beginning.ops.extend_from_slice(&program.ops[..middle]);
        if work(&beginning, capacities) <= most_work { fits = middle } else { exceeds = middle }
    }
    program.ops.truncate(fits);
}

/// The program of any input: the text's, else what bytes are through `arbitrary`, on one of these machines, [`cut`] to so much work.
///
/// None without any machine.
pub(super) fn any_program(
    input: &[u8],
    machines: &[Machine],
    capacities: Capacities,
    most_work: u64,
) -> Option<Program> {
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
    let mut program = Program { machine, ops };
    cut(&mut program, capacities, most_work);
    Some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_program_is_the_longest_beginning_within_its_work() {
        let capacities = Capacities { worklist: 16, roots: 16, max_pages: 4, table_bytes_per_page: 0, wraps: 0 };
        let text = "heapsmith 1\nchain r0 n=9\ncollect\nchain r1 n=9\nchain r2 n=100\ncollect\ndrop r1\n";
        let whole = parse(text).unwrap();
        let worth: Vec<u64> = (0..=whole.ops.len())
            .map(|n| work(&Program { machine: whole.machine, ops: whole.ops[..n].to_vec() }, capacities))
            .collect();
        assert!(worth.is_sorted() && worth[6] > worth[3] + 100, "{worth:?}");
        for bound in 0..worth[6] + 2 {
            let mut program = whole.clone();
            cut(&mut program, capacities, bound);
            assert_eq!(program.ops, whole.ops[..worth.iter().rposition(|&w| w <= bound).unwrap()], "{bound}");
        }
    }

    #[test]
    fn whole_lines_of_a_broken_text_are_salvaged() {
        let text = b"heapsmith 1\nmachine worklist=2\ncollect\nro\xffots n=8\ndrop r1\nheapsmith 1\nmachine worklist=7\nroots n=8\nchec";
        let wanted = parse("heapsmith 1\nmachine worklist=2\ncollect\ndrop r1\nroots n=8\n").unwrap();
        assert_eq!(salvaged(text), Some(wanted));
        assert_eq!(salvaged(b"heapsmith 1\nmachine worklist=2\n"), None);
        assert_eq!(salvaged(b"\x00\x01 nothing \n of the sort"), None);
    }
}
