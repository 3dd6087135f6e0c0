//! A program again and again on one heap, and what becomes of memory.

use super::{Rig, retry_fuel};
use crate::engine::EngineError;
use crate::outcome::End;
use crate::runtime::description::Role;

/// What memory came to, round after round: entry `i` of each list is what there was after round `i + 1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Course {
    /// Pages of memory.
    pub pages: Vec<u32>,
    /// The heap's end; empty where no global tells it.
    pub heap_end: Vec<u32>,
    /// Bytes that are live, as the collector tells them; empty where it does not.
    pub live: Vec<u32>,
    /// Collections that there were by then; empty where the collector does not count them.
    pub collections: Vec<u32>,
    /// How the round after those ended, if it did not come to its end.
    pub end: Option<End>,
}

impl Course {
    /// Rounds that came to their end.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.pages.len() as u32
    }
}

/// How long a program is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Rounds.
    pub rounds: u32,
    /// Fuel of all rounds together, in the engine's own unit; the round in which it is used up is the last one.
    pub fuel: u64,
}

impl Rig {
    /// Runs the program that was planned last on engine `i`, and what it does from step `first` on again and again on the same heap, without judging it: at most
    /// so often, until `is_enough` says so after a round, or until a round does not come to its end. What is done again must leave all frames that it enters,
    /// and no root slot more than it found.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn rounds(
        &mut self,
        i: usize,
        first: u32,
        most: Most,
        is_enough: impl Fn(&Course) -> bool,
    ) -> Result<Course, EngineError> {
        let _turn = self.turn();
        self.reached.forget();
        self.tape.encode(self.model.plan());
        let description = &self.prepared.runtime.description;
        let [heap_end, collections] = [Role::HeapEnd, Role::Collections].map(|role| description.index_of(role));
        let tells_live = description.module.as_ref().is_some_and(|module| module.heap.live_bytes.is_some());
        let resident = &mut self.residents[i];
        let mut course = Course::default();
        let mut globals = Vec::new();
        resident.begin(&self.tape)?;
        let fuel = retry_fuel(&self.model, resident.heap().len());
        let end = resident.advance(first, fuel)?;
        if end != End::Finished {
            course.end = Some(end);
            return Ok(course);
        }
        let mark = resident.mark();
        while course.rounds() < most.rounds && resident.fuel_used() < most.fuel {
            let fuel = retry_fuel(&self.model, resident.heap().len());
            let end = resident.advance(self.tape.steps(), fuel)?;
            if end != End::Finished {
                course.end = Some(end);
                break;
            }
            course.pages.push(resident.pages());
            if heap_end.is_some() || collections.is_some() {
                resident.read_globals(&mut globals);
            }
            course.heap_end.extend(heap_end.and_then(|index| globals.get(index)));
            course.collections.extend(collections.and_then(|index| globals.get(index)));
            if tells_live {
                course.live.extend(resident.live_bytes(fuel)?);
            }
            if is_enough(&course) {
                break;
            }
            resident.go_back(mark);
        }
        Ok(course)
    }
}
