//! Fuel for each unit of size against the size, a line for each family, as SVG: what is linear lies flat.

use super::{Finding, Row};
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (900, 600);
/// Colours that stay apart in print and for the colour-blind (Okabe and Ito, 2008), and three more.
const COLOURS: [RGBColor; 11] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(120, 94, 240),
    RGBColor(150, 150, 150),
    RGBColor(140, 86, 75),
    RGBColor(60, 179, 60),
];

/// The picture; none if nothing was measured.
#[must_use]
pub fn svg(rows: &[Row], caption: &str) -> Option<String> {
    let mut picture = String::new();
    let root = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
    draw(&root, rows, caption)?.ok()?;
    root.present().ok()?;
    drop(root);
    Some(picture)
}

type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(
    root: &DrawingArea<SVGBackend<'a>, Shift>,
    rows: &[Row],
    caption: &str,
) -> Option<Result<(), DrawError<'a>>> {
    let lines: Vec<(&Row, Vec<(f64, f64)>)> = rows
        .iter()
        .map(|row| (row, row.points.iter().map(|p| (f64::from(p.n), p.fuel as f64 / f64::from(p.n))).collect()))
        .collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let low = all().map(pick).reduce(f64::min)?;
        let high = all().map(pick).reduce(f64::max)?;
        Some((low / 1.5)..(high * 1.5))
    };
    Some(lines_on(root, &lines, range(|p| p.0)?, range(|p| p.1)?, caption))
}

fn lines_on<'a>(
    root: &DrawingArea<SVGBackend<'a>, Shift>,
    lines: &[(&Row, Vec<(f64, f64)>)],
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    caption: &str,
) -> Result<(), DrawError<'a>> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(caption, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc("size n")
        .y_desc("fuel for each unit of size")
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 15))
        .bold_line_style(RGBColor(210, 210, 210))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    for ((row, points), colour) in lines.iter().zip(COLOURS.iter().cycle()).filter(|((_, p), _)| !p.is_empty()) {
        let stroke_width = if row.finding == Finding::Slow { 4 } else { 2 };
        let style = ShapeStyle { color: colour.to_rgba(), filled: true, stroke_width };
        let exponent = row.exponent.map_or_else(String::new, |e| format!(" {e:.2}"));
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
            .label(format!("{}{exponent} {}", row.family.name, row.finding.name()))
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(180, 180, 180))
        .label_font(("sans-serif", 13))
        .draw()
}
