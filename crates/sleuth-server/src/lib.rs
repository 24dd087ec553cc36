//! Serves stores to programs that train, measure or ask: over HTTP and MCP, all on one port.
//!
//! | address | keys of the request | who speaks it | where |
//! |---|---|---|---|
//! | `POST /retrieve` | `queries`, `topk`, `return_scores` | Search-R1, verl, SkyRL-agent, agent-lightning; slime, torchtitan, ASearcher | `retrieval/retrieve.rs` |
//! | `POST /retrieve` | `query`, `topk` | SkyRL (skyrl-gym) | same |
//! | `POST /retrieve` | `query`, `top_k` or `k` | rLLM | same |
//! | `POST /retrieve` | `query` alone | BrowseComp-Plus | same |
//! | `POST /search` | `query`, `top_n`, `return_score` | ReSearch, ReCall (FlashRAG) | `retrieval/search.rs` |
//! | `POST /search` | `query`, `topn`, `limit` or nothing else | OpenResearcher, LiteResearcher | same |
//! | `POST /search` | `query` or `queries`, `n_docs` | massive-serve (DR Tulu) | same |
//! | `POST /search` | `q`, `num` | Serper | same |
//! | `POST /batch_search` | `query` as a list; `queries` | ReSearch; LiteResearcher | same |
//! | `POST /queries` | `queries`, `k` | R1-Searcher | same |
//! | `POST /access` | `urls` | ASearcher | `retrieval/read.rs` |
//! | `POST /get_content`, `/web_parser`, `/check_url`, `/batch_check_url` | `url`, `urls` | OpenResearcher, LiteResearcher | same |
//! | `POST /tool`, `/` | `session_id`, `name`, `arguments` | DeepDive, CaRR | `retrieval/tool.rs` |
//! | `WS /ws`; `POST /reset`, `/step`; `GET /state`, `/metadata`, `/schema`, … | `action` | OpenEnv | `rl/openenv.rs`, `rl/socket.rs` |
//! | `POST /start`, `/reset`, `/step`, `/close`, …; `GET /info` | `env_id` | aviary | `rl/aviary.rs` |
//! | `/mcp` | JSON-RPC | MCP, both eras | `mcp.rs` |
//! | `GET /d/ID` | – | people, and whoever follows an address | `retrieval/page.rs` |
//! | `GET /`, `/health`, `/stats` | – | everybody | `routes.rs` |
//!
//! The first store is the default; each is also below `/stores/NAME`, with all these addresses. Whatever
//! is answered says in its headers which snapshot of the documents (`x-sleuth-snapshot`), which way of
//! searching (`x-sleuth-retrieval`) and which quality of the tool (`x-sleuth-quality`) it comes from, and
//! in its body too where the dialect has room. Every error is JSON: `{"error": {"code", "message"}}`.
//!
//! A server listens on this machine alone unless it is told otherwise and has a token; see
//! [`Options`]. What it does at once, and how much it holds, is bounded; see [`Limits`]. It fetches
//! nothing from anywhere.
//!
//! ```
//! # use sleuth_index::{MemorySource, Store, SyncOptions, sync};
//! # use sleuth_records::{Document, DocumentId};
//! use std::io::{Read as _, Write as _};
//! use sleuth_server::{Options, Server};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("store");
//! # let source = MemorySource::new([
//! #     Document::new(DocumentId::new("a"), "Fox", "The quick brown fox."),
//! # ]);
//! # sync(&path, &source, &SyncOptions::default(), &|_| (), &|| false)?;
//! let store = Store::open(&path)?;
//! let options = Options { bind: "127.0.0.1:0".parse()?, ..Options::default() };
//! let running = Server::new([("foxes".to_owned(), store)], options)?.start()?;
//! let mut stream = std::net::TcpStream::connect(running.address())?;
//! let body = r#"{"queries": ["brown foxes"], "topk": 1, "return_scores": true}"#;
//! write!(
//!     stream,
//!     "POST /retrieve HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
//!     body.len()
//! )?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer)?;
//! assert!(answer.contains(r#""contents":"\"Fox\"\nThe quick brown fox.""#));
//! running.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admission;
mod answer;
mod app;
mod door;
mod error;
mod log;
mod mcp;
mod options;
mod paced;
mod refused;
mod retrieval;
mod rl;
mod routes;
mod served;
mod server;

pub use error::ServerError;
pub use options::{Limits, Options};
pub use rl::{Environments, ServedTasks};
pub use server::{Running, Server};
