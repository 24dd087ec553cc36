//! Environments in the dialects of those who train: tasks over the first store, one action at a time.
//!
//! What an episode is, what a policy reads and what it gets for it is the business of
//! [`sleuth_tasks::Environment`]; here are the forms in which it is asked for.
//!
//! | dialect | addresses | state |
//! |---|---|---|
//! | OpenEnv | `WS /ws` | the connection has an environment of its own |
//! | OpenEnv | `POST /reset`, `POST /step`, `GET /state` | none, as OpenEnv has it; with an `episode_id` that of its own |
//! | OpenEnv | `GET /metadata`, `/schema`, `/list_environments`, `/sleuth/splits`, `POST /sleuth/{tasks,num_tasks,task,task_range}` | – |
//! | aviary | `POST /start`, `/reset`, `/step`, `/close`, `/close_old_envs`, `GET /info` | by `env_id` |
//!
//! `/reset` and `/step` are of aviary where the body has an `env_id`. Tasks are shown without anything of
//! their gold answers. Whatever an episode came to is written to the log of episodes, also where the
//! client went away in the middle of it.

mod actions;
mod aviary;
mod openenv;
mod sessions;
mod socket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};
use sleuth_lm::LanguageModel;
use sleuth_tasks::{EndOfEpisode, EpisodeLog, Gym, GymOptions, Stepped, Task, TrainTask};

use crate::ServerError;
use crate::app::App;
use crate::refused::Refused;
use crate::retrieval::kind;
use crate::served::Served;
pub(crate) use sessions::Sessions;

/// Name of the environment in the dialects that ask for one.
const NAME: &str = "sleuth";

/// Tasks for the clients of a server.
pub enum ServedTasks {
    /// To train on.
    Train(Vec<TrainTask>),
    /// Of any split, to measure with. Whoever trains on these trains on tests.
    Any(Vec<Task>),
}

/// What environments a server has.
pub struct Environments {
    /// The tasks, over the first store.
    pub tasks: ServedTasks,
    /// Limits and rules of an episode. What searches go by, and their quality, is that of the server.
    pub options: GymOptions,
    /// Model that decides tasks whose verifier is a judge.
    pub judge: Option<Box<dyn LanguageModel>>,
    /// File that episodes are appended to as they end.
    pub episodes: Option<PathBuf>,
    /// Sessions at once, of all dialects together; further ones are refused.
    pub sessions: usize,
    /// How long a session is kept that nobody uses.
    pub idle: Duration,
}

impl Environments {
    /// Environments of `tasks` with everything else as it usually is.
    pub fn of(tasks: ServedTasks) -> Self {
        Self {
            tasks,
            options: GymOptions::default(),
            judge: None,
            episodes: None,
            sessions: 4096,
            idle: Duration::from_secs(600),
        }
    }

    /// The environments over `served`.
    pub(crate) fn over(self, served: &Served) -> Result<Sessions, ServerError> {
        let Self { tasks, mut options, judge, episodes, sessions, idle } = self;
        options.parts = served.parts;
        options.quality = served.degraded.quality();
        if options.quality.needs_pool() {
            options.pool = served.store.passages()?.into();
        }
        let store = Arc::clone(&served.store) as _;
        let retrieval = served.retrieval.clone();
        let mut gym = match tasks {
            ServedTasks::Train(tasks) => Gym::for_training(store, retrieval, tasks, options)?,
            ServedTasks::Any(tasks) => Gym::of_any_split(store, retrieval, tasks, options)?,
        };
        if let Some(judge) = judge {
            gym = gym.with_judge(judge);
        }
        if gym.lacks_judge() {
            return Err(ServerError::NoJudge);
        }
        let log = episodes.map(|path| EpisodeLog::open(&path)).transpose();
        let log = log.map_err(ServerError::Episodes)?;
        if let Some(log) = &log {
            gym = gym.after(log.begun());
        }
        Ok(Sessions::new(Arc::new(gym), log, sessions, idle))
    }
}

/// The addresses of all dialects.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ws", get(socket::connect))
        .route("/reset", post(reset))
        .route("/step", post(step))
        .route("/state", get(openenv::state))
        .route("/metadata", get(openenv::metadata))
        .route("/schema", get(openenv::schema))
        .route("/list_environments", get(openenv::environments))
        .route("/sleuth/splits", get(openenv::splits))
        .route("/sleuth/tasks", post(openenv::tasks))
        .route("/sleuth/num_tasks", post(openenv::n_tasks))
        .route("/sleuth/task", post(openenv::task))
        .route("/sleuth/task_range", post(openenv::task_range))
        .route("/info", get(aviary::info))
        .route("/start", post(aviary::start))
        .route("/close", post(aviary::close))
        .route("/close_old_envs", post(aviary::close_old))
}

async fn reset(app: State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let body = object(&body)?;
    match body.get("env_id") {
        Some(_) => aviary::reset(&app.0, &body).await,
        None => openenv::reset(&app.0, &body).await,
    }
}

async fn step(app: State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let body = object(&body)?;
    match body.get("env_id") {
        Some(_) => aviary::step(&app.0, &body).await,
        None => openenv::step(&app.0, &body).await,
    }
}

/// The sessions of a server that has environments.
fn sessions(app: &App) -> Result<&Arc<Sessions>, Refused> {
    app.environments.as_ref().ok_or_else(|| {
        let message = "this server has no tasks";
        Refused::new(axum::http::StatusCode::NOT_FOUND, "no_tasks", message)
            .hint("start it with `--tasks FILE`")
    })
}

/// The body as a JSON object; nothing is one without keys.
fn object(body: &[u8]) -> Result<Value, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| Refused::not_json(&error))?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Refused::invalid(format!("expected an object, found {}", kind(&value))))
}

/// A task as it may be shown.
fn shown_task(task: &Task, index: usize) -> Value {
    json!({
        "index": index,
        "id": task.id,
        "question": task.question,
        "kind": task.kind,
        "hops": task.hops,
        "split": task.split,
    })
}

/// What is told beside what there is to read.
#[derive(Default, PartialEq, Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    invalid: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<EndOfEpisode>,
}

impl Metadata {
    fn of(stepped: &Stepped) -> Self {
        let Stepped { invalid, truncated, end, .. } = stepped;
        Self { invalid: *invalid, truncated: *truncated, end: end.clone() }
    }
}
