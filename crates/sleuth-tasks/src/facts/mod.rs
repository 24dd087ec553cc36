//! Typed facts, read off documents without a model.
//!
//! A [`Page`] is what one document gives: the [`Thing`]s that it is about and the [`Fact`]s that it
//! states of them. Two readers make it:
//!
//! * [`prose`] reads pages that explain one thing, the thing that their opening sentence defines and
//!   their title names. It reads that sentence, and those further ones whose subject can be nothing else:
//!   the name, *it*, *he*, *she*, or *the* and the noun of the definition;
//! * [`manual`] reads technical documents: entries (a line that declares a name, and a body that stands
//!   further in), their signatures, their notes of versions, and the plain formulas of manuals.
//!
//! Every fact has a sentence to be quoted and a place in it. What is left out does no harm; what is read
//! wrongly makes a wrong task. So each reader gives nothing where it is not sure: objects are read whole
//! or not at all ([`objects`]), a clause about something else ends the reading, and two statements that
//! contradict each other are both dropped.

mod manual;
mod objects;
mod prose;
mod relation;
mod topic;
mod value;
mod words;

use std::ops::Range;

use sleuth_records::Document;

pub(crate) use manual::{joined_names, rendered};
pub(crate) use objects::is_demonym;
pub(crate) use relation::{Relation, Row, Sort, Wanted};
pub(crate) use topic::plain_title;
pub(crate) use value::{Value, version};

/// Something that a document is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thing {
    /// Its name as it is answered: `Hate Story`, `shelve.open`.
    pub(crate) name: String,
    /// How a question speaks of it: `the film Hate Story`, ``the function `shelve.open` ``.
    pub(crate) said: String,
    /// Other names of it.
    pub(crate) aliases: Vec<String>,
    pub(crate) sort: Sort,
    /// The noun for it in the singular, such as `film`, `function`; empty where none is known.
    pub(crate) noun: String,
    /// The definition's words up to that noun: `2012 Indian erotic thriller film`; empty likewise.
    pub(crate) kind: String,
    /// Where it is defined: the sentence or the line.
    pub(crate) place: Range<usize>,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    /// Position among the things of the page.
    pub(crate) thing: usize,
    pub(crate) relation: Relation,
    /// As the document writes it, white space folded.
    pub(crate) object: String,
    /// What else the relation needs; empty for most.
    pub(crate) qualifier: String,
    /// What the object can be compared by.
    pub(crate) value: Option<Value>,
    /// Whether it is the only object that the sentence names.
    pub(crate) alone: bool,
    /// Byte range in the document's text of what is to be quoted.
    pub(crate) sentence: Range<usize>,
    /// Byte range of the object in the document's text.
    pub(crate) place: Range<usize>,
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) things: Vec<Thing>,
    pub(crate) facts: Vec<Fact>,
}

/// Reads `document`.
pub(crate) fn read(document: &Document) -> Page {
    let mut page = manual::read(document);
    if page.things.is_empty() {
        page = prose::read(document);
    }
    drop_contradictions(&mut page.facts);
    page
}

/// Of facts of one relation that has a single object, keeps the most precise where all agree, and none
/// where two do not.
fn drop_contradictions(facts: &mut Vec<Fact>) {
    let same = |a: &Fact, b: &Fact| {
        a.thing == b.thing && a.relation == b.relation && a.qualifier == b.qualifier
    };
    let mut keep = vec![true; facts.len()];
    for at in 0..facts.len() {
        if !facts[at].relation.row().single {
            continue;
        }
        for other in 0..facts.len() {
            if other == at || !same(&facts[at], &facts[other]) {
                continue;
            }
            let agree = match (&facts[at].value, &facts[other].value) {
                (Some(a), Some(b)) => a.agrees(b),
                _ => facts[at].object == facts[other].object,
            };
            let better = (facts[other].object.len(), std::cmp::Reverse(other))
                > (facts[at].object.len(), std::cmp::Reverse(at));
            if !agree || better {
                keep[at] = false;
            }
        }
    }
    let mut keep = keep.into_iter();
    facts.retain(|_| keep.next().unwrap_or(true));
}

/// Runs of capitalised words in `text[range]`: what looks like names.
pub(crate) fn names(text: &str, range: Range<usize>) -> Vec<String> {
    let words = words::words(text, range);
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let mut end = at;
        while words.get(end).is_some_and(|word| word.is_capital() && (end == at || word.gap == " "))
        {
            end += 1;
        }
        if end > at {
            out.push(text[words[at].range.start..words[end - 1].range.end].to_owned());
        }
        at = end.max(at + 1);
    }
    out
}

/// Words with single spaces between them.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
