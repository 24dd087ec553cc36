//! Recording what a run asks of the world, and running it again from the recording.
//!
//! The event log says what happened; beside it, `calls.jsonl` keeps every answer that the run got
//! from outside: rankings, documents, title mentions and rarities from the store, token counts and
//! replies from the model, readings of the clock, and the moment of an interrupt. With those, and
//! without store or model, [`replay`] runs the same policy again and must arrive at the same log:
//! the program's own part is a function of the recording.
//!
//! Calls are replayed in the order in which they were made, each checked against what is asked for
//! now; a document is recorded once and found by its id.

use std::collections::HashMap;
use std::io::{BufRead as _, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sleuth_index::{IndexError, Mention, Query, Retriever};
use sleuth_lm::{Cancel, LanguageModel, LmError, ModelInfo, Reply, Request, request_digest};
use sleuth_records::{
    Budget, Document, DocumentId, Envelope, Event, Message, Question, Ranking, ToolSpec,
    Trajectory, TrajectoryWriter, sha256_hex,
};

use crate::clock::Clock;
use crate::{
    AgentError, AskOptions, Chat, ChatOptions, Policy, Surroundings, Trail, TrailOptions, ask,
};

/// Name of the log in a run folder.
pub const LOG: &str = "log.jsonl";
/// Name of the recording in a run folder.
pub const CALLS: &str = "calls.jsonl";

/// A line of the recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
enum Call {
    /// The first line: how the policy was set up.
    Policy {
        settings: serde_json::Value,
        model: Option<ModelInfo>,
    },
    Search {
        query: Query,
        ranking: Ranking,
    },
    Document {
        id: DocumentId,
        document: Option<Box<Document>>,
    },
    Mentions {
        text: String,
        mentions: Vec<Mention>,
    },
    Rarity {
        terms: Vec<String>,
        values: Vec<f32>,
    },
    /// The store failed; the run cannot be replayed past this.
    StoreFailed {
        message: String,
    },
    CountTokens {
        tokens: Result<usize, LmError>,
    },
    Complete {
        request: String,
        reply: Box<Result<Reply, LmError>>,
    },
    Clock {
        ms: u64,
    },
    /// The interrupt was seen when it was asked for the `asked`th time.
    Interrupted {
        asked: u64,
    },
}

impl Call {
    /// What was asked, for comparing and for messages.
    fn asked(&self) -> String {
        match self {
            Self::Policy { .. } => "the policy".to_owned(),
            Self::Search { query, .. } => {
                format!("search {}", serde_json::to_string(query).unwrap_or_default())
            }
            Self::Document { id, .. } => format!("document `{id}`"),
            Self::Mentions { text, .. } => {
                format!("mentions in text {}", text.chars().take(12).collect::<String>())
            }
            Self::Rarity { terms, .. } => format!("rarity of {terms:?}"),
            Self::StoreFailed { message } => format!("a failure of the store: {message}"),
            Self::CountTokens { .. } => "a count of tokens".to_owned(),
            Self::Complete { request, .. } => {
                format!("a reply to request {}", request.chars().take(12).collect::<String>())
            }
            Self::Clock { .. } => "the time".to_owned(),
            Self::Interrupted { .. } => "the interrupt".to_owned(),
        }
    }
}

/// Writes a recording. A line that cannot be written is not lost silently: [`Recorder::finish`]
/// reports it.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Writer>>);

struct Writer {
    out: Box<dyn Write + Send>,
    error: Option<std::io::Error>,
}

impl Recorder {
    /// A recorder into `out`, of a run of `policy`.
    pub fn new(out: Box<dyn Write + Send>, policy: &dyn Policy) -> Self {
        let recorder = Self(Arc::new(Mutex::new(Writer { out, error: None })));
        recorder.write(&Call::Policy { settings: policy.settings(), model: policy.model_info() });
        recorder
    }

    fn write(&self, call: &Call) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.error.is_some() {
            return;
        }
        let written =
            serde_json::to_vec(call).map_err(std::io::Error::other).and_then(|mut line| {
                line.push(b'\n');
                writer.out.write_all(&line)?;
                writer.out.flush()
            });
        writer.error = written.err();
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// The first failure to write, after which nothing was recorded.
    pub fn finish(self) -> std::io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.error.take().map_or(Ok(()), Err)
    }

    /// `retriever`, recorded.
    pub fn retriever<'r>(&self, retriever: &'r dyn Retriever) -> impl Retriever + use<'r> {
        RecordedRetriever {
            retriever,
            recorder: self.clone(),
            documents: Mutex::new(std::collections::HashSet::new()),
        }
    }

    /// `clock`, recorded.
    pub fn clock<'c>(&self, clock: &'c dyn Clock) -> impl Clock + use<'c> {
        RecordedClock { clock, recorder: self.clone() }
    }

    /// `interrupted`, recorded: the moment at which it first says yes.
    pub fn interrupted<'f>(
        &self,
        interrupted: &'f (dyn Fn() -> bool + Sync),
    ) -> impl Fn() -> bool + Sync + use<'f> {
        let recorder = self.clone();
        let asked = AtomicU64::new(0);
        let said = std::sync::atomic::AtomicBool::new(false);
        move || {
            let asked = asked.fetch_add(1, Ordering::Relaxed) + 1;
            let now = interrupted();
            if now && !said.swap(true, Ordering::Relaxed) {
                recorder.write(&Call::Interrupted { asked });
            }
            now
        }
    }
}

struct RecordedRetriever<'r> {
    retriever: &'r dyn Retriever,
    recorder: Recorder,
    documents: Mutex<std::collections::HashSet<DocumentId>>,
}

impl RecordedRetriever<'_> {
    fn note<T>(
        &self,
        result: Result<T, IndexError>,
        call: impl FnOnce(&T) -> Option<Call>,
    ) -> Result<T, IndexError> {
        match &result {
            Ok(value) => {
                if let Some(call) = call(value) {
                    self.recorder.write(&call);
                }
            }
            Err(error) => self.recorder.write(&Call::StoreFailed { message: error.to_string() }),
        }
        result
    }
}

impl Retriever for RecordedRetriever<'_> {
    fn snapshot(&self) -> &str {
        self.retriever.snapshot()
    }

    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        self.note(self.retriever.search(query), |ranking| {
            Some(Call::Search { query: query.clone(), ranking: ranking.clone() })
        })
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        self.note(self.retriever.document(id), |document| {
            let mut known = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(id.clone()).then(|| Call::Document {
                id: id.clone(),
                document: document.as_deref().cloned().map(Box::new),
            })
        })
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        self.note(self.retriever.mentions(text), |mentions| {
            Some(Call::Mentions { text: sha256_hex(text.as_bytes()), mentions: mentions.clone() })
        })
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        self.note(self.retriever.rarity(terms), |values| {
            Some(Call::Rarity { terms: terms.to_vec(), values: values.clone() })
        })
    }
}

struct RecordedClock<'c> {
    clock: &'c dyn Clock,
    recorder: Recorder,
}

impl Clock for RecordedClock<'_> {
    fn now_ms(&self) -> u64 {
        let ms = self.clock.now_ms();
        self.recorder.write(&Call::Clock { ms });
        ms
    }
}

/// A model whose calls are recorded once [`Tap::attach`] has named a recorder.
///
/// A policy owns its model from before the run's recording exists; the tap is what both share.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Option<Recorder>>>);

impl Tap {
    /// Records from now on.
    pub fn attach(&self, recorder: &Recorder) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(recorder.clone());
    }

    /// `model` behind this tap.
    pub fn model(&self, model: Box<dyn LanguageModel>) -> Box<dyn LanguageModel> {
        Box::new(RecordedModel { model, tap: self.clone() })
    }

    fn write(&self, call: &Call) {
        if let Some(recorder) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            recorder.write(call);
        }
    }
}

struct RecordedModel {
    model: Box<dyn LanguageModel>,
    tap: Tap,
}

impl LanguageModel for RecordedModel {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        let tokens = self.model.count_tokens(messages, tools);
        self.tap.write(&Call::CountTokens { tokens: tokens.clone() });
        tokens
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        let reply = self.model.complete(request, cancel);
        self.tap.write(&Call::Complete {
            request: request_digest(request),
            reply: Box::new(reply.clone()),
        });
        reply
    }
}

/// What came of a replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The log as recorded.
    pub recorded: Trajectory,
    /// The log as it came out now.
    pub replayed: Trajectory,
    /// The first event that differs, timestamps aside, in words; `None` when the logs are the same.
    pub first_difference: Option<String>,
}

/// Runs the run in `folder` again from its recording.
///
/// # Errors
/// When log or recording cannot be read, the run was not recorded whole, or it asks for something
/// else than was recorded.
pub fn replay(folder: &Path) -> Result<Replayed, AgentError> {
    let recorded = Trajectory::read(&folder.join(LOG)).map_err(AgentError::Recording)?;
    let tape = Arc::new(Tape::read(&folder.join(CALLS))?);
    let Some(Event::Started { question, policy, store, budget, seed, .. }) =
        recorded.events.first().map(|envelope| envelope.event.clone())
    else {
        return Err(AgentError::Unreplayable("its log has no start".to_owned()));
    };
    let mut policy = make_policy(&policy, &tape)?;
    let events: Arc<Mutex<Vec<Envelope>>> = Arc::default();
    let result = run_again(&question, policy.as_mut(), &tape, store, budget, seed, &events);
    let replayed = Trajectory {
        events: std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner)),
    };
    tape.check(result)?;
    let first_difference = difference(&recorded, &replayed);
    Ok(Replayed { recorded, replayed, first_difference })
}

fn make_policy(name: &str, tape: &Arc<Tape>) -> Result<Box<dyn Policy>, AgentError> {
    let (settings, model) = tape.policy()?;
    let unfit = |error: serde_json::Error| {
        AgentError::Unreplayable(format!("its settings are of another version: {error}"))
    };
    match (name, model) {
        ("trail", _) => {
            let options: TrailOptions = serde_json::from_value(settings).map_err(unfit)?;
            Ok(Box::new(Trail { options }))
        }
        ("chat", Some(info)) => {
            let options: ChatOptions = serde_json::from_value(settings).map_err(unfit)?;
            Ok(Box::new(Chat::new(Box::new(TapeModel { info, tape: Arc::clone(tape) }), options)))
        }
        (other, _) => Err(AgentError::Unreplayable(format!("its policy is `{other}`"))),
    }
}

fn run_again(
    question: &Question,
    policy: &mut dyn Policy,
    tape: &Arc<Tape>,
    snapshot: String,
    budget: Budget,
    seed: u64,
    events: &Arc<Mutex<Vec<Envelope>>>,
) -> Result<(), AgentError> {
    let asked = AtomicU64::new(0);
    let interrupted = || {
        let asked = asked.fetch_add(1, Ordering::Relaxed) + 1;
        tape.interrupted_at.is_some_and(|at| asked >= at)
    };
    ask(
        question,
        policy,
        &AskOptions { budget, seed },
        Surroundings {
            retriever: &TapeRetriever { tape: Arc::clone(tape), snapshot },
            clock: &TapeClock(Arc::clone(tape)),
            interrupted: &interrupted,
            cancel: &|| false,
            log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
            on_event: &mut |event| {
                events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
            },
        },
    )
    .map(drop)
}

/// The first event in which the logs differ, timestamps aside.
fn difference(recorded: &Trajectory, replayed: &Trajectory) -> Option<String> {
    let one = recorded.clone().without_times().events;
    let two = replayed.clone().without_times().events;
    let text = |event: Option<&Envelope>| match event {
        Some(event) => {
            let text = serde_json::to_string(event).unwrap_or_default();
            text.chars().take(300).collect()
        }
        None => "nothing".to_owned(),
    };
    (0..one.len().max(two.len())).find(|&at| one.get(at) != two.get(at)).map(|at| {
        format!("event {at}: recorded {}, replayed {}", text(one.get(at)), text(two.get(at)))
    })
}

/// A recording that is being played.
struct Tape {
    calls: Vec<Call>,
    documents: HashMap<DocumentId, Option<Arc<Document>>>,
    interrupted_at: Option<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The next call of the store and the model.
    next: usize,
    /// The next reading of the clock: kept apart, since readings tell nothing of the order.
    next_clock: usize,
    /// Where the run left the recording.
    diverged: Option<(usize, String, String)>,
}

impl Tape {
    fn read(path: &Path) -> Result<Self, AgentError> {
        let unreadable = |error: std::io::Error| AgentError::Unreplayable(error.to_string());
        let file = fs_err::File::open(path).map_err(unreadable)?;
        let mut calls = Vec::new();
        let mut documents = HashMap::new();
        let mut interrupted_at = None;
        for (at, line) in std::io::BufReader::new(file).lines().enumerate() {
            let line = line.map_err(unreadable)?;
            let call: Call = serde_json::from_str(&line).map_err(|error| {
                AgentError::Unreplayable(format!("line {} of `{CALLS}`: {error}", at + 1))
            })?;
            if let Call::Document { id, document } = call {
                documents.insert(id, document.map(|document| Arc::new(*document)));
            } else if let Call::Interrupted { asked } = call {
                interrupted_at = Some(asked);
            } else {
                calls.push(call);
            }
        }
        let state = Mutex::new(State { next: 1, ..State::default() });
        Ok(Self { calls, documents, interrupted_at, state })
    }

    fn policy(&self) -> Result<(serde_json::Value, Option<ModelInfo>), AgentError> {
        match self.calls.first() {
            Some(Call::Policy { settings, model }) => Ok((settings.clone(), model.clone())),
            _ => Err(AgentError::Unreplayable("its recording has no head".to_owned())),
        }
    }

    /// The next call other than a clock reading, which must be what `asked` says.
    fn next(&self, asked: &str) -> Option<Call> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while matches!(self.calls.get(state.next), Some(Call::Clock { .. })) {
            state.next += 1;
        }
        let at = state.next;
        state.next += 1;
        let recorded = self.calls.get(at);
        if let Some(recorded) = recorded
            && recorded.asked() == asked
        {
            return Some(recorded.clone());
        }
        let expected = recorded.map_or_else(|| "the end".to_owned(), Call::asked);
        state.diverged.get_or_insert((at, expected, asked.to_owned()));
        None
    }

    /// The error that ends a run which has left the recording; what it is does not matter, since
    /// [`Tape::check`] puts the right one in its place.
    fn lost(&self) -> IndexError {
        IndexError::Cancelled
    }

    fn check(&self, result: Result<(), AgentError>) -> Result<(), AgentError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.diverged.take() {
            Some((at, ..)) if matches!(self.calls.get(at), Some(Call::StoreFailed { .. })) => {
                let failure = self.calls[at].asked();
                Err(AgentError::Unreplayable(format!("it ended with {failure}")))
            }
            Some((at, expected, found)) => Err(AgentError::Diverged { at, expected, found }),
            // A run that failed when it was recorded fails now; its log says how.
            None => {
                drop(result);
                Ok(())
            }
        }
    }
}

struct TapeRetriever {
    tape: Arc<Tape>,
    snapshot: String,
}

impl Retriever for TapeRetriever {
    fn snapshot(&self) -> &str {
        &self.snapshot
    }

    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        let asked = Call::Search { query: query.clone(), ranking: Ranking::default() }.asked();
        match self.tape.next(&asked) {
            Some(Call::Search { ranking, .. }) => Ok(ranking),
            _ => Err(self.tape.lost()),
        }
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        if let Some(document) = self.tape.documents.get(id) {
            return Ok(document.clone());
        }
        let asked = Call::Document { id: id.clone(), document: None }.asked();
        let _ = self.tape.next(&asked);
        Err(self.tape.lost())
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        let text = sha256_hex(text.as_bytes());
        match self.tape.next(&Call::Mentions { text, mentions: Vec::new() }.asked()) {
            Some(Call::Mentions { mentions, .. }) => Ok(mentions),
            _ => Err(self.tape.lost()),
        }
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        match self.tape.next(&Call::Rarity { terms: terms.to_vec(), values: Vec::new() }.asked()) {
            Some(Call::Rarity { values, .. }) => Ok(values),
            _ => Err(self.tape.lost()),
        }
    }
}

struct TapeClock(Arc<Tape>);

impl Clock for TapeClock {
    fn now_ms(&self) -> u64 {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(call) = self.0.calls.get(state.next_clock) {
            state.next_clock += 1;
            if let Call::Clock { ms } = call {
                return *ms;
            }
        }
        0
    }
}

struct TapeModel {
    info: ModelInfo,
    tape: Arc<Tape>,
}

impl TapeModel {
    fn lost(&self) -> LmError {
        LmError::Unavailable {
            model: self.info.name.clone(),
            reason: "the recording has no such call".to_owned(),
        }
    }
}

impl LanguageModel for TapeModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&mut self, _: &[Message], _: &[ToolSpec]) -> Result<usize, LmError> {
        match self.tape.next(&Call::CountTokens { tokens: Ok(0) }.asked()) {
            Some(Call::CountTokens { tokens }) => tokens,
            _ => Err(self.lost()),
        }
    }

    fn complete(&mut self, request: &Request<'_>, _: Cancel<'_>) -> Result<Reply, LmError> {
        let asked = Call::Complete {
            request: request_digest(request),
            reply: Box::new(Err(LmError::Cancelled)),
        }
        .asked();
        match self.tape.next(&asked) {
            Some(Call::Complete { reply, .. }) => *reply,
            _ => Err(self.lost()),
        }
    }
}
