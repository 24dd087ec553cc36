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
//! [`verify`] decides, a [`RewardRule`] says what training gets for it. Both are functions of the task,
//! the attempt and, of the rule, the verdict; a [`Judge`]'s calls are kept in the verdict. [`import`]
//! reads the data sets that others made, [`check_tasks`] says whether tasks fit a store.
//!
//! ```
//! use sleuth_records::Question;
//! use sleuth_tasks::{Attempt, Kind, Provenance, RewardRule, Split, Task, TaskId, Verifier, verify};
//!
//! let task = Task {
//!     schema: sleuth_tasks::TASK_SCHEMA,
//!     id: TaskId("emma".to_owned()),
//!     question: Question::new("When was Emma published?").expect("a question"),
//!     gold_answers: vec!["1815".to_owned()],
//!     evidence: Vec::new(),
//!     kind: Kind::OneHop,
//!     hops: 1,
//!     difficulty: None,
//!     store: None,
//!     split: Split::Test,
//!     verifier: Verifier::Date,
//!     steps: Vec::new(),
//!     provenance: Provenance::default(),
//! };
//! let attempt =
//!     Attempt { answer: "23 December 1815".to_owned(), ended: true, ..Attempt::default() };
//! let verdict = verify(&task, &attempt, None)?;
//! assert!(verdict.correct && verdict.exact_match == 0.0);
//! // Right, in a valid form, but without a search.
//! assert_eq!(RewardRule::default().reward(&task, &attempt, &verdict).total, 0.8);
//! # Ok::<(), sleuth_tasks::VerifyError>(())
//! ```
//!
//! Gold answers live here and above; the agent, which this crate runs, is given a
//! [`Question`](sleuth_records::Question) and nothing else. The crate prints nothing and reads no
//! environment.

mod attempt;
mod check;
mod degrade;
mod environment;
mod episode;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "relations and constraints are many, and a rule concerns few of them"
)]
mod facts;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "relations and constraints are many, and a rule concerns few of them"
)]
mod filter;
mod import;
mod lines;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "relations and constraints are many, and a rule concerns few of them"
)]
mod make;
mod reward;
mod rollout;
mod task;
mod verify;

pub use attempt::{Attempt, Searched};
pub use check::{CheckReport, TaskFault, check_tasks};
pub use degrade::{Degraded, Fault, Quality, UnknownQuality};
pub use environment::{
    Action, EndOfEpisode, Environment, EnvironmentError, EnvironmentLimits, EnvironmentState, Gym,
    GymOptions, INSTRUCTIONS, LONGEST_ARGUMENT, Observation, Pick, ShownPassage, Stepped,
    environment_tools,
};
pub use episode::{
    Boundary, EPISODE_SCHEMA, Ending, Episode, Reward, RewardPart, Sampled, Segment, Source,
    Verdict, segments,
};
pub use filter::Filter;
pub use import::{Format, ImportError, ImportOptions, ImportReport, LeftOut, Reason, import};
pub use lines::{
    EpisodeLog, LinesError, TaskWriter, holds_episodes, read_episodes, read_tasks, write_episode,
    write_tasks,
};
pub use make::{
    KindReport, Made, MakeError, MakeOptions, MakeProgress, MakeReport, Shares, SplitReport, make,
    split_by_evidence,
};
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
