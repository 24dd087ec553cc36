//! What a client sees of the server.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod client;
mod dialects;
mod door;
mod json;
mod load;
mod mcp;
mod quality;
mod reading;
