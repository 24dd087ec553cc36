//! The only door to language models.
//!
//! Callers see [`LanguageModel`]: hand over a conversation and the tools that may be called, get
//! one message back with its token counts. Behind it stand an embedded engine for GGUF files and a
//! client for OpenAI-compatible servers; a scripted and a replaying model take the same place.
//!
//! The crate decides nothing about searching: prompts, tools and stop rules belong to the agent.

mod chatml;
mod embedded;
mod engine;
mod gguf;
mod grammar;
mod http;
mod measure;
mod model;
mod models;
mod prices;
mod remote;
mod replay;
mod sampling;

pub use embedded::{Embedded, EmbeddedOptions};
pub use gguf::{GgufError, GgufHeader};
pub use measure::{Probe, Speed, measure, probe};
pub use model::{Cancel, LanguageModel, LmError, ModelInfo, Price, Reply, Request, Tier, ToolChoice};
pub use models::{
    KNOWN_MODELS, KnownModel, Phase, Progress, Shelf, ShelfEntry, ShelfError, Wheels,
};
pub use prices::{Listing, PriceError, PriceTable};
pub use remote::{Remote, RemoteOptions};
pub use replay::{Replay, Scripted, SeenRequest, request_digest};
