//! Why a hit ranks where it does, in words for people.
//!
//! A line for each part of the score, with what it adds in front:
//!
//! ```text
//!       0.31 words    in title and text: amber 0.21; in text: film 0.10
//!       0.24 meaning  nearness 0.61
//!       1.00 named    by “The Amber Staircase” in the query
//!       0.12 passed   by Ilse Varga, which matches by itself and links to it
//!      ×0.65 overall  20 affiliate links
//! ```

use std::fmt::Write as _;

use sleuth_index::{
    Along, Basis, Explanation, Factor, NoVectors, Parts, Passed, Retriever as _, Store, TermShare,
    VectorPart,
};
use sleuth_records::{Document, DocumentId, Passage};

use crate::fail::Failure;
use crate::show::{columns, one_line};

/// Columns in front of the words of a part.
const INDENT: usize = 20;
/// Terms that are named; the rest are summed up.
const MOST_TERMS: usize = 6;
/// Characters of a name or title.
const LONGEST: usize = 60;
/// Characters of what a factor is for.
const LONGEST_REASON: usize = 160;
/// What is less than this is not told of another document.
const LEAST: f32 = 0.005;

/// The explanation of a hit with `passage` of `document`, where `parts` were asked for.
pub(crate) fn lines(
    store: &Store,
    explanation: &Explanation,
    parts: Parts,
    document: &Document,
    passage: &Passage,
) -> Result<String, Failure> {
    let mut out = String::new();
    if explanation.basis == Basis::Listing {
        return Ok(out);
    }
    let width = columns();
    let mut add = |adds: f32, name: &str, words: &str| {
        out += &part(width, &format!("{adds:.2}"), name, words);
    };
    let place = |at: usize| match document.part_at(at) {
        Some(part) => part.to_string(),
        None => format!("line {}", document.line_at(at)),
    };
    let elsewhere = |other: Option<[usize; 2]>| match other {
        Some([start, _]) if start == passage.range.start => String::new(),
        Some([start, _]) if place(start) == place(passage.range.start) => {
            "another passage, ".to_owned()
        }
        Some([start, _]) => format!("{}, ", place(start)),
        None => String::new(),
    };
    if parts.lexical {
        let words = match explanation.terms.as_slice() {
            [] => "no word of the query".to_owned(),
            terms => elsewhere(explanation.terms_in) + &of_terms(terms),
        };
        add(explanation.by_terms(), "words", &words);
    }
    if let VectorPart::Near(near) = &explanation.vector {
        let place = elsewhere(near.passage);
        let nearness = format!("{place}nearness {:.2}", near.nearness);
        add(near.share, "meaning", &nearness);
    }
    for name in &explanation.named {
        let words = format!("by {} in the query", quoted(&name.words));
        add(name.share, "named", &words);
    }
    for passed in explanation.passed.iter().filter(|passed| passed.share >= LEAST) {
        let words = format!("by {}", source(store, passed, "here")?);
        add(passed.share, "passed", &words);
    }
    for factor in &explanation.factors {
        out += &of_factor(width, factor);
    }
    Ok(out)
}

/// What is to be said once, below all hits, about the parts that none of them has.
pub(crate) fn remark(explanations: &[Explanation], store: &str) -> Option<String> {
    let first = explanations.first()?;
    if first.basis == Basis::Listing {
        return Some("listed, the newest first: the query is all filters".to_owned());
    }
    let VectorPart::Without { without } = first.vector else { return None };
    let why = match without {
        NoVectors::NotAsked => return None,
        NoVectors::NoneMade => {
            format!("the store has none; `sleuth index embed {store}` makes them")
        }
        NoVectors::Incomplete => {
            format!("not every passage has one; `sleuth index embed {store}` goes on")
        }
        NoVectors::NoEmbedder => {
            "their embedder cannot be used; `sleuth doctor` says why".to_owned()
        }
    };
    Some(format!("vectors take no part: {why}"))
}

fn of_factor(width: usize, factor: &Factor) -> String {
    part(
        width,
        &format!("×{:.2}", factor.factor),
        "overall",
        &one_line(&factor.reason, LONGEST_REASON),
    )
}

fn quoted(words: &str) -> String {
    format!("“{}”", one_line(words, LONGEST))
}

/// Terms by where they stand, and those that are held back.
fn of_terms(terms: &[TermShare]) -> String {
    let (told, rest) = terms.split_at(terms.len().min(MOST_TERMS));
    let place = |term: &TermShare| match (term.title > 0, term.body > 0) {
        (true, true) => "in title and text",
        (true, false) => "in title",
        _ => "in text",
    };
    let mut out: Vec<String> = Vec::new();
    for wanted in ["in title and text", "in title", "in text"] {
        let there = told.iter().filter(|term| place(term) == wanted);
        let there: Vec<String> = there
            .map(|term| format!("{} {:.2}", one_line(&term.word, LONGEST), term.share))
            .collect();
        if !there.is_empty() {
            out.push(format!("{wanted}: {}", there.join(", ")));
        }
    }
    if !rest.is_empty() {
        let sum: f32 = rest.iter().map(|term| term.share).sum();
        out.push(format!("{} more {sum:.2}", rest.len()));
    }
    let mut names: Vec<(&str, f32)> = Vec::new();
    for term in terms {
        let Some(name) = term.part_of.as_deref() else { continue };
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += term.held_back,
            None => names.push((name, term.held_back)),
        }
    }
    for (name, held_back) in names {
        out.push(format!("{held_back:.2} held back, as parts of the name {}", quoted(name)));
    }
    out.join("; ")
}

/// A source and what joins it with the document above; `back` is where it has its score from if from no
/// one else that is told.
fn source(store: &Store, passed: &Passed, back: &str) -> Result<String, Failure> {
    let joined = match &passed.along {
        Along::Names { words: Some(words) } => format!("names it as {}", quoted(words)),
        Along::Names { words: None } => "names it".to_owned(),
        Along::Links { words } if words.trim().is_empty() => "links to it".to_owned(),
        Along::Links { words } => format!("links to it as {}", quoted(words)),
        Along::NamedBy { words: Some(words) } => format!("is named by it as {}", quoted(words)),
        Along::NamedBy { words: None } => "is named by it".to_owned(),
        Along::Shares { name: Some(name) } => format!("shares the name {}", quoted(name)),
        Along::Shares { name: None } => "shares a name".to_owned(),
    };
    let why = match passed.from.first() {
        Some(first) => {
            format!("{joined} and is reached from {}", source(store, first, "others")?)
        }
        None if passed.passed > passed.own + passed.named => {
            format!("is reached from {back} and {joined}")
        }
        None if passed.named > 0.0 => format!("is named in the query and {joined}"),
        None => format!("matches by itself and {joined}"),
    };
    Ok(format!("{}, which {why}", called(store, &passed.document)?))
}

/// The title of a document, or its id where it has none.
fn called(store: &Store, id: &DocumentId) -> Result<String, Failure> {
    let document = store.document(id)?;
    let title = document.as_ref().map_or("", |document| document.title.trim());
    Ok(one_line(if title.is_empty() { id.as_str() } else { title }, LONGEST))
}

/// A part: what it adds, its name, and words that are broken to `width` columns and stand below each other.
fn part(width: usize, adds: &str, name: &str, words: &str) -> String {
    let mut out = String::new();
    let mut line = format!("{adds:>10} {name:<8}");
    let mut at = INDENT;
    for word in words.split(' ') {
        let n = word.chars().count();
        if at + n >= width && at > INDENT {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(INDENT - 1);
            at = INDENT;
        }
        let _ = write!(line, " {word}");
        at += n + 1;
    }
    let _ = writeln!(out, "{}", line.trim_end());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_below_each_other() {
        let words = "in title: a 0.25; in text: bb 0.25";
        let expected = "      0.50 words    in title: a\n                    0.25; in text:\n                    bb 0.25\n";
        assert_eq!(part(36, "0.50", "words", words), expected);
        let long = "x".repeat(90);
        assert_eq!(part(36, "1.00", "named", &long), format!("      1.00 named    {long}\n"));
    }

    #[test]
    fn factors_are_told_in_their_own_words() {
        let factor = |factor, reason: &str| Factor { factor, reason: reason.to_owned() };
        let factors = [factor(0.65, "20 affiliate links"), factor(1.5, "on your list `trusted`")];
        let told: String = factors.iter().map(|one| of_factor(80, one)).collect();
        assert_eq!(
            told,
            "     ×0.65 overall  20 affiliate links\n     ×1.50 overall  on your list `trusted`\n"
        );
    }

    #[test]
    fn terms_are_told_by_place_and_the_rest_summed_up() {
        let term = |word: &str, title, body, share, held_back, part_of: Option<&str>| TermShare {
            term: word.to_owned(),
            word: word.to_owned(),
            title,
            body,
            share,
            held_back,
            part_of: part_of.map(str::to_owned),
        };
        let mut terms = vec![
            term("blood", 0, 2, 0.3, 0.25, Some("Blood Street")),
            term("fox", 1, 0, 0.2, 0.0, None),
            term("street", 1, 1, 0.1, 0.15, Some("Blood Street")),
        ];
        assert_eq!(
            of_terms(&terms),
            "in title and text: street 0.10; in title: fox 0.20; in text: blood 0.30; \
             0.40 held back, as parts of the name “Blood Street”"
        );
        terms.extend((0..5).map(|n| term(&format!("w{n}"), 0, 1, 0.01, 0.0, None)));
        assert!(
            of_terms(&terms).contains("w2 0.01; 2 more 0.02; 0.40 held"),
            "{}",
            of_terms(&terms)
        );
    }
}
