//! Whether the store supports no second answer.
//!
//! Facts are looked at first: the same relation of a subject of the same name with another object. Then
//! texts: a sentence of another document that holds the subject's whole name, a word by which the
//! relation can be told and something of the answer's shape that is not the answer may say otherwise,
//! and *may* is enough to drop the task.

use sleuth_agent::sentences;
use sleuth_index::folded;

use crate::facts::{Relation, Sort, Value, Wanted};
use crate::make::candidate::{Candidate, Only};
use crate::make::constraint::rivals;
use crate::make::missing::{Lack, is_stated};
use crate::make::web::{FactAt, Stated, ThingAt, Web, around};
use crate::task::Kind;

/// Whether the answer of `candidate` is the only one.
pub(crate) fn is_unique(web: &Web, candidate: &Candidate) -> bool {
    match &candidate.only {
        Only::Facts(facts) => facts.iter().all(|&at| has_no_rival(web, at)),
        Only::Meets { facts, target, constraints } => {
            facts.iter().all(|&at| {
                // What is only a property of the target may have other bearers.
                !web.facts[at].fact.alone || has_no_rival(web, at)
            }) && rivals(web, *target, constraints, 1) == 0
                // A description may say more than it must; of two properties each has to count.
                && (candidate.kind == Kind::Obfuscated || (0..constraints.len()).all(|without| {
                    let mut fewer = constraints.clone();
                    fewer.remove(without);
                    rivals(web, *target, &fewer, 1) > 0
                }))
        }
        Only::Nowhere { thing, relation, qualifier } => {
            let lack = Lack { thing: *thing, relation: *relation, qualifier: qualifier.clone() };
            !is_stated(web, &lack)
        }
        Only::Shared { facts, of } => shares_one(web, facts[0], *of),
    }
}

/// Whether nothing in the store says otherwise than this fact.
fn has_no_rival(web: &Web, at: FactAt) -> bool {
    let stated = &web.facts[at];
    let (fact, described) = (&stated.fact, &web.things[stated.thing]);
    let mut names: Vec<&str> = vec![&described.thing.name];
    names.extend(described.thing.aliases.iter().map(String::as_str));
    // Another thing of one of its names that has the relation, too.
    for name in &names {
        for &other in web.called(name) {
            let rival = other != stated.thing
                && web
                    .fact(other, fact.relation, &fact.qualifier)
                    .is_some_and(|other| other.object != fact.object);
            if rival {
                return false;
            }
        }
    }
    if described.thing.sort == Sort::Code {
        return true;
    }
    let row = fact.relation.row();
    if row.wanted == Wanted::Date && has_other_year(web, stated) {
        return false;
    }
    let own = folded(&fact.object);
    for name in names {
        for document in web.holding(name) {
            let text = &web.documents[document].text;
            let own_sentence = &text[fact_range(stated, document)];
            for stretch in around(text, name) {
                if own_sentence.contains(stretch)
                    || stretch.contains(own_sentence) && !own_sentence.is_empty()
                {
                    continue;
                }
                let said = format!(" {} ", folded(stretch));
                let says = row.cues.iter().any(|cue| said.contains(&format!(" {cue}")))
                    && !said.contains(&format!(" {own} "))
                    && holds_other(fact.relation, stretch, name);
                if says {
                    return false;
                }
            }
        }
    }
    true
}

/// Whether the page itself speaks of the same event in another year: what came out in Europe in one and in
/// Japan in the next has two dates. Lives have one birth and one death, whatever else the page tells.
fn has_other_year(web: &Web, stated: &Stated) -> bool {
    let Stated { fact, document, .. } = stated;
    let is_event =
        matches!(fact.relation, Relation::ReleasedOn | Relation::PublishedOn | Relation::FoundedOn);
    let Some(own) = fact.value.as_ref().and_then(Value::year).filter(|_| is_event) else {
        return false;
    };
    let cues: Vec<&&str> = fact
        .relation
        .row()
        .cues
        .iter()
        .filter(|cue| cue.chars().all(char::is_alphabetic))
        .collect();
    let text = &web.documents[*document].text;
    sentences(text).into_iter().any(|range| {
        let said = format!(" {}", folded(&text[range]));
        let speaks = cues.iter().any(|cue| said.contains(&format!(" {cue}")));
        let other = said.split(' ').any(|word| {
            word.len() == 4
                && word
                    .parse::<i32>()
                    .is_ok_and(|year| (1000..=2100).contains(&year) && year != own)
        });
        speaks && other
    })
}

/// The sentence of a fact, in its own document; nothing in others.
fn fact_range(stated: &Stated, document: usize) -> std::ops::Range<usize> {
    if document == stated.document { stated.fact.sentence.clone() } else { 0..0 }
}

/// Whether a sentence that speaks of `name` holds something that could be another object.
fn holds_other(relation: Relation, sentence: &str, name: &str) -> bool {
    let rest = sentence.replace(name, " ");
    match relation.row().wanted {
        Wanted::Date | Wanted::Number => rest.chars().any(|c| c.is_ascii_digit()),
        Wanted::Version => rest.contains(|c: char| c.is_ascii_digit()),
        Wanted::Person | Wanted::Name | Wanted::Place | Wanted::Title => {
            // A cue has to stand close to the name, or nearly every sentence would say something.
            let lower = sentence.to_lowercase();
            let at = lower.find(&name.to_lowercase()).unwrap_or(0);
            let end = at + name.len();
            let from = lower.floor_char_boundary(at.saturating_sub(48));
            let to = lower.floor_char_boundary((end + 48).min(lower.len()));
            relation.row().cues.iter().any(|cue| lower[from..to].contains(cue))
        }
        Wanted::Code | Wanted::Path => false,
    }
}

/// Whether the two works' texts name one person in common who may star in both.
fn shares_one(web: &Web, first: FactAt, of: [ThingAt; 2]) -> bool {
    let answer = folded(&web.facts[first].fact.object);
    let [one, two] = of.map(|thing| web.things[thing].document);
    let (text, other) = (&web.documents[one].text, web.texts[two].as_str());
    let range = 0..text.len();
    let titles = of.map(|thing| folded(&web.things[thing].thing.name));
    let runs = crate::facts::names(text, range);
    runs.iter().map(|name| folded(name)).all(|name| {
        name == answer
            || answer.contains(&name)
            || !name.contains(' ')
            || titles.contains(&name)
            || !other.contains(&format!(" {name} "))
    })
}
