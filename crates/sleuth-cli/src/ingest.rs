//! From files to a store: the corpus as a source of documents.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sleuth_corpus::{Corpus, CorpusError, Limits, PdfReader};
use sleuth_index::{DocumentSource, SourceError};
use sleuth_records::{Document, DocumentId, Skipped, SourceFile};

/// A folder or file of documents, as [`sleuth_index::sync`] reads it.
pub struct CorpusSource(Corpus);

impl CorpusSource {
    /// Opens `root` with the default limits.
    ///
    /// # Errors
    /// When nothing readable is there.
    pub fn open(root: &Path) -> Result<Self, CorpusError> {
        open(root).map(Self)
    }
}

/// The hidden command of this program that reads PDFs off its standard input.
pub const READ_PDF: &str = "read-pdf";

/// Opens `root` with the default limits. PDFs are read by this program itself, started again: it is
/// expected to know the command [`READ_PDF`].
fn open(root: &Path) -> Result<Corpus, CorpusError> {
    let corpus = Corpus::open(root, Limits::default())?;
    Ok(match std::env::current_exe() {
        Ok(program) => {
            corpus.with_pdf_reader(PdfReader { program, arguments: vec![READ_PDF.to_owned()] })
        }
        Err(_) => corpus,
    })
}

/// Carries out [`READ_PDF`].
///
/// # Errors
/// When a limit cannot be set, or one of the streams breaks in the middle of a file.
pub fn read_pdf() -> std::io::Result<()> {
    sleuth_corpus::serve_pdf(&mut std::io::stdin().lock(), &mut std::io::stdout().lock())
}

impl DocumentSource for CorpusSource {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        let listing = self.0.list()?;
        Ok((listing.files, listing.skipped))
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        self.0.read(file, each).skipped
    }
}

/// Several folders or files as one source: names of documents and files start with the name of
/// their root. One root alone leaves the names as the corpus gives them.
pub(crate) struct Roots {
    roots: Vec<Root>,
    files: Vec<SourceFile>,
    skipped: Vec<Skipped>,
}

struct Root {
    /// What stands in front of names: the root's name and a slash, or nothing.
    prefix: String,
    /// What stands in front of the ids of records, which do not begin with the name of their file.
    record_prefix: String,
    corpus: Corpus,
    /// Paths of its files as it names them: what links can lead to.
    files: HashSet<String>,
}

/// Why several paths cannot be read together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error("two of the paths are called `{name}`, so that ids would not be unique")]
    SameName { name: String },
    #[error("`{}` and `{}` are the same place", one.display(), other.display())]
    SamePlace { one: PathBuf, other: PathBuf },
}

impl Roots {
    /// Opens and lists `paths`.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, RootsError> {
        let mut all = Self { roots: Vec::new(), files: Vec::new(), skipped: Vec::new() };
        let mut names: HashMap<String, &Path> = HashMap::new();
        for path in paths {
            let corpus = open(path)?;
            let listing = corpus.list()?;
            let name = root_name(path);
            let of_root = if paths.len() > 1 { format!("{name}/") } else { String::new() };
            // The path of a root that is a file is its name already.
            let prefix = if path.is_dir() { of_root.clone() } else { String::new() };
            if let Some(other) = names.insert(name.clone(), path) {
                let real = |path: &Path| fs_err::canonicalize(path).ok();
                return Err(if real(path) == real(other) {
                    RootsError::SamePlace { one: other.to_owned(), other: path.clone() }
                } else {
                    RootsError::SameName { name }
                });
            }
            let files = listing.files.iter().map(|file| file.path.clone()).collect();
            all.files.extend(
                listing
                    .files
                    .into_iter()
                    .map(|file| SourceFile { path: format!("{prefix}{}", file.path), ..file }),
            );
            all.skipped.extend(with_prefix(&prefix, listing.skipped));
            all.roots.push(Root { prefix, record_prefix: of_root, corpus, files });
        }
        Ok(all)
    }

    /// The files that will be read.
    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// What will not be read.
    pub(crate) fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl DocumentSource for Roots {
    fn list(&self) -> Result<(Vec<SourceFile>, Vec<Skipped>), SourceError> {
        Ok((self.files.clone(), self.skipped.clone()))
    }

    fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Vec<Skipped> {
        let of_root = |root: &&Root| {
            let path = file.path.strip_prefix(root.prefix.as_str());
            path.is_some_and(|path| root.files.contains(path))
        };
        let Some(root) = self.roots.iter().find(of_root) else { return Vec::new() };
        let prefix = root.prefix.as_str();
        let own =
            SourceFile { path: file.path[prefix.len()..].to_owned(), stamp: file.stamp.clone() };
        let report = root.corpus.read(&own, &mut |mut document| {
            if !root.record_prefix.is_empty() {
                let whole = document.id.as_str() == own.path;
                let before = if whole { prefix } else { &root.record_prefix };
                document.id = DocumentId::new(format!("{before}{}", document.id));
                for link in &mut document.links {
                    if root.files.contains(&link.target) {
                        link.target.insert_str(0, prefix);
                    }
                }
            }
            each(document)
        });
        with_prefix(prefix, report.skipped).collect()
    }
}

fn with_prefix(prefix: &str, skipped: Vec<Skipped>) -> impl Iterator<Item = Skipped> {
    skipped.into_iter().map(move |skip| Skipped { path: format!("{prefix}{}", skip.path), ..skip })
}

/// The last part of `path`, also where it is `.` or a link.
pub(crate) fn root_name(path: &Path) -> String {
    let real = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let given = path.file_name().or_else(|| real.file_name());
    given.map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned())
}
