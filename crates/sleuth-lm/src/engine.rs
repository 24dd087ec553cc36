//! llama.cpp behind a safe and narrow face: tokens in, logits out, with the evaluated prefix kept.
//!
//! The engine remembers which tokens its key-value cache holds. [`Engine::keep_prefix`] cuts the
//! cache back to what a new prompt shares with it, so a conversation that grows at its end costs its
//! new tokens only.

use std::{num::NonZeroU32, path::Path, sync::Arc, sync::OnceLock};

use llama_cpp_2::{
    LogOptions,
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    token::LlamaToken,
};
use toktrie::{SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use crate::{Cancel, gguf::GgufHeader};

/// Tokens of a prompt that are evaluated between two looks at the cancel signal. Smaller answers an
/// interrupt sooner; on processors without a GPU the speed is flat from about 64 on.
const CHUNK: usize = 128;

/// Why the engine could not do its work, for a person.
#[derive(Debug)]
pub(crate) enum EngineError {
    /// The caller asked to stop.
    Cancelled,
    /// Anything else.
    Failed(String),
}

self_cell::self_cell!(
    struct Session {
        owner: Arc<LlamaModel>,
        #[covariant]
        dependent: LlamaContext,
    }
);

/// A loaded model with its context.
pub(crate) struct Engine {
    session: Session,
    model: Arc<LlamaModel>,
    tokenizer: TokEnv,
    batch: LlamaBatch<'static>,
    held: Vec<LlamaToken>,
    context: usize,
    start: LlamaToken,
    end: LlamaToken,
    text_tokens: SimpleVob,
}

impl Engine {
    /// Loads the model at `path`.
    pub(crate) fn load(
        path: &Path,
        context: usize,
        threads: usize,
    ) -> Result<(Self, GgufHeader), String> {
        check_processor()?;
        let header = GgufHeader::read(path).map_err(|error| with_cause(&error))?;
        if let Some(template) = &header.chat_template
            && !template.contains("<|im_start|>")
        {
            return Err(format!(
                "`{}` has a chat template that is not supported: expected ChatML (`<|im_start|>`)",
                path.display()
            ));
        }
        let backend = backend()?;
        let model = LlamaModel::load_from_file(backend, path, &LlamaModelParams::default())
            .map_err(|error| {
                format!(
                    "the engine cannot load `{}` (architecture `{}`): {error}",
                    path.display(),
                    header.architecture
                )
            })?;
        let model = Arc::new(model);
        let start = marker(&model, "<|im_start|>", path)?;
        let end = marker(&model, "<|im_end|>", path)?;

        let trained = usize::try_from(header.context).unwrap_or(usize::MAX);
        let context = if trained == 0 { context } else { context.min(trained) };
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let threads = i32::try_from(threads).unwrap_or(i32::MAX);
        let n_ctx = u32::try_from(context).ok().and_then(NonZeroU32::new).ok_or_else(|| {
            format!("a context of {context} tokens is not possible: expected 1 to {}", u32::MAX)
        })?;
        let parameters = LlamaContextParams::default()
            .with_n_ctx(Some(n_ctx))
            .with_n_batch(u32::try_from(CHUNK).unwrap_or(u32::MAX))
            .with_n_ubatch(u32::try_from(CHUNK).unwrap_or(u32::MAX))
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let session = Session::try_new(Arc::clone(&model), |model| {
            model.new_context(backend, parameters).map_err(|error| {
                format!("the engine cannot make a context of {context} tokens: {error}")
            })
        })?;
        let tokenizer = tokenizer(&model);
        let text_tokens = text_tokens(&model, &tokenizer);
        let engine = Self {
            session,
            model,
            tokenizer,
            batch: LlamaBatch::new(CHUNK, 1),
            held: Vec::new(),
            context,
            start,
            end,
            text_tokens,
        };
        Ok((engine, header))
    }

    /// Tokens that fit.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// The control token that opens a message.
    pub(crate) fn start(&self) -> LlamaToken {
        self.start
    }

    /// The control token that closes a message.
    pub(crate) fn end(&self) -> LlamaToken {
        self.end
    }

    /// The token to begin every prompt with, for models that want one.
    pub(crate) fn begin(&self) -> Option<LlamaToken> {
        let vocab = self.model.vocab();
        vocab.should_add_bos().then(|| vocab.bos())
    }

    /// The vocabulary, for grammars.
    pub(crate) fn tokenizer(&self) -> &TokEnv {
        &self.tokenizer
    }

    /// What free text may be made of: everything but control tokens, and the ends.
    pub(crate) fn text_tokens(&self) -> &SimpleVob {
        &self.text_tokens
    }

    /// Whether the model ends its turn with this token.
    pub(crate) fn is_end(&self, token: LlamaToken) -> bool {
        token == self.end || self.model.vocab().is_eog(token)
    }

    /// The tokens of a text; control tokens spelled out in it stay text.
    pub(crate) fn tokenize(&self, text: &str) -> Vec<LlamaToken> {
        self.model.vocab().tokenize(text.as_bytes(), false, false)
    }

    /// The text of some tokens.
    pub(crate) fn text(&self, tokens: &[LlamaToken]) -> String {
        let ids: Vec<TokenId> = tokens.iter().map(|token| token.0.cast_unsigned()).collect();
        String::from_utf8_lossy(&self.tokenizer.tok_trie().decode(&ids)).into_owned()
    }

    /// Cuts the cache back to what it shares with `prompt`; tells how many tokens that is. At least
    /// the prompt's last token is left out, because its logits are needed.
    pub(crate) fn keep_prefix(&mut self, prompt: &[LlamaToken]) -> usize {
        let shared = self.held.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        let mut keep = shared.min(prompt.len().saturating_sub(1));
        if keep < self.held.len() {
            let from = u32::try_from(keep).ok();
            let cut = self
                .session
                .with_dependent_mut(|_, context| context.clear_kv_cache_seq(Some(0), from, None));
            if !matches!(cut, Ok(true)) {
                // Some architectures cannot forget a part; they begin again.
                self.session.with_dependent_mut(|_, context| context.clear_kv_cache());
                keep = 0;
            }
            self.held.truncate(keep);
        }
        keep
    }

    /// Evaluates `tokens` after those held. An interrupt keeps what was evaluated until then.
    pub(crate) fn evaluate(
        &mut self,
        tokens: &[LlamaToken],
        cancel: Cancel<'_>,
    ) -> Result<(), EngineError> {
        for chunk in tokens.chunks(CHUNK) {
            if cancel() {
                return Err(EngineError::Cancelled);
            }
            self.batch.clear();
            for (at, &token) in chunk.iter().enumerate() {
                let position = i32::try_from(self.held.len() + at)
                    .map_err(|_| EngineError::Failed("the context is too long".to_owned()))?;
                self.batch
                    .add(token, position, &[0], at + 1 == chunk.len())
                    .map_err(|error| EngineError::Failed(error.to_string()))?;
            }
            let Self { session, batch, .. } = self;
            let done = session.with_dependent_mut(|_, context| context.decode(batch));
            if let Err(error) = done {
                self.session.with_dependent_mut(|_, context| context.clear_kv_cache());
                self.held.clear();
                return Err(EngineError::Failed(format!("the engine failed: {error}")));
            }
            self.held.extend_from_slice(chunk);
        }
        Ok(())
    }

    /// The logits after the last evaluated token.
    pub(crate) fn logits(&self) -> &[f32] {
        self.session.borrow_dependent().get_logits()
    }
}

/// One backend serves all models of a process.
fn backend() -> Result<&'static LlamaBackend, String> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        // Nothing of the engine's chatter reaches the screen; errors come back as values.
        llama_cpp_2::send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
        LlamaBackend::init().map_err(|error| format!("the engine cannot start: {error}"))
    });
    backend.as_ref().map_err(Clone::clone)
}

/// Fails where the processor lacks what the engine was built for; the engine itself would die of an
/// illegal instruction.
fn check_processor() -> Result<(), String> {
    #[cfg(target_arch = "x86_64")]
    {
        let missing: Vec<&str> = [
            ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
            ("FMA", std::arch::is_x86_feature_detected!("fma")),
            ("F16C", std::arch::is_x86_feature_detected!("f16c")),
            ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
        ]
        .into_iter()
        .filter_map(|(name, there)| (!there).then_some(name))
        .collect();
        if !missing.is_empty() {
            return Err(format!("the engine needs a processor with {}", missing.join(", ")));
        }
    }
    Ok(())
}

/// The one control token that `text` stands for.
fn marker(model: &LlamaModel, text: &str, path: &Path) -> Result<LlamaToken, String> {
    match model.vocab().tokenize(text.as_bytes(), false, true)[..] {
        [token] if model.vocab().is_control(token) => Ok(token),
        _ => Err(format!(
            "`{}` has no control token `{text}`: expected a ChatML model",
            path.display()
        )),
    }
}

/// The vocabulary as llguidance wants it: a control token is marked by a leading 0xFF, so that no
/// grammar of bytes can reach it.
fn tokenizer(model: &Arc<LlamaModel>) -> TokEnv {
    let vocab = model.vocab();
    let eos = if vocab.eot().0 >= 0 { vocab.eot() } else { vocab.eos() };
    let mut words = Vec::new();
    for token in vocab.tokens() {
        let plain = vocab.token_to_piece(token, false, None);
        if plain.is_empty() {
            let special = vocab.token_to_piece(token, true, None);
            let marked =
                if special.is_empty() { Vec::new() } else { [&[0xff], &special[..]].concat() };
            words.push(marked);
        } else {
            words.push(plain);
        }
    }
    let size = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let trie = TokTrie::from(&TokRxInfo::new(size, eos.0.cast_unsigned()), &words);
    Arc::new(Tokenizer { trie, model: Arc::clone(model) })
}

fn text_tokens(model: &LlamaModel, tokenizer: &TokEnv) -> SimpleVob {
    let vocab = model.vocab();
    let mut allowed = tokenizer.tok_trie().alloc_token_set();
    for token in vocab.tokens() {
        let id = token.0.cast_unsigned();
        let is_text = !tokenizer.tok_trie().token(id).is_empty()
            && !tokenizer.tok_trie().is_special_token(id)
            && !vocab.is_control(token);
        if is_text || vocab.is_eog(token) {
            allowed.allow_token(id);
        }
    }
    allowed
}

struct Tokenizer {
    trie: TokTrie,
    model: Arc<LlamaModel>,
}

impl TokenizerEnv for Tokenizer {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        // The engine's tokenizer wants text; the stretches that a grammar forces may end inside a
        // character.
        if std::str::from_utf8(bytes).is_err() {
            return self.trie.greedy_tokenize(bytes);
        }
        let tokens = self.model.vocab().tokenize(bytes, false, false);
        tokens.into_iter().map(|token| token.0.cast_unsigned()).collect()
    }
}

/// An error's text with those of its causes.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
