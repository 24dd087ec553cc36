//! SQuAD: `{"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers":
//! [{"text", "answer_start"}], "is_impossible"}]}]}]}`.
//!
//! `answer_start` counts characters. The evidence is the sentence around the first answer; where the
//! text is not there, as in rebuilt files, around its first occurrence.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;

use crate::Kind;

use super::place::sentence_around;
use super::{ImportError, Importer, Reason, Record, stream};

#[derive(Deserialize)]
struct Article {
    #[serde(default)]
    title: String,
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    question: String,
    #[serde(default)]
    answers: Vec<Answer>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    #[serde(default)]
    answer_start: usize,
}

const EXPECTED: &str = "an article of SQuAD, with `paragraphs` of `context` and `qas`";

pub(super) fn read(path: &Path, importer: &mut Importer<'_>) -> Result<(), ImportError> {
    stream::elements(path, Some("data"), EXPECTED, &mut |place, article: Article| {
        let title = article.title.replace('_', " ");
        for paragraph in article.paragraphs {
            for asked in paragraph.qas {
                take(importer, &place, &title, &paragraph.context, asked)?;
            }
        }
        Ok(())
    })
}

fn take(
    importer: &mut Importer<'_>,
    place: &str,
    title: &str,
    context: &str,
    asked: Asked,
) -> Result<(), ImportError> {
    let mut record = Record::new(place.to_owned(), asked.id, asked.question);
    record.is_unanswerable = asked.is_impossible;
    if let Some(answer) = asked.answers.first().filter(|_| !asked.is_impossible) {
        let quote = range_of(context, answer)
            .map(|range| &context[sentence_around(context, &range)])
            .unwrap_or_default();
        match importer.placer.evidence(title, context, quote)? {
            Some(evidence) => record.evidence.push(evidence),
            None => {
                let what = format!("paragraph of `{title}`");
                importer.leave_out(record.place, record.id, Reason::NotInStore, what);
                return Ok(());
            }
        }
        record.kind = Kind::OneHop;
        record.hops = 1;
    }
    record.gold_answers = asked.answers.into_iter().map(|answer| answer.text).collect();
    importer.take(record)
}

/// Byte range of an answer.
fn range_of(context: &str, answer: &Answer) -> Option<Range<usize>> {
    let start = context.char_indices().nth(answer.answer_start).map(|(at, _)| at);
    let start = start
        .filter(|&start| context[start..].starts_with(&answer.text))
        .or_else(|| context.find(&answer.text))?;
    Some(start..start + answer.text.len())
}
