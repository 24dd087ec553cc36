//! Question in, trajectory out.

mod ask;
mod check;
mod clock;
mod error;
mod session;
mod trail;

pub use ask::{AskOptions, Draft, Outcome, Policy, RANKING, ask};
pub use check::{check, normalise, quote_is_there};
pub use clock::{Clock, StepClock, SystemClock};
pub use error::AgentError;
pub use session::{Session, WRITE_UP_SHARE, WriteUp};
pub use trail::{Answer, N_FEATURES, PoolWeights, Trail, TrailOptions, candidate_answers};
