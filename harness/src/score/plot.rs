//! Faults found against programs, as a picture.

use crate::plot::{Frame, Line};
use plotters::prelude::SeriesLabelPosition;

/// How many of `of` faults are found after so many programs each, from the number of the first program that detected each of those that were. None if none was.
#[must_use]
pub fn svg(firsts: &[u64], of: usize) -> Option<String> {
    let mut sorted = firsts.to_vec();
    sorted.sort_unstable();
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let mut points = Vec::new();
    for (found, at) in (0_u32..).zip(&sorted) {
        points.push((*at as f64, f64::from(found.max(1))));
        points.push((*at as f64, f64::from(found + 1)));
    }
    let frame = Frame {
        caption: &format!("faults detected, of {of}"),
        x_title: "programs",
        y_title: "faults",
        x: (first as f64).max(1.0)..(last as f64).max(2.0),
        y: 1.0..(of as f64).max(2.0),
        legend: SeriesLabelPosition::LowerRight,
    };
    crate::plot::svg(frame, &[Line { label: "detected".to_owned(), points, is_thick: true }])
}
