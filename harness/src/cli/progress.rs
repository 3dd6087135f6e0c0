//! Progress on standard error: one calm line on a terminal, a plain line now and then elsewhere, nothing when asked to be quiet.

use super::complain;
use heapsmith::campaign::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the counters.
const TICK: Duration = Duration::from_millis(100);
/// Between two plain lines.
const LINE: Duration = Duration::from_secs(10);

/// One line that changes, where standard error is a terminal.
pub(crate) fn line() -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar
    })
}

/// Shows what `describe` says after so much time, again and again until `done`.
pub(crate) fn show(describe: impl Fn(Duration) -> String, done: &AtomicBool) {
    let bar = line();
    let started = Instant::now();
    let mut last = started;
    while !done.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        let text = describe(started.elapsed());
        match &bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            None if last.elapsed() >= LINE => {
                complain(&text);
                last = Instant::now();
            }
            None => {}
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// How far a campaign is.
pub(crate) fn of_campaign(title: &str, progress: &Progress, elapsed: Duration) -> String {
    let n = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (programs, violations, to_reduce) = (n(&progress.programs), n(&progress.violations), n(&progress.to_reduce));
    if to_reduce > 0 {
        return format!("{title}: {programs} programs; reducing violation {} of {to_reduce}", n(&progress.reduced));
    }
    let rate = programs as f64 / elapsed.as_secs_f64().max(0.001);
    let edges = match n(&progress.edges) {
        0 => String::new(),
        edges => format!("{edges} edges, "),
    };
    format!(
        "{title}: {} s, {programs} programs ({rate:.0}/s), {edges}worklist {} deep, {violations} violations",
        elapsed.as_secs(),
        n(&progress.worklist)
    )
}
