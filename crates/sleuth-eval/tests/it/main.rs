//! Measures and metrics by hand, published values, logs that collapse and logs that do not, errors,
//! and the recorded effectiveness of our own search.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod answers;
mod collapse;
mod compared;
mod curve;
mod effectiveness;
mod explanations;
mod export;
mod made;
mod matrix;
mod measures;
mod pages;
mod traces;
