use super::*;
use crate::kind::OpKind;
use crate::{Base, Campaign, Count, parse};
use std::collections::BTreeSet;

const WRAPPING: Capacities =
    Capacities { worklist: 16_384, roots: 4_096, max_pages: 256, table_bytes_per_page: 0, wraps: 8 };

fn campaign() -> Campaign {
    Campaign::new(3, WRAPPING, Machine::default())
}

fn program(text: &str) -> Program {
    parse(&format!("heapsmith 1\n{text}")).unwrap()
}

/// A hash that is fixed here, because the standard library's may change.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn mutants_are_in_range_short_no_dearer_and_read_back() {
    let campaign = campaign();
    let mutator = Mutator { capacities: WRAPPING, machines: campaign.machines(), most_work: 1 << 16 };
    for index in 0..400 {
        let mut mutant = campaign.program(index);
        let partner = campaign.program(index + 1);
        let bound = mutator.most_work.max(work(&mutant, WRAPPING));
        for step in 0..20 {
            mutator.mutate(&mut mutant, Some(&partner), index * 100 + step);
            assert!(mutant.ops.len() <= MUTANT_OPS);
            assert!(work(&mutant, WRAPPING) <= bound, "{mutant}");
            assert_eq!(parse(&mutant.to_string()).as_ref(), Ok(&mutant));
        }
    }
}

#[test]
fn mutants_of_a_seed_never_change() {
    let campaign = campaign();
    let mut all = String::new();
    for seed in 0..1_000 {
        let mut mutant = campaign.program(seed % 16);
        mutate(&mut mutant, seed);
        all += &mutant.to_string();
        let mutator = Mutator { capacities: WRAPPING, machines: campaign.machines(), ..Mutator::default() };
        mutator.mutate(&mut mutant, Some(&campaign.program(77)), seed);
        all += &mutant.to_string();
    }
    insta::assert_snapshot!(format!("{:016x}", fnv(&all)), @"b9cdc9fadaae0c28");
}

#[test]
fn what_is_out_of_range_or_too_long_is_brought_back() {
    let node_words = Op::Roots { count: Count { base: Base::Zero, delta: -3 }, words: 255 };
    let tree = crate::Shape::Tree { n: Count { base: Base::Zero, delta: i32::MAX }, arity: 0 };
    let tree = Op::Graph { dst: Reg::new(1), shape: tree, words: 99, tag: 0 };
    let machine = Machine { initial_pages: Some(9), max_pages: Some(3), ..Machine::default() };
    let wild = Program { machine, ops: [node_words, tree].into_iter().cycle().take(2 * MUTANT_OPS).collect() };
    for seed in 0..200 {
        let mut mutant = wild.clone();
        mutate(&mut mutant, seed);
        assert!(mutant.ops.len() <= MUTANT_OPS);
        assert_eq!(parse(&mutant.to_string()).as_ref(), Ok(&mutant));
    }
}

#[test]
fn an_empty_program_grows() {
    let grown = (0..64).filter(|&seed| {
        let mut mutant = Program::default();
        mutate(&mut mutant, seed);
        !mutant.ops.is_empty()
    });
    assert!(grown.count() > 56, "a second change may take away what the first brought");
}

#[test]
fn every_kind_of_change_is_made_and_every_kind_of_op_comes_in() {
    let campaign = campaign();
    let mutator = Mutator { capacities: WRAPPING, machines: campaign.machines(), ..Mutator::default() };
    for kind in Mutation::ALL {
        let changed = (0..64).filter(|&seed| {
            let before = campaign.program(seed);
            let mut after = before.clone();
            mutator.apply(kind, &mut after, None, &mut Random::new(seed, 0)) && after != before
        });
        assert!(changed.count() > 24, "{kind:?}");
    }
    let mut tags = BTreeSet::new();
    for seed in 0..3_000 {
        let mut mutant = Program::default();
        mutator.mutate(&mut mutant, None, seed);
        tags.extend(mutant.ops.iter().map(Op::tag));
    }
    assert_eq!(
        tags.len() + 1,
        Op::TAGS.len(),
        "all but `minor`, which is only in programs for collectors that have it: {tags:?}"
    );
    assert_eq!(OpKind::ALL.len(), 17, "each kind has a tag or more in that list");
}

/// All mutants of one change of these kinds, as text without the version.
fn neighbours(of: &Program, kinds: &[Mutation], partner: Option<&Program>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for &kind in kinds {
        for seed in 0..8_000 {
            let mut mutant = of.clone();
            if Mutator::default().apply(kind, &mut mutant, partner, &mut Random::new(seed, 1)) {
                all.insert(mutant.ops.iter().map(|op| format!("{op}\n")).collect());
            }
        }
    }
    all
}

fn lines(ops: &[&str]) -> String {
    ops.iter().map(|op| format!("{op}\n")).collect()
}

#[test]
fn every_neighbour_by_structure_is_reached() {
    const OPS: [&str; 4] = ["drop r0", "collect", "move r1 = r2", "check r3"];
    let all = neighbours(
        &program(&lines(&OPS)),
        &[Mutation::Remove, Mutation::Duplicate, Mutation::Swap, Mutation::Frame, Mutation::Repeat, Mutation::Move],
        None,
    );
    for i in 0..OPS.len() {
        for j in i..OPS.len() {
            let removed = [&OPS[..i], &OPS[j + 1..]].concat();
            assert!(all.contains(&lines(&removed)), "without {i}..={j}");
            let repeated = [&OPS[..=j], &OPS[i..=j], &OPS[j + 1..]].concat();
            assert!(all.contains(&lines(&repeated)), "twice {i}..={j}");
            let framed = [&OPS[..i], &["enter"], &OPS[i..=j], &["leave"], &OPS[j + 1..]].concat();
            assert!(all.contains(&lines(&framed)), "framed {i}..={j}");
            let mut swapped = OPS;
            swapped.swap(i, j);
            assert!(i == j || all.contains(&lines(&swapped)), "swapped {i} and {j}");
            let mut moved = OPS;
            moved[i..=j].rotate_left(1);
            assert!(i == j || all.contains(&lines(&moved)), "moved {i} to {j}");
        }
    }
}

#[test]
fn every_neighbour_by_operand_is_reached() {
    let store = neighbours(&program("store r0.1 = r2"), &[Mutation::Operand], None);
    for n in 0..16 {
        assert!(n == 0 || store.contains(&format!("store r{n}.1 = r2\n")), "{n}");
        assert!(n == 2 || store.contains(&format!("store r0.1 = r{n}\n")), "{n}");
        assert!(n == 1 || store.contains(&format!("store r0.{n} = r2\n")), "{n}");
    }
    let wide = neighbours(&program("wide r0 n=8"), &[Mutation::Capacity, Mutation::Shape], None);
    for delta in -2..=2 {
        for base in ["worklist", "roots"] {
            let offset = if delta == 0 { String::new() } else { format!("{delta:+}") };
            assert!(wide.contains(&format!("wide r0 n={base}{offset}\n")), "{base}{offset}");
        }
    }
    for tag in ["chain", "cycle", "duplicates"] {
        assert!(wide.contains(&format!("{tag} r0 n=8\n")), "{tag}");
    }
    let sizes = neighbours(&program("machine pages=1..4\ngarbage n=1 size=24"), &[Mutation::Boundary], None);
    for delta in -16..=16 {
        for edge in ["memory", "page", "limit"] {
            for part in ["payload", "block"] {
                let offset = if delta == 0 { String::new() } else { format!("{delta:+}") };
                let wanted = format!("garbage n=1 size={edge}.{part}{offset}\n");
                assert!(sizes.contains(&wanted), "{wanted}");
            }
        }
    }
}

#[test]
fn a_partner_gives_its_ops() {
    let (one, other) = (program("drop r0\ndrop r1\n"), program("check r2\ncheck r3\n"));
    let all = neighbours(&one, &[Mutation::Splice, Mutation::Cross], Some(&other));
    for wanted in [
        lines(&["drop r0", "check r2", "check r3", "drop r1"]),
        lines(&["drop r0", "check r3"]),
        lines(&["drop r0", "drop r1", "check r2", "check r3"]),
    ] {
        assert!(all.contains(&wanted), "{wanted}");
    }
}
