//! Blocks that split and merge, and memory that nobody writes to.

use super::*;
use crate::runtime::describe;
use heapsmith_generators::Machine;

fn heap_of(name: &str, pages: u32) -> ShadowHeap {
    let machine = Machine { initial_pages: Some(pages), max_pages: Some(4_096), ..Machine::default() };
    ShadowHeap::new(&describe(name, machine).unwrap())
}

fn split_heap() -> ShadowHeap {
    heap_of("fixed-split", 80)
}

/// Blocks of these sizes, by bumps.
fn filled(heap: &mut ShadowHeap, sizes: &[u32]) -> Vec<BlockId> {
    let alloc = |(&size, logged): (&u32, u32)| match heap.alloc(size, logged, &[]) {
        Ok((id, AllocPath::Bump)) => id,
        other => panic!("{other:?}"),
    };
    sizes.iter().zip(0..).map(alloc).collect()
}

/// Offset from the lowest payload, recorded size and whether it is free, of every block by address.
fn blocks(heap: &ShadowHeap) -> Vec<(u32, u32, bool)> {
    let low = heap.blocks().next().map_or(0, |b| b.address);
    heap.blocks().map(|b| (b.address - low, b.recorded, b.free)).collect()
}

/// The free list, as offsets from the lowest payload.
fn free(heap: &ShadowHeap) -> Vec<u32> {
    let low = heap.blocks().next().map_or(0, |b| b.address);
    heap.free_list().map(|b| b.address - low).collect()
}

/// Blocks tile the heap, are found by their addresses, and those on the free list are the free ones.
fn assert_sound(heap: &ShadowHeap) {
    let mut next = u64::from(heap.blocks().next().unwrap().address) - 4;
    for b in heap.blocks() {
        assert_eq!(u64::from(b.address) - 4, next);
        let id = heap.at(b.address).unwrap();
        assert_eq!(heap.block(id).address, b.address);
        next += heap.object.stride(b.recorded);
        assert_eq!(heap.words(id), ((next - u64::from(b.address)) / 4) as u32);
    }
    assert_eq!(next, heap.heap_end());
    assert_eq!(heap.free_list().count(), heap.blocks().filter(|b| b.free).count());
    assert!(heap.free_list().all(|b| b.free));
}

#[test]
fn a_remainder_of_8_bytes_is_a_block_and_one_of_0_is_none() {
    let mut heap = split_heap();
    let ids = filled(&mut heap, &[36, 8]);
    heap.collect(&[Some(ids[1])]).unwrap();
    let (lower, path) = heap.alloc(28, 7, &[]).unwrap();
    assert_eq!((path, blocks(&heap)), (AllocPath::ListSplit, vec![(0, 28, false), (32, 4, true), (40, 8, false)]));
    assert_sound(&heap);
    let (upper, path) = heap.alloc(3, 8, &[]).unwrap();
    assert_eq!((path, blocks(&heap)), (AllocPath::List, vec![(0, 28, false), (32, 3, false), (40, 8, false)]));
    assert_eq!((heap.block(lower).logged, heap.block(upper).logged, free(&heap)), (7, 8, vec![]));
    assert_sound(&heap);
}

#[test]
fn a_free_block_without_free_neighbours_records_its_padding_as_room() {
    let mut heap = split_heap();
    let ids = filled(&mut heap, &[5, 0]);
    heap.collect(&[Some(ids[1])]).unwrap();
    assert_eq!(blocks(&heap), [(0, 12, true), (16, 0, false)]);
    assert_eq!(heap.alloc(12, 7, &[]), Ok((ids[0], AllocPath::ListExact)));
    assert_sound(&heap);
}

#[test]
fn a_size_of_0_splits_off_8_bytes() {
    let mut heap = split_heap();
    let ids = filled(&mut heap, &[12, 4]);
    heap.collect(&[Some(ids[1])]).unwrap();
    assert_eq!(heap.alloc(0, 7, &[]).unwrap().1, AllocPath::ListSplit);
    assert_eq!(heap.alloc(0, 8, &[]).unwrap().1, AllocPath::List);
    assert_eq!(heap.alloc(0, 9, &[]).unwrap().1, AllocPath::Bump);
    assert_eq!(blocks(&heap), [(0, 0, false), (8, 0, false), (16, 4, false), (24, 0, false)]);
    assert_sound(&heap);
}

#[test]
fn remainders_stand_where_their_blocks_stood() {
    let mut heap = split_heap();
    let ids = filled(&mut heap, &[4, 0, 44, 0, 20, 0]);
    heap.collect(&[Some(ids[1]), Some(ids[3]), Some(ids[5])]).unwrap();
    assert_eq!(free(&heap), [72, 16, 0]);
    heap.alloc(30, 7, &[]).unwrap();
    assert_eq!(free(&heap), [72, 56, 0]);
    assert_sound(&heap);
}

#[test]
fn a_run_at_the_heap_s_end_is_a_free_block_and_the_next_bump_follows_it() {
    let mut heap = split_heap();
    let ids = filled(&mut heap, &[8, 5, 100, 0]);
    let end = heap.heap_end();
    heap.collect(&[Some(ids[0])]).unwrap();
    assert_eq!((blocks(&heap), heap.heap_end()), (vec![(0, 8, false), (16, 124, true)], end));
    assert_sound(&heap);
    let (id, path) = heap.alloc(125, 7, &[]).unwrap();
    assert_eq!((path, u64::from(heap.block(id).address)), (AllocPath::Bump, end + 4));
    assert_eq!(blocks(&heap), [(0, 8, false), (16, 124, true), (144, 125, false)]);
    assert_sound(&heap);
}

#[test]
fn a_run_that_grew_over_several_collections_is_reused_after_growth() {
    let mut heap = split_heap();
    let keep = filled(&mut heap, &[4])[0];
    let mut roots = vec![Some(keep)];
    // Until memory grows: everything but the first block is garbage then.
    for logged in 1.. {
        let (id, path) = heap.alloc(60_000, logged, &roots).unwrap();
        assert_ne!(path, AllocPath::List);
        if path == AllocPath::GrownOne {
            break;
        }
        roots.push(Some(id));
    }
    let pages = heap.pages();
    heap.collect(&roots[..1]).unwrap();
    assert_eq!(free(&heap), [8]);
    assert_eq!(heap.block(keep).recorded, 4, "its name says the same block");
    let all = heap.free_list().next().unwrap().recorded;
    let (id, path) = heap.alloc(all, 1_000, &roots[..1]).unwrap();
    assert_eq!(
        (path, heap.block(id).address, heap.pages()),
        (AllocPath::ListExact, heap.block(keep).address + 8, pages)
    );
    assert_sound(&heap);
}

#[test]
fn names_of_merged_blocks_are_given_again_and_those_of_objects_stay() {
    let mut heap = split_heap();
    let ids = filled(&mut heap, &[8; 100]);
    let roots: Vec<_> = ids.iter().step_by(10).map(|&id| Some(id)).collect();
    let before: Vec<_> = roots.iter().flatten().map(|&id| (id, heap.block(id).address)).collect();
    for round in 0..50 {
        heap.collect(&roots).unwrap();
        assert_eq!(free(&heap).len(), 10);
        for i in 0..30 {
            heap.alloc(round % 20, 1_000 + i, &roots).unwrap();
        }
        assert_sound(&heap);
    }
    assert_eq!(before, roots.iter().flatten().map(|&id| (id, heap.block(id).address)).collect::<Vec<_>>());
    assert!(heap.blocks.len() <= 200, "{} names", heap.blocks.len());
    heap.reset();
    assert_eq!((heap.blocks().count(), heap.at(before[1].1)), (0, None));
}

#[test]
fn old_words_show_through_a_merged_block_that_is_not_zeroed() {
    let mut description = describe("vera@0.0.131", Machine { initial_pages: Some(4), ..Machine::default() }).unwrap();
    description.promises.placement = crate::runtime::description::PlacementPolicy::FirstFitSplit;
    let mut heap = ShadowHeap::new(&description);
    let ids = filled(&mut heap, &[4, 20, 4]);
    heap.write(ids[1], 0, Content::Data, 77);
    heap.write(ids[1], 1, Content::Data, 78);
    let first = heap.block(ids[0]).address;
    heap.collect(&[Some(ids[2])]).unwrap();
    let (id, _) = heap.alloc(28, 7, &[]).unwrap();
    assert_eq!(heap.block(id).address, first);
    // The link, the header that was the second block's, what it held.
    let words: Vec<_> = (0..4).map(|word| heap.word(id, word)).collect();
    assert_eq!(
        words,
        [(Content::Unwritten, 0), (Content::Unwritten, 20 << 1), (Content::Unwritten, 77), (Content::Unwritten, 78)]
    );
}

#[test]
fn a_huge_block_that_nobody_writes_to_costs_nothing_but_its_work() {
    for name in ["fixed", "fixed-split"] {
        let mut heap = heap_of(name, 4_096);
        let (id, _) = heap.alloc(200 << 20, 0, &[]).unwrap();
        heap.write(id, 0, Content::Pointer, heap.block(id).address);
        heap.write(id, (50 << 20) - 1, Content::Data, 5);
        let work = heap.work;
        heap.collect(&[Some(id)]).unwrap();
        assert!(heap.work - work > 50 << 20, "{name}: the guest visits every word");
        assert!(heap.words_held() <= 2 * 4_096, "{name}: {} words", heap.words_held());
        heap.collect(&[]).unwrap();
        let (again, _) = heap.alloc(200 << 20, 1, &[]).unwrap();
        assert_eq!((again, heap.word(again, 0)), (id, (Content::Unwritten, 0)));
        heap.reset();
        assert_eq!(heap.words_held(), 0);
    }
}

fn planned(text: &str) -> Model {
    let program = heapsmith_generators::parse(text).unwrap();
    let mut model = Model::new(&describe("vera@0.1.9", program.machine).unwrap());
    model.plan_program(&program);
    model
}

/// Garbage of 1.2 GB whose block then goes to 8 bytes, because nothing is split: a second 1.2 GB end beyond 2 GiB. `word` is a word of a live
/// object when the garbage is collected: if it is taken for an object, whose size the word before it is, the collector keeps the garbage.
fn two_giants(word: &str) -> Model {
    planned(&format!(
        "heapsmith 1\nmachine pages=..65536\nalloc r1 size=8\nalloc r4 size=16\nalloc r2 size=4 fields=1\nalloc r0 size=1200000000\n\
         write r4[1] = 4000\nwrite r1[0] = {word}\nstore r2.0 = r0\ndrop r0\ndrop r2\ndrop r4\ncollect\nalloc r5 size=8\n\
         write r1[0] = 0\ncollect\nalloc r3 size=1200000000\n"
    ))
}

#[test]
fn past_the_address_limit_an_exact_model_demands_a_trap_and_an_inexact_one_says_nothing() {
    let exact = two_giants("1");
    let trap = exact.expectation().trap.unwrap();
    assert_eq!((trap.step, trap.rule, exact.expectation().too_much_work), (14, TrapRule::AddressLimit, false));
    // The collector kept the garbage for a while, so that it has its block still.
    let inexact = two_giants("r4+8");
    assert_eq!(inexact.expectation().inexact_from, Some(10));
    assert_eq!((inexact.expectation().trap, inexact.expectation().too_much_work), (None, true));
}

#[test]
fn a_program_that_logs_without_end_is_too_much_work() {
    let model = planned(&format!(
        "heapsmith 1\nmachine worklist=1 roots=1 pages=1..1\n{}",
        "garbage n=1048576 size=0\n".repeat(20)
    ));
    assert!(model.expectation().too_much_work);
    assert_eq!((model.plan().steps.len(), model.expectation().log.len()), (17, LOG_LIMIT));
}

#[test]
fn an_object_that_is_more_than_is_worth_modelling_is_not_written_first() {
    let model = planned("heapsmith 1\nmachine pages=..65536\nalloc r0 size=2147000000 init=fill(1)\n");
    assert!(model.expectation().too_much_work);
    assert_eq!(model.heap.words_held(), 0);
}

#[test]
fn memory_beyond_the_address_limit_is_no_room_and_a_collection_comes_before_the_trap() {
    // 256 KiB of memory lie above 2 GiB.
    let two = |first: u32, second: u32| {
        let start = "heapsmith 1\nmachine pages=32772..32772\n";
        planned(&format!("{start}alloc r0 size={first} init=bare\ndrop r0\nalloc r1 size={second} init=bare\n"))
    };
    let too_small = two(0x3fff_0000, 0x4001_0000);
    let trap = too_small.expectation().trap.unwrap();
    assert_eq!((trap.step, trap.rule, too_small.heap.collections), (2, TrapRule::AddressLimit, 1));
    let serves = two(0x6000_0000, 0x2000_0000);
    assert_eq!((serves.expectation().trap, serves.heap.collections), (None, 1));
    assert_eq!(serves.expectation().paths[AllocPath::CollectedList as usize], 1);
}

#[test]
fn where_page_limit_and_address_limit_forbid_a_block_the_page_limit_is_named() {
    let rule = |pages: &str| {
        let model = planned(&format!("heapsmith 1\nmachine pages={pages}\nalloc r0 size=0x7ffffff0 init=bare\n"));
        model.expectation().trap.unwrap().rule
    };
    // The block ends 81 904 bytes above 2 GiB; 32 769 pages end 65 536 above.
    assert_eq!([rule("1..256"), rule("1..32769")], [TrapRule::MemoryLimit; 2]);
    assert_eq!([rule("1..32770"), rule("1..65536")], [TrapRule::AddressLimit; 2]);
}
