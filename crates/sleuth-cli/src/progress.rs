//! What a person sees while waiting, on standard error.
//!
//! On a terminal one line that is drawn over; elsewhere plain lines, few of them: one for each phase
//! and one every few seconds within it.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::show::escape;

/// Pause between two plain lines of one phase.
const PLAIN_PAUSE: Duration = Duration::from_secs(5);

/// See the [module](self).
pub(crate) struct Progress {
    how: How,
    begun: Instant,
    last: Mutex<Instant>,
}

enum How {
    Quiet,
    Plain,
    Line(ProgressBar),
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let how = if quiet {
            How::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style.tick_chars("-\\|/ "));
            bar.enable_steady_tick(Duration::from_millis(120));
            How::Line(bar)
        } else {
            How::Plain
        };
        let now = Instant::now();
        Self { how, begun: now, last: Mutex::new(now) }
    }

    /// Seconds since the beginning.
    pub(crate) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// A new phase, or a new state of it that must not be missed.
    pub(crate) fn phase(&self, text: &str) {
        match &self.how {
            How::Quiet => {}
            How::Plain => self.line(text),
            How::Line(bar) => bar.set_message(escape(text)),
        }
    }

    /// The state within a phase; seen only now and then where lines are kept.
    pub(crate) fn state(&self, text: impl FnOnce() -> String) {
        match &self.how {
            How::Quiet => {}
            How::Plain => {
                let due = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
                if due >= PLAIN_PAUSE {
                    self.line(&text());
                }
            }
            How::Line(bar) => bar.set_message(escape(&text())),
        }
    }

    /// A line that stays.
    pub(crate) fn note(&self, text: &str) {
        match &self.how {
            How::Quiet => {}
            How::Plain => self.line(text),
            How::Line(bar) => bar.suspend(|| self.line(text)),
        }
    }

    /// Removes the line that is drawn over.
    pub(crate) fn end(&self) {
        if let How::Line(bar) = &self.how {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let _ = writeln!(std::io::stderr(), "{}", escape(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
