//! `sleuth trace`: runs that have been.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sleuth_agent::LOG;
use sleuth_records::{Citation, Claim, Envelope, Event, Evidence, Finish, Trajectory, Usage};

use crate::args::{Common, TraceCommand};
use crate::fail::{Exit, Failure};
use crate::places::Places;
use crate::print;
use crate::show::{Paint, count, escape, limit, one_line, seconds};
use crate::stores::place_of;

/// Characters of a tool result, of a call's arguments and of a message that are shown.
const SHOWN: usize = 200;
/// Runs that are named when a name fits several.
const NAMED: usize = 5;

pub(crate) fn trace(common: &Common, command: &TraceCommand) -> Result<Exit, Failure> {
    let places = Places::new(common)?;
    match command {
        TraceCommand::Show { run, jsonl } => {
            let folder = find_run(run, &places)?;
            let log = folder.join(LOG);
            let text = if *jsonl {
                fs_err::read_to_string(&log)
                    .map_err(|source| Failure::Read { path: log.clone(), source })?
            } else {
                let trajectory = Trajectory::read(&log)?;
                show(&folder, &trajectory, Paint::of_stdout())
            };
            print(&text)?;
            Ok(Exit::Done)
        }
        TraceCommand::Replay { run, json } => replay(&find_run(run, &places)?, *json),
    }
}

fn replay(folder: &Path, as_json: bool) -> Result<Exit, Failure> {
    let replayed = sleuth_agent::replay(folder)?;
    let events = replayed.recorded.events.len();
    if as_json {
        let object = json!({
            "status": if replayed.first_difference.is_none() { "same" } else { "different" },
            "run": folder,
            "events": events,
            "first_difference": replayed.first_difference,
        });
        print(&format!("{object}\n"))?;
        let same = replayed.first_difference.is_none();
        return Ok(if same { Exit::Done } else { Exit::Ours });
    }
    match replayed.first_difference {
        Some(difference) => Err(Failure::Differs { difference }),
        None => {
            let events = count(events as u64, "event");
            print(&format!("the replay gives the same log and answer: {events}\n"))?;
            Ok(Exit::Done)
        }
    }
}

/// The folder of the run that a person named: a path, `last`, an id or the beginning of one.
fn find_run(name: &str, places: &Places) -> Result<PathBuf, Failure> {
    if name.trim().is_empty() {
        return Err(Failure::usage(
            "the name of the run is empty",
            "give its id, the beginning of one, `last`, or a path",
        ));
    }
    let path = Path::new(name);
    if path.join(LOG).is_file() {
        return Ok(path.to_owned());
    }
    if path.is_file() && path.file_name().is_some_and(|file| file == LOG) {
        return Ok(path
            .parent()
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new("."))
            .to_owned());
    }
    let folder = places.runs();
    let mut runs: Vec<(std::time::SystemTime, String)> = fs_err::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(LOG).is_file())
        .map(|entry| {
            let made = entry.metadata().and_then(|metadata| metadata.modified());
            let made = made.unwrap_or(std::time::UNIX_EPOCH);
            (made, entry.file_name().to_string_lossy().into_owned())
        })
        .collect();
    // By the second in the id first: a copied folder has a younger time of its own.
    runs.sort_by(|a, b| a.1.get(..16).cmp(&b.1.get(..16)).then_with(|| a.cmp(b)));
    let fitting: Vec<&String> = match name {
        "last" => runs.last().map(|(_, id)| id).into_iter().collect(),
        _ if runs.iter().any(|(_, id)| id == name) => vec![],
        _ => runs.iter().map(|(_, id)| id).filter(|id| id.starts_with(name)).collect(),
    };
    match fitting[..] {
        [] if name != "last" && folder.join(name).join(LOG).is_file() => Ok(folder.join(name)),
        [id] => Ok(folder.join(id)),
        [] if path.is_file() && sleuth_tasks::holds_episodes(path).unwrap_or(false) => {
            Err(Failure::input(
                format!("`{name}` holds episodes, not a run"),
                format!("`sleuth tasks show {name}` shows them"),
            ))
        }
        [] => Err(Failure::input(
            format!("no run `{name}` in `{}`", folder.display()),
            "the id stands in the last line of each answer; `last` is the newest run",
        )),
        _ => {
            let names: Vec<&str> = fitting.iter().rev().take(NAMED).map(|id| id.as_str()).collect();
            Err(Failure::usage(
                format!("{} runs begin with `{name}`", fitting.len()),
                format!("name one of them, such as {}", names.join(", ")),
            ))
        }
    }
}

/// A log as people read it.
fn show(folder: &Path, trajectory: &Trajectory, paint: Paint) -> String {
    let name = escape(&folder.display().to_string());
    let end = if trajectory.is_complete() { "" } else { "\nthe log ends before the run did\n" };
    format!("run        {name}\n{}{end}", show_events(&trajectory.events, paint))
}

/// The events of a run as people read them.
pub(crate) fn show_events(events: &[Envelope], paint: Paint) -> String {
    let mut text = String::new();
    let began = events.first().map_or(0, |first| first.at_ms);
    let mut evidence: Vec<&Evidence> = Vec::new();
    let mut answer: Option<(&String, &Vec<Claim>)> = None;
    for envelope in events {
        let at = format!("{:>8}", seconds(envelope.at_ms.saturating_sub(began) as f64 / 1000.0));
        let at = paint.dim(&at);
        match &envelope.event {
            Event::Started { question, policy, model, store, budget, seed, .. } => {
                let model =
                    model.as_ref().map(|model| format!(" with {model}")).unwrap_or_default();
                let _ = writeln!(text, "question   {}", one_line(question.as_str(), 1000));
                let _ = writeln!(
                    text,
                    "policy     {}",
                    one_line(&format!("{policy}{model}, seed {seed}"), 200)
                );
                let _ = writeln!(text, "snapshot   {}", one_line(store, SHOWN));
                let _ = writeln!(
                    text,
                    "limits     {}, {}, {}\n",
                    limit(budget.searches, "search"),
                    limit(budget.pages, "page"),
                    limit(budget.turns, "turn"),
                );
            }
            Event::Turn { turn, message, tokens, .. } => {
                let spent = match tokens.prompt_tokens + tokens.completion_tokens {
                    0 => String::new(),
                    _ => format!(
                        " ({} prompt tokens, {} of them kept from before, {} written)",
                        tokens.prompt_tokens, tokens.cached_tokens, tokens.completion_tokens
                    ),
                };
                let said = format!("{turn:>3}. {}", one_line(&message.content, SHOWN));
                let _ = writeln!(text, "{at}  {}{}", said.trim_end(), paint.dim(&spent));
                for call in &message.tool_calls {
                    let arguments = one_line(&call.arguments.to_string(), SHOWN);
                    let _ =
                        writeln!(text, "{:>10}     → {} {arguments}", "", one_line(&call.name, 40));
                }
            }
            Event::ToolResult { content, documents, .. } => {
                let _ = writeln!(text, "{:>10}     ← {}", "", one_line(content, SHOWN));
                let names: Vec<String> =
                    documents.iter().take(5).map(|id| one_line(id.as_str(), 60)).collect();
                if !names.is_empty() {
                    let more = documents.len().saturating_sub(names.len());
                    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                    let _ = writeln!(
                        text,
                        "{:>10}       {}",
                        "",
                        paint.dim(&format!("{}{more}", names.join(", ")))
                    );
                }
            }
            Event::EvidenceKept { evidence: kept } => {
                evidence.push(kept);
                let quote = one_line(&kept.quote, SHOWN);
                let place = one_line(&place_of(kept, None), 4096);
                let id = one_line(&kept.id.0, 40);
                let _ = writeln!(text, "{:>10}     + {id}: “{quote}” {}", "", paint.dim(&place));
            }
            Event::Noticed { kind, detail } => {
                let _ = writeln!(
                    text,
                    "{at}       ! {}: {}",
                    one_line(kind, 40),
                    one_line(detail, SHOWN)
                );
            }
            Event::Answer { text: words, claims } => answer = Some((words, claims)),
            Event::Checked { citations } => {
                if let Some((words, claims)) = answer {
                    write_answer(&mut text, words, claims, citations, &evidence, paint);
                }
            }
            Event::Finished { finish, usage, .. } => write_end(&mut text, finish, usage),
        }
    }
    text
}

fn write_answer(
    text: &mut String,
    words: &str,
    claims: &[Claim],
    citations: &[Citation],
    evidence: &[&Evidence],
    paint: Paint,
) {
    let words = if words.is_empty() { "none" } else { words };
    let _ = writeln!(text, "\nanswer     {}", paint.bold(&one_line(words, 1000)));
    for citation in citations {
        let claim = claims.get(citation.claim).map_or("", |claim| claim.text.as_str());
        let place = evidence
            .iter()
            .find(|kept| kept.id == citation.evidence)
            .map(|kept| place_of(kept, None))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "  {} {} {} {}",
            paint.mark(citation.mark),
            one_line(claim, SHOWN),
            one_line(&citation.evidence.0, 40),
            paint.dim(&one_line(&place, 4096)),
        );
    }
}

fn write_end(text: &mut String, finish: &Finish, usage: &Usage) {
    let end = match finish {
        Finish::Answered => "answered".to_owned(),
        Finish::NotFound => "not found".to_owned(),
        Finish::BudgetEnded { limit } => format!("ended early: most of the {limit} were used"),
        Finish::Cancelled => "ended early: interrupted".to_owned(),
        Finish::Failed { boundary, message } => {
            format!("failed at the {}: {}", one_line(boundary, 40), one_line(message, 1000))
        }
    };
    let tokens = usage.tokens;
    let _ = writeln!(
        text,
        "\n{end} · {}, {} read, {}, {} tokens in and {} out, ${:.4}, {}",
        count(usage.searches, "search"),
        count(usage.pages, "page"),
        count(usage.turns, "turn"),
        tokens.prompt_tokens,
        tokens.completion_tokens,
        usage.dollars,
        seconds(usage.elapsed_ms as f64 / 1000.0),
    );
}
