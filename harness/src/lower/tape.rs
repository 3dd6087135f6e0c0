//! The tape: a plan as words that the tape machine of [`super::resident`] executes.
//!
//! [`Opcode`] is the one definition of the encoding: the machine's dispatch table is generated from it, and each opcode's
//! operand list stands in its documentation. A step is its opcode, then its operands, one `u32` word each.

use super::layout::{
    DEPTH, LOG_CURSOR, LOG_START, MAX_FRAMES, MIRROR, PC, RELEASE_BYTES, RELEASE_CURSOR, RELEASE_END, RELEASE_START,
    STOP, TAPE_CURSOR,
};
use crate::plan::{Fill, Plan, RootWrite, Shape, Step, Value};

/// What a step is. `push` is 1 for a push and 0 for an assignment; a bracket is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Opcode {
    /// Nothing.
    Nop,
    /// `[slot] [push] [size] [fill: 0 nothing, 1 all, 2 ends] [tag] [address of the first null: bytes] [stride: bytes] [count] [fields]`
    Alloc,
    /// `[slot] [push] [src] [offset]`
    Load,
    /// `[obj] [offset] [value's slot]`
    Store,
    /// `[obj] [offset]`
    Clear,
    /// `[obj] [offset] [word]`
    WriteConstant,
    /// `[obj] [offset] [slot] [added]`
    WriteSlot,
    /// `[obj] [offset] [log index] [added]`
    WriteLogged,
    /// `[slot] [push] [src]`
    Assign,
    /// `[slot] [push]`
    AssignNull,
    /// Nothing.
    Enter,
    /// Nothing.
    Leave,
    /// `[kept slot] [slot] [push]`
    LeaveKeep,
    /// Nothing.
    Collect,
    /// `[obj] [n]`, then n times `[offset] [len]`
    Digest,
    /// `[slot] [push] [words] [tag] [n]`
    Chain,
    /// `[slot] [push] [words] [tag] [n]`
    Cycle,
    /// `[slot] [push] [words] [tag] [n]`
    Wide,
    /// `[slot] [push] [words] [tag] [n]`
    DuplicateRefs,
    /// `[slot] [push] [words] [tag] [n] [arity]`
    Tree,
    /// `[slot] [push] [words] [tag] [width] [height]`
    Grid,
    /// `[slot] [push] [words] [tag] [spine] [teeth]`
    Comb,
    /// `[slot] [push] [words] [tag] [nodes] [edges] [seed]`
    RandomGraph,
    /// `[first] [count] [words]`
    Roots,
    /// `[count] [size]`
    Garbage,
    /// `[obj] [kind] [first handle] [count] [1 if the last handle is written] [offset]`
    Wrap,
    /// Nothing.
    Minor,
}

impl Opcode {
    /// All opcodes by number, with the label that `resident.wat` handles them at.
    pub(super) const ALL: [(Self, &'static str); 27] = [
        (Self::Nop, "$nop"),
        (Self::Alloc, "$alloc"),
        (Self::Load, "$load"),
        (Self::Store, "$store"),
        (Self::Clear, "$clear"),
        (Self::WriteConstant, "$write_constant"),
        (Self::WriteSlot, "$write_slot"),
        (Self::WriteLogged, "$write_logged"),
        (Self::Assign, "$assign"),
        (Self::AssignNull, "$assign_null"),
        (Self::Enter, "$enter"),
        (Self::Leave, "$leave"),
        (Self::LeaveKeep, "$leave_keep"),
        (Self::Collect, "$collect"),
        (Self::Digest, "$digest"),
        (Self::Chain, "$chain"),
        (Self::Cycle, "$cycle"),
        (Self::Wide, "$wide"),
        (Self::DuplicateRefs, "$duplicate_refs"),
        (Self::Tree, "$tree"),
        (Self::Grid, "$grid"),
        (Self::Comb, "$comb"),
        (Self::RandomGraph, "$random_graph"),
        (Self::Roots, "$roots"),
        (Self::Garbage, "$garbage"),
        (Self::Wrap, "$wrap"),
        (Self::Minor, "$minor"),
    ];
}

/// A plan as words, and where they go. Reused for plan after plan without allocating anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tape {
    words: Vec<u32>,
    steps: u32,
    start: u32,
    log: u32,
    releases: (u32, u32),
    bytes: u64,
}

impl Tape {
    /// Replaces what the tape holds by a plan.
    ///
    /// The plan must never have more than [`MAX_FRAMES`] frames open, and leave none that it did not enter.
    pub fn encode(&mut self, plan: &Plan) {
        debug_assert!(
            frames_fit(plan),
            "expected at most {MAX_FRAMES} frames open at once, each entered before it is left"
        );
        self.words.clear();
        for step in &plan.steps {
            self.step(step);
        }
        self.steps = u32::try_from(plan.steps.len()).unwrap_or(u32::MAX);
        let start = u64::from(MIRROR) + 4 * u64::from(plan.slots);
        let log = start + 4 * self.words.len() as u64;
        let releases = log + 4 * u64::from(plan.log_words);
        self.bytes = releases + u64::from(RELEASE_BYTES) * u64::from(plan.release_room());
        // If these saturate, `bytes` is more than any memory has and loading the tape is refused.
        self.start = u32::try_from(start).unwrap_or(u32::MAX);
        self.log = u32::try_from(log).unwrap_or(u32::MAX);
        self.releases = (u32::try_from(releases).unwrap_or(u32::MAX), u32::try_from(self.bytes).unwrap_or(u32::MAX));
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// How many steps they are.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Bytes of the mutator's memory that the plan needs, log and all.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Address of the first word of the tape.
    #[must_use]
    pub const fn start(&self) -> u32 {
        self.start
    }

    /// Address of the first word of the log.
    #[must_use]
    pub const fn log(&self) -> u32 {
        self.log
    }

    /// Writes control words, an empty mirror and the tape into a mutator's memory of at least [`Self::bytes`] bytes.
    ///
    /// # Panics
    /// When the memory is smaller.
    pub fn load(&self, memory: &mut [u8]) {
        memory[..self.start as usize].fill(0);
        self.rewind(memory);
        let (cells, _) = memory[self.start as usize..self.log as usize].as_chunks_mut::<4>();
        for (cell, word) in cells.iter_mut().zip(&self.words) {
            *cell = word.to_le_bytes();
        }
    }

    /// Writes the control words: the first step is the next one, and the log is empty.
    fn rewind(&self, memory: &mut [u8]) {
        for (address, word) in [
            (PC, 0),
            (TAPE_CURSOR, self.start),
            (LOG_CURSOR, self.log),
            (DEPTH, 0),
            (STOP, self.steps),
            (LOG_START, self.log),
            (RELEASE_CURSOR, self.releases.0),
            (RELEASE_END, self.releases.1),
            (RELEASE_START, self.releases.0),
        ] {
            memory[address as usize..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }

    fn put(&mut self, opcode: Opcode, operands: &[u32]) {
        self.words.push(opcode as u32);
        self.words.extend_from_slice(operands);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Nop => self.put(Opcode::Nop, &[]),
            Step::Alloc { root, size, init } => {
                let (fill, tag) = match init.fill {
                    Fill::Nothing => (0, 0),
                    Fill::All { tag } => (1, tag),
                    Fill::Ends { tag } => (2, tag),
                };
                let (first, stride) = (init.first.wrapping_mul(4), init.stride.wrapping_mul(4));
                self.put(
                    Opcode::Alloc,
                    &[root.slot, push(*root), *size, fill, tag, first, stride, init.count, init.fields],
                );
            }
            Step::Load { root, src, offset } => self.put(Opcode::Load, &[root.slot, push(*root), *src, *offset]),
            Step::Store { obj, offset, value } => self.put(Opcode::Store, &[*obj, *offset, *value]),
            Step::Clear { obj, offset } => self.put(Opcode::Clear, &[*obj, *offset]),
            Step::Write { obj, offset, value } => match *value {
                Value::Constant(word) => self.put(Opcode::WriteConstant, &[*obj, *offset, word]),
                Value::Slot { slot, offset: added } => self.put(Opcode::WriteSlot, &[*obj, *offset, slot, added]),
                Value::Logged { index, offset: added } => self.put(Opcode::WriteLogged, &[*obj, *offset, index, added]),
            },
            Step::Assign { root, src: Some(src) } => self.put(Opcode::Assign, &[root.slot, push(*root), *src]),
            Step::Assign { root, src: None } => self.put(Opcode::AssignNull, &[root.slot, push(*root)]),
            Step::Enter => self.put(Opcode::Enter, &[]),
            Step::Leave { keep: None } => self.put(Opcode::Leave, &[]),
            Step::Leave { keep: Some((kept, root)) } => self.put(Opcode::LeaveKeep, &[*kept, root.slot, push(*root)]),
            Step::Collect => self.put(Opcode::Collect, &[]),
            Step::Minor => self.put(Opcode::Minor, &[]),
            Step::Digest { obj, ranges } => {
                self.put(Opcode::Digest, &[*obj, u32::try_from(ranges.len()).unwrap_or(u32::MAX)]);
                self.words.extend(ranges.iter().flat_map(|&(offset, len)| [offset, len]));
            }
            Step::Graph { root, shape, words, tag } => {
                let common = [root.slot, push(*root), *words, *tag];
                let (opcode, operands) = shape_operands(*shape);
                self.put(opcode, &common);
                self.words.extend(operands.iter().flatten());
            }
            Step::Roots { first, count, words } => self.put(Opcode::Roots, &[*first, *count, *words]),
            Step::Garbage { count, size } => self.put(Opcode::Garbage, &[*count, *size]),
            Step::Wrap { obj, kind, first, count, word } => {
                let (writes, offset) = word.map_or((0, 0), |offset| (1, offset));
                self.put(Opcode::Wrap, &[*obj, *kind, *first, *count, writes, offset]);
            }
        }
    }
}

/// A shape's opcode and its own operands, after slot, push, words and tag. The standalone lowering passes the same to the same functions.
pub(super) const fn shape_operands(shape: Shape) -> (Opcode, [Option<u32>; 3]) {
    match shape {
        Shape::Chain { n } => (Opcode::Chain, [Some(n), None, None]),
        Shape::Cycle { n } => (Opcode::Cycle, [Some(n), None, None]),
        Shape::Wide { n } => (Opcode::Wide, [Some(n), None, None]),
        Shape::DuplicateRefs { n } => (Opcode::DuplicateRefs, [Some(n), None, None]),
        Shape::Tree { n, arity } => (Opcode::Tree, [Some(n), Some(arity), None]),
        Shape::Grid { width, height } => (Opcode::Grid, [Some(width), Some(height), None]),
        Shape::Comb { spine, teeth } => (Opcode::Comb, [Some(spine), Some(teeth), None]),
        Shape::RandomGraph { nodes, edges, seed } => (Opcode::RandomGraph, [Some(nodes), Some(edges), Some(seed)]),
    }
}

/// 1 for a push.
pub(super) fn push(root: RootWrite) -> u32 {
    u32::from(root.push)
}

/// Whether the plan's frames nest and fit.
pub(super) fn frames_fit(plan: &Plan) -> bool {
    let mut depth = 0_u32;
    plan.steps.iter().all(|step| {
        if matches!(step, Step::Enter) {
            depth += 1;
        } else if matches!(step, Step::Leave { .. }) {
            let Some(outer) = depth.checked_sub(1) else { return false };
            depth = outer;
        }
        depth <= MAX_FRAMES
    })
}
