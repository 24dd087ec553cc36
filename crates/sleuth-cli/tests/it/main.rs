//! The real binary in a folder of its own: exit codes and both streams.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod ask;
mod bad_input;
mod commands;
mod episodes;
mod eval;
mod explain;
mod interrupt;
mod place;
mod quality;
mod readers;
mod rollout;
mod serve;
mod servers;
mod sites;
mod tasks;
mod tasks_make;
mod update;
