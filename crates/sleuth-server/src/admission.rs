//! How much is done at once, and how much may wait.
//!
//! As many searches run as there are cores; beyond, a bounded number of requests waits, first come
//! first served and not for ever; beyond that, requests are refused at once with *503* and a
//! `Retry-After`. No queue grows. A client that goes away takes its place in the queue along, and a
//! batch of its queries that is running on threads stops after the query that it is at.
//!
//! [`Length::Short`] work, such as the few queries of a request, is done by the thread that read the
//! request: to hand it to another and back takes as long as a search of a small store. [`Length::Long`]
//! work is done on threads for it, and so is all work where short work turns out not to be ([`SHORT`]),
//! as over a large store: connections are to be looked after meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refused::Refused;

/// What short work takes on average, at most.
const SHORT: Duration = Duration::from_millis(10);

/// How long work may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Some searches.
    Short,
    /// What waits for a disk or a model, or searches much.
    Long,
}

/// See the [module](self).
pub(crate) struct Admission {
    /// A permit for each request that runs or waits.
    inside: Arc<Semaphore>,
    n_inside: usize,
    running: Arc<Semaphore>,
    n_running: usize,
    longest_wait: Duration,
    refused: AtomicU64,
    /// Microseconds that short work takes, on a moving average.
    short: AtomicU64,
}

/// A place among those who run or wait; given back when dropped.
pub(crate) struct Place<'a> {
    admission: &'a Admission,
    _inside: OwnedSemaphorePermit,
}

/// Whether the client has gone.
#[derive(Clone, Default)]
pub(crate) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells that the client has gone when its request is dropped.
struct Watched(Gone);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Admission {
    pub(crate) fn new(running: usize, waiting: usize, longest_wait: Duration) -> Self {
        let (n_running, n_inside) = (running.max(1), running.max(1) + waiting);
        Self {
            inside: Arc::new(Semaphore::new(n_inside)),
            n_inside,
            running: Arc::new(Semaphore::new(n_running)),
            n_running,
            longest_wait,
            refused: AtomicU64::new(0),
            short: AtomicU64::new(0),
        }
    }

    /// Searches that may run at once.
    pub(crate) fn n_running(&self) -> usize {
        self.n_running
    }

    /// Requests that run or wait now.
    pub(crate) fn inside(&self) -> usize {
        self.n_inside - self.inside.available_permits()
    }

    /// Requests refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// A place, or the answer that there is none.
    pub(crate) fn enter(&self) -> Result<Place<'_>, Refused> {
        match Arc::clone(&self.inside).try_acquire_owned() {
            Ok(inside) => Ok(Place { admission: self, _inside: inside }),
            Err(_) => Err(self.busy()),
        }
    }

    /// Does `work` as soon as it is its turn, for somebody of whom there is a bounded number and who asks
    /// one thing at a time, as a session does: it waits as long as it takes, and `work` is done to its
    /// end even where the client has gone.
    pub(crate) async fn take_turn<T: Send + 'static>(
        &self,
        length: Length,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let Ok(turn) = Arc::clone(&self.running).acquire_owned().await else {
            return Err(self.busy());
        };
        let work = move || {
            let _turn = turn;
            work()
        };
        self.work(length, work).await
    }

    /// Does `work` where its length lets it be done.
    async fn work<T: Send + 'static>(
        &self,
        length: Length,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let begun = Instant::now();
        let is_short = self.short.load(Ordering::Relaxed) <= SHORT.as_micros() as u64;
        let done = if length == Length::Short && is_short {
            catch_unwind(AssertUnwindSafe(work)).map_err(|_| failed())
        } else {
            tokio::task::spawn_blocking(work).await.map_err(|_| failed())
        };
        if length == Length::Short {
            let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            let mean = self.short.load(Ordering::Relaxed);
            // Of two that change it at once one is lost, which is nothing to an average.
            self.short.store((mean / 8 * 7).saturating_add(took / 8), Ordering::Relaxed);
        }
        done
    }

    fn busy(&self) -> Refused {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Refused::busy()
    }
}

impl Place<'_> {
    /// Does `work` as soon as it is its turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        length: Length,
        work: impl FnOnce(&Gone) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let turn = Arc::clone(&self.admission.running).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(self.admission.longest_wait, turn).await else {
            return Err(self.admission.busy());
        };
        let gone = Gone::default();
        let _watched = Watched(gone.clone());
        let work = move || {
            let _turn = turn;
            work(&gone)
        };
        self.admission.work(length, work).await?
    }
}

fn failed() -> Refused {
    let message = "the server failed; this is a fault of its own";
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}
