//! The machines that targets draw from: few, because each is compiled for both engines and keeps memories of its own.

use crate::runtime::Spec;
use crate::runtime::description::PAGE;
use heapsmith_generators::Machine;

/// Machines whose heap is at most a few KiB up to the end of their only page: every boundary is there, and neither allocations nor
/// collections can be much work. Memory does not grow, since an instance whose memory did cannot be used again; but for two machines, which
/// come up a sixteenth as often: one that starts like the others, and one with room for payloads of pages. Heaps start at every
/// offset modulo 8.
pub(super) fn settled(spec: &Spec) -> Vec<Machine> {
    const TIGHT: [(i64, u32, u32); 8] = [
        // bytes of heap, worklist, roots
        (4_096, 16, 32),
        (1_023, 3, 16),
        (2_046, 8, 8),
        (3_069, 32, 24),
        (516, 1, 16),
        (4_091, 64, 64),
        (1_018, 5, 12),
        (2_041, 24, 32),
    ];
    let small = |worklist, roots, pages| Machine {
        data_end: Some(0),
        worklist: Some(worklist),
        roots: Some(roots),
        initial_pages: Some(1),
        max_pages: Some(pages),
        wraps: wraps(spec),
    };
    let tight = TIGHT.map(|(bytes, worklist, roots)| starting(spec, -bytes, small(worklist, roots, 1)));
    let growing = starting(spec, -1_500, small(8, 16, 2));
    let roomy = Machine { initial_pages: Some(2), ..small(16, 32, 2) };
    let often = tight.into_iter().flatten().cycle().take(15 * TIGHT.len());
    let seldom = growing.into_iter().chain([roomy]).cycle().take(TIGHT.len());
    admitted(spec, often.chain(seldom).collect())
}

/// The machine with a heap that starts so many bytes past a page boundary.
fn starting(spec: &Spec, past: i64, machine: Machine) -> Option<Machine> {
    let start = i64::from(spec.resolve(machine).ok()?.regions.heap_start);
    let data_end = (past - start).rem_euclid(PAGE.into());
    Some(Machine { data_end: u32::try_from(data_end).ok(), ..machine })
}

/// Small worklists and root stacks for graphs of dozens of nodes, and the collector's own for those of tens of thousands.
pub(super) fn capacities(spec: &Spec) -> Vec<Machine> {
    const SMALL: [(u32, u32); 6] = [(1, 16), (4, 8), (16, 32), (23, 64), (64, 24), (200, 64)];
    let small = SMALL.iter().zip(0..).map(|(&(worklist, roots), i)| Machine {
        data_end: Some(3 * i),
        worklist: Some(worklist),
        roots: Some(roots),
        initial_pages: Some(2),
        max_pages: Some(4),
        wraps: wraps(spec),
    });
    let real = [(0, 64), (5, 64), (0, 256)].map(|(data_end, max)| Machine {
        data_end: Some(data_end),
        max_pages: Some(max),
        ..Machine::default()
    });
    admitted(spec, small.chain(real).collect())
}

/// Machines whose heap starts within 16 bytes of a page boundary or a few words before one, and that may have one to six pages.
pub(super) fn boundaries(spec: &Spec) -> Vec<Machine> {
    const STARTS: [i64; 12] = [0, -4, -8, -16, -1, 1, 8, 16, -40, -64, -128, -1_000];
    let machines = STARTS.iter().zip(0_u32..).filter_map(|(&past, i)| {
        let machine = Machine {
            data_end: Some(0),
            worklist: Some(4 + 3 * i),
            roots: Some(8 + 2 * i),
            initial_pages: (i % 3 == 1).then_some(2),
            max_pages: Some(2 + i % 5),
            wraps: wraps(spec),
        };
        starting(spec, past, machine)
    });
    admitted(spec, machines.collect())
}

/// Small wrap tables, where the collector has one.
fn wraps(spec: &Spec) -> Option<u32> {
    spec.resolve(Machine::default()).is_ok_and(|d| d.parameters.wraps > 0).then_some(4)
}

/// Those that the collector can have.
fn admitted(spec: &Spec, machines: Vec<Machine>) -> Vec<Machine> {
    machines.into_iter().filter(|&machine| spec.resolve(machine).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{description::Description, names, parse_spec};
    use std::collections::BTreeSet;

    #[test]
    fn every_collector_can_have_every_machine_and_heaps_start_where_they_should() {
        for name in names() {
            let spec = parse_spec(name).unwrap();
            let settled: Vec<Description> = settled(&spec).iter().map(|&m| spec.resolve(m).unwrap()).collect();
            assert_eq!(settled.len(), 128, "{name}");
            let heap = |d: &Description| i64::from(d.parameters.max_pages * PAGE) - i64::from(d.regions.heap_start);
            assert_eq!(settled.iter().filter(|d| heap(d) <= 4_096).count(), 120, "{name}");
            let phases: BTreeSet<u32> = settled.iter().map(|d| d.regions.heap_start % 8).collect();
            assert_eq!(phases.len(), 8, "{name}: {phases:?}");
            assert_eq!(capacities(&spec).len(), 9, "{name}");
            let near = boundaries(&spec);
            assert_eq!(near.len(), 12, "{name}");
            let past: Vec<i64> = near
                .iter()
                .map(|&machine| {
                    let start = i64::from(spec.resolve(machine).unwrap().regions.heap_start);
                    (start + 0x8000).rem_euclid(PAGE.into()) - 0x8000
                })
                .collect();
            assert_eq!(past, [0, -4, -8, -16, -1, 1, 8, 16, -40, -64, -128, -1_000], "{name}");
        }
    }
}
