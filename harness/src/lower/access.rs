//! How a mutator reaches the objects of a collector: what stands in the library's text for the words in braces.
//!
//! | in the text | a built-in | a module with a manifest |
//! |---|---|---|
//! | `{new}` | `(call $alloc size)` | `(call $new size first stride count)` |
//! | `{fields}`, `{fields of a node}`, `{fields of a step}`, `{no fields}` | nothing | parameters or arguments `first stride count` |
//! | `{link object offset value}` | a store | `(call $link object offset value)` |
//! | `{fetch object offset}` | a load | `(call $fetch object offset)` |
//!
//! The built-ins are conservative: they are told nothing of fields, and neither a call nor an argument is spent on them.

use crate::runtime::Runtime;

/// Whether pointers are words like others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The collector is told sizes only, and pointers are stored and loaded as words.
    Words,
    /// The collector is told which words are pointers, and its manifest says how they are stored and loaded.
    Declared,
}

impl Access {
    /// How the objects of this collector are reached.
    pub(super) const fn of(runtime: &Runtime) -> Self {
        match runtime.description.module {
            Some(_) => Self::Declared,
            None => Self::Words,
        }
    }

    /// A text with everything in braces put in; words in braces that are not of this module stay.
    pub(super) fn expand(self, text: &str) -> String {
        let plain = match self {
            Self::Words => [
                ("{new}", "(call $alloc (local.get $size))"),
                ("{fields}", ""),
                ("{fields of a node}", ""),
                ("{fields of a step}", ""),
                ("{no fields}", ""),
            ],
            Self::Declared => [
                ("{new}", "(call $new (local.get $size) (local.get $first) (local.get $stride) (local.get $count))"),
                ("{fields}", " (param $first i32) (param $stride i32) (param $count i32)"),
                ("{fields of a node}", " (i32.const 0) (i32.const 1) (local.get $fields)"),
                ("{fields of a step}", " (i32.shr_u {5} (i32.const 2)) (i32.shr_u {6} (i32.const 2)) {8}"),
                ("{no fields}", " (i32.const 0) (i32.const 1) (i32.const 0)"),
            ],
        };
        let mut text = plain.iter().fold(text.to_owned(), |text, (words, code)| text.replace(words, code));
        for word in ["link", "fetch"] {
            text = self.expand_calls(&text, word);
        }
        text
    }

    /// The store of a pointer field.
    pub(super) fn link(self, object: &str, offset: &str, value: &str) -> String {
        match self {
            Self::Words => format!("(i32.store (i32.add {object} {offset}) {value})"),
            Self::Declared => format!("(call $link {object} {offset} {value})"),
        }
    }

    /// The load of a pointer field.
    pub(super) fn fetch(self, object: &str, offset: &str) -> String {
        match self {
            Self::Words => format!("(i32.load (i32.add {object} {offset}))"),
            Self::Declared => format!("(call $fetch {object} {offset})"),
        }
    }

    /// Each `{word argument ...}` of a text, whose arguments are expressions, or operands in braces.
    fn expand_calls(self, text: &str, word: &str) -> String {
        let (start, mut out, mut rest) = (format!("{{{word} "), String::new(), text);
        while let Some(at) = rest.find(&start) {
            out.push_str(&rest[..at]);
            let (arguments, len) = arguments(&rest[at + start.len()..]);
            out.push_str(&match arguments.as_slice() {
                [object, offset, value] => self.link(object, offset, value),
                [object, offset] => self.fetch(object, offset),
                _ => String::new(),
            });
            rest = &rest[at + start.len() + len..];
        }
        out.push_str(rest);
        out
    }
}

/// The expressions before the brace that closes, and how many bytes they are with it.
fn arguments(text: &str) -> (Vec<&str>, usize) {
    let (mut found, mut depth, mut from) = (Vec::new(), 0_u32, None);
    for (i, c) in text.char_indices() {
        match c {
            '(' | '{' => {
                if depth == 0 {
                    from = Some(i);
                }
                depth += 1;
            }
            '}' if depth == 0 => return (found, i + 1),
            ')' | '}' => {
                depth = depth.saturating_sub(1);
                if let (0, Some(from)) = (depth, from) {
                    found.push(&text[from..=i]);
                }
            }
            _ => {}
        }
    }
    (found, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_words_or_calls() {
        let text = "(func{fields} {link (call $a {0}) {1} (i32.const 0)} (drop {fetch (x) {1}}) {2})";
        let words =
            "(func (i32.store (i32.add (call $a {0}) {1}) (i32.const 0)) (drop (i32.load (i32.add (x) {1}))) {2})";
        assert_eq!(Access::Words.expand(text), words);
        let declared = "(func (param $first i32) (param $stride i32) (param $count i32) (call $link (call $a {0}) {1} (i32.const 0)) \
                        (drop (call $fetch (x) {1})) {2})";
        assert_eq!(Access::Declared.expand(text), declared);
    }
}
