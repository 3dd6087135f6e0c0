//! Time that this thread spent on a processor: on a busy machine the only one that says what work costs.

use std::fs;
use std::time::{Duration, Instant};

/// What a clock counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nanoseconds on a processor of the calling thread (Linux).
    ThreadCpu,
    /// Time as it passes, where the other cannot be had.
    Wall,
}

impl Kind {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThreadCpu => "thread-cpu",
            Self::Wall => "wall",
        }
    }
}

/// A clock for the calling thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    kind: Kind,
    origin: Instant,
}

impl Clock {
    /// The best clock that this machine has.
    pub(super) fn new() -> Self {
        let kind = if on_processor().is_some() { Kind::ThreadCpu } else { Kind::Wall };
        Self { kind, origin: Instant::now() }
    }

    pub(super) const fn kind(self) -> Kind {
        self.kind
    }

    /// Seconds from any fixed point on.
    pub(super) fn now(self) -> f64 {
        match self.kind {
            Kind::ThreadCpu => on_processor().unwrap_or(0.0),
            Kind::Wall => self.origin.elapsed().as_secs_f64(),
        }
    }
}

/// Seconds on a processor, from the first number of `/proc/thread-self/schedstat`. The kernel brings it up to date when it switches
/// threads, so the thread sleeps for a moment.
fn on_processor() -> Option<f64> {
    std::thread::sleep(Duration::from_nanos(1));
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    (nanoseconds > 0).then(|| nanoseconds as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_on_a_processor_and_sleep_takes_none() {
        let clock = Clock::new();
        if clock.kind() == Kind::Wall {
            return;
        }
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(50));
        let slept = clock.now() - start;
        let wall = Instant::now();
        while wall.elapsed() < Duration::from_millis(20) || clock.now() - start - slept < 0.005 {
            std::hint::black_box((0..10_000_u64).sum::<u64>());
        }
        assert!(slept < 0.025, "{slept}");
    }
}
