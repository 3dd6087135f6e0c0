//! Fuel for each unit of size against the size, a line for each family, as SVG: what is linear lies flat.

use super::{Finding, Row};
use crate::plot::{self, Frame, Line};
use plotters::prelude::SeriesLabelPosition;

/// The picture; none if nothing was measured.
#[must_use]
pub fn svg(rows: &[Row], caption: &str) -> Option<String> {
    let lines: Vec<Line> = rows.iter().map(line).collect();
    let around = |(low, high): (f64, f64)| (low / 1.5)..(high * 1.5);
    let frame = Frame {
        caption,
        x_title: "size n",
        y_title: "fuel for each unit of size",
        x: around(plot::range(&lines, |p| p.0)?),
        y: around(plot::range(&lines, |p| p.1)?),
        legend: SeriesLabelPosition::UpperLeft,
    };
    plot::svg(frame, &lines)
}

fn line(row: &Row) -> Line {
    let exponent = row.exponent.map_or_else(String::new, |e| format!(" {e:.2}"));
    Line {
        label: format!("{}{exponent} {}", row.family.name, row.finding.name()),
        points: row.points.iter().map(|p| (f64::from(p.n), p.fuel as f64 / f64::from(p.n))).collect(),
        is_thick: row.finding == Finding::Slow,
    }
}
