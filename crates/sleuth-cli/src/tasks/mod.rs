//! `sleuth tasks`: questions with a verifier, and attempts at them.

mod replay;
mod rollout;

use clap::Subcommand;

use crate::args::Common;
use crate::fail::{Exit, Failure};
pub(crate) use rollout::reward;

#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// Let a policy attempt tasks, several times each, and write what came of it as episodes
    Rollout(rollout::RolloutArgs),
    /// Run episodes again from their store and their recordings, and compare
    Replay(replay::ReplayArgs),
}

pub(crate) fn tasks(common: &Common, command: &TasksCommand) -> Result<Exit, Failure> {
    match command {
        TasksCommand::Rollout(args) => rollout::rollout(common, args),
        TasksCommand::Replay(args) => replay::replay(common, args),
    }
}
