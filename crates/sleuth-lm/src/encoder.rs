//! A sentence encoder in the embedded engine: tokens in, one vector a text out.
//!
//! Texts of like length share a batch, since the engine computes the attention of a batch as one
//! matrix over all its tokens, other texts' masked out: small batches waste little on that. Each
//! thread has a context of its own that computes alone; no thread waits for another within a batch.

use std::{
    num::NonZeroU32,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use llama_cpp_2::{
    context::{
        LlamaContext,
        params::{LlamaContextParams, LlamaPoolingType},
    },
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    token::LlamaToken,
};

use crate::{
    Cancel,
    engine::{EngineError, backend, check_processor},
    wordpiece::WordPiece,
};

/// Tokens that a batch may have. Twice as many were no faster, and the engine keeps room for each to
/// have logits, which nobody asks for: 122 kB a token.
const BATCH: usize = 256;
/// Texts that a batch may have; the engine allows 256.
const TEXTS: usize = 128;

self_cell::self_cell!(
    struct Session {
        owner: Arc<LlamaModel>,
        #[covariant]
        dependent: LlamaContext,
    }
);

struct Worker {
    session: Session,
    batch: LlamaBatch<'static>,
}

/// A loaded encoder.
pub(crate) struct Encoder {
    workers: Vec<Mutex<Worker>>,
    words: WordPiece,
    longest: usize,
}

impl Encoder {
    /// Loads the model at `path`, whose vocabulary is `tokens`. A text has at most `longest` tokens.
    pub(crate) fn load(
        path: &Path,
        tokens: &[String],
        longest: usize,
        threads: usize,
    ) -> Result<Self, String> {
        check_processor()?;
        let words = WordPiece::new(tokens)?;
        let backend = backend()?;
        let model = LlamaModel::load_from_file(backend, path, &LlamaModelParams::default())
            .map_err(|error| format!("the engine cannot load `{}`: {error}", path.display()))?;
        let model = Arc::new(model);
        let worker = || {
            let batch = u32::try_from(BATCH).unwrap_or(u32::MAX);
            let texts = u32::try_from(TEXTS).unwrap_or(u32::MAX);
            let parameters = LlamaContextParams::default()
                .with_n_ctx(NonZeroU32::new(batch))
                .with_n_batch(batch)
                .with_n_ubatch(batch)
                .with_n_seq_max(texts)
                .with_kv_unified(true)
                .with_embeddings(true)
                .with_pooling_type(LlamaPoolingType::Mean)
                .with_n_threads(1)
                .with_n_threads_batch(1);
            let session = Session::try_new(Arc::clone(&model), |model| {
                model
                    .new_context(backend, parameters)
                    .map_err(|error| format!("the engine cannot make a context: {error}"))
            })?;
            Ok(Mutex::new(Worker { session, batch: LlamaBatch::new(BATCH, 1) }))
        };
        let workers = (0..threads.max(1)).map(|_| worker()).collect::<Result<_, String>>()?;
        Ok(Self { workers, words, longest: longest.min(BATCH) })
    }

    fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        let inner = self.words.tokens(text, self.longest - 2);
        let whole = std::iter::once(self.words.cls).chain(inner).chain([self.words.sep]);
        whole.map(llama).collect()
    }

    /// The vectors of `texts`, in order, not normalised.
    pub(crate) fn encode(
        &self,
        texts: &[&str],
        cancel: Cancel<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        self.encode_tokens(texts.iter().map(|text| self.tokens(text)).collect(), cancel)
    }

    /// The vectors of texts of one token each, in order, not normalised.
    pub(crate) fn encode_single(
        &self,
        tokens: &[u32],
        cancel: Cancel<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let text = |token: &u32| [self.words.cls, *token, self.words.sep].map(llama).to_vec();
        self.encode_tokens(tokens.iter().map(text).collect(), cancel)
    }

    fn encode_tokens(
        &self,
        texts: Vec<Vec<LlamaToken>>,
        cancel: Cancel<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let n_texts = texts.len();
        let mut tokens: Vec<(usize, Vec<LlamaToken>)> = texts.into_iter().enumerate().collect();
        tokens.sort_by_key(|(at, tokens)| (tokens.len(), *at));
        let batches = batches(&tokens);
        let next = AtomicUsize::new(0);
        let work = |mut worker: Option<MutexGuard<'_, Worker>>, mutex: &Mutex<Worker>| {
            let mut done = Vec::new();
            loop {
                if cancel() {
                    return Err(EngineError::Cancelled);
                }
                let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return Ok(done);
                };
                // Let go between batches, so that a query need not wait for the end.
                let mut worker = worker.take().unwrap_or_else(|| lock(mutex));
                for ((at, _), vector) in batch.iter().zip(worker.encode(batch)?) {
                    done.push((*at, vector));
                }
            }
        };
        let mut parts = Vec::new();
        if batches.len() <= 1 || self.workers.len() == 1 {
            let (mutex, guard) = self.free();
            parts.push(work(guard, mutex));
        } else {
            std::thread::scope(|scope| {
                let threads: Vec<_> =
                    self.workers.iter().map(|mutex| scope.spawn(|| work(None, mutex))).collect();
                for thread in threads {
                    let failed = Err(EngineError::Failed("a thread of the engine died".to_owned()));
                    parts.push(thread.join().unwrap_or(failed));
                }
            });
        }
        let mut vectors = vec![Vec::new(); n_texts];
        for part in parts {
            for (at, vector) in part? {
                vectors[at] = vector;
            }
        }
        Ok(vectors)
    }

    /// A worker that nobody uses, or the first.
    fn free(&self) -> (&Mutex<Worker>, Option<MutexGuard<'_, Worker>>) {
        for mutex in &self.workers {
            if let Ok(guard) = mutex.try_lock() {
                return (mutex, Some(guard));
            }
        }
        (&self.workers[0], None)
    }
}

fn llama(id: u32) -> LlamaToken {
    LlamaToken::new(id.cast_signed())
}

/// A panic in between leaves nothing half done that the next batch would see.
fn lock(mutex: &Mutex<Worker>) -> MutexGuard<'_, Worker> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts texts into runs of at most [`BATCH`] tokens and [`TEXTS`] texts; the longest come first, so
/// that the threads end together.
fn batches(texts: &[(usize, Vec<LlamaToken>)]) -> Vec<&[(usize, Vec<LlamaToken>)]> {
    let mut batches = Vec::new();
    let (mut from, mut n_tokens) = (0, 0);
    for (at, (_, tokens)) in texts.iter().enumerate() {
        if at > from && (n_tokens + tokens.len() > BATCH || at - from == TEXTS) {
            batches.push(&texts[from..at]);
            (from, n_tokens) = (at, 0);
        }
        n_tokens += tokens.len();
    }
    if from < texts.len() {
        batches.push(&texts[from..]);
    }
    batches.reverse();
    batches
}

impl Worker {
    /// The vectors of the texts of one batch.
    fn encode(&mut self, texts: &[(usize, Vec<LlamaToken>)]) -> Result<Vec<Vec<f32>>, EngineError> {
        self.batch.clear();
        for (sequence, (_, tokens)) in (0..).zip(texts) {
            self.batch
                .add_sequence(tokens, sequence, true)
                .map_err(|error| EngineError::Failed(error.to_string()))?;
        }
        let Self { session, batch } = self;
        session.with_dependent_mut(|_, context| {
            context
                .encode(batch)
                .map_err(|error| EngineError::Failed(format!("the engine failed: {error}")))?;
            (0..)
                .zip(texts)
                .map(|(sequence, _)| {
                    context.embeddings_seq_ith(sequence).map(<[f32]>::to_vec).map_err(|error| {
                        EngineError::Failed(format!("the engine gave no vector: {error}"))
                    })
                })
                .collect()
        })
    }
}
