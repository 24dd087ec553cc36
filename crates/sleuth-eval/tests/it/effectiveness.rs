//! Effectiveness as recorded: each file of `tests/effectiveness` is a condition with the values that
//! it must reproduce.
//!
//! A value outside its tolerance fails on either side: a better one wants to be recorded, too. A
//! measure without a result is a failure; a store that is absent is skipped, and said to be.

use std::path::Path;

use serde::Deserialize;
use sleuth_eval::{Measure, evaluate};
use sleuth_index::{Parts, Query, Retriever as _, Store, build_graph};
use sleuth_records::{RankedQuery, Run, read_qrels};
use sleuth_testkit::{SharedData, TinyStore};

/// What is searched, how, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    /// Store of the measurement data.
    store: String,
    mode: Mode,
    /// Documents ranked for each query.
    depth: usize,
    /// The command that measures the same, for people.
    command: String,
    expected: Vec<Expected>,
}

/// The part of search that is measured.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Words only.
    Lexical,
    /// What `sleuth search` does, with a graph and without vectors.
    Default,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    measure: String,
    value: f64,
    tolerance: f64,
}

impl Mode {
    fn query(self, text: &str, k: usize) -> Query {
        match self {
            Self::Lexical => Query { parts: Parts::LEXICAL, ..Query::new(text, k) },
            Self::Default => Query::new(text, k),
        }
    }
}

/// The differences from what is recorded; `None` where the store is absent.
fn differences(condition: &Condition, data: &SharedData) -> Option<Vec<String>> {
    let name = &condition.store;
    let (documents, questions) = (data.documents(name)?, data.questions(name)?);
    let qrels = read_qrels(&data.path(&format!("stores/{name}/qrels.tsv"))?).unwrap();
    let tiny = TinyStore::of(documents);
    let path = tiny.store().path();
    if matches!(condition.mode, Mode::Default) {
        build_graph(path, 2, &|_, _| (), &|| false).unwrap();
    }
    let store = Store::open(path).unwrap();
    let mut run = Run::default();
    for question in questions.iter().filter(|question| qrels.contains_key(&question.id)) {
        let query = condition.mode.query(&question.text, condition.depth);
        let hits = store.search(&query).unwrap().hits;
        let documents = hits.into_iter().map(|hit| (hit.passage.document, hit.score)).collect();
        run.rankings.push(RankedQuery { query: question.id.clone(), documents });
    }
    let measures: Vec<Measure> =
        condition.expected.iter().map(|expected| expected.measure.parse().unwrap()).collect();
    let evaluation = evaluate(&qrels, &run, &measures).unwrap();
    let mut differences = Vec::new();
    for (expected, measure) in condition.expected.iter().zip(measures) {
        let Expected { value, tolerance, .. } = expected;
        match evaluation.mean(measure) {
            Some(found) if (found - value).abs() <= *tolerance => {}
            Some(found) => differences
                .push(format!("{measure} is {found:.4}, recorded is {value} ± {tolerance}")),
            None => differences.push(format!("{measure} has no result")),
        }
    }
    Some(differences)
}

#[test]
fn recorded_effectiveness_is_reproduced() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/effectiveness");
    let mut files: Vec<_> =
        fs_err::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no conditions in `{}`", folder.display());
    let data = SharedData::find();
    let mut failures = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let condition: Condition = toml::from_str(&fs_err::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!condition.expected.is_empty(), "{name}: nothing is expected");
        match data.as_ref().and_then(|data| differences(&condition, data)) {
            None => println!("skipped: effectiveness of {name}: no such store at ../shared/data"),
            Some(differences) => failures.extend(
                differences
                    .iter()
                    .map(|d| format!("{name}: {d}; measure it: {}", condition.command)),
            ),
        }
    }
    assert!(failures.is_empty(), "effectiveness differs:\n{}", failures.join("\n"));
}
