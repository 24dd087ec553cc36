//! HTTP for callers that block: one connection pool, and waits that a cancel signal can end.
//!
//! A call runs on a small runtime of its own, on the caller's thread. Every wait is cut into short
//! ticks; at each the cancel signal is asked and the time without progress is counted. Dropping the
//! wait closes the connection, so a cancelled call also stops the server's work.

use std::{
    sync::Once,
    time::{Duration, Instant},
};

use crate::{Cancel, engine::with_cause};

/// How long a cancel signal may go unseen.
const TICK: Duration = Duration::from_millis(50);

/// Why a wait ended without its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The caller asked to stop.
    Cancelled,
    /// Nothing came for the allowed time.
    TimedOut,
}

/// A client with its runtime.
pub(crate) struct Http {
    runtime: tokio::runtime::Runtime,
    pub(crate) client: reqwest::Client,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpOptions {
    /// Longest wait for a connection.
    pub(crate) connect: Duration,
    /// Whether it never uses a proxy.
    pub(crate) direct: bool,
    /// Whether it follows redirects.
    pub(crate) redirects: bool,
    /// Whether it can speak TLS, which takes the system's certificates; a machine without any can
    /// still reach a server over plain HTTP.
    pub(crate) tls: bool,
}

impl Http {
    /// A client.
    pub(crate) fn new(options: HttpOptions) -> Result<Self, String> {
        static PROVIDER: Once = Once::new();
        // The result only says that another part of the program has chosen a provider before.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let redirects = match options.redirects {
            true => reqwest::redirect::Policy::limited(5),
            false => reqwest::redirect::Policy::none(),
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("sleuth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect)
            .redirect(redirects);
        if options.direct {
            builder = builder.no_proxy();
        }
        if !options.tls {
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|error| format!("the HTTP client cannot start: {}", with_cause(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the HTTP client cannot start: {error}"))?;
        Ok(Self { runtime, client })
    }

    /// Waits for `work` for at most `limit`.
    pub(crate) fn wait<T>(
        &self,
        limit: Duration,
        cancel: Cancel<'_>,
        work: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            let begun = Instant::now();
            loop {
                if cancel() {
                    return Err(Ended::Cancelled);
                }
                let Some(left) = limit.checked_sub(begun.elapsed()) else {
                    return Err(Ended::TimedOut);
                };
                if let Ok(done) = tokio::time::timeout(TICK.min(left), work.as_mut()).await {
                    return Ok(done);
                }
            }
        })
    }

    /// Lets `time` pass.
    pub(crate) fn pause(&self, time: Duration, cancel: Cancel<'_>) -> Result<(), Ended> {
        // The timer must be made inside the runtime, hence the block.
        let slack = Duration::from_secs(1);
        self.wait(time + slack, cancel, async move { tokio::time::sleep(time).await })
    }
}

/// What went wrong with a connection, without the address, which may hold a password.
pub(crate) fn reason(error: reqwest::Error) -> String {
    with_cause(&error.without_url())
}
