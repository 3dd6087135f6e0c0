//! Mutation of inputs that are texts: parsed, mutated by structure, printed. A mutator that fails leaves its input and seed behind.

use super::{Fuzzer, input};
use crate::metamorphic::mix;
use heapsmith_generators::{Campaign, Capacities, MUTANT_OPS, Machine, Mutator, Program, parse, work};
use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One mutant in so many may have the target's most work, so that what is deep can be reached, too. Where programs of the size of a real capacity are
/// wanted every other one of them is a new program: changes of small ones seldom come to that.
const DEEP: u64 = 16;
/// New programs that are drawn for it at most.
const NEW_TRIES: u64 = 32;
/// The others may have this part of the work. Mutation climbs towards what costs most, and a fuzzer draws parents without regard to what they cost.
const USUAL: u64 = 16;

/// How a target's inputs are mutated by structure.
pub struct Structural {
    target: &'static str,
    capacities: Capacities,
    machines: Vec<Machine>,
    most_work: u64,
    campaign: Campaign,
    /// What is no text stays with the fuzzer.
    texts_only: bool,
    /// Some mutants are new programs of most work.
    reaches: bool,
    /// What brings a mutant into the target's own form.
    shape: fn(&mut Program),
    change: fn(&Mutator<'_>, &mut Program, Option<&Program>, u64),
}

impl fmt::Debug for Structural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Structural").field("target", &self.target).finish_non_exhaustive()
    }
}

/// One call of a mutator: it is a function of this alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The target.
    pub target: String,
    /// What was to be mutated.
    pub input: Vec<u8>,
    /// What it was to be crossed with.
    pub partner: Option<Vec<u8>>,
    /// Bytes of the mutant at most.
    pub max_size: usize,
    /// The seed.
    pub seed: u64,
}

/// A mutator that gave something that is no valid program of the size asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutatorFailure(String);

impl fmt::Display for MutatorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Structural {
    /// Mutation on these machines, with mutants of at most so much work (see [`work`]), and mostly of a sixteenth of that: a parent of more
    /// is crossed into a new program.
    pub(super) fn new(target: &'static str, fuzzer: &Fuzzer, machines: Vec<Machine>, most_work: u64) -> Self {
        let capacities = fuzzer.capacities();
        Self {
            target,
            capacities,
            machines,
            most_work,
            campaign: Campaign::new(0, capacities, fuzzer.spec().pinned),
            texts_only: false,
            reaches: false,
            shape: |_| {},
            change: |mutator, program, partner, seed| mutator.mutate(program, partner, seed),
        }
    }

    /// Leaves to the fuzzer what is no text.
    pub(super) fn texts_only(self) -> Self {
        Self { texts_only: true, ..self }
    }

    /// Has every other mutant of those that may have most work be a new program.
    pub(super) fn reaching(self) -> Self {
        Self { reaches: true, ..self }
    }

    /// Brings mutants into a form.
    pub(super) fn shaped(self, shape: fn(&mut Program)) -> Self {
        Self { shape, ..self }
    }

    /// The same with another mutator, for tests of what becomes of one that fails.
    #[cfg(test)]
    pub(super) fn with(self, change: fn(&Mutator<'_>, &mut Program, Option<&Program>, u64)) -> Self {
        Self { change, ..self }
    }

    /// The target's name.
    #[must_use]
    pub const fn target(&self) -> &'static str {
        self.target
    }

    /// A mutant of a text, of at most `max_size` bytes: the program of the text, changed and printed. Of a broken text the lines count that
    /// are whole; without any, a new program takes its place, or none, where that is left to the fuzzer. While this runs the attempt can be saved by [`save_in_flight`].
    ///
    /// # Errors
    /// When the mutator gave what is no program, or one that does not come back from its text.
    pub fn mutate(
        &self,
        input: &[u8],
        partner: Option<&[u8]>,
        max_size: usize,
        seed: u64,
    ) -> Option<Result<Vec<u8>, MutatorFailure>> {
        let parent = input::program(input).or_else(|| input::salvaged(input));
        if parent.is_none() && self.texts_only {
            return None;
        }
        IN_FLIGHT.with_borrow_mut(|attempt| {
            let partner = partner.map(<[u8]>::to_vec);
            *attempt = Some(Attempt { target: self.target.to_owned(), input: input.to_vec(), partner, max_size, seed });
        });
        let mutant = self.mutant(parent, partner, (input.len(), max_size), seed);
        if mutant.is_ok() {
            IN_FLIGHT.with_borrow_mut(Option::take);
        }
        Some(mutant)
    }

    fn mutant(
        &self,
        parent: Option<Program>,
        partner: Option<&[u8]>,
        (input_size, max_size): (usize, usize),
        seed: u64,
    ) -> Result<Vec<u8>, MutatorFailure> {
        let most_work = self.most_work(seed);
        // A reducer asks for less than there is, and of this very program.
        let may_be_another = max_size >= input_size;
        let large = if self.reaches && may_be_another && is_new(seed) { self.large(seed) } else { None };
        let mut program = large.or(parent).unwrap_or_else(|| self.fresh(seed));
        let mut partner = partner.and_then(input::program);
        if may_be_another && work(&program, self.capacities) > most_work {
            let mut light = self.fresh(seed);
            input::cut(&mut light, self.capacities, most_work);
            partner = Some(std::mem::replace(&mut program, light));
        }
        let mutator = Mutator { capacities: self.capacities, machines: &self.machines, most_work };
        (self.change)(&mutator, &mut program, partner.as_ref(), seed);
        (self.shape)(&mut program);
        let text = fit(&mut program, max_size, seed);
        match parse(&text) {
            Ok(again) if again == program && program.ops.len() <= MUTANT_OPS => Ok(text.into_bytes()),
            // Where there is no room for any program, what there is room for of an empty one.
            Err(_) if program.ops.is_empty() && text.len() == max_size => Ok(text.into_bytes()),
            Ok(_) => Err(MutatorFailure(format!(
                "expected a program of at most {MUTANT_OPS} ops that comes back from its text, found one of {} ops that prints as\n{text}",
                program.ops.len()
            ))),
            Err(e) => Err(MutatorFailure(format!("expected the text of a program, found\n{text}{e}"))),
        }
    }

    /// Work of the mutant that a seed gives.
    const fn most_work(&self, seed: u64) -> u64 {
        if drawn(seed).is_multiple_of(DEEP) { self.most_work } else { self.most_work / USUAL }
    }

    /// A new program of more work than most mutants may have; none if none is drawn in a few tries.
    fn large(&self, seed: u64) -> Option<Program> {
        let mut drawn = (0..NEW_TRIES).map(|i| {
            let mut program = self.fresh(mix(seed, i));
            input::cut(&mut program, self.capacities, self.most_work);
            program
        });
        drawn.find(|program: &Program| work(program, self.capacities) > self.most_work / USUAL)
    }

    /// A new program on one of the target's machines.
    fn fresh(&self, seed: u64) -> Program {
        let mut program = self.campaign.program(seed);
        let drawn = (seed >> 7) as usize % self.machines.len().max(1);
        program.machine = self.machines.get(drawn).copied().unwrap_or(program.machine);
        program
    }
}

/// A number that decides what kind of mutant a seed gives.
const fn drawn(seed: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

/// Whether a seed gives a new program.
const fn is_new(seed: u64) -> bool {
    drawn(seed).is_multiple_of(2 * DEEP)
}

/// The program's text, with so many ops taken out that it has at most so many bytes.
fn fit(program: &mut Program, max_size: usize, seed: u64) -> String {
    let mut draw = seed;
    loop {
        let mut text = program.to_string();
        if text.len() <= max_size {
            return text;
        }
        if !program.ops.is_empty() {
            // An op that depends on the seed, so that a reducer that asks for less and less tries them all.
            draw = draw.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            program.ops.remove((draw >> 33) as usize % program.ops.len());
        } else if program.machine == Machine::default() {
            text.truncate(max_size);
            return text;
        } else {
            program.machine = Machine::default();
        }
    }
}

thread_local! {
    static IN_FLIGHT: RefCell<Option<Attempt>> = const { RefCell::new(None) };
}

/// Saves what this thread's mutator was given last, if it has not come to a good end: for a panic hook, and for whoever was told of a
/// [`MutatorFailure`]. The folder that it is saved in is given; none if there is nothing to save.
///
/// # Errors
/// When it cannot be written.
pub fn save_in_flight(folder: &Path, why: &str) -> Option<io::Result<PathBuf>> {
    let attempt = IN_FLIGHT.try_with(|attempt| attempt.try_borrow_mut().ok()?.take()).ok()??;
    Some(save(&attempt, folder, why))
}

/// Saves a mutator's attempt in a new folder `mutator-TARGET-SEED[-N]` below `folder`: `input`, `partner` if there was one, and
/// `attempt.txt`, which says the rest. Nothing that is there is touched.
///
/// # Errors
/// When it cannot be written.
pub fn save(attempt: &Attempt, folder: &Path, why: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let name = format!("mutator-{}-{:016x}", attempt.target, attempt.seed);
    let mut path = folder.join(&name);
    let mut n = 1;
    while let Err(e) = fs::create_dir(&path) {
        if e.kind() != io::ErrorKind::AlreadyExists {
            return Err(e);
        }
        n += 1;
        path = folder.join(format!("{name}-{n}"));
    }
    fs::write(path.join("input"), &attempt.input)?;
    if let Some(partner) = &attempt.partner {
        fs::write(path.join("partner"), partner)?;
    }
    let Attempt { target, max_size, seed, .. } = attempt;
    fs::write(path.join("attempt.txt"), format!("target {target}\nseed {seed}\nmax_size {max_size}\n\n{why}\n"))?;
    Ok(path)
}

impl Attempt {
    /// Reads what [`save`] wrote.
    ///
    /// # Errors
    /// When the folder is none that it wrote.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(folder.join("attempt.txt"))?;
        let value = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            let message = || format!("expected a line `{key} VALUE` in attempt.txt, found none");
            found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, message()))
        };
        let number = |key: &str| {
            let message = || format!("expected a number after `{key}` in attempt.txt");
            value(key)?.parse::<u64>().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, message()))
        };
        let partner = folder.join("partner");
        Ok(Self {
            target: value("target")?.to_owned(),
            input: fs::read(folder.join("input"))?,
            partner: if partner.exists() { Some(fs::read(partner)?) } else { None },
            max_size: number("max_size")?.try_into().unwrap_or(usize::MAX),
            seed: number("seed")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::Fuzzer;
    use heapsmith_generators::Op;

    #[test]
    fn fitting_takes_ops_out_and_never_more_than_it_must() {
        let mut program = parse("heapsmith 1\nmachine worklist=2\ncollect\ndrop r1\ncollect\n").unwrap();
        assert_eq!(fit(&mut program.clone(), 1_000, 1), program.to_string());
        let text = fit(&mut program, 44, 1);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(fit(&mut program, 12, 1), "heapsmith 1\n");
        assert_eq!(fit(&mut program, 5, 1), "heaps");
    }

    /// Changes of a small program alone hardly ever come to so much.
    #[test]
    fn some_mutants_have_the_size_of_a_real_capacity_and_a_reducer_gets_none() {
        let fuzzer = Fuzzer::new("fixed").unwrap();
        let machines = crate::fuzzing::machines::capacities(fuzzer.spec());
        let structural = Structural::new("graphs", &fuzzer, machines, heapsmith_generators::MUTANT_WORK).reaching();
        let input = b"heapsmith 1\nalloc r0 size=8\ncollect\ncheck r0\n";
        let large = |max_size| {
            let mutants = (0..2_000).map(|seed| structural.mutate(input, None, max_size, seed).unwrap().unwrap());
            mutants.filter(|text| work(&input::program(text).unwrap(), fuzzer.capacities()) > 200_000).count()
        };
        let (free, reduced) = (large(4_096), large(input.len() - 1));
        assert!(free >= 10, "{free} of 2 000");
        assert_eq!(reduced, 0);
    }

    #[test]
    fn a_mutator_that_panics_leaves_its_input_and_seed_behind() {
        let folder = tempfile::tempdir().unwrap();
        let fuzzer = Fuzzer::new("fixed").unwrap();
        let failing = Structural::new("graphs", &fuzzer, Vec::new(), 1).with(|_, program, _, seed| {
            assert!(seed != 77, "planted, with {} ops", program.ops.len());
        });
        let input = b"heapsmith 1\ncollect\n";
        assert!(failing.mutate(input, None, 100, 76).is_some());
        assert!(save_in_flight(folder.path(), "").is_none(), "76 came to a good end");
        for n in 1..=2 {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                failing.mutate(input, Some(b"heapsmith 1\n"), 100, 77)
            }));
            assert!(panicked.is_err());
            let path = save_in_flight(folder.path(), "it panicked").unwrap().unwrap();
            let end = if n == 1 { "mutator-graphs-000000000000004d" } else { "mutator-graphs-000000000000004d-2" };
            assert!(path.ends_with(end), "{path:?}");
            let attempt = Attempt::read(&path).unwrap();
            let partner = Some(b"heapsmith 1\n".to_vec());
            assert_eq!(
                attempt,
                Attempt { target: "graphs".into(), input: input.to_vec(), partner, max_size: 100, seed: 77 }
            );
            assert!(save_in_flight(folder.path(), "").is_none(), "it is saved once");
        }
    }

    #[test]
    fn a_mutator_that_gives_what_is_no_program_is_refused_and_its_input_saved() {
        let folder = tempfile::tempdir().unwrap();
        let fuzzer = Fuzzer::new("fixed").unwrap();
        let failing = Structural::new("graphs", &fuzzer, Vec::new(), 1)
            .with(|_, program, _, _| program.ops = vec![Op::Collect; MUTANT_OPS + 1]);
        let failure = failing.mutate(b"heapsmith 1\n", None, 1 << 20, 1).unwrap().unwrap_err();
        assert!(failure.to_string().starts_with("expected a program of at most 128 ops"), "{failure}");
        assert!(save_in_flight(folder.path(), "").unwrap().unwrap().join("input").exists());
    }
}
