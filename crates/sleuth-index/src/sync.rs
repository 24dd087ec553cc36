//! Making a store agree with its sources.
//!
//! Only files whose stamp differs from the manifest are read. Several threads read and cut
//! documents into passages, while the index library writes; each file is added whole between two
//! commits, so that a commit never holds half a file. A commit happens whenever enough text has
//! come together, and at the end: that is what a kill cannot take away, and the next run goes on
//! from there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use sleuth_records::{Document, Skipped, SourceFile, SourceStamp};
use tantivy::TantivyDocument;
use tantivy::tokenizer::{PreTokenizedString, Token};

use crate::layout::{
    BODY_TERMS, END, Fields, Manifest, ManifestEntry, ORDINAL, Payload, START, StoreFile,
    TITLE_TERMS, documents_dir, is_empty_dir, lexical_dir, read_manifest, schema, snapshot_id,
    write_manifest,
};
use crate::mentions::title_keys;
use crate::splitter::split;
use crate::{IndexError, Term, analyze};

/// Bytes of text after which a commit is made.
const COMMIT_BYTES: u64 = 192 << 20;

/// A failure of a source, in words for a person.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where documents come from.
pub trait DocumentSource: Sync {
    /// The files to read and what was passed over, without reading any.
    ///
    /// # Errors
    /// When the source as a whole cannot be listed.
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError>;

    /// Reads one file, hands every document to `each` until that breaks, and returns what was
    /// passed over.
    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped>;
}

/// How a store is made.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// Name of a new store; an existing one keeps its own.
    pub name: String,
    /// Threads that read.
    pub threads: usize,
    /// Memory for postings that are not yet written, in bytes.
    pub memory: usize,
    /// Whether documents of files that the source no longer lists are removed.
    pub remove_missing: bool,
}

impl Default for SyncOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
        Self { name: "store".to_owned(), threads, memory: 128 << 20, remove_missing: true }
    }
}

/// How far a [`sync`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files to read.
    pub files: usize,
    /// Of those, files read.
    pub files_read: usize,
    /// Documents added.
    pub documents: u64,
    /// Whether reading is over and the index is being written out.
    pub committing: bool,
}

/// What a [`sync`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Files that were read because they were new or had changed.
    pub files_read: usize,
    /// Files that were as the manifest knew them.
    pub files_unchanged: usize,
    /// Files whose documents were removed.
    pub files_removed: usize,
    /// Documents added, counting replaced ones.
    pub documents_added: u64,
    /// Everything passed over, also in files that were not read again.
    pub skipped: Vec<Skipped>,
    /// Documents in the store now.
    pub n_documents: u64,
    /// Snapshot id now.
    pub snapshot: String,
}

/// Makes the store at `path` hold exactly the documents of `source`, or, without `remove_missing`,
/// at least those. A store is made where none is.
///
/// `progress` is called from the reading threads. `cancel` is asked between files; when it says
/// yes, what was read so far is committed.
///
/// # Errors
/// When the store cannot be written, another process is writing it, or the source cannot be listed.
/// [`IndexError::Cancelled`] comes after a commit.
pub fn sync(
    path: &Path,
    source: &dyn DocumentSource,
    options: &SyncOptions,
    progress: &(dyn Fn(Progress) + Sync),
    cancel: &(dyn Fn() -> bool + Sync),
) -> Result<SyncReport, IndexError> {
    let engine = |error| IndexError::engine(path, error);
    let (files, listed_skips) =
        source.list().map_err(|error| IndexError::Source(error.to_string()))?;
    let index = open_or_create(path, &options.name)?;
    let (_, fields) = schema();

    let payload: Payload = index
        .load_metas()
        .map_err(engine)?
        .payload
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut manifest = match payload.manifest.as_str() {
        "" => Manifest::new(),
        name => read_manifest(path, name)?,
    };
    let listed: BTreeMap<&str, &SourceFile> =
        files.iter().map(|file| (file.path.as_str(), file)).collect();
    let to_read: Vec<&SourceFile> = files
        .iter()
        .filter(|file| manifest.get(&file.path).is_none_or(|known| known.stamp != file.stamp))
        .collect();
    let to_remove: Vec<String> = manifest
        .keys()
        .filter(|path| options.remove_missing && !listed.contains_key(path.as_str()))
        .cloned()
        .collect();
    let mut report = SyncReport {
        files_unchanged: files.len() - to_read.len(),
        files_removed: to_remove.len(),
        skipped: listed_skips,
        ..SyncReport::default()
    };
    if !to_read.is_empty() || !to_remove.is_empty() || payload.manifest.is_empty() {
        // One indexing thread for little text: its single segment is the fastest to search.
        let bytes: u64 = to_read.iter().map(|file| file.stamp.size).sum();
        let threads = if bytes < 64 << 20 { 1 } else { options.threads.clamp(1, 8) };
        let memory = (options.memory / threads).max(16 << 20) * threads;
        let writer = index.writer_with_num_threads(threads, memory).map_err(engine)?;
        remove_leftovers(path, &payload.manifest);
        for gone in &to_remove {
            writer.delete_term(tantivy::Term::from_field_text(fields.source, gone));
            manifest.remove(gone);
        }
        let shared = Shared {
            path,
            fields,
            writer: RwLock::new(writer),
            manifest: Mutex::new((manifest, payload)),
            uncommitted: AtomicU64::new(0),
        };
        let outcome = read_files(&shared, source, &to_read, options.threads, progress, cancel);
        progress(Progress {
            files: to_read.len(),
            files_read: outcome.files_read,
            documents: outcome.documents,
            committing: true,
        });
        report.files_read = outcome.files_read;
        report.documents_added = outcome.documents;
        match outcome.error {
            Some(error) => return Err(error),
            None => shared.commit()?,
        }
        let (kept, _) = shared.manifest.into_inner().unwrap_or_else(PoisonError::into_inner);
        manifest = kept;
        let writer = shared.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        writer.wait_merging_threads().map_err(engine)?;
        if cancel() {
            return Err(IndexError::Cancelled);
        }
    }
    report.skipped.extend(manifest.values().flat_map(|entry| entry.skipped.iter().cloned()));
    report.n_documents = manifest.values().map(|entry| entry.documents.len() as u64).sum();
    report.snapshot = snapshot_id(&manifest);
    Ok(report)
}

/// Opens the index below `path`, or makes it.
fn open_or_create(path: &Path, name: &str) -> Result<tantivy::Index, IndexError> {
    let io = |error| IndexError::io(path, error);
    match StoreFile::read(path) {
        Ok(_) => {}
        Err(IndexError::Missing { .. }) => {
            fs_err::create_dir_all(path).map_err(io)?;
            debug_assert!(is_empty_dir(path));
            StoreFile::new(name).write(path)?;
        }
        // A process that was killed while making the store leaves only this behind.
        Err(IndexError::NotAStore { .. })
            if fs_err::read_dir(path).is_ok_and(|entries| {
                entries.flatten().all(|entry| entry.file_name() == "store.toml.new")
            }) =>
        {
            StoreFile::new(name).write(path)?;
        }
        Err(error) => return Err(error),
    }
    fs_err::create_dir_all(documents_dir(path)).map_err(io)?;
    let lexical = lexical_dir(path);
    fs_err::create_dir_all(&lexical).map_err(io)?;
    let directory = tantivy::directory::MmapDirectory::open(&lexical)
        .map_err(|error| IndexError::engine(path, error.into()))?;
    let (schema, _) = schema();
    tantivy::Index::open_or_create(directory, schema)
        .map_err(|error| IndexError::engine(path, error))
}

/// Removes manifests that no commit names. Failure to do so harms nothing.
fn remove_leftovers(path: &Path, current: &str) {
    let Ok(entries) = fs_err::read_dir(documents_dir(path)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str() != Some(current) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

/// What the reading threads share.
struct Shared<'a> {
    path: &'a Path,
    fields: Fields,
    /// Readers add documents under the read lock, one file at a time; a commit takes the write
    /// lock, and so falls between files.
    writer: RwLock<tantivy::IndexWriter>,
    manifest: Mutex<(Manifest, Payload)>,
    /// Bytes of text added since the last commit.
    uncommitted: AtomicU64,
}

struct Outcome {
    files_read: usize,
    documents: u64,
    error: Option<IndexError>,
}

fn read_files(
    shared: &Shared<'_>,
    source: &dyn DocumentSource,
    files: &[&SourceFile],
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
    cancel: &(dyn Fn() -> bool + Sync),
) -> Outcome {
    let next = AtomicUsize::new(0);
    let files_read = AtomicUsize::new(0);
    let documents = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let error: Mutex<Option<IndexError>> = Mutex::new(None);
    let fail = |found: IndexError| {
        stop.store(true, Ordering::Relaxed);
        error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, files.len().max(1)) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && !cancel() {
                    let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    match shared.add_file(source, file) {
                        Ok(added) => documents.fetch_add(added, Ordering::Relaxed),
                        Err(found) => return fail(found),
                    };
                    progress(Progress {
                        files: files.len(),
                        files_read: files_read.fetch_add(1, Ordering::Relaxed) + 1,
                        documents: documents.load(Ordering::Relaxed),
                        committing: false,
                    });
                    if shared.uncommitted.load(Ordering::Relaxed) >= COMMIT_BYTES
                        && let Err(found) = shared.commit()
                    {
                        return fail(found);
                    }
                }
            });
        }
    });
    Outcome {
        files_read: files_read.into_inner(),
        documents: documents.into_inner(),
        error: error.into_inner().unwrap_or_else(PoisonError::into_inner),
    }
}

impl Shared<'_> {
    /// Replaces what the store has of `file`; returns the number of documents added.
    fn add_file(&self, source: &dyn DocumentSource, file: &SourceFile) -> Result<u64, IndexError> {
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        writer.delete_term(tantivy::Term::from_field_text(self.fields.source, &file.path));
        let mut entry = ManifestEntry {
            path: file.path.clone(),
            stamp: file.stamp.clone(),
            documents: Vec::new(),
            skipped: Vec::new(),
        };
        let mut failure = None;
        let skipped = source.read(file, &mut |document| {
            self.uncommitted.fetch_add(document.text.len() as u64, Ordering::Relaxed);
            match add_document(&writer, &self.fields, &file.path, &document) {
                Ok(n_passages) => {
                    let hash = document.content_hash()[..32].to_owned();
                    entry.documents.push((document.id.as_str().to_owned(), hash, n_passages));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failure {
            return Err(IndexError::engine(self.path, error));
        }
        // A file that changed under the reader has to be read again next time: its stamp is made
        // one that no file has.
        if skipped.iter().any(|skip| skip.kind == "changed") {
            entry.stamp = SourceStamp { size: u64::MAX, modified_ns: -1 };
        }
        entry.skipped = skipped;
        let added = entry.documents.len() as u64;
        let mut state = self.manifest.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.insert(file.path.clone(), entry);
        Ok(added)
    }

    fn commit(&self) -> Result<(), IndexError> {
        let engine = |error| IndexError::engine(self.path, error);
        let mut writer = self.writer.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.manifest.lock().unwrap_or_else(PoisonError::into_inner);
        let (manifest, payload) = &mut *state;
        let mut prepared = writer.prepare_commit().map_err(engine)?;
        let documents = || manifest.values().flat_map(|entry| &entry.documents);
        let next = Payload {
            manifest: format!("manifest-{}.jsonl", prepared.opstamp()),
            snapshot: snapshot_id(manifest),
            n_documents: documents().count() as u64,
            n_passages: documents().map(|(_, _, n)| u64::from(*n)).sum(),
        };
        write_manifest(self.path, &next.manifest, manifest)?;
        let text = serde_json::to_string(&next)
            .map_err(|error| IndexError::io(self.path, std::io::Error::other(error)))?;
        prepared.set_payload(&text);
        prepared.commit().map_err(engine)?;
        self.uncommitted.store(0, Ordering::Relaxed);
        let old = std::mem::replace(payload, next);
        // The manifest of the commit before stays until the next writer: a reader that opened the
        // store a moment ago may still want it.
        tracing::debug!(old = old.manifest, new = payload.manifest, "committed");
        Ok(())
    }
}

/// Adds the entries of `document`; returns the number of its passages.
fn add_document(
    writer: &tantivy::IndexWriter,
    fields: &Fields,
    source: &str,
    document: &Document,
) -> tantivy::Result<u32> {
    let mut entry = TantivyDocument::default();
    entry.add_text(fields.id, document.id.as_str());
    entry.add_text(fields.source, source);
    for key in title_keys(&document.title) {
        entry.add_text(fields.title_key, key);
    }
    let record = serde_json::to_vec(document).map_err(std::io::Error::other)?;
    entry.add_bytes(fields.record, &record);
    writer.add_document(entry)?;

    let title = analyze(&document.title);
    let schema = writer.index().schema();
    let number = |name: &str| schema.get_field(name);
    let (ordinal, start, end, title_terms, body_terms) = (
        number(ORDINAL)?,
        number(START)?,
        number(END)?,
        number(TITLE_TERMS)?,
        number(BODY_TERMS)?,
    );
    let mut passages = split(&document.text);
    if passages.is_empty() && !title.is_empty() {
        // A document with nothing but a title can still be found by it.
        passages.push(0..0);
    }
    for (at, range) in passages.iter().enumerate() {
        let body = analyze(&document.text[range.clone()]);
        let mut entry = TantivyDocument::default();
        entry.add_text(fields.document, document.id.as_str());
        entry.add_text(fields.source, source);
        entry.add_u64(ordinal, at as u64);
        entry.add_u64(start, range.start as u64);
        entry.add_u64(end, range.end as u64);
        entry.add_u64(title_terms, title.len() as u64);
        entry.add_u64(body_terms, body.len() as u64);
        entry.add_pre_tokenized_text(fields.title, pre_tokenized(&title));
        entry.add_pre_tokenized_text(fields.body, pre_tokenized(&body));
        writer.add_document(entry)?;
    }
    Ok(u32::try_from(passages.len()).unwrap_or(u32::MAX))
}

fn pre_tokenized(terms: &[Term]) -> PreTokenizedString {
    let tokens = terms
        .iter()
        .enumerate()
        .map(|(position, term)| Token {
            offset_from: term.range.start,
            offset_to: term.range.end,
            position,
            text: term.text.clone(),
            position_length: 1,
        })
        .collect();
    PreTokenizedString { text: String::new(), tokens }
}

/// Documents held in memory, each as a file of its own: for tests and for records that do not come
/// from files.
pub struct MemorySource {
    documents: BTreeMap<String, Document>,
}

impl MemorySource {
    /// A source of `documents`; of several with one id the last stays.
    pub fn new(documents: impl IntoIterator<Item = Document>) -> Self {
        let documents =
            documents.into_iter().map(|d| (d.id.as_str().to_owned(), d)).collect();
        Self { documents }
    }
}

impl DocumentSource for MemorySource {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        let files = self
            .documents
            .iter()
            .map(|(path, document)| SourceFile {
                path: path.clone(),
                // There is no clock to go by: the stamp is taken from the content.
                stamp: SourceStamp {
                    size: document.text.len() as u64,
                    modified_ns: i128::from_str_radix(&document.content_hash()[..30], 16)
                        .unwrap_or(0),
                },
            })
            .collect();
        Ok((files, Vec::new()))
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        if let Some(document) = self.documents.get(&file.path) {
            let _ = each(document.clone());
        }
        Vec::new()
    }
}
