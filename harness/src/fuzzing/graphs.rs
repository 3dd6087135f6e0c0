//! Object graphs up to and beyond 16 384 reachable pointers.

use super::{Body, Failure, Fuzzer, Ran, SetupError, Structural, input, machines};
use heapsmith_generators::MUTANT_WORK;

/// Texts of programs, on machines with small capacities and with the collector's own.
#[derive(Debug)]
pub struct Graphs {
    fuzzer: Fuzzer,
    structural: Structural,
}

impl Body for Graphs {
    const NAME: &'static str = "graphs";

    fn new(runtime: &str) -> Result<Self, SetupError> {
        let fuzzer = Fuzzer::new(runtime)?;
        let machines = machines::capacities(fuzzer.spec());
        let structural = Structural::new(Self::NAME, &fuzzer, machines, MUTANT_WORK).reaching();
        Ok(Self { fuzzer, structural })
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        input::program(input).map_or(Ok(Ran::Rejected), |program| self.fuzzer.run(&program))
    }

    fn counters(&self) -> &[u8] {
        self.fuzzer.counters().bytes()
    }

    fn structural(&self) -> Option<&Structural> {
        Some(&self.structural)
    }
}
