//! Environments as trainers speak to them: OpenEnv and aviary.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sleuth_lm::LmError;
use sleuth_records::Question;
use sleuth_server::{Environments, Options, ServedTasks};
use sleuth_tasks::{
    Boundary, Ending, Episode, Kind, LinesError, Provenance, Split, TASK_SCHEMA, Task, TaskId,
    TrainTask, Verifier, read_episodes,
};
use sleuth_testkit::Acting;

use crate::client::{Reply, Served, options};

fn task(id: &str, question: &str, gold: &str) -> TrainTask {
    let task = Task {
        schema: TASK_SCHEMA,
        id: TaskId(id.to_owned()),
        question: Question::new(question).unwrap(),
        gold_answers: vec![gold.to_owned()],
        evidence: Vec::new(),
        kind: Kind::OneHop,
        hops: 1,
        difficulty: None,
        store: None,
        split: Split::Train,
        verifier: Verifier::Exact,
        steps: Vec::new(),
        provenance: Provenance::default(),
    };
    TrainTask::try_from(task).unwrap()
}

fn environments() -> Environments {
    Environments::of(ServedTasks::Train(vec![
        task("born", "Where was Mirela Tonkova born?", "Varnograd"),
        task("river", "On which river does Varnograd lie?", "Selm"),
        task("top", "What is the highest point of the Okrin Hills?", "Grey Top"),
    ]))
}

/// A server of tasks with a log of episodes.
struct Gym {
    served: Served,
    episodes: PathBuf,
    folder: tempfile::TempDir,
}

impl Gym {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        Self::over(tempfile::tempdir().unwrap(), change)
    }

    fn over(folder: tempfile::TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let episodes = folder.path().join("episodes.jsonl");
        let environments = Environments { episodes: Some(episodes.clone()), ..environments() };
        let mut options = Options { environments: Some(environments), ..options() };
        change(&mut options);
        Self { served: Served::with(options), episodes, folder }
    }

    fn episodes(&self) -> Vec<Episode> {
        read(&self.episodes)
    }

    /// Waits until so many episodes are written.
    fn wait_for(&self, n: usize) -> Vec<Episode> {
        let begun = Instant::now();
        while self.episodes().len() < n && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.episodes()
    }

    fn sessions(&self) -> u64 {
        self.served.get("/stats").json()["environments"]["sessions"].as_u64().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let reply = self.served.post(path, &body.to_string());
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.text());
        reply.json()
    }
}

fn read(path: &Path) -> Vec<Episode> {
    let mut out = Vec::new();
    read_episodes(path, |episode| {
        out.push(episode);
        Ok::<_, LinesError>(())
    })
    .unwrap();
    out
}

/// A client of WebSockets, no more of one than the tests need.
struct Socket(TcpStream);

impl Socket {
    fn open(served: &Served) -> Self {
        let mut stream = served.connect();
        let head = served.request(
            "GET",
            "/ws",
            &[
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
            b"",
        );
        stream.write_all(&head).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        // The example of RFC 6455.
        assert!(
            answer.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=")
        );
        Self(stream)
    }

    fn send(&mut self, text: &str) {
        // A server that refuses a message in the middle of it closes the connection.
        let _ = self.frame(1, text);
    }

    /// Sends a frame of that kind.
    fn frame(&mut self, kind: u8, text: &str) -> std::io::Result<()> {
        let payload = text.as_bytes();
        let mut frame = vec![0x80 | kind];
        match payload.len() {
            n @ 0..126 => frame.push(0x80 | n as u8),
            n @ 126..65536 => {
                frame.push(0x80 | 126);
                frame.extend((n as u16).to_be_bytes());
            }
            n => {
                frame.push(0x80 | 127);
                frame.extend((n as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.0.write_all(&frame)
    }

    /// The next message; nothing at the end.
    fn receive(&mut self) -> Option<Value> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        let length = match head[1] {
            126 => {
                let mut bytes = [0; 2];
                self.0.read_exact(&mut bytes).ok()?;
                usize::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                self.0.read_exact(&mut bytes).ok()?;
                u64::from_be_bytes(bytes) as usize
            }
            n => usize::from(n),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).ok()?;
        match head[0] & 0xF {
            1 => Some(serde_json::from_slice(&payload).unwrap()),
            _ => None,
        }
    }

    fn say(&mut self, message: &Value) -> Value {
        self.send(&message.to_string());
        self.receive().unwrap_or_else(|| panic!("no answer to {message}"))
    }

    fn reset(&mut self, data: &Value) -> Value {
        let answer = self.say(&json!({ "type": "reset", "data": data }));
        assert_eq!(answer["type"], "observation", "{answer}");
        answer["data"].clone()
    }

    fn step(&mut self, action: &Value) -> Value {
        let answer = self.say(&json!({ "type": "step", "data": action }));
        assert_eq!(answer["type"], "observation", "{answer}");
        answer["data"].clone()
    }

    fn error(&mut self, text: &str) -> (String, String) {
        self.send(text);
        let answer = self.receive().unwrap_or_else(|| panic!("no answer to {text}"));
        assert_eq!(answer["type"], "error", "{answer}");
        let part = |key: &str| answer["data"][key].as_str().unwrap().to_owned();
        (part("code"), part("message"))
    }
}

#[test]
fn an_openenv_episode_over_a_socket() {
    let gym = Gym::new(|_| ());
    let mut socket = Socket::open(&gym.served);
    let begun = socket.reset(&json!({ "task": "born", "episode_id": "e7", "unknown": 1 }));
    assert_eq!(begun["done"], false);
    assert_eq!(begun["reward"], Value::Null);
    assert_eq!(begun["observation"]["question"], "Where was Mirela Tonkova born?");
    assert_eq!(begun["metadata"]["task"], "born");
    assert_eq!(begun["observation"]["tools"].as_array().unwrap().len(), 4);

    let sampled = json!({ "text": "hm", "tokens": [5, 9], "log_probabilities": [-0.5, -1.0] });
    let found = socket.step(&json!({ "query": "Mirela Tonkova", "metadata": sampled }));
    assert_eq!((&found["reward"], &found["done"]), (&json!(0.0), &json!(false)));
    assert_eq!(found["observation"]["results"][0]["id"], "tonkova");
    assert!(found["observation"]["content"].as_str().unwrap().starts_with("⟦e1 in d1:"));
    let state = socket.say(&json!({ "type": "state" }));
    assert_eq!(
        state,
        json!({ "type": "state", "data": {
            "episode_id": "e7", "step_count": 1, "task": "born", "searches": 1, "done": false,
        } })
    );
    // In the manner of MCP, as a step and as JSON-RPC.
    let tools = socket.step(&json!({ "type": "list_tools" }));
    assert_eq!(tools["observation"]["tools"][0]["name"], "search");
    let called = socket.step(&json!({
        "type": "call_tool", "tool_name": "open", "arguments": { "document": "d1" },
    }));
    assert_eq!(called["observation"]["tool_name"], "open");
    assert!(called["observation"]["result"].as_str().unwrap().contains("organs"));
    let call = |id: u32, method: &str, params: Value| json!({ "type": "mcp", "data": { "jsonrpc": "2.0", "id": id, "method": method, "params": params } });
    let tools = socket.say(&call(1, "tools/list", json!({})));
    assert_eq!(tools["data"]["result"]["tools"][3]["name"], "answer");
    let none = socket.say(&call(2, "tools/none", json!({})));
    assert_eq!(none["data"]["error"]["code"], -32601);
    let arguments = json!({ "document": "d1", "pattern": "born" });
    let found =
        socket.say(&call(3, "tools/call", json!({ "name": "find", "arguments": arguments })));
    assert!(found["data"]["result"]["result"].as_str().unwrap().contains("born in Varnograd"));

    let end = socket.step(&json!({ "answer": "Varnograd", "citations": ["e1"] }));
    assert_eq!((&end["reward"], &end["done"]), (&json!(1.0), &json!(true)));
    assert_eq!(end["metadata"]["end"]["correct"], true);
    let (code, _) = socket.error(r#"{"type": "step", "data": {"query": "x"}}"#);
    assert_eq!(code, "EXECUTION_ERROR");
    socket.send(r#"{"type": "close"}"#);
    assert_eq!(socket.receive(), None);
    let episodes = gym.wait_for(1);
    assert_eq!(episodes.len(), 1);
    assert_eq!(episodes[0].task.id.0, "born");
    assert_eq!(episodes[0].attempt.searches.len(), 1);
    let sampled = &episodes[0].transcript[1];
    assert!(sampled.text.starts_with("hm\n"), "{}", sampled.text);
    assert_eq!(
        (&sampled.tokens[..], &sampled.log_probabilities[..]),
        (&[5, 9][..], &[-0.5, -1.0][..])
    );
    assert!(episodes[0].verdict().unwrap().correct);
    assert_eq!(gym.sessions(), 0);
}

#[test]
fn a_server_that_starts_again_goes_on_with_its_log() {
    let mut gym = Gym::new(|_| ());
    for n in 1..=2 {
        let mut socket = Socket::open(&gym.served);
        socket.reset(&json!({ "task": "born" }));
        socket.step(&json!({ "answer": "Varnograd" }));
        drop(socket);
        gym.wait_for(n);
    }
    gym.served.stop();
    let again = Gym::over(gym.folder, |_| ());
    let mut socket = Socket::open(&again.served);
    socket.reset(&json!({ "task": "born" }));
    socket.step(&json!({ "answer": "Varnograd" }));
    let episodes = again.wait_for(3);
    let rollouts: Vec<u32> = episodes.iter().map(|episode| episode.rollout).collect();
    assert_eq!(rollouts, [0, 1, 2]);
    assert!(episodes.iter().all(|episode| episode.task.id.0 == "born"));
    assert!(episodes[2].seed != episodes[0].seed && episodes[2].seed != episodes[1].seed);
}

#[test]
fn mistakes_over_a_socket_have_their_codes_and_end_nothing() {
    let gym = Gym::new(|_| ());
    let mut socket = Socket::open(&gym.served);
    for (text, code) in [
        ("not json", "INVALID_JSON"),
        ("[1]", "VALIDATION_ERROR"),
        (r#"{"type": "dance"}"#, "UNKNOWN_TYPE"),
        ("{}", "UNKNOWN_TYPE"),
        (r#"{"type": "step", "data": {"query": "x"}}"#, "EXECUTION_ERROR"),
        (r#"{"type": "step"}"#, "VALIDATION_ERROR"),
        (r#"{"type": "step", "data": {"query": "x", "more": 1}}"#, "VALIDATION_ERROR"),
        (r#"{"type": "step", "data": {"action": {"query": "x"}}}"#, "VALIDATION_ERROR"),
        (r#"{"type": "step", "data": [1]}"#, "VALIDATION_ERROR"),
        (
            r#"{"type": "step", "data": {"query": "x", "metadata": {"tokens": [-1]}}}"#,
            "VALIDATION_ERROR",
        ),
        (
            r#"{"type": "step", "data": {"query": "x", "metadata": {"tokens": [1], "log_probabilities": [0, 0]}}}"#,
            "VALIDATION_ERROR",
        ),
        (r#"{"type": "state", "data": {}}"#, "VALIDATION_ERROR"),
        (r#"{"type": "reset", "data": {"seed": -1}}"#, "VALIDATION_ERROR"),
        (r#"{"type": "reset", "data": {"task": "none"}}"#, "EXECUTION_ERROR"),
        (r#"{"type": "reset", "data": {"index": 99}}"#, "EXECUTION_ERROR"),
        (r#"{"type": "reset", "data": {"split": "train", "index": 99}}"#, "VALIDATION_ERROR"),
        (r#"{"type": "reset", "data": {"split": "nowhere"}}"#, "VALIDATION_ERROR"),
    ] {
        let (found, message) = socket.error(text);
        assert_eq!(found, code, "{text}: {message}");
        assert!(message.len() < 300);
    }
    // A value of the wrong kind is the policy's mistake: it is told so, and it counts.
    socket.reset(&json!({ "seed": 4 }));
    let told = socket.step(&json!({ "query": 7 }));
    assert_eq!(told["metadata"]["invalid"], true);
    assert_eq!(socket.say(&json!({ "type": "state" }))["data"]["step_count"], 1);
}

#[test]
fn a_client_that_goes_away_gives_its_seat_back() {
    let gym = Gym::new(|options| options.environments.as_mut().unwrap().sessions = 2);
    let mut first = Socket::open(&gym.served);
    first.reset(&json!({ "task": "river" }));
    first.step(&json!({ "query": "Varnograd" }));
    let mut second = Socket::open(&gym.served);
    second.reset(&json!({}));
    let refused = Socket::open(&gym.served).receive().unwrap();
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["data"]["code"], "CAPACITY_REACHED");
    assert_eq!(refused["data"]["max_sessions"], 2);
    let reply = gym.served.post("/start", "{}");
    assert_eq!((reply.status, reply.code().as_str()), (503, "capacity_reached"));
    assert!(reply.header("retry-after").is_some());
    // Gone in the middle of it, without a word.
    drop(first);
    let episodes = gym.wait_for(1);
    let Ending::Failed { boundary, message } = &episodes[0].ending else { panic!("{episodes:?}") };
    assert_eq!((*boundary, message.as_str()), (Boundary::Client, "the client left before the end"));
    assert_eq!(episodes[0].attempt.searches.len(), 1);
    let mut third = Socket::open(&gym.served);
    third.reset(&json!({}));
    // A message of more than 1 MiB ends its connection and nothing else.
    third.send(&json!({ "type": "step", "data": { "query": "x".repeat(1 << 20) } }).to_string());
    assert_eq!(third.receive(), None);
    assert_eq!(gym.wait_for(2).len(), 2);
    second.step(&json!({ "query": "still here" }));
    // At the end of the server, what is under way is written down, too.
    let Gym { mut served, episodes, folder: _folder } = gym;
    served.stop();
    assert_eq!(read(&episodes).len(), 3);
}

#[test]
fn at_the_end_of_the_server_sessions_that_are_kept_by_name_are_written_down() {
    let gym = Gym::new(|_| ());
    let id = gym.post("/start", &json!({ "task_idx": 1 }))["env_id"].clone();
    gym.post("/reset", &json!({ "env_id": id }));
    let arguments = json!({ "query": "Varnograd" }).to_string();
    let call = json!({ "id": "a1", "function": { "name": "search", "arguments": arguments } });
    gym.post("/step", &json!({ "env_id": id, "action": { "tool_calls": [call] } }));
    gym.post("/reset", &json!({ "task": "top", "episode_id": "mine" }));
    let Gym { mut served, episodes, folder: _folder } = gym;
    served.stop();
    let mut episodes = read(&episodes);
    episodes.sort_by_key(|episode| episode.attempt.searches.len());
    assert_eq!(episodes.len(), 2);
    for (episode, (task, searches)) in episodes.iter().zip([("top", 0), ("river", 1)]) {
        assert_eq!((episode.task.id.0.as_str(), episode.attempt.searches.len()), (task, searches));
        let Ending::Failed { boundary, .. } = &episode.ending else { panic!("{episode:?}") };
        assert_eq!(*boundary, Boundary::Client);
    }
}

/// What cannot begin neither keeps a place nor ends what is under way.
#[test]
fn a_reset_that_fails_changes_nothing() {
    let gym = Gym::new(|options| options.environments.as_mut().unwrap().sessions = 1);
    let reset = |body: Value| gym.served.post("/reset", &body.to_string()).status;
    for n in 0..3 {
        assert_eq!(reset(json!({ "task": "none", "episode_id": format!("e{n}") })), 404);
    }
    assert_eq!(reset(json!({ "task": "top", "episode_id": "mine" })), 200);
    let action = json!({ "action": { "query": "Varnograd" }, "episode_id": "mine" });
    gym.post("/step", &action);
    assert_eq!(reset(json!({ "task": "none", "episode_id": "mine" })), 404);
    gym.post("/step", &action);
    assert_eq!(gym.served.get("/state?episode_id=mine").json()["step_count"], 2);
    assert!(read(&gym.episodes).is_empty());
}

#[test]
fn of_one_session_one_request_alone_waits_for_its_turn() {
    // The judge holds the only turn for as long as the test wants.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (asked, is_asked) = std::sync::mpsc::channel::<()>();
    let gym = Gym::new(|options| {
        options.limits.running = 1;
        let environments = options.environments.as_mut().unwrap();
        let judged = |task: TrainTask| Task { verifier: Verifier::Judge, ..task.into_task() };
        let born = judged(task("born", "Where was Mirela Tonkova born?", "Varnograd"));
        environments.tasks = ServedTasks::Train(vec![TrainTask::try_from(born).unwrap()]);
        environments.judge = Some(Box::new(Acting::new(move |_, _| {
            let _ = asked.send(());
            let _ = wait.recv();
            Err(LmError::Cancelled)
        })));
    });
    let ids: Vec<String> = ["openenv", "other"].map(str::to_owned).into();
    for id in &ids {
        gym.post("/reset", &json!({ "task": "born", "episode_id": id }));
    }
    let aviary = gym.post("/start", &json!({}))["env_id"].clone();
    gym.post("/reset", &json!({ "env_id": aviary }));
    let ask = |body: Value| {
        let mut stream = gym.served.connect();
        let body = body.to_string();
        stream.write_all(&gym.served.request("POST", "/step", &[], body.as_bytes())).unwrap();
        stream
    };
    let mut waiting = Vec::new();
    // The gold answer itself would be judged by nobody.
    let answer = json!({ "answer": "a port on the river Selm" });
    let mut judged = ask(json!({ "action": answer, "episode_id": "other" }));
    is_asked.recv_timeout(Duration::from_secs(20)).expect("it is never judged");
    assert_eq!(gym.served.get("/state?episode_id=other").status, 409);
    for body in [
        json!({ "action": { "query": "Varnograd" }, "episode_id": "openenv" }),
        json!({ "action": { "role": "assistant", "content": "Hm." }, "env_id": aviary }),
    ] {
        // One of the two waits for the turn, and the other is told so.
        let mut both = [ask(body.clone()), ask(body)];
        let begun = Instant::now();
        let told = 'told: loop {
            for (at, stream) in both.iter_mut().enumerate() {
                stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                if stream.peek(&mut [0]).is_ok() {
                    break 'told at;
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "both wait");
        };
        let reply = Reply::read(&mut both[told]);
        assert_eq!((reply.status, reply.code().as_str()), (409, "session_busy"));
        waiting.push(both.into_iter().nth(1 - told).unwrap());
    }
    drop(go);
    for stream in &mut waiting {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(Reply::read(stream).status, 200);
    }
    assert_eq!(Reply::read(&mut judged).status, 200);
}

#[test]
fn a_judge_ends_outside_the_runtime_of_the_server() {
    /// A remote model has a runtime of its own, which cannot end within another.
    struct Remote(Arc<OnceLock<bool>>);
    impl Drop for Remote {
        fn drop(&mut self) {
            let _ = self.0.set(tokio::runtime::Handle::try_current().is_ok());
        }
    }
    let within = Arc::default();
    let remote = Remote(Arc::clone(&within));
    let mut gym = Gym::new(|options| {
        let judge = Acting::new(move |_, _| {
            let _ = &remote;
            Err(LmError::Cancelled)
        });
        options.environments.as_mut().unwrap().judge = Some(Box::new(judge));
    });
    assert_eq!(gym.sessions(), 0);
    gym.served.stop();
    assert_eq!(within.get(), Some(&false));
}

#[test]
fn openenv_over_plain_requests() {
    let gym = Gym::new(|_| ());
    assert_eq!(gym.served.get("/health").json()["status"], "healthy");
    assert_eq!(gym.served.get("/metadata").json()["name"], "sleuth");
    assert!(gym.served.get("/schema").json()["action"]["properties"]["query"].is_object());
    assert_eq!(gym.served.get("/list_environments").json(), json!(["sleuth"]));
    assert_eq!(
        gym.served.get("/sleuth/splits").json(),
        json!([{ "name": "train", "type": "train" }])
    );
    let split = json!({ "split": "train" });
    assert_eq!(gym.post("/sleuth/num_tasks", &split)["num_tasks"], 3);
    let tasks = gym.post("/sleuth/tasks", &split);
    assert_eq!(tasks["tasks"][1]["id"], "river");
    assert!(!tasks.to_string().contains("Selm"), "no gold answers: {tasks}");
    let one = gym.post("/sleuth/task", &json!({ "split": "train", "index": 2 }));
    assert_eq!(one["task"]["id"], "top");
    let range = gym.post("/sleuth/task_range", &json!({ "split": "train", "start": -2 }));
    assert_eq!(range["tasks"].as_array().unwrap().len(), 2);
    let past = gym.served.post("/sleuth/task", r#"{"split": "train", "index": 3}"#);
    assert_eq!(past.status, 400);
    assert_eq!(gym.post("/sleuth/num_tasks", &json!({ "split": "test" }))["num_tasks"], 0);

    // Nothing is kept between plain requests, as OpenEnv has it.
    let begun = gym.post("/reset", &json!({ "seed": 1 }));
    assert_eq!(begun["done"], false);
    assert_eq!(
        gym.post("/reset", &json!({ "seed": 1 }))["observation"]["question"],
        begun["observation"]["question"]
    );
    let lost = gym.served.post("/step", r#"{"action": {"query": "x"}}"#);
    assert_eq!((lost.status, lost.code().as_str()), (409, "not_reset"));
    assert_eq!(gym.served.get("/state").json()["step_count"], 0);
    assert_eq!(gym.sessions(), 0);
    // Unless the client names an episode.
    gym.post("/reset", &json!({ "task": "top", "episode_id": "mine" }));
    let step =
        |action: Value| gym.post("/step", &json!({ "action": action, "episode_id": "mine" }));
    let found = step(json!({ "query": "Okrin Hills highest point" }));
    assert!(found["observation"]["content"].as_str().unwrap().contains("Grey Top"));
    assert_eq!(gym.served.get("/state?episode_id=mine").json()["step_count"], 1);
    let end = step(json!({ "answer": "Grey Top" }));
    assert_eq!((&end["reward"], &end["done"]), (&json!(1.0), &json!(true)));
    for (body, at) in [
        (r#"{"action": {"qery": "x"}}"#, "action"),
        (r#"{"action": {"query": "x", "temp": 1}}"#, "temp"),
        ("{}", "body"),
    ] {
        let wrong = gym.served.post("/step", body);
        assert_eq!(wrong.status, 422);
        assert_eq!(wrong.json()["detail"][0]["loc"][0], at, "{}", wrong.text());
    }
    assert_eq!(
        gym.served.post("/step", r#"{"action": {"query": "x"}, "episode_id": "no"}"#).status,
        404
    );
}

#[test]
fn an_aviary_environment_from_start_to_close() {
    let gym = Gym::new(|_| ());
    assert_eq!(gym.served.get("/info").json(), json!({ "dataset_size": 3, "running_env_ids": [] }));
    let id = gym.post("/start", &json!({ "task_idx": 1 }))["env_id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(gym.served.get("/info").json()["running_env_ids"], json!([id]));
    let begun = gym.post("/reset", &json!({ "env_id": id }));
    assert_eq!(begun[0][0]["role"], "user");
    assert!(
        begun[0][0]["content"].as_str().unwrap().contains("On which river does Varnograd lie?")
    );
    assert_eq!(begun[1][0]["type"], "function");
    assert_eq!(begun[1][0]["function"]["parameters"]["required"], json!(["query"]));
    let call = |id: &str, name: &str, arguments: Value| {
        json!({ "id": id, "type": "function",
                "function": { "name": name, "arguments": arguments.to_string() } })
    };
    let step = |calls: Vec<Value>| {
        gym.post(
            "/step",
            &json!({ "env_id": id, "action": {
            "role": "assistant", "content": null, "function_call": null, "tool_calls": calls,
        } }),
        )
    };
    let found = step(vec![
        call("a1", "search", json!({ "query": "Varnograd" })),
        call("a2", "open", json!({ "document": "varnograd" })),
    ]);
    assert_eq!(found[0][0]["tool_call_id"], "a1");
    assert_eq!((&found[0][1]["name"], &found[0][1]["role"]), (&json!("open"), &json!("tool")));
    assert!(found[0][1]["content"].as_str().unwrap().contains("river Selm"));
    assert_eq!((&found[1], &found[2], &found[3]), (&json!(0.0), &json!(false), &json!(false)));
    // No call at all is an action that is none.
    let none = gym.post(
        "/step",
        &json!({ "env_id": id, "action": { "role": "assistant", "content": "Hm." } }),
    );
    assert!(none[0][0]["content"].as_str().unwrap().starts_with("That was no valid action"));
    let broken = json!({ "id": "a3", "type": "function", "function": { "name": "search", "arguments": "{\"qu" } });
    assert!(step(vec![broken])[0][0]["content"].as_str().unwrap().contains("an object of JSON"));
    let end = step(vec![
        call("a4", "answer", json!({ "answer": "Selm" })),
        call("a5", "search", json!({ "query": "too late" })),
    ]);
    assert_eq!(end[0][1]["content"], "The task is done.");
    // Right, and three of five turns had the form of a call.
    assert_eq!((&end[1], &end[2], &end[3]), (&json!(0.92), &json!(true), &json!(false)));
    assert_eq!(gym.post("/close", &json!({ "env_id": id })), json!({ "env_id": id }));
    let gone = gym.served.post("/reset", &json!({ "env_id": id }).to_string());
    assert_eq!((gone.status, gone.code().as_str()), (404, "unknown_session"));
    assert_eq!(gym.served.post("/start", r#"{"task_idx": 3}"#).status, 422);
    assert_eq!(gym.served.post("/start", r#"{"task_idx": 1, "task_kwargs": {}}"#).status, 422);
    let episode = &gym.wait_for(1)[0];
    assert_eq!((episode.attempt.turns, episode.attempt.invalid_actions), (5, 2));
    assert!(episode.transcript.iter().any(|segment| segment.text == "Hm."));

    // By name, and twice: the same question each time. Then left behind.
    let named = gym.post("/start", &json!({ "task_kwargs": { "task": "top" } }));
    for _ in 0..2 {
        let begun = gym.post("/reset", &json!({ "env_id": named["env_id"] }));
        assert!(begun[0][0]["content"].as_str().unwrap().contains("Okrin Hills"));
    }
    assert_eq!(
        gym.post("/close_old_envs", &json!({ "last_used": 3600 }))["closed_env_ids"],
        json!([])
    );
    let closed = gym.post("/close_old_envs", &json!({ "last_used": 0 }));
    assert_eq!(closed["closed_env_ids"], json!([named["env_id"]]));
    assert_eq!(gym.wait_for(3).len(), 3);
    assert_eq!(gym.sessions(), 0);
}

#[test]
fn idle_sessions_end_and_their_number_is_bounded() {
    let gym = Gym::new(|options| {
        let environments = options.environments.as_mut().unwrap();
        environments.sessions = 50;
        environments.idle = Duration::from_millis(300);
    });
    let mut started = 0;
    for _ in 0..200 {
        let reply = gym.served.post("/start", "{}");
        match reply.status {
            200 => started += 1,
            _ => assert_eq!((reply.status, reply.code().as_str()), (503, "capacity_reached")),
        }
        assert!(gym.sessions() <= 50);
    }
    assert!(started >= 50);
    // Those that nobody used for so long make way for the next.
    std::thread::sleep(Duration::from_millis(400));
    let mut idle = Socket::open(&gym.served);
    idle.reset(&json!({}));
    assert_eq!(idle.receive(), None, "a connection that says nothing is ended");
    let begun = Instant::now();
    while gym.sessions() > 0 && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(gym.sessions(), 0);
}

#[test]
fn pings_alone_keep_no_seat() {
    let gym = Gym::new(|options| {
        options.environments.as_mut().unwrap().idle = Duration::from_millis(300);
    });
    let mut socket = Socket::open(&gym.served);
    socket.reset(&json!({}));
    let begun = Instant::now();
    while socket.frame(9, "").is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "a client that only pings has its seat");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(gym.wait_for(1).len(), 1);
}

#[test]
fn who_does_not_take_its_answers_loses_its_seat() {
    let gym = Gym::new(|options| options.limits.slowest = Duration::from_millis(300));
    let mut socket = Socket::open(&gym.served);
    socket.reset(&json!({}));
    let step = json!({ "type": "step", "data": { "type": "list_tools" } }).to_string();
    let begun = Instant::now();
    // Until the system takes no more in either direction, and the server has waited long enough.
    socket.0.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    while gym.sessions() > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "a client that reads nothing has its seat"
        );
        for _ in 0..1000 {
            if socket.frame(1, &step).is_err() {
                break;
            }
        }
    }
    assert_eq!(gym.wait_for(1).len(), 1);
}

#[test]
fn a_server_without_tasks_says_so_and_a_token_is_asked_for() {
    let plain = Served::library();
    for path in ["/reset", "/step", "/start", "/sleuth/tasks"] {
        let reply = plain.post(path, "{}");
        assert_eq!((reply.status, reply.code().as_str()), (404, "no_tasks"), "{path}");
    }
    let gym = Gym::new(|options| options.token = Some("0123456789abcdef".to_owned()));
    assert_eq!(gym.served.post("/start", "{}").status, 401);
    let key = [("X-API-Key", "0123456789abcdef")];
    assert_eq!(gym.served.send("POST", "/start", &key, b"{}").status, 200);
    let foreign = [key[0], ("Origin", "http://evil.example")];
    assert_eq!(gym.served.send("POST", "/start", &foreign, b"{}").status, 403);
}

#[test]
fn more_sessions_than_there_may_be_are_refused_and_told_when_to_come_again() {
    const MOST: usize = 2000;
    const BEYOND: usize = 200;
    const AT_ONCE: usize = 4;
    let gym = Gym::new(|options| options.environments.as_mut().unwrap().sessions = MOST);
    let replies: Vec<(u16, bool)> = std::thread::scope(|scope| {
        let client = || {
            let mut stream = gym.served.connect();
            let mut replies = Vec::new();
            while replies.len() < (MOST + BEYOND) / AT_ONCE {
                stream.write_all(&gym.served.request("POST", "/start", &[], b"{}")).unwrap();
                let reply = Reply::read(&mut stream);
                replies.push((reply.status, reply.header("retry-after") == Some("5")));
            }
            replies
        };
        let clients: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let n = |reply| replies.iter().filter(|found| **found == reply).count();
    assert_eq!((n((200, false)), n((503, true))), (MOST, BEYOND));
    assert_eq!(gym.sessions(), MOST as u64);
    let running = gym.served.get("/info").json()["running_env_ids"].as_array().unwrap().clone();
    assert_eq!(running.len(), MOST);
    // One that ends makes room for one.
    gym.post("/close", &json!({ "env_id": running[0] }));
    let statuses = [(); 2].map(|()| gym.served.post("/start", "{}").status);
    assert_eq!(statuses, [200, 503]);
}
