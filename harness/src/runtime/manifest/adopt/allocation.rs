//! What an allocation's parameters are: each is raised on its own, and the distance from one object to the next is watched.

use super::super::parts::Argument;
use super::lab::{Bench, Lab};
use super::names::Candidate;

/// What a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    /// Bytes: objects are as much farther apart as it is greater.
    Bytes,
    /// Words: four times as much.
    Words,
    /// Something else, such as a class: they are not.
    Tag,
}

/// A function that allocates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allocator {
    pub(super) function: Candidate,
    pub(super) parameters: Vec<Parameter>,
    /// Whether that was observed.
    pub(super) is_observed: bool,
}

/// A call that allocates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) function: u32,
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
}

impl Recipe {
    /// The object's address, or 0; none where the call does not return.
    pub(super) fn make(&self, bench: &mut Bench<'_>, size: u32, count: u32) -> Option<u32> {
        let mut value = |argument: &Argument| match argument {
            Argument::Size => size,
            Argument::Words => size.div_ceil(4),
            Argument::Count => count,
            Argument::Stride => 1,
            Argument::Number(number) => *number,
            Argument::Global(global) => bench.global(global.index).unwrap_or(0),
            Argument::Call(of) => bench.call(of.index, &[]).and_then(|told| told.first().copied()).unwrap_or(0),
            Argument::First | Argument::Object | Argument::Offset | Argument::Index | Argument::Value => 0,
        };
        let arguments: Vec<u32> = self.arguments.iter().map(&mut value).collect();
        bench.call(self.function, &arguments)?.first().map(|word| bench.object_of(*word))
    }

    /// An object whose payload is all nulls; none where there is none.
    pub(super) fn make_clean(&self, bench: &mut Bench<'_>, size: u32, count: u32) -> Option<u32> {
        let object = self.make(bench, size, count).filter(|object| *object != 0)?;
        bench.clear(object, size).then_some(object)
    }
}

/// Values that a parameter is tried with, until an object comes of it.
const BASES: [u32; 6] = [64, 0, 1, 2, 4, 8];
/// Pairs of values between which a parameter is raised.
const RAISED: [(u32, u32); 3] = [(64, 1024), (8, 264), (4, 12)];
/// Objects whose distances are looked at.
const OBJECTS: u32 = 6;

impl Allocator {
    /// What the parameters of a function are; none if no object comes of it, or none of them is a size.
    pub(super) fn study(lab: &Lab<'_>, function: &Candidate) -> Option<Self> {
        let count = lab.module.functions[function.index as usize].params.len();
        let base = bases(count).into_iter().find(|base| distance(lab, function.index, base).is_some())?;
        let mut parameters = Vec::new();
        for at in 0..count {
            let raised = |(low, high): (u32, u32)| {
                let with = |value| {
                    let mut arguments = base.clone();
                    arguments[at] = value;
                    distance(lab, function.index, &arguments)
                };
                let (low_distance, high_distance) = (with(low)?, with(high)?);
                Some(f64::from(high_distance.saturating_sub(low_distance)) / f64::from(high - low))
            };
            parameters.push(match RAISED.into_iter().find_map(raised) {
                Some(slope) if slope >= 3.0 => Parameter::Words,
                Some(slope) if slope >= 0.5 => Parameter::Bytes,
                Some(_) | None => Parameter::Tag,
            });
        }
        let is_observed = parameters.iter().any(|parameter| *parameter != Parameter::Tag);
        if !is_observed {
            // Where each allocation collects, all objects come at one address.
            let is_still = distance(lab, function.index, &base) == Some(0);
            if count != 1 || !is_still {
                return None;
            }
            parameters[0] = Parameter::Bytes;
        }
        Some(Self { function: function.clone(), parameters, is_observed })
    }

    /// The parameters that are sizes.
    pub(super) fn sizes(&self) -> Vec<usize> {
        (0..self.parameters.len()).filter(|at| self.parameters[*at] != Parameter::Tag).collect()
    }

    /// The parameters that are not.
    pub(super) fn tags(&self) -> Vec<usize> {
        (0..self.parameters.len()).filter(|at| self.parameters[*at] == Parameter::Tag).collect()
    }

    /// The call in which this parameter is the size, and the others are these numbers in turn.
    pub(super) fn recipe(&self, size: usize, others: &[u32]) -> Recipe {
        let mut others = others.iter();
        let argument = |at: usize| match self.parameters[at] {
            Parameter::Bytes if at == size => Argument::Size,
            Parameter::Words if at == size => Argument::Words,
            Parameter::Bytes | Parameter::Words | Parameter::Tag => {
                Argument::Number(others.next().copied().unwrap_or(0))
            }
        };
        let arguments = (0..self.parameters.len()).map(argument).collect();
        Recipe { function: self.function.index, name: self.function.name.clone(), arguments }
    }

    /// What was seen, in words.
    pub(super) fn observed(&self) -> String {
        if !self.is_observed {
            return format!("assumed: `{}` is given bytes; objects all came at one address.", self.function.name);
        }
        let words: Vec<&str> = self
            .parameters
            .iter()
            .map(|parameter| match parameter {
                Parameter::Bytes => "bytes",
                Parameter::Words => "words of 4 bytes",
                Parameter::Tag => "no size",
            })
            .collect();
        format!(
            "seen: `{}` makes objects; its parameters, by their distance when each is raised: {}.",
            self.function.name,
            words.join(", ")
        )
    }
}

/// Arguments to begin with, those with few small numbers first.
fn bases(count: usize) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        all = all
            .iter()
            .flat_map(|start: &Vec<u32>| BASES.iter().map(move |&value| [start.as_slice(), &[value]].concat()))
            .collect();
    }
    // One that is a size, and the others small.
    all.retain(|values| values.contains(&64));
    all.sort_by_key(|values| values.iter().filter(|value| **value == 64).count());
    all
}

/// Bytes from one object to the next where the function is called with these arguments; none where no objects come.
fn distance(lab: &Lab<'_>, function: u32, arguments: &[u32]) -> Option<u32> {
    let mut bench = lab.bench().ok()?;
    let mut addresses = Vec::new();
    for _ in 0..OBJECTS {
        let address = bench.call(function, arguments)?.first().copied().filter(|address| *address != 0)?;
        if address as usize >= bench.memory().len() {
            return None;
        }
        addresses.push(address);
    }
    let mut distances: Vec<u32> = addresses.windows(2).map(|pair| pair[0].abs_diff(pair[1])).collect();
    distances.sort_unstable();
    // The one in the middle: a collection in between may send an object elsewhere.
    distances.get(distances.len() / 2).copied()
}
