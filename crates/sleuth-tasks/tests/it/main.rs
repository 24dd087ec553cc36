//! The crate's face.

mod degrade;
mod environment;
mod lines;
mod rollouts;
mod support;
