//! Writing documents into the index, from several threads, and committing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use sleuth_records::{Document, SourceFile, SourceStamp};
use tantivy::directory::error::LockError;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{TantivyDocument, TantivyError};

use super::opening::{Known, when_free};
use super::state::{State, all_owners, orphaned};
use super::{DocumentSource, SyncOptions};
use crate::layout::{Fields, Payload, remove_manifests, schema, snapshot_id, write_manifest};
use crate::mentions::title_keys;
use crate::splitter::passages_of;
use crate::{IndexError, Term, analyze};

/// Terms of a title that are indexed, with every passage of its document: those of a title that is
/// a whole text would fill the index.
const MAX_TITLE_TERMS: usize = 256;

/// Passages of a document up to which all its entries are made before the first is handed over.
const MOST_HELD: u32 = 1000;

/// Share of deleted entries in a segment from which on it is written anew.
const MOST_DELETED: f32 = 0.3;

/// What the reading threads share.
pub(crate) struct Shared<'a> {
    path: &'a Path,
    fields: Fields,
    commit_bytes: u64,
    /// Paths of the source's files, which have the first right to ids; `None` where the source is
    /// all that the store is to hold.
    added: Option<BTreeSet<String>>,
    /// See [`SyncOptions::again`].
    again: bool,
    /// Readers add documents under the read lock, one file at a time; a commit takes the write
    /// lock, and so falls between files.
    writer: RwLock<tantivy::IndexWriter>,
    /// Taken after `writer` where both are.
    state: Mutex<State>,
    /// Bytes of text added since the last commit.
    uncommitted: AtomicU64,
}

impl<'a> Shared<'a> {
    /// Begins to write; about `bytes` of `files` are going to be read.
    pub(crate) fn open(
        path: &'a Path,
        index: &tantivy::Index,
        known: Known,
        bytes: u64,
        files: &[SourceFile],
        options: &SyncOptions,
    ) -> Result<Self, IndexError> {
        let engine = |error| IndexError::engine(path, error);
        // One indexing thread for little text: its single segment is the fastest to search.
        let threads = if bytes < 64 << 20 { 1 } else { options.threads.clamp(1, 8) };
        let memory = (options.memory / threads).max(16 << 20) * threads;
        // The library has a lock of its own.
        let is_busy = |error: &TantivyError| {
            matches!(error, TantivyError::LockFailure(LockError::LockBusy, _))
        };
        let writer = when_free(is_busy, || index.writer_with_num_threads(threads, memory));
        let writer = writer.map_err(engine)?;
        let mut merging = LogMergePolicy::default();
        merging.set_del_docs_ratio_before_merge(MOST_DELETED);
        writer.set_merge_policy(Box::new(merging));
        // Files of a killed writer would meet new ones of the same name.
        writer.garbage_collect_files().wait().map_err(engine)?;
        let Known { payload, manifest } = known;
        let owners = all_owners(&manifest);
        let added: Option<BTreeSet<String>> =
            (!options.remove_missing).then(|| files.iter().map(|file| file.path.clone()).collect());
        let former = match added {
            Some(_) => manifest.values().flat_map(|entry| entry.kept.iter().cloned()).collect(),
            None => HashSet::new(),
        };
        Ok(Self {
            path,
            fields: schema().1,
            commit_bytes: options.commit_bytes,
            added,
            again: options.again,
            writer: RwLock::new(writer),
            state: Mutex::new(State { manifest, owners, payload, former, unmet: HashMap::new() }),
            uncommitted: AtomicU64::new(0),
        })
    }

    fn into_parts(self) -> (tantivy::IndexWriter, State) {
        (
            self.writer.into_inner().unwrap_or_else(PoisonError::into_inner),
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Commits, and waits until the library is done; returns what the store holds now.
    pub(crate) fn finish(self) -> Result<Known, IndexError> {
        if let Err(error) = self.commit() {
            self.abandon();
            return Err(error);
        }
        let path = self.path;
        let (writer, State { manifest, payload, .. }) = self.into_parts();
        writer.wait_merging_threads().map_err(|error| IndexError::engine(path, error))?;
        Ok(Known { payload, manifest })
    }

    /// Gives up what is not committed, and its room on the disk, as far as that is possible.
    pub(super) fn abandon(self) {
        let path = self.path;
        let (mut writer, state) = self.into_parts();
        let _ = writer.rollback();
        let _ = writer.garbage_collect_files().wait();
        remove_manifests(path, &[&state.payload.manifest]);
    }

    /// See [`orphaned`].
    pub(super) fn orphaned<'f>(&self, files: &'f [SourceFile]) -> Vec<&'f SourceFile> {
        let state = self.state();
        orphaned(&state.manifest, &state.owners, files)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what the store has of the file at `path`.
    pub(super) fn remove_file(&self, path: &str) {
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        writer.delete_term(tantivy::Term::from_field_text(self.fields.source, path));
        self.state().forget(path);
    }

    /// Removes the documents `ids`, and notes at their files that they are to stay away.
    pub(crate) fn remove_documents(&self, ids: &BTreeSet<&str>) {
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            self.delete(&writer, id);
        }
        self.state().strike(ids);
    }

    /// Deletes the entries of the document `id` and of its passages.
    fn delete(&self, writer: &tantivy::IndexWriter, id: &str) {
        for field in [self.fields.id, self.fields.document] {
            writer.delete_term(tantivy::Term::from_field_text(field, id));
        }
    }

    /// Replaces what the store has of `file`, or, where the file is added, its documents by id; returns the number of documents added, or `None` when
    /// `each`, which is told of every document, stopped the reading: then the store has nothing of
    /// the file.
    pub(super) fn add_file(
        &self,
        source: &dyn DocumentSource,
        file: &SourceFile,
        each: &dyn Fn() -> ControlFlow<()>,
    ) -> Result<Option<u64>, IndexError> {
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        // From here on the state holds a part of the file; no commit can see it.
        let begun = self.state().begin(file, self.added.is_some());
        let is_known = begun.is_some();
        if is_known && self.added.is_none() {
            writer.delete_term(tantivy::Term::from_field_text(self.fields.source, &file.path));
        }
        let removed = match begun {
            Some(known) if known.stamp == file.stamp && !self.again => known.removed,
            _ => Vec::new(),
        };
        let is_removed: HashSet<&str> = removed.iter().map(String::as_str).collect();
        let (mut added, mut failure, mut stopped) = (0, None, false);
        let skipped = source.read(file, &mut |document| {
            if is_removed.contains(document.id.as_str()) {
                return ControlFlow::Continue(());
            }
            match self.add_document(&writer, &file.path, &document) {
                Ok(is_new) => added += u64::from(is_new),
                Err(error) => {
                    failure = Some(error);
                    return ControlFlow::Break(());
                }
            }
            // What is already in the store is not given up for a part of its successor.
            stopped = each().is_break() && !is_known;
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(error) = failure {
            return Err(IndexError::engine(self.path, error));
        }
        if stopped {
            writer.delete_term(tantivy::Term::from_field_text(self.fields.source, &file.path));
            self.state().forget(&file.path);
            return Ok(None);
        }
        let mut state = self.state();
        if let Some(entry) = state.manifest.get_mut(&file.path) {
            // A file that changed under the reader has to be read again next time: its stamp is
            // made one that no file has.
            if skipped.iter().any(|skip| skip.kind == "changed") {
                entry.stamp = SourceStamp { size: u64::MAX, modified_ns: -1, changed_ns: None };
            }
            entry.skipped.extend(skipped);
        }
        state.end(&file.path, removed);
        Ok(Some(added))
    }

    /// Adds `document` of the file at `path`, unless another document has its id by right; says
    /// whether it did.
    fn add_document(
        &self,
        writer: &tantivy::IndexWriter,
        path: &str,
        document: &Document,
    ) -> tantivy::Result<bool> {
        let id = document.id.as_str();
        let (entries, n_passages) = entries_of(&self.fields, path, document)?;
        // The terms of a long document take many times its room: they are made one passage at a
        // time, at the price that other threads wait.
        let entries: Box<dyn Iterator<Item = TantivyDocument>> = if n_passages <= MOST_HELD {
            Box::new(entries.collect::<Vec<_>>().into_iter())
        } else {
            Box::new(entries)
        };
        let hash = document.content_hash()[..32].to_owned();
        // The lock is held until all is handed over, lest a thread that takes the id over should
        // remove entries that are not there yet.
        let mut state = self.state();
        if let Some(owner) = state.owners.get(id).cloned() {
            let is_former = state.former.remove(id);
            let is_of_source = self.added.as_ref().is_none_or(|files| files.contains(&*owner));
            if *owner <= *path && is_of_source && !is_former {
                state.pass_over(path, document, &owner);
                return Ok(false);
            }
            self.delete(writer, id);
            if is_former {
                state.drop_former(&owner, id);
            } else {
                state.hand_over(&owner, id, path);
            }
        }
        state.owners.insert(id.to_owned(), path.into());
        if let Some(entry) = state.manifest.get_mut(path) {
            entry.documents.push((id.to_owned(), hash, n_passages));
        }
        for entry in entries {
            writer.add_document(entry)?;
        }
        drop(state);
        self.uncommitted.fetch_add(document.text.len() as u64, Ordering::Relaxed);
        Ok(true)
    }

    /// Commits if enough has come together.
    pub(super) fn commit_if_due(&self) -> Result<(), IndexError> {
        let is_due = || self.uncommitted.load(Ordering::Relaxed) >= self.commit_bytes;
        if !is_due() {
            return Ok(());
        }
        let writer = self.writer.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have done it while this one waited for the lock.
        if is_due() { self.commit_with(writer) } else { Ok(()) }
    }

    pub(super) fn commit(&self) -> Result<(), IndexError> {
        self.commit_with(self.writer.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn commit_with(
        &self,
        mut writer: std::sync::RwLockWriteGuard<'_, tantivy::IndexWriter>,
    ) -> Result<(), IndexError> {
        let engine = |error| IndexError::engine(self.path, error);
        let mut state = self.state();
        let State { manifest, payload, .. } = &mut *state;
        let mut prepared = writer.prepare_commit().map_err(engine)?;
        let documents = || manifest.values().flat_map(|entry| &entry.documents);
        let name = payload.next_manifest();
        let next = Payload {
            manifest_digest: write_manifest(self.path, &name, manifest)?,
            manifest: name,
            snapshot: snapshot_id(manifest),
            n_files: manifest.len() as u64,
            n_documents: documents().count() as u64,
            n_passages: documents().map(|(_, _, n)| u64::from(*n)).sum(),
        };
        let text = serde_json::to_string(&next)
            .map_err(|error| IndexError::io(self.path, std::io::Error::other(error)))?;
        prepared.set_payload(&text);
        prepared.commit().map_err(engine)?;
        self.uncommitted.store(0, Ordering::Relaxed);
        let old = std::mem::replace(payload, next);
        // The manifest of the commit before stays for a reader that has just read its name.
        remove_manifests(self.path, &[&old.manifest, &payload.manifest]);
        tracing::debug!(manifest = payload.manifest, "committed");
        Ok(())
    }

    /// A better name for `error`, if there is one: the index library says only that a thread of
    /// its has died, and tells of what when the thread is asked for.
    pub(super) fn cause_of(&self, error: IndexError) -> IndexError {
        let in_thread = matches!(
            &error,
            IndexError::Engine { source, .. } if matches!(**source, TantivyError::ErrorInThread(_))
        );
        if !in_thread {
            return error;
        }
        let mut writer = self.writer.write().unwrap_or_else(PoisonError::into_inner);
        match writer.prepare_commit() {
            Err(cause) => IndexError::engine(self.path, cause),
            Ok(_) => error,
        }
    }
}

/// The index entries of `document` of the file at `source`, and the number of its passages.
fn entries_of<'a>(
    fields: &'a Fields,
    source: &'a str,
    document: &'a Document,
) -> tantivy::Result<(impl Iterator<Item = TantivyDocument> + 'a, u32)> {
    let mut first = TantivyDocument::default();
    first.add_text(fields.id, document.id.as_str());
    first.add_text(fields.source, source);
    for key in title_keys(&document.title) {
        first.add_text(fields.title_key, key);
    }
    let record = serde_json::to_vec(document).map_err(std::io::Error::other)?;
    first.add_bytes(fields.record, &record);

    let mut title = analyze(&document.title);
    title.truncate(MAX_TITLE_TERMS);
    let passages = passages_of(document);
    let n_passages = u32::try_from(passages.len()).unwrap_or(u32::MAX);
    let rest = passages.into_iter().enumerate().map(move |(at, range)| {
        let body = analyze(&document.text[range.clone()]);
        let mut entry = TantivyDocument::default();
        entry.add_text(fields.document, document.id.as_str());
        entry.add_text(fields.source, source);
        entry.add_u64(fields.ordinal, at as u64);
        entry.add_u64(fields.start, range.start as u64);
        entry.add_u64(fields.end, range.end as u64);
        entry.add_u64(fields.title_terms, title.len() as u64);
        entry.add_u64(fields.body_terms, body.len() as u64);
        entry.add_pre_tokenized_text(fields.title, pre_tokenized(&title));
        entry.add_pre_tokenized_text(fields.body, pre_tokenized(&body));
        entry
    });
    Ok((std::iter::once(first).chain(rest), n_passages))
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
