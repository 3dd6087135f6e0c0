//! What each part of generator and oracle is worth: the same faults on the same seed, with one part taken away.

use super::Row;
use crate::judge::Oracles;
use heapsmith_generators::Sampling;

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ablation {
    /// Nothing.
    #[default]
    Nothing,
    /// Variants: no program runs again with collections elsewhere, at another heap start, or with poison. Those with fewer oracles have none either.
    Variants,
    /// [`Oracles::NoTrapPrediction`].
    TrapPrediction,
    /// [`Oracles::Outputs`].
    AllButOutputs,
    /// [`Oracles::Engines`].
    AllButEngines,
    /// [`Sampling::NoBoundaries`].
    Boundaries,
    /// [`Sampling::Uniform`].
    AllSampling,
    /// [`Sampling::FullOnly`].
    AllButFull,
    /// [`Sampling::SwarmOnly`].
    AllButSwarm,
    /// [`Sampling::RealOnly`].
    AllButReal,
}

impl Ablation {
    /// All of them; the first is what the others are compared with.
    pub const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Variants,
        Self::TrapPrediction,
        Self::AllButOutputs,
        Self::AllButEngines,
        Self::Boundaries,
        Self::AllSampling,
        Self::AllButFull,
        Self::AllButSwarm,
        Self::AllButReal,
    ];

    /// A stable name, of what is left.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "all",
            Self::Variants => "no variants",
            Self::TrapPrediction => "no trap prediction",
            Self::AllButOutputs => "outputs only",
            Self::AllButEngines => "engines only",
            Self::Boundaries => "no boundaries",
            Self::AllSampling => "uniform",
            Self::AllButFull => "full-feature only",
            Self::AllButSwarm => "swarm only",
            Self::AllButReal => "real capacities only",
        }
    }

    /// How programs are drawn.
    #[must_use]
    pub const fn sampling(self) -> Sampling {
        match self {
            Self::Nothing | Self::Variants | Self::TrapPrediction | Self::AllButOutputs | Self::AllButEngines => {
                Sampling::Mixture
            }
            Self::Boundaries => Sampling::NoBoundaries,
            Self::AllSampling => Sampling::Uniform,
            Self::AllButFull => Sampling::FullOnly,
            Self::AllButSwarm => Sampling::SwarmOnly,
            Self::AllButReal => Sampling::RealOnly,
        }
    }

    /// What their runs are judged by.
    #[must_use]
    pub const fn oracles(self) -> Oracles {
        match self {
            Self::TrapPrediction => Oracles::NoTrapPrediction,
            Self::AllButOutputs => Oracles::Outputs,
            Self::AllButEngines => Oracles::Engines,
            Self::Nothing
            | Self::Variants
            | Self::Boundaries
            | Self::AllSampling
            | Self::AllButFull
            | Self::AllButSwarm
            | Self::AllButReal => Oracles::All,
        }
    }

    /// Whether programs run again in variants.
    #[must_use]
    pub const fn has_variants(self) -> bool {
        match self {
            Self::Variants | Self::TrapPrediction | Self::AllButOutputs | Self::AllButEngines => false,
            Self::Nothing
            | Self::Boundaries
            | Self::AllSampling
            | Self::AllButFull
            | Self::AllButSwarm
            | Self::AllButReal => true,
        }
    }
}

/// Faults as pairs: each was tried as it is, and with something taken away. Equivalent faults are none of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pairs {
    /// Faults.
    pub of: usize,
    /// Those detected with it taken away.
    pub detected: usize,
    /// Median of the median waits, in programs; an undetected fault waits for ever. None: for ever.
    pub median: Option<u64>,
    /// The wait that 95 % of faults do not exceed, in the same way.
    pub most: Option<u64>,
    /// Names of those that only the whole detected.
    pub lost: Vec<String>,
    /// Names of those that only it detected without what was taken away.
    pub gained: Vec<String>,
    /// McNemar's exact test, two-sided: how likely so uneven a split of `lost` and `gained` is by chance.
    pub p: f64,
}

impl Pairs {
    /// Compares rows of the same faults, in the same order.
    #[must_use]
    pub fn of(whole: &[Row], less: &[Row]) -> Self {
        let pairs = || whole.iter().zip(less).filter(|(row, _)| row.fault.equivalent.is_none());
        let only = |keep: fn(bool, bool) -> bool| -> Vec<String> {
            let kept = pairs().filter(|(a, b)| keep(a.detected > 0, b.detected > 0));
            kept.map(|(row, _)| row.fault.name.clone()).collect()
        };
        let (lost, gained) = (only(|a, b| a && !b), only(|a, b| !a && b));
        let waits: Vec<Option<u64>> = pairs().map(|(_, row)| row.median()).collect();
        Self {
            of: waits.len(),
            detected: waits.iter().flatten().count(),
            median: censored_quantile(&waits, 50),
            most: censored_quantile(&waits, 95),
            p: mcnemar(lost.len(), gained.len()),
            lost,
            gained,
        }
    }
}

/// The smallest wait that so many percent do not exceed, where those without one wait for ever.
fn censored_quantile(waits: &[Option<u64>], percent: usize) -> Option<u64> {
    let mut sorted: Vec<u64> = waits.iter().map(|wait| wait.unwrap_or(u64::MAX)).collect();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().filter(|wait| *wait != u64::MAX)
}

/// The exact test of McNemar, two-sided, for these numbers of discordant pairs.
fn mcnemar(b: usize, c: usize) -> f64 {
    let (n, least) = (b + c, b.min(c));
    // Terms of the binomial distribution with 1/2, from the outermost inwards.
    let mut term = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for k in 0..=least {
        sum += term;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests;
