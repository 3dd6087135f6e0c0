//! Engines that run the standalone lowering only: each program is compiled for them, so they are heard where it is worth it.

use super::adjudicate::{Answer, Voice};
use crate::engine::session::run_standalone;
use crate::engine::{Engine, EngineError};
use crate::judge::Inconclusive;
use crate::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::runtime::Runtime;
use std::sync::Arc;

/// On which programs engines that run the standalone lowering only take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// On none, unless the others disagree.
    None,
    /// On those with less work than this.
    Below(u64),
    /// On all.
    All,
}

/// One such engine, and what it said of the last program.
pub(super) struct Alone {
    engine: Arc<dyn Engine>,
    heard: Heard,
}

/// What it said.
enum Heard {
    /// It was not asked.
    Nothing,
    /// It ran the plan.
    Answer(Answer),
    /// It did not.
    Failure(Inconclusive),
}

impl Alone {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, heard: Heard::Nothing }
    }

    /// A new program begins.
    pub(super) fn forget(&mut self) {
        self.heard = Heard::Nothing;
    }

    /// Runs a plan, once a program.
    pub(super) fn hear(&mut self, runtime: &Runtime, plan: &Plan, fuel: u64) {
        if !matches!(self.heard, Heard::Nothing) {
            return;
        }
        self.heard = match run_standalone(self.engine.as_ref(), runtime, plan, fuel) {
            Ok((outcome, _)) if outcome.end == End::OutOfFuel => Heard::Failure(Inconclusive::FuelOnOneEngine),
            Ok(answer) => Heard::Answer(answer),
            Err(EngineError::Killed { .. }) => Heard::Failure(Inconclusive::EngineKilled),
            Err(_) => Heard::Failure(Inconclusive::EngineFailed),
        };
    }

    pub(super) fn name(&self) -> &'static str {
        self.engine.name()
    }

    /// What it said of the last program, if it ran it.
    pub(super) fn answer(&self) -> Option<(&Outcome, &[u8])> {
        match &self.heard {
            Heard::Answer((outcome, heap)) => Some((outcome, heap)),
            Heard::Nothing | Heard::Failure(_) => None,
        }
    }

    /// [`Self::answer`] as a voice.
    pub(super) fn voice(&self) -> Option<Voice<'_>> {
        self.answer().map(|(outcome, heap)| Voice { name: self.engine.name(), outcome, heap })
    }

    /// Why it could not run the last program, if it was asked and could not.
    pub(super) fn failure(&self) -> Option<Inconclusive> {
        match self.heard {
            Heard::Failure(reason) => Some(reason),
            Heard::Nothing | Heard::Answer(_) => None,
        }
    }
}
