//! The store from outside.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

mod associative;
mod concurrency;
mod errors;
mod explain;
mod kill;
mod kill_change;
mod model;
mod past;
mod query;
mod sites;
mod snippets;
mod standing;
mod support;
mod sync;
mod texts;
mod update;
mod vectors;
