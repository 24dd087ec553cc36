//! What can be set of a server.

use std::fmt;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sleuth_agent::{Clock, SystemClock};
use sleuth_index::Parts;
use sleuth_tasks::Quality;

use crate::rl::Environments;

/// How a server listens, whom it lets in, and how it searches.
pub struct Options {
    /// Where to listen. Port 0 takes any that is free. An address that others than this machine can
    /// reach takes a token.
    pub bind: SocketAddr,
    /// What clients have to show as `Authorization: Bearer TOKEN`, or as `X-API-Key`; `None` lets
    /// everybody in.
    pub token: Option<String>,
    /// Further names of this machine that clients may call it by, without port.
    pub hosts: Vec<String>,
    /// What searches go by.
    pub parts: Parts,
    /// How good the tool is.
    pub quality: Quality,
    /// Seed of whatever the quality needs at random.
    pub seed: u64,
    /// How long a timeout that is made on purpose takes before it is told.
    pub stall: Duration,
    /// What a server has to bear.
    pub limits: Limits,
    /// Tasks for those who train and measure; `None` serves searches alone.
    pub environments: Option<Environments>,
    /// Where the log of what clients did goes.
    pub log: Option<Box<dyn Write + Send>>,
    /// The clock of the log.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            token: None,
            hosts: Vec::new(),
            parts: Parts::ALL,
            quality: Quality::Good,
            seed: 0,
            stall: Duration::from_secs(5),
            limits: Limits::default(),
            environments: None,
            log: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for Options {
    // The token is no one's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("bind", &self.bind)
            .field("quality", &self.quality)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What a server has to bear. Whatever is above is refused, so that memory stays bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones wait in the queue of the system.
    pub connections: usize,
    /// Bytes of one body.
    pub body: usize,
    /// Bytes of all bodies that are being received or answered.
    pub bodies: usize,
    /// Bytes of one query.
    pub query: usize,
    /// Queries of one request.
    pub queries: usize,
    /// Documents for one query.
    pub k: usize,
    /// Documents for all queries of one request together: queries times documents for each.
    pub hits: usize,
    /// Bytes of all answers of more than 64 KiB that their clients have not taken yet.
    pub answers: usize,
    /// Searches that run at once; 0 is one for each core.
    pub running: usize,
    /// Requests that may wait for their turn.
    pub waiting: usize,
    /// How long they may.
    pub longest_wait: Duration,
    /// How long a client may take to send a request, head and body each, and how long it may leave an
    /// answer without reading on.
    pub slowest: Duration,
    /// Sessions that are kept at once, of each protocol that has some.
    pub sessions: usize,
    /// How long a session is kept that nobody uses.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            body: 4 << 20,
            bodies: 64 << 20,
            query: 32 << 10,
            queries: 8192,
            k: 1000,
            hits: 100_000,
            answers: 256 << 20,
            running: 0,
            waiting: 1024,
            longest_wait: Duration::from_secs(10),
            slowest: Duration::from_secs(60),
            sessions: 16_384,
            idle: Duration::from_secs(600),
        }
    }
}
