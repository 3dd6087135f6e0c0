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

/// What an object of this size shows of which nobody wrote a byte, where zero is promised up to its last byte, in a memory with one byte set that ends
/// `room` bytes after it.
fn dirty_byte(size: u32, at: u32, room: usize) -> Option<(String, usize)> {
    let program = parse(&format!("heapsmith 1\nalloc r0 size={size} fields=0 init=bare\n")).unwrap();
    let mut description = describe("fixed", program.machine).unwrap();
    description.promises.zeroing = crate::runtime::description::Zeroing::Payload;
    let mut model = Model::new(&description);
    model.plan_program(&program);
    let log = model.expectation().log.clone();
    let mut heap = vec![0; log[0] as usize + size as usize + room];
    heap[(log[0] + at) as usize] = 0xcd;
    let outcome = Outcome { log, pages: 1, ..Outcome::default() };
    let seen = Seen { outcome: &outcome, heap: &heap };
    let live = contents::live_objects(&mut model, seen);
    let v = contents::first_not_zero(&mut model, seen, &live)?;
    assert_eq!(v.kind, Kind::NotZeroed);
    Some((v.expected, v.words.len()))
}

#[test]
fn a_fresh_payload_is_zero_up_to_its_last_byte_and_no_further() {
    let found = |offset: u32, words| Some((format!("zero at payload offset {offset}"), words));
    assert_eq!(dirty_byte(7, 2, 9), found(0, 1));
    assert_eq!(dirty_byte(7, 6, 9), found(4, 1));
    assert_eq!(dirty_byte(7, 7, 9), None);
    assert_eq!(dirty_byte(3, 2, 9), found(0, 1));
    // At the end of memory there is no whole word to show.
    assert_eq!(dirty_byte(7, 6, 0), found(4, 0));
}

#[test]
fn last_bytes_that_are_no_whole_word_are_shown_as_they_must_be() {
    let program = parse("heapsmith 1\nalloc r0 size=7 fields=0 init=fill(3)\n").unwrap();
    let mut model = Model::new(&describe("fixed", program.machine).unwrap());
    model.plan_program(&program);
    let log = model.expectation().log.clone();
    let payload = log[0] as usize;
    let mut heap = vec![0xaa; payload + 16];
    let shown = |model: &mut Model, heap: &[u8]| {
        let outcome = Outcome { log: log.clone(), pages: 1, ..Outcome::default() };
        let seen = Seen { outcome: &outcome, heap };
        let live = contents::live_objects(model, seen);
        contents::first_difference(model, seen, &live, u32::MAX)
    };
    // What is written follows from what the judge expects in its place.
    for word in 0..2 {
        let broken = shown(&mut model, &heap).unwrap().words;
        heap[payload + 4 * word..][..4].copy_from_slice(&broken[0].expected.to_le_bytes());
    }
    assert_eq!(shown(&mut model, &heap), None);
    assert_eq!(heap[payload + 7], 0xaa, "the byte after the last one is nobody's");
    heap[payload + 6] ^= 0xff;
    let [BrokenWord { address, expected, found }] = shown(&mut model, &heap).unwrap().words[..] else {
        panic!("one word is broken")
    };
    assert_eq!((address as usize, expected ^ found), (payload + 4, 0x00ff_0000));
}

/// What becomes of a trap of the first allocation, of so many bytes, in a module of which only a page limit is known, with one page of seven there.
fn trapped_at_once(size: u32) -> Verdict {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");
    let program = parse(&format!("heapsmith 1\nalloc r0 size={size} fields=0 init=null\n")).unwrap();
    let mut description = crate::runtime::parse_spec(module).unwrap().resolve(program.machine).unwrap();
    description.parameters.max_pages = 7;
    let mut model = Model::new(&description);
    model.plan_program(&program);
    assert_eq!(model.expectation().inexact_from, Some(0));
    let outcome = Outcome { end: End::Trapped(Trap::Unreachable), pages: 1, ..Outcome::default() };
    judge(&mut model, &program, Seen { outcome: &outcome, heap: &vec![0; PAGE as usize] })
}

#[test]
fn a_block_that_is_rounded_up_to_a_power_of_two_may_have_no_room() {
    assert_eq!(trapped_at_once(262_145), Verdict::AllowedTrap(Allowance::May));
    let Verdict::Violation(v) = trapped_at_once(262_000) else { panic!("there was room") };
    assert_eq!(v.kind, Kind::UnexpectedTrap(Trap::Unreachable));
}
