//! Files of tasks and of episodes: JSON Lines, compressed where the name ends in `.zst`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::episode::{EPISODE_SCHEMA, Episode};
use crate::task::{TASK_SCHEMA, Task, TaskId};

/// Longest line that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// A file of tasks or episodes that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line is not what the file holds.
    #[error("malformed line {line} of `{}`: expected a {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// `task` or `episode`.
        what: &'static str,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A line was written by a newer version of the program.
    #[error(
        "line {line} of `{}` has the schema {found}: expected {newest} or older", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What the line says.
        found: u32,
        /// What this program knows.
        newest: u32,
    },
    /// A line is longer than any task or episode.
    #[error("line {line} of `{}` is longer than {LONGEST} bytes", path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
    },
    /// Two tasks have one id.
    #[error("line {line} of `{}` has the task `{id}` again, after line {first}", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// Number of the line that had it first.
        first: usize,
        /// The id.
        id: TaskId,
    },
}

/// Reads a file of tasks, in its order.
///
/// # Errors
/// When the file cannot be read, a line is not a task, or two have one id.
pub fn read_tasks(path: &Path) -> Result<Vec<Task>, LinesError> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut lines: HashMap<TaskId, usize> = HashMap::new();
    for_each_line(path, |line, text, _| {
        let task: Task = parse(path, line, "task", text)?;
        newest(path, line, task.schema, TASK_SCHEMA)?;
        if let Some(first) = lines.insert(task.id.clone(), line) {
            return Err(LinesError::Duplicate { path: path.to_owned(), line, first, id: task.id });
        }
        tasks.push(task);
        Ok(())
    })?;
    Ok(tasks)
}

/// Reads a file of episodes, one at a time, in its order. A last line without an end is one that was
/// being written when its writer died: it is passed over. Returns whether there was one. So is the head
/// of a run of rollouts, wherever it stands: files of several runs may be put together.
///
/// # Errors
/// When the file cannot be read or another line is not an episode; whatever `each` returns.
pub fn read_episodes<E: From<LinesError>>(
    path: &Path,
    mut each: impl FnMut(Episode) -> Result<(), E>,
) -> Result<bool, E> {
    let mut torn = false;
    for_each_line(path, |line, text, whole| {
        if text.starts_with(crate::rollout::MARK) {
            return Ok(());
        }
        let episode: Episode = match parse(path, line, "episode", text) {
            Ok(episode) => episode,
            Err(_) if !whole => {
                torn = true;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        newest(path, line, episode.schema, EPISODE_SCHEMA)?;
        each(episode)
    })?;
    Ok(torn)
}

/// Writes tasks as one file, in their order. The file appears under its name when it is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tasks<'a>(
    path: &Path,
    tasks: impl IntoIterator<Item = &'a Task>,
) -> Result<(), LinesError> {
    let mut bytes = Vec::new();
    for task in tasks {
        write_line(&mut bytes, task)?;
    }
    if is_compressed(path) {
        bytes = zstd::encode_all(bytes.as_slice(), 0)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs_err::write(&part, bytes)?;
    fs_err::rename(&part, path)?;
    Ok(())
}

/// Appends an episode to `out` as one line, and flushes it.
///
/// # Errors
/// When it cannot be written.
pub fn write_episode(out: &mut dyn Write, episode: &Episode) -> std::io::Result<()> {
    let mut line = Vec::new();
    write_line(&mut line, episode)?;
    out.write_all(&line)?;
    out.flush()
}

fn write_line(out: &mut Vec<u8>, item: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, item)?;
    out.push(b'\n');
    Ok(())
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    line: usize,
    what: &'static str,
    text: &[u8],
) -> Result<T, LinesError> {
    serde_json::from_slice(text).map_err(|source| LinesError::Malformed {
        path: path.to_owned(),
        line,
        what,
        source,
    })
}

fn newest(path: &Path, line: usize, found: u32, newest: u32) -> Result<(), LinesError> {
    if found > newest {
        return Err(LinesError::Newer { path: path.to_owned(), line, found, newest });
    }
    Ok(())
}

/// Calls `each` with the number, the bytes and the wholeness of every line that is not blank.
fn for_each_line<E: From<LinesError>>(
    path: &Path,
    mut each: impl FnMut(usize, &[u8], bool) -> Result<(), E>,
) -> Result<(), E> {
    let file = fs_err::File::open(path).map_err(LinesError::Io)?;
    let reader: Box<dyn Read> = if is_compressed(path) {
        Box::new(zstd::Decoder::new(file).map_err(LinesError::Io)?)
    } else {
        Box::new(file)
    };
    let mut reader = BufReader::with_capacity(1 << 20, reader);
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        let read = read.map_err(LinesError::Io)? as u64;
        if read == 0 {
            break;
        }
        let whole = text.ends_with(b"\n");
        if !whole && read == LONGEST {
            return Err(LinesError::Long { path: path.to_owned(), line }.into());
        }
        let start = if line == 1 && text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let body = &text[start..];
        if !body.iter().all(u8::is_ascii_whitespace) {
            each(line, body, whole)?;
        }
    }
    Ok(())
}
