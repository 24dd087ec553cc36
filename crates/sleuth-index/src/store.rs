//! An open store.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;
use sleuth_records::{Document, DocumentId, Hit, LineMap, Passage, PassageId, Ranking};
use tantivy::columnar::{Column, StrColumn};
use tantivy::schema::{Field, IndexRecordOption, Value as _};
use tantivy::store::StoreReader;
use tantivy::{
    DocId, DocSet as _, InvertedIndexReader, SegmentReader, TERMINATED, TantivyDocument,
};

use crate::analyzer::is_stop_word;
use crate::bm25::{Bm25, Collection, ImpactCache, idf, passage_frequency};
use crate::directory::ReadDirectory;
use crate::graph::{DocumentNumber, Graph, read_graph};
use crate::layout::{
    BODY_TERMS, END, Fields, ORDINAL, Payload, START, StoreFile, StoreInfo, TITLE_TERMS,
    lexical_dir, read_manifest, read_meta, schema,
};
use crate::mentions::{Mention, TitleTable};
use crate::query::{Place, languages, places, verdicts};
use crate::rank::{Basis, Explained, RANKER, Table, is_plain};
use crate::recent::Recent;
use crate::retriever::{Query, Retriever};
use crate::vectors::{Dense, Embedder, Key, Parts as VectorParts, Rows};
use crate::{IndexError, SiteLists, Verdict, analyze};

/// Bytes of documents kept decoded, at most, where nobody says otherwise: those of which one reads around.
const CACHED_BYTES: usize = 8 << 20;
/// Bytes of what terms add to scores, kept for those asked for last: so many, and so many more for each passage,
/// so that in a store of any size it is as much as a few frequent words have.
const CACHED_IMPACTS: (usize, usize) = (16 << 20, 16);
/// Blocks of records kept unpacked, in each segment.
const CACHED_BLOCKS: usize = 4;
/// Entries whose lengths are read at once.
const BATCH: usize = 1024;

/// A store opened for reading: one snapshot, whatever writers do meanwhile.
pub struct Store {
    path: PathBuf,
    file: StoreFile,
    payload: Payload,
    index: tantivy::Index,
    fields: Fields,
    segments: Vec<Segment>,
    settings: Bm25,
    impacts: ImpactCache,
    titles: OnceLock<TitleTable>,
    table: OnceLock<Table>,
    places: OnceLock<Vec<Place>>,
    languages: OnceLock<Vec<Box<str>>>,
    graph: OnceLock<Option<Graph>>,
    embedder: Option<Arc<dyn Embedder>>,
    sites: Option<Arc<SiteLists>>,
    verdicts: OnceLock<Vec<Verdict>>,
    dense: OnceLock<Option<Dense>>,
    documents: Mutex<Recent<DocumentId, Arc<Document>>>,
}

/// What the default search of a store goes by: two searches of one snapshot with one retrieval id give
/// the same ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retrieval {
    /// Names everything below that a ranking depends on.
    pub id: String,
    /// Name and version of the ranker.
    pub ranker: &'static str,
    /// The embedder for queries; none where searches do without vectors.
    pub embedder: Option<String>,
    /// Share of the passages that have a vector. Below 1 the default search does without.
    pub coverage: f32,
    /// Whether the graph of this snapshot has been made.
    pub graph: bool,
    /// Names the lists of sites in force; none where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sites: Option<String>,
}

/// A segment of the index with what answering needs of it.
pub(crate) struct Segment {
    pub(crate) reader: SegmentReader,
    pub(crate) body: Arc<InvertedIndexReader>,
    pub(crate) title: Arc<InvertedIndexReader>,
    title_key: Arc<InvertedIndexReader>,
    id: Arc<InvertedIndexReader>,
    document: Arc<InvertedIndexReader>,
    records: StoreReader,
    /// Ids of the documents; absent in a segment without any.
    ids: Option<StrColumn>,
    /// Absent in a segment without passages.
    columns: Option<PassageColumns>,
    /// Terms in title and body of each entry; zero on entries that are not passages.
    pub(crate) lengths: Vec<(u16, u32)>,
    /// Living passages.
    pub(crate) n_passages: u64,
    /// Title terms of the living passages.
    pub(crate) title_terms: u64,
    /// Body terms of the living passages.
    pub(crate) body_terms: u64,
}

struct PassageColumns {
    document: StrColumn,
    ordinal: Column<u64>,
    start: Column<u64>,
    end: Column<u64>,
}

impl PassageColumns {
    /// The passage at an entry, which is of `document`.
    fn passage(&self, entry: DocId, document: DocumentId) -> Passage {
        let number = |column: &Column<u64>| column.first(entry).unwrap_or(0);
        Passage {
            document,
            id: PassageId(u32::try_from(number(&self.ordinal)).unwrap_or(u32::MAX)),
            range: number(&self.start) as usize..number(&self.end) as usize,
        }
    }
}

impl Segment {
    fn open(reader: SegmentReader, fields: &Fields) -> tantivy::Result<Self> {
        let fast = reader.fast_fields();
        let columns = match (
            fast.str("document")?,
            fast.column_opt::<u64>(ORDINAL)?,
            fast.column_opt::<u64>(START)?,
            fast.column_opt::<u64>(END)?,
        ) {
            (Some(document), Some(ordinal), Some(start), Some(end)) => {
                Some(PassageColumns { document, ordinal, start, end })
            }
            _ => None,
        };
        let n_entries = reader.max_doc() as usize;
        let mut lengths = vec![(0, 0); n_entries];
        let (mut n_passages, mut title_sum, mut body_sum) = (0, 0, 0);
        if let (Some(title_terms), Some(body_terms)) =
            (fast.column_opt::<u64>(TITLE_TERMS)?, fast.column_opt::<u64>(BODY_TERMS)?)
        {
            let alive = reader.alive_bitset();
            for start in (0..n_entries).step_by(BATCH) {
                let end = (start + BATCH).min(n_entries);
                let docs: Vec<DocId> = (start..end).map(|doc| doc as DocId).collect();
                let (mut titles, mut bodies) = ([None; BATCH], [None; BATCH]);
                title_terms.first_vals(&docs, &mut titles[..docs.len()]);
                body_terms.first_vals(&docs, &mut bodies[..docs.len()]);
                for (&doc, (title, body)) in docs.iter().zip(titles.into_iter().zip(bodies)) {
                    let Some(body) = body else { continue };
                    if alive.is_some_and(|alive| alive.is_deleted(doc)) {
                        continue;
                    }
                    let title = title.unwrap_or(0);
                    lengths[doc as usize] = (
                        u16::try_from(title).unwrap_or(u16::MAX),
                        u32::try_from(body).unwrap_or(u32::MAX),
                    );
                    n_passages += 1;
                    title_sum += title;
                    body_sum += body;
                }
            }
        }
        Ok(Self {
            body: reader.inverted_index(fields.body)?,
            title: reader.inverted_index(fields.title)?,
            title_key: reader.inverted_index(fields.title_key)?,
            id: reader.inverted_index(fields.id)?,
            document: reader.inverted_index(fields.document)?,
            records: reader.get_store_reader(CACHED_BLOCKS)?,
            ids: fast.str("id")?,
            columns,
            reader,
            lengths,
            n_passages,
            title_terms: title_sum,
            body_terms: body_sum,
        })
    }

    /// Living entries with `value` in the field of `index`, in order.
    fn entries(
        &self,
        index: &InvertedIndexReader,
        field: Field,
        value: &str,
    ) -> std::io::Result<Vec<DocId>> {
        let term = tantivy::Term::from_field_text(field, value);
        let mut out = Vec::new();
        if let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? {
            let mut doc = postings.doc();
            while doc != TERMINATED {
                if !self.reader.is_deleted(doc) {
                    out.push(doc);
                }
                doc = postings.advance();
            }
        }
        Ok(out)
    }

    /// The id of the document at entry `doc`.
    fn id_at(&self, doc: DocId) -> std::io::Result<Option<DocumentId>> {
        let Some(ids) = &self.ids else { return Ok(None) };
        let Some(ord) = ids.term_ords(doc).next() else { return Ok(None) };
        let mut id = String::new();
        ids.ord_to_str(ord, &mut id)?;
        Ok(Some(DocumentId::new(id)))
    }
}

/// Bytes that a document takes in memory, about.
fn bytes_of(document: &Document) -> usize {
    /// Of the document itself, its place in a table, and the allocator.
    const BESIDE: usize = 512;
    /// Of a link, and of what a page gives away.
    const LINK: usize = 64;
    const SIGNALS: usize = 1024;
    let starts = match &document.lines {
        LineMap::OfText | LineMap::Fixed(_) => 0,
        LineMap::Starts(starts) | LineMap::Parts { starts, .. } => size_of_val(starts.as_slice()),
    };
    let links = document.links.iter().map(|link| LINK + link.target.len() + link.text.len());
    let url = document.url.as_ref().map_or(0, String::len);
    let signals = if document.signals.is_some() { SIGNALS } else { 0 };
    let texts = document.text.len() + document.title.len() + 2 * document.id.as_str().len() + url;
    BESIDE + texts + starts + links.sum::<usize>() + signals
}

impl Store {
    /// Opens the store at `path` at its newest commit.
    ///
    /// # Errors
    /// When nothing is there, it is of another version, it is damaged, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let file = StoreFile::read(path)?;
        read_meta(path)?;
        let engine = |error| IndexError::engine(path, error);
        let folder =
            ReadDirectory::open(&lexical_dir(path)).map_err(|error| engine(error.into()))?;
        let index = tantivy::Index::open(folder).map_err(engine)?;
        let (expected, fields) = schema();
        if index.schema() != expected {
            return Err(IndexError::Damaged {
                path: path.to_owned(),
                detail: "its index has other fields than its version says".to_owned(),
            });
        }
        // A commit in between the two reads would pair one commit's payload with another's
        // segments, and may take away a segment that the older one names; so the library's file is
        // read before and after until both agree.
        let (payload, searcher) = loop {
            let before = read_meta(path)?;
            let payload = Payload::read(path, &index)?;
            let reader = guarded(path, || {
                index
                    .reader_builder()
                    .reload_policy(tantivy::ReloadPolicy::Manual)
                    .try_into()
                    .map_err(engine)
            });
            if read_meta(path)? == before {
                break (payload, reader?.searcher());
            }
        };
        let segments: Vec<Segment> = guarded(path, || {
            searcher
                .segment_readers()
                .iter()
                .map(|reader| Segment::open(reader.clone(), &fields))
                .collect::<tantivy::Result<_>>()
                .map_err(engine)
        })?;
        let impacts = impact_cache(&segments);
        Ok(Self {
            path: path.to_owned(),
            file,
            payload,
            index,
            fields,
            segments,
            settings: Bm25::default(),
            impacts,
            titles: OnceLock::new(),
            table: OnceLock::new(),
            places: OnceLock::new(),
            languages: OnceLock::new(),
            graph: OnceLock::new(),
            embedder: None,
            sites: None,
            verdicts: OnceLock::new(),
            dense: OnceLock::new(),
            documents: Mutex::new(Recent::new(CACHED_BYTES)),
        })
    }

    /// The same store with other settings of the score.
    #[must_use]
    pub fn with_settings(mut self, settings: Bm25) -> Self {
        self.settings = settings;
        self.impacts = impact_cache(&self.segments);
        self
    }

    /// The same store, keeping up to `bytes` of documents in memory once they were read, and one that is larger than
    /// half of that: for whoever answers many queries.
    #[must_use]
    pub fn with_cache(mut self, bytes: usize) -> Self {
        self.documents = Mutex::new(Recent::new(bytes));
        self
    }

    /// The same store, searching by vectors too, where it has them, with `embedder` for the queries.
    ///
    /// # Errors
    /// [`IndexError::OtherEmbedder`] when the store's vectors are of another one.
    pub fn with_embedder(mut self, embedder: Arc<dyn Embedder>) -> Result<Self, IndexError> {
        if let Some(listed) = VectorParts::read(&self.path)?
            && (listed.embedder != embedder.id() || listed.dims != embedder.dims())
        {
            return Err(IndexError::OtherEmbedder {
                path: self.path.clone(),
                expected: listed.embedder,
                found: embedder.id().to_owned(),
            });
        }
        self.embedder = Some(embedder);
        Ok(self)
    }

    /// The same store, where `lists` boost, demote and block documents in every search. A document that
    /// they block is not found, named or read by [`Retriever`].
    #[must_use]
    pub fn with_sites(mut self, lists: Arc<SiteLists>) -> Self {
        self.sites = Some(lists);
        self.verdicts = OnceLock::new();
        self
    }

    /// The lists of sites in force.
    pub fn sites(&self) -> Option<&SiteLists> {
        self.sites.as_deref()
    }

    /// What the lists of sites make of the document `id`; `None` where there are no lists or no such
    /// document.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verdict(&self, id: &DocumentId) -> Result<Option<&Verdict>, IndexError> {
        guarded(&self.path, || {
            let Some(verdicts) = self.verdicts()? else { return Ok(None) };
            Ok(self.table()?.number(id).map(|at| &verdicts[at as usize]))
        })
    }

    /// What the default search goes by.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn retrieval(&self) -> Result<Retrieval, IndexError> {
        guarded(&self.path, || {
            let coverage = self.dense()?.map_or(0.0, Dense::coverage);
            let embedder = self.embedder.as_ref().map(|embedder| embedder.id().to_owned());
            let graph = self.graph()?;
            let standing = graph.map(|graph| graph.standing.digest()).unwrap_or_default();
            let graph = graph.is_some();
            let mut digest = sleuth_records::Digest::new();
            digest
                .field(RANKER.as_bytes())
                .field(
                    if coverage >= 1.0 { embedder.as_deref().unwrap_or("") } else { "" }.as_bytes(),
                )
                .field(&[u8::from(graph)])
                .field(standing.as_bytes());
            let sites = self.sites.as_ref().map(|lists| lists.id());
            if let Some(sites) = &sites {
                digest.field(sites.as_bytes());
            }
            let id = digest.hex()[..16].to_owned();
            Ok(Retrieval { id, ranker: RANKER, embedder, coverage, graph, sites })
        })
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of documents.
    pub fn n_documents(&self) -> u64 {
        self.payload.n_documents
    }

    /// What the store is, for people.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn info(&self) -> Result<StoreInfo, IndexError> {
        Ok(StoreInfo {
            name: self.file.name.clone(),
            path: self.path.clone(),
            snapshot: self.payload.snapshot.clone(),
            analyzer: self.file.analyzer.clone(),
            splitter: self.file.splitter.clone(),
            n_documents: self.payload.n_documents,
            n_passages: self.payload.n_passages,
            n_files: self.payload.n_files,
            bytes: bytes_below(&self.path),
            graph: self.graph()?.is_some(),
            embedder: VectorParts::read(&self.path)?.map(|listed| listed.embedder),
        })
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The passages, as scores are computed from them.
    pub(crate) fn collection(&self) -> Collection<'_> {
        Collection::new(&self.segments, &self.fields, &self.settings)
    }

    /// What the terms asked for last add to scores.
    pub(crate) fn impacts(&self) -> &ImpactCache {
        &self.impacts
    }

    /// The place of the passage at an entry among those of its document.
    pub(crate) fn ordinal(&self, segment: usize, entry: DocId) -> u64 {
        let columns = self.segments[segment].columns.as_ref();
        columns.and_then(|columns| columns.ordinal.first(entry)).unwrap_or(0)
    }

    /// The documents by number, made when first asked for.
    pub(crate) fn table(&self) -> Result<&Table, IndexError> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let table = Table::new(self)?;
        Ok(self.table.get_or_init(|| table))
    }

    /// Hosts and dates of the documents by number, made when first asked for.
    pub(crate) fn places(&self) -> Result<&[Place], IndexError> {
        if let Some(places) = self.places.get() {
            return Ok(places);
        }
        let made = places(self)?;
        Ok(self.places.get_or_init(|| made))
    }

    /// Languages of the documents by number, made when first asked for.
    pub(crate) fn languages(&self) -> Result<&[Box<str>], IndexError> {
        if let Some(languages) = self.languages.get() {
            return Ok(languages);
        }
        let made = languages(self)?;
        Ok(self.languages.get_or_init(|| made))
    }

    /// What the lists of sites make of the documents by number, made when first asked for; `None` where
    /// there are no lists.
    pub(crate) fn verdicts(&self) -> Result<Option<&[Verdict]>, IndexError> {
        let Some(lists) = &self.sites else { return Ok(None) };
        if let Some(verdicts) = self.verdicts.get() {
            return Ok(Some(verdicts));
        }
        let made = verdicts(self, lists)?;
        Ok(Some(self.verdicts.get_or_init(|| made)))
    }

    /// The graph of this snapshot, where it has been made.
    pub(crate) fn graph(&self) -> Result<Option<&Graph>, IndexError> {
        if let Some(graph) = self.graph.get() {
            return Ok(graph.as_ref());
        }
        let graph = read_graph(&self.path, self.snapshot_id())?;
        Ok(self.graph.get_or_init(|| graph).as_ref())
    }

    /// The vectors of this snapshot's passages, where there is an embedder for queries and there are
    /// any.
    pub(crate) fn dense(&self) -> Result<Option<&Dense>, IndexError> {
        if let Some(dense) = self.dense.get() {
            return Ok(dense.as_ref());
        }
        let listed = match self.embedder {
            Some(_) => VectorParts::read(&self.path)?,
            None => None,
        };
        let dense = match listed {
            Some(listed) => {
                let rows = Rows::open(&self.path, &listed)?;
                Some(Dense::new(rows, &self.passage_keys()?))
            }
            None => None,
        };
        Ok(self.dense.get_or_init(|| dense).as_ref())
    }

    pub(crate) fn embedder(&self) -> Option<&dyn Embedder> {
        self.embedder.as_deref()
    }

    /// For each document, what its vectors are kept by and the number of its passages.
    pub(crate) fn content_keys(&self) -> Result<BTreeMap<DocumentId, (u64, u32)>, IndexError> {
        let manifest = read_manifest(&self.path, &self.payload)?;
        let documents = manifest.values().flat_map(|entry| &entry.documents);
        Ok(documents
            .map(|(id, hash, n_passages)| {
                let key = hash.get(..16).and_then(|hash| u64::from_str_radix(hash, 16).ok());
                (DocumentId::new(id.as_str()), (key.unwrap_or(0), *n_passages))
            })
            .collect())
    }

    /// Segment and entry of each living passage, and what its vector is kept by.
    fn passage_keys(&self) -> Result<Vec<(u32, DocId, Key)>, IndexError> {
        let documents = self.content_keys()?;
        let table = self.table()?;
        let mut out = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let Some(columns) = &segment.columns else { continue };
            for entry in segment.reader.doc_ids_alive() {
                let Some(number) = table.document(at, entry) else { continue };
                let Some((key, _)) = documents.get(table.id(number)) else { continue };
                let ordinal = columns.ordinal.first(entry).unwrap_or(0);
                out.push((at as u32, entry, (*key, u32::try_from(ordinal).unwrap_or(u32::MAX))));
            }
        }
        Ok(out)
    }

    /// By segment and entry: the number that `number` gives to the document of the passage there, or
    /// `none` where the entry is no passage.
    pub(crate) fn numbers_by_entry(
        &self,
        none: DocumentNumber,
        number: &dyn Fn(&str) -> DocumentNumber,
    ) -> Result<Vec<Vec<DocumentNumber>>, IndexError> {
        let mut out = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let mut entries = vec![none; segment.reader.max_doc() as usize];
            if let Some(columns) = &segment.columns {
                let mut by_ord: Vec<DocumentNumber> = Vec::new();
                let mut id = String::new();
                for ord in 0..columns.document.num_terms() as u64 {
                    id.clear();
                    columns
                        .document
                        .ord_to_str(ord, &mut id)
                        .map_err(|error| IndexError::io(&self.path, error))?;
                    by_ord.push(number(&id));
                }
                for (entry, at) in entries.iter_mut().enumerate() {
                    let entry = entry as DocId;
                    if !segment.reader.is_deleted(entry)
                        && let Some(ord) = columns.document.term_ords(entry).next()
                    {
                        *at = by_ord.get(ord as usize).copied().unwrap_or(none);
                    }
                }
            }
            out.push(entries);
        }
        Ok(out)
    }

    pub(crate) fn snapshot_id(&self) -> &str {
        &self.payload.snapshot
    }

    pub(crate) fn payload(&self) -> &Payload {
        &self.payload
    }

    pub(crate) fn index(&self) -> &tantivy::Index {
        &self.index
    }

    /// All passages, by document id and then in the order of the document.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn passages(&self) -> Result<Vec<Passage>, IndexError> {
        guarded(&self.path, || {
            let mut passages = self.all_passages()?;
            passages.sort_unstable_by(|p, q| (&p.document, p.id).cmp(&(&q.document, q.id)));
            Ok(passages)
        })
    }

    /// The addresses that documents were recorded with, in no particular order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn addresses(&self) -> Result<Vec<(String, DocumentId)>, IndexError> {
        #[derive(serde::Deserialize)]
        struct Address {
            #[serde(default)]
            url: Option<String>,
        }
        guarded(&self.path, || {
            let mut out = Vec::new();
            self.for_each_record(&mut |id, record| {
                let Address { url } = serde_json::from_slice(record)?;
                out.extend(url.map(|url| (url, id.clone())));
                Ok(())
            })?;
            Ok(out)
        })
    }

    /// All passages in the index, in no particular order.
    pub(crate) fn all_passages(&self) -> Result<Vec<Passage>, IndexError> {
        let mut out = Vec::new();
        for segment in &self.segments {
            for doc in segment.reader.doc_ids_alive() {
                if let Some(passage) = self.passage(segment, doc)? {
                    out.push(passage);
                }
            }
        }
        Ok(out)
    }

    /// Hands every document to `each`, in no particular order. Documents that lists of sites block are
    /// left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn for_each_document(&self, each: &mut dyn FnMut(Document)) -> Result<(), IndexError> {
        let verdicts = self.verdicts()?;
        guarded(&self.path, || {
            self.for_each_record(&mut |id, record| {
                let document: Document = serde_json::from_slice(record)?;
                let number = self.table().ok().and_then(|table| table.number(id));
                let blocked = verdicts
                    .zip(number)
                    .is_some_and(|(verdicts, at)| verdicts[at as usize].blocks());
                if !blocked {
                    each(document);
                }
                Ok(())
            })
        })
    }

    fn engine(&self, error: tantivy::TantivyError) -> IndexError {
        IndexError::engine(&self.path, error)
    }

    /// The passage at entry `doc`, or `None` when the entry is a document.
    fn passage(&self, segment: &Segment, doc: DocId) -> Result<Option<Passage>, IndexError> {
        let Some(columns) = &segment.columns else { return Ok(None) };
        let Some(name) = columns.document.term_ords(doc).next() else { return Ok(None) };
        let mut document = String::new();
        columns
            .document
            .ord_to_str(name, &mut document)
            .map_err(|error| IndexError::io(&self.path, error))?;
        Ok(Some(columns.passage(doc, DocumentId::new(document))))
    }

    /// Ids of the documents whose folded title is `key`, sorted.
    pub(crate) fn titled(&self, key: &str) -> Result<Vec<DocumentId>, IndexError> {
        let io = |error| IndexError::io(&self.path, error);
        let mut out = Vec::new();
        for segment in &self.segments {
            let entries = segment.entries(&segment.title_key, self.fields.title_key, key);
            for doc in entries.map_err(io)? {
                out.extend(segment.id_at(doc).map_err(io)?);
            }
        }
        out.sort_unstable();
        Ok(out)
    }

    /// The passage at an entry of a segment, or `None` when that is a document.
    pub(crate) fn passage_at(
        &self,
        segment: usize,
        entry: DocId,
    ) -> Result<Option<Passage>, IndexError> {
        let table = self.table()?;
        let columns = self.segments[segment].columns.as_ref();
        let passage =
            |(columns, at): (&PassageColumns, _)| columns.passage(entry, table.id(at).clone());
        Ok(columns.zip(table.document(segment, entry)).map(passage))
    }

    /// The index entries of the passages of `documents`.
    pub(crate) fn entries_of(
        &self,
        documents: &[DocumentId],
    ) -> Result<HashSet<(usize, DocId)>, IndexError> {
        let mut out = HashSet::new();
        for (at, segment) in self.segments.iter().enumerate() {
            for document in documents {
                let entries = segment
                    .entries(&segment.document, self.fields.document, document.as_str())
                    .map_err(|error| IndexError::io(&self.path, error))?;
                out.extend(entries.into_iter().map(|doc| (at, doc)));
            }
        }
        Ok(out)
    }

    /// Ids of all documents in the index, in no particular order.
    pub(crate) fn all_documents(&self) -> Result<Vec<DocumentId>, IndexError> {
        let mut out = Vec::new();
        for segment in &self.segments {
            for doc in segment.reader.doc_ids_alive() {
                out.extend(segment.id_at(doc).map_err(|error| IndexError::io(&self.path, error))?);
            }
        }
        Ok(out)
    }

    fn titles(&self) -> Result<&TitleTable, IndexError> {
        if let Some(table) = self.titles.get() {
            return Ok(table);
        }
        let mut table = TitleTable::default();
        for segment in &self.segments {
            let mut terms = segment
                .title_key
                .terms()
                .stream()
                .map_err(|error| IndexError::io(&self.path, error))?;
            while let Some((key, _)) = terms.next() {
                table.insert(&String::from_utf8_lossy(key));
            }
        }
        Ok(self.titles.get_or_init(|| table))
    }
}

fn impact_cache(segments: &[Segment]) -> ImpactCache {
    let n_passages: u64 = segments.iter().map(|segment| segment.n_passages).sum();
    let (least, of_each) = CACHED_IMPACTS;
    ImpactCache::new(least + of_each * usize::try_from(n_passages).unwrap_or(0))
}

/// Runs `read`, and names its panic: the index library trusts what it reads, so that a damaged file
/// makes it panic where another would make it fail. Nothing that `read` changes outlives it.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic");
        Err(IndexError::Damaged {
            path: path.to_owned(),
            detail: format!("its index cannot be read: {what}"),
        })
    })
}

fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

impl Retriever for Store {
    fn snapshot(&self) -> &str {
        &self.payload.snapshot
    }

    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        guarded(&self.path, || Ok(self.ranking(query)?.0))
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        if self.verdict(id)?.is_some_and(Verdict::blocks) {
            return Ok(None);
        }
        guarded(&self.path, || self.read(id))
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        guarded(&self.path, || {
            let shown = |id: &DocumentId| Ok(!self.verdict(id)?.is_some_and(Verdict::blocks));
            self.titles()?.find(text, |key| {
                let mut documents = Vec::new();
                for id in self.titled(key)? {
                    if shown(&id)? {
                        documents.push(id);
                    }
                }
                Ok(documents)
            })
        })
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        guarded(&self.path, || terms.iter().map(|term| self.idf_of(term)).collect())
    }
}

impl Store {
    /// What [`Retriever::search`] finds, and what each score of it is made of. Takes twice as long.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn explain(&self, query: &Query) -> Result<Explained, IndexError> {
        guarded(&self.path, || self.explained(query))
    }

    /// The ranking, and what it goes by.
    pub(crate) fn ranking(&self, query: &Query) -> Result<(Ranking, Basis), IndexError> {
        let words = || query.clauses.iter().flat_map(|(text, _)| analyze(text));
        let is_filtered = !query.filter.is_empty();
        if is_filtered && words().next().is_none() {
            return Ok((self.listing(query)?, Basis::Listing));
        }
        let (ranking, basis) = if is_plain(query.parts) {
            (self.by_words(query)?, Basis::Words)
        } else {
            (self.rank(query)?, Basis::Parts)
        };
        // Stop words alone find titles that consist of them, and else ask for nothing.
        if is_filtered && ranking.hits.is_empty() && !words().any(|word| !is_stop_word(&word.text))
        {
            return Ok((self.listing(query)?, Basis::Listing));
        }
        Ok((ranking, basis))
    }

    /// What passes the filter of `query`, the newest first, then by id.
    fn listing(&self, query: &Query) -> Result<Ranking, IndexError> {
        let Some(allowed) = self.allowed(query)? else { return Ok(Ranking::default()) };
        let (table, places) = (self.table()?, self.places()?);
        let mut order: Vec<DocumentNumber> = allowed.documents().collect();
        order.sort_by_key(|at| std::cmp::Reverse(places[*at as usize].date));
        let mut hits = Vec::new();
        for at in order {
            if hits.len() >= query.k {
                break;
            }
            let mut passages = Vec::new();
            for (segment, entry) in self.entries_of(std::slice::from_ref(table.id(at)))? {
                passages.extend(self.passage_at(segment, entry)?);
            }
            passages.sort_by_key(|passage| passage.id);
            for passage in passages.into_iter().take(query.per_document) {
                // Nothing is compared; whoever sorts by score keeps the order.
                hits.push(Hit { passage, score: 1.0 / (1 + hits.len()) as f32 });
            }
        }
        hits.truncate(query.k);
        Ok(Ranking { hits })
    }

    fn read(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        let kept = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = kept().get(id) {
            return Ok(Some(document));
        }
        let document = self.read_uncached(id)?.map(Arc::new);
        if let Some(document) = &document {
            kept().insert(document.id.clone(), Arc::clone(document), bytes_of(document));
        }
        Ok(document)
    }

    /// The document as the index has it, for those who read all of them once.
    pub(crate) fn read_uncached(&self, id: &DocumentId) -> Result<Option<Document>, IndexError> {
        for segment in &self.segments {
            let entries = segment
                .entries(&segment.id, self.fields.id, id.as_str())
                .map_err(|error| IndexError::io(&self.path, error))?;
            let Some(&doc) = entries.first() else { continue };
            let stored: TantivyDocument =
                segment.records.get(doc).map_err(|error| self.engine(error))?;
            let bytes = stored.get_first(self.fields.record).and_then(|v| v.as_bytes());
            let document = serde_json::from_slice(bytes.unwrap_or_default());
            return document.map(Some).map_err(|error| IndexError::Damaged {
                path: self.path.clone(),
                detail: format!("record of document `{id}`: {error}"),
            });
        }
        Ok(None)
    }

    /// Hands the record of every document to `each`, in the order of the index.
    pub(crate) fn for_each_record(
        &self,
        each: &mut dyn FnMut(&DocumentId, &[u8]) -> serde_json::Result<()>,
    ) -> Result<(), IndexError> {
        for segment in &self.segments {
            for doc in segment.reader.doc_ids_alive() {
                let id = segment.id_at(doc).map_err(|error| IndexError::io(&self.path, error))?;
                let Some(id) = id else { continue };
                let stored: TantivyDocument =
                    segment.records.get(doc).map_err(|error| self.engine(error))?;
                let bytes = stored.get_first(self.fields.record).and_then(|v| v.as_bytes());
                each(&id, bytes.unwrap_or_default()).map_err(|error| IndexError::Damaged {
                    path: self.path.clone(),
                    detail: format!("record of document `{id}`: {error}"),
                })?;
            }
        }
        Ok(())
    }

    pub(crate) fn idf_of(&self, term: &str) -> Result<f32, IndexError> {
        let n = passage_frequency(&self.segments, &self.fields, term)
            .map_err(|error| self.engine(error))?;
        Ok(idf(self.payload.n_passages, n))
    }
}

#[cfg(test)]
mod tests {
    use sleuth_records::{Link, Signals};

    use super::*;

    #[test]
    fn all_that_a_document_takes_is_counted() {
        let plain = Document::new(DocumentId::new("a"), "title", "text");
        let bytes = bytes_of(&plain);
        assert!(bytes > size_of::<Document>() + "title text a".len(), "{bytes}");
        let link = Link { target: "t".repeat(500), text: "l".repeat(500) };
        let linked = Document { links: vec![link; 10], ..plain.clone() };
        assert!(bytes_of(&linked) > bytes + 10_000);
        let lines = LineMap::Starts(vec![(0, 1); 1000]);
        assert!(bytes_of(&Document { lines, ..plain.clone() }) >= bytes + 8_000);
        let signals = Some(Box::new(Signals::default()));
        assert!(bytes_of(&Document { signals, ..plain }) > bytes + size_of::<Signals>());
    }
}
