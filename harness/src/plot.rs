//! Lines over two logarithmic axes, as SVG: what pictures of measurements have in common.

use crate::bench::grouped;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

const SIZE: (u32, u32) = (900, 600);
/// Colours that stay apart in print and for the colour-blind (Okabe and Ito, 2008), and more.
const COLOURS: [RGBColor; 13] = [
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
    RGBColor(127, 0, 55),
    RGBColor(0, 90, 90),
];

/// A line and its place in the legend.
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) is_thick: bool,
}

/// What is around the lines.
pub(crate) struct Frame<'a> {
    pub(crate) caption: &'a str,
    pub(crate) x_title: &'a str,
    pub(crate) y_title: &'a str,
    pub(crate) x: Range<f64>,
    pub(crate) y: Range<f64>,
    /// Where the legend is out of the way.
    pub(crate) legend: SeriesLabelPosition,
}

/// The picture; none if there is no point in it. Lines without points keep their colours and have no place in the legend.
pub(crate) fn svg(frame: Frame<'_>, lines: &[Line]) -> Option<String> {
    if lines.iter().all(|line| line.points.is_empty()) {
        return None;
    }
    let mut picture = String::new();
    let root = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
    draw(&root, frame, lines).ok()?;
    root.present().ok()?;
    drop(root);
    Some(picture)
}

/// The smallest and the largest of these numbers of all points.
pub(crate) fn range(lines: &[Line], pick: fn(&(f64, f64)) -> f64) -> Option<(f64, f64)> {
    let all = || lines.iter().flat_map(|line| &line.points).map(pick);
    Some((all().reduce(f64::min)?, all().reduce(f64::max)?))
}

type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(root: &DrawingArea<SVGBackend<'a>, Shift>, frame: Frame<'_>, lines: &[Line]) -> Result<(), DrawError<'a>> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(frame.caption, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(frame.x.log_scale(), frame.y.log_scale())?;
    let label = |n: &f64| if *n < 10.0 && n.fract() != 0.0 { n.to_string() } else { grouped(n.round() as u64) };
    chart
        .configure_mesh()
        .x_desc(frame.x_title)
        .y_desc(frame.y_title)
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 15))
        .bold_line_style(RGBColor(210, 210, 210))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()).filter(|(line, _)| !line.points.is_empty()) {
        let stroke_width = if line.is_thick { 4 } else { 2 };
        let style = ShapeStyle { color: colour.to_rgba(), filled: true, stroke_width };
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?
            .label(line.label.clone())
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(frame.legend)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(180, 180, 180))
        .label_font(("sans-serif", 13))
        .draw()
}
