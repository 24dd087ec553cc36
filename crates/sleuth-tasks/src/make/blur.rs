//! Questions that name nothing by which the page can be found: descriptions in place of names.
//!
//! The subject of a way of facts is described by what its page says of it, and what other pages say of
//! whom it names: a decade in place of a year, *an Indian filmmaker born in the 1970s* in place of a
//! director, the region in place of a town. The description has no more clues than it takes to single
//! the thing out in the store; whether a search finds the page nevertheless is for the filters to say.

use crate::facts::{Relation, Sort, Wanted, is_demonym};
use crate::make::candidate::{Candidate, Only, Support, ask, fill, golds, noun, supports, year_of};
use crate::make::constraint::{Constraint, rivals};
use crate::make::hops::hop;
use crate::make::web::{FactAt, ThingAt, Web};
use crate::task::Kind;

/// Ways to leave clues out of a description.
pub(crate) const VARIANTS: usize = 4;
/// Most clues of a description.
const MOST_CLUES: usize = 5;

/// Clues that are kept even where fewer would do: a description of two words is found by chance.
const ENOUGH_CLUES: usize = 3;

/// A clue: its words, where they stand, what it says, and the pages that say so.
struct Clue {
    words: String,
    /// In front of the noun, or behind it.
    in_front: bool,
    constraint: Constraint,
    supports: Vec<Support>,
    facts: Vec<FactAt>,
}

/// Whether a thing can be described at all.
pub(crate) fn is_describable(web: &Web, thing: ThingAt) -> bool {
    let described = &web.things[thing];
    let sort = described.thing.sort;
    !described.thing.noun.is_empty()
        && described.facts.len() >= 2
        && matches!(sort, Sort::Work | Sort::Group | Sort::Place | Sort::Code)
        && described.thing.noun != "module"
}

/// The question for the last object of `way`, whose first subject is described and not named.
pub(crate) fn obfuscated(web: &Web, way: &[FactAt], variant: usize) -> Option<Candidate> {
    let first = &web.facts[*way.first()?];
    let target = first.thing;
    let mut all = clues(web, target, way);
    let is_front = |clue: &Clue| clue.in_front;
    let last_front = all.iter().rposition(is_front);
    match variant {
        0 => {}
        // Without what it is like, without where it is from, without either.
        1 => all.truncate(all.iter().position(is_front)?),
        _ => {
            let first_front = all.iter().position(is_front)?;
            if last_front == Some(first_front) {
                return None;
            }
            all.remove(if variant == 2 { first_front } else { first_front + 1 });
        }
    }
    let mut chosen: Vec<&Clue> = all.iter().take(MOST_CLUES).collect();
    let constraints = |chosen: &[&Clue]| -> Vec<Constraint> {
        chosen.iter().map(|clue| clue.constraint.clone()).collect()
    };
    if chosen.len() < 2 || rivals(web, target, &constraints(&chosen), 1) > 0 {
        return None;
    }
    // The clues that tell most come first, and are the first that are tried without.
    let mut at = 0;
    while at < chosen.len() && chosen.len() > ENOUGH_CLUES {
        let mut fewer = chosen.clone();
        fewer.remove(at);
        if rivals(web, target, &constraints(&fewer), 1) == 0 {
            chosen = fewer;
        } else {
            at += 1;
        }
    }
    if chosen.len() < 2 {
        return None;
    }
    let thing = &web.things[target].thing;
    // The nation stands before the quality.
    let mut front: Vec<&str> =
        chosen.iter().rev().filter(|clue| clue.in_front).map(|clue| clue.words.as_str()).collect();
    front.push(&thing.noun);
    let mut behind: Vec<&str> =
        chosen.iter().filter(|clue| !clue.in_front).map(|clue| clue.words.as_str()).collect();
    let mut said = format!("the {}", front.join(" "));
    // Who wrote the module stands next to the noun.
    let by = behind.iter().position(|words| words.starts_with("in a module"));
    if let Some(by) = by.map(|by| behind.remove(by)) {
        said = if behind.is_empty() { format!("{said} {by}") } else { format!("{said}, {by},") };
    }
    if !behind.is_empty() {
        said = format!("{said} {}", behind.join(" and "));
    }
    let described = said.clone();
    let (&last, before) = way.split_last()?;
    let mut hops = vec![hop(&format!("Which is {described}?"), &thing.name, web, way[0])];
    let mut own = "#1".to_owned();
    for (nth, &at) in before.iter().enumerate() {
        let stated = &web.facts[at];
        let row = stated.fact.relation.row();
        hops.push(hop(&ask(row, 0, &own, &stated.fact.qualifier)?, &stated.fact.object, web, at));
        own = format!("#{}", nth + 2);
        said = noun(row, &said, &stated.fact.qualifier)?;
    }
    let stated = &web.facts[last];
    let row = stated.fact.relation.row();
    let question = ask(row, 0, &said, &stated.fact.qualifier)?;
    let (golds, verifier) = golds(web, stated);
    hops.push(hop(&ask(row, 0, &own, &stated.fact.qualifier)?, &golds[0], web, last));
    let mut all_supports: Vec<Support> = Vec::new();
    let place = Support { document: web.things[target].document, range: thing.place.clone() };
    let of_way = way.iter().flat_map(|&at| supports(web, &web.facts[at]));
    let of_clues = chosen.iter().flat_map(|clue| clue.supports.iter().cloned());
    for support in std::iter::once(place).chain(of_clues).chain(of_way) {
        if !all_supports.contains(&support) {
            all_supports.push(support);
        }
    }
    // Pages of clues count where the description would not do without them.
    let needed = (0..chosen.len()).filter(|&without| {
        let mut fewer = chosen.clone();
        fewer.remove(without);
        rivals(web, target, &constraints(&fewer), 1) > 0
    });
    let of_clues = needed.flat_map(|at| chosen[at].supports.iter().map(|support| support.document));
    let mut documents: Vec<usize> =
        way.iter().map(|&at| web.facts[at].document).chain(of_clues).collect();
    documents.sort_unstable();
    documents.dedup();
    let mut facts: Vec<FactAt> = way.to_vec();
    facts.extend(chosen.iter().flat_map(|clue| clue.facts.iter().copied()));
    Some(Candidate {
        kind: Kind::Obfuscated,
        recipe: format!("obfuscated {} {}", row.name, way.len()),
        question,
        golds,
        verifier,
        supports: all_supports,
        hops,
        n_documents: u32::try_from(documents.len()).unwrap_or(u32::MAX),
        only: Only::Meets { facts, target, constraints: constraints(&chosen) },
        answered_in: Some(stated.document),
    })
}

/// Clues to a thing that the facts of `way` do not give away, the telling ones first.
fn clues(web: &Web, target: ThingAt, way: &[FactAt]) -> Vec<Clue> {
    let described = &web.things[target];
    let asked = web.facts[way[0]].fact.relation;
    let mut out = Vec::new();
    for &at in &described.facts {
        let stated = &web.facts[at];
        let fact = &stated.fact;
        let row = fact.relation.row();
        let gives =
            !fact.qualifier.is_empty() && fact.qualifier == web.facts[way[0]].fact.qualifier;
        if row.having.is_empty() || fact.relation == asked || gives || way.contains(&at) {
            continue;
        }
        let own = supports(web, stated);
        match row.wanted {
            Wanted::Date => {
                let Some(year) = year_of(fact) else { continue };
                let (from, to, words) = blurred_years(year);
                out.push(Clue {
                    words: fill(row.having, &[("o", &words)]),
                    in_front: false,
                    constraint: Constraint::Years { relation: fact.relation, from, to },
                    supports: own,
                    facts: vec![at],
                });
            }
            Wanted::Person | Wanted::Name => {
                out.extend(through(web, at, own));
            }
            Wanted::Place => {
                let Some((_, part)) = fact.object.rsplit_once(", ") else { continue };
                out.push(Clue {
                    words: fill(row.having, &[("o", part)]),
                    in_front: false,
                    constraint: Constraint::Lies { relation: fact.relation, part: part.to_owned() },
                    supports: own,
                    facts: vec![at],
                });
            }
            Wanted::Code | Wanted::Version if described.thing.sort == Sort::Code => {
                out.push(Clue {
                    words: fill(row.having, &[("o", &fact.object), ("q", &fact.qualifier)]),
                    in_front: false,
                    constraint: Constraint::Object {
                        relation: fact.relation,
                        object: fact.object.clone(),
                        qualifier: fact.qualifier.clone(),
                    },
                    supports: own,
                    facts: vec![at],
                });
            }
            Wanted::Code | Wanted::Version | Wanted::Title | Wanted::Number | Wanted::Path => {}
        }
    }
    // A name of a program: who wrote the module that it stands in.
    let things = &web.of_document[described.document];
    let module = things.iter().find(|&&at| web.things[at].thing.noun == "module");
    if let Some(&module) = module.filter(|_| described.thing.sort == Sort::Code)
        && let Some(&at) = web.things[module].facts.iter().find(|&&at| {
            let fact = &web.facts[at].fact;
            fact.relation == Relation::ModuleAuthor && fact.alone
        })
    {
        let object = web.facts[at].fact.object.clone();
        out.push(Clue {
            words: format!("in a module by {object}"),
            in_front: false,
            constraint: Constraint::Module { relation: Relation::ModuleAuthor, object },
            supports: supports(web, &web.facts[at]),
            facts: vec![at],
        });
    }
    // Words of the definition: what it is like, and where it is from.
    let kind = &described.thing.kind;
    let noun = described.thing.noun.as_str();
    let place = Support { document: described.document, range: described.thing.place.clone() };
    let of_kind = |words: Vec<&str>| Clue {
        words: words.join(" "),
        in_front: true,
        constraint: Constraint::Kind { words: words.into_iter().map(str::to_owned).collect() },
        supports: vec![place.clone()],
        facts: Vec::new(),
    };
    let words: Vec<&str> = kind.strip_suffix(noun).unwrap_or(kind).split_whitespace().collect();
    let small = words.iter().rposition(|word| !is_quality(word)).map_or(0, |at| at + 1);
    // `Tamil language film`: the words in front belong to it.
    let alone = small
        .checked_sub(1)
        .is_none_or(|at| is_demonym(words[at]) || words[at].chars().all(|c| c.is_ascii_digit()));
    if alone && small < words.len() && words.len() - small <= 3 {
        out.push(of_kind(words[small..].to_vec()));
    }
    if let Some(nation) = words.iter().find(|word| is_demonym(word)) {
        out.push(of_kind(vec![*nation]));
    }
    out
}

/// Whether a word in front of a noun says what the thing is like.
fn is_quality(word: &str) -> bool {
    const OTHERS: [&str; 26] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "debut",
        "upcoming",
        "only",
        "final",
        "last",
        "former",
        "popular",
        "successful",
        "new",
        "small",
        "large",
        "major",
        "short",
        "eponymous",
        "language",
        "feature",
    ];
    word.len() > 2
        && word.chars().all(|c| c.is_lowercase() || c == '-')
        && !OTHERS.contains(&word)
        && !word.ends_with("th")
}

/// `directed by an Indian filmmaker born in the 1970s`.
fn through(web: &Web, at: FactAt, mut own: Vec<Support>) -> Option<Clue> {
    let stated = &web.facts[at];
    let fact = &stated.fact;
    let person = web.named_by(stated)?;
    let described = &web.things[person];
    if described.thing.sort != Sort::Person || described.thing.noun.is_empty() {
        return None;
    }
    let demonym = described.thing.kind.split(' ').find(|word| is_demonym(word))?;
    // Of several callings the one by which the person stands here.
    let noun = match fact.relation {
        Relation::Starring => {
            let own = described.thing.kind.split(' ');
            own.into_iter().find(|word| matches!(*word, "actor" | "actress" | "comedian"))?
        }
        _ => described.thing.noun.as_str(),
    };
    let words = vec![demonym.to_owned(), noun.to_owned()];
    let article = if demonym.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    let mut phrase = format!("{article} {demonym} {noun}");
    own.push(Support { document: described.document, range: described.thing.place.clone() });
    let born = web.fact(person, Relation::BornOn, "").and_then(year_of).map(|year| {
        let decade = year - year.rem_euclid(10);
        phrase = format!("{phrase} born in the {decade}s");
        (decade, decade + 9)
    });
    Some(Clue {
        words: fill(fact.relation.row().having, &[("o", &phrase)]),
        in_front: false,
        constraint: Constraint::Through { relation: fact.relation, words, born },
        supports: own,
        facts: vec![at],
    })
}

/// `the early 1990s` for 1991, with its first and last year.
fn blurred_years(year: i32) -> (i32, i32, String) {
    let decade = year - year.rem_euclid(10);
    let (word, from, to) = match year - decade {
        0..=3 => ("early", 0, 3),
        4..=6 => ("mid", 4, 6),
        _ => ("late", 7, 9),
    };
    let joint = if word == "mid" { "-" } else { " " };
    (decade + from, decade + to, format!("the {word}{joint}{decade}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_blurred_to_a_part_of_their_decade() {
        assert_eq!(blurred_years(1991), (1990, 1993, "the early 1990s".to_owned()));
        assert_eq!(blurred_years(2015), (2014, 2016, "the mid-2010s".to_owned()));
        assert_eq!(blurred_years(1969), (1967, 1969, "the late 1960s".to_owned()));
    }
}
