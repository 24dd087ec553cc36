//! `sleuth tasks`: questions with a verifier.

mod check;
mod import;

use clap::Subcommand;

use crate::args::Common;
use crate::fail::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// Make a file of tasks from a data set
    Import(import::ImportArgs),
    /// Check that the evidence of tasks is in a store
    Check(check::CheckArgs),
}

pub(crate) fn tasks(common: &Common, command: &TasksCommand) -> Result<Exit, Failure> {
    match command {
        TasksCommand::Import(args) => import::import(common, args),
        TasksCommand::Check(args) => check::check(args),
    }
}
