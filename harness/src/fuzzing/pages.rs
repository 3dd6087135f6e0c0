//! Everything within 16 bytes of a 64 KiB boundary, memory limits included.

use super::{Body, Failure, Fuzzer, Ran, SetupError, Structural, input, machines};
use crate::runtime::description::PAGE;
use heapsmith_generators::{Machine, Op, Program, Size};

/// Bytes on either side of a boundary.
const NEAR: i32 = 16;
/// Payloads from here on are moved to a boundary; below they are what fills the bytes before one.
const LARGE: u32 = 1 << 10;
/// Work of a mutant at most: a few dozen walks over as many pages as the machines have.
const MOST_WORK: u64 = 1 << 18;

/// Programs whose sizes end near page boundaries, on machines whose heap starts near one.
#[derive(Debug)]
pub struct Pages {
    fuzzer: Fuzzer,
    machines: Vec<Machine>,
    structural: Structural,
}

impl Body for Pages {
    const NAME: &'static str = "pages";

    fn new(runtime: &str) -> Result<Self, SetupError> {
        let fuzzer = Fuzzer::new(runtime)?;
        let machines = machines::boundaries(fuzzer.spec());
        let structural = Structural::new(Self::NAME, &fuzzer, machines.clone(), MOST_WORK).shaped(focus);
        Ok(Self { fuzzer, machines, structural })
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        let Some(mut program) = input::any_program(input, &self.machines, self.fuzzer.capacities(), MOST_WORK / 16)
        else {
            return Ok(Ran::Rejected);
        };
        focus(&mut program);
        self.fuzzer.run(&program)
    }

    fn counters(&self) -> &[u8] {
        self.fuzzer.counters().bytes()
    }

    fn structural(&self) -> Option<&Structural> {
        Some(&self.structural)
    }
}

/// Moves each size that is not small to within 16 bytes of a page boundary; near 2^31 and 2^32 there is one, too.
pub(super) fn focus(program: &mut Program) {
    for size in program.ops.iter_mut().filter_map(Op::size_mut) {
        *size = near(*size);
    }
}

fn near(size: Size) -> Size {
    let page = PAGE.cast_signed();
    let beside = |past: i32| (past + page / 2).rem_euclid(page) - page / 2;
    match size {
        Size::Bytes(bytes) if bytes < LARGE => size,
        Size::Bytes(bytes) => {
            let past = beside((bytes % PAGE).cast_signed());
            // The last boundary of all is 2^32, which no size reaches.
            Size::Bytes(bytes.wrapping_sub(past.cast_unsigned()).wrapping_add_signed(past.clamp(-NEAR, NEAR)))
        }
        Size::Edge { edge, part, delta } => {
            let past = beside(delta % page);
            Size::Edge { edge, part, delta: delta.saturating_sub(past).saturating_add(past.clamp(-NEAR, NEAR)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heapsmith_generators::{Edge, Part};

    #[test]
    fn sizes_move_to_the_nearest_boundary_and_no_further_than_they_must() {
        let bytes = |n| Size::Bytes(n);
        for (size, wanted) in [
            (1_023, 1_023),
            (1_024, 16),
            (40_000, 65_520),
            (65_530, 65_530),
            (65_600, 65_552),
            (0x7fff_ff00, 0x7fff_fff0),
            (0xffff_fff5, 0xffff_fff5),
            (0xffff_0040, 0xffff_0010),
        ] {
            assert_eq!(near(bytes(size)), bytes(wanted), "{size}");
        }
        let edge = |delta| Size::Edge { edge: Edge::Page, part: Part::Block, delta };
        for (delta, wanted) in
            [(-5, -5), (17, 16), (-100, -16), (65_536, 65_536), (65_500, 65_520), (i32::MAX, i32::MAX - 1)]
        {
            assert_eq!(near(edge(delta)), edge(wanted), "{delta}");
        }
    }
}
