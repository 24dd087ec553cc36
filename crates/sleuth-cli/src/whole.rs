//! A file that is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::fail::Failure;
use crate::stores::is_store;

/// Refuses outputs that are a file that is read, another output, or a file of a store: each is a flag and its
/// file.
pub(crate) fn apart(
    outputs: &[(&str, Option<&Path>)],
    inputs: &[impl AsRef<Path>],
) -> Result<(), Failure> {
    // A file that is not there yet is known by its folder.
    let place = |path: &Path| {
        fs_err::canonicalize(path).ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs_err::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(folder.join(path.file_name()?))
        })
    };
    let is_file = |path: &Path| !fs_err::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let read: Vec<PathBuf> = inputs.iter().filter_map(|path| place(path.as_ref())).collect();
    let mut written: Vec<PathBuf> = Vec::new();
    for (flag, path) in outputs.iter().filter_map(|(flag, path)| Some((flag, (*path)?))) {
        let Some(found) = place(path).filter(|_| is_file(path)) else { continue };
        if let Some(store) = found.ancestors().skip(1).find(|folder| is_store(folder)) {
            return Err(Failure::usage(
                format!("`{flag} {}` lies in the store `{}`", path.display(), store.display()),
                "name a file elsewhere: a store's files are its own",
            ));
        }
        let what = if read.contains(&found) {
            "a file that is read"
        } else if written.contains(&found) {
            "a file that another flag names"
        } else {
            written.push(found);
            continue;
        };
        return Err(Failure::usage(
            format!("`{flag} {}` is {what}", path.display()),
            "name another file",
        ));
    }
    Ok(())
}

/// Written beside its place, and put there at the end: until [`WholeFile::finish`] whatever stood
/// there stands, and without it nothing is left behind.
///
/// What is no regular file, such as a pipe or `/dev/null`, is written to as it stands.
pub(crate) struct WholeFile {
    out: BufWriter<File>,
    /// Where it is written, and where it goes; `None` for what is no regular file.
    way: Option<(PathBuf, PathBuf)>,
}

impl WholeFile {
    /// Begins a file that will stand at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        // A link is followed, so that it is not the link that is replaced.
        let target = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs_err::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            let file = OpenOptions::new().write(true).open(&target)?;
            return Ok(Self { out: BufWriter::new(file), way: None });
        }
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = target.with_file_name(partial);
        // Not by `fs_err`: its errors would name a file that nobody has asked for. Callers name `path`.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&partial)?;
        Ok(Self { out: BufWriter::new(file), way: Some((partial, target)) })
    }

    /// Puts the file in its place.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        if let Some((partial, target)) = &self.way {
            self.out.get_ref().sync_all()?;
            std::fs::rename(partial, target)?;
        }
        self.way = None;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some((partial, _)) = &self.way {
            let _ = fs_err::remove_file(partial);
        }
    }
}

/// Writes a file that is there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = WholeFile::create(path)?;
        file.write_all(bytes)?;
        file.finish()
    };
    write().map_err(|source| Failure::Write { path: path.to_owned(), source })
}
