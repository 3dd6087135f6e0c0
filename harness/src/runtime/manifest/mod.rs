//! Manifests: how a collector is used that is somebody else's, in TOML.
//!
//! A *foreign* collector is a module (`.wasm` or `.wat`) and a manifest, which says where roots live, how to allocate each kind of objects, how to
//! read and write fields, how to collect, what is known of the layout, and what is promised. [`Manifest::load`] reads both and holds
//! one against the other; [`Manifest::fields`] is the module as text with the functions that every collector of ours has, so that the lowerings take
//! it for one of ours. Nothing of the module's code changes: imports become definitions, unexported things get names, that is all.
//!
//! ```toml
//! heapsmith = 1                     # version of the format
//! name = "mygc"
//! summary = "one line"              # optional
//! module = "mygc.wasm"              # relative to the manifest
//! recipe = "make {module}"          # optional: said where the module is missing
//! like = "vera@0.1.9"               # optional: layout, promises and rules are those of this built-in, but for what is given
//! emulated = false                  # with `like`: memory, globals and traps are bit for bit those of the built-in's rules
//! init = ["_initialize"]            # optional: called once, after the module's own start
//!
//! [imports]                         # what each imported function gives, and each imported global is
//! "env.abort" = "trap"              # or "nothing" (zeros), { constant = 7 }, { counter = 0 }, { lcg = 1 }
//!
//! [memory]                          # optional
//! export = "memory"
//! max_pages = 256                   # default: what the module declares, 256 at most
//! fixed = false                     # true: no program draws another limit
//!
//! [heap]                            # all optional: what is not known is not judged
//! start = { global = "heap_ptr" }   # a number, or what a global is, or { call = "f" } gives, at the start
//! end = { global = "heap_ptr" }     # what it is at any time
//! free_list = { global = "gc_free_head" }
//! collections = { global = "n" }
//! worklist = { global = "gc_worklist_ptr" }
//! grows_by = 16                     # memory grows by multiples of so many pages; or "double": to as much again, until it is enough. Then no program has a
//!                                   # limit that it cannot come to. Or { at_least = 16 }: by as many pages as are missing, and so many at least; then a
//!                                   # growth for which there is no room may be refused, though less is missing. A chunk for which there is no room
//!                                   # below `max_pages` is refused, and so is `growth = "shortage"` beside any of them
//! live_bytes = { call = "live" }      # or { global = "total" }: must not grow when the same work is done again and again, and dropped and collected each time
//!
//! [object]                          # all optional
//! header = 4                        # bytes before the payload, 1024 at most
//! alignment = 8                     # a power of two, 1024 at most: of strides and payloads, from the heap's start and header on
//! zeroed = false                    # whether a fresh payload reads as zero
//! moving = false                    # whether objects change their addresses; such collectors cannot be judged, and true is refused
//! size = { offset = -4, shift = 1 } # where the requested size is recorded; `mask` too
//! mark_mask = 1
//! free_link = 0
//! null = 0                          # the word that stands for no object in a field, in a root and in a call: none that an object can have
//! tag = 0                           # a pointer is the payload's address plus this, such as 1
//! zero_size = "object"              # what an allocation of 0 bytes gives; or "null", or "shared": always the same, which is in no other object. Then the
//!                                   # glue holds it against that (a trap if it is not so), and an object of 4 bytes stands in for it: of the kind that
//!                                   # was asked for nothing, or, if that is of `bytes = 0`, of the first that has 4 bytes without pointers, or with one
//!
//! [[kind]]                          # the first that fits a request is taken
//! name = "node"
//! pointers = "any"                  # "all", "none", word indices [0, 1], { first = 1, stride = 2 } up to the end, or with `most = 15`
//!                                   # as many as are asked for; first = "last": the last words
//! bytes = "any"                     # or a number; 0 too, if an object of no bytes has a call of its own
//! alloc = { call = "alloc", args = ["size"] }   # "size", "words", "first", "stride", "count", numbers, { global = "X" }, { call = "f" }
//!
//! [access]                          # optional
//! store = "raw"                     # must not collect; or { call = "set", args = ["object", "index", "value"] }; "offset" is in bytes, "index" in words
//! load = "raw"
//!
//! [[roots]]                         # those of a list are used together, in turn
//! kind = "shadow-stack"
//! top = { global = "gc_sp" }
//! grows = "up"                      # or "down"
//! base = 0                          # default: what the top is at the start
//! limit = { global = "gc_stack_limit" }   # or { call = "f" }, a number, or capacity = 1024
//!
//! [[roots]]
//! kind = "pins"
//! pin = "__pin"
//! unpin = "__unpin"
//! reentrant = false                 # false: an object is pinned once, however many slots hold it
//! capacity = 256                    # slots; one more pin is held while a slot is written: of a table of 256 pins say 255
//!
//! [[roots]]
//! kind = "calls"
//! push = "gc_push"                  # must not collect, unless `set` is given
//! pop = "gc_pop"                    # pops one, or as many as its parameter says
//! set = "gc_set_root"               # optional: (index from the bottom, value); without it what is above is popped, and pushed again: a collector
//!                                   # that frees at once what is popped needs it
//! capacity = 64
//!
//! [[roots]]
//! kind = "slots"
//! set = "root_set"                  # (index, value)
//! capacity = 64
//!
//! [[roots]]
//! kind = "table"
//! address = 1024                    # or { global = "X" }, { call = "f" }
//! capacity = 64
//!
//! [[roots]]
//! kind = "none"                     # whoever holds an object tells nobody, because nothing is ever freed
//!
//! [collect]
//! full = { call = "gc_collect", args = [] }   # "none" where no function collects: what asks for a collection does nothing then, collections are counted
//!                                   # only if `collections` in [heap] says where, and nothing is said of memory that grows without end
//! step = { call = "gc_step", args = [1] }   # optional: made after each assignment of an odd root slot, whatever allocation does
//! minor = { call = "gc_minor" }     # optional: a collection that keeps all that is reachable and may leave any garbage; programs ask for it
//! automatic = true                  # whether allocation collects by itself
//! on_exhaustion = true              # optional: whether an allocation for which there is no memory collects before it gives up; if so, one object for which
//!                                   # there is room after `full`, without another collection of the allocation's own, must not trap
//!
//! [traps]                           # all optional
//! memory = "trap"                   # or "null"
//! size_limit = 0x80000000           # requests of so many bytes and more trap
//! worklist = 16384                  # a mark worklist of so many entries may trap when it is full; a trap is excused once so many words are candidates
//!
//! [promises]                        # all optional
//! candidates = "unknown"            # "precise", "phase", "allocated-base"
//! placement = "unknown"             # "first-fit", "first-fit-split"
//! growth = "unknown"                # "shortage"
//! reclaim = "unknown"               # "nothing" is freed, or { factor = 4, slack = 1048576 }: heap at most, of what first fit needs, and up to the next
//!                                   # chunk where `grows_by` is given
//! cycles = "collected"              # or "leaked"
//! plateau = true                    # default; false: memory may grow without end though the same work is done again and again, and dropped and collected each time,
//!                                   # or be full for garbage that is kept back for more than five collections
//!
//! [[build]]                         # other builds of the same collector
//! name = "stress"
//! module = "mygc-stress.wasm"
//! recipe = "make {module}"          # optional
//!
//! [[mutant]]                        # modules of the same collector with a mistake in each, which must be found: `heapsmith mutants mygc.toml --named` tries them
//! name = "no-barrier"               # as `?build=no-barrier` it is hunted like a build
//! module = "mygc-no-barrier.wasm"
//! recipe = "make {module}"          # optional
//! ```
//! A function or global is named by its export, its name in the name section, or `#` and its index.

pub mod adopt;
mod agree;
mod chunk;
mod count;
mod error;
mod form;
mod glue;
mod load;
mod module;
mod names;
mod oracles;
mod parts;
mod places;
mod plain;
mod probe;
mod read;
mod rewrite;
mod roots;

pub use chunk::Chunk;
pub use error::{ManifestError, Place};
pub use oracles::Oracle;
pub use parts::*;

use super::description::GLOBALS;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The version of the format.
pub const VERSION: u32 = 1;

/// Names under which globals are exported whose role is known, in the order of [`Manifest::globals`]: those of every built-in collector.
pub const ROLES: [&str; 5] = GLOBALS;

/// A function that [`Manifest::fields`] calls and the mutator's library has: whoever needs a module of the fields alone puts this beside them.
pub const MIRROR_STUB: &str = "  (func $mutator.mirror (param i32) (result i32) unreachable)\n";

/// A manifest, held against its module.
#[derive(Clone)]
pub struct Manifest {
    /// What the collector is called.
    pub name: String,
    /// What it is, in one line; may be empty.
    pub summary: String,
    /// Where its module is.
    pub module: PathBuf,
    /// How the module is made, if that is said.
    pub recipe: Option<String>,
    /// Which of the builds or mutants this is; none for the one that the manifest is about.
    pub build: Option<String>,
    /// Whether it is a mutant.
    pub is_mutant: bool,
    /// The other builds, each a manifest like this one.
    pub builds: Vec<Arc<Self>>,
    /// Modules with a mistake in each, which must be found; each a manifest like this one.
    pub mutants: Vec<Arc<Self>>,
    /// The built-in whose layout, promises and rules it has, where nothing else is given.
    pub like: Option<String>,
    /// Whether that built-in's rules are said to tell its memory, globals and traps bit for bit.
    pub is_emulated: bool,
    /// What its imports do.
    pub imports: Vec<Import>,
    /// Functions that are called once, after the module's own start.
    pub init: Vec<Function>,
    /// Its memory.
    pub memory: Memory,
    /// Its heap.
    pub heap: Heap,
    /// Its objects.
    pub object: Object,
    /// Kinds of objects; the first that fits a request is taken.
    pub kinds: Vec<Kind>,
    /// How fields are reached.
    pub access: Access,
    /// How roots are kept.
    pub roots: Vec<Roots>,
    /// How it collects.
    pub collect: Collect,
    /// What ends a program.
    pub traps: Traps,
    /// What is promised.
    pub promises: Promises,
    /// Names of its exports, functions only, sorted.
    pub exports: Vec<String>,
    /// Why setting memory and globals back does not make an instance fresh; empty if it does.
    pub unresettable: Vec<String>,
    /// The manifest's path, or what else tells it.
    pub origin: String,
    source: Arc<str>,
    bytes: Arc<[u8]>,
    digest: u64,
    sha256: Arc<str>,
    /// The fields before and after the memory's limits.
    text: Arc<(String, String)>,
    globals: Vec<String>,
}

impl Manifest {
    /// Reads a manifest and the modules that it names.
    ///
    /// # Errors
    /// A file cannot be read, is not of the form, or says something that the module does not have.
    pub fn load(path: &Path) -> Result<Arc<Self>, ManifestError> {
        load::file(path)
    }

    /// Reads the text of a manifest, whose modules all have these bytes, and which is called `origin` in messages.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, module: &[u8], origin: &str) -> Result<Arc<Self>, ManifestError> {
        load::text(text, origin, Path::new(""), load::Unknown::Errors, &|_| Ok(module.to_vec()))
    }

    /// Reads the text of a manifest of many builds, and holds it against one, whose bytes these are and which is at `path`. Imports that this one does
    /// not have are those of others. Builds that the manifest names get the same bytes, and there are no mutants.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse_build(text: &str, path: &Path, module: &[u8], origin: &str) -> Result<Arc<Self>, ManifestError> {
        let read = |_: &Path| Ok(module.to_vec());
        let mut manifest = load::text(text, origin, Path::new(""), load::Unknown::Imports, &read)?;
        Arc::make_mut(&mut manifest).module = path.to_owned();
        Ok(manifest)
    }

    /// This manifest with another build; see [`Self::parse_build`].
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn with_module(&self, path: &Path, module: &[u8]) -> Result<Arc<Self>, ManifestError> {
        Self::parse_build(&self.source, path, module, &self.origin)
    }

    /// The build or mutant of this name: this manifest with another module.
    ///
    /// # Errors
    /// There is none: the names that there are, in words.
    pub fn build(&self, name: &str) -> Result<&Arc<Self>, String> {
        let all = || self.builds.iter().chain(&self.mutants);
        all().find(|build| build.build.as_deref() == Some(name)).ok_or_else(|| {
            let known: Vec<&str> = all().filter_map(|build| build.build.as_deref()).collect();
            if known.is_empty() { "it names none".to_owned() } else { known.join(", ") }
        })
    }

    /// Fields of a text module: the module without its exports, its memory with exactly these limits, and the glue.
    ///
    /// Imports are definitions. Memory 0 is exported as `memory`, every mutable global under a name of its own ([`Self::globals`] are those of type
    /// i32). The start function is the module's own, then `init`. The glue is
    /// - `$new (size, first, stride, count) -> object`: size in bytes; the words first, first + stride, .., `count` of them, are pointers. A request that is of no
    ///   kind, and one for which there is no memory, executes `unreachable`.
    /// - `$link (object, offset, value)` and `$fetch (object, offset) -> value`: pointer fields, offsets in bytes.
    /// - `$gc_collect`, `$gc_step` where there are steps, `$gc_minor` where there are minor collections, and `$live_bytes -> bytes` (exported) where they are told.
    /// - `$root_push (value)`, `$root_set (slot, value)`, `$frame_save -> slots`, `$frame_restore (slots)`. Slots are numbered from 0; with k
    ///   disciplines slot i is number i div k of discipline i mod k. The mutator's mirror (`$mutator.mirror (slot) -> value`) must tell each slot's value until the
    ///   operation returns.
    ///
    /// Functions and globals of the module whose names are taken by these or by the lowerings get the suffix `.module`.
    #[must_use]
    pub fn fields(&self, initial_pages: u32, max_pages: u32) -> String {
        let (before, after) = &*self.text;
        format!("{before}{initial_pages} {max_pages}{after}")
    }

    /// Exported names of all mutable globals of type i32: roles first, in the order of [`ROLES`], then the module's others by index, then the glue's.
    #[must_use]
    pub fn globals(&self) -> &[String] {
        &self.globals
    }

    /// Whether an instance is as good as new once its memory and [`Self::globals`] are; [`Self::unresettable`] says why not.
    #[must_use]
    pub const fn is_resettable(&self) -> bool {
        self.unresettable.is_empty()
    }

    /// Whether there is an incremental step.
    #[must_use]
    pub const fn has_steps(&self) -> bool {
        self.collect.step.is_some()
    }

    /// Whether programs may ask for minor collections.
    #[must_use]
    pub const fn has_minor(&self) -> bool {
        self.collect.minor.is_some()
    }

    /// Whether the collector is told of each slot that lets go of its object, and when a slot is written may hold the new object before the old one is let
    /// go: what is kept of a frame is then held outside before the frame is left, so that one that counts references does not free it in between.
    #[must_use]
    pub fn is_told_of_drops(&self) -> bool {
        self.roots.iter().any(|roots| match &roots.kind {
            RootKind::Pins { .. } | RootKind::Slots { .. } | RootKind::Calls { set: Some(_), .. } => true,
            // Without `set` what is above a slot has to be let go before the slot is written.
            RootKind::Calls { set: None, .. }
            | RootKind::ShadowStack { .. }
            | RootKind::Table { .. }
            | RootKind::None => false,
        })
    }

    /// The kind of a request: the first that fits. The glue's `$new` takes the same one.
    #[must_use]
    pub fn kind_of(&self, request: Request) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.fits(request))
    }

    /// Why its memory may grow for ever when the same work is done again and again, all of it dropped and collected each time; none if it must stop growing.
    #[must_use]
    pub fn no_plateau(&self) -> Option<&'static str> {
        if self.promises.reclaim == Some(Reclaim::Nothing)
            || self.roots.iter().any(|roots| roots.kind == RootKind::None)
        {
            return Some("nothing is ever freed");
        }
        if self.collect.full.is_none() {
            return Some("no function collects: what a round leaves is garbage that may still be there after it");
        }
        (self.promises.plateau == Some(false)).then_some("memory may grow, as `plateau = false` in [promises] says")
    }

    /// Root slots that there can be: the push after them is the first that executes `unreachable`.
    #[must_use]
    pub fn root_slots(&self) -> u64 {
        let kinds = self.roots.len() as u64;
        let full = (0..).zip(&self.roots).map(|(kind, roots): (u64, _)| u64::from(roots.capacity) * kinds + kind);
        full.min().unwrap_or(0)
    }

    /// The module's bytes, binary.
    #[must_use]
    pub fn module_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of [`Self::module_bytes`], in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// A number that differs where manifest, path or module differ, the same on every machine.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Manifest");
        shown.field("name", &self.name).field("origin", &self.origin).field("build", &self.build);
        shown.field("digest", &format_args!("{:016x}", self.digest)).finish_non_exhaustive()
    }
}

/// Manifests are the same if their texts, paths, builds and modules are.
impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
            && self.origin == other.origin
            && self.build == other.build
            && self.source == other.source
            && self.bytes == other.bytes
            && self.builds == other.builds
            && self.mutants == other.mutants
    }
}

impl Eq for Manifest {}

impl Hash for Manifest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// The built-in whose name is most like this one.
fn nearest_name(name: &str) -> String {
    super::error::nearest(name, super::names())
}

/// Whether a name is one of the glue's or of the lowerings'.
pub(in crate::runtime) fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 26] = [
        "new",
        "link",
        "fetch",
        "gc_collect",
        "gc_step",
        "gc_minor",
        "live_bytes",
        "root_push",
        "root_set",
        "frame_save",
        "frame_restore",
        "run",
        "peek",
        "poke",
        "register_wrapper",
        "host_decref_handle",
        "released_at",
        "memory",
        "mutator",
        "pages",
        "logged",
        "distinct",
        "is_free",
        "peek_heap",
        "released",
        "heapsmith.counters",
    ];
    NAMES.contains(&name) || ["mutator.", "steps.", "glue.", "read "].iter().any(|prefix| name.starts_with(prefix))
}
