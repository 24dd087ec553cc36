//! The one file that a run of rollouts writes, and goes on with after it died.
//!
//! A [head](super::head), then one [`Episode`](crate::Episode) a line, in the order in which they ended. A line is
//! handed to the system in one piece as soon as its rollout has ended, so a process that is killed
//! loses the rollouts in flight and nothing else. A torn last line is cut when the run goes on; an
//! episode that stands in the file is not made again.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::Deserialize;

use super::RolloutError;
use super::head::{HEAD_SCHEMA, HeadLine, MARK, RolloutHead};
use super::tally::Tally;
use crate::attempt::Attempt;
use crate::episode::Ending;
use crate::lines::EpisodeLog;
use crate::task::TaskId;

/// What stood in the file before.
#[derive(Default)]
pub(super) struct Before {
    /// Rollouts that have ended.
    pub(super) done: HashSet<(TaskId, u32)>,
    /// What came of them.
    pub(super) tally: Tally,
    /// Whether a torn last line was cut.
    pub(super) torn: bool,
}

/// What is looked at of an episode that stands there.
#[derive(Deserialize)]
struct Done {
    task: NamedTask,
    rollout: u32,
    attempt: Attempt,
    ending: Ending,
    #[serde(default)]
    retries: u32,
}

#[derive(Deserialize)]
struct NamedTask {
    id: TaskId,
}

/// Opens the file at `path` for the run that `head` describes: makes it, or goes on with it, and with
/// `other_tasks` also where it was begun with others.
pub(super) fn open(
    path: &Path,
    head: &RolloutHead,
    other_tasks: bool,
) -> Result<(EpisodeLog, Before), RolloutError> {
    let io = |source| RolloutError::Write { path: path.to_owned(), source };
    let mut file = EpisodeLog::locked(path)?;
    let (found, before, whole) = read(path, &file)?;
    let end = match found {
        Some(mut found) => {
            if other_tasks {
                found.tasks.clone_from(&head.tasks);
                found.n_tasks = head.n_tasks;
            }
            if let Some((what, expected, found)) = head.difference(&found) {
                let path = path.to_owned();
                return Err(RolloutError::OtherRun { path, what, expected, found });
            }
            whole
        }
        // Nothing, or a head that was torn.
        None => {
            let mut line = serde_json::to_vec(&HeadLine { rollouts: head })
                .map_err(|error| io(error.into()))?;
            line.push(b'\n');
            file.set_len(0).map_err(io)?;
            file.seek(SeekFrom::Start(0)).map_err(io)?;
            file.write_all(&line).map_err(io)?;
            line.len() as u64
        }
    };
    Ok((EpisodeLog::after(file, end).map_err(io)?, before))
}

/// Reads what stands in a file: its head, its episodes, and the bytes up to the end of the last whole
/// line.
fn read(
    path: &Path,
    file: &std::fs::File,
) -> Result<(Option<RolloutHead>, Before, u64), RolloutError> {
    let io = |source| RolloutError::Write { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut before = Before::default();
    let (mut head, mut whole) = (None, 0);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(io)?;
        if read == 0 {
            break;
        }
        let malformed = |source| {
            let path = path.to_owned();
            crate::LinesError::Malformed { path, line: number, what: "episode", source }
        };
        if number == 1 {
            let torn = !line.ends_with(b"\n");
            if !line.starts_with(&MARK[..MARK.len().min(read)]) {
                return Err(RolloutError::NoHead { path: path.to_owned() });
            }
            if torn {
                before.torn = true;
                break;
            }
            head = Some(parse_head(path, number, &line)?);
        } else {
            if !line.ends_with(b"\n") {
                before.torn = true;
                break;
            }
            let done: Done = serde_json::from_slice(&line).map_err(malformed)?;
            before.tally.add(&done.ending, &done.attempt, done.retries);
            before.done.insert((done.task.id, done.rollout));
        }
        whole += read as u64;
    }
    Ok((head, before, whole))
}

/// Reads the line of a head.
pub(super) fn parse_head(
    path: &Path,
    number: usize,
    line: &[u8],
) -> Result<RolloutHead, crate::LinesError> {
    #[derive(Deserialize)]
    struct Schema {
        schema: u32,
    }
    let malformed = |source| {
        let path = path.to_owned();
        crate::LinesError::Malformed { path, line: number, what: "head of rollouts", source }
    };
    let schema: HeadLine<Schema> = serde_json::from_slice(line).map_err(malformed)?;
    let found = schema.rollouts.schema;
    if found > HEAD_SCHEMA {
        let path = path.to_owned();
        return Err(crate::LinesError::Newer { path, line: number, found, newest: HEAD_SCHEMA });
    }
    let head: HeadLine<RolloutHead> = serde_json::from_slice(line).map_err(malformed)?;
    Ok(head.rollouts)
}
