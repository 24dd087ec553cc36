//! The only door to language models.
//!
//! Callers see [`LanguageModel`]: hand over a conversation and the tools that may be called, get
//! one message back with its token counts. Behind it stand an embedded engine for GGUF files and a
//! client for OpenAI-compatible servers; a scripted and a replaying model take the same place.
//!
//! The crate decides nothing about searching: prompts, tools and stop rules belong to the agent. It
//! prints nothing and reads no environment; paths, addresses and keys are passed in.
//!
//! ```no_run
//! use sleuth_lm::{Embedded, EmbeddedOptions, LanguageModel, Request, ToolChoice};
//! use sleuth_records::{Message, Role};
//!
//! let mut model = Embedded::load("models/tiny.gguf".as_ref(), &EmbeddedOptions::default())?;
//! let messages = [Message::text(Role::User, "Which river does the Aln bridge cross?")];
//! let request = Request {
//!     messages: &messages,
//!     tools: &[],
//!     choice: ToolChoice::Text,
//!     max_tokens: 64,
//!     temperature: 0.0,
//!     seed: 0,
//! };
//! let reply = model.complete(&request, &|| false)?;
//! assert!(reply.tokens.completion_tokens <= 64);
//! # Ok::<(), sleuth_lm::LmError>(())
//! ```
//!
//! * [`Embedded`] runs a GGUF file in this process, [`Remote`] asks a server, [`Scripted`] and
//!   [`Replay`] compute nothing.
//! * [`Shelf`] gets and lists the models known by tier; [`GgufHeader`] reads a file without loading
//!   it; [`PriceTable`] knows what remote models cost.
//! * [`measure`] times a model on this machine, [`probe`] finds out whether it can call a tool.

mod chatml;
mod embed;
mod embedded;
mod encoder;
mod engine;
mod gguf;
mod gguf_write;
mod grammar;
mod http;
mod measure;
mod minilm;
mod model;
mod models;
mod prices;
mod remote;
mod replay;
mod sampling;
mod static_vectors;
mod wordpiece;

pub use embed::{EmbedderOptions, TextEmbedder};
pub use embedded::{Embedded, EmbeddedOptions};
pub use gguf::{GgufError, GgufHeader};
pub use measure::{EmbedSpeed, Probe, Speed, measure, measure_embedder, probe};
pub use minilm::write_minilm;
pub use model::{
    Cancel, LanguageModel, LmError, ModelInfo, Price, Reply, Request, Tier, ToolChoice,
};
pub use models::{
    KNOWN_MODELS, KnownModel, Phase, Progress, Shelf, ShelfEntry, ShelfError, Wheels,
};
pub use prices::{Listing, PriceError, PriceTable};
pub use remote::{Remote, RemoteOptions};
pub use replay::{Replay, Scripted, Seen, SeenRequest, request_digest};
