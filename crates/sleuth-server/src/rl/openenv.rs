//! OpenEnv over plain requests, and its list of tasks: as `openenv` 0.10 has them.
//!
//! There, each plain request makes an environment of its own, and `/step` can never go on with what
//! `/reset` began. Here, too, unless a request names an `episode_id`: then `/reset` keeps a session by
//! that name and `/step` and `/state?episode_id=…` go on with it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sleuth_records::Question;
use sleuth_tasks::{
    Environment, EnvironmentError, EnvironmentState, Gym, Observation, Pick, ShownPassage, Split,
    Stepped, TaskId, environment_tools,
};

use super::actions::{self, NoAction, Wanted};
use super::sessions::only_one;
use super::{Metadata, NAME, object, sessions, shown_task};
use crate::answer::json_answer;
use crate::app::App;
use crate::refused::Refused;

/// Longest `episode_id`, as OpenEnv has it.
const LONGEST_ID: usize = 255;

/// What the data of a reset choose.
pub(super) struct Reset {
    pub(super) pick: Pick,
    pub(super) episode: Option<String>,
}

/// Reads the data of a reset. A task is named by `task` or `task_id`, by `index` (also `task_index`,
/// `task_idx`), within a `split` where that is named, or chosen by `seed`; without any it is the next.
/// Other keys are passed over, as OpenEnv does with what an environment does not know.
pub(super) fn read_reset(data: &Value, gym: &Gym) -> Result<Reset, String> {
    let first = |keys: &[&str]| {
        keys.iter().find_map(|key| Some((key.to_string(), data.get(key).filter(|v| !v.is_null())?)))
    };
    let number = |keys: &[&str]| match first(keys) {
        None => Ok(None),
        Some((key, value)) => value
            .as_u64()
            .map(Some)
            .ok_or_else(|| format!("expected a number from 0 on for `{key}`, found `{value}`")),
    };
    let episode = match first(&["episode_id"]) {
        None => None,
        Some((_, Value::String(id))) if !id.is_empty() && id.len() <= LONGEST_ID => {
            Some(id.clone())
        }
        Some(_) => {
            return Err(format!("expected a text of at most {LONGEST_ID} bytes for `episode_id`"));
        }
    };
    let split = match first(&["split"]) {
        None => None,
        Some((_, value)) => Some(read_split(value)?),
    };
    let pick = match (first(&["task", "task_id"]), number(&["index", "task_index", "task_idx"])?) {
        (Some((_, Value::String(id))), _) => Pick::Id(TaskId(id.clone())),
        (Some((key, _)), _) => return Err(format!("expected the id of a task for `{key}`")),
        (None, Some(index)) => {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let at = match split {
                None => Some(index),
                Some(split) => gym.of_split(split).get(index).copied(),
            };
            Pick::Index(at.ok_or_else(|| format!("no task at {index} of the split"))?)
        }
        (None, None) => match number(&["seed"])? {
            Some(seed) => Pick::Seed(seed),
            None => Pick::Next,
        },
    };
    Ok(Reset { pick, episode })
}

/// The splits are called as OpenEnv calls them, too.
fn read_split(value: &Value) -> Result<Split, String> {
    match value.as_str() {
        Some("validation") => Ok(Split::Dev),
        Some(name) => name.parse(),
        None => Err("expected the name of a split for `split`".to_owned()),
    }
}

/// What a reset, a step or the question for the tools gives: an observation, and metadata once more
/// where there are any.
#[derive(Serialize)]
pub(super) struct Given<O, M> {
    pub(super) observation: O,
    reward: Option<f64>,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<M>,
}

#[derive(Serialize)]
pub(super) struct Begun<'a> {
    content: String,
    results: [(); 0],
    question: &'a Question,
    tools: Tools,
    metadata: BegunMetadata<'a>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct BegunMetadata<'a> {
    episode_id: &'a str,
    task: &'a TaskId,
    split: Split,
    rollout: u32,
}

/// What a reset gives.
pub(super) fn of_reset<'a>(
    observation: &'a Observation,
    episode: &'a str,
) -> Given<Begun<'a>, BegunMetadata<'a>> {
    let metadata = BegunMetadata {
        episode_id: episode,
        task: &observation.task,
        split: observation.split,
        rollout: observation.rollout,
    };
    let begun = Begun {
        content: observation.opening(),
        results: [],
        question: &observation.question,
        tools: Tools,
        metadata,
    };
    Given { observation: begun, reward: None, done: false, metadata: Some(metadata) }
}

#[derive(Serialize)]
pub(super) struct Seen<'a> {
    content: &'a str,
    results: &'a [ShownPassage],
    metadata: Metadata,
    #[serde(flatten)]
    called: Option<CalledTool<'a>>,
}

/// What clients of MCP look for.
#[derive(Serialize)]
struct CalledTool<'a> {
    tool_name: &'a str,
    result: &'a str,
    error: (),
}

/// What a step gives; `tool` is the name that it was called by in the manner of MCP.
pub(super) fn of_step<'a>(
    stepped: &'a Stepped,
    tool: Option<&'a str>,
) -> Given<Seen<'a>, Metadata> {
    let called = |tool_name| CalledTool { tool_name, result: &stepped.text, error: () };
    let seen = Seen {
        content: &stepped.text,
        results: &stepped.passages,
        metadata: Metadata::of(stepped),
        called: tool.map(called),
    };
    let metadata = Some(Metadata::of(stepped)).filter(|metadata| *metadata != Metadata::default());
    Given { observation: seen, reward: stepped.reward, done: stepped.done, metadata }
}

/// What the question for the tools gives.
pub(super) fn of_tools() -> impl Serialize {
    #[derive(Serialize)]
    struct Known {
        tools: Tools,
        metadata: Metadata,
    }
    let known = Known { tools: Tools, metadata: Metadata::default() };
    Given::<_, ()> { observation: known, reward: None, done: false, metadata: None }
}

/// The tools in the form of OpenEnv.
struct Tools;

impl Serialize for Tools {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool<'a> {
            name: &'a str,
            description: &'a str,
            input_schema: &'a Value,
        }
        serializer.collect_seq(environment_tools().iter().map(|tool| Tool {
            name: &tool.name,
            description: &tool.description,
            input_schema: &tool.parameters,
        }))
    }
}

pub(super) fn of_state(state: &EnvironmentState, episode: &str) -> Value {
    let episode = Some(episode).filter(|episode| !episode.is_empty());
    json!({
        "episode_id": episode,
        "step_count": state.turns,
        "task": state.task,
        "searches": state.searches,
        "done": state.done,
    })
}

/// A mistake in the form that OpenEnv gives it, and in ours.
fn unprocessable(faults: &[Value]) -> Response {
    let message = faults.first().map_or_else(String::new, |fault| {
        let key = fault["loc"].as_array().and_then(|loc| loc.last()?.as_str());
        let key = key.map_or_else(String::new, |key| format!(": `{key}`"));
        format!("{}{key}", fault["msg"].as_str().unwrap_or_default())
    });
    let body = json!({
        "error": { "code": "invalid_request", "message": message },
        "detail": faults,
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

fn not_there(error: &EnvironmentError) -> Refused {
    match error {
        EnvironmentError::NotReset => Refused::new(
            StatusCode::CONFLICT,
            "not_reset",
            error.to_string(),
        )
        .hint(
            "plain requests share nothing: connect to `/ws`, or name one `episode_id` in `/reset` \
                 and `/step`",
        ),
        EnvironmentError::NoSuchIndex { .. } | EnvironmentError::NoSuchTask { .. } => {
            Refused::new(StatusCode::NOT_FOUND, "unknown_task", error.to_string())
                .hint("only tasks of the split that is served can be asked for; `POST /sleuth/tasks` lists them")
        }
    }
}

pub(super) async fn reset(app: &Arc<App>, body: &Value) -> Result<Response, Refused> {
    let sessions = sessions(app)?;
    let Reset { pick, episode } = read_reset(body, sessions.gym()).map_err(Refused::invalid)?;
    let Some(name) = &episode else {
        let mut environment = Environment::new(Arc::clone(sessions.gym()));
        let observation = environment.reset(&pick).map_err(|error| not_there(&error))?;
        return Ok(json_answer(&of_reset(&observation, "")));
    };
    // A task that is not there begins no session, which nobody would end.
    sessions.gym().check(&pick).map_err(|error| not_there(&error))?;
    let name = sessions.start(Some(name))?;
    let seat = sessions.named(&name).ok_or_else(|| unknown(&name))?;
    let mut seat = only_one(seat)?;
    let observation = seat.reset(&pick, episode).map_err(|error| not_there(&error))?;
    Ok(json_answer(&of_reset(&observation, &seat.episode)))
}

fn unknown(name: &str) -> Refused {
    let name: String = name.chars().take(80).collect();
    let message =
        format!("no session is called `{name}`: it was never started, closed, or left idle");
    Refused::new(StatusCode::NOT_FOUND, "unknown_session", message)
}

pub(super) async fn step(app: &Arc<App>, body: &Value) -> Result<Response, Refused> {
    let sessions = sessions(app)?;
    let missing = json!({ "type": "missing", "loc": ["body", "action"], "msg": "field required", "input": {} });
    let Some(action) = body.get("action") else { return Ok(unprocessable(&[missing])) };
    let wanted = match actions::read(action) {
        Ok(wanted) => wanted,
        Err(NoAction(faults)) => return Ok(unprocessable(&faults)),
    };
    let (tool, action, said) = match wanted {
        Wanted::ListTools => return Ok(json_answer(&of_tools())),
        Wanted::Act(action, said) => (None, action, said),
        Wanted::Call(tool, action, said) => (Some(tool), action, said),
    };
    let Some(name) = body.get("episode_id").and_then(Value::as_str) else {
        return Err(not_there(&EnvironmentError::NotReset));
    };
    let mut seat = only_one(sessions.named(name).ok_or_else(|| unknown(name))?)?;
    let stepped = app
        .admission
        .take_turn(sessions.length(), move || {
            seat.step(&action, said).map_err(|error| not_there(&error))
        })
        .await??;
    Ok(json_answer(&of_step(&stepped, tool.as_deref())))
}

#[derive(Deserialize)]
pub(super) struct Which {
    episode_id: Option<String>,
}

pub(super) async fn state(
    State(app): State<Arc<App>>,
    Query(which): Query<Which>,
) -> Result<Response, Refused> {
    let sessions = sessions(&app)?;
    let Some(name) = which.episode_id else {
        return Ok(json_answer(&of_state(&EnvironmentState::default(), "")));
    };
    let seat = only_one(sessions.named(&name).ok_or_else(|| unknown(&name))?)?;
    Ok(json_answer(&of_state(&seat.state(), &seat.episode)))
}

pub(super) async fn metadata(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    let gym = sessions(&app)?.gym();
    let n = gym.tasks().len();
    Ok(json_answer(&json!({
        "name": NAME,
        "description": format!(
            "Questions to be answered by searching a fixed set of documents: {n} tasks."
        ),
        "readme_content": null,
        "version": env!("CARGO_PKG_VERSION"),
        "author": null,
        "documentation_url": null,
    })))
}

pub(super) async fn schema(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    sessions(&app)?;
    let text = json!({ "type": "string" });
    let object = json!({ "type": "object" });
    let list = json!({ "type": "array", "items": { "type": "object" } });
    let reset = json!({
        "title": "ResetObservation",
        "type": "object",
        "properties": {
            "content": text, "results": list, "question": text, "tools": list, "metadata": object,
        },
    });
    Ok(json_answer(&json!({
        "action": actions::schema(),
        "observation": {
            "title": "SearchObservation",
            "type": "object",
            "properties": { "content": text, "results": list, "metadata": object },
        },
        "reset_observation": reset,
        "state": {
            "title": "SearchState",
            "type": "object",
            "properties": {
                "episode_id": { "type": ["string", "null"] },
                "step_count": { "type": "integer", "minimum": 0 },
                "task": { "type": ["string", "null"] },
                "searches": { "type": "integer", "minimum": 0 },
                "done": { "type": "boolean" },
            },
        },
    })))
}

pub(super) async fn environments(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    sessions(&app)?;
    Ok(json_answer(&json!([NAME])))
}

pub(super) async fn splits(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    let gym = sessions(&app)?.gym();
    let of = |split: &Split| {
        let kind = match split {
            Split::Train => "train",
            Split::Dev => "validation",
            Split::Test => "test",
        };
        json!({ "name": split, "type": kind })
    };
    let splits: Vec<Value> =
        Split::ALL.iter().filter(|split| !gym.of_split(**split).is_empty()).map(of).collect();
    Ok(json_answer(&splits))
}

/// The tasks of the split that a request names: their positions in the file.
fn of_split<'a>(app: &'a App, body: &Value) -> Result<(&'a Gym, &'a [usize]), Refused> {
    let gym = sessions(app)?.gym();
    let split = read_split(body.get("split").unwrap_or(&Value::Null)).map_err(Refused::invalid)?;
    Ok((gym, gym.of_split(split)))
}

fn listed(gym: &Gym, places: &[usize], from: usize) -> Vec<Value> {
    let task = |(at, place): (usize, &usize)| shown_task(&gym.tasks()[*place], from + at);
    places.iter().enumerate().map(task).collect()
}

pub(super) async fn tasks(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let body = object(&body)?;
    let (gym, places) = of_split(&app, &body)?;
    Ok(json_answer(&json!({ "tasks": listed(gym, places, 0), "env_name": NAME })))
}

pub(super) async fn n_tasks(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let (_, places) = of_split(&app, &object(&body)?)?;
    Ok(json_answer(&json!({ "num_tasks": places.len() })))
}

pub(super) async fn task(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let body = object(&body)?;
    let (gym, places) = of_split(&app, &body)?;
    let Some(index) = body.get("index").and_then(Value::as_u64) else {
        return Err(Refused::invalid("expected a number from 0 on for `index`"));
    };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let Some(place) = places.get(index) else {
        let message = format!("no task at {index}: the split has {}", places.len());
        return Err(Refused::new(StatusCode::BAD_REQUEST, "unknown_task", message));
    };
    Ok(json_answer(&json!({ "task": shown_task(&gym.tasks()[*place], index) })))
}

/// From `start` to before `stop`, counted from the end where they are negative, as a Python slice.
pub(super) async fn task_range(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let body = object(&body)?;
    let (gym, places) = of_split(&app, &body)?;
    let n = i64::try_from(places.len()).unwrap_or(i64::MAX);
    let bound = |key: &str, otherwise: i64| -> Result<i64, Refused> {
        match body.get(key) {
            None | Some(Value::Null) => Ok(otherwise),
            Some(value) => {
                let at = value
                    .as_i64()
                    .ok_or_else(|| Refused::invalid(format!("expected a number for `{key}`")))?;
                Ok((if at < 0 { n.saturating_add(at) } else { at }).clamp(0, n))
            }
        }
    };
    let (start, stop) = (bound("start", 0)? as usize, bound("stop", n)? as usize);
    let range = places.get(start..stop.max(start)).unwrap_or_default();
    Ok(json_answer(&json!({ "tasks": listed(gym, range, start) })))
}
