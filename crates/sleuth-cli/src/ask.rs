//! `sleuth ask`.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use sleuth_agent::{AskOptions, Outcome, Recorder, Surroundings, SystemClock, Tap};
use sleuth_index::Retriever as _;
use sleuth_records::{
    Budget, Envelope, Event, Evidence, Finish, Mark, Question, Skipped, TrajectoryWriter,
};

use crate::args::{AskArgs, Common, Effort};
use crate::choose;
use crate::fail::{Exit, Failure};
use crate::interrupt;
use crate::places::Places;
use crate::progress::Progress;
use crate::run::RunFolder;
use crate::show::{Paint, count, escape, one_line, path_of_url, seconds, skipped_by_kind};
use crate::sites;
use crate::stores::{self, Opened, place_of};

/// Longest question in characters.
const LONGEST_QUESTION: usize = 50_000;
/// Skipped files that the JSON object names.
const NAMED_IN_JSON: usize = 20;

pub(crate) fn ask(common: &Common, args: &AskArgs) -> Result<Exit, Failure> {
    let question = read_question(&args.question)?;
    let places = Places::new(common)?;
    let budget = budget(args);
    interrupt::listen("writing up what there is");
    let progress = Progress::new(common.quiet);
    stores::look(&args.over)?;
    let lists = sites::read(&args.sites, &progress)?;
    let tap = Tap::default();
    let mut policy = choose::policy(args, &places, &tap, &progress)?;

    let mut opened = stores::open(&args.over, &places, &progress)?;
    opened.store = sites::in_force(opened.store, lists.as_ref());
    let run = RunFolder::create(&places)?;
    let mut log = TrajectoryWriter::create(&run.log())
        .map_err(|source| Failure::Write { path: run.log(), source })?;
    let calls = fs_err::File::create(run.calls())
        .map_err(|source| Failure::Write { path: run.calls(), source })?;
    let recorder = Recorder::new(Box::new(calls), policy.as_ref());
    tap.attach(&recorder);

    let mut watch = Watch::new(&progress, args.jsonl);
    let options = AskOptions { budget, seed: args.seed };
    let outcome = sleuth_agent::ask(
        &question,
        policy.as_mut(),
        &options,
        Surroundings {
            retriever: &recorder.retriever(&opened.store),
            clock: &recorder.clock(&SystemClock),
            interrupted: &recorder.interrupted(&interrupt::asked),
            cancel: &interrupt::asked,
            log: &mut log,
            on_event: &mut |event| watch.event(event),
        },
    );
    progress.end();
    let Watch { tried, output, .. } = watch;
    output?;
    let outcome = outcome?;
    if let Err(error) = recorder.finish() {
        progress.note(&format!("the run cannot be replayed: its recording ends early ({error})"));
    }

    let report = Report {
        question: &question,
        policy: policy.name(),
        model: policy.model_info().map(|info| info.name),
        snapshot: opened.store.snapshot(),
        opened: &opened,
        outcome: &outcome,
        tried: &tried,
        run: &run,
    };
    let text = if args.jsonl {
        String::new()
    } else if args.json {
        format!("{}\n", report.to_json())
    } else {
        report.to_text(Paint::of_stdout())
    };
    crate::print(&text)?;
    Ok(match outcome.finish {
        Finish::Answered => Exit::Done,
        Finish::NotFound => Exit::NotFound,
        Finish::BudgetEnded { .. } | Finish::Cancelled => Exit::Early,
        Finish::Failed { .. } => Exit::Ours,
    })
}

fn read_question(given: &str) -> Result<Question, Failure> {
    let mut text = given.to_owned();
    if given == "-" {
        let mut bytes = Vec::new();
        // Four bytes are the longest character, so more than this is too long in any case.
        let most = LONGEST_QUESTION as u64 * 4 + 1;
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|source| Failure::Read { path: "standard input".into(), source })?;
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let length = text.trim().chars().count();
    if length > LONGEST_QUESTION {
        return Err(Failure::usage(
            format!("the question has {length} characters; expected at most {LONGEST_QUESTION}"),
            "put the material into a file, name it with `--over`, and ask about it",
        ));
    }
    Question::new(&text).ok_or_else(|| {
        Failure::usage("the question is empty", "write what you want to know, in quotes")
    })
}

fn budget(args: &AskArgs) -> Budget {
    let Budget { searches, pages, turns, .. } = effort_budget(args.effort);
    Budget {
        searches: args.max_searches.or(searches),
        pages: args.max_pages.or(pages),
        turns: args.max_turns.or(turns),
        tokens: args.max_tokens,
        seconds: args.max_seconds,
        dollars: args.max_dollars,
    }
}

/// The limits of an effort.
pub(crate) fn effort_budget(effort: Effort) -> Budget {
    let (searches, pages, turns) = match effort {
        Effort::Quick => (4, 4, 6),
        Effort::Normal => (16, 16, 24),
        Effort::Deep | Effort::Heavy => (64, 64, 96),
    };
    Budget { searches: Some(searches), pages: Some(pages), turns: Some(turns), ..Budget::UNLIMITED }
}

/// Follows the events of a run.
struct Watch<'a> {
    progress: &'a Progress,
    jsonl: bool,
    searches: u64,
    /// The different queries so far.
    tried: Vec<String>,
    pages: u64,
    evidence: u64,
    /// The first failure to print an event.
    output: std::io::Result<()>,
}

impl<'a> Watch<'a> {
    fn new(progress: &'a Progress, jsonl: bool) -> Self {
        Self {
            progress,
            jsonl,
            searches: 0,
            tried: Vec::new(),
            pages: 0,
            evidence: 0,
            output: Ok(()),
        }
    }

    fn event(&mut self, envelope: &Envelope) {
        if self.jsonl && self.output.is_ok() {
            self.output = print_event(envelope);
        }
        let doing = match &envelope.event {
            Event::Turn { message, .. } => {
                for call in &message.tool_calls {
                    let text = |name: &str| call.arguments.get(name).and_then(Value::as_str);
                    match (call.name.as_str(), text("query")) {
                        ("search", Some(query)) => {
                            self.searches += 1;
                            // The same words may be looked for within different documents.
                            if !self.tried.iter().any(|tried| tried == query) {
                                self.tried.push(query.to_owned());
                            }
                        }
                        ("open", _) => self.pages += 1,
                        _ => {}
                    }
                }
                message.tool_calls.last().map_or("thinking", |call| match call.name.as_str() {
                    "search" => "searching",
                    "open" => "reading",
                    "find" => "looking",
                    _ => "writing",
                })
            }
            Event::EvidenceKept { .. } => {
                self.evidence += 1;
                "keeping evidence"
            }
            Event::Answer { .. } => "checking quotes",
            Event::Started { .. }
            | Event::ToolResult { .. }
            | Event::Noticed { .. }
            | Event::Checked { .. }
            | Event::Finished { .. } => return,
        };
        self.progress.state(|| {
            let queries = count(self.searches, "query");
            let pages = count(self.pages, "page");
            format!(
                "{doing} · {queries} · {pages} read · {} kept · {}",
                self.evidence,
                seconds(self.progress.seconds())
            )
        });
    }
}

fn print_event(envelope: &Envelope) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(envelope).map_err(std::io::Error::other)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush())
}

/// A finished run as people and machines see it.
struct Report<'a> {
    question: &'a Question,
    policy: &'a str,
    model: Option<String>,
    snapshot: &'a str,
    opened: &'a Opened,
    outcome: &'a Outcome,
    tried: &'a [String],
    run: &'a RunFolder,
}

impl Report<'_> {
    fn only_file(&self) -> Option<&Path> {
        self.opened.only_file.as_deref()
    }

    fn to_text(&self, paint: Paint) -> String {
        let outcome = self.outcome;
        let mut text = String::new();
        if outcome.answer.is_empty() {
            text += &paint.bold("not found");
            text += "\n\n";
            self.write_tried(&mut text);
        } else {
            text += &paint.bold(&escape(outcome.answer.trim()));
            if outcome.mark == Some(Mark::Partial) {
                // The quotes bear a part of it out; an exact one needs no word.
                let _ = write!(text, " {}", paint.mark(Mark::Partial));
            }
            text += "\n\n";
            for (at, claim) in outcome.claims.iter().enumerate() {
                self.write_claim(&mut text, at, &claim.text, paint);
            }
        }
        if self.opened.partial {
            let n = count(self.opened.store.n_documents(), "document");
            let _ = writeln!(
                text,
                "Not everything was read before the interrupt: only {n} could be searched.\n"
            );
        }
        let usage = &outcome.usage;
        let end = match &outcome.finish {
            Finish::BudgetEnded { limit } => {
                format!("ended early: most of the {limit} were used; ")
            }
            Finish::Cancelled => "ended early: interrupted; ".to_owned(),
            Finish::Answered | Finish::NotFound | Finish::Failed { .. } => String::new(),
        };
        let tokens = usage.tokens.prompt_tokens + usage.tokens.completion_tokens;
        let mut spent = format!(
            "{end}{}, {} read, {}",
            count(usage.searches, "search"),
            count(usage.pages, "page"),
            seconds(usage.elapsed_ms as f64 / 1000.0),
        );
        if tokens > 0 {
            let _ = write!(spent, ", {tokens} tokens");
        }
        if usage.dollars > 0.0 {
            let _ = write!(spent, ", ${:.4}", usage.dollars);
        }
        let _ = writeln!(text, "{}", paint.dim(&format!("{spent} · run {}", self.run.id)));
        text
    }

    fn write_claim(&self, text: &mut String, at: usize, claim: &str, paint: Paint) {
        let outcome = self.outcome;
        for citation in outcome.citations.iter().filter(|citation| citation.claim == at) {
            let Some(evidence) = outcome.evidence.iter().find(|e| e.id == citation.evidence) else {
                continue;
            };
            // A claim that says no more than the answer above or the quote below is not repeated.
            let same = |other: &str| other.split_whitespace().eq(claim.split_whitespace());
            let quote = escape(&quoted(&evidence.quote));
            let mark = paint.mark(citation.mark);
            if same(&outcome.answer) || same(&evidence.quote) {
                let _ = writeln!(text, "  {mark} {}", quote.replace('\n', "\n    "));
            } else {
                let _ = writeln!(text, "  {mark} {}", one_line(claim, 300));
                let _ = writeln!(text, "    {}", quote.replace('\n', "\n    "));
            }
            let place = place_of(evidence, self.only_file());
            let title = one_line(&evidence.title, 100);
            let _ = writeln!(
                text,
                "    {}\n",
                paint.dim(&format!("{title} · {}", one_line(&place, 4096)))
            );
        }
    }

    fn write_tried(&self, text: &mut String) {
        let usage = &self.outcome.usage;
        let _ = writeln!(
            text,
            "{}. Tried {} and read {}:",
            match &self.outcome.finish {
                Finish::BudgetEnded { limit } => {
                    format!("Found nothing that supports an answer before the limit of {limit}")
                }
                Finish::Cancelled => {
                    "Found nothing that supports an answer before the interrupt".to_owned()
                }
                Finish::Answered | Finish::NotFound | Finish::Failed { .. } => {
                    "Nothing in the documents supports an answer".to_owned()
                }
            },
            count(self.tried.len() as u64, "query"),
            count(usage.pages, "page"),
        );
        for query in self.tried.iter().take(8) {
            let _ = writeln!(text, "  - {}", one_line(query, 120));
        }
        if self.tried.len() > 8 {
            let _ = writeln!(text, "  - and {} more", self.tried.len() - 8);
        }
        let ranking: Vec<String> =
            self.outcome.ranking.iter().take(3).map(|id| one_line(id.as_str(), 80)).collect();
        if !ranking.is_empty() {
            let _ = writeln!(text, "Closest documents: {}", ranking.join(", "));
        }
        text.push('\n');
    }

    fn to_json(&self) -> Value {
        let outcome = self.outcome;
        let (status, limit) = match &outcome.finish {
            Finish::Answered => ("answered", None),
            Finish::NotFound => ("not_found", None),
            Finish::BudgetEnded { limit } => ("budget_ended", Some(limit)),
            Finish::Cancelled => ("cancelled", None),
            Finish::Failed { .. } => ("failed", None),
        };
        let claims: Vec<Value> = outcome
            .claims
            .iter()
            .enumerate()
            .map(|(at, claim)| {
                let citations: Vec<Value> = outcome
                    .citations
                    .iter()
                    .filter(|citation| citation.claim == at)
                    .map(|citation| json!({"evidence": citation.evidence, "mark": citation.mark}))
                    .collect();
                json!({
                    "text": claim.text,
                    "mark": self.mark(|citation| citation.claim == at),
                    "evidence": claim.evidence,
                    "citations": citations,
                })
            })
            .collect();
        let evidence: Vec<Value> =
            outcome.evidence.iter().map(|evidence| self.evidence_json(evidence)).collect();
        let mut object = json!({
            "status": status,
            "answer": outcome.answer,
            "mark": outcome.mark,
            "claims": claims,
            "evidence": evidence,
            "ranking": outcome.ranking,
            "usage": outcome.usage,
            "run": self.run.id,
            "question": self.question,
            "policy": self.policy,
            "model": self.model,
            "snapshot": self.snapshot,
            "retrieval": self.opened.store.retrieval().ok(),
            "documents": self.opened.store.n_documents(),
            "partial": self.opened.partial,
            "skipped": skipped_json(&self.opened.skipped),
            "tried": self.tried,
        });
        if let Some(limit) = limit {
            object["limit"] = json!(limit);
        }
        object
    }

    /// The best mark of some citations.
    fn mark(&self, of: impl Fn(&sleuth_records::Citation) -> bool) -> Option<Mark> {
        self.outcome.citations.iter().filter(|c| of(c)).map(|c| c.mark).min()
    }

    fn evidence_json(&self, evidence: &Evidence) -> Value {
        let path = evidence.url.as_deref().and_then(path_of_url);
        let path = match (&evidence.url, path) {
            (_, Some(path)) => Some(path.display().to_string()),
            (None, None) => self.only_file().map(|path| path.display().to_string()),
            (Some(_), None) => None,
        };
        json!({
            "id": evidence.id,
            "document": evidence.document,
            "title": evidence.title,
            "path": path,
            "url": evidence.url,
            "range": [evidence.range.start, evidence.range.end],
            "line": evidence.line,
            "part": evidence.part,
            "quote": evidence.quote,
            "mark": self.mark(|citation| citation.evidence == evidence.id),
        })
    }
}

/// How many of each kind, and the first few by name.
pub(crate) fn skipped_json(skipped: &[Skipped]) -> Value {
    let kinds: serde_json::Map<String, Value> =
        skipped_by_kind(skipped).into_iter().map(|(kind, n)| (kind, json!(n))).collect();
    let first: Vec<&Skipped> = skipped.iter().take(NAMED_IN_JSON).collect();
    json!({"total": skipped.len(), "kinds": kinds, "first": first})
}

/// The quote between quotation marks, without blank lines.
fn quoted(quote: &str) -> String {
    let lines: Vec<&str> =
        quote.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    format!("“{}”", lines.join("\n"))
}
