//! `bench chat`: what a model finds and answers, beside `trail` and beside itself without tools.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use sleuth_agent::{AgentError, Chat, ChatOptions, Draft, Policy, Session, Trail, closed_book};
use sleuth_lm::{
    Cancel, Embedded, EmbeddedOptions, LanguageModel, LmError, ModelInfo, Reply, Request,
};
use sleuth_records::{Message, Question, ToolSpec};

use crate::data;

/// Measures the model file named in `options` on the first questions of a store:
/// `MODEL.gguf [STORE [COUNT [CONTEXT [LEAD]]]]`.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let path = PathBuf::from(options.first().context("expected a model file")?);
    let store = options.get(1).copied().unwrap_or("hotpotqa_closed");
    let count: usize = options.get(2).map_or(Ok(30), |text| text.parse())?;
    let context: usize = options.get(3).map_or(Ok(4096), |text| text.parse())?;
    let lead = options.get(4).map_or(Ok(ChatOptions::default().lead), |text| text.parse())?;
    let set = data::load(store)?;
    let name = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
    let model = Embedded::load(&path, &EmbeddedOptions { name, context, ..Default::default() })?;
    let mut chat =
        Chat::new(Box::new(Counted::new(model)), ChatOptions { lead, ..ChatOptions::default() });

    let mut rows = [Row::new("chat"), Row::new("trail"), Row::new("closed book")];
    for item in set.items.iter().take(count) {
        let Some(question) = Question::new(&item.text) else { continue };
        let begin = Instant::now();
        let outcome = data::ask_quietly(&question, &mut chat, &set.store, &data::normal())?;
        let chat_answer = outcome.answer.clone();
        rows[0].add(&outcome.answer, &item.answers, begin, &outcome.usage);
        let begin = Instant::now();
        let outcome =
            data::ask_quietly(&question, &mut Trail::default(), &set.store, &data::normal())?;
        rows[1].add(&outcome.answer, &item.answers, begin, &outcome.usage);
        let begin = Instant::now();
        let mut alone = ClosedBook(&mut chat, String::new());
        let outcome = data::ask_quietly(&question, &mut alone, &set.store, &data::normal())?;
        let said = alone.1.clone();
        rows[2].add(&said, &item.answers, begin, &outcome.usage);
        eprintln!(
            "{}\t{:?}\tchat {chat_answer:?}\talone {said:?}\tgold {:?}",
            item.id, item.text, item.answers
        );
    }
    println!(
        "| policy | questions | exact match | F1 | searches | pages | turns | tokens | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in &rows {
        row.print();
    }
    Ok(())
}

/// One line of the table: sums over questions.
struct Row {
    policy: &'static str,
    n: usize,
    exact: f64,
    f1: f64,
    searches: u64,
    pages: u64,
    turns: u64,
    tokens: u64,
    seconds: f64,
}

impl Row {
    fn new(policy: &'static str) -> Self {
        Self {
            policy,
            n: 0,
            exact: 0.0,
            f1: 0.0,
            searches: 0,
            pages: 0,
            turns: 0,
            tokens: 0,
            seconds: 0.0,
        }
    }

    fn add(
        &mut self,
        answer: &str,
        gold: &[String],
        begin: Instant,
        usage: &sleuth_records::Usage,
    ) {
        let (exact, f1) = data::exact_and_f1(answer, gold);
        self.n += 1;
        self.exact += exact;
        self.f1 += f1;
        self.searches += u64::from(usage.searches);
        self.pages += u64::from(usage.pages);
        self.turns += u64::from(usage.turns);
        self.tokens += usage.tokens.prompt_tokens - usage.tokens.cached_tokens
            + usage.tokens.completion_tokens;
        self.seconds += begin.elapsed().as_secs_f64();
    }

    fn print(&self) {
        let n = self.n.max(1) as f64;
        println!(
            "| {} | {} | {:.3} | {:.3} | {:.1} | {:.1} | {:.1} | {:.0} | {:.2} |",
            self.policy,
            self.n,
            self.exact / n,
            self.f1 / n,
            self.searches as f64 / n,
            self.pages as f64 / n,
            self.turns as f64 / n,
            self.tokens as f64 / n,
            self.seconds / n
        );
    }
}

/// Answers by heart, and says nothing about documents.
struct ClosedBook<'c>(&'c mut Chat, String);

impl Policy for ClosedBook<'_> {
    fn name(&self) -> &str {
        "closed book"
    }

    fn run(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        let reply = closed_book(self.0.model_mut(), session.question().as_str())?;
        self.1 = reply.message.content.trim().to_owned();
        session.turn(reply.message, reply.tokens, reply.dollars, None)?;
        Ok(Draft::default())
    }
}

/// Counts, between two trims of the context, the tokens that are new and the tokens evaluated, and
/// the turns with a valid action.
struct Counted {
    model: Embedded,
    /// Prompt and reply of the call before, in tokens.
    before: usize,
    new: u64,
    evaluated: u64,
    calls: u64,
    valid: u64,
}

impl Counted {
    fn new(model: Embedded) -> Self {
        Self { model, before: 0, new: 0, evaluated: 0, calls: 0, valid: 0 }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        #[expect(clippy::print_stdout, reason = "the last line of the measurement")]
        {
            println!(
                "turns with a valid action: {} of {}; prompt tokens evaluated per new token between trims: {:.3}",
                self.valid,
                self.calls,
                self.evaluated as f64 / self.new.max(1) as f64
            );
        }
    }
}

impl LanguageModel for Counted {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        self.model.count_tokens(messages, tools)
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        let reply = self.model.complete(request, cancel);
        if request.tools.is_empty() {
            return reply;
        }
        self.calls += 1;
        let reply = reply?;
        let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        self.valid += u64::from(
            matches!(reply.message.tool_calls.as_slice(), [call] if names.contains(&call.name.as_str()) && call.arguments.is_object()),
        );
        let prompt = reply.tokens.prompt_tokens as usize;
        let first = request.messages.len() <= 2;
        let trimmed =
            request.messages.iter().any(|message| message.content == "(cut to make room)");
        if !first && !trimmed && prompt > self.before {
            self.new += (prompt - self.before) as u64;
            self.evaluated += reply.tokens.prompt_tokens - reply.tokens.cached_tokens;
        }
        self.before = prompt + reply.tokens.completion_tokens as usize;
        Ok(reply)
    }
}
