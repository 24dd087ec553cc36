//! Adding the vectors that a store lacks.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::path::Path;

use sleuth_records::{DocumentId, sha256_hex};

use super::{Embedder, Key, Part, Parts, ROW_HEAD, Rows, damaged, quantise, vectors_dir};
use crate::IndexError;
use crate::layout::{VECTORS_LOCK, write_synced};
use crate::store::Store;
use crate::sync::lock_as;

/// Parts from which on they are joined into one.
const MOST_PARTS: usize = 12;
/// Share of rows that no passage needs from which on parts are written anew.
const MOST_STALE: f64 = 0.3;

/// How vectors are filled in.
#[derive(Clone, Copy, Debug)]
pub struct FillOptions {
    /// Passages in a part: what a kill can take away at most.
    pub part: usize,
    /// Passages given to the embedder at once; `cancel` is asked in between.
    pub batch: usize,
    /// Whether the vectors of another embedder are thrown away. Otherwise they are an error.
    pub replace: bool,
}

impl Default for FillOptions {
    fn default() -> Self {
        Self { part: 2048, batch: 128, replace: false }
    }
}

/// What [`fill_vectors`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FillReport {
    /// Passages of the store.
    pub n_passages: usize,
    /// Vectors that were computed.
    pub n_computed: usize,
}

/// Gives a vector to each passage of the store at `path` that has none. `progress` is told how many
/// passages have one, of all. Searches and writers of documents may go on meanwhile; passages that come
/// to the store after the start are left to the next call.
///
/// # Errors
/// [`IndexError::OtherEmbedder`] when the store has vectors of another one. [`IndexError::Cancelled`] when
/// `cancel` says so, after what was computed has been written. When the embedder fails, the store cannot
/// be read or written, or another process is filling it.
pub fn fill_vectors(
    path: &Path,
    embedder: &dyn Embedder,
    options: &FillOptions,
    progress: &dyn Fn(usize, usize),
    cancel: &dyn Fn() -> bool,
) -> Result<FillReport, IndexError> {
    let store = Store::open(path)?;
    let _lock = lock_as(path, VECTORS_LOCK)?;
    let mut filler = Filler::open(path, embedder, options)?;
    let known = filler.known()?;
    let documents = store.content_keys()?;
    let n_passages: usize = documents.values().map(|(_, n)| *n as usize).sum();
    let missing: Vec<(&DocumentId, u64, Vec<u32>)> = documents
        .iter()
        .filter_map(|(id, &(key, n))| {
            let missing: Vec<u32> = (0..n).filter(|at| !known.contains(&(key, *at))).collect();
            (!missing.is_empty()).then_some((id, key, missing))
        })
        .collect();
    let n_missing: usize = missing.iter().map(|(_, _, passages)| passages.len()).sum();
    let mut report = FillReport { n_passages, n_computed: 0 };
    for (id, key, passages) in missing {
        let Some(document) = store.read_uncached(id)? else { continue };
        let ranges = crate::splitter::passages_of(&document);
        for at in passages {
            let range = ranges.get(at as usize).cloned().unwrap_or_default();
            let text = document.text.get(range).unwrap_or_default();
            filler.waiting.push(((key, at), format!("{}\n{text}", document.title)));
            if filler.waiting.len() >= options.batch.max(1) {
                report.n_computed += filler.embed()?;
                progress(n_passages - n_missing + report.n_computed, n_passages);
                if cancel() {
                    filler.write()?;
                    return Err(IndexError::Cancelled);
                }
            }
        }
    }
    report.n_computed += filler.embed()?;
    filler.write()?;
    progress(n_passages, n_passages);
    let needed = documents
        .values()
        .flat_map(|&(key, n)| (0..n).map(move |at| (key, at)))
        .collect::<HashSet<Key>>();
    filler.tidy(&needed)?;
    Ok(report)
}

struct Filler<'a> {
    path: &'a Path,
    embedder: &'a dyn Embedder,
    options: &'a FillOptions,
    listed: Parts,
    /// Passages to embed.
    waiting: Vec<(Key, String)>,
    /// Rows of the part that is being made.
    rows: Vec<u8>,
}

impl<'a> Filler<'a> {
    fn open(
        path: &'a Path,
        embedder: &'a dyn Embedder,
        options: &'a FillOptions,
    ) -> Result<Self, IndexError> {
        let fresh = || Parts {
            embedder: embedder.id().to_owned(),
            dims: embedder.dims(),
            parts: Vec::new(),
        };
        let listed = match Parts::read(path) {
            Ok(Some(listed))
                if listed.embedder == embedder.id() && listed.dims == embedder.dims() =>
            {
                listed
            }
            Ok(Some(_)) | Err(IndexError::Damaged { .. }) if options.replace => fresh(),
            Ok(Some(listed)) => {
                return Err(IndexError::OtherEmbedder {
                    path: path.to_owned(),
                    expected: listed.embedder,
                    found: embedder.id().to_owned(),
                });
            }
            Ok(None) => fresh(),
            Err(error) => return Err(error),
        };
        fs_err::create_dir_all(vectors_dir(path)).map_err(|error| IndexError::io(path, error))?;
        Ok(Self { path, embedder, options, listed, waiting: Vec::new(), rows: Vec::new() })
    }

    fn known(&self) -> Result<HashSet<Key>, IndexError> {
        Ok(Rows::open(self.path, &self.listed)?.by_key().into_keys().collect())
    }

    /// Computes the vectors of what is waiting; returns how many.
    fn embed(&mut self) -> Result<usize, IndexError> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(0);
        }
        let texts: Vec<&str> = waiting.iter().map(|(_, text)| text.as_str()).collect();
        let failed = |reason: String| IndexError::Embedder {
            embedder: self.embedder.id().to_owned(),
            reason,
        };
        let vectors = self.embedder.embed(&texts).map_err(|error| failed(error.to_string()))?;
        let dims = self.listed.dims;
        if vectors.len() != texts.len() || vectors.iter().any(|vector| vector.len() != dims) {
            return Err(failed(format!(
                "expected {} vectors of {dims} numbers, found {} of {}",
                texts.len(),
                vectors.len(),
                vectors.first().map_or(0, Vec::len)
            )));
        }
        let mut bytes = vec![0i8; dims];
        for (((key, passage), _), vector) in waiting.iter().zip(&vectors) {
            let scale = quantise(vector, &mut bytes);
            self.rows.extend(key.to_le_bytes());
            self.rows.extend(passage.to_le_bytes());
            self.rows.extend(scale.to_le_bytes());
            self.rows.extend(bytes.iter().map(|byte| byte.cast_unsigned()));
        }
        if self.rows.len() >= self.options.part.max(1) * (ROW_HEAD + dims) {
            self.write()?;
        }
        Ok(vectors.len())
    }

    /// Writes the rows made so far as a part, and lists it.
    fn write(&mut self) -> Result<(), IndexError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let part = self.write_part(&rows)?;
        self.listed.parts.push(part);
        self.list()
    }

    fn write_part(&self, rows: &[u8]) -> Result<Part, IndexError> {
        let number = self.listed.parts.iter().filter_map(|part| {
            part.name.strip_prefix("part-")?.strip_suffix(".bin")?.parse::<u64>().ok()
        });
        let name = format!("part-{}.bin", number.max().unwrap_or(0) + 1);
        write_synced(&vectors_dir(self.path).join(&name), |file| file.write_all(rows))
            .map_err(|error| IndexError::io(self.path, error))?;
        let n_rows = rows.len() / (ROW_HEAD + self.listed.dims);
        let rows_32 = u32::try_from(n_rows).map_err(|_| {
            damaged(self.path, format!("`vectors/{name}` would have {n_rows} rows"))
        })?;
        Ok(Part { name, rows: rows_32, sha256: sha256_hex(rows) })
    }

    /// Writes `parts.json`, by renaming it into place.
    fn list(&self) -> Result<(), IndexError> {
        let folder = vectors_dir(self.path);
        let new = folder.join("parts.json.new");
        write_synced(&new, |file| {
            serde_json::to_writer_pretty(file, &self.listed).map_err(std::io::Error::other)
        })
        .and_then(|()| fs_err::rename(&new, folder.join("parts.json")))
        .map_err(|error| IndexError::io(self.path, error))
    }

    /// Joins parts where they are many or hold much that nothing needs, and removes files that are not
    /// listed.
    fn tidy(&mut self, needed: &HashSet<Key>) -> Result<(), IndexError> {
        let rows = Rows::open(self.path, &self.listed)?;
        let by_key: HashMap<Key, (u32, u32)> = rows.by_key();
        let mut live: Vec<(&Key, &(u32, u32))> =
            by_key.iter().filter(|(key, _)| needed.contains(*key)).collect();
        let n_rows: usize = self.listed.parts.iter().map(|part| part.rows as usize).sum();
        let n_stale = n_rows - live.len();
        if self.listed.parts.len() > MOST_PARTS || n_stale as f64 > MOST_STALE * n_rows as f64 {
            live.sort_unstable();
            let mut joined = Vec::with_capacity(live.len() * (ROW_HEAD + self.listed.dims));
            for (_, &(part, row)) in live {
                joined.extend_from_slice(rows.row(part as usize, row as usize));
            }
            let part = self.write_part(&joined)?;
            self.listed.parts = vec![part];
            self.list()?;
        }
        let Ok(entries) = fs_err::read_dir(vectors_dir(self.path)) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let listed = self.listed.parts.iter().any(|part| part.name == name);
            if name.starts_with("part-") && !listed {
                // Readers that have it open keep it; failure to remove it harms nothing.
                let _ = fs_err::remove_file(entry.path());
            }
        }
        Ok(())
    }
}
