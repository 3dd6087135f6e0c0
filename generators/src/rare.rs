//! Rare programs: a few of a thousand that cost as much as hundreds of others, for what no cheap program reaches.
//!
//! Objects of 2^18 to 2^24 bytes with pointers at their ends and around powers of two; hundreds of collections in one program; more
//! registrations of handles than 16 bits count. Which programs of a campaign are rare is drawn from a stream of its own, so that all others are
//! what they would be without.

use crate::builder::Limits;
use crate::campaign::Capacities;
use crate::machines;
use crate::program::{Count, Init, Machine, Op, Placement, Program, Reg, Size};
use crate::rng::Random;
use crate::sizes::PAGE;

/// Sets the stream of choices apart from that of programs.
const STREAM: u64 = 0x7261_7265_7374_7265;
/// Of so many programs, one has a very large object, one very many collections, and one very many registrations.
const ONE_IN: [u32; 3] = [200, 200, 1_500];
/// Where memory leaves no room for a collection every few hundred bytes, many collections cost more and are rarer by this factor.
const ROOMY_ONE_IN: u32 = 16;
/// Bytes from the heap's start to the end of its page: enough for a few objects, little enough to be filled hundreds of times.
const CRAMPED: std::ops::RangeInclusive<u64> = 280..=1_200;
/// Registrations that 16 bits do not count.
const REGISTRATIONS: u32 = 1 << 16;
/// Rounds of registrations that a program has room for.
const MOST_ROUNDS: u32 = 22;

const KEEPER: Reg = Reg::new(0);
const OTHER: Reg = Reg::new(1);
const LOADED: Reg = Reg::new(2);

/// The rare program that stands in place of program `index`, if one does.
pub(crate) fn program(
    seed: u64,
    index: u64,
    machines: &[Machine],
    vast: Machine,
    defaults: Capacities,
) -> Option<Program> {
    let mut random = Random::new(seed ^ STREAM, index);
    let [large, collections, registrations] = ONE_IN.map(|n| random.one_in(n));
    if large {
        large_object(&mut random, machines, vast, defaults)
    } else if collections {
        hundreds_of_collections(&mut random, machines, defaults)
    } else if registrations {
        many_registrations(&mut random, machines, defaults)
    } else {
        None
    }
}

/// The first machine from a random one on that will do.
pub(crate) fn machine(random: &mut Random, machines: &[Machine], fits: impl Fn(Machine) -> bool) -> Option<Machine> {
    let first = random.below(machines.len() as u32) as usize;
    machines[first..].iter().chain(&machines[..first]).copied().find(|&machine| fits(machine))
}

/// Where a machine's heap starts.
pub(crate) fn heap_start(machine: Machine, defaults: Capacities) -> u64 {
    let limits = Limits::of(machine, defaults);
    machines::heap_start(machine.data_end.unwrap_or(0), limits, defaults.table_bytes_per_page)
}

/// An allocation whose pointer fields, if any, come first.
pub(crate) fn alloc(dst: Reg, size: u32, fields: u32, init: Init) -> Op {
    Op::Alloc { dst, size: Size::Bytes(size), fields, place: Placement::Front, init }
}

/// One object of 2^18 bytes or (rarer) more, all of whose words may be pointers: some are stored at its end, around powers of two and at its
/// start, each the only one to what it points to.
fn large_object(random: &mut Random, machines: &[Machine], vast: Machine, defaults: Capacities) -> Option<Program> {
    let power = match random.below(200) {
        0..=109 => 18,
        110..=154 => 19,
        155..=185 => 20,
        186..=194 => 21,
        195..=197 => 22,
        198 => 23,
        _ => 24,
    };
    let least = 1_u32 << power;
    // Just past the power of two, or anywhere up to the next one; seldom just below.
    let size = match random.below(8) {
        0 => least - 4 * random.within(1, 4),
        1..=5 => least + 4 * random.within(1, 24),
        _ => least + 4 * random.below(least / 4 - 4),
    };
    let holds = |machine: Machine| {
        let end = heap_start(machine, defaults) + u64::from(size) + u64::from(PAGE);
        end <= u64::from(Limits::of(machine, defaults).max_pages) * u64::from(PAGE)
    };
    let machine = machine(random, machines, holds).or_else(|| holds(vast).then_some(vast))?;
    let words = size / 4;
    let edge = |random: &mut Random, power: u32| (1_u32 << power).saturating_add_signed(random.between(-1, 2));
    let mut fields = vec![words - 1, edge(random, power - 2), words - random.within(1, 8)];
    let below = random.within(14, power - 2);
    fields.push(edge(random, below));
    fields.push(random.below(4));
    fields.iter_mut().for_each(|field| *field = (*field).min(words - 1));
    fields.sort_unstable();
    fields.dedup();
    let init = if power < 20 && random.one_in(4) { Init::Null } else { Init::Bare };
    let mut ops = vec![alloc(KEEPER, size, words, init)];
    for &field in &fields {
        ops.push(alloc(OTHER, 4 * random.within(1, 6), 0, Init::Fill(field)));
        ops.push(Op::Store { obj: KEEPER, field, value: OTHER });
    }
    ops.push(Op::Drop { reg: OTHER });
    ops.push(Op::Garbage { count: Count::new(random.within(1, 4)), size: Size::Bytes(8) });
    ops.push(Op::Collect);
    for field in fields {
        ops.push(Op::Load { dst: LOADED, src: KEEPER, field });
        ops.push(Op::Check { reg: LOADED });
    }
    if random.one_in(3) {
        // The block is free, and taken again by one that needs as much.
        ops.push(Op::Drop { reg: KEEPER });
        ops.push(Op::Collect);
        ops.push(alloc(KEEPER, size - 4 * random.below(2), 0, Init::Ends(1)));
        ops.push(Op::Check { reg: KEEPER });
    }
    Some(Program { machine, ops })
}

/// Up to 300 collections with garbage between them; then, around a power of two, collections before each of which an object that was there
/// all along gets the only pointer to a new one.
fn hundreds_of_collections(random: &mut Random, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let room = |machine: Machine| {
        let start = heap_start(machine, defaults);
        let first = u64::from(machine.initial_pages.unwrap_or(0)) * u64::from(PAGE);
        start.next_multiple_of(u64::from(PAGE)).max(first) - start
    };
    let cramped = machine(random, machines, |machine| CRAMPED.contains(&room(machine)));
    let rare = random.one_in(ROOMY_ONE_IN);
    let machine = match cramped {
        Some(cramped) => cramped,
        None if rare => {
            machine(random, machines, |machine| (*CRAMPED.start()..4 * u64::from(PAGE)).contains(&room(machine)))?
        }
        None => return None,
    };
    let pairs = 4;
    let target = random.pick(&[32, 32, 64, 64, 128, 256, 256, 300]);
    // Each piece of garbage but the first finds memory exhausted, because two do not fit; what else is allocated does.
    let size = (room(machine) as u32 / 2).next_multiple_of(8);
    let before = target - random.within(1, pairs);
    let mut ops = vec![
        alloc(KEEPER, 4 * pairs + 8, pairs, Init::Fill(target)),
        Op::Garbage { count: Count::new(before + 1), size: Size::Bytes(size) },
    ];
    for field in 0..pairs {
        ops.push(alloc(OTHER, 4 * random.within(2, 4), 0, Init::Fill(field + 1)));
        ops.push(Op::Store { obj: KEEPER, field, value: OTHER });
        ops.push(Op::Drop { reg: OTHER });
        ops.push(Op::Collect);
        ops.push(Op::Load { dst: LOADED, src: KEEPER, field });
        ops.push(Op::Check { reg: LOADED });
    }
    ops.push(Op::Check { reg: KEEPER });
    Some(Program { machine, ops })
}

/// More handles than 16 bits count, most of them of dead wrappers; those that come last belong to a live one, and move in the table.
fn many_registrations(random: &mut Random, machines: &[Machine], defaults: Capacities) -> Option<Program> {
    let room = |machine: Machine| Limits::of(machine, defaults).wraps;
    let machine = machine(random, machines, |machine| room(machine) > REGISTRATIONS / MOST_ROUNDS)?;
    let round = (room(machine) - random.within(2, 40)).min(REGISTRATIONS);
    let handles = |reg, n| Op::Wrap { reg, kind: 1 + (n % 3) as u8, count: Count::new(n) };
    let mut ops = vec![alloc(KEEPER, 8, 0, Init::Null), handles(KEEPER, 1)];
    for _ in 0..=REGISTRATIONS / round {
        ops.push(alloc(OTHER, 8, 0, Init::Null));
        ops.push(handles(OTHER, round));
    }
    ops.push(alloc(LOADED, 8, 0, Init::Null));
    ops.push(handles(LOADED, random.within(1, 2)));
    // The dead go, and what is left moves down.
    ops.extend([Op::Drop { reg: OTHER }, Op::Collect, Op::Check { reg: LOADED }]);
    ops.push(Op::Drop { reg: if random.one_in(4) { KEEPER } else { LOADED } });
    ops.extend([Op::Collect, Op::Check { reg: KEEPER }]);
    Some(Program { machine, ops })
}

/// The machine of objects that no machine of the pool holds.
pub(crate) fn vast(seed: u64, defaults: Capacities, pinned: Machine) -> Machine {
    let mut random = Random::new(seed ^ STREAM, u64::MAX);
    let wraps = (defaults.wraps > 0).then(|| random.within(1, 8));
    Machine {
        data_end: pinned.data_end.or(Some(random.below(64))),
        worklist: pinned.worklist.or(Some(random.within(8, 64))),
        roots: pinned.roots.or(Some(random.within(8, 64))),
        initial_pages: pinned.initial_pages,
        max_pages: pinned.max_pages.or(Some(random.within(530, 600).max(pinned.initial_pages.unwrap_or(0)))),
        wraps: pinned.wraps.or(wraps),
    }
}
