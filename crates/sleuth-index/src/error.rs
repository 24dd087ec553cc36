//! What can go wrong with a store.

use std::path::{Path, PathBuf};

/// Why a store could not be built, opened or searched.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Nothing at this path is a store.
    #[error("no store at `{}`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something other than a store is there, and it is not overwritten.
    #[error("`{}` is not a store: expected `store.toml` or an empty folder, found {found}", path.display())]
    NotAStore {
        /// Where it was looked for.
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
        source: Box<tantivy::TantivyError>,
    },
}

impl IndexError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { path } => {
                format!("build one with `sleuth index build FOLDER --into {}`", path.display())
            }
            Self::NotAStore { .. } => "name another folder, or empty this one".to_owned(),
            Self::Version { path, .. } | Self::Damaged { path, .. } => {
                format!("remove `{}` and build the store again", path.display())
            }
            Self::Busy { .. } => "wait until it is done, or stop it".to_owned(),
            Self::NoSpace { .. } => {
                "free some space or name a folder on another disk; what was committed is safe"
                    .to_owned()
            }
            Self::NoPermission { .. } => "name a folder that you may write to".to_owned(),
            Self::Source(_) | Self::Cancelled | Self::Io { .. } | Self::Engine { .. } => {
                return None;
            }
        })
    }

    /// Names `error`, which came up while working on the store at `path`.
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::named(path, error.kind())
            .unwrap_or_else(|| Self::Io { path: path.to_owned(), source: error })
    }

    /// The failures of the file system that a person can do something about.
    fn named(path: &Path, kind: std::io::ErrorKind) -> Option<Self> {
        use std::io::ErrorKind::{
            PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        let path = path.to_owned();
        if matches!(kind, StorageFull | QuotaExceeded) {
            Some(Self::NoSpace { path })
        } else if matches!(kind, PermissionDenied | ReadOnlyFilesystem) {
            Some(Self::NoPermission { path })
        } else {
            None
        }
    }

    /// Names `error` of the index library, looking through it for a cause that has a name.
    pub(crate) fn engine(path: &Path, error: tantivy::TantivyError) -> Self {
        use tantivy::TantivyError as E;
        let path = path.to_owned();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>()
                && let Some(named) = Self::named(&path, io.kind())
            {
                return named;
            }
            cause = inner.source();
        }
        // The library wraps input/output errors in `Arc`, which hides them from `downcast_ref`;
        // their text is what is left to go by.
        let text = format!("{error:?}");
        if text.contains("StorageFull") || text.contains("os error 28") {
            return Self::NoSpace { path };
        }
        if text.contains("PermissionDenied") || text.contains("os error 13") {
            return Self::NoPermission { path };
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest has no better name")]
        match error {
            E::LockFailure(..) => Self::Busy { path },
            E::DataCorruption(detail) => Self::Damaged { path, detail: format!("{detail:?}") },
            E::OpenReadError(detail) => Self::Damaged { path, detail: detail.to_string() },
            error => Self::Engine { path, source: Box::new(error) },
        }
    }
}
