//! The command-line program `heapsmith`.

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // What runs here runs collectors, too.
    std::thread::scope(|scope| {
        let large =
            std::thread::Builder::new().stack_size(heapsmith::campaign::STACK).spawn_scoped(scope, || cli.run());
        match large.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(code)) => code,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => cli::Cli::parse().run(),
        }
    })
}
