//! A task before it has passed any filter.

use std::ops::Range;

use crate::facts::{Fact, Relation, Row, Sort, Thing, Value, Wanted};
use crate::make::constraint::Constraint;
use crate::make::web::{DocumentAt, FactAt, Stated, ThingAt, Web};
use crate::task::{Evidenced, Kind, Step, Verifier};

/// A place that supports the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Support {
    pub(crate) document: DocumentAt,
    pub(crate) range: Range<usize>,
}

/// One hop: a question that one document answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hop {
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) document: DocumentAt,
    /// The fact that says so.
    pub(crate) fact: FactAt,
}

/// What must hold of the rest of the store for the answer to be the only one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Only {
    /// Each of these facts has no rival: the same relation of the same subject with another object.
    Facts(Vec<FactAt>),
    /// Besides, nothing but `target` can meet all constraints, and no constraint can be left out.
    Meets { facts: Vec<FactAt>, target: ThingAt, constraints: Vec<Constraint> },
    /// No document says it of this subject.
    Nowhere { thing: ThingAt, relation: Relation, qualifier: String },
    /// Of the persons that both facts' sentences name there is one.
    Shared { facts: Vec<FactAt>, of: [ThingAt; 2] },
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    /// Recipe within its kind, and the relations: for ids and near-duplicates.
    pub(crate) recipe: String,
    pub(crate) question: String,
    pub(crate) golds: Vec<String>,
    pub(crate) verifier: Verifier,
    pub(crate) supports: Vec<Support>,
    pub(crate) hops: Vec<Hop>,
    /// Documents that have to be read.
    pub(crate) n_documents: u32,
    pub(crate) only: Only,
    /// The document that holds the answer; `None` for a question without one.
    pub(crate) answered_in: Option<DocumentAt>,
}

impl Candidate {
    pub(crate) fn evidence(&self, web: &Web) -> Vec<Evidenced> {
        self.supports
            .iter()
            .map(|support| Evidenced {
                document: web.id(support.document).clone(),
                range: Some(support.range.clone()),
                quote: web.words(support.document, &support.range).to_owned(),
            })
            .collect()
    }

    pub(crate) fn steps(&self, web: &Web) -> Vec<Step> {
        self.hops
            .iter()
            .map(|hop| Step {
                question: hop.question.clone(),
                answer: hop.answer.clone(),
                document: Some(web.id(hop.document).clone()),
            })
            .collect()
    }
}

/// Fills a wording.
pub(crate) fn fill(wording: &str, parts: &[(&str, &str)]) -> String {
    let mut out = wording.to_owned();
    for (name, text) in parts {
        out = out.replace(&format!("{{{name}}}"), text);
    }
    out
}

/// The question for the object of a fact of a subject that is called `said`.
pub(crate) fn ask(row: &Row, variant: usize, said: &str, qualifier: &str) -> Option<String> {
    let wording = row.ask.get(variant % row.ask.len().max(1))?;
    Some(fill(wording, &[("s", said), ("q", qualifier)]))
}

/// The phrase for the object of a fact of a subject that is called `said`.
pub(crate) fn noun(row: &Row, said: &str, qualifier: &str) -> Option<String> {
    (!row.noun.is_empty()).then(|| fill(row.noun, &[("s", said), ("q", qualifier)]))
}

/// The right answers for the object of a fact, and who verifies them.
pub(crate) fn golds(web: &Web, stated: &Stated) -> (Vec<String>, Verifier) {
    let fact = &stated.fact;
    let mut golds = vec![fact.object.clone()];
    let verifier = match fact.relation.row().wanted {
        Wanted::Date => Verifier::Date,
        Wanted::Number => Verifier::Number { tolerance: 0.0 },
        Wanted::Version => {
            golds.push(format!("version {}", fact.object));
            Verifier::Exact
        }
        Wanted::Code | Wanted::Path => {
            let quoted = ['\'', '"']
                .into_iter()
                .find_map(|mark| fact.object.strip_prefix(mark)?.strip_suffix(mark));
            golds.extend(quoted.filter(|bare| !bare.trim().is_empty()).map(str::to_owned));
            if let Some(named) = web.named_by(stated) {
                golds.extend(names(web, named));
            }
            Verifier::Exact
        }
        Wanted::Place => {
            // `Moses Lake, Washington, United States` is answered by `Moses Lake, Washington`, too.
            let parts: Vec<&str> = fact.object.split(", ").collect();
            golds.extend((1..parts.len()).rev().map(|n| parts[..n].join(", ")));
            Verifier::Exact
        }
        Wanted::Person | Wanted::Name | Wanted::Title => Verifier::Exact,
    };
    if let Some(named) = web.named_by(stated) {
        let Thing { name, aliases, sort, .. } = &web.things[named].thing;
        if *sort != Sort::Code {
            golds.push(name.clone());
            golds.extend(aliases.iter().cloned());
        }
    }
    let mut seen = std::collections::HashSet::new();
    golds.retain(|gold| !gold.trim().is_empty() && seen.insert(gold.clone()));
    (golds, verifier)
}

/// Names of a thing that is itself the answer. The short name of an entry of a manual is one where no
/// other entry has it.
pub(crate) fn names(web: &Web, thing: ThingAt) -> Vec<String> {
    let Thing { name, aliases, sort, .. } = &web.things[thing].thing;
    let mut names = vec![name.clone()];
    names
        .extend(aliases.iter().filter(|alias| *sort != Sort::Code || web.is_short(alias)).cloned());
    names
}

/// What to quote for a fact: its sentence; where that does not name the subject, as in an entry of a
/// manual, the line that declares the subject first.
pub(crate) fn supports(web: &Web, stated: &Stated) -> Vec<Support> {
    let thing = &web.things[stated.thing].thing;
    let mut out = Vec::new();
    if thing.sort == Sort::Code && thing.place != stated.fact.sentence {
        out.push(Support { document: stated.document, range: thing.place.clone() });
    }
    out.push(Support { document: stated.document, range: stated.fact.sentence.clone() });
    out
}

/// The year that a question may speak of for a fact's value.
pub(crate) fn year_of(fact: &Fact) -> Option<i32> {
    fact.value.as_ref().and_then(Value::year)
}
