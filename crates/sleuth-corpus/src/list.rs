//! Finding the files of a root by names and metadata.
//!
//! The real folders are walked first and symbolic links after them, in the order of their paths,
//! so that a document has its own path as id and not that of some link to it. Every real folder is
//! entered once: links that form loops, or all lead into each other, cost nothing.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use sleuth_records::{Skipped, SourceFile};

use crate::corpus::{CorpusError, Limits, Listing};
use crate::kind::{self, Kind, Verdict};
use crate::source;

/// Folders of version control, builds and package managers.
const PASSED_OVER: &[&str] =
    &["CVS", "__MACOSX", "__pycache__", "bower_components", "node_modules", "target", "venv"];

/// The corpus file of the BEIR layout.
const BEIR: &[&str] = &["corpus.jsonl", "corpus.jsonl.zst"];

/// Whether the file at `path` is the corpus of a root in BEIR layout.
pub(crate) fn is_beir_corpus(path: &str) -> bool {
    BEIR.contains(&path)
}

/// Lists `base`, or the file `only` in it.
pub(crate) fn list(
    base: &Path,
    only: Option<&str>,
    limits: &Limits,
    reads_pdf: bool,
) -> Result<Listing, CorpusError> {
    let mut walk = Walk { reads_pdf, ..Walk::new(base, limits) };
    if let Some(name) = only {
        let path = base.join(name);
        let metadata = fs_err::metadata(&path).map_err(|e| CorpusError::from_io(&path, e))?;
        walk.file(name.to_owned(), &metadata);
    } else {
        walk.beir = BEIR.iter().copied().find(|name| {
            fs_err::metadata(base.join(name)).is_ok_and(|metadata| metadata.is_file())
        });
        walk.folder(base.to_owned(), String::new(), 0)
            .map_err(|error| CorpusError::from_io(base, error))?;
        walk.links();
    }
    let mut listing = walk.listing;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    listing.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

struct Walk<'a> {
    base: &'a Path,
    limits: &'a Limits,
    reads_pdf: bool,
    /// Name of the corpus file, in a root of BEIR layout.
    beir: Option<&'static str>,
    listing: Listing,
    /// Real folders entered.
    folders: HashSet<PathBuf>,
    /// Symbolic links met, by path below the root.
    links: Vec<(String, usize)>,
}

impl<'a> Walk<'a> {
    fn new(base: &'a Path, limits: &'a Limits) -> Self {
        Self {
            base,
            limits,
            reads_pdf: false,
            beir: None,
            listing: Listing::default(),
            folders: HashSet::new(),
            links: Vec::new(),
        }
    }

    fn skip(&mut self, path: String, kind: &str, reason: String) {
        self.listing.skipped.push(Skipped { path, kind: kind.to_owned(), reason });
    }

    /// Walks one folder and those below it, without recursion.
    fn folder(&mut self, real: PathBuf, name: String, depth: usize) -> io::Result<()> {
        let mut open = vec![(real, name, depth)];
        let mut first = true;
        while let Some((real, name, depth)) = open.pop() {
            if depth > self.limits.max_depth {
                let limit = self.limits.max_depth;
                let reason = format!("expected at most {limit} levels of folders, found more");
                self.skip(name, "unsupported", reason);
                continue;
            }
            let entries = match fs_err::read_dir(&real) {
                Ok(entries) => entries,
                Err(error) if first => return Err(error),
                Err(error) => {
                    let (kind, reason) = source::unreadable(&error);
                    self.skip(name, kind, reason);
                    continue;
                }
            };
            first = false;
            if !self.folders.insert(real.clone()) {
                continue;
            }
            for entry in entries {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        let (kind, reason) = source::unreadable(&error);
                        self.skip(name.clone(), kind, reason);
                        break;
                    }
                };
                let file_name = entry.file_name();
                let Some(part) = file_name.to_str() else {
                    let part = file_name.to_string_lossy();
                    let reason = "expected a file name in UTF-8, found other bytes".to_owned();
                    self.skip(join(&name, &part), "unreadable", reason);
                    continue;
                };
                if part.starts_with('.') {
                    continue;
                }
                let path = join(&name, part);
                let metadata = match entry.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) => {
                        let (kind, reason) = source::unreadable(&error);
                        self.skip(path, kind, reason);
                        continue;
                    }
                };
                if metadata.is_symlink() {
                    self.links.push((path, depth));
                } else if !metadata.is_dir() {
                    self.file(path, &metadata);
                } else if is_ours(&entry.path()) {
                    let reason = "expected documents, found a store or a run of sleuth".to_owned();
                    self.skip(path, "unsupported", reason);
                } else if !PASSED_OVER.contains(&part) {
                    open.push((entry.path(), path, depth + 1));
                }
            }
        }
        Ok(())
    }

    /// Follows the links that were met; those met behind a link are followed in their turn.
    fn links(&mut self) {
        let mut listed: HashSet<PathBuf> =
            self.listing.files.iter().map(|file| self.base.join(&file.path)).collect();
        listed.extend(self.listing.skipped.iter().map(|skip| self.base.join(&skip.path)));
        while !self.links.is_empty() {
            let mut links = std::mem::take(&mut self.links);
            links.sort_unstable();
            for (path, depth) in links {
                self.link(path, depth, &mut listed);
            }
        }
    }

    fn link(&mut self, path: String, depth: usize, listed: &mut HashSet<PathBuf>) {
        let at = self.base.join(&path);
        // Not `fs_err`: its errors hide the code that tells a loop.
        let target = match at.canonicalize() {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let reason = "expected a file behind the link, found nothing".to_owned();
                return self.skip(path, "unreadable", reason);
            }
            Err(error) if is_loop(&error) => {
                let reason = "expected a file or folder, found a link that leads to itself";
                return self.skip(path, "symlink_loop", reason.to_owned());
            }
            Err(error) => {
                let (kind, reason) = source::unreadable(&error);
                return self.skip(path, kind, reason);
            }
        };
        if !target.starts_with(self.base) {
            let reason = "expected a link inside the root, found one that leads outside";
            return self.skip(path, "not_regular", reason.to_owned());
        }
        let metadata = match fs_err::metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) => {
                let (kind, reason) = source::unreadable(&error);
                return self.skip(path, kind, reason);
            }
        };
        if metadata.is_dir() {
            let parent = at.parent().and_then(|parent| fs_err::canonicalize(parent).ok());
            if parent.is_some_and(|parent| parent.starts_with(&target)) {
                let reason = "expected a folder, found a link to a folder that holds it";
                self.skip(path, "symlink_loop", reason.to_owned());
            } else if !self.folders.contains(&target) {
                let reread = self.folder(target, path.clone(), depth + 1);
                if let Err(error) = reread {
                    let (kind, reason) = source::unreadable(&error);
                    self.skip(path, kind, reason);
                }
            }
        } else if listed.insert(target) {
            self.file(path, &metadata);
        }
    }

    /// Sorts one file that is not a link into those to read and those to skip.
    fn file(&mut self, path: String, metadata: &Metadata) {
        if !metadata.is_file() {
            let found = source::describe(metadata.file_type());
            return self.skip(
                path,
                "not_regular",
                format!("expected a regular file, found {found}"),
            );
        }
        if let Some(corpus) = self.beir
            && path != corpus
        {
            let reason =
                format!("expected only documents of `{corpus}`, found a file beside a BEIR corpus");
            return self.skip(path, "unsupported", reason);
        }
        let stamp = source::stamp(metadata);
        let kind = match kind::by_name(&path) {
            Verdict::Read(kind) => kind,
            Verdict::Skip(kind, reason) => return self.skip(path, kind, reason),
        };
        if kind == Kind::Pdf && !self.reads_pdf {
            let (kind, reason) = crate::corpus::no_pdf_reader();
            return self.skip(path, kind, reason);
        }
        let limit = self.limits.of_file(kind);
        if stamp.size == 0 {
            self.skip(path, "empty", "expected text, found an empty file".to_owned());
        } else if stamp.size > limit && kind != Kind::Jsonl {
            let (kind, reason) = source::too_large(stamp.size, limit, false);
            self.skip(path, kind, reason);
        } else {
            self.listing.files.push(SourceFile { path, stamp });
        }
    }
}

/// Whether a folder is a store or the record of a run. Both hold the documents once more: read as
/// documents, they would grow with every question.
fn is_ours(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    (has("store.toml") && has("lexical")) || (has("log.jsonl") && has("calls.jsonl"))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

#[cfg(not(unix))]
fn is_loop(_: &io::Error) -> bool {
    false
}
