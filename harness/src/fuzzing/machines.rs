//! The machines that targets draw from: few, because each is compiled for both engines and keeps memories of its own.

use crate::runtime::Spec;
use crate::runtime::description::PAGE;
use heapsmith_generators::Machine;

/// Small machines that mostly have all their pages from the start, since an instance whose memory grew cannot be used again. The heap
/// starts at every offset modulo 8.
pub(super) fn settled(spec: &Spec) -> Vec<Machine> {
    const SMALL: [(u32, u32, u32, u32); 8] = [
        // data_end, worklist, roots, pages at the start
        (0, 16, 32, 2),
        (1, 3, 16, 2),
        (2, 8, 8, 2),
        (3, 32, 24, 2),
        (4, 1, 16, 2),
        (5, 64, 64, 2),
        (6, 5, 12, 2),
        (7, 24, 32, 1),
    ];
    let machines = SMALL.map(|(data_end, worklist, roots, initial)| Machine {
        data_end: Some(data_end),
        worklist: Some(worklist),
        roots: Some(roots),
        initial_pages: Some(initial),
        max_pages: Some(if initial == 2 { 2 } else { 4 }),
        wraps: wraps(spec),
    });
    admitted(spec, machines.to_vec())
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
        let start = i64::from(spec.resolve(machine).ok()?.regions.heap_start);
        let data_end = (past - start).rem_euclid(PAGE.into());
        Some(Machine { data_end: u32::try_from(data_end).ok(), ..machine })
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
    use crate::runtime::{names, parse_spec};

    #[test]
    fn every_collector_can_have_every_machine_and_heaps_start_where_they_should() {
        for name in names() {
            let spec = parse_spec(name).unwrap();
            assert_eq!(settled(&spec).len(), 8, "{name}");
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
