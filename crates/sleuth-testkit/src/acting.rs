//! A model that acts by a function.

use std::sync::{Arc, Mutex, PoisonError};

use sleuth_lm::{Cancel, LanguageModel, LmError, ModelInfo, Reply, Request, SeenRequest};
use sleuth_records::{Message, Role, TokenUsage, ToolCall, ToolSpec};

type Act = Box<dyn FnMut(&Request<'_>, Cancel<'_>) -> Result<Message, LmError> + Send>;

/// A model that replies by a function of the request. As [`sleuth_lm::Scripted`], it counts a token
/// for every four bytes and refuses what does not fit its context.
pub struct Acting {
    info: ModelInfo,
    dollars: f64,
    act: Act,
    seen: Seen,
}

/// The requests of a model, to be looked at from outside.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<SeenRequest>>>);

impl Seen {
    /// The requests so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Acting {
    /// A model that replies with what `act` gives.
    pub fn new(
        act: impl FnMut(&Request<'_>, Cancel<'_>) -> Result<Message, LmError> + Send + 'static,
    ) -> Self {
        let info =
            ModelInfo { name: "scripted".to_owned(), tier: None, context: 8192, price: None };
        Self { info, dollars: 0.0, act: Box::new(act), seen: Seen::default() }
    }

    /// A model that gives `replies` in order, then is unavailable.
    pub fn script(replies: impl IntoIterator<Item = Result<Message, LmError>>) -> Self {
        let mut replies = replies.into_iter().collect::<Vec<_>>().into_iter();
        Self::new(move |_, _| {
            replies.next().unwrap_or_else(|| {
                Err(LmError::Unavailable {
                    model: "scripted".to_owned(),
                    reason: "its script has ended".to_owned(),
                })
            })
        })
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

    /// What it is asked, kept after the model is given away.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// A reply that calls `tool`.
    ///
    /// # Errors
    /// Never; the type is that of a reply.
    pub fn call(tool: &str, arguments: serde_json::Value) -> Result<Message, LmError> {
        let mut message = Message::text(Role::Assistant, "");
        message.tool_calls.push(ToolCall {
            id: "own".to_owned(),
            name: tool.to_owned(),
            arguments,
        });
        Ok(message)
    }
}

impl LanguageModel for Acting {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        let tools: usize = tools.iter().map(|tool| tool.description.len().div_ceil(4) + 8).sum();
        Ok(messages.iter().map(tokens_of).sum::<usize>() + tools)
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(SeenRequest {
            messages: request.messages.to_vec(),
            tools: request.tools.to_vec(),
            choice: request.choice,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            seed: request.seed,
        });
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
            completion_tokens: tokens_of(&message) as u64,
        };
        Ok(Reply { message, tokens, dollars: self.dollars })
    }
}

fn tokens_of(message: &Message) -> usize {
    let calls: usize = message
        .tool_calls
        .iter()
        .map(|call| (call.name.len() + call.arguments.to_string().len()).div_ceil(4))
        .sum();
    message.content.len().div_ceil(4).max(1) + calls
}
