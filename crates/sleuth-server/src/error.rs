//! Why a server could not be started.

use std::net::SocketAddr;

use sleuth_index::IndexError;
use sleuth_tasks::{LinesError, RolloutError};

/// See the [module](self). What is wrong with a request is told to the client and is no such error.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is nothing to serve.
    #[error("no store to serve")]
    NoStore,
    /// Two stores have one name.
    #[error("two stores are called `{name}`")]
    SameName {
        /// The name.
        name: String,
    },
    /// The name of a store cannot stand in an address.
    #[error("a store cannot be called `{name}`: expected letters, digits, `.`, `_` and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// Others than this machine could ask, and nothing would keep anybody out.
    #[error("to listen on `{address}` takes a token: others than this machine can reach it")]
    TokenNeeded {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The token cannot stand in a header.
    #[error("the token cannot be used: expected {expected}")]
    Token {
        /// What a token is.
        expected: &'static str,
    },
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The threads cannot be started.
    #[error("cannot start the server's threads")]
    Threads(#[source] std::io::Error),
    /// The tasks cannot be served over the first store.
    #[error(transparent)]
    Tasks(#[from] RolloutError),
    /// A task is decided by a judge, and there is none.
    #[error("tasks are verified by a judge: expected a model for it, found none")]
    NoJudge,
    /// The log of episodes cannot be written.
    #[error("cannot write the log of episodes")]
    Episodes(#[source] LinesError),
    /// A store cannot be read.
    #[error(transparent)]
    Store(#[from] IndexError),
}

impl ServerError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoStore => "name one or more with `--store PATH`".to_owned(),
            Self::SameName { .. } | Self::Name { .. } => {
                "give it a name with `--store NAME=PATH`".to_owned()
            }
            Self::TokenNeeded { .. } => {
                "put a token into the variable SLEUTH_TOKEN, or name a file that holds one with \
                 `--token-file FILE`; without `--bind` only this machine can ask"
                    .to_owned()
            }
            Self::Token { .. } => {
                "a good one: `head -c 24 /dev/urandom | base64 > token`".to_owned()
            }
            Self::Listen { .. } => {
                "take another port, or `--port 0` for any that is free".to_owned()
            }
            Self::NoJudge => "name a model with `--judge MODEL`".to_owned(),
            Self::Tasks(RolloutError::OtherSnapshot { .. } | RolloutError::NoEvidence { .. }) => {
                "serve the store that the tasks were made from, or go on with `--allow-drift`"
                    .to_owned()
            }
            Self::Episodes(LinesError::Compressed { .. }) => {
                "name a file without `.zst` or `.gz`".to_owned()
            }
            Self::Episodes(LinesError::NotEpisodes { .. }) => {
                "name a new file, or one that episodes were written to before".to_owned()
            }
            Self::Threads(_) | Self::Tasks(_) | Self::Episodes(_) => return None,
            Self::Store(error) => return error.hint(),
        })
    }
}
