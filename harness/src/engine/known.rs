//! The engines there are: what each is, and how it starts.

use super::{Backtrace, Engine, EngineError, Lowering, Tier, UnknownEngine, V8, Wasmi, Wasmi1, Wasmtime};
use std::sync::OnceLock;

/// An engine that this harness knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Known {
    /// wasmtime with Cranelift.
    Wasmtime,
    /// wasmi 2.0.0.
    Wasmi,
    /// wasmtime with Cranelift's bytecode for Pulley.
    Pulley,
    /// wasmi 1.0.9.
    Wasmi1,
    /// wasmtime with Winch.
    Winch,
    /// V8 in a node process.
    V8,
}

impl Known {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Wasmtime, Self::Wasmi, Self::Pulley, Self::Wasmi1, Self::Winch, Self::V8];

    /// Those that decide between others, in the order in which they are asked: Winch, because it shares no code generator with Cranelift;
    /// wasmi 1.0.9, because it shares no code with wasmtime; Pulley after both, because its bytecode comes out of Cranelift, so that it only
    /// tells a bug of a back end. V8 is not asked: it may not be there, and a decision must not depend on that.
    pub const ADJUDICATORS: [Self; 5] = [Self::Winch, Self::Wasmi1, Self::Pulley, Self::Wasmtime, Self::Wasmi];

    /// Those that keep a collector between programs.
    pub fn residents() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|known| known.lowering() == Lowering::Resident)
    }

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::Wasmi => "wasmi",
            Self::Pulley => "pulley",
            Self::Wasmi1 => "wasmi1",
            Self::Winch => "winch",
            Self::V8 => "v8",
        }
    }

    /// How it runs WebAssembly.
    #[must_use]
    pub const fn tier(self) -> &'static str {
        match self {
            Self::Wasmtime => "optimising compiler (Cranelift)",
            Self::Wasmi | Self::Wasmi1 => "interpreter",
            Self::Pulley => "interpreter of compiled bytecode (wasmtime's Pulley)",
            Self::Winch => "one-pass compiler (wasmtime's Winch)",
            Self::V8 => "one-pass, then optimising compiler (V8 in a node process)",
        }
    }

    /// Which translation of WebAssembly it has: engines of one family can share a bug, and have one vote together.
    #[must_use]
    pub const fn family(self) -> &'static str {
        match self {
            Self::Wasmtime | Self::Pulley => "cranelift",
            Self::Winch => "winch",
            Self::Wasmi => "wasmi",
            Self::Wasmi1 => "wasmi1",
            Self::V8 => "v8",
        }
    }

    /// Which lowering campaigns run on it.
    #[must_use]
    pub const fn lowering(self) -> Lowering {
        match self {
            Self::Wasmtime | Self::Wasmi | Self::Pulley | Self::Wasmi1 | Self::Winch => Lowering::Resident,
            Self::V8 => Lowering::Standalone,
        }
    }

    /// The engine of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(name: &str) -> Result<Self, UnknownEngine> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| UnknownEngine::Name { name: name.to_owned(), nearest: nearest(name) })
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`EngineError::Start`].
    pub fn open(self, backtrace: Backtrace) -> Result<Box<dyn Engine>, EngineError> {
        Ok(match self {
            Self::Wasmtime => Box::new(Wasmtime::with(Tier::Cranelift, backtrace)?),
            Self::Winch => Box::new(Wasmtime::with(Tier::Winch, backtrace)?),
            Self::Pulley => Box::new(Wasmtime::with(Tier::Pulley, backtrace)?),
            Self::Wasmi => Box::new(Wasmi::new()),
            Self::Wasmi1 => Box::new(Wasmi1::new()),
            Self::V8 => Box::new(V8::new()?),
        })
    }

    /// The engine of this process that decides between others, without backtraces; started when it is first asked for.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn shared(self) -> Result<&'static dyn Engine, &'static EngineError> {
        static SHARED: [OnceLock<Result<Box<dyn Engine>, EngineError>>; Known::ALL.len()] =
            [const { OnceLock::new() }; Known::ALL.len()];
        SHARED[self as usize].get_or_init(|| self.open(Backtrace::Off)).as_ref().map(Box::as_ref)
    }
}

/// The names of [`Known::ALL`], as a person reads them.
#[must_use]
pub fn names() -> String {
    let names = Known::ALL.map(Known::name);
    let (last, others) = names.split_last().expect("there are engines");
    format!("{} and {last}", others.join(", "))
}

fn nearest(name: &str) -> Option<&'static str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, name);
    Known::ALL.map(Known::name).into_iter().min_by_key(distance).filter(|known| distance(known) <= 3)
}
