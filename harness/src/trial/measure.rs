//! A measurement: one program on the first engine, judged at its end, and the fuel of its last steps.

use super::Rig;
use crate::judge::{self, Inconclusive, Seen, Verdict};
use crate::outcome::End;
use heapsmith_generators::Program;

/// What a measurement gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The verdict on everything but work; none if the fuel ran out.
    pub verdict: Option<Verdict>,
    /// Fuel that the measured steps used, in the engine's own unit; 0 if the program did not come so far.
    pub fuel: u64,
    /// Units of work that the declared policies need for them, as the model counts words, blocks, roots and free blocks.
    pub work: u64,
}

impl Rig {
    /// Runs a program on the first engine with at most this much fuel for what comes before step `from`, and as much for the rest, which is
    /// measured. No emulator is asked.
    pub fn measure(&mut self, program: &Program, from: u32, fuel: u64) -> Measured {
        let _turn = self.turn();
        self.reached.forget();
        let inconclusive = |reason| Measured { verdict: Some(Verdict::Inconclusive(reason)), fuel: 0, work: 0 };
        let mut setup = program.clone();
        setup.ops.truncate(from as usize);
        self.model.plan_program(&setup);
        let planned = self.model.heap.work;
        self.model.plan_program(program);
        let work = self.model.heap.work.saturating_sub(planned);
        if self.model.expectation().too_much_work {
            return inconclusive(Inconclusive::TooMuchWork);
        }
        self.tape.encode(self.model.plan());
        let steps = self.model.plan().steps.len() as u32;
        let resident = &mut self.residents[0];
        let mut before = 0;
        let run = resident.begin(&self.tape).and_then(|()| {
            let end = resident.advance(from, fuel)?;
            before = resident.fuel_used();
            if end == End::Finished { resident.advance(steps, fuel) } else { Ok(end) }
        });
        let Ok(end) = run else { return inconclusive(Inconclusive::EngineFailed) };
        let used = resident.fuel_used() - before;
        if end == End::OutOfFuel {
            return Measured { verdict: None, fuel: used, work };
        }
        resident.read_outcome(end, &mut self.outcomes[0]);
        let seen = Seen { outcome: &self.outcomes[0], heap: self.residents[0].heap() };
        Measured { verdict: Some(judge::judge(&mut self.model, program, seen)), fuel: used, work }
    }
}
