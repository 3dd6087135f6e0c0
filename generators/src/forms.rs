//! Programs in which each pointer field of an object is the only one to hold something, for collectors that tell objects apart by their forms: such a
//! collector has code or a table entry for each field of each form, and a field that is forgotten shows in no other.
//!
//! They are drawn from a stream of their own, as rare programs are, so that all others are what they would be without.

use crate::campaign::Capacities;
use crate::program::{Count, Init, Machine, Op, Placement, Program, Reg, Size};
use crate::rare::{alloc, machine};
use crate::rng::Random;

/// Sets the stream of choices apart from all others.
const STREAM: u64 = 0x666f_726d_735f_6f66;
/// Of so many programs, one is of these.
const ONE_IN: u32 = 24;
/// Pointer fields of all objects of one program, at most: a program stays short.
const FIELDS: u32 = 40;
/// Objects whose fields are filled in one program.
const OBJECTS: u8 = 4;

const HELD: Reg = Reg::new(OBJECTS);
const LOADED: Reg = Reg::new(OBJECTS + 1);

/// A form of objects: a collector takes these words of a payload of this size for pointers, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    /// Payload bytes.
    pub size: u32,
    /// Pointer fields.
    pub fields: u32,
    /// Which words of the payload they are.
    pub place: Placement,
}

/// The program of these that stands in place of program `index`, if one does; without forms none does.
pub(crate) fn program(
    seed: u64,
    index: u64,
    machines: &[Machine],
    defaults: Capacities,
    forms: &[Form],
) -> Option<Program> {
    let mut random = Random::new(seed ^ STREAM, index);
    if forms.is_empty() || !random.one_in(ONE_IN) {
        return None;
    }
    let slots = |machine: Machine| machine.roots.unwrap_or(defaults.roots) > u32::from(LOADED.number());
    let machine = machine(&mut random, machines, slots)?;
    let first = random.below(forms.len() as u32) as usize;
    let mut drawn = vec![forms[first]];
    drawn.resize_with(usize::from(OBJECTS), || random.pick(forms));
    let mut left = FIELDS;
    drawn.retain(|form| {
        let fits = form.fields <= left;
        left -= if fits { form.fields } else { 0 };
        fits
    });
    let size = 4 * random.within(1, 6);
    let mut ops = Vec::new();
    for (number, form) in (0..).zip(&drawn) {
        let &Form { size: bytes, fields, place } = form;
        let (object, init) = (Reg::new(number), Init::Fill(random.below(1 << 16)));
        ops.push(Op::Alloc { dst: object, size: Size::Bytes(bytes), fields, place, init });
        for field in 0..fields {
            ops.push(alloc(HELD, size, 0, Init::Fill(random.below(1 << 16))));
            ops.push(Op::Store { obj: object, field, value: HELD });
        }
    }
    ops.push(Op::Drop { reg: HELD });
    ops.push(Op::Collect);
    // What was freed is used again.
    ops.push(Op::Garbage { count: Count::new(2 * (FIELDS - left)), size: Size::Bytes(size) });
    for (number, form) in (0..).zip(&drawn) {
        let object = Reg::new(number);
        for field in 0..form.fields {
            ops.push(Op::Load { dst: LOADED, src: object, field });
            ops.push(Op::Check { reg: LOADED });
        }
        ops.push(Op::Check { reg: object });
    }
    Some(Program { machine, ops })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::DEFAULTS;
    use std::collections::BTreeSet;

    fn forms() -> Vec<Form> {
        let places = [Placement::Front, Placement::Odd, Placement::Back];
        (1..=15).flat_map(|n| places.map(|place| Form { size: 8 * n, fields: n, place })).collect()
    }

    #[test]
    fn every_field_of_every_form_holds_something_within_some_thousand_programs() {
        let forms = forms();
        let mut filled = BTreeSet::new();
        for program in (0..6_000).filter_map(|index| program(1, index, &[Machine::default()], DEFAULTS, &forms)) {
            assert!(program.ops.len() < 240, "{}", program.ops.len());
            for pair in program.ops.windows(2) {
                if let [Op::Alloc { dst, size: Size::Bytes(size), fields: 1.., place, .. }, _] = pair {
                    let stored = |op: &&Op| matches!(op, Op::Store { obj, .. } if obj == dst);
                    let count = program.ops.iter().filter(stored).count() as u32;
                    filled.insert((*size, count, format!("{place:?}")));
                }
            }
        }
        let all: BTreeSet<_> = forms.iter().map(|form| (form.size, form.fields, format!("{:?}", form.place))).collect();
        assert_eq!(filled, all);
    }

    #[test]
    fn without_forms_and_for_small_root_stacks_there_are_none() {
        let small = Machine { roots: Some(5), ..Machine::default() };
        for index in 0..500 {
            assert_eq!(program(1, index, &[Machine::default()], DEFAULTS, &[]), None);
            assert_eq!(program(1, index, &[small], DEFAULTS, &forms()), None);
        }
    }
}
