//! Questions that the store does not answer, though it answers the like of others.
//!
//! * *Left out*: a relation that the store states of several things with the same noun, and nowhere of
//!   this one.
//! * *Swapped*: an argument that another entry of the manual has, asked of one whose signature is known
//!   and has none of that name.
//!
//! What is asked for must be missing from the words of the store, not only from the facts that were
//! read: where any document that holds the subject's name has a word by which the relation can be told,
//! next to the name or on the subject's own page, there is no question.

use std::collections::BTreeMap;

use sleuth_records::Random;

use crate::facts::{Relation, Sort, Thing, is_demonym};
use crate::make::candidate::{Candidate, Only, Support, ask};
use crate::make::web::{DocumentAt, ThingAt, Web, around};
use crate::task::{Kind, Verifier};

/// Siblings of which the relation must be stated.
const LEAST_SIBLINGS: usize = 5;

/// Relations whose absence is no answer. Who has not died has no day of death, what has no note runs
/// everywhere, and what returns nothing has no class: of those the silence of a page says something.
const ASKED: [Relation; 17] = [
    Relation::BornOn,
    Relation::BornIn,
    Relation::DirectedBy,
    Relation::WrittenBy,
    Relation::ProducedBy,
    Relation::ComposedBy,
    Relation::ReleasedOn,
    Relation::PublishedBy,
    Relation::DistributedBy,
    Relation::DevelopedBy,
    Relation::FoundedOn,
    Relation::FoundedBy,
    Relation::BasedIn,
    Relation::AddedIn,
    Relation::DeprecatedIn,
    Relation::DefaultOf,
    Relation::ModuleAuthor,
];

/// Which relations are stated of which nouns, and by which arguments.
pub(crate) struct Missing {
    /// Relations by noun, with how many things they are stated of.
    relations: BTreeMap<(Sort, String, Relation), usize>,
    /// Arguments with a default, by document: those of neighbours are asked for.
    arguments: BTreeMap<DocumentAt, Vec<String>>,
    things: Vec<ThingAt>,
}

/// A subject, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lack {
    pub(crate) thing: ThingAt,
    pub(crate) relation: Relation,
    pub(crate) qualifier: String,
}

impl Missing {
    pub(crate) fn new(web: &Web) -> Self {
        let mut relations = BTreeMap::new();
        let mut arguments: BTreeMap<DocumentAt, Vec<String>> = BTreeMap::new();
        for stated in &web.facts {
            let thing = &web.things[stated.thing].thing;
            let is_asked = ASKED.contains(&stated.fact.relation);
            if !is_asked || thing.noun.is_empty() {
                continue;
            }
            if stated.fact.qualifier.is_empty() {
                let key = (thing.sort, thing.noun.clone(), stated.fact.relation);
                *relations.entry(key).or_insert(0) += 1;
            } else if stated.fact.relation == Relation::DefaultOf {
                arguments.entry(stated.document).or_default().push(stated.fact.qualifier.clone());
            }
        }
        relations.retain(|_, n| *n >= LEAST_SIBLINGS);
        for names in arguments.values_mut() {
            names.sort();
            names.dedup();
        }
        let known = |at: &ThingAt| {
            let described = &web.things[*at];
            let told = !described.thing.noun.is_empty() && described.thing.sort != Sort::Thing;
            described.nameable && told
        };
        Self { relations, arguments, things: (0..web.things.len()).filter(known).collect() }
    }

    /// A subject with a relation that its page lacks.
    pub(crate) fn draw(&self, web: &Web, random: &mut Random) -> Option<Lack> {
        if self.things.is_empty() {
            return None;
        }
        let thing = *random.pick(&self.things);
        let Thing { noun, sort, .. } = &web.things[thing].thing;
        let sort = *sort;
        let is_called = matches!(noun.as_str(), "function" | "method" | "class" | "class method");
        if is_called
            && let Some(names) = self.arguments.get(&web.things[thing].document)
            && random.below(2) == 0
        {
            let qualifier = random.pick(names).clone();
            return Some(Lack { thing, relation: Relation::DefaultOf, qualifier });
        }
        let of_noun: Vec<Relation> = self
            .relations
            .range((sort, noun.clone(), Relation::BornOn)..)
            .take_while(|((own, other, _), _)| *own == sort && other == noun)
            .map(|((_, _, relation), _)| *relation)
            .collect();
        if of_noun.is_empty() {
            return None;
        }
        let relation = *random.pick(&of_noun);
        Some(Lack { thing, relation, qualifier: String::new() })
    }
}

/// The question for what is missing.
pub(crate) fn unanswerable(web: &Web, lack: &Lack, variant: usize) -> Option<Candidate> {
    let described = &web.things[lack.thing];
    if is_stated(web, lack) {
        return None;
    }
    let row = lack.relation.row();
    let question = ask(row, variant, &described.thing.said, &lack.qualifier)?;
    Some(Candidate {
        kind: Kind::Unanswerable,
        recipe: format!("unanswerable {}", row.name),
        question,
        golds: Vec::new(),
        verifier: Verifier::NotFound,
        // Where it would stand: the page that speaks of the subject.
        supports: vec![Support {
            document: described.document,
            range: described.thing.place.clone(),
        }],
        hops: Vec::new(),
        n_documents: 1,
        only: Only::Nowhere {
            thing: lack.thing,
            relation: lack.relation,
            qualifier: lack.qualifier.clone(),
        },
        answered_in: None,
    })
}

/// Whether the store may state it somewhere.
pub(crate) fn is_stated(web: &Web, lack: &Lack) -> bool {
    let described = &web.things[lack.thing];
    if web.fact(lack.thing, lack.relation, &lack.qualifier).is_some() {
        return true;
    }
    let cues = lack.relation.row().cues;
    let speaks = |text: &str| {
        let text = text.to_lowercase();
        cues.iter().any(|cue| {
            text.match_indices(cue)
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric()))
        })
    };
    let document = &web.documents[described.document];
    // `(Russian: …; 27 January 1891 – 31 August 1967)` states a birth without a word for it.
    let opening = web.words(described.document, &described.thing.place);
    let has_year = opening.split(|c: char| !c.is_ascii_digit()).any(|number| number.len() == 4);
    if has_year && matches!(lack.relation, Relation::BornOn | Relation::FoundedOn) {
        return true;
    }
    // `a Danish company` says where it is, if not the town.
    let is_where =
        matches!(lack.relation, Relation::BasedIn | Relation::FormedIn | Relation::LocatedIn);
    if is_where && opening.split(|c: char| !c.is_alphabetic()).any(is_demonym) {
        return true;
    }
    // `the debut novel of X`: who wrote a book is said in too many ways.
    let is_book = matches!(
        described.thing.noun.as_str(),
        "novel" | "novella" | "book" | "memoir" | "play" | "poem" | "comic" | "autobiography"
    );
    if is_book && lack.relation == Relation::WrittenBy {
        return true;
    }
    if described.thing.sort == Sort::Code && is_stated_around(web, lack, &speaks) {
        return true;
    }
    if described.thing.sort == Sort::Code {
        // The entry and what stands in it; the next one begins with another name.
        let body = entry_text(web, lack.thing);
        if lack.relation == Relation::DefaultOf {
            let name = &lack.qualifier;
            // Without a signature, or with one that takes anything, nobody knows.
            if !body.lines().next().is_some_and(|head| head.contains('(')) || body.contains("**") {
                return true;
            }
            return body.contains(name.as_str());
        }
        return speaks(body)
            || beside(web, lack.thing, &speaks)
            || elsewhere(web, lack.thing, &speaks);
    }
    speaks(&document.text) || elsewhere(web, lack.thing, &speaks)
}

/// Whether what an entry of a manual stands in says it for all its entries: the page in front of the first
/// one, or the class.
fn is_stated_around(web: &Web, lack: &Lack, speaks: &dyn Fn(&str) -> bool) -> bool {
    if !matches!(lack.relation, Relation::AddedIn | Relation::DeprecatedIn) {
        return false;
    }
    let described = &web.things[lack.thing];
    let things = &web.of_document[described.document];
    let entries = things.iter().filter(|&&at| web.things[at].thing.noun != "module");
    let first = entries.map(|&at| web.things[at].thing.place.start).min().unwrap_or(0);
    let name = described.thing.name.as_str();
    speaks(&web.documents[described.document].text[..first])
        || things.iter().any(|&at| {
            let around = web.things[at].thing.name.as_str();
            name.strip_prefix(around).is_some_and(|rest| rest.starts_with('.'))
                && speaks(entry_text(web, at))
        })
}

/// Whether the page of an entry speaks of it outside of the entry: `Added the attributes a and b`.
fn beside(web: &Web, thing: ThingAt, speaks: &dyn Fn(&str) -> bool) -> bool {
    let described = &web.things[thing];
    let text = web.documents[described.document].text.as_str();
    let start = described.thing.place.start;
    let end = start + entry_text(web, thing).len();
    let short = described.thing.name.rsplit('.').next().unwrap_or_default();
    // Short words stand everywhere.
    short.len() > 3
        && [&text[..start], &text[end..]]
            .into_iter()
            .any(|part| part.contains(short) && around(part, short).into_iter().any(speaks))
}

/// Whether a sentence of another document holds the name and a word of the relation.
fn elsewhere(web: &Web, thing: ThingAt, speaks: &dyn Fn(&str) -> bool) -> bool {
    let described = &web.things[thing];
    let mut names: Vec<&str> = vec![described.thing.name.as_str()];
    names.extend(described.thing.aliases.iter().map(String::as_str));
    for name in names {
        for document in web.holding(name) {
            let text = &web.documents[document].text;
            if document != described.document && around(text, name).into_iter().any(speaks) {
                return true;
            }
        }
    }
    false
}

/// The text of an entry of a manual: from its head to the head of the next.
fn entry_text(web: &Web, thing: ThingAt) -> &str {
    let described = &web.things[thing];
    let start = described.thing.place.start;
    let text = &web.documents[described.document].text;
    let next = web.of_document[described.document]
        .iter()
        .map(|&other| web.things[other].thing.place.start)
        .filter(|&other| other > start)
        .min();
    &text[start..next.unwrap_or(text.len())]
}
