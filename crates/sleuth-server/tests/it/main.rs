//! What a client sees of the server.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]
#![expect(clippy::needless_pass_by_value, reason = "values made in the call read better")]

mod client;
mod dialects;
mod door;
mod json;
mod limits;
mod load;
mod mcp;
mod quality;
mod reading;
mod rl;
