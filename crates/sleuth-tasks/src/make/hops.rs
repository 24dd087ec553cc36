//! One hop, and bridges of two to five: the object of one fact names the subject of the next.
//!
//! A bridge asks for the last object in words that name only the first subject: *When was the director
//! of the film "X" born?* No document is used twice, so that each hop has to be read for itself.

use std::collections::BTreeMap;

use crate::facts::{Relation, Sort, Wanted, one_line};
use crate::make::candidate::{Candidate, Hop, Only, ask, fill, golds, noun, supports, year_of};
use crate::make::constraint::Constraint;
use crate::make::web::{FactAt, Web};
use crate::task::{Kind, Split};

/// Most hops of a bridge.
pub(crate) const MOST_HOPS: usize = 5;

/// The question for one fact; `variant` chooses among wordings. `None` where the fact cannot be asked
/// for.
pub(crate) fn one_hop(web: &Web, at: FactAt, variant: usize) -> Option<Candidate> {
    let stated = &web.facts[at];
    let described = &web.things[stated.thing];
    if !described.nameable || !stated.fact.alone {
        return None;
    }
    let row = stated.fact.relation.row();
    let question = ask(row, variant, &described.thing.said, &stated.fact.qualifier)?;
    let (golds, verifier) = golds(web, stated);
    Some(Candidate {
        kind: Kind::OneHop,
        recipe: format!("one_hop {}", row.name),
        hops: vec![hop(&question, &golds[0], web, at)],
        question,
        golds,
        verifier,
        supports: supports(web, stated),
        n_documents: 1,
        only: Only::Facts(vec![at]),
        answered_in: Some(stated.document),
    })
}

pub(crate) fn hop(question: &str, answer: &str, web: &Web, fact: FactAt) -> Hop {
    Hop {
        question: question.to_owned(),
        answer: one_line(answer),
        document: web.facts[fact].document,
        fact,
    }
}

/// Facts of each thing that can be asked for or gone through, and where each leads.
pub(crate) struct Ways {
    /// By fact: the thing that its object names.
    pub(crate) leads: BTreeMap<FactAt, usize>,
}

impl Ways {
    pub(crate) fn new(web: &Web) -> Self {
        let mut leads = BTreeMap::new();
        for (at, stated) in web.facts.iter().enumerate() {
            let row = stated.fact.relation.row();
            if !stated.fact.alone || row.noun.is_empty() {
                continue;
            }
            if let Some(thing) = web.named_by(stated)
                && web.things[thing].document != stated.document
            {
                leads.insert(at, thing);
            }
        }
        Self { leads }
    }

    /// All bridges that stay in one split, as rows of facts; at most `most`.
    pub(crate) fn bridges(&self, web: &Web, splits: &[Split], most: usize) -> Vec<Vec<FactAt>> {
        let mut out = Vec::new();
        for &first in self.leads.keys() {
            let stated = &web.facts[first];
            if web.things[stated.thing].nameable {
                self.go_on(web, splits, &mut vec![first], &mut out, most);
            }
            if out.len() >= most {
                break;
            }
        }
        out
    }

    fn go_on(
        &self,
        web: &Web,
        splits: &[Split],
        way: &mut Vec<FactAt>,
        out: &mut Vec<Vec<FactAt>>,
        most: usize,
    ) {
        let Some(thing) = way.last().and_then(|last| self.leads.get(last)) else { return };
        let document = web.things[*thing].document;
        let known = way.iter().any(|&at| web.facts[at].document == document);
        if known || splits[document] != splits[web.facts[way[0]].document] {
            return;
        }
        for &next in &web.things[*thing].facts {
            if out.len() >= most {
                return;
            }
            let stated = &web.facts[next];
            if !stated.fact.alone {
                continue;
            }
            way.push(next);
            if !stated.fact.relation.row().ask.is_empty() {
                out.push(way.clone());
            }
            if way.len() < MOST_HOPS && self.leads.contains_key(&next) {
                self.go_on(web, splits, way, out, most);
            }
            way.pop();
        }
    }
}

/// The question for a row of facts.
pub(crate) fn bridge(web: &Web, way: &[FactAt], variant: usize) -> Option<Candidate> {
    let (&last, before) = way.split_last()?;
    let first = &web.facts[*before.first()?];
    let mut said = web.things[first.thing].thing.said.clone();
    let mut hops = Vec::new();
    let mut all = Vec::new();
    for (nth, &at) in before.iter().enumerate() {
        let stated = &web.facts[at];
        let row = stated.fact.relation.row();
        let own = match nth {
            0 => web.things[stated.thing].thing.said.clone(),
            nth => format!("#{nth}"),
        };
        hops.push(hop(&ask(row, 0, &own, &stated.fact.qualifier)?, &stated.fact.object, web, at));
        all.extend(supports(web, stated));
        said = noun(row, &said, &stated.fact.qualifier)?;
    }
    let stated = &web.facts[last];
    let row = stated.fact.relation.row();
    let question = ask(row, variant, &said, &stated.fact.qualifier)?;
    let (golds, verifier) = golds(web, stated);
    let own = format!("#{}", before.len());
    hops.push(hop(&ask(row, variant, &own, &stated.fact.qualifier)?, &golds[0], web, last));
    all.extend(supports(web, stated));
    // Nothing that is asked for on the way may be named in the question.
    let names = |at: &FactAt| {
        let object = &web.facts[*at].fact.object;
        let sort = web.things[web.facts[*at].thing].thing.sort;
        sort != Sort::Code && question.to_lowercase().contains(&object.to_lowercase())
    };
    if before.iter().any(names) {
        return None;
    }
    let relations: Vec<&str> =
        way.iter().map(|&at| web.facts[at].fact.relation.row().name).collect();
    Some(Candidate {
        kind: Kind::Bridge,
        recipe: format!("bridge {}", relations.join(">")),
        question,
        golds,
        verifier,
        supports: all,
        hops,
        n_documents: u32::try_from(way.len()).unwrap_or(u32::MAX),
        only: Only::Facts(way.to_vec()),
        answered_in: Some(stated.document),
    })
}

/// A bridge over what two things share: *Who produced the 1999 film directed by the director of the film
/// "X"?* The page of the director is not needed, and the question names neither him nor the film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Over {
    /// The shared object, as the first thing has it.
    pub(crate) first: FactAt,
    /// The same, as the second has it.
    pub(crate) second: FactAt,
    /// The year of the second.
    pub(crate) year: FactAt,
    /// What is asked of the second.
    pub(crate) asked: FactAt,
}

/// All bridges over a shared maker.
pub(crate) fn overs(web: &Web, splits: &[Split]) -> Vec<Over> {
    let mut makers: BTreeMap<(Split, Relation, String), Vec<FactAt>> = BTreeMap::new();
    for (at, stated) in web.facts.iter().enumerate() {
        let fact = &stated.fact;
        let row = fact.relation.row();
        let is_maker = matches!(row.wanted, Wanted::Person | Wanted::Name)
            && !row.noun.is_empty()
            && !row.having.is_empty();
        if is_maker && fact.alone && web.things[stated.thing].thing.sort == Sort::Work {
            let key = (splits[stated.document], fact.relation, sleuth_index::folded(&fact.object));
            makers.entry(key).or_default().push(at);
        }
    }
    let mut out = Vec::new();
    for facts in makers.values() {
        for &second in facts {
            let own = &web.things[web.facts[second].thing].facts;
            let year = own.iter().copied().find(|&at| {
                let fact = &web.facts[at].fact;
                matches!(fact.relation, Relation::ReleasedOn | Relation::PublishedOn)
            });
            let Some(year) = year else { continue };
            for &first in facts {
                if web.facts[first].document == web.facts[second].document {
                    continue;
                }
                out.extend(
                    own.iter()
                        .copied()
                        .filter(|&asked| asked != second && asked != year)
                        .map(|asked| Over { first, second, year, asked }),
                );
            }
        }
    }
    out
}

/// The question for a bridge over a shared maker.
pub(crate) fn over(web: &Web, of: &Over) -> Option<Candidate> {
    let (first, second) = (&web.facts[of.first], &web.facts[of.second]);
    let (year, asked) = (&web.facts[of.year], &web.facts[of.asked]);
    let (beside, target) = (&web.things[first.thing], &web.things[second.thing]);
    if !beside.nameable || !asked.fact.alone || target.thing.noun.is_empty() {
        return None;
    }
    let maker = first.fact.relation.row();
    let number = year_of(&year.fact)?;
    let row = asked.fact.relation.row();
    let having = |object: &str| fill(maker.having, &[("o", object)]);
    let said = format!(
        "the {number} {} {}",
        target.thing.noun,
        having(&noun(maker, &beside.thing.said, "")?)
    );
    let question = ask(row, 0, &said, &asked.fact.qualifier)?;
    let (golds, verifier) = golds(web, asked);
    let hops = vec![
        hop(&ask(maker, 0, &beside.thing.said, "")?, &first.fact.object, web, of.first),
        hop(
            &format!("Which is the {number} {} {}?", target.thing.noun, having("#1")),
            &target.thing.name,
            web,
            of.second,
        ),
        hop(&ask(row, 0, "#2", &asked.fact.qualifier)?, &golds[0], web, of.asked),
    ];
    // What the question asks for must not be what both share.
    if asked.fact.object == first.fact.object {
        return None;
    }
    let mut all = Vec::new();
    for stated in [first, second, year, asked] {
        for support in supports(web, stated) {
            if !all.contains(&support) {
                all.push(support);
            }
        }
    }
    Some(Candidate {
        kind: Kind::Bridge,
        recipe: format!("bridge {}<>{}", maker.name, row.name),
        question,
        golds,
        verifier,
        supports: all,
        hops,
        n_documents: 2,
        only: Only::Meets {
            facts: vec![of.first, of.asked],
            target: second.thing,
            constraints: vec![
                Constraint::Object {
                    relation: second.fact.relation,
                    object: second.fact.object.clone(),
                    qualifier: String::new(),
                },
                Constraint::Years { relation: year.fact.relation, from: number, to: number },
            ],
        },
        answered_in: Some(asked.document),
    })
}
