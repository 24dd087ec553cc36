//! A question and its answers, a line or a row each: plain JSON Lines, and the rows of Search-R1.
//!
//! | what | keys, the first that is there |
//! |---|---|
//! | question | `question`, `query`, `problem`, `text`, `input`, `prompt` |
//! | answers | `gold_answers`, `golden_answers`, `answers`, `answer`, `targets`, `target`, `reward_model.ground_truth` |
//! | aliases, added to them | `aliases`, `answer_aliases` |
//! | id | `id`, `_id`, `qid`, `question_id`, else `data_source`, `extra_info.split` and `extra_info.index` together, else the place in the file |
//! | there is no answer | `unanswerable: true`, `is_impossible: true`, `answerable: false` |
//! | evidence | `documents`, `evidence`: ids or titles, or objects with `document` and `quote` |
//! | rule, kind, hops | `verifier` (as in files of tasks), `kind`, `hops` |
//! | data set | `data_source`, `source` |
//!
//! Answers are a text, a number, a list of them, or an object with `target`, `text` or `value` and
//! `aliases`. What else stands in a record is passed over.

use std::path::Path;

use serde_json::{Map, Value};
use sleuth_records::DocumentId;

use crate::{Evidenced, Kind, Verifier};

use super::place::locate;
use super::{ImportError, Importer, Reason, Record, stream};

const EXPECTED: &str = "an object with `question` and `answers`";
const QUESTION: [&str; 6] = ["question", "query", "problem", "text", "input", "prompt"];
const ANSWERS: [&str; 6] =
    ["gold_answers", "golden_answers", "answers", "answer", "targets", "target"];

pub(super) fn read(path: &Path, importer: &mut Importer<'_>) -> Result<(), ImportError> {
    if path.extension().is_some_and(|extension| extension == "parquet") {
        return parquet(path, importer);
    }
    stream::records(path, EXPECTED, &mut |place, record: Map<String, Value>| {
        take(importer, path, place, &record)
    })
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, importer: &mut Importer<'_>) -> Result<(), ImportError> {
    super::parquet::rows(path, EXPECTED, &mut |place, record| take(importer, path, place, &record))
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &mut Importer<'_>) -> Result<(), ImportError> {
    Err(ImportError::NoParquet { path: path.to_owned() })
}

fn take(
    importer: &mut Importer<'_>,
    path: &Path,
    place: String,
    fields: &Map<String, Value>,
) -> Result<(), ImportError> {
    let id = id_of(fields).unwrap_or_else(|| place.replace(' ', "-"));
    let question = QUESTION.iter().find_map(|key| fields.get(*key)?.as_str()).unwrap_or_default();
    let mut record = Record::new(place, id, question.to_owned());
    let says = |key: &str| fields.get(key).and_then(Value::as_bool);
    record.is_unanswerable = says("unanswerable") == Some(true)
        || says("is_impossible") == Some(true)
        || says("answerable") == Some(false);
    let answers = ANSWERS
        .iter()
        .find_map(|key| fields.get(*key).filter(|answers| !answers.is_null()))
        .or_else(|| fields.get("reward_model")?.get("ground_truth"));
    record.gold_answers = answers.map(texts).unwrap_or_default();
    for key in ["aliases", "answer_aliases"] {
        record.gold_answers.extend(fields.get(key).map(texts).unwrap_or_default());
    }
    let parse = |key: &str| fields.get(key).filter(|value| !value.is_null()).cloned();
    let bad = |place: &str, error: serde_json::Error| {
        stream::malformed(path, place.to_owned(), EXPECTED, error)
    };
    if let Some(value) = parse("verifier") {
        let verifier: Verifier =
            serde_json::from_value(value).map_err(|error| bad(&record.place, error))?;
        record.verifier = Some(verifier);
    }
    if let Some(value) = parse("kind") {
        record.kind =
            serde_json::from_value::<Kind>(value).map_err(|error| bad(&record.place, error))?;
    }
    if let Some(value) = parse("hops") {
        record.hops = serde_json::from_value(value).map_err(|error| bad(&record.place, error))?;
    }
    record.source = ["data_source", "source"]
        .iter()
        .find_map(|key| Some(fields.get(*key)?.as_str()?.to_owned()));
    let named = ["documents", "evidence"].iter().find_map(|key| fields.get(*key)?.as_array());
    for named in named.into_iter().flatten() {
        let document = named.as_str().or_else(|| named.get("document")?.as_str());
        let Some(document) = document else { continue };
        let quote = named.get("quote").and_then(Value::as_str).unwrap_or_default();
        match evidence(importer, document, quote)? {
            Ok(evidence) => record.evidence.push(evidence),
            Err(reason) => {
                let what = if reason == Reason::NotQuoted { quote } else { document };
                importer.leave_out(record.place, record.id, reason, what.to_owned());
                return Ok(());
            }
        }
    }
    importer.take(record)
}

/// A document by its id, or by its title where only one has that; the reason where the store has no such
/// document, or that does not hold the quote.
fn evidence(
    importer: &Importer<'_>,
    name: &str,
    quote: &str,
) -> Result<Result<Evidenced, Reason>, ImportError> {
    let id = DocumentId::new(name);
    let Some(store) = importer.placer.store() else {
        return Ok(Ok(Evidenced { document: id, range: None, quote: quote.to_owned() }));
    };
    let document = match store.document(&id)? {
        Some(document) => Some(document),
        None => {
            let key = sleuth_index::folded(name);
            let named = store.mentions(name)?.into_iter().find(|mention| mention.key == key);
            match named.map(|mention| mention.documents).as_deref() {
                Some([only]) => store.document(only)?,
                _ => None,
            }
        }
    };
    let Some(document) = document else { return Ok(Err(Reason::NotInStore)) };
    let range = locate(&document.text, quote);
    if range.is_none() && !quote.trim().is_empty() {
        return Ok(Err(Reason::NotQuoted));
    }
    let quote = range.clone().map(|range| document.text[range].to_owned()).unwrap_or_default();
    Ok(Ok(Evidenced { document: document.id.clone(), range, quote }))
}

fn id_of(fields: &Map<String, Value>) -> Option<String> {
    let plain = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    let keyed = ["id", "_id", "qid", "question_id"].iter().find_map(|key| plain(fields.get(*key)?));
    let set = fields.get("data_source").and_then(Value::as_str).unwrap_or_default();
    let row = || {
        let info = fields.get("extra_info")?;
        let split = info.get("split").and_then(Value::as_str).unwrap_or_default();
        let index = plain(info.get("index")?)?;
        let parts: Vec<&str> =
            [set, split, &index].into_iter().filter(|part| !part.is_empty()).collect();
        Some(parts.join("-"))
    };
    // Search-R1 numbers the rows of each set anew: `train_0` stands in the file once for each.
    match keyed {
        Some(id) if !set.is_empty() && id.rsplit_once('_').is_some_and(is_row) => {
            Some(format!("{set}-{id}"))
        }
        Some(id) => Some(id),
        None => row(),
    }
}

fn is_row((split, number): (&str, &str)) -> bool {
    matches!(split, "train" | "dev" | "test" | "validation")
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The texts of an answer in whatever shape.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(yes) => vec![if *yes { "yes" } else { "no" }.to_owned()],
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(fields) => ["target", "text", "value", "aliases"]
            .iter()
            .filter_map(|key| fields.get(*key))
            .flat_map(texts)
            .collect(),
    }
}
