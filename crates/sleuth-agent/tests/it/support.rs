//! Running a policy under everything that a test can change.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sleuth_agent::{
    AgentError, AskOptions, CALLS, Chat, ChatOptions, LOG, Outcome, Policy, Recorder, StepClock,
    Surroundings, Tap, ask,
};
use sleuth_index::Retriever;
use sleuth_lm::LmError;
use sleuth_records::{
    Budget, Document, DocumentId, Envelope, Event, Finish, Message, Question, TrajectoryWriter,
};
use sleuth_testkit::{Acting, filtered};

type StopAt = Box<dyn Fn(&Event) -> bool>;

/// Runs policies over one store, with a clock that moves by a fixed step.
pub(crate) struct Runner<'s> {
    retriever: &'s dyn Retriever,
    pub(crate) budget: Budget,
    pub(crate) step_ms: u64,
    stop_at: StopAt,
    stopped: Arc<AtomicBool>,
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) result: Result<Outcome, AgentError>,
    pub(crate) events: Vec<Envelope>,
}

impl<'s> Runner<'s> {
    pub(crate) fn over(retriever: &'s dyn Retriever) -> Self {
        Self {
            retriever,
            budget: Budget::UNLIMITED,
            step_ms: 1,
            stop_at: Box::new(|_| false),
            stopped: Arc::default(),
        }
    }

    pub(crate) fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    pub(crate) fn step_ms(mut self, step_ms: u64) -> Self {
        self.step_ms = step_ms;
        self
    }

    /// Interrupts as soon as an event of this kind has been written.
    pub(crate) fn interrupt_at(mut self, stop_at: impl Fn(&Event) -> bool + 'static) -> Self {
        self.stop_at = Box::new(stop_at);
        self
    }

    /// Interrupted from the start.
    pub(crate) fn interrupted(self) -> Self {
        self.interrupted_by(Arc::new(AtomicBool::new(true)))
    }

    /// Interrupted once `flag` is raised.
    pub(crate) fn interrupted_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stopped = flag;
        self
    }

    pub(crate) fn run(&self, question: &str, policy: &mut dyn Policy) -> Ran {
        self.go(question, policy, None)
    }

    /// The same, with log and recording written into `folder`.
    pub(crate) fn record(
        &self,
        question: &str,
        policy: &mut dyn Policy,
        folder: &Path,
        tap: &Tap,
    ) -> Ran {
        self.go(question, policy, Some((folder, tap)))
    }

    fn go(&self, question: &str, policy: &mut dyn Policy, into: Option<(&Path, &Tap)>) -> Ran {
        let question = Question::new(question).unwrap();
        let options = AskOptions { budget: self.budget.clone(), seed: 7 };
        let clock = StepClock::new(1_795_375_047_000, self.step_ms);
        let stopped = Arc::clone(&self.stopped);
        let interrupted = || stopped.load(Ordering::Relaxed);
        let mut events: Vec<Envelope> = Vec::new();
        let mut on_event = |envelope: &Envelope| {
            if (self.stop_at)(&envelope.event) {
                self.stopped.store(true, Ordering::Relaxed);
            }
            events.push(envelope.clone());
        };
        let result = match into {
            None => ask(
                &question,
                policy,
                &options,
                Surroundings {
                    retriever: self.retriever,
                    clock: &clock,
                    interrupted: &interrupted,
                    cancel: &interrupted,
                    log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
                    on_event: &mut on_event,
                },
            ),
            Some((folder, tap)) => {
                let calls = fs_err::File::create(folder.join(CALLS)).unwrap();
                let recorder = Recorder::new(Box::new(calls), policy);
                tap.attach(&recorder);
                let result = ask(
                    &question,
                    policy,
                    &options,
                    Surroundings {
                        retriever: &recorder.retriever(self.retriever),
                        clock: &recorder.clock(&clock),
                        interrupted: &recorder.interrupted(&interrupted),
                        cancel: &interrupted,
                        log: &mut TrajectoryWriter::create(&folder.join(LOG)).unwrap(),
                        on_event: &mut on_event,
                    },
                );
                recorder.finish().unwrap();
                result
            }
        };
        Ran { result, events }
    }
}

impl Ran {
    pub(crate) fn outcome(&self) -> &Outcome {
        self.result.as_ref().unwrap()
    }

    pub(crate) fn error(&self) -> &AgentError {
        self.result.as_ref().unwrap_err()
    }

    /// The log as it would stand in its file, without digests.
    pub(crate) fn log(&self) -> String {
        let lines: Vec<String> =
            self.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        filtered(&lines.concat())
    }

    /// The notices, one a line.
    pub(crate) fn notices(&self) -> String {
        let notices = self.events.iter().filter_map(|envelope| match &envelope.event {
            Event::Noticed { kind, detail } => Some(format!("{kind}: {detail}\n")),
            _ => None,
        });
        notices.collect()
    }

    /// How the log says that the run ended.
    pub(crate) fn finish(&self) -> &Finish {
        match &self.events.last().unwrap().event {
            Event::Finished { finish, .. } => finish,
            other => panic!("the log ends with {other:?}"),
        }
    }

    /// Tool calls in order: name and arguments.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        let calls = self.events.iter().flat_map(|envelope| match &envelope.event {
            Event::Turn { message, .. } => message.tool_calls.clone(),
            _ => Vec::new(),
        });
        calls.map(|call| (call.name, call.arguments)).collect()
    }
}

/// The `chat` policy without a lead.
pub(crate) fn chat_alone(model: Acting) -> Chat {
    Chat::new(Box::new(model), alone())
}

/// Settings without a lead. Sizes are set here, so that tuning them changes no test.
pub(crate) fn alone() -> ChatOptions {
    ChatOptions {
        hits: 4,
        passage_bytes: 600,
        open_bytes: 2000,
        reply_tokens: 256,
        lead: 0,
        ..ChatOptions::default()
    }
}

/// The same with documents that the program finds beforehand.
pub(crate) fn with_lead(lead: usize) -> ChatOptions {
    ChatOptions { lead, ..alone() }
}

pub(crate) type Said = Result<Message, LmError>;

pub(crate) fn search(query: &str) -> Said {
    Acting::call("search", json!({ "query": query }))
}

pub(crate) fn open(document: &str) -> Said {
    Acting::call("open", json!({ "document": document }))
}

pub(crate) fn find(document: &str, pattern: &str) -> Said {
    Acting::call("find", json!({ "document": document, "pattern": pattern }))
}

/// An answer with one claim for each pair of text and evidence names.
pub(crate) fn answer(text: &str, claims: &[(&str, &[&str])]) -> Said {
    let claims: Vec<Value> =
        claims.iter().map(|(text, ids)| json!({ "text": text, "evidence": ids })).collect();
    Acting::call("answer", json!({ "answer": text, "claims": claims }))
}

pub(crate) fn malformed(found: &str) -> Said {
    Err(LmError::MalformedReply {
        model: "scripted".to_owned(),
        expected: "one tool call".to_owned(),
        found: found.to_owned(),
    })
}

/// Documents `item-1` to `item-n`, each with a word of its own: `word1` to `wordn`.
pub(crate) fn numbered(n: usize) -> Vec<Document> {
    let document = |k: usize| {
        let text = format!("Thing number {k} is called word{k}. It stands on shelf {}.", k * 3);
        Document::new(DocumentId::new(format!("item-{k}")), format!("Item {k}"), text)
    };
    (1..=n).map(document).collect()
}
