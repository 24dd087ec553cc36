//! Questions with a verifier, and what came of attempts at them.
//!
//! * a [`Task`] is a question with its gold answers, the evidence that supports them, and the name of
//!   the verifier that decides; it belongs to a [`Split`], and what trains can take only a
//!   [`TrainTask`];
//! * an [`Attempt`] is what a verifier may look at: the answer, the searches, the evidence and how
//!   its citations were marked. It is read off a trajectory, or gathered by an environment;
//! * an [`Episode`] is a task, the trajectory of one rollout, and an [`Ending`]: a verdict with a
//!   reward, or an error that names the part that failed. A failed verifier is such an error and
//!   never a reward of zero.
//!
//! Gold answers live here and above; the agent, which this crate runs, is given a
//! [`Question`](sleuth_records::Question) and nothing else. The crate prints nothing and reads no
//! environment.

mod attempt;
mod episode;
mod facts;
mod filter;
mod lines;
mod make;
mod task;

pub use attempt::{Attempt, Searched};
pub use episode::{
    Boundary, EPISODE_SCHEMA, Ending, Episode, Reward, RewardPart, Segment, Source, Verdict,
    segments,
};
pub use filter::Filter;
pub use lines::{LinesError, read_episodes, read_tasks, write_episode, write_tasks};
pub use make::{
    KindReport, Made, MakeError, MakeOptions, MakeProgress, MakeReport, Shares, SplitReport, make,
    split_by_evidence,
};
pub use task::{
    Evidenced, Kind, NotForTraining, Provenance, Split, Step, TASK_SCHEMA, Task, TaskId, TrainTask,
    Verifier,
};
