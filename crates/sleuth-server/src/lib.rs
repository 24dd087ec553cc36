//! Serves stores and tasks to programs that train, measure or ask: over HTTP, WebSocket and MCP.

mod admission;
mod app;
mod door;
mod error;
mod log;
mod options;
mod refused;
mod retrieval;
mod routes;
mod served;
mod server;

pub use error::ServerError;
pub use options::{Limits, Options};
pub use server::{Running, Server};
