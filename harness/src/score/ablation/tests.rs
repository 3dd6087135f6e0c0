use super::*;

/// Worked out by hand: 1 of 2^5 on either side; 1 + 6 of 2^6 on either side; an even split.
#[test]
fn mcnemars_test_is_exact() {
    for (b, c, p) in [(0, 0, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (5, 1, 0.218_75), (3, 3, 1.0)] {
        assert!((mcnemar(b, c) - p).abs() < 1e-12, "{b} {c}: {}", mcnemar(b, c));
    }
}

#[test]
fn what_is_not_detected_waits_for_ever() {
    let waits = [Some(4), None, Some(1), Some(2)];
    assert_eq!((censored_quantile(&waits, 50), censored_quantile(&waits, 75)), (Some(2), Some(4)));
    assert_eq!((censored_quantile(&waits, 95), censored_quantile(&[], 50)), (None, None));
}
