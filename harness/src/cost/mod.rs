//! What work costs: families of programs that differ in one size, measured in fuel of one engine, which counts instructions.
//!
//! The sizes double; the exponent with which fuel grows is fitted over the upper half of them, by least squares on logarithms. What
//! is superlinear must be declared: a [`Characteristic`] allows the square, and nothing more; what no characteristic allows is a
//! violation, and two programs prove it. Each program is judged as well, so that a collector is not found quick because it does nothing.
//!
//! Fuel is counted, so the same engine in the same version gives the same numbers on every run, however busy the machine is.
//! This sees the *form* of the curve. A constant factor shows as fuel for each unit of work that the declared policies need (a word, a block, a
//! root or a free block visited, as the model counts them), and in a comparison with another collector ([`Row::times`]); the budget of each
//! trial ([`crate::trial`]) bounds it, too, but generously.

mod families;
mod fit;
mod plot;

pub use families::{FAMILIES, Family};
pub use plot::svg;

use crate::engine::{Engine, EngineError};
use crate::judge::{Allowance, Inconclusive, Verdict, Violation};
use crate::runtime::Runtime;
use crate::runtime::description::{Characteristic, Description};
use crate::trial::{Measured, Prepared, Rig};
use heapsmith_generators::Machine;
use std::sync::Arc;

/// The largest exponent of work that counts as constant.
pub const CONSTANT: f64 = 0.2;
/// The largest exponent of work that counts as linear. `n log n` over these sizes has 1.1, a constant part only lowers it; a square
/// brings it to 1.2 once a fifth of the work is its.
pub const LINEAR: f64 = 1.2;
/// The largest exponent that a declared square may show.
pub const SQUARE: f64 = 2.2;
/// How many times another collector's fuel is too much, where one is compared with it.
pub const TIMES: f64 = 2.0;
/// Fuel of one point from which on no larger one is measured, but for the three that a fit needs, where nobody asks for another amount:
/// about a second.
pub const ENOUGH: u64 = 1 << 30;
/// What a point may use at most, in multiples of what is enough and of what the size before it used: an eightfold step is more than any declared
/// square makes. Where no size came before, [`ENOUGH`] is enough.
const LIMIT: u64 = 8;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The size.
    pub n: u32,
    /// Fuel of the measured ops.
    pub fuel: u64,
    /// Units of work that the declared policies need for them; at least one.
    pub work: u64,
    /// Whether they ended; if not, they were stopped after this much.
    pub ended: bool,
}

/// What a family's measurements say.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Work does not depend on the size, as it must not.
    Constant,
    /// Work is proportional to the size, or grows more slowly.
    Linear,
    /// It grows with at most the square, which this characteristic declares.
    Declared(Characteristic),
    /// It grows faster than anything that is declared.
    Slow,
    /// The program of this size breaks another promise.
    Broken(u32, Box<Violation>),
    /// Not measured, and why.
    Unfit(String),
}

impl Finding {
    /// A stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Declared(_) => "declared",
            Self::Slow => "slow",
            Self::Broken(..) => "broken",
            Self::Unfit(_) => "not-measured",
        }
    }

    /// Whether a promise is broken.
    #[must_use]
    pub const fn is_violation(&self) -> bool {
        match self {
            Self::Slow | Self::Broken(..) => true,
            Self::Constant | Self::Linear | Self::Declared(_) | Self::Unfit(_) => false,
        }
    }
}

/// A family and what was measured.
#[derive(Debug, Clone)]
pub struct Row {
    /// The family.
    pub family: &'static Family,
    /// The measurements, smallest first.
    pub points: Vec<Point>,
    /// The exponent over the upper sizes; none with fewer than three.
    pub exponent: Option<f64>,
    /// What they say.
    pub finding: Finding,
}

impl Row {
    /// The exponent between each point and the one before it.
    #[must_use]
    pub fn local_exponents(&self) -> Vec<f64> {
        fit::local(&self.points)
    }

    /// The two points that show how work grows: the ends of what is fitted.
    #[must_use]
    pub fn proof(&self) -> Option<(Point, Point)> {
        let upper = fit::upper(&self.points);
        Some((*upper.first()?, *upper.last()?))
    }

    /// Fuel for each unit of size at the largest size, in tenths.
    #[must_use]
    pub fn tenths_per_unit(&self) -> Option<u64> {
        self.points.last().map(|p| p.fuel.saturating_mul(10) / u64::from(p.n))
    }

    /// Fuel for each unit of work at the largest size, in tenths.
    #[must_use]
    pub fn tenths_per_work(&self) -> Option<u64> {
        self.points.last().map(|p| p.fuel.saturating_mul(10) / p.work)
    }

    /// How many times the fuel of another collector this one needs, at the largest size that both were measured at.
    #[must_use]
    pub fn times(&self, other: &Self) -> Option<f64> {
        let both = self.points.iter().rev().find_map(|p| Some((p, other.points.iter().find(|q| q.n == p.n)?)));
        both.map(|(p, q)| p.fuel as f64 / q.fuel as f64)
    }
}

/// Measures every family on one engine. `runtime` makes the collector with the parameters that a program asks for, unless it cannot, and
/// `say` is told what comes next.
///
/// # Errors
/// When the engine refuses the collector.
pub fn survey(
    engine: &[Box<dyn Engine>; 1],
    enough: u64,
    runtime: impl Fn(Machine) -> Result<Runtime, String>,
    mut say: impl FnMut(&Family),
) -> Result<Vec<Row>, EngineError> {
    FAMILIES
        .iter()
        .map(|family| {
            say(family);
            measure(family, engine, enough, &runtime)
        })
        .collect()
}

/// Measures one family.
///
/// # Errors
/// As [`survey`].
pub fn measure(
    family: &'static Family,
    engine: &[Box<dyn Engine>; 1],
    enough: u64,
    make: impl Fn(Machine) -> Result<Runtime, String>,
) -> Result<Row, EngineError> {
    let unfit = |why: String| Row { family, points: Vec::new(), exponent: None, finding: Finding::Unfit(why) };
    let runtime = match make(family.program(family.first).machine) {
        Ok(runtime) => runtime,
        Err(why) => return Ok(unfit(why)),
    };
    if let Some(why) = family.unfit(&runtime.description) {
        return Ok(unfit(why.to_owned()));
    }
    let description = runtime.description.clone();
    let rig_of = |runtime| Rig::new(Arc::new(Prepared::edited(runtime, engine)?));
    let mut rig = rig_of(runtime)?;
    let mut points: Vec<Point> = Vec::new();
    let mut finding = None;
    for n in family.sizes() {
        let program = family.program(n);
        if family.sizes_memory() {
            match make(program.machine) {
                Ok(runtime) => rig = rig_of(runtime)?,
                Err(why) => return Ok(unfit(why)),
            }
        }
        let before = points.last().map_or(ENOUGH, |point| point.fuel);
        let Measured { verdict, fuel, work } =
            rig.measure(&program, family.measured_from(n), LIMIT.saturating_mul(enough.max(before)));
        let ended = verdict.is_some();
        match verdict {
            // More than is modelled: no larger one either.
            Some(Verdict::Inconclusive(Inconclusive::TooMuchWork)) => break,
            Some(verdict) => finding = problem(n, verdict),
            None => {}
        }
        if finding.is_some() {
            break;
        }
        points.push(Point { n, fuel: fuel.max(1), work: work.max(1), ended });
        if (fuel >= enough && points.len() >= fit::LEAST) || !ended {
            break;
        }
    }
    let exponent = fit::exponent(fit::upper(&points));
    let finding = finding.unwrap_or_else(|| match points.last() {
        Some(Point { ended: false, .. }) => Finding::Slow,
        Some(_) | None => judge(family, &description, exponent),
    });
    Ok(Row { family, points, exponent, finding })
}

/// What is wrong with a point beside what it costs.
fn problem(n: u32, verdict: Verdict) -> Option<Finding> {
    match verdict {
        Verdict::Pass => None,
        Verdict::AllowedTrap(Allowance::Must(rule)) => Some(Finding::Unfit(trapped(n, rule.name()))),
        Verdict::AllowedTrap(Allowance::May) => Some(Finding::Unfit(trapped(n, "after a false candidate"))),
        Verdict::Violation(v) => Some(Finding::Broken(n, v)),
        Verdict::Inconclusive(reason) => Some(Finding::Unfit(format!("inconclusive at n = {n}: {}", reason.name()))),
        Verdict::Untrusted(_) => Some(Finding::Unfit(format!("the harness contradicts itself at n = {n}"))),
    }
}

fn trapped(n: u32, rule: &str) -> String {
    format!("the program traps at n = {n}, as it must ({rule}): pin fewer parameters")
}

fn judge(family: &Family, description: &Description, exponent: Option<f64>) -> Finding {
    let Some(exponent) = exponent else {
        return Finding::Unfit("fewer than three sizes within the fuel: give more".to_owned());
    };
    let declared = family.declared_by.filter(|c| description.characteristics.contains(c));
    match declared {
        _ if exponent <= CONSTANT && family.most <= CONSTANT => Finding::Constant,
        _ if exponent <= family.most => Finding::Linear,
        Some(characteristic) if exponent <= SQUARE => Finding::Declared(characteristic),
        Some(_) | None => Finding::Slow,
    }
}
