//! Who is in the middle of an episode.
//!
//! A session has a seat, of which there are so many and no more. A connection holds its seat itself; a
//! session over plain requests is kept here by name, and loses its seat when nobody used it for long.
//! Whichever way a seat is given back, in order, by a connection that breaks, for idleness or at the end
//! of the server, the episode that was under way is written down as one that its client left.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use sleuth_tasks::{
    Action, Environment, EnvironmentError, EnvironmentState, Episode, EpisodeLog, Gym, Observation,
    Pick, Sampled, Stepped,
};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::admission::Length;
use crate::refused::Refused;

/// See the [module](self).
pub(crate) struct Sessions {
    gym: Arc<Gym>,
    log: Option<EpisodeLog>,
    seats: Arc<Semaphore>,
    most: usize,
    idle: Duration,
    named: Mutex<HashMap<String, Named>>,
    names: Names,
    episodes: AtomicU64,
    /// Episodes that could not be written.
    unwritten: AtomicU64,
}

#[derive(Clone)]
struct Named {
    seat: KeptSeat,
    used: Instant,
}

/// The seat of a session over plain requests.
pub(crate) type KeptSeat = Arc<tokio::sync::Mutex<Seat>>;

/// A session.
pub(crate) struct Seat {
    sessions: Arc<Sessions>,
    environment: Environment,
    /// Name of the episode that is under way.
    pub(crate) episode: String,
    /// Position of the task that the session was started for, in dialects that do that.
    pub(crate) chosen: usize,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(episode) = self.environment.abandon("the client left before the end") {
            self.sessions.write(&episode);
        }
    }
}

impl Seat {
    /// Begins an episode. One that was under way is written down, and goes on where the one that is asked for
    /// cannot begin.
    pub(crate) fn reset(
        &mut self,
        pick: &Pick,
        name: Option<String>,
    ) -> Result<Observation, EnvironmentError> {
        self.gym().check(pick)?;
        if let Some(episode) = self.environment.abandon("the client began another episode") {
            self.sessions.write(&episode);
        }
        self.episode = name.unwrap_or_else(|| self.sessions.names.next());
        self.environment.reset(pick)
    }

    /// Takes an action; at the end the episode is written down.
    pub(crate) fn step(
        &mut self,
        action: &Action,
        said: Sampled,
    ) -> Result<Stepped, EnvironmentError> {
        let stepped = self.environment.step(action, said)?;
        if stepped.done
            && let Some(episode) = self.environment.take_episode()
        {
            self.sessions.write(&episode);
        }
        Ok(stepped)
    }

    pub(crate) fn gym(&self) -> &Gym {
        self.environment.gym()
    }

    /// How long a step may take.
    pub(crate) fn length(&self) -> Length {
        self.sessions.length()
    }

    pub(crate) fn state(&self) -> EnvironmentState {
        self.environment.state()
    }
}

impl Sessions {
    pub(crate) fn new(gym: Arc<Gym>, log: Option<EpisodeLog>, most: usize, idle: Duration) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            gym,
            log,
            seats: Arc::new(Semaphore::new(most)),
            most,
            idle,
            named: Mutex::default(),
            names: Names::default(),
            episodes: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
        }
    }

    pub(crate) fn gym(&self) -> &Arc<Gym> {
        &self.gym
    }

    /// How long a step may take: a judge is a model.
    pub(crate) fn length(&self) -> Length {
        if self.gym.has_judge() { Length::Long } else { Length::Short }
    }

    /// How long a session is kept that nobody uses.
    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// Sessions now, and most.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.most - self.seats.available_permits(), self.most)
    }

    /// Episodes that have ended, and those of them that could not be written.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.episodes.load(Ordering::Relaxed), self.unwritten.load(Ordering::Relaxed))
    }

    /// A seat; nothing where all are taken.
    pub(crate) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let permit = Arc::clone(&self.seats).try_acquire_owned().ok().or_else(|| {
            self.close_idle(self.idle);
            Arc::clone(&self.seats).try_acquire_owned().ok()
        })?;
        Some(Seat {
            sessions: Arc::clone(self),
            environment: Environment::new(Arc::clone(&self.gym)),
            episode: String::new(),
            chosen: 0,
            _permit: permit,
        })
    }

    /// A session that is kept by name: the one given, or a new one.
    pub(crate) fn start(self: &Arc<Self>, name: Option<&str>) -> Result<String, Refused> {
        let name = name.map_or_else(|| self.names.next(), str::to_owned);
        if self.lock().contains_key(&name) {
            return Ok(name);
        }
        let seat = self.sit().ok_or_else(|| {
            let message = format!("all {} sessions are taken", self.most);
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "capacity_reached", message)
                .retry_after(5)
        })?;
        let named = Named { seat: Arc::new(tokio::sync::Mutex::new(seat)), used: Instant::now() };
        // Two that start one name at once share one session; the other seat is given back outside the
        // lock.
        let mut other = Some(named);
        self.lock().entry(name.clone()).or_insert_with(|| match other.take() {
            Some(named) => named,
            None => unreachable!("called once at most"),
        });
        Ok(name)
    }

    /// The session of that name.
    pub(crate) fn named(&self, name: &str) -> Option<KeptSeat> {
        let mut sessions = self.lock();
        let named = sessions.get_mut(name)?;
        named.used = Instant::now();
        Some(Arc::clone(&named.seat))
    }

    /// Names of the sessions that are kept by name.
    pub(crate) fn running(&self) -> Vec<String> {
        let mut names: Vec<String> = self.lock().keys().cloned().collect();
        names.sort();
        names
    }

    /// Ends a session; whether there was one.
    pub(crate) fn close(&self, name: &str) -> bool {
        let closed = self.lock().remove(name);
        closed.is_some()
    }

    /// Ends all sessions that are kept by name. Each of them holds what they are kept in, so nothing else
    /// would end them with the server.
    pub(crate) fn end(&self) {
        let named = std::mem::take(&mut *self.lock());
        drop(named);
    }

    /// Ends the sessions that were not used for so long, and gives their names.
    pub(crate) fn close_idle(&self, idle: Duration) -> Vec<String> {
        let mut closed = Vec::new();
        let mut seats = Vec::new();
        self.lock().retain(|name, named| {
            let keep = named.used.elapsed() <= idle;
            if !keep {
                closed.push(name.clone());
                seats.push(Arc::clone(&named.seat));
            }
            keep
        });
        // Writing down what they left takes its time, and nobody has to wait for it.
        drop(seats);
        closed.sort();
        closed
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Named>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, episode: &Episode) {
        self.episodes.fetch_add(1, Ordering::Relaxed);
        let Some(log) = &self.log else { return };
        if log.append(episode).is_err() {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The seat of a session that is asked for over plain requests; one request at a time may have it, the
/// time that it waits for its turn included: else those of one session could fill the queue.
pub(crate) fn only_one(seat: KeptSeat) -> Result<OwnedMutexGuard<Seat>, Refused> {
    seat.try_lock_owned().map_err(|_| {
        let message = "another request of this session is being answered";
        Refused::new(StatusCode::CONFLICT, "session_busy", message)
    })
}

/// Makes names that nobody can guess, in the form of a UUID: a keyed hash of a counter, whose key the
/// system's randomness gave.
#[derive(Default)]
struct Names {
    keys: [RandomState; 2],
    made: AtomicU64,
}

impl Names {
    fn next(&self) -> String {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let [high, low] = &self.keys;
        let (high, low) = (high.hash_one(n), low.hash_one(n));
        // Version 4, variant 1.
        let (third, fourth) = (0x4000 | (high & 0xFFF), 0x8000 | (low >> 48 & 0x3FFF));
        format!(
            "{:08x}-{:04x}-{third:04x}-{fourth:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}
