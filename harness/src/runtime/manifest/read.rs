//! Reading TOML so that every error points at the value that is wrong.

use super::error::{ManifestError, Place};
use super::module::{nearest, shown};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file's text, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) origin: &'s str,
    pub(super) text: &'s str,
}

impl Source<'_> {
    pub(super) fn error(&self, bytes: &Range<usize>, problem: impl Into<String>) -> ManifestError {
        let place = Some(Place::of(self.text, bytes));
        ManifestError { origin: self.origin.to_owned(), place, problem: problem.into() }
    }
}

/// A table being read: keys that nobody asked for are errors in the end.
#[derive(Debug)]
pub(super) struct Table<'s> {
    source: Source<'s>,
    /// What it is called in messages, such as "`[heap]`".
    title: String,
    span: Range<usize>,
    entries: &'s DeTable<'s>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// A value being read.
#[derive(Debug, Clone)]
pub(super) struct Value<'s> {
    source: Source<'s>,
    /// The key that it stands under, or what else tells it.
    pub(super) key: String,
    value: &'s Spanned<DeValue<'s>>,
}

impl<'s> Table<'s> {
    pub(super) fn root(source: Source<'s>, root: &'s Spanned<DeTable<'s>>) -> Self {
        Self::of(source, "the manifest".to_owned(), 0..0, root.get_ref())
    }

    fn of(source: Source<'s>, title: String, span: Range<usize>, entries: &'s DeTable<'s>) -> Self {
        Self { source, title, span, entries, asked: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'s>> {
        self.asked.borrow_mut().insert(key);
        let value = self.entries.get(key)?;
        Some(Value { source: self.source, key: key.to_owned(), value })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str, what: &str) -> Result<Value<'s>, ManifestError> {
        self.get(key).ok_or_else(|| self.error(format!("expected a key `{key}` in {}: {what}; add it", self.title)))
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, problem: impl Into<String>) -> ManifestError {
        if self.span.is_empty() {
            return ManifestError::new(self.source.origin, problem);
        }
        self.source.error(&self.span, problem)
    }

    /// All entries, for a table whose keys are the writer's own.
    pub(super) fn all(&self) -> Vec<(String, Range<usize>, Value<'s>)> {
        let entry = |(key, value): (&'s Spanned<toml::de::DeString<'s>>, &'s Spanned<DeValue<'s>>)| {
            let name = key.get_ref().to_string();
            (name.clone(), key.span(), Value { source: self.source, key: name, value })
        };
        let mut all: Vec<_> = self.entries.iter().map(entry).collect();
        all.sort_by_key(|(_, span, _)| span.start);
        all
    }

    /// Says which key nobody asked for.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn finish(self) -> Result<(), ManifestError> {
        self.unknown()
    }

    /// Takes keys for asked for.
    pub(super) fn know(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend(keys);
    }

    /// [`Self::finish`] of a table that is read on.
    pub(super) fn unknown(&self) -> Result<(), ManifestError> {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().copied().collect();
        match self.all().into_iter().find(|(key, _, _)| !asked.contains(key.as_str())) {
            None => Ok(()),
            Some((key, span, _)) => {
                let guess = nearest(&key, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let problem = format!("expected a key of {} ({}), found `{key}`{guess}", self.title, known.join(", "));
                Err(self.source.error(&span, problem))
            }
        }
    }
}

impl<'s> Value<'s> {
    /// An error about this value.
    pub(super) fn error(&self, problem: impl Into<String>) -> ManifestError {
        self.source.error(&self.value.span(), problem)
    }

    fn unexpected(&self, expected: &str) -> ManifestError {
        let found = match self.value.get_ref() {
            DeValue::String(text) => format!("the text {:?}", text.as_ref()),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("{flag}"),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                format!("a TOML {}", self.value.get_ref().type_str())
            }
        };
        self.error(format!("`{}`: expected {expected}, found {found}", self.key))
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&'s str> {
        self.value.get_ref().as_str()
    }

    pub(super) fn text(&self) -> Result<&'s str, ManifestError> {
        self.as_text().ok_or_else(|| self.unexpected("a text"))
    }

    /// A text of one line with something in it.
    pub(super) fn line(&self) -> Result<&'s str, ManifestError> {
        let text = self.text()?;
        if text.trim().is_empty() || text.contains('\n') {
            return Err(self.unexpected("a text of one line"));
        }
        Ok(text)
    }

    pub(super) fn flag(&self) -> Result<bool, ManifestError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.unexpected("true or false"))
    }

    /// The number, if it is one that fits into 64 bits.
    fn integer(&self) -> Option<i64> {
        let number = self.value.get_ref().as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    pub(super) fn is_number(&self) -> bool {
        self.value.get_ref().is_integer()
    }

    /// A number from `least` to `most`.
    pub(super) fn number(&self, least: u32, most: u32) -> Result<u32, ManifestError> {
        let number = self.integer().and_then(|n| u32::try_from(n).ok()).filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| self.unexpected(&format!("a number from {least} to {most}")))
    }

    /// A signed number of 32 bits.
    pub(super) fn signed(&self) -> Result<i32, ManifestError> {
        let number = self.integer().and_then(|n| i32::try_from(n).ok());
        number.ok_or_else(|| self.unexpected(&format!("a number from {} to {}", i32::MIN, i32::MAX)))
    }

    /// A word: any number that 32 bits hold, signed or not.
    pub(super) fn word(&self) -> Result<u32, ManifestError> {
        let word = |n: i64| u32::try_from(n).ok().or_else(|| i32::try_from(n).ok().map(i32::cast_unsigned));
        self.integer().and_then(word).ok_or_else(|| self.unexpected("a number of 32 bits"))
    }

    /// The one of these that it is.
    pub(super) fn one_of<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<T, ManifestError> {
        let found = self.as_text();
        if let Some((_, choice)) = choices.iter().find(|(name, _)| found == Some(name)) {
            return Ok(*choice);
        }
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        Err(self.unexpected(&names.join(" or ")))
    }

    /// The table, if it is one.
    pub(super) fn as_table(&self) -> Option<Table<'s>> {
        let entries = self.value.get_ref().as_table()?;
        Some(Table::of(self.source, format!("`{}`", self.key), self.value.span(), entries))
    }

    pub(super) fn table(&self, expected: &str) -> Result<Table<'s>, ManifestError> {
        self.as_table().ok_or_else(|| self.unexpected(expected))
    }

    /// The values of a list.
    pub(super) fn list(&self, expected: &str) -> Result<Vec<Self>, ManifestError> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.unexpected(expected))?;
        let item = |value| Self { source: self.source, key: self.key.clone(), value };
        Ok(list.iter().map(item).collect())
    }

    pub(super) fn other(&self, expected: &str) -> ManifestError {
        self.unexpected(expected)
    }
}

/// Names in a message.
pub(super) fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { shown(names) }
}
