//! Opening and reading one file without being held up or misled by what lies there.
//!
//! Between listing and reading, a path can become a FIFO, a device or a symbolic link. A file is
//! therefore opened without blocking and without following a link at its last part, and what was
//! opened is asked for its type again: a FIFO that took the place of a text file is refused and
//! never waited for.

use std::fs::{FileType, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use fs_err::File;
use sleuth_records::SourceStamp;

use crate::corpus::Limits;
use crate::kind;

/// Kind and reason of a skip.
pub(crate) type Refusal = (&'static str, String);

/// Why a path was not opened.
#[derive(Debug)]
pub(crate) enum Passed {
    Io(io::Error),
    /// What was found, in words.
    NotRegular(&'static str),
}

impl Passed {
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::NotRegular(found) => {
                ("not_regular", format!("expected a regular file, found {found}"))
            }
            Self::Io(error) => unreadable(&error),
        }
    }
}

/// The refusal for a failure of the operating system.
pub(crate) fn unreadable(error: &io::Error) -> Refusal {
    let reason = if error.kind() == io::ErrorKind::NotFound {
        "expected a file, found nothing: it has vanished".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "no permission to read it".to_owned()
    } else {
        // `fs_err` puts the path before the cause; the skip names the path already.
        let text = error.to_string();
        let cause = text.rsplit_once("`: ").map_or(text.as_str(), |(_, cause)| cause);
        format!("cannot be read: {cause}")
    };
    ("unreadable", reason)
}

/// What a file is, in words.
pub(crate) fn describe(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if file_type.is_fifo() {
            return "a FIFO";
        }
        if file_type.is_socket() {
            return "a socket";
        }
        if file_type.is_block_device() || file_type.is_char_device() {
            return "a device";
        }
    }
    if file_type.is_dir() {
        "a folder"
    } else if file_type.is_symlink() {
        "a symbolic link"
    } else if file_type.is_file() {
        "a regular file"
    } else {
        "something else"
    }
}

/// Size and times. The time of the last change tells of a file that was written anew with the same
/// length and then given its old modification time.
pub(crate) fn stamp(metadata: &Metadata) -> SourceStamp {
    let modified_ns = metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |ns| -ns),
    });
    SourceStamp { size: metadata.len(), modified_ns, changed_ns: changed_ns(metadata) }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems keep no such time")]
fn changed_ns(metadata: &Metadata) -> Option<i128> {
    use std::os::unix::fs::MetadataExt as _;
    Some(i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn changed_ns(_: &Metadata) -> Option<i128> {
    None
}

/// The real path of `name` below `base`, refused when it leads outside.
pub(crate) fn resolve(base: &Path, name: &str) -> Result<PathBuf, Refusal> {
    let path = fs_err::canonicalize(base.join(name)).map_err(|error| unreadable(&error))?;
    if path.starts_with(base) {
        Ok(path)
    } else {
        Err((
            "not_regular",
            "expected a file below the root, found a link that leads outside".into(),
        ))
    }
}

/// Opens a regular file; never waits, never follows a link at the last part of `path`.
pub(crate) fn open_regular(path: &Path) -> Result<(File, Metadata), Passed> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY);
    }
    let file = options.open(path).map_err(|error| {
        // A socket cannot be opened at all; its type is the better reason.
        match fs_err::symlink_metadata(path) {
            Ok(found) if !found.is_file() => Passed::NotRegular(describe(found.file_type())),
            Ok(_) | Err(_) => Passed::Io(error),
        }
    })?;
    let metadata = file.metadata().map_err(Passed::Io)?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(Passed::NotRegular(describe(metadata.file_type())))
    }
}

/// How often a file that changed meanwhile is read again.
const REREADS: u32 = 2;

/// The whole content of a file, decompressed, as it stood at one moment; `most` bytes at most.
///
/// `between` is called after each reading, before the stamps are compared; tests change the file
/// there.
pub(crate) fn read_stable(
    path: &Path,
    name: &str,
    most: u64,
    limits: &Limits,
    between: &mut dyn FnMut(u32),
) -> Result<Vec<u8>, Refusal> {
    for attempt in 0..=REREADS {
        let (file, metadata) = open_regular(path).map_err(Passed::into_refusal)?;
        let before = stamp(&metadata);
        let read = read_whole(&file, name, before.size, most, limits);
        between(attempt);
        let after = file.metadata().map_err(|error| unreadable(&error))?;
        if stamp(&after) == before {
            return read;
        }
    }
    Err(changed())
}

/// The refusal of a file that changed while it was read.
pub(crate) fn changed() -> Refusal {
    ("changed", "expected a file at rest, found that it changed while it was read".to_owned())
}

/// The refusal of a file of `size` bytes, or at least that many where it is `decoded`.
pub(crate) fn too_large(size: u64, limit: u64, decoded: bool) -> Refusal {
    let reason = if decoded {
        format!("expected at most {limit} bytes, found more after decompression")
    } else {
        format!("expected at most {limit} bytes, found {size}")
    };
    ("too_large", reason)
}

fn read_whole(
    file: &File,
    name: &str,
    size: u64,
    limit: u64,
    limits: &Limits,
) -> Result<Vec<u8>, Refusal> {
    if size == 0 {
        return Err(("empty", "expected text, found an empty file".to_owned()));
    }
    let mut bytes = Vec::new();
    if kind::is_zst(name) {
        let limit = limit.min(limits.max_decoded_bytes);
        let mut input = Decoded::new(file, size, limit)?;
        let result = input.read_to_end(&mut bytes);
        result.map_err(|error| input.refusal(&error, bytes.len() as u64))?;
        return Ok(bytes);
    }
    if size > limit {
        return Err(too_large(size, limit, false));
    }
    bytes.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
    let mut input = file.take(limit + 1);
    input.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64, limit, false));
    }
    Ok(bytes)
}

/// A zstd file being decoded, held to a size and to a ratio of a thousand to one.
pub(crate) struct Decoded<R: Read> {
    inner: zstd::stream::read::Decoder<'static, io::BufReader<R>>,
    decoded: u64,
    limit: u64,
    bomb: u64,
    over: bool,
}

/// Decoded size below which the ratio is not looked at.
const RATIO_FROM: u64 = 16 << 20;
const MAX_RATIO: u64 = 1000;
/// Memory that a frame may ask for, as a power of two: the default of the `zstd` program.
const WINDOW_LOG: u32 = 27;

impl<R: Read> Decoded<R> {
    pub(crate) fn new(input: R, compressed: u64, limit: u64) -> Result<Self, Refusal> {
        let mut inner =
            zstd::stream::read::Decoder::new(input).map_err(|error| unreadable(&error))?;
        inner.window_log_max(WINDOW_LOG).map_err(|error| unreadable(&error))?;
        let bomb = compressed.saturating_mul(MAX_RATIO).max(RATIO_FROM);
        Ok(Self { inner, decoded: 0, limit, bomb, over: false })
    }

    /// What a failed read means.
    pub(crate) fn refusal(&self, error: &io::Error, decoded: u64) -> Refusal {
        if self.over && self.decoded > self.limit {
            return too_large(self.decoded, self.limit, true);
        }
        if self.over {
            return (
                "too_large",
                format!(
                    "expected less than {MAX_RATIO} times the compressed size, \
                     found more than {} bytes: a decompression bomb",
                    self.bomb
                ),
            );
        }
        let found = if error.kind() == io::ErrorKind::UnexpectedEof {
            "the end of the file in the middle of a frame".to_owned()
        } else {
            format!("`{error}`")
        };
        ("malformed", format!("expected zstd data, found {found} after {decoded} decoded bytes"))
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.decoded += read as u64;
        if self.decoded > self.limit || self.decoded > self.bomb {
            self.over = true;
            return Err(io::Error::other("decoded too much"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_rests_after_one_change_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        fs_err::write(&path, "one").unwrap();
        let mut times = 0;
        let bytes = read_stable(&path, "a.txt", 100, &Limits::default(), &mut |attempt| {
            times += 1;
            if attempt == 0 {
                fs_err::write(&path, "one and two").unwrap();
            }
        });
        assert_eq!(bytes.unwrap(), b"one and two");
        assert_eq!(times, 2);
    }

    #[test]
    fn a_file_that_never_rests_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        fs_err::write(&path, "one").unwrap();
        let refusal = read_stable(&path, "a.txt", 100, &Limits::default(), &mut |attempt| {
            fs_err::write(&path, "x".repeat(attempt as usize + 10)).unwrap();
        });
        assert_eq!(refusal.unwrap_err(), changed());
    }

    #[test]
    fn a_path_cannot_leave_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs_err::create_dir(&root).unwrap();
        fs_err::write(dir.path().join("secret.txt"), "x").unwrap();
        let base = fs_err::canonicalize(&root).unwrap();
        assert_eq!(resolve(&base, "../secret.txt").unwrap_err().0, "not_regular");
        assert_eq!(resolve(&base, "/etc/passwd").unwrap_err().0, "not_regular");
    }
}
