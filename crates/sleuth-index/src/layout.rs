//! What a store looks like on disk.
//!
//! ```text
//! store.toml            name, schema version, analyzer, splitter
//! writer.lock           held by the one process that writes
//! documents/            manifest-N.jsonl: the files that were read, their stamps and documents
//! graph/                which documents speak of which: see `graph`
//! vectors/              vectors of the passages: see `vectors`
//! lexical/              tantivy index: documents with their full record, and their passages
//! ```
//!
//! A commit is one atomic step: the new manifest is written and synced first, under a name that no
//! reader knows; then the index commits with that name in its payload, by renaming one file. Until
//! that rename the store is the old one, whole; after it, the new one. Leftovers of a killed build
//! are named by nothing and are removed by the next that writes.
//!
//! A store is made behind `store.toml.new`, which is written first and renamed to `store.toml` when
//! all else is there: a folder with the former is a store in the making, and counts as none.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sleuth_records::{Digest, SourceStamp};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

use crate::IndexError;
use crate::analyzer::ANALYZER;
use crate::splitter::SPLITTER;

/// Version of the layout. Another version is refused.
pub(crate) const SCHEMA: u32 = 1;

/// What `store.toml` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreFile {
    pub(crate) name: String,
    pub(crate) schema: u32,
    pub(crate) analyzer: String,
    pub(crate) splitter: String,
}

impl StoreFile {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            schema: SCHEMA,
            analyzer: ANALYZER.to_owned(),
            splitter: SPLITTER.to_owned(),
        }
    }

    /// Reads and checks `store.toml` of the store at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, IndexError> {
        let not_a_store =
            |found: &str| IndexError::NotAStore { path: path.to_owned(), found: found.to_owned() };
        let file = path.join("store.toml");
        let text = match fs_err::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(if path.is_dir() && !may_become_store(path) {
                    not_a_store("other files")
                } else if path.exists() && !path.is_dir() {
                    not_a_store("a file")
                } else {
                    IndexError::Missing { path: path.to_owned() }
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(not_a_store("a file"));
            }
            Err(error) => return Err(IndexError::io(path, error)),
        };
        let found: Self = toml::from_str(&text).map_err(|error| {
            // Documents may have a `store.toml` of their own; nobody is to be told to remove them.
            if !lexical_dir(path).is_dir() {
                return not_a_store("a `store.toml` of something else");
            }
            let detail = format!("`store.toml`: {}", error.message());
            IndexError::Damaged { path: path.to_owned(), detail }
        })?;
        let check = |what, found: &str, expected: &str| {
            if found == expected {
                return Ok(());
            }
            Err(IndexError::Version {
                path: path.to_owned(),
                what,
                expected: expected.to_owned(),
                found: found.to_owned(),
            })
        };
        check("schema", &found.schema.to_string(), &SCHEMA.to_string())?;
        check("analyzer", &found.analyzer, ANALYZER)?;
        check("splitter", &found.splitter, SPLITTER)?;
        Ok(found)
    }

    /// Marks `path` as a store in the making.
    pub(crate) fn begin(&self, path: &Path) -> Result<(), IndexError> {
        let text = toml::to_string(self)
            .map_err(|error| IndexError::io(path, std::io::Error::other(error)))?;
        write_synced(&path.join(UNFINISHED), |file| file.write_all(text.as_bytes()))
            .map_err(|error| IndexError::io(path, error))
    }

    /// Makes what [`StoreFile::begin`] marked a store.
    pub(crate) fn finish(path: &Path) -> Result<(), IndexError> {
        fs_err::rename(path.join(UNFINISHED), path.join("store.toml"))
            .and_then(|()| sync_folder(path))
            .map_err(|error| IndexError::io(path, error))
    }
}

/// What `store.toml` is called while a store is made.
const UNFINISHED: &str = "store.toml.new";

/// The lock of the one process that writes.
pub(crate) const WRITER_LOCK: &str = "writer.lock";

/// The lock of the one process that adds vectors.
pub(crate) const VECTORS_LOCK: &str = "vectors.lock";

/// The folders of a store.
const PARTS: [&str; 4] = ["documents", "lexical", "graph", "vectors"];

/// Whether the folder at `path` is empty, or holds nothing but a store in the making.
fn may_become_store(path: &Path) -> bool {
    let Ok(entries) = fs_err::read_dir(path) else { return false };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let marked = names.iter().any(|name| name == UNFINISHED);
    names.iter().all(|name| {
        name == UNFINISHED
            || name == WRITER_LOCK
            || name == VECTORS_LOCK
            || (marked && PARTS.iter().any(|part| name == *part))
    })
}

/// Removes everything in the folder of the store at `path` but the lock file. The caller holds the
/// lock.
pub(crate) fn clear(path: &Path) -> std::io::Result<()> {
    // From here on it is a store in the making, so that a kill leaves what can be built upon.
    fs_err::rename(path.join("store.toml"), path.join(UNFINISHED))?;
    // Without this file the library finds no index in what a kill leaves.
    let _ = fs_err::remove_file(lexical_dir(path).join("meta.json"));
    for entry in fs_err::read_dir(path)? {
        let entry = entry?;
        if [UNFINISHED, WRITER_LOCK, VECTORS_LOCK].iter().any(|kept| entry.file_name() == *kept) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs_err::remove_dir_all(entry.path())?;
        } else {
            fs_err::remove_file(entry.path())?;
        }
    }
    fs_err::remove_file(path.join(UNFINISHED))
}

/// Writes a file through `write` and waits until it is on the disk, its name included.
pub(crate) fn write_synced(
    path: &Path,
    write: impl FnOnce(&mut std::io::BufWriter<fs_err::File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(fs_err::File::create(path)?);
    write(&mut file)?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Waits until the names in a folder are on the disk.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and names need no such care.
    if cfg!(unix) { fs_err::File::open(path)?.sync_all() } else { Ok(()) }
}

/// The folder of the index library.
pub(crate) fn lexical_dir(path: &Path) -> PathBuf {
    path.join("lexical")
}

/// Reads what the index library reads first, and checks that it is whole: the library's own message
/// for a torn file is the file. It differs whenever the library has taken files up or away.
pub(crate) fn read_meta(path: &Path) -> Result<Vec<u8>, IndexError> {
    let damaged = |detail: String| IndexError::Damaged { path: path.to_owned(), detail };
    let text = match fs_err::read(lexical_dir(path).join("meta.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged(if lexical_dir(path).is_dir() {
                "`lexical/meta.json` is missing".to_owned()
            } else {
                "`lexical` is missing".to_owned()
            }));
        }
        Err(error) => return Err(IndexError::io(path, error)),
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(&text)
        .map_err(|error| damaged(format!("`lexical/meta.json`: {error}")))?;
    Ok(text)
}

/// The folder of the manifests.
pub(crate) fn documents_dir(path: &Path) -> PathBuf {
    path.join("documents")
}

/// What a commit carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payload {
    /// File name of the manifest; empty before the first commit.
    pub(crate) manifest: String,
    /// Digest of the manifest's lines; empty when none was taken.
    #[serde(default)]
    pub(crate) manifest_digest: String,
    pub(crate) snapshot: String,
    #[serde(default)]
    pub(crate) n_files: u64,
    pub(crate) n_documents: u64,
    pub(crate) n_passages: u64,
}

impl Payload {
    /// What the newest commit says of itself; an index without commits says nothing.
    pub(crate) fn read(path: &Path, index: &tantivy::Index) -> Result<Self, IndexError> {
        let metas = index.load_metas().map_err(|error| IndexError::engine(path, error))?;
        let Some(text) = metas.payload else { return Ok(Self::default()) };
        serde_json::from_str(&text).map_err(|error| IndexError::Damaged {
            path: path.to_owned(),
            detail: format!("payload of its newest commit: {error}"),
        })
    }

    /// Name of the manifest of the commit after this one: never a name that a reader may know.
    pub(crate) fn next_manifest(&self) -> String {
        let number =
            self.manifest.strip_prefix(MANIFEST.0).and_then(|n| n.strip_suffix(MANIFEST.1));
        let next = number.and_then(|number| number.parse::<u64>().ok()).map_or(1, |n| n + 1);
        format!("{}{next}{}", MANIFEST.0, MANIFEST.1)
    }
}

/// What stands before and after the number in the name of a manifest.
const MANIFEST: (&str, &str) = ("manifest-", ".jsonl");

/// Removes the manifests that are not among `keep`. Failure to do so harms nothing.
pub(crate) fn remove_manifests(path: &Path, keep: &[&str]) {
    let Ok(entries) = fs_err::read_dir(documents_dir(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(MANIFEST.0) && name.ends_with(MANIFEST.1) && !keep.contains(&name) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

/// A file that was read into the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ManifestEntry {
    /// Path below the root.
    pub(crate) path: String,
    /// Its state when it was read.
    pub(crate) stamp: SourceStamp,
    /// The documents it held: id, content hash and number of passages.
    pub(crate) documents: Vec<(String, String, u32)>,
    /// Ids of documents that were passed over because another document has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) duplicates: Vec<String>,
    /// What was passed over in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<sleuth_records::Skipped>,
    /// Ids of documents that were removed by id, and stay away while the file has this stamp.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<String>,
    /// Ids of those of `documents` that are of a former state of the file: they were kept when it
    /// was added once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) kept: Vec<String>,
}

impl ManifestEntry {
    /// A file of which nothing is known yet.
    pub(crate) fn new(path: String, stamp: SourceStamp) -> Self {
        Self {
            path,
            stamp,
            documents: Vec::new(),
            duplicates: Vec::new(),
            skipped: Vec::new(),
            removed: Vec::new(),
            kept: Vec::new(),
        }
    }
}

/// The files that a store was made of, by path.
pub(crate) type Manifest = std::collections::BTreeMap<String, ManifestEntry>;

/// Reads the manifest that `payload` names.
pub(crate) fn read_manifest(path: &Path, payload: &Payload) -> Result<Manifest, IndexError> {
    let name = payload.manifest.as_str();
    let mut manifest = Manifest::new();
    if name.is_empty() {
        return Ok(manifest);
    }
    let damaged = |detail: String| IndexError::Damaged { path: path.to_owned(), detail };
    let read = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            damaged(format!("`documents/{name}` is missing"))
        } else if error.kind() == std::io::ErrorKind::InvalidData {
            damaged(format!("`documents/{name}` is not text"))
        } else {
            IndexError::io(path, error)
        }
    };
    let reader = fs_err::File::open(documents_dir(path).join(name)).map_err(read)?;
    let mut digest = Digest::new();
    for (at, line) in std::io::BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(read)?;
        digest.field(line.as_bytes());
        let entry: ManifestEntry = serde_json::from_str(&line)
            .map_err(|error| damaged(format!("line {} of `documents/{name}`: {error}", at + 1)))?;
        manifest.insert(entry.path.clone(), entry);
    }
    let found = digest.hex();
    if !payload.manifest_digest.is_empty() && payload.manifest_digest != found {
        return Err(damaged(format!(
            "`documents/{name}` has digest `{found}`, expected `{}`",
            payload.manifest_digest
        )));
    }
    Ok(manifest)
}

/// Writes and syncs the manifest called `name`; returns its digest.
pub(crate) fn write_manifest(
    path: &Path,
    name: &str,
    manifest: &Manifest,
) -> Result<String, IndexError> {
    let mut digest = Digest::new();
    write_synced(&documents_dir(path).join(name), |file| {
        for entry in manifest.values() {
            let mut line = serde_json::to_vec(entry)?;
            digest.field(&line);
            line.push(b'\n');
            file.write_all(&line)?;
        }
        Ok(())
    })
    .map_err(|error| IndexError::io(path, error))?;
    Ok(digest.hex())
}

/// Snapshot id: a hash over analyzer, splitter and the sorted ids and content hashes.
pub(crate) fn snapshot_id(manifest: &Manifest) -> String {
    let mut documents: Vec<(&str, &str)> = manifest
        .values()
        .flat_map(|entry| entry.documents.iter().map(|(id, hash, _)| (id.as_str(), hash.as_str())))
        .collect();
    documents.sort_unstable();
    let mut digest = Digest::new();
    digest.field(ANALYZER.as_bytes()).field(SPLITTER.as_bytes());
    for (id, hash) in documents {
        digest.field(id.as_bytes()).field(hash.as_bytes());
    }
    digest.hex()[..32].to_owned()
}

/// The fields of the index.
///
/// Two kinds of entries share it: one for each document (`id`, `source`, `title_key`, `record`) and
/// one for each passage (`document`, `source`, `title`, `body` and the numbers).
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    /// Id of a document, on its own entry.
    pub(crate) id: Field,
    /// Path of the file it came from, on both kinds: updates delete by it.
    pub(crate) source: Field,
    /// Folded titles by which text may name the document.
    pub(crate) title_key: Field,
    /// The document as JSON.
    pub(crate) record: Field,
    /// Id of the document, on the entries of its passages.
    pub(crate) document: Field,
    /// Terms of the document's title, on every passage.
    pub(crate) title: Field,
    /// Terms of the passage.
    pub(crate) body: Field,
    /// Position of the passage among those of its document.
    pub(crate) ordinal: Field,
    /// First byte of the passage.
    pub(crate) start: Field,
    /// Byte after its last.
    pub(crate) end: Field,
    /// Number of terms in its title.
    pub(crate) title_terms: Field,
    /// Number of terms in its body.
    pub(crate) body_terms: Field,
}

/// Names of the numeric columns of a passage.
pub(crate) const ORDINAL: &str = "ordinal";
pub(crate) const START: &str = "start";
pub(crate) const END: &str = "end";
pub(crate) const TITLE_TERMS: &str = "title_terms";
pub(crate) const BODY_TERMS: &str = "body_terms";

/// The index schema.
pub(crate) fn schema() -> (Schema, Fields) {
    let terms = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions),
    );
    let mut builder = Schema::builder();
    let fields = Fields {
        id: builder.add_text_field("id", STRING | FAST),
        source: builder.add_text_field("source", STRING),
        title_key: builder.add_text_field("title_key", STRING),
        record: builder.add_bytes_field("record", STORED),
        document: builder.add_text_field("document", STRING | FAST),
        title: builder.add_text_field("title", terms.clone()),
        body: builder.add_text_field("body", terms),
        ordinal: builder.add_u64_field(ORDINAL, FAST),
        start: builder.add_u64_field(START, FAST),
        end: builder.add_u64_field(END, FAST),
        title_terms: builder.add_u64_field(TITLE_TERMS, FAST),
        body_terms: builder.add_u64_field(BODY_TERMS, FAST),
    };
    (builder.build(), fields)
}

/// What a store is, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// Name given when it was made.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Snapshot id of its documents.
    pub snapshot: String,
    /// Name and version of the analyzer.
    pub analyzer: String,
    /// Name and version of the splitter.
    pub splitter: String,
    /// Number of documents.
    pub n_documents: u64,
    /// Number of passages.
    pub n_passages: u64,
    /// Number of files they came from.
    pub n_files: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether the graph of this snapshot has been made.
    pub graph: bool,
    /// The embedder of its vectors, where it has any.
    pub embedder: Option<String>,
}
