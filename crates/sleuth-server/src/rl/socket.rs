//! OpenEnv over a WebSocket: a connection is a session.
//!
//! ```json
//! > {"type": "reset", "data": {"seed": 3}}
//! < {"type": "observation", "data": {"observation": {"content": "…", "results": [], …}, "reward": null, "done": false}}
//! > {"type": "step", "data": {"query": "words"}}
//! < {"type": "observation", "data": {…, "reward": 0.0, "done": false}}
//! > {"type": "state"}
//! < {"type": "state", "data": {"episode_id": "…", "step_count": 1, …}}
//! > {"type": "mcp", "data": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}}
//! > {"type": "close"}
//! < {"type": "error", "data": {"message": "…", "code": "VALIDATION_ERROR"}}
//! ```
//!
//! Without a free seat, the answer to the connection is an error with `CAPACITY_REACHED` and the end.
//! Who says nothing for long loses its seat, and so does who does not take its answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sleuth_tasks::{Action, EnvironmentError, Sampled, environment_tools};

use super::actions::{self, NoAction, Wanted};
use super::openenv::{Reset, of_reset, of_state, of_step, of_tools, read_reset};
use super::sessions;
use super::sessions::{Seat, Sessions};
use crate::app::App;
use crate::refused::Refused;
use crate::retrieval::kind;

/// Bytes that are read at a time. There are as many of these buffers as there are sessions.
const BUFFER: usize = 4 << 10;
/// Bytes of a message, at most: an action with some 30,000 tokens of the policy and their probabilities.
const LONGEST: usize = 1 << 20;

pub(super) async fn connect(
    State(app): State<Arc<App>>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let sessions = Arc::clone(sessions(&app)?);
    let most = LONGEST.min(app.limits.body);
    Ok(upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| serve(socket, app, sessions)))
}

/// A mistake, as it is told.
struct Fault {
    code: &'static str,
    message: String,
    /// Each mistake by itself; nothing where there is no more to say.
    errors: Vec<Value>,
}

impl Fault {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: Vec::new() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("VALIDATION_ERROR", message)
    }

    fn to_json(&self) -> Value {
        let mut data = json!({ "message": self.message, "code": self.code });
        if !self.errors.is_empty() {
            data["errors"] = json!(self.errors);
        }
        json!({ "type": "error", "data": data })
    }
}

impl From<EnvironmentError> for Fault {
    fn from(error: EnvironmentError) -> Self {
        Self::new("EXECUTION_ERROR", error.to_string())
    }
}

impl From<NoAction> for Fault {
    fn from(NoAction(errors): NoAction) -> Self {
        Self { code: "VALIDATION_ERROR", message: "Invalid message".to_owned(), errors }
    }
}

/// What is done for a message.
enum Work {
    Reset(Reset),
    Step(Option<String>, Action, Sampled),
    Mcp(Value, String, Action),
}

/// What to do after a message.
enum Next {
    /// Answer this.
    Say(String),
    /// Do this, and answer what comes of it.
    Do(Work),
    /// End.
    Close,
}

async fn serve(mut socket: WebSocket, app: Arc<App>, sessions: Arc<Sessions>) {
    let slowest = app.limits.slowest;
    let Some(mut seat) = sessions.sit() else {
        let (active, most) = sessions.taken();
        let mut fault =
            Fault::new("CAPACITY_REACHED", format!("all {most} sessions are taken")).to_json();
        fault["data"]["active_sessions"] = active.into();
        fault["data"]["max_sessions"] = most.into();
        let _ = say(&mut socket, Message::Text(fault.to_string().into()), slowest).await;
        let _ = say(&mut socket, Message::Close(None), slowest).await;
        return;
    };
    let mut said = Instant::now();
    loop {
        // A client that is gone, or says nothing for long, gives its seat back as this ends. To keep the
        // connection up with pings is to say nothing.
        let left = sessions.idle().saturating_sub(said.elapsed());
        let received = tokio::time::timeout(left, socket.recv()).await;
        let Ok(Some(Ok(message))) = received else { break };
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Binary(bytes) => std::str::from_utf8(bytes).unwrap_or("\u{FFFD}"),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => break,
        };
        let answer = match read(text, &seat) {
            Ok(Next::Say(answer)) => answer,
            Ok(Next::Close) => {
                let _ = say(&mut socket, Message::Close(None), slowest).await;
                break;
            }
            Ok(Next::Do(work)) => {
                let done = app.admission.take_turn(seat.length(), move || {
                    let answer = work.on(&mut seat);
                    (seat, answer)
                });
                let Ok((back, answer)) = done.await else { break };
                seat = back;
                answer.unwrap_or_else(|fault| fault.to_json().to_string())
            }
            Err(fault) => fault.to_json().to_string(),
        };
        if say(&mut socket, Message::Text(answer.into()), slowest).await.is_none() {
            break;
        }
        said = Instant::now();
    }
}

/// Sends `message`; nothing where the client has gone, or does not take it for that long.
async fn say(socket: &mut WebSocket, message: Message, slowest: Duration) -> Option<()> {
    tokio::time::timeout(slowest, socket.send(message)).await.ok()?.ok()
}

fn read(text: &str, seat: &Seat) -> Result<Next, Fault> {
    let message: Value = serde_json::from_str(text)
        .map_err(|error| Fault::new("INVALID_JSON", format!("Invalid JSON: {error}")))?;
    let Some(fields) = message.as_object() else {
        return Err(Fault::invalid(format!("expected an object, found {}", kind(&message))));
    };
    let known = |known: &[&str]| match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Fault::invalid(format!("extra inputs are not permitted: `{key}`"))),
    };
    let wanted = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    Ok(match wanted {
        "reset" => {
            known(&["type", "data"])?;
            let data = fields.get("data").cloned().unwrap_or_else(|| json!({}));
            if !data.is_object() {
                return Err(Fault::invalid("expected an object for `data`"));
            }
            let reset = read_reset(&data, seat.gym()).map_err(Fault::invalid)?;
            Next::Do(Work::Reset(reset))
        }
        "step" => {
            known(&["type", "data"])?;
            let none = Fault::invalid("expected an action for `data`, found nothing");
            match actions::read(fields.get("data").ok_or(none)?)? {
                Wanted::ListTools => Next::Say(observed(&of_tools())?),
                Wanted::Act(action, said) => Next::Do(Work::Step(None, action, said)),
                Wanted::Call(tool, action, said) => Next::Do(Work::Step(Some(tool), action, said)),
            }
        }
        "state" => {
            known(&["type"])?;
            let state = of_state(&seat.state(), &seat.episode);
            Next::Say(json!({ "type": "state", "data": state }).to_string())
        }
        "close" => {
            known(&["type"])?;
            Next::Close
        }
        "mcp" => {
            known(&["type", "data"])?;
            mcp(fields)
        }
        _ => {
            let wanted: String = wanted.chars().take(80).collect();
            return Err(Fault::new("UNKNOWN_TYPE", format!("Unknown message type: {wanted}")));
        }
    })
}

fn observed(data: &impl Serialize) -> Result<String, Fault> {
    #[derive(Serialize)]
    struct Observed<'a, T> {
        r#type: &'static str,
        data: &'a T,
    }
    serde_json::to_string(&Observed { r#type: "observation", data })
        .map_err(|error| Fault::new("EXECUTION_ERROR", error.to_string()))
}

/// The tools by JSON-RPC.
fn mcp(fields: &Map<String, Value>) -> Next {
    let request = fields.get("data").unwrap_or(&Value::Null);
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let params = request.get("params").unwrap_or(&Value::Null);
    match (request["method"].as_str(), params["name"].as_str()) {
        (Some("tools/list"), _) => {
            let tool = |tool: &sleuth_records::ToolSpec| {
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "inputSchema": tool.parameters,
                })
            };
            let tools: Vec<Value> = environment_tools().iter().map(tool).collect();
            Next::Say(called(&id, &json!({ "tools": tools })))
        }
        (Some("tools/call"), Some(name)) => {
            let none = json!({});
            let action = Action::of_call(name, params.get("arguments").unwrap_or(&none));
            Next::Do(Work::Mcp(id, name.to_owned(), action))
        }
        (Some("tools/call"), None) => Next::Say(failed(&id, -32602, "Missing 'name' in params")),
        (Some(method), _) => {
            let method: String = method.chars().take(80).collect();
            Next::Say(failed(&id, -32601, &format!("Method not found: {method}")))
        }
        (None, _) => Next::Say(failed(&id, -32600, "Invalid request: expected a `method`")),
    }
}

fn called(id: &Value, result: &Value) -> String {
    json!({ "type": "mcp", "data": { "jsonrpc": "2.0", "id": id, "result": result } }).to_string()
}

fn failed(id: &Value, code: i32, message: &str) -> String {
    let error = json!({ "code": code, "message": message });
    json!({ "type": "mcp", "data": { "jsonrpc": "2.0", "id": id, "error": error } }).to_string()
}

impl Work {
    fn on(self, seat: &mut Seat) -> Result<String, Fault> {
        match self {
            Self::Reset(Reset { pick, episode }) => {
                let observation = seat.reset(&pick, episode)?;
                observed(&of_reset(&observation, &seat.episode))
            }
            Self::Step(tool, action, said) => {
                let stepped = seat.step(&action, said)?;
                observed(&of_step(&stepped, tool.as_deref()))
            }
            Self::Mcp(id, tool, action) => match seat.step(&action, Sampled::default()) {
                Ok(stepped) => {
                    let mut result = json!(of_step(&stepped, Some(&tool)).observation);
                    result["reward"] = json!(stepped.reward);
                    result["done"] = stepped.done.into();
                    Ok(called(&id, &result))
                }
                Err(error) => Ok(failed(&id, -32603, &error.to_string())),
            },
        }
    }
}
