//! Statistics of independent trials.

/// Quantile of the normal distribution for 95 % on two sides.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval (95 %) of a share: `hits` of `trials`. Without trials nothing is known: 0 to 1.
#[must_use]
pub fn wilson(hits: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (trials as f64, hits as f64 / trials as f64);
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The median of some numbers, the lower one of two; none of none.
#[must_use]
pub fn median(numbers: &[u64]) -> Option<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the interval for 0 of 10, 5 of 10 and 10 of 10, from Wilson's formula worked out by hand.
    #[test]
    fn the_interval_is_wilsons() {
        for (hits, low, high) in [(0, 0.0, 0.277_53), (5, 0.236_59, 0.763_41), (10, 0.722_47, 1.0)] {
            let (l, h) = wilson(hits, 10);
            assert!((l - low).abs() < 1e-4 && (h - high).abs() < 1e-4, "{hits}: {l} {h}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn the_median_is_the_lower_of_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3]), Some(3));
        assert_eq!(median(&[9, 1, 5]), Some(5));
        assert_eq!(median(&[9, 1, 5, 3]), Some(3));
    }
}
