//! How a mutator reaches the objects of a collector: what stands in the library's text for the words in braces.
//!
//! | in the text | a built-in | a module with a manifest |
//! |---|---|---|
//! | `{new}` | `(call $alloc size)` | `(call $new size first stride count)` |
//! | `{fields}`, `{fields of a node}`, `{fields of a step}`, `{no fields}` | nothing | parameters or arguments `first stride count` |
//! | `{link object offset value}` | a store | `(call $link object offset value)` |
//! | `{fetch object offset}` | a load | `(call $fetch object offset)` |
//! | `{step}` | nothing | a step of an incremental collector, if it has any, after each assignment of an odd root slot |
//! | `{null}` | `(i32.const 0)` | the word that stands for no object |
//! | `{minor}` | `unreachable` | the same, or a minor collection, where it makes any |
//! | `{leave keep}`, `{pop keep}` | leaves the frame, then writes the root | the same, or `$mutator.leave_keep` where the collector is told of each slot that lets go |
//!
//! The built-ins are conservative: they are told nothing of fields, and neither a call nor an argument is spent on them.

use super::{KEEP, MUTATOR};
use crate::runtime::Runtime;

/// A step after the assignment of an odd slot.
const STEP: &str = "\n    (if (i32.and (local.get $slot) (i32.const 1)) (then (call $gc_step)))";
/// The frame is left, then what is kept is written: what compiled code does that returns an object.
const LEAVE_KEEP: &str = "(call $mutator.leave)\n        (call $mutator.root {1} {2} (local.get $a))";
/// What is kept is written, then the frame is left.
const KEEP_LEAVE: &str = "(call $mutator.leave_keep {1} {2} (local.get $a))";
/// [`LEAVE_KEEP`] of an operation that a module calls,
const POP_KEEP: &str =
    "(call $mutator.leave)\n        (call $wild.assign (call $wild.frame) (local.get $reg) (local.get $value))";
/// and [`KEEP_LEAVE`].
const KEEP_POP: &str =
    "(local.set $slot (call $wild.slot (i32.sub (call $wild.frame) (i32.const {frame_bytes})) (local.get $reg)))
        (call $mutator.leave_keep
          (i32.and (local.get $slot) (i32.const 0x7fffffff))
          (i32.shr_u (local.get $slot) (i32.const 31))
          (local.get $value))";

/// Whether pointers are words like others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The collector is told sizes only, and pointers are stored and loaded as words.
    Words,
    /// The collector is told which words are pointers, and its manifest says how they are stored and loaded.
    Declared {
        /// Whether a collection can be made in steps.
        steps: bool,
        /// Whether there are minor collections.
        minors: bool,
        /// The word for no object.
        null: u32,
        /// Whether what is kept when a frame is left is held by its new slot before the frame's slots let go of it: a collector that is told of
        /// each may free at once what no slot holds.
        keeps_first: bool,
    },
}

impl Access {
    /// How the objects of this collector are reached.
    pub(super) fn of(runtime: &Runtime) -> Self {
        match &runtime.description.module {
            Some(module) => Self::Declared {
                steps: module.has_steps(),
                minors: module.has_minor(),
                null: module.object.pointer.null,
                keeps_first: module.is_told_of_drops(),
            },
            None => Self::Words,
        }
    }

    /// A text with everything in braces put in; words in braces that are not of this module stay.
    pub(super) fn expand(self, text: &str) -> String {
        let null = self.null();
        let plain = match self {
            Self::Words => [
                ("{new}", "(call $alloc (local.get $size))"),
                ("{fields}", ""),
                ("{fields of a node}", ""),
                ("{fields of a step}", ""),
                ("{no fields}", ""),
                ("{step}", ""),
                ("{minor}", self.minor()),
                ("{null}", null.as_str()),
                ("{leave keep}", LEAVE_KEEP),
                ("{pop keep}", POP_KEEP),
            ],
            Self::Declared { steps, keeps_first, .. } => [
                ("{new}", "(call $new (local.get $size) (local.get $first) (local.get $stride) (local.get $count))"),
                ("{fields}", " (param $first i32) (param $stride i32) (param $count i32)"),
                ("{fields of a node}", " (i32.const 0) (i32.const 1) (local.get $fields)"),
                ("{fields of a step}", " (i32.shr_u {5} (i32.const 2)) (i32.shr_u {6} (i32.const 2)) {8}"),
                ("{no fields}", " (i32.const 0) (i32.const 1) (i32.const 0)"),
                ("{step}", if steps { STEP } else { "" }),
                ("{minor}", self.minor()),
                ("{null}", null.as_str()),
                ("{leave keep}", if keeps_first { KEEP_LEAVE } else { LEAVE_KEEP }),
                ("{pop keep}", if keeps_first { KEEP_POP } else { POP_KEEP }),
            ],
        };
        let mut text = plain.iter().fold(text.to_owned(), |text, (words, code)| text.replace(words, code));
        for word in ["link", "fetch"] {
            text = self.expand_calls(&text, word);
        }
        text
    }

    /// The word for no object.
    pub(super) fn null(self) -> String {
        let null = match self {
            Self::Words => 0,
            Self::Declared { null, .. } => null,
        };
        format!("(i32.const {null})")
    }

    /// The mutator's library for it.
    pub(super) fn library(self) -> String {
        let mut library = self.expand(MUTATOR);
        if self.keeps_first() {
            library.push_str(&self.expand(KEEP));
        }
        library
    }

    /// Whether `$mutator.leave_keep` leaves a frame that something is kept of.
    pub(super) const fn keeps_first(self) -> bool {
        matches!(self, Self::Declared { keeps_first: true, .. })
    }

    /// The step after the assignment of a slot, if there is one.
    pub(super) const fn step(self, slot: u32) -> &'static str {
        match self {
            Self::Declared { steps: true, .. } if slot % 2 == 1 => "    (call $gc_step)\n",
            Self::Declared { .. } | Self::Words => "",
        }
    }

    /// A minor collection.
    pub(super) const fn minor(self) -> &'static str {
        match self {
            Self::Declared { minors: true, .. } => "(call $gc_minor)",
            Self::Declared { .. } | Self::Words => "(unreachable)",
        }
    }

    /// The store of a pointer field.
    pub(super) fn link(self, object: &str, offset: &str, value: &str) -> String {
        match self {
            Self::Words => format!("(i32.store (i32.add {object} {offset}) {value})"),
            Self::Declared { .. } => format!("(call $link {object} {offset} {value})"),
        }
    }

    /// The load of a pointer field.
    pub(super) fn fetch(self, object: &str, offset: &str) -> String {
        match self {
            Self::Words => format!("(i32.load (i32.add {object} {offset}))"),
            Self::Declared { .. } => format!("(call $fetch {object} {offset})"),
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
        assert_eq!(declared_access(false, false).expand(text), declared);
    }

    fn declared_access(steps: bool, keeps_first: bool) -> Access {
        Access::Declared { steps, minors: steps, null: 0, keeps_first }
    }

    #[test]
    fn what_is_kept_is_written_first_where_each_slot_is_told_to_let_go() {
        let kept =
            |access: Access| (access.expand("{leave keep}"), access.library().contains("(func $mutator.leave_keep "));
        for access in [Access::Words, declared_access(false, false), declared_access(true, false)] {
            assert_eq!(kept(access), (LEAVE_KEEP.to_owned(), false));
        }
        assert_eq!(kept(declared_access(true, true)), (KEEP_LEAVE.to_owned(), true));
    }

    #[test]
    fn a_step_follows_the_assignment_of_an_odd_slot_where_there_are_steps() {
        let steps = [Access::Words, declared_access(false, false), declared_access(true, true)];
        assert_eq!(steps.map(|access| access.expand("{step}").contains("$gc_step")), [false, false, true]);
        assert_eq!(steps.map(|access| access.expand("{minor}").contains("$gc_minor")), [false, false, true]);
        assert_eq!(
            steps.map(|access| [0, 1].map(|slot| !access.step(slot).is_empty())),
            [[false, false], [false, false], [false, true]]
        );
    }
}
