//! The measurement data that may stand beside the repository, at `../shared/data`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sleuth_records::{Document, DocumentId};

/// The folder of the data.
pub struct SharedData(PathBuf);

/// A question of a store with what is known of its answer. Only tests and measurements see this
/// type.
#[derive(Clone, Debug, Deserialize)]
pub struct AskedQuestion {
    /// Query id.
    #[serde(rename = "_id")]
    pub id: String,
    /// The question.
    pub text: String,
    /// Accepted answers; empty where none is known.
    #[serde(default)]
    pub answers: Vec<String>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

impl SharedData {
    /// The data, where it is present.
    pub fn find() -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        path.is_dir().then_some(Self(path))
    }

    /// A file or folder of the data, where it is present.
    pub fn path(&self, below: &str) -> Option<PathBuf> {
        let path = self.0.join(below);
        path.exists().then_some(path)
    }

    /// The documents of a store.
    pub fn documents(&self, store: &str) -> Option<Vec<Document>> {
        let folder = self.path(&format!("stores/{store}"))?;
        let plain = folder.join("corpus.jsonl");
        let text = if plain.exists() {
            fs_err::read_to_string(plain).unwrap()
        } else {
            let file = fs_err::File::open(folder.join("corpus.jsonl.zst")).unwrap();
            String::from_utf8(zstd::decode_all(file).unwrap()).unwrap()
        };
        let document = |line: &str| {
            let record: Record = serde_json::from_str(line).unwrap();
            Document::new(DocumentId::new(record.id), record.title, record.text)
        };
        Some(text.lines().filter(|line| !line.trim().is_empty()).map(document).collect())
    }

    /// The questions of a store.
    pub fn questions(&self, store: &str) -> Option<Vec<AskedQuestion>> {
        let path = self.path(&format!("stores/{store}/queries.jsonl"))?;
        let text = fs_err::read_to_string(path).unwrap();
        let question = |line: &str| serde_json::from_str(line).unwrap();
        Some(text.lines().filter(|line| !line.trim().is_empty()).map(question).collect())
    }
}
