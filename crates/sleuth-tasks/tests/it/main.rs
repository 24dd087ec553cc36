//! The crate's face.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod check;
mod degrade;
mod environment;
mod import;
mod judge;
mod lines;
mod make;
mod reward;
mod rollouts;
mod sample;
mod support;
mod verify;
