//! What a store knows of one document.

use serde::Serialize;
use sleuth_records::{DocumentId, quality};

use crate::graph::DocumentNumber;
use crate::standing::{Likeness, host_of};
use crate::store::Store;
use crate::{IndexError, language};

/// See [`Store::about`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    /// The document.
    pub id: DocumentId,
    /// Its title; empty where it has none.
    pub title: String,
    /// Its address for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The host that its address or, in a folder of saved pages, its id says it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its date as the source states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Its language, stated or else detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Bytes of its text.
    pub bytes: usize,
    /// Passages that it was cut into.
    pub passages: u32,
    /// How well it is made, from 0 to 1; the default search multiplies its score by (1 + quality) / 2.
    pub quality: f64,
    /// What lowered its quality, the worst first.
    pub reasons: Vec<String>,
    /// What the graph knows; nothing where it has not been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<InGraph>,
}

/// A document among others.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InGraph {
    /// The document that it is a copy of, which the default search puts before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<DocumentId>,
    /// The document elsewhere of which its site has changed copies in masses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<DocumentId>,
    /// Its copies, and variants of it, for which it stands.
    pub stands_for: Vec<DocumentId>,
    /// Documents that it names or links to, with the strength of that from 0 to 1, the strongest first.
    pub names: Vec<(DocumentId, f32)>,
    /// Documents that name it or link to it.
    pub named_by: Vec<DocumentId>,
}

impl Store {
    /// What the store knows of the document `id`, or `None` when it has none of that name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn about(&self, id: &DocumentId) -> Result<Option<About>, IndexError> {
        let Some(document) = self.read_uncached(id)? else { return Ok(None) };
        let Some(number) = self.table()?.number(id) else { return Ok(None) };
        let quality = document.signals.as_deref().map(quality).unwrap_or_default();
        let language = match document.language.as_deref().and_then(language::stated) {
            Some(stated) => Some(stated),
            None => language::detect(&document.title, &document.text).map(str::to_owned),
        };
        let passages = self.content_keys()?.get(id).map_or(0, |(_, n_passages)| *n_passages);
        Ok(Some(About {
            id: id.clone(),
            bytes: document.text.len(),
            host: host_of(&document),
            title: document.title,
            url: document.url,
            date: document.date,
            language,
            passages,
            quality: quality.score,
            reasons: quality.reasons,
            graph: self.in_graph(number)?,
        }))
    }

    fn in_graph(&self, at: DocumentNumber) -> Result<Option<InGraph>, IndexError> {
        let Some(graph) = self.graph()? else { return Ok(None) };
        let table = self.table()?;
        if graph.n_documents != table.n_documents() {
            return Ok(None);
        }
        let original = |likeness: Likeness| {
            let (original, found) = graph.standing.original(at)?;
            (found == likeness).then(|| table.id(original).clone())
        };
        let stands_for = (0..graph.n_documents as DocumentNumber)
            .filter(|other| *other != at && graph.standing.first(*other) == at);
        let mut names: Vec<_> = graph.edges.row(at as usize).to_vec();
        names.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let id = |at: &DocumentNumber| table.id(*at).clone();
        Ok(Some(InGraph {
            copy_of: original(Likeness::Copy),
            variant_of: original(Likeness::Variant),
            stands_for: stands_for.map(|other| id(&other)).collect(),
            names: names.iter().map(|(target, strength)| (id(target), *strength)).collect(),
            named_by: graph.back.row(at as usize).iter().map(id).collect(),
        }))
    }
}
