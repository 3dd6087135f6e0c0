//! Each way of drawing programs leaves out what it says, and nothing else changes.
#![allow(clippy::unwrap_used, reason = "tests")]

use heapsmith_generators::{Base, Campaign, Capacities, Family, Machine, Op, Program, REGISTERS, Sampling, Size, Word};

const DEFAULTS: Capacities =
    Capacities { worklist: 16_384, roots: 4_096, max_pages: 256, table_bytes_per_page: 0, wraps: 4_096 };

fn campaign(sampling: Sampling) -> Campaign {
    Campaign::sampled(7, DEFAULTS, Machine::default(), sampling)
}

fn programs(sampling: Sampling) -> Vec<Program> {
    let campaign = campaign(sampling);
    (0..2_000).map(|index| campaign.program(index)).collect()
}

/// Sizes of objects, and bases of counts.
fn aims(program: &Program) -> (Vec<Size>, Vec<Base>) {
    let (mut sizes, mut bases) = (Vec::new(), Vec::new());
    for mut op in program.ops.iter().cloned() {
        sizes.extend(op.size_mut().copied());
        op.for_each_count(|count| bases.push(count.base));
    }
    (sizes, bases)
}

/// Whether a program names a boundary: an edge, a capacity, or a size beyond the few kilobytes of plain ones.
fn aims_at_a_boundary(program: &Program) -> bool {
    let (sizes, bases) = aims(program);
    sizes.iter().any(|size| !matches!(size, Size::Bytes(..=4_096))) || bases.iter().any(|base| *base != Base::Zero)
}

#[test]
fn the_mixture_is_the_campaign() {
    let plain = Campaign::new(7, DEFAULTS, Machine::default());
    let sampled = campaign(Sampling::Mixture);
    assert_eq!(plain.machines(), sampled.machines());
    assert!((0..2_000).all(|index| plain.program(index) == sampled.program(index)));
    assert_eq!(Sampling::default(), Sampling::Mixture);
}

#[test]
fn no_program_aims_at_a_boundary_that_is_not_to() {
    let mixture = programs(Sampling::Mixture);
    let seeking = mixture.iter().filter(|program| aims_at_a_boundary(program)).count();
    assert!(seeking > 1_200, "{seeking}");
    for sampling in [Sampling::Uniform, Sampling::NoBoundaries] {
        let seeking = programs(sampling).into_iter().find(aims_at_a_boundary);
        assert_eq!(seeking, None, "{sampling:?}");
    }
    // The rest of a program is the mixture's: the same kinds of ops on the same machine. Only rare ones and those of a fixed form are others.
    let plain = programs(Sampling::NoBoundaries);
    let kinds = |program: &Program| program.ops.iter().map(Op::kind).collect::<Vec<_>>();
    let same = |(a, b): &(&Program, &Program)| a.machine == b.machine && kinds(a) == kinds(b);
    let same = mixture.iter().zip(&plain).filter(same).count();
    assert!((1_900..1_980).contains(&same), "{same}");
}

#[test]
fn uniform_programs_have_every_kind_of_op_as_often_as_any_other() {
    let mut seen = [0_u32; 16];
    for program in programs(Sampling::Uniform) {
        for op in &program.ops {
            seen[op.kind() as usize] += 1;
            assert!(!matches!(op, Op::Write { value, .. } if !matches!(value, Word::Value(_))), "{program}");
        }
    }
    let mean = seen.iter().sum::<u32>() / 16;
    assert!(seen.iter().all(|n| n.abs_diff(mean) < mean / 10), "{seen:?}");
    assert_eq!(REGISTERS, 16);
    // Without a wrap table none is spoken of.
    let without = Campaign::sampled(7, Capacities { wraps: 0, ..DEFAULTS }, Machine::default(), Sampling::Uniform);
    let speaks = |index| without.program(index).ops.iter().any(|op| matches!(op, Op::Wrap { .. }));
    assert!(!(0..500).any(speaks) && without.machines().iter().all(|machine| machine.wraps.is_none()));
}

#[test]
fn uniform_heaps_start_anywhere_and_the_mixtures_before_the_end_of_a_page() {
    let near = |sampling| {
        let campaign = campaign(sampling);
        let start = |machine: &&Machine| {
            let wraps = 16 * machine.wraps.unwrap_or(DEFAULTS.wraps);
            let tables = machine.worklist.unwrap_or(DEFAULTS.worklist) + machine.roots.unwrap_or(DEFAULTS.roots);
            (machine.data_end.unwrap() + 4 * tables + wraps) % 65_536 > 65_536 - 2_049
        };
        campaign.machines().iter().filter(start).count()
    };
    assert!(near(Sampling::Mixture) >= 90 && near(Sampling::Uniform) <= 12);
}

#[test]
fn a_family_alone_is_alone() {
    let only =
        [(Sampling::FullOnly, Family::Full), (Sampling::SwarmOnly, Family::Swarm), (Sampling::RealOnly, Family::Real)];
    for (sampling, family) in only {
        let campaign = campaign(sampling);
        assert!((0..2_000).all(|index| campaign.profile(index).family == family));
    }
    // Rare programs too.
    let has_own = |program: &Program| {
        let Machine { worklist, roots, wraps, .. } = program.machine;
        (worklist, roots, wraps) == (None, None, None)
    };
    assert!(programs(Sampling::RealOnly).iter().all(has_own));
    assert!(!programs(Sampling::FullOnly).iter().all(has_own));
}

#[test]
fn what_is_pinned_is_pinned_however_programs_are_drawn() {
    let pinned = Machine { data_end: Some(5), worklist: Some(3), initial_pages: Some(9), ..Machine::default() };
    for sampling in Sampling::ALL {
        let campaign = Campaign::sampled(6, DEFAULTS, pinned, sampling);
        for index in 0..500 {
            let machine = campaign.program(index).machine;
            assert_eq!((machine.data_end, machine.worklist, machine.initial_pages), (Some(5), Some(3), Some(9)));
            assert!(machine.max_pages.unwrap() >= 9, "{sampling:?}");
        }
    }
}

#[test]
fn a_program_is_a_function_of_seed_and_index() {
    for sampling in Sampling::ALL {
        let (one, other) = (campaign(sampling), campaign(sampling));
        let forwards: Vec<Program> = (0..50).map(|index| one.program(index)).collect();
        assert!((0..50).rev().all(|index| other.program(index) == forwards[index as usize]), "{sampling:?}");
    }
}
