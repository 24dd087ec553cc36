//! What a client sees of the server.

mod client;
mod dialects;
mod door;
mod json;
mod load;
mod mcp;
mod quality;
mod reading;
