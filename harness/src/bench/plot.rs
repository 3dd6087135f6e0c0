//! Programs a second by length, a line for each set of engines, as SVG.

use super::{Report, Subject, title};
use crate::engine::{Known, Lowering};
use crate::plot::{self, Frame, Line};
use plotters::prelude::SeriesLabelPosition;

/// The picture; none if nothing was measured.
#[must_use]
pub fn svg(report: &Report, caption: &str) -> Option<String> {
    let lines = lines(report);
    let (low, high) = plot::range(&lines, |p| p.1)?;
    let frame = Frame {
        caption,
        x_title: "ops in a program",
        y_title: "programs a second and core",
        x: 15.0..27_000.0,
        // Whole decades.
        y: 10_f64.powf(low.log10().floor())..10_f64.powf(high.log10().ceil()),
        legend: SeriesLabelPosition::UpperRight,
    };
    plot::svg(frame, &lines)
}

fn lines(report: &Report) -> Vec<Line> {
    let mut lines: Vec<(&[Known], Line)> = Vec::new();
    for row in &report.rows {
        let (Subject::Steady(ops), Lowering::Resident) = (row.subject, row.lowering) else { continue };
        let point = (f64::from(ops), row.per_second());
        match lines.iter_mut().find(|(set, _)| *set == row.engines) {
            Some((_, line)) => line.points.push(point),
            None => {
                let line = Line { label: title(&row.engines), points: vec![point], is_thick: false };
                lines.push((&row.engines, line));
            }
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}
