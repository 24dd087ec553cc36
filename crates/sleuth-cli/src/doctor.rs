//! `sleuth doctor`: each part that the program stands on, tried for real.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use sleuth_agent::{AskOptions, Surroundings, SystemClock, Trail};
use sleuth_index::{MemorySource, Store, SyncOptions, sync};
use sleuth_lm::{Shelf, Tier, probe};
use sleuth_records::{Budget, Document, DocumentId, Finish, Question, TrajectoryWriter};

use crate::args::{Common, DoctorArgs, RemoteArgs};
use crate::choose::{self, Found, name_of};
use crate::fail::{Exit, Failure};
use crate::interrupt;
use crate::places::Places;
use crate::print;
use crate::progress::Progress;
use crate::show::{bytes, count, escape, seconds};

/// Free space below which a build of a store may well fail.
const LITTLE_SPACE: u64 = 1 << 30;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warning,
    Failed,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The outcome of one check.
struct Check {
    what: &'static str,
    state: State,
    found: String,
    /// What to do about it; empty where all is well.
    advice: String,
    /// The exit code of the command where this failed and the main job stands on it.
    exit: Option<Exit>,
}

impl Check {
    fn ok(what: &'static str, found: String) -> Self {
        Self { what, state: State::Ok, found, advice: String::new(), exit: None }
    }

    fn warning(what: &'static str, found: String, advice: impl Into<String>) -> Self {
        Self { what, state: State::Warning, found, advice: advice.into(), exit: None }
    }

    /// A failure that the main job survives.
    fn failed(what: &'static str, found: String, advice: impl Into<String>) -> Self {
        Self { what, state: State::Failed, found, advice: advice.into(), exit: None }
    }

    fn fatal(self, exit: Exit) -> Self {
        Self { exit: Some(exit), ..self }
    }

    fn of(what: &'static str, failure: &Failure) -> Self {
        let text = failure.to_json();
        let message = text["error"]["message"].as_str().unwrap_or_default().to_owned();
        Self::failed(what, message, failure.hint().unwrap_or_default())
    }
}

pub(crate) fn doctor(common: &Common, args: &DoctorArgs) -> Result<Exit, Failure> {
    interrupt::listen("skipping what is left");
    let places = Places::new(common)?;
    let progress = Progress::new(common.quiet);
    let mut checks = vec![
        folder(
            "cache folder",
            &places.cache,
            "name another folder with `--cache DIR` or SLEUTH_CACHE",
        ),
        folder(
            "state folder",
            &places.state,
            "name another folder with `--state DIR` or SLEUTH_STATE",
        ),
        main_job(&places),
    ];
    checks.extend(stores(&places));
    checks.extend(models(&places, args.model.is_none(), &progress));
    if let Some(model) = &args.model {
        checks.push(match choose::find(model, &places) {
            Ok(found) => acts(&found, &args.remote, &progress),
            Err(failure) => Check::of("model", &failure),
        });
    }
    progress.end();

    let exit = checks.iter().find_map(|check| check.exit).unwrap_or(Exit::Done);
    print(&if args.json { to_json(&checks, exit) } else { to_text(&checks, exit) })?;
    Ok(exit)
}

fn to_json(checks: &[Check], exit: Exit) -> String {
    let list: Vec<Value> = checks
        .iter()
        .map(|check| {
            json!({
                "check": check.what,
                "state": check.state.word(),
                "found": check.found,
                "advice": (!check.advice.is_empty()).then_some(&check.advice),
            })
        })
        .collect();
    format!("{}\n", json!({"works": exit == Exit::Done, "checks": list}))
}

fn to_text(checks: &[Check], exit: Exit) -> String {
    let mut text = String::new();
    for check in checks {
        let (state, what) = (check.state.word(), check.what);
        let _ = writeln!(text, "{state:<8} {what:<14} {}", escape(&check.found));
        if !check.advice.is_empty() {
            let _ = writeln!(text, "{:<8} {:<14} → {}", "", "", escape(&check.advice));
        }
    }
    text += if exit == Exit::Done {
        "\nquestions can be asked\n"
    } else {
        "\nquestions cannot be asked until this is mended\n"
    };
    text
}

/// Whether a folder can be made and written, and how much room it has.
fn folder(what: &'static str, path: &Path, advice: &str) -> Check {
    let written = fs_err::create_dir_all(path).and_then(|()| {
        let file = path.join(format!(".doctor-{}", std::process::id()));
        fs_err::write(&file, b"sleuth").and_then(|()| fs_err::remove_file(&file))
    });
    let shown = path.display();
    if let Err(error) = written {
        return Check::failed(what, error.to_string(), advice).fatal(Exit::Storage);
    }
    match rustix::fs::statvfs(path) {
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let found = format!("{shown}, {} free", bytes(free));
            if free < LITTLE_SPACE {
                Check::warning(what, found, format!("free some space, or {advice}"))
            } else {
                Check::ok(what, found)
            }
        }
        Err(_) => Check::ok(what, shown.to_string()),
    }
}

/// Builds a small store, asks it a question, and wants the right answer.
fn main_job(places: &Places) -> Check {
    let what = "ask";
    let path = places.cache.join(format!("doctor-{}", std::process::id()));
    let begun = Instant::now();
    let outcome = ask_small_store(&path);
    let _ = fs_err::remove_dir_all(&path);
    match outcome {
        Ok(answer) if answer.contains("1911") => {
            let took = seconds(begun.elapsed().as_secs_f64());
            Check::ok(
                what,
                format!("a store was built and a question answered without a model in {took}"),
            )
        }
        Ok(answer) => Check::failed(
            what,
            format!("expected the answer `1911`, found `{answer}`"),
            "this is a fault of the program: please report it",
        )
        .fatal(Exit::Ours),
        Err(failure) => Check { exit: Some(failure.exit()), ..Check::of(what, &failure) },
    }
}

fn ask_small_store(path: &Path) -> Result<String, Failure> {
    let document =
        |id: &str, title: &str, text: &str| Document::new(DocumentId::new(id), title, text);
    let source = MemorySource::new([
        document(
            "a",
            "Marrow Point Lighthouse",
            "The Marrow Point Lighthouse was built in 1911 by Ada Quill.",
        ),
        document("b", "Ada Quill", "Ada Quill was an engineer from Larkhaven."),
    ]);
    sync(path, &source, &SyncOptions::default(), &|_| (), &|| false)?;
    let store = Store::open(path)?;
    let Some(question) = Question::new("When was the Marrow Point Lighthouse built?") else {
        return Ok(String::new());
    };
    let budget = Budget {
        searches: None,
        pages: None,
        turns: None,
        tokens: None,
        seconds: None,
        dollars: None,
    };
    let outcome = sleuth_agent::ask(
        &question,
        &mut Trail::default(),
        &AskOptions { budget, seed: 0 },
        Surroundings {
            retriever: &store,
            clock: &SystemClock,
            interrupted: &|| false,
            cancel: &|| false,
            log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
            on_event: &mut |_| (),
        },
    )?;
    Ok(if outcome.finish == Finish::Answered { outcome.answer } else { "none".to_owned() })
}

/// Whether the cached stores open.
fn stores(places: &Places) -> Option<Check> {
    let what = "cached stores";
    let folders: Vec<PathBuf> =
        fs_err::read_dir(places.stores()).ok()?.flatten().map(|entry| entry.path()).collect();
    let broken: Vec<String> = folders
        .iter()
        .filter_map(|path| Some(format!("{}: {}", path.display(), Store::open(path).err()?)))
        .collect();
    let n = count(folders.len() as u64, "store");
    Some(if broken.is_empty() {
        Check::ok(what, format!("{n}, all open"))
    } else {
        Check::warning(
            what,
            format!("{n}, {} cannot be opened: {}", broken.len(), broken.join("; ")),
            "they are built again when they are needed; to have the space now, remove them",
        )
    })
}

/// The shelf of models, and whether the best of them does what the agent needs.
fn models(places: &Places, try_best: bool, progress: &Progress) -> Vec<Check> {
    let what = "models";
    let entries = match Shelf::new(&places.models).list() {
        Ok(entries) => entries,
        Err(error) => return vec![Check::of(what, &Failure::Shelf(error))],
    };
    let mut checks = Vec::new();
    for entry in &entries {
        let name = name_of(entry);
        // The header reader has seen that the file is as long as its tensors demand; a known model
        // also has a length of its own.
        let short = entry.known.as_ref().filter(|known| known.bytes != entry.bytes);
        checks.push(match (&entry.header, short) {
            (Ok(_), None) => Check::ok(what, format!("{name}, {}", bytes(entry.bytes))),
            (Ok(_), Some(known)) => Check::failed(
                what,
                format!("{name}: expected {} bytes, found {}", known.bytes, entry.bytes),
                format!("remove `{}` and get it again", entry.path.display()),
            ),
            (Err(reason), _) => Check::failed(
                what,
                format!("{name}: {reason}"),
                format!("remove `{}` and get it again", entry.path.display()),
            ),
        });
    }
    checks.push(embeds(places));
    match choose::best(places) {
        Ok(Some(found)) if try_best => {
            let remote = RemoteArgs { prices: None };
            checks.push(acts(&found, &remote, progress));
        }
        Ok(Some(_)) | Err(_) => {}
        Ok(None) => checks.push(Check::warning(
            what,
            "none is installed; questions are answered by the policy `trail`, which needs none"
                .to_owned(),
            "get one with `sleuth model get small` (1.1 GB)",
        )),
    }
    checks
}

/// Whether texts can be turned into vectors.
fn embeds(places: &Places) -> Check {
    let what = "embeddings";
    let embedder = match choose::find(Tier::Embed.name(), places) {
        Ok(found) => choose::embedder(&found),
        Err(_) => {
            return Check::warning(
                what,
                "no embedding model is installed; search goes by words, not by meaning".to_owned(),
                "get it with `sleuth model get embed` (25 MB)",
            );
        }
    };
    let begun = Instant::now();
    let tried = embedder.and_then(|embedder| {
        let embedder = embedder.ok_or(Failure::Panicked)?;
        let texts = ["a ferry to the island", "a boat to the isle", "the price of copper"];
        let vectors = embedder.embed(&texts, &interrupt::asked)?;
        let near =
            |at: usize| -> f32 { vectors[0].iter().zip(&vectors[at]).map(|(a, b)| a * b).sum() };
        Ok((near(1) > near(2), embedder.dims()))
    });
    match tried {
        Ok((true, dims)) => Check::ok(
            what,
            format!("vectors of {dims} numbers in {}", seconds(begun.elapsed().as_secs_f64())),
        ),
        Ok((false, _)) => Check::failed(
            what,
            "the vectors make no sense: a boat is nearer to the price of copper than to a ferry"
                .to_owned(),
            "remove the model and get it again with `sleuth model get embed`",
        ),
        Err(failure) => Check::of(what, &failure),
    }
}

/// Whether a model loads and calls a tool as it is asked to.
fn acts(found: &Found, remote: &RemoteArgs, progress: &Progress) -> Check {
    let what = "model acts";
    let name = match found {
        Found::File { name, .. } => name.clone(),
        Found::Server { base, model } => format!("{model} at {base}"),
    };
    let begun = Instant::now();
    let probed = choose::load(found, remote, progress).and_then(|mut model| {
        progress.phase(&format!("asking {name} for an action"));
        Ok(probe(model.as_mut(), &interrupt::asked)?)
    });
    match probed {
        Ok(probe) => Check::ok(
            what,
            format!(
                "{name} called {} for `{}` in {}, loading included {}",
                probe.tool,
                probe.query,
                seconds(probe.seconds),
                seconds(begun.elapsed().as_secs_f64())
            ),
        ),
        Err(failure) => Check {
            advice: match found {
                Found::File { .. } => "take another model; `--policy trail` needs none",
                Found::Server { .. } => {
                    "check address, model name, key and server; `--policy trail` needs no model"
                }
            }
            .to_owned(),
            ..Check::of(what, &failure)
        },
    }
}
