//! One attempt at a question: the tools, the budget and the log that every policy works through.
//!
//! A policy never touches the store or the log directly. It asks the [`Session`] to search, open or
//! find; the session counts, writes the event, and says when it is time to write up. That way each
//! policy obeys the same limits and leaves the same record.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use sleuth_index::{IndexError, Mention, Query};
use sleuth_records::{
    Budget, Document, DocumentId, Event, Evidence, EvidenceId, Message, Question, Ranking,
    TokenUsage, ToolCall, Usage,
};

use crate::AgentError;
use crate::ask::{AskOptions, Surroundings};

/// Share of any limit at which gathering ends and writing begins.
pub const WRITE_UP_SHARE: f64 = 0.8;

/// Of a limit of things that are counted, how many may be used before writing begins.
fn gathering(limit: u32) -> u32 {
    (f64::from(limit) * WRITE_UP_SHARE).ceil() as u32
}

/// The same for turns: the write-up is a turn itself, and one is always kept for it.
fn gathering_turns(limit: u32) -> u32 {
    gathering(limit).min(limit.saturating_sub(1))
}

/// Why a policy has to write up now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteUp {
    /// A limit is nearly used: `searches`, `pages`, `turns`, `tokens`, `seconds` or `dollars`.
    Budget(&'static str),
    /// The person interrupted.
    Interrupt,
}

/// What is left before the budget says write up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Searches.
    pub searches: u32,
    /// Documents to open.
    pub pages: u32,
    /// Turns.
    pub turns: u32,
}

/// See the [module](self).
pub struct Session<'a> {
    question: &'a Question,
    around: Surroundings<'a>,
    budget: Budget,
    seed: u64,
    usage: Usage,
    started_ms: u64,
    opened: HashSet<DocumentId>,
    evidence: Vec<Evidence>,
    write_up: Option<WriteUp>,
    calls: u32,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        question: &'a Question,
        options: &AskOptions,
        around: Surroundings<'a>,
    ) -> Self {
        Self {
            question,
            budget: options.budget.clone(),
            seed: options.seed,
            usage: Usage::default(),
            started_ms: around.clock.now_ms(),
            opened: HashSet::new(),
            evidence: Vec::new(),
            write_up: None,
            calls: 0,
            around,
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
        let elapsed_ms = self.around.clock.now_ms().saturating_sub(self.started_ms);
        Usage { elapsed_ms, ..self.usage.clone() }
    }

    /// The evidence kept so far, in order.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Whether a model call should end: see [`Surroundings::cancel`].
    pub fn cancel(&self) -> &'a (dyn Fn() -> bool + Sync) {
        self.around.cancel
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

    /// Why gathering was ended, if the policy has been told to end it.
    pub(crate) fn written_up(&self) -> Option<WriteUp> {
        self.write_up.clone()
    }

    fn write_up_reason(&self) -> Option<WriteUp> {
        if (self.around.interrupted)() {
            return Some(WriteUp::Interrupt);
        }
        let usage = self.usage();
        let tokens = usage.tokens.prompt_tokens + usage.tokens.completion_tokens;
        let share = |limit: f64| limit * WRITE_UP_SHARE;
        let counted = |limit: u32| f64::from(gathering(limit));
        let turns = self.budget.turns.map(|limit| f64::from(gathering_turns(limit)));
        let checks: [(&'static str, f64, Option<f64>); 6] = [
            ("searches", f64::from(usage.searches), self.budget.searches.map(counted)),
            ("pages", f64::from(usage.pages), self.budget.pages.map(counted)),
            ("turns", f64::from(usage.turns), turns),
            ("tokens", tokens as f64, self.budget.tokens.map(|limit| share(limit as f64))),
            ("seconds", usage.elapsed_ms as f64 / 1000.0, self.budget.seconds.map(share)),
            ("dollars", usage.dollars, self.budget.dollars.map(share)),
        ];
        checks.into_iter().find_map(|(name, used, most)| {
            most.is_some_and(|most| used >= most).then_some(WriteUp::Budget(name))
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

    /// A turn of a policy without a model: calls of one tool, and their ids.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn call(
        &mut self,
        tool: &str,
        arguments: impl IntoIterator<Item = serde_json::Value>,
    ) -> Result<Vec<String>, AgentError> {
        let mut message = Message::text(sleuth_records::Role::Assistant, "");
        for arguments in arguments {
            let id = self.next_call_id();
            message.tool_calls.push(ToolCall { id, name: tool.to_owned(), arguments });
        }
        let ids = message.tool_calls.iter().map(|call| call.id.clone()).collect();
        self.turn(message, TokenUsage::default(), 0.0, None)?;
        Ok(ids)
    }

    /// How many more searches, pages and turns there are before the budget says write up. A policy
    /// that plans by this comes to an end of its own within any budget; only where the whole budget
    /// is a single search, page or turn does it use that up.
    pub fn room(&self) -> Room {
        let left = |used: u32, most: Option<u32>| {
            most.map_or(u32::MAX, |most| {
                most.saturating_sub(1).max(most.min(1)).saturating_sub(used)
            })
        };
        Room {
            searches: left(self.usage.searches, self.budget.searches.map(gathering)),
            pages: left(self.usage.pages, self.budget.pages.map(gathering)),
            turns: left(self.usage.turns, self.budget.turns.map(gathering_turns)),
        }
    }

    /// Turns before the limit itself, for the write-up.
    pub fn turns_left(&self) -> u32 {
        self.budget.turns.map_or(u32::MAX, |limit| limit.saturating_sub(self.usage.turns))
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

    /// Searches the store; counts as one search. One that was not answered finds nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn search(&mut self, query: &Query) -> Result<Ranking, AgentError> {
        Ok(self.ask_store(query)?.unwrap_or_default())
    }

    /// Searches the store, for a policy that can do something about a search that was not answered, as
    /// by a tool that is made to fail: `Err` within `Ok` says what became of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ask_store(&mut self, query: &Query) -> Result<Result<Ranking, String>, AgentError> {
        self.usage.searches += 1;
        match self.around.retriever.search(query) {
            Ok(ranking) => Ok(Ok(ranking)),
            Err(IndexError::Unanswered { reason }) => {
                self.notice("search_failed", reason.as_str())?;
                Ok(Err(reason))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a document; counts as a page, once for each document.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(&mut self, id: &DocumentId) -> Result<Option<Arc<Document>>, AgentError> {
        let document = self.around.retriever.document(id)?;
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
        Ok(self.around.retriever.document(id)?)
    }

    /// Documents that `text` names by title.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mentions(&self, text: &str) -> Result<Vec<Mention>, AgentError> {
        Ok(self.around.retriever.mentions(text)?)
    }

    /// Rarity of index terms; see [`Retriever::rarity`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, AgentError> {
        Ok(self.around.retriever.rarity(terms)?)
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
        let id = EvidenceId(format!("e{}", self.evidence.len() + 1));
        self.keep_as(id.clone(), document, range)?;
        Ok(id)
    }

    /// The same under a name that the policy has already shown to its model. A name that is taken
    /// keeps its first place.
    ///
    /// # Errors
    /// As [`Session::keep`].
    pub fn keep_as(
        &mut self,
        id: EvidenceId,
        document: &Document,
        range: Range<usize>,
    ) -> Result<(), AgentError> {
        if self.evidence.iter().any(|known| known.id == id) {
            return Ok(());
        }
        let Some(quote) = document.text.get(range.clone()) else {
            return Err(AgentError::NoSuchRange { document: document.id.clone(), range });
        };
        let evidence = Evidence {
            id,
            document: document.id.clone(),
            title: document.title.clone(),
            url: document.url.clone(),
            line: document.line_at(range.start),
            part: document.part_at(range.start),
            quote: quote.to_owned(),
            range,
        };
        self.evidence.push(evidence.clone());
        self.emit(Event::EvidenceKept { evidence })
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
            self.around.log.append(self.around.clock.now_ms(), event).map_err(AgentError::Log)?;
        (self.around.on_event)(&envelope);
        Ok(())
    }
}
