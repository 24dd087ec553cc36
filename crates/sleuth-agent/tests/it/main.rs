//! The agent from outside, with models that follow a script.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the events it is about and passes over the others"
)]

mod blind;
mod episode;
mod injection;
mod interrupt;
mod prompts;
mod quotes;
mod replay;
mod stops;
mod support;
mod trail;
