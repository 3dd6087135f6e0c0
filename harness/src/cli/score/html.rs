//! The page of a score: tables and a plot in one file.

use super::{Card, json};
use anyhow::Context;
use heapsmith::score::plot;
use minijinja::Environment;
use minijinja::value::{Serde, Value};

/// What a page begins with.
pub(super) const BEGINS: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>heapsmith score";

const PAGE: &str = include_str!("page.html");

/// The page.
///
/// # Errors
/// Never, as far as is known: the template is part of the program.
pub(super) fn page(card: &Card<'_>) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", PAGE).context("expected the page's template to be one")?;
    let (of, detections) = card.detections();
    let firsts: Vec<u64> = detections.iter().map(|(first, _)| *first).collect();
    let context = minijinja::context! {
        score => Value::from(Serde(json(card))),
        plot => plot::svg(&firsts, of),
        problems => card.problems().collect::<Vec<_>>(),
    };
    let template = environment.get_template("page.html").context("expected the page's template to be there")?;
    template.render(context).context("expected the page to be made")
}
