//! Where engines disagree, somebody else decides, and the odd one out is named.
//!
//! Every engine that ran the program is a voice, and the emulator is one where the runtime is an unedited built-in. Voices that agree in
//! everything form a group, whose votes are the families in it ([`Known::family`]): wasmtime and Pulley have one together, because what
//! Cranelift gets wrong before its back ends is wrong on both. While no group has the most votes alone, engines that did not run are asked for the same plan in the
//! standalone lowering, one by one in the order of [`Known::ADJUDICATORS`]. The engines outside the group with the most votes are the odd ones out.

use crate::engine::Known;
use crate::judge::{Adjudication, Silent};
use crate::outcome::{End, Outcome};
use std::collections::BTreeSet;

/// The emulator's name among voices.
const EMULATOR: &str = "emulator";

/// What one voice says of the program.
#[derive(Clone, Copy)]
pub(crate) struct Voice<'a> {
    pub(crate) name: &'static str,
    pub(crate) outcome: &'a Outcome,
    pub(crate) heap: &'a [u8],
}

impl Voice<'_> {
    /// Whether two voices agree in everything.
    pub(super) fn agrees(&self, other: &Voice<'_>) -> bool {
        self.outcome == other.outcome && self.heap == other.heap
    }
}

/// An outcome, and the collector's memory.
pub(crate) type Answer = (Outcome, Vec<u8>);

/// Decides between engines that disagree. `ask` runs the plan on another engine.
pub(crate) fn adjudicate(
    engines: &[Voice<'_>],
    emulator: Option<Voice<'_>>,
    mut ask: impl FnMut(Known) -> Result<Answer, String>,
) -> Adjudication {
    let mut groups = Groups(Vec::new());
    engines.iter().for_each(|voice| groups.add(*voice));
    if let Some(emulator) = emulator {
        groups.add(Voice { name: EMULATOR, ..emulator });
    }
    let (mut adjudicators, mut silent, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    let spare = |known: &Known| engines.iter().all(|voice| voice.name != known.name());
    for known in Known::ADJUDICATORS.into_iter().filter(spare) {
        if groups.with(&answers).largest().is_some() {
            break;
        }
        match ask(known) {
            Ok((outcome, _)) if outcome.end == End::OutOfFuel => {
                silent.push(Silent { engine: known.name(), why: "it ran out of fuel".to_owned() });
            }
            Ok(answer) => {
                adjudicators.push(known.name());
                answers.push((known.name(), answer));
            }
            Err(why) => silent.push(Silent { engine: known.name(), why }),
        }
    }
    let mut groups = groups.with(&answers);
    let odd = match groups.largest() {
        Some(largest) => {
            let right: Vec<&str> = groups.0[largest].iter().map(|voice| voice.name).collect();
            engines.iter().map(|voice| voice.name).filter(|name| !right.contains(name)).collect()
        }
        None => Vec::new(),
    };
    groups.0.sort_by_key(|group| std::cmp::Reverse((votes(group), group.len())));
    let groups = groups.0.iter().map(|group| group.iter().map(|voice| voice.name).collect()).collect();
    Adjudication { odd, groups, adjudicators, silent }
}

/// Voices that agree, group by group.
#[derive(Clone)]
struct Groups<'a>(Vec<Vec<Voice<'a>>>);

impl<'a> Groups<'a> {
    fn add(&mut self, voice: Voice<'a>) {
        match self.0.iter_mut().find(|group| group[0].agrees(&voice)) {
            Some(group) => group.push(voice),
            None => self.0.push(vec![voice]),
        }
    }

    /// These groups and the answers of adjudicators.
    fn with<'b>(&self, answers: &'b [(&'static str, Answer)]) -> Groups<'b>
    where
        'a: 'b,
    {
        let mut all: Groups<'b> = Groups(self.0.clone());
        for (name, (outcome, heap)) in answers {
            all.add(Voice { name, outcome, heap });
        }
        all
    }

    /// The group with more votes than any other one.
    fn largest(&self) -> Option<usize> {
        let most = self.0.iter().map(|group| votes(group)).max()?;
        let mut largest = (0..self.0.len()).filter(|&i| votes(&self.0[i]) == most);
        largest.next().filter(|_| largest.next().is_none())
    }
}

/// Families among the voices of a group; the emulator is one of its own.
fn votes(group: &[Voice<'_>]) -> usize {
    let family = |voice: &Voice<'_>| Known::parse(voice.name).map_or(voice.name, Known::family);
    group.iter().map(family).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(step: u32) -> Outcome {
        Outcome { step, ..Outcome::default() }
    }

    /// Decides between voices that differ in the step; each known engine that is asked says the step that `says` gives.
    fn decide(
        engines: &[(&'static str, u32)],
        emulator: Option<u32>,
        says: &dyn Fn(Known) -> Result<u32, String>,
    ) -> Adjudication {
        let outcomes: Vec<Outcome> = engines.iter().map(|(_, step)| outcome(*step)).collect();
        let voices: Vec<Voice<'_>> =
            engines.iter().zip(&outcomes).map(|((name, _), outcome)| Voice { name, outcome, heap: &[] }).collect();
        let emulated = emulator.map(outcome);
        let emulator = emulated.as_ref().map(|outcome| Voice { name: "", outcome, heap: &[] });
        adjudicate(&voices, emulator, |known| says(known).map(|step| (outcome(step), Vec::new())))
    }

    fn nobody(known: Known) -> Result<u32, String> {
        panic!("{} was asked", known.name())
    }

    #[test]
    fn of_three_engines_the_majority_decides_and_nobody_is_asked() {
        let a = decide(&[("wasmi", 1), ("wasmtime", 2), ("v8", 2)], None, &nobody);
        assert_eq!((a.odd, a.adjudicators), (vec!["wasmi"], vec![]));
        assert_eq!(a.groups, [vec!["wasmtime", "v8"], vec!["wasmi"]]);
    }

    #[test]
    fn the_emulator_is_a_voice_and_is_named() {
        let a = decide(&[("wasmtime", 1), ("wasmi", 2)], Some(2), &nobody);
        assert_eq!((a.odd, a.groups), (vec!["wasmtime"], vec![vec!["wasmi", "emulator"], vec!["wasmtime"]]));
    }

    #[test]
    fn engines_are_asked_in_order_until_one_sides() {
        let a = decide(&[("wasmtime", 1), ("wasmi", 2)], None, &|known| match known {
            Known::Winch => Err("no".to_owned()),
            Known::Wasmi1 => Ok(9),
            Known::Pulley => Ok(2),
            Known::Wasmtime | Known::Wasmi | Known::V8 => nobody(known),
        });
        assert_eq!((a.odd, a.adjudicators), (vec!["wasmtime"], vec!["wasmi1", "pulley"]));
        assert_eq!(a.silent, [Silent { engine: "winch", why: "no".to_owned() }]);
        assert_eq!(a.groups, [vec!["wasmi", "pulley"], vec!["wasmtime"], vec!["wasmi1"]]);
    }

    #[test]
    fn engines_that_share_a_translation_have_one_vote() {
        // Cranelift's two do not outvote wasmi: Winch is asked, and sides with it.
        let a = decide(&[("wasmtime", 1), ("pulley", 1), ("wasmi", 2)], None, &|known| match known {
            Known::Winch => Ok(2),
            Known::Wasmtime | Known::Wasmi | Known::Wasmi1 | Known::Pulley | Known::V8 => nobody(known),
        });
        assert_eq!((a.odd, a.adjudicators), (vec!["wasmtime", "pulley"], vec!["winch"]));
        assert_eq!(a.groups, [vec!["wasmi", "winch"], vec!["wasmtime", "pulley"]]);
    }

    #[test]
    fn engines_that_nobody_sides_with_are_all_odd() {
        let a = decide(&[("wasmtime", 1), ("wasmi", 2)], None, &|_| Ok(3));
        assert_eq!((a.odd, a.adjudicators), (vec!["wasmtime", "wasmi"], vec!["winch", "wasmi1"]));
    }

    #[test]
    fn where_nobody_can_decide_nobody_is_odd() {
        let a = decide(&[("wasmtime", 1), ("wasmi", 2)], None, &|_| Err("gone".to_owned()));
        assert_eq!((a.odd.len(), a.adjudicators.len(), a.silent.len()), (0, 0, 3));
        let different = |known: Known| Ok(10 + known as u32);
        assert_eq!(decide(&[("wasmtime", 1), ("wasmi", 2)], Some(3), &different).odd, [""; 0]);
    }
}
