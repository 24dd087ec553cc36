//! HotpotQA and 2WikiMultihopQA: `{"_id", "question", "answer", "type", "level", "supporting_facts":
//! [[title, sentence]], "context": [[title, [sentences]]]}`, of 2Wiki also `"evidences": [[subject,
//! relation, object]]`. The shape that tables give these fields (`{"title": [], "sent_id": []}`) is read
//! as well.
//!
//! `level` becomes the difficulty: easy 0, medium 0.5, hard 1. A supporting fact that names a sentence
//! which is not there, of which HotpotQA has a few, stands for its document.

use std::path::Path;

use serde::Deserialize;

use crate::{Kind, Step};

use super::{ImportError, Importer, Reason, Record, stream};

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "_id", alias = "id")]
    id: String,
    question: String,
    #[serde(default)]
    answer: Option<String>,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    supporting_facts: Facts,
    #[serde(default)]
    context: Context,
    #[serde(default)]
    evidences: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Facts {
    Pairs(Vec<(String, i64)>),
    Columns { title: Vec<String>, sent_id: Vec<i64> },
}

impl Default for Facts {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Context {
    Pairs(Vec<(String, Vec<String>)>),
    Columns {
        title: Vec<String>,
        #[serde(alias = "content")]
        sentences: Vec<Vec<String>>,
    },
}

impl Default for Context {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

const EXPECTED: &str =
    "an object with `_id`, `question`, `answer`, `supporting_facts` and `context`";

pub(super) fn read(path: &Path, importer: &mut Importer<'_>) -> Result<(), ImportError> {
    stream::records(path, EXPECTED, &mut |place, asked: Asked| take(importer, place, asked))
}

fn take(importer: &mut Importer<'_>, place: String, asked: Asked) -> Result<(), ImportError> {
    let facts = match asked.supporting_facts {
        Facts::Pairs(pairs) => pairs,
        Facts::Columns { title, sent_id } => title.into_iter().zip(sent_id).collect(),
    };
    let context = match asked.context {
        Context::Pairs(pairs) => pairs,
        Context::Columns { title, sentences } => title.into_iter().zip(sentences).collect(),
    };
    let mut record = Record::new(place, asked.id, asked.question);
    let mut titles: Vec<&str> = Vec::new();
    for (title, at) in &facts {
        if !titles.contains(&title.as_str()) {
            titles.push(title);
        }
        let sentences = context.iter().find(|(of, _)| of == title).map(|(_, s)| s.as_slice());
        let sentences = sentences.unwrap_or_default();
        let paragraph: Vec<&str> = sentences.iter().map(|sentence| sentence.trim()).collect();
        let quote = usize::try_from(*at).ok().and_then(|at| sentences.get(at));
        let quote = quote.map(String::as_str).unwrap_or_default();
        match importer.placer.evidence(title, &paragraph.join(" "), quote)? {
            Some(evidence) if record.evidence.contains(&evidence) => {}
            Some(evidence) => record.evidence.push(evidence),
            None => {
                importer.leave_out(record.place, record.id, Reason::NotInStore, title.clone());
                return Ok(());
            }
        }
    }
    record.hops = u32::try_from(titles.len()).unwrap_or(u32::MAX);
    record.kind = match asked.kind.as_str() {
        "bridge" | "compositional" | "inference" => Kind::Bridge,
        "comparison" | "bridge_comparison" => Kind::Comparison,
        _ => Kind::Other,
    };
    record.difficulty = match asked.level.as_str() {
        "easy" => Some(0.0),
        "medium" => Some(0.5),
        "hard" => Some(1.0),
        _ => None,
    };
    record.steps = steps(&asked.evidences);
    record.gold_answers = asked.answer.into_iter().collect();
    importer.take(record)
}

/// The hops of 2Wiki's triples: `subject >> relation`, as MuSiQue writes such questions, with `#n` for a
/// subject that the n-th hop found.
fn steps(evidences: &[Vec<String>]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for triple in evidences {
        let [subject, relation, object] = triple.as_slice() else { return Vec::new() };
        let found = steps.iter().position(|step| step.answer == *subject);
        let subject = found.map_or_else(|| subject.clone(), |at| format!("#{}", at + 1));
        steps.push(Step {
            question: format!("{subject} >> {relation}"),
            answer: object.clone(),
            document: None,
        });
    }
    steps
}
