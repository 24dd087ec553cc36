//! MuSiQue: `{"id", "question", "answer", "answer_aliases", "answerable", "paragraphs": [{"idx", "title",
//! "paragraph_text", "is_supporting"}], "question_decomposition": [{"question", "answer",
//! "paragraph_support_idx"}]}`.
//!
//! The evidence of a hop is the sentence of its paragraph that holds the hop's answer, or the paragraph's
//! document where none does. Questions with `answerable: false` are those whose supporting paragraphs
//! were taken away: in a store that has all paragraphs they may well be answered. In MuSiQue-Full each
//! stands beside the same question with its paragraphs, under one id; `-unanswerable` is added to theirs.

use std::path::Path;

use serde::Deserialize;

use crate::{Kind, Step};

use super::place::{locate, sentence_around};
use super::{ImportError, Importer, Reason, Record, stream};

#[derive(Deserialize)]
struct Asked {
    id: String,
    question: String,
    #[serde(default)]
    answer: Option<String>,
    #[serde(default)]
    answer_aliases: Vec<String>,
    #[serde(default = "yes")]
    answerable: bool,
    #[serde(default)]
    paragraphs: Vec<Paragraph>,
    #[serde(default)]
    question_decomposition: Vec<Hop>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Paragraph {
    idx: i64,
    title: String,
    paragraph_text: String,
    #[serde(default)]
    is_supporting: bool,
}

#[derive(Deserialize)]
struct Hop {
    question: String,
    answer: String,
    #[serde(default)]
    paragraph_support_idx: Option<i64>,
}

const EXPECTED: &str =
    "an object with `id`, `question`, `answer`, `paragraphs` and `question_decomposition`";

pub(super) fn read(path: &Path, importer: &mut Importer<'_>) -> Result<(), ImportError> {
    stream::records(path, EXPECTED, &mut |place, asked: Asked| take(importer, place, asked))
}

fn take(importer: &mut Importer<'_>, place: String, asked: Asked) -> Result<(), ImportError> {
    let id = match asked.answerable {
        true => asked.id,
        false => format!("{}-unanswerable", asked.id),
    };
    let mut record = Record::new(place, id, asked.question);
    record.is_unanswerable = !asked.answerable;
    // Each hop with its paragraph; without a decomposition, the paragraphs that are said to support.
    let mut wanted: Vec<(&Paragraph, &str)> = Vec::new();
    for hop in &asked.question_decomposition {
        let paragraph = hop
            .paragraph_support_idx
            .and_then(|idx| asked.paragraphs.iter().find(|paragraph| paragraph.idx == idx));
        wanted.extend(paragraph.map(|paragraph| (paragraph, hop.answer.as_str())));
    }
    if wanted.is_empty() {
        let supporting = asked.paragraphs.iter().filter(|paragraph| paragraph.is_supporting);
        wanted.extend(supporting.map(|paragraph| (paragraph, "")));
    }
    let mut documents = Vec::new();
    for (paragraph, answer) in wanted {
        let text = paragraph.paragraph_text.as_str();
        let quote = locate(text, answer)
            .map(|range| &text[sentence_around(text, &range)])
            .unwrap_or_default();
        match importer.placer.evidence(&paragraph.title, text, quote)? {
            Some(evidence) => {
                documents.push((paragraph.idx, evidence.document.clone()));
                // One sentence may answer two hops.
                if !asked.answerable || record.evidence.contains(&evidence) {
                    continue;
                }
                record.evidence.push(evidence);
            }
            None => {
                let what = paragraph.title.clone();
                importer.leave_out(record.place, record.id, Reason::NotInStore, what);
                return Ok(());
            }
        }
    }
    record.hops = u32::try_from(asked.question_decomposition.len()).unwrap_or(u32::MAX);
    record.kind = Kind::Bridge;
    record.steps = asked
        .question_decomposition
        .into_iter()
        .map(|hop| Step {
            question: hop.question,
            answer: hop.answer,
            document: hop.paragraph_support_idx.and_then(|idx| {
                let found = documents.iter().find(|(of, _)| *of == idx);
                found.map(|(_, document)| document.clone())
            }),
        })
        .collect();
    record.gold_answers = asked.answer.into_iter().chain(asked.answer_aliases).collect();
    importer.take(record)
}
