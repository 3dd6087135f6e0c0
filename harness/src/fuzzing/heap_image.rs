//! Whole heaps and their roots, written into memory, and one collection of each.
//!
//! # Input
//! Raw bytes: [`HeapImage`] through `arbitrary` (its module says in which order). Any bytes are an image.
//!
//! # What is checked
//! The image is put into the memory of every engine, of the emulator where the collector is an unedited built-in, and of the model, and each
//! collects once. Engines and emulator must agree in every byte and every global. The model says, of any collector: whether
//! the collection traps, both ways; payloads and sizes of all that is reachable; which blocks are free, and in which order; root stack,
//! static data, wrap table and releases. It does not say what a block holds that nobody reaches.
//!
//! There are 64 machines, one for each capacity of the worklist from 1 to 64; each is compiled when it first comes up.

use super::counters::Counters;
use super::fuzzer::Feedback;
use super::{Body, Failure, Ran, SetupError, fuzzer};
use crate::engine::{Backtrace, Engine};
use crate::image::Image;
use crate::judge::{Allowance, Inconclusive, Verdict};
use crate::model::Exactness;
use crate::reduce::{Cause, cause_by};
use crate::report::Account;
use crate::runtime::description::Description;
use crate::runtime::{Spec, builtin, parse_spec, rewith};
use crate::trial::{Prepared, Replay, Rig};
use heapsmith_generators::{HeapImage, Op, Program};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Heap images on one collector.
pub struct HeapImages {
    spec: Spec,
    engines: Vec<Box<dyn Engine>>,
    /// By capacity of the worklist.
    rigs: HashMap<u8, (Arc<Description>, Rig)>,
    feedback: Feedback,
    counters: Counters,
    statistics: ImageStatistics,
}

impl fmt::Debug for HeapImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapImages").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// What images reached, read from the first engine's memory and globals, but for the exact ones: the model says that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImageStatistics {
    /// Images that were run.
    pub images: u64,
    /// Those whose collection ended in a trap that the promises demand.
    pub full: u64,
    /// Those whose collection ended in a trap that the promises allow.
    pub allowed: u64,
    /// Those that the model predicts exactly.
    pub exact: u64,
    /// Those whose heap ends within 16 bytes of a page's end.
    pub at_page_ends: u64,
    /// Objects that collections kept.
    pub marked: u64,
    /// Blocks on free lists after collections.
    pub free: u64,
    /// Handles released.
    pub released: u64,
    /// The deepest worklist.
    pub worklist: u64,
    /// Those about which nothing can be said.
    pub inconclusive: u64,
}

impl fmt::Display for ImageStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, full, allowed, exact, at_page_ends, marked, free, released, worklist, inconclusive } = self;
        write!(
            f,
            "{images} images, {exact} predicted exactly, {full} fill the worklist, {allowed} more may trap, {marked} objects marked, {free} blocks \
             free, {released} handles released, worklist {worklist} deep, {at_page_ends} at page ends, {inconclusive} inconclusive"
        )
    }
}

impl HeapImages {
    /// What images reached so far.
    #[must_use]
    pub const fn statistics(&self) -> &ImageStatistics {
        &self.statistics
    }

    /// The verdict on an image; none for a machine that the collector cannot have.
    ///
    /// # Errors
    /// When an engine refuses the collector.
    pub fn judge(&mut self, image: &HeapImage) -> Result<Option<Verdict>, SetupError> {
        if !self.rigs.contains_key(&image.worklist) {
            let Ok(description) = self.spec.resolve(image.machine()) else { return Ok(None) };
            let prepared = self.feedback.prepare(builtin(description.clone()), &self.engines)?;
            self.rigs.insert(image.worklist, (Arc::new(description), Rig::new(Arc::new(prepared))?));
        }
        let Some((description, rig)) = self.rigs.get_mut(&image.worklist) else { return Ok(None) };
        rig.start_from(Some(Arc::new(Image::place(image, description))));
        let verdict = rig.trial(&collection(image));
        self.statistics.count(rig, &verdict);
        self.counters.clear();
        if self.feedback == Feedback::Guest {
            self.counters.take(rig);
        }
        Ok(Some(verdict))
    }

    /// The account of an image that failed.
    fn failure(&self, image: &HeapImage, seen: &Verdict) -> Result<Failure, SetupError> {
        let engines = fuzzer::open(Backtrace::On)?;
        let description = self.spec.resolve(image.machine())?;
        let mut replay = replay(&description, &engines, image)?;
        let mut more = Vec::new();
        if matches!(replay.verdict, Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_)) {
            more.push(("replay", "on fresh instances it does not show".to_owned()));
            replay.verdict = seen.clone();
        }
        let cause = match &replay.verdict {
            Verdict::Violation(_) => cause_of(&description, &engines, image)?,
            Verdict::Pass | Verdict::AllowedTrap(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_) => None,
        };
        let runtime = self.spec.to_string();
        let next =
            format!("HEAPSMITH_RUNTIME='{runtime}' cargo +stable fuzz run -s none {} INPUT\n\n{image}", Self::NAME);
        let names: Vec<&'static str> = engines.iter().map(|engine| engine.name()).collect();
        let program = collection(image);
        let account =
            Account { runtime: &runtime, program: &program, replay: &replay, engines: &names, cause, next: &next };
        Ok(Failure(account.text_with(&more)))
    }
}

impl ImageStatistics {
    fn count(&mut self, rig: &Rig, verdict: &Verdict) {
        let o = rig.observe();
        self.images += 1;
        let exact = rig.model().heap.exactness == Exactness::Exact;
        self.exact += u64::from(exact);
        match verdict {
            Verdict::AllowedTrap(Allowance::Must(_)) => self.full += 1,
            Verdict::AllowedTrap(Allowance::May) => self.allowed += 1,
            Verdict::Inconclusive(_) => self.inconclusive += 1,
            Verdict::Pass | Verdict::Violation(_) | Verdict::Untrusted(_) => {}
        }
        let past = rig.model().heap.heap_end() % 65_536;
        self.at_page_ends += u64::from(past <= 16 || past >= 65_536 - 16);
        self.marked += o.marked;
        self.free += o.free_blocks;
        self.released += o.released;
        self.worklist = self.worklist.max(o.worklist);
    }
}

impl Body for HeapImages {
    const NAME: &'static str = "heap_image";

    fn new(runtime: &str) -> Result<Self, SetupError> {
        let spec = parse_spec(runtime)?;
        if spec.module.is_some() {
            let expected = "a built-in collector, because a heap is written as its layout is known to be";
            return Err(SetupError::Unjudged { expected, found: runtime.to_owned() });
        }
        let engines = fuzzer::open(Backtrace::Off)?;
        // A collector that the engines refuse is refused now.
        Prepared::builtin(builtin(spec.resolve(HeapImage::from_bytes(&[]).machine())?), &engines)?;
        Ok(Self {
            spec,
            engines,
            rigs: HashMap::new(),
            feedback: Feedback::from_environment(),
            counters: Counters::default(),
            statistics: ImageStatistics::default(),
        })
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        let image = HeapImage::from_bytes(input);
        match self.judge(&image) {
            Ok(None) => Ok(Ran::Rejected),
            Err(_) => Ok(Ran::Inconclusive(Inconclusive::EngineFailed)),
            Ok(Some(Verdict::Pass | Verdict::AllowedTrap(_))) => Ok(Ran::Judged),
            Ok(Some(Verdict::Inconclusive(reason))) => Ok(Ran::Inconclusive(reason)),
            Ok(Some(seen @ (Verdict::Violation(_) | Verdict::Untrusted(_)))) => Err(self
                .failure(&image, &seen)
                .unwrap_or_else(|problem| Failure(format!("{seen:?}\n  replay:      failed: {problem}\n\n{image}")))),
        }
    }

    fn counters(&self) -> &[u8] {
        self.counters.bytes()
    }
}

/// The program that images are for.
fn collection(image: &HeapImage) -> Program {
    Program { machine: image.machine(), ops: vec![Op::Collect] }
}

/// A collection of an image on fresh instances.
fn replay(description: &Description, engines: &[Box<dyn Engine>], image: &HeapImage) -> Result<Replay, SetupError> {
    let mut rig = Rig::new(Arc::new(Prepared::builtin(builtin(description.clone()), engines)?))?;
    rig.start_from(Some(Arc::new(Image::place(image, description))));
    Ok(rig.replay(&collection(image)))
}

/// The rule that explains the violation that an image shows. Each corrected collector gets the image by its own layout.
fn cause_of(
    description: &Description,
    engines: &[Box<dyn Engine>],
    image: &HeapImage,
) -> Result<Option<Cause>, SetupError> {
    let engines = engines.get(..1).unwrap_or_default();
    let Some(rules) = description.rules else { return Ok(None) };
    Ok(cause_by(rules, &mut |rules| {
        let description = rewith(description, rules);
        let mut rig = Rig::new(Arc::new(Prepared::builtin(builtin(description.clone()), engines)?))?;
        rig.start_from(Some(Arc::new(Image::place(image, &description))));
        let verdict = rig.replay(&collection(image)).verdict;
        Ok((verdict, rig.model().expectation().inexact_from))
    })?)
}

#[cfg(test)]
mod tests;
