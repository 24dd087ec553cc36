//! The crate's face.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod check;
mod import;
mod judge;
mod reward;
mod sample;
mod verify;
mod degrade;
mod environment;
mod lines;
mod rollouts;
mod support;
