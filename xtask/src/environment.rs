//! `bench environment`: environments for trainers, beside those that the libraries would host.
//!
//! 64 sessions at once, each without a pause: reset, three searches of three passages, an answer. An
//! *operation* is one of these five. The load comes from this process and shares the machine's cores with
//! the server. The peers host the same: the same documents and questions, searched inside their process
//! by bm25s, over the protocol of their own library; that of skyrl-gym, which has no server, is stepped in
//! its own process by nobody else, and so is ours once more: by one thread, and by as many as there are cores.
//! Every server is measured several times in turn; the rate is its best.
//!
//! At last, ten thousand connections that each ask for a session: those beyond the limit are refused.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use sleuth_index::{Parts, Store};
use sleuth_records::Question;
use sleuth_tasks::{
    Action, Environment, Gym, GymOptions, Kind, Pick, Provenance, Split, TASK_SCHEMA, Task, TaskId,
    Verifier, read_tasks, write_tasks,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::serve::{Peer, answer, corpus, memory, processor, python, start};
use crate::{data, product};

const STORES: [&str; 2] = ["squad_dev", "hotpotqa_closed"];
const SESSIONS: usize = 64;
const ROUNDS: usize = 3;
/// Operations of an episode: a reset, three searches, an answer.
const OPERATIONS: usize = 5;
/// Connections of the last part.
const MANY: usize = 10_000;

/// In which protocol a server is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenEnv,
    Aviary,
}

struct Row {
    dialect: Dialect,
    peer: Peer,
    /// Operations a second, and milliseconds of the processor for each, by round.
    rounds: Vec<(f64, f64)>,
}

pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let (flags, named): (Vec<&str>, Vec<&str>) =
        options.iter().partition(|option| option.starts_with("--"));
    let (mut seconds, mut peers, mut served) = (4.0, true, true);
    for flag in flags {
        match (flag, flag.strip_prefix("--seconds=")) {
            ("--no-peers", _) => peers = false,
            ("--in-process", _) => served = false,
            (_, Some(number)) => seconds = number.parse()?,
            _ => bail!("unknown option `{flag}`: expected --no-peers, --in-process or --seconds=N"),
        }
    }
    let stores = if named.is_empty() { STORES.to_vec() } else { named };
    let program = if served { Some(product::build()?) } else { None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!(
        "\n{SESSIONS} sessions; an episode is a reset, three searches and an answer; {} cores for server \
         and load together\n",
        cores()
    );
    println!("| store | environment | operations/s | ms of processor an operation | MiB peak |");
    println!("|---|---|---|---|---|");
    for name in &stores {
        let home = data::bench_folder().join("environment");
        fs_err::create_dir_all(&home)?;
        let set = data::load(name)?;
        let Tasks { file, all: tasks } = Tasks::write(&set)?;
        let path = set.store.path().to_owned();
        drop(set);
        let mut rows = match &program {
            Some(program) => own(program, &path, &file, &home)?,
            None => Vec::new(),
        };
        let mut skyrl = None;
        if peers {
            match others(name, &file, &home, served) {
                Ok((others, command)) => {
                    rows.extend(others);
                    skyrl = Some(command);
                }
                Err(error) => eprintln!("peers: not measured: {error:#}"),
            }
        }
        for _ in 0..ROUNDS {
            for row in &mut rows {
                drive(&runtime, &row.peer, row.dialect, &tasks, 0.5)?;
                let before = processor(row.peer.child.id())?;
                let rate = drive(&runtime, &row.peer, row.dialect, &tasks, seconds)?;
                let busy = processor(row.peer.child.id())? - before;
                row.rounds.push((rate, 1000.0 * busy / (rate * seconds)));
            }
        }
        for row in &rows {
            let best = row.rounds.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0));
            let (rate, busy) = best.context("no round")?;
            let (_, peak) = memory(row.peer.child.id())?;
            println!("| {name} | {} | {rate:.0} | {busy:.3} | {peak:.0} |", row.peer.name);
        }
        for (parts, words) in [(Parts::LEXICAL, "words"), (Parts::ALL, "words + graph")] {
            for n_threads in numbers_of_threads() {
                let mut best = 0.0f64;
                for _ in 0..ROUNDS {
                    best = best.max(stepped_here(&path, &tasks, parts, n_threads, seconds)?);
                }
                in_process_row(name, &format!("sleuth, {words}"), n_threads, best);
            }
        }
        if let Some(command) = skyrl {
            for n_threads in numbers_of_threads() {
                let mut best = 0.0f64;
                for _ in 0..ROUNDS {
                    best = best.max(in_process(&command, n_threads, seconds)?);
                }
                in_process_row(name, "skyrl-gym, bm25s", n_threads, best);
            }
        }
    }
    if let (Some(name), Some(program)) = (stores.first(), &program) {
        many(&runtime, program, name)?;
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// One thread, and as many as there are cores.
fn numbers_of_threads() -> Vec<usize> {
    let mut numbers = vec![1, cores().min(SESSIONS)];
    numbers.dedup();
    numbers
}

fn in_process_row(store: &str, environment: &str, n_threads: usize, rate: f64) {
    // Several may wait for each other, and what they wait is no time of the processor.
    let (threads, each) = match n_threads {
        1 => ("1 thread".to_owned(), format!("{:.3}", 1000.0 / rate)),
        _ => (format!("{n_threads} threads"), "–".to_owned()),
    };
    println!(
        "| {store} | {environment}, stepped in its process by {threads} | {rate:.0} | {each} | – |"
    );
}

/// Connections that ask for a session each and stay; those with one begin an episode and search.
fn many(runtime: &tokio::runtime::Runtime, program: &Path, name: &str) -> Result<()> {
    let home = data::bench_folder().join("environment");
    let path = data::bench_folder().join("stores").join(name);
    let tasks = home.join(format!("{name}-tasks.jsonl"));
    let question = read_tasks(&tasks)?.remove(0).question;
    let row = own(program, &path, &tasks, &home)?.remove(0);
    let (before, _) = memory(row.peer.child.id())?;
    let begun = Instant::now();
    let (kept, refused) = runtime.block_on(async {
        let (mut kept, mut refused) = (Vec::new(), 0);
        for _ in 0..MANY {
            let mut socket = Socket::open(&row.peer.address).await?;
            let reset = socket.say(&json!({ "type": "reset", "data": {} })).await?;
            if reset.data.code.as_deref() == Some("CAPACITY_REACHED") {
                refused += 1;
                continue;
            }
            let step = json!({ "type": "step", "data": { "query": question.as_str() } });
            let found = socket.say(&step).await?;
            if found.n_content() == 0 {
                bail!("a search gave {found:?}");
            }
            kept.push(socket);
        }
        anyhow::Ok((kept, refused))
    })?;
    let (now, peak) = memory(row.peer.child.id())?;
    println!(
        "\n{MANY} connections, each asking for a session (sleuth, words): {} got one, began an episode \
         and searched; {refused} were refused, all within {:.1} s; {before:.0} MiB before, {peak:.0} at the \
         peak, {now:.0} with them open",
        kept.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The questions of a store as tasks, and the file with them.
pub(crate) struct Tasks {
    pub(crate) file: PathBuf,
    all: Arc<Vec<Task>>,
}

impl Tasks {
    /// Writes those of `set`.
    pub(crate) fn write(set: &data::Set) -> Result<Self> {
        let home = data::bench_folder().join("environment");
        fs_err::create_dir_all(&home)?;
        let file = home.join(format!("{}-tasks.jsonl", set.name));
        let all: Vec<Task> = set.items.iter().filter_map(task).collect();
        write_tasks(&file, &all)?;
        Ok(Self { file, all: Arc::new(all) })
    }
}

/// Lets sessions attempt `tasks` for so many seconds in each protocol.
pub(crate) fn ask(peer: &Peer, tasks: &Tasks, seconds: f64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for dialect in [Dialect::OpenEnv, Dialect::Aviary] {
        drive(&runtime, peer, dialect, &tasks.all, seconds)?;
    }
    Ok(())
}

/// A question with an answer as a task to train on.
pub(crate) fn task(item: &data::Item) -> Option<Task> {
    if item.answers.is_empty() {
        return None;
    }
    Some(Task {
        schema: TASK_SCHEMA,
        id: TaskId(item.id.clone()),
        question: Question::new(&item.text)?,
        gold_answers: item.answers.clone(),
        evidence: Vec::new(),
        kind: Kind::Other,
        hops: 0,
        difficulty: None,
        store: None,
        split: Split::Train,
        verifier: Verifier::Exact,
        steps: Vec::new(),
        provenance: Provenance::default(),
    })
}

fn own(program: &Path, store: &Path, tasks: &Path, home: &Path) -> Result<Vec<Row>> {
    let serve = |name, parts: Option<&str>, dialect| {
        let kind = parts.unwrap_or_default();
        let episodes = home.join(format!("episodes{kind}-{}.jsonl", dialect as u8));
        let _ = fs_err::remove_file(&episodes);
        let mut command = product::serve(Command::new(program), store);
        command.args(parts).arg("--tasks").arg(tasks).arg("--episodes").arg(episodes);
        anyhow::Ok(Row { dialect, peer: start(name, command)?, rounds: Vec::new() })
    };
    Ok(vec![
        serve("sleuth, words, OpenEnv over WebSocket", Some("--lexical"), Dialect::OpenEnv)?,
        serve("sleuth, words + graph, OpenEnv over WebSocket", None, Dialect::OpenEnv)?,
        serve("sleuth, words, aviary over HTTP", Some("--lexical"), Dialect::Aviary)?,
    ])
}

/// The servers of the others, where they are asked for, and the command that steps skyrl-gym.
fn others(
    store: &str,
    tasks: &Path,
    home: &Path,
    served: bool,
) -> Result<(Vec<Row>, Vec<OsString>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/environment");
    let corpus = corpus(store, home)?;
    let python = python(&here, home)?;
    let command = |kind: &str| {
        let mut command = Command::new(&python);
        command.arg(here.join("gyms.py")).arg(kind).arg(&corpus).arg(tasks);
        command
    };
    let row = |name, kind: &str, dialect| {
        anyhow::Ok(Row { dialect, peer: start(name, command(kind))?, rounds: Vec::new() })
    };
    let mut rows = Vec::new();
    if served {
        rows.push(row("openenv, bm25s, over WebSocket", "openenv", Dialect::OpenEnv)?);
        rows.push(row("aviary, bm25s, over HTTP", "aviary", Dialect::Aviary)?);
    }
    let skyrl = [&python, &here.join("gyms.py"), Path::new("skyrl"), &corpus, tasks];
    Ok((rows, skyrl.map(|part| part.as_os_str().to_owned()).to_vec()))
}

/// Operations a second of our environment without a server, its sessions dealt to so many threads.
fn stepped_here(
    path: &Path,
    tasks: &[Task],
    parts: Parts,
    n_threads: usize,
    seconds: f64,
) -> Result<f64> {
    let store = Arc::new(Store::open(path)?.with_cache(64 << 20));
    let options = GymOptions { parts, ..GymOptions::default() };
    let retrieval = store.retrieval()?.id;
    let gym = Arc::new(Gym::of_any_split(store, retrieval, tasks.to_vec(), options)?);
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let operations: Result<usize> = std::thread::scope(|scope| {
        let step = |nth: usize| stepped(&gym, tasks, (nth..SESSIONS).step_by(n_threads), until);
        let threads: Vec<_> = (0..n_threads).map(|nth| scope.spawn(move || step(nth))).collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(operations) => operations,
            Err(_) => bail!("a thread panicked"),
        });
        joined.sum()
    });
    Ok(operations? as f64 / begun.elapsed().as_secs_f64())
}

/// Operations of the sessions of these numbers, an episode of each in turn.
fn stepped(
    gym: &Arc<Gym>,
    tasks: &[Task],
    sessions: impl Iterator<Item = usize>,
    until: Instant,
) -> Result<usize> {
    let mut sessions: Vec<(usize, Environment)> =
        sessions.map(|nth| (nth, Environment::new(Arc::clone(gym)))).collect();
    let mut operations = 0;
    loop {
        for (at, session) in &mut sessions {
            if Instant::now() >= until {
                return Ok(operations);
            }
            let (queries, said) = episode(tasks, *at);
            session.reset(&Pick::Index(*at % tasks.len()))?;
            for query in queries {
                let found = session.step(&Action::Search { query: query.to_owned() }, "")?;
                if found.passages.is_empty() {
                    bail!("a search gave {found:?}");
                }
            }
            let answer = Action::Answer { text: said.to_owned(), citations: Vec::new() };
            let end = session.step(&answer, "")?;
            if end.reward.is_none_or(|reward| reward < 0.5) {
                bail!("a right answer gave {end:?}");
            }
            session.take_episode();
            operations += OPERATIONS;
            *at += SESSIONS;
        }
    }
}

/// Operations a second of an environment that steps itself.
fn in_process(command: &[OsString], n_threads: usize, seconds: f64) -> Result<f64> {
    let (program, arguments) = command.split_first().context("no command")?;
    let output = Command::new(program)
        .args(arguments)
        .args([n_threads.to_string(), seconds.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> =
        text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers.as_slice() {
        [done, seconds] => Ok(done / seconds),
        _ => bail!("skyrl-gym: it said `{text}` and `{}`", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Operations a second over so many seconds.
fn drive(
    runtime: &tokio::runtime::Runtime,
    peer: &Peer,
    dialect: Dialect,
    tasks: &Arc<Vec<Task>>,
    seconds: f64,
) -> Result<f64> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let operations: usize = runtime.block_on(async {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|session| {
                let (address, tasks) = (peer.address.clone(), Arc::clone(tasks));
                match dialect {
                    Dialect::OpenEnv => tokio::spawn(openenv(address, tasks, session, until)),
                    Dialect::Aviary => tokio::spawn(aviary(address, tasks, session, until)),
                }
            })
            .collect();
        let mut operations = 0;
        for session in sessions {
            operations += session.await?.with_context(|| peer.name.to_owned())?;
        }
        anyhow::Ok(operations)
    })?;
    Ok(operations as f64 / begun.elapsed().as_secs_f64())
}

/// The questions that the session searches in its episode about the task at `at`, and the answer.
fn episode(tasks: &[Task], at: usize) -> ([&str; 3], &str) {
    let question = |further: usize| tasks[(at + further) % tasks.len()].question.as_str();
    // Some data sets count a lone full stop among their answers.
    let says = |answer: &&String| answer.chars().any(char::is_alphanumeric);
    let answer = tasks[at % tasks.len()].gold_answers.iter().find(says).map_or("", String::as_str);
    ([question(0), question(1), question(2)], answer)
}

async fn openenv(
    address: String,
    tasks: Arc<Vec<Task>>,
    session: usize,
    until: Instant,
) -> Result<usize> {
    let mut socket = Socket::open(&address).await?;
    let (mut operations, mut at) = (0, session);
    while Instant::now() < until {
        let (queries, answer) = episode(&tasks, at);
        let index = at % tasks.len();
        socket.say(&json!({ "type": "reset", "data": { "index": index } })).await?;
        for query in queries {
            let found = socket.say(&json!({ "type": "step", "data": { "query": query } })).await?;
            if found.n_content() < 20 {
                bail!("a search gave {found:?}");
            }
        }
        let end = socket.say(&json!({ "type": "step", "data": { "answer": answer } })).await?;
        if !end.data.done || end.data.reward.is_none_or(|reward| reward < 0.5) {
            bail!("a right answer gave {end:?}");
        }
        operations += OPERATIONS;
        at += SESSIONS;
    }
    Ok(operations)
}

async fn aviary(
    address: String,
    tasks: Arc<Vec<Task>>,
    session: usize,
    until: Instant,
) -> Result<usize> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let (mut operations, mut at) = (0, session);
    let mut buffer = Vec::new();
    while Instant::now() < until {
        let (queries, said) = episode(&tasks, at);
        let start = json!({ "task_idx": at % tasks.len() });
        let started = post(&mut stream, &mut buffer, "/start", &start).await?;
        let id = started["env_id"].clone();
        post(&mut stream, &mut buffer, "/reset", &json!({ "env_id": id })).await?;
        let calls = queries
            .map(|query| ("search", json!({ "query": query })))
            .into_iter()
            .chain([("answer", json!({ "answer": said }))]);
        for (name, arguments) in calls {
            let call = json!({
                "id": "call00001", "type": "function",
                "function": { "name": name, "arguments": arguments.to_string() },
            });
            let step = json!({ "env_id": id, "action": {
                "role": "assistant", "content": null, "function_call": null, "tool_calls": [call],
            } });
            let stepped = post(&mut stream, &mut buffer, "/step", &step).await?;
            if (name == "answer") != (stepped[2] == true) {
                bail!("the call of {name} gave {stepped}");
            }
        }
        post(&mut stream, &mut buffer, "/close", &json!({ "env_id": id })).await?;
        operations += OPERATIONS;
        at += SESSIONS;
    }
    Ok(operations)
}

async fn post(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    path: &str,
    body: &Value,
) -> Result<Value> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let (status, from, to) = answer(stream, buffer).await?;
    if status != 200 {
        bail!("{path}: {status} {}", String::from_utf8_lossy(&buffer[from..to]));
    }
    Ok(serde_json::from_slice(&buffer[from..to])?)
}

/// What is looked at of a message of OpenEnv. The rest is passed over, so that the client takes little of the
/// processor that it shares with the server.
#[derive(Debug, Deserialize)]
struct Told {
    data: ToldData,
}

#[derive(Debug, Deserialize)]
struct ToldData {
    #[serde(default)]
    observation: Option<Seen>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    reward: Option<f64>,
    #[serde(default)]
    code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Seen {
    #[serde(default)]
    content: String,
}

impl Told {
    /// Bytes of the text that was shown.
    fn n_content(&self) -> usize {
        self.data.observation.as_ref().map_or(0, |seen| seen.content.len())
    }
}

/// A client of WebSockets, no more of one than this takes: whole messages of text, a mask of zeros.
struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    async fn open(address: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        let mut buffer = Vec::new();
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("no upgrade: {}", String::from_utf8_lossy(&buffer));
            }
        };
        if !buffer.starts_with(b"HTTP/1.1 101") {
            bail!("no upgrade: {}", String::from_utf8_lossy(&buffer));
        }
        buffer.drain(..end);
        Ok(Self { stream, buffer })
    }

    async fn say(&mut self, message: &Value) -> Result<Told> {
        let payload = message.to_string();
        let mut frame = vec![0x81];
        match u16::try_from(payload.len()) {
            Ok(n @ 0..126) => frame.push(0x80 | n as u8),
            Ok(n) => {
                frame.push(0x80 | 126);
                frame.extend(n.to_be_bytes());
            }
            Err(_) => bail!("a message of {} bytes", payload.len()),
        }
        frame.extend([0; 4]);
        frame.extend(payload.as_bytes());
        self.stream.write_all(&frame).await?;
        loop {
            let (kind, payload) = self.frame().await?;
            match kind {
                1 => return Ok(serde_json::from_slice(&payload)?),
                // A ping may go unanswered for as long as this lasts.
                9 | 10 => {}
                _ => bail!("the connection ended"),
            }
        }
    }

    async fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        let head = self.take(2).await?;
        let length = match head[1] & 0x7F {
            126 => {
                let bytes = self.take(2).await?;
                usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&self.take(8).await?);
                u64::from_be_bytes(bytes) as usize
            }
            n => usize::from(n),
        };
        Ok((head[0] & 0xF, self.take(length).await?))
    }

    async fn take(&mut self, n: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < n {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection ended");
            }
        }
        Ok(self.buffer.drain(..n).collect())
    }
}
