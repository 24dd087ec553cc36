//! `bench serve`: retrieval over HTTP, beside servers that others would write.
//!
//! Each server runs in a process of its own; 64 connections send one request after the other, each with
//! three questions of the store, for three documents each, without a pause. The load comes from this
//! process and shares the machine's cores with the server, so that the requests per second are those of
//! both together; the last columns do without it: what the server's own process took of the
//! processor and of memory, anonymous memory by itself. Every server is measured several times in turn; the rate is its best, the
//! times of answers are those of that round.
//!
//! At last, connections by the thousand: each sends one request, all at once, and stays.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{data, product};

const STORES: [&str; 2] = ["squad_dev", "hotpotqa_closed"];
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
/// Questions of a request, and documents for each.
const QUERIES: usize = 3;
const DOCUMENTS: usize = 3;
/// Connections of the last part.
const MANY: usize = 10_000;
/// How long a server that was told to end may take.
const LONGEST_END: Duration = Duration::from_secs(60);
/// Clock ticks of a second, as Linux counts the time of processes.
const TICKS: f64 = 100.0;

/// One server under load.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) child: Child,
    pub(crate) address: String,
    rounds: Vec<Round>,
}

impl Peer {
    /// Tells the server to end and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status()?;
        let until = Instant::now() + LONGEST_END;
        while told.success() && Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return status.success().then_some(()).context("it ended with a failure");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("{} did not end as it was told", self.name)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct Round {
    requests: usize,
    refused: usize,
    seconds: f64,
    /// Seconds of the processor that the server took.
    busy: f64,
    /// Microseconds, rising.
    took: Vec<u32>,
}

impl Round {
    fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    fn percentile(&self, share: f64) -> f64 {
        let at = ((self.took.len() as f64 * share) as usize).min(self.took.len().saturating_sub(1));
        self.took.get(at).map_or(0.0, |took| f64::from(*took) / 1000.0)
    }
}

pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let (flags, named): (Vec<&str>, Vec<&str>) =
        options.iter().partition(|option| option.starts_with("--"));
    let mut seconds = 4.0;
    let mut peers = true;
    for flag in flags {
        match (flag, flag.strip_prefix("--seconds=")) {
            ("--no-peers", _) => peers = false,
            (_, Some(number)) => seconds = number.parse()?,
            _ => bail!("unknown option `{flag}`: expected --no-peers or --seconds=N"),
        }
    }
    let stores = if named.is_empty() { STORES.to_vec() } else { named };
    let program = product::build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!(
        "\n{CONNECTIONS} connections, {QUERIES} queries a request, top {DOCUMENTS}, {} cores for \
         server and load together\n",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!(
        "| store | server | requests/s | p50 ms | p99 ms | refused | ms of processor a request | \
         MiB now | MiB anonymous | MiB peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for name in &stores {
        let set = data::load(name)?;
        let requests = requests(&set);
        let path = set.store.path().to_owned();
        drop(set.store);
        let mut servers = own(&program, &path)?;
        if peers {
            servers.extend(others(name)?);
        }
        for server in &servers {
            check(&runtime, server, &requests)?;
        }
        for _ in 0..ROUNDS {
            for server in &mut servers {
                let round = runtime.block_on(load(server, &requests, seconds))?;
                server.rounds.push(round);
            }
        }
        for server in &servers {
            row(name, server)?;
        }
    }
    if let Some(name) = stores.first() {
        many(&runtime, &program, &data::load(name)?)?;
    }
    Ok(())
}

fn row(store: &str, server: &Peer) -> Result<()> {
    let best = server.rounds.iter().max_by(|a, b| a.rate().total_cmp(&b.rate()));
    let best = best.context("no round")?;
    let requests: usize = server.rounds.iter().map(|round| round.requests).sum();
    let busy: f64 = server.rounds.iter().map(|round| round.busy).sum();
    let refused: usize = server.rounds.iter().map(|round| round.refused).sum();
    let (now, peak) = memory(server.child.id())?;
    let anonymous = mebibytes(server.child.id(), "RssAnon")?;
    println!(
        "| {store} | {} | {:.0} | {:.2} | {:.2} | {refused} | {:.3} | {now:.1} | {anonymous:.1} | {peak:.1} |",
        server.name,
        best.rate(),
        best.percentile(0.5),
        best.percentile(0.99),
        1000.0 * busy / requests.max(1) as f64,
    );
    Ok(())
}

/// Ours, by words alone and as it is by default; the stores have no vectors.
fn own(program: &Path, store: &Path) -> Result<Vec<Peer>> {
    let serve = |name, parts: Option<&str>| {
        let mut command = product::serve(Command::new(program), store);
        command.args(parts);
        start(name, command)
    };
    Ok(vec![serve("sleuth, words", Some("--lexical"))?, serve("sleuth, words + graph", None)?])
}

fn others(store: &str) -> Result<Vec<Peer>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/serve");
    let home = data::bench_folder().join("serve");
    let corpus = corpus(store, &home)?;
    fs_err::create_dir_all(&home)?;
    let mut peers = Vec::new();
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--manifest-path"])
        .arg(here.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", home.join("rust"))
        .status();
    if built.is_ok_and(|status| status.success()) {
        let mut command = Command::new(home.join("rust/release/tantivy-axum"));
        command.arg(corpus.join("corpus.jsonl"));
        peers.push(start("tantivy behind axum", command)?);
    } else {
        eprintln!("tantivy behind axum: not measured: it cannot be built");
    }
    match python(&here, &home) {
        Ok(python) => {
            for (name, kind) in
                [("FastAPI + bm25s", "bm25s"), ("FastAPI + faiss flat, random vectors", "faiss")]
            {
                let mut command = Command::new(&python);
                command.arg(here.join("retrieval_server.py")).arg(kind).arg(&corpus);
                peers.push(start(name, command)?);
            }
        }
        Err(error) => eprintln!("FastAPI: not measured: {error:#}"),
    }
    Ok(peers)
}

/// The Python with the peers' packages, made where it is missing.
pub(crate) fn python(here: &Path, home: &Path) -> Result<PathBuf> {
    let folder = home.join("python");
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if !ready.exists() {
        let run = |command: &mut Command| match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => bail!("{command:?} ended with {status}"),
            Err(error) => Err(error).context(format!("{command:?}")),
        };
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "-r"])
            .arg(here.join("requirements.txt")))?;
        fs_err::write(&ready, "")?;
    }
    Ok(python)
}

/// A folder with the documents of `store`, unpacked.
pub(crate) fn corpus(store: &str, home: &Path) -> Result<PathBuf> {
    let source = data::source(store)?;
    if source.join("corpus.jsonl").exists() {
        return Ok(source);
    }
    let folder = home.join("corpora").join(store);
    fs_err::create_dir_all(&folder)?;
    let packed = fs_err::File::open(source.join("corpus.jsonl.zst"))?;
    fs_err::write(folder.join("corpus.jsonl"), zstd::decode_all(packed)?)?;
    Ok(folder)
}

/// Starts a server, which says its address on its first line, by itself or as the `url` of a JSON object.
pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Peer> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let out = child.stdout.take().context("no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let object: Value = serde_json::from_str(&line).unwrap_or_default();
    let said = object["url"].as_str().unwrap_or(line.trim());
    let Some(address) = said.strip_prefix("http://").map(str::to_owned) else {
        bail!("{name} did not start: it said `{}`", line.trim());
    };
    Ok(Peer { name, child, address, rounds: Vec::new() })
}

/// Requests of three questions each, as bytes.
fn requests(set: &data::Set) -> Vec<Vec<u8>> {
    let texts: Vec<&str> = set.items.iter().map(|item| item.text.as_str()).collect();
    let request = |queries: &[&str]| {
        let body =
            json!({ "queries": queries, "topk": DOCUMENTS, "return_scores": true }).to_string();
        let head = format!(
            "POST /retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body.into_bytes()].concat()
    };
    texts.chunks_exact(QUERIES).map(request).collect()
}

/// Whether the server does what is measured.
fn check(runtime: &tokio::runtime::Runtime, server: &Peer, requests: &[Vec<u8>]) -> Result<()> {
    let request = requests.first().context("no questions")?;
    let (status, body) = runtime.block_on(async {
        let mut stream = TcpStream::connect(&server.address).await?;
        let mut buffer = Vec::new();
        stream.write_all(request).await?;
        let (status, from, to) = answer(&mut stream, &mut buffer).await?;
        anyhow::Ok((status, buffer[from..to].to_vec()))
    })?;
    let body: Value = serde_json::from_slice(&body)
        .with_context(|| format!("{} said {}", server.name, String::from_utf8_lossy(&body)))?;
    let lists = body["result"].as_array().map_or(0, Vec::len);
    let documents = body["result"][0].as_array().map_or(0, Vec::len);
    let contents = body["result"][0][0]["document"]["contents"].as_str().unwrap_or_default();
    if (status, lists, documents) != (200, QUERIES, DOCUMENTS) || !contents.contains('\n') {
        bail!("{} answers otherwise than asked: {status} {body}", server.name);
    }
    Ok(())
}

/// Reads one answer into `buffer`: its status, and where its body lies.
pub(crate) async fn answer(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<(u16, usize, usize)> {
    buffer.clear();
    let mut searched = 0;
    let head = loop {
        if let Some(at) = buffer[searched..].windows(4).position(|four| four == b"\r\n\r\n") {
            break searched + at + 4;
        }
        searched = buffer.len().saturating_sub(3);
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended");
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?;
    let status = text.split(' ').nth(1).context("no status")?.parse()?;
    let length = text
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        })
        .context("an answer without a length")??;
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended");
        }
    }
    Ok((status, head, head + length))
}

/// Asks the server the questions of `set` for so many seconds.
pub(crate) fn ask(server: &Peer, set: &data::Set, seconds: f64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(server, &Arc::new(requests(set)), seconds))?;
    Ok(())
}

/// One round.
async fn load(server: &Peer, requests: &[Vec<u8>], seconds: f64) -> Result<Round> {
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.to_vec());
    // What is made when first asked for is made before.
    drive(server, &requests, 0.5).await?;
    let before = processor(server.child.id())?;
    let mut round = drive(server, &requests, seconds).await?;
    round.busy = processor(server.child.id())? - before;
    round.took.sort_unstable();
    Ok(round)
}

async fn drive(server: &Peer, requests: &Arc<Vec<Vec<u8>>>, seconds: f64) -> Result<Round> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|client| {
            let (address, requests) = (server.address.clone(), Arc::clone(requests));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(&address).await?;
                stream.set_nodelay(true)?;
                let mut round = Round::default();
                let mut buffer = Vec::with_capacity(1 << 16);
                let mut at = client;
                while Instant::now() < until {
                    let sent = Instant::now();
                    stream.write_all(&requests[at % requests.len()]).await?;
                    let (status, ..) = answer(&mut stream, &mut buffer).await?;
                    at += CONNECTIONS;
                    match status {
                        200 => {
                            round.requests += 1;
                            let took = sent.elapsed().as_micros();
                            round.took.push(u32::try_from(took).unwrap_or(u32::MAX));
                        }
                        429 | 503 => round.refused += 1,
                        status => bail!("status {status}"),
                    }
                }
                anyhow::Ok(round)
            })
        })
        .collect();
    let mut all = Round::default();
    for client in clients {
        let round = client.await?.with_context(|| server.name.to_owned())?;
        all.requests += round.requests;
        all.refused += round.refused;
        all.took.extend(round.took);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    Ok(all)
}

/// Ten thousand connections, each with one request at once.
fn many(runtime: &tokio::runtime::Runtime, program: &Path, set: &data::Set) -> Result<()> {
    let requests = Arc::new(requests(set));
    let server = own(program, set.store.path())?.remove(0);
    let (before, _) = memory(server.child.id())?;
    let begun = Instant::now();
    let (streams, answered, refused) = runtime.block_on(async {
        let clients: Vec<_> = (0..MANY)
            .map(|client| {
                let (address, requests) = (server.address.clone(), Arc::clone(&requests));
                tokio::spawn(async move {
                    let mut stream = TcpStream::connect(&address).await?;
                    stream.write_all(&requests[client % requests.len()]).await?;
                    let mut buffer = Vec::new();
                    let (status, ..) = answer(&mut stream, &mut buffer).await?;
                    anyhow::Ok((stream, status))
                })
            })
            .collect();
        let (mut streams, mut answered, mut refused) = (Vec::new(), 0, 0);
        for client in clients {
            let (stream, status) = client.await??;
            match status {
                200 => answered += 1,
                503 => refused += 1,
                status => bail!("status {status}"),
            }
            streams.push(stream);
        }
        anyhow::Ok((streams, answered, refused))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let (now, peak) = memory(server.child.id())?;
    println!(
        "\n{MANY} connections, each with one request at once (sleuth, words): {answered} answered, \
         {refused} refused with 503, all within {seconds:.1} s; {before:.0} MiB before, {peak:.0} at \
         the peak, {now:.0} with {} connections left open",
        streams.len()
    );
    std::io::stdout().flush()?;
    Ok(())
}

/// MiB of memory of a process, now and at its peak.
pub(crate) fn memory(process: u32) -> Result<(f64, f64)> {
    Ok((mebibytes(process, "VmRSS")?, mebibytes(process, "VmHWM")?))
}

/// MiB that Linux has under `key` of a process. `RssAnon` leaves out pages of files, such as the program itself,
/// which the system can drop and read again.
fn mebibytes(process: u32, key: &str) -> Result<f64> {
    let status = fs_err::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).context("no memory")?;
    let kib: f64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Seconds of the processor that a process took so far.
pub(crate) fn processor(process: u32) -> Result<f64> {
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat"))?;
    let after = stat.rsplit_once(") ").context("no times")?.1;
    let mut fields = after.split(' ').skip(11);
    let mut next = || -> Result<f64> { Ok(fields.next().context("no times")?.parse()?) };
    Ok((next()? + next()?) / TICKS)
}
