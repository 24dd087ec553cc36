//! Question in, trajectory out.

mod ask;
mod chat;
mod check;
mod clock;
mod error;
mod record;
mod session;
mod trail;

pub use ask::{AskOptions, Draft, Outcome, Policy, RANKING, Surroundings, ask};
pub use chat::{Chat, ChatOptions, MOST_IDLE_TURNS, closed_book, system_prompt, tools};
pub use check::{check, normalise, quote_is_there};
pub use clock::{Clock, StepClock, SystemClock};
pub use error::AgentError;
pub use record::{CALLS, LOG, Recorder, Replayed, Tap, replay};
pub use session::{Room, Session, WRITE_UP_SHARE, WriteUp};
pub use trail::{Answer, N_FEATURES, PoolWeights, Trail, TrailOptions, candidate_answers};
