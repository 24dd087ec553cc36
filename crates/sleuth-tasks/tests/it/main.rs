//! The crate's face.

mod environment;
mod lines;
mod rollouts;
mod support;
