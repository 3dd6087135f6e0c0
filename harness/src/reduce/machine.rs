//! The simplest machine on which a reduced case still breaks its promise: less static data, smaller capacities, pages that nobody
//! asked for. Each machine is a compilation, so this is for the few cases that are shown.

use super::{Reduced, reduce, simplify};
use crate::trial::Rig;
use heapsmith_generators::{Machine, Program};
use std::sync::atomic::{AtomicBool, Ordering};

/// Machines that are tried for one case at most.
const TRIED: u32 = 40;

/// Reduces the machine of a case that is reduced already, then its ops again; `rig` gives the collector on a machine. None if no
/// simpler machine shows the same, or `hurry` was set before one was found.
///
/// A machine is not simpler if the same ops are more work there, such as `wide n=worklist+1` at the collector's own capacity.
pub fn reduce_machine(
    program: &Program,
    hurry: &AtomicBool,
    mut rig: impl FnMut(Machine) -> Option<Rig>,
) -> Option<(Rig, Reduced)> {
    let mut on = rig(program.machine)?;
    let replay = on.replay(program);
    let bucket = replay.bucket.clone()?;
    let work = on.model().plan().work;
    let mut best: Option<Reduced> = None;
    let (mut machine, mut next, mut trials) = (program.machine, 0, 0);
    while let Some(candidate) = simpler(machine).into_iter().nth(next)
        && trials < TRIED
        && !hurry.load(Ordering::Relaxed)
    {
        next += 1;
        trials += 1;
        let program = Program { machine: candidate, ops: program.ops.clone() };
        let Some(mut simpler) = rig(candidate) else { continue };
        let replay = simpler.replay(&program);
        let stays = replay.bucket.as_ref().is_some_and(|b| b.same(&bucket));
        if stays && simpler.model().plan().work <= work {
            on = simpler;
            (machine, next) = (candidate, 0);
            best = Some(Reduced { program, replay, trials });
        }
    }
    let Reduced { program, replay, .. } = best?;
    let reduced = reduce(&mut on, &program, replay, hurry);
    Some((on, Reduced { trials: reduced.trials + trials, ..reduced }))
}

/// Simpler machines, the simplest first. Nothing asked for is simplest, then a small number.
fn simpler(machine: Machine) -> Vec<Machine> {
    let mut all = Vec::new();
    let mut add = |old: Option<u32>, numbers: &dyn Fn(u32) -> Vec<u32>, set: &dyn Fn(&mut Machine, Option<u32>)| {
        let Some(old) = old else { return };
        for value in std::iter::once(None).chain(numbers(old).into_iter().map(Some)) {
            let mut candidate = machine;
            set(&mut candidate, value);
            all.push(candidate);
        }
    };
    let few = |n: u32| simplify::numbers(n).into_iter().filter(|&n| n > 0).take(3).collect::<Vec<_>>();
    // Only its place in a unit of 8 bytes matters, unless a page's end is near.
    add(machine.data_end, &|d| Vec::from_iter((d >= 8).then_some(d % 8)), &|m, v| m.data_end = v);
    add(machine.initial_pages, &|_| Vec::new(), &|m, v| m.initial_pages = v);
    add(machine.max_pages, &|_| Vec::new(), &|m, v| m.max_pages = v);
    add(machine.roots, &few, &|m, v| m.roots = v);
    add(machine.worklist, &few, &|m, v| m.worklist = v);
    add(machine.wraps, &few, &|m, v| m.wraps = v);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Engine};
    use crate::runtime::{builtin, describe};
    use crate::trial::Prepared;
    use heapsmith_generators::parse;
    use std::sync::Arc;

    fn on(runtime: &str, machine: Machine) -> Option<Rig> {
        let engines: [Box<dyn Engine>; 1] = [engine::by_name("wasmtime").ok()?];
        let description = describe(runtime, machine).ok()?;
        Rig::new(Arc::new(Prepared::builtin(builtin(description), &engines).ok()?)).ok()
    }

    fn reduced(runtime: &str, text: &str) -> Option<String> {
        reduce_machine(&parse(text).unwrap(), &AtomicBool::new(false), |machine| on(runtime, machine))
            .map(|(_, r)| r.program.to_string())
    }

    #[test]
    fn what_does_not_matter_goes_and_the_capacity_that_does_stays_small() {
        let text = "heapsmith 1\nmachine data_end=1003 worklist=5 roots=16 pages=2..7\nroots n=6\ncollect\n";
        let found = reduced("vera@0.0.130", text).unwrap();
        assert_eq!(found, "heapsmith 1\nmachine worklist=1\nroots n=2\ncollect\n");
    }

    #[test]
    fn data_that_ends_near_a_page_stays_there() {
        let text = "heapsmith 1\nmachine data_end=65534 worklist=64 roots=16 pages=1..7\nchain r0 n=1 words=0\n";
        let found = reduced("vera@0.0.131", text).unwrap();
        assert_eq!(found, "heapsmith 1\nmachine data_end=65534\nchain r0 n=0\n");
    }

    #[test]
    fn the_simplest_machine_and_a_case_that_passes_have_no_simpler_one() {
        assert_eq!(reduced("vera@0.0.130", "heapsmith 1\nalloc r0 size=200000\n"), None);
        assert_eq!(reduced("fixed", "heapsmith 1\nmachine data_end=7\nalloc r0 size=8\n"), None);
    }

    #[test]
    fn each_simpler_machine_asks_for_less_so_that_trying_ends() {
        let whole = Machine {
            data_end: Some(1003),
            worklist: Some(64),
            roots: Some(16),
            initial_pages: Some(2),
            max_pages: Some(9),
            wraps: Some(5),
        };
        let sum = |m: Machine| {
            let fields = [m.data_end, m.worklist, m.roots, m.initial_pages, m.max_pages, m.wraps];
            fields.iter().flatten().map(|&n| 1 + u64::from(n)).sum::<u64>()
        };
        let all = simpler(whole);
        assert!(all.len() > 8);
        assert!(all.iter().all(|&m| sum(m) < sum(whole)));
        assert!(simpler(Machine::default()).is_empty());
    }
}
