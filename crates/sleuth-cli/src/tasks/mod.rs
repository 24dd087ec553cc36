//! `sleuth tasks`: questions with a verifier, and attempts at them.

mod check;
mod import;
mod make;
mod replay;
pub(crate) mod rollout;
mod split;

use clap::Subcommand;

use crate::args::Common;
use crate::fail::{Exit, Failure};
pub(crate) use rollout::reward;

#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// Make a file of tasks from a data set
    Import(import::ImportArgs),
    /// Check that the evidence of tasks is in a store
    Check(check::CheckArgs),
    /// Let a policy attempt tasks, several times each, and write what came of it as episodes
    Rollout(rollout::RolloutArgs),
    /// Run episodes again from their store and their recordings, and compare
    Replay(replay::ReplayArgs),
    /// Make tasks from a store: questions with checked answers and their evidence
    Make(make::MakeArgs),
    /// Give every task of a file a split, so that no document of evidence is shared between splits
    Split(split::SplitArgs),
}

pub(crate) fn tasks(common: &Common, command: &TasksCommand) -> Result<Exit, Failure> {
    match command {
        TasksCommand::Import(args) => import::import(common, args),
        TasksCommand::Check(args) => check::check(args),
        TasksCommand::Rollout(args) => rollout::rollout(common, args),
        TasksCommand::Replay(args) => replay::replay(common, args),
        TasksCommand::Make(args) => make::make(common, args),
        TasksCommand::Split(args) => split::split(common, args),
    }
}
