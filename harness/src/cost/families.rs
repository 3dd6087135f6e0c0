//! Families of programs that differ in one size only. They are written in the text format, so that each can be saved and run.

use super::{CONSTANT, LINEAR};
use crate::runtime::description::{Characteristic, Description, OnFull};
use heapsmith_generators::{Program, parse};
use std::fmt::Write;

/// What stands for the size in a machine.
const SIZE: &str = "{n}";

/// A family of programs with one size.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// A stable name.
    pub name: &'static str,
    /// What is measured, with `n` for the size.
    pub what: &'static str,
    /// The smallest size.
    pub first: u32,
    /// The largest size; a measurement stops before it once its fuel is enough.
    pub last: u32,
    /// The largest exponent that needs no declaration: [`LINEAR`], or [`CONSTANT`] where the size is none of the collector's concern.
    pub most: f64,
    /// What a description declares if the work may grow with the square of the size.
    pub declared_by: Option<Characteristic>,
    /// What the programs ask of the machine; `{n}` stands for the size.
    machine: &'static str,
    /// The ops up to the measured ones, and the measured ones.
    ops: fn(u32) -> (String, String),
}

/// The families, in the order of the table.
pub const FAMILIES: [Family; 13] = [
    Family {
        name: "growth",
        what: "a live list grows to n cells, without garbage",
        first: 1 << 11,
        last: 1 << 17,
        declared_by: Some(Characteristic::CollectionPerGrowth),
        machine: "pages=1..1024",
        ops: |n| (String::new(), format!("chain r0 n={n} words=7 tag=1")),
        ..LINEAR_WORK
    },
    Family {
        name: "search",
        what: "n allocations past n free blocks that are too small",
        first: 1 << 6,
        last: 1 << 14,
        declared_by: Some(Characteristic::SearchOfWholeList),
        machine: "pages=64..256",
        ops: |n| (format!("garbage n={n} size=8\ncollect"), format!("garbage n={n} size=24")),
        ..LINEAR_WORK
    },
    Family {
        name: "roots",
        what: "a collection with n roots",
        machine: "worklist=131072 roots=131072 pages=64..256",
        ops: |n| (format!("roots n={n} words=0"), "collect".to_owned()),
        ..LINEAR_WORK
    },
    Family {
        name: "wide",
        what: "a collection of an array of n objects, each with a child",
        ops: |n| (format!("wide r0 n={n} words=0 tag=1"), "collect".to_owned()),
        ..LINEAR_WORK
    },
    Family {
        name: "duplicates",
        what: "a collection of an array of n pointers to one object",
        ops: |n| (format!("duplicates r0 n={n} words=0 tag=1"), "collect".to_owned()),
        ..LINEAR_WORK
    },
    Family {
        name: "chain",
        what: "a collection of a list of n cells",
        ops: |n| (format!("chain r0 n={n} words=1 tag=1"), "collect".to_owned()),
        ..LINEAR_WORK
    },
    Family {
        name: "graph",
        what: "a collection of n nodes with n random pointers",
        ops: |n| (format!("random r0 nodes={n} edges={n} seed=1"), "collect".to_owned()),
        ..LINEAR_WORK
    },
    Family {
        name: "alternating",
        what: "garbage between n live cells is collected, used again and collected",
        first: 1 << 6,
        last: 1 << 13,
        ops: |n| (alternating(n), format!("collect\ngarbage n={n} size=16\ncollect")),
        ..LINEAR_WORK
    },
    Family {
        name: "block",
        what: "a block of n words is used again and scanned",
        ops: |n| {
            let size = 4 * n;
            (format!("garbage n=1 size={size}\ncollect"), format!("alloc r0 size={size} fields={n} init=null\ncollect"))
        },
        ..LINEAR_WORK
    },
    Family {
        name: "churn",
        what: "n objects die young beside 1 000 live ones, in bounded memory",
        // Fewer of them fill memory once or twice, and what comes before the first collection costs less.
        first: 1 << 14,
        last: 1 << 19,
        machine: "worklist=1024 roots=16 pages=4..4",
        ops: |n| ("chain r0 n=1000 words=7 tag=1".to_owned(), format!("garbage n={n} size=64")),
        ..LINEAR_WORK
    },
    Family {
        name: "rescan",
        what: "a collection of n nodes that do not fit into the worklist, one after the other",
        first: 1 << 6,
        last: 1 << 12,
        declared_by: Some(Characteristic::RepeatedScans),
        machine: "worklist=1 roots=64 pages=64..256",
        ops: |n| (put_off(n), "collect".to_owned()),
        ..LINEAR_WORK
    },
    Family {
        name: "wraps",
        what: "a collection keeps n handles of a live wrapper and releases n of a dead one",
        machine: "worklist=1024 roots=64 wraps=131072 pages=64..256",
        ops: |n| {
            let wrapper = |r: &str| format!("alloc {r} size=16\nwrap {r} kind=1 n={n}\n");
            (format!("{}{}drop r1", wrapper("r0"), wrapper("r1")), "collect".to_owned())
        },
        ..LINEAR_WORK
    },
    Family {
        name: "pages",
        what: "two collections of a few objects in a memory of n pages, of which little was ever used",
        first: 1 << 4,
        last: 1 << 11,
        most: CONSTANT,
        machine: "worklist=64 roots=16 pages={n}..{n}",
        ops: |_| ("chain r0 n=32 words=1 tag=1".to_owned(), "collect\ngarbage n=32 size=16\ncollect".to_owned()),
        ..LINEAR_WORK
    },
];

/// What most families have in common.
const LINEAR_WORK: Family = Family {
    name: "",
    what: "",
    first: 1 << 8,
    last: 1 << 16,
    most: LINEAR,
    declared_by: None,
    machine: "worklist=131072 roots=64 pages=64..256",
    ops: |_| (String::new(), String::new()),
};

impl Family {
    /// Why a collector cannot be measured by this family, if so.
    #[must_use]
    pub fn unfit(&self, description: &Description) -> Option<&'static str> {
        let asked = self.program(self.first).machine;
        let needs_table = asked.wraps.is_some();
        match (self.declared_by, description.promises.worklist_full) {
            (Some(Characteristic::RepeatedScans), OnFull::Trap) => Some("a full worklist traps"),
            (_, _) if needs_table && description.parameters.wraps == 0 => Some("no wrap table"),
            (_, _) if self.sizes_memory() && asked.max_pages != Some(description.parameters.max_pages) => {
                Some("pages are pinned")
            }
            (_, _) => None,
        }
    }

    /// Whether the size is that of memory, so that each program has a machine of its own.
    #[must_use]
    pub fn sizes_memory(&self) -> bool {
        self.machine.contains(SIZE)
    }

    /// The text of the program of size `n`.
    #[must_use]
    pub fn text(&self, n: u32) -> String {
        let (before, measured) = (self.ops)(n);
        let gap = if before.is_empty() { "" } else { "\n" };
        let Self { name, what, .. } = self;
        let machine = self.machine.replace(SIZE, &n.to_string());
        format!("heapsmith 1\n# cost, family {name}: {what}; n = {n}\nmachine {machine}\n{before}{gap}{measured}\n")
    }

    /// The program of size `n`.
    ///
    /// # Panics
    /// Never: the tests read every family's text.
    #[must_use]
    pub fn program(&self, n: u32) -> Program {
        parse(&self.text(n)).expect("the text of a family is a program")
    }

    /// Index of the first measured op of the program of size `n`.
    #[must_use]
    pub fn measured_from(&self, n: u32) -> u32 {
        (self.ops)(n).0.lines().count() as u32
    }

    /// Sizes from the first to the last, each twice the one before.
    pub fn sizes(&self) -> impl Iterator<Item = u32> {
        let last = self.last;
        std::iter::successors(Some(self.first), |n| n.checked_mul(2)).take_while(move |n| *n <= last)
    }
}

/// A list of `n` cells with a dead object after each.
fn alternating(n: u32) -> String {
    let mut text = String::from("alloc r0 size=16 fields=1");
    for _ in 1..n {
        let _ = write!(text, "\ngarbage n=1 size=16\nalloc r1 size=16 fields=1\nstore r1.0 = r0\nmove r0 = r1");
    }
    text + "\ngarbage n=1 size=16\ndrop r1"
}

/// A list of `n` nodes at the heap's start. Each has a leaf first, which takes the worklist's only entry, then the next node and a leaf at
/// the heap's end, which must wait: between the two lies all of the list.
fn put_off(n: u32) -> String {
    let mut text = format!("alloc r0 size={} fields={n}", 4 * n);
    for i in 0..n {
        let _ = write!(
            text,
            "\nalloc r1 size=12 fields=3\nalloc r2 size=0\nstore r1.0 = r2\nstore r1.1 = r3\nmove r3 = r1"
        );
        let _ = write!(text, "\nstore r0.{i} = r1");
    }
    for i in 0..n {
        let _ = write!(text, "\nload r1 = r0.{i}\nalloc r2 size=0\nstore r1.2 = r2");
    }
    text + "\ndrop r0\ndrop r1\ndrop r2"
}
