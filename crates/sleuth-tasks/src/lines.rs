//! Files of tasks and of episodes: JSON Lines, compressed where the name ends in `.zst`
//! (and read, too, where it ends in `.gz`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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
    #[error("malformed line {line} of `{}`: expected {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// `a task` or `an episode`.
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
    /// Another process writes the file.
    #[error("`{}` is being written by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
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
        let task: Task = parse(path, line, "a task", text)?;
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
        let episode: Episode = match parse(path, line, "an episode", text) {
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

/// Writes tasks one at a time, compressed where the file's name says so.
pub struct TaskWriter<W: Write>(Sink<W>);

enum Sink<W: Write> {
    Plain(W),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> TaskWriter<W> {
    /// Writes to `out` what will stand at `path`.
    ///
    /// # Errors
    /// When compression cannot be set up.
    pub fn new(path: &Path, out: W) -> std::io::Result<Self> {
        Ok(Self(match is_compressed(path) {
            true => Sink::Zstd(zstd::Encoder::new(out, 0)?),
            false => Sink::Plain(out),
        }))
    }

    /// Writes one task.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, task: &Task) -> std::io::Result<()> {
        let mut line = Vec::new();
        write_line(&mut line, task)?;
        match &mut self.0 {
            Sink::Plain(out) => out.write_all(&line),
            Sink::Zstd(out) => out.write_all(&line),
        }
    }

    /// Ends the file and gives it back.
    ///
    /// # Errors
    /// When the last of it cannot be written.
    pub fn finish(self) -> std::io::Result<W> {
        match self.0 {
            Sink::Plain(out) => Ok(out),
            Sink::Zstd(out) => out.finish(),
        }
    }
}

/// A file that episodes are appended to as they end, each as one line in one piece.
///
/// What the system has taken survives the process, not a loss of power: nothing is forced to the disk.
/// One process at a time may write it: it holds the system's lock on it, which no kill leaves behind.
#[derive(Debug)]
pub struct EpisodeLog(Mutex<std::fs::File>);

impl EpisodeLog {
    /// Opens the file at `path`, or makes it. A torn last line, left by a writer that died, is cut.
    ///
    /// # Errors
    /// When the file cannot be written, or another process does.
    pub fn open(path: &Path) -> Result<Self, LinesError> {
        let mut file = Self::locked(path)?;
        let mut end = file.seek(SeekFrom::End(0))?;
        let mut part = [0; 4096];
        // Backwards to the last line feed.
        while end > 0 {
            let from = end.saturating_sub(part.len() as u64);
            let part = &mut part[..(end - from) as usize];
            file.seek(SeekFrom::Start(from))?;
            file.read_exact(part)?;
            if let Some(at) = part.iter().rposition(|b| *b == b'\n') {
                end = from + at as u64 + 1;
                break;
            }
            end = from;
        }
        Self::after(file, end).map_err(LinesError::Io)
    }

    /// The file at `path`, made where it is not, and locked.
    pub(crate) fn locked(path: &Path) -> Result<std::fs::File, LinesError> {
        let mut options = fs_err::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path)?.into_parts().0;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(LinesError::InUse { path: path.to_owned() })
            }
            Err(std::fs::TryLockError::Error(source)) => Err(LinesError::Io(source)),
        }
    }

    /// Goes on after byte `end` of `file`; what stands behind is cut.
    pub(crate) fn after(mut file: std::fs::File, end: u64) -> std::io::Result<Self> {
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Self(Mutex::new(file)))
    }

    /// Appends an episode.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&self, episode: &Episode) -> std::io::Result<()> {
        let mut line = Vec::new();
        write_line(&mut line, episode)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
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

/// The bytes of a file, unpacked where its name ends in `.zst` or `.gz`.
pub(crate) fn open(path: &Path) -> std::io::Result<BufReader<Box<dyn Read>>> {
    let file = fs_err::File::open(path)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let reader: Box<dyn Read> = match extension {
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        Some("gz") => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
        _ => Box::new(file),
    };
    Ok(BufReader::with_capacity(1 << 20, reader))
}

/// Calls `each` with the number, the bytes and the wholeness of every line that is not blank.
pub(crate) fn for_each_line<E: From<LinesError>>(
    path: &Path,
    mut each: impl FnMut(usize, &[u8], bool) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = open(path).map_err(LinesError::Io)?;
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
