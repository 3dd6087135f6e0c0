//! The exponent with which work grows.

use super::Point;

/// Points that a fit needs.
pub(super) const LEAST: usize = 3;

/// The upper half of the points, at least [`LEAST`]: what an execution costs at any size weighs least there.
pub(super) fn upper(points: &[Point]) -> &[Point] {
    let keep = points.len().div_ceil(2).max(LEAST).min(points.len());
    &points[points.len() - keep..]
}

/// The slope of the line through the points, in logarithms, with the least squares; none for fewer than [`LEAST`] points.
pub(super) fn exponent(points: &[Point]) -> Option<f64> {
    if points.len() < LEAST {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|p| (f64::from(p.n).ln(), (p.fuel as f64).ln())).collect();
    let mean = |pick: fn(&(f64, f64)) -> f64| logs.iter().map(pick).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let above: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let below: f64 = logs.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
    Some(above / below)
}

/// The exponent between each point and the one before it.
pub(super) fn local(points: &[Point]) -> Vec<f64> {
    let ratio = |pair: &[Point]| {
        let fuel = pair[1].fuel as f64 / pair[0].fuel as f64;
        fuel.ln() / (f64::from(pair[1].n) / f64::from(pair[0].n)).ln()
    };
    points.windows(2).map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(fuel: impl Fn(u64) -> u64) -> Vec<Point> {
        (8..16).map(|i| 1_u32 << i).map(|n| Point { n, fuel: fuel(u64::from(n)), work: 1, ended: true }).collect()
    }

    fn fitted(fuel: impl Fn(u64) -> u64) -> f64 {
        exponent(upper(&points(fuel))).unwrap()
    }

    #[test]
    fn the_exponent_of_a_power_is_fitted() {
        assert!((fitted(|n| 7 * n) - 1.0).abs() < 1e-9);
        assert!((fitted(|n| n * n) - 2.0).abs() < 1e-9);
        assert!((fitted(|n| n * n * n) - 3.0).abs() < 1e-9);
        for slope in local(&points(|n| n * n)) {
            assert!((slope - 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn what_every_run_costs_and_logarithms_stay_below_the_line_and_a_little_of_a_square_does_not() {
        assert!(fitted(|n| 100_000 + 40 * n) < super::super::LINEAR);
        assert!(fitted(|n| 40 * n * u64::from(n.ilog2())) < super::super::LINEAR);
        assert!(fitted(|n| 4_000 * n + n * n) > super::super::LINEAR);
    }

    #[test]
    fn two_points_are_no_fit() {
        assert_eq!(exponent(&points(|n| n)[..2]), None);
    }
}
