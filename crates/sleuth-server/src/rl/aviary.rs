//! aviary, as `fhaviary` 0.37 has it: an environment is started, reset, stepped and closed by its id.
//!
//! `/step` takes what a model said, with its calls of tools, and gives
//! `[messages, reward, done, truncated]`. Calls of one message are taken in their order until the
//! episode ends; their rewards add up. Where an episode ends in an error there is no reward to give, so
//! the answer is *500* and not a number.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use sleuth_records::ToolSpec;
use sleuth_tasks::{
    Action, EndOfEpisode, EnvironmentError, Pick, Sampled, ShownPassage, TaskId, environment_tools,
};

use super::actions;
use super::sessions::{KeptSeat, Seat, only_one};
use super::{Metadata, object, sessions};
use crate::answer::json_answer;
use crate::app::App;
use crate::refused::Refused;

/// Most calls of one message.
const MOST_CALLS: usize = 64;

pub(super) async fn info(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    let sessions = sessions(&app)?;
    Ok(json_answer(&json!({
        "dataset_size": sessions.gym().tasks().len(),
        "running_env_ids": sessions.running(),
    })))
}

pub(super) async fn start(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let sessions = sessions(&app)?;
    let body = object(&body)?;
    let index = match body.get("task_idx") {
        None | Some(Value::Null) => None,
        Some(index) => {
            let n = sessions.gym().tasks().len();
            let at = index.as_u64().and_then(|at| usize::try_from(at).ok()).filter(|at| *at < n);
            Some(at.ok_or_else(|| {
                Refused::invalid(format!("no task at {index}: expected a position below {n}"))
            })?)
        }
    };
    let gym = sessions.gym();
    // Chosen once: a session that is reset again puts the same question.
    let chosen = match (index, body.get("task_kwargs")) {
        (Some(_), Some(Value::Object(_))) => {
            return Err(Refused::invalid(
                "expected one of `task_idx` and `task_kwargs`, found both",
            ));
        }
        (Some(index), _) => index,
        (None, Some(arguments @ Value::Object(_))) => {
            let Some(id) = arguments["task"].as_str() else {
                return Err(Refused::invalid("expected the id of a task for `task`"));
            };
            let id = TaskId(id.to_owned());
            gym.position(&id)
                .ok_or(EnvironmentError::NoSuchTask { id })
                .map_err(|e| of_environment(&e))?
        }
        (None, _) => gym.next(),
    };
    let name = sessions.start(None)?;
    let seat = sessions.named(&name).ok_or_else(|| unknown(&name))?;
    only_one(seat)?.chosen = chosen;
    Ok(json_answer(&json!({ "env_id": name })))
}

fn of_environment(error: &EnvironmentError) -> Refused {
    match error {
        EnvironmentError::NotReset => {
            Refused::new(StatusCode::CONFLICT, "not_reset", error.to_string())
        }
        EnvironmentError::NoSuchIndex { .. } | EnvironmentError::NoSuchTask { .. } => {
            Refused::invalid(error.to_string())
        }
    }
}

fn unknown(name: &str) -> Refused {
    let name: String = name.chars().take(80).collect();
    Refused::new(StatusCode::NOT_FOUND, "unknown_session", format!("Environment {name} not found"))
}

fn seat(app: &App, body: &Value) -> Result<KeptSeat, Refused> {
    let Some(name) = body["env_id"].as_str() else {
        return Err(Refused::invalid("expected a text for `env_id`"));
    };
    sessions(app)?.named(name).ok_or_else(|| unknown(name))
}

pub(super) async fn reset(app: &Arc<App>, body: &Value) -> Result<Response, Refused> {
    let seat = seat(app, body)?;
    let observation = {
        let mut seat = only_one(seat)?;
        let pick = Pick::Index(seat.chosen);
        seat.reset(&pick, None).map_err(|e| of_environment(&e))?
    };
    let tool = |tool| Tool { kind: "function", function: tool };
    let tools: Vec<Tool<'_>> = environment_tools().iter().map(tool).collect();
    let info = json!({
        "task": observation.task,
        "split": observation.split,
        "rollout": observation.rollout,
        "question": observation.question,
    });
    let message = json!({ "role": "user", "content": observation.opening(), "info": info });
    Ok(json_answer(&([message], tools)))
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: &'a ToolSpec,
}

/// What there is to read after a step.
#[derive(Serialize)]
struct ToolMessage {
    role: &'static str,
    content: String,
    #[serde(flatten)]
    of: Option<CallOf>,
    info: Info,
}

/// The call that a message answers.
#[derive(Serialize)]
struct CallOf {
    name: String,
    tool_call_id: Value,
}

#[derive(Default, Serialize)]
struct Info {
    #[serde(flatten)]
    metadata: Metadata,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<ShownPassage>,
}

/// One call of a message: its id, the name of the tool, and the action that it is.
struct Called {
    id: Value,
    name: String,
    action: Action,
}

/// The calls of a message; one that is no call where there are none.
fn calls(action: &Value) -> Result<Vec<Called>, Refused> {
    if !action.is_object() {
        return Err(Refused::invalid("expected a message for `action`"));
    }
    let Some(calls) = action.get("tool_calls").and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    if calls.len() > MOST_CALLS {
        let found = calls.len();
        return Err(Refused::invalid(format!(
            "expected at most {MOST_CALLS} calls, found {found}"
        )));
    }
    Ok(calls
        .iter()
        .map(|call| {
            let function = &call["function"];
            let name = function["name"].as_str().unwrap_or_default();
            let action = match function["arguments"].as_str() {
                Some(text) => match serde_json::from_str::<Value>(text) {
                    Ok(arguments) => Action::of_call(name, &arguments),
                    Err(_) => Action::invalid(text, "an object of JSON for the arguments"),
                },
                None => Action::of_call(name, &function["arguments"]),
            };
            Called { id: call["id"].clone(), name: name.chars().take(80).collect(), action }
        })
        .collect())
}

pub(super) async fn step(app: &Arc<App>, body: &Value) -> Result<Response, Refused> {
    let seat = seat(app, body)?;
    let action = &body["action"];
    let calls = calls(action)?;
    let mut said = actions::sampled(&action["info"]).map_err(Refused::invalid)?;
    action["content"].as_str().unwrap_or_default().clone_into(&mut said.text);
    let length = sessions(app)?.length();
    let mut seat = only_one(seat)?;
    let answer = app.admission.take_turn(length, move || take(&mut seat, &calls, said)).await??;
    Ok(json_answer(&answer))
}

/// Takes the calls of a message in turn.
fn take(
    seat: &mut Seat,
    calls: &[Called],
    mut said: Sampled,
) -> Result<(Vec<ToolMessage>, f64, bool, bool), Refused> {
    let mut messages = Vec::new();
    let (mut reward, mut done, mut truncated) = (0.0, false, false);
    let none = [Called {
        id: Value::Null,
        name: String::new(),
        action: Action::invalid(&said.text, "a call of a tool"),
    }];
    if calls.is_empty() {
        said.text.clear();
    }
    for call in if calls.is_empty() { &none[..] } else { calls } {
        let mut content = "The task is done.".to_owned();
        let mut info = Info::default();
        if !done {
            let stepped = seat
                .step(&call.action, std::mem::take(&mut said))
                .map_err(|e| of_environment(&e))?;
            if let Some(EndOfEpisode::Failed { boundary }) = &stepped.end {
                let message = format!("the episode has no reward: the {boundary} failed");
                return Err(Refused::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "episode_failed",
                    message,
                ));
            }
            info = Info { metadata: Metadata::of(&stepped), results: stepped.passages };
            reward += stepped.reward.unwrap_or_default();
            (done, truncated) = (stepped.done, stepped.truncated);
            content = stepped.text;
        }
        let (role, of) = if calls.is_empty() {
            ("user", None)
        } else {
            let of = CallOf { name: call.name.clone(), tool_call_id: call.id.clone() };
            ("tool", Some(of))
        };
        messages.push(ToolMessage { role, content, of, info });
    }
    Ok((messages, reward, done, truncated))
}

pub(super) async fn close(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refused> {
    let body = object(&body)?;
    let name = body["env_id"].as_str().unwrap_or_default();
    if sessions(&app)?.close(name) {
        Ok(json_answer(&json!({ "env_id": name })))
    } else {
        Err(unknown(name))
    }
}

pub(super) async fn close_old(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let body = object(&body)?;
    let seconds = match body.get("last_used") {
        None => 3600.0,
        Some(seconds) => seconds
            .as_f64()
            .filter(|seconds| *seconds >= 0.0)
            .ok_or_else(|| Refused::invalid("expected seconds for `last_used`"))?,
    };
    let idle = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let closed = sessions(&app)?.close_idle(idle);
    Ok(json_answer(&json!({ "closed_env_ids": closed })))
}
