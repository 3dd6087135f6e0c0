use super::*;
use crate::judge::Verdict;
use crate::runtime::{builtin, parse_spec};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::heap_image::HeapEnd;
use heapsmith_generators::{Machine, Op, Program, raw_bytes};
use std::sync::Arc;

fn image(index: u64) -> HeapImage {
    HeapImage::from_bytes(&raw_bytes(7, index, 400))
}

fn place(name: &str, image: &HeapImage) -> Image {
    Image::place(image, &parse_spec(name).unwrap().resolve(image.machine()).unwrap())
}

#[test]
fn every_image_is_a_heap_that_the_policies_can_leave() {
    for index in 0..600 {
        let image = image(index);
        for name in ["fixed", "fixed-split", "vera@0.0.131", "vera@0.1.9+wrap"] {
            let placed = place(name, &image);
            let d = placed.description().clone();
            let mut at = d.regions.heap_start;
            let mut free_before = false;
            for block in &placed.blocks {
                assert_eq!(block.address, at + 4, "{name} {index}");
                assert!(block.size <= block.recorded && !(block.free && block.marked));
                let stride = d.object.stride(block.recorded) as u32;
                assert!(block.words.len() as u32 <= (stride - 4) / 4);
                if name == "fixed-split" {
                    assert!(!(block.free && free_before) && block.size == block.recorded);
                }
                for &(content, word) in &block.words {
                    if content == Content::Pointer && word != 0 {
                        assert!(placed.objects().any(|o| o.address == word), "{name} {index}");
                    }
                    assert!(name != "fixed" || block.free || content != Content::Unwritten || word == 0);
                }
                (at, free_before) = (at + stride, block.free);
            }
            assert_eq!(placed.heap_end, at);
            assert!(u64::from(at) <= memory_end(&d));
            assert!(placed.roots.len() + placed.stale.len() <= d.parameters.roots as usize);
            assert!(placed.roots.iter().flatten().all(|&b| !placed.blocks[b as usize].free));
        }
    }
}

#[test]
fn ends_of_pages_are_reached_exactly() {
    let mut before = std::collections::BTreeSet::new();
    for worklist in 1..=64 {
        for (delta, past) in [(0, -7..=0), (1, 1..=8), (-1, -15..=-8)] {
            let block = ImageBlock { state: BlockState::Fresh, size: 9, words: Vec::new() };
            let end = Some(HeapEnd { page: 0, delta, block: 0 });
            let image = HeapImage { worklist, blocks: vec![block], end, ..HeapImage::from_bytes(&[]) };
            let placed = place("vera@0.0.131", &image);
            let past_page = i64::from(placed.heap_end) - i64::from(PAGE);
            // Memory of one page ends there.
            let past = if placed.description().parameters.max_pages == 1 && delta > 0 { -7..=0 } else { past };
            assert!(past.contains(&past_page), "{worklist} {delta}: {past_page}");
            if delta == 0 {
                before.insert(past_page);
            }
        }
    }
    assert_eq!(before, (-7..=0).collect());
}

/// A program continues from an image: its roots can be loaded from, its free blocks are used first.
#[test]
fn programs_go_on_from_an_image_and_engines_model_and_emulator_agree() {
    let engines = crate::engine::DEFAULT.map(|name| crate::engine::by_name(name).unwrap());
    let program = heapsmith_generators::parse(
        "heapsmith 1\nalloc r0 size=16 fields=2 init=null\ncollect\nalloc r1 size=8 fields=1 init=fill(3)\nstore r0.1 = r1\ngarbage n=4 size=24\ncollect\ncheck r0\n",
    )
    .unwrap();
    for name in ["fixed", "fixed-split", "vera@0.0.131"] {
        let machine = Machine { max_pages: Some(4), ..HeapImage::from_bytes(&[255, 7, 255, 7]).machine() };
        let description = parse_spec(name).unwrap().resolve(machine).unwrap();
        let mut rig = Rig::new(Arc::new(Prepared::builtin(builtin(description.clone()), &engines).unwrap())).unwrap();
        let (mut passed, mut trapped) = (0, 0);
        for index in 0..200 {
            let image = Image::place(&image(index), &description);
            rig.start_from(Some(Arc::new(image)));
            match rig.trial(&program) {
                Verdict::Pass => passed += 1,
                Verdict::AllowedTrap(_) => trapped += 1,
                Verdict::Violation(v) if name == "vera@0.0.131" => assert!(v.object.is_some(), "{v:?}"),
                other @ (Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_)) => {
                    panic!("{name} {index}: {other:?}")
                }
            }
        }
        assert!(passed > 60 && trapped > 5, "{name}: {passed} passed, {trapped} trapped");
        // And from the empty heap again.
        rig.start_from(None);
        let collect = Program { machine, ops: vec![Op::Collect] };
        assert_eq!(rig.trial(&collect), Verdict::Pass);
        assert_eq!(rig.memory(0)[description.regions.heap_start as usize..].iter().max(), Some(&0));
    }
}
