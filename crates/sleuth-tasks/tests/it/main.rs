//! The crate's face.

mod lines;
