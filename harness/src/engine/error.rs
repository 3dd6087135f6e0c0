//! What can go wrong with an engine that is neither a finished run, nor a trap, nor a lack of fuel.

/// An engine could not do what it was asked. This is never a verdict on a collector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// An engine that does not start here.
    #[error("{engine} does not start here: {message}")]
    Start {
        /// The engine.
        engine: &'static str,
        /// What it said, and what to do.
        message: String,
    },
    /// WebAssembly text that does not assemble.
    #[error("expected valid WebAssembly text, found: {0}")]
    Text(#[from] wat::Error),
    /// A module that the engine does not accept.
    #[error("{engine}: module `{module}` does not compile: {message}")]
    Compile {
        /// The engine.
        engine: &'static str,
        /// The module's name in its group.
        module: String,
        /// What the engine said.
        message: String,
    },
    /// A module that cannot be made to count its edges.
    #[error(transparent)]
    Instrument(#[from] crate::coverage::instrument::InstrumentError),
    /// A group of modules that cannot be linked.
    #[error(
        "{engine}: module `{module}` imports `{import}`, which no earlier module of the group exports; put its provider before it"
    )]
    Import {
        /// The engine.
        engine: &'static str,
        /// The module's name in its group.
        module: String,
        /// Module and field of the import.
        import: String,
    },
    /// A group of modules that cannot be instantiated, such as by a data segment out of bounds.
    #[error("{engine}: cannot instantiate: {message}")]
    Instantiate {
        /// The engine.
        engine: &'static str,
        /// What the engine said.
        message: String,
    },
    /// The main module lacks an export.
    #[error("{engine}: expected export `{export}` to be {expected}; the main module has none such")]
    Export {
        /// The engine.
        engine: &'static str,
        /// The export.
        export: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A call that ended in a way that core WebAssembly does not have: the system is out of memory, a limit of the host, a trap of another
    /// proposal. The state of the instance is unspecified; discard it.
    #[error("{engine}: the call ended in a way that core WebAssembly does not have: {message}")]
    Abnormal {
        /// The engine.
        engine: &'static str,
        /// What the engine said.
        message: String,
    },
    /// A call that was killed because its time was over, on an engine without fuel.
    #[error("{engine}: killed after {seconds} s; a program that takes so long is no fact about anything")]
    Killed {
        /// The engine.
        engine: &'static str,
        /// Its time.
        seconds: u64,
    },
    /// Engines in the wrong order.
    #[error(
        "expected an engine that keeps a collector between programs before `{engine}`, which runs single programs only; put such as \
         wasmtime first"
    )]
    Order {
        /// The engine.
        engine: &'static str,
    },
    /// The mutator's memory cannot be made large enough.
    #[error("{engine}: the mutator's memory must have {bytes} bytes and cannot grow to that; use a smaller program")]
    Memory {
        /// The engine.
        engine: &'static str,
        /// Bytes that it must have.
        bytes: u64,
    },
}

/// No engine has this name.
#[derive(Debug, thiserror::Error)]
pub enum UnknownEngine {
    /// The name is not one of ours.
    #[error("no engine is called `{name}`; there are {}{}", super::names(), hint(.nearest))]
    Name {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// It exists, but does not start here.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
