//! Bisection: the first bad one of a row of builds of which some cannot be tested.

use std::cmp::Ordering;

/// What a test of a build says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// It does not have the bug.
    Good,
    /// It has.
    Bad,
    /// It cannot be told, and why.
    Skipped(String),
}

/// Where the bug came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The last build that is good, by its place.
    pub last_good: usize,
    /// The first that is bad.
    pub first_bad: usize,
    /// Those between them, none of which could be tested: with them the first bad one is one of several.
    pub skipped: Vec<usize>,
}

/// Halves what lies between a good build and a bad one, both known to be so, until nothing that can be tested does. `good` is before `bad`.
///
/// Tests at most one build twice as often as a row of that length can be halved, and each that cannot be tested.
pub fn bisect(good: usize, bad: usize, mut test: impl FnMut(usize) -> Tested) -> Answer {
    let (mut last_good, mut first_bad) = (good, bad);
    let mut skipped = Vec::new();
    loop {
        let middle = last_good + (first_bad - last_good) / 2;
        let untested = (last_good + 1..first_bad).filter(|build| !skipped.contains(build));
        let Some(build) = untested.min_by_key(|build| build.abs_diff(middle)) else {
            skipped.retain(|build| (last_good..first_bad).contains(build));
            skipped.sort_unstable();
            return Answer { last_good, first_bad, skipped };
        };
        match test(build) {
            Tested::Good => last_good = build,
            Tested::Bad => first_bad = build,
            Tested::Skipped(_) => skipped.push(build),
        }
    }
}

/// The order of names in which numbers count as numbers: `vera-0.1.9` before `vera-0.1.10`. Equal only if the names are.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (n, m) = (digits(x), digits(y));
        let order = if n > 0 && m > 0 {
            let (left, right) = (x[..n].trim_start_matches('0'), y[..m].trim_start_matches('0'));
            (x, y) = (&x[n..], &y[m..]);
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        } else {
            let (mut left, mut right) = (x.chars(), y.chars());
            let order = match (left.next(), right.next()) {
                (None, None) => return a.cmp(b),
                (left, right) => left.cmp(&right),
            };
            (x, y) = (left.as_str(), right.as_str());
            order
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer, and how many builds were tested.
    fn of(row: &str) -> (Answer, usize) {
        let mut tests = 0;
        let answer = bisect(0, row.len() - 1, |build| {
            tests += 1;
            match &row[build..=build] {
                "g" => Tested::Good,
                "b" => Tested::Bad,
                _ => Tested::Skipped("no".to_owned()),
            }
        });
        (answer, tests)
    }

    #[test]
    fn every_first_bad_build_is_found() {
        for length in 2..70_usize {
            for first_bad in 1..length {
                let row = "g".repeat(first_bad) + &"b".repeat(length - first_bad);
                let (answer, tests) = of(&row);
                assert_eq!(answer, Answer { last_good: first_bad - 1, first_bad, skipped: Vec::new() });
                assert!(tests <= length.ilog2() as usize + 1, "{tests} tests of {length}");
            }
        }
    }

    #[test]
    fn builds_that_cannot_be_tested_are_gone_round() {
        assert_eq!(of("g-g--bb").0, Answer { last_good: 2, first_bad: 5, skipped: vec![3, 4] });
        assert_eq!(of("g---b").0, Answer { last_good: 0, first_bad: 4, skipped: vec![1, 2, 3] });
        assert_eq!(of("gg-gb").0, Answer { last_good: 3, first_bad: 4, skipped: vec![] });
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["v-0.1.10", "v-0.1.9", "v-0.1.9-eager", "v-0.2", "a", "v-0.1.09"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "v-0.1.09", "v-0.1.9", "v-0.1.9-eager", "v-0.1.10", "v-0.2"]);
    }
}
