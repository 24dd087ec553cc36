//! The face: open a root, list it, read its files.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sleuth_records::{Document, DocumentId, LineMap, Link, Signals, Skipped, SourceFile};

use crate::kind::{self, Kind, Verdict};
use crate::pdf::{PdfProcesses, PdfReader};
use crate::source::{self, Passed, Refusal};
use crate::{decode, docx, epub, html, jsonl, link, list, markdown, rst};

/// Bounds on what one file may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a file that becomes one document, after decompression; of a PDF, DOCX or EPUB,
    /// most bytes of its text.
    pub max_file_bytes: u64,
    /// Most bytes of a PDF, DOCX or EPUB, which hold pictures and fonts beside their text.
    pub max_packed_bytes: u64,
    /// Most bytes that the parts of a DOCX or EPUB that are read may decode to, together.
    pub max_unpacked_bytes: u64,
    /// Most seconds of processor time for one PDF; on the clock it may take twice as many.
    pub max_pdf_seconds: u64,
    /// Most bytes of memory of a process that reads PDFs, the file among them.
    pub max_pdf_memory: u64,
    /// Most bytes of one line of a JSON Lines file.
    pub max_record_bytes: usize,
    /// Most bytes that one compressed file may decode to. Whatever this says, a file that decodes
    /// to more than a thousand times its size is refused once it passes 16 MiB.
    pub max_decoded_bytes: u64,
    /// Most levels of folders below the root; deeper folders are skipped.
    pub max_depth: usize,
}

impl Default for Limits {
    /// 32 MiB a document file, 128 MiB a PDF, DOCX or EPUB and its parts, 60 s and 1 GiB of memory a
    /// PDF, 8 MiB a record, 8 GiB decoded, 64 levels of folders.
    fn default() -> Self {
        Self {
            max_file_bytes: 32 << 20,
            max_packed_bytes: 128 << 20,
            max_unpacked_bytes: 128 << 20,
            max_pdf_seconds: 60,
            max_pdf_memory: 1 << 30,
            max_record_bytes: 8 << 20,
            max_decoded_bytes: 8 << 30,
            max_depth: 64,
        }
    }
}

/// What a root holds, by names and metadata only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files that hold documents, sorted by path. Some may turn out on reading not to.
    pub files: Vec<SourceFile>,
    /// What will not be read, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// What came of reading one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The file, or records of it, that gave no document. At most a thousand records are named; a
    /// last entry counts the rest.
    pub skipped: Vec<Skipped>,
    /// Documents handed over.
    pub documents: usize,
}

/// A root that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// Nothing is there.
    #[error("no file or folder at `{}`", path.display())]
    Missing {
        /// The root as given.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("expected a folder or a regular file at `{}`, found {found}", path.display())]
    NotFolderOrFile {
        /// The root as given.
        path: PathBuf,
        /// What it is, in words.
        found: &'static str,
    },
    /// The operating system forbids it.
    #[error("no permission to read `{}`", path.display())]
    Permission {
        /// The root as given, or the folder that is closed.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Any other failure of the operating system.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The root as given.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl CorpusError {
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            Self::Missing { path }
        } else if source.kind() == io::ErrorKind::PermissionDenied {
            Self::Permission { path, source }
        } else {
            Self::Io { path, source }
        }
    }

    /// What the person could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { path } if path.is_relative() => {
                Some("the path is taken from the current folder; check its spelling".to_owned())
            }
            Self::Missing { .. } => Some("check the spelling of the path".to_owned()),
            Self::NotFolderOrFile { .. } => {
                Some("give a folder of documents, or one document file".to_owned())
            }
            Self::Permission { path, .. } => Some(format!(
                "give the current user the right to read it: `chmod -R u+rX {}`",
                path.display()
            )),
            Self::Io { .. } => None,
        }
    }
}

/// A root that can be listed and read.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// As the caller gave it.
    given: PathBuf,
    /// The folder that paths of files start from, without symbolic links.
    base: PathBuf,
    /// Name of the only file, when the root is a file.
    only: Option<String>,
    limits: Limits,
    /// Where PDFs are read; they are passed over where this is absent.
    pdf: Option<Arc<PdfProcesses>>,
}

impl Corpus {
    /// Opens a folder, or one file.
    ///
    /// # Errors
    /// When nothing is there, it is neither folder nor regular file, or it cannot be read.
    pub fn open(root: &Path, limits: Limits) -> Result<Self, CorpusError> {
        let fail = |source| CorpusError::from_io(root, source);
        let real = fs_err::canonicalize(root).map_err(fail)?;
        let metadata = fs_err::metadata(&real).map_err(fail)?;
        let given = root.to_owned();
        if metadata.is_dir() {
            fs_err::read_dir(&real).map_err(fail)?;
            return Ok(Self { given, base: real, only: None, limits, pdf: None });
        }
        if !metadata.is_file() {
            let found = source::describe(metadata.file_type());
            return Err(CorpusError::NotFolderOrFile { path: given, found });
        }
        let (Some(base), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(CorpusError::Missing { path: given });
        };
        // Opening for a moment tells now, not at the first read, that the file is closed to us.
        source::open_regular(&real).map_err(|error| match error {
            Passed::Io(error) => fail(error),
            Passed::NotRegular(found) => {
                CorpusError::NotFolderOrFile { path: given.clone(), found }
            }
        })?;
        let only = Some(name.to_string_lossy().into_owned());
        Ok(Self { given, base: base.to_owned(), only, limits, pdf: None })
    }

    /// Reads PDFs with `reader`, in processes of their own. Without this they are passed over as
    /// `pdf`.
    #[must_use]
    pub fn with_pdf_reader(mut self, reader: PdfReader) -> Self {
        self.pdf = Some(Arc::new(PdfProcesses::new(reader)));
        self
    }

    /// The root as it was given.
    pub fn root(&self) -> &Path {
        &self.given
    }

    /// Finds the files by names and metadata; opens none of them.
    ///
    /// Hidden entries and the folders of version control, builds and package managers are passed
    /// over silently. A symbolic link is followed where it stays inside the root. In a folder with
    /// a `corpus.jsonl` (BEIR layout) only that file holds documents.
    ///
    /// # Errors
    /// When the root itself has gone or cannot be read any more.
    pub fn list(&self) -> Result<Listing, CorpusError> {
        list::list(&self.base, self.only.as_deref(), &self.limits, self.pdf.is_some()).map_err(
            |error| match error {
                CorpusError::Missing { .. } => CorpusError::Missing { path: self.given.clone() },
                error @ (CorpusError::NotFolderOrFile { .. }
                | CorpusError::Permission { .. }
                | CorpusError::Io { .. }) => error,
            },
        )
    }

    /// Reads one file and calls `each` for every document, until it breaks.
    ///
    /// Never fails as a whole: what could not be read is in the report. A file that becomes one
    /// document is read again when it changed meanwhile, twice at most, then skipped as `changed`.
    /// A JSON Lines file is streamed: its records are handed over as they come, and a change
    /// meanwhile is reported after them. A file that changed between listing and reading is simply
    /// read; its next listing carries another stamp.
    pub fn read(
        &self,
        file: &SourceFile,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> ReadReport {
        let mut report = ReadReport::default();
        let skip = |kind: &str, reason: String| Skipped {
            path: file.path.clone(),
            kind: kind.to_owned(),
            reason,
        };
        let path = match source::resolve(&self.base, &file.path) {
            Ok(path) => path,
            Err((kind, reason)) => {
                report.skipped.push(skip(kind, reason));
                return report;
            }
        };
        let kind = match kind::by_name(&file.path) {
            Verdict::Read(kind) => kind,
            Verdict::Skip(kind, reason) => {
                report.skipped.push(skip(kind, reason));
                return report;
            }
        };
        if kind == Kind::Jsonl {
            let whole = self.only.is_some() || list::is_beir_corpus(&file.path);
            return jsonl::read(&path, &file.path, whole, &self.limits, each);
        }
        let limit = self.limits.of_file(kind);
        let read = source::read_stable(&path, &file.path, limit, &self.limits, &mut |_| ());
        match read.and_then(|bytes| self.parse(&file.path, kind, &bytes)) {
            Ok(mut parsed) => {
                report.documents = 1;
                for (part, (kind, reason)) in std::mem::take(&mut parsed.missing) {
                    let path = format!("{}:{part}", file.path);
                    report.skipped.push(Skipped { path, kind: kind.to_owned(), reason });
                }
                // Whether to go on is a matter of the next file: this one has no more.
                let _ = each(parsed.into_document(&file.path, &path));
            }
            Err((kind, reason)) => report.skipped.push(skip(kind, reason)),
        }
        report
    }

    fn parse(&self, name: &str, kind: Kind, bytes: &[u8]) -> Result<Parsed, Refusal> {
        if bytes.is_empty() {
            return Err(("empty", "expected text, found an empty file".to_owned()));
        }
        let kind = match kind {
            Kind::Unknown => kind::sniff(bytes)?,
            Kind::Pdf | Kind::Docx | Kind::Epub => kind,
            Kind::Markdown | Kind::Text | Kind::Rst | Kind::Html | Kind::Jsonl => {
                kind::refuse_binary(bytes)?;
                kind
            }
        };
        let parsed = match kind {
            Kind::Pdf => self.pdf(bytes)?,
            Kind::Docx => docx::parse(name, bytes, self.limits.max_unpacked_bytes)?,
            Kind::Epub => epub::parse(bytes, self.limits.max_unpacked_bytes)?,
            Kind::Html => {
                html::parse(name, &decode::decode(bytes, html::declared_encoding(bytes)))?
            }
            Kind::Markdown => markdown::parse(name, decode::decode(bytes, None)),
            Kind::Rst => rst::parse(name, decode::decode(bytes, None)),
            Kind::Text | Kind::Jsonl | Kind::Unknown => {
                Parsed { text: decode::decode(bytes, None), ..Parsed::default() }
            }
        };
        if parsed.text.trim().is_empty() {
            return Err(("empty", format!("expected text, found none in {} bytes", bytes.len())));
        }
        let most = self.limits.max_file_bytes;
        if kind.is_packed() && parsed.text.len() as u64 > most {
            let found = parsed.text.len();
            return Err((
                "too_large",
                format!("expected at most {most} bytes of text, found {found}"),
            ));
        }
        Ok(parsed)
    }

    fn pdf(&self, bytes: &[u8]) -> Result<Parsed, Refusal> {
        let Some(processes) = &self.pdf else { return Err(no_pdf_reader()) };
        Ok(processes.read(bytes, &self.limits)?.into_parsed())
    }
}

/// The refusal of a PDF where nothing reads them.
pub(crate) fn no_pdf_reader() -> Refusal {
    ("pdf", "expected a program that reads PDFs, found none given".to_owned())
}

impl Limits {
    /// Most bytes of a file of that kind.
    pub(crate) fn of_file(&self, kind: Kind) -> u64 {
        if kind.is_packed() { self.max_packed_bytes } else { self.max_file_bytes }
    }
}

/// What a format finds in the bytes of one file.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    pub(crate) lines: LineMap,
    pub(crate) language: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) signals: Option<Box<Signals>>,
    /// Parts of the file that could not be read, by name.
    pub(crate) missing: Vec<(String, Refusal)>,
}

impl Parsed {
    pub(crate) fn into_document(self, name: &str, path: &Path) -> Document {
        let title = self
            .title
            .map(|title| fold(&title))
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| kind::stem(name).to_owned());
        Document {
            id: DocumentId::new(name),
            url: Some(link::file_url(path)),
            title,
            text: self.text,
            lines: self.lines,
            language: self.language,
            date: self.date,
            links: self.links,
            signals: self.signals,
        }
    }
}

/// One-line form of `text`: runs of white space become one space.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}
