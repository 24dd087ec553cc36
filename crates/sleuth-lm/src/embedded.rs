//! A GGUF model that runs inside this process.
//!
//! Three things make a turn cost its new tokens only. The engine keeps the evaluated prefix of the
//! last prompt. The prompt of a longer conversation begins with the prompt of the shorter one, as
//! long as the caller only appends. And a reply of the model's own comes back as the very tokens that
//! were sampled for it, because tokenising its text again can give other tokens.

use std::{collections::HashMap, collections::VecDeque, path::Path};

use llama_cpp_2::token::LlamaToken;
use llguidance::ParserFactory;
use sleuth_records::{Message, Random, Role, TokenUsage, ToolCall, ToolSpec};

use crate::{
    Cancel, LanguageModel, LmError, ModelInfo, Reply, Request, Tier, ToolChoice,
    chatml::{self, Piece},
    engine::{Engine, EngineError},
    gguf::GgufHeader,
    grammar::{self, CallGuide, Grammar, GuideError},
    request_digest,
    sampling::pick,
};

/// Own replies whose tokens are remembered; older ones are tokenised from their text.
const REMEMBERED_REPLIES: usize = 1024;

/// How to load an embedded model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Name for people and logs.
    pub name: String,
    /// Size class; `None` takes it from the number of parameters.
    pub tier: Option<Tier>,
    /// Tokens that a prompt and its reply may have together; no more than the model was trained for
    /// is used. Memory grows with it: about 28 KiB a token for the small model.
    pub context: usize,
    /// Threads to compute with; 0 takes one for each core.
    pub threads: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { name: "embedded".to_owned(), tier: None, context: 8192, threads: 0 }
    }
}

/// A model loaded from a GGUF file.
///
/// With [`ToolChoice::Call`] its reply always is exactly one valid call of an offered tool: a
/// grammar made from the tools' schemas holds it, also where the reply reaches its token limit.
/// Tools that are passed with [`ToolChoice::Text`] are described in the prompt all the same, so that
/// a conversation that ends in a text keeps its evaluated prefix.
pub struct Embedded {
    info: ModelInfo,
    header: GgufHeader,
    engine: Engine,
    factory: ParserFactory,
    grammar: Option<(Vec<ToolSpec>, Grammar)>,
    replies: HashMap<String, Vec<LlamaToken>>,
    reply_order: VecDeque<String>,
    evaluated: u64,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Embedded").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Loads the model at `path`.
    ///
    /// # Errors
    /// [`LmError::Unavailable`] when the file is missing, damaged, of an unknown architecture or no
    /// ChatML model, or when the memory does not suffice.
    pub fn load(path: &Path, options: &EmbeddedOptions) -> Result<Self, LmError> {
        let unavailable = |reason| LmError::Unavailable { model: options.name.clone(), reason };
        let (engine, header) =
            Engine::load(path, options.context, options.threads).map_err(unavailable)?;
        let mut factory = ParserFactory::new_simple(engine.tokenizer())
            .map_err(|error| unavailable(format!("the grammar engine cannot start: {error}")))?;
        factory.quiet();
        let info = ModelInfo {
            name: options.name.clone(),
            tier: Some(options.tier.unwrap_or_else(|| Tier::of_parameters(header.parameters))),
            context: engine.context(),
            price: None,
        };
        Ok(Self {
            info,
            header,
            engine,
            factory,
            grammar: None,
            replies: HashMap::new(),
            reply_order: VecDeque::new(),
            evaluated: 0,
        })
    }

    /// The header of the model's file.
    #[must_use]
    pub fn header(&self) -> &GgufHeader {
        &self.header
    }

    /// Tokens that the engine has evaluated since the model was loaded, prompts and replies.
    #[must_use]
    pub fn evaluated_tokens(&self) -> u64 {
        self.evaluated
    }

    fn prompt(&self, messages: &[Message], tools: &[ToolSpec]) -> Vec<LlamaToken> {
        let mut tokens: Vec<LlamaToken> = self.engine.begin().into_iter().collect();
        for piece in chatml::render(messages, tools) {
            match piece {
                Piece::Start => tokens.push(self.engine.start()),
                Piece::End => tokens.push(self.engine.end()),
                Piece::Text(text) => tokens.extend(self.engine.tokenize(&text)),
                Piece::Own(text) => match self.replies.get(&text) {
                    Some(own) => tokens.extend(own),
                    None => tokens.extend(self.engine.tokenize(&text)),
                },
            }
        }
        tokens
    }

    fn remember(&mut self, body: String, tokens: Vec<LlamaToken>) {
        if self.replies.insert(body.clone(), tokens).is_none() {
            self.reply_order.push_back(body);
        }
        if self.reply_order.len() > REMEMBERED_REPLIES
            && let Some(oldest) = self.reply_order.pop_front()
        {
            self.replies.remove(&oldest);
        }
    }

    fn evaluate(&mut self, tokens: &[LlamaToken], cancel: Cancel<'_>) -> Result<(), LmError> {
        self.engine.evaluate(tokens, cancel).map_err(|error| match error {
            EngineError::Cancelled => LmError::Cancelled,
            EngineError::Failed(reason) => self.unavailable(reason),
        })?;
        self.evaluated += tokens.len() as u64;
        Ok(())
    }

    fn unavailable(&self, reason: String) -> LmError {
        LmError::Unavailable { model: self.info.name.clone(), reason }
    }

    fn malformed(&self, expected: impl Into<String>, found: impl Into<String>) -> LmError {
        LmError::MalformedReply {
            model: self.info.name.clone(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    fn guide_error(&self, error: GuideError) -> LmError {
        match error {
            GuideError::LimitTooLow(shortest) => self.malformed(
                format!("room for the shortest tool call, {shortest} tokens"),
                "a lower reply limit",
            ),
            GuideError::Grammar(reason) => {
                self.unavailable(format!("the tools' schemas cannot be held: {reason}"))
            }
        }
    }

    fn call_guide(&mut self, tools: &[ToolSpec], limit: usize) -> Result<CallGuide, LmError> {
        if tools.is_empty() {
            return Err(self.malformed("at least one tool to call", "none"));
        }
        if self.grammar.as_ref().is_none_or(|(known, _)| known != tools) {
            let grammar =
                Grammar::new(&self.factory, tools).map_err(|error| self.guide_error(error))?;
            self.grammar = Some((tools.to_vec(), grammar));
        }
        let guide = match &self.grammar {
            Some((_, grammar)) => CallGuide::new(grammar, limit),
            None => Err(GuideError::Grammar("no grammar".to_owned())),
        };
        guide.map_err(|error| self.guide_error(error))
    }

    /// Writes a call; what is left unevaluated of the prompt is in `pending`.
    fn write_call(
        &mut self,
        request: &Request<'_>,
        mut pending: Vec<LlamaToken>,
        cancel: Cancel<'_>,
        mut guide: CallGuide,
    ) -> Result<(Message, Vec<LlamaToken>), LmError> {
        let mut random = Random(request.seed);
        let mut passed_on = 0;
        while !guide.finished() {
            guide.write_forced().map_err(|error| self.guide_error(error))?;
            if guide.finished() {
                break;
            }
            pending.extend(guide.written()[passed_on..].iter().copied().map(token));
            passed_on = guide.written().len();
            self.evaluate(&pending, cancel)?;
            pending.clear();
            let allowed = guide.allowed().map_err(|error| self.guide_error(error))?;
            let next = pick(self.engine.logits(), &allowed, request.temperature, &mut random)
                .ok_or_else(|| self.unavailable("the grammar admits no token".to_owned()))?;
            guide.write(next).map_err(|error| self.guide_error(error))?;
        }
        let text = guide.text();
        let (name, arguments) = grammar::parse_call(&text, request.tools)
            .map_err(|found| self.malformed("one tool call", found))?;
        let mut message = Message::text(Role::Assistant, "");
        let digest = request_digest(request);
        let id = format!("call_{}", &digest[..12]);
        message.tool_calls.push(ToolCall { id, name, arguments });
        Ok((message, guide.written().iter().copied().map(token).collect()))
    }

    /// Writes text until the model ends it or the limit is reached.
    fn write_text(
        &mut self,
        request: &Request<'_>,
        mut pending: Vec<LlamaToken>,
        cancel: Cancel<'_>,
    ) -> Result<(Message, Vec<LlamaToken>), LmError> {
        let mut random = Random(request.seed);
        let mut written = Vec::new();
        while written.len() < request.max_tokens {
            self.evaluate(&pending, cancel)?;
            let allowed = self.engine.text_tokens();
            let next = pick(self.engine.logits(), allowed, request.temperature, &mut random)
                .map(token)
                .ok_or_else(|| self.unavailable("the vocabulary is empty".to_owned()))?;
            if self.engine.is_end(next) {
                break;
            }
            written.push(next);
            pending = vec![next];
        }
        Ok((Message::text(Role::Assistant, self.engine.text(&written)), written))
    }
}

impl LanguageModel for Embedded {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        Ok(self.prompt(messages, tools).len())
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        if cancel() {
            return Err(LmError::Cancelled);
        }
        let prompt = self.prompt(request.messages, request.tools);
        if prompt.len() + request.max_tokens > self.info.context {
            return Err(LmError::ContextFull {
                model: self.info.name.clone(),
                prompt: prompt.len(),
                reply: request.max_tokens,
                context: self.info.context,
            });
        }
        let guide = match request.choice {
            ToolChoice::Call | ToolChoice::Only(_) => {
                let callable = request.choice.callable(request.tools);
                Some(self.call_guide(callable, request.max_tokens)?)
            }
            ToolChoice::Text => None,
        };
        let kept = self.engine.keep_prefix(&prompt);
        let pending = prompt[kept..].to_vec();
        let (message, written) = match guide {
            Some(guide) => self.write_call(request, pending, cancel, guide)?,
            None => self.write_text(request, pending, cancel)?,
        };
        let tokens = TokenUsage {
            prompt_tokens: prompt.len() as u64,
            cached_tokens: kept as u64,
            completion_tokens: written.len() as u64,
        };
        self.remember(chatml::assistant_body(&message), written);
        Ok(Reply { message, tokens, dollars: 0.0 })
    }
}

fn token(id: u32) -> LlamaToken {
    LlamaToken::new(id.cast_signed())
}
