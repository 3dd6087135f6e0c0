//! What can be wrong with a request for a runtime.

use thiserror::Error;

/// A runtime that cannot be had as asked for. Each message says what was expected, what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuntimeError {
    /// No built-in runtime has this name.
    #[error("expected a built-in runtime ({known}), found `{found}`; did you mean `{nearest}`?")]
    UnknownName {
        /// What was asked for.
        found: String,
        /// Every name there is.
        known: String,
        /// The name most like it.
        nearest: String,
    },
    /// No parameter has this key.
    #[error("expected a parameter of a runtime ({known}), found `{found}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// What was given.
        found: String,
        /// Every key there is.
        known: String,
        /// The key most like it.
        nearest: String,
    },
    /// A parameter is not of the form `key=value`.
    #[error(
        "expected `key=value` after `?`, separated by commas, found `{found}`; write, for example, `fixed?worklist=64`"
    )]
    NotAParameter {
        /// What was given.
        found: String,
    },
    /// A parameter is given more than once.
    #[error("expected each parameter once, found `{key}` again; remove one of them")]
    Repeated {
        /// The parameter.
        key: String,
    },
    /// A value is no number that fits.
    #[error("expected a number from 0 to 4294967295 for `{key}`, found `{found}`; write it in decimal digits")]
    NotANumber {
        /// The parameter.
        key: String,
        /// Its value.
        found: String,
    },
    /// A value of `pages` is no range.
    #[error(
        "expected pages as `1..4`, `1..` or `..4` (initial..maximum), found `{found}`; to give one only, write `initial_pages=` or `max_pages=`"
    )]
    NotARange {
        /// Its value.
        found: String,
    },
    /// No edit has this name.
    #[error("expected the name of an edit for `fault` ({known}), found `{found}`; did you mean `{nearest}`?")]
    UnknownFault {
        /// What was asked for.
        found: String,
        /// Every name there is.
        known: String,
        /// The name most like it.
        nearest: String,
    },
    /// An edit does not fit the runtime: those that there are were made for `fixed`.
    #[error(transparent)]
    Edit(#[from] super::EditError),
    /// A file of faults cannot be used.
    #[error("expected `fault=FILE.toml#NAME` to name a fault of a file; {problem}")]
    FaultFile {
        /// What is wrong with it.
        problem: String,
    },
    /// Double quotes that something else than a parameter follows, or nothing closes.
    #[error(
        "expected `fault=\"FILE.toml#NAME\"` with a double quote at its end, then `,` or nothing, found {found:?}; before `\"` and `\\` inside \
         stands a `\\`"
    )]
    Unclosed {
        /// What begins with the quotes.
        found: String,
    },
    /// A module is named where a manifest should be.
    #[error(
        "expected a built-in collector or a manifest (*.toml), found the module `{found}`, of which nothing is known yet; have a manifest proposed with \
         `heapsmith adopt {found} --out {manifest}`, and name that: `heapsmith hunt --runtime {manifest}`"
    )]
    Module {
        /// The module.
        found: String,
        /// Where its manifest could be.
        manifest: String,
    },
    /// A manifest, or the module that it is about.
    #[error("{problem}")]
    Manifest {
        /// What is wrong with it.
        problem: String,
    },
    /// Only a manifest names builds.
    #[error("expected `build` of a module with a manifest, found it of the built-in `{name}`; leave it out")]
    NoBuilds {
        /// The runtime.
        name: String,
    },
    /// A manifest has no such build.
    #[error(
        "expected a build or mutant that the manifest names ({known}), found `{found}`; add it as `[[build]]`, or leave `build` out"
    )]
    UnknownBuild {
        /// What was asked for.
        found: String,
        /// Those that there are, or that there are none.
        known: String,
    },
    /// A parameter that a module decides.
    #[error("expected no `{key}` for `{name}`: its module decides that; give pages only, or another module")]
    OfTheModule {
        /// The parameter.
        key: &'static str,
        /// The manifest.
        name: String,
    },
    /// A region has no entry or too many.
    #[error("expected 1 to {limit} entries for `{key}`, found {found}; choose a number in that range")]
    Capacity {
        /// `worklist`, `roots` or `wraps`.
        key: &'static str,
        /// What was asked for.
        found: u32,
        /// The most there can be.
        limit: u32,
    },
    /// Entries for a wrap table that is not there.
    #[error("expected no `wraps`, because `{name}` has no wrap table; leave it out, or use `vera@0.1.9+wrap`")]
    NoWrapTable {
        /// The runtime.
        name: String,
    },
    /// An address limit of a collector that knows none, or one that is too high.
    #[error(
        "expected `address_limit` to be at most {limit}, of a built-in collector that has one (from v0.1.9 on, `fixed`, `fixed-split`), found {found} for \
         `{name}`"
    )]
    AddressLimit {
        /// The runtime.
        name: String,
        /// What was asked for.
        found: u32,
        /// The highest one.
        limit: u32,
    },
    /// A memory without pages.
    #[error(
        "expected at least one page for `{key}`, found 0; the collector needs memory to stand in, so give 1 or more"
    )]
    NoPages {
        /// `initial_pages` or `max_pages`.
        key: &'static str,
    },
    /// A memory that is larger than the harness allows.
    #[error(
        "expected at most {limit} pages of memory, found {found}; lower `max_pages`, `initial_pages` or `data_end`"
    )]
    TooManyPages {
        /// What was asked for or is needed.
        found: u64,
        /// [`super::description::MOST_PAGES`].
        limit: u32,
    },
    /// A page limit below which memory can never grow, because it grows by more at once.
    #[error(
        "expected at least {least} pages at most, or the {ready} that a program starts with, found `max_pages` = {found}: memory grows by {chunk} pages at once, \
         as `grows_by` in [heap] says, and could never grow; raise `max_pages`"
    )]
    NoGrowth {
        /// What was asked for.
        found: u32,
        /// Pages that there are when a program starts.
        ready: u32,
        /// Pages that memory grows by.
        chunk: u32,
        /// What would do.
        least: u64,
    },
    /// More static data than a module is made with.
    #[error(
        "expected at most {limit} bytes of static data, found `data_end` = {found}; lower it: what matters is where the heap starts in a page"
    )]
    TooMuchData {
        /// What was asked for.
        found: u32,
        /// The most there can be.
        limit: u32,
    },
    /// Initial pages above the limit.
    #[error(
        "expected at most `max_pages` = {max} pages at the start, found `initial_pages` = {initial}; swap or change them"
    )]
    InitialAboveMax {
        /// Pages at the start.
        initial: u32,
        /// Pages at most.
        max: u32,
    },
    /// Static data that does not fit: the module could not be instantiated.
    #[error(
        "expected static data to fit into the {initial} initial page(s) ({bytes} bytes), found `data_end` = {data_end}: the module \
         cannot be instantiated; lower `data_end` or raise `initial_pages`"
    )]
    DataBeyondMemory {
        /// Bytes of static data.
        data_end: u32,
        /// Pages at the start.
        initial: u32,
        /// Bytes in them.
        bytes: u64,
    },
}

/// The one of `known` that is most like `found`; the last of those that are equally like it, which is the newest release.
pub(super) fn nearest(found: &str, known: &[&str]) -> String {
    let score = |name: &&&str| (strsim::normalized_damerau_levenshtein(found, name) * 1e6) as u64;
    known.iter().max_by_key(score).map_or_else(String::new, |name| (*name).to_owned())
}
