//! `sleuth tasks`: questions with a verifier, and attempts at them.

mod check;
mod import;
mod make;
mod replay;
pub(crate) mod rollout;
mod show;
mod split;

use std::io;
use std::path::Path;

use clap::Subcommand;
use sleuth_tasks::{Task, TaskWriter, read_tasks};

use crate::args::Common;
use crate::fail::{Exit, Failure};
use crate::whole::WholeFile;
pub(crate) use rollout::reward;

#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// Make a file of tasks from a data set
    Import(import::ImportArgs),
    /// Check that the evidence of tasks is in a store
    Check(check::CheckArgs),
    /// Show tasks, or episodes and how they went
    Show(show::ShowArgs),
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
        TasksCommand::Show(args) => show::show(common, args),
        TasksCommand::Rollout(args) => rollout::rollout(common, args),
        TasksCommand::Replay(args) => replay::replay(common, args),
        TasksCommand::Make(args) => make::make(common, args),
        TasksCommand::Split(args) => split::split(common, args),
    }
}

/// A file of tasks that is there whole or not at all.
struct TaskFile<'a> {
    path: &'a Path,
    out: TaskWriter<WholeFile>,
}

impl<'a> TaskFile<'a> {
    /// Begins the file, so that one that cannot be written is told before there is anything to write.
    fn create(path: &'a Path) -> Result<Self, Failure> {
        let create = || TaskWriter::new(path, WholeFile::create(path)?);
        let out = create().map_err(|source| cannot_write(path, source))?;
        Ok(Self { path, out })
    }

    fn finish(self) -> Result<(), Failure> {
        let finish = || self.out.finish()?.finish();
        finish().map_err(|source| cannot_write(self.path, source))
    }

    /// Writes all of it.
    fn write(mut self, tasks: &[Task]) -> Result<(), Failure> {
        let written = tasks.iter().try_for_each(|task| self.out.write(task));
        written.map_err(|source| cannot_write(self.path, source))?;
        self.finish()
    }
}

fn cannot_write(path: &Path, source: io::Error) -> Failure {
    Failure::Write { path: path.to_owned(), source }
}

/// The tasks of a file, of which there is at least one.
pub(crate) fn read(path: &Path) -> Result<Vec<Task>, Failure> {
    let tasks = read_tasks(path)?;
    if tasks.is_empty() {
        return Err(Failure::input(
            format!("no tasks in `{}`", path.display()),
            "`sleuth tasks make` and `sleuth tasks import` make them",
        ));
    }
    Ok(tasks)
}
