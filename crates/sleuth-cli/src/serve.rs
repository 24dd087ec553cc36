//! `sleuth serve`.

use std::io::{BufRead as _, Read as _, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use sleuth_index::{Parts, Retriever as _};
use sleuth_server::{Environments, Limits, Options, ServedTasks, Server};
use sleuth_tasks::{EnvironmentLimits, GymOptions, Quality, RewardRule, Split, Task, TrainTask};

use crate::args::{Common, RemoteArgs, duration};
use crate::choose;
use crate::fail::{Exit, Failure};
use crate::ingest::root_name;
use crate::places::{Places, text_variable};
use crate::progress::Progress;
use crate::show::{count, escape};
use crate::tasks::reward;
use crate::whole::apart;
use crate::{interrupt, print, stores};

/// Pause between two looks at whether to end.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const PORT: u16 = 8000;

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// A store, or folders or files of documents; the first is the default, the others are below
    /// /stores/NAME [default name: that of the folder]
    #[arg(long = "store", required = true, num_args = 1.., value_name = "[NAME=]PATH")]
    pub(crate) stores: Vec<String>,
    /// Address to listen on, with or without a port; one that others can reach takes a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    pub(crate) bind: (IpAddr, Option<u16>),
    /// Port to listen on; 0 takes any that is free [default: 8000]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// A further name that clients call this machine by
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// File that holds the token that clients have to show [default: $SLEUTH_TOKEN, else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How good the tool is: good, noisy:RATE, empty, random or failing:RATE, the same in every run
    #[arg(long, value_name = "QUALITY", default_value = "good", value_parser = quality)]
    pub(crate) quality: Quality,
    /// Seed of noise and failures
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Rank by words only
    #[arg(long, group = "part")]
    pub(crate) lexical: bool,
    /// Rank by nearness of meaning only: needs vectors
    #[arg(long, group = "part")]
    pub(crate) dense: bool,
    /// Rank by words and the graph of the store, without vectors
    #[arg(long, group = "part")]
    pub(crate) associative: bool,
    /// Append what each client searched and read to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// File of tasks that trainers attempt over the first store, in the dialects of OpenEnv and aviary
    #[arg(long, value_name = "FILE", help_heading = "Tasks")]
    pub(crate) tasks: Option<PathBuf>,
    /// Serve the tasks of this split, train, dev or test, and no others; whoever trains on test measures
    /// nothing with it
    #[arg(long, value_name = "SPLIT", default_value_t = Split::Train, help_heading = "Tasks", requires = "tasks")]
    pub(crate) split: Split,
    /// Rule of the reward: default, search_r1, strict, outcome, or a JSON object
    #[arg(long, value_name = "RULE", default_value = "default", value_parser = reward, help_heading = "Tasks", requires = "tasks")]
    pub(crate) reward: RewardRule,
    /// Append each episode to this file as it ends, one a line
    #[arg(long, value_name = "FILE", help_heading = "Tasks", requires = "tasks")]
    pub(crate) episodes: Option<PathBuf>,
    /// Actions of an episode, the answer included
    #[arg(long, value_name = "N", default_value_t = EnvironmentLimits::default().turns, help_heading = "Tasks", requires = "tasks", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_turns: u32,
    /// Sessions at once, of all trainers together; further ones are refused
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4096,
        help_heading = "Tasks",
        requires = "tasks"
    )]
    pub(crate) sessions: usize,
    /// Seconds that a session is kept that nobody uses
    #[arg(long, value_name = "S", default_value = "600", value_parser = duration, help_heading = "Tasks", requires = "tasks", allow_negative_numbers = true)]
    pub(crate) idle: Duration,
    /// Model that decides tasks whose verifier is a judge: as for `ask`
    #[arg(long, value_name = "MODEL", help_heading = "Tasks", requires = "tasks")]
    pub(crate) judge: Option<String>,
    /// Go on where tasks were made from another snapshot of the store, or lack evidence in it
    #[arg(long, help_heading = "Tasks", requires = "tasks")]
    pub(crate) allow_drift: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Searches at once [default: one for each core]
    #[arg(long, value_name = "N", help_heading = "Limits", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_running: Option<u16>,
    /// Requests that may wait for their turn; further ones are refused with 503
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = Limits::default().waiting)]
    pub(crate) max_waiting: usize,
    /// Connections at once
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = Limits::default().connections)]
    pub(crate) max_connections: usize,
    /// Print one JSON object with the address once it answers
    #[arg(long)]
    pub(crate) json: bool,
}

fn quality(text: &str) -> Result<Quality, String> {
    text.parse().map_err(|error: sleuth_tasks::UnknownQuality| error.to_string())
}

fn address(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((address.ip(), Some(address.port())));
    }
    let name = text.strip_prefix("localhost").unwrap_or(text);
    if name.len() != text.len() {
        let port = name.strip_prefix(':').map(str::parse).transpose().map_err(|_| EXPECTED)?;
        return if name.is_empty() || port.is_some() {
            Ok((Ipv4Addr::LOCALHOST.into(), port))
        } else {
            Err(EXPECTED.to_owned())
        };
    }
    text.parse().map(|ip| (ip, None)).map_err(|_| EXPECTED.to_owned())
}

const EXPECTED: &str = "expected an address such as 127.0.0.1, 0.0.0.0:8000 or [::1]:8000";

pub(crate) fn serve(common: &Common, args: &ServeArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(common.quiet);
    let token = token(args)?;
    let outputs = [("--log", args.log.as_deref()), ("--episodes", args.episodes.as_deref())];
    apart(&outputs, args.tasks.as_slice())?;
    let places = Places::new(common)?;
    let (ip, port) = args.bind;
    let log: Option<Box<dyn Write + Send>> = match &args.log {
        Some(path) => {
            is_log(path)?;
            let file = fs_err::OpenOptions::new().create(true).append(true).open(path);
            Some(Box::new(file.map_err(|source| Failure::Write { path: path.clone(), source })?))
        }
        None => None,
    };
    let mut opened = Vec::new();
    for given in &args.stores {
        let (name, path) = named(given);
        let store = stores::open(std::slice::from_ref(&path), &places, &progress)?.store;
        if args.dense && store.retrieval()?.embedder.is_none() {
            let path = path.display();
            return Err(Failure::input(
                format!("`{path}` has no vectors: expected some for `--dense`"),
                format!(
                    "`sleuth index embed {path}` makes them; without `--dense` none are needed"
                ),
            ));
        }
        opened.push((name, store));
    }
    let about: Vec<_> = opened
        .iter()
        .map(|(name, store)| {
            let documents = store.n_documents();
            (name.clone(), store.snapshot().to_owned(), documents)
        })
        .collect();
    let limits = Limits {
        running: args.max_running.map_or(0, usize::from),
        waiting: args.max_waiting,
        connections: args.max_connections,
        ..Limits::default()
    };
    let options = Options {
        bind: SocketAddr::from((ip, args.port.or(port).unwrap_or(PORT))),
        token,
        hosts: args.hosts.clone(),
        parts: parts(args),
        quality: args.quality,
        seed: args.seed,
        limits,
        environments: environments(args, &places, &progress)?,
        log,
        ..Options::default()
    };
    let has_token = options.token.is_some();
    let server = Server::new(opened, options)?;
    interrupt::listen("answering what was asked before");
    let told = told_to_end();
    let running = server.start()?;
    let url = format!("http://{}", running.address());
    for (at, (name, _, documents)) in about.iter().enumerate() {
        let below = if at == 0 { String::new() } else { format!("/stores/{name}") };
        let documents = count(*documents, "document");
        progress.note(&format!("serving `{}`, {documents}, at {url}{below}", escape(name)));
    }
    if args.quality != Quality::Good {
        progress.note(&format!("the tool is made worse: {}, seed {}", args.quality, args.seed));
    }
    let key = if has_token { " -H \"Authorization: Bearer $SLEUTH_TOKEN\"" } else { "" };
    let example = r#"{"queries": ["words to look for"], "topk": 3, "return_scores": true}"#;
    progress.note(&format!(
        "try: curl -s {url}/retrieve{key} -H 'Content-Type: application/json' -d '{example}'"
    ));
    if args.json {
        let stores: Vec<_> = about
            .iter()
            .map(|(name, snapshot, documents)| {
                json!({ "name": name, "snapshot": snapshot, "documents": documents })
            })
            .collect();
        let object = json!({
            "status": "serving",
            "url": url,
            "stores": stores,
            "quality": args.quality,
            "seed": args.seed,
        });
        print(&format!("{object}\n"))?;
    }
    while !interrupt::asked() && !told.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_AGAIN);
    }
    running.stop();
    Ok(Exit::Done)
}

/// Refuses to append to what is no log of a server.
fn is_log(path: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::Read { path: path.to_owned(), source };
    let mut first = String::new();
    match fs_err::File::open(path) {
        Ok(file) if file.metadata().map_err(failed)?.is_file() => {
            std::io::BufReader::new(file).take(1 << 20).read_line(&mut first).map_err(failed)?;
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    if first.is_empty() || first.starts_with("{\"at_ms\":") {
        return Ok(());
    }
    Err(Failure::input(
        format!("`{}` is no log of a server: its first line begins otherwise", path.display()),
        "name a new file for `--log`, or one that `sleuth serve --log` began",
    ))
}

/// The tasks that the flags name, of one split alone.
fn environments(
    args: &ServeArgs,
    places: &Places,
    progress: &Progress,
) -> Result<Option<Environments>, Failure> {
    let Some(path) = &args.tasks else { return Ok(None) };
    let mut tasks: Vec<Task> = crate::tasks::read(path)?;
    let all = tasks.len();
    tasks.retain(|task| task.split == args.split);
    if tasks.is_empty() {
        return Err(Failure::input(
            format!("`{}` has no tasks of the split `{}`, of {all}", path.display(), args.split),
            "`sleuth tasks split` divides them, `sleuth tasks import` takes `--split`; to measure and not \
             to train, serve another split with `--split`",
        ));
    }
    let n = count(tasks.len() as u64, "task");
    progress.note(&format!("{n} of the split `{}`", args.split));
    let tasks = match args.split {
        Split::Train => ServedTasks::Train(
            tasks.into_iter().filter_map(|task| TrainTask::try_from(task).ok()).collect(),
        ),
        Split::Dev | Split::Test => ServedTasks::Any(tasks),
    };
    let judge = match &args.judge {
        Some(name) => {
            let found = choose::find(name, places)?;
            Some(choose::load(&found, &args.remote, progress)?)
        }
        None => None,
    };
    let limits = EnvironmentLimits { turns: args.max_turns, ..EnvironmentLimits::default() };
    let options = GymOptions {
        limits,
        reward: args.reward.clone(),
        seed: args.seed,
        allow_drift: args.allow_drift,
        ..GymOptions::default()
    };
    Ok(Some(Environments {
        options,
        judge,
        episodes: args.episodes.clone(),
        sessions: args.sessions,
        idle: args.idle,
        ..Environments::of(tasks)
    }))
}

fn parts(args: &ServeArgs) -> Parts {
    match (args.lexical, args.dense, args.associative) {
        (true, _, _) => Parts::LEXICAL,
        (_, true, _) => Parts::DENSE,
        (_, _, true) => Parts::ASSOCIATIVE,
        _ => Parts::ALL,
    }
}

/// The name and the path of a store; a path that exists is no name with a path behind it.
fn named(given: &str) -> (String, PathBuf) {
    if let Some((name, path)) = given.split_once('=')
        && !Path::new(given).exists()
    {
        return (name.to_owned(), PathBuf::from(path));
    }
    let path = PathBuf::from(given);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = root_name(&path).chars().map(plain).collect();
    (name.trim_start_matches('.').to_owned(), path)
}

fn token(args: &ServeArgs) -> Result<Option<String>, Failure> {
    let Some(path) = &args.token_file else { return Ok(text_variable("SLEUTH_TOKEN")) };
    let text = fs_err::read_to_string(path)
        .map_err(|source| Failure::Read { path: path.clone(), source })?;
    Ok(Some(text.trim().to_owned()))
}

/// Whether the system has told this process to end.
fn told_to_end() -> &'static AtomicBool {
    static TOLD: AtomicBool = AtomicBool::new(false);
    // Where it cannot be listened for, the signal ends the process as it does by default.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut ends) = signal(SignalKind::terminate()) {
                ends.recv().await;
                TOLD.store(true, Ordering::Relaxed);
            }
        });
    });
    &TOLD
}
