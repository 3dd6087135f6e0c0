//! What can be wrong with a manifest.

use std::fmt;
use std::ops::Range;

/// A manifest that cannot be used: where in the file, what was expected, what was found, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The manifest's path, or what else tells it.
    pub origin: String,
    /// Where in it; none where no single line is to blame.
    pub place: Option<Place>,
    /// What is wrong, in words.
    pub problem: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column, in characters from 1.
    pub column: usize,
    /// Characters of that line that are meant, at least 1.
    pub width: usize,
    /// The line itself.
    pub text: String,
}

impl Place {
    /// The place of these bytes of a text.
    pub(super) fn of(text: &str, bytes: &Range<usize>) -> Self {
        let start = text.floor_char_boundary(bytes.start.min(text.len()));
        let end = text.floor_char_boundary(bytes.end.min(text.len())).max(start);
        let (before, meant) = (&text[..start], &text[start..end]);
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: before[begin..].chars().count() + 1,
            width: meant.lines().next().unwrap_or_default().trim_end().chars().count().max(1),
            text: line.to_owned(),
        }
    }
}

impl ManifestError {
    pub(super) fn new(origin: &str, problem: impl Into<String>) -> Self {
        Self { origin: origin.to_owned(), place: None, problem: problem.into() }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Place { line, column, width, text }) = &self.place else {
            return write!(f, "{}: {}", self.origin, self.problem);
        };
        let gutter = " ".repeat(line.to_string().len());
        // Tabs stay, so that what is marked stands below.
        let indent: String = text.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        writeln!(f, "{}:{line}:{column}: {}", self.origin, self.problem)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {text}")?;
        write!(f, "{gutter} | {indent}{}", "^".repeat(*width))
    }
}

impl std::error::Error for ManifestError {}
