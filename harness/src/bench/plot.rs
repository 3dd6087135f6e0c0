//! Programs a second by length, a line for each set of engines, as SVG.

use super::{Report, Subject, title};
use crate::engine::{Known, Lowering};
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (900, 600);
/// Colours that stay apart in print and for the colour-blind (Okabe and Ito, 2008), and one more.
const COLOURS: [RGBColor; 9] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(120, 94, 240),
    RGBColor(150, 150, 150),
];

/// A line of the picture: a set of engines and its points (ops, programs a second).
type Line = (Vec<Known>, Vec<(f64, f64)>);

/// The picture; none if nothing was measured.
#[must_use]
pub fn svg(report: &Report, caption: &str) -> Option<String> {
    let lines = lines(report);
    if lines.iter().all(|(_, points)| points.is_empty()) {
        return None;
    }
    let mut picture = String::new();
    let root = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
    draw(&root, &lines, caption).ok()?;
    root.present().ok()?;
    drop(root);
    Some(picture)
}

fn lines(report: &Report) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in &report.rows {
        let (Subject::Steady(ops), Lowering::Resident) = (row.subject, row.lowering) else { continue };
        let point = (f64::from(ops), row.per_second());
        match lines.iter_mut().find(|(set, _)| *set == row.engines) {
            Some((_, points)) => points.push(point),
            None => lines.push((row.engines.clone(), vec![point])),
        }
    }
    lines
}

type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(root: &DrawingArea<SVGBackend<'a>, Shift>, lines: &[Line], caption: &str) -> Result<(), DrawError<'a>> {
    root.fill(&WHITE)?;
    let all = || lines.iter().flat_map(|(_, points)| points);
    let low = all().map(|p| p.1).fold(f64::MAX, f64::min);
    let high = all().map(|p| p.1).fold(f64::MIN, f64::max);
    let decade = |value: f64, up: bool| {
        let log = value.log10();
        10_f64.powf(if up { log.ceil() } else { log.floor() })
    };
    let mut chart = ChartBuilder::on(root)
        .caption(caption, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d((15_f64..27_000.0).log_scale(), (decade(low, false)..decade(high, true)).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("ops in a program")
        .y_desc("programs a second and core")
        .x_label_formatter(&|n| grouped(*n))
        .y_label_formatter(&|n| grouped(*n))
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 15))
        .bold_line_style(RGBColor(210, 210, 210))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    for ((set, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = ShapeStyle { color: colour.to_rgba(), filled: true, stroke_width: 2 };
        let line = LineSeries::new(points.iter().copied(), style).point_size(4);
        chart
            .draw_series(line)?
            .label(title(set))
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(180, 180, 180))
        .label_font(("sans-serif", 13))
        .draw()
}

/// A number with its thousands apart.
fn grouped(n: f64) -> String {
    super::grouped(n.round() as u64)
}
