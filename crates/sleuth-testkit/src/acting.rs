//! A model that acts by a function.

use sleuth_lm::{Cancel, LanguageModel, LmError, ModelInfo, Reply, Request, Scripted, Seen};
use sleuth_records::{Message, ToolSpec};

/// A [`Scripted`] model under the names that tests of a policy read best.
pub struct Acting(Scripted);

impl Acting {
    /// A model that replies with what `act` gives.
    pub fn new(
        act: impl FnMut(&Request<'_>, Cancel<'_>) -> Result<Message, LmError> + Send + 'static,
    ) -> Self {
        Self(Scripted::acting(act))
    }

    /// A model that gives `replies` in order, then is unavailable.
    pub fn script(replies: impl IntoIterator<Item = Result<Message, LmError>>) -> Self {
        Self(Scripted::new(replies))
    }

    /// The same with another context, in tokens.
    #[must_use]
    pub fn with_context(self, context: usize) -> Self {
        Self(self.0.with_context(context))
    }

    /// The same at a price for each reply, in dollars.
    #[must_use]
    pub fn with_dollars(self, dollars: f64) -> Self {
        Self(self.0.with_dollars(dollars))
    }

    /// What it is asked, kept after the model is given away.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.0.seen()
    }

    /// A reply that calls `tool`.
    ///
    /// # Errors
    /// Never; the type is that of a reply.
    pub fn call(tool: &str, arguments: serde_json::Value) -> Result<Message, LmError> {
        Scripted::call("own", tool, arguments)
    }
}

impl LanguageModel for Acting {
    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    fn count_tokens(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Result<usize, LmError> {
        self.0.count_tokens(messages, tools)
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        self.0.complete(request, cancel)
    }
}
