//! The edges of an instrumented module, by function.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The edges of an instrumented module, in the order of its counters.
///
/// An edge is told by its function's name and its number in that function, counted from 0 in the order of the code. So it is the same
/// edge in every module of one release, whatever the parameters: those change constants of the code, and never its shape.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edges {
    /// Name and number of edges of each function.
    functions: Vec<(&'static str, u32)>,
    /// Where each function's counters begin, in the order of names.
    by_name: Vec<(&'static str, u32, u32)>,
}

impl Edges {
    pub(super) fn new(functions: Vec<(&'static str, u32)>) -> Self {
        let mut by_name = Vec::with_capacity(functions.len());
        let mut first = 0;
        for &(name, count) in &functions {
            by_name.push((name, first, count));
            first += count;
        }
        by_name.sort_unstable();
        Self { functions, by_name }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.functions.iter().map(|&(_, count)| count as usize).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name and number of edges of each function, in the order of the counters.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.functions.iter().copied()
    }

    /// Name, first counter and number of edges of each function, in the order of names.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&'static str, u32, u32)> {
        self.by_name.iter().copied()
    }
}

/// Names of functions that were seen.
static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The same name, to be kept for ever: there are as many as the collectors of a process have functions.
pub(super) fn intern(name: &str) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    match names.get(name) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
            names.insert(kept);
            kept
        }
    }
}
