//! Questions with a verifier, and what came of attempts at them.
//!
//! * a [`Task`] is a question with its gold answers, the evidence that supports them, and the name of
//!   the verifier that decides; it belongs to a [`Split`], and what trains can take only a
//!   [`TrainTask`];
//! * an [`Attempt`] is what a verifier may look at: the answer, the searches, the evidence and how
//!   its citations were marked. It is read off a trajectory, or gathered by an environment;
//! * an [`Episode`] is a task, the trajectory of one rollout, and an [`Ending`]: a verdict with a
//!   reward, or an error that names the part that failed. A failed verifier is such an error and
//!   never a reward of zero;
//! * [`roll_out`] lets a policy attempt tasks, many at a time, into one file of episodes, and
//!   [`replay_episodes`] runs them again; an [`Environment`] puts a task to a policy that lives
//!   elsewhere, one [`Action`] at a time.
//!
//! Gold answers live here and above; the agent, which this crate runs, is given a
//! [`Question`](sleuth_records::Question) and nothing else. The crate prints nothing and reads no
//! environment.

mod attempt;
mod degrade;
mod environment;
mod episode;
mod lines;
mod reward;
mod rollout;
mod task;
mod verify;

pub use attempt::{Attempt, Searched};
pub use degrade::{Degraded, Fault, Quality, UnknownQuality};
pub use environment::{
    Action, EndOfEpisode, Environment, EnvironmentError, EnvironmentLimits, EnvironmentState, Gym,
    GymOptions, INSTRUCTIONS, LONGEST_ARGUMENT, Observation, Pick, ShownPassage, Stepped,
    environment_tools,
};
pub use episode::{
    Boundary, EPISODE_SCHEMA, Ending, Episode, Reward, RewardPart, Segment, Source, Verdict,
    segments,
};
pub use lines::{EpisodeLog, LinesError, read_episodes, read_tasks, write_episode, write_tasks};
pub use reward::{Counted, Outcome, RewardRule};
pub use rollout::{
    Fit, MakeJudge, MakePolicy, ModelCall, ModelTap, Recording, ReplayOver, Replayed, RolloutError,
    RolloutHead, RolloutOptions, RolloutProgress, RolloutSurroundings, Tally, fit, replay_episodes,
    roll_out, seed_of, tasks_digest,
};
pub use task::{
    Evidenced, Kind, NotForTraining, Provenance, Split, Step, TASK_SCHEMA, Task, TaskId, TrainTask,
    Verifier,
};
pub use verify::{Judge, JudgeCall, ModelJudge, RecordedJudge, VerifyError, verify};
