//! The face of the crate, from outside.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]
#![expect(clippy::print_stdout, reason = "a skipped test says so, and a measurement its figure")]

mod embed;
mod embedded;
mod models;
mod remote;
