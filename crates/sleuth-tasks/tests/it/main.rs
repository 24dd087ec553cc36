//! The crate's face.

mod lines;
mod make;
