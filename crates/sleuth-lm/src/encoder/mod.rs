//! A sentence encoder: tokens in, one vector a text out.
//!
//! The texts of a batch are computed as one tall matrix without padding, so texts of any lengths
//! share a batch. Each thread takes the next batch and computes it alone; nothing is shared but the
//! weights, so calls never wait for one another.

mod bert;
mod kernels;

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{Cancel, engine::EngineError, gguf::GgufContents, wordpiece::WordPiece};

use bert::{Bert, Scratch};
use kernels::Level;

/// Tokens that a batch has at most, unless it is one text. Larger ones are no faster.
const BATCH: usize = 256;

/// A loaded encoder.
pub(crate) struct Encoder {
    network: Bert,
    words: WordPiece,
    threads: usize,
}

impl Encoder {
    /// Loads the model at `path`, which holds `contents`. A text has at most `longest` tokens.
    pub(crate) fn load(
        path: &Path,
        contents: &GgufContents,
        longest: usize,
        threads: usize,
    ) -> Result<Self, String> {
        let words = WordPiece::new(&contents.tokens)?;
        let network = Bert::load(path, contents, longest, Level::best())?;
        if network.longest() < 3 {
            return Err(format!("`{}` has no room for a text of one token", path.display()));
        }
        Ok(Self { network, words, threads: threads.max(1) })
    }

    fn tokens(&self, text: &str) -> Vec<u32> {
        let inner = self.words.tokens(text, self.network.longest() - 2);
        std::iter::once(self.words.cls).chain(inner).chain([self.words.sep]).collect()
    }

    /// The vectors of `texts`, in order, not normalised.
    pub(crate) fn encode(
        &self,
        texts: &[&str],
        cancel: Cancel<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        self.encode_tokens(&texts.iter().map(|text| self.tokens(text)).collect::<Vec<_>>(), cancel)
    }

    /// The vectors of texts of one token each, in order, not normalised.
    pub(crate) fn encode_single(
        &self,
        tokens: &[u32],
        cancel: Cancel<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let text = |token: &u32| vec![self.words.cls, *token, self.words.sep];
        self.encode_tokens(&tokens.iter().map(text).collect::<Vec<_>>(), cancel)
    }

    fn encode_tokens(
        &self,
        texts: &[Vec<u32>],
        cancel: Cancel<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let batches = batches(texts);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut scratch = Scratch::default();
            let mut done = Vec::new();
            loop {
                if cancel() {
                    return Err(EngineError::Cancelled);
                }
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(batch) = batches.get(at) else { return Ok(done) };
                done.push((at, self.network.encode(batch, &mut scratch)));
            }
        };
        let parts = match self.threads.min(batches.len()) {
            0 | 1 => vec![work()],
            n => std::thread::scope(|scope| {
                let threads: Vec<_> = (0..n).map(|_| scope.spawn(work)).collect();
                let died = || Err(EngineError::Failed("a thread of the encoder died".to_owned()));
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| died())).collect()
            }),
        };
        let mut vectors = vec![Vec::new(); batches.len()];
        for part in parts {
            for (at, of_batch) in part? {
                vectors[at] = of_batch;
            }
        }
        Ok(vectors.into_iter().flatten().collect())
    }
}

/// Cuts texts into runs of at most [`BATCH`] tokens, or of one text.
fn batches(texts: &[Vec<u32>]) -> Vec<&[Vec<u32>]> {
    let mut batches = Vec::new();
    let (mut from, mut n_tokens) = (0, 0);
    for (at, tokens) in texts.iter().enumerate() {
        if at > from && n_tokens + tokens.len() > BATCH {
            batches.push(&texts[from..at]);
            (from, n_tokens) = (at, 0);
        }
        n_tokens += tokens.len();
    }
    if from < texts.len() {
        batches.push(&texts[from..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_whole_texts_in_order() {
        fn check(lengths: &[usize], expected: &[&[usize]]) {
            let texts: Vec<Vec<u32>> = lengths.iter().map(|n| vec![0; *n]).collect();
            let found: Vec<Vec<usize>> = batches(&texts)
                .into_iter()
                .map(|batch| batch.iter().map(Vec::len).collect())
                .collect();
            assert_eq!(found, expected);
        }
        check(&[], &[]);
        check(&[5], &[&[5]]);
        check(&[100, 100, 56, 1], &[&[100, 100, 56], &[1]]);
        check(&[256, 200, 57, 199, 300, 2], &[&[256], &[200], &[57, 199], &[300], &[2]]);
    }
}
