//! Constraints on a thing, and what can meet them in a store of which not every fact was read.
//!
//! Of a thing and a constraint it is known that it is met, that it is not, or neither. It is met where a
//! fact says so; it is not where a fact says otherwise, or where the text does not even hold the words
//! that it would take; else perhaps. A set of constraints singles a thing out only where each other one
//! is known to fail one of them.

use crate::facts::{Relation, Sort, Value, is_demonym};
use crate::make::web::{DocumentAt, FactAt, ThingAt, Web};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constraint {
    /// The relation has this object.
    Object { relation: Relation, object: String, qualifier: String },
    /// The date of the relation lies in these years.
    Years { relation: Relation, from: i32, to: i32 },
    /// The definition has these words: a nation, or what it is like.
    Kind { words: Vec<String> },
    /// The object of the relation is a place that lies in this one: its last part.
    Lies { relation: Relation, part: String },
    /// The module that the thing stands in, as its page has it, has this object in the relation.
    Module { relation: Relation, object: String },
    /// The object of the relation is a person whose definition has these words, born in these years.
    Through { relation: Relation, words: Vec<String>, born: Option<(i32, i32)> },
}

/// What is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    Yes,
    No,
    Perhaps,
}

impl Constraint {
    /// The relation that it is about.
    pub(crate) fn relation(&self) -> Option<Relation> {
        match self {
            Self::Object { relation, .. }
            | Self::Years { relation, .. }
            | Self::Lies { relation, .. }
            | Self::Through { relation, .. } => Some(*relation),
            Self::Kind { .. } | Self::Module { .. } => None,
        }
    }

    /// Whether a thing meets it.
    pub(crate) fn met(&self, web: &Web, thing: ThingAt) -> Met {
        let described = &web.things[thing];
        let facts: Vec<FactAt> = match self.relation() {
            Some(relation) => {
                let own = described.facts.iter().copied();
                own.filter(|&at| web.facts[at].fact.relation == relation).collect()
            }
            None => Vec::new(),
        };
        let known = |says: &dyn Fn(FactAt) -> Met| -> Met {
            let said: Vec<Met> = facts.iter().map(|&at| says(at)).collect();
            if said.contains(&Met::Yes) {
                Met::Yes
            } else if said.is_empty() || said.contains(&Met::Perhaps) {
                Met::Perhaps
            } else {
                Met::No
            }
        };
        let by_facts = match self {
            Self::Object { object, qualifier, relation } => known(&|at| {
                let fact = &web.facts[at].fact;
                if fact.qualifier != *qualifier {
                    return Met::Perhaps;
                }
                let same = as_literal(&fact.object) == as_literal(object);
                match (same, relation.row().single && fact.alone) {
                    (true, _) => Met::Yes,
                    (false, true) => Met::No,
                    (false, false) => Met::Perhaps,
                }
            }),
            Self::Years { from, to, .. } => {
                known(&|at| match web.facts[at].fact.value.as_ref().and_then(Value::year) {
                    Some(year) if (*from..=*to).contains(&year) => Met::Yes,
                    Some(_) => Met::No,
                    None => Met::Perhaps,
                })
            }
            Self::Kind { words } => of_kind(&described.thing.kind, words),
            Self::Lies { part, .. } => known(&|at| {
                let object = &web.facts[at].fact.object;
                // A place named by itself may lie anywhere.
                match (object.split(", ").any(|own| own == part), object.contains(", ")) {
                    (true, _) => Met::Yes,
                    (false, true) => Met::No,
                    (false, false) => Met::Perhaps,
                }
            }),
            Self::Module { relation, object } => {
                let mut things = web.of_document[described.document].iter();
                let module = things.find(|&&at| web.things[at].thing.noun == "module");
                let own = module.and_then(|&module| web.fact(module, *relation, ""));
                if own.is_some_and(|fact| fact.object == *object) { Met::Yes } else { Met::No }
            }
            Self::Through { words, born, .. } => known(&|at| match web.named_by(&web.facts[at]) {
                Some(person) => is_described(web, person, words, *born),
                None => Met::Perhaps,
            }),
        };
        // Entries of manuals say everything in the forms that are read, but for signatures that no reader
        // takes apart.
        if by_facts == Met::Perhaps && described.thing.sort == Sort::Code {
            let head = web.words(described.document, &described.thing.place);
            return match self {
                Self::Object { object, qualifier, .. }
                    if !qualifier.is_empty()
                        && as_literal(head)
                            .contains(&as_literal(&format!("{qualifier}={object}"))) =>
                {
                    Met::Perhaps
                }
                _ => Met::No,
            };
        }
        if by_facts == Met::Perhaps && !self.may_hold(web, described.document) {
            return Met::No;
        }
        by_facts
    }

    /// Whether the text of a document has the words that meeting it takes.
    pub(crate) fn may_hold(&self, web: &Web, document: DocumentAt) -> bool {
        let text = web.texts[document].as_str();
        let has = |name: &str| text.contains(&format!(" {} ", sleuth_index::folded(name)));
        match self {
            Self::Object { object, .. } | Self::Module { object, .. } => has(object),
            Self::Years { from, to, .. } => (*from..=*to).any(|year| has(&year.to_string())),
            // A film that is not called Indian may be one all the same.
            Self::Kind { words } => words.iter().all(|word| is_demonym(word) || has(word)),
            Self::Lies { part, .. } => has(part),
            Self::Through { relation, .. } => {
                let cues = relation.row().cues;
                cues.iter().any(|cue| text.contains(&format!(" {cue}")))
            }
        }
    }
}

/// A literal of a program, whichever quotation marks its writer took.
pub(crate) fn as_literal(text: &str) -> String {
    text.replace('"', "'")
}

/// Whether a definition has all of `words`. Of what it lacks only another nation is a contradiction.
fn of_kind(kind: &str, words: &[String]) -> Met {
    let own: Vec<&str> = kind.split([' ', '-']).collect();
    if !kind.is_empty() && words.iter().all(|word| own.contains(&word.as_str())) {
        return Met::Yes;
    }
    let nation = words.iter().find(|word| is_demonym(word));
    let other = own.iter().any(|word| is_demonym(word));
    match nation {
        Some(nation) if other && !own.contains(&nation.as_str()) => Met::No,
        _ => Met::Perhaps,
    }
}

/// Whether a person's definition has all of `words`, and the person was born in the years.
fn is_described(web: &Web, person: ThingAt, words: &[String], born: Option<(i32, i32)>) -> Met {
    let kind = &web.things[person].thing.kind;
    // Somebody may be called otherwise in a definition: an actor directs, too.
    let of_kind = of_kind(kind, words);
    if of_kind == Met::No {
        return Met::No;
    }
    let Some((from, to)) = born else { return of_kind };
    match web.fact(person, Relation::BornOn, "").and_then(|fact| fact.value.as_ref()?.year()) {
        Some(year) if (from..=to).contains(&year) => of_kind,
        Some(_) => Met::No,
        None => Met::Perhaps,
    }
}

/// Nouns of things of which one may be called by the noun of another.
fn is_alike(a: &str, b: &str) -> bool {
    const ALIKE: [&[&str]; 5] = [
        &[
            "film",
            "movie",
            "drama",
            "comedy",
            "thriller",
            "documentary",
            "sequel",
            "cartoon",
            "musical",
        ],
        &["album", "EP", "mixtape", "soundtrack"],
        &["band", "duo", "trio", "quartet", "group"],
        &["novel", "novella", "book", "memoir", "trilogy", "autobiography"],
        &["song", "single"],
    ];
    a == b || ALIKE.iter().any(|nouns| nouns.contains(&a) && nouns.contains(&b))
}

/// Things other than `target` of which it is not known that they fail one of `constraints`, with the
/// noun of the target; at most `most`. Documents whose topic is not known count by their words.
pub(crate) fn rivals(web: &Web, target: ThingAt, constraints: &[Constraint], most: usize) -> usize {
    let own = &web.things[target];
    let noun = own.thing.noun.as_str();
    let mut n = 0;
    let all: Vec<&Constraint> = constraints.iter().collect();
    for document in 0..web.documents.len() {
        if n >= most {
            break;
        }
        let things = &web.of_document[document];
        if things.is_empty() {
            let text = web.texts[document].as_str();
            let perhaps = own.thing.sort != Sort::Code
                && text.contains(&format!(" {noun} "))
                && all.iter().all(|constraint| constraint.may_hold(web, document));
            n += usize::from(perhaps && document != own.document);
            continue;
        }
        for &thing in things {
            let other = &web.things[thing].thing;
            if thing == target || other.sort != own.thing.sort {
                // A thing of another sort is none; one of no known sort may be.
                let unknown = other.sort == Sort::Thing
                    && own.thing.sort != Sort::Code
                    && web.texts[document].contains(&format!(" {noun} "));
                if thing == target || !unknown {
                    continue;
                }
            }
            let of_noun = is_alike(&other.noun, noun)
                || (own.thing.sort != Sort::Code
                    && web.texts[document].contains(&format!(" {noun} ")));
            if of_noun && all.iter().all(|constraint| constraint.met(web, thing) != Met::No) {
                n += 1;
                if n >= most {
                    break;
                }
            }
        }
    }
    n
}
