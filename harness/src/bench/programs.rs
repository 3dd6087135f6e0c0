//! What is measured: programs drawn as a campaign draws them, and programs of any length that do the same all the time.

use crate::campaign::{capacities, programs};
use crate::model::Model;
use crate::runtime::{RuntimeError, Spec};
use heapsmith_generators::{Campaign, Machine, Op, Program, parse};

/// Twenty ops of every frequent kind with one collection. Nothing outlives the next block, so memory never grows.
const STEADY: &str = "heapsmith 1
alloc r0 size=24 fields=2 place=front init=fill(1)
alloc r1 size=16 fields=1 place=front init=fill(2)
alloc r2 size=40 fields=2 place=odd init=ends(3)
alloc r3 size=8 fields=0 init=fill(4)
store r0.0 = r1
store r1.0 = r2
store r2.1 = r0
write r3[1] = 77
load r4 = r0.0
move r5 = r1
drop r1
enter
alloc r6 size=12 fields=1 place=front init=null
store r6.0 = r3
leave keep=r6
garbage n=2 size=32
collect
check r0
check r2
check r6
";

/// Candidates among a campaign's programs that are looked at before the drawn ones are taken to be all there are.
const LOOKED_AT: u64 = 200_000;

/// A program of so many ops, in two pages that neither grow nor need to.
pub(super) fn steady(ops: u32) -> Program {
    let block = parse(STEADY).map(|program| program.ops).unwrap_or_default();
    let ops: Vec<Op> = block.into_iter().cycle().take(ops as usize).collect();
    let machine = Machine {
        data_end: Some(0),
        worklist: Some(64),
        roots: Some(32),
        initial_pages: Some(2),
        max_pages: Some(2),
        wraps: None,
    };
    Program { machine, ops }
}

/// The campaign that drawn programs come from.
pub(super) fn campaign(spec: &Spec, seed: u64) -> Result<Campaign, RuntimeError> {
    let description = spec.resolve(Machine::default())?;
    Ok(programs(Campaign::new(seed, capacities(&description), spec.pinned), &description))
}

/// Whether memory grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// A program ends with the pages that it starts with, at most two. (A program that would grow memory starts with what it needs.)
    Settled,
    /// It grows, to at most eight pages.
    Growing,
}

/// The first `count` programs of a campaign with 15 to 25 ops that end without a trap, on which the model stays exact.
///
/// # Errors
/// If the runtime cannot be had on one of the campaign's machines.
pub fn drawn(spec: &Spec, seed: u64, memory: Memory, count: usize) -> Result<Vec<Program>, RuntimeError> {
    let campaign = campaign(spec, seed)?;
    let mut found = Vec::new();
    for index in 0..LOOKED_AT {
        let mut program = campaign.program(index);
        if !(15..=25).contains(&program.ops.len()) {
            continue;
        }
        let mut model = planned(spec, &program)?;
        if memory == Memory::Settled {
            let machine = &mut program.machine;
            machine.initial_pages = Some(model.heap.pages());
            machine.max_pages = machine.max_pages.max(machine.initial_pages);
            model = planned(spec, &program)?;
        }
        let (first, pages) = (model.description().parameters.initial_pages, model.heap.pages());
        let fits = match memory {
            Memory::Settled => pages == first && pages <= 2 && model.plan().work < 2_000,
            Memory::Growing => pages > first && pages <= 8 && model.plan().work < 20_000,
        };
        if fits && model.expectation().inexact_from.is_none() && model.expectation().trap.is_none() {
            found.push(program);
            if found.len() == count {
                break;
            }
        }
    }
    Ok(found)
}

fn planned(spec: &Spec, program: &Program) -> Result<Model, RuntimeError> {
    let mut model = Model::new(&spec.resolve(program.machine)?);
    model.plan_program(program);
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::parse_spec;

    #[test]
    fn steady_programs_have_an_effect_in_every_op_and_never_grow_or_trap() {
        for name in ["vera@0.0.131", "fixed"] {
            let program = steady(2_000);
            assert_eq!(program.ops.len(), 2_000);
            let model = planned(&parse_spec(name).unwrap(), &program).unwrap();
            let expect = model.expectation();
            assert_eq!((expect.trap, expect.inexact_from, model.heap.pages()), (None, None, 2), "{name}");
            assert_eq!(expect.noops, 0);
            assert!(model.heap.collections >= 100);
        }
    }

    #[test]
    fn drawn_programs_are_as_asked_for() {
        let spec = parse_spec("vera@0.0.131").unwrap();
        for memory in [Memory::Settled, Memory::Growing] {
            let programs = drawn(&spec, 1, memory, 16).unwrap();
            assert_eq!(programs.len(), 16);
            for program in programs {
                let model = planned(&spec, &program).unwrap();
                let grew = model.heap.pages() > model.description().parameters.initial_pages;
                assert_eq!(grew, memory == Memory::Growing);
            }
        }
    }
}
