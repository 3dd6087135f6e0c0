//! Seeds of the targets that take bytes: which bytes they are, and what each is there for.
//!
//! A seed is `raw_bytes(SEED, index, MOST)`, and shows on `fixed` what its name says, as its target's statistics tell it. Indices were
//! looked for from 0 on.

use super::common::FIXED;
use heapsmith::fuzzing::{Body, HeapImages, ImageStatistics, Ran, WildModules, WildStatistics};
use heapsmith_generators::heap_image::{BlockState, HeapImage, ImageValue, ImageWord};
use heapsmith_generators::raw_bytes;
use heapsmith_generators::wild::MACHINES;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SEED: u64 = 7;
/// Bytes at most: seeds are small.
const MOST: u32 = 96;

/// A seed's name, its index, and whether an input shows what the name says.
type Seed<I> = (&'static str, u64, fn(&I) -> bool);

/// An image and what its collection came to.
struct ImageRun {
    image: HeapImage,
    s: ImageStatistics,
}

impl ImageRun {
    fn has(&self, state: fn(BlockState) -> bool) -> bool {
        self.image.blocks.iter().any(|block| state(block.state))
    }

    fn word(&self, is: fn(&ImageWord) -> bool) -> bool {
        self.s.marked > 0 && self.image.blocks.iter().flat_map(|block| &block.words).any(is)
    }
}

const IMAGES: [Seed<ImageRun>; 12] = [
    ("no-blocks", 7, |run| run.image.blocks.is_empty() && run.s.full == 0),
    ("worklist-of-1", 97, |run| run.image.worklist == 1 && run.s.full == 0 && run.s.marked > 0),
    ("worklist-of-64", 181, |run| run.image.worklist == 64 && run.s.marked > 0),
    ("worklist-filled-to-its-end", 11, |run| run.s.worklist == u64::from(run.image.worklist) && run.s.full == 0),
    ("worklist-overfilled", 86, |run| run.s.full == 1 && run.image.worklist > 2),
    ("heap-ends-at-a-page-end", 3, |run| run.image.end.is_some() && run.s.at_page_ends == 1 && run.s.full == 0),
    ("nothing-is-reachable", 2, |run| run.s.marked == 0 && run.s.free > 1 && run.s.full == 0),
    ("everything-is-reachable", 35, |run| run.s.marked > 3 && run.s.free == 0),
    ("marked-fresh-reused-and-free", 0, |run| {
        run.has(|state| state == BlockState::Free)
            && run.has(|state| state == BlockState::Marked)
            && run.has(|state| state == BlockState::Fresh)
            && run.has(|state| matches!(state, BlockState::Reused { .. }))
            && run.s.full == 0
    }),
    ("address-as-data", 1, |run| run.word(|word| matches!(word, ImageWord::Data(ImageValue::Address { .. })))),
    ("address-left-behind", 6, |run| run.word(|word| matches!(word, ImageWord::Left(ImageValue::Address { .. })))),
    ("wrappers-and-stale-slots", 13, |run| {
        !run.image.wrappers.is_empty() && !run.image.stale.is_empty() && run.s.marked > 0
    }),
];

/// What a module came to, and its first byte, which says machine and kind.
struct ModuleRun {
    first: u8,
    s: WildStatistics,
}

const MODULES: [Seed<ModuleRun>; 8] = [
    ("finishes-and-does-nothing", 27, |run| run.s.finished == 1 && run.s.done == 0),
    ("finishes-and-collects", 2, |run| run.s.finished == 1 && run.s.collected == 1 && run.s.done > 5),
    ("traps-by-itself", 12, |run| run.s.trapped == 1 && run.s.done > 0),
    ("worklist-full", 0, |run| run.s.worklist_full == 1),
    ("another-limit", 4, |run| run.s.other_limits == 1),
    ("floats", 8, |run| run.first / MACHINES % 4 == 3 && run.s.collected == 1),
    ("every-operation", 22, |run| run.s.calls.iter().filter(|&&calls| calls > 0).count() >= 12),
    ("machine-with-64-entries", 9, |run| run.first % MACHINES == 3 && run.s.collected == 1),
];

/// Each image shows what its name says, and there is no other file.
pub(crate) fn images() -> Result<(), String> {
    check(HeapImages::NAME, &IMAGES, |bytes| {
        let mut body = HeapImages::new(FIXED).map_err(|e| e.to_string())?;
        judged(&mut body, bytes)?;
        Ok(ImageRun { image: HeapImage::from_bytes(bytes), s: *body.statistics() })
    })
}

/// The same for modules.
pub(crate) fn modules() -> Result<(), String> {
    check(WildModules::NAME, &MODULES, |bytes| {
        let mut body = WildModules::new(FIXED).map_err(|e| e.to_string())?;
        judged(&mut body, bytes)?;
        Ok(ModuleRun { first: bytes.first().copied().unwrap_or(0), s: *body.statistics() })
    })
}

fn judged<B: Body>(body: &mut B, bytes: &[u8]) -> Result<(), String> {
    match body.run(bytes) {
        Ok(Ran::Judged) => Ok(()),
        Ok(other @ (Ran::Inconclusive(_) | Ran::Rejected)) => Err(format!("expected it to be judged, found {other:?}")),
        Err(failure) => Err(failure.to_string()),
    }
}

fn check<I>(target: &str, seeds: &[Seed<I>], run: impl Fn(&[u8]) -> Result<I, String>) -> Result<(), String> {
    let folder = Path::new(super::SEEDS).join(target);
    let mut there: BTreeSet<String> = super::files(target).iter().map(|file| super::stem(file)).collect();
    for (name, index, shows) in seeds {
        if !there.remove(*name) {
            return Err(format!("{name}: expected a file in corpus/seeds/{target}, found none"));
        }
        let bytes = fs::read(folder.join(name)).map_err(|e| e.to_string())?;
        if bytes != raw_bytes(SEED, *index, MOST) {
            return Err(format!("{name}: expected raw_bytes({SEED}, {index}, {MOST}), found other bytes"));
        }
        if !shows(&run(&bytes).map_err(|e| format!("{name}: {e}"))?) {
            return Err(format!("{name}: expected it to show what its name says, found that it does not"));
        }
    }
    there.first().map_or(Ok(()), |other| Err(format!("{other}: expected to know what it is, found it in no list")))
}
