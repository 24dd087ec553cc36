//! The face of a language model.

use sleuth_records::{Message, TokenUsage, ToolSpec};

use crate::GgufHeader;

/// Size class of a model; classes of language models differ in price and latency by about an order of
/// magnitude.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// No model to talk to: it turns texts into vectors.
    Embed,
    /// Up to half a billion parameters.
    Tiny,
    /// Up to four billion.
    Small,
    /// Up to forty billion.
    Standard,
    /// More.
    Big,
}

impl Tier {
    /// The class of a language model with so many parameters.
    #[must_use]
    pub fn of_parameters(parameters: u64) -> Self {
        match parameters {
            0..=500_000_000 => Self::Tiny,
            500_000_001..=4_000_000_000 => Self::Small,
            4_000_000_001..=40_000_000_000 => Self::Standard,
            _ => Self::Big,
        }
    }

    /// The class of the model in a file.
    #[must_use]
    pub fn of_header(header: &GgufHeader) -> Self {
        match header.architecture.as_str() {
            "bert" | crate::static_vectors::ARCHITECTURE => Self::Embed,
            _ => Self::of_parameters(header.parameters),
        }
    }

    /// Its name, as in flags and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Standard => "standard",
            Self::Big => "big",
        }
    }
}

/// Price of a remote model in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Price {
    /// For one prompt token.
    pub prompt_token: f64,
    /// For one prompt token that the provider had cached.
    pub cached_token: f64,
    /// For one token written.
    pub completion_token: f64,
}

impl Price {
    /// Cost in US dollars of these tokens.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
    pub fn of(&self, tokens: &TokenUsage) -> f64 {
        let cached = tokens.cached_tokens.min(tokens.prompt_tokens);
        (tokens.prompt_tokens - cached) as f64 * self.prompt_token
            + cached as f64 * self.cached_token
            + tokens.completion_tokens as f64 * self.completion_token
    }
}

/// What is known of a model before it is asked anything.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ModelInfo {
    /// Name for people and logs.
    pub name: String,
    /// Size class, where known.
    pub tier: Option<Tier>,
    /// Tokens that a prompt and its reply may have together; for a remote model the configured or
    /// published figure.
    pub context: usize,
    /// Price, for a remote model whose price is known.
    pub price: Option<Price>,
}

/// What the model may do in its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// Write text; no tool is offered.
    Text,
    /// Call exactly one of the offered tools and write nothing else.
    Call,
    /// Call the tool at this position among the offered ones. The others stay in the prompt, so
    /// that an engine can go on from what it has evaluated.
    Only(usize),
}

impl ToolChoice {
    /// Those of `tools` that may be called.
    #[must_use]
    pub fn callable(self, tools: &[ToolSpec]) -> &[ToolSpec] {
        match self {
            Self::Text => &[],
            Self::Call => tools,
            Self::Only(at) => tools.get(at..=at).unwrap_or_default(),
        }
    }
}

/// One call of a model.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The conversation so far, oldest first.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [ToolSpec],
    /// Whether one of them must be called.
    pub choice: ToolChoice,
    /// Longest reply in tokens.
    pub max_tokens: usize,
    /// 0 takes the likeliest token each time.
    pub temperature: f32,
    /// Seed of the sampling.
    pub seed: u64,
}

/// A model's reply.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reply {
    /// What it said; with [`ToolChoice::Call`] it holds exactly one tool call whose arguments are
    /// an object.
    pub message: Message,
    /// Tokens it took.
    pub tokens: TokenUsage,
    /// Cost in US dollars; 0 where no price is known.
    pub dollars: f64,
}

/// Asked between tokens: `true` ends the call with [`LmError::Cancelled`].
pub type Cancel<'a> = &'a (dyn Fn() -> bool + Sync);

/// A model that can be asked.
pub trait LanguageModel: Send {
    /// What is known of it.
    fn info(&self) -> &ModelInfo;

    /// Tokens of a prompt made of these messages and tools, counted as [`complete`] would send
    /// them. Exact for the embedded engine; an upper estimate for a remote model.
    ///
    /// # Errors
    /// When the prompt cannot be rendered.
    ///
    /// [`complete`]: LanguageModel::complete
    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError>;

    /// Asks for one reply.
    ///
    /// # Errors
    /// See [`LmError`]. A reply that is not of the asked form is an error, never passed on.
    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError>;
}

/// Why a model could not be had or did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum LmError {
    /// The caller asked to stop.
    #[error("the model call was cancelled")]
    Cancelled,
    /// The prompt and the longest reply do not fit.
    #[error(
        "the prompt has {prompt} tokens and the reply may have {reply}, but the context of `{model}` holds {context}"
    )]
    ContextFull {
        /// The model.
        model: String,
        /// Tokens of the prompt.
        prompt: usize,
        /// Longest reply asked for.
        reply: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// The model answered, but not with what was asked for.
    #[error("malformed reply of `{model}`: expected {expected}, found {found}")]
    MalformedReply {
        /// The model.
        model: String,
        /// The form asked for.
        expected: String,
        /// What came, shortened.
        found: String,
    },
    /// The model file or the server cannot be used at all.
    #[error("model `{model}` is unavailable: {reason}")]
    Unavailable {
        /// The model.
        model: String,
        /// Why, for a person.
        reason: String,
    },
}
