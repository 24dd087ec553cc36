//! The face of the crate, from outside.

mod embedded;
mod models;
mod remote;
