//! Failures of every kind, each with its exit code, its words and its hint.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use sleuth_agent::AgentError;
use sleuth_corpus::CorpusError;
use sleuth_eval::{ContrastError, EpisodesError, EvalError, LogReadError, MatrixError};
use sleuth_index::IndexError;
use sleuth_lm::{LmError, PriceError, ShelfError};
use sleuth_records::{BeirError, LogError, TrecError};
use sleuth_server::ServerError;
use sleuth_tasks::{ImportError, LinesError, MakeError, RolloutError};

use crate::show::{count, escape};

/// Exit codes of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Answered, or done.
    Done = 0,
    /// A fault of the program itself.
    Ours = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Nothing in the documents supports an answer.
    NotFound = 3,
    /// A limit or the first interrupt ended the run; the answer is partial.
    Early = 4,
    /// A model or server cannot be used.
    BackEnd = 5,
    /// The documents or another input cannot be used.
    Input = 6,
    /// No space, no permission, or damage.
    Storage = 7,
    /// The second interrupt.
    Aborted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    #[error("{message}")]
    Input { message: String, hint: Option<String> },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A folder of the program's own cannot be used; `advice` names the flag that moves it.
    #[error("cannot write {what} in `{}`", path.display())]
    Folder { what: &'static str, path: PathBuf, advice: &'static str, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("cannot use the cached store")]
    Cache(#[source] IndexError),
    #[error("{} in store `{}`", count(*n as u64, "problem"), path.display())]
    Damaged { path: PathBuf, n: usize },
    /// The first interrupt came while a store was built.
    #[error(
        "interrupted before all was read: store `{}` holds {}",
        path.display(),
        count(*n_documents, "document")
    )]
    Interrupted { path: PathBuf, n_documents: u64 },
    #[error(transparent)]
    Model(#[from] LmError),
    #[error("{message}")]
    BackEnd { message: String, hint: Option<String> },
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Queries(#[from] BeirError),
    #[error(transparent)]
    Trec(#[from] TrecError),
    #[error(transparent)]
    Import(ImportError),
    #[error("cannot measure `{}` by `{}`", run.display(), qrels.display())]
    Eval { run: PathBuf, qrels: PathBuf, source: EvalError },
    #[error(transparent)]
    Episodes(#[from] EpisodesError),
    #[error(transparent)]
    Lines(#[from] LinesError),
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    RolloutLog(#[from] LogReadError),
    #[error("cannot compare `{}` with `{}`", first.display(), second.display())]
    Contrast { first: PathBuf, second: PathBuf, source: ContrastError },
    #[error(transparent)]
    Prices(#[from] PriceError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Making(#[from] MakeError),
    /// The program failed in a way that it has no name for.
    #[error("the program failed; this is a fault of its own")]
    Panicked,
    /// The replayed run is not the recorded one.
    #[error("the replay differs from the recording: {difference}")]
    Differs { difference: String },
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Input { message: message.into(), hint: Some(hint.into()) }
    }

    /// Whether whoever read our output has gone, which is no one's fault.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Input { .. }
            | Self::Read { .. }
            | Self::Corpus(_)
            | Self::Queries(_)
            | Self::Trec(_)
            | Self::Contrast { .. }
            | Self::Prices(_) => Exit::Input,
            Self::Lines(error) => of_lines(error),
            Self::Episodes(error) => of_episodes(error),
            Self::Matrix(error) => match error {
                MatrixError::Episodes(error) => of_episodes(error),
                MatrixError::Lines(error) => of_lines(error),
                MatrixError::Import(ImportError::Store(error)) => of_index(error),
                MatrixError::Import(_)
                | MatrixError::Io(_)
                | MatrixError::Format { .. }
                | MatrixError::Impossible { .. }
                | MatrixError::OtherCell { .. } => Exit::Input,
            },
            Self::RolloutLog(error) => match error {
                LogReadError::Episodes(error) => of_lines(error),
                LogReadError::Io(error) if error.kind() != io::ErrorKind::NotFound => Exit::Storage,
                LogReadError::Io(_)
                | LogReadError::Empty { .. }
                | LogReadError::Unknown { .. }
                | LogReadError::Parquet { .. }
                | LogReadError::Malformed { .. } => Exit::Input,
            },
            Self::Import(error) => match error {
                ImportError::Store(error) => of_index(error),
                ImportError::Sink(_) => Exit::Storage,
                ImportError::Lines(_)
                | ImportError::Judgements(_)
                | ImportError::Lacking { .. }
                | ImportError::Malformed { .. }
                | ImportError::NoParquet { .. } => Exit::Input,
            },
            Self::Eval { source, .. } => match source {
                EvalError::UnknownMeasure { .. } => Exit::Usage,
                EvalError::EmptyRun | EvalError::NothingRelevant | EvalError::NoOverlap { .. } => {
                    Exit::Input
                }
                EvalError::Unpaired => Exit::Ours,
            },
            Self::Folder { .. } | Self::Write { .. } | Self::Damaged { .. } => Exit::Storage,
            Self::Interrupted { .. } => Exit::Early,
            Self::Output(_) if self.is_broken_pipe() => Exit::Done,
            Self::Output(_) => Exit::Storage,
            Self::Index(error) | Self::Cache(error) => of_index(error),
            Self::Server(error) => match error {
                ServerError::NoStore
                | ServerError::SameName { .. }
                | ServerError::Name { .. }
                | ServerError::TokenNeeded { .. }
                | ServerError::Token { .. } => Exit::Usage,
                ServerError::Listen { .. } => Exit::BackEnd,
                ServerError::Threads(_) => Exit::Ours,
                ServerError::NoJudge => Exit::Usage,
                ServerError::Tasks(error) => of_rollout(error),
                ServerError::Episodes(LinesError::Io(_)) => Exit::Storage,
                ServerError::Episodes(error) => of_lines(error),
                ServerError::Store(error) => of_index(error),
            },
            Self::Model(error) => of_model(error),
            Self::BackEnd { .. } => Exit::BackEnd,
            Self::Shelf(error) => match error {
                ShelfError::Cancelled => Exit::Early,
                ShelfError::UnknownTier { .. } => Exit::Usage,
                ShelfError::Unreachable { .. } | ShelfError::Checksum { .. } => Exit::BackEnd,
                ShelfError::NotMade { .. } => Exit::Ours,
                ShelfError::Storage(_) => Exit::Storage,
            },
            Self::Agent(error) => match error {
                AgentError::Store(error) => of_index(error),
                AgentError::Model(error) => of_model(error),
                AgentError::QuestionTooLong { .. } => Exit::Usage,
                AgentError::Log(_) => Exit::Storage,
                AgentError::Recording(error) => of_log(error),
                AgentError::Unreplayable(_) => Exit::Input,
                AgentError::NoSuchRange { .. } | AgentError::Diverged { .. } => Exit::Ours,
            },
            Self::Log(error) => of_log(error),
            Self::Rollout(error) => of_rollout(error),
            Self::Making(error) => match error {
                MakeError::Store(error) => of_index(error),
                MakeError::Model(error) => of_model(error),
                MakeError::NoFacts { .. } => Exit::Input,
                MakeError::Reader(_) => Exit::Ours,
                MakeError::Cancelled => Exit::Early,
            },
            Self::Differs { .. } | Self::Panicked => Exit::Ours,
        }
    }

    /// What the person can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Input { hint, .. } | Self::BackEnd { hint, .. } => {
                hint.clone()
            }
            Self::Folder { advice, .. } => Some((*advice).to_owned()),
            Self::Corpus(error) => error.hint(),
            Self::Index(error) => error.hint(),
            Self::Cache(IndexError::Busy { .. }) => Some(
                "another run is reading the same documents; try again when it is done".to_owned(),
            ),
            Self::Cache(_) => Some(
                "name another folder with `--cache DIR` or the variable SLEUTH_CACHE".to_owned(),
            ),
            Self::Damaged { path, .. } => Some(format!(
                "remove `{}` and build the store again",
                path.display()
            )),
            Self::Model(error) | Self::Agent(AgentError::Model(error)) => match error {
                LmError::Unavailable { .. } => Some(
                    "`sleuth doctor` says what works; `--policy trail` needs no model".to_owned(),
                ),
                LmError::MalformedReply { .. } => Some(
                    "this model does not hold to tool calls; take another one, or `--policy trail`"
                        .to_owned(),
                ),
                LmError::Cancelled | LmError::ContextFull { .. } => None,
            },
            Self::Interrupted { .. } => Some(
                "what was read is kept; run the same command again to go on from there".to_owned(),
            ),
            Self::Shelf(ShelfError::Cancelled) => {
                Some("run the same command again to go on from there".to_owned())
            }
            Self::Shelf(ShelfError::Storage(_)) => {
                Some("name another folder with `--models DIR` or the variable SLEUTH_MODELS".to_owned())
            }
            Self::Shelf(ShelfError::NotMade { .. }) => {
                Some("this is a fault of the program; everything else goes on without it".to_owned())
            }
            Self::Shelf(ShelfError::Unreachable { .. }) => {
                Some("what was fetched is kept; `--policy trail` needs no model".to_owned())
            }
            Self::Agent(AgentError::QuestionTooLong { .. }) => {
                Some("shorten the question, or take `--policy trail`, which has no such limit".to_owned())
            }
            Self::Queries(BeirError::Io(_)) => None,
            Self::Queries(BeirError::Duplicate { .. }) => Some(
                "give every query an id of its own; judgements name it".to_owned(),
            ),
            Self::Queries(BeirError::Malformed { .. }) => Some(
                "one object a line: {\"_id\": \"q1\", \"text\": \"words to look for\"}".to_owned(),
            ),
            Self::Trec(TrecError::Duplicate { .. }) => Some(
                "a ranking has a document once; keep its best line".to_owned(),
            ),
            Self::Eval { source: EvalError::NoOverlap { .. }, .. } => Some(
                "name the run and the judgements of the same queries".to_owned(),
            ),
            Self::Import(ImportError::Store(error)) => error.hint(),
            Self::Import(ImportError::Lacking { .. }) => Some(
                "a folder of BEIR has `queries.jsonl`, `qrels.tsv` or `qrels/test.tsv`, and `corpus.jsonl`"
                    .to_owned(),
            ),
            Self::Import(ImportError::NoParquet { .. }) => Some(
                "build with `--features parquet`, or write the rows as JSON Lines".to_owned(),
            ),
            Self::Import(ImportError::Malformed { .. }) => {
                Some("`sleuth tasks import --help` names the formats".to_owned())
            }
            Self::Episodes(EpisodesError::Lines(LinesError::Malformed { .. })) => Some(
                "files of episodes are written by `sleuth tasks rollout`; `sleuth eval collapse` also \
                 reads the logs of trainers"
                    .to_owned(),
            ),
            Self::Episodes(EpisodesError::Lines(LinesError::Newer { .. })) => {
                Some("it was written by a newer version of this program: update it".to_owned())
            }
            Self::Episodes(EpisodesError::Twice { .. }) => {
                Some("name each file once, and keep runs with other settings in files of their own".to_owned())
            }
            Self::Episodes(EpisodesError::OtherTask { .. }) => {
                Some("tasks that differ need ids that differ".to_owned())
            }
            Self::Matrix(MatrixError::OtherCell { .. }) => Some(
                "remove that file, or name another folder in the plan's `out`".to_owned(),
            ),
            Self::RolloutLog(LogReadError::Parquet { .. }) => Some(
                "convert it: python -c \"import sys, pandas; pandas.read_parquet(sys.argv[1])\
                 .to_json(sys.argv[2], orient='records', lines=True)\" IN.parquet OUT.jsonl"
                    .to_owned(),
            ),
            Self::RolloutLog(LogReadError::Unknown { .. }) => Some(
                "known are files of episodes (`task`, `attempt`, `ending`), and lines of verl (`input`, \
                 `output`, `score`), SkyRL (`input_prompt`, `output_response`, `score`) and TRL \
                 (`prompt`, `completion`)"
                    .to_owned(),
            ),
            Self::Contrast { source: ContrastError::OtherProtocol { differences }, .. } => {
                let parts: Vec<&str> =
                    differences.iter().map(|found| found.part.as_str()).collect();
                let tasks = if parts.contains(&"tasks") { ", over the tasks that both have" } else { "" };
                Some(format!(
                    "a difference may be due to that; to compare all the same{tasks}, add `--across {}`",
                    parts.join(",")
                ))
            }
            Self::Rollout(error) => hint_of_rollout(error),
            Self::Server(ServerError::Episodes(LinesError::OfRollouts { .. })) => {
                Some("name a file of its own for what clients do".to_owned())
            }
            Self::Server(error) => error.hint(),
            Self::Agent(AgentError::Store(error)) | Self::Making(MakeError::Store(error)) => {
                error.hint()
            }
            Self::Making(MakeError::NoFacts { .. }) => Some(
                "tasks come from pages that explain one thing by name, and from manuals; a store of other \
                 prose is measured with questions of your own: `sleuth tasks import jsonl`"
                    .to_owned(),
            ),
            Self::Agent(AgentError::Log(_)) => Some(
                "free some space, or name another folder with `--state DIR` or the variable SLEUTH_STATE"
                    .to_owned(),
            ),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("make its folder first".to_owned())
            }
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Output(_)
            | Self::Shelf(_)
            | Self::Agent(_)
            | Self::Log(_)
            | Self::Trec(_)
            | Self::Import(_)
            | Self::Eval { .. }
            | Self::Episodes(_)
            | Self::Lines(_)
            | Self::Making(_)
            | Self::Matrix(_)
            | Self::RolloutLog(_)
            | Self::Contrast { .. }
            | Self::Prices(_)
            | Self::Differs { .. } | Self::Panicked => None,
        }
    }

    /// The message with its causes, outermost first; a cause that repeats its parent is left out.
    fn messages(&self) -> Vec<String> {
        // A parser that was given one line of a file counts it as line 1, beside our own number of it.
        let is_of_lines = matches!(
            self,
            Self::Lines(_)
                | Self::Episodes(_)
                | Self::Import(_)
                | Self::Queries(_)
                | Self::Log(_)
                | Self::RolloutLog(_)
                | Self::Rollout(_)
        );
        let without_line = |text: String| match is_of_lines {
            true => text.replace(" at line 1 column ", " at column "),
            false => text,
        };
        let mut messages = vec![without_line(self.to_string())];
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = without_line(error.to_string());
            if messages.last().is_none_or(|last| !last.contains(&text)) {
                messages.push(text);
            }
            cause = error.source();
        }
        messages
    }

    /// For standard error.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (at, message) in self.messages().iter().enumerate() {
            let label = if at == 0 { "error" } else { "cause" };
            text += &format!("{label}: {}\n", escape(message));
        }
        if let Some(hint) = self.hint() {
            text += &format!("hint: {}\n", escape(&hint));
        }
        text
    }

    /// For standard output where a machine reads.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "status": "failed",
            "error": {
                "message": self.messages().join(": "),
                "hint": self.hint(),
                "code": self.exit() as u8,
            },
        })
    }
}

fn of_episodes(error: &EpisodesError) -> Exit {
    match error {
        EpisodesError::Lines(error) => of_lines(error),
        EpisodesError::Empty { .. }
        | EpisodesError::Twice { .. }
        | EpisodesError::OtherTask { .. } => Exit::Input,
    }
}

fn of_lines(error: &LinesError) -> Exit {
    match error {
        LinesError::InUse { .. } => Exit::Storage,
        LinesError::Io(error) if error.kind() != io::ErrorKind::NotFound => Exit::Storage,
        LinesError::Io(_)
        | LinesError::Malformed { .. }
        | LinesError::Newer { .. }
        | LinesError::Long { .. }
        | LinesError::Compressed { .. }
        | LinesError::NotEpisodes { .. }
        | LinesError::OfRollouts { .. }
        | LinesError::Unreadable { .. }
        | LinesError::Duplicate { .. } => Exit::Input,
    }
}

fn of_rollout(error: &RolloutError) -> Exit {
    match error {
        // What is read there is what is written to.
        RolloutError::Lines(LinesError::Io(_)) => Exit::Storage,
        RolloutError::Lines(error) => of_lines(error),
        RolloutError::NoTasks
        | RolloutError::NoHead { .. }
        | RolloutError::NoRecording { .. }
        | RolloutError::OtherRun { .. }
        | RolloutError::OtherSnapshot { .. }
        | RolloutError::NoEvidence { .. }
        | RolloutError::OtherStore { .. }
        | RolloutError::Unreplayable { .. } => Exit::Input,
        RolloutError::NoJudge { .. } => Exit::Usage,
        RolloutError::Write { .. } => Exit::Storage,
        RolloutError::Unavailable { .. } => Exit::BackEnd,
        RolloutError::Store(error) => of_index(error),
        RolloutError::Policy(AgentError::Store(error)) => of_index(error),
        RolloutError::Policy(AgentError::Model(error)) => of_model(error),
        RolloutError::Policy(_) => Exit::Ours,
    }
}

fn hint_of_rollout(error: &RolloutError) -> Option<String> {
    Some(match error {
        RolloutError::Lines(LinesError::Compressed { .. }) => {
            "name a file without `.zst` or `.gz`".to_owned()
        }
        RolloutError::NoHead { .. } => {
            "name a new file, or one that `sleuth tasks rollout` has begun; what a server or another program \
             logged is shown by `sleuth tasks show` and measured by `sleuth eval answers`"
                .to_owned()
        }
        RolloutError::NoRecording { .. } => {
            "only episodes of `sleuth tasks rollout` run again; others are shown by `sleuth tasks show`"
                .to_owned()
        }
        RolloutError::OtherRun { what, .. } if what == "tasks" => {
            "run it with the tasks, `--split`, `--first` and `--sample` that the file was begun with; for others name a \
             new file, or of a curve a new folder"
                .to_owned()
        }
        RolloutError::OtherRun { .. } => {
            "run it with the settings that the file was begun with; for others name a new file, or of a curve a \
             new folder"
                .to_owned()
        }
        RolloutError::OtherSnapshot { .. } | RolloutError::NoEvidence { .. } => {
            "name the store that the tasks were made from; `sleuth tasks rollout` and `sleuth serve` go on with \
             `--allow-drift`"
                .to_owned()
        }
        RolloutError::OtherStore { .. } => "name the store that they were made over".to_owned(),
        RolloutError::NoJudge { .. } => "name a model with `--judge MODEL`".to_owned(),
        RolloutError::Unavailable { .. } => {
            "what is written stays; run the same command again to go on from there".to_owned()
        }
        RolloutError::Store(error) => return error.hint(),
        RolloutError::NoTasks
        | RolloutError::Lines(_)
        | RolloutError::Write { .. }
        | RolloutError::Policy(_)
        | RolloutError::Unreplayable { .. } => return None,
    })
}

fn of_index(error: &IndexError) -> Exit {
    match error {
        IndexError::Missing { .. }
        | IndexError::NotAStore { .. }
        | IndexError::Occupied { .. }
        | IndexError::OtherEmbedder { .. }
        | IndexError::NoSuchPart { .. }
        | IndexError::Sites { .. }
        | IndexError::Source(_) => Exit::Input,
        IndexError::Embedder { .. } | IndexError::Unanswered { .. } => Exit::BackEnd,
        IndexError::Cancelled => Exit::Early,
        IndexError::Version { .. }
        | IndexError::Busy { .. }
        | IndexError::NoSpace { .. }
        | IndexError::NoPermission { .. }
        | IndexError::Damaged { .. }
        | IndexError::Io { .. }
        | IndexError::Engine { .. } => Exit::Storage,
    }
}

fn of_log(error: &LogError) -> Exit {
    match error {
        LogError::Io(error) if error.kind() != io::ErrorKind::NotFound => Exit::Storage,
        LogError::Io(_) | LogError::Start { .. } => Exit::Input,
        LogError::Malformed { .. } | LogError::Gap { .. } => Exit::Storage,
    }
}

fn of_model(error: &LmError) -> Exit {
    match error {
        LmError::Cancelled => Exit::Early,
        LmError::Unavailable { .. } | LmError::MalformedReply { .. } => Exit::BackEnd,
        LmError::ContextFull { .. } => Exit::Ours,
    }
}
