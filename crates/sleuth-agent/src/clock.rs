//! Clocks that can be replaced.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that moves on by a fixed step each time it is read: for tests.
#[derive(Debug)]
pub struct StepClock {
    now: AtomicU64,
    step: u64,
}

impl StepClock {
    /// A clock at `start` milliseconds that moves by `step` with each reading.
    pub fn new(start: u64, step: u64) -> Self {
        Self { now: AtomicU64::new(start), step }
    }
}

impl Clock for StepClock {
    fn now_ms(&self) -> u64 {
        self.now.fetch_add(self.step, Ordering::Relaxed)
    }
}
