//! Folders of the program's own, and everything else that it reads from the environment.
//!
//! | what | flag | variable | else |
//! |---|---|---|---|
//! | cached stores | `--cache` | `SLEUTH_CACHE` | `$XDG_CACHE_HOME/sleuth`, `~/.cache/sleuth` |
//! | run logs | `--state` | `SLEUTH_STATE` | `$XDG_STATE_HOME/sleuth`, `~/.local/state/sleuth` |
//! | models | `--models` | `SLEUTH_MODELS` | `$XDG_DATA_HOME/sleuth/models`, `~/.local/share/sleuth/models` |

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::args::Common;
use crate::fail::Failure;

/// Where things are kept.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) cache: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) models: PathBuf,
}

/// A variable of the environment; one that is empty counts as absent.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same for a value that has to be text.
pub(crate) fn text_variable(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}

impl Places {
    pub(crate) fn new(common: &Common) -> Result<Self, Failure> {
        let place = |flag: &Option<PathBuf>, own, xdg, below_home: &str, below: &str| {
            if let Some(path) = flag {
                return Ok(path.clone());
            }
            if let Some(path) = variable(own) {
                return Ok(PathBuf::from(path));
            }
            // The XDG rules say that a relative path in these variables is to be ignored.
            let base = variable(xdg).map(PathBuf::from).filter(|path| path.is_absolute());
            let home = || variable("HOME").map(|home| Path::new(&home).join(below_home));
            base.or_else(home).map(|base| base.join(below)).ok_or_else(|| {
                Failure::usage(
                    format!("no folder to work in: neither HOME nor {xdg} is set"),
                    format!("set {own}, or HOME"),
                )
            })
        };
        Ok(Self {
            cache: place(&common.cache, "SLEUTH_CACHE", "XDG_CACHE_HOME", ".cache", "sleuth")?,
            state: place(
                &common.state,
                "SLEUTH_STATE",
                "XDG_STATE_HOME",
                ".local/state",
                "sleuth",
            )?,
            models: place(
                &common.models,
                "SLEUTH_MODELS",
                "XDG_DATA_HOME",
                ".local/share",
                "sleuth/models",
            )?,
        })
    }

    /// Folder of the stores made from folders.
    pub(crate) fn stores(&self) -> PathBuf {
        self.cache.join("stores")
    }

    /// Folder of the runs.
    pub(crate) fn runs(&self) -> PathBuf {
        self.state.join("runs")
    }
}

/// Whether colour was refused.
pub(crate) fn no_color() -> bool {
    variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|term| term == "dumb")
}
