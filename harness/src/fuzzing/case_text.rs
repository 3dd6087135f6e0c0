//! The parser of cases never panics, and what it reads comes back from what is printed.

use super::{Body, Failure, Ran, SetupError};
use heapsmith_generators::parse;

/// Texts of cases; no collector is run.
#[derive(Debug, Clone, Copy)]
pub struct CaseText;

impl Body for CaseText {
    const NAME: &'static str = "case_text";

    fn new(_: &str) -> Result<Self, SetupError> {
        Ok(Self)
    }

    fn run(&mut self, input: &[u8]) -> Result<Ran, Failure> {
        let text = String::from_utf8_lossy(input);
        let program = match parse(&text) {
            Ok(program) => program,
            // Its message must be possible to print, and must not be empty.
            Err(e) if e.to_string().trim().is_empty() => return Err(failure("a message", "an empty one", &text)),
            Err(_) => return Ok(Ran::Judged),
        };
        let printed = program.to_string();
        match parse(&printed) {
            Ok(again) if again == program && again.to_string() == printed => Ok(Ran::Judged),
            Ok(again) => Err(failure(&printed, &again.to_string(), &text)),
            Err(e) => Err(failure("what was printed to be read", &e.to_string(), &text)),
        }
    }
}

fn failure(expected: &str, found: &str, text: &str) -> Failure {
    Failure(format!("case text: expected {expected}\nfound {found}\nin the text below\n\n{text}"))
}
