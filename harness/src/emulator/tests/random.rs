//! Properties over random plans, most of which no lowering would emit.

use super::*;
use crate::plan::next_random;

/// Enough for most of the plans to end by themselves.
const BUDGET: u64 = 200_000;

struct Random(u32);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = next_random(self.0);
        (self.0 >> 8) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }

    fn root(&mut self) -> RootWrite {
        RootWrite { slot: self.below(12), push: self.below(3) > 0 }
    }

    fn size(&mut self) -> u32 {
        let large = self.pick(&[40_000, 65_536, 200_000, 1 << 20, 0x7fff_fff0, 1 << 31, u32::MAX]);
        if self.below(12) == 0 { large } else { self.below(80) }
    }

    /// Mostly inside small objects, sometimes their header or a neighbour, seldom anything.
    fn offset(&mut self) -> u32 {
        match self.below(16) {
            0 => u32::MAX - 3,
            1 => self.below(200_000),
            2 => self.below(1 << 24) << 8,
            _ => 4 * self.below(12),
        }
    }

    fn value(&mut self) -> Value {
        let offset = 4 * self.below(8);
        match self.below(3) {
            0 => Value::Constant(self.pick(&[0, 1, 7, 49, 81_924, 0x4000_0000, u32::MAX])),
            1 => Value::Slot { slot: self.below(12), offset },
            _ => Value::Logged { index: self.below(40), offset },
        }
    }

    fn shape(&mut self) -> Shape {
        let n = self.below(60);
        match self.below(8) {
            0 => Shape::Chain { n },
            1 => Shape::Cycle { n },
            2 => Shape::Wide { n },
            3 => Shape::DuplicateRefs { n },
            4 => Shape::Tree { n, arity: self.below(4) },
            5 => Shape::Grid { width: self.below(9), height: self.below(9) },
            6 => Shape::Comb { spine: self.below(9), teeth: self.below(9) },
            _ => Shape::RandomGraph { nodes: n, edges: self.below(60), seed: self.below(99) },
        }
    }

    fn step(&mut self) -> Step {
        let slot = self.below(12);
        match self.below(24) {
            0 => Step::Nop,
            1..=6 => {
                let tag = self.below(100);
                let fill = self.pick(&[Fill::Nothing, Fill::All { tag }, Fill::Ends { tag }]);
                let init =
                    Initial { fill, first: self.below(4), stride: self.below(3), count: self.below(4), fields: 0 };
                Step::Alloc { root: self.root(), size: self.size(), init }
            }
            7 => Step::Load { root: self.root(), src: slot, offset: self.offset() },
            8..=10 => Step::Store { obj: slot, offset: self.offset(), value: self.below(12) },
            11..=13 => Step::Write { obj: slot, offset: self.offset(), value: self.value() },
            14 | 15 => Step::Assign { root: self.root(), src: (self.below(2) == 0).then_some(slot) },
            16 => Step::Enter,
            17 => Step::Leave { keep: (self.below(2) == 0).then(|| (slot, self.root())) },
            18 | 19 => Step::Collect,
            20 => Step::Digest { obj: slot, ranges: vec![(self.offset(), self.below(64)), (0, self.size())] },
            21 => Step::Graph { root: self.root(), shape: self.shape(), words: self.below(4), tag: self.below(99) },
            22 => Step::Roots { first: slot, count: self.below(20), words: self.below(3) },
            _ => Step::Garbage { count: self.below(200), size: self.size() },
        }
    }

    fn plan(&mut self) -> Plan {
        let steps = 1 + self.below(40);
        plan((0..steps).map(|_| self.step()).collect::<Vec<_>>())
    }
}

/// Each release's rules, and small regions so that every capacity is reached.
fn descriptions() -> Vec<Description> {
    let mut small = vec![vera_131(5), vera_130(), vera_112(), fixed(7), vera_131(0), vera_131(70_000)];
    small.extend([fixed(3), vera_131(1)]);
    for description in &mut small[6..] {
        description.rules.as_mut().unwrap().worklist_full = WorklistFull::Rescan;
    }
    small[4].rules.as_mut().unwrap().candidates = CandidateTest::Walk;
    small[2].rules.as_mut().unwrap().roots_full = RootsFull::Unguarded;
    for description in &mut small {
        description.parameters.worklist = 24;
        description.parameters.roots = 16;
        description.parameters.max_pages = 24;
        place(description);
    }
    small.extend([vera_131(5), fixed(0)]);
    small
}

#[test]
fn a_reused_emulator_is_a_fresh_one() {
    let mut random = Random(1);
    let mut ends = [0; 4];
    for description in descriptions() {
        let mut used = Emulator::new(&description).unwrap();
        for _ in 0..150 {
            let plan = random.plan();
            used.run(&plan, BUDGET);
            let mut fresh = Emulator::new(&description).unwrap();
            fresh.run(&plan, BUDGET);
            assert_eq!(used.outcome(), fresh.outcome(), "{plan:#?}");
            assert!(used.memory() == fresh.memory(), "{plan:#?}");
            assert_eq!(used.mirror(), fresh.mirror());
            assert_eq!(used.statistics(), fresh.statistics());
            ends[match used.outcome().end {
                End::Finished => 0,
                End::Trapped(Trap::Unreachable) => 1,
                End::Trapped(_) => 2,
                End::OutOfFuel => 3,
            }] += 1;
            used.begin();
            assert!(used.is_pristine(), "{plan:#?}");
            assert_eq!(used.outcome(), Emulator::new(&description).unwrap().outcome());
        }
    }
    assert!(ends[..3].iter().all(|&n| n > 50), "the plans are one-sided: {ends:?}");
}

#[test]
fn step_by_step_is_the_whole_run() {
    let mut random = Random(2);
    for description in descriptions() {
        let (mut whole, mut stepwise) = (Emulator::new(&description).unwrap(), Emulator::new(&description).unwrap());
        for _ in 0..60 {
            let plan = random.plan();
            if whole.run(&plan, BUDGET).end == End::OutOfFuel {
                continue;
            }
            stepwise.begin();
            for until in 0..=plan.steps.len() as u32 {
                let end = stepwise.advance(&plan, until, BUDGET);
                if end == End::Finished {
                    assert_eq!(stepwise.outcome().step, until);
                }
            }
            assert_eq!(stepwise.outcome(), whole.outcome(), "{plan:#?}");
            assert!(stepwise.memory() == whole.memory(), "{plan:#?}");
        }
    }
}

#[test]
fn fuel_that_just_suffices_changes_nothing_and_one_unit_less_ends_the_run() {
    let plan = plan([graph(Shape::Wide { n: 50 }), Step::Collect]);
    let mut e = Emulator::new(&vera_131(0)).unwrap();
    let enough = (1..10_000).find(|&fuel| e.run(&plan, fuel).end == End::Finished).expect("it finishes");
    let memory = e.memory().to_vec();
    e.run(&plan, PLENTY);
    assert!(e.memory() == memory);
    assert_eq!(e.run(&plan, enough - 1).end, End::OutOfFuel);
}

#[test]
fn every_single_store_is_undone() {
    let mut description = vera_131(70_000);
    description.parameters.initial_pages = 2;
    let mut e = Emulator::new(&description).unwrap();
    // A null register: the offset is the address. Granules end within these words, static data and zeros lie under them.
    for address in (1_000..1_050).chain(69_990..70_010).chain(131_060..131_080) {
        let outcome = e.run(&plan([write(0, address, 0x0101_0101)]), PLENTY);
        assert_eq!((outcome.end, outcome.pages), (if address > 131_068 { OUT_OF_BOUNDS } else { End::Finished }, 2));
        assert_eq!(e.is_pristine(), address > 131_068);
        e.begin();
        assert!(e.is_pristine(), "{address}");
    }
}
