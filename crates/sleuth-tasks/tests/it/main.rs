//! The crate's face.

mod degrade;
mod lines;
