//! What the mutator has done to roots and objects: all that a collector can be shown, without addresses.

use super::alphabet::{Kind, Move};

/// A cell or a root slot: nothing, or an object by the order of allocations, from 1.
type Held = u8;
const NOTHING: Held = 0;
/// The cell of an object's data word; those before it are its pointer fields.
const WORD: usize = 2;

/// The contents of all root slots that were ever pushed and of all objects that were ever made, reachable or not, because a collector
/// that does not prove what it scans may look into garbage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct State {
    slots: Vec<Held>,
    objects: Vec<Object>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Object {
    kind: Kind,
    cells: [Held; 3],
}

impl State {
    /// Registers that were used so far.
    pub(super) fn registers(&self) -> u8 {
        self.slots.len() as u8
    }

    /// The state after an object went into a register, which may be the next unused one.
    pub(super) fn allocated(&self, kind: Kind, dst: u8) -> Self {
        let mut next = self.clone();
        next.objects.push(Object { kind, cells: [NOTHING; 3] });
        next.assign(dst, next.objects.len() as Held);
        next
    }

    /// The moves that only the mutator makes and that change something, with at most `registers` registers, in order.
    pub(super) fn moves(&self, registers: u8) -> Vec<Move> {
        let mut moves = Vec::new();
        let held: Vec<u8> = (0..self.registers()).filter(|&r| self.is_first(r)).collect();
        for &obj in &held {
            let object = self.object(obj);
            for field in 0..object.kind.fields() {
                let changes = |value: &&u8| self.slots[**value as usize] != object.cells[field as usize];
                moves.extend(held.iter().filter(changes).map(|&value| Move::Store { obj, field, value }));
            }
        }
        for &obj in held.iter().filter(|&&obj| self.object(obj).kind.has_word()) {
            let changes = |value: &&u8| self.slots[**value as usize] != self.object(obj).cells[WORD];
            moves.extend(held.iter().filter(changes).map(|&value| Move::Write { obj, value }));
        }
        let into = (self.registers() + 1).min(registers);
        for dst in 0..into {
            for &src in &held {
                let object = self.object(src);
                for field in 0..object.kind.fields() {
                    let target = object.cells[field as usize];
                    if target != NOTHING && self.slots.get(dst as usize) != Some(&target) {
                        moves.push(Move::Load { dst, src, field });
                    }
                }
            }
        }
        let holds = |reg: &u8| self.slots[*reg as usize] != NOTHING;
        moves.extend((0..self.registers()).filter(holds).map(|reg| Move::Drop { reg }));
        moves
    }

    /// The state after one of [`Self::moves`].
    pub(super) fn after(&self, m: Move) -> Self {
        let mut next = self.clone();
        match m {
            Move::Store { obj, field, value } => next.set(obj, field as usize, self.slots[value as usize]),
            Move::Write { obj, value } => next.set(obj, WORD, self.slots[value as usize]),
            Move::Load { dst, src, field } => next.assign(dst, self.object(src).cells[field as usize]),
            Move::Drop { reg } => next.assign(reg, NOTHING),
            // These go through the collector; what they leave is made elsewhere.
            Move::Alloc { .. } | Move::Collect => {}
        }
        next
    }

    /// Whether no register before this one holds the same object.
    fn is_first(&self, reg: u8) -> bool {
        let held = self.slots[reg as usize];
        held != NOTHING && !self.slots[..reg as usize].contains(&held)
    }

    fn object(&self, reg: u8) -> &Object {
        &self.objects[self.slots[reg as usize] as usize - 1]
    }

    fn set(&mut self, obj: u8, cell: usize, value: Held) {
        let object = self.slots[obj as usize] as usize - 1;
        self.objects[object].cells[cell] = value;
    }

    fn assign(&mut self, reg: u8, value: Held) {
        match self.slots.get_mut(reg as usize) {
            Some(slot) => *slot = value,
            None => self.slots.push(value),
        }
    }
}
