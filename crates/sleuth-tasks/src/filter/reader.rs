//! Whether the gold evidence alone gives the answer to a reader who is not told where to look.
//!
//! The reader is the extraction of `trail`, a linear model over the spans of the best passages. It
//! takes one hop at a time, with the answers of the hops before put in: its passages are the gold one
//! and the [`NOISE`] best others that a search of the whole store for that hop brings. Of its
//! candidates that have the shape which the question asks for (a date for *when*), the best has to be
//! the gold one. Where a hop asks for one of several, as who stars in a film does, the gold one has to
//! be among as many as are named.
//!
//! Marks of manuals are spelled out before it reads, in all passages alike: a signature says which
//! defaults its arguments have, and a note of a version becomes a sentence.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sleuth_agent::{
    AgentError, Answer, AskOptions, Draft, Policy, Session, StepClock, Surroundings, ask,
    candidate_answers,
};
use sleuth_index::{IndexError, Mention, Query, Retriever, analyze, folded, words};
use sleuth_records::{
    Budget, Document, DocumentId, Hit, Passage, PassageId, Question, Ranking, TrajectoryWriter,
};

use crate::facts::{Relation, Sort, Wanted, joined_names, rendered, version};
use crate::make::candidate::{Candidate, Hop};
use crate::make::web::{FactAt, Web};

/// Passages that are mixed with the gold one.
pub(crate) const NOISE: usize = 4;
/// Bytes around the evidence that belong to the gold passage.
const AROUND: usize = 500;
/// Names that a hop with several answers may give.
const MOST_OF_SEVERAL: usize = 6;

/// What came of hops that were read before: the same one comes in many comparisons.
#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<(FactAt, String), bool>>);

impl Memory {
    fn known(&self, key: &(FactAt, String)) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn keep(&self, key: (FactAt, String), found: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found);
    }
}

/// Whether the reader finds the answers of all hops of `candidate`.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn is_answerable(
    store: &dyn Retriever,
    web: &Web,
    memory: &Memory,
    candidate: &Candidate,
) -> Result<bool, AgentError> {
    for (nth, hop) in candidate.hops.iter().enumerate() {
        // Whether a thing is the one that is described is no span of its page; that no other is was
        // shown by the constraints.
        if !asks_fact(web, hop) {
            continue;
        }
        let mut question = hop.question.clone();
        for (before, answered) in candidate.hops[..nth].iter().enumerate() {
            question = question.replace(&format!("#{}", before + 1), &answered.answer);
        }
        let key = (hop.fact, question);
        let found = match memory.known(&key) {
            Some(found) => found,
            None => {
                let found = finds(store, web, hop, &key.1)?;
                memory.keep(key, found);
                found
            }
        };
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the hop's answer is the object of its fact, and not its subject.
fn asks_fact(web: &Web, hop: &Hop) -> bool {
    hop.answer == web.facts[hop.fact].fact.object
}

fn finds(store: &dyn Retriever, web: &Web, hop: &Hop, question: &str) -> Result<bool, AgentError> {
    // Marks around names are not read, and names are written as in the passages.
    let is_code = web.things[web.facts[hop.fact].thing].thing.sort == Sort::Code;
    let plain = if is_code { joined_names(question).replace('`', "") } else { question.to_owned() };
    let Some(asked) = Question::new(plain.as_str()) else { return Ok(false) };
    let gold = gold_passage(web, hop);
    let gold_id = gold.id.clone();
    let mut documents = vec![gold];
    let noise = store.search(&Query::lexical(question, NOISE + 1))?;
    for hit in noise.hits {
        if hit.passage.document == gold_id || documents.len() > NOISE {
            continue;
        }
        let Some(at) = web.position(&hit.passage.document) else { continue };
        let document = &web.documents[at];
        let text = rendered(web.words(at, &hit.passage.range));
        documents.push(Document::new(document.id.clone(), document.title.clone(), text));
    }
    let few = Few::new(documents, store);
    let mut reader = Reads::default();
    let options = AskOptions { budget: Budget::UNLIMITED, seed: 0 };
    let surroundings = Surroundings {
        retriever: &few,
        clock: &StepClock::new(0, 1),
        interrupted: &|| false,
        cancel: &|| false,
        log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
        on_event: &mut |_| (),
    };
    ask(&asked, &mut reader, &options, surroundings)?;
    let relation = web.facts[hop.fact].fact.relation;
    let most = if relation == Relation::Starring { MOST_OF_SEVERAL } else { 1 };
    let said = format!(" {} ", folded(question));
    let wanted = relation.row().wanted;
    let gold = folded(hop.answer.trim_matches(['\'', '"']));
    let mut seen: Vec<String> = Vec::new();
    for answer in reader.0 {
        let text = folded(&answer.text);
        if text.is_empty()
            || said.contains(&format!(" {text} "))
            || !has_shape(wanted, &answer.text)
            || seen.contains(&text)
        {
            continue;
        }
        // A part of the gold answer, or one that holds it, is the same find.
        if text == gold || is_same_find(wanted, &text, &gold) {
            return Ok(true);
        }
        // A longer or shorter form of one that was seen is no further candidate.
        if !seen.iter().any(|known| known.contains(&text) || text.contains(known.as_str())) {
            seen.push(text);
            if seen.len() >= most {
                return Ok(false);
            }
        }
    }
    Ok(false)
}

/// Whether two folded answers are forms of one: `1978` in `october 18 1978`, `oslo` in `oslo norway`.
fn is_same_find(wanted: Wanted, text: &str, gold: &str) -> bool {
    let within = |inner: &str, outer: &str| format!(" {outer} ").contains(&format!(" {inner} "));
    match wanted {
        Wanted::Date | Wanted::Place | Wanted::Name | Wanted::Person | Wanted::Title => {
            within(text, gold) || (within(gold, text) && text.len() < gold.len() + 16)
        }
        Wanted::Number | Wanted::Version | Wanted::Code | Wanted::Path => {
            within(gold, text) && text.len() < gold.len() + 16
        }
    }
}

/// Whether a span can be what is wanted, by its looks.
fn has_shape(wanted: Wanted, text: &str) -> bool {
    let digit = text.chars().any(|c| c.is_ascii_digit());
    let capital = text.chars().next().is_some_and(|c| c.is_uppercase() || !c.is_ascii());
    match wanted {
        Wanted::Date => digit && words(text).iter().any(|word| word.text.len() == 4),
        Wanted::Number => digit && !text.contains(|c: char| c.is_alphabetic()),
        Wanted::Version => {
            let mut words = text.split(' ').rev();
            words.next().is_some_and(|word| version(word).is_some())
                && words.all(|word| {
                    matches!(word, "in" | "since" | "version" | "Added" | "added" | "Deprecated")
                })
        }
        Wanted::Person | Wanted::Name | Wanted::Place => capital && !digit,
        Wanted::Title => capital,
        Wanted::Code | Wanted::Path => !text.contains(' ') && !is_small(text),
    }
}

/// Words that are no names of programs, however a reader may like them.
fn is_small(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "has"
            | "have"
            | "the"
            | "is"
            | "was"
            | "are"
            | "of"
            | "a"
            | "an"
            | "in"
            | "for"
            | "and"
            | "or"
            | "to"
            | "by"
            | "with"
            | "when"
            | "if"
            | "be"
            | "been"
            | "it"
            | "this"
            | "that"
            | "on"
            | "from"
            | "as"
            | "not"
            | "derived"
            | "raised"
            | "return"
            | "returns"
            | "raises"
            | "subclass"
            | "exception"
            | "class"
            | "function"
            | "method"
            | "parameter"
            | "value"
    )
}

/// The evidence of a hop with what stands around it.
fn gold_passage(web: &Web, hop: &Hop) -> Document {
    let stated = &web.facts[hop.fact];
    let document = &web.documents[stated.document];
    let text = document.text.as_str();
    let (place, sentence) = (&web.things[stated.thing].thing.place, &stated.fact.sentence);
    let from = text.floor_char_boundary(sentence.start.saturating_sub(AROUND));
    let to = text.floor_char_boundary((sentence.end + AROUND).min(text.len()));
    // A line that is cut would be read as another one.
    let from =
        text[from..sentence.start].find('\n').filter(|_| from > 0).map_or(from, |at| from + at + 1);
    let mut passage = String::new();
    // The line that names the subject, where it stands further off.
    if place.end <= from || place.start >= to {
        passage.push_str(&text[place.clone()]);
        passage.push('\n');
    }
    passage.push_str(&text[from..to]);
    Document::new(document.id.clone(), document.title.clone(), rendered(&passage))
}

/// Takes the candidates and answers nothing.
#[derive(Default)]
struct Reads(Vec<Answer>);

impl Policy for Reads {
    fn name(&self) -> &str {
        "reads"
    }

    fn run(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError> {
        self.0 = candidate_answers(session)?;
        Ok(Draft::default())
    }
}

/// A handful of passages as a store, with the rarities of the whole one.
struct Few<'a> {
    documents: Vec<Arc<Document>>,
    terms: Vec<HashMap<String, usize>>,
    whole: &'a dyn Retriever,
}

impl<'a> Few<'a> {
    fn new(documents: Vec<Document>, whole: &'a dyn Retriever) -> Self {
        let count = |document: &Document| {
            let mut terms = HashMap::new();
            for term in analyze(&format!("{} {}", document.title, document.text)) {
                *terms.entry(term.text).or_insert(0) += 1;
            }
            terms
        };
        let terms = documents.iter().map(count).collect();
        Self { documents: documents.into_iter().map(Arc::new).collect(), terms, whole }
    }
}

impl Retriever for Few<'_> {
    fn snapshot(&self) -> &str {
        self.whole.snapshot()
    }

    /// Passages by the rarities of the query's terms that they hold, each saturated as BM25 does it.
    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        let mut weights: HashMap<String, f32> = HashMap::new();
        for (text, weight) in &query.clauses {
            for term in analyze(text) {
                *weights.entry(term.text).or_insert(0.0) += weight;
            }
        }
        let mut terms: Vec<(String, f32)> = weights.into_iter().collect();
        terms.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<String> = terms.iter().map(|(term, _)| term.clone()).collect();
        let rarity = self.whole.rarity(&names)?;
        let mut hits: Vec<Hit> = Vec::new();
        for (document, held) in self.documents.iter().zip(&self.terms) {
            let inside = query.within.as_ref().is_none_or(|within| within.contains(&document.id));
            let score: f32 = terms
                .iter()
                .zip(&rarity)
                .filter_map(|((term, weight), rarity)| {
                    let n = *held.get(term)? as f32;
                    Some(weight * rarity * n / (n + 1.0))
                })
                .sum();
            if inside && score > 0.0 {
                let range = 0..document.text.len();
                let passage = Passage { document: document.id.clone(), id: PassageId(0), range };
                hits.push(Hit { passage, score });
            }
        }
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| a.passage.document.cmp(&b.passage.document))
        });
        hits.truncate(query.k);
        Ok(Ranking { hits })
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        Ok(self.documents.iter().find(|document| document.id == *id).cloned())
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        let all = words(text);
        let mut found = Vec::new();
        for document in &self.documents {
            let title = crate::facts::plain_title(&document.title);
            let key: Vec<String> = words(title).into_iter().map(|word| word.text).collect();
            if key.is_empty() {
                continue;
            }
            let at = all
                .windows(key.len())
                .position(|run| run.iter().zip(&key).all(|(word, part)| word.text == *part));
            if let Some(at) = at {
                found.push(Mention {
                    range: all[at].range.start..all[at + key.len() - 1].range.end,
                    key: key.join(" "),
                    documents: vec![document.id.clone()],
                });
            }
        }
        found.sort_by(|a, b| {
            (a.range.start, b.range.end, &a.documents).cmp(&(
                b.range.start,
                a.range.end,
                &b.documents,
            ))
        });
        Ok(found)
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        self.whole.rarity(terms)
    }
}
