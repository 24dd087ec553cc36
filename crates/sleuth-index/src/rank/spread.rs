//! Spreading activation: from the documents that a question leads to, over the graph, to those that it
//! does not name.
//!
//! A document passes on to its neighbours what it has, by the strength of the edge and by what the
//! neighbour *brings*: the share of the question, by rarity, that it holds and the source lacks.
//!
//! ```text
//! passed(s→t) = score(s) · strength(s→t) · (BASE + brings(s, t))        named or linked
//!             = score(s) · weight(name) / √(documents that share it) · brings(s, t) · √lacks(s)
//!                                                                       sharing a name
//!             = score(s) · strength(t→s) / √(documents that name s) · brings(s, t) · √lacks(s)
//!                                                                       naming the source
//! score(t)    = own(t) + best passed + ½ second best
//! ```
//!
//! What the question names needs no bridge, so less is passed to it, down to a half: all that speaks of it
//! would pass to it, and a page that merely bears the name would win over the one that answers.
//!
//! A part of what is passed along edges is divided among the neighbours of the source, so that a page
//! that names everything passes little to each. Only two sources count, so that what everything points to
//! does not win by numbers. Related to personalised PageRank from the question's documents (HippoRAG,
//! 2024), with edges weighed by the question, and cut off after two steps. What it takes goes by the documents
//! that are reached, not by those of the store.

use std::collections::HashMap;

use super::explain::Watch;
use crate::graph::{DocumentNumber, Graph};

/// Documents that activation starts from.
const SEEDS: usize = 20;
/// Documents that pass on in the first round; twice as many in the second.
const BEAM: usize = 10;
const ROUNDS: usize = 2;
/// What is passed along an edge whatever the neighbour brings.
const BASE: f32 = 0.2;
/// Part of what is passed that is divided among the neighbours.
const DIVIDED: f32 = 0.3;
/// Weight of the second best source.
const SECOND: f32 = 0.5;
/// Weight of sharing a name.
const SHARED: f32 = 1.0;
/// What is left of what is passed to a document that the question names in a way that tells all.
const TO_NAMED: f32 = 0.5;
/// Times that scores are computed in a round: as often as there are steps in the longest way.
const STEPS: usize = 3;

/// What documents hold of the question.
pub(super) struct Needs<'a> {
    /// Rarity of each term.
    pub(super) rarities: &'a [f32],
    /// By document: a bit for each term that it holds.
    pub(super) held: &'a [u64],
}

impl Needs<'_> {
    /// How much of the question `bits` are.
    pub(super) fn weight(&self, bits: u64) -> f32 {
        let mut bits = bits;
        let mut sum = 0.0;
        while bits != 0 {
            // In a small store the words that matter may stand nearly everywhere.
            sum += self.rarities.get(bits.trailing_zeros() as usize).map_or(0.0, |r| r.max(1.0));
            bits &= bits - 1;
        }
        sum
    }

    /// Share of the question that `document` lacks.
    fn lacks(&self, total: f32, document: DocumentNumber) -> f32 {
        let held = self.held.get(document as usize).copied().unwrap_or(0);
        (1.0 - self.weight(held) / total).clamp(0.0, 1.0)
    }

    /// Share of the question that `target` holds and `source` lacks.
    fn brings(&self, total: f32, source: DocumentNumber, target: DocumentNumber) -> f32 {
        let held = |at: DocumentNumber| self.held.get(at as usize).copied().unwrap_or(0);
        self.weight(held(target) & !held(source)) / total
    }
}

/// Who takes part.
pub(super) struct Taking<'a> {
    pub(super) graph: &'a Graph,
    /// What is blocked neither gets anything nor passes it on.
    pub(super) is_blocked: &'a dyn Fn(DocumentNumber) -> bool,
}

impl Taking<'_> {
    /// Whether `at` passes on what it has. A copy does not where its original has something to pass on:
    /// masses of copies would be all that is heard.
    fn passes(&self, at: DocumentNumber, scores: &[f32]) -> bool {
        let first = self.graph.standing.first(at);
        let is_spoken_for = first != at && scores.get(first as usize).is_some_and(|s| *s > 0.0);
        !(self.is_blocked)(at) && (!is_spoken_for || (self.is_blocked)(first))
    }
}

/// Adds to `scores` what the graph passes on. `named` are the documents that the question names, with how
/// much that tells; `watch` sees who got what from whom, the last time for each document as it stays.
pub(super) fn spread(
    taking: &Taking<'_>,
    needs: &Needs<'_>,
    named: &[(DocumentNumber, f32)],
    scores: &mut [f32],
    watch: &mut impl Watch,
) {
    let graph = taking.graph;
    let total: f32 = needs.rarities.iter().map(|rarity| rarity.max(1.0)).sum();
    if total <= 0.0 || graph.n_documents != scores.len() {
        return;
    }
    let own: Vec<f32> = scores.to_vec();
    let falling = |scores: &[f32], a: DocumentNumber, b: DocumentNumber| {
        scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b))
    };
    let mut active: Vec<DocumentNumber> = (0..own.len() as DocumentNumber)
        .filter(|&at| own[at as usize] > 0.0 && taking.passes(at, &own))
        .collect();
    if active.len() > SEEDS {
        active.select_nth_unstable_by(SEEDS - 1, |a, b| falling(&own, *a, *b));
        active.truncate(SEEDS);
    }
    active.extend(named.iter().map(|(at, _)| *at).filter(|at| taking.passes(*at, &own)));
    active.sort_unstable();
    active.dedup();

    let mut of_question: HashMap<DocumentNumber, f32> = HashMap::new();
    for (at, strength) in named {
        let known = of_question.entry(*at).or_default();
        *known = known.max(*strength).min(1.0);
    }
    let asked_for = |at: DocumentNumber| of_question.get(&at).copied().unwrap_or(0.0);
    let mut expanded = vec![false; own.len()];
    let mut passed = PassedOn::new(own.len());
    let mut neighbours = Neighbours::new(own.len());
    for round in 1..=ROUNDS {
        active.sort_unstable_by(|a, b| falling(scores, *a, *b));
        let passing: Vec<DocumentNumber> = active
            .iter()
            .copied()
            .take(BEAM * round)
            .filter(|at| !expanded[*at as usize])
            .collect();
        for source in passing {
            expanded[source as usize] = true;
            for &(target, share) in neighbours.of(graph, needs, total, source) {
                if !(taking.is_blocked)(target) {
                    let share = share * (1.0 - (1.0 - TO_NAMED) * asked_for(target));
                    passed.push(target, source, share);
                }
            }
        }
        active.extend(passed.targets.iter().filter(|at| taking.passes(**at, scores)));
        active.sort_unstable();
        active.dedup();
        let mut new: Vec<f32> = Vec::with_capacity(passed.targets.len());
        for _ in 0..STEPS {
            new.clear();
            new.extend(passed.targets.iter().map(|&target| {
                let (mut best, mut second) = ((target, 0.0f32), (target, 0.0f32));
                for &Passed { source, share, .. } in passed.to(target) {
                    let value = scores[source as usize] * share;
                    if value > best.1 {
                        (best, second) = ((source, value), best);
                    } else if value > second.1 {
                        second = (source, value);
                    }
                }
                watch.passed(target, [best, (second.0, SECOND * second.1)]);
                own[target as usize] + best.1 + SECOND * second.1
            }));
            for (target, score) in passed.targets.iter().zip(&new) {
                scores[*target as usize] = *score;
            }
        }
    }
}

/// What `source` passes on, as a share of its own score.
struct Passed {
    source: DocumentNumber,
    share: f32,
    /// The place of the next one to the same target, from 1; 0 where there is none.
    next: u32,
}

/// What is passed on, by target.
struct PassedOn {
    all: Vec<Passed>,
    /// By document: places of the first and the last that is passed to it, from 1. Where nothing is, it is 0, so
    /// that the memory of documents that are not reached is never touched.
    ends: Vec<[u32; 2]>,
    /// Documents that something is passed to.
    targets: Vec<DocumentNumber>,
}

impl PassedOn {
    fn new(n_documents: usize) -> Self {
        Self { all: Vec::new(), ends: vec![[0; 2]; n_documents], targets: Vec::new() }
    }

    fn push(&mut self, target: DocumentNumber, source: DocumentNumber, share: f32) {
        self.all.push(Passed { source, share, next: 0 });
        let place = self.all.len() as u32;
        let ends = &mut self.ends[target as usize];
        match ends[1] {
            0 => {
                ends[0] = place;
                self.targets.push(target);
            }
            last => self.all[last as usize - 1].next = place,
        }
        ends[1] = place;
    }

    /// What is passed to `target`, in the order in which it was.
    fn to(&self, target: DocumentNumber) -> impl Iterator<Item = &Passed> {
        let at = |place: u32| self.all.get((place as usize).checked_sub(1)?);
        std::iter::successors(at(self.ends[target as usize][0]), move |passed| at(passed.next))
    }
}

/// Finds what a document passes to each neighbour; kept for the next one, since making room for all documents
/// takes its time.
struct Neighbours {
    /// By document: the weight by which it shares a name with the source. 0 between two sources.
    sharing: Vec<f32>,
    /// Documents that have one.
    shared: Vec<DocumentNumber>,
    out: Vec<(DocumentNumber, f32)>,
}

impl Neighbours {
    fn new(n_documents: usize) -> Self {
        Self { sharing: vec![0.0; n_documents], shared: Vec::new(), out: Vec::new() }
    }

    /// What `source` passes to each neighbour, as shares of its own score.
    fn of(
        &mut self,
        graph: &Graph,
        needs: &Needs<'_>,
        total: f32,
        source: DocumentNumber,
    ) -> &[(DocumentNumber, f32)] {
        self.out.clear();
        let edges = graph.edges.row(source as usize);
        self.out.extend(edges.iter().map(|&(target, strength)| {
            (target, strength * (BASE + needs.brings(total, source, target)))
        }));
        let sum: f32 = self.out.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut self.out {
            *weight = (1.0 - DIVIDED) * *weight + DIVIDED * *weight / sum.max(f32::EPSILON);
        }
        let lacks = needs.lacks(total, source).sqrt();
        for &name in graph.names.row(source as usize) {
            let documents = graph.sharing.row(name as usize);
            let weight = graph.name_weights.get(name as usize).copied().unwrap_or(0.0)
                / (documents.len().max(1) as f32).sqrt();
            for &target in documents.iter().filter(|target| **target != source) {
                self.share(target, weight);
            }
        }
        for (target, weight) in graph.naming(source) {
            self.share(target, weight);
        }
        // Who has an edge gets nothing besides.
        for (target, _) in edges {
            self.sharing[*target as usize] = 0.0;
        }
        for target in self.shared.drain(..) {
            let weight = std::mem::take(&mut self.sharing[target as usize]);
            if weight > 0.0 {
                let passed = SHARED * lacks * weight * needs.brings(total, source, target);
                if passed > 0.0 {
                    self.out.push((target, passed));
                }
            }
        }
        &self.out
    }

    fn share(&mut self, target: DocumentNumber, weight: f32) {
        let known = &mut self.sharing[target as usize];
        if *known == 0.0 {
            self.shared.push(target);
        }
        *known = known.max(weight);
    }
}
