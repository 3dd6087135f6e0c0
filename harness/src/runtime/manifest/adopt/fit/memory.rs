//! How memory grows, against what is declared.

use super::super::super::chunk::Chunk;
use super::super::growth::{Growth, observe};
use super::super::lab::Lab;
use super::super::world::Root;
use super::Trial;

/// Pages in which small objects make memory grow.
const WIDE_PAGES: u32 = 80;
/// Pages of the greatest chunk that is tried.
const MOST_CHUNK: u32 = 512;

impl<'m> Trial<'_, 'm> {
    /// Holds objects until memory grows; `lab` has so many pages at most, `held` says how many objects can be.
    pub(super) fn growth(&mut self, lab: &dyn Fn(u32) -> Result<Lab<'m>, String>, held: Option<&(Root, u32)>) {
        let memory = self.manifest.memory;
        let ready = memory.ready_pages;
        let declared = self.manifest.heap.grows_by.filter(|chunk| !chunk.is_any());
        let step = declared.map_or(0, |chunk| chunk.least(ready));
        if step > MOST_CHUNK {
            self.seen(
                "growth",
                format!("not seen: chunks of more than {MOST_CHUNK} pages are not tried, {step} are declared"),
            );
            return;
        }
        let root = held.map(|(root, slots)| (root, *slots));
        let grown = |most: u32| {
            let most = most.min(memory.declared_pages.max(ready));
            lab(most).map_or_else(|_| Growth::default(), |lab| observe(&lab, &self.world.recipe, root))
        };
        // For several of its chunks, and an object that needs more than one.
        let room = WIDE_PAGES + 4 * step + if step > 0 { 8 * ready.min(step.max(64)) } else { 0 };
        let seen = grown(ready.saturating_add(room));
        let next = seen.chunk();
        let Some(declared) = declared else {
            let Some(chunk) = next else { return };
            // A page less than the next chunk ends at.
            let first = ready + chunk.least(ready);
            let tight = match chunk {
                Chunk::Double => 2 * first - 1,
                Chunk::Pages(_) | Chunk::AtLeast(_) => first - 1,
            };
            let text = if grown(tight).pages() > Some(chunk.reachable(ready, tight)) {
                format!("{}, and by fewer pages where there is no room for as many", seen.text())
            } else {
                format!(
                    "{}, and not by fewer where there is no room for as many: say `grows_by = {}` in [heap], or a trap close to the limit may be said to be \
                     without reason",
                    seen.text(),
                    chunk.toml()
                )
            };
            self.seen("growth", text);
            return;
        };
        match seen.fits(declared) {
            None => self.seen("growth", "not seen: memory did not grow for as many objects as were held".to_owned()),
            Some(true) => self.seen("growth", format!("{}: as is declared", seen.text())),
            Some(false) => {
                let next = next.map_or_else(
                    || "leave `grows_by` out".to_owned(),
                    |chunk| format!("write `grows_by = {}`", chunk.toml()),
                );
                let what = match declared {
                    Chunk::Pages(pages) => format!("memory grows by multiples of {pages} pages"),
                    Chunk::AtLeast(pages) => {
                        format!("memory grows by as many pages as are needed, and by {pages} at least")
                    }
                    Chunk::Double => "memory doubles".to_owned(),
                };
                let problem = format!("`grows_by`: declared is that {what}; seen: {}; {next}", seen.text());
                self.misfit("heap", "grows_by", &problem);
            }
        }
    }
}
