//! Making a store agree with its sources.
//!
//! Only files whose stamp differs from the manifest are read. Several threads read and cut
//! documents into passages, while the index library writes; each file is added whole between two
//! commits, so that a commit never holds half a file. A commit happens whenever enough text has
//! come together, and at the end: that is what a kill cannot take away, and the next run goes on
//! from there.
//!
//! An id belongs to one document. Where several documents have the same, the one in the file whose
//! path sorts first has it, within a file the first; the others are passed over as `duplicate`. The
//! manifest remembers them, and when the owner goes, their files are read again, so that what the
//! store holds depends on the files alone and not on the order in which they came.
//!
//! That is so for a source that is the whole of the store. Where one is *added* to a store
//! (`remove_missing` is off), its documents replace those of the same ids, wherever these came
//! from, and nothing else goes: not even what a file held when it was added before. The manifest
//! marks such files, and the next sync with `remove_missing` reads them again.
//!
//! Documents that were removed by id ([`crate::remove_documents`]) stay away as long as their file
//! is the same: the manifest remembers their ids until the stamp of the file differs, or all files
//! are to be read `again`.

mod opening;
mod source;
mod state;
mod writer;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sleuth_records::{Skipped, SourceFile};

use crate::IndexError;
use crate::layout::{ManifestEntry, StoreFile};
pub(crate) use opening::{Known, lock, lock_as, open_index, remove_leftovers};
use opening::{occupied, open_or_create};
pub use source::{DocumentSource, MemorySource, SourceError};
use state::{orphaned, owners};
pub(crate) use writer::Shared;

/// Documents of one file between two reports of progress.
const PROGRESS_EVERY: u64 = 256;

/// How a store is made.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// Name of a new store; an existing one keeps its own.
    pub name: String,
    /// Threads that read.
    pub threads: usize,
    /// Memory for postings that are not yet written, in bytes.
    pub memory: usize,
    /// Bytes of text after which a commit is made: what a kill can take away at most, apart from
    /// the files being read at that moment. Each commit waits for the disk and makes a segment.
    pub commit_bytes: u64,
    /// Whether the source is all that the store is to hold: documents that it does not have are
    /// removed. Otherwise its documents are added, in place of those with the same ids.
    pub remove_missing: bool,
    /// Whether files are read that did not change, too, and documents come back that were removed
    /// by id.
    pub again: bool,
}

impl Default for SyncOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
        Self {
            name: "store".to_owned(),
            threads,
            memory: 128 << 20,
            commit_bytes: 192 << 20,
            remove_missing: true,
            again: false,
        }
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
    /// Everything passed over in the source, also in files that were not read again.
    pub skipped: Vec<Skipped>,
    /// Documents in the store now.
    pub n_documents: u64,
    /// Snapshot id now.
    pub snapshot: String,
}

/// Makes the store at `path` hold exactly the documents of `source`, or, without `remove_missing`,
/// at least those. A store is made where none is. Documents that were removed by id come back only
/// when their file changed.
///
/// `progress` is called from the reading threads. `cancel` is asked between files, and within files
/// that are new to the store; when it says yes, what was read so far is committed.
///
/// # Errors
/// When the store cannot be written, another process is writing it, or the source cannot be listed.
/// [`IndexError::Cancelled`] comes after a commit, and only when something is left to do. A store
/// that already agrees with `source` is not written, and may be read-only or busy.
pub fn sync(
    path: &Path,
    source: &dyn DocumentSource,
    options: &SyncOptions,
    progress: &(dyn Fn(Progress) + Sync),
    cancel: &(dyn Fn() -> bool + Sync),
) -> Result<SyncReport, IndexError> {
    let exists = match StoreFile::read(path) {
        Ok(_) => true,
        Err(IndexError::Missing { .. }) => false,
        Err(error) => return Err(occupied(error)),
    };
    let (files, skipped) = source.list().map_err(|error| IndexError::Source(error.to_string()))?;
    let mut report = SyncReport { skipped, ..SyncReport::default() };
    if exists {
        let known = Known::read(path, &open_index(path)?)?;
        let plan = Plan::new(&known, &files, options);
        if plan.is_empty() {
            report.files_unchanged = plan.n_unchanged;
            return Ok(report.of(&known, &files));
        }
    }
    // The lock comes before everything that is written, and what was read before it is read again:
    // another process may have written in between.
    let _lock = lock(path)?;
    let index = open_or_create(path, &options.name)?;
    let known = Known::read(path, &index)?;
    let plan = Plan::new(&known, &files, options);
    report.files_unchanged = plan.n_unchanged;
    report.files_removed = plan.to_remove.len();
    if plan.is_empty() {
        return Ok(report.of(&known, &files));
    }
    remove_leftovers(path, &known.payload);
    let bytes = plan.to_read.iter().map(|file| file.stamp.size).sum();
    let shared = Shared::open(path, &index, known, bytes, &files, options)?;
    for gone in &plan.to_remove {
        shared.remove_file(gone);
    }
    let reading = Reading { shared: &shared, source, options, progress, cancel };
    let mut outcome = reading.read(&plan.to_read);
    if outcome.is_whole() {
        // Files that were read, now or once, before the owner of one of their ids went.
        let again = reading.read(&shared.orphaned(&files));
        outcome = Outcome {
            files_read: outcome.files_read + again.files_read,
            documents: outcome.documents + again.documents,
            ..again
        };
    }
    if let Some(error) = outcome.error {
        let error = shared.cause_of(error);
        shared.abandon();
        return Err(error);
    }
    report.files_read = outcome.files_read;
    report.documents_added = outcome.documents;
    progress(Progress {
        files: plan.to_read.len(),
        files_read: outcome.files_read,
        documents: outcome.documents,
        committing: true,
    });
    let now = shared.finish()?;
    if outcome.cancelled {
        return Err(IndexError::Cancelled);
    }
    Ok(report.of(&now, &files))
}

impl SyncReport {
    /// Completed with what the store holds now.
    fn of(mut self, now: &Known, files: &[SourceFile]) -> Self {
        let listed: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let of_source = now.manifest.values().filter(|entry| listed.contains(&*entry.path));
        self.skipped.extend(of_source.flat_map(|entry| entry.skipped.iter().cloned()));
        self.n_documents = now.payload.n_documents;
        self.snapshot.clone_from(&now.payload.snapshot);
        self
    }
}

/// What has to be done to agree with the source.
struct Plan<'a> {
    to_read: Vec<&'a SourceFile>,
    to_remove: Vec<String>,
    n_unchanged: usize,
    /// Whether the store has no commit yet.
    is_new: bool,
}

impl<'a> Plan<'a> {
    fn new(known: &Known, files: &'a [SourceFile], options: &SyncOptions) -> Self {
        let listed: BTreeMap<&str, &SourceFile> =
            files.iter().map(|file| (file.path.as_str(), file)).collect();
        let has_changed = |file: &SourceFile, known: &ManifestEntry| {
            known.stamp != file.stamp || (options.remove_missing && !known.kept.is_empty())
        };
        // A source that was stopped may have left ids without owner.
        let orphaned: BTreeSet<&str> = orphaned(&known.manifest, &owners(&known.manifest), files)
            .into_iter()
            .map(|file| file.path.as_str())
            .collect();
        let to_read: Vec<&SourceFile> = listed
            .values()
            .filter(|file| {
                options.again
                    || orphaned.contains(file.path.as_str())
                    || known.manifest.get(&file.path).is_none_or(|known| has_changed(file, known))
            })
            .copied()
            .collect();
        let to_remove = known
            .manifest
            .keys()
            .filter(|path| options.remove_missing && !listed.contains_key(path.as_str()))
            .cloned()
            .collect();
        let n_unchanged = listed.len() - to_read.len();
        Self { to_read, to_remove, n_unchanged, is_new: known.payload.manifest.is_empty() }
    }

    fn is_empty(&self) -> bool {
        self.to_read.is_empty() && self.to_remove.is_empty() && !self.is_new
    }
}

/// A run of the reading threads.
struct Reading<'a> {
    shared: &'a Shared<'a>,
    source: &'a dyn DocumentSource,
    options: &'a SyncOptions,
    progress: &'a (dyn Fn(Progress) + Sync),
    cancel: &'a (dyn Fn() -> bool + Sync),
}

struct Outcome {
    files_read: usize,
    documents: u64,
    /// Whether something was left unread because the caller said so.
    cancelled: bool,
    error: Option<IndexError>,
}

impl Outcome {
    fn is_whole(&self) -> bool {
        !self.cancelled && self.error.is_none()
    }
}

impl Reading<'_> {
    fn read(&self, files: &[&SourceFile]) -> Outcome {
        let next = AtomicUsize::new(0);
        let files_read = AtomicUsize::new(0);
        let documents = AtomicU64::new(0);
        let added = AtomicU64::new(0);
        let (stop, cancelled) = (AtomicBool::new(false), AtomicBool::new(false));
        let error: Mutex<Option<IndexError>> = Mutex::new(None);
        let fail = |found: IndexError| {
            stop.store(true, Ordering::Relaxed);
            error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
        };
        let is_stopped = || {
            // The answer holds once it was yes, whatever is said later.
            let yes = stop.load(Ordering::Relaxed) || (self.cancel)();
            stop.fetch_or(yes, Ordering::Relaxed);
            yes
        };
        let report = || {
            (self.progress)(Progress {
                files: files.len(),
                files_read: files_read.load(Ordering::Relaxed),
                documents: documents.load(Ordering::Relaxed),
                committing: false,
            });
        };
        let each = || {
            let n_documents = documents.fetch_add(1, Ordering::Relaxed) + 1;
            if !n_documents.is_multiple_of(PROGRESS_EVERY) {
                return ControlFlow::Continue(());
            }
            report();
            if is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let work = || {
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                if is_stopped() {
                    return cancelled.store(true, Ordering::Relaxed);
                }
                match self.shared.add_file(self.source, file, &each) {
                    Ok(Some(n_added)) => added.fetch_add(n_added, Ordering::Relaxed),
                    Ok(None) => return cancelled.store(true, Ordering::Relaxed),
                    Err(found) => return fail(found),
                };
                files_read.fetch_add(1, Ordering::Relaxed);
                report();
                if let Err(found) = self.shared.commit_if_due() {
                    return fail(found);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.options.threads.clamp(1, files.len().max(1)) {
                scope.spawn(work);
            }
        });
        Outcome {
            files_read: files_read.into_inner(),
            documents: added.into_inner(),
            cancelled: cancelled.into_inner(),
            error: error.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
