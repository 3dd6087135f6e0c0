//! Traps that are allowed only: what memory must show for them.

use super::*;
use crate::runtime::describe;
use heapsmith_generators::parse;

/// A live word that points into a dead block is taken for an object, which leads to a dead block of `size` bytes: the collector keeps it,
/// and has no room for a second one.
fn trapped_for_want_of_room(pages: u32, size: u32) -> Verdict {
    let text = format!(
        "heapsmith 1\nmachine pages=2..{pages}\nalloc r1 size=8\nalloc r4 size=16\nalloc r2 size=4 fields=1\nalloc r0 size={size}\n\
         write r4[1] = 4000\nwrite r1[0] = r4+8\nstore r2.0 = r0\ndrop r0\ndrop r2\ndrop r4\nalloc r3 size={size}\n"
    );
    let program = parse(&text).unwrap();
    let mut model = Model::new(&describe("vera@0.1.9", program.machine).unwrap());
    model.plan_program(&program);
    assert_eq!(model.expectation().trap, None, "the model frees the block and has room");
    let log = model.expectation().log[..4].to_vec();
    let mut heap = vec![0; 2 * PAGE as usize];
    heap[log[0] as usize..][..4].copy_from_slice(&(log[1] + 8).to_le_bytes());
    let end = log[3] - 4 + model.description().object.stride(size) as u32;
    let worklist = model.description().regions.worklist.0;
    let globals = vec![end, 24, 0, worklist, 2];
    let trap = End::Trapped(Trap::Unreachable);
    let outcome = Outcome { end: trap, step: 10, log, pages: pages.min(20_000), globals, ..Outcome::default() };
    judge(&mut model, &program, Seen { outcome: &outcome, heap: &heap })
}

#[test]
fn what_a_false_candidate_keeps_may_leave_no_room_below_either_limit() {
    assert_eq!(trapped_for_want_of_room(30, 1_200_000), Verdict::AllowedTrap(Allowance::May));
    assert_eq!(trapped_for_want_of_room(65_536, 1_200_000_000), Verdict::AllowedTrap(Allowance::May));
    let Verdict::Violation(v) = trapped_for_want_of_room(65_536, 900_000_000) else { panic!("there was room") };
    assert_eq!(v.kind, Kind::UnexpectedTrap(Trap::Unreachable));
}

#[test]
fn an_allocation_of_a_later_step_says_nothing_of_this_ones_trap() {
    let start =
        "heapsmith 1\nmachine pages=2..4\nalloc r1 size=16\nwrite r1[0] = r1+8\nwrite r1[1] = 1\ncollect\ncollect\n";
    for after in ["check r1\n", "alloc r2 size=10000000\n"] {
        let program = parse(&format!("{start}{after}")).unwrap();
        let mut model = Model::new(&describe("vera@0.1.9", program.machine).unwrap());
        model.plan_program(&program);
        let log = model.expectation().log[..1].to_vec();
        let mut heap = vec![0; 2 * PAGE as usize];
        heap[log[0] as usize..][..4].copy_from_slice(&(log[0] + 8).to_le_bytes());
        heap[log[0] as usize + 4] = 1;
        let globals = vec![log[0] + 20, 4, 0, model.description().regions.worklist.0, 2];
        let end = End::Trapped(Trap::Unreachable);
        let outcome = Outcome { end, step: 4, log, pages: 2, globals, ..Outcome::default() };
        let verdict = judge(&mut model, &program, Seen { outcome: &outcome, heap: &heap });
        let Verdict::Violation(v) = verdict else { panic!("{after}: {verdict:?}") };
        assert_eq!((v.kind, v.step), (Kind::UnexpectedTrap(Trap::Unreachable), 4), "{after}");
    }
}
