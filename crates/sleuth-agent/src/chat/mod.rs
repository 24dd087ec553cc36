//! The `chat` policy: a language model hunts, this program keeps it honest.
//!
//! The conversation only grows, so that an engine which keeps what it has evaluated pays for new
//! tokens only: instructions and tools, the question, then calls and results by turns. The model
//! sees passages under short names (`e3` in document `d2`), never addresses, and answers with claims
//! that list such names; this program finds the words in the passage that bear a claim out, and
//! [`crate::check()`] judges them like anybody's.
//!
//! What the model cannot be trusted to notice is noticed for it: a query that was asked before gets
//! the next results and a word of warning; turns that bring nothing new are counted, and after
//! [`MOST_IDLE_TURNS`] it is told to answer. When the context fills up, the oldest results are cut
//! down to their names, never the question.

mod prompt;
pub mod results;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sleuth_index::{Query, analyze, folded};
use sleuth_lm::{LanguageModel, LmError, ModelInfo, Request, ToolChoice, request_digest};
use sleuth_records::{Claim, DocumentId, EvidenceId, Mark, Message, Role, TokenUsage, ToolCall};

use crate::session::Session;
use crate::{AgentError, Draft, Place, Policy, Trail, check};
pub use prompt::{means_not_found, not_answered, system_prompt, tools};
use results::{Excerpts, Shown};

/// Turns in a row that repeat a query or show no new passage, after which the model has to answer.
pub const MOST_IDLE_TURNS: u32 = 2;

/// Settings of the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatOptions {
    /// Passages that a search shows.
    pub hits: usize,
    /// Longest passage shown, in bytes; longer ones are cut around what matches.
    pub passage_bytes: usize,
    /// Longest part of a document that `open` shows, in bytes.
    pub open_bytes: usize,
    /// Longest reply of the model, in tokens.
    pub reply_tokens: usize,
    /// Independent hunts, of whose answers the best supported is taken.
    pub samples: u32,
    /// Temperature of the sampling; several samples use at least 0.7.
    pub temperature: f32,
    /// Documents that [`Trail`] finds for the question before the model's first word, shown to it as
    /// the result of a first search; 0 leaves the model to itself.
    pub lead: usize,
    /// Replies of a wrong form that are answered with an explanation before the run fails.
    pub corrections: u32,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            hits: 3,
            passage_bytes: 480,
            open_bytes: 2000,
            reply_tokens: 256,
            samples: 1,
            temperature: 0.0,
            lead: 5,
            corrections: 2,
        }
    }
}

/// See the [module](self).
pub struct Chat {
    model: Box<dyn LanguageModel>,
    options: ChatOptions,
}

impl Chat {
    /// A hunt by `model`.
    pub fn new(model: Box<dyn LanguageModel>, options: ChatOptions) -> Self {
        Self { model, options }
    }

    /// The model, for asking it other things between runs.
    pub fn model_mut(&mut self) -> &mut dyn LanguageModel {
        self.model.as_mut()
    }
}

impl Policy for Chat {
    fn name(&self) -> &str {
        "chat"
    }

    fn model_info(&self) -> Option<ModelInfo> {
        Some(self.model.info().clone())
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(&self.options).unwrap_or_default()
    }

    fn run(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        self.refuse_long_question(session)?;
        let mut drafts = Vec::new();
        let mut shown = Shown::default();
        let lead = match self.options.lead {
            n if n > 0 && session.room().turns > 0 => Trail::default().lead(session, n)?,
            _ => Vec::new(),
        };
        for sample in 0..self.options.samples.max(1) {
            let hunt = Hunt {
                model: self.model.as_mut(),
                options: &self.options,
                seed: session.seed().wrapping_add(u64::from(sample)),
                messages: vec![Message::text(Role::System, system_prompt())],
                asked: HashMap::new(),
                seen: HashSet::new(),
                idle_turns: 0,
                repeated: false,
                corrections: 0,
                shown: &mut shown,
            };
            drafts.push(hunt.run(session, &lead)?);
            let more = sample + 1 < self.options.samples;
            if more && session.must_write_up()?.is_some() {
                break;
            }
        }
        let ranking = shown.documents();
        let best = best_supported(session, drafts)?;
        Ok(Draft { ranking, ..best })
    }
}

impl Chat {
    fn refuse_long_question(&mut self, session: &Session<'_>) -> Result<(), AgentError> {
        let message = Message::text(Role::User, session.question().as_str());
        let found = self.model.count_tokens(std::slice::from_ref(&message), &[])?;
        let limit = self.model.info().context / 4;
        if found > limit {
            let model = self.model.info().name.clone();
            return Err(AgentError::QuestionTooLong { model, found, limit });
        }
        Ok(())
    }
}

/// Of several drafts, the one whose answer the most drafts give, each counted by how well its claims
/// are borne out; the first among equals.
fn best_supported(session: &Session<'_>, drafts: Vec<Draft>) -> Result<Draft, AgentError> {
    let mut votes: HashMap<String, f32> = HashMap::new();
    let mut support = Vec::new();
    for draft in &drafts {
        let mut best = 0.0f32;
        for claim in &draft.claims {
            for id in &claim.evidence {
                let Some(evidence) = session.evidence().iter().find(|e| e.id == *id) else {
                    continue;
                };
                let document = session.peek(&evidence.document)?;
                best = best.max(match check(claim, evidence, document.as_deref()) {
                    Mark::Exact => 1.0,
                    Mark::Partial => 0.5,
                    Mark::Unsupported => 0.0,
                });
            }
        }
        support.push(best);
        *votes.entry(folded(&draft.text)).or_default() += best + 0.1;
    }
    let score = |at: usize| {
        if drafts[at].text.is_empty() {
            0.0
        } else {
            votes[&folded(&drafts[at].text)] + support[at]
        }
    };
    let best = (0..drafts.len()).rev().max_by(|&a, &b| score(a).total_cmp(&score(b)));
    Ok(best.and_then(|at| drafts.into_iter().nth(at)).unwrap_or_default())
}

/// One hunt: one conversation.
struct Hunt<'h> {
    model: &'h mut dyn LanguageModel,
    options: &'h ChatOptions,
    seed: u64,
    messages: Vec<Message>,
    /// Queries so far, folded, with the number of times each was asked.
    asked: HashMap<String, usize>,
    /// Evidence names that this conversation has shown.
    seen: HashSet<EvidenceId>,
    idle_turns: u32,
    /// Whether the last search asked what was asked before.
    repeated: bool,
    corrections: u32,
    shown: &'h mut Shown,
}

/// What a turn came to.
enum Step {
    /// The hunt goes on.
    On,
    /// The model answered.
    Answer(Draft),
}

impl Hunt<'_> {
    fn run(mut self, session: &mut Session<'_>, lead: &[Place]) -> Result<Draft, AgentError> {
        self.begin(session, lead)?;
        loop {
            if session.must_write_up()?.is_some() {
                return self.write_up(session);
            }
            if self.idle_turns >= MOST_IDLE_TURNS {
                let detail = format!("{MOST_IDLE_TURNS} turns brought nothing new");
                session.notice("no_progress", detail)?;
                return self.write_up(session);
            }
            let call = match self.ask_model(session, ToolChoice::Call) {
                Ok(call) => call,
                // The call was cut short by the interrupt. Where nobody interrupted, asking again
                // would go on for ever.
                Err(AgentError::Model(LmError::Cancelled))
                    if session.must_write_up()?.is_some() =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(call) = call else { continue };
            if let Step::Answer(draft) = self.act(session, &call)? {
                return Ok(draft);
            }
        }
    }

    /// Puts the question, with what the program found for it beforehand.
    fn begin(&mut self, session: &Session<'_>, lead: &[Place]) -> Result<(), AgentError> {
        let question = session.question().as_str();
        let mut parts = Vec::new();
        let mut excerpts = Excerpts::of(question);
        for (document, passage) in lead {
            let range = excerpts.cut(&document.text, passage.clone(), self.options.passage_bytes);
            let id = self.shown.passage(document, range);
            self.seen.insert(id.clone());
            parts.push(self.shown.render(&id));
        }
        self.messages.push(Message::text(Role::User, question));
        if !parts.is_empty() {
            // Servers want every result to answer a call: this is the one that the program made.
            let mut call = Message::text(Role::Assistant, "");
            let asked: String = question.chars().take(120).collect();
            call.tool_calls.push(ToolCall {
                id: "lead".to_owned(),
                name: "search".to_owned(),
                arguments: serde_json::json!({ "query": asked }),
            });
            self.messages.push(call);
            self.messages.push(Message::tool_result("lead", parts.join("\n\n")));
            // The question stands last, where a small model looks first.
            self.messages.push(Message::text(Role::User, prompt::after_lead(question)));
        }
        Ok(())
    }

    /// Demands an answer from what there is.
    fn write_up(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        let question = session.question().as_str();
        self.messages.push(Message::text(Role::User, prompt::write_up(question)));
        // After an interrupt the model has to be let speak once more.
        for _ in 0..=self.options.corrections {
            if session.turns_left() == 0 {
                break;
            }
            match self.ask_model(session, ToolChoice::Only(prompt::ANSWER))? {
                Some(call) if call.name == "answer" => return self.answer(session, &call),
                _ => {}
            }
        }
        Ok(Draft::default())
    }

    /// One call of the model, written down as a turn. `None` when its reply was of a wrong form and
    /// it was told so.
    fn ask_model(
        &mut self,
        session: &mut Session<'_>,
        choice: ToolChoice,
    ) -> Result<Option<ToolCall>, AgentError> {
        self.trim(session)?;
        let tools = tools();
        let last_words = matches!(choice, ToolChoice::Only(_));
        let request = Request {
            messages: &self.messages,
            tools: &tools,
            choice,
            max_tokens: self.options.reply_tokens,
            temperature: if self.options.samples > 1 {
                self.options.temperature.max(0.7)
            } else {
                self.options.temperature
            },
            seed: self.seed,
        };
        let digest = request_digest(&request);
        let never = || false;
        let cancel: &(dyn Fn() -> bool + Sync) = if last_words { &never } else { session.cancel() };
        let reply = match self.model.complete(&request, cancel) {
            Ok(reply) => reply,
            Err(ref error @ LmError::MalformedReply { ref expected, .. })
                if self.corrections < self.options.corrections =>
            {
                self.corrections += 1;
                session.notice("invalid_action", error.to_string())?;
                let told = prompt::correction(expected);
                self.messages.push(Message::text(Role::User, told));
                session.turn(
                    Message::text(Role::Assistant, ""),
                    TokenUsage::default(),
                    0.0,
                    Some(digest),
                )?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let mut message = reply.message;
        for call in &mut message.tool_calls {
            // Names of calls have to be unique in a trajectory; not every model sees to that.
            call.id = session.next_call_id();
        }
        session.turn(message.clone(), reply.tokens, reply.dollars, Some(digest))?;
        let call = message.tool_calls.first().cloned();
        self.messages.push(message);
        Ok(call)
    }

    /// Runs one tool call.
    fn act(&mut self, session: &mut Session<'_>, call: &ToolCall) -> Result<Step, AgentError> {
        let text = |name: &str| call.arguments.get(name).and_then(|v| v.as_str()).unwrap_or("");
        let before = self.seen.len();
        self.repeated = false;
        let result = match call.name.as_str() {
            "search" => self.search(session, text("query"))?,
            "open" => {
                let at = call.arguments.get("line").and_then(serde_json::Value::as_u64);
                self.open(session, text("document"), at)?
            }
            "find" => self.find(session, text("document"), text("pattern"))?,
            "answer" => return self.answer(session, call).map(Step::Answer),
            other => {
                session.notice("invalid_action", format!("there is no tool `{other}`"))?;
                (format!("There is no tool `{}`.", prompt::plain(other)), Vec::new())
            }
        };
        if self.seen.len() == before || self.repeated {
            self.idle_turns += 1
        } else {
            self.idle_turns = 0
        }
        self.reply(session, call, result)?;
        Ok(Step::On)
    }

    fn reply(
        &mut self,
        session: &mut Session<'_>,
        call: &ToolCall,
        (content, documents): (String, Vec<DocumentId>),
    ) -> Result<(), AgentError> {
        let content = format!("{content}\n\n{}", prompt::reminder(session.question().as_str()));
        session.tool_result(&call.id, content.clone(), documents)?;
        self.messages.push(Message::tool_result(call.id.as_str(), content));
        Ok(())
    }

    fn search(
        &mut self,
        session: &mut Session<'_>,
        query: &str,
    ) -> Result<(String, Vec<DocumentId>), AgentError> {
        let key = folded(query);
        if key.is_empty() {
            return Ok((prompt::NO_QUERY.to_owned(), Vec::new()));
        }
        let times = self.asked.entry(key).or_default();
        let skip = *times * self.options.hits;
        *times += 1;
        self.repeated = *times > 1;
        if self.repeated {
            session.notice("repeated_query", format!("`{query}` was asked before"))?;
        }
        let ranking = match session.ask_store(&Query::new(query, skip + self.options.hits))? {
            Ok(ranking) => ranking,
            Err(reason) => {
                // The query was not answered, so asking it again is no repetition.
                self.repeated = false;
                if let Some(times) = self.asked.get_mut(&folded(query)) {
                    *times -= 1;
                }
                return Ok((prompt::not_answered(&reason), Vec::new()));
            }
        };
        let hits = ranking.hits.get(skip..).unwrap_or_default();
        let mut parts = Vec::new();
        if self.repeated {
            parts.push(prompt::REPEATED.to_owned());
        }
        if hits.is_empty() {
            parts.push(prompt::NOTHING_FOUND.to_owned());
        }
        let mut documents = Vec::new();
        let mut excerpts = Excerpts::of(query);
        for hit in hits {
            let Some(document) = session.peek(&hit.passage.document)? else { continue };
            let range = hit.passage.range.clone();
            let range = excerpts.cut(&document.text, range, self.options.passage_bytes);
            let id = self.shown.passage(&document, range);
            self.seen.insert(id.clone());
            parts.push(self.shown.render(&id));
            documents.push(document.id.clone());
        }
        Ok((parts.join("\n\n"), documents))
    }

    fn open(
        &mut self,
        session: &mut Session<'_>,
        name: &str,
        line: Option<u64>,
    ) -> Result<(String, Vec<DocumentId>), AgentError> {
        let Some(id) = self.shown.document(name) else {
            return Ok((prompt::unknown_document(name), Vec::new()));
        };
        let Some(document) = session.open(&id)? else {
            return Ok((prompt::unknown_document(name), Vec::new()));
        };
        let from = line.map_or(0, |line| results::offset_of_line(&document, line));
        let range = results::window(&document.text, from, self.options.open_bytes);
        let more = range.end < document.text.len();
        let evidence = self.shown.passage(&document, range.clone());
        self.seen.insert(evidence.clone());
        let mut content = self.shown.render(&evidence);
        if more {
            let next = document.line_at(range.end);
            content.push_str(&format!("\n(goes on; open {name} at line {next} for more)"));
        }
        Ok((content, vec![id]))
    }

    fn find(
        &mut self,
        session: &mut Session<'_>,
        name: &str,
        pattern: &str,
    ) -> Result<(String, Vec<DocumentId>), AgentError> {
        let Some(id) = self.shown.document(name) else {
            return Ok((prompt::unknown_document(name), Vec::new()));
        };
        let Some(document) = session.open(&id)? else {
            return Ok((prompt::unknown_document(name), Vec::new()));
        };
        let places = results::places(&document.text, pattern, 3);
        if places.is_empty() {
            return Ok((
                format!("`{}` is not in {}.", prompt::plain(pattern), prompt::plain(name)),
                vec![id],
            ));
        }
        let mut parts = Vec::new();
        for place in places {
            let from = place.saturating_sub(self.options.passage_bytes / 2);
            let range = results::window(&document.text, from, self.options.passage_bytes);
            let evidence = self.shown.passage(&document, range);
            self.seen.insert(evidence.clone());
            parts.push(self.shown.render(&evidence));
        }
        Ok((parts.join("\n\n"), vec![id]))
    }

    /// Turns the model's answer into a draft: each cited name becomes kept evidence whose quote is
    /// the part of the passage that bears the claim out.
    fn answer(&mut self, session: &mut Session<'_>, call: &ToolCall) -> Result<Draft, AgentError> {
        let text =
            call.arguments.get("answer").and_then(|v| v.as_str()).unwrap_or("").trim().to_owned();
        let mut claims: Vec<Claim> = Vec::new();
        let listed = call.arguments.get("claims").and_then(|v| v.as_array());
        for claim in listed.into_iter().flatten() {
            let stated = claim.get("text").and_then(|v| v.as_str()).unwrap_or("").trim();
            let ids = claim.get("evidence").and_then(|v| v.as_array());
            let evidence: Vec<EvidenceId> = ids
                .into_iter()
                .flatten()
                .filter_map(|id| id.as_str())
                .map(|id| EvidenceId(id.trim_matches(['⟦', '⟧', '[', ']', ' ']).to_owned()))
                .collect();
            if !stated.is_empty() {
                claims.push(Claim { text: stated.to_owned(), evidence });
            }
        }
        if prompt::means_not_found(&text) {
            return Ok(Draft::default());
        }
        let known = |claim: &Claim| claim.evidence.iter().any(|id| self.seen.contains(id));
        if !claims.iter().any(known) {
            // The answer may still be borne out by a passage that the model forgot to name.
            if let Some(id) = self.shown.holding(&text, &self.seen) {
                session.notice("evidence_added", format!("`{id}` holds the answer"))?;
                claims.push(Claim { text: text.clone(), evidence: vec![id] });
            }
        }
        let mut names: HashMap<EvidenceId, EvidenceId> = HashMap::new();
        for claim in &claims {
            for id in &claim.evidence {
                let place = self.shown.place(id).filter(|_| self.seen.contains(id));
                let Some((document, range)) = place else {
                    // A name that this conversation never showed is dropped and reported later. What
                    // another hunt of the same run kept under it must not stand in for it.
                    if session.evidence().iter().any(|e| e.id == *id) {
                        names.insert(id.clone(), EvidenceId(format!("{id} of another hunt")));
                    }
                    continue;
                };
                // One name is one quote: it has to bear out every claim that cites it.
                let words: Vec<&str> = claims
                    .iter()
                    .filter(|claim| claim.evidence.contains(id))
                    .map(|claim| claim.text.as_str())
                    .chain([text.as_str()])
                    .collect();
                let words = words.join(" ");
                let quote = results::quote(&document.text, range, &words);
                // Another hunt of the same run may have taken other words under this name.
                let taken = |name: &EvidenceId| {
                    session.evidence().iter().any(|e| e.id == *name && e.range != quote)
                };
                let mut name = id.clone();
                for n in 2.. {
                    if !taken(&name) {
                        break;
                    }
                    name = EvidenceId(format!("{id}-{n}"));
                }
                session.keep_as(name.clone(), &document, quote)?;
                names.insert(id.clone(), name);
            }
        }
        for claim in &mut claims {
            for id in &mut claim.evidence {
                if let Some(name) = names.get(id) {
                    *id = name.clone();
                }
            }
        }
        Ok(Draft { text, claims, ranking: Vec::new() })
    }

    /// Makes room: cuts the oldest results down until prompt and reply fit.
    fn trim(&mut self, session: &mut Session<'_>) -> Result<(), AgentError> {
        let context = self.model.info().context;
        let tools = tools();
        let room = context.saturating_sub(self.options.reply_tokens);
        if self.model.count_tokens(&self.messages, &tools)? <= room {
            return Ok(());
        }
        // Cutting throws away what the engine has evaluated from there on, so enough is cut at once
        // to last for several turns.
        let goal = room * 6 / 10;
        let mut n_cut = 0;
        for at in 2..self.messages.len() {
            if self.messages[at].role == Role::Tool && self.messages[at].content != prompt::TRIMMED
            {
                self.messages[at].content = prompt::TRIMMED.to_owned();
                n_cut += 1;
                if self.model.count_tokens(&self.messages, &tools)? <= goal {
                    break;
                }
            }
        }
        // A long hunt fills the context with its own calls: then the oldest go altogether.
        let mut n_forgotten = 0;
        while self.model.count_tokens(&self.messages, &tools)? > room && self.forget_oldest() {
            n_forgotten += 1;
        }
        if n_cut > 0 {
            session.notice("trimmed", format!("{n_cut} of the oldest results were cut"))?;
        }
        if n_forgotten > 0 {
            session
                .notice("trimmed", format!("{n_forgotten} of the oldest calls were forgotten"))?;
        }
        Ok(())
    }

    /// Drops the oldest call with all that answers it. The instructions, the question and the latest
    /// call stay: `false` when nothing else is left.
    fn forget_oldest(&mut self) -> bool {
        const HEAD: usize = 2;
        let calls = |message: &Message| message.role == Role::Assistant;
        let Some(first) = self.messages.iter().skip(HEAD).position(calls) else { return false };
        let rest = self.messages.get(HEAD + first + 1..).unwrap_or_default();
        let Some(next) = rest.iter().position(calls) else { return false };
        self.messages.drain(HEAD + first..HEAD + first + 1 + next);
        true
    }
}

/// Asks the model the question without any tool: what it knows by heart. For measuring what the hunt
/// adds.
///
/// # Errors
/// When the model fails.
pub fn closed_book(
    model: &mut dyn LanguageModel,
    question: &str,
) -> Result<sleuth_lm::Reply, AgentError> {
    let messages =
        [Message::text(Role::System, prompt::CLOSED_BOOK), Message::text(Role::User, question)];
    let request = Request {
        messages: &messages,
        tools: &[],
        choice: ToolChoice::Text,
        max_tokens: 64,
        temperature: 0.0,
        seed: 0,
    };
    Ok(model.complete(&request, &|| false)?)
}

/// Whether every term of `text` is among the terms of `of`.
fn holds(of: &str, text: &str) -> bool {
    let held: HashSet<String> = analyze(of).into_iter().map(|term| term.text).collect();
    let wanted = analyze(text);
    !wanted.is_empty() && wanted.iter().all(|term| held.contains(&term.text))
}
