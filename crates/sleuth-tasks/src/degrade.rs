//! How good the tool is: a retriever made worse on purpose, the same way in every run.
//!
//! A model keeps searching only while the tool is worth it, and that is to be studied: so searches can
//! be served well, with noise, empty, at random, or failing.
//!
//! | quality | a search gives |
//! |---|---|
//! | `good` | what the store finds |
//! | `noisy:RATE` | the same, where each hit is with probability RATE a random passage in place of the one found, at its score |
//! | `empty` | nothing |
//! | `random` | as many random passages as were asked for |
//! | `failing:RATE` | with probability RATE a [`Fault`], else what the store finds |
//!
//! The mixture of faults is that of the fault injection of HAL (`fault_injection.py`): see
//! [`Fault::SHARES`]. Everything follows from the seed and the words of the query. Noise is the same
//! whenever a query is asked; whether a call fails also depends on how often its query was asked
//! before, so that it is worth while to try again. Reading documents is never made worse.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sleuth_index::{IndexError, Mention, Query, Retriever};
use sleuth_records::{Digest, Document, DocumentId, Hit, Passage, Random, Ranking};

/// Queries whose number of calls is remembered; beyond, all are forgotten.
const REMEMBERED: usize = 1 << 16;

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quality {
    /// As the store finds it.
    #[default]
    Good,
    /// Hits are replaced by random passages.
    Noisy {
        /// Probability for each hit, from 0 to 1.
        rate: f64,
    },
    /// Nothing is ever found.
    Empty,
    /// Random passages are found.
    Random,
    /// Calls fail.
    Failing {
        /// Probability for each call, from 0 to 1.
        rate: f64,
    },
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Noisy { rate } => write!(f, "noisy:{rate}"),
            Self::Empty => f.write_str("empty"),
            Self::Random => f.write_str("random"),
            Self::Failing { rate } => write!(f, "failing:{rate}"),
        }
    }
}

impl From<Quality> for String {
    fn from(quality: Quality) -> Self {
        quality.to_string()
    }
}

/// A word for a [`Quality`] that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown quality `{found}`: expected good, noisy:RATE, empty, random or failing:RATE, with a rate \
     from 0 to 1"
)]
pub struct UnknownQuality {
    /// What was given.
    pub found: String,
}

impl FromStr for Quality {
    type Err = UnknownQuality;

    fn from_str(text: &str) -> Result<Self, UnknownQuality> {
        let unknown = || UnknownQuality { found: text.to_owned() };
        let (word, rate) = match text.split_once(':') {
            Some((word, rate)) => (word, Some(rate)),
            None => (text, None),
        };
        let rate = match rate.map(str::parse::<f64>) {
            None => None,
            Some(Ok(rate)) if (0.0..=1.0).contains(&rate) => Some(rate),
            Some(_) => return Err(unknown()),
        };
        match (word, rate) {
            ("good", None) => Ok(Self::Good),
            ("noisy", Some(rate)) => Ok(Self::Noisy { rate }),
            ("empty", None) => Ok(Self::Empty),
            ("random", None) => Ok(Self::Random),
            ("failing", Some(rate)) => Ok(Self::Failing { rate }),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Quality {
    type Error = UnknownQuality;

    fn try_from(text: String) -> Result<Self, UnknownQuality> {
        text.parse()
    }
}

impl Quality {
    /// The retrieval id of a store that is served at this quality: with the snapshot id it names what
    /// searches return.
    pub fn retrieval(self, retrieval: &str, seed: u64) -> String {
        match self {
            Self::Good => retrieval.to_owned(),
            Self::Empty => format!("{retrieval}+empty"),
            Self::Noisy { .. } | Self::Random | Self::Failing { .. } => {
                format!("{retrieval}+{self}+seed:{seed}")
            }
        }
    }

    /// Whether searches need passages to take at random.
    pub fn needs_pool(self) -> bool {
        matches!(self, Self::Noisy { .. } | Self::Random)
    }
}

/// One way in which a tool fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No answer within any patience.
    Timeout,
    /// The tool says that it failed.
    ErrorResponse,
    /// The tool says that it was asked too often.
    RateLimit,
    /// The connection breaks.
    NetworkError,
    /// Half of the hits.
    PartialFailure,
    /// An answer that cannot be read.
    InvalidResponse,
    /// An answer with nothing in it.
    EmptyResponse,
}

impl Fault {
    /// How often each comes, of all faults.
    pub const SHARES: [(Self, f64); 7] = [
        (Self::Timeout, 0.30),
        (Self::ErrorResponse, 0.25),
        (Self::RateLimit, 0.20),
        (Self::NetworkError, 0.15),
        (Self::PartialFailure, 0.05),
        (Self::InvalidResponse, 0.03),
        (Self::EmptyResponse, 0.02),
    ];

    /// The word in logs and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ErrorResponse => "error_response",
            Self::RateLimit => "rate_limit",
            Self::NetworkError => "network_error",
            Self::PartialFailure => "partial_failure",
            Self::InvalidResponse => "invalid_response",
            Self::EmptyResponse => "empty_response",
        }
    }

    /// What the tool says, where there are no hits to give.
    pub fn message(self) -> Option<&'static str> {
        match self {
            Self::Timeout => Some("the search timed out"),
            Self::ErrorResponse => Some("the search failed: internal error of the search engine"),
            Self::RateLimit => Some("the search was refused: too many requests"),
            Self::NetworkError => Some("the search failed: the connection was lost"),
            Self::InvalidResponse => Some("the search failed: its answer cannot be read"),
            Self::PartialFailure | Self::EmptyResponse => None,
        }
    }

    fn drawn(random: &mut Random) -> Self {
        let mut left = random.unit();
        for (fault, share) in Self::SHARES {
            if left < share {
                return fault;
            }
            left -= share;
        }
        Self::Timeout
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A retriever at a [`Quality`].
pub struct Degraded {
    inner: Arc<dyn Retriever>,
    /// What random passages are taken from; empty where none are needed.
    pool: Arc<[Passage]>,
    quality: Quality,
    seed: u64,
    /// How often each query was asked, by the beginning of its digest.
    asked: Mutex<HashMap<u64, u32>>,
}

impl Degraded {
    /// `inner` at `quality`. `pool` are the passages of the store, in an order that is the same each
    /// time; see [`Quality::needs_pool`].
    pub fn new(
        inner: Arc<dyn Retriever>,
        pool: impl Into<Arc<[Passage]>>,
        quality: Quality,
        seed: u64,
    ) -> Self {
        Self { inner, pool: pool.into(), quality, seed, asked: Mutex::new(HashMap::new()) }
    }

    /// The quality.
    pub fn quality(&self) -> Quality {
        self.quality
    }

    /// How this call of the tool fails, if it does; it counts as asked. `call` is the query, or
    /// everything that one call asks.
    pub fn fault(&self, call: &str) -> Option<Fault> {
        let Quality::Failing { rate } = self.quality else { return None };
        let key = self.key(b"fault", call);
        let times = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.len() >= REMEMBERED && !asked.contains_key(&key) {
                asked.clear();
            }
            let times = asked.entry(key).or_insert(0);
            *times = times.wrapping_add(1);
            u64::from(*times)
        };
        let mut random = Random(key ^ times.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        (random.unit() < rate).then(|| Fault::drawn(&mut random))
    }

    /// What `query` finds at this quality where the call does not fail.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn found(&self, query: &Query) -> Result<Ranking, IndexError> {
        match self.quality {
            Quality::Good | Quality::Failing { .. } => self.inner.search(query),
            Quality::Empty => Ok(Ranking::default()),
            Quality::Random => Ok(self.random(query)),
            Quality::Noisy { rate } => self.noisy(query, rate),
        }
    }

    /// What is left of `ranking` after `fault`.
    pub fn after(fault: Fault, mut ranking: Ranking) -> Ranking {
        let left = match fault {
            Fault::PartialFailure => ranking.hits.len() / 2,
            Fault::Timeout
            | Fault::ErrorResponse
            | Fault::RateLimit
            | Fault::NetworkError
            | Fault::InvalidResponse
            | Fault::EmptyResponse => 0,
        };
        ranking.hits.truncate(left);
        ranking
    }

    fn key(&self, what: &[u8], call: &str) -> u64 {
        let mut digest = Digest::new();
        digest.field(what).field(&self.seed.to_le_bytes()).field(call.as_bytes());
        u64::from_str_radix(&digest.hex()[..16], 16).unwrap_or_default()
    }

    /// Random numbers that belong to `query`.
    fn numbers(&self, query: &Query) -> Random {
        let words: Vec<&str> = query.clauses.iter().map(|(text, _)| text.as_str()).collect();
        Random(self.key(b"noise", &words.join("\n")))
    }

    fn random(&self, query: &Query) -> Ranking {
        let mut numbers = self.numbers(query);
        let mut hits: Vec<Hit> = Vec::new();
        // Two that fall together are drawn again, a few times: a small store has no more to give.
        for _ in 0..query.k.saturating_mul(4) {
            if hits.len() >= query.k || self.pool.is_empty() {
                break;
            }
            let passage = numbers.pick(&self.pool);
            if hits.iter().all(|hit| hit.passage.document != passage.document) {
                let score = 1.0 / (1 + hits.len()) as f32;
                hits.push(Hit { passage: passage.clone(), score });
            }
        }
        Ranking { hits }
    }

    fn noisy(&self, query: &Query, rate: f64) -> Result<Ranking, IndexError> {
        let mut ranking = self.inner.search(query)?;
        let mut numbers = self.numbers(query);
        for at in 0..ranking.hits.len() {
            // Both numbers are drawn whatever comes of them, so that a lower rate replaces a part of
            // what a higher one does.
            let (replaced, by) = (numbers.unit() < rate, numbers.below(self.pool.len()));
            let Some(passage) = self.pool.get(by).filter(|_| replaced) else { continue };
            if ranking.hits.iter().all(|hit| hit.passage.document != passage.document) {
                ranking.hits[at].passage = passage.clone();
            }
        }
        Ok(ranking)
    }
}

impl Retriever for Degraded {
    fn snapshot(&self) -> &str {
        self.inner.snapshot()
    }

    /// As [`Degraded::found`]; a fault that leaves nothing to give is [`IndexError::Unanswered`].
    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        let words: Vec<&str> = query.clauses.iter().map(|(text, _)| text.as_str()).collect();
        let Some(fault) = self.fault(&words.join("\n")) else { return self.found(query) };
        match fault.message() {
            Some(message) => Err(IndexError::Unanswered { reason: message.to_owned() }),
            None => Ok(Self::after(fault, self.found(query)?)),
        }
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        self.inner.document(id)
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        self.inner.mentions(text)
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        self.inner.rarity(terms)
    }
}
