//! The crate's face.

mod check;
mod import;
mod judge;
mod lines;
mod reward;
mod sample;
mod verify;
