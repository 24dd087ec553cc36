//! What must hold of readers and parsers whatever they are given.
//!
//! A [`Target`] is a function of bytes that panics where something does not hold. One definition serves
//! three drivers:
//!
//! * the tests of this crate run every target for a moment, on the same inputs each time;
//! * `cargo xtask fuzz` runs them for as long as one likes, and keeps an input that fails;
//! * `cargo fuzz` runs them guided by coverage, from the folder `fuzz`, which stands outside of the
//!   workspace since it needs a nightly compiler.
//!
//! The first two use [`fuzz`], which changes seeds without looking at what they reach. A panic, and an input
//! that takes longer than [`LONGEST`], is a [`Failure`].
//!
//! For tests only: nothing that is released depends on this crate.
#![expect(clippy::unwrap_used, reason = "a step that fails is a target that fails")]

mod driver;
mod mutate;
mod targets;

pub use driver::{Failure, LONGEST, Plan, Report, Until, fuzz, run_once};
pub use targets::{TARGETS, Target, target};
