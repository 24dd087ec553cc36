//! Passage vectors: where a store keeps them, and finding the nearest.
//!
//! Vectors come after the documents: a store can be searched before it has any, and [`fill_vectors`]
//! adds those that are missing, a part at a time, so that a stop or a kill loses one part at most. They
//! are kept by what was embedded (content of the document, place of the passage), so that an update of
//! the store keeps the vectors of whatever did not change.
//!
//! ```text
//! vectors/parts.json      embedder, length of a vector, the parts with their checksums
//! vectors/part-N.bin      rows: key (8 bytes), passage (4), scale (4), then one signed byte a number
//! ```
//!
//! `parts.json` is renamed into place, and what it does not name does not count. A number of a vector is
//! its byte times the row's scale, at most 1/254 of the greatest number off. Parts are mapped into
//! memory, not read.
//!
//! Up to [`MOST_EXACT`] passages all are compared with the query. Beyond, the signs of the numbers decide
//! which are: of all passages, those whose signs agree most with the query's.

mod fill;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::DocId;
use tantivy::directory::{Directory as _, MmapDirectory, OwnedBytes};

pub use fill::{FillOptions, FillReport, fill_vectors};

use crate::IndexError;
use crate::sync::SourceError;

/// Passages up to which all are compared.
const MOST_EXACT: usize = 50_000;
/// Of more, how many the signs let through: one in so many, and at least [`LEAST_COMPARED`].
const COMPARED_ONE_IN: usize = 50;
const LEAST_COMPARED: usize = 2_000;
/// Bytes of a row in front of its numbers.
const ROW_HEAD: usize = 16;

/// Turns texts into vectors of length one whose scalar products say how near their meanings are.
pub trait Embedder: Send + Sync {
    /// Name and digest: two embedders of one id give the same vectors.
    fn id(&self) -> &str;

    /// Numbers in a vector.
    fn dims(&self) -> usize;

    /// The vectors of `texts`, in order.
    ///
    /// # Errors
    /// When the model fails.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, SourceError>;
}

/// The folder of the vectors.
pub(crate) fn vectors_dir(path: &Path) -> PathBuf {
    path.join("vectors")
}

/// What `parts.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parts {
    pub(crate) embedder: String,
    pub(crate) dims: usize,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) rows: u32,
    pub(crate) sha256: String,
}

impl Parts {
    /// Reads `parts.json` of the store at `path`; `None` where there are no vectors.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, IndexError> {
        let file = vectors_dir(path).join("parts.json");
        let text = match fs_err::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(IndexError::io(path, error)),
        };
        let parts: Self = serde_json::from_slice(&text)
            .map_err(|error| damaged(path, format!("`vectors/parts.json`: {error}")))?;
        let name_is_plain =
            |part: &Part| part.name.starts_with("part-") && !part.name.contains(['/', '\\']);
        if parts.dims == 0 || !parts.parts.iter().all(name_is_plain) {
            return Err(damaged(path, "`vectors/parts.json` names what is no part".to_owned()));
        }
        Ok(Some(parts))
    }
}

fn damaged(path: &Path, detail: String) -> IndexError {
    IndexError::Damaged { path: path.to_owned(), detail }
}

/// What a vector is kept by: the first eight bytes of the document's content hash, and the place of the
/// passage in the document.
pub(crate) type Key = (u64, u32);

/// The parts of a store, mapped into memory.
pub(crate) struct Rows {
    dims: usize,
    parts: Vec<OwnedBytes>,
}

impl Rows {
    /// Maps the parts; checks their lengths and not their content, which [`check_parts`] does.
    pub(crate) fn open(path: &Path, listed: &Parts) -> Result<Self, IndexError> {
        let engine = |error: tantivy::TantivyError| IndexError::engine(path, error);
        let folder =
            MmapDirectory::open(vectors_dir(path)).map_err(|error| engine(error.into()))?;
        let mut parts = Vec::new();
        for part in &listed.parts {
            let slice =
                folder.open_read(Path::new(&part.name)).map_err(|error| engine(error.into()))?;
            let bytes = slice.read_bytes().map_err(|error| IndexError::io(path, error))?;
            let expected = part.rows as usize * (ROW_HEAD + listed.dims);
            if bytes.len() != expected {
                let found = bytes.len();
                let name = &part.name;
                return Err(damaged(
                    path,
                    format!("`vectors/{name}` has {found} bytes, expected {expected}"),
                ));
            }
            parts.push(bytes);
        }
        Ok(Self { dims: listed.dims, parts })
    }

    fn row(&self, part: usize, row: usize) -> &[u8] {
        let length = ROW_HEAD + self.dims;
        &self.parts[part][row * length..(row + 1) * length]
    }

    /// Where the vector of each key is; of several the newest.
    pub(crate) fn by_key(&self) -> HashMap<Key, (u32, u32)> {
        let mut out = HashMap::new();
        for (at, part) in self.parts.iter().enumerate() {
            for (row, bytes) in part.chunks_exact(ROW_HEAD + self.dims).enumerate() {
                let (head, _) = bytes.split_at(ROW_HEAD);
                let key = u64::from_le_bytes(head[..8].try_into().unwrap_or_default());
                let passage = u32::from_le_bytes(head[8..12].try_into().unwrap_or_default());
                out.insert((key, passage), (at as u32, row as u32));
            }
        }
        out
    }
}

/// The vectors of the passages of one snapshot.
pub(crate) struct Dense {
    rows: Rows,
    /// The place of each vector that belongs to a passage, and that passage: segment and entry.
    live: Vec<(u32, u32, u32, DocId)>,
    /// The signs of each, where there are too many to compare all.
    signs: Vec<u64>,
    n_words: usize,
    /// Passages of the store.
    n_passages: usize,
}

impl Dense {
    /// Joins vectors and passages: `passages` gives segment, entry and key of each.
    pub(crate) fn new(rows: Rows, passages: &[(u32, DocId, Key)]) -> Self {
        let by_key = rows.by_key();
        let live: Vec<_> = passages
            .iter()
            .filter_map(|(segment, entry, key)| {
                by_key.get(key).map(|&(part, row)| (part, row, *segment, *entry))
            })
            .collect();
        let n_words = rows.dims.div_ceil(64);
        let mut signs = Vec::new();
        if live.len() > MOST_EXACT {
            signs.reserve(live.len() * n_words);
            for &(part, row, _, _) in &live {
                let numbers = &rows.row(part as usize, row as usize)[ROW_HEAD..];
                signs.extend(signs_of(numbers.iter().map(|&byte| byte.cast_signed() < 0)));
            }
        }
        Self { rows, live, signs, n_words, n_passages: passages.len() }
    }

    /// Share of the store's passages that have a vector.
    pub(crate) fn coverage(&self) -> f32 {
        if self.n_passages == 0 { 1.0 } else { self.live.len() as f32 / self.n_passages as f32 }
    }

    /// Hands the cosine of `query` with each passage to `each`; with very many passages, only of those
    /// that may be near.
    pub(crate) fn compare(&self, query: &[f32], mut each: impl FnMut(usize, DocId, f32)) {
        let mut bytes = vec![0i8; self.rows.dims];
        let scale = quantise(query, &mut bytes);
        let mut compare = |&(part, row, segment, entry): &(u32, u32, u32, DocId)| {
            let row = self.rows.row(part as usize, row as usize);
            let own = f32::from_le_bytes(row[12..ROW_HEAD].try_into().unwrap_or_default());
            let cosine = scale * own * dot(&bytes, &row[ROW_HEAD..]) as f32;
            each(segment as usize, entry, cosine);
        };
        if self.signs.is_empty() {
            self.live.iter().for_each(compare);
        } else {
            for at in self.agreeing(&bytes) {
                compare(&self.live[at]);
            }
        }
    }

    /// Positions of the vectors whose signs agree most with those of `query`.
    fn agreeing(&self, query: &[i8]) -> Vec<usize> {
        let wanted: Vec<u64> = signs_of(query.iter().map(|number| *number < 0)).collect();
        let mut distances: Vec<(u32, u32)> = self
            .signs
            .chunks_exact(self.n_words)
            .enumerate()
            .map(|(at, signs)| {
                let distance = signs.iter().zip(&wanted).map(|(a, b)| (a ^ b).count_ones()).sum();
                (distance, at as u32)
            })
            .collect();
        let most = (self.live.len() / COMPARED_ONE_IN).max(LEAST_COMPARED);
        if distances.len() > most {
            distances.select_nth_unstable(most - 1);
            distances.truncate(most);
        }
        distances.into_iter().map(|(_, at)| at as usize).collect()
    }
}

/// Writes `vector` as bytes into `out`; returns what one of them stands for.
fn quantise(vector: &[f32], out: &mut [i8]) -> f32 {
    let most = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    if most <= 0.0 || !most.is_finite() {
        out.fill(0);
        return 0.0;
    }
    let scale = most / 127.0;
    for (out, x) in out.iter_mut().zip(vector) {
        // Rounded numbers lie within ±127 by the choice of the scale.
        *out = (x / scale).round() as i8;
    }
    scale
}

fn dot(a: &[i8], b: &[u8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b.cast_signed()))).sum()
}

/// One bit for each number, 64 to a word.
fn signs_of(negative: impl Iterator<Item = bool>) -> impl Iterator<Item = u64> {
    let mut negative = negative.peekable();
    std::iter::from_fn(move || {
        negative.peek()?;
        let mut word = 0;
        for bit in 0..64 {
            match negative.next() {
                Some(true) => word |= 1 << bit,
                Some(false) => {}
                None => break,
            }
        }
        Some(word)
    })
}

/// What is wrong with the parts of the store at `path`, in words.
pub(crate) fn check_parts(path: &Path) -> Result<Vec<(String, String)>, IndexError> {
    let mut problems = Vec::new();
    let Some(listed) = Parts::read(path)? else { return Ok(problems) };
    for part in &listed.parts {
        let place = format!("vectors/{}", part.name);
        match fs_err::read(vectors_dir(path).join(&part.name)) {
            Ok(bytes) if sleuth_records::sha256_hex(&bytes) == part.sha256 => {}
            Ok(_) => problems.push((place, "its checksum does not match its content".to_owned())),
            Err(error) => problems.push((place, error.to_string())),
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_for_numbers() {
        let vector = [0.6, -0.8, 0.0, 0.001];
        let mut bytes = [0i8; 4];
        let scale = quantise(&vector, &mut bytes);
        for (byte, x) in bytes.iter().zip(vector) {
            assert!((f32::from(*byte) * scale - x).abs() <= 0.8 / 254.0);
        }
        assert_eq!(quantise(&[0.0; 4], &mut bytes), 0.0);
        assert_eq!(bytes, [0; 4]);
    }

    #[test]
    fn signs_fill_words() {
        let bits: Vec<u64> = signs_of((0..70).map(|at| at % 2 == 1)).collect();
        assert_eq!(bits, [0xaaaa_aaaa_aaaa_aaaa, 0b10_1010]);
    }

    #[test]
    fn products_of_the_greatest_bytes_do_not_overflow() {
        assert_eq!(dot(&[-128; 4096], &[128; 4096]), 16_384 * 4096);
    }
}
