//! A store as it is served.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use sleuth_index::{IndexError, Parts, Query, Retriever as _, Snippets, Store};
use sleuth_records::{Document, DocumentId, Ranking};
use sleuth_tasks::{Degraded, Fault, Quality};

use crate::ServerError;
use crate::admission::Gone;
use crate::refused::Refused;

/// Everything but what RFC 3986 calls unreserved.
const IN_PATH: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bytes of documents kept in memory once they were read, at most; one that is larger is kept beside them.
const CACHED_BYTES: usize = 16 << 20;

/// What is searched for before anybody asks. Any word will do: what the first search makes does not depend on it.
const FIRST: &str = "first";

/// Where documents are shown, below the address of their store.
pub(crate) const PAGES: &str = "/d/";

/// What stands before the name of a store in addresses that choose one.
pub(crate) const STORES: &str = "/stores/";

/// See the [module](self).
pub(crate) struct Served {
    pub(crate) name: String,
    pub(crate) store: Arc<Store>,
    pub(crate) degraded: Degraded,
    pub(crate) parts: Parts,
    /// Names what searches return, the quality of the tool included.
    pub(crate) retrieval: String,
    /// The snapshot id and the retrieval id as values of headers.
    pub(crate) headers: [HeaderValue; 2],
    /// Documents by the address that they were recorded with, made when first asked for.
    addresses: OnceLock<HashMap<String, DocumentId>>,
}

/// What `/health` says of a store.
#[derive(Serialize)]
pub(crate) struct About<'a> {
    name: &'a str,
    snapshot: &'a str,
    retrieval: &'a str,
    documents: u64,
}

/// One hit: what answers need of its document, and no more, so that a request that finds much does not hold
/// whole documents until it is answered.
pub(crate) struct Found {
    pub(crate) id: DocumentId,
    pub(crate) title: String,
    /// The address that the document was recorded with.
    address: Option<String>,
    /// The words of the passage.
    pub(crate) text: String,
    pub(crate) score: f32,
    /// Absent where none was asked for.
    snippet: Option<String>,
}

impl Found {
    /// The words of the snippet, or of the passage where there is none.
    pub(crate) fn snippet(&self) -> &str {
        self.snippet.as_deref().unwrap_or(&self.text)
    }

    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// As [`Served::url`].
    pub(crate) fn url(&self, base: &str) -> String {
        url(&self.id, self.address.as_deref(), base)
    }
}

impl Served {
    pub(crate) fn new(
        name: String,
        store: Store,
        parts: Parts,
        quality: Quality,
        seed: u64,
    ) -> Result<Self, ServerError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(ServerError::Name { name });
        }
        let store = Arc::new(store.with_cache(CACHED_BYTES));
        let mut retrieval = store.retrieval()?.id;
        let only = [
            (parts.lexical, "lexical"),
            (parts.dense, "dense"),
            (parts.associative, "associative"),
        ];
        if parts != Parts::ALL {
            let named: Vec<&str> =
                only.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
            retrieval = format!("{retrieval}+{}", named.join("+"));
        }
        let retrieval = quality.retrieval(&retrieval, seed);
        let pool = if quality.needs_pool() { store.passages()? } else { Vec::new() };
        // The first search makes what all need. No client should wait for it, nor should the time that it takes
        // be taken for that of a search. Where it fails, whoever searches is told.
        let _ = store.search(&Query { parts, ..Query::new(FIRST, 1) });
        let header = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
        };
        Ok(Self {
            name,
            headers: [header(store.snapshot()), header(&retrieval)],
            degraded: Degraded::new(
                Arc::clone(&store) as Arc<dyn sleuth_index::Retriever>,
                pool,
                quality,
                seed,
            ),
            parts,
            retrieval,
            store,
            addresses: OnceLock::new(),
        })
    }

    /// The snapshot id and the retrieval id.
    pub(crate) fn ids(&self) -> (&str, &str) {
        (self.store.snapshot(), &self.retrieval)
    }

    pub(crate) fn about(&self) -> About<'_> {
        About {
            name: &self.name,
            snapshot: self.store.snapshot(),
            retrieval: &self.retrieval,
            documents: self.store.n_documents(),
        }
    }

    /// What `queries` find, `k` documents each; `None` where the client has gone meanwhile.
    pub(crate) fn search(
        &self,
        queries: &[String],
        k: usize,
        snippets: bool,
        fault: Option<Fault>,
        gone: &Gone,
    ) -> Result<Vec<Vec<Found>>, Refused> {
        let mut out = Vec::with_capacity(queries.len());
        for text in queries {
            if gone.is_so() {
                break;
            }
            let query = Query { parts: self.parts, ..Query::new(text.as_str(), k) };
            let mut ranking =
                if k == 0 { Ranking::default() } else { self.degraded.found(&query)? };
            if let Some(fault) = fault {
                ranking = Degraded::after(fault, ranking);
            }
            out.push(self.read(&query, ranking, snippets)?);
        }
        Ok(out)
    }

    fn read(
        &self,
        query: &Query,
        ranking: Ranking,
        snippets: bool,
    ) -> Result<Vec<Found>, IndexError> {
        let snippets = if snippets && !ranking.hits.is_empty() {
            Some(Snippets::new(self.store.as_ref(), query)?)
        } else {
            None
        };
        let mut out = Vec::with_capacity(ranking.hits.len());
        for hit in ranking.hits {
            let Some(document) = self.store.document(&hit.passage.document)? else { continue };
            let words =
                |range: Range<usize>| document.text.get(range).unwrap_or_default().to_owned();
            let cut = snippets.as_ref().map(|cut| cut.cut(&document.text, &hit.passage.range));
            out.push(Found {
                id: document.id.clone(),
                title: document.title.clone(),
                address: document.url.clone(),
                text: words(hit.passage.range),
                score: hit.score,
                snippet: cut.map(|snippet| words(snippet.range)),
            });
        }
        Ok(out)
    }

    /// Where `document` can be read: the address that it was recorded with where that is one of the
    /// web, else a page of this server. `base` is the address of this store.
    pub(crate) fn url(document: &Document, base: &str) -> String {
        url(&document.id, document.url.as_deref(), base)
    }

    /// The document that `name` means: an address that [`Served::url`] gave, the one it was recorded
    /// with, or an id. Ids and recorded addresses may hold a `#`; else what follows it is a place in the
    /// document.
    pub(crate) fn named(&self, name: &str) -> Result<Option<Arc<Document>>, IndexError> {
        if let Some(document) = self.known_as(name)? {
            return Ok(Some(document));
        }
        for (before, _) in [name.rsplit_once('#'), name.split_once('#')].into_iter().flatten() {
            if let Some(document) = self.known_as(before)? {
                return Ok(Some(document));
            }
        }
        let whole = name.split_once('#').map_or(name, |(before, _)| before);
        let path = match whole.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
            None => whole,
        };
        let below = path.strip_prefix(STORES).and_then(|rest| rest.strip_prefix(&self.name));
        let Some(id) = below.unwrap_or(path).strip_prefix(PAGES) else { return Ok(None) };
        let Ok(id) = percent_decode_str(id).decode_utf8() else { return Ok(None) };
        self.store.document(&DocumentId::new(id))
    }

    /// The document whose id or recorded address is `name`, to the letter.
    fn known_as(&self, name: &str) -> Result<Option<Arc<Document>>, IndexError> {
        let by_id = self.store.document(&DocumentId::new(name))?;
        if by_id.is_some() {
            return Ok(by_id);
        }
        self.addresses()?.get(name).map_or(Ok(None), |id| self.store.document(id))
    }

    fn addresses(&self) -> Result<&HashMap<String, DocumentId>, IndexError> {
        if let Some(addresses) = self.addresses.get() {
            return Ok(addresses);
        }
        let made = self.store.addresses()?;
        Ok(self.addresses.get_or_init(|| made.into_iter().filter(|(url, _)| is_web(url)).collect()))
    }
}

fn url(id: &DocumentId, recorded: Option<&str>, base: &str) -> String {
    match recorded {
        Some(url) if is_web(url) => url.to_owned(),
        _ => format!("{base}{PAGES}{}", utf8_percent_encode(id.as_str(), &IN_PATH)),
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
