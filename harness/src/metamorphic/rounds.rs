//! Rounds: what a program does, again and again on one heap, so that memory that is never given back shows.
//!
//! A round is made from a program that passed: a frame that is entered, the program's ops with their numbers frozen, the leaving of all frames that are open
//! then, and a collection. Small programs are done several times before that collection, each time in a frame of its own, because a collection may cost
//! more than all that they do, and without the collections that they ask for themselves. All registers that it assigns are in that frame, so after it nothing of the round is reachable, and each round finds
//! the roots that the first one found. Ops without effect are left out.
//!
//! All objects of a round have one size and are allocated by one function, for the reason that [`crate::judge::plateau`] gives: every object is given the
//! variant's size. Where the variant has none, they keep their own, and growth counts only if they are all alike or if the collector joins free neighbours
//! ([`super::merging`]). Words that lead to objects of an earlier round (`recent`) are zeros. Where unreachable cycles stay by declaration, no pointer is
//! stored that could close one.
//!
//! Two things may be otherwise. With `automatic` no round asks for a collection: those that allocations make must be enough, as far as they are counted. With
//! `survivors` one object of each round, and what hangs from it, is held by a register for some more rounds: what is around it must be used again
//! all the same, and so must its own room when it has gone. The rounds are done once before they are counted, so that each finds the same registers
//! assigned; no op but those that hand survivors on touches them. All objects must have one size then.
//!
//! The round by itself is a program like any other, judged as such on all engines first. Then its tape runs again and again on the first engine, and memory
//! is looked at after each round. What it shows must show on the other engines, too, with the same numbers, before it counts.

use super::bench::{Base, NotCompared, Pair, ran};
use super::freeze::freeze_op;
use super::pool::{Pool, PoolError};
use super::variant::{Rounds, Variant};
use crate::judge::{Kind, Round, is_due, is_judged, plateau};
use crate::model::Model;
use crate::outcome::End;
use crate::plan::{Slot, Step, Value};
use crate::runtime::description::{Description, PAGE};
use crate::runtime::manifest::{Cycles, Request};
use crate::trial::{Course, Most, Rig};
use heapsmith_generators::{
    Count, Init, MAX_FRAMES, MAX_NODE_WORDS, Op, Placement, Program, REGISTERS, Reg, Shape, Size, Word,
};
use std::collections::{BTreeMap, BTreeSet};

/// Payload bytes that all rounds together allocate where it is not too much work: a leak of a 64th of them is eight pages.
const BYTES: u64 = 32 << 20;
/// Work of all rounds together at most, in the model's units,
const WORK: u64 = 8_000_000;
/// and fuel, in the first engine's.
const FUEL: u64 = 60_000_000;
/// Rounds below which what a program does is too much.
const LEAST: u32 = 64;
/// Payload bytes of one round, below which the program is done several times before a collection,
const ROUND_BYTES: u64 = 64 << 10;
/// at most so many times,
const COPIES: u64 = 512;
/// with no more ops than these,
const OPS: u64 = 4_096;
/// and with no more bytes than this part of all that memory may have.
const OF_LIMIT: u64 = 16;
/// Times that ops are left out, or one is added, before a program is given up.
const ATTEMPTS: usize = 6;
/// Registers that hold survivors: the newest one's is the last of all registers, and each round hands them on to the one before.
const SURVIVORS: u8 = 4;
const NEWEST: Reg = Reg::new(REGISTERS - 1);

/// What was done again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repeated {
    /// The round, as a program, after what is done once.
    pub(super) program: Program,
    /// The step that each further round begins with.
    pub(super) first: u32,
    /// What is done in it before the collection, once.
    pub(super) once: Program,
    /// What it allocates.
    pub(super) round: Round,
    /// What became of memory on the first engine; no rounds, where the round by itself has a verdict already.
    pub(super) course: Course,
    /// Work of all of it, in the model's units.
    pub(super) work: u64,
}

/// The ops of a round before they are done several times.
struct Unit {
    /// What is done once, before all rounds.
    before: Vec<Op>,
    /// The work.
    work: Vec<Op>,
    /// The collection after it, if it asks for one.
    end: Option<Op>,
}

impl Unit {
    /// All of it, with the work so many times.
    fn program(&self, program: &Program, copies: usize) -> Program {
        // As many collections of what all copies leave would cost more than all else.
        let stays = |op: &&Op| copies == 1 || !matches!(**op, Op::Collect | Op::Minor);
        let work = std::iter::repeat_n(&self.work, copies).flatten().filter(stays);
        let ops = self.before.iter().chain(work).chain(&self.end).cloned().collect();
        Program { machine: program.machine, ops }
    }

    /// Leaves out each op for which `keep` says so, in the order of the program with one copy.
    fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter().copied();
        for ops in [&mut self.before, &mut self.work] {
            ops.retain(|_| keep.next().unwrap_or(false));
        }
    }
}

/// What every object of a round must be: payload bytes, and the function that allocates it.
type Class = (u32, Option<u32>);

/// Does a program's work again and again on `rig`. A round that cannot be made, or is too much work, is not compared.
///
/// # Errors
/// When an engine fails.
pub(super) fn run(
    rig: &mut Rig,
    base: &Base,
    program: &Program,
    (variant, rounds): (&Variant, Rounds),
    pool: &Pool<'_>,
) -> Result<(Pair, Option<Repeated>), PoolError> {
    if rig.prepared().runtime.description.module.as_ref().is_some_and(|module| module.no_plateau().is_some()) {
        return Ok((Pair::NotCompared(NotCompared::NoPlateau), None));
    }
    // After all ops of the program, whatever they become when it is reduced.
    let end = program.ops.len() as u32;
    let mut repeated = match round(rig, base.steps(), program, variant, rounds) {
        Ok(made) => made,
        Err(reason) => return Ok((Pair::NotCompared(reason), None)),
    };
    let Some(most) = most(rounds, repeated.round, repeated.work) else {
        return Ok((Pair::NotCompared(NotCompared::TooMuchWork), None));
    };
    let alone = match ran(rig.trial(&repeated.program)) {
        Ok(None) => None,
        Ok(Some(v)) => Some(Pair::Broken(v)),
        Err(pair) => Some(pair),
    };
    let pair = match alone {
        Some(pair) => pair,
        None => again(rig, most, &mut repeated, pool)?,
    };
    let named = match pair {
        Pair::Broken(mut v) => {
            v.variant = Some(variant.to_string());
            v.step = v.step.min(end);
            Pair::Broken(v)
        }
        Pair::Same | Pair::NotCompared(_) | Pair::Untrusted(_) => pair,
    };
    Ok((named, Some(repeated)))
}

/// The rounds themselves.
fn again(rig: &mut Rig, most: Most, repeated: &mut Repeated, pool: &Pool<'_>) -> Result<Pair, PoolError> {
    let description = rig.prepared().runtime.description.clone();
    let broken = |course: &Course| plateau(course, repeated.round, &description);
    let first = repeated.first;
    let course = rig.rounds(0, first, most, |course| is_due(course.rounds()) && broken(course).is_some())?;
    let found = broken(&course);
    repeated.work = repeated.work.saturating_mul(u64::from(course.rounds()) + 1);
    let Some(mut v) = found else {
        let pair = match course.end {
            None if !is_judged(&course, repeated.round, &description) => Pair::NotCompared(NotCompared::NotCollected),
            None if course.rounds() >= Rounds::LEAST => Pair::Same,
            None | Some(End::OutOfFuel) => Pair::NotCompared(NotCompared::TooMuchWork),
            Some(End::Trapped(_) | End::Finished) => Pair::NotCompared(NotCompared::ResourceTrap),
        };
        repeated.course = course;
        return Ok(pair);
    };
    let is_plain = !repeated.round.is_automatic && repeated.round.survivors == 0;
    if repeated.round.size.is_none() && v.kind == Kind::Leak && !(is_plain && pool.merges()?) {
        repeated.course = course;
        return Ok(Pair::NotCompared(NotCompared::Sizes));
    }
    let more = u32::from(course.end.is_some());
    for engine in 1..rig.residents() {
        let same = Most { rounds: course.rounds() + more, fuel: u64::MAX };
        if rig.rounds(engine, first, same, |_| false)? != course {
            return Ok(Pair::NotCompared(NotCompared::Inconclusive));
        }
    }
    v.step = u32::MAX;
    repeated.course = course;
    Ok(Pair::Broken(Box::new(v)))
}

/// How often a round is done, and with how much fuel; none if it is too much work.
fn most(rounds: Rounds, round: Round, work: u64) -> Option<Most> {
    if let Some(number) = rounds.number {
        return Some(Most { rounds: number, fuel: u64::MAX });
    }
    let wanted = BYTES / round.bytes.max(1);
    let wanted = wanted.clamp(u64::from(LEAST), u64::from(Rounds::MOST)).next_power_of_two();
    let allowed = (WORK / work.max(1)).max(1);
    let number = wanted.min(1 << allowed.ilog2()) as u32;
    (number >= LEAST).then_some(Most { rounds: number, fuel: FUEL })
}

/// The round of a program that was planned as these steps, and what it allocates. `rig` has planned it.
fn round(
    rig: &mut Rig,
    steps: &[Step],
    program: &Program,
    variant: &Variant,
    rounds: Rounds,
) -> Result<Repeated, NotCompared> {
    let description = &rig.prepared().runtime.description;
    let stays = description.module.as_ref().is_some_and(|module| module.promises.cycles == Some(Cycles::Leaked));
    let mut unit = unfold(program, steps, variant, rounds, stays).ok_or(NotCompared::NoRounds)?;
    for _ in 0..ATTEMPTS {
        let made = unit.program(program, 1);
        if rig.work(&made) == u64::MAX {
            return Err(NotCompared::TooMuchWork);
        }
        let model = rig.model();
        if model.plan().steps.len() < made.ops.len() || model.expectation().trap.is_some() {
            return Err(NotCompared::ResourceTrap);
        }
        let class = rounds.size.map(|size| commonest(model, size).ok_or(NotCompared::NoRounds)).transpose()?;
        let of_class = |step: &Step| {
            let is = |class: Class| allocations(model.description(), step).iter().all(|(other, _)| *other == class);
            *step != Step::Nop && class.is_none_or(is)
        };
        let (before, work) = model.plan().steps.split_at(unit.before.len());
        let mut depth = 0_i32;
        let mut stays = |step: &Step, is_apart: bool| {
            depth += i32::from(*step == Step::Enter) - i32::from(matches!(step, Step::Leave { .. }));
            // What hands survivors on stays, whether there are any yet or not.
            rounds.has_survivors && depth == 0 || of_class(step) && is_apart
        };
        let mut keep: Vec<bool> = before.iter().map(|step| stays(step, true)).collect();
        keep.extend(work.iter().map(|step| stays(step, !rounds.has_survivors || !touches_survivors(step))));
        if !keep.iter().all(|keep| *keep) {
            unit.retain(&keep);
            continue;
        }
        if rounds.has_survivors && !work.iter().any(is_handed_on) {
            add_survivor(&mut unit, class.ok_or(NotCompared::NoRounds)?.0).ok_or(NotCompared::NoRounds)?;
            continue;
        }
        let first = unit.before.len() as u32;
        let once = allocated(model, first, rounds).ok_or(NotCompared::NoRounds)?;
        // Copies of objects of many sizes would make up for one another's losses.
        let copies = if once.size.is_some() { copies(once, unit.work.len(), model.description()) } else { 1 };
        let repeated = unit.program(program, copies);
        if rig.work(&repeated) == u64::MAX {
            return Err(NotCompared::TooMuchWork);
        }
        let round = allocated(rig.model(), first, rounds).ok_or(NotCompared::NoRounds)?;
        let once = Program { machine: program.machine, ops: unit.work };
        let work = rig.model().plan().work;
        return Ok(Repeated { program: repeated, first, once, round, course: Course::default(), work });
    }
    Err(NotCompared::NoRounds)
}

/// Whether a step leaves an object that the round has made to the registers of survivors.
fn is_handed_on(step: &Step) -> bool {
    matches!(step, Step::Leave { keep: Some((kept, root)) } if root.slot < Slot::from(SURVIVORS) && *kept >= Slot::from(SURVIVORS))
}

/// Whether a step reads or writes a register that holds a survivor.
fn touches_survivors(step: &Step) -> bool {
    let of = |slot: &Slot| *slot < Slot::from(SURVIVORS);
    match step {
        Step::Load { root, src, .. } => of(&root.slot) || of(src),
        Step::Store { obj, value, .. } => of(obj) || of(value),
        Step::Write { obj, value, .. } => of(obj) || matches!(value, Value::Slot { slot, .. } if of(slot)),
        Step::Clear { obj, .. } | Step::Digest { obj, .. } | Step::Wrap { obj, .. } => of(obj),
        Step::Assign { root, src } => of(&root.slot) || src.as_ref().is_some_and(of),
        Step::Alloc { root, .. } | Step::Graph { root, .. } => of(&root.slot),
        Step::Leave { keep } => keep.as_ref().is_some_and(|(kept, root)| of(kept) || of(&root.slot)),
        Step::Nop | Step::Enter | Step::Collect | Step::Minor | Step::Roots { .. } | Step::Garbage { .. } => false,
    }
}

/// Makes a round's work end with an object of its own that survives, where nothing else does; none if it does so already.
fn add_survivor(unit: &mut Unit, size: u32) -> Option<()> {
    let object =
        Op::Alloc { dst: NEWEST, size: Size::Bytes(size), fields: 0, place: Placement::Front, init: Init::Ends(1) };
    for ops in [&mut unit.before, &mut unit.work] {
        let at = ops.iter().rposition(|op| matches!(op, Op::Leave { keep: Some(_) }))?;
        if at > 0 && ops[at - 1] == object {
            return None;
        }
        ops.insert(at, object.clone());
    }
    Some(())
}

/// How often a round's work is done before its collection.
fn copies(once: Round, ops: usize, description: &Description) -> usize {
    let memory = u64::from(description.parameters.max_pages) * u64::from(PAGE) / OF_LIMIT;
    let copies = (ROUND_BYTES.min(memory) / once.bytes.max(1)).min(OPS / ops.max(1) as u64).min(COPIES);
    copies.max(1) as usize
}

/// The sizes of the objects that a program makes, each once, in ascending order.
pub(super) fn sizes(model: &Model) -> Vec<u32> {
    let steps = model.plan().steps.iter().flat_map(|step| allocations(model.description(), step));
    let sizes: BTreeSet<u32> = steps.filter(|(_, n)| *n > 0).map(|((size, _), _)| size).collect();
    sizes.into_iter().collect()
}

/// What a plan allocates from step `first` on; none if that is nothing.
fn allocated(model: &Model, first: u32, rounds: Rounds) -> Option<Round> {
    let survivors = if rounds.has_survivors { u32::from(SURVIVORS) } else { 0 };
    let is_automatic = rounds.is_automatic;
    let mut round = Round { objects: 0, bytes: 0, largest: 0, size: None, is_automatic, survivors };
    let mut classes: Vec<Class> = Vec::new();
    let steps = model.plan().steps.iter().skip(first as usize);
    for (class, n) in steps.flat_map(|step| allocations(model.description(), step)) {
        if n > 0 {
            round.objects += n;
            round.bytes += n * u64::from(class.0);
            round.largest = round.largest.max(class.0);
            classes.push(class);
        }
    }
    let first = *classes.first()?;
    round.size = classes.iter().all(|class| *class == first).then_some(first.0);
    Some(round)
}

/// The class of this size that most objects are of.
fn commonest(model: &Model, size: u32) -> Option<Class> {
    let mut objects: BTreeMap<Class, u64> = BTreeMap::new();
    for (class, n) in model.plan().steps.iter().flat_map(|step| allocations(model.description(), step)) {
        if n > 0 && size == class.0 {
            *objects.entry(class).or_default() += n;
        }
    }
    objects.into_iter().max_by_key(|(_, objects)| *objects).map(|(class, _)| class)
}

/// The objects that a step allocates: of which class, and how many.
fn allocations(description: &Description, step: &Step) -> Vec<(Class, u64)> {
    let class = |size: u32, first: u32, stride: u32, count: u32| {
        let kind =
            description.module.as_ref().and_then(|module| module.kind_of(Request { size, first, stride, count }));
        (size, kind.map(|kind| kind.alloc.function.index))
    };
    match step {
        &Step::Alloc { size, init, .. } => vec![(class(size, init.first, init.stride, init.fields), 1)],
        &Step::Garbage { count, size } => vec![(class(size, 0, 1, 0), u64::from(count))],
        &Step::Roots { count, words, .. } => vec![(class(4 * words, 0, 1, 0), u64::from(count))],
        Step::Graph { shape, words, .. } => {
            let nodes = u64::from(shape.allocations());
            let fields = shape.node_fields();
            fields.iter().map(|&fields| (class(4 * (fields + words), 0, 1, fields), nodes)).collect()
        }
        Step::Nop
        | Step::Load { .. }
        | Step::Store { .. }
        | Step::Clear { .. }
        | Step::Write { .. }
        | Step::Assign { .. }
        | Step::Enter
        | Step::Leave { .. }
        | Step::Collect
        | Step::Minor
        | Step::Digest { .. }
        | Step::Wrap { .. } => Vec::new(),
    }
}

/// A program's ops in a frame of their own, with a collection after it; none if there is no room for one frame more.
fn unfold(program: &Program, steps: &[Step], variant: &Variant, rounds: Rounds, stays: bool) -> Option<Unit> {
    let (mut ops, mut depth) = (vec![Op::Enter], 1);
    for ((i, op), step) in (0..).zip(&program.ops).zip(steps) {
        if variant.gaps.has(i) {
            ops.push(Op::Collect);
        }
        // A frame that is not open cannot be left, and now there is one more.
        if *step == Step::Nop {
            continue;
        }
        match step {
            Step::Enter => depth += 1,
            Step::Leave { .. } => depth -= 1,
            Step::Nop
            | Step::Alloc { .. }
            | Step::Load { .. }
            | Step::Store { .. }
            | Step::Clear { .. }
            | Step::Write { .. }
            | Step::Assign { .. }
            | Step::Collect
            | Step::Minor
            | Step::Digest { .. }
            | Step::Graph { .. }
            | Step::Roots { .. }
            | Step::Garbage { .. }
            | Step::Wrap { .. } => {}
        }
        if depth > MAX_FRAMES {
            return None;
        }
        ops.extend(repeatable(freeze_op(op, step), step, rounds.size, stays));
    }
    if variant.gaps.has(program.ops.len() as u32) {
        ops.push(Op::Collect);
    }
    if rounds.is_automatic {
        ops.retain(|op| !matches!(op, Op::Collect | Op::Minor));
    }
    let end = (!rounds.is_automatic).then_some(Op::Collect);
    if !rounds.has_survivors {
        ops.extend(std::iter::repeat_n(Op::Leave { keep: None }, depth));
        return Some(Unit { before: Vec::new(), work: ops, end });
    }
    ops.extend(std::iter::repeat_n(Op::Leave { keep: None }, depth - 1));
    ops.push(Op::Leave { keep: Some(NEWEST) });
    let older = (NEWEST.number() + 1 - SURVIVORS..NEWEST.number()).map(Reg::new);
    let handed_on: Vec<Op> = older.map(|dst| Op::Move { dst, src: Reg::new(dst.number() + 1) }).collect();
    // Once, all registers get the first survivor; then each round makes room for its own before it begins.
    let before = [&ops[..], &handed_on].concat();
    Some(Unit { before, work: [handed_on, ops].concat(), end })
}

/// What a round does for an op whose numbers are frozen, if anything.
fn repeatable(op: Op, step: &Step, size: Option<u32>, stays: bool) -> Option<Op> {
    // As many objects of the size as have the op's bytes, at least one.
    let fewer = |count: u32, bytes: u32, size: u32| {
        let fit = u64::from(count) * u64::from(bytes) / u64::from(size.max(1));
        count.min(u32::try_from(fit).unwrap_or(u32::MAX).max(1))
    };
    let garbage = |count: u32, size: u32| Op::Garbage { count: Count::new(count), size: Size::Bytes(size) };
    let words_of = |size: u32, fields: u32| {
        let words = (size / 4).checked_sub(fields)?;
        let words = u8::try_from(words).ok().filter(|words| *words <= MAX_NODE_WORDS && size.is_multiple_of(4));
        words.filter(|words| u32::from(*words) + fields > 0)
    };
    match (op, step) {
        (Op::Wrap { .. }, _) => None,
        (Op::Store { .. }, _) if stays => None,
        (Op::Write { obj, word, value: Word::Recent { .. } }, _) => {
            Some(Op::Write { obj, word, value: Word::Value(0) })
        }
        (Op::Alloc { dst, fields, place, init, size: own }, _) => {
            Some(Op::Alloc { dst, fields, place, init, size: size.map_or(own, Size::Bytes) })
        }
        (Op::Graph { dst, shape, words, tag }, Step::Graph { shape: resolved, words: own, .. }) => {
            let closes = matches!(shape, Shape::Cycle { .. } | Shape::RandomGraph { .. });
            let fields = resolved.node_fields();
            let (count, own) = (resolved.allocations(), 4 * (fields.first().copied().unwrap_or(0).min(4) + own));
            match (size, fields.as_slice()) {
                (_, _) if stays && closes => Some(garbage(fewer(count, own, size.unwrap_or(own)), size.unwrap_or(own))),
                (None, _) => Some(Op::Graph { dst, shape, words, tag }),
                (Some(size), &[fields]) if words_of(size, fields).is_some() => {
                    words_of(size, fields).map(|words| Op::Graph { dst, shape, words, tag })
                }
                (Some(size), _) => Some(garbage(fewer(count, own, size), size)),
            }
        }
        (Op::Roots { count, words }, &Step::Roots { count: resolved, words: own, .. }) => match size {
            None => Some(Op::Roots { count, words }),
            Some(size) => Some(match words_of(size, 0) {
                Some(words) => Op::Roots { count, words },
                None => garbage(fewer(resolved, 4 * own, size), size),
            }),
        },
        (Op::Garbage { count, size: own }, &Step::Garbage { count: resolved, size: bytes }) => Some(match size {
            None => Op::Garbage { count, size: own },
            Some(size) => garbage(fewer(resolved, bytes, size), size),
        }),
        // The digests are compared with what nobody says a second time.
        (Op::Check { .. } | Op::CheckZero { .. }, _) => None,
        (op, _) => Some(op),
    }
}
