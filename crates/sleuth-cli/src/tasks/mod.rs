//! `sleuth tasks`.

mod make;
mod split;

use clap::Subcommand;

use crate::args::Common;
use crate::fail::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// Make tasks from a store: questions with checked answers and their evidence
    Make(make::MakeArgs),
    /// Give every task of a file a split, so that no document of evidence is shared between splits
    Split(split::SplitArgs),
}

pub(crate) fn tasks(common: &Common, command: &TasksCommand) -> Result<Exit, Failure> {
    match command {
        TasksCommand::Make(args) => make::make(common, args),
        TasksCommand::Split(args) => split::split(common, args),
    }
}
