//! Models that do not compute: one with a script, and one that repeats what was recorded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use sleuth_records::{Message, Role, TokenUsage, ToolCall, ToolSpec, sha256_hex};

use crate::{Cancel, LanguageModel, LmError, ModelInfo, Reply, Request, ToolChoice};

/// A digest of everything in a request that bears on its reply: messages, tools, choice, limit,
/// temperature and seed. Two requests with the same digest are the same request.
#[must_use]
pub fn request_digest(request: &Request<'_>) -> String {
    let choice = match request.choice {
        ToolChoice::Text => "text".to_owned(),
        ToolChoice::Call => "call".to_owned(),
        ToolChoice::Only(at) => format!("only {at}"),
    };
    // Structs write their fields in the order of their declaration, and arguments keep the order
    // they were made in, so the same request always gives the same text.
    let canonical = json!({
        "messages": request.messages,
        "tools": request.tools,
        "choice": choice,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
    });
    sha256_hex(canonical.to_string().as_bytes())
}

/// A request as [`Scripted`] saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenRequest {
    /// The conversation.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<ToolSpec>,
    /// Whether one of them had to be called.
    pub choice: ToolChoice,
    /// Longest reply in tokens.
    pub max_tokens: usize,
    /// Temperature.
    pub temperature: f32,
    /// Seed.
    pub seed: u64,
}

impl From<&Request<'_>> for SeenRequest {
    fn from(request: &Request<'_>) -> Self {
        Self {
            messages: request.messages.to_vec(),
            tools: request.tools.to_vec(),
            choice: request.choice,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            seed: request.seed,
        }
    }
}

/// The requests of a model, to be looked at after the model is given away.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Vec<SeenRequest>>>);

impl Seen {
    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SeenRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Act = Box<dyn FnMut(&Request<'_>, Cancel<'_>) -> Result<Message, LmError> + Send>;

/// A model that gives prepared replies, or those of a function, and keeps the requests: for tests of
/// its callers.
///
/// It counts a token for every four bytes of a message, at least one, and refuses what does not fit
/// its context.
///
/// ```
/// use sleuth_lm::{LanguageModel, Request, Scripted, ToolChoice};
/// use sleuth_records::{Message, Role};
///
/// let mut model = Scripted::new([Scripted::text("Hello.")]);
/// let messages = [Message::text(Role::User, "Hi")];
/// let request = Request {
///     messages: &messages,
///     tools: &[],
///     choice: ToolChoice::Text,
///     max_tokens: 16,
///     temperature: 0.0,
///     seed: 0,
/// };
/// let reply = model.complete(&request, &|| false)?;
/// assert_eq!(reply.message.content, "Hello.");
/// assert_eq!(model.seen().requests().len(), 1);
/// # Ok::<(), sleuth_lm::LmError>(())
/// ```
pub struct Scripted {
    info: ModelInfo,
    dollars: f64,
    act: Act,
    seen: Seen,
}

impl Scripted {
    /// A model that gives these replies, then is unavailable.
    #[must_use]
    pub fn new(replies: impl IntoIterator<Item = Result<Message, LmError>>) -> Self {
        let mut replies = replies.into_iter().collect::<Vec<_>>().into_iter();
        Self::acting(move |_, cancel| {
            if cancel() {
                return Err(LmError::Cancelled);
            }
            replies.next().unwrap_or_else(|| {
                Err(LmError::Unavailable {
                    model: NAME.to_owned(),
                    reason: "its script has ended".to_owned(),
                })
            })
        })
    }

    /// A model that replies with what `act` gives.
    #[must_use]
    pub fn acting(
        act: impl FnMut(&Request<'_>, Cancel<'_>) -> Result<Message, LmError> + Send + 'static,
    ) -> Self {
        let info = ModelInfo { name: NAME.to_owned(), tier: None, context: 8192, price: None };
        Self { info, dollars: 0.0, act: Box::new(act), seen: Seen::default() }
    }

    /// The same with another context, in tokens.
    #[must_use]
    pub fn with_context(mut self, context: usize) -> Self {
        self.info.context = context;
        self
    }

    /// The same at a price for each reply, in dollars.
    #[must_use]
    pub fn with_dollars(mut self, dollars: f64) -> Self {
        self.dollars = dollars;
        self
    }

    /// A reply of text.
    ///
    /// # Errors
    /// Never; the type is that of a script's entry.
    pub fn text(content: impl Into<String>) -> Result<Message, LmError> {
        Ok(Message::text(Role::Assistant, content))
    }

    /// A reply that calls a tool.
    ///
    /// # Errors
    /// Never; the type is that of a script's entry.
    pub fn call(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: serde_json::Value,
    ) -> Result<Message, LmError> {
        let mut message = Message::text(Role::Assistant, "");
        message.tool_calls.push(ToolCall { id: id.into(), name: name.into(), arguments });
        Ok(message)
    }

    /// What it is asked.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }
}

/// What a scripted model is called.
const NAME: &str = "scripted";

impl LanguageModel for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        let tools: usize = tools.iter().map(|tool| tool.description.len().div_ceil(4) + 8).sum();
        Ok(messages.iter().map(message_tokens).sum::<usize>() + tools)
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        self.seen.lock().push(request.into());
        let prompt = self.count_tokens(request.messages, request.tools)?;
        if prompt + request.max_tokens > self.info.context {
            return Err(LmError::ContextFull {
                model: self.info.name.clone(),
                prompt,
                reply: request.max_tokens,
                context: self.info.context,
            });
        }
        let message = (self.act)(request, cancel)?;
        let tokens = TokenUsage {
            prompt_tokens: prompt as u64,
            cached_tokens: 0,
            completion_tokens: message_tokens(&message) as u64,
        };
        Ok(Reply { message, tokens, dollars: self.dollars })
    }
}

fn message_tokens(message: &Message) -> usize {
    let calls: usize = message
        .tool_calls
        .iter()
        .map(|call| (call.name.len() + call.arguments.to_string().len()).div_ceil(4))
        .sum();
    message.content.len().div_ceil(4).max(1) + calls
}

/// A model that repeats recorded replies, each for exactly the request it was recorded for.
#[derive(Debug)]
pub struct Replay {
    info: ModelInfo,
    calls: std::vec::IntoIter<(String, Reply)>,
    given: usize,
}

impl Replay {
    /// A model that answers as the recorded one did: for each call, in order, the
    /// [`request_digest`] and the reply.
    #[must_use]
    pub fn new(info: ModelInfo, calls: Vec<(String, Reply)>) -> Self {
        Self { info, calls: calls.into_iter(), given: 0 }
    }

    /// Recorded calls that were not asked for yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.calls.len()
    }
}

impl LanguageModel for Replay {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The prompt tokens of the next recorded call, or 0 after the last: the count that the
    /// recorded model gave for the prompt it was about to get.
    fn count_tokens(&mut self, _: &[Message], _: &[ToolSpec]) -> Result<usize, LmError> {
        let next = self.calls.as_slice().first();
        let tokens = next.map_or(0, |(_, reply)| reply.tokens.prompt_tokens);
        Ok(usize::try_from(tokens).unwrap_or(usize::MAX))
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        if cancel() {
            return Err(LmError::Cancelled);
        }
        let unavailable = |reason| LmError::Unavailable { model: self.info.name.clone(), reason };
        let call = self.given + 1;
        let Some((recorded, reply)) = self.calls.next() else {
            let recorded = self.given;
            return Err(unavailable(format!(
                "call {call} was not recorded: the recording ends after call {recorded}"
            )));
        };
        let asked = request_digest(request);
        if asked != recorded {
            return Err(unavailable(format!(
                "call {call} is not the recorded one: expected a request with digest `{}`, found `{}`",
                shortened(&recorded),
                shortened(&asked)
            )));
        }
        self.given = call;
        Ok(reply)
    }
}

fn shortened(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn request<'a>(messages: &'a [Message], seed: u64) -> Request<'a> {
        Request {
            messages,
            tools: &[],
            choice: ToolChoice::Text,
            max_tokens: 100,
            temperature: 0.0,
            seed,
        }
    }

    #[test]
    fn a_digest_changes_with_every_part() {
        let messages = [Message::text(Role::User, "Hi")];
        let base = request(&messages, 1);
        let digest = request_digest(&base);
        assert_eq!(digest, request_digest(&base.clone()));
        let tool =
            [ToolSpec { name: "t".into(), description: String::new(), parameters: json!({}) }];
        for other in [
            Request { messages: &[], ..base.clone() },
            Request { tools: &tool, ..base.clone() },
            Request { choice: ToolChoice::Call, ..base.clone() },
            Request { max_tokens: 101, ..base.clone() },
            Request { temperature: 0.5, ..base.clone() },
            Request { seed: 2, ..base.clone() },
        ] {
            assert_ne!(digest, request_digest(&other), "{other:?}");
        }
        // Recordings outlive this build: the digest of a given request never changes.
        expect!["872c2f181b5042682990cd4f9853f3c18e836ceb8755c843d6d60bdf50426e45"]
            .assert_eq(&digest);
    }

    #[test]
    fn a_recording_is_repeated_and_departures_are_named() {
        let messages = [Message::text(Role::User, "Hi")];
        let mut scripted = Scripted::new([Scripted::text("Hello.")]);
        let reply = scripted.complete(&request(&messages, 1), &|| false).unwrap();
        let calls = vec![(request_digest(&request(&messages, 1)), reply.clone())];

        let mut replay = Replay::new(scripted.info().clone(), calls.clone());
        assert_eq!(replay.complete(&request(&messages, 1), &|| false).unwrap(), reply);
        let error = replay.complete(&request(&messages, 1), &|| false).unwrap_err();
        expect![
            "model `scripted` is unavailable: call 2 was not recorded: the recording ends after call 1"
        ]
        .assert_eq(&error.to_string());

        let mut replay = Replay::new(scripted.info().clone(), calls);
        let error = replay.complete(&request(&messages, 2), &|| false).unwrap_err();
        expect!["model `scripted` is unavailable: call 1 is not the recorded one: expected a request with digest `872c2f181b50`, found `8c6ddf72c5c1`"].assert_eq(&error.to_string());
    }

    #[test]
    fn a_model_that_acts_is_asked_what_it_then_tells() {
        let messages = [Message::text(Role::User, "Hi")];
        let mut model =
            Scripted::acting(|request, _| Scripted::text(format!("seed {}", request.seed)))
                .with_dollars(0.5)
                .with_context(110);
        let seen = model.seen();
        let reply = model.complete(&request(&messages, 7), &|| true).unwrap();
        assert_eq!((reply.message.content.as_str(), reply.dollars), ("seed 7", 0.5));
        assert_eq!(seen.requests(), [SeenRequest::from(&request(&messages, 7))]);
        let long = [Message::text(Role::User, "x".repeat(100))];
        let error = model.complete(&request(&long, 8), &|| false).unwrap_err();
        assert!(matches!(error, LmError::ContextFull { prompt: 25, .. }), "{error:?}");
        assert_eq!(seen.requests().len(), 2);
    }

    #[test]
    fn a_script_that_has_ended_says_so() {
        let messages = [Message::text(Role::User, "Hi")];
        let error = Scripted::new([]).complete(&request(&messages, 1), &|| false).unwrap_err();
        expect!["model `scripted` is unavailable: its script has ended"]
            .assert_eq(&error.to_string());
    }
}
