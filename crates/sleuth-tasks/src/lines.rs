//! Files of tasks and of episodes: JSON Lines, compressed where the name ends in `.zst` or `.gz`; but a
//! file that episodes are appended to cannot be.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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
    /// What stands in the file cannot be read: it is a folder, or is not compressed as its name says.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What came of it.
        source: std::io::Error,
    },
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
    /// The file's name says that it is compressed, and a compressed file cannot be gone on with.
    #[error("episodes cannot be appended to the compressed `{}`", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
    },
    /// The file is there and does not hold episodes. It was left as it is.
    #[error("`{}` is not a file of episodes: expected an episode in its first line", path.display())]
    NotEpisodes {
        /// The file.
        path: PathBuf,
    },
    /// The file is one that a run of rollouts writes and goes on with, so that nobody else may.
    #[error("`{}` is written by `sleuth tasks rollout`, which goes on with it", path.display())]
    OfRollouts {
        /// The file.
        path: PathBuf,
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

/// Whether a file holds episodes, by its first line; else it may hold tasks.
///
/// # Errors
/// When the file cannot be read.
pub fn holds_episodes(path: &Path) -> Result<bool, LinesError> {
    let mut reader = open(path)?;
    let mut text = Vec::new();
    while text.iter().all(u8::is_ascii_whitespace) {
        text.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        let unread = |source| LinesError::Unreadable { path: path.to_owned(), source };
        if read.map_err(unread)? == 0 {
            return Ok(false);
        }
    }
    let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    Ok(begins_episodes(body, true) || begins_episodes(body, text.ends_with(b"\n")))
}

/// Writes tasks as one file, in their order. The file appears under its name when it is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tasks<'a>(
    path: &Path,
    tasks: impl IntoIterator<Item = &'a Task>,
) -> Result<(), LinesError> {
    let mut out = TaskWriter::new(path, Vec::new())?;
    for task in tasks {
        out.write(task)?;
    }
    let bytes = out.finish()?;
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
    Gzip(flate2::write::GzEncoder<W>),
}

impl<W: Write> TaskWriter<W> {
    /// Writes to `out` what will stand at `path`.
    ///
    /// # Errors
    /// When compression cannot be set up.
    pub fn new(path: &Path, out: W) -> std::io::Result<Self> {
        Ok(Self(match compression(path) {
            Some("zst") => Sink::Zstd(zstd::Encoder::new(out, 0)?),
            Some(_) => {
                Sink::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::default()))
            }
            None => Sink::Plain(out),
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
            Sink::Gzip(out) => out.write_all(&line),
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
            Sink::Gzip(out) => out.finish(),
        }
    }
}

/// A file that episodes are appended to as they end, each as one line in one piece.
///
/// What the system has taken survives the process, not a loss of power: nothing is forced to the disk.
/// One process at a time may write it: it holds the system's lock on it, which no kill leaves behind.
#[derive(Debug)]
pub struct EpisodeLog {
    tail: Mutex<Tail<std::fs::File>>,
    begun: HashMap<TaskId, u32>,
}

/// What is looked at of an episode that stands in a log.
#[derive(Deserialize)]
struct Begun {
    schema: u32,
    task: Named,
    #[serde(default)]
    rollout: u32,
}

#[derive(Deserialize)]
struct Named {
    id: TaskId,
}

impl EpisodeLog {
    /// Opens the file at `path`, or makes it, and reads what stands there. A torn last line, left by a
    /// writer that died, is cut. Nothing else is: a file that holds something else is refused.
    ///
    /// # Errors
    /// When the file cannot be written, another process does, or a line of it is not an episode.
    pub fn open(path: &Path) -> Result<Self, LinesError> {
        let file = Self::locked(path)?;
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let (mut begun, mut end) = (HashMap::new(), 0);
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let read = reader.read_until(b'\n', &mut text)? as u64;
            let whole = text.ends_with(b"\n");
            if line == 1 && read > 0 && !begins_episodes(&text, whole) {
                return Err(LinesError::NotEpisodes { path: path.to_owned() });
            }
            if whole && text.starts_with(crate::rollout::MARK) {
                return Err(LinesError::OfRollouts { path: path.to_owned() });
            }
            if !whole {
                break;
            }
            end += read;
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let episode: Begun = parse(path, line, "an episode", &text)?;
            newest(path, line, episode.schema, EPISODE_SCHEMA)?;
            let next: &mut u32 = begun.entry(episode.task.id).or_default();
            *next = (*next).max(episode.rollout.saturating_add(1));
        }
        Ok(Self { begun, ..Self::after(file, end)? })
    }

    /// The file at `path`, made where it is not, and locked.
    pub(crate) fn locked(path: &Path) -> Result<std::fs::File, LinesError> {
        appendable(path)?;
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
        let tail = Tail { file, cut: std::fs::File::set_len, end: Some(end) };
        Ok(Self { tail: Mutex::new(tail), begun: HashMap::new() })
    }

    /// The number of the next rollout of each task of which episodes stood there when it was opened.
    pub fn begun(&self) -> &HashMap<TaskId, u32> {
        &self.begun
    }

    /// Appends an episode, or nothing of it.
    ///
    /// # Errors
    /// When it cannot be written. Where what was written of it cannot be taken back either, nothing is
    /// appended any more.
    pub fn append(&self, episode: &Episode) -> std::io::Result<()> {
        let mut line = Vec::new();
        write_line(&mut line, episode)?;
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).append(&line)
    }
}

/// Whether the first line of a file is one of a file of episodes; one that is not whole, whether it can
/// have been the beginning of one.
fn begins_episodes(line: &[u8], whole: bool) -> bool {
    let episode = format!("{{\"schema\":{EPISODE_SCHEMA},\"task\":{{");
    let marks = [crate::rollout::MARK, episode.as_bytes()];
    match whole {
        true => line.starts_with(marks[0]) || serde_json::from_slice::<Begun>(line).is_ok(),
        false => marks.iter().any(|mark| {
            let n = mark.len().min(line.len());
            line[..n] == mark[..n]
        }),
    }
}

/// The end of a file to which lines are appended whole or not at all.
#[derive(Debug)]
struct Tail<F> {
    file: F,
    /// Sets the length of the file.
    cut: fn(&F, u64) -> std::io::Result<()>,
    /// Where the last whole line ends; nothing where a part of another stands behind it.
    end: Option<u64>,
}

impl<F: Write + Seek> Tail<F> {
    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let end = self.end.ok_or_else(|| {
            std::io::Error::other("the file ends in a part of a line that could not be taken back")
        })?;
        let written = self.file.write_all(line);
        self.end = match &written {
            Ok(()) => Some(end + line.len() as u64),
            Err(_) => {
                let cut = (self.cut)(&self.file, end);
                cut.and_then(|()| self.file.seek(SeekFrom::Start(end))).ok()
            }
        };
        written
    }
}

/// Refuses a name that says that the file is compressed.
pub(crate) fn appendable(path: &Path) -> Result<(), LinesError> {
    match compression(path) {
        Some(_) => Err(LinesError::Compressed { path: path.to_owned() }),
        None => Ok(()),
    }
}

fn write_line(out: &mut Vec<u8>, item: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, item)?;
    out.push(b'\n');
    Ok(())
}

/// `zst` or `gz`, where the file's name ends so.
fn compression(path: &Path) -> Option<&str> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.filter(|extension| matches!(*extension, "zst" | "gz"))
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    line: usize,
    what: &'static str,
    text: &[u8],
) -> Result<T, LinesError> {
    // Without its end, behind which a parser would count another line.
    serde_json::from_slice(text.trim_ascii_end()).map_err(|source| LinesError::Malformed {
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
    let reader: Box<dyn Read> = match compression(path) {
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        Some(_) => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
        None => Box::new(file),
    };
    Ok(BufReader::with_capacity(1 << 20, reader))
}

/// Calls `each` with the number, the bytes and the wholeness of every line that is not blank.
pub(crate) fn for_each_line<E: From<LinesError>>(
    path: &Path,
    mut each: impl FnMut(usize, &[u8], bool) -> Result<(), E>,
) -> Result<(), E> {
    let unread = |source| LinesError::Unreadable { path: path.to_owned(), source };
    let mut reader = open(path).map_err(LinesError::Io)?;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        let read = read.map_err(unread)? as u64;
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// A disk with room for so many bytes, which may refuse to shorten a file.
    struct Disk {
        bytes: Rc<RefCell<Vec<u8>>>,
        at: usize,
        room: usize,
        stuck: bool,
    }

    impl Write for Disk {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            let n = part.len().min(self.room.saturating_sub(self.at));
            if n == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let mut bytes = self.bytes.borrow_mut();
            bytes.resize(self.at, 0);
            bytes.extend(&part[..n]);
            self.at += n;
            Ok(n)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            let SeekFrom::Start(at) = to else {
                return Err(std::io::ErrorKind::Unsupported.into());
            };
            self.at = at as usize;
            Ok(at)
        }
    }

    #[test]
    fn a_line_is_appended_whole_or_not_at_all() {
        let bytes = Rc::new(RefCell::new(Vec::new()));
        let file = Disk { bytes: Rc::clone(&bytes), at: 0, room: 10, stuck: false };
        let cut = |disk: &Disk, end: u64| match disk.stuck {
            true => Err(std::io::ErrorKind::PermissionDenied.into()),
            false => {
                disk.bytes.borrow_mut().truncate(end as usize);
                Ok(())
            }
        };
        let mut tail = Tail { file, cut, end: Some(0) };
        let stands = || String::from_utf8(bytes.borrow().clone()).unwrap();
        tail.append(b"first\n").unwrap();
        assert_eq!(tail.append(b"second\n").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        assert_eq!(stands(), "first\n");
        tail.append(b"3rd\n").unwrap();
        assert_eq!(stands(), "first\n3rd\n");
        // Where a part of a line stays, nothing is written behind it.
        tail.file.room = 13;
        tail.file.stuck = true;
        assert!(tail.append(b"fourth\n").is_err());
        tail.file.room = 100;
        assert!(tail.append(b"5th\n").is_err());
        assert_eq!(stands(), "first\n3rd\nfou");
    }
}
