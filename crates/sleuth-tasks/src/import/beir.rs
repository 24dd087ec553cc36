//! BEIR folders.
//!
//! `queries.jsonl` has `_id` and `text`, and where known `answers`, `type` and `decomposition` (as in
//! MuSiQue). Judgements stand in `qrels.tsv`, or one file a split in `qrels/`. Where there is one,
//! queries without a judgement are left out: they are of another split. `corpus.jsonl` is read only where
//! a store is given that does not have a document by its id.
//!
//! Queries without `answers` ask for documents: they are decided by whether these are cited. Where
//! there are `reference_answers`, whole paragraphs by experts, these are their gold answers, for
//! metrics to be laid beside.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sleuth_records::{DocumentId, read_judgements};

use crate::{Evidenced, Kind, Split, Step, Verifier};

use super::place::locate;
use super::{ImportError, Importer, Reason, Record, stream};

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "_id")]
    id: String,
    text: String,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    reference_answers: Vec<String>,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    decomposition: Vec<Hop>,
}

#[derive(Deserialize)]
struct Hop {
    question: String,
    answer: String,
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

const EXPECTED: &str = "a query with `_id` and `text`";

pub(super) fn read(folder: &Path, importer: &mut Importer<'_>) -> Result<(), ImportError> {
    let lacking = |what| ImportError::Lacking { path: folder.to_owned(), what };
    let queries = present(folder, "queries.jsonl")
        .ok_or_else(|| lacking("`queries.jsonl`, `queries.jsonl.zst` or `queries.jsonl.gz`"))?;
    let qrels = judgements(folder, importer.split)
        .ok_or_else(|| lacking("`qrels.tsv` and no `qrels/SPLIT.tsv`"))?;
    let mut judged: HashMap<String, Vec<String>> = HashMap::new();
    for (query, documents) in read_judgements(&qrels)?.qrels {
        let mut graded: Vec<_> = documents.into_iter().filter(|(_, grade)| *grade > 0).collect();
        graded.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        judged.insert(query, graded.into_iter().map(|(document, _)| document).collect());
    }
    let ids = store_ids(folder, &judged, importer)?;
    stream::records(&queries, EXPECTED, &mut |place, asked: Asked| {
        let documents = judged.get(&asked.id);
        take(importer, place, asked, documents, &ids)
    })
}

/// A file of the folder, packed or not.
fn present(folder: &Path, name: &str) -> Option<PathBuf> {
    ["", ".zst", ".gz"].iter().map(|end| folder.join(format!("{name}{end}"))).find(|p| p.exists())
}

fn judgements(folder: &Path, split: Split) -> Option<PathBuf> {
    let of_split = folder.join("qrels").join(format!("{split}.tsv"));
    [of_split, folder.join("qrels.tsv")].into_iter().find(|path| path.exists())
}

/// What the store calls the documents that the judgements name, where that differs.
fn store_ids(
    folder: &Path,
    judged: &HashMap<String, Vec<String>>,
    importer: &mut Importer<'_>,
) -> Result<BTreeMap<String, Option<DocumentId>>, ImportError> {
    let mut ids = BTreeMap::new();
    let Some(store) = importer.placer.store() else { return Ok(ids) };
    let mut elsewhere: HashSet<&str> = HashSet::new();
    for document in judged.values().flatten() {
        if store.document(&DocumentId::new(document.as_str()))?.is_none() {
            elsewhere.insert(document);
        }
    }
    ids.extend(elsewhere.iter().map(|id| ((*id).to_owned(), None)));
    let corpus = present(folder, "corpus.jsonl").filter(|_| !elsewhere.is_empty());
    let Some(corpus) = corpus else { return Ok(ids) };
    let expected = "a document with `_id` and `text`";
    stream::records(&corpus, expected, &mut |_, written: Written| {
        if elsewhere.contains(written.id.as_str()) {
            let found = importer.placer.document(&written.title, &written.text)?;
            ids.insert(written.id, found.map(|document| document.id.clone()));
        }
        Ok(())
    })?;
    Ok(ids)
}

fn take(
    importer: &mut Importer<'_>,
    place: String,
    asked: Asked,
    documents: Option<&Vec<String>>,
    ids: &BTreeMap<String, Option<DocumentId>>,
) -> Result<(), ImportError> {
    let mut record = Record::new(place, asked.id, asked.text);
    let documents = documents.map(Vec::as_slice).unwrap_or_default();
    if documents.is_empty() {
        let what = "a judgement above 0".to_owned();
        importer.leave_out(record.place, record.id, Reason::NoAnswer, what);
        return Ok(());
    }
    for document in documents {
        let id = match ids.get(document) {
            Some(Some(id)) => id.clone(),
            None => DocumentId::new(document.as_str()),
            Some(None) => {
                let what = document.clone();
                importer.leave_out(record.place, record.id, Reason::NotInStore, what);
                return Ok(());
            }
        };
        record.evidence.push(Evidenced { document: id, range: None, quote: String::new() });
    }
    // `2hop`, `3hop1` of MuSiQue; of HotpotQA the documents of its two hops.
    record.kind = match asked.kind.as_str() {
        "comparison" => Kind::Comparison,
        "bridge" => Kind::Bridge,
        kind if kind.contains("hop") => Kind::Bridge,
        _ => Kind::Other,
    };
    let digit = asked.kind.split_once("hop").and_then(|(digit, _)| digit.parse().ok());
    record.hops = match asked.kind.as_str() {
        "bridge" | "comparison" => 2,
        _ => digit.unwrap_or(0),
    };
    record.steps = steps(importer, asked.decomposition, &record.evidence)?;
    record.gold_answers = asked.answers;
    if record.gold_answers.is_empty() {
        record.gold_answers = asked.reference_answers;
        record.verifier = Some(Verifier::Supported);
    }
    importer.take(record)
}

/// The hops, each with the one document of the evidence that holds its answer, where only one does.
fn steps(
    importer: &Importer<'_>,
    hops: Vec<Hop>,
    evidence: &[Evidenced],
) -> Result<Vec<Step>, ImportError> {
    let mut steps = Vec::new();
    for hop in hops {
        let mut holding = Vec::new();
        if let Some(store) = importer.placer.store() {
            for Evidenced { document: id, .. } in evidence {
                let document = store.document(id)?;
                if document.is_some_and(|document| locate(&document.text, &hop.answer).is_some()) {
                    holding.push(id.clone());
                }
            }
        }
        let only = holding.pop().filter(|_| holding.is_empty());
        steps.push(Step { question: hop.question, answer: hop.answer, document: only });
    }
    Ok(steps)
}
