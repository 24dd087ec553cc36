//! One attempt at a question: the tools, the budget and the log that every policy works through.
//!
//! A policy never touches the store or the log directly. It asks the [`Session`] to search, open or
//! find; the session counts, writes the event, and says when it is time to write up. That way each
//! policy obeys the same limits and leaves the same record.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use sleuth_index::{Mention, Query, Retriever};
use sleuth_records::{
    Budget, Document, DocumentId, Envelope, Event, Evidence, EvidenceId, Message, Question,
    Ranking, TokenUsage, ToolCall, TrajectoryWriter, Usage,
};

use crate::AgentError;
use crate::clock::Clock;

/// Share of any limit at which gathering ends and writing begins.
pub const WRITE_UP_SHARE: f64 = 0.8;

/// Why a policy has to write up now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteUp {
    /// A limit is nearly used: `searches`, `pages`, `turns`, `tokens`, `seconds` or `dollars`.
    Budget(&'static str),
    /// The person interrupted.
    Interrupt,
}

/// See the [module](self).
pub struct Session<'a> {
    question: &'a Question,
    retriever: &'a dyn Retriever,
    budget: Budget,
    seed: u64,
    usage: Usage,
    clock: &'a dyn Clock,
    started_ms: u64,
    interrupted: &'a (dyn Fn() -> bool + Sync),
    opened: HashSet<DocumentId>,
    evidence: Vec<Evidence>,
    log: &'a mut TrajectoryWriter,
    on_event: &'a mut dyn FnMut(&Envelope),
    write_up: Option<WriteUp>,
    calls: u32,
}

impl<'a> Session<'a> {
    #[expect(clippy::too_many_arguments, reason = "called once, from `ask`")]
    pub(crate) fn new(
        question: &'a Question,
        retriever: &'a dyn Retriever,
        budget: Budget,
        seed: u64,
        clock: &'a dyn Clock,
        interrupted: &'a (dyn Fn() -> bool + Sync),
        log: &'a mut TrajectoryWriter,
        on_event: &'a mut dyn FnMut(&Envelope),
    ) -> Self {
        Self {
            question,
            retriever,
            budget,
            seed,
            usage: Usage::default(),
            clock,
            started_ms: clock.now_ms(),
            interrupted,
            opened: HashSet::new(),
            evidence: Vec::new(),
            log,
            on_event,
            write_up: None,
            calls: 0,
        }
    }

    /// What is asked.
    pub fn question(&self) -> &'a Question {
        self.question
    }

    /// Seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What has been used so far.
    pub fn usage(&self) -> Usage {
        let elapsed_ms = self.clock.now_ms().saturating_sub(self.started_ms);
        Usage { elapsed_ms, ..self.usage.clone() }
    }

    /// The evidence kept so far, in order.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Whether the first interrupt has come: handed to model calls, so that they end soon.
    pub fn interrupted(&self) -> &'a (dyn Fn() -> bool + Sync) {
        self.interrupted
    }

    /// Whether gathering must end. The first time that it does, the reason goes into the log; the
    /// answer does not change back.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn must_write_up(&mut self) -> Result<Option<WriteUp>, AgentError> {
        if self.write_up.is_none() {
            let reason = self.write_up_reason();
            if let Some(reason) = &reason {
                let (kind, detail) = match reason {
                    WriteUp::Interrupt => ("interrupt", "asked to stop".to_owned()),
                    WriteUp::Budget(limit) => {
                        let share = WRITE_UP_SHARE * 100.0;
                        ("write_up", format!("{share} % of the budget of {limit} is used"))
                    }
                };
                self.notice(kind, detail)?;
            }
            self.write_up = reason;
        }
        Ok(self.write_up.clone())
    }

    fn write_up_reason(&self) -> Option<WriteUp> {
        if (self.interrupted)() {
            return Some(WriteUp::Interrupt);
        }
        let usage = self.usage();
        let tokens = usage.tokens.prompt_tokens + usage.tokens.completion_tokens;
        let checks: [(&'static str, f64, Option<f64>); 6] = [
            ("searches", f64::from(usage.searches), self.budget.searches.map(f64::from)),
            ("pages", f64::from(usage.pages), self.budget.pages.map(f64::from)),
            ("turns", f64::from(usage.turns), self.budget.turns.map(f64::from)),
            ("tokens", tokens as f64, self.budget.tokens.map(|limit| limit as f64)),
            ("seconds", usage.elapsed_ms as f64 / 1000.0, self.budget.seconds),
            ("dollars", usage.dollars, self.budget.dollars),
        ];
        checks.into_iter().find_map(|(name, used, limit)| {
            limit.is_some_and(|limit| used >= limit * WRITE_UP_SHARE).then_some(WriteUp::Budget(name))
        })
    }

    /// The limits of the run.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A name for the next tool call, for policies whose model gives none.
    pub fn next_call_id(&mut self) -> String {
        self.calls += 1;
        format!("c{}", self.calls)
    }

    /// Writes down what the policy said, as one turn.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn turn(
        &mut self,
        message: Message,
        tokens: TokenUsage,
        dollars: f64,
        request: Option<String>,
    ) -> Result<(), AgentError> {
        self.usage.turns += 1;
        self.usage.tokens += tokens;
        self.usage.dollars += dollars;
        let turn = self.usage.turns;
        self.emit(Event::Turn { turn, message, tokens, request })
    }

    /// A turn of a policy without a model: one tool call, and its id.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn call(
        &mut self,
        tool: &str,
        arguments: serde_json::Value,
    ) -> Result<String, AgentError> {
        let id = self.next_call_id();
        let mut message = Message::text(sleuth_records::Role::Assistant, "");
        message.tool_calls.push(ToolCall { id: id.clone(), name: tool.to_owned(), arguments });
        self.turn(message, TokenUsage::default(), 0.0, None)?;
        Ok(id)
    }

    /// Writes down the result of a tool call.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn tool_result(
        &mut self,
        call: &str,
        content: String,
        documents: Vec<DocumentId>,
    ) -> Result<(), AgentError> {
        self.emit(Event::ToolResult { call: call.to_owned(), content, documents })
    }

    /// Searches the store; counts as one search.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn search(&mut self, query: &Query) -> Result<Ranking, AgentError> {
        self.usage.searches += 1;
        Ok(self.retriever.search(query)?)
    }

    /// Opens a document; counts as a page, once for each document.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(&mut self, id: &DocumentId) -> Result<Option<Arc<Document>>, AgentError> {
        let document = self.retriever.document(id)?;
        if document.is_some() && self.opened.insert(id.clone()) {
            self.usage.pages += 1;
        }
        Ok(document)
    }

    /// The document behind a hit, to show the passage that was found; does not count as a page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn peek(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, AgentError> {
        Ok(self.retriever.document(id)?)
    }

    /// Documents that `text` names by title.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mentions(&self, text: &str) -> Result<Vec<Mention>, AgentError> {
        Ok(self.retriever.mentions(text)?)
    }

    /// Rarity of index terms; see [`Retriever::rarity`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, AgentError> {
        Ok(self.retriever.rarity(terms)?)
    }

    /// Puts a quote aside as evidence and returns its name. The same place keeps its first name.
    ///
    /// # Errors
    /// When the log cannot be written, or `range` is not a range of the document's text.
    pub fn keep(
        &mut self,
        document: &Document,
        range: Range<usize>,
    ) -> Result<EvidenceId, AgentError> {
        let known = |e: &&Evidence| e.document == document.id && e.range == range;
        if let Some(known) = self.evidence.iter().find(known) {
            return Ok(known.id.clone());
        }
        let Some(quote) = document.text.get(range.clone()) else {
            return Err(AgentError::NoSuchRange { document: document.id.clone(), range });
        };
        let evidence = Evidence {
            id: EvidenceId(format!("e{}", self.evidence.len() + 1)),
            document: document.id.clone(),
            title: document.title.clone(),
            url: document.url.clone(),
            line: document.line_at(range.start),
            quote: quote.to_owned(),
            range,
        };
        let id = evidence.id.clone();
        self.evidence.push(evidence.clone());
        self.emit(Event::EvidenceKept { evidence })?;
        Ok(id)
    }

    /// Writes down something that the program did of its own accord.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn notice(&mut self, kind: &str, detail: impl Into<String>) -> Result<(), AgentError> {
        self.emit(Event::Noticed { kind: kind.to_owned(), detail: detail.into() })
    }

    pub(crate) fn emit(&mut self, event: Event) -> Result<(), AgentError> {
        let envelope =
            self.log.append(self.clock.now_ms(), event).map_err(AgentError::Log)?;
        (self.on_event)(&envelope);
        Ok(())
    }
}
