//! The `sleuth` command: flags, configuration, printing, exit codes.
//!
//! The one crate that prints, reads the environment and exits. Everything that it does for a person
//! is a call into another crate; what is its own is how that looks.

pub mod ingest;
