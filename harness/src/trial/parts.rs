//! The parts of a trial, one by one, for whoever measures them: each does what the trial does, on what the trial left.

use super::{Rig, budget, retry_fuel};
use crate::engine::EngineError;
use crate::judge::{self, Seen};
use heapsmith_generators::Program;
use std::hint::black_box;

/// A part of a trial, in the order in which a trial does them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The model plans the program.
    Plan,
    /// The plan becomes a tape.
    Tape,
    /// The memory of each engine is restored where the program changed it, globals are set back, the tape is loaded.
    Reset,
    /// The same, where all of memory is compared with the image of its start.
    ResetWhole,
    /// Each engine is reset and runs the tape, and its outcome is read.
    Run,
    /// The emulator is reset and runs the plan.
    Emulate,
    /// Outcomes and all bytes of all memories are compared.
    Compare,
    /// The judge looks at the outcome of the first engine.
    Judge,
    /// The numbers are read that show that something happened.
    Observe,
    /// All of it, but for the last.
    Trial,
}

impl Part {
    pub(crate) const ALL: [Self; 10] = [
        Self::Plan,
        Self::Tape,
        Self::Reset,
        Self::ResetWhole,
        Self::Run,
        Self::Emulate,
        Self::Compare,
        Self::Judge,
        Self::Observe,
        Self::Trial,
    ];
}

impl Rig {
    /// Does one part once more. The rig's last trial was of this program, and it passed.
    pub(crate) fn part(&mut self, part: Part, program: &Program) -> Result<(), EngineError> {
        match part {
            Part::Plan => self.model.plan_program(program),
            Part::Tape => self.tape.encode(self.model.plan()),
            Part::Reset => {
                for resident in &mut self.residents {
                    resident.settle(&self.changed);
                    resident.begin(&self.tape)?;
                }
            }
            Part::ResetWhole => {
                for resident in &mut self.residents {
                    resident.instance_mut();
                    resident.begin(&self.tape)?;
                }
            }
            Part::Run => {
                let fuel = budget(&self.model);
                for (resident, outcome) in self.residents.iter_mut().zip(&mut self.outcomes) {
                    resident.settle(&self.changed);
                    let end = resident.run(&self.tape, fuel)?;
                    resident.read_outcome(end, outcome);
                }
            }
            Part::Emulate => {
                let steps = self.model.plan().steps.len() as u32;
                let fuel = retry_fuel(&self.model, self.residents[0].heap().len());
                if let Some(emulator) = &mut self.emulator {
                    emulator.begin();
                    emulator.advance(self.model.plan(), steps, fuel);
                }
            }
            Part::Compare => {
                black_box(self.agree());
            }
            Part::Judge => {
                let seen = Seen { outcome: &self.outcomes[0], heap: self.residents[0].heap() };
                black_box(judge::judge(&mut self.model, program, seen));
            }
            Part::Observe => {
                black_box(self.observe());
            }
            Part::Trial => {
                black_box(self.trial(program));
            }
        }
        Ok(())
    }
}
