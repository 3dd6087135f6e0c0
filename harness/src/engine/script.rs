//! Runs `.wast` scripts of the kind that [`crate::lower::wast`] writes, on any engine.
//!
//! Understood: modules, `register`, `invoke`, `assert_return` and `assert_trap` of invocations of the last module with i32 values.
//! Anything else is a [`ScriptError::Unsupported`], never skipped.

use super::{Engine, EngineError, Instance};
use crate::outcome::End;
use wast::core::{WastArgCore, WastRetCore};
use wast::parser::{ParseBuffer, parse};
use wast::{Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

/// What a script did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptReport {
    /// Invocations and assertions that were executed, the failing one included.
    pub executed: usize,
    /// The first that failed; nothing was executed after it.
    pub failure: Option<ScriptFailure>,
}

/// A directive that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFailure {
    /// Its line, from 1.
    pub line: usize,
    /// Its text up to the end of the line.
    pub directive: String,
    /// What it asks for.
    pub expected: String,
    /// What happened.
    pub found: String,
}

/// A script that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It is no script.
    #[error("expected a .wast script, found: {0}")]
    Parse(#[from] wast::Error),
    /// It uses more of the script language than we do.
    #[error(
        "line {line}: expected module, register, invoke, assert_return or assert_trap of the last module with i32 values; found {found}"
    )]
    Unsupported {
        /// Where, from 1.
        line: usize,
        /// What it is.
        found: &'static str,
    },
    /// The engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Runs a script; each invocation gets this much fuel.
///
/// # Errors
/// If it is no script that we understand, or if the engine does not take its modules.
pub fn run_script(engine: &dyn Engine, text: &str, fuel: u64) -> Result<ScriptReport, ScriptError> {
    let buffer = ParseBuffer::new(text)?;
    let script = parse::<Wast<'_>>(&buffer)?;
    let mut runner = Runner { engine, text, fuel, modules: Vec::new(), instance: None };
    let mut executed = 0;
    for directive in script.directives {
        let (line, column) = directive.span().linecol_in(text);
        let unsupported = |found| ScriptError::Unsupported { line: line + 1, found };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the enum is the wast crate's; what we do not run is refused"
        )]
        let (expected, found) = match directive {
            WastDirective::Module(mut module) => {
                let id = module.name().map(|id| id.name().to_owned());
                let name = id.clone().unwrap_or_default();
                runner.modules.push(Part { id, name, bytes: module.encode()? });
                runner.instance = None;
                continue;
            }
            WastDirective::Register { name, module, .. } => {
                let id = module.map(|id| id.name().to_owned());
                let part = runner.modules.iter_mut().rev().find(|part| id.is_none() || part.id == id);
                part.ok_or_else(|| unsupported("the name of no module"))?.name = name.to_owned();
                continue;
            }
            WastDirective::Invoke(invoke) => (Expected::Finish, runner.invoke(&invoke)?),
            WastDirective::AssertReturn { exec: WastExecute::Invoke(invoke), results, .. } => {
                let results = results.iter().map(result).collect::<Option<_>>();
                let results = results.ok_or_else(|| unsupported("a result that is no i32"))?;
                (Expected::Return(results), runner.invoke(&invoke)?)
            }
            WastDirective::AssertTrap { exec: WastExecute::Invoke(invoke), message, .. } => {
                (Expected::Trap(message.to_owned()), runner.invoke(&invoke)?)
            }
            _ => return Err(unsupported("another directive")),
        };
        executed += 1;
        if !expected.is_met_by(&found) {
            let from = text.lines().nth(line).unwrap_or_default();
            let start = from.get(..column).and_then(|before| before.rfind('(')).unwrap_or(0);
            let directive = from.get(start..).unwrap_or(from).to_owned();
            let failure =
                ScriptFailure { line: line + 1, directive, expected: expected.describe(), found: describe(&found) };
            return Ok(ScriptReport { executed, failure: Some(failure) });
        }
    }
    Ok(ScriptReport { executed, failure: None })
}

struct Part {
    /// The identifier in the script.
    id: Option<String>,
    /// The name that later modules import from.
    name: String,
    bytes: Vec<u8>,
}

struct Runner<'a> {
    engine: &'a dyn Engine,
    text: &'a str,
    fuel: u64,
    modules: Vec<Part>,
    instance: Option<Box<dyn Instance>>,
}

type Invocation = Result<Vec<i32>, End>;

impl Runner<'_> {
    /// Invokes an export of the last module; the first time, compiles and instantiates all of them.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Invocation, ScriptError> {
        let line = invoke.span.linecol_in(self.text).0 + 1;
        let unsupported = |found| ScriptError::Unsupported { line, found };
        let last = self.modules.last().ok_or_else(|| unsupported("an invocation before any module"))?;
        if invoke.module.is_some_and(|id| Some(id.name()) != last.id.as_deref()) {
            return Err(unsupported("an invocation of another module than the last"));
        }
        let args = invoke.args.iter().map(argument).collect::<Option<Vec<_>>>();
        let args = args.ok_or_else(|| unsupported("an argument that is no i32"))?;
        let instance = match &mut self.instance {
            Some(instance) => instance,
            none => {
                let group: Vec<_> =
                    self.modules.iter().map(|part| (part.name.as_str(), part.bytes.as_slice())).collect();
                none.insert(self.engine.compile(&group, &[])?.instantiate()?)
            }
        };
        Ok(instance.invoke(invoke.name, &args, self.fuel)?)
    }
}

fn argument(arg: &WastArg<'_>) -> Option<i32> {
    if let WastArg::Core(WastArgCore::I32(value)) = arg { Some(*value) } else { None }
}

fn result(ret: &WastRet<'_>) -> Option<i32> {
    if let WastRet::Core(WastRetCore::I32(value)) = ret { Some(*value) } else { None }
}

enum Expected {
    Finish,
    Return(Vec<i32>),
    Trap(String),
}

impl Expected {
    fn is_met_by(&self, found: &Invocation) -> bool {
        match (self, found) {
            (Self::Finish, found) => found.is_ok(),
            (Self::Return(expected), found) => found.as_ref() == Ok(expected),
            // As in the specification's own runner, an engine may say more than the script asks for.
            (Self::Trap(expected), Err(End::Trapped(trap))) => trap.name() == expected,
            (Self::Trap(_), Ok(_) | Err(End::Finished | End::OutOfFuel)) => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Finish => "to return".to_owned(),
            Self::Return(values) => describe(&Ok(values.clone())),
            Self::Trap(message) => format!("the trap \"{message}\""),
        }
    }
}

fn describe(found: &Invocation) -> String {
    match found {
        Ok(values) if values.is_empty() => "a return".to_owned(),
        Ok(values) => {
            let words: Vec<String> = values.iter().map(|value| format!("{:#x}", value.cast_unsigned())).collect();
            format!("a return of {}", words.join(" "))
        }
        Err(End::Finished) => "a return".to_owned(),
        Err(End::Trapped(trap)) => format!("the trap \"{}\"", trap.name()),
        Err(End::OutOfFuel) => "no end within the fuel".to_owned(),
    }
}
