//! What all requests share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, StatusCode};
use sleuth_agent::Clock;
use sleuth_tasks::{Fault, Quality};
use tokio::sync::Semaphore;

use crate::admission::{Admission, Length};
use crate::answer::Answers;
use crate::door::Door;
use crate::log::{Line, Log};
use crate::options::Limits;
use crate::refused::Refused;
use crate::retrieval::Rooms;
use crate::rl::Sessions;
use crate::served::{Found, Served};

/// Queries that one thread takes on at a time.
const CHUNK: usize = 16;

/// See the [module](self).
pub(crate) struct App {
    /// At least one; the first is the default.
    pub(crate) stores: Vec<Arc<Served>>,
    pub(crate) door: Door,
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    /// A permit for each KiB of the bodies that are being received or answered.
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) answers: Answers,
    /// A permit for each connection.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) quality: Quality,
    pub(crate) quality_header: HeaderValue,
    pub(crate) stall: Duration,
    pub(crate) environments: Option<Arc<Sessions>>,
    pub(crate) log: Option<Log>,
    /// Sessions of the tool server's dialect.
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Instant,
    pub(crate) counts: Counts,
}

/// What was done so far.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) searches: AtomicU64,
    pub(crate) faults: AtomicU64,
}

/// One request: what is known of it beside its body.
pub(crate) struct Call {
    pub(crate) store: Arc<Served>,
    /// Address of that store as the client knows it, without a slash at the end.
    pub(crate) base: String,
    pub(crate) client: SocketAddr,
    /// What the client calls its session.
    pub(crate) session: Option<String>,
    /// How its search failed, where that was made on purpose.
    pub(crate) fault: OnceLock<Fault>,
}

/// What is asked of the store.
pub(crate) struct Asked {
    /// Name of the dialect, for the log.
    pub(crate) dialect: &'static str,
    pub(crate) queries: Vec<String>,
    /// Documents for each query.
    pub(crate) k: usize,
    /// Whether to cut snippets.
    pub(crate) snippets: bool,
}

impl App {
    /// The rankings of all queries, in their order.
    pub(crate) async fn search(
        self: &Arc<Self>,
        call: &Call,
        asked: Asked,
    ) -> Result<Vec<Vec<Found>>, Refused> {
        let begun = Instant::now();
        let Asked { dialect, queries, k, snippets } = asked;
        self.check(&queries, k)?;
        let queries: Arc<[String]> = queries.into();
        let fault = if queries.is_empty() { None } else { self.fault(call, &queries) };
        let result = match fault {
            Some(fault) if fault.message().is_some() => {
                if fault == Fault::Timeout {
                    tokio::time::sleep(self.stall).await;
                }
                Err(Refused::fault(fault))
            }
            fault => self.rank(call, &queries, k, snippets, fault).await,
        };
        let status = result.as_ref().err().map_or(StatusCode::OK, |refused| refused.status);
        self.note(call, dialect, &queries, k, fault, status, begun, || {
            result.iter().flatten().map(|hits| hits.iter().map(Found::id).collect()).collect()
        });
        result
    }

    /// Writes a line of the log, where there is one.
    #[expect(clippy::too_many_arguments, reason = "the columns of a log, each of its own kind")]
    pub(crate) fn note<'a>(
        &self,
        call: &Call,
        dialect: &'static str,
        queries: &[String],
        k: usize,
        fault: Option<Fault>,
        status: StatusCode,
        begun: Instant,
        found: impl FnOnce() -> Vec<Vec<&'a str>>,
    ) {
        let Some(log) = &self.log else { return };
        log.write(&Line {
            at_ms: self.clock.now_ms(),
            client: call.client.to_string(),
            session: call.session.as_deref(),
            store: &call.store.name,
            dialect,
            queries,
            k,
            found: found(),
            fault: fault.map(Fault::as_str),
            status: status.as_u16(),
            ms: begun.elapsed().as_secs_f64() * 1000.0,
        });
    }

    fn check(&self, queries: &[String], k: usize) -> Result<(), Refused> {
        let most = self.limits.queries;
        if queries.len() > most {
            let found = queries.len();
            return Err(Refused::invalid(format!(
                "expected at most {most} queries, found {found}"
            )));
        }
        if k > self.limits.k {
            let most = self.limits.k;
            return Err(Refused::invalid(format!(
                "expected at most {most} documents for a query, found {k}"
            )));
        }
        let hits = queries.len().saturating_mul(k);
        if hits > self.limits.hits {
            let (most, n) = (self.limits.hits, queries.len());
            let message = format!(
                "expected at most {most} documents for all queries together, found {n} queries for {k} \
                 documents each"
            );
            return Err(Refused::invalid(message)
                .hint("ask for fewer documents, or share the queries out among several requests"));
        }
        if let Some(long) = queries.iter().find(|query| query.len() > self.limits.query) {
            let (most, found) = (self.limits.query, long.len());
            let message = format!("expected a query of at most {most} bytes, found {found}");
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "query_too_long", message));
        }
        Ok(())
    }

    fn fault(&self, call: &Call, queries: &[String]) -> Option<Fault> {
        if !matches!(self.quality, Quality::Failing { .. }) {
            return None;
        }
        let fault = call.store.degraded.fault(&queries.join("\n"))?;
        self.counts.faults.fetch_add(1, Ordering::Relaxed);
        let _ = call.fault.set(fault);
        Some(fault)
    }

    async fn rank(
        self: &Arc<Self>,
        call: &Call,
        queries: &Arc<[String]>,
        k: usize,
        snippets: bool,
        fault: Option<Fault>,
    ) -> Result<Vec<Vec<Found>>, Refused> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        self.counts.searches.fetch_add(queries.len() as u64, Ordering::Relaxed);
        let place = self.admission.enter()?;
        let length = if queries.len() <= CHUNK { Length::Short } else { Length::Long };
        let part = |from: usize, to: usize| {
            let (store, queries) = (Arc::clone(&call.store), Arc::clone(queries));
            place
                .run(length, move |gone| store.search(&queries[from..to], k, snippets, fault, gone))
        };
        if length == Length::Short {
            return part(0, queries.len()).await;
        }
        // A large batch is shared out among the cores, each of which takes its turn for each chunk.
        let next = AtomicU64::new(0);
        let worker = async || {
            let mut out = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                let from = at * CHUNK;
                if from >= queries.len() {
                    return Ok::<_, Refused>(out);
                }
                out.push((at, part(from, (from + CHUNK).min(queries.len())).await?));
            }
        };
        let workers = (0..self.admission.n_running()).map(|_| worker());
        let mut chunks: Vec<_> = try_all(workers).await?.into_iter().flatten().collect();
        chunks.sort_by_key(|(at, _)| *at);
        Ok(chunks.into_iter().flat_map(|(_, found)| found).collect())
    }

    /// Reads on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: &Call,
        read: impl FnOnce(&Served) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let store = Arc::clone(&call.store);
        self.admission.enter()?.run(Length::Long, move |_| read(&store)).await
    }
}

/// The results of all `futures`, or the first error, which ends the others.
async fn try_all<T, F: Future<Output = Result<T, Refused>>>(
    futures: impl Iterator<Item = F>,
) -> Result<Vec<T>, Refused> {
    let mut waiting: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut out = Vec::with_capacity(waiting.len());
    std::future::poll_fn(|context| {
        let mut pending = false;
        for place in &mut waiting {
            let Some(future) = place else { continue };
            match future.as_mut().poll(context) {
                std::task::Poll::Pending => pending = true,
                std::task::Poll::Ready(Err(error)) => return std::task::Poll::Ready(Err(error)),
                std::task::Poll::Ready(Ok(result)) => {
                    *place = None;
                    out.push(result);
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(out)
}
