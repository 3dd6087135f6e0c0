//! Days, as lists of known issues and `--today` name them.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A day of the Gregorian calendar; earlier days are less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that names no day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a day as YYYY-MM-DD, found `{found}`")]
pub struct DateError {
    found: String,
}

impl Date {
    /// The day that a second since 1970 (UTC) is in; the last one that can be written for seconds beyond it.
    #[must_use]
    pub fn of_unix_seconds(seconds: u64) -> Self {
        let mut days = seconds / 86_400;
        let mut year = 1970;
        while year < 9_999 && days >= days_of_year(year) {
            days -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while month < 12 && days >= u64::from(days_of_month(year, month)) {
            days -= u64::from(days_of_month(year, month));
            month += 1;
        }
        let day = days.min(u64::from(days_of_month(year, month)) - 1) as u8 + 1;
        Self { year, month, day }
    }
}

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_year(year: u16) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn days_of_month(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let wrong = || DateError { found: text.to_owned() };
        let shape = |(i, c): (usize, char)| if matches!(i, 4 | 7) { c == '-' } else { c.is_ascii_digit() };
        if text.len() != 10 || !text.char_indices().all(shape) {
            return Err(wrong());
        }
        let date = Self {
            year: text[..4].parse().map_err(|_| wrong())?,
            month: text[5..7].parse().map_err(|_| wrong())?,
            day: text[8..].parse().map_err(|_| wrong())?,
        };
        let exists = (1..=12).contains(&date.month) && (1..=days_of_month(date.year, date.month)).contains(&date.day);
        if exists { Ok(date) } else { Err(wrong()) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_counted_and_compared() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_795_391_999, "2026-11-22"),
            (1_795_392_000, "2026-11-23"),
            (4_107_542_400, "2100-03-01"),
            (u64::MAX, "9999-12-31"),
        ] {
            assert_eq!(Date::of_unix_seconds(seconds).to_string(), day);
            assert_eq!(day.parse::<Date>().unwrap(), Date::of_unix_seconds(seconds));
        }
        assert!("2026-11-23".parse::<Date>().unwrap() < "2027-01-01".parse().unwrap());
        for text in [
            "",
            "2026-11-3",
            "2026/11/23",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-11-00",
            "20261-1-23",
            "2026-11-2é",
        ] {
            assert_eq!(text.parse::<Date>(), Err(DateError { found: text.to_owned() }));
        }
    }
}
