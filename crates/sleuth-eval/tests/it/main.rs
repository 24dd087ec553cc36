//! Measures by hand, errors, and the recorded effectiveness of our own search.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod effectiveness;
mod explanations;
mod measures;
