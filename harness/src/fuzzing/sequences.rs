//! Allocation sequences with boundary sizes.

use super::{Body, Failure, Fuzzer, Ran, SetupError, Structural, input, machines};
use heapsmith_generators::Machine;

/// Work of a mutant at most, and of a program from bytes a sixteenth: this target lives by its speed. What fits is still 20 ops, a few collections and
/// heaps of dozens of objects; four times as much reaches no more features for its time.
const MOST_WORK: u64 = 1 << 14;

/// Programs from bytes through `arbitrary`, on machines with little heap that mostly do not grow. An input that is the text of a program is that program,
/// and is mutated by structure.
#[derive(Debug)]
pub struct Sequences {
    fuzzer: Fuzzer,
    machines: Vec<Machine>,
    structural: Structural,
}

impl Body for Sequences {
    const NAME: &'static str = "sequences";

    fn new(runtime: &str) -> Result<Self, SetupError> {
        let fuzzer = Fuzzer::new(runtime)?;
        let machines = machines::settled(fuzzer.spec());
        let structural = Structural::new(Self::NAME, &fuzzer, machines.clone(), MOST_WORK).texts_only();
        Ok(Self { fuzzer, machines, structural })
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        input::any_program(input, &self.machines, self.fuzzer.capacities(), MOST_WORK / 16)
            .map_or(Ok(Ran::Rejected), |program| self.fuzzer.run(&program))
    }

    fn counters(&self) -> &[u8] {
        self.fuzzer.counters().bytes()
    }

    fn structural(&self) -> Option<&Structural> {
        Some(&self.structural)
    }
}
