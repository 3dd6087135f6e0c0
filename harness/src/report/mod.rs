//! Reports: a verdict in words and in JSON, and the folder of a finding.

mod account;
mod finding;
mod json;
mod script;

pub use account::Account;
pub use finding::{Written, folder_name, write_finding};
pub use json::{AccountJson, SCHEMA_VERSION};
pub use script::{Assertions, directives, finding_script, rounds_script};
