//! Which candidates are drawn, and in what order.

use std::collections::{BTreeMap, BTreeSet};

use sleuth_records::Random;

use crate::facts::Relation;
use crate::make::MakeOptions;
use crate::make::blur::{VARIANTS, is_describable, obfuscated};
use crate::make::candidate::Candidate;
use crate::make::hops::{Over, Ways, bridge, one_hop, over, overs};
use crate::make::minhash::hash;
use crate::make::missing::{Lack, Missing, unanswerable};
use crate::make::pairs::{
    Anchored, Anchors, Comparable, anchored, comparison, shared_cast, shared_casts,
};
use crate::make::web::{FactAt, Web};
use crate::task::{Kind, Split};

/// Bridges that are listed, at most.
const MOST_BRIDGES: usize = 500_000;
/// Anchors that are tried for one thing and its properties: the tasks would be near-duplicates.
const MOST_ANCHORS: usize = 3;
/// Draws in a row that bring nothing new, after which nothing more is expected.
const MOST_IDLE: usize = 20_000;

/// A candidate that is not worded yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plan {
    OneHop(FactAt, usize),
    Bridge(Vec<FactAt>, usize),
    Over(Over),
    Comparison(FactAt, FactAt, bool),
    Cast(FactAt, FactAt),
    Anchored(Anchored),
    Obfuscated(Vec<FactAt>, usize),
    Lack(Lack, usize),
}

impl Plan {
    /// The relations that it goes by.
    fn relations(&self, web: &Web) -> Vec<Relation> {
        let facts = match self {
            Self::OneHop(fact, _) => vec![*fact],
            Self::Bridge(way, _) | Self::Obfuscated(way, _) => way.clone(),
            Self::Over(of) => vec![of.first, of.second, of.asked],
            Self::Comparison(a, b, _) | Self::Cast(a, b) => vec![*a, *b],
            Self::Anchored(of) => vec![of.own, of.linked],
            Self::Lack(lack, _) => return vec![lack.relation],
        };
        facts.into_iter().map(|at| web.facts[at].fact.relation).collect()
    }

    /// The candidate; `None` where it does not come to one.
    pub(crate) fn word(&self, web: &Web) -> Option<Candidate> {
        match self {
            Self::OneHop(fact, variant) => one_hop(web, *fact, *variant),
            Self::Bridge(way, variant) => bridge(web, way, *variant),
            Self::Over(of) => over(web, of),
            Self::Comparison(a, b, most) => comparison(web, *a, *b, *most),
            Self::Cast(a, b) => shared_cast(web, *a, *b),
            Self::Anchored(of) => anchored(web, of),
            Self::Obfuscated(way, variant) => obfuscated(web, way, *variant),
            Self::Lack(lack, variant) => unanswerable(web, lack, *variant),
        }
    }
}

/// Draws the plans of one kind.
pub(crate) struct Planner {
    random: Random,
    /// Plans that are known beforehand, the next one last.
    listed: Vec<Plan>,
    draws: Draws,
    drawn: BTreeSet<Plan>,
    /// Anchors that were tried for the same two properties of a thing.
    anchors: BTreeMap<(FactAt, FactAt), usize>,
}

/// What is drawn anew each time.
enum Draws {
    Nothing,
    Comparisons(Comparable),
    Anchors(Anchors),
    Missing(Missing),
}

impl Planner {
    pub(crate) fn new(
        kind: Kind,
        web: &Web,
        splits: &[Split],
        ways: &Ways,
        options: &MakeOptions,
    ) -> Self {
        let mut random = Random(options.seed ^ hash(kind.as_str()));
        let mut draws = Draws::Nothing;
        let mut listed: Vec<Plan> = match kind {
            Kind::OneHop => {
                let wordings = |at: &FactAt| web.facts[*at].fact.relation.row().ask.len();
                (0..web.facts.len())
                    .flat_map(|at| (0..wordings(&at)).map(move |variant| Plan::OneHop(at, variant)))
                    .collect()
            }
            Kind::Bridge => ways
                .bridges(web, splits, MOST_BRIDGES)
                .into_iter()
                .flat_map(|way| {
                    let last = way[way.len() - 1];
                    let n = web.facts[last].fact.relation.row().ask.len();
                    (0..n).map(move |variant| Plan::Bridge(way.clone(), variant))
                })
                .chain(overs(web, splits).into_iter().map(Plan::Over))
                .collect(),
            Kind::Comparison => {
                draws = Draws::Comparisons(Comparable::new(web, splits));
                Vec::new()
            }
            Kind::Intersection => {
                draws = Draws::Anchors(Anchors::new(web, splits));
                shared_casts(web, splits).into_iter().map(|(a, b)| Plan::Cast(a, b)).collect()
            }
            Kind::Obfuscated => {
                let single =
                    (0..web.facts.len()).filter(|&at| web.facts[at].fact.alone).map(|at| vec![at]);
                let ways = ways.bridges(web, splits, MOST_BRIDGES);
                single
                    .chain(ways)
                    .filter(|way| {
                        let last = &web.facts[way[way.len() - 1]];
                        !last.fact.relation.row().ask.is_empty()
                            && is_describable(web, web.facts[way[0]].thing)
                    })
                    .flat_map(|way| {
                        (0..VARIANTS).map(move |variant| Plan::Obfuscated(way.clone(), variant))
                    })
                    .collect()
            }
            Kind::Unanswerable => {
                draws = Draws::Missing(Missing::new(web));
                Vec::new()
            }
            Kind::Other => Vec::new(),
        };
        shuffle(&mut listed, &mut random);
        take_turns(&mut listed, |plan| plan.relations(web));
        Self { random, listed, draws, drawn: BTreeSet::new(), anchors: BTreeMap::new() }
    }

    /// The next plans, at most `n`; none when there are no more.
    pub(crate) fn next(&mut self, web: &Web, splits: &[Split], n: usize) -> Vec<Plan> {
        let mut out = Vec::with_capacity(n);
        let mut idle = 0;
        while out.len() < n {
            // Of intersections, listed and drawn ones take turns.
            let from_list = match self.draws {
                Draws::Nothing => true,
                Draws::Anchors(_) => self.random.below(2) == 0,
                Draws::Comparisons(_) | Draws::Missing(_) => false,
            };
            if from_list && let Some(plan) = self.listed.pop() {
                out.push(plan);
                continue;
            }
            let random = &mut self.random;
            let plan = match &self.draws {
                Draws::Nothing => break,
                Draws::Comparisons(comparable) => comparable.draw(random).map(|(a, b)| {
                    let most = random.below(2) == 1;
                    // Which is named first is drawn with the pair.
                    Plan::Comparison(a, b, most)
                }),
                Draws::Anchors(anchors) => anchors
                    .draw(web, splits, random)
                    .filter(|of| {
                        let n = self.anchors.entry((of.own, of.linked)).or_insert(0);
                        *n += 1;
                        *n <= MOST_ANCHORS
                    })
                    .map(Plan::Anchored),
                Draws::Missing(missing) => {
                    missing.draw(web, random).map(|lack| Plan::Lack(lack, random.below(2)))
                }
            };
            match plan {
                Some(plan) if !self.drawn.contains(&plan) => {
                    self.drawn.insert(plan.clone());
                    out.push(plan);
                    idle = 0;
                }
                _ => idle += 1,
            }
            if idle > MOST_IDLE {
                // What is still listed comes without the draws.
                if self.listed.is_empty() {
                    break;
                }
                self.draws = Draws::Nothing;
                idle = 0;
            }
        }
        out
    }
}

/// Orders items so that their kinds take turns, from the end: the most frequent one would drown the
/// others.
fn take_turns<T, K: Ord>(items: &mut Vec<T>, kind: impl Fn(&T) -> K) {
    let mut n_before: BTreeMap<K, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, T)> = std::mem::take(items)
        .into_iter()
        .rev()
        .map(|item| {
            let n = n_before.entry(kind(&item)).or_insert(0);
            *n += 1;
            (*n, item)
        })
        .collect();
    // Stable: within a turn the order stays the drawn one.
    ranked.sort_by_key(|(turn, _)| *turn);
    items.extend(ranked.into_iter().rev().map(|(_, item)| item));
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
}
