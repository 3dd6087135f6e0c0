//! The enumeration against brute force: all programs, simulated by rules that know nothing of trees, told apart by what a collector sees.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::alphabet::{Kind, Move};
use super::tree::{Branch, Visitor, branches, count, walk};
use super::{ExhaustError, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

/// What is known of the mutator in terms of names: which object each register holds, in the order in which registers were first
/// assigned, and what each cell of each object holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct World {
    order: Vec<u8>,
    registers: BTreeMap<u8, Option<usize>>,
    made: Vec<Kind>,
    cells: BTreeMap<(usize, u8), usize>,
}

/// What a collector sees of a world: no name of any register.
type Sight = (Vec<Option<usize>>, Vec<Kind>, BTreeMap<(usize, u8), usize>);
/// The calls with what was seen at each, and what is left at the end.
type Behaviour = (Vec<(Sight, Option<Kind>)>, Sight);

impl World {
    fn sight(&self) -> Sight {
        (self.order.iter().map(|r| self.registers[r]).collect(), self.made.clone(), self.cells.clone())
    }

    fn held(&self, reg: u8) -> Option<usize> {
        self.registers.get(&reg).copied().flatten()
    }

    fn put(&mut self, reg: u8, value: Option<usize>) {
        if self.registers.insert(reg, value).is_none() {
            self.order.push(reg);
        }
    }

    /// Does a move; says whether it is one that can be done.
    fn apply(&mut self, m: Move, registers: u8) -> bool {
        match m {
            Move::Alloc { kind, dst } => {
                self.made.push(kind);
                self.put(dst, Some(self.made.len() - 1));
            }
            Move::Store { obj, field, value } => {
                let (Some(obj), Some(value)) = (self.held(obj), self.held(value)) else { return false };
                if field >= self.made[obj].fields() {
                    return false;
                }
                self.cells.insert((obj, field), value);
            }
            Move::Write { obj, value } => {
                let (Some(obj), Some(value)) = (self.held(obj), self.held(value)) else { return false };
                if !self.made[obj].has_word() {
                    return false;
                }
                self.cells.insert((obj, 9), value);
            }
            Move::Load { dst, src, field } => {
                let Some(src) = self.held(src) else { return false };
                if !self.registers.contains_key(&dst) && self.order.len() == usize::from(registers) {
                    return false;
                }
                let Some(&target) = self.cells.get(&(src, field)) else { return false };
                self.put(dst, Some(target));
            }
            Move::Drop { reg } => {
                if self.held(reg).is_none() {
                    return false;
                }
                self.put(reg, None);
            }
            Move::Collect => {}
        }
        true
    }
}

/// All moves with any register, sensible or not; one register more than there are root slots.
fn all_moves(kinds: &[Kind], registers: u8) -> Vec<Move> {
    let r = 0..=registers;
    let mut moves = vec![Move::Collect];
    for a in r.clone() {
        moves.push(Move::Drop { reg: a });
        moves.extend(kinds.iter().map(|&kind| Move::Alloc { kind, dst: a }));
        for b in r.clone() {
            moves.push(Move::Write { obj: a, value: b });
            for field in 0..2 {
                moves.push(Move::Store { obj: a, field, value: b });
                moves.push(Move::Load { dst: a, src: b, field });
            }
        }
    }
    moves
}

/// The behaviours of all programs of up to `ops` moves that start with `world`.
fn brute_force(
    ops: usize,
    registers: u8,
    moves: &[Move],
    world: &World,
    calls: &mut Vec<(Sight, Option<Kind>)>,
    found: &mut BTreeSet<Behaviour>,
) {
    if ops == 0 || world.order.len() > usize::from(registers) {
        return;
    }
    for &m in moves {
        let mut next = world.clone();
        if !next.apply(m, registers) {
            continue;
        }
        let call = match m {
            Move::Alloc { kind, .. } => Some(Some(kind)),
            Move::Collect => Some(None),
            Move::Store { .. } | Move::Write { .. } | Move::Load { .. } | Move::Drop { .. } => None,
        };
        if let Some(call) = call {
            calls.push((world.sight(), call));
        }
        // A mutator's move that leaves nothing changed makes the same program as without it.
        if call.is_some() || next != *world {
            found.insert((calls.clone(), next.sight()));
            brute_force(ops - 1, registers, moves, &next, calls, found);
        }
        if call.is_some() {
            calls.pop();
        }
    }
}

/// Collects the behaviours of enumerated programs that use no other kinds.
struct Collected<'a> {
    kinds: &'a [Kind],
    registers: u8,
    programs: BTreeSet<Vec<Move>>,
    behaviours: BTreeMap<Behaviour, Vec<Move>>,
}

impl Visitor for Collected<'_> {
    fn visit(&mut self, program: &[Move], live: bool) -> ControlFlow<(), bool> {
        assert!(live);
        assert!(self.programs.insert(program.to_vec()), "twice: {program:?}");
        if program.len() > 1 {
            assert!(self.programs.contains(&program[..program.len() - 1]), "before its prefix: {program:?}");
        }
        let other = |m: &Move| matches!(m, Move::Alloc { kind, .. } if !self.kinds.contains(kind));
        if program.iter().any(other) {
            return ControlFlow::Continue(true);
        }
        let (mut world, mut calls) = (World::default(), Vec::new());
        for &m in program {
            match m {
                Move::Alloc { kind, .. } => calls.push((world.sight(), Some(kind))),
                Move::Collect => calls.push((world.sight(), None)),
                Move::Store { .. } | Move::Write { .. } | Move::Load { .. } | Move::Drop { .. } => {}
            }
            assert!(world.apply(m, self.registers), "{m:?} of {program:?} does nothing");
        }
        if let Some(other) = self.behaviours.insert((calls, world.sight()), program.to_vec()) {
            panic!("the same to a collector: {other:?} and {program:?}");
        }
        ControlFlow::Continue(true)
    }
}

fn enumerated(scope: Scope, kinds: &[Kind]) -> (usize, BTreeSet<Behaviour>) {
    let mut all = Collected { kinds, registers: scope.objects, programs: BTreeSet::new(), behaviours: BTreeMap::new() };
    assert!(walk(scope, &Branch::root(), None, true, &mut all).is_continue());
    (all.programs.len(), all.behaviours.into_keys().collect())
}

fn is_complete(ops: usize, objects: u8, kinds: &[Kind]) -> usize {
    let scope = Scope { ops, objects };
    let (programs, behaviours) = enumerated(scope, kinds);
    assert_eq!(counted(scope).iter().sum::<u64>(), programs as u64);
    let mut found = BTreeSet::new();
    brute_force(ops, objects, &all_moves(kinds, objects), &World::default(), &mut Vec::new(), &mut found);
    assert!(behaviours == found, "{} programs, {} by brute force", behaviours.len(), found.len());
    behaviours.len()
}

#[test]
fn every_program_is_there_once_as_brute_force_over_all_programs_has_it() {
    assert_eq!(is_complete(1, 1, &Kind::ALL), 6);
    is_complete(3, 1, &Kind::ALL);
    is_complete(3, 2, &Kind::ALL);
    is_complete(4, 1, &Kind::ALL);
}

#[test]
fn longer_programs_over_fewer_kinds_are_complete_too() {
    is_complete(4, 2, &[Kind::Node, Kind::Empty]);
    is_complete(4, 3, &[Kind::Link]);
    is_complete(5, 1, &[Kind::Node]);
    is_complete(5, 2, &[Kind::Link]);
}

#[test]
fn the_pieces_of_a_tree_are_the_tree() {
    let scope = Scope { ops: 4, objects: 2 };
    let whole = counted(scope);
    for cut in 2..=4 {
        let mut pieces = Pieces::default();
        assert!(walk(scope, &Branch::root(), Some(cut), true, &mut pieces).is_continue());
        let cuts = branches(scope, cut);
        assert_eq!(cuts.len(), pieces.left_out);
        for branch in &cuts {
            assert!(branch.prefix.len() + 1 >= cut);
            assert!(walk(scope, branch, None, true, &mut pieces).is_continue());
        }
        let mut lengths = vec![0; scope.ops];
        for program in &pieces.programs {
            lengths[program.len() - 1] += 1;
        }
        assert_eq!(lengths, whole, "cut at {cut}");
    }
}

#[derive(Default)]
struct Pieces {
    programs: BTreeSet<Vec<Move>>,
    left_out: usize,
}

impl Visitor for Pieces {
    fn visit(&mut self, program: &[Move], _: bool) -> ControlFlow<(), bool> {
        assert!(self.programs.insert(program.to_vec()), "twice: {program:?}");
        ControlFlow::Continue(true)
    }
    fn leave_out(&mut self, _: Branch) {
        self.left_out += 1;
    }
}

#[test]
fn scopes_are_as_large_as_they_ever_were() {
    let sizes = |ops, objects| counted(Scope { ops, objects });
    assert_eq!(sizes(5, 1), [6, 70, 560, 4_266, 32_292]);
    assert_eq!(sizes(4, 2), [6, 70, 1_093, 17_313]);
    assert_eq!(sizes(4, 3), [6, 70, 1_093, 21_291]);
}

/// Programs of each length of a whole scope.
fn counted(scope: Scope) -> Vec<u64> {
    count(scope, &Branch::root(), u64::MAX, &AtomicBool::new(false)).unwrap()
}

#[test]
fn counting_stops_when_it_is_told_to() {
    let scope = Scope { ops: 10, objects: 8 };
    let stopped = count(scope, &Branch::root(), u64::MAX, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(ExhaustError::Stopped)), "{stopped:?}");
}

#[test]
fn counting_gives_up_where_there_are_more_programs_than_are_asked_for() {
    let scope = Scope { ops: 4, objects: 1 };
    let counted = |most| count(scope, &Branch::root(), most, &AtomicBool::new(false));
    assert_eq!(counted(4_902).unwrap(), [6, 70, 560, 4_266]);
    let text = counted(4_901).unwrap_err().to_string();
    assert!(text.contains("at most 4901 programs") && text.contains("4 ops and 1 registers"), "{text}");
}
