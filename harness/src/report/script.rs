//! A finding as a `.wast` script that fails on any engine as long as the bug lives.

use crate::judge::{Kind, Verdict};
use crate::lower::standalone;
use crate::lower::wast::{Directive, script};
use crate::model::{Exactness, Model};
use crate::outcome::{End, Outcome, Trap};
use crate::runtime::description::{GLOBAL_COLLECTIONS, GLOBAL_FREE_HEAD, GLOBAL_HEAP_END, GLOBAL_ROOT_TOP, GLOBALS};
use crate::trial::Rig;

/// What a script asserts, and whether any of it fails on the runtime as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertions {
    /// In order.
    pub directives: Vec<Directive>,
}

/// Words of the log that a script asserts at most.
const LOGGED: usize = 4;

/// What must be true after the program of the last replay, as far as it was not.
#[must_use]
pub fn directives(verdict: &Verdict, model: &Model, seen: &Outcome) -> Assertions {
    let Verdict::Violation(v) = verdict else {
        let trap = model.expectation().trap.map(|_| Directive::RunTraps(Trap::Unreachable));
        return Assertions { directives: vec![trap.unwrap_or(Directive::Run)] };
    };
    let trapped = matches!(seen.end, End::Trapped(Trap::Unreachable));
    let trap_is_due = model.expectation().trap.is_some();
    if trap_is_due && !trapped {
        return Assertions { directives: vec![Directive::RunTraps(Trap::Unreachable)] };
    }
    let contents_broke = !matches!(v.kind, Kind::UnexpectedTrap(_));
    let mut all = vec![if trapped && contents_broke { Directive::RunTraps(Trap::Unreachable) } else { Directive::Run }];
    if let (Kind::SilentFree, Some(o)) = (v.kind, &v.object) {
        all.push(Directive::NotFree { address: o.address });
    }
    all.extend(v.words.iter().map(|w| Directive::HeapWord { address: w.address, word: w.expected }));
    all.extend(v.shared.map(|(a, b)| Directive::Distinct(a, b)));
    if model.heap.exactness != Exactness::Exact {
        return Assertions { directives: all };
    }
    let words = model.expectation().log.iter().zip(&seen.log).enumerate();
    let differing = words.filter(|(_, (expected, found))| expected != found);
    all.extend(differing.take(LOGGED).map(|(i, (&word, _))| Directive::Logged { index: i as u32, word }));
    // A trap in the middle of a collection leaves globals in the middle of their work.
    if !trapped {
        if seen.pages != model.heap.pages() {
            all.push(Directive::Pages(model.heap.pages()));
        }
        let expected = [
            (GLOBAL_COLLECTIONS, model.heap.collections),
            (GLOBAL_HEAP_END, model.heap.heap_end() as u32),
            (GLOBAL_ROOT_TOP, model.description().regions.roots.0 + 4 * model.slots().len() as u32),
            (GLOBAL_FREE_HEAD, model.heap.free_head_address()),
        ];
        for (i, value) in expected {
            if seen.globals.get(i).is_some_and(|&found| found != value) {
                all.push(Directive::Global { name: GLOBALS[i], value });
            }
        }
    }
    Assertions { directives: all }
}

/// The script of the case that `rig` replayed last.
#[must_use]
pub fn finding_script(rig: &Rig, verdict: &Verdict, comment: &str) -> String {
    let model = rig.model();
    let modules = standalone::modules(&rig.prepared().runtime, model.plan());
    let mut text: String = comment.lines().map(|l| format!(";; {l}\n")).collect();
    text.push_str(&script(&modules, &directives(verdict, model, rig.outcome(0)).directives));
    text
}
