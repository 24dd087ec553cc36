//! Comparisons of two things, and intersections of what two documents say.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use sleuth_records::Random;

use crate::facts::{Relation, Sort, Wanted};
use crate::make::candidate::{Candidate, Only, Support, ask, fill, names, supports, year_of};
use crate::make::constraint::{Constraint, Met, as_literal};
use crate::make::hops::hop;
use crate::make::web::{FactAt, Web};
use crate::task::{Kind, Split, Verifier};

/// Things of a group that an intersection chooses from, at most.
const MOST_GROUP: usize = 40;

/// Facts that can be compared with each other, by split: same relation, same qualifier, same noun.
pub(crate) struct Comparable {
    groups: Vec<Vec<FactAt>>,
}

impl Comparable {
    pub(crate) fn new(web: &Web, splits: &[Split]) -> Self {
        let mut groups: BTreeMap<(Split, Relation, &str, &str), Vec<FactAt>> = BTreeMap::new();
        for (at, stated) in web.facts.iter().enumerate() {
            let (fact, described) = (&stated.fact, &web.things[stated.thing]);
            let row = fact.relation.row();
            if row.comparing.is_none() || fact.value.is_none() || !described.nameable || !fact.alone
            {
                continue;
            }
            // Persons are compared whatever they do; of works and the like those of one noun.
            let noun = match described.thing.sort {
                Sort::Person | Sort::Place => "",
                Sort::Work | Sort::Group | Sort::Code | Sort::Thing => {
                    described.thing.noun.as_str()
                }
            };
            let key = (splits[stated.document], fact.relation, fact.qualifier.as_str(), noun);
            groups.entry(key).or_default().push(at);
        }
        Self { groups: groups.into_values().filter(|group| group.len() > 1).collect() }
    }

    /// A pair, drawn by the number of facts of its group.
    pub(crate) fn draw(&self, random: &mut Random) -> Option<(FactAt, FactAt)> {
        // Large groups are not drawn by all their pairs, or nothing else would be.
        let weight = |group: &Vec<FactAt>| (group.len() as f64).sqrt();
        let total: f64 = self.groups.iter().map(weight).sum();
        let mut at = random.unit() * total;
        let group = self.groups.iter().find(|group| {
            at -= weight(group);
            at < 0.0
        });
        let group = group.or(self.groups.last())?;
        let (a, b) = (*random.pick(group), *random.pick(group));
        (a != b).then_some((a, b))
    }
}

/// Which of two things is first, or has more.
pub(crate) fn comparison(web: &Web, a: FactAt, b: FactAt, most: bool) -> Option<Candidate> {
    let (first, second) = (&web.facts[a], &web.facts[b]);
    if first.document == second.document || first.thing == second.thing {
        return None;
    }
    let row = first.fact.relation.row();
    let comparing = row.comparing.as_ref()?;
    let order = first.fact.value.as_ref()?.order(second.fact.value.as_ref()?)?;
    let wording = if most { comparing.most } else { comparing.least };
    let (one, two) = (&web.things[first.thing].thing, &web.things[second.thing].thing);
    let question = fill(
        wording,
        &[("a", one.said.as_str()), ("b", two.said.as_str()), ("q", &first.fact.qualifier)],
    );
    // A name with its year answers by itself.
    let years = [first, second].into_iter().filter_map(|stated| year_of(&stated.fact));
    if years.into_iter().any(|year| question.contains(&year.to_string())) {
        return None;
    }
    let at = if (order == Ordering::Less) == most { b } else { a };
    let hops: Option<Vec<_>> = [a, b]
        .iter()
        .map(|&at| {
            let stated = &web.facts[at];
            let said = &web.things[stated.thing].thing.said;
            let asked = ask(row, 0, said, &stated.fact.qualifier)?;
            Some(hop(&asked, &stated.fact.object, web, at))
        })
        .collect();
    Some(Candidate {
        kind: Kind::Comparison,
        recipe: format!("comparison {}", row.name),
        question,
        golds: names(web, web.facts[at].thing),
        verifier: Verifier::Exact,
        supports: supports(web, first).into_iter().chain(supports(web, second)).collect(),
        hops: hops?,
        n_documents: 2,
        only: Only::Facts(vec![a, b]),
        answered_in: Some(web.facts[at].document),
    })
}

/// Pairs of works that one person stars in.
pub(crate) fn shared_casts(web: &Web, splits: &[Split]) -> Vec<(FactAt, FactAt)> {
    let mut by_person: BTreeMap<String, Vec<FactAt>> = BTreeMap::new();
    for (at, stated) in web.facts.iter().enumerate() {
        let person = sleuth_index::folded(&stated.fact.object);
        let named = web.things[stated.thing].nameable && person.contains(' ');
        if stated.fact.relation == Relation::Starring && named {
            by_person.entry(person).or_default().push(at);
        }
    }
    let mut out = Vec::new();
    for facts in by_person.values() {
        for (nth, &a) in facts.iter().enumerate() {
            for &b in &facts[nth + 1..] {
                let (first, second) = (&web.facts[a], &web.facts[b]);
                if first.document != second.document
                    && splits[first.document] == splits[second.document]
                {
                    out.push((a, b));
                }
            }
        }
    }
    out
}

/// Who stars in both works.
pub(crate) fn shared_cast(web: &Web, a: FactAt, b: FactAt) -> Option<Candidate> {
    let (first, second) = (&web.facts[a], &web.facts[b]);
    let (one, two) = (&web.things[first.thing].thing, &web.things[second.thing].thing);
    let question = format!("Who stars in both {} and {}?", one.said, two.said);
    let hops = [a, b]
        .iter()
        .map(|&at| {
            let said = &web.things[web.facts[at].thing].thing.said;
            hop(&format!("Who stars in {said}?"), &web.facts[at].fact.object, web, at)
        })
        .collect();
    let mut golds = vec![first.fact.object.clone()];
    if let Some(person) = web.named_by(first) {
        golds.extend(names(web, person));
    }
    let mut seen = BTreeSet::new();
    golds.retain(|gold| seen.insert(gold.clone()));
    let supports: Vec<Support> =
        supports(web, first).into_iter().chain(supports(web, second)).collect();
    Some(Candidate {
        kind: Kind::Intersection,
        recipe: "intersection starring+starring".to_owned(),
        question,
        golds,
        verifier: Verifier::Exact,
        supports,
        hops,
        n_documents: 2,
        only: Only::Shared { facts: vec![a, b], of: [first.thing, second.thing] },
        answered_in: Some(first.document),
    })
}

/// A thing that one property shares with a second document, and another one with a third or by itself:
/// *Which film directed by P was released in the same year as the film "A"?*
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Anchored {
    /// The property that the question names.
    pub(crate) own: FactAt,
    /// The property that has to be compared with the anchor's.
    pub(crate) linked: FactAt,
    /// The anchor's fact.
    pub(crate) anchor: FactAt,
}

/// How a question says that a thing shares a property with an anchor; `None` for what it cannot.
fn sharing(relation: Relation) -> Option<&'static str> {
    Some(match relation {
        Relation::ReleasedOn => "released in the same year as {s}",
        Relation::PublishedOn => "published in the same year as {s}",
        Relation::FoundedOn => "founded in the same year as {s}",
        Relation::AddedIn => "added in the same version as {s}",
        Relation::DeprecatedIn => "deprecated in the same version as {s}",
        Relation::DirectedBy => "directed by the director of {s}",
        _ => return None,
    })
}

/// Draws from the things that share a property which a question can name.
pub(crate) struct Anchors {
    /// Facts of one relation, object and noun: two or more.
    groups: Vec<Vec<FactAt>>,
    /// Facts by what an anchor shares: relation and year, version or object.
    linked: BTreeMap<(Split, Relation, String), Vec<FactAt>>,
}

/// What two facts of one relation share, as a key.
fn shared_key(web: &Web, at: FactAt) -> Option<String> {
    let fact = &web.facts[at].fact;
    match fact.relation.row().wanted {
        Wanted::Date => year_of(fact).map(|year| year.to_string()),
        Wanted::Version | Wanted::Person => fact.alone.then(|| fact.object.clone()),
        Wanted::Place
        | Wanted::Name
        | Wanted::Title
        | Wanted::Number
        | Wanted::Code
        | Wanted::Path => None,
    }
}

impl Anchors {
    pub(crate) fn new(web: &Web, splits: &[Split]) -> Self {
        let mut groups: BTreeMap<(Split, Relation, String, &str, &str), Vec<FactAt>> =
            BTreeMap::new();
        let mut linked: BTreeMap<(Split, Relation, String), Vec<FactAt>> = BTreeMap::new();
        for (at, stated) in web.facts.iter().enumerate() {
            let (fact, described) = (&stated.fact, &web.things[stated.thing]);
            let row = fact.relation.row();
            let split = splits[stated.document];
            let thing = &described.thing;
            let can_name = thing.sort != Sort::Person
                && !thing.noun.is_empty()
                && !row.having.is_empty()
                && !matches!(row.wanted, Wanted::Date | Wanted::Number | Wanted::Version);
            if can_name {
                let object = as_literal(&fact.object);
                let key = (split, fact.relation, object, &*fact.qualifier, &*thing.noun);
                groups.entry(key).or_default().push(at);
            }
            if sharing(fact.relation).is_some()
                && let Some(key) = shared_key(web, at)
            {
                linked.entry((split, fact.relation, key)).or_default().push(at);
            }
        }
        let groups =
            groups.into_values().filter(|group| (2..=MOST_GROUP).contains(&group.len())).collect();
        Self { groups, linked }
    }

    /// A target of a group, and an anchor for another property of it.
    pub(crate) fn draw(
        &self,
        web: &Web,
        splits: &[Split],
        random: &mut Random,
    ) -> Option<Anchored> {
        if self.groups.is_empty() {
            return None;
        }
        let group: &Vec<FactAt> = random.pick(&self.groups);
        let own = *random.pick(group);
        let thing = web.facts[own].thing;
        let others: Vec<FactAt> = web.things[thing]
            .facts
            .iter()
            .copied()
            .filter(|&at| {
                let relation = web.facts[at].fact.relation;
                relation != web.facts[own].fact.relation && sharing(relation).is_some()
            })
            .collect();
        if others.is_empty() {
            return None;
        }
        let linked = *random.pick(&others);
        let key = (
            splits[web.facts[linked].document],
            web.facts[linked].fact.relation,
            shared_key(web, linked)?,
        );
        let anchors = self.linked.get(&key)?;
        let anchor = *random.pick(anchors);
        let (target, anchored) = (&web.facts[linked], &web.facts[anchor]);
        (target.document != anchored.document && web.things[anchored.thing].nameable)
            .then_some(Anchored { own, linked, anchor })
    }
}

/// The question for a thing by two properties; `None` where one of them is enough, or both are not.
pub(crate) fn anchored(web: &Web, of: &Anchored) -> Option<Candidate> {
    let (own, linked, anchor) = (&web.facts[of.own], &web.facts[of.linked], &web.facts[of.anchor]);
    let described = &web.things[own.thing];
    let thing = &described.thing;
    let beside = &web.things[anchor.thing].thing;
    if !described.nameable {
        return None;
    }
    let row = own.fact.relation.row();
    let having = fill(row.having, &[("o", &own.fact.object), ("q", &own.fact.qualifier)]);
    let same = fill(sharing(linked.fact.relation)?, &[("s", &beside.said)]);
    let question = format!("Which {} {having} was {same}?", thing.noun);
    let constraint = match linked.fact.relation.row().wanted {
        Wanted::Date => {
            let year = year_of(&linked.fact)?;
            Constraint::Years { relation: linked.fact.relation, from: year, to: year }
        }
        _ => Constraint::Object {
            relation: linked.fact.relation,
            object: linked.fact.object.clone(),
            qualifier: linked.fact.qualifier.clone(),
        },
    };
    let first = Constraint::Object {
        relation: own.fact.relation,
        object: own.fact.object.clone(),
        qualifier: own.fact.qualifier.clone(),
    };
    // The anchor itself must not be an answer.
    if first.met(web, anchor.thing) != Met::No && beside.noun == thing.noun {
        return None;
    }
    let asked = |at: FactAt, said: &str| {
        let stated = &web.facts[at];
        ask(stated.fact.relation.row(), 0, said, &stated.fact.qualifier)
    };
    let hops = vec![
        hop(&asked(of.anchor, &beside.said)?, &anchor.fact.object, web, of.anchor),
        hop(&question, &thing.name, web, of.own),
    ];
    let mut all: Vec<Support> = Vec::new();
    for support in [anchor, own, linked].into_iter().flat_map(|stated| supports(web, stated)) {
        if !all.contains(&support) {
            all.push(support);
        }
    }
    let relations = [own.fact.relation.row().name, linked.fact.relation.row().name];
    Some(Candidate {
        kind: Kind::Intersection,
        recipe: format!("intersection {}+same:{}", relations[0], relations[1]),
        question,
        golds: names(web, own.thing),
        verifier: Verifier::Exact,
        supports: all,
        hops,
        n_documents: 2,
        only: Only::Meets {
            facts: vec![of.own, of.linked, of.anchor],
            target: own.thing,
            constraints: vec![first, constraint],
        },
        answered_in: Some(own.document),
    })
}
