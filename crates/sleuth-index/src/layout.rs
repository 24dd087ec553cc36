//! What a store looks like on disk.
//!
//! ```text
//! store.toml            name, schema version, analyzer, splitter
//! documents/            manifest-N.jsonl: the files that were read, their stamps and documents
//! lexical/              tantivy index: documents with their full record, and their passages
//! ```
//!
//! A commit is one atomic step: the new manifest is written and synced first, under a name that no
//! reader knows; then the index commits with that name in its payload, by renaming one file. Until
//! that rename the store is the old one, whole; after it, the new one. Leftovers of a killed build
//! are named by nothing and are removed by the next.

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
        let file = path.join("store.toml");
        let text = match fs_err::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(if path.is_dir() && !is_empty_dir(path) {
                    IndexError::NotAStore { path: path.to_owned(), found: "other files".to_owned() }
                } else if path.exists() && !path.is_dir() {
                    IndexError::NotAStore { path: path.to_owned(), found: "a file".to_owned() }
                } else {
                    IndexError::Missing { path: path.to_owned() }
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(IndexError::NotAStore {
                    path: path.to_owned(),
                    found: "a file".to_owned(),
                });
            }
            Err(error) => return Err(IndexError::io(path, error)),
        };
        let found: Self = toml::from_str(&text).map_err(|error| IndexError::Damaged {
            path: path.to_owned(),
            detail: format!("`store.toml`: {}", error.message()),
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

    /// Writes `store.toml` whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), IndexError> {
        let text = toml::to_string(self).map_err(|error| IndexError::Damaged {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        let temporary = path.join("store.toml.new");
        write_synced(&temporary, text.as_bytes())
            .and_then(|()| fs_err::rename(&temporary, path.join("store.toml")))
            .map_err(|error| IndexError::io(path, error))
    }
}

pub(crate) fn is_empty_dir(path: &Path) -> bool {
    fs_err::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs_err::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The folder of the index library.
pub(crate) fn lexical_dir(path: &Path) -> PathBuf {
    path.join("lexical")
}

/// The folder of the manifests.
pub(crate) fn documents_dir(path: &Path) -> PathBuf {
    path.join("documents")
}

/// What a commit carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) manifest: String,
    pub(crate) snapshot: String,
    pub(crate) n_documents: u64,
    pub(crate) n_passages: u64,
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
    /// What was passed over in it: stable word and sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<sleuth_records::Skipped>,
}

/// The files that a store was made of, by path.
pub(crate) type Manifest = std::collections::BTreeMap<String, ManifestEntry>;

/// Reads the manifest called `name`.
pub(crate) fn read_manifest(path: &Path, name: &str) -> Result<Manifest, IndexError> {
    let file = documents_dir(path).join(name);
    let damaged = |detail: String| IndexError::Damaged { path: path.to_owned(), detail };
    let reader = fs_err::File::open(&file).map_err(|error| damaged(error.to_string()))?;
    let mut manifest = Manifest::new();
    for (at, line) in std::io::BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(|error| damaged(error.to_string()))?;
        let entry: ManifestEntry = serde_json::from_str(&line)
            .map_err(|error| damaged(format!("line {} of `{name}`: {error}", at + 1)))?;
        manifest.insert(entry.path.clone(), entry);
    }
    Ok(manifest)
}

/// Writes and syncs the manifest called `name`.
pub(crate) fn write_manifest(
    path: &Path,
    name: &str,
    manifest: &Manifest,
) -> Result<(), IndexError> {
    let mut bytes = Vec::new();
    for entry in manifest.values() {
        serde_json::to_writer(&mut bytes, entry)
            .map_err(|error| IndexError::io(path, std::io::Error::other(error)))?;
        bytes.push(b'\n');
    }
    write_synced(&documents_dir(path).join(name), &bytes).map_err(|error| IndexError::io(path, error))
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
    };
    for number in [ORDINAL, START, END, TITLE_TERMS, BODY_TERMS] {
        builder.add_u64_field(number, FAST);
    }
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
}
