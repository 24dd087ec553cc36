//! What can go wrong with a store.

use std::path::{Path, PathBuf};

use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};

/// Why a store could not be built, opened or searched.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Nothing at this path is a store.
    #[error("no store at `{}`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something other than a store is there: documents, as a rule.
    #[error("`{}` is not a store: expected a folder with a store's `store.toml`, found {found}", path.display())]
    NotAStore {
        /// Where it was looked for.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Something other than a store is where one was to be made, and it is not overwritten.
    #[error("no store can be made in `{}`: expected a store or an empty folder, found {found}", path.display())]
    Occupied {
        /// Where it was to be made.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// The store was made by another version of the program.
    #[error("store `{}` has {what} `{found}`, this version of sleuth reads `{expected}`", path.display())]
    Version {
        /// The store.
        path: PathBuf,
        /// Which part differs: `schema`, `analyzer` or `splitter`.
        what: &'static str,
        /// What this program has.
        expected: String,
        /// What the store has.
        found: String,
    },
    /// Another process is writing to the store.
    #[error("store `{}` is being written by another process", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// The store has vectors of another embedder, and vectors of two must not be compared.
    #[error("the vectors of store `{}` are of the embedder `{expected}`, found `{found}`", path.display())]
    OtherEmbedder {
        /// The store.
        path: PathBuf,
        /// The embedder of the store's vectors.
        expected: String,
        /// The embedder that was given.
        found: String,
    },
    /// The embedder failed.
    #[error("the embedder `{embedder}` failed: {reason}")]
    Embedder {
        /// Its id.
        embedder: String,
        /// What it says.
        reason: String,
    },
    /// A search asked for a part that the store does not have.
    #[error("store `{}` has no {part}", path.display())]
    NoSuchPart {
        /// The store.
        path: PathBuf,
        /// What is missing: `vectors` or `graph`.
        part: &'static str,
    },
    /// The disk has no room.
    #[error("no space left for store `{}`", path.display())]
    NoSpace {
        /// The store.
        path: PathBuf,
    },
    /// The store may not be read or written.
    #[error("no permission for `{}`", path.display())]
    NoPermission {
        /// The file or folder.
        path: PathBuf,
    },
    /// A part of the store is not as it was written.
    #[error("store `{}` is damaged: {detail}", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was expected and found.
        detail: String,
    },
    /// A list of sites to boost, demote or block cannot be used.
    #[error("cannot use the list of sites `{name}`: {reason}")]
    Sites {
        /// The list, as it was named.
        name: String,
        /// What was expected and found.
        reason: String,
    },
    /// The search was not answered: what answers it is elsewhere, or failed as it was told to.
    #[error("{reason}")]
    Unanswered {
        /// What became of it.
        reason: String,
    },
    /// The documents could not be listed.
    #[error("cannot list the documents: {0}")]
    Source(String),
    /// The caller asked to stop; what was committed stays.
    #[error("cancelled")]
    Cancelled,
    /// Any other failure of the file system.
    #[error("cannot read or write store `{}`", path.display())]
    Io {
        /// The store.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The index library failed in a way that has no name above.
    #[error("the index of store `{}` failed", path.display())]
    Engine {
        /// The store.
        path: PathBuf,
        /// The cause.
        source: Box<TantivyError>,
    },
}

impl IndexError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { path } => {
                format!("build one with `sleuth index build FOLDER --into {}`", path.display())
            }
            Self::NotAStore { path, .. } => format!(
                "if it holds documents, make a store of them with `sleuth index build {0} --into \
                 STORE`, or ask over them with `sleuth ask QUESTION --over {0}`",
                path.display()
            ),
            Self::Occupied { .. } => "name a new folder, or an empty one".to_owned(),
            Self::Version { path, .. } | Self::Damaged { path, .. } => {
                format!("remove `{}` and build the store again", path.display())
            }
            Self::OtherEmbedder { path, .. } => format!(
                "use the embedder of the store, or compute all vectors anew with `sleuth index \
                 embed {} --replace`",
                path.display()
            ),
            Self::NoSuchPart { path, part: "vectors" } => {
                format!("compute them with `sleuth index embed {}`", path.display())
            }
            Self::NoSuchPart { .. } => {
                "it is made by `sleuth index build`: run that again".to_owned()
            }
            Self::Busy { .. } => "wait until it is done, or stop it".to_owned(),
            Self::NoSpace { .. } => {
                "free some space or name a folder on another disk; what was committed is safe"
                    .to_owned()
            }
            Self::NoPermission { .. } => {
                "name a folder that you may read and write, or ask its owner".to_owned()
            }
            Self::Sites { .. } => "one rule a line, as in uBlacklist (`*://*.example.com/*` blocks) or \
                 as in Goggles (`$discard,site=example.com` blocks, `$boost=3,site=example.org` lifts)"
                .to_owned(),
            Self::Embedder { .. }
            | Self::Unanswered { .. }
            | Self::Source(_)
            | Self::Cancelled
            | Self::Io { .. }
            | Self::Engine { .. } => {
                return None;
            }
        })
    }

    /// Names `error`, which came up while working on the store at `path`.
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::named(path, innermost_kind(&error), &error.to_string())
            .unwrap_or_else(|| Self::Io { path: path.to_owned(), source: error })
    }

    /// The failures of the file system that a person can do something about.
    fn named(path: &Path, kind: std::io::ErrorKind, text: &str) -> Option<Self> {
        use std::io::ErrorKind as K;
        let path = path.to_owned();
        // A list of kinds of errors grows with the standard library; the rest has no name here.
        if matches!(kind, K::StorageFull | K::QuotaExceeded) {
            Some(Self::NoSpace { path })
        } else if matches!(kind, K::PermissionDenied | K::ReadOnlyFilesystem) {
            Some(Self::NoPermission { path })
        } else if matches!(kind, K::UnexpectedEof | K::InvalidData) {
            Some(Self::Damaged { path, detail: text.to_owned() })
        } else {
            None
        }
    }

    /// Names `error` of the index library, whose cause may have a name.
    pub(crate) fn engine(path: &Path, error: TantivyError) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest wraps no such error")]
        let io = match &error {
            TantivyError::IoError(io)
            | TantivyError::OpenReadError(OpenReadError::IoError { io_error: io, .. })
            | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: io, .. })
            | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError {
                io_error: io, ..
            })
            | TantivyError::LockFailure(LockError::IoError(io), _) => Some(io),
            _ => None,
        };
        let text = error.to_string();
        let kind = io.map(|io| innermost_kind(io)).or_else(|| kind_in_text(&text));
        if let Some(named) = kind.and_then(|kind| Self::named(path, kind, &text)) {
            return named;
        }
        let path = path.to_owned();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest has no better name")]
        match error {
            TantivyError::LockFailure(LockError::LockBusy, _) => Self::Busy { path },
            TantivyError::DataCorruption(found) => {
                Self::Damaged { path, detail: format!("{found:?}") }
            }
            TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(file)) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Self::Damaged { path, detail: format!("`lexical/{name}` is missing") }
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::DoesNotExist(_)) => {
                Self::Damaged { path, detail: "`lexical` is missing".to_owned() }
            }
            TantivyError::OpenReadError(found) => Self::Damaged { path, detail: found.to_string() },
            TantivyError::IncompatibleIndex(found) => {
                Self::Damaged { path, detail: format!("{found:?}") }
            }
            error => Self::Engine { path, source: Box::new(error) },
        }
    }
}

/// The kind of the error that `error` wraps, at any depth.
fn innermost_kind(error: &std::io::Error) -> std::io::ErrorKind {
    let mut kind = error.kind();
    let mut inner = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(cause) = inner {
        inner = cause.source();
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            kind = io.kind();
            inner = io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
        }
    }
    if kind != std::io::ErrorKind::Other {
        return kind;
    }
    kind_in_text(&error.to_string()).unwrap_or(kind)
}

/// The kind of a system error that is only left as text, as in some errors of the index library.
fn kind_in_text(text: &str) -> Option<std::io::ErrorKind> {
    let (code, _) = text.rsplit_once("(os error ")?.1.split_once(')')?;
    Some(std::io::Error::from_raw_os_error(code.parse().ok()?).kind())
}
