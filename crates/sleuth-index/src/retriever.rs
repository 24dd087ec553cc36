//! The face of retrieval.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sleuth_records::{Document, DocumentId, Ranking};

use crate::{Filter, IndexError, Mention};

/// Text sent to the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Words to look for, each clause with the weight of its words in the score (1 is plain).
    pub clauses: Vec<(String, f32)>,
    /// Most hits to return.
    pub k: usize,
    /// Most hits from one document.
    pub per_document: usize,
    /// Search only these documents; `None` searches all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Vec<DocumentId>>,
    /// What to rank by.
    #[serde(default)]
    pub parts: Parts,
    /// What documents must and must not be, beside these words.
    #[serde(default, skip_serializing_if = "Filter::is_empty")]
    pub filter: Filter,
}

/// What a ranking goes by. Parts that a store does not have are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Words: BM25 over titles and passages.
    pub lexical: bool,
    /// Nearness of passage vectors.
    pub dense: bool,
    /// The graph of documents that name each other.
    pub associative: bool,
}

impl Parts {
    /// Everything that the store has.
    pub const ALL: Self = Self { lexical: true, dense: true, associative: true };
    /// Words only.
    pub const LEXICAL: Self = Self { lexical: true, dense: false, associative: false };
    /// Nearness of vectors only.
    pub const DENSE: Self = Self { lexical: false, dense: true, associative: false };
    /// Words and the graph.
    pub const ASSOCIATIVE: Self = Self { lexical: true, dense: false, associative: true };
}

impl Default for Parts {
    fn default() -> Self {
        Self::ALL
    }
}

impl Query {
    /// A query of plain words, whatever stands in them, for at most `k` documents, each with its best passage.
    pub fn new(text: impl Into<String>, k: usize) -> Self {
        Self {
            clauses: vec![(text.into(), 1.0)],
            k,
            per_document: 1,
            within: None,
            parts: Parts::ALL,
            filter: Filter::default(),
        }
    }

    /// The same by words only: scores are BM25, and comparable between queries of the same words.
    pub fn lexical(text: impl Into<String>, k: usize) -> Self {
        Self { parts: Parts::LEXICAL, ..Self::new(text, k) }
    }
}

/// A store that can be searched: the local one, an outside engine, or a recording of either.
pub trait Retriever: Send + Sync {
    /// Snapshot id of the documents that answers come from.
    fn snapshot(&self) -> &str;

    /// Passages that match `query`, best first. A query without any known word has no hits,
    /// unless it is nothing but a filter: then what passes is listed, the newest first, then by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn search(&self, query: &Query) -> Result<Ranking, IndexError>;

    /// The document `id`, or `None` when the store has none of that name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError>;

    /// Places in `text` that name documents of the store by title, longest names first at each
    /// place, in order, without overlaps.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError>;

    /// How rare each index term is: its inverse document frequency, natural logarithm, over
    /// passages. A term that the store does not have gets the highest value.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError>;
}
