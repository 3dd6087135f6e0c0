//! What a reader is told when a text is not a program: where, what was expected, what was found, what may be meant.

use std::fmt::{Display, Formatter, Result};

/// Characters of the offending line that are shown, at most.
const SHOWN: usize = 120;
/// Characters of the line that are shown before the offending token, when the line is cut.
const CONTEXT: usize = 40;
/// Characters of an offending token that are quoted, at most.
const QUOTED: usize = 40;
/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// A text that is not a program. Its `Display` shows the line with a caret under the offending token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    line: usize,
    column: usize,
    width: usize,
    expected: Box<str>,
    found: Box<str>,
    suggestion: Option<&'static str>,
    source_line: Box<str>,
}

/// Where a token sits: a line, its number, and the token's range of bytes in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) source_line: &'a str,
    pub(crate) line: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl ParseError {
    pub(crate) fn new(place: Place<'_>, expected: impl Into<Box<str>>, found: impl Into<Box<str>>) -> Self {
        let before = &place.source_line[..place.start];
        let token = &place.source_line[place.start..place.end];
        Self {
            line: place.line,
            column: before.chars().count() + 1,
            width: token.chars().count().max(1),
            expected: expected.into(),
            found: found.into(),
            suggestion: None,
            source_line: place.source_line.into(),
        }
    }

    /// Suggests the name among `known` that is most like what was found, if any is.
    pub(crate) fn suggest(mut self, found: &str, known: &[&'static str]) -> Self {
        // A long name is nobody's typing slip, and comparing it would cost time for nothing.
        if found.len() <= QUOTED {
            self.suggestion = known
                .iter()
                .map(|&name| (strsim::jaro_winkler(&found.to_ascii_lowercase(), name), name))
                .filter(|&(likeness, _)| likeness >= ALIKE)
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map(|(_, name)| name);
        }
        self
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
    /// What would have been right there.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
    /// What is there.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }
    /// The nearest valid spelling, if one is near.
    #[must_use]
    pub fn suggestion(&self) -> Option<&'static str> {
        self.suggestion
    }
}

/// A token in backquotes, cut if it is long, with nothing in it that a terminal would obey.
pub(crate) fn quote(token: &str) -> String {
    let mut quoted: String = token.chars().take(QUOTED).map(printable).collect();
    if token.chars().nth(QUOTED).is_some() {
        quoted.push('…');
    }
    format!("`{quoted}`")
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

impl Display for ParseError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { line, column, expected, found, .. } = self;
        writeln!(f, "line {line}, column {column}: expected {expected}, found {found}")?;
        let skipped = if self.column > SHOWN - CONTEXT { self.column - 1 - CONTEXT } else { 0 };
        let shown: String = self.source_line.chars().skip(skipped).take(SHOWN).map(printable).collect();
        let cut = if skipped == 0 { "" } else { "…" };
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(cut.chars().count() + self.column - 1 - skipped);
        let carets = "^".repeat(self.width.min(SHOWN - CONTEXT));
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{}", format!("{number} | {cut}{shown}").trim_end())?;
        write!(f, "{gutter} | {indent}{carets}")?;
        if let Some(suggestion) = self.suggestion {
            write!(f, " did you mean `{suggestion}`?")?;
        }
        Ok(())
    }
}
