//! The two places that push to the mark worklist, and the guard before each.

use super::module::{Function, Globals, Kind, Module, Variable};
use super::{Expect, Pin, Place, status};
use crate::runtime::description::OnFull;
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::Operator;

const SEEDING: &str = "worklist guard, root seeding";
const SCAN: &str = "worklist guard, mark scan";
/// Instructions shown before a push that has no guard.
const CONTEXT: usize = 6;
const MINUS_4: u32 = 4u32.wrapping_neg();

/// A push: `get pointer; value; i32.store; get pointer; i32.const 4; i32.add; set pointer`.
#[derive(Debug, Clone, Copy)]
struct Site {
    pointer: Variable,
    /// The first instruction.
    start: usize,
    /// The store.
    store: usize,
}

/// The verdict on one site.
struct Guard {
    /// Where the instructions shown start.
    from: usize,
    /// What is wrong, if something is.
    fault: Option<String>,
}

/// The pins of the push sites.
pub(super) fn pins(module: &Module<'_>, expect: &Expect) -> Vec<Pin> {
    let globals = &module.globals;
    let codes: Vec<Vec<Kind>> = module.functions.iter().map(Function::kinds).collect();
    let pops: Vec<BTreeMap<Variable, usize>> = codes.iter().map(|code| pops(code)).collect();
    let popped: BTreeSet<Variable> = pops.iter().flat_map(|pops| pops.keys().copied()).collect();
    let (mut seeding, mut scan) = (Vec::new(), Vec::new());
    for ((function, code), pops) in module.functions.iter().zip(&codes).zip(&pops) {
        for site in pushes(code) {
            let is_worklist = match site.pointer {
                Variable::Local(_) => pops.contains_key(&site.pointer),
                Variable::Global(index) => {
                    (popped.contains(&site.pointer) || globals.name(index) == Some("gc_worklist_ptr"))
                        && !is_root_stack(globals, index, expect)
                }
            };
            if is_worklist {
                let pin = |name| pin(name, function, code, site, globals, expect);
                match pops.get(&site.pointer) {
                    Some(pop) if *pop < site.start => scan.push(pin(SCAN)),
                    Some(_) | None => seeding.push(pin(SEEDING)),
                }
            }
        }
    }
    exactly_one(seeding, SEEDING, expect).into_iter().chain(exactly_one(scan, SCAN, expect)).collect()
}

/// Pins of one kind of site; with none, or with more than one, there is a failing pin that says so.
fn exactly_one(mut pins: Vec<Pin>, name: &'static str, expect: &Expect) -> Vec<Pin> {
    let found = match pins.len() {
        1 => return pins,
        0 => "no push to the worklist (a store through a pointer that then moves up by 4, and down by 4 elsewhere)"
            .to_owned(),
        n => format!("{n} such pushes where one was expected"),
    };
    let expected = expected(expect);
    pins.push(Pin { name, status: status(false), expected, found, place: None, instructions: Vec::new() });
    pins
}

fn expected(expect: &Expect) -> String {
    let full = match expect.full {
        OnFull::Trap => "unreachable",
        OnFull::Rescan => "put the value off; branch away",
    };
    format!("get pointer; {}; i32.ge_u; if; {full}; end; then the push", expect.worklist_end)
}

fn pin(
    name: &'static str,
    function: &Function<'_>,
    code: &[Kind],
    site: Site,
    globals: &Globals,
    expect: &Expect,
) -> Pin {
    let Guard { from, fault } = guard(function, code, site, globals, expect);
    let shown = &function.code[from..=site.store];
    Pin {
        name,
        status: status(fault.is_none()),
        expected: expected(expect),
        found: fault.unwrap_or_else(|| "exactly that".to_owned()),
        place: Some(Place {
            function: function.index,
            name: function.name.clone(),
            offset: shown.first().map_or(0, |instruction| instruction.offset),
        }),
        instructions: shown.iter().map(|instruction| instruction.text(globals)).collect(),
    }
}

/// Looks for the guard before a push.
fn guard(function: &Function<'_>, code: &[Kind], site: Site, globals: &Globals, expect: &Expect) -> Guard {
    let context = site.start.saturating_sub(CONTEXT);
    let wrong = |from: usize, fault: String| Guard { from, fault: Some(fault) };
    let unguarded = |why: &str| wrong(context, format!("the push is unguarded: {why}"));

    // The nearest `end` before the push from which the code runs straight to it.
    let mut end = site.start;
    loop {
        let Some(before) = end.checked_sub(1) else {
            return unguarded("nothing stands before it");
        };
        end = before;
        match code[end] {
            Kind::End => break,
            Kind::Set(v) | Kind::Tee(v) if v == site.pointer => return unguarded("its pointer was moved just before"),
            Kind::IfEmpty => return unguarded("it stands inside a condition, so that it can be skipped"),
            Kind::Open | Kind::Unreachable | Kind::Control => return unguarded("no `if` ends before it"),
            Kind::Get(_)
            | Kind::Set(_)
            | Kind::Tee(_)
            | Kind::Const(_)
            | Kind::Add
            | Kind::Sub
            | Kind::GreaterOrEqualUnsigned
            | Kind::Unary
            | Kind::Binary
            | Kind::StoreWord
            | Kind::Other => {}
        }
    }
    let body = match expect.full {
        OnFull::Trap => end.checked_sub(2).filter(|&opens| code[opens] == Kind::IfEmpty),
        OnFull::Rescan => opening(code, end).filter(|&opens| code[opens] == Kind::IfEmpty && opens + 1 < end),
    };
    let Some((compare, opens)) = body.and_then(|opens| Some((opens.checked_sub(1)?, opens))) else {
        let body = match expect.full {
            OnFull::Trap => "one instruction",
            OnFull::Rescan => "a body",
        };
        return unguarded(&format!("no `if` with {body} ends before it"));
    };
    let last = &function.code[end - 1];
    let Some((left, right)) = operands(code, compare) else {
        return wrong(context.min(compare), "the guard's condition is no comparison of two simple values".to_owned());
    };
    match expect.full {
        OnFull::Trap if last.kind != Kind::Unreachable => {
            let found = last.text(globals);
            let fault = format!("a full worklist does not trap: the guard's body is `{found}`, not `unreachable`");
            return wrong(left, fault);
        }
        OnFull::Rescan if !matches!(last.operator, Operator::Br { .. } | Operator::Return) => {
            let found = last.text(globals);
            return wrong(left, format!("a full worklist goes on to the push: the guard ends in `{found}`, no branch"));
        }
        // The value is the last that is read before the store.
        OnFull::Rescan if !code[opens..end].contains(&code[site.store - 1]) => {
            return wrong(
                left,
                "a push to a full worklist is dropped: its guard does not look at the value".to_owned(),
            );
        }
        OnFull::Trap | OnFull::Rescan => {}
    }
    if code[compare] != Kind::GreaterOrEqualUnsigned {
        let found = function.code[compare].text(globals);
        return wrong(left, format!("the guard compares by `{found}`, not `i32.ge_u`"));
    }
    if code[left..right] != [Kind::Get(site.pointer)] {
        return wrong(left, "the guard's left operand is not the pointer that is stored through".to_owned());
    }
    match globals.evaluate(&code[right..compare], &known_locals(code, left, globals)) {
        Some(value) if value == expect.worklist_end => Guard { from: left, fault: None },
        Some(value) => {
            wrong(left, format!("the guard compares with {value}, not with the worklist's end {}", expect.worklist_end))
        }
        None => wrong(left, "the guard's right operand is no constant".to_owned()),
    }
}

/// Where the block opens that the `end` at instruction `end` closes.
fn opening(code: &[Kind], end: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, kind) in code[..end].iter().enumerate().rev() {
        match kind {
            Kind::End => depth += 1,
            Kind::IfEmpty | Kind::Open if depth == 0 => return Some(at),
            Kind::IfEmpty | Kind::Open => depth -= 1,
            Kind::Get(_)
            | Kind::Set(_)
            | Kind::Tee(_)
            | Kind::Const(_)
            | Kind::Add
            | Kind::Sub
            | Kind::GreaterOrEqualUnsigned
            | Kind::Unary
            | Kind::Binary
            | Kind::StoreWord
            | Kind::Unreachable
            | Kind::Control
            | Kind::Other => {}
        }
    }
    None
}

/// The locals whose value is known at instruction `at`: set once in the function, to a constant, before, and outside of any block.
fn known_locals(code: &[Kind], at: usize, globals: &Globals) -> BTreeMap<u32, u32> {
    let mut sets: BTreeMap<u32, u32> = BTreeMap::new();
    for kind in code {
        if let Kind::Set(Variable::Local(local)) | Kind::Tee(Variable::Local(local)) = kind {
            *sets.entry(*local).or_default() += 1;
        }
    }
    let mut known = BTreeMap::new();
    let mut depth = 0usize;
    for (i, kind) in code[..at].iter().enumerate() {
        match kind {
            Kind::IfEmpty | Kind::Open => depth += 1,
            Kind::End => depth = depth.saturating_sub(1),
            Kind::Set(Variable::Local(local)) if depth == 0 && sets.get(local) == Some(&1) => {
                let value = value_start(code, i).and_then(|start| globals.evaluate(&code[start..i], &known));
                known.extend(value.map(|value| (*local, value)));
            }
            Kind::Get(_)
            | Kind::Set(_)
            | Kind::Tee(_)
            | Kind::Const(_)
            | Kind::Add
            | Kind::Sub
            | Kind::GreaterOrEqualUnsigned
            | Kind::Unary
            | Kind::Binary
            | Kind::StoreWord
            | Kind::Unreachable
            | Kind::Control
            | Kind::Other => {}
        }
    }
    known
}

/// Where the two operands of the instruction at `operation` start.
fn operands(code: &[Kind], operation: usize) -> Option<(usize, usize)> {
    let takes_two = match code[operation] {
        Kind::GreaterOrEqualUnsigned | Kind::Binary | Kind::Add | Kind::Sub => true,
        Kind::Get(_)
        | Kind::Set(_)
        | Kind::Tee(_)
        | Kind::Const(_)
        | Kind::Unary
        | Kind::StoreWord
        | Kind::IfEmpty
        | Kind::Open
        | Kind::Unreachable
        | Kind::End
        | Kind::Control
        | Kind::Other => false,
    };
    let right = if takes_two { value_start(code, operation)? } else { return None };
    Some((value_start(code, right)?, right))
}

/// Where the expression starts that leaves the one value on the stack before instruction `end`; `None` if it is not simple.
fn value_start(code: &[Kind], end: usize) -> Option<usize> {
    let (mut at, mut wanted) = (end, 1usize);
    while wanted > 0 {
        at = at.checked_sub(1)?;
        wanted = match code[at] {
            Kind::Get(_) | Kind::Const(_) => wanted - 1,
            Kind::Tee(_) | Kind::Unary => wanted,
            Kind::Add | Kind::Sub | Kind::GreaterOrEqualUnsigned | Kind::Binary => wanted + 1,
            Kind::Set(_)
            | Kind::StoreWord
            | Kind::IfEmpty
            | Kind::Open
            | Kind::Unreachable
            | Kind::End
            | Kind::Control
            | Kind::Other => return None,
        };
    }
    Some(at)
}

/// Every store through a variable that is moved up by 4 right after.
fn pushes(code: &[Kind]) -> Vec<Site> {
    let site = |(at, window): (usize, &[Kind])| {
        let [Kind::StoreWord, Kind::Get(pointer), Kind::Const(4), Kind::Add, Kind::Set(set)] = *window else {
            return None;
        };
        let value = value_start(code, at)?;
        let address = value_start(code, value)?;
        (set == pointer && code[address..value] == [Kind::Get(pointer)]).then_some(Site {
            pointer,
            start: address,
            store: at,
        })
    };
    code.windows(5).enumerate().filter_map(site).collect()
}

/// Where each variable is first moved down by 4.
fn pops(code: &[Kind]) -> BTreeMap<Variable, usize> {
    let mut first = BTreeMap::new();
    for (at, window) in code.windows(4).enumerate() {
        let (Kind::Get(from), Kind::Set(to) | Kind::Tee(to)) = (window[0], window[3]) else { continue };
        let down = matches!(window[1..3], [Kind::Const(4), Kind::Sub] | [Kind::Const(MINUS_4), Kind::Add]);
        if from == to && down {
            first.entry(from).or_insert(at);
        }
    }
    first
}

/// Whether a global is the root stack's pointer: by name, or under another name by where it starts.
fn is_root_stack(globals: &Globals, index: u32, expect: &Expect) -> bool {
    match globals.name(index) {
        Some("gc_sp") => true,
        Some("gc_worklist_ptr") => false,
        Some(_) | None => globals.get(index).is_some_and(|global| global.start == Some(expect.stack_base)),
    }
}
