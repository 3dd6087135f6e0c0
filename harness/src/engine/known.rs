//! The engines there are: what each is, and how it starts.

use super::{Backtrace, Engine, EngineError, Lowering, Tier, UnknownEngine, Wasmi, Wasmi1, Wasmtime};

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
}

impl Known {
    /// All of them. Those behind the first two are in the order in which they are asked to decide between others: Pulley, because no
    /// machine code is involved; wasmi 1.0.9, because it shares no code with wasmtime; Winch, because it shares no code generator.
    pub const ALL: [Self; 5] = [Self::Wasmtime, Self::Wasmi, Self::Pulley, Self::Wasmi1, Self::Winch];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::Wasmi => "wasmi",
            Self::Pulley => "pulley",
            Self::Wasmi1 => "wasmi1",
            Self::Winch => "winch",
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
        }
    }

    /// Which lowering campaigns run on it.
    #[must_use]
    pub const fn lowering(self) -> Lowering {
        match self {
            Self::Wasmtime | Self::Wasmi | Self::Pulley | Self::Wasmi1 | Self::Winch => Lowering::Resident,
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
        })
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
