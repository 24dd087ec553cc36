//! How much is done at once, and how much may wait.
//!
//! As many searches run as there are cores. Who comes beyond waits, and not for ever: who would wait longer
//! than [`Limits::longest_wait`](crate::Limits) is refused with *503* and a `Retry-After`.
//!
//! [`Length::Short`] work, such as the few queries of a request, is done by the thread that read the
//! request: to hand it to another and back takes as long as a search of a small store. Requests then wait
//! before they are read, in their connections, of which there is a bounded number; how long, is
//! told by a timer that comes late ([`Lag`]). [`Length::Long`] work is done on threads for it, and a
//! bounded number of requests waits for those; beyond that, they are refused at once. So is all work
//! where short work turns out not to be ([`SHORT`]), as over a large store: connections are to be looked
//! after meanwhile. A client that goes away takes its place in this queue along, and a batch of its
//! queries stops after the query that it is at.

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
    /// Turns of those who may wait for a model, which keeps nobody from searching.
    judging: Arc<Semaphore>,
    lag: Lag,
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
        let n_running = running.clamp(1, Semaphore::MAX_PERMITS);
        let n_inside = n_running.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Self {
            inside: Arc::new(Semaphore::new(n_inside)),
            n_inside,
            running: Arc::new(Semaphore::new(n_running)),
            n_running,
            judging: Arc::new(Semaphore::new(n_running)),
            lag: Lag::default(),
            longest_wait,
            refused: AtomicU64::new(0),
            short: AtomicU64::new(0),
        }
    }

    /// Searches that may run at once.
    pub(crate) fn n_running(&self) -> usize {
        self.n_running
    }

    /// Threads that long work may take.
    pub(crate) fn n_threads(&self) -> usize {
        2 * self.n_running
    }

    /// Notices once how long requests wait before they are read.
    pub(crate) async fn notice(&self) {
        self.lag.measure().await;
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
        if self.lag.now() > self.longest_wait {
            return Err(self.busy());
        }
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
        let turns = match length {
            Length::Short => &self.running,
            Length::Long => &self.judging,
        };
        let Ok(turn) = Arc::clone(turns).acquire_owned().await else {
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

/// How late those come who are ready: a task that sleeps for a moment waits, once it is woken, as long as a
/// request that has arrived.
struct Lag {
    begun: Instant,
    /// Milliseconds from `begun` at which the sleep that goes on was to end.
    due: AtomicU64,
    /// How many milliseconds late the last one ended.
    last: AtomicU64,
}

impl Default for Lag {
    fn default() -> Self {
        Self { begun: Instant::now(), due: AtomicU64::new(u64::MAX), last: AtomicU64::new(0) }
    }
}

impl Lag {
    const SLEEP: Duration = Duration::from_millis(20);

    fn ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn measure(&self) {
        let due = self.ms() + Self::SLEEP.as_millis() as u64;
        self.due.store(due, Ordering::Relaxed);
        tokio::time::sleep(Self::SLEEP).await;
        self.last.store(self.ms().saturating_sub(due), Ordering::Relaxed);
    }

    /// How long who is read now has waited.
    fn now(&self) -> Duration {
        let late = self.ms().saturating_sub(self.due.load(Ordering::Relaxed));
        Duration::from_millis(late.max(self.last.load(Ordering::Relaxed)))
    }
}

fn failed() -> Refused {
    let message = "the server failed; this is a fault of its own";
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_wait_too_long_before_it_is_read_is_refused() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let admission = Arc::new(Admission::new(1, 1000, Duration::from_millis(100)));
        let watched = Arc::clone(&admission);
        runtime.spawn(async move {
            loop {
                watched.notice().await;
            }
        });
        // Each keeps the only thread, as a search on it does.
        let requests: Vec<_> = (0..60)
            .map(|_| {
                let admission = Arc::clone(&admission);
                runtime.spawn(async move {
                    let inside = admission.enter().is_ok();
                    if inside {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    inside
                })
            })
            .collect();
        let inside = runtime.block_on(async {
            let mut inside = 0;
            for request in requests {
                inside += usize::from(request.await.unwrap());
            }
            inside
        });
        assert!((1..60).contains(&inside), "{inside} of 60 were let in");
        assert_eq!(admission.refused(), 60 - inside as u64);
        // Once the queue is gone, it lets in again.
        let free = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            admission.enter().is_ok()
        });
        assert!(free);
    }
}
